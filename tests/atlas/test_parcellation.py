"""Atlas: regions, distances, graphs, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.utils import to_dense_adj

from xsg import atlas
from xsg.atlas import (
    REGIONS,
    Graph,
    Parcellation,
    SparseGraph,
    align,
    build_graph,
    distances,
    load_parcellation,
    mesh_graph,
)


@pytest.fixture(scope="module")
def dk():
    return load_parcellation("dk")


def small_graph() -> Graph:
    """Seven regions on a path with one chord: every degree differs from its mirror's."""
    names = [f"r{i}" for i in range(7)]
    weights = np.zeros((7, 7))
    for i, j, w in [(0, 1, 1.0), (1, 2, 2.0), (2, 3, 0.5), (3, 4, 1.0), (4, 5, 1.5), (5, 6, 1.0), (1, 5, 3.0)]:
        weights[i, j] = weights[j, i] = w
    return Graph(pd.DataFrame(weights, names, names))


def test_dk_regions_lobes_and_hemispheres(dk):
    assert tuple(dk.regions) == REGIONS
    assert len(REGIONS) == 68
    assert REGIONS[0] == "L_bankssts"
    assert REGIONS[30:35] == ("L_frontalpole", "L_temporalpole", "L_transversetemporal", "L_insula", "R_bankssts")
    assert (dk.table.hemisphere == [name[0] for name in REGIONS]).all()
    assert set(dk.table.lobe) == {"frontal", "parietal", "temporal", "occipital", "cingulate", "insula"}
    assert (np.sign(dk.table.x) == np.where(dk.table.hemisphere == "L", -1, 1)).all()
    # Anatomy, not bookkeeping: the occipital pole is behind, the frontal pole in front, the vertex on top.
    assert dk.table.y.idxmin()[2:] in {"lateraloccipital", "cuneus", "pericalcarine"}
    assert dk.table.y.idxmax()[2:] == "frontalpole"
    assert dk.table.z.idxmin()[2:] in {"entorhinal", "temporalpole", "fusiform", "inferiortemporal"}
    assert dk.table.n_vertices.sum() == (dk.labels >= 0).sum()


def test_homologues_are_an_involution(dk):
    assert len(dk.homologue) == 68
    assert (dk.homologue[dk.homologue].to_numpy() == dk.homologue.index).all()
    assert dk.homologue["L_cuneus"] == "R_cuneus"


def test_adjacency_matches_the_known_count(dk):
    graph = build_graph(dk, homotopic=False)
    left = graph.adjacency[:34, :34].sum() / 2
    right = graph.adjacency[34:, 34:].sum() / 2
    assert (left, right) == (87, 88)
    assert graph.adjacency[:34, 34:].sum() == 0
    assert graph.n_components == 2
    joined = build_graph(dk)
    assert joined.n_components == 1
    assert joined.edges.shape == (2, 87 + 88 + 34)


def test_adjacency_agrees_with_an_independent_labelling(dk, real_data):
    """ENIGMA's own Desikan-Killiany labels on the same mesh: 1-70 with 4 and 39 the corpus callosum."""
    labels = np.loadtxt(real_data / "human/atlas/aparc_fsa5.csv", dtype=int)
    enigma = pd.Index(pd.read_csv(real_data / "human/connectome/strucLabels_ctx.csv", header=None).iloc[0])
    keys = [label for label in range(1, 71) if label not in (4, 39)]
    # FreeSurfer keeps its own alphabetical order: the regions' sets are compared through the matched vertices.
    for key in keys:
        ours = dk.labels[labels == key]
        assert (ours == np.bincount(ours[ours >= 0]).argmax()).mean() > 0.98
    assert list(enigma) == list(REGIONS)


