# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU on NumPy: golden values, gradients, bits."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets_cases import LENGTHS, NETS, batch_of, rows_like, summed
from numpy.testing import assert_allclose, assert_array_equal

import packseq
from packseq import GRU, LSTM, RNN, PackedSequence


def net_with(kind: Any, *args: Any, **values: Any) -> Any:
    """A network of float64 with these parameters; the rest of the keywords are the network's."""
    options = {k: values.pop(k) for k in list(values) if not k.startswith(("weight", "bias_"))}
    net = kind(*args, dtype=np.float64, seed=0, **options)
    net.parameters.load({k: np.reshape(v, net.parameters[k].shape) for k, v in values.items()})
    return net


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
