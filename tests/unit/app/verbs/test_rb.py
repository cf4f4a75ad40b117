"""`shoal rb`."""

from pathlib import Path

from support.command_line import Shoal
from support.fake_client import FakeClient


def test_empty_bucket_is_removed(shoal: Shoal, client: FakeClient) -> None:
    shoal("mb", "album")
    assert shoal("rb", "shoal://album").out == "album  removed\n"
    assert "album" not in client.buckets


def test_json_names_it(shoal: Shoal) -> None:
    shoal("mb", "album")
    assert shoal("rb", "album", "--json").documents == [{"bucket": "album"}]


def test_bucket_with_something_in_it_stays(shoal: Shoal, client: FakeClient) -> None:
    Path("a").write_bytes(b"hello")
    shoal("mb", "album")
    shoal("put", "a", "shoal://album/a")
    told = shoal("rb", "album")
    assert (told.code, told.err) == (5, "shoal: bucket album is not empty\n")
    assert "album" in client.buckets


def test_missing_bucket_ends_with_3(shoal: Shoal) -> None:
    assert shoal("rb", "album").code == 3
