"""ADNI's tables as people have them: what was misread once, each with its right value."""

import numpy as np
import pandas as pd
import pytest

from xsg.data.tables import labels
from xsg.people.adni import cohort_from_tables, read_adni
from xsg.people.adni_tables import BASELINE
from xsg.people.dates import BIRTHS, dates
from xsg.people.trajectories import read_trajectories, thickness_codes, trajectories_from_tables

CODES = list(thickness_codes())
N, VISITS = 23, ("sc", "m12", "m24")
GROUP = np.repeat([1, 2, 3], [11, 3, 9])
SCANS, WHO, BORN = "UCSFFSX51.csv", "DXSUM.csv", "PTDEMOG.csv"


def tables() -> dict[str, pd.DataFrame]:
    """Three visits of 23 people, 11 NC, 3 MCI, 9 AD."""
    rng = np.random.default_rng(5)
    rid = 200 + np.arange(N)
    day = np.datetime64("2008-03-01") + rng.integers(0, 900, N)
    parts = []
    for number, visit in enumerate(VISITS):
        free = pd.DataFrame({"RID": rid, "VISCODE2": visit, "EXAMDATE": (day + 365 * number).astype(str)})
        free = free.assign(IMAGEUID=9000 + 100 * number + np.arange(N), OVERALLQC="Pass", TEMPQC="Pass")
        values = pd.DataFrame(rng.uniform(1.8, 3.2, (N, 68)).round(3), columns=CODES)
        parts.append(pd.concat([free, values], axis=1))
    people = pd.DataFrame(
        {"RID": rid, "PTGENDER": rng.integers(1, 3, N), "PTDOBMM": rng.integers(1, 13, N),
         "PTDOBYY": rng.integers(1925, 1945, N), "SITEID": rng.choice([7, 31], N)}
    )  # fmt: skip
    diagnosis = pd.DataFrame({"RID": rid, "VISCODE2": "bl", "DIAGNOSIS": GROUP})
    return {SCANS: pd.concat(parts, ignore_index=True), WHO: diagnosis, BORN: people}


def merged(found: dict[str, pd.DataFrame], other=6) -> pd.DataFrame:
    """ADNIMERGE of the same people, some of another diagnosis, all of another site."""
    base = found[SCANS].head(N)
    group = GROUP.copy()
    group[:other] = 2
    return pd.DataFrame(
        {"RID": base["RID"], "VISCODE": "bl", "DX": pd.Series(group).map({1: "CN", 2: "MCI", 3: "Dementia"}),
         "DX_bl": pd.Series(group).map({1: "CN", 2: "LMCI", 3: "AD"}), "EXAMDATE": base["EXAMDATE"], "AGE": 74.0,
         "PTGENDER": found[BORN]["PTGENDER"].map({1: "Male", 2: "Female"}), "SITE": found[BORN]["SITEID"] + 100}
    )  # fmt: skip


def write(folder, found, **how):
    folder.mkdir(exist_ok=True)
    for name, table in found.items():
        table.to_csv(folder / name, index=False, **how)
    return folder


def changed(name, **columns):
    """The tables with columns of one of them given anew (None: taken away)."""
    found = tables()
    new = {column: value for column, value in columns.items() if value is not None}
    gone = [column for column, value in columns.items() if value is None]
    found[name] = found[name].assign(**new).drop(columns=gone)
    return found


def put(row, column, value, name=SCANS):
    found = tables()
    found[name][column] = found[name][column].astype(object)
    found[name].loc[row, column] = value
    return found


def same(found, **but):
    """Both readers tell of these tables what they tell of the clean ones."""
    a, b = cohort_from_tables(found), cohort_from_tables(tables())
    pd.testing.assert_frame_equal(a.subjects, b.subjects, **but)
    pd.testing.assert_frame_equal(a.thickness, b.thickness)
    return a


# Dates: one order a column.


@pytest.mark.parametrize(
    "style",
    [
        "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%d-%b-%y", "%d%b%Y", "%B %d, %Y",
        "%d/%m/%y", "%m/%d/%y", "%Y-%m-%d 00:00:00", "%d/%m/%Y 14:30", "%Y-%m-%dT09:00:00Z", "%Y-%b-%d", " %d/%m/%Y ",
        "%m/%d/%Y 2:05:00 PM",
    ],
)  # fmt: skip
def test_dates_of_one_style_are_read_alike(style):
    found = tables()
    found[SCANS]["EXAMDATE"] = pd.to_datetime(found[SCANS]["EXAMDATE"]).dt.strftime(style)
    same(found)
    pd.testing.assert_series_equal(trajectories_from_tables(found).years, trajectories_from_tables(tables()).years)


