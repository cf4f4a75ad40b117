"""Signed calls: every part of a request and of its reply is bound, and a header is read strictly or not at all."""

import re

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import WallNs
from shoal.base.units import MILLISECOND, MINUTE, SECOND
from shoal.core.trust import signing
from shoal.core.trust.signing import Credential, SignedHead

NOW = WallNs(1_700_000_000 * SECOND)
NONCE = bytes(range(16))
ALICE = Credential("SHOAL1", b"secret of alice")
REQUEST = {"method": "POST", "target": "/v1/map", "body": b"body"}


def signed(credential: Credential = ALICE, *, wall: WallNs = NOW, nonce: bytes = NONCE) -> str:
    return signing.sign(credential, method="POST", target="/v1/map", body=b"body", wall=wall, nonce=nonce)


def verified(header: str, *, secret: bytes = ALICE.secret, wall: int = NOW, **changes: object) -> None:
    request = REQUEST | changes
    signing.verify(signing.parse(header), secret, wall=WallNs(wall), **request)  # type: ignore[arg-type]


HEADER = signed()


def test_a_signed_request_is_believed() -> None:
    assert signing.parse(HEADER).key_id == "SHOAL1"
    assert signing.parse(HEADER).nonce == NONCE.hex()
    verified(HEADER)


def test_the_signature_is_the_recorded_one() -> None:
    said, _, mac = HEADER.rpartition(",mac=")
    assert said == "Shoal-HMAC key=SHOAL1,time=1700000000000,nonce=000102030405060708090a0b0c0d0e0f"
    assert mac == "1c6139804f03049c61b884292aa79279de76572ff5129d5639e364f0ced6a526"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"method": "post"},
        {"target": "/v1/map/"},
        {"target": "/v1/map?x"},
        {"target": "/v1/status"},
        {"body": b""},
        {"body": b"bodx"},
        {"body": b"body\n"},
        {"secret": b"secret of bob"},
        {"secret": b""},
    ],
)
def test_an_altered_request_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(AccessDenied, match="does not match"):
        verified(HEADER, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("key=SHOAL1", "key=SHOAL2"),
        ("key=SHOAL1", "key=node/" + "a" * 32),
        ("time=1700000000000", "time=1700000000001"),
        ("nonce=00", "nonce=01"),
    ],
)
def test_an_altered_header_is_refused(old: str, new: str) -> None:
    assert HEADER.count(old) == 1
    with pytest.raises(AccessDenied, match="does not match"):
        verified(HEADER.replace(old, new))


def test_every_flipped_bit_of_the_mac_is_refused() -> None:
    head = signing.parse(HEADER)
    for bit in range(len(head.mac) * 8):
        mac = (int.from_bytes(head.mac, "big") ^ 1 << bit).to_bytes(32, "big")
        with pytest.raises(AccessDenied):
            signing.verify(
                SignedHead(head.key_id, head.time_ms, head.nonce, mac),
                ALICE.secret,
                method="POST",
                target="/v1/map",
                body=b"body",
                wall=NOW,
            )


@pytest.mark.parametrize("skew", [0, 5 * MINUTE, -5 * MINUTE, 5 * MINUTE - 1])
def test_a_clock_may_be_five_minutes_off(skew: int) -> None:
    verified(HEADER, wall=NOW + skew)


@pytest.mark.parametrize("skew", [5 * MINUTE + 1, -5 * MINUTE - 1, 60 * MINUTE, -NOW])
def test_a_clock_may_not_be_further_off(skew: int) -> None:
    with pytest.raises(AccessDenied, match="clock"):
        verified(HEADER, wall=NOW + skew)


def test_a_forger_does_not_learn_that_the_time_was_wrong() -> None:
    with pytest.raises(AccessDenied, match="does not match"):
        verified(HEADER, secret=b"guess", wall=NOW + 60 * MINUTE)


def test_two_times_within_a_millisecond_are_one() -> None:
    assert signed(wall=WallNs(NOW + MILLISECOND - 1)) == HEADER != signed(wall=WallNs(NOW + MILLISECOND))


