"""Tables of visits as `DiseaseProgression` reads them: checked, and joined by subject, visit and region."""

import numpy as np
import pandas as pd
import torch

from xsg import names as naming
from xsg.across.over_time_model import Series
from xsg.check import array, series, some

MOST_MM = 8.0  # of thinning: there is no thicker cortex
MOST_YEARS = 50.0  # since the first visit: nobody is followed for longer; ages, months and days are larger


def _said(visit: object) -> str:
    """Write a label of an index as one reads it."""
    return ", ".join(map(str, visit)) if isinstance(visit, tuple) else repr(visit)


def _subjects(index: pd.Index, what: str) -> pd.Index:
    """Return whose visits these are, or refuse an index that does not say."""
    first = str(index.names[0]).lower()
    if isinstance(index, pd.RangeIndex) or first in ("visit", "viscode", "session", "ses", "timepoint"):
        raise ValueError(
            f"{what}: its index {'numbers the rows' if isinstance(index, pd.RangeIndex) else 'begins with ' + first}; "
            "expected (subject, visit), the subject first: set_index([...]) or swaplevel()."
        )
    return index.get_level_values(0)


def visit_table(thinning: object, what: str, most: float = np.inf) -> pd.DataFrame:
    """Return thinning at visits as floats, or refuse what has no names, no numbers or none that can be true."""
    if not isinstance(thinning, pd.DataFrame):
        raise TypeError(
            f"{what}: expected a DataFrame, a row for each (subject, visit) and a column for each region, got "
            f"{type(thinning).__name__}."
        )
    for kind, names in (("visit", thinning.index), ("region", thinning.columns)):
        if not names.is_unique:
            raise ValueError(
                f"{what}: {kind} {_said(names[names.duplicated()][0])} is given twice; expected an index (subject, "
                "visit) and a column for each region, each once."
            )
    if not thinning.size:
        raise ValueError(f"{what}: {len(thinning)} visits of {thinning.shape[1]} regions; expected some of each.")
    _subjects(thinning.index, what)
    values = array(thinning, what, finite=False)
    if not np.isfinite(values).all():
        raise ValueError(f"{what} or years hold a value that is not finite, or negative years. Leave such visits out.")
    if (odd := np.abs(values) > most).any():
        row, column = np.argwhere(odd)[0]
        where = f"visit {_said(thinning.index[row])}, region {thinning.columns[column]!r}"
        raise ValueError(
            f"{what} is {values[row, column]:g} at {where}; expected mm beyond the norm, up to {most:g} either way. A "
            "code for a missing value, or µm?"
        )
    return pd.DataFrame(values, thinning.index, thinning.columns)


def of_regions(thinning: pd.DataFrame, regions: pd.Index, what: str) -> pd.DataFrame:
    """Return the columns of the regions on which a model was fitted, by name in any style."""
    called = {meant: name for name, meant in naming.translate(thinning.columns, regions).items()}
    missing = [region for region in regions if region not in called]
    if missing:
        raise ValueError(
            f"{what} lacks region {missing[0]!r}, on which the model was fitted. It has {some(thinning.columns, 3)}."
        )
    return thinning[[called[region] for region in regions]].set_axis(regions, axis=1)


def _years(years: object, index: pd.Index, what: str) -> np.ndarray:
    """Return years since the first visit in the order of the visits, joined by name."""
    if isinstance(years, (pd.Series, pd.DataFrame, dict)):
        years = series(years, "years")
        if not years.index.equals(index):
            at = years.index.get_indexer(index) if years.index.is_unique else np.array([-1])
            if len(years) != len(index) or (at < 0).any():
                raise ValueError(
                    f"years has {len(years)} entries, {what} {len(index)} visits; expected the same index."
                )
            years = years.iloc[at]
    found = array(years, "years", 1, finite=False)
    if len(found) != len(index):
        raise ValueError(f"years has {len(found)} entries, {what} {len(index)} visits; expected the same index.")
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError(f"{what} or years hold a value that is not finite, or negative years. Leave such visits out.")
    if found.max() > MOST_YEARS:
        raise ValueError(
            f"years is {found.max():g} at visit {_said(index[found.argmax()])}; expected years since the subject's "
            f"first visit, 0 to {MOST_YEARS:g}. Are these ages, months or days?"
        )
    return found


def asked(at: object, subjects: pd.Index, what: str) -> tuple[pd.Series, np.ndarray]:
    """Return the years at which to forecast, and the row number of each one's subject."""
    at = series(at, "at").astype(float)
    whose = _subjects(at.index, "at")
    who = subjects.get_indexer(whose)
    if (who < 0).any():
        raise ValueError(f"subject {whose[who < 0][0]} has no visit in {what} to forecast from.")
    if not np.isfinite(at.to_numpy()).all():
        raise ValueError("at holds a value that is not finite. Leave such visits out.")
    return at, who


def as_series(thinning: pd.DataFrame, years: object, what: str = "thinning") -> tuple[Series, pd.Index]:
    """Make tensors of a checked table of visits and its years."""
    t = _years(years, thinning.index, what)
    subject, subjects = pd.factorize(thinning.index.get_level_values(0))
    if (subject < 0).any():
        raise ValueError(f"{what}: visit {_said(thinning.index[subject < 0][0])} names no subject.")
    visits = torch.tensor(np.bincount(subject).astype(float))
    found = Series(torch.tensor(thinning.to_numpy(dtype=float)), torch.tensor(t), torch.tensor(subject), visits)
    return found, pd.Index(subjects, name="RID")
