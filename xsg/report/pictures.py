"""The figures of a report: in-sample, held out and null on one axis; the map on the brain, for a page."""

from __future__ import annotations

import base64
import io
import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xsg.report.found import Report

# A page draws its ink in its own colours, so that a figure is legible on light, dark and paper.
_INK, _RULE = "#010203", "#cccccc"
_COLOURS = {
    _INK: "var(--ink)",
    "#404040": "var(--ink)",  # 0.25
    "#666666": "var(--soft)",  # 0.4
    "#999999": "var(--soft)",  # 0.6
    "#0173b2": "var(--blue)",
    "#de8f05": "var(--orange)",
    _RULE: "var(--rule)",
}
_PAGE_STYLE = {
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 10,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "xsg",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_SIDES = {"L": "left", "R": "right"}
_OTHER_SIDE = 0.1  # of the larger end: a map that goes less far beyond zero is coloured as one of one sign
_DPI = 250  # a view of the brain is then 440 pixels wide, and shown at half of it


class View(NamedTuple):
    """One view of a map on the brain, as a data URI, with what it shows."""

    picture: str
    name: str
    width: int
    height: int


def draw(report: Report, width: float = 8, in_page: bool = False) -> Figure:
    """Draw the null distributions of R² with the observed values, and the baselines beneath, on one axis.

    In a page the caption has the title, and says what points, ticks and bars are.
    """
    import matplotlib.pyplot as plt

    from xsg.plotting import null_distributions, points_with_intervals

    held_out = report.held_out.loc[["R²"]].set_axis([report.label])
    points = pd.concat([held_out, report.baselines[["R²"]].rename(columns={"R²": "value"})])
    each = [report.dealings.loc[name, "R²"] for name in points.index] if report.n_dealings > 1 else None
    heights = [2.4, 0.32 * len(points) + 0.5] if len(report.null) else [0, 1]
    figure, (above, below) = plt.subplots(
        2,
        1,
        figsize=(width, sum(heights) + 1.2),
        height_ratios=np.maximum(heights, 0.01),
        sharex=True,
        layout="constrained",
    )
    if len(report.null):
        observed = pd.Series({"in-sample": report.in_sample["R²"], "held out": held_out["value"].iloc[0]})
        null = report.null[["in-sample R²", "held-out R²"]].set_axis(observed.index, axis=1)
        there = observed.index[null.notna().any()]  # a model may give no in-sample prediction
        null_distributions(observed[there], null[there], ax=above, label=f"nulls ({report.null_name})")
    else:
        above.remove()
    points_with_intervals(points, ax=below, each=each)
    shown = [points[["value", "low", "lowest"]].min().min(), report.null["held-out R²"].quantile(0.02), -0.1]
    what = f"held out; ticks: {report.n_dealings} dealings, points: median" if each else "points: held out"
    below.set(xlim=(np.nanmin(shown) - 0.05, 1.05), xlabel=f"R² ({what}; bar: 95 % over pairs)")
    if in_page:
        below.set_xlabel("R²")
        labels = [textwrap.fill(label.get_text(), round(6 * width)) for label in below.get_yticklabels()]
        below.set_yticks(below.get_yticks(), labels)
        if len(report.null):
            figure.legend(*above.get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=9)
            above.get_legend().remove()
        return figure
    text = f"{report.cortex}: what the R² is worth"
    if report.leaks is None:
        text += f"\n(leaks: not known, {len(report.unpaired)} regions without a known homologue)"
    figure.suptitle(text)
    return figure


def inline(report: Report, width: float) -> str:
    """Draw the figure as SVG to stand in a page, ``width`` inches wide, in the page's own colours and type."""
    import matplotlib.pyplot as plt

    with plt.style.context(["default", _PAGE_STYLE | {"svg.hashsalt": f"xsg {width}"}]):
        return _svg(draw(report, width, in_page=True))


def deep_rows(report: Report, which: str, width: float) -> str:
    """Draw the regions below the cortex as dots, observed and predicted; empty where there are none."""
    import matplotlib.pyplot as plt

    below = deep(report)
    table = report.predictions.loc[below, ["observed", which]].rename(columns={which: "predicted"})
    if not len(table):
        return ""
    table = table.assign(structure=[name.split("_", 1)[-1] for name in table.index])
    structures = list(dict.fromkeys(table["structure"]))[::-1]
    with plt.style.context(["default", _PAGE_STYLE | {"svg.hashsalt": f"xsg deep {width}"}]):
        figure, ax = plt.subplots(figsize=(width, 0.34 * len(structures) + 1.1), layout="constrained")
        for side, marker, shift in (("L", "o", 0.14), ("R", "^", -0.14)):
            rows = table[table.index.str.startswith(side)]
            places = [structures.index(name) + shift for name in rows["structure"]]
            ax.plot(rows["observed"], places, marker, color="#0173b2", ms=7, label=f"observed, {_SIDES[side]}")
            ax.plot(
                rows["predicted"], places, marker, color="#de8f05", mfc="none", ms=7, label=f"predicted, {_SIDES[side]}"
            )
            ax.hlines(places, rows["observed"], rows["predicted"], color=_RULE, lw=1, zorder=0)
        ax.set_yticks(range(len(structures)), structures)
        ax.set_xlabel(unit(report))
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
        return _svg(figure)


def people(report: Report, width: float) -> str:
    """Draw what was found person by person, as SVG to stand in a page."""
    import matplotlib.pyplot as plt

    with plt.style.context(["default", _PAGE_STYLE | {"svg.hashsalt": f"xsg people {width}"}]):
        figure = report.people.plot()
        figure.set_size_inches(width, 3.6)
        for ax in figure.axes:
            ax.set_title("")
        return _svg(figure)


def surfaces(report: Report, which: str) -> tuple[dict[str, list[View]], list[str], tuple[float, float]] | None:
    """Paint the observed and the predicted map on the cortex.

    Returns
    -------
    tuple or None
        By row (``"observed"``, ``"predicted"``) the views; the colours of the bar, low to high; its ends. None where
        the places of the regions are not known.
    """
    if report.parcellation is None or getattr(report.parcellation, "labels", None) is None:
        return None
    maps = report.predictions.drop(index=deep(report)).rename(columns={which: "predicted"})
    maps = maps[["observed", "predicted"]]
    if not len(maps) or not maps["predicted"].notna().any():
        return None
    low, high = float(maps.min(axis=None)), float(maps.max(axis=None))
    ends = np.sort(np.abs([maps["observed"].min(), maps["observed"].max()]))
    two_sided = maps["observed"].min() < 0 < maps["observed"].max() and ends[0] > _OTHER_SIDE * ends[1]
    if two_sided:
        low, high = -max(-low, high), max(-low, high)
    name = "vlag" if two_sided else "viridis"
    import matplotlib.pyplot as plt
    import seaborn as sns  # noqa: F401, registers the map
    from matplotlib.colors import to_hex

    colours = [to_hex(colour) for colour in plt.get_cmap(name)(np.linspace(0, 1, 11))]
    with plt.style.context("default"):
        rows = {row: _views(values.dropna(), report, name, (low, high)) for row, values in maps.items()}
    return rows, colours, (low, high)


def _views(values: pd.Series, report: Report, colours: str, limits: tuple[float, float]) -> list[View]:
    import matplotlib.pyplot as plt
    from PIL import Image

    from xsg.plotting import brain

    figure = brain(values, "", report.parcellation, colours, limits)
    try:
        figure.patch.set_alpha(0)
        figure.set_dpi(_DPI)
        views = [ax for ax in figure.axes if ax.name == "3d"]
        names = [text.get_text() for text in figure.texts if text.get_text().endswith("face")]
        for text in figure.texts:
            text.set_visible(False)
        for ax in views:
            ax.set_facecolor("none")
        figure.canvas.draw()
        drawn = np.asarray(figure.canvas.buffer_rgba())
        boxes = [ax.get_window_extent().frozen() for ax in views]  # closing undoes the resolution
    finally:
        plt.close(figure)
    found = []
    for box, name in zip(boxes, names, strict=True):
        bottom = len(drawn) - round(box.y0)
        part = drawn[max(bottom - round(box.height), 0) : bottom, round(box.x0) : round(box.x1)]
        seen = np.flatnonzero(part[..., 3].any(axis=1)), np.flatnonzero(part[..., 3].any(axis=0))
        part = part[seen[0][0] : seen[0][-1] + 1, seen[1][0] : seen[1][-1] + 1]
        written = io.BytesIO()
        picture = Image.fromarray(part).quantize(128, method=Image.Quantize.FASTOCTREE)
        picture.save(written, "PNG", optimize=True)
        uri = "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()
        found.append(View(uri, name, part.shape[1], part.shape[0]))
    return found


def unit(report: Report) -> str:
    """Return the unit of a report's map; "value" where it is not known."""
    return report.record.get("data", {}).get("unit") or "value"


def below_cortex(report: Report) -> set[str]:
    """Return the regions of a report's atlas that lie below the cortex."""
    deep = getattr(report.parcellation, "subcortical", None)
    return set() if deep is None else set(report.parcellation.regions[np.asarray(deep)])


def deep(report: Report) -> list[str]:
    """Return the regions of a report that lie below the cortex, in its order."""
    below = below_cortex(report)
    return [region for region in report.predictions.index if region in below]


def _svg(figure: Figure) -> str:
    """Write a figure as SVG whose colours and type are those of the page it stands in."""
    import matplotlib.pyplot as plt

    written = io.StringIO()
    try:
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    finally:
        plt.close(figure)
    text = written.getvalue()
    text = text[text.index("<svg") :]
    for pattern, better in (
        (r"<metadata>.*?</metadata>\s*", ""),
        (r"<!--.*?-->\s*", ""),
        (r"<style.*?</style>\s*", ""),
        (r' id="(?:figure|axes|patch|text|line2d|matplotlib\.axis|xtick|ytick|legend|LineCollection)_\d+"', ""),
        (r"'DejaVu Sans'[^;\"]*", "var(--type)"),
        (r'^(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1"),
        (r'^(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1"),
        (r"^<svg", '<svg aria-hidden="true" focusable="false"'),
    ):
        text = re.sub(pattern, better, text, flags=re.S)
    text = re.sub(r"(observed: )-", r"\1−", text)
    # Hatches have the colour of what they lie on, and would not be seen.
    text = re.sub(
        r"<pattern.*?</pattern>", lambda each: each[0].replace("stroke: #de8f05", f"stroke: {_INK}"), text, flags=re.S
    )
    for ours, theirs in _COLOURS.items():
        text = text.replace(ours, theirs)
    return text
