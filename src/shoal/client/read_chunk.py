"""Reading one chunk: every block checked before it leaves, the next replica where one fails, from where it failed.

A node's table of block checksums is believed only if it combines to the CRC64NVME in the catalog; a block only if it
matches the table; a whole chunk only if its SHA-256 matches too (docs/specs/internal-protocol.md).
"""

from collections.abc import AsyncIterator, Callable

from shoal.base.digests import BLOCK_BYTES, CRC_BYTES, Buffer, block_count, crc64, table_crc64
from shoal.base.env import Env
from shoal.base.errors import AccessDenied, ChecksumMismatch, CorruptionError, NotFound, ShoalError, TransientError
from shoal.base.ids import Instant, ReplicaId
from shoal.client.cluster_view import ClusterView
from shoal.client.settings import ClientSettings
from shoal.core import routes
from shoal.core.read_order import ReadFailover, ReplicaFault, fault_of
from shoal.formats.errors import read_error
from shoal.formats.grant import grant_text
from shoal.model.catalog import ChunkRef
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation
from shoal.ports.link import IncomingReply, NodeLink, Request
from shoal.ports.log import Log

_ERROR_BYTES_MAX = 64 * 1024


class BlockCheck:
    """I hold back what arrives until its block is whole and right; frames may be cut anywhere.

    Units: `offset` is where the next byte to be released lies in the chunk.
    """

    def __init__(self, ref: ChunkRef, table: Buffer, *, offset: int) -> None:
        if len(table) != block_count(ref.size) * CRC_BYTES or table_crc64(table, length=ref.size) != ref.crc64:
            raise ChecksumMismatch("the replica's table of checksums is not that of the chunk", chunk=ref.chunk.hex())
        self._ref = ref
        self._table = table
        self._block = offset // BLOCK_BYTES
        self._held: list[memoryview] = []
        self._crc = 0
        self._missing = self._block_bytes()

    def _block_bytes(self) -> int:
        return min(BLOCK_BYTES, self._ref.size - self._block * BLOCK_BYTES)

    def feed(self, frame: Buffer) -> list[memoryview]:
        """What may be released now. Raises: ChecksumMismatch; nothing of this frame was released."""
        view = memoryview(frame)
        at = good = 0
        while at < len(view):
            part = view[at : at + self._missing]
            self._crc = crc64(part, self._crc)
            at += len(part)
            self._missing -= len(part)
            if not self._missing:
                self._close_block()
                good = at
        if not good:
            self._held.append(view)
            return []
        released = [*self._held, view[:good]]
        self._held = [view[good:]] if good < len(view) else []
        return released

    def _close_block(self) -> None:
        at = self._block * CRC_BYTES
        if self._crc != int.from_bytes(self._table[at : at + CRC_BYTES], "big"):
            raise ChecksumMismatch("a block is not what was written", chunk=self._ref.chunk.hex(), block=self._block)
        self._block += 1
        self._crc = 0
        self._missing = self._block_bytes()


class ChunkReader:
    """I read chunks of one client, from whichever replica is good."""

    def __init__(self, env: Env, link: NodeLink, view: ClusterView, settings: ClientSettings, log: Log) -> None:
        self._env = env
        self._link = link
        self._view = view
        self._settings = settings
        self._log = log
        self.on_damage: Callable[[ReplicaLocation, ReplicaId], None] = lambda location, replica: None
        """Called for each replica that gave wrong bytes."""

    async def frames(self, location: ChunkLocation, start: int, stop: int) -> AsyncIterator[memoryview]:
        """The chunk's bytes from `start` to `stop`, verified, in order. Read whole, they must also match the SHA-256.

        Raises: ChecksumMismatch if no replica has them, NodeUnreachable if none can be reached; the bytes that came
        before are right.
        """
        ref = location.ref
        whole = self._env.cpu.digest() if (start, stop) == (0, ref.size) else None
        failover = ReadFailover(ref.chunk, location.replicas)
        at = start
        while at < stop:
            replica = failover.next_replica()
            if replica is None:
                raise failover.error()
            began = at
            try:
                async for frame in self._from_replica(ref, replica, at, stop):
                    at += len(frame)
                    if whole is not None:
                        await whole.update(frame)
                    yield frame
            except (TransientError, CorruptionError, NotFound, AccessDenied) as exc:
                if at > began and isinstance(exc, TransientError):
                    # It gave good bytes, then the way broke, perhaps because our reader paused: all may be asked again.
                    failover = ReadFailover(ref.chunk, location.replicas)
                    self._log.info("chunk_read_resumed", chunk=ref.chunk.hex(), offset=at, why=exc.sentence)
                    continue
                failover.remember(replica, fault_of(exc))
                self._tell(exc, ref, replica)
        if whole is not None and (await whole.finish())[0] != ref.sha256:
            raise ChecksumMismatch(f"chunk {ref.chunk.hex()} is not what was written", chunk=ref.chunk.hex())

    def _tell(self, error: ShoalError, ref: ChunkRef, location: ReplicaLocation) -> None:
        replica = ReplicaId(ref.chunk, location.shard, location.placement)
        node = self._view.name_of(location.node)
        self._log.warning("replica_unreadable", replica=replica.address, node=node, why=error.sentence)
        if fault_of(error) is ReplicaFault.DAMAGED:
            self.on_damage(location, replica)

    async def _from_replica(
        self, ref: ChunkRef, location: ReplicaLocation, start: int, stop: int
    ) -> AsyncIterator[memoryview]:
        """Verified bytes of one replica; what is behind `start` in its block, and beyond `stop`, is cut off."""
        first = start // BLOCK_BYTES * BLOCK_BYTES
        request = _get_request(ref, location, first, stop)
        deadline = Instant(self._env.clock.now() + self._settings.read_head_deadline_ns)
        address = self._view.address_of(location.node)
        async with self._link.exchange(address, request, deadline=deadline) as reply:
            table, frame = await _read_table(reply, block_count(ref.size) * CRC_BYTES)
            check = BlockCheck(ref, table, offset=first)
            skip, left = start - first, stop - start
            while left:
                for part in check.feed(frame):
                    wanted = part[skip : skip + left]
                    skip = max(0, skip - len(part))
                    left -= len(wanted)
                    if wanted:
                        yield wanted
                if not left:
                    break
                frame = await reply.body.next_frame()
                if not frame:
                    raise ChecksumMismatch("the replica is too short", chunk=ref.chunk.hex())


def _get_request(ref: ChunkRef, location: ReplicaLocation, first: int, stop: int) -> Request:
    replica = ReplicaId(ref.chunk, location.shard, location.placement)
    headers = {routes.GRANT_HEADER: grant_text(location.grant)}
    if first or stop < ref.size:
        headers["range"] = f"bytes={first}-{stop - 1}"
    return Request("GET", routes.REPLICAS + replica.address, headers)


async def _read_table(reply: IncomingReply, table_bytes: int) -> tuple[bytes, Buffer]:
    """The block table at the front of the body, and what came with it. Raises: what the node tells."""
    if reply.status not in (200, 206):
        raise read_error(reply.status, await reply.body.read_all(_ERROR_BYTES_MAX))
    if reply.headers.get(routes.TABLE_HEADER) != str(table_bytes):
        raise ChecksumMismatch("the replica is not of the chunk's size")
    table = b""
    while len(table) < table_bytes:
        frame = memoryview(await reply.body.next_frame())
        if not frame:
            raise ChecksumMismatch("the replica is too short")
        rest = frame[table_bytes - len(table) :]
        table += frame[: table_bytes - len(table)]
        if len(table) == table_bytes:
            return table, rest
    return table, b""
