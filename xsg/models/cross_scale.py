"""The cross-scale model: expression of a region's genes → latent programs → thinning of its cortex.

Generative story, for regions i = 1…n joined by a graph with edges E:

    z_i ~ N(0, I_d)                                   latent programs
    y_i | z_i ~ N(f(z_i), σ²)                         thinning, f a multilayer perceptron
    x_i | z_i ~ N(g(z_i), σ_x² I)                     expression (optional view), g linear

with the posterior q(z_i | X, graph) = N(μ_i, diag exp(log σ²_i)) given by a two-layer graph convolution of the
expression of all regions. The loss is the sum of the terms that `CrossScaleNet.loss` returns by name.

Reference: Vaithianathan (2026), arXiv:2606.05870, as far as it is described; Kipf & Welling (2016), arXiv:1611.07308,
for the graph-convolutional posterior.

Every parameter has a leading axis of K *copies*: K models trained side by side that never see one another (other seeds,
other folds, other maps). One model is K = 1 through the same code.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

Propagate = Callable[[Tensor], Tensor]

# Up to this many regions a dense n × n product costs less than message passing along the edges.
DENSE_UP_TO = 2000


def dense_propagation(normalised: Tensor) -> Propagate:
    """Return h ↦ Â h for a dense normalised adjacency Â (n, n)."""
    return lambda h: normalised @ h


def sparse_propagation(edge_index: Tensor, edge_weight: Tensor, n: int) -> Propagate:
    """Return h ↦ Â h through torch-geometric's message passing, for graphs too large to be dense.

    ``edge_index`` (2, 2E) lists both directions of every edge, ``edge_weight`` (2E,); Â is normalised with self-loops
    exactly as ``torch_geometric.nn.GCNConv`` does it. It is kept by rows (CSR): messages are then summed as they are
    made, ten times as fast as gathering them first, and without a copy of h for every edge.
    """
    from torch_geometric.nn import SimpleConv
    from torch_geometric.nn.conv.gcn_conv import gcn_norm
    from torch_geometric.utils import to_torch_csr_tensor

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse ", UserWarning)  # of torch: CSR is in beta, its checks are off
        normalised = to_torch_csr_tensor(*gcn_norm(edge_index, edge_weight, n), (n, n))
    passing = SimpleConv(aggr="sum")

    def propagate(h: Tensor) -> Tensor:
        if h.dim() == 2:
            return passing(h, normalised)
        # The copies side by side as columns: one pass over the edges for all.
        beside = h.transpose(0, 1).reshape(n, -1)
        return passing(beside, normalised).reshape(n, len(h), -1).transpose(0, 1)

    return propagate


def roughness(z: Tensor, edges: Tensor, edge_weight: Tensor) -> Tensor:
    """Return Σ_(i,j)∈E w_ij ‖z_i − z_j‖² of each copy, z (K, n, d) → (K,).

    On a small graph it is computed as tr(zᵀ L z), L the Laplacian: the same number, by a matrix product instead of a
    gather whose gradient has to be scattered back.
    """
    n = z.shape[-2]
    if n > DENSE_UP_TO:
        step = z[:, edges[0]] - z[:, edges[1]]
        return (step.square().sum(-1) * edge_weight).sum(-1)
    weights = edge_weight.new_zeros(n, n).index_put((edges[0], edges[1]), edge_weight)
    weights = weights + weights.T
    return (z * ((torch.diag(weights.sum(1)) - weights) @ z)).sum((-2, -1))


class Affine(nn.Module):
    """h ↦ h W + b for K copies: h (K, n, p) or (n, p) → (K, n, q).

    W is drawn from Glorot's uniform distribution as torch-geometric's ``GCNConv`` does; b = 0. Each copy draws from its
    own generator, so that a copy does not depend on how many stand beside it. ``fan_in`` overrides p in Glorot's bound.
    """

    def __init__(self, p: int, q: int, generators: list[torch.Generator], fan_in: int | None = None):
        super().__init__()
        bound = (6 / ((fan_in or p) + q)) ** 0.5
        draws = [torch.empty(p, q).uniform_(-bound, bound, generator=generator) for generator in generators]
        self.weight = nn.Parameter(torch.stack(draws))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, q))

    def forward(self, h: Tensor) -> Tensor:
        """Apply the map; written as one fused multiply-add per copy."""
        return torch.baddbmm(self.bias, h.expand(len(self.weight), -1, -1), self.weight)


class Output(NamedTuple):
    """What the network makes of the expression of n regions, for K copies."""

    mean: Tensor  # μ (K, n, d)
    log_variance: Tensor  # log σ² (K, n, d)
    programs: Tensor  # z = μ + σ ε (K, n, d)
    thinning: Tensor  # f(z) (K, n)
    expression: Tensor | None  # g(z) (K, n, p), if the network reconstructs it


class CrossScaleNet(nn.Module):
    """Graph-convolutional encoder, Gaussian posterior, perceptron decoder, as K independent copies.

    Parameters
    ----------
    n_features
        Width p of the expression table.
    latent, hidden, decoder
        d latent programs; units of the encoder's hidden layer; units of the decoder's hidden layer.
    reconstruct
        Also decode z back to expression (a linear map d → p).
    generators
        K torch generators; copy k draws its weights from the k-th.
    fan_in
        Number of genes, where the features are a rotation of them to fewer columns.
    """

    def __init__(
        self,
        n_features: int,
        latent: int = 64,
        hidden: int = 128,
        decoder: int = 64,
        reconstruct: bool = False,
        *,
        generators: list[torch.Generator],
        fan_in: int | None = None,
    ):
        super().__init__()
        self.hidden = Affine(n_features, hidden, generators, fan_in)
        self.mean = Affine(hidden, latent, generators)
        self.log_variance = Affine(hidden, latent, generators)
        self.decoder_hidden = Affine(latent, decoder, generators)
        self.decoder_out = Affine(decoder, 1, generators)
        self.to_expression = Affine(latent, n_features, generators) if reconstruct else None

    def encode(self, x: Tensor, propagate: Propagate) -> tuple[Tensor, Tensor]:
        """Return μ and log σ² (K, n, d) of q(z | x, graph): Â relu(Â x W₀ + b₀) W + b, Kipf & Welling (2016)."""
        # (Â x) W₀ rather than Â (x W₀): all copies share Â x, and no gradient has to pass through it.
        h = torch.relu(self.hidden(propagate(x)))
        return tuple(propagate(h @ layer.weight) + layer.bias for layer in (self.mean, self.log_variance))

    def decode(self, z: Tensor) -> Tensor:
        """Return the thinning f(z) (K, n) of latent programs z (K, n, d)."""
        h = torch.relu(self.decoder_hidden(z))
        # A sum rather than a matrix product of width one: the latter rounds differently when K = 1, and a copy must not
        # depend on how many stand beside it.
        return (h * self.decoder_out.weight.transpose(1, 2)).sum(-1) + self.decoder_out.bias.squeeze(-1)

    def forward(self, x: Tensor, propagate: Propagate, noise: Tensor | None = None) -> Output:
        """Encode expression x (n, p), draw z = μ + σ ε with ``noise`` ε (K, n, d), decode; z = μ without noise."""
        mean, log_variance = self.encode(x, propagate)
        z = mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise
        expression = None if self.to_expression is None else self.to_expression(z)
        return Output(mean, log_variance, z, self.decode(z), expression)

    @staticmethod
    def loss(
        output: Output,
        y: Tensor,
        weight: Tensor,
        edges: Tensor,
        edge_weight: Tensor,
        *,
        smoothness: float = 0.1,
        beta: float = 0.01,
        x: Tensor | None = None,
        gamma: float = 1.0,
    ) -> dict[str, Tensor]:
        """Return the named terms of the loss, each (K,), already weighted: the total is their sum.

        With n_t training regions out of n,

            reconstruction = 1/n_t Σ_{i in training} (y_i − f(z_i))²
            smoothness     = λ/n   Σ_{(i,j) in E} w_ij ‖z_i − z_j‖²
            kl             = β/n   Σ_i KL( N(μ_i, σ_i²) ‖ N(0, I) )
            expression     = γ/(n p) Σ_i ‖x_i − g(z_i)‖²            only where the network decodes expression

        Parameters
        ----------
        output
            What `forward` returned.
        y
            Thinning (K, n) or (n,).
        weight
            1 for a training region, 0 for one held out (K, n) or (n,).
        edges, edge_weight
            Each undirected edge once (2, E) and its weight (E,).
        smoothness, beta, gamma
            λ, β and γ. λ may be a tensor (K,), one value per copy.
        x
            Expression (n, p), for the last term; p is the number of columns read, after any rotation.

        Notes
        -----
        Times n/β and where all regions train, this is a negative evidence lower bound up to a constant, with normal
        likelihoods of variance β/2 for thinning and σ_x² = β p / 2γ for each column of expression, and a prior in which
        each program has precision I + 2 (λ/β) L over the regions, L the graph's Laplacian.
        """
        n = y.shape[-1]
        error = (y - output.thinning).square() * weight
        divergence = output.mean.square() + output.log_variance.exp() - 1 - output.log_variance
        terms = {
            "reconstruction": error.sum(-1) / weight.sum(-1),
            "smoothness": smoothness / n * roughness(output.programs, edges, edge_weight),
            "kl": beta / n * 0.5 * divergence.sum((-2, -1)),
        }
        if output.expression is not None:
            terms["expression"] = gamma * (x - output.expression).square().mean((-2, -1))
        return terms
