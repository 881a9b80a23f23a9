"""The mouse grid: files that are right and wrong, and a server on loopback that behaves like the API, failures too."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.data import network
from xsg.data.fetch import DownloadError, cache_dir
from xsg.spatial import files as mouse_files
from xsg.spatial import load, stored
from xsg.spatial.load import group_replicates, load_mouse, mean_of_replicates
from xsg.spatial.mouse import (
    N_VOXELS,
    SHAPE,
    Mouse,
    download_bulk,
    download_experiments,
    fold,
    known_experiments,
    labelled_voxels,
    list_experiments,
    make_structures,
    open_bulk,
    read_annotation,
    read_grid,
    structure_tree,
)

TREE = make_structures([1, 2, 3, 4], "ABCD", "abcd", [0, 1, 2, 1], ["#fff"] * 4, divisions=["B", "D"])


def raw_energy(seed=0) -> np.ndarray:
    """Energies in the order of the file (58, 41, 67), some of them missing."""
    values = np.random.default_rng(seed).gamma(0.3, size=(58, 41, 67)).astype("<f4")
    values[:, :, :5] = -1
    return values


def packed(raw=None, name="energy.raw", folder="") -> bytes:
    """A zip as the service packs it; without a raw volume when ``raw`` is None."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(f"{folder}data_set.xml", "<section-data-set/>")
        if raw is not None:
            archive.writestr(f"{folder}{name}", raw.tobytes())
    return buffer.getvalue()


def saved(tmp_path, content: bytes):
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    return path


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["", "74272479/"])
def test_grid_layout(tmp_path, folder):
    raw = raw_energy()
    grid = read_grid(saved(tmp_path, packed(raw, folder=folder)))
    assert grid.shape == (67, 41, 58)
    assert grid.dtype == np.float32
    # In the file, AP runs fastest and LR slowest.
    flat = raw.reshape(-1)
    for ap, si, lr in ((6, 0, 0), (66, 40, 57), (13, 27, 41)):
        assert grid[ap, si, lr] == flat[ap + 67 * (si + 41 * lr)]
    assert np.isnan(grid[:5]).all()
    assert np.isfinite(grid[5:]).all()


