"""Spread: reaction and diffusion, and which law and rates a person's pathology follows."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
