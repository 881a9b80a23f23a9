"""Is it real? Splits, metrics, nulls and baselines."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
