"""Who stands at a door: an open client for each credential, shared by all calls that show it.

A client signs with its caller's own key, so the coordinator decides on every call what that key may do, and a key that
is revoked is refused there at once; no door decides about rights, and none keeps them. A client is opened when its
credential is first shown, and stays only if the coordinator knows the key.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from shoal.base.env import Clock
from shoal.base.errors import AccessDenied, InvalidArgument, ShoalError, Throttled
from shoal.base.ids import Instant
from shoal.base.units import MINUTE
from shoal.client.client import Client
from shoal.client.one_error import one_error
from shoal.core.trust.signing import Credential
from shoal.formats.errors import body_of, error_of
from shoal.model.access_keys import Scope

OpenClient = Callable[[Credential], AbstractAsyncContextManager[Client]]
"""An open client of the door's cluster that signs with this credential."""


@dataclass(frozen=True, slots=True)
class CallerSettings:
    """How many clients a door keeps. All values are positive. Raises: InvalidArgument."""

    clients_max: int = 64
    """Credentials that may be in use at a time, the door's own not counted."""
    idle_ns: int = 5 * MINUTE
    """After this time without a call a client is closed, but the door's own."""

    def __post_init__(self) -> None:
        if self.clients_max < 1 or self.idle_ns < 1:
            raise InvalidArgument("a door keeps at least one client, for some time")


@dataclass(frozen=True, slots=True)
class Caller:
    """A client, and what its key may do. Nobody but the coordinator refuses by it."""

    client: Client
    scope: Scope


@dataclass(slots=True, eq=False)
class _Slot:
    """One client: opening, open, or about to close."""

    credential: Credential
    used_at: Instant
    users: int = 0
    caller: Caller | None = None
    error: ShoalError | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once there is a caller or an error."""
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once nobody wants it any more."""


class Callers:
    """I am the clients of one door. `calling` makes me."""

    def __init__(
        self,
        clock: Clock,
        open_client: OpenClient,
        *,
        own: Credential | None,
        settings: CallerSettings,
        group: asyncio.TaskGroup,
    ) -> None:
        self._clock = clock
        self._open_client = open_client
        self._own = own
        self._settings = settings
        self._group = group
        self._slots: dict[Credential, _Slot] = {}
        """In the order of their last use."""
        self._is_open = True

    @asynccontextmanager
    async def caller(self, credential: Credential | None = None) -> AsyncIterator[Caller]:
        """The caller with this credential; without one the door's own, if it serves those who have none.

        Raises: AccessDenied (no such key, or one is needed), Throttled (too many callers), NodeUnreachable.
        """
        slot = self._slot(credential)
        slot.users += 1
        try:
            await slot.settled.wait()
            if slot.error is not None:
                raise error_of(body_of(slot.error))  # one for each who waited
            if slot.caller is None:
                raise Throttled("this door is closing")
            yield slot.caller
        finally:
            slot.users -= 1
            slot.used_at = self._clock.now()
            if self._slots.get(slot.credential) is not slot and not slot.users:
                slot.leave.set()

    def _slot(self, credential: Credential | None) -> _Slot:
        if not self._is_open:
            raise Throttled("this door is closing")
        wanted = credential or self._own
        if wanted is None:
            raise AccessDenied("this needs an access key")
        slot = self._slots.pop(wanted, None) or self._opening(wanted)
        self._slots[wanted] = slot
        return slot

    def _opening(self, credential: Credential) -> _Slot:
        if credential != self._own:
            self._make_room()
        slot = _Slot(credential, self._clock.now())
        self._group.create_task(self._serve(slot), name="door-client")
        return slot

    def _make_room(self) -> None:
        others = [slot for slot in self._slots.values() if slot.credential != self._own]
        if len(others) < self._settings.clients_max:
            return
        unused = next((slot for slot in others if not slot.users and slot.settled.is_set()), None)
        if unused is None:
            raise Throttled(f"{len(others)} access keys are in use at this door, as many as it allows; try again later")
        self._drop(unused)

    def _drop(self, slot: _Slot) -> None:
        """Who uses it may go on; nobody else will."""
        if self._slots.get(slot.credential) is slot:
            del self._slots[slot.credential]
        if not slot.users:
            slot.leave.set()

    async def _serve(self, slot: _Slot) -> None:
        """One client from its opening to its end."""
        try:
            async with self._open_client(slot.credential) as client:
                slot.caller = Caller(client, await client.scope())
                slot.settled.set()
                await slot.leave.wait()
        except ShoalError as exc:
            # Those who wait are told; whoever comes next has it tried again.
            slot.error = exc
        finally:
            slot.caller = None
            slot.settled.set()
            self._drop(slot)

    async def run(self) -> None:
        """Close what is idle, until cancelled."""
        while True:
            await self._clock.sleep(self._settings.idle_ns // 4)
            self.step()

    def step(self) -> None:
        """One round."""
        now = self._clock.now()
        for slot in list(self._slots.values()):
            is_idle = not slot.users and slot.settled.is_set() and now - slot.used_at >= self._settings.idle_ns
            # The door's own stays: whose turn it is, when nodes take turns, is known to the client.
            if is_idle and slot.credential != self._own:
                self._drop(slot)

    def close(self) -> None:
        """Take no more calls; those that run fail as their clients close."""
        self._is_open = False
        for slot in list(self._slots.values()):
            self._drop(slot)
            slot.leave.set()


_DEFAULTS = CallerSettings()


@asynccontextmanager
async def calling(
    clock: Clock, open_client: OpenClient, *, own: Credential | None = None, settings: CallerSettings = _DEFAULTS
) -> AsyncIterator[Callers]:
    """The callers of one door, for the time of the context. `own`: for those who show no key; None: there are none."""
    async with one_error(), asyncio.TaskGroup() as group:
        callers = Callers(clock, open_client, own=own, settings=settings, group=group)
        sweeping = group.create_task(callers.run(), name="door-sweeping")
        try:
            yield callers
        finally:
            sweeping.cancel()
            callers.close()
