"""The zoo's files: what is in them is checked, and what is wrong is told by file and field."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from fdaclip.model import ZOO
from fdaclip.model.zoo import BadEntry
from fdaclip.model.zoo.backbone import Backbone
from fdaclip.model.zoo.reading import FOLDER, MEASURED, read_zoo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A zoo of its own with two backbones."""
    for name in ("clip-b32", "alpha-clip-b16", "clip-b16"):
        shutil.copy(FOLDER / f"{name}.toml", tmp_path)
    return tmp_path


def test_a_file_is_all_that_it_takes_to_add_one(folder: Path) -> None:
    text = (folder / "clip-b32.toml").read_text(encoding="utf-8")
    text = text.replace('"clip-b32"', '"mine"').replace("openai/clip-vit-base-patch32", "me/mine")
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    found = read_zoo(folder)
    assert [b.name for b in found] == ["clip-b32", "mine", "clip-b16", "alpha-clip-b16"]
    mine = found[1]
    assert mine.hub_id == "me/mine" and mine.vision.width == 768 and mine.figures[0].value > 60


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "clip-b32"', "name = clip-b32", r"clip-b32\.toml cannot be read: Invalid value"),
        ('name = "clip-b32"', 'name = "other"', r"the name must be 'clip-b32', not 'other'"),
        ("patch = 32", "", r"missing: patch$"),
        ("patch = 32", "patch = 32\npach = 32", r"unknown: pach; known are name, family"),
        ("patch = 32", 'patch = "32"', r"toml: patch must be int, not '32'"),
        ("patch = 32", "patch = true", r"patch must be int, not True"),
        ("patch = 32", "patch = 320", r"the patch within the picture"),
        (
            'family = "clip"',
            'family = "blip"',
            r"family must be one of clip, siglip, pe, not 'blip'",
        ),
        ("heads = 12", "heads = 7", r"make no tower: Tower\(width=768, layers=12, heads=7"),
        ("hidden = 3072", "", r"toml: vision: missing: hidden"),
        ("value = 63.3", 'value = "63.3"', r"figures\[0\]: value must be float, not '63.3'"),
        ("value = 63.3", "value = 63.3\nyear = 2021", r"figures\[0\]: unknown: year"),
        ("openai/clip-vit-base-patch32", "openai/clip-vit-base-patch16", r"more than one file has"),
        ("patch = 32", "patch = 32\nmeasured = {}", r"measured is written by benchmarks/zoo\.py"),
    ],
)
def test_a_broken_file_says_what_is_wrong(folder: Path, old: str, new: str, words: str) -> None:
    path = folder / "clip-b32.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadEntry, match=words) as caught:
        read_zoo(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_a_base_must_be_there(folder: Path) -> None:
    (folder / "clip-b16.toml").unlink()
    with pytest.raises(BadEntry, match=r"alpha-clip-b16\.toml has base clip-b16"):
        read_zoo(folder)


def test_what_was_measured_is_joined_by_name(folder: Path) -> None:
    assert all(b.measured is None for b in read_zoo(folder))
    rows = {"clip-b32": {"frames_per_s": 8, "memory_bytes": 10**9}}
    text = json.dumps({"machine": "a machine", "backbones": rows})
    (folder / MEASURED).write_text(text, encoding="utf-8")
    measured = {b.name: b.measured for b in read_zoo(folder)}
    assert measured["clip-b16"] is None and measured["clip-b32"] is not None
    assert measured["clip-b32"].frames_per_s == 8.0
    assert measured["clip-b32"].machine == "a machine"
    (folder / MEASURED).write_text('{"backbones": {"clip-b32": {"speed": 8}}}', encoding="utf-8")
    with pytest.raises(BadEntry, match=r"measured\.json"):
        read_zoo(folder)


def test_every_figure_says_where_it_is_published() -> None:
    for backbone in ZOO:
        assert backbone.made_here or backbone.figures
        for figure in backbone.figures:
            assert figure.source.startswith("https://") and 0 < figure.value < 100


def test_every_field_is_described() -> None:
    described = Backbone.__doc__ or ""
    for field in fields(Backbone):
        assert f"{field.name}:" in described or f"{field.name}," in described, field.name


def test_the_table_in_the_docs_is_the_zoos() -> None:
    docs = Path(__file__).parents[2] / "docs"
    code = "import make_backbones as m; assert m.PAGE.read_text('utf-8') == m.page()"
    done = subprocess.run([sys.executable, "-c", code], cwd=docs)
    assert done.returncode == 0, "run: python docs/make_backbones.py"


def test_the_example_in_the_docs_is_an_entry(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "my-b32.toml").write_text(example, encoding="utf-8")
    (mine,) = read_zoo(tmp_path)
    assert mine.parameters == known_parameters("laion-b32") and mine.terms == "MIT"


def known_parameters(name: str) -> int:
    return next(b.parameters for b in ZOO if b.name == name)
