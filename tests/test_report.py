"""The instrument: it finds a map that genes make, lets a spun one go, and its numbers are what they are said to be."""

import re
import warnings
from dataclasses import replace
from itertools import product

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import xsg
from xsg.atlas import homologous_pairs
from xsg.evaluation.baselines import BASELINES, Baseline, baseline
from xsg.evaluation.dealings import deal, given_out
from xsg.evaluation.intervals import GAIN, bootstrap
from xsg.evaluation.metrics import correlation, r_squared
from xsg.evaluation.nulls import null_maps, p_text, p_value
from xsg.evaluation.splits import LeakWarning, homologous
from xsg.report import STATISTICS
from xsg.training import CrossScaleVAE, cross_val_predict, refit
from xsg.trial import evaluate

SMALL = {"latent": 8, "hidden": 32, "decoder": 16, "lr": 1e-2}
QUICK = CrossScaleVAE(**SMALL, epochs=5)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def cortex() -> xsg.Cortex:
    """Make a simulated cortex whose map its programs make; each region is joined to its homologue alone."""
    whole = xsg.load_cortex("simulated", n_genes=100)
    twins = whole.parcellation.homologue[whole.regions].to_numpy()
    weights = (twins[:, None] == whole.regions.to_numpy()).astype(float)
    return replace(whole, graph=xsg.Graph(pd.DataFrame(weights, whole.regions, whole.regions), "homotopic edges"))


@pytest.fixture(scope="module")
def report(cortex) -> xsg.Report:
    return evaluate(CrossScaleVAE(**SMALL, epochs=40), cortex, n_nulls=39, n_seeds=2, progress=False)


def test_it_finds_what_programs_make(report):
    assert report.held_out.loc["R²", "value"] > 0.3
    assert report.p_value["held-out R²"] <= 0.05
    assert "smoothness alone seldom does so" in report.sentence
    # In-sample the same model on the same map is nothing special: that number cannot tell.
    assert report.p_value["in-sample R²"] > 0.1


def test_it_lets_spun_maps_go(cortex):
    spun = null_maps(cortex.thinning, cortex.parcellation, n=2, seed=99, progress=False)
    for _, values in spun.iterrows():
        other = replace(cortex, thinning=values.rename("thinning"))
        found = evaluate(CrossScaleVAE(**SMALL, epochs=40), other, n_nulls=39, baselines=False, progress=False)
        assert found.p_value["held-out R²"] > 0.1
        assert "smoothness alone may explain it" in found.sentence


