"""A backbone of the zoo as transformers' config: to count its weights, or draw them at random."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fdaclip.model.backbone import config_class, quiet

if TYPE_CHECKING:
    from fdaclip.model.zoo import Backbone
    from fdaclip.model.zoo.backbone import TextTower, Tower

NAMES = {
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "hidden": "intermediate_size",
    "context": "max_position_embeddings",
    "vocabulary": "vocab_size",
}


def config_of(backbone: Backbone) -> Any:
    """The config of its family, three channels, in its true sizes.

    Begin and end of a sentence are the last two of the vocabulary, as in CLIP's; in SigLIP's, where
    a sentence is read at its last token whatever it is, they are as in its own config.
    """
    siglip = backbone.family == "siglip"
    shared = {"hidden_act": backbone.activation}
    if not siglip:
        shared["projection_dim"] = backbone.embedding  # type: ignore[assignment]
    vision = sizes(backbone.vision) | shared
    vision |= {"image_size": backbone.image_size, "patch_size": backbone.patch}
    text = sizes(backbone.text) | shared
    if siglip:
        text["projection_size"] = backbone.embedding
    else:
        last = backbone.text.vocabulary - 1
        text |= {"bos_token_id": last - 1, "eos_token_id": last}
    with quiet():
        return config_class(backbone.family)(
            vision_config=vision,
            text_config=text,
            **({} if siglip else {"projection_dim": backbone.embedding}),
        )


def sizes(tower: Tower | TextTower) -> dict[str, Any]:
    """Sizes by transformers' names."""
    return {NAMES[name]: size for name, size in asdict(tower).items()}
