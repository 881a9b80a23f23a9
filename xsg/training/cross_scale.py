"""The estimator of the cross-scale model: `CrossScaleVAE`, and what it makes of tables before training."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from xsg.atlas import Graph, SparseGraph, align, homologous_pairs
from xsg.machine import fast_products, one_thread
from xsg.models.cross_scale import CrossScaleNet
from xsg.training.engine import Trained, Wiring, train, wire
from xsg.training.files import read_model, write_model

# What is described of arXiv:2606.05870 is in "paper" as described; what is not known of it, and is therefore ours, is
# listed beside it. "xsg" differs where the simulated cortex showed that it helps: the programs must explain the
# expression too, and training goes on for longer.
PRESETS: dict[str, dict] = {
    "paper": {"latent": 64, "smoothness": 0.1, "lr": 1e-3},
    "xsg": {"gamma": 10.0, "epochs": 1000},
}
PAPER_UNKNOWN = {
    "hidden": "units of the encoder's hidden layer",
    "decoder": "units of the decoder's hidden layer",
    "beta": "weight of the Kullback-Leibler term",
    "epochs": "length of training; early stopping on a validation correlation is mentioned, its split is not",
    "normalise": "how expression is normalised",
    "scale of the terms": "whether the smoothness is a sum or a mean, of z or of its mean",
    "edges": "whether the hemispheres are joined",
}


class CrossScaleVAE(BaseEstimator):
    """Graph variational autoencoder from regional gene expression to cortical thinning.

    Parameters
    ----------
    latent, hidden, decoder
        Number of latent programs d; units of the encoder's and of the decoder's hidden layer.
    smoothness
        λ, weight of Σ_(i,j)∈E w_ij ‖z_i − z_j‖² / n.
    beta
        β, weight of the Kullback-Leibler term, summed over programs and averaged over regions.
    gamma
        γ, weight of the reconstruction of expression; 0 leaves the second decoder out.
    normalise
        ``"gene"``: z-score each gene over regions. ``"region"``: z-score each region over genes. ``"none"``.
    rotate
        Where regions are fewer than genes, rotate the expression onto its own singular vectors first: there are n of
        them, so the first layer shrinks from p genes to n columns and nothing is lost (the rotation is orthogonal).
        Adam then follows another path; both are shown in chapter 6.
    lr, epochs
        Step size and number of full-batch steps of Adam.
    validation
        Share of the training regions set aside, homologous pairs together, to choose the epoch by; 0 trains for all
        ``epochs``.
    patience
        Epochs without improvement on the validation regions before training stops.
    seed
        Seed of the weights, the noise and the validation split.

    Attributes
    ----------
    net_
        The torch module, `xsg.models.cross_scale.CrossScaleNet`, with one copy.
    history_
        DataFrame, one row per epoch: each term of the loss, already weighted, in units of standardised thinning
        (and ``validation``, the mean squared error on the validation regions).
    regions_, genes_
        What the model was fitted on, in order.
    noise_sd_
        Standard deviation σ of thinning given programs: root mean squared residual over the validation regions, or,
        without them, over the training regions (then too small, as everything in-sample).
    best_epoch_, interrupted_
        Epoch whose weights are kept; whether Ctrl-C ended the fit.

    Notes
    -----
    The defaults are the preset "paper": latent 64, λ = 0.1, Adam 1e-3 and a full batch are as described for
    arXiv:2606.05870; what is not known of it is listed in `PAPER_UNKNOWN`. See `from_preset` for the other.

    Examples
    --------
    >>> import xsg
    >>> cortex = xsg.load_cortex("simulated")
    >>> model = CrossScaleVAE(epochs=50).fit(cortex.expression, cortex.thinning, graph=cortex.graph)
    >>> model.encode(cortex.expression).shape
    (68, 64)
    """

    def __init__(
        self,
        latent: int = 64,
        hidden: int = 128,
        decoder: int = 64,
        smoothness: float = 0.1,
        beta: float = 0.01,
        gamma: float = 0.0,
        normalise: str = "gene",
        rotate: bool = True,
        lr: float = 1e-3,
        epochs: int = 400,
        validation: float = 0.0,
        patience: int = 50,
        seed: int = 0,
    ):
        self.latent = latent
        self.hidden = hidden
        self.decoder = decoder
        self.smoothness = smoothness
        self.beta = beta
        self.gamma = gamma
        self.normalise = normalise
        self.rotate = rotate
        self.lr = lr
        self.epochs = epochs
        self.validation = validation
        self.patience = patience
        self.seed = seed

    @classmethod
    def from_preset(cls, name: str, **changes) -> "CrossScaleVAE":
        """Make a model from a named preset: ``"paper"`` (the defaults) or ``"xsg"`` (with both decoders).

        Examples
        --------
        >>> CrossScaleVAE.from_preset("xsg", seed=3)
        CrossScaleVAE(epochs=1000, gamma=10.0, seed=3)
        """
        if name not in PRESETS:
            raise ValueError(f"preset {name!r} is unknown; expected one of {', '.join(map(repr, PRESETS))}.")
        return cls(**{**PRESETS[name], **changes})

    def fit(
        self,
        expression: pd.DataFrame,
        thinning: pd.Series,
        graph: Graph | SparseGraph | None = None,
        train: Sequence[str] | None = None,
        progress: bool = False,
    ) -> "CrossScaleVAE":
        """Fit the model.

        The encoder sees the expression of every region; the loss sees the thinning of the regions in ``train`` only.

        Parameters
        ----------
        expression
            DataFrame (n regions, p genes), finite.
        thinning
            Series (n,) by region, any unit (predictions come back in it). Its values outside ``train`` are not used.
        graph
            Graph over the regions, or None for none (then nothing smooths and each region is encoded alone).
        train
            Names of the regions to learn from; all by default.
        progress
            Show a progress bar.

        Returns
        -------
        CrossScaleVAE
            Itself.

        Raises
        ------
        ValueError
            Regions that do not match, values that are not finite, constant genes or thinning, too few regions.
        FloatingPointError
            A term of the loss that is not finite, by name.
        """
        train = expression.index if train is None else pd.Index(train)
        unknown = train.difference(expression.index, sort=False)
        if len(unknown):
            raise ValueError(
                f"train: region {unknown[0]!r} has no expression; names look like {expression.index[0]!r}."
            )
        self.regions_, self.genes_ = expression.index, expression.columns
        table = prepare(self, expression)
        y = align(thinning, expression.index, "thinning").to_numpy(dtype=float)[None]
        masks = expression.index.isin(train)[None]
        copies = Copies(
            self.get_params(),
            [table],
            [0],
            [wire(graph, expression.index)],
            [0],
            y,
            masks,
            [self.seed],
            np.array([self.smoothness]),
            homologous_pairs(expression.index),
        )
        self.net_, trained, target = train_copies(copies, progress)
        self._scaling, self._wiring = table.scaling, copies.wirings[0]
        self.history_ = trained.history.xs(0, level="copy")
        self.best_epoch_ = int(trained.best_epoch[0])
        self.interrupted_ = trained.interrupted
        self.y_mean_, self.y_sd_ = (float(value[0, 0]) for value in (target.mean, target.sd))
        self.thinning_name_ = thinning.name
        residual = target.y - trained.predicted
        judged = target.weight if target.validation is None else target.validation
        self.noise_sd_ = self.y_sd_ * float((residual.square() * judged).sum() / judged.sum()) ** 0.5
        return self

    def predict(self, expression: pd.DataFrame) -> pd.Series:
        """Predict thinning at the posterior mean: Series by region, in the unit it was fitted in."""
        return self._series(self._run(expression).thinning[0])

    def encode(self, expression: pd.DataFrame) -> pd.DataFrame:
        """Return the posterior mean μ of the latent programs: DataFrame (n regions, d programs)."""
        return self._programs(self._run(expression).mean[0])

    def uncertainty(self, expression: pd.DataFrame) -> pd.DataFrame:
        """Return the posterior standard deviation σ of the latent programs: DataFrame (n regions, d programs)."""
        return self._programs(torch.exp(0.5 * self._run(expression).log_variance[0]))

    def sample(
        self, expression: pd.DataFrame | None = None, n: int = 100, noise: bool = True, seed: int = 0
    ) -> pd.DataFrame:
        """Draw thinning patterns.

        Parameters
        ----------
        expression
            Expression to condition on: z ~ q(z | expression, graph). None draws z from the prior N(0, I) instead,
            each region on its own: patterns that the decoder can make, of no brain in particular. (With λ > 0 the loss
            implies a smooth prior, N(0, (I + 2 λ/β L)⁻¹) per program, L the graph's Laplacian: see chapter 5.)
        n
            Number of patterns.
        noise
            Add the observation noise N(0, σ²), σ = ``noise_sd_``.
        seed
            Seed of the draws.

        Returns
        -------
        DataFrame (n, regions)
        """
        self._check_fitted()
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(n, len(self.regions_), self.latent, generator=generator)
        with torch.no_grad():
            if expression is not None:
                output = self._run(expression)
                z = output.mean + torch.exp(0.5 * output.log_variance) * z
            flat = self.net_.decode(z.reshape(1, -1, self.latent))[0].reshape(n, -1)
        draws = self.y_mean_ + self.y_sd_ * flat
        if noise:
            draws = draws + self.noise_sd_ * torch.randn(draws.shape, generator=generator)
        return pd.DataFrame(draws.numpy().astype(float), columns=self.regions_)

    def interval(self, expression: pd.DataFrame, level: float = 0.9, n: int = 1000, seed: int = 0) -> pd.DataFrame:
        """Return posterior predictive intervals: DataFrame by region with columns ``low`` and ``high``.

        They are as wide as ``noise_sd_`` makes them: far too narrow for new regions unless the model was fitted with
        ``validation`` > 0 (chapter 6 measures by how much).
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level!r}; expected a probability between 0 and 1, such as 0.9.")
        tails = [(1 - level) / 2, (1 + level) / 2]
        draws = self.sample(expression, n=n, seed=seed)
        return draws.quantile(tails).set_axis(["low", "high"]).T

    def score(self, expression: pd.DataFrame, thinning: pd.Series) -> float:
        """Return the coefficient of determination R² of the prediction (in-sample where the model was trained)."""
        from sklearn.metrics import r2_score

        return float(r2_score(align(thinning, expression.index, "thinning"), self.predict(expression)))

    def save(self, path: str | Path) -> Path:
        """Write the model to one ``.safetensors`` file, arrays and JSON, no pickle; never half a file."""
        self._check_fitted()
        arrays = {f"net.{name}": value for name, value in self.net_.state_dict().items()}
        arrays |= {f"scaling.{name}": torch.tensor(value) for name, value in self._scaling.items()}
        arrays |= {"edges": self._wiring.edges, "edge_weight": self._wiring.edge_weight}
        facts = {
            "class": "CrossScaleVAE",
            "params": self.get_params(),
            "regions": list(self.regions_),
            "names": [self.regions_.name, self.genes_.name],
            "genes": list(self.genes_),
            "fitted": {name: getattr(self, name) for name in _FITTED},
            "history": self.history_.to_dict(orient="list"),
        }
        return write_model(path, arrays, facts)

    @classmethod
    def load(cls, path: str | Path) -> "CrossScaleVAE":
        """Read a model that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is not a CrossScaleVAE saved by xsg, or is damaged.
        """
        facts, arrays = read_model(path, "CrossScaleVAE")
        model = cls(**facts["params"])
        model.regions_, model.genes_ = (
            pd.Index(facts[which], name=name) for which, name in zip(("regions", "genes"), facts["names"], strict=True)
        )
        for name, value in facts["fitted"].items():
            setattr(model, name, value)
        model.history_ = pd.DataFrame(facts["history"])
        model.history_.index = pd.RangeIndex(1, len(model.history_) + 1, name="epoch")
        model._scaling = {
            name.removeprefix("scaling."): value.numpy()
            for name, value in arrays.items()
            if name.startswith("scaling.")
        }
        edges, weight = arrays["edges"].numpy(), arrays["edge_weight"].numpy()
        graph = SparseGraph(model.regions_, edges, weight) if len(weight) else None
        model._wiring = wire(graph, model.regions_)
        model.net_ = _network(facts["params"], len(model.genes_), _width(model._scaling), [torch.Generator()])
        state = {name.removeprefix("net."): value for name, value in arrays.items() if name.startswith("net.")}
        model.net_.load_state_dict(state)
        return model

    def _check_fitted(self) -> None:
        if not hasattr(self, "net_"):
            raise ValueError("this CrossScaleVAE is not fitted yet. Call fit(expression, thinning, graph=...) first.")

    def _run(self, expression: pd.DataFrame):
        """Run the network at the posterior mean on an expression table of the fitted regions and genes."""
        self._check_fitted()
        missing = self.genes_.difference(expression.columns, sort=False)
        if len(missing):
            raise ValueError(
                f"expression: gene {missing[0]!r} and {len(missing) - 1} more of the fitted ones are missing."
            )
        expression = align(expression, self.regions_, "expression")[self.genes_]
        with torch.no_grad():
            return self.net_(_features(self.normalise, expression, self._scaling)[None], self._wiring.propagate)

    def _series(self, values: Tensor) -> pd.Series:
        values = self.y_mean_ + self.y_sd_ * values.numpy().astype(float)
        return pd.Series(values, self.regions_, name=self.thinning_name_)

    def _programs(self, values: Tensor) -> pd.DataFrame:
        columns = [f"program {number}" for number in range(1, self.latent + 1)]
        return pd.DataFrame(values.numpy().astype(float), self.regions_, columns)


