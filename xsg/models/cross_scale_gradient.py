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

        def room(width: int) -> Tensor:
            # Each copy begins at a multiple of 16 numbers. Where vector instructions end in a remainder, which is
            # rounded differently, it is then the same for every copy, however many there are; and matrix products,
            # whose rounding may depend on where in memory a matrix begins, meet every copy alike.
            size = n * width
            padded = torch.empty(copies, -(-size // 16) * 16, dtype=y.dtype, device=y.device)
            return padded[:, :size].view(copies, n, width)

        self.net, self.y, self.beta, self.gamma = net, y, beta, gamma
        self.x, self.ax = room(x.shape[-1]).copy_(x), room(x.shape[-1])
        self.normalised, self.laplacian = room(n).copy_(normalised), room(n).copy_(laplacian)
        torch.bmm(self.normalised, self.x, out=self.ax)
        self.share = weight / weight.sum(-1, keepdim=True)
        self.lam = torch.as_tensor(smoothness, dtype=y.dtype, device=y.device).expand(copies)[:, None, None] / n
        hidden, latent = net.mean.weight.shape[1:]
        decoder = net.decoder_hidden.weight.shape[2]
        self.names = ["reconstruction", "smoothness", "kl"] + ["expression"] * (net.to_expression is not None)
        self.h, self.dh = room(hidden), room(hidden)
        self.mu, self.s, self.sd, self.step, self.z = (room(latent) for _ in range(5))
        self.lz, self.dmu, self.ds, self.t, self.u = (room(latent) for _ in range(5))
        self.g, self.dg = room(decoder), room(decoder)
        self.dx = room(x.shape[-1]) if net.to_expression is not None else None
        for parameter in net.parameters():
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)

    def _forward(self, noise: Tensor | None) -> Tensor:
        """Fill the rooms up to the decoder's hidden layer and return the thinning f(z) (K, n)."""
        net, h, sd, z = self.net, self.h, self.sd, self.z
        torch.baddbmm(net.hidden.bias, self.ax, net.hidden.weight, out=h).relu_()
        for layer, out in ((net.mean, self.mu), (net.log_variance, self.s)):
            torch.baddbmm(layer.bias, self.normalised, torch.bmm(h, layer.weight, out=self.t), out=out)
        torch.mul(self.s, 0.5, out=sd).exp_()
        if noise is None:
            z.copy_(self.mu)
        else:
            torch.mul(sd, noise, out=self.step)
            torch.add(self.mu, self.step, out=z)
        torch.baddbmm(net.decoder_hidden.bias, z, net.decoder_hidden.weight, out=self.g).relu_()
        out = net.decoder_out
        return torch.mul(self.g, out.weight.transpose(1, 2), out=self.dg).sum(-1).add_(out.bias.squeeze(-1))

    @torch.no_grad()
    def predict(self) -> Tensor:
        """Return the thinning (K, n) at the posterior mean, z = μ."""
        return self._forward(None)

    @torch.no_grad()
    def __call__(self, noise: Tensor) -> Tensor:
        """Return the weighted terms (T, K), in the order of ``names``, for noise ε (K, n, d)."""
        net, n = self.net, self.y.shape[1]
        first, mean, spread = net.hidden, net.mean, net.log_variance
        inner, outer = net.decoder_hidden, net.decoder_out
        h, mu, s, sd, z, g, t, u = self.h, self.mu, self.s, self.sd, self.z, self.g, self.t, self.u
        error = self._forward(noise).sub_(self.y)
        torch.bmm(self.laplacian, z, out=self.lz)

        # The terms.
        weighted = error * self.share
        divergence = torch.mul(mu, mu, out=t).addcmul_(sd, sd).sub_(s).sum((1, 2)) - mu[0].numel()
        terms = [
            (weighted * error).sum(-1),
            self.lam.view(-1) * torch.mul(z, self.lz, out=u).sum((1, 2)),
            self.beta / n * 0.5 * divergence,
        ]

        # Backward: the decoder,
        df = weighted.mul_(2).unsqueeze(-1)
        torch.sum(torch.mul(g, df, out=self.dg), 1, out=outer.weight.grad.squeeze(-1))
        torch.sum(df, 1, keepdim=True, out=outer.bias.grad)
        _threshold_backward(torch.mul(df, outer.weight.transpose(1, 2), out=self.dg), g, 0, grad_input=self.dg)
        torch.bmm(z.transpose(1, 2), self.dg, out=inner.weight.grad)
        torch.sum(self.dg, 1, keepdim=True, out=inner.bias.grad)
        dz = self.lz.mul_(2 * self.lam).baddbmm_(self.dg, inner.weight.transpose(1, 2))
        if net.to_expression is not None:
            third = net.to_expression
            dx = torch.baddbmm(third.bias, z, third.weight, out=self.dx).sub_(self.x)
            terms.append(self.gamma * dx.square().mean((1, 2)))
            dx.mul_(2 * self.gamma / dx[0].numel())
            torch.bmm(z.transpose(1, 2), dx, out=third.weight.grad)
            torch.sum(dx, 1, keepdim=True, out=third.bias.grad)
            dz.baddbmm_(dx, third.weight.transpose(1, 2))

        # the posterior,
        torch.add(dz, mu, alpha=self.beta / n, out=self.dmu)
        half = 0.5 * self.beta / n
        torch.mul(dz, self.step, out=self.ds).mul_(0.5).addcmul_(sd, sd, value=half).sub_(half)
        torch.sum(self.dmu, 1, keepdim=True, out=mean.bias.grad)
        torch.sum(self.ds, 1, keepdim=True, out=spread.bias.grad)

        # the encoder.
        torch.bmm(self.normalised, self.dmu, out=t)
        torch.bmm(self.normalised, self.ds, out=u)
        torch.bmm(h.transpose(1, 2), t, out=mean.weight.grad)
        torch.bmm(h.transpose(1, 2), u, out=spread.weight.grad)
        dh = torch.bmm(t, mean.weight.transpose(1, 2), out=self.dh).baddbmm_(u, spread.weight.transpose(1, 2))
        _threshold_backward(dh, h, 0, grad_input=dh)
        torch.bmm(self.ax.transpose(1, 2), dh, out=first.weight.grad)
        torch.sum(dh, 1, keepdim=True, out=first.bias.grad)
        return torch.stack(terms)


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
