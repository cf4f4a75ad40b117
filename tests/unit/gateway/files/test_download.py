"""Download and GetVersion, over a client in memory."""

import asyncio

import pytest
from grpc import StatusCode

from shoal.base.errors import ShoalError, Throttled
from shoal.base.ids import version_text
from shoal.base.units import MIB, MILLISECOND
from shoal.gateway.files.download import Download
from shoal.gateway.files.settings import FileServiceSettings
from shoal.gateway.memory import TransferMemory
from shoal.testing.sim.env import ManualClock
from shoal_pb.filestore_pb2 import DownloadRequest, DownloadResponse, VersionRequest
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream

FORMER, CURRENT = b"former", bytes(range(250)) * 10_000
UNKNOWN_ID = "ffffffff-0000-4000-8000-000000000000"


class Bench:
    """A file with two versions, and downloads of it."""

    def __init__(self, settings: FileServiceSettings | None = None) -> None:
        self.cluster = FileCluster()
        self.former = self.cluster.add("a", FORMER, "text/old")
        self.current = self.cluster.add("a", CURRENT, "text/new")
        self.settings = settings or FileServiceSettings()
        self.memory = TransferMemory(self.settings.memory_bytes, patience_ns=self.settings.memory_patience_ns)

    async def get(self, file_id: str, version_id: str = "", *, context: FakeContext | None = None) -> FakeContext:
        seen = context or FakeContext()
        request = DownloadRequest(file_id=file_id, version_id=version_id).SerializeToString()
        try:
            async with opened_door(self.cluster) as door:
                await self._verb(door).call(stream([request]), seen.as_context())
        finally:
            assert self.memory.used_bytes == 0
        return seen

    async def get_version(self, file_id: str, version_id: str) -> FakeContext:
        seen = FakeContext()
        request = VersionRequest(file_id=file_id, version_id=version_id).SerializeToString()
        async with opened_door(self.cluster) as door:
            await self._verb(door).version_call(stream([request]), seen.as_context())
        return seen

    def _verb(self, door: object) -> Download:
        return Download(door, clock=ManualClock(), memory=self.memory, settings=self.settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("frame_bytes", [1000, MIB, 3 * MIB, 700_001])
async def test_the_current_version_comes_in_messages_of_at_most_1_mib(frame_bytes: int) -> None:
    bench = Bench()
    bench.cluster.frame_bytes = frame_bytes
    messages = (await bench.get(bench.current.file_id)).told(DownloadResponse)
    assert b"".join(message.chunk for message in messages) == CURRENT
    assert [len(message.chunk) for message in messages] == [MIB, MIB, len(CURRENT) - 2 * MIB]
    assert {(message.total_size, message.content_type) for message in messages} == {(len(CURRENT), "text/new")}


async def test_a_version_is_got_by_its_id() -> None:
    bench = Bench()
    (message,) = (await bench.get(bench.former.file_id, version_text(bench.former.version_id))).told(DownloadResponse)
    assert message == DownloadResponse(chunk=FORMER, total_size=len(FORMER), content_type="text/old")


async def test_get_version_leaves_the_content_type_out() -> None:
    bench = Bench()
    seen = await bench.get_version(bench.former.file_id, version_text(bench.former.version_id))
    assert seen.told(DownloadResponse) == [DownloadResponse(chunk=FORMER, total_size=len(FORMER))]


async def test_an_empty_file_is_no_message() -> None:
    bench = Bench()
    assert (await bench.get(bench.cluster.add("empty", b"").file_id)).written == []


@pytest.mark.parametrize(
    ("file_id", "code"),
    [(UNKNOWN_ID, StatusCode.NOT_FOUND), ("no-uuid", StatusCode.NOT_FOUND), ("../x", StatusCode.NOT_FOUND),
     ("x" * 60_000, StatusCode.NOT_FOUND), ("", StatusCode.INVALID_ARGUMENT)],
)  # fmt: skip
async def test_a_file_that_is_not_there_is_told_at_once(file_id: str, code: StatusCode) -> None:
    with pytest.raises(Ended, match="download failed: ") as ended:
        await Bench().get(file_id)
    assert ended.value.code is code


async def test_a_version_that_is_not_there_is_not_found_and_one_that_cannot_be_is_wrong() -> None:
    bench = Bench()
    other = version_text(bench.cluster.add("b", b"b").version_id)
    with pytest.raises(Ended, match="version not found: ") as ended:
        await bench.get_version(bench.former.file_id, other)
    assert ended.value.code is StatusCode.NOT_FOUND
    with pytest.raises(Ended, match="version not found: ") as ended:
        await bench.get_version(bench.former.file_id, "absurd")
    assert ended.value.code is StatusCode.INVALID_ARGUMENT


async def test_rotten_bytes_are_an_error_and_never_sent() -> None:
    bench = Bench()
    context = FakeContext()
    file = bench.cluster.add("c", bytes(2 * MIB) + b"rotten")
    bench.cluster.frame_bytes = MIB
    with pytest.raises(Ended, match="download failed: ") as ended:
        await bench.get(file.file_id, context=context)
    assert ended.value.code is StatusCode.DATA_LOSS
    assert all(b"rotten" not in raw for raw in context.written)


async def test_who_takes_nothing_is_let_go() -> None:
    bench = Bench(FileServiceSettings(stall_ns=MILLISECOND))
    context = FakeContext()
    context.may_write.clear()
    with pytest.raises(Ended, match="download failed: nothing moved") as ended:
        await bench.get(bench.current.file_id, context=context)
    assert ended.value.code is StatusCode.DEADLINE_EXCEEDED


async def test_a_download_waits_for_memory_and_not_for_ever() -> None:
    bench = Bench(FileServiceSettings(memory_patience_ns=MILLISECOND))
    everything = bench.memory.share(bench.settings.memory_bytes)
    async with everything:
        async with opened_door(bench.cluster) as door:
            request = DownloadRequest(file_id=bench.current.file_id).SerializeToString()
            with pytest.raises(Ended, match="try again later") as ended:
                await bench._verb(door).call(stream([request]), FakeContext().as_context())
    assert ended.value.code is StatusCode.RESOURCE_EXHAUSTED


async def test_a_download_that_is_cancelled_gives_its_memory_back() -> None:
    bench, context = Bench(), FakeContext()
    context.may_write.clear()
    getting = asyncio.ensure_future(bench.get(bench.current.file_id, context=context))
    for _ in range(20):
        await asyncio.sleep(0)
    assert bench.memory.used_bytes > 0
    getting.cancel()
    await asyncio.wait([getting])
    assert getting.cancelled()


async def test_an_error_of_the_cluster_is_told() -> None:
    bench = Bench()
    error: ShoalError = Throttled("busy")
    bench.cluster.failing = error
    with pytest.raises(Ended, match="download failed: busy") as ended:
        await bench.get(bench.current.file_id)
    assert ended.value.code is StatusCode.RESOURCE_EXHAUSTED
