"""Diffusion by sparse products: against the modes, dense matrices, and what physics forbids; subjects' own places."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from xsg.spread.laplacian import DENSE_UP_TO
from xsg.spread.physics import LAWS, ReactionDiffusion, grid_laplacian, sparse_grid_laplacian
from xsg.spread.products import Products, _rows

TIMES = [0.0, 1.5, 7.0]


def subjects(n, count=9, dtype=torch.float64, largest=1.0):
    generator = torch.Generator().manual_seed(0)
    u0 = torch.rand(count, n, generator=generator, dtype=torch.float64) ** 3
    d = largest * torch.rand(count, generator=generator, dtype=torch.float64)
    r = 0.5 * torch.rand(count, generator=generator, dtype=torch.float64)
    return u0.to(dtype), d.to(dtype), r.to(dtype)


@pytest.fixture(scope="module")
def blob():
    mask = np.random.default_rng(0).random((7, 8, 9)) < 0.8
    return [ReactionDiffusion.on_grid(mask, method) for method in ("modes", "products")]


@pytest.mark.parametrize("largest", [0.5, 30.0])  # with few terms, and by Chebyshev polynomials
@pytest.mark.parametrize("law", LAWS)
def test_agrees_with_the_modes(blob, law, largest):
    modes, products = blob
    u0, d, r = subjects(modes.n, largest=largest)
    exact = modes.solve(u0, TIMES, d, r, law)
    torch.testing.assert_close(products.solve(u0, TIMES, d, r, law), exact, rtol=0, atol=1e-13)
    single = [(each.solve(u0.float(), TIMES, d, r, law) - exact).abs().max() for each in (modes, products)]
    assert single[1] < max(single[0], 5e-6), single


@pytest.mark.parametrize("largest", [0.5, 30.0])
def test_gradients_both_ways_on_a_batch_and_with_places_of_their_own(largest):
    solver = ReactionDiffusion.on_grid(np.array([[1, 1], [0, 1]]), "products")
    u0, d, r = (each.requires_grad_() for each in subjects(3, 2, largest=largest))
    times = torch.tensor([[0.5, 2.0], [1.0, 1.5]], dtype=torch.float64)
    for inside in (None, [[1, 1, 0], [0, 1, 1]]):

        def solve(u0, d, r, inside=inside):
            return solver.solve(u0, times, d, r, steps=2, inside=inside)

        assert torch.autograd.gradcheck(solve, (u0, d, r), check_forward_ad=True)
        assert torch.autograd.gradcheck(
            lambda u0, d, r, solve=solve: solve(u0, d[0], r), (u0, d, r), check_forward_ad=True
        )


def test_a_directed_network_agrees_with_the_matrix_exponential():
    rng = np.random.default_rng(0)
    weights = rng.random((7, 7)) * (rng.random((7, 7)) < 0.5) * (1 - np.eye(7))
    laplacian = np.diag(weights.sum(1)) - weights
    solver = ReactionDiffusion(laplacian, directed=True, method="products")
    u0, d, _ = subjects(7, largest=20.0)
    found = solver.solve(u0, [3.0], d, 0.0, "diffusion")[:, 0]
    for subject in range(9):
        right = torch.linalg.matrix_exp(-d[subject] * 3 * torch.tensor(laplacian)) @ u0[subject]
        torch.testing.assert_close(found[subject], right, rtol=0, atol=1e-13)
    u0, d, r = (each[:2].requires_grad_() for each in subjects(7))
    assert torch.autograd.gradcheck(lambda *given: solver.solve(given[0], [2.0], *given[1:], steps=2), (u0, d, r))
    chain = np.diag(np.ones(6), -1)  # which has no basis of eigenvectors
    chain = ReactionDiffusion(np.diag(chain.sum(1)) - chain, directed=True, method="products")
    first = chain.solve(u0.detach(), [2.0], d.detach(), 0.0, "diffusion")[:, 0, 0]  # which receives nothing
    torch.testing.assert_close(first, u0[:, 0].detach(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_comes_of_nothing_and_what_is_small_is_exact(dtype):
    """Modes leave 1e-8, 1e-17 in float64, where nothing can be yet, and growth makes a false seed of each."""
    line = np.ones(400)
    solver = ReactionDiffusion.on_grid(line, "products")
    u0 = torch.zeros(1, 400, dtype=dtype)
    u0[0, 0] = 1
    found = solver.solve(u0, [10.0], 0.3, 3.0, steps=40)
    assert (found >= 0).all()
    assert (found[0, 0, 300:] == 0).all()
    right = ReactionDiffusion.on_grid(line).solve(u0.double(), [10.0], 0.3, 3.0, steps=40)
    torch.testing.assert_close(found.double(), right, rtol=0, atol=2e-4 if dtype == torch.float32 else 1e-10)


@pytest.mark.parametrize("largest", [0.0, 0.5, 300.0])
def test_mass_stays_and_an_even_state_stays_even(blob, largest):
    _, products = blob
    u0, d, _ = subjects(products.n, dtype=torch.float32, largest=largest)
    u0[0] = 0.7
    found = products.solve(u0, [4.0], d, 0.0, "diffusion")[:, 0]
    torch.testing.assert_close(found.double().sum(1), u0.double().sum(1), rtol=1e-5, atol=0)
    torch.testing.assert_close(found[0], u0[0], rtol=1e-6, atol=0)


def test_a_subject_does_not_depend_on_the_batch(blob):
    _, products = blob
    u0, d, r = subjects(products.n, count=37)
    together = products.solve(u0, TIMES, d, r)
    alone = torch.cat([products.solve(u0[k : k + 1], TIMES, d[k : k + 1], r[k : k + 1]) for k in range(37)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-14)


def test_memory_does_not_grow_with_the_number_of_terms(blob):
    """What is kept for the way back: the same for 4 terms and for 400."""

    def kept(d):
        seen = []
        with torch.autograd.graph.saved_tensors_hooks(lambda each: seen.append(each.nbytes) or each, lambda each: each):
            u0, _, r = subjects(blob[1].n)
            rate = torch.full((9,), d, dtype=torch.float64, requires_grad=True)
            blob[1].solve(u0, TIMES, rate, r).sum().backward()
        return sum(seen)

    assert kept(1e-4) == kept(1e3)


def test_no_term_is_a_subnormal_number():
    """Of a point in a large image, most terms would be: it took five times as long."""
    step, least = Products._step, []

    class Watched(Products):
        def _step(self, *given):
            found = step(self, *given)
            values = found[found != 0].abs()
            least.append(float(values.min()))
            return found

    solver = ReactionDiffusion.on_grid(np.ones(3000), "products")
    solver._diffusion = Watched(sparse_grid_laplacian(np.ones(3000)))
    u0 = torch.zeros(1, 3000)
    u0[0, 0] = 1e-3
    solver.solve(u0, [10.0], 0.5, 0.01, steps=5)
    assert min(least) > torch.finfo(torch.float32).tiny


def test_a_solver_that_has_run_can_be_copied(blob):
    """torch has no copy of its sparse matrices."""
    u0, d, r = subjects(blob[1].n)
    right = blob[1].solve(u0, TIMES, d, r)
    twin = copy.deepcopy(blob[1])
    assert twin._diffusion is not blob[1]._diffusion
    assert twin._diffusion is twin._products
    torch.testing.assert_close(twin.solve(u0, TIMES, d, r), right, rtol=0, atol=0)
    inside = (u0 > 0.1).double()
    part = blob[1]._diffusion.within(inside)
    again = copy.deepcopy(part)
    right, found = (each.decay(d[:, None], torch.ones(1))(u0 * inside) for each in (part, again))
    torch.testing.assert_close(found, right, rtol=0, atol=0)


def test_what_would_take_minutes_and_gigabytes_is_refused():
    """A raw error asked for 65 GB; a million jumps took a minute."""
    laplacian = np.array([[1.0, -1.0, 0.0], [0.0, 2.0, -2.0], [0.0, 0.0, 0.0]])
    directed = ReactionDiffusion(laplacian, directed=True, method="products")
    words = (
        r"D = 1e\+0?7 over a time of 1.5, with a largest degree of 2, would take 3e\+07 .*most 1e\+06.*method='modes'"
    )
    with pytest.raises(ValueError, match=words):
        directed.solve(np.eye(3), [[1.5], [1.0], [0.5]], [0.1, 1.0, 1e7][::-1], 0.0, "diffusion")
    with pytest.raises(ValueError, match=r"D = 1e\+300.*method='modes'"):
        ReactionDiffusion.on_grid(np.ones(3), "products").solve(np.eye(3), [1.0], 1e300, 0.0)
    long = ReactionDiffusion.on_grid(np.ones(3), "products").solve(np.eye(3), [1.0], 1e6, 0.0)
    torch.testing.assert_close(long, torch.full_like(long, 1 / 3))


def test_weights_are_written_for_some_terms_at_a_time():
    """All of them at once, each for a tile of rows, took half a gigabyte for 15,000 jumps."""
    held = []
    for some in _rows(torch.rand(15_000, 16), 16, 256):
        held.append(some.untyped_storage().nbytes())
    assert len(held) == 15_000
    assert max(held) < 2**21


# ---- subjects' own places


def cut(mask, inside):
    """The Laplacian of one subject's own places, by hand."""
    laplacian = grid_laplacian(mask)
    weights = (np.diag(np.diag(laplacian)) - laplacian)[np.ix_(inside, inside)]
    return np.diag(weights.sum(1)) - weights


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("largest", [0.5, 30.0])
def test_each_subject_has_its_own_places(whole, largest):
    mask = np.ones((5, 6), dtype=bool)
    mask[0, 0] = whole
    solver = ReactionDiffusion.on_grid(mask)  # by kernels, and by modes: places of their own need products
    u0, d, r = subjects(solver.n, largest=largest)
    inside = np.random.default_rng(1).random(u0.shape) < 0.7
    u0[~torch.tensor(inside)] = torch.nan
    for law in LAWS:
        found = solver.solve(u0, TIMES, d, r, law, inside=inside)
        assert (found.movedim(1, 0)[:, ~torch.tensor(inside)] == 0).all()
        for k in range(9):
            alone = ReactionDiffusion(cut(mask, inside[k]))
            right = alone.solve(u0[k : k + 1, inside[k]], TIMES, d[k : k + 1], r[k : k + 1], law)
            torch.testing.assert_close(found[k : k + 1, :, inside[k]], right, rtol=0, atol=1e-12)


