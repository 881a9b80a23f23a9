"""The estimator: what it is told, what it learns from, what it keeps; and the failure of the published network."""

import numpy as np
import pandas as pd
import pytest
import torch

import xsg
from xsg.spatial import estimator as spatial_vae
from xsg.spatial import presets, stream
from xsg.spatial.estimator import PAPER_STATED, PRESETS, SpatialVAE
from xsg.spatial.model import SpatialVAENet
from xsg.spatial.mouse import fold
from xsg.spatial.preprocess import Preprocessor
from xsg.spatial.tables import Table
from xsg.training.saved import read_model, write_model

SMALL = {"hidden": (24, 16), "latent": 7, "decoder": (13,), "epochs": 3, "batch": 100}


@pytest.fixture(scope="module")
def brain():
    return xsg.load_mouse("simulated", n_genes=41, step=4, geometry="drawn")


@pytest.fixture(scope="module")
def train(brain):
    return np.random.default_rng(0).random(len(brain.voxels)) < 0.7


@pytest.fixture(scope="module")
def tree(brain):
    return pd.DataFrame({"division": brain.division, "region": brain.region})


def fit(brain, train=None, preset="xsg", folded=False, **changes) -> SpatialVAE:
    model = SpatialVAE(preset, **(SMALL | changes))
    return model.fit(brain.expression, brain.voxels, train=train, folded=folded, progress=False)


def test_presets_hold_every_number_of_the_text_and_of_the_notebook():
    """The two columns of the published description, where they are stated."""
    both = {"n_genes": 3000, "hidden": (1000, 500), "decoder": (500,), "norm": "batch", "dropout": 0.7}
    both |= {"batch": 1000, "epochs": 50, "clip": 1.0, "schedule": "plateau", "head": 0, "centred": False, "unit": 1.0}
    both |= {"select_before_split": True, "drop_last": False, "sampled": True, "classification": 0.0, "beta": 1.0}
    text = {"latent": 50, "optimiser": "adam", "reconstruction": 1.0, "power": 2, "scale": "robust"}
    text |= {"validation": 1 / 9}  # 10 of the 90 % that are not the test set
    text |= {"regression": 1.0, "euclidean": 1.0, "squares": "sum", "dropout_after": 2}
    notebook = {"latent": 200, "optimiser": "adagrad", "lr": 1e-3, "weight_decay": 1e-7, "reconstruction": 1e6}
    notebook |= {"regression": 100.0, "euclidean": 100.0, "power": 1, "squares": "mean", "kl": "mean"}
    notebook |= {"scale": "voxel", "dropout_after": 1, "validation": 0.2, "validation_split": "front"}  # 16 of 80 %
    for name, stated in {"paper": both | text, "notebook": both | notebook}.items():
        assert {key: PRESETS[name][key] for key in stated} == stated
    assert set(PAPER_STATED) == {*text, "beta", "classification"}
    assert PRESETS["paper"]["regression"] == PRESETS["paper"]["euclidean"], "both are w_reg"
    assert PRESETS["notebook"].keys() == PRESETS["paper"].keys() == PRESETS["xsg"].keys()


def test_every_preset_fits_predicts_and_logs_its_terms(brain, train):
    named = {
        "paper": ["reconstruction", "kl", "regression AP", "regression SI", "regression LR"],
        "notebook": ["reconstruction", "kl", "regression AP", "regression SI", "regression LR"],
        "xsg": ["reconstruction", "kl"],
    }
    for preset, terms in named.items():
        model = SpatialVAE(preset, epochs=2, batch=200, hidden=(90, 60))
        model.fit(brain.expression, brain.voxels, train=train, progress=False)
        history = model.history_
        assert list(history.columns) == [*terms, "euclidean", "total", "validation", "lr"]
        assert np.allclose(history[[*terms, "euclidean"]].sum(axis=1), history["total"])
        assert history["validation"].notna().all() == (preset != "xsg")
        found = model.predict_place(brain.expression, brain.voxels, ~train)
        assert list(found.columns) == ["AP", "SI", "LR"]
        assert found.index.tolist() == np.flatnonzero(~train).tolist()
        assert np.isfinite(found).all(axis=None)


