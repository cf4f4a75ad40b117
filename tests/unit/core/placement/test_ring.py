"""The ring, against figures that were computed independently of it."""

from bisect import bisect_left
from collections import Counter
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.core.placement import ring as ring_module
from shoal.core.placement.ring import VIRTUAL_NODES, Ring, RingSelector, ring_hash, ring_key
from shoal.model.cluster import NodeState
from support.members import cluster, member

THREE = ("node-1", "node-2", "node-3")
KEYS = [f"key-{i}" for i in range(1000)]

names = st.lists(st.text(max_size=8), min_size=1, max_size=5, unique=True)


def positions(*names: str) -> list[tuple[int, str]]:
    """All (position, name) of a ring, straight from the definition."""
    spots = ((md5(f"{name}#{i}".encode()).digest()[:4], name) for name in names for i in range(VIRTUAL_NODES))
    return sorted((int.from_bytes(digest, "big"), name) for digest, name in spots)


def primaries(*names: str) -> list[str]:
    ring = Ring(names)
    return [ring.first(key, 1)[0] for key in KEYS]


def test_three_nodes_have_450_distinct_positions() -> None:
    assert len({ring_hash(f"{name}#{i}") for name in THREE for i in range(VIRTUAL_NODES)}) == 450


def test_lowest_and_highest_positions() -> None:
    spots = [(f"{position:08x}", name) for position, name in positions(*THREE)]
    assert spots[:4] == [
        ("0058ee62", "node-3"), ("00942b58", "node-3"), ("012d7037", "node-1"), ("01ef021c", "node-1"),
    ]  # fmt: skip
    assert spots[-1] == ("ff946dcc", "node-1")


def test_shares_of_the_circle() -> None:
    spots = positions(*THREE)
    share: Counter[str] = Counter()
    for (before, _), (position, name) in zip([spots[-1], *spots], spots, strict=False):
        share[name] += (position - before) % 2**32
    assert [round(100 * share[name] / 2**32, 2) for name in THREE] == [31.62, 35.37, 33.01]


@pytest.mark.parametrize(
    ("key", "position", "order"),
    [
        ("key-0", 0xB4428B7E, ("node-3", "node-1", "node-2")),
        ("key-1", 0x21AF6B8B, ("node-2", "node-3", "node-1")),
    ],
)
def test_order_of_a_key(key: str, position: int, order: tuple[str, ...]) -> None:
    assert ring_hash(key) == position
    assert Ring(THREE).first(key, 3) == order


def test_primaries_of_a_thousand_keys() -> None:
    assert [Counter(primaries(*THREE))[name] for name in THREE] == [318, 353, 329]


def test_a_new_node_moves_only_what_it_takes() -> None:
    moved = [
        after for before, after in zip(primaries(*THREE), primaries(*THREE, "node-4"), strict=True) if before != after
    ]
    assert len(moved) == 224
    assert set(moved) == {"node-4"}


def test_a_removed_node_moves_only_what_it_held() -> None:
    pairs = zip(primaries(*THREE), primaries("node-1", "node-3"), strict=True)
    moved = [before for before, after in pairs if before != after]
    assert moved == ["node-2"] * 353


@given(names, st.text(max_size=8))
def test_walk_is_the_definition(names: list[str], key: str) -> None:
    spots = positions(*names)
    start = bisect_left([position for position, _ in spots], ring_hash(key))
    clockwise = dict.fromkeys(name for _, name in spots[start:] + spots[:start])
    assert list(Ring(names).walk(key)) == list(clockwise)


@given(names, st.text(max_size=8))
def test_who_joined_first_does_not_matter(names: list[str], key: str) -> None:
    assert list(Ring(names).walk(key)) == list(Ring([*reversed(names), *names]).walk(key))


def test_nodes_on_one_position_are_ordered_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "ring_hash", lambda text: 7)
    assert list(Ring(["b", "a", "c"]).walk("key")) == ["a", "b", "c"]
    assert list(Ring(["b", "c"]).walk("key")) == ["b", "c"]


def test_a_key_past_the_last_position_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {f"{name}#{i}": at * VIRTUAL_NODES + i for at, name in enumerate("ab") for i in range(VIRTUAL_NODES)}
    monkeypatch.setattr(ring_module, "ring_hash", lambda text: places.get(text, 2 * VIRTUAL_NODES))
    assert list(Ring("ab").walk("key")) == ["a", "b"]


def test_a_key_on_a_position_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {f"{name}#{i}": 2 * i + at for at, name in enumerate("ab") for i in range(VIRTUAL_NODES)}
    monkeypatch.setattr(ring_module, "ring_hash", lambda text: places.get(text, 11))
    assert list(Ring("ab").walk("key")) == ["b", "a"]


def test_empty_ring_has_no_order() -> None:
    assert list(Ring(()).walk("key")) == []


def test_chunks_after_the_first_have_keys_of_their_own() -> None:
    assert [ring_key("key", n) for n in (0, 1, 12)] == ["key", "key/1", "key/12"]


def test_selector_follows_the_ring() -> None:
    selector = RingSelector(cluster(*map(member, THREE)), Ring(THREE))
    assert [node.name for node in selector.order("key-0", 0)] == ["node-3", "node-1", "node-2"]
    assert [node.name for node in selector.order("key-0", 5)] == list(Ring(THREE).walk("key-0/5"))


def test_selector_passes_over_who_cannot_take_a_replica() -> None:
    nodes = (member("node-1"), member("node-2"), member("node-3", state=NodeState.DOWN))
    selector = RingSelector(cluster(*nodes), Ring(THREE))
    assert [node.name for node in selector.order("key-0", 0)] == ["node-1", "node-2"]
