"""Rows in memory; the engine itself is in the contract suite."""

import asyncio

from shoal.engine.memory import MemoryEngine, MemoryRows
from support.engines import WallClock


def test_deleting_keeps_the_order() -> None:
    rows = MemoryRows()
    rows.commit({key: key for key in (b"c", b"a", b"d", b"b")})
    rows.commit({b"b": None, b"x": None})
    assert [key for key, _ in rows.scan(b"", b"z", limit=9)] == [b"a", b"c", b"d"]
    assert rows.commit_number == 2


async def test_every_call_gives_way_first() -> None:
    engine, order = MemoryEngine(WallClock()), list[str]()
    task = asyncio.create_task(engine.read(lambda _: order.append("read")))
    await asyncio.sleep(0)
    order.append("other")
    await task
    assert order == ["other", "read"]
