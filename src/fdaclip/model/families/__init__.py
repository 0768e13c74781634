"""How each family of dual encoders makes a frame's feature; one module a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .family import Family as Family

if TYPE_CHECKING:
    from fdaclip.model.backbone import Backbone


def family_of(backbone: Backbone) -> Family:
    """What the tower needs to know of this backbone."""
    if backbone.config.model_type == "siglip":
        from .siglip import Siglip

        return Siglip(backbone)
    if backbone.config.model_type == "pe":
        from .pe import Perception

        return Perception(backbone)
    from .clip import Clip

    return Clip(backbone)