def test_distances(dk):
    straight, along = distances(dk), distances(dk, "geodesic")
    for found in (straight, along):
        assert found.index.equals(dk.regions)
        assert (found.to_numpy() == found.to_numpy().T).all()
        assert (np.diag(found) == 0).all()
    same = dk.table.hemisphere.to_numpy()[:, None] == dk.table.hemisphere.to_numpy()
    assert np.isinf(along.to_numpy()[~same]).all()
    assert np.isfinite(along.to_numpy()[same]).all()
    # A centroid lies off the folded surface, so a path between nearest vertices may be a little shorter than the
    # straight line between centroids, but not on average.
    off = same & ~np.eye(68, dtype=bool)
    assert np.mean(along.to_numpy()[off] > straight.to_numpy()[off]) > 0.99
    assert 1.1 < np.median(along.to_numpy()[off] / straight.to_numpy()[off]) < 2.5


def test_weights_follow_distance_and_connectome(dk):
    by_distance = build_graph(dk, homotopic=False, weights="distance", length=25.0)
    i, j = by_distance.edges[:, 3]
    assert by_distance.weights.iat[i, j] == pytest.approx(np.exp(-distances(dk).iat[i, j] / 25.0))
    rng = np.random.default_rng(0)
    strength = np.triu(rng.random((68, 68)) * (rng.random((68, 68)) < 0.2), 1)
    shuffled = rng.permutation(REGIONS)
    connectome = pd.DataFrame(strength + strength.T, REGIONS, REGIONS)
    graph = build_graph(dk, homotopic=False, weights="connectome", connectome=connectome.loc[shuffled, shuffled])
    assert np.allclose(graph.weights, connectome / connectome.to_numpy().max())
    assert np.array_equal(build_graph(dk, homotopic=False, connectome=connectome).adjacency, connectome > 0)
    joined = build_graph(dk, weights="connectome", connectome=connectome)
    assert joined.weights.loc["L_cuneus", "R_cuneus"] > 0


def test_schaefer_400_works_the_same_way(real_data):
    labels = np.loadtxt(real_data / "human/atlas/schaefer_400_fsa5.csv", dtype=int)
    full = pd.read_csv(real_data / "human/atlas/funcLabels_ctx_schaefer_400.csv", header=None).iloc[0]
    names = dict(enumerate(full, start=1))
    schaefer = Parcellation.from_labels("schaefer400", labels, names)
    assert len(schaefer.regions) == 400
    assert (schaefer.table.hemisphere == "L").sum() == 200
    graph = build_graph(schaefer, homotopic=False)
    assert graph.n_components == 2
    assert 4 < graph.adjacency.sum(axis=1).mean() < 7
    assert np.isfinite(distances(schaefer, "geodesic").to_numpy()[:200, :200]).all()


def test_normalised_and_laplacian_by_hand():
    weights = pd.DataFrame([[0, 1, 0], [1, 0, 2], [0, 2, 0]], list("abc"), list("abc"), dtype=float)
    graph = Graph(weights)
    degrees = np.array([2.0, 4.0, 3.0])  # row sums of W + I
    expected = np.array([[1, 1, 0], [1, 1, 2], [0, 2, 1]]) / np.sqrt(np.outer(degrees, degrees))
    assert np.allclose(graph.normalised(), expected)
    z = np.array([1.0, -2.0, 4.0])
    assert z @ graph.laplacian() @ z == pytest.approx(1 * 9 + 2 * 36)


def test_to_pyg_and_dense_are_one_graph():
    graph = small_graph()
    x = pd.DataFrame(np.arange(56.0).reshape(7, 8), graph.regions)
    y = pd.Series(np.arange(7.0), graph.regions)
    data = graph.to_pyg(x.iloc[::-1], y.iloc[::-1])
    assert torch.equal(data.x, torch.arange(56.0).reshape(7, 8))
    assert torch.equal(data.y, torch.arange(7.0))
    dense = to_dense_adj(data.edge_index, edge_attr=data.edge_weight, max_num_nodes=7)[0]
    assert np.allclose(dense, graph.weights)
    assert data.is_undirected()


