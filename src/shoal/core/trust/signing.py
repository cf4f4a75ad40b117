"""Signed control requests and replies: HMAC-SHA256 over method, target, key, time, nonce and body digest.

    authorization: Shoal-HMAC key=KEY,time=MILLISECONDS,nonce=32 HEX,mac=64 HEX

The reply carries `x-shoal-mac` under the same secret over the request's nonce, the status and the body, so the caller
knows that the answer is the coordinator's and belongs to this request.
"""

import hmac
import re
from dataclasses import dataclass

from shoal.base.digests import sha256
from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import WallNs
from shoal.base.units import MILLISECOND, MINUTE

SKEW_MAX_NS = 5 * MINUTE
REPLY_MAC = "x-shoal-mac"
NODE_KEY_PREFIX = "node/"
"""A key id of `node/<node id>` is a node's."""
DOOR_KEY_PREFIX = "door/"
"""A key id of `door/<name>` is a door's: derived from the cluster's secret, so that nothing has to be kept for it."""
MISMATCH = "the signature does not match: wrong secret, a revoked key, or a key of another cluster"
"""Told of every signature that does not hold, so that nobody learns which keys there are."""
CLOCK_IS_OFF = "the request's time is more than 5 minutes off; set this machine's clock"

_KEY_ID = re.compile(r"[A-Za-z0-9/_-]{1,64}")
_HEADER = re.compile(
    rf"Shoal-HMAC key=({_KEY_ID.pattern}),time=([0-9]{{1,15}}),nonce=([0-9a-f]{{32}}),mac=([0-9a-f]{{64}})"
)


def check_key_id(text: str) -> str:
    """`text`, if a key could have this id. Raises: InvalidArgument."""
    if _KEY_ID.fullmatch(text) is None:
        raise InvalidArgument("the id of an access key is 1 to 64 letters, digits, '-', '_' and '/'", chars=len(text))
    return text


@dataclass(frozen=True, slots=True)
class Credential:
    """A key id and its secret. Raises: InvalidArgument if it could not be one, before it is put into a header; what
    stands in the place of the id is not told, because it may be the secret."""

    key_id: str
    secret: bytes

    def __post_init__(self) -> None:
        check_key_id(self.key_id)
        if not self.secret:
            raise InvalidArgument(f"the secret of access key {self.key_id} is empty")

    def __repr__(self) -> str:
        return f"Credential({self.key_id})"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """An authorization header, read but not yet believed."""

    key_id: str
    time_ms: int
    nonce: str
    mac: bytes


def _request_mac(secret: bytes, *, method: str, target: str, head: tuple[str, int, str], body: bytes) -> bytes:
    key_id, time_ms, nonce = head
    text = f"shoal-request-1\n{method}\n{target}\n{key_id}\n{time_ms}\n{nonce}\n".encode()
    return hmac.digest(secret, text + sha256(body), "sha256")


def sign(credential: Credential, *, method: str, target: str, body: bytes, wall: WallNs, nonce: bytes) -> str:
    """The authorization header of a request. `nonce` is 16 fresh random bytes."""
    head = (credential.key_id, wall // MILLISECOND, nonce.hex())
    mac = _request_mac(credential.secret, method=method, target=target, head=head, body=body)
    return f"Shoal-HMAC key={head[0]},time={head[1]},nonce={head[2]},mac={mac.hex()}"


def parse(header: str | None) -> SignedHead:
    """Read an authorization header strictly. Raises: AccessDenied."""
    match = _HEADER.fullmatch(header or "")
    if match is None:
        raise AccessDenied("the request is not signed; set SHOAL_KEY and SHOAL_SECRET, or --data")
    return SignedHead(match[1], int(match[2]), match[3], bytes.fromhex(match[4]))


def verify(head: SignedHead, secret: bytes, *, method: str, target: str, body: bytes, wall: WallNs) -> None:
    """Believe `head`, or raise AccessDenied. The signature is checked before the time, so that a forger learns
    nothing from either."""
    expected = _request_mac(
        secret, method=method, target=target, head=(head.key_id, head.time_ms, head.nonce), body=body
    )
    if not hmac.compare_digest(expected, head.mac):
        raise AccessDenied(MISMATCH)
    if abs(wall - head.time_ms * MILLISECOND) > SKEW_MAX_NS:
        raise AccessDenied(CLOCK_IS_OFF)


def reply_mac(secret: bytes, *, nonce: str, status: int, body: bytes) -> str:
    """The value of `x-shoal-mac`."""
    return hmac.digest(secret, f"shoal-reply-1\n{nonce}\n{status}\n".encode() + sha256(body), "sha256").hex()


def verify_reply(header: str | None, secret: bytes, *, nonce: str, status: int, body: bytes) -> None:
    """Raises: AccessDenied unless the reply is signed for this request."""
    expected = reply_mac(secret, nonce=nonce, status=status, body=body)
    if header is None or not hmac.compare_digest(expected.encode(), header.encode()):
        raise AccessDenied("the reply is not signed with our secret: not our cluster, or our key is not known there")