def test_our_preset_has_not_moved():
    """Every number and switch of preset "xsg"; what it learns from the same seed stands in chapters 15 to 17."""
    ours = {"n_genes": None, "scale": "log", "select_before_split": False, "impute": 0, "impute_before_split": False}
    ours |= {"latent": 64, "hidden": (512, 256), "decoder": (256,), "norm": "layer", "dropout": 0.0, "head": 128}
    ours |= {"dropout_after": 1, "gene_dropout": 0.2, "centred": True, "reconstruction": 1.0, "squares": "mean"}
    ours |= {"beta": 1e-3, "kl": "sum", "classification": 0.0, "regression": 0.0, "euclidean": 1.0, "power": 1}
    ours |= {"unit": 5.0, "region": 0.0, "pathways": False, "neighbours": 0, "optimiser": "adamw", "lr": 2e-3}
    ours |= {"weight_decay": 1e-2, "batch": 500, "drop_last": True, "epochs": 30, "clip": 1.0, "schedule": "cosine"}
    ours |= {"validation": 0.0, "validation_split": "random", "sampled": False, "precision": "auto"}
    assert PRESETS["xsg"] == ours


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_front_of_the_training_voxels_validates(brain, train, shuffle):
    """The first fifth of the ordered voxels, in whatever order the table is: a slab, which does not train."""
    order = np.random.default_rng(3).permutation(len(train)) if shuffle else np.arange(len(train))
    moved = brain.expression.copy()
    ap = brain.voxels["AP"].to_numpy()
    ordered = np.flatnonzero(train)  # the table is in the order of the grid
    front = ordered[: round(0.2 * len(ordered))]
    assert ap[front].max() <= ap[np.setdiff1d(ordered, front)].min()
    assert ap[front].max() < 30
    moved[front] = 50.0
    fitted = []
    for expression in (brain.expression, moved):
        model = SpatialVAE("notebook", **(SMALL | {"select_before_split": False}))
        voxels = brain.voxels.iloc[order].reset_index(drop=True)
        fitted.append(model.fit(expression[order], voxels, train=train[order], progress=False))
    same, other = (each.history_ for each in fitted)
    assert (same["total"] == other["total"]).all(), "what validates does not train"
    assert (same["validation"] != other["validation"]).all()


def test_the_last_batch_is_kept_or_dropped(brain, monkeypatch):
    sizes = []
    loss = SpatialVAENet.loss
    monkeypatch.setattr(SpatialVAENet, "loss", lambda self, output, *a, **k: sizes.append(len(output.mean))
                        or loss(self, output, *a, **k))  # fmt: skip
    for drop_last, n, expected in ((True, 257, [100, 100]), (False, 257, [100, 100, 57]), (False, 201, [100, 100])):
        sizes.clear()
        model = SpatialVAE("notebook", **(SMALL | {"epochs": 1, "validation": 0.0, "drop_last": drop_last}))
        model.fit(brain.expression, brain.voxels, train=np.arange(n), progress=False)
        assert sizes == expected, "a last batch of one voxel has no variance for BatchNorm"


def test_published_presets_sample_the_place(brain, train):
    model = fit(brain, train, preset="notebook")
    mean, drawn = (model.predict_place(brain.expression, rows=train, sampled=each) for each in (False, True))
    pd.testing.assert_frame_equal(model.predict_place(brain.expression, rows=train), drawn)
    assert not np.allclose(mean, drawn)
    # A voxel's draw is its own, whoever else is asked about; and it is of the posterior.
    some = np.flatnonzero(train)[[40, 7]]
    pd.testing.assert_frame_equal(model.predict_place(brain.expression, rows=some), drawn.loc[some], rtol=1e-4)
    spread = model.spread(brain.expression, rows=train, n=50)
    np.testing.assert_allclose(((drawn - mean) / spread).std(), 1, atol=0.15)
    ours = fit(brain, train)
    at_mean = ours.predict_place(brain.expression, sampled=False)
    pd.testing.assert_frame_equal(ours.predict_place(brain.expression), at_mean)
    with pytest.raises(TypeError, match="sampled is 'yes'"):
        ours.predict_place(brain.expression, sampled="yes")


def test_it_learns_where_voxels_lie(brain, train):
    model = fit(brain, train, folded=True, epochs=40, batch=50)
    y = fold(brain.voxels.to_numpy())
    off = np.linalg.norm(model.predict_place(brain.expression, rows=~train) - y[~train], axis=1)
    centroid = np.linalg.norm(y[train].mean(axis=0) - y[~train], axis=1)
    assert off.mean() < 0.5 * centroid.mean()
    assert model.folded_
    recovered = model.reconstruct(brain.expression, rows=~train)
    assert recovered.columns.equals(model.genes_)
    x = model.preprocess_.transform(brain, ~train)
    assert ((x - recovered) ** 2).mean(axis=None) < 0.8 * (x**2).mean()


