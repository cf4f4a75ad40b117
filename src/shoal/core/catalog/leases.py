"""Leases of singletons: who takes over raises the epoch, and every transaction of an older holder fails."""

from shoal.base.errors import StaleEpoch
from shoal.core.catalog import rows
from shoal.formats import keys
from shoal.model.catalog import Lease
from shoal.ports.engine import Tx

LIVENESS = "liveness"
"""Its holder marks nodes and declares sessions dead."""


def take_lease(tx: Tx, name: str, holder: str) -> Lease:
    """Take the lease `name` over, whoever had it: safety comes from the epoch, not from waiting."""
    former = rows.LEASE.find(tx, keys.lease(name))
    lease = Lease(holder, 1 if former is None else former.epoch + 1)
    rows.LEASE.put(tx, keys.lease(name), lease)
    return lease


def check_lease(tx: Tx, name: str, lease: Lease) -> None:
    """Raises: StaleEpoch unless `lease` is still the newest of its name."""
    if rows.LEASE.find(tx, keys.lease(name)) != lease:
        raise StaleEpoch(f"another holder has taken the {name} lease over", lease=name, epoch=lease.epoch)
