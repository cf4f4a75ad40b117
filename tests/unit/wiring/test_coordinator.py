"""A coordinator as a process has it: files, a port, SQLite; opened in order and closed again whatever fails."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from shoal.base.errors import AccessDenied, AlreadyExists, DiskFailed, InvalidArgument, StaleEpoch
from shoal.base.ids import Address
from shoal.wiring import sole_use
from shoal.wiring.cluster_files import JOIN, JoinFile, read_endpoints, read_json, write_json
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.coordinator import CATALOG, CoordinatorProcess, RunningCoordinator, running_coordinator
from support.engines import QuietLog
from support.own_threads import own_threads

ANY = Address("127.0.0.1:0")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole_use, "PATIENCE_NS", 0)


async def test_a_client_finds_it_and_is_answered(tmp_path: Path) -> None:
    async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()) as running:
        assert read_endpoints(tmp_path) == (running.address,)
        async with open_client(find_cluster(data=tmp_path), log=QuietLog()) as client:
            assert (await client.status()).map.nodes == ()
    assert own_threads() == []


async def test_what_it_says_of_itself_is_what_others_read(tmp_path: Path) -> None:
    process = CoordinatorProcess(tmp_path, ANY, advertise=Address("example.org:9100"))
    async with running_coordinator(process, QuietLog()) as running:
        assert running.address == "example.org:9100"
        assert read_endpoints(tmp_path) == ("example.org:9100",)


async def test_a_second_start_is_of_the_same_cluster(tmp_path: Path) -> None:
    for _ in range(2):
        async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()) as running:
            cluster_id = read_json(tmp_path / JOIN, JoinFile).cluster_id
            async with open_client(find_cluster(data=tmp_path), log=QuietLog()) as client:
                assert (await client.status()).map.cluster_id == cluster_id
            assert running.address


async def test_a_second_coordinator_on_one_directory_is_refused(tmp_path: Path) -> None:
    async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()) as running:
        with pytest.raises(AlreadyExists, match=f"another process uses {tmp_path}"):
            await running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()).__aenter__()
        assert read_endpoints(tmp_path) == (running.address,)


async def test_a_taken_port_leaves_the_directory_free(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(
            running_coordinator(CoordinatorProcess(tmp_path / "a", ANY), QuietLog())
        )
        second = CoordinatorProcess(tmp_path / "b", first.address)
        with pytest.raises(AlreadyExists, match="is already in use"):
            await running_coordinator(second, QuietLog()).__aenter__()
        assert not (tmp_path / "b" / "endpoints").exists()
        async with running_coordinator(CoordinatorProcess(tmp_path / "b", ANY), QuietLog()) as running:
            assert running.address != first.address
    assert own_threads() == []


async def test_a_catalog_of_another_cluster_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        async with running_coordinator(CoordinatorProcess(tmp_path / name, ANY), QuietLog()):
            pass
    shutil.rmtree(tmp_path / "b" / CATALOG)
    shutil.copytree(tmp_path / "a" / CATALOG, tmp_path / "b" / CATALOG)
    with pytest.raises(AccessDenied):
        await running_coordinator(CoordinatorProcess(tmp_path / "b", ANY), QuietLog()).__aenter__()
    assert own_threads() == []


async def test_a_damaged_join_file_is_told_and_kept(tmp_path: Path) -> None:
    write_json(tmp_path / JOIN, JoinFile("cluster", "short"))
    with pytest.raises(InvalidArgument, match="secret"):
        await running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()).__aenter__()
    assert read_json(tmp_path / JOIN, JoinFile).secret == "short"
    assert own_threads() == []


async def test_a_cancelled_one_is_closed(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def serve() -> None:
        async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()) as running:
            started.set()
            await running.run()

    task = asyncio.create_task(serve())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert own_threads() == []


@pytest.mark.parametrize("error", [DiskFailed("fsync said no"), StaleEpoch("another has taken over")])
async def test_what_ends_it_is_one_error(error: Exception) -> None:
    class Failing:
        async def run(self) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fail())
                group.create_task(asyncio.Event().wait())

        async def _fail(self) -> None:
            raise error

    with pytest.raises(type(error)) as caught:
        await RunningCoordinator(Failing(), ANY).run()  # type: ignore[arg-type]
    assert caught.value is error


async def test_a_failure_of_whoever_uses_it_passes_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(DiskFailed, match="fsync said no"):
        async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()):
            raise DiskFailed("fsync said no")
    assert own_threads() == []
