"""What an access key allows. The route table says what each call needs; here it is held against a key."""

from shoal.base.errors import AccessDenied, check
from shoal.base.ids import WallNs
from shoal.core.routes import Caller, Reach, Route
from shoal.model.access_keys import Scope
from shoal.model.messages import buckets, copies, files, objects
from shoal.ports.keyring import AccessKey

_SCOPES = {Caller.READER: Scope.READ, Caller.WRITER: Scope.WRITE, Caller.ADMIN: Scope.ADMIN}


def is_expired(expires_ns: WallNs | None, wall: WallNs) -> bool:
    """Whether a key's time is over."""
    return expires_ns is not None and wall >= expires_ns


def check_call(key: AccessKey, route: Route, *, wall: WallNs) -> None:
    """May the key make this call at all? Raises: AccessDenied."""
    if is_expired(key.expires_ns, wall):
        raise AccessDenied("the access key has expired", key=key.key_id)
    needed = _SCOPES.get(route.caller)
    if needed is None:
        raise AccessDenied("only nodes make this call")
    if key.scope < needed:
        raise AccessDenied(f"the access key may not do this: it needs {needed.name.lower()} scope", key=key.key_id)
    if key.buckets and route.reach is Reach.CLUSTER:
        raise AccessDenied("the access key may not do this: it is limited to some buckets", key=key.key_id)


def check_message(key: AccessKey, route: Route, message: object) -> None:
    """May the key say this? Where each item is refused alone, the handler asks `check_bucket`. Raises: AccessDenied."""
    if key.buckets and route.reach is Reach.NAMED_BUCKETS:
        for bucket in _buckets_named(message):
            check_bucket(key, bucket)


def check_bucket(key: AccessKey, bucket: str) -> None:
    """Is the bucket one of the key's? Raises: AccessDenied, whether there is such a bucket or not."""
    if key.buckets and bucket not in key.buckets:
        raise AccessDenied(f"the access key may not touch bucket {bucket[:80]!r}", key=key.key_id)


def _buckets_named(message: object) -> tuple[str, ...]:
    match message:
        case (
            objects.ListObjects(bucket=bucket)
            | objects.ListVersions(bucket=bucket)
            | copies.Undelete(bucket=bucket)
            | buckets.CreateBucket(bucket=bucket)
            | buckets.DeleteBucket(bucket=bucket)
            | buckets.GetUsage(bucket=bucket)
            | files.FindFile(bucket=bucket)
            | files.ListFiles(bucket=bucket)
            | files.Purge(bucket=bucket)
        ):
            return (bucket,)
        case objects.Delete(name=name) | objects.GetPage(name=name):
            return (name.bucket,)
        case copies.Copy(source=source, bucket=bucket):
            return (source.bucket, bucket)
    check(False, "a call names buckets, and nobody knows where", message=type(message).__name__)
    return ()
