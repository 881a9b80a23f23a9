"""An atlas by name without the real files: what is read, left out, copied, kept and refused, on made-up ones."""

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg import load
from xsg.atlas import load_parcellation
from xsg.data import atlases, expression
from xsg.data.atlases import load_atlas, load_connectome
from xsg.data.expression import load_ahba

DK = load_parcellation("dk")
DEEP = [f"{side}{name}" for side in "LR" for name in ("accumb", "amyg", "caud", "hippo", "pal", "put", "thal")]
LEFT = [f"7Networks_LH_Vis_{k}" for k in range(1, 35)]
RIGHT = [f"7Networks_RH_Vis_{(k * 5) % 34 + 1}" for k in range(34)]  # numbered in another order
NAMES = [*LEFT, *RIGHT, *DEEP]
LOST = [LEFT[3], RIGHT[5], RIGHT[6]]
GENES = [f"G{k}" for k in range(8)]


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """Files in the layout of Schaefer's 100 regions, for the 68 of Desikan and Killiany under numbered names."""
    rng = np.random.default_rng(0)
    labels = DK.labels + 1
    np.savetxt(tmp_path / "labels.csv", labels, fmt="%d")
    (tmp_path / "names.csv").write_text(",".join(NAMES))
    weights = rng.gamma(1, size=(82, 82))
    weights = np.triu(weights, 1) + np.triu(weights, 1).T - 0.3 * (1 - np.eye(82))  # a few below one streamline
    np.savetxt(tmp_path / "matrix.csv", weights, delimiter=",")
    table = pd.DataFrame(rng.random((82, 8)), pd.Index(NAMES, name="Region"), GENES)
    table.loc[LOST] = np.nan
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "genes.csv.bz2", na_rep="NA")
    (tmp_path / "info.csv").write_text("pr_gene_symbol,pr_is_lm\n" + "".join(f"L{k},1\n" for k in range(90)) + "G2,1\n")
    files = {
        "human/atlas/schaefer_100_fsa5.csv": "labels.csv",
        "human/connectome/strucLabels_with_sctx_schaefer_100.csv": "names.csv",
        "human/connectome/strucMatrix_with_sctx_schaefer_100.csv": "matrix.csv",
        "human/expression/schaefer100_r0.4.csv.bz2": "genes.csv.bz2",
        expression._LANDMARKS: "info.csv",
    }
    monkeypatch.setattr(atlases, "is_here", lambda name: name in files)
    for module in (atlases, expression):
        monkeypatch.setattr(module, "fetch", lambda name: tmp_path / files[name])
    kept = (atlases._load, atlases._cortex_names, load._graph)
    for each in kept:
        each.cache_clear()
    yield table
    for each in kept:
        each.cache_clear()


@pytest.mark.usefixtures("made_up")
def test_regions_and_lobes_are_those_of_the_labels():
    atlas = load_atlas("schaefer100")
    assert list(atlas.regions) == [*LEFT, *RIGHT]
    assert np.array_equal(atlas.labels, DK.labels)
    assert atlas.table["lobe"].to_list() == DK.table["lobe"].to_list()
    assert list(load_atlas("schaefer100+subcortex").regions[68:70]) == ["L_accumbens", "L_amygdala"]
    # Numbers tell no homologue, places do.
    assert atlas.homologue[LEFT[7]] == RIGHT[7]


def test_rows_are_joined_by_name_and_those_without_values_left_out(made_up):
    table = load_ahba(atlas="schaefer100")
    assert list(table.index) == [name for name in NAMES[:68] if name not in LOST]
    np.testing.assert_array_equal(table, made_up.loc[table.index])
    assert all(name in table.attrs["provenance"][-1] for name in LOST)
    whole = load_ahba(atlas="schaefer100+subcortex", genes=["G5", "G1"])
    assert whole.shape == (79, 2)
    np.testing.assert_array_equal(whole.iloc[-14:], made_up.loc[DEEP, ["G5", "G1"]])
    with pytest.raises(ValueError, match=r"1 of the 91 L1000 landmark genes are in the matrix of atlas 'schaefer100'"):
        load_ahba("landmark", atlas="schaefer100")


def test_a_homologue_is_copied_where_places_tell_it_of_all(made_up):
    table = load_ahba(atlas="schaefer100", missing="mirror")
    assert list(table.index) == NAMES[:68]
    np.testing.assert_array_equal(table.loc[RIGHT[5]], made_up.loc[LEFT[5]])
    np.testing.assert_array_equal(table.loc[LEFT[3]], made_up.loc[RIGHT[3]])
    assert "are copies of their homologues: " in table.attrs["provenance"][-1]


@pytest.mark.usefixtures("made_up")
def test_what_is_kept_is_what_was_read_and_files_that_are_not_right_are_told(tmp_path):
    first = load_ahba(atlas="schaefer100")
    assert len(list((tmp_path / "xsg-data" / "prepared").iterdir())) == 1
    pd.testing.assert_frame_equal(load_ahba(atlas="schaefer100"), first, check_exact=True)
    changed = pd.read_csv(tmp_path / "genes.csv.bz2", index_col=0) * 2
    changed.to_csv(tmp_path / "genes.csv.bz2", na_rep="NA")
    np.testing.assert_allclose(load_ahba(atlas="schaefer100"), 2 * first)  # another file, another digest
    changed.drop(index=LEFT[0]).to_csv(tmp_path / "genes.csv.bz2", na_rep="NA")
    with pytest.raises(ValueError, match="7Networks_LH_Vis_1"):
        load_ahba(atlas="schaefer100")
    atlases._load.cache_clear()
    np.savetxt(tmp_path / "labels.csv", np.where(DK.labels == 67, 66, DK.labels) + 1, fmt="%d")
    with pytest.raises(ValueError, match=r"schaefer_100_fsa5.csv has 67 labels from 1 to 67; expected 1 to 68"):
        load_atlas("schaefer100")
    np.savetxt(tmp_path / "matrix.csv", np.ones((7, 7)), delimiter=",")
    with pytest.raises(ValueError, match=r"shape \(7, 7\), 82 labels; expected a square"):
        load_connectome("schaefer100")


@pytest.mark.usefixtures("made_up")
def test_a_cortex_with_its_connectome():
    weights = load_connectome("schaefer100+subcortex")
    assert list(weights.index[-2:]) == ["R_putamen", "R_thalamus"]
    assert weights.min(axis=None) == 0
    values = pd.Series(np.arange(68.0), [name.removeprefix("7Networks_") for name in NAMES[:68]])
    cortex = xsg.load_cortex("ahba", thinning=values, atlas="schaefer100", connectome="structural")
    assert list(cortex.regions) == [name for name in NAMES[:68] if name not in LOST]
    assert cortex.thinning[LEFT[10]] == 10
    strength = weights.loc[cortex.regions, cortex.regions] / weights.iloc[:68, :68].max(axis=None)
    apart = strength.to_numpy() > 0
    assert (cortex.graph.weights.to_numpy()[apart] >= strength.to_numpy()[apart] - 1e-12).all()
    assert cortex.graph.name == "structural connectome + homotopic edges"
    few = xsg.load_cortex("ahba", thinning=values.iloc[:12], atlas="schaefer100")
    assert len(few.regions) == 11
    with pytest.raises(ValueError, match=r"those of the 68 regions of atlas 'schaefer100'; 0 are in 'desikan'"):
        xsg.load_cortex("ahba", thinning=values)
