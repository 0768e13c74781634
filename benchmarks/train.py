"""Training and evaluation beside a plain CLIP4Clip-style loop, in one run.

    python benchmarks/train.py [--videos 128] [--epochs 5] [--out build/bench/train.json]

The plain loop does what CLIP4Clip and its descendants do: OpenCV seeks to each of twelve frames,
PIL resizes and crops them, two worker processes do it again each epoch, float32 pictures are
collated, the towers run in float32 on the whole batch. Ours: `fdaclip.train` from a frame cache,
bytes up to the model, gradient caching in parts of 4 clips; with masks, which the plain loop does
not have. Same films (320×240, 10 s, H.264, all different), same little backbone (random weights,
224 px), same batch. The backbone is small because this is a processor: on a GPU the towers are fast
and reading films is what training waits for.

Three comparisons:

- end to end: films to the end of the last epoch, filling the cache counted in;
- a step of the second and later epochs, at the highest memory the training process reached;
- evaluation as on MSVD, 40 sentences a video: the plain way decodes a video for each sentence.

Each loop runs in a process of its own, one after the other; ratios within one run are what counts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from fdaclip.data import Clips, FrameCache, Frames, Record
from fdaclip.evaluate import embed, evaluate_embeddings
from fdaclip.model import FDACLIP
from fdaclip.train import Loading, Training
from fdaclip.train.loop import run, start
from fdaclip.train.pairs import Filmed
from fdaclip.video import Sampling, write_video

SIDE, T = 224, 12
WORDS = [f"word{i}" for i in range(200)]


def main() -> None:
    parser = argparse.ArgumentParser(description="training beside a plain loop")
    parser.add_argument("--videos", type=int, default=128)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--evaluated", type=int, default=16, help="videos of the evaluation")
    parser.add_argument("--out", type=Path, default=Path("build/bench/train.json"))
    options = parser.parse_args()
    folder = options.out.parent / "train-films"
    records = films(folder, options.videos)
    sizes = {"videos": options.videos, "batch": options.batch, "epochs": options.epochs}
    print(f"{sizes}, two workers, {torch.get_num_threads()} threads", flush=True)

    found: dict[str, Any] = {**sizes, "machine": platform.platform()}
    work = (records, options.batch, options.epochs)
    for name, loop in (("plain", plain_training), ("ours", our_training)):
        found[name] = alone(loop, *work)
        print(f"{name:6s} {found[name]}", flush=True)
    tested = [Record(r.name, r.path, sentences(40, i)) for i, r in enumerate(records)]
    tested = tested[: options.evaluated]
    for name, way in (("plain", plain_evaluation), ("ours", our_evaluation)):
        found[f"{name}_evaluation"] = alone(way, tested)
        print(f"{name:6s} {found[f'{name}_evaluation']}", flush=True)

    plain, ours = found["plain"], found["ours"]
    found["ratios"] = {
        "end to end": plain["seconds"] / ours["seconds"],
        "a later epoch": plain["later_epoch"] / ours["later_epoch"],
        "memory": ours["peak_mb"] / plain["peak_mb"],
        "evaluation": found["plain_evaluation"]["seconds"] / found["ours_evaluation"]["seconds"],
    }
    pairs = options.videos * options.epochs
    print(f"\n{'':16s} {'plain':>9s} {'ours':>9s}")
    for title, one, two in (
        ("pairs/s, whole", pairs / plain["seconds"], pairs / ours["seconds"]),
        (
            "pairs/s, later",
            options.videos / plain["later_epoch"],
            options.videos / ours["later_epoch"],
        ),
        ("peak MB", plain["peak_mb"], ours["peak_mb"]),
        (
            "evaluation, s",
            found["plain_evaluation"]["seconds"],
            found["ours_evaluation"]["seconds"],
        ),
    ):
        print(f"{title:16s} {one:9.1f} {two:9.1f}")
    print("ratios  " + ", ".join(f"{k} {v:.2f}" for k, v in found["ratios"].items()))
    options.out.write_text(json.dumps(found, indent=2) + "\n")


# -- what both work on ---------------------------------------------------------------------------


def films(folder: Path, count: int) -> list[Record]:
    """Distinct films of ten seconds with grain and a mover, written once; a sentence each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"video{number}.mp4"
        if not path.exists():
            write_video(path, film(number), 30, crf=23)
    return [Record(f"video{i}", folder / f"video{i}.mp4", sentences(1, i)) for i in range(count)]


