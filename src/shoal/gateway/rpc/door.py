"""From a gRPC call to a caller, and from an error to the status with which the call ends."""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from grpc.aio import ServicerContext

from shoal.base.errors import AccessDenied, InvalidArgument, LocalFault, ShoalError
from shoal.core.trust.signing import Credential
from shoal.gateway.callers import Caller, Callers
from shoal.gateway.credentials import parse_credential
from shoal.gateway.rpc.small_requests import SmallRequests
from shoal.gateway.rpc.status_codes import DETAILS_CHARS_MAX, Unauthenticated, status_code
from shoal.model.access_keys import Scope
from shoal.ports.log import Log

Context = ServicerContext[Any, Any]

M = TypeVar("M", bound=Message)
T = TypeVar("T")

HOW = "send metadata `authorization: Bearer KEY:SECRET`"
_AUTHORIZATION = re.compile(r"(Bearer|Basic) +([!-~]{1,1024})", re.IGNORECASE)


class RpcDoor:
    """I let calls in."""

    def __init__(self, callers: Callers, *, log: Log) -> None:
        self._callers = callers
        self._log = log
        self._requests = SmallRequests()

    async def answer_one(
        self,
        messages: AsyncIterator[bytes],
        context: Context,
        work: Callable[[Caller, M], Awaitable[T]],
        *,
        kind: type[M],
        failing: str,
        is_open: bool = False,
        needs_admin: bool = False,
    ) -> T:
        """As `answer`, for a call that is one small message of this `kind`: it is read once the caller is known."""

        async def read_and_work(caller: Caller) -> T:
            return await work(caller, parse(kind, await self._requests.only(messages, context)))

        return await self.answer(context, read_and_work, failing=failing, is_open=is_open, needs_admin=needs_admin)

    async def answer(
        self,
        context: Context,
        work: Callable[[Caller], Awaitable[T]],
        *,
        failing: str,
        is_open: bool = False,
        needs_admin: bool = False,
    ) -> T:
        """What `work` answers to the caller of this call. A ShoalError ends the call with its status, whose text begins
        with `failing`. `is_open`: who shows no key is let in with the door's own."""
        try:
            credential = read_credential(context.invocation_metadata() or ())
            if credential is None and not is_open:
                raise Unauthenticated(f"this needs an access key: {HOW}")
            async with self._known(credential) as caller:
                if needs_admin and caller.scope < Scope.ADMIN:
                    raise AccessDenied("the access key may not do this: it needs admin scope")
                return await work(caller)
        except ShoalError as exc:
            if isinstance(exc, LocalFault):
                self._log.error("call_failed", call=failing, why=exc.sentence)
            code, why = status_code(exc), exc.sentence
        # Not while the error is handled: gRPC keeps what `abort` raises until the garbage collector comes, and with it
        # would keep what the frames of the error hold.
        return await context.abort(code, f"{failing}: {why}"[:DETAILS_CHARS_MAX])

    @asynccontextmanager
    async def _known(self, credential: Credential | None) -> AsyncIterator[Caller]:
        async with AsyncExitStack() as stack:
            try:
                caller = await stack.enter_async_context(self._callers.caller(credential))
            except AccessDenied as exc:
                raise Unauthenticated(exc.sentence) from exc
            yield caller


def read_credential(metadata: Iterable[tuple[str, str | bytes]]) -> Credential | None:
    """The access key in `authorization`, as Bearer KEY:SECRET or Basic; None if there is no such entry.

    Raises: Unauthenticated for anything else, which is not repeated.
    """
    entries = [value for name, value in metadata if name == "authorization"]
    if not entries:
        return None
    match = _AUTHORIZATION.fullmatch(entries[0]) if isinstance(entries[0], str) else None
    if match is None or len(entries) > 1:
        raise Unauthenticated(f"the authorization cannot be read; {HOW}")
    try:
        return parse_credential(match[2] if match[1].lower() == "bearer" else _of_basic(match[2]))
    except InvalidArgument as exc:
        raise Unauthenticated(f"the authorization cannot be read: {exc.sentence}; {HOW}") from exc


def _of_basic(text: str) -> str:
    """Source: RFC 7617."""
    try:
        return base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise InvalidArgument("this is not base64 of KEY:SECRET") from exc


def parse(kind: type[M], raw: bytes) -> M:
    """The message that `raw` spells. Raises: InvalidArgument if it spells none, for example with text that is not
    UTF-8."""
    try:
        return kind.FromString(raw)
    except DecodeError as exc:
        raise InvalidArgument(f"the message is no {kind.DESCRIPTOR.full_name}") from exc
