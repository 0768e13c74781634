"""Run by torchrun: one of several processes of a run. together.py RECIPE FOLDER"""

import sys
from pathlib import Path

from fdaclip.train.reading import read_recipe
from fdaclip.train.session import train_recipe
from fdaclip.train.world import Together

if __name__ == "__main__":
    train_recipe(read_recipe(sys.argv[1]), Path(sys.argv[2]), resume=True, world=Together())
