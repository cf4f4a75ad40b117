"""`shoal key create`: a new access key."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal key create --name backup --scope write --bucket photos --expires 90d")
@click.option("--name", default="", metavar="TEXT", help="What it is for, in your words.")
@click.option("--scope", default="read", show_default=True, type=click.Choice(("read", "write", "admin")),
              help="What it may do; each includes the ones before it.")  # fmt: skip
@click.option("--bucket", "buckets", multiple=True, metavar="BUCKET",
              help="Only this bucket; can be given several times. [default: all]")  # fmt: skip
@click.option("--expires", metavar="TIME", help="How long it is valid: 90s, 15m, 12h or 30d. [default: until revoked]")
@shared_options
def command(shared: Shared, *, name: str, scope: str, buckets: tuple[str, ...], expires: str | None) -> None:
    """Make a key and print its id and its secret, which nobody can be told again. They go into SHOAL_KEY and
    SHOAL_SECRET of whoever uses the cluster with --endpoint. With --quiet only these two are printed."""
    from shoal.app.calling import call_cluster
    from shoal.app.key_table import expiry_text, key_document, reach_text
    from shoal.app.output import print_json, print_line, shown
    from shoal.base.units import parse_duration
    from shoal.model.access_keys import Scope
    from shoal.model.messages.keys import CreateKey

    message = CreateKey(
        name=name,
        scope=Scope[scope.upper()],
        buckets=buckets,
        lifetime_ns=parse_duration(expires) if expires else None,
    )
    made = call_cluster(shared, lambda client: client.create_key(message))
    info = made.info
    if shared.is_json:
        print_json(key_document(info) | {"secret": made.secret})
        return
    print_line(f"key      {info.key_id}")
    print_line(f"secret   {made.secret}")
    if shared.is_quiet:
        return
    for title, value in {
        "name": shown(info.name),
        "scope": info.scope.name.lower(),
        "buckets": reach_text(info),
        "expires": expiry_text(info),
    }.items():
        if value:
            print_line(f"{title:<8} {value}")
    print_line("Keep the secret now: it is not shown again.")
