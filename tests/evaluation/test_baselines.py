"""Baselines: equal to the libraries, each on a map it must win and one it must lose, and nothing held out is seen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct, Matern, PairwiseKernel, WhiteKernel
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xsg.atlas import homologous_pairs, load_parcellation
from xsg.evaluation import baselines
from xsg.evaluation.baselines import BASELINES, baseline
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.splits import homologous
from xsg.training import CrossScaleVAE, cross_val_predict

DK = load_parcellation("dk")
REGIONS = DK.regions.delete([5, 40, 41])  # 65, some without their homologue
FOLDS = homologous(REGIONS, 5)
PAIRS = homologous_pairs(REGIONS)
SIMPLE = BASELINES[:-1]


def genes(p: int = 90, seed: int = 0) -> pd.DataFrame:
    """Genes that vary over the cortex along five directions, with noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(REGIONS), 5)) @ rng.normal(size=(5, p)) + 0.5 * rng.normal(size=(len(REGIONS), p))
    return pd.DataFrame(3 + values, REGIONS, [f"g{i}" for i in range(p)])


def some_maps(m: int = 4) -> pd.DataFrame:
    noise = np.random.default_rng(1).normal(size=(m, len(REGIONS)))
    x = genes().to_numpy()
    return pd.DataFrame(2 + 0.1 * x[:, :m].T + 0.3 * noise, columns=REGIONS)


