"""New current versions without any bytes: copies, restored and undeleted objects, and moves."""

from dataclasses import dataclass

from shoal.base.env import Secrets
from shoal.base.errors import AccessDenied, InvalidArgument, OutcomeUnknown, PreconditionFailed, TransientError
from shoal.base.ids import uuid_text, version_text
from shoal.client.numbered import numbered_operation
from shoal.client.session_keeper import SessionKeeper
from shoal.core.names import ObjectName, check_bucket, check_key
from shoal.model.catalog import Version
from shoal.model.messages.copies import Copy, Undelete
from shoal.model.messages.objects import Delete, Name, Precondition
from shoal.ports.catalog import Catalog

_NO_PRECONDITION = Precondition()
_UUID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """What may be said about a copy besides its names. None keeps what the source has; the precondition is of the
    target."""

    precondition: Precondition = _NO_PRECONDITION
    content_type: str | None = None
    metadata: dict[str, str] | None = None


class ObjectCopies:
    """I make versions current whose content is stored already."""

    def __init__(self, secrets: Secrets, *, catalog: Catalog, sessions: SessionKeeper) -> None:
        self._secrets = secrets
        self._catalog = catalog
        self._sessions = sessions

    async def copy(self, source: Name, target: ObjectName, options: CopyOptions) -> Version:
        """The content of `source`, its current version or the one named, as a new version of `target`.

        Raises: NotFound, PreconditionFailed, and as `Catalog.copy`.
        """
        _check(ObjectName(source.bucket, source.key), target)
        async with numbered_operation(self._sessions) as numbered:
            message = Copy(
                session=numbered.session,
                sequence=numbered.sequence,
                source=source,
                bucket=target.bucket,
                key=target.key,
                file_id=uuid_text(self._secrets.token(_UUID_BYTES)),
                precondition=options.precondition,
                content_type=options.content_type,
                metadata=options.metadata,
            )
            return (await self._catalog.copy(message)).version

    async def move(self, source: Version, options: CopyOptions, *, name: ObjectName, target: ObjectName) -> Version:
        """Copy version `source` of `name` to `target`, and delete `name` if that is its current version still.

        Raises: as `copy`: then nothing was done. PreconditionFailed with the fact `copied` if `name` was changed before
        it could be deleted: then both are there. OutcomeUnknown, with the same fact, where nobody could be asked to
        delete it any more.
        """
        if name == target:
            raise InvalidArgument("an object cannot be moved onto itself")
        version = await self.copy(Name(name.bucket, name.key, source.version_id), target, options)
        copied = version_text(version.version_id)
        try:
            await self._delete(name, Precondition(if_version=source.version_id))
        except PreconditionFailed as exc:
            raise PreconditionFailed(
                f"{name.key!r} was changed while it was moved: it was copied, and is not deleted", copied=copied
            ) from exc
        except (TransientError, AccessDenied) as exc:  # not done, or not known: half of the whole is done in any case
            raise OutcomeUnknown(
                f"{name.key!r} was copied, and perhaps not deleted: {exc.sentence}", copied=copied
            ) from exc
        return version

    async def _delete(self, name: ObjectName, precondition: Precondition) -> None:
        async with numbered_operation(self._sessions) as numbered:
            message = Delete(
                session=numbered.session,
                sequence=numbered.sequence,
                name=Name(name.bucket, name.key),
                precondition=precondition,
            )
            await self._catalog.delete(message)

    async def undelete(self, target: ObjectName) -> Version:
        """Bring a deleted object back. Raises: NotFound, PreconditionFailed, and as `Catalog.undelete`."""
        _check(target)
        async with numbered_operation(self._sessions) as numbered:
            message = Undelete(
                session=numbered.session, sequence=numbered.sequence, bucket=target.bucket, key=target.key
            )
            return (await self._catalog.undelete(message)).version


def _check(*names: ObjectName) -> None:
    for name in names:
        check_bucket(name.bucket)
        check_key(name.key)
