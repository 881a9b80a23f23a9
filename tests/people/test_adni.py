"""The ADNI reader on small tables written in each of the layouts that ADNI has used, and the map made of them."""

import numpy as np
import pandas as pd
import pytest

from xsg.atlas import REGIONS
from xsg.data.cohort import Cohort, bootstrap_thinning, noise_ceiling, thinning_map
from xsg.people.adni import cohort_from_tables, read_adni, thickness_codes

CODES = list(thickness_codes())
GROUP_NAMES = np.repeat(["NC", "MCI", "AD"], [13, 5, 11])
N = len(GROUP_NAMES)


def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "RID": 100 + rng.permutation(N),
            "group": GROUP_NAMES,
            "month": rng.integers(1, 13, N),
            "year": rng.integers(1925, 1945, N),
            "sex": rng.choice(["F", "M"], N),
            "site": rng.choice(["7", "31"], N),
            "date": pd.Timestamp("2008-03-01") + pd.to_timedelta(rng.integers(0, 900, N), unit="D"),
        }
    )


def thickness() -> np.ndarray:
    return np.random.default_rng(4).uniform(1.8, 3.2, (N, 68)).round(3)


def ucsf(visit="sc", column="VISCODE2", date="%Y-%m-%d", qc="Pass") -> pd.DataFrame:
    p = people()
    free = pd.DataFrame(
        {"RID": p["RID"], column: visit, "EXAMDATE": p["date"].dt.strftime(date), "IMAGEUID": 5000 + p.index}
    )
    free["OVERALLQC"] = qc
    for flag in ("TEMPQC", "FRONTQC", "PARQC", "VENTQC"):
        free[flag] = "Pass"
    return pd.concat([free, pd.DataFrame(thickness(), columns=CODES)], axis=1)


def dxsum(coding="DIAGNOSIS", column="VISCODE2", codes=None) -> pd.DataFrame:
    p = people()
    codes = codes or {"NC": 1, "MCI": 2, "AD": 3}
    return pd.DataFrame({"RID": p["RID"], column: "bl", coding: p["group"].map(codes)})


def ptdemog(words=False) -> pd.DataFrame:
    p = people()
    sexes = {"F": "Female", "M": "Male"} if words else {"F": 2, "M": 1}
    return pd.DataFrame(
        {
            "RID": p["RID"],
            "PTGENDER": p["sex"].map(sexes),
            "PTDOBMM": p["month"],
            "PTDOBYY": p["year"],
            "SITEID": p["site"],
        }
    )


def tables(**changed) -> dict[str, pd.DataFrame]:
    found = {"UCSFFSX51.csv": ucsf(), "DXSUM_PDXCONV_ADNIALL.csv": dxsum(), "PTDEMOG.csv": ptdemog()}
    return {**found, **{f"{name}.csv": table for name, table in changed.items()}}


def adni1():
    return tables(
        UCSFFSX51=ucsf(column="VISCODE", date="%m/%d/%Y"),
        DXSUM_PDXCONV_ADNIALL=dxsum("DXCURREN", "VISCODE"),
        PTDEMOG=ptdemog(words=True),
    )


def go2():
    scans = ucsf("scmri")
    scans.insert(1, "VISCODE", "v02")
    diagnoses = dxsum("DXCHANGE", codes={"NC": 7, "MCI": 4, "AD": 5}).assign(DXCURREN=np.nan)
    return tables(UCSFFSX51=scans, DXSUM_PDXCONV_ADNIALL=diagnoses)


def latest():
    born = people()
    demographics = ptdemog().drop(columns=["PTDOBMM", "PTDOBYY"])
    demographics["PTDOB"] = [f"{m:02d}/{y}" for m, y in zip(born["month"], born["year"], strict=True)]
    return {"UCSFFSX7_01May2024.csv": ucsf("bl"), "DXSUM_01May2024.csv": dxsum(), "PTDEMOG_01May2024.csv": demographics}


