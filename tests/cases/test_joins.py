"""Names decide: tables in another order, style, type or index, in everything that joins them."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import xsg
from xsg.across.simulate_orthologues import simulate_orthologues
from xsg.across.transfer import carry_over, complete_maps, dealt, orthologues, predict_shared
from xsg.atlas import REGIONS, SparseGraph, build_graph, load_parcellation
from xsg.check import constant, folds, matched
from xsg.evaluation.baselines import BASELINES, baseline
from xsg.evaluation.metrics import correlation, program_recovery, r_squared
from xsg.evaluation.splits import homologous
from xsg.genes.programs import (
    align_programs,
    canonical_correlations,
    gene_weights,
    main_directions,
    program_stability,
)
from xsg.spatial.localise import localise, voxel_folds
from xsg.spatial.preprocess import Preprocessor, Scaler, SelectGenes, SpatialImputer

DK = load_parcellation("dk")
SIMPLE = BASELINES[:-1]
SMALL = {"n_genes": 8, "n_controls": 31, "n_patients": 19}


def shuffled(table, axis=0, seed=3):
    """The same table, its labels in another order."""
    return table.sample(frac=1, random_state=seed, axis=axis)


@pytest.fixture(scope="module")
def world():
    """Genes (68 × 30) that vary along four directions, and three maps that follow them."""
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(68, 4))
    genes = pd.DataFrame(axes @ rng.normal(size=(4, 30)) + 0.1 * rng.normal(size=(68, 30)), DK.regions)
    genes.columns = [f"G{k}" for k in range(30)]
    maps = pd.DataFrame((axes @ rng.normal(size=(4, 3))).T + 2, ["one", "two", "three"], DK.regions)
    return genes, maps, homologous(DK.regions)


# --- metrics ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(1)
    y = pd.Series(rng.normal(size=68), REGIONS, name="observed")
    return y, (y + 0.05 * rng.normal(size=68)).rename("predicted")


def test_case_03_a_metric_reads_names(pair):
    y, p = pair
    expected = r_squared(y.to_numpy(), p.to_numpy()), correlation(y.to_numpy(), p.to_numpy())
    assert expected[0] > 0.99
    for other in (p.sort_index(), p.iloc[::-1], shuffled(p)):
        assert r_squared(y, other) == expected[0]
        assert correlation(y, other) == expected[1]
    assert r_squared(y.sort_index(), p) == pytest.approx(expected[0], abs=1e-12)


def styled(name: str) -> str:
    return f"{'lh' if name[0] == 'L' else 'rh'}_{name[2:]}_thickness"


TAKEN = {
    "columns by region": lambda p: pd.DataFrame([p, p]).iloc[:, ::-1],
    "other names of the same regions": lambda p: shuffled(p.rename(styled)),
    "one column": lambda p: shuffled(p).to_frame(),
    "a list of Series": lambda p: [p.sort_index(), p.iloc[::-1]],
    "a dict": lambda p: dict(shuffled(p)),
    "text": lambda p: shuffled(p).map(repr).astype(object),
    "a list": list,
    "an array": lambda p: p.to_numpy(),
    "a tensor": lambda p: torch.tensor(p.to_numpy()),
    "nullable floats": lambda p: shuffled(p).astype("Float64"),
    "sparse": lambda p: sparse.csr_array(p.to_numpy()[None]),
    "masked, nothing masked": lambda p: np.ma.masked_array(p.to_numpy(), np.zeros(68, bool)),
    "rows only numbered": lambda p: p.reset_index(drop=True),
}


@pytest.mark.parametrize("form", TAKEN)
def test_predictions_in_any_plain_form(pair, form):
    y, p = pair
    np.testing.assert_allclose(r_squared(y, TAKEN[form](p)), r_squared(y.to_numpy(), p.to_numpy()), atol=1e-12)
    np.testing.assert_allclose(correlation(y, TAKEN[form](p)), correlation(y.to_numpy(), p.to_numpy()), atol=1e-12)


def test_numbers_are_names_where_somebody_ordered_them():
    """``y[::-1]`` and ``sort_values`` of a table that nobody named keep the numbers of its rows."""
    y = pd.Series([1.0, 2.0, 4.0, 7.0, 5.0])
    p = y + pd.Series([0.1, -0.1, 0.2, 0.0, 0.1])
    for other in (p.iloc[::-1], p.sort_values(), p.sample(frac=1, random_state=0)):
        assert r_squared(y, other) == r_squared(y, p)
        assert r_squared(other, y) == pytest.approx(r_squared(p, y), abs=1e-12)


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda p: p.iloc[1:], ValueError, "missing: 'L_bankssts'"),
        (lambda p: p.rename({"L_insula": "L_insular"}), ValueError, "mean 'L_insula' by 'L_insular'"),
        (lambda p: p.rename({"L_insula": "R_insular"}), ValueError, r"unknown: 'R_insular'\. Names"),
        (lambda p: pd.concat([p, p.iloc[:1]]), ValueError, "more than once: 'L_bankssts'"),
        (lambda p: pd.DataFrame([p, p]).T, ValueError, "transpose"),
        (lambda p: p.to_numpy()[1:], ValueError, r"predicted has shape \(67,\)"),
        (lambda p: np.zeros((2, 3, 68)), ValueError, r"predicted has shape \(2, 3, 68\)"),
        (lambda p: [[1.0], [1.0, 2.0]], TypeError, "predicted: expected an array"),
        (lambda p: np.array(["a"] * 68), TypeError, "predicted: expected numbers"),
        (lambda p: None, TypeError, "predicted"),
    ],
)
def test_predictions_that_do_not_belong_are_refused(pair, spoil, kind, message):
    y, p = pair
    for metric in (r_squared, correlation):
        with pytest.raises(kind, match=message):
            metric(y, spoil(p))


def test_what_was_observed_is_one_map_that_varies(pair):
    y, p = pair
    assert r_squared(y.to_frame(), p) == r_squared(y.to_frame().T, p) == r_squared(y, p)
    for value in (1.0, 0.1, 1 / 3, 2.7):
        with pytest.raises(ValueError, match="observed has the same value"):
            r_squared(np.full(68, value), p.to_numpy())
        assert np.isnan(correlation(y, pd.Series(value, y.index)))
    with pytest.raises(ValueError, match=r"observed has shape \(2, 68\)"):
        r_squared(np.ones((2, 68)), p)
    with pytest.raises(TypeError, match="2 columns"):
        r_squared(pd.DataFrame({"a": y, "b": y}), p)
    assert np.isnan(r_squared(y.where(y.index != "L_insula"), p))


def test_masked_values_are_missing():
    y = np.ma.masked_array([1.0, 2.0, -9999.0, 4.0], [0, 0, 1, 0])
    assert np.isnan(r_squared(np.array([1.0, 2.0, 3.0, 4.0]), y))


def test_program_recovery_joins_programs_and_folds_by_name():
    rng = np.random.default_rng(0)
    truth = pd.DataFrame(rng.normal(size=(68, 2)), DK.regions, ["a", "b"])
    found = pd.DataFrame(truth.to_numpy() @ rng.normal(size=(2, 3)) + 0.3 * rng.normal(size=(68, 3)), DK.regions)
    held_out = pd.DataFrame(homologous(DK.regions), columns=DK.regions)
    expected = program_recovery(found, truth, held_out.to_numpy())
    pd.testing.assert_series_equal(program_recovery(shuffled(found), truth, shuffled(held_out, 1)), expected)
    more = pd.concat([found, pd.DataFrame(0.0, ["L_other"], found.columns)])
    pd.testing.assert_series_equal(program_recovery(more.rename(index=styled), truth, held_out), expected)
    # True programs that are whole numbers once made whole numbers of what was predicted.
    whole = (truth * 3).round().astype(int)
    pd.testing.assert_series_equal(
        program_recovery(found, whole, held_out), program_recovery(found, whole.astype(float), held_out)
    )
    pd.testing.assert_series_equal(
        program_recovery(found, truth, held_out, alphas=1), program_recovery(found, truth, held_out, alphas=[1.0])
    )
    for spoil, message in (
        (lambda: program_recovery(found.iloc[1:], truth, held_out), "missing: 'L_bankssts'"),
        (lambda: program_recovery(found, truth, held_out.iloc[:3]), "no fold holds out"),
        (lambda: program_recovery(found, truth.assign(b=1 / 3), held_out), "program 'b' has the same value"),
        (lambda: program_recovery(found, truth, held_out, alphas=()), "alphas is empty"),
        (lambda: program_recovery(found, truth, held_out, alphas=(0.0,)), "a penalty is 0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            spoil()
    with pytest.raises(TypeError, match="truth: expected a pandas Series or DataFrame"):
        program_recovery(found, truth.to_numpy(), held_out)


# --- folds, constants, rows -------------------------------------------------------------------------------------------

ABC = pd.Index(["a", "b", "c"])
MASK = np.array([[1, 0, 0], [0, 1, 1]], dtype=bool)


@pytest.mark.parametrize(
    "given",
    [
        MASK,
        MASK.astype(int),
        MASK.astype(np.float16),
        MASK.tolist(),
        pd.DataFrame(MASK[:, ::-1], columns=ABC[::-1]),
        pd.DataFrame(MASK.astype(object), columns=ABC).astype("boolean"),
        sparse.csr_array(MASK),
        [pd.Series(MASK[0], ABC), pd.Series(MASK[1], ABC).iloc[::-1]],
    ],
)
def test_folds_in_any_plain_form(given):
    np.testing.assert_array_equal(folds(given, ABC), MASK)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (MASK[:, :2], ValueError, r"shape \(2, 2\)"),
        (MASK[0], ValueError, r"One fold is held_out\[None\]"),
        (MASK[:0], ValueError, r"shape \(0, 3\)"),
        (np.array([[0, 1, 2], [2, 1, 0]]), ValueError, "holds 2.*Of row numbers make a mask"),
        ([np.array([0]), np.array([1, 2])], TypeError, "Of row numbers"),
        ([(np.array([0, 1]), np.array([2]))], TypeError, "Of row numbers"),
        (iter(MASK), TypeError, "expected bool"),
        (None, TypeError, "expected bool"),
        ("random", TypeError, "expected bool"),
        (np.array([[0.5, 0, 1]]), ValueError, r"holds 0\.5"),
        (np.array([[np.nan, 0, 1]]), ValueError, "holds nan"),
        (np.array([[1, 0, 0], [0, 0, 0]]), ValueError, "fold 2 of 2 holds no region out"),
        (np.array([[1, 1, 1]]), ValueError, "leaves 0 regions to train on"),
        (pd.DataFrame(MASK, columns=["a", "b", "d"]), ValueError, "unknown: 'd'"),
        (pd.DataFrame(MASK, columns=["a", "b", "b"]), ValueError, "more than once: 'b'"),
        (pd.DataFrame(MASK.T, ABC, ["fold 1", "fold 2"]), ValueError, "transpose"),
    ],
)
def test_what_are_no_folds(given, kind, message):
    with pytest.raises(kind, match=message):
        folds(given, ABC)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3, 2.7, -1e300, 1e-300])
def test_a_constant_is_constant_whatever_its_rounding(value):
    table = np.column_stack([np.full(67, value), np.arange(67.0)])
    assert constant(table).tolist() == [True, False]
    assert constant(table.astype(np.float32) if abs(value) < 1e30 else table).tolist()[0]
    assert not value or constant(np.where(np.arange(67) % 2, value, np.nextafter(value, np.inf)))
    assert constant(np.array([value, np.nan, value]))
    assert not constant(np.array([1.0, 1.0 + 1e-9]))


def test_matched_beside_numbers():
    wanted = pd.Index([2, 0, 1])
    assert matched(pd.Series([10.0, 11.0, 12.0]), wanted, "x").tolist() == [12.0, 10.0, 11.0]
    assert matched(pd.Series([10.0, 11.0, 12.0]), ABC, "x").tolist() == [10.0, 11.0, 12.0]
    with pytest.raises(ValueError, match="missing: '0'"):
        matched(pd.Series(1.0, range(1, 4)), pd.RangeIndex(3), "x")


# --- baselines and transfer -------------------------------------------------------------------------------------------


def test_case_04_maps_in_another_order(world):
    genes, maps, held_out = world
    for given in (maps, maps.sort_index(axis=1), shuffled(maps, 1), shuffled(maps.rename(columns=styled), 1)):
        shared, rank = predict_shared(genes, given, held_out)
        alone = baseline("ridge", genes, given, DK, held_out)
        for i in range(len(maps)):
            assert r_squared(given.iloc[i], shared[i]) > 0.9
            assert r_squared(given.iloc[i], alone[i]) > 0.9
        np.testing.assert_array_equal(rank, predict_shared(genes, maps, held_out)[1])


@pytest.mark.parametrize("name", SIMPLE)
def test_baselines_do_not_depend_on_the_order_of_rows_maps_or_folds(world, name):
    genes, maps, held_out = world
    expected = pd.DataFrame(baseline(name, genes, maps, DK, held_out), maps.index, maps.columns)
    named = pd.DataFrame(held_out, columns=genes.index)
    turned = shuffled(maps, 1)
    found = pd.DataFrame(baseline(name, shuffled(genes), turned, DK, named), maps.index, turned.columns)
    np.testing.assert_allclose(found[expected.columns], expected, atol=1e-8)
    other = baseline(name, genes.rename(index=styled), maps, DK, named.rename(columns=styled))
    np.testing.assert_array_equal(other, expected)
    alone = baseline(name, genes, maps.loc["two"].to_frame(), DK, held_out)[0]
    np.testing.assert_allclose(alone, expected.loc["two"], atol=1e-10)


@pytest.mark.parametrize("name", ["expression PC1", "ridge", "PLS"])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 2.7])
def test_a_constant_gene_is_one_whatever_its_value(world, name, value):
    genes, maps, held_out = world
    exact, rounded = (baseline(name, genes.assign(flat=each), maps, DK, held_out) for each in (1.0, value))
    np.testing.assert_array_equal(exact, rounded)
    exact, rounded = (predict_shared(genes.assign(flat=each), maps, held_out)[0] for each in (1.0, value))
    np.testing.assert_array_equal(exact, rounded)


@pytest.mark.parametrize("value", [1.0, 0.1, 1 / 3, 2.7])
def test_a_constant_map_is_refused(world, value):
    genes, maps, held_out = world
    flat = maps.copy()
    flat.loc["two"] = value
    for name in SIMPLE:
        with pytest.raises(ValueError, match="'two' of 3 has the same value"):
            baseline(name, genes, flat, DK, held_out)
    with pytest.raises(ValueError, match="constant over the training regions"):
        predict_shared(genes, flat, held_out)


def test_baselines_refuse_what_they_cannot_read(world):
    genes, maps, held_out = world
    cases = [
        (
            lambda: baseline("ridge", genes.to_numpy(), maps, DK, held_out),
            TypeError,
            "expression: expected a DataFrame",
        ),
        (lambda: baseline("ridge", genes, maps.to_numpy(), DK, held_out), TypeError, "maps: expected a pandas Series"),
        (lambda: baseline("ridge", genes, maps.T, DK, held_out), ValueError, "regions in its rows"),
        (lambda: baseline("ridge", genes, maps, "dk", held_out), TypeError, "parcellation: expected"),
        (lambda: baseline("ridge", genes.iloc[:, :0], maps, DK, held_out), ValueError, "no genes"),
        (lambda: baseline("ridge", genes.iloc[:, [0, 1, 1]], maps, DK, held_out), ValueError, "more than once: 'G1'"),
        (lambda: baseline("ridge", genes, maps, DK, ~held_out[:1] | True), ValueError, "leaves 0 regions"),
        (lambda: baseline("ridge", genes, maps, DK, np.arange(68)), ValueError, r"held_out has shape \(68,\)"),
        (lambda: baseline("VAE without graph", genes, maps, DK, held_out, model="paper"), TypeError, "CrossScaleVAE"),
        (lambda: baseline(["ridge"], genes, maps, DK, held_out), ValueError, "baseline .* is unknown"),
        (lambda: baseline("ridge", genes.astype(object).assign(G0="high"), maps, DK, held_out), ValueError, "not all"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


def test_the_network_answers_in_the_order_of_the_maps_too(world):
    genes, maps, held_out = world
    model = xsg.CrossScaleVAE(latent=3, hidden=8, decoder=4, epochs=3)
    one, other = (
        pd.DataFrame(baseline("VAE without graph", genes, each, DK, held_out, model=model), columns=each.columns)
        for each in (maps, maps.iloc[:, ::-1])
    )
    pd.testing.assert_frame_equal(one, other[one.columns])


def test_predict_shared_takes_maps_in_plain_forms(world):
    genes, maps, held_out = world
    expected, rank = predict_shared(genes, maps.to_numpy(), held_out)
    rows = [row for _, row in maps.iterrows()]
    for given in (maps, maps.to_numpy().tolist(), rows, torch.tensor(maps.to_numpy()), maps.astype("Float64")):
        np.testing.assert_array_equal(predict_shared(genes, given, held_out)[0], expected)
    both = predict_shared(genes, [maps, maps], held_out)[0]
    np.testing.assert_allclose(both, np.stack([expected, expected]), atol=1e-12)
    np.testing.assert_array_equal(predict_shared(genes, maps, pd.DataFrame(held_out, columns=genes.index))[1], rank)
    np.testing.assert_array_equal(
        predict_shared(genes, maps, held_out, ranks=np.int64(1))[0], predict_shared(genes, maps, held_out, [1])[0]
    )
    cases = [
        (lambda: predict_shared(genes, [rows[0], rows[1].iloc[::-1]], held_out), ValueError, "different orders"),
        (lambda: predict_shared(genes, [rows[0], rows[1].to_numpy()], held_out), ValueError, "different"),
        (lambda: predict_shared(genes, maps.rename(columns={"L_insula": "L_x"}), held_out), ValueError, "'L_insula'"),
        (lambda: predict_shared(genes, maps, held_out, ranks=[1.5]), ValueError, "ranks are"),
        (lambda: predict_shared(genes, maps, held_out, ranks="all"), TypeError, "ranks: a rank is 'a'"),
        (lambda: predict_shared(genes.to_numpy(), maps, held_out), TypeError, "expression"),
        (lambda: predict_shared(genes, maps, held_out.argmax(axis=0)), ValueError, "held_out has shape"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


def test_families_are_joined_by_name(world):
    genes, _, held_out = world
    rng = np.random.default_rng(4)
    maps = pd.DataFrame((genes.to_numpy() @ rng.normal(size=(30, 6))).T, list("abcdef"), genes.index)
    families = pd.Series(["x", "x", "y", "y", "z", "z"], maps.index)
    expected = complete_maps(maps, families, DK, held_out)
    pd.testing.assert_frame_equal(complete_maps(maps, shuffled(families), DK, held_out), expected)
    pd.testing.assert_frame_equal(complete_maps(maps, dict(families), DK, held_out), expected)
    # One family as two people typed it: its maps would otherwise predict each other.
    typed = families.replace({"x": "X "}).where(families.index != "a", "x")
    pd.testing.assert_frame_equal(complete_maps(maps, typed, DK, held_out), expected)
    targets = pd.concat({each: maps.loc[[each]] for each in "ec"}, names=["map", "null"])
    found = complete_maps(maps, families, DK, held_out, shuffled(targets, 1))
    np.testing.assert_allclose(found, expected.loc[["e", "c"]], atol=1e-12)
    assert found.columns.equals(maps.columns)
    cases = [
        (
            lambda: complete_maps(maps, pd.concat([families, families[:1]]), DK, held_out),
            ValueError,
            "families: maps given",
        ),
        (lambda: complete_maps(maps.iloc[[0, 0, 2]], families, DK, held_out), ValueError, "maps: maps given more than"),
        (lambda: complete_maps(maps, families.to_list(), DK, held_out), TypeError, "families: expected a Series"),
        (
            lambda: complete_maps(maps, families, DK, held_out, targets.rename({"e": "q"})),
            ValueError,
            "map 'q' is none",
        ),
        (lambda: complete_maps(maps, families, DK, held_out, targets.to_numpy()), TypeError, "targets"),
        (lambda: complete_maps(maps.to_numpy(), families, DK, held_out), TypeError, "maps: expected a DataFrame"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


@pytest.mark.parametrize(
    ("human", "kind", "message"),
    [
        ([4137, 348], TypeError, "Entrez ids"),
        (["MAPT", np.nan], ValueError, "human: a gene has no name"),
        ("MAPT", TypeError, "human: expected a list"),
        (["MAPT", 348], TypeError, "gene 348 is a int"),
        (pd.DataFrame({"gene": ["MAPT"]}), TypeError, "human: expected a list"),
        (None, TypeError, "human: expected a list"),
    ],
)
def test_orthologues_have_symbols(human, kind, message):
    with pytest.raises(kind, match=message):
        orthologues(human, ["Mapt", "Apoe"])


def test_carry_over_refuses_what_says_nothing():
    world = simulate_orthologues(
        pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), [f"g{k}" for k in range(40)])
    )
    genes = world.expression
    loadings = pd.DataFrame(np.random.default_rng(1).normal(size=(genes.shape[1], 2)), genes.columns, ["p", "q"])
    score = carry_over(loadings, genes)
    assert carry_over(loadings, genes, order=[list(range(len(loadings)))])[0] == pytest.approx(score)
    assert carry_over(loadings.astype(np.float32), genes.astype(np.float32)) == pytest.approx(score, abs=1e-4)
    rotated = genes.iloc[[0, 0, 3, 2, *range(4, len(genes))]]
    assert carry_over(loadings, rotated) == carry_over(loadings, rotated.reset_index(drop=True))
    cases = [
        (lambda: carry_over(loadings, genes.assign(g0=1 / 3)), ValueError, "gene 'g0' and 0 more are constant"),
        (lambda: carry_over(loadings.assign(q=0.1), genes), ValueError, "program 'q' and 0 more are constant"),
        (lambda: carry_over(shuffled(loadings), genes), ValueError, "in another order"),
        (lambda: carry_over(loadings, genes, order=[[0.5] * 40]), ValueError, "order has shape"),
        (lambda: carry_over(loadings, genes, order=np.arange(40)), ValueError, "order has shape"),
        (lambda: carry_over(loadings, genes, order=[[99] * 40]), ValueError, "order has shape"),
        (lambda: carry_over(loadings, genes, n_folds=2.5), ValueError, "n_folds is 2.5"),
        (lambda: carry_over(loadings.to_numpy(), genes), TypeError, "loadings"),
        (lambda: carry_over(loadings, genes.to_numpy()), TypeError, "expression"),
        (lambda: carry_over(loadings.iloc[:, :0], genes), ValueError, "do not carry 0 programs"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


def test_strata_are_labels_of_any_kind():
    numbers = np.array([0, 1, 0, 1, 1])
    expected = dealt(5, 6, numbers)
    for strata in (numbers.astype(float), np.array(list("abcab"))[[0, 1, 0, 1, 1]], pd.Series(list("xyxyy"))):
        np.testing.assert_array_equal(dealt(np.int64(5), 6, strata), expected)
    with pytest.raises(ValueError, match=r"1 of 5 genes have none \(NaN\)"):
        dealt(5, 2, [0, 1, np.nan, 1, 0])
    with pytest.raises(TypeError, match="n_genes is '5'"):
        dealt("5", 2)


# --- programs ---------------------------------------------------------------------------------------------------------


def test_programs_are_joined_by_region(smooth_programs):
    one, other = smooth_programs
    np.testing.assert_allclose(
        canonical_correlations(one, shuffled(other)), canonical_correlations(one, other), atol=1e-9
    )
    np.testing.assert_allclose(
        canonical_correlations(one, shuffled(other.rename(index=styled))), canonical_correlations(one, other), atol=1e-9
    )
    for first, second in zip(align_programs([one, other]), align_programs([one, shuffled(other)]), strict=True):
        pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(
        program_stability([one, other], DK, n=3), program_stability([one, shuffled(other)], DK, n=3)
    )
    turned = main_directions(shuffled(one), 2).loc[one.index]
    np.testing.assert_allclose(np.abs(turned), np.abs(main_directions(one, 2)), atol=1e-9)


@pytest.fixture(scope="module")
def smooth_programs():
    rng = np.random.default_rng(0)
    return [pd.DataFrame(rng.normal(size=(68, 4)), DK.regions, list("pqrs")) for _ in range(2)]


def test_programs_that_are_none(smooth_programs):
    one, other = smooth_programs
    hole = one.where(one != one.iloc[3, 2])
    cases = [
        (lambda: main_directions(one.to_numpy()), TypeError, "programs: expected a pandas"),
        (lambda: main_directions(hole), ValueError, "programs: 1 of 272 values are not finite"),
        (lambda: main_directions(one.assign(p=1 / 3), 4), ValueError, "vary in 3 directions only"),
        (lambda: main_directions(one, True), TypeError, "k is True"),
        (lambda: main_directions(one, 2.5), ValueError, "k is 2.5"),
        (lambda: canonical_correlations(hole, other), ValueError, "not finite"),
        (lambda: canonical_correlations(one * 0 + 0.1, other), ValueError, "one value in all regions"),
        (lambda: canonical_correlations(one, other.iloc[1:]), ValueError, "missing"),
        (lambda: align_programs([]), ValueError, "empty list"),
        (lambda: align_programs(one), TypeError, "expected a list of tables"),
        (lambda: align_programs([one, other.assign(q=0.1)]), ValueError, "'q' has one value"),
        (lambda: program_stability([one], DK), ValueError, "at least 2 fits"),
        (lambda: program_stability([one, other], DK, n=0), ValueError, "n is 0"),
        (lambda: gene_weights(xsg.CrossScaleVAE(), one), ValueError, "not fitted yet"),
        (lambda: gene_weights("model", one), TypeError, "model: expected a fitted CrossScaleVAE"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()
    assert main_directions(one.assign(p=1 / 3), 3).shape == (68, 3)


# --- a cortex ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cortex():
    return xsg.load_cortex("simulated", **SMALL)


def remade(cortex, **changes):
    parts = {"expression": cortex.expression, "thinning": cortex.thinning, "graph": cortex.graph}
    return xsg.Cortex("mine", *(parts | changes).values(), cortex.parcellation)


GRAPHS = {
    "in another style": lambda g: g.weights.rename(index=styled, columns=styled),
    "a table, other order": lambda g: shuffled(shuffled(g.weights), 1)[shuffled(g.weights).index],
    "whole numbers": lambda g: g.weights.astype(int),
    "sparse": lambda g: SparseGraph(g.regions, g.edges, g.edge_weights),
}
MAPS = {
    "one column": lambda y: y.to_frame(),
    "text": lambda y: y.map(repr).astype(object),
    "text in a column, other style and order": lambda y: shuffled(y.rename(styled).map(repr).to_frame()),
    "Float64": lambda y: y.astype("Float64"),
    "a dict": dict,
    "string dtype": lambda y: y.map(repr).astype("string"),
}


@pytest.mark.parametrize("form", GRAPHS)
def test_a_cortex_takes_graphs(cortex, form):
    found = remade(cortex, graph=GRAPHS[form](cortex.graph))
    pd.testing.assert_frame_equal(found.graph.weights, cortex.graph.weights, check_names=False, check_dtype=False)
    assert "198 edges" in repr(found) or "edges" in repr(found)


@pytest.mark.parametrize("form", MAPS)
def test_a_cortex_takes_maps(cortex, form):
    found = remade(cortex, thinning=MAPS[form](cortex.thinning))
    assert found.thinning.dtype == float
    np.testing.assert_array_equal(found.thinning, cortex.thinning)
    assert list(found.regions) == list(REGIONS)
    assert f"{cortex.thinning.min():.3f} to" in repr(found)


def test_whole_numbers_and_text_become_floats(cortex):
    found = remade(
        cortex, thinning=(cortex.thinning * 100).round().astype(int), expression=cortex.expression.astype(str)
    )
    assert found.thinning.dtype == float
    assert set(found.expression.dtypes) == {np.dtype(float)}
    np.testing.assert_array_equal(found.expression, cortex.expression)
    half = remade(cortex, expression=cortex.expression.astype(np.float16))
    assert set(half.expression.dtypes) == {np.dtype(float)}
    named = remade(cortex, expression=shuffled(cortex.expression.rename(index=styled)))
    pd.testing.assert_frame_equal(named.expression, cortex.expression, check_names=False)
    assert "provenance\n    - by hand" in repr(
        xsg.Cortex("x", cortex.expression, cortex.thinning, cortex.graph, cortex.parcellation, "by hand")
    )
    repr(xsg.Cortex("x", cortex.expression, cortex.thinning, cortex.graph, cortex.parcellation, None))


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (lambda c: {"graph": None}, TypeError, "graph: expected an xsg.Graph, .* got NoneType"),
        (lambda c: {"graph": c.graph.weights.to_numpy()}, TypeError, "graph: expected an xsg.Graph"),
        (
            lambda c: {"graph": build_graph(DK).weights.add_prefix("x ", 0).add_prefix("x ", 1)},
            ValueError,
            "has none of",
        ),
        (lambda c: {"thinning": c.thinning.to_numpy()}, TypeError, "bare array"),
        (lambda c: {"thinning": c.thinning.map("{:.2f} mm".format)}, ValueError, "is no number"),
        (lambda c: {"thinning": c.thinning > 0}, ValueError, "expected numbers"),
        (lambda c: {"thinning": pd.DataFrame({"d": c.thinning, "p": 0.0})}, TypeError, "2 columns: 'd', 'p'"),
        (lambda c: {"thinning": c.thinning.map(lambda v: f"{v:.3f}".replace(".", ","))}, ValueError, "is no number"),
        (lambda c: {"expression": c.expression.to_numpy()}, TypeError, "expression: expected a DataFrame"),
        (lambda c: {"expression": c.expression.iloc[:, :0]}, ValueError, "no genes"),
        (lambda c: {"expression": c.expression.iloc[:, [0, 0, 1]]}, ValueError, "genes given more than once"),
        (lambda c: {"expression": c.expression.iloc[[*range(68), 5]]}, ValueError, "more than once"),
        (lambda c: {"expression": c.expression.astype(object).assign(x="n/a")}, ValueError, "not all values"),
    ],
)
def test_what_makes_no_cortex(cortex, changes, kind, message):
    with pytest.raises(kind, match=message):
        remade(cortex, **changes(cortex))


def test_a_cortex_needs_a_parcellation(cortex):
    with pytest.raises(TypeError, match=r"parcellation: expected an xsg\.Parcellation, got str 'dk'"):
        xsg.Cortex("x", cortex.expression, cortex.thinning, cortex.graph, "dk")
    with pytest.raises(TypeError, match="n_regions is '68'"):
        cortex.check(n_regions="68")
    with pytest.raises(TypeError, match="name of a cortex"):
        xsg.load_cortex(["simulated"])
    with pytest.raises(TypeError, match=r"n_genes is \{\}"):
        xsg.load_cortex("simulated", n_genes={})
    assert xsg.load_cortex("simulated", **SMALL | {"n_genes": np.int64(8)}).expression.shape == (68, 8)


FREESURFER = ["lh_MeanThickness_thickness", "rh_MeanThickness_thickness", "BrainSegVolNotVent", "eTIV"]


@pytest.fixture
def own():
    return pd.Series(np.random.default_rng(5).normal(size=68), REGIONS, name="thinning")


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("form", MAPS)
def test_case_31_a_map_of_your_own_in_any_plain_form(own, form):
    found = xsg.load_cortex("ahba", thinning=MAPS[form](own))
    assert found.thinning.dtype == float
    np.testing.assert_array_equal(found.thinning, own[found.regions])
    assert f"{own[found.regions].min():.3f} to {own[found.regions].max():.3f}" in repr(found)


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(
    "style",
    [
        styled,
        lambda r: f"ctx-{'lh' if r[0] == 'L' else 'rh'}-{r[2:]}",
        lambda r: f"{r[2:]}_{'left' if r[0] == 'L' else 'right'}",
        lambda r: f"{r}_thickavg",
        lambda r: f"{'Left' if r[0] == 'L' else 'Right'}-{r[2:]}",
        lambda r: f"{'lh' if r[0] == 'L' else 'rh'}.{r[2:]}",
    ],
)
def test_a_map_of_your_own_in_any_style_of_names(own, style):
    found = xsg.load_cortex("ahba", thinning=shuffled(own.rename(style)))
    np.testing.assert_array_equal(found.thinning, own[found.regions])
    left = xsg.load_cortex("ahba", thinning=own[:34].rename(style))
    assert set(left.regions.str[:2]) == {"L_"}


def test_a_map_of_your_own_names_the_rows_that_are_no_regions(own):
    more = pd.concat([own.rename(styled), pd.Series(2.5, FREESURFER)])
    with pytest.raises(ValueError, match=r"4 of 72 .*'lh_MeanThickness_thickness'.*'eTIV'.*Drop what is no region"):
        xsg.load_cortex("ahba", thinning=more)
    with pytest.raises(ValueError, match="'lh_bankst'") as error:
        xsg.load_cortex("ahba", thinning=own.drop("L_bankssts").rename({"R_bankssts": "lh_bankst"}))
    assert "mean 'R_" not in str(error.value)
    with pytest.raises(ValueError, match="lh_insula_thickness"):
        xsg.load_cortex("ahba", thinning=pd.concat([own, pd.Series({"lh_insula_thickness": 1.0})]))
    with pytest.raises(ValueError, match="more than once"):
        xsg.load_cortex("ahba", thinning=pd.concat([own, own[:1]]))
    with pytest.raises(ValueError, match="is empty"):
        xsg.load_cortex("ahba", thinning=own[:0])
    with pytest.raises(TypeError, match="2 columns"):
        xsg.load_cortex("ahba", thinning=pd.DataFrame({"d": own, "se": own}))
    with pytest.raises(ValueError, match="not finite"):
        xsg.load_cortex("ahba", thinning=own.map(repr).where(own.index != "L_cuneus", "NA"))
    with pytest.raises(ValueError, match="Desikan-Killiany"):
        xsg.load_cortex("ahba", thinning=own.reset_index(drop=True))


# --- voxels -----------------------------------------------------------------------------------------------------------

AXES = ["AP", "SI", "LR"]


@pytest.fixture(scope="module")
def brain():
    return xsg.load_mouse("simulated", n_genes=12, step=5, geometry="drawn")


def turned(brain, order):
    """The same brain, its voxels in another order."""
    return xsg.spatial.mouse.Mouse(
        brain.name, brain.expression[order], brain.voxels.iloc[order], brain.region.iloc[order], brain.genes,
        brain.structures, simulated=True,
    )  # fmt: skip


def test_case_19_columns_of_voxels_go_by_name(brain):
    for split in ("hemisphere", "slabs", "blocks", "random"):
        expected = voxel_folds(brain.voxels, split, n_folds=3)
        for columns in (["LR", "SI", "AP"], ["SI", "AP", "LR"]):
            more = brain.voxels[columns].assign(structure="TH")
            for one, other in zip(expected, voxel_folds(more, split, n_folds=3), strict=True):
                np.testing.assert_array_equal(one.held_out, other.held_out)
                np.testing.assert_array_equal(one.train, other.train)
    first = voxel_folds(brain.voxels[["LR", "SI", "AP"]], "hemisphere")[0].held_out
    assert (brain.voxels["LR"] < 28.5)[first].all()


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda v: v.rename(columns={"AP": "x", "SI": "y", "LR": "z"}), ValueError, "columns are .*'x'.* any order"),
        (lambda v: v[["AP", "SI"]], ValueError, "columns are"),
        (lambda v: v.to_numpy()[:, :2], ValueError, r"voxels has shape \(\d+, 2\)"),
        (lambda v: v.to_numpy()[0], ValueError, "expected 2 axes"),
        (lambda v: v * 200, ValueError, "outside the 67 × 41 × 58 grid; .* no µm"),
        (lambda v: -v, ValueError, "outside"),
        (lambda v: v.astype(float).mask(v["AP"] == v["AP"].max()), ValueError, "not finite"),
        (lambda v: v.iloc[:0], ValueError, "voxels has shape"),
        (lambda v: v.astype(str).assign(AP="front"), TypeError, "voxels"),
        (lambda v: "all", TypeError, "voxels"),
    ],
)
def test_what_are_no_voxels(brain, spoil, kind, message):
    with pytest.raises(kind, match=message):
        voxel_folds(spoil(brain.voxels), "hemisphere")


@pytest.mark.parametrize(
    ("choice", "kind", "message"),
    [
        ({"n_folds": 2.5}, ValueError, "n_folds is 2.5"),
        ({"n_folds": "5"}, TypeError, "n_folds is '5'"),
        ({"buffer": -1}, ValueError, "buffer is -1"),
        ({"buffer": np.nan}, ValueError, "buffer is nan"),
        ({"seed": None}, TypeError, "seed is None"),
        ({"split": None}, ValueError, "split None is unknown"),
        ({"split": "Blocks"}, ValueError, "mean 'blocks'"),
    ],
)
def test_settings_of_voxel_folds(brain, choice, kind, message):
    with pytest.raises(kind, match=message):
        voxel_folds(brain.voxels, **choice)


@pytest.mark.parametrize("split", ["random", "blocks", "slabs", "hemisphere"])
def test_which_voxels_are_held_out_does_not_hang_on_their_order(brain, split):
    order = np.random.default_rng(0).permutation(len(brain.voxels))
    for one, other in zip(voxel_folds(brain.voxels, split), voxel_folds(brain.voxels.iloc[order], split), strict=True):
        np.testing.assert_array_equal(one.held_out[order], other.held_out)
        np.testing.assert_array_equal(one.train[order], other.train)


class Teller:
    """Answers with the true places, in whatever form it is told to."""

    def __init__(self, form=lambda table: table, stop=False):
        self.form, self.stop = form, stop

    def get_params(self):
        return {"form": self.form, "stop": self.stop}

    def fit(self, expression, voxels, train, folded, progress):
        self.interrupted_ = self.stop
        return self

    def predict_place(self, expression, voxels, rows):
        return self.form(pd.DataFrame(voxels.to_numpy(dtype=float)[rows] + [0.0, 1.0, 0.0], rows, AXES))

    def spread(self, expression, voxels, rows, n):
        return pd.DataFrame(1.0, rows, AXES)


@pytest.mark.parametrize(
    "form",
    [
        lambda t: t[["LR", "AP", "SI"]],
        lambda t: shuffled(t),
        lambda t: t.assign(doubt=1.0).astype(np.float32),
        lambda t: t.to_numpy(),
        lambda t: t.to_numpy().tolist(),
        lambda t: torch.tensor(t.to_numpy()),
    ],
)
def test_answers_of_a_model_are_read_by_voxel_and_axis(brain, form):
    places = localise(Teller(form), brain, "slabs", folds=2, baselines=False, progress=False)
    np.testing.assert_allclose(places.bias_voxels, [0, 1, 0], atol=1e-6)
    assert places.error_voxels == pytest.approx(1)
    assert "fold 2 of 5" in repr(places)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda b: localise(Teller(lambda t: t[["AP", "SI"]]), b), ValueError, "predict_place: columns are"),
        (lambda b: localise(Teller(lambda t: t.iloc[1:]), b), ValueError, "predict_place: voxels: .* missing"),
        (lambda b: localise(Teller(lambda t: t.to_numpy()[1:]), b), ValueError, "predict_place: "),
        (lambda b: localise(Teller(lambda t: t * np.nan), b), ValueError, "not finite"),
        (lambda b: localise(Teller(lambda t: None), b), TypeError, "predict_place"),
        (lambda b: localise("model", b), TypeError, "model: str has no get_params"),
        (lambda b: localise(Teller(), b.voxels), TypeError, "brain: expected an xsg Mouse"),
        (lambda b: localise(Teller(), b, folds=()), ValueError, r"folds is \(\)"),
        (lambda b: localise(Teller(), b, folds=(1.5,)), ValueError, "folds: a fold is 1.5"),
        (lambda b: localise(Teller(), b, folds=True), TypeError, "folds: a fold is True"),
        (lambda b: localise(Teller(), b, baselines="forest"), ValueError, "baseline 'forest' is unknown"),
    ],
)
def test_what_localise_cannot_use(brain, call, kind, message):
    with pytest.raises(kind, match=message):
        call(brain)


def test_localise_names_its_folds_and_ignores_the_index(brain):
    report = localise(Teller(), brain, folds=np.array([3, 1, 3]), baselines="centroid", progress=False)
    assert "folds 3, 1 of 5" in repr(report)
    assert set(report.voxels["fold"]) == {1, 3}
    with pytest.raises(ValueError, match="method 'kNN' is unknown; expected one of 'model', 'centroid'"):
        report.errors("kNN")
    names = [f"v{k}" for k in range(len(brain.voxels))]
    named = xsg.spatial.mouse.Mouse(
        "named", brain.expression, brain.voxels.set_axis(names), brain.region.set_axis(names), brain.genes,
        brain.structures,
    )  # fmt: skip
    again = localise(Teller(), named, folds=(3, 1), baselines="centroid", progress=False)
    pd.testing.assert_frame_equal(again.table, report.table)
    mixed = xsg.spatial.mouse.Mouse(
        "mixed", brain.expression, named.voxels, shuffled(named.region), brain.genes, brain.structures
    )
    pd.testing.assert_series_equal(mixed.region, named.region)


def test_localise_gives_the_same_for_voxels_in_another_order(brain):
    order = np.random.default_rng(1).permutation(len(brain.voxels))
    names = ("centroid", "kNN", "PCA + ridge", "NMF + ridge")
    one, other = (
        localise(Teller(), each, "random", folds=(1,), baselines=names, progress=False)
        for each in (brain, turned(brain, order))
    )
    pd.testing.assert_frame_equal(one.table, other.table, rtol=1e-3)
    for name in names:
        np.testing.assert_allclose(
            other.predicted[name].set_axis(order[other.true.index]).loc[one.true.index], one.predicted[name], atol=1e-2
        )


def test_ties_in_expression_fall_the_same_way(brain):
    """Voxels whose expression is alike are equally near to all: which of them counts is told by the grid."""
    alike = np.ones_like(brain.expression)
    alike[::3] = 2.0
    one = xsg.spatial.mouse.Mouse("t", alike, brain.voxels, brain.region, brain.genes, brain.structures)
    order = np.random.default_rng(2).permutation(len(alike))
    places = [
        localise(Teller(), each, "slabs", folds=(1,), baselines=("kNN",), progress=False)
        for each in (one, turned(one, order))
    ]
    assert places[0].table.loc["kNN", "error_um"] == pytest.approx(places[1].table.loc["kNN", "error_um"], rel=1e-6)


# --- what is learned of voxels ----------------------------------------------------------------------------------------


def genes_turned(brain):
    order = np.random.default_rng(3).permutation(len(brain.genes))
    return xsg.spatial.mouse.Mouse(
        "g", brain.expression[:, order], brain.voxels, brain.region, brain.genes[order], brain.structures
    )


@pytest.mark.parametrize("scale", ["log", "robust", "voxel"])
@pytest.mark.parametrize("neighbours", [0, 3])
def test_genes_are_found_by_name(brain, scale, neighbours):
    holes = brain.expression.copy()
    holes[np.random.default_rng(0).random(holes.shape) < 0.1] = np.nan
    one = xsg.spatial.mouse.Mouse("h", holes, brain.voxels, brain.region, brain.genes, brain.structures)
    learned = Preprocessor(7, neighbours, scale).fit(one)
    np.testing.assert_array_equal(learned.transform(genes_turned(one)), learned.transform(one))
    lacking = one.subset(genes=np.arange(2, 12))
    with pytest.raises(ValueError, match="expression lacks"):
        Preprocessor(12, neighbours, scale).fit(one).transform(lacking)


def test_neighbours_are_refused_where_they_moved(brain):
    holes = brain.expression.copy()
    holes[3, 2] = np.nan
    one = xsg.spatial.mouse.Mouse("h", holes, brain.voxels, brain.region, brain.genes, brain.structures)
    learned = Preprocessor(None, 3).fit(one)
    order = np.random.default_rng(0).permutation(len(holes))
    with pytest.raises(ValueError, match="stand in other rows"):
        learned.transform(turned(one, order))


@pytest.mark.parametrize("scale", ["log", "robust"])
def test_a_constant_gene_is_not_blown_up(brain, scale):
    for value in (1.0, 0.1, 1 / 3, 2.7):
        energies = brain.expression.astype(np.float32).copy()
        energies[:, 4] = value
        one = xsg.spatial.mouse.Mouse("c", energies, brain.voxels, brain.region, brain.genes, brain.structures)
        assert Scaler(scale).fit(one).spread_[4] == 1
        energies[7, 4] = value + 1.0  # a voxel that does not train
        x = Preprocessor(None, 0, scale).fit(one, np.arange(10, 90)).transform(one, np.array([7]))
        assert abs(x[0, 4]) < 20


def test_rows_are_joined_or_told_apart(brain):
    mask = brain.voxels["AP"] % 2 == 0
    expected = Preprocessor().fit(brain, mask.to_numpy()).transform(brain, mask.to_numpy())
    np.testing.assert_array_equal(Preprocessor().fit(brain, shuffled(mask)).transform(brain, shuffled(mask)), expected)
    rows = np.flatnonzero(mask)
    for given in (rows.tolist(), rows.astype(np.uint16), rows.astype(float), pd.Series(rows)):
        np.testing.assert_array_equal(Preprocessor().fit(brain, given).transform(brain, given), expected)
    for given, message in (
        (mask.astype(int).to_numpy(), "zeros and ones"),
        (np.array([0.5, 1.0]), "expected positions"),
        (np.array(["a"]), "expected positions"),
        (np.array([[0, 1]]), "expected positions"),
        (np.array([-1, 3]), "expected positions"),
    ):
        with pytest.raises(ValueError, match=message):
            Preprocessor().fit(brain, given)
    for call, kind, message in (
        (lambda: SelectGenes("7").fit(brain), TypeError, "n_genes is '7'"),
        (lambda: SelectGenes(0).fit(brain), ValueError, "n_genes is 0"),
        (lambda: SelectGenes(3).fit(brain, np.array([], dtype=int)), ValueError, "0 training voxels"),
        (lambda: SpatialImputer(-1).fit(brain), ValueError, r"neighbours.* is -1;"),
        (lambda: SpatialImputer(2.5).fit(brain), ValueError, r"neighbours.* is 2\.5;"),
        (lambda: Scaler(["log"]), ValueError, "scale .* is unknown"),
    ):
        with pytest.raises(kind, match=message):
            call()
