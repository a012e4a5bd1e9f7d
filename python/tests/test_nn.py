# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU on NumPy: golden values, gradients, bits, forms of input, wrong arguments."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import packseq
from packseq import GRU, LSTM, RNN, PackedSequence
from packseq.nn import Output

NETS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
LENGTHS = [4, 0, 2, 7, 2]


def batch_of(lengths: list[int], width: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    rng = np.random.default_rng(seed)
    parts = [rng.standard_normal((n, width)).astype(dtype) for n in lengths]
    return packseq.pack(parts) if parts else packseq.pack([np.empty((0, width), dtype)])[:0]


def rows_like(p: PackedSequence, width: int, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    return p.with_rows(rng.standard_normal((len(p.rows), width)).astype(np.float32))


def net_with(kind: Any, *args: Any, **values: Any) -> Any:
    """A network of float64 with these parameters; the rest of the keywords are the network's."""
    options = {k: values.pop(k) for k in list(values) if not k.startswith(("weight", "bias_"))}
    net = kind(*args, dtype=np.float64, seed=0, **options)
    net.parameters.load({k: np.reshape(v, net.parameters[k].shape) for k, v in values.items()})
    return net


def summed(out: Output) -> Any:
    """The gradients of the sum of all outputs."""
    return out.backward(np.ones_like(out.y.rows))


# ---- golden values


FIRST = packseq.pack([[1, 2, 3, 4], [5, 6], [7, 8, 9]])  # scalars, rows of one number


def ones(**options: Any) -> Any:
    net = RNN(1, 1, nonlinearity="relu", bias=False, dtype=np.float64, **options)
    net.parameters.flat[:] = 1
    return net


def test_gold_prefix_sums() -> None:
    out = ones().forward(FIRST, train=True)
    assert_array_equal(out.y.data.ravel(), [1, 7, 5, 3, 15, 11, 6, 24, 10])
    assert_array_equal(out.h.ravel(), [10, 11, 24])
    grads = summed(out)
    assert [x.tolist() for x in grads.x] == [[4, 3, 2, 1], [2, 1], [3, 2, 1]]
    assert {k: v.item() for k, v in grads.parameters.items()} == {
        "weight_ih_l0": 82,
        "weight_hh_l0": 49,
    }


def test_gold_both_directions() -> None:
    out = ones(bidirectional=True).forward(FIRST, train=True)
    assert_array_equal(
        out.y.data,
        [[1, 10], [7, 24], [5, 11], [3, 9], [15, 17], [11, 6], [6, 7], [24, 9], [10, 4]],
    )
    assert_array_equal(out.h[:, :, 0], [[10, 11, 24], [10, 11, 24]])
    grads = summed(out)
    assert [set(x.tolist()) for x in grads.x] == [{5}, {3}, {4}]
    assert [v.item() for v in grads.parameters.values()] == [82, 49, 97, 76]


def test_gold_two_layers() -> None:
    out = ones(bidirectional=True, num_layers=2).forward(FIRST, train=True, layers=True)
    assert_array_equal(
        out.y.data,
        [[11, 50], [31, 96], [16, 33], [23, 39], [63, 65], [33, 17], [36, 27], [96, 33], [50, 14]],
    )
    assert_array_equal(out.h[:, :, 0], [[10, 11, 24], [10, 11, 24], [50, 33, 96], [50, 33, 96]])
    assert_array_equal(out.layers[0].data[0], [1, 10])
    assert_array_equal(out.layers[1].data, out.y.data)
    grads = summed(out)
    assert [set(x.tolist()) for x in grads.x] == [{25}, {9}, {16}]
    assert [v.ravel().tolist() for v in grads.parameters.values()] == [
        [332], [206], [401], [333], [131, 228], [256], [201, 173], [283],
    ]  # fmt: skip


def test_gold_states_in_the_users_order() -> None:
    h0 = np.array([10.0, 20, 30]).reshape(1, 3, 1)
    out = ones().forward(FIRST, h0, train=True)
    assert_array_equal(out.y.data.ravel(), [11, 37, 25, 13, 45, 31, 16, 54, 20])
    assert_array_equal(out.h.ravel(), [20, 31, 54])
    assert summed(out).parameters["weight_hh_l0"].item() == 389
    out = ones(bidirectional=True).forward(FIRST, np.concatenate([h0, 10 * h0]), train=True)
    assert_array_equal(out.y.data[:, 1], [110, 324, 211, 109, 317, 206, 107, 309, 104])
    assert_array_equal(out.h[1].ravel(), [110, 211, 324])
    assert summed(out).parameters["weight_hh_l0_reverse"].item() == 3476


SECOND = packseq.pack([[1.0, 2, 3], [-1]])

# The network, its outputs in packed order, the last cells, and gradients of the sum of outputs: by
# x of both sequences, then by the parameters.
GOLD: dict[str, tuple[Any, ...]] = {
    "rnn": (
        net_with(RNN, 1, 1, weight_ih_l0=0.5, weight_hh_l0=0.25, bias_ih_l0=0.1, bias_hh_l0=-0.05),
        [0.5005202112, -0.4218990053, 0.8259097998, 0.9421082724],
        None,
        [0.405356726, 0.1634038886, 0.0562160015, 0.4110006147],
        [[0.9796237862], [0.2564325908], [2.0719544616], [2.0719544616]],
    ),
    "lstm": (
        net_with(
            LSTM, 1, 1,
            weight_ih_l0=[0.1, 0.2, 0.3, 0.4], weight_hh_l0=[0.5, 0.6, 0.7, 0.8],
            bias_ih_l0=[0.01, 0.02, 0.03, 0.04], bias_hh_l0=[0.05, 0.06, 0.07, 0.08],
        ),
        [0.1268783445, -0.0415016632, 0.3466631465, 0.5941034772],
        [0.8960549554, -0.09671417],
        [0.244601549, 0.1648616511, 0.0785126441, 0.0486882316],
        [
            [0.7125603045, 0.2216492123, 1.3379923527, 0.6104774328],
            [0.0476166092, 0.0207937255, 0.0658993005, 0.0486115436],
            [0.354001063, 0.0892938383, 1.2736068845, 0.2533078411],
            [0.354001063, 0.0892938383, 1.2736068845, 0.2533078411],
        ],
    ),
    "gru": (
        net_with(
            GRU, 1, 1,
            weight_ih_l0=[0.1, 0.2, 0.3], weight_hh_l0=[0.4, 0.5, 0.6],
            bias_ih_l0=[0.01, 0.02, 0.03], bias_hh_l0=[0.04, 0.05, 0.06],
        ),
        [0.1503012966, -0.1257677748, 0.3207768294, 0.4648433],
        None,
        [0.2070043721, 0.0806812748, 0.0140571556, 0.1633383273],
        [
            [0.0527317018, -0.9051220544, 1.4098376734],
            [0.0042593775, -0.0595993182, 0.0555412352],
            [0.0403585845, -0.4044526529, 1.806452673],
            [0.0403585845, -0.4044526529, 0.969888193],
        ],
    ),
    "projection": (
        net_with(
            LSTM, 1, 2, proj_size=1,
            weight_ih_l0=np.arange(1, 9) / 10, weight_hh_l0=-np.arange(1, 9) / 10,
            bias_ih_l0=np.zeros(8), bias_hh_l0=np.full(8, 0.1), weight_hr_l0=[1, -0.5],
        ),
        [0.0793375798, -0.0306729482, 0.1894522051, 0.2941450478],
        [1.0030073359, 1.2186089216, -0.1899744811, -0.2195152675],
        [0.1138732244, 0.0838563427, 0.0501580031, 0.0271706555],
        [[], [], [], [], [1.2291613948, 1.4261100276]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(GOLD))
def test_gold_cells(name: str) -> None:
    net, y, c, dx, parameters = GOLD[name]
    out = net.forward(SECOND, train=True)
    assert_allclose(out.y.data.ravel(), y, atol=2e-10)
    assert_allclose(out.h.ravel(), out.y.last().ravel())
    if c is not None:
        assert_allclose(out.c.ravel(), c, atol=2e-10)
    grads = summed(out)
    assert_allclose(grads.x.rows, dx, atol=2e-10)
    for gradient, values in zip(grads.parameters.values(), parameters, strict=True):
        if values:
            assert_allclose(gradient.ravel(), values, atol=2e-10)


def test_gold_states_of_an_lstm() -> None:
    h0, c0 = np.array([0.5, -0.5]).reshape(1, 2, 1), np.array([1.0, -1]).reshape(1, 2, 1)
    out = GOLD["lstm"][0].forward(SECOND, h0, c0, train=True)
    assert_allclose(
        out.y.data.ravel(), [0.5513145507, -0.1831442927, 0.6658967942, 0.7827954271], atol=2e-10
    )
    assert_allclose(out.c.ravel(), [1.5022051344, -0.6107413361], atol=2e-10)
    assert_allclose(
        summed(out).x.rows, [0.1875720501, 0.1127224293, 0.0586555022, -0.0400806404], atol=2e-10
    )


def test_gold_zero_weights() -> None:
    p = batch_of([4, 2, 1], 3)
    gru, lstm = GRU(3, 1), LSTM(3, 1)
    for net in (gru, lstm):
        net.parameters.flat[:] = 0
    y, h = gru(p, np.full((1, 3, 1), 2.0))
    assert_array_equal(y[0].ravel(), [1, 0.5, 0.25, 0.125])
    assert_array_equal(h.ravel(), [0.125, 0.5, 1])
    y, (h, c) = lstm(p, (np.zeros((1, 3, 1)), np.full((1, 3, 1), 4.0)))
    assert_allclose(y[0].ravel(), [0.48201379, 0.380797078, 0.2310585786, 0.1224593312], 1e-6)
    assert_array_equal(c.ravel(), [0.25, 1, 2])


# ---- gradients


def differences(net: Any, p: Any, h0: Any, c0: Any, weights: Any) -> tuple[Any, list[Any]]:
    """Gradients of a weighted sum of all results, and arrays to nudge with what they should get."""
    cells = {} if c0 is None else {"c0": c0}

    def loss() -> float:
        out = net.forward(p, h0, **cells, train=True, seed=3)
        parts = [(out.y.rows, weights[0]), (out.h, weights[1])]
        parts += [] if c0 is None else [(out.c, weights[2])]
        return float(sum((a * w).sum() for a, w in parts))

    out = net.forward(p, h0, **cells, train=True, seed=3)
    grads = out.backward(*weights[: 2 + (c0 is not None)])
    pairs = [(p.rows, grads.x.rows), (h0, grads.h0), (net.parameters.flat, grads.parameters.flat)]
    return loss, pairs + ([] if c0 is None else [(c0, grads.c0)])


@pytest.mark.parametrize("kind", list(NETS))
@pytest.mark.parametrize("options", [{}, {"proj_size": 2}, {"dropout": 0.5}, {"bias": False}])
def test_gradients_agree_with_finite_differences(kind: str, options: dict[str, Any]) -> None:
    if kind != "lstm" and "proj_size" in options:
        pytest.skip("only an LSTM has a projection")
    net = NETS[kind](3, 4, num_layers=2, bidirectional=True, seed=1, dtype=np.float64, **options)
    p = batch_of([3, 0, 2], 3, dtype=np.float64)
    rng = np.random.default_rng(5)
    h0 = rng.standard_normal((4, 3, net.state_size))
    c0 = rng.standard_normal((4, 3, 4)) if kind == "lstm" else None
    weights = [
        rng.standard_normal((5, 2 * net.state_size)),
        rng.standard_normal(h0.shape),
        rng.standard_normal((4, 3, 4)),
    ]
    loss, pairs = differences(net, p, h0, c0, weights)
    for array, gradient in pairs:
        flat = array.reshape(-1)
        for i in range(0, flat.size, max(1, flat.size // 25)):
            kept = flat[i]
            flat[i] = kept + 1e-5
            above = loss()
            flat[i] = kept - 1e-5
            below = loss()
            flat[i] = kept
            assert_allclose(gradient.reshape(-1)[i], (above - below) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", list(NETS))
def test_backward_adds_keeps_and_recomputes(kind: str) -> None:
    net = NETS[kind](3, 5, num_layers=2, seed=0)
    p = batch_of(LENGTHS, 3)
    dy = rows_like(p, 5)
    out = net.forward(p, train=True)
    once = out.backward(dy, keep=True)
    into = net.parameters.zeros()
    again = out.backward(dy, into=into, wants_x=False)
    assert again.parameters is into
    assert again.x is None
    assert_array_equal(into.flat, once.parameters.flat)
    lean = net.forward(p, train=True, recompute=True).backward(dy, into=into)
    assert_array_equal(lean.x.rows, once.x.rows)
    assert_array_equal(into.flat, once.parameters.flat + once.parameters.flat)
    with pytest.raises(RuntimeError, match="backward has used up what forward kept"):
        out.backward(dy)
    with pytest.raises(RuntimeError, match="backward needs a forward with train=True"):
        net.forward(p).backward(dy)


def test_backward_does_not_see_later_calls_and_writes() -> None:
    net = LSTM(3, 4, seed=0)
    p, q = batch_of([3, 2], 3), batch_of([5, 1, 4], 3, seed=9)
    alone = summed(net.forward(p, train=True))
    first = net.forward(p, train=True)
    net.parameters.flat[:] *= 2
    second = net.forward(q, train=True)
    net(q)
    summed(second)
    assert_array_equal(summed(first).parameters.flat, alone.parameters.flat)


def test_gradients_may_come_in_another_order() -> None:
    net = GRU(3, 4, seed=0)
    p = batch_of(LENGTHS, 3)
    dy = rows_like(p, 4)
    packed = PackedSequence(dy.data, dy.layout, "packed")
    wanted = net.forward(p, train=True).backward(dy)
    assert net.forward(p, train=True).backward(packed).x.equals(wanted.x)
    q = PackedSequence(p.data, p.layout, "packed")
    grads = net.forward(q, train=True).backward(dy)
    assert grads.x.order == "packed"
    assert grads.x.equals(wanted.x)


def test_gradient_of_an_empty_sequence_is_that_of_its_state() -> None:
    net = GRU(2, 3, seed=0)
    dh = np.random.default_rng(0).standard_normal((1, 2, 3)).astype(np.float32)
    grads = net.forward(batch_of([0, 2], 2), train=True).backward(dh=dh)
    assert_array_equal(grads.h0[:, 0], dh[:, 0])


# ---- bits


@pytest.mark.parametrize("kind", list(NETS))
def test_a_batch_gives_the_bits_of_its_sequences(kind: str) -> None:
    net = NETS[kind](3, 20, num_layers=2, bidirectional=True, seed=0)
    p = batch_of(LENGTHS, 3)
    out = net.forward(p, cells=kind == "lstm")
    for b in range(len(p)):
        alone = net.forward(p[[b]])
        assert_array_equal(out.y[b], alone.y[0])
        assert_array_equal(out.h[:, b], alone.h[:, 0])
    for k, cells in enumerate(out.cells):
        assert_array_equal(cells.last() if k % 2 == 0 else cells.first(), out.c[k])
    assert len(out.cells) == (4 if kind == "lstm" else 0)


@given(st.permutations(range(len(LENGTHS))), st.sampled_from(["jagged", "packed"]))
@settings(max_examples=20, deadline=None)
def test_order_and_storage_do_not_matter(order: list[int], storage: Any) -> None:
    net = LSTM(3, 8, bidirectional=True, seed=0)
    p = batch_of(LENGTHS, 3)
    q = p[order]
    if storage == "packed":
        q = PackedSequence(q.data, q.layout, "packed")
    y, (h, _) = net(p)
    z, (g, _) = net(q)
    assert z.order == storage
    assert z.equals(y[order])
    assert_array_equal(g, h[:, order])


@pytest.mark.parametrize("batch_first", [False, True])
def test_padded_rows_give_the_same_bits(batch_first: bool) -> None:
    net = GRU(3, 8, num_layers=2, batch_first=batch_first, seed=0)
    p = batch_of(LENGTHS, 3)
    x = p.to_padded(batch_first=batch_first, fill=np.nan, n_steps=9)
    dy = rows_like(p, 8)
    out = net.forward(p, train=True, layers=True)
    padded = net.forward(x, lengths=LENGTHS, train=True, layers=True)
    assert_array_equal(padded.y, out.y.to_padded(batch_first=batch_first, n_steps=9))
    assert_array_equal(padded.h, out.h)
    for rows, sequences in zip(padded.layers, out.layers, strict=True):
        assert_array_equal(rows, sequences.to_padded(batch_first=batch_first, n_steps=9))
    grads = out.backward(dy)
    wanted = padded.backward(dy.to_padded(batch_first=batch_first, fill=np.nan, n_steps=9))
    assert_array_equal(wanted.x, grads.x.to_padded(batch_first=batch_first, n_steps=9))
    assert_array_equal(wanted.parameters.flat, grads.parameters.flat)


def test_threads_give_the_same_bits() -> None:
    net = LSTM(16, 48, num_layers=2, bidirectional=True, seed=0)
    p = batch_of([30, 1, 17, 0, 25, 40], 16)
    found = []
    try:
        for n in (1, 2):
            packseq.set_num_threads(n)
            out = net.forward(p, train=True)
            found.append((out.y.rows, summed(out).parameters.flat))
            assert net.freeze()(p)[0].equals(out.y)
            net.unfreeze()
    finally:
        packseq.set_num_threads(0)
    assert_array_equal(found[0][0], found[1][0])
    assert_array_equal(found[0][1], found[1][1])


def test_threads_share_a_network() -> None:
    net = LSTM(8, 16, seed=0)
    batches = [batch_of([20, 3, 11], 8, seed) for seed in range(4)]
    wanted = [summed(net.forward(p, train=True)).parameters.flat for p in batches]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(20):
            flat = summed(net.forward(batches[i], train=True)).parameters.flat
            if not np.array_equal(flat, wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_carrying_the_state_changes_nothing() -> None:
    net = LSTM(3, 8, dropout=0.5, num_layers=2, seed=0)
    p = batch_of([6, 4, 5], 3)
    whole = net.forward(p, train=True, seed=7)
    head = net.forward(p[:, :3], train=True, seed=7)
    tail = net.forward(p[:, 3:], head.h, head.c, train=True, seed=7, starts=[3, 3, 3])
    assert_array_equal(tail.h, whole.h)
    assert tail.y.equals(whole.y[:, 3:])


def test_dropout_is_a_function_of_seed_and_ids() -> None:
    net = GRU(3, 8, num_layers=2, dropout=0.5, seed=0)
    p = batch_of([6, 4], 3)
    first = net.forward(p, train=True, seed=1).y
    assert net.forward(p, train=True, seed=1).y.equals(first)
    assert not net.forward(p, train=True, seed=2).y.equals(first)
    swapped = net.forward(p[[1, 0]], train=True, seed=1, ids=[1, 0]).y
    assert swapped[[1, 0]].equals(first)
    drawn = [net.forward(p, train=True).y.rows.tobytes() for _ in range(3)]
    assert len(set(drawn)) == 3
    assert net(p)[0].equals(net.forward(p).y)


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
