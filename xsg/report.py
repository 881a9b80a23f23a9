"""The instrument: what a fitted number is worth, as one table, one figure and one sentence per model and map."""

import base64
import html
import io
import tempfile
import textwrap
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.atlas.pairs import about_unknown, find_pairs
from xsg.check import choice, number
from xsg.data.cortex import Cortex
from xsg.evaluation.baselines import BASELINES, baseline
from xsg.evaluation.metrics import correlation, r_squared
from xsg.evaluation.nulls import MAP_NULLS, noise_genes, null_maps, p_text, p_value, rewired
from xsg.evaluation.splits import DEALT, SPLITS, LeakWarning, parted_pairs
from xsg.evaluation.splits import split as make_split
from xsg.files import whole
from xsg.training import CrossScaleVAE, held_out_mean, refit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATISTICS = ("in-sample R²", "in-sample r", "held-out R²", "held-out r")
NULLS = (*MAP_NULLS, "noise-genes", "rewired")
_FEWEST_NULLS = 19  # with fewer, 1 / (n + 1) is over 0.05
_RESAMPLES = 2000
_DEALINGS = 5
_MODEL = "CrossScaleVAE"


@dataclass(frozen=True, repr=False, eq=False)
class Report:
    """What `evaluate` found: one model, one map, one split, one null.

    In-sample numbers come from a model trained on all regions, held-out numbers from models that did not train on the
    region they predict: the median over the dealings of regions into folds. Where nothing else is said they belong to
    the first seed, as do the null and its p-values.

    Attributes
    ----------
    in_sample : Series
        ``R²`` and ``r`` of the model trained on every region.
    held_out : DataFrame
        Rows ``R²`` and ``r``; columns ``value``, the median over dealings; ``low`` and ``high``, its 95 % interval
        (bootstrap over homologous pairs); ``lowest`` and ``highest`` over dealings. The interval covers which regions
        happen to be scored, the range how they happen to be dealt. Neither covers other seeds or other people.
    null : DataFrame, shape (n_nulls, 4)
        The four statistics of `STATISTICS`, one row per null map, noise table or rewired graph, the whole model trained
        anew for each; held out on one of the dealings, drawn at random.
    p_value : Series
        Of the same four, one-sided: (1 + how many nulls reach the observed) / (1 + n_nulls). NaN without nulls.
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
        known of every region; None: not known.
    unpaired : tuple of str
        Regions without a homologue that is known, though one of the others may be it. None where all lie in one
        hemisphere.
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

    def table(self) -> pd.DataFrame:
        """Everything as one table.

        Indexed by (``what``, ``kind``); ``interval`` says what ``low`` and ``high`` are in that row.
        """
        model, inside, outside = _MODEL, self.in_sample, self.held_out
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
        return pd.DataFrame(rows).set_index(["what", "kind"])

    @property
    def n_dealings(self) -> int:
        """How many times the regions were dealt into folds."""
        return len(self.dealings.loc[_MODEL])

    @property
    def recommended(self) -> str | None:
        """Which method to use on this map: the best baseline, unless the model's lead over it is told from chance.

        The model, too, where it alone predicts better than the mean; None where no method does, and under a split that
        leaks, which cannot tell.
        """
        if self.leaks:
            return None
        if len(self.baselines):
            best = self._best_baseline()
            if best["R²"] > 0 and best["lead low"] <= 0:
                return best.name
        return _MODEL if self.held_out.loc["R²", "value"] > 0 else None

    @property
    def sentence(self) -> str:
        """What was found, in plain words."""
        n, inside, outside = len(self.predictions), self.in_sample, self.held_out
        scored = int(self.predictions["held out"].notna().sum())
        values = f" ({self.n_values} independent values)" if self.n_values < n else ""
        first = f"{self.cortex}, {n} regions{values}: in-sample, R² = {inside['R²']:.2f} and r = {inside['r']:.2f}."
        line, other, many = outside.loc["R²"], outside.loc["r"], self.n_dealings > 1
        second = (
            f"Held out (split {self.split!r}, {self.n_folds} fold{'s' * (self.n_folds > 1)}"
            + (f" dealt {self.n_dealings} times" if many else "")
            + (f", {scored} regions scored" if scored < n else "")
            + f"), {'median ' * many}R² = {line['value']:.2f} ({line['low']:.2f} to {line['high']:.2f}) and "
            f"r = {other['value']:.2f} ({other['low']:.2f} to {other['high']:.2f})"
            + (", no better than predicting the mean." if line["value"] <= 0 else ".")
            + (f" By dealing, R² goes from {line['lowest']:.2f} to {line['highest']:.2f}." if many else "")
        )
        parts = [first, second]
        if self.leaks:
            parts.append("Homologues of held-out regions were trained on, so this is no test on regions unseen.")
        if self.leaks is None:
            parts.append(
                "Whether homologues of held-out regions were trained on is not known: "
                f"{about_unknown(self.unpaired, n)}."
            )
        if len(self.null):
            parts.append(self._about_null())
        if len(self.baselines):
            parts.append(self._about_baselines())
        return " ".join(parts)

    def _best_baseline(self) -> pd.Series:
        return self.baselines.loc[self.baselines["R²"].idxmax()]

    def _about_null(self) -> str:
        p, p_r = self.p_value["held-out R²"], self.p_value["held-out r"]
        what, high, low = _MEANING.get(self.null_name, _MEANING["map"])
        own = self.held_out.loc["R²", "value"]
        inside = (self.null["in-sample R²"] >= self.in_sample["R²"]).mean()
        outside = (self.null["held-out R²"] >= own).mean()
        n = len(self.null)
        text = (
            f"Of {n} {what} ({self.null_name}), the model trained anew on each, {inside:.0%} do as well "
            f"in-sample and {outside:.0%} held out (R²: {p_text(p, n, 'p')}; r: {p_text(p_r, n, 'p')}): "
        )
        if p <= 0.05 and own > 0:
            return text + low
        if p > 0.05:
            return text + high
        return text + "few, but the model predicts no better than the mean, so there is little to explain."

    def _about_baselines(self) -> str:
        own = self.held_out.loc["R²", "value"]
        best = self._best_baseline()
        name = f"{best.name} (held-out R² = {best['R²']:.2f})"
        if best["R²"] >= own:
            text = f"Something simpler does as well: {name}."
        elif best["lead low"] <= 0:
            text = f"The best baseline, {name}, cannot be told from the model on {self.n_values} values."
        else:
            text = f"The best baseline, {name}, does less well on the same folds."
        if self.leaks:
            return text
        return f"{text} Use {self.recommended}." if self.recommended else f"{text} None predicts better than the mean."

    def plot(self) -> "Figure":
        """Draw the null distributions of R² with the observed values, and the baselines beneath, on one axis.

        Points are medians over dealings, each dealing a tick; the pale bar of the model is its interval over pairs.
        """
        import matplotlib.pyplot as plt

        from xsg.plotting import null_distributions, points_with_intervals

        held_out = self.held_out.loc[["R²"]].set_axis([_MODEL])
        points = pd.concat([held_out, self.baselines[["R²"]].rename(columns={"R²": "value"})])
        each = [self.dealings.loc[name, "R²"] for name in points.index] if self.n_dealings > 1 else None
        heights = [2.4, 0.32 * len(points) + 0.5] if len(self.null) else [0, 1]
        figure, (above, below) = plt.subplots(
            2,
            1,
            figsize=(8, sum(heights) + 1.2),
            height_ratios=np.maximum(heights, 0.01),
            sharex=True,
            layout="constrained",
        )
        if len(self.null):
            observed = pd.Series({"in-sample": self.in_sample["R²"], "held out": held_out["value"].iloc[0]})
            null = self.null[["in-sample R²", "held-out R²"]].set_axis(observed.index, axis=1)
            null_distributions(observed, null, ax=above, label=f"nulls ({self.null_name})")
        else:
            above.remove()
        points_with_intervals(points, ax=below, each=each)
        shown = [points[["value", "low", "lowest"]].min().min(), self.null["held-out R²"].quantile(0.02), -0.1]
        what = f"held out; ticks: {self.n_dealings} dealings, points: median" if each else "points: held out"
        below.set(xlim=(np.nanmin(shown) - 0.05, 1.05), xlabel=f"R² ({what}; bar: 95 % over pairs)")
        title = f"{self.cortex}: what the R² is worth"
        if self.leaks is None:
            title += f"\n(leaks: not known, {len(self.unpaired)} regions without a known homologue)"
        figure.suptitle(title)
        return figure

    def save(self, path: str | Path) -> Path:
        """Write the report to a file, whole or not at all.

        Parameters
        ----------
        path
            Ending in ``.html`` (table, sentence and figure on one page), ``.csv`` (the table), ``.txt`` (table and
            sentence), or ``.png``, ``.pdf`` or ``.svg`` (the figure).

        Returns
        -------
        Path

        Raises
        ------
        ValueError
            Another ending, or a folder that is not there or cannot be written to.
        """
        path = Path(path)
        kind = choice(path.suffix.lower(), (".html", ".csv", ".txt", ".png", ".pdf", ".svg"), f"ending of {path}")
        try:
            with whole(path) as part:
                if kind == ".csv":
                    self.table().to_csv(part)
                elif kind == ".txt":
                    part.write_text(f"{self!r}\n", encoding="utf-8")
                elif kind == ".html":
                    part.write_text(self._page(), encoding="utf-8")
                else:
                    part.write_bytes(self._picture(kind[1:]))
        except OSError as error:
            raise ValueError(
                f"report: cannot write {path} ({error.strerror or error}). Name a file in a folder that is yours."
            ) from None
        return path

    def _picture(self, kind: str) -> bytes:
        import matplotlib.pyplot as plt

        figure, written = self.plot(), io.BytesIO()
        try:
            figure.savefig(written, format=kind)
        finally:
            plt.close(figure)
        return written.getvalue()

    def _page(self) -> str:
        title, image = html.escape(f"{self.model} on {self.cortex}"), base64.b64encode(self._picture("png")).decode()
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
            f'<h1>{title}</h1>{self._repr_html_()}<img src="data:image/png;base64,{image}" '
            'alt="R² of the model, of its nulls and of simpler methods; the numbers are in the table."></body></html>\n'
        )

    def __repr__(self) -> str:
        """Show the table and the sentence."""
        lines = [f"{self.model} on {self.cortex!r}", self._formatted().to_string(), *textwrap.wrap(self.sentence, 110)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"{self._formatted().to_html()}<p>{html.escape(self.sentence)}</p>"

    def _formatted(self) -> pd.DataFrame:
        table, n = self.table(), len(self.null)

        def number(value: float) -> str:
            return "" if pd.isna(value) else f"{value:.2f}"

        shown = {
            column: table[column].map((lambda p: p_text(p, n)) if column.startswith("p ") else number)
            for column in table.columns.drop("interval")
        }
        return table.assign(**shown)


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


def evaluate(
    model: CrossScaleVAE,
    cortex: Cortex,
    split: str = "homologous",
    null: str = "spin",
    n_nulls: int = 1000,
    seed: int = 0,
    n_seeds: int = 1,
    baselines: bool = True,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    n_dealings: int | None = None,
) -> Report:
    """Ask whether a model predicts regions it has not seen: better than chance, better than something simple.

    The model is trained on all regions, and on all but those of each fold, the folds dealt several times; then again
    for every null, on one of the dealings.

    Parameters
    ----------
    model
        Hyper-parameters; it need not be fitted and is not touched.
    cortex
        Expression, map and graph, real, simulated or your own (`xsg.Cortex`).
    split
        Which regions are held out together: a name of `xsg.evaluation.splits.SPLITS`.
    null
        What chance is. A name of `xsg.evaluation.nulls.MAP_NULLS` (random maps as smooth as this one; ``"spin"``, the
        default), ``"noise-genes"`` (random numbers for the genes) or ``"rewired"`` (other graphs of the same degrees).
    n_nulls
        How many: at least 19, for a p-value of 0.05 to be possible; or 0 for no null.
    seed
        Seed of the folds, the nulls, the bootstrap and the (first) model.
    n_seeds
        Models that differ only in their seed, ``seed``, ``seed + 1``, …; their spread is reported, the null belongs to
        the first.
    baselines
        Also judge the simpler methods of `xsg.evaluation.baselines.BASELINES` (the contralateral copy only where
        regions have homologues).
    progress
        Show progress bars.
    checkpoint
        Folder in which trained models' predictions are kept, so that a run that was cut off goes on where it was.
    n_dealings
        How many times the regions are dealt into folds, by the seeds ``seed``, ``seed + 1``, …: 5 by default for a
        split of `xsg.evaluation.splits.DEALT`. The other splits are unique: 1.

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If ``model`` is no CrossScaleVAE or ``cortex`` no Cortex.
    ValueError
        Unknown split or null, 1 to 18 nulls, no seed, several dealings of a split that is unique, values that are not
        finite, a folder that cannot be written to.

    Warns
    -----
    LeakWarning
        If the split parts homologues; a PairWarning, if that is not known of all regions. Both stand in the report.

    Notes
    -----
    Judge by the held-out R². In-sample statistics are given because papers give them; compare them with their null.
    Small p-values answer the question of their null and no other: see `Report.sentence`.

    The observed statistic is a median over D dealings, but a null is scored on one dealing only (the dealings are given
    out to equally many nulls, in an order drawn at random): training on all of them would cost D times as much. Is p
    still valid? Let q be the share of a map's dealings that reach a level. One dealing of that map reaches it with
    probability q, the median of D = 5 with P(Binomial(5, q) ≥ 3): less than q where q is below one half, and never more
    than 1.2 q (1.5 q for D = 21). That is on average over dealings. All nulls share the D at hand, and given these a
    median reaches a level only if more than half of them do, so with a probability of at most 2D / (D + 1) times the
    mean of q. So single dealings reach a high level more often than medians do, unless most maps that reach it do so on
    most of their dealings; then p may be too small, by at most these factors. In simulations it is not: of 1,000
    rotated maps put in the place of the real one, a share of 0.034 to 0.042 is given p ≤ 0.05 (ridge and position, real
    and simulated expression; tests/test_report.py has one of them).

    Examples
    --------
    >>> import xsg
    >>> model = xsg.CrossScaleVAE(epochs=20)
    >>> report = evaluate(model, xsg.load_cortex("simulated"), n_nulls=0, baselines=False, progress=False)
    >>> report.held_out.columns.to_list()
    ['value', 'low', 'high', 'lowest', 'highest']
    """
    n_nulls, n_seeds, seed = _check(model, cortex, null, n_nulls, n_seeds, seed, checkpoint)
    expression, thinning, graph, regions = cortex.expression, cortex.thinning, cortex.graph, cortex.regions
    y = thinning.to_numpy()
    dealt = _dealings(split, cortex, n_dealings, seed)
    found = find_pairs(regions, cortex.parcellation)
    pairs, seeds = found.number, range(seed, seed + n_seeds)

    def predict(folds: list, expression=expression, thinning=thinning, graph=graph, seeds=(seed,)) -> np.ndarray:
        """In-sample and, for each dealing, held-out predictions (copies, 1 + dealings, n), all from one pass."""
        every = np.vstack([np.zeros_like(folds[0][:1]), *folds])
        found = refit(model, expression, thinning, graph, every, seeds, progress=progress, checkpoint=checkpoint)
        fold, start, kinds = found.index.get_level_values("fold"), 1, [found.xs(0, level="fold")]
        for held_out in folds:
            kinds.append(held_out_mean(found[(fold >= start) & (fold < start + len(held_out))], held_out))
            start += len(held_out)
        return np.stack(kinds, axis=1)

    observed = predict(dealt, seeds=seeds)
    scores = _statistics(y, observed).reshape(n_seeds, -1, 2)  # (seeds, in-sample and dealings, R² and r)
    by_seed = np.column_stack([scores[:, 0], np.median(scores[:, 1:], axis=1)])
    maps, under_null = None, np.empty((n_nulls, len(STATISTICS)))
    which = _given_out(n_nulls, len(dealt), seed)
    if n_nulls:
        if null == "noise-genes":
            several = noise_genes(expression, n_nulls, seed)
        elif null == "rewired":
            several = rewired(graph, n_nulls, seed)
        else:
            several = maps = null_maps(thinning, cortex.parcellation, null, n_nulls, seed, progress)
        changes = {"noise-genes": "expression", "rewired": "graph"}.get(null, "thinning")
        for dealing, folds in enumerate(dealt):
            if len(mine := np.flatnonzero(which == dealing)):
                some = [several[k] for k in mine] if maps is None else maps.iloc[mine]
                again = predict([folds], **{changes: some})
                under_null[mine] = _statistics(y if maps is None else some.to_numpy(), again)

    leaks = any(parted_pairs(folds, regions, cortex.parcellation) for folds in dealt)
    leaks = leaks or (None if found.unknown.any() else False)
    paired = cortex.parcellation.homologue.reindex(regions).isin(regions).any()
    simple, table, by_dealing = {}, {}, {_MODEL: scores[0, 1:]}
    for name in BASELINES if baselines else ():
        copies = name == "contralateral copy"
        if copies and not paired:
            continue
        under = maps is not None and name != "VAE without graph" and (leaks or not copies)
        simple[name], chance = [], np.empty((n_nulls if under else 0, 2))
        for dealing, folds in enumerate(dealt):
            mine = np.flatnonzero(which == dealing) if under else []
            everything = pd.concat([thinning.to_frame().T, maps.iloc[mine]]) if under else thinning.to_frame().T
            guess = baseline(name, expression, everything, cortex.parcellation, folds, seed, model)
            simple[name].append(guess[0])
            if under:
                chance[mine] = _statistics(everything.to_numpy(), guess[:, None])[1:]
        by_dealing[name] = _statistics(y, np.array(simple[name])[:, None])
        middle, ends = np.median(by_dealing[name], axis=0), _range(by_dealing[name])
        table[name] = [*middle, *ends.ravel(), *(_p_value(middle[k], chance[:, k]) for k in (0, 1))]
    columns = ["R²", "r", "R² lowest", "R² highest", "r lowest", "r highest", "p R²", "p r"]
    table = pd.DataFrame.from_dict(table, "index", dtype=float, columns=columns)

    intervals, leads = _bootstrap(y, observed[0, 1:], simple, pairs, seed)
    first = pd.Series(by_seed[0], STATISTICS)
    ends = pd.DataFrame(_range(scores[0, 1:]), intervals.index, ["lowest", "highest"])

    def typical(name: str) -> int:
        """Return the dealing with the median R²."""
        return np.argsort(by_dealing[name][:, 0], kind="stable")[(len(dealt) - 1) // 2]

    return Report(
        cortex=cortex.name,
        model=str(model),
        split=split,
        null_name=null,
        n_folds=len(dealt[0]),
        n_values=_independent(thinning, pairs),
        leaks=leaks,
        in_sample=first.iloc[:2].set_axis(["R²", "r"]),
        held_out=intervals.assign(value=first.iloc[2:].to_numpy())[["value", "low", "high"]].join(ends),
        null=pd.DataFrame(under_null, columns=STATISTICS),
        p_value=pd.Series({name: _p_value(first[name], under_null[:, k]) for k, name in enumerate(STATISTICS)}),
        baselines=table.join(leads),
        seeds=pd.DataFrame(by_seed, pd.Index(seeds, name="seed"), STATISTICS),
        dealings=pd.concat(
            {
                name: pd.DataFrame(each, pd.RangeIndex(seed, seed + len(dealt), name="dealing"), ["R²", "r"])
                for name, each in by_dealing.items()
            },
            names=["what"],
        ),
        predictions=pd.DataFrame(
            {"observed": thinning, "in-sample": observed[0, 0], "held out": observed[0, 1 + typical(_MODEL)]}
            | {name: each[typical(name)] for name, each in simple.items()}
        ),
        unpaired=tuple(map(str, regions[found.unknown])),
    )


def _check(
    model, cortex, null: str, n_nulls: int, n_seeds: int, seed: int, checkpoint: str | Path | None
) -> tuple[int, int, int]:
    """Refuse early what would fail after an hour; return the numbers as Python's."""
    if not isinstance(model, CrossScaleVAE):
        hint = ""
        if isinstance(model, str):
            hint = f" For a preset: xsg.CrossScaleVAE.from_preset({model!r})."
        elif model is CrossScaleVAE:
            hint = " Make one: xsg.CrossScaleVAE()."
        raise TypeError(f"model: expected xsg.CrossScaleVAE, got {type(model).__name__}.{hint}")
    if not isinstance(cortex, Cortex):
        raise TypeError(
            f"cortex: expected xsg.Cortex, got {type(cortex).__name__}. Load one by xsg.load_cortex, or make your "
            "own: xsg.Cortex(name, expression, thinning, graph, parcellation)."
        )
    if null not in NULLS:
        raise ValueError(f"null {null!r} is not known; there are: {', '.join(map(repr, NULLS))}.")
    n_nulls = number(n_nulls, "n_nulls", 0, whole=True)
    n_seeds = number(n_seeds, "n_seeds", 1, whole=True)
    seed = number(seed, "seed", 0, 2**32 - 1, whole=True)
    if n_nulls != 0 and n_nulls < _FEWEST_NULLS:
        raise ValueError(
            f"n_nulls is {n_nulls}: the smallest p-value would be 1/{n_nulls + 1}, so p ≤ 0.05 is out of reach. "
            f"Use at least {_FEWEST_NULLS} (1000 for a p-value to report), or 0 for no null."
        )
    if checkpoint is not None:
        try:
            Path(checkpoint).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=checkpoint):
                pass
        except OSError as error:
            raise ValueError(
                f"checkpoint: cannot write to {checkpoint} ({error}). Name a folder that is yours."
            ) from None
    return n_nulls, n_seeds, seed


