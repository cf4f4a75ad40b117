"""How an object is cut: every chunk but the last has the same size; an empty object has none."""

import hashlib
from collections.abc import Iterable, Iterator

from shoal.base.errors import InvalidArgument
from shoal.base.units import GIB, KIB, MIB
from shoal.model.catalog import ChunkRef
from shoal.model.cluster import CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, CHUNKS_PER_PUT_MAX, OBJECT_BYTES_MAX


def chunk_count(size: int, chunk_bytes: int) -> int:
    """How many chunks `size` bytes make."""
    return -(-size // chunk_bytes)


def chunk_spans(size: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each chunk, in order."""
    for offset in range(0, size, chunk_bytes):
        yield offset, min(chunk_bytes, size - offset)


def fitting_chunk_bytes(size: int) -> int:
    """The smallest power of two that cuts `size` bytes into at most 100,000 chunks."""
    least = max(CHUNK_BYTES_MIN, chunk_count(size, CHUNKS_PER_PUT_MAX))
    return 1 << (least - 1).bit_length()


def check_chunk_bytes(chunk_bytes: int) -> None:
    """Raises: InvalidArgument unless objects may be cut into chunks of this size at all."""
    if not CHUNK_BYTES_MIN <= chunk_bytes <= CHUNK_BYTES_MAX:
        limits = f"{CHUNK_BYTES_MIN} B to {_exact(CHUNK_BYTES_MAX)}"
        raise InvalidArgument(f"a chunk size of {chunk_bytes} bytes is not possible; it is {limits}", got=chunk_bytes)


def check_cut(size: int, chunk_bytes: int) -> None:
    """Raises: InvalidArgument unless `size` bytes may be cut by `chunk_bytes`; the sentence names a size that works.

    For a stream of unknown length call it again as chunks come, with the bytes so far.
    """
    check_chunk_bytes(chunk_bytes)
    if not 0 <= size <= OBJECT_BYTES_MAX:
        raise InvalidArgument(f"an object of {size} bytes is not possible; it is at most {_exact(OBJECT_BYTES_MAX)}")
    if chunk_count(size, chunk_bytes) > CHUNKS_PER_PUT_MAX:
        raise InvalidArgument(
            f"chunks of {_exact(chunk_bytes)} would cut {_exact(size)} into more than {CHUNKS_PER_PUT_MAX:,} pieces; "
            f"use a chunk size of at least {_exact(fitting_chunk_bytes(size))}",
            chunk_bytes=chunk_bytes,
            size=size,
        )


class ManifestRoot:
    """I compute the root of a manifest as its chunks come: SHA-256 over the ordered digests and sizes (u64,
    big-endian). Two manifests with one root have the same bytes, cut in the same places."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, sha256: bytes, size: int) -> None:
        """The next chunk."""
        self._hash.update(sha256 + size.to_bytes(8, "big"))

    def digest(self) -> bytes:
        """The root of the chunks so far; of none, the SHA-256 of nothing."""
        return self._hash.digest()


def manifest_root(chunks: Iterable[ChunkRef]) -> bytes:
    """The `ManifestRoot` of these chunks."""
    root = ManifestRoot()
    for chunk in chunks:
        root.add(chunk.sha256, chunk.size)
    return root.digest()


def _exact(count: int) -> str:
    """`count` bytes, in the largest unit that divides them, as `parse_size` reads it."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count and count % unit == 0:
            return f"{count // unit}{name}"
    return f"{count}B"
