"""The network's equations: against hand-computed values, torch.distributions and torch-geometric."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch_geometric.nn import SAGEConv

from xsg.spatial.model import Masked, Output, SpatialVAENet
from xsg.spatial.presets import PRESETS

B, P, D = 9, 8, 5
SIZES = (3, 4, 6)


def net(**options) -> SpatialVAENet:
    torch.manual_seed(0)
    options = {"latent": D, "hidden": (11, 7), "decoder": (6,)} | options
    return SpatialVAENet(P, options.pop("sizes", SIZES), **options).eval()


@pytest.fixture
def x():
    return torch.randn(B, P, generator=torch.Generator().manual_seed(1))


def test_shapes(x):
    output = net(levels=[torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])])(x, torch.zeros(B, D))
    assert output.mean.shape == output.log_variance.shape == output.z.shape == (B, D)
    assert output.expression.shape == (B, P)
    assert output.position.shape == (B, 3)
    assert [logits.shape for logits in output.classes] == [(B, 3), (B, 4), (B, 6)]
    assert output.region.shape == (B, 3)
    bare = net(sizes=(), reconstruct=False)(x)
    assert bare.expression is None
    assert bare.region is None
    assert bare.classes == []


def test_posterior_mean_without_noise_and_a_draw_with_it(x):
    model, noise = net(), torch.randn(B, D)
    at_mean, drawn = model(x), model(x, noise)
    torch.testing.assert_close(at_mean.z, at_mean.mean)
    torch.testing.assert_close(drawn.z, drawn.mean + (0.5 * drawn.log_variance).exp() * noise)
    torch.testing.assert_close(drawn.position, model.position(drawn.z))


def test_the_published_layers_in_their_order():
    kinds = [type(layer).__name__ for layer in net(norm="batch", dropout=0.7).encoder]
    assert kinds == ["Linear", "BatchNorm1d", "LeakyReLU", "Dropout", "Linear", "BatchNorm1d", "LeakyReLU"]
    behind_second = [*kinds[:3], *kinds[4:], "Dropout"]
    assert [type(each).__name__ for each in net(norm="batch", dropout=0.7, dropout_after=2).encoder] == behind_second
    head = [type(layer).__name__ for layer in net().classify[0]]
    assert head == ["Linear", "BatchNorm1d", "LeakyReLU", "Linear"]
    assert isinstance(net().locate, nn.Linear), "one linear unit for each axis"
    assert not [layer for layer in net().decoder if not isinstance(layer, nn.Linear)], "a linear decoder"
    ours = [type(layer).__name__ for layer in net(norm="layer").encoder]
    assert ours == ["Linear", "LayerNorm", "GELU", "Linear", "LayerNorm", "GELU"]
    with pytest.raises(ValueError, match="norm 'group' is unknown; expected one of 'batch', 'layer'"):
        net(norm="group")


def test_each_term_of_the_loss_by_hand(x):
    rng = np.random.default_rng(3)
    y = torch.tensor(rng.uniform(0, 3, (B, 3)), dtype=torch.float32)
    index = torch.tensor(rng.integers(0, SIZES, (B, 3)))
    leaf = torch.tensor(rng.integers(0, 3, B))
    model = net(levels=[torch.tensor([1, 0, 1]), torch.tensor([0, 1, 2])])
    with torch.no_grad():
        output = model(x, torch.randn(B, D))
    weights = {"reconstruction": 2.0, "beta": 0.3, "classification": 5.0, "regression": 0.7, "euclidean": 1.1}
    terms = model.loss(output, x, y, index, leaf, **weights, power=2, unit=4.0, region_weight=0.9)
    off = (y - output.position).numpy() / 4
    expected = {
        "reconstruction": 2.0 * float((x - output.expression).square().sum()) / (B * P),
        "euclidean": 1.1 * (off**2).sum() / B,
    }
    posterior = Normal(output.mean, (0.5 * output.log_variance).exp())
    expected["kl"] = 0.3 * float(kl_divergence(posterior, Normal(0.0, 1.0)).sum(-1).mean())
    for k, axis in enumerate(("AP", "SI", "LR")):
        expected[f"regression {axis}"] = 0.7 * (off[:, k] ** 2).mean()
        log_p = torch.log_softmax(output.classes[k], -1).numpy()
        expected[f"class {axis}"] = -5.0 * log_p[np.arange(B), index[:, k]].mean()
    p = torch.softmax(output.region, -1).numpy()
    parts = np.stack([p[:, 1], p[:, 0] + p[:, 2]], axis=1)
    expected["region 0"] = -0.9 * np.log(parts[np.arange(B), np.array([1, 0, 1])[leaf]]).mean()
    expected["region 1"] = -0.9 * np.log(p[np.arange(B), leaf]).mean()
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(expected, rel=1e-4)

    unsquared = model.loss(output, x, y, power=1, regression=0, reconstruction=0, beta=0, unit=4.0)
    assert list(unsquared) == ["euclidean"], "a weight of 0 leaves its term out"
    assert float(unsquared["euclidean"]) == pytest.approx(np.sqrt((off**2).sum(-1)).mean(), rel=1e-4)


@pytest.mark.parametrize("preset", ["notebook", "paper"])
def test_the_published_terms_by_plain_formulas(preset):
    """Each term against NumPy in float64, with weights of a seed, at the published number of latents."""
    settings = PRESETS[preset]
    d, rng = settings["latent"], np.random.default_rng(7)
    model = net(sizes=(), latent=d, norm="batch", dropout=0.7, dropout_after=settings["dropout_after"])
    with torch.no_grad():
        for weight in (*model.mean.parameters(), *model.log_variance.parameters(), *model.locate.parameters()):
            weight.copy_(torch.from_numpy(rng.normal(0, 0.3, weight.shape)))
    x, y = rng.random((B, P)), rng.integers(0, SIZES, (B, 3)).astype(float)
    noise = rng.standard_normal((B, d))
    with torch.no_grad():
        output = model(*(torch.from_numpy(each).float() for each in (x, noise)))
    options = {k: settings[k] for k in ("reconstruction", "squares", "beta", "kl", "regression", "euclidean", "power")}
    terms = model.loss(output, torch.from_numpy(x).float(), torch.from_numpy(y).float(), **options)

    weight = {name: value.numpy().astype(float) for name, value in model.state_dict().items()}

    def linear(name, given):
        return given @ weight[f"{name}.weight"].T + weight[f"{name}.bias"]

    h = x
    layers = (0, 4) if settings["dropout_after"] == 1 else (0, 3)
    for k in layers:  # BatchNorm of an untrained network, at evaluation: its variance is 1; then LeakyReLU
        h = linear(f"encoder.{k}", h) / np.sqrt(1 + 1e-5)
        h = np.where(h > 0, h, 0.01 * h)
    mu, log_variance = linear("mean", h), linear("log_variance", h)
    z = mu + np.exp(log_variance / 2) * noise
    g, found = linear("decoder.1", linear("decoder.0", z)), linear("locate", z)
    kl = -0.5 * (1 + log_variance - mu**2 - np.exp(log_variance))  # (B, d)
    square, gap = ((g - x) ** 2).sum(axis=1), y - found
    if preset == "notebook":
        expected = {"reconstruction": 1e6 * square.mean() / P, "kl": kl.mean()}
        expected |= {f"regression {axis}": 100 * (gap[:, k] ** 2).mean() for k, axis in enumerate(("AP", "SI", "LR"))}
        expected["euclidean"] = 100 * np.sqrt((gap**2).sum(axis=1)).mean()
    else:
        expected = {"reconstruction": square.mean(), "kl": kl.sum(axis=1).mean()}
        expected |= {f"regression {axis}": (gap[:, k] ** 2).mean() for k, axis in enumerate(("AP", "SI", "LR"))}
        expected["euclidean"] = (gap**2).sum(axis=1).mean()
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)


def test_a_mean_over_latents_is_a_two_hundredth_of_their_sum(x):
    """What Spatial-VAE's own code gave with copied weights, .003015, against the sum over latents, .602961."""
    model, y = net(latent=PRESETS["notebook"]["latent"]), torch.ones(B, 3)
    with torch.no_grad():
        output = model(x)
    summed, mean = (float(model.loss(output, x, y, kl=each)["kl"]) for each in ("sum", "mean"))
    assert summed / mean == pytest.approx(200, rel=1e-5)
    assert summed / mean == pytest.approx(0.602961 / 0.003015, rel=2e-4), "their figure has four digits"
    assert float(model.loss(output, x, y, beta=1 / 200)["kl"]) == pytest.approx(mean, rel=1e-5)
    summed, mean = (float(model.loss(output, x, y, squares=each)["reconstruction"]) for each in ("sum", "mean"))
    assert summed / mean == pytest.approx(P, rel=1e-5)


