"""The estimator over several views, `MultiViewVAE`, and its cross-validation, many copies in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from torch import Tensor
from tqdm.auto import tqdm

from xsg.across.views_model import Output
from xsg.across.views_tables import (
    Table,
    Views,
    as_input,
    checked,
    known,
    learn_scaling,
    storable_views,
    weights_among,
)
from xsg.across.views_train import inputs, network, train_copies
from xsg.atlas import Graph, SparseGraph
from xsg.check import align, folds, number, series
from xsg.data.cortex import Cortex
from xsg.machine import moved, one_thread
from xsg.training import held_out_mean, settings
from xsg.training.base import Estimator
from xsg.training.saved import label, storable
from xsg.training.settings import DEVICE, SHARE, STEP, THINNING, WEIGHT, WIDTH, Rule, seed, whole_number
from xsg.training.tables import one_map, training_rows
from xsg.training.whole import whole_fit

_CHUNK = 100  # copies trained side by side: so many that calling torch costs little against its work

MULTI_VIEW: dict[str, Rule] = {
    **dict.fromkeys(("latent", "hidden", "decoder"), WIDTH),
    **dict.fromkeys(("smoothness", "beta", "gamma"), WEIGHT),
    "drop": SHARE,
    "lr": STEP,
    "epochs": whole_number(1),
    "seed": seed,
    "device": DEVICE,
}


class MultiViewVAE(Estimator):
    """Graph variational autoencoder from several tables of the same regions to cortical thinning.

    Each view (a table region × feature) has an encoder and a decoder of its own; what the views say of a region is
    multiplied to one posterior. A region may be missing in some of the views, and a whole view may be missing when
    the model predicts.

    Parameters
    ----------
    latent, hidden, decoder
        Number of latent programs d; units of the hidden layer of each encoder, and of the decoder to thinning.
    smoothness
        λ, weight of Σ_(i,j)∈E w_ij ‖μ_i − μ_j‖² / n.
    beta
        β, weight of the Kullback-Leibler term, summed over programs and averaged over regions.
    gamma
        γ, weight of each view's reconstruction, averaged over its regions and features.
    drop
        Probability with which an expert is left out of the product at a region in a step of training, so that each
        subset of the views learns to do without the others. At least one stays. 0 always multiplies all.
    lr, epochs
        Step size and number of full-batch steps of Adam.
    seed
        Seed of the weights, the noise and the experts left out.
    device
        ``"auto"``: a GPU where there is one; ``"cpu"``, ``"cuda"``.

    Attributes
    ----------
    net_
        The torch module, `xsg.across.views_model.MultiViewNet`, with one copy.
    history_
        DataFrame, one row per epoch: each term of the loss, already weighted, in units of standardised thinning.
    views_
        Names of the views, in order.
    features_
        Dict of the columns of each view.
    regions_
        What the model was fitted on, in order.
    noise_sd_
        Root mean squared residual of thinning over the training regions (too small, as everything in-sample).
    interrupted_
        Whether Ctrl-C ended the fit.

    Notes
    -----
    Features are z-scored over the regions that have them; each table is rotated onto its singular vectors, which
    loses nothing. The computation is in double precision. Graphs are dense: up to a few thousand regions.

    References
    ----------
    - Wu & Goodman 2018, arXiv:1802.05335, section 2. They train on the sum over some subsets of the views; ``drop``
      draws a subset for every region and step, and every view is reconstructed from it, also one left out.

    Examples
    --------
    >>> from xsg.across.simulate_views import simulate_views
    >>> study = simulate_views()
    >>> model = MultiViewVAE(epochs=20).fit(study.views, study.thinning, graph=study.graph)
    >>> model.predict({"receptors": study.views["receptors"]}).shape
    (68,)
    """

    RULES = MULTI_VIEW
    FACTS = THINNING
    DOUBLE = True
    CALL = "fit(views, thinning, graph=...)"

    def __init__(
        self,
        latent: int = 8,
        hidden: int = 32,
        decoder: int = 32,
        smoothness: float = 0.1,
        beta: float = 0.1,
        gamma: float = 10.0,
        drop: float = 0.2,
        lr: float = 1e-2,
        epochs: int = 200,
        seed: int = 0,
        device: str = "auto",
    ):
        self.latent = latent
        self.hidden = hidden
        self.decoder = decoder
        self.smoothness = smoothness
        self.beta = beta
        self.gamma = gamma
        self.drop = drop
        self.lr = lr
        self.epochs = epochs
        self.seed = seed
        self.device = device

    @whole_fit
    def fit(
        self,
        views: Views,
        thinning: pd.Series,
        graph: Graph | SparseGraph | None = None,
        train: Sequence[str] | None = None,
        progress: bool = False,
    ) -> MultiViewVAE:
        """Fit the model; if that fails, the model is as it was before.

        The encoders see every region of their table; the loss sees the thinning of the regions in ``train`` only.

        Parameters
        ----------
        views
            Tables by name: DataFrame (n_v regions, p_v features), finite, rows named as in ``thinning`` (in any style).
            A table may lack regions, and need not be in order; each region must stand in at least one.
        thinning
            Series (n,) by region, any unit (predictions come back in it). Its values outside ``train`` are not used.
        graph
            Graph over the regions, or None for none.
        train
            Names of the regions to learn from; all by default.
        progress
            Show a progress bar.

        Returns
        -------
        MultiViewVAE
            Itself.

        Raises
        ------
        TypeError
            Tables without names; a setting that is none.
        ValueError
            A setting out of range; no view; regions given twice, unknown or in no view; values that are not finite, by
            view, region and column; constant features or thinning; names that a file cannot hold; too few regions.
        FloatingPointError
            A term of the loss that is not finite, by name.
        KeyboardInterrupt
            On Ctrl-C before the first epoch is finished; later the state so far is kept, with a warning.
        """
        params = self._settings()
        thinning = series(thinning, "thinning")
        regions = storable(thinning.index, "thinning: region")
        self.regions_ = regions.rename(label(regions.name))
        thinning = one_map(thinning, self.regions_)
        masks = training_rows(train, self.regions_)[None]
        views = self._take(views, graph)
        storable_views(views)
        tables = [self._table(name, views[name]) for name in self.views_]
        y = thinning.to_numpy(dtype=float)[None]
        self.device_ = self._place()
        found = train_copies(params, tables, self._weights, y, masks, [params["seed"]], progress, keep=True)
        self.net_, self.interrupted_ = found.net, found.loop.interrupted
        named = {f"view {v}": f"view {name}" for v, name in enumerate(self.views_)}
        self.history_ = found.loop.history.xs(0, level="copy").rename(columns=named)
        self.y_mean_, self.y_sd_ = float(found.mean[0, 0]), float(found.sd[0, 0])
        self.thinning_name_ = label(thinning.name)
        residual = (thinning - self.predict(views)).to_numpy()[masks[0]]
        self.noise_sd_ = float(np.sqrt((residual**2).mean()))
        self._remember(params)
        return self

    def predict(self, views: Views) -> pd.Series:
        """Predict thinning at the posterior mean, from any of the fitted views: Series by region, in its unit.

        Parameters
        ----------
        views
            Tables by name, one or more of the fitted views, with the fitted features. Tables may lack regions.

        Returns
        -------
        Series (n,)
            For all fitted regions.

        Raises
        ------
        ValueError
            A view that the model does not know, or a region that stands in none of those given.
        """
        values = self._run(views).thinning[0].numpy()
        return pd.Series(self.y_mean_ + self.y_sd_ * values, self.regions_, name=self.thinning_name_)

    def encode(self, views: Views) -> pd.DataFrame:
        """Return the posterior mean μ of the latent programs: DataFrame (n regions, d programs)."""
        return self._programs(self._run(views).mean[0])

    def uncertainty(self, views: Views) -> pd.DataFrame:
        """Return the posterior standard deviation σ of the latent programs: DataFrame (n regions, d programs)."""
        return self._programs(torch.exp(0.5 * self._run(views).log_variance[0]))

    def sample(self, views: Views, n: int = 1000, noise: bool = True, seed: int = 0) -> pd.DataFrame:
        """Draw thinning maps (n, regions) from the posterior, with observation noise of sd ``noise_sd_`` or without.

        A view left out makes the posterior, and so the draws, wider; ``noise_sd_`` stays as it is.
        """
        n, seed = number(n, "n", 1, whole=True), settings.seed(seed, "seed")
        output, generator = self._run(views), torch.Generator().manual_seed(seed)
        spread = torch.exp(0.5 * output.log_variance[0])
        z = output.mean[0] + spread * torch.randn(n, *spread.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            flat = self.net_.decode(z.reshape(1, -1, z.shape[-1]).to(self.device_)).reshape(n, -1).cpu()
        draws = self.y_mean_ + self.y_sd_ * flat
        if noise:
            draws = draws + self.noise_sd_ * torch.randn(draws.shape, generator=generator, dtype=torch.float64)
        return pd.DataFrame(draws.numpy(), columns=self.regions_)

    def score(self, views: Views, thinning: pd.Series) -> float:
        """Return the coefficient of determination R² of the prediction (in-sample where the model was trained)."""
        from sklearn.metrics import r2_score

        predicted = self.predict(views)
        return float(r2_score(one_map(thinning, self.regions_), predicted))

    def predict_folds(self, cortex: Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n), on trial: (K, F, n); see `xsg.evaluation.protocol.Subject`.

        The views are the cortex's expression and its ``views``.
        """
        ready = clone(self)
        ready.regions_ = maps.columns
        views = ready._take({"expression": cortex.expression, **cortex.views}, cortex.graph)
        tables = [ready._table(name, views[name]) for name in ready.views_]
        return _refit(ready, tables, maps.to_numpy(dtype=float), held_out, [self.seed], [ready.views_], False)[0, :, 0]

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        arrays = {"weights": torch.tensor(self._weights)}
        for v, view in enumerate(self.views_):
            arrays |= {f"scaling.{v}.{name}": torch.tensor(value) for name, value in self._scaling[view].items()}
        facts = {
            "regions": self.regions_.tolist(),
            "regions_name": self.regions_.name,
            "views": list(self.views_),
            "features": [self.features_[view].tolist() for view in self.views_],
        }
        return arrays, facts

    @classmethod
    def _mend(cls, facts: dict, arrays: dict[str, Tensor]) -> None:
        facts["fitted"].setdefault("interrupted_", False)

    def _unpack(self, facts: dict, arrays: dict[str, Tensor]) -> None:
        self.regions_ = storable(pd.Index(facts["regions"], name=label(facts.get("regions_name"))), "regions")
        self.views_ = tuple(storable(pd.Index(facts["views"]), "views"))
        self.features_ = dict(zip(self.views_, map(pd.Index, facts["features"]), strict=True))
        self._weights = arrays.pop("weights").numpy()
        n = len(self.regions_)
        if self._weights.shape != (n, n) or not np.isfinite(self._weights).all():
            raise ValueError(f"weights {self._weights.shape} are no graph of {n} regions")
        self._scaling = {
            view: {name: arrays.pop(f"scaling.{v}.{name}").numpy() for name in ("centre", "scale", "rotation")}
            for v, view in enumerate(self.views_)
        }
        for view, scaling in self._scaling.items():
            p = len(self.features_[view])
            if not scaling["centre"].shape == scaling["scale"].shape == scaling["rotation"].shape[:1] == (p,):
                raise ValueError(f"the scaling of view {view!r} is not that of {p} features")
        shapes = [self._scaling[view]["rotation"].shape for view in self.views_]
        self.net_ = network(self._settings(), shapes, [torch.Generator()])

    def _take(self, views: Views, graph: Graph | SparseGraph | None) -> dict[str, pd.DataFrame]:
        """Check the tables to fit, learn their scaling and the graph, and return them in order."""
        views = checked(views, self.regions_)
        self.views_ = tuple(views)
        self.features_ = {name: table.columns for name, table in views.items()}
        self._scaling = {name: learn_scaling(name, table) for name, table in views.items()}
        self._weights = weights_among(graph, self.regions_)
        return views

    def _table(self, name: str, table: pd.DataFrame | None) -> Table:
        """Return a checked table, or None for one that is absent, as the network wants it."""
        return as_input(table, self._scaling[name], self.features_[name], self.regions_)

    def _run(self, views: Views) -> Output:
        """Run the network at the posterior mean on some of the fitted views."""
        self._check_fitted()
        views = known(views, self.features_, self.regions_)
        tables = [self._table(name, views.get(name)) for name in self.views_]
        with torch.no_grad(), one_thread():
            return moved(self.net_(*inputs(tables, self._weights, self.device_)), "cpu")

    def _programs(self, values: Tensor) -> pd.DataFrame:
        columns = [f"program {k}" for k in range(1, values.shape[-1] + 1)]
        return pd.DataFrame(values.numpy(), self.regions_, columns)


