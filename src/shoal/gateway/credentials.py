"""Access keys as callers of a door write them: `KEY:SECRET`."""

import re

from shoal.base.errors import InvalidArgument
from shoal.core.trust.signing import Credential

SECRET_CHARS_MAX = 256

_SECRET = re.compile(rf"[!-~]{{1,{SECRET_CHARS_MAX}}}")


def parse_credential(text: str) -> Credential:
    """Read `KEY:SECRET`. Raises: InvalidArgument, in words that tell nothing of what was written."""
    key_id, colon, secret = text.partition(":")
    if not colon:
        raise InvalidArgument("an access key is written KEY:SECRET")
    if _SECRET.fullmatch(secret) is None:
        raise InvalidArgument(f"a secret is 1 to {SECRET_CHARS_MAX} visible ASCII characters", chars=len(secret))
    return Credential(key_id, secret.encode())