def film(seed: int) -> Any:
    """300 frames of 240×320."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(40, 216, (30, 40, 3), dtype=np.uint8), (400, 300))
    grain = rng.normal(0, 4, (8, 240, 320, 1))
    for t in range(300):
        x, y = int(40 + 30 * np.sin(t / 60 + seed)), int(30 + 20 * np.cos(t / 45))
        frame = ground[y : y + 240, x : x + 320] + grain[t % 8]
        at = int((t * 2.3 + 37 * seed) % 280)
        frame[90:140, at : at + 40] = (seed * 53 % 256, seed * 101 % 256, 200)
        yield np.clip(frame, 0, 255).astype(np.uint8)


def sentences(count: int, seed: int) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    return tuple(" ".join(rng.choice(WORDS, 8)) for _ in range(count))


def little(guidance: Any) -> FDACLIP:
    return FDACLIP.small(
        words=WORDS,
        image_size=SIDE,
        patch_size=32,
        width=64,
        layers=2,
        text_layers=1,
        embedding_size=64,
        guidance=guidance,
        sampling=Sampling(frames=T),
    )


def alone(work: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """What `work` says, done in a new process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_alone, args=(there, work, arguments))
    process.start()
    there.close()
    found: dict[str, float] = here.recv()
    process.join()
    return found


def _alone(there: Any, work: Callable[..., dict[str, float]], arguments: Any) -> None:
    there.send({name: round(value, 2) for name, value in work(*arguments).items()})


def peak_mb() -> float:
    """The most memory that this process held, MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1e3
    return float("nan")


# -- the plain loop ------------------------------------------------------------------------------


class PlainDataset(torch.utils.data.Dataset[Any]):
    """As CLIP4Clip's rawvideo extractor: OpenCV seeks, PIL transforms, float32."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, str]:
        record = self.records[index]
        return plain_frames(record.path), record.captions[0]


def plain_frames(path: Path) -> Tensor:
    """float32 [T,3,S,S]."""
    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for at in np.linspace(0, count - 1, T).astype(int):
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(at))
        _, frame = capture.read()
        frames.append(plain_picture(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)))
    capture.release()
    return torch.stack(frames)


def plain_picture(frame: NDArray[np.uint8]) -> Tensor:
    """Resize, CenterCrop, ToTensor, Normalize, as torchvision has them."""
    image = Image.fromarray(frame).convert("RGB")
    scale = SIDE / min(image.size)
    image = image.resize(
        (round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC
    )
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    image = image.crop((left, top, left + SIDE, top + SIDE))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    return (pixels - mean) / std


class PlainModel(nn.Module):
    """Mean pooling over float32 frames of three channels."""

    def __init__(self) -> None:
        super().__init__()
        from transformers.models.clip.modeling_clip import CLIPModel

        made = little("none")
        config = made.backbone.config
        config.vision_config.num_channels = 3
        torch.manual_seed(0)
        self.clip = CLIPModel(config)
        self.tokenize = made.tokenize

    def videos(self, pixels: Tensor) -> Tensor:
        features = self.clip.get_image_features(pixel_values=pixels.flatten(0, 1)).pooler_output
        features = nn.functional.normalize(features, dim=-1).view(*pixels.shape[:2], -1).mean(1)
        return nn.functional.normalize(features, dim=-1)

    def texts(self, said: list[str]) -> Tensor:
        features = self.clip.get_text_features(**self.tokenize(said)).pooler_output
        return nn.functional.normalize(features, dim=-1)


def plain_training(records: list[Record], batch: int, epochs: int) -> dict[str, float]:
    model = PlainModel()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.2)
    loader: Any = torch.utils.data.DataLoader(
        PlainDataset(records), batch, shuffle=True, num_workers=2, drop_last=True
    )
    began = time.perf_counter()
    ends = []
    for _ in range(epochs):
        for pixels, said in loader:
            logits = model.clip.logit_scale.exp() * model.texts(said) @ model.videos(pixels).T
            truth = torch.arange(len(said))
            loss = nn.functional.cross_entropy(logits, truth)
            loss = (loss + nn.functional.cross_entropy(logits.T, truth)) / 2
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        ends.append(time.perf_counter() - began)
    later = (ends[-1] - ends[0]) / (epochs - 1)
    return {"seconds": ends[-1], "later_epoch": later, "peak_mb": peak_mb()}


