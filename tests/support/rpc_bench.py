"""gRPC calls without gRPC: a context that keeps what a call did, a door, and a client that keeps files in memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import NoReturn, TypeVar, cast

from google.protobuf.message import Message
from grpc import StatusCode
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, AlreadyExists, ChecksumMismatch, NotFound, ShoalError
from shoal.base.ids import NodeId, VersionId, WallNs, version_text
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.core.names import FILESTORE_BUCKET
from shoal.core.trust.signing import Credential
from shoal.gateway.callers import Callers, calling
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal.model.access_keys import Scope
from shoal.model.catalog import Bucket, Version, VersionKind
from shoal.model.cluster import ClusterMap, ClusterSettings, MapDelta
from shoal.model.messages.files import FileList, FileMark, KnownFile, ListFiles
from shoal.model.messages.objects import ListVersions, VersionList
from shoal.model.messages.status import ClusterStatus
from shoal.ports.transfer import Source
from shoal.testing.sim.env import ManualClock
from support.fake_client import make_status, make_version
from support.stores import EventLog

M = TypeVar("M", bound=Message)

BEARER = (("authorization", "Bearer ANN:secret"),)


class Ended(Exception):
    """A call that was ended with a status."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


class FakeContext:
    """I am the context of one call."""

    def __init__(self, metadata: Sequence[tuple[str, str | bytes]] = BEARER) -> None:
        self.metadata = metadata
        self.written: list[bytes] = []
        self.is_dead = False
        """The caller is gone; gRPC has not told yet."""
        self.may_write = asyncio.Event()
        self.may_write.set()

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        """What the caller sent beside its request."""
        return self.metadata

    async def abort(self, code: StatusCode, details: str) -> NoReturn:
        """The call ends."""
        raise Ended(code, details)

    async def send_initial_metadata(self, metadata: object) -> None:
        """Cancels a call that is dead, as gRPC does."""
        if self.is_dead:
            raise asyncio.CancelledError

    async def write(self, message: bytes) -> None:
        """One message more; waits while the caller takes none."""
        await self.may_write.wait()
        self.written.append(message)

    def as_context(self) -> Context:
        """Me, for those who want the type."""
        return cast(Context, self)

    def told(self, kind: type[M]) -> list[M]:
        """The messages that were written."""
        return [kind.FromString(raw) for raw in self.written]


