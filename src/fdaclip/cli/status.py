"""``fdaclip status``: what a library holds."""

from __future__ import annotations

from pathlib import Path

import click

from .output import json_option, library_option, print_json, printable, size


@click.command(short_help="Show what a library holds, and which files are bad.")
@library_option
@json_option
def command(library: Path, as_json: bool) -> None:
    """Show counts, hours, size and model, and which files are bad, partial or missing, and why."""
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
        f"{len(status.missing)} missing)",
        "moments": f"{status.moments} from {status.hours:.2f} hours of video",
        "on disk": size(status.bytes),
    }
    for name, value in lines.items():
        click.echo(f"{name + ':':9} {value}")
    for name, failures in (("bad", status.bad), ("partial", status.partial)):
        for failure in failures:
            click.echo(f"{name}: {printable(failure.path)}: {printable(failure.reason)}")
    for path in status.missing:
        click.echo(f"missing: {printable(path)}")
