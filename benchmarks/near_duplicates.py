"""How much do the vectors of one film agree after it was encoded anew, and those of two films?

    python benchmarks/near_duplicates.py --clips DIR [--out FILE]

Each clip is decoded and written again smaller (half size, H.264 at a low quality) and at another
frame rate, by PyAV; all are indexed with the starter. Printed are quantiles of the cosine between
each moment and the same one of its copy, and between each moment and the nearest of another clip;
and for thresholds, the shares of copies that are folded and of moments that are folded wrongly.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from fdaclip.library import Library
from fdaclip.library.results import SAME

MOST = 12.0  # s of a clip that are written again
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description="the threshold from which moments look the same")
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--library", type=Path, help="of the clips, if it is made already")
    parser.add_argument("--out", type=Path, default=Path("build/bench/near_duplicates.json"))
    options = parser.parse_args()
    from fdaclip.model import load_encoder

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        copied = {}
        for clip in sorted(options.clips.iterdir()):
            if clip.suffix in (".md", ".jsonl"):
                continue
            copy = place / "copies" / f"{clip.stem}.mp4"
            copy.parent.mkdir(exist_ok=True)
            if written_again(clip, copy):
                copied[clip.name] = copy.name
        folder = options.library or place / "l.fdaclip"
        library = Library(folder, load_encoder("starter", runtime="torch"))
        library.add(([] if options.library else [options.clips]) + [place / "copies"])
        found = agreements(library, copied)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def written_again(clip: Path, copy: Path) -> bool:
    """Half the size, every fifth frame left out, at a low quality; False if it is too long."""
    with av.open(str(clip)) as source, av.open(str(copy), "w") as target:
        stream = source.streams.video[0]
        rate = max(1, round((stream.average_rate or 25) * 4 / 5))
        if (source.duration or 0) / 1e6 > MOST:
            copy.unlink(missing_ok=True)
            return False
        out = target.add_stream("libx264", rate=rate, options={"crf": "34"})
        out.width = max(32, stream.width // 4 * 2)
        out.height = max(32, stream.height // 4 * 2)
        out.pix_fmt = "yuv420p"
        written = 0
        for number, frame in enumerate(source.decode(stream)):
            if number % 5 != 4:
                small = frame.reformat(out.width, out.height, "yuv420p")
                small.pts, small.time_base = written, Fraction(1, rate)
                written += 1
                target.mux(out.encode(small))
        target.mux(out.encode())
    return True


def agreements(library: Library, copied: dict[str, str]) -> dict[str, object]:
    index = library._current()
    by_name = {Path(file.path).name: index.windows(file.take) for file in index.files}
    originals = {name: by_name[name] for name in copied if name in by_name}
    same, other = [], []
    for name, moments in originals.items():
        copies = by_name.get(copied[name])
        if copies is None:
            continue
        for row, start in enumerate(moments.start):
            twin = int(np.argmin(np.abs(copies.start - start)))
            same.append(float(moments.vectors[row] @ copies.vectors[twin]))
            rest = np.concatenate([m.vectors for n, m in originals.items() if n != name])
            other.append(float((rest @ moments.vectors[row]).max()))
    same_, other_ = np.array(same), np.array(other)
    return {
        "moments": len(same),
        "a moment and its copy": dict(
            zip(map(str, QUANTILES), np.quantile(same_, QUANTILES).round(4).tolist(), strict=True)
        ),
        "a moment and the nearest of another clip": {
            str(q): round(float(np.quantile(other_, q)), 4) for q in (0.5, 0.9, 0.95, 0.99, 1.0)
        },
        "threshold": SAME,
        "folded at": {
            str(at): {
                "copies": float((same_ >= at).mean()),
                "others": float((other_ >= at).mean()),
            }
            for at in (0.9, 0.95, 0.97, 0.98, 0.99)
        },
    }


if __name__ == "__main__":  # the library decodes in worker processes
    main()
