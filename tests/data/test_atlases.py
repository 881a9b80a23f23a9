"""Atlases by name: regions where anatomy has them, expression and connectome under the same names, maps told apart."""

import re

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.atlas import homologous_pairs, load_parcellation
from xsg.atlas.pairs import find_pairs, mirror_blocks
from xsg.data.atlases import ATLASES, atlas_name, likeliest_atlas, load_atlas, load_connectome, region_names
from xsg.data.expression import STABILITIES, landmark_genes, load_ahba

FINE = ["schaefer100", "schaefer200", "schaefer300", "schaefer400", "glasser360"]
UNMEASURED = {"desikan": 2, "schaefer100": 0, "schaefer200": 9, "schaefer300": 28, "schaefer400": 49, "glasser360": 63}
GENES = {
    ("desikan", 0.2): 12_668,
    ("desikan", 0.6): 1645,
    ("schaefer100", 0.4): 3848,
    ("schaefer100", 0.6): 810,
    ("schaefer200", 0.4): 2288,
    ("schaefer200", 0.6): 430,
    ("schaefer300", 0.6): 327,
    ("schaefer400", 0.6): 282,
    ("glasser360", 0.6): 268,
}


def made_map(atlas: str, seed: int = 0) -> pd.Series:
    names = region_names(atlas)
    return pd.Series(np.random.default_rng(seed).normal(size=len(names)), names)


def test_names_of_atlases():
    assert load_atlas() is load_parcellation("dk")
    assert load_atlas("dk+subcortex") is load_atlas("desikan+subcortex")
    assert load_atlas("desikan+subcortex").name == "desikan+subcortex"
    assert len(ATLASES) == 12
    assert [atlas_name(name) for name in ATLASES] == list(ATLASES)
    with pytest.raises(ValueError, match=r"atlas 'schaefer500' is unknown; .*Did you mean 'schaefer[1-4]00'"):
        load_atlas("schaefer500")


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("name", FINE)
def test_regions_lie_where_their_names_say(name):
    atlas = load_atlas(name)
    table = atlas.table
    assert len(atlas.regions) == int(name[-3:])
    told = ["L" if "LH_" in region or region.startswith("L_") else "R" for region in atlas.regions]
    assert list(table["hemisphere"]) == told
    assert (np.sign(table["x"]) == np.where(table["hemisphere"] == "L", -1, 1)).mean() > 0.98
    if name == "glasser360":
        assert table.loc[["L_V1", "R_V1"], "y"].max() < -70
        assert table.loc[["L_10pp", "R_10pp"], "y"].min() > 50
        assert abs(table.loc["L_A1", "x"]) > 40  # auditory: at the side
        assert table.loc[["L_4", "R_4"], "lobe"].to_list() == ["frontal"] * 2
        assert table.loc[["L_V1", "R_V1"], "lobe"].to_list() == ["occipital"] * 2
        assert (atlas.homologue == [("R" if r[0] == "L" else "L") + r[1:] for r in atlas.homologue.index]).all()
        assert len(atlas.homologue) == 360
    else:
        network = atlas.regions.str.extract(r"H_([A-Za-z]+)_", expand=False)
        places = table.groupby(network.to_numpy())[["x", "y", "z"]].mean()
        assert places["y"].idxmin() == "Vis"
        assert places["z"].idxmax() in {"SomMot", "DorsAttn"}
        assert places["z"].idxmin() == "Limbic"
        assert (table.loc[network.to_numpy() == "Vis", "lobe"] == "occipital").mean() > 0.5
    assert table["lobe"].notna().all()
    assert build_components(atlas) == 1


def build_components(atlas) -> int:
    return xsg.build_graph(atlas).n_components


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("name", FINE)
def test_labels_agree_with_those_of_desikan_and_killiany(name):
    """Regions are many to one: most vertices of the medial wall belong to none, and most others to one."""
    atlas, dk = load_atlas(name), load_parcellation("dk")
    assert (atlas.labels[dk.labels >= 0] >= 0).mean() > 0.98
    assert (atlas.labels[dk.labels < 0] < 0).mean() > 0.75


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(("name", "stability"), list(GENES))
def test_expression_by_atlas(name, stability):
    table = load_ahba("all", atlas=name, stability=stability)
    atlas = load_atlas(name)
    assert table.shape == (len(atlas.regions) - UNMEASURED[name], GENES[name, stability])
    assert list(table.index) == [region for region in atlas.regions if region in table.index]
    assert table.notna().all(axis=None)
    assert f"r > {stability} (human/expression/" in table.attrs["provenance"][0]
    lost = [region for region in atlas.regions if region not in table.index]
    assert all(region in table.attrs["provenance"][-1] for region in lost)
    again = load_ahba("all", atlas=name, stability=stability)  # as it was kept
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    assert again.to_numpy().flags.c_contiguous == table.to_numpy().flags.c_contiguous
    assert GENES[name, STABILITIES[name][0]] == load_ahba("all", atlas=name).shape[1]


