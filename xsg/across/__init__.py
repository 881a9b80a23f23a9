"""Across scales and systems: genes that set rates, courses over years, several views, other species."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
