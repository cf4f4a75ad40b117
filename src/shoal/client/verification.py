"""Asking a node to read one of its replicas again: what is damaged is in quarantine once it has answered."""

from shoal.base.env import Clock
from shoal.base.ids import Instant, ReplicaId
from shoal.base.units import KIB
from shoal.client.cluster_view import ClusterView
from shoal.core import routes
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.formats.grant import grant_text
from shoal.model.messages.objects import ReplicaLocation
from shoal.model.messages.replicas import VerifyReply
from shoal.ports.link import NodeLink, Reply, Request

_REPLY_BYTES_MAX = 64 * KIB


class Verifier:
    """I ask, and believe the node, which believes only its own disk."""

    def __init__(self, link: NodeLink, *, view: ClusterView, clock: Clock, deadline_ns: int) -> None:
        self._link = link
        self._view = view
        self._clock = clock
        self._deadline_ns = deadline_ns

    async def verify(self, location: ReplicaLocation, replica: ReplicaId) -> bool:
        """Whether all of the replica is as it was written.

        Raises: NotFound if its node does not have it, AccessDenied once the grant has expired, NodeUnreachable and
        other TransientErrors, InvalidArgument if the answer cannot be read.
        """
        request = Request(
            "POST",
            f"{routes.REPLICAS}{replica.address}/verify",
            {routes.GRANT_HEADER: grant_text(location.grant)},
        )
        deadline = Instant(self._clock.now() + self._deadline_ns)
        address = self._view.address_of(location.node)
        reply = await self._link.call(address, request, deadline=deadline, reply_bytes_max=_REPLY_BYTES_MAX)
        return _read_verdict(reply)


def _read_verdict(reply: Reply) -> bool:
    body = reply.body if isinstance(reply.body, bytes) else b""
    if reply.status != 200:
        raise read_error(reply.status, body)
    return wire.decode(body, VerifyReply).is_good
