"""Volumes of the mouse grid, as others save them, and what stands in them for "no value"."""

import gzip
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pandas as pd
import pytest

from xsg import check
from xsg.spatial.mouse import SHAPE, Mouse, make_structures, read_annotation, read_grid, structure_tree

# --- −1 is missing (18) -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int", "list", "frame", "memmap"])
def test_minus_one_is_missing_in_any_type(kind, tmp_path):
    values = np.array([[0.5, -1, 3], [2, 0, -1]])
    if kind == "int":
        values = np.array([[0, -1, 3], [2, 0, -1]])
    given = {"int": values, "list": values.tolist(), "frame": pd.DataFrame(values)}.get(kind)
    if kind == "memmap":
        given = np.memmap(tmp_path / "x", np.float16, "w+", shape=(2, 3))
        given[:] = values
    elif given is None:
        given = values.astype(kind)
    found = check.energies(given)
    np.testing.assert_array_equal(found, np.where(values == -1, np.nan, values))
    if kind == "memmap":
        assert (np.asarray(given) == values).all(), "what was given was changed"
        given[:] = np.abs(values)
        assert isinstance(check.energies(given), np.memmap), "a large matrix without −1 was read into memory"


@pytest.mark.parametrize("odd", [-0.5, -1.0001, -2, -9999, np.inf, -np.inf])
def test_other_negative_values_are_refused_with_their_place(odd, monkeypatch):
    monkeypatch.setattr("xsg.spatial.stored._AT_ONCE", 6)
    values = np.ones((7, 3))
    values[5, 1] = odd
    with pytest.raises(ValueError, match=rf"expression is {odd:g} at \(5, 1\); expected an energy of 0 or more.*−1"):
        check.energies(values)


def test_text_is_no_energy():
    with pytest.raises(TypeError, match="energy: expected"):
        check.energies([["a", "b"]], "energy")


# --- the header of a volume is read (20) ------------------------------------------------------------------------------

ALLEN = {
    **{"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False"},
    **{"DimSize": "67 41 58", "ElementSpacing": "200 200 200", "ElementType": "MET_FLOAT"},
    **{"ElementDataFile": "energy.raw"},
}


def volume() -> np.ndarray:
    """Energy 7.5 at AP 10, SI 20, LR 30; LR 0 to 9 missing: 27,470 voxels."""
    grid = np.random.default_rng(0).integers(0, 6, SHAPE).astype(np.float32) / 2
    grid[10, 20, 30] = 7.5
    grid[:, :, :10] = -1
    return grid


def header(**changes: str | None) -> str:
    said = {key: value for key, value in (ALLEN | changes).items() if value is not None}
    last = said.pop("ElementDataFile", None)
    return "".join(f"{key} = {value}\n" for key, value in said.items()) + (
        f"ElementDataFile = {last}\n" if last is not None else ""
    )


def numbers(order=(0, 1, 2), dtype="<f4") -> bytes:
    """The volume as bytes; ``order``: which axis runs fastest, then, slowest."""
    return np.ascontiguousarray(volume().transpose(order[::-1])).astype(dtype).tobytes()


