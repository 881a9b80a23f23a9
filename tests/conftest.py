"""Every test starts with an empty data cache; real data come from the mirror beside the checkout or not at all."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared/data"
MIRROR = os.environ.get("XSG_MIRROR", str(BESIDE) if BESIDE.is_dir() else "")  # empty: none, as in xsg.data.fetch


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "xsg-data"))
    monkeypatch.setenv("XSG_MIRROR", MIRROR)


@pytest.fixture
def real_data() -> Path:
    """Folder with the real data; the test is skipped where there is none."""
    if not MIRROR or not Path(MIRROR).is_dir():
        pytest.skip("real data are not here: no ../shared/data beside the checkout and no XSG_MIRROR")
    return Path(MIRROR)
