"""Which manifest is current, and who is in the cluster: what a client asks of a coordinator, or, in peer mode, of its
peers. Times out and retries inside; what is raised is final for the call."""

from typing import Protocol

from shoal.model.cluster import MapDelta
from shoal.model.messages import objects, sessions, status


class Directory(Protocol):
    """Who is in the cluster."""

    async def map_since(self, map_version: int) -> MapDelta: ...

    async def status(self) -> status.ClusterStatus: ...


class Catalog(Protocol):
    """What exists. Mutating calls carry session and sequence number: sending one again finds the first result.

    Raises, all: AccessDenied; StaleEpoch when the session is dead; QuorumNotReached, Throttled, DeadlineExceeded or
    NodeUnreachable when no coordinator answered in time, after trying for a while.
    """

    async def open_session(self, message: sessions.OpenSession) -> sessions.SessionOpened: ...

    async def session_heartbeat(self, message: sessions.SessionHeartbeat) -> sessions.SessionAlive: ...

    async def close_session(self, message: sessions.CloseSession) -> sessions.SessionClosed: ...

    async def stage(self, message: objects.Stage) -> objects.Staged: ...

    async def page(self, message: objects.GetPage) -> objects.Page: ...

    async def commit(self, message: objects.CommitBatch) -> objects.CommitReply: ...

    async def lookup(self, message: objects.LookupBatch) -> objects.LookupReply: ...

    async def delete(self, message: objects.Delete) -> objects.Deleted: ...

    async def list_objects(self, message: objects.ListObjects) -> objects.ObjectList: ...

    async def versions(self, message: objects.ListVersions) -> objects.VersionList: ...