def all_phases():
    """Three FreeSurfer files and three diagnosis columns, each filled in part."""
    p = people()
    part = np.arange(N) % 3
    diagnoses = dxsum()
    code = diagnoses.pop("DIAGNOSIS")
    for i, column in enumerate(("DXCURREN", "DXCHANGE", "DIAGNOSIS")):
        diagnoses[column] = code.where(part == i, np.nan if i else -4)
    demographics = ptdemog()
    again = demographics[part == 1].assign(PTGENDER=-4, PTDOBYY=np.nan)  # seen again in a later phase, not asked again
    files = {
        "UCSFFSX.csv": adni1()["UCSFFSX51.csv"],
        "UCSFFSX51.csv": go2()["UCSFFSX51.csv"],
        "UCSFFSX6.csv": ucsf("bl"),
    }
    return {
        **{name: table[part == i] for i, (name, table) in enumerate(files.items())},
        "DXSUM.csv": diagnoses,
        "PTDEMOG.csv": pd.concat([again, demographics]),
    } | {"README.txt": p}


def merged(with_date=True):
    p = people()
    shift = 40 if with_date else 0
    baseline = p["date"] - pd.Timedelta(days=shift)
    born = pd.to_datetime(pd.DataFrame({"year": p["year"], "month": p["month"], "day": 15}))
    table = pd.DataFrame(
        {
            "RID": p["RID"],
            "VISCODE": "bl",
            "DX_bl": p["group"].map({"NC": "SMC", "MCI": "LMCI", "AD": "AD"}),
            "DX": p["group"].map({"NC": "CN", "MCI": "MCI", "AD": "Dementia"}),
            "AGE": (baseline - born).dt.days / 365.25,
            "PTGENDER": p["sex"].map({"F": "Female", "M": "Male"}),
            "SITE": p["site"].astype(int),
        }
    )
    table.loc[::4, "DX"] = np.nan
    if with_date:
        table["EXAMDATE"] = baseline.dt.strftime("%Y-%m-%d")
    later = table.assign(VISCODE="m24", DX="Dementia", AGE=99.0)
    return {"UCSFFSX51.csv": ucsf(), "ADNIMERGE.csv": pd.concat([later, table])}


@pytest.mark.parametrize("layout", [tables, adni1, go2, latest, all_phases, merged, lambda: merged(with_date=False)])
def test_every_layout_gives_the_same_cohort(layout, tmp_path):
    for name, table in layout().items():
        table.to_csv(tmp_path / name, index=False)
    cohort = read_adni(tmp_path)

    p = people()
    order = np.argsort(p["RID"].to_numpy())
    p = p.iloc[order]
    assert list(cohort.thickness.columns) == list(REGIONS)
    assert list(cohort.subjects.index) == list(p["RID"])
    np.testing.assert_array_equal(cohort.thickness.to_numpy(), thickness()[order])
    assert list(cohort.subjects["group"]) == list(p["group"])
    assert list(cohort.subjects["sex"]) == list(p["sex"])
    assert list(cohort.subjects["site"]) == list(p["site"])
    age = (p["date"].dt.year - p["year"]) + (p["date"].dt.month - p["month"]) / 12
    assert np.abs(cohort.subjects["age"].to_numpy() - age.to_numpy()).max() < 0.1
    assert cohort.provenance[-1] == "kept 13 NC, 5 MCI, 11 AD"


def test_a_column_is_found_by_its_code_not_its_place():
    shuffled = ucsf()
    shuffled = shuffled[shuffled.columns[::-1]]
    cohort = cohort_from_tables(tables(UCSFFSX51=shuffled))
    rid = people()["RID"][6]
    assert cohort.thickness.loc[rid, "R_entorhinal"] == ucsf().loc[6, "ST83TA"]


@pytest.mark.parametrize(
    ("code", "group"),
    [(1, "NC"), (7, "NC"), (9, "NC"), (2, "MCI"), (4, "MCI"), (8, "MCI"), (3, "AD"), (5, "AD"), (6, "AD")],
)
def test_a_change_of_diagnosis_counts_as_what_it_ends_in(code, group):
    diagnoses = dxsum("DXCHANGE")
    diagnoses.loc[2, "DXCHANGE"] = code
    cohort = cohort_from_tables(tables(DXSUM_PDXCONV_ADNIALL=diagnoses))
    assert cohort.subjects.loc[diagnoses.loc[2, "RID"], "group"] == group


