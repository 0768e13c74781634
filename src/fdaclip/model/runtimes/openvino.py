"""A graph in OpenVINO."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.errors import BadCheckpoint
from fdaclip.model.extras import needed

from .onnx import first_line
from .signals import own_signal_stack


class OpenvinoGraph:
    """Runs an `.xml` file with its `.bin` on the processor. Safe to call from several threads.

    Args:
        threads: of a pass.
        lanes: passes that run side by side; others wait.

    Raises:
        BadCheckpoint: the files are damaged.
        NotInstalled: OpenVINO is not there.
    """

    def __init__(self, path: Path, threads: int, lanes: int) -> None:
        runtime = needed("openvino")
        options = {
            "NUM_STREAMS": lanes,
            "INFERENCE_NUM_THREADS": threads * lanes,
            "INFERENCE_PRECISION_HINT": "f32",  # not bf16 behind one's back
        }
        try:
            with own_signal_stack():
                self._compiled: Any = runtime.Core().compile_model(str(path), "CPU", options)
        except Exception as error:  # of several kinds, all made in C++
            raise BadCheckpoint(f"{path} cannot be loaded: {first_line(error)}") from error
        self._own = threading.local()  # a request is for one thread at a time

    def __call__(self, **inputs: NDArray[Any]) -> NDArray[np.float32]:
        """The graph's one output, [1,E]."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        output: NDArray[np.float32] = self._own.request.infer(inputs)[0]
        return np.array(output)  # a copy: the request's memory is used again