_FITTED = ("y_mean_", "y_sd_", "noise_sd_", "best_epoch_", "interrupted_", "thinning_name_")


class Table(NamedTuple):
    """An expression table as the network wants it."""

    x: Tensor  # (n, q): normalised, rotated
    n_genes: int
    scaling: dict[str, np.ndarray]


class Target(NamedTuple):
    """Standardised thinning and who trains on it, for K copies."""

    y: Tensor  # (K, n)
    mean: np.ndarray  # (K, 1)
    sd: np.ndarray  # (K, 1)
    weight: Tensor  # (K, n)
    validation: Tensor | None  # (K, n)


class Copies(NamedTuple):
    """All that K copies depend on: plain values, so that they can be sent to another process.

    Copy k reads the ``which_table[k]``-th table and the ``which_wiring[k]``-th graph.
    """

    params: dict  # of the model, as get_params gives them
    tables: list[Table]
    which_table: list[int]
    wirings: list[Wiring]
    which_wiring: list[int]
    y: np.ndarray  # (K, n) thinning
    masks: np.ndarray  # (K, n) bool, True where the copy trains
    seeds: list[int]
    smoothness: np.ndarray  # (K,)
    pairs: np.ndarray  # (n,) as homologous_pairs numbers them


def prepare(model: CrossScaleVAE, expression: pd.DataFrame) -> Table:
    """Check an expression table, learn its scaling, and make the network's input of it."""
    expression = align(expression, expression.index, "expression")
    if not expression.columns.is_unique:
        raise ValueError(f"expression: gene {expression.columns[expression.columns.duplicated()][0]!r} is given twice.")
    scaling = _learn_scaling(model, expression)
    return Table(_features(model.normalise, expression, scaling), expression.shape[1], scaling)


