# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Model files as torch modules: the command's models open, and modules go back."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import packseq
from packseq import FormatError, Model
from packseq.torch import files

pytest.importorskip("safetensors")

ROOT = pathlib.Path(__file__).parents[3]
# The command: the wheel's, or the build's.
PLACES = [pathlib.Path(sys.executable).parent, ROOT / "build"]
COMMAND = next(
    (found for folder in PLACES if (found := shutil.which("packseq", path=folder))), None
)
WORDS = ["zeesterren", "niebieski", "a", "", "ñandú"]


def tokens_of(words: list[str]) -> list[torch.Tensor]:
    return [torch.tensor(list(word.encode()), dtype=torch.int64) for word in words]


def command(*args: object) -> str:
    if COMMAND is None:
        pytest.skip("the command is not built")
    done = subprocess.run(
        [COMMAND, *map(str, args)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Tagger(nn.Module):
    """A module as people write them, with torch's own network."""

    def __init__(self, cell: type[nn.Module] = nn.LSTM, **options: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, 6)
        self.rnn = cell(6, 8, batch_first=True, **options)
        self.head = nn.Linear(16 if options.get("bidirectional") else 8, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        y, _ = self.rnn(self.embedding(tokens)[None])
        logits: torch.Tensor = self.head(y.mean(dim=1))
        return logits


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("head", ["last", "mean", "max"])
def test_a_trained_model_opens(tmp_path: pathlib.Path, cell: str, head: str) -> None:
    path = tmp_path / "model"
    sizes = ["--hidden", 8, "--embed", 6, "--layers", 2]
    command("train", "-q", "-n", 1, *sizes, "--cell", cell, "--head", head, "-o", path)
    module = files.load(path).eval()
    assert module.classes == ("english", "dutch", "spanish", "polish")
    logits = module(tokens_of(WORDS))
    wanted = torch.from_numpy(packseq.load(path).logits(WORDS))
    assert_close(logits, wanted, rtol=1e-5, atol=1e-6)
    lines = command("run", path, "--json", *[word for word in WORDS if word]).splitlines()
    named = [module.classes[int(k)] for k in logits.argmax(1)]
    del named[WORDS.index("")]
    assert named == [json.loads(line)["class"] for line in lines]
    files.save(module, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_module_of_torch_goes_to_the_command(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    module = Tagger(num_layers=2, bidirectional=True)
    path = tmp_path / "model"
    files.save(module, path, pooling="mean", classes=["a", "b", "c"])
    words = [word for word in WORDS if word]
    wanted = torch.cat([module(tokens) for tokens in tokens_of(words)]).softmax(1)
    for line, row in zip(command("run", path, "--json", *words).splitlines(), wanted, strict=True):
        answer = json.loads(line)
        assert answer["class"] == "abc"[int(row.argmax())]
        assert answer["probability"] == pytest.approx(float(row.max().detach()), rel=1e-5)
    again = files.load(path)
    for name, tensor in module.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_all_forms_of_input_give_the_same() -> None:
    module = files.SequenceModel(Model("gru", 6, 8, 3, vocab_size=256, head="mean", seed=0))
    tokens = tokens_of(WORDS)
    wanted = module(tokens)
    assert wanted.shape == (5, 3)
    padded = nn.utils.rnn.pad_sequence(tokens, batch_first=True, padding_value=255)
    assert torch.equal(module(padded, [len(x) for x in tokens]), wanted)
    assert torch.equal(module(packseq.torch.pack(tokens)), wanted)


def test_heads_for_tokens_and_rows_without_a_vocabulary() -> None:
    model = Model("lstm", 2, 4, 3, head="token", bidirectional=True, proj_size=2, seed=0)
    rows = [torch.randn(4, 2), torch.randn(2, 2)]
    logits = packseq.torch.unpack(files.SequenceModel(model)(rows))
    wanted = model.logits([x.numpy() for x in rows])
    for found, row in zip(logits, wanted, strict=True):
        assert_close(found.detach(), torch.from_numpy(row), rtol=1e-5, atol=1e-6)


def test_a_loaded_model_trains(tmp_path: pathlib.Path) -> None:
    model = Model("lstm", 6, 8, 2, vocab_size=256, head="max", head_dropout=0.1, seed=0)
    packseq.save(model, tmp_path / "model")
    module = files.load(tmp_path / "model")
    assert module.training
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    targets = torch.tensor([0, 1, 0, 1, 0])
    torch.manual_seed(0)
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(module(tokens_of(WORDS)), targets)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    files.save(module, tmp_path / "model")
    other = packseq.load(tmp_path / "model")
    assert other.head_dropout == 0.1
    assert other.predict(WORDS).tolist() == targets.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "lstm", "gru"])
def test_round_trips(tmp_path: pathlib.Path, cell: str, dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    model = Model(cell, 3, 4, 2, num_layers=2, dropout=0.25, bias=False, dtype=name, seed=0)
    model.metadata["note"] = "kept"
    packseq.save(model, tmp_path / "model")
    module = files.load(tmp_path / "model")
    assert module.head.weight.dtype == dtype
    files.save(module, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def without(name: str) -> nn.Module:
    module = Tagger()
    setattr(module, name, None)
    return module


def with_(**fields: Any) -> nn.Module:
    module = Tagger()
    for name, value in fields.items():
        setattr(module, name, value)
    return module


WRONG: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (Tagger(), {}, ValueError, "pooling is missing"),
    (Tagger(), {"pooling": "first"}, ValueError, "head is 'first', must be one of last, mean"),
    (Tagger(), {"pooling": "last", "classes": ["a"]}, ValueError, "classes has 1 names"),
    (without("rnn"), {"pooling": "last"}, TypeError, "module.rnn is NoneType, must be RNNBase"),
    (without("head"), {"pooling": "last"}, TypeError, "module.head is NoneType, must be Linear"),
    (with_(embedding=nn.Linear(2, 6)), {"pooling": "last"}, TypeError,
     "module.embedding is Linear, must be Embedding"),
    (with_(head=nn.Linear(9, 3)), {"pooling": "last"}, ValueError,
     "head.weight has shape (3, 9), must have (3, 8)"),
    (with_(head=nn.Linear(8, 3, bias=False)), {"pooling": "last"}, ValueError,
     "head.bias is missing"),
    (with_(other=nn.Linear(1, 1)), {"pooling": "last"}, ValueError,
     "'other.weight' is no parameter of this network"),
    (Tagger().half(), {"pooling": "last"}, TypeError, "module has float16, must be all float32"),
    (with_(head=nn.Linear(8, 3).double()), {"pooling": "last"}, TypeError,
     "module has float32, float64, must be all"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "options", "kind", "text"), WRONG)
def test_wrong_modules(
    tmp_path: pathlib.Path, module: Any, options: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        files.save(module, tmp_path / "model", **options)
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_no_model(tmp_path: pathlib.Path) -> None:
    (tmp_path / "model").write_bytes(b"nothing")
    with pytest.raises(FormatError, match=re.escape(f"{tmp_path / 'model'}: ")):
        files.load(tmp_path / "model")
