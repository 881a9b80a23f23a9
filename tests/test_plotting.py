"""Figures: what is drawn is what was given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from xsg import plotting
from xsg.atlas import REGIONS, build_graph, load_parcellation


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_brain_draws_four_views_with_a_labelled_bar():
    values = pd.Series(np.linspace(0.1, 0.3, 68), REGIONS)
    figure = plotting.brain(values, "thinning (mm)")
    assert len(figure.axes) == 5
    assert figure.axes[-1].get_ylabel() == "thinning (mm)"
    assert figure.axes[-1].get_ylim() == pytest.approx((0.1, 0.3))


def test_brain_is_symmetric_about_zero_and_draws_one_hemisphere():
    values = pd.Series(np.linspace(-1, 3, 34), REGIONS[:34])
    figure = plotting.brain(pd.DataFrame({"a": values, "b": -values}), "z")
    assert len(figure.axes) == 2 * 2 + 1
    assert figure.axes[-1].get_ylim() == (-3, 3)


def test_brain_paints_each_region_with_its_own_value():
    """The region that alone is bright must be the bright patch of the mesh drawn."""
    values = pd.Series(0.0, REGIONS)
    values["L_precentral"] = 1.0
    figure = plotting.brain(values, "one region", limits=(0, 1), cmap="gray")
    surface = figure.axes[0].collections[0]
    bright = surface.get_facecolor()[:, 0] > 0.9
    dk = load_parcellation("dk")
    share = (dk.labels[:10242] == REGIONS.index("L_precentral")).mean()
    assert bright.mean() == pytest.approx(share, rel=0.15)


def test_brain_refuses_unknown_regions():
    with pytest.raises(ValueError, match="'L_nowhere' is not in parcellation 'dk'"):
        plotting.brain(pd.Series({"L_nowhere": 1.0}), "x")


def test_scatter_states_what_it_shows():
    observed = pd.Series(np.linspace(0, 1, 68), REGIONS)
    ax = plotting.observed_against_predicted(observed, observed.iloc[::-1] * 0.5, "mm")
    assert ax.get_xlabel() == "observed thinning (mm)"
    assert "r = 1.00" in ax.texts[0].get_text()
    assert sum(len(points.get_offsets()) for points in ax.collections) == 68


def test_loss_terms_and_graph_are_drawn():
    history = pd.DataFrame({"reconstruction": [2.0, 1.0], "kl": [0.1, 0.2], "validation": [3.0, 2.0]}, index=[1, 2])
    ax = plotting.loss_terms(history)
    total = next(line for line in ax.lines if line.get_label() == "total")
    assert list(total.get_ydata()) == [2.1, 1.2]
    graph = build_graph(load_parcellation("dk"))
    figure = plotting.glass_graph(graph)
    assert len(figure.axes[0].lines) == graph.edges.shape[1]


def test_null_distributions_count_every_null_and_mark_the_observed():
    rng = np.random.default_rng(0)
    null = pd.DataFrame({"in-sample": rng.normal(0.8, 0.05, 200), "held out": rng.normal(0, 0.2, 200)})
    ax = plotting.null_distributions(pd.Series({"in-sample": 0.9, "held out": 0.5}), null, "nulls (spin)")
    assert sum(bar.get_height() for bar in ax.patches) == 2 * 200  # also the lowest, which are drawn at the edge
    assert [line.get_xdata()[0] for line in ax.lines] == [0.9, 0.5]
    assert ax.get_ylabel() == "nulls (spin)"


def test_points_with_intervals_stand_in_the_order_given():
    table = pd.DataFrame({"value": [0.5, -0.1], "low": [0.3, np.nan], "high": [0.6, np.nan]}, ["model", "mean"])
    ax = plotting.points_with_intervals(table)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["model  0.50", "mean  −0.10"]
    points = [tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() in "oD"]
    assert points == [(0.5, 0), (-0.1, 1)]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is at the top
