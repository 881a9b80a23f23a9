"""Make measured_tau.csv, the table of chapter 22b: genes, tau and thinning once more, with tau that was measured.

experiments/measured_tau.py --seal        freezes question, rule and settings, before any real data are looked at
experiments/measured_tau.py --simulated   runs a small piece on simulated maps, prints it, and stores nothing
experiments/measured_tau.py               ten minutes on one core; goes on where it was cut short

A row is the held-out R² of one method on one dealing of the regions into folds; or, with dealing −1, the median over
the dealings, with its p-value, the number of nulls, and their 5th, 50th and 95th percentile where nulls were drawn.
Methods that begin with "gain" are differences of R², by dealing, then the median. Whatever is fitted is refitted to
every null map on every fold.
"""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd

import kept
import xsg
from measured_tau_maps import LENGTH, REWIRINGS, SEED, World, real_world, simulated_world
from xsg.across.joint import CrossScaleSpread, fit_many
from xsg.across.views import MultiViewVAE
from xsg.atlas import Graph, distances
from xsg.evaluation.baselines import baseline
from xsg.evaluation.metrics import r_squared_rows
from xsg.evaluation.nulls import null_maps, p_value
from xsg.evaluation.splits import homologous, spatial
from xsg.training import held_out_mean

QUESTION = (
    "Chapter 22 used a proxy of tau, made of the moments of a mixture. With measured tau PET by stage: does tau "
    "predict thinning in Alzheimer's disease, better than position, genes, and tau that spreads at rates set by genes? "
    "Do genes or receptors add to tau? Does an earlier stage predict the next, and do genes add to that?"
)
RULE = (
    "All R² are held out: medians over 21 dealings of homologous pairs, and of patches, into five folds. A gain is the "
    "difference of two R² on the same dealings, its median likewise. Yes means: R² and gain are above 0 and p at most "
    "0.05, for pairs and for patches both. "
    "(1) Tau predicts thinning: the gain of a straight line on tau (AD less NL) over position is above 0 in both, and "
    "the line's own R² has p at most 0.05 in both by 999 rotations of thinning. "
    "(2) Spread adds to a straight line: some variant of the model of spread that is given tau in all regions, as the "
    "line is, has a gain over the line above 0 in both, and p, times the 7 variants, at most 0.05 in both; tau and "
    "thinning are rotated together, up to 139 times, and drawing ends when 5 gains reach the observed one. A variant "
    "without such a gain fails without nulls. "
    "(3) Genes add to tau: as (2), for ridge regression of the line's residuals on genes, 999 rotations of tau and "
    "thinning together; receptors likewise. "
    "(4) Genes add to the earlier stage: likewise for aMCI to AD; the other steps are told, not judged. "
    "(5) Receptors add to genes: ridge on both, each table weighing the same, against ridge on genes, for thinning "
    "and for tau; 999 rotations of the outcome. "
    "(6) Cortex and subcortex: spread predicts tau better than position, as (2) with Moran's randomisation as the null."
)
KNOWN = (
    "Not blind. An earlier replication by others used this table of tau with chapter 22's folds: straight line on tau "
    ".54 (the proxy .12), position .47, ridge .38, best variant of spread .40, fits of spread unstable over dealings; "
    "correlation of tau with the thinning map .77. Which difference of groups it took is not told. Before the freeze "
    "we read names, shapes, ranges and missing values of the files, and that homologous regions agree; no result."
)
SETTINGS = {
    "tau": "AD less NL, SUVR",
    "dealings": 21,
    "folds": 5,
    "seed": SEED,
    "rotations": 999,
    "spread": {"points": 25, "iterations": 25, "seeds": ["L_entorhinal"], "programs": 2, "length": LENGTH},
    "rewirings": REWIRINGS,
    "nulls of spread": {"rotations": 139, "stop_after": 5, "dealings": 3},
    "steps": [["NL", "aMCI"], ["aMCI", "AD"], ["naMCI", "AD"], ["aMCI less NL", "AD less NL"]],
    "growth": ["aMCI less NL", "AD less aMCI"],
    "views": {"epochs": 200},
}
DATA = [
    "human/pet/Group_T807_Tau.xlsx",
    "human/pet/component_moments.csv",
    "human/disease/EP.GM.rda",
    "human/expression/desikan_r0.2.csv.bz2",
    "human/expression/allgenes_stable_r0.6.csv",
    "human/genes/GSE92742_Broad_LINCS_gene_info.csv",
    "human/receptors/receptor_data_scale033.csv",
    "human/receptors/receptor_names_pet.npy",
    "human/receptors/region_info_scale033.xlsx",
    "human/connectome/strucMatrix_with_sctx.csv",
    "human/connectome/strucLabels_with_sctx.csv",
    "human/connectome/mean80_fibercount.csv",
]
N_FOLDS = SETTINGS["folds"]
SPLITS = ("pairs", "patches")
NETWORKS = ("connectome", "fibres", "distance")
VARIANTS = (*(f"{name}, {genes}" for name in NETWORKS for genes in ("no genes", "genes")), "no network, genes")


