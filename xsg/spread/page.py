"""A posterior as one page of its own: laws, rates and their intervals, warnings, and pictures where data are images."""

from __future__ import annotations

import base64
import io
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import xsg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xsg.spread.posterior import Posterior

_SHOWN = 3  # subjects with pictures
_LISTED = 300  # subjects in the table
_NAMES = {"D": "D (spreading)", "R": "R (growth)", "gain": "gain"}


def page(posterior: Posterior) -> str:
    """Return the page; it loads nothing and runs nothing."""
    rates, cohort = posterior.rates(), posterior._cohort
    name = "Which law, how fast?" if cohort is None else cohort.name
    counts = posterior.law.value_counts()
    about = [f"{len(rates)} subjects", f"{len(posterior.laws)} law{'s' if len(posterior.laws) > 1 else ''}"]
    about += (
        [] if cohort is None else [f"{len(cohort.places)} places", "simulated" if cohort.simulated else "real data"]
    )
    return Template(files("xsg.report").joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{name}: how pathology spreads"),
        description=escape(f"Laws and rates of {len(rates)} subjects; most follow {counts.index[0]}."),
        version=escape(xsg.__version__),
        heading=escape(name),
        about=escape(" · ".join(about)),
        date="",
        made=escape(f"Made with xsg {xsg.__version__}."),
        body="\n".join([_verdict(posterior, rates), _warnings(posterior), _pictures(posterior), _rates(rates),
                        _table(posterior, rates), _data(posterior)]),
    )  # fmt: skip


def _section(heading: str, *parts: str) -> str:
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(filter(None, parts)) + "\n</section>"


def _verdict(posterior: Posterior, rates: pd.DataFrame) -> str:
    sure = posterior.responsibilities.max(axis=1)
    counts = posterior.law.value_counts().reindex(list(posterior.laws), fill_value=0)
    tiles = [("sure of the law", f"{(sure > 0.9).sum()} of {len(sure)}", "probability above 0.9")]
    for name in _NAMES:
        if name in rates:
            low, middle, high = rates[name].quantile([0.1, 0.5, 0.9])
            tiles.append((f"median {_NAMES[name]}", f"{middle:.2g}", f"8 of 10 lie in {low:.2g} to {high:.2g}"))
    shown = "".join(
        f'<div><dt>{escape(told)}</dt><dd>{escape(value)}</dd><dd class="note">{escape(more)}</dd></div>'
        for told, value, more in tiles
    )
    answer = f"{counts.idxmax()}: {counts.max()} of {len(rates)}"
    why = "; ".join(f"{law} of {count}" for law, count in counts.items())
    return (
        f'<section class="verdict unsettled">\n<h2>Which law do most subjects follow?</h2>\n<p class="answer">'
        f'{escape(answer)}</p>\n<p class="why">Most probable law: {escape(why)}.</p>\n'
        f'<dl class="numbers">{shown}</dl>\n'
        '<p class="use">A law is the likeliest of those that were tried, not a law that has been shown.</p>\n</section>'
    )


def _warnings(posterior: Posterior) -> str:
    told = []
    if posterior.unlike is None:
        told.append("It is not known whether these subjects are like those that the model was trained on.")
    else:
        odd = posterior.unlike[posterior.unlike != ""]
        told += [f"{subject}: {reasons}" for subject, reasons in odd.head(20).items()]
        told += [f"… and {len(odd) - 20} more"] if len(odd) > 20 else []
    listed = "".join(f"<li>{escape(each)}</li>" for each in told)
    parts = [
        f'<ul class="warned">{listed}</ul>'
        if listed
        else "<p>No subject is unlike those that the model was trained on.</p>",
        "<p>Intervals hold the truth as often as they say only if noise is white, the initial state is known and the "
        "law is among those tried. On simulated whole brains they hold it less often.</p>",
    ]
    if posterior._z.shape[-1] > 2:
        parts.append(
            "<p>The gain is told by how growth slows down. Of a subject far from full it is what was expected.</p>"
        )
    return _section("Before you believe it", *parts)


def _pictures(posterior: Posterior) -> str:
    cohort = posterior._cohort
    if cohort is None or cohort.mask is None:
        return ""
    spread = posterior.rates()["D"].argsort().to_numpy()
    rows = np.unique(spread[np.linspace(0, len(spread) - 1, min(_SHOWN, len(spread))).round().astype(int)])
    last = float(np.nanmax(cohort.times - cohort.times[:, :1]))
    states = posterior._only(rows).states([0.0, last, 1.5 * last])
    parts = []
    for row, state in zip(rows, states, strict=True):
        subject, values = cohort.subjects[row], cohort.values[row]
        seen = np.isfinite(values).any(axis=1)
        visit = np.flatnonzero(seen)[-1]
        shown = [
            (f"seen, time {cohort.times[row, 0]:g}", values[0], "Greys"),
            (f"seen, time {cohort.times[row, visit]:g}", values[visit], "Greys"),
            (f"state, {last:g} after the first visit", state[1], "viridis"),
            (f"state, {1.5 * last:g} after", state[2], "viridis"),
        ]
        floor, most = np.nanquantile(values[seen], [0.02, 0.999])
        at = _slice(state[2], cohort.mask)
        views = []
        for told, each, colours in shown:
            low, high = (floor, most) if colours == "Greys" else (0.0, 1.0)
            source = _image(each, cohort.mask, at, colours, low, high)
            views.append(f'<div><img src="{source}" alt="{escape(f"{subject}: {told}")}">{escape(told)}</div>')
        parts.append(
            f'<div class="together"><h3>{escape(str(subject))}</h3><div class="views">{"".join(views)}</div></div>'
        )
    caption = (
        "Subjects with the least, a middle and the largest D. Grey: what was seen, dark where there is much. Colour: "
    )
    caption += "the share of the most that a place can hold, at the posterior median, from 0 (dark) to 1 (yellow)."
    if cohort.mask.ndim == 3:
        caption += " One slice across the third axis, where most is expected."
    return _section("What was seen, and what is expected", *parts, f"<p class='note'>{escape(caption)}</p>")


