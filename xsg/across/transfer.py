"""Transfer: what one disorder says about another, and one species about another.

*Between disorders*, all maps are modelled at once: shared programs, read from expression, times each disorder's
loadings, plus what is private to it (`predict_shared`). A disorder of which few regions are known may be completed from
the maps of unrelated ones (`complete_maps`).

*Between species*, genes are matched by name (`orthologues`), and the loadings that genes have in one species must
predict the expression of genes in the other that were held out (`carry_over`).

- Izenman 1975, Journal of Multivariate Analysis 5:248, doi:10.1016/0047-259X(75)90042-1 (reduced-rank regression).
- Mukherjee & Zhu 2011, Statistical Analysis and Data Mining 4:612, doi:10.1002/sam.10138 (with a ridge penalty).
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from xsg import check
from xsg.atlas import Parcellation, homologous_pairs
from xsg.check import align, array, constant, distinct, folds, instance, some
from xsg.evaluation.baselines import PENALTIES, baseline, gene_table, map_table, z_scores

_INNER_FOLDS = 5
_FEWEST = 5  # training regions, as for the baselines


def predict_shared(
    expression: pd.DataFrame,
    maps: pd.DataFrame | np.ndarray,
    held_out: np.ndarray | pd.DataFrame,
    ranks: Iterable[int] | int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Predict held-out regions of many maps at once through a few programs that they share.

    Reduced-rank ridge regression: with Z the z-scored genes and Y the z-scored maps of the training regions,

    .. math:: \min_B \lVert Y - Z B \rVert^2 + \alpha\,p\,\lVert B \rVert^2 \quad\text{with rank}(B) \le r.

    The minimum is the ridge solution projected on the r leading eigenvectors V of :math:`Y^\top H Y`, H the ridge's hat
    matrix: :math:`Z B V` are the shared programs and V the disorders' loadings. r and α are chosen together, inside the
    training regions, over folds of homologous pairs, by the summed squared error of all maps.

    Parameters
    ----------
    expression
        DataFrame (n regions, p genes); z-scored over the training regions of each fold.
    maps
        float (M, n), or (S, M, n) for S sets of maps of the same regions, each modelled on its own (null sets, say). A
        DataFrame (M, n) is joined to ``expression`` by name, an array has its order.
    held_out
        bool (F, n), one row per fold, True where held out, in the order of ``expression``; a DataFrame is joined by
        name.
    ranks
        Ranks r to choose from, 0 to M; all by default. 0 predicts the mean, M shares nothing but the penalty.

    Returns
    -------
    predicted : ndarray, shape of ``maps``
        Each region by the fold that holds it out (the mean over folds, where several do), in the unit of its map, the
        regions in the order of ``maps``.
    rank : int ndarray (F,) or (S, F)
        The rank chosen in each fold.

    Raises
    ------
    TypeError
        Expression without names; maps that are no numbers.
    ValueError
        Regions or shapes that do not fit, genes given twice, a map that is constant over the training regions, ranks
        outside 0 … M, a region that no fold holds out.

    Examples
    --------
    >>> import xsg
    >>> from xsg.evaluation.splits import homologous
    >>> cortex = xsg.load_cortex("simulated")
    >>> maps = np.stack([cortex.thinning, -cortex.thinning])
    >>> predicted, rank = predict_shared(cortex.expression, maps, homologous(cortex.regions))
    >>> predicted.shape, rank.tolist()
    ((2, 68), [1, 1, 1, 1, 1])
    """
    expression = gene_table(expression)
    x, n = expression.to_numpy(dtype=float), len(expression)
    y, asked = _maps(maps, expression.index)
    if y.ndim not in (2, 3) or y.shape[-1] != n or not y.size or not np.isfinite(y).all():
        raise ValueError(
            f"maps has shape {y.shape}{'' if np.isfinite(y).all() else ', not all finite'}; expected finite values (M, "
            f"{n}) or (S, M, {n}), one column for each region of expression. Cut the maps to the regions all have."
        )
    held_out = folds(held_out, expression.index, fewest=_FEWEST)
    if not (covered := held_out.any(axis=0)).all():
        raise ValueError(
            f"held_out: expected bool (folds, {n}) that hold every region out at least once; "
            f"{some(expression.index[~covered])} in none. Use the folds of xsg.evaluation.splits."
        )
    sets = y[None] if y.ndim == 2 else y
    many = sets.shape[1]
    given = range(many + 1) if ranks is None else list(ranks) if np.iterable(ranks) else [ranks]
    try:
        allowed = np.unique([check.number(rank, "ranks: a rank", 0, many, whole=True) for rank in given]).astype(int)
    except ValueError:
        allowed = []
    if not len(allowed):
        raise ValueError(f"ranks are {list(given)}; expected some of 0 to {many}, the number of maps.")
    pairs = homologous_pairs(expression.index)
    total = np.zeros_like(sets)
    chosen = np.empty((len(sets), len(held_out)), dtype=int)
    for number, fold in enumerate(held_out):
        errors = sum(_Path(x, sets, train, test).errors()[:, :, allowed] for train, test in _inner_folds(~fold, pairs))
        best = errors.reshape(len(sets), -1).argmin(axis=1)
        penalty, rank = np.divmod(best, len(allowed))
        chosen[:, number] = allowed[rank]
        total[:, :, fold] += _Path(x, sets, ~fold, fold).predict(penalty, allowed[rank])
    predicted = (total / held_out.sum(axis=0))[..., asked]
    return (predicted, chosen) if y.ndim == 3 else (predicted[0], chosen[0])


