"""What `MultiViewVAE` makes of tables before training: checked, joined by name to thinning and graph, scaled."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.utils.extmath import svd_flip
from torch import Tensor

from xsg import names as naming
from xsg.atlas.graphs import Graph, SparseGraph, joined
from xsg.check import align, constant
from xsg.training.saved import storable
from xsg.training.tables import moderate

Views = Mapping[str, pd.DataFrame]


class Table(NamedTuple):
    """A view as the network wants it."""

    x: Tensor  # (n, q): z-scored, rotated; zero in rows that the view lacks
    present: Tensor  # (n,) 1 where the view has the region
    n_features: int


def checked(views: Views, regions: pd.Index) -> dict[str, pd.DataFrame]:
    """Bring the rows of all tables into order by name, or refuse them by view, region and column.

    Regions come to be called as in ``regions``, in whatever style a table names them.
    """
    if not isinstance(views, Mapping) or not len(views):
        got = "an empty one" if isinstance(views, Mapping) else type(views).__name__
        raise ValueError(f"views: expected a dict of tables by name, such as {{'expression': table}}, got {got}.")
    found = {}
    for name, table in views.items():
        table = table.to_frame() if isinstance(table, pd.Series) else table
        index = getattr(table, "index", regions)
        mine = regions[regions.isin(list(naming.translate(index, regions).values()))]
        if not len(mine):
            raise ValueError(
                f"view {name!r} has none of the {len(regions)} regions; its rows are called like {index[0]!r}, "
                f"expected names like {regions[0]!r}. Is it of another parcellation?"
                if len(index)
                else f"view {name!r} has no rows. Leave it out of the dict."
            )
        table = align(table, mine, f"view {name!r}")
        columns = table.columns
        if not len(columns):
            raise ValueError(f"view {name!r} has {len(table)} regions and no columns. Leave it out of the dict.")
        if not columns.is_unique:
            raise ValueError(f"view {name!r}: column {columns[columns.duplicated()][0]!r} is given twice.")
        moderate(table, f"view {name!r}")
        found[name] = table
    alone = regions[~np.any([regions.isin(table.index) for table in found.values()], axis=0)]
    if len(alone):
        raise ValueError(
            f"region {alone[0]!r} (and {len(alone) - 1} more) stands in none of the views "
            f"{', '.join(map(repr, found))}. Give a view that has it, or leave the region out of thinning."
        )
    return found


def known(views: Views, features: dict[str, pd.Index], regions: pd.Index) -> dict[str, pd.DataFrame]:
    """Return some of the fitted views, features and regions in the fitted order, or refuse them by name."""
    if not isinstance(views, Mapping):
        return checked(views, regions)  # which says so
    unknown = [name for name in views if name not in features]
    if unknown:
        raise ValueError(f"view {unknown[0]!r} is not one of the fitted ones: {', '.join(map(repr, features))}.")
    tables = {name: table.to_frame() if isinstance(table, pd.Series) else table for name, table in views.items()}
    for name, table in tables.items():
        if not isinstance(table, pd.DataFrame):
            raise TypeError(f"view {name!r}: expected a DataFrame of regions × features, got {type(table).__name__}.")
        lost = features[name].difference(table.columns, sort=False)
        if len(lost):
            raise ValueError(f"view {name!r}: feature {lost[0]!r} and {len(lost) - 1} more fitted ones are missing.")
    return checked({name: table[features[name]] for name, table in tables.items()}, regions)


def storable_views(views: dict[str, pd.DataFrame]) -> None:
    """Refuse names of views and features that a saved model could not hold."""
    storable(pd.Index(list(views)), "views: the name of a view")
    for name, table in views.items():
        storable(table.columns, f"view {name!r}: column")


def learn_scaling(name: str, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Learn centre and scale of each feature, and the rotation, from the regions that the view has."""
    values = table.to_numpy(dtype=float)
    flat = constant(values)
    if flat.any():
        raise ValueError(
            f"view {name!r}: column {table.columns[flat][0]!r} (and {int(flat.sum()) - 1} more) has the "
            "same value in every region, so it cannot be z-scored. Drop constant columns."
        )
    centre, scale = values.mean(axis=0), values.std(axis=0)
    _, _, right = np.linalg.svd((values - centre) / scale, full_matrices=False)
    # The sign of a singular vector is the library's whim; a rule makes it the same on every machine.
    _, right = svd_flip(None, right, u_based_decision=False)
    return {"centre": centre, "scale": scale, "rotation": right.T.copy()}


def weights_among(graph: Graph | SparseGraph | None, regions: pd.Index) -> np.ndarray:
    """Return the weights of a graph's edges (n, n) among the regions, joined by name; None has no edges."""
    n = len(regions)
    if graph is None:
        return np.zeros((n, n))
    graph = joined(graph, regions, "thinning")
    return (graph.dense() if isinstance(graph, SparseGraph) else graph).weights.to_numpy(dtype=float)


def as_input(
    table: pd.DataFrame | None, scaling: dict[str, np.ndarray], features: pd.Index, regions: pd.Index
) -> Table:
    """Scale and rotate a checked table; rows that it lacks become zero and are marked as absent. None lacks all."""
    here = regions.isin(() if table is None else table.index)
    x = np.zeros((len(here), scaling["rotation"].shape[1]))
    if table is not None:
        rows = table.loc[regions[here], features].to_numpy(dtype=float)
        x[here] = (rows - scaling["centre"]) / scaling["scale"] @ scaling["rotation"]
    return Table(torch.tensor(x), torch.tensor(here, dtype=torch.float64), len(scaling["centre"]))