def by_library(estimator, grid: dict, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Held-out prediction with scikit-learn alone."""
    found = np.empty(len(y))
    for fold in FOLDS:
        search = GridSearchCV(estimator, grid, cv=GroupKFold(5), scoring="neg_mean_squared_error")
        found[fold] = search.fit(x[~fold], y[~fold], groups=PAIRS[~fold]).predict(x[fold])
    return found


@pytest.mark.parametrize(
    ("name", "estimator", "grid"),
    [
        ("ridge", Ridge(), {"ridge__alpha": 90 * baselines.PENALTIES}),
        ("PLS", PLSRegression(scale=False), {"plsregression__n_components": [1, 2, 3, 4, 5]}),
    ],
)
def test_chosen_inside_like_scikit_learn(name, estimator, grid):
    x, maps = genes(), some_maps(3)
    found = baseline(name, x, maps, DK, FOLDS)
    pipeline = make_pipeline(StandardScaler(), estimator)
    expected = [by_library(pipeline, grid, x.to_numpy(), y) for y in maps.to_numpy()]
    assert np.allclose(found, expected, atol=1e-8)


def test_principal_component_like_scikit_learn():
    from sklearn.decomposition import PCA

    x, maps = genes(), some_maps(2)
    pipeline = make_pipeline(StandardScaler(), PCA(1), LinearRegression())
    expected = [by_library(pipeline, {}, x.to_numpy(), y) for y in maps.to_numpy()]
    assert np.allclose(baseline("expression PC1", x, maps, DK, FOLDS), expected, atol=1e-8)


def test_kriging_like_scikit_learn(monkeypatch):
    """The same kernel gives the same prediction; of the whole grid the likeliest kernel is taken."""
    x, maps = genes(), some_maps(2)
    where = DK.table.loc[REGIONS, ["x", "y", "z"]].to_numpy(copy=True)
    where[:, 0] = np.abs(where[:, 0])

    def by_process(y, fold, length, nugget, variance=1.0):
        kernel = variance * Matern(length, nu=1.5) + WhiteKernel(variance * nugget)
        process = GaussianProcessRegressor(kernel, optimizer=None)
        return process.fit(where[~fold], y[~fold] - y[~fold].mean())

    monkeypatch.setattr(baselines, "SIDES", (0.0,))
    chosen = baseline("position (kriging)", x, maps, DK, FOLDS)
    y, fold = maps.to_numpy()[0], FOLDS[0]
    # scikit-learn's likelihood at the best of many variances, for each cell of the grid
    grid = [(length, nugget) for length in baselines.LENGTHS for nugget in baselines.NUGGETS]
    variances = np.geomspace(0.01, 3, 150) * y.var()
    likelihood = [max(by_process(y, fold, *cell, v).log_marginal_likelihood_value_ for v in variances) for cell in grid]
    best = grid[int(np.argmax(likelihood))]
    expected = y[~fold].mean() + by_process(y, fold, *best).predict(where[fold])
    assert np.allclose(chosen[0, fold], expected, atol=1e-6)

    monkeypatch.setattr(baselines, "LENGTHS", (33.0,))
    monkeypatch.setattr(baselines, "NUGGETS", (0.2,))
    found = baseline("position (kriging)", x, maps, DK, FOLDS)
    for row, y in zip(found, maps.to_numpy(), strict=True):
        for fold in FOLDS:
            expected = y[~fold].mean() + by_process(y, fold, 33.0, 0.2).predict(where[fold])
            assert np.allclose(row[fold], expected, atol=1e-8)


def test_position_and_genes_like_scikit_learn(monkeypatch):
    """At fixed settings it is scikit-learn's process; with no share of genes, position."""
    x, maps = genes(), some_maps(2)
    where = DK.table.loc[REGIONS, ["x", "y", "z"]].to_numpy(copy=True)
    where[:, 0] = np.abs(where[:, 0])
    alone = baseline("position (kriging)", x, maps, DK, FOLDS)
    monkeypatch.setattr(baselines, "SHARES", (0.0,))
    assert np.allclose(baseline("position + genes", x, maps, DK, FOLDS), alone)

    for settings, values in {"LENGTHS": (33.0,), "NUGGETS": (0.2,), "SHARES": (0.3,), "SIDES": (0.0,)}.items():
        monkeypatch.setattr(baselines, settings, values)
    found = baseline("position + genes", x, maps, DK, FOLDS)
    folded = x.groupby(PAIRS).transform("mean").to_numpy()  # these folds keep homologues together
    for fold in FOLDS:
        z = StandardScaler().fit(folded[~fold]).transform(folded) / np.sqrt(x.shape[1])
        both = 0.7 * Matern(33.0, nu=1.5)(where) + 0.3 * DotProduct(0.0)(z)  # each of columns of its own
        looked_up = PairwiseKernel(metric=lambda a, b, both=both, **_: both[int(a[0]), int(b[0])])
        rows = np.arange(len(REGIONS))[:, None]
        for row, y in zip(found, maps.to_numpy(), strict=True):
            process = GaussianProcessRegressor(looked_up + WhiteKernel(0.2), optimizer=None)
            process.fit(rows[~fold], y[~fold] - y[~fold].mean())
            assert np.allclose(row[fold], y[~fold].mean() + process.predict(rows[fold]), atol=1e-8)


def test_place_tells_the_sides_apart_where_they_differ():
    """A map with a patch on one side only is told by place; without the second process it would be taken for equal."""
    position = DK.table.loc[REGIONS]
    patch = np.exp(-((position.y - 10) ** 2 + (position.z + 20) ** 2) / 1500) * (position.x < 0)
    x = genes()
    told = r_squared(patch, baseline("position (kriging)", x, patch, DK, FOLDS)[0])
    assert told > 0.5
    mirrored = (patch + patch.groupby(PAIRS).transform("sum")).rename("y")  # unlike still
    both = patch.groupby(PAIRS).transform("mean")
    assert np.allclose(
        baseline("position (kriging)", x, both, DK, FOLDS)[0],
        baseline("position (kriging)", x, pd.DataFrame([both, mirrored], ["a", "b"]), DK, FOLDS)[0],
    )


def test_the_second_process_is_what_tells_them(monkeypatch):
    position = DK.table.loc[REGIONS]
    patch = np.exp(-((position.y - 10) ** 2 + (position.z + 20) ** 2) / 1500) * (position.x < 0)
    whole = r_squared(patch, baseline("position (kriging)", genes(), patch, DK, FOLDS)[0])
    monkeypatch.setattr(baselines, "SIDES", (0.0,))
    assert r_squared(patch, baseline("position (kriging)", genes(), patch, DK, FOLDS)[0]) < whole - 0.2


def test_genes_add_to_place_only_where_they_make_the_map():
    """A map of place and genes is better told by both; one of place alone no better, and equal sides do not hide it."""
    rng, x = np.random.default_rng(5), genes(p=200)
    place = np.cos(DK.table.loc[REGIONS, "y"] / 25)
    biology = pd.Series(x.to_numpy() @ rng.normal(size=200), REGIONS)
    biology = biology.groupby(PAIRS).transform("mean")  # homologues share their value, as in an average of both sides
    names = ("position (kriging)", "position + genes")
    for share, least, most in ((0.0, -0.1, 0.1), (1.0, 0.15, 1.0)):
        y = place / place.std() + share * biology / biology.std()
        scores = [r_squared(y, baseline(name, x, y, DK, FOLDS)[0]) for name in names]
        assert least < scores[1] - scores[0] < most, (share, scores)


def test_contralateral_copy_by_hand():
    regions = pd.Index(["L_insula", "L_cuneus", "L_lingual", "L_fusiform", "R_lingual", "R_insula", "R_precuneus"])
    y = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], regions)
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(7, 8)), regions)
    held_out = np.array([[1, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1, 0]], dtype=bool)
    found = baseline("contralateral copy", x, y, DK, held_out)
    # L_insula: its twin's 6 in the first fold, the mean of the rest (21 / 5) in the second.
    assert found[0, [0, 1, 5]] == pytest.approx([(6 + 4.2) / 2, 5.0, 4.2])
    assert np.isnan(found[0, [2, 3, 4, 6]]).all()