def test_places_of_their_own_lose_nothing_and_all_places_change_nothing(blob):
    modes, products = blob
    u0, d, r = subjects(modes.n)
    everywhere = modes.solve(u0, TIMES, d, r, inside=np.ones((1, modes.n)))
    torch.testing.assert_close(everywhere, products.solve(u0, TIMES, d, r), rtol=0, atol=1e-13)
    inside = torch.rand(u0.shape, generator=torch.Generator().manual_seed(1)) < 0.6
    mass = modes.solve(u0, TIMES, d, 0.0, "diffusion", inside=inside).sum(-1)
    torch.testing.assert_close(mass, (u0 * inside).sum(1, keepdim=True).expand(-1, 3), rtol=1e-12, atol=0)


def test_places_of_their_own_join_by_name():
    names = list("abc")
    table = pd.DataFrame(grid_laplacian(np.ones(3)), names, names)
    solver = ReactionDiffusion(table)
    inside = pd.DataFrame([[0.0, 1.0, 1.0]], columns=list("cba"))
    found = solver.solve([[1.0, 0.0, 1.0]], [50.0], 1.0, 0.0, "diffusion", inside=inside)[0, 0]
    np.testing.assert_allclose(found, [0.5, 0.5, 0.0], atol=1e-12)


@pytest.mark.parametrize("nothing", [np.nan, 0.0, np.inf, -1.0])
@pytest.mark.parametrize("rows", [9, 1])
def test_rates_and_capacities_count_only_where_a_place_is(nothing, rows):
    solver = ReactionDiffusion.on_grid(np.ones((5, 6)))
    u0, d, _ = subjects(30)
    inside = torch.rand(rows, 30, generator=torch.Generator().manual_seed(1)) < 0.7
    r = torch.rand(rows, 30, dtype=u0.dtype, generator=torch.Generator().manual_seed(2))
    holes = torch.where(inside, r, nothing).requires_grad_()
    most = torch.where(inside, 1 + r.detach(), nothing).requires_grad_()
    right = solver.solve(u0, TIMES, d, r, capacity=1 + r, inside=inside)
    found = solver.solve(u0, TIMES, d, holes, capacity=most, inside=inside)
    torch.testing.assert_close(found, right, rtol=0, atol=0)
    assert all(each.isfinite().all() for each in torch.autograd.grad(found.sum(), (holes, most)))
    torch.testing.assert_close(  # places that one subject has and another has not
        solver.solve(u0, TIMES, d, holes, inside=inside.expand(9, -1)),
        solver.solve(u0, TIMES, d, r, inside=inside.expand(9, -1)),
        rtol=0,
        atol=0,
    )
    inside = torch.ones_like(inside)
    if nothing:
        with pytest.raises(ValueError, match=r"R.*(not finite|at least 0)"):
            solver.solve(u0, TIMES, d, holes, inside=inside)
    with pytest.raises(ValueError, match="capacity has shape"):
        solver.solve(u0, TIMES, d, 0.1, capacity=most, inside=inside)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (np.ones((2, 30)), r"inside has shape \(2, 30\); expected \(9 or 1, 30\)"),
        (np.ones(30), r"inside has shape \(30,\)"),
        (np.full((9, 30), 2.0), "inside holds 2; expected True and False"),
        (np.full((9, 30), np.nan), "inside holds nan"),
        (np.r_[np.ones((4, 30)), np.zeros((5, 30))], "no place of subject 4"),
    ],
)
def test_what_says_not_who_takes_part(inside, words):
    solver = ReactionDiffusion.on_grid(np.ones((5, 6)))
    u0, d, r = subjects(30)
    with pytest.raises(ValueError, match=words):
        solver.solve(u0, [1.0], d, r, inside=inside)
    with pytest.raises(TypeError, match="inside"):
        solver.solve(u0, [1.0], d, r, inside="all")


