"""Several views of a region, one posterior: a product of experts over region × feature tables.

Generative story, for regions i = 1…n and views v = 1…V (expression, receptor maps, a connectivity profile, …):

    z_i ~ N(0, I_d)                                   latent programs
    x_iv | z_i ~ N(g_v(z_i), σ_v² I)                  what view v shows of the region, g_v linear
    y_i | z_i ~ N(f(z_i), σ²)                         thinning, f a multilayer perceptron

Each view that has region i offers an expert N(μ_iv, diag σ²_iv), a two-layer graph convolution of its own table. The
posterior is the product of the prior and the experts at hand,

    q(z_i | views) ∝ N(z_i; 0, I) Π_v N(z_i; μ_iv, σ²_iv),

which is Gaussian, with precisions that add and a mean weighted by them. A view that lacks the region has no factor:
nothing is filled in, and its row sends no message to its neighbours either.

References: Wu & Goodman (2018), arXiv:1802.05335, for the posterior and its training on subsets of the views; Cao &
Fleet (2014), arXiv:1410.7827, for products of Gaussian experts; Kipf & Welling (2016), arXiv:1611.07308, for the
encoders. Parameters have a leading axis of K *copies* that never see one another, as in `xsg.models.cross_scale`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from xsg.models.cross_scale import Affine


def propagation_among(weights: Tensor, present: Tensor) -> Tensor:
    """Return D^-1/2 (A + I) D^-1/2 (n, n) of the graph over the regions that are present, zero elsewhere.

    ``weights`` (n, n) are the edges among all regions, ``present`` (n,) is 1 for a region that the view has, else 0.
    """
    looped = (weights + torch.eye(len(weights), dtype=weights.dtype)) * present[:, None] * present
    scale = torch.where(present > 0, looped.sum(1), 1.0).rsqrt() * present
    return scale[:, None] * looped * scale


def product_of_experts(mean: Tensor, log_variance: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply the prior N(0, I) with the experts at hand.

    With τ_v = 1/σ²_v, and sums over the views that are present,

        1/σ² = 1 + Σ_v τ_v,        μ = σ² Σ_v τ_v μ_v .

    Parameters
    ----------
    mean, log_variance
        μ_v and log σ²_v of the experts (V, …, n, d).
    present
        1 where the view takes part, 0 where it is left out (V, …, n); a value in between raises the expert to that
        power: the generalised product of Cao & Fleet (2014).

    Returns
    -------
    mean, log_variance
        μ and log σ² of the product (…, n, d).

    Examples
    --------
    >>> mean, log_variance = torch.tensor([[[2.0]], [[8.0]]]), torch.tensor([[[0.0]], [[0.0]]])
    >>> mu, log_var = product_of_experts(mean, log_variance, torch.ones(2, 1))
    >>> round(mu.item(), 3), round(log_var.exp().item(), 3)
    (3.333, 0.333)
    """
    precision = torch.exp(-log_variance) * present[..., None]
    total = 1 + precision.sum(0)
    return (precision * mean).sum(0) / total, -torch.log(total)


class Output(NamedTuple):
    """What the network makes of the views of n regions, for K copies."""

    mean: Tensor  # μ (K, n, d)
    log_variance: Tensor  # log σ² (K, n, d)
    programs: Tensor  # z = μ + σ ε (K, n, d)
    thinning: Tensor  # f(z) (K, n)
    views: list[Tensor]  # g_v(z) (K, n, q_v)


