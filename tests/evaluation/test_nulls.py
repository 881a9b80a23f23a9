"""Nulls: what they keep of a map, what they give up, and how often a test under them raises a false alarm."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xsg.atlas import REGIONS, Graph, Parcellation, build_graph, load_parcellation, mesh
from xsg.atlas.pairs import nearest_mirror
from xsg.evaluation import nulls, places

DK = load_parcellation("dk")
# As the real map: no temporal pole on either side, no right frontal pole; here in an order of its own.
REAL = [region for region in REGIONS if region[2:] != "temporalpole" and region != "R_frontalpole"][::-1]
LEFT = list(REGIONS[:33])


def smooth_maps(m: int, length: float, seed: int) -> np.ndarray:
    """Maps (m, 68) with equal hemispheres and correlation exp(−d / length mm)."""
    xyz = np.abs(DK.table[["x"]].to_numpy()), DK.table[["y", "z"]].to_numpy()
    places = np.hstack(xyz).reshape(2, 34, 3).mean(axis=0)
    gap = np.linalg.norm(places[:, None] - places, axis=-1)
    factor = np.linalg.cholesky(np.exp(-gap / length))
    half = np.random.default_rng(seed).standard_normal((m, 34)) @ factor.T
    return np.hstack([half, half])


def symmetric(regions: list[str], seed: int = 0) -> pd.Series:
    """One map with equal hemispheres over some of the regions."""
    return pd.Series(smooth_maps(1, 40, seed)[0], REGIONS).loc[regions].rename("thinning")


@pytest.fixture(scope="module")
def unpaired() -> Parcellation:
    """Give the Desikan–Killiany regions, cut in two by y, names without homologues."""
    y = np.concatenate([mesh("pial").parts[side].coordinates[:, 1] for side in ("left", "right")])
    centre = DK.table["y"].to_numpy()[DK.labels]
    labels = np.where(DK.labels < 0, -1, 2 * DK.labels + (y > centre))
    names = {label: f"area{label}" for label in np.random.default_rng(0).permutation(np.unique(labels[labels >= 0]))}
    return Parcellation.from_labels("halves", labels, names)


@pytest.mark.parametrize("method", nulls.MAP_NULLS)
@pytest.mark.parametrize("regions", [list(REGIONS), REAL, LEFT], ids=["68", "65", "33 left"])
def test_null_maps_have_the_maps_form_and_equal_hemispheres(method, regions):
    observed = symmetric(regions)
    found = nulls.null_maps(observed, DK, method, n=9, seed=1, progress=False)
    assert found.shape == (9, len(regions))
    assert found.columns.equals(observed.index)
    assert np.isfinite(found.to_numpy()).all()
    assert (found.std(axis=1) > 0).all()
    assert (found.corrwith(observed, axis=1).abs() < 0.99).all()
    assert not np.allclose(found.loc[0], found.loc[1])
    for left in [r for r in regions if r[0] == "L" and "R" + r[1:] in regions]:
        np.testing.assert_allclose(found[left], found["R" + left[1:]], rtol=1e-5, atol=1e-5)
    if method.startswith("spin"):
        assert np.isin(found.to_numpy(), observed.to_numpy()).all()


@pytest.mark.parametrize("method", nulls.MAP_NULLS)
def test_unpaired_parcellations(method, unpaired):
    observed = pd.Series(np.random.default_rng(3).standard_normal(len(unpaired.regions)), unpaired.regions).iloc[2:]
    found = nulls.null_maps(observed, unpaired, method, n=5, progress=False)
    assert found.shape == (5, len(observed))
    assert np.isfinite(found.to_numpy()).all()
    if method.startswith("spin"):
        right = (unpaired.table.loc[observed.index, "hemisphere"] == "R").to_numpy()
        assert np.isin(found.to_numpy()[:, right], observed.to_numpy()[right]).all()  # no value crosses over


@pytest.mark.parametrize("method", nulls.MAP_NULLS)
def test_seed_order_and_company_do_not_matter(method):
    one, two = symmetric(REAL).rename("one"), symmetric(REAL, seed=7).rename("two")
    two.iloc[:20] += np.linspace(0, 1, 20)  # its hemispheres differ
    alone = nulls.null_maps(two, DK, method, n=25, seed=4, progress=False)
    both = nulls.null_maps(pd.DataFrame([one, two]), DK, method, n=25, seed=4, progress=False)
    assert both.index.names == ["map", "null"]
    np.testing.assert_allclose(both.loc["two"], alone, rtol=1e-6)
    again = nulls.null_maps(two[::-1], DK, method, n=25, seed=4, progress=False)
    np.testing.assert_allclose(again[alone.columns], alone, rtol=1e-6)
    other = nulls.null_maps(two, DK, method, n=25, seed=5, progress=False)
    assert not np.allclose(other, alone)


def test_spin_is_the_recommended_rule():
    observed = symmetric(REAL)
    pd.testing.assert_frame_equal(
        nulls.null_maps(observed, DK, "spin", n=7), nulls.null_maps(observed, DK, "spin-nearest", n=7)
    )


def test_rotations_are_uniform():
    turns = nulls.rotations(4000, seed=2)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-12)
    # A uniformly turned point has uniform coordinates (Archimedes); the angle has density (1 − cos θ) / π.
    for axis in range(3):
        for coordinate in range(3):
            assert stats.kstest(turns[:, axis, coordinate], stats.uniform(-1, 2).cdf).pvalue > 1e-3
    angle = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert stats.kstest(angle, lambda t: (t - np.sin(t)) / np.pi).pvalue > 1e-3


@pytest.mark.parametrize(("rule", "unique"), [("nearest", False), ("hungarian", True)])
def test_reassignment_agrees_with_brainspace_given_its_rotations(rule, unique, unpaired, monkeypatch):
    from brainspace.null_models import SpinPermutations

    def brainspaces(n, seed):
        random, turns = np.random.RandomState(seed), np.empty((n, 3, 3))
        for k in range(n):
            q, r = np.linalg.qr(random.normal(size=(3, 3)))
            q *= np.sign(np.diag(r))
            q[:, 0] *= np.sign(np.linalg.det(q))
            turns[k] = q
        return turns

    # Its "nearest" turns a region and looks for a value there, ours turns the values: the inverse rotation.
    monkeypatch.setattr(
        nulls, "rotations", brainspaces if unique else lambda *which: brainspaces(*which).transpose(0, 2, 1)
    )
    regions = unpaired.regions
    right = (unpaired.table["hemisphere"] == "R").to_numpy()
    sphere, _ = places.folded_centroids(unpaired)
    spins = SpinPermutations(unique=unique, n_rep=40, random_state=5)
    spins.fit(sphere[~right], sphere[right] @ places.right_to_left() * [-1, 1, 1])
    ours = nulls.reassignments(unpaired, regions, rule, n=40, seed=5)
    np.testing.assert_array_equal(ours[:, ~right], np.flatnonzero(~right)[spins.spin_lh_])
    np.testing.assert_array_equal(ours[:, right], np.flatnonzero(right)[spins.spin_rh_])


def test_a_rotation_moves_homologous_places_alike_also_where_they_are_not_paired(unpaired):
    """fsaverage's spheres are no mirror images: unaligned, a map with equal hemispheres has nulls with unequal ones."""
    left, right = (mesh("pial").parts[side].coordinates for side in ("left", "right"))
    gap, over = nearest_mirror(left, right)
    here, there = mesh("sphere").parts["left"].coordinates, mesh("sphere").parts["right"].coordinates[over]

    def apart(points):
        cosine = (here * points).sum(axis=1) / np.linalg.norm(here, axis=1) / np.linalg.norm(points, axis=1)
        return np.median(np.degrees(np.arccos(np.clip(cosine, -1, 1)))[gap < 6])

    assert apart(there * [-1, 1, 1]) > 14
    assert apart(there * [-1, 1, 1] @ places.right_to_left()) < 3
    # Height is alike on both sides; so must its nulls be.
    drawn = nulls.null_maps(unpaired.table["z"], unpaired, n=30, seed=2)
    xyz, on_left = unpaired.table[["x", "y", "z"]].to_numpy(), (unpaired.table["hemisphere"] == "L").to_numpy()
    twin = np.flatnonzero(~on_left)[nearest_mirror(xyz[on_left], xyz[~on_left])[1]]
    assert np.median([np.corrcoef(row[on_left], row[twin])[0, 1] for row in drawn.to_numpy()]) > 0.95


