"""Names and places of regions: whatever style names are in, pairs, plots, nulls and parcellations come out right."""

import json
import re
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import xsg
from xsg import plotting
from xsg.atlas import REGIONS, Graph, Parcellation, SparseGraph, build_graph, homologous_pairs, load_parcellation, mesh
from xsg.atlas.pairs import TOLERANCE, find_pairs
from xsg.check import constant
from xsg.evaluation import nulls, splits
from xsg.interactive import cortex_view
from xsg.names import background, subcortical

DK = load_parcellation("dk")
HALF = len(DK.labels) // 2
STYLES = {
    "L_x": lambda side, name: f"{side}_{name}",
    "lh_x": lambda side, name: f"{side.lower()}h_{name}",
    "lh.x": lambda side, name: f"{side.lower()}h.{name}",
    "ctx-lh-x": lambda side, name: f"ctx-{side.lower()}h-{name}",
    "x_left": lambda side, name: f"{name}_{'left' if side == 'L' else 'right'}",
    "Left-x": lambda side, name: f"{'Left' if side == 'L' else 'Right'}-{name}",
    "x-lh": lambda side, name: f"{name}-{side.lower()}h",
    "lh_x_thickness": lambda side, name: f"{side.lower()}h_{name}_thickness",
    "L_x_thickavg": lambda side, name: f"{side}_{name}_thickavg",
    "L_X_ROI": lambda side, name: f"{side}_{name.upper()}_ROI",
    "x (L)": lambda side, name: f"{name} ({side})",
}


def styled(style: str, regions=REGIONS) -> list[str]:
    return [STYLES[style](name[0], name[2:]) for name in regions]


def dk_called(style: str) -> Parcellation:
    return Parcellation.from_labels(f"dk as {style}", DK.labels, dict(enumerate(styled(style))))


def silent(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return make()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def schaefer(folder, n: int) -> Parcellation:
    labels = np.loadtxt(folder / f"human/atlas/schaefer_{n}_fsa5.csv", dtype=int)
    if n == 400:
        names = pd.read_csv(folder / "human/atlas/funcLabels_ctx_schaefer_400.csv", header=None).iloc[0]
    else:
        table = pd.read_csv(folder / f"human/expression/allgenes_stable_r0.6_schaefer_{n}.csv", usecols=[0])
        names = [name for name in table.iloc[:, 0] if "Networks" in name]
    return Parcellation.from_labels(f"schaefer{n}", labels, dict(enumerate(names, start=1)))


# Pairs


@pytest.mark.parametrize("style", STYLES)
def test_pairs_do_not_depend_on_the_style_of_names(style):
    expected = [*range(34), *range(34)]
    assert homologous_pairs(styled(style)).tolist() == expected
    other = dk_called(style)
    assert homologous_pairs(other.regions, other).tolist() == expected
    assert other.homologue[styled(style)[3]] == styled(style)[37]
    assert not find_pairs(other.regions, other).unknown.any()
    found = silent(lambda: splits.homologous(styled(style), n_folds=7, seed=3))
    assert np.array_equal(found, splits.homologous(REGIONS, n_folds=7, seed=3))


def test_two_styles_in_one_table_pair():
    names = ["L_cuneus", "lh_insula", "Right-Cuneus", "insula_rh", "ctx-lh-lingual"]
    assert homologous_pairs(names).tolist() == [0, 1, 0, 1, 2]


def test_desikan_killiany_is_within_the_tolerance():
    xyz = DK.table[["x", "y", "z"]].to_numpy()
    apart = np.linalg.norm(xyz[:34] * [-1, 1, 1] - xyz[34:], axis=1)
    assert apart.max() == pytest.approx(6.9, abs=0.05)
    assert TOLERANCE == 15 > 2 * apart.max()
    assert homologous_pairs(REGIONS, DK.table).tolist() == [*range(34), *range(34)]
    assert homologous_pairs(REGIONS, DK.table[["x", "y", "z"]]).tolist() == [*range(34), *range(34)]
    assert DK.homologue.index.to_list() == list(REGIONS)


@pytest.mark.parametrize(("n", "paired"), [(100, 88), (200, 174), (300, 246), (400, 330)])
def test_schaefers_numbers_are_no_names(n, paired, real_data):
    atlas = schaefer(real_data, n)
    xyz = atlas.table[["x", "y", "z"]].to_numpy()
    found = find_pairs(atlas.regions, atlas)
    a = np.flatnonzero(found.twin >= 0)
    assert len(a) == paired == len(atlas.homologue)
    gap = np.linalg.norm(xyz[a] * [-1, 1, 1] - xyz[found.twin[a]], axis=1)
    assert gap.max() < 12.9 < TOLERANCE
    # Each is the nearest to the other's mirror image, and most have other numbers.
    side = atlas.table["hemisphere"].to_numpy()
    apart = np.where(side[:, None] != side, cdist(xyz * [-1, 1, 1], xyz), np.inf)
    assert (apart[a].argmin(axis=1) == found.twin[a]).all()
    same = [x.replace("_LH_", "_RH_") == y.replace("_LH_", "_RH_") for x, y in atlas.homologue.items()]
    assert np.mean(same) < 0.5
    assert found.unknown.any()
    # Without places nothing is known of numbers.
    alone = find_pairs(atlas.regions)
    assert (alone.twin < 0).all()
    assert alone.unknown.all()


def mirrored(names_left, names_right, shift=0.0) -> pd.DataFrame:
    """Return five regions a side, at places that mirror each other but for a shift."""
    left = DK.table.iloc[[0, 3, 9, 21, 33]][["x", "y", "z"]].to_numpy()
    right = left * [-1, 1, 1] + [0, shift, 0]
    return pd.DataFrame(np.concatenate([left, right]), [*names_left, *names_right], ["x", "y", "z"])


def test_numbers_count_where_the_places_mirror():
    table = mirrored([f"LH_Vis_{k}" for k in range(5)], [f"RH_Vis_{k}" for k in range(5)], shift=6)
    assert homologous_pairs(table.index, table).tolist() == [0, 1, 2, 3, 4] * 2
    assert homologous_pairs(table.index).tolist() == list(range(10))


def test_numbers_that_run_another_way_are_paired_by_place():
    order = [2, 4, 1, 0, 3]
    table = mirrored([f"L_{k}" for k in range(5)], [f"R_{k}" for k in order], shift=-5)
    assert homologous_pairs(table.index, table).tolist() == [0, 1, 2, 3, 4] * 2


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([f"parcel {k}" for k in range(5)], [f"parcel {k}" for k in range(5, 10)]),
        ([f"V{k}a" for k in range(5)], [f"W{k}a" for k in range(5)]),
        ([str(k) for k in range(1, 6)], [str(k) for k in range(6, 11)]),
        ([f"L_{k}" for k in range(1, 6)], [f"R_{k}" for k in range(51, 56)]),
    ],
)
def test_names_without_a_side_or_stem_are_paired_by_place(left, right):
    table = mirrored(left, right, shift=4)
    assert homologous_pairs(table.index, table).tolist() == [0, 1, 2, 3, 4] * 2
    assert not find_pairs(table.index, table).unknown.any()
    far = mirrored(left, right)
    far.iloc[5:, 1] += 200
    assert homologous_pairs(far.index, far).tolist() == list(range(10))


