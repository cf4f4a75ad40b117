"""Access keys as rows: made once, revoked once, and what a revocation takes with it."""

from typing import Any

import pytest

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound, PreconditionFailed
from shoal.base.ids import WallNs
from shoal.base.units import DAY, SECOND
from shoal.core.catalog import rows
from shoal.core.catalog.access_keys import (
    BUCKETS_MAX,
    NAME_CHARS_MAX,
    KnownKey,
    Revocation,
    add_key,
    adopt_first_key,
    check_key_listing,
    check_new_key,
    check_usable,
    has_keys,
    list_keys,
    read_keys,
    revoke_key,
)
from shoal.core.catalog.sessions import declare_dead, is_dead
from shoal.formats import keys
from shoal.model.access_keys import AccessKeyRow, Scope
from shoal.model.messages.keys import CreateKey, KeyInfo, ListKeys
from shoal.model.messages.objects import LIST_MAX
from support.catalog_bench import CatalogBench

NOW = WallNs(10**18)
SEALED = b"sealed"


def make(bench: CatalogBench, key_id: str, scope: Scope = Scope.ADMIN, **fields: Any) -> KnownKey:
    request = CreateKey(**{"name": "", "scope": scope, **fields})
    return bench.tx(lambda tx: add_key(tx, key_id, request, sealed=SEALED, wall=NOW))


def revoke(bench: CatalogBench, key_id: str, *, wall: int = NOW) -> Revocation:
    return bench.tx(lambda tx: revoke_key(tx, key_id, wall=WallNs(wall)))


def row_of(bench: CatalogBench, key_id: str) -> AccessKeyRow:
    row = bench.read(lambda snapshot: rows.ACCESS_KEY.find(snapshot, keys.access_key(key_id)))
    assert row is not None
    return row


def test_a_key_is_kept_as_it_was_asked_for() -> None:
    bench = CatalogBench()
    assert not bench.read(has_keys)
    known = make(bench, "k", Scope.WRITE, name="backup", buckets=("photos", "music", "photos"), lifetime_ns=5 * SECOND)
    row = row_of(bench, "k")
    assert known == KnownKey("k", row)
    assert (row.name, row.scope, row.buckets) == ("backup", Scope.WRITE, ("music", "photos"))
    assert (row.expires_ns, row.revoked_ns, row.sealed) == (NOW + 5 * SECOND, None, SEALED)
    assert bench.read(has_keys)
    assert bench.read(read_keys) == [known]


def test_what_is_told_of_a_key_has_no_secret() -> None:
    told = make(CatalogBench(), "k").info
    assert not any("secret" in field or "sealed" in field for field in KeyInfo.__struct_fields__)
    assert (told.key_id, told.scope, told.expires_ns) == ("k", Scope.ADMIN, None)


def test_an_id_is_never_given_out_twice() -> None:
    bench = CatalogBench()
    make(bench, "admin")
    make(bench, "k")
    for _ in range(2):
        with pytest.raises(AlreadyExists):
            make(bench, "k")
        revoke(bench, "k")
    bench.tx(lambda tx: adopt_first_key(tx, "k", sealed=SEALED, wall=NOW))
    with pytest.raises(AccessDenied, match="revoked"):
        bench.read(lambda snapshot: check_usable(snapshot, "k"))


def test_the_first_key_may_do_everything_and_is_adopted_once() -> None:
    bench = CatalogBench()
    bench.tx(lambda tx: adopt_first_key(tx, "first", sealed=SEALED, wall=NOW))
    row = row_of(bench, "first")
    assert (row.scope, row.buckets, row.expires_ns) == (Scope.ADMIN, (), None)
    bench.tx(lambda tx: adopt_first_key(tx, "first", sealed=b"other", wall=NOW))
    assert row_of(bench, "first") == row


def test_a_key_that_was_made_narrow_stays_narrow_when_it_is_found_beside_the_catalog() -> None:
    bench = CatalogBench()
    make(bench, "k", Scope.READ)
    bench.tx(lambda tx: adopt_first_key(tx, "k", sealed=SEALED, wall=NOW))
    assert row_of(bench, "k").scope is Scope.READ


def test_revoking_keeps_the_row_and_forgets_the_secret() -> None:
    bench = CatalogBench()
    make(bench, "admin")
    made = make(bench, "k", name="lost laptop")
    revoked = revoke(bench, "k").key
    assert revoked.row == row_of(bench, "k")
    assert revoked.row.sealed == b""
    assert revoked.row.revoked_ns is not None
    assert revoked.row.revoked_ns > made.row.created_ns
    assert revoked.row.name == "lost laptop"


def test_revoking_again_changes_nothing() -> None:
    bench = CatalogBench()
    make(bench, "admin")
    make(bench, "k")
    first = revoke(bench, "k")
    before = bench.all_rows()
    assert revoke(bench, "k") == Revocation(first.key, ())
    assert bench.all_rows() == before


def test_revoking_ends_all_living_sessions_of_the_key_and_no_others() -> None:
    bench = CatalogBench()
    make(bench, "admin")
    make(bench, "k")
    own, others, dead = [bench.session("k") for _ in range(3)], bench.session("admin"), bench.session("k")
    bench.tx(lambda tx: declare_dead(tx, dead))
    assert revoke(bench, "k").sessions == tuple(own)
    assert all(bench.read(lambda snapshot, one=one: is_dead(snapshot, one)) for one in own)  # type: ignore[misc]
    assert not bench.read(lambda snapshot: is_dead(snapshot, others))


