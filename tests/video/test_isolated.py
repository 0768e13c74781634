"""Worker processes that stall, crash or raise cost their own file and nothing else."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from isolated_jobs import act

from fdaclip.video import DecoderCrashed, NotAVideo, Stalled, TooLarge, VideoError
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


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
@pytest.mark.parametrize("name", ["large-1", "larger-1"])
def test_a_file_that_needs_too_much_memory_costs_itself_alone(name: str) -> None:
    names = ["fine-1", name, "fine-2"]
    errors = {
        event.path.name: event.error
        for event in work_isolated(act, names, workers=1, memory_limit=256 << 20)
        if isinstance(event, Finished)
    }
    assert errors["fine-1"] is errors["fine-2"] is None
    assert isinstance(errors[name], TooLarge)
    assert errors[name].reason == "needs more memory than 0.25 GiB"


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


def test_a_worker_left_with_words_unheard_ends_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    events = work_isolated(act, ["fine-1"], workers=1)
    next(events)
    time.sleep(0.5)  # the rest is said meanwhile, and never read
    events.close()  # type: ignore[attr-defined]
    assert capfd.readouterr().err == ""


def test_a_lost_connection_of_the_work_itself_is_the_file_s_error() -> None:
    *_, end = work_isolated(act, ["reset-1"], workers=1)
    assert isinstance(end, Finished)
    assert "ConnectionResetError: the share is gone" in str(end.error)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signal masks here")
def test_ctrl_c_leaves_a_worker_alone_even_while_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "pid"
    (tmp_path / "slow_to_import.py").write_text(
        "import os, signal, time\n"
        "from multiprocessing import current_process\n"
        "from pathlib import Path\n"
        "if current_process().name != 'MainProcess':\n"
        f"    Path({str(note)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(1)\n"
        "def work(path):\n"
        "    yield signal.getsignal(signal.SIGINT) == signal.SIG_IGN\n"
        "    yield signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("slow_to_import").work

    def press() -> None:
        _until(lambda: note.exists() and note.read_text() != "")
        os.kill(int(note.read_text()), signal.SIGINT)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    presser = threading.Thread(target=press)
    presser.start()
    values = [e.value for e in work_isolated(work, ["x"], workers=1) if isinstance(e, Result)]
    presser.join()
    assert values == [True, False]
    assert capfd.readouterr().err == ""
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signal masks here")
def test_the_first_worker_of_a_program_is_left_alone_too(tmp_path: Path) -> None:
    # only in a fresh program does starting a worker also start what else multiprocessing needs
    script = tmp_path / "fresh.py"
    script.write_text(
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "if __name__ == '__mp_main__':\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "from isolated_jobs import act\n"
        "from fdaclip.video.isolated import work_isolated\n"
        "if __name__ == '__main__':\n"
        "    print(len(list(work_isolated(act, ['fine-1'], workers=1))))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_no_paths_start_no_process() -> None:
    assert list(work_isolated(act, [], workers=4)) == []


@pytest.mark.parametrize(
    ("name", "value"), [("workers", 0), ("time_limit", 0.0), ("memory_limit", 0)]
)
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
