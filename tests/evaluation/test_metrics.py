"""Metrics: against scikit-learn and scipy, and against worlds where the answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from xsg.evaluation import metrics


def test_r_squared_and_correlation_agree_with_the_libraries():
    rng = np.random.default_rng(0)
    y, predictions = rng.normal(size=9), rng.normal(size=(4, 9))
    assert metrics.r_squared(y, predictions) == pytest.approx([r2_score(y, row) for row in predictions])
    assert metrics.correlation(y, predictions) == pytest.approx([pearsonr(y, row)[0] for row in predictions])
    assert metrics.r_squared(y, np.full(9, 5.0)) < 0


def test_program_recovery_is_blind_to_rotation_and_zero_for_noise():
    rng = np.random.default_rng(0)
    regions = [f"r{i}" for i in range(60)]
    truth = pd.DataFrame(rng.normal(size=(60, 3)), regions, list("abc"))
    turned = pd.DataFrame(truth.to_numpy() @ rng.normal(size=(3, 5)), regions)
    held_out = np.arange(60) % 6 == np.arange(6)[:, None]
    assert (metrics.program_recovery(turned.iloc[::-1], truth, held_out) > 0.99).all()
    noise = pd.DataFrame(rng.normal(size=(60, 20)), regions)
    assert (metrics.program_recovery(noise, truth, held_out) < 0.2).all()
