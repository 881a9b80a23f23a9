"""A study of one's own: from a folder of tables to a cortex."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
