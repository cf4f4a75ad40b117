"""What a node sends of a chunk, checked before it leaves: nothing is believed because a node says it.

The table of block checksums is believed only if it combines to the CRC64NVME in the catalog; a block only if it matches
the table (docs/specs/internal-protocol.md).
"""

from dataclasses import dataclass

from shoal.base.digests import BLOCK_BYTES, CRC_BYTES, Buffer, block_count, crc64, table_crc64
from shoal.base.errors import ChecksumMismatch
from shoal.model.catalog import ChunkRef


@dataclass(frozen=True, slots=True)
class ChunkPart:
    """Bytes `start` to `stop` of a chunk, at least one; what travels for them are the whole blocks that cover them."""

    ref: ChunkRef
    start: int
    stop: int

    @property
    def first(self) -> int:
        """Where the covering blocks begin."""
        return self.start // BLOCK_BYTES * BLOCK_BYTES

    @property
    def end(self) -> int:
        """Where they end."""
        return min(self.ref.size, block_count(self.stop) * BLOCK_BYTES)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the chunk."""
        return self.start == 0 and self.stop == self.ref.size

    @property
    def table_bytes(self) -> int:
        """The table of the whole chunk, which comes first."""
        return block_count(self.ref.size) * CRC_BYTES

    @property
    def body_bytes(self) -> int:
        """All that a node sends for it."""
        return self.table_bytes + self.end - self.first


class BlockCheck:
    """I take in what a node sends for a part of a chunk, cut anywhere, and let out what is asked for and right."""

    def __init__(self, part: ChunkPart) -> None:
        self._part = part
        self._table = b""
        self._block = part.first // BLOCK_BYTES
        self._missing = self._block_bytes()
        self._crc = 0
        self._held: list[memoryview] = []
        self._skip = part.start - part.first
        self._left = part.stop - part.start

    def feed(self, frame: Buffer) -> list[memoryview]:
        """What may leave now, none of it empty.

        Raises: ChecksumMismatch if a block, the table or the length is not the chunk's; nothing of this frame left.
        """
        view = memoryview(frame)
        if len(self._table) < self._part.table_bytes:
            view = self._take_table(view)
        return [wanted for each in self._check(view) if len(wanted := self._cut(each))]

    def _take_table(self, view: memoryview) -> memoryview:
        """Returns what comes behind the table."""
        missing = self._part.table_bytes - len(self._table)
        self._table += view[:missing]
        ref = self._part.ref
        is_here = len(self._table) == self._part.table_bytes
        if is_here and table_crc64(self._table, length=ref.size) != ref.crc64:
            raise ChecksumMismatch("the replica's table of checksums is not that of the chunk", chunk=ref.chunk.hex())
        return view[missing:]

    def _check(self, view: memoryview) -> list[memoryview]:
        """The blocks that are whole and right now."""
        at = good = 0
        while at < len(view):
            if not self._missing:
                raise ChecksumMismatch("the replica is longer than the chunk", chunk=self._part.ref.chunk.hex())
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
        whole = [*self._held, view[:good]]
        self._held = [view[good:]]
        return whole

    def _block_bytes(self) -> int:
        """The size of the block that comes now; 0 behind the last one."""
        return max(0, min(BLOCK_BYTES, self._part.end - self._block * BLOCK_BYTES))

    def _close_block(self) -> None:
        at = self._block * CRC_BYTES
        if self._crc != int.from_bytes(self._table[at : at + CRC_BYTES], "big"):
            chunk = self._part.ref.chunk.hex()
            raise ChecksumMismatch("a block is not what was written", chunk=chunk, block=self._block)
        self._block += 1
        self._crc = 0
        self._missing = self._block_bytes()

    def _cut(self, view: memoryview) -> memoryview:
        """Without what lies before and behind the part that is asked for."""
        wanted = view[self._skip : self._skip + self._left]
        self._skip = max(0, self._skip - len(view))
        self._left -= len(wanted)
        return wanted
