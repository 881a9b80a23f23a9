"""Anything that predicts what a fold holds out can be put on trial, and is judged by the same numbers."""

import threading
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestRegressor, StackingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xsg
from xsg.evaluation.baselines import BASELINES, Baseline, baseline
from xsg.evaluation.metrics import r_squared, r_squared_rows
from xsg.evaluation.nulls import noise_genes
from xsg.evaluation.protocol import held_out_predictions, label, predict_folds
from xsg.evaluation.splits import homologous
from xsg.training import CrossScaleVAE, cross_val_predict


@pytest.fixture(scope="module")
def cortex() -> xsg.Cortex:
    return xsg.load_cortex("simulated", n_genes=40)


@pytest.fixture(scope="module")
def folds(cortex) -> np.ndarray:
    return homologous(cortex.regions, n_folds=3)


@pytest.fixture(scope="module")
def maps(cortex) -> pd.DataFrame:
    y = cortex.thinning.to_numpy()
    return pd.DataFrame([y, y[::-1]], ["map", "turned"], cortex.regions)


class Mean:
    """The mean of the training regions."""

    def predict_folds(self, cortex, maps, held_out):
        means = np.stack([maps.loc[:, ~fold].mean(axis=1) for fold in held_out], axis=1)
        return np.repeat(means[:, :, None], maps.shape[1], axis=2)


class Changed(Mean):
    """The mean, changed."""

    def __init__(self, change):
        self.change = change

    def predict_folds(self, *given):
        return self.change(super().predict_folds(*given))


def by_hand(model, cortex, y, folds):
    found = np.empty(len(y))
    for fold in folds:
        found[fold] = model.fit(cortex.expression[~fold], y[~fold]).predict(cortex.expression)[fold]
    return found


@pytest.mark.parametrize("model", [Ridge(), make_pipeline(StandardScaler(), PCA(3), LinearRegression())], ids=label)
def test_a_regressor_is_fitted_to_each_fold(cortex, folds, maps, model):
    found = held_out_predictions(model, cortex, folds, maps)
    assert not hasattr(model, "coef_")
    assert list(found.index) == list(maps.index)
    for name, y in maps.iterrows():
        np.testing.assert_allclose(found.loc[name], by_hand(model, cortex, y.to_numpy(), folds), rtol=1e-9)


def test_nothing_held_out_has_a_part_in_its_prediction(cortex, folds, maps):
    changed = maps.copy()
    changed.loc[:, folds[0]] = 99.0
    for model in (Ridge(), CrossScaleVAE(epochs=3), Baseline("PLS")):
        before, after = (predict_folds(model, cortex, each, folds[:1])[:, 0, folds[0]] for each in (maps, changed))
        np.testing.assert_array_equal(before, after)


def test_seeds_are_those_of_the_parts(cortex, folds):
    forest = make_pipeline(StandardScaler(), RandomForestRegressor(4, random_state=9))
    found = predict_folds(forest, cortex, cortex.thinning, folds, seeds=(1, 2, 1))
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


def test_maps_tables_and_seeds_come_in_order(cortex, folds, maps):
    noise = noise_genes(cortex.expression, 1, 0)
    for model in (Ridge(), CrossScaleVAE(epochs=2)):
        found = predict_folds(model, cortex, maps, folds, (0, 1), tables=[cortex.expression, *noise])
        assert found.shape == (8, *folds.shape)
        of_noise = predict_folds(model, replace(cortex, expression=noise[0]), maps.iloc[1], folds, (1,))
        np.testing.assert_allclose(found[7], of_noise[0], rtol=1e-5)


def test_the_vae_is_what_it_always_was(cortex, folds, maps):
    model = CrossScaleVAE(epochs=3)
    whole = cross_val_predict(model, cortex.expression, maps, cortex.graph, held_out=folds, seeds=(4,), progress=False)
    np.testing.assert_array_equal(held_out_predictions(model, cortex, folds, maps, seed=4), whole)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_are_subjects(cortex, folds, maps, name):
    given = Baseline(name, CrossScaleVAE(epochs=2))
    expected = baseline(name, cortex.expression, maps, cortex.parcellation, folds, 0, CrossScaleVAE(epochs=2))
    np.testing.assert_array_equal(held_out_predictions(given, cortex, folds, maps), expected)
    inside = predict_folds(given, cortex, maps, np.zeros((1, 68), bool))
    assert np.isfinite(inside).all()


