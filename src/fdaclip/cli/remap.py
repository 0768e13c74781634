"""``fdaclip remap``: a folder was moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import json_option, library_option, print_json, printable, say

if TYPE_CHECKING:
    from fdaclip.library.place import Place


@click.command(short_help="Say that a folder was moved; nothing is indexed again.")
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@library_option
@click.option("--dry-run", is_flag=True, help="Only tell what would become of the files.")
@json_option
def command(old: str, new: str, library: Place, dry_run: bool, as_json: bool) -> None:
    """Say that what was in the folder OLD is in NEW now: another disk, another mount point.

    The files keep their moments; nothing is read or encoded. Only whole names count: /a/b is not
    the beginning of /a/bc. Refused if a file would get the path of another one. To undo it: remap
    NEW OLD.
    """
    from fdaclip.library import Library

    done = Library(library).remap(old, new, dry_run=dry_run)
    if as_json:
        print_json(done)
        return
    counts = [f"{done.found} found there"]
    counts += [f"{done.offline} on a disk that is not mounted"] if done.offline else []
    counts += [f"{done.missing} missing"] if done.missing else []
    verb = "would be" if dry_run else "are"
    files = "1 file" if done.files == 1 else f"{done.files} files"
    verb = verb.replace("are", "is") if done.files == 1 else verb
    click.echo(f"{files} of {printable(done.old)} {verb} in {printable(done.new)}")
    click.echo(", ".join(counts))
    if done.missing and not dry_run:
        say(
            f"hint: fdaclip status lists what is missing; fdaclip remap {printable(done.new)} "
            f"{printable(done.old)} undoes it"
        )
