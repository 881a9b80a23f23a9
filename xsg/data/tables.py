"""Tables as people have them: the one reader of CSV files, numbers and labels, which refuses rather than guesses.

Spreadsheets save commas, semicolons or tabs, decimal commas, byte order marks, several encodings and blank rows. What
such a file plainly means is read; what may mean two things is refused with its place.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.check import MISSING_CODES, MISSING_TEXT, distinct, some
from xsg.files import read_text

ENDINGS = (".csv", ".tsv", ".txt")
_BINARY = {
    b"PK\x03\x04": "a spreadsheet's workbook or an archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet's workbook",
    b"\x1f\x8b": "compressed",
    b"$FL2": "a file of SPSS",
    b"PAR1": "a Parquet file",
}
# 1,234.5 and 1.234,5 and 1 234: one number in one country, another in the next.
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:([.,\s'’])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
_COMMA = re.compile(r"[-+]?\d*,\d+(?:e[-+]?\d+)?", re.IGNORECASE)
_EITHER = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}([.,])\d{3}")
_UNIT = re.compile(r"[-+]?[\d.,]+(?:e[-+]?\d+)?\s*[^\d\s.,]+", re.IGNORECASE)


def find_table(folder: Path, name: str) -> Path | None:
    """Return the table of this name in a folder, whatever its ending (.csv, .tsv, .txt) and its case, or None.

    Raises
    ------
    ValueError
        If there are several, or only a spreadsheet's workbook.
    """
    every = sorted(path for path in folder.iterdir() if path.stem.casefold() == name and path.is_file())
    found = [path for path in every if path.suffix.lower() in ENDINGS]
    if len(found) > 1:
        raise ValueError(f"{folder}: {' and '.join(path.name for path in found)} are there; keep one of them.")
    if not found and (books := [path for path in every if path.suffix.lower() in (".xlsx", ".xls", ".ods")]):
        raise ValueError(f"{books[0]} is a spreadsheet's workbook; save its sheet as {name}.csv (CSV UTF-8) beside it.")
    return found[0] if found else None


def read_table(
    path: str | Path,
    columns: Iterable[str] = (),
    optional: Iterable[str] = (),
    index: str | None = None,
    blank_rows: bool = False,
) -> pd.DataFrame:
    """Read a table of text as spreadsheets and statistics programmes save it.

    Parameters
    ----------
    path
        The file. Comma, semicolon, tab, bar or space between cells, found from the header; any usual encoding.
    columns
        Columns it must have; case, spaces and punctuation of their names do not matter.
    optional
        Columns that are called so where they are there.
    index
        The column that names the rows. A first column without a name, as pandas and R write row names, is taken for it
        where it is missing.
    blank_rows
        Keep rows without any content.

    Returns
    -------
    DataFrame
        All cells as text without spaces round them, "" where empty; index: the line in the file. Columns without a name
        that have content are called "Unnamed: 0" (the number is their place), empty ones are left out.
        ``attrs["delimiter"]`` is what stands between cells.

    Raises
    ------
    ValueError
        If the file is no table of text, a column is missing or given twice, or rows do not have the header's length.
    """
    path = Path(path)
    text = _text(path)
    columns = [*([index] if index else []), *columns]
    mark = re.match(r'"?sep=(.)"?\n', text, re.IGNORECASE)
    body = text[mark.end() :] if mark else text
    first = next((line for line in body.split("\n") if re.search(r"\w", line)), None)
    if first is None:
        raise ValueError(f"{path} could not be read as CSV: it is empty.")
    delimiter = mark[1] if mark else _delimiter(first, columns)
    try:
        reader = csv.reader(io.StringIO(body), delimiter=delimiter, skipinitialspace=True)
        rows = [(reader.line_num + bool(mark), [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{path} could not be read as CSV: {error}. Is a quotation mark left open?") from None
    start = next(place for place, (_, row) in enumerate(rows) if any(row))
    header = rows[start][1]
    rows = [(line, row) for line, row in rows[start + 1 :] if blank_rows or any(row)]
    header = _even(path, header, rows, delimiter, cut=not text.endswith("\n"))
    cells = np.array([row for _, row in rows], dtype=object).reshape(len(rows), len(header))
    kept = [place for place, name in enumerate(header) if name or (cells[:, place] != "").any()]
    names = [header[place] or f"Unnamed: {place}" for place in kept]
    if index and fold(index) not in map(fold, names) and names[0] == "Unnamed: 0":
        names[0] = index
    table = pd.DataFrame(cells[:, kept], [line for line, _ in rows], named(names, columns, optional, str(path)))
    table.attrs["delimiter"] = delimiter
    return table


def fold(name: object) -> str:
    """Fold a column's name: ``"DX.bl"``, ``" dx_bl"`` and ``"DX_bl"`` are one."""
    return re.sub(r"[\W_]+", "", str(name).casefold())


