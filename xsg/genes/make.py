"""Region × gene tables made from the raw microarrays of the Allen Human Brain Atlas, by abagen's steps and options."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from xsg.atlas import Parcellation
from xsg.check import choice, distinct, instance
from xsg.data.expression import chosen_genes, wanted_genes
from xsg.data.expression_files import digest_of
from xsg.data.expression_files import load_expression as load_expression
from xsg.data.expression_files import save_expression as save_expression
from xsg.data.fetch import fetch
from xsg.data.gene_names import gene_names
from xsg.genes.abagen_options import check_options
from xsg.genes.abagen_run import options, run_abagen
from xsg.genes.donors import donor_names
from xsg.genes.label_images import LabelImage, label_image
from xsg.genes.microarrays import DONORS, Microarrays, open_microarrays

# What becomes of regions without a sample. The first two are ours, the others abagen's option of the same name.
MISSING = ("drop", "mirror", "centroids", "interpolate")
LANDMARKS_KEPT = 910  # of 978, by abagen's defaults from all six donors: the number of genes of arXiv 2606.05870


def make_expression(
    source: str | Path | Microarrays = "download",
    *,
    atlas: str | Parcellation | object = "volume",
    names: Mapping[int, str] | None = None,
    genes: str | Sequence[str] = "landmark",
    missing: str = "drop",
    donors: Sequence[str] | None = None,
    progress: bool = True,
    **choices: object,
) -> pd.DataFrame:
    """Make gene expression, region by gene, from raw microarrays.

    The steps and their defaults are those of abagen 0.1.3 (Markello et al. 2021, eLife 10:e72129).

    Parameters
    ----------
    source
        ``"download"`` (the real microarrays, 1.7 GB to fetch and 4.3 GB unpacked, once), a folder that holds them, or
        ``"simulated"``. See `xsg.genes.microarrays.open_microarrays`.
    atlas
        ``"volume"``: the Desikan–Killiany atlas in MNI space; subcortical samples take part in the normalisation.
        ``"surface"``: on fsaverage5, cortical samples alone. Or any other division of the brain:

        - a name of `xsg.data.atlases.ATLASES` (its labels on fsaverage5; ``"desikan+subcortex"`` is the volume with its
          14 structures below the cortex);
        - an `xsg.Parcellation` of one's own;
        - a label image in MNI space, a NIfTI file or image, with ``names``;
        - two surface label files, left and right, GIFTI or FreeSurfer's .annot, on fsaverage5, fsaverage6 or fsaverage.
    names
        Of the labels of a label image: a dict of label -> region name, in the order that the regions shall have.
    genes
        ``"landmark"`` (the L1000 landmark genes that are left: 910 by default), ``"all"``, or symbols.
    missing
        What becomes of regions without a sample, by default R_frontalpole and R_temporalpole: ``"drop"`` leaves them
        out; ``"mirror"`` copies the homologue, where that is known; ``"centroids"`` takes the sample nearest to the
        region's centre, ``"interpolate"`` those nearest to each of its points, as abagen's option of that name does.
    donors
        Some of the six, by number (``"9861"`` or 9861) or by the institute's name (``"H0351.2001"``); None or ``"all"``
        for all (or for all that ``source`` was opened with).
    progress
        Show progress bars while downloading.
    **choices
        Options of abagen, e.g. ``probe_selection="rnaseq"``, ``gene_norm="zscore"``, ``lr_mirror="bidirectional"``; all
        of them with their defaults: `xsg.genes.abagen_run.options`.

    Returns
    -------
    DataFrame
        Regions in the order of the atlas (`xsg.atlas.REGIONS`) by genes. ``attrs`` holds ``provenance`` (sentences),
        ``settings`` (all options, donors, versions), ``methods`` (a paragraph for a paper, with references),
        ``samples`` (by region), ``simulated``, and ``sha256`` of the table and its settings.

    Raises
    ------
    ValueError
        An unknown option or value; microarrays that are absent or damaged; a gene that is not left; a region that
        cannot be filled; or, with the defaults and the real donors, another number of landmark genes than 910.
    DownloadError
        The microarrays cannot be had.

    Examples
    --------
    >>> table = make_expression("simulated", genes="all", atlas="surface", missing="centroids")
    >>> table.shape, table.attrs["simulated"]
    ((68, 37), True)
    """
    genes, image = wanted_genes(genes), label_image(atlas, names)
    donors = _some_donors(source, donors)
    choices = _checked(missing, choices, donors)
    raw = open_microarrays(source, donors, progress)
    settings = _settings(raw, image, genes, missing, choices)
    filled = missing if missing in MISSING[2:] else None
    tables, counts, report = run_abagen(raw, image.tree, report=True, missing=filled, **choices)
    table, samples = image.named(tables), image.named(counts.sum(axis=1).to_frame())[0].astype(int)
    kind = "SIMULATED microarrays in the layout of the Allen Human Brain Atlas" if raw.simulated else _SOURCE
    made = ", ".join(f"{name}={value!r}" for name, value in sorted(choices.items())) or "all options at their defaults"
    start = f"Expression: {kind}, donors {', '.join(raw.donors)}; abagen 0.1.3, atlas {image.name!r}, {made}."
    table, chosen = chosen_genes(table, genes)
    as_published = not choices and set(raw.donors) == set(DONORS) and image.name == "volume" and not raw.simulated
    if genes == "landmark" and as_published and table.shape[1] != LANDMARKS_KEPT:
        raise ValueError(
            f"abagen's defaults leave {table.shape[1]} landmark genes, expected {LANDMARKS_KEPT}: the microarrays in "
            f"{raw.folder} are not those of the six donors, or not whole. Unpack the archives anew."
        )
    table, done = _fill(table, samples.index[samples == 0], missing, image)
    if table.empty:
        raise ValueError(
            f"no table is left: {table.shape[0]} regions have samples, {table.shape[1]} genes are left ({made}; "
            f"{chosen}). Take genes='all', a larger tolerance, a milder threshold, or more donors."
        )
    table.index.name, table.columns.name = "region", "gene"
    table.attrs = {
        "provenance": [start, chosen, done],
        "settings": settings,
        "methods": _methods(report, raw.simulated, choices, [chosen, done], image),
        "samples": samples.to_dict(),
        "simulated": raw.simulated,
    }
    table.attrs["sha256"] = digest_of(table)
    return table


def donor_expressions(
    source: str | Path | Microarrays = "download",
    *,
    atlas: str | Parcellation | object = "volume",
    names: Mapping[int, str] | None = None,
    genes: str | Sequence[str] = "landmark",
    donors: Sequence[str] | None = None,
    progress: bool = True,
    **choices: object,
) -> dict[str, pd.DataFrame]:
    """Make one region × gene table for each donor.

    Probes are chosen with all these donors, as for `make_expression`, whose table is the mean of these.

    Parameters
    ----------
    source, atlas, names, genes, donors, progress, **choices
        As in `make_expression`.

    Returns
    -------
    dict of DataFrame
        By donor: all regions of the atlas (68) by genes, the same genes in all; NaN where the donor has no sample in
        the region.
    """
    genes, image = wanted_genes(genes), label_image(atlas, names)
    donors = _some_donors(source, donors)
    choices = _checked("keep", choices, donors)
    raw = open_microarrays(source, donors, progress)
    settings = _settings(raw, image, genes, "keep", choices)
    by_donor = run_abagen(raw, image.tree, return_donors=True, **choices)
    tables = {donor: image.named(table) for donor, table in by_donor.items()}
    # A gene that has no value in a region of a donor with samples there was poorly normalised; abagen drops it too.
    bad = {gene for t in tables.values() for gene in t.columns[t.dropna(how="all").isna().any()]}
    for donor, table in tables.items():
        kept, chosen = chosen_genes(table.drop(columns=list(bad)), genes)
        kind = "SIMULATED microarrays" if raw.simulated else _SOURCE
        kept.index.name, kept.columns.name = "region", "gene"
        kept.attrs = {
            "provenance": [f"Expression: {kind}, donor {donor} alone; abagen 0.1.3, atlas {image.name!r}.", chosen],
            "settings": {**settings, "donor": donor},
            "simulated": raw.simulated,
        }
        tables[donor] = kept
    return tables


def leave_one_donor_out(
    source: str | Path | Microarrays = "download", *, donors: Sequence[str] | None = None, **choices: object
) -> dict[str, pd.DataFrame]:
    """Make the table anew without each donor in turn: dict by the donor left out.

    The whole pipeline is run without the donor, so that filter and choice of probes do not know it either. Parameters
    are those of `make_expression`. The tables may differ in regions and genes: see `common`.
    """
    raw = open_microarrays(source, _some_donors(source, donors), bool(choices.get("progress", True)))
    if len(raw.donors) < 2:
        raise ValueError(f"donors: {raw.donors}; expected at least two, of which one is left out in turn")
    return {left: make_expression(raw, donors=[d for d in raw.donors if d != left], **choices) for left in raw.donors}


def multiverse(
    source: str | Path | Microarrays, universe: Mapping[str, Sequence[object]], *, progress: bool = True, **choices
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Make the table by every combination of some options.

    Parameters
    ----------
    source, **choices
        As in `make_expression`.
    universe
        Name of an option to the values it takes, e.g. ``{"gene_norm": ["srs", "zscore"], "atlas": ["volume"]}``; also
        ``atlas``, ``missing``, ``donors``.
    progress
        Show a progress bar.

    Returns
    -------
    pipelines : DataFrame
        A row for each combination, a column for each option; None is the string ``"none"``.
    tables : list of DataFrame
        In the same order.

    Raises
    ------
    ValueError
        As `make_expression`; also when ``universe`` is empty, or names an option twice.
    """
    instance(universe, Mapping, "universe", "a dict, e.g. {'gene_norm': ['srs', 'zscore']}")
    if not universe or (twice := sorted(set(universe) & set(choices))):
        which = f"{twice[0]!r} is also given alone" if universe else "is empty"
        raise ValueError(f"universe: {which}; expected the options to vary, e.g. {{'gene_norm': ['srs', 'zscore']}}")
    for name, values in universe.items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable) or not len(list(values)):
            raise ValueError(f"universe: {name!r} has {values!r}; expected a list of values to try, e.g. [{values!r}].")
    combinations = [dict(zip(universe, each, strict=True)) for each in itertools.product(*universe.values())]
    for each in combinations:  # all of them before the first is made
        _check_call(**each, **choices)
    raw = open_microarrays(source, progress=progress)
    quiet = {} if progress else {"disable": True}
    tables = [
        make_expression(raw, **each, **choices) for each in tqdm(combinations, desc="pipelines", leave=False, **quiet)
    ]
    named = [["none" if value is None else value for value in each.values()] for each in combinations]
    return pd.DataFrame(named, columns=list(universe)).rename_axis("pipeline"), tables


