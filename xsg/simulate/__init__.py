"""Simulators of a cortex, with a known truth."""
