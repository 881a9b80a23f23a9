"""A trial: a model, one map, one split, one null, and what the model is worth beside simpler ones."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from tqdm.auto import tqdm

from xsg.atlas.pairs import find_pairs
from xsg.check import choice, number, warn
from xsg.data.cortex import Cortex
from xsg.evaluation import splits
from xsg.evaluation.baselines import BASELINES, Baseline
from xsg.evaluation.cost import expect, refitted_in_chunks, shared
from xsg.evaluation.dealings import chosen, deal, fitting_null, given_out
from xsg.evaluation.intervals import bootstrap, gain
from xsg.evaluation.metrics import correlation, r_squared
from xsg.evaluation.nulls import MAP_NULLS, noise_genes, null_maps, rewired
from xsg.evaluation.people import by_person
from xsg.evaluation.protocol import Subject, check_subject, label, predict_folds, seeded, seeds_of
from xsg.evaluation.sequential import draw, how_many, sequential_p
from xsg.load import load_cortex
from xsg.report import STATISTICS, Report
from xsg.report.record import record
from xsg.training import CrossScaleVAE, held_out_mean

_READ = {"noise-genes": "genes", "rewired": "graph"}  # what a null changes of a cortex but the map
NULLS = (*MAP_NULLS, *_READ)
_LONG = 5  # seconds that are announced


def evaluate(
    model: CrossScaleVAE | Subject | RegressorMixin,
    cortex: Cortex,
    split: str | None = None,
    null: str | None = None,
    n_nulls: int | None = None,
    seed: int = 0,
    n_seeds: int = 1,
    baselines: bool = True,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    n_dealings: int | None = None,
    stop_after: int | None = None,
    n_jobs: int | None = None,
) -> Report:
    """Ask whether a model predicts regions it has not seen: better than chance, better than something simple.

    The model is trained on all regions, and on all but those of each fold, the folds dealt several times; then again
    for every null, on one of the dealings.

    Parameters
    ----------
    model
        A `xsg.CrossScaleVAE`; any scikit-learn regressor or pipeline, genes as its features; a model of several views
        (`xsg.MultiViewVAE`, `xsg.CrossScaleSpread`); a `xsg.evaluation.baselines.Baseline`; or an object of your own
        with the one method of `xsg.evaluation.protocol.Subject`. It need not be fitted and is not touched.
    cortex
        Expression, map and graph (`xsg.Cortex`), real, simulated or your own. Models of several views read its
        ``views``. If it has ``people``, the report also says whether single people look like what is predicted
        (`Report.people`). Or the map of a cohort (`xsg.read_cohort`, then ``.contrast`` or ``.slope``), which is joined
        to the genes of its atlas by `xsg.load_cortex`.
    split
        Which regions are held out together: a name of `xsg.evaluation.splits.SPLITS`. By default ``"homologous"``, or
        ``"mirrored-blocks"`` where the homologues of some regions are not known.
    null
        What chance is. A name of `xsg.evaluation.nulls.MAP_NULLS` (random maps as smooth as this one),
        ``"noise-genes"`` (random numbers for the genes) or ``"rewired"`` (other graphs of the same degrees). By default
        ``"spin"``, and ``"moran"`` where that raises fewer false alarms: with more than 100 regions, homologues that
        are not known, or rows below the cortex.
    n_nulls
        How many nulls: at least 19, for a p-value of 0.05 to be possible, or 0 for none. By default up to 1,000, and
        fewer where it shows early that the p-value is large (``stop_after``).
    seed
        Seed of the folds, the nulls, the bootstrap and the (first) model.
    n_seeds
        How many models that differ only in their seed, ``seed``, ``seed + 1``, …. Their spread is reported; the null is
        that of the first.
    baselines
        Also judge the simpler methods of `xsg.evaluation.baselines.BASELINES` (the contralateral copy only where
        regions have homologues, the VAE without graph only beside a VAE).
    progress
        Show progress bars, and say before how long it will take, where that is more than some seconds
        (`xsg.evaluation.cost.expected_seconds`).
    checkpoint
        Folder in which predictions of trained CrossScaleVAEs are kept, so that a run that was cut off goes on where it
        was.
    n_dealings
        How many times the regions are dealt into folds, by the seeds ``seed``, ``seed + 1``, …: 5 by default for a
        split of `xsg.evaluation.splits.DEALT`. The other splits are unique: 1.
    stop_after
        Stop drawing nulls once this many of them have reached the model's held-out R² and its r: p is then h / l, l the
        number of the null that was the h-th (`xsg.evaluation.sequential`). 20 by default where ``n_nulls`` is left out;
        a number of nulls that is given is drawn in full, unless this is given, too.
    n_jobs
        Processes that train CrossScaleVAEs; -1: one for each core. By default as many where it takes long, and those
        that ``joblib.parallel_config`` has set up. The numbers are the same, to the bit, whatever it is.

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If ``model`` cannot be put on trial (the error says what it lacks) or ``cortex`` is no Cortex.
    ValueError
        Unknown split or null, 1 to 18 nulls, no seed, several seeds of a model that has none, several dealings of a
        split that is unique, predictions of another shape or not finite, a folder that cannot be written to.

    Warns
    -----
    LeakWarning
        If the split parts homologues; a PairWarning, if that is not known of all regions. Both stand in the report.
    UserWarning
        If the model does not read what the null changes: the genes, or the graph.

    On Ctrl-C nothing is returned; what was trained stays in ``checkpoint``, and the same call goes on from there.

    Notes
    -----
    Judge by the held-out R². In-sample statistics are given because papers give them; compare them with their null.
    Small p-values answer the question of their null and no other: see `Report.sentence`.

    Nulls come in the same order whether they are stopped or not. The p-values of the held-out R² and r are exact with
    either rule. Those of the in-sample statistics are formed in the same way from the nulls that were drawn, how many
    being decided by the held-out ones, so that they are exact only where 20 nulls reached them or all were drawn. The
    baselines, which cost little, are given all the null maps, stopped or not.

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
    asked = {name: value for name, value in locals().items() if name not in ("cortex", "progress", "n_jobs")}
    how = {"progress": progress, "checkpoint": checkpoint}
    if isinstance(getattr(cortex, "map", None), pd.Series):  # estimated from people
        cortex = load_cortex("ahba", thinning=cortex)
    n_nulls, stop_after, n_seeds, seed = _check(model, cortex, null, n_nulls, stop_after, n_seeds, seed, checkpoint)
    with _noted() as notes:
        cortex = replace(cortex)  # aligned and checked anew, should its tables have been changed
        split, null = chosen(split, cortex), fitting_null(null, cortex)
        dealt = deal(split, cortex, n_dealings, seed)
        cost = expect(model, cortex, dealt, n_nulls, stop_after, n_seeds, baselines, n_jobs, progress)
        if progress and cost.most > _LONG:
            tqdm.write(cost.told(label(model), dealt, n_nulls, stop_after), file=sys.stderr)
        with shared(cost.jobs):
            report = _run(model, cortex, split, dealt, null, n_nulls, stop_after, seed, n_seeds, baselines, how)
            people = by_person(model, cortex, dealt[0], null, n_nulls, stop_after, seed, how)
    found = {"split": split, "null": null, "n_nulls": n_nulls, "stop_after": stop_after, "n_dealings": len(dealt)}
    return replace(
        report,
        notes=list(dict.fromkeys([*cortex.provenance, *notes])),
        settings=_settings(**asked | found),
        record=record(cortex),
        parcellation=cortex.parcellation,
        people=people,
    )