def _slice(state: np.ndarray, mask: np.ndarray) -> int | None:
    """Return the slice of a volume that holds most; None of an image."""
    if mask.ndim == 2:
        return None
    volume = np.zeros(mask.shape)
    volume[mask] = state
    return int(volume.sum((0, 1)).argmax())


def _image(values: np.ndarray, mask: np.ndarray, at: int | None, colours: str, low: float, high: float) -> str:
    frame = np.full(mask.shape, np.nan)
    frame[mask] = values
    frame = frame if at is None else np.rot90(frame[:, :, at])
    return _source(frame, colours, low, high)


def _source(frame: np.ndarray, colours: str, low: float, high: float) -> str:
    import matplotlib as mpl
    from matplotlib.image import imsave

    shares = np.clip((frame - low) / max(high - low, 1e-9), 0, 1)
    painted = mpl.colormaps[colours](shares)
    painted[np.isnan(frame)] = 0  # see-through
    side = max(1, round(240 / max(frame.shape)))
    written = io.BytesIO()
    imsave(written, painted.repeat(side, 0).repeat(side, 1), format="png")
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def _rates(rates: pd.DataFrame) -> str:
    """Draw every subject's rates with their intervals."""
    from matplotlib.figure import Figure

    names = [name for name in _NAMES if name in rates]
    parts = []
    for name in names:
        some = rates[rates[name] > 0].sort_values(name)
        if some.empty:
            continue
        figure = Figure(figsize=(4.4, 2.3), layout="constrained")
        axis, at = figure.subplots(), np.arange(len(some))
        axis.vlines(at, some[f"{name}_low"], some[f"{name}_high"], color="#7a8794", lw=1.5)
        axis.plot(at, some[name], "o", color="#0168a5", ms=4)
        axis.set(yscale="log", xlabel="subjects, in order", ylabel=_NAMES[name], xticks=[])
        ends = f"{some[name].min():.2g} to {some[name].max():.2g}"
        told = f"{_NAMES[name]} of {len(some)} subjects with intervals of 90 %: {ends}"
        parts.append(f'<figure><img src="{_drawn(figure)}" alt="{escape(told)}" style="width:100%"></figure>')
    return _section("Rates", *parts, '<p class="note">Posterior medians and intervals of 90 %.</p>')


def _drawn(figure: Figure) -> str:
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=200, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def _table(posterior: Posterior, rates: pd.DataFrame) -> str:
    names = [name for name in _NAMES if name in rates]
    head = "<th>subject</th><th>law</th>" + "".join(f"<th>{escape(_NAMES[name])}</th>" for name in names)
    sure, lines = posterior.responsibilities.max(axis=1), []
    for row, (subject, line) in enumerate(rates.head(_LISTED).iterrows()):
        cells = [f'<td data-of="law">{escape(line["law"])}<small>{sure.iloc[row]:.2f}</small></td>']
        for name in names:
            ends = f"{line[f'{name}_low']:.2g} to {line[f'{name}_high']:.2g}"
            cells.append(f'<td data-of="{escape(_NAMES[name])}">{line[name]:.2g}<small>{ends}</small></td>')
        mark = "*" if posterior.unlike is not None and posterior.unlike.iloc[row] else ""
        lines.append(f"<tr><th scope='row'>{escape(str(subject))}{mark}</th>{''.join(cells)}</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{''.join(lines)}</tbody></table>"
    more = f" The first {_LISTED} of {len(rates)}." if len(rates) > _LISTED else ""
    note = f"Beneath the law its probability, beneath a rate its interval of 90 %. *: unlike those trained on.{more}"
    box = f'<div class="table" tabindex="0" role="region" aria-label="Law and rates by subject">{table}</div>'
    return _section("Subject by subject", box, f'<p class="note">{escape(note)}</p>')


def _data(posterior: Posterior) -> str:
    cohort = posterior._cohort
    if cohort is None:
        return ""
    items = "".join(f"<li>{escape(line.strip())}</li>" for line in repr(cohort).splitlines())
    return _section("The data", f'<ul class="small">{items}</ul>')
