"""Tables of regions and visits as `CrossScaleSpread` reads them: checked, joined by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from xsg import names as naming
from xsg.atlas.graphs import SparseGraph, joined
from xsg.check import MISSING_CODES, align, constant, series, some
from xsg.evaluation.baselines import z_scores
from xsg.training.saved import storable

_LARGEST = 1e30  # beyond, squares leave the range of floats

_MOST, _COMPONENTS = 12, 2  # a table with more columns than programs can be is genes: of it, principal components


def programs_table(programs: pd.DataFrame) -> pd.DataFrame:
    """Return expression programs as floats (n, K), or refuse what can set no rate."""
    if not isinstance(programs, pd.DataFrame):
        raise TypeError(f"programs: expected a DataFrame (regions, programs), got {type(programs).__name__}.")
    if not programs.size:
        raise ValueError(f"programs: {len(programs)} regions × {programs.shape[1]} programs; expected some of each.")
    storable(programs.columns, "programs: program")
    storable(programs.index, "programs: region")
    programs = align(programs, programs.index, "programs").astype(float)
    flat = programs.columns[constant(programs.to_numpy(), axis=0)]
    if len(flat):
        raise ValueError(f"program {flat[0]!r} has one value in all {len(programs)} regions; it can set no rate.")
    return programs


def programs_of(expression: pd.DataFrame) -> pd.DataFrame:
    """Return a table of programs as it is, and of genes the first principal components, z-scored over the regions."""
    if expression.shape[1] <= _MOST:
        return expression
    components = PCA(_COMPONENTS).fit_transform(
        z_scores(expression.to_numpy(dtype=float), np.full(len(expression), True))
    )
    return pd.DataFrame(components, expression.index, [f"PC{k + 1}" for k in range(_COMPONENTS)])


def visits_table(values: object, regions: pd.Index, what: str) -> pd.DataFrame:
    """Return a map, or visits in rows, as a table (O, n) over the regions, joined by name; NaN where not measured.

    Raises
    ------
    TypeError
        If it is neither: the order of a bare array could not be checked.
    ValueError
        If regions are unknown or given twice, the table lies on its side, or values are infinite, no numbers or codes
        for missing.
    """
    one_column = isinstance(values, pd.DataFrame) and values.shape[1] == 1
    if one_column and not naming.translate(values.columns, regions):
        values = values.iloc[:, 0]
    if isinstance(values, (pd.Series, dict)):
        values = series(values, what).to_frame("map").T
    if not isinstance(values, pd.DataFrame):
        raise TypeError(
            f"{what}: expected a Series by region, or a DataFrame of visits × regions, got {type(values).__name__}. "
            "The order of a bare array cannot be checked: pd.Series(values, index=regions)."
        )
    twice = values.columns[values.columns.duplicated()]
    if len(twice):
        raise ValueError(f"{what}: region {twice[0]!r} is given twice. Keep one column of it.")
    same = values.columns.nlevels == 1 and values.columns.isin(regions).all()
    meant = (
        dict(zip(values.columns, values.columns, strict=True)) if same else naming.translate(values.columns, regions)
    )
    unknown = [name for name in values.columns if name not in meant]
    if unknown:
        if not meant and naming.translate(values.index, regions):
            raise ValueError(
                f"{what}: regions stand in rows; expected visits in rows, regions in columns: give table.T."
            )
        near = naming.nearest(unknown[0], regions.difference(list(meant.values())))
        raise ValueError(
            f"{what}: region {unknown[0]!r} is not among those of programs, as {regions[0]!r} is."
            + (f" Did you mean {near!r}?" if near else "")
        )
    table = values.set_axis([meant[name] for name in values.columns], axis=1)
    if any(kind.kind not in "fiu" for kind in table.dtypes):
        table = pd.DataFrame({name: series(table[name], f"{what}, {name}") for name in table}, values.index)
    table = table.reindex(columns=regions).astype(float)
    found = table.to_numpy()
    size = np.abs(found[~np.isnan(found)])
    if np.isinf(size).any():
        raise ValueError(f"{what} holds an infinite value; expected finite ones, or NaN where not measured.")
    if size.max(initial=0) > _LARGEST:
        raise ValueError(f"{what} holds {size.max():g}; expected values up to {_LARGEST:g}. Choose another unit.")
    typical = np.median(size) if size.size else 0.0
    codes = np.isin(found, list(MISSING_CODES)) & (np.abs(found) > 20 * typical) & (found != 0)
    if codes.any():
        i, j = np.argwhere(codes)[0]
        raise ValueError(
            f"{what}: visit {table.index[i]!r}, region {regions[j]!r} is {found[i, j]:g}, which looks like a code for "
            f"a missing value; {codes.sum()} such. Leave such cells empty (NaN)."
        )
    return table


def same_visits(table: pd.DataFrame | pd.Series, visits: pd.Index) -> pd.DataFrame | pd.Series | None:
    """Bring rows into the order of visits by name; None where they are other visits."""
    if table.index.equals(visits):
        return table
    if table.index.nlevels != visits.nlevels or table.index.has_duplicates or visits.has_duplicates:
        return None
    if len(table) != len(visits) or not visits.isin(table.index).all():
        return None
    return table.loc[visits]


def years_of(years: object, visits: pd.Index) -> np.ndarray:
    """Return years since the first visit by visit (O,), joined by name; 0 for all where none are given."""
    if years is None:
        return np.zeros(len(visits))
    if not isinstance(years, (pd.Series, pd.DataFrame, dict)):
        raise TypeError(
            f"years: expected a Series with the index of the visits, got {type(years).__name__}: "
            "pd.Series(years, index=thinning.index)."
        )
    found = same_visits(series(years, "years"), visits)
    if found is None:
        raise ValueError(f"years has {len(years)} entries with another index than the {len(visits)} visits.")
    return found.to_numpy(dtype=float)


def seed_rows(seeds: object, regions: pd.Index) -> np.ndarray:
    """Return in which regions the disease begins, bool (n,), from their names in any style."""
    names = [seeds] if isinstance(seeds, str) else list(seeds) if np.iterable(seeds) else []
    meant = naming.translate(names, regions)
    if not names or len(meant) < len(set(names)):
        unknown = [name for name in names if name not in meant]
        raise ValueError(
            f"seeds is {seeds!r}; expected some of the regions, such as {regions[0]!r}; unknown: {some(unknown)}."
        )
    return regions.isin(list(meant.values()))


def laplacian_of(graph: object, regions: pd.Index) -> np.ndarray:
    """Return the Laplacian of a graph over the regions, joined by name, of mean degree 1; zeros for None."""
    if graph is None:
        return np.zeros((len(regions), len(regions)))
    graph = joined(graph, regions, "programs")
    laplacian = (graph.dense() if isinstance(graph, SparseGraph) else graph).laplacian()
    degree = np.diag(laplacian).mean()
    if not degree > 0:
        raise ValueError(f"graph {graph.name!r} joins none of the {len(regions)} regions; graph=None says the same.")
    return laplacian / degree
