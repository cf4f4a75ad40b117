"""What a transaction sees over what is on its way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvariantBroken
from shoal.base.ids import WallNs
from shoal.engine.memory import MemoryRows
from shoal.engine.overlay import Layer, OverlayTx

KEYS = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])
WRITES = st.dictionaries(KEYS, st.none() | st.binary(max_size=2), max_size=5)


def layer_of(writes: dict[bytes, bytes | None]) -> Layer:
    layer = Layer()
    for key, value in writes.items():
        layer.write(key, value)
    return layer


def view_of(base: dict[bytes, bytes | None], *below: dict[bytes, bytes | None]) -> OverlayTx:
    """`below` is newest first."""
    rows = MemoryRows()
    rows.commit(base)
    layers = [layer_of(writes) for writes in below]
    return OverlayTx(rows, layers, commit_number=7, next_stamp=lambda: WallNs(9))


@given(layers=st.lists(WRITES, min_size=3, max_size=3), limit=st.integers(1, 6), reverse=st.booleans(), start=KEYS)
def test_newer_layers_hide_older_ones(
    layers: list[dict[bytes, bytes | None]], limit: int, reverse: bool, start: bytes
) -> None:
    newest, older, base = layers
    view = view_of(base, newest, older)
    seen = {**base, **older, **newest}
    rows = sorted(((key, value) for key, value in seen.items() if value is not None and key >= start), reverse=reverse)
    assert view.scan(start, b"z", limit=limit, reverse=reverse) == rows[:limit]
    keys = [b"a", b"b", b"c", b"d", b"e"]
    assert view.get_many(keys) == [seen.get(key) for key in keys]


def test_own_writes_hide_all_and_touch_nothing_below() -> None:
    view = view_of({b"a": b"base"}, {b"b": b"layer"})
    view.put(b"a", b"own")
    view.delete(b"b")
    assert view.scan(b"a", b"z", limit=9) == [(b"a", b"own")]
    assert view.own.writes == {b"a": b"own", b"b": None}


def test_a_layer_finds_keys_written_after_it_was_read() -> None:
    layer = layer_of({b"c": b""})
    assert layer.keys_between(b"a", b"z") == [b"c"]
    layer.absorb(layer_of({b"a": b"", b"c": None, b"z": b""}))
    assert layer.keys_between(b"a", b"z") == [b"a", b"c"]


def test_a_layer_counts_what_it_takes() -> None:
    layer = layer_of({b"key": b"12345", b"gone": None})
    layer.absorb(layer_of({b"k": b"1"}))
    assert layer.bytes == 14


def test_number_and_stamp_come_from_the_engine() -> None:
    view = view_of({})
    assert (view.commit_number, view.stamp()) == (7, 9)


@pytest.mark.parametrize(("key", "value"), [(b"", b""), (b"k" * 2049, b""), (b"k", bytes(2**20 + 1))])
def test_rows_that_are_too_large_are_bugs(key: bytes, value: bytes) -> None:
    view = view_of({})
    with pytest.raises(InvariantBroken):
        view.put(key, value)
    assert view.own.writes == {}


def test_a_scan_over_writes_needs_a_limit_too() -> None:
    with pytest.raises(InvariantBroken):
        view_of({b"a": b""}, {b"b": b""}).scan(b"a", b"z", limit=0)
