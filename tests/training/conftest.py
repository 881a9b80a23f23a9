"""A cortex small enough to train on in a fraction of a second."""

import numpy as np
import pandas as pd
import pytest

from xsg.atlas import Graph

N, P = 14, 9


@pytest.fixture(scope="session")
def toy():
    """Fourteen regions on a ring, nine genes; thinning is a smooth function of the first."""
    rng = np.random.default_rng(0)
    regions = [f"{side}_r{i}" for side in "LR" for i in range(N // 2)]
    weights = np.zeros((N, N))
    for i in range(N):
        weights[i, (i + 1) % N] = weights[(i + 1) % N, i] = 1.0
    expression = pd.DataFrame(rng.normal(size=(N, P)), regions, [f"g{i}" for i in range(P)])
    thinning = pd.Series(3 + 0.5 * np.tanh(expression["g0"]), regions, name="thinning")
    return expression, thinning, Graph(pd.DataFrame(weights, regions, regions), "ring")
