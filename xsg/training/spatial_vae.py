"""The estimator of Spatial-VAE: `SpatialVAE`, its presets, and training that streams from disk.

The interface, on which `xsg.localise` and the chapters build:

    model = SpatialVAE(preset="xsg" | "notebook" | "paper", seed=0, **changes)      # any setting of PRESETS
    model.fit(expression, voxels, region=None, train=None, *, folded=False, pathways=None, progress=True) -> itself
        expression (n, p)   DataFrame, array or memmap of energies (float16 or float32), NaN where missing
        voxels (n, 3)       grid index AP, SI, LR of each, a DataFrame or an array (never folded)
        region (n,) or (n, levels)   labels, or a DataFrame with a column for each level of the tree, coarsest first
        train               bool mask (n,) or positions of the training voxels; None: all
        folded              learn |LR - 28.5| in the place of LR
    model.predict_place(expression, voxels=None, rows=None) -> DataFrame (m, 3)     # AP, SI, LR (or |LR - 28.5|), voxels
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
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from xsg.data.mouse import AXES, MIDLINE, SHAPE, Mouse
from xsg.data.preprocess import Preprocessor, _rows
from xsg.models.spatial_vae import SpatialVAENet

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
    "region": 0.0,
    # extensions
    "levels": (),  # depths of the structure tree with a region head, the finest last
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
    "precision": "auto",  # "float32", "bfloat16", or the faster of them on this machine
}
PRESETS = {
    # The text: 80/10/10. What it does not state is as in the notebook, see PAPER_UNKNOWN.
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
# What the text does not say and the preset "paper" therefore takes from the notebook or chooses.
PAPER_UNKNOWN = (
    "hidden",
    "decoder",
    "dropout",
    "beta",
    "classification",
    "regression",
    "lr",
    "batch",
    "epochs",
    "clip",
)

_IN_MEMORY = 256 * 2**20  # bytes of float32; a larger input is written to a file and read batch by batch
_PREDICT = 4096  # voxels of one step of prediction


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
    history_ : DataFrame
        By epoch: the terms of the loss, their total, "validation" (the total on voxels set aside, or NaN), lr.
    precision_ : str
        "float32" or "bfloat16".
    folded_ : bool
        Whether the third coordinate is the distance from the midline.

    Examples
    --------
    >>> import xsg
    >>> brain = xsg.load_mouse("simulated", n_genes=40, step=4, geometry="drawn")
    >>> train = (brain.voxels["AP"] % 3 > 0).to_numpy()
    >>> model = SpatialVAE(epochs=2, precision="float32").fit(brain, train, progress=False)
    >>> model.predict(brain, ~train).shape == ((~train).sum(), 3)
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
        brain: Mouse,
        rows: np.ndarray | None = None,
        *,
        folded: bool = False,
        pathways: pd.DataFrame | None = None,
        progress: bool = True,
    ) -> SpatialVAE:
        """Train on some voxels of a brain; everything, preprocessing included, is learned from them alone.

        Parameters
        ----------
        brain
            Expression and positions.
        rows
            Training voxels: bool mask or positions in the table; None: all.
        folded
            Learn the distance from the midline, \\|LR − 28.5\\|, instead of LR.
        pathways
            bool (pathways × genes), for ``pathways=True``.
        progress
            Show a progress bar.

        Raises
        ------
        ValueError
            Too few voxels; pathways missing or of other genes.
        FloatingPointError
            A term of the loss is no longer a number.
        """
        chosen = self.settings
        rows = _rows(brain, rows)
        generator = torch.Generator().manual_seed(self.seed)
        aside = int(round(chosen["validation"] * len(rows)))
        if len(rows) - aside < 10:
            raise ValueError(f"{len(rows) - aside} voxels to train on; expected at least 10.")
        shuffled = rows[torch.randperm(len(rows), generator=generator).numpy()]
        train, judge = np.sort(shuffled[aside:]), np.sort(shuffled[:aside])
        n_genes = None if chosen["n_genes"] is None else min(chosen["n_genes"], len(brain.genes))
        self.preprocess_ = Preprocessor(n_genes, chosen["impute"], chosen["scale"]).fit(
            brain, train, impute_from=np.arange(len(brain.voxels)) if chosen["impute_before_split"] else None
        )
        self.folded_ = folded
        self.genes_ = brain.genes[self.preprocess_.select_.genes_]
        target = _Target(brain, folded, chosen["levels"])
        self.structures_ = target.structures
        self.device_ = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with torch.random.fork_rng(devices=[]):  # the weights are drawn from torch's global stream
            torch.manual_seed(self.seed)
            self.net_ = self._network(target, train, pathways).to(self.device_)
        with tempfile.TemporaryDirectory() as folder:
            data = _Stream(brain, self.preprocess_, np.concatenate([train, judge]), Path(folder), chosen["neighbours"])
            self.precision_ = _precision(
                chosen["precision"], self.device_, chosen["batch"], data.width, chosen["hidden"][0]
            )
            self.net_.bfloat16 = self.precision_ == "bfloat16"
            self._train(data, target, len(train), generator, progress)
        return self

    def _network(self, target: _Target, train: np.ndarray, pathways: pd.DataFrame | None) -> SpatialVAENet:
        chosen = self.settings
        place = target.position[train]
        mask = None
        if chosen["pathways"]:
            if pathways is None:
                raise ValueError("pathways=True needs fit(…, pathways=), a bool table of pathways × genes.")
            missing = self.genes_.difference(pathways.columns)
            if len(missing):
                raise ValueError(f"pathways: gene {missing[0]!r} and {len(missing) - 1} more of the brain are missing.")
            mask = torch.tensor(pathways[self.genes_].to_numpy(dtype=bool))
        widths = {k: chosen[k] for k in ("latent", "hidden", "decoder", "norm", "dropout", "gene_dropout", "head")}
        return SpatialVAENet(
            self.preprocess_.n_features,
            target.sizes if chosen["classification"] else (),
            **widths,
            centre=place.mean(axis=0).tolist() if chosen["centred"] else (0.0, 0.0, 0.0),
            scale=place.std(axis=0).tolist() if chosen["centred"] else (1.0, 1.0, 1.0),
            levels=target.levels if chosen["region"] else (),
            pathways=mask,
            neighbours=chosen["neighbours"] > 0,
            reconstruct=chosen["reconstruction"] > 0,
        )

    def _train(self, data: _Stream, target: _Target, n: int, generator: torch.Generator, progress: bool) -> None:
        """Minimise the loss over the first n rows of the stream; the others judge."""
        chosen, net, device = self.settings, self.net_, self.device_
        optimiser = _OPTIMISERS[chosen["optimiser"]](
            net.parameters(), lr=chosen["lr"], weight_decay=chosen["weight_decay"]
        )
        steps = max(1, n // chosen["batch"])  # the last, smaller batch would be BatchNorm's trouble: left for next time
        if chosen["schedule"] == "cosine":
            warm = max(1, steps * chosen["epochs"] // 20)
            schedule = torch.optim.lr_scheduler.LambdaLR(
                optimiser,
                lambda step: min(1, (step + 1) / warm) * 0.5 * (1 + np.cos(np.pi * step / (steps * chosen["epochs"]))),
            )
        else:
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=5)
        weights = {k: chosen[k] for k in _WEIGHTS} | {"region_weight": chosen["region"]}
        history = []
        quiet = {} if progress else {"disable": True}
        bar = tqdm(total=steps * chosen["epochs"], desc=f"SpatialVAE {self.preset}", unit="step", leave=False, **quiet)
        begun = time.perf_counter()
        self.interrupted_ = False

        def terms_of(batch: np.ndarray, noise: bool) -> dict[str, Tensor]:
            x, near = data.batch(batch, generator, device)
            rows = data.rows[batch]
            y, index, region = (each.to(device) for each in target.take(rows))
            draw = torch.randn(len(batch), chosen["latent"], generator=generator).to(device) if noise else None
            return net.loss(net(x, draw, near), x, y, index, region, **weights)

        try:
            for epoch in range(chosen["epochs"]):
                net.train()
                order = torch.randperm(n, generator=generator).numpy()
                total: dict[str, Tensor] = {}
                for step in range(steps):
                    # Ascending, so that what lies together on disk is read together.
                    batch = np.sort(order[step * chosen["batch"] : (step + 1) * chosen["batch"]])
                    terms = terms_of(batch, True)
                    loss = sum(terms.values())
                    optimiser.zero_grad(set_to_none=True)
                    loss.backward()
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
                            f"the term {name!r} of the loss became {value} in epoch {epoch + 1} (lr={chosen['lr']:g}). "
                            "Lower lr, or look for extreme values in the expression."
                        )
                row |= {"total": sum(row.values()), "validation": np.nan, "lr": optimiser.param_groups[0]["lr"]}
                if len(data.rows) > n:
                    row["validation"] = self._judge(terms_of, n, len(data.rows))
                if chosen["schedule"] == "plateau":
                    schedule.step(row["validation"] if len(data.rows) > n else row["total"])
                history.append(row)
        except KeyboardInterrupt:
            self.interrupted_ = True
            warnings.warn(f"training interrupted after {len(history)} of {chosen['epochs']} epochs.", stacklevel=3)
        finally:
            bar.close()
            net.eval()
        self.voxels_per_second_ = len(history) * steps * chosen["batch"] / (time.perf_counter() - begun)
        self.history_ = pd.DataFrame(history, index=pd.RangeIndex(1, len(history) + 1, name="epoch"))

    @torch.no_grad()
    def _judge(self, terms_of, start: int, stop: int) -> float:
        self.net_.eval()
        total = 0.0
        for begin in range(start, stop, _PREDICT):
            batch = np.arange(begin, min(begin + _PREDICT, stop))
            total += float(sum(terms_of(batch, False).values())) * len(batch)
        return total / (stop - start)

    @torch.no_grad()
    def _run(self, brain: Mouse, rows: np.ndarray | None, seed: int | None = None):
        """Yield (rows, output) of the network, at the posterior mean or at a draw."""
        if not hasattr(self, "net_"):
            raise ValueError("this SpatialVAE is not fitted yet. Call fit(brain, rows) first.")
        if len(brain.genes) <= max(self.preprocess_.select_.genes_) or not brain.genes[
            self.preprocess_.select_.genes_
        ].equals(self.genes_):
            raise ValueError("the brain's genes are not those that the model was fitted on, in their order.")
        generator = torch.Generator().manual_seed(0 if seed is None else seed)
        every = _rows(brain, rows)
        k = self.settings["neighbours"]
        for start in range(0, len(every), _PREDICT):
            some = every[start : start + _PREDICT]
            data = _Stream(brain, self.preprocess_, some, None, k)
            x, near = data.batch(np.arange(len(some)), generator, self.device_)
            noise = None
            if seed is not None:
                noise = torch.randn(len(some), self.settings["latent"], generator=generator).to(self.device_)
            yield self.net_(x, noise, near)

    def predict(self, brain: Mouse, rows: np.ndarray | None = None) -> pd.DataFrame:
        """Return where voxels lie, at the posterior mean: DataFrame (m, 3) in voxels, columns AP, SI, LR.

        The third column is the distance from the midline if the model was fitted so.
        """
        found = torch.cat([output.position for output in self._run(brain, rows)]).cpu().numpy()
        return pd.DataFrame(found, _rows(brain, rows), list(AXES)).rename_axis("voxel")

    def spread(self, brain: Mouse, rows: np.ndarray | None = None, n: int = 20, seed: int = 0) -> pd.DataFrame:
        """Return the standard deviation of the position over n draws of the posterior, in voxels (m, 3)."""
        draws = [torch.cat([output.position for output in self._run(brain, rows, seed + k)]) for k in range(n)]
        return pd.DataFrame(torch.stack(draws).std(dim=0).cpu().numpy(), _rows(brain, rows), list(AXES))

    def encode(self, brain: Mouse, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the posterior mean μ, float32 (m, d)."""
        return torch.cat([output.mean for output in self._run(brain, rows)]).cpu().numpy()

    def predict_region(self, brain: Mouse, rows: np.ndarray | None = None, level: int = -1) -> pd.DataFrame:
        """Return probabilities of the structures at a level of ``levels``: DataFrame (m, structures), columns ids."""
        if getattr(self, "net_", None) is None or self.net_.region is None:
            raise ValueError("this SpatialVAE has no region head: set region=1.0 and levels=(…) and fit it.")
        found = [self.net_.region_log_probabilities(output.region)[level].exp() for output in self._run(brain, rows)]
        return pd.DataFrame(torch.cat(found).cpu().numpy(), _rows(brain, rows), self.structures_[level])


