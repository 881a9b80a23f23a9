"""Checksums of what abagen makes of the simulated microarrays, and the script that made them.

``abagen_reference.json`` was made in an environment in which abagen 0.1.3 needs no mending:

    python3.11 -m venv OLD
    OLD/bin/pip install abagen==0.1.3 pandas==1.5.3 numpy==1.26.4 "scipy<1.12" setuptools==81.0.0
    python -c "from xsg.genes.simulate import *; simulate_microarrays('FOLDER', n_samples=60)"
    OLD/bin/python tools/abagen_reference.py FOLDER --write

It runs all of `grid()`; the tests run `covering()`, in which every value of every option occurs. In any environment
with xsg, ``python tools/abagen_reference.py`` simulates the same folder, runs all of the grid and compares;
``make microarrays PYTHON=/path/to/python3.13`` does that and the tests under another Python. This file imports nothing
of xsg before it is asked to, so that the old environment can run it.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

STORED = Path(__file__).resolve().parents[1] / "tests" / "data" / "abagen_reference.json"
DONORS = ("9861", "10021", "12876", "14380", "15496", "15697")
NORMS = ("srs", "rs", "minmax", "center", "zscore", "sigmoid", "scaled_sigmoid", "scaled_sigmoid_quantiles")
NORMS += ("mixed_sigmoid", None)
PRODUCT = {
    "atlas": ("volume", "surface"),
    "probe_selection": (
        "diff_stability",
        "average",
        "max_intensity",
        "max_variance",
        "pc_loading",
        "corr_variance",
        "corr_intensity",
        "rnaseq",
    ),
    "gene_norm": NORMS,
    "lr_mirror": (None, "bidirectional", "leftright", "rightleft"),
    "missing": (None, "centroids"),
}
# One at a time, with the other options at abagen's defaults, for each atlas.
SINGLE = [
    *({"sample_norm": norm} for norm in NORMS),
    *({"ibf_threshold": value} for value in (0.0, 0.2, 0.9)),
    *({"tolerance": value} for value in (0, 1, 4, -6)),
    *(
        {"donor_probes": way, "probe_selection": selection}
        for way in ("independent", "common")
        for selection in ("max_intensity", "max_variance", "pc_loading", "corr_variance", "corr_intensity")
    ),
    {"sim_threshold": 1.0},
    {"norm_matched": False},
    {"norm_structures": True},
    {"norm_matched": False, "norm_structures": True},
    {"region_agg": "samples"},
    {"agg_metric": "median"},
    {"region_agg": "samples", "agg_metric": "median"},
    {"corrected_mni": False},
    {"reannotated": False},
    {"return_donors": True},
    {"return_donors": True, "missing": "centroids", "lr_mirror": "rightleft"},
    {"donors": ["12876", "14380", "15496"]},
    {"donors": ["9861"], "probe_selection": "max_intensity"},
]


def grid() -> list[dict]:
    """List every combination of `PRODUCT` on the surface; on the volume, which takes longer, every pair of its values.

    To these come the single changes for each atlas, interpolation, and what the tests run.
    """
    runs = [dict(zip(PRODUCT, values)) for values in itertools.product(*PRODUCT.values())]  # noqa: B905 (old Python)
    runs = [run for run in runs if run["atlas"] == "surface"]
    for i, j in itertools.product(range(8), range(10)):
        run = {"atlas": "volume", "probe_selection": PRODUCT["probe_selection"][i], "gene_norm": NORMS[j]}
        k = (i + j + i // 4 + 2 * (j // 4)) % 8
        runs.append({**run, "lr_mirror": PRODUCT["lr_mirror"][k % 4], "missing": PRODUCT["missing"][k // 4]})
    runs += [{"atlas": atlas, **change} for atlas in PRODUCT["atlas"] for change in SINGLE]
    # Interpolation takes long, a minute on the surface. What it does depends on places, hence on mirroring, alone.
    for mirror in PRODUCT["lr_mirror"]:
        filled = {"missing": "interpolate", "lr_mirror": mirror}
        runs.append({"atlas": "volume", **filled})
        runs.append({"atlas": "surface", "donors": ["15697"], "probe_selection": "max_variance", **filled})
    return list({key(run): run for run in runs + covering()}.values())


def covering() -> list[dict]:
    """List few runs in which every value of every option occurs; of norms and probe selections, with each atlas."""
    runs = [
        {
            "atlas": atlas,
            "probe_selection": PRODUCT["probe_selection"][i % 8],
            "gene_norm": NORMS[i],
            "lr_mirror": PRODUCT["lr_mirror"][(i + i // 4) % 4],
            "missing": PRODUCT["missing"][i // 2 % 2],
        }
        for atlas in PRODUCT["atlas"]
        for i in range(10)
    ]
    filled = {"missing": "interpolate", "probe_selection": "max_intensity"}
    runs += [
        {"atlas": "volume", "donors": ["9861"], "lr_mirror": "bidirectional", **filled},
        {"atlas": "surface", "donors": ["15697"], **filled},
    ]
    changes = [
        {"sample_norm": "rs", "ibf_threshold": 0.0},
        {"sample_norm": "minmax", "ibf_threshold": 0.2, "tolerance": 0},
        {"sample_norm": "center", "ibf_threshold": 0.9, "tolerance": 4},
        {"sample_norm": "zscore", "tolerance": -6, "donor_probes": "common", "probe_selection": "corr_variance"},
        {"sample_norm": "sigmoid", "sim_threshold": 1.0},
        {"sample_norm": "scaled_sigmoid", "donor_probes": "independent", "probe_selection": "pc_loading"},
        {"sample_norm": "scaled_sigmoid_quantiles", "norm_structures": True, "corrected_mni": False},
        {"sample_norm": "mixed_sigmoid", "region_agg": "samples", "agg_metric": "median"},
        {"sample_norm": None, "reannotated": False},
    ]
    runs += [{"atlas": "surface", **change} for change in changes]
    changes = [
        {"norm_matched": False, "norm_structures": True, "agg_metric": "median"},
        {"region_agg": "samples", "donor_probes": "common", "probe_selection": "max_intensity"},
        {"return_donors": True, "missing": "centroids", "lr_mirror": "rightleft"},
        {"tolerance": 1, "donors": ["12876", "14380", "15496"]},
    ]
    return runs + [{"atlas": "volume", **change} for change in changes]


def key(options: dict) -> str:
    return json.dumps(options, sort_keys=True)


def checksum(tables: "pd.DataFrame | dict", digits: "int | None" = 6) -> str:
    """First 16 digits of the sha256 of names and values; 6 decimals, since the last bits are the processor's affair."""
    digest = hashlib.sha256()
    for name, table in sorted(tables.items()) if isinstance(tables, dict) else [("", tables)]:
        values = np.ascontiguousarray(table.to_numpy(dtype=float))
        if digits is not None:
            values = np.where(np.isnan(values), np.nan, np.round(values, digits) + 0.0)
        names = [str(name), *(str(int(label)) for label in table.index), *map(str, table.columns)]
        digest.update("\n".join(names).encode())
        digest.update(np.where(np.isnan(values), 9e99, values).tobytes())
    return digest.hexdigest()[:16]


