"""A file service in memory, for the verbs that use one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from shoal.app.filestore.service import FileEntry, FilePage, FileService, Uploaded, UploadOptions
from shoal.app.options import Shared
from shoal.base.errors import NotFound
from shoal.base.ids import parse_version, version_text
from shoal.ports.transfer import Source
from support.catalog_bench import uuid_of
from support.fake_client import made_at, version_id

T = TypeVar("T")

NODES = ("node-2", "node-1")


class FakeFiles:
    """I am a `FileService`. `entries` by name, in the order of their first versions."""

    def __init__(self) -> None:
        self.entries: dict[str, FileEntry] = {}
        self.contents: dict[str, bytes] = {}
        self.options: list[UploadOptions] = []
        self.error: Exception | None = None

    async def upload(self, filename: str, source: Source, options: UploadOptions) -> Uploaded:
        """Read all of `source` and keep it."""
        self.options.append(options)
        if self.error:
            raise self.error
        content = bytes(await source.read_at(0, source.size or 0))
        options.progress(len(content))
        number = len(self.contents) + 1
        version, now = version_text(version_id(number)), made_at(number)
        self.contents[version] = content
        former = self.entries.get(filename)
        entry = FileEntry(
            file_id=uuid_of("file", number) if former is None else former.file_id,
            filename=filename,
            version_id=version,
            size=len(content),
            content_type=options.content_type,
            created_ns=now if former is None else former.created_ns,
            updated_ns=now,
            versions=(version, *(() if former is None else former.versions)),
            replicas=NODES if content else (),
        )
        self.entries[filename] = entry
        return Uploaded(file_id=entry.file_id, version_id=version, size=entry.size, replicas=entry.replicas)

    async def list(self, *, skip: int, limit: int) -> FilePage:
        """The newest first."""
        newest = sorted(self.entries.values(), key=lambda entry: entry.created_ns, reverse=True)
        return FilePage(tuple(newest[skip : skip + limit]), len(newest))

    async def info(self, file_id: str) -> FileEntry:
        """What was kept."""
        for entry in self.entries.values():
            if entry.file_id == file_id:
                return entry
        raise NotFound(f"there is no file {file_id}")

    async def download(self, file_id: str, path: Path, *, version: str | None) -> int:
        """Write it at once."""
        entry = await self.info(file_id)
        content = self.contents[version_text(parse_version(version)) if version else entry.version_id]
        return path.write_bytes(content)  # noqa: ASYNC240  a few bytes, in a test

    async def delete(self, file_id: str) -> None:
        """All of it."""
        del self.entries[(await self.info(file_id)).filename]

    def rename(self, former: str, name: str) -> None:
        """Give a file a name that no local file can have."""
        self.entries[name] = replace(self.entries.pop(former), filename=name)


def call_with(files: FakeFiles) -> Callable[..., object]:
    """What stands in for `call_files`."""

    def call(_shared: Shared, work: Callable[[FileService], Awaitable[T]]) -> T:
        async def run() -> T:
            return await work(files)

        return asyncio.run(run())

    return call
