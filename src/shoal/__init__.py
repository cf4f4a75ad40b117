"""Shoal: a distributed file store in Python.

`shoal.connect()` opens a cluster for plain code, `shoal.aio.connect()` for asyncio; both are imported when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.wiring import aio
    from shoal.wiring.doors import connect

__all__ = ["__version__", "aio", "connect"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """PEP 562: the doors bring the whole client with them, which the command line's help can do without."""
    if name == "aio":
        return import_module("shoal.wiring.aio")
    if name == "connect":
        return import_module("shoal.wiring.doors").connect
    raise AttributeError(f"module 'shoal' has no attribute {name!r}")
