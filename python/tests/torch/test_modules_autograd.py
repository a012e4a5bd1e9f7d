# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What autograd asks of a module: gradients where wanted, again, of gradients, and in-place changes
that are noticed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import CELLS, as_hx, as_list, assert_near, loss_of, pair, states_of
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.utils.checkpoint import checkpoint

import packseq.torch as pt
from packseq.torch import fallback, functions

LENGTHS = (3, 5, 1, 5, 2)

# torch warns about its own use of torch.jit.script.
torch_warns = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def batch(width: int = 4, dtype: torch.dtype = torch.float32) -> PackedSequence:
    xs = [torch.randn(n, width, dtype=dtype) for n in LENGTHS]
    p = pack_sequence(xs, enforce_sorted=False)
    p.data.requires_grad_()
    return p


def outputs(module: Any, p: Any, hx: Any = None) -> list[Tensor]:
    y, hidden = module(p, hx)
    return [y.data, *as_list(hidden)]


def refuse(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"{name} was called")

    monkeypatch.setattr(module, name, fail)


@pytest.mark.parametrize("cell", CELLS)
def test_gradcheck_of_the_librarys_kernels(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, fallback, "run_packed")
    torch.manual_seed(0)
    m = getattr(pt, cell)(3, 4, 2, bidirectional=True, dtype=torch.float64)
    p = batch(3, torch.float64)
    states = [s.requires_grad_() for s in states_of(m, len(LENGTHS), torch.float64)]

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        return tuple(outputs(m, p._replace(data=x), as_hx(m, rest[: len(states)])))

    assert torch.autograd.gradcheck(run, (p.data, *states, *m.parameters()), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("given", ["packed", "lengths"])
def test_gradgradcheck(cell: str, given: str) -> None:
    torch.manual_seed(0)
    m = getattr(pt, cell)(2, 3, 2, bidirectional=True, dropout=0.5, dtype=torch.float64)
    lengths = [3, 0, 1, 2]
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    states = [s.requires_grad_() for s in states_of(m, 4, torch.float64)]
    p = pt.pack(x.detach(), lengths, batch_first=False) if given == "packed" else None

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        torch.manual_seed(1)  # the same dropout in every call
        hx = as_hx(m, rest[: len(states)])
        if p is not None:
            return tuple(outputs(m, p._replace(data=x), hx))
        y, hidden = m(x, hx, lengths=lengths)
        return (y, *as_list(hidden))

    first = x if p is None else p.data.requires_grad_()
    inputs = (first, *states, *m.parameters())
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def test_double_backward_has_the_dropout_of_the_call() -> None:
    torch.manual_seed(0)
    m = pt.GRU(4, 5, 3, bidirectional=True, dropout=0.5)
    p = batch()
    loss = loss_of(outputs(m, p))
    plain = torch.autograd.grad(loss, [p.data, *m.parameters()], retain_graph=True)
    again = torch.autograd.grad(loss, [p.data, *m.parameters()], create_graph=True)
    for a, b in zip(again, plain, strict=True):
        assert_near(a, b, "gradient")


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_penalty_is_torchs(cell: str) -> None:
    torch.manual_seed(0)
    ours, theirs = pair(cell, input_size=4, hidden_size=5, num_layers=2)
    p = batch()
    seconds = []
    for m in (ours, theirs):
        (dx,) = torch.autograd.grad(loss_of(outputs(m, p)), p.data, create_graph=True)
        seconds.append(torch.autograd.grad(dx.square().sum(), list(m.parameters())))
    for a, b in zip(*seconds, strict=True):
        assert_near(a, b, "second gradient")


def test_tied_weights_have_one_gradient_each_in_double_backward() -> None:
    torch.manual_seed(0)
    ours, theirs = pair("RNN", input_size=4, hidden_size=4, num_layers=2)
    for m in (ours, theirs):
        m.weight_ih_l1 = m.weight_ih_l0
    p = batch()
    grads = [
        torch.autograd.grad(loss_of(outputs(m, p)), list(m.parameters()), create_graph=True)
        for m in (ours, theirs)
    ]
    assert len(grads[0]) == 7
    for a, b in zip(*grads, strict=True):
        assert_near(a, b, "gradient")


def test_tied_weights_add_up() -> None:
    torch.manual_seed(0)
    ours, theirs = pair("GRU", input_size=5, hidden_size=5, num_layers=2)
    for m in (ours, theirs):
        m.weight_ih_l1 = m.weight_ih_l0
        loss_of(outputs(m, batch(5)._replace(data=torch.ones(16, 5)))).backward()
    assert_near(ours.weight_ih_l0.grad, theirs.weight_ih_l0.grad, "gradient")


def test_only_wanted_gradients_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[tuple[bool, ...]] = []

    def spy(*args: Any) -> Any:
        wanted.append(tuple(args[-1]))
        return inner(*args)

    inner = functions.backward
    monkeypatch.setattr(functions, "backward", spy)
    m = pt.LSTM(4, 3)
    p = batch()
    m.weight_hh_l0.requires_grad_(False)
    loss_of(outputs(m, p._replace(data=p.data.detach()))).backward()
    assert wanted == [(False, False, False, True, False, True, True)]
    assert m.weight_hh_l0.grad is None
    assert m.weight_ih_l0.grad is not None
    m.requires_grad_(False)
    loss_of(outputs(m, p)).backward()
    assert wanted[1] == (True, *[False] * 6)
    assert not any(y.requires_grad for y in outputs(m, p._replace(data=p.data.detach())))


def test_an_output_that_is_not_used_has_no_gradient() -> None:
    torch.manual_seed(0)
    ours, theirs = pair("LSTM", input_size=4, hidden_size=3, bidirectional=True)
    p = batch()
    for i in range(3):
        grads = [
            torch.autograd.grad(outputs(m, p)[i].sum(), [p.data, *m.parameters()])
            for m in (ours, theirs)
        ]
        for a, b in zip(*grads, strict=True):
            assert_near(a, b, f"gradient of output {i}")


def test_retain_graph_gives_the_same_bits_again() -> None:
    torch.manual_seed(0)
    m = pt.LSTM(4, 5, 2, dropout=0.5)
    p = batch()
    loss = loss_of(outputs(m, p))
    leaves = [p.data, *m.parameters()]
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    for _ in range(4):
        again = torch.autograd.grad(loss, leaves, retain_graph=True)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_graph_that_was_freed_is_an_error() -> None:
    m, p = pt.GRU(4, 5), batch()
    loss = loss_of(outputs(m, p))
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_a_module_twice_in_a_graph() -> None:
    torch.manual_seed(0)
    ours, theirs = pair("GRU", input_size=5, hidden_size=5)
    p = batch(5)
    for m in (ours, theirs):
        y, h = m(p)
        y, h = m(y, h)
        loss_of([y.data, h]).backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_near(a.grad, b.grad, "gradient")


def test_gradients_accumulate() -> None:
    m, p = pt.RNN(4, 5), batch()
    loss_of(outputs(m, p)).backward()
    once = [w.grad.clone() for w in m.parameters() if w.grad is not None]
    loss_of(outputs(m, p)).backward()
    for w, grad in zip(m.parameters(), once, strict=True):
        assert torch.equal(w.grad, 2 * grad)  # type: ignore[arg-type]


def change_input(m: Any, p: PackedSequence) -> None:
    p.data.detach().add_(1)


def change_weight(m: Any, p: PackedSequence) -> None:
    with torch.no_grad():
        m.weight_ih_l0.add_(1)


@pytest.mark.parametrize("change", [change_input, change_weight])
def test_a_change_between_forward_and_backward_is_noticed(
    change: Callable[[Any, PackedSequence], None],
) -> None:
    m, p = pt.LSTM(4, 5), batch()
    loss = loss_of(outputs(m, p))
    change(m, p)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_outputs_may_change_in_place() -> None:
    m, p = pt.LSTM(4, 5), batch()
    y, _ = m(p)
    expected = torch.autograd.grad(y.data.relu().sum(), p.data, retain_graph=True)
    assert torch.equal(torch.autograd.grad(y.data.relu_().sum(), p.data)[0], expected[0])


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_replays_the_dropout(reentrant: bool) -> None:
    torch.manual_seed(0)
    m = pt.LSTM(4, 5, 3, dropout=0.5)
    p = batch()

    def run(x: Tensor) -> Tensor:
        return outputs(m, p._replace(data=x))[0]

    grads = []
    for wrapped in (run, lambda x: checkpoint(run, x, use_reentrant=reentrant)):
        torch.manual_seed(1)
        y = wrapped(p.data)
        m.zero_grad()
        p.data.grad = None
        loss_of([y]).backward()
        grads.append([p.data.grad, *(w.grad for w in m.parameters())])
    for a, b in zip(*grads, strict=True):
        assert torch.equal(a, b)


def test_checkpointing_drops_the_reserve() -> None:
    m, p = pt.LSTM(4, 5), batch()
    kept: list[Tensor] = []

    def pack(t: Tensor) -> Tensor:
        kept.append(t)
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        outputs(m, p)
    assert any(t.dtype == torch.uint8 for t in kept)


def test_dropout_follows_torchs_generator() -> None:
    m, p = pt.GRU(4, 5, 2, dropout=0.5), batch()
    torch.manual_seed(3)
    first, second = outputs(m, p)[0], outputs(m, p)[0]
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    assert torch.equal(outputs(m, p)[0], first)
    with torch.no_grad():
        torch.manual_seed(3)
        assert torch.equal(outputs(m, p)[0], first)


def test_backward_in_eval_mode() -> None:
    m, p = pt.LSTM(4, 5, 2, dropout=0.9).eval(), batch()
    (dx,) = torch.autograd.grad(outputs(m, p)[0].sum(), p.data)
    m.dropout = 0.0
    (expected,) = torch.autograd.grad(outputs(m.train(), p)[0].sum(), p.data)
    assert torch.equal(dx, expected)


def test_strided_inputs_and_gradients() -> None:
    torch.manual_seed(0)
    ours, theirs = pair("LSTM", input_size=4, hidden_size=3, batch_first=True)
    x = torch.randn(5, 6, 8)[:, :, ::2].transpose(0, 1).requires_grad_()
    h0 = torch.randn(3, 6, 1).transpose(0, 2).requires_grad_()
    grads = []
    for m in (ours, theirs):
        y, (hn, cn) = m(x, (h0, h0.detach()))
        loss = y.sum() + hn.t().sum() if y.dim() == 2 else y.transpose(0, 1)[::2].sum() + cn.sum()
        grads.append(torch.autograd.grad(loss, [x, h0, *m.parameters()]))
    for a, b in zip(*grads, strict=True):
        assert_near(a, b, "gradient")


def test_a_transposed_input_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    seen: list[int] = []
    inner = functions.run

    def spy(*args: Any) -> Any:
        seen.append(args[2].data_ptr())
        return inner(*args)

    monkeypatch.setattr(functions, "run", spy)
    m = pt.LSTM(4, 3, batch_first=True)
    x = torch.randn(5, 2, 4, requires_grad=True)
    for options in ({}, {"lengths": [3, 5]}):
        y = m(x.transpose(0, 1), **options)[0]
        assert seen.pop() == x.data_ptr()
        expected = m(x.transpose(0, 1).clone(), **options)[0]
        assert torch.equal(y, expected)
        grads = [torch.autograd.grad(loss_of([r]), x)[0] for r in (y, expected)]
        assert torch.equal(*grads)


@torch_warns
def test_batched_gradients_come_by_torchs_operations() -> None:
    m, x = pt.GRU(4, 3), torch.randn(5, 2, 4, requires_grad=True)
    y, _ = m(x, lengths=[3, 5])
    many = torch.randn(3, *y.shape)
    (batched,) = torch.autograd.grad(y, x, many, is_grads_batched=True, retain_graph=True)
    for some, dy in zip(batched, many, strict=True):
        assert_near(some, torch.autograd.grad(y, x, dy, retain_graph=True)[0], "gradient")


def test_transforms_take_torchs_path() -> None:
    ours, theirs = pair("GRU", input_size=4, hidden_size=3)
    x = torch.randn(5, 2, 4)
    results = []
    for m in (ours, theirs):
        parameters = {k: v.detach() for k, v in m.named_parameters()}

        def loss(weights: dict[str, Tensor], m: Any = m) -> Tensor:
            result: Tensor = torch.func.functional_call(m, weights, (x,))[0].square().sum()
            return result

        results.append(torch.func.grad(loss)(parameters))
    for name in results[0]:
        assert_near(results[0][name], results[1][name], name)


def test_functional_call_sees_other_weights() -> None:
    m, x = pt.LSTM(4, 3), torch.randn(5, 2, 4)
    other = pt.LSTM(4, 3)
    with torch.no_grad():
        y = torch.func.functional_call(m, dict(other.named_parameters()), (x,))[0]
        assert torch.equal(y, other(x)[0])
        assert not torch.equal(y, m(x)[0])


@torch_warns
def test_forward_mode_is_torchs_or_an_error() -> None:
    import torch.autograd.forward_ad as fwad

    ours, theirs = pair("RNN", input_size=4, hidden_size=3)
    x, t = torch.randn(5, 2, 4), torch.randn(5, 2, 4)
    with fwad.dual_level():
        tangents = [fwad.unpack_dual(m(fwad.make_dual(x, t))[0]).tangent for m in (ours, theirs)]
        assert tangents[0] is not None
        assert tangents[0].any()
        assert_near(tangents[0], tangents[1], "tangent")
        y, _ = ours(fwad.make_dual(x, t), lengths=[5, 3])
        assert fwad.unpack_dual(y).tangent.any()


def test_gradients_survive_a_copy_of_the_module() -> None:
    m, p = pt.LSTM(4, 5), batch()
    loss = loss_of(outputs(m, p))
    twin = copy.deepcopy(m)
    loss.backward()
    loss_of(outputs(twin, p)).backward()
    for a, b in zip(m.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)  # type: ignore[arg-type]