def test_equal_names_at_places_that_do_not_mirror_are_not_taken_for_homologues():
    names = [f"{side}_{name}" for side in "LR" for name in ("cuneus", "insula", "precentral")]
    table = DK.table.loc[names, ["x", "y", "z"]].copy()
    table.loc["R_insula"] = [30.0, -90.0, 20.0]
    found = find_pairs(names, table)
    assert found.number.tolist() == [0, 1, 2, 0, 3, 2]
    assert found.unknown.tolist() == [False, True, False, False, True, False]


def test_the_hemisphere_column_decides():
    table = mirrored([f"a{k}x" for k in range(5)], [f"b{k}x" for k in range(5)])
    side = ["left"] * 5 + ["RH"] * 5
    assert homologous_pairs(table.index, table.assign(hemisphere=side)).tolist() == [0, 1, 2, 3, 4] * 2
    with pytest.raises(ValueError, match="hemisphere of 'a0x' is 'both'"):
        homologous_pairs(table.index, table.assign(hemisphere="both"))


def test_centres_of_more_regions_in_another_order_and_style():
    table = DK.table.sample(frac=1, random_state=2).rename(index=lambda name: f"{name[0].lower()}h_{name[2:]}")
    names = ["R_insula", "L_cuneus", "L_insula", "R_cuneus", "L_lingual"]
    found = find_pairs(names, table)
    assert found.twin.tolist() == [2, 3, 0, 1, -1]
    assert not found.unknown.any()  # the right lingual gyrus is known, and not among them


@pytest.mark.parametrize(
    ("centres", "error", "told"),
    [
        (np.zeros((2, 3)), TypeError, "expected a Parcellation or a DataFrame"),
        (pd.DataFrame({"x": [1.0], "y": [2.0]}, ["L_insula"]), ValueError, "no column 'z'"),
        (pd.DataFrame({"x": [-1.0, np.nan], "y": 2.0, "z": 3.0}, ["L_insula", "R_insula"]), ValueError, "not finite"),
        (pd.DataFrame({"x": [-1.0], "y": [2.0], "z": [3.0]}, ["L_insula"]), ValueError, "missing: 'R_insula'"),
    ],
)
def test_centres_that_are_none(centres, error, told):
    with pytest.raises(error, match=told):
        homologous_pairs(["L_insula", "R_insula"], centres)


# Splits and reports


def test_a_split_says_when_pairs_are_not_known():
    names = [f"{side}H_Vis_{k}" for side in "LR" for k in range(1, 12)]
    with pytest.warns(splits.PairWarning, match=r"0 regions have .*22 of 22 regions .*'LH_Vis_1'.*and 17 more"):
        splits.homologous(names)
    with pytest.warns(splits.PairWarning, match="8 of 8"):
        splits.homologous(["area17", "area18", "area4", "area6", "V1", "V2", "M1", "M2"], n_folds=2)
    with pytest.warns(splits.PairWarning, match=r"2 of 4 regions .*'L_bankssts', 'R_banksts'"):
        splits.homologous(["L_bankssts", "L_cuneus", "R_banksts", "R_cuneus"], n_folds=2)
    assert issubclass(splits.PairWarning, splits.LeakWarning)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("homologous", "88 regions .* 11 of 100 regions .* use the split 'mirrored-blocks'"),
        ("spatial", "11 of 100 regions .* 44 blocks of regions at each other's mirror image stay together"),
        ("distance", "11 of 100 regions .* 44 blocks"),
    ],
)
def test_schaefers_odd_regions_are_told(name, told, real_data):
    atlas = schaefer(real_data, 100)
    with pytest.warns(splits.PairWarning, match=f"split '{name}': {told}"):
        held_out = splits.split(name, atlas, atlas.regions)
    assert not splits.parted_pairs(held_out, atlas.regions, atlas)
    left = atlas.regions[:50]
    silent(lambda: splits.split(name, atlas, left))  # one hemisphere has nothing to leak


def test_numbers_and_places_make_a_proven_split():
    table = mirrored([f"L_{k}" for k in range(5)], [f"R_{k}" for k in (3, 4, 0, 1, 2)]).assign(
        hemisphere=["L"] * 5 + ["R"] * 5
    )
    atlas = Parcellation.from_centroids("ten", table)
    held_out = silent(lambda: splits.split("homologous", atlas, atlas.regions, n_folds=3))
    assert np.array_equal(held_out[:, :5], held_out[:, 5:])
    with pytest.warns(splits.LeakWarning, match="holds L_0 out while its homologue R_3 trains|R_3 .*L_0") as caught:
        splits.split("left-to-right", atlas, atlas.regions)
    assert caught[0].category is splits.LeakWarning


