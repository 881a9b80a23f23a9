"""Dates as tables have them: one order of day and month a column, found from the column, never guessed a date."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from xsg.check import MISSING_CODES, MISSING_TEXT

_TIME = re.compile(
    r"(?<=\d)[T\s]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?$", re.I
)
_ISO = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})|(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_ORDERED = re.compile(r"(\d{1,2})\s*([-/.\s])\s*(\d{1,2})\s*[-/.\s]\s*(\d{4}|\d{2})")
_DAY_NAMED = re.compile(r"(\d{1,2})[-/.\s]*([^\W\d]{3,})[-/.,\s]*(\d{4}|\d{2})")
_NAMED_DAY = re.compile(r"([^\W\d]{3,})[-/.\s]*(\d{1,2})(?:st|nd|rd|th)?[-/.,\s]+(\d{4})", re.I)
_YEAR_NAMED = re.compile(r"(\d{4})[-/.\s]+([^\W\d]{3,})[-/.\s]+(\d{1,2})")
_SERIAL = re.compile(r"(\d{5})(?:\.\d*)?")
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan", "feb", "mar mär mrz", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt", "nov", "dec dez"), 1
    )
    for name in names.split()
}
# Day 1 of a spreadsheet's calendar is 1900-01-01; it counts a 29 February 1900 that was none.
_EPOCH = datetime.date(1899, 12, 30)
SCANS = (1980, datetime.date.today().year + 1)  # years in which a scan may have been made
BIRTHS = (1900, datetime.date.today().year)


class AmbiguousOrder(ValueError):
    """Whether day or month comes first cannot be told from a column."""


def month_number(name: str) -> int | None:
    """Return the number of a month called in English or German, or None."""
    return _MONTHS.get(name[:3].casefold())


def dates(values: pd.Series, what: str, years: tuple[int, int] = SCANS, day_first: bool | None = None) -> pd.Series:
    """Read a column of dates in one order; NaT where missing.

    Understood are 2009-03-05, 20090305, 5-Mar-09, a spreadsheet's day numbers where the whole column has them, and
    05/03/2009 where another date of the column (27/05/2009), or points between the numbers, tell the order. A time of
    day is left away.

    Parameters
    ----------
    values
        Text, numbers or dates.
    what
        What the table is called in an error.
    years
        First and last year that can be; a year of two digits must fit in once.
    day_first
        The order, if it is known.

    Returns
    -------
    Series of datetime64

    Raises
    ------
    AmbiguousOrder
        If no date tells whether day or month comes first.
    ValueError
        If a cell is no date, cannot be true, or two dates of the column have different orders.

    Examples
    --------
    >>> dates(pd.Series(["05/03/2009", "27/05/2009"]), "scans.csv").dt.month.to_list()
    [3, 5]
    """
    if values.dtype.kind == "M":
        return values.dt.tz_localize(None).dt.normalize().astype("datetime64[ns]")
    text = values.map(_plain)
    parsed = {cell: _parse(cell) for cell in text.unique() if cell}
    kinds: dict[str, list[str]] = {}
    for cell, (kind, _) in parsed.items():
        kinds.setdefault(kind, []).append(cell)

    def at(cell: str) -> str:
        row = text.index[(text == cell).to_numpy()][0]
        return f"{what}: column {values.name}, row {row}: {str(values.loc[row] if text.index.is_unique else cell)!r}"

    if none := kinds.get("none"):
        raise ValueError(f"{at(none[0])}; expected a date such as 2011-05-27 or 5/27/2011, the year in four digits.")
    present = [kind for kind in ("iso", "ordered", "serial") if kind in kinds]
    if len(present) > 1 or ("serial" in kinds and "named" in kinds):
        a, b = (kinds[kind][0] for kind in [*present, "named"][:2])
        raise ValueError(
            f"{at(a)} and {b!r} are written in two ways; a spreadsheet that reads some dates of a column, not others, "
            "exchanges day and month. Write all dates of the column as 2011-05-27."
        )
    if "ordered" in kinds and day_first is None:
        day_first = _order(kinds["ordered"], parsed, at)
    days = {}
    for cell, (kind, parts) in parsed.items():
        if kind == "serial":
            day = _EPOCH + datetime.timedelta(days=parts[0])
            year, month, number = day.year, day.month, day.day
        elif kind == "ordered":
            year, (number, month) = parts[2], parts[:2] if day_first else parts[1::-1]
        else:
            year, month, number = parts
        if year < 100:
            fits = [century + year for century in (1900, 2000) if years[0] <= century + year <= years[1]]
            year = fits[0] if len(fits) == 1 else year
        if not years[0] <= year <= years[1]:
            raise ValueError(
                f"{at(cell)} is of the year {year}; expected {years[0]} to {years[1]}, in four digits. "
                "Correct it, or leave it empty."
            )
        try:
            days[cell] = np.datetime64(datetime.date(year, month, number), "ns")
        except ValueError:
            raise ValueError(f"{at(cell)} is no day of the calendar; expected a date such as 2011-05-27.") from None
    found = [days[cell] if cell else np.datetime64("NaT", "ns") for cell in text]
    return pd.Series(np.array(found, dtype="datetime64[ns]"), values.index, name=values.name)


def _plain(cell: object) -> str:
    """Write a cell as text without the time of day, "" where it stands for missing."""
    if cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if isinstance(cell, (datetime.date, np.datetime64)):
        return str(pd.Timestamp(cell).date())
    text = re.sub(r"(?<=\d)\.0+$", "", str(cell).strip()) if isinstance(cell, float) else str(cell).strip()
    text = _TIME.sub("", text)
    code = re.fullmatch(r"-?\d{1,4}(?:\.0*)?|99999", text)
    return "" if text.casefold() in MISSING_TEXT or (code and float(text) in MISSING_CODES) else text


def _parse(cell: str) -> tuple[str, tuple]:
    """Tell how a date is written, and its numbers: year, month, day; or in the order given; or a day number."""
    if hit := _ISO.fullmatch(cell):
        year, _, month, day = hit.groups()[:4] if hit[1] else (hit[5], "", hit[6], hit[7])
        if hit[2] != "" or year[:2] in ("19", "20"):
            return "iso", (int(year), int(month), int(day))
    if (hit := _ORDERED.fullmatch(cell)) and (len(hit[4]) == 4 or hit[2] != "-"):  # 09-03-05 may begin with the year
        return "ordered", (int(hit[1]), int(hit[3]), int(hit[4]), hit[2])
    for pattern, order in ((_DAY_NAMED, (3, 2, 1)), (_NAMED_DAY, (3, 1, 2)), (_YEAR_NAMED, (1, 2, 3))):
        if (hit := pattern.fullmatch(cell)) and (month := month_number(hit[order[1]])):
            return "named", (int(hit[order[0]]), month, int(hit[order[2]]))
    if hit := _SERIAL.fullmatch(cell):
        return "serial", (int(hit[1]),)
    return "none", ()


def _order(cells: list[str], parsed: dict, at: Callable[[str], str]) -> bool:
    """Tell whether the day comes first in a column."""
    first = [cell for cell in cells if parsed[cell][1][0] > 12 >= parsed[cell][1][1]]
    second = [cell for cell in cells if parsed[cell][1][1] > 12 >= parsed[cell][1][0]]
    if first and second:
        raise ValueError(
            f"{at(first[0])} has the day first, {second[0]!r} the month: two orders in one column. "
            "Write all its dates as 2011-05-27."
        )
    alike = all(parsed[cell][1][0] == parsed[cell][1][1] for cell in cells)
    if not (first or second or alike) and not all(parsed[cell][1][3] == "." for cell in cells):
        raise AmbiguousOrder(
            f"{at(cells[0])} may have the day or the month first, and no date of the column tells which. "
            "Write its dates as 2011-05-27."
        )
    return not second
