"""The contract of `ports.engine`, held by every engine."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.base.errors import CallerError, InvariantBroken, PreconditionFailed, TransientError
from shoal.base.ids import WallNs
from shoal.ports.engine import Row, Snapshot, Tx
from support.engines import EngineKind, MemoryKind, SimulatedKind, SqliteKind

NEIGHBOURS = [b"a", b"a\x00", b"a\x01", b"a/", b"a/b", b"a0", "a\U0010ffff".encode(), "\U0010ffff".encode(), b"\xff"]
"""In byte order: what orders text, or lengths, sorts them otherwise."""


@pytest.fixture(params=["memory", "sqlite", "simulated"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> EngineKind:
    if request.param == "memory":
        return MemoryKind()
    return SqliteKind(tmp_path) if request.param == "sqlite" else SimulatedKind()


@pytest.fixture(params=["sqlite", "simulated"])
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> EngineKind:
    return SqliteKind(tmp_path) if request.param == "sqlite" else SimulatedKind()


def putting(*rows: Row) -> Callable[[Tx], None]:
    """A transaction that puts these rows."""

    def put(tx: Tx) -> None:
        for key, value in rows:
            tx.put(key, value)

    return put


def deleting(*keys: bytes) -> Callable[[Tx], None]:
    """A transaction that deletes these keys."""

    def delete(tx: Tx) -> None:
        for key in keys:
            tx.delete(key)

    return delete


def everything(snapshot: Snapshot) -> list[Row]:
    """All rows."""
    return snapshot.scan(b"", b"\xff\xff", limit=10_000)


def numbered(count: int) -> list[Row]:
    """Rows k00, k01 and so on."""
    return [(b"k%02d" % number, b"v%d" % number) for number in range(count)]


# Reading and writing.


async def test_what_was_put_is_read_and_what_was_not_is_none(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        await engine.tx(putting((b"here", b"value"), (b"empty", b"")))
        assert await engine.read(lambda snapshot: snapshot.get_many([b"empty", b"gone", b"here"])) == [
            b"",
            None,
            b"value",
        ]


async def test_a_put_replaces_and_a_delete_removes(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        await engine.tx(putting((b"a", b"1"), (b"b", b"1")))
        await engine.tx(putting((b"a", b"2")))
        await engine.tx(deleting(b"b", b"never there"))
        assert await engine.read(everything) == [(b"a", b"2")]


async def test_the_result_of_the_function_is_returned(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        assert await engine.tx(lambda tx: 7) == 7
        assert await engine.read(lambda snapshot: "seen") == "seen"


async def test_values_of_a_mebibyte_and_keys_of_two_kibibytes_fit(kind: EngineKind) -> None:
    row = (b"k" * 2048, bytes(range(256)) * 4096)
    async with kind.serving() as engine:
        await engine.tx(putting(row))
        assert await engine.read(lambda snapshot: snapshot.scan(b"k", b"l", limit=2)) == [row]


@pytest.mark.parametrize("row", [(b"k" * 2049, b""), (b"", b""), (b"k", bytes(2**20 + 1))])
async def test_larger_rows_are_refused_and_nothing_is_written(kind: EngineKind, row: Row) -> None:
    async with kind.serving() as engine:
        with pytest.raises(InvariantBroken):
            await engine.tx(putting((b"a", b"1"), row))
        assert await engine.read(everything) == []


# Order and scans.


async def test_byte_order_is_the_only_order(kind: EngineKind) -> None:
    assert sorted(NEIGHBOURS) == NEIGHBOURS
    async with kind.serving() as engine:
        await engine.tx(putting(*((key, b"") for key in reversed(NEIGHBOURS))))
        assert [key for key, _ in await engine.read(everything)] == NEIGHBOURS
        assert await engine.read(lambda snapshot: snapshot.scan(b"a/", b"a0", limit=9)) == [(b"a/", b""), (b"a/b", b"")]


async def test_a_scan_has_its_start_but_not_its_end(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        await engine.tx(putting(*numbered(5)))
        assert await engine.read(lambda snapshot: snapshot.scan(b"k01", b"k03", limit=9)) == numbered(5)[1:3]
        assert await engine.read(lambda snapshot: snapshot.scan(b"k03", b"k01", limit=9)) == []
        assert await engine.read(lambda snapshot: snapshot.scan(b"k03", b"k03", limit=9)) == []


async def test_a_limited_scan_takes_the_first_or_reversed_the_last(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        await engine.tx(putting(*numbered(5)))
        assert await engine.read(lambda snapshot: snapshot.scan(b"k", b"l", limit=2)) == numbered(5)[:2]
        backward = await engine.read(lambda snapshot: snapshot.scan(b"k", b"k04", limit=2, reverse=True))
        assert backward == [numbered(5)[3], numbered(5)[2]]


async def test_a_scan_without_a_limit_is_a_bug(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        with pytest.raises(InvariantBroken):
            await engine.read(lambda snapshot: snapshot.scan(b"", b"z", limit=0))


async def test_reads_of_a_transaction_see_its_own_writes(kind: EngineKind) -> None:
    def change(tx: Tx) -> tuple[list[bytes | None], list[Row], list[Row]]:
        tx.put(b"k01", b"new")
        tx.delete(b"k02")
        tx.put(b"k025", b"between")
        tx.put(b"k04", b"for a moment")
        tx.delete(b"k04")
        return (
            tx.get_many([b"k01", b"k02", b"k03"]),
            tx.scan(b"k", b"l", limit=3),
            tx.scan(b"k", b"l", limit=2, reverse=True),
        )

    async with kind.serving() as engine:
        await engine.tx(putting(*numbered(5)))
        many, forward, backward = await engine.tx(change)
        assert many == [b"new", None, b"v3"]
        assert forward == [(b"k00", b"v0"), (b"k01", b"new"), (b"k025", b"between")]
        assert backward == [(b"k03", b"v3"), (b"k025", b"between")]
        assert await engine.read(lambda snapshot: snapshot.scan(b"k", b"l", limit=3)) == forward


async def test_a_scan_fills_its_limit_past_rows_deleted_here(kind: EngineKind) -> None:
    def change(tx: Tx) -> list[Row]:
        deleting(*(key for key, _ in numbered(8)))(tx)
        return tx.scan(b"k", b"l", limit=2)

    async with kind.serving() as engine:
        await engine.tx(putting(*numbered(12)))
        assert await engine.tx(change) == numbered(12)[8:10]


# Transactions.


async def test_a_failing_function_leaves_nothing_and_touches_no_other(kind: EngineKind) -> None:
    def fail(tx: Tx) -> None:
        tx.put(b"bad", b"1")
        tx.delete(b"old")
        raise PreconditionFailed("not today")

    async with kind.serving() as engine:
        await engine.tx(putting((b"old", b"1")))
        results = await asyncio.gather(
            engine.tx(putting((b"x", b"1"))), engine.tx(fail), engine.tx(putting((b"y", b"1"))), return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None), PreconditionFailed, type(None)]
        assert await engine.read(everything) == [(b"old", b"1"), (b"x", b"1"), (b"y", b"1")]


async def test_an_exception_of_any_kind_comes_out_as_it_is(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        with pytest.raises(ZeroDivisionError):
            await engine.tx(lambda tx: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await engine.read(lambda snapshot: 1 // 0)
        assert await engine.tx(lambda tx: "still serving") == "still serving"


def commit_under(session: bytes, name: bytes) -> Callable[[Tx], None]:
    """As a client's commit: only while its session lives."""

    def commit(tx: Tx) -> None:
        if tx.get(session) != b"alive":
            raise PreconditionFailed("the session is dead")
        tx.put(name, b"committed")

    return commit


