"""A study begun from a cohort's tables: copied, asked, read again; nothing is overwritten, nobody is named."""

import argparse
import shutil
import tomllib

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.atlas import load_parcellation
from xsg.data.network import DownloadError
from xsg.people.read_cohort import read_cohort
from xsg.study import cohort as study
from xsg.study import evaluate
from xsg.study.cohort import cohort_cortex, write_study_from

N = 61


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(0)
    ids = [f"sub-secret{k:02d}" for k in range(N)]
    people = pd.DataFrame({"participant_id": ids, "age": rng.uniform(50, 80, N).round(1), "sex": rng.choice([1, 2], N)})
    people["group"] = rng.permutation(np.repeat(["patient", "control"], [34, 27]))
    for side in ("lh", "rh"):
        loss = 0.3 * np.outer(people["group"] == "patient", np.linspace(0, 1, 34))
        table = pd.DataFrame(2.7 - loss + rng.normal(0, 0.1, (N, 34)), ids)
        table.columns = [f"{side}_{r[2:]}_thickness" for r in load_parcellation("dk").regions[:34]]
        table.rename_axis(f"{side}.aparc.thickness").to_csv(tmp_path / f"{side}.tsv", sep="\t")
    people.to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    return [tmp_path / "lh.tsv", tmp_path / "rh.tsv"], tmp_path / "participants.tsv"


@pytest.fixture
def no_expression(monkeypatch):
    """Gene expression cannot be had; what would be joined to it is kept."""
    asked = {}

    def load(_, thinning, **more):
        asked.update(thinning=thinning, **more)
        raise DownloadError("desikan_r0.2.csv.bz2: no network")

    monkeypatch.setattr(study, "load_cortex", load)
    return asked


def test_tables_are_copied_and_what_is_asked_is_written(tables, tmp_path, no_expression):
    folder, told = write_study_from(tmp_path / "new/study", *tables)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "analysis.py", "lh.tsv", "participants.tsv", "rh.tsv", "study.toml",
    ]  # fmt: skip
    assert (folder / "lh.tsv").read_bytes() == tables[0][0].read_bytes()
    options = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    assert options["map"] == {"contrast": ["group", "patient", "control"]}
    assert options["name"] == "study"
    assert "61 people with thickness of 68 regions" in told[0]
    assert "'patient' (34), 'control' (27), so these are compared" in told[0]
    assert "could not be fetched" in told[-1]
    assert not any("secret" in line for line in [*told, (folder / "study.toml").read_text()])


def test_what_is_read_again_is_the_map(tables, tmp_path, no_expression):
    folder, _ = write_study_from(
        tmp_path / "study", *tables, slope="age", covariates=["sex"], sex={1: "M", 2: "F"}, keep="age > 55"
    )
    with pytest.raises(DownloadError):
        xsg.read_study(folder)
    wanted = read_cohort(*tables, sex={1: "M", 2: "F"}, keep="age > 55").slope("age", ["sex"])
    assert no_expression["thinning"].map.equals(wanted.map)
    assert no_expression["name"] == "study"
    assert no_expression["thinning"].cohort.table["sex"].isin(["M", "F"]).all()


def test_without_groups_it_is_age(tables, tmp_path, no_expression):
    people = pd.read_csv(tables[1], sep="\t")
    people.drop(columns="group").to_csv(tables[1], sep="\t", index=False)
    folder, told = write_study_from(tmp_path / "a", *tables)
    assert 'slope = "age"' in (folder / "study.toml").read_text()
    assert "slope of age is mapped" in told[0]
    people.assign(group=["a", "b", "c", *["control"] * (N - 3)]).to_csv(tables[1], sep="\t", index=False)
    assert "slope of age" in write_study_from(tmp_path / "b", *tables)[1][0]
    people[["participant_id", "sex"]].to_csv(tables[1], sep="\t", index=False)
    with pytest.raises(ValueError, match="nothing says what to map"):
        write_study_from(tmp_path / "c", *tables)
    assert not (tmp_path / "c").exists()


