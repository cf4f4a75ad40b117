"""The story of the demo, step by step. Each step is a check: what is not as it must be ends the command."""

import asyncio
import hashlib
import os
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from shoal.app.demo.damage import flip_byte
from shoal.app.demo.events import EventLog
from shoal.app.demo.report import DemoFailed, Report
from shoal.app.local_cluster import RunningCluster
from shoal.app.supervisor import Child
from shoal.base.ids import VersionId, version_text
from shoal.base.units import MIB, format_size
from shoal.client.client import Client
from shoal.core.names import DEFAULT_BUCKET
from shoal.model.catalog import Version
from shoal.model.messages.objects import ChunkLocation
from shoal.wiring.transfers import FileSink, FileSource

COPIES = 3
_PIECE_BYTES = MIB
_POLL_S = 0.2
_WHOLE_POLLS = 75
"""15 seconds: a late copy is reported with the next heartbeat, at most two seconds after it is durable."""


def generate(path: Path, size: int) -> None:
    """A file of `size` bytes that no compression and no deduplication can make smaller."""
    with path.open("wb") as file:
        for offset in range(0, size, _PIECE_BYTES):
            file.write(secrets.token_bytes(min(_PIECE_BYTES, size - offset)))


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(slots=True)
class Demo:
    """One run: a cluster, an open client with the log it writes to, and a directory for files."""

    cluster: RunningCluster
    client: Client
    log: EventLog
    report: Report
    work: Path
    file: Path
    digest: str = ""
    name: str = "demo"

    async def run(self) -> None:
        """The whole story. Raises: DemoFailed, or whatever went wrong."""
        self.digest = digest_of(self.file)
        first = await self.store(self.file)
        locations = await self.show_chunks(first)
        await self.lose_first_node(locations)
        await self.store_second_version(first)
        await self.damage_first_replica(first)
        await self.lose_everything(first)

    # -- one step each

    async def store(self, file: Path) -> Version:
        """Store the file, acknowledged by a quorum."""
        self.report.begin()
        version = await self._put(file)
        size = await asyncio.to_thread(os.path.getsize, file)
        self.report.require(version.size == size, f"stored {version.size} of {size} bytes")
        self.report.passed(
            f"stored {self.name}, {format_size(size)}, fsynced on 2 of 3 nodes at least", moved_bytes=size
        )
        return version

    async def show_chunks(self, version: Version) -> list[ChunkLocation]:
        """Where the chunks lie: soon on all three nodes, for the third copies follow behind the answer."""
        self.report.begin()
        locations = await self._locations_when_whole(version.version_id)
        names = [[self.client.view.name_of(replica.node) for replica in location.replicas] for location in locations]
        replicas = Counter(name for chunk in names for name in chunk)
        firsts = Counter(chunk[0] for chunk in names)
        told = ", ".join(f"{name} {replicas[name]} (first {firsts[name]})" for name in sorted(replicas))
        self.report.passed(f"{len(locations)} chunks lie on: {told or 'no node, the file is empty'}")
        return locations

    async def _locations_when_whole(self, version: VersionId) -> list[ChunkLocation]:
        """The chunks once each has its three copies. Raises: DemoFailed if that takes too long."""
        for _ in range(_WHOLE_POLLS):
            locations = await self._locations(version)
            if all(len(location.replicas) == COPIES for location in locations):
                return locations
            await asyncio.sleep(_POLL_S)
        lacking = sum(len(location.replicas) < COPIES for location in locations)
        raise DemoFailed(f"demo failed: {lacking} of {len(locations)} chunks lack their third copy")

    async def lose_first_node(self, locations: list[ChunkLocation]) -> None:
        """kill -9 the node that would be read first; every byte still comes."""
        child = self._first_reader(locations)
        pid = child.pid
        await self.cluster.supervisor.kill(child)
        self.report.begin()
        await self._read_back(None, self.digest)
        self.report.passed(f"{child.name} (pid {pid}) killed; read back whole", moved_bytes=self.file.stat().st_size)

    async def store_second_version(self, first: Version) -> None:
        """With that node still down: a second version, and the first is as it was."""
        changed = self.work / "second"
        generate(changed, 3 * MIB + 1)
        self.report.begin()
        second = await self._put(changed)
        self.report.require(second.version_id != first.version_id, "the second version has the first one's id")
        await self._read_back(None, digest_of(changed))
        self.report.passed("second version stored with a node down, and read", moved_bytes=changed.stat().st_size)
        self.report.begin()
        await self._read_back(first.version_id, self.digest)
        told = version_text(first.version_id)
        self.report.passed(f"first version {told[:13]}… read", moved_bytes=self.file.stat().st_size)
        for child in self.cluster.supervisor.children.values():
            if child.pid is None:
                self.report.begin()
                await self.cluster.supervisor.resume(child)
                self.report.passed(f"{child.name} started again, as the same node")

    async def damage_first_replica(self, first: Version) -> None:
        """Flip a bit on disk in the replica that would be read first; it is noticed, named, and read around."""
        locations = await self._locations(first.version_id)
        if not locations:
            return
        location = locations[0]
        node = self.client.view.name_of(location.replicas[0].node)
        path = flip_byte(self.cluster.settings.data / node, location.ref)
        self.report.begin()
        await self._read_back(first.version_id, self.digest)
        event = self.log.find("replica_unreadable", node=node)
        self.report.require(event is not None, f"nobody noticed the flipped bit in {path}")
        size = self.file.stat().st_size
        self.report.passed(f"bit flipped in a replica on {node}; noticed, read around it", moved_bytes=size)

    async def lose_everything(self, first: Version) -> None:
        """kill -9 every process, start again on the same directory: all that was acknowledged is there."""
        children = list(self.cluster.supervisor.children.values())
        for child in reversed(children):
            await self.cluster.supervisor.kill(child)
        self.report.begin()
        for child in children:
            await self.cluster.supervisor.resume(child)
        self.report.passed(f"all {len(children)} processes killed and started again")
        self.report.begin()
        await self._read_back(first.version_id, self.digest)
        self.report.passed("first version read once more", moved_bytes=self.file.stat().st_size)

    # -- what the steps need

    async def _put(self, path: Path) -> Version:
        source = FileSource(path)
        try:
            return await self.client.put(DEFAULT_BUCKET, self.name, source)
        finally:
            source.close()

    async def _locations(self, version: VersionId) -> list[ChunkLocation]:
        async with self.client.open(DEFAULT_BUCKET, self.name, version) as found:
            return [part.location async for part in found.slices(0, found.version.size)]

    def _first_reader(self, locations: list[ChunkLocation]) -> Child:
        if not locations:
            return self.cluster.child("node-1")
        return self.cluster.child(self.client.view.name_of(locations[0].replicas[0].node))

    async def _read_back(self, version: VersionId | None, digest: str) -> None:
        path = self.work / "back"
        sink = FileSink(path)
        try:
            await self.client.get(DEFAULT_BUCKET, self.name, sink, version=version)
            sink.commit()
        finally:
            sink.abandon()
        self.report.require(digest_of(path) == digest, "the bytes that came back are not those that were stored")
        os.unlink(path)
