"""The benchmarks are programs, not a package: their folder is put where imports look."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
