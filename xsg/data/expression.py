"""Gene expression of the human cortex: the Allen Human Brain Atlas (AHBA) by Desikan-Killiany region.

Two ways lead to a region × gene table. `load_ahba` loads a matrix that others have made; `make_expression` makes one
from the raw microarrays, with the options one chooses.

The matrix at hand holds the 12,668 genes whose regional pattern repeats across donors (mean correlation r > 0.2),
made with abagen and packaged by the ENIGMA Toolbox (Hawrylycz et al. 2012; Markello et al. 2021; Larivière et al.
2021). Values are scaled to 0 … 1 within donor, without unit.

- Hawrylycz et al. 2012, Nature 489:391 (AHBA).
- Markello et al. 2021, eLife 10:e72129 (abagen).
- Larivière et al. 2021, Nature Methods 18:698 (ENIGMA Toolbox).
"""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from xsg import _moved
from xsg.atlas import REGIONS, align
from xsg.check import array, choice, instance
from xsg.data.expression_files import load_expression as load_expression
from xsg.data.expression_files import save_expression as save_expression
from xsg.data.fetch import fetch
from xsg.data.gene_names import as_text, gene_list, gene_names
from xsg.names import homologue

_MATRIX = "human/expression/desikan_r0.2.csv.bz2"
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


def load_ahba(genes: str | Sequence[str] = "landmark", missing: str = "drop") -> pd.DataFrame:
    """Load cortical gene expression, region by gene.

    Parameters
    ----------
    genes
        ``"landmark"`` (the L1000 landmark genes in the matrix: 776), ``"all"`` (12,668), or symbols.
    missing
        What becomes of R_frontalpole and R_temporalpole, which were not measured: ``"drop"`` leaves them out
        (66 regions), ``"mirror"`` copies the left homologue (68 regions, 66 of them independent).

    Returns
    -------
    DataFrame
        Regions in the order of `xsg.atlas.REGIONS` by genes; no unit, 0 … 1 within donor.
        ``attrs["provenance"]`` is a list of sentences: source, genes, what was done about missing regions.

    Raises
    ------
    ValueError
        If a gene is not in the matrix or is asked for twice, or ``missing`` is neither choice.
    """
    choice(missing, ("drop", "mirror"), "missing")
    table = pd.read_csv(fetch(_MATRIX), index_col="Region")
    source = f"Expression: Allen Human Brain Atlas, {table.shape[1]} genes with donor stability r > 0.2 ({_MATRIX})."
    empty = table.isna().all(axis=1)
    unmeasured = [region for region in REGIONS if region in table.index and empty[region]]
    table, chosen = chosen_genes(table, genes)
    table = table.astype(float).copy()  # one block: taking or setting rows of many is slow
    if missing == "drop":
        table = align(table.drop(index=unmeasured), [region for region in REGIONS if region not in unmeasured], _MATRIX)
        done = "are left out"
    else:
        for region in unmeasured:
            twin = homologue(region, table.index)
            if twin is None or twin in unmeasured:
                raise ValueError(f"missing='mirror': {region} has no homologue with values. Use missing='drop'.")
            table.loc[region] = table.loc[twin]
        table = align(table, REGIONS, _MATRIX)
        done = "are copies of their left homologues"
    table.index.name, table.columns.name = "region", "gene"
    table.attrs["provenance"] = [source, chosen, f"Regions without measurement {done}: {' and '.join(unmeasured)}."]
    return table


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
