"""`shoal undelete`: bring a deleted object back."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal rm photo.jpg, and then: shoal undelete photo.jpg")
@click.argument("name")
@shared_options
def command(shared: Shared, *, name: str) -> None:
    """Take the delete markers of NAME away: the version below them is current again, as it was. Fails with status 3 if
    there is nothing to bring back, and with 5 if NAME is not deleted."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import print_json, print_line, version_document, version_line
    from shoal.core.names import parse_target

    target = parse_target(name)
    current = call_cluster(shared, lambda client: client.undelete(target.bucket, target.key))
    if shared.is_json:
        print_json(version_document(target, current))
    elif not shared.is_quiet:
        print_line(version_line(target, current))
