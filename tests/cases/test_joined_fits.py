"""Fits over several views and over visits: joined by name, whole or not at all, refused in words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.across.over_time import DiseaseProgression, mixed_effects_forecast
from xsg.across.over_time_model import DynamicPrograms
from xsg.across.views import MultiViewVAE, cross_val_views
from xsg.across.views_model import MultiViewNet
from xsg.atlas import Graph, SparseGraph
from xsg.people.simulate import simulate_trajectories
from xsg.people.trajectories import Norm
from xsg.spatial.localise import localise
from xsg.spatial.model import SpatialVAENet

REGIONS = [f"{side}_r{name}" for side in "LR" for name in "abcdefg"]


def shuffled(table, axis=0, seed=3):
    return table.sample(frac=1, random_state=seed, axis=axis)


def styled(name: str) -> str:
    return f"{'lh' if name[0] == 'L' else 'rh'}.{name[2:]}_thickness"


def small(**options) -> MultiViewVAE:
    return MultiViewVAE(**{"latent": 3, "hidden": 8, "decoder": 4, "epochs": 12, **options})


@pytest.fixture(scope="module")
def study():
    """Two views of fourteen regions on a ring, thinning, and the ring."""
    rng = np.random.default_rng(0)
    genes = pd.DataFrame(rng.normal(size=(14, 9)), REGIONS, [f"g{k}" for k in range(9)])
    maps = pd.DataFrame(rng.normal(size=(14, 5)), REGIONS, [f"m{k}" for k in range(5)])
    weights = np.roll(np.eye(14), 1, axis=0)
    graph = Graph(pd.DataFrame(weights + weights.T, REGIONS, REGIONS), "ring")
    return {"genes": genes, "maps": maps}, (genes["g0"] + maps["m0"]).rename("thinning"), graph


@pytest.fixture(scope="module")
def expected(study):
    views, thinning, graph = study
    return small().fit(views, thinning, graph).predict(views)


TAKEN = {
    "views in another order": lambda v, y, g: ({name: shuffled(t) for name, t in v.items()}, y, g),
    "views in another style": lambda v, y, g: ({name: shuffled(t.rename(index=styled)) for name, t in v.items()}, y, g),
    "one column of thinning": lambda v, y, g: (v, y.to_frame(), g),
    "thinning as text": lambda v, y, g: (v, y.map(repr).astype(object), g),
    "a graph in another style": lambda v, y, g: (
        v,
        y,
        Graph(shuffled(g.weights.rename(index=styled, columns=styled))[shuffled(g.weights).index.map(styled)], "ring"),
    ),
    "a sparse graph": lambda v, y, g: (v, y, SparseGraph(g.regions, g.edges, g.edge_weights)),
    "views of text and whole numbers": lambda v, y, g: (v | {"maps": v["maps"].astype(str)}, y, g),
}


@pytest.mark.parametrize("form", TAKEN)
def test_views_thinning_and_graph_are_joined_by_name(study, expected, form):
    views, thinning, graph = TAKEN[form](*study)
    model = small().fit(views, thinning, graph)
    np.testing.assert_allclose(model.predict(views), expected, atol=1e-8)
    assert list(model.predict(views).index) == REGIONS
    np.testing.assert_allclose(model.predict({"maps": study[0]["maps"]}), model.predict({"maps": views["maps"]}))


def test_thinning_in_another_order_gives_its_order(study):
    views, thinning, graph = study
    turned = shuffled(thinning)
    found = small(smoothness=0.0, drop=0.0).fit(views, turned, graph).predict(views)
    assert list(found.index) == list(turned.index)
    model = small().fit(views, thinning, graph)
    assert model.score(views, turned) == pytest.approx(model.score(views, thinning))
    assert model.score(views, turned.rename(styled).to_frame()) == pytest.approx(model.score(views, thinning))


def test_features_are_found_by_name_and_others_left_aside(study):
    views, thinning, graph = study
    model = small().fit(views, thinning, graph)
    more = views["genes"].assign(extra=1.0).iloc[:, ::-1]
    pd.testing.assert_series_equal(model.predict({"genes": more}), model.predict({"genes": views["genes"]}))
    with pytest.raises(ValueError, match="feature 'g3'"):
        model.predict({"genes": views["genes"].drop(columns="g3")})
    with pytest.raises(ValueError, match="'g3' is given twice"):
        model.predict({"genes": pd.concat([views["genes"], views["genes"][["g3"]]], axis=1)})


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda v, y, g: (v["genes"], y, g), ValueError, "views: expected a dict"),
        (lambda v, y, g: (v | {"maps": v["maps"].to_numpy()}, y, g), TypeError, "view 'maps'"),
        (lambda v, y, g: (v | {"maps": v["maps"].iloc[:, :0]}, y, g), ValueError, "view 'maps' has .* no columns"),
        (lambda v, y, g: (v | {"maps": v["maps"].assign(m1=1 / 3)}, y, g), ValueError, "column 'm1' .*same value"),
        (lambda v, y, g: (v | {"maps": v["maps"].assign(m1="x")}, y, g), ValueError, "view 'maps': not all values"),
        (lambda v, y, g: (v | {"maps": v["maps"].assign(m1=1e200)}, y, g), ValueError, "view 'maps'"),
        (
            lambda v, y, g: (v | {"maps": pd.concat([v["maps"], v["maps"].rename(styled).iloc[:1]])}, y, g),
            ValueError,
            "another spelling",
        ),
        (lambda v, y, g: (v, y.to_numpy(), g), TypeError, "thinning: expected a pandas Series"),
        (lambda v, y, g: (v, y * 0 + 0.1, g), ValueError, "thinning has the same value"),
        (lambda v, y, g: (v, y.mask(y == y.max()), g), ValueError, "not finite"),
        (lambda v, y, g: (v, pd.concat([y, y[:1]]), g), ValueError, "'L_ra' is given twice"),
        (
            lambda v, y, g: (v, y.set_axis(pd.MultiIndex.from_product([list("LR"), range(7)])), g),
            ValueError,
            "2 levels",
        ),
        (lambda v, y, g: (v, y.set_axis(pd.date_range("2020", periods=14)), g), ValueError, "which a saved model can"),
        (lambda v, y, g: ({("a", 1): v["genes"]}, y, g), ValueError, "expected one name each"),
        (
            lambda v, y, g: (v | {"maps": v["maps"].set_axis([1.5, 2, 3, 4, 5], axis=1)}, y, g),
            ValueError,
            r"view 'maps': column: the name 1\.5 is a float",
        ),
        (lambda v, y, g: (v, y, g.weights), TypeError, "graph: expected xsg.Graph"),
        (lambda v, y, g: (v, y, np.eye(14)), TypeError, "graph: expected xsg.Graph"),
    ],
)
def test_tables_that_make_no_fit(study, spoil, kind, message):
    with pytest.raises(kind, match=message):
        small().fit(*spoil(*study))


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ({"latent": 0}, ValueError),
        ({"hidden": 0}, ValueError),
        ({"decoder": -3}, ValueError),
        ({"latent": 2.5}, ValueError),
        ({"latent": "3"}, TypeError),
        ({"beta": -0.1}, ValueError),
        ({"gamma": np.nan}, ValueError),
        ({"smoothness": -1}, ValueError),
        ({"drop": -0.2}, ValueError),
        ({"drop": True}, TypeError),
        ({"lr": 0}, ValueError),
        ({"lr": np.inf}, ValueError),
        ({"epochs": 0}, ValueError),
        ({"epochs": None}, TypeError),
        ({"seed": -1}, ValueError),
        ({"seed": [0, 1]}, TypeError),
    ],
)
def test_settings_of_views(study, option, kind):
    (name,) = option
    with pytest.raises(kind, match=f"{name} is "):
        small(**option).fit(*study)
    with pytest.raises(kind, match=f"{name} is "):
        cross_val_views(small(**option), study[0], study[1], held_out=np.eye(14, dtype=bool), progress=False)


def test_names_and_settings_of_numpy_are_saved(study, tmp_path):
    views, thinning, _ = study
    numbered = [int(k) for k in range(14)]
    tables = {name: table.set_axis(numbered) for name, table in views.items()}
    tables["maps"] = tables["maps"].set_axis(np.arange(5), axis=1)
    y = pd.Series(thinning.to_numpy(), pd.Index(np.arange(14), name="parcel"), name=np.int64(7))
    model = small(latent=np.int64(3), beta=np.float32(0.5), epochs=np.uint8(3), seed=np.int32(4), lr=np.float64(0.01))
    model.fit(tables, y)
    again = MultiViewVAE.load(model.save(tmp_path / "m.safetensors"))
    pd.testing.assert_series_equal(again.predict(tables), model.predict(tables), check_index_type=False)
    assert {type(value) for value in again.get_params().values()} <= {int, float, str}
    assert again.predict(tables).name == 7
    # What is set after a fit is for the next one.
    model.set_params(latent=5)
    kept = MultiViewVAE.load(model.save(tmp_path / "n.safetensors"))
    pd.testing.assert_frame_equal(kept.encode(tables), model.encode(tables), check_index_type=False)
    assert kept.latent == 3


def interrupted(monkeypatch, owner, name, error, after=3):
    """Let the method of a network raise when it has been called so many times."""
    real, calls = getattr(owner, name), []

    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) > after:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, staticmethod(counted) if owner is MultiViewNet else counted)
    return calls


@pytest.mark.parametrize(("error", "after"), [(KeyboardInterrupt(), 0), (MemoryError("full"), 3)])
def test_a_fit_that_ends_early_leaves_the_views_model_as_it_was(study, monkeypatch, tmp_path, error, after):
    views, thinning, graph = study
    model, fresh = small().fit(views, thinning, graph), small()
    before = model.predict(views)
    with monkeypatch.context() as patch:
        interrupted(patch, MultiViewNet, "loss", error, after)
        with pytest.raises(type(error)):
            model.fit({"maps": views["maps"]}, -thinning)
    with monkeypatch.context() as patch:
        interrupted(patch, MultiViewNet, "loss", error, after)
        with pytest.raises(type(error)):
            fresh.fit(views, thinning, graph)
    assert model.predict(views).to_numpy().tobytes() == before.to_numpy().tobytes()
    again = MultiViewVAE.load(model.save(tmp_path / "b.safetensors"))
    assert again.predict(views).to_numpy().tobytes() == before.to_numpy().tobytes()
    with pytest.raises(ValueError, match="not fitted yet"):
        fresh.predict(views)
    with pytest.raises(ValueError, match="not fitted yet"):
        fresh.save(tmp_path / "c.safetensors")
    with monkeypatch.context() as patch:  # a loop over fits ends too
        interrupted(patch, MultiViewNet, "loss", error)
        with pytest.raises(type(error)):
            cross_val_views(small(), views, thinning, held_out=np.eye(14, dtype=bool), progress=False)


def test_a_refused_second_fit_changes_nothing(study):
    views, thinning, graph = study
    model = small().fit(views, thinning, graph)
    before, facts = model.predict(views), sorted(vars(model))
    for spoilt in ({"maps": views["maps"]} | {"genes": views["genes"].assign(g1=0.1)}, {}, {"maps": views["maps"][:3]}):
        with pytest.raises(ValueError, match="view"):
            model.fit(spoilt, thinning)
    pd.testing.assert_series_equal(model.predict(views), before, check_exact=True)
    assert sorted(vars(model)) == facts


def test_weights_that_the_last_step_spoilt_are_no_fit(study):
    views, thinning, graph = study
    model = small().fit(views, thinning, graph)
    before = model.predict(views)
    for epochs in (1, 4):
        with pytest.raises(FloatingPointError, match="Lower lr"):
            model.set_params(lr=1e30, epochs=epochs).fit(views, thinning, graph)
        pd.testing.assert_series_equal(model.predict(views), before, check_exact=True)


def test_cross_validation_of_views_joins_folds_and_maps_by_name(study):
    views, thinning, graph = study
    held_out = pd.DataFrame(np.tile(np.arange(7) % 3, 2) == np.arange(3)[:, None], columns=REGIONS)
    options = {"graph": graph, "progress": False}
    expected = cross_val_views(small(), views, thinning, held_out=held_out.to_numpy(), **options)
    for given in (held_out, shuffled(held_out, 1), held_out.astype(int), held_out.rename(columns=styled)):
        found = cross_val_views(small(), views, thinning, held_out=given, **options)
        pd.testing.assert_frame_equal(found, expected)
    pd.testing.assert_frame_equal(
        cross_val_views(small(), views, thinning.to_frame(), held_out=held_out, seeds=np.int64(0), **options), expected
    )
    two = pd.DataFrame([thinning, -thinning], ["plus", "minus"])
    both = cross_val_views(small(), views, two, held_out=held_out, **options)
    np.testing.assert_allclose(both.loc["plus"], expected, atol=1e-8)
    cases = [
        (
            lambda: cross_val_views(small(), views, two, held_out=held_out * False, **options),
            ValueError,
            "no region out",
        ),
        (lambda: cross_val_views(small(), views, two, held_out=~held_out | True, **options), ValueError, "leaves 0"),
        (lambda: cross_val_views(small(), views, two, held_out=np.arange(14), **options), ValueError, "held_out has"),
        (lambda: cross_val_views(small(), views, two, held_out=held_out, seeds=(), **options), ValueError, "0 seeds"),
        (
            lambda: cross_val_views(small(), views, two, held_out=held_out, seeds=["a"], **options),
            TypeError,
            "a seed is",
        ),
        (
            lambda: cross_val_views(small(), views, two, held_out=held_out, given="maps", **options),
            TypeError,
            "given is",
        ),
        (
            lambda: cross_val_views(small(), views, two, held_out=held_out, given=[], **options),
            ValueError,
            "given is an",
        ),
        (lambda: cross_val_views("vae", views, two, held_out=held_out, **options), TypeError, "model: expected"),
        (lambda: cross_val_views(small(), views, two.to_numpy(), held_out=held_out, **options), TypeError, "thinning"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


# --- localise ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fold", [1, 2])
def test_ctrl_c_ends_localise(monkeypatch, fold):
    """A fit that was cut short keeps what it has and says so; the loop over fits must not report it."""
    brain = xsg.load_mouse("simulated", n_genes=8, step=6, geometry="drawn")
    model = xsg.SpatialVAE(epochs=2, hidden=(8,), latent=3, decoder=(8,), batch=1000)
    fits = []
    real = xsg.SpatialVAE.fit
    monkeypatch.setattr(xsg.SpatialVAE, "fit", lambda self, *a, **k: fits.append(1) or real(self, *a, **k))
    steps = max(1, len(brain.voxels) * 4 // 5 // 1000) * 2
    with monkeypatch.context() as patch:
        interrupted(patch, SpatialVAENet, "loss", KeyboardInterrupt(), after=steps * (fold - 1) + 1)
        with pytest.warns(UserWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
            localise(model, brain, "random", baselines=False, progress=False)
    assert len(fits) == fold


def test_ctrl_c_in_the_plain_vae_ends_localise_too(monkeypatch):
    brain = xsg.load_mouse("simulated", n_genes=8, step=6, geometry="drawn")
    model = xsg.SpatialVAE(epochs=2, hidden=(8,), latent=3, decoder=(8,), batch=1000)
    interrupted(monkeypatch, SpatialVAENet, "loss", KeyboardInterrupt(), after=3)
    with pytest.warns(UserWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        localise(model, brain, "random", folds=1, baselines=("plain VAE",), progress=False)


def test_a_brain_whose_voxels_are_labelled_otherwise_is_placed_alike():
    brain = xsg.load_mouse("simulated", n_genes=8, step=6, geometry="drawn")
    order = np.random.default_rng(0).permutation(len(brain.voxels))
    model = xsg.SpatialVAE(epochs=1, hidden=(8,), latent=3, decoder=(8,), batch=100, region=1.0)
    labelled = replace(brain, voxels=brain.voxels.set_axis(order), region=brain.region.set_axis(order))
    options = {"folds": 1, "baselines": False, "progress": False}
    expected = localise(model, brain, "random", region=brain.region, **options)
    for region in (labelled.region, shuffled(labelled.region)):
        found = localise(model, labelled, "random", region=region, **options)
        pd.testing.assert_frame_equal(found.predicted["model"], expected.predicted["model"])


# --- over time --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def visits():
    cohort = simulate_trajectories(n_controls=12, n_patients=10, seed=2)
    patients = cohort.part(cohort.subjects.index[cohort.subjects["group"] != "NC"])
    return Norm.of(cohort).thinning(patients), patients.years


def progression(**options) -> DiseaseProgression:
    return DiseaseProgression(**{"n_programs": 1, "iterations": 6, **options})


@pytest.fixture(scope="module")
def followed(visits):
    return progression().fit(*visits)


@pytest.mark.parametrize(
    "form",
    [
        lambda y, t: (y, shuffled(t)),
        lambda y, t: (y, shuffled(t).to_frame()),
        lambda y, t: (y, t.map(repr).astype(object)),
        lambda y, t: (y, dict(t)),
        lambda y, t: (y, t.to_numpy()),
        lambda y, t: (y, t.to_list()),
        lambda y, t: (y.astype(object), t.astype("Float64")),
    ],
)
def test_years_are_joined_by_visit(visits, followed, form):
    y, t = form(*visits)
    pd.testing.assert_frame_equal(followed.locate(y, t), followed.locate(*visits))
    pd.testing.assert_frame_equal(progression().fit(y, t).programs_, followed.programs_)


def test_visits_and_regions_in_another_order(visits, followed):
    thinning, years = visits
    expected = followed.locate(thinning, years)
    found = followed.locate(shuffled(shuffled(thinning), 1), years)
    pd.testing.assert_frame_equal(found.loc[expected.index], expected)
    named = thinning.rename(columns=lambda r: f"{'lh' if r[0] == 'L' else 'rh'}_{r[2:]}_thickness").assign(eTIV=1.0)
    pd.testing.assert_frame_equal(followed.locate(named, years), expected)
    fitted = progression().fit(shuffled(thinning), years)  # ranks of subjects, whatever their order
    np.testing.assert_allclose(fitted.programs_, followed.programs_, atol=1e-3)
    np.testing.assert_allclose(fitted.shifts_.loc[expected.index], followed.shifts_, atol=0.05)
    last = ~years.index.get_level_values(0).duplicated(keep="last")
    at = years[last]
    thinning = thinning.iloc[:, [0, 9, 40, 67]]
    one = mixed_effects_forecast(thinning[~last], years[~last], thinning[~last], years[~last], at)
    other = mixed_effects_forecast(
        thinning[~last], shuffled(years[~last]), shuffled(shuffled(thinning[~last], 1)), years[~last], at.to_frame()
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda y, t: (y.to_numpy(), t), TypeError, "thinning: expected a DataFrame"),
        (lambda y, t: (y.reset_index(drop=True), t.reset_index(drop=True)), ValueError, "numbers the rows"),
        (lambda y, t: (y.swaplevel(), t.swaplevel()), ValueError, "begins with visit"),
        (lambda y, t: (y.droplevel(1), t.droplevel(1)), ValueError, "is given twice"),
        (lambda y, t: (y, t.iloc[1:]), ValueError, "expected the same index"),
        (lambda y, t: (y, t.to_numpy()[1:]), ValueError, "expected the same index"),
        (
            lambda y, t: (y, pd.concat([t[1:], t[:1].rename({t.index[0][0]: -5}, level=0)])),
            ValueError,
            "the same index",
        ),
        (lambda y, t: (y, t + 70), ValueError, "ages, months or days"),
        (lambda y, t: (y, t * 365), ValueError, "ages, months or days"),
        (lambda y, t: (y, -t - 1), ValueError, "negative years"),
        (lambda y, t: (y, t.map("{:.1f} y".format)), ValueError, "is no number"),
        (lambda y, t: (y, "years"), TypeError, "years"),
        (lambda y, t: (y * 1000, t), ValueError, "expected mm beyond the norm.* µm"),
        (lambda y, t: (y.mask(y == y.iloc[3, 3], -9999.0), t), ValueError, "-9999 at visit"),
        (lambda y, t: (y.iloc[:, [0, 1, 1]], t), ValueError, "region .* is given twice"),
        (lambda y, t: (y.iloc[:, :0], t), ValueError, "0 regions"),
        (lambda y, t: (y.iloc[:0], t.iloc[:0]), ValueError, "0 visits"),
        (lambda y, t: (y.astype(object).assign(x="a"), t), TypeError, "thinning"),
        (
            lambda y, t: (y.set_axis(pd.MultiIndex.from_product([list("LR"), range(34)]), axis=1), t),
            ValueError,
            "2 levels",
        ),
    ],
)
def test_visits_that_make_no_fit(visits, spoil, kind, message):
    with pytest.raises(kind, match=message):
        progression().fit(*spoil(*visits))


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ({"n_programs": 0}, ValueError),
        ({"n_programs": 1.5}, ValueError),
        ({"n_programs": "2"}, TypeError),
        ({"horizon": 0}, ValueError),
        ({"horizon": np.nan}, ValueError),
        ({"horizon": None}, TypeError),
        ({"iterations": 0}, ValueError),
        ({"iterations": True}, TypeError),
    ],
)
def test_settings_over_time(visits, option, kind):
    (name,) = option
    with pytest.raises(kind, match=f"{name} is "):
        progression(**option).fit(*visits)


def test_forecasts_refuse_in_words(visits, followed):
    thinning, years = visits
    at = years[:3]
    cases = [
        (lambda: followed.forecast(thinning, years, at, level=1.0), ValueError, "level is 1.0"),
        (lambda: followed.forecast(thinning, years, at, level="90%"), TypeError, "level is '90%'"),
        (lambda: followed.forecast(thinning, years, at.to_numpy()), TypeError, "at: expected a pandas Series"),
        (lambda: followed.forecast(thinning, years, at * np.nan), ValueError, "at holds a value that is not finite"),
        (lambda: followed.forecast(thinning, years, at.reset_index(drop=True)), ValueError, "at: its index numbers"),
        (lambda: followed.amplitudes([[1.0, 2.0]]), ValueError, r"x has shape \(1, 2\)"),
        (lambda: followed.amplitudes(["early"]), TypeError, "x: expected numbers"),
        (lambda: progression().amplitudes([1.0]), ValueError, "not fitted yet"),
        (lambda: progression().locate(thinning, years), ValueError, "not fitted yet"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()
    wide = followed.forecast(thinning, years, at.to_frame(), level=np.float32(0.9))
    pd.testing.assert_frame_equal(wide[0], followed.forecast(thinning, years, at)[0])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError("full")])
def test_a_fit_that_ends_early_leaves_the_progression_as_it_was(visits, monkeypatch, tmp_path, error):
    thinning, years = visits
    model, fresh = progression().fit(thinning, years), progression()
    before = model.locate(thinning, years)
    for each in (model.set_params(n_programs=2), fresh):
        with monkeypatch.context() as patch:
            interrupted(patch, DynamicPrograms, "terms", error)
            with pytest.raises(type(error)):
                each.fit(thinning.iloc[:, :9], years)
    pd.testing.assert_frame_equal(model.locate(thinning, years), before, check_exact=True)
    again = DiseaseProgression.load(model.save(tmp_path / "b.safetensors"))
    pd.testing.assert_frame_equal(again.locate(thinning, years), before, check_exact=True)
    with pytest.raises(ValueError, match="not fitted yet"):
        fresh.locate(thinning, years)


def test_a_loss_that_is_no_number_is_no_fit(visits, monkeypatch):
    thinning, years = visits
    model = progression().fit(thinning, years)
    before = model.locate(thinning, years)
    real = DynamicPrograms.terms
    monkeypatch.setattr(DynamicPrograms, "terms", lambda *a: real(*a) | {"prior_time": a[2].sum() * np.nan})
    with pytest.raises(FloatingPointError, match="the loss became"):
        model.fit(thinning, years)
    pd.testing.assert_frame_equal(model.locate(thinning, years), before, check_exact=True)


def test_settings_of_numpy_and_numbered_subjects_are_saved(visits, tmp_path):
    thinning, years = visits
    model = progression(n_programs=np.int64(1), horizon=np.float32(20), iterations=np.uint8(4)).fit(thinning, years)
    again = DiseaseProgression.load(model.save(tmp_path / "m.safetensors"))
    pd.testing.assert_frame_equal(again.locate(thinning, years), model.locate(thinning, years))
    pd.testing.assert_series_equal(again.shifts_, model.shifts_, check_names=False)
    assert again.get_params() == {"n_programs": 1, "horizon": 20.0, "iterations": 4, "device": "auto"}
    floats = pd.MultiIndex.from_arrays([thinning.index.get_level_values(0) + 0.5, thinning.index.get_level_values(1)])
    with pytest.raises(ValueError, match=r"subject: the name .* is a float"):
        progression().fit(thinning.set_axis(floats), years.set_axis(floats))
