"""The body of a PUT: payload, then seal. Frames may be cut anywhere, also within the seal."""

from collections.abc import AsyncIterator

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument
from shoal.formats.seal import SEAL_BYTES, Seal, open_seal
from shoal.ports.link import IncomingBody


class ReplicaBody:
    """I give the payload frame by frame, then the seal."""

    def __init__(self, body: IncomingBody, size: int) -> None:
        self._body = body
        self._size = size
        self._seal = b""

    async def payload(self) -> AsyncIterator[Buffer]:
        """The payload's frames. Raises: OutcomeUnknown or DeadlineExceeded if the sender breaks off or is too slow."""
        left = self._size
        while left:
            frame = await self._next_frame()
            if len(frame) > left:
                self._seal = bytes(memoryview(frame)[left:])
                frame = memoryview(frame)[:left]
            left -= len(frame)
            yield frame

    async def seal(self) -> Seal:
        """What stands behind the payload, which must have been read. Raises: InvalidArgument."""
        while len(self._seal) < SEAL_BYTES:
            self._seal += await self._next_frame()
        return open_seal(self._seal)

    async def skip(self) -> Seal:
        """The seal of a payload that nobody needs."""
        async for _ in self.payload():
            pass
        return await self.seal()

    async def _next_frame(self) -> Buffer:
        frame = await self._body.next_frame()
        if not frame:
            raise InvalidArgument("the body is shorter than it was announced to be")
        return frame
