"""The mechanistic mixture's losses and refinement, against integrals, brute force and finite differences."""

import numpy as np
import pytest
import torch

from xsg.models.mechanistic import (
    ImageEncoder,
    MechanisticNet,
    ModesEncoder,
    Visits,
    kl_normal,
    log_marginal,
    log_normal_prior,
    mixture_loss,
    refine,
    separate_loss,
)
from xsg.physics import ReactionDiffusion

LAWS = ("logistic", "cooperative")
PRIOR = (torch.tensor([-0.8, -3.0]), torch.tensor([0.5, 0.4]))


@pytest.fixture
def solver():
    weights = np.diag(np.full(10, 0.7), 1)  # a path of 11 places
    weights = weights + weights.T
    return ReactionDiffusion(np.diag(weights.sum(1)) - weights)


@pytest.fixture
def visits(solver):
    """9 subjects, 4 visits at times of their own, 11 places, logistic, D = 0.4, R = 0.08, noise 0.01, holes."""
    draw = torch.Generator().manual_seed(0)
    u0 = torch.zeros(9, 11)
    u0[:, 3:6] = torch.rand(9, 3, generator=draw)
    times = torch.rand(9, 4, generator=draw).cumsum(1) * 12
    times = times - times[:, :1]
    values = solver.solve(u0, times, 0.4, 0.08, "logistic", 40)
    values = values + 0.01 * torch.randn(values.shape, generator=draw) + 0.05
    valid = (torch.rand(values.shape, generator=draw) < 0.9).float()
    return Visits(values * valid, valid, times, u0)


def test_prior_has_the_moments_of_the_range():
    mean, sd = log_normal_prior(0.01, 0.1)
    assert np.exp(mean + sd**2 / 2) == pytest.approx(0.055)
    assert np.sqrt(np.expm1(sd**2)) * 0.055 == pytest.approx(0.0225)


def test_divergence_is_torchs():
    mean, log_sd = torch.randn(9, 2), torch.randn(9, 2)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, log_sd.exp()), normal(*PRIOR)).sum(-1)
    torch.testing.assert_close(kl_normal(mean, log_sd, *PRIOR), expected)


@pytest.mark.parametrize("background", [True, False])
def test_noise_and_background_are_integrated_out(background):
    values = torch.tensor([[[0.3, 0.5, 0.1], [0.6, 0.55, 0.2]]])
    guesses = torch.tensor([[[0.25, 0.4, 0.1], [0.5, 0.5, 0.1]], [[0.3, 0.3, 0.3], [0.4, 0.4, 0.4]]])
    visits = Visits(values, torch.ones_like(values), torch.zeros(1, 2), torch.zeros(1, 3))
    found = torch.cat([log_marginal(visits, guess[None], background) for guess in guesses])
    s = np.exp(np.linspace(np.log(1e-3), np.log(1e3), 4001))
    b = np.linspace(-15, 15, 20001)[:, None, None] if background else np.zeros((1, 1, 1))
    expected = []
    for guess in guesses.numpy():
        over_b = []
        for some in np.array_split(s, 40):
            squares = ((values.numpy().ravel() - guess.ravel() - b) ** 2).sum(-1)
            over_b.append((np.exp(-squares / (2 * some**2)) * some**-6.0).sum(0))
        expected.append(np.log(np.concatenate(over_b).sum()))  # d(log σ) = dσ/σ
    assert float(found[0] - found[1]) == pytest.approx(expected[0] - expected[1], abs=2e-3)


def nets(solver, with_law):
    modes = solver._diffusion.vectors[:, :5].float()
    torch.manual_seed(0)
    second = ModesEncoder(modes, 6) if with_law else None
    return MechanisticNet(ModesEncoder(modes, 6), second, 6, 2, PRIOR[0])


def test_separate_loss_is_each_laws_own(solver, visits):
    noise = torch.randn(9, 2, 2, generator=torch.Generator().manual_seed(1))
    net = nets(solver, with_law=False)
    terms = separate_loss(net, solver, LAWS, visits, noise, PRIOR, 4, True)
    assert list(terms) == ["misfit logistic", "kl logistic", "misfit cooperative", "kl cooperative"]
    mean, log_sd, log_q = net(visits)
    assert log_q is None
    z = mean[:, 1] + log_sd[:, 1].exp() * noise[:, 1]
    solved = solver.solve(visits.u0, visits.times, *z.exp().T, "cooperative", 4)
    torch.testing.assert_close(terms["misfit cooperative"], -log_marginal(visits, solved, True).mean())


