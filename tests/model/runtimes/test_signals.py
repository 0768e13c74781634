"""Ctrl-C is an interrupt after OpenVINO has compiled a graph, too."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import signal
import numpy as np
import openvino
from openvino import opset13 as ops
import ctypes
from fdaclip.model.runtimes.openvino import OpenvinoGraph
from fdaclip.model.runtimes.signals import Stack

def stack():
    now = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(now))
    return now.sp, now.flags, now.size

before = stack()
folder = __import__("pathlib").Path(__import__("sys").argv[1])
ids = ops.parameter([1, 8], np.float32, name="ids")
openvino.save_model(
    openvino.Model([ops.matmul(ids, np.eye(8, dtype=np.float32), False, False)], [ids]),
    str(folder / "text.xml"),
)
graph = OpenvinoGraph(folder / "text.xml", 1, 1)
graph(ids=np.ones((1, 8), np.float32))
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted", stack() == before)
"""


def test_an_interrupt_arrives(tmp_path: object) -> None:
    pytest.importorskip("openvino")
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux's is put back")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "interrupted True", (done.returncode, done.stderr[-500:])