def test_absent_homologues_are_no_trouble():
    some = [r for r in REGIONS if r not in ("R_frontalpole", "R_temporalpole", "L_insula")]
    for style in STYLES:
        silent(lambda style=style: splits.homologous(styled(style, some)))
        other = dk_called(style)
        silent(lambda style=style, other=other: splits.split("spatial", other, styled(style, some)))
    # Also where the parcellation itself lacks them: nobody lies there.
    own = Parcellation.from_centroids("own", DK.table.loc[some])
    silent(lambda: splits.split("homologous", own, own.regions))


def test_a_region_is_found_in_its_parcellation_in_any_style():
    for style in STYLES:
        assert DK.spelt(styled(style)).to_list() == list(REGIONS)
        found = splits.split("distance", DK, styled(style))
        assert np.array_equal(found, splits.split("distance", DK, REGIONS))
    with pytest.raises(ValueError, match=r"'lh_bankst' is not in parcellation 'dk'.*Did you mean 'L_bankssts'\?"):
        DK.spelt(["lh_bankst", "R_insula"])
    with pytest.raises(ValueError, match="'lh_insula' is given twice"):
        DK.spelt(["L_insula", "lh_insula"])


@pytest.mark.parametrize("bad", [2.5, "5", True, None, np.nan])
def test_folds_and_seeds_are_whole_numbers(bad):
    with pytest.raises((TypeError, ValueError), match=r"n_folds is .*expected a whole number"):
        splits.homologous(REGIONS, n_folds=bad)
    with pytest.raises((TypeError, ValueError), match=r"seed is .*expected a whole number"):
        splits.random(REGIONS, seed=bad)
    assert splits.homologous(REGIONS, n_folds=np.int64(4), seed=np.int32(1)).shape == (4, 68)


def study(style: str, name: str = "study", numbered: bool = False) -> xsg.Cortex:
    """Make random genes and map, nearly equal on both sides: nothing can be predicted of a pair held out."""
    rng = np.random.default_rng(5)
    half = rng.normal(size=(34, 20)), rng.normal(size=34)
    genes = np.tile(half[0], (2, 1)) + 0.01 * rng.normal(size=(68, 20))
    values = np.tile(half[1], 2) + 0.01 * rng.normal(size=68)
    table = DK.table.set_axis(styled(style), axis=0)
    if numbered:  # with gaps, so that the pairs are no longer at the same number
        left, right = np.arange(34), (np.arange(34) + 11) % 34
        table = table.set_axis([*(f"LH_{k}" for k in left), *(f"RH_{k}" for k in right)], axis=0)
    atlas = Parcellation.from_labels(name, DK.labels, dict(enumerate(table.index)))
    regions = atlas.regions
    return xsg.Cortex(
        name, pd.DataFrame(genes, regions), pd.Series(values, regions), build_graph(atlas), atlas, ["invented"]
    )


@pytest.mark.parametrize("style", ["L_x", "lh_x", "ctx-lh-x", "x_left", "numbered"])
def test_nothing_is_predicted_of_a_pair_held_out_whatever_it_is_called(style):
    cortex = study("L_x" if style == "numbered" else style, numbered=style == "numbered")
    model = xsg.CrossScaleVAE(epochs=60)
    found = silent(lambda: xsg.evaluate(model, cortex, n_nulls=0, progress=False))
    assert found.leaks is False
    assert found.unpaired == ()
    assert found.held_out.loc["R²", "value"] < 0
    assert (found.baselines["R²"] < 0.02).all()
    assert "known" not in found.sentence
    leaky = pytest.warns(splits.LeakWarning)
    with leaky:
        found = xsg.evaluate(model, cortex, split="left-to-right", n_nulls=0, progress=False)
    assert found.leaks is True
    assert found.baselines.loc["contralateral copy", "R²"] > 0.98


@pytest.fixture(scope="module")
def unproven() -> xsg.Report:
    """Evaluate a study whose right hemisphere is divided otherwise, so that not all regions have a homologue."""
    labels = DK.labels.copy()
    y = mesh("pial").parts["right"].coordinates[:, 1]
    for row in (54, 60):  # cut two right regions in two
        mine = np.flatnonzero(labels == row)
        labels[mine[y[mine - HALF] > np.median(y[mine - HALF])]] = 100 + row
    found = np.unique(labels[labels >= 0])
    names = {k: f"{'LR'[int(k >= 34)]}_{(i * 7) % 101}" for i, k in enumerate(found)}
    atlas = Parcellation.from_labels("uneven", labels, names)
    rng = np.random.default_rng(0)
    n = len(atlas.regions)
    genes, values = pd.DataFrame(rng.normal(size=(n, 8)), atlas.regions), pd.Series(rng.normal(size=n), atlas.regions)
    own = xsg.Cortex("uneven", genes, values, build_graph(atlas), atlas)
    with pytest.warns(splits.PairWarning):
        return xsg.evaluate(xsg.CrossScaleVAE(epochs=3), own, split="homologous", n_nulls=0, progress=False)


def test_a_leak_that_is_not_excluded_is_reported_as_not_known(unproven):
    assert unproven.leaks is None
    assert 0 < len(unproven.unpaired) < 20
    told = f"not known: {len(unproven.unpaired)} of 70 regions have no homologue"
    assert told in unproven.sentence
    assert told in re.sub(r"\s+", " ", repr(unproven))
    assert told in unproven._repr_html_()
    assert "leaks: not known" in unproven.plot()._suptitle.get_text()


def test_one_hemisphere_cannot_leak_whatever_its_names():
    left = DK.labels.copy()
    left[HALF:] = -1
    atlas = Parcellation.from_labels("left", left, {k: f"parcel {k}" for k in range(34)})
    rng = np.random.default_rng(0)
    genes, values = (
        pd.DataFrame(rng.normal(size=(34, 8)), atlas.regions),
        pd.Series(rng.normal(size=34), atlas.regions),
    )
    own = xsg.Cortex("left", genes, values, build_graph(atlas, homotopic=False), atlas)
    found = silent(lambda: xsg.evaluate(xsg.CrossScaleVAE(epochs=3), own, n_nulls=0, progress=False))
    assert found.leaks is False


