"""`shoal key revoke`: the end of an access key."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal key revoke SHOAL0123456789ABCDEF0123")
@click.argument("key", metavar="ID")
@shared_options
def command(shared: Shared, *, key: str) -> None:
    """End the key ID for good. From now on it opens no session, finds nothing and commits nothing; reads that were
    granted before end within 15 minutes. The last key that could make others stays."""
    from shoal.app.calling import call_cluster
    from shoal.app.key_table import key_document
    from shoal.app.output import print_json, print_line, shown
    from shoal.model.messages.keys import RevokeKey

    revoked = call_cluster(shared, lambda client: client.revoke_key(RevokeKey(key)))
    if shared.is_json:
        print_json(key_document(revoked.key) | {"sessions_ended": revoked.sessions})
    elif not shared.is_quiet:
        count = revoked.sessions
        print_line(f"{shown(key)}  revoked, {count} session{'' if count == 1 else 's'} ended")