def dealt(split: str, atlas: xsg.Parcellation, regions: pd.Index, n: int) -> list[np.ndarray]:
    """Folds (5, regions), n times."""
    if split == "pairs":
        return [homologous(regions, N_FOLDS, SEED + k) for k in range(n)]
    return [spatial(atlas, regions, N_FOLDS, SEED + k) for k in range(n)]


Guess = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (maps (K, n), folds (F, n)) -> held-out predictions (K, n)


def simple(name: str, table: pd.DataFrame, atlas: xsg.Parcellation) -> Guess:
    """Make a predictor of a baseline of the book, on a table of its own."""
    return lambda y, folds: baseline(name, table, pd.DataFrame(y, columns=table.index), atlas, folds)


def line(x: np.ndarray, then: Guess | None = None) -> Guess:
    """Make a predictor by a straight line on x, (n,) or (K, n); then, if asked for, by something on what it leaves."""

    def guess(y: np.ndarray, folds: np.ndarray) -> np.ndarray:
        given = np.broadcast_to(x, y.shape)
        found = np.empty(y.shape)
        for out in folds:
            centred = given - given[:, ~out].mean(axis=1, keepdims=True)
            level = y[:, ~out].mean(axis=1, keepdims=True)
            slope = (centred[:, ~out] * (y[:, ~out] - level)).sum(axis=1) / (centred[:, ~out] ** 2).sum(axis=1)
            fitted = level + slope[:, None] * centred
            if then is not None:
                fitted = fitted + then(y - fitted, out[None])
            found[:, out] = fitted[:, out]
        return found

    return guess


def weighing_alike(*tables: pd.DataFrame) -> pd.DataFrame:
    """Put tables side by side, the columns of a narrow one repeated, so that each has as much to say in a ridge."""
    most = max(table.shape[1] for table in tables)
    parts = [table.add_suffix(f" {k}") for table in tables for k in range(round(most / table.shape[1]))]
    return pd.concat(parts, axis=1)


def scored(y: np.ndarray, guess: Guess, dealings: list[np.ndarray]) -> np.ndarray:
    """Held-out R² (maps, dealings)."""
    return np.stack([r_squared_rows(y, guess(y, folds)) for folds in dealings], axis=1)


def told(part: str, outcome: str, split: str, method: str, real: np.ndarray, null: np.ndarray | None = None) -> list:
    """Rows of one method: its dealings, and their median against the medians of the nulls (K, dealings)."""
    about = {"part": part, "outcome": outcome, "split": split, "method": method}
    rows = [about | {"dealing": k, "value": value} for k, value in enumerate(real)]
    middle = about | {"dealing": -1, "value": np.median(real)}
    if null is not None:
        medians = np.median(null, axis=1)
        low, median, high = np.percentile(medians, [5, 50, 95])
        middle |= {"p": p_value(np.median(real), medians), "nulls": len(medians)}
        middle |= {"low": low, "middle": median, "high": high}
    return [*rows, middle]