@pytest.mark.parametrize("ending", [".html", ".csv", ".txt", ".png", ".svg", ".pdf"])
def test_a_report_is_written_whole_or_not_at_all(unproven, tmp_path, ending, monkeypatch):
    path = tmp_path / f"report{ending}"
    assert unproven.save(path) == path
    before = path.read_bytes()
    assert len(before) > 500
    if ending in (".html", ".txt"):
        assert "not known" in re.sub(r"\s+", " ", before.decode())

    def broken(*args, **kwargs):
        raise OSError(28, "No space left on device")

    for each in ("write_text", "write_bytes"):
        monkeypatch.setattr("pathlib.Path." + each, broken)
    monkeypatch.setattr(pd.DataFrame, "to_csv", broken)
    with pytest.raises(ValueError, match=r"cannot write .*No space left on device"):
        unproven.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_report_that_cannot_be_written_is_told(unproven, tmp_path):
    with pytest.raises(ValueError, match=r"'\.doc' is unknown; expected one of '\.html'"):
        unproven.save(tmp_path / "report.doc")
    with pytest.raises(ValueError, match="cannot write"):
        unproven.save(tmp_path / "nowhere" / "report.html")


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"n_nulls": 19.5}, ValueError, "n_nulls is 19.5; expected a whole number"),
        ({"n_nulls": "99"}, TypeError, "n_nulls is '99'"),
        ({"n_nulls": -1}, ValueError, "n_nulls is -1"),
        ({"n_nulls": True}, TypeError, "n_nulls is True"),
        ({"n_seeds": 1.5}, ValueError, "n_seeds is 1.5"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"seed": None}, TypeError, "seed is None"),
        ({"split": "homologus"}, ValueError, "Did you mean 'homologous'"),
        ({"null": "Spin"}, ValueError, "null 'Spin' is unknown"),
    ],
)
def test_arguments_of_evaluate(options, error, told):
    with pytest.raises(error, match=re.escape(told)):
        xsg.evaluate(xsg.CrossScaleVAE(epochs=2), study("lh_x"), **({"n_nulls": 0, "progress": False} | options))


def test_a_preset_or_a_class_in_place_of_a_model():
    with pytest.raises(TypeError, match=r"got str\. For a preset: xsg\.CrossScaleVAE\.from_preset\('xsg'\)"):
        xsg.evaluate("xsg", study("L_x"))
    with pytest.raises(TypeError, match=r"got type\. Make one: xsg\.CrossScaleVAE\(\)"):
        xsg.evaluate(xsg.CrossScaleVAE, study("L_x"))


# Figures


@pytest.mark.parametrize("style", STYLES)
def test_figures_draw_any_style(style):
    atlas = dk_called(style)
    values = pd.Series(np.linspace(0.1, 0.3, 68), styled(style))
    for parcellation in (atlas, DK, None):
        figure = plotting.brain(values.sample(frac=1, random_state=1), "mm", parcellation)
        assert len(figure.axes) == 5
        assert not [text for text in figure.texts if "grey" in text.get_text()]
    ax = plotting.observed_against_predicted(values, values[::-1], "mm")
    assert [(c.get_label(), len(c.get_offsets())) for c in ax.collections] == [("left", 34), ("right", 34)]


def shown_values(view) -> dict:
    spec = json.loads(re.search(r'^start\("[0-9a-f]+", \w+, (?:"(?:[^"\\]|\\.)*"), (\{.*\})\);$', view.html, re.M)[1])
    return dict(zip(spec["regions"], spec["maps"][0]["values"], strict=True))


@pytest.mark.parametrize("style", ["lh_x", "ctx-lh-x", "x_left", "Left-x"])
def test_the_turning_cortex_draws_any_style(style):
    values = pd.Series(np.arange(68.0), styled(style)).iloc[::-1]
    for atlas in (dk_called(style), None):
        found = shown_values(cortex_view(values, "mm", parcellation=atlas))
        wanted = styled(style)[20] if atlas else REGIONS[20]
        assert found[wanted] == pytest.approx(20, abs=0.2)


def test_a_map_paints_its_own_regions_in_another_order_and_style():
    values = pd.Series(0.0, styled("lh_x")).sample(frac=1, random_state=3)
    values["lh_precentral"] = 1.0
    figure = plotting.brain(values, "one region", limits=(0, 1), cmap="gray")
    bright = figure.axes[0].collections[0].get_facecolor()[:, 0] > 0.9
    share = (DK.labels[:HALF] == REGIONS.index("L_precentral")).mean()
    assert bright.mean() == pytest.approx(share, rel=0.15)
    assert not (figure.axes[3].collections[0].get_facecolor()[:, 0] > 0.9).any()  # and none on the right


def test_missing_regions_are_grey_and_said():
    values = pd.Series(np.linspace(0, 1, 66), [r for r in REGIONS if r not in ("R_frontalpole", "R_insula")])
    texts = [text.get_text() for text in plotting.brain(values, "mm").texts]
    assert "grey: 2 regions without a value" in texts
    one = pd.Series(np.linspace(0, 1, 33), REGIONS[:33])
    assert "grey: 1 region without a value" in [text.get_text() for text in plotting.brain(one, "mm").texts]