def packed(path, text: str | None, content: bytes, name="energy.raw"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(name, content)
        if text is not None:
            archive.writestr("energy.mhd", text)
    return path


def is_right(grid) -> None:
    assert grid[10, 20, 30] == 7.5
    assert np.isnan(grid[:, :, :10]).sum() == np.isnan(grid).sum() == 27_470
    np.testing.assert_array_equal(np.nan_to_num(grid, nan=-1), volume())


@pytest.mark.parametrize(
    ("changes", "order", "dtype"),
    [
        ({}, (0, 1, 2), "<f4"),
        ({"DimSize": "58 41 67"}, (2, 1, 0), "<f4"),
        ({"BinaryDataByteOrderMSB": "True"}, (0, 1, 2), ">f4"),
        ({"DimSize": "41 58 67"}, (1, 2, 0), "<f4"),
        ({"DimSize": "67 58 41", "ElementType": "MET_DOUBLE"}, (0, 2, 1), "<f8"),
        ({"DimSize": "58 41 67", "ElementByteOrderMSB": "1", "BinaryDataByteOrderMSB": None}, (2, 1, 0), ">f4"),
        ({"BinaryDataByteOrderMSB": None}, (0, 1, 2), "<f4"),
        ({"BinaryDataByteOrderMSB": "TRUE", "ElementByteOrderMSB": "true"}, (0, 1, 2), ">f4"),
        ({"ElementType": "met_double", "BinaryDataByteOrderMSB": "1"}, (0, 1, 2), ">f8"),
        ({"ElementSpacing": "0.2 0.2 0.2"}, (0, 1, 2), "<f4"),
        ({"ElementSpacing": None}, (0, 1, 2), "<f4"),
        ({"ElementSpacing": None, "ElementSize": "200.0 200.0 200.0"}, (0, 1, 2), "<f4"),
        ({"AnatomicalOrientation": "RAI", "TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": "0 0 0"}, (0, 1, 2), "<f4"),
        ({"AnatomicalOrientation": "PIR"}, (0, 1, 2), "<f4"),
        ({"DimSize": "58 41 67", "TransformMatrix": "0 0 1 0 1 0 1 0 0"}, (2, 1, 0), "<f4"),
        ({"CompressedData": "False", "HeaderSize": "0"}, (0, 1, 2), "<f4"),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["zip", "mhd", "raw", "folder"])
def test_what_the_header_says_is_read(tmp_path, changes, order, dtype, form):
    text, content = header(**changes), numbers(order, dtype)
    if form == "zip":
        return is_right(read_grid(packed(tmp_path / "x.zip", text, content)))
    (tmp_path / "energy.mhd").write_text(text)
    (tmp_path / "energy.raw").write_bytes(content)
    return is_right(read_grid({"folder": tmp_path}.get(form, tmp_path / f"energy.{form}")))


@pytest.mark.parametrize("change", ["crlf", "bom", "no blanks", "tabs", "comment", "lower keys", "no last newline"])
def test_header_as_editors_leave_it(tmp_path, change):
    text = {
        "crlf": header().replace("\n", "\r\n"),
        "bom": "\ufeff" + header(),
        "no blanks": header().replace(" = ", "="),
        "tabs": header().replace(" = ", "\t=\t"),
        "comment": "# saved again\n\n" + header(),
        "lower keys": header().replace("DimSize", "dimsize").replace("ElementType", "elementtype"),
        "no last newline": header().rstrip(),
    }[change]
    is_right(read_grid(packed(tmp_path / "x.zip", text, numbers())))


def test_numbers_elsewhere(tmp_path):
    (tmp_path / "vol.bin").write_bytes(bytes(77) + numbers())
    for skip in ("77", "-1"):
        (tmp_path / "v.mhd").write_text(header(ElementDataFile="vol.bin", HeaderSize=skip))
        is_right(read_grid(tmp_path / "v.mhd"))
    for elsewhere in ("/home/me/vol2.bin", r"C:\data\vol2.bin", "../../vol2.bin"):  # only what lies beside is read
        (tmp_path / "vol2.bin").write_bytes(numbers())
        (tmp_path / "v.mhd").write_text(header(ElementDataFile=elsewhere))
        is_right(read_grid(tmp_path / "v.mhd"))
    (tmp_path / "v.mha").write_bytes(header(ElementDataFile="LOCAL").encode() + numbers())
    is_right(read_grid(tmp_path / "v.mha"))
    for pack in (zlib.compress, gzip.compress):
        small = pack(numbers())
        said = header(ElementDataFile="LOCAL", CompressedData="True", CompressedDataSize=str(len(small)))
        (tmp_path / "v.mha").write_bytes(said.encode() + small)
        is_right(read_grid(tmp_path / "v.mha"))
    is_right(read_grid(packed(tmp_path / "z.zip", header(ElementDataFile="e.dat"), numbers(), name="e.dat")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DimSize": "133 81 115"}, "says DimSize = 133 81 115; expected 67 41 58 in any order"),
        ({"DimSize": "67 41"}, "says DimSize = 67 41;"),
        ({"DimSize": "67 41 58 1"}, "DimSize = 67 41 58 1"),
        ({"DimSize": "a b c"}, "DimSize = a b c; expected numbers"),
        ({"DimSize": None}, "does not say DimSize"),
        ({"NDims": "2"}, "NDims = 2; expected 3"),
        ({"ElementType": "MET_FLOAT_ARRAY"}, "ElementType = MET_FLOAT_ARRAY; expected one of MET_CHAR"),
        ({"ElementType": "MET_DOUBLE"}, "has 637304 bytes; expected 1274608 .*MET_DOUBLE"),
        ({"ElementType": "MET_UINT"}, "uint32, which cannot hold −1"),
        ({"ElementNumberOfChannels": "3"}, "ElementNumberOfChannels = 3"),
        ({"ElementSpacing": "25 25 25"}, "ElementSpacing = 25 25 25; expected 200 200 200"),
        ({"ElementSpacing": "200 200 100"}, "ElementSpacing = 200 200 100"),
        ({"ElementSpacing": "1 1 1"}, "ElementSpacing = 1 1 1"),
        ({"BinaryData": "False"}, "BinaryData = False"),
        ({"BinaryDataByteOrderMSB": "maybe"}, "BinaryDataByteOrderMSB = maybe; expected True or False"),
        ({"ElementByteOrderMSB": "True"}, "ElementByteOrderMSB = True; expected False, which BinaryDataByteOrderMSB"),
        ({"TransformMatrix": "-1 0 0 0 1 0 0 0 1"}, "TransformMatrix = -1 .*not mirrored"),
        ({"TransformMatrix": "0 0 1 0 1 0 1 0 0"}, "TransformMatrix = 0 0 1 .*not turned"),
        ({"AnatomicalOrientation": "LPS"}, "AnatomicalOrientation = LPS"),
        ({"Offset": "0 0 5700"}, "Offset = 0 0 5700"),
        ({"HeaderSize": "12"}, "has 637292 bytes"),
        ({"HeaderSize": "-7"}, "HeaderSize = -7"),
        ({"HeaderSize": "inf"}, "HeaderSize = inf"),
        ({"CompressedData": "True"}, "energy.raw cannot be unpacked"),
        ({"ElementDataFile": "LIST"}, "ElementDataFile = LIST"),
        ({"ElementDataFile": "e%03d.raw 1 58 1"}, "ElementDataFile = e%03d.raw"),
        ({"ElementDataFile": "other.raw"}, "ElementDataFile = other.raw, which is not in it; there are: energy.mhd"),
        ({"ElementDataFile": None}, "does not say ElementDataFile"),
        ({"ElementDataFile": "LOCAL"}, "energy.mhd has 0 bytes"),
        ({"BinaryDataByteOrderMSB": "True"}, r"x\.zip: energy\.raw holds"),
    ],
    ids=str,
)
def test_what_is_not_read_is_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        read_grid(packed(tmp_path / "x.zip", header(**changes), numbers()))
    assert "x.zip" in str(error.value)


def test_byte_order_that_is_wrong_shows(tmp_path):
    with pytest.raises(ValueError, match="order of its bytes"):
        read_grid(packed(tmp_path / "x.zip", None, numbers(dtype=">f4")))


def test_no_header_no_guess(tmp_path):
    (tmp_path / "energy.raw").write_bytes(numbers())
    with pytest.raises(ValueError, match=r"no header energy\.mhd beside it"):
        read_grid(tmp_path / "energy.raw")
    with pytest.raises(ValueError, match="no such file"):
        read_grid(tmp_path)
    (tmp_path / "energy.mhd").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match="is no MetaImage header"):
        read_grid(tmp_path)
    (tmp_path / "energy.mhd").write_text(header() + "x")
    (tmp_path / "energy.raw").unlink()
    with pytest.raises(ValueError, match=r"ElementDataFile = energy\.raw, which is not beside it"):
        read_grid(tmp_path)
    (tmp_path / "energy.mhd").write_text("DimSize = 58 41 67\n" + header())
    with pytest.raises(ValueError, match="says DimSize twice, 58 41 67 and 67 41 58"):
        read_grid(tmp_path)
    (tmp_path / "x.nii").write_bytes(b"\0" * 348)
    with pytest.raises(ValueError, match="not a whole zip"):
        read_grid(tmp_path / "x.nii")


# --- archives of all kinds --------------------------------------------------------------------------------------------


def damaged(tmp_path, kind: str):
    """A zip with what goes wrong in zips."""
    path = tmp_path / "x.zip"
    if kind == "bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("energy.raw", bytes(200 * 2**20))
        return path
    if kind in ("bz2", "lzma"):
        method = {"bz2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}[kind]
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("energy.raw", numbers())
    elif kind == "twice":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/energy.raw", numbers())
            archive.writestr("b/energy.raw", numbers())
        return path
    else:
        packed(path, None, numbers())
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    if kind == "encrypted":
        content[6] |= 1
        content[entry + 8] |= 1
    elif kind == "method":
        content[8:10] = content[entry + 10 : entry + 12] = struct.pack("<H", 99)
    elif kind == "crc":
        content[entry + 16 : entry + 20] = b"\1\2\3\4"
    elif kind == "lying size":  # the directory says less than there is
        content[entry + 24 : entry + 28] = struct.pack("<I", 1000)
    elif kind in ("deflate", "bz2", "lzma"):
        content[2000:2600] = bytes(600)
    elif kind == "cut":
        del content[5000:6000]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "kind", ["bomb", "encrypted", "method", "crc", "lying size", "deflate", "bz2", "lzma", "cut", "twice"]
)
def test_archives_that_cannot_be_unpacked_name_the_file(tmp_path, kind):
    path = damaged(tmp_path, kind)
    with pytest.raises(ValueError, match=r"x\.zip") as error:
        read_grid(path)
    assert type(error.value) is ValueError
    assert "download it again" in str(error.value)


def test_a_bomb_takes_no_memory(tmp_path):
    path = damaged(tmp_path, "bomb")
    bomb = zlib.compress(bytes(200 * 2**20))
    tracemalloc.start()
    with pytest.raises(ValueError, match="has 209715200 bytes; expected"):
        read_grid(path)
    (tmp_path / "v.mha").write_bytes(header(ElementDataFile="LOCAL", CompressedData="True").encode() + bomb)
    with pytest.raises(ValueError, match="has more than 637304 bytes when unpacked"):
        read_grid(tmp_path / "v.mha")
    (tmp_path / "v.mha").write_bytes(
        header(ElementDataFile="LOCAL", CompressedData="True").encode() + zlib.compress(numbers())[:-500]
    )
    with pytest.raises(ValueError, match=r"was cut off: \d+ bytes when unpacked"):
        read_grid(tmp_path / "v.mha")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20


# --- annotation and tree ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "said"), [("<u4", "MET_UINT"), (">i4", "MET_INT"), ("<i8", "MET_LONG_LONG"), ("<f8", "MET_DOUBLE")]
)
def test_annotation_in_other_types(tmp_path, kind, said):
    ids = np.zeros(SHAPE, np.int64)
    ids[10, 20, 30] = 614_454_277
    (tmp_path / "gridAnnotation.raw").write_bytes(np.ascontiguousarray(ids.transpose()).astype(kind).tobytes())
    changes = {"ElementType": said, "BinaryDataByteOrderMSB": str(kind[0] == ">")}
    (tmp_path / "gridAnnotation.mhd").write_text(header(**changes, ElementDataFile="gridAnnotation.raw"))
    found = read_annotation(tmp_path)
    assert found[10, 20, 30] == 614_454_277
    assert (found > 0).sum() == 1


