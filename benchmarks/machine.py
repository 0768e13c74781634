"""What figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "av",
    "numpy",
    "opencv-python-headless",
    "torch",
    "transformers",
    "onnxruntime",
    "openvino",
    "lancedb",
    "faiss-cpu",
    "torchcodec",
    "decord2",
)


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GB, Python, versions of what is installed, date."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "instructions": instructions(),
        "memory_gb": round(memory() / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := installed(name))},
        "date": datetime.now(UTC).date().isoformat(),
    }


def installed(package: str) -> str:
    """Its version; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def processor() -> str:
    """Its name, as the system has it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def instructions() -> str:
    """Those that decide the speed of matrix products, of the ones this processor has."""
    flags = set(_cpuinfo("flags").split())
    wanted = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    return ", ".join(name for name in wanted if name in flags)


def memory() -> int:
    """Bytes of memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def _cpuinfo(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((x.partition(":")[2].strip() for x in lines if x.startswith(field + "\t")), "")