@pytest.mark.parametrize(
    ("values", "error", "told"),
    [
        (pd.Series({"lh_bankst": 1.0}), ValueError, r"Did you mean 'L_bankssts'\?"),
        (pd.Series({"rh_bankst": 1.0}), ValueError, r"Did you mean 'R_bankssts'\?"),
        (pd.Series({"lh_insula": 1.0, "L_insula": 2.0}), ValueError, "'L_insula' is given twice|'lh_insula'"),
        (pd.Series({"L_insula": "high"}), ValueError, "no number"),
        (pd.Series({"L_insula": np.inf}), ValueError, "not finite"),
        (pd.Series(dtype=float), ValueError, "no values"),
        (np.zeros(68), TypeError, "bare array"),
        ([0.1] * 68, TypeError, "bare array"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(values, error, told):
    with pytest.raises(error, match=told):
        plotting.brain(values, "mm")
    with pytest.raises((error, ValueError), match=f"{told}|expected one or more"):
        cortex_view(values, "mm")


def test_tables_of_one_column_integers_and_text_are_drawn():
    for values in (
        pd.DataFrame({"t": np.arange(68)}, REGIONS),
        pd.Series(np.arange(68), REGIONS, dtype="Int64"),
        pd.Series([f"{k}" for k in range(68)], REGIONS),
        dict(zip(REGIONS, range(68), strict=True)),
    ):
        assert plotting.brain(values, "mm").axes[-1].get_ylim() == (0, 67)


def test_the_scatter_joins_by_name_and_says_whose_side_is_not_told():
    observed = pd.Series(
        np.arange(9.0), [*styled("lh_x", REGIONS[:3]), *styled("lh_x", REGIONS[34:38]), "V1", "insula"]
    )
    predicted = observed.rename(lambda n: n.replace("lh_", "L_").replace("rh_", "R_")).sample(frac=1, random_state=0)
    ax = plotting.observed_against_predicted(observed, predicted, "mm")
    assert [(c.get_label(), len(c.get_offsets())) for c in ax.collections] == [
        ("left", 3),
        ("right", 4),
        ("not told", 2),
    ]
    assert "r = 1.00" in ax.texts[0].get_text()
    predicted.iloc[0] = np.nan
    ax = plotting.observed_against_predicted(observed, predicted, "mm")
    assert "r = 1.00\n8 of 9 regions" in ax.texts[0].get_text()
    with pytest.raises(ValueError, match=r"predicted: .*missing"):
        plotting.observed_against_predicted(observed, predicted.iloc[1:], "mm")


def test_the_scatter_takes_sides_from_the_parcellation():
    names = {k: f"parcel {k}" for k in range(68)}
    atlas = Parcellation.from_labels("numbered", DK.labels, names)
    values = pd.Series(np.arange(68.0), atlas.regions)
    ax = plotting.observed_against_predicted(values, values, "mm", parcellation=atlas)
    assert [c.get_label() for c in ax.collections] == ["left", "right"]
    ax = silent(lambda: plotting.observed_against_predicted(values * 0 + 0.1, values, "mm"))  # no correlation
    assert "r =" not in ax.texts[0].get_text()


def test_the_graph_is_drawn_with_values_in_another_style():
    graph = build_graph(DK)
    values = pd.Series(np.arange(68.0), styled("ctx-lh-x"))[::-1]
    figure = plotting.glass_graph(graph, values=values)
    assert figure.axes[0].collections[0].get_array().tolist() == list(range(68))
    assert figure.axes[1].collections[0].get_array().tolist() == list(range(34))


# Nulls


@pytest.mark.parametrize("method", nulls.MAP_NULLS)
@pytest.mark.parametrize("style", ["lh_x", "x_left"])
def test_nulls_do_not_depend_on_order_or_style(method, style):
    rng = np.random.default_rng(0)
    observed = pd.Series(np.round(rng.normal(size=68), 1), REGIONS)  # with ties
    expected = nulls.null_maps(observed, DK, method, n=6, progress=False)
    other = observed.set_axis(styled(style)).sample(frac=1, random_state=1)
    found = nulls.null_maps(other, DK, method, n=6, progress=False)
    assert found.columns.equals(other.index)
    np.testing.assert_allclose(found[styled(style)], expected, rtol=1e-6, atol=1e-9)
    own = nulls.null_maps(observed.set_axis(styled(style)), dk_called(style), method, n=6, progress=False)
    np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 2.7, 1.0, 0.0, -1e-9, 1e12])
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_a_constant_map_has_no_null(value, dtype):
    rounding = np.where(np.arange(68) % 2, value, value * (1 + 2e-16))
    for values in (np.full(68, value, dtype), rounding):
        with pytest.raises(ValueError, match="in every region"):
            nulls.null_maps(pd.Series(values, REGIONS), DK, n=3)
    half = pd.Series(np.where(np.arange(68) < 34, value, np.arange(68.0)), REGIONS)
    with pytest.raises(ValueError, match="a hemisphere has one value throughout"):
        nulls.null_maps(half, DK, "moran", n=3)


def test_constant_up_to_rounding_and_no_further():
    assert constant(np.array([0.1 + 0.2, 0.3]))
    assert constant(np.zeros(3))
    assert not constant(np.array([1.0, 1.0 + 1e-9]))
    assert constant(np.array([[0.1, 0.1], [0.1, 0.2]])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda m: nulls.null_maps(m, DK, n=2.5), ValueError, "n is 2.5; expected a whole number"),
        (lambda m: nulls.null_maps(m, DK, n="5"), TypeError, "n is '5'"),
        (lambda m: nulls.null_maps(m, DK, n=3, seed=-1), ValueError, "seed is -1"),
        (lambda m: nulls.null_maps(m, DK, n=3, seed=None), TypeError, "seed is None"),
        (lambda m: nulls.null_maps(m, DK, "Moran", n=3), ValueError, "Did you mean 'moran'"),
        (lambda m: nulls.null_maps(m.where(m > m.min()), DK, n=3), ValueError, "not finite.*L_bankssts"),
        (lambda m: nulls.null_maps(m.rename({"L_cuneus": "lh_cunus"}), DK, n=3), ValueError, "mean 'L_cuneus'"),
        (lambda m: nulls.null_maps(m.astype(str) + "mm", DK, n=3), ValueError, "is no number"),
        (lambda m: nulls.null_maps(list(m), DK, n=3), TypeError, "bare array"),
        (lambda m: nulls.null_maps(pd.DataFrame({"a": m, "b": -m}), DK, n=3), ValueError, r"thinning\.T"),
        (lambda m: nulls.noise_genes(m.to_frame(), n=0), ValueError, "n is 0"),
        (lambda m: nulls.rotations(3.5), ValueError, "n is 3.5"),
        (lambda m: nulls.p_value("high", m), TypeError, "observed"),
        (lambda m: nulls.p_value(0.5, m, "Greater"), ValueError, "Did you mean 'greater'"),
    ],
)
def test_what_has_no_null_is_refused(make, error, told):
    with pytest.raises(error, match=told):
        make(pd.Series(np.arange(68.0), REGIONS))


