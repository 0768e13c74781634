"""A model on a dataset, from files to a folder with result, table and page."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdaclip.evaluate import extras
from fdaclip.evaluate.blocks import Ranking
from fdaclip.evaluate.bootstrap import RESAMPLES
from fdaclip.evaluate.contests import contests
from fdaclip.evaluate.embed import embed, score_of
from fdaclip.evaluate.embeddings import Embeddings
from fdaclip.evaluate.errors import EvaluationError
from fdaclip.evaluate.files import whole_file
from fdaclip.evaluate.page import write_page
from fdaclip.evaluate.provenance import provenance
from fdaclip.evaluate.result import FILE, Result, evaluate_embeddings
from fdaclip.evaluate.scores import Scores
from fdaclip.evaluate.table import markdown

if TYPE_CHECKING:
    from fdaclip.data import Clips, Dataset, Record
    from fdaclip.model import Encoder

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much

TABLE, PAGE = "row.md", "report.html"


@dataclass(frozen=True)
class Extras:
    """Which rows a result has beside its headline.

    Attributes:
        dsl: dual softmax. bank: sentences of the training split for QB-Norm; none, no such row.
        rerank: candidates of each query that frame attention orders anew; 0, no such row.
    """

    dsl: bool = False
    bank: tuple[str, ...] = ()
    rerank: int = 0


@dataclass(frozen=True)
class Evaluation:
    """A result and what it was made from.

    Attributes:
        clips: the videos as the model saw them. guided: is the model shown the masks?
    """

    result: Result
    embeddings: Embeddings
    scores: Scores
    clips: Clips
    guided: bool

    def write(
        self,
        folder: str | os.PathLike[str],
        *,
        page: bool = True,
        against: Result | None = None,
    ) -> None:
        """Write `result.json`, `row.md` and, unless told not to, `report.html` into a folder.

        Args:
            against: a result on the same queries, which the page tests this one against.

        Raises:
            NotComparable: `against` rests on other queries; all but the page is written.
            fdaclip.video.VideoError: a video that the page is to show cannot be read any more.
            OSError: the folder cannot be written to.
        """
        place = Path(folder)
        self.result.save(place / FILE)
        with whole_file(place / TABLE) as file:
            file.write(markdown([self.result]).encode())
        if page:
            found = contests(self.scores, self.embeddings.answers)
            write_page(
                place / PAGE,
                self.result,
                self.embeddings,
                found,
                self.clips,
                guided=self.guided,
                against=against,
            )


def evaluate_dataset(
    model: Encoder,
    dataset: Dataset,
    *,
    label: str,
    checkpoint: str = "",
    more: Extras | None = None,
    file: str | os.PathLike[str] | None = None,
    batch: int = 1,
    workers: int | None = None,
    leave_out: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Encode a dataset's videos and sentences once each, rank them, and say what that was made of.

    Args:
        label: what tables call the model. checkpoint: where it came from.
        more: rows beside the headline.
        file: embeddings to use instead of encoding; where there is no such file, it is written.
        batch: clips or sentences a pass; see `embed`.
        workers: decoding processes; as many as processors if None.
        leave_out: go on without videos that cannot be decoded; the result counts them as missing.
        resamples, seed: of the bootstrap.
        progress: called with what is done ("sentences", "clips", "queries", …), how far, and of
            how much.

    Raises:
        fdaclip.video.VideoError: a video cannot be decoded; it is named. Not with `leave_out`.
        BadFile, EvaluationError: the file of embeddings is none, or one of other data or model.
    """
    began = time.monotonic()
    more = more or Extras()
    told = progress or (lambda what, done, total: None)
    clips = clips_of(dataset.records, model)
    origin = {"model": model.fingerprint, "data": dataset.hash}
    if more.bank:
        origin["bank"] = digest(more.bank)
    reused = file is not None and Path(file).exists()
    if file is not None and reused:
        embeddings = fitting(Embeddings.load(file), origin, more, leave_out, Path(file))
    else:
        embeddings = embed(
            model,
            clips,
            [record.captions for record in dataset.records],
            names=[record.name for record in dataset.records],
            bank=more.bank,
            frames=more.rerank > 0,
            batch=batch,
            workers=(os.cpu_count() or 1) if workers is None else workers,
            leave_out=leave_out,
            progress=told,
        )
        embeddings = replace(embeddings, origin=origin)
        if file is not None:
            embeddings.save(file)
    score = score_of(model, embeddings)
    result = evaluate_embeddings(
        embeddings,
        score,
        label=label,
        resamples=resamples,
        seed=seed,
        progress=lambda done, total: told("queries", done, total),
    )
    scores = Scores.of(embeddings.texts, embeddings.videos, score)
    for name, note, rankings in extra_rankings(more, embeddings, scores, told):
        result = result.with_extra(name, note, rankings, resamples=resamples, seed=seed)
    result = result.with_about(
        model=about_model(model, checkpoint),
        data=about_data(dataset, embeddings),
        settings={
            "embeddings": f"read from {file}" if reused else "encoded",
            "batch": batch,
            "querybank": len(more.bank),
            "rerank": more.rerank,
        },
        seconds=round(time.monotonic() - began, 1),
        **provenance(),
    )
    settings = getattr(model, "settings", None)
    guided = settings is None or settings.needs_masks
    read = clips_of([r for r in dataset.records if r.name not in embeddings.lost], model)
    return Evaluation(result, embeddings, scores, read, guided)


