"""One signed control call, without the wire: what to send, and what the answer means.

Used by every role that calls a coordinator; the role itself sends, retries and keeps deadlines.
"""

from dataclasses import dataclass
from typing import Any

from shoal.base.env import Clock, Secrets
from shoal.base.errors import AccessDenied, InvalidArgument, ShoalError, TransientError
from shoal.core.routes import Route
from shoal.core.trust import signing
from shoal.core.trust.signing import Credential
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.ports.link import Reply, Request

NONCE_BYTES = 16


class AnswerNotBelieved(AccessDenied):
    """There was an answer, and it is nothing that our coordinator would say. What was asked for may be done all the
    same: what came may be its answer, altered on the way, or that of a version which speaks otherwise."""


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A request that is ready to be sent, with what its answer must be signed for and with."""

    route: Route
    request: Request
    nonce: str
    credential: Credential


def prepare(route: Route, message: object, credential: Credential, *, clock: Clock, secrets: Secrets) -> PreparedCall:
    """Encode and sign `message` for `route`. Each call is fresh: prepare again for a retry."""
    nonce = secrets.token(NONCE_BYTES)
    body = wire.encode(message)
    header = signing.sign(credential, method="POST", target=route.target, body=body, wall=clock.wall(), nonce=nonce)
    request = Request("POST", route.target, {"authorization": header}, body)
    return PreparedCall(route, request, nonce.hex(), credential)


def read(call: PreparedCall, reply: Reply) -> Any:
    """The answer to `call`, of its route's type. Raises: the error that the other side tells, or AnswerNotBelieved if
    the answer is not signed for this call, or says nothing that can be understood."""
    body = reply.body if isinstance(reply.body, bytes) else b""
    mac = reply.headers.get(signing.REPLY_MAC)
    if mac is None and reply.status >= 400:
        raise _unsigned(read_error(reply.status, body))
    try:
        signing.verify_reply(mac, call.credential.secret, nonce=call.nonce, status=reply.status, body=body)
    except AccessDenied as exc:
        raise AnswerNotBelieved(exc.sentence, **exc.facts) from exc
    if reply.status >= 400:
        raise read_error(reply.status, body)
    if reply.status != 200:
        raise AccessDenied("the reply has a status that this call never answers", status=reply.status)
    try:
        return wire.decode(body, call.route.reply)
    except InvalidArgument as exc:
        raise AnswerNotBelieved(f"the answer cannot be read: {exc.sentence}", **exc.facts) from exc


def _unsigned(error: ShoalError) -> ShoalError:
    """Whoever does not know us cannot sign. That is believed as a refusal of the call, and as nothing else: it says
    nothing of what the catalog holds."""
    if isinstance(error, AccessDenied | InvalidArgument | TransientError):
        return error
    return TransientError(f"an answer that nobody has signed: {error.sentence}", kind=type(error).__name__)
