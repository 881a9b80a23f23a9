"""Figures: brain maps on the cortical surface, and the few plots that every chapter shares.

Figures are drawn on white with dark ink, so that they stay legible on a dark page; colour maps are perceptually uniform
and safe for colour-blind readers.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from xsg import names as naming
from xsg.atlas import Graph, Parcellation, align, load_parcellation, mesh
from xsg.check import constant, rows_of, series, some

SEQUENTIAL = "viridis"
DIVERGING = "vlag"  # seaborn's; blue-red, told apart in every common form of colour blindness
_VIEWS = [("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral")]


def use_style() -> None:
    """Set the book's plot style: seaborn's ticks, its colour-blind palette, opaque white ground."""
    sns.set_theme(context="notebook", style="ticks", palette="colorblind", font_scale=0.9)
    plt.rcParams |= {
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.dpi": 100,
        "figure.facecolor": "white",
        "image.cmap": SEQUENTIAL,
        "legend.frameon": False,
        "savefig.facecolor": "white",
    }


def brain(
    values: pd.Series | pd.DataFrame,
    label: str,
    parcellation: Parcellation | None = None,
    cmap: str | None = None,
    limits: tuple[float, float] | None = None,
    surface: str = "inflated",
) -> Figure:
    """Paint regional values onto the fsaverage5 surface, four views a row.

    Parameters
    ----------
    values
        Series by region (one row of views), or DataFrame with one column per row of views; names in any style. Regions
        without a row are left grey, and those below the cortex are not drawn; the figure says how many.
    label
        What the colour means, with its unit; labels the colour bar.
    parcellation
        Where the regions lie; Desikan-Killiany by default.
    cmap
        Colour map; by default diverging around 0 if the values change sign, else sequential.
    limits
        Values of the ends of the colour bar; by default the extremes of all values.
    surface
        Surface to draw on.

    Returns
    -------
    Figure

    Raises
    ------
    TypeError
        If the values have no names.
    ValueError
        Regions that the parcellation lacks or that are given twice, values that are not finite, no values at all.
    """
    from nilearn.plotting import plot_surf

    parcellation = parcellation or load_parcellation("dk")
    maps = on_regions(values, parcellation, label)
    below = parcellation.regions[parcellation.subcortical]
    maps, deep = maps.loc[~maps.index.isin(below)], int(maps.index.isin(below).sum())
    if not len(maps):
        raise ValueError(f"{label}: all {deep} regions lie below the cortex, where there is no surface to paint.")
    low, high = limits or (float(maps.to_numpy().min()), float(maps.to_numpy().max()))
    if low < 0 < high and limits is None:
        low, high = -max(-low, high), max(-low, high)
    cmap = cmap or (DIVERGING if low < 0 < high else SEQUENTIAL)
    sides = parcellation.table["hemisphere"]
    hemispheres = [h for h in ("left", "right") if (sides[maps.index] == h[0].upper()).any()]
    shown = sides.isin([h[0].upper() for h in hemispheres]) & ~parcellation.subcortical
    grey = int((~sides.index.isin(maps.index) & shown).sum())
    views = [view for view in _VIEWS if view[0] in hemispheres]
    figure, axes = plt.subplots(
        maps.shape[1],
        len(views),
        figsize=(2.3 * len(views) + 0.9, 1.9 * maps.shape[1] + 0.1),
        subplot_kw={"projection": "3d"},
        squeeze=False,
        gridspec_kw={"wspace": -0.05, "hspace": 0.02, "left": 0.02, "right": 0.86, "bottom": 0.01, "top": 0.93},
    )
    half = len(parcellation.labels) // 2
    folds = sulci()
    for row, (title, column) in zip(axes, maps.items(), strict=True):
        # NaN for vertices without a region: they show the folding beneath.
        lookup = np.append(column.reindex(parcellation.regions).to_numpy(dtype=float), np.nan)
        painted = lookup[parcellation.labels]
        for ax, (hemisphere, view) in zip(row, views, strict=True):
            part = slice(0, half) if hemisphere == "left" else slice(half, None)
            plot_surf(
                mesh(surface).parts[hemisphere],
                painted[part],
                hemi=hemisphere,
                view=view,
                bg_map=folds[hemisphere],
                bg_on_data=False,
                avg_method="median",
                cmap=cmap,
                vmin=low,
                vmax=high,
                axes=ax,
                figure=figure,
                colorbar=False,
            )
            ax.set_title("")
            ax.set_box_aspect(None, zoom=1.45)
        if maps.shape[1] > 1 and title:
            box = row[0].get_position()
            figure.text(0.01, box.y1 - 0.01, str(title), fontsize=10, va="top")
    for ax, (hemisphere, view) in zip(axes[-1], views, strict=True):
        box = ax.get_position()
        name = f"{hemisphere}, {'outer' if view == 'lateral' else 'inner'} face"
        figure.text((box.x0 + box.x1) / 2, 0.01, name, fontsize=8, color="0.35", ha="center")
    told = [f"grey: {grey} region{'s' * (grey > 1)} without a value"] * bool(grey)
    told += [f"not drawn: {deep} below the cortex"] * bool(deep)
    if told := "; ".join(told):
        figure.text(0.99, 0.01, told, fontsize=8, color="0.35", ha="right")
    bar = figure.add_axes((0.88, 0.25, 0.018, 0.5))
    # A long label would be taller than a single row of views.
    wrapped = textwrap.fill(label, 22 if maps.shape[1] == 1 else 60)
    figure.colorbar(plt.cm.ScalarMappable(Normalize(low, high), cmap), cax=bar).set_label(wrapped)
    return figure


def on_regions(values: pd.Series | pd.DataFrame, parcellation: Parcellation, what: str) -> pd.DataFrame:
    """Return maps (regions, maps) whose rows are named as a parcellation names them, or refuse them by name."""
    maps = values if isinstance(values, pd.DataFrame) else series(values, what)
    maps = maps.to_frame(maps.name or "") if isinstance(maps, pd.Series) else maps
    if not maps.size:
        raise ValueError(f"{what}: no values; columns are {some(maps.columns)}. Expected a row for each region.")
    maps = align(maps, maps.index, what)
    return maps.set_axis(parcellation.spelt(maps.index, what), axis=0).astype(float)


def sulci() -> dict[str, np.ndarray]:
    """Sulcal depth of fsaverage5 by hemisphere, for shading the surface beneath a map."""
    from nilearn.datasets import load_fsaverage_data

    return load_fsaverage_data(mesh="fsaverage5", mesh_type="inflated", data_type="sulcal").data.parts


def observed_against_predicted(
    observed: pd.Series,
    predicted: pd.Series,
    unit: str,
    ax: Axes | None = None,
    title: str = "",
    parcellation: Parcellation | None = None,
) -> Axes:
    """Scatter one point per region with the line of identity; R² and r of what is drawn stand in the corner.

    Parameters
    ----------
    observed, predicted
        Series by region, in any order and style of names. Regions without a value (NaN) in either are left out, and
        the corner says how many are drawn.
    unit
        Of both.
    ax, title
        Axes to draw on, and their title.
    parcellation
        Tells the hemispheres; by default the names do.

    Raises
    ------
    ValueError
        Regions that one of the two lacks, or fewer than two with values.
    """
    observed, predicted = series(observed, "observed"), series(predicted, "predicted")
    rows = rows_of(predicted.index, observed.index, "predicted")
    both = pd.DataFrame({"x": observed.to_numpy(), "y": predicted.to_numpy()[rows]}, observed.index)
    regions, both = len(both), both[np.isfinite(both).all(axis=1)]
    if len(both) < 2:
        raise ValueError(f"observed and predicted: {len(both)} regions have both values; expected at least 2.")
    ax = ax or plt.subplots(figsize=(4.2, 4))[1]
    if parcellation is None:
        side = np.array([naming.side(name) for name in both.index], dtype=object)
    else:
        side = parcellation.table.loc[parcellation.spelt(both.index, "observed"), "hemisphere"].to_numpy()
    left, right = side == "L", side == "R"
    ends = [both.to_numpy().min(), both.to_numpy().max()]
    ax.plot(ends, ends, color="0.6", lw=1, zorder=0)
    colours = sns.color_palette("colorblind")
    for chosen, marker, colour, name in (
        (left, "o", colours[0], "left"),
        (right, "^", colours[1], "right"),
        (~(left | right), "s", colours[2], "not told"),
    ):
        if chosen.any():
            ax.scatter(both.x[chosen], both.y[chosen], marker=marker, s=22, color=colour, label=name, alpha=0.85)
    one_value = constant(both.to_numpy())
    told = ""
    if not one_value[0]:  # else there is nothing to explain
        r2 = 1 - ((both.x - both.y) ** 2).sum() / ((both.x - both.x.mean()) ** 2).sum()
        told = f"R² = {r2:.2f}"
    if not one_value.any():
        told += f"\nr = {np.corrcoef(both.x, both.y)[0, 1]:.2f}"
    told += f"\n{len(both)} of {regions} regions" * (len(both) < regions)
    ax.text(0.04, 0.96, told, transform=ax.transAxes, va="top")
    ax.set(xlabel=f"observed thinning ({unit})", ylabel=f"predicted thinning ({unit})", title=title)
    ax.legend(loc="lower right", title="hemisphere")
    return ax


def loss_terms(history: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot every named term of the loss, and their total, against the epoch."""
    ax = ax or plt.subplots(figsize=(6, 3.6))[1]
    terms = history.drop(columns="validation", errors="ignore")
    for (name, values), style in zip(terms.items(), ["-", "--", "-.", ":"], strict=False):
        ax.plot(values.index, values, style, label=name)
    ax.plot(terms.index, terms.sum(axis=1), color="0.2", lw=2, label="total")
    if "validation" in history:
        ax.plot(history.index, history.validation, color="0.5", lw=1, label="validation error")
    ax.set(xlabel="epoch", ylabel="loss (standardised thinning²)", yscale="log")
    ax.legend()
    return ax