def test_one_map_in_plain_forms_has_the_same_nulls():
    observed = pd.Series(np.arange(68) % 23, REGIONS)
    expected = nulls.null_maps(observed.astype(float), DK, n=np.int64(4))
    for given in (observed, observed.astype(str), observed.to_frame("t"), observed.to_dict(), observed.astype("int8")):
        np.testing.assert_array_equal(nulls.null_maps(given, DK, n=4), expected)


def test_a_null_that_equals_the_observed_up_to_rounding_counts():
    assert nulls.p_value(0.1 + 0.2, [0.3, 0.1, 0.1]) == 2 / 4
    assert nulls.p_value(0.3, [0.1 + 0.2, 0.1], "less") == 1.0
    assert nulls.p_value(-0.3, [0.1 + 0.2, 0.1, 0.2], "two-sided") == 2 / 4
    assert nulls.p_value(np.float32(2), pd.Series([1, 3])) == 2 / 3


# Anatomy


def one_off() -> tuple[np.ndarray, list[str]]:
    """Return left labels with 0 = medial wall, 1 to 34 the regions, right nothing; and the 34 names."""
    labels = np.where(np.arange(len(DK.labels)) < HALF, DK.labels + 1, -1)
    return labels, list(REGIONS[:34])


def test_names_one_off_are_refused():
    labels, names = one_off()
    with pytest.raises(ValueError, match=r"'L_bankssts' .* is the medial wall: 100% of its 1038 .* one off"):
        Parcellation.from_labels("one off", labels, dict(zip(np.unique(labels[:HALF]), names, strict=False)))
    for wall in ("unknown", "lh_medialwall", "???", "Background+FreeSurfer_Defined_Medial_Wall"):
        found = silent(lambda wall=wall: Parcellation.from_labels("right", labels, dict(enumerate([wall, *names]))))
        assert list(found.regions) == names
        with pytest.raises(ValueError, match=re.escape(wall) + ".*100% .*off the medial wall"):
            Parcellation.from_labels("off", labels, dict(enumerate([wall, *names[:-1]], start=1)))
    silent(lambda: Parcellation.from_labels("right", labels, dict(enumerate(names, start=1))))
    for style in ("lh_x", "ctx-lh-x"):
        moved = styled(style, [*names[1:], names[0]])
        with pytest.raises(ValueError, match=r"of 34 with names of the Desikan-Killiany .*order"):
            Parcellation.from_labels("moved", labels, dict(enumerate(moved, start=1)))


def test_a_label_left_without_a_name_is_told():
    labels, names = one_off()
    n = int((labels == 34).sum())
    with pytest.warns(UserWarning, match=f"1 labels of 'short' have no name, so that {n} vertices .*'34'"):
        found = Parcellation.from_labels("short", labels, dict(enumerate(names[:-1], start=1)))
    assert len(found.regions) == 33
    other = {k: name for k, name in enumerate(names, start=1) if k != 7} | {7: None}
    with pytest.warns(UserWarning, match="'7'"):
        Parcellation.from_labels("holed", labels, other)


def test_the_corpus_callosum_is_no_region(real_data):
    labels = np.loadtxt(real_data / "human/atlas/aparc_fsa5.csv")  # floats, as numpy reads them
    names = {int(k): f"{'LR'[int(k > 35)]}_area{int(k) % 35}x" for k in np.unique(labels) if k > 0}
    with pytest.raises(ValueError, match=r"'L_area4x' \(label 4\) .* is the medial wall"):
        Parcellation.from_labels("aparc", labels, names)
    right = names | {4: "lh_corpuscallosum", 39: "ctx-rh-corpuscallosum", 0: "unknown"}
    assert len(silent(lambda: Parcellation.from_labels("aparc", labels, right)).regions) == 68


def test_small_regions_by_the_wall_are_regions(real_data):
    """Glasser's area of the hippocampus lies in what is medial wall to Desikan and Killiany."""
    labels = np.loadtxt(real_data / "human/atlas/glasser_360_fsa5.csv", dtype=int)
    names = {k: f"{'LR'[k > 180]}_A{(k - 1) % 180}x_ROI" for k in range(1, 361)}
    with pytest.raises(ValueError, match=r"label 180.* in the left, \d+ in the right"):
        Parcellation.from_labels("glasser", labels, names)
    labels[HALF:][labels[HALF:] == 180] = -1
    atlas = silent(lambda: Parcellation.from_labels("glasser", labels, names))
    assert homologous_pairs(atlas.regions, atlas).tolist() == [*range(180), *range(180)]


@pytest.mark.parametrize(
    ("labels", "names", "error", "told"),
    [
        (DK.labels.astype(str), {0: "a"}, TypeError, "labels: expected numbers"),
        (DK.labels + 0.5, {0: "a"}, ValueError, "vertex 0 has .*expected whole numbers"),
        (np.where(DK.labels < 0, np.nan, DK.labels), {0: "a"}, ValueError, "has nan; expected whole numbers, -1"),
        (np.zeros(81924), {0: "a"}, ValueError, r"\(81924,\), as fsaverage6 has\. Resample"),
        (np.zeros(64984), {0: "a"}, ValueError, "fs_LR 32k"),
        (np.zeros(10242), {0: "a"}, ValueError, "one hemisphere of fsaverage5 has.*other hemisphere's vertices"),
        (np.zeros((2, 10242)), {0: "a"}, ValueError, r"\(2, 10242\)"),
        (DK.labels, list(REGIONS), TypeError, "expected a dict of label -> region name, got list"),
        (DK.labels, {"0": "a"}, ValueError, "'0' is no label|no vertex"),
        (DK.labels, {0.5: "a"}, ValueError, "0.5 is no label"),
        (DK.labels, dict(enumerate(styled("L_x", [*REGIONS[34:], *REGIONS[:34]]))), ValueError, "name denies"),
    ],
)
def test_labels_that_are_none(labels, names, error, told):
    with pytest.raises(error, match=told):
        Parcellation.from_labels("odd", labels, names)


