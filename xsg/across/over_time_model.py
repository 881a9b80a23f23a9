r"""Dynamic programs: maps of thinning that switch on one after the other along a disease whose onset nobody saw.

Generative story, for region i of subject s at the visit t years after the first:

    f_k(x) = 1 / (1 + exp(−(x − m_k) / w_k))                      amplitude of program k, x years along the disease
    y = Σ_k W_ik f_k(τ_s + t) + c_s + b_si + ε,   c ~ N(0, γ²),  b ~ N(0, ω²),  ε ~ N(0, σ²)

y is thinning in mm beyond what age and sex make one expect, W ≥ 0 the programs' maps, b and c what makes a person's
region, and a person's whole cortex, thinner or thicker all their life. Both are integrated out: the V visits of a
subject have the covariance σ² I + ω² 1 1ᵀ in a region, and γ² more between any two values. Without c, people with a
thin cortex would be taken for people late in the disease. The functions here know tensors.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Series(NamedTuple):
    """Visits of S subjects."""

    y: Tensor  # (O, n) thinning, mm
    years: Tensor  # (O,)
    subject: Tensor  # (O,) row number of the subject
    visits: Tensor  # (S,) number of visits


class DynamicPrograms(nn.Module):
    """Maps, and when they switch on.

    Parameters
    ----------
    n, k
        Regions and programs.
    middle, spread
        Where the amplitudes begin: the centres lie from ``middle − spread`` to ``middle + spread`` years.
    """

    def __init__(self, n: int, k: int, middle: float, spread: float):
        super().__init__()
        centre = torch.linspace(-1, 1, k, dtype=torch.float64) if k > 1 else torch.zeros(1, dtype=torch.float64)
        self.raw_weights = nn.Parameter(torch.full((n, k), -1.5, dtype=torch.float64))
        self.centre = nn.Parameter(middle + spread * centre)
        self.log_width = nn.Parameter(torch.full((k,), 0.7, dtype=torch.float64))
        self.log_sd = nn.Parameter(torch.log(torch.tensor([0.1, 0.05, 0.05], dtype=torch.float64)))  # ω, σ, γ

    @property
    def weights(self) -> Tensor:
        """W (n, k), mm."""
        return nn.functional.softplus(self.raw_weights)

    def amplitudes(self, x: Tensor) -> Tensor:
        """Amplitudes f (…, k) at x (…,) years along the disease."""
        return torch.sigmoid((x[..., None] - self.centre) / self.log_width.exp())

    def forward(self, x: Tensor) -> Tensor:
        """Mean thinning (…, n) at x (…,)."""
        return self.amplitudes(x) @ self.weights.T

    def log_likelihood(self, series: Series, shift: Tensor) -> Tensor:
        """Log p(y | τ) of each subject, (…, S), for shifts (…, S); b and c integrated out, up to a constant."""
        omega, sigma, gamma = (2 * self.log_sd).exp()  # variances
        missed = series.y - self(shift[..., series.subject] + series.years)
        *before, _, n = missed.shape
        zeros = missed.new_zeros(*before, len(series.visits), n)
        total = zeros.index_add(-2, series.subject, missed)
        square = zeros.index_add(-2, series.subject, missed.square()).sum(-1)
        v = series.visits
        explained = omega / (sigma + v * omega) * total.square().sum(-1)
        determinant = n * (v * sigma.log() + torch.log1p(v * omega / sigma))
        apart = sigma + v * omega
        shared = 1 + gamma * n * v / apart
        everywhere = gamma * (total.sum(-1) / apart).square() / shared
        return -0.5 * ((square - explained) / sigma - everywhere + determinant + shared.log())

    def terms(self, series: Series, shift: Tensor, prior: tuple[float, float]) -> dict[str, Tensor]:
        """Return the named terms of the loss; their sum is −log posterior up to a constant.

        ``misfit``; ``prior_shift``: τ ~ N of the mean and sd in ``prior``; ``prior_maps``: W half-normal of 0.5 mm;
        ``prior_time``: log w ~ N(0.7, 0.5²), which keeps a switch from becoming a step or a straight line.
        """
        return {
            "misfit": -self.log_likelihood(series, shift).sum(),
            "prior_shift": 0.5 * ((shift - prior[0]) / prior[1]).square().sum(),
            "prior_maps": 0.5 * (self.weights / 0.5).square().sum(),
            "prior_time": 0.5 * ((self.log_width - 0.7) / 0.5).square().sum(),
        }

    def forecast(self, series: Series, grid: Tensor, weight: Tensor, at: Tensor, who: Tensor) -> tuple[Tensor, Tensor]:
        """Forecast visits: mean and variance (A, n) of what a scan will show.

        Parameters
        ----------
        grid, weight
            Shifts (G,), and their posterior probability (S, G).
        at, who
            Years (A,) since the first visit, and the subject's row number (A,).
        """
        omega, sigma, gamma = (2 * self.log_sd).exp()
        v = series.visits
        missed = series.y - self(grid[:, None] + series.years)  # (G, O, n)
        total = missed.new_zeros(len(grid), len(v), missed.shape[-1]).index_add(1, series.subject, missed)
        apart, n = sigma + v * omega, missed.shape[-1]
        doubt = gamma / (1 + gamma * n * v / apart)  # (S,): variance of c
        everywhere = (doubt * total.sum(-1) / apart)[..., None]  # (G, S, 1): mean of c
        person = everywhere + (total - v[:, None] * everywhere) * (omega / apart)[:, None]  # (G, S, n): of b + c
        mean = self(grid[:, None] + at) + person[:, who]  # (G, A, n)
        share = weight[who].T[..., None]
        middle = (share * mean).sum(0)
        variance = (share * (mean - middle).square()).sum(0)
        left = omega * sigma / apart + doubt * (sigma / apart).square()
        return middle, variance + sigma + left[who, None]
