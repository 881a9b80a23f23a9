"""States, rates, times, masks and Laplacians as people type them: taken where the meaning is plain, else refused."""

import time

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import xsg
from xsg.atlas import Graph
from xsg.spread.model import Visits, refine
from xsg.spread.physics import LAWS, ReactionDiffusion, grid_laplacian

TWO = [[1, -1], [-1, 1]]
RIGHT = [[1.0, 0.0], [0.684, 0.316]]  # expected.txt of the case: 0.684, 0.316 at t = 1


@pytest.fixture
def ring():
    """Seven named places, unequally joined."""
    weights = np.zeros((7, 7))
    for i in range(7):
        weights[i, (i + 1) % 7] = weights[(i + 1) % 7, i] = 0.2 + 0.1 * i
    return pd.DataFrame(np.diag(weights.sum(1)) - weights, list("abcdefg"), list("abcdefg"))


def spread(u, solver=None, **changes):
    given = {"times": [0.0, 1.0], "D": 0.5, "R": 0.0, "law": "diffusion", **changes}
    return (solver or ReactionDiffusion(TWO)).solve(u, **given)


@pytest.mark.parametrize(
    "state",
    [
        torch.tensor([[1.0, 0.0]]),
        torch.tensor([[1, 0]]),
        torch.tensor([[True, False]]),
        torch.tensor([[1, 0]], dtype=torch.uint8),
        torch.tensor([[1, 0]], dtype=torch.float16),
        torch.tensor([[1, 0]], dtype=torch.bfloat16),
        torch.tensor([[1, 0]]).to_sparse().to_dense(),
        [torch.tensor([1, 0])],
        np.array([[1.0, 0.0]]),
        np.array([[1, 0]]),
        np.array([[True, False]]),
        np.array([[1, 0]], dtype=np.float16),
        np.array([[1, 0]], dtype=np.float32),
        np.array([[1, 0]], dtype=object),
        np.array([[0, 1]])[:, ::-1],
        np.asfortranarray([[1, 0]]),
        [[1.0, 0.0]],
        [[1, 0]],
        ((1, 0),),
        [(True, False)],
        [np.array([1, 0])],
        pd.DataFrame([[1, 0]]),
        pd.DataFrame([[1, 0]], ["S1"], ["a", "b"], dtype="Int64"),
        sparse.csr_array([[1, 0]]),
    ],
    ids=lambda each: f"{type(each).__name__} {getattr(each, 'dtype', '')}",
)
def test_a_state_in_any_plain_form(state):
    found = spread(state)
    assert found.is_floating_point()
    np.testing.assert_allclose(found[0], RIGHT, atol=5e-4)


def test_single_and_double_precision_stay_what_they_were():
    for kind in (torch.float32, torch.float64):
        u0 = torch.rand(9, 2, dtype=kind, generator=torch.Generator().manual_seed(0))
        assert spread(u0).dtype == kind
        torch.testing.assert_close(spread(u0.numpy()), spread(u0), rtol=0, atol=0)
        torch.testing.assert_close(spread(u0.numpy(), times=(0, 1), D=np.float64(0.5)), spread(u0), rtol=0, atol=0)
    assert spread(np.array([[1, 0]])).dtype == torch.float64


def test_gradients_flow_through_what_is_converted():
    u0 = torch.tensor([[0.9, 0.1]], requires_grad=True)
    d = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    spread(u0, D=d, R=[0.3], law="logistic")[0, 1, 0].backward()
    assert u0.grad.abs().min() > 0
    assert d.grad.abs().min() > 0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ([[30.0, 2.0]], r"u0 at \(0, 0\) is 30; expected a state from 0 to 1; 2 of 2.*percent, divide by 100"),
        ([[30, 2]], r"u0 at \(0, 0\) is 30"),
        ([[-0.1, 0.5]], r"u0 at \(0, 0\) is -0.1; expected a state from 0 to 1; 1 of 2"),
        ([[0.2, np.nan]], r"u0 at \(0, 1\) is nan.*not measured"),
        ([[0.2, np.inf]], r"u0 at \(0, 1\) is inf"),
        ([[-1, 0.5]], "is -1"),
        ([[-9999, 0.5]], "is -9999"),
        ([[255, 0]], "is 255; expected a state from 0 to 1"),
        ([[1.2, 0.9]], "is 1.2"),
        (torch.tensor([[0.2, 0.3], [0.4, torch.nan]]), r"u0 at \(1, 1\) is nan"),
    ],
)
def test_a_state_out_of_range_is_refused_with_value_and_range(state, words):
    with pytest.raises(ValueError, match=words):
        spread(state, law="logistic", R=0.3)


