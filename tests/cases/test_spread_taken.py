"""What a cohort of spread and its models took without a word, and should join, refuse or tell."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import xsg
from xsg.spread import likeness
from xsg.spread.estimator import MechanisticMixture, UnlikeTrainingWarning, maximum_likelihood
from xsg.spread.laplacian import grid_laplacian
from xsg.spread.train import learn_initial
from xsg.spread.visits import make_solver

NONE = {"n_train": 0, "n_validation": 0}
TIMES = np.array([[0.0, 1.0], [0.0, 5.0], [2.0, 9.0]])


def cohort_of(**changes):
    given = {
        "name": "mine",
        "values": np.random.default_rng(0).random((3, 2, 4)),
        "times": TIMES,
        "subjects": list("abc"),
        "laplacian": grid_laplacian(np.ones((2, 2))),
        "places": list("wxyz"),
    }
    return xsg.Spread(**given | changes)


@pytest.fixture(scope="module")
def within():
    """Subjects with places of their own on a small grid."""
    mask = np.ones((5, 5), dtype=bool)
    plain = xsg.load_spread("disc", n_train=12, n_validation=0, n_test=4, noise=5)
    keep = np.flatnonzero(np.abs(np.argwhere(plain.mask) - 16).max(axis=1) < 3)
    inside = np.random.default_rng(1).random((16, 25)) > 0.1
    return replace(
        plain,
        values=plain.values[..., keep],
        mask=mask,
        laplacian=grid_laplacian(mask),
        places=pd.RangeIndex(25),
        inside=inside,
        truth=None,
    )


@pytest.fixture(scope="module")
def model(within):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MechanisticMixture(["logistic"], epochs=1, refine=2).fit(within.part("train"))


def test_the_oracle_counts_time_from_the_true_initial_state():
    cohort = xsg.load_spread("disc", **NONE, n_test=3, times=(6, 12, 24))
    found = maximum_likelihood(cohort)
    assert (found.law == cohort.truth.rates["law"]).all()
    np.testing.assert_allclose(found.rates()["R"], cohort.truth.rates["R"], rtol=0.05)
    np.testing.assert_allclose(found.states([6.0, 24.0]), cohort.truth.at([6.0, 24.0]), atol=0.01)


def test_a_full_mask_does_not_overrule_the_network():
    mask, start = np.ones((6, 6), dtype=bool), torch.rand(1, 36, generator=torch.Generator().manual_seed(0))
    own = grid_laplacian(mask)
    grid, four, matrix = (make_solver(*each) for each in ((own, mask), (4 * own, mask), (4 * own, None)))
    solved = [each.solve(start, [3.0], rate, 0.1) for each, rate in ((grid, 0.8), (four, 0.2), (matrix, 0.2))]
    torch.testing.assert_close(solved[1], solved[2], rtol=0, atol=0)
    torch.testing.assert_close(solved[0], solved[1], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "times",
    [
        pd.DataFrame(TIMES, list("abc")).iloc[::-1],
        pd.Series(TIMES.tolist(), list("abc")).iloc[::-1],
        pd.Series(list(TIMES), list("abc")).iloc[[1, 2, 0]],
    ],
)
def test_times_are_joined_to_subjects_by_name(times):
    np.testing.assert_array_equal(cohort_of(times=times).times, TIMES)


def test_times_of_others_are_refused_and_those_of_visits_taken():
    with pytest.raises(ValueError, match="times"):
        cohort_of(times=pd.DataFrame(TIMES, ["a", "b", "k"]))
    once = cohort_of(values=np.ones((3, 1, 4)), times=pd.Series([3.0, 2.0, 1.0], list("cba")))
    np.testing.assert_array_equal(once.times[:, 0], [1, 2, 3])
    for subjects in (list("abc"), range(3)):
        found = cohort_of(values=np.ones((3, 3, 4)), subjects=subjects, times=pd.Series([0.0, 1.0, 4.0]))
        np.testing.assert_array_equal(found.times, [[0, 1, 4]] * 3)


@pytest.mark.parametrize("changed", [{"d_range": (1.0, 9.0)}, {"r_range": (0.2, 0.9)}])
def test_a_prior_set_after_a_fit_needs_another_fit(within, model, changed):
    usual = {name: getattr(model, name) for name in changed}
    model.set_params(**changed)
    with pytest.raises(ValueError, match="Fit it again"):
        model.infer(within.part("test"))
    model.set_params(**usual)


def test_asked_without_places_of_their_own_it_is_told(within, model):
    bare = replace(within.part("test"), inside=None)
    counts = (~within.part("test").inside).sum(axis=1)
    with pytest.warns(UnlikeTrainingWarning, match="never measured, where those trained on had places of their own"):
        unlike = model.infer(bare).unlike
    assert all((f"{n} places never measured" in text) == (n > 0) for n, text in zip(counts, unlike, strict=True))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        unlike = model.infer(within.part("test")).unlike
    assert "never measured" not in " ".join([*unlike, *(str(each.message) for each in told)])


def test_validation_without_places_of_their_own_is_told(within):
    bare = replace(within.part("test"), inside=None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        MechanisticMixture(["logistic"], epochs=1, refine=0).fit(within.part("train"), validation=bare)
    assert any("places never measured" in str(each.message) for each in told)


def test_what_is_kept_of_training_says_whether_subjects_had_places_of_their_own(model, tmp_path):
    again = MechanisticMixture.load(model.save(tmp_path / "m.pt"))
    assert again.trained_on_["within"] is model.trained_on_["within"] is True


@pytest.mark.parametrize("shift", [1.0, -0.5, -1.0])
def test_a_background_of_either_sign_gives_the_same_initial_state(shift):
    cohort = xsg.load_spread("disc", n_train=40, n_validation=0, n_test=0, noise=5)
    values = torch.tensor(cohort.values)
    plain, moved = (learn_initial(each, torch.ones_like(each), True) for each in (values, values + shift))
    np.testing.assert_allclose(plain[1], moved[1], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"name": "disc", "smooth": 20}, "smooth means nothing for spread 'disc'"),
        ({"name": "disc", "voxel": 2}, "voxel means nothing for spread 'disc'"),
        ({"name": "disc", "network": "space"}, "network means nothing"),
        ({"name": "pet", "network": "nonsense"}, "network means nothing for spread 'pet'"),
        ({"name": "pet", "smooth": 8}, "no noise to smooth"),
        ({"name": "mouse-tau", "noise": 5}, "noise means nothing for spread 'mouse-tau'; what counts there: network"),
        ({"name": "mouse-lrrk2", "n_test": 5}, "n_test means nothing"),
        ({"name": "mouse-synuclein", "seed": 1}, "seed means nothing"),
        ({"name": "mouse-tau", "laws": ["logistic"]}, "laws means nothing"),
        ({"name": "mouse-tau", "times": [0, 1]}, "times means nothing"),
    ],
)
def test_options_that_mean_nothing_for_a_cohort_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        xsg.load_spread(**options)


def test_defaults_written_out_are_taken():
    plain = {"noise": None, "seed": 0, "laws": ["logistic", "damped", "cooperative"], "voxel": 8, "smooth": 0}
    assert len(xsg.load_spread("mouse-tau", **plain, network="space").subjects) == 14


def test_what_is_seen_where_a_subject_has_no_place_is_nan(within, model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.infer(within.part("test"))
    outside = ~within.part("test").inside
    for seen in (found.states([1.0, 6.0], seen=True), *found.extrapolate([1.0, 6.0], n=4, seen=True)):
        np.testing.assert_array_equal(np.isnan(seen), np.repeat(outside[:, None], 2, axis=1))
    assert np.isfinite(found.states([1.0])).all()


@pytest.mark.parametrize("name", [5, None])
def test_a_name_is_a_text(name):
    with pytest.raises(TypeError, match="name: expected a text"):
        cohort_of(name=name)


@pytest.mark.parametrize("path", [None, 3, "a\0.html"])
def test_a_report_goes_to_a_file_of_a_name(within, model, path):
    found = posterior(within, model)
    with pytest.raises((TypeError, ValueError), match="report: "):
        found.save(path)


def test_a_folder_that_is_not_there_is_told_before_a_page_is_made(within, model, monkeypatch, tmp_path):
    monkeypatch.setattr("xsg.spread.page.page", lambda _: pytest.fail("rendered for nothing"))
    with pytest.raises(ValueError, match="cannot write"):
        posterior(within, model).save(tmp_path / "nodir" / "r.html")


def posterior(within, model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.infer(within.part("test"))


def test_laws_and_parts_that_are_none():
    with pytest.raises(ValueError, match="law None is unknown"):
        maximum_likelihood(xsg.load_spread("disc", **NONE, n_test=1), laws=None)
    for which in ([7], [-4]):
        with pytest.raises(ValueError, match="spread 'mine': part"):
            cohort_of().part(np.array(which))
    assert list(cohort_of().part(np.array([-1, 0])).subjects) == ["c", "a"]


@pytest.mark.parametrize("gain", [1, "yes", None])
def test_a_gain_is_asked_for_in_its_own_words(within, gain):
    with pytest.raises(TypeError, match=r"expected True, False or its two ends, such as \(0.5, 2.0\)"):
        MechanisticMixture(gain=gain).fit(within)


@pytest.mark.parametrize("value", [0.5, 2, -1])
def test_inside_is_yes_or_no(value):
    with pytest.raises(ValueError, match="inside holds"):
        cohort_of(inside=np.full((3, 4), value))


def test_nothing_is_said_of_subjects_measured_everywhere():
    visits = likeness.Visits(torch.ones(2, 2, 3), torch.ones(2, 2, 3), torch.ones(2, 2), torch.ones(2, 3))
    assert likeness.unmeasured(visits) == {}
