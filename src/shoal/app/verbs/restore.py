"""`shoal restore`: make a former version current again."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal versions photo.jpg, and then: shoal restore photo.jpg 0199b2f0-…")
@click.argument("name")
@click.argument("version")
@click.option("--if-version", metavar="VERSION", help="Only if this is the current version.")
@shared_options
def command(shared: Shared, *, name: str, version: str, if_version: str | None) -> None:
    """Make the content of VERSION of NAME current again, as a new version; what is current now stays below it. No
    bytes are sent."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import print_json, print_line, version_document, version_line
    from shoal.base.ids import parse_version
    from shoal.client.copying import CopyOptions
    from shoal.core.names import parse_target
    from shoal.model.messages.objects import Precondition

    target, former = parse_target(name), parse_version(version)
    options = CopyOptions(precondition=Precondition(if_version=parse_version(if_version) if if_version else None))
    made = call_cluster(shared, lambda client: client.restore(target.bucket, target.key, former, options=options))
    if shared.is_json:
        print_json(version_document(target, made) | {"restored": version})
    elif not shared.is_quiet:
        print_line(version_line(target, made))
