"""The node's signed calls: what comes back is believed only from its own coordinator, and harms nobody."""

from contextlib import AbstractAsyncContextManager
from random import Random

import pytest

from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    ChecksumMismatch,
    DiskFailed,
    InvariantBroken,
    NotFound,
    ShoalError,
    StaleEpoch,
    Throttled,
    TransientError,
)
from shoal.base.ids import Address, Instant
from shoal.base.units import SECOND
from shoal.core import routes
from shoal.core.trust import signing
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.model.cluster import MapDelta
from shoal.model.messages.nodes import Heartbeat, HeartbeatReply
from shoal.node.coordinator_call import CoordinatorCall
from shoal.ports.link import IncomingReply, Reply, Request
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from support.node_lab import COORDINATOR, FOREIGN_KEYS, KEYS
from support.stores import NODE

BEAT = Heartbeat(node_id=NODE, map_version=0, capacity_bytes=1, free_bytes=1, can_write=True, is_failed=False)
ANSWER = HeartbeatReply(incarnation=1, commit_number=2, delta=MapDelta())


class OneAnswer:
    """A link whose every call is answered by a coordinator with these keys, or not at all."""

    def __init__(self, answer: HeartbeatReply | ShoalError, *, is_signed: bool = True, is_ours: bool = True) -> None:
        self._answer = answer
        self._is_signed = is_signed
        self._secret = (KEYS if is_ours else FOREIGN_KEYS).node_key(NODE)
        self.calls: list[tuple[Address, Request, Instant]] = []

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        self.calls.append((address, request, deadline))
        assert reply_bytes_max == routes.HEARTBEAT.reply_bytes_max
        is_error = isinstance(self._answer, ShoalError)
        body = wire.encode(body_of(self._answer) if isinstance(self._answer, ShoalError) else self._answer)
        status = status_of(self._answer) if isinstance(self._answer, ShoalError) else 200
        assert is_error == (status >= 400)
        nonce = signing.parse(request.headers["authorization"]).nonce
        mac = signing.reply_mac(self._secret, nonce=nonce, status=status, body=body)
        return Reply(status, {signing.REPLY_MAC: mac} if self._is_signed else {}, body)

    def exchange(
        self, address: Address, request: Request, *, deadline: Instant
    ) -> AbstractAsyncContextManager[IncomingReply]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def caller(link: OneAnswer) -> CoordinatorCall:
    env = sim_env(SimDisk(Random(1)), Random(1))
    return CoordinatorCall(env, link, node=NODE, keys=KEYS, address=COORDINATOR, deadline_ns=5 * SECOND)


async def test_a_call_is_signed_by_the_node_and_has_a_deadline() -> None:
    link = OneAnswer(ANSWER)
    assert await caller(link)(routes.HEARTBEAT, BEAT) == ANSWER
    ((address, request, deadline),) = link.calls
    head = signing.parse(request.headers["authorization"])
    assert (address, request.target, head.key_id) == (COORDINATOR, "/v1/nodes/heartbeat", f"node/{NODE}")
    assert deadline == Instant(6 * SECOND)
    assert isinstance(request.body, bytes)
    assert wire.decode(request.body, Heartbeat) == BEAT


async def test_two_calls_are_never_the_same() -> None:
    link = OneAnswer(ANSWER)
    call = caller(link)
    await call(routes.HEARTBEAT, BEAT)
    await call(routes.HEARTBEAT, BEAT)
    assert link.calls[0][1].headers != link.calls[1][1].headers


@pytest.mark.parametrize("is_signed", [True, False])
async def test_an_answer_of_another_cluster_is_not_believed(is_signed: bool) -> None:
    with pytest.raises(AccessDenied):
        await caller(OneAnswer(ANSWER, is_signed=is_signed, is_ours=False))(routes.HEARTBEAT, BEAT)


@pytest.mark.parametrize("kind", [NotFound, AlreadyExists, AccessDenied, StaleEpoch, Throttled])
async def test_what_the_coordinator_tells_is_raised(kind: type[ShoalError]) -> None:
    with pytest.raises(kind, match="because"):
        await caller(OneAnswer(kind("because")))(routes.HEARTBEAT, BEAT)


@pytest.mark.parametrize("kind", [DiskFailed, InvariantBroken, ChecksumMismatch])
async def test_a_fault_of_the_coordinator_is_not_one_of_this_node(kind: type[ShoalError]) -> None:
    with pytest.raises(TransientError, match="its disk is gone"):
        await caller(OneAnswer(kind("its disk is gone")))(routes.HEARTBEAT, BEAT)
