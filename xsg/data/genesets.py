"""Gene sets: lists of genes that belong together, here the markers of cell types of the human cortex.

A set is compared with a matrix of expression, so only its genes that are in the matrix count; `restrict` says which are
not. Two collections are registered, both as packaged by Imaging Transcriptomics (Giacomel 2022):

- ``"LAKE"``: 30 sets, subtypes of neurons and glia found in single nuclei of human cortex (Lake et al. 2018);
- ``"Pooled"``: 7 sets, classes of cells pooled over five single-cell studies (Seidlitz et al. 2020).

- Lake et al. 2018, Nature Biotechnology 36:70, doi:10.1038/nbt.4038.
- Seidlitz et al. 2020, Nature Communications 11:3358, doi:10.1038/s41467-020-17051-5.
- Giacomel 2022, toolbox Imaging Transcriptomics (see `xsg.data.fetch.registry`).
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from xsg.data.fetch import fetch

_FILES = {"LAKE": "human/genes/geneset_LAKE.gmt", "Pooled": "human/genes/geneset_Pooled.gmt"}

# A spreadsheet takes SEPT7 for a date and shows 07-Sep. There is one way back from the days of September, but two from
# the first two of March: MARCH1 and MARC1 both become 01-Mar, MARCH2 and MARC2 both 02-Mar.
_DATE = re.compile(r"0?(\d{1,2})-(Mar|Sep)", re.IGNORECASE)


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    """Read gene sets from a .gmt file: a line per set, tab-separated name, description, genes.

    Empty fields, with which such files are often padded to equal width, and repeated genes are left out. Symbols that a
    spreadsheet has turned into dates are turned back where there is only one way back (``08-Sep`` is SEPT8); the others
    (``01-Mar`` may be MARCH1 or MARC1) stay as they stand, match no gene, and are listed as lost by `restrict`.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict of str to list of str
        Symbols of each set, in the file's order.

    Raises
    ------
    ValueError
        If a line has no gene, or two sets have the same name.
    """
    sets: dict[str, list[str]] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        name, *rest = line.split("\t")
        genes = list(dict.fromkeys(_undated(gene.strip()) for gene in rest[1:] if gene.strip()))
        if not genes:
            raise ValueError(
                f"{Path(path).name}, line {number}: the set {name!r} has no gene; expected name, description and genes "
                "with tabs between them."
            )
        if name in sets:
            raise ValueError(f"{Path(path).name}, line {number}: the set {name!r} is there twice. Rename one of them.")
        sets[name] = genes
    return sets


def load_gene_sets(name: str = "Pooled") -> dict[str, list[str]]:
    """Load a registered collection of gene sets by name, as `read_gmt` reads it.

    Parameters
    ----------
    name
        ``"Pooled"`` (7 classes of cells) or ``"LAKE"`` (30 subtypes).

    Returns
    -------
    dict of str to list of str
        Symbols of each set.

    Raises
    ------
    ValueError
        If there is no such collection.
    """
    if name not in _FILES:
        raise ValueError(
            f"gene sets {name!r} are not known; there are {', '.join(map(repr, _FILES))}. Read your own with read_gmt."
        )
    return read_gmt(fetch(_FILES[name]))


def restrict(
    sets: dict[str, list[str]], genes: Iterable[str], smallest: int = 5
) -> tuple[dict[str, list[str]], pd.DataFrame]:
    """Keep the genes of each set that are at hand, and say what is lost.

    Parameters
    ----------
    sets
        Gene sets.
    genes
        The genes at hand, e.g. the columns of an expression table.
    smallest
        A set with fewer genes left is dropped: a mean over so few says little about the set.

    Returns
    -------
    sets : dict of str to list of str
        What is left, genes in the order of the set.
    table : DataFrame
        By set (also those dropped): ``listed`` and ``kept`` genes, ``lost`` symbols, ``used`` (whether it is left).

    Raises
    ------
    ValueError
        If no set is left.

    Examples
    --------
    >>> kept, table = restrict({"Oligo": ["PLP1", "MOBP", "ST18"], "Micro": ["CX3CR1"]}, ["MOBP", "PLP1"], smallest=2)
    >>> kept
    {'Oligo': ['PLP1', 'MOBP']}
    >>> table.loc["Oligo", "lost"]
    ['ST18']
    """
    at_hand = set(genes)
    kept = {name: [gene for gene in listed if gene in at_hand] for name, listed in sets.items()}
    table = pd.DataFrame(
        {
            "listed": {name: len(listed) for name, listed in sets.items()},
            "kept": {name: len(genes) for name, genes in kept.items()},
            "lost": {name: [gene for gene in listed if gene not in at_hand] for name, listed in sets.items()},
        }
    ).rename_axis("set")
    table["used"] = table["kept"] >= smallest
    if not table["used"].any():
        raise ValueError(
            f"of {len(sets)} gene sets none has {smallest} genes among the {len(at_hand)} at hand (at most "
            f"{table['kept'].max()}). Do both name genes by symbol, e.g. 'APOE'?"
        )
    return {name: genes for name, genes in kept.items() if table.loc[name, "used"]}, table


def _undated(symbol: str) -> str:
    """Turn a spreadsheet's date back into a gene symbol where there is one way back."""
    found = _DATE.fullmatch(symbol)
    if not found:
        return symbol
    day, month = int(found[1]), found[2].lower()
    if month == "sep":
        return f"SEPT{day}" if day <= 14 else symbol  # the fifteenth may be SEPT15 or SEP15, a selenoprotein
    return f"MARCH{day}" if 3 <= day <= 11 else symbol
