"""From a recipe to a run's folder: data, model, training, choice, result."""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fdaclip.data import Clips
from fdaclip.evaluate import Result, provenance
from fdaclip.model import FDACLIP
from fdaclip.motion import MotionConfig
from fdaclip.train import checkpoints
from fdaclip.train.checkpoints import CheckpointError
from fdaclip.train.corpus import Part, Splits, clips_of, frames_of, read_splits, training_source
from fdaclip.train.journal import Journal, trackers
from fdaclip.train.loading import Loading
from fdaclip.train.loop import Step, plan_of, run, start
from fdaclip.train.measuring import figure, figures, measure
from fdaclip.train.pairs import Source
from fdaclip.train.reading import differences, plain, read_recipe, to_yaml, vary
from fdaclip.train.recipe import Ablation, Recipe, Record
from fdaclip.train.trainer import NothingToTrain
from fdaclip.train.world import Alone, World
from fdaclip.video import Sampling

RESULT = "result.json"
# What may differ when a run goes on: it changes no figure.
FREE = (
    "data.root",
    "data.videos",
    "data.cache",
    "data.workers",
    "data.prefetch",
    "data.stall",
    "record.",
    "ablation.",
)


@dataclass(frozen=True)
class Tell:
    """Who is told how far a run is.

    Attributes:
        line: a line for people. step: after each optimiser step. part: of preparations, what is
            done, how many and of how many.
    """

    line: Callable[[str], None] = lambda line: None
    step: Callable[[Step], None] = lambda step: None
    part: Part = lambda what, done, of: None


@dataclass
class Chosen:
    """What the choice of the weights depends on so far; saved with each checkpoint.

    Attributes:
        step, value: of the best evaluation on the validation clips; None before the first.
        since: evaluations after it.
        test_step, test_value: of the best evaluation on the test clips, which chooses nothing.
        stopped: has training stopped early?
    """

    step: int | None = None
    value: float | None = None
    since: int = 0
    test_step: int | None = None
    test_value: float | None = None
    test_figures: dict[str, float] = field(default_factory=dict)
    stopped: bool = False


class RunExists(RuntimeError):
    """The folder holds another run."""


