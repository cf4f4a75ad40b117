"""Writes are held against what is known now."""

from shoal.base.errors import ManifestDamaged, NotFound
from shoal.coordinator.desk import note_damage
from support.catalog_bench import KEYS
from support.coordinator_bench import open_bench
from support.engines import QuietLog
from support.members import node_id


def test_only_damage_is_told_as_damage() -> None:
    log = QuietLog()
    note_damage(log, NotFound("nothing there"))
    assert log.events == []
    note_damage(log, ManifestDamaged("two rows do not agree", row="aa"))
    assert log.events == ["catalog_damaged"]


async def test_writes_are_held_against_what_is_known_now() -> None:
    bench = await open_bench(nodes="a")
    desk = bench.coordinator._desk
    assert desk.write_rules().copies == 1
    await bench.register("b")
    rules = desk.write_rules()
    assert (rules.keys, rules.copies, list(rules.members)) == (KEYS, 2, [node_id("a"), node_id("b")])
