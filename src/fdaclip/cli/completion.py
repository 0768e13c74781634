"""``fdaclip completion``: the script that teaches a shell the verbs and options."""

from __future__ import annotations

import click


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a shell's completion script.

    \b
    bash:  fdaclip completion bash > ~/.local/share/bash-completion/completions/fdaclip
    zsh:   fdaclip completion zsh > "${fpath[1]}/_fdaclip"
    fish:  fdaclip completion fish > ~/.config/fish/completions/fdaclip.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # click knows the three
    script = found(ctx.find_root().command, {}, "fdaclip", "_FDACLIP_COMPLETE")
    click.echo(script.source_template % script.source_vars())
