"""What members believe about the cluster map."""

import pytest

from shoal.model.cluster import ClusterMap, ClusterSettings
from shoal.testing.sim.map_watch import MapContradiction, MapWatch


def cluster_map(version: int, *, cluster_id: str = "a") -> ClusterMap:
    return ClusterMap(cluster_id, version, ClusterSettings(), ())


def test_a_version_is_one_content_for_all() -> None:
    watch = MapWatch()
    watch.look("node-1.1", cluster_map(3))
    watch.look("node-2.1", cluster_map(3))
    with pytest.raises(MapContradiction, match="map 3 on client"):
        watch.look("client-1.1", cluster_map(3, cluster_id="b"))


def test_nobody_goes_back_in_one_life() -> None:
    watch = MapWatch()
    watch.look("node-1.1", cluster_map(3))
    watch.look("node-1.2", cluster_map(2))
    with pytest.raises(MapContradiction, match="map 2 after map 3"):
        watch.look("node-1.1", cluster_map(2))


def test_whoever_knows_no_map_yet_says_nothing() -> None:
    watch = MapWatch()
    watch.look("node-1.1", cluster_map(0, cluster_id="a"))
    watch.look("node-2.1", cluster_map(0, cluster_id="b"))
