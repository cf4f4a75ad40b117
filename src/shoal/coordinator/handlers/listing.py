"""Listing objects and versions, each from one snapshot."""

from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk
from shoal.core.catalog.listing import check_listing, list_objects
from shoal.core.catalog.version_listing import check_version_listing, list_versions
from shoal.model.messages.objects import ListObjects, ListVersions, ObjectList, VersionList


class ListingHandlers:
    """I answer clients that look around."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def objects(self, message: ListObjects, caller: ClientCaller) -> ObjectList:
        """One page of names. Raises: InvalidArgument, NotFound for the bucket."""
        check_listing(message)
        return await self._desk.engine.read(lambda snapshot: list_objects(snapshot, message))

    async def versions(self, message: ListVersions, caller: ClientCaller) -> VersionList:
        """One page of the versions of an object. Raises: InvalidArgument, NotFound for the bucket."""
        check_version_listing(message)
        return await self._desk.engine.read(lambda snapshot: list_versions(snapshot, message))
