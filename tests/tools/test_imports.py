"""What chapters hang on: a change reruns those that import what was changed, and words rerun none."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import imports
import notebooks

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path):
    """A package of two rooms; one has a table and a folder of templates."""
    files = {
        "xsg/__init__.py": '"""Words."""\n_PUBLIC = {"fit": "xsg.one.fits"}\n',
        "xsg/_moved.py": 'MODULES = {"xsg.old": "xsg.two.new"}\nNAMES = {"xsg.one.fits.gone": "xsg.two.here"}\n',
        "xsg/one/__init__.py": "",
        "xsg/one/fits.py": "def fit():\n    from xsg.one import low as deep\n\n    return deep.level.__name__\n",
        "xsg/one/low.py": "level = 1\n",
        "xsg/two/__init__.py": "",
        "xsg/two/new.py": "import numpy\n",
        "xsg/two/here.py": "gone = 3\n",
        "xsg/two/table.csv": "a\n1\n",
        "xsg/two/registry.csv": "name\n",
        "xsg/two/template/script.py": "import xsg.one.low\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


ONE = ["one/__init__", "one/fits", "one/low"]
TWO = ["one/__init__", "one/low", "two/__init__", "two/table.csv", "two/template/script"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import numpy", []),
        ("import xsg", ["__init__"]),
        ("import xsg\nxsg.fit()", ["__init__", *ONE]),
        ("from xsg import fit", ["__init__", *ONE]),
        ("import xsg as x\nx.one.low.level.real", ["__init__", "one/__init__", "one/low"]),
        ("from xsg import one\none.fits.fit()", ["__init__", *ONE]),
        ("from xsg.old import anything", ["__init__", *TWO, "two/new"]),
        ("import xsg\nxsg.old.numpy", ["__init__", *TWO, "two/new"]),
        ("from xsg.one.fits import gone", ["__init__", *ONE, *TWO[2:], "two/here"]),
        ("from xsg.nowhere import nothing", ["__init__"]),
        ("from xsg.one import (", []),  # whoever runs it is told
    ],
)
def test_names_lead_to_their_modules(root, code, expected):
    found = [path.relative_to(root / "xsg").as_posix().removesuffix(".py") for path in imports.hangs_on(root, code)]
    assert sorted(found) == sorted(expected)


def test_code_counts_and_words_do_not(root):
    code, shows = "from xsg import fit", "from xsg import fit\nhelp(fit)"
    path = root / "xsg/one/fits.py"
    was, shown = imports.key(root, code), imports.key(root, shows)
    path.write_text(path.read_text().replace("():\n", '():\n    """Fit."""  # so it is\n'))
    assert imports.key(root, code) == was
    assert imports.key(root, shows) != shown
    (root / "xsg/two/here.py").write_text("gone = 4\n")
    assert imports.key(root, code) == was
    (root / "xsg/one/low.py").write_text("level = 2\n")
    assert imports.key(root, code) != was
    was = imports.key(root, "import xsg.two")
    (root / "xsg/two/table.csv").write_bytes(b"\xff\n2\n")
    assert imports.key(root, "import xsg.two") != was


def test_a_docstring_of_a_family_reruns_no_chapter_and_its_code_those_that_import_it(tmp_path):
    shutil.copytree(ROOT / "xsg", tmp_path / "xsg", ignore=shutil.ignore_patterns("__pycache__"))
    scripts = {stem: (ROOT / f"chapters/{stem}.py").read_text() for stem in notebooks.chapters(ROOT)}

    def changed(by):
        before = {stem: imports.key(tmp_path, code) for stem, code in scripts.items()}
        path = tmp_path / "xsg/spread/physics.py"
        path.write_text(by(path.read_text()))
        return [stem for stem, code in scripts.items() if imports.key(tmp_path, code) != before[stem]]

    assert changed(lambda text: text.replace('"""', '"""Well: ', 1)) == []
    assert changed(lambda text: text + "\nPATIENCE = 3\n") == [
        "18_reaction_diffusion", "19_amortised", "20_mixtures", "20b_whole_brain", "21_real_tau", "21b_forecasts",
        "22_genes_set_rates", "26b_scale",
    ]  # fmt: skip


def test_every_public_name_of_the_package_leads_home():
    import xsg

    for name in set(xsg.__all__) - {"__version__"}:
        home = Path(sys.modules[getattr(xsg, name).__module__].__file__)
        assert home in imports.hangs_on(ROOT, f"import xsg\nxsg.{name}"), name
    assert ROOT / "xsg/spread/physics.py" in imports.hangs_on(ROOT, "import xsg\nxsg.physics.ReactionDiffusion")


@pytest.mark.parametrize("stem", ["08_real_brain", "20_mixtures", "25_transfer"])
def test_what_python_imports_is_hung_on(stem):
    code = (ROOT / f"chapters/{stem}.py").read_text()
    lines = [node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
    ask = "\n".join(
        [*map(ast.unparse, lines), "import json, sys",
         "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'xsg']))"]
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    loaded = {Path(path) for path in json.loads(done.stdout.splitlines()[-1])}
    assert len(loaded) > 10
    assert loaded <= set(imports.hangs_on(ROOT, code))
