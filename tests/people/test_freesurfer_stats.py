"""A folder of FreeSurfer's subjects becomes the tables of aparcstats2table."""

import pytest

from xsg.people.freesurfer_stats import stats_tables

REGIONS = {"bankssts": 2.5, "cuneus": 1.9, "insula": 3.1}


def write(folder, subject, side, hemi=None, regions=REGIONS, headers=True, tail=""):
    path = folder / subject / "stats" / f"{side}.aparc.stats"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["# Title Segmentation Statistics", f"# subjectname {subject}", f"# hemi {hemi or side}"]
    if headers:
        lines.append("# ColHeaders StructName NumVert SurfArea GrayVol ThickAvg ThickStd")
    lines += [f"{name:40s} 1234  800  2200  {value:.3f}  0.500" for name, value in regions.items()]
    path.write_text("\n".join(lines) + tail + "\n")


@pytest.fixture
def subjects(tmp_path):
    for k, subject in enumerate(["sub-01", "sub-02"]):
        for side in ("lh", "rh"):
            write(tmp_path, subject, side, regions={name: value + k for name, value in REGIONS.items()})
    (tmp_path / "fsaverage" / "surf").mkdir(parents=True)
    return tmp_path


def test_the_tables_are_those_of_aparcstats2table(subjects):
    left, right = stats_tables(subjects)
    assert left.columns.to_list() == ["lh_bankssts_thickness", "lh_cuneus_thickness", "lh_insula_thickness"]
    assert right.index.to_list() == ["sub-01", "sub-02"]
    assert right.loc["sub-02", "rh_insula_thickness"] == 4.1
    assert stats_tables(subjects, "area")[0].loc["sub-01", "lh_cuneus_area"] == 800


def test_a_region_that_a_subject_lacks_is_missing(subjects):
    write(subjects, "sub-02", "lh", regions={"bankssts": 2.0, "insula": 3.0})
    assert stats_tables(subjects)[0].isna().sum().to_dict() == {
        "lh_bankssts_thickness": 0,
        "lh_cuneus_thickness": 1,
        "lh_insula_thickness": 0,
    }


def test_what_is_no_such_folder_is_refused(subjects, tmp_path):
    with pytest.raises(ValueError, match="no SUBJECT/stats"):
        stats_tables(tmp_path / "fsaverage")
    (subjects / "sub-02/stats/rh.aparc.stats").unlink()
    with pytest.raises(ValueError, match=r"1 of 2 subjects have no stats/rh\.aparc\.stats: 'sub-02'"):
        stats_tables(subjects)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hemi": "lh"}, "hemisphere 'lh'; expected 'rh'"),
        ({"headers": False}, "no columns StructName and ThickAvg"),
        ({"tail": "\nlingual 12"}, "cut short"),
        ({"regions": {}}, "holds no region"),
    ],
)
def test_a_wrong_file_is_named(subjects, change, said):
    write(subjects, "sub-02", "rh", **change)
    with pytest.raises(ValueError, match=said) as caught:
        stats_tables(subjects)
    assert "sub-02" in str(caught.value)
