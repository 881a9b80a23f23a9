"""What was found, in plain words: the verdict, the sentence, and what to report of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xsg.atlas.pairs import about_unknown
from xsg.evaluation.baselines import BASELINES
from xsg.evaluation.nulls import p_text

if TYPE_CHECKING:
    from xsg.report.found import Report

BOTH, PLACE = "position + genes", "position (kriging)"
QUESTION = "Do genes say anything about it that place does not?"
KINDS = {"pairs": ("homologous", "mirrored-blocks"), "patches": ("spatial", "distance", "lobe")}  # of splits
_CALLED = {
    "homologous": "pairs",
    "mirrored-blocks": "mirrored pairs",
    "spatial": "patches",
    "distance": "patches around each region",
    "lobe": "lobes",
}
# What a null is; what a large p means; what a small one means, and does not.
_MEANING = {
    "map": (
        "random maps as smooth as this one",
        "smoothness alone may explain it.",
        "smoothness alone seldom does so. Whether genes or place predict the map, and whether they cause it, this does "
        "not say.",
    ),
    "noise-genes": (
        "tables of noise in place of the genes",
        "no sign that the genes matter; the graph alone does as well.",
        "the genes help, be it as biology or as a description of place, for they vary smoothly too.",
    ),
    "rewired": (
        "graphs rewired at random",
        "no sign that it matters which regions the graph joins.",
        "it matters which regions the graph joins.",
    ),
}


class Verdict(NamedTuple):
    """The answer to the one question, and the method to use."""

    answer: str  # "Yes", "No sign of it", "Not settled", "Not to be told" or "Not asked"
    why: str  # one sentence with the numbers
    use: str  # one sentence: which method to use on this map


def signed(value: float) -> str:
    """Write a difference with its sign, a true minus.

    Examples
    --------
    >>> signed(0.051), signed(-0.2), signed(-0.001)
    ('+0.05', '−0.20', '0.00')
    """
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def plain(value: float) -> str:
    """Write a score with two decimals and a true minus; a dash where there is none."""
    text = "–" if not np.isfinite(value) else f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def verdict(report: Report) -> Verdict:
    """Answer whether genes say anything that place does not, and which method to use.

    Yes: position + genes lead position by an interval above zero and by more than null maps give (p ≤ 0.05). No sign of
    it: neither. Not settled: one of the two.
    """
    return Verdict(*answered(report), _use(report))


def answered(report: Report) -> tuple[str, str]:
    """Return the answer, and a sentence with the numbers that it rests on."""
    gain = report.gain
    if report.leaks:
        return "Not to be told", (
            "Homologues of held-out regions were trained on, so no number here is a test on regions unseen."
        )
    if not np.isfinite(gain["value"]):
        return "Not asked", "Position, and position with genes, were not judged beside the model."
    scores = {name: report.score(name) for name in (BOTH, PLACE)}
    numbers = (
        f"position and genes together predict regions held out with R² = {plain(scores[BOTH])}, position alone with "
        f"{plain(scores[PLACE])}"
    )
    more = f"{signed(gain['value'])}, 95 % {signed(gain['low'])} to {signed(gain['high'])}"
    more += f", {p_text(gain['p'], report.n_drawn, 'p')}" * bool(np.isfinite(gain["p"]))
    if max(scores.values()) <= 0:
        return "No sign of it", f"Neither place nor genes predict it: {numbers} ({more})."
    apart, rare = gain["low"] > 0, not gain["p"] > 0.05
    if apart and rare and scores[BOTH] > 0:
        no_null = "" if np.isfinite(gain["p"]) else "; no null maps were asked"
        return "Yes", f"Genes add to place: {numbers} ({more}{no_null})."
    if np.isfinite(gain["p"]) and (apart or (rare and gain["value"] >= 0.005)):  # not what is written as 0.00
        doubt = "null maps often show as much" if apart else "other regions might show nothing"
        return "Not settled", f"Genes may add to place, but {doubt}: {numbers} ({more})."
    return "No sign of it", f"Genes add nothing to place that could be told from chance: {numbers} ({more})."


def _use(report: Report) -> str:
    use = report.recommended
    if report.leaks:
        return "No method is recommended: this split cannot tell them apart."
    if use is None:
        return "No method is recommended: none predicts better than the mean."
    score = plain(report.score(use))
    if use == report.label and not len(report.baselines):
        return f"{use} predicts better than the mean (R² = {score}); nothing simpler was judged beside it."
    if use == report.label:
        return f"To predict this map use {use} (held-out R² = {score}): nothing simpler does as well."
    beside = "cannot be told from it" if report.baselines.loc[use, "lead high"] >= 0 else "does less well"
    own = f"{report.label} ({plain(report.score(report.label))}) {beside}"
    return f"To predict this map use {use} (held-out R² = {score}): {own}."


def has(report: Report, name: str) -> bool:
    """Tell whether a method was judged, as the model or as one of the baselines."""
    return name in (report.label, *report.baselines.index)


def overall(report: Report, also: Sequence[Report] = ()) -> Verdict:
    """Answer over all splits: yes only where pairs and patches both say yes, and no other split says otherwise.

    Not settled: some say yes, or nearly, but not all. No sign of it: none does. Splits that leak, and trials that did
    not ask, have no say.
    """
    answers = {each.split: answered(each)[0] for each in (report, *also)}
    asked = {split: answer for split, answer in answers.items() if answer not in ("Not asked", "Not to be told")}
    lacking = [kind for kind, splits in KINDS.items() if not set(splits) & set(asked)]
    agree = set(asked.values()) == {"Yes"}
    if not asked or (len(answers) == 1 and not agree):
        return verdict(report)
    listed = [f"{called(split)} {_says(split)} {answer[0].lower()}{answer[1:]}" for split, answer in asked.items()]
    if agree:
        listed += [f"{kind} were not asked" for kind in lacking]
    answer = "Yes" if agree and not lacking else "Not settled"
    if not {"Yes", "Not settled"} & set(asked.values()):
        answer = "No sign of it"
    return Verdict(answer, f"For a yes, pairs and patches must both say yes: {', '.join(listed)}.", _use(report))


def called(split: str) -> str:
    """Return what the regions that a split holds out together are."""
    return _CALLED.get(split, f"split {split!r}")


def _says(split: str) -> str:
    return "say" if split in _CALLED else "says"


def sentence(report: Report) -> str:
    """Say what was found, with the numbers."""
    n, inside, outside = len(report.predictions), report.in_sample, report.held_out
    scored = int(report.predictions["held out"].notna().sum())
    values = f" ({report.n_values} independent values)" if report.n_values < n else ""
    first = f"{report.cortex}, {n} regions{values}: " + (
        f"in-sample, R² = {inside['R²']:.2f} and r = {inside['r']:.2f}."
        if np.isfinite(inside["R²"])
        else "the model gives no in-sample prediction."
    )
    line, other, many = outside.loc["R²"], outside.loc["r"], report.n_dealings > 1
    second = (
        f"Held out (split {report.split!r}, {report.n_folds} fold{'s' * (report.n_folds > 1)}"
        + (f" dealt {report.n_dealings} times" if many else "")
        + (f", {scored} regions scored" if scored < n else "")
        + f"), {'median ' * many}R² = {line['value']:.2f} ({line['low']:.2f} to {line['high']:.2f}) and "
        f"r = {other['value']:.2f} ({other['low']:.2f} to {other['high']:.2f})"
        + (", no better than predicting the mean." if line["value"] <= 0 else ".")
        + (f" By dealing, R² goes from {line['lowest']:.2f} to {line['highest']:.2f}." if many else "")
    )
    parts = [first, second]
    if report.leaks:
        parts.append("Homologues of held-out regions were trained on, so this is no test on regions unseen.")
    if report.leaks is None:
        parts.append(
            f"Whether homologues of held-out regions were trained on is not known: {about_unknown(report.unpaired, n)}."
        )
    if len(report.null):
        parts.append(_about_null(report))
    answer, why = answered(report)
    if answer not in ("Not asked", "Not to be told"):
        parts.append(f"{QUESTION} {answer}. {why}")
    if len(report.baselines):
        parts.append(_about_baselines(report))
    return " ".join(parts)


def about_null(report: Report) -> str:
    """Return what the nulls of a report are, in words."""
    return _of(report)[0]


def _of(report: Report) -> tuple[str, str, str]:
    return _MEANING.get(report.null_name, _MEANING["map"])


def _about_null(report: Report) -> str:
    p, p_r = report.p_value["held-out R²"], report.p_value["held-out r"]
    what, high, low = _of(report)
    own = report.held_out.loc["R²", "value"]
    inside = (report.null["in-sample R²"] >= report.in_sample["R²"]).mean()
    within = f"{inside:.0%} do as well in-sample and " * bool(np.isfinite(report.in_sample["R²"]))
    outside = (report.null["held-out R²"] >= own).mean()
    n, stopped = len(report.null), ""
    if report.stopped:
        stopped = f"; stopped when {report.stop_after} had reached its held-out R² and r"
    text = (
        f"Of {n} {what} ({report.null_name}{stopped}), the model trained anew on each, {within}{outside:.0%} "
        f"held out (R²: {p_text(p, n, 'p')}; r: {p_text(p_r, n, 'p')}): "
    )
    if p <= 0.05 and own > 0:
        return text + low
    if p > 0.05:
        return text + high
    return text + "few, but the model predicts no better than the mean, so there is little to explain."


def _about_baselines(report: Report) -> str:
    own, best = report.held_out.loc["R²", "value"], report.best_baseline
    name = f"{best.name} (held-out R² = {best['R²']:.2f})"
    if best["R²"] >= own:
        text = f"{'Another method' if report.label in BASELINES else 'Something simpler'} does as well: {name}."
    elif best["lead low"] <= 0:
        text = f"The best baseline, {name}, cannot be told from the model on {report.n_values} values."
    else:
        text = f"The best baseline, {name}, does less well on the same folds."
    if report.leaks:
        return text
    return f"{text} Use {report.recommended}." if report.recommended else f"{text} None predicts better than the mean."
