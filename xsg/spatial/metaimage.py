"""Volumes of the mouse grid in MetaImage files: what the header says is read, not assumed.

The format: https://itk.org/Wiki/MetaIO/Documentation. A header (``.mhd``) names the file of numbers beside it; ``.mha``
holds both. The Allen Institute's zips hold header and numbers of the 67 × 41 × 58 grid of 200 µm, AP fastest.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from xsg.data import archives

SHAPE = (67, 41, 58)  # AP, SI, LR: all different, so that the size of an axis says which it is
SPACING = 200.0  # µm
N_VOXELS = SHAPE[0] * SHAPE[1] * SHAPE[2]
_TYPES = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4"},
    **{"MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8"},
    **{"MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}
_KEYS = (
    *("ObjectType", "NDims", "BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB", "CompressedData"),
    *("TransformMatrix", "Rotation", "Orientation", "Offset", "Position", "Origin", "AnatomicalOrientation"),
    *("ElementSpacing", "ElementSize", "DimSize", "ElementType", "ElementNumberOfChannels", "HeaderSize"),
    *("ElementDataFile",),
)
_HEADER = 2**16  # bytes of a header at most
_MOST = _HEADER + 2 * 8 * N_VOXELS  # bytes of a file with its numbers at most
_YES, _NO = {"true", "1", "t", "yes", "y"}, {"false", "0", "f", "no", "n"}


def read_volume(path: str | Path, name: str, dtype: str) -> np.ndarray:
    """Read one volume of the grid from a zip, a header beside its numbers, or a folder that holds both.

    Parameters
    ----------
    path
        The zip; or an unpacked ``.mhd`` or ``.mha``; or the file of numbers or the folder where the header lies.
    name
        What the volume is called in a zip, without ending, such as ``"energy"``.
    dtype
        Type of the numbers in a zip without a header, which is taken to be laid out as the Allen Institute's.

    Returns
    -------
    ndarray (67, 41, 58)
        AP, SI, LR, in the type of the file.

    Raises
    ------
    ValueError
        No such file, a damaged one, or a header that says what is not read here; it is named.
    """
    path = Path(path)
    if path.is_dir():
        path = path / f"{name}.mhd"
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a zip with {name}.raw, or {name}.mhd beside {name}.raw.")
    if path.suffix.lower() in (".mhd", ".mha"):
        return _unpacked(path)
    if path.suffix.lower() in (".raw", ".zraw"):
        header = path.with_suffix(".mhd")
        if not header.is_file():
            raise ValueError(
                f"{path}: no header {header.name} beside it, which says in what order and of what type its numbers "
                "are. Put it there, or give the zip."
            )
        return _unpacked(header)
    try:
        with archives.opened(path) as archive:
            return _packed(archive, path, name, dtype)
    except archives.Damaged as error:
        raise ValueError(f"{error}. Delete it and download it again.") from None


def _packed(archive: zipfile.ZipFile, path: Path, name: str, dtype: str) -> np.ndarray:
    inside = archives.members(archive)
    header = next((each for each in (f"{name}.mhd", f"{name}.mha") if each in inside), None)
    if header is None and f"{name}.raw" not in inside:
        raise ValueError(
            f"{path}: no {name}.raw in it, only {', '.join(sorted(inside)) or 'nothing'}. Some experiments have no "
            f"{name} volume: leave this one out."
        )
    if header is None:
        numbers = archives.read(archive, inside[f"{name}.raw"], _MOST)
        return _shaped(numbers, f"{path}: {name}.raw", np.dtype(dtype), SHAPE)
    content = archives.read(archive, inside[header], _MOST if header.endswith("a") else _HEADER)

    def beside(file: str) -> bytes:
        if file not in inside:
            raise ValueError(
                f"{path}: {header} says ElementDataFile = {file}, which is not in it; there are: "
                f"{', '.join(sorted(inside))}. Delete it and download it again."
            )
        return archives.read(archive, inside[file], _MOST)

    return _volume(content, f"{path}: {header}", beside)


def _unpacked(path: Path) -> np.ndarray:
    def beside(file: str) -> bytes:
        numbers = path.with_name(file)
        if not numbers.is_file():
            raise ValueError(f"{path} says ElementDataFile = {file}, which is not beside it. Unpack the zip anew.")
        return _beginning(numbers)

    return _volume(_beginning(path), str(path), beside)


def _beginning(path: Path) -> bytes:
    """Read a file, but never more than such a file can have."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from None


