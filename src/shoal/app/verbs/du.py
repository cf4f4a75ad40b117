"""`shoal du`: how much there is."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Examples: shoal du · shoal du photos/ · shoal du shoal://album")
@click.argument("prefix", required=False, default="")
@shared_options
def command(shared: Shared, *, prefix: str) -> None:
    """Count what lies under names that begin with PREFIX; in bucket `default` unless it says shoal://BUCKET/PREFIX.

    Sizes are those of the content, once for each version, whatever copies lie below. With many names this takes a
    while, and what is written meanwhile may be counted or not.
    """
    from shoal.app.calling import call_cluster
    from shoal.app.output import print_json, print_line
    from shoal.base.units import format_size
    from shoal.core.names import parse_prefix

    target = parse_prefix(prefix)
    usage = call_cluster(shared, lambda client: client.usage(target.bucket, target.key))
    if shared.is_json:
        print_json(
            {
                "bucket": target.bucket,
                "prefix": target.key,
                "objects": usage.objects,
                "object_bytes": usage.object_bytes,
                "former_versions": usage.former_versions,
                "former_bytes": usage.former_bytes,
                "delete_markers": usage.delete_markers,
            }
        )
    elif not shared.is_quiet:
        print_line(f"objects          {usage.objects:>12,}  {format_size(usage.object_bytes):>12}")
        print_line(f"former versions  {usage.former_versions:>12,}  {format_size(usage.former_bytes):>12}")
        print_line(f"delete markers   {usage.delete_markers:>12,}")
