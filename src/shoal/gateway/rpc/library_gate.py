"""Health and reflection are a library's, and need no key: their requests are read as those of our own services are."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from shoal.base.errors import InvalidArgument, ShoalError
from shoal.gateway.rpc.door import Context
from shoal.gateway.rpc.small_requests import SmallRequests
from shoal.gateway.rpc.status_codes import status_code

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

T = TypeVar("T")


class LibraryGate(grpc.aio.ServerInterceptor):
    """I stand before every method but those of our own services, which read for themselves."""

    def __init__(self, own: Collection[str]) -> None:
        """`own`: the names of our services."""
        self._own = own
        self._requests: dict[str, SmallRequests] = {}
        """By service: who holds up one does not hold up the others."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The method that is called, behind the gate. See `grpc.aio.ServerInterceptor`."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        service = handler_call_details.method.split("/")[1]
        if service in self._own:
            return handler
        return _Gated(handler, self._requests.setdefault(service, SmallRequests())).handler()


class _Gated:
    """I am one method of a library, whose requests come one by one and are small."""

    def __init__(self, inner: Any, requests: SmallRequests) -> None:
        self._inner = inner
        self._requests = requests

    def handler(self) -> Handler:
        """Me, as a server wants a method. The library's has no stream with one answer."""
        serializer = self._inner.response_serializer
        if self._inner.unary_unary is not None:
            return grpc.stream_unary_rpc_method_handler(self._unary, response_serializer=serializer)
        called = self._watched if self._inner.unary_stream is not None else self._converse
        return grpc.stream_stream_rpc_method_handler(called, response_serializer=serializer)

    async def _unary(self, messages: AsyncIterator[bytes], context: Context) -> Any:
        return await self._inner.unary_unary(await self._only(messages, context), context)

    async def _watched(self, messages: AsyncIterator[bytes], context: Context) -> None:
        await self._inner.unary_stream(await self._only(messages, context), context)

    async def _only(self, messages: AsyncIterator[bytes], context: Context) -> Any:
        async def read() -> Any:
            return self._parsed(await self._requests.only(messages, context))

        return await _answered(context, read())

    async def _converse(self, messages: AsyncIterator[bytes], context: Context) -> None:
        async def converse() -> None:
            async with aclosing(self._each(messages)) as requests:
                async for reply in self._inner.stream_stream(requests, context):
                    await context.write(reply)

        await _answered(context, converse())

    async def _each(self, messages: AsyncIterator[bytes]) -> AsyncGenerator[Any, None]:
        async with aclosing(self._requests.each(messages)) as small:
            async for message in small:
                yield self._parsed(message)

    def _parsed(self, raw: bytes) -> Any:
        try:
            return self._inner.request_deserializer(raw)
        except DecodeError as exc:
            raise InvalidArgument("the request is no message of this method") from exc


async def _answered(context: Context, work: Awaitable[T]) -> T:
    """What `work` answers. A ShoalError ends the call with its status; see `RpcDoor.answer`."""
    try:
        return await work
    except ShoalError as exc:
        code, why = status_code(exc), exc.sentence
    return await context.abort(code, why)
