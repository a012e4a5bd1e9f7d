# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What a module lives through: copies, files, freezing, other dtypes and modes, threads, forks."""

from __future__ import annotations

import copy
import io
import os
import pickle
from typing import Any

import pytest
import torch
from networks import CELLS, as_list, assert_near, loss_of, pair, states_of
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

import packseq.torch as pt

# ---- copies and freezing


def twins(m: torch.nn.Module) -> list[torch.nn.Module]:
    file = io.BytesIO()
    torch.save(m, file)
    file.seek(0)
    return [
        copy.deepcopy(m),
        copy.copy(m),
        pickle.loads(pickle.dumps(m)),
        torch.load(file, weights_only=False),
    ]


@pytest.mark.parametrize("frozen", [False, True])
def test_copies_and_files(frozen: bool) -> None:
    m, x = pt.LSTM(3, 4, 2, dropout=0.0, bidirectional=True), torch.randn(5, 2, 3)
    if frozen:
        pt.freeze(m)
    y = m(x)[0]
    for twin in twins(m):
        assert torch.equal(twin(x)[0], y)


def test_a_frozen_copy_has_weights_of_its_own() -> None:
    m, x = pt.freeze(pt.GRU(3, 4)), torch.randn(5, 2, 3)
    y = m(x)[0]
    twin = copy.deepcopy(m)
    twin.weight_hh_l0.data.zero_()
    assert not torch.equal(twin(x)[0], y)


def test_frozen_weights_are_packed_once() -> None:
    m, x = pt.freeze(pt.LSTM(3, 4)), torch.randn(5, 2, 3)
    before = m(x)[0]
    m.weight_hh_l0.data.zero_()
    assert torch.equal(m(x)[0], before)  # the change is invisible
    pt.unfreeze(m)
    assert not torch.equal(m(x)[0], before)


def test_frozen_weights_follow_visible_changes() -> None:
    torch.manual_seed(0)
    m, twin = pt.freeze(pt.GRU(3, 4)), pt.GRU(3, 4)
    x = torch.randn(5, 2, 3)
    optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
    for _ in range(3):
        twin.load_state_dict(m.state_dict())
        assert torch.equal(m(x)[0], twin(x)[0])
        twin.zero_grad()
        optimizer.zero_grad()
        loss_of([m(x)[0]]).backward()
        loss_of([twin(x)[0]]).backward()
        for a, b in zip(m.parameters(), twin.parameters(), strict=True):
            assert torch.equal(a.grad, b.grad)  # type: ignore[arg-type]
        optimizer.step()
    m.bias_hh_l0 = torch.nn.Parameter(torch.ones(12))
    twin.load_state_dict(m.state_dict())
    assert torch.equal(m(x)[0], twin(x)[0])


def test_a_frozen_module_of_inference_tensors() -> None:
    with torch.inference_mode():
        m, x = pt.freeze(pt.GRU(3, 4)), torch.randn(5, 2, 3)
        assert torch.equal(m(x)[0], m(x)[0])


@pytest.mark.parametrize("verb", [pt.freeze, pt.unfreeze])
def test_freezing_what_cannot_freeze(verb: Any) -> None:
    with pytest.raises(ValueError, match=r"freeze: LSTM has no RNN, LSTM or GRU of packseq\.torch"):
        verb(torch.nn.LSTM(2, 2))


# ---- other dtypes, devices, modes: torch's path


@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_takes_torchs_path(cell: str) -> None:
    ours, theirs = pair(cell, input_size=4, hidden_size=3, dtype=torch.bfloat16)
    p = pack_sequence([torch.randn(n, 4, dtype=torch.bfloat16) for n in (2, 5)], False)
    assert torch.equal(ours(p)[0].data, theirs(p)[0].data)
    x = torch.randn(5, 3, 4, dtype=torch.bfloat16)
    assert torch.equal(ours(x)[0], theirs(x)[0])
    y, hidden = ours(x, lengths=[0, 5, 2])
    assert y.dtype == torch.bfloat16
    assert not y[:, 0].any()
    assert not y[2:, 2].any()
    short = theirs(pack_padded_sequence(x[:, 1:], [5, 2]))
    assert torch.equal(pad_packed_sequence(short[0])[0], y[:, 1:])
    assert torch.equal(as_list(short[1])[0], as_list(hidden)[0][:, 1:])
    none, _ = ours(x, lengths=[0, 0, 0])
    assert not none.any()
    assert none.requires_grad


