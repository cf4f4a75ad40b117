"""The files by which the processes of one cluster and its users find each other.

    DIR/join         cluster id and secret: given to nodes (0600)
    DIR/credentials  the first access key, random, made at the first start (0600)
    DIR/kek          the key under which the secrets of all access keys are sealed in the catalog: 32 bytes (0600)
    DIR/endpoints    where the coordinators listen, and where gRPC is served

All but `kek` are small JSON objects, replaced as a whole. A reader refuses a file with other fields than it knows.
"""

import os
import re
from pathlib import Path
from typing import TypeVar

import msgspec

from shoal.base.env import Secrets
from shoal.base.errors import AccessDenied, CallerError, DiskFailed, InvalidArgument, NodeUnreachable, NotFound
from shoal.base.ids import Address
from shoal.core.trust.cluster_keys import SECRET_BYTES
from shoal.core.trust.new_keys import NEW_SECRET_BYTES, mint_key_id, secret_text
from shoal.core.trust.signing import Credential
from shoal.net.address import parse_address

JOIN = "join"
CREDENTIALS = "credentials"
KEK = "kek"
ENDPOINTS = "endpoints"
KEK_BYTES = 32
_SECRET = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}")

T = TypeVar("T")


class JoinFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node needs to become a member. `secret` is hexadecimal."""

    cluster_id: str
    secret: str

    def __repr__(self) -> str:
        return f"JoinFile({self.cluster_id})"


class CredentialsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An access key."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return f"CredentialsFile({self.key})"


class EndpointsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`HOST:PORT` of each coordinator, and where gRPC is served, if it is."""

    coordinators: list[Address]
    grpc: list[Address] = []


def read_json(path: Path, kind: type[T]) -> T:
    """Raises: NotFound, AccessDenied, InvalidArgument."""
    content = _read(path)
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidArgument(f"{path} is not what Shoal writes there: {exc}") from exc


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise NotFound(f"there is no {path}") from exc
    except PermissionError as exc:
        raise AccessDenied(f"{path} may not be read by this user") from exc
    except OSError as exc:
        raise InvalidArgument(f"{path} cannot be read: {exc.strerror}") from exc


def write_json(path: Path, content: object, *, mode: int = 0o600) -> None:
    """Replace `path`; durable on return. Raises: DiskFailed; then the old content is still there."""
    _write_durably(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n", mode)


def _write_durably(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, content, mode)
        _sync_directory(path.parent)
    except OSError as exc:
        raise DiskFailed(f"{path} cannot be written: {exc.strerror}", path=str(path)) from exc


def _replace(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def found_cluster(directory: Path, secrets: Secrets) -> tuple[JoinFile, Credential]:
    """The cluster of this directory; a new one, with random secrets, if there is none yet. One process at a time.

    Raises: AccessDenied, InvalidArgument, DiskFailed.
    """
    if not os.path.lexists(directory / JOIN):
        write_json(directory / JOIN, JoinFile(secrets.token(16).hex(), secrets.token(SECRET_BYTES).hex()))
    if not os.path.lexists(directory / CREDENTIALS):
        secret = secret_text(secrets.token(NEW_SECRET_BYTES))
        write_json(directory / CREDENTIALS, CredentialsFile(mint_key_id(secrets), secret))
    return read_json(directory / JOIN, JoinFile), read_credential(directory / CREDENTIALS)


def found_kek(directory: Path, secrets: Secrets, *, is_sealed: bool) -> bytes:
    """The key-encryption key of this directory; a new one, random, if there is none yet and nothing `is_sealed`.

    Raises: AccessDenied if it is missing and something is sealed, or may not be read; InvalidArgument, DiskFailed.
    """
    path = directory / KEK
    if not os.path.lexists(path):
        if is_sealed:
            raise AccessDenied(
                f"{path} is missing: the secrets of the access keys in the catalog are sealed under it; restore it"
            )
        _write_durably(path, secrets.token(KEK_BYTES), 0o600)
    kek = _read(path)
    if len(kek) != KEK_BYTES:
        raise InvalidArgument(f"{path} is not a key-encryption key: it has {len(kek)} bytes, not {KEK_BYTES}")
    return kek


def read_credential(path: Path) -> Credential:
    """The access key of a credentials file. Raises: AccessDenied, InvalidArgument."""
    try:
        file = read_json(path, CredentialsFile)
    except NotFound as exc:
        raise AccessDenied(f"there is no access key in {path}") from exc
    try:
        return Credential(file.key, file.secret.encode())
    except InvalidArgument as exc:
        raise InvalidArgument(f"{path} holds no access key: {exc.sentence}") from exc


def secret_of(join: JoinFile) -> bytes:
    """The cluster's secret. Raises: InvalidArgument."""
    if _SECRET.fullmatch(join.secret) is None:
        raise InvalidArgument(f"the join file's secret is not {SECRET_BYTES} bytes in hexadecimal")
    return bytes.fromhex(join.secret)


def write_endpoints(directory: Path, coordinators: list[Address]) -> None:
    """Tell users of this machine where the coordinators listen. Raises: DiskFailed."""
    write_json(directory / ENDPOINTS, EndpointsFile(coordinators, _told(directory).grpc))


def write_grpc(directory: Path, grpc: list[Address]) -> None:
    """Tell them where gRPC is served. Raises: DiskFailed."""
    write_json(directory / ENDPOINTS, EndpointsFile(_told(directory).coordinators, grpc))


def _told(directory: Path) -> EndpointsFile:
    """What the file says; nothing, if it cannot be read: it is about to be replaced."""
    try:
        return read_json(directory / ENDPOINTS, EndpointsFile)
    except CallerError:
        return EndpointsFile([])


def read_endpoints(directory: Path) -> tuple[Address, ...]:
    """Where the coordinators listen. Raises: NodeUnreachable with what to do, AccessDenied, InvalidArgument."""
    path = directory / ENDPOINTS
    try:
        coordinators = read_json(path, EndpointsFile).coordinators
    except NotFound as exc:
        raise NodeUnreachable(
            f"no cluster in {directory}; start one with `shoal up --data {directory}`, or name one with --endpoint"
        ) from exc
    if not coordinators:
        raise InvalidArgument(f"{path} names no coordinator")
    for address in coordinators:
        parse_address(address)
    return tuple(coordinators)