@pytest.mark.parametrize("kind", [int, float, str, "datetime", "date", "zone"])
def test_day_numbers_of_a_spreadsheet_and_dates_of_python_are_read(kind):
    found = tables()
    day = pd.to_datetime(found[SCANS]["EXAMDATE"])
    if kind == "datetime":
        found[SCANS]["EXAMDATE"] = day
    elif kind == "date":
        found[SCANS]["EXAMDATE"] = day.dt.date
    elif kind == "zone":
        found[SCANS]["EXAMDATE"] = day.dt.tz_localize("UTC")
    else:
        found[SCANS]["EXAMDATE"] = (day - pd.Timestamp("1899-12-30")).dt.days.astype(kind)
    same(found)


def test_39877_is_the_fifth_of_march_2009():
    assert dates(pd.Series([39877, 39878.5]), "x").dt.strftime("%F").to_list() == ["2009-03-05", "2009-03-06"]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["27/05/2009", "05/27/2009"], ["EXAMDATE", "27/05/2009", "05/27/2009", "two orders", "2011-05-27"]),
        (["05/03/2009", "04/03/2009"], ["'05/03/2009'", "day or the month first", "2011-05-27"]),
        (["39877", "27/05/2009"], ["two ways", "39877"]),
        (["2009-03-05", "27/05/2009"], ["two ways", "exchanges day and month"]),
        ([39877, "5-Mar-09"], ["two ways"]),
        (["31/02/2009"], ["31/02/2009", "no day of the calendar"]),
        (["13/13/2009"], ["no day of the calendar"]),
        (["2009-27-05"], ["no day of the calendar"]),
        (["27-05-09"], ["'27-05-09'", "four digits"]),
        (["12/27/50"], ["50", "1980"]),
        (["2109-05-27"], ["2109", "Correct"]),
        (["1009-05-27"], ["1009"]),
        (["2009"], ["'2009'", "date"]),
        (["May 2009"], ["date"]),
        (["0000-00-00"], ["0000"]),
        (["12345"], ["1933"]),
        (["99999999"], ["date"]),
    ],
)
def test_dates_that_may_be_two_or_none_are_refused(column, words):
    with pytest.raises(ValueError) as error:
        dates(pd.Series(column, name="EXAMDATE", dtype=object), "UCSFFSX51.csv")
    for word in ["UCSFFSX51.csv", *words]:
        assert word in str(error.value)


def test_what_stands_for_no_date_is_none():
    column = pd.Series(
        ["", " ", "NA", ".", "-4", "n/a", None, np.nan, pd.NaT, "NaN", "#N/A", "2009-03-05"], dtype=object
    )
    assert dates(column, "x").isna().to_list() == [True] * 11 + [False]
    assert dates(pd.Series(["03.03.2009"]), "x").dt.month.to_list() == [3]
    assert dates(pd.Series(["03/03/2009"]), "x").dt.month.to_list() == [3]
    assert dates(pd.Series(["5. März 1938", "1-Okt-1938"]), "x", BIRTHS).dt.month.to_list() == [3, 10]


def test_the_order_of_runs_is_read_where_it_does_not_matter_and_asked_for_where_it_does():
    early, late = tables()[SCANS].assign(RUNDATE="1/9/2011"), tables()[SCANS].assign(RUNDATE="2/9/2011")
    late[CODES] += 0.25
    found = tables() | {SCANS: pd.concat([late, early], ignore_index=True)}
    np.testing.assert_allclose(cohort_from_tables(found).thickness, cohort_from_tables(tables()).thickness + 0.25)
    late["RUNDATE"] = "2/8/2011"  # later if the month comes first, earlier if the day does
    with pytest.raises(ValueError, match=r"RUNDATE.*day or the month first"):
        cohort_from_tables(tables() | {SCANS: pd.concat([late, early], ignore_index=True)})


# Which table.