@pytest.mark.parametrize(
    "state", [[[1j, 0]], torch.tensor([[1j, 0]]), [["a", "b"]], "10", None, [[0.1, 0.2], [0.3]], [[None, 0.1]], {1: 2}]
)
def test_what_is_no_state_is_refused(state):
    with pytest.raises((TypeError, ValueError), match="u0"):
        spread(state)


@pytest.mark.parametrize("state", [[1.0, 0.0], [[[1.0, 0.0]]], [[1.0], [0.0]], [[1.0, 0, 0]], np.zeros((0, 2)), 0.5])
def test_wrong_axes_of_a_state(state):
    with pytest.raises(ValueError, match=r"u0 has shape .*expected \(subjects, 2\)"):
        spread(state)


def test_rounding_is_let_through_and_brought_back():
    """The tolerance is 1e-5."""
    for low, high in ((-1e-9, 1 + 1e-6), (-1e-6, 1 + 1e-9), (-9e-6, 1 + 9e-6)):
        found = spread(torch.tensor([[high, low]], dtype=torch.float64), times=[0.0, 1.0, 9.0], R=0.3, law="damped")
        exact = spread(torch.tensor([[1.0, 0.0]], dtype=torch.float64), times=[0.0, 1.0, 9.0], R=0.3, law="damped")
        torch.testing.assert_close(found, exact, rtol=0, atol=0)
    with pytest.raises(ValueError, match="expected a state from 0 to 1"):
        spread([[1 + 2e-5, 0]])
    again = spread(spread([[1.0, 0.0]])[:, -1])  # what the solver made it takes
    assert again.shape == (1, 2, 2)


def test_with_a_capacity_a_state_may_be_as_large():
    solver = ReactionDiffusion(TWO)
    assert solver.solve([[1.4, 0.2]], [1.0], 0.1, 0.1, capacity=[[1.5, 0.5]]).shape == (1, 1, 2)
    for u0 in ([[1.6, 0.2]], [[30.0, 2.0]], [[-0.1, 0.2]]):
        with pytest.raises(ValueError, match=r"expected a state from 0 to 1\.5"):
            solver.solve(u0, [1.0], 0.1, 0.1, capacity=[[1.5, 0.5]])
    for capacity in ([[1.5, np.nan]], [[1.5, np.inf]], [[1.5, 0]], [[]], [1.5, 0.5]):
        with pytest.raises(ValueError, match="capacity has shape"):
            solver.solve([[0.4, 0.2]], [1.0], 0.1, 0.1, capacity=capacity)


