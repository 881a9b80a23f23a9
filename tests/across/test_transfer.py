"""Transfer: planted programs come back, chance is called chance, what does not fit is refused."""

import numpy as np
import pandas as pd
import pytest

from xsg.across.simulate_orthologues import simulate_orthologues
from xsg.across.transfer import carry_over, complete_maps, dealt, orthologues, predict_shared
from xsg.atlas import load_parcellation
from xsg.evaluation.baselines import PENALTIES, baseline
from xsg.evaluation.nulls import p_value
from xsg.evaluation.splits import homologous

DK = load_parcellation("dk")
REGIONS = DK.regions[2:67]  # 65 of them, so that some have no homologue
FOLDS = homologous(REGIONS, 3)


@pytest.fixture(scope="module")
def expression():
    rng = np.random.default_rng(0)
    axes = rng.standard_normal((len(REGIONS), 4)) * [4, 3, 2, 1.5]
    noise = 0.5 * rng.standard_normal((len(REGIONS), 40))
    return pd.DataFrame(axes @ rng.standard_normal((4, 40)) + noise, REGIONS)


def planted(expression, share, many=9, programs=2, seed=1):
    """Maps of which a share of the variance is a few programs of expression, the rest white noise."""
    rng = np.random.default_rng(seed)
    z = (expression - expression.mean()) / expression.std()
    axes = np.linalg.qr(z.to_numpy() @ rng.standard_normal((z.shape[1], programs)))[0] * np.sqrt(len(z))
    signal = rng.standard_normal((many, programs)) @ axes.T
    signal /= signal.std(axis=1, keepdims=True)
    maps = np.sqrt(share) * signal + np.sqrt(1 - share) * rng.standard_normal(signal.shape)
    return pd.DataFrame(maps * 3 + 5, [f"map {k}" for k in range(many)], expression.index)


