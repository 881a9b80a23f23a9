"""The equations across scales: derivatives against differences, reading between moments, the terms of the loss."""

import numpy as np
import pytest
import torch

from xsg.across.joint_model import Seen, at, climb, curves, predict, rates, terms, unknowns
from xsg.spread.physics import ReactionDiffusion


@pytest.fixture
def world():
    """7 regions, 2 programs, a weighted ring."""
    rng = np.random.default_rng(0)
    weights = np.zeros((7, 7))
    weights[np.arange(7), (np.arange(7) + 1) % 7] = rng.uniform(0.5, 1.5, 7)
    weights = weights + weights.T
    solver = ReactionDiffusion((np.diag(weights.sum(1)) - weights) / weights.sum(1).mean())
    u0 = torch.zeros(1, 7, dtype=torch.float64)
    u0[0, 2] = 1
    programs = torch.tensor(rng.standard_normal((7, 2)))
    return solver, u0, programs, torch.linspace(0, 12, 25, dtype=torch.float64)


def copies(count=3, seed=1):
    z = torch.tensor([np.log(0.2), np.log(0.5), 0.3, -0.2, 0.1, 0.2, 0.1, 0.05, np.log(0.1), 0.0, 0.02])
    return z + 0.1 * torch.randn(count, len(z), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_names_are_in_the_order_of_the_unknowns(world):
    names = unknowns(["A", "B"])
    assert len(names) == copies().shape[1]
    z = copies(4)
    d, r, c = rates(z, world[2])
    assert d.shape == (4,)
    assert r.shape == c.shape == (4, 7)
    z[:, names.index("rate B")] += 1.0
    torch.testing.assert_close(rates(z, world[2])[1], r * world[2][:, 1].exp())
    z[:, names.index("capacity A")] += 1.0
    torch.testing.assert_close(rates(z, world[2])[2], c * world[2][:, 0].exp())


def test_derivatives_of_the_curves_are_those_of_differences(world):
    solver, u0, programs, clock = world
    z = copies()
    found = curves(solver, u0, clock, z, programs)
    assert found.u.shape == (3, 25, 7)
    assert found.u_by.shape == (3, 6, 25, 7)
    step = 1e-6
    for k in range(6):
        ends = []
        for sign in (1, -1):
            moved = z.clone()
            moved[:, k] += sign * step
            ends.append(curves(solver, u0, clock, moved, programs, slopes=False))
        for which, by in (("u", found.u_by), ("a", found.a_by)):
            difference = (getattr(ends[0], which) - getattr(ends[1], which)) / (2 * step)
            torch.testing.assert_close(by[:, k], difference, rtol=1e-5, atol=1e-7)


def test_a_copy_does_not_depend_on_those_beside_it(world):
    solver, u0, programs, clock = world
    together, alone = (curves(solver, u0, clock, z, programs) for z in (copies(), copies()[1:2]))
    torch.testing.assert_close(together.u_by[1:2], alone.u_by, rtol=0, atol=1e-12)


def test_the_burden_adds_up_to_what_an_integrator_finds(world):
    solver, u0, programs, clock = world
    z = copies(2)
    fine = torch.linspace(0, 12, 2401, dtype=torch.float64)
    coarse, exact = (curves(solver, u0, each, z, programs, slopes=False) for each in (clock, fine))
    assert (coarse.u - exact.u[:, ::100]).abs().max() < 5e-3
    assert (coarse.a - exact.a[:, ::100]).abs().max() < 2e-2


def test_reading_between_moments():
    clock = torch.linspace(0, 3, 7, dtype=torch.float64)
    values = torch.stack([clock, clock**2], 1)[None]  # (1, 7, 2)
    x = torch.tensor([[0.5, 1.3, 2.2]], dtype=torch.float64)
    value, slope = at(clock, values, x)
    torch.testing.assert_close(value[0], torch.stack([x[0], x[0] ** 2], 1))
    torch.testing.assert_close(slope[0], torch.stack([torch.ones(3, dtype=x.dtype), 2 * x[0]], 1))
    many, _ = at(clock, values[:, None].expand(1, 4, 7, 2), x)
    assert many.shape == (1, 4, 3, 2)
    end, _ = at(clock, values, torch.tensor([[3.0, 4.0]], dtype=torch.float64))
    torch.testing.assert_close(end[0, :, 0], torch.tensor([3.0, 3.0], dtype=x.dtype))  # beyond the clock: its end


def cohort(world, z, shift, noise=0.01):
    """9 visits of 4 subjects, as the equations say."""
    solver, u0, programs, clock = world
    subject = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3, 3])
    years = torch.tensor([0, 1.0, 2.5, 0, 2.0, 0, 1.0, 0, 3.0], dtype=torch.float64)
    expected = predict(curves(solver, u0, clock, z, programs, False), z, shift[:, subject] + years, years, True)
    generator = torch.Generator().manual_seed(5)
    noisy = [each + noise * torch.randn(each.shape, generator=generator, dtype=each.dtype) for each in expected]
    one = torch.ones_like(noisy[0])
    return Seen(noisy[0], one, noisy[1], one, subject, years)


