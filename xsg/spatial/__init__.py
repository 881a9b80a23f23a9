"""Spatial-VAE: a mouse brain, where each of its voxels lies, and a model that finds out."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