def test_the_euclidean_term_has_a_slope_where_the_prediction_is_exact():
    model = net()
    position = torch.ones(B, 3, requires_grad=True)
    zero = torch.zeros(B, D)
    output = Output(zero, zero, zero, None, position, [], None)
    sum(model.loss(output, zero, torch.ones(B, 3), power=1, regression=0).values()).backward()
    assert torch.isfinite(position.grad).all()


def test_positions_are_centred_and_scaled(x):
    plain, moved = net(), net(centre=(10.0, 20.0, 30.0), scale=(1.0, 2.0, 3.0))
    expected = plain(x).position * torch.tensor([1.0, 2.0, 3.0]) + torch.tensor([10.0, 20.0, 30.0])
    torch.testing.assert_close(moved(x).position, expected)


def test_a_pathway_reaches_its_genes_and_no_others():
    pathways = torch.zeros(2, P, dtype=torch.bool)
    pathways[0, [1, 4]] = pathways[1, [4, 6, 7]] = True
    torch.manual_seed(0)
    decoder = Masked(pathways, 3)
    z = torch.zeros(3, 3).fill_diagonal_(1.0)
    reached = (decoder(z) - decoder(torch.zeros(3, 3))).abs() > 0
    assert reached[:2].tolist() == pathways.tolist()
    assert reached[2].all(), "what is left over is free"
    decoder(torch.randn(4, 3)).square().sum().backward()
    assert (decoder.weight.grad[:2][~pathways] == 0).all()
    with pytest.raises(ValueError, match="latent is 1; expected at least 2"):
        Masked(pathways, 1)


