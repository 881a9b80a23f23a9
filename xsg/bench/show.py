"""The table, to be read in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from importlib.resources import files
from string import Template

import pandas as pd

import xsg
from xsg.bench.run import table

BLOCKS = {  # by kind: heading, what it tells, and the columns: split, score, what to call it
    "genes": (
        "Simulated maps made by genes",
        "What a method should find: four fifths of each map are made by genes.",
        {
            ("pairs", "r2"): "R², pairs",
            ("patches", "r2"): "R², patches",
            ("patches", "truth"): "r with truth",
            ("pairs", "slope"): "slope, pairs",
            ("both", "beyond"): "beyond place",
        },
    ),
    "place": (
        "Simulated maps without genes",
        "Smooth, and nothing to do with genes: who takes R² > 0, or a gain over place, for genes raises a false alarm.",
        {
            ("pairs", "r2"): "R², pairs",
            ("both", "there"): "alarms: R² > 0",
            ("both", "beyond"): "alarms: beyond place",
        },
    ),
    "real": (
        "Real maps",
        "Nobody knows what genes make of them.",
        {
            ("pairs", "r2"): "R², pairs",
            ("patches", "r2"): "R², patches",
            ("pairs", "gain"): "gain, pairs",
            ("patches", "gain"): "gain, patches",
            ("both", "beyond"): "beyond place",
        },
    ),
}
ABOUT = (
    "Median over maps (each the median over dealings of the folds), with a 95 % interval over maps; shares of maps, "
    "with Wilson's interval. Pairs, patches: what was held out together. Gain: R² less that of position alone. Beyond "
    "place: a gain with pairs and with patches. Truth: what genes make of the map, patches held out. Slope: of "
    "observed on predicted; 1 is calibrated."
)


def boards(rows: pd.DataFrame, first: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """Return a table of text for each kind of maps, a method in each row.

    Parameters
    ----------
    rows
        Of `xsg.bench.run.score`.
    first
        Methods that come first; the others by their first column, best first.

    Returns
    -------
    dict
        Tables by kind, those of `BLOCKS` that there are rows of.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from xsg.bench.run import score
    >>> from xsg.bench.tasks import tasks
    >>> print(boards(score(Ridge(), tasks("place"), dealings=1))["place"].columns.to_list())
    ['R², pairs', 'alarms: R² > 0', 'alarms: beyond place']
    """
    cells = table(rows, ("kind", "split"))
    found = {}
    for kind, (_, _, columns) in BLOCKS.items():
        mine = cells[cells["kind"] == kind].set_index(["method", "split", "score"])
        names = list(dict.fromkeys(mine.index.get_level_values("method")))
        order = {name: mine["value"].get((name, *next(iter(columns))), float("-inf")) for name in names}
        names = sorted(names, key=lambda name: (name not in first, -order[name], name))
        wide = {
            heading: [_cell(mine.loc[(name, *key)], key[1]) if (name, *key) in mine.index else "" for name in names]
            for key, heading in columns.items()
        }
        if names:
            board = pd.DataFrame(wide, pd.Index(names, name="method"))
            found[kind] = board.loc[:, (board != "").any()]
    return found


def as_text(found: dict[str, pd.DataFrame]) -> str:
    """Write tables for a terminal."""
    parts = []
    for kind, board in found.items():
        head, _, *lines = board.to_string(justify="right").splitlines()
        parts.append("\n".join([f"{BLOCKS[kind][0]}. {BLOCKS[kind][1]}", head, *lines]))
    return "\n\n".join(parts)


def as_markdown(found: dict[str, pd.DataFrame]) -> str:
    """Write tables as Markdown."""
    parts = ["# Benchmark", ABOUT]
    for kind, board in found.items():
        lines = [["method", *board.columns], ["---", *["---:"] * board.shape[1]]]
        lines += [[name, *cells] for name, cells in zip(board.index, board.to_numpy().tolist(), strict=True)]
        text = "\n".join("| " + " | ".join(str(each).replace("|", "\\|") for each in line) + " |" for line in lines)
        parts += [f"## {BLOCKS[kind][0]}", BLOCKS[kind][1], text]
    return "\n\n".join(parts) + "\n"


def as_page(found: dict[str, pd.DataFrame], first: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
    """Write tables as one page of its own, in the style of a report."""
    parts = []
    for kind, board in found.items():
        head = "".join(f"<th>{escape(column)}</th>" for column in board.columns)
        lines = "\n".join(
            f'<tr{" class=use-this" * (name in first)} style="--cells:2"><th>{escape(str(name))}</th>'
            + "".join(_td(*cell) for cell in zip(board.columns, cells, strict=True))
            + "</tr>"
            for name, cells in zip(board.index, board.to_numpy().tolist(), strict=True)
        )
        parts.append(
            f"<section><h2>{BLOCKS[kind][0]}</h2><p>{escape(BLOCKS[kind][1])}</p>"
            f'<div class="table"><table><thead><tr><th>method</th>{head}</tr></thead>\n<tbody>{lines}</tbody></table>'
            "</div></section>"
        )
    warned = "".join(f"<li>{escape(note)}</li>" for note in notes)
    parts.append(f"<section><h2>Notes</h2><ul><li>{escape(ABOUT)}</li>{warned}</ul></section>")
    day = date.today()
    title = f"Benchmark: {', '.join(first)}" if first else "Benchmark"
    return Template(files("xsg.report").joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        description=escape(ABOUT),
        version=escape(xsg.__version__),
        heading=escape(title),
        about="Maps predicted from genes, held out",
        date=f" · {day:%d %B %Y}",
        made=f"Made with xsg {escape(xsg.__version__)}.",
        body="\n".join(parts),
    )


def _td(heading: str, cell: str) -> str:
    value, _, ends = cell.partition(" (")
    ends = f"<small>{escape(ends.rstrip(')'))}</small>" if ends else ""
    return f'<td data-of="{escape(heading)}">{escape(value)}{ends}</td>'


def _cell(cell: pd.Series, score: str) -> str:
    ends = [cell[key] for key in ("value", "low", "high")]
    if score in ("there", "beyond"):
        return "{:.0f} % ({:.0f} to {:.0f})".format(*(100 * each for each in ends))
    return "{:.2f} ({:.2f} to {:.2f})".format(*(each + 0.0 for each in ends)).replace("-", "−")
