"""Inputs that once were misread, each with its right value."""

from pathlib import Path

import pytest


@pytest.fixture
def inputs() -> Path:
    """Return the folder of the small invented files that the cases read."""
    return Path(__file__).with_name("data")
