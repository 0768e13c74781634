"""FDA-CLIP: a dual encoder that is shown what moves (arXiv 2510.21806).

Shapes: V or B videos, Q sentences, T frames, S×S pixels, E embedding, L tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import Sampling, open_video

from . import freezing
from .attention import AttentionBias
from .backbone import embedding_size, towers, widen
from .checkpoints import Parts, read
from .checkpoints.openai import Activation
from .checkpoints.parts import backbone_of, load_head
from .checkpoints.writing import Mask, write_folder, write_openai
from .errors import BadCheckpoint, NeedsOneVector
from .fingerprint import fingerprint, versions
from .heads import HeadConfig, build_head, transformer_of
from .interaction import TokenHead
from .normalise import Normalise
from .passes import in_passes
from .preprocess import Preprocess
from .prune import Prune, kept_patches
from .runtimes import Precision, Runtime
from .sequence import begin_at_text_tower
from .settings import Guidance, Settings
from .small import small_backbone
from .tokens import Tokens, word_level
from .tower import FrameTower
from .words import WORDS

if TYPE_CHECKING:
    from .backbone import Backbone

MAX_LOGIT_SCALE = 100.0  # CLIP's clamp (Radford et al. 2021, section 2.5)

Vectors = TypeVar("Vectors", Tensor, NDArray[np.float32])


class Clip(Protocol):
    """Frames and the partner of each, uint8 [T,H,W,3]; a `fdaclip.video.Clip` or anything alike."""

    @property
    def rgb(self) -> NDArray[np.uint8]: ...
    @property
    def partners(self) -> NDArray[np.uint8]: ...


class FDACLIP(nn.Module):
    """A Hugging Face dual encoder with a mask channel and a head over frames.

    Made by `from_pretrained` or `small`.

    Attributes:
        backbone: a dual encoder of one of the families, with `num_channels=4`.
        head: frames to video, [B,T,E] → [B,E].
        settings: sampling, motion, guidance and head, as they are saved.
        preprocess: how frames and masks become RGBA.
        tokens: the tokenizer.
    """

    runtime: Runtime = "torch"
    precision: Precision = "fp32"

    def __init__(
        self, backbone: Backbone, tokens: Tokens, preprocess: Preprocess, settings: Settings
    ) -> None:
        super().__init__()
        vision, _ = towers(backbone)
        seen = vision.image_size
        if seen != preprocess.size:
            raise ValueError(f"the tower sees {seen} px, the preprocessing gives {preprocess.size}")
        self.backbone = backbone
        self.normalise = Normalise(preprocess)
        self.tower = FrameTower(backbone, self.normalise, settings)
        self.head = build_head(embedding_size(backbone), settings.head)
        self.tokens = tokens
        self.preprocess = preprocess
        self.settings = settings
        self._fingerprint: tuple[Any, str] | None = None

    # -- making one ---------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        download: bool = False,
        base: str | Path | None = None,
        alpha: str | Path | None = None,
        activation: Activation | None = None,
        guidance: Guidance | None = None,
        attention: AttentionBias | None = None,
        prune: Prune | None = None,
        head: HeadConfig | None = None,
        sampling: Sampling | None = None,
        motion: MotionConfig | None = None,
    ) -> FDACLIP:
        """A model from a folder or file, the hub cache, or, with `download`, the hub.

        A plain CLIP or SigLIP is widened to RGBA with a zero alpha slice: until trained it sees
        what the plain model sees, to the bit. An FDA-CLIP folder comes back as it was saved. What
        is given here takes the place of what the folder says. Files of OpenAI, open_clip,
        Alpha-CLIP and CLIP4Clip are told apart by the names of their weights (docs/checkpoints.md).

        Args:
            name: a folder, a file of weights, a hub id (`openai/clip-vit-base-patch32`), or a short
                name of the zoo (`clip-b32`).
            download: fetch what is not on this machine; otherwise the network is never touched.
            base: a CLIP (name, folder or file) that gives what the file lacks: to a vision tower of
                Alpha-CLIP its text tower, to other files a tokenizer.
            alpha: a vision tower of Alpha-CLIP that takes the place of this model's.
            activation: of a file that does not say.
            guidance, attention, prune, head, sampling, motion: see `Settings`. A head other than
                the saved one starts untrained.

        Raises:
            ModelNotFound: it is not on this machine, or something it needs; the message says what.
            BadCheckpoint: files are missing or damaged, or weights missing, left over or misshapen.
            UnsupportedModel: its architecture or preprocessing does not run here.
        """
        parts = read(name, download=download, base=base, alpha=alpha, activation=activation)
        changed = given(
            guidance=guidance,
            attention=attention,
            prune=prune,
            head=head,
            sampling=sampling,
            motion=motion,
        )
        return cls.of(parts, replace(parts.settings, **changed))

    @classmethod
    def of(cls, parts: Parts, settings: Settings | None = None) -> FDACLIP:
        """The model of a checkpoint that was read, with other settings than its own if given.

        Raises:
            BadCheckpoint: the parts do not fit each other, or the settings.
        """
        settings = settings or parts.settings
        with torch.random.fork_rng(devices=[]):
            backbone = backbone_of(parts, settings.guidance)
            torch.manual_seed(0)  # an untrained head is the same each time
            try:
                model = cls(backbone, parts.tokens, parts.preprocess, settings)
                if settings.head == parts.settings.head:
                    load_head(model.head, parts)
                else:
                    model._begin_head()
            except ValueError as error:
                raise BadCheckpoint(f"{parts.source}: {error}") from error
        return model.eval()

    @classmethod
    def small(
        cls,
        seed: int = 0,
        *,
        words: Iterable[str] = WORDS,
        image_size: int = 56,
        patch_size: int = 8,
        width: int = 128,
        layers: int = 3,
        text_layers: int = 2,
        embedding_size: int = 128,
        context: int = 40,
        guidance: Guidance = "alpha",
        attention: AttentionBias | None = None,
        prune: Prune | None = None,
        head: HeadConfig | None = None,
        sampling: Sampling | None = None,
        motion: MotionConfig | None = None,
    ) -> FDACLIP:
        """A little untrained FDA-CLIP with its own word-level tokenizer, for a demo and for tests.

        The same arguments give the same weights, whatever `guidance` is: a model and its twin that
        is not shown the mask start alike.

        Args:
            seed: of the weights; torch's own random state is left as it was.
            words: what the tokenizer knows; other words are all "unknown".
            image_size, patch_size: px.
            width: of both towers; a head of attention is 32 wide.
            layers, text_layers: of the towers.
            context: tokens a sentence may have, begin and end included.
            guidance, attention, prune, head, sampling, motion: see `Settings`.

        Raises:
            ValueError: the sizes do not divide.
        """
        settings = Settings(
            **given(
                guidance=guidance,
                attention=attention,
                prune=prune,
                head=head,
                sampling=sampling,
                motion=motion,
            )
        )
        tokens = word_level(words, context)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            backbone = small_backbone(
                tokens, image_size, patch_size, width, layers, text_layers, embedding_size
            )
            widen(backbone, settings.guidance)
            model = cls(backbone, tokens, Preprocess(image_size), settings)
            model._begin_head()
            return model.eval()

    def _begin_head(self) -> None:
        """Give an untrained head what it begins with besides random numbers.

        Raises:
            ValueError: the backbone has not what a head of form `clip4clip` begins with.
        """
        head = self.settings.head
        if head.has_transformer and head.form == "clip4clip":
            if self.backbone.config.model_type != "clip":
                raise ValueError("a head of form clip4clip begins with a CLIP's text tower")
            begin_at_text_tower(transformer_of(self.head), self.backbone.text_model)

    # -- what it is ---------------------------------------------------------------------------

    @property
    def sampling(self) -> Sampling:
        """Which frames of a clip it wants."""
        return self.settings.sampling

    @property
    def motion(self) -> MotionConfig:
        """How masks are made."""
        return self.settings.motion

    @property
    def guidance(self) -> Guidance:
        """Is the mask fed to it as a channel ("alpha") or not ("none")?"""
        return self.settings.guidance

    @property
    def attention(self) -> AttentionBias | None:
        """How the class token is told what moves, if it is."""
        return self.settings.attention

    @property
    def prune(self) -> Prune | None:
        """Which patches are dropped, if any are."""
        return self.settings.prune

    @property
    def embedding_size(self) -> int:
        """E."""
        return embedding_size(self.backbone)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides a vector: weights, config, preprocessing, tokens, settings.

        The same after saving and loading and in every process; computed again only when a weight
        was written to.
        """
        state = (versions(self), self.settings, self.preprocess)
        if self._fingerprint is None or self._fingerprint[0] != state:
            weights = freezing.folded_state(self.backbone) | {
                f"head.{name}": tensor for name, tensor in self.head.state_dict().items()
            }
            configs = [self.backbone.config, *towers(self.backbone)]
            rest = [self.settings.identity(), asdict(self.preprocess), self.tokens.identity()]
            self._fingerprint = (state, fingerprint(weights, configs, rest))
        return self._fingerprint[1]

    # -- encoding with gradient ---------------------------------------------------------------

    def video_features(self, rgba: Tensor) -> tuple[Tensor, ...]:
        """Videos as RGBA frames → what `score` compares them by, with gradient.

        Args:
            rgba: uint8 [B,T,4,S,S].

        Returns:
            float32, dimension 0 the batch, the others fixed by head and T. `mean`, `temporal`: unit
            vectors ([B,E],). `ti`: unit frames ([B,T,E],). `wti`: unit frames and weights [B,T].

        Raises:
            ValueError: another shape or type.
        """
        frames = self.frame_features(rgba)
        if isinstance(self.head, TokenHead):
            return self.head.video(frames)
        return (self.head(frames),)

    def text_features(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Sentences as token ids → what `score` compares them by, with gradient.

        Args:
            input_ids, attention_mask: [B,L], as `tokenize` gives them.

        Returns:
            Dimension 0 the batch, the others fixed. `mean`, `temporal`: unit vectors ([B,E],).
            `ti`: unit words [B,C,E] and which are words, bool [B,C], padded to the context of C
            tokens; `wti`: also weights [B,C].
        """
        if isinstance(self.head, TokenHead):
            return self.head.text(*self.word_features(input_ids, attention_mask))
        return (self.encode_tokens(input_ids, attention_mask),)

    def score(self, text: tuple[Tensor, ...], video: tuple[Tensor, ...]) -> Tensor:
        """How well Q sentences fit V videos, [Q,V] in [−1, 1], before the logit scale.

        Args:
            text, video: as `text_features` and `video_features` give them, Q and V rows.
        """
        if isinstance(self.head, TokenHead):
            return self.head.score(text, video)
        return text[0] @ video[0].T

    def frame_features(self, rgba: Tensor) -> Tensor:
        """Every frame's own feature, uint8 [B,T,4,S,S] → [B,T,E], not of unit length.

        Raises:
            ValueError: another shape or type.
        """
        self.check_rgba(rgba)
        kept = self.kept_patches(rgba)
        if (
            len({patches.shape[1] for patches in kept}) > 1
        ):  # adaptive: each clip has its own number
            return torch.cat([self.frame_features(clip[None]) for clip in rgba])
        patches = torch.from_numpy(np.concatenate(kept)).to(self.device) if kept else None
        features: Tensor = self.tower(rgba.to(self.device).flatten(0, 1), patches)  # [B·T,E]
        return features.float().view(*rgba.shape[:2], -1)  # float32 under autocast too

    def check_rgba(self, rgba: Tensor) -> None:
        """Is it what the image tower takes, uint8 [B,T,4,S,S]?

        Raises:
            ValueError: another shape or type.
        """
        size = self.preprocess.size
        shaped = rgba.ndim == 5 and rgba.shape[2:] == (4, size, size) and rgba.numel() > 0
        if not shaped or rgba.dtype != torch.uint8:
            raise ValueError(
                f"rgba must be uint8 [B,T,4,{size},{size}], not {rgba.dtype} {list(rgba.shape)}"
            )

    def kept_patches(self, rgba: Tensor) -> list[NDArray[np.int64]]:
        """Of each clip the patches that are computed, int64 [T,K] each; none listed if all are.

        Args:
            rgba: uint8 [B,T,4,S,S].
        """
        prune = self.settings.prune
        if prune is None or prune.keep == 1:
            return []
        masks = rgba[:, :, 3].cpu().numpy()
        return [kept_patches(clip, self.tower.patch, prune) for clip in masks]

    def word_features(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Every token's own feature in the shared space, and which are no padding.

        The projection that the towers apply to the token they read a sentence at is applied to all
        (as in DRL's `encode_text` with `return_hidden`); begin and end count as words there too.

        Returns:
            [B,C,E], not of unit length, and bool [B,C]: padded to the context of C tokens.
        """
        ids, mask = input_ids.to(self.device), attention_mask.to(self.device).bool()
        states = self.backbone.text_model(
            input_ids=ids, attention_mask=None if self.tokens.fixed else mask
        ).last_hidden_state  # [B,L,D]
        if self.tokens.fixed:  # padding is attended to, but is no word
            mask = ids != self.tokens.pad_id
            mask[:, 0] = True  # of an empty sentence
        backbone: Any = self.backbone
        siglip = backbone.config.model_type == "siglip"
        words = (backbone.text_model.head if siglip else backbone.text_projection)(states)
        missing = self.tokens.context - words.shape[1]
        return pad(words, (0, 0, 0, missing)), pad(mask, (0, missing))

    def encode_frames(self, rgba: Tensor) -> Tensor:
        """Videos as RGBA frames → unit vectors float32 [B,E], with gradient.

        Raises:
            ValueError: another shape or type.
            NeedsOneVector: the head is `ti` or `wti`.
        """
        self.require_one_vector()
        (vectors,) = self.video_features(rgba)
        return vectors

    def encode_tokens(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Sentences as token ids → unit vectors float32 [B,E], with gradient.

        Args:
            input_ids, attention_mask: [B,L], as `tokenize` gives them.

        Raises:
            NeedsOneVector: the head is `ti` or `wti`.
        """
        self.require_one_vector()
        features = self.backbone.get_text_features(
            input_ids=input_ids.to(self.device),
            attention_mask=None if self.tokens.fixed else attention_mask.to(self.device),
        ).pooler_output
        return normalize(features.float(), dim=-1)

    def require_one_vector(self) -> None:
        """Does its head give one vector a clip?

        Raises:
            NeedsOneVector: it keeps frames and words apart.
        """
        if self.settings.head.keeps_tokens:
            raise NeedsOneVector(
                f"the head {self.settings.head.kind} keeps frames and words apart, and this needs "
                "one vector a clip; hint: use video_features, text_features and score, or a model "
                "with head mean or temporal"
            )

    def tokenize(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Sentences → `input_ids` and `attention_mask`, int64 [B,L], as `encode_tokens` takes them.

        Longer ones are cut to the context, their end token kept; shorter ones padded on the right
        to the longest of this batch.
        """
        rows = self.tokens.ids(texts)
        longest = max(map(len, rows), default=0)
        ids = [row + [self.tokens.pad_id] * (longest - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        shape = (len(rows), longest)
        return {
            "input_ids": torch.tensor(ids, dtype=torch.int64).view(shape),
            "attention_mask": torch.tensor(mask, dtype=torch.int64).view(shape),
        }

    def logit_scale(self) -> Tensor:
        """The learned inverse temperature, a scalar of at most 100, with gradient.

        While training the parameter itself is held at log 100, as in CLIP4Clip: a clamp of the
        result alone would leave it without gradient, and stuck, once above.
        """
        scale = self.backbone.logit_scale
        if not (self.training and scale.requires_grad):
            return scale.exp().clamp(max=MAX_LOGIT_SCALE).squeeze()
        with torch.no_grad():
            scale.clamp_(max=log(MAX_LOGIT_SCALE))
        return scale.exp().squeeze()

    # -- encoding for use ---------------------------------------------------------------------

    def encode_rgba(self, clips: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Prepared clips → unit vectors.

        One clip a pass: the order in which a matrix product sums may change with the number of its
        rows, so that only equal shapes give equal bits, and a pass of T frames is no slower on a
        CPU than a larger one. A clip's vector is the same whatever the others are.

        Args:
            clips: uint8 [T,4,S,S] each; T may differ. Taken one by one, so that a generator's clips
                need not fit in memory together.

        Returns:
            float32 [V,E].
        """
        self.require_one_vector()
        with inference(self):
            rows = [self.encode_frames(as_batch(clip))[0].cpu() for clip in clips]
        return stacked(rows, self.embedding_size)

    def encode_clips(self, clips: Iterable[Clip]) -> NDArray[np.float32]:
        """Clips → unit vectors float32 [V,E]: their motion is analysed, then as `encode_rgba`."""
        return self.encode_rgba(map(self.prepare, clips))

    def encode_videos(self, paths: Iterable[str | Path]) -> NDArray[np.float32]:
        """Whole video files → unit vectors float32 [V,E], each sampled from start to end.

        Raises:
            fdaclip.video.VideoError: a file cannot be read; it is named.
        """
        return self.encode_clips(map(self.sample, paths))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Sentences → unit vectors float32 [Q,E].

        One sentence a pass and without padding, so that a sentence's vector is the same whatever
        the others are; a repeated sentence is encoded once.
        """
        if isinstance(texts, str):
            raise TypeError("encode_texts takes a list of sentences, not one")
        self.require_one_vector()
        distinct = list(dict.fromkeys(texts))
        with inference(self):
            vector = {t: self.encode_tokens(**self.tokenize([t]))[0].cpu() for t in distinct}
        return stacked([vector[text] for text in texts], self.embedding_size)

    def encode_together(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same to rounding, many a pass; sentences of a length share one."""
        self.require_one_vector()

        def one_pass(some: Sequence[str]) -> Tensor:
            return self.encode_tokens(**self.tokenize(some)).cpu()

        with inference(self):
            return in_passes(texts, one_pass, self.embedding_size)

    def sample(self, path: str | Path) -> Clip:
        """The frames of a whole video file that this model looks at, with their partners.

        Raises:
            fdaclip.video.VideoError: it cannot be read.
        """
        side = self.preprocess.decode_short_side
        with open_video(path) as video:
            return video.clip(
                sampling=self.sampling, short_side=side, vectors=self.motion.source == "codec"
            )

    def prepare(self, clip: Clip) -> NDArray[np.uint8]:
        """A clip as the RGBA that this model takes, uint8 [T,4,S,S]; alpha is 255 if unguided."""
        motion = analyse_motion(clip, self.motion) if self.settings.needs_masks else None
        return self.preprocess(clip, motion)

    def similarity(self, texts: Vectors, videos: Vectors) -> Vectors:
        """Cosine of unit vectors, [Q,E] and [V,E] → [Q,V]."""
        return texts @ videos.T

    # -- training -----------------------------------------------------------------------------

    def set_trainable(self, mode: freezing.Mode, *, rank: int = 8) -> None:
        """Choose what training may change.

        Args:
            mode: `frozen`: the alpha slice and the head; `lora`: these and low-rank adapters beside
                the attention of both towers; `full`: everything.
            rank: of the adapters. They are folded into the weights when the model is saved or
                another mode is chosen.

        Raises:
            ValueError: another mode.
            ModelError: `lora` without peft installed.
        """
        if mode not in freezing.MODES:
            raise ValueError(f"mode must be one of {', '.join(freezing.MODES)}, not {mode!r}")
        freezing.fold_lora(self.backbone)
        if mode == "lora":
            freezing.add_lora(self.backbone, rank)
        freezing.choose_trainable(self.backbone, self.head, mode)

    def parameter_groups(
        self,
        *,
        backbone_lr: float,
        alpha_lr: float,
        new_lr: float,
        weight_decay: float,
        text_lr: float | None = None,
    ) -> list[dict[str, Any]]:
        """AdamW groups of what is trainable: "backbone", "alpha", and "new" (head and adapters).

        With `text_lr` the text tower is a group of its own, "text". Matrices decay; gains, biases
        and the logit scale are in groups named "…, no decay".
        """
        return freezing.parameter_groups(
            self.backbone,
            self.head,
            backbone_lr=backbone_lr,
            alpha_lr=alpha_lr,
            new_lr=new_lr,
            weight_decay=weight_decay,
            text_lr=text_lr,
        )

    def gradient_checkpointing(self, on: bool) -> None:
        """While training, keep only each tower layer's input and compute the rest again.

        Memory for activations falls to about one layer's, time rises by about a third (Chen et al.
        2016, "Training deep nets with sublinear memory cost"). The gradients are the same.
        """
        backbone: Any = self.backbone
        # "activation" since transformers 5.2x, which warns of the older name
        kind = "activation" if hasattr(backbone, "activation_checkpointing_enable") else "gradient"
        if on:
            getattr(backbone, f"{kind}_checkpointing_enable")({"use_reentrant": False})
        else:
            getattr(backbone, f"{kind}_checkpointing_disable")()

    # -- saving -------------------------------------------------------------------------------

    def save_pretrained(
        self, folder: str | Path, *, results: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Save as a Hugging Face folder with fdaclip.json and a model card; reloads identical.

        The folder is written under another name beside it and renamed, so that it is whole or not
        there. A model saved there before is replaced. Adapters are folded into the saved weights.

        Args:
            results: contents of `result.json` files, whose figures the card shows.

        Raises:
            FileExistsError: the folder exists and holds other things than a saved model.
            ValueError: one of the results is none.
        """
        write_folder(self, Path(folder), results)

    def save_openai(self, path: str | Path, *, mask: Mask = "keep") -> None:
        """Save the towers as a state dict in OpenAI's names, which its `clip.load` reads.

        Args:
            path: of the file, replaced whole.
            mask: `keep`: a trained alpha slice is written as `visual.conv1_alpha.weight`, as
                Alpha-CLIP names it; OpenAI's own code does not know that. `ones`: it is put into
                the position embeddings as it is with a mask of ones everywhere, which is exact and
                a plain CLIP. A slice that is zero, or not used, is left out in both.

        Raises:
            UnsupportedModel: the form cannot hold this model: SigLIP, another activation than
                QuickGELU, another head than the mean, attention heads not 64 wide, or a vocabulary
                whose end token is not its last.
        """
        write_openai(self, Path(path), mask)


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def as_batch(clip: NDArray[np.uint8]) -> Tensor:
    """[T,4,S,S] as [1,T,4,S,S]; a copy, since torch takes no read-only or flipped arrays."""
    return torch.from_numpy(np.array(clip, order="C"))[None]


def stacked(rows: list[Tensor], width: int) -> NDArray[np.float32]:
    """Vectors [E] as one array [V,E], also when there are none."""
    if not rows:
        return np.empty((0, width), np.float32)
    array: NDArray[np.float32] = torch.stack(rows).float().numpy()
    return array


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients, for a while."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)
