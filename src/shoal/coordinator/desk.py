"""What all handlers and drivers of one coordinator work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from shoal.base.env import Env
from shoal.base.errors import CorruptionError, ShoalError
from shoal.base.ids import SessionId
from shoal.coordinator.members import Members
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core.catalog.chunks import WriteRules
from shoal.core.catalog.refusals import Refused, do_or_refuse
from shoal.core.catalog.restoration import OpenedCatalog
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.model.catalog import CatalogIdentity, Lease
from shoal.ports.engine import Engine, Tx
from shoal.ports.log import Log

T = TypeVar("T")


def note_damage(log: Log, error: ShoalError) -> None:
    """Tell of rows that contradict themselves: whoever asked cannot mend them."""
    if isinstance(error, CorruptionError):
        log.error("catalog_damaged", why=error.sentence, **error.facts)


@dataclass(slots=True)
class Desk:
    """The world, the catalog, who is in the cluster, and the lease under which this coordinator judges others."""

    env: Env
    engine: Engine
    keys: ClusterKeys
    settings: CoordinatorSettings
    identity: CatalogIdentity
    opened: OpenedCatalog
    lease: Lease
    members: Members
    log: Log

    @property
    def is_restored(self) -> bool:
        """A node has seen a newer catalog than this one was: it is a backup, and must never let anything be deleted."""
        return bool(self.identity.lost)

    async def change(self, session: SessionId, sequence: int, do: Callable[[Tx], T]) -> T:
        """What the operation `do` of a session answers, durably; one that is refused stays refused. Raises: what `do`
        does."""
        made = await self.engine.tx(lambda tx: do_or_refuse(tx, session, sequence, do=do))
        if isinstance(made, Refused):
            raise made.error
        return made

    def write_rules(self) -> WriteRules:
        """What writes are held against now."""
        members = self.members
        return WriteRules(self.keys, members.by_id, members.settings, members.copies, members.staying)
