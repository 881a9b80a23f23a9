"""The estimator of Spatial-VAE: `SpatialVAE`, its presets, and training that streams from disk.

All are evaluated at the posterior mean, but for places of the published presets: these are of one draw (the setting
``sampled``). ``rows`` are the voxels asked about; the others are there for the models that look at a voxel's neighbours
(``neighbours > 0``, or values filled in from neighbours, ``impute > 0``), and only these need ``voxels``. So
`model.predict_place(brain.expression, brain.voxels, rows=held_out)` works for every model.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.check import flag, number
from xsg.machine import fast_products, one_thread
from xsg.spatial import presets
from xsg.spatial.model import Output, SpatialVAENet
from xsg.spatial.mouse import AXES, SHAPE
from xsg.spatial.preprocess import Preprocessor
from xsg.spatial.presets import PAPER_STATED, PRESETS
from xsg.spatial.stream import PREDICT, Stream, judge, precision, schedule_of, set_aside, way_out
from xsg.spatial.tables import Table, pathway_mask, read_tree
from xsg.training import settings as rules
from xsg.training.base import Estimator
from xsg.training.loop import Loop
from xsg.training.saved import label, only, storable
from xsg.training.tables import take_genes
from xsg.training.whole import whole_fit

__all__ = ["PAPER_STATED", "PRESETS", "SpatialVAE"]

_ALL_THREADS_FROM = 3e8  # multiplications in the first layer for one batch; threads only wait for each other below


class SpatialVAE(Estimator):
    """Where does a voxel lie? A variational autoencoder of expression with heads for its position.

    Parameters
    ----------
    preset
        "xsg" (ours); "notebook" or "paper": as published, see `PRESETS` for every number and, where the sources
        disagree or are silent, for what was taken. What remains different is listed in chapter 15.
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
        Whether the third coordinate is the distance from the midline; whether Ctrl-C ended the fit, which is then in
        the state after its last finished epoch.
    seconds_ : list of float
        What each epoch took.

    Notes
    -----
    On the same machine the same seed gives the same numbers, to the bit, on any number of threads, as long as the first
    layer takes less than 3e8 multiplications a batch (batch × genes × units): it is then trained on one. Larger ones
    use all threads, which sum in another order: places moved by at most 0.03 voxels, by 0.001 on average, between one
    and two threads (700 genes, ten epochs of "paper").

    Examples
    --------
    >>> import xsg
    >>> brain = xsg.load_mouse("simulated", n_genes=40, step=4, geometry="drawn")
    >>> train = (brain.voxels["AP"] % 3 > 0).to_numpy()
    >>> model = SpatialVAE(epochs=2).fit(brain.expression, brain.voxels, train=train, progress=False)
    >>> model.predict_place(brain.expression, rows=~train).shape == ((~train).sum(), 3)
    True
    """

    PRESETS: ClassVar[dict[str, dict[str, object]]] = {name: {"preset": name} for name in PRESETS}
    FACTS: ClassVar[dict[str, rules.Rule]] = {
        **dict.fromkeys(("folded_", "interrupted_"), flag),
        "precision_": rules.one_of("float32", "bfloat16"),
        "seconds_": lambda values, what: [number(value, what) for value in values],
    }
    CALL = "fit(expression, voxels)"

    def __init__(self, preset: str = "xsg", seed: int = 0, device: str = "auto", **changes: object):
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ValueError(f"preset is {preset!r}; expected one of {', '.join(map(repr, PRESETS))}.")
        unknown = [name for name in changes if name not in PRESETS[preset]]
        if unknown:
            raise ValueError(f"SpatialVAE has no setting {unknown[0]!r}; it has: {', '.join(PRESETS[preset])}.")
        self.preset, self.seed, self.device, self.changes = preset, seed, device, changes

    @property
    def settings(self) -> dict[str, object]:
        """Every setting: the preset's, with the changes."""
        return PRESETS[self.preset] | self.changes

    def _settings(self) -> dict[str, object]:
        """Return every setting, and the seed, as plain values, or refuse the first that cannot be."""
        return presets.checked_spatial({**self.settings, "seed": self.seed, "device": self.device})

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return the arguments of the constructor, as scikit-learn asks for them."""
        return {"preset": self.preset, "seed": self.seed, "device": self.device, **self.changes}

    def set_params(self, **changes: object) -> SpatialVAE:
        """Change arguments of the constructor, any setting among them, and return itself."""
        self.__init__(**{**self.get_params(), **changes})
        return self

    @whole_fit
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

        But for presets "paper" and "notebook": as their source has it, which genes they read is chosen by all voxels of
        the table, held out or not (`select_before_split`).

        Parameters
        ----------
        expression
            Energies (n voxels, p genes), 0 or more; NaN where missing, or −1 as in the Allen Institute's files. May
            be mapped from disk.
        voxels
            Grid index AP, SI, LR of each (n, 3). A table labelled as ``expression`` is, in another order, is joined to
            it by its labels; so are ``region`` and a mask ``train``.
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
        TypeError, ValueError
            Settings that cannot be; tables that do not belong together; energies that cannot be; too few voxels; region
            or pathways missing where they are needed.
        FloatingPointError
            A term of the loss that is not finite, by name, at the batch where it happens.
        KeyboardInterrupt
            On Ctrl-C before the first epoch is finished; later the state after the last finished epoch is kept, with a
            warning, and ``interrupted_`` says so.
        """
        chosen, folded = self._settings(), flag(folded, "folded")
        table = Table(expression, voxels)
        rows = table.rows(train, "train")
        if len(np.unique(rows)) < len(rows):
            raise ValueError("train: positions are given more than once; expected each voxel once.")
        generator = torch.Generator().manual_seed(chosen["seed"])
        fitted, judges = set_aside(table, rows, chosen["validation"], chosen["validation_split"], generator)
        n_genes = None if chosen["n_genes"] is None else min(chosen["n_genes"], len(table.genes))
        self.preprocess_ = Preprocessor(
            n_genes, chosen["impute"], chosen["scale"], before_split=chosen["select_before_split"]
        ).fit(table, fitted, impute_from=np.arange(len(table.voxels)) if chosen["impute_before_split"] else None)
        self.all_genes_ = table.genes.rename(label(table.genes.name))
        self.genes_ = self.all_genes_[self.preprocess_.select_.genes_]
        self.folded_ = folded
        place = table.positions(folded)
        leaf, self.levels_, tree = np.zeros(len(place), int), [], []
        if chosen["region"]:
            leaf, self.levels_, tree = read_tree(region, table)
        self.device_ = self._place()
        self.precision_ = precision(chosen["precision"], self.device_, self.preprocess_.n_features)
        centre, spread = np.zeros(3), np.ones(3)
        if chosen["centred"]:
            centre, spread = place[fitted].mean(axis=0), place[fitted].std(axis=0)
        mask = None
        if chosen["pathways"]:
            kept = self.preprocess_.select_.genes_
            mask = torch.from_numpy(pathway_mask(pathways, table.genes)[:, kept])
        # Weights and dropout are drawn from torch's global stream.
        with torch.random.fork_rng(), tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(chosen["seed"])
            self.net_ = self._network(chosen, mask, tree, centre, np.where(spread > 0, spread, 1))
            stream = Stream(table, self.preprocess_, np.concatenate([fitted, judges]), Path(folder))
            if chosen["neighbours"]:
                stream.join(table.positions())
            answers = [torch.from_numpy(each) for each in (place, np.floor(place).astype(np.int64), leaf)]
            self._train(chosen, stream, answers, len(fitted), generator, progress)
        self._remember(chosen)
        return self

    def _network(self, chosen: dict, mask: Tensor | None, tree: list[Tensor], centre, scale) -> SpatialVAENet:
        names = ("latent", "hidden", "decoder", "norm", "dropout", "dropout_after", "gene_dropout", "head")
        widths = {k: chosen[k] for k in names}
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
    def _fast(self, chosen: dict) -> Iterator[None]:
        """Use one thread for small products, and float32 products that are as exact and faster where there are some."""
        first = chosen["batch"] * self.preprocess_.n_features * chosen["hidden"][0]
        smallest = chosen["batch"] * chosen["latent"] * min(chosen["hidden"])
        with one_thread() if first < _ALL_THREADS_FROM else nullcontext(), fast_products(smallest):
            yield

    def _train(self, chosen: dict, stream: Stream, answers: list[Tensor], n: int, generator, progress: bool) -> None:
        """Minimise the loss over the first n rows of the stream; the others judge."""
        net, device = self.net_, self.device_
        optimiser = _OPTIMISERS[chosen["optimiser"]](
            net.parameters(), lr=chosen["lr"], weight_decay=chosen["weight_decay"], fused=True
        )
        # What a last, smaller batch leaves out has its turn in the next epoch. Of one voxel BatchNorm has no variance.
        steps = max(1, n // chosen["batch"])
        if not chosen["drop_last"] and n > chosen["batch"] and n % chosen["batch"] > 1:
            steps += 1
        schedule = schedule_of(optimiser, chosen["schedule"], steps * chosen["epochs"])
        weights = {k: chosen[k] for k in _WEIGHTS} | {"region_weight": chosen["region"]}
        net.bfloat16 = self.precision_ == "bfloat16"
        looked = np.arange(n)

        def terms_of(batch: np.ndarray, learning: bool) -> dict[str, Tensor]:
            x = stream.read(batch).to(device)
            near = None
            if chosen["neighbours"]:
                near = stream.neighbourhood(batch, chosen["neighbours"] if learning else None, generator, device)
            rows = torch.from_numpy(stream.rows[batch])
            y, index, leaf = (each[rows].to(device) for each in answers)
            noise = torch.randn(len(batch), chosen["latent"], generator=generator).to(device) if learning else None
            return net.loss(net(x, noise, near), x, y, index, leaf, **weights)

        loop = Loop(
            net,
            chosen["epochs"],
            lr=chosen["lr"],
            advice=lambda: way_out(stream.read(looked), self.genes_),
            what=f"SpatialVAE {self.preset}",
            progress=progress,
            steps=steps,
            keep="last",
        )
        try:
            with self._fast(chosen), loop:
                for _ in loop:
                    net.train()
                    order = torch.randperm(n, generator=generator).numpy()
                    total: dict[str, Tensor] = {}
                    for step in range(steps):
                        # Ascending, so that what lies together on disk is read together.
                        looked = np.sort(order[step * chosen["batch"] : (step + 1) * chosen["batch"]])
                        terms = terms_of(looked, True)
                        loop.step(optimiser, terms, clip=chosen["clip"])
                        if chosen["schedule"] == "cosine":
                            schedule.step()
                        for name, value in terms.items():
                            total[name] = total.get(name, 0) + value.detach()
                    row = {name: float(value) / steps for name, value in total.items()}
                    row |= {"total": sum(row.values()), "validation": np.nan, "lr": optimiser.param_groups[0]["lr"]}
                    if len(stream.rows) > n:
                        looked = np.arange(n, len(stream.rows))
                        row["validation"] = judge(net, terms_of, n, len(stream.rows))
                        loop.check({"validation": torch.tensor(row["validation"])})
                    if chosen["schedule"] == "plateau":
                        schedule.step(row["validation"] if len(stream.rows) > n else row["total"])
                    loop.log(row)
        finally:
            net.eval()
            net.bfloat16 = False
        self.history_, self.interrupted_, self.seconds_ = loop.history, loop.interrupted, loop.seconds

    def _run(self, expression, voxels, rows) -> Iterator[tuple[np.ndarray, Output]]:
        """Yield rows and the network's output at the posterior mean, block by block."""
        self._check_fitted()
        chosen = self._fitted_as
        if isinstance(expression, pd.DataFrame) and not expression.columns.equals(self.all_genes_):
            expression = take_genes(expression, self.all_genes_)
        table = Table(expression, voxels)
        if not table.genes.equals(self.all_genes_):
            raise ValueError(
                f"expression has {len(table.genes)} genes, {table.genes[0]!r} first; the model was fitted on "
                f"{len(self.all_genes_)}, {self.all_genes_[0]!r} first. Give it the same genes in the same order."
            )
        wanted = table.rows(rows, "rows")
        self.preprocess_.check_source(table, wanted)
        stream = Stream(table, self.preprocess_, np.arange(len(table.voxels)), None)
        if chosen["neighbours"]:
            stream.join(table.positions())
        with self._fast(chosen):
            for start in range(0, len(wanted), PREDICT):
                some = wanted[start : start + PREDICT]
                near = None
                if chosen["neighbours"]:
                    near = stream.neighbourhood(some, None, None, self.device_)
                yield some, self.net_(stream.read(some).to(self.device_), None, near)

    @torch.no_grad()
    def _frame(self, outputs, part, columns) -> pd.DataFrame:
        found = [(rows, part(output)) for rows, output in outputs]
        values = torch.cat([value for _, value in found]).float().cpu().numpy()
        return pd.DataFrame(values, np.concatenate([rows for rows, _ in found]), columns).rename_axis("voxel")

    def predict_place(
        self, expression, voxels=None, rows: np.ndarray | None = None, sampled: bool | None = None
    ) -> pd.DataFrame:
        """Return where voxels lie.

        Parameters
        ----------
        expression
            Energies (n, p) of the genes that the model was fitted on. A table may have them in any order, and others.
        voxels
            Grid index of each (n, 3); only for a model that reads neighbours. One that fills values in from neighbours
            needs the very table that it was fitted on.
        rows
            Those asked about: bool mask or positions in the table; None: all.
        sampled
            At one draw of the latents from the posterior (the model's seed: the same each time), as the published
            presets do, or at their mean. None: as the setting says.

        Returns
        -------
        DataFrame, shape (m, 3)
            Columns AP, SI, LR, in voxels; LR is the distance from the midline if the model was fitted so.
        """
        self._check_fitted()
        outputs = self._run(expression, voxels, rows)
        chosen = self._fitted_as
        if not (chosen["sampled"] if sampled is None else flag(sampled, "sampled")):
            return self._frame(outputs, lambda output: output.position, list(AXES))
        noise = torch.Generator().manual_seed(chosen["seed"])
        # A row of the table has its own draw, whichever rows are asked for.
        noise = torch.randn(len(expression), chosen["latent"], generator=noise)

        def drawn() -> Iterator[tuple[np.ndarray, Tensor]]:
            for which, output in outputs:
                epsilon = noise[torch.from_numpy(which)].to(self.device_)
                yield which, self.net_.position(output.mean + torch.exp(0.5 * output.log_variance) * epsilon)

        return self._frame(drawn(), lambda place: place, list(AXES))

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
        n, generator = number(n, "n", 2, whole=True), torch.Generator().manual_seed(rules.seed(seed, "seed"))

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
        level = number(level, "level", -len(self.levels_), len(self.levels_) - 1, whole=True)

        def part(output: Output) -> Tensor:
            return self.net_.region_log_probabilities(output.region)[level].exp()

        return self._frame(self._run(expression, voxels, rows), part, self.levels_[level])

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        then = self._fitted_as
        arrays = {f"tree.{k}": level for k, level in enumerate(self.net_.levels)} | self.preprocess_.pack()
        facts = {
            "settings": {name: value for name, value in then.items() if name not in ("seed", "device")},
            "genes": [self.all_genes_.name, self.all_genes_.tolist()],
            "levels": [level.tolist() for level in self.levels_],
        }
        return arrays, facts

    @classmethod
    def _of(cls, facts: dict) -> SpatialVAE:
        given = facts["params"]
        # A preset may have changed since the file was written; what it was then counts.
        then, now = facts.get("settings"), PRESETS.get(given["preset"], {})
        if then is None:
            then = presets.FORMER_PRESETS.get(given["preset"], {})
        else:
            then = presets.LATER_SETTINGS | then
            only(then, now)
        # JSON knows no tuples.
        then = {name: tuple(v) if isinstance(v, list) else v for name, v in (given | then | given).items()}
        return cls(**{name: v for name, v in then.items() if name in given or v != now.get(name)})

    def _unpack(self, facts: dict, arrays: dict[str, Tensor]) -> None:
        chosen = self._settings()
        self.all_genes_ = storable(pd.Index(facts["genes"][1], name=label(facts["genes"][0])), "gene")
        self.levels_ = [storable(pd.Index(level), "region") for level in facts["levels"]]
        self.preprocess_ = Preprocessor(
            None, chosen["impute"], chosen["scale"], before_split=chosen["select_before_split"]
        )
        learned = [name for name in arrays if name.startswith("preprocess.")]
        self.preprocess_.unpack({name: arrays.pop(name).numpy() for name in learned}, len(self.all_genes_))
        self.genes_ = self.all_genes_[self.preprocess_.select_.genes_]
        tree = [arrays.pop(f"tree.{k}") for k in range(len(self.levels_))]
        for names, level in zip(self.levels_, tree, strict=True):
            whole = level.dtype == torch.int64 and set(level.tolist()) == {*range(len(names))}
            if not whole or level.shape != tree[-1].shape:
                raise ValueError("its tree does not belong to its regions")
        mask = arrays.get("net.decoder.mask")
        self.net_ = self._network(chosen, None if mask is None else mask > 0, tree, np.zeros(3), np.ones(3))


_WEIGHTS = ("reconstruction", "beta", "classification", "regression", "euclidean", "power", "unit", "squares", "kl")
_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad}