def test_numbers_are_those_of_the_parts(cortex, report):
    model, y = CrossScaleVAE(**SMALL, epochs=40), cortex.thinning
    dealt = [homologous(cortex.regions, seed=dealing) for dealing in range(5)]
    inside = refit(model, cortex.expression, y, cortex.graph, seeds=(0, 1), progress=False).to_numpy()
    outside = [
        cross_val_predict(
            model, cortex.expression, y, cortex.graph, held_out=folds, seeds=(0, 1), progress=False
        ).to_numpy()
        for folds in dealt
    ]
    both = (r_squared, correlation)
    by_dealing = np.array([[f(y, predicted) for f in both] for predicted in outside])  # (dealings, 2, seeds)
    expected = np.column_stack([*(f(y, inside) for f in both), *np.median(by_dealing, axis=0)])
    assert np.allclose(report.seeds, expected, atol=1e-5)
    assert report.n_dealings == 5
    assert np.allclose(report.dealings.loc["CrossScaleVAE"], by_dealing[:, :, 0], atol=1e-5)
    assert np.allclose(report.held_out[["lowest", "highest"]].T, [by_dealing[..., 0].min(0), by_dealing[..., 0].max(0)])
    assert [*report.in_sample, *report.held_out["value"]] == report.seeds.loc[0].to_list()
    assert list(report.seeds) == list(report.null) == list(report.p_value.index) == list(STATISTICS)
    assert report.null.shape == (39, 4)
    for name, p in report.p_value.items():
        assert p == (1 + (report.null[name] >= report.seeds.loc[0, name]).sum()) / 40
    null, which = null_maps(y, cortex.parcellation, n=39, progress=False), given_out(39, 5, 0)
    assert sorted(np.bincount(which)) == [7, 8, 8, 8, 8]
    for number in (7, 8):
        given = cortex.expression, null.iloc[number], cortex.graph
        again = cross_val_predict(model, *given, held_out=dealt[which[number]], progress=False)
        found = r_squared(null.iloc[number], again.iloc[0])
        assert report.null.loc[number, "held-out R²"] == pytest.approx(found, abs=1e-5)
    assert list(report.baselines.index) == list(BASELINES)
    guess = [baseline("ridge", cortex.expression, y, cortex.parcellation, folds)[0] for folds in dealt]
    scores = r_squared(y, np.array(guess))
    line = report.baselines.loc["ridge"]
    assert line["R²"] == pytest.approx(np.median(scores))
    assert [line["R² lowest"], line["R² highest"]] == pytest.approx([scores.min(), scores.max()])
    chance = [
        r_squared(m, baseline("ridge", cortex.expression, m, cortex.parcellation, dealt[which[k]])[0])
        for k, (_, m) in enumerate(null.iterrows())
    ]
    assert line["p R²"] == (1 + np.sum(np.array(chance) >= line["R²"])) / 40
    assert report.baselines["p R²"].isna().to_list() == [True] + [False] * 5 + [True]
    shown = report.predictions["held out"]
    assert any(np.allclose(shown, predicted[0], atol=1e-5) for predicted in outside)
    assert r_squared(y, shown) == report.held_out.loc["R²", "value"]


def test_gain_is_what_the_table_says_and_what_spun_maps_give(cortex, report):
    both, place = "position + genes", "position (kriging)"
    gain, lines, each = report.gain, report.baselines.loc[[both, place], "R²"], report.dealings["R²"]
    assert list(gain.index) == list(GAIN)
    assert gain["value"] == lines[both] - lines[place] > 0.2  # programs make this map, and they are not smooth
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert gain["lowest"] == (each[both] - each[place]).min() <= gain["value"] <= gain["highest"]
    null = null_maps(cortex.thinning, cortex.parcellation, n=39, progress=False)
    which, chance = given_out(39, 5, 0), np.empty(39)
    for k, values in enumerate(null.to_numpy()):
        given = cortex.expression, pd.Series(values, cortex.regions), cortex.parcellation
        folds = homologous(cortex.regions, seed=which[k])
        scores = [r_squared(values, baseline(name, *given, folds)[0]) for name in (both, place)]
        chance[k] = scores[0] - scores[1]
    assert gain["p"] == (1 + (chance >= gain["value"]).sum()) / 40
    # On trial itself, a baseline is compared with the other as it would be beside it.
    again = evaluate(Baseline(place), cortex, n_nulls=39, progress=False)
    assert again.gain.to_list() == pytest.approx(gain.to_list())
    assert np.isnan(evaluate(Baseline(both), cortex, null="noise-genes", n_nulls=19, progress=False).gain["p"])
    assert evaluate(Baseline(place), cortex, n_nulls=0, baselines=False, progress=False).gain.isna().all()


