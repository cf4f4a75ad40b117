"""`shoal mv`: give an object another name."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal mv draft.txt shoal://album/final.txt --if-absent")
@click.argument("name")
@click.argument("target")
@click.option("--if-absent", is_flag=True, help="Only if there is no TARGET yet.")
@click.option("--if-version", metavar="VERSION", help="Only if this is the current version of TARGET.")
@shared_options
def command(shared: Shared, *, name: str, target: str, if_absent: bool, if_version: str | None) -> None:
    """Make the content of NAME the new version of TARGET, then delete NAME. No bytes are sent.

    The former versions stay under the old name, below a delete marker. If NAME is changed meanwhile, both are there,
    and this fails with status 5.
    """
    from shoal.app.calling import call_cluster
    from shoal.app.output import print_json, print_line, renamed_document, renamed_text
    from shoal.base.ids import parse_version
    from shoal.client.copying import CopyOptions
    from shoal.core.names import parse_target
    from shoal.model.messages.objects import Precondition

    source, new = parse_target(name), parse_target(target)
    precondition = Precondition(if_absent=if_absent, if_version=parse_version(if_version) if if_version else None)
    options = CopyOptions(precondition=precondition)
    made = call_cluster(shared, lambda client: client.move(source, new.bucket, new.key, options=options))
    if shared.is_json:
        print_json(renamed_document(source, new, made))
    elif not shared.is_quiet:
        print_line(renamed_text(source, new, made))
