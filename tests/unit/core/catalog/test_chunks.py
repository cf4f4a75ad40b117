"""Only receipts make placements, and what contradicts a row changes nothing."""

from dataclasses import replace as replace_rules
from functools import partial

import pytest
from msgspec.structs import replace

from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidArgument,
    ManifestDamaged,
    QuorumNotReached,
    ShoalError,
    TransientError,
)
from shoal.base.ids import WallNs
from shoal.core.catalog import rows
from shoal.core.catalog.chunks import (
    DEDUP_BYTES_MIN,
    change_references,
    check_unused,
    offer_for_dedup,
    prove_chunk,
    write_chunk,
)
from shoal.core.trust.receipts import ChunkFacts
from shoal.formats import keys
from shoal.model.catalog import Bucket, ChunkState, Placement, PlacementState
from shoal.model.cluster import ClusterSettings
from shoal.model.messages.objects import ChunkUpload
from shoal.model.messages.replicas import Pending
from support.catalog_bench import BUCKET, CatalogBench, make_upload, refs_of, signed_receipt
from support.members import node_id


@pytest.fixture
def bench() -> CatalogBench:
    return CatalogBench()


def prove(bench: CatalogBench, upload: ChunkUpload, **changes: object) -> None:
    prove_chunk(upload, bench.last_session, replace_rules(bench.rules(), **changes))  # type: ignore[arg-type]


def upload_of(bench: CatalogBench, holders: str = "ab", *, awaited: str = "c", copies: int = 0) -> ChunkUpload:
    return make_upload(bench.mint(bench.session()), b"data", holders=holders, awaited=awaited, copies=copies)


def test_receipts_of_a_majority_prove_a_chunk(bench: CatalogBench) -> None:
    upload = upload_of(bench)
    assert prove_chunk(upload, bench.last_session, bench.rules()) == refs_of([upload])[0]


@pytest.mark.parametrize(
    ("holders", "copies", "settings"),
    [
        ("a", 0, ClusterSettings()),
        ("a", 2, ClusterSettings()),
        ("ab", 0, ClusterSettings(write_quorum=3)),
        ("aa", 0, ClusterSettings()),
        ("", 1, ClusterSettings()),
    ],
)
def test_receipts_of_fewer_nodes_than_the_quorum_are_not_enough(
    bench: CatalogBench, holders: str, copies: int, settings: ClusterSettings
) -> None:
    with pytest.raises(QuorumNotReached):
        prove(bench, upload_of(bench, holders, copies=copies), settings=settings)


def test_the_copies_asked_for_say_how_many_are_enough(bench: CatalogBench) -> None:
    prove(bench, upload_of(bench, "a", copies=1))


def test_a_chunk_of_another_session_is_refused(bench: CatalogBench) -> None:
    upload = upload_of(bench)
    bench.session()
    with pytest.raises(AccessDenied, match="another session"):
        prove(bench, upload)


def test_a_receipt_that_speaks_of_other_bytes_is_refused(bench: CatalogBench) -> None:
    upload = upload_of(bench)
    for lie in ({"size": 5}, {"sha256": bytes(32)}, {"crc64": 1}):
        with pytest.raises(AccessDenied, match="forged"):
            prove(bench, replace(upload, **lie))
    moved = replace(upload.receipts[0], placement=9)
    with pytest.raises(AccessDenied, match="forged"):
        prove(bench, replace(upload, receipts=(moved, upload.receipts[1])))


def test_a_receipt_or_pending_replica_of_a_stranger_is_refused(bench: CatalogBench) -> None:
    for upload in (upload_of(bench, "abz"), upload_of(bench, "ab", awaited="z")):
        with pytest.raises(AccessDenied, match="not a member"):
            prove_chunk(upload, keys.session_in(b"s" + upload.chunk[:8]), bench.rules())


def test_volatile_receipts_count_only_where_the_cluster_says_so(bench: CatalogBench) -> None:
    upload = upload_of(bench)
    facts = ChunkFacts(upload.chunk, upload.size, upload.sha256, upload.crc64)
    receipts = tuple(
        signed_receipt(facts, node_id(name), placement=n, is_volatile=True) for n, name in ((1, "a"), (2, "b"))
    )
    volatile = replace(upload, receipts=receipts)
    with pytest.raises(AccessDenied, match="--volatile"):
        prove(bench, volatile)
    prove(bench, volatile, settings=ClusterSettings(is_volatile_allowed=True))


@pytest.mark.parametrize(
    "pending", [Pending(node_id("c"), 0, 1), Pending(node_id("c"), 0, 0), Pending(node_id("c"), 0, 256)]
)
def test_placements_are_distinct_and_of_an_upload(bench: CatalogBench, pending: Pending) -> None:
    with pytest.raises(InvalidArgument):
        prove(bench, replace(upload_of(bench), pending=(pending,)))
    with pytest.raises(InvalidArgument):
        prove(bench, replace(upload_of(bench), pending=(Pending(node_id("c"), 1, 3),)))


