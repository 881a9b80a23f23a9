"""Spatial-VAE: a mouse brain, where each of its voxels lies, and a model that finds out."""