def judged(part: str, outcome: str, split: str, methods: dict, gains: dict, y: np.ndarray, dealings: list) -> list:
    """Rows of methods, {name: (guess, whether by nulls)}, and of gains, {name: (method, less which)}.

    ``y`` (1 + nulls, n) holds the map itself, then its nulls.
    """
    r2 = {name: scored(y if nulls else y[:1], guess, dealings) for name, (guess, nulls) in methods.items()}
    found = {name: each for name, each in r2.items() if not name.startswith("(")}
    found |= {
        f"gain: {name}": r2[more][: len(r2[less])] - r2[less][: len(r2[more])] for name, (more, less) in gains.items()
    }
    return [
        row
        for name, each in found.items()
        for row in told(part, outcome, split, name, each[0], each[1:] if len(each) > 1 else None)
    ]


def turned(maps: pd.DataFrame, atlas: xsg.Parcellation, n: int, null: str = "spin") -> np.ndarray:
    """Turn maps (M, n regions) together: (M, 1 + nulls, regions), the maps themselves first."""
    drawn = null_maps(maps, atlas, null, n, SEED, progress=False).to_numpy().reshape(len(maps), n, -1)
    return np.concatenate([maps.to_numpy()[:, None], drawn], axis=1)


def thinning_part(world: World, split: str) -> list:
    """Judge straight lines, genes, receptors and position by how they predict thinning."""
    dk, use = xsg.load_parcellation("dk"), world.known
    alone = turned(world.thinning[use].to_frame().T, dk, world.rotations)[0]
    pair = pd.DataFrame([world.tau["tau"][use], world.thinning[use]])
    tau, thinning = turned(pair, dk, world.rotations)
    dealings = [f[:, world.thinning.notna()] for f in dealt(split, dk, world.thinning.index, world.dealings)]
    genes, receptor = world.genes.loc[use], world.receptors.loc[use]
    ridge, place = simple("ridge", genes, dk), simple("position (kriging)", genes, dk)
    path = distances(dk).loc[use, "L_entorhinal"].to_numpy()
    both = weighing_alike(genes, receptor)
    methods = {f"line on {name}": (line(each[use].to_numpy()), True) for name, each in world.tau.items()} | {
        "line on distance from entorhinal": (line(path), True),
        "position": (place, True),
        "ridge on genes": (ridge, True),
        "ridge on receptors": (simple("ridge", receptor, dk), True),
        "ridge on both": (simple("ridge", both, dk), True),
        "position + genes": (simple("position + genes", genes, dk), False),
    }
    gains = {
        "line on tau over position": ("line on tau", "position"),
        "line on tau over line on proxy": ("line on tau", "line on proxy of tau"),
        "ridge on genes over position": ("ridge on genes", "position"),
        "receptors over genes alone": ("ridge on both", "ridge on genes"),
    }
    then = {"genes": ridge, "receptors": simple("ridge", receptor, dk), "position": place}
    methods |= {f"line on tau, then {name}": (line(tau[0], guess), False) for name, guess in then.items()}
    rows = judged("thinning", "thinning", split, methods, gains, alone, dealings)
    return rows + added("thinning", "thinning", split, (tau, thinning), then, "line on tau", dealings)


def added(
    part: str, outcome: str, split: str, maps: tuple[np.ndarray, np.ndarray], then: dict[str, Guess], less: str,
    dealings: list,
) -> list:  # fmt: skip
    """Rows of what each of several methods adds to a straight line; both maps (1 + nulls, n) are turned together."""
    x, y = maps
    methods = {f"({name})": (_with_its_x(x, guess), True) for name, guess in {"": None, **then}.items()}
    gains = {f"{name} over {less}": (f"({name})", "()") for name in then}
    return judged(part, outcome, split, methods, gains, y, dealings)


def _with_its_x(x: np.ndarray, then: Guess | None) -> Guess:
    return lambda y, folds: line(x[: len(y)], then)(y, folds)


