"""The client: verbs over one cluster. Wiring gives it a link and an Env; doors for users stand in `wiring`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from shoal.base.env import Env
from shoal.base.errors import AccessDenied, OutcomeUnknown
from shoal.base.ids import ReplicaId, VersionId
from shoal.base.units import SECOND
from shoal.client.background import Background
from shoal.client.buckets import Buckets
from shoal.client.cluster_view import ClusterView
from shoal.client.copying import CopyOptions, ObjectCopies
from shoal.client.damage_reports import DamageReports
from shoal.client.get import ObjectGet, check_range
from shoal.client.manifest import Manifest
from shoal.client.numbered import numbered_operation
from shoal.client.purge import ObjectPurge
from shoal.client.put import ObjectPut, Progress, PutOptions
from shoal.client.put_chunk import ChunkWriter
from shoal.client.read_chunk import ChunkReader
from shoal.client.session import Session
from shoal.client.session_keeper import SessionKeeper
from shoal.client.settings import ClientSettings
from shoal.client.verification import Verifier
from shoal.core.names import ObjectName, check_bucket, check_key
from shoal.formats.errors import error_of
from shoal.model.access_keys import Scope
from shoal.model.catalog import Bucket, Version
from shoal.model.cluster import MapDelta
from shoal.model.messages.buckets import Usage
from shoal.model.messages.files import FileList, FindFile, KnownFile, ListFiles
from shoal.model.messages.keys import CreateKey, KeyList, KeyRevoked, ListKeys, RevokeKey
from shoal.model.messages.objects import (
    ChunkLocation,
    Delete,
    Deleted,
    Found,
    ListObjects,
    ListVersions,
    Name,
    ObjectList,
    Precondition,
    ReplicaLocation,
    VersionList,
    VersionOutcome,
)
from shoal.model.messages.status import ClusterStatus
from shoal.ports.administration import Administration, NewKey
from shoal.ports.catalog import Catalog, Directory
from shoal.ports.link import NodeLink
from shoal.ports.log import Log
from shoal.ports.transfer import Sink, Source

_PLAIN = PutOptions()
_AS_IT_IS = CopyOptions()


class Client:
    """I am one user's view of a cluster. Use me as an async context; my methods may be called concurrently.

    Leaving the context takes a second at most: reports and sessions are ended as far as the cluster answers, what else
    is under way is cut.
    """

    def __init__(
        self,
        env: Env,
        *,
        link: NodeLink,
        catalog: Catalog,
        directory: Directory,
        administration: Administration,
        settings: ClientSettings,
        log: Log,
    ) -> None:
        self._env = env
        self._link = link
        self._catalog = catalog
        self._directory = directory
        self._administration = administration
        self._settings = settings
        self._log = log
        self._background = Background()
        spawn = self._background.spawn
        self.view = ClusterView(env, directory, spawn=spawn, log=log)
        self._sessions = SessionKeeper(
            env, catalog=catalog, view=self.view, spawn=spawn, rotate_ns=settings.session_rotate_ns, log=log
        )
        self._copies = ObjectCopies(env.secrets, catalog=catalog, sessions=self._sessions)
        self._purge = ObjectPurge(catalog=catalog, sessions=self._sessions)
        self._buckets = Buckets(catalog=catalog, sessions=self._sessions)
        self._verifier = Verifier(link, view=self.view, clock=env.clock, deadline_ns=settings.transfer_deadline_ns)
        self._reports = DamageReports(self._verifier, view=self.view, spawn=spawn, log=log)
        self._writer = ChunkWriter(env, link=link, view=self.view, settings=settings, log=log)
        self._reader = ChunkReader(
            env, link=link, view=self.view, settings=settings, on_damage=self._reports.report, log=log
        )

    async def __aenter__(self) -> Self:
        await self._background.__aenter__()
        self._background.spawn(self._sessions.run(), "session-heartbeats")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(self._settings.close_deadline_ns / SECOND):
                await self._reports.finish()
                await self._sessions.close()
        except TimeoutError:
            # Sessions end by themselves when their leases run out.
            self._log.info("client_left_in_a_hurry")
        finally:
            try:
                await self._background.__aexit__(kind, exc, trace)
            finally:
                await self._link.close()

    # -- writing

    async def put(self, bucket: str, key: str, source: Source, *, options: PutOptions = _PLAIN) -> Version:
        """Store `source` as the new current version of `key`; durable and visible on return.

        Raises: InvalidArgument, PreconditionFailed, NotFound (no such bucket), AccessDenied, QuorumNotReached,
        NodeUnreachable, StaleEpoch (the session ended meanwhile; nothing is sent again, because what a source has
        released cannot be), and what the source raises: then, and when cancelled before the commit, the old version is
        current. OutcomeUnknown: no coordinator told whether the new one is.
        """
        target = _target(bucket, key)
        async with self._sessions.operation() as session:
            if not session.put_grant:
                raise AccessDenied("this access key may only read")
            chunk_bytes = options.chunk_bytes or self.view.map.settings.chunk_bytes
            put = ObjectPut(
                self._env,
                catalog=self._catalog,
                writer=self._writer,
                session=session,
                chunk_bytes=chunk_bytes,
                parallel=self._settings.parallel(chunk_bytes),
                page_chunks_max=self._settings.page_chunks_max,
                progress=options.progress,
            )
            commit = await put.run(target, source, options)
            try:
                outcome = await session.calls.commit(commit)
            finally:
                session.end_sequence(commit.sequence)
            return _version(outcome)

    async def delete(
        self, bucket: str, key: str, *, version: VersionId | None = None, precondition: Precondition | None = None
    ) -> Deleted:
        """Without a version: write a delete marker. With one: that version goes for good.

        Raises: NotFound (no such bucket or version), PreconditionFailed, AccessDenied, NodeUnreachable, StaleEpoch:
        nothing was done. OutcomeUnknown.
        """
        target = _target(bucket, key)
        async with numbered_operation(self._sessions) as numbered:
            message = Delete(
                session=numbered.session,
                sequence=numbered.sequence,
                name=Name(target.bucket, target.key, version),
                precondition=precondition or Precondition(),
            )
            return await self._catalog.delete(message)

    async def copy(self, source: Name, bucket: str, key: str, *, options: CopyOptions = _AS_IT_IS) -> Version:
        """Make the content of `source`, its current version or the one named, the new current version of `key`. No
        bytes are sent, however large it is.

        Raises: NotFound (no such bucket or source), PreconditionFailed (of the target), AccessDenied, NodeUnreachable,
        StaleEpoch: nothing was done. OutcomeUnknown.
        """
        return await self._copies.copy(source, _target(bucket, key), options)

    async def restore(self, bucket: str, key: str, version: VersionId, *, options: CopyOptions = _AS_IT_IS) -> Version:
        """Make the content of a former version current again, as a new version. Raises: as `copy`."""
        return await self._copies.copy(Name(bucket, key, version), _target(bucket, key), options)

    async def move(self, source: ObjectName, bucket: str, key: str, *, options: CopyOptions = _AS_IT_IS) -> Version:
        """Copy the current version of `source`, then delete `source`. Its former versions stay under its old name.

        Raises: as `copy`; PreconditionFailed also if `source` was changed before it could be deleted: then both are
        there. InvalidArgument for a move onto itself.
        """
        current = await self.stat(source.bucket, source.key)
        return await self._copies.move(current, options, name=source, target=_target(bucket, key))

    async def undelete(self, bucket: str, key: str) -> Version:
        """Take the delete markers of an object away: the version below them is current again, as it was.

        Raises: NotFound (no such bucket, or nothing to bring back), PreconditionFailed (it is not deleted), and as
        `delete`.
        """
        return await self._copies.undelete(_target(bucket, key))

    async def purge(self, bucket: str, key: str) -> bool:
        """Remove all versions of `key` for good, delete markers included, and end its file id; an upload of that name
        that comes later is a new file. Returns whether there was anything.

        Raises: NotFound (no such bucket), and as `delete`. If it breaks off after it began nobody finds the object any
        more, and the coordinator removes what is left of it.
        """
        return await self._purge.name(_target(bucket, key))

    async def purge_file(self, bucket: str, file_id: str) -> bool:
        """The same by file id, in a bucket with file ids. Never touches a newer file of the same name."""
        return await self._purge.file(bucket, file_id)

    # -- buckets

    async def create_bucket(
        self, bucket: str, *, is_versioned: bool = True, has_file_ids: bool = False, is_deduplicated: bool = True
    ) -> Bucket:
        """Make a bucket. With file ids its objects are files: found by id, and newest first. Raises: AlreadyExists,
        InvalidArgument, and as `delete`."""
        return await self._buckets.create(
            bucket, is_versioned=is_versioned, has_file_ids=has_file_ids, is_deduplicated=is_deduplicated
        )

    async def delete_bucket(self, bucket: str) -> None:
        """Remove an empty bucket. Raises: NotFound, PreconditionFailed (it has objects, or versions of deleted ones),
        InvalidArgument (the default bucket), and as `delete`."""
        await self._buckets.delete(bucket)

    def list_buckets(self) -> AsyncIterator[Bucket]:
        """All buckets that the access key may touch, in byte order. Raises: AccessDenied, NodeUnreachable."""
        return self._buckets.list()

    async def usage(self, bucket: str, prefix: str = "") -> Usage:
        """How much a bucket holds, or those names of it that begin with `prefix`. Raises: NotFound (no such bucket),
        InvalidArgument, AccessDenied, NodeUnreachable."""
        return await self._buckets.usage(bucket, prefix)

    # -- reading

    @asynccontextmanager
    async def open(self, bucket: str, key: str, version: VersionId | None = None) -> AsyncIterator[ObjectGet]:
        """An object (or one version) ready to be read; what it needs is kept from removal until the context ends.

        Raises: NotFound, AccessDenied, NodeUnreachable.
        """
        target = _target(bucket, key)
        name = Name(target.bucket, target.key, version)
        async with self._sessions.operation() as session:
            lookup = session.begin_lookup()
            try:
                found = await session.calls.lookup(name)
                yield self._object(session, name, found)
            finally:
                session.end_lookup(lookup)

    def _object(self, session: Session, name: Name, found: Found) -> ObjectGet:
        version = _version(found)
        manifest = Manifest(
            self._env.clock,
            catalog=self._catalog,
            session=session,
            name=name,
            version=version,
            first_page=found.chunks,
            fresh_ns=self.view.map.settings.read_grant_ns // 2,
        )
        parallel = self._settings.parallel(version.chunk_bytes)
        return ObjectGet(
            version=version, manifest=manifest, reader=self._reader, parallel=parallel, spawn=self._background.spawn
        )

    async def get(
        self,
        bucket: str,
        key: str,
        sink: Sink,
        *,
        version: VersionId | None = None,
        start: int = 0,
        stop: int | None = None,
        progress: Progress | None = None,
    ) -> Version:
        """Write an object, or a range of it, to `sink`. Raises: as `open` and `ObjectGet.into`."""
        async with self.open(bucket, key, version) as found:
            end = check_range(found.version.size, start, stop)
            await found.into(sink, start, end, progress=progress)
            return found.version

    async def stat(self, bucket: str, key: str, version: VersionId | None = None) -> Version:
        """What is known of an object or one version. Raises: as `open`."""
        target = _target(bucket, key)
        async with self._sessions.operation() as session:
            return _version(await session.calls.stat(Name(target.bucket, target.key, version)))

    async def replica_names(self, bucket: str, key: str, version: VersionId | None = None) -> tuple[str, ...]:
        """The nodes that hold chunk 0 of an object, or of one version, in the order in which the ring follows its
        placement key; none for an empty one. Raises: as `open`."""
        async with self.open(bucket, key, version) as found:
            return self.view.in_ring_order(found.version.placement_key, await found.first_holders())

    async def verify(self, chunk: ChunkLocation, replica: ReplicaLocation) -> bool:
        """Let a node read its replica again: whether it is as it was written. One that is not goes into quarantine.

        Raises: as `Verifier.verify`.
        """
        return await self._verifier.verify(replica, ReplicaId(chunk.ref.chunk, replica.shard, replica.placement))

    # -- looking around

    async def find_file(self, bucket: str, file_id: str) -> KnownFile:
        """The file with this id, in a bucket with file ids; `view` knows its nodes then. Raises: NotFound, also while
        the file is deleted; InvalidArgument, AccessDenied, NodeUnreachable."""
        async with self._sessions.operation():  # a session brings the map
            return (await self._catalog.find_file(FindFile(check_bucket(bucket), file_id))).file

    async def list_files(self, message: ListFiles) -> FileList:
        """One page of the files of a bucket with file ids, newest first, and how many there are in all; `view` knows
        their nodes then.

        Raises: NotFound (no such bucket), InvalidArgument, AccessDenied, NodeUnreachable.
        """
        async with self._sessions.operation():
            return await self._catalog.list_files(message)

    async def list_objects(self, message: ListObjects) -> ObjectList:
        """One page of names. Raises: NotFound (no such bucket), InvalidArgument."""
        return await self._catalog.list_objects(message)

    async def versions(self, message: ListVersions) -> VersionList:
        """One page of an object's versions, newest first. Raises: NotFound (no such bucket)."""
        return await self._catalog.versions(message)

    async def status(self) -> ClusterStatus:
        """How the cluster is."""
        return await self._directory.status()

    async def map_since(self, map_version: int) -> MapDelta:
        """What has changed among the members since that version; all of it since 0."""
        return await self._directory.map_since(map_version)

    # -- looking after the cluster

    async def scope(self) -> Scope:
        """What the access key may do. Raises: AccessDenied if there is no such key (any more), NodeUnreachable."""
        async with self._sessions.operation() as session:
            return session.scope

    async def create_key(self, message: CreateKey) -> NewKey:
        """Make an access key. Raises: as `Administration.create_key`."""
        return await self._administration.create_key(message)

    async def list_keys(self, message: ListKeys) -> KeyList:
        """One page of access keys. Raises: as `Administration.list_keys`."""
        return await self._administration.list_keys(message)

    async def revoke_key(self, message: RevokeKey) -> KeyRevoked:
        """End an access key. Raises: as `Administration.revoke_key`."""
        return await self._administration.revoke_key(message)


def _target(bucket: str, key: str) -> ObjectName:
    return ObjectName(check_bucket(bucket), check_key(key))


def _version(answer: VersionOutcome | Found) -> Version:
    if answer.error is not None:
        raise error_of(answer.error)
    if answer.version is None:
        raise OutcomeUnknown("the coordinator answered with nothing")
    return answer.version
