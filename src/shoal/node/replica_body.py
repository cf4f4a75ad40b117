"""The body of a PUT: payload, then seal. Frames may be cut anywhere, also within the seal."""

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument
from shoal.formats.seal import SEAL_BYTES, Seal, open_seal
from shoal.ports.link import IncomingBody


class ReplicaBody:
    """I give the payload frame by frame, then the seal.

    Raises, all: OutcomeUnknown if the sender breaks off, DeadlineExceeded if it is too slow, InvalidArgument if what
    comes is not a replica's body.
    """

    __slots__ = ("_body", "_left", "_seal")

    def __init__(self, body: IncomingBody, size: int) -> None:
        """`size` is the payload's."""
        self._body = body
        self._left = size
        self._seal = b""

    async def next_frame(self) -> Buffer:
        """The next bytes of the payload; empty at its end."""
        if not self._left:
            return b""
        frame = await self._next()
        if len(frame) > self._left:
            view = memoryview(frame)
            frame, self._seal = view[: self._left], bytes(view[self._left :])
        self._left -= len(frame)
        return frame

    async def whole(self) -> bytes:
        """All of the payload; for small ones."""
        frame = await self.next_frame()
        if not self._left:
            return bytes(frame)
        frames = [frame]
        while frame := await self.next_frame():
            frames.append(frame)
        return b"".join(frames)

    async def seal(self) -> Seal:
        """What stands behind the payload, which must have been read."""
        while len(self._seal) < SEAL_BYTES:
            self._seal += await self._next()
        return open_seal(self._seal)

    async def skip(self) -> Seal:
        """The seal of a payload that nobody needs."""
        while self._left:
            await self.next_frame()
        return await self.seal()

    async def _next(self) -> Buffer:
        frame = await self._body.next_frame()
        if not frame:
            raise InvalidArgument("the body is shorter than it was announced to be")
        return frame
