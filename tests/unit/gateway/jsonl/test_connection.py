"""One client of a door: its requests in order, a reply to each, and an end to whoever is no client."""

import asyncio
import base64
import json
import socket

import pytest

from shoal.base.units import KIB, MIB, MILLISECOND, SECOND
from shoal.gateway.jsonl.settings import DoorLimits
from support.jsonl_door import jsonl_lab

PING = b'{"command":"ping"}'
OK = {"status": "ok"}


async def test_commands_on_one_connection_are_answered_in_order() -> None:
    async with jsonl_lab() as lab, lab.peer() as peer:
        await peer.say(*[{"command": "echo", "file_name": str(number)} for number in range(50)])
        replies = [await peer.reply() for _ in range(50)]
        assert [reply["metadata"]["name"] for reply in replies] == [str(number) for number in range(50)]


async def test_json_needs_no_newline_and_may_be_pretty() -> None:
    pretty = json.dumps({"command": "echo", "file_name": "a"}, indent=8).replace("\n", "\r\n").encode()
    async with jsonl_lab() as lab, lab.peer() as peer:
        await peer.say(PING)
        assert await peer.reply() == OK
        await peer.say(b"\n\n \t", pretty, PING, b"\n", PING)
        assert (await peer.reply())["metadata"]["name"] == "a"
        assert [await peer.reply(), await peer.reply()] == [OK, OK]


async def test_a_request_may_come_byte_by_byte() -> None:
    async with jsonl_lab() as lab, lab.peer() as peer:
        for byte in b'{"command":"echo","file_name":"\\u00e9"}':
            await peer.say(bytes([byte]))
            await asyncio.sleep(0)
        assert (await peer.reply())["metadata"]["name"] == "é"


async def test_who_has_closed_his_side_still_gets_his_replies() -> None:
    async with jsonl_lab() as lab, lab.peer() as peer:
        await peer.say({"command": "wait"}, PING)
        peer.writer.write_eof()
        await lab.eventually(lambda: lab.echo.commands)
        lab.echo.gate.set()
        assert [json.loads(line) for line in (await peer.rest()).splitlines()][1] == OK


async def test_who_says_nothing_gets_nothing() -> None:
    async with jsonl_lab() as lab, lab.peer() as peer:
        peer.writer.write_eof()
        assert await peer.rest() == b""


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"hello\n", "a request is a JSON object"),
        (b"{command: ping}", "malformed JSON"),
        (b'{"command":1}', "command must be a string"),
        (b'{"command":"ping","command":"ping"}', "stands twice"),
        (b'{"x":NaN}', "NaN"),
        (b'{"x":' * 17, "nested more than 16"),
        (b'{"x":' + b"9" * MIB, "more than 4,096 bytes"),
        (b'{"x":' + b"[" * MIB, "nested more than 16"),
        (b'{"x":[' + b"{}," * MIB, "members"),
    ],
)
async def test_what_is_no_request_is_answered_once_and_nothing_after_it(raw: bytes, sentence: str) -> None:
    async with jsonl_lab() as lab, lab.peer() as peer:
        await peer.say(PING, raw, PING)
        first, error = [json.loads(line) for line in (await peer.rest()).splitlines()]
        assert first == OK
        assert error["status"] == "error"
        assert sentence in error["error"]
        assert lab.echo.commands == ["ping"]


async def test_a_request_that_ends_in_the_middle_is_told_so() -> None:
    async with jsonl_lab() as lab, lab.peer() as peer:
        await peer.say(b'{"command":"ping"')
        peer.writer.write_eof()
        assert "ends in the middle" in json.loads(await peer.rest())["error"]


async def test_a_refused_command_leaves_the_connection_a_refused_key_does_not() -> None:
    async with jsonl_lab() as lab, lab.peer() as peer:
        await peer.say({"command": "absent"}, PING, {"command": "denied"}, PING)
        assert await peer.reply() == {"status": "error", "error": "absent"}
        assert await peer.reply() == OK
        assert json.loads(await peer.rest()) == {"status": "error", "error": "denied"}
        assert lab.echo.commands == ["absent", "ping", "denied"]


async def test_megabytes_go_both_ways() -> None:
    text = base64.b64encode(bytes(range(256)) * 12 * KIB).decode()
    async with jsonl_lab() as lab, lab.peer() as peer:
        for _ in range(2):
            await peer.say({"command": "echo", "data": text})
            assert (await peer.reply())["data"] == text


async def test_more_than_a_file_may_have_is_refused_while_it_comes() -> None:
    limits = DoorLimits(file_bytes_max=64 * KIB)
    async with jsonl_lab(limits) as lab, lab.peer() as peer:
        with_too_much = b'{"command":"echo","data":"' + b"A" * MIB
        await peer.say(with_too_much)
        assert "is too long" in (await peer.reply())["error"]
        assert lab.echo.commands == []


async def test_who_takes_too_long_to_say_it_is_told_and_left() -> None:
    limits = DoorLimits(value_grace_ns=50 * MILLISECOND)
    async with jsonl_lab(limits) as lab, lab.peer() as peer:
        await peer.say(b'{"command":')
        assert "too long to come" in json.loads(await peer.rest())["error"]


async def test_a_drop_now_and_then_is_not_progress() -> None:
    limits = DoorLimits(value_grace_ns=50 * MILLISECOND)
    async with jsonl_lab(limits) as lab, lab.peer() as peer:
        await peer.say(b'{"command":"')

        async def drip() -> None:
            while True:
                await peer.say(b"x")
                await asyncio.sleep(0.01)

        dripping = asyncio.gather(drip())
        assert "too long to come" in (await peer.reply())["error"]
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_who_says_nothing_for_long_is_left_without_a_word() -> None:
    async with jsonl_lab(DoorLimits(idle_ns=50 * MILLISECOND)) as lab, lab.peer() as peer:
        await peer.say(PING, b"\n")
        assert json.loads(await peer.rest()) == OK


async def test_who_takes_no_reply_is_cut() -> None:
    limits = DoorLimits(value_grace_ns=50 * MILLISECOND, rate_min=1 << 40)
    text = base64.b64encode(bytes(6 * MIB)).decode()
    async with jsonl_lab(limits) as lab, lab.peer() as peer:
        transport = peer.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        lab.echo.limits = DoorLimits()
        for _ in range(2):
            peer.writer.write(json.dumps({"command": "echo", "data": text}).encode())
        await lab.eventually(lambda: "jsonl_client_lost" in lab.said.getvalue())


async def test_large_requests_wait_for_each_other_and_small_ones_do_not() -> None:
    limits = DoorLimits(medium_turns=1, turn_wait_ns=30 * SECOND)
    data = base64.b64encode(bytes(48 * KIB)).decode()
    async with jsonl_lab(limits) as lab, lab.peer() as first, lab.peer() as second, lab.peer() as small:
        await first.say({"command": "wait", "data": data})
        await lab.eventually(lambda: lab.echo.commands)
        await second.say({"command": "echo", "data": data})
        await small.say(PING)
        assert await small.reply() == OK
        assert lab.echo.commands == ["wait", "ping"]
        lab.echo.gate.set()
        assert (await first.reply())["data"] == (await second.reply())["data"] == data


async def test_a_client_that_resets_its_connection_harms_nobody() -> None:
    async with jsonl_lab() as lab, lab.peer() as other:
        for raw in (b"{", PING * 1000, b'{"command":"echo","data":"' + b"A" * 100_000):
            async with lab.peer() as peer:
                await peer.say(raw)
                sock = peer.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await other.say(PING)
        assert await other.reply() == OK
        assert "jsonl_connection_broken" not in lab.said.getvalue()
