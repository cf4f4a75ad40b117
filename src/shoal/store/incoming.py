"""What every replica on its way in has, wherever its bytes go: its address, size, checksums and promised space."""

from collections.abc import Callable

from shoal.base.digests import SHA256_BYTES, BlockTable, Buffer
from shoal.base.errors import InvalidArgument, check
from shoal.base.ids import ReplicaId
from shoal.ports.chunk_store import StoredReplica


class IncomingReplica:
    """I count and check the bytes of one replica; room is kept for it until `end`."""

    def __init__(self, replica: ReplicaId, stored_bytes: int, *, on_end: Callable[[], None]) -> None:
        """`on_end` gives the room back; called once."""
        self.replica = replica
        self.stored_bytes = stored_bytes
        self.table = b""
        """Complete after `complete`."""
        self._blocks = BlockTable()
        self._on_end = on_end
        self._is_over = False

    @property
    def received_bytes(self) -> int:
        """How much has come."""
        return self._blocks.length

    def require_open(self) -> None:
        """Whoever goes on after the end has a bug."""
        check(not self._is_over, "the writer has ended", replica=self.replica.address)

    def accept(self, frame: Buffer) -> None:
        """Count the next bytes. Raises: InvalidArgument past the announced size."""
        self.require_open()
        if self.received_bytes + len(frame) > self.stored_bytes:
            raise InvalidArgument(f"more than the announced {self.stored_bytes} bytes", replica=self.replica.address)
        self._blocks.update(frame)

    def complete(self, sha256: bytes) -> StoredReplica:
        """All bytes have come. Raises: InvalidArgument if not."""
        self.require_open()
        check(len(sha256) == SHA256_BYTES, "no SHA-256", got=len(sha256))
        if self.received_bytes != self.stored_bytes:
            raise InvalidArgument(
                f"{self.received_bytes} bytes came, {self.stored_bytes} were announced", replica=self.replica.address
            )
        self.table = self._blocks.finish()
        return StoredReplica(
            replica=self.replica,
            stored_bytes=self.stored_bytes,
            logical_bytes=self.stored_bytes,
            codec=0,
            sha256=sha256,
            crc64=self._blocks.crc64,
        )

    def end(self) -> None:
        """Stored, or given up; again: nothing."""
        if not self._is_over:
            self._is_over = True
            self._on_end()