def _dealings(split: str, cortex: Cortex, n: int | None, seed: int) -> list[np.ndarray]:
    """Folds, bool (F, regions), for each way of dealing."""
    if n is None:
        n = _DEALINGS if split in DEALT else 1
    n = number(n, "n_dealings", 1, whole=True)
    choice(split, SPLITS, "split")
    if n > 1 and split not in DEALT:
        raise ValueError(
            f"n_dealings is {n}, but the split {split!r} can be dealt in one way only: leave n_dealings out. "
            f"Dealt by a seed are: {', '.join(map(repr, DEALT))}."
        )
    dealt = [make_split(split, cortex.parcellation, cortex.regions, seed=seed)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)  # the first has said it
        return dealt + [make_split(split, cortex.parcellation, cortex.regions, seed=seed + k) for k in range(1, n)]


def _given_out(n_nulls: int, n_dealings: int, seed: int) -> np.ndarray:
    """Which dealing each null is scored on, (n_nulls,): each equally often, up to one, in an order drawn at random."""
    return np.random.default_rng([seed, n_dealings]).permutation(np.arange(n_nulls) % n_dealings)


def _range(scores: np.ndarray) -> np.ndarray:
    """Lowest and highest over dealings (D, 2) of R² and r, (2, 2); NaN where all are."""
    return np.stack([scores.min(axis=0), scores.max(axis=0)], axis=1)


