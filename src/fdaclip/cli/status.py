"""``fdaclip status``: what a library holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import json_option, library_option, print_json, printable, say, size

if TYPE_CHECKING:
    from fdaclip.library.place import Place


@click.command(short_help="Show what a library holds, and which files are bad.")
@library_option
@json_option
def command(library: Place, as_json: bool) -> None:
    """Show counts, hours, size and model, and which files are bad, partial or missing, and why.

    Offline are files on a disk that is not mounted: they stay searchable. Missing ones are gone
    although their disk is there: they are left out of searches until they are back.
    """
    from fdaclip.library import Library

    status = Library(library).status()
    if as_json:
        print_json(status)
        return
    stamp = status.stamp
    lines = {
        "library": printable(status.folder),
        "model": f"{printable(stamp.model) or 'not named'} ({stamp.fingerprint[:12]})",
        "created": stamp.created,
        "files": f"{status.files} ({len(status.bad)} bad, {len(status.partial)} partial, "
        f"{len(status.missing)} missing, {sum(status.offline.values())} offline)",
        "moments": f"{status.moments} from {status.hours:.2f} hours of video",
        "on disk": size(status.bytes),
        "search": "all moments are compared"
        if status.recall is None
        else f"approximate, recall at 10 measured {status.recall:.3f}; search --exact compares all",
    }
    for name, value in lines.items():
        click.echo(f"{name + ':':9} {value}")
    for mount, count in status.offline.items():
        files = "1 file" if count == 1 else f"{count} files"
        click.echo(
            f"offline: {files} on {printable(mount)}, which is not mounted; still searchable"
        )
    for name, failures in (("bad", status.bad), ("partial", status.partial)):
        for failure in failures:
            click.echo(f"{name}: {printable(failure.path)}: {printable(failure.reason)}")
    for path in status.missing:
        click.echo(f"missing: {printable(path)}")
    if status.bad or status.partial:
        say("hint: fdaclip index --retry tries bad and partial files again")
