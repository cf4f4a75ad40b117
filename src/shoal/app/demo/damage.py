"""Rot on demand: one flipped bit in a replica, found on the disk without asking the node."""

import mmap
from pathlib import Path

from shoal.base.errors import NotFound
from shoal.formats.segment.v1 import RECORD_MAGIC, RecordKind, payload_offset
from shoal.model.catalog import ChunkRef

_KIND_AT = 12
_CHUNK_ID_AT = 20
"""Within a record, as docs/specs/chunk-store.md has it."""


def flip_byte(node_directory: Path, ref: ChunkRef) -> Path:
    """Flip one bit of the first payload byte of the replica of `ref` below `node_directory`. Returns the damaged file.
    Raises: NotFound."""
    for path in sorted(node_directory.rglob("*")):
        if path.is_file() and path.stat().st_size:
            record = _find(path, ref.chunk)
            if record is not None:
                _flip(path, record + payload_offset(ref.size))
                return path
    raise NotFound("the replica's bytes are not in the node's directory", directory=str(node_directory))


def _find(path: Path, chunk: bytes) -> int | None:
    """Where its record begins: the id stands in footers, and in records of other kinds, too."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(chunk)
        while at >= 0:
            head = content[max(0, at - _CHUNK_ID_AT) : at]
            if head.startswith(RECORD_MAGIC) and head[_KIND_AT] == RecordKind.CHUNK:
                return at - _CHUNK_ID_AT
            at = content.find(chunk, at + 1)
    return None


def _flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ 0x01,)))
