# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Compiled and exported models: one graph, eager bits, any lengths without compiling again."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.export import Dim, export

import packseq.torch as pt
from packseq.torch import compiled, ops

pytestmark = pytest.mark.filterwarnings("ignore")  # the compiler's own

LENGTHS = ([3, 7, 1], [5, 5, 2], [2, 1, 4, 4], [9, 9])


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    yield
    torch._dynamo.reset()  # type: ignore[no-untyped-call]


class Tagger(nn.Module):
    """Packs by `way`, runs a network, pads, and has a linear layer."""

    def __init__(self, way: str, cell: str = "LSTM", **options: Any) -> None:
        super().__init__()
        self.way = way
        options = {"num_layers": 2, "bidirectional": True, "batch_first": True, **options}
        self.rnn = getattr(pt, cell)(5, 6, **options)
        self.head = nn.Linear(2 * options.get("proj_size", 6), 3, dtype=options.get("dtype"))

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        if self.way == "torch":
            p, h = self.rnn(pt.pack_padded_sequence(x, lengths, True, False))
            y, n = pt.pad_packed_sequence(p, True, total_length=x.shape[1])
        elif self.way == "ours":
            p, h = self.rnn(pt.pack(x, lengths))
            y, n = pt.pad(p, padding_value=0.5)
            return self.head(y), n, pt.last(p), pt.final(h, bidirectional=True)
        else:
            y, h = self.rnn(x, lengths=lengths)
            n = lengths
        return self.head(y), n, *(h if isinstance(h, tuple) else [h])


def batch(lengths: list[int], **options: Any) -> tuple[Tensor, Tensor]:
    return torch.randn(len(lengths), max(lengths) + 1, 5, **options), torch.tensor(lengths)


def trained(model: nn.Module, run: Callable[..., Any], x: Tensor, lengths: Tensor) -> list[Tensor]:
    """Outputs and gradients of a run."""
    model.zero_grad()
    x = x.clone().requires_grad_()
    torch.manual_seed(1)
    outputs = run(x, lengths)
    torch.stack([y.square().sum() for y in outputs if y.requires_grad]).sum().backward()
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    return [*outputs, x.grad, *grads]  # type: ignore[list-item]


def assert_same(a: list[Tensor], b: list[Tensor]) -> None:
    assert len(a) == len(b)
    for i, (left, right) in enumerate(zip(a, b, strict=True)):
        assert torch.equal(left, right), i


# ---- compiled


@pytest.mark.parametrize("way", ["torch", "ours", "lengths"])
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("LSTM", {}),
        ("LSTM", {"dropout": 0.5}),
        ("LSTM", {"proj_size": 3, "dtype": torch.float64}),
        ("GRU", {"bias": False}),
        ("RNN", {"nonlinearity": "relu"}),
    ],
)
def test_one_graph_has_the_bits_of_eager(way: str, cell: str, options: dict[str, Any]) -> None:
    model = Tagger(way, cell, **options)
    counter = CompileCounterWithBackend("aot_eager")
    run = torch.compile(model, fullgraph=True, dynamic=True, backend=counter)
    counts = []
    for lengths in LENGTHS:
        args = batch(lengths, dtype=options.get("dtype"))
        assert_same(trained(model, run, *args), trained(model, model, *args))
        counts.append(counter.frame_count)
    assert counts == counts[:1] * len(LENGTHS)
    assert any("packseq.rnn" in str(node.target) for node in counter.graphs[-1].graph.nodes)


