"""The benchmarks that are known: one module each. To add one, write its module and name it here."""

from fdaclip.data.benchmarks.activitynet import ACTIVITYNET
from fdaclip.data.benchmarks.benchmark import HELD_OUT_SPLITS, Benchmark, Counts
from fdaclip.data.benchmarks.didemo import DIDEMO
from fdaclip.data.benchmarks.lsmdc import LSMDC
from fdaclip.data.benchmarks.msrvtt import MSRVTT
from fdaclip.data.benchmarks.msvd import MSVD
from fdaclip.data.benchmarks.vatex import VATEX

DATASETS: dict[str, Benchmark] = {
    benchmark.name: benchmark for benchmark in (MSRVTT, MSVD, DIDEMO, LSMDC, ACTIVITYNET, VATEX)
}

__all__ = ["DATASETS", "HELD_OUT_SPLITS", "Benchmark", "Counts"]
