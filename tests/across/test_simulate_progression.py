"""The simulated progression: determinism, independence of sizes, the equation, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

from xsg.across.simulate_progression import TRUTH, simulate_progression


def test_sizes_and_determinism():
    first, again = (simulate_progression(seed=3, n_subjects=4, n_visits=2) for _ in range(2))
    pd.testing.assert_frame_equal(first.tau, again.tau)
    assert first.tau.shape == first.thinning.shape == (8, 68)
    assert first.years.tolist() == [0.0, 2.0] * 4
    assert list(first.truth.index) == list(TRUTH)
    other = simulate_progression(seed=4, n_subjects=4, n_visits=2)
    assert not np.allclose(first.tau, other.tau)
    pd.testing.assert_frame_equal(first.programs, other.programs)
    assert "SIMULATED" in repr(first)


def test_noise_is_as_asked_for():
    cohort = simulate_progression(n_subjects=20, noise_tau=0.05, noise_thinning=0.2, smooth=0.5)
    for kind, sd in (("tau", 0.05), ("thinning", 0.2)):
        noise = getattr(cohort, kind) - cohort.noise_free[kind]
        assert noise.to_numpy().std() == pytest.approx(sd, rel=0.1)
    neighbours = np.corrcoef(noise["L_cuneus"], noise["L_pericalcarine"])[0, 1]
    assert neighbours > 0.15


@pytest.mark.parametrize("growth", ["logistic", "gompertz"])
def test_the_states_agree_with_an_adaptive_integrator(growth):
    cohort = simulate_progression(n_subjects=3, n_visits=1, noise_tau=0, noise_thinning=0, growth=growth)
    truth, p = cohort.truth, cohort.programs.to_numpy()
    laplacian = cohort.graph.laplacian()
    laplacian /= np.diag(laplacian).mean()
    rate = truth["R"] * np.exp(p @ truth[["rate P1", "rate P2", "rate P3"]].to_numpy())
    capacity = np.exp(p @ truth[["capacity P1", "capacity P2", "capacity P3"]].to_numpy())

    def change(_, both):
        u = both[:68]
        left = 1 - u / capacity if growth == "logistic" else np.log(capacity / u.clip(1e-300))
        return np.r_[-truth["D"] * laplacian @ u + rate * u * left, u]

    start = np.r_[np.where(cohort.programs.index.str.contains("entorhinal"), 0.1, 0.0), np.zeros(68)]
    for row, shift in enumerate(cohort.shifts):
        end = solve_ivp(change, (0, shift), start, rtol=1e-8, atol=1e-10).y[:, -1]
        np.testing.assert_allclose(cohort.tau.iloc[row], truth["s"] * end[:68] + truth["o_u"], atol=1e-4)
        np.testing.assert_allclose(cohort.thinning.iloc[row], truth["g"] * end[68:], atol=1e-4)


def test_links_can_be_switched_off():
    off = simulate_progression(n_subjects=3, noise_tau=0, noise_thinning=0, D=0.0, g=0.0)
    untouched = off.tau.drop(columns=["L_entorhinal", "R_entorhinal"])
    np.testing.assert_allclose(untouched, TRUTH["o_u"])
    assert off.thinning.std(axis=1).max() < 1e-12
    now = simulate_progression(n_subjects=3, accumulated=False, noise_thinning=0, noise_tau=0, c=0.0)
    expected = TRUTH["g"] * 10 * (now.tau - TRUTH["o_u"]) / TRUTH["s"]
    np.testing.assert_allclose(now.thinning, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"n_subjects": 0}, "n_subjects 0"), ({"interval": 0.0}, "interval 0.0"), ({"smooth": 2}, "smooth is 2"),
     ({"Q": 1.0}, "truth has no 'Q'"), ({"growth": "fisher"}, "growth")],
)  # fmt: skip
def test_refusals(change, words):
    with pytest.raises(ValueError, match=words):
        simulate_progression(**change)
