"""What the file verbs print: lines that scripts of the first file service read, and JSON documents."""

import sys
from collections.abc import Iterable

from shoal.app.filestore.service import FileEntry, FilePage, Uploaded
from shoal.app.output import json_time, print_line, shown
from shoal.base.ids import WallNs


def file_document(entry: FileEntry) -> dict[str, object]:
    """What programs get to know of a file."""
    return {
        "file_id": entry.file_id,
        "filename": entry.filename,
        "version": entry.version_id,
        "size": entry.size,
        "content_type": entry.content_type,
        "created": json_time(entry.created_ns),
        "updated": json_time(entry.updated_ns),
        "versions": list(entry.versions),
        "replicas": list(entry.replicas),
    }


def uploaded_document(filename: str, uploaded: Uploaded) -> dict[str, object]:
    """What programs get to know of an upload."""
    return {
        "file_id": uploaded.file_id,
        "filename": filename,
        "version": uploaded.version_id,
        "size": uploaded.size,
        "replicas": list(uploaded.replicas),
    }


def print_uploaded(uploaded: Uploaded) -> None:
    """After an upload. Scripts take the third word of the line that has `File ID:`."""
    print_line("✓ Upload successful!")
    print_line(f"  File ID: {shown(uploaded.file_id)}")
    print_line(f"  Version ID: {shown(uploaded.version_id)}")
    print_line(f"  Size: {uploaded.size} bytes")
    print_line(f"  Replicas: {_listed(uploaded.replicas)}")


def print_entry(entry: FileEntry) -> None:
    """All that is known of one file."""
    print_line(f"File ID: {shown(entry.file_id)}")
    print_line(f"Filename: {shown(entry.filename)}")
    print_line(f"Size: {entry.size} bytes")
    print_line(f"Content Type: {shown(entry.content_type)}")
    print_line(f"Created: {_time(entry.created_ns)}")
    print_line(f"Updated: {_time(entry.updated_ns)}")
    print_line(f"Versions: {_listed(entry.versions)}")
    print_line(f"Replicas: {_listed(entry.replicas)}")


def print_page(page: FilePage, *, first: int) -> None:
    """Files, numbered from `first` on."""
    if not page.files:
        print_line("No files found")
        return
    print_line(f"Files (Total: {page.total})")
    for number, entry in enumerate(page.files, start=first):
        print_line(f"{number}. {shown(entry.filename)}")
        print_line(f"   ID: {shown(entry.file_id)}")
        print_line(f"   Size: {entry.size} bytes")
        print_line(f"   Created: {_time(entry.created_ns)}")
        print_line(f"   Replicas: {_listed(entry.replicas)}")


class PercentLine:
    """I am the line `Progress: NN.NN%` on standard output: rewritten on a terminal, elsewhere written at the end."""

    def __init__(self, total: int, *, is_wanted: bool) -> None:
        self._total = total
        self._is_wanted = is_wanted
        self._is_rewritten = is_wanted and sys.stdout.isatty()

    def advance(self, done: int) -> None:
        """So many bytes are durable."""
        if self._is_rewritten and self._total:
            sys.stdout.write(f"\rProgress: {100 * done / self._total:.2f}%")
            sys.stdout.flush()

    def finish(self) -> None:
        """All is done."""
        if self._is_wanted:
            print_line(("\r" if self._is_rewritten else "") + "Progress: 100.00%")

    def give_up(self) -> None:
        """An error is told next: on a line of its own."""
        if self._is_rewritten:
            print_line("")


def _listed(words: Iterable[str]) -> str:
    return f"[{' '.join(map(shown, words))}]"


def _time(moment: WallNs) -> str:
    """RFC 3339, in UTC, to the second."""
    return f"{json_time(moment)[:19]}Z"