def r2(maps, predicted):
    maps, predicted = np.asarray(maps), np.asarray(predicted)
    spread = ((maps - maps.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    return 1 - ((maps - predicted) ** 2).sum(axis=-1) / spread


def test_planted_rank_and_gain(expression):
    """Two programs in noisy maps are found to be two, and borrowing beats each map's own ridge."""
    maps = planted(expression, 0.6)
    predicted, rank = predict_shared(expression, maps.to_numpy(), FOLDS)
    assert np.median(rank) == 2
    alone = r2(maps, baseline("ridge", expression, maps, DK, FOLDS))
    assert r2(maps, predicted).mean() > alone.mean() + 0.02


def test_full_rank_is_ridge(expression):
    """With full rank the model is scikit-learn's ridge on all maps, at one penalty; rank 0 is the mean."""
    from sklearn.linear_model import Ridge

    maps = planted(expression, 0.7).to_numpy()
    predicted, _ = predict_shared(expression, maps, FOLDS, [9])
    fold = FOLDS[0]
    x = expression.to_numpy()
    z = (x - x[~fold].mean(axis=0)) / x[~fold].std(axis=0)
    y = maps.T[~fold]
    fits = [
        y.mean(0) + y.std(0) * Ridge(p * 40).fit(z[~fold], (y - y.mean(0)) / y.std(0)).predict(z[fold])
        for p in PENALTIES
    ]
    assert min(np.abs(each - predicted.T[fold]).max() for each in fits) < 1e-8
    mean, rank = predict_shared(expression, maps, FOLDS, [0])
    assert np.allclose(mean[:, fold], y.mean(axis=0)[:, None])
    assert rank.tolist() == [0, 0, 0]


def test_rank_is_optimal(expression):
    """No other projection of rank 1 lowers the penalised objective: checked against perturbed directions."""
    from xsg.across.transfer import _Path

    maps = planted(expression, 0.6).to_numpy()[None]
    everywhere = np.ones(len(REGIONS), bool)
    path = _Path(expression.to_numpy(), maps, everywhere, everywhere)
    z = ((expression - expression.mean()) / expression.std(ddof=0)).to_numpy()
    y = path.truth[0]
    penalty = 4
    ridge = np.linalg.solve(z.T @ z + PENALTIES[penalty] * 40 * np.eye(40), z.T @ y)

    def objective(direction):
        b = ridge @ np.outer(direction, direction)
        return ((y - z @ b) ** 2).sum() + PENALTIES[penalty] * 40 * (b**2).sum()

    best = path.loadings[penalty, 0, :, 0]
    rng = np.random.default_rng(0)
    others = best + 0.1 * rng.standard_normal((50, 9))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert all(objective(best) < objective(other) for other in others)


def test_errors_along_the_path(expression):
    """The running sums over ranks are the squared errors of the predictions."""
    from xsg.across.transfer import _Path

    sets = np.stack([planted(expression, share).to_numpy() for share in (0.2, 0.8)])
    path = _Path(expression.to_numpy(), sets, ~FOLDS[1], FOLDS[1])
    for penalty, rank in ((0, 3), (5, 7)):
        one, k = np.full(2, penalty), np.full(2, rank)
        guess = (path.predict(one, k).transpose(0, 2, 1) - path.mean) / path.sd
        assert np.allclose(((guess - path.truth) ** 2).sum(axis=(1, 2)), path.errors()[:, penalty, rank])


def test_sets_do_not_touch(expression):
    sets = np.stack([planted(expression, share, seed=seed).to_numpy() for share, seed in ((0.2, 1), (0.8, 2))])
    together, ranks = predict_shared(expression, sets, FOLDS)
    assert ranks.shape == (2, 3)
    for k in range(2):
        assert np.allclose(together[k], predict_shared(expression, sets[k], FOLDS)[0])


def test_held_out_values_do_not_leak(expression):
    maps = planted(expression, 0.5).to_numpy()
    before, _ = predict_shared(expression, maps, FOLDS)
    changed = maps.copy()
    changed[:, FOLDS[2]] += 100 * np.random.default_rng(5).standard_normal((9, FOLDS[2].sum()))
    after, _ = predict_shared(expression, changed, FOLDS)
    assert np.array_equal(before[:, FOLDS[2]], after[:, FOLDS[2]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, m, f: (x, m[:, 1:], f), "one column for each region"),
        (lambda x, m, f: (x, np.where(m == m[0, 0], np.nan, m), f), "not all finite"),
        (lambda x, m, f: (x, m, f[:2]), "hold every region out"),
        (lambda x, m, f: (x, m, f, [10]), "0 to 9"),
        (lambda x, m, f: (x, np.vstack([m, np.ones(m.shape[1])]), f), "constant"),
    ],
)
def test_shared_refuses(expression, change, message):
    with pytest.raises(ValueError, match=message):
        predict_shared(*change(expression, planted(expression, 0.5).to_numpy(), FOLDS))


def test_complete_maps_uses_others_only(expression):
    """Maps of another family complete a map; those of its own may change without effect."""
    maps = planted(expression, 0.95)
    families = pd.Series(["a"] * 3 + ["b"] * 4 + ["c"] * 2, maps.index)
    found = complete_maps(maps, families, DK, FOLDS)
    assert r2(maps, found).min() > 0.6
    changed = maps.copy()
    changed.iloc[1:3] += np.random.default_rng(0).standard_normal((2, maps.shape[1]))
    again = complete_maps(changed, families, DK, FOLDS)
    assert np.allclose(found.iloc[0], again.iloc[0])
    assert not np.allclose(found.iloc[5], again.iloc[5])
    targets = pd.concat({name: maps.loc[[name]] for name in ("map 6", "map 0")}, names=["map", "null"])
    some = complete_maps(maps, families, DK, FOLDS, targets)
    assert np.allclose(some, found.loc[["map 6", "map 0"]])
    with pytest.raises(ValueError, match="'map 8' has none"):
        complete_maps(maps, families[:-1], DK, FOLDS)
    with pytest.raises(ValueError, match="all maps are of 'a'"):
        complete_maps(maps, pd.Series("a", maps.index), DK, FOLDS)


def test_orthologues():
    found = orthologues(["A1", "B2", "C3", "D4", "A1"], ["c3", "C3", "B2", "Zz", "a1"])
    assert found.to_dict("list") == {"human": ["A1", "B2"], "mouse": ["a1", "B2"]}  # c3 and C3 are one name too many
    with pytest.raises(ValueError, match="none of 1 human and 2 mouse genes"):
        orthologues(["TP53"], ["Trp53", "1234"])


def test_carry_over_is_regression_over_genes():
    rng = np.random.default_rng(0)
    genes = [f"g{k}" for k in range(50)]
    loadings = pd.DataFrame(rng.standard_normal((50, 3)), genes)
    expression = pd.DataFrame(rng.standard_normal((8, 3)) @ loadings.T.to_numpy(), columns=genes)
    expression += 0.3 * rng.standard_normal(expression.shape)
    from sklearn.linear_model import LinearRegression

    z = ((expression - expression.mean()) / expression.std(ddof=0)).T.to_numpy()
    left = spread = 0
    fold_of_gene = np.random.default_rng(4).permutation(50) % 5
    for fold in range(5):
        test = fold_of_gene == fold
        guess = LinearRegression().fit(loadings[~test], z[~test]).predict(loadings[test])
        left += ((z[test] - guess) ** 2).sum()
        spread += ((z[test] - z[~test].mean(axis=0)) ** 2).sum()
    score = carry_over(loadings, expression, seed=4)
    assert score == pytest.approx(1 - left / spread)
    assert score > 0.5
    order = dealt(50, 7, seed=1)
    shuffled = [carry_over(loadings.iloc[row].set_axis(genes), expression, seed=4) for row in order]
    assert np.allclose(carry_over(loadings, expression, order, seed=4), shuffled)
    assert max(shuffled) < 0.2
    with pytest.raises(ValueError, match="in another order"):
        carry_over(loadings.iloc[::-1], expression)
    with pytest.raises(ValueError, match="do not carry 3 programs"):
        carry_over(loadings[:7], expression.iloc[:, :7])


def test_dealt_keeps_strata():
    strata = np.array([0, 1, 0, 2, 1, 0, 1])
    order = dealt(7, 20, strata)
    assert (strata[order] == strata).all()
    assert (np.sort(order, axis=1) == np.arange(7)).all()
    assert len(np.unique(order, axis=0)) > 5
    with pytest.raises(ValueError, match=r"strata has shape \(6,\)"):
        dealt(7, 2, strata[:6])


def test_null_is_calibrated_and_conservation_found():
    """Of unrelated brains about 5 % are called related; of conserved ones nearly all."""
    rng = np.random.default_rng(3)
    mouse = pd.DataFrame(rng.standard_normal((60, 2)), [f"g{k}" for k in range(60)])
    order = dealt(60, 39)
    p = {
        share: np.array(
            [
                p_value(carry_over(mouse, human), carry_over(mouse, human, order))
                for human in (simulate_orthologues(mouse, share, seed).expression for seed in range(runs))
            ]
        )
        for share, runs in ((0.0, 100), (0.8, 10))
    }
    assert 0.0 <= (p[0.0] <= 0.05).mean() <= 0.12  # ± 3 standard errors of 100 tests
    assert 0.35 < p[0.0].mean() < 0.65
    assert (p[0.8] <= 0.05).mean() > 0.85