_SOURCE = "microarrays of the Allen Human Brain Atlas"


def _settings(raw: Microarrays, image: LabelImage, genes: str | Sequence[str], missing: str, choices: dict) -> dict:
    """All that the table depends on, as JSON."""
    import xsg

    full = {**options(), **choices} | ({"missing": missing} if missing in MISSING[2:] else {})
    return {
        "donors": list(raw.donors),
        "atlas": image.name,
        **({"labels": image.digest} if image.digest else {}),
        "genes": genes,
        "missing": missing,
        "abagen": "0.1.3",
        "xsg": xsg.__version__,
        "options": full,
    }


def _some_donors(source: object, donors: object) -> tuple[str, ...]:
    """Return the donors asked for: all, or all that were opened."""
    return donor_names(donors) or (source.donors if isinstance(source, Microarrays) else DONORS)


def _checked(missing: str, choices: dict, donors: Sequence[str]) -> dict:
    """Return the options as plain values, or refuse them before anything is computed."""
    if missing != "keep":
        choice(missing, MISSING, "missing")
    return check_options(choices, len(donors), by_donor=missing == "keep")


def _check_call(
    atlas: object = "volume",
    names: object = None,
    genes: object = "landmark",
    missing: str = "drop",
    donors: object = None,
    progress: bool = True,
    **choices: object,
) -> None:
    """Refuse what `make_expression` would refuse of its settings."""
    wanted_genes(genes), label_image(atlas, names), _checked(missing, choices, _some_donors(None, donors))


