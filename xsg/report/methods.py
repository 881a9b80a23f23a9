"""The methods paragraph of a report, written from what was run, and the references that it makes use of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from xsg.report.frozen import frozen, outcome, seal_of
from xsg.report.words import BOTH, PLACE

if TYPE_CHECKING:
    from xsg.report.found import Report

SPLITS = {
    "random": "dealt at random, homologues not kept together",
    "homologous": "dealt at random, a region and its homologue in the other hemisphere always together",
    "spatial": "that are patches of neighbouring regions, homologues together",
    "mirrored-blocks": "dealt at random, regions that are each other's mirror image always together",
    "distance": "of one region and all near it",
    "lobe": "of a lobe each",
    "left-to-right": "of one hemisphere, the other being trained on",
}
_SPIN = "the map rotated on the sphere, both hemispheres by mirrored rotations"
NULLS = {
    "spin": f"{_SPIN} [@AlexanderBloch2018; @MarkelloMisic2021]",
    "spin-nearest": f"{_SPIN}, each region given the value of the nearest [@AlexanderBloch2018; @MarkelloMisic2021]",
    "spin-hungarian": f"{_SPIN}, regions matched one to one [@AlexanderBloch2018; @Kuhn1955]",
    "spin-vasa": f"{_SPIN}, regions matched one to one [@AlexanderBloch2018; @Vasa2018]",
    "moran": "surrogates with the map's spatial autocorrelation, by Moran spectral randomisation [@Wagner2015]",
    "variogram": "surrogates with the map's variogram [@Burt2020]",
    "noise-genes": "tables of noise in place of the genes",
    "rewired": "graphs with the same degrees and other edges [@Maslov2002]",
}
_ATLASES = {
    "dk": "Desikan-Killiany atlas [@Desikan2006]",
    "desikan": "Desikan-Killiany atlas [@Desikan2006]",
    "schaefer": "Schaefer atlas ({n} parcels) [@Schaefer2018]",
    "glasser": "Glasser atlas (multi-modal parcellation) [@Glasser2016]",
}
_SOFTWARE = {
    "torch": "PyTorch {} [@Paszke2019]",
    "numpy": "NumPy {} [@Harris2020]",
    "scikit-learn": "scikit-learn {} [@Pedregosa2011]",
    "nilearn": "nilearn {} [@Abraham2014]",
    "brainspace": "BrainSpace {} [@VosDeWael2020]",
}
_SIMPLE = {
    "contralateral copy": "a copy of the homologous region",
    PLACE: "position, a Gaussian process over where regions lie, hemispheres folded [@Rasmussen2006]",
    BOTH: "position + genes, the same process with a linear kernel of all genes beside its own",
    "expression PC1": "a line on the first principal component of expression",
    "ridge": "ridge regression on all genes [@Hoerl1970]",
    "PLS": "partial least squares [@Rosipal2001]",
    "VAE without graph": "the model without its graph",
}
_ACCENTS = dict(zip("`'^~=.\"v", "\u0300\u0301\u0302\u0303\u0304\u0307\u0308\u030c", strict=True))
_MARK = re.compile(r" ?\[(@[^\]]+)\]")


@lru_cache(maxsize=1)
def library() -> dict[str, str]:
    """Return the BibTeX entries that a report can cite, by key."""
    text = files("xsg.report").joinpath("references.bib").read_text(encoding="utf-8")
    return {re.match(r"@\w+\{(\w+),", entry)[1]: entry.strip() for entry in re.split(r"\n(?=@)", text.strip())}


def _field(key: str, name: str) -> str:
    found = re.search(rf"^  {name} = \{{(.*)\}},?$", library()[key], re.M)
    text = re.sub(r"[{}]", "", found[1]).replace("--", "–") if found else ""
    accented = re.sub(r"\\([`'^~=.\"v]) ?(\w)", lambda each: each[2] + _ACCENTS[each[1]], text)
    return unicodedata.normalize("NFC", accented)


def _surnames(key: str) -> list[str]:
    return [each.split(",")[0].strip() for each in _field(key, "author").split(" and ")]


def cited(key: str) -> str:
    """Write how a text cites an entry.

    Examples
    --------
    >>> cited("Besag1991"), cited("Schaefer2018")
    ('Besag & Clifford 1991', 'Schaefer et al. 2018')
    """
    who = _surnames(key)
    names = who[0] if len(who) == 1 else " & ".join(who) if len(who) == 2 and who[1] != "others" else f"{who[0]} et al."
    return f"{names} {_field(key, 'year')}"


def reference(key: str) -> tuple[str, str]:
    """Return an entry as a line of a reference list, and its address (empty where it has none)."""
    who = [("et al." if each == "others" else each.replace(",", "")) for each in _field(key, "author").split(" and ")]
    where = _field(key, "journal") or _field(key, "booktitle") or _field(key, "publisher") or _field(key, "note")
    volume, pages = _field(key, "volume"), _field(key, "pages")
    place = where + f" {volume}" * bool(volume) + f":{pages}" * bool(pages)
    doi = _field(key, "doi")
    text = f"{', '.join(who).rstrip('.')}. {_field(key, 'title')}. {place}, {_field(key, 'year')}."
    return text, f"https://doi.org/{doi}" if doi else ""


def methods(report: Report, also: Sequence[Report] = ()) -> tuple[list[str], list[str]]:
    """Return the paragraphs of the methods, and the keys of the references, in alphabetical order."""
    keys: set[str] = set()

    def cite(found: re.Match) -> str:
        used = [each.strip().lstrip("@") for each in found[1].split(";")]
        keys.update(used)
        return f" ({'; '.join(map(cited, used))})"

    texts = [_data(report), _model(report), _judged(report, also), _null(report), _beside(report), _software(report)]
    texts.append(_frozen(report))
    paragraphs = [_MARK.sub(cite, text) for text in texts if text]
    keys.update(_named_in(" ".join(report.notes)))
    return paragraphs, sorted(keys)


def bibtex(report: Report, also: Sequence[Report] = ()) -> str:
    """Return the BibTeX of what was used."""
    return "\n\n".join(library()[key] for key in methods(report, also)[1]) + "\n"


def _named_in(text: str) -> set[str]:
    """Return the keys that a text names, by DOI or as author and year."""
    found = set()
    for key in library():
        doi, year = _field(key, "doi"), _field(key, "year")
        named = rf"\b{re.escape(_surnames(key)[0])}( et al\.?|,? (&|and) [\w-]+)?,? \(?{year}\b"
        if (doi and doi in text) or re.search(named, text):
            found.add(key)
    return found


def atlas_of(report: Report) -> str:
    """Return what an atlas is called in a text, with its mark of citation; empty where it is not known."""
    name = str(report.record.get("data", {}).get("atlas") or getattr(report.parcellation, "name", ""))
    known = next((words for start, words in _ATLASES.items() if name.startswith(start)), name)
    parcels = re.search(r"\d+", name)
    return known.format(n=parcels[0] if parcels else "")


def unmarked(text: str) -> str:
    """Return a text without its marks of citation."""
    return _MARK.sub("", text)


def _data(report: Report) -> str:
    data = report.record.get("data", {})
    n, unit = len(report.predictions), data.get("unit")
    deep = data.get("subcortical", 0)
    text = (
        f"The map, {report.cortex}"
        + f", in {unit}," * (unit not in (None, "as given"))
        + f" has a value in {n} regions"
    )
    atlas = atlas_of(report)
    text += f" of the {atlas}" * bool(atlas)
    text += f", {deep} of them below the cortex" * bool(deep)
    if report.n_values < n:
        text += f"; homologous regions share their value, so that {report.n_values} values are independent"
    if data.get("genes"):
        text += f". Each region is described by the expression of {data['genes']:,} genes"
        if data.get("simulated"):
            text += ", simulated"
        elif "Allen Human Brain Atlas" in " ".join(report.notes):
            text += " of the Allen Human Brain Atlas [@Hawrylycz2012], processed with abagen [@Markello2021]"
    return text + "."


def _model(report: Report) -> str:
    kind = report.settings.get("model", {}).get("class", "")
    if kind.endswith(".Baseline"):
        return f"On trial is {_SIMPLE.get(report.label, report.label)}."
    if kind.endswith(".CrossScaleVAE"):
        what = "a graph variational autoencoder over the regions [@Vaithianathan2026; @Kipf2016; @Kingma2014]"
    elif kind.startswith("sklearn."):
        what = "of scikit-learn [@Pedregosa2011]"
    else:
        what = ""
    params = report.settings.get("model", {}).get("params", {})
    shown = ", ".join(f"{name} = {value}" for name, value in params.items() if name not in ("device", "seed", "model"))
    text = f"On trial is {report.label}" + f", {what}" * bool(what)
    text += f", with {shown}" * bool(shown)
    seeds = len(report.seeds)
    return text + (f"; {seeds} seeds were trained, and the first is reported." if seeds > 1 else ".")


def _folds(report: Report) -> str:
    folds = f"{report.n_folds} folds" if report.n_folds > 1 else "one fold"
    return f"{folds} {SPLITS.get(report.split, f'of the split {report.split}')}"


def _judged(report: Report, also: Sequence[Report]) -> str:
    text = f"Each region was predicted by models that were not trained on it: {_folds(report)}"
    if report.n_dealings > 1:
        first = report.dealings.loc[report.label].index[0]
        last = first + report.n_dealings - 1
        text += f", dealt {report.n_dealings} times (seeds {first} to {last}); scores are medians over the dealings"
    others = "; ".join(_folds(each) for each in also if each.split != report.split)
    text += f". The trial was repeated with {others}" * bool(others)
    return (
        f"{text}. R² is 1 − Σ(y − ŷ)² / Σ(y − ȳ)², so that 0 is no better than the mean of the map. 95 % intervals are "
        "from 2,000 bootstrap draws of homologous pairs [@Efron1979]."
    )


def _null(report: Report) -> str:
    drawn = len(report.null)
    if not drawn:
        return ""
    text = (
        f"Chance is {drawn:,} nulls, {NULLS.get(report.null_name, report.null_name)}, the whole model trained anew on "
        f"each and scored on one of the dealings"
    )
    if report.stop_after is not None:
        text += (
            f". Of at most {report.n_nulls:,}, nulls were drawn until {report.stop_after} had reached the model's "
            "held-out R² and r; p is then the number that reached it over the number drawn, which is exact "
            f"[@Besag1991]{'' if report.stopped else '; here all were drawn'}"
        )
    if not report.stopped:
        text += (
            ". Where c of n nulls reach the observed value, p = (1 + c) / (1 + n), which is never zero [@Phipson2010]"
        )
    return f"{text}. All p-values are one-sided."


def _beside(report: Report) -> str:
    names = list(report.baselines.index)
    if not names:
        return ""
    listed = "; ".join(_SIMPLE.get(name, name) for name in names)
    text = f"On the same folds and nulls were judged: {listed}. Their settings were chosen inside the training regions"
    if {BOTH, PLACE} <= {*names, report.label}:
        text += "; what genes add to place is the held-out R² of position + genes less that of position"
    return text + "."


def _frozen(report: Report) -> str:
    if not (first := frozen(report)):
        return ""
    rule = str(seal_of(report)["rule"]).rstrip(".")
    return f"{first} The rule fixed beforehand was: {rule}. {outcome(report)}"


def _software(report: Report) -> str:
    versions = report.record.get("versions", {})
    if not versions:
        return ""
    parts = [words.format(versions[name]) for name, words in _SOFTWARE.items() if name in versions]
    return f"Computed with xsg {versions['xsg']} (Python {versions['python']}), {', '.join(parts)}."
