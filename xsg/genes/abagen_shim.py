"""Let abagen 0.1.3, its last release, run under today's Python, pandas, numpy and setuptools.

abagen breaks in seven places and slows down in an eighth; inside `mended_abagen` all are mended, outside none is:

1. ``pkg_resources``, gone from setuptools 82, is imported for the paths of bundled files;
2. ``numpy.row_stack``, gone from numpy 2.5;
3. ``DataFrame.append``, gone from pandas 2.0;
4. ``DataFrame.set_axis(inplace=…)``, gone from pandas 2.0;
5. ``DataFrame.groupby(axis=1)``, gone from pandas 3.0;
6. ``AtlasTree._assign_sample`` returns an array of one where a number is wanted, refused by numpy 2.5;
7. ``utils.load_gifti`` knows an image that is loaded already by the words of the error that nibabel raises for it, and
   the words have changed;
8. ``groupby.aggregate(numpy.mean)``, which pandas up to 2 took for its own ``"mean"``, loops over columns in pandas 3:
   minutes instead of seconds, and other last bits.

That its output is then what it was under pandas 1.5.3 and numpy 1.26.4 is tested: `tests/genes/test_microarrays.py`.
That nothing else is broken which `make_expression` could reach is tested by abagen's own tests, in
`tests/data/test_abagen_suite.py`.
"""

import importlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd

# One thread at a time: two that mend and undo in turns would leave pandas as the other one found it.
_LOCK = threading.RLock()


@contextmanager
def mended_abagen() -> Iterator[ModuleType]:
    """Import abagen and mend what it breaks on; undo it at the end, also after an exception.

    Threads wait for each other. While one is inside, pandas and numpy accept a few things more than usual (nothing
    that they accept otherwise changes), and warnings are off for the whole process, since that is how Python has it.

    Yields
    ------
    module
        ``abagen``.

    Examples
    --------
    >>> with mended_abagen() as abagen:
    ...     sorted(abagen.fetch_desikan_killiany())
    ['image', 'info']
    >>> hasattr(pd.DataFrame, "append")
    False
    """
    with _LOCK, warnings.catch_warnings(), ExitStack() as mendings:
        warnings.simplefilter("ignore")
        abagen = sys.modules.get("abagen") or _import_abagen()
        tree, frame, nibabel = abagen.AtlasTree, pd.DataFrame, abagen.utils.nib
        for owner, name, replacement in (
            (np, "row_stack", np.vstack),
            (frame, "append", _append),
            (frame, "set_axis", _accepting_inplace(frame.set_axis)),
            (frame, "groupby", _accepting_axis(frame.groupby)),
            (tree, "_assign_sample", _returning_a_number(tree._assign_sample)),
            (abagen.utils, "nib", SimpleNamespace(load=_passing_on(nibabel), GiftiImage=nibabel.GiftiImage)),
        ):
            mendings.enter_context(mock.patch.object(owner, name, replacement, create=True))
        mendings.enter_context(mock.patch.dict(abagen.utils.AGG_FUNCS, mean="mean", median="median"))
        yield abagen


def _import_abagen() -> ModuleType:
    """Import abagen with a stand-in for pkg_resources; leave the root logger, which it configures, as it was."""
    stand_in = ModuleType("pkg_resources")
    stand_in.resource_filename = lambda package, name: str(Path(sys.modules[package].__file__).parent.resolve() / name)
    root = logging.getLogger()
    level, handlers, known = root.level, list(root.handlers), sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stand_in
    try:
        return importlib.import_module("abagen")
    finally:
        del sys.modules["pkg_resources"]
        if known is not None:
            sys.modules["pkg_resources"] = known
        root.setLevel(level)
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)


def _append(self: pd.DataFrame, other: pd.DataFrame | None, ignore_index: bool = False) -> pd.DataFrame:
    """Put rows under rows, or nothing; as in pandas 1.5, a frame without a value has no say in the dtype."""
    if other is None or not len(other):
        return self.copy()
    if not len(self):
        return other.reindex(columns=self.columns)
    if other.isna().all(axis=None):
        other = other.astype(float)
    return pd.concat([self, other], ignore_index=ignore_index)


def _accepting_inplace(original):
    def set_axis(self, labels, *, inplace=False, **choices):
        return original(self, labels, **choices)

    return set_axis


class _Columns:
    """Columns grouped; abagen only ever asks for their mean."""

    def __init__(self, grouped):
        self.grouped = grouped

    def mean(self) -> pd.DataFrame:
        return self.grouped.mean().T


def _accepting_axis(original):
    def groupby(self, *positional, axis=0, **choices):
        if axis == 1:
            return _Columns(original(self.T, *positional, **choices))
        return original(self, *positional, **choices)

    return groupby


def _returning_a_number(original):
    def _assign_sample(self, possible, sample):
        return np.ravel(original(self, possible, sample))[0]

    return _assign_sample


def _passing_on(nibabel: ModuleType):
    def load(image):
        return image if isinstance(image, nibabel.GiftiImage) else nibabel.load(image)

    return load
