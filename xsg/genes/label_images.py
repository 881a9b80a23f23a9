"""Label images: which regions samples of the microarrays are sorted into, of any atlas, on a surface or in a volume."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from xsg import names as naming
from xsg.atlas import REGIONS, Parcellation
from xsg.atlas.anatomy import region_names
from xsg.atlas.pairs import find_pairs
from xsg.check import choice, distinct, some
from xsg.check.values import warn
from xsg.data.atlases import ATLASES, atlas_name, load_atlas
from xsg.genes.abagen_run import bundled_tree, tree_of

BUNDLED = ("volume", "surface")
_HALF = 10242  # vertices of a hemisphere of fsaverage5, the first ones of fsaverage6 and fsaverage
_VERTICES = (10242, 40962, 163842)
_BELOW = {"accumbens": 39, "amygdala": 41, "caudate": 36, "hippocampus": 40, "pallidum": 38, "putamen": 37}
_BELOW |= {"thalamus": 35}  # numbers on the left of the Desikan-Killiany volume; 41 more on the right


@dataclass(frozen=True, eq=False)
class LabelImage:
    """An atlas as abagen takes it, and what its numbers are called.

    Attributes
    ----------
    name
        For provenance and settings.
    tree
        abagen's ``AtlasTree``.
    regions
        Number -> name of the regions that a table shall have, in order.
    homologue
        Homologue by region, where known.
    digest
        sha256 of labels and names; empty for the atlases that abagen brings.
    """

    name: str
    tree: object
    regions: dict[int, str]
    homologue: dict[str, str]
    digest: str = ""

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the regions by name, from rows by the atlas's numbers."""
        return table.loc[list(self.regions)].set_axis(pd.Index(list(self.regions.values())), axis=0)


def label_image(atlas: object, names: object = None) -> LabelImage:
    """Return an atlas given in any form as abagen takes it.

    Parameters
    ----------
    atlas, names
        As in `xsg.genes.make.make_expression`.

    Raises
    ------
    ValueError
        An unknown name, a file that is no label image, labels without names, names at the wrong side.
    TypeError
        None of the forms that are taken.
    """
    if isinstance(atlas, Parcellation):
        return _of_parcellation(atlas)
    if isinstance(atlas, (str, Path)) and (names is not None or Path(atlas).is_file()):
        return _of_volume(atlas, names)
    if hasattr(atlas, "affine") and hasattr(atlas, "dataobj"):
        return _of_volume(atlas, names)
    if isinstance(atlas, (tuple, list)) and len(atlas) == 2:
        return _of_parcellation(_of_files(*atlas))
    if atlas in BUNDLED or atlas in ("desikan", "dk"):
        return _bundled("surface" if atlas in ("desikan", "dk") else atlas)
    known = (*BUNDLED, *(name for name in ATLASES if "+" not in name), "desikan+subcortex")
    choice(atlas, known, "atlas", "Or give an xsg.Parcellation, a NIfTI file with names=, or two surface label files.")
    if atlas == "desikan+subcortex":
        return _desikan_whole()
    return _of_parcellation(load_atlas(atlas_name(atlas)))