def test_graph_refuses_what_is_no_undirected_graph():
    weights = small_graph().weights
    broken = weights.copy()
    broken.iloc[2, 3] = 9.0
    with pytest.raises(ValueError, match=r"not symmetric: r2 → r3 is 9, r3 → r2 is 0\.5"):
        Graph(broken)
    broken = weights.copy()
    broken.iloc[4, 4] = 1.0
    with pytest.raises(ValueError, match="diagonal: r4"):
        Graph(broken)
    with pytest.raises(ValueError, match="negative: r0 → r1 is -1"):
        Graph(-weights)
    broken = weights.copy()
    broken.iloc[1, 5] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        Graph(broken)
    with pytest.raises(ValueError, match="same region names"):
        Graph(weights.rename(columns={"r1": "other"}))


def test_graph_check_names_isolated_regions_and_components():
    weights = small_graph().weights.copy()
    weights.loc["r6"] = weights["r6"] = 0.0
    with pytest.raises(ValueError, match="without any edge: 'r6'"):
        Graph(weights).check()
    weights.loc["r6", "r0"] = weights.loc["r0", "r6"] = 1.0
    weights.loc["r0", "r1"] = weights.loc["r1", "r0"] = 0.0
    assert Graph(weights).check().n_components == 2
    with pytest.raises(ValueError, match=r"2 components.*homotopic=True"):
        Graph(weights).check(connected=True)
    with pytest.raises(ValueError, match="no regions 'elsewhere'"):
        small_graph().subset(["r1", "elsewhere"])
    assert list(small_graph().subset(["r5", "r1"]).regions) == ["r5", "r1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.drop("c"), r"2 regions given, 3 expected; missing: 'c'"),
        (lambda s: s.rename({"c": "cc"}), r"Did you mean 'c' by 'cc'"),
        (lambda s: pd.concat([s, s[:1]]), "more than once: 'a'"),
        (lambda s: s.replace(2.0, np.nan), "region 'b'"),
        (lambda s: s.astype(object).replace(2.0, "<0.001"), "not all values are numbers"),
    ],
)
def test_align_refuses_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        align(change(pd.Series([1.0, 2.0, 3.0], list("abc"))), list("abc"), "thinning")


def test_align_refuses_bare_arrays():
    with pytest.raises(TypeError, match="bare array"):
        align(np.zeros(3), list("abc"), "thinning")


def test_parcellation_refuses_wrong_labels(dk):
    with pytest.raises(ValueError, match=r"shape \(20484,\)"):
        Parcellation.from_labels("x", np.zeros(7), {0: "a"})
    with pytest.raises(ValueError, match="no vertex"):
        Parcellation.from_labels("x", dk.labels, {99: "a"})
    with pytest.raises(ValueError, match="both hemispheres"):
        Parcellation.from_labels("x", np.ones(20484), {1: "a"})
    with pytest.raises(ValueError, match="regions given more than once: 'a'"):
        Parcellation.from_labels("x", dk.labels, {1: "a", 2: "a"})
    with pytest.raises(ValueError, match="not bundled"):
        load_parcellation("aal")
    with pytest.raises(ValueError, match="surface of fsaverage5 'spherical' is unknown; expected one of 'pial'"):
        atlas.mesh("spherical")
    with pytest.raises(ValueError, match="expected one of 'euclidean', 'geodesic'"):
        distances(dk, "manhattan")
    for wrong in ({"weights": "cosine"}, {"weights": "connectome"}, {"length": 0.0}):
        with pytest.raises(ValueError, match=r"weights|length"):
            build_graph(dk, **wrong)