def train_recipe(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    bases: Path | None = None,
    even_untrained: bool = False,
    world: World | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Do a recipe's run in a folder, or what is left of it; returns what result.json says.

    The folder gets recipe.yaml, metrics.jsonl, checkpoints/, best, tensorboard/ and result.json.

    Args:
        resume: go on from the folder's last checkpoint, if it has one.
        bases: folder in which runs that this one starts from (`model.after`) are shared.
        even_untrained: where the recipe trains nothing, measure the model that it starts from.
        world: the processes; one if None. Only the first writes.

    Raises:
        RunExists: the folder holds a run and `resume` is not given, or another recipe's run, or
            another process is at work in it.
        CheckpointError: the checkpoint cannot be read or is of other weights.
        NothingToTrain: the recipe's mode leaves every weight as it is.
        TrainingDiverged, LoaderStalled: see `fdaclip.train.loop.run`.
        fdaclip.data.DataError, fdaclip.video.VideoError: of the data.
        fdaclip.model.ModelError: of the model that it starts from.
    """
    world, tell = world or Alone(), tell or Tell()
    if world.rank != 0:
        tell = Tell()
    with _claimed(folder, world):
        _settle(folder, recipe, resume, world)
        done = folder / RESULT
        if resume and done.exists():
            tell.line(f"{folder} is finished")
            return read_result(folder)
        begin = time.monotonic()
        begun_from = _start_of(recipe, folder, bases, world, tell)
        splits = read_splits(recipe.data, tell.part)
        for split in splits.all:
            tell.line(split.describe())
        model = make_model(recipe, begun_from, splits)
        session = _Session(recipe, folder, model, splits, world, tell)
        try:
            session.train()
        except NothingToTrain:
            if not even_untrained:
                raise
            session.keep_start()
        return session.finish(time.monotonic() - begin)


def read_result(folder: Path) -> dict[str, Any]:
    """What a finished run's result.json says."""
    found: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return found


def make_model(recipe: Recipe, begun_from: str, splits: Splits) -> FDACLIP:
    """The model that a run starts from."""
    section = recipe.model
    more: dict[str, Any] = {
        "guidance": section.guidance,
        "attention": section.attention,
        "prune": section.prune,
        "head": section.head,
        "sampling": section.sampling,
        "motion": section.motion,
    }
    if begun_from != "small":
        return FDACLIP.from_pretrained(begun_from, base=section.base, alpha=section.alpha, **more)
    words = {word for r in splits.train.records for said in r.captions for word in said.split()}
    return FDACLIP.small(recipe.training.seed, words=sorted(words), **asdict(section.small), **more)


def base_of(recipe: Recipe) -> Recipe | None:
    """The recipe of the run that this one starts from, if it has one."""
    if not recipe.model.after:
        return None
    plainly = replace(recipe, model=replace(recipe.model, after={}))
    return vary(plainly, {"name": "base", **recipe.model.after})


def identity(recipe: Recipe) -> str:
    """Twelve hexadecimal digits: the same for recipes that give the same figures.

    How masks are made does not count where the model is not shown them.
    """
    model = recipe.model
    if model.guidance == "none" and not (model.attention or model.prune):
        plainly = replace(model.sampling, partner=Sampling().partner)
        model = replace(model, motion=MotionConfig(), sampling=plainly)
    same = replace(recipe, name="same", model=model, record=Record(), ablation=Ablation())
    values = plain(same)
    for key in FREE:
        section, _, name = key.partition(".")
        values[section].pop(name, None)
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _start_of(recipe: Recipe, folder: Path, bases: Path | None, world: World, tell: Tell) -> str:
    """The model to begin with, trained first where the recipe says so."""
    base = base_of(recipe)
    if base is None:
        return recipe.model.start
    place = bases / identity(base) if bases else folder / "base"
    tell.line(f"first the run that this one starts from, in {place}")
    train_recipe(base, place, resume=True, bases=bases, world=world, tell=tell)
    return str(place / "best")


@contextmanager
def _claimed(folder: Path, world: World) -> Iterator[None]:
    """The folder, for this run alone."""
    if world.rank != 0:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunExists(f"another process is training in {folder}") from None
        yield


def _settle(folder: Path, recipe: Recipe, resume: bool, world: World) -> None:
    """Leave the recipe in the folder, or hold it to the one that is there."""
    path = folder / checkpoints.RECIPE
    if world.rank == 0:
        if path.exists():
            if not resume:
                raise RunExists(
                    f"{folder} holds a run already; hint: --resume goes on with it, "
                    "--out takes another folder"
                )
            changed = [
                key for key in differences(recipe, read_recipe(path)) if not key.startswith(FREE)
            ]
            if changed:
                raise RunExists(
                    f"{folder} holds a run of another recipe: {', '.join(changed)} differ; "
                    "hint: --out takes another folder"
                )
        partial = path.with_suffix(".partial")
        partial.write_text(to_yaml(recipe), encoding="utf-8")
        partial.replace(path)
    world.wait()


class _Session:
    """One run at work."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        model: FDACLIP,
        splits: Splits,
        world: World,
        tell: Tell,
    ) -> None:
        self.recipe, self.folder, self.splits = recipe, folder, splits
        self.world, self.tell = world, tell
        self.began_from = model.fingerprint
        self.clips: dict[str, Clips] = {}
        for name in ("train", "val", "test"):
            split = getattr(splits, name)
            if split:
                # The first process fills the cache, the others then find it full.
                for turn in range(2):
                    if (world.rank == 0) == (turn == 0):
                        self.clips[name] = clips_of(split, model, recipe.data, tell.part)
                    world.wait()
        self.source: Source = training_source(self.clips["train"], recipe.data, tell.part)
        self.plan = plan_of(self.source, recipe.training)
        self.model = model
        self.chosen = Chosen()
        self.steps = 0

    def _resume(self) -> None:
        saved = checkpoints.steps_saved(self.folder)
        if not saved:
            return
        state = checkpoints.load(self.folder, saved[-1])
        if state["began_from"] != self.began_from:
            raise CheckpointError(
                f"{self.folder} began from other weights than {self.recipe.model.start} holds now"
            )
        if state["data"] != self.splits.train.hash:
            raise CheckpointError(
                f"{self.folder} was trained on other clips or captions than these"
            )
        self.trainer.restore(state["trainer"])
        self.chosen = Chosen(**state["chosen"])
        self.tell.line(f"going on after step {self.trainer.step} of {self.trainer.steps}")

    # -- while training --------------------------------------------------------------------------

    def train(self) -> None:
        """Take the steps that are left."""
        recipe = self.recipe
        trainer = self.trainer = start(self.model, self.source, recipe.training, self.world)
        self._resume()
        self.steps = trainer.step
        if trainer.step >= trainer.steps or self.chosen.stopped:
            return
        data = recipe.data
        loading = Loading(data.workers, data.prefetch, data.stall, self.tell.line)
        if self.world.rank != 0:
            run(trainer, self.source, loading, lambda step: self._after(step, None, []))
            return
        journal = Journal(self.folder, trainer.step)
        takers, missing, end = trackers(
            recipe.record.trackers, self.folder, recipe.name, plain(recipe), trainer.step
        )
        if missing:
            self.tell.line(f"not installed, so not kept: {', '.join(missing)}")
        try:
            run(trainer, self.source, loading, lambda step: self._after(step, journal, takers))
        finally:
            journal.close()
            end()

    def keep_start(self) -> None:
        """The model that the run starts from, as its result."""
        if self.world.rank == 0:
            place = checkpoints.step_folder(self.folder, 0)
            self.model.save_pretrained(place)
            checkpoints.mark_best(self.folder, 0)

    def _after(self, step: Step, journal: Journal | None, takers: list[Any]) -> bool:
        """Write down a step, and evaluate and save where it is time; False to stop."""
        record, selection = self.recipe.record, self.recipe.selection
        epoch = self.plan.steps_an_epoch
        last = step.number == step.of
        if journal:
            said = {
                "loss": step.loss,
                "logit_scale": step.logit_scale,
                "gradient": step.gradient,
                "rate": step.factor,
                "epoch": step.epoch,
            }
            journal.write("step", step.number, **said)
            if step.number % record.log_every == 0 or last:
                said |= {"clips_a_second": step.rate, "waiting": step.waiting}
                for take in takers:
                    take({f"train/{name}": value for name, value in said.items()}, step.number)
        self.tell.step(step)
        self.steps = step.number
        improved = False
        if last or step.number % (selection.every or epoch) == 0:
            if journal:
                improved = self._evaluate(step, journal, takers)
            decision = [(improved, self.chosen.stopped)] if journal else []
            improved, self.chosen.stopped = self.world.gather_objects(decision)[0]
        stop = self.chosen.stopped
        if journal and (
            improved or last or stop or step.number % (record.save_every or epoch) == 0
        ):
            self._save(improved)
        return not stop

    def _evaluate(self, step: Step, journal: Journal, takers: list[Any]) -> bool:
        """On the validation and the test clips; was it the best so far?"""
        chosen, selection = self.chosen, self.recipe.selection
        improved = False
        with self.trainer.for_use() as model:
            if "val" in self.clips:
                result = self._measured(model, "val", step, journal, takers)
                value = figure(result, selection.measure)
                improved = selection.better(value, chosen.value)
                if improved:
                    chosen.step, chosen.value, chosen.since = step.number, value, 0
                else:
                    chosen.since += 1
                    chosen.stopped = (
                        selection.patience is not None and chosen.since >= selection.patience
                    )
            if "test" in self.clips and selection.watch_test:
                result = self._measured(model, "test", step, journal, takers)
                value = figure(result, selection.measure)
                if selection.better(value, chosen.test_value):
                    chosen.test_step, chosen.test_value = step.number, value
                    chosen.test_figures = figures(result)
        return improved

    def _measured(
        self, model: FDACLIP, split: str, step: Step, journal: Journal, takers: list[Any]
    ) -> Result:
        result = measure(model, self.clips[split])
        said = figures(result)
        journal.write("evaluation", step.number, split=split, **said)
        for take in takers:
            take({f"{split}/{name}": value for name, value in said.items()}, step.number)
        self.tell.line(
            f"step {step.number}, {split}: text to video R@1 {said['text_to_video.r1']:.1f}, "
            f"R@5 {said['text_to_video.r5']:.1f}, video to text {said['video_to_text.r1']:.1f}"
        )
        return result

    def _save(self, improved: bool) -> None:
        more = {
            "chosen": dict(self.chosen.__dict__),
            "began_from": self.began_from,
            "data": self.splits.train.hash,
        }
        checkpoints.save(self.folder, self.trainer, to_yaml(self.recipe), more)
        if improved or self.chosen.step is None:
            checkpoints.mark_best(self.folder, self.trainer.step)
        checkpoints.prune(self.folder, self.recipe.record.keep, self.chosen.step)

    # -- after -----------------------------------------------------------------------------------

    def finish(self, seconds: float) -> dict[str, Any]:
        """The chosen weights measured on the test clips, and result.json."""
        if self.world.rank == 0:
            self._write_result(seconds)
        self.world.wait()
        return read_result(self.folder)

    def _write_result(self, seconds: float) -> None:
        chosen, selection = self.chosen, self.recipe.selection
        model = FDACLIP.from_pretrained(self.folder / "best").to(self.world.device)
        split = "test" if "test" in self.clips else "val" if "val" in self.clips else "train"
        data = self.recipe.data
        clips = self.clips[split]
        if data.cache and data.quality != "raw":
            # From the files themselves, so that `fdaclip eval` of these weights says the same.
            clips = Clips(getattr(self.splits, split), frames_of(model))
        result = measure(
            model,
            clips,
            label=self.recipe.name,
            intervals=True,
            batch=1,
            workers=data.workers,
            progress=self.tell.part,
        )
        selected: dict[str, Any] = {"step": chosen.step or self.steps, "by": "the last step"}
        if chosen.step is not None:
            selected["by"] = f"{selection.measure} on validation"
            selected["value"] = chosen.value
        about: dict[str, Any] = {
            "name": self.recipe.name,
            "measured_on": split,
            "selected": selected,
            "steps": self.steps,
            "stopped_early": chosen.stopped,
        }
        if chosen.test_step is not None:
            about["best_on_test"] = {
                "note": "the best of all evaluations on the test clips, as papers that choose "
                "their epoch on the test set report it; not the result",
                "step": chosen.test_step,
                **chosen.test_figures,
            }
        dataset = getattr(self.splits, split)
        result.with_about(
            **about,
            model={
                "name": self.recipe.name,
                "fingerprint": model.fingerprint,
                "guidance": model.guidance,
                "head": model.settings.head.kind,
                "frames": model.sampling.frames,
                "partner": model.sampling.partner,
                "began_from": self.began_from,
            },
            data={
                "name": dataset.name,
                "split": dataset.split,
                "protocol": dataset.protocol,
                "describe": dataset.describe(),
                "videos": dataset.videos,
                "queries": dataset.queries,
                "missing": len(dataset.missing),
                "hash": dataset.hash,
                "training": self.splits.train.describe(),
                "training_hash": self.splits.train.hash,
            },
            recipe=plain(self.recipe),
            seed=self.recipe.training.seed,
            processes=self.world.size,
            seconds=round(seconds, 1),
            **provenance(),
        ).save(self.folder / RESULT)
