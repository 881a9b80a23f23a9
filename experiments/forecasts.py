"""Forecast the last visit of every mouse series at hand: plain, on networks, with the others' rates, with cell types.

experiments/forecasts.py --seal     freeze question, rule and settings
experiments/forecasts.py            run them (minutes), once

Makes forecasts.csv, which chapter 21b shows: first what could be found (worlds), then the forecasts.
"""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.io import loadmat

import kept
import xsg
from xsg.data.fetch import fetch
from xsg.spread.model import Visits, log_marginal, refine
from xsg.spread.physics import ReactionDiffusion

QUESTION = (
    "Can the last visit of a mouse series be forecast from the earlier ones better than by no change: by plain "
    "growth, or by growth that spreads over a network? And does the connectome do better than no network, and "
    "than distance?"
)
RULE = (
    "Skill = 1 - RMSE / RMSE of no change, over the regions measured at the held-out visit. Three methods are "
    "judged. They share everything but the network (none, connectome, space): logistic growth, rates pooled. Tau "
    "(14 experiments): a method succeeds if the 95 % interval of its median skill (bootstrap over experiments) "
    "lies above 0. Synuclein (2 experiments): a method succeeds if its skill is above 0 in both, each with a 95 %"
    " interval (bootstrap over major structures) above 0; two experiments say nothing of a third. The network "
    "earns it where the connectome succeeds and its RMSE is less than that of no network and that of space: the "
    "95 % interval of the median of 1 - ratio (tau), or both intervals (synuclein), above 0. All other methods "
    "are ranked, not judged. A group could have said yes if at least half of the simulated worlds do in which the"
    " law is true."
)
KNOWN = (
    "Chapter 21 held out the last visit of the same 14 tau experiments, the state running from the first visit: "
    "no change .116, laws with own rates .136 or more, the others' rates .134. Of synuclein the mean burden by "
    "visit was known (mouse fibrils .20, .49, .88, 1.77 of 4) and, from looking at ranges, the greatest score by "
    "visit (human fibrils 4, 4, 3, 2: it may decline). Of Henderson, which is not judged, the greatest value by "
    "visit was seen: .168, .160, .123."
)
SETTINGS = {
    "held out": "the last visit; rates are fitted from the first visit to the one before the last, the state runs "
    "on from the last visit seen, unless the method's name says otherwise; unmeasured regions begin at 0",
    "methods": {  # rates, network, law
        "growth, own rate": ["own", "none", "logistic"],
        "growth, others' rate": ["others", "none", "logistic"],
        "growth, pooled": ["pooled", "none", "logistic"],
        "diffusion, connectome": ["own", "connectome", "diffusion"],
        "logistic, connectome": ["own", "connectome", "logistic"],
        "logistic, anterograde": ["own", "anterograde", "logistic"],
        "logistic, retrograde": ["own", "retrograde", "logistic"],
        "logistic, space": ["own", "space", "logistic"],
        "damped, connectome": ["own", "connectome", "damped"],
        "cooperative, connectome": ["own", "connectome", "cooperative"],
        "logistic, connectome, others' rates": ["others", "connectome", "logistic"],
        "logistic, connectome, pooled": ["pooled", "connectome", "logistic"],
        "logistic, space, pooled": ["pooled", "space", "logistic"],
    },
    "judged": ["growth, pooled", "logistic, connectome, pooled", "logistic, space, pooled"],
    "lines of the others": {
        "the others' line": "none",
        "the others' line, connectome": "connectome",
        "the others' line, space": "space",
    },
    "starts": [[0.03, 0.05], [0.03, 0.5], [0.3, 0.05], [0.3, 0.5]],
    "iterations": 12,
    "steps": 8,
    "values a visit is worth": 10,
    "least sd of log rates": 0.5,
    "amounts injected": [0.03, 0.1, 0.3, 1.0],
    "cell types": {"table": "Tasic", "components": 3, "prior sd": 0.5, "iterations": 30},
    "worlds": {"count": 20, "kinds": [["growth", 1.0], ["growth", 0.5], ["no change", 1.0]]},
    "bootstrap": 4000,
    "seed": 0,
}
DATA = [
    "mouse/tauopathy/eNDM_mousedata.mat",
    "mouse/tauopathy/KaufmanDiamond_datasets_dat_and_seed.mat",
    "mouse/tauopathy/CCF_labels.mat",
    "mouse/tauopathy/CellTypeMaps.mat",
    "mouse/synuclein/mouse_aSynData_426.mat",
    "mouse/synuclein/Mouse_Synuclein_Data.mat",
]
FROZEN = {"question": QUESTION, "rule": RULE, "known": KNOWN, "settings": SETTINGS, "data": DATA}
DIRECTED = ("anterograde", "retrograde")
FIRST, INJECTED = (f"logistic, connectome, from the {start}" for start in ("first visit", "injection"))
CELLS = "logistic, connectome, pooled, cell types"


