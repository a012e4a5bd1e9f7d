# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""torch's packing functions given what they should not: torch's exception, and which element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.utils.rnn as torch_rnn
from torch import Tensor

import packseq.torch as ours
from packseq.torch import PackedSequence

INT64 = torch.int64
NAN = float("nan")
ROWS = torch.arange(12.0).view(4, 3)  # T 4, B 3
P = torch_rnn.pack_sequence([torch.arange(3.0), torch.arange(2.0)])


def free(x: Tensor) -> Tensor:
    """x, whose memory somebody gave back."""
    x.untyped_storage().resize_(0)
    return x


def freed(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return free(torch.ones(shape, dtype=dtype))


def packed(sizes: list[int], *indices: list[int], n_rows: int = 3) -> PackedSequence:
    return PackedSequence(
        torch.arange(1.0 * n_rows), torch.tensor(sizes, dtype=INT64), *map(torch.tensor, indices)
    )


# function, arguments, options, exception, message. Where torch raises too it is the same exception.
CASES: dict[str, list[tuple[list[Any], dict[str, Any], type[Exception], str]]] = {
    "pack_padded_sequence": [
        ([ROWS, [4, 2]], {}, RuntimeError, r"equal to batch_size, but got 2 \(batch_size=3\)"),
        ([ROWS, [4, 2, 1, 1]], {}, RuntimeError, r"but got 4 \(batch_size=3\)"),
        ([ROWS, [4, 2, 0]], {}, RuntimeError, r"greater than 0.*: lengths\[2\] is 0"),
        ([ROWS, [4, -2, 1]], {"enforce_sorted": False}, RuntimeError, r"lengths\[1\] is -2"),
        ([ROWS, torch.tensor([4, NAN, 1])], {"enforce_sorted": False}, RuntimeError, r"lengths\[1"),
        ([ROWS, [NAN, 1, 1]], {}, RuntimeError, "int64 without overflow"),
        ([ROWS, [2, 4, 1]], {}, RuntimeError, r"lengths\[0\] is 2, lengths\[1\] is 4"),
        ([ROWS, [[4, 2, 1]]], {}, RuntimeError, "1D CPU int64 tensor, but got 2D cpu Long tensor"),
        ([ROWS, torch.tensor(4)], {}, RuntimeError, "but got 0D cpu Long tensor"),
        ([ROWS, torch.ones(3, device="meta")], {}, RuntimeError, "1D meta"),
        ([ROWS, [2**63, 1, 1]], {}, ValueError, "Overflow"),
        ([ROWS, None], {}, TypeError, "NoneType"),
        ([ROWS, "abc"], {}, TypeError, "str"),
        ([ROWS, [None, 1, 1]], {}, TypeError, "NoneType"),
        (["x", [1]], {}, TypeError, "must be Tensor, not str"),
        ([torch.zeros(3), [1]], {}, IndexError, "Dimension out of range: input has 1, needs"),
        ([torch.tensor(1.0), [1]], {}, IndexError, "input has 0"),
        ([torch.zeros(2, 3, 0), [1, 1, 1]], {}, RuntimeError, r"empty tensors.*\(2, 3, 0\)"),
    ],
    "pack_sequence": [
        ([[]], {}, RuntimeError, "received an empty list of sequences"),
        ([[torch.ones(2), torch.ones(0)]], {}, RuntimeError, r"greater than 0.*lengths\[1\] is 0"),
        ([[torch.ones(0, 2)]], {}, RuntimeError, r"empty tensors.*\(0, 2\)"),
        ([[torch.ones(3, 0)]], {}, RuntimeError, r"empty tensors.*\(3, 0\)"),
        (
            [[torch.ones(2), torch.ones(3)]],
            {},
            RuntimeError,
            r"lengths\[0\] is 2, lengths\[1\] is 3",
        ),
        ([[torch.tensor(1.0)]], {}, IndexError, r"no dimensions: sequences\[0\]"),
        ([[torch.ones(2), "x"]], {}, AttributeError, r"got str: sequences\[1\]"),
        ([[[1, 2], [1]]], {}, AttributeError, r"got list: sequences\[0\]"),
        ([5], {}, TypeError, "'int' object is not iterable"),
        (
            [[torch.ones(3, 2), torch.ones(2, 3)]],
            {},
            RuntimeError,
            r"must match.*sequences\[0\] has rows of shape \(2,\), sequences\[1\] of \(3,\)",
        ),
    ],
    "pad_packed_sequence": [
        ([P], {"total_length": 2}, ValueError, "total_length=2 and max sequence length being 3"),
        ([P], {"total_length": 3.5}, TypeError, "float"),
        ([P], {"total_length": "a"}, TypeError, "str"),
        ([P], {"padding_value": "a"}, TypeError, "'padding_value' must be Number, not str"),
        ([P], {"padding_value": None}, TypeError, "must be Number, not NoneType"),
        ([P], {"padding_value": 1 + 2j}, RuntimeError, "without overflow"),
        ([P.byte()], {"padding_value": 300}, RuntimeError, "uint8_t without overflow"),
        ([P.int()], {"padding_value": NAN}, RuntimeError, "int without overflow"),
        ([P.half()], {"padding_value": 1e9}, RuntimeError, "Half without overflow"),
        ([packed([])], {}, RuntimeError, "batch_sizes can not be empty"),
        ([packed([1, 2])], {}, RuntimeError, r"batch_sizes\[1\] is 2, .* batch_sizes\[0\].* 1"),
        ([packed([2, 2])], {}, RuntimeError, "batch_sizes sum to 4.* 3"),
        ([packed([-1, 4])], {}, RuntimeError, "-1"),
        ([P._replace(batch_sizes=torch.ones(2))], {}, RuntimeError, "1D cpu Float tensor"),
        ([P._replace(batch_sizes=torch.ones(1, 2, dtype=INT64))], {}, RuntimeError, "2D cpu Long"),
        ([P._replace(data=torch.tensor(1.0))], {}, RuntimeError, "0 dimensions"),
        ([packed([2, 1], [0, 5], [0, 5])], {}, RuntimeError, r"sorted_indices\[1\] is 5"),
        ([None], {}, AttributeError, "batch_sizes"),
        ([torch.ones(3)], {}, AttributeError, "batch_sizes"),
    ],
    "pad_sequence": [
        ([5], {}, RuntimeError, "Expected iterable for input sequences, but got arg of type.*int"),
        ([[]], {}, RuntimeError, "received an empty list of sequences"),
        (
            [[torch.ones(2), 3]],
            {},
            TypeError,
            "expected Tensor as element 1 in argument 0, but got",
        ),
        (["ab"], {}, TypeError, "expected Tensor as element 0"),
        ([[torch.tensor(1.0)]], {}, RuntimeError, r"no dimensions: sequences\[0\]"),
        ([[torch.ones(2), torch.tensor(1.0)]], {}, IndexError, r"no dimensions: sequences\[1\]"),
        ([torch.tensor(1.0)], {}, TypeError, "iteration over a 0-d tensor"),
        ([[torch.ones(2)]], {"padding_side": "up"}, RuntimeError, "one of left or right, .* up"),
        ([[torch.ones(2)]], {"padding_value": "a"}, TypeError, "must be float, not str"),
        ([[torch.ones(2)]], {"padding_value": 1j}, TypeError, "must be float, not complex"),
        ([[torch.ones(2).byte()] * 2], {"padding_value": -1}, RuntimeError, "without overflow"),
        (
            [[torch.ones(3, 2), torch.ones(2, 3)]],
            {},
            RuntimeError,
            r"must match.*sequences\[1\] of \(3,\)",
        ),
    ],
    "unpad_sequence": [
        ([torch.ones(3, 2), torch.ones(3)], {}, ValueError, "lengths has 3.* 2 sequences"),
        ([torch.ones(3), torch.ones(1)], {}, IndexError, "padded_sequences has 1, needs"),
        ([torch.ones(3, 2), torch.tensor(2)], {}, TypeError, "lengths has 0 dimensions"),
    ],
    "unpack_sequence": [
        ([None], {}, AttributeError, "batch_sizes"),
        ([packed([2, 2])], {}, RuntimeError, "batch_sizes sum to 4.* 3"),
    ],
    "invert_permutation": [
        ([torch.tensor([0, 5])], {}, RuntimeError, r"permutation\[1\] is 5, must be from 0 to 1"),
        ([torch.tensor([0, -1])], {}, RuntimeError, r"permutation\[1\] is -1"),
        ([torch.tensor([0, 1]).int()], {}, RuntimeError, "scatter.*int32, must be int64"),
        ([torch.tensor([[0, 1]])], {}, IndexError, "2 dimensions"),
        ([[0, 1]], {}, TypeError, "must be Tensor, not list"),
    ],
}

# What torch takes and we do not.
OURS: dict[str, list[tuple[list[Any], dict[str, Any], type[Exception], str]]] = {
    "pack_padded_sequence": [
        ([ROWS, [5, 2, 1]], {}, RuntimeError, r"lengths\[0\] is 5, input has 4 steps"),
        ([ROWS, [2**62, 2**62, 1]], {}, RuntimeError, r"lengths\[0\] is 46.*, input has 4 steps"),
        ([ROWS, [1, 2]], {"enforce_sorted": False}, RuntimeError, r"got 2 \(batch_size=3\)"),
    ],
    "pad_packed_sequence": [
        ([packed([1, 1])], {}, RuntimeError, "batch_sizes sum to 2.* 3"),
        ([packed([2, 1, 0])], {}, RuntimeError, r"batch_sizes\[2\] is 0, must be at least 1"),
        ([packed([2, 1], [0, 0], [0, 0])], {}, RuntimeError, r"sorted_indices\[1\] is 0, which"),
        ([packed([2, 1], [0, 1], [0, 1, 0])], {}, RuntimeError, r"shape \(3,\).*\(2,\)"),
        (
            [packed([2, 1], [0, 1], [1, 0])],
            {},
            RuntimeError,
            r"unsorted_indices\[0\] is 1, but sorted_indices\[0\] is 0",
        ),
    ],
    "unpad_sequence": [
        ([ROWS, torch.tensor([4, 9, 0])], {}, RuntimeError, r"lengths\[1\] is 9, .* from 0 to 4"),
        ([ROWS, torch.tensor([4, -1, 0])], {}, RuntimeError, r"lengths\[1\] is -1"),
    ],
    "invert_permutation": [
        (
            [torch.tensor([0, 0])],
            {},
            RuntimeError,
            r"permutation\[1\] is 0, which permutation\[0\]",
        ),
    ],
}


def rows_of(cases: dict[str, Any]) -> list[Any]:
    return [
        pytest.param(name, *case, id=f"{name}-{i}")
        for name, group in cases.items()
        for i, case in enumerate(group)
    ]


@pytest.mark.parametrize(("name", "args", "options", "kind", "text"), rows_of(CASES))
def test_torchs_exception_and_the_element(
    name: str, args: list[Any], options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text) as ours_:
        getattr(ours, name)(*args, **options)
    with pytest.raises(kind) as theirs:
        getattr(torch_rnn, name)(*args, **options)
    assert type(ours_.value) is type(theirs.value)


@pytest.mark.parametrize(("name", "args", "options", "kind", "text"), rows_of(OURS))
def test_what_torch_does_not_notice(
    name: str, args: list[Any], options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        getattr(ours, name)(*args, **options)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ours.pack_padded_sequence(freed(4, 3), [4, 2, 1]),
        lambda: ours.pack_padded_sequence(free(torch.ones(3, 4).T), [4, 2, 1]),
        lambda: ours.pack_padded_sequence(free(torch.ones(4, 6)[:, ::2]), [4, 2, 1]),
        lambda: ours.pack_padded_sequence(ROWS, freed(3, dtype=INT64)),
        lambda: ours.pack_padded_sequence(ROWS, freed(3)),
        lambda: ours.pack_sequence([torch.ones(3), freed(2)]),
        lambda: ours.pack_sequence([freed(3), torch.ones(2)]),
        lambda: ours.pack_sequence([torch.ones(3), free(torch.ones(2, 2)[:, 0])]),
        lambda: ours.pad_sequence([torch.ones(3, 1), freed(2)]),
        lambda: ours.pad_packed_sequence(P._replace(data=freed(5))),
        lambda: ours.pad_packed_sequence(P._replace(batch_sizes=freed(3, dtype=INT64))),
        lambda: ours.pad_packed_sequence(P._replace(unsorted_indices=freed(2, dtype=INT64))),
        lambda: ours.unpack_sequence(P._replace(data=freed(5))),
        lambda: ours.unpad_sequence(freed(4, 3), torch.tensor([4, 2, 1])),
        lambda: ours.unpad_sequence(ROWS, freed(3)),
        lambda: ours.invert_permutation(freed(3, dtype=INT64)),
        lambda: ours.pool(P._replace(data=freed(5)), "sum"),
        lambda: ours.last(P._replace(data=freed(5))),
        lambda: ours.concat([P, P._replace(data=freed(5))]),
    ],
)
def test_memory_that_was_freed(call: Callable[[], object]) -> None:
    with pytest.raises(RuntimeError, match=r"the storage of a tensor .* has 0 bytes, needs \d+"):
        call()


