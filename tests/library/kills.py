"""kill -9 in every phase of whatever writes to a library, and what must hold after each.

``kill_in(phase, folder, kills, seed)`` kills a process of its own as often as asked for, each time
while it is in that phase, and raises AssertionError if the library then

- does not open,
- has lost a file that was in it,
- holds a moment twice, or a video in part,
- has any other damage than moments that nobody owns, or
- is not what it should be once the same is done again undisturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from old import old_library
from phases import DWELL, PHASES
from tiny_films import FakeEncoder, film

from fdaclip.library import Library
from fdaclip.library.reindex import finish, new_folder
from fdaclip.library.stamp import SCHEMA, read_stamp

SCRIPT = Path(__file__).with_name("acting.py")
BEFORE, FILMS = 3, 8  # films in the library before it is added to, and after
ACTIONS = {"migrate": "compact", "remap": "remap", "remove": "remove", "swap": "reindex"}
ACTIONS |= {"reindex": "reindex"}
ENCODERS = (FakeEncoder(), FakeEncoder(fingerprint="fake-2"))


class Stage:
    """Films, and a library in which some of them are, to begin from."""

    def __init__(self, folder: Path) -> None:
        self.films, self.moved = folder / "films", folder / "moved"
        self.place, self._template = folder / "l.fdaclip", folder / "template.fdaclip"
        if self.films.exists():
            return
        for number in range(FILMS):  # two moments each
            path = film(self.films / f"{number}.mp4", colour=number, seconds=13, rate=3)
            path.with_suffix(".srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
            film(self.moved / path.name, colour=number, seconds=13, rate=3)
        paths = [self.films / f"{number}.mp4" for number in range(BEFORE)]
        Library(self._template, FakeEncoder()).add(paths)

    def set(self, phase: str) -> None:
        """Put the library there that the phase begins with."""
        for left in self.place.parent.glob(self.place.name + "*"):
            shutil.rmtree(left)
        if phase == "migrate":
            old_library(self.place)
        else:
            shutil.copytree(self._template, self.place)

    def argument(self, phase: str) -> str:
        match ACTIONS.get(phase, "add"):
            case "remap":
                return f"{self.films}:{self.moved}"
            case "remove":
                return str(self.films / "0.mp4")
            case "reindex":
                return ENCODERS[1].fingerprint
        return str(self.films)


def kill_in(phase: str, folder: Path, kills: int, seed: int = 0) -> int:
    """Returns how many processes were started for that many kills.

    Args:
        phase: one of ``PHASES``.
        folder: to work in; may be used for several phases in turn.
    """
    rng, stage, started, landed = random.Random(f"{phase} {seed}"), Stage(folder), 0, 0
    stage.set(phase)
    known = found(stage.place)
    while landed < kills:
        assert started < 20 * kills + 20, f"{phase} is hardly ever met"
        started += 1
        met = kill_once(phase, stage, rng)
        landed += met
        now = found(stage.place)
        check(phase, stage, known, now)
        known = now
        if not met:  # it was done
            complete(phase, stage)
            stage.set(phase)
            known = found(stage.place)
    complete(phase, stage)
    return started


def kill_once(phase: str, stage: Stage, rng: random.Random) -> bool:
    """Start it, wait until it is in the phase for the n-th time, kill it; was it still alive?"""
    action = ACTIONS.get(phase, "add")
    words = [action, str(stage.place), stage.argument(phase), phase]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    left = rng.choice((1, 1, 2, 3, 4))
    for line in process.stdout:
        left -= line == f"in {phase}\n"
        if left == 0:
            break
    time.sleep(rng.uniform(0, 2.5 * DWELL))
    process.kill()
    met = process.wait() == -signal.SIGKILL
    said = "" if met else process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert met or process.returncode == 0 or "knows no" in said, said
    wait_for_workers(process.pid)
    return met


def opened(place: Path) -> Library:
    """The library, with the one of the two models that is its own."""
    stamp = read_stamp(place)
    assert stamp is not None, "one of the two is there at any instant"
    encoder = next(one for one in ENCODERS if one.fingerprint == stamp.fingerprint)
    return Library(place, encoder)


def found(place: Path) -> Counter[str]:
    """How many moments of each file are found."""
    hits = opened(place).search("x", 10_000, merge=False, fold=False)
    return Counter(path for hit in hits for path in (hit.path, *hit.also))


def check(phase: str, stage: Stage, before: Counter[str], now: Counter[str]) -> None:
    library = opened(stage.place)
    problems = [problem for problem in library.verify() if problem.damage]
    assert all(problem.kind == "orphan" for problem in problems), problems
    lost = {path for path in before if path not in now}
    if phase == "migrate":
        assert now == before
        return
    assert set(now.values()) <= {2}, "a video is there whole or not at all, and once"
    if phase == "remove":
        assert lost <= {stage.argument(phase)}
    elif phase == "remap" and lost:
        assert {Path(path).name for path in now} == {Path(path).name for path in before}
        assert {str(Path(path).parent) for path in now} == {str(stage.moved)}
    else:
        assert not lost, "what was committed is still there"


def complete(phase: str, stage: Stage) -> None:
    """Do it again, undisturbed: all is as if there had been no kill."""
    library, argument = opened(stage.place), stage.argument(phase)
    names = {f"{number}.mp4" for number in range(BEFORE)}
    match ACTIONS.get(phase, "add"):
        case "add":
            report = library.add(argument)
            assert report.bad == [] and report.encoded + report.unchanged == FILMS
            names = {f"{number}.mp4" for number in range(FILMS)}
        case "compact":
            before = found(stage.place)
            library.compact()
            assert library.stamp.schema == SCHEMA and found(stage.place) == before
            assert not [problem for problem in library.verify() if problem.damage]
            return
        case "remove":
            if argument in found(stage.place):
                library.remove(argument)
            names -= {"0.mp4"}
            library.compact()
        case "remap":
            if str(stage.films / "0.mp4") in found(stage.place):
                library.remap(stage.films, stage.moved)
            library.compact()
        case "reindex":
            finish(stage.place)
            # the swap may have been done, and the next one begun
            if library.stamp.fingerprint != argument or new_folder(stage.place).exists():
                Library(stage.place).reindex(ENCODERS[1], model="fake")
            assert not new_folder(stage.place).exists()
            library = opened(stage.place)
            assert library.stamp.fingerprint == argument
    now = found(stage.place)
    assert {Path(path).name for path in now} == names and set(now.values()) == {2}
    problems = [problem for problem in library.verify() if problem.damage]
    assert problems == [] or ACTIONS.get(phase) == "reindex", problems


def wait_for_workers(group: int) -> None:
    """The workers of a killed process end too."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    raise AssertionError("workers outlived the process that started them by 30 s")


def shares(kills: int) -> dict[str, int]:
    """So many kills, spread over all phases; phases that get none are left out."""
    count = len(PHASES)
    parts = [kills // count + (number < kills % count) for number in range(count)]
    return {phase: part for phase, part in zip(PHASES, parts, strict=True) if part}


def kill_everywhere(folder: Path, kills: int = 50, seed: int = 0) -> dict[str, int]:
    """So many kills, spread over all phases.

    Returns:
        How many landed in each phase.

    Raises:
        AssertionError: the library did not stand one of them.
    """
    spread = shares(kills)
    for phase, share in spread.items():
        kill_in(phase, folder, share, seed)
    return spread
