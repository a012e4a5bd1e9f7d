# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Recurrent networks as scikit-learn estimators, for data sets of sequences.

X is a list of arrays, [L] or [L, D] with any lengths, zero among them; or a PackedSequence; or an
array, [n, T] for n sequences of T scalars, [n, T, D] for n sequences of T rows. So whatever of
scikit-learn splits and chains data works: pipelines, cross-validation, grids. n_features_in_ is D,
what a sequence has at each step, and how many steps it has is free, in fit and afterwards. But a
table, X [n, T], is to scikit-learn one of T features: after a fit on one n_features_in_ is T, and
other tables must have T columns. Lists are free then too.

Training is deterministic: the same random_state gives the same weights, bit for bit, on any number
of threads, and a sequence's prediction does not depend on what else is predicted. NaN and infinity
are errors that name sequence, step and column. Ctrl-C stops a fit with KeyboardInterrupt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from packseq._checks import choice, integer, real
from packseq._core import Array, Layout
from packseq._fit import OPTIMISERS, SCHEDULES, fit_classes
from packseq._history import History
from packseq._regression import fit_squares, logits_of
from packseq._samples import Samples, read, write
from packseq.model import CELLS, HEADS, Model, is_text
from packseq.sequence import PackedSequence

__all__ = ["SequenceClassifier", "SequenceRegressor", "SequenceScaler"]

# Heads that have one target for a sequence.
_POOLING = tuple(name for name in HEADS if name != "token")

# The parameters of networks and what they may be: names, the least integer, the ends of a range.
_CHOICES = {"cell": tuple(CELLS), "head": _POOLING, "optim": OPTIMISERS, "schedule": SCHEDULES}
_LEAST = {
    "hidden_size": 1,
    "num_layers": 1,
    "proj_size": 0,
    "epochs": 1,
    "batch_size": 1,
    "warmup": 0,
    "patience": 1,
    "verbose": 0,
}
_RANGES = {
    "dropout": (0.0, 1.0),
    "lr": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
    "clip": (0.0, math.inf),
}


class _SequenceEstimator(BaseEstimator):  # type: ignore[misc]
    """What all estimators here do with X."""

    _last_set: str  # the attribute that a fit sets last, without which there was none

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _read_first(self, x: Any, dtypes: Sequence[Any]) -> Samples:
        """The sequences of x, whose form later ones must have."""
        samples = read(x, dtypes, self)
        self.__dict__.pop(self._last_set, None)  # a fit that is stopped leaves nothing half done
        self._fitted_on_table = len(samples.shape or ()) == 2
        self._n_columns = samples.sequences.rows.shape[1]
        if self._fitted_on_table:
            validate_data(self, x, skip_check_array=True)
        else:
            self.n_features_in_ = self._n_columns
            self.__dict__.pop("feature_names_in_", None)
        return samples

    def _read(self, x: Any, dtypes: Sequence[Any]) -> Samples:
        """The sequences of x, which have to fit those of the fit."""
        check_is_fitted(self, self._last_set)
        samples = read(x, dtypes, self, self._n_columns)
        if self._fitted_on_table and len(samples.shape or ()) == 2:
            validate_data(self, x, reset=False, skip_check_array=True)
        return samples


