"""From a verb to a cluster and back."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from shoal.app.calling import call_cluster
from shoal.app.options import Shared
from shoal.base.errors import NodeUnreachable, NotFound
from shoal.base.units import MILLISECOND
from shoal.client.client import Client
from shoal.client.settings import ClientSettings


@pytest.fixture
def nobody(tmp_path: Path) -> Shared:
    """A cluster directory whose coordinator is away."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    (tmp_path / "endpoints").write_text(json.dumps({"coordinators": [f"127.0.0.1:{port}"]}))
    (tmp_path / "credentials").write_text(json.dumps({"key": "SHOALX", "secret": "s"}))
    return Shared(data=tmp_path)


def test_outcome_of_the_work_is_returned(nobody: Shared) -> None:
    async def work(client: Client) -> int:
        return 7

    assert call_cluster(nobody, work) == 7


def test_error_of_the_work_comes_as_it_is(nobody: Shared) -> None:
    async def work(client: Client) -> None:
        raise NotFound("gone")

    with pytest.raises(NotFound, match="gone"):
        call_cluster(nobody, work)


def test_bug_of_the_work_comes_as_it_is(nobody: Shared) -> None:
    async def work(client: Client) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call_cluster(nobody, work)


def test_absent_coordinator_is_told_when_patience_ends(nobody: Shared) -> None:
    with pytest.raises(NodeUnreachable, match="no coordinator answers at"):
        call_cluster(nobody, lambda client: client.status(), patience_ns=MILLISECOND)


def test_directory_without_a_cluster_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachable, match="start one with `shoal up"):
        call_cluster(Shared(data=tmp_path), lambda client: client.status())


def test_what_the_user_said_beats_what_the_verb_would_say(nobody: Shared) -> None:
    async def settings_of(client: Client) -> ClientSettings:
        return client._settings

    said = replace(nobody, patience_ns=7, chunks_in_flight=3, bytes_in_flight=5)
    assert call_cluster(said, settings_of, patience_ns=MILLISECOND) == ClientSettings(
        patience_ns=7, chunks_in_flight=3, bytes_in_flight=5
    )
    assert call_cluster(nobody, settings_of, patience_ns=MILLISECOND) == ClientSettings(patience_ns=MILLISECOND)
    assert call_cluster(nobody, settings_of) == ClientSettings()
