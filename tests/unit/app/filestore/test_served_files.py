"""What a file service tells over gRPC, as the verbs want it."""

import re
from types import SimpleNamespace
from typing import cast

import pytest

from shoal.app.filestore.served_files import ServedFiles
from shoal.app.filestore.service import UploadOptions
from shoal.base.errors import FormatUnknown, InvalidArgument
from shoal.wiring.file_server import FileServer
from shoal.wiring.transfers import BytesSource


def told(created_at: str) -> SimpleNamespace:
    """A file, as another server describes it."""
    return SimpleNamespace(
        file_id="an id",
        filename="name",
        size=7,
        content_type="text/plain",
        created_at=created_at,
        updated_at=created_at,
        versions=["older", "newer"],
        replicas=["node-2", "node-1"],
    )


class FakeServer:
    """I know one file, and a listing of `count`."""

    def __init__(self, *, created_at: str = "2025-10-09T08:53:21Z", count: int = 0) -> None:
        self._file = told(created_at)
        self._count = count
        self.asked: list[tuple[int, int]] = []

    async def info(self, file_id: str) -> SimpleNamespace:
        """It."""
        return self._file

    async def list(self, *, page: int, page_size: int) -> SimpleNamespace:
        """Its page."""
        self.asked.append((page, page_size))
        count = max(0, min(page_size, self._count - (page - 1) * page_size))
        return SimpleNamespace(files=[self._file] * count, total_count=self._count)


def files_of(server: FakeServer) -> ServedFiles:
    return ServedFiles(cast(FileServer, server))


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2025-10-09T08:53:21Z", 1_760_000_001_000_000_000),
        ("2025-10-09T10:53:21+02:00", 1_760_000_001_000_000_000),
        ("2025-10-09T08:53:21.123456789Z", 1_760_000_001_123_456_000),
        ("2025-10-09T08:53:21", 1_760_000_001_000_000_000),
    ],
)
async def test_times_are_read_as_servers_write_them(text: str, ns: int) -> None:
    assert (await files_of(FakeServer(created_at=text)).info("an id")).created_ns == ns


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13-09T08:53:21Z", "9" * 4000])
async def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(FormatUnknown, match=re.escape(f"the server tells a time as {text[:40]!a}")):
        await files_of(FakeServer(created_at=text)).info("an id")


async def test_the_newest_version_stands_first() -> None:
    entry = await files_of(FakeServer()).info("an id")
    assert (entry.version_id, entry.versions) == ("newer", ("newer", "older"))


async def test_pages_are_asked_for_until_all_is_there() -> None:
    server = FakeServer(count=1200)
    page = await files_of(server).list(skip=700, limit=1000)
    assert (len(page.files), page.total) == (500, 1200)
    assert server.asked == [(2, 500), (3, 500)]


async def test_copies_are_the_servers_to_choose() -> None:
    options = UploadOptions(copies=3, content_type="", progress=lambda done: None)
    with pytest.raises(InvalidArgument, match="for the server to say"):
        await files_of(FakeServer()).upload("name", BytesSource(b""), options)
