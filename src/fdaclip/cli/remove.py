"""``fdaclip remove``: forget files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import json_option, library_option, print_json

if TYPE_CHECKING:
    from fdaclip.library.place import Place


@click.command(short_help="Forget files; the videos themselves stay.")
@click.argument("paths", nargs=-1, type=click.Path())
@library_option
@click.option("--missing", is_flag=True, help="Forget the files that are gone.")
@json_option
def command(paths: tuple[str, ...], library: Place, missing: bool, as_json: bool) -> None:
    """Forget files, or everything below folders. The videos themselves are not touched."""
    from fdaclip.library import Library

    if not paths and not missing:
        raise click.UsageError("name files or folders to forget, or give --missing")
    removed = Library(library).remove(paths, missing=missing)
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"{removed} {'file' if removed == 1 else 'files'} forgotten")
