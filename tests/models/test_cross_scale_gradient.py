"""The gradient written out against the one that automatic differentiation finds."""

from functools import partial, wraps

import joblib
import numpy as np
import pytest
import torch

from xsg.models import cross_scale
from xsg.models.cross_scale import CrossScaleNet, dense_propagation
from xsg.models.cross_scale_gradient import _PARTS, HandGradient, serves, text_digest
from xsg.training import CrossScaleVAE, engine, refit

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


class Doubled(CrossScaleNet):
    @staticmethod
    def loss(*given, **options):
        terms = CrossScaleNet.loss(*given, **options)
        return terms | {
            "reconstruction": 2 * terms["reconstruction"],
            "size": 0.1 * given[0].mean.square().mean((-2, -1)),
        }


class Shifted(CrossScaleNet):
    def decode(self, z):
        return super().decode(z) + 1


def test_the_gradient_serves_the_loss_that_it_was_derived_from_and_no_other(monkeypatch):
    names = [getattr(CrossScaleNet, name) for name in _PARTS]
    digest = text_digest(*names, cross_scale.Affine.forward, cross_scale.roughness)
    assert serves(CrossScaleNet), f"the loss reads differently now: derive its gradient anew, then write {digest}"
    assert not serves(Doubled)
    assert not serves(Shifted)
    monkeypatch.setattr(cross_scale, "roughness", lambda z, *graph: z.square().sum((-2, -1)))
    assert not serves(CrossScaleNet)


@pytest.mark.parametrize("several", [False, True])
def test_a_loss_that_is_changed_is_what_is_trained(toy, several):
    """By a class of one's own: alone, and in refits over several graphs, which are trained in one pass."""

    class Own(CrossScaleVAE):
        NET = Doubled

    expression, thinning, graph = toy
    options = {"latent": 4, "hidden": 16, "decoder": 8, "epochs": 60, "lr": 1e-2}
    models = CrossScaleVAE(**options), Own(**options)
    if several:
        usual, own = (
            refit(each, expression, thinning, [graph, graph], seeds=(0, 1), progress=False) for each in models
        )
        np.testing.assert_allclose(
            own.iloc[0], Own(**options).fit(expression, thinning, graph).predict(expression), rtol=1e-4
        )
    else:
        usual, own = (each.fit(expression, thinning, graph).predict(expression) for each in models)
        assert list(models[1].history_) == [*models[0].history_, "size"]
        assert models[1].history_["size"].iloc[-1] > 0
    assert not np.allclose(usual, own, rtol=1e-3)


def test_a_loss_that_is_changed_in_place_is_what_is_trained(toy, monkeypatch):
    expression, thinning, graph = toy
    model = CrossScaleVAE(latent=4, hidden=16, decoder=8, epochs=12, lr=1e-2)
    before = model.fit(expression, thinning, graph).history_
    monkeypatch.setattr(CrossScaleNet, "loss", staticmethod(partial(_half, CrossScaleNet.loss)))
    after = model.fit(expression, thinning, graph).history_
    assert after["reconstruction"].iloc[0] == pytest.approx(before["reconstruction"].iloc[0] / 2, rel=1e-5)


def _half(loss, *given, **options):
    terms = loss(*given, **options)
    return terms | {"reconstruction": terms["reconstruction"] / 2}


def test_autograd_of_the_same_loss_trains_the_same_model(toy, monkeypatch):
    expression, thinning, graph = toy
    model = CrossScaleVAE(latent=4, hidden=16, decoder=8, epochs=12, lr=1e-2)
    by_hand = model.fit(expression, thinning, graph).predict(expression)
    monkeypatch.setattr(engine, "serves", lambda kind: False)
    np.testing.assert_allclose(model.fit(expression, thinning, graph).predict(expression), by_hand, rtol=1e-4)


def test_a_loss_in_a_wrapper_and_a_layer_of_ones_own_are_seen(toy, monkeypatch):
    expression, thinning, graph = toy
    model = CrossScaleVAE(latent=4, hidden=16, decoder=8, epochs=12, lr=1e-2)
    before = model.fit(expression, thinning, graph).history_

    class Bent(CrossScaleNet):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            self.hidden.register_forward_hook(lambda layer, given, found: found.tanh())

    assert not serves(Bent)
    original = CrossScaleNet.loss

    @wraps(original)
    def half(*given, **options):
        return _half(original, *given, **options)

    monkeypatch.setattr(CrossScaleNet, "loss", staticmethod(half))
    assert not serves(CrossScaleNet)
    after = model.fit(expression, thinning, graph).history_
    assert after["reconstruction"].iloc[0] == pytest.approx(before["reconstruction"].iloc[0] / 2, rel=1e-5)


def test_what_is_kept_or_sent_elsewhere_is_of_the_loss_at_hand(toy, tmp_path, monkeypatch):
    model = CrossScaleVAE(latent=4, hidden=16, decoder=8, epochs=2, lr=1e-2)
    given = {"seeds": range(3), "progress": False}
    refit(model, *toy, **given, checkpoint=tmp_path)
    monkeypatch.setattr(CrossScaleNet, "loss", staticmethod(partial(_half, CrossScaleNet.loss)))
    with pytest.raises(
        ValueError, match=r"checkpoint: what CrossScaleNet is made of cannot be told .* Leave checkpoint out"
    ):
        refit(model, *toy, **given, checkpoint=tmp_path)
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.raises(RuntimeError, match="another loss in this process"),
    ):
        refit(model, *toy, **given)


@pytest.mark.parametrize(
    ("odd", "found"), [(lambda term: term.sum(), r"torch.Size\(\[\]\)"), (lambda term: 0.5, "0.5")]
)
def test_a_term_that_is_no_number_for_each_copy_is_named(toy, odd, found):
    class Net(CrossScaleNet):
        @staticmethod
        def loss(*given, **options):
            terms = CrossScaleNet.loss(*given, **options)
            return terms | {"odd": odd(terms["kl"])}

    class Own(CrossScaleVAE):
        NET = Net

    with pytest.raises(ValueError, match=f"the term 'odd' of Net.loss is {found}; expected a tensor"):
        Own(epochs=2).fit(*toy)


def test_without_the_terms_the_gradient_is_the_same():
    net = CrossScaleNet(5, 3, 6, 4, True, generators=[torch.Generator().manual_seed(k) for k in range(3)])
    x, noise = torch.randn(7, 5), torch.randn(1, 7, 3)
    ring = torch.eye(7).roll(1, 0) + torch.eye(7).roll(-1, 0)
    hand = HandGradient(net, x, (torch.eye(7) + ring) / 3, 2 * torch.eye(7) - ring, torch.randn(3, 7), torch.ones(3, 7))
    terms = hand(noise.expand(3, 7, 3))
    whole = [parameter.grad.clone() for parameter in net.parameters()]
    first = hand(noise, terms=False)
    assert torch.equal(first, terms[:1])
    for parameter, gradient in zip(net.parameters(), whole, strict=True):
        assert torch.equal(parameter.grad, gradient)
