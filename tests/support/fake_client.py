"""A client that keeps objects in memory, for tests of what stands above clients."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TypeVar, cast

from msgspec.structs import replace

from shoal.app.options import Shared
from shoal.base.errors import AlreadyExists, InvalidArgument, NotFound, PreconditionFailed, ShoalError
from shoal.base.ids import Address, ChunkId, NodeId, SessionId, VersionId, WallNs
from shoal.client.client import Client
from shoal.client.copying import CopyOptions
from shoal.client.manifest import Slice
from shoal.client.put import Progress, PutOptions
from shoal.core.names import DEFAULT_BUCKET, SCHEME, ObjectName
from shoal.model.access_keys import Scope
from shoal.model.catalog import Bucket, ChunkRef, PlacementState, Version, VersionKind
from shoal.model.cluster import ClusterMap, ClusterSettings, NodeRecord, NodeState
from shoal.model.messages.buckets import Usage
from shoal.model.messages.keys import CreateKey, KeyInfo, KeyList, KeyRevoked, ListKeys, RevokeKey
from shoal.model.messages.objects import (
    ChunkLocation,
    Deleted,
    ListedObject,
    ListObjects,
    ListVersions,
    Name,
    ObjectList,
    Precondition,
    ReplicaLocation,
    VersionList,
    WithheldReplica,
)
from shoal.model.messages.status import ClusterStatus, NodeUsage
from shoal.ports.administration import NewKey
from shoal.ports.transfer import Sink, Source

T = TypeVar("T")

PAGE = 2
"""Entries of a page, so that few make many pages."""


class FakeClient:
    """I have the methods of `Client` that verbs use. `versions_of[key]` are newest last; a key outside of the default
    bucket stands there as users write it."""

    def __init__(self) -> None:
        self.buckets = {DEFAULT_BUCKET: True}
        self.versions_of: dict[str, list[tuple[Version, bytes]]] = {}
        self.options: list[PutOptions] = []
        self.copies: list[CopyOptions] = []
        self.cluster_status = make_status()
        self.keys: list[NewKey] = []
        self.asked: list[CreateKey] = []
        self.verdict: bool | ShoalError = True
        """What every node finds, or fails with, when it is asked to verify a replica."""

    def as_client(self) -> Client:
        """Me, for those who want the type."""
        return cast(Client, self)

    async def put(self, bucket: str, key: str, source: Source, options: PutOptions) -> Version:
        """Read all of `source` and keep it."""
        self.options.append(options)
        key = self._slot(bucket, key)
        if options.precondition.if_absent and self._live(key):
            raise PreconditionFailed("the object exists already")
        content = b""
        while count := await source.available(len(content), 1 << 20):
            content += bytes(await source.read_at(len(content), count))
        if options.progress:
            options.progress(len(content))
        return self._add(key, content, VersionKind.OBJECT)

    @asynccontextmanager
    async def open(self, bucket: str, key: str, version: VersionId | None = None) -> AsyncIterator[SimpleNamespace]:
        """The object, ready to be read."""
        found, content = self._find(self._slot(bucket, key), version)

        async def into(sink: Sink, start: int, stop: int, *, progress: Progress | None) -> None:
            await sink.write_at(0, content[start:stop])
            if progress:
                progress(stop - start)

        async def frames(start: int, stop: int) -> AsyncGenerator[memoryview, None]:
            yield memoryview(content)[start:stop]

        async def slices(start: int, stop: int) -> AsyncGenerator[Slice, None]:
            if content:
                yield Slice(_location(found, self.cluster_status.map), start, stop, 0, 0, 0)

        yield SimpleNamespace(version=found, into=into, frames=frames, slices=slices)

    @property
    def view(self) -> object:
        """Knows the map."""
        return SimpleNamespace(map=self.cluster_status.map)

    async def get(self, bucket: str, key: str, sink: Sink, *, progress: Progress | None = None) -> Version:
        """All of the current version."""
        async with self.open(bucket, key) as found:
            await found.into(sink, 0, found.version.size, progress=progress)
            version: Version = found.version
            return version

    async def stat(self, bucket: str, key: str, version: VersionId | None = None) -> Version:
        """What is known."""
        return self._find(self._slot(bucket, key), version)[0]

    async def verify(self, chunk: ChunkLocation, replica: ReplicaLocation) -> bool:
        if isinstance(self.verdict, ShoalError):
            raise self.verdict
        return self.verdict

    async def delete(
        self, bucket: str, key: str, *, version: VersionId | None = None, precondition: Precondition | None = None
    ) -> Deleted:
        """A marker, or one version less."""
        key = self._slot(bucket, key)
        live = self._live(key)
        if precondition and precondition.if_version not in (None, live.version_id if live else None):
            raise PreconditionFailed("the current version is another one")
        held = self.versions_of.get(key, [])
        if version is not None:
            kept = [each for each in held if each[0].version_id != version]
            self.versions_of[key] = kept
            return Deleted(existed=len(kept) < len(held))
        if not self._live(key):
            return Deleted(existed=False)
        return Deleted(existed=True, marker=self._add(key, b"", VersionKind.DELETE_MARKER).version_id)

    async def copy(self, source: Name, bucket: str, key: str, *, options: CopyOptions) -> Version:
        """The content of one version as a new one."""
        key = self._slot(bucket, key)
        if options.precondition.if_absent and self._live(key):
            raise PreconditionFailed("the object exists already")
        found, content = self._find(self._slot(source.bucket, source.key), source.version)
        self.copies.append(options)
        added = self._add(key, content, VersionKind.OBJECT)
        return replace(added, content_type=found.content_type if options.content_type is None else options.content_type)

    async def restore(self, bucket: str, key: str, version: VersionId, *, options: CopyOptions) -> Version:
        """A copy onto itself."""
        return await self.copy(Name(bucket, key, version), bucket, key, options=options)

    async def move(self, source: ObjectName, bucket: str, key: str, *, options: CopyOptions) -> Version:
        """A copy and a marker."""
        if source == (bucket, key):
            raise InvalidArgument("an object cannot be moved onto itself")
        moved = await self.copy(Name(*source), bucket, key, options=options)
        await self.delete(*source)
        return moved

    async def undelete(self, bucket: str, key: str) -> Version:
        """A marker less."""
        slot = self._slot(bucket, key)
        if self._live(slot):
            raise PreconditionFailed("the object is not deleted")
        kept = [each for each in self.versions_of.get(slot, []) if each[0].kind is VersionKind.OBJECT]
        if not kept:
            raise NotFound(f"there is no object {key!r}")
        self.versions_of[slot] = kept
        return kept[-1][0]

    async def create_bucket(self, bucket: str, *, is_versioned: bool = True, is_deduplicated: bool = True) -> Bucket:
        """A bucket more."""
        if bucket in self.buckets:
            raise AlreadyExists(f"bucket {bucket} exists already")
        self.buckets[bucket] = is_versioned
        return Bucket(bucket, made_at(0), is_versioned, is_deduplicated=is_deduplicated)

    async def delete_bucket(self, bucket: str) -> None:
        """A bucket less."""
        self._check_bucket(bucket)
        if any(held and key.startswith(f"{SCHEME}{bucket}/") for key, held in self.versions_of.items()):
            raise PreconditionFailed(f"bucket {bucket} is not empty")
        del self.buckets[bucket]

    async def list_buckets(self) -> AsyncIterator[Bucket]:
        """All of them."""
        for bucket in sorted(self.buckets):
            yield Bucket(bucket, made_at(0), self.buckets[bucket])

    async def usage(self, bucket: str, prefix: str) -> Usage:
        """The count of all versions."""
        begins = self._slot(bucket, prefix)
        keys = [key for key in self.versions_of if key.startswith(begins)]
        live = [version for version in map(self._live, keys) if version]
        held = [version for key in keys for version, _ in self.versions_of[key]]
        objects = [version for version in held if version.kind is VersionKind.OBJECT]
        return Usage(
            objects=len(live),
            object_bytes=sum(version.size for version in live),
            former_versions=len(objects) - len(live),
            former_bytes=sum(version.size for version in objects) - sum(version.size for version in live),
            delete_markers=len(held) - len(objects),
        )

    async def list_objects(self, message: ListObjects) -> ObjectList:
        """A page of two."""
        begins = self._slot(message.bucket, "")
        names = sorted(
            key.removeprefix(begins)
            for key in self.versions_of
            if key.startswith(begins + message.prefix) and (begins or not key.startswith(SCHEME)) and self._live(key)
        )
        folded: dict[str, str] = {}
        for name in names:
            head, mark, _ = name.removeprefix(message.prefix).partition(message.delimiter or "\0")
            folded[message.prefix + head + mark if mark else name] = name
        rest = [name for name in folded if name > message.after]
        page = rest[:PAGE]
        return ObjectList(
            objects=tuple(_listed(name, self._find(begins + name, None)[0]) for name in page if folded[name] == name),
            prefixes=tuple(name for name in page if folded[name] != name),
            next_after=page[-1] if len(rest) > PAGE else "",
            commit_number=1,
        )

    async def versions(self, message: ListVersions) -> VersionList:
        """A page of two."""
        slot = self._slot(message.bucket, message.key)
        held = [version for version, _ in reversed(self.versions_of.get(slot, []))]
        rest = [each for each in held if message.before is None or each.version_id < message.before]
        live = self._live(slot)
        return VersionList(
            versions=tuple(rest[:PAGE]),
            live=live.version_id if live else None,
            next_before=rest[PAGE - 1].version_id if len(rest) > PAGE else None,
        )

    async def status(self) -> ClusterStatus:
        """As set."""
        return self.cluster_status

    async def create_key(self, message: CreateKey) -> NewKey:
        """A key whose number is that of the call."""
        self.asked.append(message)
        self.keys.append(made_key(len(self.asked), message))
        return self.keys[-1]

    async def list_keys(self, message: ListKeys) -> KeyList:
        """A page of two."""
        rest = [made.info for made in self.keys if made.info.key_id > message.after]
        return KeyList(tuple(rest[:PAGE]), rest[PAGE - 1].key_id if len(rest) > PAGE else "")

    async def revoke_key(self, message: RevokeKey) -> KeyRevoked:
        """The end of a key that had two sessions."""
        for index, made in enumerate(self.keys):
            if made.info.key_id == message.key_id:
                ended = replace(made.info, revoked_ns=WallNs(made.info.created_ns + 10**9))
                self.keys[index] = NewKey(ended, "")
                return KeyRevoked(ended, 2)
        raise NotFound(f"there is no access key {message.key_id}")

    def _check_bucket(self, bucket: str) -> None:
        if bucket not in self.buckets:
            raise NotFound(f"there is no bucket {bucket}")

    def _slot(self, bucket: str, key: str) -> str:
        self._check_bucket(bucket)
        return key if bucket == DEFAULT_BUCKET else f"{SCHEME}{bucket}/{key}"

    def _live(self, key: str) -> Version | None:
        held = self.versions_of.get(key)
        return held[-1][0] if held and held[-1][0].kind is VersionKind.OBJECT else None

    def _find(self, key: str, version: VersionId | None) -> tuple[Version, bytes]:
        live = self._live(key)
        wanted = version or (live.version_id if live else None)
        for found, content in self.versions_of.get(key, []):
            if found.version_id == wanted and found.kind is VersionKind.OBJECT:
                return found, content
        raise NotFound(f"there is no object {key!r}")

    def _add(self, key: str, content: bytes, kind: VersionKind) -> Version:
        number = sum(len(held) for held in self.versions_of.values()) + 1
        version = make_version(number, size=len(content), kind=kind)
        self.versions_of.setdefault(key, []).append((version, content))
        return version


def made_key(number: int, request: CreateKey | None = None) -> NewKey:
    """A new key, made at a round date in 2025."""
    asked = request or CreateKey(name="", scope=Scope.READ)
    created_ns = 1_760_000_000 * 10**9
    info = KeyInfo(
        key_id=f"SHOAL{number:020X}",
        name=asked.name,
        scope=asked.scope,
        buckets=asked.buckets,
        created_ns=WallNs(created_ns),
        expires_ns=None if asked.lifetime_ns is None else WallNs(created_ns + asked.lifetime_ns),
        revoked_ns=None,
    )
    return NewKey(info, f"{number:064x}")


def version_id(number: int) -> VersionId:
    """A version id that is as large as its number."""
    return VersionId(bytes.fromhex(f"0199b2f000007000{0x8000000000000000 + number:x}"))


def made_at(number: int) -> WallNs:
    """So many seconds after a round date in 2025."""
    return WallNs((1_760_000_000 + number) * 10**9)


def make_version(number: int, *, size: int, kind: VersionKind = VersionKind.OBJECT) -> Version:
    """A version made `number` seconds after a round date in 2025."""
    return Version(
        version_id=version_id(number),
        kind=kind,
        size=size,
        created_ns=made_at(number),
        root=bytes(32),
        chunk_count=1 if size else 0,
        chunk_bytes=1 << 20,
        chunks=(),
        manifest=b"",
        placement_key="",
        file_id="",
        session=SessionId(1),
        sequence=number,
    )


def _location(version: Version, members: ClusterMap) -> ChunkLocation:
    """The one chunk of a version: with a replica on each node, one on a node that is gone, and one on its way."""
    ref = ChunkRef(chunk=ChunkId(bytes(15) + b"\1"), size=version.size, sha256=b"\xab" * 32, crc64=0xCD)
    holders = [node.node_id for node in members.nodes] + [NodeId("f" * 32)]
    replicas = tuple(ReplicaLocation(node, 0, at, b"") for at, node in enumerate(holders, start=1))
    return ChunkLocation(ref, replicas, (WithheldReplica(holders[0], 0, 9, PlacementState.INTENDED),))


def _listed(key: str, version: Version) -> ListedObject:
    return ListedObject(key, version.size, version.version_id, version.created_ns)


def make_status(*states: NodeState) -> ClusterStatus:
    """A cluster with a node for each state."""
    nodes = tuple(
        NodeRecord(
            node_id=NodeId(f"{number:032x}"),
            name=f"node-{number}",
            address=Address(f"127.0.0.1:{9200 + number}"),
            zone="",
            machine="m",
            device="1",
            capacity_bytes=1 << 40,
            free_sixteenths=15,
            state=state,
            can_write=True,
            is_failed=False,
            is_volatile=False,
        )
        for number, state in enumerate(states, start=1)
    )
    return ClusterStatus(
        map=ClusterMap("c" * 32, 7, ClusterSettings(), nodes),
        usage=tuple(NodeUsage(node.name, 1 << 40, 1 << 39, 1_500_000_000) for node in nodes),
        copies=3,
        write_quorum=2,
        objects=1,
        chunks=4,
        under_replicated=2,
        unreadable=0,
        catalog_copies=1,
        sessions=1,
        warnings=("the catalog has 1 copy",),
    )


def call_with(client: FakeClient) -> Callable[..., object]:
    """What stands in for `call_cluster`."""

    def call(shared: Shared, work: Callable[[Client], Awaitable[T]], *, patience_ns: int | None = None) -> T:
        async def run() -> T:
            return await work(client.as_client())

        if shared.data is not None and shared.data.name == "broken":
            raise InvalidArgument("this directory is broken")
        return asyncio.run(run())

    return call
