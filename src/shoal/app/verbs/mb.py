"""`shoal mb`: make a bucket."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Examples: shoal mb album · shoal mb scratch --no-versions")
@click.argument("bucket")
@click.option("--no-versions", is_flag=True, help="Keep only the newest content of each object.")
@shared_options
def command(shared: Shared, *, bucket: str, no_versions: bool) -> None:
    """Make the bucket BUCKET (shoal://BUCKET is the same). It needs 3 to 63 lower-case letters, digits, `-` and `.`.
    Fails with status 5 if it exists."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import bucket_document, print_json, print_line
    from shoal.core.names import parse_bucket

    name = parse_bucket(bucket)
    made = call_cluster(shared, lambda client: client.create_bucket(name, is_versioned=not no_versions))
    if shared.is_json:
        print_json(bucket_document(made))
    elif not shared.is_quiet:
        print_line(f"{made.name}  made{'' if made.is_versioned else ', keeps no versions'}")
