"""Fits and saved models: inputs as people have them, settings that cannot be, faults in the middle, files of others."""

import json
import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.base import clone

import xsg
from xsg.atlas import Graph, SparseGraph
from xsg.spatial import estimator as spatial_vae
from xsg.spatial.estimator import PRESETS, SpatialVAE
from xsg.training import CrossScaleVAE, cross_val_predict, engine, loop, refit, refits
from xsg.training.saved import FORMAT, _seal

N, P = 14, 9
REGIONS = [f"{side}_r{i}" for side in "LR" for i in range(N // 2)]
SMALL = {"latent": 4, "hidden": 6, "decoder": 5, "epochs": 3, "lr": 1e-2}
NET = {"hidden": (12, 8), "latent": 5, "decoder": (7,), "epochs": 2, "batch": 100}


def small(**options) -> CrossScaleVAE:
    return CrossScaleVAE(**{**SMALL, **options})


def spatial(preset="xsg", **options) -> SpatialVAE:
    return SpatialVAE(preset, **{**NET, **options})


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(0)
    ring = np.roll(np.eye(N), 1, axis=1)
    expression = pd.DataFrame(rng.normal(size=(N, P)), REGIONS, [f"g{i}" for i in range(P)])
    thinning = pd.Series(3 + 0.5 * np.tanh(expression["g0"]), REGIONS, name="thinning")
    return expression, thinning, Graph(pd.DataFrame(ring + ring.T, REGIONS, REGIONS), "ring")


@pytest.fixture(scope="module")
def predicted(toy):
    return small().fit(*toy).predict(toy[0])


@pytest.fixture(scope="module")
def brain():
    return xsg.load_mouse("simulated", n_genes=13, step=5, geometry="drawn")


@pytest.fixture(scope="module")
def place(brain):
    """Where the model puts the voxels of the brain as it is, energies float32 and named."""
    table = energies(brain)
    return spatial().fit(table, brain.voxels, progress=False).predict_place(table)


def energies(brain) -> pd.DataFrame:
    return pd.DataFrame(brain.expression.astype(np.float32), columns=brain.genes)


# --- case 18: -1 is missing


@pytest.mark.parametrize("scale", ["robust", "voxel", "log"])
@pytest.mark.parametrize("kind", ["array", "float16", "table", "memmap"])
def test_18_minus_one_is_missing(brain, tmp_path, scale, kind):
    missing = energies(brain)
    missing.iloc[3:200:7, 2] = np.nan
    given = missing.fillna(-1.0)
    if kind == "array":
        missing, given = missing.to_numpy(), given.to_numpy()
    elif kind == "float16":
        missing, given = missing.to_numpy(np.float16), given.to_numpy(np.float16)
    elif kind == "memmap":
        np.save(tmp_path / "x.npy", given.to_numpy())
        missing, given = missing.to_numpy(), np.load(tmp_path / "x.npy", mmap_mode="r")
    places = [
        spatial(scale=scale).fit(x, brain.voxels, progress=False).predict_place(x, brain.voxels)
        for x in (missing, given)
    ]
    pd.testing.assert_frame_equal(*places, check_exact=True)


@pytest.mark.parametrize("value", [-2.0, -0.5, -9999.0, np.inf, -np.inf])
def test_energies_that_cannot_be_are_refused_by_place(brain, value):
    table = energies(brain)
    table.iloc[11, 4] = value
    for given in (table, table.to_numpy()):
        with pytest.raises(ValueError, match=r"expression is .* at \(11, 4\)"):
            spatial().fit(given, brain.voxels, progress=False)


def test_energies_a_rounding_below_zero_are_zero_enough(brain, place):
    table = energies(brain)
    table.iloc[0, 0] = -1e-9
    fitted = spatial().fit(table, brain.voxels, progress=False)
    assert np.isfinite(fitted.predict_place(table)).all(axis=None)


# --- voxels are joined by their labels, columns and genes by name


def test_voxels_in_another_order_are_joined_by_index(brain, place):
    table = energies(brain)
    shuffled = brain.voxels.sample(frac=1, random_state=3)
    model = spatial().fit(table, shuffled, progress=False)
    pd.testing.assert_frame_equal(model.predict_place(table), place, check_exact=True)
    named = [f"voxel {k}" for k in range(len(table))]
    model = spatial().fit(table.set_axis(named), brain.voxels.set_axis(named)[::-1], progress=False)
    pd.testing.assert_frame_equal(model.predict_place(table), place, check_exact=True)
    # A mask and regions too.
    train = pd.Series(np.arange(len(table)) % 3 > 0)
    tree = pd.Series(brain.region.to_numpy())
    one = spatial(region=1.0).fit(table, brain.voxels, tree, train.to_numpy(), progress=False)
    two = spatial(region=1.0).fit(table, shuffled, tree[::-1], train[::-1], progress=False)
    pd.testing.assert_frame_equal(one.predict_region(table), two.predict_region(table), check_exact=True)


def test_voxels_whose_order_cannot_be_told_are_refused(brain):
    table, voxels = energies(brain), brain.voxels
    with pytest.raises(ValueError, match=r"voxels: the rows are numbered 0 to .* in another order.*reset_index"):
        spatial().fit(table.to_numpy(), voxels[::-1], progress=False)
    named = table.set_axis([f"v{k}" for k in range(len(table))])
    with pytest.raises(ValueError, match=r"voxels: the rows are labelled 'w0'.*those of expression 'v0'"):
        spatial().fit(named, voxels.set_axis([f"w{k}" for k in range(len(table))]), progress=False)
    twice = ["v0", *named.index[:-1]]
    with pytest.raises(ValueError, match="each once"):
        spatial().fit(named, voxels.set_axis(twice), progress=False)


def test_some_rows_of_a_larger_table_are_taken_as_they_stand(brain):
    few = np.flatnonzero(brain.voxels["AP"] > 20)
    x, places = brain.expression[few].astype(np.float32), brain.voxels.iloc[few]
    one = spatial().fit(x, places, progress=False).predict_place(x)
    two = spatial().fit(pd.DataFrame(x), places.reset_index(drop=True), progress=False).predict_place(x)
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_genes_in_another_order_are_joined_by_name(brain, place):
    table = energies(brain)
    model = spatial().fit(table, brain.voxels, progress=False)
    turned = table[table.columns[::-1]].assign(another=1.0)
    for what in (model.predict_place, model.encode, model.reconstruct):
        pd.testing.assert_frame_equal(what(turned), what(table), check_exact=True)
    with pytest.raises(ValueError, match="are missing"):
        model.predict_place(table.drop(columns=table.columns[2]))
    with pytest.raises(ValueError, match="is given twice"):
        model.predict_place(pd.concat([table, table.iloc[:, :1]], axis=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.astype(float) + 0.5, "grid indices"),
        (lambda v: v.astype(float).mask(v["AP"] == 10), "row .* is .nan.*grid indices"),
        (lambda v: v * 200, r"grid indices below \(67, 41, 58\).*dividing by 200"),
        (lambda v: v - 30, "grid indices"),
        (lambda v: v[["LR", "SI", "AP"]], r"columns are \['LR', 'SI', 'AP'\]"),
        (lambda v: v.assign(region=1), "columns are"),
        (lambda v: v.to_numpy()[:, :2], r"voxels: shape \(\d+, 2\)"),
        (lambda v: v.to_numpy()[:-1], "voxels: shape"),
        (lambda v: v.astype(str).to_numpy() + "x", "voxels"),
        (lambda v: "everywhere", "voxels"),
        (lambda v: None, "needs voxels"),
    ],
)
def test_voxels_that_are_no_places(brain, change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        spatial().fit(energies(brain), change(brain.voxels), progress=False)


def test_voxels_of_any_plain_type(brain, place):
    table = energies(brain)
    for voxels in (
        brain.voxels.astype(float),
        brain.voxels.astype("Int64"),
        brain.voxels.to_numpy().tolist(),
        brain.voxels.astype(np.uint8),
        torch.tensor(brain.voxels.to_numpy()),
    ):
        model = spatial().fit(table, voxels, progress=False)
        pd.testing.assert_frame_equal(model.predict_place(table), place, check_exact=True)


def test_expression_of_voxels_of_any_plain_type(brain, place):
    table = energies(brain)
    for given in (table.astype(object), table.astype("Float32"), table.map(str), table.to_numpy().tolist()):
        model = spatial().fit(given, brain.voxels, progress=False)
        np.testing.assert_allclose(model.predict_place(given), place, atol=0.5)
    for bad in (
        table.fillna(0).astype(int),
        table.iloc[:, 0],
        table.assign(name="x"),
        table.iloc[:, :0],
        table.iloc[:0],
        table.to_numpy()[..., None],
        table.to_numpy().astype(complex),
        None,
        "x",
        table.set_axis(pd.MultiIndex.from_product([["a"], range(13)]), axis=1),
        table.set_axis(["g"] * 13, axis=1),
        table.set_axis([1.5 * k for k in range(13)], axis=1),
    ):
        with pytest.raises((ValueError, TypeError), match="expression"):
            spatial().fit(bad, brain.voxels, progress=False)


def test_training_voxels(brain):
    table, n = energies(brain), len(brain.voxels)
    mask = np.arange(n) % 4 > 0
    right = spatial().fit(table, brain.voxels, train=mask, progress=False).predict_place(table)
    for train in (np.flatnonzero(mask), mask.tolist(), pd.Series(mask), pd.Series(mask).astype("boolean")):
        found = spatial().fit(table, brain.voxels, train=train, progress=False).predict_place(table)
        pd.testing.assert_frame_equal(found, right, check_exact=True)
    for bad, message in (
        (mask.astype(int), "look like a mask"),
        (mask.astype(float), "expected a bool mask"),
        (mask[:-1], "a mask of shape"),
        ([n], "expected positions"),
        ([-1, 3], "expected positions"),
        ([2] * 30, "more than once"),
        ([], "train"),
        ("all", "train"),
        (mask[None], "train"),
    ):
        with pytest.raises(ValueError, match=message):
            spatial().fit(table, brain.voxels, train=bad, progress=False)
    model = spatial().fit(table, brain.voxels, progress=False)
    assert model.predict_place(table, rows=[5, 2]).index.tolist() == [5, 2]
    with pytest.raises(ValueError, match="look like a mask"):
        model.predict_place(table, rows=mask.astype(int))


def test_genes_without_values_and_constant_ones(brain):
    table = energies(brain)
    table.iloc[:, 1], table.iloc[:, 2] = np.nan, 0.1
    model = spatial().fit(table, brain.voxels, progress=False)
    assert table.columns[1] not in model.genes_
    assert np.isfinite(model.predict_place(table)).all(axis=None)
    with pytest.raises(ValueError, match="no gene has a value"):
        spatial().fit(table * np.nan, brain.voxels, progress=False)


def test_regions_and_pathways(brain):
    table = energies(brain)
    n, p = table.shape
    for bad, message in (
        (pd.Series([np.nan] * n), "the name nan"),
        (pd.Series([True, False] * (n // 2) + [True] * (n % 2)), "True is a bool|False is a bool"),
        (pd.DataFrame({"a": range(n)})[:-1], "region: "),
        ("regions", "region: expected labels"),
        (np.zeros((n, 2, 2), int), "region: expected labels"),
    ):
        with pytest.raises(ValueError, match=message):
            spatial(region=1.0).fit(table, brain.voxels, bad, progress=False)
    sets = pd.DataFrame(np.random.default_rng(0).random((3, p)) < 0.5, columns=table.columns)
    one = spatial(pathways=True).fit(table, brain.voxels, pathways=sets, progress=False).predict_place(table)
    turned = sets[sets.columns[::-1]]
    two = spatial(pathways=True).fit(table, brain.voxels, pathways=turned, progress=False).predict_place(table)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    for bad in (sets.set_axis(range(p), axis=1), sets.astype(float) * 0.3, sets.iloc[:, :-1], "Wnt", [[1, 2], [3]]):
        with pytest.raises(ValueError, match="pathways"):
            spatial(pathways=True).fit(table, brain.voxels, pathways=bad, progress=False)
    with pytest.raises(ValueError, match="level is 5"):
        spatial(region=1.0).fit(table, brain.voxels, brain.region, progress=False).predict_region(table, level=5)


def test_values_are_not_filled_in_from_another_brain(brain):
    table = energies(brain)
    table.iloc[3:200:7, 2] = np.nan
    model = spatial("paper", validation=0.0, impute=6).fit(table, brain.voxels, progress=False)
    few = np.arange(0, 300)
    with pytest.raises(ValueError, match="is another one"):
        model.predict_place(table.iloc[few], brain.voxels.iloc[few])
    whole = table.iloc[few].fillna(1.0)
    assert len(model.predict_place(whole, brain.voxels.iloc[few])) == 300


# --- case 31 and its kind: maps and tables as people have them


def test_31_a_map_as_table_or_text(toy, predicted):
    expression, thinning, graph = toy
    for given in (
        thinning.to_frame(),
        thinning.astype(object),
        thinning.map(repr),
        thinning.map(repr).astype("string"),
        thinning.astype("Float64"),
        thinning.to_dict(),
    ):
        found = small().fit(expression, given, graph).predict(expression)
        np.testing.assert_array_equal(found, predicted)
    for bad, error, message in (
        (thinning.to_frame().assign(p=0.1), TypeError, "table with 2 columns: 'thinning', 'p'. Choose one"),
        (thinning.tolist(), TypeError, "bare array"),
        (thinning.astype(object).where(thinning.index != "L_r3", "thick"), ValueError, "'thick', is no number"),
        (thinning > 3, ValueError, "expected numbers"),
        (thinning.astype(complex), ValueError, "expected numbers"),
        (pd.Series(pd.Timestamp("2026-01-01"), REGIONS), ValueError, "expected numbers"),
        (thinning.mask(thinning > 3.01), ValueError, "not finite"),
        (thinning.replace(thinning.iloc[2], np.inf), ValueError, "not finite"),
        (pd.concat([thinning, thinning[:1]]), ValueError, "more than once"),
        (thinning[:-1], ValueError, "missing: 'R_r6'"),
        (None, TypeError, "thinning"),
    ):
        with pytest.raises(error, match=message):
            small().fit(expression, bad, graph)


def test_names_of_any_style_are_joined(toy, predicted):
    expression, thinning, graph = toy
    freesurfer = {name: f"{'lh' if name[0] == 'L' else 'rh'}_{name[2:]}_thickness" for name in REGIONS}
    ggseg = {name: f"{name[2:]}_{'left' if name[0] == 'L' else 'right'}" for name in REGIONS}
    named = graph.weights.rename(index=ggseg, columns=ggseg).iloc[::-1, ::-1]
    model = small().fit(expression, thinning.rename(freesurfer)[::-1], Graph(named))
    np.testing.assert_array_equal(model.predict(expression.rename(ggseg)[::-1]), predicted)
    sparse = SparseGraph(pd.Index(ggseg.values()), graph.edges, graph.edge_weights)
    np.testing.assert_allclose(small().fit(expression, thinning, sparse).predict(expression), predicted, atol=1e-6)
    some = small().fit(expression, thinning, graph, train=REGIONS[3:])
    again = small().fit(expression, thinning, graph, train=[freesurfer[name] for name in REGIONS[3:]])
    pd.testing.assert_series_equal(some.predict(expression), again.predict(expression))


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.dtype(">f8"), "int", "Int64", "text", "object", "bool"])
def test_expression_of_any_plain_type(toy, kind):
    expression, thinning, graph = toy
    whole = (10 * expression).round()
    given = {
        "int": whole.astype(int),
        "Int64": whole.astype("Int64"),
        "text": whole.map(str),
        "object": whole.astype(object),
        "bool": expression > 0,
    }.get(kind, whole.astype(kind) if not isinstance(kind, str) else None)
    right = whole if kind != "bool" else (expression > 0).astype(float)
    model = small().fit(given, thinning, graph)
    np.testing.assert_array_equal(model.predict(given), small().fit(right, thinning, graph).predict(right))


@pytest.mark.parametrize("value", [0.1, 1 / 3, 2.7, -1.0, 0.0, 1e-9, 1e12])
def test_constant_genes_regions_and_maps(toy, value):
    expression, thinning, graph = toy
    jitter = np.where(np.arange(N) % 2, np.nextafter(value, 9e99), value)
    for constant in (value, jitter) if value else (0.0,):
        with pytest.raises(ValueError, match=r"gene 'g4' .*same value"):
            small().fit(expression.assign(g4=constant), thinning, graph)
        with pytest.raises(ValueError, match="same value in every training region"):
            small().fit(expression, thinning * 0 + constant, graph)
    other = thinning.where(thinning.index.isin(REGIONS[:4]), value)
    with pytest.raises(ValueError, match="same value in every training region"):
        small().fit(expression, other, graph, train=REGIONS[4:])
    flat = expression.copy()
    flat.loc["R_r2"] = value
    with pytest.raises(ValueError, match=r"region 'R_r2' .*same value"):
        small(normalise="region").fit(flat, thinning, graph)
    with pytest.raises(ValueError, match="same value"):
        refit(small(), expression, pd.DataFrame([thinning, thinning * 0 + value]), graph, progress=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.to_numpy(),
        lambda x: x.to_numpy().tolist(),
        lambda x: x["g0"],
        lambda x: x.iloc[:, :0],
        lambda x: x.iloc[:0],
        lambda x: x.assign(g3=np.inf),
        lambda x: x.mask(x > 1),
        lambda x: x.assign(g3="high"),
        lambda x: x.assign(g3=pd.Timestamp("2026-03-01")),
        lambda x: x.assign(g3=1j),
        lambda x: x.assign(g3=1e200 * x["g3"]),
        lambda x: x.assign(g3=1e-200 * x["g3"]),
        lambda x: x.rename(columns={"g1": "g0"}),
        lambda x: x.rename(index={"L_r1": "L_r0"}),
        lambda x: x.set_axis(pd.MultiIndex.from_product([["a"], x.columns]), axis=1),
        lambda x: x.set_axis(pd.MultiIndex.from_product([["a"], x.index])),
        lambda x: x.rename(columns={"g1": None}),
        lambda x: x.rename(columns={"g1": np.nan}),
        lambda x: x.rename(columns={"g1": 1.5}),
        lambda x: x.rename(columns={"g1": ("a", "b")}),
        lambda x: x.set_axis(pd.date_range("2026", periods=P), axis=1),
        lambda x: x.rename(columns={"g1": b"g1"}),
        lambda x: None,
        lambda x: {"g": 1},
    ],
)
def test_expression_that_cannot_be_is_refused_before_training(toy, change, monkeypatch):
    def never(*_args, **_more):
        raise AssertionError("trained")

    monkeypatch.setattr("xsg.training.cross_scale.train", never)
    given = change(toy[0])
    with pytest.raises((ValueError, TypeError), match="expression"):
        small().fit(given, *toy[1:])
    with pytest.raises((ValueError, TypeError), match="expression"):
        refit(small(), [given, given], *toy[1:], progress=False)


def test_extreme_maps(toy):
    expression, thinning, graph = toy
    with pytest.raises(ValueError, match=r"thinning: the largest value is 3.*e\+200"):
        small().fit(expression, thinning * 1e200, graph)
    with pytest.raises(ValueError, match="thinning: the largest value"):
        refit(small(), expression, pd.DataFrame([thinning, thinning * 1e-200]), graph, progress=False)
    metres = small().fit(expression, thinning * 1e-3, graph).predict(expression)
    np.testing.assert_allclose(metres * 1e3, small().fit(expression, thinning, graph).predict(expression), rtol=1e-5)


@pytest.mark.parametrize("train", ["L_r1", 3, [True] * N, pd.Series(True, REGIONS), ["L_r99"], [], np.ones(N, bool)])
def test_training_regions_that_are_no_names(toy, train):
    with pytest.raises((ValueError, TypeError), match="train"):
        small().fit(*toy, train=train)


def test_genes_are_joined_by_name_when_asked(toy):
    expression, thinning, graph = toy
    model = small().fit(expression, thinning, graph)
    turned = expression.iloc[::-1, ::-1].assign(extra=1.0)
    for what in (model.predict, model.encode, model.uncertainty):
        assert what(turned).equals(what(expression))
    assert model.sample(turned, n=2).equals(model.sample(expression, n=2))
    for bad, message in (
        (expression.drop(columns="g3"), "gene 'g3'"),
        (pd.concat([expression, expression[["g1"]]], axis=1), "'g1' is given twice"),
        (expression.drop(index="L_r3"), "missing: 'L_r3'"),
        (expression.mask(expression > 1), "not finite"),
        (expression.to_numpy(), "DataFrame"),
        (None, "DataFrame"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            model.predict(bad)


# --- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("latent", "hidden", "decoder", "epochs", "patience")
            for value in (0, -1, 2.5, "8", None, True, [4], np.array([4, 5]), np.nan, np.inf)
        ),
        ("latent", 10**9),
        *((name, value) for name in ("smoothness", "beta", "gamma") for value in (-0.1, np.nan, np.inf, "0.1", [0.1])),
        *(("lr", value) for value in (0, -1e-3, np.nan, np.inf, "0.001", None, np.array([0.1, 0.2]))),
        *(("validation", value) for value in (-1, 1.0, 2, np.nan, "0.2", None, True)),
        *(("normalise", value) for value in ("Gene", "rows", None, 1, ["gene"])),
        *(("rotate", value) for value in ("yes", 1, None, np.array([True, False]))),
        *(("seed", value) for value in (-1, 0.5, None, "0", 2**64, True, [1])),
    ],
)
def test_settings_of_the_cross_scale_model_that_cannot_be(toy, name, value):
    model = small(**{name: value})
    for call in (lambda: model.fit(*toy), lambda: refit(model, *toy, progress=False)):
        with pytest.raises((ValueError, TypeError), match=rf"^{name} is .*expected"):
            call()
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_genes", 0), ("n_genes", "all"), ("scale", "Log"), ("impute", -1), ("impute_before_split", 1),
        ("latent", 0), ("latent", 1.5), ("hidden", ()), ("hidden", 512), ("hidden", (512, 0)), ("hidden", "512"),
        ("decoder", (3, "a")), ("decoder", 3), ("norm", "Batch"), ("dropout", 1.0), ("dropout", -0.1),
        ("gene_dropout", 1), ("gene_dropout", np.nan), ("head", -1), ("centred", "no"), ("reconstruction", -1),
        ("beta", -1e-3), ("beta", np.array([1, 2])), ("classification", None), ("regression", np.inf), ("power", 3),
        ("power", 1.5), ("unit", 0), ("region", -1), ("pathways", "Wnt"), ("neighbours", 27), ("neighbours", 1.5),
        ("optimiser", "sgd"), ("optimiser", "Adam"), ("optimiser", None), ("lr", 0), ("lr", np.nan), ("lr", "0.001"),
        ("weight_decay", -1), ("batch", 0), ("batch", 10.5), ("epochs", 0), ("epochs", -3), ("clip", -1),
        ("dropout_after", 0), ("squares", "Sum"), ("kl", 200), ("drop_last", 1), ("validation_split", "back"),
        ("sampled", None), ("select_before_split", "no"),
        ("schedule", "Cosine"), ("schedule", None), ("validation", 1.0), ("validation", -1), ("precision", "half"),
        ("seed", -1), ("seed", None), ("seed", 1.5),
    ],
)  # fmt: skip
def test_settings_of_spatial_vae_that_cannot_be(brain, preset, name, value):
    model = spatial(preset, **{name: value})
    with pytest.raises((ValueError, TypeError), match=rf"{name}(\[\d\])? (is )?.*expected"):
        model.fit(brain.expression, brain.voxels, progress=False)
    assert not hasattr(model, "net_")
    assert not hasattr(model, "preprocess_")


