"""The simulated mouse brain: what its story says is what its numbers show."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xsg.spatial import stored
from xsg.spatial.load import load_mouse
from xsg.spatial.mouse import MIDLINE, SHAPE, fold
from xsg.spatial.simulate import N_PATHWAYS, draw_brain, simulate_mouse

FIRST = slice(0, 400)


@pytest.fixture(scope="module")
def brain():
    return simulate_mouse(seed=0, n_genes=90, step=2, geometry="drawn")


def mirror_rows(brain) -> np.ndarray:
    """Row of each voxel's mirror image."""
    place = brain.voxels.to_numpy()
    row = -np.ones(SHAPE, int)
    row[tuple(place.T)] = np.arange(len(place))
    return row[place[:, 0], place[:, 1], 57 - place[:, 2]]


def test_drawn_anatomy():
    annotation, structures = draw_brain()
    assert annotation.shape == SHAPE
    assert (annotation == annotation[:, :, ::-1]).all()
    assert 55_000 < (annotation > 0).sum() < 70_000
    leaves = np.unique(annotation[annotation > 0])
    assert set(structures.loc[leaves, "depth"]) == {3}
    assert structures.loc[leaves, "division"].nunique() == 10
    assert len(structures.loc[leaves, "parent"].unique()) > 50
    # Nested: a part lies within its area's bounds, by construction of the tree; every leaf has voxels on both sides.
    for leaf in leaves[::17]:
        where = np.argwhere(annotation == leaf)
        assert (where[:, 2] < MIDLINE).sum() == (where[:, 2] > MIDLINE).sum() > 0


def test_seeded_and_unequal():
    sizes = {"n_genes": 11, "step": 4, "geometry": "drawn"}
    one, same, other = (simulate_mouse(seed, **sizes).expression for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.5
    assert one.shape[1] == 11 != one.shape[0]


def test_biology_is_mirror_symmetric_and_the_measurement_is_not(brain):
    mirror = mirror_rows(brain)
    assert (mirror >= 0).all()
    truth = brain.truth.energy()
    np.testing.assert_allclose(truth, truth[mirror], rtol=1e-4)
    measured = brain.expression.astype(np.float32)
    assert np.nanmean(measured != measured[mirror]) > 0.5


def test_measured_energy_follows_the_truth(brain):
    truth = np.log(brain.truth.energy() + 0.002)
    measured = np.log(brain.expression.astype(np.float32) + 0.002)
    r = [
        np.corrcoef(truth[ok, g], measured[ok, g])[0, 1]
        for g in range(len(brain.genes))
        for ok in [np.isfinite(measured[:, g])]
    ]
    assert 0.6 < np.median(r) < 0.95


def test_missing_values_are_sections_and_corners(brain):
    missing = np.isnan(brain.expression)
    assert 0.01 < missing.mean() < 0.1
    ap = brain.voxels["AP"].to_numpy()
    share = np.stack([missing[ap == each].mean(axis=0) for each in np.unique(ap)])
    assert share[0].mean() > 0.5, "the most anterior section is lost in most experiments"
    assert share[10:20].mean() < 0.05
    partly = (share > 0) & (share < 1)
    assert 0.005 < partly.mean() < 0.05, "torn sections"
    assert ((share == 1).sum(axis=0) < len(share)).all()


def test_energies_look_like_energies(brain):
    values = brain.expression[~np.isnan(brain.expression)].astype(float)
    assert values.min() == 0
    assert values.max() <= 100
    assert 0.01 < (values == 0).mean() < 0.3
    assert 0.005 < np.median(values) < 0.2
    assert np.quantile(values, 0.99) > 1


def test_section_gain_is_in_the_sections(brain):
    truth, ap = brain.truth, brain.voxels["AP"].to_numpy()
    clean = np.log(truth.energy() + 0.002)
    noisy = np.log(brain.expression.astype(np.float32) + 0.002)
    both = np.isfinite(noisy) & np.isfinite(clean)
    gap = np.where(both, noisy - clean, np.nan)
    found, true = [], []
    for section in (20, 30, 40, 50):
        rows = ap == section
        enough = both[rows].sum(axis=0) > 0.9 * rows.sum()
        found.append(np.nanmean(gap[rows][:, enough], axis=0))
        true.append(1.5 * truth.section_gain.to_numpy()[section][enough])
    assert np.corrcoef(np.concatenate(found), np.concatenate(true))[0, 1] > 0.6


def test_pathways_say_which_loadings_are_not_zero(brain):
    pathways = brain.truth.pathways
    assert pathways.shape == (N_PATHWAYS, 90)
    assert pathways.any().all()
    assert 1 < pathways.sum().mean() < 4
    # A gene's gradients explain it better than gradients it does not load on.
    clean = np.log(brain.truth.energy() + 0.002)
    r = np.abs(np.corrcoef(clean.T, brain.truth.gradients.T)[90:, :90])
    assert r[pathways.to_numpy()].mean() > 1.5 * r[~pathways.to_numpy()].mean()


def test_gradients_are_smooth_over_the_folded_position(brain):
    place, gradients = fold(brain.voxels.to_numpy()), brain.truth.gradients.to_numpy()
    near = np.linalg.norm(place[1:] - place[:-1], axis=1) <= 2
    step = np.abs(np.diff(gradients, axis=0))[near].mean()
    assert step < 0.3 * gradients.std()


@pytest.mark.parametrize("bytes_in_memory", [0, 2**30])
def test_streaming_changes_no_number(brain, monkeypatch, bytes_in_memory):
    monkeypatch.setattr(stored, "IN_MEMORY", bytes_in_memory)
    again = load_mouse("simulated", n_genes=90, step=2, geometry="drawn")
    assert isinstance(again.expression, np.memmap) == (bytes_in_memory == 0)
    np.testing.assert_array_equal(again.expression[FIRST], brain.expression[FIRST])


def test_full_grid_is_made_without_holding_it(tmp_path):
    """All voxels × 1,500 genes, 190 MB as stored and 380 as float32, in a process of its own."""
    script = (
        "import resource, xsg\n"
        "low = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "brain = xsg.load_mouse('simulated', n_genes=1500, geometry='drawn')\n"
        "print(brain.expression.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - low)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "XSG_DATA": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", script]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    size, rise = map(int, printed.split())
    assert size > 180e6
    assert rise < 420 * 1024, "kilobytes"


def test_real_geometry_where_it_is_at_hand(real_data):
    found = simulate_mouse(n_genes=7, step=3)
    assert found.division.nunique() > 12
    assert "real P56 grid annotation" in found.provenance[0]
    assert found.simulated


def test_without_data_it_is_drawn_and_says_so(monkeypatch):
    monkeypatch.setenv("XSG_MIRROR", "")
    found = simulate_mouse(n_genes=7, step=4)
    assert "no real anatomy" in found.provenance[0]
    assert "SIMULATED" in repr(found)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"n_genes": 4001}, "n_genes is 4001; expected a whole number from 1 to 4000"),
        ({"seed": -1}, "seed is -1"),
        ({"geometry": "human"}, "geometry 'human' is unknown"),
        ({"step": 0}, "step is 0"),
    ],
)
def test_bad_choices(choice, message):
    with pytest.raises(ValueError, match=message):
        simulate_mouse(**({"geometry": "drawn"} | choice))
