"""A stranger's file: which of its names are methods, and what is said of a file that is none."""

import sys

import pytest

from xsg.bench.load import load_methods, told

MEAN = """
    def predict_folds(self, cortex, maps, held_out):
        import numpy as np
        return np.stack([np.tile(maps.to_numpy()[:, ~f].mean(1)[:, None], held_out.shape[1]) for f in held_out], 1)
"""


@pytest.fixture
def written(tmp_path):
    """Write a file of methods; what it imported and its folder are forgotten afterwards."""
    sys.modules.pop("mine", None)  # of another test
    modules, path = set(sys.modules), [*sys.path]

    def write(text, name="mine.py"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    yield write
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"class Mine:{MEAN}", ["Mine"]),
        (f"class Mine:\n    name = 'über Mittel'{MEAN}", ["über Mittel"]),
        (f"class Mine:{MEAN}\nquick = Mine()\nslow = Mine()\nsame = slow", ["quick", "slow"]),
        (f"class Mine:{MEAN}\nclass _Not:{MEAN}\n_neither = Mine()", ["Mine"]),
        ("from sklearn.linear_model import Ridge, Lasso\nimport numpy as np\nweak = Ridge(1)\nn = 3", ["weak"]),
        ("from sklearn.linear_model import Ridge\nMETHODS = [Ridge(), Ridge]\nother = Ridge(3)", None),
        ("from sklearn.linear_model import Ridge\nMETHODS = {'a': Ridge(), 'b': Ridge}\nother = Ridge(3)", ["a", "b"]),
        ("import xsg\nMETHODS = [xsg.CrossScaleVAE(epochs=3)]", ["CrossScaleVAE"]),
        (f"class Base:\n    def __init__(self, k):\n        pass\nclass Mine:{MEAN}", ["Mine"]),
        (f"from abc import ABC, abstractmethod\nclass Base(ABC):{MEAN}\n    @abstractmethod\n    def f(self): ...\n"
         "class Mine(Base):\n    def f(self):\n        return 1", ["Mine"]),
        (f"from dataclasses import dataclass\n@dataclass\nclass Mine:\n    k: int = 3{MEAN}", ["Mine"]),
    ],
)  # fmt: skip
def test_what_counts_as_a_method(written, text, names):
    if names is None:
        with pytest.raises(ValueError, match="'Ridge' names more than one method"):
            load_methods(written(text))
    else:
        assert list(load_methods(written(text))) == names


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("", ValueError, r"mine.py holds no method. Expected a class"),
        ("class Mine:\n    pass", ValueError, r"Its classes 'Mine' have neither predict_folds nor fit"),
        ("x = 1\nclass Mine(", ValueError, r"does not run: SyntaxError: '\(' was never closed \(mine.py, line 2\)\.$"),
        ("x = 1\n\ny = z", ValueError, r"does not run: NameError: name 'z' is not defined \(mine.py, line 3\)"),
        ("import sys\nsys.exit('bye')", ValueError, r"does not run: it calls exit \(mine.py, line 2\)"),
        ("import no_such_package", ValueError, r"ModuleNotFoundError: .*line 1\). Install it"),
        ("1 / 0", ValueError, "ZeroDivisionError"),
        (
            f"class Mine:\n    def __init__(self, k):\n        pass{MEAN}",
            ValueError,
            r"missing 1 .* 'k'.*\[Mine\(…\)\]",
        ),
        (f"class Mine:\n    def __init__(self):\n        exit(3){MEAN}", ValueError, r"it calls exit"),
        (
            f"class A:\n    name = 'x'{MEAN}\nclass B:\n    name = 'x'{MEAN}",
            ValueError,
            "'x' names more than one method",
        ),
        (f"class A:\n    name = 'a\\nb'{MEAN}", ValueError, r"called 'a\\nb'; expected a line of at most 60"),
        (f"class A:\n    name = 'a' * 300{MEAN}", ValueError, "expected a line of at most 60"),
        (f"class A:\n    name = '=1+1'{MEAN}", ValueError, "begins with a letter or a digit"),
        (f"class A:\n    name = ''{MEAN}", ValueError, "the name of A is empty"),
        (f"class A:\n    name = 5{MEAN}", ValueError, "the name of A is a int; expected text"),
        (f"class A:{MEAN}\n    def name(self): ...\nMETHODS = [A]", ValueError, "the name of A is a method"),
        (f"class A:{MEAN}\nMETHODS = {{'': A}}", ValueError, "called ''"),
        ("METHODS = 3", TypeError, r"METHODS is a int; expected a list of methods, \[3\]"),
        ("METHODS = []", ValueError, "holds no method"),
        ("METHODS = ['ridge']", TypeError, r"METHODS\[0\]: model: expected"),
        ("from sklearn.linear_model import LogisticRegression as L\nMETHODS = [L()]", TypeError, "classifier"),
        ("from sklearn.cluster import KMeans\nMETHODS = {'k': KMeans()}", TypeError, r"METHODS\['k'\].*clusterer"),
    ],
)
def test_what_is_no_file_of_methods_is_refused(written, text, error, said):
    with pytest.raises(error, match=said):
        load_methods(written(text))
    assert said.count("does not run") == 0 or "mine" not in sys.modules


def test_no_file_a_folder_and_a_notebook_are_refused(tmp_path, written):
    for path, said in (
        (tmp_path, "is a folder; expected a file of Python"),
        (tmp_path / "no.py", "is not there"),
        (written("{}", "mine.ipynb"), "is no .py file"),
    ):
        with pytest.raises(ValueError, match=said):
            load_methods(path)
    bad = tmp_path / "bytes.py"
    bad.write_bytes(b"x = '\xff\xfe\x00'")
    with pytest.raises(ValueError, match="does not run"):
        load_methods(bad)


def test_ctrl_c_while_it_is_imported_is_not_swallowed(written):
    with pytest.raises(KeyboardInterrupt):
        load_methods(written("raise KeyboardInterrupt"))


def test_it_imports_what_lies_beside_it_and_is_not_taken_for_a_package(written):
    written("K = 3", "beside_mine.py")
    file = written(f"from beside_mine import K\nclass Mine:\n    name = f'mine {{K}}'{MEAN}", "numpy.py")
    assert list(load_methods(file)) == ["mine 3"]
    assert "site-packages" in sys.modules["numpy"].__file__


def test_it_is_run_anew_when_it_changed(written):
    assert list(load_methods(written(f"class A:{MEAN}"))) == ["A"]
    assert list(load_methods(written(f"class B:{MEAN}"))) == ["B"]


def test_an_error_is_told_with_the_line_of_the_file(written):
    file = written(f"class Mine:{MEAN}".replace("import numpy as np", "raise KeyError('here')"))
    method = load_methods(file)["Mine"]
    with pytest.raises(KeyError) as caught:
        method.predict_folds(None, None, None)
    assert told(caught.value, file) == "KeyError: 'here' (mine.py, line 3)"


def test_what_looks_like_a_method_and_is_none_is_told_of(written):
    text = (
        "from sklearn.linear_model import LogisticRegression, Ridge\nmine, clf, kind, n = Ridge(), "
        "LogisticRegression(), Ridge, 3\nclass Sorts(LogisticRegression):\n    pass"
    )
    with pytest.warns(UserWarning, match="is left out") as said:
        assert list(load_methods(written(text))) == ["mine"]
    assert ["clf" in str(each.message) for each in said] == [True, False]
    assert "Sorts is left out: model: expected" in str(said[1].message)
