"""The simulated cortex: same numbers every time, a truth that holds, tables that the ADNI reader reads."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xsg.atlas import REGIONS, build_graph, distances
from xsg.data.cohort import thinning_map
from xsg.people.adni import read_adni
from xsg.people.simulate_adni import simulate_adni_tables, write_adni_tables
from xsg.simulate.cortex import simulate_cortex, vulnerability

SMALL = {"n_genes": 8, "n_programs": 7, "n_controls": 31, "n_patients": 19}


@pytest.fixture(scope="module")
def cortex():
    return simulate_cortex()


def r2(y, prediction):
    return 1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum()


def test_shapes_names_and_sizes(cortex):
    assert cortex.expression.shape == (68, 910)
    assert cortex.thinning.shape == (68,)
    assert list(cortex.expression.index) == list(cortex.thinning.index) == list(REGIONS)
    assert cortex.expression.columns[[0, -1]].tolist() == ["G0001", "G0910"]
    assert cortex.cohort.subjects["group"].value_counts()[["NC", "AD"]].tolist() == [926, 426]
    assert cortex.simulated
    small = simulate_cortex(**SMALL)
    assert small.expression.shape == (68, 8)
    assert small.truth.programs.shape == (68, 7)
    assert small.truth.loadings.shape == (7, 8)
    assert small.cohort.subjects["group"].value_counts()[["NC", "AD"]].tolist() == [31, 19]


def test_same_seed_same_numbers_and_a_fixed_checksum(cortex):
    again = simulate_cortex(0)
    pd.testing.assert_frame_equal(again.expression, cortex.expression, check_exact=True)
    pd.testing.assert_series_equal(again.thinning, cortex.thinning, check_exact=True)
    pd.testing.assert_frame_equal(again.cohort.thickness, cortex.cohort.thickness, check_exact=True)
    # Stored on one machine; every other must give them. A change of the simulator changes the book's numbers too.
    stored = {
        "expression": [0.160991, 0.340807],
        "thinning": [0.032358, 0.197473],
        "true": [0.038615, 0.19855],
        "programs": [-0.076008, -0.867486],
        "thickness": [2.899, 2.756],
    }
    found = {
        "expression": cortex.expression.loc["L_entorhinal", ["G0001", "G0910"]].tolist(),
        "thinning": cortex.thinning[["L_bankssts", "R_insula"]].tolist(),
        "true": cortex.truth.thinning[["L_bankssts", "R_insula"]].tolist(),
        "programs": cortex.truth.programs.loc["R_cuneus", ["P1", "P6"]].tolist(),
        "thickness": cortex.cohort.thickness.iloc[[0, -1], 0].tolist(),
    }
    for what, values in stored.items():
        np.testing.assert_allclose(found[what], values, atol=1.5e-6, err_msg=what)
    assert not np.allclose(simulate_cortex(1).thinning, cortex.thinning)


def test_the_streams_are_apart():
    one, other = simulate_cortex(3, **SMALL), simulate_cortex(3, **{**SMALL, "n_genes": 11})
    pd.testing.assert_frame_equal(one.truth.programs, other.truth.programs)
    pd.testing.assert_series_equal(one.thinning, other.thinning)


def test_programs_are_standard_uncorrelated_bilateral_and_smooth(cortex):
    programs = cortex.truth.programs.to_numpy()
    np.testing.assert_allclose(programs.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(programs.T @ programs / 68, np.eye(6), atol=1e-5)
    sides = [np.corrcoef(p[:34], p[34:])[0, 1] for p in programs.T]
    assert min(sides) > 0.8
    assert np.mean(sides) > 0.9
    apart = distances(cortex.parcellation).to_numpy()[:34, :34]
    products = (programs[:34, None] * programs[None, :34]).mean(axis=-1)
    near, far = (apart > 0) & (apart < 25), apart > 70
    # Less than the kernel between near regions: to have mean 0 and be uncorrelated costs the longest waves.
    assert products[near].mean() > 0.2
    assert products[far].mean() < 0


def test_expression_looks_like_the_atlas(cortex):
    values = cortex.expression.to_numpy()
    assert values.min() >= 0
    assert values.max() <= 1
    np.testing.assert_array_equal(values, values.round(6))
    scores = (values - values.mean(axis=0)) / values.std(axis=0)
    variance = np.linalg.svd(scores, compute_uv=False) ** 2
    # Measured on the AHBA matrix (66 regions, 776 landmark genes): PC1 0.27 and PC2 0.20 of the variance, and Moran's I
    # over adjacent regions 0.23, averaged over genes.
    assert 0.22 < variance[0] / variance.sum() < 0.32
    assert 0.10 < variance[1] / variance.sum() < 0.22
    adjacency = build_graph(cortex.parcellation, homotopic=False).adjacency
    moran = (scores * (adjacency @ scores)).sum() / adjacency.sum() / scores.shape[1]
    assert 0.18 < moran < 0.28
    # Fewer donors, more noise: what programs and loadings do not explain is larger on the right.
    signal = np.column_stack([np.ones(68), cortex.truth.programs])
    left = values - signal @ np.linalg.lstsq(signal, values, rcond=None)[0]
    assert (left[34:] ** 2).mean() > 1.15 * (left[:34] ** 2).mean()


def test_loadings_are_sparse_and_signed_and_show_in_the_expression(cortex):
    loadings = cortex.truth.loadings
    assert set((loadings != 0).sum()) == {1, 2}
    assert 0.35 < (loadings.to_numpy()[loadings.to_numpy() != 0] > 0).mean() < 0.65
    expected = cortex.truth.programs @ loadings
    r = [np.corrcoef(cortex.expression[g], expected[g])[0, 1] for g in loadings.columns]
    assert np.median(r) > 0.7


def test_true_thinning_is_the_stated_equation_of_the_relevant_programs(cortex):
    truth = cortex.truth
    p = truth.programs
    u = np.log1p(np.exp(1.5 * p["P1"])) + 0.8 * np.tanh(1.5 * p["P2"]) + 0.3 * p["P2"] * p["P4"]
    v = np.log1p(np.exp(u))
    np.testing.assert_allclose(truth.thinning, 0.12 * v / v.mean(), atol=1e-6)
    for name in p.columns:
        changed = vulnerability(p.assign(**{name: p[name].to_numpy()[::-1]}))
        assert np.allclose(changed, truth.thinning, atol=1e-6) == (name not in truth.relevant)
    assert 0.25 < truth.thinning.max() < 0.45


def test_the_observed_map_is_the_truth_within_its_standard_errors():
    z, apart, apart_old, sds = [], [], [], []
    for seed in range(16):
        cortex = simulate_cortex(seed, n_genes=3)
        truth, observed = cortex.truth, cortex.thinning
        z.append((observed - truth.thinning) / truth.noise_sd)
        # A model that knows the truth has an intercept: it predicts truth + observed mean.
        reached = r2(observed, truth.thinning - truth.thinning.mean() + observed.mean())
        apart.append(reached - truth.reliability)
        apart_old.append(reached - 1 + (truth.noise_sd**2).sum() / ((observed - observed.mean()) ** 2).sum())
        sds.append(truth.reliability_sd)
    assert 0.75 < np.concatenate(z).std() < 1.3
    assert abs(np.concatenate(z).mean()) < 0.5
    # The ceiling is an expectation, and single maps lie on both sides of it; error counted around zero is not.
    assert abs(np.mean(apart)) < np.std(apart) / np.sqrt(16)
    assert np.mean(apart_old) > 4 * np.std(apart_old) / np.sqrt(16)
    assert min(apart) < 0 < max(apart)
    assert 0.6 < np.std(apart) / np.mean(sds) < 1.6


def test_without_adjustment_the_map_is_wrong(cortex):
    crude = thinning_map(cortex.cohort, adjust=())["thinning"]
    true = cortex.truth.thinning
    assert np.abs(crude - true).mean() > 2 * np.abs(cortex.thinning - true).mean()


def test_it_can_be_learned_from_the_programs_but_not_by_a_line(cortex):
    y = cortex.thinning.to_numpy()
    pairs = np.random.default_rng(0).permutation(34)[np.tile(np.arange(34), 2)] % 5

    def held_out(model, x):
        return r2(y, cross_val_predict(model, x, y, groups=pairs, cv=GroupKFold(5)))

    ridge = held_out(make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 12))), cortex.expression.to_numpy())
    kernel = 1.0 * RBF(np.full(6, 3.0), (0.5, 100)) + WhiteKernel(0.02, (1e-3, 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length scale at its bound says that a program does not matter: true
        oracle = held_out(GaussianProcessRegressor(kernel, normalize_y=True), cortex.truth.programs.to_numpy())
    assert 0.3 < ridge < 0.7
    assert oracle > 0.8
    assert oracle < cortex.truth.reliability


def test_written_tables_are_read_back_to_the_same_map(cortex, tmp_path):
    paths = write_adni_tables(tmp_path / "adni")
    assert sorted(p.name for p in paths) == ["DXSUM_SIMULATED.csv", "PTDEMOG_SIMULATED.csv", "UCSFFSX_SIMULATED.csv"]
    cohort = read_adni(tmp_path / "adni")
    pd.testing.assert_frame_equal(cohort.thickness, cortex.cohort.thickness, check_exact=True)
    pd.testing.assert_frame_equal(cohort.subjects, cortex.cohort.subjects)
    np.testing.assert_array_equal(thinning_map(cohort)["thinning"].round(6), cortex.thinning)


def test_tables_hold_what_a_reader_must_cope_with():
    tables = simulate_adni_tables(**{k: v for k, v in SMALL.items() if k != "n_genes"})
    scans, diagnoses = tables["UCSFFSX_SIMULATED.csv"], tables["DXSUM_SIMULATED.csv"]
    assert {"sc", "scmri", "m12"} <= set(scans["VISCODE2"])
    assert set(scans["OVERALLQC"]) == {"Pass", "Partial", "Fail"}
    assert scans["IMAGEUID"].is_unique
    assert not scans.duplicated(["RID", "VISCODE2"]).any()
    filled = diagnoses[["DXCURREN", "DXCHANGE", "DIAGNOSIS"]].notna()
    assert (filled.sum(axis=1) == 1).all()
    assert filled.any().all()


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"n_programs": 4}, "n_programs is 4; expected a whole number from 5 to 20"),
        ({"n_genes": 1}, "n_genes is 1"),
        ({"n_patients": 9}, "n_patients is 9; expected a whole number of at least 10"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_sizes_out_of_range_are_refused(choice, words):
    with pytest.raises(ValueError, match=words):
        simulate_cortex(**choice)


def test_it_is_quick(cortex):
    start = time.perf_counter()
    simulate_cortex(7)
    assert time.perf_counter() - start < 2