def test_nothing_is_learned_from_voxels_that_do_not_train(brain, train):
    other = brain.expression.copy()
    other[~train] = 50.0
    frozen = brain.voxels.copy()
    frozen.loc[~train] = 3
    first = fit(brain, train)
    second = SpatialVAE(**SMALL).fit(other, frozen, train=train, progress=False)
    pd.testing.assert_frame_equal(
        first.predict_place(brain.expression, rows=train), second.predict_place(brain.expression, rows=train)
    )


def test_the_same_seed_gives_the_same_model_and_leaves_the_global_stream_alone(brain, train):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = fit(brain, train, preset="notebook")
    assert torch.equal(torch.rand(3), expected)
    second = fit(brain, train, preset="notebook")
    other = SpatialVAE("notebook", seed=1, **SMALL).fit(brain.expression, brain.voxels, train=train, progress=False)
    pd.testing.assert_frame_equal(first.history_, second.history_)
    assert not np.allclose(first.history_["total"], other.history_["total"])


def test_a_stream_from_disk_gives_what_memory_gives(brain, train, monkeypatch):
    inside = fit(brain, train, neighbours=2)
    monkeypatch.setattr(stream, "_IN_MEMORY", 0)
    for module in (stream, spatial_vae):
        monkeypatch.setattr(module, "PREDICT", 97)
    outside = fit(brain, train, neighbours=2)
    given = (brain.expression, brain.voxels, ~train)
    # The file is float16, so inputs differ in their fourth digit.
    np.testing.assert_allclose(inside.predict_place(*given), outside.predict_place(*given), atol=0.1)
    assert inside.history_["total"].iloc[-1] == pytest.approx(outside.history_["total"].iloc[-1], rel=1e-2)


@pytest.mark.parametrize("kind", ["array", "float16 table", "memmap"])
def test_expression_may_come_as(brain, train, tmp_path, kind):
    x = np.nan_to_num(brain.expression.astype(np.float32), nan=0.1)
    given = {"array": x, "float16 table": pd.DataFrame(x.astype(np.float16), columns=brain.genes)}
    np.save(tmp_path / "x.npy", x)
    given["memmap"] = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = SpatialVAE(**SMALL).fit(given[kind], brain.voxels.to_numpy(), train=train, progress=False)
    assert np.isfinite(model.predict_place(given[kind], rows=np.array([5, 2]))).all(axis=None)
    assert model.genes_.equals(brain.genes if kind == "float16 table" else pd.RangeIndex(41))


def test_tables_that_do_not_belong_together(brain, train, tree):
    x, places = brain.expression, brain.voxels
    model = SpatialVAE(**SMALL)
    with pytest.raises(ValueError, match=r"voxels: shape \(9, 3\)"):
        model.fit(x, places[:9])
    with pytest.raises(ValueError, match=r"voxels: columns are \['SI', 'AP', 'LR'\]"):
        model.fit(x, places[["SI", "AP", "LR"]])
    with pytest.raises(ValueError, match="expected grid indices below"):
        model.fit(x, places + 60)
    with pytest.raises(ValueError, match="expected a float table"):
        model.fit(np.zeros((4, 3), int), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="4 voxels to train on"):
        model.fit(x, places, train=np.arange(4))
    with pytest.raises(ValueError, match="needs fit"):
        SpatialVAE(region=1.0).fit(x, places)
    with pytest.raises(ValueError, match="lies in more than one label of level 'division'"):
        SpatialVAE(region=1.0, **SMALL).fit(x, places, tree.assign(region=1))
    with pytest.raises(ValueError, match="region: 9 rows"):
        SpatialVAE(region=1.0, **SMALL).fit(x, places, tree[:9])
    with pytest.raises(ValueError, match="pathways: None"):
        SpatialVAE(pathways=True, **SMALL).fit(x, places)
    with pytest.raises(ValueError, match=r"pathways: \(2, 8\)"):
        SpatialVAE(pathways=True, **SMALL).fit(x, places, pathways=np.ones((2, 8), bool))
    with pytest.raises(ValueError, match="not fitted yet"):
        model.predict_place(x)
    fitted = fit(brain, train)
    with pytest.raises(ValueError, match="expression has 40 genes"):
        fitted.predict_place(x[:, 1:])
    with pytest.raises(ValueError, match="has no region head"):
        fitted.predict_region(x)
    with pytest.raises(ValueError, match="needs voxels"):
        fit(brain, train, neighbours=2, epochs=1).predict_place(x)