@pytest.mark.parametrize(
    "lie",
    [
        {"chunk": b"short"},
        {"size": 0},
        {"size": -1},
        {"size": 1 << 40},
        {"sha256": b""},
        {"crc64": 1 << 64},
        {"crc64": -1},
        {"codec": 1},
        {"copies": 17},
        {"copies": -1},
    ],
)
def test_what_no_chunk_can_be_is_refused(bench: CatalogBench, lie: dict[str, object]) -> None:
    with pytest.raises(ShoalError) as refused:
        prove(bench, replace(upload_of(bench), **lie))
    assert isinstance(refused.value, InvalidArgument | AccessDenied)


def test_a_chunk_is_written_with_all_its_placements_and_holders(bench: CatalogBench) -> None:
    upload = upload_of(bench)
    bench.tx(lambda tx: write_chunk(tx, upload, state=ChunkState.LIVE))
    row = bench.chunk_row(upload.chunk)
    assert row is not None
    number = bench.rows.commit_number
    assert row.placements == (
        Placement(1, 0, node_id("a"), PlacementState.CONFIRMED, number),
        Placement(2, 0, node_id("b"), PlacementState.CONFIRMED, number),
        Placement(3, 0, node_id("c"), PlacementState.INTENDED, number),
    )
    assert (row.references, row.state, row.mark) == (1, ChunkState.LIVE, number)
    for name in "abc":
        assert bench.rows.get(keys.holding(node_id(name), upload.chunk)) == b""


def test_a_used_id_is_refused(bench: CatalogBench) -> None:
    uploads = [upload_of(bench), upload_of(bench)]
    check_unused([None, None], uploads)
    with pytest.raises(AlreadyExists):
        check_unused([None, b"row"], uploads)


def test_large_chunks_are_offered_for_dedup_and_the_first_stays(bench: CatalogBench) -> None:
    small = upload_of(bench)
    data = bytes(DEDUP_BYTES_MIN)
    first, second = (make_upload(bench.mint(bench.last_session), data, holders="ab") for _ in range(2))
    for upload in (small, first, second):
        bench.tx(partial(offer_for_dedup, bucket=Bucket(BUCKET, WallNs(1)), upload=upload))
    assert bench.rows.get(keys.dedup(BUCKET, small.sha256)) is None
    assert bench.rows.get(keys.dedup(BUCKET, first.sha256)) == first.chunk


def test_a_bucket_that_shares_no_bytes_offers_none(bench: CatalogBench) -> None:
    upload = make_upload(bench.mint(bench.session()), bytes(DEDUP_BYTES_MIN), holders="ab")
    bucket = Bucket("jsonl", WallNs(1), is_deduplicated=False)
    bench.tx(lambda tx: offer_for_dedup(tx, bucket, upload))
    assert bench.rows.get(keys.dedup("jsonl", upload.sha256)) is None


def test_more_copies_than_members_are_a_majority_of_the_members(bench: CatalogBench) -> None:
    prove(bench, upload_of(bench, "ab", copies=16))
    with pytest.raises(QuorumNotReached):
        prove(bench, upload_of(bench, "a", copies=16))


def test_references_rise_and_fall_and_never_below_none(bench: CatalogBench) -> None:
    upload = upload_of(bench)
    bench.tx(lambda tx: write_chunk(tx, upload, state=ChunkState.LIVE))
    for step, left in ((1, 2), (-1, 1), (-1, 0)):
        bench.tx(partial(change_references, chunks=[upload.chunk], step=step))
        row = bench.chunk_row(upload.chunk)
        assert row is not None
        assert row.references == left
    for chunk in (upload.chunk, bench.mint(bench.last_session)):
        with pytest.raises(ManifestDamaged):
            bench.tx(partial(change_references, chunks=[chunk], step=-1))


def test_a_chunk_that_comes_twice_counts_twice(bench: CatalogBench) -> None:
    upload, other = upload_of(bench), upload_of(bench)
    for each in (upload, other):
        bench.tx(partial(write_chunk, upload=each, state=ChunkState.LIVE))
    for step, left in ((1, (3, 2)), (-1, (1, 1))):
        chunks = [upload.chunk, other.chunk, upload.chunk]
        bench.tx(partial(change_references, chunks=chunks, step=step))
        found = [bench.chunk_row(each.chunk) for each in (upload, other)]
        assert tuple(row.references for row in found if row is not None) == left


def test_a_chunk_that_is_not_live_takes_no_reference_and_loses_those_it_has(bench: CatalogBench) -> None:
    upload = upload_of(bench)
    bench.tx(lambda tx: write_chunk(tx, upload, state=ChunkState.LIVE))
    row = bench.chunk_row(upload.chunk)
    assert row is not None
    condemned = replace(row, state=ChunkState.CONDEMNED)
    bench.tx(lambda tx: rows.CHUNK.put(tx, keys.chunk(upload.chunk), condemned))
    with pytest.raises(TransientError, match="not live"):
        bench.tx(partial(change_references, chunks=[upload.chunk], step=1))
    bench.tx(partial(change_references, chunks=[upload.chunk], step=-1))
    changed = bench.chunk_row(upload.chunk)
    assert changed is not None
    assert changed.references == 0
