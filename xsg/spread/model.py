r"""The mechanistic mixture: a few visits of spreading pathology → law, diffusivity D and reaction rate R of a subject.

Generative story, for a subject seen at times t₁ … t_T:

    k ~ uniform over the laws,   log D ~ N(m_D, s_D²),   log R ~ N(m_R, s_R²)
    u(t) solves ∂u/∂t = −D L u + R f_k(u) from u₀
    y(t) = u(t) + b + ε,   ε ~ N(0, σ²)                              b a background, the same everywhere

or, with a gain, log g ~ N(m_g, s_g²) and y(t) = g u(t) + b + ε: what is seen of a place that is full. What is known of
the initial state is known as it is seen, g u₀, so that it is how growth slows down that tells g, not how bright the
first visit is; of pure diffusion, which never slows, it can be told only that g is no less than what is seen.

The posterior q(k) N(log D | …) N(log R | …) is read off the visits by a recurrent network. There are three losses.

`mixture_loss` is that of Pinnawala et al. (2025, arXiv:2509.15124): q(k) is given by a network of its own; one σ for
all, no background. It is no bound on the evidence: −log Σ q_k exp(−NLL_k) hardly depends on q once a law with some
weight explains the visits, while the divergence of the rates is weighted by q, so that q settles on the law whose rates
are nearest to the prior. With ``bound=True`` the first term is Σ q_k NLL_k and the whole the evidence lower bound.

`separate_loss` is ours. Of the bound of the mixture,

    log p(y) ≥ Σ_k q_k (ELBO_k + log π_k − log q_k),

the best q_k is π_k exp(ELBO_k), which makes it log Σ_k π_k exp(ELBO_k); and the best posterior of D and R under law k
does not depend on q_k. So every law is fitted to every subject, nothing competes while it learns, and the mixture over
any set of laws follows in closed form. σ and b are integrated out under p(σ) ∝ 1/σ, p(b) ∝ 1 (`log_marginal`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from xsg.spread.physics import ReactionDiffusion
from xsg.spread.prior import log_normal_prior as log_normal_prior


class Visits(NamedTuple):
    """What was seen of B subjects, as the networks and the likelihood want it."""

    values: Tensor  # (B, T, n), 0 where not measured
    valid: Tensor  # (B, T, n), 1 where measured
    times: Tensor  # (B, T), from the first visit
    u0: Tensor  # (B, n), state at the first visit; with a gain, as it is seen: g u₀
    inside = None  # all places take part of all subjects

    def take(self, rows: slice | Tensor | np.ndarray) -> "Visits":
        """Return some of the subjects."""
        return type(self)(*(part[rows] for part in self))

    def times_over(self, count: int) -> "Visits":
        """Return all subjects several times, one round after the other."""
        return type(self)(*(part.repeat(count, *[1] * (part.ndim - 1)) for part in self))


class VisitsWithin(NamedTuple):
    """What was seen of subjects of whom each has some of the places."""

    values: Tensor
    valid: Tensor
    times: Tensor
    u0: Tensor
    inside: Tensor  # (B, n), 1 where a place takes part

    take, times_over = Visits.take, Visits.times_over


def predicted(solver: ReactionDiffusion, visits: Visits, z: Tensor, law: str | tuple[str, ...], steps: int) -> Tensor:
    """Return what is expected to be seen (B, T, n), less the background: u, or g u if ``z`` (B, 3) has a log g.

    ``z`` (B, 2 or 3) is (log D, log R, log g). Differentiable by it, backwards and forwards.
    """
    return solved_at(solver, visits, z.exp().unbind(-1), law, steps)


def solved_at(
    solver: ReactionDiffusion, visits: Visits, rates: Sequence[Tensor], law: str | tuple[str, ...], steps: int
) -> Tensor:
    """Return `predicted` at D, R and, if there is one, g, each (B,)."""
    d, r, *gain = rates
    apart = {} if visits.inside is None else {"inside": visits.inside}
    if not gain:
        return solver.advance(visits.u0, visits.times, d, r, law, steps, **apart)
    gain = gain[0][:, None]
    state = (visits.u0 / gain).clamp(max=1)  # what is brighter than full is full
    return gain[..., None] * solver.advance(state, visits.times, d, r, law, steps, **apart)


class ModesEncoder(nn.Module):
    """Visits → features: shares of the slowest modes of the Laplacian, then a gated recurrent unit over the visits.

    Works on images and on regions alike, and is much quicker than convolutions: what diffusion leaves is smooth.
    """

    def __init__(self, modes: Tensor, hidden: int):
        super().__init__()
        self.register_buffer("modes", modes)  # (n, M)
        self.register_buffer("centre", torch.zeros(modes.shape[1]))
        self.register_buffer("spread", torch.ones(modes.shape[1]))
        self.register_buffer("longest", torch.ones(()))
        self.recurrent = nn.GRU(modes.shape[1] + 1, hidden, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(hidden, hidden), nn.LeakyReLU(0.02))

    def learn_scale(self, visits: Visits) -> None:
        """Take centre and scale of the features from the training subjects."""
        shares = (visits.values @ self.modes).flatten(0, 1)
        self.centre, self.spread = shares.mean(0), shares.std(0) + 1e-3 * shares.std()
        self.longest = visits.times.max().clamp(min=1e-6)

    def forward(self, visits: Visits) -> Tensor:
        """Return features (B, hidden)."""
        shares = (visits.values @ self.modes - self.centre) / self.spread
        hidden, _ = self.recurrent(torch.cat([shares, visits.times[..., None] / self.longest], -1))
        return self.dense(hidden[:, -1])


class ImageEncoder(nn.Module):
    """The encoder of arXiv:2509.15124: three convolutions a frame, global average, time, two LSTM layers of 32."""

    def __init__(self, mask: Tensor):
        super().__init__()
        if mask.ndim != 2 or min(mask.shape) < 4:
            raise ValueError(
                f"encoder 'image' was given a mask of shape {tuple(mask.shape)}; expected images (H, W) of at least "
                "4 pixels a side. Use encoder='modes'."
            )
        self.register_buffer("mask", mask)
        layers = []
        for channels, wider, stride in ((1, 8, 1), (8, 16, 1), (16, 32, 2)):
            convolution = nn.Conv2d(channels, wider, 3, stride, padding=1)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="leaky_relu")
            nn.init.zeros_(convolution.bias)
            layers += [convolution, nn.GroupNorm(4, wider), nn.LeakyReLU(0.02)]
            layers += [nn.MaxPool2d(2)] if stride == 1 else [nn.AdaptiveAvgPool2d(1)]
        self.frame = nn.Sequential(*layers)
        self.recurrent = nn.LSTM(33, 32, num_layers=2, batch_first=True)
        for name, weight in self.recurrent.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)

    def learn_scale(self, visits: Visits) -> None:
        """Do nothing: the frames come scaled."""

    def forward(self, visits: Visits) -> Tensor:
        """Return features (B, 32)."""
        batch, count, _ = visits.values.shape
        images = visits.values.new_zeros(batch * count, 1, *self.mask.shape)
        images[:, 0, self.mask] = visits.values.flatten(0, 1)
        seen = self.frame(images).flatten(1).unflatten(0, (batch, count))
        _, (hidden, _) = self.recurrent(torch.cat([seen, visits.times[..., None]], -1))
        return hidden[-1]


class MechanisticNet(nn.Module):
    """Encoder(s) and heads: visits → posterior of log D and log R under each of K laws, and logits of the laws.

    Parameters
    ----------
    encoder
        Visits → features, for the rates.
    law_encoder
        A second one for q(k), or None where q(k) follows from the bounds.
    width
        Number of features.
    laws
        K.
    prior_mean
        (m_D, m_R), or (m_D, m_R, m_g) with a gain: where the heads start.
    as_published
        Start the heads as the authors of arXiv:2509.15124 do, Xavier's draws of gain 1 and a posterior of sd 1, and let
        log sd go where it will. Ours start at gain 0.1 and sd 0.22, and keep log sd between −8 and 1.
    """

    def __init__(
        self,
        encoder: nn.Module,
        law_encoder: nn.Module | None,
        width: int,
        laws: int,
        prior_mean: Tensor,
        as_published: bool = False,
    ):
        super().__init__()
        self.encoder, self.law_encoder, self.as_published = encoder, law_encoder, as_published
        self.latents = len(prior_mean)
        self.rates = nn.Linear(width, 2 * self.latents * laws)
        nn.init.xavier_normal_(self.rates.weight, gain=1.0 if as_published else 0.1)
        with torch.no_grad():
            start = torch.full((self.latents,), 0.0 if as_published else -1.5)
            self.rates.bias.copy_(torch.cat([prior_mean, start]).repeat(laws))
        self.logits = nn.Linear(width, laws) if law_encoder is not None else None
        if as_published and self.logits is not None:
            nn.init.xavier_normal_(self.logits.weight)
            nn.init.zeros_(self.logits.bias)
        self.log_variance = nn.Parameter(torch.tensor(-2.0)) if law_encoder is not None else None

    def forward(self, visits: Visits) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return mean and log sd (B, K, 2 or 3) of (log D, log R, log g), and log q(k) (B, K) or None."""
        mean, log_sd = self.rates(self.encoder(visits)).unflatten(-1, (-1, 2, self.latents)).unbind(-2)
        log_q = None
        if self.law_encoder is not None:
            log_q = torch.log_softmax(self.logits(self.law_encoder(visits)), -1)
        return mean, log_sd if self.as_published else log_sd.clamp(-8, 1), log_q


