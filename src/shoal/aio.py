"""The asynchronous door: see `connect` and `Shoal`."""

from shoal.wiring.aio import Shoal, connect
from shoal.wiring.object_reader import ObjectReader

__all__ = ["ObjectReader", "Shoal", "connect"]