class MultiViewNet(nn.Module):
    """An encoder and a decoder for each view, a product of experts between them, a decoder to thinning; K copies.

    Parameters
    ----------
    widths
        Columns q_v of each view's table.
    fan_ins
        Number of features of each view, where its columns are a rotation of them to fewer.
    latent, hidden, decoder
        d latent programs; units of each encoder's hidden layer; units of the hidden layer of the decoder to thinning.
    generators
        K torch generators; copy k draws its weights from the k-th.
    """

    def __init__(
        self,
        widths: Sequence[int],
        fan_ins: Sequence[int],
        latent: int,
        hidden: int,
        decoder: int,
        *,
        generators: list[torch.Generator],
    ):
        super().__init__()
        self.hidden = nn.ModuleList(Affine(q, hidden, generators, p) for q, p in zip(widths, fan_ins, strict=True))
        self.mean = nn.ModuleList(Affine(hidden, latent, generators) for _ in widths)
        self.log_variance = nn.ModuleList(Affine(hidden, latent, generators) for _ in widths)
        self.to_view = nn.ModuleList(Affine(latent, q, generators) for q in widths)
        self.decoder_hidden = Affine(latent, decoder, generators)
        self.decoder_out = Affine(decoder, 1, generators)

    def experts(self, x: Sequence[Tensor], propagation: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return μ_v and log σ²_v (V, K, n, d): Â_v relu(Â_v x_v W₀ + b₀) W + b, Â_v over the regions of view v.

        ``x`` holds tables (n, q_v), with any finite numbers in rows that the view lacks; ``propagation`` the Â_v of
        `propagation_among`. Rows of a missing region are no experts: `product_of_experts` leaves them out.
        """
        means, log_variances = [], []
        for v, (table, a) in enumerate(zip(x, propagation, strict=True)):
            h = torch.relu(self.hidden[v](a @ table))
            means.append(a @ (h @ self.mean[v].weight) + self.mean[v].bias)
            log_variances.append(a @ (h @ self.log_variance[v].weight) + self.log_variance[v].bias)
        return torch.stack(means), torch.stack(log_variances)

    def decode(self, z: Tensor) -> Tensor:
        """Return the thinning f(z) (K, n) of latent programs z (K, n, d)."""
        return self.decoder_out(torch.relu(self.decoder_hidden(z))).squeeze(-1)

    def forward(
        self, x: Sequence[Tensor], propagation: Sequence[Tensor], present: Tensor, noise: Tensor | None = None
    ) -> Output:
        """Multiply the experts that are ``present`` (V, n) or (V, K, n), draw z = μ + σ ε, decode.

        ε is ``noise`` (K, n, d); without it z = μ.
        """
        means, log_variances = self.experts(x, propagation)
        present = present[:, None] if present.dim() == 2 else present
        mean, log_variance = product_of_experts(means, log_variances, present)
        z = mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise
        return Output(mean, log_variance, z, self.decode(z), [decoder(z) for decoder in self.to_view])

    @staticmethod
    def loss(
        output: Output,
        y: Tensor,
        weight: Tensor,
        x: Sequence[Tensor],
        n_features: Sequence[int],
        present: Tensor,
        laplacian: Tensor,
        *,
        smoothness: float = 0.1,
        beta: float = 0.01,
        gamma: float = 1.0,
    ) -> dict[str, Tensor]:
        """Return the named terms of the loss, each (K,), already weighted: the total is their sum.

        With n_t training regions out of n, and n_v regions and p_v features in view v,

            reconstruction = 1/n_t Σ_{i in training} (y_i − f(z_i))²
            smoothness     = λ/n   Σ_{(i,j) in E} w_ij ‖μ_i − μ_j‖²
            kl             = β/n   Σ_i KL( q(z_i | views) ‖ N(0, I) )
            view v         = γ/(n_v p_v) Σ_{i in view v} ‖x_iv − g_v(z_i)‖²

        Times n/β, a view's term is that of a normal likelihood of variance σ_v² = β n_v p_v / 2γn for each feature.
        The smoothness is that of the posterior's mean. Were it that of z, each neighbour would punish σ (chapter 7),
        and a region of which little is known could not say so.

        Parameters
        ----------
        output
            What `forward` returned.
        y, weight
            Thinning, and 1 for a training region, 0 for one held out (K, n).
        x, n_features
            The tables (n, q_v) and the number of features p_v behind each.
        present
            1 where the view has the region, else 0 (V, n): whether or not its expert took part in this step.
        laplacian
            L of the graph over all regions (n, n); the sum over edges is tr(μᵀ L μ).
        smoothness, beta, gamma
            λ, β and γ.
        """
        n = y.shape[-1]
        mean, log_variance = output.mean, output.log_variance
        divergence = mean.square() + log_variance.exp() - 1 - log_variance
        terms = {
            "reconstruction": ((y - output.thinning).square() * weight).sum(-1) / weight.sum(-1),
            "smoothness": smoothness / n * (mean * (laplacian @ mean)).sum((-2, -1)),
            "kl": beta / n * 0.5 * divergence.sum((-2, -1)),
        }
        for v, (table, p, here) in enumerate(zip(x, n_features, present, strict=True)):
            error = (table - output.views[v]).square().sum(-1) * here
            terms[f"view {v}"] = gamma * error.sum(-1) / (here.sum() * p)
        return terms
