"""Contrastive training: the recipe, the batches and the loop."""

from fdaclip.train.loop import Step, TrainingDiverged, train
from fdaclip.train.pairs import Pairs
from fdaclip.train.recipe import Recipe
from fdaclip.train.schedule import warmup_cosine

__all__ = ["Pairs", "Recipe", "Step", "TrainingDiverged", "train", "warmup_cosine"]
