"""Text-video datasets: one record type and one reader per benchmark, and their frames."""

from fdaclip.data.augmentation import Augmentation
from fdaclip.data.benchmarks import DATASETS
from fdaclip.data.cache import FrameCache
from fdaclip.data.clips import Clips, View
from fdaclip.data.errors import DataError, StaleCache
from fdaclip.data.frames import Frames
from fdaclip.data.load import load_dataset, selection_splits, tested_split
from fdaclip.data.records import Dataset, Dropped, Record

__all__ = [
    "DATASETS",
    "Augmentation",
    "Clips",
    "DataError",
    "Dataset",
    "Dropped",
    "FrameCache",
    "Frames",
    "Record",
    "StaleCache",
    "View",
    "load_dataset",
    "selection_splits",
    "tested_split",
]