def files_of(folder: Path) -> "tuple[dict, dict]":
    """Paths of microarrays and RNA sequencing by donor, under abagen's names."""
    micro = {"microarray": "MicroarrayExpression", "ontology": "Ontology", "pacall": "PACall"}
    micro.update(probes="Probes", annotation="SampleAnnot")
    rna = {"genes": "Genes", "ontology": "Ontology", "counts": "RNAseqCounts", "tpm": "RNAseqTPM"}
    rna.update(annotation="SampleAnnot")

    def paths(donor, start, names):
        return {name: str(folder / f"{start}{donor}" / f"{file}.csv") for name, file in names.items()}

    return (
        {donor: paths(donor, "normalized_microarray_donor", micro) for donor in DONORS},
        {donor: paths(donor, "rnaseq_donor", rna) for donor in DONORS[:2]},
    )


def digest_of(folder: Path) -> str:
    """Checksum of the input, so that another input is not taken for another output."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.csv")):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def run_unmended(abagen, folder: Path, options: dict):
    """Run abagen itself; only where it looks for files, and which probes the small input has, is told from outside."""
    micro, rna = files_of(folder)
    options = dict(options)
    surface = options.pop("atlas") == "surface"
    atlas = abagen.fetch_desikan_killiany(surface=surface)
    chosen = options.get("donors", DONORS)
    abagen.datasets.fetch_microarray = lambda **_: {donor: dict(micro[donor]) for donor in chosen}
    abagen.datasets.fetch_rnaseq = lambda donors, **_: {donor: dict(rna[donor]) for donor in rna if donor in donors}
    reannotate = abagen.probes_.reannotate_probes
    abagen.probes_.reannotate_probes = lambda probes: _present(reannotate(probes))
    try:
        info = None if surface else atlas["info"]
        return abagen.get_expression_data(atlas["image"], info, verbose=0, **options)
    finally:
        abagen.probes_.reannotate_probes = reannotate


def _present(probes: pd.DataFrame) -> pd.DataFrame:
    kept = probes[probes.index.notna()]
    return kept.set_axis(kept.index.astype(int).rename("probe_id"), axis=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="simulated microarrays; left out, they are made anew")
    parser.add_argument("--write", action="store_true", help="store the checksums; for the old environment")
    choices = parser.parse_args()
    if choices.write:
        if choices.folder is None:
            parser.error("--write needs the folder: the old environment cannot simulate it")
        import abagen  # unmended

        def run(options):
            return run_unmended(abagen, choices.folder, options)
    else:
        from xsg.genes.abagen_run import run_abagen
        from xsg.genes.microarrays import open_microarrays
        from xsg.genes.simulate import simulate_microarrays

        made_here = tempfile.TemporaryDirectory()  # removed when Python ends
        raw = open_microarrays(choices.folder or simulate_microarrays(made_here.name, n_samples=60))

        def run(options):
            return run_abagen(raw, **options)

    stored = {} if choices.write else json.loads(STORED.read_text())["checksums"]
    made, differ, bits = {}, 0, 0
    start = time.time()
    for number, options in enumerate(grid()):
        try:
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
                tables = run(options)
            made[key(options)] = f"{checksum(tables)} {checksum(tables, None)}"  # rounded, exact
        except Exception as error:  # abagen refuses some combinations; then so must we
            made[key(options)] = f"{type(error).__name__} {type(error).__name__}"
        if not choices.write:
            bits += made[key(options)] == stored[key(options)]
            if made[key(options)].split()[0] != stored[key(options)].split()[0]:
                differ += 1
                print("differs:", key(options), made[key(options)], stored[key(options)], flush=True)
        if number % 100 == 0:
            print(number, f"{time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(made)} runs, {sum('Error' in found for found in made.values())} refused, {differ} differ", end="")
    print("" if choices.write else f", {bits} equal to the bit")
    if choices.write:
        versions = {"python": sys.version.split()[0], "pandas": pd.__version__, "numpy": np.__version__}
        told = {"input": digest_of(choices.folder), "versions": versions, "checksums": made}
        part = STORED.with_suffix(".part")
        part.write_text(json.dumps(told, indent=0) + "\n")
        part.replace(STORED)
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
