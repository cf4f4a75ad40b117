"""The route table of the internal plane, which is also its security table.

Every call that a coordinator or a node answers is one row: who may call it, how large it may be, whether a replay must
be noticed. A role that registers a handler for a route that is not here, or leaves one out, does not start.
"""

from enum import Enum

import msgspec

from shoal.base.units import MIB
from shoal.model import cluster
from shoal.model.messages import buckets, copies, files, keys, nodes, objects, sessions, status


class Caller(Enum):
    """Who may call."""

    NODE = "a node of this cluster, signed with its node key"
    READER = "an access key with read scope"
    WRITER = "an access key with write scope"
    ADMIN = "an access key with admin scope"


class Reach(Enum):
    """How far a call reaches, for keys that are limited to some buckets (`core.trust.access`)."""

    NO_BUCKET = "tells of no bucket and changes none: limited keys may call it"
    NAMED_BUCKETS = "names buckets, each of which must be one of the key's"
    OWN_BUCKETS = "tells a limited key of its own buckets only"
    EACH_ITEM = "each item names a bucket, and is refused alone if that is none of the key's"
    CLUSTER = "reaches across buckets: limited keys may not call it"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One signed control call: POST `target`, MessagePack both ways. Sizes in bytes.

    `is_remembered`: the nonce is kept for the time that the signature is valid, because a replay would change
    something; the other calls are reads, or carry a session and sequence number that make them idempotent.
    """

    target: str
    caller: Caller
    request: type
    reply: type
    request_bytes_max: int
    reply_bytes_max: int
    reach: Reach
    is_remembered: bool = False


def _route(
    target: str,
    caller: Caller,
    *,
    request: type,
    reply: type,
    reach: Reach = Reach.CLUSTER,
    is_remembered: bool = False,
) -> Route:
    return Route(
        target=target,
        caller=caller,
        reach=reach,
        request=request,
        reply=reply,
        request_bytes_max=4 * MIB,
        reply_bytes_max=16 * MIB,
        is_remembered=is_remembered,
    )


REGISTER = _route("/v1/nodes/register", Caller.NODE, request=nodes.RegisterNode, reply=nodes.NodeRegistered)
HEARTBEAT = _route("/v1/nodes/heartbeat", Caller.NODE, request=nodes.Heartbeat, reply=nodes.HeartbeatReply)
MAP = _route("/v1/map", Caller.READER, reach=Reach.NO_BUCKET, request=sessions.GetMap, reply=cluster.MapDelta)
OPEN_SESSION = _route(
    "/v1/sessions/open",
    Caller.READER,
    reach=Reach.NO_BUCKET,
    request=sessions.OpenSession,
    reply=sessions.SessionOpened,
    is_remembered=True,
)
SESSION_HEARTBEAT = _route(
    "/v1/sessions/heartbeat",
    Caller.READER,
    reach=Reach.NO_BUCKET,
    request=sessions.SessionHeartbeat,
    reply=sessions.SessionAlive,
)
CLOSE_SESSION = _route(
    "/v1/sessions/close",
    Caller.READER,
    reach=Reach.NO_BUCKET,
    request=sessions.CloseSession,
    reply=sessions.SessionClosed,
)
STAGE = _route("/v1/manifests/stage", Caller.WRITER, reach=Reach.NO_BUCKET, request=objects.Stage, reply=objects.Staged)
PAGE = _route(
    "/v1/manifests/page", Caller.READER, reach=Reach.NAMED_BUCKETS, request=objects.GetPage, reply=objects.Page
)
COMMIT = _route(
    "/v1/objects/commit", Caller.WRITER, reach=Reach.EACH_ITEM, request=objects.CommitBatch, reply=objects.CommitReply
)
LOOKUP = _route(
    "/v1/objects/lookup", Caller.READER, reach=Reach.EACH_ITEM, request=objects.LookupBatch, reply=objects.LookupReply
)
DELETE = _route(
    "/v1/objects/delete", Caller.WRITER, reach=Reach.NAMED_BUCKETS, request=objects.Delete, reply=objects.Deleted
)
LIST = _route(
    "/v1/objects/list", Caller.READER, reach=Reach.NAMED_BUCKETS, request=objects.ListObjects, reply=objects.ObjectList
)
VERSIONS = _route(
    "/v1/objects/versions",
    Caller.READER,
    reach=Reach.NAMED_BUCKETS,
    request=objects.ListVersions,
    reply=objects.VersionList,
)
COPY = _route("/v1/objects/copy", Caller.WRITER, reach=Reach.NAMED_BUCKETS, request=copies.Copy, reply=copies.Copied)
UNDELETE = _route(
    "/v1/objects/undelete", Caller.WRITER, reach=Reach.NAMED_BUCKETS, request=copies.Undelete, reply=copies.Undeleted
)
FIND_FILE = _route(
    "/v1/files/find", Caller.READER, reach=Reach.NAMED_BUCKETS, request=files.FindFile, reply=files.FileFound
)
LIST_FILES = _route(
    "/v1/files/list", Caller.READER, reach=Reach.NAMED_BUCKETS, request=files.ListFiles, reply=files.FileList
)
PURGE = _route("/v1/objects/purge", Caller.WRITER, reach=Reach.NAMED_BUCKETS, request=files.Purge, reply=files.Purged)
CREATE_BUCKET = _route(
    "/v1/buckets/create",
    Caller.WRITER,
    reach=Reach.NAMED_BUCKETS,
    request=buckets.CreateBucket,
    reply=buckets.BucketCreated,
)
DELETE_BUCKET = _route(
    "/v1/buckets/delete",
    Caller.WRITER,
    reach=Reach.NAMED_BUCKETS,
    request=buckets.DeleteBucket,
    reply=buckets.BucketDeleted,
)
LIST_BUCKETS = _route(
    "/v1/buckets/list", Caller.READER, reach=Reach.OWN_BUCKETS, request=buckets.ListBuckets, reply=buckets.BucketList
)
USAGE = _route(
    "/v1/buckets/usage", Caller.READER, reach=Reach.NAMED_BUCKETS, request=buckets.GetUsage, reply=buckets.UsagePart
)
STATUS = _route(
    "/v1/status", Caller.READER, reach=Reach.NO_BUCKET, request=status.GetStatus, reply=status.ClusterStatus
)
CREATE_KEY = _route("/v1/keys/create", Caller.ADMIN, request=keys.CreateKey, reply=keys.KeyCreated, is_remembered=True)
LIST_KEYS = _route("/v1/keys/list", Caller.ADMIN, request=keys.ListKeys, reply=keys.KeyList, is_remembered=True)
REVOKE_KEY = _route("/v1/keys/revoke", Caller.ADMIN, request=keys.RevokeKey, reply=keys.KeyRevoked, is_remembered=True)

COORDINATOR_ROUTES: tuple[Route, ...] = (
    REGISTER,
    HEARTBEAT,
    MAP,
    OPEN_SESSION,
    SESSION_HEARTBEAT,
    CLOSE_SESSION,
    STAGE,
    PAGE,
    COMMIT,
    LOOKUP,
    DELETE,
    LIST,
    VERSIONS,
    COPY,
    UNDELETE,
    FIND_FILE,
    LIST_FILES,
    PURGE,
    CREATE_BUCKET,
    DELETE_BUCKET,
    LIST_BUCKETS,
    USAGE,
    STATUS,
    CREATE_KEY,
    LIST_KEYS,
    REVOKE_KEY,
)

REPLICAS = "/v1/replicas/"
"""On nodes: PUT, GET, HEAD, DELETE `/v1/replicas/<address>` and POST `/v1/replicas/<address>/verify`, each under a
grant in `x-shoal-grant` (base64url, unpadded)."""

GRANT_HEADER = "x-shoal-grant"
TARGETS_HEADER = "x-shoal-targets"
"""PUT: `<node id>.<placement>` of the replicas to forward to, then `;`, then those of the spares, comma-separated."""
QUORUM_HEADER = "x-shoal-quorum"
"""PUT: durable replicas to wait for, this node's own included."""
PRIMARY_HEADER = "x-shoal-primary"
"""PUT, forwarded: the node id of the primary, whose seal key signed the seal."""
SHA256_HEADER = "x-shoal-sha256"
CRC64_HEADER = "x-shoal-crc64"
TABLE_HEADER = "x-shoal-table"
"""GET: how many bytes of block table come before the blocks in the body."""
