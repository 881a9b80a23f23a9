"""Long runs that go on where they were cut short: each part's rows in a file of its own, until all are there."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd


def kept(file: Path, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return the rows in ``file``, made and written there first if it is absent; never half a file."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        make().to_csv(part, index=False)
        part.replace(file)
    return pd.read_csv(file)