def test_settings_of_spatial_vae_that_cannot_go_together(brain):
    nothing = dict.fromkeys(("reconstruction", "beta", "classification", "regression", "euclidean", "region"), 0)
    with pytest.raises(ValueError, match="are all 0"):
        spatial(**nothing).fit(brain.expression, brain.voxels, progress=False)
    with pytest.raises(ValueError, match="batch is 1"):
        spatial("paper", batch=1).fit(brain.expression, brain.voxels, progress=False)
    with pytest.raises(ValueError, match=r"dropout_after is 2; expected a layer of hidden=\(6,\)"):
        spatial("paper", hidden=(6,)).fit(brain.expression, brain.voxels, progress=False)
    with pytest.raises(ValueError, match="select_before_split is True; expected False with scale='log'"):
        spatial("paper", scale="log").fit(brain.expression, brain.voxels, progress=False)
    for preset in (None, 3, ["xsg"], "Paper"):
        with pytest.raises(ValueError, match="preset is"):
            SpatialVAE(preset)
    # A batch of more voxels than there are is one of all.
    n = len(brain.voxels)
    given = brain.expression, brain.voxels
    one, two = (spatial(batch=size).fit(*given, progress=False).predict_place(*given) for size in (n, 10 * n))
    pd.testing.assert_frame_equal(one, two)


