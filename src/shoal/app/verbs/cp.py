"""`shoal cp`: copy an object."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Examples: shoal cp a.txt b.txt · shoal cp photo.jpg shoal://album/1.jpg --if-absent")
@click.argument("name")
@click.argument("target")
@click.option("--version", metavar="VERSION", help="This one of `shoal versions NAME`. [default: the current one]")
@click.option("--if-absent", is_flag=True, help="Only if there is no TARGET yet.")
@click.option("--if-version", metavar="VERSION", help="Only if this is the current version of TARGET.")
@click.option("--content-type", metavar="TYPE", help="What TARGET is. [default: what NAME is]")
@shared_options
def command(
    shared: Shared,
    *,
    name: str,
    target: str,
    version: str | None,
    if_absent: bool,
    if_version: str | None,
    content_type: str | None,
) -> None:
    """Make the content of NAME the new version of TARGET, in this bucket or another. No bytes are sent, however many
    there are; the copy stays when NAME is deleted."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import print_json, print_line, renamed_document, renamed_text
    from shoal.base.ids import parse_version
    from shoal.client.copying import CopyOptions
    from shoal.core.names import parse_target
    from shoal.model.messages.objects import Name, Precondition

    source, copy = parse_target(name), parse_target(target)
    wanted = Name(source.bucket, source.key, parse_version(version) if version else None)
    precondition = Precondition(if_absent=if_absent, if_version=parse_version(if_version) if if_version else None)
    options = CopyOptions(precondition=precondition, content_type=content_type)
    made = call_cluster(shared, lambda client: client.copy(wanted, copy.bucket, copy.key, options=options))
    if shared.is_json:
        print_json(renamed_document(source, copy, made))
    elif not shared.is_quiet:
        print_line(renamed_text(source, copy, made))
