"""`shoal key list`."""

from support.command_line import Shoal
from support.fake_client import FakeClient


def test_all_keys_are_listed_page_by_page(shoal: Shoal, client: FakeClient) -> None:
    for number in range(5):
        shoal("key", "create", "--name", f"key {number}")
    lines = shoal("key", "list").out.splitlines()
    assert lines[0].split() == ["KEY", "STATE", "SCOPE", "BUCKETS", "CREATED", "EXPIRES", "NAME"]
    assert [line.split()[0] for line in lines[1:]] == [made.info.key_id for made in client.keys]
    assert lines[1].split()[1:4] == ["active", "read", "all"]
    assert lines[1].endswith("never    key 0")


def test_json_is_a_document_a_line_without_secrets(shoal: Shoal, client: FakeClient) -> None:
    shoal("key", "create")
    shoal("key", "create", "--expires", "1s")
    documents = shoal("key", "list", "--json").documents
    assert [document["key"] for document in documents] == [made.info.key_id for made in client.keys]
    assert [document["state"] for document in documents] == ["active", "expired"]
    assert all("secret" not in document for document in documents)


def test_quiet_says_nothing(shoal: Shoal, client: FakeClient) -> None:
    shoal("key", "create")
    assert shoal("key", "list", "--quiet").out == ""
