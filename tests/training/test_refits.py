"""Refits: every combination is the model trained alone, wherever it is trained, and an interruption loses nothing."""

import os
import signal

import joblib
import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.atlas import Graph
from xsg.training import CrossScaleVAE, cross_val_predict, refit, refits


def small(**options) -> CrossScaleVAE:
    return CrossScaleVAE(**{"latent": 4, "hidden": 16, "decoder": 8, "epochs": 40, "lr": 1e-2, **options})


@pytest.fixture(scope="module")
def folds(toy):
    n = len(toy[0])
    return np.arange(n) % 7 % 3 == np.arange(3)[:, None]


@pytest.fixture(scope="module")
def many(toy, folds):
    """Two maps, three tables, two graphs, two λ, two seeds, three folds: 144 models, and what makes them."""
    expression, thinning, graph = toy
    rng = np.random.default_rng(1)
    maps = pd.DataFrame(np.stack([thinning, thinning[::-1]]), ["real", "turned"], thinning.index)
    tables = [expression] + [pd.DataFrame(rng.normal(size=expression.shape), *expression.axes) for _ in range(2)]
    order = rng.permutation(len(expression))
    graphs = [graph, Graph(pd.DataFrame(graph.weights.to_numpy()[order][:, order], *graph.weights.axes), "mixed")]
    given = dict(expression=tables, thinning=maps, graph=graphs, held_out=folds, seeds=[5, 1], smoothness=[0.1, 2.0])
    return given, refit(small(), **given, progress=False)


def test_every_combination_is_the_model_trained_alone(toy, many, folds):
    given, together = many
    assert together.index.names == ["map", "genes", "graph", "smoothness", "seed", "fold"]
    assert together.shape == (2 * 3 * 2 * 2 * 2 * 3, 14)
    for map_, table, graph, lam, seed, fold in [
        ("real", 0, 0, 0.1, 5, 0),
        ("turned", 2, 1, 2.0, 1, 2),
        ("real", 1, 1, 0.1, 1, 1),
    ]:
        expression = given["expression"][table]
        alone = small(seed=seed, smoothness=lam).fit(
            expression, given["thinning"].loc[map_], given["graph"][graph], expression.index[~folds[fold]]
        )
        found = together.loc[(map_, table, graph, lam, seed, fold)]
        assert np.allclose(found, alone.predict(expression), atol=1e-6)


def test_chunks_and_threads_do_not_matter(many, monkeypatch):
    import torch

    given, together = many
    for chunk, threads in ((1, 1), (5, 2)):
        monkeypatch.setattr(refits, "CHUNK", chunk)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        pd.testing.assert_frame_equal(refit(small(), **given, progress=False), together, check_exact=True)
        torch.set_num_threads(before)


@pytest.mark.parametrize("options", [{}, {"gamma": 3.0}, {"validation": 0.2, "patience": 5}])
def test_at_full_size_too(options, monkeypatch):
    """Kernels differ with the size of a matrix: the equality must hold at the size that is used."""
    cortex = xsg.load_cortex("simulated")
    given = (CrossScaleVAE(epochs=12, **options), cortex.expression, cortex.thinning, cortex.graph)
    together = refit(*given, seeds=range(18), progress=False)
    monkeypatch.setattr(refits, "CHUNK", 1)
    pd.testing.assert_frame_equal(refit(*given, seeds=[0, 17], progress=False), together.loc[[0, 17]], check_exact=True)


def test_worker_processes_do_not_matter(many):
    given, together = many
    with joblib.parallel_config(backend="loky", n_jobs=2):
        pd.testing.assert_frame_equal(refit(small(), **given, progress=False), together, check_exact=True)


