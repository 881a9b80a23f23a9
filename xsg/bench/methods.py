"""Methods: what the kept table of the benchmark is made of, each with the settings that it was run with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator

from xsg.atlas import homologous_pairs
from xsg.check import number
from xsg.data.cortex import Cortex
from xsg.evaluation.baselines import NUGGETS, SHARES, Baseline, place_kernels, z_scores

JOINT = "joint baseline"
_LENGTHS = (1.0, 2.0, 4.0)  # of the kernels of genes
_HIDDEN, _DROPOUT, _RATE, _DECAY, _EPOCHS = 16, 0.5, 0.01, 5e-4, 200  # as Kipf & Welling have them


def methods() -> dict[str, object]:
    """Return the methods of the kept table by name, each as it was run.

    Returns
    -------
    dict
        ``"mean"`` of the training regions; the baselines of `xsg.evaluation.baselines.Baseline` that need no network;
        gradient boosting of genes (100 trees of depth 3, each split among √p genes); `GCN`; the two presets of
        `xsg.CrossScaleVAE`; and `JOINT`, the one to beat: `PlaceAndGenes`.

    Examples
    --------
    >>> [name for name in methods() if "VAE" in name]
    ['graph VAE, paper', 'graph VAE, xsg']
    """
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import GradientBoostingRegressor

    from xsg.training import CrossScaleVAE

    simple = ("expression PC1", "PLS", "ridge", "position (kriging)", "position + genes")
    return {
        "mean": DummyRegressor(),
        **{name: Baseline(name) for name in simple},
        JOINT: PlaceAndGenes(),
        "gradient boosting": GradientBoostingRegressor(max_features="sqrt"),
        "GCN": GCN(),
        **{f"graph VAE, {preset}": CrossScaleVAE.from_preset(preset) for preset in ("paper", "xsg")},
    }


class PlaceAndGenes(BaseEstimator):
    r"""Predict a map by Gaussian processes of place and genes, averaged by how likely they are.

    .. math::
        \operatorname{cov}(y_a, y_b) \propto (1 - s)\, k_\ell(a, b) + s\, g(x_a, x_b) + \nu\, [a = b]

    :math:`k_\ell` are the kernels of place of the baseline "position (kriging)". :math:`g` is a Matérn kernel (ν = 3/2)
    of length 1, 2 or 4 of the distance :math:`\lVert x_a - x_b \rVert / \sqrt p` of two regions' genes, z-scored and
    folded as in "position + genes": regions of like expression are alike, be it in a straight line or not. "position
    + genes" takes the likeliest combination of kernels, share s and nugget ν; here each has a say in proportion to its
    marginal likelihood, all being as probable beforehand. Of twelve ways to join place and genes, tried on simulated
    cortices alone, it was the best: experiments/joint_baseline.py.

    References
    ----------
    - Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, equations 2.23, 5.8 and 5.11.

    Examples
    --------
    >>> import xsg
    >>> from xsg.evaluation.protocol import held_out_predictions
    >>> from xsg.evaluation.splits import homologous
    >>> cortex = xsg.load_cortex("simulated", n_genes=20)
    >>> held_out_predictions(PlaceAndGenes(), cortex, homologous(cortex.regions)).shape
    (1, 68)
    """

    name = JOINT

    def predict_folds(self, cortex: Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n), in a fold that holds regions out only those."""
        y, found = maps.to_numpy(dtype=float), np.full((len(maps), *held_out.shape), np.nan)
        places = place_kernels(cortex.regions, cortex.parcellation)
        x, pairs = cortex.expression.to_numpy(dtype=float), homologous_pairs(cortex.regions, cortex.parcellation)
        for row, fold in enumerate(held_out):
            train, asked = ~fold, fold if fold.any() else ~fold
            together = (pairs[:, None] == pairs) & (train[:, None] == train)
            z = z_scores(together @ x / together.sum(axis=1, keepdims=True), train)
            found[:, row, asked] = averaged(_mixed(places, z), y[:, train], train, asked)
        return found


def _mixed(places: list[np.ndarray], z: np.ndarray) -> Iterator[np.ndarray]:
    """Kernels (n, n) of place, of genes, and of both in every share."""
    gap = np.sqrt(3 / z.shape[1]) * cdist(z, z)
    yield from places
    for scaled in (gap / length for length in _LENGTHS):
        genes = (1 + scaled) * np.exp(-scaled)
        for share in SHARES[1:]:
            for place in places if share < 1 else places[:1]:  # at 1, place is out
                yield (1 - share) * place + share * genes


