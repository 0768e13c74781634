"""open_clip: OpenAI's names, with activation, heads and preprocessing in a config beside.

Reference: github.com/mlfoundations/open_clip, src/open_clip/model.py (`CLIPVisionCfg`,
`CLIPTextCfg`) and factory.py. The config is `open_clip_config.json` as its hub folders have it, or
one of its `model_configs/*.json` under that name. What it asks for and is not done here is an error
that names the field, not a silently different model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import BadCheckpoint, UnsupportedModel
from ..preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from ..zoo import OPEN_CLIP_CONFIG as CONFIG
from .openai import HEAD, Activation

# Fields that are read, or that change nothing once training is over.
READ = {
    "model": {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg", "init_logit_scale"},
    "vision_cfg": {
        *("layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size"),
        *("patch_dropout", "output_tokens"),
    },
    "text_cfg": {
        *("layers", "width", "heads", "mlp_ratio", "context_length", "vocab_size"),
        *("pad_id", "output_tokens"),
    },
}
# Fields of which one value is what is done here; None, false and empty are too.
SAME = {"pool_type": ("tok", "argmax"), "pos_embed_type": ("learnable",), "proj_type": ("linear",)}
# Fields that say how to build a tower of another kind, and nothing where none is named.
OF_OTHERS = {"timm_model_name": "timm_", "hf_model_name": "hf_"}


@dataclass(frozen=True)
class OpenClipConfig:
    """What a config says that the weights do not.

    Attributes:
        activation: of both towers.
        vision_heads, text_heads: of their attention.
        preprocess: how frames become pixels.
        sizes: image, patch, widths, layers, context and vocabulary, where given.
    """

    activation: Activation
    vision_heads: int
    text_heads: int
    preprocess: Preprocess
    sizes: dict[str, int]


def read_config(path: Path) -> OpenClipConfig:
    """A config of open_clip.

    Raises:
        BadCheckpoint: it cannot be read.
        UnsupportedModel: it asks for what is not done here; the fields are named.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        model = found.get("model_cfg", found)
        vision, text = model["vision_cfg"], model["text_cfg"]
        refused = [
            *refusals(model, "model"),
            *refusals(vision, "vision_cfg"),
            *refusals(text, "text_cfg"),
        ]
        if isinstance(vision.get("layers"), list):
            refused.append(f"vision_cfg.layers {vision['layers']} (a ResNet)")
        if refused:
            raise UnsupportedModel(f"{path} asks for {', '.join(refused)}, which is not done here")
        width = int(vision["width"])
        return OpenClipConfig(
            activation="quick_gelu" if model.get("quick_gelu") else "gelu",
            vision_heads=width // int(vision.get("head_width", HEAD)),
            text_heads=int(text["heads"]),
            preprocess=preprocessing(
                found.get("preprocess_cfg") or {}, int(vision["image_size"]), path
            ),
            sizes={
                "image": int(vision["image_size"]),
                "patch": int(vision["patch_size"]),
                "vision_width": width,
                "vision_layers": int(vision["layers"]),
                "context": int(text.get("context_length", 77)),
                "vocabulary": int(text.get("vocab_size", 49408)),
                "text_width": int(text["width"]),
                "text_layers": int(text["layers"]),
            },
        )
    except UnsupportedModel:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadCheckpoint(f"{path} is no config of open_clip: {error!r}") from error


def refusals(section: Mapping[str, Any], name: str) -> list[str]:
    """Fields of a section that ask for what is not done here."""
    others = [start for field, start in OF_OTHERS.items() if not section.get(field)]
    return [
        f"{name}.{field} {value!r}" if name != "model" else f"{field} {value!r}"
        for field, value in section.items()
        if field not in READ[name]
        and value not in (None, False, "", {}, [])
        and value not in SAME.get(field, ())
        and not field.startswith(tuple(others))
    ]


def preprocessing(said: Mapping[str, Any], size: int, path: Path) -> Preprocess:
    """From `preprocess_cfg`; open_clip's default is CLIP's."""
    mode, interpolation = said.get("resize_mode", "shortest"), said.get("interpolation", "bicubic")
    if mode not in ("shortest", "squash") or interpolation not in ("bicubic", "bilinear"):
        raise UnsupportedModel(
            f"{path} asks for resizing {mode!r} by {interpolation!r}, which is not done here"
        )
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    mean, std = said.get("mean", CLIP_MEAN), said.get("std", CLIP_STD)
    return Preprocess(
        size,
        square=mode == "squash",
        resample=int(filters[interpolation]),
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
    )


def check_sizes(config: OpenClipConfig, hugging_face: Any, source: Path) -> None:
    """Compare what the config says with what the weights' shapes say.

    Args:
        hugging_face: transformers' config made from the shapes.

    Raises:
        BadCheckpoint: they differ; the sizes are named.
    """
    vision, text = hugging_face.vision_config, hugging_face.text_config
    found = {
        "image": vision.image_size,
        "patch": vision.patch_size,
        "vision_width": vision.hidden_size,
        "vision_layers": vision.num_hidden_layers,
        "context": text.max_position_embeddings,
        "vocabulary": text.vocab_size,
        "text_width": text.hidden_size,
        "text_layers": text.num_hidden_layers,
    }
    differing = [
        f"{name} {size}, the weights {found[name]}"
        for name, size in config.sizes.items()
        if found[name] != size
    ]
    if differing:
        raise BadCheckpoint(f"{CONFIG} beside {source} says {'; '.join(differing)}")
