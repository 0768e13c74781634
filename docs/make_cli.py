"""Writes docs/cli.md from the commands' own help: python docs/make_cli.py"""

from __future__ import annotations

from pathlib import Path

import click

from fdaclip.cli import VERBS, group

PAGE = Path(__file__).with_name("cli.md")

HEAD = """# The command line

Written from the commands' own `--help` by `docs/make_cli.py`; a test keeps it from going stale.

**Output.** Results go to stdout, everything else (progress, warnings, errors) to stderr. `--json`
prints the result as JSON. Paths are escaped for people (`\\x0a`, `\\xff`) and exact in JSON, where
the bytes of a name that are not UTF-8 appear as lone surrogates (`\\udcXX`, which Python's
`os.fsencode` turns back into bytes). Colours appear on terminals only, never with `NO_COLOR` set.
On a terminal progress is a bar; otherwise a line every ten seconds.

**Exit codes.**

| code | meaning |
|---|---|
| 0 | done |
| 1 | error: one line on stderr, `error: …; hint: …` |
| 2 | wrong usage |
| 3 | done, but some files were bad or partial; each has its line, and `fdaclip status` lists them |
| 130 | interrupted (Ctrl-C, or asked to end); what is finished is kept, run it again for the rest |

**Environment.** `FDACLIP_LIBRARY` is the default library; `FDACLIP_TRACEBACK=1` shows where an
error came from; `FDACLIP_LOG` (debug, info, warning, error) tells on stderr, or in the file of
`--log`, what happens; `NO_COLOR` turns colours off; `HF_HOME`, `HF_ENDPOINT` and `HF_HUB_OFFLINE`
are the hub's own.
"""


def reference() -> str:
    """The page, from the help of every command."""
    root = click.Context(group, info_name="fdaclip", terminal_width=90, max_content_width=90)
    parts = [HEAD, section("fdaclip", group.get_help(root))]
    for verb in VERBS:
        command = group.get_command(root, verb)
        assert command is not None
        parts += sections(verb, command, root)
    return "\n".join(parts)


def sections(name: str, command: click.Command, parent: click.Context) -> list[str]:
    """A command's help, and that of the commands below it."""
    ctx = click.Context(command, info_name=name, parent=parent, terminal_width=90)
    ctx.max_content_width = 90
    parts = [section(ctx.command_path, command.get_help(ctx))]
    if isinstance(command, click.Group):
        for below in command.commands:
            parts += sections(below, command.commands[below], ctx)
    return parts


def section(title: str, text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
