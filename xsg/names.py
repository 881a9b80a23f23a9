"""Names of regions: which hemisphere and which region a name means, in whatever style it is written.

FreeSurfer writes ``lh_bankssts_thickness``, ``ctx-lh-bankssts`` and ``Left-Hippocampus``, ENIGMA
``L_bankssts_thickavg``, Schaefer ``7Networks_LH_Vis_1``, the Human Connectome Project ``L_V1_ROI``; others
``bankssts_left`` or ``bankssts-lh``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

SIDES = {"l": "L", "lh": "L", "left": "L", "r": "R", "rh": "R", "right": "R"}
_GAP = r"[-_.:/\s]+"
_WORDS = "lh|rh|left|right|l|r"
# "ctx" and Schaefer's number of networks stand before the side; what was measured and "ROI" stand after the region.
_BEFORE = re.compile(rf"^(?:(?:ctx|hemi|cortex|\d+networks){_GAP})(?=\S)", re.IGNORECASE)
_FIRST = re.compile(rf"^({_WORDS}){_GAP}(?=\S)", re.IGNORECASE)
_LAST = re.compile(rf"(?<=\S)(?:{_GAP}({_WORDS})|\s*\(({_WORDS})\)|\s*\[({_WORDS})\])$", re.IGNORECASE)
_AFTER = re.compile(rf"(?<=\S){_GAP}(?:(?:mean{_GAP})?(?:thickness|thickavg|thick)|roi)$", re.IGNORECASE)
# ENIGMA writes the nuclei below the cortex without a mark between side and name: Lthal.
_ENIGMA = re.compile(r"([LR])(accumb|amyg|caud|hippo|pal|put|thal)")
SUBCORTEX = ("accumbens", "amygdala", "caudate", "hippocampus", "pallidum", "putamen", "thalamus")
"""The structures below the cortex that atlases with subcortex have on each side, ``L_accumbens`` to ``R_thalamus``."""
_SHORT = {"accumbensarea": "accumbens", "thalamusproper": "thalamus"}  # aseg's, and then ENIGMA's
_SHORT |= dict(zip(("accumb", "amyg", "caud", "hippo", "pal", "put", "thal"), SUBCORTEX, strict=True))
_COUNTER = re.compile(r"(?:^|[-_.:/\s])\d+$")


def parse(name: object) -> tuple[str | None, str]:
    """Split a region's name into its hemisphere, ``"L"``, ``"R"`` or None, and the region without it.

    Examples
    --------
    >>> parse("ctx-lh-bankssts"), parse("bankssts_right"), parse("7Networks_LH_Vis_1"), parse("lh_insula_thickness")
    (('L', 'bankssts'), ('R', 'bankssts'), ('L', 'Vis_1'), ('L', 'insula'))
    >>> parse("lingual"), parse("lh.L_V1_ROI")
    ((None, 'lingual'), ('L', 'V1'))
    """
    return _parse(str(name))


@lru_cache(2**14)  # the same few names are joined in every fold and null
def _parse(name: str) -> tuple[str | None, str]:
    rest = name.strip()
    if hit := _ENIGMA.fullmatch(rest):
        return hit[1], _SHORT[hit[2]]
    found: set[str] = set()
    while True:
        before = rest
        rest = _AFTER.sub("", _BEFORE.sub("", rest))
        # A side is written at one end, or at both alike ("lh.L_V1_ROI").
        for pattern in (_FIRST, _LAST):
            if hit := pattern.search(rest):
                word = SIDES[next(group for group in hit.groups() if group).lower()]
                if not found or found == {word}:
                    found.add(word)
                    rest = rest[: hit.start()] + rest[hit.end() :]
        if rest == before:
            return (found.pop() if found else None), rest


def side(name: object) -> str | None:
    """Return the hemisphere that a name tells, ``"L"`` or ``"R"``, or None where it tells none."""
    return parse(name)[0]


def stem(name: object) -> str:
    """Return what the names of a region have in common whatever the style and the hemisphere.

    Examples
    --------
    >>> stem("L_bankssts") == stem("rh_BanksSTS_thickness") == stem("banks-sts.right")
    True
    >>> stem("Left-Thalamus-Proper"), stem("Rthal"), stem("Laccumb"), stem("Left-Accumbens-area")
    ('thalamus', 'thalamus', 'accumbens', 'accumbens')
    """
    return _stem(str(name))


@lru_cache(2**14)
def _stem(name: str) -> str:
    rest = re.sub(r"(?<=\d)[^0-9a-z]+(?=\d)", "_", _parse(name)[1].casefold())  # Vis_1_1 is not Vis_11
    rest = re.sub(r"[^0-9a-z_]+|(?<!\d)_+|_+(?!\d)", "", rest)
    return _SHORT.get(rest, rest) or name


def counted(name: object) -> bool:
    """Tell whether a region is only numbered (Schaefer's ``Vis_3``): the same number need not be the homologue.

    Examples
    --------
    >>> counted("7Networks_RH_Vis_3"), counted("R_insula"), counted("L_V1_ROI")
    (True, False, False)
    """
    return bool(_COUNTER.search(parse(name)[1]))


def translate(given: Iterable[object], wanted: Iterable[object]) -> dict:
    """Match names to the names wanted, hemisphere and region alike, in whatever style either is written.

    Parameters
    ----------
    given, wanted
        Names. What stands in both is matched to itself.

    Returns
    -------
    dict
        Given name -> wanted name. A name that fits none, or several, or that another one fits too, is left out.

    Examples
    --------
    >>> translate(["lh_insula_thickness", "R_cuneus", "age"], ["L_insula", "R_cuneus"])
    {'R_cuneus': 'R_cuneus', 'lh_insula_thickness': 'L_insula'}
    """
    given, wanted = list(dict.fromkeys(given)), list(dict.fromkeys(wanted))
    there = set(wanted)
    found = {name: name for name in given if name in there}
    taken = set(found)
    by_key: dict[tuple, list] = {}
    for name in wanted:
        by_key.setdefault((side(name), stem(name)), []).append(name)
    fits: dict[object, list] = {}
    for name in given:
        if name not in taken:
            meant = by_key.get((side(name), stem(name)), [])
            if len(meant) == 1 and meant[0] not in taken:
                fits.setdefault(meant[0], []).append(name)
    found |= {names[0]: meant for meant, names in fits.items() if len(names) == 1}
    return found


def homologue(name: object, names: Iterable[object]) -> str | None:
    """Return the region of the other hemisphere that a name's region is called after; None where there is none.

    Regions that are only numbered (`counted`) have none: the same number need not be the same place.

    Examples
    --------
    >>> homologue("lh_insula", ["lh_cuneus", "rh_insula_thickness"]), homologue("LH_Vis_1", ["RH_Vis_1"])
    ('rh_insula_thickness', None)
    """
    other, mine = {"L": "R", "R": "L"}.get(side(name) or ""), stem(name)
    if other is None or counted(name):
        return None
    found = [str(each) for each in names if side(each) == other and stem(each) == mine]
    return found[0] if len(found) == 1 else None


def nearest(name: object, names: Iterable[object]) -> str | None:
    """Return the name most like a misspelt one, never one of the other hemisphere; None if none is alike."""
    mine = side(name)
    same = {stem(each): str(each) for each in names if mine is None or side(each) in (None, mine)}
    found = get_close_matches(stem(name), list(same), n=1)
    return same[found[0]] if found else None


# What FreeSurfer, Schaefer and others call what is no region of the cortex: the medial wall, and the background.
_WALLS = re.compile(
    r"(?:|ctx)(?:unknown|unlabell?ed|undefined|nolabel|none|background|medialwall|medwall|mwall|wall|corpuscallosum|"
    r"backgroundfreesurferdefinedmedialwall|freesurferdefinedmedialwall)"
)
# And what lies below it, as aseg, ENIGMA ("Laccumb"), abagen, AAL, Harvard-Oxford, Brainnetome and Tian write it.
_BELOW = re.compile(
    r"[lr]?(?:hippocamp(?:us|al\w*)|hippo|hipp|hip|amygdala|amygd|amyg|amy|thalamus(?:proper)?|thal|\w{0,4}th[a]|"
    r"caudate(?:nucleus)?|caud|putamen|put|pallidum|pallid|pal|globuspallidus|gp[ei]?|(?:nucleus)?accumbens(?:area)?|"
    r"accumb|nacc?(?:shell|core)?|ventraldc|ventraldiencephalon|hypothalamus|subthalamicnucleus|stn|substantianigra|"
    r"striatum|brainstem|cereb\w*|vermis\w*|(?:inf)?lat(?:eral)?vent(?:ricle)?|choroidplexus|vessel|csf|"
    r"\d(?:rd|th)ventricle|opticchiasm|cc(?:anterior|midanterior|central|midposterior|posterior)|wmhypointensities)"
    r"(?:volume|vol)?\d*"
)


def background(name: object) -> bool:
    """Tell whether a name stands for the medial wall or for what belongs to no region.

    Examples
    --------
    >>> [background(name) for name in ("unknown", "ctx-lh-corpuscallosum", "Medial_wall", "???", "L_insula")]
    [True, True, True, True, False]
    """
    text = str(name).strip()
    return not text.strip("?-_. ") or bool(_WALLS.fullmatch(re.sub(r"[^0-9a-z]+", "", stem(text))))


def subcortical(name: object) -> bool:
    """Tell whether a name stands for a part of the brain that has no place on the cortical surface.

    Examples
    --------
    >>> [subcortical(name) for name in ("Left-Hippocampus", "Laccumb", "R_thal", "L_parahippocampal", "L_H_ROI")]
    [True, True, True, False, False]
    """
    return bool(_BELOW.fullmatch(re.sub(r"[^0-9a-z]+", "", stem(name))))