def test_missing_is_exactly_minus_one(tmp_path):
    raw = raw_energy()
    raw[3, 4, 60] = -0.5
    with pytest.raises(ValueError, match=r"x\.zip: energy\.raw holds -0\.5 in 1 voxels; expected −1 \(missing\)"):
        read_grid(saved(tmp_path, packed(raw)))
    raw[3, 4, 60] = np.inf
    with pytest.raises(ValueError, match="holds inf"):
        read_grid(saved(tmp_path, packed(raw)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed(), r"no energy\.raw in it, only data_set\.xml.*leave this one out"),
        (packed(raw_energy()[:50]), "energy.raw has 549400 bytes; expected 637304"),
        (packed(raw_energy())[:10_000], r"not a whole zip file.*Delete it and download it again"),
        (b"<html>busy</html>", "not a whole zip file"),
        (b"", "not a whole zip file"),
    ],
)
def test_bad_zips_say_what_is_wrong(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_grid(saved(tmp_path, content))


def test_absent_file(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read_grid(tmp_path / "nowhere.zip")


def test_annotation_layout(tmp_path):
    raw = np.random.default_rng(1).integers(0, 7, (58, 41, 67)).astype("<u4")
    annotation = read_annotation(saved(tmp_path, packed(raw, "gridAnnotation.raw")))
    assert annotation.shape == SHAPE
    assert annotation[11, 22, 33] == raw[33, 22, 11]


def test_real_grid_and_annotation(real_data):
    annotation, tree = read_annotation(), structure_tree()
    assert (annotation > 0).sum() == 62_529
    ids = np.unique(annotation[annotation > 0])
    assert len(ids) == 649
    assert set(ids) <= set(tree.index)
    grid = read_grid(real_data / "mouse/allen_grid/Nrp1_P56_coronal_74272479_200um.zip")
    assert np.isnan(grid).sum() == 54_982
    # Neuropilin 1 is a gene of the hippocampus: an axis out of place would send it elsewhere.
    voxels, region = labelled_voxels(annotation)
    energy = pd.Series(grid[tuple(voxels.to_numpy().T)])
    by_division = energy.groupby(tree.loc[region, "division"].to_numpy()).mean()
    assert by_division["HPF"] > 2 * by_division.drop("HPF").max()


def test_real_tree(real_data):
    tree = structure_tree()
    field_ca1 = tree.index[tree["acronym"] == "CA1"][0]
    assert [tree.at[each, "acronym"] for each in tree.at[field_ca1, "path"]][:4] == ["root", "grey", "CH", "CTX"]
    assert tree.at[field_ca1, "division"] == "HPF"
    assert tree.at[field_ca1, "depth"] == len(tree.at[field_ca1, "path"]) - 1
    assert tree["colour"].str.fullmatch("#[0-9A-Fa-f]{6}").all()


def test_known_experiments(real_data):
    experiments = known_experiments()
    assert len(experiments) == 4345
    assert experiments["gene"].nunique() == 4082
    assert (experiments["replicate"] == 0).sum() == 4082
    assert experiments.at[74272479, "gene"] == "Nrp1"


def test_structures_of_a_small_tree():
    assert TREE["path"].tolist() == [(1,), (1, 2), (1, 2, 3), (1, 4)]
    assert TREE["division"].tolist() == ["A", "B", "B", "D"]
    assert TREE["depth"].tolist() == [0, 1, 2, 1]
    with pytest.raises(ValueError, match="structure 1 has the parent 9"):
        make_structures([1], "A", "a", [9], ["#fff"])


def test_voxels_and_mirror_images():
    annotation = np.zeros(SHAPE, np.int32)
    annotation[4:9, 2:7, 20:38] = 3
    voxels, region = labelled_voxels(annotation)
    assert len(voxels) == 5 * 5 * 18 == len(region)
    assert (
        np.ravel_multi_index(voxels.to_numpy().T, SHAPE)[1:] > np.ravel_multi_index(voxels.to_numpy().T, SHAPE)[:-1]
    ).all()
    half, _ = labelled_voxels(annotation, step=2)
    assert set(half["AP"]) == {4, 6, 8}
    assert set(half["LR"]) == set(57 - half["LR"])
    folded = fold(half.to_numpy())
    assert len(np.unique(folded, axis=0)) == len(half) / 2
    with pytest.raises(ValueError, match="step is 0"):
        labelled_voxels(annotation, 0)


def test_replicates_are_grouped_and_averaged():
    genes, rows = group_replicates(pd.DataFrame({"gene": ["b", "a", "b", "c"]}, index=[5, 6, 7, 8]))
    assert list(genes) == ["a", "b", "c"]
    assert rows == [[1], [0, 2], [3]]
    mean = mean_of_replicates([np.array([1.0, -1, -1, 0]), np.array([3.0, 4, -1, 0])])
    np.testing.assert_array_equal(mean, [2, 4, np.nan, 0])


# --- the labelled object ----------------------------------------------------------------------------------------------


def small(n=5, p=3) -> dict:
    voxels = pd.DataFrame({"AP": range(n), "SI": 7, "LR": 30}, columns=["AP", "SI", "LR"])
    region = pd.Series([3, 3, 4, 2, 3][:n])
    values = np.arange(n * p, dtype=np.float32).reshape(n, p)
    return {
        "name": "toy",
        "expression": values,
        "voxels": voxels,
        "region": region,
        "genes": pd.Index([f"g{i}" for i in range(p)]),
        "structures": TREE,
    }


def test_mouse_tables():
    brain = Mouse(**small())
    assert brain.division.tolist() == ["B", "B", "D", "B", "B"]
    assert brain.ancestors(1).tolist() == [2, 2, 4, 2, 2]
    assert brain.ancestors(9).tolist() == brain.region.tolist()
    volume = brain.volume(brain.expression[:, 1])
    assert volume[2, 7, 30] == brain.expression[2, 1]
    assert np.isfinite(volume).sum() == 5
    assert brain.positions(folded=True)[:, 2].tolist() == [1.5] * 5
    part = brain.subset(np.array([False, True, False, True, False]), np.array([2, 0]))
    assert part.expression.tolist() == [[5, 3], [11, 9]]
    assert part.region.tolist() == [3, 2]
    assert list(part.genes) == ["g2", "g0"]
    assert "real data" in repr(brain)
    assert "5 voxels × 3 genes" in repr(brain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expression": np.zeros((3, 5))}, "expression is 3 voxels × 5 genes, but there are 5 voxels"),
        ({"region": pd.Series([3, 3, 4, 2, 99])}, "region 99 is not among the 4 structures"),
        ({"voxels": pd.DataFrame({"AP": [70] * 5, "SI": 7, "LR": 30})}, r"voxel \(70, 7, 30\) lies outside"),
        ({"voxels": pd.DataFrame({"LR": [1] * 5, "SI": 7, "AP": 30})}, "expected .*'AP', 'SI', 'LR'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Mouse(**(small() | change))


# --- the service ------------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Behave like the Allen Institute's API; ``server.trouble`` says what goes wrong, once or always, by path."""

    def do_HEAD(self):
        self._send(self.server.files[urlparse(self.path).path], head=True)

    def do_GET(self):
        server, url = self.server, urlparse(self.path)
        server.log.append(self.path)
        trouble = server.trouble.get(url.path, [])
        kind = trouble.pop(0) if trouble else "fine"
        if kind == "stall":
            time.sleep(0.6)  # longer than the client waits, which has hung up by then
        elif isinstance(kind, int):
            self.send_error(kind)
        elif url.path == "/api/v2/data/query.json":
            self._send(self._answer(parse_qs(url.query)["criteria"][0], kind))
        elif url.path.startswith("/grid_data/download/"):
            body = server.zips[int(url.path.rsplit("/", 1)[1])]
            self._send({"html": b"<html>try later</html>", "half": body[: len(body) // 2]}.get(kind, body))
        else:
            body = server.files[url.path]
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            self._send(body[start:], 206 if start else 200, start, len(body), cut=kind == "half")

    def _answer(self, criteria, kind):
        server = self.server
        if kind == "html":
            return b"<html>busy</html>"
        if kind == "refused":
            return json.dumps({"success": False, "msg": "Undefined association 'genez'"}).encode()
        start, size = (int(criteria.split(f"[{key}$eq")[1].split("]")[0]) for key in ("start_row", "num_rows"))
        rows = [] if kind == "ends" else server.rows[start : start + min(size, 2000)]
        return json.dumps({"success": True, "total_rows": len(server.rows), "start_row": start, "msg": rows}).encode()

    def _send(self, body, status=200, start=0, total=0, cut=False, head=False):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()
        if not head:
            self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, *_):
        pass


GENES = {11: "Gad1", 12: "Nrp1", 13: "Gad1", 14: "Penk", 15: "Cck"}


@cache
def _zips() -> dict[int, bytes]:
    return {each: packed(None if each == 14 else raw_energy(each)) for each in GENES}


@pytest.fixture
def api(monkeypatch, serve):
    """Five experiments of four genes; 14 has no energy volume."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XSG_MIRROR", "")
    with serve(Handler) as server:
        server.rows = [{"id": each, "genes": [{"acronym": gene}]} for each, gene in GENES.items()]
        server.zips = dict(_zips())
        server.files, server.trouble, server.log = {}, {}, []
        yield server


QUERY = "/api/v2/data/query.json"


@pytest.mark.parametrize("page", [2, 3, 2000])
def test_listing_pages_through(api, page):
    table = list_experiments(api.base, page=page, progress=False)
    assert table["gene"].to_dict() == GENES
    assert table["replicate"].tolist() == [0, 0, 1, 0, 0]
    assert len(api.log) == -(-5 // page)


def test_listing_query_asks_for_what_is_meant(api):
    list_experiments(api.base, progress=False)
    criteria = parse_qs(urlparse(api.log[0]).query)["criteria"][0]
    for part in ("[failed$eq'false']", "products[id$eq1]", "[name$eq'coronal']", "[name$eq'ISH']", "[order$eqid]"):
        assert part in criteria


@pytest.mark.parametrize("passing", [["html"], [503, 502], [429], ["stall"]])
def test_listing_survives_a_moment_of_trouble(api, passing, monkeypatch):
    monkeypatch.setattr(network, "_STALL", 0.2)
    api.trouble[QUERY] = passing
    assert len(list_experiments(api.base, progress=False)) == 5


@pytest.mark.parametrize(
    ("trouble", "message", "requests_made"),
    [
        ([503] * 3, r"503.*after 3 of 3 attempts", 3),
        ([404], r"404.*after 1 of 3 attempts", 1),
        (["refused"], "refused the query: Undefined association 'genez'", 1),
        (["ends"], "ended after 0 of 5 rows", 1),
    ],
)
def test_listing_that_fails_says_why(api, trouble, message, requests_made):
    api.trouble[QUERY] = trouble
    with pytest.raises(DownloadError, match=message):
        list_experiments(api.base, progress=False)
    assert len(api.log) == requests_made


def test_experiment_listed_twice_or_without_gene(api):
    api.rows = [*api.rows[:3], api.rows[2], {"id": 99, "genes": []}]
    table = list_experiments(api.base, progress=False)
    assert table.index.tolist() == [11, 12, 13]


def test_download_then_cache(api, capsys):
    found = download_experiments([11, 14, 12], api.base)
    assert found.to_dict() == {11: "11.zip", 14: None, 12: "12.zip"}
    assert "energy volumes: 100%" in capsys.readouterr().err
    folder = cache_dir() / "mouse/allen_grid/energy"
    assert sorted(path.name for path in folder.iterdir()) == ["11.zip", "12.zip", "14.zip"]
    np.testing.assert_array_equal(
        read_grid(folder / "12.zip")[9], np.where(raw_energy(12) == -1, np.nan, raw_energy(12)).transpose(2, 1, 0)[9]
    )
    download_experiments([11, 14, 12], api.base, progress=False)
    assert len(api.log) == 3, "what is in the cache was asked for again"


def test_download_goes_on_after_failures(api):
    api.trouble = {"/grid_data/download/12": [500] * 3, "/grid_data/download/11": ["half", "html"]}
    with pytest.raises(DownloadError, match=r"1 of 3 experiments were not fetched, among them 12:(.|\n)*call again"):
        download_experiments([11, 12, 13], api.base, progress=False)
    assert [path.rsplit("/", 1)[1][:2] for path in api.log] == ["11"] * 3 + ["12"] * 3 + ["13"]
    folder = cache_dir() / "mouse/allen_grid/energy"
    assert sorted(path.name for path in folder.iterdir()) == ["11.zip", "13.zip"]
    api.log.clear()
    assert download_experiments([11, 12, 13], api.base, progress=False).notna().all()
    assert len(api.log) == 1


def test_short_volume_in_a_whole_zip_is_not_kept(api):
    api.zips[11] = packed(raw_energy()[:40])
    with pytest.raises(DownloadError, match=r"energy\.raw has 439520 bytes; expected 637304"):
        download_experiments([11], api.base, progress=False)
    assert not (cache_dir() / "mouse/allen_grid/energy/11.zip").exists()


# --- the bulk matrix --------------------------------------------------------------------------------------------------


def write_bulk(folder, genes=("Gad1", "Nrp1", "Gad1")):
    folder.mkdir(parents=True, exist_ok=True)
    volumes = np.stack([raw_energy(k) for k in range(len(genes))]).astype(np.float16)
    volumes[0, 30, 20, 30] = -1
    volumes.tofile(folder / "gene-expression.bin")
    pd.DataFrame({"id": range(50, 50 + len(genes)), "gene": genes}).to_csv(folder / "gene-expression.csv", index=False)
    return volumes


def test_bulk_is_mapped_not_read(tmp_path):
    volumes = write_bulk(tmp_path)
    experiments, matrix = open_bulk(tmp_path)
    assert isinstance(matrix, np.memmap)
    assert matrix.shape == (3, 58, 41, 67)
    assert experiments["gene"].to_dict() == {50: "Gad1", 51: "Nrp1", 52: "Gad1"}
    assert experiments["replicate"].tolist() == [0, 0, 1]
    assert matrix[1, 40, 30, 20] == volumes[1, 40, 30, 20]


def test_bulk_of_the_wrong_length(tmp_path):
    write_bulk(tmp_path)
    with (tmp_path / "gene-expression.bin").open("ab") as file:
        file.truncate(1000)
    with pytest.raises(ValueError, match="1000 bytes; expected 955956 = 3 experiments × 159326 voxels × 2"):
        open_bulk(tmp_path)
    (tmp_path / "gene-expression.bin").unlink()
    with pytest.raises(ValueError, match="download_bulk"):
        open_bulk(tmp_path)


def test_bulk_at_full_size_is_not_read(tmp_path):
    """4,345 experiments, 1.39 GB (with holes, so that the disk need not hold them), in a process of its own."""
    with (tmp_path / "gene-expression.bin").open("wb") as file:
        file.truncate(4345 * N_VOXELS * 2)
    table = pd.DataFrame({"id": range(4345), "gene": [f"g{k % 4082}" for k in range(4345)]})
    table.to_csv(tmp_path / "gene-expression.csv", index=False)
    script = (
        "import resource, sys\n"
        "from xsg.spatial.mouse import open_bulk\n"
        "low = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "experiments, matrix = open_bulk(sys.argv[1])\n"
        "assert matrix[::1000, 30, 20, 10].sum() == 0\n"
        "print(matrix.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - low)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path)]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    size, rise = map(int, printed.split())
    assert size == 1_384_542_940
    assert rise < 60 * 1024, "kilobytes"


def test_bulk_table_without_pyarrow(tmp_path, monkeypatch):
    def absent(*_):
        raise ImportError

    write_bulk(tmp_path)
    (tmp_path / "gene-expression.csv").rename(tmp_path / "gene-expression.pqt")
    monkeypatch.setattr(pd, "read_parquet", absent)
    with pytest.raises(ValueError, match=r"Install pyarrow, or save the table as .*gene-expression\.csv"):
        open_bulk(tmp_path)


def test_bulk_download_resumes(api, monkeypatch):
    monkeypatch.setattr(network, "_TRIES", 1)
    body = np.random.default_rng(0).bytes(400_000)
    api.files = {"/agea/gene-expression.pqt": b"table", "/agea/gene-expression.bin": body}
    api.trouble["/agea/gene-expression.bin"] = ["half"]
    with pytest.raises(DownloadError, match=r"cut off after \d+ of 400000 bytes(.|\n)*Call again"):
        download_bulk(f"{api.base}/agea", progress=False)
    folder = download_bulk(f"{api.base}/agea", progress=False)
    assert (folder / "gene-expression.bin").read_bytes() == body
    assert (folder / "gene-expression.pqt").read_bytes() == b"table"
    assert len(api.log) == 3, "the table came once, the matrix in two parts"


def test_bulk_that_changes_while_resuming_is_not_mixed(api, monkeypatch):
    monkeypatch.setattr(network, "_TRIES", 1)
    first, second = (np.random.default_rng(k).bytes(400_000) for k in (0, 1))
    api.files = {"/agea/gene-expression.pqt": b"table", "/agea/gene-expression.bin": first}
    api.trouble["/agea/gene-expression.bin"] = ["half"]
    with pytest.raises(DownloadError, match="cut off"):
        download_bulk(f"{api.base}/agea", progress=False)
    api.files["/agea/gene-expression.bin"] = second
    folder = download_bulk(f"{api.base}/agea", progress=False)
    assert (folder / "gene-expression.bin").read_bytes() == second


def test_bulk_that_is_a_page_or_was_replaced_is_refused(api):
    api.files = {"/agea/gene-expression.pqt": b"<!doctype html><p>log in", "/agea/gene-expression.bin": b"x" * 1000}
    with pytest.raises(DownloadError, match=r"gene-expression\.pqt: a page of HTML"):
        download_bulk(f"{api.base}/agea", progress=False)
    api.files["/agea/gene-expression.pqt"] = b"table"
    folder = download_bulk(f"{api.base}/agea", progress=False)
    (folder / "gene-expression.bin").write_bytes(b"y" * 1000)
    with pytest.raises(ValueError, match=r"gene-expression\.bin is not what it was.*call download_bulk\(\) again"):
        download_bulk(f"{api.base}/agea", progress=False)
    (folder / "gene-expression.bin").unlink()
    assert (download_bulk(f"{api.base}/agea", progress=False) / "gene-expression.bin").read_bytes() == b"x" * 1000
    (folder / "gene-expression.bin").unlink()
    api.files["/agea/gene-expression.bin"] = b"z" * 1000
    with pytest.raises(DownloadError, match="not what was first seen"):
        download_bulk(f"{api.base}/agea", progress=False)


def test_experiments_are_asked_for_over_https():
    assert mouse_files.API.startswith("https://")
    assert mouse_files.BULK_URL.startswith("https://")
    with pytest.raises(DownloadError, match="is not https"):
        list_experiments("http://example.invalid", progress=False)


def test_damaged_experiment_in_the_cache_is_fetched_again(api):
    download_experiments([11, 12], api.base, progress=False)
    path = cache_dir() / "mouse/allen_grid/energy/11.zip"
    path.write_bytes(packed(raw_energy(99)))  # whole, but another
    # The service packs the same volume into another zip each time.
    api.zips[11] = packed(raw_energy(11), folder="again/")
    assert download_experiments([11, 12], api.base, progress=False).notna().all()
    assert len(api.log) == 3
    assert read_grid(path)[9, 9, 9] == read_grid(path)[9, 9, 9]
    np.testing.assert_array_equal(read_grid(path)[6], raw_energy(11).transpose(2, 1, 0)[6])
    path.unlink()
    api.zips[11] = packed(raw_energy(98))
    with pytest.raises(DownloadError, match=r"not what was first seen.*the source has changed it"):
        download_experiments([11], api.base, progress=False)


def test_experiment_replaced_in_the_cache_is_not_read(api, anatomy):
    download_experiments(GENES, api.base, progress=False)
    (cache_dir() / "mouse/allen_grid/energy/12.zip").write_bytes(packed(raw_energy(99)))
    with pytest.raises(ValueError, match=r"12\.zip is not what it was.*download_experiments\(\[12\]\)"):
        load_mouse("allen")


@pytest.mark.parametrize("given", [11, "11", np.int64(11), [11.0], {11}, np.array([11]), pd.Index([11]), iter([11])])
def test_ids_in_any_form(api, given):
    assert download_experiments(given, api.base, progress=False).to_dict() == {11: "11.zip"}


@pytest.mark.parametrize("given", [["Gad1"], [11.5], [None], [-1], "Gad1", [True]])
def test_what_is_no_id(given):
    with pytest.raises(ValueError, match=r"experiment .* is no id; expected whole numbers such as 74272479"):
        download_experiments(given, "https://example.invalid", progress=False)


@pytest.mark.parametrize(
    "answer", [[], {"success": True, "msg": [1], "total_rows": 5}, {"success": True, "msg": [], "total_rows": 10**9}]
)
def test_answers_of_another_form_are_named(api, monkeypatch, answer):
    monkeypatch.setattr(Handler, "_answer", lambda *_: json.dumps(answer).encode())
    with pytest.raises(DownloadError, match=r"query\.json: .*(another form|announced)"):
        list_experiments(api.base, progress=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experiment,gene\n1,a\n", "no column 'id'; there are 'experiment', 'gene'"),
        ("id,gene\n1,a\n1,b\n", "row 2, experiment .*1.* is there more than once"),
        ("id,gene\nx,a\n", "row 1, experiment 'x', is no id"),
        ("id,gene\n1,\n", "has no gene"),
        ("", "cannot be read"),
        ('id,gene\n1,"a\n', "cannot be read"),
    ],
)
def test_table_of_experiments_that_is_none(tmp_path, text, message):
    write_bulk(tmp_path)
    (tmp_path / "gene-expression.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_bulk(tmp_path)
    (tmp_path / "gene-expression.csv").unlink()
    (tmp_path / "gene-expression.pqt").write_text(text)  # no parquet, whatever pyarrow says of it, or no pyarrow
    with pytest.raises(ValueError, match=r"gene-expression\.pqt (cannot be read|is read through pyarrow)"):
        open_bulk(tmp_path)


@pytest.mark.parametrize(("sep", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (",", "latin-1")])
def test_table_of_experiments_as_spreadsheets_save_it(tmp_path, sep, encoding):
    write_bulk(tmp_path)
    table = pd.read_csv(tmp_path / "gene-expression.csv")
    table.to_csv(tmp_path / "gene-expression.csv", index=False, sep=sep, encoding=encoding)
    assert open_bulk(tmp_path)[0]["gene"].tolist() == ["Gad1", "Nrp1", "Gad1"]


# --- load_mouse -------------------------------------------------------------------------------------------------------


def toy_annotation() -> np.ndarray:
    annotation = np.zeros(SHAPE, np.int32)
    annotation[28:33, 18:23, 25:33] = 3
    annotation[3, 18:23, 25:33] = 4
    return annotation


@pytest.fixture
def anatomy(monkeypatch):
    monkeypatch.setattr(load, "read_annotation", toy_annotation)
    monkeypatch.setattr(load, "structure_tree", lambda: TREE)
    monkeypatch.setattr(load, "known_experiments", lambda: mouse_files._experiments(GENES.keys(), GENES.values()))


@pytest.mark.parametrize("in_memory", [2**26, 0])
def test_allen_from_the_bulk_matrix(tmp_path, monkeypatch, anatomy, in_memory):
    monkeypatch.setattr(stored, "IN_MEMORY", in_memory)
    monkeypatch.setattr(load, "_BLOCK", 77)
    monkeypatch.setenv("XSG_MIRROR", "")
    volumes = write_bulk(tmp_path / "bulk")
    brain = load_mouse("allen", folder=tmp_path / "bulk")
    assert list(brain.genes) == ["Gad1", "Nrp1"]
    assert brain.expression.dtype == np.float16
    assert isinstance(brain.expression, np.memmap) == (in_memory == 0)
    place = brain.voxels.to_numpy()
    row = int(np.flatnonzero((place == [31, 20, 26]).all(axis=1))[0])
    assert brain.expression[row, 1] == volumes[1, 26, 20, 31]
    both = volumes[[0, 2], 26, 20, 31].astype(np.float32)
    assert brain.expression[row, 0] == both.mean().astype(np.float16)
    one = int(np.flatnonzero((place == [30, 20, 30]).all(axis=1))[0])
    assert brain.expression[one, 0] == volumes[2, 30, 20, 30], "one replicate is missing there: the other counts"
    assert np.isnan(brain.expression[(brain.region == 4).to_numpy()]).all(), "no value in any experiment"
    assert not brain.simulated
    assert brain.truth is None


def test_allen_from_single_experiments(api, anatomy):
    download_experiments(GENES, api.base, progress=False)
    brain = load_mouse("allen")
    assert list(brain.genes) == ["Cck", "Gad1", "Nrp1"], "Penk has no energy volume"
    row = int(np.flatnonzero((brain.voxels.to_numpy() == [31, 20, 26]).all(axis=1))[0])
    assert brain.expression[row, 2] == raw_energy(12)[26, 20, 31].astype(np.float16)
    assert "Lein" in repr(brain)


def test_matrix_in_the_cache_is_found_again(tmp_path, monkeypatch, anatomy):
    monkeypatch.setattr(stored, "IN_MEMORY", 0)
    written = []

    def write(out):
        written.append(out)
        out[0:2] = np.ones((2, 3))
        out[2:5] = np.full((3, 3), 2.0)

    for _ in range(2):
        assert stored.stored("k", (5, 3), write)[:, 0].tolist() == [1, 1, 2, 2, 2]
    assert len(written) == 1
    path = cache_dir() / "mouse/matrices/k.f16"
    path.write_bytes(b"cut off")
    stored.stored("k", (5, 3), write)
    assert len(written) == 2
    with pytest.raises(ValueError, match="row 0 is next"):
        stored.stored("other", (5, 3), lambda out: out.__setitem__(slice(2, 4), np.ones((2, 3))))
    assert not (cache_dir() / "mouse/matrices/other.f16").exists()


def test_matrix_in_the_cache_that_was_changed_is_made_anew(monkeypatch):
    monkeypatch.setattr(stored, "IN_MEMORY", 0)
    path = cache_dir() / "mouse/matrices/k.f16"

    def write(out):
        out[0:5] = np.full((5, 3), 2.0)

    stored.stored("k", (5, 3), write)
    content = path.read_bytes()
    path.write_bytes(bytes(30))
    assert (stored.stored("k", (5, 3), write) == 2).all()
    assert path.read_bytes() == content
    for fault in (KeyboardInterrupt, ValueError("short")):

        def stop(out, fault=fault):
            out[0:2] = np.zeros((2, 3))
            raise fault

        path.write_bytes(b"other")
        with pytest.raises((KeyboardInterrupt, ValueError)):
            stored.stored("k", (5, 3), stop)
    with pytest.raises(ValueError, match="2 of 5 rows were written"):
        stored.stored("k", (5, 3), lambda out: out.__setitem__(slice(0, 2), np.zeros((2, 3))))
    assert sorted(p.name for p in path.parent.iterdir() if p.suffix != ".lock") == ["k.f16"]


def test_a_replaced_source_makes_another_matrix(tmp_path, monkeypatch, anatomy):
    monkeypatch.setattr(stored, "IN_MEMORY", 0)
    monkeypatch.setenv("XSG_MIRROR", "")
    volumes = write_bulk(tmp_path / "bulk")
    before = np.array(load_mouse("allen", folder=tmp_path / "bulk").expression)
    (volumes * np.float16(2)).tofile(tmp_path / "bulk/gene-expression.bin")  # of the same size
    after = load_mouse("allen", folder=tmp_path / "bulk").expression
    assert not np.array_equal(before, after, equal_nan=True)


def test_no_data_names_the_ways_out(anatomy, monkeypatch):
    monkeypatch.setenv("XSG_MIRROR", "")
    with pytest.raises(ValueError, match=r"download_bulk\(\).*load_mouse\('simulated'\)"):
        load_mouse("allen")


def test_unknown_names_and_choices():
    with pytest.raises(ValueError, match="'simulated', 'allen'"):
        load_mouse("rat")
    with pytest.raises(ValueError, match="no choice 'seeds'; it has: seed, n_genes"):
        load_mouse("simulated", seeds=3)
    assert xsg.load_mouse is load_mouse


def test_grid_constants():
    assert N_VOXELS == 159_326
