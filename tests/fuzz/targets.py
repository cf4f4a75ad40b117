"""What reads bytes that others wrote, each with good samples and the errors that it may raise.

Where a checksum or a signature stands in front, half of the targets make it right again behind the mutation, so that
what lies behind it is reached as well.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from unittest import mock

import msgspec

from shoal.base.digests import BLOCK_BYTES, CRC_BYTES, crc64, keyed64, sha256
from shoal.base.errors import (
    AccessDenied,
    CallerError,
    ChecksumMismatch,
    CorruptionError,
    InvalidArgument,
    ManifestDamaged,
    ShoalError,
    check,
)
from shoal.base.ids import NodeId, VersionId, WallNs, parse_node_id, parse_replica, parse_version
from shoal.core import names, routes
from shoal.core.catalog import rows
from shoal.core.catalog.rows import RowKind
from shoal.core.control_call import PreparedCall, read
from shoal.core.trust import signing
from shoal.core.trust.receipts import ChunkFacts, sign_receipt, verify_receipt
from shoal.formats import keys, wire
from shoal.formats.commit_witness import WITNESS_BYTES, Witness, newest_witness, seal_witness, slot_offset
from shoal.formats.errors import read_error
from shoal.formats.grant import Grant, GrantKind, grant_bytes, grant_text, open_grant, seal_grant
from shoal.formats.identity import NodeIdentity, pack_identity, unpack_identity
from shoal.formats.row import open_row, seal_row
from shoal.formats.seal import open_seal, pack_seal, sign_seal, verify_seal
from shoal.formats.segment import (
    FILE_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    TRAILER_BYTES,
    RecordHeader,
    Scanner,
    check_entries,
    decode_file_header,
    decode_record_head,
    decode_segment_header,
    decode_trailer,
    encode_file_header,
    encode_record_head,
    encode_segment_header,
    table_bytes,
)
from shoal.formats.segment.v1 import EXT_BYTES_MAX
from shoal.formats.volume import VolumeFormat, decode_volume_format, encode_volume_format
from shoal.model.messages.errors import ErrorBody
from shoal.model.messages.replicas import Receipt
from shoal.net.head import HeadRefused, check_partial, parse_reply, parse_request
from shoal.net.settings import LinkSettings
from shoal.node.get import covering_blocks
from shoal.node.put_request import read_put_head
from shoal.ports.link import Reply, Request
from shoal.store.layout import parse_file_name
from support.model_samples import sample_of
from support.segments import CONTAINER, build_segment, encode_record, few_payloads, sealed
from support.stores import content, replica

Errors = tuple[type[Exception], ...]
KEY = bytes(range(32))
NODE = NodeId("ab" * 16)
FACTS = ChunkFacts(replica(1).chunk, 4, sha256(b"data"), crc64(b"data"))
CREDENTIAL = signing.Credential("alice", KEY)
LIMITS = LinkSettings()


@dataclass(frozen=True, slots=True)
class Target:
    """`read` takes any bytes; what it raises is one of `errors`, and what it accepts it has checked itself."""

    name: str
    samples: Sequence[bytes]
    read: Callable[[bytes], object]
    errors: Errors


# Heads of requests and replies, and what is read from their fields.

REQUESTS = (
    b"GET /v1/replicas/00 HTTP/1.1\r\nhost: a:1\r\nrange: bytes=0-9\r\n\r\n",
    b"PUT /v1/x?y=%20 HTTP/1.1\r\nHost: a\r\nContent-Length: 123\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    b"POST /v1/commit HTTP/1.1\r\nhost: h\r\nauthorization: Shoal-HMAC key=a\r\ncontent-length: 0\r\n\r\n",
)
REPLIES = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-shoal-mac: 00\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
)


PUT_FIELDS = (b"%b:2,%b:3;%b:4\n2\n" % (b"a" * 32, b"b" * 32, b"c" * 32), b"\n\n" + b"a" * 32)
AUTHORIZATION = signing.sign(
    CREDENTIAL, method="POST", target="/", body=b"", wall=WallNs(5 * 10**18), nonce=bytes(16)
).encode()


def read_request(data: bytes) -> object:
    check_partial(bytearray(data), 0, LIMITS)
    head = parse_request(data, LIMITS)
    assert head.body_length >= 0
    assert all(name == name.lower() for name in head.headers)
    assert head.target.startswith("/")
    return head


def read_reply(data: bytes) -> object:
    return parse_reply(data, LIMITS, to_head=bool(len(data) % 2))


def read_put_fields(data: bytes) -> object:
    """Fields of a PUT, one per line."""
    lines = data.decode("latin-1").split("\n")
    fields = dict(zip((routes.TARGETS_HEADER, routes.QUORUM_HEADER, routes.PRIMARY_HEADER), lines, strict=False))
    return read_put_head(replica(1), {name: text for name, text in fields.items() if text}, body_bytes=len(data) * 9)


def read_range(data: bytes) -> object:
    first, last = covering_blocks(data.decode("latin-1"), 3 * BLOCK_BYTES + 5)
    assert 0 <= first <= 3 * BLOCK_BYTES + 5
    return first, last


def read_authorization(data: bytes) -> object:
    return signing.parse(data.decode("latin-1"))


# Control messages.

ROUTES = routes.COORDINATOR_ROUTES
_REPLY = 0x80
MESSAGES = tuple(
    bytes((number | part,)) + wire.encode(sample_of(kind, itertools.count(1)))
    for number, route in enumerate(ROUTES)
    for part, kind in ((0, route.request), (_REPLY, route.reply))
    if issubclass(kind, msgspec.Struct)
)
CALL = PreparedCall(ROUTES[0], Request("POST", ROUTES[0].target, {}, b""), "00" * 16, CREDENTIAL)


def read_message(data: bytes) -> object:
    number = data[0] if data else 0
    route = ROUTES[number % _REPLY % len(ROUTES)]
    kind: type[object] = route.reply if number & _REPLY else route.request
    message = wire.decode(data[1:], kind)
    return wire.decode(wire.encode(message), kind)


def read_answer(data: bytes) -> object:
    """The reply to a call, signed as it is: the coordinator may be of another release, or have a bug."""
    route = ROUTES[(data[0] if data else 0) % _REPLY % len(ROUTES)]
    status = (200, 200, 404, 503, 207)[len(data) % 5]
    mac = signing.reply_mac(KEY, nonce=CALL.nonce, status=status, body=data[1:])
    call = PreparedCall(route, CALL.request, CALL.nonce, CREDENTIAL)
    return read(call, Reply(status, {signing.REPLY_MAC: mac}, data[1:]))


def read_error_body(data: bytes) -> object:
    error = read_error(500, data)
    assert isinstance(error, ShoalError)
    return str(error)


# Segments and chunk files.

_FORGED_BYTES = 256 * 1024
_STORED_BYTES, _EXT_BYTES = slice(36, 44), slice(100, 104)
"""Where the head of a record says how long it is."""
BUILT = build_segment([*few_payloads(), content(9, 700)])
SEGMENTS = (BUILT.data, sealed(BUILT), BUILT.data + bytes(400))
ENDS = tuple(segment[-TRAILER_BYTES - 200 :] for segment in SEGMENTS)


def scan_records(data: bytes) -> object:
    """All records behind the header, in windows of odd sizes."""
    scanner = Scanner(CONTAINER, end=SEGMENT_HEADER_BYTES + len(data))
    step = 1 + len(data) % 997
    for at in range(0, len(data), step):
        scanner.feed(data[at : at + step])
    scan = scanner.finish()
    assert scan.end >= SEGMENT_HEADER_BYTES
    assert all(record.offset >= SEGMENT_HEADER_BYTES for record in scan.records)
    return scan


def scan_forged_record(data: bytes) -> object:
    """A record with a right MAC and fields that nobody writes."""
    rng = random.Random(data)
    size = rng.choice((0, 1, 8, 700, BLOCK_BYTES, 2**20, rng.getrandbits(20)))
    header = RecordHeader(
        kind=rng.choice((1, 2, 3, 16, 255)),
        flags=rng.getrandbits(8),
        codec=rng.getrandbits(8),
        replica=replica(rng.getrandbits(8)),
        stored_bytes=size,
        logical_bytes=rng.choice((size, 2**64 - 1)),
        segment_id=CONTAINER.number,
        offset=SEGMENT_HEADER_BYTES,
        sha256=bytes(32),
    )
    table = rng.randbytes(table_bytes(size))
    head = encode_record_head(header, table=table, salt=CONTAINER.salt, ext=data[: rng.randrange(40)])
    return scan_records(head + data)


def scan_forged_heads(data: bytes) -> object:
    """Heads for the very places where they lie, that claim whatever they like, and zeros to the end of the file: what
    is hashed to see through them is no more than as many records of this file could want."""
    rng = random.Random(data)
    count = rng.randrange(1, 32)
    room = SEGMENT_HEADER_BYTES + _FORGED_BYTES
    heads = b"".join(_forged_head(rng, SEGMENT_HEADER_BYTES + number * RECORD_HEADER_BYTES) for number in range(count))
    with mock.patch("shoal.formats.segment.v1.keyed64", wraps=keyed64) as hashed:
        scanner = Scanner(CONTAINER, end=room)
        scanner.feed(heads.ljust(_FORGED_BYTES, b"\0"))
    work = sum(len(call.args[1]) for call in hashed.call_args_list)
    assert work <= count * (RECORD_HEADER_BYTES + table_bytes(room) + EXT_BYTES_MAX), f"{work} bytes for {count} heads"
    return scanner.finish()


def _forged_head(rng: random.Random, offset: int) -> bytes:
    """Right but for how long it says that it is."""
    left = _FORGED_BYTES + SEGMENT_HEADER_BYTES - offset - RECORD_HEADER_BYTES
    claims = (left // CRC_BYTES * BLOCK_BYTES, rng.randrange(left) // CRC_BYTES * BLOCK_BYTES, left, 2**40, 0)
    header = RecordHeader(1, 0, 0, replica(1), 0, 0, segment_id=CONTAINER.number, offset=offset, sha256=bytes(32))
    head = bytearray(encode_record_head(header, table=b"", salt=CONTAINER.salt))
    head[_STORED_BYTES] = rng.choice(claims).to_bytes(8, "big")
    head[_EXT_BYTES] = rng.choice((0, 0, 0, EXT_BYTES_MAX)).to_bytes(4, "big")
    return bytes(head)


def read_segment_header(data: bytes) -> object:
    return decode_segment_header(data) if len(data) > FILE_HEADER_BYTES else decode_file_header(data)


def read_record(data: bytes) -> object:
    return decode_record_head(data, salt=CONTAINER.salt, segment_id=CONTAINER.number, offset=SEGMENT_HEADER_BYTES)


def read_footer(data: bytes) -> object:
    trailer = decode_trailer(data[-TRAILER_BYTES:], container=CONTAINER, file_bytes=len(sealed(BUILT)))
    check_entries(trailer, data[:-TRAILER_BYTES])
    return trailer


# Rows.

ROW_KINDS: dict[str, RowKind[object]] = {
    name: value for name, value in vars(rows).items() if isinstance(value, RowKind)
}
KINDS = tuple(ROW_KINDS.values())
ROWS = tuple(
    bytes((number,)) + wire.encode(sample_of(kind._kind, itertools.count(1)))  # type: ignore[arg-type]
    for number, kind in enumerate(KINDS)
)


ROW_KEYS = (keys.live("b", "k"), keys.version("b", "k", VersionId(bytes(16))), keys.newest("b", 5, bytes(16)))


def read_row(data: bytes) -> object:
    return open_row(b"key", data)


def read_record_of_row(data: bytes) -> object:
    """A row with a right checksum and any value."""
    value = open_row(b"key", seal_row(b"key", data[1:]))
    return KINDS[(data[0] if data else 0) % len(KINDS)].load(value)


def read_row_key(data: bytes) -> object:
    which = (keys.live_name, keys.version_name, keys.newest_in)[len(data) % 3]
    return which(data)


# Grants, receipts, seals.

GRANTS = tuple(
    seal_grant(Grant(kind=kind, expires_ms=5, replica=replica(1), node=NODE, epoch=3), KEY) for kind in GrantKind
)
RECEIPT = sign_receipt(KEY, FACTS, node=NODE, shard=0, placement=1, is_volatile=False)
SEAL = pack_seal(sign_seal(KEY, replica(1), size=4, sha256=FACTS.sha256, crc64=FACTS.crc64))


def read_grant(data: bytes) -> object:
    found = open_grant(data, KEY)
    assert data in GRANTS, "a forged grant was believed"
    return found


def read_grant_text(data: bytes) -> object:
    text = data.decode("latin-1")
    assert grant_text(grant_bytes(text)) == text
    return text


def read_receipt(data: bytes) -> object:
    receipt = wire.decode(data, Receipt)
    verify_receipt(KEY, FACTS, receipt)
    assert (receipt.shard, receipt.placement, receipt.is_volatile) == (0, 1, False), "a forged receipt was believed"
    return receipt


def read_seal(data: bytes) -> object:
    seal = open_seal(data)
    verify_seal(seal, KEY, replica(1), size=4)
    assert data == SEAL, "a forged seal was believed"
    return seal


# Small files.

VOLUME = encode_volume_format(VolumeFormat(store_uuid=bytes(16), node_id=bytes(16), fan_out=4))
IDENTITY = pack_identity(NodeIdentity(node_id=NODE, cluster_id="c" * 32, store_uuid=bytes(16), name="node-1"))
_SLOT = seal_witness(Witness(bytes(16), 7))
WITNESS = (_SLOT + bytes(slot_offset(1) - len(_SLOT)) + seal_witness(Witness(bytes(16), 8))).ljust(WITNESS_BYTES, b"\0")


def with_checksum(reader: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """The reader behind a checksum that is made right."""

    def read_checked(data: bytes) -> object:
        body = data[:-CRC_BYTES]
        return reader(body + crc64(body).to_bytes(CRC_BYTES, "big"))

    return read_checked


# Names.

NAMES = tuple(
    text.encode()
    for text in ("shoal://bucket/a/b", "shoal://my.bucket-1", "plain name", "a/ü/𐍈", "node-1", "shoal://", "..//x")
)
ADDRESSES = (replica(1).address.encode(), f"{replica(9).address}.2000".encode(), NODE.encode(), b"0" * 32)


def read_name(data: bytes) -> object:
    text = data.decode("utf-8", "surrogateescape")
    which = (names.parse_target, names.parse_prefix, names.parse_bucket, names.check_key)[len(data) % 4]
    if len(data) % 5 == 0:
        return names.decode_key(data)
    return which(text)


def read_address(data: bytes) -> object:
    text = data.decode("latin-1")
    found = parse_file_name(text)
    check(found is None or f"{found[0].address}.{found[1]}" == text, "a name that is not its own", text=text)
    which: tuple[Callable[[str], object], ...] = (parse_replica, parse_node_id, parse_version)
    return which[len(data) % 3](text)


TARGETS: tuple[Target, ...] = (
    Target("request-head", REQUESTS, read_request, (HeadRefused,)),
    Target("reply-head", REPLIES, read_reply, (HeadRefused,)),
    Target("put-fields", PUT_FIELDS, read_put_fields, (CallerError,)),
    Target("range", (b"bytes=0-9", b"bytes=65536-131071", b"bytes=5-"), read_range, (CallerError,)),
    Target("authorization", (AUTHORIZATION,), read_authorization, (AccessDenied,)),
    Target("control-message", MESSAGES, read_message, (InvalidArgument,)),
    Target("control-answer", MESSAGES, read_answer, (ShoalError,)),
    Target("error-body", (wire.encode(ErrorBody("NotFound", "no", {"a": "b"})),), read_error_body, ()),
    Target("record-scan", tuple(segment[SEGMENT_HEADER_BYTES:] for segment in SEGMENTS), scan_records, ()),
    Target("forged-record", (b"", content(1, 900)), scan_forged_record, ()),
    Target("forged-heads", (b"",), scan_forged_heads, ()),
    Target(
        "segment-header",
        (encode_segment_header(CONTAINER), encode_file_header(CONTAINER)),
        read_segment_header,
        (CorruptionError,),
    ),
    Target(
        "record-head",
        (encode_record(replica(1), content(1, 99), offset=SEGMENT_HEADER_BYTES, ext=b"\0\1\0\2hi"),),
        read_record,
        (ChecksumMismatch,),
    ),
    Target("footer", ENDS, read_footer, (ChecksumMismatch,)),
    Target("row", (seal_row(b"key", b"value"), seal_row(b"key", b"")), read_row, (CorruptionError,)),
    Target("row-record", ROWS, read_record_of_row, (ManifestDamaged,)),
    Target("row-key", ROW_KEYS, read_row_key, (ManifestDamaged,)),
    Target("grant", GRANTS, read_grant, (AccessDenied,)),
    Target("grant-text", tuple(grant_text(grant).encode() for grant in GRANTS), read_grant_text, (AccessDenied,)),
    Target("receipt", (wire.encode(RECEIPT),), read_receipt, (AccessDenied, InvalidArgument)),
    Target("seal", (SEAL,), read_seal, (AccessDenied, InvalidArgument)),
    Target("volume", (VOLUME,), decode_volume_format, (CorruptionError,)),
    Target("volume-checked", (VOLUME,), with_checksum(decode_volume_format), (CorruptionError,)),
    Target("identity", (IDENTITY,), unpack_identity, (CorruptionError,)),
    Target("identity-checked", (IDENTITY,), with_checksum(unpack_identity), (CorruptionError,)),
    Target("witness", (WITNESS,), newest_witness, (CorruptionError,)),
    Target("names", NAMES, read_name, (InvalidArgument,)),
    Target("addresses", ADDRESSES, read_address, (InvalidArgument,)),
)
