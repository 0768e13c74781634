"""Known backbones, one file each, and what of them is on this machine.

To add one, add its file: docs/backbones.md says how.
"""

from .backbone import Backbone as Backbone
from .backbone import Figure as Figure
from .backbone import Measured as Measured
from .local import CONFIG as CONFIG
from .local import INDEXES as INDEXES
from .local import OPEN_CLIP as OPEN_CLIP
from .local import OPEN_CLIP_CONFIG as OPEN_CLIP_CONFIG
from .local import WEIGHTS as WEIGHTS
from .local import ZOO as ZOO
from .local import at_hand as at_hand
from .local import cached as cached
from .local import cached_file as cached_file
from .local import holds_hugging_face as holds_hugging_face
from .local import holds_model as holds_model
from .local import known as known
from .local import other_weights as other_weights
from .local import place_by_hand as place_by_hand
from .local import shards as shards
from .reading import BadEntry as BadEntry
