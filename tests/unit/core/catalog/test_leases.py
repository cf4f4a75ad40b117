"""Who takes over fences whoever held the lease before."""

import pytest

from shoal.base.errors import StaleEpoch
from shoal.core.catalog.leases import LIVENESS, check_lease, take_lease
from support.catalog_bench import CatalogBench


def test_who_takes_over_has_a_higher_epoch_and_fences_the_former() -> None:
    bench = CatalogBench()
    first = bench.tx(lambda tx: take_lease(tx, LIVENESS, "one"))
    bench.tx(lambda tx: check_lease(tx, LIVENESS, first))
    second = bench.tx(lambda tx: take_lease(tx, LIVENESS, "two"))
    assert second.epoch == first.epoch + 1
    with pytest.raises(StaleEpoch):
        bench.tx(lambda tx: check_lease(tx, LIVENESS, first))
    bench.tx(lambda tx: check_lease(tx, LIVENESS, second))


def test_a_lease_that_nobody_took_is_nobodys() -> None:
    bench = CatalogBench()
    lease = bench.tx(lambda tx: take_lease(tx, "gc", "one"))
    with pytest.raises(StaleEpoch):
        bench.tx(lambda tx: check_lease(tx, LIVENESS, lease))
