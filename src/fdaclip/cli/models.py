"""``fdaclip models``: the known models, what a checkpoint is, and its way into another form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .models_export import export
from .output import Fault, json_option, print_json, printable, say
from .zoo import aligned, fetch, list_models, show

if TYPE_CHECKING:
    from fdaclip.model import FDACLIP
    from fdaclip.model.checkpoints import Parts

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint_options(command: F) -> F:
    """CHECKPOINT and what its file may lack; the verb gets them under these names."""
    for add in (
        click.option("--download", is_flag=True, help="Fetch from the hub what is not here."),
        click.option(
            "--activation",
            type=click.Choice(["quick_gelu", "gelu"]),
            help="Of a file that does not say: open_clip's without its config.",
        ),
        click.option(
            "--alpha",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A vision tower of Alpha-CLIP that takes the place of the checkpoint's.",
        ),
        click.option(
            "--base",
            metavar="NAME|PATH",
            help="A CLIP that gives what the file lacks: the text tower of an Alpha-CLIP, the "
            "tokenizer of others.",
        ),
        click.argument("checkpoint"),
    ):
        command = add(command)
    return command


@click.group(short_help="List and fetch known models; describe and convert checkpoints.")
def command() -> None:
    """List and fetch known models; describe and convert checkpoints.

    CHECKPOINT is a folder, a file of weights (Hugging Face, OpenAI, open_clip, Alpha-CLIP,
    CLIP4Clip, Perception Encoder), a hub id, or a short name that `fdaclip models list` shows.
    """


for verb in (list_models, show, fetch, export):
    command.add_command(verb)


@command.command(short_help="Read a checkpoint and say what it is.")
@checkpoint_options
@json_option
def info(
    checkpoint: str,
    base: str | None,
    alpha: Path | None,
    activation: Any,
    download: bool,
    as_json: bool,
) -> None:
    """Read a checkpoint and say what it is: form, sizes, head, what was taken for granted.

    All weights are read and accounted for; a missing, left over or misshapen one is an error that
    names it.
    """
    from fdaclip.model.checkpoints import read
    from fdaclip.model.fdaclip import FDACLIP

    with plain_faults(checkpoint):
        parts = read(checkpoint, base=base, alpha=alpha, activation=activation, download=download)
        found = facts(parts, FDACLIP.of(parts))
    if as_json:
        print_json(found)
        return
    for line in aligned([(name, shown(value)) for name, value in found.items()]):
        click.echo(line)


@command.command(short_help="Write a checkpoint as a Hugging Face folder or OpenAI state dict.")
@checkpoint_options
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["folder", "openai"]),
    default="folder",
    show_default=True,
    help="A Hugging Face folder with a model card, or a file of OpenAI's names.",
)
@click.option(
    "--mask",
    type=click.Choice(["keep", "ones"]),
    default="keep",
    show_default=True,
    help="Of --to openai: keep a trained alpha slice under Alpha-CLIP's name, or fix it to a mask "
    "of ones, which any CLIP program reads.",
)
@click.option(
    "--head",
    type=click.Choice(["mean", "temporal", "ti", "wti"]),
    help="In place of the checkpoint's own head; it starts untrained.",
)
@click.option(
    "--result",
    "results",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A result.json, or its folder, whose figures the card shows; may be given again.",
)
@json_option
def convert(
    checkpoint: str,
    target: Path,
    to: Any,
    mask: Any,
    head: Any,
    results: tuple[Path, ...],
    base: str | None,
    alpha: Path | None,
    activation: Any,
    download: bool,
    as_json: bool,
) -> None:
    """Write CHECKPOINT as TARGET, in the form that others read.

    \b
    fdaclip models convert ViT-B-32.pt clip-b32
    fdaclip models convert clip_b16_grit+mim_fultune_4xe.pth alpha-b16 --base ViT-B-16.pt
    fdaclip models convert run/best ViT-B-32-mine.pt --to openai --mask ones
    """
    from fdaclip.model import HeadConfig
    from fdaclip.model.conversion import convert as convert_checkpoint

    with plain_faults(checkpoint):
        model = convert_checkpoint(
            checkpoint,
            target,
            to=to,
            mask=mask,
            head=HeadConfig(head) if head else None,
            results=[read_result(path) for path in results],
            download=download,
            base=base,
            alpha=alpha,
            activation=activation,
        )
    if as_json:
        print_json({"target": target, "form": to, "fingerprint": model.fingerprint})
        return
    click.echo(f"{printable(target)} written; fingerprint {model.fingerprint[:12]}")
    if to == "folder":
        say(f"its card is {printable(target / 'README.md')}; --model {printable(target)} uses it")


@contextmanager
def plain_faults(checkpoint: str) -> Iterator[None]:
    """What the API raises, as the command line says it."""
    from fdaclip.model import STARTER, ModelNotFound

    if checkpoint == STARTER:
        raise Fault("the starter is no checkpoint but packages", "fdaclip doctor shows its state")
    try:
        yield
    except (FileExistsError, ValueError, ModelNotFound) as error:
        what, _, hint = str(error).partition("; hint: ")
        raise Fault(what, hint.replace("pass download=True", "--download fetches it")) from error


def read_result(path: Path) -> dict[str, Any]:
    """The content of a result.json."""
    file = path / "result.json" if path.is_dir() else path
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Fault(f"{printable(file)} is no result: {error}") from error
    if not isinstance(found, dict):
        raise Fault(f"{printable(file)} is no result")
    return found


def facts(parts: Parts, model: FDACLIP) -> dict[str, Any]:
    """What there is to say of a checkpoint."""
    vision, text = parts.config.vision_config, parts.config.text_config
    alpha: Any = model.backbone.vision_model.embeddings.patch_embedding
    return {
        "form": parts.format,
        "source": parts.source,
        "architecture": parts.config.model_type,
        "vision": f"{vision.hidden_size} wide, {vision.num_hidden_layers} layers, "
        f"{vision.num_attention_heads} heads, patch {vision.patch_size}, {vision.image_size} px",
        "text": f"{text.hidden_size} wide, {text.num_hidden_layers} layers, "
        f"{text.num_attention_heads} heads, {text.max_position_embeddings} tokens of "
        f"{text.vocab_size}",
        "activation": vision.hidden_act,
        "vector": model.embedding_size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "head": parts.settings.head.kind,
        "guidance": parts.settings.guidance,
        "alpha slice": "not zero" if alpha.alpha.any() else "zero: sees what the plain model sees",
        "frames": parts.settings.sampling.frames,
        "notes": list(parts.remarks),
        "fingerprint": model.fingerprint,
    }


def shown(value: Any) -> str:
    """A fact for people."""
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))