def _fill(table: pd.DataFrame, without: pd.Index, missing: str, image: LabelImage) -> tuple[pd.DataFrame, str]:
    """Treat the regions that no sample was assigned to; return the table and what to say about them."""
    names = " and ".join(without) if len(without) < 3 else ", ".join(without)
    empty = table.index[table.isna().all(axis=1)]
    if not len(without):
        done = "Every region has samples."
    elif missing == "drop":
        table, done = table.drop(index=empty), f"Regions without a sample are left out: {names}."
    elif missing == "mirror":
        table = table.copy()
        for region in empty:
            twin = image.homologue.get(region)
            if twin is None or twin in empty:
                why = f"neither {region} nor {twin} has a sample" if twin else f"{region} has no known homologue"
                raise ValueError(f"missing='mirror': {why}. Use missing='drop'.")
            table.loc[region] = table.loc[twin]
        done = f"Regions without a sample are copies of their homologues: {names}."
    else:
        how = "that of the sample nearest to their centre" if missing == "centroids" else "interpolated between samples"
        done = f"Regions without a sample have an expression that is {how}: {names}."
    if table.isna().any(axis=None):
        row, column = np.argwhere(table.isna())[0]
        raise ValueError(
            f"missing={missing!r} leaves {table.index[row]} without a value (gene {table.columns[column]}): the "
            "donors have no sample on its side. Use missing='drop', lr_mirror='bidirectional' or more donors."
        )
    return table, done


