"""A grid about a recipe: its cells, its runs, its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fdaclip.train.ablation import Line, ablate, cells, markdown, spread, to_json
from fdaclip.train.reading import RecipeError
from fdaclip.train.session import identity


def labels(recipe: Any) -> list[dict[str, str]]:
    return [cell.label for cell in cells(recipe)]


def test_axes_one_at_a_time_or_all_together(recipe_of: Any) -> None:
    vary = {
        "model.head.kind": ["mean", "ti"],
        "mode": {"full": {"training.mode": "full"}, "lora": {"training.mode": "lora"}},
    }
    each = labels(recipe_of(ablation__vary=vary))
    # The recipe itself has the head mean and the mode full: those cells are the first one.
    assert each == [{}, {"model.head.kind": "ti"}, {"mode": "lora"}]
    product = labels(recipe_of(ablation__vary=vary, ablation__design="product"))
    assert len(product) == 4
    assert product[-1] == {"model.head.kind": "ti", "mode": "lora"}


def test_an_axis_that_is_none_is_told(recipe_of: Any) -> None:
    with pytest.raises(RecipeError, match=r"ablation\.vary\.training\.batch is to be a list"):
        cells(recipe_of(ablation__vary={"training.batch": 8}))
    with pytest.raises(RecipeError, match=r"has no training\.bach"):
        cells(recipe_of(ablation__vary={"training.bach": [8]}))


def test_equal_runs_have_one_identity(recipe_of: Any) -> None:
    blind = {"model__guidance": "none"}
    assert identity(recipe_of(**blind)) == identity(recipe_of(model__motion__floor=3, **blind))
    assert identity(recipe_of()) != identity(recipe_of(model__motion__floor=3))
    assert identity(recipe_of()) == identity(recipe_of(data__workers=2, record__keep=9, name="x"))
    assert identity(recipe_of()) != identity(recipe_of(training__seed=1))


def test_a_table_says_mean_and_deviation() -> None:
    assert spread([1.0, 2.0, 3.0]) == "2.0 ± 1.0" and spread([5.0]) == "5.0"
    names = ("text_to_video.r1", "text_to_video.r5", "text_to_video.mean_rank", "video_to_text.r1")
    line = Line({"model.head.kind": "ti"}, {name: [1.0, 3.0] for name in names}, {}, None)
    first = Line({}, {name: [2.0, 2.0] for name in names}, {}, None)
    text = markdown([first, line])
    assert text.splitlines()[0] == "| head | R@1 | R@5 | mean rank | R@1 video to text |"
    assert "| as the recipe says | 2.0 ± 0.0 |" in text and "| ti | 2.0 ± 1.4 |" in text
    assert "2 seeds" in text


@pytest.mark.slow
def test_a_grid_is_run_once(recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of(
        ablation__vary={"model.head.kind": ["mean", "wti"], "mode": {"frozen": FROZEN}},
        ablation__against={"model.guidance": "none"},
        ablation__seeds=[0, 1],
    )
    table = ablate(recipe, tmp_path)
    assert [row.label for row in table] == [{}, {"model.head.kind": "wti"}, {"mode": "frozen"}]
    assert all(row.comparison and len(row.twin["text_to_video.r1"]) == 2 for row in table)
    runs = sorted((tmp_path / "runs").iterdir())
    assert len(runs) == 3 * 2 * 2 and len(list((tmp_path / "bases").iterdir())) == 2
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/result.json")}
    again = ablate(recipe, tmp_path)
    assert to_json(recipe, again) == to_json(recipe, table)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/result.json")}
    assert (tmp_path / "table.md").read_text() == markdown(table)


FROZEN = {
    "training.mode": "frozen",
    "model.after": {"model.guidance": "none", "training.mode": "full"},
}