def test_labels_and_names_in_plain_forms_are_taken():
    for labels in (DK.labels.astype(float), DK.labels.astype("int16"), DK.labels[:, None], DK.labels.tolist()):
        found = Parcellation.from_labels("plain", labels, dict(enumerate(REGIONS)))
        assert np.array_equal(found.labels, DK.labels)
    found = Parcellation.from_labels("plain", DK.labels, pd.Series(REGIONS))
    assert found.regions.equals(DK.regions)
    found = Parcellation.from_labels("plain", DK.labels, {np.int32(k): name for k, name in enumerate(REGIONS)})
    assert found.regions.equals(DK.regions)


BELOW = [
    "Left-Hippocampus",
    "Lthal",
    "L_amygdala",
    "Laccumb",
    "Left-Thalamus-Proper",
    "lh_caudate",
    "Putamen_L",
    "Left-Cerebellum-Cortex",
    "Brain-Stem",
    "Left Pallidum",
    "HIP-lh",
    "L_thal",
    "Lput",
    "NAc-shell-lh",
    "aTHA-lh",
    "Left-VentralDC",
]


@pytest.mark.parametrize("name", BELOW)
def test_subcortical_rows_get_no_cortex(name):
    assert subcortical(name)
    row = pd.DataFrame({"hemisphere": "L", "x": -24.0, "y": -12.0, "z": -6.0}, [name])
    with pytest.raises(ValueError, match=f"1 lie below the cortex.*{name}.*Leave their rows out"):
        Parcellation.from_centroids("with", pd.concat([DK.table, row]))
    with pytest.raises(ValueError, match="below the cortex"):
        Parcellation.from_labels("with", DK.labels, dict(enumerate(REGIONS)) | {5: name})


def test_names_of_the_cortex_are_not_taken_for_others():
    cortical = ["L_parahippocampal", "ParaHippocampal_L", "L_H_ROI", "L_25_ROI", "lh_caudalmiddlefrontal", "L_PHA1"]
    cortical += ["7Networks_LH_Vis_1", "7Networks_LH_Limbic_TempPole_1", "R_pericalcarine", "L_Pir_ROI", "L_V1"]
    assert not any(subcortical(name) or background(name) for name in [*cortical, *REGIONS])


def test_a_deep_centre_without_a_name_is_refused():
    thalamus = pd.DataFrame({"hemisphere": "L", "x": -12.0, "y": -20.0, "z": 8.0}, ["L_nucleus"])
    with pytest.raises(ValueError, match=r"'L_nucleus'.* 22 mm below the cortex.*subcortical"):
        Parcellation.from_centroids("with", pd.concat([DK.table, thalamus]))


@pytest.mark.parametrize("name", ["L_unknown", "lh_corpuscallosum", "medial_wall_L", "???"])
def test_rows_of_the_wall_are_refused(name):
    row = pd.DataFrame({"hemisphere": "L", "x": -5.0, "y": -20.0, "z": 20.0}, [name])
    with pytest.raises(ValueError, match=f"{re.escape(name)}' is no region"):
        Parcellation.from_centroids("with", pd.concat([DK.table, row]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.assign(**(t[["x", "y", "z"]] / 1000)), "in metres. Expected mm: multiply by 1000"),
        (lambda t: t.assign(**(t[["x", "y", "z"]] / 10)), "in centimetres.*multiply by 10"),
        (lambda t: t.assign(x=-t["x"]), "multiply x by -1, and y too if they are in LPS"),
        (lambda t: t.assign(x=-t["x"], y=-t["y"]), "LPS"),
        (lambda t: t.assign(x=45 - t["x"] / 2, y=63 + t["y"] / 2, z=36 + t["z"] / 2), "voxel indices.*apply_affine"),
        (lambda t: t.assign(x=t["x"].where(t.index != "L_insula", 35.0)), "'L_insula', hemisphere 'L', lies at x = 35"),
        (lambda t: t.assign(hemisphere=t["hemisphere"].map({"L": "R", "R": "L"})), "other side"),
        (lambda t: t.set_axis(np.roll(t.index, 3), axis=0), "name denies|order"),
        (lambda t: t.iloc[:0], "there are none"),
        (lambda t: t.assign(x="left"), "numbers"),
    ],
)
def test_centres_in_other_units_or_on_the_other_side_are_refused(change, told):
    with pytest.raises(ValueError, match=told):
        Parcellation.from_centroids("odd", change(DK.table))


@pytest.mark.parametrize("style", STYLES)
def test_centres_and_labels_with_names_of_any_style_are_taken(style):
    found = Parcellation.from_centroids("own", DK.table.set_axis(styled(style), axis=0))
    assert list(found.regions) == styled(style)
    assert found.homologue.to_list() == [*styled(style)[34:], *styled(style)[:34]]
    joined, dense = build_graph(dk_called(style)), build_graph(DK)
    assert np.array_equal(joined.weights, dense.weights)


# Weights


def weights(values=((0, 1, 0), (1, 0, 2), (0, 2, 0))) -> pd.DataFrame:
    return pd.DataFrame(np.array(values, dtype=float), list("abc"), list("abc"))


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w * 2107,
        lambda w: w.astype(int) * 15,
        lambda w: w * 80.5,
    ],
)
def test_counts_are_refused_as_weights(change):
    with pytest.raises(ValueError, match=r"count of streamlines.*Divide all of them by the largest"):
        Graph(change(weights()))
    edges = np.array([[0, 1], [1, 2]])
    with pytest.raises(ValueError, match="count of streamlines"):
        SparseGraph(pd.Index(list("abc")), edges, change(weights()).to_numpy()[tuple(edges)])