def test_inductor() -> None:
    model = Tagger("ours")
    run = torch.compile(model, fullgraph=True, dynamic=True)
    for lengths in LENGTHS:
        args = batch(lengths)
        for a, b in zip(trained(model, run, *args), trained(model, model, *args), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_empty_sequences() -> None:
    model = Tagger("ours")
    run = torch.compile(model, fullgraph=True, dynamic=True, backend="aot_eager")
    for lengths in ([3, 0, 2], [0, 0], [0, 4, 0]):
        args = batch(lengths)
        assert_same(trained(model, run, *args), trained(model, model, *args))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_padded_and_single_sequences_with_states(cell: str, batch_first: bool) -> None:
    m = getattr(pt, cell)(3, 4, batch_first=batch_first)
    run = torch.compile(m, fullgraph=True, backend="aot_eager")
    for shape in ((5, 2, 3), (5, 3)):
        x = torch.randn(shape)
        n_seq = [shape[0 if batch_first else 1]] if len(shape) == 3 else []
        h = torch.randn(1, *n_seq, 4)
        for hx in (None, (h, h + 1) if cell == "LSTM" else h):
            (y, ends), (expected, others) = run(x, hx), m(x, hx)
            pairs = zip(ends, others, strict=True) if cell == "LSTM" else [(ends, others)]
            assert torch.equal(y, expected)
            assert all(torch.equal(a, b) for a, b in pairs)


def test_states_of_packed_batches_have_gradients() -> None:
    m = pt.LSTM(3, 4)

    def function(x: Tensor, lengths: Tensor, h: Tensor, c: Tensor) -> Tensor:
        p, (hn, cn) = m(pt.pack(x, lengths), (h, c))
        return p.data.sum() + (hn * cn).sum()

    run = torch.compile(function, fullgraph=True, backend="aot_eager")
    grads = []
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    h, c = torch.randn(2, 1, 2, 4)
    for f in (run, function):
        inputs = [t.clone().requires_grad_() for t in (h, c)]
        f(x, lengths, *inputs).backward()
        grads.append([t.grad for t in inputs])
    assert_same(*grads)


def test_lists_of_sequences() -> None:
    def function(*sequences: Tensor) -> tuple[Tensor, ...]:
        p = pt.pack(list(sequences))
        return (*p, *pt.pad(p, padding_side="left", batch_first=False))

    run = torch.compile(function, fullgraph=True, backend="aot_eager", dynamic=True)
    for lengths in ([2, 4], [5, 5], [3, 0]):
        sequences = [torch.randn(n, 2) for n in lengths]
        assert_same(list(run(*sequences)), list(function(*sequences)))
    assert_same(list(run()), list(function()))


def test_batches_without_indices() -> None:
    def function(x: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        p = pt.pack_padded_sequence(x, lengths)
        assert p.sorted_indices is None
        return (p.data, p.batch_sizes, pt.last(p), *pt.pad_packed_sequence(p))

    run = torch.compile(function, fullgraph=True, backend="aot_eager", dynamic=True)
    for lengths in ([4, 2], [3, 3, 1]):
        x = torch.randn(4, len(lengths), 2)
        assert_same(list(run(x, torch.tensor(lengths))), list(function(x, torch.tensor(lengths))))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16, torch.complex64])
def test_any_dtype_is_packed(dtype: torch.dtype) -> None:
    x, lengths = torch.ones(2, 3, 2).to(dtype), torch.tensor([1, 3])
    run = torch.compile(
        lambda *args: pt.pad(pt.pack(*args))[0], fullgraph=True, backend="aot_eager"
    )
    assert torch.equal(run(x, lengths), pt.pad(pt.pack(x, lengths))[0])


@torch._functorch.config.patch(donated_buffer=False)  # else torch refuses to go twice
def test_some_weights_without_gradients_and_twice_through_a_graph() -> None:
    model = Tagger("ours")
    model.rnn.weight_hh_l0.requires_grad_(False)
    run = torch.compile(model, fullgraph=True, backend="aot_eager")
    args = batch([3, 2])
    assert_same(trained(model, run, *args), trained(model, model, *args))
    model.zero_grad()
    y = run(*args)[0].sum()
    y.backward(retain_graph=True)
    once = model.rnn.weight_ih_l0.grad.clone()
    y.backward()
    assert torch.equal(model.rnn.weight_ih_l0.grad, 2 * once)


def test_second_derivatives_are_refused() -> None:
    rows, lengths = batch([3, 2])
    rows.requires_grad_()
    y = torch.compile(Tagger("ours"), backend="aot_eager")(rows, lengths)[0]
    (dx,) = torch.autograd.grad(y.square().sum(), rows, create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula"):
        dx.sum().backward()


def test_other_dtypes_and_autocast_break_the_graph() -> None:
    m, x = pt.LSTM(3, 4).bfloat16(), torch.randn(5, 2, 3)
    run = torch.compile(lambda x: m(x * 2)[0] + 1, backend="aot_eager")
    assert torch.equal(run(x.bfloat16()), m(x.bfloat16() * 2)[0] + 1)
    m.float()
    with torch.autocast("cpu"):
        assert torch.equal(run(x), m(x * 2)[0] + 1)


@pytest.mark.parametrize(
    ("way", "lengths", "error", "text"),
    [
        ("ours", [8, 2], ValueError, r"lengths\[0\] is 8, input has 4 steps"),
        ("ours", [-1, 2], ValueError, r"lengths\[0\] is -1, must be at least 0"),
        ("ours", [1, 2, 2], ValueError, "lengths has 3 elements, the input has 2 sequences"),
        ("lengths", [2, 9], ValueError, r"lengths\[1\] is 9, input has 4 steps"),
        ("torch", [2, 9], RuntimeError, r"lengths\[1\] is 9, input has 4 steps"),
        ("torch", [2, 0], RuntimeError, r"greater than 0.*lengths\[1\] is 0"),
    ],
)
def test_wrong_lengths(way: str, lengths: list[int], error: type[Exception], text: str) -> None:
    run = torch.compile(Tagger(way), fullgraph=True, backend="aot_eager")
    with pytest.raises(error, match=text):
        run(torch.randn(2, 4, 5), torch.tensor(lengths))


def test_wrong_shapes_and_totals() -> None:
    def pads(x: Tensor, lengths: Tensor, total: int) -> Tensor:
        return pt.pad(pt.pack(x, lengths), total_length=total)[0]

    run = torch.compile(pads, fullgraph=True, backend="aot_eager")
    with pytest.raises((ValueError, RuntimeError), match="steps"):
        run(torch.randn(2, 4, 5), torch.tensor([4, 2]), 3)
    run = torch.compile(pt.LSTM(3, 4), fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match=r"input\.size"):
        run(torch.randn(2, 4, 5))
    with pytest.raises(Exception, match="Expected hidden"):
        run(torch.randn(2, 4, 3), (torch.randn(1, 4, 5), torch.randn(1, 4, 4)))


# ---- exported


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("way", ["torch", "ours", "lengths"])
def test_an_exported_model_runs_on_other_batches(way: str, strict: bool) -> None:
    model = Tagger(way).eval()
    n_seq, n_steps = Dim("n_seq"), Dim("n_steps")
    shapes = {0: n_seq, 1: n_steps}, {0: n_seq}
    program = export(model, batch(LENGTHS[0]), dynamic_shapes=shapes, strict=strict)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file)
    for lengths in LENGTHS:
        args = batch(lengths)
        for run in (program.module(), loaded.module()):
            assert_same(list(run(*args)), list(model(*args)))
    args = batch(LENGTHS[1])
    assert_same(trained(model, program.module(), *args)[:5], trained(model, model, *args)[:5])
    program.run_decompositions()


