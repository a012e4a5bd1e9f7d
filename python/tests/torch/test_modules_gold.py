# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Networks small enough to compute by hand, and numbers that torch publishes in its own tests."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from packseq.torch import GRU, LSTM, RNN


def packed(*sequences: list[float], dtype: torch.dtype = torch.float32) -> PackedSequence:
    rows = [torch.tensor(s, dtype=dtype).view(-1, 1) for s in sequences]
    p = pack_sequence(rows, enforce_sorted=False)
    p.data.requires_grad_()
    return p


def fill(module: torch.nn.Module, **values: object) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            value = torch.tensor(values[name] if values else 1.0)
            parameter.copy_(value.reshape(parameter.shape) if value.dim() else value)


def close(actual: Tensor | None, expected: object, tolerance: float = 2e-6) -> None:
    assert actual is not None
    torch.testing.assert_close(
        actual.detach().reshape(-1),
        torch.tensor(expected).reshape(-1).to(actual.dtype),
        rtol=tolerance,
        atol=tolerance,
    )


def by_sequence(p: PackedSequence) -> list[list[float]]:
    """The gradient of the rows of each sequence of width 1, in the user's order."""
    assert p.data.grad is not None
    padded, lengths = torch.nn.utils.rnn.pad_packed_sequence(p._replace(data=p.data.grad))
    return [padded[:n, b, 0].tolist() for b, n in enumerate(lengths.tolist())]


ABC = ([1.0, 2, 3, 4], [5.0, 6], [7.0, 8, 9])


def test_prefix_sums_one_direction() -> None:
    m = RNN(1, 1, nonlinearity="relu", bias=False)
    fill(m)
    p = packed(*ABC)
    y, hn = m(p)
    y.data.sum().backward()
    close(y.data, [1.0, 7, 5, 3, 15, 11, 6, 24, 10], 0)
    close(hn, [10.0, 11, 24], 0)
    assert by_sequence(p) == [[4, 3, 2, 1], [2, 1], [3, 2, 1]]
    close(m.weight_ih_l0.grad, [82.0], 0)
    close(m.weight_hh_l0.grad, [49.0], 0)


def test_prefix_and_suffix_sums_two_directions() -> None:
    m = RNN(1, 1, nonlinearity="relu", bias=False, bidirectional=True)
    fill(m)
    p = packed(*ABC)
    y, hn = m(p)
    y.data.sum().backward()
    rows = [1.0, 10, 7, 24, 5, 11, 3, 9, 15, 17, 11, 6, 6, 7, 24, 9, 10, 4]
    close(y.data, rows, 0)
    close(hn, [10.0, 11, 24, 10, 11, 24], 0)
    assert by_sequence(p) == [[5] * 4, [3] * 2, [4] * 3]
    grads = [float(w.grad) for w in m.parameters()]  # type: ignore[arg-type]
    assert grads == [82, 49, 97, 76]


def test_two_layers_two_directions() -> None:
    m = RNN(1, 1, 2, nonlinearity="relu", bias=False, bidirectional=True)
    fill(m)
    p = packed(*ABC)
    y, hn = m(p)
    y.data.sum().backward()
    rows = [11.0, 50, 31, 96, 16, 33, 23, 39, 63, 65, 33, 17, 36, 27, 96, 33, 50, 14]
    close(y.data, rows, 0)
    close(hn, [10.0, 11, 24, 10, 11, 24, 50, 33, 96, 50, 33, 96], 0)
    assert by_sequence(p) == [[25] * 4, [9] * 2, [16] * 3]
    grads = [w.grad.reshape(-1).tolist() for w in m.parameters()]  # type: ignore[union-attr]
    assert grads == [[332], [206], [401], [333], [131, 228], [256], [201, 173], [283]]


def test_states_are_in_the_users_order() -> None:
    m = RNN(1, 1, nonlinearity="relu", bias=False)
    fill(m)
    y, hn = m(packed(*ABC), torch.tensor([10.0, 20, 30]).view(1, 3, 1))
    y.data.sum().backward()
    close(y.data, [11.0, 37, 25, 13, 45, 31, 16, 54, 20], 0)
    close(hn, [20.0, 31, 54], 0)
    close(m.weight_hh_l0.grad, [389.0], 0)