# ---- which method, and what is a sparse Laplacian


def test_small_and_densely_joined_ones_stay_with_the_modes():
    few, many = np.ones(DENSE_UP_TO), np.ones(DENSE_UP_TO + 1)
    few[3] = many[3] = 0
    many = np.append(many, 1)
    assert not isinstance(ReactionDiffusion(sparse_grid_laplacian(np.ones(30)))._diffusion, Products)
    assert isinstance(ReactionDiffusion.on_grid(many)._diffusion, Products)
    assert isinstance(ReactionDiffusion(sparse_grid_laplacian(many))._diffusion, Products)
    with pytest.raises(ValueError, match="method 'krylov' is unknown"):
        ReactionDiffusion.on_grid(few, "krylov")
    with pytest.raises(ValueError, match="method 'krylov' is unknown"):
        ReactionDiffusion(np.zeros((2, 2)), method="krylov")


def chain(n):
    return sparse_grid_laplacian(np.ones(n))


def spoiled(i, j, value):
    matrix = chain(DENSE_UP_TO + 7).tolil()
    matrix[i, j] = value
    return matrix.tocsr()


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (spoiled(5, 6, np.nan), r"not finite, first at \[5, 6\] = nan.*Leave such places out"),
        (spoiled(5, 6, -3.0), r"not symmetric, first at \[5, 6\] = -3"),
        (spoiled(5, 5, 7.0), r"not zero in the sum of a row, first at \[5, 5\] = 7"),
        (-chain(DENSE_UP_TO + 7), r"positive off the diagonal, first at \[0, 1\] = 1"),
        (abs(chain(DENSE_UP_TO + 7)), "look like weights W"),
        (chain(DENSE_UP_TO + 7)[:90], r"shape \(90, 2007\); expected a square matrix"),
    ],
)
def test_what_is_no_sparse_laplacian(matrix, words):
    with pytest.raises(ValueError, match=words):
        ReactionDiffusion(matrix)
    with pytest.raises(TypeError, match="complex128"):
        ReactionDiffusion(chain(DENSE_UP_TO + 7).astype(complex))