@pytest.mark.parametrize("name", ["D", "R"])
@pytest.mark.parametrize("value", [-0.5, -1e-3, np.nan, np.inf, -np.inf, [-0.1], torch.tensor([torch.nan])])
def test_rates_below_zero_or_not_finite(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*(expected at least 0|not finite)"):
        spread([[0.9, 0.1]], **{"law": "logistic", "R": 0.3, name: value})


@pytest.mark.parametrize("value", ["0.5", None, 1j, [[0.1, "b"]]])
def test_rates_that_are_no_numbers(value):
    with pytest.raises(TypeError, match="D"):
        spread([[0.9, 0.1]], D=value)


def test_rates_in_any_plain_form():
    right = spread([[0.9, 0.1]], D=0.5, R=1.0, law="logistic")
    for one in (1, True, np.int64(1), np.float32(1), torch.tensor(1), [1], (1.0,), np.array([1]), pd.Series([1])):
        torch.testing.assert_close(spread([[0.9, 0.1]], R=one, law="logistic"), right)


@pytest.mark.parametrize(
    "times", [[-1.0, 2.0], [2.0, 1.0], [0.0, np.nan], [np.inf], [], 5.0, [[1.0], [2.0]], [[[1.0]]], [0, 3, 2]]
)
def test_times_that_are_none(times):
    with pytest.raises(ValueError, match="times"):
        spread([[0.9, 0.1]], times=times)


def test_times_of_dates_or_text():
    for times in (["0", "1"], pd.to_datetime(["2020-01-01", "2021-01-01"]), ["baseline"], [1j]):
        with pytest.raises(TypeError, match="times"):
            spread([[0.9, 0.1]], times=times)


def test_times_in_any_plain_form():
    right = spread([[0.9, 0.1]], times=[0.0, 1.0, 1.0, 4.0])
    for times in (
        (0, 1, 1, 4),
        np.array([0, 1, 1, 4]),
        pd.Series([0, 1, 1, 4]),
        torch.tensor([0, 1, 1, 4]),
        [[0, 1, 1, 4]],
    ):
        torch.testing.assert_close(spread([[0.9, 0.1]], times=times), right)


@pytest.mark.parametrize("steps", [0, -1, 2.5, np.nan, np.inf, "8", None, True, [8]])
def test_steps_that_are_none(steps):
    with pytest.raises((TypeError, ValueError), match="steps is"):
        spread([[0.9, 0.1]], steps=steps)
    assert spread([[0.9, 0.1]], steps=np.int64(3)).shape == spread([[0.9, 0.1]], steps=3.0).shape


@pytest.mark.parametrize("law", ["Logistic", "fisher", "", None, 3, ["logistic"]])
def test_laws_that_are_unknown(law):
    with pytest.raises(ValueError, match="is unknown; expected one of 'diffusion'"):
        spread([[0.9, 0.1]], law=law)


@pytest.mark.parametrize(
    ("law", "words"),
    [
        (lambda u: u, r"f\(1\) = 1; expected f\(1\) ≤ 0"),
        (lambda u: -0.2 + u * (1 - u), r"f\(0\) = -0.2; expected f\(0\) ≥ 0"),
        (lambda u: 3.0, "returns float"),
        (lambda u: u.sum(), r"returns \(\)"),
    ],
)
def test_functions_that_are_no_law(law, words):
    with pytest.raises((TypeError, ValueError), match=words):
        spread([[0.9, 0.1]], law=law, R=0.3)


def test_a_law_that_breaks_is_said():
    with pytest.raises(ValueError, match="solution is not finite"):
        spread([[0.9, 0.1]], law=lambda u: u * (1 - u) / (u - u), R=0.3)


def test_tables_are_joined_by_name(ring):
    solver = ReactionDiffusion(ring)
    assert solver.places.tolist() == list("abcdefg")
    draw = np.random.default_rng(0)
    u0 = pd.DataFrame(draw.random((3, 7)), ["S1", "S2", "S3"], list("abcdefg"))
    rate = pd.DataFrame(draw.random((3, 7)), u0.index, u0.columns)
    d = pd.Series([0.1, 0.4, 0.9], u0.index)
    right = solver.solve(u0.to_numpy(), [1.0, 3.0], d.to_numpy(), rate.to_numpy())
    mixed = list("gfabdce")
    found = solver.solve(u0[mixed], [1.0, 3.0], d[["S3", "S1", "S2"]], rate[mixed])
    torch.testing.assert_close(found, right)
    with pytest.raises(ValueError, match="missing: 'a'; unknown: 'z'"):
        solver.solve(u0.rename(columns={"a": "z"}), [1.0], 0.1, 0.1)
    with pytest.raises(ValueError, match=r"D.*unknown: 'S9'"):
        solver.solve(u0, [1.0], d.rename({"S1": "S9"}), 0.1)
    shuffled = ReactionDiffusion(ring.loc[:, mixed])
    torch.testing.assert_close(shuffled.solve(u0, [1.0, 3.0], d, rate), right)
    with pytest.raises(ValueError, match="columns of the laplacian"):
        ReactionDiffusion(ring.rename(columns={"a": "z"}))


def test_rows_are_joined_to_the_subjects_by_name(ring):
    """Columns were; rows were taken by position, so that each subject got another's times."""
    solver, draw = ReactionDiffusion(ring), np.random.default_rng(0)
    for names in (["S1", "S2", "S3"], [2, 0, 1], None):
        u0 = pd.DataFrame(draw.random((3, 7)), names, list("abcdefg"))
        times = pd.DataFrame([[1.0, 2.0], [9.0, 50.0], [0.5, 0.7]], u0.index, ["first", "second"])
        rate, inside = (pd.DataFrame(draw.random((3, 7)), u0.index, u0.columns) for _ in range(2))
        inside, capacity = (inside > 0.3).astype(int), 1 + rate / 2
        right = solver.solve(u0, times.to_numpy(), 0.1, rate.to_numpy(), "logistic", 8, capacity.to_numpy(),
                             inside.to_numpy())  # fmt: skip
        times, rate, capacity, inside = (each.iloc[[2, 0, 1]] for each in (times, rate, capacity, inside))
        found = solver.solve(u0, times, 0.1, rate, "logistic", 8, capacity, inside)
        torch.testing.assert_close(found, right, rtol=0, atol=0)
        bare = solver.solve(u0.to_numpy(), times, 0.1, 0.2)  # beside no names, rows are taken in order
        torch.testing.assert_close(bare, solver.solve(u0, times.to_numpy(), 0.1, 0.2), rtol=0, atol=0)
        one = rate.iloc[:1].set_axis(["vulnerability"])  # for all
        torch.testing.assert_close(solver.solve(u0, [1.0], 0.1, one), solver.solve(u0, [1.0], 0.1, one.to_numpy()))
        with pytest.raises(ValueError, match="times has shape"):
            solver.solve(u0, pd.DataFrame(np.ones((2, 1))), 0.1, 0.2)
    u0 = pd.DataFrame(draw.random((3, 7)), ["S1", "S2", "S3"], list("abcdefg"))
    wrong = pd.DataFrame(np.ones((3, 7)), ["S1", "S2", "S9"], list("abcdefg"))
    for name in ("times", "R", "inside", "capacity"):
        given = {"times": [1.0], "R": 0.2, name: wrong}
        with pytest.raises(ValueError, match=f"{name}, by subject.*missing: 'S3'; unknown: 'S9'"):
            solver.solve(u0, D=0.1, **given)
    with pytest.raises(ValueError, match=r"times, by subject.*unknown: 'b'"):
        solver.solve(u0[:1], pd.DataFrame([[1.0]], ["b"]), 0.1, 0.2)


def test_a_laplacian_in_any_plain_form(ring):
    right = ReactionDiffusion(ring.to_numpy()).solve(np.eye(7), [1.0], 0.3, 0.2)
    for form in (
        ring,
        ring.to_numpy().tolist(),
        tuple(map(tuple, ring.to_numpy())),
        torch.tensor(ring.to_numpy()),
        sparse.csr_array(ring.to_numpy()),
        sparse.coo_matrix(ring.to_numpy()),
        np.asfortranarray(ring),
    ):
        torch.testing.assert_close(ReactionDiffusion(form).solve(np.eye(7), [1.0], 0.3, 0.2), right)
    for form in (ring.to_numpy().astype(np.float32), torch.tensor(ring.to_numpy()).float()):
        torch.testing.assert_close(ReactionDiffusion(form).solve(np.eye(7), [1.0], 0.3, 0.2), right, rtol=0, atol=1e-6)
    whole = ReactionDiffusion(np.array(TWO, dtype=np.int64))
    torch.testing.assert_close(whole.solve([[1, 0]], [1.0], 0.5, 0.0), spread([[1, 0]], times=[1.0]))


def test_a_laplacian_of_single_precision_that_sums_to_rounding():
    weights = np.random.default_rng(0).random((68, 68), dtype=np.float32) * 1000
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    solver = ReactionDiffusion(np.diag(weights.sum(1)) - weights)
    mass = solver.solve(np.eye(68), [5.0], 1.0, 0.0, "diffusion").sum(-1)
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=1e-9)


