"""The estimator of Spatial-VAE: `SpatialVAE`, its presets, and training that streams from disk.

The interface, on which `xsg.localise` and the chapters build:

    model = SpatialVAE(preset="xsg" | "notebook" | "paper", seed=0, **changes)      # any setting of PRESETS
    model.fit(expression, voxels, region=None, train=None, *, folded=False, pathways=None, progress=True) -> itself
        expression (n, p)   DataFrame, array or memmap of energies (float16 or float32), NaN where missing
        voxels (n, 3)       grid index AP, SI, LR of each, a DataFrame or an array (never folded)
        region (n,) or (n, levels)   labels, or a DataFrame with a column for each level of the tree, coarsest first
        train               bool mask (n,) or positions of the training voxels; None: all
        folded              learn |LR - 28.5| in the place of LR
    model.predict_place(expression, voxels=None, rows=None) -> DataFrame (m, 3)     # AP, SI, LR (or |LR - 28.5|)
    model.encode(...), model.predict_region(..., level), model.spread(...)          # same three arguments
    model.history_          DataFrame by epoch: every named term of the loss, total, validation, lr
    model.save(path), SpatialVAE.load(path)                                         # safetensors + JSON

All are evaluated at the posterior mean. ``rows`` are the voxels asked about; the others are there for the models that
look at a voxel's neighbours (``neighbours > 0``, or values filled in from neighbours, ``impute > 0``), and only these
need ``voxels``. So `model.predict_place(brain.expression, brain.voxels, rows=held_out)` works for every model.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from xsg.data.mouse import AXES, SHAPE, fold
from xsg.data.preprocess import Preprocessor, _rows
from xsg.machine import fast_products, one_thread
from xsg.models.spatial_vae import Output, SpatialVAENet
from xsg.training.files import read_model, write_model

# Everything that can be set, with what it means; a preset gives each a value.
_PUBLISHED = {
    # data
    "n_genes": 3000,  # at most so many, by variance
    "scale": "robust",  # see xsg.data.preprocess.Scaler
    "impute": 6,  # spatial neighbours asked for a missing value; 0: the gene's typical energy
    "impute_before_split": False,  # the imputer sees the held-out voxels too, as in the notebook
    # network
    "latent": 50,
    "hidden": (1000, 500),
    "decoder": (500,),
    "norm": "batch",
    "dropout": 0.7,
    "gene_dropout": 0.0,
    "head": 0,  # hidden width of the position's head; 0: linear
    "centred": False,  # positions standardised by the training voxels' mean and spread
    # loss
    "reconstruction": 1.0,
    "beta": 1.0,
    "classification": 1.0,
    "regression": 1.0,
    "euclidean": 1.0,
    "power": 2,
    "unit": 1.0,
    "region": 0.0,  # weight of the region head, summed up the levels given to fit
    # extensions
    "pathways": False,  # decode through the pathways given to fit
    "neighbours": 0,  # neighbours of each voxel that are sampled in a step; 0: none
    # training
    "optimiser": "adam",
    "lr": 1e-3,
    "weight_decay": 0.0,
    "batch": 1000,
    "epochs": 50,
    "clip": 1.0,
    "schedule": "plateau",  # halve lr after 5 epochs without a better validation loss; or "cosine"
    "validation": 1 / 9,  # share of the training voxels set aside for that
    "precision": "auto",  # "float32", "bfloat16"; or bfloat16 where the processor has it and there are many genes
}
PRESETS = {
    # The text: 80/10/10. What it does not state is as in the notebook, see PAPER_STATED.
    "paper": _PUBLISHED,
    # The notebook that ran: 64/16/20.
    "notebook": _PUBLISHED
    | {
        "scale": "voxel",
        "impute_before_split": True,
        "latent": 200,
        "reconstruction": 1e6,
        "classification": 0.0,  # its weight of 10 is switched off
        "regression": 100.0,
        "euclidean": 100.0,
        "power": 1,
        "optimiser": "adagrad",
        "weight_decay": 1e-7,
        "validation": 0.2,
    },
    # Ours: logarithms, no position in what is filled in, no dropout before a normalisation, positions centred.
    "xsg": _PUBLISHED
    | {
        "n_genes": None,
        "scale": "log",
        "impute": 0,
        "latent": 64,
        "hidden": (512, 256),
        "decoder": (256,),
        "norm": "layer",
        "dropout": 0.0,
        "gene_dropout": 0.2,
        "head": 128,
        "centred": True,
        "reconstruction": 1.0,
        "beta": 1e-3,
        "classification": 0.0,
        "regression": 0.0,
        "euclidean": 1.0,
        "power": 1,
        "unit": 5.0,
        "optimiser": "adamw",
        "lr": 2e-3,
        "weight_decay": 1e-2,
        "batch": 500,
        "epochs": 30,
        "schedule": "cosine",
        "validation": 0.0,
    },
}
# What the text states; all else of preset "paper" is the notebook's, or (beta and the weights w) chosen here.
PAPER_STATED = ("scale", "latent", "reconstruction", "power", "optimiser", "validation")

_IN_MEMORY = 256 * 2**20  # bytes of float32; a larger input is written to a file and read batch by batch
_PREDICT = 4096  # voxels of one step of prediction
_ALL_THREADS_FROM = 3e8  # multiplications in the first layer for one batch; threads only wait for each other below
_BFLOAT16_FROM = 1000  # genes; "auto" leaves a smaller first layer in float32, on every machine


class SpatialVAE:
    """Where does a voxel lie? A variational autoencoder of expression with heads for its position.

    Parameters
    ----------
    preset
        "xsg" (ours), "notebook" or "paper" (as published: see `PRESETS` for every number).
    seed
        The same seed gives the same model.
    **changes
        Any setting of `PRESETS`, to differ from the preset.

    Attributes
    ----------
    net_ : SpatialVAENet
    preprocess_ : Preprocessor
    genes_ : Index
        Those that the network reads.
    levels_ : list of Index
        Names of the structures at each level, coarsest first; empty without a region head.
    history_ : DataFrame
        By epoch: the terms of the loss, their total, "validation" (the total on voxels set aside, or NaN), lr.
    precision_ : str
        "float32" or "bfloat16", the arithmetic of the large products in training; predictions are float32.
    folded_, interrupted_ : bool
        Whether the third coordinate is the distance from the midline; whether Ctrl-C ended the fit.
    seconds_ : list of float
        What each epoch took.

    Examples
    --------
    >>> import xsg
    >>> brain = xsg.load_mouse("simulated", n_genes=40, step=4, geometry="drawn")
    >>> train = (brain.voxels["AP"] % 3 > 0).to_numpy()
    >>> model = SpatialVAE(epochs=2).fit(brain.expression, brain.voxels, train=train, progress=False)
    >>> model.predict_place(brain.expression, rows=~train).shape == ((~train).sum(), 3)
    True
    """

    def __init__(self, preset: str = "xsg", seed: int = 0, **changes: object):
        if preset not in PRESETS:
            raise ValueError(f"preset is {preset!r}; expected one of {', '.join(map(repr, PRESETS))}.")
        unknown = [name for name in changes if name not in _PUBLISHED]
        if unknown:
            raise ValueError(f"SpatialVAE has no setting {unknown[0]!r}; it has: {', '.join(_PUBLISHED)}.")
        self.preset, self.seed, self.changes = preset, seed, changes

    @property
    def settings(self) -> dict[str, object]:
        """Every setting: the preset's, with the changes."""
        return PRESETS[self.preset] | self.changes

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return the arguments of the constructor, as scikit-learn asks for them."""
        return {"preset": self.preset, "seed": self.seed, **self.changes}

    def __repr__(self) -> str:
        """Show the constructor's call."""
        inside = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"SpatialVAE({inside})"

    def fit(
        self,
        expression: pd.DataFrame | np.ndarray,
        voxels: pd.DataFrame | np.ndarray,
        region: pd.DataFrame | pd.Series | np.ndarray | None = None,
        train: np.ndarray | None = None,
        *,
        folded: bool = False,
        pathways: pd.DataFrame | np.ndarray | None = None,
        progress: bool = True,
    ) -> SpatialVAE:
        r"""Train on some voxels of a brain; everything, preprocessing included, is learned from them alone.

        Parameters
        ----------
        expression
            Energies (n voxels, p genes), NaN where missing; may be mapped from disk.
        voxels
            Grid index AP, SI, LR of each (n, 3).
        region
            Labels (n,), or (n, levels) with the coarsest level first, each label of a level within one label of the
            level before; needed for ``region > 0``.
        train
            Training voxels: bool mask or positions in the table; None: all.
        folded
            Learn the distance from the midline, \|LR − 28.5\|, instead of LR.
        pathways
            bool (pathways, p), for ``pathways=True``.
        progress
            Show a progress bar.

        Raises
        ------
        ValueError
            Tables that do not belong together; too few voxels; region or pathways missing where they are needed.
        FloatingPointError
            A term of the loss that is not finite, by name.
        """
        chosen = self.settings
        table = _Table(expression, voxels)
        rows = _rows(table, train)
        generator = torch.Generator().manual_seed(self.seed)
        aside = round(chosen["validation"] * len(rows))
        if len(rows) - aside < 10:
            raise ValueError(f"{len(rows) - aside} voxels to train on; expected at least 10.")
        shuffled = rows[torch.randperm(len(rows), generator=generator).numpy()]
        fitted, judges = np.sort(shuffled[aside:]), np.sort(shuffled[:aside])
        n_genes = None if chosen["n_genes"] is None else min(chosen["n_genes"], len(table.genes))
        self.preprocess_ = Preprocessor(n_genes, chosen["impute"], chosen["scale"]).fit(
            table, fitted, impute_from=np.arange(len(table.voxels)) if chosen["impute_before_split"] else None
        )
        self.all_genes_ = table.genes
        self.genes_ = table.genes[self.preprocess_.select_.genes_]
        self.folded_ = folded
        place = table.positions(folded)
        leaf, self.levels_, tree = np.zeros(len(place), int), [], []
        if chosen["region"]:
            leaf, self.levels_, tree = _read_tree(region, len(place))
        self.device_ = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.precision_ = _precision(chosen["precision"], self.device_, self.preprocess_.n_features)
        centre, spread = place[fitted].mean(axis=0), place[fitted].std(axis=0)
        # Weights and dropout are drawn from torch's global stream.
        with torch.random.fork_rng(), tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(self.seed)
            self.net_ = self._network(
                self._mask(pathways) if chosen["pathways"] else None,
                tree,
                centre if chosen["centred"] else np.zeros(3),
                np.where(spread > 0, spread, 1) if chosen["centred"] else np.ones(3),
            )
            stream = _Stream(table, self.preprocess_, np.concatenate([fitted, judges]), Path(folder))
            if chosen["neighbours"]:
                stream.join(table.positions())
            answers = [torch.from_numpy(each) for each in (place, np.floor(place).astype(np.int64), leaf)]
            self._train(stream, answers, len(fitted), generator, progress)
        return self

    def _mask(self, pathways: pd.DataFrame | np.ndarray | None) -> Tensor:
        chosen = self.preprocess_.select_.genes_
        wanted = len(self.all_genes_)
        if pathways is None or np.shape(pathways)[1:] != (wanted,):
            raise ValueError(
                f"pathways: {None if pathways is None else np.shape(pathways)}; pathways=True needs fit(…, pathways=), "
                f"a bool table with a row for each pathway and a column for each of the {wanted} genes."
            )
        named = isinstance(pathways, pd.DataFrame) and not isinstance(self.all_genes_, pd.RangeIndex)
        if named and not pathways.columns.equals(self.all_genes_):
            raise ValueError("pathways: its columns are not the genes of the expression table, in their order.")
        return torch.from_numpy(np.asarray(pathways, dtype=bool)[:, chosen])

    def _network(self, mask: Tensor | None, tree: list[Tensor], centre, scale) -> SpatialVAENet:
        chosen = self.settings
        widths = {k: chosen[k] for k in ("latent", "hidden", "decoder", "norm", "dropout", "gene_dropout", "head")}
        net = SpatialVAENet(
            self.preprocess_.n_features,
            SHAPE if chosen["classification"] else (),
            **widths,
            centre=centre,
            scale=scale,
            levels=tree,
            pathways=mask,
            neighbours=chosen["neighbours"] > 0,
            reconstruct=chosen["reconstruction"] > 0,
        )
        return net.to(self.device_)

    @contextmanager
    def _fast(self) -> Iterator[None]:
        """Use one thread for small products, and float32 products that are as exact and faster where there are some."""
        chosen = self.settings
        first = chosen["batch"] * self.preprocess_.n_features * chosen["hidden"][0]
        smallest = chosen["batch"] * chosen["latent"] * min(chosen["hidden"])
        with one_thread() if first < _ALL_THREADS_FROM else nullcontext(), fast_products(smallest):
            yield

    def _train(self, stream: _Stream, answers: list[Tensor], n: int, generator: torch.Generator, progress: bool):
        """Minimise the loss over the first n rows of the stream; the others judge."""
        chosen, net, device = self.settings, self.net_, self.device_
        optimiser = _OPTIMISERS[chosen["optimiser"]](
            net.parameters(), lr=chosen["lr"], weight_decay=chosen["weight_decay"], fused=True
        )
        # The last, smaller batch would be BatchNorm's trouble: its voxels have their turn in the next epoch.
        steps = max(1, n // chosen["batch"])
        total_steps = steps * chosen["epochs"]
        if chosen["schedule"] == "cosine":
            warm = max(1, total_steps // 20)
            schedule = torch.optim.lr_scheduler.LambdaLR(
                optimiser, lambda step: min(1, (step + 1) / warm) * 0.5 * (1 + np.cos(np.pi * step / total_steps))
            )
        else:
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=5)
        weights = {k: chosen[k] for k in _WEIGHTS} | {"region_weight": chosen["region"]}
        history = []
        bar = tqdm(total=total_steps, desc=f"SpatialVAE {self.preset}", unit="step", leave=False, disable=not progress)
        self.interrupted_ = False
        net.bfloat16 = self.precision_ == "bfloat16"
        self.seconds_ = []

        def terms_of(batch: np.ndarray, learning: bool) -> dict[str, Tensor]:
            x = stream.read(batch).to(device)
            near = None
            if chosen["neighbours"]:
                near = stream.neighbourhood(batch, chosen["neighbours"] if learning else None, generator, device)
            rows = torch.from_numpy(stream.rows[batch])
            y, index, leaf = (each[rows].to(device) for each in answers)
            noise = torch.randn(len(batch), chosen["latent"], generator=generator).to(device) if learning else None
            return net.loss(net(x, noise, near), x, y, index, leaf, **weights)

        try:
            with self._fast():
                for epoch in range(chosen["epochs"]):
                    begun = time.perf_counter()
                    net.train()
                    order = torch.randperm(n, generator=generator).numpy()
                    total: dict[str, Tensor] = {}
                    for step in range(steps):
                        # Ascending, so that what lies together on disk is read together.
                        terms = terms_of(np.sort(order[step * chosen["batch"] : (step + 1) * chosen["batch"]]), True)
                        optimiser.zero_grad(set_to_none=True)
                        sum(terms.values()).backward()
                        if chosen["clip"]:
                            torch.nn.utils.clip_grad_norm_(net.parameters(), chosen["clip"])
                        optimiser.step()
                        if chosen["schedule"] == "cosine":
                            schedule.step()
                        for name, value in terms.items():
                            total[name] = total.get(name, 0) + value.detach()
                        bar.update()
                    row = {name: float(value) / steps for name, value in total.items()}
                    for name, value in row.items():
                        if not np.isfinite(value):
                            raise FloatingPointError(
                                f"the term {name!r} of the loss became {value} in epoch {epoch + 1} "
                                f"(lr={chosen['lr']:g}). Lower lr, or look for extreme values in the expression."
                            )
                    row |= {"total": sum(row.values()), "validation": np.nan, "lr": optimiser.param_groups[0]["lr"]}
                    if len(stream.rows) > n:
                        row["validation"] = self._judge(terms_of, n, len(stream.rows))
                    if chosen["schedule"] == "plateau":
                        schedule.step(row["validation"] if len(stream.rows) > n else row["total"])
                    history.append(row)
                    self.seconds_.append(time.perf_counter() - begun)
        except KeyboardInterrupt:
            self.interrupted_ = True
            warnings.warn(f"training interrupted after {len(history)} of {chosen['epochs']} epochs.", stacklevel=3)
        finally:
            bar.close()
            net.eval()
            net.bfloat16 = False
        self.history_ = pd.DataFrame(history, index=pd.RangeIndex(1, len(history) + 1, name="epoch"))

    @torch.no_grad()
    def _judge(self, terms_of, start: int, stop: int) -> float:
        self.net_.eval()
        total = 0.0
        for begin in range(start, stop, _PREDICT):
            batch = np.arange(begin, min(begin + _PREDICT, stop))
            total += float(sum(terms_of(batch, False).values())) * len(batch)
        return total / (stop - start)

    def _check_fitted(self) -> None:
        if not hasattr(self, "net_"):
            raise ValueError("this SpatialVAE is not fitted yet. Call fit(expression, voxels) first.")

    def _run(self, expression, voxels, rows) -> Iterator[tuple[np.ndarray, Output]]:
        """Yield rows and the network's output at the posterior mean, block by block."""
        self._check_fitted()
        table = _Table(expression, voxels)
        if not table.genes.equals(self.all_genes_):
            raise ValueError(
                f"expression has {len(table.genes)} genes, {table.genes[0]!r} first; the model was fitted on "
                f"{len(self.all_genes_)}, {self.all_genes_[0]!r} first. Give it the same genes in the same order."
            )
        wanted = _rows(table, rows)
        stream = _Stream(table, self.preprocess_, np.arange(len(table.voxels)), None)
        if self.settings["neighbours"]:
            stream.join(table.positions())
        with self._fast():
            for start in range(0, len(wanted), _PREDICT):
                some = wanted[start : start + _PREDICT]
                near = None
                if self.settings["neighbours"]:
                    near = stream.neighbourhood(some, None, None, self.device_)
                yield some, self.net_(stream.read(some).to(self.device_), None, near)

    @torch.no_grad()
    def _frame(self, outputs, part, columns) -> pd.DataFrame:
        found = [(rows, part(output)) for rows, output in outputs]
        values = torch.cat([value for _, value in found]).float().cpu().numpy()
        return pd.DataFrame(values, np.concatenate([rows for rows, _ in found]), columns).rename_axis("voxel")

    def predict_place(self, expression, voxels=None, rows: np.ndarray | None = None) -> pd.DataFrame:
        """Return where voxels lie, at the posterior mean.

        Parameters
        ----------
        expression
            Energies (n, p) of the genes that the model was fitted on.
        voxels
            Grid index of each (n, 3); only for a model that reads neighbours. One that fills values in from neighbours
            needs the very table that it was fitted on.
        rows
            Those asked about: bool mask or positions in the table; None: all.

        Returns
        -------
        DataFrame, shape (m, 3)
            Columns AP, SI, LR, in voxels; LR is the distance from the midline if the model was fitted so.
        """
        return self._frame(self._run(expression, voxels, rows), lambda output: output.position, list(AXES))

    def encode(self, expression, voxels=None, rows: np.ndarray | None = None) -> pd.DataFrame:
        """Return the posterior mean μ (m, d); arguments as in `predict_place`."""
        return self._frame(self._run(expression, voxels, rows), lambda output: output.mean, None)

    def reconstruct(self, expression, voxels=None, rows: np.ndarray | None = None) -> pd.DataFrame:
        """Return expression decoded from the posterior mean, in the network's scale (m, genes kept)."""
        self._check_fitted()
        if self.net_.decoder is None:
            raise ValueError("this SpatialVAE does not decode expression: its setting reconstruction is 0.")
        return self._frame(self._run(expression, voxels, rows), lambda output: output.expression, self.genes_)

    def spread(self, expression, voxels=None, rows: np.ndarray | None = None, n: int = 20, seed: int = 0):
        """Return the standard deviation of the position over n draws of the posterior, in voxels: DataFrame (m, 3)."""
        generator = torch.Generator().manual_seed(seed)

        def part(output: Output) -> Tensor:
            noise = torch.randn(n, *output.mean.shape, generator=generator).to(self.device_)
            draws = output.mean + torch.exp(0.5 * output.log_variance) * noise
            return torch.stack([self.net_.position(each) for each in draws]).std(dim=0)

        return self._frame(self._run(expression, voxels, rows), part, list(AXES))

    def predict_region(self, expression, voxels=None, rows: np.ndarray | None = None, level: int = -1) -> pd.DataFrame:
        """Return probabilities of the structures at a level (−1: the finest): DataFrame (m, structures)."""
        self._check_fitted()
        if self.net_.region is None:
            raise ValueError("this SpatialVAE has no region head: set region=1.0 and fit it with region=….")

        def part(output: Output) -> Tensor:
            return self.net_.region_log_probabilities(output.region)[level].exp()

        return self._frame(self._run(expression, voxels, rows), part, self.levels_[level])

    def save(self, path: str | Path) -> Path:
        """Write the model to one ``.safetensors`` file, arrays and JSON, no pickle; never half a file."""
        self._check_fitted()
        learned = self.preprocess_
        arrays = {f"net.{name}": value.cpu() for name, value in self.net_.state_dict().items()}
        arrays |= {f"tree.{k}": level for k, level in enumerate(self.net_.levels)}
        for name, holder in _LEARNED.items():
            value = getattr(getattr(learned, holder), name, None)
            if value is not None:
                arrays[f"preprocess.{name}"] = torch.from_numpy(np.asarray(value))
        facts = {
            "class": "SpatialVAE",
            "params": self.get_params(),
            "genes": [self.all_genes_.name, self.all_genes_.tolist()],
            "levels": [level.tolist() for level in self.levels_],
            "history": self.history_.to_dict(orient="list"),
            "fitted": {name: getattr(self, name) for name in _FITTED},
        }
        return write_model(path, arrays, facts)

    @classmethod
    def load(cls, path: str | Path) -> SpatialVAE:
        """Read a model that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is not a SpatialVAE saved by xsg, or is damaged.
        """
        facts, arrays = read_model(path, "SpatialVAE")
        # JSON knows no tuples.
        model = cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in facts["params"].items()})
        chosen = model.settings
        model.all_genes_ = pd.Index(facts["genes"][1], name=facts["genes"][0])
        model.levels_ = [pd.Index(level) for level in facts["levels"]]
        for name, value in facts["fitted"].items():
            setattr(model, name, value)
        model.history_ = pd.DataFrame(facts["history"])
        model.history_.index = pd.RangeIndex(1, len(model.history_) + 1, name="epoch")
        model.preprocess_ = Preprocessor(None, chosen["impute"], chosen["scale"])
        for name, holder in _LEARNED.items():
            if f"preprocess.{name}" in arrays:
                setattr(getattr(model.preprocess_, holder), name, arrays[f"preprocess.{name}"].numpy())
        chosen_genes = model.preprocess_.impute_.genes_ = model.preprocess_.select_.genes_
        model.genes_ = model.all_genes_[chosen_genes]
        model.device_ = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        state = {name.removeprefix("net."): value for name, value in arrays.items() if name.startswith("net.")}
        mask = state.get("decoder.mask")
        tree = [arrays[f"tree.{k}"] for k in range(len(model.levels_))]
        model.net_ = model._network(None if mask is None else mask > 0, tree, np.zeros(3), np.ones(3))
        model.net_.load_state_dict(state)
        model.net_.eval()
        return model


