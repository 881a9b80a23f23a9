"""Make people.csv: what more people, and more maps, do for the question of genes and place; the cohort is IXI.

experiments/people.py               goes on where it was cut short; about seven minutes on one core
experiments/people.py --seal        writes people.sealed.json, before the data are touched

Parts of the table (part, what is varied, n, draw, what, value):

- growth: maps of age slope of n people drawn from all, each put on trial with its rotations;
- trial, noise, vae: the map of all people, by pairs and by patches, beside noise genes, and the graph VAE;
- judged: single people of one half, by the prediction of the other half's map;
- deviations: every person's deviation from the norm as a map of its own, scored together;
- power: simulated maps of which genes make a part, by people (one map) and by number of maps;
- cohorts: simulated cohorts in which everybody, or a third, carries what genes make.

Deviations and simulations are predicted by three linear smoothers with fixed settings, over genes, place and both. A
fixed smoother is a matrix, so that what many maps score together hangs on their sum of squares and products alone, and
a null map costs one row of a matrix product. Their nulls are Moran's and, to compare, rotations: rotated maps take some
values twice, which makes them a little easier to predict. One map does not feel that, many maps do.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import kept
import xsg
from xsg.data.fetch import fetch
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.nulls import null_maps, p_value
from xsg.evaluation.people import judge_people
from xsg.evaluation.protocol import held_out_predictions
from xsg.evaluation.splits import homologous
from xsg.people.cohort_map import CohortMap
from xsg.people.read_cohort import People
from xsg.simulate.fields import smooth_fields

QUESTION = (
    "Do genes say anything about how the healthy cortex thins with age that place does not, and do more people help?"
)
RULE = (
    "Genes say something about ageing beyond place only if all three hold. (1) The map of all people: the gain in "
    "held-out R2 of position + genes over position is above 0 with p <= 0.05 (999 rotations), both with pairs and with "
    "patches held out. (2) Noise: ridge on the real genes has a higher held-out R2 than on noise genes, p <= 0.05 (199 "
    "tables), in both splits. (3) People: those who took no part in the map go along with the prediction of position + "
    "genes more than with that of position (difference of the mean r above 0, p <= 0.05, 199 rotations of map and "
    "people together). Anything less is 'no'. Ridge with p <= 0.05 alone means 'can be predicted from genes'. Growth: "
    "regions limit the answer if from 100 to 400 people the median split-half r rises by 0.05 or more while the median "
    "p of ridge and of the gain both stay above 0.05 at 400; people limit it if either falls from above 0.05 at 100 to "
    "0.05 or below at 400; else it is undecided. Deviations are a second question, of how people differ and not of "
    "ageing: 'yes' if the gain of both over place is above 0 with p <= 0.05 (999 null maps by Moran) over all people."
)
KNOWN = (
    "Chapter 26 has looked at this cohort (sex as covariate, bad images left out, 199 rotations, pairs): split-half r "
    "0.91, ceiling 0.96, ridge 0.31 (p 0.24), position 0.42, position + genes 0.37, people judged by ridge p 0.20. A "
    "replication by others found split-half 0.91, left-right 0.95, ridge about 0.17. So (1) is expected to fail with "
    "pairs. Not looked at before: image quality as a covariate, patches, noise genes, the graph VAE, subsamples, "
    "people judged by position, deviations as maps."
)
SETTINGS = {
    "keep": "lh_euler > -200 and rh_euler > -200",
    "covariates": ["sex", "lh_euler", "rh_euler"],
    "seed": 0,
    "splits": ["homologous", "spatial"],
    "rotations": 999,
    "noise_tables": 199,
    "people_rotations": 199,
    "vae_rotations": {"paper": 39, "xsg": 19},
    "growth": [25, 50, 100, 200, 400],
    "growth_draws": 20,
    "growth_rotations": 199,
    "smoothers": {"dealings": 5, "length": 40.0, "place_noise": 0.3, "gene_noise": 1.0, "gene_share": 0.5},
    "nulls": ["moran", "spin"],
    "power_people": [25, 50, 100, 200, 400, 800, 1600],
    "power_maps": [1, 2, 4, 8, 16, 32, 64],
    "power_r": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    "power_worlds": 300,
    "tests_people": [25, 100, 400],
    "tests_worlds": 200,
    "tests_nulls": 199,
    "tests_share": 0.3,
    "noise_of_a_person": 20.0,
    "patterns": [6, 0],
}
DATA = [
    "human/cohort/IXI_aparc_thickness.csv",
    "human/cohort/IXI_age_gender.csv",
    "human/cohort/ixi_euler.csv",
    "human/expression/desikan_r0.2.csv.bz2",
    "human/genes/GSE92742_Broad_LINCS_gene_info.csv",
]
CARRIERS = {"nobody": 0.0, "everybody": 1.0, "a third": 1 / 3}
SMOOTHERS = ("genes", "place", "both")
BLOCK = 5  # draws of one job


@cache
def cohort() -> People:
    """Read the people of IXI, those with a bad image left out."""
    thickness, people, quality = map(fetch, DATA[:3])
    return xsg.read_cohort(thickness, people, quality=quality, keep=SETTINGS["keep"], sex={1: "M", 2: "F"})


def ageing(people: People) -> CohortMap:
    """Map the loss of thickness per decade, adjusted for sex and image quality."""
    return people.slope("age", covariates=SETTINGS["covariates"])


def drawn(people: People, n: int, draw: int) -> People:
    """Draw n of the people."""
    rng = np.random.default_rng([SETTINGS["seed"], n, draw])
    return people.part(people.values.index[np.sort(rng.choice(len(people.values), n, replace=False))])


def rows(part: str, varied: str, n: int, draw: int, found: dict[str, float]) -> pd.DataFrame:
    """Return a row for each thing that was found."""
    head = {"part": part, "varied": varied, "n": n, "draw": draw}
    return pd.DataFrame([{**head, "what": what, "value": float(value)} for what, value in found.items()])


def known(report: xsg.Report) -> dict[str, float]:
    """Held-out R² and p of a trial: its model, position, both and the gain."""
    found = {"ridge R2": report.held_out.loc["R²", "value"], "ridge p": report.p_value["held-out R²"]}
    for name, row in (("position", "position (kriging)"), ("both", "position + genes"), ("PC1", "expression PC1")):
        found |= {f"{name} R2": report.baselines.loc[row, "R²"], f"{name} p": report.baselines.loc[row, "p R²"]}
    return found | {"gain": report.gain["value"], "gain p": report.gain["p"]}


# ---- the map, by number of people ----


def growth(people: People, n: int, first: int, draws: int = BLOCK, rotations: int | None = None) -> pd.DataFrame:
    """Put maps of n people on trial."""
    rotations, found = rotations or SETTINGS["growth_rotations"], []
    for draw in range(first, first + draws):
        made = ageing(drawn(people, n, draw))
        cortex = xsg.load_cortex("ahba", thinning=made.map)
        report = xsg.evaluate(Baseline("ridge"), cortex, n_nulls=rotations, seed=draw, progress=False)
        told = {"split-half": made.split_half["median"], "ceiling": made.ceiling}
        told["standard error"] = made.standard_error.median()
        found.append(rows("growth", "people", n, draw, told | known(report)))
    return pd.concat(found)


# ---- the map of all people ----


def trial(people: People, split: str, rotations: int | None = None) -> pd.DataFrame:
    """Put the map of all people on trial."""
    made = ageing(people)
    cortex = xsg.load_cortex("ahba", thinning=made.map)
    settings = {"split": split, "seed": SETTINGS["seed"], "progress": False}
    report = xsg.evaluate(Baseline("ridge"), cortex, n_nulls=rotations or SETTINGS["rotations"], **settings)
    ends = report.held_out.loc["R²"]
    told = {"split-half": made.split_half["median"], "ceiling": made.ceiling}
    told |= {"ridge lowest": ends["lowest"], "ridge highest": ends["highest"]}
    told |= {"gain low": report.gain["low"], "gain high": report.gain["high"]}
    return rows("trial", split, made.n, 0, told | known(report))


def noise(people: People, split: str, tables: int | None = None) -> pd.DataFrame:
    """Put ridge on trial beside noise genes."""
    made = ageing(people)
    settings = {"split": split, "seed": SETTINGS["seed"], "progress": False, "baselines": False}
    cortex = xsg.load_cortex("ahba", thinning=made.map)
    n = tables or SETTINGS["noise_tables"]
    report = xsg.evaluate(Baseline("ridge"), cortex, null="noise-genes", n_nulls=n, **settings)
    under = report.null["held-out R²"]
    told = {"ridge R2": report.held_out.loc["R²", "value"], "p": report.p_value["held-out R²"]}
    return rows("noise", split, made.n, 0, told | {"noise R2": under.median(), "noise 95 %": under.quantile(0.95)})


def vae(people: People, preset: str, rotations: int | None = None) -> pd.DataFrame:
    """Put the graph VAE on trial, pairs held out."""
    made = ageing(people)
    cortex = xsg.load_cortex("ahba", thinning=made.map)
    model = xsg.CrossScaleVAE.from_preset(preset)
    n = rotations or SETTINGS["vae_rotations"][preset]
    settings = {"seed": SETTINGS["seed"], "baselines": False, "progress": False, "n_jobs": 1}
    report = xsg.evaluate(model, cortex, n_nulls=n, **settings)
    ends = report.held_out.loc["R²"]
    told = {"in-sample R2": report.in_sample["R²"], "in-sample p": report.p_value["in-sample R²"]}
    told |= {"R2": ends["value"], "p": report.p_value["held-out R²"]}
    return rows("vae", preset, made.n, 0, told | {"lowest": ends["lowest"], "highest": ends["highest"]})


def judged(people: People, rotations: int | None = None) -> pd.DataFrame:
    """Compare people of one half with what is predicted of the other half's map, with three models."""
    cortex, n = xsg.load_cortex("ahba", thinning=ageing(people)), rotations or SETTINGS["people_rotations"]
    settings = {"n_nulls": n, "seed": SETTINGS["seed"], "baselines": False, "progress": False}
    found, all_of = {}, []
    for name, short in (("ridge", "ridge"), ("position (kriging)", "position"), ("position + genes", "both")):
        found[short] = xsg.evaluate(Baseline(name), cortex, **settings).people
        own = pd.Series(cortex.people.attrs["map"]).reindex(cortex.regions)
        folds = homologous(cortex.regions, seed=SETTINGS["seed"])
        finished = held_out_predictions(Baseline(name), cortex, folds, own, SETTINGS["seed"]).iloc[0]
        alone = judge_people(cortex.people, finished, cortex.parcellation, n=n, seed=SETTINGS["seed"])
        told = {"r": found[short].mean["r"], "positive": found[short].mean["positive"], "p": found[short].p_value["r"]}
        told["p, finished"] = alone.p_value["r"]
        all_of.append(rows("judged", short, len(found[short].table), 0, told))
    more = found["both"].mean["r"] - found["position"].mean["r"]
    under = (found["both"].null["r"] - found["position"].null["r"]).to_numpy()
    told = {"r": more, "p": p_value(more, under)}
    return pd.concat([*all_of, rows("judged", "both less position", len(found["both"].table), 0, told)])