def averaged(kernels: Iterable[np.ndarray], y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Predict (M, t) by Gaussian processes, averaged over kernels and nuggets by their marginal likelihoods.

    Parameters
    ----------
    kernels
        Each (n, n).
    y
        float (M, m), maps in the training regions.
    train, test
        bool (n,), where the m and t regions are.

    Returns
    -------
    ndarray (M, t)

    Examples
    --------
    >>> train = np.array([True, True, True, False])
    >>> averaged([np.eye(4)], np.array([[1.0, 2.0, 6.0]]), train, ~train).round(3).tolist()
    [[3.0]]
    """
    mean, nuggets = y.mean(axis=1, keepdims=True), np.array(NUGGETS)
    scores, guesses = [], []
    for kernel in kernels:
        values, vectors = np.linalg.eigh(kernel[np.ix_(train, train)])
        turned, noisy = (y - mean) @ vectors, values[:, None] + nuggets
        # The log likelihood, up to a constant, at its most likely variance, as in `xsg.evaluation.baselines.likeliest`.
        scores.append(-0.5 * (len(values) * np.log(turned**2 @ (1 / noisy)) + np.log(noisy).sum(axis=0)))
        across = vectors.T @ kernel[np.ix_(train, test)]
        guesses.append(np.einsum("mv,vg,vt->mgt", turned, 1 / noisy, across, optimize=True))
    scores, guesses = np.concatenate(scores, axis=1), np.concatenate(guesses, axis=1)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return mean + np.einsum("mg,mgt->mt", weights / weights.sum(axis=1, keepdims=True), guesses)


class GCN(BaseEstimator):
    r"""Predict a map by a plain graph convolutional network on expression: no latent variable, no other term of loss.

    .. math::
        \hat y = \hat A\, \mathrm{relu}(\hat A X W_1 + b_1)\, W_2 + b_2, \qquad \hat A = D^{-1/2} (A + I) D^{-1/2}

    Least squares over the training regions, with the published settings: 16 hidden units, half of the inputs and of the
    hidden units dropped, Adam at 0.01, weight decay 5e-4 on the first layer, 200 epochs.

    Parameters
    ----------
    random_state
        Seed of the weights and of what is dropped; both are alike for all maps, so that a map's prediction does not
        depend on which others stand beside it.

    References
    ----------
    - Kipf & Welling 2017, equations 2 and 9. doi:10.48550/arXiv.1609.02907

    Examples
    --------
    >>> import xsg
    >>> from xsg.evaluation.protocol import held_out_predictions
    >>> from xsg.evaluation.splits import homologous
    >>> cortex = xsg.load_cortex("simulated", n_genes=20)
    >>> held_out_predictions(GCN(), cortex, homologous(cortex.regions)).shape
    (1, 68)
    """

    name = "GCN"

    def __init__(self, random_state: int = 0):
        self.random_state = random_state

    def predict_folds(self, cortex: Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n)."""
        from xsg.training.engine import wire

        seed = number(self.random_state, "random_state", 0, whole=True)
        propagate, x = wire(cortex.graph, cortex.regions).propagate, cortex.expression.to_numpy(dtype=float)
        found = [_trained(z_scores(x, ~fold), maps.to_numpy(dtype=float), ~fold, propagate, seed) for fold in held_out]
        return np.stack(found, axis=1)


def _trained(z: np.ndarray, y: np.ndarray, train: np.ndarray, propagate: object, seed: int) -> np.ndarray:
    """Train a copy of the network for each map (K, n), all on the same expression (n, p), and predict every region."""
    import torch
    from torch.nn.functional import dropout

    from xsg.models.cross_scale import Affine

    mean, scale = y[:, train].mean(axis=1, keepdims=True), y[:, train].std(axis=1, keepdims=True)
    x, target = (torch.tensor(each, dtype=torch.float32) for each in (z, ((y - mean) / scale)[:, train]))
    mask = torch.tensor(train)
    with torch.random.fork_rng(devices=[]):
        copies = [torch.Generator().manual_seed(seed) for _ in y]
        first, second = Affine(x.shape[1], _HIDDEN, copies), Affine(_HIDDEN, 1, copies)
        torch.manual_seed(seed)
        weights = [
            {"params": first.parameters(), "weight_decay": _DECAY},
            {"params": second.parameters(), "weight_decay": 0.0},
        ]
        optimiser = torch.optim.Adam(weights, _RATE)

        def predicted(share: float) -> torch.Tensor:
            inputs = propagate(dropout(x, share) if share else x).expand(1, *x.shape)
            hidden = torch.relu(first(inputs))
            kept = dropout(torch.ones_like(hidden[:1]), share) if share else 1.0
            return propagate(second(hidden * kept))[..., 0]

        for _ in range(_EPOCHS):
            optimiser.zero_grad()
            (predicted(_DROPOUT)[:, mask] - target).square().mean(dim=1).sum().backward()
            optimiser.step()
        with torch.no_grad():
            return mean + scale * predicted(0.0).double().numpy()
