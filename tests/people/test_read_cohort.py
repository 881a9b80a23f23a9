"""Tables as people send them: what is plain is read, what may mean two things is refused; nobody is named."""

import numpy as np
import pandas as pd
import pytest

from xsg.atlas import load_parcellation
from xsg.people.read_cohort import People, read_cohort

REGIONS = [region[2:] for region in load_parcellation("dk").regions[:34]]
N = 9
IDS = [f"sub-{k:03d}" for k in range(1, N + 1)]


@pytest.fixture
def tables(tmp_path):
    """The left table, the right one in another order, the people in a third; and what writes them, changed or not."""
    rng = np.random.default_rng(0)
    made = {}
    for side in ("lh", "rh"):
        table = pd.DataFrame(rng.uniform(2, 3.5, (N, 34)).round(3), IDS, [f"{side}_{r}_thickness" for r in REGIONS])
        table[f"{side}_MeanThickness_thickness"] = table.mean(axis=1).round(4)
        table["BrainSegVolNotVent"], table["eTIV"] = 1.1e6, np.arange(N) * 1e4 + 1.4e6
        made[side] = table.rename_axis(f"{side}.aparc.thickness").reset_index()
    made["rh"] = made["rh"].iloc[::-1]
    made["people"] = pd.DataFrame(
        {"participant_id": IDS, "age": rng.uniform(20, 90, N).round(1), "sex": ["M", "F", "f"] * 3, "site": "one"}
    ).sample(frac=1, random_state=0)

    def write(**changes):
        for name, table in made.items():
            changes.get(name, table).to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
        return (tmp_path / "lh.tsv", tmp_path / "rh.tsv"), tmp_path / "people.tsv"

    return made, write


def test_rows_are_joined_by_person_and_columns_by_region(tables):
    made, write = tables
    found = read_cohort(*write())
    assert found.values.shape == (N, 68)
    assert list(found.values.columns) == list(load_parcellation("dk").regions)
    for side, letter in (("lh", "L"), ("rh", "R")):
        column = made[side].set_index(f"{side}.aparc.thickness")[f"{side}_insula_thickness"]
        assert found.values[f"{letter}_insula"].to_list() == column[IDS].to_list()
    ages = made["people"].set_index("participant_id")["age"]
    assert found.table["age"].to_list() == ages[IDS].to_list()
    assert found.table["sex"].to_list() == ["M", "F", "F"] * 3
    assert {"eTIV", "lh_MeanThickness_thickness", "rh_MeanThickness_thickness"} <= set(found.table)
    assert not any(name in repr(found) for name in IDS)


@pytest.mark.parametrize("style", ["{:03d}", "{}", "sub-{:03d}_ses-1", "sub-{:03d}/ses-1", "SUB-{:03d}", "{}.0"])
def test_ids_in_another_style_are_the_same_people(tables, style):
    made, write = tables
    called = [style.format(int(each[4:])) for each in made["people"]["participant_id"]]
    found = read_cohort(*write(people=made["people"].assign(participant_id=called)))
    assert found.table["age"].to_list() == read_cohort(*write()).table["age"].to_list()


def test_numbers_that_would_make_two_people_one_are_not_matched(tables):
    made, write = tables
    called = made["people"]["participant_id"].replace({"sub-003": "1", "sub-001": "0001"})
    found = read_cohort(*write(people=made["people"].assign(participant_id=called)))
    assert len(found.values) == N - 2
    assert any("7 people matched" in line and "2 with regions are not there" in line for line in found.provenance)


def test_sessions_are_asked_for(tables):
    made, write = tables
    first = made["lh"].copy()
    name = first.columns[0]
    both = pd.concat([first.assign(**{name: first[name] + "_ses-1"}), first.assign(**{name: first[name] + "_ses-2"})])
    both.iloc[N:, 1:35] += 0.5
    with pytest.raises(ValueError, match=r"9 people are there more than once.*session='1'") as error:
        read_cohort(*write(lh=both))
    assert "sub-0" not in str(error.value)
    later = read_cohort(*write(lh=both), session="2").values["L_insula"].to_numpy()
    assert later == pytest.approx(read_cohort(*write()).values["L_insula"].to_numpy() + 0.5)
    with pytest.raises(ValueError, match="no row is of session '7'"):
        read_cohort(*write(lh=both), session="7")


