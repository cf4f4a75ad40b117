"""Files and blocks ready to be read, and errors in the door's words."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument, NotFound
from shoal.client.client import Client
from shoal.client.get import ObjectGet
from shoal.core.names import check_key


@asynccontextmanager
async def found_file(
    client: Client, bucket: str, name: str, *, absent: str = "file not found"
) -> AsyncIterator[ObjectGet]:
    """As `Client.open`, of the current version. Raises: NotFound, saying `absent`, and as `Client.open`."""
    check_key(name)
    async with AsyncExitStack() as stack:
        try:
            found = await stack.enter_async_context(client.open(bucket, name))
        except NotFound as exc:
            raise NotFound(absent, name=name) from exc
        yield found


async def content_of(found: ObjectGet, start: int, stop: int, *, bytes_max: int) -> list[Buffer]:
    """The bytes from `start` to `stop`, each one checked. Raises: InvalidArgument if they are too many, and as
    `ObjectGet.frames`."""
    if stop - start > bytes_max:
        raise InvalidArgument(
            f"{stop - start:,} bytes are too many for one reply; at most {bytes_max:,} (`shoal get` takes any size)"
        )
    async with aclosing(found.frames(start, stop)) as frames:
        return [bytes(frame) async for frame in frames]
