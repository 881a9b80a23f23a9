"""Run the authors' preset of arXiv:2509.15124 at full length, its objective mended, our default and the oracle.

experiments/brainphys.py paper 0      one model, one seed; "paper" or "bound" (half an hour), "xsg", "oracle" (minutes)

Not run so far, of what was planned: "bound", and the second seed of "paper".

Makes brainphys.csv, which chapter 20 shows: a row for each number, with the digest of the settings below.
These were fixed on the date they bear, before anything was run at this length. A trained network is kept in
_build/experiments and not trained again. Cut short by Ctrl-C or a signal to end, training keeps its best epoch so far
and the table says after how many.
"""

import argparse
import signal
import time
import warnings

import numpy as np
import pandas as pd
import torch

import kept
import xsg
from xsg.spread.estimator import UnlikeTrainingWarning, maximum_likelihood
from xsg.spread.model import Visits, kl_normal, misfits

SETTINGS = {
    "date": "2026-11-28",
    "cohort": {"name": "disc", "noise": 5, "seed": 0, "n_train": 800, "n_validation": 200, "n_test": 1000},
    "laws": ["logistic", "damped", "cooperative"],
    "models": {
        # 200 epochs, the best by the validation subjects kept
        "paper": {"preset": "paper", "seeds": [0, 1]},
        # the same with the q-weighted likelihood in place of the likelihood of the mixture
        "bound": {"preset": "paper", "loss": "bound", "seeds": [0]},
        "xsg": {"preset": "xsg", "seeds": [0]},
        "oracle": {"steps": 32, "seeds": [0]},
    },
    "epochs shown": [1, 2, 5, 10, 20, 50, 100, 150, 200],
    "forecasts at": [36.0, 60.0],
}


def answer(name: str, seed: int, cohort: xsg.Spread) -> tuple[object, object, float]:
    """Return a model's posterior of the test subjects, the model (None: the oracle), and seconds of training."""
    options = {key: value for key, value in SETTINGS["models"][name].items() if key not in ("preset", "seeds")}
    test = cohort.part("test")
    if name == "oracle":
        return maximum_likelihood(test, SETTINGS["laws"], **options), None, 0.0
    preset = SETTINGS["models"][name]["preset"]
    file = kept.ROOT / f"_build/experiments/brainphys_{name}_{seed}_{kept.digest(SETTINGS)}.safetensors"
    seconds = file.with_suffix(".seconds")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        model = xsg.MechanisticMixture.from_preset(preset, laws=tuple(SETTINGS["laws"]), seed=seed, **options)
        started = time.process_time()
        model.fit(cohort.part("train"), validation=cohort.part("validation") if preset == "paper" else None)
        seconds.write_text(f"{time.process_time() - started:.0f}")
        model.save(file)
    model = xsg.MechanisticMixture.load(file)
    return model.infer(test), model, float(seconds.read_text())


def measure(posterior, model, test: xsg.Spread) -> dict[str, float]:
    """Law, rates, intervals and forecasts of the test subjects, against the truth."""
    truth, rates = test.truth.rates, posterior.rates()
    found = {"law accuracy": (posterior.law == truth["law"]).mean()}
    found["law accuracy by evidence"] = (posterior.evidence.idxmax(axis=1) == truth["law"]).mean()
    for rate in "DR":
        found[f"{rate}: median relative error"] = (rates[rate] / truth[rate] - 1).abs().median()
        inside = truth[rate].between(rates[f"{rate}_low"], rates[f"{rate}_high"])
        found[f"{rate}: share in the 90 % interval"] = inside.mean()
    # The authors' scaling is undone: a state times the span of the subject's images, from the least of them.
    span = test.values.max((1, 2)) if model is not None and model.min_max else np.ones(len(truth))
    states = posterior.states(SETTINGS["forecasts at"]) * span[:, None, None]
    for k, when in enumerate(SETTINGS["forecasts at"]):
        found[f"forecast error, t = {when:g}"] = np.sqrt(np.mean((states[:, k] - test.truth.at([when])[:, 0]) ** 2))
    return found