def tau_part(world: World, split: str) -> list:
    """Judge genes, receptors and position by how they predict tau, on both sides of the cortex and on one."""
    dk, rows = xsg.load_parcellation("dk"), []
    excess = (world.stages["AD"] - world.stages["NL"]).to_frame().T
    cases = {
        "tau": (excess, world.both_genes, world.both_receptors, world.rotations),
        "tau, left": (world.tau["tau"].to_frame().T, world.genes, world.receptors, 0),
    }
    for outcome, (maps, genes, receptor, n) in cases.items():
        y = turned(maps, dk, n)[0] if n else maps.to_numpy()
        dealings = dealt(split, dk, genes.index, world.dealings)
        methods = {
            "position": (simple("position (kriging)", genes, dk), True),
            "ridge on genes": (simple("ridge", genes, dk), True),
            "ridge on receptors": (simple("ridge", receptor, dk), True),
            "ridge on both": (simple("ridge", weighing_alike(genes, receptor), dk), True),
            "position + genes": (simple("position + genes", genes, dk), False),
        }
        gains = {
            "ridge on genes over position": ("ridge on genes", "position"),
            "receptors over genes alone": ("ridge on both", "ridge on genes"),
            "ridge on receptors over position": ("ridge on receptors", "position"),
        }
        rows += judged("tau", outcome, split, methods, gains, y, dealings)
    return rows


def stage_part(world: World, split: str) -> list:
    """Judge what an earlier stage says of a later one, and what genes and position add to it."""
    dk, rows = xsg.load_parcellation("dk"), []
    dealings = dealt(split, dk, world.stages.index, world.dealings)
    ridge, place = (simple(name, world.both_genes, dk) for name in ("ridge", "position (kriging)"))

    def stage(name: str) -> pd.Series:
        later, _, earlier = name.partition(" less ")
        return world.stages[later] - world.stages[earlier] if earlier else world.stages[later]

    for before, after in [*SETTINGS["steps"], SETTINGS["growth"]]:
        x, y = turned(pd.DataFrame([stage(before), stage(after)], [before, after]), dk, world.rotations)
        alone = turned(stage(after).to_frame(after).T, dk, world.rotations)[0]
        then = {"genes": ridge, "position": place}
        methods = {
            "as it was": (lambda y, folds, x=x: np.broadcast_to(x[0], y.shape), False),
            "line on the earlier": (line(x[0]), True),
            "position": (place, False),
            "ridge on genes": (ridge, False),
            **{f"line, then {name}": (line(x[0], guess), False) for name, guess in then.items()},
        }
        outcome = f"{before} → {after}"
        rows += judged("stages", outcome, split, methods, {}, alone, dealings)
        rows += added("stages", outcome, split, (x, y), then, "the earlier stage", dealings)
    return rows


def views_part(world: World, split: str) -> list:
    """Score the autoencoder of several views: genes, receptors, both. No nulls."""
    dk, use, rows = xsg.load_parcellation("dk"), world.known, []
    graph = xsg.build_graph(dk).subset(list(use))
    maps = pd.DataFrame([world.thinning[use], world.tau["tau"][use]], ["thinning", "tau"])
    genes, receptor = world.genes.loc[use], world.receptors.loc[use]
    dealings = [f[:, world.thinning.notna()] for f in dealt(split, dk, world.thinning.index, world.dealings)]
    model = MultiViewVAE(epochs=SETTINGS["views"]["epochs"])
    choices = {"genes": (genes, {}), "receptors": (receptor, {}), "both": (genes, {"receptors": receptor})}
    for method, (table, more) in choices.items():
        cortex = xsg.Cortex(method, table, maps.iloc[0], graph, dk, views=more)
        found = model.predict_folds(cortex, maps, np.concatenate(dealings))
        found = found.reshape(len(maps), len(dealings), N_FOLDS, -1)
        for y, (outcome, each) in zip(found, maps.iterrows(), strict=True):
            guess = np.array([held_out_mean(*pair) for pair in zip(y, dealings, strict=True)])
            rows += told("views", outcome, split, f"MultiViewVAE, {method}", r_squared_rows(each.to_numpy(), guess))
    return rows


