"""What a trial ran on, kept with its report: the data in a few plain values, the software, the day."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from xsg.files import versions
from xsg.report.checklist import checklist
from xsg.report.words import overall

if TYPE_CHECKING:
    import pandas as pd

    from xsg.data.cortex import Cortex
    from xsg.report.found import Report

_PLAIN = ("cortex", "model", "split", "null_name", "n_folds", "n_values", "n_nulls", "stop_after", "leaks", "unpaired")


def as_json(report: Report, also: Sequence[Report] = ()) -> str:
    """Write everything in a report as JSON: numbers (null for none), words, settings; what it says over all splits."""
    tables = ("held_out", "null", "baselines", "seeds", "predictions", "counted")
    found = {
        "verdict": report.verdict._asdict(),
        "verdict_over_splits": overall(report, also)._asdict(),
        "checklist": [each._asdict() for each in checklist(report, also)],
        "sentence": report.sentence,
        "recommended": report.recommended,
        **{name: getattr(report, name) for name in _PLAIN},
        **{name: getattr(report, name).to_dict() for name in ("in_sample", "p_value", "gain")},
        **{name: _by_row(getattr(report, name)) for name in tables if getattr(report, name) is not None},
        "dealings": {
            what: _by_row(report.dealings.loc[what])
            for what in dict.fromkeys(report.dealings.index.get_level_values(0))
        },
        "people": _people(report.people),
        "notes": list(report.notes),
        "settings": report.settings,
        "record": report.record,
    }
    return json.dumps(_finite(found), ensure_ascii=False, indent=1, allow_nan=False)


def _people(found: object) -> dict[str, object] | None:
    """Return what was found of people as a group; nothing of any one of them leaves."""
    if found is None:
        return None
    names = ("who", "mean", "p_value", "circular", "n_regions", "trained_anew", "settings", "sentence")
    each = {name: getattr(found, name) for name in names if hasattr(found, name)}
    return {name: value.to_dict() if hasattr(value, "to_dict") else value for name, value in each.items()}


def _by_row(table: pd.DataFrame) -> dict[str, dict[str, object]]:
    return {
        str(name): dict(zip(table.columns, row, strict=True))
        for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    }


def _finite(value: object) -> object:
    """Return plain values, None for what is no finite number."""
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def record(cortex: Cortex) -> dict[str, object]:
    """Return plain values for a report to keep: ``data``, ``versions`` and ``date``."""
    attrs, regions = cortex.thinning.attrs, cortex.regions
    below = cortex.parcellation.regions[cortex.parcellation.subcortical]
    return {
        "data": {
            "map": cortex.name,
            "unit": attrs.get("unit"),
            "positive": attrs.get("positive"),
            "atlas": attrs.get("atlas") or cortex.parcellation.name,
            "regions": len(regions),
            "subcortical": int(below.isin(regions).sum()),
            "genes": cortex.expression.shape[1],
            "graph": cortex.graph.name,
            "simulated": cortex.simulated,
            "coverage": {str(name): float(share) for name, share in attrs.get("coverage", {}).items()},
        },
        "versions": versions(),
        "date": date.today().isoformat(),
    }
