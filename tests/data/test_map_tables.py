"""Tables: FreeSurfer's, ENIGMA's and anybody's, joined by name; what is ambiguous or foreign is refused by name."""

import numpy as np
import pandas as pd
import pytest

from xsg.data.atlases import load_atlas
from xsg.data.maps import SignWarning, read_map
from xsg.data.vulnerability import load_disorder

DK = load_atlas("desikan").regions
VALUES = pd.Series(np.random.default_rng(2).normal(size=68).round(3), DK)
TABLE = pd.DataFrame({"region": DK, "score": VALUES.to_numpy()})
BARE, SIDE = [name[2:] for name in DK], [name[0] for name in DK]
FS = [f"{'lh' if side == 'L' else 'rh'}_{name}_thickness" for side, name in zip(SIDE, BARE, strict=True)]


def read(source, **given):
    return read_map(source, positive="loss", **given)


def same(source, **given):
    found = read(source, **given)
    return list(found.index) == list(DK) and np.allclose(found, VALUES)


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("csv", TABLE.to_csv(index=False)),
        ("csv", TABLE.to_csv()),
        ("csv", TABLE.to_csv(index=False, header=False)),
        ("csv", TABLE.to_csv(header=False)),
        ("csv", "\ufeff" + TABLE.to_csv(index=False)),
        ("csv", TABLE.to_csv(index=False, sep=";", decimal=",")),
        ("csv", "sep=;\n" + TABLE.to_csv(index=False, sep=";", decimal=",")),
        ("tsv", TABLE.to_csv(index=False, sep="\t")),
        ("txt", TABLE.to_csv(index=False, sep=" ")),
        ("csv", TABLE.to_csv(index=False).replace("\n", "\r\n")),
        ("csv", pd.DataFrame([VALUES.to_numpy()], columns=FS).assign(age=70).to_csv(index=False)),
    ],
)
def test_text_however_it_is_saved(ending, text, tmp_path):
    path = tmp_path / f"map.{ending}"
    path.write_bytes(text.encode())
    assert same(path)
    path.write_bytes(text.encode("utf-16"))
    assert same(path)


@pytest.mark.parametrize(
    "source",
    [
        VALUES,
        VALUES[::-1],
        VALUES.to_dict(),
        TABLE,
        TABLE.set_index("region"),
        TABLE.astype({"region": "category"}),
        TABLE.assign(number=range(68)),
        TABLE.assign(score=[str(value).replace("-", "−") for value in VALUES]),
        VALUES.set_axis(FS),
        VALUES.set_axis([name.upper() for name in DK]),
        VALUES.set_axis([f"ctx-{name[:2]}-{name[3:]}" for name in [each.removesuffix("_thickness") for each in FS]]),
        VALUES.set_axis([f"{'Left' if s == 'L' else 'Right'} {b} " for s, b in zip(SIDE, BARE, strict=True)]),
        VALUES.set_axis([f"{b}_{'left' if s == 'L' else 'right'}" for s, b in zip(SIDE, BARE, strict=True)]),
        VALUES.set_axis(pd.MultiIndex.from_arrays([SIDE, BARE])),
        pd.DataFrame({"structure": BARE, "hemi": [name[:2] for name in FS], "score": VALUES.to_numpy()}),
        pd.DataFrame({"name": BARE[:34], "left": VALUES.to_numpy()[:34], "right": VALUES.to_numpy()[34:]}),
        pd.DataFrame([VALUES.to_numpy()], columns=DK),
        pd.concat([TABLE, pd.DataFrame({"region": ["lh_MeanThickness_thickness", "eTIV", "Laccumb"], "score": 9.0})]),
    ],
)  # fmt: skip
def test_forms_and_styles_of_names(source):
    assert same(source)


@pytest.mark.parametrize("given", [{}, {"startrow": 3, "startcol": 2}, {"header": False}])
def test_excel(given, tmp_path):
    pytest.importorskip("openpyxl")
    TABLE.to_excel(tmp_path / "map.xlsx", index=False, **given)
    assert same(tmp_path / "map.xlsx")
    german = TABLE.assign(score=[str(value).replace(".", ",") for value in VALUES])
    german.to_excel(tmp_path / "map.xlsx", index=False, **given)
    assert same(tmp_path / "map.xlsx")


def test_excel_with_two_sheets_or_of_another_kind(tmp_path):
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        for sheet in ("left", "right"):
            TABLE.to_excel(book, sheet_name=sheet, index=False)
    with pytest.raises(ValueError, match="has 2 sheets with a table: 'left', 'right'"):
        read(tmp_path / "two.xlsx")
    for name, words in {
        "old.xls": "old Excel; save it as .xlsx or CSV",
        "fake.xlsx": "could not be read as an Excel",
    }.items():
        (tmp_path / name).write_text("hello")
        with pytest.raises(ValueError, match=words):
            read(tmp_path / name)


