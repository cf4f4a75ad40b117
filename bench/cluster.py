"""What a cluster of three nodes on this machine does: large and small puts and gets, three copies, fsync, all checks.

    python bench/cluster.py [--rounds 5] [--large 64MiB] [--small 4000] [--json FILE]

Figures of one run belong together: R is the single-core SHA-256 rate and D the disk's own write-and-sync rate, both
measured in the same run; ratios to them are what can be compared between machines. The client runs in this process,
coordinator and nodes in their own.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shoal.app.local_cluster import LocalCluster, RunningCluster, running_cluster
from shoal.base.units import GIB, MIB, parse_size
from shoal.client.client import Client
from shoal.core.names import DEFAULT_BUCKET
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource, FileSink, FileSource

NODES = 3
SMALL_BYTES = 4096
CALLERS = 32
_TICKS = os.sysconf("SC_CLK_TCK")


def sha256_rate() -> float:
    """R: MiB/s of one core."""
    data = os.urandom(64 * MIB)
    began = time.perf_counter()
    hashlib.sha256(data)
    return 64 / (time.perf_counter() - began)


def disk_rate(directory: Path, size: int) -> float:
    """D: MiB/s of a file written and synced."""
    data = os.urandom(MIB)
    path = directory / "disk-rate"
    began = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    taken = time.perf_counter() - began
    path.unlink()
    return size / MIB / taken


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mib(pid: int) -> float:
    """Peak resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


@dataclass
class Bench:
    """One run."""

    cluster: RunningCluster
    client: Client
    work: Path
    large: int
    small: int
    rounds: int
    figures: dict[str, Any] = field(default_factory=dict)

    def _pids(self) -> dict[str, int]:
        children = self.cluster.supervisor.children
        return {"client": os.getpid()} | {name: child.pid for name, child in children.items() if child.pid}

    @contextmanager
    def cpu(self, name: str, moved: int) -> Iterator[None]:
        """Note the CPU seconds that everything inside took, per GiB moved."""
        before = {who: cpu_seconds(pid) for who, pid in self._pids().items()}
        yield
        after = {who: cpu_seconds(pid) for who, pid in self._pids().items()}
        spent = {who: (after[who] - before[who]) * GIB / moved for who in before}
        self.figures[f"{name}_cpu_s_per_gib"] = {who: round(value, 2) for who, value in spent.items()}

    async def run(self) -> None:
        """All measurements."""
        await self.large_objects()
        await self.small_objects()
        self.figures["peak_mib"] = {who: round(peak_mib(pid)) for who, pid in self._pids().items()}

    async def large_objects(self) -> None:
        file = self.work / "large"
        file.write_bytes(os.urandom(self.large))
        puts, gets, sha, disk = [], [], [], []
        for number in range(self.rounds):
            sha.append(sha256_rate())
            disk.append(disk_rate(self.work, self.large))
            with self.cpu("put", self.large):
                puts.append(await self._timed(lambda number=number: self._put(f"large-{number}", file)))
            with self.cpu("get", self.large):
                gets.append(await self._timed(lambda number=number: self._get(f"large-{number}")))
        size = self.large / MIB
        rate, write = statistics.median(sha), statistics.median(disk)
        put, get = size / statistics.median(puts), size / statistics.median(gets)
        self.figures |= {
            "R_mib_s": round(rate),
            "D_mib_s": round(write),
            "put_mib_s": round(put),
            "put_of_R": round(put / rate, 3),
            "put_of_D_third": round(put / (write / 3), 3),
            "get_mib_s": round(get),
            "get_of_R": round(get / rate, 3),
        }

    async def small_objects(self) -> None:
        content = os.urandom(SMALL_BYTES)

        async def put(number: int) -> None:
            await self.client.put(DEFAULT_BUCKET, f"small-{number}", BytesSource(content))

        async def get(number: int) -> None:
            sink = BytesSink(SMALL_BYTES)
            await self.client.get(DEFAULT_BUCKET, f"small-{number}", sink)
            if sink.content != content:
                raise SystemExit("a small object came back wrong")

        for name, work in (("put", put), ("get", get)):
            with self.cpu(f"small_{name}", self.small * SMALL_BYTES):
                taken = await self._timed(lambda work=work: self._crowd(work))
            self.figures[f"small_{name}_s"] = round(self.small / taken)

    async def _crowd(self, work: Callable[[int], Awaitable[None]]) -> None:
        numbers = iter(range(self.small))

        async def caller() -> None:
            for number in numbers:
                await work(number)

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(caller())

    async def _timed(self, work: Callable[[], Awaitable[None]]) -> float:
        began = time.perf_counter()
        await work()
        return time.perf_counter() - began

    async def _put(self, name: str, file: Path) -> None:
        source = FileSource(file)
        await self.client.put(DEFAULT_BUCKET, name, source)
        source.close()

    async def _get(self, name: str) -> None:
        path = self.work / "back"
        sink = FileSink(path)
        await self.client.get(DEFAULT_BUCKET, name, sink)
        sink.commit()
        path.unlink()


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Start a cluster, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-", dir=options.dir) as name:
        work = Path(name)
        settings = LocalCluster(data=work / "data", nodes=NODES, port_base=0, is_quiet=True)
        log = StreamLog(level=Level.ERROR)
        async with running_cluster(settings, log) as cluster:
            async with open_client(find_cluster(data=settings.data), log=log) as client:
                bench = Bench(cluster, client, work, parse_size(options.large), options.small, options.rounds)
                await bench.run()
                return bench.figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", default="64MiB")
    parser.add_argument("--small", type=int, default=4000)
    parser.add_argument("--dir", type=Path, help="where to measure; the default is the temporary directory")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = asyncio.run(measure(options))
    figures["load_1m"] = os.getloadavg()[0]
    figures["own_peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    for key, value in figures.items():
        print(f"{key:<28} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