@pytest.mark.usefixtures("real_data")
def test_genes_lie_where_they_are_known_to_be_in_every_atlas():
    """Each finer table, averaged over the vertices of Desikan-Killiany regions, gives the coarse one."""
    dk = load_parcellation("dk")
    coarse = load_ahba("all")
    for name in FINE:
        table, atlas = load_ahba(atlas=name), load_atlas(name)
        genes = coarse.columns.intersection(table.columns)[:100]
        of_vertex = table[genes].reindex(atlas.regions).to_numpy()
        values = np.vstack([of_vertex, np.full(len(genes), np.nan)])[atlas.labels]
        there = (dk.labels >= 0) & np.isfinite(values[:, 0])
        mean = pd.DataFrame(values[there]).groupby(dk.regions[dk.labels[there]].to_numpy()).mean()
        both = coarse.index.intersection(mean.index)
        r = [np.corrcoef(mean.loc[both, k], coarse.loc[both, gene])[0, 1] for k, gene in enumerate(genes)]
        assert len(genes) == 100
        assert np.median(r) > 0.8, name


@pytest.mark.usefixtures("real_data")
def test_rows_below_the_cortex_come_when_asked_for():
    for name in ("desikan", "schaefer100", "glasser360"):
        stability = 0.6
        cortex = load_ahba("all", atlas=name, stability=stability)
        whole = load_ahba("all", atlas=f"{name}+subcortex")
        assert list(whole.index[-14:]) == list(load_atlas(f"{name}+subcortex").regions[-14:])
        if whole.shape[1] == cortex.shape[1]:
            pd.testing.assert_frame_equal(whole.iloc[:-14], cortex, check_exact=True)
    assert load_ahba("all", atlas="desikan+subcortex").shape == (80, 1645)


@pytest.mark.usefixtures("real_data")
def test_a_homologue_is_copied_only_where_it_is_known():
    table = load_ahba(missing="mirror", atlas="glasser360")
    assert len(table) == 352  # of 63 without measurement, 8 have no homologue with one either
    pd.testing.assert_series_equal(table.loc["R_A1"], table.loc["L_A1"], check_names=False)
    assert "left out: L_MST, L_OP1, L_AAIC, L_V3CD, R_MST" in table.attrs["provenance"][-1]
    with pytest.raises(ValueError, match=r"'schaefer200' are numbered within their hemisphere.*missing='drop'"):
        load_ahba(missing="mirror", atlas="schaefer200")
    assert len(load_ahba(missing="mirror", atlas="schaefer100")) == 100  # nothing is missing


@pytest.mark.usefixtures("real_data")
def test_too_few_landmark_genes_are_refused_with_the_way_out():
    for name, n in (("schaefer400", 6), ("glasser360", 8), ("desikan+subcortex", 75)):
        with pytest.raises(ValueError, match=rf"{n} of the 978 L1000 landmark genes .*'{name.partition('+')[0]}"):
            load_ahba("landmark", atlas=name)
    assert load_ahba("landmark", atlas="schaefer100").shape == (100, 209)
    few = load_ahba("all", atlas="schaefer400").columns.intersection(landmark_genes())
    assert load_ahba(few, atlas="schaefer400").shape == (351, 6)
    with pytest.raises(ValueError, match=r"stability is 0.2; for atlas 'schaefer100' .* above 0.4 and 0.6"):
        load_ahba(atlas="schaefer100", stability=0.2)


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("name", ["desikan", "schaefer100", "glasser360+subcortex"])
def test_connectomes(name):
    weights = load_connectome(name)
    assert list(weights.index) == list(weights.columns) == list(load_atlas(name).regions)
    assert (weights == weights.T).all(axis=None)
    assert 0 == np.diag(weights).max() < weights.max(axis=None) < 15
    near = xsg.atlas.distances(load_atlas(name))
    upper = np.triu_indices(len(weights), 1)
    assert np.corrcoef(weights.to_numpy()[upper], near.to_numpy()[upper])[0, 1] < -0.3


@pytest.mark.usefixtures("real_data")
def test_blocks_hold_what_lies_at_the_mirror_image():
    for name, n in (("schaefer100", 44), ("schaefer400", 165)):
        atlas = load_atlas(name)
        block = mirror_blocks(atlas.regions, atlas)
        assert block.max() + 1 == n
        xyz, left = atlas.table[["x", "y", "z"]].to_numpy(), (atlas.table["hemisphere"] == "L").to_numpy()
        for here, there in ((left, ~left), (~left, left)):
            gap = np.linalg.norm(xyz[here][:, None] * [-1, 1, 1] - xyz[there], axis=2)
            assert (block[here] == block[there][gap.argmin(axis=1)])[gap.min(axis=1) < 25].all()
        assert find_pairs(atlas.regions, atlas).unknown.any()
        whole = load_atlas(f"{name}+subcortex")
        assert mirror_blocks(whole.regions, whole)[: len(block)].tolist() == block.tolist()
    glasser = load_atlas("glasser360")
    assert mirror_blocks(glasser.regions, glasser).tolist() == homologous_pairs(glasser.regions, glasser).tolist()


