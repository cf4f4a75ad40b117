"""One connection of a client: one request at a time, and the reply to it."""

import asyncio
from collections.abc import Callable

from shoal.base.errors import DeadlineExceeded, OutcomeUnknown, ShoalError
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.net.alarm import Alarm
from shoal.net.connection import Connection
from shoal.net.head import HeadRefused, ReplyHead, parse_reply
from shoal.net.incoming import Body
from shoal.net.receive_memory import ReceiveMemory
from shoal.net.settings import LinkSettings

_INTERIM_MAX = 8
_SWITCHING_PROTOCOLS = 101


class ClientConnection(Connection[ReplyHead]):
    """I post requests and give replies. Unusable for ever after the first thing that goes wrong."""

    def __init__(
        self,
        address: Address,
        limits: LinkSettings,
        *,
        memory: ReceiveMemory,
        made: Callable[["ClientConnection"], None],
        gone: Callable[["ClientConnection"], None],
    ) -> None:
        super().__init__(limits, memory)
        self.address = address
        self._made = made
        self._gone = gone
        self._alarm = Alarm(self._loop, self._late)
        self._is_resting = False
        self._is_to_head = False
        self._interim_count = 0

    # What the transport and the shared part call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._alarm.cancel()
        super().connection_lost(exc)
        self._gone(self)

    def parse(self, raw: bytes) -> ReplyHead | None:
        head = parse_reply(raw, self._limits, to_head=self._is_to_head)
        if head.status >= 200:
            return head
        self._interim_count += 1
        if head.status == _SWITCHING_PROTOCOLS or self._interim_count > _INTERIM_MAX:
            raise HeadRefused(400, "interim replies that nobody asked for")
        return None

    def uncalled_for(self) -> None:
        self.cut()

    def sender_too_slow(self) -> None:
        self.cut()

    def reader_too_slow(self) -> None:
        self._give_up(DeadlineExceeded(f"{self.address} does not take the request's body", address=self.address))

    def _late(self) -> None:
        if self._is_resting:
            self.cut()
        else:
            self._give_up(DeadlineExceeded(f"no reply from {self.address} by the deadline", address=self.address))

    def _give_up(self, error: ShoalError) -> None:
        self.fail(error)
        self.cut()

    # What the borrower calls.

    @property
    def is_usable(self) -> bool:
        """As far as this side knows, the peer listens, and nothing is left over from the last exchange."""
        return not (self.is_ended or self.is_closing or self._is_deaf or self._inbox)

    def rest(self) -> None:
        """Unused from now on: close after `pool_idle_ns`."""
        self._is_resting = True
        self._alarm.set(self._loop.time() + self._limits.pool_idle_ns / SECOND)

    def begin(self, raw: bytes, *, when: float, to_head: bool) -> bool:
        """Post the first bytes of a request whose reply must be there by `when`; `to_head`: it is a HEAD.

        False if the connection took nothing: then the request was surely not done.
        """
        self._is_resting = False
        self._is_to_head = to_head
        self._interim_count = 0
        self._alarm.set(when)
        self.write(raw)
        return not self.is_closing

    def no_deadline(self) -> None:
        """The reply is there; from here on only the least rate counts."""
        self._alarm.clear()

    async def reply(self) -> tuple[ReplyHead, Body]:
        """The reply, its body still arriving. Call it right after `begin`: bytes that nobody waits for are refused.

        Raises: OutcomeUnknown, DeadlineExceeded.
        """
        try:
            message = await self.receive()
        except HeadRefused as refused:
            raise OutcomeUnknown(
                f"what {self.address} replied is not acceptable: {refused.why}", address=self.address
            ) from refused
        if message is None:
            raise OutcomeUnknown(f"{self.address} closed the connection without a reply", address=self.address)
        return message