def _methods(report: str, simulated: bool, choices: dict, ours: list[str], image: LabelImage) -> str:
    """Abagen's own account of what it did (its text is CC0), mended, with what it does not know of."""
    text = report.replace("\b", "").replace("microarry", "microarray").replace("{{", "{").replace("}}", "}")
    text = re.sub(r" +([.,])(?=\s|$)", r"\1", text)
    body, _, references = text.partition("REFERENCES")
    if choices.get("sim_threshold") is not None:
        ours = [
            "Samples whose summed correlation with the donor's other samples was more than "
            f"{choices['sim_threshold']} standard deviations below the mean were discarded first.",
            *ours,
        ]
    ours = [line.replace("Genes: ", "Genes kept: ") for line in ours]
    kept = "The cortical regions of the atlas were kept. "
    if image.digest:
        kept = f"The atlas is {image.name!r}, its {len(image.regions)} named regions. "
    last = kept + " ".join(ours) + " (xsg.data.expression.make_expression)"
    warning = "SIMULATED DATA: these values are invented, for practice and tests.\n\n" * simulated
    listed = re.findall(r"\[(\w+)\]: (.*?)(?=\n|$)", references)
    listed.append(("M2021E", _ABAGEN_PAPER))
    body = body.replace("abagen toolbox (", "abagen toolbox ([M2021E]; ")
    if not image.digest:
        listed.append(("D2006N", _ATLAS_PAPER))
        body = body.replace("in MNI space.", "in MNI space [D2006N].")
    cited = "\n".join(f"[{mark}]: {paper}" for mark, paper in sorted(listed))
    return f"{warning}{body.strip()}\n\n{last}\n\nREFERENCES\n{cited}"


_ABAGEN_PAPER = (
    "Markello, R. D., Arnatkeviciute, A., Poline, J.-B., Fulcher, B. D., Fornito, A., & Misic, B. (2021). "
    "Standardizing workflows in imaging transcriptomics with the abagen toolbox. eLife, 10, e72129."
)
_ATLAS_PAPER = (
    "Desikan, R. S., Ségonne, F., Fischl, B., et al. (2006). An automated labeling system for subdividing the human "
    "cerebral cortex on MRI scans into gyral based regions of interest. NeuroImage, 31(3), 968-980."
)