def test_genes_are_seldom_said_to_add_to_a_map_that_ignores_them(cortex):
    """Rotated maps, each in the place of the real one: medians over five dealings, against a null on one of them."""
    n, names = 500, ("position + genes", "position (kriging)")
    maps, scores = null_maps(cortex.thinning, cortex.parcellation, n=n, seed=1, progress=False), np.empty((2, 5, n))
    for dealing, (which, name) in product(range(5), enumerate(names)):
        folds = homologous(cortex.regions, seed=dealing)
        guess = baseline(name, cortex.expression, maps, cortex.parcellation, folds)
        scores[which, dealing] = [r_squared(m, g) for m, g in zip(maps.to_numpy(), guess, strict=True)]
    observed, each = np.subtract(*np.median(scores, axis=1)), np.subtract(*scores)
    null = each[given_out(n, 5, 0), np.arange(n)]
    p = np.array([p_value(value, np.delete(null, k)) for k, value in enumerate(observed)])
    for level, fewest in ((0.05, 0.01), (0.1, 0.04), (0.2, 0.1)):  # where genes get no share, p is large
        assert fewest < (p <= level).mean() <= level + 0.02, level  # of 2,000 maps: 0.035 to 0.0495 at 0.05


def test_one_dealing_is_the_first_of_five_and_seeds_go_on(cortex, report):
    one = evaluate(CrossScaleVAE(**SMALL, epochs=40), cortex, n_nulls=0, n_dealings=1, seed=1, progress=False)
    assert one.n_dealings == 1
    expected = cross_val_predict(
        CrossScaleVAE(**SMALL, epochs=40),
        cortex.expression,
        cortex.thinning,
        cortex.graph,
        held_out=homologous(cortex.regions, seed=1),
        seeds=(1,),
        progress=False,
    )
    assert np.allclose(one.predictions["held out"], expected.iloc[0], atol=1e-5)
    ridge = report.dealings.loc["ridge"]
    assert one.baselines.loc["ridge", "R²"] == pytest.approx(ridge.loc[1, "R²"])  # dealing 1 has seed 1
    assert "dealt" not in one.sentence
    assert not any("dealing" in what for what, _ in one.table().index)


def test_a_null_on_one_dealing_raises_no_false_alarms_for_a_median_over_five(cortex):
    """Rotated maps, each in the place of the real one, get a p below a level no more often than the level says."""
    maps = null_maps(cortex.thinning, cortex.parcellation, n=500, seed=1, progress=False)
    scores = np.empty((5, 500))
    for dealing in range(5):
        folds = homologous(cortex.regions, seed=dealing)
        guess = baseline("ridge", cortex.expression, maps, cortex.parcellation, folds)
        scores[dealing] = [r_squared(m, g) for m, g in zip(maps.to_numpy(), guess, strict=True)]
    observed, null = np.median(scores, axis=0), scores[given_out(500, 5, 0), np.arange(500)]
    p = np.array([p_value(value, np.delete(null, k)) for k, value in enumerate(observed)])
    for level, fewest in ((0.05, 0.02), (0.1, 0.05), (0.2, 0.12)):
        assert fewest < (p <= level).mean() <= level + 0.01, level
    # A null of the best dealing would be another test, and the best of five against one dealing is none.
    best = np.array([p_value(value, np.delete(null, k)) for k, value in enumerate(scores.max(axis=0))])
    assert (best <= 0.05).mean() > 0.06


def test_it_says_what_it_shows(report):
    table = report.table()
    assert table.index.is_unique
    assert len(table) == 2 + 1 + 2 + 2 + len(BASELINES) + 1
    spread = table.loc[("CrossScaleVAE, 5 dealings", "held out")]
    assert [spread["R² low"], spread["R² high"]] == report.held_out.loc["R²", ["lowest", "highest"]].to_list()
    assert table.loc[("ridge", "held out"), "R² high"] == report.baselines.loc["ridge", "R² highest"]
    assert table.loc[("CrossScaleVAE", "held out"), "R²"] == report.held_out.loc["R²", "value"]
    assert table.loc[("CrossScaleVAE, spin", "null, held out"), "R² high"] == report.null["held-out R²"].quantile(0.95)
    assert (table["R² low"].dropna() <= table["R² high"].dropna()).all()
    shown = repr(report)
    assert f"By dealing, R² goes from {spread['R² low']:.2f} to {spread['R² high']:.2f}" in shown.replace("\n", " ")
    assert f"R² = {report.held_out.loc['R²', 'value']:.2f}" in shown.replace("\n", " ")
    assert p_text(report.p_value["held-out R²"], 39, "p") in shown.replace("\n", " ")
    assert report.table().to_html()[:6] == report._repr_html_()[:6]
    best = report.baselines["R²"].idxmax()
    assert best in report.sentence


