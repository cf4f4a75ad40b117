"""Each command does what it says, over a client that keeps objects in memory, and refuses in the documented words."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, ShoalError
from shoal.core.names import BLOCKS_BUCKET, JSONL_BUCKET
from shoal.core.trust.signing import Credential
from shoal.gateway.callers import Caller, Callers
from shoal.gateway.jsonl.call import Commands, Placing
from shoal.gateway.jsonl.reply import PLAIN, Answer, Block, ListedFile
from shoal.gateway.jsonl.request import Request
from shoal.gateway.jsonl.service import BLOCK_COMMANDS, FILE_COMMANDS, Service
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.gateway.jsonl.turns import Turns
from shoal.model.access_keys import Scope
from shoal.model.cluster import NodeState
from support.fake_client import FakeClient, make_status

LIMITS = DoorLimits(file_bytes_max=100, files_listed_max=5)


class KeyedClient(FakeClient):
    """A client whose key may end."""

    is_revoked = False

    async def scope(self) -> Scope:
        """As `Client.scope`."""
        if self.is_revoked:
            raise AccessDenied("the access key has been revoked")
        return Scope.WRITE


class Bench:
    """A door without sockets. `shown`: the credentials that came."""

    def __init__(self, commands: Commands, *, needs_auth: bool = False) -> None:
        self.client = KeyedClient()
        self.client.cluster_status = make_status(NodeState.UP, NodeState.UP, NodeState.UP)
        self.shown: list[Credential | None] = []
        self.service = Service(
            cast(Callers, self), commands, limits=LIMITS, placing=Placing(block_bytes=8), needs_auth=needs_auth
        )

    @asynccontextmanager
    async def caller(self, credential: Credential | None = None) -> AsyncIterator[Caller]:
        """As `Callers.caller`: one secret is right."""
        self.shown.append(credential)
        if credential is not None and credential.secret != b"right":
            raise AccessDenied("no such key")
        yield Caller(self.client.as_client(), Scope.WRITE)

    async def ask(self, request: Request) -> Answer:
        async with Turns(LIMITS).turn() as turn:
            return await self.service.answer(request, turn)

    async def refusal(self, request: Request) -> str:
        with pytest.raises(ShoalError) as caught:
            await self.ask(request)
        return caught.value.sentence


@pytest.fixture
def files() -> Bench:
    """A coordinator's door."""
    return Bench(FILE_COMMANDS)


@pytest.fixture
def blocks() -> Bench:
    """A node's door."""
    return Bench(BLOCK_COMMANDS)


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def store(name: str, content: bytes, *, replicas: int | None = None) -> Request:
    return Request(command="store_file", file_name=name, data=text(content), replicas=replicas)


async def test_a_stored_file_is_told_and_fetched(files: Bench) -> None:
    stored = await files.ask(store("a/b", b"hello"))
    assert stored.metadata is not None
    assert (stored.metadata.name, stored.metadata.total_size) == ("a/b", 5)
    assert list(stored.metadata.blocks) == [Block("a/b-0", "node-1", 5)]
    assert not stored.content
    assert await files.ask(Request(command="get_metadata", file_name="a/b")) == stored
    fetched = await files.ask(Request(command="fetch_file", file_name="a/b"))
    assert (fetched.metadata, b"".join(fetched.content)) == (stored.metadata, b"hello")


async def test_files_lie_in_the_doors_bucket_cut_and_placed_as_the_operator_said(files: Bench) -> None:
    await files.ask(store("a", b"x", replicas=2))
    await files.ask(store("b", b""))
    assert files.client.buckets[JSONL_BUCKET]
    first, second = files.client.options
    assert (first.chunk_bytes, first.selector, first.copies) == (8, "round-robin", 2)
    assert second.copies == 0


async def test_the_bucket_is_made_again_if_somebody_removed_it(files: Bench) -> None:
    await files.ask(store("a", b"x"))
    files.client.versions_of.clear()
    await files.client.delete_bucket(JSONL_BUCKET)
    await files.ask(store("a", b"x"))
    assert files.client.buckets[JSONL_BUCKET]


