"""Gene sets: lists of genes that belong together, here the markers of cell types of the human cortex.

A set is compared with a matrix of expression, so only its genes that are in the matrix count; `restrict` says which are
not. Two collections are registered, both as packaged by Imaging Transcriptomics (Giacomel 2022):

- ``"LAKE"``: 30 sets, subtypes of neurons and glia found in single nuclei of human cortex (Lake et al. 2018);
- ``"Pooled"``: 7 sets, classes of cells pooled over five single-cell studies (Seidlitz et al. 2020).

- Lake et al. 2018, Nature Biotechnology 36:70, doi:10.1038/nbt.4038.
- Seidlitz et al. 2020, Nature Communications 11:3358, doi:10.1038/s41467-020-17051-5.
- Giacomel 2022, toolbox Imaging Transcriptomics (see `xsg.data.fetch.registry`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from xsg import _moved
from xsg.check import choice, instance, number, some
from xsg.data.fetch import fetch
from xsg.data.gene_names import as_text, gene_list, gene_names
from xsg.genes.gmt import read_gmt

__all__ = ["gene_list", "gene_sets", "load_gene_sets", "mismatch", "read_gmt", "restrict"]

_FILES = {"LAKE": "human/genes/geneset_LAKE.gmt", "Pooled": "human/genes/geneset_Pooled.gmt"}


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
    return read_gmt(fetch(_FILES[choice(name, _FILES, "gene sets", "Read your own with read_gmt.")]))


def restrict(
    sets: Mapping[str, Iterable[str]], genes: Iterable[str], smallest: int = 5
) -> tuple[dict[str, list[str]], pd.DataFrame]:
    """Keep the genes of each set that are at hand, and say what is lost.

    Names are compared as they stand, capitals and all; Entrez ids may be numbers on one side and text on the other.

    Parameters
    ----------
    sets
        Gene sets.
    genes
        The genes at hand, e.g. the columns of an expression table; what is kept is named as these are.
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
        If no set is left (with the reason, where it is the case of letters or the kind of id), or a gene at hand is
        named twice, by a date or by a number among symbols.

    Examples
    --------
    >>> kept, table = restrict({"Oligo": ["PLP1", "MOBP", "ST18"], "Micro": ["CX3CR1"]}, ["MOBP", "PLP1"], smallest=2)
    >>> kept
    {'Oligo': ['PLP1', 'MOBP']}
    >>> table.loc["Oligo", "lost"]
    ['ST18']
    """
    sets, smallest = gene_sets(sets), number(smallest, "smallest", 1, whole=True)
    given = gene_names(gene_list(genes, "genes at hand", as_given=True), "genes at hand")
    at_hand = {as_text(gene): gene for gene in given}
    kept = {name: [at_hand[gene] for gene in listed if gene in at_hand] for name, listed in sets.items()}
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
            f"{table['kept'].max()}). {mismatch([gene for listed in sets.values() for gene in listed], at_hand)}"
        )
    return {name: genes for name, genes in kept.items() if table.loc[name, "used"]}, table


def gene_sets(sets: object) -> dict[str, list[str]]:
    """Return gene sets given as a mapping from name to genes, in any plain form, as lists of text.

    Raises
    ------
    TypeError
        If it is no mapping, or the genes of a set are no list.
    ValueError
        If there is no set, or one has no gene or a name that another has.

    Examples
    --------
    >>> gene_sets({"Astro": ("AQP4", "GFAP"), 7: [361]})
    {'Astro': ['AQP4', 'GFAP'], '7': ['361']}
    """
    if isinstance(sets, pd.Series) and sets.map(lambda genes: isinstance(genes, (list, tuple, set))).all():
        sets = sets.to_dict()
    wanted = "names with lists of genes, e.g. {'Astro': ['AQP4', 'GFAP']}"
    instance(sets, Mapping, "gene sets", wanted, "Read a file with xsg.genes.sets.read_gmt.")
    if not sets:
        raise ValueError("gene sets: none given; expected at least one.")
    found: dict[str, list[str]] = {}
    for name, genes in sets.items():
        if str(name) in found:
            raise ValueError(f"gene sets: two are called {str(name)!r}. Rename one of them.")
        found[str(name)] = gene_list(genes, f"gene set {str(name)!r}")
    return found


def mismatch(listed: Iterable[str], at_hand: Iterable[str]) -> str:
    """Say why genes may not be found among others: another case, another kind of name.

    Examples
    --------
    >>> mismatch(["Aqp4", "Gfap"], ["AQP4", "MBP"])
    "1 of them would be in another case, as 'AQP4' is 'Aqp4': genes of another species? Match orthologues first."
    """
    listed, at_hand = list(dict.fromkeys(map(str, listed))), list(map(str, at_hand))
    folded = {gene.casefold(): gene for gene in at_hand}
    other = [gene for gene in listed if gene not in folded.values() and gene.casefold() in folded]
    if other:
        return (
            f"{len(other)} of them would be in another case, as {folded[other[0].casefold()]!r} is {other[0]!r}: genes "
            "of another species? Match orthologues first."
        )
    bare = {gene.split(".")[0] for gene in at_hand}
    if any(gene.startswith("ENS") and gene.split(".")[0] in bare for gene in listed):
        return "Some of them would be without the version of the Ensembl id (.5): cut it off on both sides."
    kinds = [_kind(genes) for genes in (listed, at_hand)]
    if kinds[0] != kinds[1]:
        return f"The sets name genes by {kinds[0]} ({some(listed, 2)}), the others by {kinds[1]} ({some(at_hand, 2)})."
    return "Do both name genes by symbol, e.g. 'APOE'?"


def _kind(genes: list[str]) -> str:
    """Tell how genes are named."""
    for kind, fits in (("Entrez id", str.isdecimal), ("Ensembl id", lambda gene: gene.startswith("ENS"))):
        if sum(map(fits, genes)) > len(genes) / 2:
            return kind
    return "symbol"


__getattr__ = _moved.lazily(__name__)