def test_both_readers_choose_the_same_tables(tmp_path):
    found = tables()
    folder = write(tmp_path / "all", found | {"ADNIMERGE.csv": merged(found)})
    a, t = read_adni(folder), read_trajectories(folder)
    people = t.subjects.index
    pd.testing.assert_frame_equal(a.subjects.loc[people], t.subjects)
    assert t.subjects["group"].value_counts().to_dict() == {"NC": 11, "MCI": 3, "AD": 9}
    assert sorted(t.subjects["site"].unique()) == ["31", "7"]
    for notes in (a.provenance, t.provenance):
        assert "DXSUM and PTDEMOG are used; ADNIMERGE, not used, tells another group of 6 subjects, another site of 23 "
        assert any("another group of 6 subjects, another site of 23 subjects" in note for note in notes)


def test_adnimerge_alone_is_used_and_a_broken_one_beside_the_others_does_no_harm(tmp_path):
    found = tables()
    alone = {SCANS: found[SCANS], "ADNIMERGE.csv": merged(found)}
    folder = write(tmp_path / "alone", alone)
    assert sorted(read_trajectories(folder).subjects["site"].unique()) == ["107", "131"]
    half = merged(found).drop(columns="AGE")
    same(found | {"ADNIMERGE.csv": half})
    assert any("could not be compared" in n for n in cohort_from_tables(found | {"ADNIMERGE.csv": half}).provenance)
    assert any("the same of all" in n for n in cohort_from_tables(
        found | {"ADNIMERGE.csv": merged(found, 0).assign(SITE=found[BORN]["SITEID"])}).provenance)  # fmt: skip
    dotted = alone["ADNIMERGE.csv"].rename(columns={"DX_bl": "DX.bl", "PTGENDER": "ptgender"})  # as R names columns
    assert cohort_from_tables(alone | {"ADNIMERGE.csv": dotted}).subjects.equals(cohort_from_tables(alone).subjects)


@pytest.mark.parametrize("reader", [read_adni, read_trajectories])
@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ["no UCSFFSX*.csv", "ADNIMERGE", "none"]),
        (["README.txt"], ["Files here: ['README.txt']"]),
        ([SCANS, WHO], ["no PTDEMOG*.csv"]),
        ([WHO, BORN], ["no UCSFFSX*.csv"]),
        (["UCSFFSX51.xlsx", WHO, BORN], ["Save UCSFFSX51.xlsx as CSV"]),
        (["UCSFFSX51_DICT.csv", WHO, BORN], ["no UCSFFSX*.csv"]),
        ([f"tables/{SCANS}", f"tables/{WHO}", f"tables/{BORN}"], ["There are tables in", "give that folder"]),
    ],
)
def test_folders_without_the_tables_say_what_is_wanted(tmp_path, reader, names, words):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("RID\n1\n")
    with pytest.raises(ValueError) as error:
        reader(tmp_path)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("maker", [cohort_from_tables, trajectories_from_tables])
def test_tables_in_memory_that_lack_some_are_refused_in_words(maker):
    with pytest.raises(ValueError, match="among the tables given is no UCSFFSX"):
        maker({})
    with pytest.raises(ValueError, match="PTDEMOG"):
        maker({SCANS: tables()[SCANS]})


@pytest.mark.parametrize("reader", [read_adni, read_trajectories])
@pytest.mark.parametrize(
    ("ending", "how"),
    [
        (".CSV", {}),
        (".Csv", {"sep": ";"}),
        (".tsv", {"sep": "\t"}),
        (".TXT", {"sep": "\t"}),
        (".csv", {"sep": ";", "decimal": ","}),
        (".csv", {"sep": "\t", "decimal": ","}),
        (".csv", {"encoding": "utf-8-sig"}),
        (".csv", {"encoding": "utf-16"}),
        (".csv", {"encoding": "utf-16-le"}),
        (".csv", {"encoding": "cp1252"}),
        (".csv", {"lineterminator": "\r\n"}),
        (".csv", {"lineterminator": "\r", "quoting": 1}),
    ],
)
def test_tables_saved_again_are_read_alike(tmp_path, reader, ending, how):
    found = tables()
    for table in found.values():
        table["NOTE"] = "né à Orléans"  # a column nobody needs
    clean = write(tmp_path / "clean", tables())
    again = write(tmp_path / "again", {name.replace(".csv", ending): table for name, table in found.items()}, **how)
    a, b = reader(clean), reader(again)
    pd.testing.assert_frame_equal(a.thickness, b.thickness)
    pd.testing.assert_frame_equal(a.subjects, b.subjects)


