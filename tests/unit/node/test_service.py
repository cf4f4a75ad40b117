"""The node's door: only what a grant covers is done, and whatever is refused leaves nothing."""

import asyncio

import pytest

from shoal.base.errors import ChecksumMismatch, DiskFailed, InvariantBroken, ShoalError
from shoal.base.ids import CLIENT_PLACEMENT_MAX, NodeId, ReplicaId, SessionId
from shoal.base.units import HOUR, KIB, MIB, SECOND
from shoal.core import routes
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.formats.grant import GrantKind
from shoal.formats.seal import SEAL_BYTES
from shoal.model.cluster import CHUNK_BYTES_MAX
from shoal.model.messages.replicas import VerifyReply
from shoal.node.settings import MEMORY_BYTES_MIN
from shoal.ports.link import IncomingRequest, Reply, Request
from support.frames import Frames
from support.hindrances import held_back
from support.node_lab import (
    FOREIGN_KEYS,
    Member,
    NodeLab,
    changed,
    client_seal,
    in_node_lab,
    put_grant,
    put_headers,
    put_reply,
    read_grant,
    remove_grant,
    replica_grant,
)
from support.stores import content, new_disk, open_store, put, replica

HERE = replica(1)
OTHER = NodeId("f" * 32)
VERBS = ["PUT", "GET", "HEAD", "DELETE", "POST"]


def error_in(reply: Reply) -> ShoalError:
    assert isinstance(reply.body, bytes)
    return read_error(reply.status, reply.body)


def target_of(verb: str, address: ReplicaId = HERE) -> str:
    return address.address + ("/verify" if verb == "POST" else "")


def grants_for(verb: str, node: Member) -> dict[str, str]:
    """By name, every grant that must not do."""
    kinds = {"PUT": None, "DELETE": GrantKind.REMOVE}
    right = kinds.get(verb, GrantKind.READ)
    wrong = {
        "none": "",
        "junk": "x" * 123,
        "short": put_grant()[:-4],
        "foreign put": put_grant(keys=FOREIGN_KEYS),
        "foreign read": replica_grant(GrantKind.READ, HERE, node.id, keys=FOREIGN_KEYS),
        "foreign remove": replica_grant(GrantKind.REMOVE, HERE, node.id, keys=FOREIGN_KEYS),
        "expired put": put_grant(life_ns=-HOUR),
        "expired read": replica_grant(GrantKind.READ, HERE, node.id, life_ns=-HOUR),
        "expired remove": replica_grant(GrantKind.REMOVE, HERE, node.id, life_ns=-HOUR),
        "another session": put_grant(session=SessionId(8)),
    }
    for kind in (GrantKind.READ, GrantKind.REMOVE):
        wrong[f"another node, {kind.name}"] = replica_grant(kind, HERE, OTHER)
        wrong[f"another chunk, {kind.name}"] = replica_grant(kind, replica(2), node.id)
        wrong[f"another placement, {kind.name}"] = replica_grant(kind, replica(1, placement=2), node.id)
        wrong[f"another shard, {kind.name}"] = replica_grant(kind, replica(1, shard=1), node.id)
        if kind is not right:
            wrong[f"another kind, {kind.name}"] = replica_grant(kind, HERE, node.id)
    if right is not None:
        wrong["another kind, PUT"] = put_grant()
    good = put_grant()
    wrong["flipped"] = good[:40] + ("A" if good[40] != "A" else "B") + good[41:]
    return wrong


async def call(
    lab: NodeLab, node: Member, verb: str, *, target: str, grant: str | None, body: bytes = b"", limit: int = MIB
) -> Reply:
    headers = put_headers() if verb == "PUT" else {}
    headers = changed(headers, grant=grant or None)
    request = Request(verb, routes.REPLICAS + target, headers, body)
    return await lab.client.call(node.address, request, deadline=lab.within(), reply_bytes_max=limit)


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_is_done_without_the_grant_that_covers_it(verb: str) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        body = b"bytes" + client_seal(b"bytes") if verb == "PUT" else b""
        if verb != "PUT":
            await put(a.store, HERE, b"bytes")
        for name, grant in grants_for(verb, a).items():
            reply = await call(lab, a, verb, target=target_of(verb), grant=grant, body=body)
            assert reply.status == 403, name
            if verb != "HEAD":
                assert type(error_in(reply)).__name__ == "AccessDenied", name
        if verb == "PUT":
            assert await a.is_empty()
        else:
            assert await a.content(HERE) == b"bytes"
            assert a.store.quarantined() == []

    in_node_lab(main)


