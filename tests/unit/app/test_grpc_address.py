"""Where gRPC listens, and what PORT has to do with it."""

import pytest

from shoal.app.grpc_address import grpc_address
from shoal.base.errors import InvalidArgument

DEFAULT = "127.0.0.1:9101"


@pytest.fixture(autouse=True)
def _no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)


def test_it_is_what_was_said_else_the_default() -> None:
    assert grpc_address("10.0.0.1:7000", default=DEFAULT) == "10.0.0.1:7000"
    assert grpc_address(None, default=DEFAULT) == DEFAULT
    assert grpc_address("off", default=DEFAULT) is None


def test_port_moves_the_default_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "50051")
    assert grpc_address(None, default=DEFAULT) == "127.0.0.1:50051"
    assert capsys.readouterr().err == "PORT=50051 moves gRPC to port 50051, and nothing else\n"


@pytest.mark.parametrize("said", ["10.0.0.1:7000", "off"])
def test_port_is_nothing_to_who_has_said_where(
    said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "rubbish")
    grpc_address(said, default=DEFAULT)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("port", ["x", "-1", "+1", "65536", "1_0", "5 ", "²", "1" * 5000])
def test_a_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(InvalidArgument, match="PORT is ") as refusal:
        grpc_address(None, default=DEFAULT)
    assert len(refusal.value.sentence) < 200


def test_an_empty_port_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert grpc_address(None, default=DEFAULT) == DEFAULT
