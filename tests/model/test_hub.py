"""Fetching: whole, with right checksums, going on where it stopped, and never unasked."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fdaclip.model import FDACLIP, BadCheckpoint, ModelNotFound, at_hand
from fdaclip.model.fetching import record_of
from fdaclip.model.hub import ask, check, fetch
from fdaclip.model.zoo import local

NAME = "openai/clip-vit-base-patch32"
OTHER = "openai/clip-vit-base-patch16"
STEP = 1 << 16


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives is written after each 64 kB, not 10 MB, and nobody waits to try again."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", STEP)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)


def test_a_model_is_fetched_whole_and_once(hub: Any, clip_folder: Path) -> None:
    hub.add(NAME, clip_folder)
    hub.repositories[NAME]["pytorch_model.bin"] = b"another form of the weights" * 999
    hub.repositories[NAME]["README.md"] = b"of no use here"
    (parcel,) = ask("clip-b32")
    assert parcel.here == frozenset()
    wanted = {file.name: file.size for file in parcel.files}
    assert parcel.missing_bytes == sum(wanted.values())
    assert "model.safetensors" in wanted and "pytorch_model.bin" not in wanted
    place = fetch("clip-b32")
    assert at_hand("clip-b32") == at_hand(NAME) == place
    assert {file.name for file in place.iterdir()} == wanted.keys()
    model = FDACLIP.from_pretrained("clip-b32")
    assert model.fingerprint == FDACLIP.from_pretrained(clip_folder).fingerprint
    assert hub.sent == [("model.safetensors", 0)]
    assert ask("clip-b32")[0].missing_bytes == 0
    assert fetch("clip-b32") == place and len(hub.sent) == 1


def test_an_interrupted_fetch_goes_on_where_it_stopped(
    hub: Any, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(NAME, clip_folder)
    hub.cut_after = 5 * STEP

    def interrupt(seconds: float) -> None:  # where huggingface_hub waits to try again
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("huggingface_hub.file_download.time.sleep", interrupt)
        fetch("clip-b32")
    assert at_hand("clip-b32") is None
    hub.cut_after, hub.sent = None, []
    FDACLIP.from_pretrained("clip-b32", download=True)
    assert hub.sent == [("model.safetensors", 5 * STEP)]
    assert not list(hub.cache.rglob("*.part"))


def test_a_broken_connection_is_taken_up_again(hub: Any, clip_folder: Path) -> None:
    hub.add(NAME, clip_folder)
    hub.cut_after = 4 * STEP
    place = fetch("clip-b32")
    starts = [start for _, start in hub.sent]
    assert len(starts) > 2 and starts == [4 * STEP * n for n in range(len(starts))]
    assert at_hand("clip-b32") == place
    hub.add(OTHER, clip_folder)
    hub.cut_after = 0
    with pytest.raises(ModelNotFound, match="could not be fetched"):
        fetch(OTHER)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_wrong_byte_is_noticed_and_not_kept(hub: Any, clip_folder: Path, name: str) -> None:
    hub.add(NAME, clip_folder)
    hub.spoilt = {name}
    with pytest.raises(BadCheckpoint, match=rf"^{name} of {NAME} arrived with another checksum"):
        fetch("clip-b32")
    assert at_hand("clip-b32") is None and check("clip-b32") is None
    hub.spoilt = set()
    assert fetch("clip-b32") == at_hand("clip-b32")


def test_what_was_fetched_can_be_checked_offline(
    hub: Any, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check("clip-b32") is None
    hub.add(NAME, clip_folder)
    place = fetch("clip-b32")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    checked, bad = check("clip-b32") or ([], ["none"])
    assert set(checked) == {file.name for file in place.iterdir()} and not bad
    digest = hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest()
    assert f"{digest}  model.safetensors\n" in record_of(place).read_text(encoding="utf-8")
    with (place / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))
    (place / "config.json").unlink()
    (place / "config.json").write_text("{}")
    assert (check("clip-b32") or ([], []))[1] == ["config.json", "model.safetensors"]


def test_weights_in_parts_are_all_fetched(hub: Any, clip: Any, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    clip.save_pretrained(folder, max_shard_size="100kB")
    from fdaclip.model import Preprocess
    from fdaclip.model.tokens import word_level

    Preprocess(48).write(folder)
    word_level(["a", "dog"], 16).write(folder)
    hub.add("somebody/theirs", folder)
    model = FDACLIP.from_pretrained("somebody/theirs", download=True)
    assert model.embedding_size == 32 and len({name for name, _ in hub.sent}) > 2


def test_what_cannot_be_fetched_is_one_clear_line(
    hub: Any, tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories["somebody/empty"] = {"README.md": b"nothing else"}
    hub.add(NAME, clip_folder)
    for name, words in (
        ("somebody/nothing", "could not be fetched from http"),
        ("somebody/empty", "holds no weights: none of model.safetensors"),
    ):
        with pytest.raises(ModelNotFound, match=f"^{name} {words}[^\n]*$"):
            fetch(name)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    with pytest.raises(
        ModelNotFound, match=r"takes .* MB, and .* has room for 0 MB; hint: HF_HOME"
    ):
        fetch("clip-b32")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match=r"HF_HUB_OFFLINE says to stay offline; hint: unset it"):
        fetch("clip-b32")
    assert not hub.sent


def test_what_is_for_research_only_is_not_fetched_by_the_way(hub: Any, clip_folder: Path) -> None:
    repository = "facebook/metaclip-b32-400m"
    hub.add(repository, clip_folder)
    for name in ("metaclip-b32", repository):
        with pytest.raises(ModelNotFound, match=r"RESEARCH ONLY \(CC-BY-NC-4\.0\).*models fetch"):
            FDACLIP.from_pretrained(name, download=True)
    assert not hub.sent
    fetch("metaclip-b32")
    assert FDACLIP.from_pretrained("metaclip-b32").embedding_size == 32


def test_only_the_zoos_names_make_a_file_a_model(tmp_path: Path) -> None:
    (tmp_path / "anything.pt").write_bytes(b"x")
    assert at_hand(tmp_path) is None
    assert "PE-Core-B16-224.pt" in local.own_files()
