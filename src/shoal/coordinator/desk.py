"""What all handlers and drivers of one coordinator work with."""

from dataclasses import dataclass

from shoal.base.env import Env
from shoal.base.errors import CorruptionError, ShoalError
from shoal.coordinator.members import Members
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core.catalog.chunks import WriteRules
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.model.catalog import CatalogIdentity, Lease
from shoal.ports.engine import Engine
from shoal.ports.log import Log


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
    lease: Lease
    members: Members
    log: Log
    is_restored: bool = False
    """A node has seen a newer catalog than this one: it is an older backup, and must never let anything be deleted."""

    def write_rules(self) -> WriteRules:
        """What writes are held against now."""
        members = self.members
        return WriteRules(self.keys, members.by_id, members.settings, members.copies)
