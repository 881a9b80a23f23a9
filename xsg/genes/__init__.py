"""Genes: microarrays, gene sets, enrichment, and what latent programs are made of."""

from xsg import _moved

__getattr__ = _moved.lazily(__name__)