def kl_normal(mean: Tensor, log_sd: Tensor, prior_mean: Tensor, prior_sd: Tensor) -> Tensor:
    """KL(N(mean, sd²) ‖ prior), summed over the last axis."""
    ratio = torch.exp(2 * log_sd) / prior_sd**2
    return 0.5 * (ratio + ((mean - prior_mean) / prior_sd) ** 2 - 1 - torch.log(ratio)).sum(-1)


def residuals(visits: Visits, solved: Tensor, background: bool) -> Tensor:
    """Return y − u, (B, T·n), 0 where not measured, less its mean over what was measured if there is a background."""
    valid = visits.valid.flatten(1)
    missed = (visits.values - solved).flatten(1) * valid
    if background:
        missed = missed - valid * (missed.sum(1) / valid.sum(1))[:, None]
    return missed


def log_marginal(visits: Visits, solved: Tensor, background: bool) -> Tensor:
    """Log p(y | u) (B,) with σ, and b if there is a background, integrated out; up to a constant of the data alone.

    ∫ N(y; u + b, σ²)/σ dσ db ∝ RSS^(−ν/2), RSS the squares about their mean and ν = number of values − 1.
    """
    squares = residuals(visits, solved, background).square().sum(1)
    freedom = visits.valid.flatten(1).sum(1) - int(background)
    return -freedom / 2 * torch.log(squares / freedom + 1e-12)


