"""The simulated human beside a mouse: what is said to be conserved is, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from xsg.across.simulate_orthologues import simulate_orthologues

MOUSE = pd.DataFrame(np.random.default_rng(1).standard_normal((45, 3)) * 7 + 2, [f"g{k}" for k in range(45)])


def test_conserved_genes_have_the_mouse_loadings():
    human = simulate_orthologues(MOUSE, 0.4, seed=2)
    assert human.expression.shape == (68, 45)
    assert human.programs.shape == (68, 6)
    assert human.conserved.sum() == 18
    standard = (MOUSE - MOUSE.mean()) / MOUSE.std(ddof=0)
    same = np.isclose(human.loadings.iloc[:3].T, 0.5 * standard).all(axis=1)
    assert same[human.conserved].all()
    assert same[~human.conserved].mean() < 0.2
    traded = np.sort(human.loadings.iloc[0][~human.conserved])
    assert np.allclose(traded, np.sort(0.5 * standard[0][~human.conserved]))


def test_seed_and_refusals():
    assert simulate_orthologues(MOUSE, 0.4, 2).expression.equals(simulate_orthologues(MOUSE, 0.4, 2).expression)
    assert not simulate_orthologues(MOUSE, 0.4, 3).expression.equals(simulate_orthologues(MOUSE, 0.4, 2).expression)
    with pytest.raises(ValueError, match=r"conserved is 1\.5"):
        simulate_orthologues(MOUSE, 1.5)
    with pytest.raises(ValueError, match="mouse has 6 programs"):
        simulate_orthologues(pd.concat([MOUSE, MOUSE], axis=1))