def test_each_verb_is_done_under_its_grant() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        body = b"bytes" + client_seal(b"bytes")
        assert (await call(lab, a, "PUT", target=HERE.address, grant=put_grant(), body=body)).status == 201
        got = await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a))
        assert (got.status, isinstance(got.body, bytes) and got.body[8:]) == (200, b"bytes")
        head = await call(lab, a, "HEAD", target=HERE.address, grant=read_grant(HERE, a))
        assert (head.status, head.headers["x-shoal-sha256"]) == (200, got.headers["x-shoal-sha256"])
        verified = await call(lab, a, "POST", target=target_of("POST"), grant=read_grant(HERE, a))
        assert isinstance(verified.body, bytes)
        assert wire.decode(verified.body, VerifyReply) == VerifyReply(is_good=True)
        for _ in range(2):
            assert (await call(lab, a, "DELETE", target=HERE.address, grant=remove_grant(HERE, a, 1))).status == 204
        assert (await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a))).status == 404
        assert (await call(lab, a, "POST", target=target_of("POST"), grant=read_grant(HERE, a))).status == 404
        assert (await call(lab, a, "PUT", target=HERE.address, grant=put_grant(), body=body)).status == 409

    in_node_lab(main)


@pytest.mark.parametrize(
    ("verb", "target"),
    [
        ("GET", ""),
        ("GET", "verify"),
        ("GET", f"{HERE.address}/"),
        ("GET", f"{HERE.address}/verify"),
        ("GET", f"{HERE.address}?x=1"),
        ("GET", f"../replicas/{HERE.address}"),
        ("GET", replica(0xAB).address.upper()),
        ("GET", HERE.address[1:]),
        ("GET", f"{HERE.chunk.hex()}.0"),
        ("GET", f"{HERE.chunk.hex()}.256.1"),
        ("GET", f"{HERE.chunk.hex()}.0.0"),
        ("GET", f"{HERE.chunk.hex()}.0.01"),
        ("GET", f"{HERE.chunk.hex()}.0.4294967296"),
        ("GET", f"{HERE.chunk.hex()}.-0.1"),
        ("POST", HERE.address),
        ("POST", f"{HERE.address}/pull"),
        ("PATCH", HERE.address),
        ("VERIFY", HERE.address),
        ("OPTIONS", HERE.address),
        ("PUT", f"{HERE.address}/verify"),
        ("DELETE", f"{HERE.address}/verify"),
    ],
)
def test_any_other_target_is_refused(verb: str, target: str) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await put(a.store, HERE, b"bytes")
        for grant in (put_grant(), read_grant(HERE, a), remove_grant(HERE, a, 1)):
            assert (await call(lab, a, verb, target=target, grant=grant)).status in (400, 403)
        assert await a.content(HERE) == b"bytes"

    in_node_lab(main)


async def test_a_target_outside_the_replicas_is_refused_before_the_body_is_read() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        for target in ("/", "/v1/replicas", "/v1/map", "*", f"//v1/replicas/{HERE.address}"):
            body = Frames([b"x"])
            headers = {routes.GRANT_HEADER: put_grant()}
            reply = await a.node.handle(IncomingRequest("PUT", target, headers, body, "peer"))
            assert (reply.status, body.unread_count) == (400, 1)

    await asyncio.to_thread(in_node_lab, main)


def test_nothing_of_a_body_is_read_before_the_grant_holds() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        for headers in (put_headers(grant="x"), changed(put_headers(), quorum="0"), changed(put_headers(), targets="")):
            body = Frames([b"bytes", client_seal(b"bytes")])
            request = IncomingRequest("PUT", routes.REPLICAS + HERE.address, headers, body, "peer")
            assert (await a.node.handle(request)).status in (400, 403)
            assert body.unread_count == 2

    in_node_lab(main)


def test_a_put_at_a_placement_of_movers_is_refused() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        reply = await lab.put(a, b"x", replica(1, placement=CLIENT_PLACEMENT_MAX + 1))
        assert reply.status == 400
        assert await a.is_empty()

    in_node_lab(main)


def test_a_body_over_the_largest_chunk_is_refused_by_its_length() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        body = Frames([b"x"], length=CHUNK_BYTES_MAX + SEAL_BYTES + 1)
        request = IncomingRequest("PUT", routes.REPLICAS + HERE.address, put_headers(), body, "peer")
        assert (await a.node.handle(request)).status == 400
        assert body.unread_count == 1
        assert await a.is_empty()

    in_node_lab(main)


def test_a_forward_under_a_grant_but_with_a_forged_seal_is_refused() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        headers = changed(put_headers(), targets=None, quorum=None, primary=OTHER)
        body = Frames([b"bytes" + client_seal(b"bytes")])
        request = IncomingRequest("PUT", routes.REPLICAS + HERE.address, headers, body, "peer")
        reply = await a.node.handle(request)
        assert (reply.status, type(error_in(reply)).__name__) == (403, "AccessDenied")
        assert await a.is_empty()

    in_node_lab(main)