def _run(
    model: object,
    cortex: Cortex,
    split: str,
    dealt: list[np.ndarray],
    null: str,
    n_nulls: int,
    stop_after: int | None,
    seed: int,
    n_seeds: int,
    baselines: bool,
    how: dict[str, object],
) -> Report:
    """Run a trial whose settings are checked."""
    expression, thinning, graph, regions = cortex.expression, cortex.thinning, cortex.graph, cortex.regions
    y, name = thinning.to_numpy(), label(model)
    found = find_pairs(regions, cortex.parcellation)
    pairs, seeds = found.number, range(seed, seed + n_seeds)

    inside = np.zeros((1, len(regions)), bool)

    def predict(every: np.ndarray, maps: pd.Series | pd.DataFrame = thinning, seeds=(seed,), **changes) -> np.ndarray:
        return predict_folds(model, cortex, maps, every, seeds, **how, **changes)

    def parted(by_fold: np.ndarray, *some: np.ndarray) -> np.ndarray:
        """In-sample and, for each dealing, held-out predictions (copies, 1 + dealings, n)."""
        parts = np.split(by_fold, np.cumsum([1, *map(len, some)]), axis=1)[1:-1]
        return np.stack([by_fold[:, 0], *map(held_out_mean, parts, some)], axis=1)

    observed = parted(predict(np.vstack([inside, *dealt]), seeds=seeds), *dealt)
    scores = _statistics(y, observed).reshape(n_seeds, -1, 2)  # (seeds, in-sample and dealings, R² and r)
    by_seed = np.column_stack([scores[:, 0], np.median(scores[:, 1:], axis=1)])
    which = given_out(n_nulls, len(dealt), seed)
    maps = None
    if n_nulls and null in MAP_NULLS:
        maps = null_maps(thinning, cortex.parcellation, null, n_nulls, seed, how["progress"])

    def refitted(numbers: np.ndarray) -> np.ndarray:
        """Train the model anew on some nulls, each on the dealing it was given, and return their statistics (k, 4)."""
        if maps is not None:
            changes = {"maps": maps.iloc[numbers]}
        elif null == "noise-genes":
            changes = {"tables": noise_genes(expression, numbers, seed)}
        else:
            changes = {"graphs": rewired(graph, numbers, seed)}
        by_fold = predict(np.stack([np.vstack([inside, dealt[k]]) for k in which[numbers]]), **changes)
        each = [parted(one[None], dealt[k])[0] for one, k in zip(by_fold, which[numbers], strict=True)]
        return _statistics(y if maps is None else maps.to_numpy()[numbers], np.stack(each))

    # The held-out R² and r decide when it is enough.
    judged = np.where([False, False, True, True], by_seed[0], np.nan)
    under_null = draw(refitted, judged, n_nulls, stop_after, how["progress"])

    if null in _READ and len(under_null):
        same = scores[0, 1 + which[: len(under_null)]]
        if np.allclose(under_null[:, 2:], same, rtol=1e-9, equal_nan=True):
            warn(
                f"null {null!r}: {label(model)} predicts the same whatever {_READ[null]} it is given: it reads none, "
                "and p says nothing. Use a null of maps, such as 'spin'."
            )

    leaks = splits.leaks(dealt, regions, cortex.parcellation)
    paired = cortex.parcellation.homologue.reindex(regions).isin(regions).any()
    simple, table, by_dealing = {}, {}, {name: scores[0, 1:]}
    chances = {name: under_null[: 0 if maps is None else None, 2:]}
    for other in _beside(model, paired, seed) if baselines else ():
        copies, ablation = other.name == "contralateral copy", other.name == "VAE without graph"
        under = maps is not None and not ablation and (leaks or not copies)
        simple[other.name], chance = [], np.empty((n_nulls if under else 0, 2))
        if not under:  # all dealings in one pass
            by_fold = predict_folds(other, cortex, thinning, np.vstack(dealt), (seed,))[0]
            simple[other.name] = list(map(held_out_mean, np.split(by_fold, len(dealt)), dealt))
        for dealing, folds in enumerate(dealt if under else ()):
            mine = np.flatnonzero(which == dealing)
            everything = pd.concat([thinning.to_frame().T, maps.iloc[mine]])
            guess = held_out_mean(predict_folds(other, cortex, everything, folds, (seed,)), folds)
            simple[other.name].append(guess[0])
            chance[mine] = _statistics(everything.to_numpy(), guess[:, None])[1:]
        chances[other.name] = chance
        by_dealing[other.name] = _statistics(y, np.array(simple[other.name])[:, None])
        middle, ends = np.median(by_dealing[other.name], axis=0), _range(by_dealing[other.name])
        table[other.name] = [*middle, *ends.ravel(), *(sequential_p(middle[k], chance[:, k]).p for k in (0, 1))]
    columns = ["R²", "r", "R² lowest", "R² highest", "r lowest", "r highest", "p R²", "p r"]
    table = pd.DataFrame.from_dict(table, "index", dtype=float, columns=columns)

    intervals, leads = bootstrap(y, observed[0, 1:], simple, pairs, seed)
    first = pd.Series(by_seed[0], STATISTICS)
    p = {what: sequential_p(first[what], under_null[:, k], stop_after) for k, what in enumerate(STATISTICS)}
    ends = pd.DataFrame(_range(scores[0, 1:]), intervals.index, ["lowest", "highest"])

    def typical(which: str) -> int:
        """Return the dealing with the median R²."""
        return np.argsort(by_dealing[which][:, 0], kind="stable")[(len(dealt) - 1) // 2]

    return Report(
        cortex=cortex.name,
        model=_told(model, seed),
        split=split,
        null_name=null,
        n_folds=len(dealt[0]),
        n_values=_independent(thinning, pairs),
        leaks=leaks,
        in_sample=first.iloc[:2].set_axis(["R²", "r"]),
        held_out=intervals.assign(value=first.iloc[2:].to_numpy())[["value", "low", "high"]].join(ends),
        null=pd.DataFrame(under_null, columns=STATISTICS),
        p_value=pd.Series({what: each.p for what, each in p.items()}),
        baselines=table.join(leads),
        seeds=pd.DataFrame(by_seed, pd.Index(seeds, name="seed"), STATISTICS),
        dealings=pd.concat(
            {
                what: pd.DataFrame(each, pd.RangeIndex(seed, seed + len(dealt), name="dealing"), ["R²", "r"])
                for what, each in by_dealing.items()
            },
            names=["what"],
        ),
        predictions=pd.DataFrame(
            {"observed": thinning, "in-sample": observed[0, 0], "held out": observed[0, 1 + typical(name)]}
            | {what: each[typical(what)] for what, each in simple.items()}
        ),
        unpaired=tuple(map(str, regions[found.unknown])),
        gain=gain(y, {name: observed[0, 1:]} | simple, by_dealing, chances, pairs, seed),
        n_nulls=n_nulls,
        stop_after=stop_after,
        counted=pd.DataFrame({what: each._asdict() for what, each in p.items()}).T.drop(columns="p"),
    )


def _check(
    model, cortex, null: str | None, n_nulls: int | None, stop_after: int | None, n_seeds: int, seed: int, checkpoint
) -> tuple[int, int | None, int, int]:
    """Refuse early what would fail after an hour; return the numbers as Python's."""
    check_subject(model)
    if hasattr(cortex, "contrast"):
        raise TypeError(
            f"cortex: got {type(cortex).__name__}, a cohort of whom nothing is asked yet. Give a map of it: "
            ".slope('age'), or .contrast(column, patients, controls)."
        )
    if not isinstance(cortex, Cortex):
        raise TypeError(
            f"cortex: expected xsg.Cortex, got {type(cortex).__name__}. Load one by xsg.load_cortex, or make your "
            "own: xsg.Cortex(name, expression, thinning, graph, parcellation)."
        )
    if null is not None:
        choice(null, NULLS, "null")
    n_nulls, stop_after = how_many(n_nulls, stop_after)
    n_seeds = number(n_seeds, "n_seeds", 1, whole=True)
    seed = number(seed, "seed", 0, 2**32 - 1, whole=True)
    if n_seeds > 1 and not seeds_of(model):
        raise ValueError(f"n_seeds is {n_seeds}, but {label(model)} has no seed to change. Leave n_seeds out.")
    if checkpoint is not None:
        if not refitted_in_chunks(model):
            raise ValueError(
                f"checkpoint: fits of {label(model)} are not kept, only a CrossScaleVAE's that has no predict_folds of "
                "its own. Leave it out."
            )
        try:
            Path(checkpoint).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=checkpoint):
                pass
        except OSError as error:
            raise ValueError(
                f"checkpoint: cannot write to {checkpoint} ({error}). Name a folder that is yours."
            ) from None
    return n_nulls, stop_after, n_seeds, seed


