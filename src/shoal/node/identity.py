"""A node's identity: minted at its first start, kept for ever, and with it the newest that it saw of its cluster."""

import msgspec

from shoal.base.env import Env
from shoal.base.errors import AccessDenied, ChecksumMismatch
from shoal.base.ids import NodeId
from shoal.base.replaced_file import read_file, replace_file
from shoal.formats.identity import NodeIdentity, pack_identity, unpack_identity

IDENTITY_PATH = "identity"
_ID_BYTES = 16


class IdentityFile:
    """I keep one node's identity; what I return is durable."""

    def __init__(self, env: Env, identity: NodeIdentity) -> None:
        self._disk = env.disk
        self._current = identity

    @property
    def current(self) -> NodeIdentity:
        """As far as it is known; the counters may be newer than the file."""
        return self._current

    def note_seen(self, *, incarnation: int, commit_number: int) -> bool:
        """Remember, not yet durably, the newest of the catalog. True if the incarnation is a new one."""
        seen = self._current
        if (incarnation, commit_number) <= (seen.seen_incarnation, seen.seen_commit):
            return False
        self._current = msgspec.structs.replace(seen, seen_incarnation=incarnation, seen_commit=commit_number)
        return incarnation > seen.seen_incarnation

    async def rename(self, name: str) -> None:
        """Write the name down that the coordinator gave."""
        if name != self._current.name:
            self._current = msgspec.structs.replace(self._current, name=name)
            await self.sync()

    async def raise_epoch(self, epoch: int) -> None:
        """A higher lease epoch is durable before anything is answered under it."""
        self._current = msgspec.structs.replace(self._current, seen_epoch=epoch)
        await self.sync()

    async def sync(self) -> None:
        """Make `current` durable."""
        await replace_file(self._disk, IDENTITY_PATH, pack_identity(self._current))


async def open_identity(env: Env, *, cluster_id: str) -> IdentityFile:
    """Read the identity of this directory, or mint one. Raises: AccessDenied for a directory of another cluster,
    FormatUnknown for one of a newer release, ChecksumMismatch if it and its predecessor are damaged."""
    if not await env.disk.exists(IDENTITY_PATH):
        return await _mint(env, cluster_id)
    try:
        identity = unpack_identity(await read_file(env.disk, IDENTITY_PATH))
    except ChecksumMismatch:
        # The predecessor names the same node; only its counters may be older, and those only warn.
        if not await env.disk.exists(IDENTITY_PATH + ".prev"):
            raise
        identity = unpack_identity(await read_file(env.disk, IDENTITY_PATH + ".prev"))
    if identity.cluster_id != cluster_id:
        raise AccessDenied(
            f"this directory belongs to a node of cluster {identity.cluster_id}, not {cluster_id};"
            " give another --data or the join file of its own cluster"
        )
    return IdentityFile(env, identity)


async def _mint(env: Env, cluster_id: str) -> IdentityFile:
    identity = NodeIdentity(
        node_id=NodeId(env.secrets.token(_ID_BYTES).hex()),
        cluster_id=cluster_id,
        store_uuid=env.secrets.token(_ID_BYTES),
    )
    file = IdentityFile(env, identity)
    await file.sync()
    return file
