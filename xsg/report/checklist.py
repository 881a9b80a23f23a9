"""What the book recommends on Monday, as a checklist: what a report has done of it, what not, and how to do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xsg.evaluation.baselines import BASELINES
from xsg.evaluation.nulls import p_text
from xsg.report.frozen import moment, seal_of
from xsg.report.words import KINDS, PLACE, about_null, has, plain, signed

if TYPE_CHECKING:
    from xsg.report.found import Report

DONE, LACKS, IDLE = "done", "not done", "does not apply"


class Item(NamedTuple):
    """One step: ``"done"``, ``"not done"`` or ``"does not apply"``; what it is; its numbers, or how to do it."""

    state: str
    what: str
    text: str


def checklist(report: Report, also: Sequence[Report] = ()) -> list[Item]:
    """Go through the protocol: what a trial of a map should have before anything is made of it."""
    steps = (_first, _splits, _null, _noise, _medians, _gain, _frozen, _deep, _courses)
    return [step(report, [report, *also]) for step in steps]


def _item(done: bool, what: str, text: str) -> Item:
    return Item(DONE if done else LACKS, what, text)


def _first(report: Report, every: list[Report]) -> Item:
    names = [name for name in (PLACE, "ridge") if has(report, name)]
    scores = ", ".join(f"{name} R² = {plain(report.score(name))}" for name in names)
    return _item(len(names) == 2, "Position and ridge first", scores or "Judge the baselines beside the model.")


def _splits(report: Report, every: list[Report]) -> Item:
    by_split = {each.split: each for each in every}
    there = {kind: next((name for name in names if name in by_split), None) for kind, names in KINDS.items()}
    scores = ", ".join(f"{n}: R² = {plain(by_split[n].score(report.label))}" for n in there.values() if n)
    lacking = " and ".join(f"split={KINDS[kind][0]!r}" for kind, name in there.items() if not name)
    text = f"{report.label} by {scores}." if scores else ""
    return _item(not lacking, "Pairs and patches", f"{text} Run {lacking}, too.".strip() if lacking else text)


def _null(report: Report, every: list[Report]) -> Item:
    n, p = len(report.null), report.p_value["held-out R²"]
    text = f"{p_text(p, n, 'p')} of {n:,} {about_null(report)}, the model trained anew on each." if n else "Run a null."
    return _item(n > 0, "A null with the whole model refitted", text)


def _noise(report: Report, every: list[Report]) -> Item:
    what = "Noise in place of the genes"
    for each in every:
        if each.null_name == "noise-genes" and (n := len(each.null)):
            p = p_text(each.p_value["held-out R²"], n, "p")
            return _item(True, what, f"{p}: how often one of {n:,} tables of noise does as well ({each.split}).")
    how = "Run it once more with null='noise-genes' (--null noise-genes --out noise): does noise do as well?"
    if report.label in (PLACE, "contralateral copy"):
        return Item(IDLE, what, f"{report.label} reads no genes.")
    return _item(False, what, how)


def _medians(report: Report, every: list[Report]) -> Item:
    line = report.held_out.loc["R²"]
    if report.n_dealings > 1:
        text = f"{plain(line['value'])}, from {plain(line['lowest'])} to {plain(line['highest'])} over the dealings."
    else:
        text = f"{plain(line['value'])}, of one dealing."
    return _item(report.n_dealings > 1, "Medians over dealings, never the best", text)


def _gain(report: Report, every: list[Report]) -> Item:
    gain = report.gain
    known = bool(np.isfinite(gain["value"])) and not report.leaks
    text = f"R² {signed(gain['value'])} ({signed(gain['low'])} to {signed(gain['high'])})." if known else "Not judged."
    return _item(known, "Position + genes against position: what genes add", text)


def _frozen(report: Report, every: list[Report]) -> Item:
    what = "Settings and rule frozen before looking"
    if seal := seal_of(report):
        if seal.get("tried"):
            return _item(False, what, f"Sealed {moment(seal['date'])}; the same values had been on trial before.")
        again = "; this is a re-run of it" if seal["again"] else ""
        return _item(True, what, f"{moment(seal['date'])}, seal {seal['digest'][:16]}…{again}")
    return _item(False, what, "Too late for this map. For the next: 'xsg seal', then 'xsg evaluate --sealed'.")


def _deep(report: Report, every: list[Report]) -> Item:
    what = "What a deep model must beat: ridge and position on the same folds"
    if report.label in BASELINES:
        return Item(IDLE, what, f"{report.label} is no deep model.")
    beside = [name for name in ("ridge", PLACE) if has(report, name)]
    if len(beside) < 2:
        return _item(False, what, "Judge the baselines beside the model.")
    ahead = [name for name in beside if report.baselines.loc[name, "lead low"] > 0]
    if len(ahead) == 2:
        return _item(True, what, f"{report.label} leads both, by more than chance.")
    behind = " and ".join(name for name in beside if name not in ahead)
    return _item(True, what, f"{report.label} does not lead {behind} by more than chance.")


def _courses(report: Report, every: list[Report]) -> Item:
    text = "This is a map, no course. Of courses: first 'no change', then mixed effects, on visits held out."
    return Item(IDLE, "For courses over time: no change, and mixed effects", text)
