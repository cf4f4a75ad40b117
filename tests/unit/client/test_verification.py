"""A node is asked to read its replica again, and its word is what the caller gets."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shoal.base.errors import NodeUnreachable, NotFound
from shoal.base.ids import NodeId, ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import SECOND
from shoal.client.background import Background
from shoal.client.cluster_view import ClusterView
from shoal.client.verification import Verifier
from shoal.formats import wire
from shoal.model.cluster import MapDelta
from shoal.model.messages.objects import ReplicaLocation
from shoal.model.messages.replicas import VerifyReply
from shoal.ports.link import Reply
from support.client_lab import READ_GRANT, ClientLab, breaking, in_client_lab, refusing

REPLICA = ReplicaId(mint_chunk_id(SessionId(7), 1), 0, 1)


def _in_lab(main: Callable[[ClientLab, Verifier, ReplicaLocation], Awaitable[None]]) -> None:
    async def within(lab: ClientLab) -> None:
        async with Background() as background:
            view = ClusterView(lab.env, lab.catalog, spawn=background.spawn, log=lab.log)
            view.follow(MapDelta(full=lab.catalog.map))
            verifier = Verifier(lab.nodes, view=view, clock=lab.env.clock, deadline_ns=SECOND)
            await main(lab, verifier, ReplicaLocation(lab.nodes.ids["a"], 0, 1, READ_GRANT))

    in_client_lab(within)


@pytest.mark.parametrize("is_good", [True, False])
def test_the_verdict_of_the_node_is_told(is_good: bool) -> None:
    async def verdict(_heard: object) -> Reply:
        return Reply(200, {}, wire.encode(VerifyReply(is_good)))

    async def main(lab: ClientLab, verifier: Verifier, location: ReplicaLocation) -> None:
        lab.nodes.answers["a"] = verdict
        assert await verifier.verify(location, REPLICA) is is_good

    _in_lab(main)


def test_what_the_node_refuses_and_silence_are_errors() -> None:
    async def main(lab: ClientLab, verifier: Verifier, location: ReplicaLocation) -> None:
        lab.nodes.answers["a"] = refusing(NotFound("no such replica"))
        with pytest.raises(NotFound):
            await verifier.verify(location, REPLICA)
        lab.nodes.answers["a"] = breaking(NodeUnreachable("refused"))
        with pytest.raises(NodeUnreachable):
            await verifier.verify(location, REPLICA)
        with pytest.raises(NodeUnreachable, match="not in the cluster map"):
            await verifier.verify(ReplicaLocation(NodeId("f" * 32), 0, 1, READ_GRANT), REPLICA)

    _in_lab(main)


def test_a_verification_can_be_cancelled() -> None:
    async def main(lab: ClientLab, verifier: Verifier, location: ReplicaLocation) -> None:
        lab.nodes.answers["a"] = breaking(NodeUnreachable("late"), after_ns=60 * SECOND)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await verifier.verify(location, REPLICA)

    _in_lab(main)
