"""F7: the simulator, verified fakes and contract suites; runs the same roles as production.

For users there is `Cluster`, a real one within a test; it is imported when first used, because pytest imports this
package wherever Shoal is installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.testing.cluster import Cluster

__all__ = ["Cluster"]


def __getattr__(name: str) -> object:
    """PEP 562."""
    if name == "Cluster":
        return import_module("shoal.testing.cluster").Cluster
    raise AttributeError(f"module 'shoal.testing' has no attribute {name!r}")
