"""A benchmark of methods that predict maps from genes: tasks, scores, and the table that anyone's method can join."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
