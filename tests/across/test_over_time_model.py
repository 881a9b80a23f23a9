"""Dynamic programs: the likelihood against a multivariate normal, its gradient, forecasts against conditioning."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from xsg.across.over_time_model import DynamicPrograms, Series


@pytest.fixture
def world():
    """7 regions, 2 programs, 9 visits of 4 subjects."""
    generator = torch.Generator().manual_seed(0)
    net = DynamicPrograms(7, 2, 10.0, 4.0)
    with torch.no_grad():
        net.raw_weights.add_(torch.randn(7, 2, generator=generator, dtype=torch.float64))
        net.log_sd.copy_(torch.tensor([0.2, 0.1, 0.15]).log())
    subject = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3, 3])
    years = torch.tensor([0, 1.0, 2.5, 0, 2.0, 0, 1.0, 0, 3.0], dtype=torch.float64)
    y = 0.3 * torch.randn(9, 7, generator=generator, dtype=torch.float64)
    return net, Series(y, years, subject, torch.bincount(subject).double())


SHIFT = torch.tensor([3.0, 8.0, 11.0, 15.0], dtype=torch.float64)


def covariance(net, visits):
    """Of the values of one subject, visit by visit, 7 regions each."""
    omega, sigma, gamma = net.log_sd.exp().tolist()
    regions = np.kron(np.ones((visits, visits)), np.eye(7))
    return sigma**2 * np.eye(7 * visits) + omega**2 * regions + gamma**2


def test_the_likelihood_is_a_multivariate_normal(world):
    net, series = world
    with torch.no_grad():
        found = net.log_likelihood(series, SHIFT)
        for s in range(4):
            rows = series.subject == s
            mean = net(SHIFT[s] + series.years[rows]).numpy()
            v = int(rows.sum())
            expected = multivariate_normal(mean.ravel(), covariance(net, v)).logpdf(series.y[rows].numpy().ravel())
            assert found[s].item() == pytest.approx(expected + 7 * v / 2 * np.log(2 * np.pi))


def test_many_shifts_at_once(world):
    net, series = world
    both = torch.stack([SHIFT, SHIFT + 1])
    together = net.log_likelihood(series, both)
    assert together.shape == (2, 4)
    torch.testing.assert_close(together[1], net.log_likelihood(series, SHIFT + 1))


def test_gradient_of_the_loss(world):
    net, series = world
    names = [name for name, _ in net.named_parameters()]

    def loss(shift, *values):
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(_Loss(net, series), {f"net.{k}": v for k, v in given.items()}, (shift,))

    values = [each.detach().clone().requires_grad_() for each in net.parameters()]
    assert torch.autograd.gradcheck(loss, (SHIFT.clone().requires_grad_(), *values))


class _Loss(torch.nn.Module):
    def __init__(self, net, series):
        super().__init__()
        self.net, self.series = net, series

    def forward(self, shift):
        return sum(self.net.terms(self.series, shift, (10.0, 5.0)).values())


def test_terms_are_named(world):
    net, series = world
    terms = net.terms(series, SHIFT, (9.5, 2.0))
    assert list(terms) == ["misfit", "prior_shift", "prior_maps", "prior_time"]
    assert terms["prior_shift"].item() == pytest.approx(0.5 * (((SHIFT - 9.5) / 2) ** 2).sum().item())


def test_a_forecast_at_a_known_shift_is_the_conditional_normal(world):
    net, series = world
    grid = torch.tensor([8.0, 12.0], dtype=torch.float64)
    weight = torch.tensor([[1.0, 0.0]] * 4, dtype=torch.float64)
    with torch.no_grad():
        mean, variance = net.forecast(series, grid, weight, torch.tensor([4.0, 5.0]).double(), torch.tensor([0, 1]))
        for row, (s, at) in enumerate(((0, 4.0), (1, 5.0))):
            rows = series.subject == s
            v = int(rows.sum())
            both = covariance(net, v + 1)  # the visits seen, then the one to come
            seen, new = slice(0, 7 * v), slice(7 * v, None)
            gain = both[new, seen] @ np.linalg.inv(both[seen, seen])
            missed = (series.y[rows] - net(8.0 + series.years[rows])).numpy().ravel()
            np.testing.assert_allclose(mean[row], net(torch.tensor(8.0 + at).double()).numpy() + gain @ missed)
            np.testing.assert_allclose(variance[row], np.diag(both[new, new] - gain @ both[seen, new]))
        mixed, wider = net.forecast(
            series, grid, 0.5 * torch.ones(4, 2).double(), torch.tensor([4.0]).double(), torch.tensor([0])
        )
        assert (wider > variance[0] - 1e-12).all()
        other, _ = net.forecast(series, grid, weight.flip(1), torch.tensor([4.0]).double(), torch.tensor([0]))
        torch.testing.assert_close(mixed, (mean[:1] + other) / 2)