@pytest.mark.parametrize(("odd", "kind", "said"), [(0.5, "f4", "FLOAT"), (-1, "i4", "INT"), (2**31, "u4", "UINT")])
def test_annotation_that_is_none(tmp_path, odd, kind, said):
    ids = np.zeros(SHAPE, kind)
    ids[1, 2, 3] = odd
    (tmp_path / "a.mhd").write_text(header(ElementType=f"MET_{said}", ElementDataFile="a.raw"))
    (tmp_path / "a.raw").write_bytes(np.ascontiguousarray(ids.transpose()).tobytes())
    with pytest.raises(ValueError, match=r"a\.mhd: gridAnnotation\.raw holds .* in 1 voxels; expected ids"):
        read_annotation(tmp_path / "a.mhd")
    if kind == "f4":  # ids that float32 has rounded
        ids[1, 2, 3] = 614_454_277
        (tmp_path / "a.raw").write_bytes(np.ascontiguousarray(ids.transpose()).tobytes())
        with pytest.raises(ValueError, match="a type that cannot hold them"):
            read_annotation(tmp_path / "a.mhd")


# --- tables of voxels -------------------------------------------------------------------------------------------------

TREE = make_structures([1, 2, 3, 4], "ABCD", "abcd", [0, 1, 2, 1], ["#fff"] * 4, divisions=["B", "D"])


