"""Shoal: a distributed file store in Python."""

__version__ = "0.1.0"
