"""The instrument: what a fitted number is worth, as one table, one figure, one sentence and one page."""

from xsg import _moved
from xsg.report.found import ENDINGS, STATISTICS, Report

__all__ = ["ENDINGS", "STATISTICS", "Report"]

__getattr__ = _moved.lazily(__name__)  # `evaluate` was here