def tables(**changes) -> dict:
    given = {
        "name": "toy",
        "expression": np.arange(15, dtype=np.float32).reshape(5, 3),
        "voxels": pd.DataFrame({"AP": range(5), "SI": 7, "LR": 30}),
        "region": pd.Series([3, 3, 4, 2, 3]),
        "genes": pd.Index(["Gad1", "Nrp1", "Penk"]),
        "structures": TREE,
    }
    return given | changes


def test_minus_one_in_a_table_of_ones_own_is_missing():
    values = np.arange(15, dtype=np.float32).reshape(5, 3)
    values[1, 2] = -1
    assert np.isnan(Mouse(**tables(expression=values)).expression[1, 2])
    assert values[1, 2] == -1
    values[1, 2] = -7
    with pytest.raises(ValueError, match=r"expression is -7 at \(1, 2\)"):
        Mouse(**tables(expression=values))


def test_tables_are_joined_by_name():
    names = [f"v{i}" for i in range(5)]
    whole = tables()
    voxels, region = whole["voxels"].set_axis(names), pd.Series(whole["region"].to_numpy(), names)
    frame = pd.DataFrame(whole["expression"], names, whole["genes"])
    brain = Mouse(
        **tables(expression=frame.iloc[[4, 2, 0, 1, 3], [2, 0, 1]], voxels=voxels, region=region.iloc[[3, 1, 4, 0, 2]])
    )
    assert brain.region.tolist() == [3, 3, 4, 2, 3]
    np.testing.assert_array_equal(brain.expression, whole["expression"])
    with pytest.raises(ValueError, match=r"region: .*missing: 'v4'; unknown: 'x'"):
        Mouse(**tables(voxels=voxels, region=region.rename({"v4": "x"})))
    with pytest.raises(ValueError, match=r"expression: .*'Gad1'"):
        Mouse(**tables(expression=frame.rename(columns={"Gad1": "Gad2"}), voxels=voxels, region=region))