def glass_graph(graph: Graph, parcellation: Parcellation | None = None, values: pd.Series | None = None) -> Figure:
    """Draw a graph over the regions' centroids, seen from above and from the left.

    Parameters
    ----------
    graph
        Graph to draw; edges within a hemisphere in grey, between hemispheres in blue.
    parcellation
        Where the regions lie; Desikan-Killiany by default.
    values
        Colour of each region, optional.
    """
    parcellation = parcellation or load_parcellation("dk")
    table = parcellation.table.loc[parcellation.spelt(graph.regions, f"graph {graph.name!r}")]
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    across = table.hemisphere.to_numpy()[graph.edges]
    across = across[0] != across[1]
    for ax, (horizontal, vertical), shown, title in (
        (axes[0], ("x", "y"), np.ones(len(across), bool), "from above"),
        (axes[1], ("y", "z"), ~across & (table.hemisphere.to_numpy()[graph.edges[0]] == "L"), "left hemisphere"),
    ):
        for (i, j), between in zip(graph.edges.T[shown], across[shown], strict=True):
            ax.plot(
                table[horizontal].iloc[[i, j]],
                table[vertical].iloc[[i, j]],
                color="C0" if between else "0.65",
                lw=0.8,
                zorder=0,
            )
        shown_dots = np.ones(len(table), bool) if title == "from above" else (table.hemisphere == "L").to_numpy()
        dots = table[shown_dots]
        colours = "0.2" if values is None else align(series(values, "values"), graph.regions, "values")[shown_dots]
        ax.scatter(dots[horizontal], dots[vertical], c=colours, s=26)
        names = {"x": "left to right (mm)", "y": "back to front (mm)", "z": "bottom to top (mm)"}
        ax.set(xlabel=names[horizontal], ylabel=names[vertical], title=title, aspect="equal")
    return figure