def clips_of(records: Sequence[Record], model: Encoder) -> Clips:
    """Videos as the model wants them."""
    from fdaclip.data import Clips, Frames

    side = model.preprocess.decode_short_side
    return Clips(records, Frames(model.sampling, model.motion, model.preprocess, side))


def fitting(
    embeddings: Embeddings, origin: dict[str, str], more: Extras, leave_out: bool, file: Path
) -> Embeddings:
    """The embeddings, if they are of this model and this data, with all that the extras need.

    Raises:
        EvaluationError: they are not; it says in what.
    """
    differ = [what for what, mark in origin.items() if embeddings.origin.get(what) != mark]
    if more.rerank and embeddings.frames is None:
        differ.append("frames")
    if embeddings.lost and not leave_out:
        differ.append("lost")
    if not differ:
        return embeddings
    reasons = {
        "model": "another model, or the same with other frames or masks",
        "data": "other data",
        "bank": "another querybank or none",
        "frames": "no vectors of single frames",
        "lost": f"no vectors of {len(embeddings.lost):,} videos that could not be read",
    }
    raise EvaluationError(
        f"{file} holds {', '.join(reasons[what] for what in differ)}",
        "name another file, or delete this one to have it written anew",
    )


def extra_rankings(
    more: Extras, embeddings: Embeddings, scores: Scores, told: Progress
) -> list[tuple[str, str, dict[str, Ranking]]]:
    """Label, note and rankings of each row that was asked for."""

    def report(what: str) -> Callable[[int, int], None]:
        return lambda done, total: told(what, done, total)

    rows = []
    answers = embeddings.answers
    if more.dsl:
        note = "uses all test queries at once and expects one query a candidate"
        rows.append(("DSL", note, extras.dsl(scores, answers, report("queries, DSL"))))
    if more.bank:
        count = len(embeddings.bank[0])
        note = f"querybank of {count:,} training sentences, inverse temperature 20"
        bank = Scores.of(embeddings.bank, embeddings.videos, scores.score)
        found = extras.qb_norm(scores, bank, answers, report("queries, QB-Norm"))
        rows.append(("QB-Norm", note, found))
    if k := more.rerank:
        note = f"top {k} of each query re-ranked by frame attention, which no index can hold"
        found = extras.rerank(scores, embeddings, k, report("queries, re-ranked"))
        rows.append(("frame attention", note, found))
    return rows


def about_model(model: Encoder, checkpoint: str) -> dict[str, Any]:
    """The model's settings and identity, as JSON values."""
    settings = getattr(model, "settings", None)
    said = (
        {"sampling": asdict(model.sampling), "motion": asdict(model.motion)}
        if settings is None
        else asdict(settings)
    )
    return {
        "checkpoint": checkpoint,
        "fingerprint": model.fingerprint,
        "device": str(getattr(model, "device", "cpu")),
        **json.loads(json.dumps(said, default=str)),
    }


def about_data(dataset: Dataset, embeddings: Embeddings) -> dict[str, Any]:
    """Which data, and what of it is not there or cannot be read, as JSON values."""
    videos, queries = len(embeddings.names), len(embeddings.captions)
    missing = [*dataset.missing, *embeddings.lost]
    describe = (
        f"{dataset.name} {dataset.split} ({dataset.protocol}): "
        f"{videos:,} videos, {queries:,} queries"
    )
    return {
        "describe": describe + (f", {len(missing):,} videos missing" if missing else ""),
        "name": dataset.name,
        "split": dataset.split,
        "protocol": dataset.protocol,
        "hash": dataset.hash,
        "videos": videos,
        "queries": queries,
        "missing": missing,
        "unreadable": embeddings.lost,
        "dropped": [str(dropped) for dropped in dataset.dropped],
        "sources": dataset.sources,
    }


def digest(sentences: Sequence[str]) -> str:
    """SHA-256 of sentences."""
    return hashlib.sha256(json.dumps(list(sentences)).encode()).hexdigest()
