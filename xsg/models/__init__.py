"""Torch modules: the equations of the three systems and nothing else."""