def test_neighbours_enter_by_their_mean(x):
    model = net(neighbours=True)
    near = torch.randn(4, P, generator=torch.Generator().manual_seed(2))
    edges = torch.tensor([[0, 1, 2, 3, 0], [0, 0, 0, 1, 8]])
    mean = torch.zeros(B, P)
    mean[0], mean[1], mean[8] = near[:3].mean(0), near[3], near[0]
    conv = model.first
    h = mean @ conv.lin_l.weight.T + conv.lin_l.bias + x @ conv.lin_r.weight.T
    torch.testing.assert_close(model.encode(x, (near, edges))[0], model.mean(model.encoder(h)))


def test_all_neighbours_of_a_batch_are_the_whole_grids_convolution(x):
    """What a batch with all its neighbours gives equals SAGEConv over the whole graph, with the same weights."""
    model = net(neighbours=True)
    line = torch.tensor([[k, k + 1] for k in range(B - 1)]).T
    both = torch.cat([line, line.flip(0)], dim=1)
    whole = SAGEConv(P, 11)
    whole.load_state_dict(model.first.state_dict())
    batch = torch.tensor([6, 2])
    edges = torch.tensor([[5, 7, 1, 3], [0, 0, 1, 1]])
    expected = model.mean(model.encoder(whole(x, both)))[batch]
    torch.testing.assert_close(model.encode(x[batch], (x, edges))[0], expected)


def test_bfloat16_touches_the_products_only(x):
    model = net(norm="layer")
    exact = model(x)
    model.bfloat16 = True
    rough = model(x)
    assert rough.mean.dtype == rough.expression.dtype == rough.position.dtype == torch.float32
    assert 0 < (rough.expression - exact.expression).abs().max() < 0.05
