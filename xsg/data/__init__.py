"""Data: labelled objects from files, the network, or a simulator with a known truth."""
