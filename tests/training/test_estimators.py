"""One manner for all: what every estimator does when a fit fails, is cut short, saved, cloned, or asked too early.

A new family is one entry of FAMILIES. `tests/template_family` is the least that passes.
"""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

import xsg
from xsg.across import joint_model
from xsg.across.over_time_model import DynamicPrograms
from xsg.across.simulate_views import simulate_views
from xsg.across.views_model import MultiViewNet
from xsg.models.cross_scale import CrossScaleNet
from xsg.people.trajectories import Norm
from xsg.spatial.model import SpatialVAENet
from xsg.spread import train as mechanistic
from xsg.training.saved import read_model

spec = spec_from_file_location("template_family", Path(__file__).parents[1] / "template_family/estimator.py")
template = sys.modules["template_family"] = module_from_spec(spec)
spec.loader.exec_module(template)


@dataclass(frozen=True)
class Family:
    """A model, quick settings of it, what it is fitted to, a question, and where its loss is."""

    kind: type
    quick: dict
    data: Callable[[], tuple[tuple, dict]]  # arguments of fit
    ask: Callable  # (model, args, options) → table
    loss: tuple[object, str]  # owner, and name, of what gives the named terms
    odd: list[tuple[Callable, str]] = field(default_factory=list)  # (arguments of fit → others), message
    steps: int = 1  # of an epoch; 0: a second-order fit, which Ctrl-C always ends without a result
    rounding: float = 0.0  # of a loaded model's answers
    unlike_sklearn: dict[str, str] = field(default_factory=dict)  # check: why it does not apply

    def make(self, **changes):
        return self.kind(**{**self.quick, **changes})

    def fit(self, model=None, **changes):
        args, options = self.data()
        return (model or self.make(**changes)).fit(*args, **options)

    def answer(self, model) -> np.ndarray:
        args, options = self.data()
        return self.ask(model, args, options).to_numpy()


@cache
def cortex():
    found = xsg.load_cortex("simulated", n_genes=12)
    return (found.expression, found.thinning), {"graph": found.graph}


@cache
def template_data():
    return cortex()[0], {}


@cache
def voxels():
    brain = xsg.load_mouse("simulated", n_genes=21, step=4, geometry="drawn")
    return (brain.expression, brain.voxels), {"progress": False}


@cache
def spread():
    return (xsg.load_spread("disc", n_train=6, n_validation=0, n_test=0),), {}


@cache
def views():
    study = simulate_views()
    return (study.views, study.thinning), {"graph": study.graph}


@cache
def progression():
    found = xsg.simulate_progression(n_subjects=5, n_visits=2)
    return (found.programs, found.thinning, found.tau), {"graph": found.graph, "years": found.years}


@cache
def visits():
    cohort = xsg.simulate_trajectories(n_controls=10, n_patients=12)
    patients = cohort.part(cohort.subjects.index[cohort.subjects["group"] != "NC"])
    return (Norm.of(cohort).thinning(patients), patients.years), {}


def hole(table):
    """Put NaN into the first cell."""
    table = table.astype(float)
    table.iloc[(0,) * table.ndim] = np.nan
    return table