def test_two_files_of_one_hemisphere_are_refused_and_swapped_ones_read_by_name(tables):
    _, write = tables
    (left, right), people = write()
    with pytest.raises(ValueError, match="34 regions twice: hemisphere L"):
        read_cohort((left, left), people)
    copied = pd.read_csv(left, sep="\t").rename(columns=lambda name: name.replace("lh", "rh"))
    with pytest.raises(ValueError, match="hold the same numbers"):
        read_cohort((left, copied), people)
    with pytest.raises(ValueError, match="says hemisphere R, its columns are of the other"):
        read_cohort((left, copied.rename(columns=lambda name: name.replace("rh_", "lh_"))), people)
    swapped, plain = read_cohort((right, left), people).values, read_cohort((left, right), people).values
    assert swapped.loc[plain.index].equals(plain)


def test_names_without_a_side_take_that_of_the_header_or_the_file(tables, tmp_path):
    made, write = tables
    bare = {
        side: made[side].rename(columns=lambda c: c[3:] if c.endswith("_thickness") else c) for side in ("lh", "rh")
    }
    assert read_cohort(*write(**bare)).values.equals(read_cohort(*write()).values)
    for side in ("lh", "rh"):
        bare[side] = bare[side].rename(columns={f"{side}.aparc.thickness": "subject"})
    assert read_cohort(*write(**bare)).values.equals(read_cohort(*write()).values)
    with pytest.raises(ValueError, match="Nothing tells their hemisphere"):
        read_cohort((bare["lh"], bare["rh"]), made["people"])  # nothing tells the side


def test_who_is_in_one_table_only_is_counted(tables):
    made, write = tables
    found = read_cohort(*write(lh=made["lh"].iloc[1:], people=made["people"].iloc[:-2]))
    told = " ".join(found.provenance)
    assert "1 people of whom only one hemisphere is there" in told
    kept = set(IDS[1:]) & set(made["people"]["participant_id"].iloc[:-2])
    assert len(found.values) == len(kept)
    with pytest.raises(ValueError, match=r"none of its 9 people .* 'sub-III00' here and 'sub-000' there"):
        read_cohort(*write(people=made["people"].assign(participant_id=[f"sub-abc{k}0" for k in range(N)])))


def test_a_person_twice(tables):
    made, write = tables
    with pytest.raises(ValueError, match=r"people.tsv: 1 people are there more than once, the first in lines"):
        read_cohort(*write(people=pd.concat([made["people"], made["people"].iloc[:1].assign(age=33.0)])))
    same = read_cohort(*write(people=pd.concat([made["people"], made["people"].iloc[:1]])))
    assert len(same.values) == N
    assert any("1 rows are there twice and taken once" in line for line in same.provenance)


def test_spreadsheets_of_europe(tables, tmp_path):
    made, write = tables
    plain = read_cohort(*write())
    paths = []
    for name, table in made.items():
        path = tmp_path / f"{name}_eu.csv"
        path.write_bytes(b"\xef\xbb\xbf" + table.to_csv(sep=";", decimal=",", index=False).encode())
        paths.append(path)
    found = read_cohort(tuple(paths[:2]), paths[2])
    pd.testing.assert_frame_equal(found.values, plain.values)
    pd.testing.assert_frame_equal(found.table, plain.table)


def test_workbooks(tables, tmp_path):
    made, write = tables
    for name, table in made.items():
        table.to_excel(tmp_path / f"{name}.xlsx", index=False)
    found = read_cohort((tmp_path / "lh.xlsx", tmp_path / "rh.xlsx"), tmp_path / "people.xlsx")
    plain = read_cohort(*write())
    pd.testing.assert_frame_equal(found.values, plain.values)
    pd.testing.assert_frame_equal(found.table, plain.table)