def test_a_table_that_cannot_be_read_is_named(tmp_path):
    folder = write(tmp_path / "all", tables())
    for content, words in (
        (b"PK\x03\x04rest", "workbook"),
        (b"", "empty"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (b"\x1f\x8b\x08\0", "compressed"),
        (b"RID,VISCODE2,DIAGNOSIS\n200,bl,1\n201,bl", "is the file whole"),
        (b"RID,RID\n1,1\n", "more than once: 'RID'"),
        (b"rid,RID_,X\n1,1,1\n", "could be column 'RID'"),
        (b"RID,VISCODE2,DIAGNOSIS\n200,bl,1,5\n", "line 2 has 4 cells"),
    ):
        (folder / WHO).write_bytes(content)
        for reader in (read_adni, read_trajectories):
            with pytest.raises(ValueError, match=r"DXSUM\.csv") as error:
                reader(folder)
            assert words in str(error.value)


# Visits.


@pytest.mark.parametrize(
    "code", ["m0", "M00", "m000", "ses-M000", "bl", " BL ", "Baseline", "screening", "Screening MRI", "SCMRI", "4_bl",
             "4_sc", "v01", "v02", "v03", "Month 0"],
)  # fmt: skip
def test_a_baseline_visit_is_one_however_it_is_spelt(code):
    found = tables()
    rows = found[SCANS].index[:N:2]
    found[SCANS].loc[rows, "VISCODE2"] = code
    cohort = same(found)
    if code.strip().lower() not in BASELINE[:3]:
        assert any("read as baseline" in note and f"({len(rows)})" in note for note in cohort.provenance)


def test_visits_of_the_older_column_count_where_the_newer_is_blank():
    found = changed(SCANS, VISCODE=tables()[SCANS]["VISCODE2"])
    found[SCANS]["VISCODE2"] = [" ", None, "-4", "NA"] * 17 + [""]
    same(found)


def test_unknown_visits_and_what_they_cost_are_told():
    found = tables()
    found[SCANS].loc[:4, "VISCODE2"] = "w0"
    cohort = cohort_from_tables(found)
    assert len(cohort.subjects) == N - 5
    assert "UCSFFSX51.csv: visit codes not known, rows not used: 'w0' (5), 5 subjects" in cohort.provenance
    assert "5 subjects have no scan at baseline" in cohort.provenance
    found[WHO].loc[6, "VISCODE2"] = "visit one"
    assert "1 subjects dropped: no diagnosis at baseline" in cohort_from_tables(found).provenance
    assert any("'visit one' (1)" in note for note in cohort_from_tables(found).provenance)


def test_adni4_enrols_again_but_the_first_baseline_counts():
    found = tables()
    again = found[SCANS].head(4).assign(VISCODE2="4_bl", EXAMDATE="2024-02-03")
    again[CODES] -= 0.5
    found[SCANS] = pd.concat([found[SCANS], again], ignore_index=True)
    a, b = cohort_from_tables(found), cohort_from_tables(tables())
    pd.testing.assert_frame_equal(a.thickness, b.thickness)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (changed(SCANS, VISCODE2="w0"), ["no scan is of a baseline visit", "'w0' (69)", "m0"]),
        (changed(SCANS, VISCODE2=None), ["no column VISCODE2"]),
        (changed(WHO, VISCODE2="w0"), ["no subject is left", "23 subjects dropped: no diagnosis", "'w0' (23)"]),
        (changed(SCANS, OVERALLQC=""), ["no scan is left", "23 scans dropped: OVERALLQC empty"]),
        (changed(SCANS, EXAMDATE=""), ["no subject is left", "23 subjects dropped: no age"]),
        (changed(BORN, PTDOBYY=-4), ["no subject is left", "no age"]),
        (changed(BORN, SITEID=""), ["no subject is left", "23 subjects dropped: no site"]),
        (changed(BORN, PTGENDER=-4), ["no subject is left", "no sex"]),
        (changed(BORN, RID=np.arange(N)), ["no subject is left"]),
    ],
)
def test_a_cohort_does_not_shrink_to_nothing_in_silence(found, words):
    for maker in (cohort_from_tables, trajectories_from_tables):
        with pytest.raises(ValueError) as error:
            maker(found)
        for word in words:
            assert word in str(error.value)