@pytest.mark.parametrize(
    "kind",
    [
        sparse.csr_array,
        sparse.coo_matrix,
        sparse.lil_array,
        lambda matrix: matrix.astype(np.float32),
        lambda matrix: matrix.astype(np.int16),
        lambda matrix: torch.tensor(matrix.toarray()).to_sparse(),
        lambda matrix: torch.tensor(matrix.toarray()).to_sparse_csr(),
    ],
)
@pytest.mark.parametrize("n", [9, DENSE_UP_TO + 9])
def test_sparse_of_any_kind(kind, n):
    solver, right = ReactionDiffusion(kind(chain(n))), ReactionDiffusion(chain(n), method="products")
    u0, d, r = subjects(n, 3)
    found = solver.solve(u0, TIMES, d, r, steps=3)
    torch.testing.assert_close(found, right.solve(u0, TIMES, d, r, steps=3), rtol=0, atol=1e-12)


def test_a_place_by_itself_and_no_place_joined():
    alone = ReactionDiffusion(sparse.csr_array((DENSE_UP_TO + 9, DENSE_UP_TO + 9)))
    u0, d, r = subjects(alone.n, 2)
    found = alone.solve(u0, [2.0], d, r, "logistic")[:, 0]
    torch.testing.assert_close(found, u0 / (u0 + (1 - u0) * torch.exp(-2 * r[:, None])), rtol=0, atol=1e-12)


def test_what_is_not_finite_stays_so(blob):
    u0, d, r = subjects(blob[1].n, 2)
    d[0] = torch.nan
    found = blob[1].advance(u0, torch.tensor([1.0], dtype=u0.dtype), d, r, "logistic", 2)
    assert found[0].isnan().all()
