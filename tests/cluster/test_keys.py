"""Access keys on a cluster of processes: what a key may do, and how soon it may nothing any more."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from shoal.base.errors import AccessDenied, PreconditionFailed, StaleEpoch
from shoal.base.ids import Address
from shoal.client.client import Client
from shoal.core.trust.signing import Credential
from shoal.model.access_keys import Scope
from shoal.model.messages.keys import CreateKey, RevokeKey
from shoal.model.messages.objects import ListObjects
from shoal.wiring.connect import ClusterAddress, find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource
from support.processes import Done, LocalProcesses, shoal

QUIET = StreamLog(level=Level.ERROR)


@dataclass(frozen=True, slots=True)
class Made:
    """A key that `shoal key create` has made."""

    key: str
    secret: str
    endpoint: Address

    @property
    def environ(self) -> Mapping[str, str]:
        """What its owner sets."""
        return {"SHOAL_ENDPOINT": self.endpoint, "SHOAL_KEY": self.key, "SHOAL_SECRET": self.secret}

    def run(self, *words: str, stdin: bytes = b"") -> Done:
        """One command line of its owner."""
        return shoal(*words, stdin=stdin, environ=self.environ)


def key(cluster: LocalProcesses, verb: str, *words: str) -> Done:
    """`shoal key VERB`, by whoever has the cluster's directory."""
    return shoal("key", verb, "--data", cluster.data, *words)


def make(cluster: LocalProcesses, *options: str) -> Made:
    """`shoal key create`."""
    done = key(cluster, "create", "--json", *options)
    assert done.exit_code == 0, done
    document = json.loads(done.output)
    return Made(document["key"], document["secret"], cluster.endpoint)


@pytest.fixture(scope="module", autouse=True)
def stored(running: LocalProcesses) -> None:
    """An object."""
    assert running.run("put", "-", "mine", stdin=b"content").exit_code == 0


def test_each_scope_does_its_own_and_what_is_below(cluster: LocalProcesses) -> None:
    allowed = {"read": ["ls", "get"], "write": ["ls", "get", "put"], "admin": ["ls", "get", "put", "key"]}
    for scope, verbs in allowed.items():
        made = make(cluster, "--scope", scope)
        runs = {
            "ls": made.run("ls"),
            "get": made.run("get", "mine", "-"),
            "put": made.run("put", "-", f"by-{scope}", stdin=b"x"),
            "key": made.run("key", "list"),
        }
        assert [verb for verb, done in runs.items() if done.exit_code == 0] == verbs
        for verb in set(runs) - set(verbs):
            runs[verb].refused(4, "may only read|needs (write|admin) scope")


def test_a_limited_key_sees_its_own_bucket_only(cluster: LocalProcesses) -> None:
    here, elsewhere = make(cluster, "--bucket", "default"), make(cluster, "--scope", "write", "--bucket", "photos")
    assert here.run("get", "mine", "-").output == b"content"
    here.run("ls", "shoal://photos").refused(4, "may not touch bucket 'photos'")
    for words in (
        ["ls"],
        ["get", "mine", "-"],
        ["stat", "mine"],
        ["rm", "mine"],
        ["put", "-", "mine"],
        ["versions", "mine"],
    ):
        elsewhere.run(*words).refused(4, "may not touch bucket 'default'")
    assert cluster.run("get", "mine", "-").output == b"content"


def test_a_key_expires_by_itself(cluster: LocalProcesses) -> None:
    made = make(cluster, "--expires", "2s")
    assert made.run("ls").exit_code == 0
    time.sleep(2)
    made.run("ls").refused(4, "the access key has expired")


def test_a_revoked_key_is_told_what_a_stranger_is_told(cluster: LocalProcesses) -> None:
    made = make(cluster)
    assert key(cluster, "revoke", made.key).exit_code == 0
    stranger = Made("SHOALNOBODY", made.secret, cluster.endpoint)
    assert made.run("ls") == stranger.run("ls")
    made.run("ls").refused(4, "wrong secret, a revoked key, or a key of another cluster")


