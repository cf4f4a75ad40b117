"""Shell scripts that do with the command line what users of the first file service did with theirs.

`tests/cluster/filestore/*.sh` run by hand as well: SHOAL is the command, SHOAL_DATA or SERVER_ADDR the cluster.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from random import Random

import pytest

from shoal.base.digests import Buffer
from shoal.base.ids import Address
from shoal.base.units import KIB, SECOND
from shoal.wiring.file_server import open_file_server
from support.filestore_scripts import by_grpc, natively, run
from support.processes import LocalProcesses, shoal_up

Way = Callable[[LocalProcesses], dict[str, str]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcesses]:
    """Three nodes, and gRPC for whoever is on this machine."""
    options = ("--nodes", "3", "--grpc", "127.0.0.1:0", "--filestore-open")
    with shoal_up(tmp_path_factory.mktemp("scripts") / "data", *options) as processes:
        yield processes


@pytest.fixture
def cluster(running: LocalProcesses) -> Iterator[LocalProcesses]:
    """It, and no process dies of a script."""
    yield running
    running.assert_unharmed()


@pytest.mark.parametrize("way", [natively, by_grpc])
def test_d2_the_five_verbs_do_what_scripts_expect(cluster: LocalProcesses, way: Way) -> None:
    assert run("basic.sh", way(cluster)).count("ok: ") == 5


def test_d2_nine_groups_of_uses_succeed(cluster: LocalProcesses) -> None:
    # Interpreters that start while others do need their time, and say nothing of the store's.
    assert run("advanced.sh", by_grpc(cluster), CYCLES=2, SECONDS_MAX=60).count("ok: ") == 9


def test_d2_clients_at_once_have_no_failure(cluster: LocalProcesses) -> None:
    counts = {"NUM_CLIENTS": 3, "NUM_OPERATIONS": 2, "MIXED_UPLOADS": 1, "MIXED_DOWNLOADS": 1, "MIXED_LISTS": 1}
    assert "ok: 6 uploads" in run("load.sh", natively(cluster), **counts)


def test_d2_a_thousand_uploads_by_ten_clients_have_no_failure(cluster: LocalProcesses) -> None:
    assert cluster.grpc is not None
    assert len(set(asyncio.run(thousand(cluster.grpc)))) == 1000


async def thousand(address: Address) -> list[str]:
    """The ids of 100 files of 100 KB of each of ten clients; every tenth is read back."""
    ids = []

    async def client(number: int) -> None:
        async with open_file_server(address, credential=None, patience_ns=60 * SECOND) as server:
            for index in range(100):
                content = Random(f"{number} {index}").randbytes(100 * KIB)
                reply = await server.upload(f"load {number} {index}", one(content), content_type="", size=len(content))
                ids.append(reply.file_id)
                if index % 10 == 0:
                    assert b"".join([chunk async for chunk in server.download(reply.file_id, "")]) == content

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(client(number))
    return ids


async def one(content: bytes) -> AsyncIterator[Buffer]:
    yield content
