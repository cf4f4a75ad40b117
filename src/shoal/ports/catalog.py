"""Which manifest is current, and who is in the cluster: what a client asks of a coordinator, or, in peer mode, of its
peers. Tries again inside: what is raised is final for the call."""

from typing import Protocol

from shoal.model.cluster import MapDelta
from shoal.model.messages import buckets, copies, files, objects, sessions, status


class Directory(Protocol):
    """Who is in the cluster. Raises, all: AccessDenied; Throttled or NodeUnreachable when nobody answered in time."""

    async def map_since(self, map_version: int) -> MapDelta:
        """What changed since that version; all of it since 0."""
        ...

    async def status(self) -> status.ClusterStatus: ...


class Catalog(Protocol):
    """What exists. Mutating calls carry session and sequence number: sending one again finds the first result.

    Raises, all: AccessDenied; StaleEpoch when the session is dead; Throttled or NodeUnreachable when nobody answered in
    time, after trying for a while. After these nothing was done: where a change may have been done, all that change
    objects or buckets raise (or tell in their outcomes) OutcomeUnknown instead.
    """

    async def open_session(self, message: sessions.OpenSession) -> sessions.SessionOpened: ...

    async def session_heartbeat(self, message: sessions.SessionHeartbeat) -> sessions.SessionAlive: ...

    async def close_session(self, message: sessions.CloseSession) -> sessions.SessionClosed: ...

    async def stage(self, message: objects.Stage) -> objects.Staged:
        """Raises: also InvalidArgument, QuorumNotReached, AlreadyExists."""
        ...

    async def page(self, message: objects.GetPage) -> objects.Page:
        """Raises: also NotFound, InvalidArgument, ManifestDamaged."""
        ...

    async def commit(self, message: objects.CommitBatch) -> objects.CommitReply:
        """Each commit has an outcome of its own: a version, or an error like PreconditionFailed."""
        ...

    async def lookup(self, message: objects.LookupBatch) -> objects.LookupReply:
        """Each name has an answer of its own: a version, or an error like NotFound."""
        ...

    async def delete(self, message: objects.Delete) -> objects.Deleted:
        """Raises: also NotFound, PreconditionFailed, InvalidArgument."""
        ...

    async def list_objects(self, message: objects.ListObjects) -> objects.ObjectList:
        """Raises: also NotFound, InvalidArgument."""
        ...

    async def versions(self, message: objects.ListVersions) -> objects.VersionList:
        """Raises: also NotFound, InvalidArgument."""
        ...

    async def copy(self, message: copies.Copy) -> copies.Copied:
        """Raises: also NotFound, PreconditionFailed, InvalidArgument."""
        ...

    async def undelete(self, message: copies.Undelete) -> copies.Undeleted:
        """Raises: also NotFound, PreconditionFailed, InvalidArgument."""
        ...

    async def create_bucket(self, message: buckets.CreateBucket) -> buckets.BucketCreated:
        """Raises: also AlreadyExists, InvalidArgument."""
        ...

    async def delete_bucket(self, message: buckets.DeleteBucket) -> buckets.BucketDeleted:
        """Raises: also NotFound, PreconditionFailed, InvalidArgument."""
        ...

    async def list_buckets(self, message: buckets.ListBuckets) -> buckets.BucketList:
        """Raises: also InvalidArgument."""
        ...

    async def usage(self, message: buckets.GetUsage) -> buckets.UsagePart:
        """Raises: also NotFound, InvalidArgument."""
        ...

    async def find_file(self, message: files.FindFile) -> files.FileFound:
        """Raises: also NotFound, InvalidArgument."""
        ...

    async def list_files(self, message: files.ListFiles) -> files.FileList:
        """Raises: also NotFound, InvalidArgument."""
        ...

    async def purge(self, message: files.Purge) -> files.Purged:
        """While the answer says that it is not complete, the same message goes on. Raises: also NotFound,
        InvalidArgument."""
        ...
