"""The file service while disks rot, nodes are away and callers mean harm: files come back whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import grpc.aio
import pytest

from shoal.app.demo.damage import flip_byte
from shoal.app.filestore.served_files import ServedFiles
from shoal.app.filestore.service import Uploaded, UploadOptions
from shoal.app.local_cluster import GATEWAY, LocalCluster, RunningCluster, running_cluster
from shoal.base.errors import ChecksumMismatch, TransientError
from shoal.base.ids import Address
from shoal.base.units import GIB, MIB, SECOND
from shoal.core.names import FILESTORE_BUCKET
from shoal.wiring.file_server import open_file_server
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSource
from shoal_pb.filestore_pb2 import FileInfoRequest, UploadRequest
from support.objects import all_copied, client_of
from support.rpc_server import channel_to, raw_call

LOG = StreamLog(level=Level.ERROR)
CONTENT = Random(5).randbytes(9 * MIB + 5)
OPTIONS = UploadOptions(copies=None, content_type="", progress=lambda done: None)


@asynccontextmanager
async def cluster_in(directory: Path, *, nodes: int = 3) -> AsyncIterator[RunningCluster]:
    """Nodes, and a gateway open to this machine."""
    settings = LocalCluster(
        data=directory,
        nodes=nodes,
        port_base=0,
        grpc="127.0.0.1:0",
        gateway_options=("--filestore-open",),
        is_quiet=True,
    )
    async with running_cluster(settings, LOG) as cluster:
        yield cluster


def gateway_of(cluster: RunningCluster) -> Address:
    address = cluster.child(GATEWAY).address
    assert address is not None
    return address


@asynccontextmanager
async def files_of(cluster: RunningCluster) -> AsyncIterator[ServedFiles]:
    """What a client of the gateway sees."""
    async with open_file_server(gateway_of(cluster), credential=None, patience_ns=60 * SECOND) as server:
        yield ServedFiles(server)


async def stored(files: ServedFiles, name: str) -> Uploaded:
    return await files.upload(name, BytesSource(CONTENT), OPTIONS)


async def comes_back(files: ServedFiles, file_id: str, out: Path) -> bool:
    await files.download(file_id, out, version=None)
    return content_of(out) == CONTENT


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def rot(directory: Path, name: str, *nodes: str) -> None:
    """Flip a bit in what each of these nodes has of every chunk."""
    async with client_of(directory) as client, client.open(FILESTORE_BUCKET, name) as found:
        names = {node.node_id: node.name for node in client.view.map.nodes}
        async for piece in found.slices(0, found.version.size):
            for replica in piece.location.replicas:
                if names[replica.node] in nodes:
                    flip_byte(directory / names[replica.node], piece.location.ref)


async def test_d5_a_flipped_bit_is_made_good_by_the_other_copy_and_two_are_an_error(tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with cluster_in(tmp_path / "data") as cluster, files_of(cluster) as files:
        uploaded = await stored(files, "rotten")
        first, second = uploaded.replicas
        async with client_of(tmp_path / "data") as client:
            await all_copied(client)
        await rot(tmp_path / "data", "rotten", first)
        assert await comes_back(files, uploaded.file_id, out)
        out.write_bytes(b"mine")
        await rot(tmp_path / "data", "rotten", second)
        with pytest.raises((ChecksumMismatch, TransientError)):
            await files.download(uploaded.file_id, out, version=None)
        assert out.read_bytes() == b"mine"


async def test_d6_a_node_that_is_away_is_missed_by_nobody_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with cluster_in(tmp_path / "data") as cluster, files_of(cluster) as files:
        old = await stored(files, "old")
        async with client_of(tmp_path / "data") as client:
            await all_copied(client)
        away = old.replicas[0]
        await cluster.supervisor.kill(cluster.child(away))
        assert await comes_back(files, old.file_id, out)
        for number in range(2):
            meanwhile = await stored(files, f"meanwhile {number}")
            assert away not in meanwhile.replicas
            assert await comes_back(files, meanwhile.file_id, out)
        await cluster.supervisor.resume(cluster.child(away))
        assert await comes_back(files, old.file_id, out)
        assert await is_used_again(files, away)


async def is_used_again(files: ServedFiles, node: str) -> bool:
    """Whether new files come to lie on this node, once the gateway has heard that it is back."""
    for number in range(200):
        if node in (await stored(files, f"afterwards {number}")).replicas:
            return True
        await asyncio.sleep(0.1)
    return False


async def test_d9_callers_that_send_large_messages_and_then_nothing_take_no_memory_each(tmp_path: Path) -> None:
    message = UploadRequest(filename="half", chunk=bytes(8 * MIB)).SerializeToString()

    async def half(channel: grpc.aio.Channel) -> None:
        call: Any = channel.stream_unary("/filestore.FileStore/Upload")()
        await call.write(message)
        await asyncio.Event().wait()

    async with cluster_in(tmp_path / "data", nodes=1) as cluster:
        async with channel_to(gateway_of(cluster)) as channel:
            callers = [asyncio.ensure_future(half(channel)) for _ in range(100)]
            await asyncio.wait(callers, timeout=5)
            peak = peak_bytes(cluster)
            for caller in callers:
                caller.cancel()
            await asyncio.wait(callers)
            assert peak < GIB
        async with files_of(cluster) as files:
            uploaded = await stored(files, "whole")
            assert await comes_back(files, uploaded.file_id, tmp_path / "out")
            assert [entry.filename for entry in (await files.list(skip=0, limit=9)).files] == ["whole"]


async def test_d9_large_requests_of_callers_without_a_key_take_no_memory_each(tmp_path: Path) -> None:
    large = FileInfoRequest(file_id="x" * 8 * MIB).SerializeToString()
    methods = (
        "/filestore.FileStore/GetFileInfo",
        "/filestore.FileStore/Download",
        "/shoal.v1.Admin/GetStatus",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    )

    async def refused(channel: grpc.aio.Channel, method: str) -> grpc.StatusCode:
        call: Any = channel.unary_unary(method)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call(large)
        return refusal.value.code()

    async with cluster_in(tmp_path / "data", nodes=1) as cluster, channel_to(gateway_of(cluster)) as channel:
        for method in methods:
            codes = set(await asyncio.gather(*(refused(channel, method) for _ in range(64))))
            assert codes <= {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED}
        assert peak_bytes(cluster) < 400 * MIB
        assert await raw_call(channel, "/grpc.health.v1.Health/Check", b"")


def peak_bytes(cluster: RunningCluster) -> int:
    """The most that the gateway ever had in memory."""
    lines = Path(f"/proc/{cluster.child(GATEWAY).pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