def test_units_and_measures_are_not_guessed(tables):
    made, write = tables
    thick = {
        side: made[side].assign(**{c: made[side][c] * 1000 for c in made[side] if c.startswith(f"{side}_")})
        for side in ("lh", "rh")
    }
    with pytest.raises(ValueError, match="In µm"):
        read_cohort(*write(**thick))
    assert np.allclose(read_cohort(*write(**thick), unit="µm").values, read_cohort(*write()).values)
    area = {side: made[side].rename(columns=lambda c: c.replace("_thickness", "_area")) for side in ("lh", "rh")}
    with pytest.raises(ValueError, match="give measure='area'"):
        read_cohort(*write(**area))
    found = read_cohort(*write(**area), measure="area")
    assert (found.unit, found.positive) == ("mm²", "gain")
    with pytest.raises(ValueError, match="'SUVR': its unit is not known"):
        read_cohort(*write(), measure="SUVR")


@pytest.mark.parametrize("code", [-9, 999, 9999, -4])
def test_codes_for_missing_are_refused_until_they_are_said(tables, code):
    made, write = tables
    coded = made["people"].assign(score=np.arange(N, dtype=float)).reset_index(drop=True)
    coded.loc[3, "score"] = code
    with pytest.raises(ValueError, match="missing="):
        read_cohort(*write(people=coded))
    found = read_cohort(*write(people=coded), missing=(code,))
    assert found.table["score"].isna().sum() == 1


def test_thickness_that_is_coded_leaves_the_person_out(tables):
    made, write = tables
    coded = made["lh"].copy()
    coded.iloc[2, 5] = 999
    with pytest.raises(ValueError, match="missing=") as error:
        read_cohort(*write(lh=coded))
    assert "sub-0" not in str(error.value)
    found = read_cohort(*write(lh=coded), missing=(999,))
    # One of nine lacks the region: over a tenth, so that it is the region that goes.
    assert len(found.values) == N
    assert any("missing in over 10%" in line for line in found.provenance)


def test_ages(tables):
    made, write = tables
    with pytest.raises(ValueError, match="In months"):
        read_cohort(*write(people=made["people"].assign(age=made["people"]["age"] * 12)))
    with pytest.raises(ValueError, match="year of birth"):
        read_cohort(*write(people=made["people"].assign(age=1950)))
    gone = made["people"].assign(age=["n/a", *made["people"]["age"].iloc[1:]])
    assert read_cohort(*write(people=gone)).table["age"].isna().sum() == 1
    children = made["people"].assign(age=made["people"]["age"] / 8)
    assert read_cohort(*write(people=children)).table["age"].max() < 12
    with pytest.raises(ValueError, match="no numbers"):
        read_cohort(*write(people=made["people"].assign(age="old")))


def test_sex_in_numbers_keeps_its_levels_until_it_is_said(tables):
    made, write = tables
    coded = made["people"].assign(sex=[1, 2, 2] * 3)
    found = read_cohort(*write(people=coded))
    assert set(found.table["sex"]) == {"1", "2"}
    assert any("kept so" in line for line in found.provenance)
    assert set(read_cohort(*write(people=coded), sex={1: "M", 2: "F"}).table["sex"]) == {"M", "F"}
    with pytest.raises(ValueError, match="'2' is not among"):
        read_cohort(*write(people=coded), sex={0: "M", 1: "F"})
    spelt = coded.rename(columns={"sex": "Gender"}).assign(Gender=["male", "Female", "FEMALE"] * 3)
    assert set(read_cohort(*write(people=spelt)).table["sex"]) == {"M", "F"}


def test_quality_is_joined_and_who_leaves_is_counted(tables):
    _, write = tables
    euler = pd.DataFrame({"id": [each[4:] for each in IDS[:-1]], "lh_euler": [-300, *[-40] * 7]})
    found = read_cohort(*write(), quality=euler, keep="lh_euler > -217")
    assert len(found.values) == N - 2
    assert any("Quality: 2 of 9 people leave" in line for line in found.provenance)
    assert len(read_cohort(*write(), quality=euler).values) == N
    with pytest.raises(ValueError, match="holds for none"):
        read_cohort(*write(), keep="age > 200")
    with pytest.raises(ValueError, match="cannot be understood"):
        read_cohort(*write(), keep="lh_euler >")


def test_one_table_of_everything(tables):
    made, write = tables
    plain = read_cohort(*write())
    left, right = (made[side].set_axis(["id", *made[side].columns[1:]], axis=1) for side in ("lh", "rh"))
    wide = left.merge(right.drop(columns=["eTIV", "BrainSegVolNotVent"]), on="id")
    wide = wide.merge(made["people"], left_on="id", right_on="participant_id").drop(columns="participant_id")
    found = read_cohort(wide)
    assert np.allclose(found.values, plain.values)
    assert found.table["age"].to_list() == plain.table["age"].to_list()