def test_more_puts_than_a_node_takes_are_told_to_come_again() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", puts_max=3)
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        a.store.before["finish"] = wait
        puts = [asyncio.get_running_loop().create_task(lab.put(a, b"bytes", replica(number))) for number in range(3)]
        await lab.settle()
        reply = await lab.put(a, b"bytes", replica(9))
        assert (reply.status, type(error_in(reply)).__name__) == (429, "Throttled")
        gate.set()
        for each in puts:
            put_reply(await each)
        put_reply(await lab.put(a, b"bytes", replica(9)))

    in_node_lab(main)


def test_puts_that_were_refused_or_broken_do_not_count_for_ever() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", puts_max=1)
        for _ in range(3):
            assert (await lab.put(a, b"x", HERE, body=b"x" + client_seal(b"y"))).status == 400
            assert (await lab.put(a, b"x", HERE, targets={a.id: 2})).status == 400
        put_reply(await lab.put(a, b"x", HERE))

    in_node_lab(main)


def test_a_node_that_has_not_registered_takes_no_put_but_serves_what_it_has() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", runs=False)
        await put(a.store, HERE, b"bytes")
        assert (await lab.put(a, b"x", replica(2))).status == 429
        assert (await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a))).status == 200

    in_node_lab(main)


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
def test_damage_that_a_read_meets_is_quarantined_and_told(verb: str) -> None:
    async def main(lab: NodeLab) -> None:
        disk = new_disk()
        store = await open_store(disk)
        a = await lab.add("a", store=store)
        await put(store, HERE, content(1, 3000))
        await put(store, replica(2), content(2, 3000))
        (path,) = [
            f"chunks/files/{box}/{name}"
            for box in await disk.list("chunks/files")
            for name in await disk.list(f"chunks/files/{box}")
            if name.startswith(HERE.address)
        ]
        disk.flip_bit(path, 100, 1)
        reply = await call(lab, a, verb, target=HERE.address, grant=read_grant(HERE, a))
        assert reply.status == 422
        assert a.store.quarantined() == [HERE]
        beat = await lab.coordinator.next_heartbeat()
        assert [ReplicaId(each.chunk, each.shard, each.placement) for each in beat.damaged] == [HERE]
        await lab.coordinator.next_heartbeat()
        assert lab.coordinator.heartbeats[-1].damaged == ()
        assert (await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a))).status == 404
        assert (await call(lab, a, "GET", target=replica(2).address, grant=read_grant(replica(2), a))).status == 200

    in_node_lab(main)


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_replica_that_is_gone_is_told_as_damaged_by_whom_the_catalog_sent(verb: str) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", store=await open_store(new_disk()))
        reply = await call(lab, a, verb, target=target_of(verb), grant=read_grant(HERE, a))
        assert reply.status == 404
        beat = await lab.coordinator.next_heartbeat()
        assert [ReplicaId(each.chunk, each.shard, each.placement) for each in beat.damaged] == [HERE]

    in_node_lab(main)


def test_who_asks_whether_a_replica_is_here_takes_its_address_from_nobody() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", store=await open_store(new_disk()))
        assert (await call(lab, a, "HEAD", target=HERE.address, grant=read_grant(HERE, a))).status == 404
        assert a.store.quarantined() == []
        await put(a.store, HERE, b"bytes")
        assert (await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a))).status == 200

    in_node_lab(main)


def test_a_sector_that_fails_once_costs_the_reader_a_try_and_the_node_nothing() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await put(a.store, HERE, b"bytes")

        async def fail_once() -> None:
            del a.store.before["read"]
            raise DiskFailed("eio")

        a.store.before["read"] = fail_once
        assert (await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a))).status == 500
        assert a.store.quarantined() == []
        await lab.settle(5)
        assert a.running is not None
        assert not a.running.done()
        assert (await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a))).status == 200

    in_node_lab(main)


def test_verify_believes_the_disk_and_not_the_reader() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await put(a.store, HERE, b"bytes")
        good = await call(lab, a, "POST", target=target_of("POST"), grant=read_grant(HERE, a))
        assert isinstance(good.body, bytes)
        assert wire.decode(good.body, VerifyReply) == VerifyReply(is_good=True)
        assert await a.content(HERE) == b"bytes"

        async def rot() -> None:
            raise ChecksumMismatch("rot")

        a.store.before["read"] = rot
        bad = await call(lab, a, "POST", target=target_of("POST"), grant=read_grant(HERE, a))
        assert isinstance(bad.body, bytes)
        assert wire.decode(bad.body, VerifyReply) == VerifyReply(is_good=False)
        assert a.store.quarantined() == [HERE]

    in_node_lab(main)


