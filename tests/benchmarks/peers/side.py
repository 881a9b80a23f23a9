"""What a comparison is made of: sides, each with an environment, and what it gets ready before the clock starts."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]


class Side(NamedTuple):
    """One way to do the work.

    Attributes
    ----------
    environment
        Name of the peer whose environment it needs; "": the book's own.
    prepare
        Imports what it needs, and returns what does the work: arrays in, arrays out.
    """

    environment: str
    prepare: Callable[[], Callable[[Arrays], Arrays]]
