"""FDA-CLIP: a Hugging Face dual encoder that sees frames with their mask as a fourth channel.

Names are imported on first use: `Preprocess`, `Encoder` and the zoo need neither torch nor
transformers.
"""

from typing import TYPE_CHECKING, Any

from .extras import needed

if TYPE_CHECKING:
    from .conversion import convert as convert
    from .encoder import Encoder as Encoder
    from .encoder import load_encoder as load_encoder
    from .errors import BadCheckpoint as BadCheckpoint
    from .errors import ModelError as ModelError
    from .errors import ModelNotFound as ModelNotFound
    from .errors import NeedsOneVector as NeedsOneVector
    from .errors import UnsupportedModel as UnsupportedModel
    from .extras import NotInstalled as NotInstalled
    from .fdaclip import FDACLIP as FDACLIP
    from .head_config import HeadConfig as HeadConfig
    from .losses import channel_decorrelation as channel_decorrelation
    from .losses import infonce as infonce
    from .losses import sigmoid_loss as sigmoid_loss
    from .losses import symmetric_infonce as symmetric_infonce
    from .preprocess import Preprocess as Preprocess
    from .runtimes import Precision as Precision
    from .runtimes import Runtime as Runtime
    from .runtimes.export import export_model as export_model
    from .runtimes.exported import ExportedEncoder as ExportedEncoder
    from .runtimes.folder import exported_for as exported_for
    from .starter.packages import STARTER as STARTER
    from .zoo import ZOO as ZOO
    from .zoo import Backbone as Backbone
    from .zoo import at_hand as at_hand

_MODULE_OF = {
    "Backbone": "zoo",
    "BadCheckpoint": "errors",
    "Encoder": "encoder",
    "ExportedEncoder": "runtimes.exported",
    "FDACLIP": "fdaclip",
    "HeadConfig": "head_config",
    "ModelError": "errors",
    "ModelNotFound": "errors",
    "NeedsOneVector": "errors",
    "NotInstalled": "extras",
    "Precision": "runtimes",
    "Preprocess": "preprocess",
    "Runtime": "runtimes",
    "STARTER": "starter.packages",
    "UnsupportedModel": "errors",
    "ZOO": "zoo",
    "at_hand": "zoo",
    "channel_decorrelation": "losses",
    "convert": "conversion",
    "export_model": "runtimes.export",
    "exported_for": "runtimes.folder",
    "infonce": "losses",
    "load_encoder": "encoder",
    "sigmoid_loss": "losses",
    "symmetric_infonce": "losses",
}
__all__ = [
    "FDACLIP",
    "STARTER",
    "ZOO",
    "Backbone",
    "BadCheckpoint",
    "Encoder",
    "ExportedEncoder",
    "HeadConfig",
    "ModelError",
    "ModelNotFound",
    "NeedsOneVector",
    "NotInstalled",
    "Precision",
    "Preprocess",
    "Runtime",
    "UnsupportedModel",
    "at_hand",
    "channel_decorrelation",
    "convert",
    "export_model",
    "exported_for",
    "infonce",
    "load_encoder",
    "sigmoid_loss",
    "symmetric_infonce",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(needed(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
