"""Client <-> coordinator: access keys. For unlimited keys with admin scope only."""

import msgspec

from shoal.base.ids import WallNs
from shoal.model.access_keys import Scope
from shoal.model.messages.objects import LIST_MAX


class KeyInfo(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """All that anybody is told of a key: not its secret. `buckets` empty: all."""

    key_id: str
    name: str
    scope: Scope
    buckets: tuple[str, ...]
    created_ns: WallNs
    expires_ns: WallNs | None
    revoked_ns: WallNs | None


class CreateKey(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Make a key. `lifetime_ns` counts from now on the coordinator's clock; None: until it is revoked."""

    name: str
    scope: Scope
    buckets: tuple[str, ...] = ()
    lifetime_ns: int | None = None


class KeyCreated(msgspec.Struct, frozen=True, array_like=True):
    """The new key; its secret is told here and never again, masked for the caller (`core.trust.key_delivery`)."""

    key: KeyInfo
    masked_secret: bytes


class ListKeys(msgspec.Struct, frozen=True, array_like=True):
    """Keys whose ids come after `after`."""

    after: str = ""
    limit: int = LIST_MAX


class KeyList(msgspec.Struct, frozen=True, array_like=True):
    """In order of their ids, revoked ones included; `next_after` is empty on the last page."""

    keys: tuple[KeyInfo, ...]
    next_after: str


class RevokeKey(msgspec.Struct, frozen=True, array_like=True):
    """End a key for good."""

    key_id: str


class KeyRevoked(msgspec.Struct, frozen=True, array_like=True):
    """It is revoked, or was already. `sessions`: how many of its sessions this call has ended."""

    key: KeyInfo
    sessions: int
