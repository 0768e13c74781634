"""``fdaclip eval`` as a user meets it: from films and a CSV to figures, a page, and a verdict."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fdaclip.cli import run
from fdaclip.evaluate import Embeddings, Result
from fdaclip.model import FDACLIP
from fdaclip.video import Sampling

sys.path.insert(0, str(Path(__file__).parents[1] / "library"))

from tiny_films import film

COUNT = 5


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five films with two sentences each, training sentences, and two checkpoints."""
    place = tmp_path_factory.mktemp("eval")
    rows = ["video,caption,split"]
    for i in range(COUNT):
        film(place / "films" / f"{i}.mp4", colour=i)
        rows += [f"{i}.mp4,a <red> square {i} moves,test", f"{i}.mp4,a blue circle {i},test"]
    film(place / "films" / "train.mp4")
    rows += [f"train.mp4,a green bar {i},train" for i in range(4)]
    (place / "own.csv").write_text("\n".join(rows) + "\n")
    for seed, name in enumerate(("one", "two")):
        FDACLIP.small(
            seed,
            image_size=32,
            patch_size=16,
            width=32,
            layers=1,
            text_layers=1,
            sampling=Sampling(frames=3),
        ).save_pretrained(place / name)
    return place


def evaluate(place: Path, model: str, *more: str) -> int:
    data = ["--data", str(place / "own.csv"), "--root", str(place / "films")]
    return run(["eval", str(place / model), *data, "--workers", "0", "--resamples", "50", *more])