def test_bfloat16_with_packed_sequences_of_length_zero() -> None:
    m = pt.LSTM(4, 3, dtype=torch.bfloat16)
    xs = [torch.randn(n, 4, dtype=torch.bfloat16) for n in (0, 3, 1)]
    h0, c0 = states_of(m, 3, torch.bfloat16)
    y, (hn, cn) = m(pt.pack(xs), (h0, c0))
    assert y.data.shape == (4, 3)
    assert torch.equal(hn[:, 0], h0[:, 0])
    assert torch.equal(cn[:, 0], c0[:, 0])


def test_autocast_takes_torchs_path() -> None:
    ours, theirs = pair("LSTM", input_size=4, hidden_size=3)
    x = torch.randn(5, 2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(ours(x)[0], theirs(x)[0])


def test_meta_tensors_take_torchs_path() -> None:
    with torch.device("meta"):
        m = pt.GRU(4, 3)
        y, hn = m(torch.randn(5, 2, 4))
    assert y.is_meta
    assert y.shape == (5, 2, 3)
    assert hn.shape == (1, 2, 3)


def test_fake_tensors_take_torchs_path() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    m = pt.GRU(4, 3)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert m(torch.randn(5, 2, 4))[0].shape == (5, 2, 3)


def test_a_default_device_does_not_matter() -> None:
    m, x = pt.LSTM(4, 3, 2, dropout=0.5), torch.randn(5, 2, 4)
    with torch.device("meta"):
        y, _ = m(x, lengths=[3, 5])
    assert not y.is_meta


def test_weight_norm_of_both_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.delattr(pt.GRU, "torch_class")  # torch's path is not needed
    x = torch.randn(5, 2, 4)
    for norm in (
        torch.nn.utils.parametrizations.weight_norm,
        torch.nn.utils.parametrizations.spectral_norm,
    ):
        ours, theirs = pair("GRU", input_size=4, hidden_size=3)
        torch.manual_seed(1)
        norm(ours, "weight_hh_l0")
        torch.manual_seed(1)
        norm(theirs, "weight_hh_l0")
        ours.eval()
        theirs.eval()
        assert_near(ours(x)[0], theirs(x)[0], "output")
        loss_of([ours(x)[0]]).backward()
        loss_of([theirs(x)[0]]).backward()
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert_near(a.grad, b.grad, "gradient")


def test_compile_breaks_the_graph_and_runs() -> None:
    m, x = pt.GRU(4, 3), torch.randn(5, 2, 4)
    with torch.no_grad():
        compiled = torch.compile(lambda x: m(x * 2)[0] + 1, backend="eager")
        assert torch.equal(compiled(x), m(x * 2)[0] + 1)


# ---- threads


def test_threads_follow_torchs_and_change_nothing() -> None:
    m, x = pt.LSTM(40, 64, 2, bidirectional=True), torch.randn(30, 20, 40)
    before = torch.get_num_threads()
    results = []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            results.append(m(x)[0])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(results[0], y) for y in results[1:])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_runs() -> None:
    m, x = pt.LSTM(40, 64, 2), torch.randn(30, 20, 40)
    with torch.no_grad():
        y = m(x)[0].numpy().tobytes()
        child = os.fork()
        if child == 0:  # where torch's own threads would hang
            os._exit(0 if m(x)[0].numpy().tobytes() == y else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_threads_share_a_module() -> None:
    from concurrent.futures import ThreadPoolExecutor

    m = pt.GRU(8, 16, 2)
    xs = [torch.randn(5 + i, 3, 8) for i in range(8)]
    expected = [m(x)[0] for x in xs]
    with ThreadPoolExecutor(4) as pool:
        found: list[Tensor] = list(pool.map(lambda x: m(x)[0], xs * 4))
    assert all(torch.equal(a, b) for a, b in zip(found, expected * 4, strict=True))