def test_settings_that_do_not_exist():
    with pytest.raises(ValueError, match="preset is 'ours'; expected one of 'paper', 'notebook', 'xsg'"):
        SpatialVAE("ours")
    with pytest.raises(ValueError, match="has no setting 'latents'"):
        SpatialVAE(latents=3)
    assert repr(SpatialVAE("paper", latent=9)) == "SpatialVAE(latent=9, preset='paper')"
    with pytest.raises(ValueError, match="precision is 'half'"):
        stream.precision("half", torch.device("cpu"), 3000)
    assert stream.precision("auto", torch.device("cpu"), 400) == "float32"


def test_a_loss_that_is_not_a_number_is_named(brain, train):
    with pytest.raises(FloatingPointError, match=r"the term 'reconstruction' of the loss became (nan|inf) in epoch"):
        fit(brain, train, lr=1e8, clip=0.0, optimiser="adagrad", norm="batch")


def test_saved_and_loaded(brain, train, tree, tmp_path):
    pathways = np.random.default_rng(1).random((5, 41)) < 0.3
    models = {
        "notebook": fit(brain, train, preset="notebook"),
        "everything": SpatialVAE(region=1.0, pathways=True, neighbours=3, classification=1.0, **SMALL).fit(
            brain.expression, brain.voxels, tree, train, folded=True, pathways=pathways, progress=False
        ),
    }
    given = (brain.expression, brain.voxels, ~train)
    for name, model in models.items():
        again = SpatialVAE.load(model.save(tmp_path / f"{name}.safetensors"))
        pd.testing.assert_frame_equal(again.predict_place(*given), model.predict_place(*given))
        pd.testing.assert_frame_equal(again.history_, model.history_)
        assert repr(again) == repr(model)
        assert again.genes_.equals(model.genes_)
    pd.testing.assert_frame_equal(again.predict_region(*given), model.predict_region(*given))
    with pytest.raises(FileNotFoundError, match="no saved model"):
        SpatialVAE.load(tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"no")
    with pytest.raises(ValueError, match="not a safetensors file"):
        SpatialVAE.load(tmp_path / "bad")


@pytest.mark.parametrize("preset", ["notebook", "paper"])
def test_a_file_keeps_the_settings_that_its_preset_had(preset, brain, train, tmp_path, monkeypatch):
    """A file written before the preset became what it is now, and one of today that outlives a change."""
    path, given = tmp_path / "model.safetensors", (brain.expression, brain.voxels, ~train)
    former = {name: value for name, value in presets.FORMER_PRESETS[preset].items() if name not in SMALL}
    model = fit(brain, train, preset=preset, **former)
    facts, arrays = read_model(model.save(path), "SpatialVAE")
    facts = {name: value for name, value in facts.items() if name not in ("format", "settings")}
    facts["params"] = {name: value for name, value in facts["params"].items() if name not in former}
    write_model(path, arrays, facts)
    pd.testing.assert_frame_equal(SpatialVAE.load(path).predict_place(*given), model.predict_place(*given))

    fit(brain, train, preset=preset).save(path)
    monkeypatch.setitem(presets.PRESETS[preset], "beta", 7.0)
    monkeypatch.setitem(presets.PRESETS[preset], "later", 2)
    monkeypatch.setitem(presets.SPATIAL, "later", presets.SPATIAL["batch"])
    with pytest.raises(ValueError, match="missing: 'later'"):
        SpatialVAE.load(path)
    monkeypatch.setitem(presets.LATER_SETTINGS, "later", 1)
    assert {"beta": 1.0, "later": 1}.items() <= SpatialVAE.load(path).settings.items()
    assert {"beta": 7.0, "later": 2}.items() <= SpatialVAE(preset).settings.items()


def test_regions_at_two_levels(brain, train, tree):
    model = SpatialVAE(region=1.0, **(SMALL | {"epochs": 30})).fit(
        brain.expression, brain.voxels, tree, train, progress=False
    )
    given = (brain.expression, brain.voxels, ~train)
    fine, coarse = model.predict_region(*given), model.predict_region(*given, level=0)
    assert set(coarse.columns) == set(brain.division)
    assert np.allclose(coarse.sum(axis=1), 1, atol=1e-4)
    of = tree.drop_duplicates().set_index("region")["division"]
    summed = fine.T.groupby(of).sum().T
    np.testing.assert_allclose(summed[coarse.columns], coarse, atol=1e-4)
    right = (coarse.idxmax(axis=1).to_numpy() == brain.division[~train].to_numpy()).mean()
    assert right > 1.5 * brain.division[train].value_counts(normalize=True).max()
    assert {"region 0", "region 1"} <= set(model.history_.columns)


