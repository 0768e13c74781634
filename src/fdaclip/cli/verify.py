"""``fdaclip verify``: is a library sound?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import ERROR, OK, json_option, library_option, print_json, printable, say

if TYPE_CHECKING:
    from fdaclip.library.place import Place


@click.command(short_help="Check that a library is sound, and repair it.")
@library_option
@click.option(
    "--repair",
    is_flag=True,
    help="Drop moments no file owns, forget files whose moments are unsound (index them again), "
    "mark missing files.",
)
@json_option
def command(library: Place, repair: bool, as_json: bool) -> int:
    """Check tables against each other, every vector, and every file on disk.

    Exit code 1 if the library is damaged and not repaired; files that came, went or changed are
    listed, but are no damage.
    """
    from fdaclip.library import Library

    problems = Library(library).verify(repair=repair)
    if as_json:
        print_json(problems)
    else:
        for problem in problems:
            done = " (repaired)" if problem.repaired else ""
            where = f"{printable(problem.path)}: " if problem.path else ""
            click.echo(f"{problem.kind}: {where}{problem.detail}{done}")
        if not problems:
            click.echo("sound")
    damaged = any(problem.damage and not problem.repaired for problem in problems)
    if damaged:
        say("hint: fdaclip verify --repair, then fdaclip index PATHS")
    return ERROR if damaged else OK