@pytest.mark.filterwarnings("ignore:null .* predicts the same whatever:UserWarning")
@pytest.mark.parametrize("model", [Ridge(), Baseline("ridge"), Mean(), CrossScaleVAE(epochs=2)], ids=label)
@pytest.mark.parametrize("null", ["spin", "noise-genes", "rewired"])
def test_whatever_is_put_on_trial_has_the_same_report(cortex, model, null):
    report = xsg.evaluate(model, cortex, null=null, n_nulls=19, n_dealings=1, progress=False)
    assert report.dealings.index[0][0] == report.label == label(model)
    assert report.null.notna().to_numpy().all() or label(model) == "Mean"  # a constant has no r
    assert (label(model) == "ridge") == ("ridge" not in report.baselines.index)
    assert ("VAE without graph" in report.baselines.index) == isinstance(model, CrossScaleVAE)
    if null != "spin" and label(model) == "Mean":
        assert report.p_value["held-out R²"] == 1
    assert f"{report.held_out.loc['R²', 'value']:.2f}" in report.sentence


def test_it_is_scored_as_its_predictions_are(cortex):
    report = xsg.evaluate(Ridge(), cortex, n_nulls=0, n_dealings=3, progress=False)
    for dealing in range(3):
        guess = by_hand(Ridge(), cortex, cortex.thinning.to_numpy(), homologous(cortex.regions, seed=dealing))
        found = report.dealings.loc[("Ridge", dealing), "R²"]
        assert found == pytest.approx(r_squared(cortex.thinning.to_numpy(), guess))