def train_copies(copies: Copies, progress: bool = False) -> tuple[CrossScaleNet, Trained, Target]:
    """Train K copies side by side."""
    params = copies.params
    target = _standardise(copies.y, copies.masks, copies.seeds, params["validation"], copies.pairs)
    generators = [torch.Generator().manual_seed(int(seed)) for seed in copies.seeds]
    x, wiring = inputs(copies)
    net = _network(params, copies.tables[0].n_genes, x.shape[-1], generators)
    n, (wide, hidden), (latent, decoder) = x.shape[-2], net.hidden.weight.shape[1:], net.decoder_hidden.weight.shape[1:]
    smallest = n * min(wide * hidden, n * hidden, hidden * latent, n * latent, latent * decoder)
    with one_thread(), fast_products(smallest):
        trained = train(
            net,
            x,
            target.y,
            target.weight,
            wiring,
            generators,
            epochs=params["epochs"],
            lr=params["lr"],
            validation=target.validation,
            patience=params["patience"],
            progress=progress,
            smoothness=torch.tensor(copies.smoothness, dtype=torch.float32),
            beta=params["beta"],
            gamma=params["gamma"],
        )
    return net, trained, target


def inputs(copies: Copies) -> tuple[Tensor, Wiring]:
    """Return expression (K, n, q) and graph of K copies.

    On dense graphs they are laid out copy by copy even where all copies share them: a product of one matrix with many
    is computed otherwise than many products, and rounded otherwise.
    """
    x = torch.stack([copies.tables[k].x for k in copies.which_table])
    first = copies.wirings[0]
    if first.normalised is None:
        return x, first
    chosen = [copies.wirings[k] for k in copies.which_wiring]
    dense = (torch.cat([getattr(each, name) for each in chosen]) for name in ("normalised", "laplacian"))
    return x, Wiring(first.n, first.edges, first.edge_weight, *dense)


