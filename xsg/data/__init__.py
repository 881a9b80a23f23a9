"""Data: labelled objects from files, the network, or a simulator with a known truth."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
