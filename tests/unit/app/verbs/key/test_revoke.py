"""`shoal key revoke`."""

from support.command_line import Shoal
from support.fake_client import FakeClient


def test_a_key_ends_with_its_sessions(shoal: Shoal, client: FakeClient) -> None:
    shoal("key", "create")
    key_id = client.keys[-1].info.key_id
    assert shoal("key", "revoke", key_id).out == f"{key_id}  revoked, 2 sessions ended\n"
    assert [document["state"] for document in shoal("key", "list", "--json").documents] == ["revoked"]


def test_json_tells_how_many_sessions_ended(shoal: Shoal, client: FakeClient) -> None:
    shoal("key", "create")
    key_id = client.keys[-1].info.key_id
    (document,) = shoal("key", "revoke", key_id, "--json").documents
    assert (document["key"], document["state"], document["sessions_ended"]) == (key_id, "revoked", 2)
    assert document["revoked"] is not None


def test_a_key_that_is_not_there_ends_with_3(shoal: Shoal) -> None:
    told = shoal("key", "revoke", "SHOALNOBODY")
    assert (told.code, told.err) == (3, "shoal: there is no access key SHOALNOBODY\n")


def test_an_id_is_needed(shoal: Shoal) -> None:
    assert shoal("key", "revoke").code == 2
