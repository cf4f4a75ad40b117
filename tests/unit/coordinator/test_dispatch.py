"""Every route is answered, signed for its question; strangers get an unsigned refusal."""

import asyncio
import random

import pytest

from shoal.base.errors import (
    AccessDenied,
    DiskFailed,
    InvalidArgument,
    InvariantBroken,
    LocalFault,
    ManifestDamaged,
    NotFound,
    OutcomeUnknown,
    TransientError,
)
from shoal.coordinator.authentication import Authenticator, ClientCaller
from shoal.coordinator.dispatch import LARGE_BYTES, Dispatch, RouteHandler
from shoal.coordinator.nonces import NonceMemory
from shoal.core import control_call, routes
from shoal.core.routes import COORDINATOR_ROUTES
from shoal.core.trust import signing
from shoal.core.trust.signing import Credential
from shoal.formats.errors import read_error
from shoal.model.cluster import MapDelta
from shoal.model.messages.sessions import GetMap
from shoal.ports.link import IncomingRequest, Reply
from shoal.testing.sim.env import ManualClock, SeededSecrets
from shoal.testing.sim.loop import SimLoop
from support.catalog_bench import KEYS
from support.coordinator_bench import READER, STRANGER, WRITER, StaticKeyRing, incoming
from support.engines import QuietLog
from support.frames import Frames