NET = {"latent": 3, "hidden": 8, "decoder": 5, "epochs": 6}
CHANGES_AT_INIT = "settings beside preset, seed and device are **changes of a preset, checked when they are given"
FAMILIES = [
    Family(
        xsg.CrossScaleVAE,
        NET,
        cortex,
        lambda model, args, _: model.predict(args[0]),
        (CrossScaleNet, "loss"),
        [
            (lambda x, y, **_: (hole(x), y), "expression: .*not finite"),
            (lambda x, y, **_: (x, hole(y)), "thinning: .*not finite"),
            (lambda x, y, **_: (x.iloc[1:], y), "thinning: .*unknown"),
            (lambda x, y, **_: (x.iloc[:1], y.iloc[:1]), "has the same value in every region"),
            (lambda x, y, **_: (x, y * 0), "nothing to predict"),
            (lambda x, y, **_: (x.iloc[:0], y), "expected some of each"),
        ],
    ),
    Family(
        xsg.SpatialVAE,
        {"hidden": (12, 8), "latent": 3, "decoder": (7,), "epochs": 4, "batch": 100},
        voxels,
        lambda model, args, _: model.predict_place(*args),
        (SpatialVAENet, "loss"),
        [
            (lambda x, y, **_: (x[1:], y), "voxels: shape"),
            (lambda x, y, **_: (x[:1], y.iloc[:1]), "1 voxels to train on; expected at least 10"),
            (lambda x, y, **_: (x, hole(y)), "voxels: row 0"),
            (lambda x, y, **_: (x - 9, y), "expression is .* expected an energy"),
        ],
        steps=11,
        unlike_sklearn={
            "check_no_attributes_set_in_init": CHANGES_AT_INIT,
            "check_set_params": CHANGES_AT_INIT,
            "check_do_not_raise_errors_in_init_or_set_params": CHANGES_AT_INIT,
        },
    ),
    Family(
        xsg.MechanisticMixture,
        {"epochs": 4, "modes": 7, "refine": 1, "hidden": 8},
        spread,
        lambda model, args, _: model.infer(*args).rates().select_dtypes("number"),
        (mechanistic, "separate_loss"),
        [
            (lambda cohort: (cohort.part(cohort.subjects == cohort.subjects[0]),), "1 subjects; expected at least 3"),
            (lambda cohort: (cohort.part(cohort.subjects == "nobody"),), "none of the 6 subjects"),
        ],
    ),
    Family(
        xsg.MultiViewVAE,
        NET,
        views,
        lambda model, args, _: model.predict(args[0]),
        (MultiViewNet, "loss"),
        [
            (lambda x, y, **_: (x | {"receptors": hole(x["receptors"])}, y), "view 'receptors': .*not finite"),
            (lambda x, y, **_: (x, hole(y)), "thinning: .*not finite"),
            (lambda x, y, **_: ({k: v.iloc[1:] for k, v in x.items()}, y), "stands in none of the views"),
            (lambda x, y, **_: ({k: v.iloc[:1] for k, v in x.items()}, y.iloc[:1]), "same value in every region"),
            (lambda x, y, **_: (x, y * 0), "nothing to predict"),
            (lambda x, y, **_: ({}, y), "expected a dict of tables by name"),
        ],
    ),
    Family(
        xsg.CrossScaleSpread,
        {"iterations": 3, "points": 16},
        progression,
        lambda model, _, options: model.predict(options["years"]),
        (joint_model, "terms"),
        [
            (lambda p, *_, **__: (hole(p),), "programs: .*not finite"),
            (lambda p, *_, **__: (p,), "neither thinning nor tau"),
            (lambda p, y, *_, **__: (p.iloc[:1], y), "can set no rate"),
            (lambda p, y, *_, **__: (p, y * np.nan), "0 regions to learn from"),
            (lambda p, y, *_, **__: (p, y.rename(columns={y.columns[0]: "nowhere"})), "region 'nowhere'"),
        ],
        steps=0,
        rounding=1e-12,  # loading makes the solver anew, from a matrix that lies otherwise in memory
    ),
    Family(
        xsg.DiseaseProgression,
        {"n_programs": 1, "iterations": 4},
        visits,
        lambda model, args, _: model.locate(*args),
        (DynamicPrograms, "terms"),
        [
            (lambda y, years: (hole(y), years), "not finite"),
            (lambda y, years: (y, years.iloc[1:]), "expected the same index"),
            (lambda y, years: (y.iloc[:1], years.iloc[:1]), "1 subjects; expected at least 5"),
            (lambda y, years: (y.iloc[:0], years.iloc[:0]), "expected some of each"),
        ],
        steps=0,
    ),
    Family(
        template.LineModel,
        {"epochs": 6},
        template_data,
        lambda model, args, _: model.predict(args[0]),
        (template.LineNet, "loss"),
        [
            (lambda x, y: (hole(x), y), "expression: .*not finite"),
            (lambda x, y: (x.iloc[1:], y), "thinning: .*unknown"),
        ],
    ),
]
TRAINED = [each for each in FAMILIES if each.steps]
SKLEARN = [  # of `check_estimator` those that give no X and y of numbers alone: regions, voxels and subjects have names
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_get_params_invariance",
    "check_set_params",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_valid_tag_types",
    "check_estimator_tags_renamed",
]


def each(families):
    return pytest.mark.parametrize("family", families, ids=lambda family: family.kind.__name__)


def stage(patch, family: Family, when: int, what: str) -> None:
    """Let the loss be lost (``"nan"``), or Ctrl-C be pressed, at the so many-th look at it."""
    owner, name = family.loss
    real, calls = getattr(owner, name), []

    def staged(*args, **options):
        calls.append(1)
        found = real(*args, **options)
        if len(calls) < when:
            return found
        if what == "Ctrl-C":
            raise KeyboardInterrupt
        terms = found if isinstance(found, dict) else found._asdict()
        first = next(iter(terms))
        spoilt = terms | {first: terms[first] * torch.nan}
        return spoilt if isinstance(found, dict) else type(found)(**spoilt)

    static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    patch.setattr(owner, name, staticmethod(staged) if static else staged)


@each(FAMILIES)
@pytest.mark.parametrize(("what", "error"), [("nan", FloatingPointError), ("Ctrl-C", KeyboardInterrupt)])
def test_a_fit_that_fails_leaves_nothing_and_an_old_fit_as_it_was(family, what, error, monkeypatch):
    model, fresh = family.fit(), family.make()
    before, answer, untouched = dict(vars(model)), family.answer(model), dict(vars(fresh))
    for each_of in (model, fresh):
        with monkeypatch.context() as patch:
            stage(patch, family, 1, what)
            with pytest.raises(error) as caught:
                family.fit(each_of)
    assert vars(model) == before
    assert vars(fresh) == untouched
    np.testing.assert_array_equal(family.answer(model), answer)
    if what == "nan":  # which term, and when
        term = next(iter(model.history_))
        assert term in str(caught.value)
        assert not family.steps or f"the term {term!r} of the loss became nan in epoch 1 (" in str(caught.value)


