"""Training: what is learned, what is refused, what survives an interruption, and that copies do not meet."""

import os
import signal
import threading

import numpy as np
import pandas as pd
import pytest
import torch

from xsg.atlas import SparseGraph, homologous_pairs
from xsg.models import cross_scale
from xsg.training import PAPER_UNKNOWN, PRESETS, CrossScaleVAE, engine
from xsg.training.tables import standardise

N = 14
REGIONS = [f"{side}_r{i}" for side in "LR" for i in range(N // 2)]


def small(**options) -> CrossScaleVAE:
    return CrossScaleVAE(**{"latent": 4, "hidden": 16, "decoder": 8, "epochs": 60, "lr": 1e-2, **options})


@pytest.fixture(scope="module")
def fitted(toy):
    expression, thinning, graph = toy
    return small(epochs=400, smoothness=0.0).fit(expression, thinning, graph=graph)


def test_fit_learns_and_logs_every_term(toy, fitted):
    expression, thinning, _ = toy
    assert fitted.score(expression, thinning) > 0.9
    assert list(fitted.history_) == ["reconstruction", "smoothness", "kl"]
    assert list(fitted.history_.index) == list(range(1, 401))
    assert fitted.history_.reconstruction.iloc[-1] < 0.2 * fitted.history_.reconstruction.iloc[0]
    assert fitted.best_epoch_ == 400
    assert not fitted.interrupted_
    predicted = fitted.predict(expression)
    assert list(predicted.index) == REGIONS
    assert predicted.name == "thinning"
    assert 2 < predicted.mean() < 4  # in the unit of the data, not standardised
    rms = np.sqrt(((predicted - thinning) ** 2).mean())
    assert fitted.noise_sd_ == pytest.approx(rms, rel=1e-4)


def test_rows_are_matched_by_name(toy, fitted):
    expression, thinning, graph = toy
    order = np.random.default_rng(1).permutation(N)
    again = small(epochs=400, smoothness=0.0).fit(expression, thinning.iloc[order], graph=graph.subset(REGIONS[::-1]))
    pd.testing.assert_series_equal(again.predict(expression), fitted.predict(expression))
    shuffled = expression.iloc[order, ::-1]
    pd.testing.assert_series_equal(fitted.predict(shuffled), fitted.predict(expression))


def test_rotation_loses_nothing(toy):
    """With the rotated weights written back to genes, the two networks are one function."""
    few, thinning, graph = toy
    rng = np.random.default_rng(1)
    expression = pd.DataFrame(rng.normal(size=(len(few), 23)), few.index, [f"g{i}" for i in range(23)])
    rotated = small(epochs=3, rotate=True).fit(expression, thinning, graph=graph)
    plain = small(epochs=3, rotate=False).fit(expression, thinning, graph=graph)
    state = rotated.net_.state_dict()
    rotation = torch.tensor(rotated._scaling["rotation"], dtype=torch.float32)
    state["hidden.weight"] = rotation @ state["hidden.weight"]
    plain.net_.load_state_dict(state)
    assert np.allclose(plain.encode(expression), rotated.encode(expression), atol=1e-5)


def test_a_table_of_few_genes_is_not_rotated(toy):
    expression, thinning, graph = toy
    assert "rotation" not in small(epochs=1).fit(expression, thinning, graph=graph)._scaling


def test_a_sparse_graph_is_the_same_model(toy, tmp_path, monkeypatch):
    expression, thinning, graph = toy
    sparse = SparseGraph(graph.regions, graph.edges, graph.edge_weights, graph.name)
    dense = small(epochs=3).fit(expression, thinning, graph=graph).predict(expression)
    assert np.allclose(small(epochs=3).fit(expression, thinning, graph=sparse).predict(expression), dense, atol=1e-6)
    # The path along the edges, as more regions than `DENSE_UP_TO` take it, there and back from a file.
    monkeypatch.setattr(engine, "DENSE_UP_TO", 5)
    monkeypatch.setattr(cross_scale, "DENSE_UP_TO", 5)
    along = small(epochs=3).fit(expression, thinning, graph=sparse)
    assert along._wiring.normalised is None
    assert np.allclose(along.predict(expression), dense, atol=1e-5)
    again = CrossScaleVAE.load(along.save(tmp_path / "m.safetensors"))
    assert np.array_equal(again.predict(expression), along.predict(expression))


def test_held_out_thinning_is_never_seen(toy):
    expression, thinning, graph = toy
    train = [region for region in REGIONS if not region.endswith(("r2", "r5"))]
    changed = thinning.copy()
    changed[~changed.index.isin(train)] = 1e6
    one = small().fit(expression, thinning, graph=graph, train=train)
    two = small().fit(expression, changed, graph=graph, train=train)
    pd.testing.assert_series_equal(one.predict(expression), two.predict(expression))


def test_validation_keeps_the_best_epoch_and_pairs_together(toy):
    expression, thinning, graph = toy
    model = small(epochs=400, validation=0.3, patience=20, seed=3).fit(expression, thinning, graph=graph)
    error = model.history_.validation
    assert model.best_epoch_ == error.idxmin()
    assert len(error) == min(400, model.best_epoch_ + 20)
    assert model.noise_sd_ == pytest.approx(model.y_sd_ * error.min() ** 0.5, rel=1e-3)
    pairs = homologous_pairs(expression.index)
    target = standardise(thinning.to_numpy()[None], np.ones((1, N), bool), [3], 0.3, pairs)
    aside = target.validation[0].numpy().astype(bool)
    assert (aside[: N // 2] == aside[N // 2 :]).all()
    assert aside.sum() == 4
    assert not (target.weight[0].numpy().astype(bool) & aside).any()


def test_sampling_intervals_and_uncertainty(toy, fitted):
    expression, thinning, _ = toy
    draws = fitted.sample(expression, n=2000, seed=1)
    assert draws.shape == (2000, N)
    assert np.abs(draws.mean() - fitted.predict(expression)).max() < 0.1
    assert (draws.std() > fitted.noise_sd_ * 0.9).all()
    quiet = fitted.sample(expression, n=2000, noise=False, seed=1)
    assert (quiet.std() < draws.std()).all()
    prior = fitted.sample(n=50)
    assert prior.shape == (50, N)
    wide, narrow = fitted.interval(expression, 0.95), fitted.interval(expression, 0.5)
    assert (wide.low < narrow.low).all()
    assert (narrow.high < wide.high).all()
    assert ((thinning > wide.low) & (thinning < wide.high)).mean() > 0.8
    assert (fitted.uncertainty(expression) > 0).all(axis=None)
    with pytest.raises(ValueError, match="level is 90"):
        fitted.interval(expression, level=90)


def test_no_graph_encodes_each_region_alone(toy):
    expression, thinning, _ = toy
    model = small().fit(expression, thinning)
    assert (model.history_.smoothness == 0).all()
    changed = expression.copy()
    changed.loc["L_r0"] += 1.0
    moved = (model.encode(changed) - model.encode(expression)).abs().max(axis=1) > 1e-6
    assert list(moved[moved].index) == ["L_r0"]


def test_reconstruction_of_expression_is_a_term_when_asked_for(toy):
    expression, thinning, graph = toy
    model = small(gamma=1.0, epochs=300).fit(expression, thinning, graph=graph)
    assert list(model.history_) == ["reconstruction", "smoothness", "kl", "expression"]
    assert model.history_.expression.iloc[-1] < 0.9 * model.history_.expression.iloc[0]


@pytest.mark.parametrize("normalise", ["gene", "region", "none"])
def test_save_and_load_give_the_same_model(toy, tmp_path, normalise):
    expression, thinning, graph = toy
    expression = expression.rename_axis(index="region", columns="gene")
    model = small(normalise=normalise, gamma=0.5, epochs=5).fit(expression, thinning, graph=graph)
    path = model.save(tmp_path / "model.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    again = CrossScaleVAE.load(path)
    assert again.get_params() == model.get_params()
    pd.testing.assert_series_equal(again.predict(expression), model.predict(expression))
    pd.testing.assert_frame_equal(again.sample(expression, n=3), model.sample(expression, n=3))
    assert np.allclose(again.history_, model.history_)
    assert again.noise_sd_ == model.noise_sd_


def test_load_refuses_what_is_no_model(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match="no saved model"):
        CrossScaleVAE.load(tmp_path / "none")
    damaged = tmp_path / "damaged.safetensors"
    expression, thinning, graph = toy
    small(epochs=1).fit(expression, thinning, graph=graph).save(damaged)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        CrossScaleVAE.load(damaged)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(ValueError, match="no xsg model"):
        CrossScaleVAE.load(tmp_path / "other")


def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch, fitted):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        fitted.save(tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_the_state_so_far(toy):
    # A shell that starts tests in the background makes them deaf to SIGINT; a person's session is not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    expression, thinning, graph = toy
    small(epochs=1).fit(expression, thinning, graph=graph)  # imports are over before the clock starts
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.warns(UserWarning, match="interrupted after .* of 50000 epochs"):
            model = small(epochs=50_000, smoothness=0.0).fit(expression, thinning, graph=graph)
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.interrupted_
    assert 0 < len(model.history_) < 50_000
    assert model.score(expression, thinning) > 0


def test_a_loss_that_is_not_finite_names_its_term(toy):
    expression, thinning, graph = toy
    with pytest.raises(FloatingPointError, match=r"term 'reconstruction' .* in epoch \d+ .*Lower lr"):
        small(lr=1e6, epochs=20).fit(expression, thinning, graph=graph)


def test_bad_input_is_refused_by_name(toy):
    expression, thinning, graph = toy
    other = expression.rename(index={"L_r3": "L_r33"})
    cases = [
        (lambda: small().fit(other, thinning, graph=graph), "thinning.*missing: 'L_r33'; unknown: 'L_r3'"),
        (lambda: small().fit(other, thinning.rename({"L_r3": "L_r33"}), graph=graph), "graph 'ring' has no region"),
        (lambda: small().fit(expression.mask(expression > 2), thinning, graph=graph), "expression: .*not finite"),
        (lambda: small().fit(expression.assign(g4=1.0), thinning, graph=graph), "gene 'g4' .*same value"),
        (lambda: small().fit(expression, thinning * 0, graph=graph), "same value in every training region"),
        (lambda: small().fit(expression, thinning, graph=graph, train=["L_r1", "R_x"]), "'R_x' has no expression"),
        (lambda: small().fit(expression, thinning, graph=graph, train=REGIONS[:4]), "only 4 regions"),
        (lambda: small(normalise="rows").fit(expression, thinning, graph=graph), "'rows'; expected 'gene'"),
        (lambda: small(validation=2).fit(expression, thinning, graph=graph), "validation is 2"),
        (lambda: small().fit(pd.concat([expression, expression], axis=1), thinning), "'g0' is given twice"),
        (lambda: small().predict(expression), "not fitted"),
        (lambda: small(epochs=1).fit(expression, thinning).predict(expression[["g1"]]), "gene 'g0' and 7 more"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="bare array"):
        small().fit(expression, thinning.to_numpy(), graph=graph)
    with pytest.raises(TypeError, match="graph: expected xsg"):
        small().fit(expression, thinning, graph=graph.adjacency)


def test_a_large_graph_goes_through_message_passing(toy, monkeypatch):
    expression, thinning, graph = toy
    dense = small().fit(expression, thinning, graph=graph).predict(expression)
    monkeypatch.setattr(engine, "DENSE_UP_TO", 3)
    monkeypatch.setattr(cross_scale, "DENSE_UP_TO", 3)
    sparse = small().fit(expression, thinning, graph=graph).predict(expression)
    assert np.allclose(dense, sparse, atol=1e-3)


def test_presets_name_what_is_known():
    assert CrossScaleVAE.from_preset("paper").get_params() == CrossScaleVAE().get_params()
    assert CrossScaleVAE.from_preset("xsg", epochs=3).get_params()["epochs"] == 3
    assert not set(PRESETS["paper"]) & set(PAPER_UNKNOWN)
    with pytest.raises(ValueError, match="expected one of 'paper', 'xsg'"):
        CrossScaleVAE.from_preset("nature")


def test_steps_are_those_of_torchs_adam():
    start = torch.randn(33, generator=torch.Generator().manual_seed(0))
    ours, theirs = start.clone(), start.clone()
    theirs.grad = torch.zeros_like(theirs)
    ours.grad = torch.zeros_like(ours)
    steps = engine._Adam(ours, 0.01), torch.optim.Adam([theirs], lr=0.01, fused=True)
    for k in range(9):
        for each, step in zip((ours, theirs), steps, strict=True):
            each.grad.copy_(torch.sin(each * (k + 1)))
            step.step()
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, start)
