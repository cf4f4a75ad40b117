"""`shoal rb`: remove a bucket."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal rb album")
@click.argument("bucket")
@shared_options
def command(shared: Shared, *, bucket: str) -> None:
    """Remove the empty bucket BUCKET (shoal://BUCKET is the same). Fails with status 5 while it has objects, or
    versions of deleted ones: `shoal du shoal://BUCKET` counts both."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import print_json, print_line
    from shoal.core.names import parse_bucket

    name = parse_bucket(bucket)
    call_cluster(shared, lambda client: client.delete_bucket(name))
    if shared.is_json:
        print_json({"bucket": name})
    elif not shared.is_quiet:
        print_line(f"{name}  removed")