@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE"])
def test_a_cancelled_handler_leaves_nothing_open(verb: str) -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await put(a.store, HERE, content(1, 40 * KIB))  # read before the reply, and not while it is sent

        async def forever() -> None:
            await asyncio.get_running_loop().create_future()

        a.store.before.update(dict.fromkeys(("read", "delete"), forever))
        grant = remove_grant(HERE, a, 1) if verb == "DELETE" else read_grant(HERE, a)
        request = IncomingRequest(
            verb, routes.REPLICAS + target_of(verb), {routes.GRANT_HEADER: grant}, Frames([]), "peer"
        )
        handling = asyncio.get_running_loop().create_task(a.node.handle(request))
        await lab.settle()
        assert not handling.done()
        handling.cancel()
        await asyncio.wait([handling])
        assert handling.cancelled()
        assert (a.store.readers, a.store.writers) == (0, 0)

    in_node_lab(main)


def test_a_bug_is_left_to_the_link() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")

        async def bug() -> None:
            raise InvariantBroken("a bug")

        a.store.before["open"] = bug
        headers = {routes.GRANT_HEADER: read_grant(HERE, a)}
        with pytest.raises(InvariantBroken):
            await a.node.handle(IncomingRequest("GET", routes.REPLICAS + HERE.address, headers, Frames([]), "peer"))

    in_node_lab(main)


def test_an_older_epoch_removes_nothing_also_after_a_restart() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a")
        await put(a.store, HERE, b"bytes")
        first = await call(lab, a, "DELETE", target=replica(9).address, grant=remove_grant(replica(9), a, 5))
        assert first.status == 204
        again = await lab.add("again", disk=a.disk, store=a.store.inner)
        for node in (a, again):
            reply = await call(lab, node, "DELETE", target=HERE.address, grant=remove_grant(HERE, node, 4))
            assert (reply.status, type(error_in(reply)).__name__) == (410, "StaleEpoch")
        assert await a.content(HERE) == b"bytes"

    in_node_lab(main)


def test_a_put_that_finds_no_memory_waits_for_it() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", memory_bytes=MEMORY_BYTES_MIN)
        gate = held_back(a.store, "finish")
        data = content(1, 2 * MIB)
        tasks = [asyncio.get_running_loop().create_task(lab.put(a, data, replica(number))) for number in range(5)]
        await lab.settle()
        assert a.store.writers == 1, "one share of 4 MiB fits under the lane's ceiling of 6"
        tasks.append(asyncio.get_running_loop().create_task(lab.put(a, b"small", replica(9))))
        await lab.settle()
        assert a.store.writers == 2, "a small one is let in"
        gate.set()
        for each in tasks:
            put_reply(await each)

    in_node_lab(main)


def test_a_put_that_waits_too_long_for_memory_is_told_to_come_again_and_nothing_is_stored() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", memory_bytes=MEMORY_BYTES_MIN)
        gate = held_back(a.store, "finish")
        first = asyncio.get_running_loop().create_task(lab.put(a, content(1, 2 * MIB), replica(1)))
        await lab.settle()
        reply = await lab.put(a, content(2, 2 * MIB), replica(2))
        assert (reply.status, type(error_in(reply)).__name__) == (429, "Throttled")
        gate.set()
        put_reply(await first)
        put_reply(await lab.put(a, content(2, 2 * MIB), replica(2)))

    in_node_lab(main)


def test_nodes_that_forward_to_each_other_do_not_wait_for_each_other_for_ever() -> None:
    async def main(lab: NodeLab) -> None:
        nodes = [await lab.add(name, memory_bytes=MEMORY_BYTES_MIN) for name in "abc"]
        data = content(1, 2 * MIB)
        puts = []
        for number in range(18):
            primary, second, third = (nodes[(number + turn) % 3] for turn in range(3))
            targets = {second.id: 2, third.id: 3}
            put = lab.put(primary, data, replica(number), targets=targets, quorum=3)
            puts.append(asyncio.get_running_loop().create_task(put))
        for each in puts:
            put_reply(await each)
        for node in nodes:
            assert len(node.store.inner.replicas(after=None, limit=100)) == 18

    in_node_lab(main)


def test_a_rate_limit_paces_what_comes_in_and_what_goes_out() -> None:
    async def main(lab: NodeLab) -> None:
        a = await lab.add("a", rate_limit=MIB)
        data = content(1, 4 * MIB)
        began = lab.clock.now()
        put_reply(await lab.put(a, data, HERE))
        stored = lab.clock.now()
        assert 3.8 * SECOND < stored - began < 5 * SECOND
        got = await call(lab, a, "GET", target=HERE.address, grant=read_grant(HERE, a), limit=8 * MIB)
        assert isinstance(got.body, bytes)
        assert got.body.endswith(data)
        assert 3.8 * SECOND < lab.clock.now() - stored < 5 * SECOND

    in_node_lab(main)
