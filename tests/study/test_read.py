"""A study of one's own: the template as it is, another parcellation, and every table gone wrong."""

import re
import runpy
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.evaluation.metrics import r_squared
from xsg.study.read import read_study, write_template


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_template(tmp_path_factory.mktemp("own") / "study")


@pytest.fixture
def study(template, tmp_path):
    return shutil.copytree(template, tmp_path / "study")


def edit(path, change):
    change(pd.read_csv(path, dtype={"region": str}, keep_default_na=False)).to_csv(path, index=False)


def test_the_template_is_the_simulated_cortex(template):
    cortex = read_study(template)
    whole = xsg.load_cortex("simulated", n_genes=60, n_controls=120, n_patients=80)
    assert cortex.simulated
    assert np.allclose(cortex.expression, whole.expression, atol=1e-4)
    assert np.allclose(cortex.thinning, whole.thinning, atol=1e-3)
    assert (cortex.graph.weights == whole.graph.weights).all(axis=None)
    assert len(cortex.cohort.subjects) == 200


def test_tables_may_be_in_any_order_and_lack_regions(study):
    before = read_study(study)
    edit(study / "expression.csv", lambda t: t.iloc[::-1])
    edit(study / "regions.csv", lambda t: t.sample(frac=1, random_state=0))
    after = read_study(study)
    assert after.thinning[before.regions].equals(before.thinning)
    assert after.expression.loc[before.regions].equals(before.expression)
    edit(study / "expression.csv", lambda t: t[t["region"] != "L_insula"])
    assert "L_insula" not in read_study(study).regions
    assert any("L_insula" in line for line in read_study(study).provenance)


def test_another_parcellation_from_centres_alone(study):
    """Seven regions a side, a map in place of a cohort, edges of its own."""
    keep = ["bankssts", "cuneus", "entorhinal", "insula", "precentral", "lingual", "fusiform"]
    for file in ("regions.csv", "expression.csv"):
        edit(study / file, lambda t: t[t["region"].str[2:].isin(keep)])
    for file in ("labels.csv", "cohort.csv"):
        (study / file).unlink()
    names = pd.read_csv(study / "regions.csv")["region"]
    pd.DataFrame({"region": names, "thinning": np.arange(14) / 7}).to_csv(study / "thinning.csv", index=False)
    (study / "study.toml").write_text('unit = "z"')
    cortex = read_study(study)
    assert cortex.expression.shape == (14, 60)
    assert (cortex.thinning.attrs["unit"], cortex.simulated, cortex.cohort) == ("z", False, None)
    assert "guessed" in cortex.parcellation.name
    pairs = pd.DataFrame({"a": names[:-1].to_list(), "b": names[1:].to_list(), "weight": 2.0})
    pairs.to_csv(study / "edges.csv", index=False)
    graph = read_study(study).graph
    assert graph.edges.tolist() == [list(range(13)), list(range(1, 14))]
    assert (graph.edge_weights == 2).all()


def wrong(file, change):
    return lambda study: edit(study / file, change)


def unlabelled(study):
    table = pd.read_csv(study / "labels.csv", keep_default_na=False, skip_blank_lines=False)
    table.loc[5, "region"] = "L_insulla"
    table.to_csv(study / "labels.csv", index=False)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda study: (study / "regions.csv").unlink(), "regions.csv is missing; CSV files there: cohort.csv"),
        (wrong("regions.csv", lambda t: t.drop(columns="z")), "regions.csv: no column 'z'"),
        (wrong("regions.csv", lambda t: t.assign(x="far")), "regions.csv: 68 values.*'L_bankssts', column 'x': 'far'"),
        (wrong("regions.csv", lambda t: pd.concat([t, t[:1]])), r"'L_bankssts' \(line 70\) is empty or given twice"),
        (wrong("expression.csv", lambda t: t.replace("L_insula", "insula")), "region 'insula' is not in regions.csv"),
        (wrong("expression.csv", lambda t: t.assign(**{t.columns[3]: ""})), "expression.csv: 68 values are missing"),
        (wrong("cohort.csv", lambda t: t.drop(columns="site")), "cohort.csv: no column 'site'"),
        (wrong("cohort.csv", lambda t: t.assign(sex="w")), "expected 'F' or 'M'"),
        (wrong("cohort.csv", lambda t: t[:5]), "at least 10"),
        (wrong("cohort.csv", lambda t: t.iloc[:, :5]), "no column is named as a region"),
        (unlabelled, r"'L_insulla' \(line 7\) is not in regions.csv"),
        (wrong("regions.csv", lambda t: t.assign(hemisphere="L")), "lies in hemisphere R"),
        (lambda study: (study / "cohort.csv").unlink(), "expected thinning.csv or cohort.csv"),
        (lambda study: (study / "thinning.csv").write_text("x"), "thinning.csv and cohort.csv there"),
        (lambda study: (study / "study.toml").write_text("sites = 3"), "option 'sites' is unknown"),
        (lambda study: (study / "study.toml").write_text("name ="), "no valid TOML"),
        (lambda study: (study / "expression.csv").write_bytes(b"\xff\xfe\x00"), "could not be read as CSV"),
        (lambda study: (study / "expression.csv").write_text(""), "could not be read as CSV"),
        (lambda study: (study / "edges.csv").write_text(""), "edges.csv could not be read as CSV"),
        (lambda study: (study / "labels.csv").write_bytes(b"\xff\xfe\x00"), "labels.csv could not be read as CSV"),
        (lambda study: (study / "edges.csv").write_text("a,b\n"), "edges.csv: no column 'weight'"),
        (
            lambda study: (study / "edges.csv").write_text("a,b,weight\nL_insula,x,1\n"),
            "region 'x' is not in regions.csv",
        ),
        (
            lambda study: (study / "edges.csv").write_text("a,b,weight\nL_insula,L_cuneus,1\nL_cuneus,L_insula,2\n"),
            "joined twice, with weights 1 and 2",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_file(study, spoil, told):
    spoil(study)
    with pytest.raises(ValueError, match=told):
        read_study(study)


def test_a_folder_that_is_not_there_says_how_to_begin(tmp_path):
    with pytest.raises(ValueError, match="python -m xsg new"):
        read_study(tmp_path / "none")


def test_the_script_of_the_template_ends_in_a_report(study, monkeypatch, capsys):
    script = study / "analysis.py"
    script.write_text(script.read_text().replace("N_NULLS = 99", "N_NULLS = 0").replace("VAE()", "VAE(epochs=5)"))
    monkeypatch.setattr(sys, "argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")
    written = {path.name for path in (study / "report").iterdir()}
    assert {"map.png", "report_homologous.png", "report_spatial.csv", "report.txt"} <= written
    told = (study / "report/report.txt").read_text()
    assert "SIMULATED" in told
    # Five epochs teach the model little; what the script recommends is what did best held out.
    assert (method := re.search(r"Split 'homologous': use (.+)", told)), told
    assert method[1] in ("ridge", "PLS", "expression PC1")
    predictions = pd.read_csv(study / "report/predictions_homologous.csv", index_col=0)
    scores = {
        name: r_squared(predictions["observed"], predictions[name]) for name in ("ridge", "PLS", "expression PC1")
    }
    assert max(scores, key=scores.get) == method[1]
    assert {"map_homologous.png", "predictions_spatial.csv"} <= written
