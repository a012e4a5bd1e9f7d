#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/rnn.bin and train.bin: what torch computes, for our tests to compare with.

    python3 tools/gen_golden.py tests/golden      needs torch 2.13.0 on a CPU; fixed seeds

The format (tests/unit/golden.c reads it) is a row of records, little-endian, each

    char name[24]; uint32 dtype; uint32 n_dims; int64 dims[4]; the data, padded to 8 bytes

with dtype 0 float32, 1 float64, 7 int64, 8 uint8 (psq_dtype). The first record of a file is
"torch", the version's text; a record "case", the case's text, opens a case and owns all records up
to the next one.

Sequences of length 0 are legal here and not in torch: they stand in `lengths`, but torch never sees
them. Their final state is their first one, and so are the gradients. Rows are packed in the order
of a stable sort, which torch.sort does not promise, so the PackedSequence is built by hand.
"""
import itertools
import pathlib
import struct
import sys

import numpy as np
import torch
from torch import nn

CELLS = ["rnn_tanh", "rnn_relu", "lstm", "gru"]  # psq_cell
HEADS = ["last", "mean", "max", "token"]  # psq_head
OPTIMS = ["sgd", "adam", "adamw"]  # psq_optim_kind
DTYPES = {"float32": 0, "float64": 1, "int64": 7, "uint8": 8}


class Writer:
    def __init__(self, path):
        self.file = open(path, "wb")
        self.text("torch", torch.__version__)

    def put(self, name, array):
        if isinstance(array, torch.Tensor):
            array = array.detach().numpy()
        array = np.ascontiguousarray(array)
        dims = list(array.shape) + [1] * (4 - array.ndim)
        head = struct.pack("<24sII4q", name.encode(), DTYPES[str(array.dtype)], array.ndim, *dims)
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        self.file.write(head + data + bytes(-len(data) % 8))

    def text(self, name, text):
        self.put(name, np.frombuffer(text.encode(), np.uint8))

    def ints(self, name, values):
        self.put(name, np.array(list(values), np.int64))


class Layout:
    """A ragged batch with zeros: what psq_layout holds, and torch's view of it."""

    def __init__(self, lengths):
        self.lengths = np.array(lengths, np.int64)
        self.alive = np.flatnonzero(self.lengths)
        order = np.argsort(-self.lengths[self.alive], kind="stable")
        seen = self.lengths[self.alive]
        steps = range(seen.max())
        self.batch_sizes = torch.tensor([int((seen > t).sum()) for t in steps])
        self.sorted_indices = torch.from_numpy(order)
        # (index among the sequences that torch sees, t) of each packed row
        self.rows = [(int(b), t) for t in steps for b in order if seen[b] > t]
        self.offsets = np.concatenate([[0], np.cumsum(seen)])
        self.jagged = torch.tensor([int(self.offsets[b]) + t for b, t in self.rows])

    def pack(self, data):
        return nn.utils.rnn.PackedSequence(data, self.batch_sizes, self.sorted_indices)


def make_net(cell, **sizes):
    if cell == "lstm":
        return nn.LSTM(**sizes)
    sizes.pop("proj_size")
    if cell == "gru":
        return nn.GRU(**sizes)
    return nn.RNN(nonlinearity=cell.removeprefix("rnn_"), **sizes)


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors])


class States:
    """First and last states of all sequences, and the part of them that torch sees."""

    def __init__(self, letter, n_states, layout, width):
        self.letter, self.alive = letter, layout.alive
        self.first, self.dlast = torch.randn(2, n_states, len(layout.lengths), width)

    def start(self, given):
        first = self.first if given else torch.zeros_like(self.first)
        self.leaf = first[:, self.alive].clone().requires_grad_()
        return self.leaf

    def put_results(self, out, prefix, last, given):
        full = self.first.clone() if given else torch.zeros_like(self.first)
        full[:, self.alive] = last.detach()
        out.put(f"{prefix}{self.letter}n", full)
        dfirst = self.dlast.clone()
        dfirst[:, self.alive] = self.leaf.grad
        out.put(f"{prefix}d{self.letter}0", dfirst)


def rnn_case(out, cell, P, L, D, bias, dropout, lengths):
    """One network; results with the first states, and with none (prefix "none.")."""
    I, H, R = 5, 6, P or 6
    net = make_net(cell, input_size=I, hidden_size=H, proj_size=P, num_layers=L,
                   bidirectional=D == 2, bias=bias, dropout=dropout)
    for p in net.parameters():  # larger than the default, so that gates leave their linear part
        nn.init.uniform_(p, -0.8, 0.8)
    layout = Layout(lengths)
    x = torch.randn(len(layout.rows), I, requires_grad=True)
    dy = torch.randn(len(layout.rows), D * R)
    states = [States("h", L * D, layout, R)]
    if cell == "lstm":
        states.append(States("c", L * D, layout, H))

    projected = f"+proj{P}" if P else ""
    out.text("case", f"{cell}{projected} layers {L} directions {D} bias {int(bias)} "
             f"dropout {dropout:g}")
    out.ints("spec", [CELLS.index(cell), I, H, P, L, D, int(bias)])
    out.put("dropout", np.array([dropout]))
    out.ints("lengths", lengths)
    out.put("weights", flat(net.parameters()))
    out.put("x", x)
    out.put("dy", dy)
    for s in states:
        out.put(f"{s.letter}0", s.first)
        out.put(f"d{s.letter}n", s.dlast)
    for prefix, given in ("", True), ("none.", False):
        net.zero_grad()
        x.grad = None
        hx = tuple(s.start(given) for s in states)
        y, last = net(layout.pack(x), hx if cell == "lstm" else hx[0])
        last = last if cell == "lstm" else [last]
        seen = [s.dlast[:, layout.alive] for s in states]
        torch.autograd.backward([y.data, *last], [dy, *seen])
        out.put(prefix + "y", y.data)
        out.put(prefix + "dx", x.grad)
        out.put(prefix + "dweights", flat(p.grad for p in net.parameters()))
        for s, sn in zip(states, last):
            s.put_results(out, prefix, sn, given)