def test_mixture_loss_is_the_papers(solver, visits):
    noise = torch.zeros(9, 2, 2)
    net = nets(solver, with_law=True)
    terms = mixture_loss(net, solver, LAWS, visits, noise, PRIOR, 4)
    mean, _, log_q = net(visits)
    likelihood = torch.stack(
        [
            (
                torch.distributions.Normal(
                    solver.solve(visits.u0, visits.times, *mean[:, k].exp().T, law, 4), (net.log_variance / 2).exp()
                ).log_prob(visits.values)
                * visits.valid
            ).sum((1, 2))
            for k, law in enumerate(LAWS)
        ],
        1,
    )
    expected = -torch.log((log_q.exp().double() * likelihood.double().exp()).sum(1)).mean()
    assert terms["reconstruction"].item() == pytest.approx(expected.item(), rel=1e-4)
    uniform = torch.distributions.Categorical(torch.ones(9, 2))
    laws = torch.distributions.kl_divergence(torch.distributions.Categorical(log_q.exp()), uniform)
    torch.testing.assert_close(terms["kl laws"], laws.mean())
    assert net.log_variance == -2


def test_refinement_finds_the_mode_and_its_curvature(solver, visits):
    start = PRIOR[0].expand(9, 2)
    found = refine(solver, "logistic", visits, start, PRIOR, 30, 10, True)
    exact = Visits(*(part.double() for part in visits))

    def height(z):
        fit = log_marginal(exact, solver.solve(exact.u0, exact.times, *z.exp().T, "logistic", 10), True)
        return fit - 0.5 * (((z - PRIOR[0]) / PRIOR[1]) ** 2).sum(1)

    z = found.z.double()
    assert (torch.exp(z) - torch.tensor([0.4, 0.08])).abs().median() < 0.02
    best = height(z)
    for step in ([0.05, 0], [-0.05, 0], [0, 0.05], [0, -0.05], [0.03, 0.03]):
        assert (height(z + torch.tensor(step, dtype=torch.float64)) < best).all()
    # Curvature along each axis: Gauss and Newton's leaves out what vanishes with the misfit.
    h = 1e-3
    for axis in range(2):
        step = h * torch.eye(2, dtype=torch.float64)[axis]
        second = -(height(z + step) - 2 * best + height(z - step)) / h**2
        precision = torch.linalg.inv(found.covariance.double())[:, axis, axis]
        assert ((precision / second - 1).abs() < 0.2).all()


def test_what_was_not_measured_does_not_matter(solver, visits):
    start = PRIOR[0].expand(9, 2)
    changed = visits._replace(values=visits.values + 0.7 * (1 - visits.valid))
    for law in (*LAWS, "diffusion"):
        first, second = (refine(solver, law, some, start, PRIOR, 5, 6, True) for some in (visits, changed))
        torch.testing.assert_close(first.z, second.z, rtol=0, atol=1e-4)


def test_diffusion_leaves_the_reaction_rate_to_the_prior(solver, visits):
    found = refine(solver, "diffusion", visits, torch.zeros(9, 2), PRIOR, 5, 6, True)
    torch.testing.assert_close(found.z[:, 1], PRIOR[0][1].expand(9))
    torch.testing.assert_close(found.covariance[:, 1, 1], PRIOR[1][1].square().expand(9))


def test_the_papers_encoder_has_the_papers_shape():
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[4:20, 3:9] = True
    encoder = ImageEncoder(mask)
    n = int(mask.sum())
    visits = Visits(torch.rand(5, 3, n), torch.ones(5, 3, n), torch.rand(5, 3), torch.rand(5, n))
    assert encoder(visits).shape == (5, 32)
    shapes = [tuple(layer.weight.shape[:2]) for layer in encoder.frame if isinstance(layer, torch.nn.Conv2d)]
    assert shapes == [(8, 1), (16, 8), (32, 16)]
    assert (encoder.recurrent.input_size, encoder.recurrent.num_layers) == (33, 2)
