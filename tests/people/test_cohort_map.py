"""Maps of cohorts: equal to statsmodels region by region, signs, reliability, deviations; nobody is named."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from xsg.atlas import load_parcellation
from xsg.people.cohort_map import CohortMap
from xsg.people.norm import deviations
from xsg.people.read_cohort import People

REGIONS = [f"{side}_{name}" for side in "LR" for name in ("insula", "cuneus", "lingual", "fusiform")][:7]


@pytest.fixture(scope="module")
def people() -> People:
    """Ninety people, two groups at three sites; patients lose most in the first region, and all with age."""
    rng = np.random.default_rng(3)
    n = 90
    table = pd.DataFrame(
        {
            "age": rng.uniform(50, 85, n),
            "sex": rng.choice(["F", "M"], n),
            "site": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
            "group": rng.choice(["AD", "CN"], n),
            "eTIV": rng.normal(1.5e6, 1e5, n),
        },
        index=[f"sub-person{k}" for k in range(n)],
    )
    loss = np.linspace(0.4, 0.0, 7)
    values = 2.6 - np.outer(table["group"] == "AD", loss) - 0.006 * (table["age"].to_numpy() - 65)[:, None]
    values = values + 0.1 * (table["site"] == "b").to_numpy()[:, None] + rng.normal(0, 0.1, (n, 7))
    return People(pd.DataFrame(values, table.index, REGIONS), table)


@pytest.mark.parametrize(
    ("covariates", "formula"),
    [
        (("age", "sex", "site"), "age + C(sex) + C(site)"),
        ("bs(age, 4) + C(sex) * eTIV", "bs(age, 4) + C(sex) * eTIV"),
        ((), "1"),
        (None, "age + C(sex) + C(site)"),
    ],
)
def test_it_is_statsmodels_in_every_region(people, covariates, formula):
    found = people.contrast("group", "AD", "CN", covariates)
    for region in REGIONS:
        data = people.table.assign(y=people.values[region], patient=(people.table["group"] == "AD").astype(float))
        peer = smf.ols(f"y ~ patient + {formula}", data).fit()
        assert found.map[region] == pytest.approx(-peer.params["patient"], rel=1e-8)
        assert found.standard_error[region] == pytest.approx(peer.bse["patient"], rel=1e-8)
        assert found.table().loc[region, "t"] == pytest.approx(-peer.tvalues["patient"], rel=1e-8)
        assert found.table().loc[region, "d"] == pytest.approx(-peer.params["patient"] / peer.mse_resid**0.5, rel=1e-8)
    assert found.dof == peer.df_resid
    assert found.n == 90


def test_a_slope_is_statsmodels_too_and_per_decade(people):
    found = people.slope("age", ("sex", "site"))
    peer = smf.ols("y ~ age + C(sex) + C(site)", people.table.assign(y=people.values["L_lingual"])).fit()
    assert found.map["L_lingual"] == pytest.approx(-10 * peer.params["age"])
    assert found.standard_error["L_lingual"] == pytest.approx(10 * peer.bse["age"])
    assert found.map.attrs["unit"] == "mm per decade"
    assert people.slope("age", ("sex", "site"), per=1).map["L_lingual"] == pytest.approx(-peer.params["age"])
    assert people.slope("eTIV", per=1e5).map.attrs["unit"] == "mm per 100000 of eTIV"


def test_positive_is_loss_whatever_is_measured(people):
    assert people.contrast("group", "AD", "CN").map.idxmax() == "L_insula"
    assert people.contrast("group", "CN", "AD").map.idxmin() == "L_insula"
    uptake = People(-people.values, people.table, "uptake", "SUVR", positive="loss")
    assert uptake.contrast("group", "AD", "CN").map["L_insula"] > 0.3
    found = people.contrast("group", "AD", "CN").map.attrs
    assert (found["unit"], found["positive"], found["atlas"]) == ("mm", "loss", "desikan")


def test_the_ceiling_is_that_of_the_house(people):
    """`noise_ceiling` of the same people, groups and covariates."""
    from xsg.data.cohort import Cohort, noise_ceiling

    subjects = people.table[["age", "sex", "site", "group"]].replace({"group": {"CN": "NC"}})
    peer = noise_ceiling(Cohort(people.values, subjects))
    found = people.contrast("group", "AD", "CN")
    assert (found.ceiling, found.ceiling_sd) == pytest.approx(peer)


def test_split_halves_agree_where_there_is_an_effect_and_not_where_there_is_none(people):
    found = people.contrast("group", "AD", "CN")
    r = found.split_half["median"]
    assert r > 0.8
    assert found.reliability == pytest.approx(2 * r / (1 + r))
    shuffled = people.table["group"].sample(frac=1, random_state=1).to_numpy()
    none = People(people.values, people.table.assign(group=shuffled)).contrast("group", "AD", "CN")
    assert abs(none.split_half["median"]) < 0.5
    assert found.split_half.equals(people.contrast("group", "AD", "CN").split_half)  # seeded


def test_halves_share_nobody_and_keep_group_and_site(people):
    found = people.contrast("group", "AD", "CN")
    first, second = found.halves(seed=4)
    assert not first.cohort.table.index.intersection(second.cohort.table.index).size
    assert first.n + second.n == 90
    for column in ("group", "site"):
        sizes = [half.cohort.table[column].value_counts().sort_index() for half in (first, second)]
        assert (sizes[0] - sizes[1]).abs().max() <= 2
    assert np.corrcoef(first.map, found.map)[0, 1] > 0.8  # the sign is kept
    assert isinstance(first, CohortMap)


def test_deviations_of_patients_are_losses_from_the_norm_of_controls(people):
    found = people.contrast("group", "AD", "CN").deviations
    patients = found.z[~found.reference]
    assert patients["L_insula"].mean() > 2
    assert abs(patients[REGIONS[-1]].mean()) < 0.5
    assert found.reference.sum() == (people.table["group"] == "CN").sum()


def test_people_to_judge_took_no_part_in_the_map_and_have_no_names(people):
    found = people.contrast("group", "AD", "CN")
    judged = found.people
    other, mine = found.halves()
    assert len(judged) == int(mine.effect.sum())
    assert judged.attrs["map"] == pytest.approx(other.map.to_dict())
    assert judged.index.to_list() == list(range(1, len(judged) + 1))
    assert "person1" not in repr(judged) + repr(found) + repr(people) + repr(found.deviations) + str(found.map.attrs)


def test_a_norm_is_calibrated_on_people_it_has_not_seen():
    rng = np.random.default_rng(0)
    n = 800
    table = pd.DataFrame({"age": rng.uniform(20, 90, n), "sex": rng.choice(["F", "M"], n)})
    values = 3 - 2e-4 * (table[["age"]].to_numpy() - 20) ** 2 / 3 + 0.1 * (table[["sex"]].to_numpy() == "M")
    values = pd.DataFrame(values + rng.normal(0, 0.15, (n, 7)), columns=REGIONS)
    found = People(values, table).deviations()
    assert found.summary["mean"] == pytest.approx(0, abs=0.02)
    assert found.summary["sd"] == pytest.approx(1, abs=0.03)
    assert found.summary["beyond"] == pytest.approx(0.05, abs=0.015)
    truth = 1 - 0.15**2 / values.var().mean()
    assert found.summary["explained"] == pytest.approx(truth, abs=0.03)
    # Someone far too thin for the age stands out; the reference's other half does not see whom it judges.
    thin = values.copy()
    thin.iloc[5] -= 1
    assert People(thin, table).deviations().z.iloc[5].min() > 4


def test_norms_beyond_the_ages_of_the_reference_are_said(people):
    young = people.table["age"] < 70
    found = deviations(people, young, ["age", "sex"])
    assert any("straight line" in line for line in found.provenance)
    assert np.isfinite(found.z).all(axis=None)


def test_a_site_without_controls_is_left_out_and_counted(people):
    table = people.table.assign(site=people.table["site"].mask(people.table["group"] == "AD", "only patients"))
    found = deviations(People(people.values, table), table["group"] == "CN", ["age", "site"])
    assert len(found.z) == (table["group"] == "CN").sum()
    assert any(f"{(table['group'] == 'AD').sum()} people of a level" in line for line in found.provenance)


def test_what_cannot_be_estimated_is_refused(people):
    table = people.table
    few = table.assign(group=["CN"] * 3 + ["AD"] * 87)
    with pytest.raises(ValueError, match="'CN' has 3 people"):
        People(people.values, few).contrast("group", "AD", "CN")
    with pytest.raises(ValueError, match=r"'age', 'months'|'months', 'age'"):
        People(people.values, table.assign(months=table["age"] * 12)).contrast("group", "AD", "CN", ("age", "months"))
    nested = table.assign(site=np.where(table["group"] == "AD", "a", "b"))
    with pytest.raises(ValueError, match="cannot be told apart"):
        People(people.values, nested).contrast("group", "AD", "CN")
    with pytest.raises(ValueError, match="'sex' is the same in all"):
        People(people.values, table.assign(sex="F")).contrast("group", "AD", "CN", ("age", "sex"))
    with pytest.raises(ValueError, match="no column 'iq'"):
        people.slope("iq")
    with pytest.raises(ValueError, match="expected numbers"):
        people.slope("group")
    with pytest.raises(ValueError, match="what is estimated itself"):
        people.slope("age", ("age", "sex"))
    with pytest.raises(ValueError, match="covariates 'age \\+ wrong'"):
        people.slope("eTIV", "age + wrong")
    with pytest.raises(ValueError, match="people with"):
        deviations(people, pd.Series(np.arange(90) < 11, table.index))


def test_all_of_one_sex_and_a_site_of_one_are_told_not_refused(people):
    table = people.table.assign(sex="F")
    found = People(people.values, table).contrast("group", "AD", "CN")
    assert any("Not adjusted for sex" in line for line in found.provenance)
    alone = people.table.assign(site=["z", "y", *people.table["site"].iloc[2:]])
    found = People(people.values, alone).contrast("group", "AD", "CN")
    assert any("2 sites with under 10 people are one level (2 people)" in line for line in found.provenance)
    assert found.split_half.notna().all()
    one = people.table.assign(site=["z", *people.table["site"].iloc[1:]])
    without = People(people.values.iloc[1:], people.table.iloc[1:]).contrast("group", "AD", "CN")
    assert np.allclose(People(people.values, one).contrast("group", "AD", "CN").map, without.map)


def test_missing_covariates_are_counted(people):
    table = people.table.assign(age=people.table["age"].mask(np.arange(90) < 4))
    found = People(people.values, table).contrast("group", "AD", "CN")
    assert found.n == 86
    assert any("4 people of whom something is not known (age of 4)" in line for line in found.provenance)
    assert People(people.values, table).contrast("group", "AD", "CN", "age + C(sex)").n == 86


def test_harmonising_names_what_it_needs(people, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "neuroHarmonize", None)
    shared = (people.values, people.table, "thickness", "mm", "desikan", "gain", "harmonize")
    with pytest.raises(ImportError, match=r"xsg\[cohorts\]"):
        People(*shared).contrast("group", "AD", "CN")


def test_a_cortex_with_people_is_judged_person_by_person(people):
    """Of the half whose map was not trained on; without a null there is no p, and nobody is named."""
    from dataclasses import replace

    from sklearn.linear_model import Ridge

    import xsg

    cortex = xsg.load_cortex("simulated", n_genes=9, n_controls=60, n_patients=60)
    found = People.of(cortex.cohort).contrast("group", "AD", "NC", ())
    with_people = replace(cortex, thinning=found.map, people=found.people)
    report = xsg.evaluate(Ridge(), with_people, n_nulls=19, n_dealings=1, baselines=False, progress=False)
    judged = report.people
    assert len(judged.table) == len(found.people) == 30
    assert judged.trained_anew
    assert judged.circular is False
    assert "the map of the other half" in judged.sentence
    assert xsg.evaluate(Ridge(), cortex, n_nulls=0, baselines=False, progress=False).people is None
    # The prediction is that of the other half's map, on the first dealing.
    half = replace(cortex, thinning=pd.Series(found.people.attrs["map"]))
    alone = xsg.evaluate(Ridge(), half, n_nulls=0, n_dealings=1, baselines=False, progress=False)
    r = np.corrcoef(found.people.iloc[4], alone.predictions["held out"])[0, 1]
    assert judged.table["r"].iloc[4] == pytest.approx(r)
    same = replace(with_people, people=found.deviations.z)
    told = xsg.evaluate(Ridge(), same, n_nulls=0, n_dealings=1, baselines=False, progress=False).people
    assert told.circular is None
    assert told.p_value.isna().all()


def test_what_is_harmonised_keeps_the_question_and_its_covariates(people, monkeypatch):
    """A stand-in takes the means of sites out, beyond what it was told to keep."""
    import sys
    from types import SimpleNamespace

    asked = []

    def learn(values, covariates):
        asked.append(covariates)
        x = pd.get_dummies(covariates, dtype=float).to_numpy()
        kept = covariates.drop(columns="SITE").to_numpy(float)
        beta = np.linalg.lstsq(np.column_stack([x]), values, rcond=None)[0]
        return {}, values - x[:, kept.shape[1] :] @ beta[kept.shape[1] :]

    monkeypatch.setitem(sys.modules, "neuroHarmonize", SimpleNamespace(harmonizationLearn=learn))
    shared = (people.values, people.table, "thickness", "mm", "desikan", "gain")
    found = People(*shared, "harmonize").contrast("group", "AD", "CN")
    covariates = asked[0]
    assert set(covariates["SITE"]) == {"a", "b", "c"}
    assert covariates["x0"].to_list() == (people.table["group"] == "AD").to_list()
    assert covariates.shape[1] == 4  # the question, age, sex and site
    assert np.allclose(found.map, People(*shared).contrast("group", "AD", "CN").map)
    assert found.dof == 86
    assert any("3 sites taken out of all 90 people" in line for line in found.provenance)
    few = People(people.values, people.table.assign(site="a"), *shared[2:], "harmonize")
    with pytest.raises(ValueError, match="two sites or more"):
        few.contrast("group", "AD", "CN")


def test_few_people_are_not_judged_and_it_is_said(people):
    few = people.part(pd.concat([people.table.query(f"group == {g!r}").head(12) for g in ("AD", "CN")]).index)
    found = few.contrast("group", "AD", "CN")
    assert found.people is None
    assert any("Single people are not judged" in line for line in found.map.attrs["provenance"])
    assert found.reliability < 1


def test_a_cohort_of_whom_nothing_is_asked_is_refused(people):
    import xsg

    with pytest.raises(TypeError, match="nothing is asked yet"):
        xsg.evaluate(xsg.CrossScaleVAE(), people)


def test_evaluate_takes_a_map_of_people_as_it_is(real_data):
    from sklearn.linear_model import Ridge

    import xsg
    from xsg.people.read_cohort import read_cohort

    folder = real_data / "human/cohort"
    found = read_cohort(folder / "IXI_aparc_thickness.csv", folder / "IXI_age_gender.csv").slope("age")
    report = xsg.evaluate(Ridge(100), found, n_nulls=19, n_dealings=1, baselines=False, progress=False)
    assert report.cortex == "loss of thickness per decade"
    assert len(report.people.table) == len(found.people)
    assert not any("IXI0" in str(part) for part in (report, report.notes, report.people, report.settings))


def test_reliability_and_ceiling_are_those_of_the_truth():
    """Over cohorts whose true map is known: r² with it, and the R² that it has."""
    regions = load_parcellation("dk").regions
    found = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame({"group": ["AD"] * 35 + ["CN"] * 45, "age": rng.uniform(50, 80, 80)})
        loss, shared = rng.normal(0.1, 0.04, 68), 0.05 * rng.normal(size=(5, 68))
        values = 2.7 - np.outer(table["group"] == "AD", loss) + rng.normal(size=(80, 5)) @ shared
        people = People(pd.DataFrame(values + rng.normal(0, 0.12, (80, 68)), columns=regions), table)
        mapped = people.contrast("group", "AD", "CN")
        y, truth = mapped.map - mapped.map.mean(), loss - loss.mean()
        r2 = 1 - ((y - truth) ** 2).sum() / (y**2).sum()
        found.append([mapped.reliability, np.corrcoef(y, truth)[0, 1] ** 2, mapped.ceiling, r2])
    reliability, known, ceiling, reached = np.mean(found, axis=0)
    assert reliability == pytest.approx(known, abs=0.08)
    assert ceiling == pytest.approx(reached, abs=0.05)
    assert any(line.startswith("Reliability") for line in mapped.map.attrs["provenance"])
