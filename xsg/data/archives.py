"""Zip archives and compressed bytes of others: sizes are checked before and while they are unpacked.

Whatever a decompressor may raise becomes one ValueError that names the file.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

# What zipfile and the decompressors raise for damaged, encrypted and unknown archives.
_BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError),
    *(NotImplementedError, OSError, ValueError, IndexError, KeyError, OverflowError),
)
_BLOCK = 2**20


class Damaged(ValueError):
    """An archive, or something in it, that cannot be read."""


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip; what is broken in it is a `Damaged` that says so."""
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise Damaged(f"{path}: not a whole zip file ({error or type(error).__name__})") from None
    with archive:
        yield archive


def members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by name without folders; of two with one name, neither may be asked for."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = PurePosixPath(info.filename.replace("\\", "/")).name
        if not info.is_dir():
            found[name] = _Twice(name) if name in found else info
    return found


class _Twice(zipfile.ZipInfo):
    """What stands for a name that an archive has more than once."""


def copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int, write: Callable[[bytes], object]) -> None:
    """Unpack one file of at most so many bytes, block by block; what the archive says of its size is not trusted."""
    where = f"{archive.filename}: {info.filename}"
    if isinstance(info, _Twice):
        raise Damaged(f"{where} is in it more than once")
    if info.flag_bits & 1:
        raise Damaged(f"{where} is encrypted. Unpack it with its password first")
    if info.file_size > most:
        raise Damaged(f"{where} has {info.file_size} bytes; expected {most} at most")
    size = 0
    try:
        with archive.open(info) as packed:
            while block := packed.read(_BLOCK):  # the last block checks the CRC-32
                size += len(block)
                if size > most:
                    raise Damaged(f"{where} has more than {most} bytes")
                write(block)
    except Damaged:
        raise
    except _BROKEN as error:
        raise Damaged(f"{where} cannot be unpacked ({error or type(error).__name__})") from None
    if size != info.file_size:
        raise Damaged(f"{where} has {size} bytes; the archive says {info.file_size}")


def read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """Return the bytes of one file of at most so many."""
    blocks: list[bytes] = []
    copy(archive, info, most, blocks.append)
    return b"".join(blocks)


def inflate(packed: bytes, most: int, what: str) -> bytes:
    """Return what zlib or gzip packed, of at most so many bytes."""
    unpacking = zlib.decompressobj(wbits=47)
    try:
        found = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        raise Damaged(f"{what} cannot be unpacked ({error})") from None
    if len(found) > most:
        raise Damaged(f"{what} has more than {most} bytes when unpacked")
    if not unpacking.eof:
        raise Damaged(f"{what} was cut off: {len(found)} bytes when unpacked, and no end")
    return found
