"""The bucket of the file service is made once."""

import pytest

from shoal.base.errors import AccessDenied
from shoal.gateway.files.bucket import FileBucket
from support.rpc_bench import FileCluster


async def test_it_is_made_once_and_again_when_it_was_forgotten() -> None:
    cluster, bucket = FileCluster(), FileBucket()
    for _ in range(2):
        await bucket.ensure(cluster.as_client())
    assert cluster.created == ["filestore"]
    cluster.created.clear()
    bucket.forget()
    await bucket.ensure(cluster.as_client())
    assert cluster.created == ["filestore"]


async def test_it_may_be_there_already() -> None:
    cluster = FileCluster()
    cluster.created.append("filestore")
    await FileBucket().ensure(cluster.as_client())


async def test_a_refusal_is_told_and_nothing_is_believed() -> None:
    cluster, bucket = FileCluster(), FileBucket()
    cluster.failing = AccessDenied("this key may only read")
    with pytest.raises(AccessDenied):
        await bucket.ensure(cluster.as_client())
    await bucket.ensure(cluster.as_client())
    assert cluster.created == ["filestore"]