def test_a_baseline_that_does_as_well_is_named(report):
    better = report.baselines.copy()
    better.loc["ridge", "R²"] = 0.99
    assert "Something simpler does as well: ridge" in replace(report, baselines=better).sentence
    better = report.baselines.drop(index="ridge").assign(**{"R²": 0.99})
    dealings = report.dealings.drop(index="ridge").rename(index={"CrossScaleVAE": "ridge"})
    own = replace(report, dealings=dealings, baselines=better)
    assert "Another method does as well" in own.sentence
    for low, words in ((-0.1, "cannot be told from the model on 68 values"), (0.1, "does less well")):
        worse = report.baselines.assign(**{"R²": 0.1, "lead low": low})
        assert words in replace(report, baselines=worse).sentence


def test_it_says_which_method_to_use(report):
    line = report.baselines["R²"].idxmax()
    assert report.baselines.loc[line, "lead low"] <= 0
    assert report.recommended == line
    assert report.sentence.endswith(f"Use {line}.")
    assert r_squared(report.predictions["observed"], report.predictions[line]) == report.baselines.loc[line, "R²"]
    ahead = replace(report, baselines=report.baselines.assign(**{"R²": 0.1, "lead low": 0.05}))
    assert ahead.recommended == "CrossScaleVAE"
    pls = report.baselines.loc[["PLS"]].assign(**{"R²": 0.01, "lead low": -0.1})
    dealings = report.dealings.drop(index="ridge").rename(index={"CrossScaleVAE": "ridge"})
    assert replace(report, dealings=dealings, baselines=pls).recommended == "ridge"  # the other is no simpler
    assert replace(report, baselines=pls).recommended == "PLS"
    useless = report.held_out.copy()
    useless["value"] = -0.1
    nothing = replace(report, held_out=useless, baselines=report.baselines.assign(**{"R²": -0.2, "lead low": -0.3}))
    assert nothing.recommended is None
    assert nothing.sentence.endswith("None predicts better than the mean.")
    alone = report.held_out.copy()
    alone["value"] = 0.05  # the only one above the mean, though its lead is not told from chance
    alone = replace(report, held_out=alone, baselines=report.baselines.assign(**{"R²": -0.01, "lead low": -0.1}))
    assert alone.recommended == "CrossScaleVAE"
    assert replace(report, leaks=True).recommended is None
    assert replace(report, baselines=report.baselines.iloc[:0]).recommended == "CrossScaleVAE"


def test_a_p_value_at_its_floor_is_a_bound_everywhere(report):
    floor = report.p_value.copy()
    floor["held-out R²"], floor["held-out r"] = 1 / 40, 2 / 40
    found = replace(report, p_value=floor)
    assert "(R²: p ≤ 0.025; r: p = 0.050)" in found.sentence
    assert "≤ 0.025" in repr(found)
    assert "≤ 0.025" in found._repr_html_()
    assert found.table().loc[("CrossScaleVAE", "held out"), "p R²"] == 1 / 40  # a number in the table and the CSV


def test_no_praise_for_a_model_worse_than_the_mean(report):
    bad = report.held_out.copy()
    bad.loc["R²", "value"] = -0.2
    sentence = replace(report, held_out=bad).sentence
    assert "no better than predicting the mean" in sentence
    assert "seldom" not in sentence


