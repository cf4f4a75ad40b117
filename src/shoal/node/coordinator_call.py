"""The node's signed calls to its coordinator."""

from typing import Any

from shoal.base.env import Env
from shoal.base.errors import CorruptionError, TransientError
from shoal.base.ids import Address, Instant, NodeId
from shoal.core import control_call
from shoal.core.routes import Route
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import NODE_KEY_PREFIX, Credential
from shoal.ports.link import NodeLink


class CoordinatorCall:
    """I carry one node's messages to its coordinator and back. I never retry: my callers come again anyway."""

    def __init__(
        self, env: Env, link: NodeLink, *, node: NodeId, keys: ClusterKeys, address: Address, deadline_ns: int
    ) -> None:
        self._env = env
        self._link = link
        self._credential = Credential(NODE_KEY_PREFIX + node, keys.node_key(node))
        self._address = address
        self._deadline_ns = deadline_ns

    async def __call__(self, route: Route, message: object) -> Any:
        """The reply to `message`. Raises: CallerError or TransientError, as the coordinator tells; AccessDenied if it
        is not ours; NodeUnreachable, OutcomeUnknown, DeadlineExceeded."""
        call = control_call.prepare(route, message, self._credential, clock=self._env.clock, secrets=self._env.secrets)
        deadline = Instant(self._env.clock.now() + self._deadline_ns)
        reply = await self._link.call(
            self._address, call.request, deadline=deadline, reply_bytes_max=route.reply_bytes_max
        )
        try:
            return control_call.read(call, reply)
        except CorruptionError as exc:
            # It is the catalog that is hurt; what is said of it must not be taken for word of a replica here.
            raise TransientError(f"the coordinator's catalog is damaged: {exc.sentence}", **exc.facts) from exc