def named(names: Iterable[object], columns: Iterable[str], optional: Iterable[str], what: str) -> pd.Index:
    """Return a table's names of columns with those asked for called as asked, or refuse them.

    Raises
    ------
    ValueError
        If a name is there twice, or a column asked for is missing or could be either of two.
    """
    found = [str(name).strip() for name in names]
    distinct(found, f"{what}: columns", "Rename them, or keep one.")
    columns, there, folded = list(columns), set(found), [fold(name) for name in found]
    for column in [*columns, *optional]:
        like = [] if column in there else [place for place, name in enumerate(folded) if name == fold(column)]
        if len(like) > 1:
            raise ValueError(f"{what}: {some(found[place] for place in like)} could be column {column!r}; keep one.")
        if like and found[like[0]] not in optional:
            found[like[0]] = column
    if missing := [column for column in columns if column not in found]:
        raise ValueError(
            f"{what}: no column {', '.join(map(repr, missing))}; there are {', '.join(found[:8])}"
            f"{f' and {len(found) - 8} more' if len(found) > 8 else ''}."
        )
    return pd.Index(found)


def _text(path: Path) -> str:
    """Read the file's text, or say what it is instead."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise ValueError(f"{path} could not be read as CSV: {error.strerror}.") from None
    for mark, kind in _BINARY.items():
        if head.startswith(mark):
            raise ValueError(
                f"{path} could not be read as CSV: it is {kind}. Save it as text (CSV UTF-8) and use that."
            )
    try:
        text = read_text(path, "a table of text (CSV)")
    except ValueError as error:
        raise ValueError(f"{path} could not be read as CSV: it {str(error).removeprefix(f'{path} ')}") from None
    if re.search(r"[\x01-\x08\x0e-\x1f]", text[:4000]):
        raise ValueError(f"{path} could not be read as CSV: it is no text. Save it as text (CSV UTF-8) and use that.")
    if re.match(r"\s*<(?:!doctype|html|\?xml)", text, re.IGNORECASE):
        raise ValueError(f"{path} could not be read as CSV: it is a web page. Download the table itself.")
    return unicodedata.normalize("NFC", text.replace("\ufeff", ""))


def _delimiter(header: str, columns: list[str]) -> str:
    """Find what stands between cells: what finds most of the columns wanted in the header, then most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True))
        return len({fold(name) for name in names} & {fold(name) for name in columns}), len(names)

    plain = max("\t;,", key=found)
    # A space or a bar may stand in names: they count only where nothing else does and they show the columns wanted.
    return max([plain, *"| "], key=found) if columns and found(plain)[1] == 1 else plain