def _width(scaling: dict[str, np.ndarray]) -> int:
    """Return the number of columns that the network reads."""
    return scaling["rotation"].shape[1] if "rotation" in scaling else len(scaling["centre"])


def _network(params: dict, n_genes: int, n_features: int, generators: list[torch.Generator]) -> CrossScaleNet:
    """Make the network that a model's hyper-parameters describe."""
    widths = {name: params[name] for name in ("latent", "hidden", "decoder")}
    return CrossScaleNet(n_features, **widths, reconstruct=params["gamma"] > 0, generators=generators, fan_in=n_genes)


def _learn_scaling(model: CrossScaleVAE, expression: pd.DataFrame) -> dict[str, np.ndarray]:
    """Learn centre and scale of each gene, and the rotation, from the expression table."""
    values = expression.to_numpy(dtype=float)
    centre, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
    if model.normalise == "gene":
        centre, scale = values.mean(axis=0), values.std(axis=0)
        if not (scale > 0).all():
            gene = expression.columns[scale == 0][0]
            raise ValueError(
                f"expression: gene {gene!r} (and {int((scale == 0).sum()) - 1} more) has the same value in every "
                "region, so it cannot be z-scored. Drop constant genes, or use normalise='region'."
            )
    elif model.normalise not in ("region", "none"):
        raise ValueError(f"normalise is {model.normalise!r}; expected 'gene', 'region' or 'none'.")
    scaling = {"centre": centre, "scale": scale}
    if model.rotate and len(values) < values.shape[1]:  # else it would shrink nothing
        rows = _features(model.normalise, expression, scaling).numpy().astype(float)
        _, _, right = np.linalg.svd(rows, full_matrices=False)
        # The sign of a singular vector is the library's whim; a rule makes it the same on every machine.
        right *= np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])[:, None]
        scaling["rotation"] = right.T
    return scaling


