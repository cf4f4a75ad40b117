"""Answered changes that come again."""

from contextlib import AbstractAsyncContextManager
from random import Random

import pytest

from shoal.base.errors import PreconditionFailed, QuorumNotReached, ShoalError
from shoal.base.ids import Address, Instant, SessionId, VersionId, WallNs
from shoal.core.routes import COMMIT, DELETE, LOOKUP
from shoal.core.trust import signing
from shoal.core.trust.signing import Credential
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.model.catalog import Version, VersionKind
from shoal.model.messages.objects import CommitReply, Deleted, VersionOutcome
from shoal.ports.link import IncomingReply, Reply, Request
from shoal.testing.sim.echo import AnswerChanged, Echoes, EchoLink
from shoal.testing.sim.env import ManualClock

ADDRESS = Address("coordinator:9100")
CREDENTIAL = Credential("admin", bytes(32))
NONCE = bytes(16)


class Parrot:
    """A link that always gives the answer that it was told last."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.sent: list[Request] = []
        self.is_closed = False

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        self.sent.append(request)
        return self.reply

    def exchange(
        self, address: Address, request: Request, *, deadline: Instant
    ) -> AbstractAsyncContextManager[IncomingReply]:
        raise NotImplementedError("nothing is streamed here")

    async def close(self) -> None:
        self.is_closed = True


def version(number: int) -> Version:
    return Version(
        version_id=VersionId(bytes(15) + bytes([number])),
        kind=VersionKind.OBJECT,
        size=0,
        created_ns=WallNs(1),
        root=b"",
        chunk_count=0,
        chunk_bytes=1,
        chunks=(),
        manifest=b"",
        placement_key="p",
        file_id="f",
        session=SessionId(1),
        sequence=1,
    )


def committed(*outcomes: Version | ShoalError) -> Reply:
    """The answer to a batch of commits."""
    told = tuple(
        VersionOutcome(version=each) if isinstance(each, Version) else VersionOutcome(error=body_of(each))
        for each in outcomes
    )
    return Reply(200, {}, wire.encode(CommitReply(told, 1)))


def refused(error: ShoalError) -> Reply:
    return Reply(status_of(error), {}, wire.encode(body_of(error)))


def signed(reply: Reply) -> Reply:
    """`reply` as the coordinator gives it to who asked with NONCE."""
    assert isinstance(reply.body, bytes)
    mac = signing.reply_mac(CREDENTIAL.secret, nonce=NONCE.hex(), status=reply.status, body=reply.body)
    return Reply(reply.status, {signing.REPLY_MAC: mac}, reply.body)


async def answered_twice(target: str, first: Reply, again: Reply) -> str:
    """Let a change be answered, and come again."""
    parrot, echoes = Parrot(signed(first)), Echoes(CREDENTIAL.secret)
    link = EchoLink(parrot, echoes)
    body = b"the message"
    header = signing.sign(CREDENTIAL, method="POST", target=target, body=body, wall=WallNs(0), nonce=NONCE)
    request = Request("POST", target, {"authorization": header}, body)
    await link.call(ADDRESS, request, deadline=Instant(1), reply_bytes_max=100)
    parrot.reply = signed(again) if again is not UNSIGNED else again
    outcome = await echoes.repeat(parrot, ManualClock(), Random(1))
    assert parrot.sent in ([request], [request, request])
    return outcome


DELETED = Reply(200, {}, wire.encode(Deleted(existed=True)))
FAILED = PreconditionFailed("not now")
UNSIGNED = committed(version(2))


@pytest.mark.parametrize(
    ("target", "first", "again"),
    [
        (COMMIT.target, committed(version(1), FAILED), committed(version(1), FAILED)),
        (COMMIT.target, committed(version(1)), committed(QuorumNotReached("too few"))),
        (COMMIT.target, committed(QuorumNotReached("too few")), committed(version(1))),
        (COMMIT.target, committed(version(1)), UNSIGNED),
        (DELETE.target, DELETED, DELETED),
        (DELETE.target, refused(FAILED), refused(FAILED)),
        (DELETE.target, DELETED, refused(QuorumNotReached("not now"))),
    ],
)
async def test_the_same_answer_is_right_and_so_is_none(target: str, first: Reply, again: Reply) -> None:
    assert await answered_twice(target, first, again) == "done"


@pytest.mark.parametrize(
    ("target", "first", "again"),
    [
        (COMMIT.target, committed(version(1)), committed(version(2))),
        (COMMIT.target, committed(FAILED), committed(version(1))),
        (COMMIT.target, committed(version(1)), committed(FAILED)),
        (DELETE.target, DELETED, Reply(200, {}, wire.encode(Deleted(existed=False)))),
        (DELETE.target, refused(FAILED), DELETED),
    ],
)
async def test_another_answer_fails_the_seed(target: str, first: Reply, again: Reply) -> None:
    with pytest.raises(AnswerChanged):
        await answered_twice(target, first, again)


async def test_what_changes_nothing_does_not_come_again() -> None:
    assert await answered_twice(LOOKUP.target, DELETED, DELETED) == "had nothing to do"


async def test_the_link_is_otherwise_the_one_below() -> None:
    parrot = Parrot(DELETED)
    await EchoLink(parrot, Echoes(CREDENTIAL.secret)).close()
    assert parrot.is_closed