def separate_loss(
    net: MechanisticNet,
    solver: ReactionDiffusion,
    laws: tuple[str, ...],
    visits: Visits,
    noise: Tensor,
    prior: tuple[Tensor, Tensor],
    steps: int,
    background: bool,
) -> dict[str, Tensor]:
    """Return the named terms of our loss: each law's −log p(y | u) and KL, mean over subjects; the total is their sum.

    ``noise`` (B, K, 2 or 3) standard normal; ``prior`` mean and sd (2 or 3,) of (log D, log R, log g).
    """
    mean, log_sd, _ = net(visits)
    terms = {}
    z = mean + log_sd.exp() * noise
    for k, law in enumerate(laws):
        solved = predicted(solver, visits, z[:, k], law, steps)
        terms[f"misfit {law}"] = -log_marginal(visits, solved, background).mean()
        terms[f"kl {law}"] = kl_normal(mean[:, k], log_sd[:, k], *prior).mean()
    return terms


def mixture_loss(
    net: MechanisticNet,
    solver: ReactionDiffusion,
    laws: tuple[str, ...],
    visits: Visits,
    noise: Tensor,
    prior: tuple[Tensor, Tensor],
    steps: int,
    outside: int = 0,
    bound: bool = False,
) -> dict[str, Tensor]:
    """Return the named terms of the loss of arXiv:2509.15124, mean over subjects.

        reconstruction = −log Σ_k q_k exp(−NLL_k),   kl rates = Σ_k q_k KL_k,   kl laws = KL(q ‖ uniform)

    NLL_k Gaussian with one learned variance for all; one draw of the rates.

    Parameters
    ----------
    outside
        Pixels of a frame that lie outside the mask, 0 in what is seen and in what is solved, that the likelihood counts
        too: 327 on the disc for the authors' likelihood, which sums over all 1,024 pixels.
    bound
        Take Σ_k q_k NLL_k for the reconstruction: the sum of the terms is then an upper bound of −log p(y), up to the
        one draw.
    """
    mean, log_sd, log_q = net(visits)
    misfit = misfits(net, solver, laws, visits, mean + log_sd.exp() * noise, steps, outside)
    q = log_q.exp()
    reconstruction = (q * misfit).sum(1) if bound else -torch.logsumexp(log_q - misfit, 1)
    return {
        "reconstruction": reconstruction.mean(),
        "kl rates": (q * kl_normal(mean, log_sd, *prior)).sum(1).mean(),
        "kl laws": (q * (log_q + np.log(len(laws)))).sum(1).mean(),
    }