def declare_dead(session: bytes) -> Callable[[Tx], bool]:
    """As a sweeper: returns whether the session had committed by then."""

    def declare(tx: Tx) -> bool:
        tx.put(session, b"dead")
        return bool(tx.scan(b"o/", b"o0", limit=1))

    return declare


@pytest.mark.parametrize("commit_first", [True, False])
async def test_a_commit_conflicts_with_the_death_of_its_session(kind: EngineKind, commit_first: bool) -> None:
    async with kind.serving() as engine:
        await engine.tx(putting((b"s/1", b"alive")))
        commit, death = engine.tx(commit_under(b"s/1", b"o/1")), engine.tx(declare_dead(b"s/1"))
        ordered = (commit, death) if commit_first else (death, commit)
        results = await asyncio.gather(*ordered, return_exceptions=True)
        was_refused = any(isinstance(result, PreconditionFailed) for result in results)
        # Either the sweeper saw the commit, or the commit saw the death: write skew would be neither.
        assert (True in results) != was_refused
        assert (await engine.read(lambda snapshot: snapshot.get(b"o/1")) is None) == was_refused


async def test_two_that_create_the_same_name_one_wins(kind: EngineKind) -> None:
    def create(by: bytes) -> Callable[[Tx], None]:
        def put(tx: Tx) -> None:
            if tx.get(b"name"):
                raise PreconditionFailed("it exists")
            tx.put(b"name", by)

        return put

    async with kind.serving() as engine:
        results = await asyncio.gather(*(engine.tx(create(b"%d" % n)) for n in range(10)), return_exceptions=True)
        winners = [n for n, result in enumerate(results) if result is None]
        assert len(winners) == 1
        assert await engine.read(lambda snapshot: snapshot.get(b"name")) == b"%d" % winners[0]


