"""A node's identity: minted at its first start, kept for ever, and with it the newest that it saw of its cluster."""

import asyncio

from msgspec.structs import replace

from shoal.base.env import Disk, Env
from shoal.base.errors import AccessDenied, ChecksumMismatch, DiskFailed, NotFound
from shoal.base.ids import NodeId
from shoal.base.replaced_file import PREVIOUS, read_file, replace_file
from shoal.formats.identity import NodeIdentity, pack_identity, unpack_identity

IDENTITY_PATH = "identity"
_DAMAGED = ".damaged"
_ID_BYTES = 16


class IdentityFile:
    """I keep one node's identity, in memory and, by `sync`, on its disk."""

    def __init__(self, env: Env, identity: NodeIdentity, *, is_stored: bool) -> None:
        self._disk = env.disk
        self._current = identity
        self._stored = identity if is_stored else None
        self._writing = asyncio.Lock()
        self.is_failed = False
        """Whether the disk has refused to store it: then nothing that needs it durable may go on."""

    @property
    def current(self) -> NodeIdentity:
        """As far as it is known; what was only noted may be newer than the file."""
        return self._current

    def note_seen(self, *, incarnation: int, commit_number: int) -> bool:
        """Remember, not yet durably, the newest of the catalog. True if the incarnation is a new one."""
        seen = self._current
        if (incarnation, commit_number) <= (seen.seen_incarnation, seen.seen_commit):
            return False
        self._current = replace(seen, seen_incarnation=incarnation, seen_commit=commit_number)
        return incarnation > seen.seen_incarnation

    def note_volume(self) -> None:
        """Remember, not yet durably, that there is a volume. Registering makes it durable, and before that nobody
        knows of this node."""
        self._current = replace(self._current, has_volume=True)

    async def rename(self, name: str) -> None:
        """Write the name down that the coordinator gave. Raises: as `sync`."""
        self._current = replace(self._current, name=name)
        await self.sync()

    async def raise_epoch(self, epoch: int) -> None:
        """Durable on return, also if the file is damaged later: this epoch, or a higher one, was seen.

        Raises: as `sync`; then nothing may be done under this epoch.
        """
        async with self._writing:
            if epoch <= self._current.seen_epoch:
                return
            raised = replace(self._current, seen_epoch=epoch)
            await self._write(raised)
            await self._write(raised)  # the predecessor, too, must not know a lower one
            self._current = replace(self._current, seen_epoch=epoch)

    async def sync(self) -> None:
        """Make `current` durable. Raises: StorageFull, DiskFailed."""
        async with self._writing:
            if self._current != self._stored:
                await self._write(self._current)

    async def _write(self, identity: NodeIdentity) -> None:
        try:
            await replace_file(self._disk, IDENTITY_PATH, pack_identity(identity))
        except DiskFailed:
            self.is_failed = True
            raise
        self._stored = identity


async def open_identity(env: Env, *, cluster_id: str) -> IdentityFile:
    """Read the identity of this directory, or mint one. Raises: AccessDenied for a directory of another cluster,
    FormatUnknown for one of a newer release, ChecksumMismatch if it and its predecessor are damaged, StorageFull,
    DiskFailed."""
    identity = await _load(env.disk)
    if identity is not None and identity.cluster_id != cluster_id:
        raise AccessDenied(
            f"this directory belongs to a node of cluster {identity.cluster_id}, not {cluster_id};"
            " give another --data or the join file of its own cluster"
        )
    is_stored = await env.disk.exists(IDENTITY_PATH)
    file = IdentityFile(env, identity or _mint(env, cluster_id), is_stored=is_stored)
    await file.sync()
    return file


async def _load(disk: Disk) -> NodeIdentity | None:
    """What the file says; if it is damaged or gone, its predecessor, which names the same node and knows the same
    epoch. A damaged file is moved aside, or it would become the predecessor of the next one."""
    damage: ChecksumMismatch | None = None
    try:
        return unpack_identity(await read_file(disk, IDENTITY_PATH))
    except NotFound:
        pass  # the ordinary case of a first start
    except ChecksumMismatch as exc:
        damage = exc
    try:
        identity = unpack_identity(await read_file(disk, IDENTITY_PATH + PREVIOUS))
    except NotFound:
        if damage is None:
            return None
        raise damage from None
    if damage is not None:
        await disk.rename(IDENTITY_PATH, IDENTITY_PATH + _DAMAGED)
        await disk.sync_dir("")
    return identity


def _mint(env: Env, cluster_id: str) -> NodeIdentity:
    return NodeIdentity(
        node_id=NodeId(env.secrets.token(_ID_BYTES).hex()),
        cluster_id=cluster_id,
        store_uuid=env.secrets.token(_ID_BYTES),
    )
