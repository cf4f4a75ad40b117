"""`shoal mb`."""

import pytest

from support.command_line import Shoal
from support.fake_client import FakeClient


@pytest.mark.parametrize("bucket", ["album", "shoal://album", "shoal://album/"])
def test_bucket_is_there_and_keeps_versions(shoal: Shoal, client: FakeClient, bucket: str) -> None:
    assert shoal("mb", bucket).out == "album  made\n"
    assert client.buckets["album"] is True


def test_bucket_without_versions_says_so(shoal: Shoal, client: FakeClient) -> None:
    assert shoal("mb", "scratch", "--no-versions").out == "scratch  made, keeps no versions\n"
    assert client.buckets["scratch"] is False


def test_json_is_one_document(shoal: Shoal) -> None:
    assert shoal("mb", "album", "--json").documents == [
        {"bucket": "album", "created": "2025-10-09T08:53:20.000000Z", "is_versioned": True}
    ]


def test_taken_name_ends_with_5(shoal: Shoal) -> None:
    told = shoal("mb", "default")
    assert (told.code, told.err) == (5, "shoal: bucket default exists already\n")


@pytest.mark.parametrize("bucket", ["", "ab", "Album", "shoal://", "shoal://album/key", "1.2.3.4"])
def test_what_cannot_be_a_bucket_is_refused(shoal: Shoal, client: FakeClient, bucket: str) -> None:
    told = shoal("mb", bucket)
    assert told.code == 2
    assert "cannot be a bucket" in told.err
    assert list(client.buckets) == ["default"]
