"""Versions of one name: the live one in `o/`, all others in `v/`, newest first.

Invariant: a live version is newer than all others of its name; without one the newest is a marker, or there is none.
What lies below a purge marker is nobody's any more.
"""

from msgspec.structs import replace

from shoal.base.errors import ManifestDamaged, PreconditionFailed, TransientError, check
from shoal.base.ids import VersionId, WallNs
from shoal.core.catalog import rows
from shoal.core.catalog.chunks import change_references
from shoal.core.catalog.results import keep_made
from shoal.core.catalog.version_ids import mint_version_id
from shoal.formats import keys
from shoal.model.catalog import Bucket, ManifestState, Version, VersionKind
from shoal.model.messages.objects import Name, Precondition
from shoal.ports.engine import Row, Snapshot, Tx


def check_precondition(precondition: Precondition, current: Version | None) -> None:
    """Raises: PreconditionFailed unless what the caller asked of the current version holds."""
    if precondition.if_absent and current is not None:
        raise PreconditionFailed("the object exists already", version=current.version_id.hex())
    wanted = precondition.if_version
    if wanted is not None and (current is None or current.version_id != wanted):
        raise PreconditionFailed(
            "the current version is another one" if current else "the object does not exist", wanted=wanted.hex()
        )


def is_purged(snapshot: Snapshot, name: Name, version_id: VersionId) -> bool:
    """Whether a version that is not the live one lies below a purge marker, or is one: then it is nobody's any more."""
    purge = rows.OPEN_PURGE.find(snapshot, keys.open_purge(name.bucket, name.key))
    return purge is not None and version_id <= purge.marker


def newest_other(snapshot: Snapshot, name: Name) -> Row | None:
    """The row of the newest version that is not the live one."""
    start, end = keys.versions(name.bucket, name.key)
    found = snapshot.scan(start, end, limit=1)
    return found[0] if found else None


def newest_version(snapshot: Snapshot, name: Name, live: Version | None) -> Version | None:
    """The newest version of a name, which is `live` if there is one, and else may be a marker."""
    if live is not None:
        return live
    other = newest_other(snapshot, name)
    return None if other is None else rows.VERSION.load(other[1])


def mint_after(former: Version | None, *, stamp: WallNs, commit_number: int) -> VersionId:
    """The id of the version that follows `former`, the newest of its name until now."""
    version_id = mint_version_id(stamp, commit_number)
    check(former is None or version_id > former.version_id, "the engine's clock went back", stamp=stamp)
    return version_id


def retire(tx: Tx, bucket: Bucket, key: str, *, live: Version, value: bytes) -> None:
    """`live`, with the row's bytes `value`, is about to be replaced: it stays as a version if the bucket keeps them."""
    if bucket.is_versioned:
        tx.put(keys.version(bucket.name, key, live.version_id), value)
    else:
        release(tx, live)


def refer(tx: Tx, version: Version) -> None:
    """Another version is about to have the content of `version`: what that refers to is needed once more.

    Raises: TransientError if it is not live; ManifestDamaged.
    """
    _count(tx, version, 1)


def release(tx: Tx, version: Version) -> None:
    """A version is removed for good: what it referred to is needed once less. No bytes are touched."""
    keep_made(tx, version)
    _count(tx, version, -1)


def _count(tx: Tx, version: Version, step: int) -> None:
    if version.manifest:
        key = keys.manifest(version.manifest)
        head = rows.MANIFEST.find(tx, key)
        if head is None or head.references < 1:
            raise ManifestDamaged("a version names a manifest that does not count it", row=key.hex())
        if step > 0 and head.state is not ManifestState.LIVE:
            raise TransientError("the manifest is not live: nothing new may refer to it", row=key.hex())
        rows.MANIFEST.put(tx, key, replace(head, references=head.references + step))
    elif version.chunks:
        change_references(tx, [ref.chunk for ref in version.chunks], step)


def promote_newest(tx: Tx, name: Name) -> Version | None:
    """After a removal: the newest version that is left, if there is one. It becomes the live one again, unless it is a
    marker."""
    newest = newest_other(tx, name)
    if newest is None:
        return None
    key, value = newest
    version = rows.VERSION.load(value)
    if version.kind is VersionKind.OBJECT:
        tx.delete(key)
        tx.put(keys.live(name.bucket, name.key), value)
    return version