# ---- linear smoothers: many maps at once ----


class Trial:
    """Held-out R² of fixed linear smoothers, for maps together and for their nulls.

    With H the matrix that predicts each region of a map from the regions of other folds, A = (I − H)ᵀ(I − H), J the
    centring matrix and C = Σ y yᵀ over maps, what they score together is R² = 1 − tr(A C) / tr(J C). A null map is
    linear in the map, Qᵀ y; then tr(A Qᵀ C Q) = tr(Q A Qᵀ C), and Q A Qᵀ is made once.
    """

    def __init__(self, cortex: xsg.Cortex, null: str, n: int, seed: int = 0):
        how, self.regions = SETTINGS["smoothers"], cortex.regions
        table = cortex.parcellation.table.loc[cortex.regions]
        self.x = cortex.expression.to_numpy(float)
        where = np.column_stack([table["x"].abs(), table["y"], table["z"]])
        scaled = np.sqrt(3) * np.linalg.norm(where[:, None] - where[None], axis=-1) / how["length"]
        self.place = (1 + scaled) * np.exp(-scaled)  # Matérn, ν = 3/2
        self.turn = _turns(cortex, null, n, seed)
        self.centre = np.eye(len(table)) - 1 / len(table)
        self.held = dict.fromkeys(SMOOTHERS, 0)
        self.linear = dict.fromkeys(SMOOTHERS, 0)
        for dealing in range(how["dealings"]):
            for name, h in self.smoothers(homologous(self.regions, seed=dealing)).items():
                left = np.eye(len(h)) - h
                self.held[name] = self.held[name] + left.T @ left / how["dealings"]
                self.linear[name] = self.linear[name] + h / how["dealings"]
        self.moved = {name: self._turned(a) for name, a in [*self.held.items(), ("total", self.centre)]}

    def smoothers(self, folds: np.ndarray) -> dict[str, np.ndarray]:
        """Matrices (n, n) that predict every region from those of the other folds."""
        how, n = SETTINGS["smoothers"], len(self.regions)
        found = {name: np.zeros((n, n)) for name in SMOOTHERS}
        for test in folds:
            train = ~test
            z = (self.x - self.x[train].mean(axis=0)) / self.x[train].std(axis=0)
            genes = z @ z.T / z.shape[1]
            mixed = how["gene_share"] * genes + (1 - how["gene_share"]) * self.place
            mean = np.full((train.sum(), train.sum()), 1 / train.sum())
            for name, kernel, extra in (
                ("genes", genes, how["gene_noise"]),
                ("place", self.place, how["place_noise"]),
                ("both", mixed, how["place_noise"]),
            ):
                inner = kernel[np.ix_(train, train)] + extra * np.eye(train.sum())
                weights = np.linalg.solve(inner, kernel[np.ix_(train, test)]).T
                found[name][np.ix_(test, train)] = weights @ (np.eye(train.sum()) - mean) + mean[:1]
        return found

    def _turned(self, a: np.ndarray) -> np.ndarray:
        """Q A Qᵀ of every null, (1 + nulls, n²)."""
        return (self.turn @ a @ self.turn.transpose(0, 2, 1)).reshape(len(self.turn), -1)

    def score(self, products: np.ndarray) -> dict[str, np.ndarray]:
        """R² by genes, place and both, and the gain, of C (W, n, n): (W, 1 + nulls), the first as it is."""
        flat = products.reshape(len(products), -1)
        total = flat @ self.moved["total"].T
        r2 = {name: 1 - flat @ self.moved[name].T / total for name in SMOOTHERS}
        return r2 | {"gain": r2["both"] - r2["place"]}

    def judge(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Correlate what genes predict of maps (W, n) with other maps: (W, 1 + nulls)."""
        guess, other = ((each @ self.turn).transpose(1, 0, 2) for each in (first, second))
        guess = guess @ self.linear["genes"].T @ self.centre
        other = other @ self.centre
        return (guess * other).sum(-1) / np.linalg.norm(guess, axis=-1) / np.linalg.norm(other, axis=-1)


def _turns(cortex: xsg.Cortex, null: str, n: int, seed: int) -> np.ndarray:
    """Return nulls as matrices Q (1 + n, regions, regions), y Q a null map of y; the first changes nothing."""
    regions = cortex.regions
    some = pd.DataFrame(np.random.default_rng(seed).standard_normal((len(regions), len(regions))), columns=regions)
    drawn = null_maps(some, cortex.parcellation, null, n, seed, progress=False).to_numpy()
    found = np.linalg.solve(some.to_numpy(), drawn.reshape(len(regions), n * len(regions)))
    found = found.reshape(len(regions), n, len(regions)).transpose(1, 0, 2)
    return np.concatenate([np.eye(len(regions))[None], found])


def p_values(scores: np.ndarray) -> np.ndarray:
    """Rank the first of each row (W, 1 + nulls): (1 + how many others reach it) / (1 + nulls)."""
    return (scores >= scores[:, :1] - 1e-12).mean(axis=1)


@cache
def cortex_of_genes() -> xsg.Cortex:
    """Return expression and places, with a map that is not looked at."""
    atlas = xsg.load_atlas("desikan")
    return xsg.load_cortex("ahba", thinning=pd.Series(np.arange(68.0), atlas.regions))


@cache
def trial_of(null: str, n: int) -> Trial:
    """Make the smoothers and their nulls once."""
    return Trial(cortex_of_genes(), null, n, SETTINGS["seed"])


def deviations(people: People, null: str, n: int, draws: int, nulls: int | None = None) -> pd.DataFrame:
    """Score what n people deviate from the norm of all (age by a spline, sex, quality), each a map of its own."""
    z = people.deviations(covariates=["age", *SETTINGS["covariates"]]).z
    trial, found = trial_of(null, nulls or SETTINGS["rotations"]), []
    for draw in range(draws):
        values = z if n >= len(z) else z.sample(n, random_state=1000 * n + draw)
        y = values[trial.regions].to_numpy()
        y = y - y.mean(axis=1, keepdims=True)
        scores = trial.score((y.T @ y)[None])
        spectrum = np.linalg.eigvalsh(np.cov(y.T))
        told = {"patterns": spectrum.sum() ** 2 / (spectrum**2).sum()}
        for what, each in scores.items():
            told |= {f"{what} R2" if what != "gain" else what: each[0, 0], f"{what} p": p_values(each)[0]}
        found.append(rows("deviations", null, len(values), draw, told))
    return pd.concat(found)


# ---- simulated maps and cohorts with a known truth ----


def fields(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw smooth maps that genes have no part in (n, regions), standardised."""
    columns = xsg.load_atlas("desikan").regions.get_indexer(cortex_of_genes().regions)
    return standard(smooth_fields(rng, n, left_right=0.97).T[:, columns])


def gene_maps(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw maps that genes make (n, regions): each gene with a small random weight."""
    x = cortex_of_genes().expression.to_numpy(float)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    return standard(rng.standard_normal((n, z.shape[1])) @ z.T)


def standard(maps: np.ndarray) -> np.ndarray:
    """Give maps (n, regions) mean 0 and variance 1."""
    maps = maps - maps.mean(axis=1, keepdims=True)
    return maps / maps.std(axis=1, keepdims=True)


def power(kind: str, null: str, n: int, worlds: int | None = None) -> pd.DataFrame:
    """Share of simulated worlds in which p ≤ 0.05, by the correlation r of the true map with what genes make.

    ``people``: one map, measured on n people; ``maps``: n maps without error, each with a gene map of its own.
    """
    trial, worlds = trial_of(null, SETTINGS["tests_nulls"]), worlds or SETTINGS["power_worlds"]
    k = n if kind == "maps" else 1
    rng = np.random.default_rng([SETTINGS["seed"], n, ("people", "maps").index(kind)])
    products = {r: [] for r in SETTINGS["power_r"]}
    for _ in range(worlds):
        own, smooth = gene_maps(rng, k), fields(rng, k)
        error = np.zeros_like(own)
        if kind == "people":
            rough = fields(rng, 1) + rng.standard_normal(own.shape)
            error = np.sqrt(SETTINGS["noise_of_a_person"] / n / 2) * rough
        for r, kept_products in products.items():
            y = standard(r * own + np.sqrt(1 - r**2) * smooth + error)
            kept_products.append(y.T @ y)
    found = []
    for r, some in products.items():
        scores = trial.score(np.array(some))
        told = {what: (p_values(scores[what]) <= 0.05).mean() for what in ("genes", "gain")}
        found.append(rows("power", f"{kind}, {null}", n, round(100 * r), told))  # draw holds r in hundredths
    return pd.concat(found)


def cohorts(null: str, n: int, patterns: int, worlds: int | None = None) -> pd.DataFrame:
    """Share of simulated cohorts of n people in which three tests have p ≤ 0.05.

    A person has the map S that all share, what genes make (G, carriers only), a mixture of ``patterns`` smooth maps
    that people share (0: a smooth map of each person's own) and white noise. G is so large that on average it has the
    same part of the map whether everybody carries it or a third does.
    """
    trial, worlds = trial_of(null, SETTINGS["tests_nulls"]), worlds or SETTINGS["tests_worlds"]
    share, noise_of, found = SETTINGS["tests_share"], SETTINGS["noise_of_a_person"], []
    for number, (who, fraction) in enumerate(CARRIERS.items()):
        rng = np.random.default_rng([SETTINGS["seed"], n, patterns, number])
        size = np.sqrt(share / (1 - share)) / fraction if fraction else 0.0
        means, halves, around = [], [], []
        for _ in range(worlds):
            carries = rng.random(n) < fraction
            mixed = fields(rng, n) if not patterns else rng.standard_normal((n, patterns)) @ fields(rng, patterns)
            mixed = mixed * np.sqrt(noise_of / 2 / (patterns or 1))
            people = fields(rng, 1) + size * carries[:, None] * gene_maps(rng, 1) + mixed
            people = people + np.sqrt(noise_of / 2) * rng.standard_normal(people.shape)
            mean = people.mean(axis=0)
            means.append(np.outer(mean, mean))
            halves.append((people[::2].mean(axis=0), people[1::2].mean(axis=0)))
            around.append((people - mean).T @ (people - mean))
        first, second = (np.array(each) for each in zip(*halves, strict=True))
        one, many = trial.score(np.array(means)), trial.score(np.array(around))
        every = {"one map": one["genes"], "one map, gain": one["gain"], "people judged": trial.judge(first, second)}
        every |= {"people as maps": many["genes"], "people as maps, gain": many["gain"]}
        told = {what: (p_values(scores) <= 0.05).mean() for what, scores in every.items()}
        of = f"{patterns} patterns" if patterns else "own patterns"
        found.append(rows("cohorts", f"{who}, {of}, {null}", n, 0, told))
    return pd.concat(found)


# ---- all of it ----


def plan() -> list[tuple]:
    """Return the jobs: part and its arguments."""
    draws = range(0, SETTINGS["growth_draws"], BLOCK)
    jobs = [("trial", split) for split in SETTINGS["splits"]] + [("noise", split) for split in SETTINGS["splits"]]
    jobs += [("judged",), *(("vae", preset) for preset in SETTINGS["vae_rotations"])]
    jobs += [("growth", n, first) for n in SETTINGS["growth"] for first in draws]
    for null in SETTINGS["nulls"]:
        jobs += [("deviations", null, n, SETTINGS["growth_draws"]) for n in SETTINGS["growth"]]
        jobs += [("deviations", null, 10_000, 1)]  # all
        jobs += [("power", kind, null, n) for kind in ("people", "maps") for n in SETTINGS[f"power_{kind}"]]
        jobs += [("cohorts", null, n, each) for each in SETTINGS["patterns"] for n in SETTINGS["tests_people"]]
    return jobs


def make(part: str, *arguments: object) -> pd.DataFrame:
    """Do a job."""
    if part in ("power", "cohorts"):
        return {"power": power, "cohorts": cohorts}[part](*arguments)
    real = {"growth": growth, "trial": trial, "noise": noise, "vae": vae, "judged": judged, "deviations": deviations}
    return real[part](cohort(), *arguments)


if __name__ == "__main__":
    frozen = {"question": QUESTION, "rule": RULE, "known": KNOWN, "settings": SETTINGS, "data": DATA}
    if "--seal" in sys.argv:
        kept.seal(__file__, **frozen)
    else:
        kept.sealed(__file__, **frozen)
        found = kept.rows(__file__, plan(), make)
        kept.store(__file__, found.round(6))
        print(f"written to {Path(__file__).with_suffix('.csv')}")
