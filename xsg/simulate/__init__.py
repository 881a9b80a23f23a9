"""Simulators of a cortex, with a known truth."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
