"""The loss of the cross-scale model and its gradient, written out for K copies at once.

`xsg.models.cross_scale` is the definition. What stands here is what automatic differentiation makes of it, line by
line, on a dense graph and in place: for 68 regions the bookkeeping of autograd, and arrays that are made anew in every
epoch, cost more than the arithmetic. The tests hold the two equal, term by term and parameter by parameter.

With ∂ for the derivative of the total loss, and Â and L symmetric, the chain rule through the model reads

    ∂f_i = 2 w_i (f_i − y_i) / Σw          ∂z = (∂g ∘ [g > 0]) V₀ᵀ + 2λ/n L z  (+ expression)
    ∂μ = ∂z + β/n μ                         ∂log σ² = ½ ∂z ∘ σε + β/2n (σ² − 1)
    ∂h = Â ∂μ W_μᵀ + Â ∂log σ² W_σᵀ         ∂W₀ = (Â x)ᵀ (∂h ∘ [h > 0])
"""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from xsg.models import cross_scale
from xsg.models.cross_scale import CrossScaleNet

# What the gradient below was derived from, and the digest of its text. Who changes these functions changes what is
# trained: automatic differentiation takes over. To have the speed back, derive the gradient anew, see that
# tests/models/test_cross_scale_gradient.py is green, and write the digest that its first error names.
_PARTS = ("forward", "encode", "decode", "loss")
DERIVED_FROM = "39eb8a42aa5897b9"
_threshold_backward = torch.ops.aten.threshold_backward.grad_input


