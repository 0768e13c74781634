"""``fdaclip compact``: make a library as small as it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import json_option, library_option, print_json, size

if TYPE_CHECKING:
    from fdaclip.library.place import Place


@click.command(short_help="Make a library as small as it can be.")
@library_option
@json_option
def command(library: Place, as_json: bool) -> None:
    """Merge what many commits wrote, and drop what no search can still be reading.

    Indexing does most of this by itself. Versions of the last ten minutes are kept for searches
    that are under way, so what was just removed frees its space in a later run.
    """
    from fdaclip.library import Library

    done = Library(library).compact()
    if as_json:
        print_json(done)
    elif done.after < done.before:
        click.echo(f"{size(done.after)}, was {size(done.before)}")
    else:
        click.echo(f"{size(done.after)}, as small as it can be")