def cross_val_views(
    model: MultiViewVAE,
    views: Views,
    thinning: pd.Series | pd.DataFrame,
    graph: Graph | SparseGraph | None = None,
    *,
    held_out: np.ndarray,
    seeds: Sequence[int] = (0,),
    given: Sequence[Sequence[str]] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Predict each region by the copies that did not train on it: maps × seeds × folds side by side.

    Parameters
    ----------
    model
        Hyper-parameters; the model itself is not touched, its ``seed`` not used.
    views, graph
        As in `MultiViewVAE.fit`.
    thinning
        Series (n,) by region, or DataFrame (M, n), a map in each row.
    held_out
        bool (F, n), each row the regions that one fold does not train on, in the order of ``thinning``; a DataFrame is
        joined by name.
    seeds
        S seeds, or one.
    given
        Subsets of the views' names to predict from, each in turn; all views by default.
    progress
        Show a progress bar.

    Returns
    -------
    DataFrame (combinations, n)
        Held-out thinning, in its unit: the mean over the folds that hold a region out, NaN where none does. The index
        has the levels ``map`` and ``given`` (names joined by " + ") where many were given, then ``seed``.

    Raises
    ------
    TypeError, ValueError
        As `MultiViewVAE.fit`; also ``held_out`` of another shape, or a subset that leaves a region without a view.
    KeyboardInterrupt
        Ctrl-C ends it; nothing of what is half done is handed back.

    Examples
    --------
    >>> from xsg.across.simulate_views import simulate_views
    >>> from xsg.evaluation.splits import homologous
    >>> study, model = simulate_views(), MultiViewVAE(epochs=5)
    >>> folds = homologous(study.thinning.index)
    >>> cross_val_views(model, study.views, study.thinning, held_out=folds, seeds=range(2), progress=False).shape
    (2, 68)
    """
    if not isinstance(model, MultiViewVAE):
        raise TypeError(f"model: expected a MultiViewVAE, got {type(model).__name__}.")
    params = model._settings()
    seeds = [settings.seed(each, "seeds: a seed") for each in (seeds if np.iterable(seeds) else [seeds])]
    many = isinstance(thinning, pd.DataFrame) and thinning.shape[1] > 1
    maps = thinning if many else series(thinning, "thinning").to_frame().T
    regions = maps.columns
    maps = align(maps.T, regions, "thinning").T
    values = maps.to_numpy(dtype=float)
    held_out = folds(held_out, regions)
    if not (len(seeds) and len(values)):
        raise ValueError(f"{len(seeds)} seeds and {len(values)} maps; expected one or more of each.")
    ready = MultiViewVAE(**params)
    ready.regions_ = regions
    views = ready._take(views, graph)
    if isinstance(given, str) or (given is not None and not np.iterable(given)):
        raise TypeError(f"given is {given!r}; expected a list of lists of views' names, such as [{list(views)[:1]}].")
    subsets = [ready.views_] if given is None else [(each,) if isinstance(each, str) else tuple(each) for each in given]
    for names in subsets:
        unknown = [name for name in names if name not in ready.views_]
        if unknown:
            raise ValueError(f"given: view {unknown[0]!r} is not among {', '.join(map(repr, ready.views_))}.")
        checked({name: views[name] for name in names}, regions)
    if not subsets:
        raise ValueError("given is an empty list; expected subsets of the views' names, or None for all.")
    tables = [ready._table(name, views[name]) for name in ready.views_]
    each = _refit(ready, tables, values, held_out, seeds, subsets, progress)
    mean = held_out_mean(each, held_out)
    levels = {"map": list(maps.index), "given": [" + ".join(names) for names in subsets], "seed": list(seeds)}
    index = pd.MultiIndex.from_product(levels.values(), names=list(levels))
    table = pd.DataFrame(mean.swapaxes(0, 1).reshape(-1, len(regions)), index, regions)
    alone = [level for level, kept in (("map", many), ("given", given is not None)) if not kept]
    return table.droplevel(alone)


def _refit(
    model: MultiViewVAE,
    tables: Sequence[Table],
    maps: np.ndarray,
    held_out: np.ndarray,
    seeds: Sequence[int],
    subsets: Sequence[Sequence[str]],
    progress: bool,
) -> np.ndarray:
    """Train for each map, seed and fold, and predict from subsets of the views: (subsets, maps, seeds, folds, n)."""
    params, place = model._settings(), model._place()
    combinations = list(product(range(len(maps)), range(len(seeds)), range(len(held_out))))
    predicted = np.empty((len(subsets), len(combinations), maps.shape[1]))
    with tqdm(total=len(combinations), desc="refits", unit="model", leave=False, disable=not progress or None) as bar:
        for start in range(0, len(combinations), _CHUNK):
            chunk = combinations[start : start + _CHUNK]
            map_, seed, fold = (np.array(column) for column in zip(*chunk, strict=True))
            found = train_copies(params, tables, model._weights, maps[map_], ~held_out[fold], [seeds[k] for k in seed])
            for number, names in enumerate(subsets):
                some = [
                    table if name in names else table._replace(present=torch.zeros_like(table.present))
                    for name, table in zip(model.views_, tables, strict=True)
                ]
                with torch.no_grad(), one_thread():
                    thinned = found.net(*inputs(some, model._weights, place)).thinning.cpu().numpy()
                predicted[number, start : start + len(chunk)] = found.mean + found.sd * thinned
            bar.update(len(chunk))
    return predicted.reshape(len(subsets), len(maps), len(seeds), *held_out.shape)
