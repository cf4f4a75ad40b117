"""What limits cost: peak memory of every process under a crowd of transfers, idle connections, honest slow links.

    python bench/limits.py transfers [--nodes 1] [--replicas 1] [--transfers 200] [--size 64MiB] [--clients 4]
    python bench/limits.py idle [--connections 2000]
    python bench/limits.py slow [--rate 2KiB] [--seconds 60]

`transfers` puts so many objects at once from some client processes, then gets them all at once and compares every
byte; nothing is kept in the clients, whose bytes are made up. Peaks are those of the whole life of a process (VmHWM).
"""

import argparse
import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shoal.app.local_cluster import LocalCluster, RunningCluster, running_cluster
from shoal.base.digests import Buffer
from shoal.base.errors import ShoalError
from shoal.base.ids import Address
from shoal.base.units import MIB, parse_size
from shoal.client.client import Client
from shoal.core.names import DEFAULT_BUCKET
from shoal.net.address import parse_address
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource

LOG = StreamLog(level=Level.ERROR)
PATTERN = hashlib.shake_128(b"shoal").digest(2 * MIB) * 2
"""Objects are windows into it that repeat every 2 MiB, each beginning somewhere else."""
_PERIOD = len(PATTERN) // 2


def memory_mib(pid: int, field: str = "VmHWM") -> float:
    """Resident memory of a process: its peak, or with VmRSS what it is now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def window(number: int, offset: int, length: int) -> memoryview:
    """Bytes of object `number`; at most 2 MiB of them."""
    start = (number * 65_537 + offset) % _PERIOD
    return memoryview(PATTERN)[start : start + length]


class MadeUp:
    """I am a source of bytes that nobody keeps."""

    def __init__(self, number: int, size: int) -> None:
        self.size: int | None = size
        self._number, self._end = number, size

    async def available(self, offset: int, want: int) -> int:
        """See `Source.available`."""
        return max(0, min(want, self._end - offset))

    async def read_at(self, offset: int, length: int) -> Buffer:
        """See `Source.read_at`."""
        return window(self._number, offset, length)

    def release(self, below: int) -> None:
        """See `Source.release`."""


class Compared:
    """I am a sink that compares and forgets."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.count = 0
        self.wrong = 0

    async def write_at(self, offset: int, frame: Buffer) -> None:
        """See `Sink.write_at`."""
        self.wrong += memoryview(frame) != window(self._number, offset, len(frame))
        self.count += len(frame)


async def one_client(options: argparse.Namespace) -> dict[str, object]:
    """The transfers of one client process, all at once."""
    errors: list[str] = []
    size = parse_size(options.size)

    async def put(client: Client, number: int) -> None:
        await client.put(DEFAULT_BUCKET, f"large-{number}", MadeUp(number, size))

    async def get(client: Client, number: int) -> None:
        sink = Compared(number)
        await client.get(DEFAULT_BUCKET, f"large-{number}", sink)
        if sink.wrong or sink.count != size:
            errors.append(f"object {number} came back wrong")

    async def guarded(client: Client, number: int) -> None:
        try:
            await (put if options.direction == "put" else get)(client, number)
        except ShoalError as exc:
            errors.append(f"{type(exc).__name__}: {exc.sentence}")

    async with open_client(find_cluster(data=options.data), log=LOG) as client, asyncio.TaskGroup() as group:
        for number in range(options.first, options.first + options.transfers):
            group.create_task(guarded(client, number))
    return {"errors": errors, "peak_mib": memory_mib(os.getpid())}


def crowd(options: argparse.Namespace, data: Path, direction: str) -> dict[str, object]:
    """All transfers in one direction, spread over the client processes."""
    share = -(-options.transfers // options.clients)
    began = time.perf_counter()
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "client", "--data", str(data), "--direction", direction, "--size", options.size,
             "--first", str(first), "--transfers", str(min(share, options.transfers - first))],
            stdout=subprocess.PIPE,
        )
        for first in range(0, options.transfers, share)
    ]  # fmt: skip
    told = [json.loads(process.communicate()[0]) for process in processes]
    seconds = time.perf_counter() - began
    errors = [error for each in told for error in each["errors"]]
    return {
        f"{direction}_s": round(seconds, 1),
        f"{direction}_mib_s": round(options.transfers * parse_size(options.size) / MIB / seconds),
        f"{direction}_errors": len(errors),
        f"{direction}_first_errors": sorted(set(errors))[:3],
        f"{direction}_client_peak_mib": max(round(each["peak_mib"]) for each in told),
    }


