"""People: subjects and their visits, from the tables of ADNI."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