_ABAGEN_GENES = "human/expression/abagen_default_15633_gene_labels.txt"


def abagen_default_genes() -> list[str]:
    """Return the symbols of the 15,633 genes that abagen's default run keeps for this parcellation.

    The list is given as published, one entry per line. A spreadsheet has turned 23 of its entries into day numbers
    (``36951`` and ``37316`` stand twice each). No landmark gene is among them, so the intersection with
    `landmark_genes` is unharmed: 910, the number of genes in arXiv 2606.05870.

    Returns
    -------
    list of str
        15,633 entries, 15,631 different ones.
    """
    # Lines end in a lone carriage return; universal newlines read that, and any other ending.
    return fetch(_ABAGEN_GENES).read_text(encoding="utf-8").splitlines()


def common(tables: Iterable[pd.DataFrame]) -> list[pd.DataFrame]:
    """Restrict tables to the regions and genes that all of them have, so that a model can be refitted on each.

    Examples
    --------
    >>> one = pd.DataFrame([[1.0, 2.0]], index=["L_insula"], columns=["A", "B"])
    >>> [list(table.columns) for table in common([one, one[["B"]]])]
    [['B'], ['B']]
    """
    tables = list(tables.values() if isinstance(tables, Mapping) else tables)
    if not tables or not all(isinstance(table, pd.DataFrame) for table in tables):
        kinds = ", ".join(sorted({type(table).__name__ for table in tables})) or "none"
        raise TypeError(f"tables: expected one DataFrame or more, regions by genes; got {kinds}.")
    for number, table in enumerate(tables, start=1):
        gene_names(table.columns, f"table {number}")
        distinct(table.index, f"table {number}: regions", "Keep one row per region.")
    regions, genes = tables[0].index, tables[0].columns
    for table in tables[1:]:
        regions, genes = regions[regions.isin(table.index)], genes[genes.isin(table.columns)]
    if not (len(regions) and len(genes)):
        raise ValueError(f"the {len(tables)} tables share {len(regions)} regions and {len(genes)} genes; expected some")
    return [table.loc[regions, genes] for table in tables]


def differential_stability(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    r"""Say how well donors agree on each gene: Δ_g, the mean of Pearson's r over regions between all pairs of donors.

    Hawrylycz et al. (2015), Nature Neuroscience 18:1832. Two donors are compared over the regions where both have
    samples; a pair that shares fewer than three says nothing and is left out.

    Parameters
    ----------
    tables
        By donor, as `donor_expressions` makes them.

    Returns
    -------
    Series
        By gene, −1 to 1.

    Examples
    --------
    >>> one = pd.DataFrame({"A": [1.0, 2.0, 3.0], "B": [1.0, 2.0, 3.0]})
    >>> differential_stability({"1": one, "2": one.assign(B=[3.0, 2.0, 1.0])}).round(2).to_dict()
    {'A': 1.0, 'B': -1.0}
    """
    instance(tables, Mapping, "tables", "a dict by donor, as donor_expressions makes it")
    if len(tables) < 2:
        raise ValueError(f"differential stability compares donors; {len(tables)} given, expected at least 2")
    genes = next(iter(tables.values())).columns
    for donor, table in tables.items():
        if set(gene_names(table.columns, f"donor {donor}")) != set(genes):
            raise ValueError(f"donor {donor}: other genes than the first donor's. Cut them to what all have: common().")
    found = []
    for a, b in itertools.combinations(tables.values(), 2):
        both = a.dropna(how="all").index.intersection(b.dropna(how="all").index)
        if len(both) >= 3:
            found.append(a.loc[both, genes].corrwith(b.loc[both, genes]))
    if not found:
        raise ValueError(f"no two of the {len(tables)} donors share samples in 3 regions; use larger regions")
    return pd.concat(found, axis=1).mean(axis=1).rename("differential stability")