def test_figure_marks_every_number(report):
    above, below = report.plot().axes
    assert above.get_legend().get_texts()[1].get_text() == f"in-sample, observed: {report.in_sample['R²']:.2f}"
    lines = {line.get_xdata()[0] for line in above.lines}
    assert lines == {report.in_sample["R²"], report.held_out.loc["R²", "value"]}
    labels = [label.get_text() for label in below.get_yticklabels()]
    assert [re.split(r"  ", label)[0] for label in labels] == ["CrossScaleVAE", *BASELINES]
    assert f"{report.baselines.loc['ridge', 'R²']:.2f}" in labels[5]
    low, high = below.get_xlim()
    assert low < report.held_out.loc["R²", "low"]
    assert high > report.in_sample["R²"]


def test_interval_covers_the_truth_and_keeps_pairs_together():
    """Correlation 0.6 of 80 pairs: about 19 of 20 intervals hold it, if the pair is what is drawn."""
    rng = np.random.default_rng(0)
    pairs = np.tile(np.arange(80), 2)
    hits, widths = 0, []
    for seed in range(60):
        one = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 80)
        y, guess = np.tile(one, (2, 1)).T
        intervals, leads = bootstrap(y, guess, {"the same": guess, "zero": np.zeros(160)}, pairs, seed)
        hits += intervals.loc["r", "low"] <= 0.6 <= intervals.loc["r", "high"]
        widths.append(intervals.loc["r", "high"] - intervals.loc["r", "low"])
        assert leads.loc["the same"].to_list() == [0, 0]
    assert 51 <= hits <= 60
    assert np.mean(widths) == pytest.approx(2 * 1.96 * (1 - 0.6**2) / np.sqrt(80), rel=0.15)


def test_own_map_in_three_lines(tmp_path):
    path = tmp_path / "own.csv"
    known = xsg.load_cortex("simulated", n_genes=20).thinning
    known.sample(frac=1, random_state=0).to_csv(path)

    own = pd.read_csv(path, index_col=0).squeeze("columns")
    cortex = replace(xsg.load_cortex("simulated", n_genes=20), name="mine", thinning=own)
    found = xsg.evaluate(QUICK, cortex, n_nulls=19, progress=False)

    assert repr(found).startswith("CrossScaleVAE(")
    assert "mine, 68 regions:" in found.sentence
    assert np.allclose(found.predictions["observed"], known)


def test_other_nulls_and_a_checkpoint(cortex, tmp_path):
    whole = xsg.load_cortex("simulated", n_genes=20)
    options = {"n_nulls": 19, "baselines": False, "progress": False}
    noise = evaluate(QUICK, whole, null="noise-genes", checkpoint=tmp_path / "kept", **options)
    assert any((tmp_path / "kept").iterdir())
    again = evaluate(QUICK, whole, null="noise-genes", checkpoint=tmp_path / "kept", **options)
    pd.testing.assert_frame_equal(noise.null, again.null)
    assert "tables of noise in place of the genes" in noise.sentence
    other = evaluate(QUICK, whole, null="rewired", **options)
    assert "graphs rewired at random" in other.sentence
    assert not np.allclose(other.null, noise.null)


def test_without_nulls_or_baselines(cortex):
    bare = evaluate(QUICK, cortex, n_nulls=0, baselines=False, n_dealings=1, progress=False)
    assert bare.p_value.isna().all()
    assert len(bare.table()) == 2
    assert "p =" not in bare.sentence
    assert len(bare.plot().axes) == 1


