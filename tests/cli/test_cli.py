"""The command line as a user meets it."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fdaclip.cli import VERBS, group, run
from fdaclip.cli.output import clock, explain, printable, size

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "library"))

from tiny_films import film  # noqa: E402

FDACLIP = [sys.executable, "-c", "from fdaclip.cli import main; main()"]


def call(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    words = [os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments]
    return subprocess.run(FDACLIP + words, capture_output=True, text=True, timeout=120, **more)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model's folder."""
    from fdaclip import FDACLIP

    folder = tmp_path_factory.mktemp("model") / "small"
    FDACLIP.small().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, model: Path) -> tuple[Path, Path]:
    """A library of four films, one of them bad; and the films' folder."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(3):
        film(folder / f"{number}.mp4", colour=number)
    (folder / "bad\n.mp4").write_text("no film")
    place = folder.parent / "cli.fdaclip"
    assert run(["index", str(folder), "--library", str(place), "--model", str(model)]) == 3
    return place, folder


# --- without a model


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from fdaclip.cli import run; run(['--help']); run(['index', '--help']);"
        "run(['search', '--help']); heavy = {'torch', 'av', 'rich', 'numpy', 'lancedb'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Verbs:" in done.stdout and "--retry" in done.stdout


def test_help_takes_less_than_a_third_of_a_second() -> None:
    def seconds(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        return time.perf_counter() - began

    bare = min(seconds("pass") for _ in range(3))
    ours = min(seconds("from fdaclip.cli import run; run(['--help'])") for _ in range(3))
    assert ours < max(0.3, 10 * bare), (ours, bare)  # a loaded machine is slow at everything


@pytest.mark.parametrize("words", [[], ["data"], ["models"]])
def test_a_bare_command_shows_its_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("Usage: fdaclip") and told.count("\n") > 8 and "error" not in told[:20]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from fdaclip import __version__

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"fdaclip {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there_and_documented(verb: str) -> None:
    import click

    command = group.get_command(click.Context(group), verb)
    assert command is not None and command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{verb} {parameter.opts} has no help"


def test_the_reference_is_what_help_says() -> None:
    # in a process of its own: a command that has run remembers the names of its help option
    code = (
        "import sys, make_cli; sys.exit(make_cli.PAGE.read_text('utf-8') != make_cli.reference())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs")
    assert done.returncode == 0, "run: python docs/make_cli.py"


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["search"], ["search", "x", "--limit", "0"], ["index"], ["remove"]]
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"error: .*; hint: fdaclip .*--help\n", err), err


@pytest.mark.parametrize("verb", ["search x", "status", "verify", "remove x"])
def test_no_library_is_one_line_and_exit_code_1(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*verb.split(), "--library", str(tmp_path / "none")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"error: there is no library at .*; hint: .*\n", err), err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_FDACLIP_COMPLETE" in capsys.readouterr().out


def test_completion_knows_the_verbs() -> None:
    typed = {
        "COMP_WORDS": "fdaclip sea",
        "COMP_CWORD": "1",
        "_FDACLIP_COMPLETE": "bash_complete",
    }
    done = call(env={**os.environ, **typed})
    assert done.stdout == "plain,search\n"


def test_doctor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["doctor", "--json", "--library", str(tmp_path / "none")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["usable"] is True
    assert {check["name"] for check in found["checks"]} >= {"decoders", "models", "devices"}


def test_what_people_read() -> None:
    assert clock(0) == "0:00" and clock(7.53) == "0:07.5" and clock(59.96) == "1:00"
    assert clock(3723) == "1:02:03"
    assert size(999) == "999 B" and size(1234567) == "1.2 MB" and size(6.05e8) == "605 MB"
    assert printable("/ü/\udcff\n\x1b[31m.mp4") == "/ü/\\xff\\x0a\\x1b[31m.mp4"
    assert explain(OSError(28, "No space left on device", "/x")) == (
        "error: no space left on device: /x"
    )
    assert explain(KeyError("x")).startswith("error: KeyError: 'x'; hint: FDACLIP_TRACEBACK=1")


# --- with a model


def test_search_prints_ranked_moments(
    built: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place, folder = built
    assert run(["search", "a", "red", "circle", "--library", str(place), "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(str(folder) in line for line in lines)
    assert "\x1b" not in "".join(lines)
    assert run(["search", "a red circle", "--library", str(place), "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)
    assert [hit["score"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)
    assert {Path(hit["path"]).name for hit in hits} == {"0.mp4", "1.mp4", "2.mp4"}
    assert set(hits[0]) >= {"path", "start", "end", "score", "motion", "share"}


@pytest.mark.parametrize(("no_color", "styled"), [(None, True), ("", True), ("1", False)])
def test_a_terminal_gets_colour_unless_it_is_unwanted(
    built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, no_color: str | None, styled: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert run(["search", "a red circle", "--library", str(built[0])]) == 0
    assert len(screen.getvalue().splitlines()) == 3
    assert ("\x1b[" in screen.getvalue()) is styled


def test_search_writes_a_page(
    built: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, _ = built
    page = tmp_path / "hits.html"
    query = "a <red> circle"
    assert run(["search", query, "--library", str(place), "--page", str(page)]) == 0
    text = page.read_text("utf-8")
    assert "a &lt;red&gt; circle" in text and "<red>" not in text
    assert text.count("data:image/jpeg;base64,") == 3 * 4 * 2
    assert not re.search(r'(src|href)="http', text) and "<script" not in text


def test_index_again_tells_what_is_new(
    built: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place, folder = built
    assert run(["index", str(folder), "--library", str(place)]) == 0
    out, err = capsys.readouterr()
    assert "4 unchanged" in out and "1 files were bad before" in err
    assert run(["index", str(folder), "--library", str(place), "--retry", "--json"]) == 3
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["unchanged"] == 3 and len(report["bad"]) == 1
    assert re.search(r"^bad: .*/bad\\x0a\.mp4: .+$", err, re.M), err


READ_ONLY = OSError(errno.EROFS, "Read-only file system", "/somewhere/lock")
FULL = OSError(errno.ENOSPC, "No space left on device")
FULL_AS_TOLD = RuntimeError(
    "lance error: LanceError(IO): Generic LocalFileSystem error: Unable to copy data to file: "
    "No space left on device (os error 28), /build/src/io/commit.rs:1663:50"
)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("os.open", READ_ONLY),
        ("os.ftruncate", FULL),
        ("lancedb.table.LanceTable.add", FULL_AS_TOLD),
        ("lancedb.merge.LanceMergeInsertBuilder.execute", FULL_AS_TOLD),
        ("lancedb.table.LanceTable.optimize", FULL_AS_TOLD),
    ],
)
def test_a_disk_that_takes_no_more_is_one_line(
    built: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    target: str,
    error: Exception,
) -> None:
    place, one = tmp_path / "copy.fdaclip", film(tmp_path / "new.mp4", colour=9)
    shutil.copytree(built[0], place)
    opened = os.open

    def refuse(*given: object, **named: object) -> object:
        if target == "os.open" and str(given[0]) != str(place / "lock"):
            return opened(*given, **named)  # type: ignore[call-overload]
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(target, refuse)
        assert run(["index", str(one), "--library", str(place)]) == 1
    out, err = capsys.readouterr()
    why = "read-only file system" if error is READ_ONLY else "no space left on device"
    line = rf"error: cannot write to the library {re.escape(str(place))}: {why}; hint: .*\n"
    assert out == "" and re.fullmatch(line, err), err
    assert run(["index", str(one), "--library", str(place)]) == 0, "with space again it goes on"
    assert run(["verify", "--library", str(place)]) == 0


def test_a_read_only_library_is_searched_but_not_added_to(
    built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place, folder = built
    opened = os.open

    def refuse(path: str, flags: int, *rest: int, **named: int) -> int:
        if str(path).startswith(str(place)) and flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    for verb in (["index", str(folder)], ["remove", str(folder)], ["verify", "--repair"]):
        assert run([*verb, "--library", str(place)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert err.startswith(f"error: cannot write to the library {place}: permission denied; ")
    for verb in (["search", "a red circle"], ["status"], ["verify"]):
        assert run([*verb, "--library", str(place)]) == 0


def test_a_page_that_cannot_be_written_is_one_line(
    built: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "none" / "hits.html"
    assert run(["search", "x", "--library", str(built[0]), "--page", str(page)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"error: .*there is no folder .*/none'; hint: .*\n", err), err


def test_status_and_verify(built: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    place, folder = built
    assert run(["status", "--library", str(place), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["files"], status["moments"]) == (4, 3)
    assert [failure["path"] for failure in status["bad"]] == [str(folder / "bad\n.mp4")]
    assert run(["status", "--library", str(place)]) == 0
    assert "bad\\x0a.mp4: " in capsys.readouterr().out
    assert run(["verify", "--library", str(place)]) == 0
    assert capsys.readouterr().out == "sound\n"
    assert run(["verify", "--library", str(place), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_another_model_is_refused(
    built: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fdaclip import FDACLIP

    place, folder = built
    FDACLIP.small(seed=1).save_pretrained(tmp_path / "other")
    arguments = ["index", str(folder), "--library", str(place), "--model", str(tmp_path / "other")]
    assert run(arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "was built with another model" in error and "fdaclip index --reindex --model" in error


@pytest.mark.slow
def test_a_new_library_may_be_guided_pruned_and_anchored_and_stays_so(
    built: tuple[Path, Path], tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = built
    place = tmp_path / "ways.fdaclip"
    index = ["index", str(folder / "0.mp4"), "--library", str(place)]
    ways = ["--keep", "0.5", "--attention", "0.1", "--anchored", "--window", "3"]
    assert run([*index, "--model", str(model), *ways]) == 0
    capsys.readouterr()
    assert run([*index, *ways]) == 0 and "1 unchanged" in capsys.readouterr().out
    for other in (["--keep", "0.25"], ["--attention", "1"], ["--exact-frames"], ["--window", "8"]):
        assert run([*index, *other]) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") and other[0] in error and "hint: " in error
    # in a new process nothing but the folder tells how its vectors are made
    assert call("index", folder / "1.mp4", "--library", place).returncode == 0
    found = call("search", "never asked before", "--library", place, "--json")
    assert {Path(hit["path"]).name for hit in json.loads(found.stdout)} == {"0.mp4", "1.mp4"}
    stamp = json.loads((place / "library.json").read_text())
    assert stamp["prune"]["keep"] == 0.5 and stamp["attention"]["floor"] == 0.1
    assert stamp["sampling"]["anchored"] is True and stamp["window"] == 3


def test_a_model_that_is_gone_is_told(
    built: tuple[Path, Path], tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, _ = built
    moved, copy = tmp_path / "moved", tmp_path / "copy.fdaclip"
    shutil.copytree(place, copy)
    stamp = json.loads((copy / "library.json").read_text())
    (copy / "library.json").write_text(json.dumps(stamp | {"model": str(tmp_path / "gone")}))
    assert run(["search", "never asked", "--library", str(copy)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "--model" in error and error.count("\n") == 1
    shutil.copytree(model, moved)
    assert run(["search", "x", "--library", str(copy), "--model", str(moved)]) == 0
    assert run(["search", "x", "--library", str(copy)]) == 0
    assert str(moved) in (copy / "library.json").read_text()


def test_a_reader_that_leaves_is_no_error(built: tuple[Path, Path]) -> None:
    words = " ".join(["status", "--library", str(built[0])])
    shell = f"set -o pipefail; {sys.executable} -c 'from fdaclip.cli import main; main()' {words}"
    done = subprocess.run(
        ["bash", "-c", f"{shell} | true"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_interrupted_indexing_keeps_what_is_done(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, place = tmp_path / "films", tmp_path / "l.fdaclip"
    for number in range(30):
        film(folder / f"{number}.mp4", colour=number, seconds=12, rate=4)
    often = "from fdaclip.library import ingest; ingest.COMMIT_EVERY = 0.2; "
    start = [*FDACLIP[:2], often + FDACLIP[2]]
    words = [*start, "index", str(folder), "--library", str(place), "--model", str(model)]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    commits = place / "moments.lance" / "_versions"
    while not commits.exists() or len(list(commits.glob("*.manifest"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.endswith("what is finished is kept, run the same command again for the rest\n")
    first = int(out.split(" videos indexed")[0])
    assert 0 < first < 30
    assert run(["index", str(folder), "--library", str(place), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["unchanged"], report["encoded"]) == (first, 30 - first)


# --- the choice of a model


def test_index_explains_the_choice_where_no_model_is_named_or_at_hand(
    tmp_path: Path, built: tuple[Path, Path]
) -> None:
    _, films = built
    nowhere = dict(os.environ, HF_HOME=str(tmp_path / "hub"))
    place = tmp_path / "own library"
    done = call("index", films, "--library", place, env=nowhere)
    assert done.returncode == 2 and done.stdout == "" and not place.exists()
    assert "Traceback" not in done.stderr
    for part in ("--model starter", "--download", "605 MB", "--model FOLDER", f"'{place}'"):
        assert part in done.stderr, part


def test_the_starter_indexes_and_searches_without_a_hub(
    tmp_path: Path, built: tuple[Path, Path]
) -> None:
    _, films = built
    place = tmp_path / "starter.fdaclip"
    done = call("index", films / "0.mp4", "--library", place, "--model", "starter")
    assert done.returncode == 0, done.stderr
    done = call("search", "a red ball", "--library", place, "--json")
    assert done.returncode == 0, done.stderr
    assert [Path(hit["path"]).name for hit in json.loads(done.stdout)] == ["0.mp4"]


@pytest.mark.slow
def test_a_pruned_export_indexes_and_another_share_is_told_in_words(
    model: Path, built: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = built
    place = tmp_path / "export"
    assert run(["models", "export", str(model), str(place), "--keep", "0.5"]) == 0
    index = ["index", str(folder / "0.mp4"), "--model", str(place), "--library"]
    assert run([*index, str(tmp_path / "a.fdaclip")]) == 0
    stamp = json.loads((tmp_path / "a.fdaclip" / "library.json").read_text())
    assert stamp["prune"]["keep"] == 0.5
    capsys.readouterr()
    assert run([*index, str(tmp_path / "b.fdaclip"), "--keep", "0.25"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "keep 0.5" in error and "keep 0.25" in error and "Prune(" not in error


def test_a_weight_of_nothing_is_wrong_usage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", "x", "--weight", "image=2", "--library", str(tmp_path)]) == 2
    assert "--weight image=… weighs nothing" in capfd.readouterr().err


def test_a_name_that_matched_is_not_told_as_a_saying() -> None:
    from fdaclip.cli.search import below
    from fdaclip.library import Hit

    named = Hit("/a/dog.mp4", 0, 1, 0.5, 0, 0, 0, text="dog.mp4")
    assert below(named) == ["found by its name"]
    assert below(replace(named, text="a dog", text_span=(0, 1))) == ["says “a dog”"]
