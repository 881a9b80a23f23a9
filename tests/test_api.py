"""What the first edition offered is still there, by its old name, and takes what it took.

``python tests/test_api.py FOLDER`` writes the table anew from the package in a folder, such as a checkout of a release.
"""

import importlib
import json
import sys
from pathlib import Path

import griffe
import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).parent / "first_edition.json"
BEFORE = json.loads(TABLE.read_text(encoding="utf-8"))
# What takes something else now, and why.
GONE = {"xsg.atlas.Table": "a type variable, of no use outside"}
CHANGED = {
    "xsg.models.across_scales.climb": "eleven arguments in a row: those after what was seen go by name",
    "xsg.training.mechanistic.Posterior.__init__": "made by models, which name each of its eleven parts",
    "xsg.report.Report.__init__": "made by evaluate, which says how each dealing scored",
    "xsg.data.cortex.Truth.__init__": "made by a simulator, which says how sure its ceiling is",
    "xsg.report.evaluate": "by default it finds the split that fits the regions, and stops nulls once p is known",
    "xsg.data.cortex.load_cortex": "a map of one's own has a name=; load_cortex(name='ahba-ad') is understood still",
    "xsg.data.expression.load_ahba": "which genes is left open: the landmark genes still, for the atlas there was",
    "xsg.training.mechanistic.maximum_likelihood": "its default of 8 steps was too coarse",
    "xsg.data.spread.load_spread": "how many, and when, is left open: the disc's still, for the disc",
}


def surface(folder):
    """Public constants, functions, classes and methods, by path: of each parameter its kind, name and default."""
    found = {}

    def visit(each):
        for name, member in each.members.items():
            if member.is_alias or (name.startswith("_") and name != "__init__"):
                continue
            if member.is_class or (member.is_attribute and each.is_module):
                found[member.path] = []
            if member.is_module or member.is_class:
                visit(member)
            elif member.is_function:
                found[member.path] = [
                    " ".join([each.kind.name, each.name, *([f"= {each.default}"] if each.default is not None else [])])
                    for each in member.parameters
                ]

    visit(griffe.load("xsg", search_paths=[str(folder)], allow_inspection=False, try_relative_path=False))
    return found


@pytest.fixture(scope="module")
def now():
    return surface(ROOT)


def resolved(path):
    """Import what stands at a path of the first edition, moved or not."""
    module, names = path, []
    while True:
        try:
            found = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            names.insert(0, name)
    for name in names:
        found = getattr(found, name)
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", sorted(BEFORE.keys() - GONE))
def test_what_was_there_is_there_and_takes_what_it_took(path, now):
    found = resolved(path)
    if not BEFORE[path]:  # a constant or a class
        return
    then, today = BEFORE[path], now[f"{found.__module__}.{found.__qualname__}"]
    if path in CHANGED:
        assert then != today
        return
    assert [each for each in today if each in then] == then, "a parameter has gone, or changed its place or default"
    added = [each for each in today if each not in then]
    assert all(" = " in each for each in added), "a new parameter without a default"
    new_place = [k for k, each in enumerate(today) if each in added and each.startswith("positional")]
    last = max((k for k, each in enumerate(today) if each in then and each.startswith("positional")), default=-1)
    assert all(k > last for k in new_place), "a new parameter stands before an old one"


def test_the_table_is_read_as_it_says(now):
    assert now["xsg.load.load_cortex"] == ["positional_only source = 'simulated'", "var_keyword choices = {}"]
    assert "xsg.data.cortex.load_cortex" not in now
    assert set(CHANGED) | set(GONE) <= set(BEFORE)


if __name__ == "__main__":
    text = json.dumps(surface(sys.argv[1]), indent=1, ensure_ascii=False)
    TABLE.write_text(f"{text}\n", encoding="utf-8")
