"""Files too large for memory, and what memory processes took with them."""

import hashlib
from pathlib import Path
from random import Random

from shoal.base.units import MIB


def peak_bytes(pid: int) -> int:
    """Peak resident memory of a process that runs."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def write_random(path: Path, size: int) -> str:
    """A file of `size` bytes that nothing can compress or share; its SHA-256."""
    digest, rng = hashlib.sha256(), Random(size)
    with path.open("wb") as file:
        while left := size - file.tell():
            piece = rng.randbytes(min(left, 4 * MIB))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
