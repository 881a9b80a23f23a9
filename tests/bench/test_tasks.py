"""The benchmark's tasks: the same for everyone, and of the simulated ones it is known what is in them."""

import subprocess
import sys

import numpy as np
import pytest

from xsg.bench.tasks import SETS, SHARE, TASKS, tasks


def test_the_quick_tasks_are_simulated_and_come_under_both_splits():
    found = tasks("quick")
    assert [(each.name, each.split) for each in found] == [
        (name, split) for name in SETS["quick"] for split in ("pairs", "patches")
    ]
    assert {each.kind for each in found} == {"genes", "place"}
    for each in found:
        assert each.cortex.simulated
        assert each.cortex.truth is None  # nobody is shown the answers
        assert each.cortex.cohort is None
        assert list(each.maps.columns) == list(each.cortex.regions)
        assert each.maps.index.is_unique
        np.testing.assert_allclose(each.maps.mean(axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("name", SETS["quick"])
def test_what_genes_make_of_a_map_is_known(name):
    task, _ = tasks(name)
    share = task.truth.var(axis=1, ddof=0).to_numpy()
    np.testing.assert_allclose(share, 0 if task.kind == "place" else SHARE, atol=1e-9)
    rest = (task.maps - task.truth).var(axis=1, ddof=0)
    np.testing.assert_allclose(rest, 1 if task.kind == "place" else 1 - SHARE, atol=1e-5)


def test_what_genes_make_is_in_the_genes_and_rougher_where_it_is_to_be():
    alike = {}
    for name in ("genes-broad", "genes-fine"):
        task, _ = tasks(name)
        genes, truth = task.cortex.expression.to_numpy(), task.truth.to_numpy()
        vectors = np.linalg.svd(genes - genes.mean(axis=0), full_matrices=False)[0][:, :12]
        assert ((truth @ vectors) ** 2).sum() / (truth**2).sum() > 0.6, name
        near = task.cortex.graph.weights.to_numpy()
        alike[name] = np.corrcoef(truth.ravel(), (truth @ near / near.sum(axis=0)).ravel())[0, 1]
    assert alike["genes-fine"] < alike["genes-broad"] - 0.1


def test_names_are_joined_once_each_and_refused():
    assert [each.name for each in tasks(["place", "quick", "place"])] == [
        name for name in ("place", "genes-broad", "genes-fine") for _ in range(2)
    ]
    with pytest.raises(ValueError, match=r"task 'plaice' is unknown.*mean 'place'"):
        tasks("plaice")
    for odd in ([7], 7, None):
        with pytest.raises(ValueError, match="task"):
            tasks(odd)


def test_another_call_gives_the_same_numbers():
    code = "from xsg.bench.tasks import tasks; print(tasks('genes-fine')[1].maps.to_numpy().sum(axis=0)[:7].tolist())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(tasks("genes-fine")[1].maps.to_numpy().sum(axis=0)[:7].tolist())


def test_real_maps_stand_over_the_regions_that_all_have(real_data):
    task, patches = tasks("enigma")
    assert task.kind == "real"
    assert task.truth is None
    assert task.maps.shape == (13, 66)
    assert not task.maps.isna().any(axis=None)
    assert list(task.maps.columns) == list(task.cortex.regions)
    assert patches.maps.equals(task.maps)
    assert set(TASKS) == set(SETS["full"])
