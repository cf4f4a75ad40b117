"""Whatever a user gives to be stored, as a `Source`: bytes, a path, an open file, an iterator, a stream.

What is neither bytes nor a path comes once, and is kept by `StreamSource` until it is durable.
"""

import inspect
import io
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeGuard

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument
from shoal.base.units import KIB
from shoal.ports.transfer import Source
from shoal.wiring.stream_source import StreamSource
from shoal.wiring.transfers import BytesSource, FileSource
from shoal.wiring.users_code import Transfer

FRAME_BYTES = 256 * KIB
"""What is asked of a file at a time, and of an iterator whose items are small."""

_WANTED = "give bytes, a pathlib.Path, a file opened with 'rb', or an iterable of bytes"


class BinaryReader(Protocol):
    """A file that was opened for reading bytes, or what behaves so. It may give fewer bytes than asked for, and b"" at
    its end."""

    def read(self, size: int, /) -> bytes | None: ...


class AsyncBinaryReader(Protocol):
    """The same, to be awaited: an `asyncio.StreamReader`, for one."""

    async def read(self, size: int, /) -> bytes: ...


Given = Buffer | Path | BinaryReader | Iterable[Buffer]
"""What the plain door stores."""

AnyGiven = Given | AsyncBinaryReader | AsyncIterable[Buffer]
"""What the asynchronous door stores."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source, and how many bytes it will give, as far as that can be known for telling progress."""

    source: Source
    total: int | None


@asynccontextmanager
async def opened_source(given: AnyGiven, transfer: Transfer) -> AsyncIterator[Opened]:
    """What was given, ready to be stored. Files and iterators are read from where they stand, and left open.

    Raises: InvalidArgument, NotFound (no such file). Reading raises what the user's own code raises.
    """
    if isinstance(given, Path):
        file = FileSource(given)
        try:
            yield Opened(file, file.size)
        finally:
            file.close()
    elif (content := _content(given)) is not None:
        yield Opened(BytesSource(content), len(content))
    else:
        total = await transfer.call(lambda: _rest(given)) if isinstance(given, io.IOBase) else None
        async with aclosing(_frames(given, transfer)) as frames:
            stream = StreamSource(frames)
            try:
                yield Opened(stream, total)
            finally:
                stream.close()


def is_asynchronous(given: object) -> bool:
    """Whether it must be awaited, which the plain door cannot."""
    return isinstance(given, AsyncIterable) or _is_async_reader(given)


def _content(given: object) -> memoryview | None:
    """The bytes, if they lie in memory. Raises: InvalidArgument for what looks like bytes or a path, and is neither."""
    if isinstance(given, str):
        raise InvalidArgument("a str is neither bytes nor a path: give text.encode(), or pathlib.Path(text)")
    try:
        return memoryview(given).cast("B")  # type: ignore[arg-type]
    except TypeError:
        return None


def _is_async_reader(given: object) -> TypeGuard[AsyncBinaryReader]:
    return inspect.iscoroutinefunction(getattr(given, "read", None))


def _rest(file: io.IOBase) -> int | None:
    """How many bytes come from here on. Only of real files and of memory: others may have to unpack everything."""
    raw = getattr(file, "raw", file)
    if not isinstance(raw, io.FileIO | io.BytesIO) or not file.seekable():
        return None
    at = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(at)
    return max(0, end - at)


def _frames(given: object, transfer: Transfer) -> AsyncGenerator[Buffer, None]:
    if _is_async_reader(given):
        return _read(given, transfer)
    if isinstance(given, AsyncIterable):
        return _each(given, transfer)
    if callable(read := getattr(given, "read", None)):
        return _pulled(lambda: _checked(read(FRAME_BYTES)), transfer)
    if isinstance(given, Iterable):
        items = iter(given)
        return _pulled(lambda: _some(items), transfer)
    raise InvalidArgument(f"a {type(given).__name__} cannot be stored: {_WANTED}")


async def _read(reader: AsyncBinaryReader, transfer: Transfer) -> AsyncGenerator[Buffer, None]:
    while frame := _checked(await transfer.wait(reader.read(FRAME_BYTES))):
        yield frame


async def _each(given: AsyncIterable[object], transfer: Transfer) -> AsyncGenerator[Buffer, None]:
    items = aiter(given)
    while (item := await transfer.wait(anext(items, None))) is not None:
        yield _checked(item)


async def _pulled(pull: Callable[[], Buffer], transfer: Transfer) -> AsyncGenerator[Buffer, None]:
    """What blocking code gives, until it gives nothing."""
    while frame := await transfer.call(pull):
        yield frame


def _some(items: Iterator[object]) -> bytes:
    """Items up to a frame's size, in one: each hop between threads costs as much as a small item weighs."""
    parts: list[bytes] = []
    size = 0
    for item in items:
        # A copy, because an iterator may use its buffer again for the next item.
        parts.append(bytes(_checked(item)))
        size += len(parts[-1])
        if size >= FRAME_BYTES:
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _checked(item: object) -> Buffer:
    """Raises: InvalidArgument unless it is bytes."""
    if isinstance(item, bytes | bytearray | memoryview):
        return item
    if isinstance(item, str):
        raise InvalidArgument("what is to be stored gave text, not bytes: open it with 'rb', or encode it")
    raise InvalidArgument(f"what is to be stored gave a {type(item).__name__}, not bytes: {_WANTED}")
