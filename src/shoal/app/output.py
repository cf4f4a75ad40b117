"""What verbs print: plain text for people, JSON for programs. Colours only where they are wanted."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from shoal.base.ids import VersionId, WallNs, version_text
from shoal.base.units import SECOND, format_size
from shoal.core.names import DEFAULT_BUCKET, SCHEME, ObjectName
from shoal.model.catalog import Bucket, Version, VersionKind

_COLOURS = {"up": 32, "suspect": 33, "down": 31}


def print_json(document: Mapping[str, object]) -> None:
    """One document on one line."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def print_line(text: str) -> None:
    """One line for people."""
    sys.stdout.write(text + "\n")


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they must be. Titles that begin with `>` are of numbers, which stand to the right."""
    lines = [[title.removeprefix(">") for title in titles], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(titles))]
    for line in lines:
        cells = (
            cell.rjust(width) if title.startswith(">") else cell.ljust(width)
            for cell, width, title in zip(line, widths, titles, strict=True)
        )
        print_line("  ".join(_painted(cell) for cell in cells).rstrip())


def _painted(cell: str) -> str:
    colour = _COLOURS.get(cell.rstrip())
    return cell if colour is None or not has_colours() else f"\x1b[{colour}m{cell}\x1b[0m"


def has_colours() -> bool:
    """Only for a terminal, and not with NO_COLOR (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shown(name: str) -> str:
    """A name on one line, and without what a terminal would obey."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in name)


def shown_object(name: ObjectName) -> str:
    """As a user may write it, made printable."""
    return shown(name.key if name.bucket == DEFAULT_BUCKET else f"{SCHEME}{name.bucket}/{name.key}")


def time_text(moment: WallNs) -> str:
    """For people, in UTC."""
    return datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")


def json_time(moment: WallNs) -> str:
    """RFC 3339, in UTC, to the microsecond."""
    whole, part = divmod(moment, SECOND)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{part // 1000:06}Z"


def version_document(name: ObjectName, version: Version) -> dict[str, object]:
    """What programs get to know of a version."""
    return {
        "bucket": name.bucket,
        "key": name.key,
        "version": version_text(version.version_id),
        "is_delete_marker": version.kind is VersionKind.DELETE_MARKER,
        "size": version.size,
        "created": json_time(version.created_ns),
        "content_type": version.content_type,
        "metadata": version.metadata,
        "chunks": version.chunk_count,
        "chunk_bytes": version.chunk_bytes,
        "root": version.root.hex(),
        "file_id": version.file_id,
    }


def version_line(name: ObjectName, version: Version) -> str:
    """What people get to know of a version that is current now."""
    return f"{shown_object(name)}  version {version_text(version.version_id)}  {format_size(version.size)}"


def renamed_document(source: ObjectName, target: ObjectName, version: Version) -> dict[str, object]:
    """What programs get to know of `version`, which `target` got from `source`."""
    return version_document(target, version) | {"source": {"bucket": source.bucket, "key": source.key}}


def renamed_text(source: ObjectName, target: ObjectName, version: Version) -> str:
    """The same for people."""
    return f"{shown_object(source)}  to {version_line(target, version)}"


def bucket_document(bucket: Bucket) -> dict[str, object]:
    """What programs get to know of a bucket."""
    return {"bucket": bucket.name, "created": json_time(bucket.created_ns), "is_versioned": bucket.is_versioned}


def optional_version(version: VersionId | None) -> str | None:
    """The text of a version, if there is one."""
    return None if version is None else version_text(version)


def count_text(count: int, one: str) -> str:
    """So many of something that is called `one` and takes an s."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def transfer_text(size: int, seconds: float) -> str:
    """How much in which time, and the rate."""
    return f"{format_size(size)} in {seconds:.2f} s ({format_size(size / max(seconds, 1e-6))}/s)"
