"""The solver against closed forms, its own order, another solver, and what physics forbids."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.special import ive

from xsg.spread.physics import LAWS, ReactionDiffusion, grid_laplacian

GROWTH = [law for law in LAWS if law != "diffusion"]


@pytest.fixture
def connectome():
    """A weighted, connected graph over 7 regions."""
    rng = np.random.default_rng(0)
    weights = np.triu(rng.uniform(0.1, 1, (7, 7)) * (rng.random((7, 7)) < 0.6), 1)
    weights[np.arange(6), np.arange(1, 7)] = 0.5
    weights = weights + weights.T
    return ReactionDiffusion(np.diag(weights.sum(1)) - weights)


def subjects(n, count=9, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    u0 = torch.rand(count, n, generator=generator, dtype=torch.float64) ** 3
    d = 0.05 + torch.rand(count, generator=generator, dtype=torch.float64)
    r = 0.05 + torch.rand(count, generator=generator, dtype=torch.float64)
    return u0, d, r


def test_diffusion_is_the_matrix_exponential(connectome):
    u0, d, _ = subjects(7)
    way = connectome._diffusion
    laplacian = way.vectors @ torch.diag(way.values) @ way.vectors.T
    found = connectome.solve(u0, [0.0, 0.7, 2.5], d, 1.0, "diffusion")
    for column, time in enumerate((0.0, 0.7, 2.5)):
        for subject in range(9):
            expected = torch.linalg.matrix_exp(-d[subject] * time * laplacian) @ u0[subject]
            torch.testing.assert_close(found[subject, column], expected, rtol=0, atol=1e-12)


def test_mass_is_conserved_without_reaction():
    mask = np.ones((5, 6), dtype=bool)
    mask[0, 0] = mask[4, 2:] = False
    for solver in (ReactionDiffusion.on_grid(mask), ReactionDiffusion.on_grid(np.ones((5, 6), dtype=bool))):
        u0, d, _ = subjects(solver.n)
        mass = solver.solve(u0, [1.0, 30.0], d, 0.0, "diffusion").sum(-1)
        torch.testing.assert_close(mass, u0.sum(-1, keepdim=True).expand(-1, 2), rtol=1e-12, atol=0)


def closed_form(law, u, rt):
    """Reaction alone: t(u) in closed form, inverted by bisection in numpy."""
    primitive = {
        "logistic": lambda v: np.log(v / (1 - v)),
        "damped": lambda v: np.log(v / (1 - v)) + 1 / (1 - v),
        "cooperative": lambda v: np.log(v / (1 - v)) - 1 / v,
    }[law]
    low, high = np.full_like(u, 1e-12), np.full_like(u, 1 - 1e-12)
    target = primitive(u) + rt
    for _ in range(200):
        middle = (low + high) / 2
        below = primitive(middle) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low


@pytest.mark.parametrize("law", GROWTH)
def test_reaction_alone_is_exact_whatever_the_step(connectome, law):
    u0, _, r = subjects(7)
    u0 = 0.01 + 0.98 * u0
    for time in (0.3, 5.0, 40.0):
        found = connectome.solve(u0, [time], 0.0, r, law, steps=1)[:, 0]
        expected = closed_form(law, u0.numpy(), (r * time).numpy()[:, None])
        np.testing.assert_allclose(found, expected, atol=2e-9)


def test_a_uniform_state_grows_by_the_logistic_curve(connectome):
    u0, time, r = 0.02, 3.0, 1.3
    found = connectome.solve(torch.full((1, 7), u0, dtype=torch.float64), [time], 0.8, r, "logistic", steps=3)
    np.testing.assert_allclose(found[0, 0], 1 / (1 + (1 / u0 - 1) * np.exp(-r * time)), rtol=1e-12)


@pytest.mark.parametrize("law", GROWTH)
def test_the_error_falls_with_the_square_of_the_step(connectome, law):
    u0, d, r = subjects(7)
    exact = connectome.solve(u0, [2.0], d, r, law, steps=1000)
    errors = [(connectome.solve(u0, [2.0], d, r, law, steps=s) - exact).abs().max() for s in (16, 32, 64)]
    orders = [float(torch.log2(first / second)) for first, second in pairwise(errors)]
    assert all(1.8 < order < 2.2 for order in orders), orders


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("whole", [True, False])
def test_gradients(law, whole):
    mask = np.ones((2, 3), dtype=bool)
    mask[0, 0] = whole
    solver = ReactionDiffusion.on_grid(mask)
    u0, d, r = (value.requires_grad_() for value in subjects(solver.n, count=2))
    times = torch.tensor([[0.5, 2.0], [1.0, 1.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda *values: solver.solve(values[0], times, *values[1:], law, steps=3),
        (u0, d, r),
        check_forward_ad=True,
    )


def test_gradients_of_a_law_without_closed_form(connectome):
    u0, d, r = (value.requires_grad_() for value in subjects(7, count=2))
    assert torch.autograd.gradcheck(
        lambda *values: connectome.solve(values[0], [0.5, 2.0], *values[1:], lambda u: u**3 * (1 - u), steps=3),
        (u0, d, r),
    )


@pytest.mark.parametrize("law", GROWTH)
def test_a_law_given_as_a_function_is_the_law(connectome, law):
    u0, d, r = subjects(7)
    named = connectome.solve(u0, [1.0, 3.0], d, r, law)
    torch.testing.assert_close(connectome.solve(u0, [1.0, 3.0], d, r, LAWS[law].rate), named, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("law", LAWS)
def test_values_stay_between_zero_and_one(connectome, law, dtype):
    u0, d, r = (value.to(dtype) for value in subjects(7))
    u0[:, 0], u0[:, 1] = 0.0, 1.0
    for time, growth in ((1.0, 1.0), (400.0, 1.0), (1.0, 0.0), (300.0, 3.0)):
        found = connectome.solve(u0, [time], d, growth * r, law, steps=2)
        assert found.isfinite().all()
        assert 0 <= found.min() <= found.max() <= 1


def test_rectangle_and_mask_agree():
    whole = ReactionDiffusion.on_grid(np.ones((4, 5), dtype=bool))
    general = ReactionDiffusion(grid_laplacian(np.ones((4, 5), dtype=bool)))
    u0, d, r = subjects(20)
    for law in LAWS:
        first, second = (solver.solve(u0, [0.0, 1.0, 4.0], d, r, law) for solver in (whole, general))
        torch.testing.assert_close(first, second, rtol=0, atol=1e-12)


def test_nothing_grows_where_nothing_is():
    """float32 modes leave noise in far places, which growth makes a seed; heat kernels do not."""
    corner = torch.zeros(1, 24 * 24, dtype=torch.float64)
    corner[0, 0] = 1.0
    whole = np.ones((24, 24), dtype=bool)
    exact = ReactionDiffusion.on_grid(whole).solve(corner, [10.0], 0.1, 2.0, steps=40)
    kernels = ReactionDiffusion.on_grid(whole).solve(corner.float(), [10.0], 0.1, 2.0, steps=40)
    modes = ReactionDiffusion(grid_laplacian(whole)).solve(corner.float(), [10.0], 0.1, 2.0, steps=40)
    assert (kernels - exact).abs().max() < 1e-3
    assert (modes - exact).abs().max() > 0.1


def test_kernels_keep_what_is_small_exact():
    """Where no wave has come yet, growth finds the tail of diffusion, not rounding of 1e-17: of that e⁴⁰ made 0.9."""
    corner = torch.zeros(1, 24 * 24, dtype=torch.float64)
    corner[0, 0] = 1.0
    solver = ReactionDiffusion.on_grid(np.ones((24, 24), dtype=bool))
    far = [float(solver.solve(corner, [10.0], 0.1, rate, law, steps=40)[0, 0, -1]) for rate, law in
           ((0.0, "diffusion"), (4.0, "logistic"))]  # fmt: skip
    # On a line, exp(−Lt) has e^(−2t) I(23, 2t) at a distance of 23, and twice as much at its end.
    assert far[0] == pytest.approx((2 * ive(23, 2.0)) ** 2, rel=1e-6)
    assert 0 < far[1] < far[0] * np.exp(40)


def test_visit_times_of_each_subject(connectome):
    u0, d, r = subjects(7)
    times = torch.rand(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).cumsum(1)
    together = connectome.solve(u0, times, d, r, "damped", steps=300)
    for subject in (0, 8):
        one = slice(subject, subject + 1)
        alone = connectome.solve(u0[one], times[subject], d[one], r[one], "damped", steps=300)
        torch.testing.assert_close(together[one], alone, rtol=0, atol=1e-6)


def test_a_subject_does_not_depend_on_the_batch(connectome):
    u0, d, r = subjects(7)
    together = connectome.solve(u0, [1.0, 3.0], d, r)
    alone = connectome.solve(u0[4:5], [1.0, 3.0], d[4:5], r[4:5])
    torch.testing.assert_close(together[4:5], alone, rtol=0, atol=1e-14)


@pytest.mark.parametrize("law", GROWTH)
def test_agrees_with_torchdiffeq_at_tight_tolerance(connectome, law):
    odeint = pytest.importorskip("torchdiffeq").odeint
    u0, d, r = subjects(7)
    way = connectome._diffusion
    laplacian = way.vectors @ torch.diag(way.values) @ way.vectors.T

    def change(_, u):
        return -d[:, None] * (u @ laplacian) + r[:, None] * LAWS[law].rate(u)

    times = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    expected = odeint(change, u0, times, method="dopri5", rtol=1e-10, atol=1e-12).transpose(0, 1)
    torch.testing.assert_close(connectome.solve(u0, times, d, r, law, steps=600), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("law", LAWS)
def test_a_directed_network_agrees_with_an_integrator(law):
    weights = np.random.default_rng(3).random((7, 7))
    laplacian = np.diag(weights.sum(1)) - weights
    u0, d, r = subjects(7)
    found = ReactionDiffusion(laplacian, directed=True).solve(u0, [1.0, 3.0], d, r, law, steps=400)
    for row in range(len(u0)):

        def change(_, u, row=row):
            rate = LAWS[law].rate(torch.tensor(u)).numpy()
            return -float(d[row]) * laplacian @ u + float(r[row]) * rate

        expected = solve_ivp(change, (0, 3), u0[row].numpy(), t_eval=[1.0, 3.0], rtol=1e-9, atol=1e-11).y.T
        np.testing.assert_allclose(found[row], expected, atol=2e-5)


def test_a_directed_network_has_gradients_and_single_precision():
    weights = np.random.default_rng(3).random((7, 7))
    way = ReactionDiffusion(np.diag(weights.sum(1)) - weights, directed=True)
    u0, d, r = subjects(7)
    d, r = d[:3].requires_grad_(), r[:3].requires_grad_()
    assert torch.autograd.gradcheck(lambda *rates: way.solve(u0[:3], [1.0], *rates, steps=3), (d, r))
    single = way.solve(u0.float(), [1.0], 0.3, 0.5)
    torch.testing.assert_close(single.double(), way.solve(u0, [1.0], 0.3, 0.5), rtol=0, atol=1e-5)
    chain = np.diag(np.ones(6), -1)
    with pytest.raises(ValueError, match="eigenvectors of condition"):
        ReactionDiffusion(np.diag(chain.sum(1)) - chain, directed=True)


def test_a_minute_is_not_lost_on_what_cannot_be(connectome):
    u0, d, r = subjects(7)
    with pytest.raises(ValueError, match=r"u0 has shape \(7, 9\); expected \(subjects, 7\)"):
        connectome.solve(u0.T, [1.0], d, r)
    with pytest.raises(ValueError, match="times go back"):
        connectome.solve(u0, [2.0, 1.0], d, r)
    with pytest.raises(ValueError, match=r"times has shape \(7, 2\)"):
        connectome.solve(u0, torch.ones(7, 2), d, r)
    with pytest.raises(ValueError, match=r"D has shape \(7,\); expected one number or \(9,\)"):
        connectome.solve(u0, [1.0], torch.ones(7), r)
    with pytest.raises(ValueError, match="law 'gompertz' is unknown"):
        connectome.solve(u0, [1.0], d, r, "gompertz")
    with pytest.raises(ValueError, match="steps is 0"):
        connectome.solve(u0, [1.0], d, r, steps=0)
    with pytest.raises(ValueError, match="square matrix"):
        ReactionDiffusion(np.ones((2, 3)))
    for wrong, problem in (
        ([[1.0, -1.0], [0.0, 0.0]], "not symmetric"),
        ([[0.0, 1.0], [1.0, 0.0]], "positive off"),
        ([[2.0, -1.0], [-1.0, 2.0]], "sum of a row"),
        ([[np.nan, 0.0], [0.0, 0.0]], "not finite"),
    ):
        with pytest.raises(ValueError, match=problem):
            ReactionDiffusion(wrong)
    with pytest.raises(ValueError, match="with 0 pixels"):
        ReactionDiffusion.on_grid(np.zeros((3, 3)))


def by_place(count=9, n=7):
    generator = torch.Generator().manual_seed(2)
    r = 0.1 + torch.rand(count, n, generator=generator, dtype=torch.float64)
    return r, 0.3 + torch.rand(1, n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("law", GROWTH)
def test_a_rate_of_each_place_agrees_with_torchdiffeq(connectome, law):
    odeint = pytest.importorskip("torchdiffeq").odeint
    u0, d, _ = subjects(7)
    r, capacity = by_place()
    way = connectome._diffusion
    laplacian = way.vectors @ torch.diag(way.values) @ way.vectors.T
    times = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    for most in (None, capacity) if law == "logistic" else (None,):

        def change(_, u, most=most):
            return -d[:, None] * (u @ laplacian) + r * (LAWS[law].rate(u) if most is None else u * (1 - u / most))

        expected = odeint(change, u0, times, method="dopri5", rtol=1e-10, atol=1e-12).transpose(0, 1)
        found = connectome.solve(u0, times, d, r, law, steps=600, capacity=most)
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


def test_equal_rates_and_a_capacity_of_one_change_nothing(connectome):
    u0, d, r = subjects(7)
    expected = connectome.solve(u0, [1.0, 3.0], d, r)
    same = connectome.solve(u0, [1.0, 3.0], d, r[:, None].expand(-1, 7))
    torch.testing.assert_close(same, expected, rtol=0, atol=1e-14)
    full = connectome.solve(u0, [1.0, 3.0], d, r, capacity=torch.ones(1, 7))
    torch.testing.assert_close(full, expected, rtol=0, atol=1e-12)


def test_in_the_end_every_place_holds_its_capacity(connectome):
    u0, _, _ = subjects(7)
    r, capacity = by_place()
    found = connectome.solve(u0 + 0.01, [500.0], 0.0, r, capacity=capacity, steps=1)[:, 0]
    torch.testing.assert_close(found, capacity.expand(9, -1), rtol=1e-9, atol=0)


def test_gradients_by_place(connectome):
    u0, d, _ = subjects(7, count=2)
    r, capacity = by_place(2)
    values = [value.requires_grad_() for value in (u0, d, r, capacity)]
    for some in (3, 4):  # the last one, the capacity, left out at first

        def solve(u0, d, r, capacity=None):
            return connectome.solve(u0, [0.5, 2.0], d, r, steps=3, capacity=capacity)

        assert torch.autograd.gradcheck(solve, values[:some], check_forward_ad=True)
    one = r[:1].detach().requires_grad_()  # shared by the subjects
    assert torch.autograd.gradcheck(lambda r: connectome.solve(u0.detach(), [2.0], 0.3, r, steps=3), (one,))


def test_rates_and_capacities_that_do_not_fit(connectome):
    u0, d, r = subjects(7)
    with pytest.raises(ValueError, match=r"R has shape \(7, 9\); expected one number or \(9,\), or by place"):
        connectome.solve(u0, [1.0], d, torch.ones(7, 9))
    with pytest.raises(ValueError, match=r"D has shape \(9, 7\); expected one number or \(9,\)\."):
        connectome.solve(u0, [1.0], torch.ones(9, 7), r)
    for capacity, law in ((torch.ones(7), "logistic"), (torch.zeros(1, 7), "logistic"), (torch.ones(1, 7), "damped")):
        with pytest.raises(ValueError, match="capacity has shape"):
            connectome.solve(u0, [1.0], d, r, law, capacity=capacity)


def test_several_laws_side_by_side_are_each_by_itself(connectome):
    laws = ("damped", "diffusion", "logistic")
    u0, d, r = subjects(7, count=3)
    times = torch.tensor([[0.0, 6.0, 24.0], [0.0, 3.0, 9.0], [0.0, 6.0, 30.0]], dtype=torch.float64)
    d, r = (torch.stack([each, each + 0.1, each / 2]).requires_grad_() for each in (d, r))
    together = connectome.advance(u0.repeat(3, 1), times.repeat(3, 1), d.flatten(), r.flatten(), laws, 5)
    slopes = torch.autograd.grad(together.square().sum(), (d, r))
    apart = torch.cat([connectome.advance(u0, times, d[k], r[k], law, 5) for k, law in enumerate(laws)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-12)
    expected = torch.autograd.grad(apart.square().sum(), (d, r), materialize_grads=True)
    for slope, other in zip(slopes, expected, strict=True):
        torch.testing.assert_close(slope, other, rtol=1e-9, atol=1e-12)


def test_second_derivatives_are_refused_where_they_would_be_wrong(connectome):
    """They were 0, or lacked terms, without a word."""
    u0, d, r = subjects(7, count=2)
    products = ReactionDiffusion.on_grid(np.array([[1, 1, 1, 1], [1, 1, 1, 0]]), "products")
    ways = [(connectome, {}), (connectome, {"capacity": torch.ones(1, 7)}), (products, {"law": "diffusion"})]
    for solver, options in ways:
        with pytest.raises(RuntimeError, match=r"differentiable once.*Take differences"):
            torch.autograd.functional.hessian(
                lambda d, s=solver, o=options: s.solve(u0, [1.0, 2.0], d, r, **o).sum(), d
            )
    # The way out that the words name:
    step = 1e-4 * torch.eye(2, dtype=r.dtype)

    def total(r, law="logistic"):
        return connectome.solve(u0, [1.0], d, r, law, steps=20).sum()

    slope = torch.autograd.functional.jacobian(total, r)
    expected = torch.stack([(torch.autograd.functional.jacobian(total, r + h) - slope) / 1e-4 for h in step])
    found = torch.autograd.functional.hessian(lambda r: total(r, LAWS["logistic"].rate), r)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)


def test_times_are_not_differentiated(connectome):
    """Equal steps share what they cost, so that the first of them took the gradient of all."""
    u0, d, r = subjects(7)
    times = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    expected = connectome.solve(u0, times, d, r)
    with pytest.raises(ValueError, match=r"times require a gradient.*detach them"):
        connectome.solve(u0, times.clone().requires_grad_(), d, r)
    with torch.autograd.forward_ad.dual_level(), pytest.raises(ValueError, match="times require a gradient"):
        connectome.solve(u0, torch.autograd.forward_ad.make_dual(times, torch.ones_like(times)), d, r)
    found = connectome.solve(u0, times.clone().requires_grad_().detach(), d, r)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
