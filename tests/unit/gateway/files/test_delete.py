"""Delete, over a client in memory."""

import pytest
from grpc import StatusCode

from shoal.base.errors import ShoalError, Throttled
from shoal.gateway.files.delete import Deletion
from shoal_pb.filestore_pb2 import DeleteRequest, DeleteResponse
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream


async def delete(cluster: FileCluster, file_id: str) -> DeleteResponse:
    async with opened_door(cluster) as door:
        request = DeleteRequest(file_id=file_id).SerializeToString()
        raw = await Deletion(door, is_open=False).call(stream([request]), FakeContext().as_context())
    return DeleteResponse.FromString(raw)


async def test_a_file_goes_with_all_its_versions() -> None:
    cluster = FileCluster()
    file_id = cluster.add("a", b"1").file_id
    cluster.add("a", b"2")
    kept = cluster.add("b", b"3").file_id
    assert await delete(cluster, file_id) == DeleteResponse(success=True, message="File deleted successfully")
    assert list(cluster.files) == [kept]
    with pytest.raises(Ended, match="Delete failed: there is no file") as ended:
        await delete(cluster, file_id)
    assert ended.value.code is StatusCode.NOT_FOUND


@pytest.mark.parametrize(("file_id", "code"), [("x", StatusCode.NOT_FOUND), ("", StatusCode.INVALID_ARGUMENT)])
async def test_an_id_that_cannot_be_deletes_nothing(file_id: str, code: StatusCode) -> None:
    cluster = FileCluster()
    cluster.add("a", b"1")
    with pytest.raises(Ended, match="Delete failed: ") as ended:
        await delete(cluster, file_id)
    assert ended.value.code is code
    assert len(cluster.files) == 1


async def test_a_failure_is_a_status() -> None:
    cluster = FileCluster()
    error: ShoalError = Throttled("busy")
    cluster.failing = error
    with pytest.raises(Ended, match="Delete failed: busy"):
        await delete(cluster, cluster.add("a", b"1").file_id)
