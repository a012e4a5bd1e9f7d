# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Models and their files: the command's files, the same bytes back, files from strangers."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import packseq
import packseq.files
from packseq import FormatError, Model

ROOT = pathlib.Path(__file__).parents[2]
WORDS = ["zeesterren", "niebieski", "a", "quixotic", "ñandú", "łódź"]


# The command: the wheel's, or the build's.
PLACES = [pathlib.Path(sys.executable).parent, ROOT / "build"]
COMMAND = next(
    (found for folder in PLACES if (found := shutil.which("packseq", path=folder))), None
)
needs_command = pytest.mark.skipif(COMMAND is None, reason="the command is not built")

# Every cell, with and without the rest, through the command's options and as Python's arguments.
OPTIONS: list[tuple[list[str], dict[str, Any]]] = [
    (
        ["--cell", "rnn", "--head", "last"],
        {"cell": "rnn_tanh", "head": "last", "bidirectional": True},
    ),
    (
        ["--cell", "gru", "--layers", "2", "--head", "max", "--no-bidirectional"],
        {"cell": "gru", "head": "max", "num_layers": 2, "dropout": 0.4},
    ),
    (
        ["--cell", "lstm", "--proj", "5", "--head", "mean"],
        {"cell": "lstm", "head": "mean", "proj_size": 5, "bidirectional": True},
    ),
]


def command(*args: object) -> str:
    assert COMMAND is not None
    done = subprocess.run(
        [COMMAND, *map(str, args)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], pathlib.Path]:
    """The file of a model that the command trained with OPTIONS[i]."""
    folder = tmp_path_factory.mktemp("trained")

    def train(i: int) -> pathlib.Path:
        path = folder / f"{i}.safetensors"
        if not path.exists():
            options = ["-q", "-n", 1, "--hidden", 8, "--embed", 6, *OPTIONS[i][0], "-o", path]
            command("train", *options)
        return path

    return train


def small(**options: Any) -> Model:
    arguments: dict[str, Any] = {"seed": 0, "vocab_size": 256, "head": "mean"} | options
    return Model("lstm", 3, 4, 2, **arguments)


# ---- with the command


@needs_command
@pytest.mark.parametrize("i", range(len(OPTIONS)))
def test_a_trained_model_predicts_what_the_command_does(trained: Any, i: int) -> None:
    model = packseq.load(trained(i))
    assert model.classes == ("english", "dutch", "spanish", "polish")
    lines = command("run", trained(i), "--json", "--top", 4, *WORDS).splitlines()
    wanted = [json.loads(line) for line in lines]
    for found, line in zip(model.probabilities(WORDS), wanted, strict=True):
        # The command prints nine digits.
        top = {guess["class"]: guess["probability"] for guess in line["top"]}
        assert {n: float(f"{p:.9g}") for n, p in zip(model.classes, found, strict=True)} == top
    named = [model.classes[k] for k in model.predict(WORDS)]
    assert named == [line["class"] for line in wanted]


@needs_command
@pytest.mark.parametrize("i", range(len(OPTIONS)))
def test_saving_gives_the_commands_bytes(trained: Any, tmp_path: pathlib.Path, i: int) -> None:
    model = packseq.load(trained(i))
    packseq.save(model, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == trained(i).read_bytes()
    options = {"dropout": 0.0, "head_dropout": 0.4, "vocab_size": 256} | OPTIONS[i][1]
    made = Model(input_size=6, hidden_size=8, n_classes=4, classes=model.classes, **options)
    made.parameters.load(model.parameters)
    packseq.save(made, tmp_path / "made")
    assert (tmp_path / "made").read_bytes() == trained(i).read_bytes()


@pytest.mark.parametrize(
    ("options", "bytes_too"), [({}, True), ({"head": "token"}, False), ({"vocab_size": 9}, False)]
)
def test_what_says_that_tokens_are_bytes(
    tmp_path: pathlib.Path, options: dict[str, Any], bytes_too: bool
) -> None:
    header, _ = parts(small(classes=["a", "b"], **options), tmp_path)
    assert header["__metadata__"].get("cli.input") == ("bytes" if bytes_too else None)
    header, _ = parts(small(**options), tmp_path)
    assert not [key for key in header["__metadata__"] if key.startswith("cli.")]


@needs_command
def test_the_command_evaluates_a_model_of_python(tmp_path: pathlib.Path) -> None:
    model = small(classes=["yes", "no"], bidirectional=True)
    packseq.save(model, tmp_path / "model")
    lines = {"yes": ["aye", "sure", "y"], "no": ["nay", "never", "n", "no"]}
    for name, words in lines.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"{w}\n" for w in words))
    files = [tmp_path / f"{name}.txt" for name in lines]
    wanted = json.loads(command("eval", "--all", "--json", tmp_path / "model", *files))
    score = model.evaluate(lines["yes"] + lines["no"], [0] * 3 + [1] * 4)
    assert score.n == wanted["sequences"]
    assert score.n_correct / score.n == pytest.approx(wanted["accuracy"], rel=1e-8)
    assert score.loss == pytest.approx(wanted["loss"], rel=1e-8)