def spread_guesses(
    with_genes: bool, graph: Graph | None, genes: pd.DataFrame, tau: pd.Series, thinning: pd.Series | None,
    dealings: list[np.ndarray], tau_known: bool,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Held-out predictions (dealings, regions) of tau and, if given, thinning, by a model of spread.

    With ``tau_known`` a fold holds out thinning only; else tau of the same regions, too, as in chapter 22.
    """
    z = (genes - genes.mean()) / genes.std()
    vectors = np.linalg.svd(z.to_numpy(), full_matrices=False)[0][:, : SETTINGS["spread"]["programs"]]
    programs = pd.DataFrame(vectors, genes.index, [f"PC{k + 1}" for k in range(vectors.shape[1])])
    given = {name: SETTINGS["spread"][name] for name in ("points", "iterations")}
    seeds = tuple(SETTINGS["spread"]["seeds"] if graph is not None else genes.index)
    model = CrossScaleSpread(rate=with_genes, capacity=with_genes, seeds=seeds, **given)
    folds = [out for dealing in dealings for out in dealing]
    if tau_known:
        maps = {"thinning": [thinning.where(~out) for out in folds], "tau": [tau]}
    else:
        maps = {"thinning": None if thinning is None else [thinning], "tau": [tau]}
        maps["train"] = [list(genes.index[~out]) for out in folds]
    fits = iter(fit_many(model, programs, graph=graph, progress=False, **maps))
    found = {kind: np.full((len(dealings), len(genes)), np.nan) for kind in ("tau", "thinning")}
    for number, dealing in enumerate(dealings):
        for out in dealing:
            fitted = next(fits).fitted_
            for kind, table in fitted.items():
                found[kind][number, out] = table.iloc[0].to_numpy()[out]
    return found


def spread_r2(y: pd.Series, guess: np.ndarray) -> np.ndarray:
    """Held-out R² (dealings,), where there is a value."""
    there = y.notna().to_numpy()
    return r_squared_rows(y[there].to_numpy(), guess[:, there])


def spread_split(world: World, variant: str, way: str, split: str, maps: list[pd.Series], n: int) -> dict:
    """R² (n dealings,) of one variant by outcome, and under "gain" what it has over the line on tau, or over position.

    ``maps`` are tau and thinning, or with ``way`` "whole" tau alone.
    """
    network, genes = variant.split(", ")
    whole = way == "whole"
    atlas = xsg.load_atlas("desikan+subcortex") if whole else xsg.load_parcellation("dk")
    graph = (world.whole_networks if whole else world.networks)[network.replace("no network", "none")]
    expression = world.whole_genes if whole else world.genes
    tau, thinning = maps[0], None if whole else maps[1]
    dealings = dealt(split, atlas, expression.index, n)
    guess = spread_guesses(genes == "genes", graph, expression, tau, thinning, dealings, way == "tau known")
    if whole:
        found = {"tau, whole brain": spread_r2(tau, guess["tau"])}
        rival = scored(tau.to_numpy()[None], simple("position (kriging)", expression, atlas), dealings)[0]
    else:
        use = thinning.notna().to_numpy()
        found = {f"thinning, {way}": spread_r2(thinning, guess["thinning"])}
        if way != "tau known":
            found["tau, left"] = spread_r2(tau, guess["tau"])
        rival = line(tau[use].to_numpy())
        rival = scored(thinning[use].to_numpy()[None], rival, [folds[:, use] for folds in dealings])[0]
    return found | {"gain": next(iter(found.values())) - rival}


def spread_part(world: World, variant: str, way: str) -> list:
    """Score one variant of the model of spread: tau known in all regions, tau held out too, cortex with subcortex.

    Its gain is judged by nulls if that and R² are above 0 for pairs and for patches; otherwise it has failed.
    """
    whole, rows, gains = way == "whole", [], []
    real = [world.whole] if whole else [world.tau["tau"], world.thinning]
    for split in SPLITS:
        found = spread_split(world, variant, way, split, real, world.dealings)
        outcomes = [name for name in found if name != "gain"]
        for outcome in outcomes:
            rows += told("spread", outcome, split, variant, found[outcome])
        name = f"gain: {variant}, over {'position' if whole else 'line on tau'}"
        rows += told("spread", outcomes[0], split, name, found["gain"])
        gains.append(rows[-1])
    better = min(row["value"] for row in rows if row["dealing"] == -1) > 0
    if better and way != "tau held out" and not variant.startswith("rewired"):
        by_nulls(world, variant, way, real, gains)
    return rows


def by_nulls(world: World, variant: str, way: str, real: list[pd.Series], rows: list[dict]) -> None:
    """Put p-values into the rows of a variant's gains: one after the other null is fitted until it has failed."""
    given, n = SETTINGS["nulls of spread"], SETTINGS["nulls of spread"]["dealings"]

    def gain(maps: list[pd.Series]) -> list[float]:
        return [np.median(spread_split(world, variant, way, split, maps, n)["gain"]) for split in SPLITS]

    observed, null = np.array(gain(real)), []
    filled = pd.DataFrame([each.fillna(each.mean()) for each in real])
    atlas = xsg.load_atlas("desikan+subcortex") if way == "whole" else xsg.load_parcellation("dk")
    most = min(given["rotations"], world.rotations)
    many = turned(filled, atlas, most, "moran" if way == "whole" else "spin")[:, 1:]
    for k in range(most):
        null.append(gain([pd.Series(y[k], old.index).where(old.notna()) for y, old in zip(many, real, strict=True)]))
        if ((np.array(null) >= observed).sum(axis=0) >= given["stop_after"]).any():
            break  # one of the two splits has failed, and with it the variant
    for row, least, each in zip(rows, observed, np.array(null).T, strict=True):
        reached = int((each >= least).sum())
        p = reached / len(each) if reached >= given["stop_after"] else (1 + reached) / (1 + len(each))
        low, middle, high = np.percentile(each, [5, 50, 95])
        row |= {"p": p, "nulls": len(each), "low": low, "middle": middle, "high": high}


def whole_part(world: World, split: str) -> list:
    """Judge position and genes by how they predict tau in cortex and subcortex."""
    atlas = xsg.load_atlas("desikan+subcortex")
    y = turned(world.whole.to_frame().T, atlas, world.rotations, "moran")[0]
    methods = {
        "position": (simple("position (kriging)", world.whole_genes, atlas), True),
        "ridge on genes": (simple("ridge", world.whole_genes, atlas), True),
        "position + genes": (simple("position + genes", world.whole_genes, atlas), False),
    }
    gains = {"ridge on genes over position": ("ridge on genes", "position")}
    dealings = dealt(split, atlas, world.whole_genes.index, world.dealings)
    return judged("whole", "tau, whole brain", split, methods, gains, y, dealings)


def jobs() -> list[tuple]:
    """All pieces of the table."""
    found = [(part, split) for part in PARTS for split in SPLITS]
    again = [f"rewired {k}, {genes}" for k in range(REWIRINGS) for genes in ("no genes", "genes")]
    found += [("spread", variant, "tau known") for variant in (*VARIANTS, *again)]
    return found + [("spread", variant, way) for way in ("tau held out", "whole") for variant in VARIANTS]


PARTS = {"thinning": thinning_part, "tau": tau_part, "stages": stage_part, "views": views_part, "whole": whole_part}


def piece(world: World, part: str, *which: str) -> pd.DataFrame:
    """Make one piece of the table."""
    columns = ["part", "outcome", "split", "method", "dealing", "value", "p", "nulls", "low", "middle", "high"]
    return pd.DataFrame((PARTS | {"spread": spread_part})[part](world, *which), columns=columns)


def main() -> None:
    """Seal, try on simulated maps, or run."""
    frozen = {"question": QUESTION, "rule": RULE, "known": KNOWN, "settings": SETTINGS, "data": DATA}
    if "--seal" in sys.argv:
        print(kept.seal(__file__, **frozen).digest)
    elif "--simulated" in sys.argv:
        world = simulated_world()
        table = pd.concat([piece(world, *job) for job in jobs()], ignore_index=True)
        print(table[table["dealing"] < 0].round(3).to_string())
    else:
        kept.sealed(__file__, **frozen)
        world = real_world()
        kept.store(__file__, kept.rows(__file__, jobs(), lambda *job: piece(world, *job)).round(4))


if __name__ == "__main__":
    main()