async def test_increments_of_many_at_once_all_count(kind: EngineKind) -> None:
    def increment(tx: Tx) -> None:
        tx.put(b"count", b"%d" % (int(tx.get(b"count") or b"0") + 1))

    async with kind.serving() as engine:
        async with asyncio.TaskGroup() as group:
            for _ in range(2000):
                group.create_task(engine.tx(increment))
        assert await engine.read(lambda snapshot: snapshot.get(b"count")) == b"2000"


async def test_an_acknowledged_write_is_seen_by_every_later_read(kind: EngineKind) -> None:
    async def write_and_look(number: int) -> None:
        for turn in range(10):
            key, value = b"%d" % number, b"%d" % turn
            await engine.tx(putting((key, value)))
            assert await engine.read(lambda snapshot, key=key: snapshot.get(key)) == value  # type: ignore[misc]

    async with kind.serving() as engine, asyncio.TaskGroup() as writers:
        for number in range(20):
            writers.create_task(write_and_look(number))


# Commit numbers.


async def test_every_commit_has_the_next_number(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        before = await engine.read(lambda snapshot: snapshot.commit_number)

        def put(tx: Tx) -> int:
            tx.put(b"n/%d" % tx.commit_number, b"")
            return tx.commit_number

        numbers = await asyncio.gather(*(engine.tx(put) for _ in range(30)))
        assert sorted(numbers) == list(range(before + 1, before + 31))
        assert await engine.read(lambda snapshot: snapshot.commit_number) == before + 30


async def test_a_snapshot_has_every_commit_up_to_its_number_and_none_above(kind: EngineKind) -> None:
    def put(tx: Tx) -> None:
        tx.put(b"n/%08d" % tx.commit_number, b"")

    def look(snapshot: Snapshot) -> tuple[int, list[int]]:
        rows = snapshot.scan(b"n/", b"n0", limit=1000)
        return snapshot.commit_number, [int(key[2:]) for key, _ in rows]

    async def watch() -> None:
        for _ in range(50):
            number, seen = await engine.read(look)
            assert seen == list(range(1, number + 1))
            await asyncio.sleep(0)

    async with kind.serving() as engine:
        await asyncio.gather(*(engine.tx(put) for _ in range(40)), watch(), *(engine.tx(put) for _ in range(40)))


async def test_what_fails_or_writes_nothing_takes_no_number(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        await engine.tx(putting((b"a", b"")))
        await asyncio.gather(
            engine.tx(lambda tx: tx.get(b"a")),
            engine.tx(lambda tx: 1 // 0),
            engine.tx(putting((b"b", b""))),
            return_exceptions=True,
        )
        assert await engine.read(lambda snapshot: snapshot.commit_number) == 2


# Stamps.


def stamped(tx: Tx) -> list[WallNs]:
    tx.put(b"touched", b"")
    return [tx.stamp(), tx.stamp(), tx.stamp()]


async def test_stamps_grow_while_the_wall_clock_jumps(kind: EngineKind) -> None:
    stamps: list[WallNs] = []
    async with kind.serving() as engine:
        for wall_ns in (5_000_000_000, 5_000_000_000, 1_000, 4_000_000_000_000_000_000, 0):
            kind.clock.wall_ns = wall_ns
            stamps += await engine.tx(stamped)
    assert stamps == sorted(set(stamps))
    assert stamps[0] == 5_000_000_000


async def test_stamps_grow_across_restarts(durable: EngineKind) -> None:
    async with durable.serving() as engine:
        before = await engine.tx(stamped)
    durable.clock.wall_ns = 0
    async with durable.serving() as engine:
        after = await engine.tx(stamped)
    assert [*before, *after] == sorted({*before, *after})


# Life.


async def test_a_reopened_engine_has_everything_acknowledged(durable: EngineKind) -> None:
    for turn in range(3):
        async with durable.serving() as engine:
            assert await engine.read(lambda snapshot: snapshot.commit_number) == turn
            await engine.tx(putting((b"%d" % turn, b"x" * 5000)))
    async with durable.serving() as engine:
        assert [key for key, _ in await engine.read(everything)] == [b"0", b"1", b"2"]


async def test_a_closed_engine_refuses(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        await engine.close()
        with pytest.raises(TransientError):
            await engine.tx(putting((b"a", b"")))
        with pytest.raises(TransientError):
            await engine.read(everything)


async def test_closing_answers_those_who_wait(durable: EngineKind) -> None:
    async with durable.serving() as engine:
        waiting = [asyncio.ensure_future(engine.tx(putting((b"%d" % n, b"")))) for n in range(5)]
        await asyncio.sleep(0)
        await engine.close()
        await asyncio.gather(*waiting)
    async with durable.serving() as engine:
        assert len(await engine.read(everything)) == 5


async def test_a_cancelled_transaction_is_done_or_not_and_harms_nobody(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        for turns in range(6):
            other = asyncio.ensure_future(engine.tx(putting((b"other/%d" % turns, b""))))
            task = asyncio.ensure_future(engine.tx(putting((b"a/%d" % turns, b""), (b"b/%d" % turns, b""))))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await other
            await engine.tx(putting((b"after/%d" % turns, b"")))
            keys = (b"a/%d" % turns, b"b/%d" % turns)
            assert len({value is None for value in await engine.read(lambda s, keys=keys: s.get_many(keys))}) == 1  # type: ignore[misc]
        assert len(await engine.read(lambda snapshot: snapshot.scan(b"after", b"aftes", limit=9))) == 6


async def test_a_cancelled_read_harms_nobody(kind: EngineKind) -> None:
    async with kind.serving() as engine:
        await engine.tx(putting((b"a", b"1")))
        task = asyncio.ensure_future(engine.read(everything))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await engine.read(everything) == [(b"a", b"1")]


# Against a model.

KEYS = st.sampled_from([*NEIGHBOURS, b"b", b"c"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(max_size=5)),
    st.tuples(st.just("delete"), KEYS, st.just(b"")),
    st.tuples(st.just("fail"), KEYS, st.just(b"")),
)
SCANS = st.tuples(KEYS, KEYS, st.integers(1, 4), st.booleans())


Step = tuple[str, bytes, bytes]
Scan = tuple[bytes, bytes, int, bool]
Group = list[tuple[list[Step], Scan]]


class Model:
    """What an engine is: a dict, in order."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def apply(self, steps: list[Step]) -> None:
        if any(verb == "fail" for verb, _, _ in steps):
            return
        for verb, key, value in steps:
            if verb == "put":
                self.rows[key] = value
            else:
                self.rows.pop(key, None)

    def scan(self, start: bytes, end: bytes, *, limit: int, reverse: bool) -> list[Row]:
        rows = sorted((row for row in self.rows.items() if start <= row[0] < end), reverse=reverse)
        return rows[:limit]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(groups=st.lists(st.lists(st.tuples(st.lists(STEPS, max_size=5), SCANS), max_size=5), max_size=5))
async def test_an_engine_is_a_sorted_dict(kind: EngineKind, groups: list[Group]) -> None:
    model = Model()

    def transaction(
        steps: list[tuple[str, bytes, bytes]], scan: tuple[bytes, bytes, int, bool]
    ) -> Callable[[Tx], None]:
        def run(tx: Tx) -> None:
            for verb, key, value in steps:
                if verb == "put":
                    tx.put(key, value)
                elif verb == "delete":
                    tx.delete(key)
                else:
                    raise CallerError("as told")
            model.apply(steps)
            start, end, limit, reverse = scan
            assert tx.scan(start, end, limit=limit, reverse=reverse) == model.scan(
                start, end, limit=limit, reverse=reverse
            )

        return run

    async with kind.serving() as engine:
        await engine.tx(deleting(*(key for key, _ in await engine.read(everything))))
        for group in groups:
            results = await asyncio.gather(
                *(engine.tx(transaction(steps, scan)) for steps, scan in group), return_exceptions=True
            )
            assert all(result is None or isinstance(result, CallerError) for result in results), results
            assert await engine.read(everything) == sorted(model.rows.items())
