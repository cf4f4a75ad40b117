"""Who may take a new replica."""

import pytest

from shoal.core.placement.eligibility import can_take_replicas, eligible_nodes
from shoal.model.cluster import ClusterSettings, NodeState
from support.members import cluster, member


def test_a_healthy_member_may() -> None:
    assert can_take_replicas(member("a"), ClusterSettings())


@pytest.mark.parametrize(
    "changes",
    [
        {"state": NodeState.SUSPECT},
        {"state": NodeState.DOWN},
        {"can_write": False},
        {"is_failed": True},
        {"is_draining": True},
        {"is_volatile": True},
    ],
)
def test_one_fault_is_enough_to_be_left_out(changes: dict[str, object]) -> None:
    assert eligible_nodes(cluster(member("a"), member("b", **changes))) == (member("a"),)


def test_volatile_member_may_where_the_cluster_chose_so() -> None:
    assert can_take_replicas(member("a", is_volatile=True), ClusterSettings(is_volatile_allowed=True))