class Bench:
    """A dispatch of which only MAP does anything: it raises what it is told to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = QuietLog()
        self.faults: list[LocalFault] = []
        self.asked: list[GetMap] = []
        self.raises: Exception | None = None
        handlers: dict[str, RouteHandler] = {route.target: self._refuse for route in COORDINATOR_ROUTES}
        handlers[routes.MAP.target] = self._map
        door = Authenticator(KEYS, StaticKeyRing(), clock=self.clock, nonces=NonceMemory(10))
        self.dispatch = Dispatch(
            handlers, authenticator=door, on_fault=self.faults.append, large_calls_max=2, log=self.log
        )

    async def _map(self, message: GetMap, caller: ClientCaller) -> MapDelta:
        self.asked.append(message)
        if self.raises:
            raise self.raises
        return MapDelta()

    async def _refuse(self, message: object, caller: object) -> object:
        raise NotFound("nothing here")

    def prepare(self, message: object, credential: Credential = READER) -> control_call.PreparedCall:
        secrets = SeededSecrets(random.Random(0))
        return control_call.prepare(routes.MAP, message, credential, clock=self.clock, secrets=secrets)

    async def send(self, call: control_call.PreparedCall, *, target: str = routes.MAP.target) -> Reply:
        body = call.request.body
        assert isinstance(body, bytes)
        return await self.dispatch.handle(incoming(target, body, authorization=call.request.headers["authorization"]))


async def test_an_answer_is_signed_for_its_question() -> None:
    bench = Bench()
    call = bench.prepare(GetMap(7))
    reply = await bench.send(call)
    assert control_call.read(call, reply) == MapDelta()
    assert bench.asked == [GetMap(7)]
    with pytest.raises(AccessDenied):
        control_call.read(bench.prepare(GetMap(7), WRITER), reply)


@pytest.mark.parametrize("target", ["/v1/none", "/v1/map/", "/v1/map?x", "//v1/map", "", "/v1/replicas/x"])
async def test_what_is_not_in_the_table_is_not_found(target: str) -> None:
    bench = Bench()
    reply = await bench.send(bench.prepare(GetMap()), target=target)
    assert (reply.status, reply.headers) == (404, {})
    assert bench.asked == []


@pytest.mark.parametrize("method", ["GET", "PUT", "post", "DELETE"])
async def test_only_post_is_answered(method: str) -> None:
    assert (await Bench().dispatch.handle(incoming(routes.MAP.target, method=method))).status == 404


@pytest.mark.parametrize("authorization", ["", "Basic abc", "Shoal-HMAC key=reader,time=1,nonce=,mac="])
async def test_an_unsigned_request_gets_an_unsigned_refusal(authorization: str) -> None:
    bench = Bench()
    reply = await bench.dispatch.handle(incoming(routes.MAP.target, b"", authorization=authorization))
    assert (reply.status, reply.headers) == (403, {})
    assert bench.asked == []


async def test_a_stranger_gets_an_unsigned_refusal() -> None:
    bench = Bench()
    reply = await bench.send(bench.prepare(GetMap(), STRANGER))
    assert (reply.status, reply.headers) == (403, {})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("no", name="x"), 404),
        (InvalidArgument("no"), 400),
        (TransientError("the engine is closed"), 503),
        (ManifestDamaged("no"), 500),
        (DiskFailed("no"), 500),
        (InvariantBroken("no"), 500),
    ],
)
async def test_an_error_travels_signed_with_its_class(error: Exception, status: int) -> None:
    bench = Bench()
    bench.raises = error
    call = bench.prepare(GetMap())
    reply = await bench.send(call)
    assert reply.status == status
    assert signing.REPLY_MAC in reply.headers
    told = OutcomeUnknown if isinstance(error, LocalFault) else type(error)
    with pytest.raises(told, match=str(error)):
        control_call.read(call, reply)
    assert bench.faults == ([error] if isinstance(error, LocalFault) else [])
    assert ("catalog_damaged" in bench.log.events) == isinstance(error, ManifestDamaged)


async def test_a_message_of_another_type_is_refused_before_any_handler() -> None:
    bench = Bench()
    for message in (["x"], {"a": 1}, "text", None):
        call = bench.prepare(message)
        reply = await bench.send(call)
        assert isinstance(
            read_error(reply.status, reply.body if isinstance(reply.body, bytes) else b""), InvalidArgument
        )
    assert bench.asked == []


async def test_a_body_over_the_limit_is_not_read() -> None:
    bench = Bench()
    call = bench.prepare(GetMap())
    request = incoming(
        routes.MAP.target, bytes(routes.MAP.request_bytes_max + 1), authorization=call.request.headers["authorization"]
    )
    assert (await bench.dispatch.handle(request)).status == 400


async def test_a_bug_of_a_handler_is_the_links_to_answer() -> None:
    bench = Bench()
    bench.raises = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await bench.send(bench.prepare(GetMap()))


def test_a_table_that_is_not_covered_exactly_does_not_start() -> None:
    bench = Bench()
    door = Authenticator(KEYS, StaticKeyRing(), clock=bench.clock, nonces=NonceMemory(10))
    handlers: dict[str, RouteHandler] = {route.target: bench._refuse for route in COORDINATOR_ROUTES}
    without = {target: handler for target, handler in handlers.items() if target != routes.MAP.target}
    for wrong in (without, {**handlers, "/v1/more": bench._refuse}):
        with pytest.raises(InvariantBroken):
            Dispatch(wrong, authenticator=door, on_fault=bench.faults.append, large_calls_max=2, log=bench.log)


class SlowBody(Frames):
    """A body that comes when it is let."""

    def __init__(self, size: int) -> None:
        super().__init__([bytes(size)])
        self.may_come = asyncio.Event()
        self.is_asked = False

    async def read_all(self, limit: int) -> bytes:
        self.is_asked = True
        await self.may_come.wait()
        return await super().read_all(limit)


def large_call(size: int = LARGE_BYTES + 1) -> tuple[SlowBody, IncomingRequest]:
    call = Bench().prepare(GetMap(1))
    body = SlowBody(size)
    return body, IncomingRequest("POST", routes.MAP.target, dict(call.request.headers), body, "peer")


def test_large_calls_take_turns_small_ones_pass_and_slow_ones_are_sent_away() -> None:
    async def main() -> None:
        bench = Bench()
        calls = [large_call() for _ in range(3)]
        running = [asyncio.create_task(bench.dispatch.handle(request)) for _, request in calls]
        await asyncio.sleep(1)
        assert sorted(body.is_asked for body, _ in calls) == [False, True, True]
        assert (await bench.send(bench.prepare(GetMap(1)))).status == 200
        for body, _ in calls:
            if body.is_asked:
                body.may_come.set()
                break
        await asyncio.sleep(1)
        assert all(body.is_asked for body, _ in calls), "the third one has its turn"
        replies = await asyncio.gather(*running)
        assert sorted(reply.status for reply in replies) == [403, 429, 429], "one came, and was not what was signed"

    loop = SimLoop(random.Random(1))
    try:
        loop.run(main(), limit_ns=3600 * 10**9)
    finally:
        loop.close()