_WEIGHTS = ("reconstruction", "beta", "classification", "regression", "euclidean", "power", "unit")
_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad}


class _Target:
    """Positions, grid indices and structures of all voxels, as the loss wants them."""

    def __init__(self, brain: Mouse, folded: bool, depths: tuple[int, ...]):
        self.position = brain.positions(folded)
        index = brain.voxels.to_numpy().copy()
        if folded:
            index[:, 2] = (np.abs(index[:, 2] - MIDLINE) - 0.5).astype(int)
        self.sizes = (*SHAPE[:2], SHAPE[2] // 2 if folded else SHAPE[2])
        self._index, self._position = torch.tensor(index), torch.tensor(self.position)
        leaf = brain.ancestors(depths[-1]) if depths else brain.region
        leaves = np.unique(leaf)
        self._region = torch.tensor(np.searchsorted(leaves, leaf.to_numpy()))
        self.levels, self.structures = [], []
        for depth in depths:
            path = brain.structures["path"].loc[leaves]
            above = np.array([each[min(depth, len(each) - 1)] for each in path])
            names, group = np.unique(above, return_inverse=True)
            self.levels.append(torch.tensor(group))
            self.structures.append(names)

    def take(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        return self._position[rows], self._index[rows], self._region[rows]


class _Stream:
    """Preprocessed expression of some voxels, batch by batch: from memory if small, else from a file of float16.

    With neighbours, every voxel is followed by k sampled from the (up to 26) that touch it and are among ``rows``.
    """

    def __init__(self, brain: Mouse, preprocess: Preprocessor, rows: np.ndarray, folder: Path | None, neighbours: int):
        self.rows, self.width, self.k = rows, preprocess.n_features, neighbours
        if folder is None or len(rows) * self.width * 4 <= _IN_MEMORY:
            self._x = preprocess.transform(brain, rows)
        else:
            with (folder / "input.f16").open("wb") as file:
                for start in range(0, len(rows), _PREDICT):
                    x = preprocess.transform(brain, rows[start : start + _PREDICT])
                    file.write(x.clip(-6e4, 6e4).astype(np.float16).data)
            self._x = np.memmap(folder / "input.f16", np.float16, "r", shape=(len(rows), self.width))
        if neighbours:
            place = np.full(tuple(size + 2 for size in SHAPE), -1)
            voxels = brain.voxels.to_numpy()[rows] + 1
            place[tuple(voxels.T)] = np.arange(len(rows))
            step = _spacing(brain)
            offsets = [
                (a, s, r)
                for a in (-step, 0, step)
                for s in (-step, 0, step)
                for r in (-step, 0, step)
                if (a, s, r) != (0, 0, 0)
            ]
            self._near = np.stack(
                [place[tuple(np.clip(voxels + o, 0, np.array(SHAPE) + 1).T)] for o in offsets], axis=1
            )

    def batch(
        self, chosen: np.ndarray, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Return x (B, p) of the rows at these places, and their sampled neighbours."""
        x = torch.from_numpy(self._x[chosen]).to(device, torch.float32)
        if not self.k:
            return x, None
        candidates = torch.from_numpy(self._near[chosen])
        # The k of smallest random rank among those that exist.
        rank = torch.rand(candidates.shape, generator=generator).masked_fill_(candidates < 0, 2.0)
        order = rank.argsort(dim=1)[:, : self.k]
        taken = candidates.gather(1, order)
        to = torch.arange(len(chosen))[:, None].expand_as(taken)
        exists = taken >= 0
        # A neighbour of several voxels of the batch is read once.
        nodes, source = torch.unique(taken[exists], return_inverse=True)
        near = torch.from_numpy(self._x[nodes.numpy()]).to(device, torch.float32)
        return x, (near, torch.stack([source, to[exists]]).to(device))


def _spacing(brain: Mouse) -> int:
    """Grid steps between neighbouring voxels of this brain: 1, or what ``step`` of `load_mouse` made of it."""
    levels = np.unique(brain.voxels["AP"])
    return int(np.diff(levels).min()) if len(levels) > 1 else 1


def _precision(wanted: str, device: torch.device, rows: int, inner: int, columns: int) -> str:
    if wanted not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision is {wanted!r}; expected 'auto', 'float32' or 'bfloat16'.")
    if wanted != "auto":
        return wanted
    return "bfloat16" if inner >= 1000 and _bfloat16_gain(device, rows, inner, columns) > 1.5 else "float32"


@lru_cache
def _bfloat16_gain(device: torch.device, rows: int, inner: int, columns: int) -> float:
    """Time the encoder's first product in both arithmetics: float32 time over bfloat16 time."""
    took = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = (torch.zeros(shape, device=device, dtype=dtype) for shape in ((rows, inner), (inner, columns)))
        times = []
        for _ in range(4):
            started = time.perf_counter()
            left @ right
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
        took[dtype] = min(times)
    return took[torch.float32] / took[torch.bfloat16]