def _maps(maps: object, regions: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Return maps (M, n) or (S, M, n) in the order of the regions, and where each region stood in them (n,)."""
    tables = list(maps) if isinstance(maps, (list, tuple)) else []
    named = [table for table in tables if isinstance(table, (pd.Series, pd.DataFrame))]
    if named and not (len(named) == len(tables) and all(t.axes[-1].equals(named[0].axes[-1]) for t in named)):
        raise ValueError(
            "maps: the tables of the list have different regions, or the same in different orders; expected one order. "
            "Give one DataFrame with a map in each row."
        )
    if named:
        found = [map_table(table, regions) for table in named]
        values = [frame.to_numpy(dtype=float) for frame, _ in found]
        if isinstance(named[0], pd.Series):
            return np.concatenate(values), found[0][1]
        return array(values, "maps", finite=False), found[0][1]
    if isinstance(maps, (pd.Series, pd.DataFrame)):
        frame, asked = map_table(maps, regions)
        return frame.to_numpy(dtype=float), asked
    return array(maps, "maps", finite=False), np.arange(len(regions))


class _Path:
    """The fits of one training set along all penalties and ranks."""

    def __init__(self, x: np.ndarray, sets: np.ndarray, train: np.ndarray, test: np.ndarray):
        z = z_scores(x, train)
        known = sets[:, :, train].transpose(0, 2, 1)  # (S, m, M)
        self.mean, self.sd = known.mean(axis=1, keepdims=True), known.std(axis=1, keepdims=True)
        if constant(known, axis=1).any() or (self.sd <= 1e-12 * np.abs(self.mean)).any():
            raise ValueError("maps: one of them is constant over the training regions of a fold. Leave it out.")
        y = (known - self.mean) / self.sd
        values, vectors = np.linalg.eigh(z[train] @ z[train].T / x.shape[1])
        across = vectors.T @ (z[train] @ z[test].T) / x.shape[1]
        turned = vectors.T @ y
        values = np.maximum(values, 0)
        shrunk = turned / (values[:, None] + PENALTIES[:, None, None, None])  # (penalties, S, m, M)
        self.full = across.T @ shrunk  # ridge without a limit to its rank: (penalties, S, t, M)
        gram = np.einsum("smi,psmj->psij", turned * values[:, None], shrunk)
        self.loadings = np.linalg.eigh(gram)[1][..., ::-1]  # (penalties, S, M, M), largest first
        self.truth = (sets[:, :, test].transpose(0, 2, 1) - self.mean) / self.sd

    def errors(self) -> np.ndarray:
        """Return the summed squared error by set, penalty and rank: (S, penalties, M + 1)."""
        program, seen = self.full @ self.loadings, self.truth @ self.loadings
        # Each program adds a rank-one term, and terms are orthogonal over maps: the error falls or grows by each alone.
        change = (program**2 - 2 * program * seen).sum(axis=2).transpose(1, 0, 2)
        start = np.broadcast_to((self.truth**2).sum(axis=(1, 2))[:, None, None], (*change.shape[:2], 1))
        return np.concatenate([start, start + change.cumsum(axis=2)], axis=2)

    def predict(self, penalty: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """Return predictions (S, M, t) at one penalty (its number) and rank for each set."""
        every = np.arange(len(penalty))
        kept = self.loadings[penalty, every] * (np.arange(self.loadings.shape[-1]) < rank[:, None])[:, None]
        found = self.full[penalty, every] @ kept @ kept.transpose(0, 2, 1)
        return (self.mean + self.sd * found).transpose(0, 2, 1)


def _inner_folds(train: np.ndarray, pairs: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import GroupKFold

    rows = np.flatnonzero(train)
    folds = GroupKFold(min(_INNER_FOLDS, len(np.unique(pairs[rows]))))
    return [(rows[learn], rows[judge]) for learn, judge in folds.split(rows, groups=pairs[rows])]


def complete_maps(
    maps: pd.DataFrame,
    families: pd.Series,
    parcellation: Parcellation,
    held_out: np.ndarray,
    targets: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Predict the unknown regions of each map from its known ones and from the maps of other families.

    The maps of all other families take the place of genes in ridge regression (`xsg.evaluation.baselines.baseline`):
    what is learnt of the target, on its known regions, is how to weigh them.

    Parameters
    ----------
    maps
        DataFrame (M maps, n regions), no map named twice.
    families
        Series (M,) by map: maps of the same family show related disorders or the same people, and never help to predict
        each other. Capitals and spaces at the ends tell no families apart.
    parcellation
        Where the regions lie.
    held_out
        bool (F, n), one row per fold, True where the target is unknown, in the order of ``maps``; a DataFrame is joined
        by name.
    targets
        Maps to complete in place of ``maps``: index (map, null), as `xsg.evaluation.nulls.null_maps` gives them; joined
        to ``maps`` by name.

    Returns
    -------
    DataFrame
        Index as ``targets`` (or ``maps``), columns as ``maps``: the mean over the folds that hold a region out.

    Raises
    ------
    ValueError
        A map without family, or only one family; folds or regions that do not fit, as for `baseline`.
    """
    instance(maps, pd.DataFrame, "maps", "a DataFrame, a map in each row", "Give both names.")
    families = pd.Series(families) if isinstance(families, dict) else families
    instance(families, pd.Series, "families", "a Series by map", "Give each map's name.")
    for what, index in (("maps", maps.index), ("families", families.index)):
        distinct(index, f"{what}: maps")
    if len(lost := maps.index.difference(families.dropna().index, sort=False)):
        raise ValueError(f"families: map {lost[0]!r} has none; expected one for each of {len(maps)} maps.")
    families = families[maps.index].map(lambda each: each.strip().casefold() if isinstance(each, str) else each)
    if families.nunique() < 2:
        raise ValueError(f"families: all maps are of {families.iloc[0]!r}; none is left to learn from. Expected two.")
    if targets is None:
        targets = maps
    else:
        instance(targets, pd.DataFrame, "targets", "a DataFrame, a map in each row")
        targets = align(targets.T, maps.columns, "targets").T
        if len(lost := targets.index.get_level_values(0).difference(maps.index, sort=False)):
            raise ValueError(f"targets: map {lost[0]!r} is none of maps; expected some of {some(maps.index)}.")
    of_target = families[targets.index.get_level_values(0)].to_numpy()
    found = np.empty(targets.shape)
    for family in pd.unique(of_target):
        others = maps[families != family].T
        rows = of_target == family
        found[rows] = baseline("ridge", others, targets[rows], parcellation, held_out)
    return pd.DataFrame(found, targets.index, maps.columns)


def orthologues(human: Iterable[str], mouse: Iterable[str]) -> pd.DataFrame:
    """Match human and mouse genes of the same name, capitals aside (``NRP1``, ``Nrp1``).

    An approximation: genes that were renamed in one species are missed, and a few that share a name are no
    orthologues. A name that stands for several mouse genes (capitals aside) is left out.

    Parameters
    ----------
    human, mouse
        Symbols; repeated ones count once.

    Returns
    -------
    DataFrame
        Columns ``human`` and ``mouse``, in the order of the human genes.

    Raises
    ------
    TypeError
        If names are no text.
    ValueError
        If no name is shared, or one is missing.

    Examples
    --------
    >>> orthologues(["NRP1", "MAPT", "TP53"], ["Mapt", "Nrp1", "Trp53"])
      human mouse
    0  NRP1  Nrp1
    1  MAPT  Mapt
    """
    human, mouse = _symbols(human, "human"), _symbols(mouse, "mouse")
    by_name = pd.Series(mouse, mouse.str.upper())
    by_name = by_name[~by_name.index.duplicated(keep=False)]
    found = by_name.reindex(human.str.upper())
    table = pd.DataFrame({"human": human, "mouse": found.to_numpy()}).dropna().reset_index(drop=True)
    if table.empty:
        raise ValueError(
            f"none of {len(human)} human and {len(mouse)} mouse genes share a name; expected symbols such as 'NRP1' "
            "and 'Nrp1'. Are those of one of them identifiers?"
        )
    return table


def _symbols(genes: object, what: str) -> pd.Index:
    """Return symbols, each once, or refuse what are none."""
    if isinstance(genes, (str, bytes, pd.DataFrame)) or not np.iterable(genes):
        raise TypeError(f"{what}: expected a list of gene symbols, got {type(genes).__name__} {str(genes)[:40]!r}.")
    found = pd.Index(list(genes), dtype=object).unique()
    if found.isna().any():
        raise ValueError(f"{what}: a gene has no name (NaN); leave it out.")
    odd = [gene for gene in found if not isinstance(gene, str)]
    if odd:
        raise TypeError(
            f"{what}: gene {odd[0]!r} is a {type(odd[0]).__name__}; expected symbols such as 'NRP1'. Entrez ids are of "
            "one species: translate them to symbols first."
        )
    return found


def carry_over(
    loadings: pd.DataFrame,
    expression: pd.DataFrame,
    order: np.ndarray | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> np.ndarray | float:
    r"""Say how well loadings from elsewhere predict the expression of genes that were held out.

    Each region's expression, gene by gene, is regressed on the genes' loadings (with a constant) over the training
    genes: the coefficients are the maps that the programs have *here*. Held-out genes are then predicted from their
    loadings and these maps, with no look at their expression:

    .. math:: R^2 = 1 - \sum_{ig} (z_{ig} - \hat z_{ig})^2 / \sum_{ig} (z_{ig} - \bar z_{i})^2,

    over held-out genes g and regions i; :math:`\bar z_i` is the mean over training genes.

    Parameters
    ----------
    loadings
        DataFrame (G genes, k programs), from another species or another part of the brain.
    expression
        DataFrame (n regions, G genes), the columns in the order of ``loadings``; z-scored by gene.
    order
        int (N, G): N ways to deal the loadings to the genes (row numbers of ``loadings``), as in `dealt`.
    n_folds, seed
        Of the genes, dealt at random.

    Returns
    -------
    float, or ndarray (N,) where ``order`` is given
        Held-out R² over all genes. 1 is perfect, 0 no better than the mean gene, loadings of no use fall below 0.

    Raises
    ------
    TypeError
        Tables without names.
    ValueError
        Genes that do not match or are given twice; a gene or a program that is constant; ``order`` that holds no row
        numbers; fewer than two folds, or too few genes for as many programs.
    """
    # Regions are not joined to anything here: rotated ones may come twice.
    expression = gene_table(expression.reset_index(drop=True) if isinstance(expression, pd.DataFrame) else expression)
    if isinstance(loadings, pd.Series):
        loadings = loadings.to_frame()
    loadings = align(loadings, getattr(loadings, "index", ()), "loadings")
    if not loadings.index.equals(expression.columns):
        raise ValueError(
            f"loadings have {len(loadings)} genes and expression {expression.shape[1]}, or in another order; expected "
            "the same. Use orthologues() and name both by the human gene."
        )
    n_genes, k = loadings.shape
    n_folds, seed = check.number(n_folds, "n_folds", whole=True), check.number(seed, "seed", 0, whole=True)
    if not k or n_folds < 2 or n_genes * (n_folds - 1) // n_folds < 2 * (k + 1):
        raise ValueError(f"{n_genes} genes in {n_folds} folds do not carry {k} programs; expected over twice as many.")
    z = expression.to_numpy(dtype=float).T  # (G, n)
    for what, names, flat in (
        ("expression: gene", expression.columns, constant(z, axis=1)),
        ("loadings: program", loadings.columns, constant(loadings.to_numpy())),
    ):
        if flat.any():
            raise ValueError(f"{what} {names[flat][0]!r} and {flat.sum() - 1} more are constant. Leave them out.")
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    w = loadings.to_numpy(dtype=float)
    w = np.column_stack([np.ones(n_genes), (w - w.mean(axis=0)) / w.std(axis=0)])
    rows = np.arange(n_genes)[None] if order is None else _rows(order, n_genes)
    fold_of_gene = np.random.default_rng(seed).permutation(n_genes) % n_folds
    left, spread = np.zeros(len(rows)), 0.0
    for fold in range(n_folds):
        test = fold_of_gene == fold
        (normal, with_z), (test_normal, test_with_z) = (_products(w, rows, z, part) for part in (~test, test))
        maps = np.linalg.solve(normal, with_z)  # (N, k + 1, n)
        # ‖z − w B‖² written out, so that no array of N × genes × regions is made.
        left += (z[test] ** 2).sum() + (maps * (test_normal @ maps - 2 * test_with_z)).sum(axis=(1, 2))
        spread += ((z[test] - z[~test].mean(axis=0)) ** 2).sum()
    found = 1 - left / spread
    return float(found[0]) if order is None else found


def _rows(order: object, n_genes: int) -> np.ndarray:
    """Return row numbers of genes int (N, G), or refuse what are none."""
    rows = array(order, "order")
    if rows.ndim != 2 or rows.shape[1] != n_genes or not ((rows >= 0) & (rows < n_genes) & (rows % 1 == 0)).all():
        raise ValueError(
            f"order has shape {rows.shape}; expected whole numbers (N, {n_genes}) from 0 to {n_genes - 1}, as dealt() "
            "makes them."
        )
    return rows.astype(int)


def _products(w: np.ndarray, rows: np.ndarray, z: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """WᵀW (N, k + 1, k + 1) and WᵀZ (N, k + 1, n) over a part of the genes, W in each of N orders."""
    turned = w[rows[:, part]].transpose(0, 2, 1)
    return turned @ turned.transpose(0, 2, 1), (turned.reshape(-1, part.sum()) @ z[part]).reshape(*turned.shape[:2], -1)


def dealt(n_genes: int, n: int, strata: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """Deal genes' rows anew: n permutations int (n, n_genes), within strata where they are given, one a gene.

    Examples
    --------
    >>> dealt(4, 2, strata=np.array([0, 0, 1, 1])).max(axis=0).tolist()[:2] <= [1, 1]
    True
    """
    n_genes, n = (check.number(value, what, whole=True) for value, what in ((n_genes, "n_genes"), (n, "n")))
    rng = np.random.default_rng(check.number(seed, "seed", 0, whole=True))
    strata = np.zeros(max(n_genes, 0), dtype=int) if strata is None else np.asarray(strata)
    if strata.shape != (n_genes,) or n < 1:
        raise ValueError(f"strata has shape {strata.shape}, n is {n}; expected ({n_genes},), one a gene, and n ≥ 1.")
    stratum, names = pd.factorize(strata, sort=True)
    if (stratum < 0).any():
        raise ValueError(f"strata: {(stratum < 0).sum()} of {n_genes} genes have none (NaN); expected one for each.")
    found = np.empty((n, n_genes), dtype=int)
    for number in range(len(names)):
        members = np.flatnonzero(stratum == number)
        found[:, members] = rng.permuted(np.tile(members, (n, 1)), axis=1)
    return found