@dataclass
class _Header:
    """What a header says; asks that cannot be met name it."""

    where: str
    said: dict[str, str]

    def refuse(self, key: str, expected: str) -> NoReturn:
        raise ValueError(
            f"{self.where} says {key} = {self.said[key]}; expected {expected}. Save the volume again as the Allen "
            "Institute's files are: 67 41 58 voxels of 200 µm, MET_FLOAT or MET_UINT, in one file."
        )

    def flag(self, key: str, default: str = "false") -> bool:
        word = self.said.get(key, default).lower()
        if word not in _YES | _NO:
            self.refuse(key, "True or False")
        return word in _YES

    def numbers(self, key: str, default: str = "") -> list[float]:
        try:
            return [float(each) for each in self.said.get(key, default).split()]
        except ValueError:
            self.refuse(key, "numbers")

    def check(self) -> None:
        """Refuse what is not this grid."""
        for key, wanted in (("ObjectType", "image"), ("NDims", "3"), ("ElementNumberOfChannels", "1")):
            if self.said.get(key, wanted).lower() != wanted:
                self.refuse(key, wanted)
        if not self.flag("BinaryData", "true"):
            self.refuse("BinaryData", "True (numbers written as text are not read)")
        for key in ("DimSize", "ElementType", "ElementDataFile"):
            if not self.said.get(key):
                raise ValueError(f"{self.where} does not say {key}: it is no whole MetaImage header. Get it anew.")
        if sorted(self.numbers("DimSize")) != sorted(SHAPE):
            self.refuse("DimSize", "67 41 58 in any order; grids of another resolution are not read")
        if self.said["ElementType"].upper() not in _TYPES:
            self.refuse("ElementType", f"one of {', '.join(_TYPES)}")
        spacing = self.numbers(
            key := "ElementSpacing" if "ElementSpacing" in self.said else "ElementSize", "200 200 200"
        )
        if len(spacing) != 3 or not any(np.allclose(spacing, SPACING * unit, rtol=1e-3) for unit in (1, 1e-3)):
            self.refuse(key, "200 200 200 (µm), or 0.2 0.2 0.2 (mm)")
        for key in ("Offset", "Position", "Origin"):
            if any(self.numbers(key)):
                self.refuse(key, "0 0 0, where the grid begins")
        self._check_axes()

    def _check_axes(self) -> None:
        """Refuse axes that are turned or mirrored; which axis is which, the sizes say."""
        axis = [SHAPE.index(size) for size in self.dims]  # of the file -> AP, SI, LR
        same, turned = np.eye(3), np.eye(3)[axis]  # the second as ITK writes it for axes in another order
        for key in ("TransformMatrix", "Rotation", "Orientation"):
            matrix = self.numbers(key, "1 0 0 0 1 0 0 0 1")
            if len(matrix) != 9 or not any(np.allclose(matrix, each.ravel()) for each in (same, turned, turned.T)):
                self.refuse(key, "1 0 0 0 1 0 0 0 1 (axes not turned and not mirrored)")
        # The Institute's own tag is RAI, though the volume is PIR.
        tags = {tag for whole in ("RAI", "PIR") for tag in (whole, "".join(whole[each] for each in axis))}
        if self.said.get("AnatomicalOrientation", "???") not in tags | {"???"}:
            self.refuse("AnatomicalOrientation", f"one of {', '.join(sorted(tags))} (axes not mirrored)")

    @property
    def dims(self) -> tuple[int, ...]:
        return tuple(int(each) for each in self.numbers("DimSize"))

    @property
    def dtype(self) -> np.dtype:
        orders = [key for key in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB") if key in self.said]
        if len({self.flag(key) for key in orders}) > 1:
            self.refuse(orders[1], f"{self.said[orders[0]]}, which {orders[0]} says")
        return np.dtype((">" if orders and self.flag(orders[0]) else "<") + _TYPES[self.said["ElementType"].upper()])

    @property
    def file(self) -> str:
        """The name of the file of numbers; empty where they follow the header."""
        file = self.said["ElementDataFile"]
        if file.upper().startswith("LIST") or "%" in file:
            self.refuse("ElementDataFile", "the name of one file, or LOCAL")
        # Only what lies beside the header is read, whatever path another machine wrote.
        return "" if file.upper() == "LOCAL" else re.split(r"[/\\]", file)[-1]

    def numbers_of(self, content: bytes, what: str) -> np.ndarray:
        """Take the volume out of what holds it."""
        wanted = N_VOXELS * self.dtype.itemsize
        skip = self.numbers("HeaderSize", "0")
        if len(skip) != 1 or not skip[0].is_integer() or skip[0] < -1:
            self.refuse("HeaderSize", "a number of bytes, or -1")
        if skip[0] > 0:
            content = content[int(skip[0]) :]
        if self.flag("CompressedData"):
            content = archives.inflate(content, wanted, what)
        elif skip[0] == -1 and len(content) <= _MOST:
            content = content[-wanted:]
        return _shaped(content, what, self.dtype, self.dims, self.said["ElementType"])


def _volume(content: bytes, where: str, beside: Callable[[str], bytes]) -> np.ndarray:
    """Read the numbers that a header describes."""
    said, rest = _parse(content, where)
    header = _Header(where, said)
    header.check()
    if not header.file:
        return header.numbers_of(rest, where)
    return header.numbers_of(beside(header.file), f"{where}: {header.file}")


def _shaped(content: bytes, what: str, dtype: np.dtype, dims: tuple[int, ...], kind: str = "") -> np.ndarray:
    """Bring the flat order of a file, its first axis fastest, into (AP, SI, LR)."""
    wanted = N_VOXELS * dtype.itemsize
    if len(content) != wanted:
        raise ValueError(
            f"{what} has {len(content)} bytes; expected {wanted} ({' × '.join(map(str, dims))} voxels of "
            f"{dtype.itemsize}{kind and ', ' + kind}). Delete it and download it again; grids of another resolution "
            "are not read."
        )
    volume = np.frombuffer(content, dtype).reshape(dims[::-1]).transpose(2, 1, 0)
    volume = volume.transpose([dims.index(size) for size in SHAPE])
    return np.ascontiguousarray(volume).astype(dtype.newbyteorder("="), copy=False)


def _parse(content: bytes, where: str) -> tuple[dict[str, str], bytes]:
    """Return what a header says, and the bytes that follow it."""
    said: dict[str, str] = {}
    rest = content.removeprefix(b"\xef\xbb\xbf")
    known = {key.lower(): key for key in _KEYS}
    while rest and "ElementDataFile" not in said:
        line, _, rest = rest.partition(b"\n")
        text = line.decode("latin-1").strip()
        key, equals, value = (part.strip() for part in text.partition("="))
        if not text or text.startswith("#"):
            continue
        if not equals or not re.fullmatch(r"[A-Za-z_][\w .-]*", key) or len(line) > _HEADER:
            raise ValueError(f"{where} is no MetaImage header: it holds {text[:40]!r}. Unpack the zip anew.")
        key = known.get(key.lower(), key)
        if said.get(key, value) != value:
            raise ValueError(f"{where} says {key} twice, {said[key]} and {value}. Unpack the zip anew.")
        said[key] = value
    return said, rest
