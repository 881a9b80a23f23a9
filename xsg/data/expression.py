"""Gene expression of the human cortex: the Allen Human Brain Atlas (AHBA) by region of an atlas.

Two ways lead to a region × gene table. `load_ahba` loads a matrix that others have made; `make_expression` makes one
from the raw microarrays, with the options one chooses, for any atlas.

The matrices at hand hold the genes whose regional pattern repeats across donors, made with abagen and packaged by the
ENIGMA Toolbox (Hawrylycz et al. 2012; Markello et al. 2021; Larivière et al. 2021): 12,668 by Desikan-Killiany region
(mean correlation r > 0.2), fewer where regions are smaller and so measured less well (`STABILITIES`). Values are scaled
to 0 … 1 within donor, without unit.

- Hawrylycz et al. 2012, Nature 489:391 (AHBA).
- Markello et al. 2021, eLife 10:e72129 (abagen).
- Larivière et al. 2021, Nature Methods 18:698 (ENIGMA Toolbox).
"""

from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches

import numpy as np
import pandas as pd

from xsg import _moved
from xsg.atlas import align
from xsg.atlas.pairs import find_pairs
from xsg.check import array, choice, instance, number
from xsg.data.atlases import ATLASES, atlas_files, atlas_name, load_atlas, region_names
from xsg.data.expression_files import load_expression as load_expression
from xsg.data.expression_files import save_expression as save_expression
from xsg.data.fetch import fetch
from xsg.data.gene_names import as_text, gene_list, gene_names
from xsg.data.kept import cache_dir
from xsg.files import digest
from xsg.names import translate

_MATRIX = "human/expression/desikan_r0.2.csv.bz2"
_STABLE = "human/expression/allgenes_stable_r0.6"
_MATRICES = {
    "desikan": {0.2: _MATRIX, 0.6: f"{_STABLE}.csv"},
    "desikan+subcortex": {0.6: f"{_STABLE}.csv"},
    "schaefer100": {0.4: "human/expression/schaefer100_r0.4.csv.bz2", 0.6: f"{_STABLE}_schaefer_100.csv"},
    "schaefer200": {0.4: "human/expression/schaefer200_r0.4.csv.bz2", 0.6: f"{_STABLE}_schaefer_200.csv"},
    "schaefer300": {0.6: f"{_STABLE}_schaefer_300.csv"},
    "schaefer400": {0.6: f"{_STABLE}_schaefer_400.csv"},
    "glasser360": {0.6: f"{_STABLE}_glasser_360.csv"},
}
_MATRICES = {name: _MATRICES.get(name, _MATRICES[name.partition("+")[0]]) for name in ATLASES}
STABILITIES: dict[str, tuple[float, ...]] = {name: tuple(files) for name, files in _MATRICES.items()}
"""Thresholds of donor stability that there are matrices for, by atlas; the least, with most genes, first."""
_FEW_LANDMARKS = 0.1  # share of the landmark genes below which what is left stands for none of them
_LANDMARKS = "human/genes/GSE92742_Broad_LINCS_gene_info.csv"


def landmark_genes() -> list[str]:
    """Return the symbols of the 978 landmark genes of the L1000 assay.

    Returns
    -------
    list of str
        In the order of GEO series GSE92742's gene table, where ``pr_is_lm`` is 1 (Subramanian et al. 2017, Cell).
    """
    table = pd.read_csv(fetch(_LANDMARKS), keep_default_na=False)
    return table.loc[table["pr_is_lm"] == 1, "pr_gene_symbol"].tolist()


