"""The cortex object: aligned by name, says what it is, the same type whether simulated or real."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.atlas import REGIONS, build_graph
from xsg.data.cortex import Cortex
from xsg.data.vulnerability import load_disorder, load_rvi

SMALL = {"n_genes": 8, "n_controls": 31, "n_patients": 19}


@pytest.fixture
def cortex() -> Cortex:
    return xsg.load_cortex("simulated", **SMALL)


def test_tables_in_another_order_are_aligned_by_name(cortex):
    mixed = replace(
        cortex, expression=cortex.expression.iloc[::-1], thinning=cortex.thinning.sample(frac=1, random_state=1)
    )
    pd.testing.assert_frame_equal(mixed.expression, cortex.expression)
    pd.testing.assert_series_equal(mixed.thinning, cortex.thinning)
    assert list(mixed.regions) == list(REGIONS)


def test_a_subset_keeps_its_edges(cortex):
    some = [REGIONS[i] for i in (40, 3, 6, 9, 37, 60, 12)]
    small = replace(
        cortex,
        expression=cortex.expression.loc[some],
        thinning=cortex.thinning.loc[some],
        graph=cortex.graph.subset(some),
    )
    assert list(small.regions) == sorted(some, key=REGIONS.index)
    assert list(small.graph.regions) == list(small.regions)
    assert small.graph.weights.loc["L_cuneus", "R_cuneus"] == 1


@pytest.mark.parametrize("table", ["expression", "thinning", "graph"])
def test_a_region_that_one_table_lacks_is_named(cortex, table):
    keep = [r for r in REGIONS if r != "R_insula"]
    part = getattr(cortex, table)
    part = part.subset(keep) if table == "graph" else part.loc[keep]
    with pytest.raises(ValueError, match="R_insula"):
        replace(cortex, **{table: part})


def test_unknown_regions_and_nan_are_refused(cortex):
    with pytest.raises(ValueError, match="L_insular"):
        replace(cortex, expression=cortex.expression.rename(index={"L_insula": "L_insular"}))
    with pytest.raises(ValueError, match="L_cuneus"):
        replace(cortex, thinning=cortex.thinning.where(cortex.thinning.index != "L_cuneus"))


def test_it_is_frozen_and_says_what_it_is(cortex):
    with pytest.raises(FrozenInstanceError):
        cortex.thinning = None
    text = repr(cortex)
    for word in ("SIMULATED", "68 regions × 8 genes", "(mm)", "1 component", "6 programs", "noise ceiling", "31 NC"):
        assert word in text


def test_loading_again_gives_the_same_and_spoiling_one_does_not_spoil_the_next(cortex):
    cortex.expression.iloc[0, 0] = 99.0
    cortex.thinning.iloc[0] = 99.0
    cortex.provenance.append("spoilt")
    again = xsg.load_cortex("simulated", **SMALL)
    assert again.expression.iloc[0, 0] <= 1
    assert again.thinning.iloc[0] < 1
    assert "spoilt" not in again.provenance
    assert again.thinning.attrs["unit"] == "mm"
    other = xsg.load_cortex("simulated", seed=1, **SMALL)
    assert not np.allclose(other.thinning, again.thinning)


def test_unknown_names_and_choices_are_refused():
    with pytest.raises(ValueError, match=r"'mouse' is not known; there are: 'simulated', 'ahba', 'ahba-ad'"):
        xsg.load_cortex("mouse")
    with pytest.raises(ValueError, match="no choice 'genes'; it has: seed, n_genes"):
        xsg.load_cortex("simulated", genes="landmark")
    with pytest.raises(ValueError, match="no choice 'seed'; it has: missing, hemispheres, genes"):
        xsg.load_cortex("ahba-ad", seed=0)


@pytest.mark.parametrize(
    ("choices", "shape", "lost"),
    [
        ({}, (65, 776), "L_temporalpole, R_frontalpole, R_temporalpole"),
        ({"missing": "mirror"}, (66, 776), "L_temporalpole, R_temporalpole"),
        ({"hemispheres": "left", "genes": ["MAPK1IP1L", "DDR1"]}, (33, 2), "L_temporalpole"),
    ],
)
@pytest.mark.usefixtures("real_data")
def test_the_real_brain(choices, shape, lost):
    cortex = xsg.load_cortex("ahba-ad", **choices)
    assert cortex.expression.shape == shape
    assert not cortex.simulated
    assert cortex.truth is None
    assert list(cortex.graph.regions) == list(cortex.thinning.index) == list(cortex.expression.index)
    assert cortex.graph.n_components == 1
    assert cortex.thinning.idxmax() == "L_entorhinal"
    assert cortex.thinning["L_entorhinal"] == pytest.approx(1.59, abs=0.005)
    said = "\n".join(cortex.provenance)
    assert f"Left out for want of expression or effect size: {lost}." in said
    assert f"{shape[0]} regions, 33 independent thinning values" in said
    assert "real data" in repr(cortex)
    assert "Cohen's d" in repr(cortex)


@pytest.mark.parametrize(
    ("name", "shape", "values"),
    [
        ("ahba-pd", (66, 776), "66 regions, thinning measured on both sides (homologues are alike"),
        ("ahba-asd-mega", (64, 776), "64 regions, thinning measured on both sides"),
        ("ahba-adhd", (66, 776), "66 regions, 34 independent thinning values (homologues share theirs"),
    ],
)
@pytest.mark.usefixtures("real_data")
def test_every_disorder_has_its_cortex(name, shape, values):
    cortex = xsg.load_cortex(name)
    assert (cortex.name, cortex.expression.shape) == (name, shape)
    assert cortex.graph.n_components == 1
    thinning = load_disorder(name.removeprefix("ahba-"))
    pd.testing.assert_series_equal(cortex.thinning, thinning[cortex.regions], check_exact=True)
    said = "\n".join(cortex.provenance)
    assert values in said
    for line in thinning.attrs["provenance"]:
        assert line in said


@pytest.mark.usefixtures("real_data")
def test_alzheimers_cortex_is_the_rvi_table_to_the_bit():
    cortex = xsg.load_cortex("ahba-ad")
    rvi = load_rvi("AD")
    assert cortex.thinning.to_numpy().tobytes() == rvi[cortex.regions].to_numpy().tobytes()
    assert cortex.thinning.attrs == {"unit": "Cohen's d"}
    assert [line for line in cortex.provenance if "hinning" in line][:1] == rvi.attrs["provenance"][:1]
    assert (
        "65 regions, 33 independent thinning values (homologues share theirs: keep them in one fold)."
        in cortex.provenance
    )


def test_check_asks_for_what_the_method_needs():
    cortex = xsg.load_cortex("simulated")
    assert cortex.check(68, 910, binary=True, connected=True) is cortex
    with pytest.raises(ValueError, match="has 910 genes, 776 were asked for"):
        cortex.check(68, 776)
    with pytest.raises(ValueError, match="has 68 regions, 66 were asked for"):
        cortex.check(66)
    apart = replace(cortex, graph=build_graph(cortex.parcellation, homotopic=False))
    with pytest.raises(ValueError, match="2 components"):
        apart.check(connected=True)
    weighted = replace(cortex, graph=build_graph(cortex.parcellation, weights="distance"))
    with pytest.raises(ValueError, match="is not binary: an edge weighs 0"):
        weighted.check(binary=True)


@pytest.mark.usefixtures("real_data")
def test_a_map_of_your_own_is_joined_by_name():
    own = xsg.load_cortex("simulated").thinning.rename("my map").iloc[::-1].drop("L_insula")
    cortex = xsg.load_cortex("ahba", thinning=own)
    assert len(cortex.regions) == 68 - 3
    assert "L_insula, R_frontalpole, R_temporalpole" in " ".join(cortex.provenance)
    assert (cortex.thinning == own[cortex.regions]).all()
    left = xsg.load_cortex("ahba", thinning=own[own.index.str.startswith("L_")])
    assert len(left.regions) == 33
    assert "R_" not in " ".join(left.provenance[-2:])


def test_a_map_of_your_own_with_wrong_names_is_refused():
    own = xsg.load_cortex("simulated").thinning
    with pytest.raises(ValueError, match=r"1 of 68 .* 'L_entorinal' \(did you mean 'L_entorhinal'"):
        xsg.load_cortex("ahba", thinning=own.rename({"L_entorhinal": "L_entorinal"}))
    with pytest.raises(ValueError, match="needs thinning="):
        xsg.load_cortex("ahba")
    with pytest.raises(ValueError, match="not finite"):
        xsg.load_cortex("ahba", thinning=own.where(own.index != "L_cuneus"))
    with pytest.raises(TypeError, match="bare array"):
        xsg.load_cortex("ahba", thinning=own.to_numpy())