_WEIGHTS = ("reconstruction", "beta", "classification", "regression", "euclidean", "power", "unit")
_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad}
_FITTED = ("folded_", "interrupted_", "precision_", "seconds_")
# What the preprocessing learns, and which of its parts.
_LEARNED = {
    **dict.fromkeys(("genes_",), "select_"),
    **dict.fromkeys(("rows_", "place_", "typical_"), "impute_"),
    **dict.fromkeys(("centre_", "spread_"), "scale_"),
}


class _Table:
    """Expression and places as `Preprocessor` reads them from a brain."""

    def __init__(self, expression: pd.DataFrame | np.ndarray, voxels: pd.DataFrame | np.ndarray | None):
        framed = isinstance(expression, pd.DataFrame)
        self.expression = expression.to_numpy() if framed else expression
        if np.ndim(self.expression) != 2 or not np.issubdtype(self.expression.dtype, np.floating):
            raise ValueError(f"expression: {np.shape(expression)}; expected a float table (voxels, genes).")
        n, p = self.expression.shape
        self.genes = expression.columns if framed else pd.RangeIndex(p)
        self._placed = voxels is not None
        if isinstance(voxels, pd.DataFrame) and list(voxels.columns) != list(AXES):
            raise ValueError(f"voxels: columns are {list(voxels.columns)}; expected {list(AXES)}.")
        self.voxels = np.asarray(voxels) if self._placed else np.empty((n, 3))
        if self.voxels.shape != (n, 3):
            raise ValueError(f"voxels: shape {self.voxels.shape}; expected ({n}, 3), one place for each row.")
        if self._placed and not ((self.voxels >= 0) & (self.voxels < SHAPE)).all():
            raise ValueError(f"voxels: expected grid indices below {SHAPE}; found {self.voxels.max(axis=0)}.")

    def positions(self, folded: bool = False) -> np.ndarray:
        if not self._placed:
            raise ValueError("this model looks at each voxel's neighbours: it needs voxels, the grid indices.")
        return fold(self.voxels) if folded else self.voxels.astype(np.float32)