def test_what_is_no_laplacian_is_refused_with_the_way_out(ring):
    laplacian = ring.to_numpy()
    weights = np.diag(np.diag(laplacian)) - laplacian
    degree = np.diag(1 / np.sqrt(weights.sum(1)))
    for wrong, words in (
        (weights, r"positive off the diagonal.*look like weights W: give graph\.laplacian\(\)"),
        (sparse.csr_array(weights), "look like weights"),
        (np.corrcoef(np.random.default_rng(0).random((5, 9))) ** 2, "look like weights"),
        (-laplacian, "sign is turned"),
        (degree @ laplacian @ degree, r"sum of a row.*looks normalised: give graph\.laplacian\(\)"),
        (np.triu(laplacian), "not symmetric"),
        (laplacian[:5], r"shape \(5, 7\); expected a square"),
        (laplacian[0], r"shape \(7,\)"),
        (laplacian[None], r"shape \(1, 7, 7\)"),
        (np.zeros((0, 0)), r"shape \(0, 0\)"),
        (np.where(laplacian == laplacian[0, 1], np.nan, laplacian), "not finite.*Leave such places out"),
        (laplacian + np.eye(7), "sum of a row"),
    ):
        with pytest.raises(ValueError, match=words):
            ReactionDiffusion(wrong)
    for wrong in (
        laplacian + 0j,
        "laplacian",
        None,
        [[1, -1], [-1]],
        [["a"]],
        Graph(ring.clip(upper=0).abs().mul(1 - np.eye(7))),
    ):
        with pytest.raises(TypeError, match="laplacian"):
            ReactionDiffusion(wrong)
    with pytest.raises(TypeError, match=r"is a Graph; expected a matrix: give graph\.laplacian\(\)"):
        ReactionDiffusion(Graph(pd.DataFrame(weights, list("abcdefg"), list("abcdefg"))))
    with pytest.raises(ValueError, match="200000 places; expected at most 20000: its dense matrix would hold 320 GB"):
        ReactionDiffusion(sparse.csr_array((200_000, 200_000)), method="modes")


