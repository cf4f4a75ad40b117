"""The client: verbs over one cluster. Wiring gives it a link and an Env; doors for users stand in `wiring`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from shoal.base.env import Env
from shoal.base.errors import NotFound, TransientError, check
from shoal.base.ids import Instant, ReplicaId, VersionId
from shoal.client.cluster_view import ClusterView
from shoal.client.get import ObjectGet, check_range
from shoal.client.put import ObjectPut, Progress, PutOptions
from shoal.client.put_chunk import ChunkWriter
from shoal.client.read_chunk import ChunkReader
from shoal.client.session import SessionKeeper
from shoal.client.settings import ClientSettings
from shoal.core import routes
from shoal.core.names import check_bucket, check_key
from shoal.formats.errors import error_of
from shoal.formats.grant import grant_text
from shoal.model.catalog import Version
from shoal.model.messages.objects import (
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
from shoal.ports.catalog import Catalog, Directory
from shoal.ports.link import NodeLink, Request
from shoal.ports.log import Log
from shoal.ports.transfer import Sink, Source

_VERIFY_REPLY_BYTES_MAX = 64 * 1024
_PLAIN = PutOptions()


class Client:
    """I am one user's view of a cluster. Use me as an async context; my methods may be called concurrently."""

    def __init__(
        self,
        env: Env,
        *,
        link: NodeLink,
        catalog: Catalog,
        directory: Directory,
        settings: ClientSettings,
        log: Log,
    ) -> None:
        self._env = env
        self._link = link
        self._catalog = catalog
        self._directory = directory
        self._settings = settings
        self._log = log
        self.view = ClusterView(env, directory)
        self._sessions = SessionKeeper(env, catalog, self.view, rotate_ns=settings.session_rotate_ns, log=log)
        self._writer = ChunkWriter(env, link, self.view, settings, log)
        self._reader = ChunkReader(env, link, self.view, settings, log)
        self._reader.on_damage = self._report_damage
        self._group: asyncio.TaskGroup | None = None
        self._heartbeats: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        check(self._group is None, "a client is opened once")
        self._group = await asyncio.TaskGroup().__aenter__()
        self._heartbeats = self._group.create_task(self._sessions.run(), name="session-heartbeats")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, heartbeats = self._tasks, self._heartbeats
        if heartbeats:
            heartbeats.cancel()
        try:
            if exc is None:
                await self._sessions.close()
        finally:
            try:
                await group.__aexit__(kind, exc, trace)
            except BaseExceptionGroup as errors:
                if errors.exceptions != (exc,):
                    raise
                # The caller's own error is all there is: it goes on as it is.
            finally:
                await self._link.close()

    @property
    def _tasks(self) -> asyncio.TaskGroup:
        if self._group is None:
            raise TransientError("the client is not open")
        return self._group

    # -- writing

    async def put(self, bucket: str, key: str, source: Source, *, options: PutOptions = _PLAIN) -> Version:
        """Store `source` as the new current version of `key`; durable and visible on return.

        Raises: InvalidArgument, PreconditionFailed (the old version stays), NotFound (no such bucket), AccessDenied,
        QuorumNotReached, NodeUnreachable, StaleEpoch. After these the old version is current; after OutcomeUnknown it
        may be either.
        """
        check_bucket(bucket)
        check_key(key)
        async with self._sessions.operation() as session:
            chunk_bytes = options.chunk_bytes or self.view.map.settings.chunk_bytes
            put = ObjectPut(
                self._env, catalog=self._catalog, writer=self._writer, session=session, settings=self._settings
            )
            commit = await put.run(bucket, key, source, options, chunk_bytes=chunk_bytes)
            try:
                outcome = await session.calls.commit(commit, self._tasks)
            finally:
                session.end_sequence(commit.sequence)
        return _version(outcome.version, outcome)

    async def delete(
        self, bucket: str, key: str, *, version: VersionId | None = None, precondition: Precondition | None = None
    ) -> Deleted:
        """Without a version: write a delete marker. With one: that version goes for good.

        Raises: NotFound (no such bucket or version), PreconditionFailed, and as `put`.
        """
        check_bucket(bucket)
        check_key(key)
        async with self._sessions.operation() as session:
            sequence = session.begin_sequence()
            message = Delete(
                session=session.id,
                sequence=sequence,
                name=Name(bucket, key, version),
                precondition=precondition or Precondition(),
            )
            try:
                return await self._catalog.delete(message)
            finally:
                session.end_sequence(sequence)

    # -- reading

    @asynccontextmanager
    async def open(self, bucket: str, key: str, version: VersionId | None = None) -> AsyncIterator[ObjectGet]:
        """An object (or one version) ready to be read; what it needs is kept from removal until the context ends.

        Raises: NotFound, AccessDenied, NodeUnreachable.
        """
        check_bucket(bucket)
        check_key(key)
        name = Name(bucket, key, version)
        async with self._sessions.operation() as session:
            lookup = session.begin_lookup()
            try:
                found = await session.calls.lookup(name, self._tasks)
                yield ObjectGet(
                    catalog=self._catalog,
                    reader=self._reader,
                    session=session,
                    settings=self._settings,
                    version=_version(found.version, found),
                    name=name,
                    first_page=found.chunks,
                )
            finally:
                session.end_lookup(lookup)

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
        check_bucket(bucket)
        check_key(key)
        async with self._sessions.operation() as session:
            found = await session.calls.stat(Name(bucket, key, version), self._tasks)
        return _version(found.version, found)

    # -- looking around

    async def list_objects(self, message: ListObjects) -> ObjectList:
        """One page of names. Raises: NotFound (no such bucket), InvalidArgument."""
        return await self._catalog.list_objects(message)

    async def versions(self, message: ListVersions) -> VersionList:
        """One page of an object's versions, newest first. Raises: NotFound (no such bucket)."""
        return await self._catalog.versions(message)

    async def status(self) -> ClusterStatus:
        """How the cluster is."""
        return await self._directory.status()

    # -- damage

    def _report_damage(self, location: ReplicaLocation, replica: ReplicaId) -> None:
        self._tasks.create_task(self._ask_to_verify(location, replica), name="report-damage")

    async def _ask_to_verify(self, location: ReplicaLocation, replica: ReplicaId) -> None:
        request = Request(
            "POST",
            f"{routes.REPLICAS}{replica.address}/verify",
            {routes.GRANT_HEADER: grant_text(location.grant)},
        )
        deadline = Instant(self._env.clock.now() + self._settings.transfer_deadline_ns)
        try:
            address = self.view.address_of(location.node)
            await self._link.call(address, request, deadline=deadline, reply_bytes_max=_VERIFY_REPLY_BYTES_MAX)
        except TransientError as exc:
            # The replica stays bad and the next reader reports it again; nobody needs to act here.
            self._log.info("damage_report_failed", replica=replica.address, why=exc.sentence)


def _version(version: Version | None, answer: VersionOutcome | Found) -> Version:
    if answer.error is not None:
        raise error_of(answer.error)
    if version is None:
        raise NotFound("the coordinator answered with nothing")
    return version
