# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU on NumPy: forms of input, parameters, wrong arguments."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from nets_cases import batch_of, rows_like, summed
from numpy.testing import assert_allclose, assert_array_equal

import packseq
from packseq import GRU, LSTM, RNN

# ---- forms of input


def test_the_line_of_the_readme() -> None:
    p = packseq.pack([np.ones((4, 40)), np.ones((0, 40)), np.ones((2, 40))])
    y, (h, c) = packseq.LSTM(40, 128, num_layers=2, bidirectional=True, seed=0)(p)
    assert y[0].shape == (4, 256)
    assert y.last().shape == (3, 256)
    assert h.shape == c.shape == (4, 3, 128)
    assert_array_equal(y.last()[:, :128], h[2])


def test_one_sequence_needs_no_batch() -> None:
    net = LSTM(3, 4, seed=0)
    x = np.random.default_rng(0).standard_normal((5, 3))
    y, (h, c) = net(x)
    z, (g, d) = net([x])
    assert_array_equal(y, z[0])
    assert (h.shape, c.shape) == ((1, 4), (1, 4))
    assert_array_equal(h, g[:, 0])
    again, _ = net(x, (h, c))
    assert_array_equal(again, net([x], (g, d))[0][0])
    grads = net.forward(x, h, c, train=True).backward(np.ones_like(y))
    assert (grads.x.shape, grads.h0.shape) == ((5, 3), (1, 4))
    assert grads.c0 is not None
    assert grads.c0.shape == (1, 4)


@pytest.mark.parametrize("x", [[], np.empty((4, 0, 3)), np.empty((0, 2, 3)), [[], []]])
def test_batches_of_nothing(x: Any) -> None:
    net = LSTM(3, 4, num_layers=2, bidirectional=True)
    out = net.forward(x, train=True, layers=True, cells=True)
    n_seq = len(x) if isinstance(x, list) else x.shape[1]
    assert out.h.shape == (4, n_seq, 4)
    assert not out.h.any()
    rows = out.y.rows if isinstance(x, list) else out.y
    assert rows.size == 0
    grads = out.backward(rows)
    assert not grads.parameters.flat.any()


def test_rows_of_any_real_dtype_and_any_strides() -> None:
    net = GRU(3, 4, seed=0)
    rows = np.arange(30).reshape(10, 3)
    wanted = net(packseq.pack([rows[:4].astype(np.float32)]))[0].rows
    for dtype in (np.float64, np.int8, np.uint16, np.float16):
        assert_array_equal(net(packseq.pack([rows[:4].astype(dtype)]))[0].rows, wanted)
    wide = np.zeros((4, 6), np.float32)
    wide[:, ::2] = rows[:4]
    x = wide[:, ::2]
    x.flags.writeable = False
    assert_array_equal(net(x)[0], wanted)
    backwards = np.ascontiguousarray(rows[:4][::-1, ::-1]).astype(">f8")[::-1, ::-1]
    assert_array_equal(net(backwards)[0], wanted)


def test_tokens_choose_rows_of_a_table() -> None:
    net = LSTM(3, 5, num_layers=2, seed=0)
    table = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    tokens = [np.array([1, 6, 6, 0]), np.array([], int), np.array([2])]
    p = packseq.pack([table[t] for t in tokens])
    dy = rows_like(p, 5)
    out, rows = net.forward(tokens, table=table, train=True), net.forward(p, train=True)
    assert out.y.equals(rows.y)
    grads, wanted = out.backward(dy), rows.backward(dy)
    assert grads.x is None
    dtable = np.zeros_like(table)
    np.add.at(dtable, np.concatenate(tokens), wanted.x.rows)
    assert_allclose(grads.table, dtable, rtol=1e-5, atol=1e-6)
    assert_allclose(grads.parameters.flat, wanted.parameters.flat, rtol=1e-4, atol=1e-6)
    padded = packseq.pack(tokens).to_padded(batch_first=False, fill=-1)
    for dtype in (np.int64, np.int8, np.int32):
        y = net.forward(padded.astype(dtype), lengths=[4, 0, 1], table=table).y
        assert_array_equal(y, rows.y.to_padded(batch_first=False))


# ---- parameters


def test_parameters_are_views_of_one_array() -> None:
    net = LSTM(3, 4, num_layers=2, proj_size=2, bidirectional=True, seed=0)
    names = list(net.parameters)
    assert names[:5] == [
        "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0",
    ]  # fmt: skip
    assert names[-1] == "weight_hr_l1_reverse"
    assert net.parameters["weight_ih_l1"].shape == (16, 4)
    assert np.concatenate([v.ravel() for v in net.parameters.values()]).tobytes() == (
        net.parameters.flat.tobytes()
    )
    assert np.abs(net.parameters.flat).max() <= 0.5
    net.parameters["bias_ih_l0"] = np.arange(16)
    assert_array_equal(net.parameters["bias_ih_l0"], np.arange(16))
    assert net.parameters.flat[16 * 3 + 16 * 2 + 1] == 1
    assert RNN(0, 4).parameters["weight_ih_l0"].shape == (4, 0)


