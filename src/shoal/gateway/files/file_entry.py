"""Files as the calls of the service name and describe them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from shoal.base.errors import InvalidArgument, NotFound
from shoal.base.ids import VersionId, WallNs, parse_file_id, version_text
from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.core.names import FILESTORE_BUCKET
from shoal.model.messages.files import KnownFile
from shoal_pb.filestore_pb2 import FileInfoResponse


async def find_file(client: Client, file_id: str) -> KnownFile:
    """The file with this id. Raises: NotFound, also of what could be no id; InvalidArgument if there is none."""
    return await client.find_file(FILESTORE_BUCKET, known_id(file_id))


def known_id(file_id: str) -> str:
    """`file_id`, if a file could have it. Raises: NotFound, InvalidArgument (it is empty)."""
    if not file_id:
        raise InvalidArgument("the file_id is missing")
    try:
        parse_file_id(file_id)
    except InvalidArgument as exc:
        raise NotFound(f"there is no file {file_id[:80]!a}") from exc
    return file_id


def described(file: KnownFile, versions: Iterable[VersionId], *, client: Client) -> FileInfoResponse:
    """What the service tells of a file; `versions` newest first."""
    return FileInfoResponse(
        file_id=file.file_id,
        filename=file.key,
        size=file.version.size,
        content_type=file.version.content_type,
        created_at=_time_text(file.created_ns),
        updated_at=_time_text(file.version.created_ns),
        versions=reversed([version_text(version) for version in versions]),
        replicas=client.view.in_ring_order(file.version.placement_key, file.nodes),
    )


def _time_text(moment: WallNs) -> str:
    """RFC 3339, in UTC, to the second."""
    return datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
