"""Checks: is this a valid choice, number or table, are these the same regions, can a value be true.

One place for what every door of the package asks. Each error names the thing, the value seen, what was expected and the
way out.
"""

# ruff: noqa: F401
from xsg import _moved
from xsg.check.joins import align, folds, labels, matched, rows_of
from xsg.check.ranges import RANGES, Range, plausible, why_implausible
from xsg.check.values import (
    MISSING_CODES,
    MISSING_TEXT,
    array,
    choice,
    choices,
    columns,
    constant,
    distinct,
    flag,
    instance,
    number,
    series,
    some,
    warn,
)

__getattr__ = _moved.lazily(__name__)
