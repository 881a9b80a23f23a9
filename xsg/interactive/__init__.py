"""Interactive figures: a cortex to turn, a mouse brain to slice, rates of spread to set.

Each is one piece of HTML that holds its data, its script and a still picture. It loads nothing, so it works offline, in
the book and in notebooks alike. Where scripts or WebGL are missing, and on paper, the picture stays. The scripts are
the ``.js`` files beside this one, written by hand and without a library.
"""

import base64
import gzip
import hashlib
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xsg.atlas import Parcellation, load_parcellation, mesh
from xsg.plotting import DIVERGING, SEQUENTIAL, brain, on_regions, slices, sulci
from xsg.spatial.mouse import AXES, SHAPE, SPACING

Limits = tuple[float, float]

# What each kind of view is made of; its last script defines a function of the kind's name.
_SCRIPTS = {
    "cortex": ("shared.js", "surface.js", "cortex.js"),
    "slices": ("shared.js", "slices.js"),
    "spread": ("shared.js", "spread.js"),
}


@dataclass(frozen=True)
class View:
    """An interactive figure; the last line of a notebook's cell shows it.

    Attributes
    ----------
    html : str
        The figure, complete: picture with alternative text, data, script.
    png : bytes
        The picture alone, for what cannot show HTML.
    """

    html: str = field(repr=False)
    png: bytes = field(repr=False)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        """Return both forms; Jupyter, Colab and the book choose the HTML."""
        return {
            "text/html": self.html,
            "image/png": base64.b64encode(self.png).decode(),
            "text/plain": repr(self),
        }


def cortex_view(
    maps: pd.Series | pd.DataFrame,
    label: str | Mapping[str, str],
    limits: Limits | Mapping[str, Limits] | None = None,
    parcellation: Parcellation | None = None,
    surface: str = "inflated",
    alt: str = "",
) -> View:
    """Show regional maps on a cortical surface that the reader turns.

    Parameters
    ----------
    maps
        Series by region, or DataFrame (regions, maps) between whose columns the reader chooses; names in any style.
        Regions of the parcellation without a row are grey.
    label
        What the colour means, with its unit: one text, or one by map.
    limits
        Values of the ends of the colour bar, one pair or one by map; by default each map's extremes, made symmetric
        where it changes sign. Symmetric ones get diverging colours. Maps to be compared should share them.
    parcellation
        Where the regions lie; Desikan-Killiany by default.
    surface
        Surface of fsaverage5 to draw on.
    alt
        What one sees in the picture, in a sentence or two, for readers who do not see it.

    Returns
    -------
    View
        Values in it are rounded to steps of a 254th of the colour bar.

    Raises
    ------
    ValueError
        Unknown regions, values that are not finite, a map without label, limits that do not rise.

    Examples
    --------
    >>> view = cortex_view(pd.Series({"L_insula": 0.2, "R_insula": 0.1}), "thinning (mm)")
    >>> list(view._repr_mimebundle_())
    ['text/html', 'image/png', 'text/plain']
    """
    parcellation = parcellation or load_parcellation("dk")
    columns = maps.columns.astype(str) if isinstance(maps, pd.DataFrame) else pd.Index([getattr(maps, "name", "")])
    if columns.has_duplicates or not np.size(maps):
        raise ValueError(f"maps: columns are {list(columns)}; expected one or more, each name once.")
    maps = on_regions(maps, parcellation, "maps")
    maps = maps.set_axis(columns if len(columns) > 1 else [str(columns[0] or "map")], axis=1)
    scales = [_scale(name, _extremes(column), label, limits) for name, column in maps.items()]
    for scale, (_, column) in zip(scales, maps.items(), strict=True):
        step = (scale["high"] - scale["low"]) / 254  # a figure's precision, and no more of other people's tables
        rounded = (scale["low"] + step * ((column - scale["low"]) / step).round()).reindex(parcellation.regions)
        scale["values"] = [None if np.isnan(value) else float(f"{value:.6g}") for value in rounded]
    parts = [mesh(surface).parts[side] for side in ("left", "right")]
    points = np.stack([part.coordinates.T for part in parts])  # (2, 3, vertices): neighbours in memory differ little
    low, step = points.min(), np.ptp(points) / 4095
    folds = sulci()
    data = _pack(
        points=np.round((points - low) / step).astype("<u2"),
        faces=parts[0].faces.T.astype("<u2"),  # the hemispheres are one mesh, bent differently
        labels=(parcellation.labels.reshape(2, -1) + 1).astype("<u2"),  # 0: no region
        sulci=np.stack([folds[side] > 0 for side in ("left", "right")]).astype("u1"),
    )
    spec = {
        "maps": scales,
        "regions": list(map(str, parcellation.regions)),
        "mesh": {"low": float(low), "step": float(step)},
    }
    stills = []
    for scale in scales:
        stills.append(
            brain(
                maps[scale["name"]],
                scale["label"],
                parcellation,
                scale["colours"],
                (scale["low"], scale["high"]),
                surface,
            )
        )
        if len(scales) > 1:
            stills[-1].text(0.01, 0.99, scale["name"], va="top", fontsize=11)
    default = f"Four views of the cortical surface a row, coloured by {_listed(maps.columns)}."
    return _view("cortex", spec, data, stills, alt or default)