class Series(NamedTuple):
    """One experiment: T visits to n regions, NaN where not measured; the last visit is held out."""

    name: str
    group: str
    values: np.ndarray  # (T, n)
    times: np.ndarray  # (T,) months since the injection
    seed: np.ndarray  # (n,) 1 where it was injected


class Field(NamedTuple):
    """All series on one set of regions, and what can be spread along."""

    series: list[Series]
    solvers: dict[str, ReactionDiffusion]
    laplacians: dict[str, np.ndarray]
    structure: np.ndarray  # (n,) number of the major structure
    cells: np.ndarray  # (n, components)


def real() -> Field:
    """Read the 14 experiments with tau and the two with synuclein."""
    tau, synuclein = xsg.load_spread("mouse-tau"), xsg.load_spread("mouse-synuclein")
    files = [loadmat(fetch(name), squeeze_me=True) for name in (*DATA[:2], DATA[4])]
    seeds = {name: file["seed426"][name].item() for file in files for name in file["seed426"].dtype.names}
    series = []
    for spread, group in ((tau, "tau"), (synuclein, "synuclein")):
        for name, values, times in zip(spread.subjects, spread.values, spread.times, strict=True):
            there = np.isfinite(values).any(axis=1)
            series.append(Series(name, group, values[there], times[there], seeds[name].astype(float)))
    names = ("connectome", *DIRECTED, "space")
    laplacians = {name: xsg.load_spread("mouse-tau", network=name).laplacian for name in names}
    kinds = loadmat(fetch(DATA[2]), squeeze_me=True)["CCF_labels"][:, 1]
    table = loadmat(fetch(DATA[3]), squeeze_me=True)["CellTypeMaps"][SETTINGS["cell types"]["table"]].item()
    return field(series, laplacians, pd.factorize(kinds)[0], table["maps"].item())


def field(series: list, laplacians: dict, structure: np.ndarray, cells: np.ndarray) -> Field:
    """Make the solvers, and the first components of the cell types, of sd 1."""
    laplacians = {"none": np.zeros_like(laplacians["connectome"])} | laplacians
    solvers = {name: ReactionDiffusion(each, directed=name in DIRECTED) for name, each in laplacians.items()}
    cells = (cells - cells.mean(axis=0)) / cells.std(axis=0)
    left = np.linalg.svd(cells, full_matrices=False)[0][:, : SETTINGS["cell types"]["components"]]
    return Field(series, solvers, laplacians, structure, left / left.std(axis=0))


def as_visits(values: np.ndarray, times: np.ndarray) -> Visits:
    """Visits (B, T, n), the first being the start; a visit is worth few values, however many regions it has."""
    values = torch.as_tensor(np.asarray(values), dtype=torch.float32)
    valid = values.isfinite().float()
    values = values.nan_to_num(0.0)
    worth = valid * (SETTINGS["values a visit is worth"] / valid.sum(2, keepdim=True).clamp(min=1))
    worth[:, 0] = 0
    since = torch.tensor(times - times[0], dtype=torch.float32)
    return Visits(values, worth, since.expand(len(values), -1), values[:, 0].clone())