def test_the_climb_finds_what_was_put_in(world):
    solver, u0, programs, clock = world
    truth = copies(1)
    shift = torch.tensor([[2.0, 4.0, 6.5, 8.0]], dtype=torch.float64)
    seen = cohort(world, truth, shift, noise=1e-4)
    flat = torch.zeros_like(truth), torch.full_like(truth, 1e-6)
    flat_shift = torch.zeros_like(shift), torch.full_like(shift, 1e-6)
    start, prior = {"z": truth + 0.2, "shift": shift + 0.5}, {"prior": flat, "prior_shift": flat_shift}
    found = climb(solver, u0, clock, programs, seen, **start, **prior, accumulate=True, iterations=60)
    torch.testing.assert_close(found.z, truth, rtol=0, atol=0.02)
    torch.testing.assert_close(found.shift, shift, rtol=0, atol=0.02)
    total = found.history.sum(-1)[:, 0]
    assert (total.diff() <= 1e-9).all()  # never down hill
    assert torch.stack(found.terms).sum(0).item() == pytest.approx(float(total[-1]))


def test_an_unknown_of_endless_precision_stays(world):
    solver, u0, programs, clock = world
    truth = copies(1)
    shift = torch.tensor([[2.0, 4.0, 6.5, 8.0]], dtype=torch.float64)
    precision = torch.ones_like(truth)
    precision[0, 3] = torch.inf
    prior = {"prior": (truth.clone() + 0.7, precision), "prior_shift": (shift, torch.ones_like(shift))}
    seen = cohort(world, truth, shift)
    found = climb(solver, u0, clock, programs, seen, z=truth, shift=shift, **prior, accumulate=True, iterations=5)
    assert found.z[0, 3] == truth[0, 3] + 0.7
    assert (found.covariance[0, 3] == 0).all()
    assert (found.covariance[0].diagonal()[[0, 1, 2, 4]] > 0).all()


def test_the_covariance_is_the_inverse_of_the_curvature(world):
    """Against second differences of the loss, with the shifts profiled out by hand."""
    solver, u0, programs, clock = world
    truth = copies(1)
    shift = torch.tensor([[2.0, 4.0, 6.5, 8.0]], dtype=torch.float64)
    seen = cohort(world, truth, shift, noise=0.003)
    prior, prior_shift = (torch.zeros_like(truth), torch.ones_like(truth)), (shift, 0.1 * torch.ones_like(shift))
    given = {"z": truth, "shift": shift, "prior": prior, "prior_shift": prior_shift}
    found = climb(solver, u0, clock, programs, seen, **given, accumulate=True, iterations=60)

    def loss(both):
        z, tau = both[:, : truth.shape[1]], both[:, truth.shape[1] :]
        expected = predict(
            curves(solver, u0, clock, z, programs, False), z, tau[:, seen.subject] + seen.years, seen.years, True
        )
        missed = type(expected)(seen.tau - expected.tau, seen.thinning - expected.thinning)
        return torch.stack(terms(missed, seen, z, tau, prior, prior_shift)).sum(0)[0]

    both, step = torch.cat([found.z, found.shift], 1), 1e-3
    size = both.shape[1]
    eye = step * torch.eye(size, dtype=both.dtype)
    curvature = torch.zeros(size, size, dtype=both.dtype)
    for i in range(size):
        for j in range(i + 1):
            corners = [loss(both + a * eye[i] + b * eye[j]) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            curvature[i, j] = curvature[j, i] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step**2)
    expected = torch.linalg.inv(curvature)
    sd = expected.diagonal().sqrt()
    k = truth.shape[1]
    torch.testing.assert_close(
        found.covariance[0].diagonal().sqrt(), sd[:k], rtol=0.25, atol=0
    )  # 126 values: RSS varies too
    torch.testing.assert_close(found.shift_sd[0], sd[k:], rtol=0.25, atol=0)  # 126 values: RSS varies too
