"""Enrichment: whether the genes of a set follow a map of the cortex more closely than chance would have them.

It depends on what chance means (Wei et al. 2022). *Random genes*: other genes in the place of the set's, the map as it
is (`random_gene_enrichment`, and the two standard methods that gseapy computes, `over_representation` and `prerank`).
These take genes for independent. The genes of a set are expressed together, so such tests find sets in almost any
smooth map (Fulcher et al. 2021). *Random maps*: other maps, as smooth, in the place of the observed one, the set as it
is (`spatial_enrichment`). A set that beats only the first would follow many maps; one that beats only the second is in
the company of many genes; one that beats both is news.

- Fulcher, Arnatkevičiūtė & Fornito 2021, Nature Communications 12:2669, doi:10.1038/s41467-021-22862-1.
- Wei et al. 2022, Human Brain Mapping 43:885, doi:10.1002/hbm.25711.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pandas as pd

from xsg.atlas import align
from xsg.check import array, distinct, instance, number, series, some
from xsg.data.gene_names import as_text, gene_list, gene_names
from xsg.evaluation.nulls import p_value
from xsg.genes.sets import gene_sets, mismatch

GeneSets = Mapping[str, Iterable[str]]


def gene_correlations(expression: pd.DataFrame, maps: pd.Series | pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Correlate every gene with a map over regions (Pearson's r).

    Up to a factor these are also the weights of the first component of partial least squares on z-scored genes.

    Parameters
    ----------
    expression
        DataFrame (n regions, p genes).
    maps
        Series (n,) by region, or DataFrame (M, n), a row per map.

    Returns
    -------
    Series (p,) or DataFrame (M, p)

    Examples
    --------
    >>> expression = pd.DataFrame({"APOE": [0.0, 1, 2], "MAPT": [1.0, 0, 0]}, ["L_insula", "L_cuneus", "L_lingual"])
    >>> gene_correlations(expression, pd.Series([1.0, 2, 3], expression.index)).round(2).to_dict()
    {'APOE': 1.0, 'MAPT': -0.87}
    """
    return _scores(_columns(expression, "expression"), maps)


def set_profiles(expression: pd.DataFrame, sets: GeneSets) -> pd.DataFrame:
    """Average the z-scored genes of each set: one map per set.

    Its inner product with a z-scored map, over n, is the mean correlation of the set's genes with that map: sums may be
    taken in either order. So scores under many thousands of maps need a matrix of regions × sets and not of genes.

    Parameters
    ----------
    expression
        DataFrame (n regions, p genes).
    sets
        Gene sets, each within the genes of ``expression`` (see `xsg.genes.sets.restrict`).

    Returns
    -------
    DataFrame (n regions, S sets)
    """
    members = _members(expression.columns, sets)
    z = _columns(expression, "expression").to_numpy()
    return pd.DataFrame(z @ members / members.sum(axis=0), expression.index, pd.Index(map(str, sets), name="set"))


