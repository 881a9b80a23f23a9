"""Names of genes: symbols or ids, in any plain form."""

from __future__ import annotations

import numbers
import re
from collections.abc import Iterable, Mapping

import pandas as pd

from xsg.check import MISSING_TEXT, distinct, some

# What a spreadsheet makes of symbols such as SEPT2, MARCH1, DEC1 or OCT4, in the languages it is often set to.
_MONTH = r"(?:jan|feb|mar|mrz|mär|märz|apr|avr|may|mai|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez|déc)[a-zé]*"
_GAP = r"[-./\s]\s*"
_DATED = re.compile(
    rf"(?:\d{{1,2}}\.?{_GAP}{_MONTH}(?:{_GAP}\d{{2,4}})?|{_MONTH}{_GAP}\d{{1,4}}"
    rf"|\d{{4}}{_GAP}\d{{1,2}}{_GAP}\d{{1,2}}(?:[T ][\d:.]+)?|\d{{1,2}}{_GAP}\d{{1,2}}{_GAP}\d{{2,4}}(?:[T ][\d:.]+)?)",
    re.IGNORECASE,
)
_RENAMED = re.compile(r"(.+)\.[1-9]\d?")
_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[-+]?\d+)?", re.IGNORECASE)


def gene_names(columns: Iterable[object], what: str) -> pd.Index:
    """Return names of genes without spaces round them, or refuse those that name none or more than one.

    Parameters
    ----------
    columns
        Symbols, or one kind of id (Entrez ids, all of them numbers, are let through).
    what
        What the table is called in an error.

    Returns
    -------
    Index
        In the order given; text, or numbers where numbers were given.

    Raises
    ------
    ValueError
        If a name is empty, given twice (also where a library made GENE2 and GENE2.1 of it), a date that a spreadsheet
        made of a symbol, or a number among symbols.

    Examples
    --------
    >>> gene_names(["APOE", " MAPT "], "expression.csv").to_list()
    ['APOE', 'MAPT']
    """
    found = pd.Index([name.strip() if isinstance(name, str) else name for name in columns])
    text = [str(name) for name in found]
    if empty := [place for place, name in enumerate(text, 1) if name.lower() in ("", "nan", "none")]:
        raise ValueError(f"{what}: gene {empty[0]} of {len(text)} has no name. Name it, or leave the column out.")
    distinct(text, f"{what}: genes", "Keep one column a gene, e.g. the mean of its probes.")
    there = set(text)
    if again := [name for name in text if (hit := _RENAMED.fullmatch(name)) and {hit[1], f"{hit[1]}.1"} <= there]:
        raise ValueError(
            f"{what}: {some(again)} look like repeats of one gene that a library has renamed. Keep one column a gene, "
            "e.g. the mean of its probes."
        )
    if dates := [name for name in text if _DATED.fullmatch(name)]:
        raise ValueError(
            f"{what}: {len(dates)} gene names are dates: {some(dates)}. A spreadsheet rewrites symbols such as SEPT2 "
            "and MARCH1 so; take the names from the file it was made of, or write today's symbols (SEPTIN2, MARCHF1)."
        )
    numbered = [name for name in text if _NUMBER.fullmatch(name)]
    if numbered and len(numbered) < len(text):
        other = next(name for name in text if not _NUMBER.fullmatch(name))
        raise ValueError(
            f"{what}: {len(numbered)} of {len(text)} gene names are numbers: {some(numbered)}; others are symbols such "
            f"as {other!r}. Numbers are Entrez ids or what a spreadsheet made of a symbol (43715 is 7 September 2019): "
            "name all genes by symbol, or all by id."
        )
    return found


def as_text(gene: object) -> str:
    """Write a gene's name: Entrez ids may be text, integers, or floats as pandas makes them."""
    if isinstance(gene, str):
        return gene.strip()
    if isinstance(gene, numbers.Real) and not isinstance(gene, bool) and gene == gene and gene == int(gene):
        return str(int(gene))
    return str(gene)


def gene_list(genes: object, what: str, *, as_given: bool = False) -> list:
    """Return genes given in any plain form as a list of text, each once.

    Parameters
    ----------
    genes
        List, tuple, array, Index, Series (its values), table of one column; a set is sorted. Symbols or ids, which may
        be numbers.
    what
        What they are called in an error.
    as_given
        Leave numbers numbers, and what is given twice twice.

    Raises
    ------
    TypeError
        If it is one name, not several, or a mapping.
    ValueError
        If there is none, or one is no name.

    Examples
    --------
    >>> gene_list([348, " APOE", 348.0], "genes")
    ['348', 'APOE']
    """
    kind = f"{what}: expected a list of genes, e.g. ['APOE', 'MAPT']; got "
    if isinstance(genes, (str, bytes)):
        raise TypeError(f"{kind}the text {genes!r}, which would be read letter by letter. Put it into brackets.")
    if isinstance(genes, pd.DataFrame) and genes.shape[1] == 1:
        genes = genes.iloc[:, 0]
    if isinstance(genes, (Mapping, pd.DataFrame)) or not isinstance(genes, Iterable) or getattr(genes, "ndim", 1) != 1:
        raise TypeError(f"{kind}a {type(genes).__name__}. Take its column, or its keys, as a list.")
    found = sorted(genes, key=as_text) if isinstance(genes, (set, frozenset)) else list(genes)
    plain = all(type(gene) is str for gene in found) and MISSING_TEXT.isdisjoint(gene.strip().lower() for gene in found)
    for place, gene in enumerate([] if plain else found, start=1):
        if isinstance(gene, tuple):
            raise ValueError(f"{what}: gene {place} is {gene!r}, names on several levels. Choose one level.")
        if isinstance(gene, bool) or not isinstance(gene, (str, numbers.Real)) or as_text(gene).lower() in MISSING_TEXT:
            raise ValueError(
                f"{what}: gene {place} of {len(found)} is {gene!r}; expected a symbol or an id. Leave it out."
            )
        if not isinstance(gene, str) and not as_text(gene).isdecimal():
            raise ValueError(
                f"{what}: gene {place} of {len(found)} is the number {gene!r}; expected a symbol or an id. If these "
                "are statistics by gene, give their index."
            )
    if not found:
        raise ValueError(f"{what} holds no gene; expected at least one.")
    return found if as_given else list(dict.fromkeys(map(str.strip if plain else as_text, found)))
