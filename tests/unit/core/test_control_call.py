"""A control call without the wire: nobody but the one that was asked can answer it."""

import random
from collections.abc import AsyncIterator

import pytest

from shoal.base import errors
from shoal.base.errors import (
    AccessDenied,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    ShoalError,
    Throttled,
    TransientError,
)
from shoal.core import control_call, routes
from shoal.core.control_call import PreparedCall
from shoal.core.trust import signing
from shoal.core.trust.signing import Credential
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.model.cluster import MapDelta
from shoal.model.messages.sessions import GetMap
from shoal.ports.link import Reply, Stream
from shoal.testing.sim.env import ManualClock, SeededSecrets

ALICE, BOB = Credential("alice", b"secret of alice"), Credential("bob", b"secret of bob")
CLOCK = ManualClock()
SECRETS = SeededSecrets(random.Random(1))
ANSWER = wire.encode(MapDelta())
UNTOLD = [NotFound, errors.PreconditionFailed, errors.AlreadyExists, errors.ManifestDamaged, errors.ChecksumMismatch]


def prepared(credential: Credential = ALICE) -> PreparedCall:
    return control_call.prepare(routes.MAP, GetMap(7), credential, clock=CLOCK, secrets=SECRETS)


def answered(call: PreparedCall, status: int, body: bytes, *, credential: Credential = ALICE) -> Reply:
    mac = signing.reply_mac(credential.secret, nonce=call.nonce, status=status, body=body)
    return Reply(status, {signing.REPLY_MAC: mac}, body)


def refusal(error: ShoalError) -> Reply:
    return Reply(status_of(error), {}, wire.encode(body_of(error)))


def test_a_call_is_signed_and_fresh() -> None:
    one, two = prepared(), prepared()
    assert one.nonce != two.nonce
    assert (one.request.method, one.request.target) == ("POST", "/v1/map")
    assert isinstance(one.request.body, bytes)
    assert wire.decode(one.request.body, GetMap) == GetMap(7)
    head = signing.parse(one.request.headers["authorization"])
    assert head.nonce == one.nonce
    signing.verify(head, ALICE.secret, method="POST", target="/v1/map", body=one.request.body, wall=CLOCK.wall())


def test_the_secret_is_not_told() -> None:
    assert "secret" not in repr(prepared())


def test_an_answer_is_read() -> None:
    call = prepared()
    assert control_call.read(call, answered(call, 200, ANSWER)) == MapDelta()


@pytest.mark.parametrize("status", [200, 201, 204, 302])
def test_an_unsigned_success_is_refused(status: int) -> None:
    with pytest.raises(AccessDenied, match="not signed"):
        control_call.read(prepared(), Reply(status, {}, ANSWER))


def test_an_answer_to_another_call_is_refused() -> None:
    call = prepared()
    with pytest.raises(AccessDenied):
        control_call.read(prepared(), answered(call, 200, ANSWER))


def test_an_answer_of_somebody_else_is_refused() -> None:
    call = prepared()
    with pytest.raises(AccessDenied):
        control_call.read(call, answered(call, 200, ANSWER, credential=BOB))


@pytest.mark.parametrize("status", [200, 404])
def test_an_altered_answer_is_refused(status: int) -> None:
    call = prepared()
    reply = answered(call, 404, wire.encode(body_of(NotFound("no"))))
    for altered in (Reply(status, reply.headers, ANSWER), Reply(200, reply.headers, reply.body)):
        with pytest.raises(control_call.AnswerNotBelieved):
            control_call.read(call, altered)


@pytest.mark.parametrize("error", [NotFound("no such name"), Throttled("later"), errors.StaleEpoch("over")])
def test_a_signed_refusal_is_believed(error: ShoalError) -> None:
    call = prepared()
    with pytest.raises(type(error), match=error.sentence):
        control_call.read(call, answered(call, status_of(error), wire.encode(body_of(error))))


@pytest.mark.parametrize("error", [AccessDenied("who are you?"), InvalidArgument("too large"), Throttled("later")])
def test_an_unsigned_refusal_of_the_call_is_believed(error: ShoalError) -> None:
    with pytest.raises(type(error), match=error.sentence):
        control_call.read(prepared(), refusal(error))


@pytest.mark.parametrize("kind", UNTOLD)
def test_an_unsigned_refusal_says_nothing_of_the_catalog(kind: type[ShoalError]) -> None:
    with pytest.raises(TransientError, match="nobody has signed") as caught:
        control_call.read(prepared(), refusal(kind("as you wish")))
    assert not isinstance(caught.value, kind)


@pytest.mark.parametrize("kind", [errors.DiskFailed, errors.InvariantBroken, errors.LocalFault])
def test_nobody_far_away_stops_this_process(kind: type[ShoalError]) -> None:
    call, error = prepared(), kind("boom")
    for reply in (refusal(error), answered(call, 500, wire.encode(body_of(error)))):
        with pytest.raises(OutcomeUnknown):
            control_call.read(call, reply)


@pytest.mark.parametrize("body", [b"", b"<html>", ANSWER])
def test_a_strange_server_is_told_by_its_status(body: bytes) -> None:
    with pytest.raises(TransientError, match="502"):
        control_call.read(prepared(), Reply(502, {}, body))


def test_a_refusal_with_a_false_signature_is_not_even_a_refusal() -> None:
    reply = refusal(NotFound("no"))
    reply.headers[signing.REPLY_MAC] = "0" * 64
    with pytest.raises(AccessDenied, match="not signed"):
        control_call.read(prepared(), reply)


def test_a_status_that_the_call_never_answers_is_refused() -> None:
    call = prepared()
    with pytest.raises(AccessDenied, match="status"):
        control_call.read(call, answered(call, 202, ANSWER))


def test_an_answer_of_another_type_is_refused() -> None:
    call = prepared()
    with pytest.raises(control_call.AnswerNotBelieved, match="the answer cannot be read: not a MapDelta"):
        control_call.read(call, answered(call, 200, b"\x01"))


def test_a_stream_is_no_answer() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield ANSWER

    call = prepared()
    with pytest.raises(AccessDenied):
        control_call.read(call, Reply(200, answered(call, 200, ANSWER).headers, Stream(len(ANSWER), pieces())))