@pytest.mark.parametrize("kind", ["lists", "floats", "ints"])
def test_tables_in_plain_forms(kind):
    given = {
        "lists": {"expression": [[0, 1, 2]] * 5, "region": [3, 3, 4, 2, 3], "genes": ["a", "b", "c"]},
        "floats": {
            "voxels": pd.DataFrame({"AP": np.arange(5.0), "SI": 7.0, "LR": 30.0}),
            "region": np.array([3.0] * 5),
        },
        "ints": {"expression": np.ones((5, 3), int), "region": np.array([3] * 5, np.uint32)},
    }[kind]
    brain = Mouse(**tables(**given))
    assert brain.region.iloc[0] == 3
    assert brain.voxels["AP"].dtype.kind == "i"
    assert brain.expression.dtype.kind == "f"
    assert brain.volume(brain.expression[:, 1])[0, 7, 30] == brain.expression[0, 1]
    assert brain.division.tolist()[0] == "B"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"voxels": pd.DataFrame({"AP": np.arange(5) + 0.5, "SI": 7, "LR": 30})}, r"voxel \(0\.5, 7, 30\) is no index"),
        ({"voxels": pd.DataFrame({"AP": np.arange(5) * 200, "SI": 7, "LR": 30})}, r"voxel \(200, 7, 30\) lies outside"),
        ({"voxels": pd.DataFrame({"AP": [-1, 1, 2, 3, 4], "SI": 7, "LR": 30})}, r"voxel \(-1, 7, 30\) lies outside"),
        (
            {"voxels": pd.DataFrame({"AP": [1, 1, 2, 3, 4], "SI": 7, "LR": 30})},
            r"voxel \(1, 7, 30\) is given more than",
        ),
        (
            {"voxels": pd.DataFrame({"AP": [np.nan, 1, 2, 3, 4], "SI": 7, "LR": 30})},
            "voxels: 1 of 15 values are not fin",
        ),
        ({"voxels": pd.DataFrame({"AP": list("abcde"), "SI": 7, "LR": 30})}, "voxels: expected an array of numbers"),
        ({"voxels": pd.DataFrame({"ap": range(5), "si": 7, "lr": 30})}, "columns are .*expected a table with"),
        ({"voxels": np.zeros((5, 3), int)}, "voxels: ndarray; expected a table"),
        ({"region": pd.Series([3, 3, 4, 2, 997])}, "region 997 is not among the 4 structures; 1 of 5 voxels"),
        ({"region": pd.Series([3, 3, 4, 2, np.nan])}, "region nan is not among"),
        ({"region": pd.Series([3, 3, 4, 2])}, "there are 5 voxels, 4 regions"),
        ({"expression": np.ones(5)}, "expression has shape"),
        ({"expression": np.ones((3, 5))}, "transpose it"),
        ({"expression": np.full((5, 3), np.inf)}, "expression is inf"),
    ],
)
def test_tables_that_cannot_be_true(changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Mouse(**tables(**changes))


def test_tree_that_is_none(tmp_path):
    path = tmp_path / "tree.csv"
    path.write_text("id,safe_name\n1,root\n")
    with pytest.raises(ValueError, match=r"tree\.csv: no column 'acronym', .*; there are 'id', 'safe_name'"):
        structure_tree(path)
    row = "id,acronym,name,parent_structure_id,color_hex_triplet\n1,root,root,,FFFFFF\n{},B,b,1,0\n"
    path.write_text(row.format("1"))
    with pytest.raises(ValueError, match="id 1 is no number, or is there more than once"):
        structure_tree(path)
    path.write_text(row.format("2"), encoding="utf-16")
    assert structure_tree(path).at[2, "colour"] == "#000000"
    path.write_text(row.format("3"))
    assert list(structure_tree(path).index) == [1, 3], "a file that was replaced was not read again"
