"""Contrastive training: the recipe, the batches and the loop.

Names are imported on first use: a process that only prepares batches needs no model.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fdaclip.train.loading import LoaderStalled as LoaderStalled
    from fdaclip.train.loading import Loading as Loading
    from fdaclip.train.loop import Step as Step
    from fdaclip.train.loop import train as train
    from fdaclip.train.pairs import Pairs as Pairs
    from fdaclip.train.reading import RecipeError as RecipeError
    from fdaclip.train.reading import read_recipe as read_recipe
    from fdaclip.train.recipe import Recipe as Recipe
    from fdaclip.train.recipe import Training as Training
    from fdaclip.train.schedule import warmup_cosine as warmup_cosine
    from fdaclip.train.session import train_recipe as train_recipe
    from fdaclip.train.trainer import Trainer as Trainer
    from fdaclip.train.trainer import TrainingDiverged as TrainingDiverged

_MODULE_OF = {
    "LoaderStalled": "loading",
    "Loading": "loading",
    "Pairs": "pairs",
    "Recipe": "recipe",
    "RecipeError": "reading",
    "Step": "loop",
    "Trainer": "trainer",
    "Training": "recipe",
    "TrainingDiverged": "trainer",
    "read_recipe": "reading",
    "train": "loop",
    "train_recipe": "session",
    "warmup_cosine": "schedule",
}
__all__ = [
    "LoaderStalled",
    "Loading",
    "Pairs",
    "Recipe",
    "RecipeError",
    "Step",
    "Trainer",
    "Training",
    "TrainingDiverged",
    "read_recipe",
    "train",
    "train_recipe",
    "warmup_cosine",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