def test_a_connectome_of_counts_is_scaled():
    rng = np.random.default_rng(0)
    counts = np.triu(rng.integers(0, 9000, (68, 68)) * (rng.random((68, 68)) < 0.3), 1)
    counts = pd.DataFrame(counts + counts.T, REGIONS, REGIONS)
    expected = build_graph(DK, weights="connectome", connectome=counts / counts.to_numpy().max()).weights
    for given in (
        counts,
        counts.astype("Int64"),
        counts.astype(pd.SparseDtype(int)),
        counts.set_axis(styled("lh_x"), axis=0).set_axis(styled("lh_x"), axis=1).sample(frac=1, random_state=0),
    ):
        found = build_graph(DK, weights="connectome", connectome=given).weights
        np.testing.assert_allclose(found, expected)
    for wrong, told in (
        (counts.mask(counts == counts.to_numpy().max()), "not finite"),
        (-counts, "negative"),
        (counts * 0, "no region is joined"),
        (counts.iloc[:-1, :-1], "missing: 'R_insula'"),
        (counts + np.eye(68), "diagonal"),
    ):
        with pytest.raises(ValueError, match=told):
            build_graph(DK, weights="connectome", connectome=wrong)
    with pytest.raises(TypeError, match="bare array"):
        build_graph(DK, weights="connectome", connectome=counts.to_numpy())


@pytest.mark.parametrize(
    "given",
    [
        lambda w: w.astype(int),
        lambda w: w.astype("Int64"),
        lambda w: w.astype(np.float32),
        lambda w: w.astype(pd.SparseDtype(float)),
        lambda w: w[["c", "a", "b"]],
    ],
)
def test_weights_in_plain_forms(given):
    found, expected = Graph(given(weights())), Graph(weights())
    assert found.weights.astype(float).equals(expected.weights)
    assert np.array_equal(found.laplacian(), expected.laplacian())
    assert found.n_components == 1


def test_boolean_edges_and_lists():
    adjacency = weights() > 0
    assert Graph(adjacency).normalised() == pytest.approx(Graph(adjacency.astype(float)).normalised())
    sparse = SparseGraph(list("abc"), [[0, 1], [1, 2]], [1, 2])
    assert sparse.dense().weights.equals(weights())
    assert sparse.check(connected=True).n_components == 1


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Graph(weights().to_numpy()), r"DataFrame .*got ndarray.*pd\.DataFrame\(weights, regions, regions\)"),
        (lambda: SparseGraph(list("abc"), [[0.5], [1]], [1]), "expected row numbers, got 0.5"),
        (lambda: SparseGraph(list("aba"), [[0], [1]], [1]), "places given more than once: 'a'"),
        (lambda: SparseGraph(list("abc"), [[0], [1]], [np.nan]), "not positive and finite"),
        (lambda: build_graph(DK, weights="Binary"), "Did you mean 'binary'"),
        (lambda: build_graph(DK, weights="distance", length=-3), "length in mm is -3"),
    ],
)
def test_what_is_no_graph(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_a_coarse_parcellation_mirrored_on_the_sphere_pairs_by_its_numbers():
    sphere = [mesh("sphere").parts[side].coordinates for side in ("left", "right")]
    seeds = sphere[0][np.random.default_rng(0).choice(np.flatnonzero(DK.labels[:HALF] >= 0), 40, replace=False)]
    left = cdist(sphere[0], seeds).argmin(axis=1)
    right = cdist(sphere[1] * np.float32([-1, 1, 1]), seeds).argmin(axis=1) + 40
    labels = np.where(DK.labels < 0, -1, np.concatenate([left, right]))
    names = {k: f"{'L' if k < 40 else 'R'}_{k % 40 + 1:02d}" for k in range(80)}
    atlas = Parcellation.from_labels("coarse", labels, names)
    assert homologous_pairs(atlas.regions, atlas).tolist() == [*range(40), *range(40)]


def test_cells_and_their_mirror_images_pair_by_their_numbers():
    """As a study of one's own with small cells: numbers mirror, though others may lie a little nearer."""
    left, right = (mesh("pial").parts[side].coordinates for side in ("left", "right"))
    twin = cdist(left[::20], right * [-1, 1, 1]).argmin(axis=1)
    where = (DK.labels[:HALF][::20] >= 0) & (DK.labels[HALF:][twin] >= 0)
    n = where.sum()
    names = [f"{side}_{k:03d}" for side in "LR" for k in range(n)]
    table = pd.DataFrame(np.concatenate([left[::20][where], right[twin[where]]]), names, ["x", "y", "z"])
    assert homologous_pairs(names, table).tolist() == [*range(n), *range(n)]


@pytest.mark.parametrize("style", ["L_x", "lh_x", "x_left"])
def test_a_study_is_evaluated_and_drawn_whatever_its_regions_are_called(style, tmp_path):
    cortex = study("L_x")
    names = pd.Index(styled(style), name="region")
    DK.table[["hemisphere", "x", "y", "z"]].round(2).set_axis(names, axis=0).to_csv(tmp_path / "regions.csv")
    cortex.expression.set_axis(names, axis=0).add_prefix("GENE").round(4).to_csv(tmp_path / "expression.csv")
    cortex.thinning.set_axis(names).rename("thinning").round(3).to_csv(tmp_path / "thinning.csv")
    own = xsg.read_study(tmp_path)
    found = silent(lambda: xsg.evaluate(xsg.CrossScaleVAE(epochs=40), own, n_nulls=0, progress=False))
    assert found.leaks is False
    assert found.held_out.loc["R²", "value"] < 0
    assert (found.baselines["R²"] < 0.02).all()
    assert len(plotting.brain(own.thinning, "mm", own.parcellation).axes) == 5
    ax = plotting.observed_against_predicted(own.thinning, own.thinning, "mm")
    assert [(c.get_label(), len(c.get_offsets())) for c in ax.collections] == [("left", 34), ("right", 34)]
