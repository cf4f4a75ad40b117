"""The coordinator: catalog, sessions and membership over a metadata engine.

Decisions are `core`'s, durable state is the engine's; what is kept here is what was heard, and is heard again after a
restart.
"""

import asyncio

from shoal.base.env import Env
from shoal.base.errors import LocalFault
from shoal.coordinator.authentication import Authenticator
from shoal.coordinator.catalog_room import CatalogRoom
from shoal.coordinator.census_taker import CensusTaker
from shoal.coordinator.desk import Desk
from shoal.coordinator.dispatch import Dispatch, Handlers
from shoal.coordinator.handlers.buckets import BucketHandlers
from shoal.coordinator.handlers.commit import CommitHandlers
from shoal.coordinator.handlers.copying import CopyHandlers
from shoal.coordinator.handlers.delete import DeleteHandlers
from shoal.coordinator.handlers.files import FileHandlers
from shoal.coordinator.handlers.keys import KeyHandlers
from shoal.coordinator.handlers.listing import ListingHandlers
from shoal.coordinator.handlers.lookup import LookupHandlers
from shoal.coordinator.handlers.nodes import NodeHandlers
from shoal.coordinator.handlers.sessions import SessionHandlers
from shoal.coordinator.handlers.status import StatusHandlers
from shoal.coordinator.key_ring import CatalogKeyRing
from shoal.coordinator.member_watch import MemberWatch
from shoal.coordinator.members import Members
from shoal.coordinator.nonces import NonceMemory
from shoal.coordinator.promoter import Promoter
from shoal.coordinator.purger import Purger
from shoal.coordinator.repeated import repeat
from shoal.coordinator.session_keeper import SessionKeeper
from shoal.coordinator.settings import CoordinatorSettings, changed_settings
from shoal.core import routes
from shoal.core.catalog.access_keys import adopt_first_key
from shoal.core.catalog.cluster_map import read_history
from shoal.core.catalog.identity import find_settings, open_catalog
from shoal.core.catalog.leases import LIVENESS, take_lease
from shoal.core.catalog.restoration import OpenedCatalog
from shoal.core.catalog.sessions import read_sessions
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import Credential
from shoal.model.catalog import CatalogIdentity, Lease
from shoal.ports.engine import Engine, Tx
from shoal.ports.link import IncomingRequest, Reply
from shoal.ports.log import Log
from shoal.ports.secret_box import SecretBox

_HOLDER_BYTES = 8


