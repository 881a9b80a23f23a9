"""Several views: what is learned, what may be missing, what is refused, and that copies do not meet."""

import numpy as np
import pandas as pd
import pytest
import torch

import xsg
from xsg.across.simulate_views import simulate_views
from xsg.across.views import MultiViewVAE, cross_val_views

N = 14


def small(**options) -> MultiViewVAE:
    return MultiViewVAE(**{"latent": 3, "hidden": 12, "decoder": 6, "epochs": 40, "lr": 1e-2, **options})


@pytest.fixture(scope="module")
def two(toy):
    """The toy cortex with a second view of eight maps; thinning follows one feature of each."""
    expression, _, graph = toy
    rng = np.random.default_rng(1)
    maps = pd.DataFrame(rng.normal(size=(N, 8)), expression.index, [f"m{i}" for i in range(8)])
    thinning = (3 + 0.3 * expression["g0"] + 0.3 * maps["m0"]).rename("thinning")
    return {"expression": expression, "maps": maps}, thinning, graph


@pytest.fixture(scope="module")
def fitted(two):
    views, thinning, graph = two
    return small(epochs=300, smoothness=0.0, drop=0.2).fit(views, thinning, graph=graph)


def test_fit_learns_and_logs_every_term(two, fitted):
    views, thinning, _ = two
    assert fitted.score(views, thinning) > 0.8
    assert list(fitted.history_) == ["reconstruction", "smoothness", "kl", "view expression", "view maps"]
    assert list(fitted.history_.index) == list(range(1, 301))
    assert fitted.history_["view maps"].iloc[-1] < 0.8 * fitted.history_["view maps"].iloc[0]
    predicted = fitted.predict(views)
    assert predicted.name == "thinning"
    assert 2 < predicted.mean() < 4  # in the unit of the data
    assert fitted.noise_sd_ == pytest.approx(np.sqrt(((predicted - thinning) ** 2).mean()))


def test_any_subset_predicts_and_a_missing_view_widens(two, fitted):
    views, _, _ = two
    both = fitted.uncertainty(views)
    for name in views:
        alone = {name: views[name]}
        assert fitted.predict(alone).shape == (N,)
        assert (fitted.uncertainty(alone) > both).all(axis=None)
    draws, fewer = (fitted.sample(some, n=500, noise=False) for some in (views, {"maps": views["maps"]}))
    assert fewer.std().mean() > draws.std().mean()


def test_a_missing_row_is_a_missing_expert(two, fitted):
    views, _, _ = two
    partly = views | {"maps": views["maps"].drop(index=["L_r3", "R_r5"])}
    alone = fitted.uncertainty({"expression": views["expression"]})
    some, both = fitted.uncertainty(partly), fitted.uncertainty(views)
    lost = ["L_r3", "R_r5"]
    assert np.allclose(some.loc[lost], alone.loc[lost])
    means = fitted.encode(partly).loc[lost], fitted.encode({"expression": views["expression"]}).loc[lost]
    pd.testing.assert_frame_equal(*means)
    assert (some.drop(index=lost) < alone.drop(index=lost)).all(axis=None)
    # On the ring R_r0 is four edges from the nearest missing region, too far for two layers; L_r1 is two.
    assert np.allclose(some.loc["R_r0"], both.loc["R_r0"])
    assert not np.allclose(some.loc["L_r1"], both.loc["L_r1"])


def test_training_with_missing_rows_sees_nothing_of_them(two):
    views, thinning, graph = two
    partly = views | {"maps": views["maps"].iloc[::-1].drop(index=["L_r2"])}
    model = small().fit(partly, thinning, graph=graph)
    assert model.predict(partly).notna().all()
    centre = views["maps"].drop(index="L_r2").mean()
    assert np.allclose(model._scaling["maps"]["centre"], centre)


def test_rows_and_columns_are_matched_by_name(two, fitted):
    views, thinning, _ = two
    order = np.random.default_rng(2).permutation(N)
    shuffled = {"maps": views["maps"].iloc[order, ::-1], "expression": views["expression"].iloc[order]}
    pd.testing.assert_series_equal(fitted.predict(shuffled), fitted.predict(views))
    assert fitted.score(views, thinning.iloc[order]) == fitted.score(views, thinning)


