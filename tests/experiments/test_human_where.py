"""Where parcels lie: the kept table holds what its script says, rows are earned again; a mouse goes the same way."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import human_where
import notebooks
import xsg
from xsg.data.fetch import cache_dir
from xsg.spatial import files as mouse_files
from xsg.spatial import load
from xsg.spatial.metaimage import SHAPE
from xsg.spatial.mouse import make_structures
from xsg.study.seal import as_kept, read_seal

TABLE = Path(human_where.__file__).with_suffix(".csv")
SEAL = Path(human_where.__file__).with_suffix(".sealed.json")
PAGE = Path(__file__).resolve().parents[2] / "chapters/17b_human_where_am_i.py"


def test_what_was_frozen_is_what_the_script_says():
    seal = read_seal(SEAL)
    assert seal.rule == human_where.RULE
    assert seal.question == human_where.QUESTION
    assert seal.settings == as_kept(human_where.SETTINGS)
    assert set(seal.data) == set(human_where.DATA)


def test_the_table_holds_every_job():
    table = pd.read_csv(TABLE)
    parts = table["part"].replace("spectrum", "likeness")
    for part, n in pd.Series([job[0] for job in human_where.plan()]).value_counts().items():
        rows = table[parts == part]
        names = ["atlas", "source"] + ["split"] * (part == "maps")
        names = ["atlas", "split", "dealing"] if part == "methods" else names
        assert rows[names].drop_duplicates().shape[0] == n, part
    assert table.loc[table["part"] == "methods", "error"].between(5, 80).all()


@pytest.mark.usefixtures("real_data")
def test_rows_are_earned_again():
    table = pd.read_csv(TABLE)
    chosen = table[(table["part"] == "buffer") & (table["atlas"] == "schaefer200") & (table["dealing"] == 1)]
    for source, buffer in (("genes", 20), ("40", 0)):
        kept = chosen[(chosen["source"] == source) & (chosen["buffer"] == buffer)].iloc[0]
        found = human_where.ridge("schaefer200", source, buffer, "all", 1)
        for name in ("error", "r2_x", "r2_y", "r2_z"):
            assert found[name] == pytest.approx(kept[name], abs=1e-3), (source, buffer, name)
    found = human_where.maps("desikan", "blocks", "genes")
    kept = table[(table["part"] == "maps") & (table["atlas"] == "desikan") & (table["split"] == "blocks")]
    kept = kept[kept["source"] == "genes"]
    np.testing.assert_allclose(found["value"], kept["value"], atol=1e-3)


def test_fields_are_as_smooth_as_they_say():
    place = np.random.default_rng(0).random((20, 3)) * 100
    drawn = human_where.fields(place, 40.0, 4000, 0)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    middle = np.eye(20) - 1 / 20  # each field is scaled by itself, so that its mean over the places is lost
    expected = middle @ np.exp(-distance / 40) @ middle
    size = np.sqrt(np.diag(expected))

    def likeness(fields: np.ndarray) -> np.ndarray:
        return np.corrcoef(fields - fields.mean(axis=0))

    np.testing.assert_allclose(likeness(drawn), expected / np.outer(size, size), atol=0.1)
    noisy = likeness(human_where.fields(place, 40.0, 4000, 0, noise=0.8))
    assert np.abs(noisy).mean() < 0.9 * np.abs(likeness(drawn)).mean()


def test_the_loop_tells_maps_of_place_from_maps_of_genes():
    rng = np.random.default_rng(0)
    place = rng.random((60, 3)) * [60, 150, 100]
    genes = human_where.fields(place, 80.0, 200, 1)
    own = rng.standard_normal((60, 20))
    x = np.column_stack([genes, own])
    y = np.column_stack([place[:, 1] / 50, own @ np.ones(20) / 4])
    losses = human_where.predicted(x, y, place, "random", 0)
    score = {
        name: 1 - ((y - each) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
        for name, each in losses.items()
    }
    loss = score["direct"] - score["through place"]
    assert loss[0] < 0.1
    assert score["through place"][0] > 0.7
    assert score["through place"][1] < 0.1


# --- the code of the page, on a folder of the Allen Institute's kind ---


def page_functions() -> dict:
    """Run the cells of the page that import, and that define where_am_i and mouse_voxels."""
    names = {"SEED": 0, "MOUSE": "simulated"}
    for cell in notebooks.read_script(PAGE).cells:
        source = cell.source
        if cell.cell_type == "code" and ("import xsg\n" in source or "def where_am_i(" in source):
            exec(source.partition("\nfound, error =")[0], names)
        if cell.cell_type == "code" and "def mouse_voxels(" in source:
            exec(source.partition("\nenergy, voxel_place =")[0], names)
    return names


def brain_with_a_place() -> tuple[np.ndarray, list[np.ndarray]]:
    """An annotation of 1,331 voxels, and eight volumes (58, 41, 67), as filed, that fade along different directions."""
    annotation = np.zeros(SHAPE, np.int32)
    annotation[20:42:2, 10:32:2, 18:40:2] = 2
    at = np.stack(np.meshgrid(*map(np.arange, SHAPE[::-1]), indexing="ij"), axis=-1)[..., ::-1]
    folded = np.concatenate([at[..., :2], np.abs(at[..., 2:] - 28.5)], axis=-1)
    rng = np.random.default_rng(0)
    volumes = []
    for each in rng.standard_normal((8, 3)):
        values = np.exp(folded @ each / 20 + 0.1 * rng.standard_normal(folded.shape[:3])).astype("<f4")
        values[rng.random(values.shape) < 0.05] = -1
        volumes.append(values)
    return annotation, volumes


@pytest.fixture
def allen(tmp_path, monkeypatch):
    annotation, volumes = brain_with_a_place()
    tree = make_structures([1, 2], "AB", "ab", [0, 1], ["#fff"] * 2, divisions=["B"])
    ids, genes = range(11, 19), [f"Gene{k}" for k in range(8)]
    monkeypatch.setenv("XSG_MIRROR", "")
    monkeypatch.setattr(load, "read_annotation", lambda: annotation)
    monkeypatch.setattr(load, "structure_tree", lambda: tree)
    monkeypatch.setattr(load, "known_experiments", lambda: mouse_files._experiments(ids, genes))
    return tmp_path, ids, genes, volumes


@pytest.mark.parametrize("kind", ["single experiments", "bulk matrix"])
def test_a_folder_of_the_allen_institute_goes_through_the_page(allen, kind):
    tmp_path, ids, genes, volumes = allen
    mouse = "allen"
    if kind == "single experiments":
        folder = cache_dir() / "mouse/allen_grid/energy"
        folder.mkdir(parents=True)
        for number, values in zip(ids, volumes, strict=True):
            with zipfile.ZipFile(folder / f"{number}.zip", "w", zipfile.ZIP_STORED) as archive:
                archive.writestr("energy.raw", values.tobytes())
    else:
        mouse = tmp_path / "bulk"
        mouse.mkdir()
        np.stack(volumes).astype(np.float16).tofile(mouse / "gene-expression.bin")
        pd.DataFrame({"id": ids, "gene": genes}).to_csv(mouse / "gene-expression.csv", index=False)
    page = page_functions()
    energy, place = page["mouse_voxels"](mouse, 1)
    assert energy.shape == (1331, 8)
    assert 0.02 < np.isnan(energy).mean() < 0.08
    error = page["where_am_i"](energy, place, ["middle", "ridge"])[1]
    assert error["ridge"] < 0.5 * error["middle"], f"{error.to_dict()} mm"
    brain = xsg.load_mouse("allen", folder=None if mouse == "allen" else mouse)
    assert not brain.simulated
