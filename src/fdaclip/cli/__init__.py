"""The command line: one module a verb, imported only when it is called.

``fdaclip --help`` therefore answers at once. Each verb module holds one click ``command``.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from fdaclip import __version__

from .output import ERROR, INTERRUPTED, OK, USAGE, NothingChosen, explain

VERBS = {
    "demo": "Train, index and search generated videos: the whole job, nothing to download.",
    "index": "Add videos to a library, or update it.",
    "search": "Find moments by a sentence.",
    "serve": "Open a library as a page in the browser, and as an API for programs.",
    "export": "Cut moments out of their videos, or list them for an editor.",
    "mcp": "Let an assistant search a library (MCP).",
    "status": "Show what a library holds, and which files are bad.",
    "remove": "Forget files; the videos themselves stay.",
    "remap": "Say that a folder was moved; nothing is indexed again.",
    "compact": "Make a library as small as it can be.",
    "verify": "Check that a library is sound, and repair it.",
    "data": "Look at text-video data sets, check their videos, cache their frames.",
    "mask": "Write what moves in a video as an overlay video and a picture strip.",
    "eval": "Measure a model on a dataset, or test whether two results differ.",
    "train": "Train a model by a recipe, and measure it.",
    "ablate": "Run a grid of recipes and tabulate it, mean ± deviation over seeds.",
    "models": "List the known models, describe a checkpoint, convert one.",
    "doctor": "Say what is installed, what works, and what is missing.",
    "completion": "Print the completion script of a shell.",
}


class LazyGroup(click.Group):
    """Knows its verbs by name, and imports one only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = import_module(f"fdaclip.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 error, "
    "2 wrong usage, 3 done but some files were bad, 130 interrupted.",
)
@click.version_option(__version__, prog_name="fdaclip", message="%(prog)s %(version)s")
@click.option(
    "--log",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Append what happens to a file, as JSON lines. FDACLIP_LOG says from which level on "
    "(debug, info, warning, error; default info); without --log it writes to stderr.",
)
@click.pass_context
def group(ctx: click.Context, log: str | None) -> None:
    """Find moments in your own videos by a sentence, guided by what moves."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    level = os.environ.get("FDACLIP_LOG", "")
    if log is not None or level:
        from pathlib import Path

        from fdaclip.logs import LEVELS, listen, unlisten

        if level and level not in LEVELS:
            raise click.UsageError(f"FDACLIP_LOG is {level!r}, not one of {', '.join(LEVELS)}")
        handler = listen(level or "info", None if log is None else Path(log))
        ctx.call_on_close(lambda: unlisten(handler))


def run(arguments: list[str]) -> int:
    """One command line; returns its exit code. Errors become one line on stderr."""
    try:
        code = group.main(arguments, prog_name="fdaclip", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as bare:
        click.echo(bare.format_message(), err=True)
        return bare.exit_code
    except click.UsageError as error:
        click.echo(explain(error), err=True)
        return error.exit_code
    except NothingChosen as choice:
        click.echo(str(choice), err=True)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except SystemExit:  # click's own, after a completion or when the reader, say `head`, has left
        return OK
    except BrokenPipeError:  # the same, noticed by the flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if os.environ.get("FDACLIP_TRACEBACK"):
            raise
        click.echo(explain(error), err=True)
        return ERROR
    return code if isinstance(code, int) else OK


def main() -> None:
    """Entry point of the ``fdaclip`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))
