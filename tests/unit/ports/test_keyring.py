"""Access keys: scopes include the ones below them, and a key does not tell its secret."""

from shoal.base.ids import WallNs
from shoal.model.access_keys import Scope
from shoal.ports.keyring import AccessKey


def test_each_scope_includes_the_ones_below() -> None:
    assert Scope.READ < Scope.WRITE < Scope.ADMIN


def test_an_access_key_does_not_tell_its_secret() -> None:
    key = AccessKey("alice", b"hunter2", Scope.WRITE)
    assert "hunter2" not in f"{key!r} {key} {[key]}"
    assert "alice" in repr(key)
    assert "WRITE" in repr(key)


def test_nothing_that_is_given_to_a_key_outlives_it() -> None:
    for expires, until in ((None, 100), (200, 100), (100, 100), (50, 50)):
        key = AccessKey("alice", b"", Scope.READ, expires_ns=None if expires is None else WallNs(expires))
        assert key.until(WallNs(100)) == until