@asynccontextmanager
async def scratch_cluster(options: argparse.Namespace) -> AsyncIterator[RunningCluster]:
    """A cluster for one measurement."""
    with tempfile.TemporaryDirectory(prefix="shoal-limits-", dir=options.dir) as name:
        settings = LocalCluster(
            data=Path(name) / "data",
            nodes=options.nodes,
            replicas=options.replicas,
            port_base=0,
            is_quiet=True,
            node_options=tuple(options.node_option),
        )
        async with running_cluster(settings, LOG) as cluster:
            yield cluster


def tell_peaks(cluster: RunningCluster) -> None:
    """Print the peak of each process of the cluster."""
    for name, child in cluster.supervisor.children.items():
        print(f"{name + '_peak_mib':<28} {memory_mib(child.pid or 0):.0f} ({child.starts} start)")


async def transfers(options: argparse.Namespace) -> None:
    """A crowd of puts, then a crowd of gets."""
    async with scratch_cluster(options) as cluster:
        tell_peaks(cluster)
        for direction in ("put", "get"):
            told = await asyncio.to_thread(crowd, options, cluster.settings.data, direction)
            for key, value in told.items():
                print(f"{key:<28} {value}", flush=True)
            tell_peaks(cluster)


async def idle(options: argparse.Namespace) -> None:
    """Connections that say nothing, to the coordinator and to a node; then a put and a get beside them."""
    async with scratch_cluster(options) as cluster:
        for name in ("coordinator", "node-1"):
            child = cluster.child(name)
            before = memory_mib(child.pid or 0, "VmRSS")
            host, port = parse_address(child.address or Address(""))
            idlers = [socket.create_connection((host, port)) for _ in range(options.connections)]
            await asyncio.sleep(1)
            grown = memory_mib(child.pid or 0, "VmRSS") - before
            print(f"{name}: {grown * 1024 / options.connections:.1f} KiB for each of {len(idlers)} idle connections")
            began = time.perf_counter()
            async with open_client(find_cluster(data=cluster.settings.data), log=LOG) as client:
                await client.put(DEFAULT_BUCKET, "beside", BytesSource(b"x" * 100_000))
                await client.get(DEFAULT_BUCKET, "beside", BytesSink(100_000))
            print(f"{name}: put and get beside them in {time.perf_counter() - began:.2f} s")
            for each in idlers:
                each.close()


async def slow(options: argparse.Namespace) -> None:
    """An honest request on a slow link: its body comes at `--rate` for `--seconds`, and must be answered."""
    rate = parse_size(options.rate)
    async with scratch_cluster(options) as cluster:
        host, port = parse_address(cluster.endpoint)
        reader, writer = await asyncio.open_connection(host, port)
        total = rate * options.seconds
        head = f"POST /v1/status HTTP/1.1\r\nhost: {cluster.endpoint}\r\nauthorization: none\r\n"
        writer.write(f"{head}content-length: {total}\r\n\r\n".encode())
        began = time.perf_counter()
        for _ in range(options.seconds):
            writer.write(bytes(rate))
            await writer.drain()
            await asyncio.sleep(1)
        status = (await reader.readline()).decode().strip()
        print(f"{total} bytes in {time.perf_counter() - began:.0f} s: {status}")
        writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("transfers", "idle", "slow", "client"))
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--transfers", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--size", default="64MiB")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--rate", default="2KiB")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--node-option", action="append", default=[], help="passed to every node, for example --memory=64MiB"
    )
    parser.add_argument("--dir", type=Path, help="where to measure; the default is the temporary directory")
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--direction", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "client":
        print(json.dumps(asyncio.run(one_client(options))))
        return
    asyncio.run({"transfers": transfers, "idle": idle, "slow": slow}[options.what](options))


if __name__ == "__main__":
    main()