def load_ahba(
    genes: str | Sequence[str] | None = None,
    missing: str = "drop",
    atlas: str = "desikan",
    stability: float | None = None,
) -> pd.DataFrame:
    """Load gene expression, region by gene.

    Parameters
    ----------
    genes
        ``"landmark"`` (the L1000 landmark genes in the matrix: 776 of the Desikan-Killiany one), ``"all"`` (12,668
        there), or symbols. None: the landmark genes for ``"desikan"``, all for the other atlases, whose matrices hold
        too few landmark genes to stand for them (6 to 209); where those are under a tenth, ``"landmark"`` is refused.
    missing
        What becomes of regions that were not measured (R_frontalpole and R_temporalpole; 9, 28 and 49 regions of
        Schaefer's 200, 300 and 400, 63 of Glasser's 360): ``"drop"`` leaves them out, ``"mirror"`` copies the homologue
        where it was measured, and leaves out the others. Schaefer's regions have no homologues that are known.
    atlas
        A name of `xsg.data.atlases.ATLASES`. With ``"+subcortex"``, 14 rows for structures below the cortex.
    stability
        Genes are in a matrix whose regional pattern correlates between donors at more than that, on average. None: the
        least for which there is a matrix (`STABILITIES`), so with most genes: 0.2 for ``"desikan"``, 0.4 for
        ``"schaefer100"`` (3,848 genes; 810 at 0.6) and ``"schaefer200"`` (2,288; 430), 0.6 for the others. Which genes
        matter is for the model to say, and what is stable above 0.6 is mostly what varies along one gradient. Take 0.6
        to compare atlases.

    Returns
    -------
    DataFrame
        Regions in the order of the atlas by genes; no unit, 0 … 1 within donor. ``attrs["provenance"]`` is a list of
        sentences: source, genes, what was done about missing regions.

    Raises
    ------
    ValueError
        If a gene is not in the matrix or is asked for twice, the landmark genes are too few, or ``missing``, ``atlas``
        or ``stability`` is no choice.
    """
    choice(missing, ("drop", "mirror"), "missing")
    atlas = atlas_name(atlas)
    open_choice = genes is None and atlas != "desikan"
    genes = default_genes(atlas) if genes is None else genes
    stability, file = _matrix_file(atlas, stability)
    table, regions = _read(file), region_names(atlas)
    meant = translate(table.index, regions)
    table.index = pd.Index([meant.get(name, name) for name in table.index])
    below = "" if atlas == "desikan" else f" by region of {atlas!r}"
    source = "Expression: Allen Human Brain Atlas" + below
    source += f", {table.shape[1]} genes with donor stability r > {stability} ({file})."
    empty = table.isna().all(axis=1)
    unmeasured = [region for region in regions if region in table.index and empty[region]]
    table, chosen = chosen_genes(table, genes)
    if open_choice:
        chosen = "Genes: all of them, as the matrix holds the most stable ones and few landmark genes among them."
    if isinstance(genes, str) and genes == "landmark":
        _refuse_few(table.shape[1], atlas)
    table = table.astype(float).copy()  # one block: taking or setting rows of many is slow
    done = []
    if missing == "mirror" and unmeasured:
        twins = _homologues(atlas)
        copied = [r for r in unmeasured if r in twins.index and twins[r] not in unmeasured]
        for region in copied:
            table.loc[region] = table.loc[twins[region]]
        side = "left " * all(region.startswith("R_") for region in copied)
        done += [f"Regions without measurement are copies of their {side}homologues: {_list(copied)}."] * bool(copied)
        unmeasured = [region for region in unmeasured if region not in copied]
        if unmeasured:
            done += [f"Regions without measurement on either side are left out: {_list(unmeasured)}."]
    elif unmeasured:
        done += [f"Regions without measurement are left out: {_list(unmeasured)}."]
    left_out = set(unmeasured)
    table = align(
        table.drop(index=table.index.difference(regions, sort=False).union(unmeasured, sort=False)),
        [region for region in regions if region not in left_out],
        file,
    )
    table.index.name, table.columns.name = "region", "gene"
    table.attrs["provenance"] = [source, chosen, *done]
    return table


def default_genes(atlas: str) -> str:
    """Return which genes an atlas has where none are asked for: at finer scales donors agree on few landmark genes."""
    return "landmark" if atlas == "desikan" else "all"


def registered_files(genes: str | None, atlas: str) -> list[str]:
    """Return the files of the registry that an atlas and its genes (None: `default_genes`) are loaded from.

    Examples
    --------
    >>> registered_files("all", "desikan")
    ['human/expression/desikan_r0.2.csv.bz2']
    """
    atlas = atlas_name(atlas)
    genes = genes or default_genes(atlas)
    found = [_matrix_file(atlas, None)[1], *atlas_files(atlas)]
    return found + [_LANDMARKS] * (genes == "landmark")


def _matrix_file(atlas: str, stability: float | None) -> tuple[float, str]:
    """Return the threshold of a matrix and its file."""
    files = _MATRICES[atlas]
    if stability is None:
        return next(iter(files.items()))
    if number(stability, "stability") not in files:
        raise ValueError(
            f"stability is {stability:g}; for atlas {atlas!r} there are matrices of genes with donor stability above "
            f"{' and '.join(map(str, files))}. Make one of your own by xsg.genes.make.make_expression."
        )
    return stability, files[stability]


def _read(file: str) -> pd.DataFrame:
    """Read a matrix; what takes long to unpack and parse is kept in the cache, by the digest of its source."""
    path = fetch(file)
    kept = cache_dir() / "prepared" / f"{digest(path)}.npz"
    try:
        table = load_expression(kept)
        values = np.asfortranarray(table.to_numpy())  # as read_csv has them
        return pd.DataFrame(values, pd.Index(list(table.index)), pd.Index(list(table.columns)))
    except (FileNotFoundError, ValueError):  # not there, or damaged: made anew
        table = pd.read_csv(path, index_col=0)
    if path.suffix == ".bz2":
        with suppress(OSError):  # a cache that cannot be written to
            kept.parent.mkdir(parents=True, exist_ok=True)
            save_expression(table, kept)
    return table


