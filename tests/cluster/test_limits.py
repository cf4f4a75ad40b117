"""Limits of real processes: rates that add up over nodes, connections that say nothing, peers that are too slow."""

import asyncio
import shlex
import socket
import subprocess
import time
from pathlib import Path
from random import Random

from shoal.base.ids import Address
from shoal.base.units import KIB, MIB
from shoal.core.names import DEFAULT_BUCKET
from shoal.net.address import parse_address
from shoal.ports.link import IncomingRequest, Reply
from shoal.wiring.transfers import BytesSink, BytesSource
from support.links import RawPeer, echo, hall, raw_peer
from support.objects import client_of
from support.processes import SHOAL, shoal_up

CONTENT = Random(5).randbytes(40 * MIB)
CROWD = 300


async def _timed_round_trip(data: Path) -> tuple[float, float]:
    """Seconds of a put, and of a get."""
    async with client_of(data) as client:
        began = time.perf_counter()
        await client.put(DEFAULT_BUCKET, "large", BytesSource(CONTENT))
        stored = time.perf_counter()
        sink = BytesSink(len(CONTENT))
        await client.get(DEFAULT_BUCKET, "large", sink)
        assert sink.content == CONTENT
        return stored - began, time.perf_counter() - stored


def test_three_limited_nodes_take_at_most_half_the_time_of_one(tmp_path: Path) -> None:
    """Chunks go round robin, so that each node has as many as the others. The sleeps are the nodes' own."""
    taken = {}
    for nodes in (1, 3):
        data = tmp_path / f"data-{nodes}"
        options = ("--nodes", str(nodes), "--replicas", "1", "--rate-limit", "20MiB", "--selector", "round-robin",
                   "--chunk-size", "1MiB")  # fmt: skip
        with shoal_up(data, *options) as cluster:
            taken[nodes] = asyncio.run(_timed_round_trip(data))
            cluster.assert_unharmed()
    for alone, together in zip(taken[1], taken[3], strict=True):
        assert alone > 1.7, "the limit holds"
        assert together <= alone / 2, taken


def test_two_thousand_idle_connections_leave_a_cluster_at_work(tmp_path: Path) -> None:
    async def main(data: Path, places: list[str]) -> None:
        writers = []
        for place in places:
            host, port = place.rsplit(":", 1)
            for _ in range(2000 // 100):
                opened = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(100)))
                writers += [writer for _, writer in opened]
        async with client_of(data) as client:
            await client.put(DEFAULT_BUCKET, "beside", BytesSource(CONTENT[:MIB]))
            sink = BytesSink(MIB)
            await client.get(DEFAULT_BUCKET, "beside", sink)
            assert sink.content == CONTENT[:MIB]
        for writer in writers:
            writer.transport.abort()

    with shoal_up(tmp_path / "data", "--nodes", "1") as cluster:
        asyncio.run(main(cluster.data, [cluster.endpoint, *cluster.nodes.values()]))
        cluster.assert_unharmed()


def test_a_process_that_has_no_descriptors_left_accepts_again_once_it_has(tmp_path: Path) -> None:
    words = [*SHOAL, "coordinator", "--data", str(tmp_path), "--listen", "127.0.0.1:0"]
    script = f"ulimit -n 64; exec {shlex.join(words)}"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            place = parse_address(Address(server.stdout.readline().split()[3].rstrip(",")))
            crowd = [socket.create_connection(place) for _ in range(100)]
            time.sleep(0.5)  # the kernel has taken them all; the process has met the end of its descriptors
            assert server.poll() is None
            for each in crowd:
                each.close()
            with socket.create_connection(place, timeout=30) as late:
                late.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                assert late.recv(100).startswith(b"HTTP/1.1 404 ")
        finally:
            server.terminate()


async def test_crowds_of_slow_peers_are_reaped_while_others_are_served() -> None:
    """Slow heads, slow bodies and slow readers, each too slow for the limits; and one that is slow but keeps them."""
    big = bytes(16 * MIB)

    async def handler(request: IncomingRequest) -> Reply:
        return Reply(200, {}, big) if request.target == "/big" else await echo(request)

    async def trickle(peer: RawPeer) -> None:
        await peer.send(b"PUT /honest HTTP/1.1\r\nhost: x\r\ncontent-length: 3072\r\n\r\n")
        for _ in range(12):
            await asyncio.sleep(0.25)
            await peer.send(bytes(256))
        status, body = await peer.reply()
        assert (status, len(body)) == (200, 3072)

    second_ns = 1_000_000_000
    limits = {"head_deadline_ns": second_ns, "body_grace_ns": second_ns, "body_rate_min": KIB}
    async with hall(handler, **limits) as place, raw_peer(place.address) as honest, asyncio.TaskGroup() as group:
        group.create_task(trickle(honest))
        host, port = place.address.rsplit(":", 1)
        slow: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        for request in (b"GET / HT", b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\nabc",
                        b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n"):  # fmt: skip
            for _ in range(CROWD):
                reader, writer = await asyncio.open_connection(host, int(port), limit=KIB)
                writer.write(request)
                slow.append((reader, writer))
        async with raw_peer(place.address) as peer:
            for _ in range(20):
                await peer.send(b"PUT /quick HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nok")
                assert await peer.reply() == (200, b"ok")
                await asyncio.sleep(0.05)
        async with asyncio.timeout(30):
            while len(place.listening._connections) > 1:  # noqa: ASYNC110, of another kind of thing than tasks
                await asyncio.sleep(0.05)
        for _, writer in slow:
            writer.transport.abort()