def test_held_out_thinning_is_never_seen_and_copies_do_not_meet(two):
    views, thinning, graph = two
    folds = np.tile(np.arange(N // 2) % 3, 2) == np.arange(3)[:, None]
    changed = thinning.where(~folds[1], 1e3)
    rows = pd.DataFrame([thinning, changed], ["plain", "changed"])
    options = {"held_out": folds, "seeds": (0, 5), "given": [("maps",), ("expression", "maps")], "progress": False}
    found = cross_val_views(small(), views, rows, graph, **options)
    assert found.index.names == ["map", "given", "seed"]
    assert found.shape == (8, N)
    out = found.columns[folds[1]]
    assert np.allclose(found.loc["plain", out], found.loc["changed", out], atol=1e-6)
    # Each is the model that one would fit alone.
    for fold in folds:
        alone = small(seed=5).fit(views, thinning, graph=graph, train=thinning.index[~fold])
        row = found.loc[("plain", "maps", 5)]
        assert np.allclose(alone.predict({"maps": views["maps"]})[fold], row[fold], atol=1e-6)
    single = cross_val_views(small(), views, thinning, graph, held_out=folds, progress=False)
    assert list(single.index.names) == ["seed"]
    assert np.allclose(single.loc[0], found.loc[("plain", "expression + maps", 0)], atol=1e-6)


def test_one_view_has_nothing_to_drop(two):
    views, thinning, graph = two
    alone = {"expression": views["expression"]}
    one, other = (small(drop=drop).fit(alone, thinning, graph=graph).predict(alone) for drop in (0.0, 0.6))
    assert np.allclose(one, other)


def test_save_and_load_give_the_same_model(two, tmp_path):
    views, thinning, graph = two
    model = small(epochs=5).fit(views, thinning, graph=graph)
    again = MultiViewVAE.load(model.save(tmp_path / "model.safetensors"))
    assert again.get_params() == model.get_params()
    for some in (views, {"maps": views["maps"]}):
        pd.testing.assert_series_equal(again.predict(some), model.predict(some), check_index_type=False)
        pd.testing.assert_frame_equal(again.sample(some, n=3), model.sample(some, n=3))
    assert np.allclose(again.history_, model.history_)
    with pytest.raises(ValueError, match="holds MultiViewVAE, expected a CrossScaleVAE"):
        xsg.CrossScaleVAE.load(tmp_path / "model.safetensors")


def test_mistakes_are_named(two, fitted):
    views, thinning, graph = two
    maps = views["maps"]
    hole = maps.copy()
    hole.loc["R_r2", "m4"] = np.nan
    cases = [
        (lambda: small().fit({}, thinning), "views: expected a dict of tables by name"),
        (lambda: small().fit(views | {"maps": hole}, thinning), "view 'maps': .*region 'R_r2', column 'm4'"),
        (lambda: small().fit(views | {"maps": pd.concat([maps, maps.iloc[:1]])}, thinning), "view 'maps': .*'L_r0'"),
        (lambda: small().fit(views | {"maps": maps.rename({"L_r3": "L_r33"})}, thinning), "view 'maps': .*'L_r33'"),
        (lambda: small().fit({"maps": maps.drop(index="R_r6")}, thinning), r"region 'R_r6' \(and 0 more\) .* 'maps'"),
        (lambda: small().fit({"maps": maps.add_prefix("p", axis=0)}, thinning), "view 'maps' .*another parcellation"),
        (lambda: small().fit({"maps": maps.assign(m2=1.0)}, thinning), "view 'maps': column 'm2' .*same value"),
        (lambda: small().fit(views, thinning, graph.subset(thinning.index[:9])), "graph 'ring' has no region"),
        (lambda: small().fit(views, thinning, train=["L_r99"]), "train: region 'L_r99'"),
        (lambda: small().fit(views, thinning, train=list(thinning.index[:3])), "only 3 regions"),
        (lambda: small(drop=1.0).fit(views, thinning), "drop is 1.0"),
        (lambda: fitted.predict({}), "views: expected a dict"),
        (lambda: fitted.predict({"proteins": maps}), "view 'proteins' is not one of the fitted ones: 'expression'"),
        (lambda: fitted.predict({"maps": maps.drop(columns="m7")}), "view 'maps': feature 'm7'"),
        (lambda: fitted.predict({"maps": maps.iloc[1:]}), "region 'L_r0'"),
        (lambda: fitted.predict({"maps": maps.iloc[:0]}), "view 'maps' has no rows"),
        (lambda: small().predict(views), "not fitted yet"),
        (
            lambda: cross_val_views(small(), views, thinning, held_out=np.ones((2, 3), bool)),
            r"held_out has shape \(2, 3",
        ),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(FloatingPointError, match=r"the term '.*' of the loss became"):
        small(lr=1e8).fit(views, thinning)


def test_a_view_can_share_its_noise_or_level_off():
    """The changes break what they say and leave programs, thinning and the other draws as they are."""
    plain, shared, bent = (
        simulate_views(3), simulate_views(3, shared_noise=0.5), simulate_views(3, link="saturating")
    )  # fmt: skip
    for other in (shared, bent):
        pd.testing.assert_series_equal(plain.thinning, other.thinning)
        pd.testing.assert_frame_equal(plain.programs, other.programs)
        pd.testing.assert_frame_equal(plain.views["noise"], other.views["noise"])

    def common(study):
        """Largest canonical correlation of the two views, the programs and the mean taken out of both."""
        known = np.column_stack([np.ones(68), study.programs])
        bases = []
        for name in ("expression", "receptors"):
            x = study.views[name].to_numpy()
            x = x - known @ np.linalg.lstsq(known, x, rcond=None)[0]
            bases.append(np.linalg.svd(x, full_matrices=False)[0][:, :3])
        return np.linalg.svd(bases[0].T @ bases[1])[1][0]

    assert common(shared) > 0.8 > common(plain)
    assert bent.views["expression"].to_numpy().var() < plain.views["expression"].to_numpy().var()
    for change, word in (
        ({"shared_noise": 1.5}, "shared_noise, a share of variance, is 1.5"),
        ({"link": "square"}, "link"),
    ):
        with pytest.raises(ValueError, match=word):
            simulate_views(3, **change)


def test_the_simulation_is_what_it_says():
    study, again = simulate_views(3), simulate_views(3)
    pd.testing.assert_frame_equal(study.views["expression"], again.views["expression"])
    assert np.allclose(np.corrcoef(study.programs.T), np.eye(4), atol=1e-4)
    assert 0.85 < study.ceiling < 1
    # What a view does not see cannot be read off its features; what it sees can.
    for name, unseen in (("expression", "receptors only"), ("receptors", "expression only")):
        x = np.linalg.svd(study.views[name].sub(study.views[name].mean()), full_matrices=False)[0][:, :3]
        share = ((x.T @ study.programs.to_numpy()) ** 2).sum(axis=0) / len(x)
        shares = dict(zip(study.programs, share, strict=True))
        assert shares[unseen] < 0.2
        assert min(share for program, share in shares.items() if program != unseen) > 0.6
    assert torch.get_default_dtype() == torch.float32
