"""The estimator over several views, `MultiViewVAE`, and its cross-validation, many copies in one pass."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from torch import Tensor
from tqdm.auto import tqdm

from xsg.atlas import Graph, align
from xsg.machine import one_thread
from xsg.models.views import MultiViewNet, Output, propagation_among
from xsg.training.files import read_model, write_model

Views = Mapping[str, pd.DataFrame]

# Copies trained side by side: so many that calling torch costs little against its work.
_CHUNK = 100
_FEWEST = 5  # training regions


class MultiViewVAE(BaseEstimator):
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

    Attributes
    ----------
    net_
        The torch module, `xsg.models.views.MultiViewNet`, with one copy.
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
    >>> from xsg.data.simulate_views import simulate_views
    >>> study = simulate_views()
    >>> model = MultiViewVAE(epochs=20).fit(study.views, study.thinning, graph=study.graph)
    >>> model.predict({"receptors": study.views["receptors"]}).shape
    (68,)
    """

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

    def fit(
        self,
        views: Views,
        thinning: pd.Series,
        graph: Graph | None = None,
        train: Sequence[str] | None = None,
        progress: bool = False,
    ) -> "MultiViewVAE":
        """Fit the model.

        The encoders see every region of their table; the loss sees the thinning of the regions in ``train`` only.

        Parameters
        ----------
        views
            Tables by name: DataFrame (n_v regions, p_v features), finite, rows named as in ``thinning``. A table may
            lack regions, and need not be in order; each region must stand in at least one.
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
        ValueError
            No view; regions given twice, unknown or in no view; values that are not finite, by view, region and
            column; constant features or thinning; too few regions.
        FloatingPointError
            A term of the loss that is not finite, by name.
        """
        self.regions_ = thinning.index
        y = align(thinning, self.regions_, "thinning").to_numpy(dtype=float)[None]
        train = self.regions_ if train is None else pd.Index(train)
        unknown = train.difference(self.regions_, sort=False)
        if len(unknown):
            raise ValueError(f"train: region {unknown[0]!r} has no thinning; names look like {self.regions_[0]!r}.")
        self._take(views, graph)
        tables = [self._table(name, views[name]) for name in self.views_]
        masks = self.regions_.isin(train)[None]
        found = _train(self.get_params(), tables, self._weights, y, masks, [self.seed], progress=progress)
        self.net_ = found.net
        named = {f"view {v}": f"view {name}" for v, name in enumerate(self.views_)}
        self.history_ = found.history.rename(columns=named)
        self.y_mean_, self.y_sd_ = float(found.mean[0, 0]), float(found.sd[0, 0])
        self.thinning_name_ = thinning.name
        residual = (thinning - self.predict(views)).to_numpy()[masks[0]]
        self.noise_sd_ = float(np.sqrt((residual**2).mean()))
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
        output, generator = self._run(views), torch.Generator().manual_seed(seed)
        spread = torch.exp(0.5 * output.log_variance[0])
        z = output.mean[0] + spread * torch.randn(n, *spread.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            flat = self.net_.decode(z.reshape(1, -1, self.latent)).reshape(n, -1)
        draws = self.y_mean_ + self.y_sd_ * flat
        if noise:
            draws = draws + self.noise_sd_ * torch.randn(draws.shape, generator=generator, dtype=torch.float64)
        return pd.DataFrame(draws.numpy(), columns=self.regions_)

    def score(self, views: Views, thinning: pd.Series) -> float:
        """Return the coefficient of determination R² of the prediction (in-sample where the model was trained)."""
        from sklearn.metrics import r2_score

        predicted = self.predict(views)
        return float(r2_score(align(thinning, self.regions_, "thinning"), predicted))

    def save(self, path: str | Path) -> Path:
        """Write the model to one ``.safetensors`` file, arrays and JSON, no pickle; never half a file."""
        self._check_fitted()
        arrays = {f"net.{name}": value for name, value in self.net_.state_dict().items()}
        arrays["weights"] = torch.tensor(self._weights)
        for v, view in enumerate(self.views_):
            arrays |= {f"scaling.{v}.{name}": torch.tensor(value) for name, value in self._scaling[view].items()}
        facts = {
            "class": "MultiViewVAE",
            "params": self.get_params(),
            "regions": list(self.regions_),
            "views": list(self.views_),
            "features": [list(self.features_[view]) for view in self.views_],
            "fitted": {name: getattr(self, name) for name in _FITTED},
            "history": self.history_.to_dict(orient="list"),
        }
        return write_model(path, arrays, facts)

    @classmethod
    def load(cls, path: str | Path) -> "MultiViewVAE":
        """Read a model that `save` wrote; raises as `xsg.CrossScaleVAE.load` does."""
        facts, arrays = read_model(path, "MultiViewVAE")
        model = cls(**facts["params"])
        model.regions_, model.views_ = pd.Index(facts["regions"]), tuple(facts["views"])
        model.features_ = dict(zip(model.views_, map(pd.Index, facts["features"]), strict=True))
        for name, value in facts["fitted"].items():
            setattr(model, name, value)
        model.history_ = pd.DataFrame(facts["history"])
        model.history_.index = pd.RangeIndex(1, len(model.history_) + 1, name="epoch")
        model._weights = arrays["weights"].numpy()
        model._scaling = {
            view: {name: arrays[f"scaling.{v}.{name}"].numpy() for name in ("centre", "scale", "rotation")}
            for v, view in enumerate(model.views_)
        }
        shapes = [model._scaling[view]["rotation"].shape for view in model.views_]
        model.net_ = _network(facts["params"], shapes, [torch.Generator()])
        state = {name.removeprefix("net."): value for name, value in arrays.items() if name.startswith("net.")}
        model.net_.load_state_dict(state)
        return model

    def _check_fitted(self) -> None:
        if not hasattr(self, "net_"):
            raise ValueError("this MultiViewVAE is not fitted yet. Call fit(views, thinning, graph=...) first.")

    def _take(self, views: Views, graph: Graph | None) -> None:
        """Check the tables to fit, and learn their scaling and the graph."""
        views = _checked(views, self.regions_)
        self.views_ = tuple(views)
        self.features_ = {name: table.columns for name, table in views.items()}
        self._scaling = {name: _learn_scaling(name, table) for name, table in views.items()}
        n = len(self.regions_)
        self._weights = np.zeros((n, n))
        if graph is not None:
            missing = self.regions_.difference(graph.regions, sort=False)
            if len(missing):
                raise ValueError(
                    f"graph {graph.name!r} has no region {missing[0]!r}; {n} regions have thinning, "
                    f"{len(graph.regions)} are in the graph. Build it for the same parcellation."
                )
            self._weights = graph.subset(self.regions_).weights.to_numpy(dtype=float)

    def _table(self, name: str, table: pd.DataFrame) -> "_Table":
        """Scale and rotate a checked table; rows that it lacks become zero and are marked as absent."""
        scaling, here = self._scaling[name], self.regions_.isin(table.index)
        rows = table.loc[self.regions_[here], self.features_[name]].to_numpy(dtype=float)
        x = np.zeros((len(here), scaling["rotation"].shape[1]))
        x[here] = (rows - scaling["centre"]) / scaling["scale"] @ scaling["rotation"]
        return _Table(torch.tensor(x), torch.tensor(here, dtype=torch.float64), len(scaling["centre"]))

    def _run(self, views: Views) -> Output:
        """Run the network at the posterior mean on some of the fitted views."""
        self._check_fitted()
        unknown = [name for name in views if name not in self.views_]
        if unknown:
            raise ValueError(f"view {unknown[0]!r} is not one of the fitted ones: {', '.join(map(repr, self.views_))}.")
        for name, table in views.items():
            lost = self.features_[name].difference(getattr(table, "columns", []), sort=False)
            if len(lost):
                raise ValueError(
                    f"view {name!r}: feature {lost[0]!r} and {len(lost) - 1} more fitted ones are missing."
                )
        views = _checked({name: table[self.features_[name]] for name, table in views.items()}, self.regions_)
        tables = [
            self._table(name, views[name] if name in views else _nothing(self.features_[name])) for name in self.views_
        ]
        with torch.no_grad(), one_thread():
            return self.net_(*_inputs(tables, self._weights))

    def _programs(self, values: Tensor) -> pd.DataFrame:
        columns = [f"program {number}" for number in range(1, self.latent + 1)]
        return pd.DataFrame(values.numpy(), self.regions_, columns)


_FITTED = ("y_mean_", "y_sd_", "noise_sd_", "thinning_name_")


def cross_val_views(
    model: MultiViewVAE,
    views: Views,
    thinning: pd.Series | pd.DataFrame,
    graph: Graph | None = None,
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
        bool (F, n), each row the regions that one fold does not train on, in the order of ``thinning``.
    seeds
        S seeds.
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
    ValueError
        As `MultiViewVAE.fit`; also ``held_out`` of another shape, or a subset that leaves a region without a view.

    Examples
    --------
    >>> from xsg.data.simulate_views import simulate_views
    >>> from xsg.evaluation.splits import homologous
    >>> study, model = simulate_views(), MultiViewVAE(epochs=5)
    >>> folds = homologous(study.thinning.index)
    >>> cross_val_views(model, study.views, study.thinning, held_out=folds, seeds=range(2), progress=False).shape
    (2, 68)
    """
    maps = thinning.to_frame().T if isinstance(thinning, pd.Series) else thinning
    regions, held_out = maps.columns, np.asarray(held_out, dtype=bool)
    if held_out.ndim != 2 or held_out.shape[1] != len(regions):
        raise ValueError(f"held_out has shape {held_out.shape}; expected (folds, {len(regions)}), one column a region.")
    values = align(maps.T, regions, "thinning").T.to_numpy(dtype=float)
    ready = MultiViewVAE(**model.get_params())
    ready.regions_ = regions
    ready._take(views, graph)
    subsets = [ready.views_] if given is None else [tuple(names) for names in given]
    for names in subsets:
        unknown = [name for name in names if name not in ready.views_]
        if unknown:
            raise ValueError(f"given: view {unknown[0]!r} is not among {', '.join(map(repr, ready.views_))}.")
        _checked({name: views[name] for name in names}, regions)
    tables = [ready._table(name, views[name]) for name in ready.views_]
    combinations = list(product(range(len(maps)), range(len(seeds)), range(len(held_out))))
    predicted = np.empty((len(subsets), len(combinations), len(regions)))
    with tqdm(total=len(combinations), desc="refits", unit="model", leave=False, disable=not progress or None) as bar:
        for start in range(0, len(combinations), _CHUNK):
            chunk = combinations[start : start + _CHUNK]
            map_, seed, fold = (np.array(column) for column in zip(*chunk, strict=True))
            found = _train(
                model.get_params(), tables, ready._weights, values[map_], ~held_out[fold], [seeds[k] for k in seed]
            )
            for number, names in enumerate(subsets):
                some = [
                    table if name in names else table._replace(present=torch.zeros_like(table.present))
                    for name, table in zip(ready.views_, tables, strict=True)
                ]
                with torch.no_grad(), one_thread():
                    thinned = found.net(*_inputs(some, ready._weights)).thinning.numpy()
                predicted[number, start : start + len(chunk)] = found.mean + found.sd * thinned
            bar.update(len(chunk))
    # (subsets, maps, seeds, folds, n) → the folds that hold a region out.
    folds = predicted.reshape(len(subsets), len(maps), len(seeds), len(held_out), -1)
    times = held_out.sum(axis=0)
    mean = np.where(times > 0, (folds * held_out).sum(axis=3) / np.maximum(times, 1), np.nan)
    levels = {"map": list(maps.index), "given": [" + ".join(names) for names in subsets], "seed": list(seeds)}
    index = pd.MultiIndex.from_product(levels.values(), names=list(levels))
    table = pd.DataFrame(mean.swapaxes(0, 1).reshape(-1, len(regions)), index, regions)
    alone = [level for level, many in (("map", maps is thinning), ("given", given is not None)) if not many]
    return table.droplevel(alone)


class _Table(NamedTuple):
    """A view as the network wants it."""

    x: Tensor  # (n, q): z-scored, rotated; zero in rows that the view lacks
    present: Tensor  # (n,) 1 where the view has the region
    n_features: int


class _Trained(NamedTuple):
    """What `_train` hands back."""

    net: MultiViewNet
    history: pd.DataFrame  # of the first copy
    mean: np.ndarray  # (K, 1) of thinning, over each copy's training regions
    sd: np.ndarray  # (K, 1)


def _nothing(features: pd.Index) -> pd.DataFrame:
    """Return a table without rows, for a view that is absent."""
    return pd.DataFrame(columns=features, dtype=float)


def _checked(views: Views, regions: pd.Index) -> dict[str, pd.DataFrame]:
    """Bring the rows of all tables into order by name, or refuse them by view, region and column."""
    if not isinstance(views, Mapping) or not len(views):
        got = "an empty one" if isinstance(views, Mapping) else type(views).__name__
        raise ValueError(f"views: expected a dict of tables by name, such as {{'expression': table}}, got {got}.")
    found = {}
    for name, table in views.items():
        index = getattr(table, "index", regions)
        mine = regions[regions.isin(index)]
        if not len(mine):
            raise ValueError(
                f"view {name!r} has none of the {len(regions)} regions; its rows are called like {index[0]!r}, "
                f"expected names like {regions[0]!r}. Is it of another parcellation?"
                if len(index)
                else f"view {name!r} has no rows. Leave it out of the dict."
            )
        found[name] = align(table, mine, f"view {name!r}")
        columns = table.columns
        if not columns.is_unique:
            raise ValueError(f"view {name!r}: column {columns[columns.duplicated()][0]!r} is given twice.")
    alone = regions[~np.any([regions.isin(table.index) for table in found.values()], axis=0)]
    if len(alone):
        raise ValueError(
            f"region {alone[0]!r} (and {len(alone) - 1} more) stands in none of the views "
            f"{', '.join(map(repr, found))}. Give a view that has it, or leave the region out of thinning."
        )
    return found


def _learn_scaling(name: str, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Learn centre and scale of each feature, and the rotation, from the regions that the view has."""
    values = table.to_numpy(dtype=float)
    centre, scale = values.mean(axis=0), values.std(axis=0)
    if not (scale > 0).all():
        raise ValueError(
            f"view {name!r}: column {table.columns[scale == 0][0]!r} (and {int((scale == 0).sum()) - 1} more) has the "
            "same value in every region, so it cannot be z-scored. Drop constant columns."
        )
    _, _, right = np.linalg.svd((values - centre) / scale, full_matrices=False)
    # The sign of a singular vector is the library's whim; a rule makes it the same on every machine.
    right *= np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])[:, None]
    return {"centre": centre, "scale": scale, "rotation": right.T.copy()}


