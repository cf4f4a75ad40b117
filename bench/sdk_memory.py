"""Peak memory of a client that moves one large object each way that the doors offer, with one copy.

    python bench/sdk_memory.py [SIZE] [--dir DIR]        SIZE is 2GiB unless given, for example 10GiB

Each put and each get is a process of its own; the peak is what the kernel says of it (VmHWM), MiB/s are those of a
client with a whole cluster in one other process beside it. Needs SIZE of free space twice.
"""

import argparse
import asyncio
import io
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import shoal
from shoal.base.units import MIB, parse_size
from shoal.testing import Cluster
from shoal.wiring.sources import AnyGiven, Given

BOUND_MIB = 300
NAME = "large"
WAYS = (
    ("path", "path"),
    ("file", "file"),
    ("iterator", "stream"),
    ("iterator", "open"),
    ("aio-iterator", "aio-stream"),
    ("aio-reader", "aio-file"),
    ("aio-file", "aio-open"),
)
"""How it goes in, and how it comes out."""


def pieces(size: int) -> Iterator[bytes]:
    """So many bytes, no two MiB of them alike."""
    for number in range(size // MIB):
        yield number.to_bytes(8, "big") * (MIB // 8)


async def pieces_later(size: int) -> AsyncIterator[bytes]:
    """The same."""
    for piece in pieces(size):
        yield piece


class Reader(io.RawIOBase):
    """The same, to be read."""

    def __init__(self, size: int) -> None:
        self._pieces = pieces(size)

    def read(self, size: int = -1, /) -> bytes:
        """A MiB, whatever is asked."""
        return next(self._pieces, b"")


class AsyncReader:
    """The same, to be awaited."""

    def __init__(self, size: int) -> None:
        self._pieces = pieces(size)

    async def read(self, size: int) -> bytes:
        """A MiB, whatever is asked."""
        return next(self._pieces, b"")


class Sum(io.RawIOBase):
    """A file that keeps only a checksum of what is written to it."""

    value = 0

    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        """Take all of it."""
        self.value = zlib.crc32(content, self.value)
        return len(content)


def put(way: str, size: int, path: Path) -> None:
    """Store it."""
    sources: dict[str, Given] = {"path": path, "file": Reader(size), "iterator": pieces(size)}
    with shoal.connect() as store:
        store.put(NAME, sources[way])


async def put_later(way: str, size: int) -> None:
    """The same by the asynchronous door."""
    sources: dict[str, AnyGiven] = {
        "aio-iterator": pieces_later(size),
        "aio-reader": AsyncReader(size),
        "aio-file": Reader(size),
    }
    async with shoal.aio.connect() as store:
        await store.put(NAME, sources[way])


def get(way: str, path: Path) -> int:
    """Fetch it. Returns its CRC-32."""
    file = Sum()
    with shoal.connect() as store:
        if way == "path":
            store.get_file(NAME, path)
            with path.open("rb") as found:
                while content := found.read(MIB):
                    file.write(content)
        elif way == "file":
            store.get_file(NAME, file)
        elif way == "stream":
            for piece in store.stream(NAME):
                file.write(piece)
        else:
            with store.open(NAME) as opened:
                while content := opened.read(MIB):
                    file.write(content)
    return file.value


async def get_later(way: str) -> int:
    """The same by the asynchronous door."""
    file = Sum()
    async with shoal.aio.connect() as store:
        if way == "aio-file":
            await store.get_file(NAME, file)
        elif way == "aio-stream":
            async for piece in store.stream(NAME):
                file.write(piece)
        else:
            async with store.open(NAME) as opened:
                while content := await opened.read(MIB):
                    file.write(content)
    return file.value


def move(step: str, way: str, size: int, *, path: Path) -> None:
    """What a process of its own does: one step, and three figures."""
    began = time.perf_counter()
    crc = 0
    if step == "put":
        asyncio.run(put_later(way, size)) if way.startswith("aio") else put(way, size, path)
    else:
        crc = asyncio.run(get_later(way)) if way.startswith("aio") else get(way, path)
    taken = time.perf_counter() - began
    print(peak_mib(), round(size / MIB / taken), crc)


def peak_mib() -> int:
    """Peak resident memory of this process. Not `ru_maxrss`, which counts the process before it, too."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


def moved(step: str, way: str, size: int, *, environ: dict[str, str], path: Path) -> tuple[int, int, int]:
    """Peak in MiB, MiB/s and checksum of a step."""
    command = [sys.executable, __file__, str(size), "--step", step, "--way", way, "--dir", str(path)]
    done = subprocess.run(command, env=os.environ | environ, stdout=subprocess.PIPE, text=True, check=True)
    peak, rate, crc = (int(each) for each in done.stdout.split())
    return peak, rate, crc


def measure(size: int, work: Path | None) -> bool:
    """All ways, each with a new cluster. Whether all stayed within the bound and gave back what they got."""
    crc = 0
    for piece in pieces(size):
        crc = zlib.crc32(piece, crc)
    is_good = True
    for way_in, way_out in WAYS:
        with tempfile.TemporaryDirectory(prefix="shoal-bench-", dir=work) as name:
            path = Path(name, "file")
            if way_in == "path":
                _write(path, size)
            with Cluster(nodes=3, replicas=1, data=Path(name, "data")) as cluster:
                for step, way in (("put", way_in), ("get", way_out)):
                    peak, rate, found = moved(step, way, size, environ=cluster.environ, path=path)
                    is_good &= peak <= BOUND_MIB and (step == "put" or found == crc)
                    print(f"{step} {way:<14} peak {peak:4} MiB   {rate:5} MiB/s", flush=True)
    return is_good


def _write(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.writelines(pieces(size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", default="2GiB")
    parser.add_argument("--dir", type=Path, help="where to measure; the default is the temporary directory")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = parse_size(options.size)
    if options.step:
        move(options.step, options.way, size, path=options.dir)
        return
    is_good = measure(size, options.dir)
    print(f"all within {BOUND_MIB} MiB, every byte back" if is_good else "NOT GOOD")
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
