r"""Spatial-VAE: expression of a voxel → latent → where the voxel lies, and its expression again.

Generative story, for a voxel with expression x and position y = (AP, SI, LR):

    z ~ N(0, I_d)                                  latent
    x | z ~ N(g(z), σ_x² I)                        expression, g a perceptron (or masked linear: pathways)
    y | z ~ r(z)                                   position: regression heads, and a class per grid index and axis
    s | z ~ Categorical(h(z))                      structure (optional), summed up the tree for its ancestors

with q(z | x) = N(μ, diag σ²) given by a perceptron of x (and, optionally, of the mean over sampled neighbours). The
loss is the sum of the terms that `SpatialVAENet.loss` returns by name; a weight of 0 leaves its term out:

    L = w_recon L_recon + β L_KL + w_cls Σ_axes L_cls + w_reg Σ_axes L_reg + w_reg L_euclidean (+ w_region Σ_levels L_s)

Over β, with squares and divergence summed, the first two terms are those of a bound with σ_x² = β / 2 w_recon; a mean
over p genes makes it p times that, a mean over d latents 1/d of it.

Reference: Ahmed (2024), Spatial-VAE, whose text and notebook differ (`xsg.spatial.estimator.PRESETS` has both);
Kingma & Welling (2014), arXiv:1312.6114, for the variational autoencoder; Hamilton et al. (2017), arXiv:1706.02216, for
the sampled neighbourhoods.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xsg.check import choice

AXES = ("AP", "SI", "LR")


class Output(NamedTuple):
    """What the network makes of B voxels."""

    mean: Tensor  # μ (B, d)
    log_variance: Tensor  # log σ² (B, d)
    z: Tensor  # μ + σ ε (B, d)
    expression: Tensor | None  # g(z) (B, p)
    position: Tensor  # (B, 3), in voxels
    classes: list[Tensor]  # logits per axis (B, 67), (B, 41), (B, 58); empty if the network does not classify
    region: Tensor | None  # logits of the structures (B, S)


class Masked(nn.Module):
    """Linear decoder in which latent k reaches only the genes of pathway k; further latents reach all genes.

    Parameters
    ----------
    pathways
        bool (P, p).
    latent
        d ≥ P; the last d − P latents are free.
    """

    def __init__(self, pathways: Tensor, latent: int):
        super().__init__()
        free = latent - len(pathways)
        if free < 0:
            raise ValueError(f"latent is {latent}; expected at least {len(pathways)}, one for each pathway.")
        mask = torch.cat([pathways.float(), torch.ones(free, pathways.shape[1])])
        self.register_buffer("mask", mask)
        self.weight = nn.Parameter(0.1 * torch.randn(latent, pathways.shape[1]) * mask)
        self.bias = nn.Parameter(torch.zeros(pathways.shape[1]))

    def forward(self, z: Tensor) -> Tensor:
        """Decode z (B, d) to expression (B, p)."""
        return torch.addmm(self.bias, z, self.weight * self.mask)


class SpatialVAENet(nn.Module):
    """The network: encoder, posterior, decoder, heads.

    Parameters
    ----------
    n_genes
        p, width of the input.
    sizes
        Number of grid indices along each axis, for the classification heads; empty: no such heads.
    latent, hidden, decoder
        d; widths of the encoder's and of the decoder's hidden layers.
    norm
        "batch" (BatchNorm, then LeakyReLU 0.01, as published) or "layer" (LayerNorm, then GELU).
    dropout, dropout_after
        Share of units dropped, and after which hidden layer: the first (the notebook) or the second (the text).
        ``gene_dropout``: share of the genes hidden from the encoder.
    head
        Hidden width of the regression head; 0: one linear unit per axis.
    centre, scale
        Where positions lie and how far they spread (3,): the heads predict (y − centre) / scale. 0 and 1 as published.
    levels
        For each level of the tree, the index of each structure's ancestor there (S,); empty: no region head.
    pathways
        bool (P, p): decode through `Masked`.
    neighbours
        Let the encoder read the mean over sampled neighbours too (torch-geometric's SAGEConv).
    reconstruct
        Decode expression.
    """

    def __init__(
        self,
        n_genes: int,
        sizes: Sequence[int] = (),
        *,
        latent: int = 50,
        hidden: Sequence[int] = (1000, 500),
        decoder: Sequence[int] = (500,),
        norm: str = "batch",
        dropout: float = 0.0,
        dropout_after: int = 1,
        gene_dropout: float = 0.0,
        head: int = 0,
        centre: Sequence[float] = (0.0, 0.0, 0.0),
        scale: Sequence[float] = (1.0, 1.0, 1.0),
        levels: Sequence[Tensor] = (),
        pathways: Tensor | None = None,
        neighbours: bool = False,
        reconstruct: bool = True,
    ):
        super().__init__()
        choice(norm, ("batch", "layer"), "norm")
        self.first = None
        if neighbours:
            from torch_geometric.nn import SAGEConv

            self.first = SAGEConv((n_genes, n_genes), hidden[0])
        self.gene_dropout = nn.Dropout(gene_dropout)
        layers: list[nn.Module] = []
        widths = [n_genes, *hidden]
        for k, (p, q) in enumerate(pairwise(widths)):
            if k or not neighbours:
                layers.append(nn.Linear(p, q))
            layers += [nn.BatchNorm1d(q), nn.LeakyReLU(0.01)] if norm == "batch" else [nn.LayerNorm(q), nn.GELU()]
            if k + 1 == dropout_after and dropout:
                layers.append(nn.Dropout(dropout))
        self.encoder = nn.Sequential(*layers)
        self.mean, self.log_variance = nn.Linear(widths[-1], latent), nn.Linear(widths[-1], latent)
        self.decoder = None
        if reconstruct and pathways is not None:
            self.decoder = Masked(pathways, latent)
        elif reconstruct:
            back = [latent, *decoder, n_genes]
            self.decoder = nn.Sequential(*(nn.Linear(p, q) for p, q in pairwise(back)))
        self.classify = nn.ModuleList(
            nn.Sequential(nn.Linear(latent, 64), nn.BatchNorm1d(64), nn.LeakyReLU(0.01), nn.Linear(64, size))
            for size in sizes
        )
        self.locate = (
            nn.Sequential(nn.Linear(latent, head), nn.GELU(), nn.Linear(head, 3)) if head else nn.Linear(latent, 3)
        )
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.region = nn.Linear(latent, len(levels[0])) if len(levels) else None
        self.levels = list(levels)
        self.bfloat16 = False  # set by training, on machines that gain from it: the two large products only

    def encode(self, x: Tensor, near: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Return μ and log σ² (B, d) of q(z | x).

        Parameters
        ----------
        x
            Expression (B, p).
        near
            Expression of neighbours (M, p), and the edges (2, E) from them (row 0, < M) to the voxels (row 1, < B).
        """
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16):
            x = self.gene_dropout(x)
            if self.first is not None:
                x = self.first((near[0], x), near[1])
            h = self.encoder(x).float()
        return self.mean(h), self.log_variance(h).clamp(-12, 8)

    def forward(self, x: Tensor, noise: Tensor | None = None, near: tuple[Tensor, Tensor] | None = None) -> Output:
        """Encode, draw z = μ + σ ε with ``noise`` ε (B, d) (z = μ without), decode, and locate."""
        mean, log_variance = self.encode(x, near)
        z = mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise
        expression = None
        if self.decoder is not None:
            with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16):
                expression = self.decoder(z).float()
        return Output(
            mean,
            log_variance,
            z,
            expression,
            self.position(z),
            [head(z) for head in self.classify],
            None if self.region is None else self.region(z),
        )

    def position(self, z: Tensor) -> Tensor:
        """Return the position (B, 3), in voxels, of latents z (B, d)."""
        return self.centre + self.scale * self.locate(z)

    def loss(
        self,
        output: Output,
        x: Tensor,
        y: Tensor,
        index: Tensor | None = None,
        region: Tensor | None = None,
        *,
        reconstruction: float = 1.0,
        beta: float = 1.0,
        classification: float = 0.0,
        regression: float = 1.0,
        euclidean: float = 1.0,
        power: int = 2,
        unit: float = 1.0,
        squares: str = "mean",
        kl: str = "sum",
        region_weight: float = 0.0,
    ) -> dict[str, Tensor]:
        """Return the named terms of the loss, already weighted: the total is their sum.

            reconstruction  w_recon · mean over voxels, and mean or sum over genes, of (x − g(z))²
            kl              β · mean over voxels, and sum or mean over latents, of KL(N(μ, σ²) ‖ N(0, 1))
            class AP …      w_cls · cross-entropy of the grid index along the axis
            regression AP … w_reg · mean of ((y − r(z)) / unit)² along the axis
            euclidean       w_euc · mean of (‖y − r(z)‖ / unit)^power
            region 0 …      w_region · −mean log probability of the true ancestor at that level of the tree

        Parameters
        ----------
        output
            What `forward` returned.
        x, y
            Expression (B, p) and position in voxels (B, 3).
        index
            Grid index along each axis (B, 3), for classification.
        region
            Index of the structure (B,).
        reconstruction, beta, classification, regression, euclidean, region_weight
            Weights; 0 leaves the term out.
        power
            2 (the text) or 1 (the notebook) in the Euclidean term.
        unit
            Voxels in which errors are counted.
        squares, kl
            "mean" or "sum": how a voxel's squared errors over its p genes are put together, and its divergence over
            its d latents. A weight for the one is p, or d, times that for the other.
        """
        terms = {}
        if reconstruction and output.expression is not None:
            times = x.shape[1] if squares == "sum" else 1
            terms["reconstruction"] = reconstruction * times * F.mse_loss(output.expression, x)
        if beta:
            divergence = output.mean.square() + output.log_variance.exp() - 1 - output.log_variance
            of_voxel = divergence.sum(-1) if kl == "sum" else divergence.mean(-1)
            terms["kl"] = beta * 0.5 * of_voxel.mean()
        if classification:
            for k, (axis, logits) in enumerate(zip(AXES, output.classes, strict=True)):
                terms[f"class {axis}"] = classification * F.cross_entropy(logits, index[:, k])
        error = (y - output.position) / unit
        if regression:
            for k, axis in enumerate(AXES):
                terms[f"regression {axis}"] = regression * error[:, k].square().mean()
        if euclidean:
            square = error.square().sum(-1)
            # √ has no slope at 0.
            terms["euclidean"] = euclidean * (square if power == 2 else (square + 1e-8).sqrt()).mean()
        if region_weight and output.region is not None:
            for k, found in enumerate(self.region_log_probabilities(output.region)):
                terms[f"region {k}"] = region_weight * F.nll_loss(found, self.levels[k].to(region.device)[region])
        return terms

    def region_log_probabilities(self, logits: Tensor) -> list[Tensor]:
        """Return log probabilities of the structures' ancestors at each level, [(B, S_level)]: sums up the tree."""
        probability = torch.softmax(logits, -1)
        out = []
        for level in self.levels:
            groups = int(level.max()) + 1
            summed = torch.zeros(len(logits), groups, device=logits.device)
            summed = summed.index_add(1, level.to(logits.device), probability)
            out.append(torch.log(summed + 1e-9))
        return out
