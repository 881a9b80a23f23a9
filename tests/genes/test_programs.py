import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.atlas import load_parcellation
from xsg.genes.programs import (
    align_programs,
    canonical_correlations,
    gene_weights,
    main_directions,
    program_stability,
)
from xsg.training import CrossScaleVAE

DK = load_parcellation("dk")
NAMES = [f"program {number}" for number in range(1, 6)]


@pytest.fixture(scope="module")
def graph():
    return xsg.build_graph(DK)


@pytest.fixture
def smooth_programs(smooth_maps):
    return lambda seed: smooth_maps(5, seed).T.set_axis(NAMES, axis=1)


def test_pairing_undoes_order_and_sign(smooth_programs):
    one = smooth_programs(0)
    shuffled = (one.iloc[:, [3, 0, 4, 1, 2]] * [1, -1, -1, 2, 1]).set_axis(NAMES, axis=1).iloc[::-1]
    first, second = align_programs([one, shuffled])
    pd.testing.assert_frame_equal(first, one)
    pd.testing.assert_frame_equal(second, one * [-1, 2, 1, 1, -1] * [-1, 1, 1, 1, -1])


def test_canonical_correlations_see_no_rotation_and_count_shared_directions(smooth_programs):
    one, other = smooth_programs(0), smooth_programs(1)
    turned = one @ np.random.default_rng(2).standard_normal((5, 5))
    np.testing.assert_allclose(canonical_correlations(one, turned), 1, atol=1e-9)
    joined = pd.concat([one.iloc[:, :2], other.iloc[:, 2:4]], axis=1)
    found = canonical_correlations(one.iloc[:, :3], joined)
    assert found.shape == (3,)
    np.testing.assert_allclose(found[:2], 1, atol=1e-9)
    assert found[2] < 0.95


def test_main_directions_are_uncorrelated_and_hold_most_variance(smooth_programs):
    programs = smooth_programs(0)
    found = main_directions(programs, 3)
    np.testing.assert_allclose(found.T @ found / 68, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found.mean(), 0, atol=1e-9)
    values = np.linalg.eigvalsh(programs.cov(ddof=0))[::-1]
    projected = (programs - programs.mean()).T @ found / 68
    np.testing.assert_allclose((projected**2).sum(), values[:3])
    with pytest.raises(ValueError, match="k is 6; expected 1 to 5 directions of 5 programs over 68 regions"):
        main_directions(programs, 6)


def test_stable_programs_are_told_from_smooth_ones(smooth_programs):
    common = smooth_programs(0)
    fits = []
    for seed in range(1, 5):
        own = smooth_programs(seed)
        own[NAMES[:2]] = common[NAMES[:2]] + 0.1 * own[NAMES[:2]]
        fits.append(own)
    found = program_stability(fits, DK, n=99)
    assert list(found.index) == NAMES
    assert (found["r"][:2] > 0.95).all()
    assert (found["p"][:2] == 0.01).all()
    assert (found["p"][2:] > 0.05).all()
    # Unrelated programs pair with |r| far from 0 all the same: that is what the null is for.
    assert found["null"].min() > 0.15


@pytest.mark.parametrize("settings", [{}, {"rotate": False}, {"normalise": "none"}])
def test_gene_weights_are_the_slope_of_mean_predicted_thinning(graph, settings):
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.random((68, 12)), DK.regions, [f"G{number}" for number in range(12)])
    thinning = pd.Series(rng.random(68), DK.regions)
    model = CrossScaleVAE(epochs=30, latent=4, hidden=8, decoder=6, seed=1, **settings)
    model.fit(expression, thinning, graph=graph)
    weights = gene_weights(model, expression)
    assert list(weights.index) == list(expression.columns)
    for gene in ("G0", "G7"):
        unit = 1.0 if settings.get("normalise") == "none" else expression[gene].std(ddof=0)
        step = 0.01 * unit
        up, down = (model.predict(expression.assign(**{gene: expression[gene] + s * step})).mean() for s in (1, -1))
        assert weights[gene] == pytest.approx((up - down) / 0.02, rel=0.05, abs=2e-4)
    # The model is as it was: no hook stays behind.
    assert not model.net_._forward_pre_hooks
    with pytest.raises(ValueError, match="gene 'G3' and 0 more"):
        gene_weights(model, expression.drop(columns="G3"))
    assert not model.net_._forward_pre_hooks


def test_what_cannot_be_compared_is_refused(smooth_programs):
    one = smooth_programs(0)
    with pytest.raises(ValueError, match=r"shapes \(68, 5\) and \(68, 4\)"):
        align_programs([one, one.iloc[:, :4]])
    with pytest.raises(ValueError, match="1 set\\(s\\) of programs; expected at least 2"):
        program_stability([one], DK)
    with pytest.raises(ValueError, match="'program 2' has one value in all regions"):
        align_programs([one.assign(**{"program 2": 1.0}), one])
