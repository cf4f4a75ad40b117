"""A node: one volume, its door, and its part in the cluster."""

import asyncio
from collections.abc import Callable

from shoal.base.env import Env
from shoal.base.errors import AccessDenied, DiskFailed, TransientError
from shoal.base.ids import Address, NodeId
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.node.announcements import Announcements
from shoal.node.coordinator_call import CoordinatorCall
from shoal.node.forward import Forwarder
from shoal.node.identity import IdentityFile
from shoal.node.keeping import Keeping
from shoal.node.membership import Membership
from shoal.node.service import Service
from shoal.node.settings import NodeSettings
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.link import IncomingRequest, NodeLink, Reply
from shoal.ports.log import Log

_REFUSALS_TO_BELIEVE = 3


class Node:
    """I keep replicas of one volume for one cluster. I decide nothing about what is kept where."""

    def __init__(
        self,
        env: Env,
        *,
        identity: IdentityFile,
        store: ChunkStore,
        keys: ClusterKeys,
        link: NodeLink,
        settings: NodeSettings,
        log: Log,
    ) -> None:
        self._env = env
        self._log = log
        self._identity = identity
        self._store = store
        self._settings = settings
        node = identity.current.node_id
        announcements = Announcements(retry_ns=settings.heartbeat_retry_ns)
        call = CoordinatorCall(
            env, link, node=node, keys=keys, address=settings.coordinator, deadline_ns=settings.control_deadline_ns
        )
        self.membership = Membership(
            env, identity=identity, store=store, announcements=announcements, call=call, settings=settings, log=log
        )
        forwarder = Forwarder(
            env,
            link,
            node=node,
            keys=keys,
            address_of=self.membership.address_of,
            deadline_ns=settings.forward_deadline_ns,
        )
        self._service = Service(
            env,
            keeping=Keeping(
                env=env,
                node=node,
                store=store,
                keys=keys,
                receipt_key=keys.receipt_key(node),
                announcements=announcements,
                on_disk_trouble=self.membership.hurry,
            ),
            keys=keys,
            forwarder=forwarder,
            identity=identity,
            settings=settings,
            log=log,
        )

    @property
    def node_id(self) -> NodeId:
        """Who this is, for ever."""
        return self._identity.current.node_id

    async def handle(self, request: IncomingRequest) -> Reply:
        """The handler for this node's listener."""
        return await self._service.handle(request)

    async def run(self, address: Address, *, on_member: Callable[[], None] | None = None) -> None:
        """Register `address`, say so to `on_member`, then serve until cancelled; nothing that was begun goes on behind
        that. Call it once.

        Raises: AlreadyExists, InvalidArgument or AccessDenied (the cluster does not take this node), DiskFailed once
        the volume has failed and the coordinator was told, if it could be; InvariantBroken.
        """
        await self._register(address)
        if on_member is not None:
            on_member()
        try:
            async with asyncio.TaskGroup() as behind:
                with self._service.serving(behind):
                    await self._stay_member()
        except BaseExceptionGroup as ended:
            # One thing ends a node; if a second one happened on the way out, it is in the log.
            raise ended.exceptions[0] from None

    async def _register(self, address: Address) -> None:
        is_quiet = False
        refusals = 0
        while True:
            try:
                return await self.membership.register(address)
            except TransientError as exc:
                if not is_quiet:
                    self._log.warning("coordinator_awaited", why=exc.sentence)
                is_quiet = True
            except AccessDenied as exc:
                # A bit that turned over on the way looks like a wrong secret; who has that is refused every time.
                refusals += 1
                if refusals == _REFUSALS_TO_BELIEVE:
                    raise
                self._log.warning("registration_refused", why=exc.sentence)
            await self._env.clock.sleep(self._settings.heartbeat_retry_ns)

    async def _stay_member(self) -> None:
        try:
            await self.membership.run()
        except DiskFailed:
            # Nothing new is taken; what others can still make durable need not be sent again.
            await self._service.drain(self._settings.drain_ns)
            raise

    async def close(self) -> None:
        """Write down what is only remembered, and close the store. Raises: StorageFull, DiskFailed."""
        try:
            if not self._identity.is_failed:
                await self._identity.sync()
        finally:
            await self._store.close()
