"""From a request to its handler and back: authenticate, authorize, decode, handle, encode, sign."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shoal.base.errors import LocalFault, NotFound, ShoalError, Throttled, check
from shoal.base.units import KIB
from shoal.coordinator.authentication import Authenticator, Known
from shoal.coordinator.desk import note_damage
from shoal.core.routes import COORDINATOR_ROUTES, Route
from shoal.core.trust import signing
from shoal.core.trust.signing import SignedHead
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.ports.link import IncomingRequest, Reply
from shoal.ports.log import Log

RouteHandler = Callable[[Any, Any], Awaitable[object]]
"""Message and caller to reply. The route table says of which types they are."""

Handlers = Mapping[str, RouteHandler]
"""By target."""

LARGE_BYTES = 64 * KIB
"""Calls with larger bodies take turns: anybody may send one before it is known who it is."""
_LARGE_S = 30.0
"""For a large call to get its turn, and for its body to come: three times as long as clients wait for an answer."""


class Dispatch:
    """I answer the calls of the route table, each of them and no others."""

    def __init__(
        self,
        handlers: Handlers,
        *,
        authenticator: Authenticator,
        on_fault: Callable[[LocalFault], None],
        large_calls_max: int,
        log: Log,
    ) -> None:
        """`on_fault` is told what must end the process; `large_calls_max` calls over `LARGE_BYTES` run at a time."""
        self._routes = {route.target: route for route in COORDINATOR_ROUTES}
        check(handlers.keys() == self._routes.keys(), "handlers and route table differ", handlers=sorted(handlers))
        self._handlers = handlers
        self._authenticator = authenticator
        self._on_fault = on_fault
        self._large_turns = asyncio.Semaphore(large_calls_max)
        self._log = log

    async def handle(self, request: IncomingRequest) -> Reply:
        """Answer one request. Whoever is not known gets an unsigned refusal."""
        if request.body.length <= LARGE_BYTES:
            return await self._handle(request)
        try:
            async with asyncio.timeout(_LARGE_S) as patience, self._large_turns:
                return await self._handle(request, patience)
        except TimeoutError:  # of this one: it holds until the body is here, and no handler lets one out
            return self._refuse(request, Throttled("too many large calls at a time, or too slow a one; try again"))

    async def _handle(self, request: IncomingRequest, patience: asyncio.Timeout | None = None) -> Reply:
        try:
            route = self._find(request)
            head = signing.parse(request.headers.get("authorization"))
            body = await request.body.read_all(route.request_bytes_max)
            if patience is not None:
                patience.reschedule(None)
            caller = self._authenticator.authenticate(head, target=route.target, body=body)
        except ShoalError as exc:
            return self._refuse(request, exc)
        status, answer = await self._answer(route, head, caller=caller, body=body)
        mac = signing.reply_mac(caller.secret, nonce=head.nonce, status=status, body=answer)
        return Reply(status, {signing.REPLY_MAC: mac}, answer)

    def _refuse(self, request: IncomingRequest, error: ShoalError) -> Reply:
        self._log.debug("call_refused", target=request.target[:80], peer=request.peer, why=error.sentence)
        return Reply(status_of(error), body=wire.encode(body_of(error)))

    def _find(self, request: IncomingRequest) -> Route:
        route = self._routes.get(request.target)
        if route is None or request.method != "POST":
            raise NotFound("a coordinator answers no such call", method=request.method[:16], target=request.target[:80])
        return route

    async def _answer(self, route: Route, head: SignedHead, *, caller: Known, body: bytes) -> tuple[int, bytes]:
        try:
            self._authenticator.authorize(caller, route, head)
            message: object = wire.decode(body, route.request)
            self._authenticator.authorize_message(caller, route, message)
            return 200, wire.encode(await self._handlers[route.target](message, caller))
        except ShoalError as exc:
            self._note(exc)
            return status_of(exc), wire.encode(body_of(exc))

    def _note(self, error: ShoalError) -> None:
        if isinstance(error, LocalFault):
            self._on_fault(error)
        else:
            note_damage(self._log, error)
