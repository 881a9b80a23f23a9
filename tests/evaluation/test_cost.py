"""What a trial costs is known before it begins."""

import time

import joblib
import numpy as np
import pytest
from sklearn.linear_model import Ridge

import xsg
from xsg.evaluation import cost
from xsg.evaluation.cost import Cost, expected_seconds, fits_of_a_trial, seconds_of_a_fit, workers
from xsg.training import CrossScaleVAE


@pytest.fixture(scope="module")
def cortex() -> xsg.Cortex:
    return xsg.load_cortex("simulated", n_genes=30)


class Slow:
    def predict_folds(self, cortex, maps, held_out):
        time.sleep(0.2)
        return np.zeros((len(maps), *held_out.shape))


def test_fits_are_counted():
    vae, ridge = CrossScaleVAE(), Ridge()
    assert fits_of_a_trial(ridge, 5, 3, 0, 1, True) == 1 + 15
    assert fits_of_a_trial(ridge, 5, 3, 100, 2, False) == 2 * 16 + 100 * 6
    assert fits_of_a_trial(vae, 5, 3, 100, 1, True) == 16 + 15 + 600


def test_a_fit_is_timed(cortex):
    fold = np.arange(68) < 7
    assert 0.2 <= seconds_of_a_fit(Slow(), cortex, fold) < 2
    short, long = (seconds_of_a_fit(CrossScaleVAE(epochs=n), cortex, fold) for n in (100, 4000))
    assert 10 < long / short < 120  # as many times as epochs, but for what is done once
    least, most = expected_seconds(Slow(), cortex, n_dealings=1, n_nulls=None)
    assert least == pytest.approx(0.2 * (6 + 20 * 6), rel=0.3)
    assert most / least == pytest.approx((6 + 6000) / (6 + 120))


def test_processes_are_begun_where_they_save_time(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    vae = CrossScaleVAE(device="cpu")
    assert workers(vae, None, 1.0) == 1
    assert workers(vae, None, 60.0) == 4
    assert workers(vae, 3, 1.0) == 3
    assert workers(Ridge(), None, 600.0) == 1
    with joblib.parallel_config(n_jobs=2):
        assert workers(vae, None, 1.0) == 2
    with pytest.raises(ValueError, match="n_jobs is 0"):
        workers(vae, 0, 1.0)


def test_it_is_told_in_words():
    dealt = [np.zeros((5, 68), bool)] * 3
    assert Cost(20.0, 170.0, 2).told("VAE", dealt, 1000, 20) == (
        "about 20 s to 3 min on 2 cores: VAE, 3 dealings × 5 folds, up to 1,000 nulls × 6 fits"
    )
    assert Cost(7.0, 7.0, 1).told("VAE", dealt[:1], 0, None) == "about 7 s: VAE, 5 folds"
    assert cost.in_words(0.1) == "1 s"
