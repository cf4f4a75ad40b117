"""Access keys: what a coordinator asks to know a client by."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class Scope(IntEnum):
    """What a key may do; each scope includes the ones below it."""

    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A client's credential as the coordinator knows it."""

    key_id: str
    secret: bytes
    scope: Scope

    def __repr__(self) -> str:
        return f"AccessKey({self.key_id}, {self.scope.name})"


class KeyRing(Protocol):
    """All access keys."""

    def find(self, key_id: str) -> AccessKey | None: ...