def null_distributions(observed: pd.Series, null: pd.DataFrame, label: str, ax: Axes | None = None) -> Axes:
    """Draw what chance gives as histograms and what was observed as lines in the same colour.

    The lowest 2 % of each null are drawn in its first bar: an R² may lie anywhere below zero.

    Parameters
    ----------
    observed
        Series (k,), one value per statistic.
    null
        DataFrame (nulls, k), columns named as ``observed``.
    label
        What is counted; labels the vertical axis.
    ax
        Axes to draw on.
    """
    ax = ax or plt.subplots(figsize=(6, 3))[1]
    colours = sns.color_palette("colorblind")
    for (name, values), colour, hatch, dash in zip(
        null.items(), (colours[1], colours[0]), ("//", ""), ("--", "-"), strict=False
    ):
        low = values.quantile(0.02)
        ax.hist(values.clip(low), 25, color=colour, alpha=0.35, hatch=hatch, edgecolor=colour, label=f"{name}, null")
        ax.axvline(observed[name], color=colour, ls=dash, lw=2.2, label=f"{name}, observed: {observed[name]:.2f}")
    ax.set(ylabel=label)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9)  # above, so that it hides no bar
    return ax


def points_with_intervals(table: pd.DataFrame, ax: Axes | None = None, each: list | None = None) -> Axes:
    """Draw one labelled point per row of ``value``, with a bar from ``low`` to ``high`` where these are given.

    The first row, at the top, is the one that the others are compared with: a thin line leads down from it. The values
    behind each point, if given as ``each``, are drawn as ticks.
    """
    ax = ax or plt.subplots(figsize=(6, 0.4 * len(table) + 1))[1]
    colours = sns.color_palette("colorblind")
    ax.axvline(table["value"].iloc[0], color=colours[0], lw=1, zorder=0)
    ax.axvline(0, color="0.8", lw=1, zorder=0)
    for place, (_, line) in enumerate(table.iterrows()):
        colour = colours[0] if place == 0 else "0.25"
        ax.plot([line["low"], line["high"]], [place, place], color=colour, lw=5, alpha=0.35, solid_capstyle="butt")
        if each is not None:
            ax.plot(each[place], [place] * len(each[place]), "|", color=colour, ms=11, mew=1.3)
        ax.plot(line["value"], place, "o" if place == 0 else "D", color=colour, ms=8 if place == 0 else 6)
    labels = [f"{name}  {value:.2f}".replace("-", "−") for name, value in table["value"].items()]
    ax.set_yticks(range(len(table)), labels)
    ax.set_ylim(len(table) - 0.5, -0.6)
    return ax