def test_one_that_predicts_only_what_is_held_out(cortex):
    class Silent(Mean):
        def predict_folds(self, cortex, maps, held_out):
            return np.where(held_out, super().predict_folds(cortex, maps, held_out), np.nan)

    report = xsg.evaluate(Silent(), cortex, n_nulls=19, n_dealings=1, progress=False)
    assert report.in_sample.isna().all()
    assert "gives no in-sample prediction" in report.sentence
    assert "nan" not in report.sentence
    assert np.isfinite(report.p_value["held-out R²"])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("xsg", r"got str\. For a preset: xsg\.CrossScaleVAE\.from_preset\('xsg'\)"),
        ("ridge", r"got str\. For a baseline: xsg\.evaluation\.baselines\.Baseline\('ridge'\)"),
        (Ridge, r"got type\. Make one: Ridge\(\)"),
        (CrossScaleVAE, r"got type\. Make one: xsg\.CrossScaleVAE\(\)"),
        (StandardScaler(), r"got StandardScaler, which has no predict\. Give it the method predict_folds"),
        (object(), r"got object, which has no fit and no predict"),
        (None, r"got NoneType, which has no fit and no predict"),
        (LogisticRegression(), r"got the classifier LogisticRegression: a map is a number by region"),
        (KMeans(2), r"got the clusterer KMeans"),
        (IsolationForest(), r"got the outlier detector IsolationForest"),
        (xsg.SpatialVAE(), r"got SpatialVAE, which"),
        (xsg.MechanisticMixture(), r"got MechanisticMixture, which"),
    ],
)
def test_what_cannot_be_put_on_trial_says_what_it_lacks(cortex, model, message):
    with pytest.raises(TypeError, match=message):
        xsg.evaluate(model, cortex, n_nulls=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found[0], r"Changed\.predict_folds returned shape \(4, 68\); expected \(1, 4, 68\)"),
        (lambda found: found[..., :-1], r"returned shape \(1, 4, 67\)"),
        (lambda found: found * np.nan, r"Changed predicts nan in region 'L_\w+', which fold \d holds out"),
        (lambda found: found + np.inf, r"Changed predicts inf in region"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(cortex, folds, change, message):
    every = np.vstack([np.zeros((1, 68), bool), folds])
    with pytest.raises(ValueError, match=message):
        predict_folds(Changed(change), cortex, cortex.thinning, every)


def test_two_numbers_by_region_are_refused(cortex, folds):
    class Double(LinearRegression):
        def predict(self, x):
            return np.column_stack([super().predict(x)] * 2)

    with pytest.raises(ValueError, match=r"Double predicts shape \(68, 2\); expected a number by region, \(68,\)"):
        predict_folds(Double(), cortex, cortex.thinning, folds)


def test_rows_are_scored_one_by_one(maps):
    guess = maps[maps.columns[::-1]] + 0.01 * np.arange(68)
    expected = [r_squared(y, guess.loc[name]) for name, y in maps.iterrows()]
    np.testing.assert_allclose(r_squared_rows(maps, guess), expected)
    np.testing.assert_allclose(r_squared_rows(maps.to_numpy(), guess[maps.columns].to_numpy()), expected)
    with pytest.raises(ValueError, match=r"observed has shape \(2, 68\) and predicted \(2, 67\)"):
        r_squared_rows(maps.to_numpy(), guess.to_numpy()[:, 1:])


class Sly(Mean):
    """Write into all that it is given."""

    def predict_folds(self, cortex, maps, held_out):
        found = super().predict_folds(cortex, maps, held_out)
        assert cortex.thinning.isna().all()
        cortex.expression.iloc[:] = 0.5
        cortex.thinning.iloc[:] = 0.0
        maps.iloc[:] = 1.0
        held_out[:] = False
        return found


def test_what_a_subject_does_to_its_cortex_no_other_sees(cortex):
    before = cortex.expression.copy()
    given = {"n_nulls": 0, "n_dealings": 1, "progress": False}
    sly, honest = (xsg.evaluate(model, cortex, **given) for model in (Sly(), Mean()))
    pd.testing.assert_frame_equal(
        sly.baselines.drop(columns=["lead low", "lead high"]), honest.baselines.drop(columns=["lead low", "lead high"])
    )
    assert sly.held_out.loc["R²", "value"] == honest.held_out.loc["R²", "value"]
    pd.testing.assert_frame_equal(cortex.expression, before)


@pytest.mark.parametrize("kind", [PLSRegression, Ridge])
def test_regressors_that_work_in_place_change_nothing(cortex, folds, kind):
    name = "copy" if kind is PLSRegression else "copy_X"
    every = np.vstack([np.zeros((1, 68), bool), folds])
    one, other = (predict_folds(kind(**{name: copy}), cortex, cortex.thinning, every) for copy in (True, False))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_a_prediction_with_names_is_joined_by_them(cortex, folds):
    class Turned(Ridge):
        def predict(self, x):
            return pd.Series(super().predict(x), x.index)[::-1]

    expected = held_out_predictions(Ridge(), cortex, folds)
    np.testing.assert_allclose(held_out_predictions(Turned(), cortex, folds), expected)


def test_regressors_of_many_kinds(cortex, folds):
    class Plain:
        def fit(self, x, y):
            self.level = y.mean()

        def predict(self, x):
            return np.full(len(x), self.level)

    stacked = StackingRegressor([("ridge", Ridge()), ("line", LinearRegression())])
    for model in (stacked, Plain(), TransformedTargetRegressor(Ridge()), GridSearchCV(Ridge(), {"alpha": [0.1, 1]})):
        assert np.isfinite(predict_folds(model, cortex, cortex.thinning, folds)).all()


def test_a_model_of_ones_own_does_not_pass_for_a_baseline(cortex):
    class Named(Mean):
        name = "ridge"

    report = xsg.evaluate(Named(), cortex, n_nulls=0, n_dealings=1, progress=False)
    assert report.label == "ridge (own)"
    assert "ridge" in report.baselines.index


def test_classes_of_ones_own_keep_their_seeds_and_their_predictions(cortex, folds):
    class Own(CrossScaleVAE):
        pass

    class Views(xsg.MultiViewVAE):
        pass

    for kind in (Own, Views):
        one, other = predict_folds(kind(epochs=2), cortex, cortex.thinning, folds, seeds=(0, 5))
        assert not np.allclose(one, other)

    class Constant(CrossScaleVAE):
        def predict_folds(self, cortex, maps, held_out):
            return np.full((len(maps), *held_out.shape), 0.25)

    assert (predict_folds(Constant(), cortex, cortex.thinning, folds) == 0.25).all()

    class Fitted(CrossScaleVAE):
        def fit(self, *given, **options):
            return super().fit(*given, **options)

    with pytest.raises(TypeError, match=r"got Fitted, whose own fit refits do not call. Give it predict_folds"):
        xsg.evaluate(Fitted(), cortex)


def test_a_report_names_the_seed_that_was_used_and_draws_without_in_sample(cortex):
    forest = xsg.evaluate(
        RandomForestRegressor(3, random_state=3), cortex, seed=7, n_nulls=0, n_dealings=1, progress=False
    )
    assert "random_state=7" in forest.model

    class Silent(Mean):
        def predict_folds(self, cortex, maps, held_out):
            return np.where(held_out, super().predict_folds(cortex, maps, held_out), np.nan)

    report = xsg.evaluate(Silent(), cortex, n_nulls=19, n_dealings=1, progress=False)
    assert report.model == "Silent"
    plt.close(report.plot())


@pytest.mark.parametrize("returned", [[[1, 2], [3]], "words", {"a": 1}, None, np.ones((1, 3, 68), bool)])
def test_what_is_no_array_of_numbers_is_refused(cortex, folds, returned):
    class Odd:
        def predict_folds(self, *given):
            return returned

    with pytest.raises(TypeError, match=r"Odd.predict_folds returned no array of numbers; expected \(1, 3, 68\)"):
        predict_folds(Odd(), cortex, cortex.thinning, folds)


def test_what_cannot_be_copied_is_told(cortex, folds):
    class Locked(Mean):
        def __init__(self):
            self.lock = threading.Lock()

    with pytest.raises(TypeError, match=r"Locked cannot be copied .* each run needs a model of its own"):
        predict_folds(Locked(), cortex, cortex.thinning, folds)


def test_a_view_is_not_called_as_the_cortexs_own_table(cortex):
    with pytest.raises(ValueError, match="views: 'expression' is the cortex's own table"):
        replace(cortex, views={"expression": cortex.expression})
