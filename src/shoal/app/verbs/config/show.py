"""`shoal config show`: what holds, and why."""

import click


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Examples: shoal config show · shoal config show up --nodes 3 · shoal --config shared.toml config show",
)
@click.argument("verb", metavar="[VERB [OPTION]...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--json", "is_json", is_flag=True, help="Print JSON: a document per line, one for each setting.")
@click.pass_context
def command(context: click.Context, *, verb: tuple[str, ...], is_json: bool) -> None:
    """Show every setting with its value and where that came from: a flag, a variable of the environment, the
    configuration file, or the default. Of a VERB only its own, with the OPTIONs that follow.

    Every value is checked as its verbs do. Secrets are not shown, only that they are set.
    """
    from shoal.app.config_table import found_all, found_of, print_file, print_found, unknown_variables

    root = context.find_root()
    print_found(found_of(root, verb) if verb else found_all(root), is_json=is_json)
    if not is_json:
        print_file(root)
    for name in unknown_variables(root):
        click.echo(f"shoal: {name} is set, but is no setting", err=True)
