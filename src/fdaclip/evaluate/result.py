"""The result of an evaluation: figures, intervals, every query's rank, and what made them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.blocks import Progress, Ranking, rank_both
from fdaclip.evaluate.bootstrap import RESAMPLES, Interval, intervals
from fdaclip.evaluate.embeddings import Embeddings
from fdaclip.evaluate.errors import BadFile
from fdaclip.evaluate.files import whole_file
from fdaclip.evaluate.metrics import Metrics
from fdaclip.evaluate.scores import CELLS, COSINE, Score, Scores

FORMAT = 1
FILE = "result.json"
DIRECTIONS = ("text_to_video", "video_to_text")


@dataclass(frozen=True)
class Outcome:
    """One direction.

    Attributes:
        metrics: R@1, R@5, R@10, median and mean rank.
        ci95: their 95 % bootstrap intervals over videos; empty if none were asked for.
    """

    metrics: Metrics
    ci95: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One way of ranking.

    Attributes:
        label: what a table calls it. note: what it uses beyond a query and its candidates; empty
            for the plain ranking.
        outcomes: by "text_to_video" and "video_to_text", of which a way may have only one.
    """

    label: str
    note: str
    outcomes: dict[str, Outcome]


@dataclass(frozen=True)
class Result:
    """What is saved of an evaluation.

    Attributes:
        rows: the plain ranking first, which alone is the headline; then the extras.
        ranks: float64 [Q] and [V] by direction, every query's mean rank in the plain ranking.
        owner: int64 [Q], the video of each sentence.
        key: SHA-256 of names, sentences and owners; results pair only where it is the same.
        energy, share: float32 [V], as in `Embeddings`, or None.
        about: model, data, settings, code, versions, hardware, as JSON values.
    """

    rows: tuple[Row, ...]
    ranks: dict[str, NDArray[np.float64]]
    owner: NDArray[np.int64]
    key: str
    energy: NDArray[np.float32] | None = None
    share: NDArray[np.float32] | None = None
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> Row:
        """The plain ranking."""
        return self.rows[0]

    @property
    def r1(self) -> float:
        """Text-to-video R@1 of the plain ranking, percent: the one figure, if one is wanted."""
        return self.headline.outcomes["text_to_video"].metrics["r1"]

    def with_about(self, **about: Any) -> Result:
        """The same with more said about it."""
        return replace(self, about=self.about | about)

    def with_extra(
        self,
        label: str,
        note: str,
        rankings: dict[str, Ranking],
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> Result:
        """The same with another row, of a ranking by `fdaclip.evaluate.extras`."""
        row = row_of(label, note, rankings, self.owner, resamples, seed)
        return replace(self, rows=(*self.rows, row))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        first, *extras = [
            {
                "label": row.label,
                "note": row.note,
                **{
                    name: {**outcome.metrics, "ci95": outcome.ci95}
                    for name, outcome in row.outcomes.items()
                },
            }
            for row in self.rows
        ]
        return {
            "format": FORMAT,
            **self.about,
            "headline": first,
            "extras": extras,
            "key": self.key,
            "owner": self.owner.tolist(),
            "ranks": {name: ranks.tolist() for name, ranks in self.ranks.items()},
            "motion": {
                name: None if array is None else np.round(array.astype(float), 6).tolist()
                for name, array in (("energy", self.energy), ("share", self.share))
            },
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, figures for people first, every query's rank last."""
        lines = []
        for name, value in self.to_json().items():
            long = name in ("owner", "ranks", "motion")
            text = json.dumps(value, indent=None if long else 2).replace("\n", "\n  ")
            lines.append(f"  {json.dumps(name)}: {text}")
        with whole_file(path) as file:
            file.write(("{\n" + ",\n".join(lines) + "\n}\n").encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Result:
        """Read what `save` wrote; a folder stands for the `result.json` in it.

        Raises:
            BadFile: it cannot be read, is something else, or is damaged.
        """
        place = Path(path)
        place = place / FILE if place.is_dir() else place
        try:
            return from_json(json.loads(place.read_text(encoding="utf-8")))
        except OSError as error:
            raise BadFile(f"{place} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadFile(
                f"{place} is no saved result: {type(error).__name__}: {error}",
                "fdaclip eval writes them",
            ) from error


def from_json(said: dict[str, Any]) -> Result:
    """What `Result.to_json` gave."""
    if said["format"] != FORMAT:
        raise ValueError(f"format {said['format']}, {FORMAT} is known here")
    own = {"format", "headline", "extras", "key", "owner", "ranks", "motion"}
    rows = []
    for row in (said["headline"], *said["extras"]):
        outcomes = {}
        for name in DIRECTIONS:
            if name in row:
                metrics = dict(row[name])
                ci95 = {key: (pair[0], pair[1]) for key, pair in metrics.pop("ci95").items()}
                outcomes[name] = Outcome(Metrics(**metrics), ci95)  # type: ignore[typeddict-item]
        rows.append(Row(row["label"], row["note"], outcomes))
    motion = {
        name: None if values is None else np.array(values, np.float32)
        for name, values in said["motion"].items()
    }
    return Result(
        rows=tuple(rows),
        ranks={name: np.array(ranks, np.float64) for name, ranks in said["ranks"].items()},
        owner=np.array(said["owner"], np.int64),
        key=said["key"],
        energy=motion["energy"],
        share=motion["share"],
        about={name: value for name, value in said.items() if name not in own},
    )


def evaluate_embeddings(
    embeddings: Embeddings,
    score: Score | None = None,
    block: int = CELLS,
    *,
    label: str = "",
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Rank every sentence's video and every video's sentences.

    Args:
        score: how features are compared; the cosine of vectors if None, `score_of(model)` for heads
            that keep frames and words apart.
        block: scores held at once; memory does not grow with queries × videos.
        label: what tables call the model.
        resamples, seed: of the bootstrap; 0 resamples leave the intervals out.
        progress: called with rows ranked (sentences, then videos), and how many there are.

    Raises:
        ValueError: a feature or a score is NaN.
    """
    scores = Scores.of(embeddings.texts, embeddings.videos, score or COSINE, block)
    rankings = rank_both(scores, embeddings.answers, progress)
    return Result(
        rows=(row_of(label, "", rankings, embeddings.owner, resamples, seed),),
        ranks={name: ranking.ranks.mean for name, ranking in rankings.items()},
        owner=embeddings.owner,
        key=embeddings.key,
        energy=embeddings.energy,
        share=embeddings.share,
        about={"bootstrap": {"resamples": resamples, "seed": seed}},
    )


def row_of(
    label: str,
    note: str,
    rankings: dict[str, Ranking],
    owner: NDArray[np.int64],
    resamples: int,
    seed: int,
) -> Row:
    """Figures and intervals of rankings."""
    outcomes = {}
    for name, ranking in rankings.items():
        ranks = ranking.ranks.mean
        video = owner if name == "text_to_video" else np.arange(len(ranks))
        ci95 = intervals(ranks, video, resamples=resamples, seed=seed)
        outcomes[name] = Outcome(ranking.metrics, ci95)
    return Row(label, note, outcomes)