def test_centres_give_each_region_the_vertices_nearest_to_it(dk):
    seven = dk.table.loc[
        [f"{side}_{name}" for side in "LR" for name in ("cuneus", "insula", "precentral")] + ["L_lingual"]
    ]
    found = Parcellation.from_centroids("seven", seven)
    assert found.regions.equals(seven.index)
    assert np.allclose(found.table[["x", "y", "z"]], seven[["x", "y", "z"]])
    assert ((found.labels >= 0) == (dk.labels >= 0)).all()  # the medial wall stays out
    points = np.concatenate([part.coordinates for part in atlas.mesh("pial").parts.values()])
    for vertex in (100, 5000, 12000, 20000):
        if found.labels[vertex] >= 0:
            side = seven[seven["hemisphere"] == "LR"[vertex >= 10242]]
            nearest = np.linalg.norm(side[["x", "y", "z"]] - points[vertex], axis=1).argmin()
            assert seven.index[found.labels[vertex]] == side.index[nearest]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.drop(columns="y"), "no column 'y'"),
        (lambda t: t.assign(hemisphere="left"), "hemisphere of 'L_cuneus' is 'left'"),
        (lambda t: t.assign(x=t["x"] / 1000, y=t["y"] / 1000, z=t["z"] * 10), "mm from the L hemisphere"),
        (lambda t: t.assign(x=np.nan), "not finite"),
        (lambda t: pd.concat([t, t.iloc[[0]].set_axis(["L_again"])]), "no vertex"),
    ],
)
def test_centres_that_cannot_be_are_refused(dk, change, told):
    with pytest.raises(ValueError, match=told):
        Parcellation.from_centroids("odd", change(dk.table.loc[["L_cuneus", "R_cuneus", "L_insula"]]))


def test_sparse_graph_is_the_dense_one_without_its_zeros():
    graph = small_graph()
    sparse = SparseGraph(graph.regions, graph.edges, graph.edge_weights)
    assert sparse.dense().weights.equals(graph.weights)
    assert sparse.n_components == 1
    some = ["r5", "r1", "r6", "r2"]  # another order: rows change, edges do not
    assert sparse.subset(some).dense().weights.equals(graph.subset(some).weights)
    with pytest.raises(ValueError, match="no place 'r9'"):
        sparse.subset(["r1", "r9"])
    with pytest.raises(ValueError, match="1 places without any edge, the first 'r3'"):
        sparse.subset(["r0", "r1", "r3"]).check()
    with pytest.raises(ValueError, match="2 components"):
        sparse.subset(["r0", "r1", "r3", "r4"]).check(connected=True)


@pytest.mark.parametrize(
    ("edges", "weights", "told"),
    [
        ([[0, 2], [1, 7]], [1, 1], r"edge 1, \[2, 7\].*outside"),
        ([[0, 2], [1, 1]], [1, 1], "not from the smaller"),
        ([[0, 1], [1, 2]], [1, 0], "not positive"),
        ([[0, 0], [1, 1]], [1, 2], "given twice"),
        ([[0, 0], [1, 1]], [1], "expected"),
    ],
)
def test_sparse_graph_refuses_what_is_no_graph(edges, weights, told):
    with pytest.raises(ValueError, match=told):
        SparseGraph(pd.Index([f"r{i}" for i in range(7)]), np.array(edges), np.array(weights, dtype=float))


def test_mesh_graph_joins_what_touches_and_what_lies_opposite(dk):
    sparse, dense = mesh_graph(dk), build_graph(dk)
    assert sparse.dense().weights.equals(dense.weights)
    mesh = mesh_graph()
    assert mesh.n_components == 1
    within = (mesh.edges < 10242).all(0) | (mesh.edges >= 10242).all(0)
    degree = np.bincount(mesh.edges[:, within].ravel())
    # Two spheres of triangles, 12 vertices of each with five neighbours and all others with six.
    assert (len(degree), (degree == 5).sum(), (degree == 6).sum()) == (20484, 24, 20460)
    # Each left vertex is joined to one on the right, a few mm from its mirror image.
    points = np.concatenate([part.coordinates for part in atlas.mesh("pial").parts.values()])
    one, other = mesh.edges[:, ~within]
    assert one.tolist() == list(range(10242))
    assert np.linalg.norm(points[one] * [-1, 1, 1] - points[other], axis=1).max() < 15
