"""The network's equations: against torch-geometric, against hand-computed values, copy by copy."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch_geometric.nn import GCNConv

from xsg.atlas import Graph
from xsg.models.cross_scale import CrossScaleNet, Output, dense_propagation, sparse_propagation

N, P, D = 7, 8, 3


def weighted_graph() -> Graph:
    weights = np.zeros((N, N))
    for i, j, w in [(0, 1, 1.0), (1, 2, 2.0), (2, 3, 0.5), (3, 4, 1.0), (4, 5, 1.5), (5, 6, 1.0), (1, 5, 3.0)]:
        weights[i, j] = weights[j, i] = w
    names = [f"r{i}" for i in range(N)]
    return Graph(pd.DataFrame(weights, names, names))


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def make_net(*seeds: int, **options) -> CrossScaleNet:
    return CrossScaleNet(P, latent=D, hidden=6, decoder=5, generators=generators(*seeds), **options)


@pytest.fixture
def x():
    return torch.randn(N, P, generator=torch.Generator().manual_seed(1))


def dense(graph: Graph):
    return dense_propagation(torch.tensor(graph.normalised(), dtype=torch.float32))


def test_encoder_equals_torch_geometric_with_the_same_weights(x):
    graph, net = weighted_graph(), make_net(4)
    data = graph.to_pyg()
    layers = {}
    for name, layer in {"hidden": net.hidden, "mean": net.mean, "log_variance": net.log_variance}.items():
        layers[name] = GCNConv(layer.weight.shape[1], layer.weight.shape[2])
        layers[name].lin.weight.data = layer.weight[0].T.contiguous()
        layers[name].bias.data = torch.randn(layer.weight.shape[2], generator=torch.Generator().manual_seed(7))
        layer.bias.data = layers[name].bias.data.clone()[None, None]
    h = torch.relu(layers["hidden"](x, data.edge_index, data.edge_weight))
    mean, log_variance = net.encode(x, dense(graph))
    assert torch.allclose(mean[0], layers["mean"](h, data.edge_index, data.edge_weight), atol=1e-6)
    assert torch.allclose(log_variance[0], layers["log_variance"](h, data.edge_index, data.edge_weight), atol=1e-6)


def test_sparse_and_dense_are_the_same_model_forward_and_backward(x):
    graph, net = weighted_graph(), make_net(4, 5, reconstruct=True)
    data = graph.to_pyg()
    noise = torch.randn(2, N, D, generator=torch.Generator().manual_seed(2))
    found = []
    for propagate in (dense(graph), sparse_propagation(data.edge_index, data.edge_weight, N)):
        net.zero_grad()
        output = net(x, propagate, noise)
        (output.thinning.square().sum() + output.expression.square().sum()).backward()
        found.append((output, [p.grad.clone() for p in net.parameters()]))
    for a, b in zip(found[0][0], found[1][0], strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    for a, b in zip(found[0][1], found[1][1], strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-4)


def test_a_copy_is_the_model_it_would_be_alone(x):
    together, alone = make_net(3, 9, 27), make_net(9)
    noise = torch.randn(3, N, D, generator=torch.Generator().manual_seed(2))
    graph = dense(weighted_graph())
    for a, b in zip(together(x, graph, noise)[:4], alone(x, graph, noise[1:2])[:4], strict=True):
        assert torch.equal(a[1], b[0])


def test_weights_are_glorot_uniform_with_the_named_fan_in():
    net = CrossScaleNet(400, hidden=300, generators=generators(0), fan_in=900)
    bound = (6 / (900 + 300)) ** 0.5
    weight = net.hidden.weight.detach()
    assert 0.99 * bound < weight.abs().max() <= bound
    assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert not net.hidden.bias.any()


def test_loss_terms_by_hand():
    """Two regions train, the third is held out; one edge of weight 2; every number below is worked out by hand."""
    output = Output(
        mean=torch.tensor([[[1.0], [0.0], [-1.0]]]),
        log_variance=torch.zeros(1, 3, 1),
        programs=torch.tensor([[[1.5], [0.5], [-1.0]]]),
        thinning=torch.tensor([[1.0, 0.0, 100.0]]),
        expression=torch.tensor([[[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]]),
    )
    terms = CrossScaleNet.loss(
        output,
        y=torch.tensor([[3.0, 1.0, 0.0]]),
        weight=torch.tensor([[1.0, 1.0, 0.0]]),
        edges=torch.tensor([[0], [1]]),
        edge_weight=torch.tensor([2.0]),
        smoothness=0.3,
        beta=0.6,
        x=torch.zeros(3, 2),
        gamma=3.0,
    )
    assert terms["reconstruction"].item() == pytest.approx((4 + 1) / 2)
    assert terms["smoothness"].item() == pytest.approx(0.3 / 3 * 2 * 1.0)
    assert terms["kl"].item() == pytest.approx(0.6 / 3 * 0.5 * (1 + 0 + 1))
    assert terms["expression"].item() == pytest.approx(3.0 * 2 / 6)


def test_kl_agrees_with_torch_distributions_and_smoothness_with_the_laplacian(x):
    graph, net = weighted_graph(), make_net(1, 2)
    output = net(x, dense(graph), torch.randn(2, N, D, generator=torch.Generator().manual_seed(0)))
    edges, weight = torch.tensor(graph.edges), torch.tensor(graph.weights.to_numpy()[tuple(graph.edges)]).float()
    terms = net.loss(output, torch.zeros(N), torch.ones(N), edges, weight, smoothness=0.7, beta=1.0)
    posterior = Normal(output.mean, torch.exp(0.5 * output.log_variance))
    expected = kl_divergence(posterior, Normal(torch.zeros(1), torch.ones(1))).sum((-2, -1)) / N
    assert torch.allclose(terms["kl"], expected, rtol=1e-5)
    laplacian = torch.tensor(graph.laplacian(), dtype=torch.float32)
    z = output.programs
    quadratic = (z * (laplacian @ z)).sum((-2, -1))
    assert torch.allclose(terms["smoothness"], 0.7 / N * quadratic, rtol=1e-4)


def test_the_weights_are_the_variances_that_the_model_page_states(x):
    """Times n/β, two sets of predictions differ by as much in the loss as in the negative log-likelihood."""
    beta, gamma, y = 0.02, 5.0, torch.linspace(-1, 1, N)
    edges, weight = torch.tensor(weighted_graph().edges), torch.ones(weighted_graph().edges.shape[1])
    loss, stated = [], []
    for seed in (3, 4):
        output = make_net(seed, reconstruct=True)(x, dense(weighted_graph()))
        terms = CrossScaleNet.loss(output, y, torch.ones(N), edges, weight, beta=beta, gamma=gamma, x=x)
        loss.append([N / beta * terms[name].item() for name in ("reconstruction", "expression")])
        thinning = Normal(output.thinning, (beta / 2) ** 0.5).log_prob(y)
        expression = Normal(output.expression, (beta * P / (2 * gamma)) ** 0.5).log_prob(x)
        stated.append([-thinning.sum().item(), -expression.sum().item()])
    np.testing.assert_allclose(np.diff(loss, axis=0), np.diff(stated, axis=0), rtol=1e-3)


def test_a_smoothness_per_copy(x):
    graph, net = weighted_graph(), make_net(1, 1)
    output = net(x, dense(graph))
    edges, weight = torch.tensor(graph.edges), torch.ones(graph.edges.shape[1])
    terms = net.loss(output, torch.zeros(N), torch.ones(N), edges, weight, smoothness=torch.tensor([0.1, 0.4]))
    assert terms["smoothness"][1].item() == pytest.approx(4 * terms["smoothness"][0].item())


def test_parameters_receive_the_gradient_of_their_own_copy_only(x):
    net = make_net(1, 2)
    net(x, dense(weighted_graph())).thinning[0].sum().backward()
    assert net.hidden.weight.grad[0].abs().sum() > 0
    assert net.hidden.weight.grad[1].abs().sum() == 0
