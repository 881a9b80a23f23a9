"""Models of several views and of spread are put on trial as any other, and predict as they do by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.across.joint import CrossScaleSpread, fit_many
from xsg.across.views import MultiViewVAE, cross_val_views
from xsg.evaluation.protocol import held_out_predictions, predict_folds
from xsg.evaluation.splits import homologous

SPREAD = CrossScaleSpread(points=13, iterations=6, horizon=20.0)
VIEWS = MultiViewVAE(epochs=4, latent=3, hidden=8, decoder=8)


@pytest.fixture(scope="module")
def cortex() -> xsg.Cortex:
    return xsg.load_cortex("simulated", n_genes=30)


@pytest.fixture(scope="module")
def folds(cortex) -> np.ndarray:
    return homologous(cortex.regions, n_folds=3)


@pytest.mark.parametrize("seed", [0, 5])
def test_views_are_the_expression_and_what_stands_beside_it(cortex, folds, seed):
    other = cortex.expression.iloc[9:, :7].add_prefix("r")
    beside = replace(cortex, views={"receptors": other})
    maps = pd.DataFrame([cortex.thinning, -cortex.thinning], ["one", "other"])
    views = {"expression": cortex.expression, "receptors": other}
    expected = cross_val_views(VIEWS, views, maps, cortex.graph, held_out=folds, seeds=[seed], progress=False)
    found = held_out_predictions(VIEWS, beside, folds, maps, seed)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert not np.allclose(found, held_out_predictions(VIEWS, cortex, folds, maps, seed))
    inside = predict_folds(VIEWS, beside, cortex.thinning, np.zeros((1, 68), bool), (seed,))[0, 0]
    whole = MultiViewVAE(**VIEWS.get_params() | {"seed": seed}).fit(views, cortex.thinning, cortex.graph)
    np.testing.assert_allclose(inside, whole.predict(views), rtol=1e-9)


@pytest.mark.parametrize("with_tau", [False, True])
def test_spread_is_fitted_to_what_trains(cortex, folds, with_tau):
    programs = cortex.truth.programs.iloc[:, :2]
    tau = (cortex.thinning * 2 + 0.1).rename("tau")
    asked = replace(cortex, expression=programs, views={"tau": tau.to_frame()} if with_tau else {})
    train = [list(cortex.regions[~fold]) for fold in folds]
    models = fit_many(
        SPREAD,
        programs,
        [cortex.thinning],
        [tau] if with_tau else None,
        graph=cortex.graph,
        train=train,
        progress=False,
    )
    expected = np.empty(68)
    for fold, model in zip(folds, models, strict=True):
        expected[fold] = model.fitted_["thinning"].iloc[0].to_numpy()[fold]
    np.testing.assert_allclose(held_out_predictions(SPREAD, asked, folds).iloc[0], expected, rtol=1e-9)


def test_of_genes_spread_takes_components(cortex, folds):
    found = predict_folds(SPREAD, cortex, cortex.thinning, folds)
    assert np.isfinite(found).all()
    few = replace(cortex, expression=cortex.expression.iloc[:, :12])
    assert not np.allclose(found, predict_folds(SPREAD, few, cortex.thinning, folds))


@pytest.mark.parametrize("model", [SPREAD, VIEWS])
def test_they_have_a_report(cortex, model):
    report = xsg.evaluate(model, cortex, n_nulls=19, n_dealings=1, baselines=False, progress=False)
    assert report.label == type(model).__name__
    assert np.isfinite([*report.in_sample, *report.held_out["value"], *report.p_value]).all()


def test_seeds_of_a_disease_are_no_seeds_of_a_draw(cortex):
    with pytest.raises(ValueError, match="n_seeds is 2, but CrossScaleSpread has no seed to change"):
        xsg.evaluate(SPREAD, cortex, n_seeds=2)


def test_views_that_are_no_tables_are_refused(cortex):
    with pytest.raises(TypeError, match=r"views: expected tables by name, \{'receptors': table, …\}"):
        replace(cortex, views=[cortex.expression])