def misfits(
    net: MechanisticNet,
    solver: ReactionDiffusion,
    laws: tuple[str, ...],
    visits: Visits,
    z: Tensor,
    steps: int,
    outside: int = 0,
) -> Tensor:
    """Return NLL_k (B, K) of `mixture_loss` at (log D, log R) = ``z`` (B, K, 2), or with log g (B, K, 3)."""
    every = visits.times_over(len(laws))  # one law after the other
    solved = predicted(solver, every, z.transpose(0, 1).flatten(0, 1), tuple(laws), steps)
    solved = solved.unflatten(0, (len(laws), -1))
    squares = torch.stack([residuals(visits, each, False).square().sum(1) for each in solved], 1)
    count = visits.valid.flatten(1).sum(1) + outside * visits.valid.amax(2).sum(1)
    return 0.5 * (squares / net.log_variance.exp() + count[:, None] * (net.log_variance + np.log(2 * np.pi)))


class Refined(NamedTuple):
    """Posterior of one law after refinement, for B subjects."""

    z: Tensor  # (B, 2) mode of (log D, log R), or (B, 3) with log g
    covariance: Tensor  # (B, 2, 2), or (B, 3, 3)
    evidence: Tensor  # (B,) Laplace's approximation to log p(y | law), up to a constant of the data alone


