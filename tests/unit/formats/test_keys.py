"""Keys of rows: their order is the order of their components, and ranges hold exactly what they say."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvariantBroken, ManifestDamaged
from shoal.base.ids import ChunkId, NodeId, SessionId, VersionId
from shoal.formats import keys

NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=6)
IDS = st.one_of(st.binary(min_size=16, max_size=16), st.sampled_from([bytes(16), b"\xff" * 16, b"\xff" * 15 + b"\x00"]))
U64 = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 255, 2**64 - 256, 2**64 - 1]))
NODES = IDS.map(lambda node: NodeId(node.hex()))

ROWS: dict[str, st.SearchStrategy[bytes]] = {
    "identity": st.just(keys.IDENTITY),
    "settings": st.just(keys.SETTINGS),
    "bucket": NAMES.map(keys.bucket),
    "live": st.builds(keys.live, NAMES, NAMES),
    "version": st.builds(keys.version, NAMES, NAMES, IDS.map(VersionId)),
    "open_purge": st.builds(keys.open_purge, NAMES, NAMES),
    "manifest": IDS.map(keys.manifest),
    "manifest_page": st.builds(keys.manifest_page, IDS, st.integers(0, 2**32 - 1)),
    "chunk": IDS.map(ChunkId).map(keys.chunk),
    "holding": st.builds(keys.holding, NODES, IDS.map(ChunkId)),
    "dedup": st.builds(keys.dedup, NAMES, st.binary(min_size=32, max_size=32)),
    "session": U64.map(SessionId).map(keys.session),
    "result": st.builds(keys.result, U64.map(SessionId), U64),
    "node": NODES.map(keys.node),
    "map_update": U64.map(keys.map_update),
    "lease": NAMES.map(keys.lease),
    "access_key": NAMES.map(keys.access_key),
    "file": IDS.map(keys.file),
    "newest": st.builds(keys.newest, NAMES, U64, IDS),
    "file_count": st.builds(keys.file_count, NAMES, st.integers(0, 255)),
}

RANGES: dict[str, st.SearchStrategy[keys.Range]] = {
    "bucket": st.just(keys.BUCKETS),
    "version": st.builds(keys.versions, NAMES, NAMES),
    "open_purge": st.just(keys.OPEN_PURGES),
    "chunk": st.one_of(st.just(keys.CHUNKS), U64.map(SessionId).map(keys.chunks_of)),
    "holding": NODES.map(keys.holdings),
    "session": st.just(keys.SESSIONS),
    "result": U64.map(SessionId).map(keys.results),
    "node": st.just(keys.NODES),
    "map_update": st.just(keys.MAP_UPDATES),
    "access_key": st.just(keys.ACCESS_KEYS),
    "newest": NAMES.map(keys.newest_files),
    "file_count": NAMES.map(keys.file_counts),
    "live": st.builds(keys.live_prefix, NAMES, NAMES | st.just("")).map(keys.under),
}

PAIRS = st.tuples(NAMES, NAMES)


def is_in(row: bytes, span: keys.Range) -> bool:
    return span[0] <= row < span[1]


@given(data=st.data())
def test_no_row_lies_in_a_range_of_another_kind(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(RANGES)))
    span = data.draw(RANGES[kind])
    other = data.draw(st.sampled_from(sorted(set(ROWS) - {kind})))
    assert not is_in(data.draw(ROWS[other]), span)


def test_every_kind_of_row_is_looked_at() -> None:
    makers = {
        name for name, made in inspect.getmembers(keys, inspect.isfunction) if made.__annotations__["return"] is bytes
    }
    public = {name for name in makers if not name.startswith("_") and not name.endswith("_prefix")}
    assert public | {"identity", "settings"} == set(ROWS)


@given(data=st.data())
def test_two_kinds_never_share_a_key(data: st.DataObject) -> None:
    one, two = data.draw(st.permutations(sorted(ROWS)))[:2]
    assert data.draw(ROWS[one]) != data.draw(ROWS[two])


@given(prefix=st.binary(max_size=4), tail=st.one_of(st.binary(max_size=6), st.sampled_from([b"\xff" * 9, b"\x00"])))
def test_under_holds_all_that_begin_so(prefix: bytes, tail: bytes) -> None:
    assert is_in(b"h" + prefix + tail, keys.under(b"h" + prefix))


@given(
    prefix=st.one_of(st.binary(max_size=3), st.sampled_from([b"\xff", b"\xff\xff", b"a\xff"])),
    row=st.one_of(st.binary(max_size=6), st.sampled_from([b"i", b"h\xff", b"h\xff\xff", b"i\x00", b"hb", b"ha\xff"])),
)
def test_under_holds_nothing_else(prefix: bytes, row: bytes) -> None:
    assert is_in(row, keys.under(b"h" + prefix)) == row.startswith(b"h" + prefix)


@given(one=PAIRS, two=PAIRS)
def test_live_rows_lie_in_order_of_bucket_and_name(one: tuple[str, str], two: tuple[str, str]) -> None:
    ordered = [part.encode() for part in one] < [part.encode() for part in two]
    assert (keys.live(*one) < keys.live(*two)) == ordered


@given(one=NAMES, two=NAMES)
def test_access_keys_lie_in_order_of_their_ids_and_give_them_back(one: str, two: str) -> None:
    assert (keys.access_key(one) < keys.access_key(two)) == (one.encode() < two.encode())
    assert keys.access_key_id(keys.access_key(one)) == one


@pytest.mark.parametrize("names", [["a", "a\x01", "a/", "a/b", "aa", "\U0010ffff"]])
def test_names_side_by_side_keep_their_order(names: list[str]) -> None:
    rows = [keys.live("bucket", name) for name in names]
    assert rows == sorted(rows)


@given(bucket=NAMES, name=NAMES)
def test_a_live_key_gives_its_name_back(bucket: str, name: str) -> None:
    assert keys.live_name(keys.live(bucket, name)) == name


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"o",
        b"o\x00",
        b"obucket\x00",
        b"obucket\x00\x00",
        b"obucket\x00name",
        b"o\x00name\x00",
        b"vbucket\x00name\x00",
        b"obucket\x00name\x00more\x00",
        b"obucket\x00name\x00" + bytes(16),
        b"obucket\x00\xff\x00",
        b"obucket\x00\xed\xa0\x80\x00",
        keys.bucket("bucket"),
    ],
)
def test_a_key_that_names_no_live_object_is_damage(row: bytes) -> None:
    with pytest.raises(ManifestDamaged):
        keys.live_name(row)


@given(bucket=NAMES, name=NAMES, version=IDS)
def test_the_key_of_a_former_version_gives_its_name_back(bucket: str, name: str, version: bytes) -> None:
    assert keys.version_name(keys.version(bucket, name, VersionId(version))) == name


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"v",
        b"vbucket\x00name\x00",
        b"vbucket\x00name\x00" + bytes(15),
        b"vbucket\x00name\x00" + bytes(17),
        b"vbucket\x00\x00" + bytes(16),
        b"v\x00name\x00" + bytes(16),
        b"obucket\x00name\x00" + bytes(16),
        b"vbucket\x00\xff\x00" + bytes(16),
        keys.live("bucket", "name"),
    ],
)
def test_a_key_that_names_no_former_version_is_damage(row: bytes) -> None:
    with pytest.raises(ManifestDamaged):
        keys.version_name(row)


@given(bucket=NAMES, prefix=NAMES | st.just(""), name=NAMES, other=NAMES, version=IDS)
def test_a_prefix_finds_the_versions_of_names_that_begin_with_it(
    *, bucket: str, prefix: str, name: str, other: str, version: bytes
) -> None:
    span = keys.under(keys.versions_prefix(bucket, prefix))
    assert is_in(keys.version(bucket, name, VersionId(version)), span) == name.startswith(prefix)
    assert is_in(keys.version(other, name, VersionId(version)), span) == (other == bucket and name.startswith(prefix))


@given(bucket=NAMES, prefix=NAMES | st.just(""), name=NAMES, other=NAMES)
def test_a_prefix_finds_the_names_that_begin_with_it(bucket: str, prefix: str, name: str, other: str) -> None:
    span = keys.under(keys.live_prefix(bucket, prefix))
    assert is_in(keys.live(bucket, name), span) == name.startswith(prefix)
    assert is_in(keys.live(other, name), span) == (other == bucket and name.startswith(prefix))


@given(bucket=NAMES, name=NAMES, one=IDS, two=IDS)
def test_versions_lie_newest_first(bucket: str, name: str, one: bytes, two: bytes) -> None:
    first, second = (keys.version(bucket, name, VersionId(version)) for version in (one, two))
    assert (first < second) == (one > two)
    assert is_in(first, keys.versions(bucket, name))


@given(one=PAIRS, two=PAIRS, version=IDS)
def test_versions_of_one_object_are_not_those_of_another(
    one: tuple[str, str], two: tuple[str, str], version: bytes
) -> None:
    assert is_in(keys.version(*one, VersionId(version)), keys.versions(*two)) == (one == two)


@given(session=U64, other=U64, chunk=U64)
def test_a_session_has_its_own_chunks_and_results(session: int, other: int, chunk: int) -> None:
    chunk_id = ChunkId(session.to_bytes(8, "big") + chunk.to_bytes(8, "big"))
    assert is_in(keys.chunk(chunk_id), keys.chunks_of(SessionId(other))) == (session == other)
    assert is_in(keys.result(SessionId(session), chunk), keys.results(SessionId(other))) == (session == other)


@given(node=NODES, other=NODES, chunk=IDS)
def test_a_node_has_its_own_holdings(node: NodeId, other: NodeId, chunk: bytes) -> None:
    assert is_in(keys.holding(node, ChunkId(chunk)), keys.holdings(other)) == (node == other)


@given(one=U64, two=U64)
def test_numbers_keep_their_order(one: int, two: int) -> None:
    assert (keys.map_update(one) < keys.map_update(two)) == (one < two)
    assert (keys.result(SessionId(7), one) < keys.result(SessionId(7), two)) == (one < two)
    later, earlier = keys.newest("b", one, bytes(16)), keys.newest("b", two, bytes(16))
    assert (later < earlier) == (one > two)


@given(manifest=IDS, page=st.integers(0, 2**32 - 2))
def test_pages_follow_their_manifest_in_order(manifest: bytes, page: int) -> None:
    head, first, second = (
        keys.manifest(manifest),
        keys.manifest_page(manifest, page),
        keys.manifest_page(manifest, page + 1),
    )
    assert head < first < second
    assert all(is_in(row, keys.under(head)) for row in (head, first, second))


@given(session=U64)
def test_a_session_is_read_back_from_its_key(session: int) -> None:
    assert keys.session_in(keys.session(SessionId(session))) == session


def test_a_nul_in_a_name_is_a_bug_and_reaches_no_row() -> None:
    for make in (keys.bucket, keys.lease):
        with pytest.raises(InvariantBroken):
            make("a\x00b")
    with pytest.raises(InvariantBroken):
        keys.live("bucket", "a\x00b")
    with pytest.raises(InvariantBroken):
        keys.live("bu\x00cket", "a")
