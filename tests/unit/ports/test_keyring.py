"""Access keys: scopes include the ones below them, and a key does not tell its secret."""

from shoal.model.access_keys import Scope
from shoal.ports.keyring import AccessKey


def test_each_scope_includes_the_ones_below() -> None:
    assert Scope.READ < Scope.WRITE < Scope.ADMIN


def test_an_access_key_does_not_tell_its_secret() -> None:
    key = AccessKey("alice", b"hunter2", Scope.WRITE)
    assert "hunter2" not in f"{key!r} {key} {[key]}"
    assert "alice" in repr(key)
    assert "WRITE" in repr(key)