def test_quality_control_drops_and_counts():
    scans = ucsf()
    scans.loc[0, "OVERALLQC"] = "Fail"
    scans.loc[1, ["OVERALLQC", "TEMPQC"]] = ["Partial", "Fail"]
    scans.loc[2, ["OVERALLQC", "VENTQC"]] = ["Partial", "Fail"]
    scans.loc[[3, 4], "OVERALLQC"] = None
    scans.loc[5, "OVERALLQC"] = "Hippocampus Only"
    cohort = cohort_from_tables(tables(UCSFFSX51=scans))
    kept = set(cohort.subjects.index)
    assert set(scans["RID"]) - kept == set(scans.loc[[0, 1, 3, 4, 5], "RID"])
    said = "\n".join(cohort.provenance)
    assert "1 scans dropped: OVERALLQC Fail" in said
    assert "1 scans dropped: OVERALLQC Partial with a failed lobe" in said
    assert "1 scans with OVERALLQC Partial kept" in said
    assert "2 scans dropped: OVERALLQC empty" in said
    assert "5 subjects dropped: no baseline scan passed" in said


def test_the_baseline_scan_is_bl_else_sc_and_never_a_follow_up():
    first, second, third = ucsf("sc"), ucsf("bl"), ucsf("m12")
    second[CODES] += 0.5
    third[CODES] -= 0.5
    second["IMAGEUID"] += 100
    second.loc[4, "OVERALLQC"] = "Fail"
    both = pd.concat([third, first, second[second.index < 9]], ignore_index=True)
    cohort = cohort_from_tables(tables(UCSFFSX51=both))
    rids = people()["RID"]
    for row, extra in ((3, 0.5), (4, 0.0), (9, 0.0)):
        np.testing.assert_allclose(cohort.thickness.loc[rids[row]], thickness()[row] + extra)


def test_an_image_processed_again_counts_once_with_its_later_run():
    early, late = ucsf().assign(RUNDATE="9/1/2011"), ucsf().assign(RUNDATE="10/1/2011")
    late[CODES] += 0.25
    early["RUNDATE"] = early["RUNDATE"].where(early.index != 1)  # a run without date counts as the earliest
    cohort = cohort_from_tables(tables(UCSFFSX51=pd.concat([late, early.head(8)], ignore_index=True)))
    for row in (0, 1, 8):
        np.testing.assert_allclose(cohort.thickness.loc[people()["RID"][row]], thickness()[row] + 0.25)
    assert any(line.startswith("8 rows dropped: the same image") for line in cohort.provenance)


def test_subjects_without_diagnosis_or_demographics_are_dropped_and_counted():
    cohort = cohort_from_tables(
        tables(
            DXSUM_PDXCONV_ADNIALL=dxsum().iloc[2:],
            PTDEMOG=ptdemog().assign(SITEID=lambda t: t["SITEID"].where(t.index != 9)),
        )
    )
    assert len(cohort.subjects) == N - 3
    assert "2 subjects dropped: no diagnosis at baseline" in cohort.provenance
    assert "1 subjects dropped: no site" in cohort.provenance


def test_disagreeing_demographics_are_counted():
    twice = pd.concat([ptdemog(), ptdemog().head(3).assign(PTDOBYY=1950)])
    cohort = cohort_from_tables(tables(PTDEMOG=twice))
    assert "3 subjects have more than one date of birth in the tables: the first is used" in cohort.provenance


def put(table, row, column, value):
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table


