"""Tables of maps as they are kept: CSV and TSV, Excel's workbooks, FreeSurfer's .stats, Series and DataFrames.

Cells stay as they were written; names of rows become a column like any other.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pandas as pd

from xsg import names as naming
from xsg.check import instance, some
from xsg.check.values import BARE
from xsg.data.tables import read_table
from xsg.files import read_text


def any_table(source: object, name: str) -> pd.DataFrame:
    """Return a table whose cells are as they were given; names of rows are a column like any other."""
    if isinstance(source, dict):
        source = pd.Series(source, dtype=object)
    if isinstance(source, pd.Series):
        source = source.to_frame(source.name if source.name is not None else "value")
    if isinstance(source, pd.DataFrame):
        numbered = not isinstance(source.index, pd.MultiIndex) and source.index.dtype.kind in "iuf"
        table = source.reset_index(drop=True) if numbered else source.reset_index(names=_free(source))
        texts = any(dtype.kind in "OUS" or str(dtype) in ("str", "string", "category") for dtype in table.dtypes)
        if not texts and not any(naming.side(column) for column in table.columns):
            raise TypeError(f"{name}: its rows and columns have no region names. {BARE}")
        return table.set_axis([str(column).strip() for column in table.columns], axis=1)
    instance(source, (str, Path), name, "a file, a Series or a DataFrame with region names", BARE)
    path = Path(source)
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return _workbook(path)
    text = read_text(path, "a table of text, or an image with its usual ending (.nii.gz, .gii, .mgh)").lstrip("\ufeff")
    if re.match(r"#.*\n(?:#.*\n)*# ColHeaders ", text):
        return _statistics(text)
    lines = [line for line in text.split("\n") if line.strip()][:2]
    parts = [len(re.findall(r"[,;\t]", line)) for line in lines]
    if lines and (lines[0].startswith("#") or (len(lines) > 1 and not parts[0] and parts[1])):
        raise ValueError(
            f"{path}: its first line, {lines[0][:60]!r}, is no header of a table. Remove what stands above the "
            "names of the columns."
        )
    return _headed(_text(path, text))


def _free(table: pd.DataFrame) -> list[str]:
    """Return names for the levels of the index that no column has."""
    levels = [str(name) if name is not None else f"row name {place}" for place, name in enumerate(table.index.names)]
    return [f"{level} (row)" if level in table.columns else level for level in levels]


def _text(path: Path, text: str) -> pd.DataFrame:
    lines = [line for line in text.lstrip("\ufeff").split("\n") if line.strip()]
    if lines and not re.search(r"[,;\t]", lines[0]) and len(lines[0].split()) > 1:
        rows = [line.split() for line in lines]
        if len({len(row) for row in rows}) == 1:  # columns parted by spaces
            table = pd.DataFrame(rows[1:], columns=rows[0])
            table.attrs["delimiter"] = " "
            return table
    return read_table(path).reset_index(drop=True)


def _headed(table: pd.DataFrame) -> pd.DataFrame:
    """Give a table without a header one: its first line is a region and a number."""
    first = [str(name) for name in table.columns]
    numbers = [bool(re.fullmatch(r"[-+]?\d*[.,]?\d+(?:e[-+]?\d+)?", name, re.IGNORECASE)) for name in first]
    named = [naming.side(name) is not None for name in first]
    if not any(numbers) or sum(named) != 1 or not len(table):
        return table
    names = [f"column {place}" for place in range(1, len(first) + 1)]
    whole = pd.DataFrame([first, *table.to_numpy().tolist()], columns=names)
    whole.attrs = dict(table.attrs)
    return whole


def _workbook(path: Path) -> pd.DataFrame:
    """Read the one sheet of an Excel workbook that has content."""
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise ValueError(f"{path}: to read Excel workbooks install openpyxl, or save the sheet as CSV UTF-8.") from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of styles and extensions that openpyxl leaves aside
            sheets = pd.read_excel(path, sheet_name=None, header=None, dtype=object, engine="openpyxl")
    except Exception as error:  # zipfile's, openpyxl's and expat's
        raise ValueError(f"{path} could not be read as an Excel workbook: {error}. Save it anew, or as CSV.") from None
    full = {name: sheet.dropna(how="all").dropna(how="all", axis=1) for name, sheet in sheets.items()}
    full = {name: sheet for name, sheet in full.items() if len(sheet) > 1}
    if len(full) != 1:
        raise ValueError(
            f"{path} has {len(full)} sheets with a table{': ' + some(full) if full else ''}; expected one. Save the "
            "one with the map as a file of its own."
        )
    (sheet,) = full.values()
    while len(sheet) > 2 and sheet.iloc[0].notna().sum() == 1 < sheet.iloc[1].notna().sum():
        sheet = sheet.iloc[1:]  # a title above the header
    sheet = sheet.dropna(how="all", axis=1)
    head = [str(name).strip() if pd.notna(name) else f"Unnamed: {place}" for place, name in enumerate(sheet.iloc[0])]
    return _headed(sheet.iloc[1:].set_axis(head, axis=1).reset_index(drop=True))


def _statistics(text: str) -> pd.DataFrame:
    """Read FreeSurfer's own lh.aparc.stats or aseg.stats of one person."""
    header = re.search(r"^# ColHeaders\s+(.+)$", text, re.MULTILINE)[1].split()
    rows = [line.split() for line in text.split("\n") if line.strip() and not line.startswith("#")]
    table = pd.DataFrame(rows, columns=header)
    if hemisphere := re.search(r"^# hemi\s+(\w+)", text, re.MULTILINE):
        table.insert(0, "hemi", hemisphere[1])
    return table.drop(columns=["Index", "SegId"], errors="ignore")
