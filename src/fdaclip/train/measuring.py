"""A model measured on a split, by the evaluation's own means."""

from __future__ import annotations

from fdaclip.data import Clips
from fdaclip.evaluate import Result, embed, evaluate_embeddings, score_of
from fdaclip.model import FDACLIP
from fdaclip.train.corpus import Part

BATCH = 32  # clips or sentences a pass
RESAMPLES = 1000  # of the intervals beside the figure that is reported


def measure(
    model: FDACLIP,
    clips: Clips,
    *,
    label: str = "",
    intervals: bool = False,
    batch: int = BATCH,
    workers: int = 0,
    progress: Part | None = None,
) -> Result:
    """Both directions; each clip and each distinct sentence is encoded once.

    Args:
        intervals: bootstrap them too.
        batch: clips or sentences a pass; one gives the figures of `fdaclip eval` to the digit.
        workers: processes that decode ahead; 0 decodes here.
    """
    embeddings = embed(
        model,
        clips,
        [record.captions for record in clips.records],
        names=[record.name for record in clips.records],
        batch=batch,
        workers=workers,
        progress=progress,
    )
    return evaluate_embeddings(
        embeddings,
        score_of(model, embeddings),
        label=label,
        resamples=RESAMPLES if intervals else 0,
    )


def figure(result: Result, measure: str) -> float:
    """A figure by its name, `text_to_video.r1`."""
    direction, _, name = measure.partition(".")
    return float(result.headline.outcomes[direction].metrics[name])  # type: ignore[literal-required]


def figures(result: Result) -> dict[str, float]:
    """Every figure of the plain ranking by name, as trackers and journals take them."""
    return {
        f"{direction}.{name}": float(value)  # type: ignore[arg-type]
        for direction, outcome in result.headline.outcomes.items()
        for name, value in outcome.metrics.items()
    }
