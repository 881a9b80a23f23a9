"""Raw microarrays: what abagen makes of them equals what it made in its own day; damaged input is named."""

import hashlib
import io
import json
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import abagen_reference as reference
from xsg.data import network
from xsg.data.fetch import DownloadError
from xsg.genes import abagen_run as module
from xsg.genes import donors
from xsg.genes.abagen_run import options, run_abagen
from xsg.genes.donors import FILES, download_microarrays
from xsg.genes.microarrays import Microarrays, open_microarrays
from xsg.genes.simulate import DONORS, simulate_microarrays

STORED = json.loads(reference.STORED.read_text())


@pytest.fixture(scope="session")
def reference_folder(tmp_path_factory) -> Path:
    return simulate_microarrays(tmp_path_factory.mktemp("reference") / "microarray", n_samples=60)


@pytest.fixture
def folder(small_folder, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(small_folder, tmp_path / "copy"))


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory) -> Path:
    return simulate_microarrays(tmp_path_factory.mktemp("small"), seed=1, genes=12, n_samples=20)


def test_the_input_is_the_one_the_checksums_were_made_from(reference_folder):
    assert reference.digest_of(reference_folder) == STORED["input"]
    assert STORED["versions"]["pandas"] == "1.5.3"
    assert STORED["versions"]["numpy"] == "1.26.4"


def test_every_value_of_every_option_is_covered():
    product = dict(reference.PRODUCT, missing=(*reference.PRODUCT["missing"], "interpolate"))
    for runs in (reference.covering(), reference.grid()):
        for atlas in product["atlas"]:
            here = [run for run in runs if run["atlas"] == atlas]
            for option, values in product.items():
                if option != "atlas":
                    assert {run[option] for run in here if option in run} == set(values), (atlas, option)
        for change in reference.SINGLE:
            for option, value in change.items():
                assert any(run.get(option, options().get(option)) == value for run in runs), (option, value)
    assert set(STORED["checksums"]) == {reference.key(run) for run in reference.grid()}


@pytest.mark.parametrize("choices", reference.covering(), ids=lambda run: reference.key(run).replace('"', ""))
def test_output_is_that_of_abagen_in_its_own_day(reference_folder, choices):
    tables = run_abagen(open_microarrays(reference_folder), **choices)
    assert reference.checksum(tables) == STORED["checksums"][reference.key(choices)].split()[0]


def test_options_are_abagens_with_its_defaults():
    assert options()["missing"] is None
    assert options()["ibf_threshold"] == 0.5
    assert not {"donors", "data_dir", "return_donors", "atlas"} & set(options())


def test_memory_of_places_does_not_mix_inputs(small_folder, monkeypatch):
    raw = open_microarrays(small_folder)
    runs = [{"atlas": "surface"}, {"atlas": "surface", "tolerance": 0}, {"atlas": "surface", "corrected_mni": False}]
    remembered = [reference.checksum(run_abagen(raw, **run)) for run in runs]
    monkeypatch.setattr(module, "_remembered", lambda method: method)
    assert [reference.checksum(run_abagen(raw, **run)) for run in runs] == remembered
    assert len(set(remembered)) == 3


def test_two_donors_have_a_right_hemisphere(reference_folder):
    _, counts, report = run_abagen(open_microarrays(reference_folder), report=True)
    left, right = counts.loc[1:41], counts.loc[42:82]
    assert tuple(counts.columns) == DONORS
    assert (left.sum() > 20).all()
    assert (right.sum() > 20).tolist() == [True, True, False, False, False, False]
    assert (right[list(DONORS[2:])] == 0).all(axis=None)
    assert "6 post-mortem brains" in report


def test_what_cannot_be_simulated_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"n_samples is 500; expected a whole number from 20 to \d+"):
        simulate_microarrays(tmp_path, n_samples=500)
    with pytest.raises(ValueError, match="'NOGENE'"):
        simulate_microarrays(tmp_path, genes=["APOE", "NOGENE"])
    with pytest.raises(ValueError, match=r"genes .* is 3; expected a whole number from 10"):
        simulate_microarrays(tmp_path, genes=3)


def test_a_folder_the_user_has_is_found_also_one_level_up(folder, tmp_path):
    assert open_microarrays(folder) == Microarrays(folder, DONORS, True)
    assert open_microarrays(str(folder), donors=["9861", "10021"]).donors == ("9861", "10021")
    folder.rename(tmp_path / "microarray")
    (tmp_path / "microarray" / "SIMULATED.txt").unlink()
    found = open_microarrays(tmp_path)
    assert (found.folder, found.simulated) == (tmp_path / "microarray", False)
    assert open_microarrays(found, donors="15697").donors == ("15697",)


