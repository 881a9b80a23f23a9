"""AHBA expression: the gene lists, the unmeasured regions, z-scores."""

import numpy as np
import pandas as pd
import pytest

from xsg.atlas import REGIONS
from xsg.data import expression as module
from xsg.data.expression import landmark_genes, load_ahba, normalise
from xsg.genes import make
from xsg.genes.make import abagen_default_genes

UNMEASURED = ["R_frontalpole", "R_temporalpole"]
GENES = [f"G{i}" for i in range(8)]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A matrix in the file's layout (68 × 8 genes, rows shuffled) and gene lists, in place of the real files."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((68, 8)), index=pd.Index(REGIONS, name="Region"), columns=GENES)
    table.loc[UNMEASURED] = np.nan
    table.iloc[rng.permutation(68)].to_csv(tmp_path / "matrix.csv.bz2", na_rep="NA")
    (tmp_path / "info.csv").write_bytes(b"pr_gene_symbol,pr_is_lm\r\nG5,1\r\nNA,1\r\nG3,0\r\nG1,1\r\n")
    (tmp_path / "list.txt").write_bytes(b"G1\r36951\rG5\rNA")
    names = {module._MATRIX: "matrix.csv.bz2", module._LANDMARKS: "info.csv", make._ABAGEN_GENES: "list.txt"}
    for each in (module, make):
        monkeypatch.setattr(each, "fetch", lambda name: tmp_path / names[name])
    return table


def test_drop_leaves_out_the_unmeasured_regions(small):
    loaded = load_ahba(genes="all")
    pd.testing.assert_frame_equal(loaded, small.drop(index=UNMEASURED), check_names=False)
    assert list(loaded.index) == [region for region in REGIONS if region not in UNMEASURED]
    assert any("left out: R_frontalpole and R_temporalpole" in line for line in loaded.attrs["provenance"])


def test_mirror_copies_the_left_homologue_and_says_so(small):
    loaded = load_ahba(genes="all", missing="mirror")
    assert list(loaded.index) == list(REGIONS)
    np.testing.assert_array_equal(loaded.loc[UNMEASURED], small.loc[["L_frontalpole", "L_temporalpole"]])
    measured = [region for region in REGIONS if region not in UNMEASURED]
    np.testing.assert_allclose(loaded.loc[measured], small.loc[measured], rtol=1e-12)
    assert any("copies of their left homologues: R_frontalpole" in line for line in loaded.attrs["provenance"])


def test_genes_by_list_name_and_order(small):
    assert list(load_ahba().columns) == ["G1", "G5"]
    assert any("the 2 of 3 L1000 landmark genes" in line for line in load_ahba().attrs["provenance"])
    assert list(load_ahba(genes=["G6", "G0", "G2"]).columns) == ["G6", "G0", "G2"]
    np.testing.assert_allclose(load_ahba(genes=["G6"])["G6"], small["G6"].dropna(), rtol=1e-12)


def test_gene_lists_survive_line_ends_and_a_gene_called_na(small):
    assert landmark_genes() == ["G5", "NA", "G1"]
    assert abagen_default_genes() == ["G1", "36951", "G5", "NA"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"missing": "zero"}, "missing 'zero' is unknown; expected one of 'drop'"),
        (
            {"genes": "Landmark"},
            "'Landmark' is unknown; .* Or give a list",
        ),
        ({"genes": ["G1", "GG2", "X"]}, r"2 of 3 are not in the matrix: GG2, X\. Near GG2: G2"),
        ({"genes": ["MARCHF1"]}, r"MARCHF1\. Symbols are those before 2020"),
        ({"genes": ["G1", "G2", "G1"]}, "more than once: G1"),
        ({"genes": []}, "given none"),
    ],
)
def test_wrong_choices_are_refused(small, choice, message):
    with pytest.raises(ValueError, match=message):
        load_ahba(**choice)


def test_a_region_missing_from_the_file_is_refused_by_name(small, tmp_path):
    table = small.drop(index="L_insula").rename(index={"R_cuneus": "R_cunius"})
    table.to_csv(tmp_path / "matrix.csv.bz2", na_rep="NA")
    with pytest.raises(ValueError, match="L_insula"):
        load_ahba(genes="all")


@pytest.mark.parametrize(("by", "axis"), [("gene", 0), ("region", 1)])
def test_z_scores(by, axis):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(5 + 3 * rng.random((7, 8)), index=list(REGIONS[:7]), columns=GENES)
    table.attrs = {"provenance": ["made up"]}
    scaled = normalise(table, by=by)
    np.testing.assert_allclose(scaled.mean(axis=axis), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=axis, ddof=0), 1, rtol=1e-12)
    assert (np.argsort(scaled, axis=axis) == np.argsort(table, axis=axis)).all(axis=None)
    assert scaled.attrs["provenance"] == ["made up", f"Expression: z-scores by {by}."]
    assert table.attrs["provenance"] == ["made up"]
    pd.testing.assert_frame_equal(normalise(table, by="none"), table)


def test_what_has_no_z_score_is_named():
    table = pd.DataFrame(np.random.default_rng(0).random((7, 8)), index=list(REGIONS[:7]), columns=GENES)
    with pytest.raises(ValueError, match=r"1 gene\(s\) .* no z-score: G3;"):
        normalise(table.assign(G3=0.1))
    constant = table.copy()
    constant.iloc[2] = 0.1
    with pytest.raises(ValueError, match=rf"1 region\(s\) .* no z-score: {REGIONS[2]};"):
        normalise(constant, by="region")
    for value in (np.nan, np.inf):
        table.iloc[4, 6] = value
        for by in ("gene", "region", "none"):
            with pytest.raises(ValueError, match=rf"{value} at region '{REGIONS[4]}', gene 'G6'"):
                normalise(table, by=by)
    with pytest.raises(ValueError, match="by 'genes' is unknown"):
        normalise(table, by="genes")


def test_910_genes_are_the_landmarks_that_abagen_keeps(real_data):
    landmarks, kept = landmark_genes(), abagen_default_genes()
    assert (len(landmarks), len(set(landmarks))) == (978, 978)
    assert (len(kept), len(set(kept))) == (15_633, 15_631)
    assert (kept.count("36951"), kept.count("37316"), sum(gene.isdigit() for gene in kept)) == (2, 2, 23)
    assert len(set(landmarks) & set(kept)) == 910


def test_the_real_matrix(real_data):
    loaded = load_ahba(missing="mirror")
    assert loaded.shape == (68, 776)
    assert loaded.to_numpy().min() >= 0
    assert loaded.to_numpy().max() <= 1
    np.testing.assert_array_equal(loaded.loc["R_frontalpole"], loaded.loc["L_frontalpole"])
    everything = load_ahba(genes="all")
    assert everything.shape == (66, 12_668)
    assert everything.loc["L_bankssts", "A1BG"] == 0.468854427
    assert not set(UNMEASURED) & set(everything.index)
    pd.testing.assert_frame_equal(everything[loaded.columns], loaded.drop(index=UNMEASURED))
    assert normalise(everything).shape == (66, 12_668)


def test_an_atlas_by_its_other_name_has_the_same_files():
    ours = module.registered_files(None, "desikan")
    assert module.registered_files(None, "dk") == module.registered_files("landmark", "desikan") == ours
    assert len(ours) == 2