def test_seeds() -> None:
    first, second = LSTM(3, 4, seed=0), LSTM(3, 4, seed=0)
    assert_array_equal(first.parameters.flat, second.parameters.flat)
    assert not np.array_equal(LSTM(3, 4, seed=1).parameters.flat, first.parameters.flat)
    assert not np.array_equal(LSTM(3, 4).parameters.flat, LSTM(3, 4).parameters.flat)


def test_writes_are_seen_unless_frozen() -> None:
    net = GRU(2, 3, seed=0)
    p = batch_of([3], 2)
    before = net(p)[0]
    net.parameters["bias_ih_l0"][:] *= 2
    assert not net(p)[0].equals(before)
    after = net.freeze()(p)[0]
    with pytest.raises(ValueError, match="read-only"):
        net.parameters["bias_ih_l0"][:] = 0
    with pytest.raises(ValueError, match="read-only"):
        net.parameters["bias_ih_l0"] = np.zeros(9)
    assert net(p)[0].equals(after)
    summed(net.forward(p, train=True))
    assert net(p)[0].equals(after)
    net.unfreeze().parameters["bias_ih_l0"][:] /= 2
    assert net(p)[0].equals(before)
    kept = net.parameters["bias_ih_l0"][:]
    net.freeze()(p)
    kept[:] = 0  # as freeze() says, calls do not see it
    assert net(p)[0].equals(before)
    assert not net.unfreeze()(p)[0].equals(before)


def test_a_forward_of_frozen_parameters_keeps_them() -> None:
    net = GRU(2, 3, seed=0).freeze()
    p = batch_of([3, 2], 2)
    wanted = summed(net.forward(p, train=True)).parameters.flat
    first = net.forward(p, train=True)
    net.unfreeze().parameters.flat[:] = 0
    net(p)
    assert_array_equal(summed(first).parameters.flat, wanted)


@pytest.mark.parametrize(
    "make", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]
)
def test_copies_are_whole_and_apart(make: Any) -> None:
    net = LSTM(3, 4, num_layers=2, dropout=0.5, batch_first=True, dtype="float64", seed=0)
    p = batch_of([3, 1], 3)
    net.forward(p, train=True)
    other = make(net)
    assert repr(other) == repr(net)
    assert other(p)[0].equals(net(p)[0])
    assert other.forward(p, train=True).y.equals(net.forward(p, train=True).y)
    net.parameters.flat[:] = 0
    assert other.parameters.flat.any()


def test_repr_is_the_call() -> None:
    assert repr(RNN(3, 4, nonlinearity="relu", bias=False)) == (
        "RNN(3, 4, nonlinearity='relu', bias=False)"
    )
    text = repr(LSTM(40, 128, num_layers=2, bidirectional=True, proj_size=8, dropout=0.1))
    assert text == ("LSTM(40, 128, num_layers=2, dropout=0.1, bidirectional=True, proj_size=8)")


# ---- wrong arguments