def slices(
    volumes: dict[str, np.ndarray],
    label: str,
    at: tuple[int, int, int] = (33, 20, 22),
    cmap: str | ListedColormap | None = None,
    limits: tuple[float, float] | None = None,
    bar: bool = True,
) -> Figure:
    """Cut volumes of the mouse grid along the three planes, a row of panels for each.

    Parameters
    ----------
    volumes
        By title: (67, 41, 58), AP, SI, LR; NaN is left white.
    label
        What the colour means, with its unit; labels the colour bar.
    at
        Grid index of the coronal (AP), horizontal (SI) and sagittal (LR) cut.
    cmap, limits
        Colour map, and values of the ends of the colour bar; by default all rows share the 1st and 99th percentile.
    bar
        Draw the colour bar.

    Returns
    -------
    Figure
    """
    every = np.concatenate([np.asarray(each, dtype=float).reshape(-1) for each in volumes.values()])
    low, high = limits or np.nanpercentile(every, [1, 99])
    cmap = cmap or (DIVERGING if low < 0 < high and limits is not None else SEQUENTIAL)
    figure, axes = plt.subplots(
        len(volumes), 3, figsize=(9.6, 2.5 * len(volumes) + 0.3), squeeze=False, layout="constrained"
    )
    ap, si, lr = at
    shown = None
    for row, (title, volume) in zip(axes, volumes.items(), strict=True):
        cuts = (
            (volume[ap], f"coronal, AP {ap}", "left to right (mm)", "superior to inferior (mm)"),
            (volume[:, :, lr].T, f"sagittal, LR {lr}", "anterior to posterior (mm)", "superior to inferior (mm)"),
            (volume[:, si].T, f"horizontal, SI {si}", "anterior to posterior (mm)", "left to right (mm)"),
        )
        for ax, (cut, plane, across, down) in zip(row, cuts, strict=True):
            extent = (0, 0.2 * cut.shape[1], 0.2 * cut.shape[0], 0)
            shown = ax.imshow(cut, cmap=cmap, vmin=low, vmax=high, extent=extent, interpolation="nearest")
            ax.set(xlabel=across, ylabel=down)
            ax.set_title(f"{title}: {plane}" if title and ax is row[0] else plane, fontsize=10)
            ax.tick_params(labelsize=8)
            ax.xaxis.label.set_size(8.5)
            ax.yaxis.label.set_size(8.5)
    if bar:
        figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.01).set_label(label)
    return figure