def plain_evaluation(records: list[Record]) -> dict[str, float]:
    """A dataset of pairs: each sentence comes with its video, decoded and encoded again."""
    model = PlainModel().eval()
    began = time.perf_counter()
    pairs = [Record(r.name, r.path, (said,)) for r in records for said in r.captions]
    texts, videos = [], []
    with torch.inference_mode():
        loader: Any = torch.utils.data.DataLoader(PlainDataset(pairs), 16, num_workers=2)
        for pixels, said in loader:
            texts.append(model.texts(said))
            videos.append(model.videos(pixels))
        scores = torch.cat(texts) @ torch.cat(videos).T
    rank = (scores > scores.diagonal()[:, None]).sum(1)
    return {
        "seconds": time.perf_counter() - began,
        "decoded": len(pairs),
        "mean_rank": float(rank.float().mean()) + 1,
    }


# -- ours ----------------------------------------------------------------------------------------


def frames_of(model: FDACLIP) -> Frames:
    side = model.preprocess.decode_short_side
    return Frames(model.sampling, model.motion, model.preprocess, side)


def our_training(records: list[Record], batch: int, epochs: int) -> dict[str, float]:
    import shutil

    folder = records[0].path.parent / "cache"
    shutil.rmtree(folder, ignore_errors=True)
    model = little("alpha")
    began = time.perf_counter()
    cache = FrameCache.build(folder, records, frames_of(model))
    filled = time.perf_counter() - began
    source = Filmed(
        Clips(records, frames_of(model), cache=cache),
        tuple(record.name for record in records),
        tuple(record.captions for record in records),
    )
    training = Training(epochs=epochs, batch=batch, micro_batch=4, backbone_lr=1e-4)
    trainer = start(model, source, training)
    ends: list[float] = []
    waiting = 0.0

    def after(step: Any) -> bool:
        nonlocal waiting
        waiting = step.waiting
        if step.number % (len(records) // batch) == 0:
            ends.append(time.perf_counter() - began)
        return True

    run(trainer, source, Loading(workers=2), after)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    later = (ends[-1] - ends[0]) / (epochs - 1)
    return {
        "seconds": ends[-1],
        "later_epoch": later,
        "peak_mb": peak_mb(),
        "filling": filled,
        "waiting_share": waiting,
        "cache_kb_a_clip": size / len(records) / 1e3,
    }


def our_evaluation(records: list[Record]) -> dict[str, float]:
    model = little("alpha")
    began = time.perf_counter()
    clips = Clips(records, frames_of(model))
    embeddings = embed(model, clips, [r.captions for r in records], batch=16)
    result = evaluate_embeddings(embeddings, resamples=0)
    return {
        "seconds": time.perf_counter() - began,
        "decoded": len(records),
        "mean_rank": result.headline.outcomes["text_to_video"].metrics["mean_rank"],
    }


if __name__ == "__main__":
    main()
