"""A cluster of real processes that reach each other, and are reached, only through proxies that harm connections."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from shoal.base.errors import ShoalError
from shoal.base.ids import Address
from shoal.base.units import MILLISECOND, SECOND
from shoal.client.client import Client
from shoal.client.settings import ClientSettings
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from support.audited_load import Book, User, audit, load
from support.fault_proxy import Fault, FaultProxy
from support.faulty_cluster import COORDINATOR, FaultyCluster, FaultyPlan, faulty_cluster
from support.replica_audit import audit_replicas

NAMES = (COORDINATOR, "node-1", "node-2", "node-3")
USERS = 8
CALL_BITS, CHUNK_BITS = (9, 17), (13, 24)
"""How far faults are apart: a call is some hundred bytes, a chunk up to a mebibyte."""
LOG = StreamLog(level=Level.ERROR)
SHORT = ClientSettings(
    patience_ns=20 * SECOND,
    control_deadline_ns=800 * MILLISECOND,
    transfer_deadline_ns=2 * SECOND,
    read_head_deadline_ns=800 * MILLISECOND,
)
FIRED_MIN = 2
DONE_MIN = 20
SECONDS_MAX = 600.0


@dataclass(slots=True)
class Harmed:
    """A cluster behind proxies, and what its users were promised."""

    cluster: FaultyCluster
    proxies: dict[str, FaultProxy]
    client: Client
    book: Book = field(default_factory=Book)

    @property
    def fired(self) -> Counter[Fault]:
        """Of all proxies."""
        return sum((proxy.fired for proxy in self.proxies.values()), Counter[Fault]())

    async def live_through(
        self, faults: Sequence[Fault], *, may_see: tuple[type[ShoalError], ...] = (), done_min: int = DONE_MIN
    ) -> None:
        """Users work until each of `faults` has struck and work was done in spite of it; then they end in peace, and
        everything is audited, also after all processes were killed."""
        users = [User(number, self.client, self.book, may_see=may_see) for number in range(USERS)]
        give_up = time.monotonic() + SECONDS_MAX
        async with load(users):
            self._harm(faults)
            while not self._has_seen_enough(faults, done_min):
                assert time.monotonic() < give_up, f"{self.fired} {self.book.outcomes}"
                await asyncio.sleep(0.05)
            self._harm(())
        await audit(self.client, self.book)
        await self.cluster.kill_all()
        await audit(self.client, self.book)
        await audit_replicas(self.client, self.book, self.cluster.plan)
        self.cluster.assert_no_bugs()

    def _has_seen_enough(self, faults: Sequence[Fault], done_min: int) -> bool:
        fired = self.fired
        return all(fired[fault] >= FIRED_MIN for fault in faults) and self.book.count("done") >= done_min

    def _harm(self, faults: Sequence[Fault]) -> None:
        for proxy in self.proxies.values():
            proxy.faults = faults


@asynccontextmanager
async def harmed(data: Path, *, seed: int) -> AsyncIterator[Harmed]:
    """Everybody reaches the coordinator and the nodes by a detour."""
    async with AsyncExitStack() as stack:
        detours: dict[str, Address] = {}
        proxies: dict[str, FaultProxy] = {}
        plan = FaultyPlan(data, node_options=("--forward-deadline", "2s"), detours=detours)
        for name in NAMES:
            target, bits = partial(plan.real_address, name), CALL_BITS if name == COORDINATOR else CHUNK_BITS
            proxy = proxies[name] = FaultProxy(target, Random(f"{seed}/{name}"), after_bits=bits)
            await stack.enter_async_context(proxy.listening())
            detours[name] = proxy.address
        cluster = await stack.enter_async_context(faulty_cluster(plan))
        client = await stack.enter_async_context(open_client(find_cluster(data=data), log=LOG, settings=SHORT))
        yield Harmed(cluster, proxies, client)