def test_the_last_administrator_cannot_lock_everybody_out(cluster: LocalProcesses) -> None:
    first = json.loads((cluster.data / "credentials").read_bytes())["key"]
    keys = [json.loads(line) for line in key(cluster, "list", "--json").output.splitlines()]
    for document in keys:
        if document["key"] != first and document["state"] == "active":
            assert key(cluster, "revoke", document["key"]).exit_code == 0
    key(cluster, "revoke", first).refused(5, "the last key that may look after the cluster")


@asynccontextmanager
async def administrator_and_writer(cluster: LocalProcesses) -> AsyncIterator[tuple[Client, Client, str]]:
    async with open_client(find_cluster(data=cluster.data), log=QUIET) as administrator:
        made = await administrator.create_key(CreateKey(name="", scope=Scope.WRITE))
        credential = Credential(made.info.key_id, made.secret.encode())
        async with open_client(ClusterAddress((cluster.endpoint,), credential), log=QUIET) as writer:
            yield administrator, writer, made.info.key_id


async def test_no_put_that_begins_after_a_revocation_is_stored(cluster: LocalProcesses) -> None:
    """Eight writers at full speed; what they were told is what there is, and the last of it is from before."""
    done: dict[str, float] = {}
    async with administrator_and_writer(cluster) as (administrator, writer, key_id):

        async def write(lane: int) -> None:
            for number in range(10_000):
                name = f"race/{lane}/{number}"
                try:
                    await writer.put("default", name, BytesSource(b"x" * 100))
                except (AccessDenied, StaleEpoch):
                    return
                done[name] = time.monotonic()

        async with asyncio.TaskGroup() as group:
            for lane in range(8):
                group.create_task(write(lane), name=f"lane-{lane}")
            await asyncio.sleep(0.5)
            await administrator.revoke_key(RevokeKey(key_id))
            revoked = time.monotonic()
        ended = time.monotonic()
        stored = await _names(administrator, "race/")
    assert len(done) >= 8
    assert stored == set(done)
    assert ended - revoked < 1


async def _names(client: Client, prefix: str) -> set[str]:
    found: set[str] = set()
    after = ""
    while True:
        page = await client.list_objects(ListObjects(bucket="default", prefix=prefix, after=after))
        found |= {entry.key for entry in page.objects}
        after = page.next_after
        if not after:
            return found


async def test_after_a_revocation_nothing_is_found_and_no_session_lives(cluster: LocalProcesses) -> None:
    async with administrator_and_writer(cluster) as (administrator, writer, key_id):
        await writer.stat("default", "mine")
        before = (await administrator.status()).sessions
        revoked = await administrator.revoke_key(RevokeKey(key_id))
        assert revoked.sessions == 1
        assert (await administrator.status()).sessions == before - 1
        for asked in (
            writer.stat("default", "mine"),
            writer.put("default", "late", BytesSource(b"x")),
            writer.list_objects(ListObjects(bucket="default")),
            writer.status(),
        ):
            with pytest.raises(AccessDenied, match="a revoked key"):
                await asked


async def test_a_read_that_was_granted_goes_on(cluster: LocalProcesses) -> None:
    """As the documents say: what is out already ends by itself."""
    async with administrator_and_writer(cluster) as (administrator, writer, key_id):
        async with writer.open("default", "mine") as found:
            await administrator.revoke_key(RevokeKey(key_id))
            sink = BytesSink(found.version.size)
            await found.into(sink, 0, found.version.size, progress=None)
        assert sink.content == b"content"


async def test_an_administrator_may_hand_over_and_go(cluster: LocalProcesses) -> None:
    async with open_client(find_cluster(data=cluster.data), log=QUIET) as first:
        made = await first.create_key(CreateKey(name="", scope=Scope.ADMIN))
        credential = Credential(made.info.key_id, made.secret.encode())
        async with open_client(ClusterAddress((cluster.endpoint,), credential), log=QUIET) as second:
            await second.revoke_key(RevokeKey(made.info.key_id))
            with pytest.raises(AccessDenied):
                await second.status()
        with pytest.raises(PreconditionFailed):
            await first.revoke_key(RevokeKey(find_cluster(data=cluster.data).credential.key_id))
