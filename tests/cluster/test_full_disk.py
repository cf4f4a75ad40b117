"""Real processes on real file systems that are really full: what is refused, what goes on, and how it comes back."""

import asyncio
import contextlib
import json
import os
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from shoal.base.errors import QuorumNotReached, StorageFull, TransientError
from shoal.base.units import KIB, MIB, SECOND
from shoal.client.client import Client
from shoal.core.names import DEFAULT_BUCKET
from shoal.wiring.transfers import BytesSink, BytesSource
from support.objects import client_of, put_bytes
from support.processes import LocalProcesses, eventually, shoal_up

CONTENT = Random(3).randbytes(2 * MIB + 77)
MANY = 200


class SmallDisk:
    """I am a file system of my own, in memory, as large as a test says."""

    def __init__(self, place: Path, size: int) -> None:
        self.place = place
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs")

    def resize(self, size: int) -> None:
        """Make room."""
        self._mount("-o", f"remount,size={size}")

    def fill(self, *, but: int = 0) -> Path:
        """Take all that is left, but so much."""
        filler = self.place / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while self.free_bytes > but:
                file.write(bytes(4 * KIB))
        return filler

    @property
    def free_bytes(self) -> int:
        """What anybody may still take."""
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def _mount(self, *words: str) -> None:
        done = subprocess.run(["mount", *words, self.place], capture_output=True, text=True, check=False)
        if done.returncode:
            warnings.warn(f"NOT TESTED, no file system can be mounted here: {done.stderr.strip()}", stacklevel=1)
            pytest.skip(f"no file system can be mounted here (root may): {done.stderr.strip()}")

    def unmount(self) -> None:
        """Gone, with all that is on it."""
        subprocess.run(["umount", "--lazy", self.place], capture_output=True, check=False)


@pytest.fixture
def small_disks() -> Iterator[list[SmallDisk]]:
    """Those that a test adds are unmounted behind it."""
    made: list[SmallDisk] = []
    yield made
    for disk in reversed(made):
        disk.unmount()


def nodes_that_take_writes(cluster: LocalProcesses) -> list[str]:
    nodes = [json.loads(line) for line in cluster.command("nodes", "--json").output.splitlines()]
    return [node["name"] for node in nodes if node["can_write"]]


async def _put(client: Client, number: int) -> None:
    await client.put(DEFAULT_BUCKET, f"object-{number}", BytesSource(CONTENT))


async def _put_until_refused(data: Path) -> tuple[int, TransientError | None]:
    """How many objects there are then, and why it was not another one."""
    async with client_of(data, patience_ns=2 * SECOND) as client:
        for number in range(MANY):
            try:
                await _put(client, number)
            except (StorageFull, QuorumNotReached) as exc:  # by the node; or known before it is asked
                return number, exc
    return MANY, None


async def _read_all(data: Path, count: int) -> None:
    async with client_of(data) as client:
        for number in range(count):
            sink = BytesSink(len(CONTENT))
            await client.get(DEFAULT_BUCKET, f"object-{number}", sink)
            assert sink.content == CONTENT, number


def test_a_full_node_refuses_writes_before_its_reserve_and_goes_on_reading(
    tmp_path: Path, small_disks: list[SmallDisk]
) -> None:
    data = tmp_path / "data"
    small_disks += [SmallDisk(data / "node-1", 48 * MIB), SmallDisk(data / "node-2", 80 * MIB)]
    with shoal_up(data, "--nodes", "2", "--replicas", "1", "--reserve", "8MiB", "--heartbeat", "200ms") as cluster:
        count, refusal = asyncio.run(_put_until_refused(data))
        assert refusal is not None
        assert "free some space" in refusal.sentence
        assert count * len(CONTENT) > 48 * MIB, "the second node took what the first one could not"
        assert all(disk.free_bytes >= 7 * MIB for disk in small_disks), "the reserve is kept"
        assert eventually(lambda: nodes_that_take_writes(cluster) == [])
        asyncio.run(_read_all(data, count))
        assert cluster.command("rm", "object-0").exit_code == 0
        with pytest.raises(StorageFull, match="2 are full: free some space there, or add a node"):
            asyncio.run(put_bytes(data, "late", CONTENT))
        cluster.assert_unharmed()

        for disk in small_disks:
            disk.resize(512 * MIB)
        assert eventually(lambda: len(nodes_that_take_writes(cluster)) == 2)
        assert cluster.run("put", "-", "late", stdin=CONTENT).exit_code == 0
        assert cluster.run("get", "late", "-").output == CONTENT
        cluster.assert_unharmed()


def test_a_full_catalog_refuses_changes_loses_nothing_and_comes_back(
    tmp_path: Path, small_disks: list[SmallDisk]
) -> None:
    data = tmp_path / "data"
    small_disks += [SmallDisk(data, 48 * MIB), SmallDisk(data / "node-1", 256 * MIB)]
    with shoal_up(data, "--nodes", "1", "--catalog-reserve", "16MiB") as cluster:
        for number in range(3):
            assert cluster.run("put", "-", f"object-{number}", stdin=CONTENT).exit_code == 0
        filler = small_disks[0].fill(but=8 * MIB)
        assert eventually(lambda: cluster.run("put", "-", "more", stdin=CONTENT).exit_code)
        cluster.run("put", "-", "more", stdin=CONTENT).refused(6, "disk of the catalog is full.*free some space")
        asyncio.run(_read_all(data, 3))
        assert cluster.run("rm", "object-2").exit_code == 0, "deletes go on"
        assert "object-2" not in cluster.run("ls").output.decode()
        cluster.assert_unharmed()

        filler.unlink()
        assert eventually(lambda: not cluster.run("put", "-", "late", stdin=CONTENT).exit_code)
        assert cluster.run("get", "late", "-").output == CONTENT
        asyncio.run(_read_all(data, 2))
        cluster.assert_unharmed()


def test_a_catalog_without_a_byte_of_room_survives_and_keeps_what_it_has(
    tmp_path: Path, small_disks: list[SmallDisk]
) -> None:
    data = tmp_path / "data"
    small_disks.append(SmallDisk(data / "catalog", 8 * MIB))
    with shoal_up(data, "--nodes", "1") as cluster:
        asyncio.run(_fill_under_a_session(data, small_disks[0]))
        assert cluster.run("put", "-", "late", stdin=CONTENT).exit_code == 0
        assert cluster.run("get", "late", "-").output == CONTENT
        asyncio.run(_read_all(data, 3))
        cluster.assert_unharmed()


async def _fill_under_a_session(data: Path, disk: SmallDisk) -> None:
    """Reads, which change nothing, go on; changes are refused once the log cannot grow any more."""
    async with client_of(data) as client:
        for number in range(3):
            await _put(client, number)
        filler = disk.fill()
        with pytest.raises(StorageFull, match="disk of the catalog is full"):
            await _put_for_ever(client)
        for number in range(3):
            await client.get(DEFAULT_BUCKET, f"object-{number}", BytesSink(len(CONTENT)))
        filler.unlink()


async def _put_for_ever(client: Client) -> None:
    for number in range(100_000):
        await client.put(DEFAULT_BUCKET, f"more-{number}", BytesSource(b"small"))
