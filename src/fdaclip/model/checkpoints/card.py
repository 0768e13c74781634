"""The model card: README.md of a saved folder, made from the model and its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..fdaclip import FDACLIP

CARD = "README.md"
MEASURES = (("r1", "R@1"), ("r5", "R@5"), ("r10", "R@10"))
DIRECTIONS = (("text_to_video", "text to video"), ("video_to_text", "video to text"))

HEADS = {
    "mean": "the mean of the frames' unit vectors",
    "temporal": "a transformer over the frames, then the mean of their unit vectors",
    "ti": "token interaction: each word with its best frame and back (DRL)",
    "wti": "weighted token interaction: each word with its best frame and back (DRL)",
}


def card(model: FDACLIP, results: Sequence[dict[str, Any]]) -> str:
    """The text, with the metadata at its head that the hub reads.

    Args:
        results: contents of result.json files, as `fdaclip eval` and `fdaclip train` write them.

    Raises:
        ValueError: one is no such result.
    """
    parts = [metadata(results), description(model), measured(model, results), use(model)]
    return "\n".join(line for part in parts for line in part)


def metadata(results: Sequence[dict[str, Any]]) -> list[str]:
    """The YAML block."""
    lines = [
        "---",
        "library_name: fdaclip",
        "tags: [fdaclip, clip, text-to-video-retrieval, video-search]",
    ]
    if results:
        lines += ["model-index:", "- name: fdaclip", "  results:"]
    for result in results:
        data = result.get("data") or {}
        outcome = headline(result)["text_to_video"]
        lines += [
            "  - task: {type: text-to-video-retrieval}",
            "    dataset:",
            f"      name: {json.dumps(data_name(result))}",
            f"      type: {json.dumps(str(data.get('name', 'own')))}",
            f"      split: {json.dumps(str(data.get('split', result.get('measured_on', '?'))))}",
            "    metrics:",
        ]
        lines += [
            f"    - {{type: {name}, name: {title}, value: {outcome[name]:.2f}}}"
            for name, title in MEASURES
        ]
    return [*lines, "---", ""]


def description(model: FDACLIP) -> list[str]:
    """What it is and how it looks at a video."""
    config: Any = model.backbone.config
    vision = config.vision_config
    count = sum(p.numel() for p in model.parameters())
    sampling = model.sampling
    partner = (
        "the next sampled frame"
        if sampling.partner == "sampled"
        else f"one {sampling.partner:.2g} s later"
    )
    alpha = "it is shown to the model" if model.guidance == "alpha" else "not shown to this model"
    return [
        "# FDA-CLIP",
        "",
        "A dual encoder for finding videos by a sentence. Each frame comes with a fourth channel "
        "that says what moves in it.",
        "",
        "| | |",
        "|---|---|",
        f"| towers | {config.model_type}, vision {vision.hidden_size} wide, "
        f"{vision.num_hidden_layers} layers, patches of {vision.patch_size} px, "
        f"{vision.image_size} px; {count / 1e6:,.1f} M parameters |",
        f"| vectors | {model.embedding_size} numbers |",
        f"| frames | {sampling.frames} a clip, each compared with {partner} |",
        f"| mask | {alpha} |",
        f"| head | {model.settings.head.kind}: {HEADS[model.settings.head.kind]} |",
        "",
    ]


def measured(model: FDACLIP, results: Sequence[dict[str, Any]]) -> list[str]:
    """The figures, each with what it rests on."""
    if not results:
        return ["No result was given when this folder was written.", ""]
    lines = ["## Results", "", "| | direction | R@1 | R@5 | R@10 | median rank | mean rank |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|")
    for result in results:
        for name, title in DIRECTIONS:
            m = headline(result)[name]
            figures = " | ".join(f"{m[key]:.1f}" for key, _ in MEASURES)
            lines.append(
                f"| {data_name(result)} | {title} | {figures} | {m['median_rank']:.1f} | "
                f"{m['mean_rank']:.1f} |"
            )
    lines.append("")
    for result in results:
        lines.append(f"- {rests_on(model, result)}")
    return [*lines, ""]


def rests_on(model: FDACLIP, result: dict[str, Any]) -> str:
    """What a figure was measured on and with, in a sentence."""
    data, m = result.get("data") or {}, headline(result)["text_to_video"]
    parts = [str(data.get("describe") or data_name(result))]
    if low_high := (m.get("ci95") or {}).get("r1"):
        parts.append(f"95 % interval of R@1 {low_high[0]:.1f}–{low_high[1]:.1f}")
    chosen = result.get("selected")
    if isinstance(chosen, dict):
        parts.append(f"weights of step {chosen.get('step')}, chosen by {chosen.get('by')}")
    if (result.get("seed")) is not None:
        parts.append(f"seed {result['seed']}")
    code = result.get("code") or {}
    if code:
        parts.append(f"fdaclip {code.get('fdaclip')} {str(code.get('commit', ''))[:9]}".strip())
    theirs = (result.get("model") or {}).get("fingerprint")
    if theirs and theirs != model.fingerprint:
        parts.append("measured with other settings or weights than these (fingerprints differ)")
    return "; ".join(parts) + "."


def headline(result: dict[str, Any]) -> dict[str, Any]:
    """The plain ranking of a result."""
    found = result.get("headline")
    if not isinstance(found, dict) or not all(name in found for name, _ in DIRECTIONS):
        raise ValueError("a result has no figures in both directions: it is no result.json")
    return found


def data_name(result: dict[str, Any]) -> str:
    """Such as ``msrvtt test (1k-A 9k)``."""
    data = result.get("data") or {}
    name = " ".join(str(data[key]) for key in ("name", "split") if data.get(key))
    protocol = f" ({data['protocol']})" if data.get("protocol") else ""
    return (name + protocol) or str(result.get("name") or "own data")


def use(model: FDACLIP) -> list[str]:
    """How it is loaded and asked."""
    if model.settings.head.keeps_tokens:
        asked = [
            'texts = model.text_features(**model.tokenize(["a dog catches a frisbee"]))',
            "videos = model.video_features(rgba)  # uint8 [B,T,4,S,S], of model.prepare(clip)",
            "scores = model.score(texts, videos)",
        ]
    else:
        asked = [
            'texts = model.encode_texts(["a dog catches a frisbee"])',
            'videos = model.encode_videos(["a.mp4", "b.mp4"])',
            "scores = model.similarity(texts, videos)",
        ]
    kind = type(model.backbone).__name__
    return [
        "## Use",
        "",
        "```python",
        "from fdaclip import FDACLIP",
        "",
        'model = FDACLIP.from_pretrained("FOLDER")',
        *asked,
        "```",
        "",
        "The towers are ordinary ones of transformers whose vision config says `num_channels: 4`: "
        f"`{kind}.from_pretrained` reads this folder as well.",
        "",
    ]
