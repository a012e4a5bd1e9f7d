# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Any network on any batch, given in any way: torch's results and gradients, and one batch's bits.

HYPOTHESIS_PROFILE=long tries 10,000.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from hypothesis import given
from networks import (
    Case,
    as_hx,
    as_list,
    assert_near,
    cases,
    few,
    loss_of,
    pair,
    run_ours,
    run_torch,
    sequences_of,
    states_of,
)
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

import packseq.torch as pt


def gradients(results: list[Tensor], leaves: list[Tensor]) -> Sequence[Tensor | None]:
    loss = loss_of(results)
    if not loss.requires_grad:
        return [None] * len(leaves)
    return torch.autograd.grad(loss, leaves, allow_unused=True)


@few
@given(cases())
def test_results_and_gradients_are_torchs(case: Case) -> None:
    torch.manual_seed(case.seed)
    ours, theirs = pair(case.cell, **case.options)
    ours.train(case.training)
    theirs.train(case.training)
    xs = sequences_of(case.lengths, ours.input_size, case.dtype)
    zeros = [torch.zeros_like(s) for s in states_of(ours, len(xs), case.dtype)]
    states = states_of(ours, len(xs), case.dtype) if case.with_states else zeros
    leaves = [*xs, *(states if case.with_states else [])]
    for leaf in leaves:
        leaf.requires_grad_()
    mine = run_ours(case, ours, xs, states if case.with_states else None)
    yours = run_torch(theirs, xs, states)
    for i, (a, b) in enumerate(zip(mine, yours, strict=True)):
        assert_near(a, b, f"result {i}")
    grads = gradients(mine, [*leaves, *ours.parameters()])
    expected = gradients(yours, [*leaves, *theirs.parameters()])
    for i, (a, b) in enumerate(zip(grads, expected, strict=True)):
        assert_near(a, b, f"gradient {i}")


@few
@given(cases())
def test_a_sequence_alone_has_the_same_bits(case: Case) -> None:
    torch.manual_seed(case.seed)
    options = {**case.options, "dtype": torch.float32, "dropout": 0.0}
    module = getattr(pt, case.cell)(**options)
    xs = sequences_of(case.lengths, module.input_size, torch.float32)
    states = states_of(module, len(xs), torch.float32) if case.with_states else None
    results = run_ours(case, module, xs, states)
    ys, ends = results[: len(xs)], results[len(xs) :]
    for b, x in enumerate(xs):
        hx = as_hx(module, states and [s[:, b : b + 1] for s in states])
        if len(x) == 0:
            expected = as_list(hx) if states else [torch.zeros_like(e[:, b : b + 1]) for e in ends]
        else:
            y, hidden = module(pack_sequence([x]), hx)
            assert torch.equal(unpack_sequence(y)[0], ys[b])
            expected = as_list(hidden)
        for end, single in zip(ends, expected, strict=True):
            assert torch.equal(end[:, b : b + 1], single)
