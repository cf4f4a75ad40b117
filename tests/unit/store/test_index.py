"""The packed index, against a dict."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shoal.formats.segment import FooterEntry, RecordKind, encode_entry, key_of
from shoal.store.index import IN_FILE, NOWHERE, ReplicaIndex, ReplicaState, Row, Run
from support.stores import replica

HELD, DELETED, QUARANTINED = ReplicaState.HELD, ReplicaState.DELETED, ReplicaState.QUARANTINED

changes = st.lists(
    st.tuples(
        st.integers(0, 60), st.sampled_from(list(ReplicaState)), st.sampled_from([0, 7, 2**32 - 3, IN_FILE, NOWHERE])
    )
)


def entry(number: int, *, offset: int = 0) -> bytes:
    return encode_entry(FooterEntry(replica(number), RecordKind.CHUNK, offset, 8))


@given(changes)
def test_it_agrees_with_a_dict(steps: list[tuple[int, ReplicaState, int]]) -> None:
    index, model = ReplicaIndex(), dict[bytes, Row]()
    for number, state, segment in steps:
        key, row = key_of(replica(number)), Row(state, number, 2**32 - 1, segment)
        index.put(key, row)
        model[key] = row
    held = sorted(key for key, row in model.items() if row.state == HELD)
    assert index.held(after=None, limit=1000) == held
    assert index.held_count == len(held)
    assert index.quarantined() == sorted(key for key, row in model.items() if row.state == QUARANTINED)
    for number in range(62):
        assert index.get(key_of(replica(number))) == model.get(key_of(replica(number)))


def test_it_agrees_with_a_dict_over_many_pages() -> None:
    rng = random.Random(3)
    index, model = ReplicaIndex(), dict[bytes, Row]()
    for number in [*range(3000), *(rng.randrange(1 << 20) for _ in range(3000)), *range(3000, 5000)]:
        key, row = key_of(replica(number)), Row(HELD, number, 1, 2)
        index.put(key, row)
        model[key] = row
    keys = sorted(model)
    assert index.held(after=None, limit=10_000) == keys
    assert all(index.get(key) == row for key, row in model.items())
    for at in (0, 1, 1023, 1024, 4000, len(keys) - 1):
        assert index.held(after=keys[at], limit=3) == keys[at + 1 : at + 4]
        assert index.held(after=keys[at] + b"", limit=0) == []
    assert index.held(after=b"\xff" * 21, limit=3) == []


def test_runs_are_merged_in_order_of_address() -> None:
    rng = random.Random(4)
    numbers = list(range(9000))
    rng.shuffle(numbers)
    parts = [sorted(numbers[at : at + 1000]) for at in range(0, 9000, 1000)]
    index = ReplicaIndex()
    index.load([Run(b"".join(entry(number, offset=number) for number in part), at) for at, part in enumerate(parts)])
    assert index.held_count == 9000
    assert index.held(after=None, limit=10_000) == [key_of(replica(number)) for number in range(9000)]
    for at, part in enumerate(parts):
        assert index.get(key_of(replica(part[5]))) == Row(HELD, part[5], 8, at)
    index.put(key_of(replica(9999)), Row(DELETED, 0, 0, NOWHERE))
    assert index.held_count == 9000


def test_large_runs_are_cut_where_they_meet() -> None:
    entries = [entry(number) for number in range(150_000)]
    index = ReplicaIndex()
    index.load([Run(b"".join(entries[0::2]), 0), Run(b"".join(entries[1::2]), 1), Run(b"", 2)])
    assert index.held_count == 150_000
    assert index.held(after=key_of(replica(99_998)), limit=2) == [key_of(replica(99_999)), key_of(replica(100_000))]


def test_of_an_address_that_comes_twice_the_later_place_wins() -> None:
    index = ReplicaIndex()
    first = entry(1, offset=8) + entry(2, offset=24) + entry(2, offset=16)
    index.load([Run(entry(1, offset=80) + entry(3), 5), Run(first, 4)])
    assert index.held_count == 3
    assert index.get(key_of(replica(1))) == Row(HELD, 80, 8, 5)
    assert index.get(key_of(replica(2))) == Row(HELD, 24, 8, 4)


def test_an_empty_index_knows_nothing() -> None:
    index = ReplicaIndex()
    index.load([])
    assert index.get(bytes(21)) is None
    assert index.held(after=None, limit=5) == []
    assert index.held(after=bytes(21), limit=5) == []
