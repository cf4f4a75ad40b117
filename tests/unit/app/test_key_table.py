"""Access keys as they are shown."""

import time

import pytest
from msgspec.structs import replace

from shoal.app.key_table import expiry_text, key_document, key_state, print_keys, reach_text
from shoal.base.ids import WallNs
from shoal.model.messages.keys import KeyInfo
from support.fake_client import made_key

KEY = made_key(1).info
SOON, PAST = WallNs(time.time_ns() + 10**12), WallNs(10**18)


@pytest.mark.parametrize(
    ("info", "state"),
    [
        (KEY, "active"),
        (replace(KEY, expires_ns=SOON), "active"),
        (replace(KEY, expires_ns=PAST), "expired"),
        (replace(KEY, expires_ns=PAST, revoked_ns=PAST), "revoked"),
        (replace(KEY, expires_ns=SOON, revoked_ns=PAST), "revoked"),
    ],
)
def test_a_key_is_active_expired_or_revoked(info: KeyInfo, state: str) -> None:
    assert key_state(info) == state
    assert key_document(info)["state"] == state


def test_limits_are_told() -> None:
    limited = replace(KEY, buckets=("music", "photos"), expires_ns=PAST)
    assert (reach_text(KEY), expiry_text(KEY)) == ("all", "never")
    assert (reach_text(limited), expiry_text(limited)) == ("music, photos", "2001-09-09 01:46:40 UTC")
    assert (key_document(KEY)["buckets"], key_document(limited)["buckets"]) == (None, ["music", "photos"])


def test_a_name_cannot_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_keys([replace(KEY, name="\x1b[2J\n")])
    assert capsys.readouterr().out.splitlines()[1].endswith("never    \\x1b[2J\\n")
