"""SERVER_ADDR counts unless a flag names a cluster."""

import click
import pytest

from shoal.app.filestore.server_address import server_address, server_credential, warn_of_readable_key
from shoal.app.options import Shared, shared_options
from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import Address
from shoal.core.trust.signing import Credential


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("localhost:50051", "localhost:50051"),
        (":50051", "127.0.0.1:50051"),
        ("[::1]:50051", "[::1]:50051"),
        ("", None),
    ],
)
def test_it_names_a_server(said: str, address: str | None) -> None:
    assert server_address({"SERVER_ADDR": said}) == address
    assert server_address({}) is None


@pytest.mark.parametrize("said", ["localhost", "host:port", "host:70000", "http://host:1/", ":"])
def test_what_is_no_address_is_told_with_the_variables_name(said: str) -> None:
    with pytest.raises(InvalidArgument, match="SERVER_ADDR: "):
        server_address({"SERVER_ADDR": said})


@click.command()
@shared_options
def verb(shared: Shared) -> None:
    """Tells the server."""
    click.echo(server_address({"SERVER_ADDR": ":1"}))


@pytest.mark.parametrize(
    ("words", "environ", "told"),
    [
        ([], {}, "127.0.0.1:1"),
        (["--patience", "1s"], {"SHOAL_DATA": "x", "SHOAL_ENDPOINT": "127.0.0.1:2"}, "127.0.0.1:1"),
        (["--data", "x"], {}, ""),
        (["--endpoint", "127.0.0.1:2"], {}, ""),
    ],
)
def test_a_flag_that_names_a_cluster_is_nearer(
    words: list[str],
    environ: dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    verb.main(words, standalone_mode=False)
    assert capsys.readouterr().out == f"{told}\n"


def test_a_key_is_two_variables_or_none() -> None:
    assert server_credential({}) is None
    assert server_credential({"SHOAL_KEY": "ANN", "SHOAL_SECRET": "secret"}) == Credential("ANN", b"secret")
    for one in ("SHOAL_KEY", "SHOAL_SECRET"):
        with pytest.raises(AccessDenied, match="set both"):
            server_credential({one: "ANN"})
    with pytest.raises(InvalidArgument, match="SHOAL_KEY and SHOAL_SECRET: a secret is") as caught:
        server_credential({"SHOAL_KEY": "ANN", "SHOAL_SECRET": "geheim\n"})
    assert "geheim" not in caught.value.sentence


def test_a_key_that_leaves_the_machine_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_readable_key(Address("127.0.0.1:50051"))
    warn_of_readable_key(Address("localhost:50051"))
    assert capsys.readouterr().err == ""
    warn_of_readable_key(Address("files.example:50051"))
    assert "travel to files.example:50051 readable" in capsys.readouterr().err
