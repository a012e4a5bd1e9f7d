# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: the ONNX operators LSTM, GRU and RNN with sequence_lens; inference only.

Its threads spin between the operators of a pass, and for a while after it, as they do by default.
Input and output are bound once, so that no pass copies or allocates them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from contender import Job, Prepared
from work import GATES, Floats, Layout, Work, make_numbers

# The gates' places in ONNX's order: LSTM i o f c, GRU z r h.
ORDERS = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
ATTRIBUTES: dict[str, dict[str, Any]] = {"lstm": {}, "gru": {"linear_before_reset": 1}, "rnn": {}}


def reorder(cell: str, rows: Floats) -> Floats:
    gates = np.split(rows, GATES[cell])
    return np.concatenate([gates[gate] for gate in ORDERS[cell]])


def make_model(work: Work) -> bytes:
    numbers = make_numbers(work)
    biases = [reorder(work.cell, b) for b in (numbers.bias_ih, numbers.bias_hh)]
    constants = {
        "W": reorder(work.cell, numbers.weight_ih)[None],
        "R": reorder(work.cell, numbers.weight_hh)[None],
        "B": np.concatenate(biases)[None],
        "lens": np.array(work.lengths, np.int32),
    }
    node = helper.make_node(work.cell.upper(), ["X", "W", "R", "B", "lens"], ["Y"],
                            hidden_size=work.hidden, **ATTRIBUTES[work.cell])
    shape = [work.n_steps, work.n_seq]
    graph = helper.make_graph(
        [node], work.cell,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [*shape, work.input])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [shape[0], 1, shape[1],
                                                                work.hidden])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class Runtime:
    """The library of contender.py."""

    def __init__(self, threads: int) -> None:
        self.options = ort.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.add_session_config_entry("session.intra_op.allow_spinning", "1")

    def prepare(self, job: Job) -> Prepared:
        if job.mode != "inference":
            raise ValueError(f"ONNX Runtime does not do {job.mode}")
        work, layout = job.work, Layout(job.work.lengths)
        session = ort.InferenceSession(make_model(work), self.options,
                                       providers=["CPUExecutionProvider"])
        x = layout.pad(make_numbers(work).x)
        y = np.empty((work.n_steps, 1, work.n_seq, work.hidden), np.float32)
        binding = session.io_binding()
        binding.bind_cpu_input("X", x)
        binding.bind_output("Y", "cpu", 0, np.float32, y.shape, y.ctypes.data)
        return Prepared(lambda: session.run_with_iobinding(binding),
                        lambda: {"y": layout.unpad(y[:, 0])}, {"bound": float(x.size + y.size)})

    def version(self) -> str:
        return str(ort.__version__)


def make(threads: int, _variant: str) -> Runtime:
    return Runtime(threads)
