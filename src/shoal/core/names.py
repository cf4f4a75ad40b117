"""What users may call things. An object's key is any text of 1 to 1,024 UTF-8 bytes without NUL.

Keys never become file names, so `..`, `//` and a leading `/` mean nothing here and are ordinary. No form is changed:
two keys that only look the same stay two keys.
"""

import re
from typing import NamedTuple

from shoal.base.errors import InvalidArgument
from shoal.model.cluster import NAME_BYTES_MAX

DEFAULT_BUCKET = "default"
FILESTORE_BUCKET = "filestore"
"""Of the gRPC file service and its verbs: its files have ids, whoever makes the bucket."""
JSONL_BUCKET = "jsonl"
"""Of the JSON-lines door; never deduplicated, so that each file lies where its placement says."""
BLOCKS_BUCKET = "jsonl-blocks"
"""Of blocks that were stored on a node directly, by the same door; the key is the block's id."""
DOOR_BUCKETS = (FILESTORE_BUCKET, JSONL_BUCKET, BLOCKS_BUCKET)
"""All that a door may touch for callers who showed no key of their own."""
SCHEME = "shoal://"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IP_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")


class ObjectName(NamedTuple):
    """What a user named: a key, or the beginning of keys, in a bucket."""

    bucket: str
    key: str


def check_key(key: str) -> str:
    """`key`, if an object may be called so. Raises: InvalidArgument."""
    if not key:
        raise InvalidArgument("a name is empty; it needs at least one character")
    return check_prefix(key)


def check_prefix(prefix: str) -> str:
    """`prefix`, if a name could begin so; empty is the beginning of all. Raises: InvalidArgument."""
    try:
        size = len(prefix.encode())
    except UnicodeEncodeError as exc:  # bytes of a command line or a path that are not text
        raise InvalidArgument(f"the name {prefix[:80]!a} is not valid UTF-8") from exc
    if size > NAME_BYTES_MAX:
        raise InvalidArgument(f"a name of {size:,} bytes is too long; it has at most {NAME_BYTES_MAX:,}", size=size)
    if "\0" in prefix:
        raise InvalidArgument(f"the name {prefix[:80]!a} has a NUL character; no name can")
    return prefix


def decode_key(raw: bytes) -> str:
    """The key that `raw` spells. Raises: InvalidArgument if it is not UTF-8, or not a key."""
    try:
        return check_key(raw.decode())
    except UnicodeDecodeError as exc:
        raise InvalidArgument(f"the name {raw[:80]!a} is not valid UTF-8") from exc


def check_bucket(name: str) -> str:
    """`name`, if a bucket may be called so. Raises: InvalidArgument. Source: Amazon S3, bucket naming rules."""
    why = _bucket_fault(name)
    if why is not None:
        raise InvalidArgument(f"{name[:80]!a} cannot be a bucket: {why}")
    return name


def parse_target(text: str, *, default_bucket: str = DEFAULT_BUCKET) -> ObjectName:
    """Read `shoal://BUCKET/KEY`, or a bare KEY of the default bucket. Raises: InvalidArgument."""
    name = _split(text, default_bucket)
    if not name.key and text:
        raise InvalidArgument(f"{text[:80]!a} names no object; write {SCHEME}BUCKET/KEY")
    check_key(name.key)
    return name


def parse_prefix(text: str, *, default_bucket: str = DEFAULT_BUCKET) -> ObjectName:
    """Read `shoal://BUCKET`, `shoal://BUCKET/PREFIX`, or a bare PREFIX of the default bucket, which may be empty.

    Raises: InvalidArgument.
    """
    name = _split(text, default_bucket)
    check_prefix(name.key)
    return name


def parse_bucket(text: str) -> str:
    """Read `BUCKET` or `shoal://BUCKET`. Raises: InvalidArgument."""
    return check_bucket(text.removeprefix(SCHEME).removesuffix("/") if text.startswith(SCHEME) else text)


def _split(text: str, default_bucket: str) -> ObjectName:
    if not text.startswith(SCHEME):
        return ObjectName(default_bucket, text)
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    return ObjectName(check_bucket(bucket), key)


def _bucket_fault(name: str) -> str | None:
    if not 3 <= len(name) <= 63:
        return "it needs 3 to 63 characters"
    if _BUCKET.fullmatch(name) is None:
        return "only lower-case letters, digits, '-' and '.' are allowed, with a letter or digit first and last"
    if ".." in name:
        return "two dots must not stand together"
    if _IP_ADDRESS.fullmatch(name) is not None:
        return "it looks like an IP address"
    return None
