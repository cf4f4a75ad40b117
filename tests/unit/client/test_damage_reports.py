"""Nodes are told of wrong bytes, and nobody waits for it or fails over it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NodeUnreachable, NotFound
from shoal.base.ids import NodeId, ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import SECOND
from shoal.client.background import Background
from shoal.client.cluster_view import ClusterView
from shoal.client.damage_reports import UNDER_WAY_MAX, DamageReports
from shoal.client.verification import Verifier
from shoal.core.routes import GRANT_HEADER
from shoal.formats.grant import grant_text
from shoal.model.cluster import MapDelta
from shoal.model.messages.objects import ReplicaLocation
from shoal.ports.link import Reply
from support.client_lab import READ_GRANT, Answer, ClientLab, breaking, in_client_lab, refusing


def _replica(number: int) -> ReplicaId:
    return ReplicaId(mint_chunk_id(SessionId(7), number), 0, 1)


def _in_lab(main: Callable[[ClientLab, DamageReports], Awaitable[None]]) -> None:
    async def within(lab: ClientLab) -> None:
        async with Background() as background:
            view = ClusterView(lab.env, lab.catalog, spawn=background.spawn, log=lab.log)
            view.follow(MapDelta(full=lab.catalog.map))
            verifier = Verifier(lab.nodes, view=view, clock=lab.env.clock, deadline_ns=SECOND)
            reports = DamageReports(verifier, view=view, spawn=background.spawn, log=lab.log)
            await main(lab, reports)

    in_client_lab(within)


def _place(lab: ClientLab, name: str = "a") -> ReplicaLocation:
    return ReplicaLocation(lab.nodes.ids[name], 0, 1, READ_GRANT)


def test_the_node_is_asked_to_read_its_replica_again() -> None:
    async def main(lab: ClientLab, reports: DamageReports) -> None:
        reports.report(_place(lab), _replica(1))
        await reports.finish()
        (heard,) = lab.nodes.heard
        assert (heard.node, heard.method, heard.replica) == ("a", "VERIFY", _replica(1))
        assert heard.headers == {GRANT_HEADER: grant_text(READ_GRANT)}
        assert lab.log.named("damage_reported")[0]["is_good"] is False

    _in_lab(main)


def test_one_replica_is_reported_once_at_a_time() -> None:
    async def main(lab: ClientLab, reports: DamageReports) -> None:
        for _ in range(5):
            reports.report(_place(lab), _replica(1))
        await reports.finish()
        assert len(lab.nodes.heard) == 1
        reports.report(_place(lab), _replica(1))
        await reports.finish()
        assert len(lab.nodes.heard) == 2

    _in_lab(main)


def test_a_flood_of_reports_is_cut_short() -> None:
    async def main(lab: ClientLab, reports: DamageReports) -> None:
        for number in range(1, 100):
            reports.report(_place(lab), _replica(number))
        await reports.finish()
        assert len(lab.nodes.heard) == UNDER_WAY_MAX

    _in_lab(main)


async def _garbled(_heard: object) -> Reply:
    return Reply(200, {}, b"\xff")


@pytest.mark.parametrize(
    "answer",
    [
        breaking(NodeUnreachable("refused")),
        breaking(InvalidArgument("the reply is too long")),
        refusing(AccessDenied("the grant has expired")),
        refusing(NotFound("no such replica")),
        _garbled,
    ],
)
def test_a_report_that_fails_is_logged_and_harms_nobody(answer: Answer) -> None:
    async def main(lab: ClientLab, reports: DamageReports) -> None:
        lab.nodes.answers["a"] = answer
        reports.report(_place(lab), _replica(1))
        await reports.finish()
        assert len(lab.log.named("damage_report_failed")) == 1

    _in_lab(main)


def test_a_node_that_left_the_cluster_is_not_looked_for() -> None:
    async def main(lab: ClientLab, reports: DamageReports) -> None:
        reports.report(ReplicaLocation(NodeId("f" * 32), 0, 1, READ_GRANT), _replica(1))
        await reports.finish()
        assert len(lab.log.named("damage_report_failed")) == 1

    _in_lab(main)


def test_waiting_for_reports_can_be_cut_short() -> None:
    async def main(lab: ClientLab, reports: DamageReports) -> None:
        lab.nodes.answers["a"] = breaking(NodeUnreachable("late"), after_ns=60 * SECOND)
        reports.report(_place(lab), _replica(1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await reports.finish()

    _in_lab(main)
