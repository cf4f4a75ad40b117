"""From a request to its handler and back: authenticate, authorize, decode, handle, encode, sign."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shoal.base.errors import LocalFault, NotFound, ShoalError, check
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


class Dispatch:
    """I answer the calls of the route table, each of them and no others."""

    def __init__(
        self, handlers: Handlers, *, authenticator: Authenticator, on_fault: Callable[[LocalFault], None], log: Log
    ) -> None:
        """`on_fault` is told what must end the process."""
        self._routes = {route.target: route for route in COORDINATOR_ROUTES}
        check(handlers.keys() == self._routes.keys(), "handlers and route table differ", handlers=sorted(handlers))
        self._handlers = handlers
        self._authenticator = authenticator
        self._on_fault = on_fault
        self._log = log

    async def handle(self, request: IncomingRequest) -> Reply:
        """Answer one request. Whoever is not known gets an unsigned refusal."""
        try:
            route = self._find(request)
            head = signing.parse(request.headers.get("authorization"))
            body = await request.body.read_all(route.request_bytes_max)
            caller = self._authenticator.authenticate(head, target=route.target, body=body)
        except ShoalError as exc:
            self._log.debug("call_refused", target=request.target[:80], peer=request.peer, why=exc.sentence)
            return Reply(status_of(exc), body=wire.encode(body_of(exc)))
        status, answer = await self._answer(route, head, caller=caller, body=body)
        mac = signing.reply_mac(caller.secret, nonce=head.nonce, status=status, body=answer)
        return Reply(status, {signing.REPLY_MAC: mac}, answer)

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
