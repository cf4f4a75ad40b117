"""Groups of settings: what help says is what holds, and what is chosen reaches the processes."""

import click
import pytest

from shoal.app.server_settings import CLUSTER, LINK, LOG, NODE, SELECTORS, passed_on, taken
from shoal.app.setting import settings_of
from shoal.app.verbs import coordinator as coordinator_verb
from shoal.app.verbs import node, up
from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.core.placement.selector import SELECTOR_NAMES
from shoal.model.cluster import ClusterSettings
from shoal.net.settings import LinkSettings
from shoal.node.settings import NodeSettings
from shoal.store.settings import StoreSettings

OF_ONE_PROCESS = {
    "coordinator": "up has started it",
    "coordinator-advertise": "up listens on this machine alone",
    "coordinator-listen": "up has --port-base",
    "expect-nodes": "up knows how many",
    "insecure": "up listens on this machine alone",
    "join": "up has it in its directory",
    "node-advertise": "up listens on this machine alone",
    "node-data": "up gives each its own",
    "node-jsonl": "up has --jsonl-nodes",
    "node-listen": "up has --port-base",
    "node-name": "up counts them",
    "store": "up has --volatile",
    "zone": "all nodes of up are in one",
}
"""What the parts take and `shoal up` does not, and why."""


def chosen_by(group: object, *words: str) -> dict[str, object]:
    """What a verb that takes a group gets."""

    def run(**chosen: object) -> dict[str, object]:
        return chosen

    assert callable(group)
    verb = click.command()(group(run))
    assert isinstance(verb, click.Command)
    chosen = verb.main(list(words), standalone_mode=False)
    assert isinstance(chosen, dict)
    return chosen


def test_the_help_names_every_selector() -> None:
    assert SELECTORS == SELECTOR_NAMES


def test_the_defaults_that_help_shows_are_those_that_hold() -> None:
    assert taken(ClusterSettings, chosen_by(CLUSTER)) == ClusterSettings()
    assert taken(LinkSettings, chosen_by(LINK)) == LinkSettings()
    assert taken(StoreSettings, chosen_by(NODE)) == StoreSettings()
    coordinator = Address("a:1")
    assert taken(NodeSettings, chosen_by(NODE), coordinator=coordinator) == NodeSettings(coordinator)


@pytest.mark.parametrize(
    ("group", "kinds"),
    [(CLUSTER, (ClusterSettings,)), (LINK, (LinkSettings,)), (NODE, (NodeSettings, StoreSettings, LinkSettings))],
)
def test_every_setting_of_a_group_has_somebody_who_takes_it(group: object, kinds: tuple[type, ...]) -> None:
    fields = {
        name for kind in kinds for name in getattr(kind, "__struct_fields__", getattr(kind, "__match_args__", ()))
    }
    assert set(chosen_by(group)) <= fields


def test_what_a_process_knows_by_itself_is_added() -> None:
    assert taken(ClusterSettings, {"copies": 2, "unknown": 1, "selector": None}, chunk_bytes=7) == ClusterSettings(
        copies=2, chunk_bytes=7
    )
    with pytest.raises(InvalidArgument, match="connections_max"):
        taken(LinkSettings, {"connections_max": 0})


def test_debug_and_quiet_are_settings() -> None:
    assert chosen_by(LOG) == {"is_quiet": False, "is_debug": False}
    assert chosen_by(LOG, "--quiet", "--debug") == {"is_quiet": True, "is_debug": True}


def test_up_takes_all_that_makes_sense_for_the_processes_that_it_starts() -> None:
    parts = {each.key for command in (coordinator_verb.command, node.command) for each in settings_of(command)}
    assert sorted(parts - {each.key for each in settings_of(up.command)} - set(OF_ONE_PROCESS)) == []


def test_only_what_differs_from_the_defaults_is_passed_on() -> None:
    words = ["--replicas", "2", "--heartbeat", "1500ms", "--data", "x", "--volatile", "--capacity", "1KiB"]
    context = up.command.make_context("up", words)
    told = passed_on(context, coordinator_verb.command, but=("data",))
    assert told == ("--replicas", "2", "--volatile", "--heartbeat", "1500ms")
    assert passed_on(context, node.command, but=()) == ("--capacity", "1KiB")
