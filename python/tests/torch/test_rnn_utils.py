# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""torch's packing functions under torch's names: what torch's own tests ask of them."""

from __future__ import annotations

import random
from itertools import product

import pytest
import torch
import torch.nn.utils.rnn as torch_rnn
from torch import Tensor
from torch.testing import assert_close

from packseq.torch import (
    PackedSequence,
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)

A, B, C = torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])


def exactly(x: object, y: object) -> None:
    assert_close(x, y, rtol=0, atol=0, equal_nan=True)


def fields(p: PackedSequence) -> list[list[int] | None]:
    return [None if field is None else field.tolist() for field in p]


def squares(seed: int = 0, trailing: tuple[int, ...] = ()) -> list[Tensor]:
    """Sequences of lengths 1, 4, ... 81, shuffled."""
    generator = torch.Generator().manual_seed(seed)
    sequences = [torch.rand(i * i, *trailing, generator=generator) for i in range(1, 10)]
    random.Random(seed).shuffle(sequences)
    return sequences


# ---- the examples of the project


def test_values_of_three_sequences_in_packed_order() -> None:
    p = pack_sequence(
        [torch.arange(1, 5), torch.arange(5, 7), torch.arange(7, 10)], enforce_sorted=False
    )
    assert fields(p) == [[1, 7, 5, 2, 8, 6, 3, 9, 4], [3, 3, 2, 1], [0, 2, 1], [0, 2, 1]]


def test_lengths_come_in_the_users_order_not_by_rank() -> None:
    p = pack_sequence([torch.zeros(4), torch.zeros(2), torch.zeros(3)], enforce_sorted=False)
    assert pad_packed_sequence(p)[1].tolist() == [4, 2, 3]
    by_rank = p._replace(sorted_indices=None, unsorted_indices=None)
    assert pad_packed_sequence(by_rank)[1].tolist() == [4, 3, 2]


def test_batch_sizes_are_not_lengths() -> None:
    rows = torch.arange(1, 21).split([6, 4, 4, 3, 3])
    assert pack_sequence(rows).batch_sizes.tolist() == [5, 5, 5, 3, 1, 1]


# ---- packing; the numbers are those of torch-semantics' list of parity items


def test_pack_sequence_unsorted() -> None:  # 1, 2
    p = pack_sequence([A, B, C], enforce_sorted=False)
    assert fields(p) == [[1, 4, 6, 2, 5, 3], [3, 2, 1], [0, 1, 2], [0, 1, 2]]
    p = pack_sequence([B, C, A], enforce_sorted=False)
    assert fields(p) == [[1, 4, 6, 2, 5, 3], [3, 2, 1], [2, 0, 1], [1, 2, 0]]


def test_pack_sequence_sorted_has_no_indices() -> None:  # 3
    assert fields(pack_sequence([A, B, C])) == [[1, 4, 6, 2, 5, 3], [3, 2, 1], None, None]
    assert type(pack_sequence([A])) is torch_rnn.PackedSequence


@pytest.mark.parametrize(
    "fragment", ["must be sorted in decreasing order", "You can pass `enforce_sorted=False`"]
)
def test_unsorted_is_refused_by_default(fragment: str) -> None:  # 4, 5, 6
    with pytest.raises(RuntimeError, match=f"{fragment}.*lengths.1. is 1, lengths.2. is 3"):
        pack_sequence([B, C, A])
    with pytest.raises(RuntimeError, match=f"{fragment}.*lengths.0. is 1, lengths.1. is 3"):
        pack_padded_sequence(torch.randn(3, 3), [1, 3, 2])
    rows = pad_sequence([torch.rand(22, 300), torch.rand(25, 300)])
    with pytest.raises(RuntimeError, match=f"{fragment}.*lengths.0. is 22, lengths.1. is 25"):
        pack_padded_sequence(rows, [22, 25])


def test_empty_input_is_refused() -> None:  # 7, 8
    with pytest.raises(RuntimeError, match=r"empty tensor.*\(0, 0\)"):
        pack_padded_sequence(torch.randn(0, 0), [])
    with pytest.raises(RuntimeError, match=r"empty tensor.*\(0, 1, 10\)"):
        pack_padded_sequence(torch.randn(0, 1, 10), torch.randn(4) + 1, batch_first=True)


LENGTHS = {
    (10, 8, 4, 2, 2, 2, 1): [7, 6, 3, 3, 2, 2, 2, 2, 1, 1],
    (11, 10, 8, 6, 4, 3, 1): [7, 6, 6, 5, 4, 4, 3, 3, 2, 2, 1],
}