def test_nothing_is_overwritten_and_nothing_half_written(tables, tmp_path, no_expression, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty"):
        write_study_from(tmp_path / "there", *tables)
    assert (tmp_path / "there/mine.txt").read_text() == "mine"

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(ValueError, match="No space left"):
        write_study_from(tmp_path / "fresh", *tables)
    assert not (tmp_path / "fresh").exists()


def test_a_folder_of_subjects_becomes_tables(tables, tmp_path, no_expression):
    for side in ("lh", "rh"):
        table = pd.read_csv(tmp_path / f"{side}.tsv", sep="\t", index_col=0)
        for subject, row in table.iterrows():
            stats = tmp_path / "subjects" / subject / "stats"
            stats.mkdir(parents=True, exist_ok=True)
            lines = [f"{name.removeprefix(side + '_').removesuffix('_thickness')} {v:.3f}" for name, v in row.items()]
            text = f"# hemi {side}\n# ColHeaders StructName ThickAvg\n" + "\n".join(lines) + "\n"
            (stats / f"{side}.aparc.stats").write_text(text)
    folder, _ = write_study_from(tmp_path / "study", tmp_path / "subjects", tables[1])
    with pytest.raises(DownloadError):
        xsg.read_study(folder)
    assert np.allclose(
        no_expression["thinning"].map, read_cohort(*tables).contrast("group", "patient", "control").map, atol=2e-3
    )


def test_a_study_that_asks_for_what_is_not_there_is_refused(tables, tmp_path, no_expression):
    folder, _ = write_study_from(tmp_path / "study", *tables)
    good = (folder / "study.toml").read_text()
    for old, new, why in (
        ("contrast = [", "contrasts = [", r"'contrasts' of \[map\] is unknown"),
        ('"participants.tsv"', '"people.tsv"', r"'people\.tsv' is not in the folder"),
        ('"patient", "control"]', '"patient"]', "expected a column and two groups"),
        ('"patient"', '"ill"', "group 'ill' has 0 people"),
        ("thickness = ", "tables = ", r"'tables' of \[cohort\] is unknown"),
        ("contrast = ", 'slope = "age"\ncontrast = ', "slope and contrast there"),
        ("[cohort]", "cohort = 1\n[other]", r"cohort is 1; expected a section, \[cohort\]"),
    ):
        (folder / "study.toml").write_text(good.replace(old, new, 1))
        with pytest.raises(ValueError, match=why):
            xsg.read_study(folder)


def test_the_same_name_twice_and_files_that_are_not_there(tables, tmp_path, no_expression):
    (tmp_path / "other").mkdir()
    shutil.copy(tables[0][1], tmp_path / "other/lh.tsv")
    with pytest.raises(ValueError, match=r"two tables are called 'lh\.tsv'"):
        write_study_from(tmp_path / "x", [tables[0][0], tmp_path / "other/lh.tsv"], tables[1])
    with pytest.raises(ValueError, match=r"none\.tsv is not there"):
        write_study_from(tmp_path / "x", [tmp_path / "none.tsv"], tables[1])
    with pytest.raises(ValueError, match="both given"):
        write_study_from(tmp_path / "x", *tables, slope="age", contrast=("group", "patient", "control"))


def test_real_genes_are_joined(real_data, tables, tmp_path):
    folder, told = write_study_from(tmp_path / "study", *tables)
    assert len(told) == 2
    cortex = xsg.read_study(folder)
    assert cortex.name == "study"
    assert len(cortex.people) == 17
    assert cortex.expression.shape[0] == 66
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    assert evaluate.read_subject(parser.parse_args([str(folder)])).thinning.equals(cortex.thinning)
    assert isinstance(cohort_cortex(folder, tomllib.loads((folder / "study.toml").read_text())), xsg.Cortex)
