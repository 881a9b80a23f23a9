"""A report as one page of its own: nothing to load, nothing to run, to be read on any screen or on paper."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.evaluation.baselines import QUESTIONS
from xsg.evaluation.nulls import p_text
from xsg.report import frozen, methods, pictures, words
from xsg.report.checklist import DONE, IDLE, LACKS, checklist
from xsg.report.words import BOTH, PLACE, plain, signed

if TYPE_CHECKING:
    from xsg.report.found import Report

ASKED = {  # of a split
    "random": "Single regions unseen, their homologues seen: no test.",
    "homologous": "Are pairs of regions told from all the others, neighbours among them?",
    "mirrored-blocks": "Are regions told from all the others, neighbours among them?",
    "spatial": "Are whole patches told, their neighbours unseen, too?",
    "distance": "Is a region told when all near it are unseen?",
    "lobe": "Is a lobe told from the others?",
    "left-to-right": "Is one hemisphere told from the other? (their likeness alone tells much)",
}
_KINDS = {"Yes": "yes", "Not settled": "unsettled", "Not to be told": "unsettled"}
_LOW = 0.8  # coverage below which a region is named


def page(report: Report, also: Sequence[Report] = (), downloads: dict[str, str] | None = None) -> str:
    """Return the page of a report, with the reports of other splits beside it.

    ``downloads`` are texts to be had from the page, by file name.
    """
    which = report.recommended or report.label
    column = "held out" if which == report.label else which
    data, kept = report.record.get("data", {}), report.record
    sections = [
        _verdict(report, also),
        _frozen(report),
        _map(report, which, column),
        _figure(report),
        _methods_beside(report),
        _splits(report, also),
        _people(report),
        _coverage(report, data),
        _methods(report, also),
        _again(report, downloads or {}),
        _checklist(report, also),
    ]
    about = [
        f"{len(report.predictions)} regions",
        methods.unmarked(methods.atlas_of(report)),
        str(data.get("unit") or ""),
        f"{data['genes']:,} genes" if data.get("genes") else "",
        f"on trial: {report.label}",
    ]
    day, version = kept.get("date"), kept.get("versions", {}).get("xsg", "")
    found = words.overall(report, also)
    return Template(files("xsg.report").joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{report.cortex}: {words.QUESTION} {found.answer}."),
        description=escape(found.why),
        version=escape(version),
        heading=escape(data.get("map") or report.cortex),
        about=escape(" · ".join(filter(None, about))),
        date=f" · {escape(frozen.day(day))}" if day else "",
        made=escape(f"Made with xsg {version}".strip() + (f", {frozen.day(day)}." if day else ".")),
        body="\n".join(filter(None, sections)),
    )


def alt(report: Report) -> str:
    """Say in words what the figure shows."""
    inside, outside = report.in_sample["R²"], report.held_out.loc["R²"]
    parts = [
        f"In-sample R² {plain(inside)}." if np.isfinite(inside) else "",
        f"Held-out R² {plain(outside['value'])}, 95 % interval {plain(outside['low'])} to {plain(outside['high'])}.",
    ]
    if len(report.null):
        middle = report.null[["in-sample R²", "held-out R²"]].median()
        parts.append(
            f"Medians of {len(report.null)} nulls ({report.null_name}): in-sample {plain(middle.iloc[0])}, held out "
            f"{plain(middle.iloc[1])}; {p_text(report.p_value['held-out R²'], len(report.null), 'p')} held out."
        )
    simple = ", ".join(f"{name} {plain(value)}" for name, value in report.baselines["R²"].items())
    parts.append(f"Simpler methods, held out: {simple}." if simple else "")
    return " ".join(filter(None, parts))


def _section(heading: str, *parts: str) -> str:
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(filter(None, parts)) + "\n</section>"


def _text(text: object) -> str:
    """Escape a text, and keep a number on the line of what it is a number of."""
    text = re.sub(r"(?<![\w.,−–-])-(?=\d)", "−", str(text))
    return escape(re.sub(r"(R²|\bp|\br|95) ([=≤%]) ?", "\\1\u00a0\\2\u00a0", text).replace("%\u00a0", "% "))


def _p(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{_text(text)}</p>' if kind else f"<p>{_text(text)}</p>"


def _range(low: float, high: float) -> str:
    return f"{plain(low)} to {plain(high)}" if np.isfinite(low) and np.isfinite(high) else ""


def _verdict(report: Report, also: Sequence[Report]) -> str:
    found, gain, own = words.overall(report, also), report.gain, report.held_out.loc["R²"]
    tiles = []
    for name, told in ((PLACE, "place alone"), (BOTH, "place and genes")):
        if name in report.baselines.index:
            line = report.baselines.loc[name]
            tiles.append((f"R², {told}", plain(line["R²"]), _range(line["R² lowest"], line["R² highest"])))
    if np.isfinite(gain["value"]):
        low, high = signed(gain["low"]), signed(gain["high"])
        tiles.append(("R² that genes add", signed(gain["value"]), f"95 %: {low} to {high}"))
    p = p_text(report.p_value["held-out R²"], len(report.null), "p")
    tiles.append((f"R², {report.label}", plain(own["value"]), p or _range(own["low"], own["high"])))
    shown = "".join(
        f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd class="note">{escape(more)}</dd></div>'
        for name, value, more in tiles
    )
    listed, beneath = "", ""
    if also or found.why != words.answered(report)[1]:
        for each in (report, *also):
            name, (answer, why) = words.called(each.split), words.answered(each)
            told = f"{name[0].upper()}{name[1:]}: {answer[0].lower()}{answer[1:]}."
            listed += f"<li><strong>{escape(told)}</strong> {_text(why)}</li>"
        listed = f'<ul class="splits">{listed}</ul>\n'
        beneath = _p(f"By {words.called(report.split)} (split {report.split!r}):", "note")
    return (
        f'<section class="verdict {_KINDS.get(found.answer, "no")}">\n<h2>{escape(words.QUESTION)}</h2>\n'
        f"{_p(found.answer, 'answer')}\n{_p(found.why, 'why')}\n{listed}{beneath}"
        f'<dl class="numbers">{shown}</dl>\n{_p(found.use, "use")}\n</section>'
    )


def _frozen(report: Report) -> str:
    seal = frozen.seal_of(report)
    if not seal:
        return ""
    when, rule, outcome, *more = frozen.told_seal(report)
    known = f"Known of these data before: {seal['known'].removesuffix('.') or 'nothing was said'}."
    items = [f"Question: {seal['question']}", rule, outcome, known, *more]
    return _section("Frozen beforehand", _p(when), *map(_p, items))


def _map(report: Report, which: str, column: str) -> str:
    painted = pictures.surfaces(report, column)
    deep = [pictures.deep_rows(report, column, width) for width in (6.6, 4.0)]
    if painted is None and not deep[0]:
        return ""
    unit, told = pictures.unit(report), {"observed": "Observed", "predicted": f"Predicted by {which}, held out"}
    parts = []
    if painted:
        rows, colours, (low, high) = painted
        for row, views in rows.items():
            shown = "".join(
                f'<div><img src="{view.picture}" width="{view.width}" height="{view.height}" '
                f'alt="{escape(told[row])}: {escape(view.name)}">{escape(view.name)}</div>'
                for view in views
            )
            parts.append(f'<div class="together"><h3>{escape(told[row])}</h3><div class="views">{shown}</div></div>')
        parts.append(
            f'<div class="scale"><span>{low:.2g}</span><i style="--colours: linear-gradient(to right, '
            f'{", ".join(colours)})"></i><span>{high:.2g} {escape(unit)}</span></div>'.replace(">-", ">−")
        )
    if deep[0]:
        parts.append(f"<h3>Below the cortex</h3>{_two(deep, _deep_alt(report, column))}")
    observed = report.predictions["observed"].sort_values()
    ends = [f"{name} ({value:.2g})".replace("-", "−") for name, value in observed.items()]
    seen, guess = report.predictions["observed"], report.predictions[column]
    known = guess.notna()
    r = np.corrcoef(seen[known], guess[known])[0, 1] if known.sum() > 1 and guess[known].std() > 0 else np.nan
    caption = f"Highest: {', '.join(ends[:-4:-1])}. Lowest: {', '.join(ends[:3])}. "
    caption += f"The prediction is of regions that were not trained on (R² = {plain(report.score(which))}"
    caption += (f", r = {plain(r)}" if np.isfinite(r) else "") + "); both maps share one scale."
    if painted and (missing := [name for name in _without(report) if name not in pictures.below_cortex(report)]):
        caption += f" Grey: no value ({len(missing)} of the atlas's regions)."
    return _section("The map", f"<figure>{''.join(parts)}<figcaption>{_text(caption)}</figcaption></figure>")


def _two(drawn: Sequence[str], told: str) -> str:
    """Stand a figure in the page twice, for wide and for narrow screens."""
    shown = "".join(f'<div class="{kind}">{each}</div>' for kind, each in zip(("wide", "narrow"), drawn, strict=True))
    return f'<div role="img" aria-label="{escape(told)}">{shown}</div>'


def _deep_alt(report: Report, column: str) -> str:
    below = report.predictions.loc[pictures.deep(report), ["observed", column]]
    return "; ".join(
        f"{name}: observed {plain(seen)}, predicted {plain(guess)}" for name, seen, guess in below.itertuples()
    )


def _figure(report: Report) -> str:
    drawn = [pictures.inline(report, width) for width in (7.4, 4.3)]
    ticks = f" Ticks: the {report.n_dealings} dealings of regions into folds; point: their median." * (
        report.n_dealings > 1
    )
    null = (
        f"Above, what R² the whole model reaches when trained anew on each of {len(report.null):,} nulls "
        f"({report.null_name}): bars, the nulls; lines, what was observed. A number that nulls often reach says "
        "little, however high it is. Below, "
        if len(report.null)
        else "R² of "
    )
    caption = f"{null}the model and simpler methods on regions held out.{ticks} Pale bar: 95 % over pairs of regions."
    full = f"<details><summary>All of it in words</summary>{_p(report.sentence)}</details>"
    shown = f"<figure>{_two(drawn, alt(report))}<figcaption>{_text(caption)}</figcaption></figure>"
    return _section("What its R² is worth", shown, full)


def _methods_beside(report: Report) -> str:
    n, inside, line = len(report.null), report.in_sample, report.held_out
    rows = []
    if np.isfinite(inside["R²"]):
        p = p_text(report.p_value["in-sample R²"], n)
        asked = "How well does it fit what it was trained on? (no test)"
        rows.append((f"{report.label}, in-sample", asked, inside["R²"], "", p, inside["r"]))
    ends = _range(*line.loc["R²", ["lowest", "highest"]]) if report.n_dealings > 1 else ""
    asked = QUESTIONS.get(report.label, "Does it predict regions that it has not seen?")
    own = report.held_out["value"]
    rows.append((report.label, asked, own["R²"], ends, p_text(report.p_value["held-out R²"], n), own["r"]))
    for name, found in report.baselines.iterrows():
        ends = _range(found["R² lowest"], found["R² highest"]) if report.n_dealings > 1 else ""
        rows.append(
            (name, QUESTIONS.get(name, ""), found["R²"], ends, p_text(found["p R²"], report.n_drawn), found["r"])
        )
    body = ""
    for name, asked, r2, ends, p, r in rows:
        used = name == report.recommended
        tag = ' <span class="tag">use this</span>' * used
        body += (
            f'<tr{" class=use-this" * used}><th scope="row">{escape(name)}{tag}<small>{escape(asked)}</small></th>'
            f"{_cells(('R²', plain(r2), ends), ('p', p, ''), ('r', plain(r), ''))}</tr>\n"
        )
    over = "<small>range over dealings</small>" * (report.n_dealings > 1)
    head = f'<th scope="col">Method, and the question it answers</th><th scope="col">R²{over}</th>'
    head += '<th scope="col">p</th><th scope="col">r</th>'
    intro = "Held out unless it says otherwise. p: how often null maps do as well, one-sided; empty where not asked."
    return _section("Beside simpler methods", _p(intro, "note"), _table("Methods and their scores", head, body))


def _cells(*cells: tuple[str, str, str]) -> str:
    """Write the cells of a row: what each is of, shown where there is no room for a head; its text; what is beneath."""
    return "".join(
        f'<td data-of="{escape(of)}">{escape(text)}{f"<small>{escape(more)}</small>" * bool(more)}</td>'
        for of, text, more in cells
    )


def _table(told: str, head: str, body: str) -> str:
    cells = 2 if (cells := head.count("<th") - 1) > 3 else cells  # side by side on a narrow screen
    inside = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    given = f'tabindex="0" role="region" aria-label="{escape(told)}" style="--cells: {cells}"'
    return f'<div class="table" {given}>{inside}</div>'


def _splits(report: Report, also: Sequence[Report]) -> str:
    body = ""
    for each in (report, *also):
        gain, p = each.gain, p_text(each.p_value["held-out R²"], len(each.null), "p")
        beside = [plain(each.score(name)) if words.has(each, name) else "–" for name in (PLACE, BOTH)]
        added = signed(gain["value"]) if np.isfinite(gain["value"]) else "–"
        ends = f"{signed(gain['low'])} to {signed(gain['high'])}" if np.isfinite(gain["value"]) else ""
        leaks = " Homologues leak." if each.leaks else ""
        body += (
            f'<tr><th scope="row">{escape(each.split)}<small>{escape(ASKED.get(each.split, ""))}{leaks}</small></th>'
            + _cells(
                (each.label, plain(each.score(each.label)), p),
                ("place", beside[0], ""),
                ("place + genes", beside[1], ""),
                ("genes add", added, ends),
            )
            + "</tr>\n"
        )
    heads = ("Split, and what it asks", report.label, "Place", "Place + genes", "Genes add")
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    more = "" if also else "One split was run. Patches ask a harder question: evaluate with split='spatial', too."
    intro = "R² held out. What is near is alike, so the farther from the training regions, the harder the question."
    return _section("By split", _p(intro, "note"), _table("Splits and their scores", head, body), more and _p(more))


def _checklist(report: Report, also: Sequence[Report]) -> str:
    kinds = {DONE: "", LACKS: " class=lacks", IDLE: " class=idle"}
    items = "".join(
        f'<li{kinds[each.state]}><span class="hidden">{each.state}: </span>'
        f"<strong>{place}. {escape(each.what)}.</strong> {_text(each.text)}</li>"
        for place, each in enumerate(checklist(report, also), 1)
    )
    intro = "What to do with a map before anything is made of it. ✓ done here; ○ not done here; – does not apply."
    section = _section("Checklist: what to do on Monday", _p(intro, "note"), f'<ol class="check">{items}</ol>')
    return section.replace("<section>", '<section class="sheet">', 1)  # a sheet of its own on paper


def _people(report: Report) -> str:
    told = getattr(report.people, "sentence", "")
    if not told:
        return ""
    drawn = [pictures.people(report, width) for width in (7.4, 4.3)]
    caption = "Above, each person's correlation with the held-out prediction; below, their mean under rotations."
    figure = f"<figure>{_two(drawn, told)}<figcaption>{escape(caption)}</figcaption></figure>"
    return _section("Person by person", _p(told), figure)


def _coverage(report: Report, data: dict) -> str:
    n, unit, said = len(report.predictions), data.get("unit"), []
    noted = [str(note) for note in report.notes]
    if not any(note.startswith(f"{n} regions") for note in noted):
        said.append(
            f"{n} regions took part" + (f", {report.n_values} independent values." if report.n_values < n else ".")
        )
    if report.parcellation is not None and not any(note.startswith("Left out") for note in noted):
        lost = _without(report)
        said.append(
            f"Left out, {len(lost)} of the atlas: {', '.join(lost[:12])}{' …' * (len(lost) > 12)}." if lost else ""
        )
    shares = pd.Series(data.get("coverage") or {}, dtype=float).sort_values()
    if len(shares):
        thin = shares[shares < _LOW]
        named = ", ".join(f"{name} {share:.0%}" for name, share in thin.head(12).items())
        more = f"; less than {_LOW:.0%} in {len(thin)}: {named}{' …' * (len(thin) > 12)}" if len(thin) else ""
        said.append(f"Of a region, {shares.median():.0%} was covered by the map (median){more}.")
    meant = {"loss": "Larger values mean more loss.", "gain": "Larger values mean more tissue."}
    said.append(meant.get(data.get("positive"), ""))
    said.append("" if unit else "The unit of the map was not given.")
    notes = [re.sub(r"^\w+Warning: ", "⚠ ", note) for note in noted]
    warned = [note.removeprefix("⚠ ") for note in notes if note.startswith("⚠ ")]
    said += [note for note in notes if not note.startswith("⚠ ")]
    shown = ["".join(f"<li>{escape(note)}</li>" for note in some if note) for some in (warned, said)]
    boxes = f'<h3>Warnings</h3><ul class="warned">{shown[0]}</ul><h3>Data</h3>' if warned else ""
    return _section("Coverage and warnings", f'{boxes}<ul class="small">{shown[1]}</ul>')


def _without(report: Report) -> list[str]:
    return [str(name) for name in report.parcellation.regions.difference(report.predictions.index, sort=False)]


def _methods(report: Report, also: Sequence[Report]) -> str:
    paragraphs, keys = methods.methods(report, also)
    listed = ""
    for key in keys:
        text, address = methods.reference(key)
        link = f' <a href="{escape(address)}">{escape(address.removeprefix("https://"))}</a>' if address else ""
        listed += f"<li>{escape(text)}{link}</li>"
    return (
        _section("Methods", *map(_p, paragraphs))
        + "\n"
        + _section("References", f'<ul class="small">{listed}</ul>' if listed else "")
    )


def _again(report: Report, downloads: dict[str, str]) -> str:
    settings = {name: value for name, value in report.settings.items() if name != "checkpoint"}
    settings |= {name: report.record[name] for name in ("versions", "date") if name in report.record}
    command = str(settings.get("command") or "")
    parts = [_code(command, "Command line") if command else "", _code(_python(report), "The trial in Python")]
    if settings:
        text = json.dumps(settings, indent=2, ensure_ascii=False, default=str)
        parts.append(f"<details><summary>Settings and versions (JSON)</summary>{_code(text, 'Settings')}</details>")
    links = " · ".join(
        f'<a download="{escape(name)}" href="data:text/plain;charset=utf-8;base64,'
        f'{base64.b64encode(text.encode()).decode()}">{escape(name)}</a>'
        for name, text in downloads.items()
    )
    parts.append(f'<p class="screen">Numbers and references to take along: {links}</p>' if links else "")
    return _section("To run it again", *parts)


def _code(text: str, told: str) -> str:
    return f'<pre tabindex="0" role="region" aria-label="{escape(told)}"><code>{escape(text)}</code></pre>'


def _python(report: Report) -> str:
    settings = report.settings
    kind = str(settings.get("model", {}).get("class", ""))
    module, _, name = kind.rpartition(".")
    own = name == "CrossScaleVAE"
    lines = ["import xsg", *([f"from {module} import {name}"] if module and not own else []), ""]
    asked = ("split", "null", "n_nulls", "stop_after", "seed", "n_seeds", "n_dealings", "baselines")
    given = ", ".join(f"{key}={settings[key]!r}" for key in asked if key in settings)
    if not given:
        given = f"split={report.split!r}, null={report.null_name!r}, n_nulls={len(report.null)}"
    model = f"xsg.{report.model}" if own else report.model
    return "\n".join([*lines, _cortex(report), f"model = {model}", f"report = xsg.evaluate(model, cortex, {given})"])


def _cortex(report: Report) -> str:
    """Write how the data of a report are loaded, as far as it is known."""
    if report.cortex == "simulated" or report.cortex.startswith("ahba-"):
        return f"cortex = xsg.load_cortex({report.cortex!r})"
    own = any("a map of your own" in str(note) for note in report.notes) and report.people is None
    if not own:
        return "cortex = ...  # an xsg.Cortex: see Coverage and warnings for what is in it"
    atlas = report.record.get("data", {}).get("atlas") or "desikan"
    return f"cortex = xsg.load_cortex('ahba', thinning=xsg.read_map('your file', {atlas!r}))"
