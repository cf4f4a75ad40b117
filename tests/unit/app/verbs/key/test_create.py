"""`shoal key create`."""

import pytest

from shoal.base.units import DAY
from shoal.model.access_keys import Scope
from support.command_line import Shoal
from support.fake_client import FakeClient, made_key


def test_id_and_secret_are_shown_once(shoal: Shoal, client: FakeClient) -> None:
    told = shoal("key", "create", "--name", "backup", "--scope", "write", "--bucket", "photos", "--expires", "30d")
    assert told.code == 0
    made = client.keys[-1]
    assert told.out.splitlines() == [
        f"key      {made.info.key_id}",
        f"secret   {made.secret}",
        "name     backup",
        "scope    write",
        "buckets  photos",
        "expires  2025-11-08 08:53:20 UTC",
        "Keep the secret now: it is not shown again.",
    ]
    assert shoal("key", "list").out.count(made.secret) == 0


def test_it_asks_for_what_was_said(shoal: Shoal, client: FakeClient) -> None:
    shoal("key", "create", "--scope", "admin", "--bucket", "photos", "--bucket", "music", "--expires", "2d")
    asked = client.asked[-1]
    assert (asked.scope, asked.buckets, asked.lifetime_ns) == (Scope.ADMIN, ("photos", "music"), 2 * DAY)


def test_a_key_reads_everything_for_ever_unless_more_is_said(shoal: Shoal, client: FakeClient) -> None:
    told = shoal("key", "create")
    asked = client.asked[-1]
    assert (asked.name, asked.scope, asked.buckets, asked.lifetime_ns) == ("", Scope.READ, (), None)
    assert "buckets  all\nexpires  never\n" in told.out
    assert "name" not in told.out


def test_json_has_the_secret(shoal: Shoal, client: FakeClient) -> None:
    (document,) = shoal("key", "create", "--json", "--bucket", "photos").documents
    made = client.keys[-1]
    assert document == {
        "key": made.info.key_id,
        "secret": made.secret,
        "name": "",
        "scope": "read",
        "buckets": ["photos"],
        "state": "active",
        "created": "2025-10-09T08:53:20.000000Z",
        "expires": None,
        "revoked": None,
    }


def test_quiet_shows_what_could_not_be_had_again(shoal: Shoal, client: FakeClient) -> None:
    told = shoal("key", "create", "-q")
    made = client.keys[-1]
    assert told.out == f"key      {made.info.key_id}\nsecret   {made.secret}\n"


@pytest.mark.parametrize("words", [["--scope", "root"], ["--expires", "5"], ["--expires", "soon"], ["extra"]])
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(
    shoal: Shoal, client: FakeClient, words: list[str]
) -> None:
    told = shoal("key", "create", *words)
    assert (told.code, told.out) == (2, "")
    assert client.asked == []


def test_a_new_key_does_not_show_its_secret_by_itself() -> None:
    made = made_key(1)
    assert made.secret not in repr(made)
