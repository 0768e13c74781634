"""``fdaclip models export``: a model becomes a folder that runs without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .encoders import guidance_options
from .output import json_option, print_json, printable, say, size

if TYPE_CHECKING:
    from fdaclip.model.attention import AttentionBias
    from fdaclip.model.prune import Prune


@click.command(short_help="Write a model as a folder that searches and indexes without torch.")
@click.argument("name")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--runtime",
    type=click.Choice(["onnx", "openvino"]),
    default="onnx",
    show_default=True,
    help="What will run it: pip install 'fdaclip[onnx]' or 'fdaclip[openvino]'.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    default="fp32",
    show_default=True,
    help="Of the image tower. `fdaclip doctor` measures which is faster on a machine.",
)
@guidance_options
@click.option("--download", is_flag=True, help="Fetch the model from the hub if it is not here.")
@json_option
def export(
    name: str,
    folder: Path,
    runtime: Any,
    precision: Any,
    prune: Prune | None,
    attention: AttentionBias | None,
    download: bool,
    as_json: bool,
) -> None:
    """Write the model NAME as FOLDER: both towers, tokenizer, preprocessing, settings.

    The folder is whole: copy it to another machine and give it as --model. Its vectors are compared
    with torch's before it takes its name, and it is refused below a cosine of 0.999. Libraries made
    with the model itself are searched with it, and the other way round.

    \b
    fdaclip models export clip-b32 clip-b32-int8 --precision int8
    fdaclip index ~/Videos --model clip-b32-int8
    """
    from fdaclip.model import FDACLIP
    from fdaclip.model.runtimes.export import export_model

    from .models import plain_faults

    with plain_faults(name):
        say(f"loading {name}")
        model = FDACLIP.from_pretrained(name, download=download, prune=prune, attention=attention)
        say(f"exporting to {runtime} in {precision}")
        made = export_model(model, folder, runtime=runtime, precision=precision, source=name)
    weight = sum(file.stat().st_size for file in folder.iterdir())
    fingerprint = made.variants[0].fingerprint
    if as_json:
        made_of = {"runtime": runtime, "precision": precision, "fingerprint": fingerprint}
        print_json({"folder": folder, "bytes": weight, "cosine": made.cosine, **made_of})
        return
    click.echo(
        f"{printable(folder)} written, {size(weight)}; cosine to torch at least {made.cosine:.5f}; "
        f"fingerprint {fingerprint[:12]}"
    )
    say(f"--model {printable(folder)} uses it; it needs no torch")
