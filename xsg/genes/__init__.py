"""Genes: microarrays, gene sets, enrichment, and what latent programs are made of."""