def test_figures_extras_page_and_provenance(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = place / "all", place / "vectors.npz"
    extras = ["--dsl", "--qb-norm", "3", "--rerank", "2", "--embeddings", str(file)]
    assert evaluate(place, "one", "--out", str(out), *extras) == 0
    table, log = capsys.readouterr()
    assert sorted(p.name for p in out.iterdir()) == ["report.html", "result.json", "row.md"]
    assert re.search(r"\| one \|( \d+\.\d \|){10}\n", table)
    assert "| + DSL |" in table and "| + frame attention |" in table
    assert re.search(r"\| \+ QB-Norm \|( \d+\.\d \|){5}( – \|){5}\n", table)
    assert "own.csv test (own): 5 videos, 10 queries; T→V R@1" in table
    assert "querybank of 3 training sentences" in table
    assert "encoding: 13 sentences" in log and "encoding: 5 clips" in log

    result = Result.load(out)
    assert [row.label for row in result.rows] == ["one", "DSL", "QB-Norm", "frame attention"]
    assert len(result.ranks["text_to_video"]) == 10 and len(result.ranks["video_to_text"]) == 5
    about = result.about
    model = FDACLIP.from_pretrained(place / "one")
    assert about["model"]["fingerprint"] == model.fingerprint == about["model"]["fingerprint"]
    assert about["model"]["sampling"]["frames"] == 3 and about["data"]["queries"] == 10
    assert len(about["data"]["hash"]) == 64 and about["versions"]["av"]
    assert result.energy is not None and len(result.energy) == COUNT

    reading = Reading()
    reading.feed((out / "report.html").read_text())
    assert not reading.open, "tags are closed"
    assert reading.fetched == [], "nothing is fetched"
    assert {"svg", "img", "table", "dl"} <= reading.seen and "script" not in reading.seen
    assert "a <red> square" in "".join(reading.text), "sentences are escaped"


def test_saved_vectors_are_used_again_or_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place / "again.npz"
    where = ["--out", str(place / "again"), "--no-page", "--embeddings", str(file)]
    assert evaluate(place, "one", *where) == 0
    first = Result.load(place / "again")
    capsys.readouterr()
    assert evaluate(place, "one", *where) == 0
    assert "encoding" not in capsys.readouterr().err
    again = Result.load(place / "again")
    assert again.rows == first.rows
    assert again.about["settings"]["embeddings"] == f"read from {file}"
    for model, more, reason in (
        ("two", [], "holds another model"),
        ("one", ["--frames", "2"], "another model, or the same with other frames"),
        ("one", ["--qb-norm", "2"], "another querybank or none"),
        ("one", ["--rerank", "2"], "no vectors of single frames"),
    ):
        assert evaluate(place, model, *where, *more) == 1
        assert reason in capsys.readouterr().err
    file.write_bytes(b"something else")
    assert evaluate(place, "one", *where) == 1
    assert "again.npz holds no embeddings" in capsys.readouterr().err


def test_two_results_are_compared_in_words(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model, name in (("one", "a/0"), ("two", "a/1"), ("two", "b")):
        out = str(place / "runs" / name)
        assert evaluate(place, model, "--no-page", "--out", out) == 0
    a, b = str(place / "runs" / "a" / "0"), str(place / "runs" / "b")
    capsys.readouterr()
    assert run(["eval", "--compare", a, b, "--resamples", "200"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(("No real difference can be told between one and two", "The difference"))
    assert "text-to-video R@1" in said and "motion energy" in said
    runs = str(place / "runs" / "a")
    assert run(["eval", "--compare", runs, b, "--resamples", "200", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["runs"] == [2, 1] and (told["a"], told["b"]) == ("a", "b")
    assert isinstance(told["real"], bool) and told["differences"][0]["figure"] == "r1"
    out = place / "beside"
    assert evaluate(place, "one", "--out", str(out), "--against", b) == 0
    page = (out / "report.html").read_text()
    assert "between one and two" in page or "The difference is real" in page
    assert page.count('<g class="other">') == page.count('<g class="own">') == 2
    capsys.readouterr()
    assert run(["eval", "--compare", str(place / "films"), b]) == 1
    assert "holds no result.json" in capsys.readouterr().err


def test_json_and_frames(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "json"
    more = ["--no-page", "--json", "--frames", "2", "--label", "mine", "--batch", "4"]
    assert evaluate(place, "one", "--out", str(out), *more) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["headline"]["label"] == "mine" and told["folder"] == str(out)
    assert told["model"]["sampling"]["frames"] == 2 and told["settings"]["batch"] == 4
    assert "ranks" not in told


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["eval"], 2, "CHECKPOINT, --data and --root are needed"),
        (["eval", "m", "--compare", ".", "."], 2, "no checkpoint or data"),
        (
            ["eval", "{one}", "--data", "d", "--root", "{films}", "--no-page", "--against", "."],
            2,
            "--against is for the page",
        ),
        (["eval", "none", "--data", "{own}", "--root", "{films}"], 1, "none"),
        (["eval", "{one}", "--data", "{own}", "--root", "{films}", "--split", "x"], 1, "no row of"),
        (
            ["eval", "{one}", "--data", "{own}", "--root", "{films}", "--device", "tpu9"],
            1,
            "the device tpu9 cannot be used",
        ),
    ],
)
def test_mistakes_are_one_line(
    place: Path,
    arguments: list[str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = {"own": place / "own.csv", "films": place / "films", "one": place / "one"}
    assert run([argument.format(**paths) for argument in arguments]) == code
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and message in error


def test_a_video_that_cannot_be_read_is_named_or_counted(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = place / "partly"
    for i in (0, 1, 2):
        film(films / f"{i}.mp4", colour=i)
    (films / "bad.mp4").write_bytes((films / "0.mp4").read_bytes()[:300])
    table = place / "partly.csv"
    table.write_text("video,caption\n" + "".join(f"{n}.mp4,clip {n}\n" for n in (0, "bad", 1, 2)))
    out, file = place / "partly-out", place / "partly.npz"
    words = ["eval", str(place / "one"), "--data", str(table), "--root", str(films)]
    words += ["--split", "all", "--out", str(out), "--embeddings", str(file)]
    for workers in ("0", "1"):
        assert run([*words, "--workers", workers]) == 1
        assert "bad.mp4: " in capsys.readouterr().err.splitlines()[-1]
    assert not file.exists() and not out.exists()
    assert run([*words, "--workers", "0", "--allow-missing"]) == 0
    assert "3 videos, 3 queries, 1 videos missing" in capsys.readouterr().out
    data = Result.load(out).about["data"]
    assert data["missing"] == ["bad.mp4"] and list(data["unreadable"]) == ["bad.mp4"]
    assert Embeddings.load(file).names == ("0.mp4", "1.mp4", "2.mp4")
    assert "1 videos are missing" in (out / "report.html").read_text()
    assert run([*words, "--workers", "0"]) == 1
    assert "no vectors of 1 videos that could not be read" in capsys.readouterr().err


def test_embeddings_hold_what_made_them(place: Path) -> None:
    file = place / "kept.npz"
    where = ["--out", str(place / "kept"), "--no-page", "--embeddings", str(file)]
    assert evaluate(place, "two", *where) == 0
    made = Embeddings.load(file)
    assert made.names == tuple(f"{i}.mp4" for i in range(COUNT))
    assert made.origin["data"] == Result.load(place / "kept").about["data"]["hash"]


class Reading(HTMLParser):
    """Which tags a page has, whether they close, what it would fetch."""

    VOID = frozenset({"meta", "img", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.fetched: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.fetched += [
            value[:60]
            for name, value in attrs
            if name in ("src", "href") and value and not value.startswith("data:")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_table_without_splits_is_evaluated_whole(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (place / "own.csv").read_text().splitlines()
    whole = place / "whole.csv"
    whole.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    words = [str(place / "one"), "--data", str(whole), "--root", str(place / "films"), "--no-page"]
    out = ["--out", str(place / "whole"), "--resamples", "10", "--workers", "0"]
    assert run(["eval", *words, *out]) == 0
    assert "whole.csv all (own): 6 videos, 14 queries" in capsys.readouterr().out
