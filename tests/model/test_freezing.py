"""What training may change, and what it must leave alone to the bit."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fdaclip.model import FDACLIP, ModelError, symmetric_infonce
from fdaclip.model.heads import HeadConfig

RATES = {"backbone_lr": 1e-3, "alpha_lr": 1e-2, "new_lr": 1e-2, "weight_decay": 0.2}
PATCH = "vision_model.embeddings.patch_embedding"


def small(**options: Any) -> FDACLIP:
    head = HeadConfig("temporal", layers=1)
    return FDACLIP.small(width=64, layers=2, text_layers=1, head=head, **options)


def steps(model: FDACLIP, count: int = 5) -> None:
    """AdamW steps with weight decay, as training takes them."""
    rng = np.random.default_rng(0)
    model.train()
    optimiser = torch.optim.AdamW(model.parameter_groups(**RATES))
    for _ in range(count):
        rgba = torch.from_numpy(rng.integers(0, 256, (4, 3, 4, 56, 56), dtype=np.uint8))
        texts = model.encode_tokens(**model.tokenize(["a dog", "a cat", "red", "blue"]))
        loss = symmetric_infonce(texts, model.encode_frames(rgba), model.logit_scale())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def snapshot(model: FDACLIP) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_frozen_moves_the_alpha_slice_and_the_head_alone() -> None:
    model = small()
    model.set_trainable("frozen")
    before, whole = snapshot(model), model.backbone.state_dict()[f"{PATCH}.weight"].clone()
    steps(model)
    moved = changed(before, snapshot(model))
    assert f"backbone.{PATCH}.alpha" in moved
    assert moved - {f"backbone.{PATCH}.alpha"} == {n for n in before if n.startswith("head.")}
    now = model.backbone.state_dict()[f"{PATCH}.weight"]
    assert torch.equal(now[:, :3], whole[:, :3])
    assert (now[:, 3] != whole[:, 3]).any()


def test_full_moves_everything() -> None:
    model = small()
    model.set_trainable("full")
    before = snapshot(model)
    steps(model)
    # A bias of the keys adds the same to all logits of a query: its gradient is zero in truth.
    still = before.keys() - changed(before, snapshot(model))
    assert all(name.endswith("k_proj.bias") or "position" in name for name in still), still
    assert {n for g in model.parameter_groups(**RATES) for n in map(id, g["params"])} == {
        id(p) for p in model.parameters()
    }


def test_without_guidance_alpha_is_not_trained() -> None:
    model = small(guidance="none")
    for mode in ("frozen", "full"):
        model.set_trainable(mode)  # type: ignore[arg-type]
        before = snapshot(model)
        steps(model, 2)
        assert f"backbone.{PATCH}.alpha" not in changed(before, snapshot(model))
        assert not any(g["name"].startswith("alpha") for g in model.parameter_groups(**RATES))


def test_groups_have_their_rates_and_decay_matrices_alone() -> None:
    model = small()
    model.set_trainable("full")
    groups = {g["name"]: g for g in model.parameter_groups(**RATES)}
    assert set(groups) == {
        *["alpha", "backbone", "backbone, no decay", "new", "new, no decay"],
    }
    for name, group in groups.items():
        kind = name.split(",")[0]
        assert group["lr"] == RATES[f"{kind}_lr"]
        assert group["weight_decay"] == (0 if "no decay" in name else 0.2)
        assert all((p.ndim < 2) == ("no decay" in name) for p in group["params"])
    assert len(groups["alpha"]["params"]) == 1
    listed = [id(p) for g in groups.values() for p in g["params"]]
    assert len(listed) == len(set(listed))
    assert any(p is model.backbone.logit_scale for p in groups["backbone, no decay"]["params"])


def test_lora_moves_adapters_alpha_and_head_and_folds_on_save(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    model = small()
    rgba = [np.random.default_rng(1).integers(0, 256, (3, 4, 56, 56), dtype=np.uint8)]
    untouched = model.encode_rgba(rgba)
    keys = set(model.backbone.state_dict())
    print_before = model.fingerprint
    model.set_trainable("lora", rank=4)
    np.testing.assert_array_equal(model.encode_rgba(rgba), untouched)
    assert model.fingerprint == print_before
    before = snapshot(model)
    steps(model)
    moved = changed(before, snapshot(model))
    assert f"backbone.{PATCH}.alpha" in moved
    assert all(".lora_" in n or n.startswith("head.") or n.endswith(".alpha") for n in moved)
    adapted = {n.split(".lora_")[0] for n in moved if ".lora_" in n}
    assert any("text_model" in n for n in adapted) and any("vision_model" in n for n in adapted)
    trained = model.encode_rgba(rgba), model.encode_texts(["a dog"])
    assert model.fingerprint != print_before

    model.save_pretrained(tmp_path / "tuned")
    again = FDACLIP.from_pretrained(tmp_path / "tuned")
    assert set(again.backbone.state_dict()) == keys
    assert again.fingerprint == model.fingerprint
    np.testing.assert_allclose(again.encode_rgba(rgba), trained[0], atol=1e-5)
    np.testing.assert_allclose(again.encode_texts(["a dog"]), trained[1], atol=1e-5)
    np.testing.assert_array_equal(model.encode_rgba(rgba), trained[0])  # saving changed nothing

    model.set_trainable("full")  # another mode folds them too
    assert set(model.backbone.state_dict()) == keys
    np.testing.assert_allclose(model.encode_rgba(rgba), trained[0], atol=1e-5)


def test_lora_without_peft_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_peft(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "peft":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_peft)
    with pytest.raises(ModelError, match=r"pip install 'fdaclip\[lora\]'"):
        small().set_trainable("lora")


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="frozen, lora, full, not 'half'"):
        small().set_trainable("half")  # type: ignore[arg-type]


def test_the_logit_scale_is_held_at_100_and_comes_back() -> None:
    model = small()
    model.set_trainable("full")
    with torch.no_grad():
        model.backbone.logit_scale.fill_(9.0)
    assert model.logit_scale().item() == pytest.approx(100)  # in use: the parameter is left alone
    assert model.backbone.logit_scale.item() == 9.0
    model.train()
    model.set_trainable("frozen")
    assert model.logit_scale().item() == pytest.approx(100)
    assert model.backbone.logit_scale.item() == 9.0
    model.set_trainable("full")
    scale = model.logit_scale()
    assert scale.item() == pytest.approx(100)
    scale.backward()
    gradient = model.backbone.logit_scale.grad
    assert gradient is not None and gradient.item() > 0


def test_the_text_tower_can_have_its_own_rate() -> None:
    model = FDACLIP.small()
    model.set_trainable("full")
    groups = model.parameter_groups(**RATES, text_lr=1e-5)
    text = {id(p) for n, p in model.named_parameters() if n.startswith("backbone.text_")}
    assert {id(p) for g in groups if g["lr"] == 1e-5 for p in g["params"]} == text
    assert {n for g in groups for n in map(id, g["params"])} == set(map(id, model.parameters()))


@pytest.mark.parametrize("mode", ["frozen", "lora", "full"])
def test_gradient_checkpointing_changes_nothing_but_what_is_kept(
    mode: Any, random_rgba: Any
) -> None:
    """The same gradients, and far fewer numbers kept for the way back."""
    rgba = torch.from_numpy(random_rgba(2, 4, 4, 56, 56))
    gradients, kept = [], []
    for on in (False, True):
        model = small()
        torch.manual_seed(0)
        model.set_trainable(mode, rank=4)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        model.train()
        model.gradient_checkpointing(on)
        sizes: list[int] = []

        def keep(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            videos = model.video_features(rgba)[0]
            texts = model.text_features(**model.tokenize(["a dog", "red"]))[0]
            loss = symmetric_infonce(texts, videos, model.logit_scale())
        kept.append(sum(sizes))
        loss.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() and gradients[0]
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-5, atol=1e-7)
    assert kept[1] < kept[0] / 2
    model.gradient_checkpointing(False)
    assert not model.backbone.vision_model.encoder.layers[0].gradient_checkpointing