def test_numpy_settings_are_plain_ones(toy, brain, tmp_path):
    expression, thinning, graph = toy
    numpy_typed = {
        "latent": np.int64(4), "hidden": np.int32(6), "decoder": np.float64(5), "epochs": np.uint8(3),
        "lr": np.float64(1e-2), "rotate": np.True_, "beta": np.float64(0.01), "seed": np.int64(0),
        "validation": np.float32(0.25), "patience": np.array(7), "smoothness": torch.tensor(0.5),
        "normalise": np.str_("gene"),
    }  # fmt: skip
    model = CrossScaleVAE(**numpy_typed).fit(expression, thinning, graph)
    plain = CrossScaleVAE(4, 6, 5, 0.5, lr=1e-2, epochs=3, validation=0.25, patience=7).fit(expression, thinning, graph)
    again = CrossScaleVAE.load(model.save(tmp_path / "m"))
    assert model.predict(expression).equals(plain.predict(expression))
    assert again.predict(expression).equals(plain.predict(expression))
    assert {type(value) for value in again.get_params().values()} == {int, float, str, bool}
    clone(model).fit(expression, thinning, graph)

    places = spatial(
        hidden=[np.int64(12), 8], latent=np.int16(5), lr=np.float32(0.002), n_genes=np.int64(9), epochs=1.0
    )
    places.fit(brain.expression, brain.voxels, progress=False)
    again = SpatialVAE.load(places.save(tmp_path / "s"))
    given = brain.expression, brain.voxels
    pd.testing.assert_frame_equal(again.predict_place(*given), places.predict_place(*given), check_exact=True)


