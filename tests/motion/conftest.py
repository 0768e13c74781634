"""The drawn scenes of benchmarks/mask_scenes.py serve the tests too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
