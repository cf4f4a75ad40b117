"""Who is let in, and how calls end."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode

from shoal.base.errors import AccessDenied, DiskFailed, InvalidArgument, NodeUnreachable, NotFound, ShoalError
from shoal.core.trust.signing import Credential
from shoal.gateway.callers import Caller
from shoal.gateway.rpc.door import parse, read_credential
from shoal.gateway.rpc.status_codes import DETAILS_CHARS_MAX, Unauthenticated
from shoal.model.access_keys import Scope
from shoal_pb.filestore_pb2 import DownloadRequest
from support.rpc_bench import BEARER, Ended, FakeContext, FileCluster, opened_door, stream

BASIC = "Basic " + base64.b64encode(b"ANN:sec:ret").decode()


async def served(caller: Caller) -> str:
    return "served"


def test_bearer_and_basic_carry_a_key() -> None:
    assert read_credential([("x", "y"), ("authorization", "bearer  ANN:s")]) == Credential("ANN", b"s")
    assert read_credential([("authorization", BASIC)]) == Credential("ANN", b"sec:ret")
    assert read_credential([("x", "y")]) is None


@pytest.mark.parametrize(
    "value",
    ["", "ANN:secret", "Bearer", "Bearer ", "Bearer ANN", "Bearer ANN:", "Bearer ANN:sec ret", "Digest ANN:secret",
     "Basic ANN:secret", "Basic QU5OOnM", "Basic QU5O", "Basic " + base64.b64encode(b"ANN:\xff").decode(),
     "Bearer " + "A" * 2000, b"Bearer ANN:secret"],
)  # fmt: skip
def test_any_other_authorization_is_refused_and_not_repeated(value: str | bytes) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        read_credential([("authorization", value)])
    assert "secret\n" not in refusal.value.sentence
    assert "ANN" not in refusal.value.sentence


def test_two_keys_are_none() -> None:
    with pytest.raises(Unauthenticated):
        read_credential([*BEARER, *BEARER])


async def test_a_call_with_a_good_key_is_answered() -> None:
    async with opened_door(FileCluster()) as door:
        assert await door.answer(FakeContext().as_context(), served, failing="no") == "served"


async def test_a_call_without_a_key_needs_a_door_that_is_open() -> None:
    async with opened_door(FileCluster()) as door:
        keyless = FakeContext(()).as_context()
        assert await door.answer(keyless, served, failing="no", is_open=True) == "served"
        with pytest.raises(Ended, match="this needs an access key: send metadata") as ended:
            await door.answer(keyless, served, failing="no")
        assert ended.value.code is StatusCode.UNAUTHENTICATED


async def test_a_wrong_key_is_wrong_at_an_open_door_too() -> None:
    cluster = FileCluster()
    cluster.refused.add("ANN")
    async with opened_door(cluster) as door:
        with pytest.raises(Ended, match="no: the signature does not match") as ended:
            await door.answer(FakeContext().as_context(), served, failing="no", is_open=True)
    assert ended.value.code is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("gone"), StatusCode.NOT_FOUND),
        (AccessDenied("not yours"), StatusCode.PERMISSION_DENIED),
        (NodeUnreachable("away"), StatusCode.UNAVAILABLE),
        (DiskFailed("broken"), StatusCode.INTERNAL),
    ],
)
async def test_an_error_of_the_work_ends_the_call_with_its_status(error: ShoalError, code: StatusCode) -> None:
    async def fails(caller: Caller) -> None:
        raise error

    async with opened_door(FileCluster()) as door:
        with pytest.raises(Ended) as ended:
            await door.answer(FakeContext().as_context(), fails, failing="download failed")
    assert (ended.value.code, ended.value.details) == (code, f"download failed: {error.sentence}")


async def test_a_status_stays_small_enough_for_a_header() -> None:
    async def fails(caller: Caller) -> None:
        raise NotFound("x" * 100_000)

    async with opened_door(FileCluster()) as door:
        with pytest.raises(Ended) as ended:
            await door.answer(FakeContext().as_context(), fails, failing="no")
    assert len(ended.value.details) == DETAILS_CHARS_MAX


async def test_bugs_and_cancellations_pass() -> None:
    async def breaks(caller: Caller) -> None:
        raise ZeroDivisionError

    async def ends(caller: Caller) -> None:
        raise asyncio.CancelledError

    async with opened_door(FileCluster()) as door:
        with pytest.raises(ZeroDivisionError):
            await door.answer(FakeContext().as_context(), breaks, failing="no")
        with pytest.raises(asyncio.CancelledError):
            await door.answer(FakeContext().as_context(), ends, failing="no")


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
async def test_admin_calls_need_admin_scope(scope: Scope) -> None:
    cluster = FileCluster()
    async with opened_door(cluster) as door:
        assert await door.answer(FakeContext().as_context(), served, failing="no", needs_admin=True) == "served"
    cluster.scope_told = scope
    async with opened_door(cluster) as door:
        with pytest.raises(Ended, match="needs admin scope") as ended:
            await door.answer(FakeContext().as_context(), served, failing="no", needs_admin=True)
    assert ended.value.code is StatusCode.PERMISSION_DENIED


async def test_a_call_that_is_one_message_is_answered() -> None:
    async def echoed(caller: Caller, asked: DownloadRequest) -> str:
        return asked.file_id

    async with opened_door(FileCluster()) as door:
        context, messages = FakeContext().as_context(), stream([DownloadRequest(file_id="a")])
        assert await door.answer_one(messages, context, echoed, kind=DownloadRequest, failing="no") == "a"


async def test_nothing_is_read_of_who_is_not_let_in() -> None:
    read: list[bytes] = []

    async def unwanted() -> AsyncIterator[bytes]:
        read.append(b"")
        yield b""

    async def never(caller: Caller, asked: DownloadRequest) -> None:
        raise AssertionError("this is answered")

    cluster = FileCluster()
    cluster.scope_told = Scope.READ
    for context in (FakeContext(()), FakeContext()):
        async with opened_door(cluster) as door:
            with pytest.raises(Ended, match="key") as ended:
                await door.answer_one(
                    unwanted(), context.as_context(), never, kind=DownloadRequest, failing="no", needs_admin=True
                )
        assert ended.value.code in (StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED)
    assert not read


async def test_a_call_that_ends_keeps_nothing_of_what_was_wrong() -> None:
    async def fails(caller: Caller) -> None:
        raise NotFound("gone")

    async with opened_door(FileCluster()) as door:
        with pytest.raises(Ended) as ended:
            await door.answer(FakeContext().as_context(), fails, failing="no")
    assert ended.value.__context__ is None


def test_messages_are_parsed_or_refused() -> None:
    wanted = DownloadRequest(file_id="a", version_id="b")
    assert parse(DownloadRequest, wanted.SerializeToString()) == wanted
    for raw in (b"\x0a\x02\xff\xfe", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a", b"\xff" * 20):
        with pytest.raises(InvalidArgument, match=r"no filestore.DownloadRequest"):
            parse(DownloadRequest, raw)


def test_unknown_fields_are_passed_over() -> None:
    assert parse(DownloadRequest, b"\x0a\x01a\x98\x06\x01").file_id == "a"
