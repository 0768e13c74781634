"""``fdaclip models list``, ``show`` and ``fetch`` as a person and as a program use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fdaclip.cli import run
from fdaclip.model import FDACLIP, ZOO
from fdaclip.model.checksums import sha256

NAME = "openai/clip-vit-base-patch32"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "saved"
    FDACLIP.small(3).save_pretrained(place)
    return place


@pytest.fixture
def published(hub: Any, folder: Path) -> Any:
    """A hub that has something under the names of clip-b32 and of metaclip-b32."""
    hub.add(NAME, folder)
    hub.add("facebook/metaclip-b32-400m", folder)
    return hub


def test_list_shows_all_and_what_may_not_be_sold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list"]) == 0
    text = capsys.readouterr().out
    assert all(b.name in text and b.licence in text for b in ZOO) and "starter" in text
    assert max(map(len, text.splitlines())) < 132
    for line in text.splitlines()[1 : len(ZOO) + 1]:
        backbone = next(b for b in ZOO if b.name == line.split()[0])
        assert ("RESEARCH ONLY" in line) == backbone.research_only
    assert run(["models", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["backbones"]] == [b.name for b in ZOO]
    assert all("at_hand" in row and row["multiply_adds"] > 1e6 for row in found["backbones"])


@pytest.mark.parametrize("backbone", ZOO, ids=lambda b: b.name)
def test_show_tells_everything(capsys: pytest.CaptureFixture[str], backbone: Any) -> None:
    assert run(["models", "show", backbone.hub_id or backbone.name]) == 0
    text = capsys.readouterr().out
    for part in (backbone.name, backbone.terms, f"{backbone.parameters:,}", backbone.notes):
        assert part in text
    assert all(f"{f.value} % ({f.source})" in text for f in backbone.figures)
    assert run(["models", "show", backbone.name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["vision"]["width"] == backbone.vision.width
    assert [f["source"] for f in found["figures"]] == [f.source for f in backbone.figures]


def test_fetch_tells_first_then_fetches(published: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "fetch", "clip-b32"]) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert "licence MIT" in lines[0] and f"from {NAME} into {published.cache}" in lines[1]
    assert "whole, checksums right" in said.out and str(published.cache) in said.out
    assert run(["models", "fetch", "clip-b32", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert "0 B from" in said.err and weights_sent(published) == 1
    place = Path(found["place"])
    weights = next(file for file in found["files"] if file["name"] == "model.safetensors")
    assert weights["sha256"] == sha256(place / "model.safetensors")
    assert found["at_hand"] == found["place"]
    assert run(["models", "fetch", "clip-b32", "--again"]) == 0
    assert weights_sent(published) == 2


def weights_sent(hub: Any) -> int:
    return [name for name, _ in hub.sent].count("model.safetensors")


def test_show_verifies_offline(
    published: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["models", "show", "clip-b32", "--verify"]) == 0
    assert "no record" in capsys.readouterr().out
    assert run(["models", "fetch", "clip-b32", "--json"]) == 0
    place = Path(json.loads(capsys.readouterr().out)["place"])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert run(["models", "show", "clip-b32", "--verify"]) == 0
    assert "files right" in capsys.readouterr().out
    weights = (place / "model.safetensors").resolve()
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert run(["models", "show", "clip-b32", "--verify", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["checksums"] == "wrong: model.safetensors"
    assert "model.safetensors changed since it was fetched; hint: fdaclip models fetch" in said.err


def test_a_research_licence_is_agreed_to_first(
    published: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["models", "fetch", "metaclip-b32"]) == 1
    assert "is for RESEARCH ONLY (CC-BY-NC-4.0); hint: --yes agrees" in capsys.readouterr().err
    monkeypatch.setattr("fdaclip.cli.zoo.is_terminal", lambda: True)
    asked: list[str] = []

    def answer(text: str, **_: Any) -> bool:
        asked.append(text)
        return len(asked) > 1

    monkeypatch.setattr("click.confirm", answer)
    assert run(["models", "fetch", "metaclip-b32"]) == 1
    assert "nothing was fetched" in capsys.readouterr().err and not published.sent
    assert run(["models", "fetch", "metaclip-b32"]) == 0 and len(asked) == 2
    assert run(["models", "fetch", "metaclip-b32", "--yes"]) == 0 and len(asked) == 2


def test_faults_are_one_line_and_exit_1(
    published: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, words in (
        (["show", "nobody/nothing"], "no known backbone; hint: fdaclip models list"),
        (["fetch", "nobody/nothing"], "nobody/nothing could not be fetched from http"),
        (["fetch", "small"], "made on the spot"),
        (["fetch", "starter"], "packages; hint: fdaclip doctor"),
        (["info", "small"], "it is made on the spot"),
    ):
        assert run(["models", *arguments]) == 1
        said = capsys.readouterr()
        assert words in said.err and said.err.count("\n") == 1 and not said.out
    published.spoilt = {"model.safetensors"}
    assert run(["models", "fetch", "clip-b32"]) == 1
    assert "another checksum than the hub's" in capsys.readouterr().err
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert run(["models", "fetch", "clip-b32"]) == 1
    assert "HF_HUB_OFFLINE says to stay offline; hint: unset it" in capsys.readouterr().err


def test_a_tower_by_hand_is_told_after_its_base(
    hub: Any,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FDACLIP_CACHE", str(tmp_path / "own"))
    hub.add("openai/clip-vit-base-patch16", folder)
    assert run(["models", "fetch", "alpha-clip-b16", "--yes"]) == 1
    said = capsys.readouterr().err
    assert "RESEARCH ONLY" in said and "from openai/clip-vit-base-patch16 into" in said
    where = tmp_path / "own" / "weights" / "clip_b16_grit+mim_fultune_4xe.pth"
    assert "by hand from https://github.com/SunzeY/AlphaCLIP" in said and str(where) in said
    where.parent.mkdir(parents=True)
    where.write_bytes(b"weights")
    assert run(["models", "fetch", "alpha-clip-b16", "--yes"]) == 0
