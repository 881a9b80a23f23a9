"""Tables as people have them: what was misread once, each with its right value."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xsg import check
from xsg.__main__ import main
from xsg.data.tables import floats, read_table
from xsg.study.read import read_study, write_template


@pytest.mark.parametrize(
    "name",
    [
        "1-Sep", "01-Sep", "2-Mar", "Sep-01", "SEP-1", "Mar-02", "1-Dec", "4-Oct", "2001-09-01", "2001-09-01 00:00:00",
        "2019/09/07", "07.09.2019", "9/7/2019", "7-Sep-19", "01. Sep", "01. Mrz", "1 Mar", "Mrz 01", "March-1", "1-Déc",
        "1.Okt", "September 7",
    ],
)  # fmt: skip
def test_a_date_among_symbols_is_no_gene(name):
    with pytest.raises(ValueError, match=r"dates.*spreadsheet.*SEPTIN2"):
        check.gene_names(["APOE", name, "MAPT"], "expression.csv")


@pytest.mark.parametrize("name", ["43715", "43715.0", "348", "2.31E+13", 348, "-3", "0"])
def test_a_number_among_symbols_is_no_gene(name):
    with pytest.raises(ValueError, match=r"gene names are numbers.*'APOE'.*Entrez"):
        check.gene_names(["APOE", name, "MAPT"], "expression.csv")


def test_genes_are_named_once_and_each_has_a_name():
    with pytest.raises(ValueError, match="more than once: 'GENE2'"):
        check.gene_names(["GENE2", "GENE1", " GENE2"], "x")
    with pytest.raises(ValueError, match="gene 2 of 2 has no name"):
        check.gene_names(["GENE2", " "], "x")
    with pytest.raises(ValueError, match="gene 1 of 2 has no name"):
        check.gene_names([float("nan"), "A"], "x")


def test_what_symbols_and_ids_really_look_like_is_let_through():
    names = [
        "SEPT2", "SEPTIN2", "MARCH1", "MARC1", "MARCHF1", "DEC1", "SEP15", "MT-ND1", "HLA-A", "NKX2-1", "C1orf61",
        "7SK", "5S_rRNA", "RP11-34P13.7", "AC000111.1", "Mar1", "2310009E13Rik", "Dec-repeat", "NA", "TRUE1", "Apr-x",
    ]  # fmt: skip
    assert check.gene_names([name for name in names if name != "NA"], "x").to_list() == [n for n in names if n != "NA"]
    assert check.gene_names(["348", "4137"], "x").to_list() == ["348", "4137"]
    assert check.gene_names(pd.Index([348, 4137]), "x").to_list() == [348, 4137]
    assert check.gene_names([], "x").to_list() == []


def test_repeats_that_a_library_renamed_are_no_genes():
    for names in (["GENE2", "GENE2.1", "A"], ["A", "GENE2", "GENE2.1", "GENE2.2"]):
        with pytest.raises(ValueError, match=r"'GENE2\.1'.*renamed"):
            check.gene_names(names, "x")
    assert len(check.gene_names(["AC000111.1", "AC000111.2", "RP11-34P13.7", "AL1", "AL1.2"], "x")) == 5


# The reader.

TEXT = "region,thinning,age\nL_insula,0.25,71\nR_insula,-1.5,72\nL_cuneus,3,73\n"


def written(folder, text, name="table.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


SAVED = {
    "as it is": TEXT,
    "semicolons": TEXT.replace(",", ";"),
    "tabs": TEXT.replace(",", "\t"),
    "bars": TEXT.replace(",", "|"),
    "spaces": TEXT.replace(",", " "),
    "decimal commas": TEXT.replace(",", ";").replace(".", ","),
    "decimal commas, tabs": TEXT.replace(",", "\t").replace(".", ","),
    "decimal commas in quotes": TEXT.replace("0.25", '"0,25"').replace("-1.5", '"-1,5"'),
    "sep=": "sep=;\n" + TEXT.replace(",", ";"),
    "sep= in quotes": '"sep=,"\n' + TEXT,
    "CRLF": TEXT.replace("\n", "\r\n"),
    "CR": TEXT.replace("\n", "\r"),
    "no end": TEXT.rstrip(),
    "blank lines": "\n\n" + TEXT.replace("\n", "\n\n") + "\n \n",
    "blank rows": ",,\n" + TEXT + ",,\n,,\n",
    "trailing delimiters": TEXT.replace("\n", ",\n"),
    "two trailing delimiters": TEXT.replace("\n", ",,\n"),
    "trailing delimiters, not in the header": TEXT.replace("\n", ",\n").replace("age,", "age"),
    "all in quotes": "\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in TEXT.split("\n")[:-1]) + "\n",
    "spaces round": TEXT.replace(",", " , ").replace("\n", " \n "),
    "no-break spaces": TEXT.replace(",", "\u00a0,\u00a0"),
    "header in capitals": TEXT.replace("region,thinning,age", "REGION,Thinning , AGE"),
    "header in quotes": TEXT.replace("region,thinning,age", '"Region","thinning","Age"'),
    "row names of R": '"region"\t"thinning"\t"age"\n"1"\t"L_insula"\t0.25\t71\n"2"\t"R_insula"\t-1.5\t72\n'
    '"3"\t"L_cuneus"\t3\t73\n',
    "rows named first": TEXT.replace("region,", ","),
    "rows named by pandas": TEXT.replace("region,", "Unnamed: 0,"),
    "a typographer's minus": TEXT.replace("-1.5", "\u22121.5"),
    "mark twice": "\ufeff" + TEXT,
    "a number by power": TEXT.replace("0.25", "2.5e-1").replace("-1.5", "-15E-1"),
}


@pytest.mark.parametrize("how", SAVED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_is_read_alike_however_it_was_saved(tmp_path, how, encoding):
    table = read_table(written(tmp_path, SAVED[how], encoding=encoding), ["thinning"], ["age"], index="region")
    assert table["region"].to_list() == ["L_insula", "R_insula", "L_cuneus"]
    assert floats(table[["thinning", "age"]], "t").to_numpy().T.tolist() == [[0.25, -1.5, 3], [71, 72, 73]]


def test_names_with_accents_are_one_in_every_encoding(tmp_path):
    text = "région,x\nL_né,1\n"
    for encoding in ("utf-8", "cp1252", "latin-1", "utf-16"):
        table = read_table(written(tmp_path, text, encoding=encoding))
        assert (table.columns[0], table.iloc[0, 0]) == ("région", "L_né")
    apart = unicodedata.normalize("NFD", text)  # as a Mac writes it
    assert read_table(written(tmp_path, apart)).columns[0] == "région"


def test_quoted_cells_may_hold_anything_and_lines_are_those_of_the_file(tmp_path):
    text = 'region,note\nL_a,"one, two"\n\nR_a,"said ""no""\nand left"\nL_b,"a;b"\n'
    table = read_table(written(tmp_path, text), ["region"])
    assert table["note"].to_list() == ["one, two", 'said "no"\nand left', "a;b"]
    assert table.index.to_list() == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("\n\n ,, \n", "it is empty"),
        (b"\x00\x01\x02\x03" * 9, "no text"),
        (b"\xff\xfe\x00", "utf-16"),
        (b"PK\x03\x04 sheet", "workbook"),
        (b"\xd0\xcf\x11\xe0 sheet", "workbook"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        ("<html><body>Log in</body></html>", "web page"),
        (TEXT.replace("age", "thinning"), "more than once: 'thinning'"),
        (TEXT.replace("thinning", "Thinning").replace("age", "THINNING"), "could be column 'thinning'"),
        (TEXT.replace("region", "area"), "no column 'region'; there are area, thinning, age"),
        (TEXT.replace("71", "71,0"), "line 2 has 4 cells, the header 3"),
        (TEXT.replace("0.25", "0,25").replace("-1.5", "-1,5").replace(",3,", ",3,0,"), "decimals commas"),
        (TEXT[:-4], "last line, 4, has 2 cells"),
        ("region;thinning,age\nL_a;1,2\n", "no column 'thinning'"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match="table") as error:
        read_table(path, ["thinning"], index="region")
    assert words in str(error.value)


def test_a_file_that_is_none_and_a_quotation_mark_left_open_are_refused(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="directory"):
        read_table(tmp_path)
    open_quote = TEXT.replace("L_insula", '"L_insula') + "L_x,1,2\n" * 20_000
    with pytest.raises(ValueError, match=r"quotation mark|cells"):
        read_table(written(tmp_path, open_quote), ["region"])


@pytest.mark.parametrize(
    ("cells", "delimiter", "words"),
    [
        (["1,234.5", "2"], ";", "thousands"),
        (["1.234,5", "2"], ";", "thousands"),
        (["1.234.567"], ",", "thousands"),
        (["1 234"], ",", "thousands"),
        (["1'234.5"], ",", "thousands"),
        (["1,234,567"], ",", "thousands"),
        (["2,5", "2.5"], ";", "a comma.*a point"),
        (["1,234", "2,345"], "\t", "may be 1.234 or 1234"),
        (["1,234", "2,345"], ",", "may be 1.234 or 1234"),
        (["2.5 mm"], ",", "without units"),
        (["12%"], ",", "without units"),
        (["O.5"], ",", "'O.5'"),
        (["1_000"], ",", "'1_000'"),
        (["0x10"], ",", "'0x10'"),
        (["TRUE"], ",", "'TRUE'"),
        ([True], ",", "'True'"),
        (["inf"], ",", "'inf'"),
        (["#DIV/0!"], ",", "#DIV/0!"),
        (["2-May"], ",", "2-May"),
    ],
)
def test_numbers_that_may_be_two_or_none_are_refused(cells, delimiter, words):
    table = pd.DataFrame({"mm": cells}, [f"r{i}" for i in range(len(cells))], dtype=object)
    table.attrs["delimiter"] = delimiter
    for missing in (True, False):
        with pytest.raises(ValueError, match=rf"thinning\.csv.*row 'r0', column 'mm'.*{words}"):
            floats(table, "thinning.csv", missing=missing)


def test_what_stands_for_missing_is_nan_or_refused():
    text = ["", " ", ".", "NA", "n/a", "NaN", "#N/A", "NULL", None, float("nan"), pd.NA, "-"]
    assert floats(pd.DataFrame({"mm": text}), "t", missing=True)["mm"].isna().all()
    with pytest.raises(ValueError, match="12 values are missing or no numbers, the first in row '0'"):
        floats(pd.DataFrame({"mm": text}), "t")


def test_numbers_of_memory_keep_every_bit():
    value = 0.1 + 0.2
    mixed = pd.DataFrame({"a": pd.Series([value, "x"], dtype=object), "b": [1, 2]}).iloc[:1]
    assert floats(mixed, "t").iloc[0].to_list() == [value, 1.0]
    assert floats(pd.DataFrame({"a": ["2,431", "2,512"]}).pipe(tabbed), "t")["a"].to_list() == [2.431, 2.512]


def tabbed(table):
    table.attrs["delimiter"] = ";"
    return table


# A study.


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_template(tmp_path_factory.mktemp("tables") / "study")


@pytest.fixture(scope="module")
def whole(template):
    return read_study(template)


@pytest.fixture
def study(template, tmp_path):
    return shutil.copytree(template, tmp_path / "study")


def edit(path, change):
    change(pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)).to_csv(path, index=False)


def mapped(study, values=None):
    """The study with a map in place of the cohort."""
    (study / "cohort.csv").unlink()
    names = pd.read_csv(study / "regions.csv")["region"]
    values = np.linspace(-0.3, 1.2, len(names)).round(3) if values is None else values
    pd.DataFrame({"region": names, "thinning": values}).to_csv(study / "thinning.csv", index=False)
    return study


@pytest.mark.parametrize(
    ("ending", "how"),
    [
        (".CSV", {}),
        (".tsv", {"sep": "\t"}),
        (".TXT", {"sep": ";", "decimal": ","}),
        (".csv", {"sep": "\t", "decimal": ",", "encoding": "utf-16"}),
        (".csv", {"sep": ";", "encoding": "utf-8-sig", "lineterminator": "\r\n"}),
        (".csv", {"quoting": 1, "lineterminator": "\r", "encoding": "latin-1"}),
    ],
)
def test_a_study_saved_again_by_a_spreadsheet_is_the_same(study, whole, ending, how):
    for name in ("regions", "expression", "cohort"):
        table = pd.read_csv(study / f"{name}.csv", dtype={"region": str, "subject": str, "site": str})
        (study / f"{name}.csv").unlink()
        table = table.rename(columns={"region": " Region ", "hemisphere": "HEMISPHERE", "group": "Group", "age": "AGE"})
        table.to_csv(study / f"{name.capitalize()}{ending}", index=False, **how)
    found = read_study(study)
    pd.testing.assert_frame_equal(found.expression, whole.expression)
    pd.testing.assert_series_equal(found.thinning, whole.thinning)
    pd.testing.assert_frame_equal(found.cohort.subjects, whole.cohort.subjects)


STYLES = {
    "lh_x": lambda n: f"{n[0].lower()}h_{n[2:]}",
    "lh.x": lambda n: f"{n[0].lower()}h.{n[2:]}",
    "ctx-lh-x": lambda n: f"ctx-{n[0].lower()}h-{n[2:]}",
    "x_left": lambda n: f"{n[2:]}_{'left' if n[0] == 'L' else 'right'}",
    "Left-x": lambda n: f"{'Left' if n[0] == 'L' else 'Right'}-{n[2:]}",
    "x-lh": lambda n: f"{n[2:]}-{n[0].lower()}h",
    "lh_x_thickness": lambda n: f"{n[0].lower()}h_{n[2:]}_thickness",
    "L_x_thickavg": lambda n: f"{n}_thickavg",
    "L_X": str.upper,
}


@pytest.mark.parametrize("style", STYLES)
def test_every_table_may_name_regions_in_its_own_style(study, whole, style):
    other = STYLES[style]
    edit(study / "expression.csv", lambda t: t.assign(region=t["region"].map(other)))
    edit(study / "labels.csv", lambda t: t.assign(region=t["region"].map(lambda n: other(n) if n else "unknown")))
    edit(study / "cohort.csv", lambda t: t.rename(columns={r: other(r) for r in whole.regions}))
    found = read_study(study)
    pd.testing.assert_frame_equal(found.expression, whole.expression)
    pd.testing.assert_series_equal(found.thinning, whole.thinning)
    assert (found.parcellation.labels == whole.parcellation.labels).all()
    mapped(study)
    edit(study / "thinning.csv", lambda t: t.assign(region=t["region"].map(other)).iloc[::-1])
    pairs = pd.DataFrame({"a": whole.regions[:-1], "b": whole.regions[1:].map(other), "weight": 1.5})
    pairs.to_csv(study / "edges.csv", index=False)
    found = read_study(study)
    assert found.thinning["L_bankssts"] == -0.3
    assert found.thinning[whole.regions[-1]] == 1.2
    assert found.graph.edge_weights.tolist() == [1.5] * 67


@pytest.mark.parametrize("words", [("left", "right"), ("LH", "RH"), ("l", "r"), ("Left", "Right"), (" L ", "R")])
def test_hemispheres_are_understood(study, whole, words):
    edit(study / "regions.csv", lambda t: t.assign(hemisphere=t["hemisphere"].map(dict(zip("LR", words, strict=True)))))
    assert read_study(study).parcellation.table["hemisphere"].equals(whole.parcellation.table["hemisphere"])


def test_the_provenance_tells_pairs_and_regions_alone(study, whole):
    assert whole.provenance[-1] == "68 regions: 34 pairs of homologues, 0 without one."
    edit(study / "expression.csv", lambda t: t[~t["region"].isin(["L_insula", "R_cuneus", "L_cuneus"])])
    assert read_study(study).provenance[-1] == "65 regions: 32 pairs of homologues, 1 without one."


@pytest.mark.parametrize(
    "extra",
    [
        lambda t: t.reset_index(names=""),
        lambda t: t.reset_index(names="Unnamed: 0"),
        lambda t: t.reset_index(names="X"),
        lambda t: t.assign(n=range(1, 69)),
        lambda t: t.assign(label=range(101, 169)),
        lambda t: t.assign(ID=[f"{i}.0" for i in range(68)]),
        lambda t: t.assign(Index=range(67, -1, -1), Label="x"),
    ],
)
def test_what_numbers_rows_is_no_gene_and_that_is_told(study, whole, extra):
    edit(study / "expression.csv", extra)
    found = read_study(study)
    pd.testing.assert_frame_equal(found.expression, whole.expression)
    assert "60 columns, without '" in found.provenance[0]


def test_abagen_s_rows_named_first_are_regions(study, whole):
    """``expression.to_csv`` of a table whose index has no name."""
    edit(study / "expression.csv", lambda t: t.rename(columns={"region": ""}))
    pd.testing.assert_frame_equal(read_study(study).expression, whole.expression)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({0: "GENE2", 1: "GENE2"}, "more than once: 'GENE2'"),
        ({0: "GENE2", 1: "GENE2", 2: "GENE2 "}, "more than once: 'GENE2'"),
        ({0: "GENE2", 1: "GENE2.1"}, "renamed"),
        ({3: "2-Sep"}, "dates: '2-Sep'"),
        ({3: "2001-03-01"}, "dates"),
        ({3: "43715"}, "numbers: '43715'"),
        ({3: "7157"}, "numbers: '7157'"),
    ],
)
def test_columns_that_are_no_genes_are_refused_by_name(study, new, words):
    path = study / "expression.csv"
    head, rest = path.read_text().split("\n", 1)
    names = head.split(",")
    for place, name in new.items():
        names[place + 1] = name
    path.write_text(",".join(names) + "\n" + rest)
    with pytest.raises(ValueError, match=r"expression\.csv") as error:
        read_study(study)
    assert words in str(error.value)


def cell(column, value, rows=(3,)):
    def change(table):
        table = table.copy()
        table.loc[list(rows), column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("cohort", cell("L_insula", "0"), ["L_insula", "above 0 to 8 mm", "code for a missing"]),
        ("cohort", cell("L_cuneus", "-9999"), ["L_cuneus", "-9999", "above 0 to 8 mm", "missing"]),
        ("cohort", cell("L_cuneus", "-9"), ["L_cuneus", "-9", "missing"]),
        ("cohort", cell("L_cuneus", "999"), ["999", "missing"]),
        ("cohort", cell("R_fusiform", "25.7"), ["R_fusiform", "25.7", "decimal point"]),
        ("cohort", cell("R_fusiform", "2500"), ["R_fusiform", "2500", "µm"]),
        ("cohort", cell("R_fusiform", "-2.5"), ["-2.5", "above 0"]),
        ("cohort", cell("R_fusiform", ""), ["R_fusiform", "missing"]),
        ("cohort", cell("R_fusiform", "NA"), ["R_fusiform", "'NA'", "missing"]),
        ("cohort", cell("R_fusiform", "2.5mm"), ["R_fusiform", "without units"]),
        ("cohort", cell("age", "-4"), ["'age' is -4", "18 to 110 years", "missing"]),
        ("cohort", cell("age", "888"), ["888", "18 to 110"]),
        ("cohort", cell("age", "876"), ["876", "months"]),
        ("cohort", cell("age", "1938"), ["1938", "year of birth"]),
        ("cohort", cell("age", "seventy"), ["'seventy'", "age"]),
        ("cohort", cell("sex", "3"), ["'3'", "expected 'F' or 'M'"]),
        ("cohort", cell("sex", "0"), ["'0'", "expected 'F' or 'M'"]),
        ("cohort", lambda t: t.assign(age=""), ["no subject has group, age, sex and site"]),
        ("cohort", lambda t: t.assign(group="CN"), ["group 'AD' has 0 subjects", "'CN': 200"]),
        ("cohort", lambda t: pd.concat([t, t[:1]]), ["given twice"]),
        ("cohort", lambda t: t[:0], ["no rows"]),
        ("cohort", lambda t: t.assign(L_cuneus="2.7"), ["thickness of 'L_cuneus' is the same in all 200 subjects"]),
        ("expression", lambda t: t.mask(t == t.iloc[3, 5], "-9999"), ["is -9999", "code for missing"]),
        ("expression", lambda t: t.iloc[:, :1], ["no column of expression"]),
        ("expression", cell("region", "lh_insulla"), ["'lh_insulla' is not in regions.csv", "Did you mean 'L_insula'"]),
        ("expression", lambda t: pd.concat([t, t[:1].assign(region="lh_bankssts")]), ["another spelling"]),
        ("regions", cell("hemisphere", "R"), ["lies in hemisphere L by its name", "'R' by the column"]),
        ("regions", cell("hemisphere", ""), ["hemisphere"]),
        ("regions", cell("x", "5,5"), ["a comma", "a point"]),
        ("regions", lambda t: pd.concat([t, t.assign(region="")[:1]]), ["'' (line 70) is empty"]),
        ("labels", lambda t: t[:-1], ["20483 rows; expected 20484", "fsaverage5"]),
        ("labels", lambda t: pd.concat([t] * 2), ["40968 rows; expected 20484"]),
        ("labels", cell("region", "L_insulla"), ["'L_insulla' (line 5) is not in regions.csv"]),
    ],
)
def test_what_cannot_be_true_is_refused_by_row_and_column(study, file, change, words):
    edit(study / f"{file}.csv", change)
    with pytest.raises(ValueError, match=f"{file}.csv|group|thickness") as error:
        read_study(study)
    for word in words:
        assert word in str(error.value)


def test_suggestions_keep_to_the_hemisphere(study):
    edit(study / "expression.csv", lambda t: t.assign(region=t["region"].replace({"R_bankssts": "rh_bankssst"})))
    with pytest.raises(ValueError, match="Did you mean 'R_bankssts'"):
        read_study(study)


def test_labels_that_mean_no_region_and_blank_lines_at_the_end(study, whole):
    words = ["Unknown", "Medial_wall", "corpuscallosum", "lh_unknown", "???", "NA"]
    edit(study / "labels.csv", lambda t: t.assign(region=[n or words[i % 6] for i, n in enumerate(t["region"])]))
    (study / "labels.csv").write_text((study / "labels.csv").read_text() + "\n\n")
    assert (read_study(study).parcellation.labels == whole.parcellation.labels).all()
    edit(study / "labels.csv", lambda t: t[:20484])
    edit(study / "labels.csv", lambda t: t.reset_index(names=""))
    assert (read_study(study).parcellation.labels == whole.parcellation.labels).all()


def test_groups_sexes_and_sites_are_one_however_they_are_spelt(study, whole):
    def respell(t):
        odd = np.arange(len(t)) % 2 == 1
        return t.assign(
            group=t["group"].where(odd, " " + t["group"].str.lower()),
            sex=t["sex"].where(odd, t["sex"].map({"F": "female", "M": " male "})),
            site=t["site"].where(odd, t["site"].str.zfill(4) + ".0"),
        )

    edit(study / "cohort.csv", respell)
    found = read_study(study)
    pd.testing.assert_series_equal(found.thinning, whole.thinning)
    assert found.cohort.subjects["site"].equals(whole.cohort.subjects["site"])
    assert found.cohort.subjects["sex"].equals(whole.cohort.subjects["sex"])
    edit(
        study / "cohort.csv", lambda t: t.assign(sex=t["sex"].str.strip().str[0].str.upper().map({"F": "2", "M": "1"}))
    )
    found = read_study(study)
    pd.testing.assert_series_equal(found.thinning, whole.thinning)
    assert "Cohort: sex 1 is read as male, 2 as female." in found.provenance


def test_subjects_of_whom_something_is_not_known_are_left_out_and_counted(study):
    def spoil(t):
        t.loc[0, "age"], t.loc[1, "site"], t.loc[[2, 3], "group"], t.loc[3, "sex"] = "", "NA", " ", "n/a"
        t["eTIV"] = 1.5e6
        t.loc[7, "group"] = "SCD"
        return t

    edit(study / "cohort.csv", spoil)
    found = read_study(study)
    assert len(found.cohort.subjects) == 196
    told = " ".join(found.provenance)
    assert "4 subjects left out, of whom something is not known: group of 2, sex of 1, site of 1, age of 1." in told
    assert "columns that name no region, not used: 'eTIV'" in told
    assert "not compared: 'SCD' (1)" in told
    assert "nan" not in found.cohort.subjects["site"].unique()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("thin", ["'thin'"]), ("0.1 mm", ["without units"]), ("", ["missing"]), ("NA", ["missing"]),
        ("-9999", ["-9999", "missing"]), ("999", ["missing"]), ("1,5", ["a comma"]),
    ],
)  # fmt: skip
def test_a_map_holds_numbers(study, value, words):
    edit(mapped(study) / "thinning.csv", cell("thinning", value))
    with pytest.raises(ValueError, match=r"thinning\.csv.*thinning") as error:
        read_study(study)
    for word in words:
        assert word in str(error.value)


def test_a_map_of_one_value_is_no_map(study):
    with pytest.raises(ValueError, match=r"thinning\.csv: thinning is 0\.1 in all 68 regions"):
        read_study(mapped(study, np.full(68, 0.1)))


def test_a_map_of_large_numbers_is_a_map(study):
    values = np.r_[np.linspace(-300, 999, 67), 777.0].round(1)
    assert read_study(mapped(study, values)).thinning.iloc[-1] == 777


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("L_insula,L_cuneus,-1", ["weight", "-1", "at least 0"]),
        ("L_insula,lh_insula,1", ["line 2 joins 'L_insula' to itself"]),
        ("L_insula,L_cuneus,1\nlh_cuneus,L_insula,2", ["joined twice"]),
        ("L_insula,L_cuneus,0\nL_cuneus,L_insula,2", ["joined twice"]),
        ("L_insula,L_cunneus,1", ["'L_cunneus' is not in regions.csv", "Did you mean 'L_cuneus'"]),
        ("L_insula,L_cuneus,", ["missing"]),
        ("L_insula,,1", ["'' is not in regions.csv"]),
        ("L_insula,L_cuneus,strong", ["'strong'"]),
    ],
)
def test_edges_that_are_none_are_refused(study, rows, words):
    (study / "edges.csv").write_text(f"A, B ,Weight\n{rows}\n")
    with pytest.raises(ValueError, match=r"edges\.csv") as error:
        read_study(study)
    for word in words:
        assert word in str(error.value)


def test_counts_of_streamlines_are_scaled_and_that_is_told(study):
    (study / "edges.csv").write_text(
        "a,b,weight\nL_insula, L_cuneus,5000\nL_cuneus,L_insula,5000\nrh_insula,L_insula,100\n"
    )
    graph = read_study(study).graph
    assert graph.weights.loc["L_insula", "L_cuneus"] == 1.0
    assert graph.weights.loc["R_insula", "L_insula"] == 0.02
    assert "divided by the largest weight, 5000" in graph.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('simulated = "false"', "simulated is 'false'; expected true or false"),
        ("simulated = 0", "simulated is 0"),
        ("name = 3", "name is 3; expected text"),
        ("unit = true", "unit is True"),
        ('adjust = "age"', "adjust is 'age'; expected a list"),
        ('adjust = ["agee"]', "Did you mean 'age'"),
        ("adjust = [1]", "adjust 1 is unknown"),
        ("patients = [1]", "patients"),
        ("[study]\nname = 'x'", "option 'study' is unknown"),
        ("simulated: true", "no valid TOML"),
    ],
)
def test_options_have_types(study, text, words):
    (study / "study.toml").write_text(text)
    with pytest.raises(ValueError, match=r"study\.toml") as error:
        read_study(study)
    assert words in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_options_may_be_saved_in_any_encoding(study, encoding):
    (study / "study.toml").write_bytes('name = "né"\r\nsimulated = false\r\npatients = " ad "'.encode(encoding))
    found = read_study(study)
    assert (found.name, found.simulated) == ("né", False)


def test_tables_that_are_there_twice_or_as_a_workbook_are_named(study):
    shutil.copy(study / "expression.csv", study / "Expression.TXT")
    with pytest.raises(ValueError, match=r"Expression\.TXT and expression\.csv are there"):
        read_study(study)
    (study / "Expression.TXT").unlink()
    (study / "expression.csv").rename(study / "expression.xlsx")
    with pytest.raises(
        ValueError, match=r"expression\.xlsx is a spreadsheet's workbook; save its sheet as expression\.csv"
    ):
        read_study(study)


# The command that begins a study.


@pytest.mark.parametrize("name", ["my stu dy", "it's", "né Ω", "a;b", "$HOME", "plain"])
def test_the_command_printed_can_be_pasted(tmp_path, capsys, name):
    assert main(["new", str(tmp_path / name)]) == 0
    python, script = shlex.split(re.search(r"Run it: (.*)\n", capsys.readouterr().out)[1])
    assert Path(script) == tmp_path / name / "analysis.py"
    assert Path(script).is_file()
    assert Path(shutil.which(python)).samefile(sys.executable)


def test_a_terminal_that_shows_no_accents_is_no_error(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "xsg", "new", str(tmp_path / "né")],
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_template_is_written_whole_or_not_at_all(tmp_path, monkeypatch, capsys, error):
    whole_write = Path.write_text

    def fail(self, *given, **how):
        if self.name == "analysis.py":
            raise error
        return whole_write(self, *given, **how)

    monkeypatch.setattr(Path, "write_text", fail)
    if isinstance(error, OSError):
        assert main(["new", str(tmp_path / "a/b")]) == 1
        assert "cannot be written (No space left on device)" in capsys.readouterr().err
    else:
        with pytest.raises(KeyboardInterrupt):
            write_template(tmp_path / "a/b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").mkdir()
    with pytest.raises((ValueError, KeyboardInterrupt)):
        write_template(tmp_path / "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    monkeypatch.undo()
    assert (write_template(tmp_path / "empty") / "regions.csv").is_file()


def test_new_where_nothing_can_be_written_is_told_in_words(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file/study"):
        assert main(["new", str(folder)]) == 1
        assert re.match(r"error: .*(not empty|cannot be written \(.+\); name a folder)", capsys.readouterr().err)
    assert (tmp_path / "file").read_text() == "mine"
