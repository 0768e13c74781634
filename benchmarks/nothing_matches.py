"""Can a library say that it holds nothing of the kind? Leave one clip out, and ask for it.

    python benchmarks/nothing_matches.py --clips DIR --captions FILE [--others FILE] [--out FILE]

``captions`` has a row a video: video, captions. Each caption is asked of the library with its clip
(*answerable*) and of the library without it (*unanswerable*): once without the clip alone, once
without those of the same kind too, where ``--kinds`` names them (a JSON list of lists of names).
``--others`` are sentences about other videos (a CSV with a column ``sentence``, as MSR-VTT's):
nearly all are unanswerable. The model is the starter.

What tells them apart is measured as the area under the ROC curve, of the raw cosine of the best hit
and of its confidence; the default threshold by how often it is wrong. A world that is made up tells
how the threshold fares as a library grows broad, beside a plain quantile of the bank.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fdaclip.library import Library
from fdaclip.library.calibration import AT, LIKELY, bank, digest_of, encoded, learnt, null_of
from fdaclip.library.findable import File
from fdaclip.library.parts import Part
from fdaclip.library.rows import Moments
from fdaclip.library.search import Index

Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description="how well 'nothing matches' is told")
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--kinds", type=Path)
    parser.add_argument("--others", type=Path)
    parser.add_argument("--library", type=Path, help="of the clips, if it is made already")
    parser.add_argument("--out", type=Path, default=Path("build/bench/nothing_matches.json"))
    options = parser.parse_args()
    found = {"clips": on_clips(options), "made": on_made_up_worlds()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


# --- real clips -----------------------------------------------------------------------------------


def on_clips(options: argparse.Namespace) -> dict[str, object]:
    from fdaclip.model import load_encoder

    encoder = load_encoder("starter", runtime="torch")
    place = options.library or Path(tempfile.mkdtemp()) / "clips.fdaclip"
    library = Library(place, encoder, model="starter")
    if not options.library:
        library.add(options.clips)
    index = library._current()
    rows = [json.loads(line) for line in options.captions.read_text().splitlines()]
    asked = [(caption, row["video"]) for row in rows for caption in row["captions"]]
    captions = encoder.encode_texts([caption for caption, _ in asked])
    vectors = encoded(encoder.encode_texts)
    kinds = json.loads(options.kinds.read_text()) if options.kinds else []
    kind_of = {name: set(names) for names in kinds for name in names}

    def without(names: set[str]) -> Index:
        files = [file for file in index.files if Path(file.path).name not in names]
        return Index(files, index.parts)

    whole = best(index, captions, vectors)
    alone, kind = np.zeros_like(whole), np.zeros_like(whole)
    for name in sorted({video for _, video in asked}):
        own = np.array([video == name for _, video in asked])
        alone[:, own] = best(without({name}), captions[own], vectors)
        kind[:, own] = best(without(kind_of.get(name, {name})), captions[own], vectors)
    unanswerable = {"without the clip": alone, "without its kind": kind}
    if options.others:
        with options.others.open() as file:
            sentences = [row["sentence"] for row in csv.DictReader(file)]
        unanswerable["other videos' sentences"] = best(
            index, encoder.encode_texts(sentences), vectors
        )
    unseen = vectors[~bank()[1]]
    return {
        "captions": len(asked),
        "moments": len(index),
        "threshold": LIKELY,
        "false_nothing": float((whole[1] < LIKELY).mean()),
        "sentences that cannot be seen, said to match": float(
            (best(index, unseen, vectors)[1] >= LIKELY).mean()
        ),
        "unanswerable": {
            name: {
                "sentences": scores.shape[1],
                "auc_cosine": area(whole[0], scores[0]),
                "auc_confidence": area(whole[1], scores[1]),
                "false_match": float((scores[1] >= LIKELY).mean()),
                "false_match_at": {
                    str(at): [float((whole[1] < at).mean()), float((scores[1] >= at).mean())]
                    for at in (0.25, 0.5, 0.9, 0.95)
                },
            }
            for name, scores in unanswerable.items()
        },
    }


def best(index: Index, sentences: Floats, vectors: Floats) -> NDArray[np.float64]:
    """The best cosine, and the best confidence among the hits of a page, [2,Q]."""
    chance = learnt(index, digest_of("starter"), vectors, "")
    found = []
    for sentence in sentences:
        ranked = index.ranked(sentence, AT)
        moments = np.stack([index.parts[part].moments.vectors[row] for part, row, _ in ranked])
        found.append((ranked[0][2], chance.confidence(sentence, moments).max()))
    return np.array(found).T


def area(answerable: NDArray[np.float64], unanswerable: NDArray[np.float64]) -> float:
    """Under the ROC curve; ties count half."""
    above = (answerable[:, None] > unanswerable).mean()
    return float(above + 0.5 * (answerable[:, None] == unanswerable).mean())


# --- made-up worlds -------------------------------------------------------------------------------

SIZE, TOPICS, QUERIES = 512, 3000, 300


def unit(rows: NDArray[np.float64]) -> Floats:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def on_made_up_worlds() -> list[dict[str, object]]:
    """Sentences about topics, of which a library holds some: wrong answers at the threshold."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, SIZE + 1) ** -0.5
    spectrum /= np.linalg.norm(spectrum)

    def spread(count: int) -> Floats:
        return unit(rng.standard_normal((count, SIZE)) * spectrum)

    topics, (common, gap) = spread(TOPICS), unit(rng.standard_normal((2, SIZE)))

    def sentences(of: NDArray[np.int64]) -> Floats:
        aside = unit(rng.standard_normal((len(of), SIZE)))
        return unit(0.3 * unit(topics[of] + 0.5 * spread(len(of)) + 0.5 * aside) + 0.8 * gap)

    seen = bank()[1]
    banked = rng.permutation(TOPICS)[: seen.sum()]
    aside = unit(0.3 * spread(int((~seen).sum())) + unit(rng.standard_normal((98, SIZE))))
    vectors = np.zeros((len(seen), SIZE), np.float32)
    vectors[seen], vectors[~seen] = sentences(banked), unit(0.3 * aside + 0.8 * gap)
    others = np.setdiff1d(np.arange(TOPICS), banked)
    rows = []
    for share in (0.02, 0.1, 0.3, 0.6, 0.9):
        held = others[: round(share * len(others))]
        of = rng.choice(np.concatenate([banked[: round(share * len(banked))], held]), 20_000)
        moments = unit(0.7 * common + 0.55 * topics[of] + 0.45 * spread(len(of)))
        zeros = np.zeros(len(of), np.float32)
        take, start = np.arange(len(of)) + 1, np.zeros(len(of))
        table = Moments(take, start, start + 8, zeros, zeros, zeros, zeros.astype(int), moments)
        index = Index([File(f"{n:06}", int(n)) for n in take], [Part(table)])
        chance = learnt(index, "", vectors, "")
        asked = sentences(rng.choice(held, QUERIES)), sentences(others[-QUERIES:])
        right, wrong = (best_z(index, some, vectors) for some in asked)
        limits = {
            "confidence": np.quantile(null_of(chance.best, seen), LIKELY),
            "quantile of the bank": np.quantile(chance.best[seen], LIKELY),
        }
        rows.append(
            {"share of the bank that it answers": share}
            | {
                name: {
                    "false_nothing": float((right < limit).mean()),
                    "false_match": float((wrong >= limit).mean()),
                }
                for name, limit in limits.items()
            }
        )
    return rows


def best_z(index: Index, sentences: Floats, vectors: Floats) -> NDArray[np.float64]:
    """The best standardised fit among a page's hits, [Q]."""
    found = []
    for sentence in sentences:
        ranked = index.ranked(sentence, AT)
        moments = np.stack([index.parts[part].moments.vectors[row] for part, row, _ in ranked])
        fits = moments @ vectors.T
        found.append(((moments @ sentence - fits.mean(1)) / fits.std(1)).max())
    return np.array(found)


if __name__ == "__main__":  # the library decodes in worker processes
    main()
