"""Rot on demand: one flipped bit in a replica, found on the disk without asking the node."""

from pathlib import Path

from shoal.base.errors import NotFound

_PROBE_BYTES = 64


def flip_byte(node_directory: Path, *, content: bytes, chunk_id: bytes) -> Path:
    """Flip one bit of a replica below `node_directory`: in its payload, which begins with `content`; if that is too
    short to be recognised, in its header, which holds `chunk_id`. Returns the damaged file. Raises: NotFound."""
    probe = content[:_PROBE_BYTES] if len(content) >= _PROBE_BYTES else chunk_id
    for path in sorted(node_directory.rglob("*")):
        if path.is_file() and not path.name.startswith("identity"):
            offset = _find(path, probe)
            if offset is not None:
                _flip(path, offset)
                return path
    raise NotFound("the replica's bytes are not in the node's directory", directory=str(node_directory))


def _find(path: Path, probe: bytes) -> int | None:
    window = 1 << 20
    with path.open("rb") as file:
        start, held = 0, b""
        while part := file.read(window):
            at = (held + part).find(probe)
            if at >= 0:
                return start - len(held) + at
            held = part[-len(probe) :]
            start += len(part)
    return None


def _flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ 0x01,)))