def test_what_is_no_cohort_is_refused(tables):
    made, write = tables
    with pytest.raises(TypeError, match="a table"):
        read_cohort((np.ones((3, 3)), made["rh"]), made["people"])
    with pytest.raises(ValueError, match="expected the left and the right one"):
        read_cohort((made["lh"],) * 3, made["people"])
    with pytest.raises(ValueError, match="say which it is: id="):
        read_cohort(*write(people=made["people"].rename(columns={"participant_id": "pseudonym"})))
    with pytest.raises(ValueError, match="look like those of atlas='desikan'"):
        read_cohort((made["lh"], made["rh"]), made["people"], atlas="glasser360")
    assert len(read_cohort(made["lh"], made["people"].rename(columns={"participant_id": "id"}), id="id").values) == N


def test_adni_becomes_people():
    import xsg

    cohort = xsg.load_cortex("simulated", n_genes=9, n_controls=40, n_patients=30).cohort
    found = People.of(cohort).contrast("group", "AD", "NC")
    from xsg.data.cohort import thinning_map

    assert np.allclose(found.map, thinning_map(cohort)["thinning"])
    assert np.allclose(found.standard_error, thinning_map(cohort)["se"])


def test_real_people(real_data):
    folder = real_data / "human/cohort"
    found = read_cohort(
        folder / "IXI_aparc_thickness.csv",
        folder / "IXI_age_gender.csv",
        quality=folder / "ixi_euler.csv",
        keep="lh_euler > -217 and rh_euler > -217",
    )
    assert found.values.shape == (554, 68)
    slope = found.slope("age")
    assert slope.split_half["median"] == pytest.approx(0.92, abs=0.02)
    left = slope.map[slope.map.index.str.startswith("L_")]
    right = slope.map[["R_" + region[2:] for region in left.index]]
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(0.95, abs=0.01)
    norm = found.deviations()
    assert norm.summary["sd"] == pytest.approx(1, abs=0.03)
    assert "IXI0" not in repr(found) + repr(slope) + repr(norm) + repr(slope.people)


@pytest.mark.parametrize(
    ("atlas", "called"),
    [
        ("schaefer100", "{side}_{region}_thickness"),
        ("schaefer100", "{side}_7Networks_{region}_thickness"),
        ("glasser360", "{side}_{region}_ROI_thickness"),
    ],
)
def test_other_atlases_as_freesurfer_names_them(real_data, atlas, called):
    from xsg.data.atlases import load_atlas

    regions = load_atlas(atlas).regions
    halves = []
    for side, letter in (("lh", "L"), ("rh", "R")):
        mine = [region for region in regions if load_atlas(atlas).table.loc[region, "hemisphere"] == letter]
        table = pd.DataFrame(np.random.default_rng(len(halves)).uniform(2, 3, (N, len(mine))), IDS)
        table.columns = [called.format(side=side, region=region) for region in mine]
        halves.append(table.rename_axis(f"{side}.parc.thickness"))
    found = read_cohort(halves, pd.DataFrame({"participant_id": IDS, "age": 50.0}), atlas=atlas)
    assert found.values.columns.equals(pd.Index(regions))
    assert found.atlas == atlas


def test_volumes_below_the_cortex():
    table = pd.DataFrame(
        {
            "Measure:volume": IDS,
            "Left-Hippocampus": 4000.0 + np.arange(N),
            "Right-Thalamus-Proper": 7000.0 - np.arange(N),
        }
    ).assign(EstimatedTotalIntraCranialVol=1.5e6 + np.arange(N), **{"Brain-Stem": 2e4})
    people = pd.DataFrame({"participant_id": IDS, "age": 50.0 + np.arange(N)})
    found = read_cohort(table, people, atlas="desikan+subcortex", measure="volume")
    assert set(found.values) == {"L_hippocampus", "R_thalamus"}
    assert found.unit == "mm³"
    assert found.table["EstimatedTotalIntraCranialVol"].max() == 1.5e6 + N - 1
