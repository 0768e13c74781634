"""What a figure was made with: code, libraries, machine, time."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fdaclip

LIBRARIES = ("torch", "transformers", "numpy", "av", "opencv-python-headless", "pillow")


def provenance() -> dict[str, Any]:
    """Code version, library versions, hardware and time, as JSON values."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": code(),
        "versions": {"python": platform.python_version()} | libraries(),
        "hardware": hardware(),
    }


def code() -> dict[str, Any]:
    """The version of fdaclip; in a git checkout also the commit, and if files differ from it."""
    folder = Path(fdaclip.__file__).parent
    found: dict[str, Any] = {"fdaclip": fdaclip.__version__}
    if git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return found  # installed, perhaps inside the checkout of another project
    found["commit"] = git(folder, "rev-parse", "HEAD")
    found["changed"] = bool(git(folder, "status", "--porcelain", "--", "."))
    return found


def git(folder: Path, *arguments: str) -> str | None:
    """What git says; None if it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def libraries() -> dict[str, str]:
    """Versions of what decides a vector."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def hardware() -> dict[str, Any]:
    """Processor, memory, threads, accelerators."""
    import torch

    found: dict[str, Any] = {
        "processor": processor(),
        "processors": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        found["memory_gb"] = round(pages / 1e9, 1)
    if gpus := [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]:
        found["gpus"] = gpus
    return found


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