def test_a_cluster_that_loses_a_worker(many, monkeypatch):
    """Past one machine: a Dask cluster over loopback, one of whose workers is killed while it trains."""
    distributed = pytest.importorskip("dask.distributed")
    given, together = many
    quiet = {"distributed.worker.memory.terminate": False, "logging.distributed": "critical"}
    import dask

    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = client.run(os.getpid)
        killed = []

        def kill_one(_bar, n):
            if n and not killed:
                killed.append(next(iter(workers.values())))
                os.kill(killed[0], signal.SIGKILL)

        # The first result is in, the others are under way.
        monkeypatch.setattr(refits.tqdm, "update", kill_one)
        with joblib.parallel_config(backend="dask"):
            found = refit(small(epochs=40), **given)
        assert killed
        assert killed[0] not in client.run(os.getpid).values()
    pd.testing.assert_frame_equal(found, together, check_exact=True)


def test_a_run_that_was_cut_short_goes_on(toy, tmp_path, monkeypatch):
    expression, thinning, graph = toy
    given = {"seeds": range(20), "progress": False, "checkpoint": tmp_path / "kept"}
    monkeypatch.setattr(refits, "CHUNK", 4)
    whole = refit(small(), expression, thinning, graph, seeds=range(20), progress=False)
    real, trained = refits._predict, []

    def breaks(copies):
        trained.append(copies.seeds)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return real(copies)

    monkeypatch.setattr(refits, "_predict", breaks)
    with pytest.raises(KeyboardInterrupt):
        refit(small(), expression, thinning, graph, **given)
    kept = sorted((tmp_path / "kept").iterdir())
    assert len(kept) == 2
    kept[0].write_bytes(kept[0].read_bytes()[:-9])  # a damaged file counts as none
    pd.testing.assert_frame_equal(refit(small(), expression, thinning, graph, **given), whole, check_exact=True)
    assert len(trained) == 3 + 4
    refit(small(), expression, thinning, graph, **given)
    assert len(trained) == 7
    refit(small(beta=0.5), expression, thinning, graph, **given)  # another model finds nothing of its own
    assert len(trained) == 12


def test_a_full_disk_is_said_and_leaves_no_half_file(toy, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match=r"could not be kept .*No space left.* make room"):
        refit(small(epochs=2), *toy, progress=False, checkpoint=tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be made a folder"):
        refit(small(epochs=2), *toy, progress=False, checkpoint=tmp_path / "file" / "folder")


def test_cross_val_predict_averages_the_folds_without_a_region(toy, folds):
    expression, thinning, graph = toy
    options = {"seeds": [2, 4], "progress": False}
    predicted = cross_val_predict(small(), expression, thinning, graph, held_out=folds, **options)
    every = refit(small(), expression, thinning, graph, folds, **options)
    for column, region in enumerate(expression.index):
        assert predicted.loc[4, region] == every.loc[(4, column % 7 % 3), region]
    overlapping = folds.copy()
    overlapping[0, 1], overlapping[:, 13] = True, False
    predicted = cross_val_predict(small(), expression, thinning, graph, held_out=overlapping, **options)
    every = refit(small(), expression, thinning, graph, overlapping, **options)
    assert predicted.iloc[1, 1] == every.xs(4).loc[[0, 1]].iloc[:, 1].mean()
    assert predicted.iloc[:, 13].isna().all()
    assert predicted.iloc[:, :13].notna().all(axis=None)


def test_bad_input_is_refused_by_name(toy):
    expression, thinning, graph = toy
    narrow = expression.drop(columns="g1")
    cases = [
        ({"held_out": np.zeros((2, 3))}, r"shape \(2, 3\)"),
        ({"seeds": []}, "empty list"),
        ({"expression": [expression, narrow]}, r"table 1 has shape \(14, 8\)"),
        ({"expression": [expression, expression[::-1]]}, "other regions than the first"),
        ({"thinning": thinning.rename({"L_r3": "L_r33"}).to_frame().T}, "missing: 'L_r3'"),
    ]
    given = {"expression": expression, "thinning": thinning, "graph": graph}
    for changed, message in cases:
        with pytest.raises(ValueError, match=message):
            refit(small(), **(given | changed), progress=False)
    with pytest.raises(ValueError, match="holds no region out"):
        cross_val_predict(small(), **given, held_out=np.zeros((2, 14)))
