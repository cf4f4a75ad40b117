"""Before a body is taken in: a share of the memory that this node allows for bytes in flight.

A share is what a PUT may hold at worst. One whose sender is slow holds far less, and a hundred slow senders must not
keep everybody else out: while somebody waits, such shares are cut down to the one frame that is being filled.
"""

import asyncio

from shoal.base.digests import Buffer
from shoal.base.env import Clock
from shoal.base.errors import Throttled
from shoal.base.ids import Instant
from shoal.base.units import KIB, MIB, SECOND
from shoal.core.memory_budget import Lane, MemoryBudget
from shoal.ports.link import FRAME_BYTES, IncomingBody

SHARE_BYTES_MAX = 4 * MIB
"""What a client's PUT holds at worst: frames that wait to be read, hashed, written and forwarded."""
FORWARD_SHARE_BYTES_MAX = 2 * MIB
"""The same for a forwarded one, which is neither hashed nor forwarded."""
_COPIES = 4
"""What a small replica takes, in its own sizes: as it came, as it waits for the disk, as it is written."""
_SLOW_SHARE_BYTES = FRAME_BYTES
_SLOW_RATE = 64 * KIB
"""Bytes a second; a sender below it fills no queue."""
_LOOK_NS = SECOND


class Share:
    """I am memory that one request may use. Whoever needs it longer than the request holds me too."""

    __slots__ = ("_admission", "_held", "_lane", "_size", "is_starved", "looked_at", "moved_bytes")

    def __init__(self, admission: "Admission", lane: Lane, size: int) -> None:
        self._admission = admission
        self._lane = lane
        self._size = size
        self._held = 1
        self.is_starved = False
        """The request waits for its sender, not for this node."""
        self.looked_at = Instant(0)
        self.moved_bytes = 0
        """What came since then."""

    @property
    def is_slow(self) -> bool:
        """It was cut down."""
        return self._size <= _SLOW_SHARE_BYTES

    def hold(self) -> None:
        """One more needs me."""
        self._held += 1

    def let_go(self) -> None:
        """One needs me no more; the last one gives me back."""
        self._held -= 1
        if not self._held:
            self._admission.give_back(self, self._lane, self._size)

    def moved(self, count: int) -> None:
        """So many bytes came in one piece. A whole frame: the sender is not slow any more, and counts in full."""
        self.moved_bytes += count
        if count == FRAME_BYTES and self.is_slow:
            full = FORWARD_SHARE_BYTES_MAX if self._lane is Lane.LARGE_FORWARD else SHARE_BYTES_MAX
            self._admission.overdraw(self._lane, full - self._size)
            self._size = full

    def cut_down(self) -> None:
        """Give back all but what a slow sender needs."""
        surplus, self._size = self._size - _SLOW_SHARE_BYTES, _SLOW_SHARE_BYTES
        self._admission.cut_down(self._lane, surplus)


class Admission:
    """I let PUTs in as memory allows, each lane in order of arrival, and send away who would wait too long."""

    def __init__(self, clock: Clock, *, memory_bytes: int, wait_ns: int) -> None:
        self._clock = clock
        self._budget: MemoryBudget[asyncio.Future[None]] = MemoryBudget(memory_bytes)
        self._wait_ns = wait_ns
        self._shares: dict[Share, None] = {}
        self._looked_at = Instant(0)

    @property
    def used_bytes(self) -> int:
        """What all shares hold."""
        return self._budget.used_bytes

    async def share(self, body_bytes: int, *, is_forward: bool, is_small: bool) -> Share:
        """A share for a PUT with so large a body; `let_go` of it. Raises: Throttled after `wait_ns`."""
        if is_small:
            lane = Lane.SMALL_FORWARD if is_forward else Lane.SMALL
        else:
            lane = Lane.LARGE_FORWARD if is_forward else Lane.LARGE
        size = min(_COPIES * body_bytes, FORWARD_SHARE_BYTES_MAX if is_forward else SHARE_BYTES_MAX)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._budget.ask(lane, size, turn):
            await self._await(turn, lane, size)
        share = Share(self, lane, size)
        if not is_small:
            share.looked_at = self._clock.now()
            self._shares[share] = None
        return share

    def give_back(self, share: Share, lane: Lane, size: int) -> None:
        """The last who needed `share` is done."""
        self._shares.pop(share, None)
        self._call(self._budget.give_back(lane, size))

    def cut_down(self, lane: Lane, size: int) -> None:
        """A slow one does not need so much."""
        self._call(self._budget.give_back(lane, size))

    def overdraw(self, lane: Lane, size: int) -> None:
        """One that was cut down holds so much again."""
        self._budget.overdraw(lane, size)

    async def _await(self, turn: "asyncio.Future[None]", lane: Lane, size: int) -> None:
        give_up = self._clock.now() + self._wait_ns
        is_in = False
        try:
            while not turn.done() and (left := give_up - self._clock.now()) > 0:
                self._look()
                await asyncio.wait([turn], timeout=min(left, _LOOK_NS) / SECOND)
            is_in = turn.done()
        finally:
            if not is_in:
                was_granted = turn.done()
                self._call(self._budget.give_back(lane, size) if was_granted else self._budget.withdraw(lane, turn))
        if not is_in:
            raise Throttled("this node has as many bytes in flight as its memory allows; try again")

    def _look(self) -> None:
        """Cut down those that wait for a slow sender."""
        now = self._clock.now()
        if now - self._looked_at < _LOOK_NS:
            return
        self._looked_at = now
        for share in [each for each in self._shares if now - each.looked_at >= _LOOK_NS]:
            is_slow = share.moved_bytes * SECOND < _SLOW_RATE * (now - share.looked_at)
            share.looked_at, share.moved_bytes = now, 0
            if share.is_starved and is_slow and not share.is_slow:
                share.cut_down()

    def _call(self, granted: "list[asyncio.Future[None]]") -> None:
        for turn in granted:
            turn.set_result(None)


class SharedBody:
    """I am a body whose share knows how it moves."""

    __slots__ = ("_body", "_share")

    def __init__(self, body: IncomingBody, share: Share) -> None:
        self._body = body
        self._share = share

    @property
    def length(self) -> int:
        """See `IncomingBody.length`."""
        return self._body.length

    async def next_frame(self) -> Buffer:
        """See `IncomingBody.next_frame`."""
        share = self._share
        share.is_starved = True
        try:
            frame = await self._body.next_frame()
        finally:
            share.is_starved = False
        share.moved(len(frame))
        return frame

    async def read_all(self, limit: int) -> bytes:
        """See `IncomingBody.read_all`."""
        return await self._body.read_all(limit)
