"""What the library holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fastapi import APIRouter

from .. import told, wire
from ..catalogue import Catalogue, shown, shown_key
from .here import Here

router = APIRouter(tags=["library"])
FOLDERS = 500  # that are told at most


@router.get("/library")
async def library(service: Here) -> wire.LibraryFacts:
    """Counts, sizes, folders, and the files that are bad, partial or missing."""
    catalogue = await service.catalogue()
    status = await service.status()
    folder = shown(status.folder)
    return wire.LibraryFacts(
        name=Path(folder).name.removesuffix(".fdaclip"),
        folder=folder,
        model=_name(status.stamp.model),
        created=status.stamp.created,
        files=status.files,
        moments=status.moments,
        hours=status.hours,
        bytes=status.bytes,
        recall=status.recall,
        read_only=service.read_only,
        searchable_text=catalogue.has_texts,
        picture_queries=service.sees,
        folders=_folders(catalogue),
        bad=[told.fault(failure) for failure in status.bad],
        partial=[told.fault(failure) for failure in status.partial],
        missing=[shown(path) for path in status.missing],
        offline=[wire.Offline(mount=shown(m), files=n) for m, n in status.offline.items()],
    )


def _name(model: str) -> str:
    """A model by its name; of one that lies in a folder, the folder's own name."""
    return shown(Path(model).name) if Path(model).is_absolute() else model


def _folders(catalogue: Catalogue) -> list[wire.Folder]:
    counts = Counter(shown_key(row.path).rpartition("/")[0] or "/" for row in catalogue.videos)
    return [wire.Folder(path=path, files=files) for path, files in counts.most_common(FOLDERS)]
