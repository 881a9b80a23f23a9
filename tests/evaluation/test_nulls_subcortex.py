"""Nulls of maps that have rows below the cortex: drawn apart, jointly valid, and said where there are none."""

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.atlas import build_graph, load_parcellation
from xsg.evaluation import nulls

DK = load_parcellation("dk")
WHOLE = DK.with_subcortex()
DEEP = list(WHOLE.regions[68:])


def root() -> np.ndarray:
    """What turns noise into a smooth map of cortex and subcortex with hemispheres correlated 0.97."""
    xyz = WHOLE.table[["x", "y", "z"]].to_numpy(dtype=float, copy=True)
    xyz[:, 0] = np.abs(xyz[:, 0])
    side = WHOLE.table["hemisphere"].to_numpy()
    gap = np.linalg.norm(xyz[:, None] - xyz, axis=-1)
    values, vectors = np.linalg.eigh(np.exp(-gap / 40) * np.where(side[:, None] == side, 1, 0.97))
    return vectors * np.sqrt(np.maximum(values, 0))


def maps(m: int, seed: int, level: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(rng.standard_normal((m, 82)) @ root().T, columns=WHOLE.regions)
    found[DEEP] += level * rng.standard_normal((m, 1))
    return found


@pytest.mark.parametrize("method", nulls.MAP_NULLS)
def test_each_part_keeps_its_own_and_the_cortex_is_drawn_as_without_the_other(method):
    observed = maps(1, seed=3, level=5).iloc[0].sample(frac=1, random_state=2).drop("R_insula")
    cortex = observed.drop(DEEP)
    found = nulls.null_maps(observed, WHOLE, method, n=9, seed=1, progress=False)
    assert found.columns.equals(observed.index)
    alone = nulls.null_maps(cortex, DK, method, n=9, seed=1, progress=False)
    pd.testing.assert_frame_equal(found[cortex.index], alone, rtol=1e-6)
    below = found[DEEP]
    for side in "LR":
        mine = [name for name in DEEP if name[0] == side]
        np.testing.assert_allclose(below[mine].mean(axis=1), observed[mine].mean(), atol=1e-9)
        np.testing.assert_allclose(below[mine].std(axis=1), observed[mine].std(), rtol=1e-6)
    assert below.round(6).drop_duplicates().shape[0] > 5
    # What happens on the left happens on the right.
    like = np.corrcoef(observed[DEEP[:7]], observed[DEEP[7:]])[0, 1]
    for _, row in below.iterrows():
        assert np.corrcoef(row[DEEP[:7]], row[DEEP[7:]])[0, 1] == pytest.approx(like, abs=1e-6)


def test_seed_order_and_company_do_not_matter():
    table = maps(3, seed=5)
    both = nulls.null_maps(table, WHOLE, n=12, seed=4)
    alone = nulls.null_maps(table.loc[1].iloc[::-1], WHOLE, n=12, seed=4)
    np.testing.assert_allclose(both.loc[1], alone[table.columns], rtol=1e-6)
    other = nulls.null_maps(table.loc[1], WHOLE, n=12, seed=5)
    assert not np.allclose(other[DEEP], alone[DEEP])


def test_too_few_or_equal_values_below_stay_as_they_are():
    observed = maps(1, seed=6).iloc[0]
    few = observed.drop(DEEP[2:7] + DEEP[9:])
    found = nulls.null_maps(few, WHOLE, n=5)
    assert (found[few.index[68:]] == few.iloc[68:]).all(axis=None)
    flat = observed.copy()
    flat[DEEP[:7]] = 0.1
    table = pd.DataFrame([observed, flat], index=["varies", "flat"])
    drawn = nulls.null_maps(table, WHOLE, n=5)
    assert (drawn.loc["flat"][DEEP] == flat[DEEP]).all(axis=None)
    assert not np.allclose(drawn.loc["varies"][DEEP], observed[DEEP])
    left = observed[observed.index.str.startswith("L_")]
    assert nulls.null_maps(left, WHOLE, "moran", n=5).shape == (5, 41)


def test_what_has_no_sphere_is_refused():
    with pytest.raises(ValueError, match=r"none of the 14 regions, such as 'L_accumbens', is one of the cortex"):
        nulls.null_maps(maps(1, seed=0).iloc[0][DEEP], WHOLE)
    with pytest.raises(ValueError, match=r"14 of 82 regions lie below the cortex.*take null_maps"):
        nulls.reassignments(WHOLE, WHOLE.regions, n=3)


@pytest.mark.parametrize("method", ["spin", "moran"])
@pytest.mark.parametrize("level", [0.0, 2.0])
def test_false_alarms_stay_near_five_in_a_hundred(method, level):
    """1,000 pairs of unrelated maps: a share of .05 has a standard error of .007 (atlas_nulls.csv: 4,000)."""
    alarms = 0
    for seed in range(10):
        one, other = maps(100, 10 + seed, level).to_numpy(), maps(100, 1000 + seed, level)
        null = nulls.null_maps(other, WHOLE, method, n=99, seed=seed).to_numpy().reshape(100, 99, 82)
        observed = [np.corrcoef(a, b)[0, 1] for a, b in zip(one, other.to_numpy(), strict=True)]
        for a, r, draws in zip(one, observed, null, strict=True):
            alarms += nulls.p_value(r, np.corrcoef(a, draws)[0, 1:], "two-sided") <= 0.05
    assert 0.03 < alarms / 1000 < 0.08


def test_a_trial_over_cortex_and_subcortex():
    rng = np.random.default_rng(0)
    genes = pd.DataFrame(maps(8, seed=9).T.to_numpy(), WHOLE.regions, [f"g{k}" for k in range(8)])
    values = genes @ rng.normal(size=8) + 0.1 * rng.normal(size=82)
    cortex = xsg.Cortex("whole", genes, values, build_graph(WHOLE), WHOLE)
    from sklearn.linear_model import Ridge

    found = xsg.evaluate(Ridge(), cortex, n_nulls=49, progress=False)
    assert found.leaks is False
    assert found.held_out.loc["R²", "value"] > 0.8
    assert found.p_value["held-out R²"] <= 0.04
    assert {"position (kriging)", "contralateral copy"} <= set(found.baselines.index)
    assert found.baselines.notna()["R²"].all()