def numbered(lengths: tuple[int, ...]) -> Tensor:
    """[B, T, 5]: element (b, t) is 100 (b + 1) + 5 t + [1 .. 5], 0 in the padding."""
    rows = [
        torch.arange(1.0, 6) + 100 * (b + 1) + 5 * torch.arange(length)[:, None]
        for b, length in enumerate(lengths)
    ]
    return torch_rnn.pad_sequence(rows, batch_first=True)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_numbered_elements(lengths: tuple[int, ...], batch_first: bool) -> None:  # 9, 10, 12, 13
    source = numbered(lengths)
    source = source if batch_first else source.transpose(0, 1)
    source = source.clone().requires_grad_()
    p = pack_padded_sequence(source, list(lengths), batch_first)
    assert p.batch_sizes.tolist() == LENGTHS[lengths]
    rows = [(t, i) for t, size in enumerate(LENGTHS[lengths]) for i in range(size)]
    expected = [[n + 100 * (i + 1) + 5 * t for n in range(1, 6)] for t, i in rows]
    assert p.data.tolist() == expected
    padded, sizes = pad_packed_sequence(p, batch_first)
    exactly(padded, source)
    assert sizes.tolist() == list(lengths)

    gradient = torch.randn_like(padded)
    padded.backward(gradient)
    mask = numbered(lengths)[..., :1] != 0
    exactly(source.grad, gradient * (mask if batch_first else mask.transpose(0, 1)))


def test_shuffled_batch() -> None:  # 11, 12
    lengths = (11, 10, 8, 6, 4, 3, 1)
    source, order = numbered(lengths), torch.tensor([3, 0, 6, 1, 5, 2, 4])
    sorted_ = pack_padded_sequence(source, list(lengths), batch_first=True)
    sizes = torch.tensor(lengths)[order]
    p = pack_padded_sequence(source[order], sizes, batch_first=True, enforce_sorted=False)
    exactly(p.data, sorted_.data)
    exactly(p.unsorted_indices, order)
    padded, sizes_again = pad_packed_sequence(p, batch_first=True)
    exactly(padded, source[order])
    exactly(sizes_again, sizes)


def test_documented_example() -> None:  # 24
    rows = torch.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    p = pack_padded_sequence(rows, [2, 1, 3], batch_first=True, enforce_sorted=False)
    assert fields(p) == [[4, 1, 3, 5, 2, 6], [3, 2, 1], [2, 0, 1], [1, 2, 0]]
    exactly(pad_packed_sequence(p, batch_first=True), (rows, torch.tensor([2, 1, 3])))


def test_letters() -> None:  # 25
    p = pack_sequence([torch.tensor([*b"abc"]), torch.tensor([*b"x"])])
    assert bytes(p.data.tolist()) == b"axbc"
    assert p.batch_sizes.tolist() == [2, 1, 1]


# ---- padding


def test_pad_sequence_by_hand() -> None:  # 14
    expected = torch.tensor([[4, 5, 0], [1, 2, 3], [6, 0, 0]])
    exactly(pad_sequence([B, A, C], batch_first=True), expected)
    exactly(pad_sequence([B, A, C]), expected.T)
    ones = torch.tensor([[4, 5, 1], [1, 2, 3], [6, 1, 1]])
    exactly(pad_sequence([B, A, C], batch_first=True, padding_value=1), ones)
    exactly(pad_sequence([A, B, C], batch_first=True), expected[[1, 0, 2]])
    left = torch.tensor([[0, 4, 5], [1, 2, 3], [0, 0, 6]])
    exactly(pad_sequence([B, A, C], batch_first=True, padding_side="left"), left)


@pytest.mark.parametrize("trailing", [(5,), (5, 4), (5, 4, 4), (5, 4, 4, 4)])
def test_pad_sequence_of_squares(trailing: tuple[int, ...]) -> None:  # 15
    sequences = squares(1, trailing)
    zeros = [torch.zeros(81 - len(x), *trailing) for x in sequences]
    expected = torch.stack([torch.cat(pair) for pair in zip(sequences, zeros, strict=True)])
    exactly(pad_sequence(sequences, batch_first=True), expected)
    exactly(pad_sequence(sequences), expected.transpose(0, 1))


def test_pad_sequence_of_a_tensor() -> None:  # 16
    x = torch.randn(2, 1, 2)
    exactly(pad_sequence(x), pad_sequence((x[0], x[1])))
    assert pad_sequence(x).shape == (1, 2, 2)
    exactly(pad_sequence(row for row in x), pad_sequence(x))


def test_total_length() -> None:  # 20
    sequences = squares(2, (5,))
    p = pack_sequence(sequences, enforce_sorted=False)
    for total_length in (-1, 0, 80):
        fragment = (
            "Expected total_length to be at least the length of the longest sequence in input"
        )
        with pytest.raises(ValueError, match=f"{fragment}.*{total_length} and .* 81"):
            pad_packed_sequence(p, total_length=total_length)
    for batch_first, extra in product([True, False], [0, 1, 8]):
        padded, lengths = pad_packed_sequence(p, batch_first, total_length=81 + extra)
        zeros = torch.zeros((9, extra, 5) if batch_first else (extra, 9, 5))
        plain = pad_sequence(sequences, batch_first)
        exactly(padded, torch.cat([plain, zeros], 1 if batch_first else 0))
        assert lengths.tolist() == [len(x) for x in sequences]