@pytest.mark.parametrize("key_id", ["nobody", "node/" + "0" * 32])
def test_revoking_what_is_not_there_is_told(key_id: str) -> None:
    with pytest.raises(NotFound, match="there is no access key"):
        revoke(CatalogBench(), key_id)


@pytest.mark.parametrize("key_id", ["", "a\0b", "x" * 65, "é", "a b", "k\n"])
def test_an_id_that_no_key_could_have_is_refused(key_id: str) -> None:
    with pytest.raises(InvalidArgument):
        revoke(CatalogBench(), key_id)


OTHERS: dict[str, dict[str, Any]] = {
    "none": {},
    "writes": {"scope": Scope.WRITE},
    "limited": {"buckets": ("photos",)},
    "expired": {"lifetime_ns": SECOND},
    "revoked": {},
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_last_key_that_can_make_others_stays(other: str) -> None:
    bench = CatalogBench()
    make(bench, "last")
    if other != "none":
        make(bench, "other", **OTHERS[other])
    if other == "revoked":
        revoke(bench, "other")
    before = bench.all_rows()
    with pytest.raises(PreconditionFailed, match="create another one with admin scope first"):
        revoke(bench, "last", wall=NOW + SECOND)
    assert bench.all_rows() == before


def test_with_another_administrator_any_key_can_go() -> None:
    bench = CatalogBench()
    make(bench, "first")
    make(bench, "second", lifetime_ns=DAY)
    revoke(bench, "first")
    with pytest.raises(PreconditionFailed):
        revoke(bench, "second")


def test_a_key_that_is_over_by_itself_can_always_be_revoked() -> None:
    bench = CatalogBench()
    make(bench, "expired", lifetime_ns=SECOND)
    make(bench, "reader", Scope.READ)
    make(bench, "limited", buckets=("photos",))
    for key_id in ("expired", "reader", "limited"):
        revoke(bench, key_id, wall=NOW + SECOND)


def test_a_key_is_usable_until_it_is_revoked() -> None:
    bench = CatalogBench()
    make(bench, "admin")
    make(bench, "k", Scope.READ)
    bench.read(lambda snapshot: check_usable(snapshot, "k"))
    revoke(bench, "k")
    for gone in ("k", "nobody"):
        with pytest.raises(AccessDenied):
            bench.read(lambda snapshot, gone=gone: check_usable(snapshot, gone))  # type: ignore[misc]


def test_the_key_of_a_door_is_always_usable() -> None:
    CatalogBench().read(lambda snapshot: check_usable(snapshot, "door/jsonl"))


def test_keys_are_listed_page_by_page_revoked_ones_too() -> None:
    bench = CatalogBench()
    ids = [f"k{number}" for number in range(5)]
    for key_id in reversed(ids):
        make(bench, key_id)
    revoke(bench, "k3")
    found: list[KeyInfo] = []
    after, pages = "", 0
    while pages == 0 or after:
        page = bench.read(lambda snapshot, after=after: list_keys(snapshot, ListKeys(after, 2)))  # type: ignore[misc]
        found += page.keys
        after, pages = page.next_after, pages + 1
    assert [info.key_id for info in found] == ids
    assert [info.key_id for info in found if info.revoked_ns is not None] == ["k3"]
    assert pages == 3


@pytest.mark.parametrize("request_", [ListKeys("a\0"), ListKeys("", 0), ListKeys("", LIST_MAX + 1), ListKeys("é")])
def test_a_listing_that_makes_no_sense_is_refused(request_: ListKeys) -> None:
    with pytest.raises(InvalidArgument):
        check_key_listing(request_)


GOOD: list[dict[str, Any]] = [
    {},
    {"name": "x" * NAME_CHARS_MAX},
    {"name": "Überfahrt nach Süden"},
    {"buckets": ("photos",) * BUCKETS_MAX},
    {"lifetime_ns": SECOND},
    {"lifetime_ns": 100 * 365 * DAY},
]
BAD: list[dict[str, Any]] = [
    {"name": "x" * (NAME_CHARS_MAX + 1)},
    {"name": "two\nlines"},
    {"name": "\x1b[31m"},
    {"buckets": ("photos",) * (BUCKETS_MAX + 1)},
    {"buckets": ("photos", "")},
    {"buckets": ("a\0b",)},
    {"buckets": ("..",)},
    {"lifetime_ns": 0},
    {"lifetime_ns": -1},
    {"lifetime_ns": SECOND - 1},
    {"lifetime_ns": 100 * 365 * DAY + 1},
]


@pytest.mark.parametrize("fields", GOOD)
def test_a_key_that_can_be_is_allowed(fields: dict[str, Any]) -> None:
    check_new_key(CreateKey(**{"name": "", "scope": Scope.READ, **fields}))


@pytest.mark.parametrize("fields", BAD)
def test_a_key_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        check_new_key(CreateKey(**{"name": "", "scope": Scope.READ, **fields}))