def test_wrong_folder(tmp_path):
    with pytest.raises(ValueError, match=r"has no folder named normalized_microarray_donor9861.*Give the folder"):
        open_microarrays(tmp_path)
    with pytest.raises(ValueError, match=r"nowhere is no folder"):
        open_microarrays(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="donor '1234' is unknown; expected some of 9861"):
        open_microarrays(tmp_path, donors=["1234"])
    with pytest.raises(ValueError, match="donors: none given; expected some of 9861"):
        open_microarrays(tmp_path, donors=[])


def test_missing_donor_and_missing_file(folder):
    left = [donor for donor in DONORS if donor != "14380"]
    shutil.rmtree(folder / "normalized_microarray_donor14380")
    with pytest.raises(
        ValueError, match=r"donor 14380 is missing.*Here are: 9861, 10021, 12876, 15496, 15697.*178238316"
    ):
        open_microarrays(folder)
    assert open_microarrays(folder, donors=left).donors == tuple(left)
    place = folder / "normalized_microarray_donor9861"
    (place / "PACall.csv").rename(place / "PACALL")
    with pytest.raises(ValueError, match=r"donor 9861: PACall.csv is missing in .*An archive has MicroarrayExpression"):
        open_microarrays(folder, donors=left)
    (place / "PACall.csv").touch()
    with pytest.raises(ValueError, match=r"PACall\.csv is empty"):
        open_microarrays(folder, donors=left)


@pytest.mark.parametrize("name", FILES.values())
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_truncated_table(folder, name, share):
    path = folder / "normalized_microarray_donor12876" / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"donor12876.*({name}|MicroarrayExpression.csv).*(cut short|cannot be read)"):
        open_microarrays(folder)


@pytest.mark.parametrize("name", ["MicroarrayExpression.csv", "PACall.csv"])
def test_table_cut_at_the_end_of_a_line(folder, name):
    path = folder / "normalized_microarray_donor12876" / name
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3]))
    with pytest.raises(ValueError, match=rf"{name} looks cut short: its last probe is \d+, that of Probes.csv \d+"):
        open_microarrays(folder)


def test_table_of_another_kind(folder):
    place = folder / "normalized_microarray_donor12876"
    shutil.copy(place / "Ontology.csv", place / "SampleAnnot.csv")
    with pytest.raises(ValueError, match=r"SampleAnnot.csv: no column 'structure_id', .*; there are 'id', 'acronym'"):
        open_microarrays(folder)


def test_sequencing_is_asked_for_by_name(folder):
    shutil.rmtree(folder / "rnaseq_donor10021")
    with pytest.raises(ValueError, match=r"RNA sequencing of donor 10021: Genes.csv not found.*278448166"):
        run_abagen(open_microarrays(folder), probe_selection="rnaseq")
    with pytest.raises(ValueError, match="exists of donors 9861 and 10021 only"):
        run_abagen(open_microarrays(folder, donors=["12876", "14380"]), probe_selection="rnaseq")


def test_unknown_options_are_refused(small_folder):
    raw = open_microarrays(small_folder)
    with pytest.raises(ValueError, match=r"option 'probe' is unknown; expected one of 'ibf_threshold'"):
        run_abagen(raw, probe="average")
    with pytest.raises(ValueError, match="atlas 'voxels' is unknown; expected one of 'volume', 'surface'"):
        run_abagen(raw, atlas="voxels")
    with pytest.raises(ValueError, match=r"probe_selection.*'best'|best"):
        run_abagen(raw, probe_selection="best")


def test_pandas_and_numpy_are_untouched_by_a_run_and_by_one_that_fails(small_folder):
    def state() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in (pd.DataFrame, pd, np)]

    raw = open_microarrays(small_folder)
    run_abagen(raw, atlas="surface")  # numpy enters submodules into its own dict as they are first used
    before = state()
    run_abagen(raw, atlas="surface", probe_selection="max_variance")
    assert state() == before
    with pytest.raises(ValueError, match="best"):
        run_abagen(raw, probe_selection="best")
    assert state() == before


# --- the download, from a server on loopback ---


@pytest.fixture
def archives(small_folder, server, cache, monkeypatch):
    """Archives of two donors at the server; the list of archives names them, without sha256, as the real one does."""
    rows, server.bodies = {}, {}
    for donor in ("9861", "12876"):
        packed, place = io.BytesIO(), small_folder / f"normalized_microarray_donor{donor}"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in FILES.values():
                archive.write(place / name, name)
            archive.writestr("Readme.txt", np.random.default_rng(0).bytes(60_000))
        server.bodies[f"/{donor}"] = packed.getvalue()
        size = sum((place / name).stat().st_size for name in FILES.values())
        rows[donor] = {"url": f"{server.base}/{donor}", "bytes": len(packed.getvalue()), "unpacked": size, "sha256": ""}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("donor")
    monkeypatch.setattr(donors, "archive_list", lambda: table)
    return table