def set_scores(profiles: pd.DataFrame, maps: pd.Series | pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Score each set on each map: the mean correlation of the set's genes with the map.

    Parameters
    ----------
    profiles
        From `set_profiles` (n regions, S sets).
    maps
        Series (n,) by region, or DataFrame (M, n), a row per map.

    Returns
    -------
    Series (S,) or DataFrame (M, S)
    """
    return _scores(profiles, maps)


def spatial_enrichment(profiles: pd.DataFrame, thinning: pd.Series, nulls: pd.DataFrame) -> pd.DataFrame:
    """Test gene sets against maps that are as smooth as the observed one.

    Parameters
    ----------
    profiles
        From `set_profiles` (n regions, S sets).
    thinning
        Observed map (n,).
    nulls
        Null maps (N, n), e.g. from `xsg.evaluation.nulls.null_maps`.

    Returns
    -------
    DataFrame
        By set: ``score`` (mean correlation of its genes with the map), ``null_sd`` (standard deviation of the score
        over the null maps), ``p`` (two-sided, `xsg.evaluation.nulls.p_value`), ``q`` (p after Benjamini and Hochberg,
        over the sets given).

    References
    ----------
    Fulcher et al. 2021, doi:10.1038/s41467-021-22862-1 (ensemble of spatially autocorrelated maps).
    """
    observed = set_scores(profiles, thinning)
    null = set_scores(profiles, nulls)
    p = [p_value(observed[name], null[name], tail="two-sided") for name in observed.index]
    return _table(observed.rename("score"), p, null_sd=null.std())


def random_gene_enrichment(statistics: pd.Series | pd.DataFrame, sets: GeneSets) -> pd.DataFrame:
    """Test gene sets against as many random genes, two-sided: the naive test.

    The mean of m of p numbers drawn without replacement has mean μ and variance σ²/m · (p − m)/(p − 1), and is normal
    for sets that are not tiny; so no gene need be drawn.

    Parameters
    ----------
    statistics
        Series (p,) of one number per gene, such as `gene_correlations`; or DataFrame (M, p), a row per map.
    sets
        Gene sets within these genes.

    Returns
    -------
    DataFrame
        Of a Series, by set: ``score`` (mean over the set), ``z``, ``p``, ``q``. Of a DataFrame: p by map and set,
        (M, S).
    """
    from scipy.stats import norm

    table = statistics if isinstance(statistics, pd.DataFrame) else series(statistics, "statistics").to_frame().T
    members, values = _members(table.columns, sets), _finite(table)
    m, p, sets = members.sum(axis=0), len(table.columns), list(map(str, sets))
    _refuse_everything(m, sets, p)
    if (values.max(axis=1) == values.min(axis=1)).any():
        raise ValueError("statistics: all genes have the same value, so no set stands out; expected different ones.")
    score = values @ members / m
    sd = values.std(axis=1, keepdims=True) * np.sqrt((p - m) / (p - 1) / m)
    z = (score - values.mean(axis=1, keepdims=True)) / sd
    found = pd.DataFrame(2 * norm.sf(np.abs(z)), table.index, pd.Index(sets, name="set"))
    if isinstance(statistics, pd.DataFrame):
        return found
    by_set = found.columns
    return _table(pd.Series(score[0], by_set, name="score"), found.iloc[0].to_list(), z=pd.Series(z[0], by_set))


def over_representation(chosen: Iterable[str], sets: GeneSets, background: Iterable[str]) -> pd.DataFrame:
    """Ask whether a list of genes holds more of a set than a draw from the background would: hypergeometric test.

    A naive test, computed offline by gseapy. Genes may be symbols or ids, as text or as numbers, and are compared as
    they stand.

    Parameters
    ----------
    chosen
        The list, e.g. the tenth of the genes that correlates most with a map.
    sets
        Gene sets; of each, the genes in the background count.
    background
        All genes that could have been chosen.

    Returns
    -------
    DataFrame
        By set: ``score`` (how many of its genes are chosen), ``p`` (one-sided; 1 where none is), ``q``.
        ``attrs["provenance"]`` has a sentence on how many genes of the sets are not in the background.

    Raises
    ------
    ValueError
        If a chosen gene, or every gene of a set, is not in the background; or the genes are named by dates, or some by
        numbers.
    """
    chosen, sets = gene_list(chosen, "chosen genes"), gene_sets(sets)
    known = gene_names(gene_list(background, "background"), "background")
    if outside := [gene for gene in chosen if gene not in known]:
        raise ValueError(
            f"chosen genes: {len(outside)} of {len(chosen)} are not among the {len(known)} of the background: "
            f"{some(outside)}. {mismatch(outside, known)} The background is all that could have been chosen."
        )
    within = {name: [gene for gene in genes if gene in known] for name, genes in sets.items()}
    if empty := [name for name, genes in within.items() if not genes]:
        raise ValueError(
            f"gene sets: {len(empty)} of {len(sets)} have no gene among the {len(known)} of the background: "
            f"{some(empty)}. {mismatch(sets[empty[0]], known)} xsg.genes.sets.restrict leaves such sets out."
        )
    token = _tokens(known)
    tested = {f"s{place}": [token[gene] for gene in genes] for place, genes in enumerate(within.values())}
    with _quiet_gseapy() as gseapy:
        run = gseapy.enrich(
            [token[gene] for gene in chosen], tested, background=list(token.values()), outdir=None, no_plot=True
        )
    found = run.results.set_index("Term") if len(run.results) else pd.DataFrame(columns=["Overlap", "P-value"])
    hits = found["Overlap"].str.split("/").str[0].astype(int)
    score = hits.reindex(tested, fill_value=0).set_axis(pd.Index(sets, name="set")).rename("score")
    table = _table(score, found["P-value"].astype(float).reindex(tested, fill_value=1.0).to_list())
    listed, kept = (len({gene for genes in each.values() for gene in genes}) for each in (sets, within))
    table.attrs["provenance"] = [
        f"Over-representation: {len(chosen)} chosen of {len(known)} genes; of {listed} genes in {len(sets)} sets "
        f"{listed - kept} are not among these and do not count."
    ]
    return table


def prerank(statistics: pd.Series, sets: GeneSets, permutations: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Run gene set enrichment analysis on ranked genes (Subramanian et al. 2005, doi:10.1073/pnas.0506580102).

    A naive test (it permutes genes), computed offline by gseapy on one thread. Its p is a share of permutations and
    may be 0. The order in which the genes are given does not matter: those with the same number are ranked by name.

    Parameters
    ----------
    statistics
        Series (p,) of one number per gene to rank by, all of them finite.
    sets
        Gene sets within these genes.
    permutations
        Random sets drawn for each set.
    seed
        Seed of the draws.

    Returns
    -------
    DataFrame
        By set: ``score`` (normalised enrichment score), ``p`` (nominal), ``q`` (Benjamini and Hochberg).

    Raises
    ------
    ValueError
        If a number is missing or infinite, all are the same, or a set does not fit the genes (or holds all of them).
    """
    statistics, sets = series(statistics, "statistics"), gene_sets(sets)
    permutations = number(permutations, "permutations", 1, whole=True)
    seed = number(seed, "seed", 0, 2**31 - 1, whole=True)
    _refuse_everything(_members(statistics.index, sets).sum(axis=0), list(sets), len(statistics))
    values, genes = _finite(statistics.to_frame().T)[0], [as_text(gene) for gene in statistics.index]
    if values.max() == values.min():
        raise ValueError("statistics: all genes have the same value and so no rank; expected different ones.")
    token = _tokens(genes)
    order = np.lexsort((genes, -values))
    ranked = pd.Series(values[order], [token[genes[row]] for row in order])
    tested = {f"s{place}": [token[gene] for gene in listed] for place, listed in enumerate(sets.values())}
    with _quiet_gseapy() as gseapy:
        run = gseapy.prerank(
            ranked,
            tested,
            outdir=None,
            no_plot=True,
            min_size=1,
            max_size=len(ranked),
            permutation_num=permutations,
            seed=seed,
            threads=1,
            ascending=None,  # it is sorted; sorted anew, equal numbers would change places
        )
    found = run.res2d.set_index("Term").loc[list(tested)].set_axis(pd.Index(sets, name="set"))
    return _table(found["NES"].astype(float).rename("score"), found["NOM p-val"].astype(float).to_list())


def _tokens(genes: Iterable[str]) -> dict[str, str]:
    """Give each gene a word that gseapy has no opinion about: it takes numbers for Entrez ids and changes letters."""
    return {gene: f"gene{place}" for place, gene in enumerate(genes)}


def _columns(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """z-scores of each column over regions."""
    instance(table, pd.DataFrame, what, "a table, regions by genes")
    gene_names(gene_list(table.columns, what, as_given=True), what)
    values = align(table, table.index, what).to_numpy(dtype=float)
    centred = values - values.mean(axis=0)
    sd = centred.std(axis=0)
    if (np.ptp(values, axis=0) == 0).any():
        constant = table.columns[np.ptp(values, axis=0) == 0]
        raise ValueError(f"{what}: {constant[0]!r} has the same value in every region and so correlates with nothing.")
    return pd.DataFrame(centred / sd, table.index, table.columns)


def _scores(table: pd.DataFrame, maps: pd.Series | pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Inner products of z-scored maps with the columns of a table, over n."""
    if not isinstance(maps, pd.DataFrame):
        maps = series(maps, "maps")
        return _scores(table, maps.to_frame().T).iloc[0].rename(maps.name)
    y = align(maps.T, table.index, "maps").to_numpy(dtype=float).T
    if not len(y) or (np.ptp(y, axis=1) == 0).any():
        which = (
            f"map {maps.index[int((np.ptp(y, axis=1) == 0).argmax())]!r} has one value everywhere"
            if len(y)
            else "none given"
        )
        raise ValueError(f"maps: {which}.")
    y = y - y.mean(axis=1, keepdims=True)
    sd = y.std(axis=1, keepdims=True)
    return pd.DataFrame(y / sd @ table.to_numpy() / len(table), maps.index, table.columns)


def _members(genes: pd.Index, sets: GeneSets) -> np.ndarray:
    """Membership of p genes in S sets, float array (p, S)."""
    distinct(genes, "genes", "Keep one column per gene.")
    genes = pd.Index([as_text(gene) for gene in gene_names(gene_list(genes, "genes", as_given=True), "genes")])
    sets = gene_sets(sets)
    members = np.zeros((len(genes), len(sets)))
    for column, (name, listed) in enumerate(sets.items()):
        rows = genes.get_indexer(listed)
        if outside := [gene for gene, row in zip(listed, rows, strict=True) if row < 0]:
            raise ValueError(
                f"gene set {name!r} holds gene {outside[0]!r}, which is not among the {len(genes)}; nor are "
                f"{len(outside) - 1} more of its {len(listed)}. {mismatch(outside, genes)} Use "
                "xsg.genes.sets.restrict first."
            )
        members[rows, column] = 1
    return members


def _finite(statistics: pd.DataFrame) -> np.ndarray:
    """Statistics (M, p) as an array, none of them missing or infinite."""
    values = array(statistics, "statistics", finite=False)
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values)
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"statistics: {bad.sum()} of {bad.size} are missing or infinite, the first ({values[row, column]}) that of "
            f"gene {str(statistics.columns[column])!r}. Leave such genes out, of the sets too (restrict)."
        )
    return values


def _refuse_everything(sizes: np.ndarray, sets: list[str], p: int) -> None:
    """Refuse a set that leaves no gene to compare it with."""
    if (sizes == p).any():
        raise ValueError(f"gene set {sets[int((sizes == p).argmax())]!r} holds all {p} genes; compare it with others.")


def _table(score: pd.Series, p: list[float], **columns: pd.Series) -> pd.DataFrame:
    """Put scores, what else there is, p and q side by side."""
    from scipy.stats import false_discovery_control

    table = score.to_frame().assign(**columns, p=p)
    return table.assign(q=false_discovery_control(table["p"]))


@contextmanager
def _quiet_gseapy() -> Iterator[ModuleType]:
    """Import gseapy; what its own code makes pandas warn about, and its log, are not the reader's to mend."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            import gseapy

            yield gseapy
        finally:
            logging.disable(disabled)
