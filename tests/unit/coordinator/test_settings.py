"""Settings that cannot work are refused."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.units import HOUR, SECOND
from shoal.coordinator.settings import CoordinatorSettings
from shoal.model.cluster import ClusterSettings


def test_the_defaults_fit_together() -> None:
    assert CoordinatorSettings("cluster").cluster == ClusterSettings()


def test_settings_that_contradict_each_other_are_refused() -> None:
    for cluster, changes in (
        (ClusterSettings(heartbeat_ns=4 * SECOND), {}),
        (ClusterSettings(down_after_ns=6 * SECOND), {}),
        (ClusterSettings(heartbeat_ns=0), {}),
        (ClusterSettings(session_ttl_ns=3 * HOUR), {}),
        (ClusterSettings(), {"sweep_ns": 31 * SECOND}),
    ):
        with pytest.raises(InvalidArgument):
            CoordinatorSettings("cluster", cluster, **changes)
    with pytest.raises(InvalidArgument):
        CoordinatorSettings("")