def test_each_sequence_is_reversed_about_its_own_end() -> None:
    m = RNN(1, 1, nonlinearity="relu", bias=False, bidirectional=True)
    fill(m)
    h0 = torch.tensor([[10.0, 20, 30], [100, 200, 300]]).view(2, 3, 1)
    y, hn = m(packed(*ABC), h0)
    y.data.sum().backward()
    rows = [11.0, 110, 37, 324, 25, 211, 13, 109, 45, 317, 31, 206, 16, 107, 54, 309, 20, 104]
    close(y.data, rows, 0)
    close(hn[1], [110.0, 211, 324], 0)
    close(m.weight_hh_l0_reverse.grad, [3476.0], 0)


def test_rnn_tanh() -> None:
    m = RNN(1, 1)
    fill(m, weight_ih_l0=0.5, weight_hh_l0=0.25, bias_ih_l0=0.1, bias_hh_l0=-0.05)
    p = packed([1.0, 2, 3], [-1.0])
    y, hn = m(p)
    y.data.sum().backward()
    close(y.data, [0.5005202112, -0.4218990053, 0.8259097998, 0.9421082724])
    close(hn, [0.9421082724, -0.4218990053])
    close(p.data.grad, [0.405356726, 0.4110006147, 0.1634038886, 0.0562160015])
    close(m.weight_ih_l0.grad, [0.9796237862])
    close(m.weight_hh_l0.grad, [0.2564325908])
    close(m.bias_ih_l0.grad, [2.0719544616])
    close(m.bias_hh_l0.grad, [2.0719544616])


def lstm() -> LSTM:
    m = LSTM(1, 1)
    fill(
        m,
        weight_ih_l0=[0.1, 0.2, 0.3, 0.4],
        weight_hh_l0=[0.5, 0.6, 0.7, 0.8],
        bias_ih_l0=[0.01, 0.02, 0.03, 0.04],
        bias_hh_l0=[0.05, 0.06, 0.07, 0.08],
    )
    return m


def test_lstm() -> None:
    m, p = lstm(), packed([1.0, 2, 3], [-1.0])
    y, (_, cn) = m(p)
    y.data.sum().backward()
    close(y.data, [0.1268783445, -0.0415016632, 0.3466631465, 0.5941034772])
    close(cn, [0.8960549554, -0.09671417])
    close(p.data.grad, [0.244601549, 0.0486882316, 0.1648616511, 0.0785126441])
    close(m.weight_ih_l0.grad, [0.7125603045, 0.2216492123, 1.3379923527, 0.6104774328])
    close(m.weight_hh_l0.grad, [0.0476166092, 0.0207937255, 0.0658993005, 0.0486115436])
    for bias in (m.bias_ih_l0, m.bias_hh_l0):
        close(bias.grad, [0.354001063, 0.0892938383, 1.2736068845, 0.2533078411])


def test_lstm_with_states() -> None:
    m, p = lstm(), packed([1.0, 2, 3], [-1.0])
    h0, c0 = torch.tensor([0.5, -0.5]).view(1, 2, 1), torch.tensor([1.0, -1]).view(1, 2, 1)
    y, (_, cn) = m(p, (h0, c0))
    y.data.sum().backward()
    close(y.data, [0.5513145507, -0.1831442927, 0.6658967942, 0.7827954271])
    close(cn, [1.5022051344, -0.6107413361])
    close(p.data.grad, [0.1875720501, -0.0400806404, 0.1127224293, 0.0586555022])


