"""Every test starts with an empty data cache; real data come from the mirror beside the checkout or not at all."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared/data"
MIRROR = Path(os.environ.get("XSG_MIRROR") or BESIDE)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "xsg-data"))
    if MIRROR.is_dir():
        monkeypatch.setenv("XSG_MIRROR", str(MIRROR))
    else:
        monkeypatch.delenv("XSG_MIRROR", raising=False)


@pytest.fixture
def real_data() -> Path:
    """Folder with the real data; the test is skipped where there is none."""
    if not MIRROR.is_dir():
        pytest.skip("real data are not here: no ../shared/data beside the checkout and no XSG_MIRROR")
    return MIRROR