# Birth.


def test_without_month_of_birth_the_middle_of_the_year_is_taken_and_told():
    for found in (changed(BORN, PTDOBMM=np.nan), changed(BORN, PTDOBMM=""), changed(BORN, PTDOBMM=-4),
                  changed(BORN, PTDOBMM=0), changed(BORN, PTDOBMM=None)):  # fmt: skip
        cohort = same(found, check_exact=False, atol=0.55)
        assert "PTDEMOG.csv: 23 rows have no month of birth: the middle of the year is taken" in cohort.provenance


def test_years_of_birth_of_two_digits_are_of_the_last_century():
    cohort = same(changed(BORN, PTDOBYY=tables()[BORN]["PTDOBYY"] - 1900))
    assert any("23 years of birth of two digits" in note for note in cohort.provenance)


@pytest.mark.parametrize(
    "style", ["{m:02d}/{y}", "{m}/{y}", "{y}-{m:02d}", "{y}-{m:02d}-15", "{m}/15/{y}", "15/{m}/{y}", "{name}-{short}",
              "{name} {y}", "{m:02d}/--/{y}", "15.{m:02d}.{y}", "{y}{m:02d}15"],
)  # fmt: skip
def test_a_date_of_birth_in_one_column_is_read_alike(style):
    born = tables()[BORN]
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    text = [
        style.format(m=m, y=y, name=names[m - 1], short=y % 100) for m, y in born[["PTDOBMM", "PTDOBYY"]].to_numpy()
    ]
    same(changed(BORN, PTDOBMM=None, PTDOBYY=None, PTDOB=text))


@pytest.mark.parametrize(
    ("name", "column", "value", "words"),
    [
        (BORN, "PTDOBYY", 193, ["year of birth 193", "RID 202"]),
        (BORN, "PTDOBYY", 19350, ["19350"]),
        (BORN, "PTDOBMM", 13, ["month of birth 13", "1 to 12"]),
        (BORN, "PTDOBMM", 1.5, ["month of birth"]),
        (BORN, "PTDOBYY", "c. 1935", ["'c. 1935'", "PTDOBYY"]),
        (BORN, "PTDOBYY", 2005, ["RID 202", "18 to 110"]),
        (BORN, "RID", "202_S_1", ["'202_S_1'", "RID"]),
        (BORN, "RID", 202.5, ["202.5", "whole"]),
        (BORN, "PTGENDER", "x", ["unknown code 'x'", "PTGENDER", "RID 202"]),
        (WHO, "DIAGNOSIS", "demented", ["unknown code 'demented'", "RID 202", "'demented' (1)"]),
        (SCANS, CODES[3], 0, ["RID 202", CODES[3], "0 and 8", "missing"]),
        (SCANS, CODES[3], -9, ["RID 202", CODES[3], "missing"]),
        (SCANS, CODES[3], 2500, ["RID 202", "µm"]),
        (SCANS, CODES[3], 25.3, ["RID 202", "decimal point"]),
        (SCANS, CODES[3], "2.5 mm", ["'2.5 mm'", CODES[3], "without units"]),
        (SCANS, CODES[3], "1,234.5", ["thousands"]),
        (SCANS, CODES[3], "inf", ["'inf'", "numbers"]),
        (SCANS, CODES[3], True, ["'True'"]),
    ],
)
def test_what_cannot_be_true_is_refused_by_subject_and_column(name, column, value, words):
    with pytest.raises(ValueError) as error:
        cohort_from_tables(put(2, column, value, name))
    for word in words:
        assert word in str(error.value)


def test_age_of_adnimerge_is_checked_alike():
    found = tables()
    for age, words in ((888.0, "months"), (1935.0, "year of birth"), (7.4, "18 to 110")):
        with pytest.raises(ValueError, match=words):
            cohort_from_tables({SCANS: found[SCANS], "ADNIMERGE.csv": merged(found).assign(AGE=age)})


# Codes and labels.


