"""Equations of the multi-view network: the product by hand, exact leaving out, gradients, copies."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from xsg.across.views_model import MultiViewNet, Output, product_of_experts, propagation_among
from xsg.atlas import Graph

N, D, K = 7, 3, 2
WIDTHS = (8, 5)


def weighted() -> torch.Tensor:
    weights = torch.zeros(N, N, dtype=torch.float64)
    for i, j, w in [(0, 1, 1.0), (1, 2, 2.0), (2, 3, 0.5), (3, 4, 1.0), (4, 5, 1.5), (5, 6, 1.0), (1, 5, 3.0)]:
        weights[i, j] = weights[j, i] = w
    return weights


def make_net(*seeds: int) -> MultiViewNet:
    made = [torch.Generator().manual_seed(seed) for seed in seeds]
    return MultiViewNet(WIDTHS, WIDTHS, D, 6, 4, generators=made).double()


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


TABLES = [draw(N, q, seed=q) for q in WIDTHS]
PRESENT = torch.tensor([[1, 1, 0, 1, 0, 1, 1], [1, 0, 1, 1, 1, 1, 0]], dtype=torch.float64)


def among(present: torch.Tensor) -> list[torch.Tensor]:
    return [propagation_among(weighted(), here) for here in present]


def test_product_by_hand():
    # Experts N(2, 1) and N(8, 1/2) with the prior N(0, 1): precisions 1 + 1 + 2 = 4, mean (2 + 16) / 4.
    mean, variance = torch.tensor([[[2.0]], [[8.0]]]), torch.tensor([[[1.0]], [[0.5]]])
    mu, log_var = product_of_experts(mean, variance.log(), torch.ones(2, 1))
    assert mu.item() == pytest.approx(4.5)
    assert log_var.exp().item() == pytest.approx(0.25)
    # Without the second: 1 + 1 = 2 and 2 / 2. Without either: the prior.
    mu, log_var = product_of_experts(mean, variance.log(), torch.tensor([[1.0], [0.0]]))
    assert (mu.item(), log_var.exp().item()) == pytest.approx((1.0, 0.5))
    mu, log_var = product_of_experts(mean, variance.log(), torch.zeros(2, 1))
    assert (mu.item(), log_var.exp().item()) == (0.0, 1.0)


def test_product_is_the_normalised_product_of_densities():
    z = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    means, sds = (0.3, -1.2, 2.0), (0.8, 0.5, 1.7)
    log = Normal(0, 1).log_prob(z) + sum(Normal(m, s).log_prob(z) for m, s in zip(means, sds, strict=True))
    density = log.exp() / log.exp().sum()
    mean = (density * z).sum()
    variance = (density * (z - mean) ** 2).sum()
    given = [torch.tensor(each, dtype=torch.float64).view(3, 1, 1) for each in (means, sds)]
    mu, log_var = product_of_experts(given[0], 2 * given[1].log(), torch.ones(3, 1, dtype=torch.float64))
    assert mu.item() == pytest.approx(mean.item(), abs=1e-6)
    assert log_var.exp().item() == pytest.approx(variance.item(), abs=1e-6)


def test_propagation_is_that_of_the_graph_without_the_missing_regions():
    names = [f"r{i}" for i in range(N)]
    graph = Graph(pd.DataFrame(weighted().numpy(), names, names))
    found = propagation_among(weighted(), PRESENT[0]).numpy()
    here = PRESENT[0].numpy() > 0
    assert np.allclose(found[np.ix_(here, here)], graph.subset(np.array(names)[here]).normalised())
    assert (found[~here] == 0).all()
    assert (found[:, ~here] == 0).all()


def test_a_missing_row_is_left_out_exactly():
    """The posterior is the one of the tables without those rows, whatever numbers stand in them."""
    net = make_net(3, 9)
    output = net(TABLES, among(PRESENT), PRESENT)
    wild = [torch.where(here[:, None] > 0, table, 1e3) for table, here in zip(TABLES, PRESENT, strict=True)]
    other = net(wild, among(PRESENT), PRESENT)
    assert torch.equal(output.mean, other.mean)
    # By hand: each view encoded on its own smaller graph, precisions added where there is a row.
    total, weighted_mean = torch.ones(K, N, D, dtype=torch.float64), torch.zeros(K, N, D, dtype=torch.float64)
    for v, (table, present) in enumerate(zip(TABLES, PRESENT, strict=True)):
        here = present > 0
        a = propagation_among(weighted()[here][:, here], torch.ones(int(here.sum()), dtype=torch.float64))
        h = torch.relu(a @ table[here] @ net.hidden[v].weight + net.hidden[v].bias)
        mean = a @ h @ net.mean[v].weight + net.mean[v].bias
        precision = torch.exp(-(a @ h @ net.log_variance[v].weight + net.log_variance[v].bias))
        total[:, here] += precision
        weighted_mean[:, here] += precision * mean
    assert torch.allclose(output.mean, weighted_mean / total, atol=1e-12)
    assert torch.allclose(output.log_variance, -total.log(), atol=1e-12)


def test_each_view_more_can_only_narrow_the_posterior():
    net = make_net(3)
    both = torch.ones(2, N, dtype=torch.float64)
    one = torch.stack([both[0], 0 * both[1]])
    assert (net(TABLES, among(both), both).log_variance < net(TABLES, among(both), one).log_variance).all()


def test_a_copy_is_the_model_it_would_be_alone():
    together, alone = make_net(3, 9, 27), make_net(9)
    noise = draw(3, N, D)
    a = together(TABLES, among(PRESENT), PRESENT, noise)
    b = alone(TABLES, among(PRESENT), PRESENT, noise[1:2])
    for one, other in zip(a[:4], b[:4], strict=True):
        assert torch.allclose(one[1], other[0], atol=1e-12)


def loss_of(net: MultiViewNet) -> dict[str, torch.Tensor]:
    laplacian = torch.diag(weighted().sum(1)) - weighted()
    weight = torch.tensor([1, 1, 0, 1, 1, 0, 1.0], dtype=torch.float64).expand(K, N)
    output = net(TABLES, among(PRESENT), PRESENT, draw(K, N, D))
    given = (draw(K, N, seed=5), weight, TABLES, WIDTHS, PRESENT, laplacian)
    return net.loss(output, *given, smoothness=0.4, beta=0.3, gamma=2.0)


def test_gradient_is_the_finite_difference():
    net, step = make_net(3, 9), 1e-6
    sum(loss_of(net).values()).sum().backward()
    for parameter in net.parameters():
        place = tuple(0 for _ in parameter.shape)
        slope = parameter.grad[place].item()
        totals = []
        for move in (step, -2 * step):
            with torch.no_grad():
                parameter[place] += move
                totals.append(sum(loss_of(net).values()).sum().item())
        with torch.no_grad():
            parameter[place] += step
        assert slope == pytest.approx((totals[0] - totals[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_terms_by_hand():
    mean, log_variance = draw(K, N, D), draw(K, N, D, seed=2)
    output = Output(mean, log_variance, mean, draw(K, N, seed=3), [draw(K, N, q, seed=4) for q in WIDTHS])
    weights = weighted()
    laplacian = torch.diag(weights.sum(1)) - weights
    y, weight = draw(K, N, seed=5), torch.tensor([[1, 1, 0, 1, 1, 0, 1.0], [0, 1, 1, 1, 1, 1, 1]]).double()
    terms = MultiViewNet.loss(
        output, y, weight, TABLES, (10, 5), PRESENT, laplacian, smoothness=0.4, beta=0.3, gamma=2.0
    )
    assert list(terms) == ["reconstruction", "smoothness", "kl", "view 0", "view 1"]
    for k in range(K):
        here = weight[k] > 0
        assert terms["reconstruction"][k] == pytest.approx(((y - output.thinning)[k, here] ** 2).mean().item())
        rough = sum(
            weights[i, j] * ((mean[k, i] - mean[k, j]) ** 2).sum() for i in range(N) for j in range(i) if weights[i, j]
        )
        assert terms["smoothness"][k] == pytest.approx(0.4 / N * rough.item())
        posterior = Normal(mean[k], (0.5 * log_variance[k]).exp())
        assert terms["kl"][k] == pytest.approx(0.3 / N * kl_divergence(posterior, Normal(0, 1)).sum().item())
        for v, p in enumerate((10, 5)):
            rows = PRESENT[v] > 0
            error = ((TABLES[v] - output.views[v][k])[rows] ** 2).sum() / (rows.sum() * p)
            assert terms[f"view {v}"][k] == pytest.approx(2.0 * error.item())
