"""Maps in: anyone's image or table to one value a region, with its unit, its sign, and what was left out.

`read_map` is the one door. What a file is, its readers tell (`xsg.data.map_volumes`, `xsg.data.map_surfaces`,
`xsg.data.map_cifti`, `xsg.data.map_tables`); here the map is named, turned and checked for regions without values.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xsg.atlas import Parcellation
from xsg.check import choice, instance, number, some, warn
from xsg.data.atlases import atlas_name, load_atlas
from xsg.data.map_cifti import read_cifti
from xsg.data.map_files import by_side, called, sort_of
from xsg.data.map_surfaces import read_surfaces
from xsg.data.map_tables import read_tables
from xsg.data.map_values import Reading
from xsg.data.map_volumes import read_volume

__all__ = ["SignWarning", "read_map"]

_POSITIVE = ("loss", "gain")


class SignWarning(UserWarning):
    """Whether more of a map means more loss or more tissue was neither told nor found."""


def read_map(
    source: object,
    atlas: str | Parcellation = "desikan",
    *,
    positive: str | None = None,
    unit: str | None = None,
    space: str | None = None,
    name: str | None = None,
    column: object = None,
    mask: object = None,
    coverage: float = 0.5,
    route: str | None = None,
) -> pd.Series:
    """Read a map of the brain, an image or a table, as one value for each region of an atlas.

    Parameters
    ----------
    source
        A file, or what was read from one:

        - NIfTI in MNI space (``.nii``, ``.nii.gz``): voxels that are exactly zero or missing are left out;
        - GIFTI or FreeSurfer (``.gii``, ``.mgh``, ``.mgz``, ``lh.thickness``) on fsaverage5, fsaverage6, fsaverage or
          fs_LR 32k: a pair (left, right), one hemisphere, or ``{"left": …, "right": …}``;
        - CIFTI (``.dscalar.nii``, ``.pscalar.nii``);
        - tables: CSV, TSV, Excel (``.xlsx``), FreeSurfer's (``aparcstats2table``, ``asegstats2table``, ``.stats``) and
          ENIGMA's, with a column of regions and one of values, or a row with a column for each region; a pair of them,
          such as left and right, or cortex and subcortex;
        - a Series, DataFrame or dict by region name, a nibabel image.

        Regions are joined by name, in whatever style they are written.
    atlas
        Name of an atlas (`xsg.load_atlas`), or a Parcellation.
    positive
        What a larger value means: ``"loss"`` (more loss or pathology; the sign is kept) or ``"gain"`` (more tissue; the
        sign is turned).
    unit
        What the values are measured in, where the file does not say.
    space
        ``"MNI"`` for volumes, or the mesh of surfaces (``"fsaverage"``, …), where the file does not say.
    name
        What to call the map; by default the name of its file.
    column
        Which map to take, where a file holds several: the name of a table's column (in a table with a row for each
        subject, of a row, or ``"mean"``), the number of a volume in a 4-D image, the number or name of a map in a CIFTI
        or GIFTI file.
    mask
        An image, or a pair of surface files, that is above zero in the part of the brain that was analysed.
    coverage
        Share of a region that must have values (0 to 1). A region with less gets no value.
    route
        How a volume is read: ``"volume"``, the mean over labelled voxels (for desikan only, and its default), or
        ``"surface"``, sampled between white and pial surface (the default for other atlases).

    Returns
    -------
    Series
        Name ``"thinning"``; index ``region``: the atlas's names, in its order, of the regions that have a value; larger
        is more loss where the sign is known. ``attrs``: ``unit``; ``positive`` (``"loss"``, or None where the sign is
        not known); ``name``; ``atlas``; ``provenance``, a list of sentences; ``coverage``, the share of each region
        that has values.

    Raises
    ------
    TypeError
        If ``source`` is a bare array: the order of its values cannot be checked.
    ValueError
        If a file cannot be read, is in another space or on another mesh, does not hold one map (but labels, a mask, a
        mesh, a time series or several maps), contradicts itself about the hemisphere, or gives fewer than four regions
        a value.

    Warns
    -----
    SignWarning
        If the sign is neither told by ``positive`` nor by the kind of file: the map is kept as it is.
    UserWarning
        If regions have no value.

    Notes
    -----
    Left and right are checked. In a volume, both transforms of the header (sform and qform) must agree; and where the
    map shows the outline of the whole brain, it must cover the cortex better as it is than mirrored. On a surface, the
    header, the file's name and the medial wall tell the side. In tables, the names do. The outline cannot be used
    where a map has few voxels or a symmetric template.

    Examples
    --------
    >>> names = [f"{side}_{name}" for name in ("insula", "cuneus", "lingual") for side in ("lh", "rh")]
    >>> table = pd.DataFrame({"region": names, "d": [-0.3, -0.2, 0.1, 0.0, -0.5, -0.4]})
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):  # 62 of 68 regions have no value
    ...     found = read_map(table, positive="gain", name="my disorder")
    >>> found.to_list(), found.index[-1], found.attrs["unit"], found.attrs["name"]
    ([-0.1, 0.5, 0.3, 0.0, 0.4, 0.2], 'R_insula', "Cohen's d", 'my disorder')
    """
    least = number(coverage, "coverage", 0, 1)
    if positive is not None:
        choice(positive, _POSITIVE, "positive", "Is more of the map more loss, or more tissue?")
    for value, what in ((unit, "unit"), (name, "name"), (space, "space")):
        instance(value, (str, type(None)), what, "text")
    parcellation = atlas if isinstance(atlas, Parcellation) else load_atlas(atlas)
    title = parcellation.name if isinstance(atlas, Parcellation) else atlas_name(atlas)
    what, reading = _read(source, parcellation, unit=unit, space=space, which=column, mask=mask, route=route)
    if positive and reading.positive and positive != reading.positive:
        reading.warnings.append(
            f"positive={positive!r} was said, and the form of {what} says {reading.positive!r}: it is read as said. Is "
            "it turned already?"
        )
    for sentence in reading.warnings:
        warn(sentence)
    given = getattr(source, "attrs", {}) if isinstance(source, (pd.Series, pd.DataFrame)) else {}
    values, share, notes = _covered(reading, least, parcellation, what)
    notes = [*map(str, given.get("provenance", [])), *notes, *reading.warnings]
    positive, values, sentence = _turned(
        values, positive or _said(source, given) or reading.positive, reading.hint, what
    )
    unit = unit or given.get("unit") or reading.unit
    if not unit:
        notes.append("Its unit is not stated; say it with unit=.")
    found = values.rename("thinning").rename_axis("region")
    found.attrs = {
        "unit": str(unit or "unknown unit"),
        "positive": positive,
        "name": str(name or given.get("name") or what),
        "atlas": title,
        "provenance": [f"Map {what!r}, by region of {title}.", *notes, sentence],
        "coverage": {region: round(float(each), 4) for region, each in share.items()},
    }
    return found


def _read(
    source: object,
    parcellation: Parcellation,
    *,
    unit: str | None,
    space: str | None,
    which: object,
    mask: object,
    route,
) -> tuple[str, Reading]:
    """Find out what the source is and have it read; return what it is called too."""
    files, sure = by_side(source)
    name = called(files)
    first = next(iter(files.values()))
    what = Path(first).name if isinstance(first, (str, Path)) and len(files) == 1 else name
    sorts = {sort_of(each) for each in files.values()}
    if len(sorts) > 1 and sorts - {"gifti", "mgh", "morph"}:
        raise ValueError(f"{what}: got {' and '.join(sorted(sorts))} together; expected two files of one kind.")
    sort = sorts.pop()
    _refuse_idle(sort, what, space=space, mask=mask, route=route)
    given = {"what": what, "unit": unit, "which": which}
    if sort == "volume":
        if len(files) > 1:
            raise ValueError(f"{what}: expected one volume, got {len(files)}. A mask is given as mask= beside the map.")
        (volume,) = files.values()
        return name, read_volume(volume, parcellation, space=space, mask=mask, route=route, **given)
    if sort == "table":
        return name, read_tables(files, parcellation, sure=sure, **given)
    if sort == "cifti":
        return name, read_cifti(files, parcellation, space=space, sure=sure, **given)
    masks = None if mask is None else by_side(mask)[0]
    return name, read_surfaces(files, parcellation, space=space, mask=masks, sure=sure, **given)


def _refuse_idle(sort: str, what: str, **given: object) -> None:
    """Refuse what does not belong to a kind of file: it would be passed over without a word."""
    idle = {"table": ("space", "mask", "route"), "cifti": ("mask", "route"), "volume": ()}.get(sort, ("route",))
    for each in idle:
        if given[each] is not None:
            raise ValueError(f"{what}: {each}= does not belong to a {sort} map; leave it out.")


def _said(source: object, attrs: dict) -> str | None:
    """Return the sign that a Series of this package has."""
    if attrs.get("positive") in _POSITIVE:
        return attrs["positive"]
    return "loss" if getattr(source, "name", None) == "thinning" and "provenance" in attrs else None


def _covered(
    reading: Reading, least: float, parcellation: Parcellation, what: str
) -> tuple[pd.Series, pd.Series, list[str]]:
    """Leave out regions of which too little has values, and say which."""
    there = reading.values.notna() & (reading.coverage >= max(least, 1e-9))
    notes = list(reading.notes)
    absent = reading.values.index[~there]
    if there.sum() < 4:
        most = reading.coverage.max()
        raise ValueError(
            f"{what}: {int(there.sum())} of {len(there)} regions have values in at least {least:.0%} of their extent "
            f"(the most is {most:.0%}). Is it in the right space, and the mask the right one? Or lower coverage=."
        )
    kept = reading.values[there]
    if np.ptp(kept) <= 1e-9 * np.abs(kept).max():
        raise ValueError(f"{what}: all regions have the value {kept.iloc[0]:g}; expected a map that differs.")
    if len(absent):
        shares = reading.coverage[absent]
        below = absent[(shares > 0) & (shares < least)]
        none = absent.difference(below, sort=False)
        parts = []
        groups = np.where(parcellation.subcortical, "S", parcellation.table["hemisphere"])
        for group, words in (("L", "left cortex"), ("R", "right cortex"), ("S", "structures below the cortex")):
            mine = parcellation.regions[groups == group]
            if len(mine) and mine.isin(none).all():
                parts.append(f"the {words} {'have' if group == 'S' else 'has'} none")
                none = none.difference(mine, sort=False)
        if len(below):
            parts.append(f"{len(below)} have values in less than {least:.0%} of their extent: {some(below, 8)}")
        if len(none):
            parts.append(f"{len(none)} have none: {some(none, 8)}")
        sentence = f"Regions without a value, {len(absent)} of {len(there)}: {'; '.join(parts)}."
        notes.append(sentence)
        warn(f"{what}: {sentence[0].lower()}{sentence[1:]}")
    return kept, reading.coverage[there], notes


def _turned(values: pd.Series, positive: str | None, hint: str, what: str) -> tuple[str | None, pd.Series, str]:
    """Turn a map so that larger is more loss, or warn that its sign is not known."""
    if positive == "gain":
        return "loss", 0.0 - values, "Turned: larger was more tissue, larger is more loss now."
    if positive == "loss":
        return "loss", values, "Sign as given: larger is more loss."
    sentence = (
        f"Sign not known: the mean over regions is {values.mean():.3g}, {(values < 0).mean():.0%} of them are "
        f"negative. It is kept as it is.{hint}"
    )
    warn(
        f"{what}: {sentence[0].lower()}{sentence[1:]} Say what larger means: positive='loss' (more loss, kept) or "
        "positive='gain' (more tissue, turned).",
        SignWarning,
    )
    return None, values, sentence
