from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, hypergeom

from xsg.atlas import load_parcellation
from xsg.evaluation.nulls import null_maps
from xsg.genes.enrichment import (
    gene_correlations,
    over_representation,
    prerank,
    random_gene_enrichment,
    set_profiles,
    set_scores,
    spatial_enrichment,
)

DK = load_parcellation("dk")
REGIONS = DK.regions[:7]
GENES = [f"G{number}" for number in range(8)]
SETS = {"A": ["G1", "G5", "G6"], "B": ["G0", "G5"]}


@pytest.fixture
def small():
    """7 regions × 8 genes and 9 maps."""
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.standard_normal((7, 8)), REGIONS, GENES)
    return expression, pd.DataFrame(rng.standard_normal((9, 7)), columns=REGIONS)


@pytest.fixture(scope="module")
def atlas(smooth_maps):
    """100 smooth genes, the genes of each of three sets alike; the first set is planted in ``planted``."""
    fields, own = smooth_maps(3, seed=1).T, smooth_maps(100, seed=2)
    # Uncorrelated, so that two random fields are not alike by chance.
    fields = pd.DataFrame(np.linalg.qr(fields - fields.mean())[0] * 68**0.5, DK.regions)
    sets = {f"set {k}": [f"G{number}" for number in range(20 * k, 20 * k + 20)] for k in range(3)}
    values = own.to_numpy().T.copy()
    for k in range(3):
        values[:, 20 * k : 20 * k + 20] += 1.5 * fields[k].to_numpy()[:, None]
    expression = pd.DataFrame(values, DK.regions, [f"G{number}" for number in range(100)])
    return expression, sets, fields[0]


def test_gene_correlations_are_pearsons(small):
    expression, maps = small
    found = gene_correlations(expression, maps)
    assert found.shape == (9, 8)
    np.testing.assert_allclose(found.loc[4, "G3"], np.corrcoef(expression["G3"], maps.loc[4])[0, 1])
    pd.testing.assert_series_equal(gene_correlations(expression, maps.loc[4]), found.loc[4])


def test_a_score_is_the_mean_correlation_of_the_sets_genes(small):
    expression, maps = small
    scores = set_scores(set_profiles(expression, SETS), maps)
    assert scores.shape == (9, 2)
    for name, genes in SETS.items():
        np.testing.assert_allclose(scores[name], gene_correlations(expression, maps)[genes].mean(axis=1))


def test_maps_are_matched_by_region_name(small):
    expression, maps = small
    profiles = set_profiles(expression, SETS)
    pd.testing.assert_frame_equal(set_scores(profiles, maps[REGIONS[::-1]]), set_scores(profiles, maps))
    with pytest.raises(ValueError, match="maps: 6 regions given, 7 expected; missing: 'L_cuneus'"):
        set_scores(profiles, maps.drop(columns="L_cuneus"))


def test_random_gene_test_is_what_drawing_genes_gives(small):
    statistics = pd.Series(np.random.default_rng(3).gamma(2, size=60), [f"G{number}" for number in range(60)])
    sets = {"top": statistics.nlargest(30).index[::2].tolist(), "any": list(statistics.index[:25])}
    found = random_gene_enrichment(statistics, sets)
    rng = np.random.default_rng(4)
    for name, genes in sets.items():
        drawn = np.array([rng.choice(statistics, len(genes), replace=False).mean() for _ in range(20_000)])
        far = np.abs(drawn - statistics.mean()) >= abs(found.loc[name, "score"] - statistics.mean())
        assert found.loc[name, "p"] == pytest.approx(far.mean(), abs=0.012)
    many = random_gene_enrichment(pd.DataFrame([statistics, -statistics]), sets)
    np.testing.assert_allclose(many.to_numpy(), np.tile(found["p"], (2, 1)))


def test_gseapys_over_representation_is_the_hypergeometric_test_and_keeps_sets_without_a_hit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    background = [f"G{number}" for number in range(50)]
    sets = {"none": background[40:], "many": background[:12], "few": background[8:30]}
    found = over_representation(background[:11], sets, background)
    assert found["score"].to_dict() == {"none": 0, "many": 11, "few": 3}
    for name, genes in sets.items():
        expected = hypergeom.sf(found.loc[name, "score"] - 1, 50, len(genes), 11)
        assert found.loc[name, "p"] == pytest.approx(expected)
    assert not list(Path(tmp_path).iterdir())


def test_prerank_is_seeded_and_leaves_nothing_behind(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    statistics = pd.Series(np.linspace(-1, 1, 200) ** 3, [f"G{number}" for number in range(200)])
    sets = {"low": list(statistics.index[:30]), "any": list(statistics.index[::9])}
    first, again, other = (prerank(statistics, sets, permutations=200, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    assert first.loc["low", "p"] < 0.01 < first.loc["any", "p"]
    assert first.loc["low", "score"] < 0
    assert not list(Path(tmp_path).iterdir())
    assert capfd.readouterr() == ("", "")


def test_the_spatial_test_finds_a_planted_set_and_no_other(atlas):
    expression, sets, planted = atlas
    nulls = null_maps(planted, DK, n=999)
    found = spatial_enrichment(set_profiles(expression, sets), planted, nulls)
    assert found.loc["set 0", "q"] < 0.01
    assert (found.loc[["set 1", "set 2"], "q"] > 0.05).all()
    assert found.loc["set 0", "p"] >= 1 / 1000


def test_random_genes_find_sets_in_smooth_noise_and_random_maps_do_not(atlas, smooth_maps):
    expression, sets, _ = atlas
    maps, n = smooth_maps(300, seed=5), 199
    naive = random_gene_enrichment(gene_correlations(expression, maps), sets)["set 1"]
    profiles = set_profiles(expression, sets)
    nulls = null_maps(maps, DK, n=n)
    spatial = np.array([spatial_enrichment(profiles, maps.loc[k], nulls.loc[k]).loc["set 1", "p"] for k in maps.index])
    # With 300 maps a test that holds its 5 % calls 5 to 27 of them significant, 999 times in 1000.
    low, high = binom.interval(0.999, 300, 0.05)
    assert low <= (spatial <= 0.05).sum() <= high
    assert (naive <= 0.05).sum() > 3 * high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A": ["G1", "APOE"]}, "gene set 'A' holds gene 'APOE', which is not among the 8"),
        ({"A": []}, "gene set 'A' holds no gene"),
    ],
)
def test_sets_that_do_not_fit_are_refused(small, change, message):
    with pytest.raises(ValueError, match=message):
        set_profiles(small[0], change)


def test_constant_genes_and_maps_and_a_set_of_everything_are_refused(small):
    expression, maps = small
    with pytest.raises(ValueError, match="expression: 'G2' has the same value in every region"):
        set_profiles(expression.assign(G2=0.1), SETS)
    with pytest.raises(ValueError, match="map '3' has one value everywhere"):
        set_scores(set_profiles(expression, SETS), maps.T.assign(**{"3": 0.3}).T)
    with pytest.raises(ValueError, match="gene set 'all' holds all 8 genes"):
        random_gene_enrichment(gene_correlations(expression, maps), {"all": GENES})
    with pytest.raises(ValueError, match="genes given more than once: 'G0'"):
        set_profiles(expression.set_axis(["G0", *GENES[:-1]], axis=1), SETS)
