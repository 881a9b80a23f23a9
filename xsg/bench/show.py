"""The table, to be read in a terminal and on a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from html import escape
from importlib.resources import files
from itertools import product
from string import Template
from typing import NamedTuple

import numpy as np
import pandas as pd

import xsg
from xsg.bench.run import paired, table

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
    "place: a gain, and R² > 0, with pairs and with patches. Truth: what genes make of the map, patches held out. "
    "Slope: of observed on predicted; 1 is calibrated. Tasks in one heading are pooled. Blank: nothing to tell, as "
    "of a prediction that is the same everywhere, or of what was not scored."
)
BETTER = (
    "Difference in R² on the same maps in the same folds, median with a 95 % interval over maps. Better, if all of the "
    "interval lies above 0; worse, if below."
)


class Board(NamedTuple):
    """A table to be read, of text: a method in each row."""

    heading: str
    about: str
    table: pd.DataFrame
    own: int = 0  # how many rows, from the top, are of the methods asked for


def boards(rows: pd.DataFrame, first: Sequence[str] = ()) -> list[Board]:
    """Return a table for each kind of maps and each size of atlas.

    Parameters
    ----------
    rows
        Of `xsg.bench.run.score`.
    first
        Methods that come first; the others by their first column, best first. A method that was not scored on all maps
        of a table says so behind its name.

    Returns
    -------
    list of Board

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from xsg.bench.run import score
    >>> from xsg.bench.tasks import tasks
    >>> (found,) = boards(score(Ridge(), tasks("place"), dealings=1))
    >>> found.heading, found.table.columns.to_list()
    ('Simulated maps without genes: place', ['R², pairs', 'alarms: R² > 0', 'alarms: beyond place'])
    """
    found, fine = [], rows["task"].str.endswith("schaefer200")
    for (kind, (heading, about, columns)), size in product(BLOCKS.items(), (False, True)):
        mine = rows[(rows["kind"] == kind) & (fine == size)]
        if mine.empty:
            continue
        cells = table(mine, ("split",)).set_index(["method", "split", "score"])
        maps = mine.drop_duplicates(["method", "task", "map"]).groupby("method").size()
        order = cells["value"].xs(next(iter(columns)), level=("split", "score")).reindex(maps.index, fill_value=-np.inf)
        names = sorted(maps.index, key=lambda name, order=order: (name not in first, -order[name], name))
        wide = {
            told: [_cell(cells.loc[(name, *key)], key[1]) if (name, *key) in cells.index else "" for name in names]
            for key, told in columns.items()
        }
        index = [name if maps[name] == maps.max() else f"{name} ({maps[name]} of {maps.max()} maps)" for name in names]
        board = pd.DataFrame(wide, pd.Index(index, name="method"))
        heading = f"{heading}: {', '.join(mine['task'].unique())}"
        found.append(Board(heading, about, board.loc[:, (board != "").any()], sum(name in first for name in names)))
    return found


def differences(rows: pd.DataFrame, first: Sequence[str]) -> list[Board]:
    """Return for each of the methods asked for by how much it is better than every other, on maps that may hold genes.

    Parameters
    ----------
    rows, first
        As for `boards`; all of ``first`` were scored.

    Returns
    -------
    list of Board
        Of `xsg.bench.run.paired`: another method in each row, best first.
    """
    found, fine = [], rows["task"].str.endswith("schaefer200")
    for own, kind, size in product(first, ("genes", "real"), (False, True)):
        mine = rows[(rows["kind"] == kind) & (fine == size)]
        if own not in set(mine["method"]) or mine["method"].nunique() < 2:
            continue
        gaps = paired(mine, own).sort_values(["split", "value"], kind="stable")
        gaps = gaps.assign(of="R², " + gaps["split"], cell=[_cell(gap, "r2") for _, gap in gaps.iterrows()])
        board = gaps.pivot_table("cell", "than", "of", "first").fillna("").loc[gaps["than"].unique()]
        board = board.rename_axis(columns=None)
        heading = f"By how much {own} is better: {', '.join(mine['task'].unique())}"
        found.append(Board(heading, BETTER, board))
    return found


def as_text(found: Sequence[Board]) -> str:
    """Write tables for a terminal."""
    parts = []
    for heading, about, board, _ in found:
        head, _, *lines = board.to_string(justify="right").splitlines()
        parts.append("\n".join([heading, about, head, *lines]))
    return "\n\n".join(parts)


def as_markdown(found: Sequence[Board]) -> str:
    """Write tables as Markdown."""
    parts = ["# Benchmark", ABOUT]
    for heading, about, board, _ in found:
        lines = [[board.index.name, *board.columns], ["---", *["---:"] * board.shape[1]]]
        lines += [[name, *cells] for name, cells in zip(board.index, board.to_numpy().tolist(), strict=True)]
        text = "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in lines)
        parts += [f"## {_plain(heading)}", about, text]
    return "\n\n".join(parts) + "\n"


def as_page(found: Sequence[Board], first: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
    """Write tables as one page of its own, in the style of a report."""
    parts = []
    for heading, about, board, own in found:
        head = "".join(f"<th>{escape(column)}</th>" for column in (board.index.name, *board.columns))
        lines = "\n".join(
            f'<tr{" class=use-this" * (number < own)} style="--cells:2"><th>{escape(str(name))}</th>'
            + "".join(_td(*cell) for cell in zip(board.columns, cells, strict=True))
            + "</tr>"
            for number, (name, cells) in enumerate(zip(board.index, board.to_numpy().tolist(), strict=True))
        )
        parts.append(
            f"<section><h2>{escape(heading)}</h2><p>{escape(about)}</p>"
            f'<div class="table"><table><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table>'
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


def _plain(text: str) -> str:
    """Escape what Markdown would read as more than text."""
    return re.sub(r"([\\|<>`*\[\]])", r"\\\1", str(text))


def _td(heading: str, cell: str) -> str:
    value, _, ends = cell.partition(" (")
    ends = f"<small>{escape(ends.rstrip(')'))}</small>" if ends else ""
    return f'<td data-of="{escape(heading)}">{escape(value)}{ends}</td>'


def _cell(cell: pd.Series, score: str) -> str:
    ends = [cell[key] for key in ("value", "low", "high")]
    if score in ("there", "beyond"):
        return "{:.0f} % ({:.0f} to {:.0f})".format(*(100 * each for each in ends))
    return "{:z.2f} ({:z.2f} to {:z.2f})".format(*ends).replace("-", "−")