@pytest.mark.parametrize(
    ("name", "column", "words"),
    [
        (BORN, "PTGENDER", {1: "Male", 2: "female "}),
        (BORN, "PTGENDER", {1: " M", 2: "f"}),
        (BORN, "PTGENDER", {1: "1.0", 2: "2.0"}),
        (WHO, "DIAGNOSIS", {1: "CN", 2: "MCI", 3: " Dementia"}),
        (WHO, "DIAGNOSIS", {1: "nl", 2: "lmci", 3: "ad"}),
        (WHO, "DIAGNOSIS", {1: "1.0", 2: "2.0", 3: " 3"}),
        (WHO, "DIAGNOSIS", {1: "NL", 2: "NL to MCI", 3: "MCI to Dementia"}),
        (BORN, "SITEID", {7: "007", 31: "31.0"}),
        (BORN, "SITEID", {7: " 7 ", 31: 31.0}),
    ],
)
def test_codes_are_one_however_they_are_spelt(name, column, words):
    same(changed(name, **{column: tables()[name][column].map(words)}))


def test_labels_of_one_thing_are_one():
    found = labels(pd.Series(["Site A", " site  a", "SITE A", 5, 5.0, "05", "5.0", None, "", "n/a", "-4", "0", "NULL"]))
    assert found.to_list() == ["Site A"] * 3 + ["5"] * 4 + [None] * 4 + ["0", None]


def test_scans_without_image_number_of_two_files_are_two():
    found = tables()
    one = found[SCANS].assign(IMAGEUID="")
    found = found | {SCANS: one.iloc[:N], "UCSFFSX6.csv": one.iloc[:N]}
    with pytest.raises(ValueError, match="RID 200 has 2 scans at visit sc"):
        cohort_from_tables(found)


# Follow-up.


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (0.0, "not measured"), (-9, "not measured"), (-4, "not measured"), (-1, "not measured"), ("", "not measured"),
        (-9999, "not measured"), ("NA", "not measured"), (".", "not measured"), (999, "not measured"),
        (25.3, "not above 0 to 8 mm"), (2500, "not above 0 to 8 mm"), (-2.5, "not above 0 to 8 mm"),
    ],
)  # fmt: skip
def test_follow_up_scans_that_cannot_be_true_are_left_out_and_counted(value, why, tmp_path):
    rows = [N + 3, N + 4, 2 * N + 9]
    found = put(rows, CODES[5], value)
    clean = trajectories_from_tables(tables())
    for t in (trajectories_from_tables(found), read_trajectories(write(tmp_path / "coded", found))):
        assert len(t.years) == 3 * N - 3
        assert any(note.startswith("3 scans left out") and why in note for note in t.provenance)
        kept = tables()[SCANS].drop(rows).sort_values(["RID", "EXAMDATE"])
        np.testing.assert_array_equal(t.thickness.to_numpy(), kept[CODES].to_numpy())
    assert len(clean.years) == 3 * N
    assert clean.provenance[-1] == "69 usable scans of 23 subjects with at least 2 visits"


def test_other_reasons_to_leave_a_follow_up_out_are_counted_too():
    found = tables()
    scans = found[SCANS]
    scans.loc[N, "OVERALLQC"] = "Fail"
    scans.loc[N + 1, "OVERALLQC"] = None
    scans.loc[N + 2, ["OVERALLQC", "TEMPQC"]] = ["Partial", "Fail"]
    scans.loc[N + 5, "EXAMDATE"] = ""
    scans.loc[N + 6, "EXAMDATE"] = scans.loc[6, "EXAMDATE"]
    scans.loc[[N + 7, 2 * N + 7], CODES[0]] = 0.0
    t = trajectories_from_tables(found)
    assert len(t.subjects) == N - 1
    for note in (
        "1 scans left out: OVERALLQC Fail", "1 scans left out: OVERALLQC empty (not rated)",
        "1 scans left out: OVERALLQC Partial with a failed lobe", "1 scans left out: EXAMDATE is empty",
        "1 scans left out: another of the day is used", "1 subjects left out: under 2 usable scans on different days",
        "61 usable scans of 22 subjects with at least 2 visits",
    ):  # fmt: skip
        assert note in t.provenance
    assert len(t.years) == 61


def test_when_all_follow_ups_are_in_micrometres_the_reasons_are_told():
    found = tables()
    found[SCANS].loc[N:, CODES] *= 1000
    with pytest.raises(ValueError, match=r"no subject has 2 usable scans.*46 scans left out: a region's thickness"):
        trajectories_from_tables(found)