def freesurfer(tmp_path, measure="thickness", rows=1):
    files = []
    for side, part in (("lh", slice(0, 34)), ("rh", slice(34, 68))):
        names = [name.replace("thickness", measure) for name in FS[part]]
        table = pd.DataFrame([np.abs(VALUES.to_numpy()[part]) + 1] * rows, columns=names)
        table.insert(0, f"{side}.aparc.{measure}", [f"sub-{row}" for row in range(rows)])
        table = table.assign(
            **{f"{side}_Mean{measure.capitalize()}_{measure}": 2.5, "BrainSegVolNotVent": 1e6, "eTIV": 1e6}
        )
        files.append(tmp_path / f"{side}.{measure}.tsv")
        table.to_csv(files[-1], sep="\t", index=False)
    return tuple(files)


def test_freesurfer_tables(tmp_path):
    with pytest.warns(SignWarning, match="look like thickness in mm, of which more is more tissue: positive='gain'"):
        found = read_map(freesurfer(tmp_path))
    assert np.allclose(found, VALUES.abs() + 1)
    assert found.attrs["unit"] == "mm"
    assert any("'lh_MeanThickness_thickness'" in sentence for sentence in found.attrs["provenance"])
    assert read(freesurfer(tmp_path, "area")).attrs["unit"] == "mm²"
    with pytest.warns(UserWarning, match="the right cortex has none"):
        assert len(read(freesurfer(tmp_path)[0])) == 34


def test_a_table_of_subjects_is_no_map(tmp_path):
    files = freesurfer(tmp_path, rows=3)
    with pytest.raises(ValueError, match=r"lh\.thickness\.tsv has 3 rows.*xsg\.read_cohort"):
        read(files)
    assert np.allclose(read(files, column="sub-1"), VALUES.abs() + 1)
    assert np.allclose(read(files, column="mean"), VALUES.abs() + 1)
    with pytest.raises(ValueError, match="0 rows are called 'sub-9'"):
        read(files, column="sub-9")


def test_freesurfer_statistics_of_one_person(tmp_path):
    lines = [f"{name} 1200 800 2000 {abs(value) + 1:.3f} 0.5" for name, value in zip(BARE[:34], VALUES, strict=False)]
    head = "# Title Segmentation Statistics\n# hemi lh\n"
    head += "# ColHeaders StructName NumVert SurfArea GrayVol ThickAvg ThickStd\n"
    (tmp_path / "lh.aparc.stats").write_text(head + "\n".join(lines))
    with pytest.warns(UserWarning, match="right cortex"):
        found = read(tmp_path / "lh.aparc.stats")
    assert np.allclose(found, VALUES[:34].abs() + 1)
    assert found.attrs["unit"] == "mm"


def test_subcortex(tmp_path):
    volumes = {"Left-Lateral-Ventricle": 1.0, "Left-Thalamus-Proper": 7e3, "Right-Thalamus": 7.2e3, "CSF": 1.0}
    volumes |= {"Left-Accumbens-area": 5e2, "Right-Pallidum": 2e3, "EstimatedTotalIntraCranialVol": 1e6}
    aseg = pd.DataFrame({"Measure:volume": ["sub-1"]} | {name: [volume] for name, volume in volumes.items()})
    aseg.to_csv(tmp_path / "aseg.tsv", sep="\t", index=False)
    with pytest.warns(UserWarning, match="the left cortex has none"):
        found = read(tmp_path / "aseg.tsv", atlas="desikan+subcortex")
    assert found.to_dict() == {"L_accumbens": 5e2, "L_thalamus": 7e3, "R_pallidum": 2e3, "R_thalamus": 7.2e3}
    assert found.attrs["unit"] == "mm³"
    with pytest.raises(ValueError, match=r"belong to atlas='desikan\+subcortex'"):
        read(tmp_path / "aseg.tsv")
    with pytest.raises(ValueError, match=r"measure different things \(mm and mm³\)"):
        read((freesurfer(tmp_path)[0], tmp_path / "aseg.tsv"), atlas="desikan+subcortex")
    TABLE.to_csv(tmp_path / "z.csv", index=False)
    with pytest.raises(ValueError, match="something unstated and mm³"):
        read((tmp_path / "z.csv", tmp_path / "aseg.tsv"), atlas="desikan+subcortex")
    with pytest.warns(UserWarning, match="10 of 82"):
        assert len(read((tmp_path / "z.csv", tmp_path / "aseg.tsv"), atlas="desikan+subcortex", unit="z")) == 72