def _read_tree(region, n: int) -> tuple[np.ndarray, list[pd.Index], list[Tensor]]:
    """Give numbers to the finest labels, and find each one's label at every level above."""
    if region is None:
        raise ValueError("the setting region > 0 needs fit(…, region=…), a label for each voxel.")
    frame = region if isinstance(region, pd.DataFrame) else pd.DataFrame(np.asarray(region))
    if len(frame) != n:
        raise ValueError(f"region: {len(frame)} rows; expected {n}, one for each voxel.")
    frame = frame.reset_index(drop=True)
    finest = frame.iloc[:, -1]
    leaf, leaves = pd.factorize(finest, sort=True)
    tree, levels = [], []
    for name, column in frame.items():
        pairs = pd.DataFrame({"leaf": leaf, "above": column}).drop_duplicates().sort_values("leaf")
        if len(pairs) > len(leaves):
            bad = leaves[pairs["leaf"][pairs["leaf"].duplicated()].iloc[0]]
            raise ValueError(f"region: {bad!r} lies in more than one label of level {name!r}; levels must be nested.")
        code, names = pd.factorize(pairs["above"], sort=True)
        tree.append(torch.from_numpy(code.astype(np.int64)))
        levels.append(pd.Index(names))
    return leaf.astype(np.int64), levels, tree


