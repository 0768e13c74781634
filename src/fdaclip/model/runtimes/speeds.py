"""How fast this machine computes a tower's layers, measured for each runtime and precision.

Processor flags promise much (bf16 without AMX is slower than fp32), so that what counts is a
stopwatch. Takes a few seconds; the result is kept for the machine and the
versions of the packages.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.lanes import processors

from . import Precision, Runtime
from .folder import cache
from .onnx import OnnxGraph
from .openvino import OpenvinoGraph
from .quantise import quantise

FILE = "speeds.json"
FRAMES, TOKENS, WIDTH, LAYERS, DEPTH = 12, 50, 768, 2, 12  # two of the twelve layers of ViT-B/32
ROUNDS = 3
HOPELESS = 4  # times the fastest: not timed again
PACKAGES = ("torch", "onnxruntime", "openvino", "numpy")

Array = NDArray[np.float32]
Weights = list[tuple[Array, Array, Array, Array]]  # of a layer: QKV, output, and the two of the MLP


@dataclass(frozen=True)
class Speed:
    """Of one runtime in one precision: frames a second of a ViT-B/32's layers on one thread."""

    runtime: Runtime
    precision: Precision
    frames_per_second: float


def measured(again: bool = False) -> list[Speed]:
    """The speeds of what is installed here, fastest first; measured only if they are not known.

    ONNX Runtime's need the package `onnx` too.
    """
    path, machine = cache() / FILE, this_machine()
    if not again:
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            if known["machine"] == machine:
                return [Speed(**speed) for speed in known["speeds"]]
        except (OSError, ValueError, KeyError, TypeError):
            pass
    speeds = measure()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{FILE}.{os.getpid()}.new")
        found = {"machine": machine, "speeds": [asdict(speed) for speed in speeds]}
        fresh.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError:  # read-only: measured again the next time
        pass
    return speeds


def this_machine() -> dict[str, Any]:
    """What the speeds depend on."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {"processor": processor_name(), "processors": processors(), "versions": versions}


def processor_name() -> str:
    """Of the processor, as it calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
        names = {key.strip(): value.strip() for key, value in named.items()}
        parts = (names["model name"], names.get("model", ""), names.get("stepping", ""))
        return " ".join(parts).strip()
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def measure() -> list[Speed]:
    """Time each that is installed, on one thread, taking turns."""
    random = np.random.default_rng(0)
    weights = [
        tuple(
            (random.normal(size=shape) / shape[0] ** 0.5).astype(np.float32)
            for shape in (
                (WIDTH, 3 * WIDTH),
                (WIDTH, WIDTH),
                (WIDTH, 4 * WIDTH),
                (4 * WIDTH, WIDTH),
            )
        )
        for _ in range(LAYERS)
    ]
    states = random.normal(size=(FRAMES * TOKENS, WIDTH)).astype(np.float32)
    runs: dict[tuple[Runtime, Precision], Callable[[], object]] = {}
    with tempfile.TemporaryDirectory() as folder, one_torch_thread():
        for add in (in_torch, in_onnx, in_openvino):
            try:
                runs |= add(weights, states, Path(folder))
            except ImportError:
                continue
        if not runs:
            return []
        seconds = {name: [stopped(run)] for name, run in runs.items()}  # the first one warms up
        hopeless = HOPELESS * min(times[0] for times in seconds.values())
        for _ in range(ROUNDS):
            for name, run in runs.items():
                if seconds[name][0] < hopeless:
                    seconds[name].append(stopped(run))
    speeds = [
        Speed(*name, round(FRAMES * LAYERS / DEPTH / min(times), 2))
        for name, times in seconds.items()
    ]
    return sorted(speeds, key=lambda speed: -speed.frames_per_second)