def test_more_steps_than_there_is_memory() -> None:
    for total_length in (2**40, 2**61, 2**62):
        with pytest.raises((RuntimeError, MemoryError)):
            ours.pad_packed_sequence(P, total_length=total_length)
    with pytest.raises((TypeError, OverflowError)):
        ours.pad_packed_sequence(P, total_length=2**63)


@pytest.mark.parametrize("lengths", [[3.9, 2.0, 1.5], [True] * 3, range(3, 0, -1)])
def test_lengths_of_other_types(lengths: Any) -> None:
    variants = [lengths, torch.tensor(list(lengths)), torch.tensor(list(lengths)).numpy()]
    for given in variants:
        mine, theirs = (m.pack_padded_sequence(ROWS, given) for m in (ours, torch_rnn))
        assert mine.data.equal(theirs.data)
        assert mine.batch_sizes.equal(theirs.batch_sizes)


def test_lengths_that_are_not_whole_end_behind_their_last_step() -> None:
    for module in (ours, torch_rnn):
        parts = module.unpad_sequence(ROWS.clone(), torch.tensor([1.5, 0.2, 3.0]))
        assert [len(x) for x in parts] == [2, 1, 3]


def test_padding_may_be_negative_zero() -> None:
    for module in (ours, torch_rnn):
        assert module.pad_packed_sequence(P, padding_value=-0.0)[0].signbit().sum() == 1


def test_sequences_that_differ_are_treated_as_torch_treats_them() -> None:
    for sequences in (
        [torch.zeros(3, 2), torch.ones(1, 1)],
        [torch.zeros(3, dtype=INT64), torch.tensor([2.7])],
        [torch.zeros(3, 2), torch.ones(2)],
    ):
        assert ours.pad_sequence(sequences).equal(torch_rnn.pad_sequence(sequences))
        assert ours.pack_sequence(sequences).data.equal(torch_rnn.pack_sequence(sequences).data)


def test_views_that_are_conjugate_or_negative() -> None:
    x = torch.tensor([[1 + 2j, 3 - 1j], [2j, 5 + 5j]])
    for view in (x.conj(), x.conj().imag, x.imag):
        for module in (ours, torch_rnn):
            p = module.pack_padded_sequence(view, [2, 1])
            assert p.data.tolist() == [view[0, 0], view[0, 1], view[1, 0]]
            assert module.pad_sequence([*view]).tolist() == view.T.tolist()
            # One element is contiguous however it lies.
            rows = [torch.zeros(1, dtype=view.dtype), view[1, 1:]]
            assert module.pad_sequence(rows).tolist() == [[0, view[1, 1]]]