class FileCluster:
    """I have the methods of `Client` that gateways use. `files` are in the order of their making."""

    def __init__(self) -> None:
        self.files: dict[str, list[tuple[Version, bytes]]] = {}
        self.keys: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._made = 0
        self.created: list[str] = []
        self.options: list[PutOptions] = []
        self.failing: ShoalError | None = None
        """What the next verb raises."""
        self.frame_bytes = 1000
        self.cluster_status: ClusterStatus = make_status()
        self.deltas: list[MapDelta | ShoalError] = []
        self.scope_told = Scope.ADMIN
        self.refused: set[str] = set()
        self.asked: list[ListFiles] = []
        self.view = SimpleNamespace(
            map=ClusterMap("c" * 32, 1, ClusterSettings(chunk_bytes=100), ()),
            in_ring_order=lambda key, nodes: tuple(f"node-{node}" for node in nodes),
        )

    def as_client(self) -> Client:
        """Me, for those who want the type."""
        return cast(Client, self)

    @asynccontextmanager
    async def opened(self, credential: Credential) -> AsyncIterator[Client]:
        """Me, as the client of whoever is not refused."""
        if credential.key_id in self.refused:
            raise AccessDenied("the signature does not match")
        yield self.as_client()

    async def scope(self) -> Scope:
        """As set."""
        return self.scope_told

    def _fail(self) -> None:
        error, self.failing = self.failing, None
        if error is not None:
            raise error

    async def create_bucket(self, bucket: str, *, has_file_ids: bool) -> Bucket:
        """Once."""
        self._fail()
        assert has_file_ids
        if bucket in self.created:
            raise AlreadyExists("it is there")
        self.created.append(bucket)
        return Bucket(bucket, WallNs(0), True, has_file_ids)

    async def put(self, bucket: str, key: str, source: Source, *, options: PutOptions) -> Version:
        """As the real one reads a source: chunk by chunk, each released when the next but one begins."""
        if bucket not in self.created:
            raise NotFound(f"there is no bucket {bucket}")
        self.options.append(options)
        content = b""
        while count := await source.available(len(content), options.chunk_bytes):
            content += bytes(await source.read_at(len(content), count))
            source.release(max(0, len(content) - options.chunk_bytes))
        self._fail()
        return self.add(key, content, options.content_type)

    def add(self, key: str, content: bytes, content_type: str = "") -> Version:
        """A version more."""
        file_id = self._ids.setdefault(key, f"{len(self.keys) + 1:08x}-0000-4000-8000-000000000000")
        self._made += 1
        number = self._made
        version = replace(make_version(number, size=len(content)), file_id=file_id, content_type=content_type)
        self.keys[file_id] = key
        self.files.setdefault(file_id, []).append((version, content))
        return version

    async def replica_names(self, bucket: str, key: str, version: VersionId) -> tuple[str, ...]:
        """Always the same."""
        self._fail()
        return ("node-2", "node-1")

    async def find_file(self, bucket: str, file_id: str) -> KnownFile:
        """By id."""
        self._fail()
        assert bucket == FILESTORE_BUCKET
        if file_id not in self.files:
            raise NotFound(f"there is no file {file_id}")
        return self._known(file_id)

    def _known(self, file_id: str) -> KnownFile:
        versions = [version for version, _ in reversed(self.files[file_id])]
        return KnownFile(
            file_id=file_id,
            key=self.keys[file_id],
            created_ns=versions[-1].created_ns,
            version=versions[0],
            versions=tuple(version.version_id for version in versions[:3]),
            has_more_versions=len(versions) > 3,
            nodes=(NodeId("2"), NodeId("1")),
        )

    async def versions(self, message: ListVersions) -> VersionList:
        """Pages of two; every other version is a delete marker."""
        file_id = next(file_id for file_id, key in self.keys.items() if key == message.key)
        held = [version for version, _ in reversed(self.files[file_id])]
        rest = [each for each in held if message.before is None or each.version_id < message.before]
        marker = replace(rest[0], kind=VersionKind.DELETE_MARKER)
        return VersionList(
            versions=(marker, *rest[:2]), live=None, next_before=rest[1].version_id if len(rest) > 2 else None
        )

    async def list_files(self, message: ListFiles) -> FileList:
        """Newest first."""
        self._fail()
        self.asked.append(message)
        ids = list(reversed(self.files))
        rest = ids[ids.index(message.after.file_id) + 1 :] if message.after else ids
        page = rest[message.skip : message.skip + message.limit]
        is_last = message.skip + message.limit >= len(rest)
        return FileList(
            files=tuple(map(self._known, page)),
            total=len(ids),
            next_after=None if is_last else FileMark(WallNs(1), page[-1]),
            commit_number=1,
        )

    async def purge_file(self, bucket: str, file_id: str) -> bool:
        """Whether there was one."""
        self._fail()
        return self.files.pop(file_id, None) is not None

    @asynccontextmanager
    async def open(self, bucket: str, key: str, version: VersionId | None) -> AsyncIterator[SimpleNamespace]:
        """One version, read in frames of `frame_bytes`; bytes that are `rotten` are found out."""
        held = self.files[next(file_id for file_id, name in self.keys.items() if name == key)]
        found = next((each for each in reversed(held) if version in (None, each[0].version_id)), None)
        if found is None:
            raise NotFound(f"there is no version {version_text(version or VersionId(bytes(16)))}")
        content = found[1]

        async def frames(start: int, stop: int) -> AsyncGenerator[memoryview, None]:
            for at in range(start, stop, self.frame_bytes):
                frame = memoryview(content)[at : at + self.frame_bytes]
                if b"rotten" in bytes(frame):
                    raise ChecksumMismatch("no replica has what was written")
                yield frame

        yield SimpleNamespace(version=found[0], frames=frames)

    async def status(self) -> ClusterStatus:
        """As set."""
        self._fail()
        return self.cluster_status

    async def map_since(self, map_version: int) -> MapDelta:
        """What was set, one after the other, then nothing new."""
        told = self.deltas.pop(0) if self.deltas else MapDelta()
        if isinstance(told, ShoalError):
            raise told
        return told


@asynccontextmanager
async def opened_door(cluster: FileCluster, *, own: str | None = "door/gateway") -> AsyncIterator[RpcDoor]:
    """A door whose callers all get `cluster`."""
    credential = None if own is None else Credential(own, b"secret")
    ended: Ended | None = None
    async with calling(ManualClock(), cluster.opened, own=credential) as callers:
        try:
            yield door_of(callers)
        except Ended as exc:
            ended = exc  # raised alone, not in the group of those who keep the door
    if ended is not None:
        raise ended


def door_of(callers: Callers) -> RpcDoor:
    """A door that logs nowhere."""
    return RpcDoor(callers, log=EventLog())


async def stream(messages: Iterable[Message | bytes]) -> AsyncIterator[bytes]:
    """What a caller sends."""
    for message in messages:
        await asyncio.sleep(0)
        yield message if isinstance(message, bytes) else message.SerializeToString()
