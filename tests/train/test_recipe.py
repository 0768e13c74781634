"""A recipe is read strictly, and every shipped one is sound and explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fdaclip.train import RecipeError, Training, read_recipe
from fdaclip.train.reading import build, differences, keys, plain, to_yaml, vary
from fdaclip.train.session import base_of

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.yaml"))
LEAST = {
    "name": "least",
    "data": {"dataset": "msrvtt"},
    "model": {"start": "clip-b32"},
    "training": {"epochs": 5},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be positive, not 0"),
        ({"steps": None}, "give steps or epochs"),
        ({"epochs": 2}, "give steps or epochs, one of them, not 10 and 2"),
        ({"batch": 1}, "at least 2"),
        ({"warmup": 1.5}, "between 0 and 1, not 1.5"),
        ({"mode": "some"}, "frozen, lora or full, not 'some'"),
        ({"backbone_lr": -1}, "backbone_lr must not be negative"),
        ({"text_lr": -1}, "text_lr must not be negative"),
        ({"ema": 1.0}, "ema is between 0 and 1"),
        ({"precision": "int8"}, "fp32, bf16 or fp16, not 'int8'"),
        ({"epoch": "pairs", "sentences": 2}, "one by one, not 2 sentences"),
    ],
)
def test_training_that_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Training(**{"steps": 10, **change})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.bach", 64, r"has no training\.bach.*mean training\.batch\?"),
        ("batch", 64, r"has no batch.*mean training\.batch\?"),
        ("model.frames", 12, r"has no model\.frames.*mean model\.sampling\.frames\?"),
        ("modle.start", "x", r"has no modle\.start.*mean model\.start\?"),
        ("training.batch", "many", r"training\.batch is to be a whole number, not 'many'"),
        ("training.batch", 2.5, r"training\.batch is to be a whole number, not 2.5"),
        ("training.compile", 1, r"training\.compile is to be true or false, not 1"),
        ("training.mode", "some", r"training\.mode is to be frozen, lora, full, not 'some'"),
        ("model.head", "wti", r"model\.head is to be a section of"),
        ("model.motion.floor", 99, r"model\.motion: floor must be a number from 0 to 60"),
        ("data.dataset", None, r"data\.dataset is to be a word, not None"),
        ("record.trackers", "tensorboard", r"record\.trackers is to be a list"),
        ("name", "a/b", r"name becomes a folder"),
        ("selection.measure", "r1", r"measure must be one of text_to_video\.r1"),
    ],
)
def test_what_is_not_understood_is_named(key: str, value: Any, message: str) -> None:
    with pytest.raises(RecipeError) as told:
        build(LEAST, [(key, value)], "mine.yaml")
    import re

    text = f"{told.value} {told.value.hint}"
    assert re.search(message, text), text
    assert str(told.value).startswith("mine.yaml: ")


def test_an_unknown_key_in_the_file_is_an_error_too(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("name: x\ndata: {dataset: msrvtt}\nmodel: {start: clip-b32}\ntrainin: {}\n")
    with pytest.raises(RecipeError) as told:
        read_recipe(path)
    assert "has no trainin" in str(told.value) and told.value.hint == "did you mean training?"
    path.write_text("name: x\n")
    with pytest.raises(RecipeError, match="data, model, training must be given"):
        read_recipe(path)
    path.write_text("- a list")
    with pytest.raises(RecipeError, match="holds no recipe"):
        read_recipe(path)
    path.write_text("a: [")
    with pytest.raises(RecipeError, match="is no YAML"):
        read_recipe(path)
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        read_recipe(tmp_path / "none.yaml")


def test_the_command_line_replaces_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(to_yaml(build(LEAST)))
    recipe = read_recipe(
        path,
        [
            "training.batch=64",
            "training.backbone_lr=1e-6",  # which YAML 1.1 takes for a word
            "model.sampling.partner=sampled",
            "data.val=null",
            "training.epochs=null",
            "training.steps=10",
            "data.quality=raw",
            "record.trackers=[]",
        ],
    )
    assert recipe.training.batch == 64 and recipe.training.backbone_lr == 1e-6
    assert recipe.model.sampling.partner == "sampled" and recipe.data.val is None
    assert recipe.data.quality == "raw" and recipe.record.trackers == ()
    grid = read_recipe(path, ["ablation.vary.model.head.kind=[mean, ti]", "data.scenes={}"])
    assert grid.ablation.vary == {"model.head.kind": ["mean", "ti"]}
    with pytest.raises(RecipeError, match="'training' is no key=value"):
        read_recipe(path, ["training"])


def test_a_recipe_survives_the_file(tmp_path: Path) -> None:
    recipe = build(LEAST, [("ablation.vary", {"model.head.kind": ["mean", "ti"]})])
    path = tmp_path / "r.yaml"
    path.write_text(to_yaml(recipe))
    assert read_recipe(path) == recipe == build(plain(recipe))
    other = vary(recipe, {"training.batch": 4, "model.head.kind": "ti"})
    assert differences(recipe, other) == ["model.head.kind", "training.batch"]
    assert "training.batch" in keys() and "model.motion.floor" in keys()


def test_a_base_is_the_recipe_with_its_changes() -> None:
    after = {"model.guidance": "none", "training.mode": "full"}
    recipe = build(LEAST, [("model.after", after), ("training.mode", "frozen")])
    base = base_of(recipe)
    assert base is not None and base_of(base) is None
    assert set(differences(recipe, base)) == {
        "name",
        "model.guidance",
        "training.mode",
        *(f"model.after.{key}" for key in after),
        "model.after",
    }


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_shipped_recipe_is_sound_and_every_line_explained(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    lines = path.read_text().splitlines()
    head = [line for line in lines if line.startswith("#")]
    assert any(f"fdaclip train recipes/{path.name}" in line for line in head), "how to run it"
    for line in lines[len(head) :]:
        opens_section = line.rstrip().endswith(":")
        assert opens_section or "# " in line, f"no comment: {line}"


def test_the_published_settings_are_there() -> None:
    named = {path.stem: read_recipe(path) for path in RECIPES}
    baseline = named["msrvtt-clip4clip-b32"]
    assert baseline.model.guidance == "none" and baseline.model.head.kind == "mean"
    training = baseline.training
    assert (training.backbone_lr, training.new_lr, training.weight_decay) == (1e-7, 1e-4, 0.2)
    assert (training.epochs, training.batch, training.epoch) == (5, 128, "pairs")
    for name in ("didemo-fdaclip-b32", "activitynet-fdaclip-b32"):
        assert named[name].model.sampling.frames == 64
    for recipe in named.values():
        if recipe.data.dataset in ("msrvtt", "msvd", "didemo", "lsmdc", "activitynet", "vatex"):
            assert recipe.data.val is not None  # nothing is chosen on the test clips
