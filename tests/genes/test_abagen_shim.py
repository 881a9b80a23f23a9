"""The shim: holds inside, leaves no trace outside."""

import logging
import subprocess
import sys
import threading
import warnings

import numpy as np
import pandas as pd
import pytest

from xsg.genes.abagen_shim import mended_abagen


def state() -> dict:
    """What the shim could leave changed: each attribute of what it touches, by identity."""
    owners = {"pandas.DataFrame": pd.DataFrame, "pandas": pd, "numpy": np}
    # numpy hands out some deprecated names on request only, so that its dict is what there is to compare
    found = {(name, key): id(value) for name, owner in owners.items() for key, value in vars(owner).items()}
    found["pkg_resources"] = sys.modules.get("pkg_resources")
    found["handlers"], found["level"] = list(logging.getLogger().handlers), logging.getLogger().level
    return found


@pytest.fixture
def imported():
    """numpy fills its own dict with submodules as they are first used; abagen's import does that."""
    with mended_abagen():
        pass


def test_holds_inside_and_leaves_no_trace(imported):
    before = state()
    with mended_abagen() as abagen:
        assert abagen.__version__ == "0.1.3"
        assert state() != before
        table = pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 4.0]})
        assert table.append(table, ignore_index=True).shape == (4, 2)
        assert list(table.set_axis(["x", "y"], axis=1, inplace=False)) == ["x", "y"]
        assert table.groupby(pd.Series([7, 7], ["a", "b"]), axis=1).mean()[7].tolist() == [1.5, 3.5]
        assert table.groupby("a").mean()["b"].tolist() == [2.0, 4.0], "what pandas can do it still does"
        assert np.vstack([[1, 2], [3, 4]]).shape == (2, 2)
    assert state() == before
    assert not hasattr(pd.DataFrame, "append")
    with pytest.raises(TypeError):
        table.set_axis(["x", "y"], axis=1, inplace=False)


def test_undone_after_an_exception_and_when_nested(imported):
    before = state()

    def fail():
        with mended_abagen():
            with mended_abagen():
                assert state() != before
            assert state() != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert state() == before


def test_warnings_are_off_inside_only(imported):
    with mended_abagen():
        warnings.warn("not heard", stacklevel=1)
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


def test_an_array_of_one_becomes_a_number(imported):
    with mended_abagen() as abagen:
        points = np.array([[-1.0, 0, 0], [1.0, 0, 0]])
        tree = abagen.AtlasTree(np.array([5, 8]), coords=points)
        sample = pd.DataFrame({"mni_x": [0.4], "mni_y": [0.0], "mni_z": [0.0]})
        assigned = tree._assign_sample([5, 8], sample)  # a tie, decided by the nearer centre
    assert np.ndim(assigned) == 0
    assert assigned == 8


def test_appending_a_frame_without_values_keeps_the_dtype(imported):
    table = pd.DataFrame({"a": [1.0]}, index=[1])
    with mended_abagen():
        both = table.append(pd.DataFrame(columns=["a"], index=[2]))
        none = table.append(pd.DataFrame(columns=["a"], index=[]))
        start = pd.DataFrame(columns=["a", "b"]).append(pd.DataFrame({"b": [1], "a": [2]}))
        nothing = table.append(None)
    assert both.dtypes.tolist() == none.dtypes.tolist() == [float]
    assert both["a"].isna().tolist() == [False, True]
    assert (list(start), start.dtypes.tolist()) == (["a", "b"], [np.dtype("int64")] * 2)
    assert nothing.equals(table)
    assert nothing is not table


def test_an_image_that_is_loaded_already_is_passed_on(imported):
    with mended_abagen() as abagen:
        files = abagen.fetch_desikan_killiany(surface=True)["image"]
        image = abagen.utils.load_gifti(files[0])
        assert abagen.utils.load_gifti(image) is image
        with pytest.raises(TypeError):
            abagen.utils.load_gifti(7)


def test_threads_wait_for_each_other(imported):
    order, inside = [], threading.Event()

    def second():
        inside.wait()
        with mended_abagen():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    before = state()
    with mended_abagen():
        inside.set()
        thread.join(0.3)
        assert thread.is_alive()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert state() == before


def test_first_import_leaves_no_trace_and_says_nothing():
    code = (
        "import logging, sys; from xsg.genes.abagen_shim import mended_abagen\n"
        "with mended_abagen() as abagen: pass\n"
        "assert 'pkg_resources' not in sys.modules and not logging.getLogger().handlers\n"
        "for name in [name for name in sys.modules if name.startswith('abagen')]: del sys.modules[name]\n"
        "sys.modules['pkg_resources'] = 'as it was'\n"
        "with mended_abagen(): pass\n"
        "assert sys.modules['pkg_resources'] == 'as it was'\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