@lru_cache
def _bundled(name: str) -> LabelImage:
    """Return the Desikan-Killiany atlas, cortex alone, as abagen brings it."""
    numbers = [1 + i % 34 + 41 * (i // 34) for i in range(68)]  # left 1–34, right 42–75
    return LabelImage(name, bundled_tree(name), dict(zip(numbers, REGIONS, strict=True)), _by_name(REGIONS))


@lru_cache
def _desikan_whole() -> LabelImage:
    volume = _bundled("volume")
    below = {_BELOW[name] + 41 * (side == "R"): f"{side}_{name}" for side in "LR" for name in naming.SUBCORTEX}
    regions = volume.regions | below
    return LabelImage("desikan+subcortex", volume.tree, regions, _by_name(regions.values()))


def _by_name(regions) -> dict[str, str]:
    """Homologue by name, where names tell it."""
    regions = list(regions)
    found = {region: naming.homologue(region, regions) for region in regions}
    return {region: other for region, other in found.items() if other}


@lru_cache(maxsize=8)
def _of_parcellation(parcellation: Parcellation) -> LabelImage:
    """Return a parcellation of fsaverage5, where samples go to the nearest vertex."""
    if parcellation.subcortical.any():
        raise ValueError(
            f"atlas: {parcellation.name!r} has {int(parcellation.subcortical.sum())} regions below the cortex, which "
            "no vertex shows. Give the cortex alone, or a volume; there is one by the name of 'desikan+subcortex'."
        )
    labels = parcellation.labels + 1
    info = pd.DataFrame({"hemisphere": parcellation.table["hemisphere"].to_numpy(), "structure": "cortex"})
    info.index = pd.RangeIndex(1, len(info) + 1, name="id")
    known = not find_pairs(parcellation.regions, parcellation).unknown.any()
    regions = dict(enumerate(map(str, parcellation.regions), start=1))
    return LabelImage(
        parcellation.name,
        tree_of(labels, info),
        regions,
        parcellation.homologue.to_dict() if known else {},
        _digest(labels, regions),
    )


def _of_files(left: object, right: object) -> Parcellation:
    """Read the label files of two hemispheres (GIFTI or FreeSurfer's .annot), which bring their names."""
    import nibabel

    labels, names, start = [], {}, 0
    for side, file in (("L", left), ("R", right)):
        if str(file).endswith(".annot"):
            values, _, listed = nibabel.freesurfer.read_annot(file)
            table = {key: name.decode() for key, name in enumerate(listed)}
        elif str(file).endswith((".gii", ".gii.gz")):
            image = nibabel.load(file)
            values, table = np.asarray(image.darrays[0].data), image.labeltable.get_labels_as_dict()
        else:
            raise ValueError(f"atlas: {file} is no surface labelling; expected .label.gii or .annot, left, then right.")
        if len(values) not in _VERTICES:
            raise ValueError(
                f"atlas: {file} has {len(values)} vertices; expected one hemisphere of fsaverage5, fsaverage6 or "
                f"fsaverage ({', '.join(map(str, _VERTICES))}). Resample it first."
            )
        values = np.asarray(values[:_HALF], dtype=np.int64)
        # What is called alike on both sides is told apart; what has a side in its name keeps it.
        used = {
            key: name if naming.side(name) else f"{side}_{name}"
            for key, name in table.items()
            if name and not naming.background(name) and (values == key).any()
        }
        labels.append(np.where(np.isin(values, list(used)), values + start, -1))
        names |= {int(key) + start: name for key, name in used.items()}
        start += max(table, default=0) + 1
    if not names:
        raise ValueError(f"atlas: {left} and {right} name no region; expected labels with names.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vertices that belong to no region are the file's own choice
        return Parcellation.from_labels(Path(str(left)).name, np.concatenate(labels), names)


def _of_volume(image: object, names: object) -> LabelImage:
    """Return a volume in MNI space, where samples go to the region that they lie in, or within 2 mm."""
    import nibabel

    what = f"atlas {Path(image).name!r}" if isinstance(image, (str, Path)) else "atlas"
    if isinstance(image, (str, Path)):
        try:
            image = nibabel.load(image)
        except (OSError, nibabel.filebasedimages.ImageFileError) as error:
            raise ValueError(f"{what} cannot be read as an image ({error}); expected labels, .nii.gz.") from None
    image = nibabel.as_closest_canonical(nibabel.funcs.squeeze_image(image))
    if names is None:
        raise ValueError(f"{what}: names are missing. Give names={{1: 'L_insula', …}}, a dict of label -> region name.")
    values = np.asarray(image.dataobj)
    whole = np.round(values)
    if values.ndim != 3 or not np.allclose(values, whole):
        odd = f"{values.ndim} axes" if values.ndim != 3 else f"values such as {values[values != whole][0]:g}"
        raise ValueError(f"{what} has {odd}; expected whole numbers, one a voxel. Is this a map of values?")
    affine = image.affine
    if np.count_nonzero(affine[:3, :3] - np.diag(np.diag(affine[:3, :3]))):
        raise ValueError(
            f"{what}: its axes are oblique to those of MNI space. Resample it: nilearn.image.resample_to_img(image, "
            "nilearn.datasets.load_mni152_template(), interpolation='nearest')."
        )
    regions = {label: str(name) for label, name in region_names(names, what).items() if not naming.background(name)}
    distinct(regions.values(), f"names of {what}: regions", "Make the names unique.")
    labels = whole.astype(np.int32)
    voxels = labels.nonzero()
    x = pd.Series(affine[0, 0] * voxels[0] + affine[0, 3]).groupby(labels[voxels])
    extent = x.agg(["min", "mean", "max"])
    if absent := [name for label, name in regions.items() if label not in extent.index]:
        raise ValueError(f"{what}: {len(absent)} regions have no voxel: {some(absent)}; labels: {some(extent.index)}.")
    if len(nameless := extent.index.difference(list(regions))):
        warn(f"{what}: {len(nameless)} labels have no name and are left out: {some(nameless)}.")
        labels = np.where(np.isin(labels, list(regions)), labels, 0)
    info = pd.DataFrame(
        [_side_and_kind(what, label, name, *extent.loc[label]) for label, name in regions.items()],
        pd.Index(list(regions), name="id"),
        ["hemisphere", "structure"],
    )
    name, digest = what.removeprefix("atlas").strip(" '") or "volume of labels", _digest(labels, regions, affine)
    if digest not in _trees:  # it takes seconds, and samples that were sorted once are remembered by it
        _trees.clear()
        _trees[digest] = tree_of(nibabel.Nifti1Image(labels, affine), info)
    return LabelImage(name, _trees[digest], regions, _by_name(regions.values()), digest)


_trees: dict[str, object] = {}  # the last one


def _side_and_kind(what: str, label: int, name: str, low: float, mean: float, high: float) -> tuple[str, str]:
    """Hemisphere and structure of a region: by name, which its place (x in mm) must not deny."""
    told = naming.side(name)
    lies = "B" if low < -5 and high > 5 else "L" if mean < 0 else "R"
    if told and lies != told and abs(mean) > 5:
        raise ValueError(
            f"{what}: region {name!r} (label {label}) lies at x = {mean:.0f} mm, on the side that its name denies. "
            "Is the image flipped, or not in MNI space (right positive)?"
        )
    return told or lies, "subcortex/brainstem" if naming.subcortical(name) else "cortex"


def _digest(labels: np.ndarray, regions: Mapping[int, str], affine: np.ndarray | None = None) -> str:
    """sha256 of an atlas."""
    found = hashlib.sha256(np.ascontiguousarray(labels, dtype="<i4").tobytes())
    found.update("\n".join(f"{label} {name}" for label, name in regions.items()).encode())
    if affine is not None:
        found.update(np.ascontiguousarray(affine.round(6) + 0.0, dtype="<f8").tobytes())
    return found.hexdigest()