def slice_view(
    volumes: np.ndarray | Mapping[str, np.ndarray],
    label: str | Mapping[str, str],
    limits: Limits | Mapping[str, Limits] | None = None,
    at: tuple[int, int, int] = (33, 20, 22),
    alt: str = "",
) -> View:
    """Show volumes of the mouse grid in three linked planes that the reader moves.

    Parameters
    ----------
    volumes
        Volume (67, 41, 58) of AP, SI, LR, or several by name, between which the reader chooses; NaN: no value.
    label
        What the colour means, with its unit: one text, or one by volume.
    limits
        Values of the ends of the colour bar, one pair or one by volume; by default each volume's 1st and 99th
        percentile. Values beyond are shown as the end.
    at
        Grid index AP, SI, LR at which the planes cross at first.
    alt
        What one sees in the picture, in a sentence or two, for readers who do not see it.

    Returns
    -------
    View
        Values in it are rounded to 254 steps between the limits.

    Raises
    ------
    ValueError
        Another shape, infinite values or none at all, a volume without label, limits that do not rise, planes outside
        the grid.

    Examples
    --------
    >>> ap, si, lr = np.indices((67, 41, 58))
    >>> view = slice_view({"distance from the midline": 0.2 * abs(lr - 28.5)}, "mm")
    >>> "distance from the midline" in view.html
    True
    """
    volumes = dict(volumes) if isinstance(volumes, Mapping) else {"map": volumes}
    if not volumes:
        raise ValueError("volumes: none given; expected one or more by name.")
    if len(at) != 3 or not all(0 <= place < size for place, size in zip(at, SHAPE, strict=True)):
        raise ValueError(f"at is {at}; expected a grid index AP, SI, LR within {' × '.join(map(str, SHAPE))}.")
    scales, codes = [], []
    for name, volume in volumes.items():
        volume = np.asarray(volume, dtype=float)
        if volume.shape != SHAPE:
            raise ValueError(
                f"volumes: {name!r} has shape {volume.shape}; expected {SHAPE}, AP, SI, LR. Mouse.volume(values) puts "
                "one value per voxel onto the grid."
            )
        if np.isinf(volume).any() or np.isnan(volume).all():
            raise ValueError(
                f"volumes: {name!r} has infinite values or none at all; expected numbers, NaN for no value."
            )
        low, high = np.nanpercentile(volume, [1, 99])
        scales.append(_scale(str(name), (low, high), label, limits))
        codes.append(_quantised(volume, scales[-1]["low"], scales[-1]["high"]))
    spec = {"maps": scales, "axes": AXES, "shape": SHAPE, "millimetres": SPACING / 1000, "at": [int(i) for i in at]}
    stills = [
        slices({str(name): volume}, scale["label"], tuple(at), scale["colours"], (scale["low"], scale["high"]))
        for (name, volume), scale in zip(volumes.items(), scales, strict=True)
    ]
    default = f"Coronal, sagittal and horizontal cut through a mouse brain, coloured by {_listed(volumes)}."
    return _view("slices", spec, _pack(codes=np.stack(codes)), stills, alt or default)


