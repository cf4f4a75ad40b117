"""What the file service does over gRPC: files of 64 MiB up and down by 1 and by 20 clients, and 1,000 small uploads.

    python bench/filestore.py [--rounds 3] [--size 64MiB] [--clients 20] [--json FILE]

A cluster of three nodes and its gateway run in processes of their own: two copies, fsync, all checks. The clients run
in four more, and send messages of 1 MiB that were made before. Figures of one run belong together: R is the
single-core SHA-256 rate of the same run, and ratios to it are what can be compared between machines.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio

from cluster import cpu_seconds, peak_mib, sha256_rate
from shoal.app.local_cluster import GATEWAY, LocalCluster, RunningCluster, running_cluster
from shoal.base.units import GIB, KIB, MIB, parse_size
from shoal.wiring.log import Level, StreamLog
from shoal_pb.filestore_pb2 import DownloadRequest, UploadRequest, UploadResponse

NODES = 3
PROCESSES = 4
SMALL_BYTES = 100 * KIB
SMALL_UPLOADS = 1000
SMALL_CLIENTS = 10
WORKER = "worker"
_SERVICE = "/filestore.FileStore/"
_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 16 * MIB)]


def messages_of(name: str, content: bytes) -> list[bytes]:
    """An upload, ready to be sent."""
    parts = (content[at : at + MIB] for at in range(0, len(content), MIB))
    return [UploadRequest(filename=name, chunk=part, total_size=len(content)).SerializeToString() for part in parts]


class BenchClient:
    """I am one client, with a connection and a file of my own. In a process of clients."""

    def __init__(self, channel: grpc.aio.Channel, name: str, content: bytes) -> None:
        self._channel = channel
        self._name = name
        self._content = content
        self._messages = messages_of(name, content)
        self._file_id = ""

    async def upload(self, _count: int) -> None:
        """My file."""
        self._file_id = await self._send(self._messages)

    async def _send(self, messages: list[bytes]) -> str:
        async def each() -> AsyncIterator[bytes]:
            for message in messages:
                yield message

        call: Any = self._channel.stream_unary(f"{_SERVICE}Upload")
        reply = UploadResponse.FromString(await call(each()))
        if not reply.success:
            raise SystemExit(f"an upload failed: {reply.message}")
        return reply.file_id

    async def download(self, _count: int) -> None:
        """My file."""
        call: Any = self._channel.unary_stream(f"{_SERVICE}Download")
        came = 0
        async for message in call(DownloadRequest(file_id=self._file_id).SerializeToString()):
            came += len(message)
        if not len(self._content) <= came < len(self._content) * 1.01:
            raise SystemExit(f"{came} bytes came of a file of {len(self._content)}")

    async def small(self, count: int) -> None:
        """So many small files, one after the other."""
        for number in range(count):
            await self._send(messages_of(f"{self._name}-{number}", self._content[number : number + SMALL_BYTES]))


async def work(address: str, clients: int, size: int) -> None:
    """A process of clients: do what standard input asks for (`verb clients count`), and tell when it is done."""
    async with AsyncExitStack() as stack:
        mine = []
        for number in range(clients):
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address, options=_OPTIONS))
            await channel.channel_ready()
            mine.append(BenchClient(channel, f"bench-{os.getpid()}-{number}", os.urandom(size)))
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, wanted, count = line.split()
            await asyncio.gather(*(getattr(client, verb)(int(count)) for client in mine[: int(wanted)]))
            print("done", flush=True)


@dataclass
class Crowd:
    """The processes of clients."""

    processes: list[asyncio.subprocess.Process]

    async def run(self, verb: str, *, clients: int, count: int = 1) -> float:
        """All of them at once; the seconds until the last is done."""
        busy = self.processes[: min(clients, len(self.processes))]
        shares = [clients // len(busy) + (index < clients % len(busy)) for index in range(len(busy))]
        began = time.perf_counter()
        for process, share in zip(busy, shares, strict=True):
            assert process.stdin
            process.stdin.write(f"{verb} {share} {count}\n".encode())
        for process in busy:
            await answered(process, b"done\n")
        return time.perf_counter() - began


async def answered(process: asyncio.subprocess.Process, wanted: bytes) -> None:
    """Wait for a line."""
    assert process.stdout
    line = await process.stdout.readline()
    if line != wanted:
        raise SystemExit("a process of clients has ended; it has told why")


@asynccontextmanager
async def crowd_at(address: str, *, clients: int, size: int) -> AsyncIterator[Crowd]:
    """Clients that are connected and have their files ready."""
    each = -(-max(clients, SMALL_CLIENTS) // PROCESSES)
    words = (sys.executable, __file__, WORKER, address, str(each), str(size))
    pipe = asyncio.subprocess.PIPE
    processes = [await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe) for _ in range(PROCESSES)]
    try:
        for process in processes:
            await answered(process, b"ready\n")
        yield Crowd(processes)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def measure(cluster: RunningCluster, options: argparse.Namespace) -> dict[str, Any]:
    """All figures of one cluster."""
    size, clients = parse_size(options.size), options.clients
    gateway = cluster.child(GATEWAY)
    rates: dict[str, list[float]] = {"R": []}
    figures: dict[str, Any] = {}
    async with crowd_at(str(gateway.address), clients=clients, size=size) as crowd:
        for _ in range(options.rounds):
            rates["R"].append(sha256_rate())
            for number in (1, clients):
                for verb in ("upload", "download"):
                    before = cpu_seconds(gateway.pid or 0)
                    taken = await crowd.run(verb, clients=number)
                    spent = (cpu_seconds(gateway.pid or 0) - before) * GIB / (size * number)
                    rates.setdefault(f"{verb}_{number}", []).append(size * number / MIB / taken)
                    rates.setdefault(f"{verb}_{number}_gateway_cpu_s_per_gib", []).append(spent)
        taken = await crowd.run("small", clients=SMALL_CLIENTS, count=SMALL_UPLOADS // SMALL_CLIENTS)
    base = statistics.median(rates["R"])
    figures["R_mib_s"] = round(base)
    for name, values in rates.items():
        if name.endswith("gib"):
            figures[name] = round(statistics.median(values), 2)
        elif name != "R":
            figures[f"{name}_mib_s"] = round(statistics.median(values))
            figures[f"{name}_of_R"] = round(statistics.median(values) / base, 3)
    figures["small_uploads_s"] = round(SMALL_UPLOADS / taken)
    children = cluster.supervisor.children
    figures["peak_mib"] = {name: round(peak_mib(child.pid)) for name, child in children.items() if child.pid}
    return figures


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Start a cluster, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-", dir=options.dir) as name:
        settings = LocalCluster(
            data=Path(name) / "data",
            nodes=NODES,
            port_base=0,
            grpc="127.0.0.1:0",
            gateway_options=("--filestore-open",),
            is_quiet=True,
        )
        async with running_cluster(settings, StreamLog(level=Level.ERROR)) as cluster:
            return await measure(cluster, options)


def main() -> None:
    if sys.argv[1:2] == [WORKER]:
        address, clients, size = sys.argv[2:]
        asyncio.run(work(address, int(clients), int(size)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="64MiB")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--dir", type=Path, help="where to measure; the default is the temporary directory")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = asyncio.run(run(options))
    figures["load_1m"] = os.getloadavg()[0]
    for key, value in figures.items():
        print(f"{key:<36} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