def test_neighbours_are_those_that_touch():
    places = np.array([[4, 4, 4], [4, 4, 6], [6, 6, 6], [8, 4, 4], [4, 4, 29], [4, 4, 28]])
    table = Table(np.ones((6, 2)), places)
    reader = stream.Stream(table, None, np.arange(6), None)
    reader.join(table.positions())
    touching = [sorted(set(row) - {-1}) for row in reader.near]
    # Every second voxel of a grid: two apart is next to each other.
    assert touching == [[1, 2], [0, 2], [0, 1, 3], [2], [], []]


def test_sampled_neighbours(brain):
    table = Table(brain.expression, brain.voxels)
    prepared = Preprocessor().fit(table)
    reader = stream.Stream(table, prepared, np.arange(len(brain.voxels)), None)
    reader.join(table.positions())
    batch, generator = np.array([100, 3, 250]), torch.Generator().manual_seed(0)
    near, (source, to) = reader.neighbourhood(batch, 4, generator, torch.device("cpu"))
    for place, row in enumerate(batch):
        drawn = source[to == place]
        assert len(drawn) == len(set(drawn.tolist())) == min(4, (reader.near[row] >= 0).sum())
    everyone, (_, to) = reader.neighbourhood(batch, None, generator, torch.device("cpu"))
    assert np.bincount(to, minlength=3).tolist() == (reader.near[batch] >= 0).sum(axis=1).tolist()
    assert len(near) <= len(everyone)
    assert everyone.shape[1] == 41


def test_dropout_before_batchnorm_shifts_what_evaluation_sees(brain, train):
    """The published network predicts too low at evaluation, since its BatchNorm remembers the noise of dropout."""
    # Adam, so that a small network is trained in a second.
    changes = {"optimiser": "adam", "lr": 1e-2, "latent": 10, "hidden": (100, 50), "epochs": 50}
    changes |= {"batch": 100, "validation_split": "random"}  # so that nothing but dropout may shift a place
    with_dropout = SpatialVAE("notebook", **changes).fit(brain.expression, brain.voxels, train=train, progress=False)
    without = SpatialVAE("notebook", dropout=0.0, **changes).fit(
        brain.expression, brain.voxels, train=train, progress=False
    )
    y = brain.voxels[train]
    bias = {name: (model.predict_place(brain.expression, rows=train) - y).mean() for name, model in
            {"with": with_dropout, "without": without}.items()}  # fmt: skip
    assert (bias["with"] < -1).all()
    assert bias["without"].abs().max() < 0.5 * bias["with"].abs().min()
    # Same weights, dropout off, BatchNorm's memory of the training batches replaced by what it meets now: cured.
    x = torch.from_numpy(with_dropout.preprocess_.transform(Table(brain.expression, None), train))
    for layer in with_dropout.net_.encoder:
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.reset_running_stats()
            layer.momentum = None
            layer.train()
    with torch.no_grad():
        with_dropout.net_.encode(x)
    with_dropout.net_.eval()
    cured = (with_dropout.predict_place(brain.expression, rows=train) - y).mean()
    assert cured.abs().max() < 0.5 * bias["with"].abs().min()


def test_bfloat16_is_as_accurate(brain, train):
    errors = {}
    for precision in ("float32", "bfloat16"):
        model = fit(brain, train, precision=precision, folded=True, epochs=12, batch=50)
        off = model.predict_place(brain.expression, rows=~train) - fold(brain.voxels.to_numpy())[~train]
        errors[precision] = np.linalg.norm(off, axis=1).mean()
        assert model.precision_ == precision
        assert not model.net_.bfloat16, "predictions are float32"
    assert errors["bfloat16"] == pytest.approx(errors["float32"], rel=0.05)


def test_an_interrupted_fit_can_be_used(brain, train, monkeypatch):
    judged = []

    def stop(self, *args):
        judged.append(1)
        if len(judged) == 2:
            raise KeyboardInterrupt
        return 1.0

    monkeypatch.setattr(spatial_vae, "judge", stop)
    with pytest.warns(UserWarning, match="interrupted after 1 of 3 epochs"):
        model = fit(brain, train, validation=0.2)
    assert model.interrupted_
    assert len(model.history_) == 1
    assert np.isfinite(model.predict_place(brain.expression)).all(axis=None)