# ---- round trips


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"classes": ["a", 'quote " and \\', "ñ"], "n_classes": 3},
        {"cell": "rnn_relu", "vocab_size": 0, "head": "token", "bias": False},
        {"cell": "gru", "dtype": np.float64, "num_layers": 12, "dropout": 1 / 3},
        {"vocab_size": 0, "input_size": 0, "head_dropout": 0.1, "proj_size": 2},
    ],
)
def test_round_trips(tmp_path: pathlib.Path, options: dict[str, Any]) -> None:
    sizes = {"cell": "lstm", "input_size": 3, "hidden_size": 4, "n_classes": 2, "vocab_size": 9}
    model = Model(**(sizes | options), seed=1)
    model.metadata = {"note": "line\none \u2028", "format": "pt"}
    packseq.save(model, tmp_path / "model")
    for other in (packseq.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert repr(other) == repr(model)
        assert other.pairs() == model.pairs()
        assert other.classes == model.classes
        assert other.metadata == model.metadata
        assert_array_equal(other.parameters.flat, model.parameters.flat)
    before = (tmp_path / "model").read_bytes()
    packseq.save(packseq.load(str(tmp_path / "model")), tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_others_read_what_is_written(tmp_path: pathlib.Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    model = small()
    packseq.save(model, tmp_path / "model")
    tensors = numpy.load_file(tmp_path / "model")
    assert sorted(tensors) == sorted(model.parameters)
    for name, array in model.parameters.items():
        assert_array_equal(tensors[name], array)
    # And the package's own files are read, in whatever order it writes.
    numpy.save_file(tensors, tmp_path / "theirs", metadata=model.pairs() | {"format": "np"})
    assert_array_equal(packseq.load(tmp_path / "theirs").parameters.flat, model.parameters.flat)


def test_the_mode_is_the_umasks(tmp_path: pathlib.Path) -> None:
    packseq.save(small(), tmp_path / "model")
    (tmp_path / "plain").touch()
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode


# ---- a model


def test_a_model_is_its_parts() -> None:
    model = Model("gru", 3, 4, 5, num_layers=2, bidirectional=True, vocab_size=7, seed=0)
    tokens = packseq.pack([[1, 6, 3], [0], []])
    table = model.parameters["embedding.weight"]
    rnn = model.rnn
    assert repr(rnn) == "GRU(3, 4, num_layers=2, bidirectional=True)"
    out = rnn.forward(tokens, table=table)
    last = np.concatenate([out.h[2], out.h[3]], axis=1)
    logits = last @ model.parameters["head.weight"].T + model.parameters["head.bias"]
    assert_allclose(model.logits(tokens), logits, rtol=1e-5, atol=1e-6)
    assert_array_equal(model.predict(tokens), model.logits(tokens).argmax(axis=1))
    rnn.parameters["bias_ih_l0"] = np.ones(12)
    assert_array_equal(model.parameters["rnn.bias_ih_l0"], np.ones(12))


def test_a_head_for_tokens_keeps_the_form() -> None:
    model = Model("lstm", 2, 4, 3, head="token", seed=0)
    p = packseq.pack([np.ones((3, 2)), np.zeros((0, 2)), np.ones((1, 2))])
    packed = packseq.PackedSequence(p.data, p.layout, "packed")
    logits = model.logits(p)
    assert logits.rows.shape == (4, 3)
    assert_array_equal(logits.lengths, [3, 0, 1])
    assert model.logits(packed).equals(logits)
    assert_allclose(model.probabilities(p).rows.sum(axis=1), 1)
    targets = packseq.pack([[0, 1, -1], [], [2]])
    score = model.evaluate(p, targets)
    assert score == model.evaluate(p, [0, 1, -1, 2])
    chosen = model.probabilities(p).rows[[0, 1, 3], [0, 1, 2]]
    assert score.n == 3
    assert score.loss == pytest.approx(-np.log(chosen).mean(), rel=1e-5)


@pytest.mark.parametrize("head", ["last", "mean", "max", "token"])
def test_gradients_of_a_model_agree_with_differences(head: str) -> None:
    model = Model("lstm", 2, 3, 3, vocab_size=5, head=head, seed=0, dtype=np.float64)
    x = packseq.pack([[1, 4, 2], [0, 0]])
    targets = [0, 2, 1, -1, 2] if head == "token" else [2, 1]
    score, grads = model.gradient(x, targets)
    assert score == model.evaluate(x, targets)
    flat = model.parameters.flat
    for i in range(0, flat.size, 3):
        kept = flat[i]
        losses = []
        for step in (1e-6, -1e-6):
            flat[i] = kept + step
            losses.append(model.evaluate(x, targets).loss)
        flat[i] = kept
        assert_allclose(grads.flat[i], (losses[0] - losses[1]) / 2e-6, rtol=1e-5, atol=1e-8)
    _, twice = model.gradient(x, targets, into=grads)
    assert twice is grads


def test_models_of_nothing() -> None:
    model = small()
    assert model.logits([]).shape == (0, 2)
    assert model.probabilities([]).shape == (0, 2)
    assert model.predict([]).shape == (0,)
    assert model.evaluate([], []).n == 0
    assert np.isfinite(model.logits([""])).all()


WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: small(head="first"), ValueError, "head is 'first', must be one of last, mean, max"),
    (lambda: Model("tanh", 3, 4, 2), ValueError, "cell is 'tanh', must be one of rnn_tanh"),
    (lambda: Model("gru", 3, 4, 0), ValueError, "n_classes is 0, must be"),
    (lambda: Model("gru", 3, 4, 2, proj_size=2), ValueError, "proj_size is 2"),
    (lambda: small(num_layers=0), ValueError, "num_layers is 0, must be at least 1"),
    (lambda: small(head_dropout=2), ValueError, "head_dropout is 2, must be from 0 to 1"),
    (lambda: small(classes=["a"]), ValueError, "classes has 1 names, n_classes is 2"),
    (lambda: small(classes=["a", "a"]), ValueError, "classes[1] is 'a', as classes[0]"),
    (lambda: small(classes=["a", ""]), ValueError, "classes[1] is '', must be printable"),
    (lambda: small(classes=["a", "b\u202e"]), ValueError, "classes[1] is 'b\\u202e', must be"),
    (lambda: small(classes=["a", "\ud800"]), ValueError, "classes[1] is '\\ud800', must be"),
    (lambda: small(classes=["a", 1]), TypeError, "classes[1] is int, must be a string"),
    (lambda: small(vocab_size=5).logits([[5]]), ValueError, "tokens[0] is 5, must be 0 to 4"),
    (lambda: small().logits([[[1]]]), ValueError, "x has rows of shape (1,), tokens are single"),
    (lambda: small(classes="ab"), TypeError, "classes is 'ab', must be a list of strings"),
    (lambda: small().predict("ab"), TypeError, "x is str, must be a list of sequences"),
    (lambda: small().logits([[0.5]]), TypeError, "x has dtype float64, must be integers"),
    (lambda: small(vocab_size=0).logits([[[1, 2]]]), ValueError, "x has rows of shape (2,), input"),
    (lambda: small().evaluate(["a"], [0, 1]), ValueError, "targets has shape (2,), must have (1,)"),
    (lambda: small().evaluate(["a"], [2]), ValueError, "targets[0] is 2, must be -1 to 1"),
    (lambda: small().evaluate(["a"], [0.5]), TypeError, "targets has dtype float64"),
    (lambda: small().gradient(["a"], [0], seed=-1), ValueError, "seed is -1, must be from 0"),
    (lambda: small().gradient(["a"], [0], into={}), TypeError, "into is dict"),  # type: ignore
    (lambda: packseq.save({}, "model"), TypeError, "model is dict, must be a packseq.Model"),  # type: ignore
]  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "text"), WRONG)
def test_wrong_models(make: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        make()


@pytest.mark.parametrize(
    ("key", "value", "kind", "text"),
    [
        ("packseq.cell", "gru", ValueError, "metadata['packseq.cell'] is the model's own"),
        ("cli.classes", "[]", ValueError, "metadata['cli.classes'] is the model's own"),
        ("a\n", "", ValueError, "metadata has the key 'a\\n', must be short and printable"),
        ("k" * 1025, "", ValueError, "must be short and printable"),
        ("k", "a\x00", ValueError, "metadata['k'] has a NUL or a half of a character"),
        ("k", "\udfff", ValueError, "metadata['k'] has a NUL or a half of a character"),
        ("k", "a" * 5000, ValueError, "metadata make a header of 5880 bytes, at most 5000 fit"),
        ("k", 1, TypeError, "metadata['k'] is 1, must be a string"),
    ],
)
def test_wrong_metadata(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    value: Any,
    kind: type[Exception],
    text: str,
) -> None:
    monkeypatch.setattr(packseq.files, "_MAX_HEADER", 5000)
    model = small()
    model.metadata[key] = value
    with pytest.raises(kind, match=re.escape(text)):
        packseq.save(model, tmp_path / "model")
    assert os.listdir(tmp_path) == []


# ---- files from strangers


def write(path: pathlib.Path, header: object, data: bytes = b"") -> pathlib.Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def parts(model: Model, tmp_path: pathlib.Path) -> tuple[dict[str, Any], bytes]:
    """The header and the data of a model's file."""
    packseq.save(model, tmp_path / "good")
    whole = (tmp_path / "good").read_bytes()
    size = int.from_bytes(whole[:8], "little")
    return json.loads(whole[8 : 8 + size]), whole[8 + size :]


def changed_metadata(**pairs: str | None) -> Any:
    def change(header: dict[str, Any]) -> None:
        for key, value in pairs.items():
            name = key.replace("_", ".", 1)
            if value is None:
                del header["__metadata__"][name]
            else:
                header["__metadata__"][name] = value

    return change


def renamed_tensor(old: str, new: str) -> Any:
    def change(header: dict[str, Any]) -> None:
        header[new] = header.pop(old)

    return change


def changed_tensor(name: str, **fields: object) -> Any:
    def change(header: dict[str, Any]) -> None:
        header[name].update(fields)

    return change


def without_metadata(header: dict[str, Any]) -> None:
    del header["__metadata__"]


STRANGE: list[tuple[Any, str]] = [
    (without_metadata, "packseq.format is missing"),
    (changed_metadata(packseq_cell=None), "packseq.cell is missing"),
    (changed_metadata(packseq_cell="gru2"), 'packseq.cell is "gru2", must be'),
    (changed_metadata(packseq_format="2"), 'packseq.format is "2", must be 1'),
    (changed_metadata(packseq_colour="red"), '"packseq.colour" is no key of a model'),
    (changed_metadata(packseq_hidden_size="-4"), 'packseq.hidden_size is "-4", must be a whole'),
    (changed_metadata(packseq_dropout="2"), "must be a number from 0 to 1"),
    (
        changed_metadata(packseq_hidden_size="5"),
        "head.weight is [2][4], must be [2][5]",
    ),
    (changed_metadata(packseq_hidden_size="0"), "hidden_size is 0, must be at least 1"),
    (changed_metadata(packseq_hidden_size=str(2**61)), "hidden_size"),
    (changed_metadata(packseq_vocab_size=str(2**31 - 1)), "embedding.weight is [256][3], must be"),
    (
        changed_metadata(packseq_n_layers=str(2**40)),
        "packseq.n_layers is 1099511627776, 7 tensors are there",
    ),
    (changed_metadata(packseq_n_layers="2"), "rnn.weight_ih_l1 is missing"),
    (changed_metadata(packseq_cell="gru"), "must be [12]"),
    (changed_metadata(packseq_dtype="F64"), "is F32, must be F64"),
    (changed_metadata(cli_classes="{"), "cli.classes is '{', must be a JSON array"),
    (changed_metadata(cli_classes="[" * 10**5), "cli.classes is '[[[["),
    (changed_metadata(cli_classes='["a"]'), "cli.classes: classes has 1 names, n_classes is 2"),
    (changed_metadata(cli_classes='["a", 1]'), "cli.classes: classes[1] is int"),
    (renamed_tensor("head.bias", "head.b"), '"head.b" is no parameter of this model'),
    (changed_tensor("head.weight", shape=[4, 2]), "head.weight is [4][2], must be [2][4]"),
    (changed_tensor("head.weight", shape=[8]), "head.weight is [8], must be [2][4]"),
    (changed_tensor("head.weight", shape=[1] * 8 + [8]), "head.weight has 9 dimensions"),
    (changed_tensor("head.weight", dtype="I32"), "head.weight is I32, must be F32"),
    (
        changed_tensor("head.weight", dtype="F8_E4M3", shape=[32]),
        "head.weight is of an unknown dtype, must be F32",
    ),
    (changed_metadata(note="a\0b"), "metadata 'note' has a NUL"),
    (
        lambda header: header.update(
            more={"dtype": "F32", "shape": [0, 2**64 - 1], "data_offsets": [0, 0]}
        ),
        "more",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "text"), STRANGE)
def test_files_that_are_no_model(tmp_path: pathlib.Path, change: Any, text: str) -> None:
    pytest.importorskip("safetensors")
    header, data = parts(small(), tmp_path)
    change(header)
    path = write(tmp_path / "bad", header, data)
    with pytest.raises(FormatError, match=re.escape(text)) as error:
        packseq.load(path)
    assert str(error.value).startswith(f"{path}: ")


def test_files_that_are_no_safetensors(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors")
    _, data = parts(small(), tmp_path)
    whole = (tmp_path / "good").read_bytes()
    bad = tmp_path / "bad"
    contents = [whole[:cut] for cut in (0, 4, 8, 9, 100, len(whole) // 2, len(whole) - 1)]
    contents += [
        whole + b"\x00",
        (2**63).to_bytes(8, "little") + whole[8:],
        (5).to_bytes(8, "little") + b"[[[[[",
        (10**5).to_bytes(8, "little") + b"[" * 10**5,
    ]
    for content in contents:
        bad.write_bytes(content)
        with pytest.raises(FormatError, match=re.escape(f"{bad}: ")):
            packseq.load(bad)
    rng = np.random.default_rng(0)
    size = len(whole) - len(data)
    for _ in range(300):
        mutant = bytearray(whole)
        for i in rng.integers(0, size, rng.integers(1, 4)):
            mutant[i] = rng.integers(0, 256)
        bad.write_bytes(mutant)
        with contextlib.suppress(FormatError):
            packseq.load(bad)


def test_what_the_system_refuses(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors")
    with pytest.raises(FileNotFoundError, match="nothing"):
        packseq.load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        packseq.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is no regular file"):
        packseq.load(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError, match="nothing"):
        packseq.save(small(), tmp_path / "nothing" / "model")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="folder"):
        packseq.save(small(), tmp_path / "folder")
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_without_the_package_of_the_format(tmp_path: pathlib.Path) -> None:
    packseq.save(small(), tmp_path / "model")
    code = """
import sys
sys.modules["safetensors"] = None
import packseq
try:
    packseq.load(sys.argv[1])
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("reading model files needs the package safetensors")
