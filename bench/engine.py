"""Measure the embedded metadata engine: commits of five rows, point reads, scans.

    python bench/engine.py [--seconds N] [--rows N] [--busy] [--scattered]

`--busy` keeps the event loop busy with work of its own, half of the time, as a loaded coordinator's is. The figures
are of this machine and this run; the bare sync rate of the same disk is measured beside them.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from shoal.engine.sqlite import SqliteEngine, open_sqlite_engine
from shoal.ports.engine import Snapshot, Tx
from shoal.wiring.env import RealDisk, real_env
from shoal.wiring.env.workers import WorkerPool

ROWS_PER_COMMIT = 5
VALUE = bytes(range(200))


class SilentLog:
    """Nobody listens."""

    def debug(self, event: str, **fields: object) -> None: ...

    info = warning = error = debug

    def bind(self, **_fields: object) -> "SilentLog":
        return self


def scattered(prefix: str, number: int) -> bytes:
    """A key anywhere in the tree, as names are."""
    return f"{prefix}/bucket/{number * 2654435761 % 2**32:010d}".encode()


def in_turn(prefix: str, number: int) -> bytes:
    """A key behind the last one, as the chunk ids of a session are."""
    return f"{prefix}/session/{number:010d}".encode()


Naming = Callable[[str, int], bytes]


def commit_of(number: int, naming: Naming) -> Callable[[Tx], None]:
    """One object of three copies: its session and name are looked up; name, chunk and holders are written."""

    def fn(tx: Tx) -> None:
        tx.get(b"s/session")
        tx.get(scattered("o", number))
        tx.put(scattered("o", number), VALUE)
        for prefix in ("c", "h/1", "h/2", "h/3"):
            tx.put(naming(prefix, number), VALUE)

    return fn


class Load:
    """Callers that commit until the time is up."""

    def __init__(self, engine: SqliteEngine, naming: Naming) -> None:
        self._engine = engine
        self._naming = naming
        self._number = 0

    async def run(self, callers: int, seconds: float) -> tuple[float, list[float]]:
        """Commits a second, and how long each took."""
        took: list[float] = []
        begin = time.perf_counter()

        async def caller() -> None:
            while (start := time.perf_counter()) - begin < seconds:
                self._number += 1
                await self._engine.tx(commit_of(self._number, self._naming))
                took.append(time.perf_counter() - start)

        await asyncio.gather(*(caller() for _ in range(callers)))
        return len(took) / (time.perf_counter() - begin), took

    async def fill(self, objects: int) -> None:
        """So many more objects, in large groups."""
        for begin in range(0, objects, 500):
            count = min(500, objects - begin)
            commits = (commit_of(self._number + n + 1, self._naming) for n in range(count))
            await asyncio.gather(*(self._engine.tx(commit) for commit in commits))
            self._number += count

    async def reads(self, seconds: float) -> float:
        """Point reads a second, of rows that exist, in random order."""
        numbers = random.Random(1).choices(range(1, self._number + 1), k=4096)
        keys = [scattered("o", number) for number in numbers]
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            for wanted in keys:
                found = await self._engine.read(lambda snapshot, wanted=wanted: snapshot.get(wanted))  # type: ignore[misc]
                if found is None:
                    raise SystemExit(f"{wanted!r} is missing")
            count += len(keys)
        return count / (time.perf_counter() - begin)

    async def scans(self, seconds: float) -> float:
        """Listings of 1,000 rows a second."""

        def listing(snapshot: Snapshot) -> int:
            return len(snapshot.scan(b"o/", b"o0", limit=1000))

        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            await self._engine.read(listing)
            count += 1
        return count / (time.perf_counter() - begin)


def syncs(directory: Path, seconds: float) -> float:
    """How often a second this disk syncs a small write."""
    disk = RealDisk(directory)
    file = disk.open_blocking("bare")
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        file.pwrite(count % 2 * 4096, bytes(512))
        file.fdatasync()
        count += 1
    file.close()
    disk.close()
    return count / (time.perf_counter() - begin)


async def keep_busy() -> None:
    """Half of the loop's time, in slices of a quarter of a millisecond."""
    while True:
        begin = time.perf_counter()
        while time.perf_counter() - begin < 0.00025:
            pass
        await asyncio.sleep(0.00025)


def report(label: str, figure: str) -> None:
    print(f"{label:<44}{figure}")


async def measure(directory: Path, options: argparse.Namespace) -> None:
    env, thread = real_env(directory), WorkerPool("engine", threads=1)
    engine = await open_sqlite_engine(
        env,
        name="catalog.db",
        path=str(directory / "catalog.db"),
        vfs=None,
        shared_memory=True,
        run_blocking=thread.run,
        log=SilentLog(),
    )
    serving = asyncio.create_task(engine.run())
    burden = asyncio.create_task(keep_busy()) if options.busy else None
    load = Load(engine, scattered if options.scattered else in_turn)
    begin = time.perf_counter()
    await load.fill(options.rows // ROWS_PER_COMMIT)
    report(f"fill to {options.rows:,} rows", f"{options.rows / (time.perf_counter() - begin):,.0f} rows/s")
    for callers in (1, 8, 64):
        cpu = time.process_time()
        rate, took = await load.run(callers, options.seconds)
        cpu = (time.process_time() - cpu) / len(took)
        p50, p99 = statistics.median(took) * 1e3, sorted(took)[len(took) * 99 // 100] * 1e3
        report(
            f"commits of {ROWS_PER_COMMIT} rows, {callers} at a time",
            f"{rate:,.0f}/s   p50 {p50:.2f} ms   p99 {p99:.2f} ms   cpu {cpu * 1e6:.0f} us",
        )
    report("point reads, one at a time", f"{await load.reads(options.seconds):,.0f}/s")
    report("listings of 1,000 rows", f"{await load.scans(options.seconds):,.0f}/s")
    if burden:
        burden.cancel()
    await engine.close()
    await serving
    thread.close()
    report("database", f"{(directory / 'catalog.db').stat().st_size / 2**20:,.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    parser.add_argument("--rows", type=int, default=200_000, help="in the catalog before measuring")
    parser.add_argument("--busy", action="store_true", help="on a loop that is busy half of the time")
    parser.add_argument("--scattered", action="store_true", help="all five keys anywhere in the tree: the worst case")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shoal-bench-", dir=".") as directory:
        report("bare 512-byte writes with fdatasync", f"{syncs(Path(directory), options.seconds):,.0f}/s")
        asyncio.run(measure(Path(directory) / "engine", options))


if __name__ == "__main__":
    main()