async def test_an_empty_file_is_a_file(files: Bench) -> None:
    stored = await files.ask(Request(command="store_file", file_name="e"))
    assert stored.metadata is not None
    assert (stored.metadata.total_size, list(stored.metadata.blocks)) == (0, [])
    assert not b"".join((await files.ask(Request(command="fetch_file", file_name="e"))).content)


async def test_deleting_twice_is_done_twice(files: Bench) -> None:
    delete = Request(command="delete_file", file_name="a")
    assert await files.ask(delete) is PLAIN
    await files.ask(store("a", b"x"))
    for _ in range(2):
        assert await files.ask(delete) is PLAIN
        assert await files.refusal(Request(command="fetch_file", file_name="a")) == "file not found"


async def test_files_are_listed_by_name_as_many_as_one_reply_takes(files: Bench) -> None:
    assert (await files.ask(Request(command="list_files"))).files == ()
    for name in "gfedcba":
        await files.ask(store(name, name.encode() * 2))
    listed = await files.ask(Request(command="list_files"))
    assert listed.files is not None
    assert [(each.name, each.total_size) for each in listed.files][:2] == [("a", 2), ("b", 2)]
    assert len(listed.files) >= LIMITS.files_listed_max
    rest = await files.ask(Request(command="list_files", after=listed.next_after))
    assert [*listed.files, *(rest.files or ())] == [ListedFile(name, 2) for name in "abcdefg"]
    assert rest.next_after == ""


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (Request(), "unknown command"),
        (Request(command="nope"), "unknown command"),
        (Request(command="store", block_id="b"), "unknown command"),
        (Request(command="PING"), "unknown command"),
        (Request(command="complete_file", file_name="a"), "the command complete_file is not there yet"),
        (Request(command="store_file", data="QUJD"), "missing file_name"),
        (Request(command="fetch_file"), "missing file_name"),
        (Request(command="get_metadata"), "missing file_name"),
        (Request(command="delete_file"), "missing file_name"),
        (Request(command="fetch_file", file_name="x"), "file not found"),
        (Request(command="get_metadata", file_name="x"), "file not found"),
        (Request(command="store_file", file_name="a", data="$(printf x | base64)"), "invalid base64 data"),
        (
            Request(command="store_file", file_name="a", data=text(bytes(101))),
            "101 bytes are too many here; at most 100",
        ),
        (
            Request(command="store_file", file_name="a", replicas=4),
            "replica count 4 exceeds available data servers (3)",
        ),
        (Request(command="store_file", file_name="a", replicas=-1), "replicas is 1 to 16"),
        (
            Request(command="store_file", file_name="a", data="QUJD", file_size=4),
            "file_size is 4, and data has 3 bytes",
        ),
    ],
)
async def test_refusals_have_the_documented_words(files: Bench, request_: Request, sentence: str) -> None:
    assert await files.refusal(request_) == sentence
    assert files.client.versions_of == {}


@pytest.mark.parametrize("name", ["n\0l", "x" * 1025, "é" * 600, "\ud800"])
@pytest.mark.parametrize("command", ["store_file", "fetch_file", "get_metadata", "delete_file"])
async def test_names_that_no_object_can_have_are_refused(files: Bench, command: str, name: str) -> None:
    with pytest.raises(InvalidArgument, match="name"):
        await files.ask(Request(command=command, file_name=name))


async def test_a_plan_is_refused_with_what_to_do_instead(files: Bench) -> None:
    assert "send the content in data" in await files.refusal(Request(command="store_file", file_name="a", file_size=10))
    assert await files.ask(Request(command="store_file", file_name="a", file_size=0))


async def test_blocks_too_small_for_a_file_are_refused_with_a_size_that_works() -> None:
    bench = Bench(FILE_COMMANDS)
    limits = DoorLimits()
    bench.service = Service(
        cast(Callers, bench), FILE_COMMANDS, limits=limits, placing=Placing(block_bytes=8), needs_auth=False
    )
    refusal = await bench.refusal(store("a", bytes(10 << 20)))
    assert refusal.startswith("invalid block size: chunks of 8B would cut 10MiB")
    assert "at least 128B" in refusal
    assert bench.client.versions_of == {}


