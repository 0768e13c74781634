"""An ONNX graph in fp32 becomes one in int8."""

from __future__ import annotations

import logging
from pathlib import Path

from fdaclip.model.extras import needed


def quantise(source: Path, target: Path) -> None:
    """Weights of the matrix products in int8, one scale a column; activations as they come.

    The activations' scale is that of the clip at hand (dynamic quantisation), so that nothing need
    be calibrated and a vector does not depend on the company. Products of two activations, the
    patch convolution and everything between stay in fp32.

    Weights take 7 bits (`reduce_range`). A file is for every processor, and where there is no VNNI
    (AVX2, AVX-512 before 2019) the fast instruction adds two products of 8 by 8 bits into 16, which
    overflows; with 7 bits it cannot. Where there is VNNI the speed is the same.

    Raises:
        NotInstalled: the packages that do it are not there.
    """
    needed("onnx")
    quantization = needed("onnxruntime.quantization")
    remarks = logging.getLogger()  # it advises what `export` has done already
    before = remarks.level
    remarks.setLevel(logging.ERROR)
    try:
        quantization.quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        remarks.setLevel(before)
