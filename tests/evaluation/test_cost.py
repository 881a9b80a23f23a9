"""What a trial costs is known before it begins."""

import time
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import xsg
from xsg.evaluation import cost
from xsg.evaluation.cost import Cost, expected_seconds, seconds_of_a_fit, workers
from xsg.training import CrossScaleVAE


@pytest.fixture(scope="module")
def cortex() -> xsg.Cortex:
    return xsg.load_cortex("simulated", n_genes=30)


class Slow:
    def predict_folds(self, cortex, maps, held_out):
        time.sleep(0.2)
        return np.zeros((len(maps), *held_out.shape))


def test_fits_are_counted(cortex, monkeypatch):
    monkeypatch.setattr(cost, "seconds_of_a_fit", lambda *given: (1.0, 0.1))
    dealt = [np.zeros((5, 68), bool)] * 3

    def expected(model, cortex=cortex, n_nulls=100, stop_after=20, n_seeds=1, baselines=True):
        return cost.expect(model, cortex, dealt, n_nulls, stop_after, n_seeds, baselines, 1)[:2]

    assert expected(Ridge()) == pytest.approx((16 + 30, 16 + 60))
    assert expected(Ridge(), n_seeds=2, stop_after=None) == pytest.approx((32 + 60, 32 + 60))
    assert expected(CrossScaleVAE()) == pytest.approx((31 + 30, 31 + 60))
    assert expected(CrossScaleVAE(), baselines=False, n_nulls=0) == (16, 16)
    people = replace(cortex, people=pd.DataFrame(0.0, range(9), cortex.regions))
    assert expected(Ridge(), people, n_nulls=300) == pytest.approx((16 + 5 + 30 + 25, 16 + 5 + 180 + 99.5))


def test_a_fit_is_timed(cortex):
    fold = np.arange(68) < 7
    alone, among = seconds_of_a_fit(Slow(), cortex, fold)
    assert 0.2 <= alone < 2
    assert among < 0.1  # many maps at once take no longer
    (short, _), (long, _) = (seconds_of_a_fit(CrossScaleVAE(epochs=n), cortex, fold) for n in (100, 4000))
    assert 10 < long / short < 120  # as many times as epochs, but for what is done once
    least, most = expected_seconds(Ridge(), cortex, n_dealings=1)
    assert 0 < least < most


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
