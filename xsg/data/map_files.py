"""Files of maps: what a file is, by its content and its name; images are loaded, and what cannot be is named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.check.values import BARE

_ENDINGS = re.compile(
    r"(?:\.(?:nii|gii|mgh|mgz|hdr|img|gz|csv|tsv|txt|dat|table|xlsx|func|shape|dscalar|pscalar|dtseries|stats))+$",
    re.IGNORECASE,
)
_REFUSED = {
    ".annot": "a FreeSurfer annotation: the labels of an atlas, not a map",
    ".xls": "a workbook of old Excel; save it as .xlsx or CSV",
    ".xlsb": "a binary workbook; save it as .xlsx or CSV",
    ".ods": "a workbook of LibreOffice; save it as .xlsx or CSV",
    ".npy": "a bare array without names; give a Series by region name, or the image it came from",
    ".npz": "bare arrays without names; give a Series by region name, or the image they came from",
    ".pkl": "a pickle, which can run any code when it is read; save a CSV with the regions' names",
    ".pickle": "a pickle, which can run any code when it is read; save a CSV with the regions' names",
    ".mat": "a MATLAB file; save the map as NIfTI, or a CSV with the regions' names",
    ".dcm": "a DICOM image of a person; a map in MNI space is expected, as NIfTI",
    ".rds": "an R object; write it with write.csv, regions' names in the first column",
    ".rda": "an R object; write it with write.csv, regions' names in the first column",
    ".pdf": "a document; give the table or the image",
    ".png": "a picture; give the table or the image it was made from",
    ".zip": "an archive; unpack it and give the map in it",
}
_SURFACE_MAPS = ("thickness", "area", "volume", "curv", "sulc", "pial_lgi", "w-g")


def stem(path: str | Path) -> str:
    """Return a file's name without its endings.

    Examples
    --------
    >>> stem("maps/LOAD.nii.gz"), stem("lh.area.mgh"), stem("pain v1.2.csv")
    ('LOAD', 'lh.area', 'pain v1.2')
    """
    name = Path(path).name
    return _ENDINGS.sub("", name) or name


def kind(path: Path) -> str:
    """Return what a file is: "volume", "gifti", "cifti", "mgh", "morph" or "table", or refuse it by name.

    Raises
    ------
    ValueError
        If there is no such file, it is empty, or it is of a kind that holds no map.
    """
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; expected the file of one map. Of a FreeSurfer folder give lh and rh tables."
        )
    if not path.exists():
        raise ValueError(f"{path}: there is no such file (looked from {Path.cwd()}).")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    if not head:
        raise ValueError(f"{path} is empty (0 bytes). Copy or download it again.")
    name = path.name.lower()
    if why := _REFUSED.get(path.suffix.lower()):
        raise ValueError(f"{path} is {why}.")
    if name.endswith((".dlabel.nii", ".label.gii", ".label")):
        raise ValueError(f"{path} holds labels of an atlas, not a map. Give the map itself.")
    if name.endswith((".surf.gii", ".coord.gii")) or head[:3] == b"\xff\xff\xfe":
        raise ValueError(f"{path} is the mesh of a surface, not a map on it. Give the map (.func.gii, .shape.gii, …).")
    if re.search(
        r"\.(?:dscalar|pscalar|dtseries|ptseries|dconn|pconn|dlabel|plabel|sdseries|pdconn|dpconn)\.nii(\.gz)?$", name
    ):
        return "cifti"
    if name.endswith((".nii", ".nii.gz", ".hdr", ".img", ".img.gz", ".hdr.gz")):
        return "volume"
    if name.endswith((".gii", ".gii.gz")):
        return "gifti"
    if name.endswith((".mgh", ".mgz", ".mgh.gz")):
        return "mgh"
    if head[:3] == b"\xff\xff\xff" or (
        name.startswith(("lh.", "rh.")) and name.split(".")[1] in _SURFACE_MAPS and b"\0" in head
    ):
        return "morph"
    return "table"


def load_image(source: object, what: str) -> object:
    """Load an image with nibabel, or say why it cannot be read. An image is returned as it is."""
    import nibabel

    if not isinstance(source, (str, Path)):
        return source
    try:
        return nibabel.load(source)
    except Exception as error:  # nibabel, zlib and expat raise many types for a broken file
        raise ValueError(
            f"{what} cannot be read as an image: {error}. Is it whole, and what its ending says (.gz: compressed)?"
        ) from None


def by_side(source: object) -> tuple[dict, bool]:
    """Return the files by hemisphere, None where it is not given, and whether the caller insists on it."""
    if (
        isinstance(source, dict)
        and source
        and all(str(key).lower() in ("left", "right", "lh", "rh", "l", "r") for key in source)
    ):
        return {str(key)[0].upper(): _home(each) for key, each in source.items()}, True
    if isinstance(source, (tuple, list)):
        if len(source) != 2 or any(isinstance(each, (int, float)) for each in source):
            raise TypeError(f"source: expected one file or a pair (left, right), got {len(source)}. {BARE}")
        first, second = source
        if first is second or (isinstance(first, (str, Path)) and str(first) == str(second)):
            raise ValueError(f"source: {first} is given for left and for right; each hemisphere has a file of its own.")
        return {"L": _home(first), "R": _home(second)}, False
    if hasattr(source, "mesh") and hasattr(source, "data"):  # nilearn's SurfaceImage
        return {part[0].upper(): _as_gifti(data) for part, data in source.data.parts.items()}, True
    return {None: _home(source)}, False


def _as_gifti(data: np.ndarray) -> object:
    import nibabel

    columns = np.asarray(data, dtype=np.float32).reshape(len(data), -1).T
    return nibabel.GiftiImage(darrays=[nibabel.gifti.GiftiDataArray(column) for column in columns])


def _home(source: object) -> object:
    if isinstance(source, str) and "://" in source:
        raise ValueError(f"{source} is an address; download the file and give its path.")
    return Path(source).expanduser() if isinstance(source, (str, Path)) else source


def sort_of(source: object) -> str:
    """Return what a file or an object is."""
    if isinstance(source, (str, Path)):
        sort = kind(Path(source))
        # A CIFTI file is a NIfTI-2 file by its name as well.
        return "cifti" if sort == "volume" and _is_cifti(load_image(source, Path(source).name)) else sort
    if isinstance(source, (pd.Series, pd.DataFrame, dict)):
        return "table"
    names = [each.__name__ for each in type(source).__mro__]
    for name, sort in (
        ("Cifti2Image", "cifti"),
        ("GiftiImage", "gifti"),
        ("MGHImage", "mgh"),
        ("SpatialImage", "volume"),
    ):
        if name in names:
            return sort
    raise TypeError(f"source: expected a file, an image, a Series or a DataFrame, got {type(source).__name__}. {BARE}")


def _is_cifti(image: object) -> bool:
    return any(each.__name__ == "Cifti2Image" for each in type(image).__mro__)


def called(files: dict) -> str:
    """Return what a map is called: as its file, without hemisphere and endings."""
    first = next(iter(files.values()))
    if isinstance(first, (str, Path)):
        text = stem(first)
        return (text[3:] if text[:3].lower() in ("lh.", "rh.", "lh_", "rh_") else text) or text
    label = getattr(first, "name", None)
    path = getattr(first, "get_filename", lambda: None)()
    if isinstance(label, str) and label not in ("", "thinning"):
        return label
    return stem(path) if path else "map"
