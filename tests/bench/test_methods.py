"""The methods of the kept table: the networks and processes are what they say, and no method sees what is held out."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.nn import GCNConv

import xsg
from xsg.bench.methods import GCN, JOINT, PlaceAndGenes, _trained, averaged, methods
from xsg.evaluation.baselines import NUGGETS, Baseline, likeliest
from xsg.evaluation.protocol import check_subject, held_out_predictions, predict_folds
from xsg.evaluation.splits import homologous
from xsg.simulate.fields import smooth_fields
from xsg.training.engine import wire

CORTEX = xsg.load_cortex("simulated", n_genes=30)
FOLDS = homologous(CORTEX.regions, n_folds=3)


@pytest.fixture(scope="module")
def maps():
    """Three maps: what genes make, a smooth field, both."""
    field = smooth_fields(np.random.default_rng(3), 1, left_right=0.97)[:, 0]
    own = ((CORTEX.thinning - CORTEX.thinning.mean()) / CORTEX.thinning.std()).to_numpy()
    return pd.DataFrame([own, field, own + field], ["genes", "place", "both"], CORTEX.regions)


def test_every_method_can_be_put_on_trial_and_has_a_name_of_its_own():
    for method in methods().values():
        check_subject(method)
    assert next(iter(methods())) == "mean"
    assert JOINT in methods()
    assert methods()["ridge"] is not methods()["ridge"]  # none is shared between runs


@pytest.mark.parametrize("method", [GCN(), PlaceAndGenes()], ids=["GCN", JOINT])
def test_what_is_held_out_is_not_read_and_other_maps_do_not_matter(method, maps):
    found = predict_folds(method, CORTEX, maps, FOLDS)
    assert found.shape == (3, 3, 68)
    spoilt = maps.mask(np.tile(FOLDS[1], (3, 1)), 1e3)
    again = predict_folds(method, CORTEX, spoilt.iloc[[0]], FOLDS[[1]])
    np.testing.assert_allclose(again[0, 0, FOLDS[1]], found[0, 1, FOLDS[1]], atol=2e-3)
    in_sample = predict_folds(method, CORTEX, maps, np.zeros((1, 68), bool))
    assert np.isfinite(in_sample).all()
    assert np.corrcoef(in_sample[0, 0], maps.iloc[0])[0, 1] > 0.8


@pytest.mark.parametrize("method", [GCN(), PlaceAndGenes()], ids=["GCN", JOINT])
def test_unit_and_level_of_a_map_do_not_matter(method, maps):
    one, other = (held_out_predictions(method, CORTEX, FOLDS, each) for each in (maps, 7 + 250 * maps))
    np.testing.assert_allclose(7 + 250 * one, other, atol=0.5)


def test_the_network_is_two_layers_of_torch_geometric(monkeypatch):
    """Before training, and without what it drops, it predicts what GCNConv does with the same weights."""
    monkeypatch.setattr("xsg.bench.methods._EPOCHS", 0)
    x = np.random.default_rng(0).standard_normal((68, 5))
    y, train = np.random.default_rng(1).standard_normal((2, 68)), ~FOLDS[0]
    found = _trained(x, y, train, wire(CORTEX.graph, CORTEX.regions).propagate, seed=4)
    generator = torch.Generator().manual_seed(4)
    layers = [GCNConv(5, 16), GCNConv(16, 1)]
    with torch.no_grad():
        for layer in layers:
            q, p = layer.lin.weight.shape
            bound = (6 / (p + q)) ** 0.5
            layer.lin.weight.copy_(torch.empty(p, q).uniform_(-bound, bound, generator=generator).T)
        data = CORTEX.graph.to_pyg()
        hidden = layers[0](torch.tensor(x, dtype=torch.float32), data.edge_index, data.edge_weight).relu()
        expected = layers[1](hidden, data.edge_index, data.edge_weight)[:, 0].numpy()
    mean, scale = y[:, train].mean(axis=1, keepdims=True), y[:, train].std(axis=1, keepdims=True)
    np.testing.assert_allclose((found - mean) / scale, np.tile(expected, (2, 1)), atol=1e-5)


def test_the_network_learns_and_its_seed_counts(maps):
    first, again, other = (held_out_predictions(GCN(), CORTEX, FOLDS, maps.iloc[[0]], seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)
    state = torch.random.get_rng_state()
    held_out_predictions(GCN(), CORTEX, FOLDS, maps.iloc[[0]])
    assert torch.equal(state, torch.random.get_rng_state())  # what others draw stays what it was
    with pytest.raises(ValueError, match="random_state"):
        GCN(-1).predict_folds(CORTEX, maps, FOLDS)


def test_one_process_that_is_likelier_by_far_has_the_only_say():
    rng = np.random.default_rng(2)
    places = rng.random((40, 2))
    gap = np.linalg.norm(places[:, None] - places, axis=-1)
    smooth = np.exp(-gap)
    train = np.arange(40) < 30
    y = rng.standard_normal((4, 40)) @ np.linalg.cholesky(smooth + 1e-6 * np.eye(40)).T
    one, all_ = (averaged(kernels, y[:, train], train, ~train) for kernels in ([smooth], [smooth, np.eye(40)]))
    np.testing.assert_allclose(one, all_, atol=0.06)
    best = likeliest([smooth], y[:, train], train, ~train)
    assert 0 < np.abs(one - best).max() < 0.2  # the nuggets are averaged, too


def test_an_average_is_what_it_is_by_hand():
    """Two kernels, every nugget: the weights are the multivariate normal's densities, the variance profiled out."""
    rng = np.random.default_rng(5)
    train, y = np.arange(7) < 5, rng.standard_normal((1, 5))
    kernels = [(lambda root: root @ root.T + np.eye(7))(rng.standard_normal((7, 7))) for _ in range(2)]
    weights, guesses, centred = [], [], y[0] - y[0].mean()
    for kernel in kernels:
        for nugget in NUGGETS:
            noisy = kernel[:5, :5] + nugget * np.eye(5)
            spread = centred @ np.linalg.solve(noisy, centred) / 5
            weights.append(np.exp(-0.5 * np.linalg.slogdet(spread * noisy)[1]))
            guesses.append(y[0].mean() + kernel[5:, :5] @ np.linalg.solve(noisy, centred))
    expected = np.average(guesses, axis=0, weights=weights)
    np.testing.assert_allclose(averaged(kernels, y, train, ~train)[0], expected, rtol=1e-8)


def test_place_and_genes_find_what_either_alone_misses(maps):
    """On a map of genes no worse than place, on a map of place no worse than genes."""
    r2 = {}
    for name, method in {
        JOINT: PlaceAndGenes(),
        "place": Baseline("position (kriging)"),
        "genes": Baseline("ridge"),
    }.items():
        guess = held_out_predictions(method, CORTEX, homologous(CORTEX.regions), maps).to_numpy()
        r2[name] = 1 - ((maps - guess) ** 2).sum(axis=1) / maps.sub(maps.mean(axis=1), axis=0).pow(2).sum(axis=1)
    assert r2[JOINT]["genes"] > r2["place"]["genes"]
    assert r2[JOINT]["place"] > r2["genes"]["place"]
