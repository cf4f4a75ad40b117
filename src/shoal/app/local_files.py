"""Where a put's bytes come from and a get's go: a file, a pipe, standard input and output."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shoal.base.errors import InvalidArgument
from shoal.core.names import ObjectName
from shoal.ports.transfer import Source
from shoal.wiring.env.blocking_stream import BlockingStream
from shoal.wiring.stream_source import StreamSource
from shoal.wiring.transfers import FileSource

STANDARD = "-"
"""Standard input or output."""

_STDIN, _STDOUT = 0, 1


@contextmanager
def opened_source(file: str) -> Iterator[Source]:
    """The bytes of FILE; what is no regular file is read once, as a stream. Opening a pipe waits for its writer, so
    this must not be called on an event loop. Raises: NotFound, InvalidArgument."""
    if file == STANDARD:
        yield from _streamed(_STDIN)
    elif _is_stream(file):
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from _streamed(descriptor)
        finally:
            os.close(descriptor)
    else:
        source = FileSource(Path(file))
        try:
            yield source
        finally:
            source.close()


def _streamed(descriptor: int) -> Iterator[Source]:
    source = StreamSource(BlockingStream(descriptor).frames())
    try:
        yield source
    finally:
        source.close()


def name_of(file: str) -> str:
    """The name for FILE if the user gave none: its base name. Raises: InvalidArgument."""
    if file == STANDARD or _is_stream(file):
        raise InvalidArgument(f"what comes from {file} needs a NAME")
    return os.path.basename(os.path.abspath(file))


def destination_of(name: ObjectName, file: str | None) -> Path:
    """Where an object goes that is to become FILE: there, or under the base name of its key, in that directory or the
    current one. Raises: InvalidArgument if the key has no base name that can be a file's."""
    if file is not None and not os.path.isdir(file):
        return Path(file)
    base = name.key.rpartition("/")[2]
    if base in ("", os.curdir, os.pardir):
        raise InvalidArgument(f"{name.key[:80]!a} ends in no name that a file can have; say which FILE")
    return Path(file or os.curdir, base)


def standard_output() -> BlockingStream:
    """For bytes that go there in order."""
    return BlockingStream(_STDOUT)


@contextmanager
def opened_stream(file: str | None) -> Iterator[BlockingStream | None]:
    """FILE, if bytes must go to it in order: standard output, a pipe, a device. None for a file, or one to be."""
    if file == STANDARD:
        yield standard_output()
    elif file is not None and _is_stream(file):
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield BlockingStream(descriptor)
        finally:
            os.close(descriptor)
    else:
        yield None


def _is_stream(file: str) -> bool:
    """Whether it is there, and neither a regular file nor a directory."""
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