def refine(
    solver: ReactionDiffusion,
    law: str,
    visits: Visits,
    z: Tensor,
    prior: tuple[Tensor, Tensor] | None,
    iterations: int,
    steps: int,
    background: bool,
) -> Refined:
    """Climb to the mode of the posterior of (log D, log R), or of (log D, log R, log g), all subjects side by side.

    Levenberg and Marquardt's method on −log p(y | D, R) − log prior, with the derivatives of u by D and R carried along
    the solution; the curvature at the mode gives covariance and evidence. Without a prior the mode is the maximum of
    the likelihood, the covariance the inverse Fisher information, the evidence the log-likelihood.

    Parameters
    ----------
    z
        Where to start, (B, 2), or (B, 3) with a gain.
    prior
        Mean and sd of (log D, log R), (2,), or with log g (3,); or None.

    Raises
    ------
    ValueError
        States, times, law or steps that `ReactionDiffusion.solve` would refuse.
    """
    latents = z.shape[1]
    u0, times, *_ = solver.checked(_as_states(visits.u0, latents), visits.times, 0.0, 0.0, law, steps)
    visits = visits._replace(u0=u0 if latents == 2 else visits.u0, times=times)
    mean, precision = (torch.zeros(latents), torch.zeros(latents)) if prior is None else (prior[0], prior[1] ** -2)
    moves = torch.tensor([1.0, 0.0 if law == "diffusion" else 1.0, 1.0])[:latents]  # R means nothing without growth
    freedom = visits.valid.flatten(1).sum(1) - int(background)

    def look(z, visits):
        """Residuals (B, m), their derivatives (B, m, 2 or 3)."""
        count, ways = len(z), torch.nonzero(moves)[:, 0]
        along = torch.eye(latents)[ways].repeat_interleave(count, 0)  # one after the other, in one solution
        still = visits.times_over(len(ways))
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(z.repeat(len(ways), 1), along)
            solved, slope = forward_ad.unpack_dual(predicted(solver, still, dual, law, steps))
        slope = -residuals(still._replace(values=torch.zeros_like(still.values)), slope, background)
        slopes = torch.zeros(count, slope.shape[1], latents, dtype=slope.dtype)
        slopes[..., ways] = slope.unflatten(0, (len(ways), count)).movedim(0, -1)
        return residuals(visits, solved[:count], background), slopes

    def curvature(missed, slope, z, freedom):
        weight = freedom / (missed.square().sum(1) + 1e-12 * freedom)
        bend = weight[:, None, None] * (slope.mT @ slope) + torch.diag(precision)
        pull = weight[:, None] * (slope.mT @ missed[..., None])[..., 0] - precision * (z - mean)
        return bend, pull

    def height(missed, z, freedom):
        fit = -freedom / 2 * torch.log(missed.square().sum(1) / freedom + 1e-12)
        return fit - 0.5 * (precision * (z - mean) ** 2).sum(1)

    with torch.no_grad():
        z = z.clone()
        if law == "diffusion":
            z[:, 1] = mean[1]
        missed, slope = look(z, visits)
        damping = torch.full((len(z),), 1e-3)
        active = torch.arange(len(z))
        for _ in range(iterations):
            some = visits.take(active)
            bend, pull = curvature(missed[active], slope[active], z[active], freedom[active])
            ridge = damping[active, None] * bend.diagonal(dim1=1, dim2=2) + 1e-9 + (1 - moves)
            step = torch.linalg.solve(bend + torch.diag_embed(ridge), pull).clamp(-1, 1) * moves
            tried = (z[active] + step).clamp(-9, 3)
            new_missed, new_slope = look(tried, some)
            gain = height(new_missed, tried, freedom[active]) - height(missed[active], z[active], freedom[active])
            better = gain > 0
            chosen = active[better]
            z[chosen], missed[chosen], slope[chosen] = tried[better], new_missed[better], new_slope[better]
            damping[active] = torch.where(better, damping[active] / 10, damping[active] * 10).clamp(1e-9, 1e6)
            active = active[(gain > 1e-3) | ((gain <= 0) & (step.abs().amax(1) > 1e-4))]
            if not len(active):
                break
        bend, _ = curvature(missed, slope, z, freedom)
        bend = bend + torch.diag(1 - moves) * (precision == 0)
        evidence = height(missed, z, freedom)
        if prior is not None:
            evidence = evidence + 0.5 * (precision.log().sum() - torch.linalg.slogdet(bend).logabsdet)
        return Refined(z, torch.linalg.inv(bend + 1e-9 * torch.eye(latents)), evidence)


def _as_states(seen: Tensor, latents: int) -> Tensor:
    """Return first visits as a solver may check them; with a gain they are no states before they are divided by it."""
    return seen if latents == 2 else seen / seen.detach().amax().clamp(min=1)