def fit(solver, law: str, visits: Visits, prior=None, starts=SETTINGS["starts"]) -> tuple[torch.Tensor, torch.Tensor]:
    """Climb from each start, keep the highest: log rates (B, 2) and their height (B,)."""
    begin = torch.tensor(starts, dtype=torch.float32).log()
    if prior is not None:
        begin = torch.cat([prior[0][None], begin])
    count = len(visits.u0)
    copies = Visits(*(part.repeat(len(begin), *[1] * (part.ndim - 1)) for part in visits))
    begin = begin.repeat_interleave(count, 0)
    found = refine(solver, law, copies, begin, prior, SETTINGS["iterations"], SETTINGS["steps"], background=False)
    highest = found.evidence.view(-1, count).argmax(0) * count + torch.arange(count)
    return found.z[highest], found.evidence[highest]


def run_on(solver, law: str, state: np.ndarray, months: float, z, cells=None) -> np.ndarray:
    """Solve from the state (B, n) for some months with log rates z, (B, 2) or (2,)."""
    state = torch.as_tensor(np.nan_to_num(state), dtype=torch.float32)
    d, r = z.expand(len(state), 2).exp().unbind(1)
    r = r if cells is None else r[:, None] * cells
    return solver.solve(state, [float(months)], d, r, law, SETTINGS["steps"])[:, 0].detach().numpy()


