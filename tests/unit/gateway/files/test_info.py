"""GetFileInfo, over a client in memory."""

import pytest
from grpc import StatusCode

from shoal.base.ids import version_text
from shoal.gateway.files.info import FileInfo
from shoal_pb.filestore_pb2 import FileInfoRequest, FileInfoResponse
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream


async def info(cluster: FileCluster, file_id: str) -> FileInfoResponse:
    async with opened_door(cluster) as door:
        request = FileInfoRequest(file_id=file_id).SerializeToString()
        raw = await FileInfo(door, is_open=False).call(stream([request]), FakeContext().as_context())
    return FileInfoResponse.FromString(raw)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
async def test_all_versions_are_told_oldest_first(count: int) -> None:
    cluster = FileCluster()
    made = [cluster.add("a", bytes(number)) for number in range(count)]
    told = await info(cluster, made[0].file_id)
    assert list(told.versions) == [version_text(version.version_id) for version in made]
    assert (told.filename, told.size) == ("a", count - 1)


@pytest.mark.parametrize(
    ("file_id", "code"),
    [("ffffffff-0000-4000-8000-000000000000", StatusCode.NOT_FOUND), ("mongo", StatusCode.NOT_FOUND),
     ("", StatusCode.INVALID_ARGUMENT)],
)  # fmt: skip
async def test_an_unknown_file_is_not_found(file_id: str, code: StatusCode) -> None:
    with pytest.raises(Ended, match="file not found: ") as ended:
        await info(FileCluster(), file_id)
    assert ended.value.code is code
