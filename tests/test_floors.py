"""No lower room imports a higher one, and there are no circles (the floors of docs/house.md)."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fdaclip"
FLOORS = [
    {"video"},
    {"motion"},
    {"data", "model"},
    {"evaluate", "library"},
    {"train", "serve"},
    {"cli"},
]


def floor(room: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def rooms_imported(module: Path) -> set[str]:
    """Rooms of fdaclip that a module imports anywhere, function bodies included."""
    package = ("fdaclip", *module.relative_to(SOURCE).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            names = [stem, *(f"{stem}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "fdaclip" and len(parts) > 1:
                found.add(parts[1])
    return found


def modules() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*.py") if p.parent != SOURCE)


@pytest.mark.parametrize("module", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_down_the_floors(module: Path) -> None:
    room = module.relative_to(SOURCE).parts[0]
    known = set().union(*FLOORS)
    for other in (rooms_imported(module) & known) - {room}:
        assert floor(other) < floor(room), f"{room} (floor {floor(room) + 1}) imports {other}"


def test_every_folder_is_a_room() -> None:
    folders = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= set().union(*FLOORS)


def test_light_rooms_import_no_torch() -> None:
    """A command that only looks at pixels and masks must not wait seconds for torch."""
    for module in modules():
        if module.relative_to(SOURCE).parts[0] in {"video", "motion"}:
            tree = ast.parse(module.read_text())
            imported = {
                (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).split(".")[
                    0
                ]
                for node in ast.walk(tree)
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            }
            assert not imported & {"torch", "transformers"}, module
