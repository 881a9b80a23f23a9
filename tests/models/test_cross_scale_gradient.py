"""The gradient written out against the one that automatic differentiation finds."""

import pytest
import torch

from xsg.models.cross_scale import CrossScaleNet, dense_propagation
from xsg.models.cross_scale_gradient import HandGradient

K, N, Q, D = 3, 7, 8, 5


@pytest.mark.parametrize("gamma", [0.0, 3.0])
@pytest.mark.parametrize("own", [False, True])
def test_terms_and_gradients_are_those_of_the_definition(gamma, own):
    """``own``: every copy has its own expression, graph and λ; judged against each copy alone."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        draw = torch.Generator().manual_seed(0)
        generators = [torch.Generator().manual_seed(seed) for seed in range(K)]
        net = CrossScaleNet(Q, D, 9, 6, reconstruct=gamma > 0, generators=generators)
        for parameter in net.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=draw)
        weights = torch.triu(torch.rand(K, N, N, generator=draw) * (torch.rand(K, N, N, generator=draw) < 0.6), 1)
        x = torch.randn(K, N, Q, generator=draw)
        lam = torch.tensor([0.1, 0.7, 0.0])
        if not own:
            weights, x, lam = weights[:1].expand(K, -1, -1), x[:1].expand(K, -1, -1), torch.full((K,), 0.3)
        both = weights + weights.transpose(1, 2)
        laplacian = torch.diag_embed(both.sum(1)) - both
        looped = both + torch.eye(N)
        scale = looped.sum(1) ** -0.5
        normalised = scale[:, :, None] * looped * scale[:, None, :]
        y = torch.randn(K, N, generator=draw)
        weight = (torch.rand(K, N, generator=draw) > 0.3).to(y.dtype)
        noise = torch.randn(K, N, D, generator=draw)

        rows = slice(None) if own else 0
        hand = HandGradient(
            net, x[rows], normalised[rows], laplacian[rows], y, weight, smoothness=lam, beta=0.3, gamma=gamma
        )
        terms = hand(noise)
        found = [parameter.grad.clone() for parameter in net.parameters()]

        expected, total = [], 0.0
        for k in range(K):  # the definition reads one graph, so each copy is judged by its own
            output = net(x[k], dense_propagation(normalised[k]), noise)
            edges = weights[k].nonzero().T
            named = net.loss(
                output, y, weight, edges, weights[k][tuple(edges)], smoothness=lam, beta=0.3, x=x[k], gamma=gamma
            )
            expected.append(torch.stack([value[k] for value in named.values()]))
            total = total + expected[-1].sum()
        net.zero_grad()
        total.backward()
    finally:
        torch.set_default_dtype(before)
    assert hand.names == list(named)
    assert torch.allclose(terms, torch.stack(expected, dim=1), atol=1e-12)
    for parameter, gradient in zip(net.parameters(), found, strict=True):
        assert torch.allclose(gradient, parameter.grad, atol=1e-12)
        assert parameter.grad.abs().max() > 0
