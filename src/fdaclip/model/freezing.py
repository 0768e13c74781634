"""What a training run may change, and in which optimiser group it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from torch import Tensor, nn

from .errors import ModelError
from .patch import RGBAPatchEmbedding

Mode = Literal["frozen", "lora", "full"]
MODES = ("frozen", "lora", "full")
ADAPTED = ("q_proj", "k_proj", "v_proj", "out_proj")  # of both towers


def add_lora(backbone: nn.Module, rank: int) -> None:
    """Put low-rank adapters (Hu et al. 2021) beside the attention's projections, in place.

    Raises:
        ModelError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ModelError(
            "training with LoRA needs peft, which is not installed; "
            "hint: pip install 'fdaclip[lora]'"
        ) from error
    # By full name: SigLIP's pooling head has an out_proj too, whose weight torch reads by itself.
    names = [
        f"{name}.{part}"
        for name, module in backbone.named_modules()
        if name.endswith("self_attn")
        for part in ADAPTED
        if hasattr(module, part)
    ]
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names), backbone)


def adapters(backbone: nn.Module) -> Iterator[tuple[str, Any]]:
    """Name and module of every layer that carries an adapter."""
    for name, module in backbone.named_modules():
        if hasattr(module, "base_layer") and hasattr(module, "lora_A"):
            yield name, module


def fold_lora(backbone: nn.Module) -> None:
    """Add the adapters to the weights beside them and take them away, in place."""
    for name, layer in list(adapters(backbone)):
        layer.merge(safe_merge=True)
        parent, _, own = name.rpartition(".")
        setattr(backbone.get_submodule(parent), own, layer.get_base_layer())


def folded_state(backbone: nn.Module) -> dict[str, Tensor]:
    """The backbone's state as if the adapters were folded; the backbone itself stays as it is."""
    state = {name: tensor.detach() for name, tensor in backbone.state_dict().items()}
    for name, layer in adapters(backbone):
        weight = state[f"{name}.base_layer.weight"]
        for adapter in layer.active_adapters:
            weight = weight + layer.get_delta_weight(adapter).detach()
        state[f"{name}.weight"] = weight
        if f"{name}.base_layer.bias" in state:
            state[f"{name}.bias"] = state[f"{name}.base_layer.bias"]
        for key in list(state):
            if key.startswith((f"{name}.base_layer.", f"{name}.lora_")):
                del state[key]
    return state


def choose_trainable(backbone: nn.Module, head: nn.Module, mode: Mode) -> None:
    """Set `requires_grad` of every parameter for a mode; adapters must be in place for "lora"."""
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_(mode == "full" or (mode == "lora" and ".lora_" in name))
    head.requires_grad_(True)
    for module in backbone.modules():
        if isinstance(module, RGBAPatchEmbedding):
            module.alpha.requires_grad_(module.guidance == "alpha")


def parameter_groups(
    backbone: nn.Module,
    head: nn.Module,
    *,
    backbone_lr: float,
    alpha_lr: float,
    new_lr: float,
    weight_decay: float,
    text_lr: float | None = None,
) -> list[dict[str, Any]]:
    """AdamW groups of the trainable parameters, none of them empty.

    Matrices, convolutions and embeddings decay; gains, biases, the class embedding and the logit
    scale do not (open_clip's rule).
    """
    rates = {"backbone": backbone_lr, "alpha": alpha_lr, "new": new_lr, "text": text_lr or 0.0}
    members: dict[tuple[str, bool], list[nn.Parameter]] = {}
    named = [
        *(("backbone." + name, parameter) for name, parameter in backbone.named_parameters()),
        *(("head." + name, parameter) for name, parameter in head.named_parameters()),
    ]
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        kind = "new" if name.startswith("head.") or ".lora_" in name else "backbone"
        if name.endswith("patch_embedding.alpha"):
            kind = "alpha"
        elif kind == "backbone" and text_lr is not None and name.startswith("backbone.text_"):
            kind = "text"
        decays = parameter.ndim >= 2
        members.setdefault((kind, decays), []).append(parameter)
    return [
        {
            "name": kind if decays else f"{kind}, no decay",
            "params": parameters,
            "lr": rates[kind],
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (kind, decays), parameters in sorted(members.items(), key=lambda item: item[0])
    ]
