"""Worker processes that stall, crash or raise cost their own file and nothing else."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from isolated_jobs import act

from fdaclip.video import DecoderCrashed, NotAVideo, Stalled, VideoError
from fdaclip.video.isolated import Finished, Result, work_isolated


def test_each_file_ends_once_whatever_happens_to_its_worker() -> None:
    names = ["fine-1", "sleep-1", "kill-1", "raise-1", "fine-2", "bad-1", "exit-1", "unpicklable-1"]
    names += ["fine-3", "many-1"]
    values: dict[str, list[str]] = {name: [] for name in names}
    errors: dict[str, VideoError | None] = {}
    for event in work_isolated(act, names, workers=3, time_limit=2.0):
        name = event.path.name
        assert name not in errors, "nothing comes after the end"
        if isinstance(event, Result):
            values[name].append(event.value)
        else:
            errors[name] = event.error
    assert errors.keys() == set(names)
    for name in ("fine-1", "fine-2", "fine-3"):
        assert values[name] == [f"{name} begun", f"{name} done"]
        assert errors[name] is None
    assert len(values["many-1"]) == 202
    assert all(values[name][0] == f"{name} begun" for name in names), "values before a crash count"
    assert isinstance(errors["sleep-1"], Stalled)
    assert isinstance(errors["kill-1"], DecoderCrashed)
    assert "SIGSEGV" in str(errors["kill-1"])
    assert isinstance(errors["exit-1"], DecoderCrashed)
    assert "exit code 7" in str(errors["exit-1"])
    assert isinstance(errors["raise-1"], DecoderCrashed)
    assert "ZeroDivisionError: two lines" in str(errors["raise-1"])
    assert isinstance(errors["unpicklable-1"], DecoderCrashed)
    assert type(errors["bad-1"]) is NotAVideo
    assert errors["bad-1"].reason == "is in no video format that is known"
    assert all("\n" not in str(error) for error in errors.values())


def test_a_slow_caller_is_not_taken_for_a_stalled_worker() -> None:
    for event in work_isolated(act, ["many-1", "fine-1"], workers=2, time_limit=1.0):
        if isinstance(event, Result) and event.value.endswith("begun"):
            time.sleep(1.5)
        if isinstance(event, Finished):
            assert event.error is None


def test_leaving_early_ends_the_workers() -> None:
    events = work_isolated(act, ["sleep-1", "sleep-2"], workers=2)
    next(events)
    began = time.monotonic()
    events.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 5


def test_no_paths_start_no_process() -> None:
    assert list(work_isolated(act, [], workers=4)) == []


@pytest.mark.parametrize(("name", "value"), [("workers", 0), ("time_limit", 0.0)])
def test_senseless_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        work_isolated(act, [], **{name: value})  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks processes up in /proc")
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from isolated_jobs import write_pid_and_sleep\n"
        "from fdaclip.video.isolated import work_isolated\n"
        "if __name__ == '__main__':\n"
        f"    list(work_isolated(write_pid_and_sleep, [{str(tmp_path / 'pid')!r}], workers=1))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    note = tmp_path / "pid"
    _until(lambda: note.exists() and note.read_text() != "")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    worker = int(note.read_text())
    _until(lambda: not _runs(worker))


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _until(happened) -> None:  # type: ignore[no-untyped-def]
    limit = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.05)
