"""What a report says of the seal that froze its trial: when, the rule, and whether it was met."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xsg.report.found import Report

_MET = {True: "met", False: "not met", None: "not to be told"}


def seal_of(report: Report) -> dict[str, object]:
    """Return what a report keeps of its seal; empty where it has none."""
    return report.record.get("sealed") or {}


def moment(text: str) -> str:
    """Write a date of a seal for people.

    Examples
    --------
    >>> moment("2026-11-29T14:58:03Z")
    '29 November 2026, 14:58 UTC'
    """
    found = datetime.fromisoformat(text)
    return f"{found.day} {found:%B %Y, %H:%M} UTC"


def frozen(report: Report) -> str:
    """Say in a sentence that the settings were frozen, and when; empty where they were not."""
    seal = seal_of(report)
    if not seal:
        return ""
    return f"Settings frozen on {moment(seal['date'])}, before the data were put on trial; seal {seal['digest']}."


def outcome(report: Report) -> str:
    """Say whether the rule was met, or that a reader decides."""
    seal = seal_of(report)
    if not seal.get("told"):
        return "The rule is of words: whether it is met, a reader decides."
    return f"Rule {_MET[seal['met']]}."


def told_seal(report: Report) -> list[str]:
    """Say everything of a seal, a sentence or two a line; nothing where there is none."""
    seal = seal_of(report)
    if not seal:
        return []
    lines = [frozen(report), f"Rule: {seal['rule']}", " ".join([outcome(report), *seal["told"]])]
    if seal["again"]:
        lines.append(
            f"This seal was run before, on {moment(seal['again'])}: this is a re-run, and no second test of the rule."
        )
    if seal["other_code"]:
        lines.append(f"Run with other code than was sealed: {'; '.join(seal['other_code'])}.")
    if seal["packages"]:
        lines.append(f"Run with other packages than were there at sealing: {'; '.join(seal['packages'])}.")
    return lines