class HandGradient:
    """Compute the named terms of the loss and leave their gradient in ``net.parameters()``.

    Parameters
    ----------
    net
        The network, K copies.
    x
        Expression (n, q) for all copies, or (K, n, q).
    normalised, laplacian
        Â and the Laplacian L of the graph, (n, n) for all copies, or (K, n, n).
    y, weight
        Standardised thinning, and 1 for a training region, 0 for one held out, (K, n).
    smoothness
        λ, one number or a tensor (K,).
    beta, gamma
        β and γ of `CrossScaleNet.loss`.
    """

    def __init__(
        self,
        net: CrossScaleNet,
        x: Tensor,
        normalised: Tensor,
        laplacian: Tensor,
        y: Tensor,
        weight: Tensor,
        *,
        smoothness: float | Tensor = 0.1,
        beta: float = 0.01,
        gamma: float = 1.0,
    ):
        copies, n = y.shape

        def room(width: int, copies: int = copies) -> Tensor:
            # Each copy begins at a multiple of 16 numbers. Where vector instructions end in a remainder, which is
            # rounded differently, it is then the same for every copy, however many there are; and matrix products,
            # whose rounding may depend on where in memory a matrix begins, meet every copy alike.
            size = n * width
            padded = torch.empty(copies, -(-size // 16) * 16, dtype=y.dtype, device=y.device)
            return padded[:, :size].view(copies, n, width)

        self.net, self.y, self.beta, self.gamma = net, y, beta, gamma

        def shared(matrix: Tensor) -> Tensor:
            # What all copies read stands in memory once, and so in the cache.
            many = 1 if matrix.dim() == 2 or matrix.stride(0) == 0 else copies
            held = room(matrix.shape[-1], many)
            return held.copy_(matrix if matrix.dim() == 2 else matrix[:many]).expand(copies, -1, -1)

        self.x, self.normalised, self.laplacian = shared(x), shared(normalised), shared(laplacian)
        first = 1 if self.x.stride(0) == self.normalised.stride(0) == 0 else copies
        self.ax = torch.bmm(self.normalised[:first], self.x[:first], out=room(x.shape[-1], first)).expand(
            copies, -1, -1
        )
        self.share = weight / weight.sum(-1, keepdim=True)
        self.lam = torch.as_tensor(smoothness, dtype=y.dtype, device=y.device).expand(copies)[:, None, None] / n
        hidden, latent = net.mean.weight.shape[1:]
        decoder = net.decoder_hidden.weight.shape[2]
        self.names = ["reconstruction", "smoothness", "kl"] + ["expression"] * (net.to_expression is not None)
        self.h, self.dh = room(hidden), room(hidden)
        self.mu, self.s, self.sd, self.step, self.z = (room(latent) for _ in range(5))
        self.lz, self.t, self.u = (room(latent) for _ in range(3))
        self.g, self.dg = room(decoder), room(decoder)
        self.dx = room(x.shape[-1]) if net.to_expression is not None else None
        for parameter in net.parameters():
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
        # Looked up and turned once: in an epoch of a few small copies this takes as long as a product.
        self.layers = [
            (layer.weight.detach(), layer.weight.detach().mT, layer.bias.detach(), layer.weight.grad, layer.bias.grad)
            for layer in (net.hidden, net.mean, net.log_variance, net.decoder_hidden, net.decoder_out)
        ]
        self.turned = [each.mT for each in (self.h, self.z, self.ax)]
        self.half_bias = torch.empty_like(net.log_variance.bias.detach())

    def _forward(self, noise: Tensor | None) -> Tensor:
        """Fill the rooms up to the decoder's hidden layer and return the thinning f(z) (K, n).

        ``s`` is log σ² less its bias: with the bias it is halved at one stroke, which rounds nothing.
        """
        h, s, sd, z, mu = self.h, self.s, self.sd, self.z, self.mu
        (first, _, first_bias, *_), (mean, _, mean_bias, *_), (spread, _, spread_bias, *_), inner, outer = self.layers
        torch.baddbmm(first_bias, self.ax, first, out=h).relu_()
        torch.baddbmm(mean_bias, self.normalised, torch.bmm(h, mean, out=self.t), out=mu)
        torch.bmm(self.normalised, torch.bmm(h, spread, out=self.t), out=s)
        torch.add(torch.mul(spread_bias, 0.5, out=self.half_bias), s, alpha=0.5, out=sd).exp_()
        if noise is None:
            z.copy_(mu)
        else:
            torch.mul(sd, noise, out=self.step)
            torch.add(mu, self.step, out=z)
        torch.baddbmm(inner[2], z, inner[0], out=self.g).relu_()
        return torch.mul(self.g, outer[1], out=self.dg).sum(-1).add_(outer[2].squeeze(-1))

    @torch.inference_mode()
    def predict(self) -> Tensor:
        """Return the thinning (K, n) at the posterior mean, z = μ."""
        return self._forward(None)

    @torch.inference_mode()
    def __call__(self, noise: Tensor, terms: bool = True) -> Tensor:
        """Return the weighted terms (T, K), in the order of ``names``, for noise ε (K, n, d), or one for all (1, n, d).

        Without ``terms`` only the first: the gradient needs none of them.
        """
        net, n = self.net, self.y.shape[1]
        first, mean, spread, inner, outer = self.layers
        h, mu, s, sd, z, g, t, u = self.h, self.mu, self.s, self.sd, self.z, self.g, self.t, self.u
        turned_h, turned_z, turned_ax = self.turned
        error = self._forward(noise).sub_(self.y)
        torch.bmm(self.laplacian, z, out=self.lz)

        # The terms.
        weighted = error * self.share
        found = [(weighted * error).sum(-1)]
        if terms:
            s.add_(spread[2])
            divergence = torch.mul(mu, mu, out=t).addcmul_(sd, sd).sub_(s).sum((1, 2)) - mu[0].numel()
            found += [
                self.lam.view(-1) * torch.mul(z, self.lz, out=u).sum((1, 2)),
                self.beta / n * 0.5 * divergence,
            ]

        # Backward: the decoder,
        df = weighted.mul_(2).unsqueeze(-1)
        torch.sum(torch.mul(g, df, out=self.dg), 1, out=outer[3].squeeze(-1))
        torch.sum(df, 1, keepdim=True, out=outer[4])
        _threshold_backward(torch.mul(df, outer[1], out=self.dg), g, 0, grad_input=self.dg)
        torch.bmm(turned_z, self.dg, out=inner[3])
        torch.sum(self.dg, 1, keepdim=True, out=inner[4])
        dz = self.lz.mul_(2 * self.lam).baddbmm_(self.dg, inner[1])
        if net.to_expression is not None:
            third = net.to_expression
            dx = torch.baddbmm(third.bias, z, third.weight, out=self.dx).sub_(self.x)
            if terms:
                found.append(self.gamma * dx.square().mean((1, 2)))
            dx.mul_(2 * self.gamma / dx[0].numel())
            torch.bmm(turned_z, dx, out=third.weight.grad)
            torch.sum(dx, 1, keepdim=True, out=third.bias.grad)
            dz.baddbmm_(dx, third.weight.transpose(1, 2))

        # the posterior,
        # Twice ∂log σ², to be halved where it is multiplied anyway.
        whole, ds, dmu = self.beta / n, self.step, dz
        ds.mul_(dz).addcmul_(sd, sd, value=whole).sub_(whole)
        dmu.add_(mu, alpha=whole)
        torch.sum(dmu, 1, keepdim=True, out=mean[4])
        torch.sum(ds, 1, keepdim=True, out=spread[4]).mul_(0.5)

        # the encoder.
        torch.bmm(self.normalised, dmu, out=t)
        torch.bmm(self.normalised, ds, out=u)
        torch.bmm(turned_h, t, out=mean[3])
        spread[3].baddbmm_(turned_h, u, beta=0, alpha=0.5)
        dh = torch.bmm(t, mean[1], out=self.dh).baddbmm_(u, spread[1], alpha=0.5)
        _threshold_backward(dh, h, 0, grad_input=dh)
        torch.bmm(turned_ax, dh, out=first[3])
        torch.sum(dh, 1, keepdim=True, out=first[4])
        return torch.stack(found)


def serves(kind: type[CrossScaleNet]) -> bool:
    """Tell whether the gradient is that of a network's loss: its equations are those that it was derived from."""
    return kind.__init__ is CrossScaleNet.__init__ and equations(kind) == DERIVED_FROM


def equations(kind: type[CrossScaleNet]) -> str:
    """Digest the equations of a network as they stand in this process, changed or not."""
    own = (getattr(kind, name) for name in _PARTS)
    return text_digest(*own, cross_scale.Affine.forward, cross_scale.roughness)


@cache
def text_digest(*functions: Callable) -> str:
    """Digest what functions say, but for comments and docstrings; of one without a source, its name."""
    found = hashlib.sha256()
    for function in functions:
        try:
            # Of the code itself: the source of a decorated function is that of the one within.
            tree = ast.parse(textwrap.dedent(inspect.getsource(function.__code__)))
        except (AttributeError, OSError, TypeError, SyntaxError):
            found.update(repr(function).encode())
            continue
        definition = tree.body[0]
        if isinstance(definition, ast.FunctionDef) and ast.get_docstring(definition) is not None:
            definition.body = definition.body[1:]
        found.update(ast.unparse(definition).encode())
    return found.hexdigest()[:16]