def get(**choices) -> Path:
    return download_microarrays(donors=["12876", "9861"], progress=False, **choices)


def test_the_list_of_archives():
    table = donors.archive_list()
    assert tuple(table.index) == DONORS
    assert table["url"].str.fullmatch(r"https://human\.brain-map\.org/api/v2/well_known_file_download/\d{9}").all()
    assert (table["bytes"].sum(), table["unpacked"].sum()) == (1_681_256_535, 4_249_320_205)
    assert table["sha256"].str.fullmatch("([0-9a-f]{64})?").all()


def test_download_unpack_and_keep(archives, server, cache, small_folder, capfd):
    folder = download_microarrays(donors=["12876", "9861"])
    assert folder == cache / "human" / "microarray"
    assert "normalized_microarray_donor9861.zip" in capfd.readouterr().err
    for donor in archives.index:
        place = folder / f"normalized_microarray_donor{donor}"
        assert sorted(path.name for path in place.iterdir()) == sorted([*FILES.values(), "sha256.txt"])
        for name in FILES.values():
            assert (place / name).read_bytes() == (small_folder / place.name / name).read_bytes()
        assert (place / "sha256.txt").read_text().startswith(hashlib.sha256(server.bodies[f"/{donor}"]).hexdigest())
    assert not list(folder.glob("*.part"))
    assert not [path for path in folder.iterdir() if path.name.startswith(".unpacking")]
    asked = len(server.log)
    assert open_microarrays("download", ["9861"], progress=False).folder == folder
    assert len(server.log) == asked == 2


def test_download_goes_on_where_it_was_cut(archives, server, cache, monkeypatch):
    monkeypatch.setattr(network, "_TRIES", 1)
    server.tag = '"1"'
    server.cut_after = 40_000
    with pytest.raises(
        DownloadError, match=r"donor 9861: not fetched(.|\n)*cut off after 40000 of(.|\n)*call again to go on"
    ):
        get()
    server.cut_after = None
    get()
    assert [wanted for path, wanted in server.log if path == "/9861"] == [None, "bytes=40000-"]


@pytest.mark.parametrize("damage", ["middle", "no archive", "file missing", "other size", "other hash"])
def test_a_damaged_archive_is_refused(archives, server, cache, damage):
    body = bytearray(server.bodies["/9861"])
    if damage == "middle":
        body[1000:1050] = bytes(50)
    elif damage == "no archive":
        body = bytearray(len(body))
    elif damage == "file missing":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("Probes.csv", "x")
        body = bytearray(packed.getvalue())
        archives.loc["9861", "bytes"] = len(body)
    elif damage == "other size":
        body = body[:-10]
    else:
        archives.loc["9861", "sha256"] = "0" * 64
    server.bodies["/9861"] = bytes(body)
    message = {
        "middle": "damaged archive|Bad CRC|Error",
        "no archive": "damaged archive",
        "file missing": "the archive has no MicroarrayExpression.csv",
        "other size": "cut off|wrong bytes",
        "other hash": "wrong bytes: expected .* with sha256 0000",
    }[damage]
    with pytest.raises(DownloadError, match=message):
        get()
    folder = cache / "human" / "microarray"
    assert not (folder / "normalized_microarray_donor9861").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".unpacking")]


def test_too_little_disk_is_seen_before_the_download(archives, server, cache, monkeypatch):
    usage, needed = namedtuple("usage", "total used free"), int(archives["unpacked"].sum() + archives["bytes"].max())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, needed - 1))
    with pytest.raises(DownloadError, match=r"2 donor\(s\): disk too small: .* GB needed in .*XSG_DATA"):
        get()
    assert server.log == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, needed))
    get()


def test_mirror_comes_first(archives, server, cache, tmp_path, monkeypatch):
    name = "human/microarray/normalized_microarray_donor{}.zip"
    server.bodies["/mirror/" + name.format("9861")] = server.bodies["/9861"]
    monkeypatch.setenv("XSG_MIRROR", f"{server.base}/mirror/")
    get()
    assert [path for path, _ in server.log] == [
        f"/mirror/{name.format(9861)}",
        f"/mirror/{name.format(12876)}",
        "/12876",
    ]
    server.log.clear()
    local = tmp_path / "mirror" / name.format("9861")
    local.parent.mkdir(parents=True)
    local.write_bytes(server.bodies["/9861"])
    monkeypatch.setenv("XSG_MIRROR", str(tmp_path / "mirror"))
    folder = download_microarrays(tmp_path / "elsewhere", donors=["9861"], progress=False)
    assert (server.log, folder) == ([], tmp_path / "elsewhere")


def test_no_network_names_the_ways_out(archives, cache):
    archives["url"] = "http://127.0.0.1:9/x"
    with pytest.raises(
        DownloadError, match=r"refused(.|\n)*by hand as .*normalized_microarray_donor9861(.|\n)*XSG_MIRROR"
    ):
        get()


