"""`shoal completion`: the Tab key."""

import click

from shoal.app.completion import SHELLS, script


@click.command(
    epilog='Examples: eval "$(shoal completion bash)" in ~/.bashrc · eval "$(shoal completion zsh)" in ~/.zshrc · '
    "shoal completion fish > ~/.config/fish/completions/shoal.fish"
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print what makes SHELL complete the verbs and options of `shoal`. Names of objects are not completed: that would
    ask the cluster at each press of the key."""
    click.echo(script(context.find_root().command, shell))
