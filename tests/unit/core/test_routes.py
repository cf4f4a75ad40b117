"""The route table is the security table: every row says everything, and nothing twice."""

import inspect
import re

import pytest

from shoal.base.ids import ChunkId, NodeId, VersionId, WallNs
from shoal.core import routes
from shoal.core.routes import COORDINATOR_ROUTES, Caller, Reach, Route
from shoal.formats import wire
from shoal.model.catalog import ChunkRef
from shoal.model.cluster import COPIES_MAX, NAME_BYTES_MAX, PAGE_CHUNKS_MAX
from shoal.model.messages.objects import LIST_MAX, ChunkLocation, ListedObject, ObjectList, Page, ReplicaLocation
from support.model_samples import STRUCTS

WRITES = (
    routes.STAGE,
    routes.COMMIT,
    routes.DELETE,
    routes.COPY,
    routes.UNDELETE,
    routes.PURGE,
    routes.CREATE_BUCKET,
    routes.DELETE_BUCKET,
)
ADMINISTRATION = (routes.CREATE_KEY, routes.LIST_KEYS, routes.REVOKE_KEY)
IDEMPOTENT = {"session", "sequence", "node_id"}


def by_target(route: Route) -> str:
    return route.target


def test_every_route_is_in_the_table_once() -> None:
    defined = [value for _, value in inspect.getmembers(routes) if isinstance(value, Route)]
    assert sorted(defined, key=by_target) == sorted(COORDINATOR_ROUTES, key=by_target)
    assert len({route.target for route in COORDINATOR_ROUTES}) == len(COORDINATOR_ROUTES)


@pytest.mark.parametrize("route", COORDINATOR_ROUTES, ids=by_target)
def test_a_route_says_everything(route: Route) -> None:
    assert re.fullmatch(r"/v1(/[a-z]+)+", route.target)
    assert not route.target.startswith(routes.REPLICAS)
    assert isinstance(route.caller, Caller)
    assert route.request in STRUCTS
    assert route.reply in STRUCTS
    assert route.request is not route.reply
    assert 0 < route.request_bytes_max <= route.reply_bytes_max


def test_no_two_routes_take_the_same_message() -> None:
    assert len({route.request for route in COORDINATOR_ROUTES}) == len(COORDINATOR_ROUTES)


@pytest.mark.parametrize("route", COORDINATOR_ROUTES, ids=by_target)
def test_what_changes_the_catalog_needs_write_scope_or_is_a_nodes(route: Route) -> None:
    assert (route in WRITES) == (route.caller is Caller.WRITER)


@pytest.mark.parametrize("route", COORDINATOR_ROUTES, ids=by_target)
def test_who_looks_after_the_cluster_has_an_unlimited_key_with_admin_scope(route: Route) -> None:
    assert (route in ADMINISTRATION) == (route.caller is Caller.ADMIN)
    assert route.caller is not Caller.ADMIN or (route.reach is Reach.CLUSTER and route.is_remembered)


@pytest.mark.parametrize("route", [route for route in COORDINATOR_ROUTES if "/nodes/" in route.target], ids=by_target)
def test_only_nodes_speak_for_nodes(route: Route) -> None:
    assert route.caller is Caller.NODE


@pytest.mark.parametrize("route", [*WRITES, routes.REGISTER, routes.HEARTBEAT, routes.OPEN_SESSION], ids=by_target)
def test_a_replay_of_a_change_is_noticed_or_changes_nothing(route: Route) -> None:
    fields = set(route.request.__struct_fields__)  # type: ignore[attr-defined]
    assert route.is_remembered or fields & IDEMPOTENT


def test_the_headers_of_nodes_are_their_own() -> None:
    names = [value for name, value in vars(routes).items() if name.endswith("_HEADER")]
    assert len(set(names)) == len(names) >= 7
    assert all(re.fullmatch(r"x-shoal-[a-z0-9]+", name) for name in names)


def test_the_largest_answers_fit() -> None:
    replica = ReplicaLocation(NodeId("a" * 32), 0, 255, bytes(92))
    ref = ChunkRef(ChunkId(bytes(16)), 2**40, bytes(32), 2**64 - 1)
    page = Page((ChunkLocation(ref, (replica,) * COPIES_MAX),) * PAGE_CHUNKS_MAX, 2**63)
    assert len(wire.encode(page)) < routes.PAGE.reply_bytes_max
    listed = ListedObject("k" * NAME_BYTES_MAX, 2**63, VersionId(bytes(16)), WallNs(2**63), "c" * 256)
    listing = ObjectList(objects=(listed,) * LIST_MAX, prefixes=(), next_after="k" * NAME_BYTES_MAX, commit_number=1)
    assert len(wire.encode(listing)) < routes.LIST.reply_bytes_max