@pytest.mark.usefixtures("real_data")
def test_a_map_of_another_atlas_is_told_from_a_misspelt_one():
    everything = {name: made_map(name) for name in ATLASES}
    for name, values in everything.items():
        assert likeliest_atlas(values.index) == name
        assert likeliest_atlas(values.sample(frac=0.7, random_state=0).index) == name
    for own, asked in (("schaefer200", "desikan"), ("schaefer100", "schaefer400"), ("desikan+subcortex", "desikan")):
        with pytest.raises(ValueError, match=f"look like those of .*{re.escape(f'Load it with atlas={own!r}')}"):
            xsg.load_cortex("ahba", thinning=everything[own], atlas=asked)
    renamed = everything["schaefer100"].rename({"7Networks_LH_Vis_1": "7Networks_LH_Viz_1"})
    with pytest.raises(ValueError, match=r"'7Networks_LH_Viz_1' \(did you mean '7Networks_LH_Vis_1'"):
        xsg.load_cortex("ahba", thinning=renamed, atlas="schaefer100")
    seventeen = everything["schaefer100"].rename(lambda name: name.replace("7Networks", "17Networks"))
    with pytest.raises(ValueError, match="by 17 networks"):
        xsg.load_cortex("ahba", thinning=seventeen, atlas="schaefer100")
    with pytest.raises(ValueError, match=r"7 of its 7 regions have expression too .*at least 10"):
        xsg.load_cortex("ahba", thinning=everything["schaefer100"].iloc[:7], atlas="schaefer100")
    assert len(xsg.load_cortex("ahba", thinning=everything["desikan"], atlas="desikan+subcortex").regions) == 66


@pytest.mark.usefixtures("real_data")
def test_a_cortex_on_another_atlas():
    values = made_map("schaefer400")
    values.attrs = {
        "atlas": "schaefer400",
        "name": "my map",
        "unit": "t",
        "positive": "loss",
        "provenance": ["From a file."],
    }
    cortex = xsg.load_cortex("ahba", thinning=values)
    assert (cortex.name, cortex.parcellation.name, cortex.expression.shape) == ("my map", "schaefer400", (351, 282))
    assert cortex.thinning.attrs == {"unit": "t", "positive": "loss", "name": "my map", "atlas": "schaefer400"}
    said = " ".join(cortex.provenance)
    for words in ("From a file.", "by region of 'schaefer400', 282 genes", "few landmark genes", "'mirrored-blocks'"):
        assert words in said
    assert cortex.graph.n_components == 1
    named = xsg.load_cortex("ahba", thinning=values, name="yours", connectome=True)
    assert named.name == "yours"
    assert "structural connectome" in named.graph.name
    assert "Human Connectome Project" in named.provenance[-1]
    with pytest.raises(ValueError, match="connectome is 'functional'"):
        xsg.load_cortex("ahba", thinning=values, connectome="functional")
    left = values[values.index.str.contains("LH")]
    one_sided = xsg.load_cortex("ahba", thinning=left)
    assert f"{len(one_sided.regions)} independent thinning values." in one_sided.provenance[-1]
    whole = xsg.load_cortex("ahba", thinning=made_map("desikan+subcortex"), atlas="desikan+subcortex")
    assert len(whole.regions) == 80
    assert "1645 genes" in whole.provenance[0]


def test_the_first_edition_called_it_by_name():
    assert xsg.load_cortex(name="simulated", n_genes=8).expression.shape == (68, 8)


@pytest.mark.usefixtures("real_data")
def test_what_is_estimated_from_people_brings_them_along():
    class Estimated:
        map = made_map("desikan")
        people = pd.DataFrame(np.arange(9 * 69.0).reshape(9, 69), columns=[*map.index.str.lower(), "age"])

    Estimated.people.iloc[2, 3] = np.nan
    cortex = xsg.load_cortex("ahba", thinning=Estimated)
    assert cortex.people.shape == (9, 66)
    assert list(cortex.people.columns) == list(cortex.regions)
    assert cortex.people.isna().sum().sum() == 1
    assert cortex.people["L_insula"].iloc[1] == 69 + 33
    assert xsg.load_cortex("ahba", thinning=Estimated.map).people is None


@pytest.mark.usefixtures("real_data")
def test_a_matrix_is_kept_as_it_was_read_and_made_anew_when_damaged(tmp_path):
    first = load_ahba("all", atlas="schaefer200")
    (kept,) = (tmp_path / "xsg-data" / "prepared").iterdir()
    kept.write_bytes(kept.read_bytes()[:-7])
    pd.testing.assert_frame_equal(load_ahba("all", atlas="schaefer200"), first, check_exact=True)
