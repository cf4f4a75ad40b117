"""Fixtures for pytest, which finds them wherever Shoal is installed.

    def test_report_is_stored(shoal_store, shoal_bucket):
        write_report(shoal_store, f"{shoal_bucket}/report")
        assert shoal_store.get(f"{shoal_bucket}/report")

pytest imports this module in every run, also in those that use nothing of it: Shoal itself is imported by the fixtures.
"""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from shoal.testing.cluster import Cluster
    from shoal.wiring.doors import Shoal

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def shoal_cluster() -> "Iterator[Cluster]":
    """A real cluster of three nodes in this process, for the whole run: a `shoal.testing.Cluster`.

    Tests share it: who takes nodes away starts them again, or makes a cluster of its own. For another kind of cluster
    define a fixture of this name.
    """
    from shoal.testing.cluster import Cluster

    with Cluster(nodes=3) as cluster:
        yield cluster


@pytest.fixture
def shoal_store(shoal_cluster: "Cluster") -> "Iterator[Shoal]":
    """A connection to `shoal_cluster`, for one test. Names without a bucket are those of the bucket `default`, which
    all tests share; `shoal_bucket` is a test's own."""
    with shoal_cluster.connect() as store:
        yield store


@pytest.fixture
def shoal_bucket(shoal_store: "Shoal") -> str:
    """`shoal://BUCKET` of a new, empty, versioned bucket for one test; `f"{shoal_bucket}/KEY"` is a name in it."""
    bucket = f"test-{next(_NUMBERS)}"
    shoal_store.create_bucket(bucket)
    return f"shoal://{bucket}"
