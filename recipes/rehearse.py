"""The MSR-VTT recipe from annotation files to report, at small scale, on videos made here.

    python recipes/rehearse.py [--out build/rehearsal] [--train 160] [--test 38] [--steps 500]

Writes moving shapes as videos/video0.mp4, video1.mp4, … with MSR-VTT's own annotation files, and
runs on them the commands that one would run on the real ones, with a little backbone that learns
here: check, train (killed with SIGKILL on the way and gone on with), evaluate, compare with a twin
that is not shown the masks. Says what each step took. Under ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fdaclip.data import shapes

RECIPE = Path(__file__).with_name("msrvtt-fdaclip-b32.yaml")
FDACLIP = [sys.executable, "-c", "from fdaclip.cli import main; main()"]
# What a little backbone with random weights needs in place of CLIP's fine-tuning.
SMALL = [
    "model.start=small",
    "model.sampling.frames=2",
    "training.epochs=null",
    "training.epoch=videos",
    "training.batch=64",
    "training.backbone_lr=2e-3",
    "training.alpha_lr=2e-3",
    "training.new_lr=2e-3",
    "training.text_lr=2e-4",
    "training.weight_decay=0.3",
    "training.precision=fp32",
    "data.allow_missing=true",
    "data.workers=1",
    "data.shift=1",
]


def main() -> None:
    parser = argparse.ArgumentParser(description="rehearse the MSR-VTT recipe at small scale")
    parser.add_argument("--out", type=Path, default=Path("build/rehearsal"))
    parser.add_argument("--train", type=int, default=160, help="scenes, four videos each")
    parser.add_argument("--test", type=int, default=38)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    rehearse(options.out, options.train, options.test, options.steps)


def rehearse(out: Path, train: int, test: int, steps: int) -> dict[str, Any]:
    """All of it; returns the result with masks, the twin's, and how often training was killed."""
    root, runs = out / "MSRVTT", out / "runs"
    for old in (runs, out / "eval"):
        shutil.rmtree(old, ignore_errors=True)
    step("videos and annotation files", lambda: write_msrvtt(root, train, test))
    step("check", lambda: fdaclip("data", "check", "msrvtt", "--root", root))
    common = [*SMALL, f"training.steps={steps}", f"selection.every={steps // 5}"]
    common += [
        f"data.root={root}",
        f"data.cache={out / 'cache'}",
        f"record.save_every={steps // 10}",
    ]
    masked = ["train", RECIPE, *common, "--out", runs / "masks"]
    kills = step("train, killed twice", lambda: killed(masked, runs / "masks", steps))
    step("go on", lambda: fdaclip(*masked, "--resume"))
    blind = ["train", RECIPE, *common, "model.guidance=none", "--out", runs / "blind"]
    step("the twin without masks", lambda: fdaclip(*blind))
    for name in ("masks", "blind"):
        evaluate = ["eval", runs / name / "best", "--data", "msrvtt", "--root", root]
        evaluate += ["--allow-missing", "--label", name, "--out", out / "eval" / name]
        step(f"evaluate {name}", lambda words=evaluate: fdaclip(*words))  # type: ignore[misc]
    step(
        "compare",
        lambda: fdaclip("eval", "--compare", *(out / "eval" / n for n in ("masks", "blind"))),
    )
    found = {
        name: json.loads((out / "eval" / name / "result.json").read_text())
        for name in ("masks", "blind")
    }
    trained = json.loads((runs / "masks" / "result.json").read_text())
    print(f"\nreport   {out / 'eval' / 'masks' / 'report.html'}")
    return {"kills": kills, "trained": trained, **found}


def step(what: str, do: Any) -> Any:
    """One step of the rehearsal, with its time."""
    print(f"\n== {what}", flush=True)
    began = time.monotonic()
    done = do()
    print(f"== {what}: {time.monotonic() - began:.0f} s", flush=True)
    return done


def fdaclip(*words: object) -> None:
    """A command as one would type it, shown before it runs."""
    said = [str(word) for word in words]
    print("$ fdaclip " + " ".join(said), flush=True)
    subprocess.run([*FDACLIP, *said], check=True)


def killed(words: list[Any], run: Path, steps: int) -> int:
    """Training begun and killed with SIGKILL at a quarter and at a half; how often it was."""
    kills = 0
    for share in (0.25, 0.5):
        said = [*map(str, words), "--resume"]
        print("$ fdaclip " + " ".join(said), flush=True)
        process = subprocess.Popen([*FDACLIP, *said])
        journal = run / "metrics.jsonl"
        while process.poll() is None:
            lines = journal.read_text().count('"kind": "step"') if journal.exists() else 0
            if lines > share * steps:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                print(f"killed after step {lines}", flush=True)
            time.sleep(0.05)
    return kills


def write_msrvtt(root: Path, train: int, test: int) -> None:
    """Moving shapes as `videoN.mp4`, and MSR-VTT's three annotation files for them."""
    specs = shapes.plan({"train": train, "test": test})
    videos = root / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    sentences, listed, asked = [], [], []
    number = 0
    for split, clips in specs.items():
        records = shapes.write(clips, root / ".drawn" / split)
        for record in records:
            name = f"video{number}"
            target = videos / f"{name}.mp4"
            target.unlink(missing_ok=True)
            os.link(record.path, target)
            said = [{"video_id": name, "caption": caption} for caption in record.captions]
            sentences += [{**row, "sen_id": len(sentences) + i} for i, row in enumerate(said)]
            if split == "train":
                listed.append([name])
            else:
                asked.append([f"ret{len(asked)}", f"msr{len(asked)}", name, record.captions[0]])
            number += 1
    data = {
        "info": {"description": "moving shapes in the schema of MSR-VTT"},
        "videos": [{"video_id": f"video{i}", "id": i, "split": "train"} for i in range(number)],
        "sentences": sentences,
    }
    (root / "MSRVTT_data.json").write_text(json.dumps(data))
    table(root / "MSRVTT_train.9k.csv", ["video_id"], listed)
    table(root / "MSRVTT_JSFUSION_test.csv", ["key", "vid_key", "video_id", "sentence"], asked)


def table(path: Path, head: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


if __name__ == "__main__":
    main()