def _network(params: dict, shapes: Sequence[tuple[int, int]], generators: list[torch.Generator]) -> MultiViewNet:
    """Make the network for views of (p, q) features and columns."""
    fan_ins, widths = zip(*shapes, strict=True)
    sizes = (params[name] for name in ("latent", "hidden", "decoder"))
    return MultiViewNet(widths, fan_ins, *sizes, generators=generators).double()


def _inputs(tables: Sequence[_Table], weights: np.ndarray) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return the tables, each view's propagation among the regions it has, and who is present (V, n)."""
    edges = torch.tensor(weights)
    among = [propagation_among(edges, table.present) for table in tables]
    return [table.x for table in tables], among, torch.stack([table.present for table in tables])


def _train(
    params: dict,
    tables: Sequence[_Table],
    weights: np.ndarray,
    y: np.ndarray,
    masks: np.ndarray,
    seeds: Sequence[int],
    progress: bool = False,
) -> _Trained:
    """Train K copies side by side: y and masks (K, n), one seed each. Copies of one seed share weights and noise."""
    fewest = int(masks.sum(axis=1).min())
    if fewest < _FEWEST:
        raise ValueError(f"only {fewest} regions to train on; expected at least {_FEWEST}. Hold fewer regions out.")
    if not 0 <= params["drop"] < 1:
        raise ValueError(f"drop is {params['drop']!r}; expected a probability in [0, 1).")
    share = masks / masks.sum(axis=1, keepdims=True)
    mean = (y * share).sum(axis=1, keepdims=True)
    sd = np.sqrt(((y - mean) ** 2 * share).sum(axis=1, keepdims=True))
    if not (sd > 0).all():
        raise ValueError("thinning has the same value in every training region; there is nothing to predict.")
    target, weight = torch.tensor((y - mean) / sd), torch.tensor(masks, dtype=torch.float64)
    x, among, present = _inputs(tables, weights)
    n_features = [table.n_features for table in tables]
    laplacian = torch.tensor(np.diag(weights.sum(axis=1)) - weights)
    distinct, row = np.unique(np.asarray(seeds, dtype=np.int64), return_inverse=True)
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    net = _network(params, [(p, table.x.shape[1]) for p, table in zip(n_features, tables, strict=True)], generators)
    streams = [torch.Generator().manual_seed(int(seed) + 2**32) for seed in distinct]
    optimiser = torch.optim.Adam(net.parameters(), lr=params["lr"], fused=True)
    amounts = {name: params[name] for name in ("smoothness", "beta", "gamma")}
    n, history = y.shape[1], []
    with one_thread():
        for epoch in tqdm(range(params["epochs"]), desc="training", leave=False, disable=not progress or None):
            draws = [torch.randn(n, params["latent"], generator=stream, dtype=torch.float64) for stream in streams]
            kept = [_kept(present, params["drop"], stream) for stream in streams]
            output = net(x, among, torch.stack(kept, dim=1)[:, row], torch.stack(draws)[row])
            terms = net.loss(output, target, weight, x, n_features, present, laplacian, **amounts)
            total = torch.stack(list(terms.values()))
            if not total.isfinite().all():
                term, copy = (~total.isfinite()).nonzero()[0].tolist()
                raise FloatingPointError(
                    f"the term {list(terms)[term]!r} of the loss became {total[term, copy].item()} at epoch {epoch} "
                    f"(copy {copy}, lr={params['lr']:g}). Lower lr, or look for extreme values in the views."
                )
            optimiser.zero_grad()
            total.sum().backward()
            optimiser.step()
            history.append(total[:, 0].detach())
    logged = torch.stack(history).numpy() if history else np.zeros((0, 3 + len(tables)))
    names = ["reconstruction", "smoothness", "kl", *(f"view {v}" for v in range(len(tables)))]
    frame = pd.DataFrame(logged, pd.RangeIndex(1, len(logged) + 1, name="epoch"), names)
    return _Trained(net, frame, mean, sd)


def _kept(present: Tensor, drop: float, generator: torch.Generator) -> Tensor:
    """Leave experts out at random, (V, n); where that would leave a region none, all that are present stay."""
    kept = present * (torch.rand(present.shape, generator=generator, dtype=torch.float64) >= drop)
    return torch.where(kept.sum(0) > 0, kept, present)
