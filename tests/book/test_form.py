"""The form that every chapter script keeps, checked without running it."""

from pathlib import Path

import pytest

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "chapters").glob("[0-9]*.py"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_colab_cell_installs_only_in_colab_and_only_if_missing(path):
    text = path.read_text(encoding="utf-8")
    guard = 'if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:'
    # An indented `# %pip` would stay a comment in the notebook: jupytext turns only whole-line magics back.
    assert text.count(guard) == text.count('get_ipython().run_line_magic("pip", "install -q git+') == 1
    assert "# %pip" not in text
