"""The mixture on the whole benchmark of arXiv:2509.15124, without noise and at SNR 5, beside the oracle (6 minutes).

800 training and 1,000 test subjects. The oracle knows the initial state and fits every law to every subject by maximum
likelihood (`xsg.spread.estimator.maximum_likelihood`). `conftest.row` says how to keep the rows that
chapter 20 draws.
"""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import xsg
from xsg.spread.estimator import maximum_likelihood, select_laws

LATER = [18.0, 36.0, 60.0]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def judge(name, posterior, truth, row, case):
    rates = posterior.rates()
    accuracy = float((posterior.law == truth["law"]).mean())
    line, errors, covered = f"{name:10} law accuracy {accuracy:.3f}", [], []
    for rate in "DR":
        errors.append(float((rates[rate] / truth[rate] - 1).abs().median()))
        covered.append(float(truth[rate].between(rates[f"{rate}_low"], rates[f"{rate}_high"]).mean()))
        line += f"   {rate}: median relative error {errors[-1]:.2%}, in the 90 % interval {covered[-1]:.1%}"
        row("benchmark", case, f"{name}: median relative error of {rate}", errors[-1])
        row("benchmark", case, f"{name}: {rate} in the 90 % interval", covered[-1])
    row("benchmark", case, f"{name}: law accuracy", accuracy)
    print(line, flush=True)
    return accuracy, errors, covered


@pytest.mark.parametrize("noise", [None, 5])
def test_the_benchmark(noise, row):
    case = "no noise" if noise is None else f"SNR {noise}"
    cohort = xsg.load_spread("disc", noise=noise)
    test = cohort.part("test")
    truth = test.truth.rates
    print(f"\n800 training and 1,000 test subjects, noise: {noise and f'SNR {noise}'}")
    started = time.perf_counter()
    model = xsg.MechanisticMixture().fit(cohort.part("train"))
    trained = time.perf_counter() - started
    judge("amortised", model.set_params(refine=0).infer(test), truth, row, case)
    started = time.perf_counter()
    found = model.set_params(refine=8).infer(test)
    inferred = time.perf_counter() - started
    accuracy, errors, covered = judge("refined", found, truth, row, case)
    oracle, *_ = judge("oracle", maximum_likelihood(test), truth, row, case)
    row("benchmark", case, "training (s)", trained)
    row("benchmark", case, "refined inference (s a subject)", inferred / len(truth))
    print(f"training {trained:.0f} s, refined inference {1e3 * inferred / len(truth):.0f} ms a subject, one thread")

    later = test.truth.at(LATER)
    fits = {"mixture": found.states(LATER)}
    fits |= {f"only {law}": found.states(LATER, law) for law in model.laws}
    background = 0 if noise is None else (test.values - found.states([0.0, 6.0, 24.0])).mean((1, 2))[:, None]
    fits["no change"] = np.repeat(test.values[:, 2:] - np.reshape(background, (-1, 1, 1)), len(LATER), axis=1)
    print("root mean square error at t = " + ", ".join(f"{time:g}" for time in LATER))
    for name, states in fits.items():
        errors_at = np.sqrt(np.mean((states - later) ** 2, axis=(0, 2)))
        print(f"{name:17}" + "".join(f"{error:10.4f}" for error in errors_at))
        for time_of, error in zip(LATER, errors_at, strict=True):
            row("forecast", case, f"{name}: t = {time_of:g}", error)
    assert trained < 600
    assert max(errors) <= 0.05
    if noise is None:
        assert accuracy >= max(0.95, 0.98 * oracle)
    else:
        assert accuracy >= oracle - 0.03
        assert all(0.85 <= share <= 0.95 for share in covered)


def test_the_true_set_of_laws_is_selected(row):
    laws = ("diffusion", "logistic", "damped", "cooperative")
    right = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        size = 1 if seed < 3 else int(rng.integers(1, 5))
        truth = tuple(law for law, kept in zip(laws, rng.permutation(4) < size, strict=True) if kept)
        cohort = xsg.load_spread("disc", seed=seed, laws=truth, n_train=64, n_validation=40, n_test=0)
        model = xsg.MechanisticMixture(laws, epochs=3).fit(cohort.part("train"))
        choice = select_laws(model.infer(replace(cohort.part("validation"), truth=None)))
        right += choice.laws == truth
        row("selection", " + ".join(truth), " + ".join(choice.laws), choice.laws == truth)
        print(f"seed {seed}: true {' + '.join(truth)}; chosen {' + '.join(choice.laws)}", flush=True)
    print(f"the true set of laws in {right} of 10 data sets")
    assert right >= 9
