"""Torch modules: the equations of the three systems and nothing else."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