@pytest.mark.parametrize(
    ("given", "donors"),
    [
        (9861, ("9861",)),
        (np.int64(9861), ("9861",)),
        ([15697, "9861"], ("9861", "15697")),
        (np.array([9861, 10021]), ("9861", "10021")),
        (pd.Series([9861.0]), ("9861",)),
        ("all", DONORS),
        (" 9861 ", ("9861",)),
        ("H0351.2001", ("9861",)),
        (["h0351.1016", "H0351.2002"], ("10021", "15697")),
        ({"9861": "x"}, ("9861",)),
    ],
)
def test_donors_in_any_form(small_folder, given, donors):
    assert open_microarrays(small_folder, donors=given).donors == donors


@pytest.mark.parametrize("given", [1, "H0351.9999", [9861, None], 9861.5, ""])
def test_what_is_no_donor(small_folder, given):
    with pytest.raises(ValueError, match=r"donor .* is unknown; expected some of 9861"):
        open_microarrays(small_folder, donors=given)


@pytest.mark.parametrize("source", [None, 7, ["a"]])
def test_what_is_no_source(source):
    with pytest.raises(TypeError, match=r"source: expected 'download', 'simulated', or the path of a folder, got"):
        open_microarrays(source)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_small_tables_in_other_encodings(folder, encoding):
    path = folder / "normalized_microarray_donor9861" / "Ontology.csv"
    path.write_text(path.read_text().replace("id,acronym", "id,acronym", 1), encoding=encoding)
    assert open_microarrays(folder).donors == DONORS


def test_tables_that_do_not_fit_each_other(folder):
    place, other = (folder / f"normalized_microarray_donor{donor}" for donor in ("9861", "12876"))
    annotation = (place / "SampleAnnot.csv").read_text().splitlines(keepends=True)
    (place / "SampleAnnot.csv").write_text("".join(annotation[:-2]))
    with pytest.raises(ValueError, match=r"MicroarrayExpression.csv looks cut short: its first line has \d+ values"):
        open_microarrays(folder)
    (place / "SampleAnnot.csv").write_text(annotation[0])
    with pytest.raises(ValueError, match=r"SampleAnnot\.csv looks cut short"):
        open_microarrays(folder)
    last = (other / "PACall.csv").read_bytes().rsplit(b"\n", 2)
    (other / "PACall.csv").write_bytes(last[0] + b"\n" + b"\xff\xfe" + last[1] + b"\n")
    with pytest.raises(ValueError, match=r"PACall\.csv looks cut short: its last probe is"):
        open_microarrays(folder, donors="12876")


def test_a_table_changed_after_unpacking_is_refused(archives, server, cache):
    folder = get()
    path = folder / "normalized_microarray_donor9861" / "Probes.csv"
    content = path.read_text()
    path.write_text(content.replace("1", "2", 1))
    with pytest.raises(ValueError, match=r"Probes\.csv is not what was unpacked.*delete .*download_microarrays"):
        open_microarrays(folder, donors="9861")
    path.write_text(content)
    assert open_microarrays(folder, donors="9861").donors == ("9861",)


def test_an_archive_that_the_source_has_changed_is_refused(archives, server, cache):
    folder = get()
    shutil.rmtree(folder / "normalized_microarray_donor9861")
    get()  # the same again
    shutil.rmtree(folder / "normalized_microarray_donor9861")
    body = bytearray(server.bodies["/9861"])
    body[10:12] = bytes(2)  # the time of its first member
    server.bodies["/9861"] = bytes(body)
    with pytest.raises(DownloadError, match=r"not the archive first seen.*delete .*json"):
        get()
    assert not (folder / "normalized_microarray_donor9861").exists()


def test_an_archive_that_unpacks_to_more_than_it_may(archives, cache):
    archives["unpacked"] = archives["unpacked"] - 1
    with pytest.raises(DownloadError, match=r"damaged archive: .* bytes; expected \d+ at most"):
        get()
    archives["unpacked"] = 1000
    with pytest.raises(DownloadError, match="damaged archive"):
        get()


def test_an_encrypted_archive_is_named(archives, server, cache):
    body = bytearray(server.bodies["/9861"])
    entry = body.find(b"PK\x01\x02")
    body[6] |= 1
    body[entry + 8] |= 1
    server.bodies["/9861"] = bytes(body)
    with pytest.raises(DownloadError, match="is encrypted"):
        get()


def test_values_follow_programs_and_noise_is_not_all(reference_folder):
    table = run_abagen(open_microarrays(reference_folder), atlas="surface").dropna()
    values = np.linalg.svd((table - table.mean()).to_numpy(), compute_uv=False) ** 2
    assert 0.5 < values[:6].sum() / values.sum() < 0.98
