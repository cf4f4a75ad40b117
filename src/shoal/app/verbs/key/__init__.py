"""`shoal key`: access keys."""

import click

from shoal.app.verb_group import Verb, VerbGroup

_VERBS = (
    Verb("create", "Make a key, and show its secret once.", "Verbs"),
    Verb("list", "List all keys, revoked ones too.", "Verbs"),
    Verb("revoke", "End a key for good.", "Verbs"),
)


@click.group(
    cls=VerbGroup,
    verbs=_VERBS,
    modules=__name__,
    epilog="Example: shoal key create --name backup --scope write --bucket photos --expires 90d",
)
def command() -> None:
    """Make, list and revoke access keys. This takes a key with admin scope that is not limited to buckets, as the one
    in DIR/credentials."""