def prior_of(z: torch.Tensor, i: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return median and robust sd of the log rates (S, 2) of all experiments but one."""
    rest = np.delete(z.numpy(), i, axis=0)
    low, middle, high = np.quantile(rest, (0.25, 0.5, 0.75), axis=0)
    sd = np.clip((high - low) / 1.349, SETTINGS["least sd of log rates"], 3)
    return torch.tensor(middle, dtype=torch.float32), torch.tensor(sd, dtype=torch.float32)


def all_rates(brain: Field, network: str) -> torch.Tensor:
    """Log rates (S, 2) of all series under the logistic law, all visits used."""
    solver = brain.solvers[network]
    return torch.cat([fit(solver, "logistic", as_visits(each.values[None], each.times))[0] for each in brain.series])


def line_of(brain: Field, i: int, network: str) -> tuple[np.ndarray, np.ndarray]:
    """Change per month = a + b u + c (what arrives along the network), by least squares on all others' visits."""
    rows, changes = [], []
    for j, each in enumerate(brain.series):
        for k in range(len(each.times) - 1) if j != i else ():
            change = (each.values[k + 1] - each.values[k]) / (each.times[k + 1] - each.times[k])
            there = np.isfinite(change)
            weight = 1 / np.sqrt(there.sum() * (len(each.times) - 1))
            rows.append(weight * terms(each.values[k], brain.laplacians[network])[there])
            changes.append(weight * change[there])
    return np.linalg.lstsq(np.concatenate(rows), np.concatenate(changes))[0]


def terms(u: np.ndarray, laplacian: np.ndarray) -> np.ndarray:
    """1, u and −L u for each region; −L u is 0 everywhere without a network."""
    u = np.nan_to_num(u)
    return np.stack([np.ones_like(u), u, -(u @ laplacian.T)], axis=-1)


def with_cells(brain: Field, i: int, prior) -> np.ndarray:
    """Factors (n,) by which the cell types of a region multiply its rate, learned from the other experiments."""
    s = SETTINGS["cell types"]
    others = [each for j, each in enumerate(brain.series) if j != i]
    longest = max(len(each.times) for each in others)
    values = [np.pad(each.values, ((0, longest - len(each.times)), (0, 0)), constant_values=np.nan) for each in others]
    times = [np.pad(each.times - each.times[0], (0, longest - len(each.times)), mode="edge") for each in others]
    visits = as_visits(np.stack(values), np.array(times[0]))._replace(times=torch.tensor(np.stack(times)).float())
    solver, cells = brain.solvers["connectome"], torch.tensor(brain.cells, dtype=torch.float32)
    z = prior[0].repeat(len(others), 1).requires_grad_()
    b = torch.zeros(cells.shape[1], requires_grad=True)
    climb = torch.optim.LBFGS([z, b], max_iter=s["iterations"], line_search_fn="strong_wolfe")

    def loss():
        climb.zero_grad()
        d, r = z.clamp(-9, 3).exp().unbind(1)
        u = solver.advance(visits.u0, visits.times, d, r[:, None] * (cells @ b).exp(), "logistic", SETTINGS["steps"])
        pulled = ((z - prior[0]) / prior[1]).square().sum() + (b / s["prior sd"]).square().sum()
        total = 0.5 * pulled - log_marginal(visits, u, False).sum()
        total.backward()
        return total

    climb.step(loss)
    return torch.exp(cells @ b.detach())


def fit_cells(solver, visits: Visits, prior, factors: torch.Tensor) -> torch.Tensor:
    """Pooled log rates (B, 2) of a series whose regions grow at different rates."""
    z = prior[0].repeat(len(visits.u0), 1).requires_grad_()
    climb = torch.optim.LBFGS([z], max_iter=SETTINGS["cell types"]["iterations"], line_search_fn="strong_wolfe")

    def loss():
        climb.zero_grad()
        d, r = z.clamp(-9, 3).exp().unbind(1)
        u = solver.advance(visits.u0, visits.times, d, r[:, None] * factors, "logistic", SETTINGS["steps"])
        total = 0.5 * ((z - prior[0]) / prior[1]).square().sum() - log_marginal(visits, u, False).sum()
        total.backward()
        return total

    climb.step(loss)
    return z.detach().clamp(-9, 3)


def slopes(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Least-squares slope per month over the visits of (B, T, n), or of (B, T)."""
    centred = times - times.mean()
    return np.tensordot(centred, np.moveaxis(values, 1, 0), 1) / (centred**2).sum()


def plain(values: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    """Forecasts (B, n) that know no other experiment and no network; the last of the visits (B, T, n) is not used."""
    seen, months = values[:, :-1], times[-1] - times[-2]
    level = slopes(np.nanmean(seen, axis=2), times[:-1])[:, None]
    return {
        "no change": seen[:, -1],
        "line, one for all": np.clip(seen[:, -1] + months * level, 0, 1),
        "line, region by region": np.clip(seen[:, -1] + months * slopes(seen, times[:-1]), 0, 1),
    }


def forecasts(brain: Field, i: int, values: np.ndarray, priors: dict, only=None) -> dict[str, np.ndarray]:
    """Forecast the last of the visits (B, T, n), copies of series i, by all methods or by some."""
    each, methods = brain.series[i], SETTINGS["methods"]
    seen, last, months = as_visits(values[:, :-1], each.times[:-1]), values[:, -2], each.times[-1] - each.times[-2]
    found = plain(values, each.times)
    for name in methods if only is None else only:
        rates, network, law = methods[name]
        solver, prior = brain.solvers[network], priors.get(network)
        own = prior if rates == "pooled" else None
        z = prior[0] if rates == "others" else fit(solver, law, seen, own)[0]
        found[name] = run_on(solver, law, last, months, z)
        if name == "logistic, connectome":
            found[FIRST] = run_on(solver, law, values[:, 0], each.times[-1] - each.times[0], z)
    if only is not None:
        return found
    for name, network in SETTINGS["lines of the others"].items():
        line = line_of(brain, i, network)
        found[name] = np.clip(np.nan_to_num(last) + months * terms(last, brain.laplacians[network]) @ line, 0, 1)
    connectome = brain.solvers["connectome"]
    found[INJECTED] = run_on(connectome, "logistic", last, months, fit_injected(connectome, values[:, :-1], each)[0])
    factors = with_cells(brain, i, priors["connectome"])
    z = fit_cells(connectome, seen, priors["connectome"], factors)
    found[CELLS] = run_on(connectome, "logistic", last, months, z, factors)
    return found


def fit_injected(solver, seen: np.ndarray, each: Series) -> tuple[torch.Tensor, torch.Tensor]:
    """Own log rates (B, 2) when month 0 is the start, with the amount injected that fits best; and that amount (B,)."""
    heights, rates = [], []
    for amount in SETTINGS["amounts injected"]:
        start = np.broadcast_to(amount * each.seed, (len(seen), 1, seen.shape[2]))
        visits = as_visits(np.concatenate([start, seen], axis=1), np.concatenate([[0], each.times[: seen.shape[1]]]))
        z, height = fit(solver, "logistic", visits)
        heights.append(height)
        rates.append(z)
    best = torch.stack(heights).argmax(0)
    return torch.stack(rates)[best, torch.arange(len(best))], torch.tensor(SETTINGS["amounts injected"])[best]


def rmse(state: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root mean squared error over the regions measured, for each copy."""
    return np.sqrt(np.nanmean((state - truth) ** 2, axis=-1))


def within(state, other, truth, structure, rng) -> tuple[float, float]:
    """95 % interval of 1 − RMSE(state) / RMSE(other), major structures drawn anew."""
    there = np.isfinite(truth)
    squares = [np.bincount(structure[there], (each - truth)[there] ** 2) for each in (state, other)]
    present = np.flatnonzero(np.bincount(structure[there]))
    drawn = rng.multinomial(len(present), np.full(len(present), 1 / len(present)), SETTINGS["bootstrap"])
    own, base = (drawn @ each[present] for each in squares)
    return tuple(np.quantile(1 - np.sqrt(own / np.maximum(base, 1e-12)), (0.025, 0.975)))


def over(skill: np.ndarray, rng) -> tuple[float, float]:
    """95 % interval of the median of (S,), experiments drawn anew."""
    drawn = rng.integers(len(skill), size=(SETTINGS["bootstrap"], len(skill)))
    return tuple(np.quantile(np.median(skill[drawn], axis=1), (0.025, 0.975)))


def part_worlds(brain: Field) -> pd.DataFrame:
    """Could a forecast beat no change at all? Worlds in which the law is true, and in which nothing changes."""
    s, rng, rows = SETTINGS["worlds"], np.random.default_rng(SETTINGS["seed"]), []
    rates = {network: all_rates(brain, network) for network in ("none", "connectome", "space")}
    connectome, states = brain.solvers["connectome"], []
    for each, z in zip(brain.series, rates["connectome"], strict=True):
        visits = as_visits(each.values[None], each.times)
        d, r = z[:, None].exp()
        solved = connectome.solve(visits.u0, visits.times, d, r, "logistic", SETTINGS["steps"])
        states.append(solved[0].numpy())
    left = [(each.values - state)[1:] for each, state in zip(brain.series, states, strict=True)]
    sigma = [np.sqrt(np.nanmean(each**2)) for each in left]
    two = np.hstack([each[-2:] / scale for each, scale in zip(left, sigma, strict=True)])
    alike = max(np.corrcoef(two[:, np.isfinite(two).all(axis=0)])[0, 1], 0)
    groups = np.array([each.group for each in brain.series])
    for kind, noise in s["kinds"]:
        skills, above = {}, {}
        for i, (each, truth) in enumerate(zip(brain.series, states, strict=True)):
            truth = truth.copy()
            if kind == "no change":
                truth[-1] = truth[-2]
            kept_on, own = rng.standard_normal((2, s["count"], *truth.shape))
            off = np.sqrt(alike) * kept_on[:, :1] + np.sqrt(1 - alike) * own
            values = np.clip(truth + noise * sigma[i] * off, 0, 1)
            values[:, 0] *= truth[0] > 0
            values[:, ~np.isfinite(each.values)] = np.nan
            priors = {network: prior_of(z, i) for network, z in rates.items()}
            found = forecasts(brain, i, values, priors, [*SETTINGS["judged"], "logistic, connectome"])
            base = rmse(found["no change"], values[:, -1])
            months = each.times[-1] - each.times[-2]
            true = run_on(connectome, "logistic", values[:, -2], months, rates["connectome"][i])
            for name, state in (found | {"its true rates": true}).items():
                skills.setdefault(name, []).append(1 - rmse(state, values[:, -1]) / base)
                if each.group == "synuclein":
                    three = zip(state, found["no change"], values[:, -1], strict=True)
                    inside = [within(*one, brain.structure, rng)[0] > 0 for one in three]
                    above.setdefault(name, []).append(inside)
        for name, skill in skills.items():
            skill = np.array(skill)
            for i, each in enumerate(brain.series):
                rows.append([each.group, each.name, kind, noise, name, np.mean(skill[i] > 0), np.median(skill[i])])
            yes = {"tau": [over(one, rng)[0] > 0 for one in skill[groups == "tau"].T],
                   "synuclein": np.all(above[name], axis=0)}  # fmt: skip
            for group, said in yes.items():
                rows.append([group, "", kind, noise, name, np.mean(said), np.median(skill[groups == group])])
    return pd.DataFrame(rows, columns=["group", "series", "kind", "noise", "method", "yes", "skill"])


def part_forecast(brain: Field) -> pd.DataFrame:
    """Every method on every series: error, skill with its interval over structures, R² on regions, rates used."""
    rng, rows = np.random.default_rng(SETTINGS["seed"]), []
    rates = {network: all_rates(brain, network) for network in ("none", "connectome", "space")}
    for i, each in enumerate(brain.series):
        priors = {network: prior_of(z, i) for network, z in rates.items()}
        found, truth = forecasts(brain, i, each.values[None], priors), each.values[-1]
        base = found["no change"][0]
        there = np.isfinite(truth)
        for name, (state,) in found.items():
            low, high = within(state, base, truth, brain.structure, rng)
            error = rmse(state, truth)
            r2 = 1 - np.sum((state - truth)[there] ** 2) / np.sum((truth[there] - truth[there].mean()) ** 2)
            skill = 1 - error / rmse(base, truth)
            ahead = {}
            if name == SETTINGS["judged"][1]:  # the connectome against the other two
                for key, other in zip(("none", "space"), (SETTINGS["judged"][0], SETTINGS["judged"][2]), strict=True):
                    ahead[f"{key} low"], ahead[f"{key} high"] = within(
                        state, found[other][0], truth, brain.structure, rng
                    )
            visits, regions = len(each.times), int(there.sum())
            rows.append({"group": each.group, "series": each.name, "visits": visits, "regions": regions, "method": name,
                         "rmse": error, "skill": skill, "low": low, "high": high, "R2": r2,
                         "last seen": np.mean(base[there]), "held out": truth[there].mean(),
                         "forecast": np.mean(state[there]), **ahead})  # fmt: skip
    return pd.DataFrame(rows)


def henderson() -> pd.DataFrame:
    """Return the plain forecasts of the third synuclein series, whose 116 regions have no names here."""
    file = loadmat(fetch(DATA[5]), squeeze_me=True)["mousedata_struct"]["Henderson"].item()
    values, times = file["data"].item().T, file["time_stamps"].item().astype(float)
    truth, rows = values[-1], []
    for name, (state,) in plain(values[None], times).items():
        error = rmse(state, truth)
        rows.append({"group": "not judged", "series": "Henderson", "visits": len(times), "regions": len(truth),
                     "method": name, "rmse": error, "skill": 1 - error / rmse(values[-2], truth),
                     "R2": 1 - np.sum((state - truth) ** 2) / np.sum((truth - truth.mean()) ** 2),
                     "last seen": values[-2].mean(), "held out": truth.mean(), "forecast": state.mean()})  # fmt: skip
    return pd.DataFrame(rows)


def make(part: str) -> pd.DataFrame:
    """Compute one part of the table."""
    found = part_worlds(real()) if part == "worlds" else pd.concat([part_forecast(real()), henderson()])
    return found.assign(part=part)


if __name__ == "__main__":
    if sys.argv[1:] == ["--seal"]:
        print(kept.seal(__file__, **FROZEN).digest)
    else:
        kept.sealed(__file__, **FROZEN)
        found = kept.rows(__file__, [("worlds",), ("forecast",)], make)
        kept.store(__file__, found.assign(settings=kept.digest(SETTINGS)).round(5))