@each(TRAINED)
def test_ctrl_c_after_an_epoch_keeps_what_was_learned(family, monkeypatch, tmp_path):
    model = family.make()
    stage(monkeypatch, family, 2 * family.steps + 1, "Ctrl-C")
    epochs = model.get_params()["epochs"]
    with pytest.warns(UserWarning, match=rf"training interrupted after \d of {epochs} epochs; the .* is kept"):
        family.fit(model)
    monkeypatch.undo()
    assert model.interrupted_ is True
    assert 0 < len(model.history_) < epochs
    assert np.isfinite(family.answer(model)).all()
    assert family.kind.load(model.save(tmp_path / "cut.safetensors")).interrupted_ is True
    assert family.fit(model).interrupted_ is False


@each([family for family in FAMILIES if not family.steps])
def test_ctrl_c_in_a_second_order_fit_ends_it_without_a_result(family, monkeypatch):
    model = family.make()
    stage(monkeypatch, family, 3, "Ctrl-C")
    with pytest.raises(KeyboardInterrupt):
        family.fit(model)
    with pytest.raises(NotFittedError):
        family.answer(model)


@each(FAMILIES)
def test_a_saved_model_answers_to_the_bit_and_says_which_xsg_wrote_it(family, tmp_path):
    model = family.fit()
    path = model.save(tmp_path / "model.safetensors")
    again = family.kind.load(path)
    np.testing.assert_allclose(family.answer(again), family.answer(model), rtol=family.rounding, atol=0)
    assert again.get_params() == model.get_params()
    pd.testing.assert_frame_equal(again.history_, model.history_, check_exact=True, check_dtype=False)
    facts, arrays = read_model(path, family.kind.__name__)
    assert facts["version"] == xsg.__version__
    # What is set later is for the next fit, or refused: it never gets into the file of this one.
    again.save(tmp_path / "second.safetensors")
    assert read_model(tmp_path / "second.safetensors", family.kind.__name__)[0]["params"] == facts["params"]
    assert all(torch.isfinite(each).all() for each in arrays.values())


@each(FAMILIES)
def test_who_asks_too_early_is_told_what_to_call(family, tmp_path):
    for ask in (family.answer, lambda model: model.save(tmp_path / "none.safetensors")):
        with pytest.raises(NotFittedError, match=f"this {family.kind.__name__} is not fitted yet. Call fit"):
            ask(family.make())
    assert not list(tmp_path.glob("*"))


@each(FAMILIES)
def test_a_model_is_its_settings(family):
    model = family.fit()
    params = model.get_params()
    copied = clone(model)
    assert copied.get_params() == params == family.make().get_params()
    with pytest.raises(NotFittedError):
        family.answer(copied)
    assert eval(repr(model), {family.kind.__name__: family.kind}).get_params() == params
    assert copied.set_params(**params).get_params() == params
    with pytest.raises(ValueError, match="nonsense"):
        copied.set_params(nonsense=1)
    np.testing.assert_array_equal(family.answer(family.fit(copied)), family.answer(model))  # same seed, same answer


ODD = [pytest.param(f, c, m, id=f"{f.kind.__name__} {m}") for f in FAMILIES for c, m in f.odd]


@pytest.mark.parametrize(("family", "change", "message"), ODD)
def test_tables_that_cannot_be_are_refused_in_one_message(family, change, message):
    args, options = family.data()
    model = family.make()
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(*change(*args, **options))
    assert vars(model) == vars(family.make())


@each(FAMILIES)
def test_devices_are_named(family):
    with pytest.raises(ValueError, match="expected one of 'auto', 'cpu', 'cuda', 'mps'"):
        family.fit(device="gpu")
    absent = [name for name in ("cuda", "mps") if not getattr(torch, name).is_available()]
    for name in absent:
        with pytest.raises(ValueError, match=f"device is '{name}', which this machine"):
            family.fit(device=name)
    assert family.make().device == "auto"


@each(FAMILIES)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")
def test_a_gpu_gives_what_the_processor_gives(family, tmp_path):
    here, there = family.fit(device="cpu"), family.fit(device="cuda")
    assert there.device_.type == "cuda"
    np.testing.assert_allclose(family.answer(there), family.answer(here), rtol=1e-2, atol=1e-3)
    again = family.kind.load(there.save(tmp_path / "gpu.safetensors"))
    np.testing.assert_allclose(family.answer(again), family.answer(there), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("check", SKLEARN)
@each(FAMILIES)
def test_scikit_learn_s_own_checks(family, check):
    """Of `check_estimator`'s others none applies: they fit bare arrays, in which nothing could be joined by name."""
    if check in family.unlike_sklearn:
        with pytest.raises((AssertionError, UserWarning, ValueError)):  # if it passes, the reason is gone
            getattr(estimator_checks, check)(family.kind.__name__, family.kind())
        return
    getattr(estimator_checks, check)(family.kind.__name__, family.kind())
