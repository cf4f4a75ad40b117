"""Shoal: a distributed file store in Python.

`shoal.connect()` opens a cluster for plain code, `shoal.aio.connect()` for asyncio; what goes wrong is a
`shoal.ShoalError`. Everything is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal import aio
    from shoal.base.errors import (
        AccessDenied,
        AlreadyExists,
        CallerError,
        ChecksumMismatch,
        CorruptionError,
        DeadlineExceeded,
        DiskFailed,
        FormatUnknown,
        InvalidArgument,
        LocalFault,
        ManifestDamaged,
        NodeUnreachable,
        NotFound,
        OutcomeUnknown,
        PreconditionFailed,
        QuorumNotReached,
        ShoalError,
        StaleEpoch,
        StorageFull,
        Throttled,
        TransientError,
    )
    from shoal.model.messages.buckets import Usage
    from shoal.wiring.doors import Shoal, connect
    from shoal.wiring.object_file import ObjectFile
    from shoal.wiring.object_version import BucketInfo, ObjectVersion
    from shoal.wiring.users_code import Progress

__all__ = [
    "AccessDenied",
    "AlreadyExists",
    "BucketInfo",
    "CallerError",
    "ChecksumMismatch",
    "CorruptionError",
    "DeadlineExceeded",
    "DiskFailed",
    "FormatUnknown",
    "InvalidArgument",
    "LocalFault",
    "ManifestDamaged",
    "NodeUnreachable",
    "NotFound",
    "ObjectFile",
    "ObjectVersion",
    "OutcomeUnknown",
    "PreconditionFailed",
    "Progress",
    "QuorumNotReached",
    "Shoal",
    "ShoalError",
    "StaleEpoch",
    "StorageFull",
    "Throttled",
    "TransientError",
    "Usage",
    "__version__",
    "aio",
    "connect",
]

__version__ = "0.1.0"

_ERRORS = "shoal.base.errors"
_HOMES = {
    "BucketInfo": "shoal.wiring.object_version",
    "ObjectFile": "shoal.wiring.object_file",
    "ObjectVersion": "shoal.wiring.object_version",
    "Progress": "shoal.wiring.users_code",
    "Shoal": "shoal.wiring.doors",
    "Usage": "shoal.model.messages.buckets",
    "connect": "shoal.wiring.doors",
}
"""Where what is no error is made."""


def __getattr__(name: str) -> object:
    """PEP 562: the doors bring the whole client with them, which the command line's help can do without."""
    if name == "aio":
        return import_module("shoal.aio")
    if name not in __all__:
        raise AttributeError(f"module 'shoal' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, _ERRORS)), name)


def __dir__() -> list[str]:
    return __all__
