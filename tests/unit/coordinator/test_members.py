"""The copy of the map follows the catalog, also when another coordinator wrote it."""

from msgspec.structs import replace

from shoal.coordinator.members import Members
from shoal.core.catalog.cluster_map import read_history
from shoal.core.catalog.identity import open_catalog
from shoal.core.catalog.nodes import register_node
from shoal.engine.memory import MemoryEngine
from shoal.model.cluster import ClusterSettings, NodeState
from shoal.testing.sim.env import ManualClock
from support.catalog_bench import CLUSTER_ID, registration
from support.members import node_id


async def opened() -> tuple[MemoryEngine, Members]:
    engine = MemoryEngine(ManualClock())
    await engine.tx(lambda tx: open_catalog(tx, cluster_id=CLUSTER_ID, settings=ClusterSettings()))
    return engine, Members(engine, await engine.read(read_history))


async def register(engine: MemoryEngine, name: str) -> None:
    await engine.tx(lambda tx: register_node(tx, registration(name)))


async def test_a_change_is_followed_by_its_step() -> None:
    engine, members = await opened()
    assert (members.copies, members.write_quorum, members.by_id) == (1, 1, {})
    for name in "abc":
        await register(engine, name)
    assert members.map.version == 1
    await members.refresh()
    assert members.map.version == 4
    assert members.states == {node_id(name): NodeState.UP for name in "abc"}
    assert (members.copies, members.write_quorum) == (3, 2)
    assert [update.version for update in members.since(2).updates] == [3, 4]
    before = members.map
    await members.refresh()
    assert members.map is before


async def test_new_settings_and_a_long_absence_are_followed_whole() -> None:
    engine, members = await opened()
    asked = replace(ClusterSettings(), copies=2)
    await engine.tx(lambda tx: open_catalog(tx, cluster_id=CLUSTER_ID, settings=asked))
    await members.refresh()
    assert (members.settings, members.copies, members.map.version) == (asked, 2, 2)
    for number in range(120):
        await register(engine, f"n{number}")
    await members.refresh()
    assert len(members.by_id) == 120
    assert members.since(121).updates[0].version == 122