def _homologues(atlas: str) -> pd.Series:
    """Homologue by region, or a refusal where places alone tell them, and not of all."""
    parcellation = load_atlas(atlas)
    if find_pairs(parcellation.regions, parcellation).unknown.any():
        raise ValueError(
            f"missing='mirror': regions of {atlas!r} are numbered within their hemisphere, so that it is not known "
            "which region to copy. Use missing='drop'."
        )
    return parcellation.homologue


def _refuse_few(n: int, atlas: str) -> None:
    """Refuse landmark genes of which next to none are left."""
    if n < _FEW_LANDMARKS * (total := len(landmark_genes())):
        raise ValueError(
            f"genes='landmark': {n} of the {total} L1000 landmark genes are in the matrix of atlas {atlas!r}, which "
            "holds the most stable genes alone. Use genes='all', or list them if these are what you want: "
            f"load_ahba('all', atlas={atlas!r}).columns.intersection(landmark_genes())."
        )


def _list(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else ", ".join(names)


def chosen_genes(table: pd.DataFrame, genes: str | Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Return the columns asked for, and what to say about them."""
    genes = wanted_genes(genes)
    if genes == "all":
        return table, "Genes: all of them."
    if genes == "landmark":
        landmarks = set(landmark_genes())
        kept = [gene for gene in table.columns if gene in landmarks]
        return table[kept], f"Genes: the {len(kept)} of {len(landmarks)} L1000 landmark genes that are in the matrix."
    wanted = pd.Index(genes)
    if len(unknown := wanted.difference(table.columns, sort=False)):
        first = str(unknown[0])
        near = [gene for gene in table.columns if gene.casefold() == first.casefold()]
        near = near or get_close_matches(first, table.columns, n=3, cutoff=0.7)
        raise ValueError(
            f"genes: {len(unknown)} of {len(wanted)} are not in the matrix: {', '.join(unknown[:5])}. "
            + (f"Near {first}: {', '.join(near)}. " if near else "Symbols are those before 2020 (MARCH1, SEPT9). ")
            + "load_ahba(genes='all').columns lists them all."
        )
    return table[list(wanted)], f"Genes: {len(wanted)} chosen by name."


def normalise(expression: pd.DataFrame, by: str = "gene") -> pd.DataFrame:
    """Scale expression to z-scores (mean 0, standard deviation 1, denominator n).

    Parameters
    ----------
    expression
        Regions × genes.
    by
        ``"gene"``: over regions, so that every gene weighs the same. ``"region"``: over genes, which removes
        differences in overall level between regions. ``"none"``: unchanged.

    Returns
    -------
    DataFrame
        Same shape and names; ``attrs["provenance"]`` says what was done.

    Raises
    ------
    ValueError
        If a value is not finite, or a gene (a region) is constant, which has no z-score.

    Examples
    --------
    >>> table = pd.DataFrame({"APOE": [1.0, 3.0], "MAPT": [2.0, 8.0]}, index=["L_insula", "R_insula"])
    >>> normalise(table).to_numpy().tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    choice(by, ("gene", "region", "none"), "by")
    instance(expression, pd.DataFrame, "expression", "a table, regions by genes")
    gene_names(expression.columns, "expression")
    values = array(expression, "expression", finite=False)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(
            f"expression is {values[row, column]} at region {expression.index[row]!r}, gene "
            f"{expression.columns[column]!r} (the first of {(~np.isfinite(values)).sum()} such values); "
            "drop or fill them explicitly first, e.g. load_ahba(missing='drop')"
        )
    if by == "none":
        return expression.copy()
    axis, names = (0, expression.columns) if by == "gene" else (1, expression.index)
    constant = names[np.ptp(values, axis=axis) == 0]  # the standard deviation of a constant need not be exactly 0
    if len(constant):
        raise ValueError(
            f"{len(constant)} {by}(s) have the same value everywhere and so no z-score: "
            f"{', '.join(map(str, constant[:5]))}; drop them first"
        )
    centred = values - values.mean(axis=axis, keepdims=True)
    scaled = pd.DataFrame(centred / centred.std(axis=axis, keepdims=True), expression.index, expression.columns)
    scaled.attrs = dict(expression.attrs)
    scaled.attrs["provenance"] = [*expression.attrs.get("provenance", []), f"Expression: z-scores by {by}."]
    return scaled


def wanted_genes(genes: object) -> str | list[str]:
    """Return ``"all"``, ``"landmark"`` or symbols, or refuse what names no genes."""
    if isinstance(genes, str):
        return choice(genes, ("landmark", "all"), "genes", "Or give a list of symbols, e.g. ['APOE', 'MAPT'].")
    given = [] if isinstance(genes, (list, tuple)) and not len(genes) else gene_list(genes, "genes", as_given=True)
    wanted = pd.Index([as_text(gene) for gene in given])
    if wanted.empty or wanted.has_duplicates:
        which = "none" if wanted.empty else f"more than once: {', '.join(wanted[wanted.duplicated()].unique()[:5])}"
        raise ValueError(f"genes: each symbol is wanted once, given {which}")
    return list(wanted)


__getattr__ = _moved.lazily(__name__)