def test_each_wins_on_its_own_map_and_none_on_noise():
    rng = np.random.default_rng(3)
    x = genes(p=200)
    z = (x - x.mean()) / x.std()
    position = DK.table.loc[REGIONS]
    first = np.linalg.svd(z.to_numpy(), full_matrices=False)[0][:, 0]
    own = {
        "position (kriging)": np.sin(np.abs(position.x) / 20) + position.y / 50,
        "position + genes": np.sin(np.abs(position.x) / 20) + position.y / 50,
        "expression PC1": first,
        "ridge": z.to_numpy() @ rng.normal(size=200),
        "PLS": z.to_numpy() @ rng.normal(size=200),
    }
    for name, values in own.items():
        y = pd.Series(values, REGIONS) / np.std(values)
        assert r_squared(y, baseline(name, x, y, DK, FOLDS)[0]) > 0.8, name
    noise = pd.DataFrame(rng.normal(size=(20, len(REGIONS))), columns=REGIONS)
    for name in SIMPLE:
        found = baseline(name, x, noise, DK, FOLDS)
        assert np.mean([r_squared(y, p) for y, p in zip(noise.to_numpy(), found, strict=True)]) < 0.05, name


@pytest.mark.parametrize("name", SIMPLE)
def test_held_out_values_are_never_seen(name):
    x, maps = genes(), some_maps(3)
    before = baseline(name, x, maps, DK, FOLDS)
    changed = maps.copy()
    changed.loc[:, FOLDS[0]] += 100.0
    after = baseline(name, x, changed, DK, FOLDS)
    assert np.array_equal(before[:, FOLDS[0]], after[:, FOLDS[0]])
    assert not np.allclose(before[:, FOLDS[1]], after[:, FOLDS[1]])
    if name in ("expression PC1", "ridge", "PLS"):  # another region's genes are none of a region's business either
        odd = x.copy()
        odd.loc[FOLDS[0]] *= 3
        keep = np.flatnonzero(FOLDS[0])[0]
        odd.iloc[keep] = x.iloc[keep]
        assert np.allclose(baseline(name, odd, maps, DK, FOLDS)[:, keep], before[:, keep])


@pytest.mark.parametrize("name", SIMPLE)
def test_maps_do_not_meet_and_rows_are_matched_by_name(name):
    x, maps = genes(), some_maps(3)
    together = baseline(name, x, maps.iloc[:, ::-1], DK, FOLDS)
    alone = [baseline(name, x, row, DK, FOLDS)[0] for _, row in maps.iterrows()]
    assert np.allclose(together[:, ::-1], alone, atol=1e-10)  # each stands beside its map, in the order of the maps


def test_few_regions_and_genes_are_enough():
    regions = REGIONS[:7]
    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(7, 8)), regions)
    x[0] = 1.0  # a gene that tells nothing
    y = pd.DataFrame(rng.normal(size=(9, 7)), columns=regions)
    y.iloc[0] = x[1].to_numpy()
    for name in SIMPLE:
        assert np.isfinite(baseline(name, x, y, DK, np.eye(7, dtype=bool))).all()


def test_network_without_graph_goes_through_training():
    x, y = genes(p=9), some_maps(1).iloc[0]
    model = CrossScaleVAE(latent=3, hidden=8, decoder=4, epochs=5)
    found = baseline("VAE without graph", x, y, DK, FOLDS, seed=2, model=model)
    expected = cross_val_predict(model, x, y, None, held_out=FOLDS, seeds=(2,), progress=False)
    assert np.array_equal(found, expected.to_numpy())


def test_what_is_wrong_is_named():
    x, y = genes(), some_maps(1).iloc[0]
    with pytest.raises(ValueError, match=r"baseline 'lasso' is unknown; expected one of .*'ridge'"):
        baseline("lasso", x, y, DK, FOLDS)
    with pytest.raises(ValueError, match="held_out: expected bool"):
        baseline("ridge", x, y, DK, FOLDS[:, :-1])
    with pytest.raises(ValueError, match="leaves 3 regions to train on"):
        baseline("ridge", x, y, DK, (np.arange(65) >= 3)[None])
    with pytest.raises(ValueError, match="maps: 64 regions given, 65 expected"):
        baseline("ridge", x, y.iloc[1:], DK, FOLDS)
    odd = x.rename(index={REGIONS[0]: "L_nowhere"})
    with pytest.raises(ValueError, match="'L_nowhere' is not in parcellation 'dk'"):
        baseline("ridge", odd, y.rename({REGIONS[0]: "L_nowhere"}), DK, FOLDS)