def test_vasa_is_the_greedy_rule_said_slowly():
    points = np.random.default_rng(1).standard_normal((11, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    turns = nulls.rotations(30, seed=3)
    ours = places.reassign(points, turns, "vasa")
    for turn, found in zip(turns, ours, strict=True):
        gap = np.linalg.norm(points[:, None] - points @ turn, axis=-1)
        slow, free = {}, set(range(11))
        while free:
            worst = max(set(range(11)) - set(slow), key=lambda i: min(gap[i, j] for j in free))
            slow[worst] = min(free, key=lambda j: gap[worst, j])
            free.remove(slow[worst])
        assert found.tolist() == [slow[i] for i in range(11)]


def test_small_turn_moves_no_value_and_large_values_travel_together():
    (sheet,) = places.sheets_of(DK, REGIONS)
    angle = np.radians(2)
    small = np.array([[[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]])
    for rule in nulls.SPIN_RULES:
        assert places.reassign(sheet.sphere, small, rule).tolist() == [list(range(34))]


def test_a_region_missing_on_one_side_travels_with_its_homologues_value():
    observed = symmetric(REAL)
    turned = nulls.reassignments(DK, REAL, "hungarian", n=200)
    values = observed.to_numpy()[turned]
    pole = REAL.index("L_frontalpole")
    right = [REAL.index(r) for r in REAL if r[0] == "R"]
    # The value of the left pole arrives on the right as well, though the map has no right pole …
    assert (turned[:, right] == pole).any()
    # … and no other value comes from across.
    crossed = np.isin(turned[:, right], [i for i, r in enumerate(REAL) if r[0] == "L"])
    assert (turned[:, right][crossed] == pole).all()
    assert values.shape == (200, 65)


def test_moran_keeps_morans_i():
    # Both sides equal, so the 34 places of one side tell all.
    found = nulls.null_maps(symmetric(list(REGIONS)), DK, "moran", n=20).to_numpy()[:, :34]
    sheets = places.sheets_of(DK, REGIONS)
    weights = places.distances_between(sheets)
    weights[weights > 0] = 1 / weights[weights > 0]

    def morans_i(y):
        y = y - y.mean()
        return (y @ weights @ y) / (y @ y)

    np.testing.assert_allclose(
        [morans_i(y) for y in found], morans_i(symmetric(list(REGIONS)).to_numpy()[:34]), rtol=1e-3
    )


def test_null_maps_are_as_rough_as_the_map():
    maps = pd.DataFrame(smooth_maps(20, 200, seed=2), columns=REGIONS)
    edges = build_graph(DK, homotopic=False).edges

    def roughness(y):
        return ((y[..., edges[0]] - y[..., edges[1]]) ** 2).mean(axis=-1) / y.var(axis=-1)

    observed = roughness(maps.to_numpy())
    for method in nulls.MAP_NULLS:
        found = nulls.null_maps(maps, DK, method, n=10, progress=False).to_numpy().reshape(20, 10, 68)
        assert 0.85 < np.median(roughness(found) / observed[:, None]) < 1.4, method
        # … and, far from zero, on the map's level and scale.
        higher = nulls.null_maps(maps.loc[0] + 50, DK, method, n=40, progress=False).to_numpy()
        assert abs(higher.mean() - 50) < 2, method
        assert 0.5 < np.median(higher.std(axis=1)) / maps.loc[0].std() < 1.5, method
    shuffled = np.random.default_rng(0).permuted(maps.to_numpy(), axis=1)
    assert np.median(roughness(shuffled) / observed) > 1.6


def test_a_thousand_nulls_take_a_second():
    observed = symmetric(REAL)
    for method in nulls.MAP_NULLS[:-1]:
        nulls.null_maps(observed, DK, method, n=1)  # imports
        start = time.perf_counter()
        nulls.null_maps(observed, DK, method, n=1000)
        assert time.perf_counter() - start < 2, method


def test_false_alarms():
    """Two maps that have nothing to do with each other: a nominal 5 % test ought to reject one time in twenty.

    800 pairs for each length; three standard errors of a 5 % rate are 2.3 %, so the bounds leave the rates measured
    with 4,000 pairs (chapter 9) that much room and no more.
    """
    pairs, n = 800, 299
    for length in (40, 70):
        x, y = (smooth_maps(pairs, length, seed=length + k) for k in (0, 1))
        x, y = (each - each.mean(axis=1, keepdims=True) for each in (x, y))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        observed = (x * y).sum(axis=1) / np.linalg.norm(y, axis=1)
        naive = np.mean(2 * stats.beta.sf((1 + np.abs(observed)) / 2, 33, 33) < 0.05)  # Pearson's p for 68 values
        one_side = np.mean(2 * stats.beta.sf((1 + np.abs(observed)) / 2, 16, 16) < 0.05)  # for 34
        assert naive > one_side > 0.10
        for method, most in (("spin", 0.08), ("moran", 0.08), ("spin-hungarian", 0.12)):
            drawn = nulls.null_maps(pd.DataFrame(y, columns=REGIONS), DK, method, n).to_numpy()
            drawn = drawn.reshape(pairs, n, 68)
            drawn = drawn - drawn.mean(axis=2, keepdims=True)
            r = np.einsum("mi,mni->mn", x, drawn) / np.linalg.norm(drawn, axis=2)
            p = [nulls.p_value(a, b, "two-sided") for a, b in zip(observed, r, strict=True)]
            assert 0.03 <= np.mean(np.array(p) <= 0.05) <= most, (length, method)


def test_p_text_bounds_what_its_draws_cannot_go_below():
    assert nulls.p_text(nulls.p_value(9.0, np.arange(8)), 8) == "≤ 0.112"  # 1 / 9, rounded up
    assert nulls.p_text(1 / 20, 19, "p") == "p ≤ 0.050"
    assert nulls.p_text(2 / 1001, 1000, "p") == "p = 0.002"
    assert nulls.p_text(0.7, 19) == "0.700"
    for n in (19, 999, 1000, 5000, 10_000, 123_456):
        for count in (1, 2, 3):
            number = float(nulls.p_text(count / (n + 1), n).removeprefix("≤ "))
            assert 0 < number < 1.6 * count / (n + 1)
            assert number >= count / (n + 1) or count > 1
    assert nulls.p_text(np.nan, 0) == nulls.p_text(np.nan, 19, "p") == ""


def test_p_value_counts_the_observed_one():
    null = np.array([1.0, 2.0, 3.0, -4.0])
    assert nulls.p_value(2.0, null) == 3 / 5
    assert nulls.p_value(9.0, null) == 1 / 5
    assert nulls.p_value(-4.0, null, "less") == 2 / 5
    assert nulls.p_value(-3.5, null, "two-sided") == 2 / 5
    with pytest.raises(ValueError, match="1 of 4 null values are not finite"):
        nulls.p_value(0.1, np.array([1.0, np.nan, 3.0, 4.0]))
    with pytest.raises(ValueError, match="tail 'upper' is unknown"):
        nulls.p_value(0.1, null, "upper")
    with pytest.raises(ValueError, match=r"null has shape \(0,\)"):
        nulls.p_value(0.1, np.array([]))


def test_noise_genes_have_the_names_and_nothing_else():
    table = pd.DataFrame(np.arange(56.0).reshape(7, 8), list("abcdefg"), [f"G{k}" for k in range(8)])
    one, two = nulls.noise_genes(table, n=2, seed=3)
    assert one.index.equals(table.index)
    assert one.columns.equals(table.columns)
    assert not np.allclose(one, two)
    pd.testing.assert_frame_equal(one, nulls.noise_genes(table, n=5, seed=3)[0])
    many = np.stack(nulls.noise_genes(table, n=500))
    assert stats.kstest(many.ravel(), "norm").pvalue > 1e-3


def test_rewired_graphs_keep_degrees_weights_and_connectedness():
    graph = build_graph(DK, weights="distance")
    one, two = nulls.rewired(graph, n=2, seed=1)
    for other in (one, two):
        np.testing.assert_array_equal(other.adjacency.sum(axis=0), graph.adjacency.sum(axis=0))
        triangle = np.triu_indices(68, 1)
        np.testing.assert_allclose(
            np.sort(other.weights.to_numpy()[triangle]), np.sort(graph.weights.to_numpy()[triangle])
        )
        assert other.n_components == 1
        assert (other.adjacency * graph.adjacency).sum() < 0.4 * graph.adjacency.sum()
    assert not np.array_equal(one.adjacency, two.adjacency)
    pd.testing.assert_frame_equal(one.weights, nulls.rewired(graph, n=1, seed=1)[0].weights)
    assert len(nulls.rewired(build_graph(DK, homotopic=False), n=1)) == 1  # two components, and that is no trouble


def test_a_graph_without_another_wiring_is_refused():
    names = list("abcdefg")
    complete = Graph(pd.DataFrame(1 - np.eye(7), names, names), "complete")
    with pytest.raises(ValueError, match=r"graph 'complete' .* hardly any other wiring"):
        nulls.rewired(complete, n=1)


def test_bad_input_is_named():
    observed = symmetric(REAL)
    with pytest.raises(ValueError, match="method 'spinning' is unknown; expected one of 'spin'"):
        nulls.null_maps(observed, DK, "spinning")
    with pytest.raises(ValueError, match="n is 0"):
        nulls.null_maps(observed, DK, n=0)
    with pytest.raises(ValueError, match="rule 'vasha' is unknown"):
        nulls.reassignments(DK, REAL, "vasha")
    with pytest.raises(ValueError, match="'L_nowhere' is not in parcellation 'dk'"):
        nulls.null_maps(observed.rename({"L_insula": "L_nowhere"}), DK)
    with pytest.raises(ValueError, match="not finite"):
        nulls.null_maps(observed.where(observed.index != "L_insula"), DK)
    with pytest.raises(ValueError, match="9 places to exchange"):
        nulls.null_maps(symmetric(LEFT[:9]), DK)
    with pytest.raises(ValueError, match="map 'thinning' is 1 in every region"):
        nulls.null_maps(observed * 0 + 1, DK)
    with pytest.raises(ValueError, match="map 'thinning' is given twice"):
        nulls.null_maps(pd.DataFrame([observed, observed]), DK)
    whole = symmetric(list(REGIONS))
    with pytest.raises(ValueError, match="a hemisphere has one value throughout"):
        nulls.null_maps(whole.where(whole.index.str.startswith("L"), 0.0), DK, "moran")
    with pytest.raises(TypeError, match="got ndarray"):
        nulls.null_maps(observed.to_numpy(), DK)
