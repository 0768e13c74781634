"""What is known of a backbone: the content of its file in the zoo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FAMILIES = ("clip", "siglip", "pe")
BYTES = 4  # a parameter: published weights are float32


@dataclass(frozen=True)
class Tower:
    """Sizes of a transformer.

    Attributes:
        width: D.
        layers: their number.
        heads: of the attention in each.
        hidden: width of the two-layer network in each.
    """

    width: int
    layers: int
    heads: int
    hidden: int


@dataclass(frozen=True)
class TextTower(Tower):
    """Sizes of a transformer over words.

    Attributes:
        context: tokens that a sentence may have.
        vocabulary: tokens that there are.
    """

    context: int
    vocabulary: int


@dataclass(frozen=True)
class Figure:
    """A published zero-shot result.

    Attributes:
        task: data and measure.
        value: in per cent.
        source: where it is published, a URL or a paper.
    """

    task: str
    value: float
    source: str


@dataclass(frozen=True)
class ByHand:
    """Weights that no hub has: a vision tower of Alpha-CLIP.

    Attributes:
        file: its name, as published.
        page: where it is offered.
        base: the backbone of the zoo that it was made from, which gives the rest.
    """

    file: str
    page: str
    base: str


@dataclass(frozen=True)
class Measured:
    """What `benchmarks/zoo.py` measured of the image tower, in float32.

    Attributes:
        frames_per_s: at 12 frames a pass.
        memory_bytes: the largest that the process had in memory, weights of both towers included.
        machine: processor, threads and runtime.
    """

    frames_per_s: float
    memory_bytes: int
    machine: str


@dataclass(frozen=True)
class Backbone:
    """A dual encoder that FDA-CLIP can stand on.

    Attributes:
        name: short name, accepted wherever a hub id is.
        family: whose steps it follows; see `fdaclip.model.families`.
        licence: of the weights, as their publishers state it.
        parameters: numbers held by both towers, counted from the architecture.
        image_size: side of the square seen, px.
        patch: side of a patch, px.
        embedding: length of a vector.
        activation: between the two layers of a tower's networks, by transformers' name.
        notes: what one should know before choosing it.
        vision, text: sizes of the towers.
        hub_id: on huggingface.co; None if it is not there.
        research_only: the licence forbids commercial use.
        weights: name of its file on the hub, where that is none of the usual ones.
        tokenizer: hub id that has its tokenizer, where its own has none.
        by_hand: a part that must be fetched by hand.
        figures: published results.
        measured: here; None until it was.
    """

    name: str
    family: Literal["clip", "siglip", "pe"]
    licence: str
    parameters: int
    image_size: int
    patch: int
    embedding: int
    activation: Literal["quick_gelu", "gelu", "gelu_pytorch_tanh"]
    notes: str
    vision: Tower
    text: TextTower
    hub_id: str | None = None
    research_only: bool = False
    weights: str | None = None
    tokenizer: str | None = None
    by_hand: ByHand | None = None
    figures: tuple[Figure, ...] = ()
    measured: Measured | None = None

    @property
    def made_here(self) -> bool:
        """Is it drawn from a random generator and not fetched?"""
        return self.hub_id is None and self.by_hand is None

    @property
    def download_bytes(self) -> int:
        """Size of the weights file in bytes, about: four bytes a parameter, without its header.

        One weights file is fetched (safetensors where the hub has it); config and tokenizer add a
        few megabytes. Of what is fetched by hand this is the base, and of what is made here 0.
        """
        return 0 if self.made_here else BYTES * self.parameters

    @property
    def terms(self) -> str:
        """The licence, and loudly what it forbids."""
        return f"{self.licence}: RESEARCH ONLY" if self.research_only else self.licence

    @property
    def patches(self) -> int:
        """Of a frame, P."""
        return (self.image_size // self.patch) ** 2

    @property
    def multiply_adds(self) -> int:
        """Of the image tower for one frame; half its floating-point operations.

        The matrix products alone: patches, projections, attention and networks of the layers.
        """
        width, hidden = self.vision.width, self.vision.hidden
        length = self.patches + (self.family != "siglip")  # a class token
        layer = length * width * (4 * width + 2 * hidden) + 2 * length**2 * width
        return self.patches * width * 4 * self.patch**2 + self.vision.layers * layer
