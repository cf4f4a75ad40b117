"""Looking files up: by id, or a page of a bucket's files, newest first."""

from itertools import takewhile

from shoal.base.errors import InvalidArgument, ManifestDamaged, NotFound
from shoal.base.ids import NodeId, VersionId, file_id_text, parse_file_id
from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_number
from shoal.core.catalog.files import count_files, read_file_bucket
from shoal.core.catalog.staging import read_page
from shoal.core.names import check_bucket
from shoal.core.read_order import confirmed
from shoal.formats import keys
from shoal.model.catalog import FileRow, Version, VersionKind
from shoal.model.messages.files import (
    FILE_VERSIONS_MAX,
    FILES_MAX,
    FILES_SKIPPED_MAX,
    FileFound,
    FileList,
    FileMark,
    FindFile,
    KnownFile,
    ListFiles,
)
from shoal.ports.engine import Snapshot


def check_file_search(request: FindFile) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_bucket(request.bucket)
    parse_file_id(request.file_id)


def check_file_listing(request: ListFiles) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_bucket(request.bucket)
    if not 1 <= request.limit <= FILES_MAX:
        raise InvalidArgument(f"a page has 1 to {FILES_MAX} files", got=request.limit)
    check_number(request.skip, "the number of files to skip", below=FILES_SKIPPED_MAX + 1)
    if request.after is not None:
        check_number(request.after.created_ns, "the time of a file")
        parse_file_id(request.after.file_id)


def find_file(snapshot: Snapshot, request: FindFile) -> FileFound:
    """The file with an id. Raises: NotFound, also while the file is deleted; InvalidArgument for the bucket."""
    bucket = read_file_bucket(snapshot, request.bucket)
    row = rows.FILE.find(snapshot, keys.file(parse_file_id(request.file_id)))
    if row is None or row.bucket != bucket.name or row.purge is not None:
        raise NotFound(f"there is no file {request.file_id}", bucket=bucket.name)
    live = rows.VERSION.find(snapshot, keys.live(row.bucket, row.key))
    if live is None:
        raise NotFound(f"the file {request.file_id}, {row.key!r}, was deleted", bucket=bucket.name, key=row.key)
    return FileFound(_known(snapshot, row, live), snapshot.commit_number)


def list_files(snapshot: Snapshot, request: ListFiles) -> FileList:
    """One page of live files, newest first. Raises: NotFound, InvalidArgument for the bucket."""
    read_file_bucket(snapshot, request.bucket)
    start, end = keys.newest_files(request.bucket)
    if request.after is not None:
        start = keys.newest(request.bucket, request.after.created_ns, parse_file_id(request.after.file_id)) + b"\x00"
    found = snapshot.scan(start, end, limit=request.skip + request.limit + 1)
    page = [keys.newest_in(key) for key, _ in found[request.skip : request.skip + request.limit]]
    has_more = len(found) > request.skip + request.limit
    return FileList(
        files=tuple([_listed(snapshot, file_id) for _, file_id in page]),
        total=count_files(snapshot, request.bucket),
        next_after=FileMark(page[-1][0], file_id_text(page[-1][1])) if has_more else None,
        commit_number=snapshot.commit_number,
    )


def _listed(snapshot: Snapshot, file_id: bytes) -> KnownFile:
    row = rows.FILE.find(snapshot, keys.file(file_id))
    live = None if row is None else rows.VERSION.find(snapshot, keys.live(row.bucket, row.key))
    if row is None or live is None:
        raise ManifestDamaged("a file that is listed has no name, or no version", row=keys.file(file_id).hex())
    return _known(snapshot, row, live)


def _known(snapshot: Snapshot, row: FileRow, live: Version) -> KnownFile:
    versions, has_more = _versions(snapshot, row, live)
    return KnownFile(
        file_id=live.file_id,
        key=row.key,
        created_ns=row.created_ns,
        version=live,
        versions=versions,
        has_more_versions=has_more,
        nodes=_nodes(snapshot, live),
    )


def _versions(snapshot: Snapshot, row: FileRow, live: Version) -> tuple[tuple[VersionId, ...], bool]:
    """The first versions of the file, and whether there may be others."""
    found = snapshot.scan(*keys.versions(row.bucket, row.key), limit=FILE_VERSIONS_MAX)
    others = takewhile(
        lambda version: version.kind is not VersionKind.PURGE_MARKER, [rows.VERSION.load(value) for _, value in found]
    )
    kept = [live, *[version for version in others if version.kind is VersionKind.OBJECT]]
    return tuple([version.version_id for version in kept[:FILE_VERSIONS_MAX]]), len(found) == FILE_VERSIONS_MAX


def _nodes(snapshot: Snapshot, version: Version) -> tuple[NodeId, ...]:
    if not version.chunk_count:
        return ()
    refs = read_page(snapshot, version.manifest, 0).chunks if version.manifest else version.chunks
    row = rows.CHUNK.find(snapshot, keys.chunk(refs[0].chunk))
    if row is None:
        raise ManifestDamaged("a version names a chunk that has no row", chunk=refs[0].chunk.hex())
    return tuple(dict.fromkeys(placement.node for placement in confirmed(row.placements)))