WRONG_NETS = [
    (lambda: LSTM(3, 0), ValueError, "hidden_size is 0, must be at least 1"),
    (lambda: LSTM(-1, 4), ValueError, "input_size is -1, must be at least 0"),
    (lambda: LSTM(3, 4, 0), ValueError, "num_layers is 0, must be at least 1"),
    (lambda: LSTM(3, 4, proj_size=4), ValueError, "proj_size is 4"),
    (lambda: LSTM(3, 2.0), TypeError, "hidden_size is 2.0, must be an integer"),  # type: ignore
    (lambda: LSTM(3, 2**80), ValueError, f"hidden_size is {2**80}, must be at most"),
    (lambda: LSTM(3, 2**62), MemoryError, "hidden_size 4611686018427387904"),
    (lambda: GRU(3, 4, 2, dropout=1.5), ValueError, "dropout is 1.5, must be from 0 to 1"),
    (lambda: GRU(3, 4, 2, dropout=float("nan")), ValueError, "dropout is nan"),
    (lambda: GRU(3, 4, dropout=True), TypeError, "dropout is True, must be a number from 0 to 1"),
    (lambda: GRU(3, 4, dropout="x"), TypeError, "dropout is 'x'"),  # type: ignore[arg-type]
    (lambda: RNN(3, 4, nonlinearity="sin"), ValueError, "nonlinearity is 'sin', must be 'tanh'"),
    (lambda: RNN(3, 4, seed=-1), ValueError, "seed is -1, must be from 0 to"),
    (lambda: RNN(3, 4, seed="a"), TypeError, "seed is 'a', must be an integer"),  # type: ignore
    (lambda: RNN(3, 4, dtype=np.float16), TypeError, "must be float32 or float64"),
    (lambda: RNN(3, 4, dtype="what"), TypeError, "dtype is 'what', must be float32 or float64"),
    (lambda: setattr(RNN(3, 4), "dropout", 0.5), AttributeError, "dropout"),
    (lambda: RNN(3, 4).nothing, AttributeError, "nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "text"), WRONG_NETS)
def test_wrong_networks(make: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        make()


def test_dropout_of_one_layer_warns() -> None:
    with pytest.warns(UserWarning, match="dropout is 0.5 and num_layers 1"):
        GRU(3, 4, dropout=0.5)


P = batch_of([3, 1], 3)
X = np.zeros((3, 2, 3), np.float32)
S = np.zeros((1, 2, 4))

WRONG_CALLS: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((batch_of([3, 1], 2),), {}, ValueError, "x has rows of shape (2,), input_size is 3"),
    ((np.zeros((3, 2, 5)),), {}, ValueError, "x has rows of shape (5,), input_size is 3"),
    ((np.zeros((0, 2, 5)),), {}, ValueError, "x has rows of shape (5,), input_size is 3"),
    ((np.zeros(3),), {}, ValueError, "x has 1 dimensions, must have 3, or 2 for one sequence"),
    ((np.zeros((1, 3, 2, 3)),), {}, ValueError, "x has 4 dimensions, must have 3"),
    ((np.zeros((3, 2, 3), complex),), {}, TypeError, "x has dtype complex128, must be real"),
    ((np.full((3, 2, 3), None),), {}, TypeError, "x has dtype object"),
    (("word",), {}, TypeError, "x has dtype <U4, must be numbers"),
    ((3.0,), {}, ValueError, "x has 0 dimensions, must have 3"),
    ((None,), {}, TypeError, "x"),
    ((P,), {"lengths": [3, 1]}, ValueError, "lengths is given, but the sequences of x have"),
    ((X,), {"lengths": [3]}, ValueError, "lengths has 1 elements, x has 2 sequences"),
    ((X,), {"lengths": [1, 4]}, ValueError, "lengths[1] is 4, x has 3 steps"),
    ((X,), {"lengths": [1, -1]}, ValueError, "lengths[1] is -1, must be at least 0"),
    ((X,), {"lengths": [1, 2**62]}, ValueError, "lengths[1] is 4611686018427387904, x has 3"),
    ((X,), {"lengths": [1.0, 2.0]}, TypeError, "lengths has dtype float64, must be integers"),
    ((P, S[:, :1]), {}, ValueError, "h0 has shape (1, 1, 4), must have (1, 2, 4)"),
    ((P, S, S[:, :, :3]), {}, ValueError, "c0 has shape (1, 2, 3), must have (1, 2, 4)"),
    ((X[:, 0], S), {}, ValueError, "h0 has shape (1, 2, 4), must have (1, 4)"),
    ((P, S.astype(complex)), {}, TypeError, "h0 has dtype complex128, must be real numbers"),
    ((P,), {"ids": [1]}, ValueError, "ids has 1 elements, x has 2 sequences"),
    ((P,), {"ids": [1.5, 2]}, TypeError, "ids has dtype float64, must be integers"),
    ((P,), {"starts": [0, -1]}, ValueError, "starts[1] is -1"),
    ((P,), {"table": np.zeros((5, 3))}, ValueError, "x has rows of shape (3,), tokens are single"),
    (([[0, 1]],), {"table": np.zeros((5, 4))}, ValueError, "table has shape (5, 4), must have"),
    (([[0, 1]],), {"table": np.zeros((0, 3))}, ValueError, "table has shape (0, 3), must have"),
    (([[0, 5]],), {"table": np.zeros((5, 3))}, ValueError, "is 5, must be"),
    (([[0, -1]],), {"table": np.zeros((5, 3))}, ValueError, "is -1, must be"),
    (([[0, 2**40]],), {"table": np.zeros((5, 3))}, ValueError, "is 2147483647, must be"),
    (([[0.0]],), {"table": np.zeros((5, 3))}, TypeError, "x has dtype float64, must be integers"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "options", "kind", "text"), WRONG_CALLS)
def test_wrong_calls(args: Any, options: Any, kind: type[Exception], text: str) -> None:
    net = LSTM(3, 4, seed=0)
    with pytest.raises(kind, match=re.escape(text)):
        net.forward(*args, **options)


def test_tokens_that_change_before_backward_are_checked_again() -> None:
    net = LSTM(3, 4, seed=0)
    tokens = np.array([0, 1, 2], np.int32)
    out = net.forward(tokens, table=np.ones((3, 3), np.float32), train=True)
    tokens[1] = 2**30
    with pytest.raises(ValueError, match="is 1073741824, must be"):
        out.backward(np.ones((3, 4)))


def test_parameters_of_another_network_are_not_read() -> None:
    net, other = LSTM(3, 4, seed=0), LSTM(3, 5, seed=0)
    with pytest.raises(AttributeError):
        net.parameters.flat = other.parameters.flat  # type: ignore[misc]
    net.parameters = other.parameters
    with pytest.raises(ValueError, match="parameters has 800 bytes, needs 576"):
        net(P)


def test_cells_where_there_are_none() -> None:
    net = GRU(3, 4)
    with pytest.raises(ValueError, match="c0 is given, but only an LSTM has cells"):
        net.forward(P, c0=S)
    with pytest.raises(ValueError, match="cells is True, but a GRU has none"):
        net.forward(P, cells=True)
    with pytest.raises(ValueError, match="dc is given, but only an LSTM has cells"):
        net.forward(P, train=True).backward(dc=S)
    with pytest.raises(TypeError, match=re.escape("hx is ndarray, must be a pair (h0, c0)")):
        LSTM(3, 4)(P, S)  # type: ignore[arg-type]


def test_wrong_gradients() -> None:
    net = LSTM(3, 4, seed=0)
    out = net.forward(P, train=True)
    with pytest.raises(ValueError, match=re.escape("dy has shape (4, 3), must have (4, 4)")):
        out.backward(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=re.escape("dy has Layout([1, 3]), x has Layout([3, 1])")):
        out.backward(rows_like(P[[1, 0]], 4))
    with pytest.raises(TypeError, match="dy has dtype complex128"):
        out.backward(np.zeros((4, 4), complex))
    with pytest.raises(ValueError, match=re.escape("dh has shape (2, 4), must have (1, 2, 4)")):
        out.backward(dh=S[0])
    with pytest.raises(TypeError, match="into is dict, must be Parameters"):
        out.backward(into={})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="into has other parameters than this network"):
        out.backward(into=LSTM(3, 5).parameters.zeros())
    with pytest.raises(TypeError, match="into has dtype float64, must have float32"):
        out.backward(into=LSTM(3, 4, dtype=np.float64).parameters.zeros())
    into = net.parameters.zeros()
    into.set_writeable(False)
    with pytest.raises(ValueError, match="into is read-only"):
        out.backward(into=into)
    out.backward(rows_like(P, 4))


def test_wrong_parameters() -> None:
    net = RNN(3, 4, seed=0)
    before = net.parameters.flat.copy()
    values = {name: np.ones(array.shape) for name, array in net.parameters.items()}
    with pytest.raises(ValueError, match=re.escape("bias_ih_l0 has shape (3,), must have (4,)")):
        net.parameters.load(values | {"bias_ih_l0": np.ones(3)})
    with pytest.raises(ValueError, match="'weight' is no parameter of this network"):
        net.parameters.load(values | {"weight": np.ones(3)})
    del values["bias_hh_l0"]
    with pytest.raises(ValueError, match="bias_hh_l0 is missing"):
        net.parameters.load(values)
    with pytest.raises(ValueError, match="'weight' is no parameter of this network"):
        net.parameters["weight"] = 1
    with pytest.raises(TypeError, match="bias_ih_l0 has dtype"):
        net.parameters["bias_ih_l0"] = ["a"] * 4
    assert_array_equal(net.parameters.flat, before)


def test_a_forked_child_runs() -> None:
    code = """
import os, numpy as np, packseq
packseq.set_num_threads(2)
net = packseq.LSTM(8, 64, seed=0)
p = packseq.pack([np.ones((50, 8)), np.ones((9, 8))])
y = net(p)[0]
pid = os.fork()
if pid == 0:
    os._exit(0 if net(p)[0].equals(y) else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_what_a_network_was_made_of_stays() -> None:
    net = GRU(2, 3, seed=0)
    with pytest.raises(AttributeError, match="spec is what the network was made of"):
        net.spec = GRU(2, 30, seed=0).spec
    assert net.spec.hidden_size == 3


def test_copied_parameters_are_views_of_their_own_memory() -> None:
    parameters = GRU(2, 3, seed=0).parameters
    for again in (copy.deepcopy(parameters), pickle.loads(pickle.dumps(parameters))):
        again["bias_ih_l0"][:] = 7
        assert 7 in again.flat
        assert 7 not in parameters.flat


def test_gradients_are_added_to_memory_that_is_large_enough() -> None:
    net = GRU(2, 3, seed=0)
    out = net.forward(batch_of([2, 1], 2), train=True)
    with pytest.raises(ValueError, match="into"):
        out.backward(np.ones_like(out.y.rows), into=GRU(2, 2, seed=0).parameters)