class _Stream:
    """Preprocessed expression of some voxels, batch by batch: from memory if small, else from a file of float16.

    Without a folder, nothing is kept: every batch is preprocessed when it is asked for.
    """

    def __init__(self, table: _Table, preprocess: Preprocessor, rows: np.ndarray, folder: Path | None):
        self.rows, self._table, self._preprocess, self._x = rows, table, preprocess, None
        if folder is None:
            return
        width = preprocess.n_features
        if len(rows) * width * 4 <= _IN_MEMORY:
            self._x = preprocess.transform(table, rows)
            return
        with (folder / "input.f16").open("wb") as file:
            for start in range(0, len(rows), _PREDICT):
                x = preprocess.transform(table, rows[start : start + _PREDICT])
                file.write(x.clip(-6e4, 6e4).astype(np.float16).data)
        self._x = np.memmap(folder / "input.f16", np.float16, "r", shape=(len(rows), width))

    def read(self, places: np.ndarray) -> Tensor:
        """Return the network's input float32 (B, p) of the rows at these places."""
        if self._x is None:
            return torch.from_numpy(self._preprocess.transform(self._table, self.rows[places]))
        return torch.from_numpy(self._x[places]).float()

    def join(self, positions: np.ndarray) -> None:
        """Find the (up to 26) voxels that touch each voxel and are among the rows: place (n, 26), −1 for none."""
        voxels = positions[self.rows].astype(int)
        # Of a brain of which every second voxel is taken, neighbours are two apart; except across the midline, where
        # left and right meet at one apart whatever the step: so LR is not asked, and those are no neighbours then.
        apart = [np.diff(np.unique(voxels[:, axis])) for axis in (0, 1)]
        step = int(min(gaps.min(initial=SHAPE[0]) for gaps in apart))
        place = np.full(tuple(size + 2 * step for size in SHAPE), -1)
        voxels += step
        place[tuple(voxels.T)] = np.arange(len(voxels))
        offsets = [o for o in np.ndindex(3, 3, 3) if o != (1, 1, 1)]
        self.near = np.stack([place[tuple((voxels + step * (np.array(o) - 1)).T)] for o in offsets], axis=1)

    def neighbourhood(
        self, places: np.ndarray, k: int | None, generator: torch.Generator | None, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return expression (M, p) of neighbours and the edges (2, E) from them: k drawn for each voxel; None: all."""
        taken = torch.from_numpy(self.near[places])
        if k is not None:
            # The k of smallest random rank among those that exist.
            rank = torch.rand(taken.shape, generator=generator).masked_fill_(taken < 0, 2.0)
            taken = taken.gather(1, rank.argsort(dim=1)[:, :k])
        exists = taken >= 0
        to = torch.arange(len(places))[:, None].expand_as(taken)[exists]
        # A neighbour of several voxels of the batch is read once.
        nodes, source = torch.unique(taken[exists], return_inverse=True)
        return self.read(nodes.numpy()).to(device), torch.stack([source, to]).to(device)


def _precision(wanted: str, device: torch.device, genes: int) -> str:
    """Choose the arithmetic of the large products by what the processor has, not by a stopwatch: same machine, same."""
    if wanted not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision is {wanted!r}; expected 'auto', 'float32' or 'bfloat16'.")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        can = getattr(torch.cpu, "get_capabilities", dict)()
        has = can.get("avx512_bf16", False) or can.get("amx_bf16", False)
    return "bfloat16" if has and genes >= _BFLOAT16_FROM else "float32"
