"""Access keys: what a coordinator asks to know a client by."""

from dataclasses import dataclass
from typing import Protocol

from shoal.base.ids import WallNs
from shoal.model.access_keys import Scope


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A client's credential as the coordinator knows it. What it allows is decided by `core.trust.access`."""

    key_id: str
    secret: bytes
    scope: Scope
    buckets: tuple[str, ...] = ()
    """Those that it is limited to; empty: all."""
    expires_ns: WallNs | None = None
    """From then on it is refused; None: never."""

    def until(self, time: WallNs) -> WallNs:
        """`time`, or when the key expires, whichever comes first."""
        return time if self.expires_ns is None else min(time, self.expires_ns)

    def __repr__(self) -> str:
        return f"AccessKey({self.key_id}, {self.scope.name})"


class KeyRing(Protocol):
    """All access keys that are not revoked, expired ones included."""

    def find(self, key_id: str) -> AccessKey | None: ...
