"""What runs a model: torch, or an export of it in ONNX Runtime or OpenVINO, which need no torch.

Nothing heavy is imported here: `folder` tells of exports by their files, `exported` runs one,
`export` makes one, `choose` says what this machine should use.
"""

from typing import Literal

Runtime = Literal["torch", "onnx", "openvino"]
Precision = Literal["fp32", "bf16", "int8"]
RUNTIMES: tuple[Runtime, ...] = ("torch", "onnx", "openvino")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
CLOSE = 0.999  # cosine to torch in fp32 below which an export is refused