def test_enigma_tables_are_turned(real_data):
    folder = real_data / "human/disease"
    names = ("scz_case-controls_CortThick", "scz_case-controls_SubVol")
    cortex, below = (folder / f"enigma/{name}.csv" for name in names)
    found = read_map(cortex)
    assert np.allclose(found, load_disorder("SCZ"))
    assert (found.attrs["unit"], found.attrs["positive"]) == ("Cohen's d", "loss")
    with pytest.warns(UserWarning, match="'loss' was said, and the form of .* says 'gain': it is read as said"):
        assert np.allclose(read_map(cortex, positive="loss"), -found)
    both = read_map((cortex, below), atlas="desikan+subcortex")
    d = pd.read_csv(below).set_index("Structure")["d_icv"]
    assert (len(both), both["L_hippocampus"]) == (82, -d["Lhippo"])
    assert any("'LLatVent', 'RLatVent'" in sentence for sentence in both.attrs["provenance"])
    assert np.allclose(read_map(folder / "pd_ct.txt"), load_disorder("PD"))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (TABLE.assign(p=0.5), "2 columns could be the map: 'score', 'p'. Say which one with column="),
        (TABLE[["region"]], "no column of numbers beside the regions' names"),
        (pd.concat([TABLE, TABLE[:1]]), "region 'L_bankssts' comes twice"),
        (pd.concat([TABLE, TABLE[:1].replace("L_bankssts", "lh_bankssts")]), "comes twice.*'lh_bankssts'"),
        (TABLE.replace("L_bankssts", "L_bankstss"), "Did you mean 'L_bankssts' by 'L_bankstss'"),
        (pd.concat([TABLE, pd.DataFrame({"region": ["L_foo"], "score": [1.0]})]), "'L_foo' is no region of 'desikan'"),
        (TABLE.assign(region=BARE), "They lack the hemisphere"),
        (TABLE[:3], "at least four regions"),
        (TABLE.assign(score=0.0), "all regions have the value 0"),
        (
            TABLE.assign(score=VALUES.where(VALUES.index != "L_cuneus", -9999).to_numpy()),
            "look like a code for missing",
        ),
        (TABLE.assign(score=[*VALUES[:-1].astype(object), "high"]), "no numbers, the first in row 'R_insula'.*'high'"),
        (TABLE.assign(score=[*VALUES[:-1], np.inf]), "no numbers, the first in row 'R_insula'"),
        (TABLE.assign(score=["1,234"] * 68), "may be 1.234 or 1234"),
        (TABLE.assign(score=["1.023", *["987"] * 67]), "it may be 1023. Write numbers without separators"),
        (TABLE.assign(score=[f"{value}%" for value in VALUES]), "without units or marks"),
    ],
)
def test_what_is_ambiguous_or_wrong_is_refused(source, words):
    with pytest.raises(ValueError, match=words):
        read(source)


def test_regions_of_other_networks_are_told_apart_from_names_without_a_hemisphere():
    seventeen = [name.replace("7Networks", "17Networks") for name in load_atlas("schaefer100").regions]
    table = pd.DataFrame({"region": seventeen, "score": np.arange(100.0)})
    with pytest.raises(ValueError, match="regions of 17Networks, which lie elsewhere than those of 7Networks"):
        read(table, atlas="schaefer100")


def test_one_of_several_columns():
    table = TABLE.assign(p=np.linspace(0.001, 0.9, 68))
    assert same(table, column="Score")
    with pytest.raises(ValueError, match="no column 't'; there are 'region', 'score', 'p'"):
        read(table, column="t")
    with pytest.warns(UserWarning, match="p-values say how sure"):
        read(table, column="p")


def test_missing_values_stay_out_and_are_named(tmp_path):
    (tmp_path / "map.csv").write_text(TABLE.replace(VALUES["L_cuneus"], np.nan).to_csv(index=False, na_rep="n/a"))
    with pytest.warns(UserWarning, match="1 of 68: 1 have none: 'L_cuneus'"):
        assert len(read(tmp_path / "map.csv")) == 67


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "<html></html>", "web page"),
        (
            "a.csv",
            "Supplementary Table 3\n" + TABLE.to_csv(index=False),
            "its first line, 'Supplementary Table 3', is no header",
        ),
        ("a.csv", "# mine\n" + TABLE.to_csv(index=False), "is no header"),
        ("a.pkl", "x", "a pickle, which can run any code"),
        ("a.npy", "x", "a bare array without names"),
        ("a.mat", "x", "MATLAB"),
    ],
)
def test_files_that_are_no_tables_are_named(name, content, words, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        read(tmp_path / name)


def test_sides_that_contradict_names_are_refused():
    left, right = TABLE[:34], TABLE[34:]
    assert same({"left": left, "right": right})
    with pytest.raises(ValueError, match=r"given for side 'L', but holds 'R_bankssts'"):
        read({"left": right, "right": left})
    turned = TABLE.assign(hemi=[{"L": "rh", "R": "lh"}[side] for side in SIDE])
    with pytest.raises(ValueError, match=r"'L_bankssts' stands in a row whose column 'hemi' says 'R'"):
        read(turned)
    assert same(TABLE.assign(hemi=SIDE))