def write_rnn(path):
    out = Writer(path)
    torch.manual_seed(1)
    kinds = [(cell, 0) for cell in CELLS] + [("lstm", 3)]
    for (cell, P), L, D, bias in itertools.product(kinds, (1, 2), (1, 2), (True, False)):
        rnn_case(out, cell, P, L, D, bias, 0.0, [3, 0, 2, 4, 2, 1, 0])
    for cell, P in kinds:  # all dropped between the layers: certain, so torch can be asked
        rnn_case(out, cell, P, 2, 2, True, 1.0, [7, 5, 5, 2, 1, 1])


class Model(nn.Module):
    """psq_model in torch: embedding -> recurrent stack -> head; parameters in its order."""

    def __init__(self, cell, head, V, C, I, H, L):
        super().__init__()
        self.embedding = nn.Embedding(V, I)
        self.rnn = make_net(cell, input_size=I, hidden_size=H, proj_size=0, num_layers=L,
                            bidirectional=True)
        self.head = nn.Linear(2 * H, C)
        self.kind = head

    def forward(self, tokens, layout):
        """Logits of each sequence, zeros included, or of each row in jagged order."""
        y, last = self.rnn(layout.pack(self.embedding(tokens[layout.jagged])))
        rows = torch.zeros_like(y.data).index_put((layout.jagged,), y.data)
        if self.kind == "token":
            return self.head(rows)
        last = last[0] if isinstance(last, tuple) else last
        pooled = torch.zeros(len(layout.lengths), rows.shape[1])
        parts = rows.split(layout.lengths[layout.alive].tolist())
        if self.kind == "last":
            parts = torch.cat([last[-2], last[-1]], dim=1)
        elif self.kind == "mean":
            parts = torch.stack([p.mean(dim=0) for p in parts])
        else:
            parts = torch.stack([p.max(dim=0).values for p in parts])
        return self.head(pooled.index_put((torch.from_numpy(layout.alive),), parts))


def train_case(out, cell, head, optim, decay):
    V, C, I, H, L, n_steps = 11, 3, 4, 3, 2, 10
    layout = Layout([4, 0, 2, 3, 2, 1, 6, 0])
    model = Model(cell, head, V, C, I, H, L)
    tokens = torch.randint(V, (len(layout.rows),))
    targets = torch.randint(C, (len(layout.rows) if head == "token" else len(layout.lengths),))
    targets[[2, 5]] = -1
    if optim == "sgd":
        options = dict(lr=0.1, momentum=0.9, weight_decay=decay)
        step = torch.optim.SGD(model.parameters(), **options)
    else:
        options = dict(lr=0.01, momentum=0.0, weight_decay=decay)
        kind = torch.optim.Adam if optim == "adam" else torch.optim.AdamW
        step = kind(model.parameters(), lr=options["lr"], weight_decay=decay, foreach=False)

    out.text("case", f"{cell} head {head} {optim} weight decay {decay:g}")
    out.ints("spec", [CELLS.index(cell), V, C, HEADS.index(head), I, H, L, OPTIMS.index(optim)])
    out.put("options", np.array([options[k] for k in ("lr", "momentum", "weight_decay")]))
    out.ints("offsets", np.concatenate([[0], np.cumsum(layout.lengths)]))
    out.ints("tokens", tokens)
    out.ints("targets", targets)
    out.put("weights", flat(model.parameters()))
    losses = []
    for _ in range(n_steps):
        step.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens, layout), targets, ignore_index=-1)
        loss.backward()
        losses.append(loss.item())
        step.step()
    out.put("losses", np.array(losses, np.float32))
    out.put("trained", flat(model.parameters()))


def write_train(path):
    out = Writer(path)
    torch.manual_seed(2)
    for cell, head, optim in itertools.product(("gru", "lstm"), HEADS, ("adam", "sgd")):
        train_case(out, cell, head, optim, 0.0)
    for optim in OPTIMS:
        train_case(out, "gru", "mean", optim, 0.05)


def main():
    torch.set_num_threads(1)
    directory = pathlib.Path(sys.argv[1])
    write_rnn(directory / "rnn.bin")
    write_train(directory / "train.bin")


if __name__ == "__main__":
    main()