class Coordinator:
    """I answer the calls of nodes and clients. `open` first; `run` beside serving, until cancelled."""

    def __init__(
        self, desk: Desk, *, ring: CatalogKeyRing, watch: MemberWatch, keeper: SessionKeeper, promoter: Promoter
    ) -> None:
        self._desk = desk
        self._ring = ring
        self._watch = watch
        self._keeper = keeper
        self._promoter = promoter
        self._purger = Purger(desk)
        self._census = CensusTaker(desk)
        self._fault: LocalFault | None = None
        self._has_fault = asyncio.Event()
        nonces = NonceMemory(desk.settings.nonces_max)
        self._dispatch = Dispatch(
            self._handlers(),
            authenticator=Authenticator(desk.keys, ring, clock=desk.env.clock, nonces=nonces),
            on_fault=self._note_fault,
            large_calls_max=desk.settings.large_calls_max,
            log=desk.log,
        )

    async def handle(self, request: IncomingRequest) -> Reply:
        """Answer one request; the handler for `Listener.listen`."""
        return await self._dispatch.handle(request)

    async def run(self) -> None:
        """Watch members and sessions and tidy up, until cancelled.

        Raises, in a group: StaleEpoch when another coordinator has taken over; LocalFault when the engine or a check
        failed. Then the process ends.
        """
        desk = self._desk
        clock, log = desk.env.clock, desk.log
        heartbeat_ns, sweep_ns = desk.members.settings.heartbeat_ns, desk.settings.sweep_ns
        async with asyncio.TaskGroup() as group:
            group.create_task(
                repeat(self._watch.step, period_ns=heartbeat_ns, clock=clock, log=log), name="coordinator-liveness"
            )
            group.create_task(
                repeat(self._keeper.step, period_ns=sweep_ns, clock=clock, log=log), name="coordinator-sessions"
            )
            group.create_task(
                repeat(self._promoter.step, period_ns=sweep_ns, clock=clock, log=log), name="coordinator-promotion"
            )
            group.create_task(
                repeat(self._purger.step, period_ns=sweep_ns, clock=clock, log=log), name="coordinator-purges"
            )
            group.create_task(
                repeat(self._ring.step, period_ns=sweep_ns, clock=clock, log=log), name="coordinator-keys"
            )
            group.create_task(self._census.run(), name="coordinator-census")
            group.create_task(self._raise_fault(), name="coordinator-faults")

    def _note_fault(self, fault: LocalFault) -> None:
        self._desk.log.error("coordinator_failed", why=fault.sentence, **fault.facts)
        self._fault = self._fault or fault
        self._has_fault.set()

    async def _raise_fault(self) -> None:
        await self._has_fault.wait()
        if self._fault:
            raise self._fault

    def _handlers(self) -> Handlers:
        desk = self._desk
        growing = CatalogRoom(desk.env, reserve_bytes=desk.settings.catalog_reserve_bytes).guarding
        nodes = NodeHandlers(desk, self._watch, self._keeper)
        sessions = SessionHandlers(desk, self._keeper)
        commits, lookups = CommitHandlers(desk, self._promoter), LookupHandlers(desk)
        listings, deletes = ListingHandlers(desk), DeleteHandlers(desk)
        copies, buckets = CopyHandlers(desk), BucketHandlers(desk)
        files = FileHandlers(desk)
        access_keys = KeyHandlers(desk, self._ring, self._keeper)
        status = StatusHandlers(desk, watch=self._watch, keeper=self._keeper, census=self._census)
        return {
            routes.REGISTER.target: nodes.register,
            routes.HEARTBEAT.target: nodes.heartbeat,
            routes.MAP.target: sessions.map,
            routes.OPEN_SESSION.target: sessions.open,
            routes.SESSION_HEARTBEAT.target: sessions.heartbeat,
            routes.CLOSE_SESSION.target: sessions.close,
            routes.STAGE.target: growing(commits.stage),
            routes.PAGE.target: lookups.page,
            routes.COMMIT.target: growing(commits.commit),
            routes.LOOKUP.target: lookups.lookup,
            routes.DELETE.target: deletes.delete,
            routes.LIST.target: listings.objects,
            routes.VERSIONS.target: listings.versions,
            routes.COPY.target: growing(copies.copy),
            routes.UNDELETE.target: growing(copies.undelete),
            routes.FIND_FILE.target: files.find,
            routes.LIST_FILES.target: files.list,
            routes.PURGE.target: files.purge,
            routes.CREATE_BUCKET.target: growing(buckets.create),
            routes.DELETE_BUCKET.target: buckets.delete,
            routes.LIST_BUCKETS.target: buckets.list,
            routes.USAGE.target: buckets.usage,
            routes.STATUS.target: status.status,
            routes.CREATE_KEY.target: growing(access_keys.create),
            routes.LIST_KEYS.target: access_keys.list,
            routes.REVOKE_KEY.target: access_keys.revoke,
        }


async def open_coordinator(
    env: Env,
    engine: Engine,
    *,
    keys: ClusterKeys,
    box: SecretBox,
    first_key: Credential,
    settings: CoordinatorSettings,
    log: Log,
) -> Coordinator:
    """A coordinator over `engine`: the catalog is made if there is none, and the liveness lease taken over. `first_key`
    may do everything, unless the catalog knows it already: then it may do what its row says.

    Raises: AccessDenied if the catalog is another cluster's, or if `box` cannot open the secrets in it; what the engine
    raises.
    """
    holder = env.secrets.token(_HOLDER_BYTES).hex()
    ring = CatalogKeyRing(env, engine, box)
    sealed = box.seal(first_key.secret, context=first_key.key_id.encode())
    wall = env.clock.wall()

    def begin(tx: Tx) -> tuple[CatalogIdentity, Lease]:
        identity = open_catalog(tx, cluster_id=settings.cluster_id, settings=settings.cluster)
        ring.read(tx)  # before anything new is sealed under a key-encryption key that is not theirs
        adopt_first_key(tx, first_key.key_id, sealed=sealed, wall=wall)
        return identity, take_lease(tx, LIVENESS, holder)

    former, opened_at = await engine.read(lambda snapshot: (find_settings(snapshot), snapshot.commit_number))
    identity, lease = await engine.tx(begin)
    await ring.step()
    history, sessions = await engine.read(lambda snapshot: (read_history(snapshot), read_sessions(snapshot)))
    desk = Desk(
        env=env,
        engine=engine,
        keys=keys,
        settings=settings,
        identity=identity,
        opened=OpenedCatalog(opened_at, identity.next_session),
        lease=lease,
        members=Members(engine, history),
        log=log,
    )
    promoter = Promoter(engine)
    keeper = SessionKeeper(desk, promoter, sessions)
    for name, before, now in changed_settings(former or settings.cluster, settings.cluster):
        log.info("setting_changed", setting=name, before=before, now=now)
    log.info("coordinator_opened", cluster_id=identity.cluster_id, epoch=lease.epoch, nodes=len(history.current.nodes))
    return Coordinator(desk, ring=ring, watch=MemberWatch(desk), keeper=keeper, promoter=promoter)