async def test_a_file_too_large_for_a_reply_is_refused(files: Bench) -> None:
    await files.ask(store("a", b"x"))
    (version, _) = files.client.versions_of[f"shoal://{JSONL_BUCKET}/a"][0]
    files.client.versions_of[f"shoal://{JSONL_BUCKET}/a"] = [(version.__replace__(size=101), bytes(101))]
    assert "`shoal get` takes any size" in await files.refusal(Request(command="fetch_file", file_name="a"))


async def test_a_block_is_kept_under_its_name_and_replaced_silently(blocks: Bench) -> None:
    for content in (b"old", b"new", b""):
        assert await blocks.ask(Request(command="store", block_id="b", data=text(content))) is PLAIN
        assert b"".join((await blocks.ask(Request(command="retrieve", block_id="b"))).content) == content
    assert blocks.client.buckets == {"default": True, BLOCKS_BUCKET: False}


async def test_a_block_of_a_file_is_found_by_its_number(blocks: Bench) -> None:
    files = Bench(FILE_COMMANDS)
    blocks.client = files.client
    await files.ask(store("f-1", b"hello"))
    assert b"".join((await blocks.ask(Request(command="retrieve", block_id="f-1-0"))).content) == b"hello"
    for absent in ("f-1", "f-1-1", "f-1-00", "f-1-", "f-1--1", "f-1-٠", "f-1-999999999", "f-1-9999999999"):
        assert await blocks.refusal(Request(command="retrieve", block_id=absent)) == "block not found"
    await blocks.ask(Request(command="store", block_id="f-1-0", data=text(b"mine")))
    assert b"".join((await blocks.ask(Request(command="retrieve", block_id="f-1-0"))).content) == b"mine"


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (Request(command="store", data="QUJD"), "missing block_id"),
        (Request(command="retrieve"), "missing block_id"),
        (Request(command="retrieve", block_id="b"), "block not found"),
        (Request(command="store", block_id="b", data="Q"), "invalid base64 data"),
        (Request(command="store_file", file_name="a"), "unknown command"),
        (Request(command="repair_block", block_id="b"), "the command repair_block is not there yet"),
    ],
)
async def test_refusals_of_a_nodes_door_have_the_documented_words(
    blocks: Bench, request_: Request, sentence: str
) -> None:
    assert await blocks.refusal(request_) == sentence


async def test_a_ping_asks_nobody(files: Bench) -> None:
    assert await files.ask(Request(command="ping")) is PLAIN
    assert files.shown == []


async def test_a_key_that_is_shown_counts(files: Bench) -> None:
    for command in ("ping", "list_files"):
        assert await files.ask(Request(command=command, auth="KEY:right"))
        with pytest.raises(AccessDenied, match="no such key"):
            await files.ask(Request(command=command, auth="KEY:wrong"))
        with pytest.raises(AccessDenied, match="KEY:SECRET"):
            await files.ask(Request(command=command, auth="KEY"))
    assert Credential("KEY", b"right") in files.shown


async def test_a_key_that_is_over_does_not_even_ping(files: Bench) -> None:
    files.client.is_revoked = True
    with pytest.raises(AccessDenied, match="revoked"):
        await files.ask(Request(command="ping", auth="KEY:right"))
    assert await files.ask(Request(command="ping")) is PLAIN


@pytest.mark.parametrize("command", ["ping", "list_files", "store_file", "nope"])
async def test_a_door_to_the_world_wants_a_key_in_every_command(command: str) -> None:
    bench = Bench(FILE_COMMANDS, needs_auth=True)
    with pytest.raises(AccessDenied, match="missing auth"):
        await bench.ask(Request(command=command, file_name="a"))
    assert bench.shown == []


async def test_what_the_cluster_says_reaches_the_caller(files: Bench) -> None:
    with pytest.raises(NotFound, match="file not found"):
        await files.ask(Request(command="fetch_file", file_name="x", auth="KEY:right"))
