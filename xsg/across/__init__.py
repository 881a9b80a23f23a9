"""Across scales and systems: genes that set rates, courses over years, several views, other species."""
