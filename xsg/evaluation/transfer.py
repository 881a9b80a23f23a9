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

from xsg.atlas import Parcellation, homologous_pairs
from xsg.evaluation.baselines import PENALTIES, baseline

_INNER_FOLDS = 5


def predict_shared(
    expression: pd.DataFrame, maps: np.ndarray, held_out: np.ndarray, ranks: Iterable[int] | None = None
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
        float (M, n), or (S, M, n) for S sets of maps of the same regions, each modelled on its own (null sets, say).
    held_out
        bool (F, n), one row per fold, True where held out, in the order of ``expression``.
    ranks
        Ranks r to choose from, 0 to M; all by default. 0 predicts the mean, M shares nothing but the penalty.

    Returns
    -------
    predicted : ndarray, shape of ``maps``
        Each region by the fold that holds it out (the mean over folds, where several do), in the unit of its map.
    rank : int ndarray (F,) or (S, F)
        The rank chosen in each fold.

    Raises
    ------
    ValueError
        Shapes that do not fit, a map that is constant over the training regions, ranks outside 0 … M, a region that no
        fold holds out.

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
    x = expression.to_numpy(dtype=float)
    y = np.asarray(maps, dtype=float)
    held_out = np.asarray(held_out)
    n = len(x)
    if y.ndim not in (2, 3) or y.shape[-1] != n or not np.isfinite(y).all():
        raise ValueError(
            f"maps has shape {y.shape}{'' if np.isfinite(y).all() else ', not all finite'}; expected finite values (M, "
            f"{n}) or (S, M, {n}), one column for each region of expression. Cut the maps to the regions all have."
        )
    if held_out.dtype != bool or held_out.ndim != 2 or held_out.shape[1] != n or not held_out.any(axis=0).all():
        raise ValueError(
            f"held_out is {held_out.dtype} {held_out.shape}; expected bool (folds, {n}) that hold every region out at "
            "least once. Use the folds of xsg.evaluation.splits."
        )
    sets = y[None] if y.ndim == 2 else y
    many = sets.shape[1]
    allowed = np.arange(many + 1) if ranks is None else np.unique(list(ranks)).astype(int)
    if not len(allowed) or allowed[0] < 0 or allowed[-1] > many:
        raise ValueError(f"ranks are {allowed.tolist()}; expected some of 0 to {many}, the number of maps.")
    pairs = homologous_pairs(expression.index)
    total = np.zeros_like(sets)
    chosen = np.empty((len(sets), len(held_out)), dtype=int)
    for number, fold in enumerate(held_out):
        errors = sum(_Path(x, sets, train, test).errors()[:, :, allowed] for train, test in _inner_folds(~fold, pairs))
        best = errors.reshape(len(sets), -1).argmin(axis=1)
        penalty, rank = np.divmod(best, len(allowed))
        chosen[:, number] = allowed[rank]
        total[:, :, fold] += _Path(x, sets, ~fold, fold).predict(penalty, allowed[rank])
    predicted = total / held_out.sum(axis=0)
    return (predicted, chosen) if y.ndim == 3 else (predicted[0], chosen[0])


class _Path:
    """The fits of one training set along all penalties and ranks."""

    def __init__(self, x: np.ndarray, sets: np.ndarray, train: np.ndarray, test: np.ndarray):
        centred, scale = x - x[train].mean(axis=0), x[train].std(axis=0)
        z = centred / np.where(scale > 0, scale, 1)
        known = sets[:, :, train].transpose(0, 2, 1)  # (S, m, M)
        self.mean, self.sd = known.mean(axis=1, keepdims=True), known.std(axis=1, keepdims=True)
        if (self.sd <= 1e-12 * np.abs(self.mean)).any():
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
        DataFrame (M maps, n regions).
    families
        Series (M,) by map: maps of the same family show related disorders or the same people, and never help to predict
        each other.
    parcellation
        Where the regions lie.
    held_out
        bool (F, n), one row per fold, True where the target is unknown.
    targets
        Maps to complete in place of ``maps``: index (map, null), as `xsg.evaluation.nulls.null_maps` gives them.

    Returns
    -------
    DataFrame
        Index as ``targets`` (or ``maps``), columns as ``maps``: the mean over the folds that hold a region out.

    Raises
    ------
    ValueError
        A map without family, or only one family; folds or regions that do not fit, as for `baseline`.
    """
    if len(lost := maps.index.difference(families.dropna().index, sort=False)):
        raise ValueError(f"families: map {lost[0]!r} has none; expected one for each of {len(maps)} maps.")
    families = families[maps.index]
    if families.nunique() < 2:
        raise ValueError(f"families: all maps are of {families.iloc[0]!r}; none is left to learn from. Expected two.")
    targets = maps if targets is None else targets
    of_target = families[targets.index.get_level_values(0)].to_numpy()
    parts = []
    for family in pd.unique(of_target):
        others = maps[families != family].T
        wanted = targets[of_target == family]
        values = baseline("ridge", others, wanted, parcellation, held_out)
        parts.append(pd.DataFrame(values, wanted.index, maps.columns))
    return pd.concat(parts).loc[targets.index]


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
    ValueError
        If no name is shared.

    Examples
    --------
    >>> orthologues(["NRP1", "MAPT", "TP53"], ["Mapt", "Nrp1", "Trp53"])
      human mouse
    0  NRP1  Nrp1
    1  MAPT  Mapt
    """
    human, mouse = pd.Index(human).unique(), pd.Index(mouse).unique()
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
    ValueError
        Genes that do not match, fewer than two folds, or too few genes for as many programs.
    """
    if not loadings.index.equals(expression.columns):
        raise ValueError(
            f"loadings have {len(loadings)} genes and expression {expression.shape[1]}, or in another order; expected "
            "the same. Use orthologues() and name both by the human gene."
        )
    n_genes, k = loadings.shape
    if n_folds < 2 or n_genes * (n_folds - 1) // n_folds < 2 * (k + 1):
        raise ValueError(f"{n_genes} genes in {n_folds} folds do not carry {k} programs; expected over twice as many.")
    z = expression.to_numpy(dtype=float).T  # (G, n)
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    w = loadings.to_numpy(dtype=float)
    w = np.column_stack([np.ones(n_genes), (w - w.mean(axis=0)) / w.std(axis=0)])
    rows = np.arange(n_genes)[None] if order is None else np.asarray(order)
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


def _products(w: np.ndarray, rows: np.ndarray, z: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """WᵀW (N, k + 1, k + 1) and WᵀZ (N, k + 1, n) over a part of the genes, W in each of N orders."""
    turned = w[rows[:, part]].transpose(0, 2, 1)
    return turned @ turned.transpose(0, 2, 1), (turned.reshape(-1, part.sum()) @ z[part]).reshape(*turned.shape[:2], -1)


def dealt(n_genes: int, n: int, strata: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """Deal genes' rows anew: n permutations int (n, n_genes), within strata where they are given.

    Examples
    --------
    >>> dealt(4, 2, strata=np.array([0, 0, 1, 1])).max(axis=0).tolist()[:2] <= [1, 1]
    True
    """
    rng = np.random.default_rng(seed)
    strata = np.zeros(n_genes, dtype=int) if strata is None else np.asarray(strata)
    if strata.shape != (n_genes,) or n < 1:
        raise ValueError(f"strata has shape {strata.shape}, n is {n}; expected ({n_genes},), one a gene, and n ≥ 1.")
    found = np.empty((n, n_genes), dtype=int)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        found[:, members] = rng.permuted(np.tile(members, (n, 1)), axis=1)
    return found