def spread_view(
    fields: np.ndarray | Mapping[str, np.ndarray],
    D: Sequence[float],
    R: Sequence[float],
    times: Sequence[float],
    label: str = "pathology u",
    alt: str = "",
) -> View:
    """Show how pathology spreads, with sliders for the diffusivity D, the reaction rate R and time.

    The sliders stop at the rates and times that were solved for, and nowhere between: nothing is interpolated.

    Parameters
    ----------
    fields
        Solutions (len(D), len(R), len(times), H, W) in [0, 1], NaN outside the domain (the same pixels throughout); or
        several by name, such as the law of growth, between which the reader chooses.
    D, R, times
        Rising values, in the units of `xsg.spread.physics.ReactionDiffusion.solve`.
    label
        What the colour means, with its unit.
    alt
        What one sees in the picture, in a sentence or two, for readers who do not see it.

    Returns
    -------
    View
        Values in it are rounded to 254 steps between 0 and 1.

    Raises
    ------
    ValueError
        Shapes that do not fit, values outside [0, 1], NaN in some places at some times only, sliders that do not rise.

    Examples
    --------
    >>> even = np.broadcast_to(np.linspace(0, 1, 4)[:, None, None], (2, 3, 4, 5, 6))
    >>> view = spread_view(even, D=[0.1, 1.0], R=[0.0, 0.1, 0.2], times=[0, 1, 2, 3])
    >>> "pathology u" in view.html
    True
    """
    fields = dict(fields) if isinstance(fields, Mapping) else {"field": fields}
    if not fields:
        raise ValueError("fields: none given; expected one or more by name.")
    sliders = {"D": D, "R": R, "times": times}
    for name, values in sliders.items():
        if not len(values) or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
            raise ValueError(f"{name} is {list(values)}; expected rising numbers, one or more.")
    counts = tuple(map(len, sliders.values()))
    fields = {str(name): np.asarray(values, dtype=float) for name, values in fields.items()}
    domain = None
    for name, values in fields.items():
        if values.ndim != 5 or values.shape[:3] != counts:
            raise ValueError(
                f"fields: {name!r} has shape {values.shape}; expected (D, R, times, H, W) = {(*counts, 'H', 'W')}."
            )
        with np.errstate(invalid="ignore"):
            if not ((values >= -1e-9) & (values <= 1 + 1e-9) | np.isnan(values)).all():
                raise ValueError(
                    f"fields: {name!r} runs from {np.nanmin(values):g} to {np.nanmax(values):g}; expected 0 to 1."
                )
        domain = ~np.isnan(values[0, 0, 0]) if domain is None else domain
        if domain.shape != values.shape[3:] or not domain.any() or (np.isnan(values) == domain).any():
            raise ValueError(
                f"fields: {name!r} is NaN in other places than the first moment of the first field. Expected NaN "
                "outside one domain, the same for all rates, times and fields."
            )
    # Time runs fastest: what a place holds changes little from one moment to the next, and packs well.
    codes = np.stack([_quantised(values[..., domain], 0, 1) for values in fields.values()]).swapaxes(-1, -2)
    spec = {
        "maps": [_scale(name, (0, 1), label, None) for name in fields],
        **{name: [float(value) for value in values] for name, values in sliders.items()},
        "shape": domain.shape,
    }
    name, values = next(iter(fields.items()))
    d, r = len(D) // 2, len(R) // 2
    default = (
        f"Left: {label} at four times for D = {D[d]:g} and R = {R[r]:g}. Right: its mean over all places against time."
    )
    data = _pack(codes=codes, domain=domain.astype("u1"))
    return _view("spread", spec, data, [_moments(values, D, R, times, label, name)], alt or default)


def _moments(values: np.ndarray, D: Sequence[float], R: Sequence[float], times: Sequence[float], label: str, name: str):
    """Draw the picture of `spread_view`: four moments of one pair of rates, the mean against time for every R."""
    d, r = len(D) // 2, len(R) // 2
    figure, axes = plt.subplots(1, 5, figsize=(10, 2.4), layout="constrained", width_ratios=[1, 1, 1, 1, 1.5])
    for ax, moment in zip(axes, np.linspace(0, len(times) - 1, 4).round().astype(int), strict=False):
        shown = ax.imshow(values[d, r, moment], cmap=SEQUENTIAL, vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], title=f"t = {times[moment]:g}")
    figure.colorbar(shown, ax=axes[:4], shrink=0.7, location="left").set_label(label)
    for each, rate in enumerate(R):
        chosen = {"color": "C1", "lw": 2.5} if each == r else {"color": "0.7", "lw": 1}
        axes[4].plot(times, np.nanmean(values[d, each], axis=(1, 2)), **chosen, label=f"R = {rate:g}")
    axes[4].set(ylim=(0, 1), xlabel="time", ylabel=f"mean {label}", title=f"{name}: D = {D[d]:g}, R = {R[r]:g}")
    axes[4].title.set_fontsize(9)
    return figure


