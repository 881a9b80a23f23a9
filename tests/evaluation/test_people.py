"""Person by person: the test keeps its size though people have much in common, and says what is circular."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xsg.atlas import load_parcellation
from xsg.evaluation.nulls import null_maps
from xsg.evaluation.people import judge_people

DK = load_parcellation("dk")


@pytest.fixture
def cohort(smooth_maps):
    """Make a smooth prediction and people who share a smooth pattern of their own, related to it or not."""

    def draw(seed: int, n: int = 30, related: float = 0.0) -> tuple[pd.DataFrame, pd.Series]:
        maps = smooth_maps(n + 2, seed).to_numpy()
        shared = maps[0] + related * maps[1]
        noise = np.random.default_rng([seed, 1]).normal(0, 0.5, (n, 68))
        people = 0.7 * shared + 0.7 * maps[2:] + noise
        return pd.DataFrame(people, columns=DK.regions), pd.Series(maps[1], DK.regions)

    return draw


def test_its_size_is_nominal_where_a_test_of_single_people_is_not(cohort):
    found, naive = [], []
    for seed in range(400):
        judged = judge_people(*cohort(seed), DK, n=199, seed=seed)
        found.append([*judged.p_value, (judged.table["p"] <= 0.05).mean()])
        naive.append(stats.ttest_1samp(np.arctanh(judged.table["r"]), 0, alternative="greater").pvalue)
    found = np.array(found)
    size = dict(zip(["r", "rank r", "positive"], (found[:, :3] <= 0.05).mean(axis=0), strict=True))
    assert 0.03 <= size["r"] <= 0.08
    assert 0.03 <= size["rank r"] <= 0.08
    assert size["positive"] <= 0.08
    assert 0.03 <= found[:, 3].mean() <= 0.08  # of single people
    assert (np.array(naive) <= 0.05).mean() > 0.25  # people as if they had nothing in common


def test_it_finds_what_is_there(cohort):
    p = [judge_people(*cohort(seed, related=0.7), DK, n=199, seed=seed).p_value["r"] for seed in range(40)]
    assert np.mean(np.array(p) <= 0.05) > 0.8


def test_its_figures_are_those_of_the_definition(cohort):
    people, prediction = cohort(3, n=9, related=1.0)
    found = judge_people(people, prediction, DK, n=49, seed=5)
    assert "of 9 people reach p ≤ 0.05 alone, fewer than one would by chance" in found.sentence
    rotated = null_maps(prediction, DK, "spin", 49, seed=5, progress=False)
    r = [np.corrcoef(row, prediction)[0, 1] for row in people.to_numpy()]
    assert found.table["r"].to_numpy() == pytest.approx(r)
    assert found.table["rank r"].iloc[4] == pytest.approx(stats.spearmanr(people.iloc[4], prediction)[0])
    assert found.mean["r"] == pytest.approx(np.tanh(np.mean(np.arctanh(r))))
    assert found.mean["positive"] == pytest.approx(np.mean(np.array(r) > 0))
    null = [np.corrcoef(people.iloc[2], row)[0, 1] for row in rotated.to_numpy()]
    assert found.table["p"].iloc[2] == pytest.approx((1 + np.sum(null >= r[2])) / 50)
    each = [[np.corrcoef(row, other)[0, 1] for row in people.to_numpy()] for other in rotated.to_numpy()]
    assert found.null["r"].to_numpy() == pytest.approx(np.tanh(np.arctanh(each).mean(axis=1)))


def test_regions_are_joined_by_name_and_held_out_ones_alone_count(cohort):
    people, prediction = cohort(1)
    plain = judge_people(people, prediction, DK, n=19)
    turned = people.iloc[:, ::-1].rename(columns=lambda r: f"{r[0].lower()}h_{r[2:]}_thickness")
    assert judge_people(turned, prediction, DK, n=19).table.equals(plain.table)
    part = prediction.mask(np.arange(68) < 34)
    found = judge_people(people, part, DK, n=19)
    assert found.n_regions == 34
    assert found.table["r"].iloc[0] == pytest.approx(np.corrcoef(people.iloc[0, 34:], prediction.iloc[34:])[0, 1])


def test_what_is_circular_is_said(cohort):
    people, prediction = cohort(1)
    for circular, told in ((True, "circular in part"), (None, "is not known"), (False, None)):
        text = judge_people(people, prediction, DK, n=19, circular=circular).sentence
        assert ("circular" in text) == (told is not None)
        assert told is None or told in text


def test_nobody_is_named(cohort):
    people, prediction = cohort(1)
    found = judge_people(people.set_axis([f"sub-IXI{k:03d}" for k in range(30)], axis=0), prediction, DK, n=19)
    assert "IXI" not in repr(found) + found.sentence + found.table.to_csv()


def test_what_is_no_map_is_refused(cohort):
    people, prediction = cohort(1)
    with pytest.raises(ValueError, match="one value throughout"):
        judge_people(people, prediction * 0, DK)
    with pytest.raises(ValueError, match="row 3 has one value"):
        judge_people(people.mul(np.arange(30) != 2, axis=0), prediction, DK)
    with pytest.raises(ValueError, match="values in 9 regions"):
        judge_people(people, prediction.iloc[:9], DK)
    with pytest.raises(ValueError, match="missing: 'L_insula'"):
        judge_people(people.drop(columns="L_insula"), prediction, DK)
    with pytest.raises(TypeError, match="a table"):
        judge_people(people.to_numpy(), prediction, DK)


def from_neighbours(maps: pd.DataFrame) -> np.ndarray:
    """Predict each place from the others by how near they are: nothing but smoothness."""
    half = pd.DataFrame(maps.to_numpy()[:, :34])
    points = DK.table[["x", "y", "z"]].to_numpy()[:34]
    near = np.exp(-(np.linalg.norm(points[:, None] - points, axis=2) ** 2) / (2 * 25.0**2)) * (1 - np.eye(34))
    guess = half.to_numpy() @ (near / near.sum(axis=1, keepdims=True)).T
    return np.hstack([guess, guess])


def test_a_model_of_smoothness_alone_is_found_out_when_it_is_trained_anew(cohort):
    """Rotating its finished prediction is too easy a null: the map it was trained on is that of the people."""
    anew, finished = [], []
    for seed in range(150):
        people, _ = cohort(seed, n=12)
        own, judged = people.iloc[:6].mean(), people.iloc[6:]
        guess = pd.Series(from_neighbours(own.to_frame().T)[0], DK.regions)
        again = judge_people(judged, guess, DK, n=59, seed=seed, trained_on=own, again=from_neighbours)
        anew.append(again.p_value["r"])
        finished.append(judge_people(judged, guess, DK, n=59, seed=seed).p_value["r"])
    assert again.trained_anew
    assert np.mean(np.array(anew) <= 0.05) <= 0.08
    assert np.mean(np.array(finished) <= 0.05) > 0.15


def test_map_and_people_are_rotated_together(cohort):
    """A prediction that is the map itself fits the people as well after any rotation that tears nothing apart."""
    people, _ = cohort(2, n=9)
    own = people.mean()
    found = judge_people(people, own, DK, n=19, seed=3, trained_on=own, again=lambda maps: maps.to_numpy())
    rotated = null_maps(pd.concat([own.to_frame("map").T, people.rename("p{}".format)]), DK, "spin", 19, seed=3)
    each = [np.corrcoef(rotated.loc[("p4", k)], rotated.loc[("map", k)])[0, 1] for k in range(19)]
    own_r = np.corrcoef(people.iloc[4], own)[0, 1]
    assert found.table["p"].iloc[4] == pytest.approx((1 + np.sum(np.array(each) >= own_r - 1e-12)) / 20)


def test_rotated_cohorts_stop_when_enough_have_reached_the_people(cohort):
    people, _ = cohort(4, n=9)
    own, judged = people.iloc[:4].mean(), people.iloc[4:]
    guess = pd.Series(from_neighbours(own.to_frame().T)[0], DK.regions)
    asked = []

    def again(maps):
        asked.append(len(maps))
        return from_neighbours(maps)

    how = {"n": 199, "seed": 1, "trained_on": own, "again": again}
    full, short = judge_people(judged, guess, DK, **how), judge_people(judged, guess, DK, **how, stop_after=5)
    assert asked[0] == len(full.null) == 199
    assert sum(asked[1:]) < 199
    assert short.null.equals(full.null.iloc[: len(short.null)])
    assert (short.null["r"] >= short.mean["r"]).sum() == 5
    assert short.p_value["r"] == pytest.approx(5 / len(short.null))
    assert full.p_value["r"] == pytest.approx(short.p_value["r"], abs=0.2)


def test_without_rotations_there_is_no_p(cohort):
    found = judge_people(*cohort(1), DK, n=0)
    assert found.p_value.isna().all()
    assert "rotations" not in found.sentence