# ---- there and back


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("trailing", [(), (5,), (5, 4)])
def test_unpad_and_unpack_undo(batch_first: bool, trailing: tuple[int, ...]) -> None:  # 18, 19
    shuffled = squares(3, trailing)
    for sequences in (shuffled, sorted(shuffled, key=len, reverse=True)):
        lengths = torch.tensor([len(x) for x in sequences])
        padded = pad_sequence(sequences, batch_first)
        exactly(unpad_sequence(padded, lengths, batch_first), sequences)
        p = pack_sequence(sequences, enforce_sorted=False)
        exactly(unpack_sequence(p), sequences)
        exactly(tuple(p), tuple(pack_padded_sequence(padded, lengths, batch_first, False)))
        exactly(pad_packed_sequence(p, batch_first), (padded, lengths))
    sorted_ = pack_padded_sequence(padded, lengths, batch_first)
    assert fields(sorted_)[2:] == [None, None]
    exactly(pack_sequence(sequences).data, sorted_.data)
    exactly(pad_packed_sequence(sorted_, batch_first), (padded, lengths))


def test_unpad_sequence_leaves_its_argument() -> None:
    padded = torch.arange(6.0).reshape(3, 2)
    unpad_sequence(padded, torch.tensor([3, 1]))
    assert padded.shape == (3, 2)


def test_unpacked_sequences_are_their_own() -> None:
    p = pack_sequence([torch.ones(3, 2), torch.ones(2, 2)])
    first, second = unpack_sequence(p._replace(data=p.data.requires_grad_()))
    assert first.untyped_storage().nbytes() == first.numel() * first.element_size()
    first += 1
    assert p.data.eq(1).all()
    assert second.eq(1).all()


# ---- torch's class


DTYPES = {
    "double": torch.float64,
    "float": torch.float32,
    "long": torch.int64,
    "int": torch.int32,
    "short": torch.int16,
    "char": torch.int8,
    "byte": torch.uint8,
}


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_casts(source: str, enforce_sorted: bool) -> None:  # 21
    sequences = [x.to(DTYPES[source]) for x in (A, B, C)]
    p = pack_sequence(sequences, enforce_sorted)
    for name, dtype in DTYPES.items():
        cast = getattr(p, name)()
        exactly(unpack_sequence(cast), [x.to(dtype) for x in sequences])


@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_to(enforce_sorted: bool) -> None:  # 22
    p = pack_sequence([A, B, C], enforce_sorted)
    assert p.to("cpu") is p
    assert p.cpu() is p
    assert p.to("cpu", dtype=torch.int64) is p
    exactly(tuple(p.int().long()), tuple(p.to(torch.int64)))


def test_batch_sizes_elsewhere_or_empty() -> None:  # 23
    with pytest.raises(ValueError, match="batch_sizes should always be on CPU"):
        PackedSequence(torch.zeros(3), torch.ones(1, dtype=torch.int64, device="meta"))
    none = PackedSequence(torch.zeros(3), torch.empty(0, dtype=torch.int64))
    for function in (pad_packed_sequence, unpack_sequence):
        with pytest.raises(RuntimeError, match="batch_sizes can not be empty"):
            function(none)


def test_torch_takes_ours_and_we_take_torchs() -> None:
    sequences = squares(4, (3,))
    ours, theirs = (pack(sequences, enforce_sorted=False) for pack in (pack_sequence, _torch_pack))
    exactly(tuple(ours), tuple(theirs))
    exactly(torch_rnn.unpack_sequence(ours), unpack_sequence(theirs))
    exactly(torch_rnn.pad_packed_sequence(ours), pad_packed_sequence(theirs))
    lstm = torch.nn.LSTM(3, 4, bidirectional=True)
    exactly(lstm(ours)[1], lstm(theirs)[1])
    output = lstm(ours)[0]
    exactly(unpack_sequence(output), torch_rnn.unpack_sequence(output))


_torch_pack = torch_rnn.pack_sequence


def test_invert_permutation() -> None:
    assert invert_permutation(None) is None
    for order in ([], [0], [2, 0, 1], [3, 1, 0, 2]):
        p = torch.tensor(order, dtype=torch.int64)
        exactly(invert_permutation(p), torch_rnn.invert_permutation(p))
    exactly(invert_permutation(torch.tensor(0)), torch.tensor(0))


def test_packing_works_where_only_deterministic_algorithms_may() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        p = pack_sequence([B, A], enforce_sorted=False)
        assert invert_permutation(p.sorted_indices).tolist() == [1, 0]  # type: ignore[union-attr]
    finally:
        torch.use_deterministic_algorithms(False)


def test_sequences_of_equal_length_keep_their_order() -> None:
    p = pack_sequence([torch.full((2,), n) for n in range(40)], enforce_sorted=False)
    assert p.sorted_indices is not None
    assert p.sorted_indices.tolist() == list(range(40))
