"""Rules fixed beforehand that a report can check itself: comparisons of its numbers, joined by "and".

``gain > 0 and gain p <= 0.05``, ``R2 > position``: see `QUANTITIES`. A rule is met where all its clauses hold under
every split that was run. Any other text is a rule, too, of which a reader decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xsg.evaluation.nulls import MAP_NULLS
from xsg.report.words import BOTH, PLACE, has

if TYPE_CHECKING:
    from xsg.report.found import Report

QUANTITIES = {
    "R2": "held-out R² of the model",
    "R2 low": "the lower end of its 95 % interval",
    "r": "held-out r of the model",
    "p": "p-value of the held-out R²",
    "p r": "p-value of the held-out r",
    "gain": "held-out R² of position + genes less that of position",
    "gain low": "the lower end of its 95 % interval",
    "gain p": "its p-value",
    "position": "held-out R² of position",
    "position + genes": "held-out R² of position + genes",
    "ridge": "held-out R² of ridge",
}
_KNOWN = {re.sub(r"\s", "", name.lower()): name for name in QUANTITIES}
_P = ("p", "p r", "gain p")
_COMPARED = {"<=": le, ">=": ge, "<": lt, ">": gt}
_CLAUSE = re.compile(r"([^<>=]+)(<=|>=|<|>)([^<>=]+)")


class Clause(NamedTuple):
    """One comparison: names of quantities or numbers."""

    left: str | float
    sign: str
    right: str | float

    def __str__(self) -> str:
        return f"{_written(self.left)} {self.sign} {_written(self.right)}"


class Judged(NamedTuple):
    """Whether a rule was met (None: not to be told), and by which numbers, one sentence a split."""

    met: bool | None
    told: list[str]


def clauses(rule: str) -> list[Clause] | None:
    """Return the comparisons that a rule is made of, None where it is of other words.

    Examples
    --------
    >>> [str(each) for each in clauses("gain > 0 and gain p ≤ 0.05 and R² > position")]
    ['gain > 0', 'gain p <= 0.05', 'R2 > position']
    >>> clauses("Yes, if genes help by more than 0.05.") is None
    True
    """
    text = rule.strip().rstrip(".").replace("≤", "<=").replace("≥", ">=").replace("²", "2")
    found = []
    for part in re.split(r"\band\b|,", text, flags=re.IGNORECASE):
        ends = _CLAUSE.fullmatch(part.strip())
        sides = [_side(ends[1]), _side(ends[3])] if ends else [None]
        if None in sides or not any(isinstance(side, str) for side in sides):
            return None
        found.append(Clause(sides[0], ends[2], sides[1]))
    return found


def is_nearly(rule: str) -> bool:
    """Tell whether a rule looks as if it was meant to be checked, and cannot be."""
    return clauses(rule) is None and bool(re.search(r"[<>≤≥⩽⩾≦≧＜＞]|==", rule))


def out_of_reach(rule: str, null: str, n_nulls: int) -> str:
    """Say which comparison of a rule no report can meet with so many of such nulls; empty: there is none.

    Examples
    --------
    >>> out_of_reach("R2 > 0 and p < 0.05", "spin", 19)
    'p < 0.05 asks for a smaller p-value than 19 nulls can give (0.05)'
    >>> out_of_reach("R2 > 0 and p <= 0.05", "spin", 19)
    ''
    """
    least = 1 / (n_nulls + 1)
    for each in clauses(rule) or []:
        small, large = (each.left, each.right) if each.sign in ("<", "<=") else (each.right, each.left)
        if {small, large} & set(_P) and not n_nulls:
            return f"{each} asks for a p-value, and there are no nulls"
        if "gain p" in (small, large) and null not in MAP_NULLS:
            return f"{each} asks for null maps, which {null!r} does not draw"
        if small in _P and not isinstance(large, str) and not _COMPARED[each.sign.replace(">", "<")](least, large):
            return f"{each} asks for a smaller p-value than {n_nulls:,} nulls can give ({least:.3g})"
    return ""


def judge(rule: str, reports: Sequence[Report]) -> Judged:
    """Check a rule on the reports of all splits."""
    every = clauses(rule)
    if every is None:
        return Judged(None, [])
    told, results = [], []
    for report in reports:
        if report.leaks:
            results.append(None)
            told.append(f"Split {report.split!r}: homologues leak, so it cannot be told.")
            continue
        parts = []
        for each in every:
            left, right = (_value(side, report) for side in (each.left, each.right))
            known = np.isfinite(left) and np.isfinite(right)
            results.append(bool(_COMPARED[each.sign](left, right)) if known else None)
            shown = [
                f"{side} = {_short(value)}" if isinstance(side, str) else _short(value)
                for side, value in ((each.left, left), (each.right, right))
            ]
            outcome = {True: "met", False: "not met", None: "not known"}[results[-1]]
            parts.append(f"{shown[0]} {each.sign} {shown[1]}: {outcome}")
        told.append(f"Split {report.split!r}: {'; '.join(parts)}.".replace("R2", "R²"))
    met = False if False in results else None if None in results else True
    return Judged(met, told)


def _side(text: str) -> str | float | None:
    text = text.strip()
    try:
        value = float(text.replace("−", "-"))
    except ValueError:
        name = re.sub(r"\s", "", text.lower())
        return _KNOWN.get(name.removeprefix("held-out"))
    return value if np.isfinite(value) else None


def _value(side: str | float, report: Report) -> float:
    if not isinstance(side, str):
        return side
    scores = {"position": PLACE, "position + genes": BOTH, "ridge": "ridge"}
    if side in scores:
        name = scores[side]
        return report.score(name) if has(report, name) else np.nan
    if side.startswith("gain"):
        return float(report.gain[side.removeprefix("gain").strip() or "value"])
    if side in ("p", "p r"):
        return float(report.p_value["held-out R²" if side == "p" else "held-out r"])
    return float(report.held_out.loc["r" if side == "r" else "R²", "low" if side == "R2 low" else "value"])


def _short(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:.3g}".replace("-", "−")


def _written(side: str | float) -> str:
    return side if isinstance(side, str) else f"{side:g}"