# --- what is fitted is whole


def test_a_second_fit_that_fails_leaves_the_first(toy, brain, monkeypatch):
    expression, thinning, graph = toy
    model = small().fit(*toy)
    before, state = model.predict(expression), dict(vars(model))
    other = expression.drop(columns="g0").rename(index={})
    for bad in (lambda: model.fit(other, thinning * np.nan, graph), lambda: model.fit(other, thinning, "graph")):
        with pytest.raises((ValueError, TypeError)):
            bad()
        assert model.predict(expression).equals(before)
        assert vars(model) == state
    places = spatial().fit(brain.expression, brain.voxels, progress=False)
    first = places.predict_place(brain.expression)
    monkeypatch.setattr(loop.tqdm, "update", lambda *_: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        model.fit(other, thinning, graph)
    assert model.predict(expression).equals(before)
    with pytest.raises(MemoryError):
        places.fit(brain.expression[:, :5], brain.voxels, progress=False)
    assert places.predict_place(brain.expression).equals(first)


def interrupt_at(monkeypatch, k):
    """Press Ctrl-C in the k-th step of the progress bar."""
    done = []

    def update(*_):
        done.append(1)
        if len(done) == k:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.tqdm, "update", update)


def test_ctrl_c_before_an_epoch_is_finished_leaves_no_fit(toy, brain, monkeypatch):
    model, places = small(), spatial(epochs=9)
    monkeypatch.setattr(engine.HandGradient, "__call__", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        model.fit(*toy)
    interrupt_at(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        places.fit(brain.expression, brain.voxels, progress=False)
    for each in (model, places):
        assert not hasattr(each, "net_")
        assert not hasattr(each, "interrupted_")


def test_ctrl_c_later_keeps_the_last_whole_epoch_and_says_so(brain, monkeypatch):
    steps = len(brain.voxels) // NET["batch"]
    given = brain.expression, brain.voxels
    # The same schedule at constant lr: two epochs, and nine cut short in the third.
    whole = spatial(epochs=2, schedule="plateau").fit(*given, progress=False)
    interrupt_at(monkeypatch, 2 * steps + 2)
    with pytest.warns(UserWarning, match="interrupted after 2 of 9 epochs"):
        cut = spatial(epochs=9, schedule="plateau").fit(*given, progress=False)
    assert cut.interrupted_
    assert not whole.interrupted_
    assert len(cut.history_) == len(cut.seconds_) == 2
    pd.testing.assert_frame_equal(cut.predict_place(*given), whole.predict_place(*given), check_exact=True)


def test_ctrl_c_ends_a_loop_over_fits(toy, tmp_path, monkeypatch):
    trained = []
    real = refits.train_copies
    monkeypatch.setattr(refits, "CHUNK", 2)

    def cut(copies, **given):
        trained.append(copies.seeds)
        if len(trained) == 3:
            interrupt_at(monkeypatch, 2)  # in the second epoch
        return real(copies, **given)

    monkeypatch.setattr(refits, "train_copies", cut)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no word of a state that is kept: none is
        with pytest.raises(KeyboardInterrupt):
            refit(small(), *toy, seeds=range(10), progress=False, checkpoint=tmp_path)
    assert len(trained) == 3
    assert len(list(tmp_path.iterdir())) == 2


def test_a_fit_that_diverges_stops_within_the_epoch(brain, monkeypatch):
    steps = []
    monkeypatch.setattr(loop.tqdm, "update", lambda *_: steps.append(1))
    model = spatial(lr=1e12, clip=0.0, optimiser="adam", batch=20, norm="batch", epochs=2)
    with pytest.raises(FloatingPointError, match=r"became (nan|inf) in epoch 1 \(lr=1e\+12\). Lower lr"):
        model.fit(brain.expression, brain.voxels, progress=False)
    assert len(steps) < 10 < len(brain.voxels) // 20
    assert not hasattr(model, "net_")


def test_the_last_step_can_lose_the_weights_too(toy, brain, monkeypatch):
    """No loss follows it that would show it."""
    step = torch.optim.Adam.step

    def lost(self, *given):
        step(self, *given)
        for group in self.param_groups:
            group["params"][0].data.view(-1)[0] = torch.nan

    own = engine._Adam.step

    def lost_too(self):
        own(self)
        self.flat[0].view(-1)[0] = torch.nan

    monkeypatch.setattr(torch.optim.Adam, "step", lost)
    monkeypatch.setattr(engine._Adam, "step", lost_too)
    model = small(epochs=1)
    with pytest.raises(FloatingPointError, match="Lower lr"):
        model.fit(*toy)
    places = spatial(optimiser="adam", epochs=1, batch=10**6)
    with pytest.raises(FloatingPointError, match=r"after epoch 1 .*Lower lr"):
        places.fit(brain.expression, brain.voxels, progress=False)
    assert not hasattr(model, "net_")
    assert not hasattr(places, "net_")


def test_the_way_out_leads_to_the_data_where_they_are_extreme(toy, brain):
    table = energies(brain)
    table.iloc[5, 3] = 1e30
    with pytest.raises(ValueError, match=r"expression is 1e\+30 at \(5, 3\)"):
        spatial().fit(table, brain.voxels, progress=False)
    table.iloc[:, 3] *= np.where(np.arange(len(table)) % 9, 1.0, 0) + 1e5 * (np.arange(len(table)) % 9 == 0)
    table.iloc[5, 3] = 1.0
    with pytest.raises(FloatingPointError, match=f"gene {table.columns[3]!r} reaches"):
        spatial("paper", lr=1e30, clip=0.0).fit(table, brain.voxels, progress=False)
    expression, thinning, graph = toy
    with pytest.raises(FloatingPointError, match="normalised expression reaches"):
        small(normalise="none", gamma=1.0).fit(expression * 1e20, thinning, graph)


# --- refits


def test_refits_of_lists_that_are_none(toy):
    expression, thinning, graph = toy
    for given, message in (
        ({"seeds": 3}, "seeds is 3; expected a list of seeds"),
        ({"seeds": "012"}, "seeds is '012'"),
        ({"seeds": [0.5]}, r"seeds\[0\] is 0.5"),
        ({"seeds": [1, -1]}, r"seeds\[1\] is -1"),
        ({"seeds": [None]}, r"seeds\[0\] is None"),
        ({"smoothness": 0.1}, "smoothness is 0.1; expected a list"),
        ({"smoothness": [0.1, -1]}, r"smoothness\[1\] is -1"),
        ({"smoothness": ["a"]}, r"smoothness\[0\] is 'a'"),
        ({"held_out": np.zeros((0, N), bool)}, r"held_out has shape \(0, 14\)"),
        ({"held_out": np.zeros(N, bool)}, r"held_out has shape \(14,\)"),
        ({"held_out": np.zeros((2, N, 1), bool)}, "held_out has shape"),
        ({"held_out": [["L_r0", "L_r1"]]}, "held_out"),
        ({"held_out": [[0, 1], [2]]}, "held_out"),
        ({"held_out": np.full((1, N), 0.5)}, "held_out holds 0.5"),
        ({"held_out": np.ones((1, N), bool)}, "leaves 0 regions"),
        ({"expression": []}, "empty list"),
        ({"graph": []}, "empty list"),
        ({"graph": ["ring"]}, "graph: expected"),
        ({"thinning": pd.DataFrame([thinning, thinning]).iloc[:, :-1]}, "missing: 'R_r6'"),
        ({"thinning": pd.DataFrame(index=["a"], columns=REGIONS)}, "not finite"),
        ({"checkpoint": 3}, "checkpoint is 3"),
        ({"model": "paper"}, "model is a str"),
        ({"model": spatial()}, "model is a SpatialVAE"),
    ):
        arguments = {"model": small(), "expression": expression, "thinning": thinning, "graph": graph, **given}
        with pytest.raises((ValueError, TypeError), match=message):
            refit(**arguments, progress=False)


def test_folds_and_maps_are_joined_by_name(toy):
    expression, thinning, graph = toy
    folds = np.arange(N) % 7 % 3 == np.arange(3)[:, None]
    right = cross_val_predict(small(), expression, thinning, graph, held_out=folds, progress=False)
    named = pd.DataFrame(folds, columns=REGIONS)[REGIONS[::-1]]
    for held_out in (named, folds.astype(int), folds.tolist()):
        for given in (thinning, thinning.to_frame()[::-1], thinning.map(str)):
            found = cross_val_predict(small(), expression, given, graph, held_out=held_out, progress=False)
            pd.testing.assert_frame_equal(found, right, check_exact=True)
    maps = pd.DataFrame([thinning, -thinning], ["a", "b"])
    found = refit(small(), expression, maps, graph, progress=False)
    pd.testing.assert_frame_equal(refit(small(), expression, maps[REGIONS[::-1]], graph, progress=False), found)
    assert found.index.get_level_values("map").tolist() == ["a", "b"]


@pytest.fixture
def chunks(toy, tmp_path, monkeypatch):
    """Return a function that refits with a checkpoint and tells what it predicts and how many chunks it trained."""
    monkeypatch.setattr(refits, "CHUNK", 2)
    real, trained = refits._predict, []
    monkeypatch.setattr(refits, "_predict", lambda copies: (trained.append(1), real(copies))[1])

    def run(expression=toy[0], thinning=toy[1], graph=toy[2], seeds=range(6), **settings):
        before = len(trained)
        found = refit(small(**settings), expression, thinning, graph, seeds=seeds, progress=False, checkpoint=tmp_path)
        return found, len(trained) - before

    return run


def overwritten(path: Path, others: list[Path]) -> None:
    arrays = {"predicted": torch.zeros(2, N, dtype=torch.float64)}
    save_file(arrays, path, {"xsg": json.dumps({"format": 1, "class": "refits", "chunk": path.stem})})


def sealed(path: Path, others: list[Path]) -> None:
    """Of another shape, with a right digest."""
    arrays = {"predicted": torch.zeros(3, N, dtype=torch.float64)}
    text = json.dumps({"format": 1, "class": "refits", "chunk": path.stem})
    save_file(arrays, path, {"xsg": text, "sha256": _seal(text, arrays)})


def one_bit(path: Path, others: list[Path]) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def into_folder(path: Path, others: list[Path]) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm",
    [
        overwritten,
        sealed,
        one_bit,
        lambda path, others: path.write_bytes(others[0].read_bytes()),  # another chunk's file
        lambda path, others: path.write_bytes(path.read_bytes()[:-9]),
        lambda path, others: path.write_bytes(b""),
        lambda path, others: path.write_text("region,thinning\n"),
        into_folder,
    ],
)
def test_a_chunk_that_is_not_what_it_should_be_is_trained_again(chunks, tmp_path, capsys, harm):
    right, n = chunks()
    assert n == 3
    kept = sorted(tmp_path.iterdir())
    harm(kept[0], kept[1:])
    if kept[0].is_dir():  # it cannot be replaced either, which is said
        with pytest.raises(OSError, match="could not be kept"):
            chunks()
        return
    found, n = chunks()
    pd.testing.assert_frame_equal(found, right, check_exact=True)
    assert n == 1
    assert "trained again" in capsys.readouterr().err
    assert chunks()[1] == 0


def test_a_chunk_is_known_by_all_that_it_depends_on(toy, chunks, monkeypatch):
    expression, thinning, graph = toy
    assert chunks()[1] == 3
    assert chunks()[1] == 0
    assert chunks(thinning=thinning + np.where(thinning.index == "L_r3", 1e-9, 0))[1] == 3
    assert chunks(expression=expression.rename(columns={"g3": "other"}))[1] == 3
    names = {"L_r3": "L_x", "R_r3": "R_x"}
    weights = graph.weights.rename(index=names, columns=names)
    assert chunks(expression.rename(names), thinning.rename(names), Graph(weights))[1] == 3
    assert chunks(graph=Graph(2 * graph.weights))[1] == 3
    assert chunks(graph=None)[1] == 3
    assert chunks(seeds=range(6, 12))[1] == 3
    for settings in ({"lr": 2e-2}, {"epochs": 4}, {"beta": 0.5}, {"validation": 0.2}, {"patience": 3}, {"gamma": 1.0}):
        assert chunks(**settings)[1] == 3, settings
    monkeypatch.setattr(refits, "_made_by", lambda: "other code")
    assert chunks()[1] == 3


def test_the_key_of_a_chunk_names_the_code(monkeypatch):
    before = refits._made_by()
    assert torch.__version__ in before
    real = refits.inspect.getsource
    for module in (engine, refits.cross_scale, refits.gradient, refits.network, refits.tables):
        refits._made_by.cache_clear()
        monkeypatch.setattr(
            refits.inspect, "getsource", lambda which, m=module: real(which) + "# changed" * (which is m)
        )
        assert refits._made_by() != before
    monkeypatch.undo()
    refits._made_by.cache_clear()
    assert refits._made_by() == before


# --- threads


def on_threads(k, make):
    before = torch.get_num_threads()
    torch.set_num_threads(k)
    try:
        return make()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("settings", [{}, {"gamma": 10.0}, {"normalise": "region", "rotate": False}])
def test_threads_do_not_matter_to_the_last_bit(settings):
    cortex = xsg.load_cortex("simulated")
    model = CrossScaleVAE(epochs=15, **settings)

    def make():
        model.fit(cortex.expression, cortex.thinning, cortex.graph)
        return model.predict(cortex.expression), model.sample(cortex.expression, 3)

    for one, two in zip(on_threads(1, make), on_threads(2, make), strict=True):
        assert one.equals(two)
    one, two = (
        on_threads(k, lambda: refit(model, cortex.expression, cortex.thinning, cortex.graph, progress=False))
        for k in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_threads_move_a_large_spatial_vae_by_little(brain, monkeypatch):
    """Below the size from which all threads are used nothing changes; above it sums are rounded in another order."""
    given = brain.expression, brain.voxels

    def make():
        return spatial("paper", hidden=(300, 200), epochs=5).fit(*given, progress=False).predict_place(*given)

    assert on_threads(1, make).equals(on_threads(2, make))
    monkeypatch.setattr(spatial_vae, "_ALL_THREADS_FROM", 0)
    assert (on_threads(1, make) - on_threads(2, make)).abs().max(axis=None) < 0.1


# --- saved models


@pytest.fixture
def saved(toy, brain, tmp_path):
    """Return both kinds of model, each with the class that reads it, its file, and what it predicts."""
    model = small(gamma=0.5).fit(*toy)
    tree = pd.DataFrame({"division": brain.division, "region": brain.region})
    places = spatial("paper", region=1.0, impute=2, pathways=True, latent=6).fit(
        brain.expression, brain.voxels, tree, pathways=np.eye(3, 13, dtype=bool), progress=False
    )
    return {
        "cross": (CrossScaleVAE, model.save(tmp_path / "cross"), lambda m: m.predict(toy[0])),
        "spatial": (
            SpatialVAE,
            places.save(tmp_path / "spatial"),
            lambda m: m.predict_place(brain.expression, brain.voxels),
        ),
    }


def parts(path):
    with safe_open(path, framework="pt") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return json.loads(file.metadata()["xsg"]), arrays


def rewrite(path, facts, arrays, seal=True):
    """Write a file as xsg would, whatever is in it."""
    text = facts if isinstance(facts, str) else json.dumps(facts)
    about = {"xsg": text} | ({"sha256": _seal(text, arrays)} if seal else {})
    save_file({name: value.contiguous() for name, value in arrays.items()}, path, about)


@pytest.mark.parametrize("which", ["cross", "spatial"])
def test_saved_files_name_their_format_and_the_first_editions_load(saved, which):
    cls, path, predict = saved[which]
    right = predict(cls.load(path))
    facts, arrays = parts(path)
    assert facts["format"] == FORMAT == 1
    rewrite(path, facts, arrays)
    assert predict(cls.load(path)).equals(right)
    first = {name: value for name, value in facts.items() if name != "format"}
    rewrite(path, first, arrays, seal=False)
    assert predict(cls.load(path)).equals(right)
    for later in (2, 99):
        rewrite(path, facts | {"format": later, "class": "Renamed"}, arrays)
        with pytest.raises(ValueError, match=f"{path.name} was written by a later xsg .format {later}.*[Uu]pdate xsg"):
            cls.load(path)


def everywhere(facts):
    """Yield the facts with each of their parts missing, or replaced by what it cannot be."""
    for key in facts:
        yield {name: value for name, value in facts.items() if name != key}
        for wrong in (None, 3, "x", [], {}, [1, "a"], {"a": 1}, [[]], True, -1.5):
            if wrong != facts[key] or isinstance(wrong, bool):
                yield facts | {key: wrong}
        if isinstance(facts[key], dict):
            for inner in facts[key]:
                yield facts | {key: {k: v for k, v in facts[key].items() if k != inner}}
                for wrong in ([], {}, "x", -5, [1, {}]):
                    yield facts | {key: facts[key] | {inner: wrong}}
            yield facts | {key: facts[key] | {"unknown": 1}}
        elif isinstance(facts[key], list) and facts[key]:
            yield facts | {key: facts[key][:-1]}
            yield facts | {key: [*facts[key], facts[key][-1]]}


@pytest.mark.parametrize("which", ["cross", "spatial"])
@pytest.mark.parametrize("edition", [0, 1])
def test_altered_descriptions_are_refused_in_one_way(saved, which, edition):
    cls, path, _ = saved[which]
    facts, arrays = parts(path)
    facts.pop("format")
    if edition:
        facts["format"] = 1
    refused = taken = tried = 0
    for altered in everywhere(facts):
        tried += 1
        rewrite(path, altered, arrays, seal=True)
        try:
            repr(cls.load(path))
        except ValueError as error:
            refused += str(path) in str(error)
        else:  # a number or a name that could be so
            taken += 1
    assert refused + taken == tried > 80
    assert taken < 0.25 * refused


@pytest.mark.parametrize("which", ["cross", "spatial"])
def test_altered_arrays_are_refused_in_one_way(saved, which):
    cls, path, _ = saved[which]
    facts, arrays = parts(path)
    for name, value in arrays.items():
        changes = [None, value.reshape(-1)[:-1], value[None], value.to(torch.float16), value.to(torch.complex64)]
        if value.is_floating_point() and value.numel():
            changes += [torch.full_like(value, torch.nan), torch.full_like(value, torch.inf)]
        for changed in changes:
            if changed is not None and changed.dtype == value.dtype and torch.equal(changed, value):
                continue
            other = {k: v for k, v in arrays.items() if k != name} | ({} if changed is None else {name: changed})
            rewrite(path, facts, other)
            with pytest.raises(ValueError, match="is damaged or was altered") as caught:
                cls.load(path)
            assert str(path) in str(caught.value)
            assert caught.value.__cause__ is None
    rewrite(path, facts, arrays | {"extra": torch.zeros(2)})
    with pytest.raises(ValueError, match="unknown: 'extra'"):
        cls.load(path)
    rewrite(path, facts, arrays | {"net.extra": torch.zeros(2)})
    with pytest.raises(ValueError, match="unknown: 'extra'"):
        cls.load(path)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[]", "3", "null", '"CrossScaleVAE"', "[" * 100_000, "{}"])
def test_descriptions_that_are_no_facts(saved, text):
    cls, path, _ = saved["cross"]
    rewrite(path, text, parts(path)[1])
    with pytest.raises(ValueError, match=r"is damaged|no xsg model") as caught:
        cls.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("number", [True, -1, "1", 1.5, None, [1]])
def test_formats_that_are_no_numbers(saved, number):
    cls, path, _ = saved["cross"]
    facts, arrays = parts(path)
    rewrite(path, facts | {"format": number}, arrays)
    with pytest.raises(ValueError, match="its format is"):
        cls.load(path)


def test_a_digest_that_is_not_that_of_the_contents(saved):
    for cls, path, _ in saved.values():
        one_bit(path, [])
        with pytest.raises(ValueError, match="damaged or was altered"):
            cls.load(path)
        facts, arrays = parts(path)
        rewrite(path, facts, arrays, seal=False)
        with pytest.raises(ValueError, match="its digest"):
            cls.load(path)


@pytest.mark.parametrize("keep", [0, 1, 8, 100, 2000, -1, -100])
def test_files_cut_short(saved, keep):
    for cls, path, _ in saved.values():
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(ValueError, match="not a safetensors file") as caught:
            cls.load(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("cls", [CrossScaleVAE, SpatialVAE])
def test_files_of_others(cls, tmp_path, saved):
    contents = {
        "map.csv": b"region,thinning\nL_insula,0.1\n",
        "old.pkl": b"\x80\x04\x95\x00\x00\x00\x00",
        "zip.npz": b"PK\x03\x04" + bytes(200),
        "zeros": bytes(4096),
        "huge": (2**62).to_bytes(8, "little") + b"{}",
        "page.html": b"<!doctype html><title>404</title>",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="not a safetensors file") as caught:
            cls.load(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"no saved model at .*none"):
        cls.load(tmp_path / "none")
    with pytest.raises(ValueError, match="is a folder"):
        cls.load(tmp_path)
    for bad in (None, 3, b"m", ""):
        with pytest.raises(TypeError, match="path is"):
            cls.load(bad)
    (other,) = (each for each in saved.values() if each[0] is not cls)
    with pytest.raises(ValueError, match=f"holds {other[0].__name__}, expected a {cls.__name__}"):
        cls.load(other[1])


def test_a_file_that_may_not_be_read(saved, monkeypatch):
    cls, path, _ = saved["cross"]

    def denied(*_args, **_more):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("safetensors.safe_open", denied)
    with pytest.raises(ValueError, match="cannot be read"):
        cls.load(path)


def test_a_save_that_fails_leaves_the_old_file(toy, brain, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    models = [small().fit(*toy), spatial().fit(brain.expression, brain.voxels, progress=False)]
    for model in models:
        path = model.save(tmp_path / "model")
        before = path.read_bytes()
        for error in (OSError(28, "No space left on device"), SafetensorError("I/O error: No space left on device")):

            def full(arrays, part, *_more, error=error):
                Path(part).write_bytes(b"half")
                raise error

            with monkeypatch.context() as patch:
                patch.setattr("safetensors.torch.save_file", full)
                with pytest.raises(OSError, match=r"model could not be written .*No space left.*untouched"):
                    model.save(path)
            assert path.read_bytes() == before
            assert [file.name for file in tmp_path.iterdir()] == ["model"]
        with pytest.raises(OSError, match="could not be written"):
            model.save(tmp_path / "no folder" / "model")
        with pytest.raises(OSError, match="could not be written"):
            model.save(path / "below a file")
        with pytest.raises(OSError, match="could not be written"):
            model.save(tmp_path)
        with pytest.raises(TypeError, match="path is None"):
            model.save(None)


@pytest.mark.parametrize(
    "genes",
    [
        range(P),
        np.arange(100, 100 + P),
        pd.Index([np.int64(k) for k in range(P)], dtype=object),
        [1017, "MAPT", *range(2000, 2000 + P - 2)],
        pd.Index([f"g{k}" for k in range(P)], dtype="string"),
        pd.CategoricalIndex([f"g{k}" for k in range(P)]),
        [f'gène {k} µ\n"quoted"' for k in range(P)],
        [str(k) for k in range(P)],
    ],
)
def test_names_come_back_as_they_were(toy, tmp_path, genes):
    expression, thinning, graph = toy
    expression = expression.set_axis(pd.Index(genes), axis=1)
    model = small().fit(expression, thinning.rename(("mm", 3)), graph)
    again = CrossScaleVAE.load(model.save(tmp_path / "m"))
    assert again.predict(expression).equals(model.predict(expression))
    assert again.predict(expression).name == ("mm", 3)
    assert list(again.genes_) == list(model.genes_)
    assert [type(name) for name in again.genes_] == [
        int if isinstance(name, (int, np.integer)) else str for name in model.genes_
    ]


@pytest.mark.parametrize("name", [None, "mm", 3, np.int64(3), 2.5, ("a", 1), pd.Timestamp("2026-01-02"), np.nan])
def test_names_of_tables_come_back(toy, tmp_path, name):
    expression, thinning, graph = toy
    expression = expression.set_axis(expression.index.rename(name))
    model = small().fit(expression, thinning.rename(name), graph)
    again = CrossScaleVAE.load(model.save(tmp_path / "m"))
    for found in (model.predict(expression), again.predict(expression)):
        assert found.name == again.thinning_name_
        assert found.index.name == model.regions_.name == again.regions_.name
    assert again.predict(expression).equals(model.predict(expression))


def test_regions_that_are_numbered_come_back(toy, tmp_path):
    expression, thinning, graph = toy
    numbers = np.arange(1001, 1001 + N)
    expression, thinning = expression.set_axis(numbers), thinning.set_axis(numbers)
    graph = Graph(graph.weights.set_axis(numbers).set_axis(numbers, axis=1))
    model = small().fit(expression, thinning, graph, train=numbers[2:])
    again = CrossScaleVAE.load(model.save(tmp_path / "m"))
    assert again.predict(expression[::-1]).equals(model.predict(expression))


def test_ctrl_c_from_the_keyboard_ends_refits(toy):
    """As a shell sends it, in the middle of a long run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    refit(small(), *toy, progress=False)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            refit(small(epochs=100_000), *toy, seeds=range(3), progress=False)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 20


def test_ctrl_c_in_the_middle_of_switching_gradients_off_leaves_torch_as_it_was(toy, monkeypatch):
    def cut(*_args, **_more):
        torch.set_grad_enabled(False)
        torch.set_num_threads(torch.get_num_threads() + 1)
        raise KeyboardInterrupt

    threads = torch.get_num_threads()
    monkeypatch.setattr("xsg.training.cross_scale.train_copies", cut)
    with pytest.raises(KeyboardInterrupt):
        small().fit(*toy)
    assert torch.is_grad_enabled()
    assert torch.get_num_threads() == threads