class _SequenceNetwork(_SequenceEstimator):
    """Parameters, fit and what the head says: the common part of classifier and regressor."""

    _last_set = "model_"

    def __init__(
        self,
        *,
        cell: str = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        proj_size: int = 0,
        bidirectional: bool = True,
        head: str = "mean",
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 32,
        optim: str = "adamw",
        lr: float = 4e-3,
        weight_decay: float = 0.01,
        schedule: str = "cosine",
        warmup: int = 100,
        clip: float = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        """Nothing is checked before fit.

        cell: rnn_tanh, rnn_relu, lstm or gru, of num_layers layers of hidden_size units, lstm with
        projections of proj_size if that is not 0. head: what of a sequence is looked at, the last
        layer's final states (last) or its outputs' mean or max. dropout: between layers and before
        the head. epochs passes over the data in batches of batch_size sequences. optim: sgd, adam
        or adamw, with lr, weight_decay and, if clip is not 0, gradients of at most that norm.
        schedule: constant, linear or cosine; lr rises over the first warmup steps, at most a tenth
        of all. early_stopping: a validation_fraction is not trained on, the fit stops after
        `patience` epochs that were not better on it, and the best epoch's weights are kept.
        random_state: of weights, order, dropout and validation. verbose: every so many epochs a
        line is printed.
        """
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.proj_size = proj_size
        self.bidirectional = bidirectional
        self.head = head
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.optim = optim
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.clip = clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    # ---- parameters

    def _check(self) -> None:
        params = self.get_params()
        for name, names in _CHOICES.items():
            choice(name, params[name], names)
        for name, least in _LEAST.items():
            integer(name, params[name], least)
        for name, ends in _RANGES.items():
            real(name, params[name], *ends)

    def _new_model(self, n_columns: int, n_outputs: int, seed: int) -> Model:
        return Model(
            self.cell,
            n_columns,
            self.hidden_size,
            n_outputs,
            head=self.head,
            head_dropout=self.dropout,
            num_layers=self.num_layers,
            dropout=self.dropout if self.num_layers > 1 else 0.0,
            bidirectional=self.bidirectional,
            proj_size=self.proj_size,
            seed=seed,
        )

    def _options(self, n_seq: int, seed: int) -> dict[str, Any]:
        n_steps = -(-n_seq // self.batch_size) * self.epochs
        return {
            "optim.kind": OPTIMISERS.index(self.optim),
            "optim.lr": self.lr,
            "optim.weight_decay": self.weight_decay,
            "schedule": SCHEDULES.index(self.schedule),
            # Of a short fit, a longer warm-up would leave nothing.
            "n_warmup": min(self.warmup, n_steps // 10),
            "n_epochs": self.epochs,
            "batch_size": self.batch_size,
            "clip": self.clip,
            "seed": seed,
        }

    # ---- fitting

    def _fit(
        self,
        fit_model: Callable[..., None],
        x: PackedSequence,
        targets: Array,
        n_outputs: int,
        strata: Array | None = None,
    ) -> None:
        self._check()
        random = check_random_state(self.random_state)
        seed = int(random.randint(2**31 - 1))
        train, valid = self._split(x, targets, strata, random)
        model = self._new_model(x.rows.shape[1], n_outputs, seed)
        weights = model.parameters.flat
        scored = isinstance(self, ClassifierMixin)
        history = History(weights, patience=self.patience, verbose=self.verbose, scored=scored)
        fit_model(model, train, valid, self._options(len(train[0]), seed), history)
        weights[:] = history.kept()
        self.n_iter_ = len(history.losses)
        self.loss_curve_ = history.losses
        self.validation_curve_ = history.validation_losses
        self.model_ = model

    def _split(self, x: PackedSequence, targets: Array, strata: Any, random: Any) -> Any:
        """Training and, for early stopping, validation samples, each with their targets."""
        if not self.early_stopping:
            return (x, targets), None
        index = train_test_split(
            np.arange(len(x)),
            test_size=self.validation_fraction,
            random_state=random,
            stratify=strata,
        )
        return tuple((x[i], targets[i]) for i in index)

    # ---- afterwards

    def _logits(self, x: Any) -> Array:
        sequences = self._read(x, [np.float32]).sequences
        return logits_of(self.model_, sequences)


class SequenceClassifier(ClassifierMixin, _SequenceNetwork):  # type: ignore[misc]
    """A class for each sequence: recurrent stack, pooling head, softmax cross-entropy.

    Fitted: classes_, model_ (a packseq.Model, for packseq.save and torch), n_features_in_, n_iter_
    (epochs), loss_curve_ and validation_curve_ (mean loss of each epoch, in nats).

    >>> x = [[1, 2], [3, 2, 1], [2, 4, 6, 8], [5, 3]]
    >>> SequenceClassifier(random_state=0).fit(x, ["up", "down", "up", "down"]).predict([[2, 3, 4]])
    array(['up'], dtype='<U4')
    """

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Trains on sequences and their classes [n], which may be any labels."""
        x = self._read_first(X, [np.float32]).sequences
        labels = column_or_1d(y, warn=True)
        check_consistent_length(x.lengths, labels)
        check_classification_targets(labels)
        self.classes_, classes = np.unique(labels, return_inverse=True)
        self._fit(fit_classes, x, classes.astype(np.int32), len(self.classes_), labels)
        if (
            self.classes_.dtype.kind == "U"
            and all(self.classes_)
            and all(map(is_text, self.classes_))
        ):
            self.model_.classes = self.classes_.tolist()
        return self

    def predict(self, X: Any) -> Array:  # noqa: N803
        """The likeliest class of each sequence, [n]."""
        best = self._logits(X).argmax(axis=1)
        predicted: Array = self.classes_[best]
        return predicted

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """[n, C], in the order of classes_, float32; rows sum to 1."""
        logits = self._logits(X)
        layout = Layout(np.full(len(logits), logits.shape[1]))
        return PackedSequence(logits.ravel(), layout).softmax().rows.reshape(logits.shape)


class SequenceRegressor(RegressorMixin, _SequenceNetwork):  # type: ignore[misc]
    """A number, or K numbers, for each sequence: recurrent stack, pooling head, least squares.

    Fitted: as SequenceClassifier, without classes_. Targets are standardised for the fit, and
    predictions scaled back; losses are of the standardised ones.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Trains on sequences and their targets, [n] or [n, K]."""
        x = self._read_first(X, [np.float32]).sequences
        targets = _real_targets(y)
        check_consistent_length(x.lengths, targets)
        self.target_mean_ = targets.mean(axis=0)
        self.target_scale_ = _scale_of(targets.std(axis=0))
        scaled = ((targets - self.target_mean_) / self.target_scale_).astype(np.float32)
        scaled = scaled.reshape(len(scaled), -1)
        self._fit(fit_squares, x, scaled, scaled.shape[1])
        return self

    def predict(self, X: Any) -> Array:  # noqa: N803
        """[n] or [n, K], as the targets were; float64."""
        outputs: Array = self._logits(X).astype(np.float64)
        outputs = outputs.reshape(len(outputs), *np.shape(self.target_mean_))
        outputs *= self.target_scale_
        outputs += self.target_mean_
        return outputs


class SequenceScaler(TransformerMixin, _SequenceEstimator):  # type: ignore[misc]
    """Standardises columns: each has mean 0 and variance 1 over all rows of all sequences.

    Columns that are constant are only centred; where there are no rows at all nothing is changed.
    What comes in as list, array or PackedSequence goes out as such.
    """

    _last_set = "scale_"

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Takes mean and variance of the columns, in float64."""
        rows = self._read_first(X, [np.float64, np.float32]).sequences.rows
        some = len(rows) > 0
        n = rows.shape[1]
        self.mean_ = rows.mean(axis=0, dtype=np.float64) if some and self.with_mean else np.zeros(n)
        deviation = rows.std(axis=0, dtype=np.float64) if some and self.with_std else np.ones(n)
        if some:  # rounding of the mean gives a constant column a deviation
            deviation[(rows == rows[0]).all(axis=0)] = 0
        self.scale_ = _scale_of(deviation)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """(x - mean) / scale, float32 where X is, else float64."""
        return self._map(X, lambda rows: (rows - self.mean_) / self.scale_)

    def inverse_transform(self, X: Any) -> Any:  # noqa: N803
        """x * scale + mean: the way back."""
        return self._map(X, lambda rows: rows * self.scale_ + self.mean_)

    def _map(self, x: Any, function: Callable[[Array], Array]) -> Any:
        samples = self._read(x, [np.float64, np.float32])
        rows = samples.sequences.rows
        return write(function(rows).astype(rows.dtype, copy=False), samples, x)


def _real_targets(y: Any) -> Array:
    """[n] or [n, K], float64."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    targets: Array = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    if targets.ndim not in (1, 2):
        raise ValueError(f"y has {targets.ndim} dimensions, must have 1 or 2")
    return targets


def _scale_of(deviation: Any) -> Any:
    """What to divide by: 1 where nothing varies."""
    return np.where(deviation > 0, deviation, 1.0)