def _even(path: Path, header: list[str], rows: list[tuple[int, list[str]]], delimiter: str, cut: bool) -> list[str]:
    """Bring all rows to the header's length in place, or say which cannot; return the header."""
    while len(header) > 1 and not header[-1] and not any(any(row[len(header) - 1 :]) for _, row in rows):
        header = header[:-1]
    # R writes names of rows and none above them; with commas it does not, and a decimal comma would look alike.
    if delimiter != "," and rows and all(len(row) == len(header) + 1 for _, row in rows):
        firsts = [row[0] for _, row in rows]
        if all(firsts) and len(set(firsts)) == len(firsts) and any(row[-1] for _, row in rows):
            header = ["", *header]
    n = len(header)
    for place, (line, row) in enumerate(rows):
        if any(row[n:]):
            hint = " Are its decimals commas? Then put semicolons or tabs between cells." if delimiter == "," else ""
            raise ValueError(f"{path}: line {line} has {len(row)} cells, the header {n}.{hint}")
        if len(row) < n and cut and place == len(rows) - 1:
            raise ValueError(f"{path}: the last line, {line}, has {len(row)} cells, the header {n}: is the file whole?")
        row[n:] = [""] * (n - len(row))
    return header


def floats(values: pd.DataFrame, what: str, missing: bool = False) -> pd.DataFrame:
    """Turn cells into floats, or say which is no number.

    A decimal comma is understood where all numbers have one; ``attrs["delimiter"]`` of `read_table` helps to tell.

    Parameters
    ----------
    values
        Numbers, or text as it stands in a file.
    what
        What the table is called in an error.
    missing
        Let cells that stand for a missing value ("", "NA", ".", …) be NaN.

    Raises
    ------
    ValueError
        Naming row, column and value of the first that is no number, or that may be read in two ways.

    Examples
    --------
    >>> floats(pd.DataFrame({"mm": ["2,41", "3"]}), "thickness")["mm"].to_list()
    [2.41, 3.0]
    """
    cells = values.to_numpy(dtype=object)
    if all(dtype.kind in "iuf" for dtype in values.dtypes):
        found = values.to_numpy(dtype=float)
        absent, commas = np.isnan(found), []
    else:
        text = pd.Series([_plain(cell) for cell in cells.ravel()], dtype=object)
        number = pd.to_numeric(text, errors="coerce").to_numpy(float, copy=True)
        for place, cell in enumerate(cells.ravel()):
            if isinstance(cell, (float, np.floating)):  # as it is, not by way of text
                number[place] = cell
        absent = (text == "").to_numpy().reshape(cells.shape)
        commas = []
        for place in np.flatnonzero(np.isnan(number) & ~absent.ravel()):
            if _COMMA.fullmatch(text[place]):
                number[place] = float(text[place].replace(",", "."))
                commas.append((*divmod(int(place), cells.shape[1]), text[place]))
        found = number.reshape(cells.shape)
    bad = ~np.isfinite(found) & ~(absent & missing)

    def at(i: int, j: int) -> str:
        return f"row {str(values.index[i])!r}, column {str(values.columns[j])!r}: {str(cells[i, j])!r}"

    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise ValueError(
            f"{what}: {int(bad.sum())} values are {'' if missing else 'missing or '}no numbers, the first in "
            f"{at(i, j)}. " + _way_out(_plain(cells[i, j]))
        )
    if commas:
        _refuse_mixed(cells, commas, at, what, values.attrs.get("delimiter"))
    _refuse_thousands(cells, at, what)
    return pd.DataFrame(found, values.index, values.columns)


def _plain(cell: object) -> str:
    """Write a cell as text that a number can be read from, "" where it stands for missing."""
    if cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    text = str(cell).strip().replace("−", "-").replace("–", "-")
    return "" if text.casefold() in MISSING_TEXT else text


def _way_out(text: str) -> str:
    """Say what to do about a cell that is no number."""
    if _GROUPED.fullmatch(text):
        return "Write numbers without separators of thousands."
    if _UNIT.fullmatch(text):
        return "Write numbers without units or marks."
    return "Fill them, or leave the row or column out."


