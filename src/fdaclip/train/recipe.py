"""Everything that decides a training run, in one typed place.

A recipe has five sections: the clips (`Data`), what is trained (`Model`), how (`Training`), how the
weights to keep are chosen (`Selection`) and what is written down (`Record`). Each value has one
place; `fdaclip.train.reading` makes a recipe of a YAML file and refuses what is not named here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fdaclip.data import Augmentation
from fdaclip.model.attention import AttentionBias
from fdaclip.model.head_config import HeadConfig
from fdaclip.model.prune import Prune
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

Directions = ("text_to_video", "video_to_text")
Measures = ("r1", "r5", "r10", "median_rank", "mean_rank")


def require(holds: bool, message: str) -> None:
    """Raise `ValueError` with this message unless the condition holds."""
    if not holds:
        raise ValueError(message)


def positive(section: Any, *names: str) -> None:
    """Each named value is above 0, or None where the section allows it."""
    for name in names:
        value = getattr(section, name)
        require(value is None or value > 0, f"{name} must be positive, not {value!r}")


def not_negative(section: Any, *names: str) -> None:
    """Each named value is at least 0, or None where the section allows it."""
    for name in names:
        value = getattr(section, name)
        require(value is None or value >= 0, f"{name} must not be negative, not {value!r}")


@dataclass(frozen=True)
class Data:
    """Which clips, and how they reach the model.

    Attributes:
        dataset: a benchmark's name, `shapes` (generated where it is missing), or the path of a
            CSV, JSONL or Parquet file of one's own.
        root: folder that holds the annotation files and the videos.
        videos: another folder in which the videos lie.
        protocol: of the benchmark, where it has several; None takes its usual one.
        train, val, test: names of the splits; None leaves out val or test. "auto" takes those with
            which an epoch is chosen without seeing the test: the protocol's own, or two parts of
            its training videos.
        allow_missing: go on without the videos that are not on disk, and say how many.
        cache: folder of decoded frames and masks; None decodes each time.
        positions: frames a segment that the cache holds, an odd number; for
            `augmentation.segments`.
        quality: of the cache's JPEGs, or "raw".
        memory: hold all training clips in memory, prepared; for small corpora.
        workers: processes that prepare batches; 0 prepares them in the training process.
        prefetch: batches that each of them prepares ahead.
        stall: s without a batch after which a line says so; after ten times that it is an error.
        shift: px by which a training clip is moved at random, frames and masks together.
        augmentation: what else is done to training clips at random.
        scenes: of `shapes` alone: scenes (four clips each) of each split.
    """

    dataset: str
    root: str = "."
    videos: str | None = None
    protocol: str | None = None
    train: str = "auto"
    val: str | None = "auto"
    test: str | None = "test"
    allow_missing: bool = False
    cache: str | None = None
    positions: int = 1
    quality: int | Literal["raw"] = 95
    memory: bool = False
    workers: int = 4
    prefetch: int = 2
    stall: float = 60.0
    shift: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    scenes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        positive(self, "prefetch", "stall")
        not_negative(self, "workers", "shift")
        require(
            not (self.memory and self.augmentation != Augmentation()),
            "clips held in memory are prepared once, so only shift changes them; "
            "leave out augmentation or memory",
        )
        require(
            not self.scenes or self.dataset == "shapes",
            f"scenes are drawn for the dataset shapes, not for {self.dataset!r}",
        )


@dataclass(frozen=True)
class Small:
    """Sizes of the little backbone that `model.start: small` makes; see `FDACLIP.small`."""

    image_size: int = 48
    patch_size: int = 24
    width: int = 128
    layers: int = 2
    text_layers: int = 1
    embedding_size: int = 128
    context: int = 24

    def __post_init__(self) -> None:
        positive(self, *self.__dataclass_fields__)


@dataclass(frozen=True)
class Model:
    """What is trained.

    Attributes:
        start: a folder, file or hub id as `FDACLIP.from_pretrained` takes it, or `small` for a
            little backbone with random weights that knows the words of the training captions.
        base: a CLIP that gives what a file of weights lacks, such as the tokenizer.
        small: its sizes.
        alpha: an Alpha-CLIP vision tower whose weights replace those of `start`.
        guidance: `alpha` feeds the mask to the model as a channel, `none` does not.
        attention: bias the attention of the class token by the mask.
        prune: drop the patches that do not move.
        head: frames to video.
        sampling: which frames of a clip, and how far off their partners are.
        motion: how a frame and its partner become a mask.
        after: overrides of this recipe (`key: value`) that give a run to do first; this one then
            starts from what that chose.
    """

    start: str
    base: str | None = None
    small: Small = field(default_factory=Small)
    alpha: str | None = None
    guidance: Literal["alpha", "none"] = "alpha"
    attention: AttentionBias | None = None
    prune: Prune | None = None
    head: HeadConfig = field(default_factory=HeadConfig)
    sampling: Sampling = field(default_factory=Sampling)
    motion: MotionConfig = field(default_factory=MotionConfig)
    after: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """How the weights change. The defaults are those of CLIP4Clip and its descendants.

    Attributes:
        steps, epochs: optimiser steps, or passes over the training clips; one of the two.
        batch: clips a step, of all processes together; the others of a batch are the negatives.
        micro_batch: clips encoded at once on a process, by gradient caching; None for all.
        sentences: of each clip in a batch.
        epoch: a pass over the `videos`, each with sentences drawn from its own, or over all
            `pairs` of a video and a sentence.
        positives: which pairs of a batch are true besides a sentence and its own clip: none
            (`pair`), those with another clip of the same `video`, or also those with a clip that
            has the same words (`sentence`).
        mode: what may change: `frozen` (alpha slice and head), `lora` (adapters too), `full`.
        rank: of the adapters.
        backbone_lr, alpha_lr, new_lr: peak learning rates of the pre-trained weights, of the alpha
            slice of the patch convolution, and of modules that no checkpoint brought.
        text_lr: that of the text tower, where it is not the backbone's.
        weight_decay: AdamW's, on matrices only.
        warmup: share of the steps in which the rate rises linearly; it then falls as a cosine to 0.
        clip_norm: gradients are scaled down to this norm.
        loss: `infonce` (softmax over a row and a column) or `sigmoid` (each pair by itself).
        hard_negatives: weight of the wrong answers that score high; 0 treats all alike.
        decorrelation: weight of DRL's channel decorrelation; 0 leaves it out.
        precision: of the towers: `fp32`, `bf16`, or `fp16` with loss scaling.
        compile: compile the towers with torch.compile.
        gradient_checkpointing: keep a layer's input alone and compute the rest again.
        ema: decay of a moving average of the weights, which is then what is evaluated and saved.
        seed: of the order of the clips, the choice of sentences, the augmentation and new weights.
    """

    steps: int | None = None
    epochs: int | None = None
    batch: int = 128
    micro_batch: int | None = None
    sentences: int = 1
    epoch: Literal["videos", "pairs"] = "videos"
    positives: Literal["pair", "video", "sentence"] = "video"
    mode: Literal["frozen", "lora", "full"] = "full"
    rank: int = 8
    backbone_lr: float = 1e-7
    alpha_lr: float = 1e-4
    new_lr: float = 1e-4
    text_lr: float | None = None
    weight_decay: float = 0.2
    warmup: float = 0.1
    clip_norm: float = 1.0
    loss: Literal["infonce", "sigmoid"] = "infonce"
    hard_negatives: float = 0.0
    decorrelation: float = 0.0
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compile: bool = False
    gradient_checkpointing: bool = False
    ema: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        positive(self, "steps", "epochs", "batch", "micro_batch", "sentences", "rank", "clip_norm")
        not_negative(self, "backbone_lr", "alpha_lr", "new_lr", "text_lr", "weight_decay", "seed")
        not_negative(self, "hard_negatives", "decorrelation")
        require(
            (self.steps is None) != (self.epochs is None),
            f"give steps or epochs, one of them, not {self.steps!r} and {self.epochs!r}",
        )
        require(self.batch >= 2, "batch must be at least 2: a pair alone has no negatives")
        require(0 <= self.warmup <= 1, f"warmup is a share between 0 and 1, not {self.warmup!r}")
        require(self.ema is None or 0 < self.ema < 1, f"ema is between 0 and 1, not {self.ema!r}")
        for name, known in (
            ("mode", ("frozen", "lora", "full")),
            ("epoch", ("videos", "pairs")),
            ("positives", ("pair", "video", "sentence")),
            ("loss", ("infonce", "sigmoid")),
            ("precision", ("fp32", "bf16", "fp16")),
        ):
            value = getattr(self, name)
            choices = f"{', '.join(known[:-1])} or {known[-1]}"
            require(value in known, f"{name} must be {choices}, not {value!r}")
        require(
            self.epoch == "videos" or self.sentences == 1,
            f"an epoch over pairs takes them one by one, not {self.sentences} sentences a clip",
        )


@dataclass(frozen=True)
class Selection:
    """How the weights to keep are chosen: by the validation clips, never by the test clips.

    Attributes:
        every: steps between two evaluations; None evaluates after each epoch.
        measure: what is compared, `direction.name`.
        patience: evaluations without a better one after which training stops; None goes on.
        watch_test: evaluate the test clips as often too, and report the best of those beside the
            result, labelled; nothing is chosen by it.
    """

    every: int | None = None
    measure: str = "text_to_video.r1"
    patience: int | None = None
    watch_test: bool = True

    def __post_init__(self) -> None:
        positive(self, "every", "patience")
        known = [f"{direction}.{name}" for direction in Directions for name in Measures]
        require(
            self.measure in known, f"measure must be one of {', '.join(known)}, not {self.measure}"
        )

    def better(self, new: float, old: float | None) -> bool:
        """Is one value of the measure better than another? Low ranks are, high recalls are."""
        if old is None:
            return True
        return new < old if self.measure.endswith("_rank") else new > old


@dataclass(frozen=True)
class Record:
    """What is written down while training.

    Attributes:
        save_every: steps between two checkpoints; None saves after each epoch. One is saved after
            each evaluation that is the best so far, and at the end, as well.
        keep: checkpoints kept besides the best one.
        log_every: steps between two lines of metrics.jsonl's readers: TensorBoard and the like.
        trackers: any of tensorboard, wandb and trackio; those that are not installed are named.
    """

    save_every: int | None = None
    keep: int = 2
    log_every: int = 10
    trackers: tuple[str, ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        positive(self, "save_every", "keep", "log_every")
        unknown = set(self.trackers) - {"tensorboard", "wandb", "trackio"}
        require(
            not unknown,
            f"trackers are tensorboard, wandb and trackio, not {', '.join(sorted(unknown))}",
        )


@dataclass(frozen=True)
class Ablation:
    """The grid that `fdaclip ablate` runs.

    Attributes:
        vary: axes: a recipe key and its values, or a name and `label: {key: value, …}`.
        design: `each` varies one axis at a time about the recipe, `product` all of them together.
        seeds: of each cell.
        against: overrides of the twin that each cell is compared with by the paired test.
    """

    vary: dict[str, Any] = field(default_factory=dict)
    design: Literal["each", "product"] = "each"
    seeds: tuple[int, ...] = (0, 1, 2)
    against: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.design in ("each", "product"), f"design is each or product, not {self.design}")
        require(
            len(set(self.seeds)) == len(self.seeds) > 0,
            f"seeds must be some different numbers, not {list(self.seeds)}",
        )


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    Attributes:
        name: of the run, its folder and its row in a table.
        data, model, training, selection, record: see there.
        ablation: the grid about this recipe; `fdaclip train` leaves it alone.
    """

    name: str
    data: Data
    model: Model
    training: Training
    selection: Selection = field(default_factory=Selection)
    record: Record = field(default_factory=Record)
    ablation: Ablation = field(default_factory=Ablation)

    def __post_init__(self) -> None:
        require(
            bool(self.name) and not set(self.name) & set("/\\\0") and self.name[0] != ".",
            f"name becomes a folder, so it cannot be {self.name!r}",
        )
