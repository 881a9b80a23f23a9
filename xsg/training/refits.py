"""Refits: the whole model trained anew for every seed, fold, map, expression table, graph or λ.

The combinations are cut into chunks of copies that train side by side (`xsg.training.engine`); the chunks go to the
processes or the cluster that ``joblib.parallel_config`` names (`xsg.training.hosts`). A copy comes out the same in
whatever chunk, thread or process it is trained.
"""

import hashlib
import inspect
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

import xsg
from xsg import machine
from xsg.atlas import Graph, SparseGraph, align, homologous_pairs
from xsg.check import folds
from xsg.models import cross_scale as network
from xsg.models import cross_scale_gradient as gradient
from xsg.training import cross_scale, engine, loop, settings, tables
from xsg.training.cross_scale import Copies, CrossScaleVAE, prepare, train_copies
from xsg.training.engine import wire
from xsg.training.hosts import finished
from xsg.training.saved import read_model, write_model
from xsg.training.whole import torch_kept

# Copies of one chunk on a graph of up to 100 regions: enough that calling torch costs little against its work, few
# enough that they stay in the processor's cache. On larger graphs fewer do.
CHUNK = 16


def chunk_size(n: int) -> int:
    """Return how many copies of a model of n regions are trained side by side.

    Examples
    --------
    >>> chunk_size(68), chunk_size(400), chunk_size(10_000)
    (16, 4, 1)
    """
    return max(1, min(CHUNK, CHUNK * 100 // n))


@torch_kept()
def refit(
    model: CrossScaleVAE,
    expression: pd.DataFrame | Sequence[pd.DataFrame],
    thinning: pd.Series | pd.DataFrame,
    graph: Graph | Sequence[Graph] | None = None,
    held_out: np.ndarray | None = None,
    seeds: Sequence[int] = (0,),
    *,
    smoothness: Sequence[float] | None = None,
    progress: bool = True,
    checkpoint: str | Path | None = None,
) -> pd.DataFrame:
    """Train copies of a model for every combination of what is given in many, and predict every region.

    Parameters
    ----------
    model
        Hyper-parameters; the model itself is not touched, its ``seed`` not used.
    expression
        DataFrame (n, p), or a list of such tables over the same regions, equally wide.
    thinning
        Series (n,) by region, or DataFrame (M, n), a map in each row.
    graph
        Graph over the regions, None for none, or a list of graphs.
    held_out
        bool (F, n), each row the regions that one fold does not train on (as `xsg.evaluation.splits` makes them), in
        the order of ``expression``, or a DataFrame with their names as columns; None holds nothing out (F = 1).
        bool (C, F, n) gives each of C maps, tables or graphs folds of its own; the other two are then one.
    seeds
        S seeds.
    smoothness
        Values of λ to use in place of the model's.
    progress
        Show a progress bar.
    checkpoint
        Folder in which finished chunks are kept. A call that was cut short and is made again with the same arguments
        goes on where it was. A file is taken only if it is whole, and was made from the same data, names, settings and
        seeds by the same code and torch; else its chunk is trained again.

    Returns
    -------
    DataFrame (combinations, n)
        Predicted thinning of every region. The index has the levels ``map``, ``genes``, ``graph`` and ``smoothness``
        where many were given, then ``seed`` and ``fold``. A row is in-sample where its fold trained.

    Raises
    ------
    ValueError
        As `CrossScaleVAE.fit`; also tables of unequal shape, or ``held_out`` of another shape than (F, n).
    KeyboardInterrupt
        On Ctrl-C: nothing half trained is returned or kept; chunks that were finished stay in ``checkpoint``.
    OSError
        If ``checkpoint`` cannot be written to.
    RuntimeError
        If the scheduler of a Dask cluster is gone for good, or one worker after another ended at the same chunk.

    Notes
    -----
    By default the chunks run one after another. On all cores of this machine::

        with joblib.parallel_config(backend="loky", n_jobs=-1):
            predicted = refit(...)

    and on a Dask cluster, whose hosts may come, go and fail meanwhile, after ``client = dask.distributed.Client(...)``,
    with ``backend="dask"``. The result is the same to the bit, in whatever chunk, process or number of threads: a copy
    is trained on one thread. (Another processor or torch rounds otherwise.)

    Examples
    --------
    >>> cortex = xsg.load_cortex("simulated")
    >>> model = CrossScaleVAE(epochs=5)
    >>> refit(model, cortex.expression, cortex.thinning, cortex.graph, seeds=range(3), progress=False).shape
    (3, 68)
    """
    if not isinstance(model, CrossScaleVAE):
        raise TypeError(f"model is a {type(model).__name__}; expected a CrossScaleVAE, whose settings are used.")
    params = model._settings()
    given = [expression] if isinstance(expression, pd.DataFrame) else _listed(expression, "expression", "tables")
    graphs = [graph] if graph is None or isinstance(graph, (Graph, SparseGraph)) else _listed(graph, "graph", "graphs")
    lambdas = [params["smoothness"]] if smoothness is None else _listed(smoothness, "smoothness", "numbers")
    lambdas = [settings.CROSS_SCALE["smoothness"](value, f"smoothness[{k}]") for k, value in enumerate(lambdas)]
    seeds = [settings.seed(value, f"seeds[{k}]") for k, value in enumerate(_listed(seeds, "seeds", "seeds"))]
    if not (given and graphs and lambdas and seeds):
        raise ValueError("expression, graph, smoothness or seeds is an empty list; there is nothing to train.")
    shipped, reads = gradient.serves(model.NET), gradient.equations(model.NET)
    if checkpoint is not None and not shipped:
        raise ValueError(
            f"checkpoint: what {model.NET.__name__} is made of cannot be told from what it was when a chunk was kept, "
            "for its equations are not those of the package. Leave checkpoint out."
        )
    given = [tables.expression_table(table) for table in given]
    regions = given[0].index
    for number, table in enumerate(given):
        if not table.index.equals(regions) or table.shape != given[0].shape:
            raise ValueError(
                f"expression: table {number} has shape {table.shape} or other regions than the first, "
                f"{given[0].shape}; expected the same regions in the same order, and as many genes."
            )
    n = len(regions)
    held_out = np.zeros((1, n), dtype=bool) if held_out is None else held_out
    own = isinstance(held_out, np.ndarray) and held_out.ndim == 3  # folds for each map, table or graph
    held_out = [folds(each, regions, fewest=5, empty=True) for each in (held_out if own else [held_out])]
    many_maps = isinstance(thinning, pd.DataFrame) and (thinning.shape[1] != 1 or n == 1)  # else one map, as a column
    if many_maps:
        maps, names = align(thinning.T, regions, "thinning (a map in each row)").T, list(thinning.index)
        tables.moderate(maps.T, "thinning")
    else:
        maps, names = tables.one_map(thinning, regions).to_frame().T, [0]
    maps = maps.to_numpy(dtype=float)
    cases = len(maps) * len(given) * len(graphs)
    if own and (len(held_out) != cases or cases != max(len(maps), len(given), len(graphs))):
        raise ValueError(
            f"held_out has folds for {len(held_out)}, but there are {len(maps)} maps, {len(given)} tables and "
            f"{len(graphs)} graphs; expected folds for each of the one kind that is many."
        )
    levels = {  # what the rows are called, and whether many were given
        "map": (names, many_maps),
        "genes": (range(len(given)), not isinstance(expression, pd.DataFrame)),
        "graph": (range(len(graphs)), graph is not None and not isinstance(graph, (Graph, SparseGraph))),
        "smoothness": (lambdas, smoothness is not None),
        "seed": (seeds, True),
        "fold": (range(len(held_out[0])), True),
    }
    combinations = list(product(*(range(len(names)) for names, _ in levels.values())))
    ready, wired = [prepare(model, each) for each in given], [wire(each, regions) for each in graphs]
    pairs = homologous_pairs(regions)
    called = [_digest(regions, table.columns) for table in given] if checkpoint is not None else [""] * len(given)

    def copies(chunk: list[tuple[int, ...]]) -> Copies:
        map_, table, graph_, lam, seed, fold = (list(column) for column in zip(*chunk, strict=True))
        # Only what this chunk reads is sent along.
        used, which = np.unique(table, return_inverse=True)
        used_graphs, which_graph = np.unique(graph_, return_inverse=True)
        return Copies(
            params,
            [ready[k]._replace(scaling={}) for k in used],
            which.tolist(),
            [wired[k] for k in used_graphs],
            which_graph.tolist(),
            maps[map_],
            ~np.array(
                [held_out[sum(case) if own else 0][k] for *case, k in zip(map_, table, graph_, fold, strict=True)]
            ),
            [seeds[k] for k in seed],
            np.array([lambdas[k] for k in lam]),
            pairs,
            model.NET,
            tuple(called[k] for k in used),
            reads,
        )

    # Message passing takes one graph at a time; so few copies are left of a chunk on graphs too large to be dense.
    size = chunk_size(n)
    if len(graphs) > 1 and not shipped:
        size = 1
    chunks = [copies(combinations[start : start + size]) for start in range(0, len(combinations), size)]
    store = _Store(checkpoint) if checkpoint is not None else None
    found = [store.read(chunk) if store else None for chunk in chunks]
    waiting = [number for number, values in enumerate(found) if values is None]
    results = finished(_predict, {number: chunks[number] for number in waiting})
    quiet = {} if progress else {"disable": True}
    bar = tqdm(total=len(combinations), desc="refits", unit="model", leave=False, **quiet)
    with bar, closing(results):
        bar.update(sum(len(values) for values in found if values is not None))
        for number, values in results:
            found[number] = values
            if store:
                store.write(chunks[number], values)
            bar.update(len(values))
    index = pd.MultiIndex.from_product([names for names, _ in levels.values()], names=list(levels))
    index = index.droplevel([name for name, (_, many) in levels.items() if not many])
    return pd.DataFrame(np.concatenate(found), index, regions)


def cross_val_predict(
    model: CrossScaleVAE,
    expression: pd.DataFrame | Sequence[pd.DataFrame],
    thinning: pd.Series | pd.DataFrame,
    graph: Graph | Sequence[Graph] | None = None,
    *,
    held_out: np.ndarray,
    seeds: Sequence[int] = (0,),
    smoothness: Sequence[float] | None = None,
    progress: bool = True,
    checkpoint: str | Path | None = None,
) -> pd.DataFrame:
    """Predict each region by the copies that did not train on it.

    Parameters are those of `refit`.

    Returns
    -------
    DataFrame (combinations, n)
        Index as `refit`'s without the level ``fold``: the mean over the folds that hold a region out, NaN for a region
        that no fold holds out.

    Raises
    ------
    ValueError
        As `refit`; also if no region is held out at all.
    """
    first = expression if isinstance(expression, pd.DataFrame) else _listed(expression, "expression", "tables")[0]
    regions = tables.expression_table(first).index
    held_out = np.zeros((1, len(regions)), bool) if held_out is None else folds(held_out, regions, fewest=5, empty=True)
    if not held_out.any():
        raise ValueError("held_out holds no region out. Use the folds of xsg.evaluation.splits.")
    options = {"smoothness": smoothness, "progress": progress, "checkpoint": checkpoint}
    return held_out_mean(refit(model, expression, thinning, graph, held_out, seeds, **options), held_out)


def held_out_mean(predicted: np.ndarray | pd.DataFrame, held_out: np.ndarray) -> np.ndarray | pd.DataFrame:
    """Reduce predictions by fold to one per region: the mean over the folds that hold it out, NaN where none does.

    Parameters
    ----------
    predicted
        ndarray (…, F, n), or the DataFrame (combinations · F, n) that `refit` returns.
    held_out
        bool (F, n), True where held out.

    Returns
    -------
    ndarray (…, n) or DataFrame (combinations, n)

    Examples
    --------
    >>> held_out_mean(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[True, False], [False, False]])).tolist()
    [1.0, nan]
    """
    held_out = np.asarray(held_out, dtype=bool)
    if isinstance(predicted, pd.DataFrame):
        by_fold = predicted.to_numpy().reshape(-1, *held_out.shape)
        index = predicted.index[:: len(held_out)].droplevel("fold")
        return pd.DataFrame(held_out_mean(by_fold, held_out), index, predicted.columns)
    times = held_out.sum(axis=0)
    total = np.where(held_out, predicted, 0).sum(axis=-2)
    return np.where(times > 0, total / np.maximum(times, 1), np.nan)


def _listed(values: object, what: str, kind: str) -> list:
    """Return many of something as a list; one alone is refused, for it is not clear what it counts."""
    if isinstance(values, (str, bytes, dict)) or not np.iterable(values):
        raise TypeError(f"{what} is {values!r}; expected a list of {kind}, such as [{values!r}].")
    return list(values)


def _predict(copies: Copies) -> np.ndarray:
    """Train a chunk of copies and return the thinning they predict, (K, n), in the unit it was given in."""
    if gradient.equations(copies.net) != copies.reads:
        raise RuntimeError(
            f"{copies.net.__name__} has another loss in this process than where refit was called. What is changed in "
            "place does not travel: write a class of your own, class Net(CrossScaleNet), and a model with NET = Net."
        )
    _, trained, target = train_copies(copies, history=False)
    return target.mean + target.sd * trained.predicted.numpy()


class _Store:
    """A folder of finished chunks, each in a file named by the hash of all that it depends on."""

    def __init__(self, folder: str | Path):
        if not isinstance(folder, (str, os.PathLike)):
            raise TypeError(f"checkpoint is {folder!r}; expected the name of a folder.")
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"checkpoint={str(folder)!r} cannot be made a folder: {error}. Name another one.") from error

    def read(self, copies: Copies) -> np.ndarray | None:
        """Return the stored predictions of a chunk, or None; a file that is not wholly this chunk's counts as none."""
        path = self._path(copies)
        try:
            facts, arrays = read_model(path, "refits")
            if facts.get("chunk") != path.stem or arrays.keys() != {"predicted"}:
                raise ValueError(f"{path} holds another chunk.")
            found = arrays["predicted"].numpy()
            if found.shape != copies.y.shape or found.dtype != float or not np.isfinite(found).all():
                raise ValueError(f"{path} holds {found.dtype} {found.shape}, expected finite {copies.y.shape}.")
        except FileNotFoundError:
            return None
        except ValueError as error:
            tqdm.write(f"{error} Its models are trained again.", file=sys.stderr)
            return None
        return found

    def write(self, copies: Copies, predicted: np.ndarray) -> None:
        """Keep the predictions of a chunk; never half a file."""
        path = self._path(copies)
        try:
            write_model(path, {"predicted": torch.from_numpy(predicted)}, {"class": "refits", "chunk": path.stem})
        except OSError as error:
            raise OSError(
                f"a finished chunk could not be kept in {self.folder}: {error}. What was kept before is whole; "
                "make room, or name another checkpoint folder, and call again."
            ) from error

    def _path(self, copies: Copies) -> Path:
        plain = [copies.params, copies.names, copies.tables[0].n_genes]
        plain += [copies.which_table, copies.which_wiring, copies.seeds]
        found = hashlib.sha256(f"{_made_by()} {json.dumps(plain, sort_keys=True)}".encode())
        arrays = [table.x for table in copies.tables]
        for wiring in copies.wirings:
            arrays += [wiring.edges, wiring.edge_weight, wiring.normalised, wiring.laplacian]
        arrays += [copies.y, copies.masks, copies.smoothness, copies.pairs]
        for array in (each for each in arrays if each is not None):
            array = np.ascontiguousarray(array)
            found.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
        return self.folder / f"{found.hexdigest()[:32]}.safetensors"


def _digest(*names: Iterable[object]) -> str:
    """Return a digest of names and their order."""
    return hashlib.sha256(json.dumps([[str(each) for each in some] for some in names]).encode()).hexdigest()


@cache
def _made_by() -> str:
    """Return what names the code that trains a chunk: the source of each module that takes part, and torch."""
    modules = (network, gradient, machine, engine, loop, cross_scale, tables, settings, inspect.getmodule(_made_by))
    found = hashlib.sha256("".join(map(inspect.getsource, modules)).encode()).hexdigest()
    return f"{xsg.__version__} {found} torch {torch.__version__} numpy {np.__version__}"