def stopped(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


@contextmanager
def one_torch_thread() -> Iterator[None]:
    try:
        import torch
    except ImportError:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


Runs = dict[tuple[Runtime, Precision], Callable[[], object]]


def in_torch(weights: Weights, states: Array, folder: Path) -> Runs:
    import torch
    from torch.nn.functional import linear

    def layers(dtype: Any) -> Callable[[], object]:
        held = [[torch.from_numpy(w.T.copy()).to(dtype) for w in layer] for layer in weights]
        begin = torch.from_numpy(states).to(dtype)

        def run() -> object:
            x = begin
            with torch.inference_mode():
                for qkv, out, up, down in held:
                    mixed = linear(x, qkv)[:, :WIDTH]
                    x = x + linear(mixed, out)
                    x = x + linear(linear(x, up).relu(), down)
            return x

        return run

    return {("torch", "fp32"): layers(torch.float32), ("torch", "bf16"): layers(torch.bfloat16)}


def in_onnx(weights: Weights, states: Array, folder: Path) -> Runs:
    import onnx
    from onnx import helper, numpy_helper

    held, nodes, x = [], [], "states"
    held += [
        numpy_helper.from_array(np.array(value, np.int64), name)
        for name, value in (("begin", [0]), ("end", [WIDTH]), ("axis", [1]))
    ]
    for index, layer in enumerate(weights):
        names = [f"{index}.{part}" for part in ("qkv", "out", "up", "down")]
        held += [numpy_helper.from_array(w, name) for w, name in zip(layer, names, strict=True)]
        qkv, out, up, down = names
        steps = (
            ("MatMul", (x, qkv), "a"),
            ("Slice", ("a", "begin", "end", "axis"), "b"),
            ("MatMul", ("b", out), "c"),
            ("Add", (x, "c"), "d"),
            ("MatMul", ("d", up), "e"),
            ("Relu", ("e",), "f"),
            ("MatMul", ("f", down), "g"),
            ("Add", ("d", "g"), "h"),
        )
        own = {step[2] for step in steps}
        nodes += [
            helper.make_node(
                kind,
                [f"{index}.{name}" if name in own else name for name in inputs],
                [f"{index}.{output}"],
                name=f"{index}.{output}",
            )
            for kind, inputs, output in steps
        ]
        x = f"{index}.h"
    shape = list(states.shape)
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("states", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(x, onnx.TensorProto.FLOAT, shape)],
        held,
    )
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), folder / "fp32.onnx")
    quantise(folder / "fp32.onnx", folder / "int8.onnx")
    exact, small = (OnnxGraph(folder / f"{name}.onnx", 1) for name in ("fp32", "int8"))
    return {
        ("onnx", "fp32"): lambda: exact(states=states),
        ("onnx", "int8"): lambda: small(states=states),
    }


def in_openvino(weights: Weights, states: Array, folder: Path) -> Runs:
    import openvino
    from openvino import opset13 as ops

    def graph(name: str, int8: bool) -> OpenvinoGraph:
        def product(x: Any, w: Array) -> Any:
            held = ops.constant(w)
            if int8:  # as NNCF marks it: OpenVINO makes 8-bit products of two such
                top = np.abs(w).max(0, keepdims=True)
                held = ops.fake_quantize(held, -top, top, -top, top, 255)
                ends = [ops.constant(np.float32(end)) for end in (-8, 8, -8, 8)]
                x = ops.fake_quantize(x, *ends, 256)
            return ops.matmul(x, held, False, False)

        begin = x = ops.parameter(list(states.shape), np.float32, name="states")
        for qkv, out, up, down in weights:
            mixed = product(x, qkv)
            mixed = ops.slice(mixed, [0], [WIDTH], [1], [1])
            x = ops.add(x, product(mixed, out))
            x = ops.add(x, product(ops.relu(product(x, up)), down))
        x.output(0).get_tensor().set_names({"after"})
        begin.output(0).get_tensor().set_names({"states"})
        path = folder / f"{name}.xml"
        openvino.save_model(openvino.Model([x], [begin]), str(path), compress_to_fp16=False)
        return OpenvinoGraph(path, threads=1, lanes=1)

    exact, small = graph("fp32", False), graph("int8", True)
    return {
        ("openvino", "fp32"): lambda: exact(states=states),
        ("openvino", "int8"): lambda: small(states=states),
    }