@contextmanager
def _noted() -> Iterator[list[str]]:
    """Note what is warned of, and warn of it all the same."""
    notes = []
    with warnings.catch_warnings():  # within it a warning that was shown before is shown again
        show = warnings.showwarning

        def note(message, category, *where):
            notes.append(f"{category.__name__}: {message}")
            show(message, category, *where)

        warnings.showwarning = note
        yield notes


def _settings(model: object, **asked: object) -> dict[str, object]:
    """Return what it takes to run a trial again, as plain values."""
    params = model.get_params() if callable(getattr(model, "get_params", None)) else {}
    plain = (bool, int, float, str, type(None))
    return {
        "model": {
            "class": f"{type(model).__module__}.{type(model).__qualname__}",
            "params": {key: value if isinstance(value, plain) else repr(value) for key, value in params.items()},
        },
        **{key: value if isinstance(value, plain) else str(value) for key, value in asked.items()},
    }


def _told(model: object, seed: int) -> str:
    """Describe a model as it was run: with the seed that it was given."""
    text = str(seeded(model, seed)) if seeds_of(model) else str(model)
    return label(model) if text.startswith("<") else text


def _beside(model: object, paired: bool, seed: int) -> list[Baseline]:
    """Return the simpler methods to judge beside a model."""
    vae = isinstance(model, CrossScaleVAE)
    skipped = {"" if vae else "VAE without graph", "" if paired else "contralateral copy"}
    if isinstance(model, Baseline):
        skipped.add(model.name)
    return [Baseline(name, model if vae else None, seed) for name in BASELINES if name not in skipped]


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
            if not known.any():  # a model that gives no in-sample prediction
                found[copy, 2 * kind : 2 * kind + 2] = np.nan
                continue
            with np.errstate(invalid="ignore"):  # a constant prediction has no correlation: NaN
                scores = r_squared(y[known], guess[known]), correlation(y[known], guess[known])
            found[copy, 2 * kind : 2 * kind + 2] = scores
    return found


def _independent(thinning: pd.Series, pairs: np.ndarray) -> int:
    """Count the independent values: one per pair where homologues share theirs, else one per region."""
    by_pair = thinning.groupby(pairs)
    shared = bool((by_pair.max() == by_pair.min()).all())
    return by_pair.ngroups if shared else len(thinning)