def test_what_is_not_exported() -> None:
    model = Tagger("ours", dtype=torch.bfloat16)
    with pytest.raises(NotImplementedError, match="exported in float32 and float64"):
        export(model, batch([3, 2], dtype=torch.bfloat16), strict=False)


# ---- operators

FIELDS = torch.tensor([3, 2, 1]), torch.tensor([1, 0, 2]), torch.tensor([1, 0, 2])
NO_INDICES = FIELDS[0], None, None


@pytest.mark.parametrize("fields", [FIELDS, NO_INDICES])
def test_operators_on_layouts_and_rows(fields: tuple[Any, ...]) -> None:
    check = torch.library.opcheck
    check(ops.layout, (torch.tensor([2, 3, 1]), 3, 3, "ours"))
    check(ops.lengths, fields)
    check(ops.last_rows, (*fields, torch.device("cpu")))
    x = torch.randn(6, 2, requires_grad=True)
    check(ops.gather, (x, *fields, compiled.PACKED, compiled.PADDED_BATCH, True, [3, 4], 1.5))
    check(ops.gather, (x, *fields, compiled.JAGGED, compiled.PACKED, False, [-1], 0))
    x = torch.randn(3, 3, 2, requires_grad=True)
    check(ops.gather, (x, *fields, compiled.PADDED_TIME, compiled.PACKED, False, [6], 0))


@pytest.mark.parametrize("mode", ["LSTM", "GRU", "RNN_TANH"])
@pytest.mark.parametrize("keep", [True, False])
def test_operators_of_networks(mode: str, keep: bool) -> None:
    m = getattr(pt, mode[:3] if mode != "LSTM" else mode)(2, 4, 2)
    weights = [w.detach().requires_grad_() for w in m.parameters()]
    x = torch.randn(6, 2, requires_grad=True)
    h0, c0 = torch.randn(2, 2, 3, 4)
    states = h0.requires_grad_(), c0.requires_grad_() if mode == "LSTM" else None
    seed = torch.tensor(3)
    spec = seed, mode, [2, 4, 0, 2, 1, 0], 0.5, compiled.PACKED
    utils = ("test_schema", "test_autograd_registration", "test_faketensor")
    args = x, *states, weights, *FIELDS, *spec
    torch.library.opcheck(ops.rnn, (*args, keep), test_utils=utils)
    y, hn, _, reserve = ops.rnn(*args, keep)
    given = torch.randn_like(y), torch.randn_like(hn), None
    for wanted in ([True] * 4, [False] * 4, [True, True, False, True]):
        torch.library.opcheck(
            ops.rnn_backward,
            (*args, reserve if keep else None, *given, wanted),
            test_utils=utils,
        )


def test_operators_refuse_what_does_not_fit() -> None:
    sizes = FIELDS[0]
    with pytest.raises(RuntimeError, match="which sorted_indices"):
        ops.lengths(sizes, torch.tensor([0, 0, 1]), None)
    with pytest.raises((RuntimeError, ValueError)):
        ops.gather(torch.randn(5, 2), *FIELDS, compiled.PACKED, compiled.JAGGED, False, [-1], 0)
    with pytest.raises(RuntimeError, match="must begin with"):
        ops.gather(torch.randn(6, 2), *FIELDS, compiled.PACKED, compiled.JAGGED, False, [5], 0)
    with pytest.raises(ValueError, match="weights of shapes"):
        ops.rnn(
            *(torch.randn(6, 2), None, None, [torch.randn(2, 2)], *FIELDS, None),
            *("GRU", [2, 4, 0, 1, 1, 0], 0.0, compiled.PACKED, False),
        )
    m = pt.GRU(2, 4)
    with pytest.raises(ValueError, match=r"input is torch\.float32"):
        ops.rnn(
            *(torch.randn(6, 3), None, None, list(m.parameters()), *FIELDS, None),
            *("GRU", [2, 4, 0, 1, 1, 0], 0.0, compiled.PACKED, False),
        )
