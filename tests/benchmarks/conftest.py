"""Keep what a benchmark measures, for the chapters to draw: experiments/mechanistic.py."""

import csv
import os
from pathlib import Path

import pytest


@pytest.fixture
def row():
    """Append (what, case, quantity, value) to the table named by XSG_ROWS, if it is."""
    path = Path(os.environ["XSG_ROWS"]) if os.environ.get("XSG_ROWS") else None

    def write(what: str, case: str, quantity: str, value: float) -> None:
        if path is None:
            return
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(["what", "case", "quantity", "value"])
            writer.writerow([what, case, quantity, f"{value:.4g}"])

    return write
