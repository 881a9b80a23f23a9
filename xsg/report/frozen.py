"""What a report says of the seal that froze its trial: when, the rule, and whether it was met."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
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
    return f"{day(text)}, {datetime.fromisoformat(text):%H:%M} UTC"


def day(text: str) -> str:
    """Write a day, or that of a moment, for people; what is neither stays as it is.

    Examples
    --------
    >>> day("2026-11-09")
    '9 November 2026'
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{found.day} {found:%B %Y}"


def frozen(report: Report) -> str:
    """Say that the settings were frozen, and when, and what speaks against it; empty where they were not."""
    seal = seal_of(report)
    if not seal:
        return ""
    told = f"Settings frozen on {moment(seal['date'])}, before this trial was run; seal {seal['digest']}."
    if not seal.get("tried"):
        return told
    return (
        f"{told} A report of {day(seal['tried'])} on the very same values lay in the folder, so this is not their "
        "first trial: they may have been known when the seal was written."
    )


def tried(folder: Path, report: Report, seal: dict[str, object]) -> str:
    """Return when the values of a report were put on trial before they were sealed, by the report in a folder.

    The day is told where no moment is known, which may be that of the seal; empty: nothing of the kind lies there.
    """
    try:
        kept = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        before = {region: row["observed"] for region, row in kept["predictions"].items()}
        other, day = kept["record"].get("sealed") or {}, str(kept["record"]["date"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    if before != report.predictions["observed"].to_dict():
        return ""
    if other.get("digest") == seal["digest"]:
        return str(other.get("tried") or "")
    when = str(other.get("ran") or day)
    return when if when < seal["date"] else ""


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
