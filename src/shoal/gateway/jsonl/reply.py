"""Replies: one JSON document and a newline, fields in a fixed order, those that say nothing left out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from shoal.base.digests import Buffer
from shoal.gateway.jsonl.base64_text import encoded

ERROR_CHARS_MAX = 400

_PLAIN_BYTES = 64 * 1024


class Block(msgspec.Struct, frozen=True):
    """A block of a file. `data_server` is where its first copy lies."""

    id: str
    data_server: str
    size: int


class FileMetadata(msgspec.Struct, frozen=True):
    """A file."""

    name: str
    total_size: int
    blocks: Sequence[Block]


class ListedFile(msgspec.Struct, frozen=True):
    """A file in a list."""

    name: str
    total_size: int


class _Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """`data` stands between `metadata` and `files`; it is never there with `files`."""

    status: Literal["ok", "error"]
    error: str = ""
    metadata: FileMetadata | None = None
    files: Sequence[ListedFile] | None = None
    next_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command came to. `content` is told as base64 in `data`, unless it is empty."""

    metadata: FileMetadata | None = None
    content: Sequence[Buffer] = ()
    files: Sequence[ListedFile] | None = None
    next_after: str = ""


PLAIN = Answer()
"""It is done, and there is nothing to tell."""


def error_line(sentence: str) -> bytes:
    """The reply that refuses a request."""
    # What a request said may stand in the sentence, half surrogate pairs included, which no UTF-8 has.
    text = sentence[:ERROR_CHARS_MAX].encode(errors="backslashreplace").decode()
    return msgspec.json.encode(_Head(status="error", error=text)) + b"\n"


async def answer_pieces(answer: Answer) -> AsyncIterator[bytes]:
    """The reply in pieces, between which others have their turn."""
    head = _Head(status="ok", metadata=answer.metadata, files=answer.files, next_after=answer.next_after)
    line = msgspec.json.encode(head)
    for start in range(0, len(line) - 1, _PLAIN_BYTES):
        yield line[start : min(start + _PLAIN_BYTES, len(line) - 1)]
        await asyncio.sleep(0)
    is_first = True
    async for piece in encoded(answer.content):
        yield b',"data":"' + piece if is_first else piece
        is_first = False
    yield b"}\n" if is_first else b'"}\n'
