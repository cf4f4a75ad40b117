"""Answered changes that come again, byte for byte: a copy that was kept back on its way, or that somebody recorded."""

from collections import deque
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from random import Random

from shoal.base.env import Clock
from shoal.base.errors import AccessDenied, PreconditionFailed
from shoal.base.ids import Address, Instant
from shoal.base.units import SECOND
from shoal.core.routes import COMMIT, DELETE
from shoal.core.trust import signing
from shoal.formats import wire
from shoal.formats.errors import error_of, status_of
from shoal.model.catalog import Version
from shoal.model.messages.objects import CommitReply, Deleted, VersionOutcome
from shoal.ports.link import IncomingReply, NodeLink, Reply, Request
from shoal.testing.sim.failure import SimulationFailed

ANSWERS_KEPT = 100
_DEADLINE_NS = 3 * SECOND
_REFUSED = status_of(PreconditionFailed(""))


class AnswerChanged(SimulationFailed):
    """A change that came again was done again, or done though it had been refused."""


class _Word(Enum):
    """What is said of a change that made nothing."""

    REFUSED = "refused"
    NOTHING = "nothing that holds for good"


_Outcome = Version | Deleted | _Word


@dataclass(frozen=True, slots=True)
class _Answered:
    """A message as it was sent, and what became of each change in it."""

    address: Address
    request: Request
    outcomes: tuple[_Outcome, ...]


class Echoes:
    """I remember what was answered, outside of all processes, and send it again. What is not signed is no answer."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is that of the key under which all of it is asked."""
        self._secret = secret
        self._answered: deque[_Answered] = deque(maxlen=ANSWERS_KEPT)

    def keep(self, address: Address, request: Request, reply: Reply) -> None:
        """An answer has come."""
        outcomes = self._believed(request, reply)
        if outcomes:
            self._answered.append(_Answered(address, request, outcomes))

    async def repeat(self, link: NodeLink, clock: Clock, rng: Random) -> str:
        """Send one of them again. Raises: AnswerChanged; TransientError if nobody answers."""
        if not self._answered:
            return "had nothing to do"
        refused = [each for each in self._answered if _Word.REFUSED in each.outcomes]
        former = rng.choice(refused if refused and rng.random() < 0.5 else self._answered)
        deadline = Instant(clock.now() + _DEADLINE_NS)
        reply = await link.call(
            former.address, former.request, deadline=deadline, reply_bytes_max=COMMIT.reply_bytes_max
        )
        for first, again in zip(former.outcomes, self._believed(former.request, reply), strict=False):
            if again != first and _Word.NOTHING not in (again, first):
                raise AnswerChanged(f"{former.request.target} came again and is {again}; it was {first}")
        return "done"

    def _believed(self, request: Request, reply: Reply) -> tuple[_Outcome, ...]:
        """What a reply says of each change; empty if the message was none, or was not answered."""
        if request.target not in (COMMIT.target, DELETE.target):
            return ()
        body = reply.body if isinstance(reply.body, bytes) else b""
        nonce = signing.parse(request.headers.get("authorization")).nonce
        mac = reply.headers.get(signing.REPLY_MAC)
        try:
            signing.verify_reply(mac, self._secret, nonce=nonce, status=reply.status, body=body)
        except AccessDenied:
            return ()
        return _outcomes(request.target, reply.status, body)


class EchoLink:
    """I am the link of a client, and have its changes remembered."""

    def __init__(self, link: NodeLink, echoes: Echoes) -> None:
        self._link = link
        self._echoes = echoes

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        """See `NodeLink.call`."""
        reply = await self._link.call(address, request, deadline=deadline, reply_bytes_max=reply_bytes_max)
        self._echoes.keep(address, request, reply)
        return reply

    def exchange(
        self, address: Address, request: Request, *, deadline: Instant
    ) -> AbstractAsyncContextManager[IncomingReply]:
        """See `NodeLink.exchange`."""
        return self._link.exchange(address, request, deadline=deadline)

    async def close(self) -> None:
        """See `NodeLink.close`."""
        await self._link.close()


def _outcomes(target: str, status: int, body: bytes) -> tuple[_Outcome, ...]:
    match target, status:
        case COMMIT.target, 200:
            return tuple([_committed(outcome) for outcome in wire.decode(body, CommitReply).outcomes])
        case DELETE.target, 200:
            return (wire.decode(body, Deleted),)
        case DELETE.target, status if status == _REFUSED:
            return (_Word.REFUSED,)
    return ()


def _committed(outcome: VersionOutcome) -> _Outcome:
    if outcome.version is not None:
        return outcome.version
    is_refused = outcome.error is not None and isinstance(error_of(outcome.error), PreconditionFailed)
    return _Word.REFUSED if is_refused else _Word.NOTHING