def test_one_hemisphere_and_another_parcellation(cortex):
    left = cortex.regions[cortex.regions.str.startswith("L_")]
    graph = xsg.load_cortex("simulated", n_genes=20).graph.subset(left)
    half = xsg.Cortex("left", cortex.expression.loc[left], cortex.thinning[left], graph, cortex.parcellation)
    found = evaluate(QUICK, half, n_nulls=19, progress=False)
    assert list(found.baselines.index) == list(BASELINES[1:])  # there is nothing to copy
    assert found.n_values == 34

    dk = cortex.parcellation
    merged = np.where(dk.labels < 0, -1, dk.labels % 34 // 3 + 12 * (dk.labels >= 34))
    names = {label: f"{'LR'[label // 12]}_area{label % 12}" for label in range(24)}
    coarse = xsg.Parcellation.from_labels("coarse", merged, names)
    rng = np.random.default_rng(0)
    genes = pd.DataFrame(rng.normal(size=(24, 8)), coarse.regions)
    values = pd.Series(np.tile(rng.normal(size=12), 2), coarse.regions)
    own = xsg.Cortex("coarse", genes, values, xsg.build_graph(coarse), coarse)
    found = evaluate(QUICK, own, n_nulls=19, progress=False)
    assert found.n_values == 12
    assert "24 regions (12 independent values)" in found.sentence
    assert np.isfinite(found.null.to_numpy()).all()


@pytest.mark.parametrize(("action", "told"), [("always", 1), ("ignore", 0)])
def test_a_split_that_leaks_says_so_once(cortex, action, told):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        assert len(deal("random", cortex, None, 0)) == 5
    assert len(caught) == told
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LeakWarning):
            deal("random", cortex, 5, 0)


def test_a_split_that_leaks_says_so(cortex):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = evaluate(QUICK, cortex, split="left-to-right", n_nulls=0, progress=False)
    assert any(warning.category.__name__ == "LeakWarning" for warning in caught)
    assert found.leaks
    assert "no test on regions unseen" in found.sentence
    assert "1 fold, 34 regions scored" in found.sentence
    left = cortex.regions.str.startswith("L_")
    assert found.predictions["held out"].isna().to_list() == left.tolist()
    copy = cortex.thinning[cortex.parcellation.homologue[cortex.regions[~left]]].to_numpy()  # of others by name
    assert found.baselines.loc["contralateral copy", "R²"] == pytest.approx(r_squared(cortex.thinning[~left], copy))
    pairs = homologous_pairs(cortex.regions)
    assert len(np.unique(pairs[~left])) == 34


def test_what_is_wrong_is_named(cortex, tmp_path):
    with pytest.raises(TypeError, match=r"got str\. For a preset: xsg\.CrossScaleVAE\.from_preset\('paper'\)"):
        evaluate("paper", cortex)
    with pytest.raises(ValueError, match="n_seeds is 2, but LinearRegression has no seed to change"):
        evaluate(LinearRegression(), cortex, n_seeds=2)
    with pytest.raises(ValueError, match="checkpoint: fits of LinearRegression are not kept"):
        evaluate(LinearRegression(), cortex, checkpoint=tmp_path)
    with pytest.raises(TypeError, match=r"cortex: expected xsg\.Cortex, got DataFrame"):
        evaluate(QUICK, cortex.expression)
    with pytest.raises(ValueError, match=r"null 'shuffle' is unknown; expected one of .*'noise-genes', 'rewired'"):
        evaluate(QUICK, cortex, null="shuffle")
    with pytest.raises(ValueError, match=r"'halves'.*'homologous'"):
        evaluate(QUICK, cortex, split="halves")
    with pytest.raises(ValueError, match=r"n_nulls is 10: .* p ≤ 0\.05 is out of reach"):
        evaluate(QUICK, cortex, n_nulls=10)
    with pytest.raises(ValueError, match="n_dealings is 0"):
        evaluate(QUICK, cortex, n_dealings=0)
    with pytest.raises(ValueError, match="n_dealings is 3, but the split 'lobe' can be dealt in one way only"):
        evaluate(QUICK, cortex, split="lobe", n_dealings=3)
    with pytest.raises(ValueError, match="n_seeds is 0"):
        evaluate(QUICK, cortex, n_seeds=0)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"checkpoint: cannot write to .*file"):
        evaluate(QUICK, cortex, checkpoint=tmp_path / "file" / "folder")
    holed = replace(cortex)
    holed.thinning.iloc[3] = np.nan
    with pytest.raises(ValueError, match=f"thinning: 1 of 68 values are not finite.*{cortex.regions[3]!r}"):
        evaluate(QUICK, holed, n_nulls=0)
