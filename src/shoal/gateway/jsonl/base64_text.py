"""Base64 in slices, so that megabytes of it do not hold up the loop. Source: RFC 4648, section 4, with padding."""

import asyncio
import binascii
from collections.abc import AsyncIterator, Sequence

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument

_SLICE_CHARS = 256 * 1024
_SLICE_BYTES = _SLICE_CHARS // 4 * 3


async def decoded(text: str, *, bytes_max: int) -> memoryview:
    """The bytes that `text` stands for; only the standard alphabet, padded, with nothing around it.

    Raises: InvalidArgument.
    """
    size = len(text) // 4 * 3
    if size - 2 > bytes_max:
        raise InvalidArgument(f"{size:,} bytes are too many here; at most {bytes_max:,}", bytes_max=bytes_max)
    content = bytearray()
    for start in range(0, len(text), _SLICE_CHARS):
        piece = text[start : start + _SLICE_CHARS]
        content += _decode(piece)
        is_last = start + _SLICE_CHARS >= len(text)
        if not is_last and piece.endswith("="):
            raise _invalid()
        await asyncio.sleep(0)
    if len(content) > bytes_max:
        raise InvalidArgument(f"{len(content):,} bytes are too many here; at most {bytes_max:,}", bytes_max=bytes_max)
    return memoryview(content)


def _decode(piece: str) -> bytes:
    try:
        return binascii.a2b_base64(piece, strict_mode=True)
    except ValueError as exc:  # binascii.Error is one; characters beyond ASCII are another
        raise _invalid() from exc


def _invalid() -> InvalidArgument:
    return InvalidArgument("invalid base64 data")


async def encoded(content: Sequence[Buffer]) -> AsyncIterator[bytes]:
    """Base64 of all of `content`, in pieces; none if there are no bytes."""
    rest = b""
    for buffer in content:
        for start in range(0, len(buffer), _SLICE_BYTES):
            piece = rest + bytes(memoryview(buffer)[start : start + _SLICE_BYTES])
            whole = len(piece) // 3 * 3
            rest = piece[whole:]
            if whole:
                yield binascii.b2a_base64(memoryview(piece)[:whole], newline=False)
                await asyncio.sleep(0)
    if rest:
        yield binascii.b2a_base64(rest, newline=False)
