"""Text is read as people save it; what is written is written whole or not at all."""

import hashlib

import pytest

from xsg.files import digest, read_text, whole

TEXT = "région,Dicke\nL_insula,2.5\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_of_any_encoding(tmp_path, encoding, end):
    path = tmp_path / "table.csv"
    path.write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert read_text(path) == TEXT


def test_what_is_no_text_is_refused_by_name(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"PK\x03\x04\x00\x00\x00\x01 binary \x00\x00")
    with pytest.raises(ValueError, match=r"table\.csv is no text .*expected a table of regions"):
        read_text(path, "a table of regions")
    with pytest.raises(ValueError, match=r"nothing\.csv cannot be read"):
        read_text(tmp_path / "nothing.csv")
    with pytest.raises(ValueError, match="cannot be read"):
        read_text(tmp_path)


@pytest.mark.parametrize("fault", [OSError("disk full"), KeyboardInterrupt()])
def test_a_fault_while_writing_leaves_what_was_there(tmp_path, fault):
    path = tmp_path / "map.csv"
    path.write_text("old")

    def write() -> None:
        with whole(path) as part:
            part.write_text("half")
            raise fault

    with pytest.raises(type(fault)):
        write()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["map.csv"]


def test_a_file_written_whole_takes_the_place(tmp_path):
    path = tmp_path / "model.tar.gz"
    with whole(path) as part:
        assert part.name.endswith(".tar.gz")
        part.write_bytes(b"new")
    assert digest(path) == hashlib.sha256(b"new").hexdigest()
