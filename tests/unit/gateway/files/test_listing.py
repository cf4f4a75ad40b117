"""ListFiles, over a client in memory."""

import pytest
from grpc import StatusCode

from shoal.base.errors import NodeUnreachable, NotFound
from shoal.gateway.files import listing
from shoal.gateway.files.listing import FileListing
from shoal.model.messages.files import FILES_MAX
from shoal_pb.filestore_pb2 import ListFilesRequest, ListFilesResponse
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream


async def listed(cluster: FileCluster, page: int = 0, page_size: int = 0) -> ListFilesResponse:
    async with opened_door(cluster) as door:
        request = ListFilesRequest(page=page, page_size=page_size).SerializeToString()
        raw = await FileListing(door, is_open=False).call(stream([request]), FakeContext().as_context())
    return ListFilesResponse.FromString(raw)


def cluster_of(count: int) -> FileCluster:
    cluster = FileCluster()
    for number in range(count):
        cluster.add(f"f{number}", b"")
    return cluster


def names(reply: ListFilesResponse) -> list[str]:
    return [entry.filename for entry in reply.files]


async def test_pages_are_newest_first_and_tell_how_many_there_are() -> None:
    cluster = cluster_of(25)
    first = await listed(cluster)
    assert names(first) == [f"f{number}" for number in range(24, 14, -1)]
    assert first.total_count == 25
    assert names(await listed(cluster, 3)) == [f"f{number}" for number in range(4, -1, -1)]
    assert names(await listed(cluster, 4)) == []
    assert names(await listed(cluster, 2, 20)) == ["f4", "f3", "f2", "f1", "f0"]


@pytest.mark.parametrize("page", [0, -1, -(2**31), 1])
@pytest.mark.parametrize("page_size", [0, -1, -(2**31), 10])
async def test_pages_and_sizes_below_one_are_the_first_and_ten(page: int, page_size: int) -> None:
    assert len(names(await listed(cluster_of(25), page, page_size))) == 10


async def test_a_page_has_a_thousand_at_most() -> None:
    cluster = cluster_of(1203)
    assert names(await listed(cluster, 1, 2**31 - 1)) == [f"f{number}" for number in range(1202, 202, -1)]
    assert max(asked.limit for asked in cluster.asked) <= FILES_MAX
    assert len(names(await listed(cluster, 2, 1000))) == 203


async def test_a_page_far_behind_is_reached_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FILES_SKIPPED_MAX", 20)
    cluster = cluster_of(55)
    assert names(await listed(cluster, 5)) == [f"f{number}" for number in range(14, 4, -1)]
    assert names(await listed(cluster, 6)) == [f"f{number}" for number in range(4, -1, -1)]
    assert [asked.skip for asked in cluster.asked] == [20, 19, 20, 20, 8]


async def test_the_last_page_there_could_be_ends_soon() -> None:
    cluster = cluster_of(12)
    assert (await listed(cluster, 2**31 - 1, 1000)) == ListFilesResponse(total_count=12)
    assert len(cluster.asked) == 1


async def test_before_the_first_file_there_are_none() -> None:
    cluster = FileCluster()
    cluster.failing = NotFound("there is no bucket filestore")
    assert await listed(cluster) == ListFilesResponse()


async def test_a_cluster_that_does_not_answer_is_told() -> None:
    cluster = FileCluster()
    cluster.failing = NodeUnreachable("nobody answers")
    with pytest.raises(Ended, match="failed to list files: nobody answers") as ended:
        await listed(cluster)
    assert ended.value.code is StatusCode.UNAVAILABLE
