"""The messages of one upload: which file they name, and its bytes, until the sender has said that it is complete.

An end of stream alone says nothing: gRPC shows a sender that died, a call that was cancelled and a message that was
refused for its size by the same sign as a sender that is done. Only a call that is still alive after it has ended well.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from shoal.base.errors import InvalidArgument
from shoal.core.names import check_key
from shoal.gateway.files.patience import Patience
from shoal.gateway.files.settings import MESSAGE_BYTES_MAX
from shoal.gateway.rpc.door import parse
from shoal_pb.filestore_pb2 import UploadRequest

_DRAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first messages tell. `size` None: nothing is said of it."""

    filename: str
    content_type: str
    size: int | None


class UploadMessages:
    """I read one upload: first `opening`, then `frames`."""

    def __init__(
        self, requests: AsyncIterator[bytes], *, confirm_alive: Callable[[], Awaitable[None]], patience: Patience
    ) -> None:
        """`confirm_alive` does not return if the call has died."""
        self._requests = requests
        self._confirm_alive = confirm_alive
        self._patience = patience
        self._total_size = 0
        self._came = 0
        self._first: list[bytes] = []
        self._is_ended = False

    async def opening(self) -> Opening:
        """Read until a message names the file. Raises: InvalidArgument if none does, or none can be called so."""
        while self._came <= MESSAGE_BYTES_MAX:
            message = await self._next()
            if message is None:
                raise InvalidArgument("no message has a filename")
            self._first.append(self._taken(message))
            if message.filename:
                return Opening(check_key(message.filename), message.content_type, self._total_size or None)
        raise InvalidArgument("the first messages have no filename")

    async def frames(self) -> AsyncIterator[bytes]:
        """The bytes of the file, none of them empty. Raises: InvalidArgument if there are more or fewer than was
        said."""
        first, self._first = self._first, []
        for came in first:
            if came:
                yield came
        first.clear()
        while (chunk := await self._next_chunk()) is not None:
            if chunk:
                yield chunk
        if self._total_size and self._came != self._total_size:
            raise InvalidArgument(f"total_size says {self._total_size} bytes, and {self._came} came")

    async def drain(self) -> None:
        """Read on for a moment without keeping anything: a sender that is still sending may not hear why it failed."""
        self._first.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while not self._is_ended:
                    self._is_ended = await anext(self._requests, None) is None

    async def _next_chunk(self) -> bytes | None:
        """The bytes of the next message: nothing else of it is kept while they are used."""
        message = await self._next()
        return None if message is None else self._taken(message)

    async def _next(self) -> UploadRequest | None:
        async with self._patience.waiting():
            raw = await anext(self._requests, None)
        if raw is None:
            self._is_ended = True
            await self._confirm_alive()
            return None
        return parse(UploadRequest, raw)

    def _taken(self, message: UploadRequest) -> bytes:
        """The bytes of a message, counted."""
        if message.total_size:
            self._note_size(message.total_size)
        chunk = message.chunk
        self._came += len(chunk)
        self._patience.moved(len(chunk))
        if self._total_size and self._came > self._total_size:
            raise InvalidArgument(f"total_size says {self._total_size} bytes, and more came")
        return chunk

    def _note_size(self, total_size: int) -> None:
        if total_size < 0:
            raise InvalidArgument(f"total_size is {total_size}")
        if self._total_size not in (0, total_size):
            raise InvalidArgument(f"total_size is {self._total_size} first, and {total_size} later")
        self._total_size = total_size
