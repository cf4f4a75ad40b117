"""Upload, over a client in memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode

from shoal.base.errors import NotFound, QuorumNotReached, ShoalError, StorageFull
from shoal.base.ids import version_text
from shoal.base.units import MILLISECOND
from shoal.client.put import PutOptions
from shoal.gateway.files.settings import FileServiceSettings
from shoal.gateway.files.upload import Upload
from shoal.gateway.memory import TransferMemory
from shoal.model.catalog import Version
from shoal.ports.transfer import Source
from shoal.testing.sim.env import ManualClock
from shoal_pb.filestore_pb2 import UploadRequest, UploadResponse
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream

CONTENT = bytes(range(250)) * 5


def sent(name: str = "photo.jpg", content: bytes = CONTENT, *, total_size: int = 0) -> list[UploadRequest]:
    pieces = [content[at : at + 300] for at in range(0, len(content), 300)]
    return [
        UploadRequest(filename=name, content_type="image/jpeg", total_size=total_size),
        *[UploadRequest(chunk=piece) for piece in pieces],
    ]


async def upload(
    cluster: FileCluster,
    messages: list[UploadRequest],
    *,
    context: FakeContext | None = None,
    memory: TransferMemory | None = None,
    settings: FileServiceSettings | None = None,
    times: int = 1,
) -> UploadResponse:
    chosen = settings or FileServiceSettings()
    held = memory or TransferMemory(chosen.memory_bytes, patience_ns=chosen.memory_patience_ns)
    raw = b""
    async with opened_door(cluster) as door:
        verb = Upload(door, clock=ManualClock(), memory=held, settings=chosen)
        for _ in range(times):
            raw = await verb.call(stream(messages), (context or FakeContext()).as_context())
    assert held.used_bytes == 0
    return UploadResponse.FromString(raw)


async def test_an_upload_is_answered_with_ids_and_nodes() -> None:
    cluster = FileCluster()
    reply = await upload(cluster, sent(total_size=len(CONTENT)))
    ((version, content),) = cluster.files[reply.file_id]
    assert content == CONTENT
    assert reply == UploadResponse(
        file_id=version.file_id,
        version_id=version_text(version.version_id),
        size=len(CONTENT),
        node_locations=["node-2", "node-1"],
        success=True,
        message="File uploaded successfully",
    )
    assert version.content_type == "image/jpeg"


async def test_a_file_that_is_deleted_before_the_answer_is_on_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FileCluster()
    real = cluster.put

    async def put(bucket: str, key: str, source: Source, *, options: PutOptions) -> Version:
        version = await real(bucket, key, source, options=options)
        cluster.failing = NotFound("there is no version: it was deleted just now")
        return version

    monkeypatch.setattr(cluster, "put", put)
    reply = await upload(cluster, sent())
    assert (reply.success, reply.size, list(reply.node_locations)) == (True, len(CONTENT), [])


async def test_the_bucket_is_made_once_and_two_copies_are_asked_for() -> None:
    cluster = FileCluster()
    await upload(cluster, sent(), times=3)
    assert cluster.created == ["filestore"]
    assert [options.copies for options in cluster.options] == [2] * 3
    assert [options.chunk_bytes for options in cluster.options] == [100] * 3


async def test_a_bucket_that_somebody_else_made_is_as_good() -> None:
    cluster = FileCluster()
    cluster.created.append("filestore")
    await upload(cluster, sent())


async def test_a_bucket_that_went_away_is_made_again_for_the_next_upload() -> None:
    cluster = FileCluster()
    async with opened_door(cluster) as door:
        settings = FileServiceSettings()
        memory = TransferMemory(settings.memory_bytes, patience_ns=1)
        verb = Upload(door, clock=ManualClock(), memory=memory, settings=settings)
        await verb.call(stream(sent()), FakeContext().as_context())
        cluster.created.clear()
        with pytest.raises(Ended) as ended:
            await verb.call(stream(sent()), FakeContext().as_context())
        assert ended.value.code is StatusCode.NOT_FOUND
        await verb.call(stream(sent()), FakeContext().as_context())


async def test_large_chunks_of_a_cluster_are_cut_smaller() -> None:
    cluster = FileCluster()
    await upload(cluster, sent(), settings=FileServiceSettings(chunk_bytes_max=10))
    assert cluster.options[0].chunk_bytes == 10


@pytest.mark.parametrize(
    ("error", "code"),
    [(StorageFull("no room"), StatusCode.RESOURCE_EXHAUSTED), (QuorumNotReached("too few"), StatusCode.UNAVAILABLE)],
)
async def test_a_failure_is_a_status_and_gives_its_memory_back(error: ShoalError, code: StatusCode) -> None:
    cluster = FileCluster()
    cluster.created.append("filestore")
    settings = FileServiceSettings()
    memory = TransferMemory(settings.memory_bytes, patience_ns=1)
    async with opened_door(cluster) as door:
        verb = Upload(door, clock=ManualClock(), memory=memory, settings=settings)
        await verb.call(stream(sent()), FakeContext().as_context())
        cluster.failing = error
        with pytest.raises(Ended, match=f"Upload failed: {error.sentence}") as ended:
            await verb.call(stream(sent()), FakeContext().as_context())
    assert ended.value.code is code
    assert memory.used_bytes == 0


@pytest.mark.parametrize("messages", [[], sent(total_size=7), sent(name=""), sent(name="a\0b")])
async def test_a_wrong_upload_stores_nothing(messages: list[UploadRequest]) -> None:
    cluster = FileCluster()
    with pytest.raises(Ended, match="Upload failed: ") as ended:
        await upload(cluster, messages)
    assert ended.value.code is StatusCode.INVALID_ARGUMENT
    assert cluster.files == {}


async def test_a_stream_that_breaks_off_stores_nothing() -> None:
    cluster, context = FileCluster(), FakeContext()
    context.is_dead = True
    with pytest.raises(asyncio.CancelledError):
        await upload(cluster, sent(), context=context)
    assert cluster.files == {}


async def test_who_begins_and_sends_nothing_is_let_go_before_others() -> None:
    async def silence() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    settings = FileServiceSettings(first_ns=MILLISECOND, openings_max=1)
    memory = TransferMemory(settings.memory_bytes, patience_ns=1)
    async with opened_door(FileCluster()) as door:
        verb = Upload(door, clock=ManualClock(), memory=memory, settings=settings)
        with pytest.raises(Ended, match="Upload failed: nothing moved") as ended:
            await verb.call(silence(), FakeContext().as_context())
        assert ended.value.code is StatusCode.DEADLINE_EXCEEDED
        assert await verb.call(stream(sent()), FakeContext().as_context())


async def test_an_empty_file_keeps_its_name() -> None:
    cluster = FileCluster()
    reply = await upload(cluster, sent("empty", b""))
    assert cluster.keys[reply.file_id] == "empty"
    assert reply.size == 0