RID2 = people()["RID"][2]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"UCSFFSX51": ucsf().rename(columns={"ST83TA": "ST83TS"})}, ["UCSFFSX51.csv", "ST83TA", "ST83TS"]),
        ({"UCSFFSX51": ucsf().rename(columns={"VISCODE2": "VISCODE3"})}, ["no column VISCODE2", "VISCODE3"]),
        ({"DXSUM_PDXCONV_ADNIALL": dxsum("DXCURRENT")}, ["DXSUM", "no column DXCURREN", "DXCURRENT"]),
        ({"PTDEMOG": ptdemog().rename(columns={"PTGENDER": "GENDER"})}, ["PTDEMOG.csv", "PTGENDER", "'GENDER'"]),
        ({"UCSFFSX51": put(ucsf(), 2, "ST24TA", np.nan)}, [f"RID {RID2}", "ST24TA", "L_entorhinal", "nan"]),
        ({"UCSFFSX51": put(ucsf(), 2, "ST24TA", 2431.0)}, [f"RID {RID2}", "2431", "mm"]),
        ({"UCSFFSX51": put(ucsf(), 2, "ST24TA", "thin")}, ["ST24TA", "'thin'", "number"]),
        ({"UCSFFSX51": put(ucsf(), 2, "OVERALLQC", "Passed")}, ["'Passed'", "OVERALLQC", f"RID {RID2}", "partial"]),
        ({"UCSFFSX51": put(ucsf(), 2, "EXAMDATE", "spring")}, ["'spring'", "EXAMDATE", "date"]),
        ({"DXSUM_PDXCONV_ADNIALL": put(dxsum(), 2, "DIAGNOSIS", 4)}, ["unknown code 4", "DIAGNOSIS", f"RID {RID2}"]),
        ({"PTDEMOG": put(ptdemog(), 2, "PTGENDER", 3)}, ["unknown code '3'", "PTGENDER", f"RID {RID2}"]),
        ({"PTDEMOG": put(ptdemog(), 2, "PTDOBYY", 2003)}, [f"RID {RID2}", "years", "18 to 110"]),
        ({"DXSUM_PDXCONV_ADNIALL": dxsum().assign(DXCURREN=1)}, ["DIAGNOSIS", "DXCURREN", "agree"]),
        ({"DXSUM2": dxsum().assign(DIAGNOSIS=1)}, ["two diagnoses", "DXSUM2.csv"]),
        ({"PTDEMOG": put(ptdemog(), 2, "RID", np.nan)}, ["PTDEMOG.csv", "1 rows have no RID"]),
    ],
)
def test_bad_tables_are_refused_by_name(changed, words):
    with pytest.raises(ValueError) as error:
        cohort_from_tables(tables(**changed))
    for word in words:
        assert word in str(error.value)


def test_two_scans_of_a_subject_at_baseline_are_refused_with_a_way_out():
    second = ucsf().iloc[[2]].assign(IMAGEUID=9999)
    with pytest.raises(ValueError, match=rf"RID {RID2} has 2 scans at visit sc: IMAGEUID 5002, 9999 .*Delete"):
        cohort_from_tables(tables(UCSFFSX_3T=second))


