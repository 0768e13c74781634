"""A graph in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.errors import BadCheckpoint
from fdaclip.model.extras import needed


class OnnxGraph:
    """Runs an `.onnx` file on the processor. Safe to call from several threads.

    Args:
        threads: of a pass. With 1 the pass runs in the thread that asks for it; its result is the
            same bits, however many others do so meanwhile.

    Raises:
        BadCheckpoint: the file is damaged.
        NotInstalled: ONNX Runtime is not there.
    """

    def __init__(self, path: Path, threads: int) -> None:
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        # Threads that wait for work sleep, instead of taking a processor from those who decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of several kinds, all made in C++
            raise BadCheckpoint(f"{path} cannot be loaded: {first_line(error)}") from error

    def __call__(self, **inputs: NDArray[Any]) -> NDArray[np.float32]:
        """The graph's one output, [1,E]."""
        output: NDArray[np.float32] = self._session.run(None, inputs)[0]
        return output


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
