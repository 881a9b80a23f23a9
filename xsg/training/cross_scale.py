"""The estimator of the cross-scale model: `CrossScaleVAE`, and what it makes of tables before training."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.atlas import Graph, SparseGraph, homologous_pairs
from xsg.check import number
from xsg.machine import fast_products, moved, one_thread
from xsg.models.cross_scale import CrossScaleNet, Output
from xsg.training import settings
from xsg.training.base import Estimator, device
from xsg.training.engine import Trained, Wiring, train, wire
from xsg.training.saved import label, storable
from xsg.training.tables import (
    Table,
    Target,
    expression_table,
    features,
    one_map,
    prepare,
    standardise,
    take_genes,
    training_rows,
)
from xsg.training.whole import whole_fit

# Of arXiv:2606.05870 the abstract and public summaries by others were read, not the paper itself. What they describe is
# in "paper"; what is not known of it, and is therefore ours, is listed beside it. "xsg" differs where the simulated
# cortex showed that it helps: the programs must explain the expression too, and training goes on for longer.
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


class CrossScaleVAE(Estimator):
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
    device
        ``"auto"``: a GPU where there is one; ``"cpu"``, ``"cuda"``, ``"mps"``.

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
    arXiv:2606.05870 by public summaries, which contradict each other in places. What was read is these and the
    abstract, not the paper itself; what is not known of it is listed in `PAPER_UNKNOWN`. See `from_preset` for the
    other.

    The model trains and predicts on one thread: on the same machine the same seed gives the same numbers, to the bit,
    however many threads there are.

    Examples
    --------
    >>> import xsg
    >>> cortex = xsg.load_cortex("simulated")
    >>> model = CrossScaleVAE(epochs=50).fit(cortex.expression, cortex.thinning, graph=cortex.graph)
    >>> model.encode(cortex.expression).shape
    (68, 64)
    """

    RULES = settings.CROSS_SCALE
    PRESETS = PRESETS
    FACTS = settings.THINNING | {"best_epoch_": settings.whole_number(0)}
    CALL = "fit(expression, thinning, graph=...)"
    NET = CrossScaleNet  # a class of one's own may have another, with another loss

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
        device: str = "auto",
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
        self.device = device

    @classmethod
    def from_preset(cls, name: str, **changes) -> "CrossScaleVAE":
        """Make a model from a named preset: ``"paper"`` (the defaults) or ``"xsg"`` (with both decoders).

        "paper" is what the abstract and public summaries of arXiv:2606.05870 say; the paper itself was not read.

        Examples
        --------
        >>> CrossScaleVAE.from_preset("xsg", seed=3)
        CrossScaleVAE(epochs=1000, gamma=10.0, seed=3)
        """
        return super().from_preset(name, **changes)

    @whole_fit
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
            Series (n,) by region, or a table of one column, in any unit (predictions come back in it). Its values
            outside ``train`` are not used.
        graph
            Graph over the regions, or None for none (then nothing smooths and each region is encoded alone).
        train
            Names of the regions to learn from; all by default. Regions are joined by name everywhere, in any style.
        progress
            Show a progress bar.

        Returns
        -------
        CrossScaleVAE
            Itself.

        Raises
        ------
        TypeError, ValueError
            Settings that cannot be; regions that do not match, values that are not finite, constant genes or thinning,
            too few regions, names that a saved model cannot hold.
        FloatingPointError
            A term of the loss that is not finite, by name.
        KeyboardInterrupt
            On Ctrl-C before the first epoch is finished; later the best state so far is kept, with a warning.
        """
        params = self._settings()
        expression = expression_table(expression)
        regions = expression.index
        table = prepare(self, expression)
        thinning = one_map(thinning, regions)
        copies = Copies(
            params,
            [table],
            [0],
            [wire(graph, regions)],
            [0],
            thinning.to_numpy(dtype=float)[None],
            training_rows(train, regions)[None],
            [params["seed"]],
            np.array([params["smoothness"]]),
            homologous_pairs(regions),
            net=self.NET,
        )
        self.device_ = device(params["device"])
        self.net_, trained, target = train_copies(copies, progress, keep=True)
        self.regions_, self.genes_ = (
            index.rename(label(index.name)) for index in (expression.index, expression.columns)
        )
        self._scaling, self._wiring = table.scaling, copies.wirings[0]
        self.history_ = trained.history.xs(0, level="copy")
        self.best_epoch_ = int(trained.best_epoch[0])
        self.interrupted_ = trained.interrupted
        self.y_mean_, self.y_sd_ = (float(value[0, 0]) for value in (target.mean, target.sd))
        self.thinning_name_ = label(thinning.name)
        residual = target.y - trained.predicted
        judged = target.weight if target.validation is None else target.validation
        self.noise_sd_ = self.y_sd_ * float((residual.square() * judged).sum() / judged.sum()) ** 0.5
        self._remember(params)
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
        n = number(n, "n", 1, whole=True)
        generator = torch.Generator().manual_seed(settings.seed(seed, "seed"))
        latent = self.net_.mean.weight.shape[-1]
        z = torch.randn(n, len(self.regions_), latent, generator=generator)
        with torch.no_grad(), one_thread():
            if expression is not None:
                output = self._run(expression)
                z = output.mean + torch.exp(0.5 * output.log_variance) * z
            flat = self.net_.decode(z.reshape(1, -1, latent).to(self.device_))[0].reshape(n, -1).cpu()
        draws = self.y_mean_ + self.y_sd_ * flat
        if noise:
            draws = draws + self.noise_sd_ * torch.randn(draws.shape, generator=generator)
        return pd.DataFrame(draws.numpy().astype(float), columns=self.regions_)

    def interval(self, expression: pd.DataFrame, level: float = 0.9, n: int = 1000, seed: int = 0) -> pd.DataFrame:
        """Return posterior predictive intervals: DataFrame by region with columns ``low`` and ``high``.

        They are as wide as ``noise_sd_`` makes them: far too narrow for new regions unless the model was fitted with
        ``validation`` > 0 (chapter 6 measures by how much).
        """
        level = number(level, "level", 0, 1, above=True, below=True)
        tails = [(1 - level) / 2, (1 + level) / 2]
        draws = self.sample(expression, n=n, seed=seed)
        return draws.quantile(tails).set_axis(["low", "high"]).T

    def score(self, expression: pd.DataFrame, thinning: pd.Series) -> float:
        """Return the coefficient of determination R² of the prediction (in-sample where the model was trained)."""
        from sklearn.metrics import r2_score

        predicted = self.predict(expression)
        return float(r2_score(one_map(thinning, predicted.index), predicted))

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        arrays = {f"scaling.{name}": torch.tensor(value) for name, value in self._scaling.items()}
        arrays |= {"edges": self._wiring.edges, "edge_weight": self._wiring.edge_weight}
        facts = {
            "regions": list(self.regions_),
            "names": [self.regions_.name, self.genes_.name],
            "genes": list(self.genes_),
        }
        return arrays, facts

    def _unpack(self, facts: dict, arrays: dict[str, Tensor]) -> None:
        self.regions_, self.genes_ = (
            storable(pd.Index(facts[which], name=label(name)), which)
            for which, name in zip(("regions", "genes"), facts["names"], strict=True)
        )
        n, p = len(self.regions_), len(self.genes_)
        shapes = {"centre": (p,), "scale": (p,)} | ({"rotation": (p, n)} if "scaling.rotation" in arrays else {})
        self._scaling = {name: arrays.pop(f"scaling.{name}").numpy() for name in shapes}
        for name, value in self._scaling.items():
            if value.shape != shapes[name] or value.dtype != float or not np.isfinite(value).all():
                raise ValueError(
                    f"scaling {name!r} is {value.dtype} {value.shape}; expected finite float64 {shapes[name]}"
                )
        edges, weight = arrays.pop("edges").numpy(), arrays.pop("edge_weight").numpy()
        if (edges.dtype, weight.dtype) != (np.int64, np.float32):  # what `save` writes
            raise ValueError(f"edges are {edges.dtype}, edge_weight {weight.dtype}")
        self._wiring = wire(SparseGraph(self.regions_, edges, weight) if len(weight) else None, self.regions_)
        self.net_ = _network(self.NET, self._settings(), len(self.genes_), _width(self._scaling), [torch.Generator()])

    def _run(self, expression: pd.DataFrame) -> Output:
        """Run the network at the posterior mean on an expression table of the fitted regions and genes."""
        self._check_fitted()
        expression = expression_table(take_genes(expression, self.genes_), self.regions_)
        x = features(self._fitted_as["normalise"], expression, self._scaling)[None]
        # On one thread, as it was trained: sums are then rounded alike on every machine of a kind.
        with torch.no_grad(), one_thread():
            return moved(self.net_(x.to(self.device_), self._wiring.to(self.device_).propagate), "cpu")

    def _series(self, values: Tensor) -> pd.Series:
        values = self.y_mean_ + self.y_sd_ * values.numpy().astype(float)
        return pd.Series(values, self.regions_, name=self.thinning_name_)

    def _programs(self, values: Tensor) -> pd.DataFrame:
        columns = [f"program {k}" for k in range(1, values.shape[-1] + 1)]
        return pd.DataFrame(values.numpy().astype(float), self.regions_, columns)


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
    net: type[CrossScaleNet] = CrossScaleNet
    names: tuple[str, ...] = ()  # digests of what regions and genes are called; only checkpoints ask
    reads: str = ""  # the network's equations where refit was called


def train_copies(
    copies: Copies, progress: bool = False, keep: bool = False, history: bool = True
) -> tuple[CrossScaleNet, Trained, Target]:
    """Train K copies side by side; ``keep`` and ``history`` as in `xsg.training.engine.train`."""
    params = copies.params
    target = standardise(copies.y, copies.masks, copies.seeds, params["validation"], copies.pairs)
    generators = [torch.Generator().manual_seed(int(seed)) for seed in copies.seeds]
    place = device(params["device"])
    x, wiring = (each.to(place) for each in inputs(copies))
    net = _network(copies.net, params, copies.tables[0].n_genes, x.shape[-1], generators).to(place)
    n, (wide, hidden), (latent, decoder) = x.shape[-2], net.hidden.weight.shape[1:], net.decoder_hidden.weight.shape[1:]
    smallest = n * min(wide * hidden, n * hidden, hidden * latent, n * latent, latent * decoder)
    with one_thread(), fast_products(smallest):
        trained = train(
            net,
            x,
            target.y.to(place),
            target.weight.to(place),
            wiring,
            generators,
            epochs=params["epochs"],
            lr=params["lr"],
            validation=None if target.validation is None else target.validation.to(place),
            patience=params["patience"],
            progress=progress,
            keep=keep,
            history=history,
            smoothness=torch.tensor(copies.smoothness, dtype=torch.float32),
            beta=params["beta"],
            gamma=params["gamma"],
        )
    return net, trained, target


def inputs(copies: Copies) -> tuple[Tensor, Wiring]:
    """Return expression (K, n, q) and graph of K copies; what all copies share lies in memory once (stride 0)."""

    def laid_out(matrices: list[Tensor], which: list[int]) -> Tensor:
        if len(set(which)) == 1:
            return matrices[which[0]].expand(len(which), -1, -1)
        return torch.stack([matrices[k] for k in which])

    x = laid_out([table.x for table in copies.tables], copies.which_table)
    first = copies.wirings[0]
    if first.normalised is None:
        return x, first
    dense = (
        laid_out([getattr(each, name)[0] for each in copies.wirings], copies.which_wiring)
        for name in ("normalised", "laplacian")
    )
    return x, Wiring(first.n, first.edges, first.edge_weight, *dense)


def _width(scaling: dict[str, np.ndarray]) -> int:
    """Return the number of columns that the network reads."""
    return scaling["rotation"].shape[1] if "rotation" in scaling else len(scaling["centre"])


def _network(
    kind: type[CrossScaleNet], params: dict, n_genes: int, n_features: int, generators: list[torch.Generator]
) -> CrossScaleNet:
    """Make the network that a model's hyper-parameters describe."""
    widths = {name: params[name] for name in ("latent", "hidden", "decoder")}
    return kind(n_features, **widths, reconstruct=params["gamma"] > 0, generators=generators, fan_in=n_genes)