@pytest.mark.parametrize("directed", ["no", "yes", 1, 0, None])
def test_directed_is_true_or_false(ring, directed):
    with pytest.raises(TypeError, match=r"directed is .*expected True or False"):
        ReactionDiffusion(ring, directed=directed)
    assert ReactionDiffusion(ring, directed=np.True_).n == 7


def edges(mask):
    return int(-np.triu(grid_laplacian(mask), 1).sum())


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((9,), 8), ((1,), 0), ((3, 4), 17), ((1, 5), 4), ((3, 4, 5), 133), ((4, 4, 4), 144), ((2, 3, 2, 3), 84)],
)
def test_a_mask_of_any_number_of_axes(shape, expected):
    """4 × 4 × 4 has 144 edges, of which 96 were found."""
    assert edges(np.ones(shape, dtype=bool)) == expected
    draw = np.random.default_rng(0).random(shape) < 0.7
    draw.flat[0] = True
    places = np.argwhere(draw)
    near = np.abs(places[:, None] - places[None]).sum(-1) == 1
    np.testing.assert_array_equal(grid_laplacian(draw), np.diag(near.sum(1)) - near)


@pytest.mark.parametrize("shape", [(11,), (1, 5), (3, 4, 5), (2, 3, 2, 2), (1, 1, 1)])
def test_a_whole_box_agrees_with_its_matrix(shape):
    whole = np.ones(shape, dtype=bool)
    kernels, matrix = ReactionDiffusion.on_grid(whole), ReactionDiffusion(grid_laplacian(whole))
    u0 = torch.rand(3, whole.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    d = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    for law in LAWS:
        found, right = (solver.solve(u0, [0.0, 1.0, 4.0], d, 0.3, law) for solver in (kernels, matrix))
        torch.testing.assert_close(found, right, rtol=0, atol=1e-10)


def test_a_box_with_a_hole_and_a_box_too_large_for_a_matrix():
    mask = np.ones((4, 3, 2), dtype=np.uint8)
    mask[1, 1] = 0
    solver = ReactionDiffusion.on_grid(mask)
    assert solver.n == 22
    mass = solver.solve(np.eye(22), [3.0], 0.4, 0.0, "diffusion").sum(-1)
    torch.testing.assert_close(mass, torch.ones_like(mass))
    box = ReactionDiffusion.on_grid(np.ones((30, 31, 32)))
    start = np.zeros((1, box.n))
    start[0, box.n // 2] = 1
    assert float(box.solve(start, [1.0], 0.5, 0.0, "diffusion").sum()) == pytest.approx(1)
    large = np.ones((64, 64, 64), dtype=bool)
    large[0, 0, 0] = False
    with pytest.raises(ValueError, match="mask has 262143 pixels; expected at most 20000"):
        grid_laplacian(large)


@pytest.mark.parametrize(
    "kind", [bool, np.uint8, np.int64, np.float32, np.float64, object, list, torch.tensor, pd.DataFrame]
)
def test_zeros_and_ones_of_any_type_are_a_mask(kind):
    shape = [[1, 1, 0], [1, 0, 0]]
    mask = np.array(shape, dtype=kind) if isinstance(kind, type) and kind not in (list, pd.DataFrame) else kind(shape)
    assert grid_laplacian(mask).tolist() == [[2, -1, -1], [-1, 1, 0], [-1, 0, 1]]
    assert ReactionDiffusion.on_grid(mask).n == 3


def test_what_is_masked_takes_no_part():
    """It did, if the masked array was boolean."""
    masked = np.ma.masked_array(np.ones((4, 4), bool), np.eye(4) > 0)
    assert ReactionDiffusion.on_grid(masked).n == 12
    np.testing.assert_array_equal(grid_laplacian(masked), grid_laplacian(np.eye(4) == 0))
    with pytest.raises(ValueError, match="mask: 4 of 16 values are not finite"):
        grid_laplacian(masked.astype(int))


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ([[0, 255], [255, 255]], "mask holds 255; expected True and False, or 1 and 0"),
        ([[0, 2], [1, 3]], "mask holds 2"),
        ([[0.5, 1.0]], "mask holds 0.5"),
        ([[-1, 1]], "mask holds -1"),
        ([[np.nan, 1.0]], "mask: 1 of 2 values are not finite"),
        (np.zeros((3, 4)), r"shape \(3, 4\) with 0 pixels"),
        ([], "with 0 pixels"),
        (np.zeros((2, 0, 3)), "with 0 pixels"),
        (True, r"shape \(\)"),
    ],
)
def test_what_is_no_mask(mask, words):
    for use in (grid_laplacian, ReactionDiffusion.on_grid):
        with pytest.raises(ValueError, match=words):
            use(mask)
    for use in (grid_laplacian, ReactionDiffusion.on_grid):
        for other in ("mask", None, [["a"]], [[1, 1], [1]]):
            with pytest.raises(TypeError, match="mask"):
                use(other)