@pytest.mark.parametrize("names", [[], ["DXSUM.csv", "PTDEMOG.csv"], ["UCSFFSX51.csv", "DXSUM.csv"]])
def test_a_missing_file_is_named(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("RID\n1\n")
    with pytest.raises(ValueError, match=r"no .*(UCSFFSX|PTDEMOG)\*\.csv.*Files here"):
        read_adni(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        read_adni(tmp_path / "nowhere")


def make_cohort(n_nc=41, n_ad=23, n_sites=3, seed=0, effect=0.2) -> Cohort:
    """A cohort of 7 regions in which group, age, sex and site are entangled."""
    rng = np.random.default_rng(seed)
    ad = np.r_[np.zeros(n_nc), np.ones(n_ad)]
    n = len(ad)
    age = 70 + 6 * ad + rng.normal(0, 5, n)
    man = rng.random(n) < 0.4 + 0.2 * ad
    site = (rng.random(n) * n_sites).astype(int)
    y = 2.5 - np.outer(ad, effect * np.arange(1, 8) / 7) - 0.02 * (age - 70)[:, None] - 0.1 * man[:, None]
    y = y + rng.normal(0, 0.2, n_sites)[site][:, None] + rng.normal(0, 0.1, (n, 7))
    rid = pd.Index(np.arange(n) + 11, name="RID")
    subjects = pd.DataFrame(
        {"group": np.where(ad == 1, "AD", "NC"), "age": age, "sex": np.where(man, "M", "F"), "site": site.astype(str)},
        rid,
    )
    return Cohort(pd.DataFrame(y, rid, [f"region{i}" for i in range(7)]), subjects)


def dummies(cohort: Cohort) -> np.ndarray:
    s = cohort.subjects
    columns = [np.ones(len(s)), s["group"] == "AD", s["age"], s["sex"] == "M"]
    columns += [s["site"] == site for site in sorted(s["site"].unique())[1:]]
    return np.column_stack([np.asarray(c, float) for c in columns])


def test_the_map_is_ordinary_least_squares_with_site_dummies():
    cohort = make_cohort()
    x, y = dummies(cohort), cohort.thickness.to_numpy()
    beta, rss, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    sd = np.sqrt(rss / (len(x) - rank))
    c = np.linalg.inv(x.T @ x)[1, 1]
    found = thinning_map(cohort)
    np.testing.assert_allclose(found["thinning"], -beta[1], rtol=1e-9)
    np.testing.assert_allclose(found["se"], sd * np.sqrt(c), rtol=1e-9)
    np.testing.assert_allclose(found["d"], -beta[1] / sd, rtol=1e-9)
    assert (found["d_low"] < found["d"]).all()
    assert (found["d"] < found["d_high"]).all()
    assert set(found["n_controls"]) == {41}
    assert set(found["n_patients"]) == {23}
    assert found.attrs["units"]["thinning"] == "mm"
    assert np.corrcoef(found["thinning"], np.arange(7))[0, 1] > 0.9  # the effect grows with the region's number


def test_the_ceiling_counts_the_error_around_the_maps_mean():
    """Simulated studies, scored as a model is that knows the truth and has an intercept: truth + observed mean."""
    truth = 0.2 * np.arange(1, 8) / 7
    rng = np.random.default_rng(8)
    design = make_cohort(effect=0)
    patient = (design.subjects["group"] == "AD").to_numpy()[:, None]
    expected, reached, old = [], [], []
    for _ in range(150):
        # What a subject has of its own: a shift of all regions, a pattern, and noise of each region.
        own = 0.15 * rng.standard_normal((64, 1)) + np.outer(rng.standard_normal(64), 0.05 * np.arange(-3, 4))
        own = own + 0.1 * rng.standard_normal((64, 7))
        cohort = Cohort(pd.DataFrame(2.5 - patient * truth + own, design.thickness.index), design.subjects)
        found = thinning_map(cohort)
        y = found["thinning"].to_numpy()
        around = ((y - y.mean()) ** 2).sum()
        expected.append(noise_ceiling(cohort))
        reached.append(1 - ((y - (truth - truth.mean() + y.mean())) ** 2).sum() / around)
        old.append(1 - (found["se"] ** 2).sum() / around)
    ceiling, sd = np.transpose(expected)
    apart, apart_old = reached - ceiling, np.subtract(reached, old)
    assert abs(apart.mean()) < 2 * apart.std() / np.sqrt(150)
    assert apart_old.mean() > 4 * apart_old.std() / np.sqrt(150)
    assert 0.8 < (apart / sd).std() < 1.25  # the spread is what it says, too


def test_the_ceiling_is_the_regression_about_each_subjects_mean():
    cohort = make_cohort()
    x = dummies(cohort)
    y = cohort.thickness.sub(cohort.thickness.mean(axis=1), axis=0).to_numpy()
    beta, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    left = y - x @ beta
    covariance = np.linalg.inv(x.T @ x)[1, 1] * left.T @ left / (len(x) - rank)
    around = (beta[1] ** 2).sum()
    ceiling, sd = noise_ceiling(cohort)
    assert np.isclose(ceiling, 1 - np.trace(covariance) / around)
    assert np.isclose(sd, np.sqrt(2 * np.trace(covariance @ covariance)) / around)
    # A shift of a whole brain is nobody's error.
    shifts = np.random.default_rng(3).normal(0, 0.3, len(x))
    shifted = Cohort(cohort.thickness.add(shifts, axis=0), cohort.subjects)
    np.testing.assert_allclose(noise_ceiling(shifted), (ceiling, sd), rtol=1e-9)
    with pytest.raises(ValueError, match="at least 10 are needed"):
        noise_ceiling(make_cohort(n_ad=9))


def test_without_covariates_it_is_the_difference_of_means_and_the_textbook_interval():
    cohort = make_cohort()
    found = thinning_map(cohort, adjust=())
    nc = cohort.thickness[(cohort.subjects["group"] == "NC").to_numpy()]
    ad = cohort.thickness[(cohort.subjects["group"] == "AD").to_numpy()]
    pooled = np.sqrt((40 * nc.var() + 22 * ad.var()) / 62)
    d = (nc.mean() - ad.mean()) / pooled
    np.testing.assert_allclose(found["thinning"], nc.mean() - ad.mean(), rtol=1e-9)
    np.testing.assert_allclose(found["d"], d, rtol=1e-9)
    half = 1.96 * np.sqrt(1 / 41 + 1 / 23 + d**2 / (2 * 62))
    np.testing.assert_allclose(found["d_high"] - found["d"], half, rtol=1e-9)


def test_the_interval_of_d_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = []
    for seed in range(60):
        cohort = make_cohort(seed=seed)
        noise = (
            rng.normal(0, 0.1, cohort.thickness.shape) - 0.08 * (cohort.subjects["group"] == "AD").to_numpy()[:, None]
        )
        cohort = Cohort(pd.DataFrame(2.5 + noise, cohort.thickness.index), cohort.subjects)
        found = thinning_map(cohort)
        covered.append(((found["d_low"] < 0.8) & (found["d_high"] > 0.8)).mean())
    assert 0.92 < np.mean(covered) < 0.98


def test_small_sites_are_pooled_and_said():
    cohort = make_cohort(n_nc=60, n_ad=33)
    few = cohort.subjects.index[[0, 1, 2, 70, 71, 5]]
    cohort.subjects.loc[few, "site"] = ["90", "90", "91", "91", "92", "92"]
    found = thinning_map(cohort)
    assert "3 sites with under 10 subjects pooled (6 subjects)" in found.attrs["provenance"]
    cohort.subjects.loc[few, "site"] = "90"
    np.testing.assert_allclose(found["thinning"], thinning_map(cohort)["thinning"])


@pytest.mark.parametrize(
    ("change", "choices", "words"),
    [
        ({}, {"patients": "MCI"}, "group 'MCI' has 0 subjects; at least 10"),
        ({}, {"patients": "NC"}, "both 'NC'"),
        ({}, {"adjust": ("age", "education")}, "covariate 'education' is unknown"),
        ({"site": "group"}, {}, "collinear design: group cannot be told apart"),
        ({"age": "group"}, {}, "collinear design: group and age"),
        ({"sex": "F"}, {}, "collinear design: sex"),
    ],
)
def test_what_cannot_be_estimated_is_refused(change, choices, words):
    cohort = make_cohort()
    for column, value in change.items():
        by_group = cohort.subjects["group"].map({"NC": 60.0, "AD": 80.0} if column == "age" else {"NC": "1", "AD": "2"})
        cohort.subjects[column] = by_group if value == "group" else value
    with pytest.raises(ValueError, match=words):
        thinning_map(cohort, **choices)
    with pytest.raises(ValueError, match=words):
        bootstrap_thinning(cohort, n=3, **choices)


def test_a_group_of_nine_is_too_small():
    with pytest.raises(ValueError, match="group 'AD' has 9 subjects"):
        thinning_map(make_cohort(n_ad=9))


def test_a_bootstrap_draw_is_the_map_of_the_resampled_subjects():
    cohort = make_cohort()
    draws = bootstrap_thinning(cohort, n=4, seed=8)
    rng = np.random.default_rng([8, 2])
    rows = np.concatenate([rng.integers(41, size=41), 41 + rng.integers(23, size=23)])
    again = Cohort(
        cohort.thickness.iloc[rows].reset_index(drop=True), cohort.subjects.iloc[rows].reset_index(drop=True)
    )
    np.testing.assert_allclose(draws.loc[2], thinning_map(again)["thinning"], rtol=1e-9)


def test_the_bootstrap_does_not_depend_on_chunks_or_the_number_of_draws(monkeypatch):
    cohort = make_cohort()
    whole = bootstrap_thinning(cohort, n=23, seed=1)
    monkeypatch.setattr("xsg.data.cohort._CHUNK", 7)
    np.testing.assert_allclose(bootstrap_thinning(cohort, n=11, seed=1), whole.head(11), rtol=1e-10)
    assert not np.allclose(bootstrap_thinning(cohort, n=11, seed=2), whole.head(11))


def test_the_bootstrap_spread_is_the_standard_error():
    cohort = make_cohort(n_nc=300, n_ad=120)
    draws = bootstrap_thinning(cohort, n=600)
    assert draws.shape == (600, 7)
    ratio = draws.std() / thinning_map(cohort)["se"]
    assert ratio.between(0.85, 1.15).all()


def test_a_site_that_vanishes_from_a_draw_does_no_harm():
    cohort = make_cohort(n_nc=40, n_ad=30)
    cohort.subjects["site"] = ["1"] * 35 + ["2"] * 5 + ["1"] * 25 + ["2"] * 5
    assert np.isfinite(bootstrap_thinning(cohort, n=300).to_numpy()).all()


def test_cohort_says_what_it_is():
    text = repr(cohort_from_tables(tables()))
    assert text.startswith("Cohort: 13 NC, 5 MCI, 11 AD; 68 regions, mm; 2 sites")
    with pytest.raises(ValueError, match="same index"):
        Cohort(make_cohort().thickness.iloc[::-1], make_cohort().subjects)
