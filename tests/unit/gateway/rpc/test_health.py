"""What the health service says, and when."""

import asyncio

import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from shoal.base.errors import NodeUnreachable
from shoal.base.units import SECOND
from shoal.gateway.rpc import health
from shoal.gateway.rpc.health import HealthReport
from shoal.testing.sim.env import ManualClock
from support.rpc_bench import FakeContext
from support.stores import EventLog

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class Cluster:
    """Answers, or not."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.is_silent = False

    async def probe(self) -> None:
        """One question."""
        if self.is_silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


async def told(report: HealthReport) -> set[object]:
    context = FakeContext().as_context()
    answers = [await report.servicer.Check(HealthCheckRequest(service=name), context) for name in ("", "a", "b")]
    return {answer.status for answer in answers}


async def test_it_serves_as_long_as_the_cluster_answers() -> None:
    cluster, log, clock = Cluster(), EventLog(), ManualClock()
    report = HealthReport(cluster.probe, ("a", "b"), clock=clock, log=log)
    running = asyncio.ensure_future(report.run())

    async def after_a_round() -> set[object]:
        for _ in range(30):
            await asyncio.sleep(0)
        await clock.advance(2 * SECOND)
        for _ in range(30):
            await asyncio.sleep(0)
        return await told(report)

    assert await after_a_round() == {SERVING}
    cluster.error = NodeUnreachable("nobody answers")
    assert await after_a_round() == {NOT_SERVING}
    assert await after_a_round() == {NOT_SERVING}
    cluster.error = None
    assert await after_a_round() == {SERVING}
    assert [event["is_serving"] for event in log.named("health_changed")] == [True, False, True]
    running.cancel()
    await asyncio.wait([running])


async def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PROBE_S", 0.001)
    cluster = Cluster()
    cluster.is_silent = True
    report = HealthReport(cluster.probe, ("a", "b"), clock=ManualClock(), log=EventLog())
    await report.step()
    assert await told(report) == {NOT_SERVING}


async def test_a_bug_is_no_bad_health() -> None:
    cluster = Cluster()
    cluster.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await HealthReport(cluster.probe, (), clock=ManualClock(), log=EventLog()).step()


async def test_a_watcher_that_takes_nothing_does_not_stop_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_TOLD_WITHIN_S", 0.001)
    log = EventLog()
    report = HealthReport(Cluster().probe, ("a",), clock=ManualClock(), log=log)
    stuck = FakeContext()
    stuck.may_write.clear()
    watching = asyncio.ensure_future(report.servicer.Watch(HealthCheckRequest(service=""), stuck.as_context()))
    for _ in range(5):
        await asyncio.sleep(0)
    await report.step()
    assert log.named("health_not_told") == [{"service": ""}]
    watching.cancel()
    await asyncio.wait([watching])


async def test_a_server_that_stops_serves_nothing_whatever_comes() -> None:
    report = HealthReport(Cluster().probe, ("a", "b"), clock=ManualClock(), log=EventLog())
    await report.step()
    await report.stop()
    await report.step()
    assert await told(report) == {NOT_SERVING}
