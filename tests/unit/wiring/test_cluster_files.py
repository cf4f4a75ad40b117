"""The files by which processes of a cluster find each other."""

import os
import stat
from pathlib import Path

import pytest

from shoal.base.errors import AccessDenied, DiskFailed, InvalidArgument, NodeUnreachable, NotFound
from shoal.base.ids import Address
from shoal.wiring.cluster_files import (
    CREDENTIALS,
    ENDPOINTS,
    JOIN,
    CredentialsFile,
    EndpointsFile,
    JoinFile,
    found_cluster,
    read_credential,
    read_endpoints,
    read_json,
    secret_of,
    write_endpoints,
    write_grpc,
    write_json,
)
from shoal.wiring.env import RealSecrets


def test_first_start_makes_random_secrets_that_later_ones_keep(tmp_path: Path) -> None:
    join, credential = found_cluster(tmp_path / "a", RealSecrets())
    assert found_cluster(tmp_path / "a", RealSecrets()) == (join, credential)
    other, other_credential = found_cluster(tmp_path / "b", RealSecrets())
    assert {join.cluster_id, join.secret}.isdisjoint({other.cluster_id, other.secret})
    assert credential.secret != other_credential.secret
    assert len(secret_of(join)) == 32


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    found_cluster(tmp_path / "a", RealSecrets())
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    for name in (JOIN, CREDENTIALS):
        assert stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600


def test_secrets_are_not_shown() -> None:
    assert "s3cret" not in repr(JoinFile("id", "s3cret")) + repr(CredentialsFile("key", "s3cret"))


def test_endpoints_are_found_again(tmp_path: Path) -> None:
    write_endpoints(tmp_path, [Address("127.0.0.1:1")])
    write_endpoints(tmp_path, [Address("127.0.0.1:9100"), Address("[::1]:9100")])
    assert read_endpoints(tmp_path) == ("127.0.0.1:9100", "[::1]:9100")
    assert os.listdir(tmp_path) == [ENDPOINTS]


def test_where_grpc_is_survives_a_coordinators_start_and_costs_older_readers_nothing(tmp_path: Path) -> None:
    write_endpoints(tmp_path, [Address("127.0.0.1:9100")])
    assert "grpc" not in (tmp_path / ENDPOINTS).read_text()
    write_grpc(tmp_path, [Address("127.0.0.1:9101")])
    write_endpoints(tmp_path, [Address("127.0.0.1:9200")])
    assert read_json(tmp_path / ENDPOINTS, EndpointsFile) == EndpointsFile(
        [Address("127.0.0.1:9200")], [Address("127.0.0.1:9101")]
    )
    (tmp_path / ENDPOINTS).write_text("rubbish")
    write_endpoints(tmp_path, [Address("127.0.0.1:9100")])
    assert read_endpoints(tmp_path) == ("127.0.0.1:9100",)


@pytest.mark.parametrize(
    "content", ['{"coordinators": []}', '{"coordinators": ["nowhere"]}', '{"coordinators": "a:1"}']
)
def test_endpoints_that_lead_nowhere_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / ENDPOINTS).write_text(content)
    with pytest.raises(InvalidArgument):
        read_endpoints(tmp_path)


@pytest.mark.parametrize(
    "content", ['{"key": "a b", "secret": "s"}', '{"key": "a", "secret": ""}', '{"key": "", "secret": "s"}']
)
def test_credentials_that_no_call_could_carry_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / CREDENTIALS).write_text(content)
    with pytest.raises(InvalidArgument, match="credentials"):
        read_credential(tmp_path / CREDENTIALS)


def test_directory_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / JOIN).mkdir()
    with pytest.raises(InvalidArgument, match="directory"):
        read_json(tmp_path / JOIN, JoinFile)


def test_half_a_first_start_is_completed(tmp_path: Path) -> None:
    join, credential = found_cluster(tmp_path, RealSecrets())
    (tmp_path / CREDENTIALS).unlink()
    again, other = found_cluster(tmp_path, RealSecrets())
    assert again == join
    assert other != credential


def test_directory_without_a_cluster_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachable, match="start one with `shoal up"):
        read_endpoints(tmp_path)
    with pytest.raises(AccessDenied, match="no access key"):
        read_credential(tmp_path / CREDENTIALS)
    with pytest.raises(NotFound):
        read_json(tmp_path / JOIN, JoinFile)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"cluster_id": "x"}',
        b'{"cluster_id": "x", "secret": 1}',
        b'{"cluster_id": "x", "secret": "y", "new": 1}',
    ],
)
def test_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JOIN).write_bytes(content)
    with pytest.raises(InvalidArgument, match="is not what Shoal writes there"):
        read_json(tmp_path / JOIN, JoinFile)


@pytest.mark.parametrize("secret", ["", "not hex", "00" * 31, "00" * 33, "0 " * 32, "00" * 32 + "\n"])
def test_secret_that_is_not_32_bytes_in_hexadecimal_is_refused(secret: str) -> None:
    with pytest.raises(InvalidArgument, match="32 bytes in hexadecimal"):
        secret_of(JoinFile("id", secret))


def test_file_that_may_not_be_read_is_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)
    with pytest.raises(AccessDenied, match="may not be read"):
        read_json(tmp_path / JOIN, JoinFile)


def test_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / JOIN, JoinFile("old", "00"))
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(5, "failed")))
    with pytest.raises(DiskFailed, match="failed"):
        write_json(tmp_path / JOIN, JoinFile("new", "11"))
    monkeypatch.undo()
    assert read_json(tmp_path / JOIN, JoinFile).cluster_id == "old"
    write_json(tmp_path / JOIN, JoinFile("new", "11"))
    assert read_json(tmp_path / JOIN, JoinFile).cluster_id == "new"
