"""Looking after a cluster: what an operator asks of a coordinator. Times out and retries inside, as `ports.catalog`."""

from dataclasses import dataclass, field
from typing import Protocol

from shoal.model.messages.keys import CreateKey, KeyInfo, KeyList, KeyRevoked, ListKeys, RevokeKey


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. Nobody is told `secret` again."""

    info: KeyInfo
    secret: str = field(repr=False)


class Administration(Protocol):
    """Access keys. Raises, all: AccessDenied unless the caller's own key is an unlimited one with admin scope;
    Throttled or NodeUnreachable when no coordinator answered in time."""

    async def create_key(self, message: CreateKey) -> NewKey:
        """Make a key. Raises: InvalidArgument; OutcomeUnknown: there may be a key whose secret nobody knows."""
        ...

    async def list_keys(self, message: ListKeys) -> KeyList:
        """One page of keys. Raises: InvalidArgument."""
        ...

    async def revoke_key(self, message: RevokeKey) -> KeyRevoked:
        """End a key and its sessions; fine if it is revoked already. On return it opens no session, finds nothing and
        commits nothing any more. Raises: NotFound; PreconditionFailed for the last key that may do this;
        InvalidArgument; OutcomeUnknown."""
        ...
