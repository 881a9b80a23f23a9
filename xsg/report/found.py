"""What was found about one model and one map: the numbers, and their table, sentence and figure."""

import html
import io
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.check import choice, instance
from xsg.evaluation.intervals import GAIN
from xsg.evaluation.nulls import p_text
from xsg.files import whole
from xsg.report import methods, page, pictures, words
from xsg.report.record import as_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xsg.atlas import Parcellation

ENDINGS = (".html", ".csv", ".json", ".bib", ".txt", ".png", ".pdf", ".svg")
STATISTICS = ("in-sample R²", "in-sample r", "held-out R²", "held-out r")


@dataclass(frozen=True, repr=False, eq=False)
class Report:
    """What `xsg.evaluate` found: one model, one map, one split, one null.

    In-sample numbers come from a model trained on all regions, held-out numbers from models that did not train on the
    region they predict: the median over the dealings of regions into folds. Where nothing else is said they belong to
    the first seed, as do the null and its p-values.

    Attributes
    ----------
    in_sample : Series
        ``R²`` and ``r`` of the model trained on every region; NaN where it does not predict these.
    held_out : DataFrame
        Rows ``R²`` and ``r``; columns ``value``, the median over dealings; ``low`` and ``high``, its 95 % interval
        (bootstrap over homologous pairs); ``lowest`` and ``highest`` over dealings. The interval covers which regions
        happen to be scored, the range how they happen to be dealt. Neither covers other seeds or other people.
    null : DataFrame, shape (nulls drawn, 4)
        The four statistics of `STATISTICS`, one row per null map, noise table or rewired graph, the whole model trained
        anew for each; held out on one of the dealings, drawn at random.
    p_value : Series
        Of the same four, one-sided: (1 + how many nulls reach the observed) / (1 + how many there are), or, where
        nulls were drawn until h of them reached it, h / how many that took (``counted``). NaN without nulls.
    baselines : DataFrame
        By baseline: held-out ``R²`` and ``r``, medians over the same dealings, with ``R² lowest`` to ``r highest`` over
        them; ``p R²`` and ``p r`` under the same null maps on the same dealings; ``lead low`` and ``lead high``: 95 %
        interval of the model's R² minus the baseline's, by the same bootstrap. p is NaN where the null is not of maps,
        for the VAE without graph (it is not trained anew under the null) and for a contralateral copy that has nothing
        to copy and is the mean (where ``leaks`` is false).
    seeds : DataFrame, shape (n_seeds, 4)
        The four statistics by seed.
    dealings : DataFrame, shape ((1 + n_baselines) · n_dealings, 2)
        Held-out ``R²`` and ``r`` of the model and of each baseline by (``what``, ``dealing``), the seed of the dealing.
    predictions : DataFrame
        By region: ``observed``, ``in-sample`` and ``held out`` (NaN where no fold holds the region out), the last from
        the dealing whose R² is the median (of two middle ones the lower); then in the same way, by its name, what each
        baseline predicts held out.
    cortex, model, split, null_name : str
        What was evaluated, and how.
    n_folds, n_values : int
        Number of folds; number of independent values of the map: that of homologous pairs where homologues share one.
    leaks : bool or None
        Whether a model was trained on the homologue of a region that it was then judged on. False only where that is
        known of every region, or what lies nearest to its mirror image is held out with it; None: not known.
    unpaired : tuple of str
        Regions without a homologue that is known, though one of the others may be it. None where all lie in one
        hemisphere.
    gain : Series
        What genes add to place, the held-out R² of the baseline "position + genes" less that of "position (kriging)":
        ``value`` (of their medians over dealings), ``low`` and ``high`` (95 % over pairs), ``lowest`` and ``highest``
        over dealings, and ``p``, one-sided, under the same null maps. NaN where these were not judged.
    n_nulls : int
        How many nulls there would be if they were not stopped; ``null`` has those that were drawn. The p-values of the
        baselines are from all of them.
    stop_after : int or None
        h: drawing stopped when this many nulls had reached the held-out R² and r. None: all were to be drawn.
    counted : DataFrame
        By statistic, what its p-value is made of: ``nulls``, how many; ``reached``, how many of these reached the
        observed value; ``rule``, ``"h / l"`` or ``"(1 + c) / (1 + n)"`` (`xsg.evaluation.sequential`).
    notes : list of str
        Where the data come from and what was done to them, and what was warned of.
    settings : dict
        What `xsg.evaluate` was given, as plain values: the model's class and parameters, and every argument.
    record : dict
        What it ran on, as plain values: ``data`` (map, unit, atlas, genes, coverage …), ``versions``, ``date``.
    parcellation : Parcellation or None
        Where the regions lie.
    people : object or None
        What was found person by person, where the map came from a cohort.
    """

    cortex: str
    model: str
    split: str
    null_name: str
    n_folds: int
    n_values: int
    leaks: bool | None
    in_sample: pd.Series
    held_out: pd.DataFrame
    null: pd.DataFrame
    p_value: pd.Series
    baselines: pd.DataFrame
    seeds: pd.DataFrame
    dealings: pd.DataFrame
    predictions: pd.DataFrame = field(repr=False)
    unpaired: tuple[str, ...] = ()
    gain: pd.Series = field(default_factory=lambda: pd.Series(np.nan, list(GAIN)))
    n_nulls: int = 0
    stop_after: int | None = None
    counted: pd.DataFrame | None = field(default=None, repr=False)
    notes: list[str] = field(default_factory=list, repr=False)
    settings: dict[str, object] = field(default_factory=dict, repr=False)
    record: dict[str, object] = field(default_factory=dict, repr=False)
    parcellation: "Parcellation | None" = field(default=None, repr=False)
    people: object = field(default=None, repr=False)

    def table(self) -> pd.DataFrame:
        """Everything as one table.

        Indexed by (``what``, ``kind``); ``interval`` says what ``low`` and ``high`` are in that row.
        """
        model, inside, outside = self.label, self.in_sample, self.held_out
        rows = [
            _row(model, "in-sample", inside["R²"], inside["r"], p=self.p_value[list(STATISTICS[:2])]),
            _row(
                model,
                "held out",
                *outside["value"],
                intervals=outside[["low", "high"]].to_numpy(),
                interval="95 % over pairs",
                p=self.p_value[list(STATISTICS[2:])],
            ),
        ]
        if self.n_dealings > 1:
            rows.append(
                _row(
                    f"{model}, {self.n_dealings} dealings",
                    "held out",
                    *outside["value"],
                    intervals=outside[["lowest", "highest"]].to_numpy(),
                    interval="all dealings",
                )
            )
        spreads = []
        if len(self.seeds) > 1:
            spreads.append((f"{model}, {len(self.seeds)} seeds", "", self.seeds, (0, 1), "all seeds"))
        if len(self.null):
            spreads.append((f"{model}, {self.null_name}", "null, ", self.null, (0.05, 0.95), "90 % of nulls"))
        for what, prefix, found, ends, interval in spreads:
            for kind, columns in (("in-sample", STATISTICS[:2]), ("held out", STATISTICS[2:])):
                part = found[list(columns)]
                rows.append(
                    _row(
                        what,
                        prefix + kind,
                        *part.median(),
                        intervals=part.quantile(ends).T.to_numpy(),
                        interval=interval,
                    )
                )
        for name, line in self.baselines.iterrows():
            spread = {}
            if self.n_dealings > 1:
                ends = line[["R² lowest", "R² highest", "r lowest", "r highest"]].to_numpy(dtype=float).reshape(2, 2)
                spread = {"intervals": ends, "interval": "all dealings"}
            rows.append(_row(name, "held out", line["R²"], line["r"], p=line[["p R²", "p r"]], **spread))
        if np.isfinite(self.gain["value"]):
            ends = [self.gain[["low", "high"]].to_numpy(dtype=float), (np.nan, np.nan)]
            given = {"intervals": ends, "interval": "95 % over pairs", "p": (self.gain["p"], np.nan)}
            rows.append(_row(f"{words.BOTH} less position", "held out", self.gain["value"], np.nan, **given))
        return pd.DataFrame(rows).set_index(["what", "kind"])

    @property
    def label(self) -> str:
        """What the model is called in the tables."""
        return self.dealings.index[0][0]

    @property
    def n_dealings(self) -> int:
        """How many times the regions were dealt into folds."""
        return len(self.dealings.loc[self.label])

    @property
    def stopped(self) -> bool:
        """Whether nulls were stopped before all were drawn, as enough had reached the model."""
        return self.stop_after is not None and 0 < len(self.null) < self.n_nulls

    @property
    def recommended(self) -> str | None:
        """Which method to use on this map: the best baseline, unless the model's lead over it is told from chance.

        Position without genes, where what genes add to it is not told from chance. The model, too, where it alone
        predicts better than the mean; None where no method does, and under a split that leaks, which cannot tell.
        """
        if self.leaks:
            return None
        if len(self.baselines):
            best = self.best_baseline
            if {self.label, best.name} == {"ridge", "PLS"} and self.score(self.label) >= max(best["R²"], 1e-9):
                return self.label  # the other is no simpler
            if best.name == words.BOTH and words.answered(self)[0] != "Yes" and words.PLACE in self.baselines.index:
                place = self.baselines.loc[words.PLACE]
                best = place if place["R²"] > 0 and place["lead low"] <= 0 else best
            if best["R²"] > 0 and best["lead low"] <= 0:
                return best.name
        return self.label if self.held_out.loc["R²", "value"] > 0 else None

    @property
    def sentence(self) -> str:
        """What was found, with the numbers."""
        return words.sentence(self)

    @property
    def verdict(self) -> words.Verdict:
        """Whether genes say anything about the map that place does not (``answer``, ``why``), and what to ``use``."""
        return words.verdict(self)

    def score(self, name: str) -> float:
        """Held-out R², the median over dealings, of the model or a baseline by its name."""
        return float(self.held_out.loc["R²", "value"] if name == self.label else self.baselines.loc[name, "R²"])

    @property
    def best_baseline(self) -> pd.Series:
        """The row of ``baselines`` with the highest held-out R²."""
        return self.baselines.loc[self.baselines["R²"].idxmax()]

    @property
    def n_drawn(self) -> int:
        """How many null maps the p-values of the baselines and of the gain are made of."""
        return max(self.n_nulls, len(self.null))

    def plot(self) -> "Figure":
        """Draw the null distributions of R² with the observed values, and the baselines beneath, on one axis.

        Points are medians over dealings, each dealing a tick; the pale bar of the model is its interval over pairs.
        """
        return pictures.draw(self)

    def save(self, path: str | Path, also: "Sequence[Report]" = ()) -> Path:
        """Write the report to a file, whole or not at all.

        Parameters
        ----------
        path
            Ending in ``.html`` (one page with everything, that loads nothing: to read, to send, to print), ``.csv``
            (the table), ``.json`` (everything: numbers, words, settings, versions), ``.bib`` (BibTeX of what was used),
            ``.txt`` (table and sentence), or ``.png``, ``.pdf`` or ``.svg`` (the figure).
        also
            Reports of the same model and map under other splits, to stand beside this one on the page and in the
            references.

        Returns
        -------
        Path

        Raises
        ------
        TypeError
            ``also`` holds something else than reports.
        ValueError
            Reports of another model or map in ``also``; another ending; a folder that is not there or cannot be written
            to.
        """
        path = Path(path)
        kind = choice(path.suffix.lower(), ENDINGS, f"ending of {path}")
        for each in also:
            instance(each, Report, "also", "reports of other splits, in a list")
            if (each.cortex, each.label) != (self.cortex, self.label):
                raise ValueError(
                    f"also: a report of {each.label} on {each.cortex!r} cannot stand beside one of {self.label} on "
                    f"{self.cortex!r}. Give reports of the same model and map, under other splits."
                )
        try:
            with whole(path) as part:
                if kind in (".png", ".pdf", ".svg"):
                    part.write_bytes(self._picture(kind[1:]))
                else:
                    part.write_text(self._text(kind, also), encoding="utf-8")
        except OSError as error:
            raise ValueError(
                f"report: cannot write {path} ({error.strerror or error}). Name a file in a folder that is yours."
            ) from None
        return path

    def _text(self, kind: str, also: "Sequence[Report]") -> str:
        if kind == ".html":
            numbers = {f"report{each}": self._text(each, also) for each in (".csv", ".json", ".bib")}
            return page.page(self, also, numbers)
        if kind == ".csv":
            return self.table().to_csv()
        if kind == ".json":
            return as_json(self, also)
        return methods.bibtex(self, also) if kind == ".bib" else f"{self!r}\n"

    def _picture(self, kind: str) -> bytes:
        import matplotlib.pyplot as plt

        figure, written = self.plot(), io.BytesIO()
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
                figure.savefig(written, format=kind)
        finally:
            plt.close(figure)
        return written.getvalue()

    def __repr__(self) -> str:
        """Show the table and the sentence."""
        lines = [f"{self.model} on {self.cortex!r}", self._formatted().to_string(), *textwrap.wrap(self.sentence, 110)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"{self._formatted().to_html()}<p>{html.escape(self.sentence)}</p>"

    def _formatted(self) -> pd.DataFrame:
        table = self.table()
        # The baselines are given all nulls, stopped or not.
        behind = [
            len(self.null) if what == self.label else max(self.n_nulls, len(self.null)) for what, _ in table.index
        ]

        def number(value: float) -> str:
            return "" if pd.isna(value) else f"{value:.2f}"

        shown = {
            column: list(map(p_text, table[column], behind)) if column.startswith("p ") else table[column].map(number)
            for column in table.columns.drop("interval")
        }
        return table.assign(**shown)


def _row(what, kind, r2, r, intervals=((np.nan, np.nan),) * 2, interval="", p=(np.nan, np.nan)) -> dict:
    """One line of `Report.table`."""
    (r2_low, r2_high), (r_low, r_high), (p_r2, p_r) = *intervals, p
    return {
        "what": what,
        "kind": kind,
        "R²": r2,
        "R² low": r2_low,
        "R² high": r2_high,
        "p R²": p_r2,
        "r": r,
        "r low": r_low,
        "r high": r_high,
        "p r": p_r,
        "interval": interval,
    }
