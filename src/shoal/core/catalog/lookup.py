"""Lookup: which version a name means, and where its chunks lie."""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.base.errors import InvalidArgument, ManifestDamaged, NotFound
from shoal.base.ids import version_text
from shoal.core.catalog import rows
from shoal.core.catalog.buckets import read_bucket
from shoal.core.catalog.staging import read_page
from shoal.core.catalog.versions import is_purged, newest_other
from shoal.formats import keys
from shoal.model.catalog import ChunkRef, ChunkRow, Version, VersionKind
from shoal.model.messages.objects import Name
from shoal.ports.engine import Snapshot


@dataclass(frozen=True, slots=True)
class KnownChunk:
    """A chunk of a manifest and its row."""

    ref: ChunkRef
    row: ChunkRow


def find_version(snapshot: Snapshot, name: Name) -> Version:
    """The version that `name` means: the live one, or the one named. Raises: NotFound, also for a delete marker."""
    live = rows.VERSION.find(snapshot, keys.live(name.bucket, name.key))
    if live is not None and name.version in (None, live.version_id):
        return live
    if name.version is None:
        raise _absent(snapshot, name)
    version = rows.VERSION.find(snapshot, keys.version(name.bucket, name.key, name.version))
    if version is None or is_purged(snapshot, name, name.version):
        read_bucket(snapshot, name.bucket)
        raise NotFound(f"{name.key!r} has no version {version_text(name.version)}", bucket=name.bucket, key=name.key)
    if version.kind is VersionKind.DELETE_MARKER:
        raise NotFound(
            f"version {version_text(name.version)} of {name.key!r} is a delete marker: it has no content", key=name.key
        )
    return version


def first_chunks(snapshot: Snapshot, version: Version) -> list[KnownChunk]:
    """All chunks of a version, or those of its first page. Raises: ManifestDamaged."""
    refs = read_page(snapshot, version.manifest, 0).chunks if version.manifest else version.chunks
    return known_chunks(snapshot, refs)


def page_chunks(snapshot: Snapshot, name: Name, page: int) -> list[KnownChunk]:
    """The chunks of one page of the version that `name` means. Raises: NotFound, ManifestDamaged."""
    version = find_version(snapshot, name)
    if not version.manifest:
        raise InvalidArgument("this version has no pages: its lookup tells all chunks", key=name.key)
    return known_chunks(snapshot, read_page(snapshot, version.manifest, page).chunks)


def known_chunks(snapshot: Snapshot, refs: Sequence[ChunkRef]) -> list[KnownChunk]:
    """The rows of chunks that a version names. Raises: ManifestDamaged if one has no row or says other bytes."""
    if not refs:
        return []
    found = rows.CHUNK.find_many(snapshot, [keys.chunk(ref.chunk) for ref in refs])
    return [_known(ref, row) for ref, row in zip(refs, found, strict=True)]


def _known(ref: ChunkRef, row: ChunkRow | None) -> KnownChunk:
    if row is None or (row.size, row.sha256, row.crc64) != (ref.size, ref.sha256, ref.crc64):
        raise ManifestDamaged("a version and the row of its chunk do not agree", chunk=ref.chunk.hex())
    return KnownChunk(ref, row)


def _absent(snapshot: Snapshot, name: Name) -> NotFound:
    read_bucket(snapshot, name.bucket)
    newest = newest_other(snapshot, name)
    if newest is None or rows.VERSION.load(newest[1]).kind is VersionKind.PURGE_MARKER:
        return NotFound(f"there is no object {name.key!r}", bucket=name.bucket, key=name.key)
    return NotFound(
        f"{name.key!r} was deleted; its former versions can still be read by their ids",
        bucket=name.bucket,
        key=name.key,
    )