def test_gru() -> None:
    m, p = GRU(1, 1), packed([1.0, 2, 3], [-1.0])
    fill(
        m,
        weight_ih_l0=[0.1, 0.2, 0.3],
        weight_hh_l0=[0.4, 0.5, 0.6],
        bias_ih_l0=[0.01, 0.02, 0.03],
        bias_hh_l0=[0.04, 0.05, 0.06],
    )
    y, _ = m(p)
    y.data.sum().backward()
    close(y.data, [0.1503012966, -0.1257677748, 0.3207768294, 0.4648433])
    close(p.data.grad, [0.2070043721, 0.1633383273, 0.0806812748, 0.0140571556])
    close(m.weight_ih_l0.grad, [0.0527317018, -0.9051220544, 1.4098376734])
    close(m.weight_hh_l0.grad, [0.0042593775, -0.0595993182, 0.0555412352])
    close(m.bias_ih_l0.grad, [0.0403585845, -0.4044526529, 1.806452673])
    close(m.bias_hh_l0.grad, [0.0403585845, -0.4044526529, 0.969888193])


def test_projected_lstm() -> None:
    m, p = LSTM(1, 2, proj_size=1), packed([1.0, 2, 3], [-1.0])
    w_ih = [round(0.1 * i, 1) for i in range(1, 9)]
    fill(
        m,
        weight_ih_l0=w_ih,
        weight_hh_l0=[-w for w in w_ih],
        bias_ih_l0=0.0,
        bias_hh_l0=0.1,
        weight_hr_l0=[1.0, -0.5],
    )
    y, (_, cn) = m(p)
    y.data.sum().backward()
    close(y.data, [0.0793375798, -0.0306729482, 0.1894522051, 0.2941450478])
    close(cn, [1.0030073359, 1.2186089216, -0.1899744811, -0.2195152675])
    close(m.weight_hr_l0.grad, [1.2291613948, 1.4261100276])
    close(p.data.grad, [0.1138732244, 0.0271706555, 0.0838563427, 0.0501580031])


def test_zero_weights_halve_the_state() -> None:
    p = packed([9.0, -3, 5, 1], [7.0, 7], [-8.0])
    gru, net = GRU(1, 1), LSTM(1, 1)
    for m in (gru, net):
        with torch.no_grad():
            for w in m.parameters():
                w.zero_()
    y, hn = gru(p, torch.full((1, 3, 1), 2.0))
    close(y.data, [1.0, 1, 1, 0.5, 0.5, 0.25, 0.125], 0)
    close(hn, [0.125, 0.5, 1], 0)
    y, (hn, cn) = net(p, (torch.zeros(1, 3, 1), torch.full((1, 3, 1), 4.0)))
    first, second, third, last = 0.4820137900, 0.3807970780, 0.2310585786, 0.1224593312
    close(y.data, [first, first, first, second, second, third, last])
    close(hn, [last, second, first])
    close(cn, [0.25, 1, 2], 0)


def test_numbers_of_torchs_own_test() -> None:
    m = LSTM(2, 2)
    with torch.no_grad():
        for w in m.parameters():
            w.copy_((torch.arange(w.numel()) / w.numel()).view(w.shape))
    y, (_, cn) = m(((24 - torch.arange(24.0)) / 24).view(3, 4, 2))
    rows = """.4391 .5402 .4330 .5324 .4261 .5239 .4183 .5147
        .6822 .8064 .6726 .7968 .6620 .7860 .6501 .7741
        .7889 .9003 .7769 .8905 .7635 .8794 .7484 .8666"""
    close(y, [float(word) for word in rows.split()], 1e-3)
    close(cn, [1.1647, 1.6106, 1.1425, 1.5726, 1.1187, 1.5329, 1.0931, 1.4911], 1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batch_sizes_are_no_lengths(dtype: torch.dtype) -> None:
    # Lengths 4, 2, 3: batch_sizes [3, 3, 2, 1], and the sequence of length 2 is the second.
    m = RNN(1, 1, nonlinearity="relu", bias=False, dtype=dtype)
    fill(m)
    p = packed([1.0, 2, 3, 4], [5.0, 6], [7.0, 8, 9], dtype=dtype)
    assert p.batch_sizes.tolist() == [3, 3, 2, 1]
    y, hn = m(p)
    assert hn.reshape(-1).tolist() == [10, 11, 24]
    assert y.batch_sizes is p.batch_sizes
    assert y.sorted_indices is p.sorted_indices