def _features(normalise: str, expression: pd.DataFrame, scaling: dict[str, np.ndarray]) -> Tensor:
    """Return the network's input (n, p or n): normalised, rotated expression."""
    values = expression.to_numpy(dtype=float)
    if normalise == "region":
        values = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    values = (values - scaling["centre"]) / scaling["scale"]
    if "rotation" in scaling:
        values = values @ scaling["rotation"]
    return torch.tensor(values, dtype=torch.float32)


def _standardise(y: np.ndarray, masks: np.ndarray, seeds: Sequence[int], share: float, pairs: np.ndarray) -> Target:
    """Standardise thinning (K, n) by each copy's own training regions, and set validation regions aside."""
    fewest = int(masks.sum(axis=1).min())
    if fewest < 5:
        raise ValueError(f"only {fewest} regions to train on; expected at least 5. Hold fewer regions out.")
    weight = masks.astype(float)
    mean = (y * weight).sum(1, keepdims=True) / weight.sum(1, keepdims=True)
    sd = np.sqrt(((y - mean) ** 2 * weight).sum(1, keepdims=True) / weight.sum(1, keepdims=True))
    if not (sd > 0).all():
        raise ValueError("thinning has the same value in every training region; there is nothing to predict.")
    validation = None
    if share:
        if not 0 < share < 1:
            raise ValueError(f"validation is {share!r}; expected a share of the regions in [0, 1).")
        aside = np.zeros_like(masks)
        for row, (mask, seed) in enumerate(zip(masks, seeds, strict=True)):
            groups = np.random.default_rng(seed).permutation(np.unique(pairs[mask]))
            aside[row] = mask & np.isin(pairs, groups[: max(1, round(share * len(groups)))])
        weight, validation = weight - aside, torch.tensor(aside, dtype=torch.float32)
    as_tensor = [torch.tensor(value, dtype=torch.float32) for value in ((y - mean) / sd, weight)]
    return Target(as_tensor[0], mean, sd, as_tensor[1], validation)
