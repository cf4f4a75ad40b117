"""Access keys: by what a client is known, and how far it may go."""

from enum import IntEnum

import msgspec

from shoal.base.ids import WallNs


class Scope(IntEnum):
    """What a key may do; each scope includes the ones below it."""

    READ = 1
    WRITE = 2
    ADMIN = 3


class AccessKeyRow(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One key. The row of a revoked key stays for ever, so that its id is never given out again."""

    name: str
    scope: Scope
    buckets: tuple[str, ...]
    """Those that it is limited to; empty: all."""
    created_ns: WallNs
    expires_ns: WallNs | None
    sealed: bytes
    """The secret under the key-encryption key, sealed for this key id; empty once the key is revoked."""
    revoked_ns: WallNs | None = None