def test_parts_that_do_not_touch_keep_to_themselves():
    mask = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]])
    states = ReactionDiffusion.on_grid(mask).solve([[1, 0, 0, 0, 0, 0]], [50.0], 1.0, 0.0, "diffusion")[0, 0]
    np.testing.assert_allclose(states, [1 / 3, 1 / 3, 0, 1 / 3, 0, 0], atol=1e-9)


def test_refinement_refuses_what_is_no_state():
    solver = ReactionDiffusion(TWO)
    values = torch.tensor([[[0.9, 0.1], [0.7, 0.3]]])
    times, z = torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2)
    for u0 in (torch.tensor([[90.0, 10.0]]), torch.tensor([[torch.nan, 0.1]])):
        visits = Visits(values, torch.ones_like(values), times, u0)
        with pytest.raises(ValueError, match="u0 at"):
            refine(solver, "logistic", visits, z, None, 4, 4, False)


def test_checks_cost_next_to_nothing():
    """`advance`, which training calls, checks nothing; at the door `solve` may cost little more."""
    cohort = xsg.load_spread("disc", n_train=32, n_validation=0, n_test=0)
    solver = ReactionDiffusion(cohort.laplacian)
    u0 = torch.tensor(cohort.truth.initial, dtype=torch.float32).expand(32, -1).clone()
    given = solver.checked(u0, [6.0, 24.0], 0.3, 0.05, "logistic", 4)

    def least(work):
        took = []
        for _ in range(15):
            started = time.process_time()
            work()
            took.append(time.process_time() - started)
        return min(took)

    bare = least(lambda: solver.advance(*given))
    assert least(lambda: solver.solve(u0, [6.0, 24.0], 0.3, 0.05, "logistic", 4)) < 1.5 * bare
