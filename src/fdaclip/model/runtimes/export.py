"""A model becomes a folder of graphs that ONNX Runtime or OpenVINO runs without torch.

Shapes: T frames, S×S pixels, K patches, L tokens, E embedding.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from fdaclip.model.errors import ModelError
from fdaclip.model.extras import needed
from fdaclip.model.settings import Settings
from fdaclip.model.tower import FrameTower
from fdaclip.model.whole import whole_folder

from . import CLOSE, Precision, Runtime
from .exported import ExportedEncoder
from .folder import FILE, PACKAGE, Export, Variant, is_export
from .probe import generated_clips, generated_sentences
from .quantise import quantise
from .signals import own_signal_stack

if TYPE_CHECKING:
    from fdaclip.model.fdaclip import FDACLIP

CALIBRATION = (2,) * 32  # frames of the clips that OpenVINO's int8 is calibrated with
CHECKED, CALIBRATED = 0, 1000  # seeds: it is not checked on what it was calibrated with


class TooFar(ModelError):
    """An export's vectors are too far from torch's in fp32."""


def export_model(
    model: FDACLIP,
    folder: str | Path,
    *,
    runtime: Runtime = "onnx",
    precision: Precision = "fp32",
    source: str = "",
) -> Export:
    """Write a folder that runs without torch: both towers, tokenizer, preprocessing, settings.

    Normalisation, guidance, head and unit length are in the vision graph. It is written under
    another name and renamed once its vectors have been compared with torch's, so that it is whole
    and sound or not there. An export that was there before is replaced.

    Args:
        model: with a head that gives one vector a clip.
        precision: `fp32` or `int8`. The text tower stays in fp32: a sentence is a pass of few rows,
            and its vector meets every clip's.
        source: name of the model, for people.

    Raises:
        NeedsOneVector: the head keeps frames and words apart.
        ValueError: another runtime or precision.
        TooFar: a cosine to torch is below 0.999; it is named.
        FileExistsError: the folder holds something else than an export.
        NotInstalled: a package of the extra `export` is not there.
    """
    if runtime not in PACKAGE or precision not in ("fp32", "int8"):
        raise ValueError(f"exports are onnx or openvino in fp32 or int8, not {runtime} {precision}")
    model.require_one_vector()
    for package in ("onnx", "onnxscript", PACKAGE[runtime]):
        needed(package)
    folder = Path(folder).expanduser()
    refuse_foreign(folder)
    with whole_folder(folder) as fresh:
        model.tokens.write(fresh)
        if not (fresh / "tokenizer.json").exists():  # older forms need transformers to be read
            model.tokens.tokenizer.save(str(fresh / "tokenizer.json"))
        model.preprocess.write(fresh)
        model.settings.write(fresh)
        write_graphs(model, fresh, runtime, precision)
        export = Export(
            runtime=runtime,
            precision=precision,
            variants=variants(model),
            embedding_size=model.embedding_size,
            cosine=1.0,
            source=source,
            patch=model.tower.patch,
            context=model.tokens.context,
            pad_id=model.tokens.pad_id,
            fixed=model.tokens.fixed,
            made_with={name: version(name) for name in ("torch", "onnx", PACKAGE[runtime])},
        )
        export.write(fresh)
        export = replace(export, cosine=checked(model, fresh))
        export.write(fresh)
    return export


def refuse_foreign(folder: Path) -> None:
    """Raise `FileExistsError` if the folder holds something else than an export."""
    if folder.exists() and not is_export(folder) and (folder.is_file() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} holds something else than an export (no {FILE}); "
            "hint: export into a folder of its own"
        )


# -- graphs ---------------------------------------------------------------------------------------


class Vision(nn.Module):
    """One clip: uint8 [T,4,S,S] → [1,E], of unit length."""

    def __init__(self, model: FDACLIP) -> None:
        super().__init__()
        self.model = model  # holds the tower's weights
        self.tower = FrameTower(model.backbone, model.normalise, model.settings, thrifty=True)

    def forward(self, rgba: Tensor, patches: Tensor | None = None) -> Tensor:
        frames = self.tower(rgba, patches)  # [T,E]
        vector: Tensor = self.model.head(frames.float()[None])
        return vector


class Text(nn.Module):
    """One sentence: int64 [1,L] → [1,E], of unit length."""

    def __init__(self, model: FDACLIP) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return self.model.encode_tokens(ids, torch.ones_like(ids))


def write_graphs(model: FDACLIP, folder: Path, runtime: Runtime, precision: Precision) -> None:
    """`vision` and `text`, in the runtime's form."""
    size, context = model.preprocess.size, model.tokens.context
    frames, length = torch.export.Dim("frames", min=1), torch.export.Dim("length", max=context)
    inputs = {"rgba": torch.zeros(3, 4, size, size, dtype=torch.uint8)}
    dynamic: dict[str, dict[int, Any]] = {"rgba": {0: frames}}
    if model.settings.prune is not None and model.settings.prune.keep < 1:
        patches = (size // model.tower.patch) ** 2
        inputs["patches"] = torch.arange(patches // 2).repeat(3, 1)
        dynamic["patches"] = {0: frames, 1: torch.export.Dim("kept", min=1, max=patches)}
    vision, text = folder / "vision.onnx", folder / "text.onnx"
    to_onnx(Vision(model), inputs, dynamic, vision)
    ids = model.tokenize(["a b c d e"])["input_ids"]  # of full length where that is fixed
    to_onnx(Text(model), {"ids": ids}, {} if model.tokens.fixed else {"ids": {1: length}}, text)
    if runtime == "onnx":
        if precision == "int8":
            whole_precision = folder / "vision.fp32.onnx"
            for file in folder.glob("vision.onnx*"):
                file.rename(folder / file.name.replace("vision.onnx", "vision.fp32.onnx"))
            quantise(whole_precision, vision)
            for file in folder.glob("vision.fp32.onnx*"):
                file.unlink()
        return
    to_openvino(vision, model if precision == "int8" else None)
    to_openvino(text, None)


def to_onnx(
    graph: nn.Module, inputs: dict[str, Tensor], dynamic: dict[str, Any], path: Path
) -> None:
    """Trace a graph and write it; one that is larger than a protobuf may be, in two files."""
    shapes = {name: dynamic.get(name, {}) for name in inputs}
    with quietly(), torch.no_grad():
        program = torch.onnx.export(
            graph.eval(),
            kwargs=inputs,
            dynamo=True,
            input_names=list(inputs),
            output_names=["vector"],
            dynamic_shapes=shapes,
            verbose=False,
        )
        assert program is not None
        weights = sum(tensor.nbytes for tensor in graph.state_dict().values())
        program.save(str(path), external_data=weights > 1.5e9)


def to_openvino(path: Path, calibrated_by: FDACLIP | None) -> None:
    """An ONNX file becomes `.xml` and `.bin`; in int8 if there is a model to calibrate it with."""
    openvino = needed("openvino")
    with quietly(), redirect_stdout(StringIO()):  # NNCF draws its progress
        graph = openvino.convert_model(str(path))
        if calibrated_by is not None:
            with own_signal_stack():
                graph = in_int8(graph, calibrated_by)
        openvino.save_model(graph, str(path.with_suffix(".xml")), compress_to_fp16=False)
    for file in path.parent.glob(path.name + "*"):
        file.unlink()


def in_int8(graph: Any, model: FDACLIP) -> Any:
    """OpenVINO's int8: scales of the activations from generated clips (NNCF, post-training).

    Weights take 7 bits for the reason that `quantise` tells: with 8 the small model's cosine was
    0.987 on AVX2, with 7 it is 0.9998. The scales cover all that was seen, rather than the mean of
    the clips' extremes, and no weights are traded for them (SmoothQuant): both were closer.
    """
    nncf = needed("nncf")
    estimators = needed("nncf.quantization.range_estimator")
    advanced = needed("nncf.quantization.advanced_parameters")
    samples = []
    for clip in generated_clips(model.preprocess.size, CALIBRATED, CALIBRATION):
        kept = model.kept_patches(torch.from_numpy(clip[None]))
        samples.append({"rgba": clip} | ({"patches": kept[0]} if kept else {}))
    return nncf.quantize(
        graph,
        nncf.Dataset(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=advanced.OverflowFix.ENABLE,
            disable_bias_correction=True,  # took long and changed nothing
            activations_range_estimator_params=estimators.RangeEstimatorParametersSet.MINMAX,
            smooth_quant_alphas=advanced.AdvancedSmoothQuantParameters(matmul=-1),
        ),
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Keep the exporters' remarks off the terminal; what matters is checked afterwards."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "nncf", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


# -- identity and soundness -----------------------------------------------------------------------


def variants(model: FDACLIP) -> tuple[Variant, ...]:
    """The model's fingerprint, and that with the other way to choose frames."""
    own = model.settings
    other = replace(own, sampling=replace(own.sampling, anchored=not own.sampling.anchored))
    return fingerprinted(model, own), fingerprinted(model, other)


def fingerprinted(model: FDACLIP, settings: Settings) -> Variant:
    """The fingerprint that the model has with other settings of sampling and motion."""
    before = model.settings
    model.settings = settings
    try:
        return Variant(settings.sampling, settings.motion, model.fingerprint)
    finally:
        model.settings = before


def checked(model: FDACLIP, folder: Path) -> float:
    """The lowest cosine of an export's vectors to torch's, over generated clips and sentences.

    Raises:
        TooFar: it is below 0.999.
    """
    exported = ExportedEncoder(folder)
    clips = generated_clips(model.preprocess.size, CHECKED)
    sentences = generated_sentences()
    lowest = {
        "clips": cosine(model.encode_rgba(clips), exported.encode_rgba(clips)),
        "sentences": cosine(model.encode_texts(sentences), exported.encode_texts(sentences)),
    }
    for what, found in lowest.items():
        if not found >= CLOSE:
            raise TooFar(
                f"the {exported.runtime} export in {exported.precision} is too far from torch in "
                f"fp32: a cosine of {found:.5f} for {what}, below {CLOSE}; "
                + ("hint: export in fp32" if exported.precision == "int8" else "it was not kept")
            )
    return min(lowest.values())


def cosine(one: Any, other: Any) -> float:
    """The lowest of rows of unit length, at most 1."""
    return min(1.0, float(np.min((one.astype(float) * other.astype(float)).sum(1))))
