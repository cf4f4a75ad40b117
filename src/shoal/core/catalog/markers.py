"""Markers: versions without content, which say that an object was deleted, or that all of it goes for good."""

from shoal.core.catalog.once import Operation
from shoal.core.catalog.versions import mint_after
from shoal.model.catalog import Version, VersionKind
from shoal.ports.engine import Tx


def make_marker(tx: Tx, operation: Operation, kind: VersionKind, *, newest: Version) -> Version:
    """What follows `newest`, the newest version of its name, as `operation` makes it. It is not written yet."""
    stamp = tx.stamp()
    return Version(
        version_id=mint_after(newest, stamp=stamp, commit_number=tx.commit_number),
        kind=kind,
        size=0,
        created_ns=stamp,
        root=b"",
        chunk_count=0,
        chunk_bytes=0,
        chunks=(),
        manifest=b"",
        placement_key=newest.placement_key,
        file_id=newest.file_id,
        session=operation.session,
        sequence=operation.sequence,
    )