MAC = HEADER.rpartition("=")[2]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " " + HEADER,
        HEADER + " ",
        HEADER + "\n",
        HEADER + ",",
        HEADER + "," + HEADER,
        HEADER.replace("Shoal-HMAC ", "Shoal-HMAC"),
        HEADER.replace("Shoal-HMAC", "shoal-hmac"),
        HEADER.replace("Shoal-HMAC", "Bearer"),
        HEADER.replace(",", ", "),
        HEADER.replace("key=SHOAL1", "key="),
        HEADER.replace("key=SHOAL1", "key=" + "x" * 65),
        HEADER.replace("key=SHOAL1", "key=SHOAL1\n"),
        HEADER.replace("key=SHOAL1", "key=SHOÁL1"),
        HEADER.replace("key=SHOAL1", "key=a,key=b"),
        HEADER.replace("time=1", "time=+1"),
        HEADER.replace("time=1", "time=-1"),
        HEADER.replace("time=1", "time= 1"),
        HEADER.replace("time=17", "time=1_7"),
        HEADER.replace("time=17", "time=0x17"),
        HEADER.replace("time=17", "time=١٧"),
        HEADER.replace("time=17", "time=" + "9" * 5000),
        re.sub("time=[0-9]*", "time=", HEADER),
        re.sub("nonce=..", "nonce=", HEADER),
        re.sub("nonce=..", "nonce=0A", HEADER),
        re.sub("nonce=..", "nonce=0g", HEADER),
        re.sub("nonce=", "nonce=00", HEADER),
        HEADER.replace(MAC, MAC.upper()),
        HEADER.replace(MAC, MAC[:-1]),
        HEADER.replace(MAC, MAC + "0"),
        HEADER.replace(MAC, ""),
    ],
)
def test_a_header_that_is_not_exactly_one_is_none(header: str | None) -> None:
    with pytest.raises(AccessDenied, match="not signed"):
        signing.parse(header)


@pytest.mark.parametrize("key_id", ["", " ", "a b", "a,b", "a=b", "a\n", "a\r\nx: y", "é", "x" * 65, "a\x00"])
def test_a_key_id_that_no_header_can_carry_is_refused_at_home(key_id: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Credential(key_id, b"secret")
    assert "\n" not in str(caught.value)


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="empty"):
        Credential("SHOAL1", b"")


def test_a_credential_does_not_tell_its_secret() -> None:
    assert "alice" not in f"{ALICE!r} {ALICE} {[ALICE]}"
    assert "SHOAL1" in repr(ALICE)


REPLY = signing.reply_mac(ALICE.secret, nonce=NONCE.hex(), status=200, body=b"answer")


def test_a_signed_reply_is_believed() -> None:
    signing.verify_reply(REPLY, ALICE.secret, nonce=NONCE.hex(), status=200, body=b"answer")


@pytest.mark.parametrize(
    ("header", "secret", "nonce", "status", "body"),
    [
        (None, ALICE.secret, NONCE.hex(), 200, b"answer"),
        ("", ALICE.secret, NONCE.hex(), 200, b"answer"),
        (REPLY.upper(), ALICE.secret, NONCE.hex(), 200, b"answer"),
        (REPLY + "\n", ALICE.secret, NONCE.hex(), 200, b"answer"),
        ("é" * 64, ALICE.secret, NONCE.hex(), 200, b"answer"),
        (REPLY, b"guess", NONCE.hex(), 200, b"answer"),
        (REPLY, ALICE.secret, bytes(16).hex(), 200, b"answer"),
        (REPLY, ALICE.secret, NONCE.hex(), 201, b"answer"),
        (REPLY, ALICE.secret, NONCE.hex(), 404, b"answer"),
        (REPLY, ALICE.secret, NONCE.hex(), 200, b""),
        (REPLY, ALICE.secret, NONCE.hex(), 200, b"answers"),
        (MAC, ALICE.secret, NONCE.hex(), 200, b"answer"),
    ],
)
def test_any_other_reply_is_not(header: str | None, secret: bytes, nonce: str, status: int, body: bytes) -> None:
    with pytest.raises(AccessDenied):
        signing.verify_reply(header, secret, nonce=nonce, status=status, body=body)


def test_a_request_is_never_the_reply_to_another() -> None:
    """Both are under one secret: what they sign begins differently."""
    assert signing.reply_mac(ALICE.secret, nonce=NONCE.hex(), status=200, body=b"body") != MAC
