"""What an access key allows: scope, time, buckets."""

import itertools

import msgspec
import pytest

from shoal.base.errors import AccessDenied, InvariantBroken
from shoal.base.ids import SessionId, WallNs
from shoal.core import routes
from shoal.core.routes import COORDINATOR_ROUTES, Caller, Reach, Route
from shoal.core.trust.access import check_bucket, check_call, check_message, is_expired
from shoal.model.access_keys import Scope
from shoal.model.messages.objects import GetPage, ListObjects, Name
from shoal.ports.keyring import AccessKey
from support.model_samples import sample_of

NOW = WallNs(1000)
NEEDED = {Caller.READER: Scope.READ, Caller.WRITER: Scope.WRITE, Caller.ADMIN: Scope.ADMIN}
NAMED = [route for route in COORDINATOR_ROUTES if route.reach is Reach.NAMED_BUCKETS]


def key(scope: Scope, *buckets: str, expires: int | None = None) -> AccessKey:
    return AccessKey("k", b"secret", scope, buckets, None if expires is None else WallNs(expires))


def is_allowed(access_key: AccessKey, route: Route) -> bool:
    try:
        check_call(access_key, route, wall=NOW)
    except AccessDenied:
        return False
    return True


@pytest.mark.parametrize(("route", "scope"), list(itertools.product(COORDINATOR_ROUTES, Scope)))
def test_a_key_makes_the_calls_of_its_scope_and_below(route: Route, scope: Scope) -> None:
    assert is_allowed(key(scope), route) == (route.caller is not Caller.NODE and scope >= NEEDED[route.caller])


@pytest.mark.parametrize("route", COORDINATOR_ROUTES, ids=lambda route: route.target)
def test_a_limited_key_makes_no_call_that_reaches_across_buckets(route: Route) -> None:
    is_for_keys = route.caller is not Caller.NODE
    assert is_allowed(key(Scope.ADMIN, "photos"), route) == (is_for_keys and route.reach is not Reach.CLUSTER)


@pytest.mark.parametrize(
    ("expires", "is_over"), [(None, False), (1001, False), (1000, True), (999, True), (0, True), (-1, True)]
)
def test_a_key_is_over_when_its_time_has_come(expires: int | None, is_over: bool) -> None:
    assert is_expired(None if expires is None else WallNs(expires), NOW) is is_over
    assert is_allowed(key(Scope.ADMIN, expires=expires), routes.LIST) is not is_over


def test_of_an_expired_key_nothing_else_is_told() -> None:
    with pytest.raises(AccessDenied, match="has expired"):
        check_call(key(Scope.READ, "photos", expires=1), routes.CREATE_KEY, wall=NOW)


def test_a_key_touches_its_own_buckets_and_an_unlimited_one_all() -> None:
    check_bucket(key(Scope.READ, "photos", "music"), "music")
    check_bucket(key(Scope.READ), "music")
    for other in ("musi", "music.", "photos,music", "", "x" * 5000):
        with pytest.raises(AccessDenied, match="may not touch bucket"):
            check_bucket(key(Scope.READ, "photos", "music"), other)


@pytest.mark.parametrize("route", NAMED, ids=lambda route: route.target)
def test_every_bucket_that_a_call_names_must_be_one_of_the_keys(route: Route) -> None:
    message = sample_of(route.request, itertools.count(1))
    named = _buckets_in(message)
    assert named
    check_message(key(Scope.ADMIN, *named), route, message)
    check_message(key(Scope.ADMIN), route, message)
    for missing in named:
        rest = [bucket for bucket in named if bucket != missing] or ["other"]
        with pytest.raises(AccessDenied, match=missing):
            check_message(key(Scope.ADMIN, *rest), route, message)


def _buckets_in(message: object) -> list[str]:
    """Of all fields called so, however deep."""
    found: list[str] = []
    if isinstance(message, msgspec.Struct):
        for field in message.__struct_fields__:
            value = getattr(message, field)
            found += [value] if field == "bucket" and isinstance(value, str) else _buckets_in(value)
    return found


def test_a_call_that_hides_its_bucket_is_a_bug() -> None:
    check_message(key(Scope.READ, "photos"), routes.STATUS, object())
    with pytest.raises(InvariantBroken):
        check_message(key(Scope.READ, "photos"), routes.LIST, object())


def test_a_page_is_looked_for_in_the_bucket_of_its_name() -> None:
    photos = key(Scope.READ, "photos")
    check_message(photos, routes.PAGE, GetPage(SessionId(1), Name("photos", "k"), 0))
    check_message(photos, routes.LIST, ListObjects(bucket="photos"))
    with pytest.raises(AccessDenied):
        check_message(photos, routes.PAGE, GetPage(SessionId(1), Name("music", "k"), 0))


OPEN_TO_LIMITED = (
    routes.MAP,
    routes.OPEN_SESSION,
    routes.SESSION_HEARTBEAT,
    routes.CLOSE_SESSION,
    routes.STAGE,
    routes.STATUS,
)


def test_only_calls_that_were_looked_at_are_open_to_limited_keys_whatever_their_buckets() -> None:
    found = [route for route in COORDINATOR_ROUTES if route.reach is Reach.NO_BUCKET]
    assert sorted(route.target for route in found) == sorted(route.target for route in OPEN_TO_LIMITED)
    assert not any(_buckets_in(sample_of(route.request, itertools.count(1))) for route in found)