def _statistics(maps: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """R² and r (copies, 2 · kinds) of predictions (copies, kinds, n) of one map (n,) or one each (copies, n)."""
    maps = np.broadcast_to(maps, (len(predicted), predicted.shape[-1]))
    found = np.empty((len(predicted), 2 * predicted.shape[1]))
    for copy, (y, kinds) in enumerate(zip(maps, predicted, strict=True)):
        for kind, guess in enumerate(kinds):
            known = np.isfinite(guess)
            with np.errstate(invalid="ignore"):  # a constant prediction has no correlation: NaN
                scores = r_squared(y[known], guess[known]), correlation(y[known], guess[known])
            found[copy, 2 * kind : 2 * kind + 2] = scores
    return found


def _p_value(observed: float, null: np.ndarray) -> float:
    """Return the p-value, or NaN where there is nothing to compare."""
    if not len(null) or not np.isfinite(null).all() or not np.isfinite(observed):
        return np.nan
    return p_value(observed, null)


def _bootstrap(
    y: np.ndarray, predicted: np.ndarray, simple: dict[str, np.ndarray], pairs: np.ndarray, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """95 % intervals over homologous pairs, drawn with replacement: of the model's R² and r; of its lead in R².

    Predictions are (dealings, n) and cover the same regions in all of them; what is drawn is the median over dealings.
    """
    predicted = np.atleast_2d(predicted)
    known = np.isfinite(predicted[0])
    pairs = np.unique(pairs[known], return_inverse=True)[1]
    n_pairs = pairs.max() + 1
    drawn = np.random.default_rng(seed).multinomial(n_pairs, np.full(n_pairs, 1 / n_pairs), _RESAMPLES)
    weight = (drawn[:, pairs] / drawn[:, pairs].sum(axis=1, keepdims=True)).T  # (n scored, resamples)
    centre = y[known].mean()
    y = y[known] - centre

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b) @ weight - (a @ weight) * (b @ weight)

    def r2(guess: np.ndarray) -> np.ndarray:
        errors = (y - np.atleast_2d(guess)[:, known] + centre) ** 2
        return np.median(1 - errors @ weight / covariance(y, y), axis=0)

    def interval(values: np.ndarray) -> np.ndarray:
        return np.nanquantile(values, (0.025, 0.975))

    guess = predicted[:, known] - centre
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw of one pair over and over has no variance
        own = r2(predicted)
        r = np.median(covariance(y, guess) / np.sqrt(covariance(y, y) * covariance(guess, guess)), axis=0)
        leads = [interval(own - r2(each)) for each in simple.values()]
        rows = [interval(own), interval(r)]
    return (
        pd.DataFrame(rows, ["R²", "r"], ["low", "high"]),
        pd.DataFrame(np.reshape(leads, (-1, 2)), list(simple), ["lead low", "lead high"]),
    )


def _independent(thinning: pd.Series, pairs: np.ndarray) -> int:
    """Count the independent values: one per pair where homologues share theirs, else one per region."""
    by_pair = thinning.groupby(pairs)
    shared = bool((by_pair.max() == by_pair.min()).all())
    return by_pair.ngroups if shared else len(thinning)


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
