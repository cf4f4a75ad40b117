"""How fast the HTTP links are: a server in a process of its own, one client process, loopback.

Run `python bench/link.py`; every figure is of one run on this machine. CPU seconds are per 10,000 calls or per GiB.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

from shoal.base.env import File
from shoal.base.ids import Address, Instant
from shoal.base.units import GIB, MIB, SECOND
from shoal.net.client import HttpLink
from shoal.net.server import HttpListener
from shoal.net.settings import LinkSettings
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Piece, Reply, Request, Stream
from shoal.ports.log import Log
from shoal.wiring.env.clock import RealClock

STREAM_BYTES = 64 * MIB
BODY = b"m" * 200


class PrintingLog:
    """Everything worth a line in a benchmark is trouble."""

    def debug(self, event: str, **fields: object) -> None:
        print(event, fields, file=sys.stderr)

    info = warning = error = debug

    def bind(self, **fields: object) -> Log:
        return self


class OpenFile:
    """The part of `File` that sending needs."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def descriptor(self) -> int:
        return self._descriptor


async def memory_pieces() -> AsyncIterator[Piece]:
    frame = memoryview(bytes(FRAME_BYTES))
    for _ in range(STREAM_BYTES // FRAME_BYTES):
        yield frame


async def file_piece(file: OpenFile) -> AsyncIterator[Piece]:
    yield FileSpan(cast(File, file), 0, STREAM_BYTES)


async def serve(path: Path) -> None:
    file = OpenFile(path)

    async def handler(request: IncomingRequest) -> Reply:
        match request.target:
            case "/memory":
                return Reply(200, body=Stream(STREAM_BYTES, memory_pieces()))
            case "/file":
                return Reply(200, body=Stream(STREAM_BYTES, file_piece(file)))
            case "/cpu":
                return Reply(200, body=str(time.process_time()).encode())
        if request.method == "GET":
            return Reply(200, body=BODY)
        if request.body.length < FRAME_BYTES:
            return Reply(200, body=await request.body.read_all(FRAME_BYTES))
        while await request.body.next_frame():
            pass
        return Reply(200)

    listening = await HttpListener(RealClock(), LinkSettings(), PrintingLog()).listen(Address("127.0.0.1:0"), handler)
    print(listening.address, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await listening.close(grace_ns=SECOND)


class Client:
    """One link to the server under test."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.clock = RealClock()
        self.link = HttpLink(self.clock, LinkSettings(), PrintingLog())

    def deadline(self) -> Instant:
        return Instant(self.clock.now() + 60 * SECOND)

    async def call(self, request: Request) -> Reply:
        return await self.link.call(self.address, request, deadline=self.deadline(), reply_bytes_max=1024)

    async def get(self, count: int) -> None:
        for _ in range(count):
            await self.call(Request("GET", "/v1/small"))

    async def post(self, count: int) -> None:
        for _ in range(count):
            await self.call(Request("POST", "/v1/small", {}, BODY))

    async def stream(self, request: Request) -> None:
        async with self.link.exchange(self.address, request, deadline=self.deadline()) as reply:
            while await reply.body.next_frame():
                pass

    async def cpu_seconds(self) -> float:
        return float(cast(bytes, (await self.call(Request("GET", "/cpu"))).body))

    async def measured(self, work: Callable[[], Awaitable[None]]) -> tuple[float, float, float]:
        """Seconds of the clock, of this process and of the server."""
        server, own, began = await self.cpu_seconds(), time.process_time(), time.perf_counter()
        await work()
        took, own = time.perf_counter() - began, time.process_time() - own
        return took, own, await self.cpu_seconds() - server


async def calls(client: Client, name: str, one: Callable[[int], Awaitable[None]], *, width: int, count: int) -> None:
    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(_awaited(one(count // width)), name="caller")

    took, own, server = await client.measured(work)
    share = 10_000 / count
    print(
        f"{name:22} x{width:<3} {count / took:10,.0f} calls/s   CPU s/10k calls:"
        f" client {own * share:.2f}  server {server * share:.2f}  (server alone: {count / server:,.0f}/s a core)"
    )


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def streams(client: Client, name: str, request: Callable[[], Request], *, width: int, count: int) -> None:
    async def one() -> None:
        for _ in range(count // width):
            await client.stream(request())

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(one(), name="streamer")

    took, own, server = await client.measured(work)
    total = count * STREAM_BYTES
    print(
        f"{name:22} x{width:<3} {total / MIB / took:10,.0f} MiB/s     CPU s/GiB:"
        f" client {own * GIB / total:.2f}  server {server * GIB / total:.2f}"
    )


async def drive(address: Address, path: Path, *, count: int) -> None:
    client = Client(address)
    file = OpenFile(path)
    await client.get(200)
    for width in (1, 32):
        await calls(client, "GET small", client.get, width=width, count=count)
        await calls(client, "POST 200 B", client.post, width=width, count=count)
    plans: list[tuple[str, Callable[[], Request]]] = [
        ("PUT 64 MiB, memory", lambda: Request("PUT", "/put", {}, Stream(STREAM_BYTES, memory_pieces()))),
        ("PUT 64 MiB, sendfile", lambda: Request("PUT", "/put", {}, Stream(STREAM_BYTES, file_piece(file)))),
        ("GET 64 MiB, memory", lambda: Request("GET", "/memory")),
        ("GET 64 MiB, sendfile", lambda: Request("GET", "/file")),
    ]
    for width in (1, 4):
        for name, request in plans:
            await streams(client, name, request, width=width, count=64)
    await client.link.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=30_000)
    parser.add_argument("--serve", type=Path, help="be the server, with this file to send")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(STREAM_BYTES))
        file.flush()
        command = [sys.executable, __file__, "--serve", file.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            line = server.stdout.readline().strip() if server.stdout else ""
            asyncio.run(drive(Address(line), Path(file.name), count=options.calls))
            server.communicate()


if __name__ == "__main__":
    main()
