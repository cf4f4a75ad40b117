"""`shoal key list`: all access keys."""

from typing import TYPE_CHECKING

import click

from shoal.app.options import Shared, shared_options

if TYPE_CHECKING:
    from shoal.client.client import Client
    from shoal.model.messages.keys import KeyInfo


@click.command(epilog="Example: shoal key list --json")
@shared_options
def command(shared: Shared) -> None:
    """List all keys that ever were, with what they may do; secrets are never shown. With --json each line is the
    document of a key."""
    from shoal.app.calling import call_cluster
    from shoal.app.key_table import key_document, print_keys
    from shoal.app.output import print_json

    found = call_cluster(shared, _list_all)
    if shared.is_json:
        for info in found:
            print_json(key_document(info))
    elif not shared.is_quiet:
        print_keys(found)


async def _list_all(client: "Client") -> "list[KeyInfo]":
    from shoal.model.messages.keys import ListKeys

    found: list[KeyInfo] = []
    after = ""
    while True:
        page = await client.list_keys(ListKeys(after))
        found += page.keys
        after = page.next_after
        if not after:
            return found