def _scale(name: str, ends: Limits, label: str | Mapping, limits: Limits | Mapping | None) -> dict:
    """Say how one map is coloured: name, label, ends of the colour bar, colour map (diverging if symmetric)."""
    if isinstance(label, Mapping) and name not in label:
        raise ValueError(
            f"label: none for map {name!r}, only for {_listed(label)}. Give one text, or one for each map."
        )
    given = limits.get(name) if isinstance(limits, Mapping) else limits
    low, high = map(float, given or ends)
    if low == high and not given:  # a constant map still needs a bar
        low, high = low - 0.5, high + 0.5
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"limits of map {name!r} are ({low:g}, {high:g}); expected two finite numbers that rise.")
    text = label[name] if isinstance(label, Mapping) else label
    colours = DIVERGING if low == -high else SEQUENTIAL
    return {"name": name, "label": text, "low": low, "high": high, "colours": colours}


def _extremes(values: pd.Series) -> Limits:
    """Smallest and largest value, made symmetric if they differ in sign."""
    low, high = values.min(), values.max()
    return (-max(-low, high), max(-low, high)) if low < 0 < high else (low, high)


def _quantised(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Round to 254 steps: uint8, 1 at ``low`` and below to 255 at ``high`` and above, 0 for NaN."""
    codes = 1 + np.round((values - low) / (high - low) * 254).clip(0, 254)
    return np.where(np.isnan(codes), 0, codes).astype("u1")


def _listed(names: Sequence) -> str:
    return ", ".join(map(str, names))


def _pack(**arrays: np.ndarray) -> dict:
    """Pack unsigned integer arrays: differences of neighbours (modulo the type), joined, gzipped, base64 without "/".

    A slash would let `tools/notebooks.py` find a path of this machine in it by chance.
    """
    blob, index = b"", {}
    for name, values in arrays.items():
        flat = np.ascontiguousarray(values).reshape(-1)
        index[name] = {"type": flat.dtype.itemsize, "start": len(blob), "shape": values.shape}
        blob += np.diff(flat, prepend=flat.dtype.type(0)).astype(flat.dtype.newbyteorder("<")).tobytes()
    return {"arrays": index, "bytes": base64.urlsafe_b64encode(gzip.compress(blob, 9, mtime=0)).decode()}


def _view(script: str, spec: dict, data: dict, stills: list[Figure], alt: str) -> View:
    """Put picture, data and script into one piece of HTML; the same input gives the same bytes."""
    names = sorted({scale["colours"] for scale in spec["maps"]})
    palette = {name: (plt.get_cmap(name)(np.linspace(0, 1, 32))[:, :3] * 255).round().astype(int) for name in names}
    spec |= {"data": data, "palettes": {name: rows.tolist() for name, rows in palette.items()}, "alt": alt}
    png = _still(stills)
    # "<" never appears in the data, so that no name in it can end the script or open a comment.
    payload = json.dumps(spec).replace("<", "\\u003c")
    mark = hashlib.sha256((script + payload).encode()).hexdigest()[:12]
    body = f"""<div class="xsg-view" data-xsg-view="{mark}">
<style>{_read("page.css")}</style>
<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{html.escape(alt)}">
<p>A still: this figure answers to mouse and keyboard in a browser that runs scripts and WebGL.</p>
</div>
<script>
(() => {{
"use strict";
{"".join(map(_read, _SCRIPTS[script]))}
start("{mark}", {script}, {json.dumps(_read("view.css"))}, {payload});
}})();
</script>"""
    return View(body, png)


def _read(name: str) -> str:
    return (files("xsg.interactive") / name).read_text("utf-8")


def _still(figures: list[Figure]) -> bytes:
    """Draw figures below each other into one PNG of at most 256 colours, and close them."""
    from PIL import Image

    rows = []
    for figure in figures:
        figure.set_dpi(80)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        rows.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        plt.close(figure)
    width = max(row.shape[1] for row in rows)
    whole = np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows])
    written = io.BytesIO()
    Image.fromarray(whole).quantize(256).save(written, "PNG", optimize=True)
    return written.getvalue()