def objectives(model, test: xsg.Spread) -> dict[str, float]:
    """Return the authors' objective and the bound at several q, mean over subjects, and the terms of three subjects."""
    values, valid, times = model._read(test)
    visits = Visits(values, valid, times, model._initial(values, valid))
    outside = int((~model._mask).sum())
    with torch.no_grad():
        mean, log_sd, log_q = model.net_(visits)
        misfit = misfits(model.net_, model._solver, model.laws, visits, mean, model.steps, outside).double()
        divergence = kl_normal(mean, log_sd, *model._prior).double()
    law = test.truth.rates["law"].to_numpy()
    true = torch.tensor([model.laws.index(each) for each in law])
    one_hot = torch.nn.functional.one_hot
    candidates = {
        "learned": log_q.double().exp(),
        "true law": one_hot(true, len(model.laws)).double(),
        "law of the least KL": one_hot(divergence.argmin(1), len(model.laws)).double(),
        "law of the best fit": one_hot(misfit.argmin(1), len(model.laws)).double(),
    }
    found = {"most probable law has the least KL": (log_q.argmax(1) == divergence.argmin(1)).double().mean()}
    for k, name in enumerate(model.laws):
        found[f"mean q: {name}"] = candidates["learned"][:, k].mean()
        found[f"median KL: {name}"] = divergence[:, k].median()
    for name, q in candidates.items():
        rest = (q * divergence).sum(1) + torch.special.xlogy(q, q * len(model.laws)).sum(1)
        found[f"objective, q {name}"] = (-torch.logsumexp(q.log() - misfit, 1) + rest).mean()
        found[f"bound, q {name}"] = ((q * misfit).sum(1) + rest).mean()
    for name in model.laws:
        row = int(np.flatnonzero(law == name)[0])
        for k, other in enumerate(model.laws):
            of = f"first subject of the {name} law, under the {other} one"
            found[f"{of}: NLL"], found[f"{of}: KL"] = misfit[row, k], divergence[row, k]
            found[f"{of}: q"] = candidates["learned"][row, k]
    return found


def rows(name: str, seed: int) -> pd.DataFrame:
    """Train one model with one seed unless it is kept, and measure it."""
    cohort = xsg.load_spread(**SETTINGS["cohort"])
    started = time.process_time()
    posterior, model, seconds = answer(name, seed, cohort)
    found = measure(posterior, model, cohort.part("test"))
    if model is not None:
        found |= {"epochs": len(model.history_), "seconds of training": seconds}
        shown = [epoch for epoch in SETTINGS["epochs shown"] if epoch in model.history_.index]
        for epoch in shown:
            found |= {f"epoch {epoch}: {term}": value for term, value in model.history_.loc[epoch].items()}
        if model.validation_ is not None:
            found |= {f"epoch {epoch}: validation": model.validation_[epoch] for epoch in shown}
            found["epoch kept"] = model.validation_.idxmin()
            found |= objectives(model, cohort.part("test"))
    found["seconds in all"] = time.process_time() - started
    values = [float(value) for value in found.values()]
    labels = {"settings": kept.digest(SETTINGS), "model": name, "seed": seed}
    return pd.DataFrame({**labels, "quantity": list(found), "value": values})


def main() -> None:
    """Run one model with one seed and put its rows into the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=SETTINGS["models"])
    parser.add_argument("seed", type=int, nargs="?", default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UnlikeTrainingWarning)  # scaled images are no states: the preset's own doing
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    table = kept.rows(__file__, [(options.model, options.seed)], rows)
    kept.store(__file__, table.assign(value=table["value"].map("{:.6g}".format)), by=["model", "seed"])


if __name__ == "__main__":
    main()