def _refuse_mixed(cells: np.ndarray, commas: list, at: Callable, what: str, delimiter: str | None) -> None:
    """Refuse commas in numbers that may separate thousands: beside points, or always before three digits."""
    i, j, text = commas[0]
    for row, column in np.argwhere([[isinstance(cell, str) and "." in cell for cell in row] for row in cells]):
        if _plain(cells[row, column]):
            raise ValueError(
                f"{what}: {at(i, j)} has a comma, {at(row, column)} a point. Write all decimals in one way, and no "
                "separators of thousands."
            )
    if delimiter != ";" and all(_EITHER.fullmatch(each) for *_, each in commas):
        raise ValueError(
            f"{what}: {at(i, j)} may be {text.replace(',', '.')} or {text.replace(',', '')}. Write decimals with a "
            "point, and no separators of thousands."
        )


def _refuse_thousands(cells: np.ndarray, at: Callable, what: str) -> None:
    """Refuse a column of 987 and 1.023: marks always before three digits, beside whole numbers of three."""
    for j, column in enumerate(cells.T):
        texts = [_plain(cell) if isinstance(cell, str) else "" for cell in column]
        marked = [i for i, text in enumerate(texts) if re.search("[.,]", text)]
        grouped = marked and all(_THOUSANDS.fullmatch(texts[i]) for i in marked)
        if grouped and any(re.fullmatch(r"[-+]?[1-9]\d{2}", text) for text in texts):
            raise ValueError(
                f"{what}: {at(marked[0], j)} stands beside whole numbers of three digits: it may be "
                f"{re.sub('[.,]', '', texts[marked[0]])}. Write numbers without separators of thousands."
            )


def uncoded(values: pd.DataFrame, what: str) -> None:
    """Refuse codes for missing, such as -9999 or 999, that stand out from all other numbers of a table.

    Raises
    ------
    ValueError
        Naming the first.
    """
    found = np.abs(values.to_numpy())
    coded = np.isin(values.to_numpy(), list(MISSING_CODES)) & (found >= 77)
    if coded.any() and not coded.all() and found[coded].min() > 5 * found[~coded].max():
        i, j = np.argwhere(coded)[0]
        raise ValueError(
            f"{what}: row {str(values.index[i])!r}, column {str(values.columns[j])!r} is {values.iloc[i, j]:g}, far "
            f"from the rest; {int(coded.sum())} values look like a code for missing. Leave the rows or columns out."
        )


def labels(values: pd.Series) -> pd.Series:
    """Bring names of groups, sites or subjects into one spelling; None where missing.

    ``5``, ``"5.0"`` and ``"005"`` are one, and so are ``" AD"`` and ``"ad"``: called as the first of them is.

    Examples
    --------
    >>> labels(pd.Series([" AD", "ad", "5.0", 5, "-4"])).to_list()
    ['AD', 'AD', '5', '5', None]
    """
    seen: dict[str, str] = {}

    def one(value: object) -> str | None:
        text = " ".join(_plain(value).split())
        if re.fullmatch(r"-\d+(?:\.0*)?", text) and float(text) in MISSING_CODES:
            return None
        if re.fullmatch(r"\d+(?:\.0*)?", text):
            text = text.split(".")[0].lstrip("0") or "0"
        return seen.setdefault(text.casefold(), text) if text else None

    return pd.Series([one(value) for value in values], values.index, dtype=object, name=values.name)


def counted(values: Iterable[object], most: int = 8) -> str:
    """List labels with how often each is there, the most frequent first.

    Examples
    --------
    >>> counted(["b", "a", "b"])
    "'b' (2), 'a' (1)"
    """
    counts = pd.Series([str(value) for value in values], dtype=object).value_counts()
    more = f" and {len(counts) - most} more" if len(counts) > most else ""
    return ", ".join(f"{name!r} ({n})" for name, n in counts.head(most).items()) + more
