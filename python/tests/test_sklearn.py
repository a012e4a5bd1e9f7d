# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Estimators: scikit-learn's own checks, sequences of any length, the same bits every time."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

import packseq
from packseq.sklearn import SequenceClassifier, SequenceRegressor, SequenceScaler

# Why a check of scikit-learn does not hold. All but what is said here does: the same checks pass
# where lists are made arrays first, as test_expected_failures_are_about_lists_only shows.
EXPECTED_FAILURES = {
    SequenceClassifier: {
        "check_classifiers_train": (
            "fits on a list of lists and then wants a table of other width to be refused: lists "
            "are sequences of any lengths"
        ),
    },
    SequenceRegressor: {},
    SequenceScaler: {
        "check_transformer_data_not_an_array": (
            "wants an array for a list of lists: a list of sequences is transformed to a list"
        ),
    },
}

Fit = Callable[..., Any]


def data(n: int = 120, n_columns: int = 3, seed: int = 0) -> tuple[list[Any], Any, Any]:
    """Sequences, zero lengths among them, a class and a number for each: signs and sums."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 12, n)
    lengths[0] = 0
    x = [random.normal(size=(length, n_columns)) for length in lengths]
    sums = np.array([item[:, 0].sum() for item in x])
    return x, np.where(sums > 0, "up", "down"), sums


def quick(kind: type, **params: Any) -> Any:
    """Of a size that fits in no time."""
    return kind(**{"hidden_size": 8, "epochs": 8, "lr": 0.02, "random_state": 0} | params)


NETWORKS = [SequenceClassifier, SequenceRegressor]


def targets_of(kind: type, classes: Any, sums: Any) -> Any:
    return classes if kind is SequenceClassifier else sums


# ---- scikit-learn's checks


@parametrize_with_checks(
    [SequenceScaler(), SequenceClassifier(), SequenceRegressor()],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES[type(estimator)],
    xfail_strict=True,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def tables(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, list) else x


class ListsAreTables:
    """An estimator to which a list of lists is the array that scikit-learn makes of it."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        return super().fit(tables(X), y)  # type: ignore[misc]

    def transform(self, X: Any) -> Any:  # noqa: N803
        return super().transform(tables(X))  # type: ignore[misc]


class TableClassifier(ListsAreTables, SequenceClassifier):
    transform = property()  # type: ignore[assignment]


class TableScaler(ListsAreTables, SequenceScaler):
    pass


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [TableClassifier(), TableScaler()])
def test_expected_failures_are_about_lists_only(estimator: Any) -> None:
    check_estimator(estimator)


# ---- what is learnt


@pytest.mark.parametrize("head", ["last", "mean", "max"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_learns_sequences_of_any_length(kind: type, cell: str, head: str) -> None:
    x, classes, sums = data(200)
    estimator = quick(kind, cell=cell, head=head, hidden_size=16, epochs=30)
    y = targets_of(kind, classes, sums)
    assert estimator.fit(x[:150], y[:150]) is estimator
    assert estimator.score(x[150:], y[150:]) > 0.8
    assert len(estimator.loss_curve_) == estimator.n_iter_ == 30
    assert estimator.loss_curve_[-1] < 0.5 * estimator.loss_curve_[0]


@pytest.mark.parametrize("kind", NETWORKS)
def test_learns_with_all_options(kind: type) -> None:
    x, classes, sums = data(200)
    options = {
        "num_layers": 2,
        "proj_size": 6,
        "dropout": 0.1,
        "optim": "adam",
        "weight_decay": 0.0,
    }
    estimator = quick(kind, schedule="linear", epochs=20, **options)
    y = targets_of(kind, classes, sums)
    assert estimator.fit(x, y).score(x, y) > 0.8
    assert "rnn.weight_hr_l1_reverse" in estimator.model_.parameters


def test_probabilities_are_of_the_classes() -> None:
    x, classes, _ = data()
    estimator = quick(SequenceClassifier, epochs=20).fit(x, classes)
    probabilities = estimator.predict_proba(x)
    assert estimator.classes_.tolist() == ["down", "up"]
    assert probabilities.shape == (len(x), 2)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(estimator.classes_[probabilities.argmax(axis=1)], estimator.predict(x))
    assert log_loss(classes, probabilities) < 0.3


def test_regressor_takes_several_targets() -> None:
    x, _, sums = data(200)
    y = np.stack([sums, 100 - 5 * sums, np.full(len(sums), 7.0)], axis=1)
    estimator = quick(SequenceRegressor, epochs=30).fit(x, y)
    predicted = estimator.predict(x)
    assert predicted.shape == y.shape
    assert SequenceRegressor.score(estimator, x, y) > 0.6  # 0 for the constant
    assert_allclose(predicted[:, 2], 7, atol=1)
    assert quick(SequenceRegressor).fit(x, sums[:, None]).predict(x).shape == (200, 1)


def test_one_class_and_only_empty_sequences() -> None:
    x = [np.empty((0, 2))] * 5
    estimator = quick(SequenceClassifier).fit(x, ["a"] * 5)
    assert estimator.predict([[], np.ones((3, 2))]).tolist() == ["a", "a"]
    regressor = quick(SequenceRegressor, epochs=50).fit(x, [1.0, 2, 3, 4, 5])
    assert_allclose(regressor.predict([[]]), 3, atol=0.3)
    scaler = SequenceScaler().fit(x)
    assert (scaler.mean_.tolist(), scaler.scale_.tolist()) == ([0, 0], [1, 1])


# ---- the same again


@pytest.mark.parametrize("kind", NETWORKS)
def test_same_seed_same_bits_on_any_number_of_threads(kind: type) -> None:
    x, classes, sums = data()
    y = targets_of(kind, classes, sums)
    estimator = quick(kind, dropout=0.2, num_layers=2, hidden_size=40, epochs=3)
    estimator.set_params(early_stopping=True)
    weights = []
    for n_threads in (1, 2, 2):
        packseq.set_num_threads(n_threads)
        try:
            weights.append(clone(estimator).fit(x, y).model_.parameters.flat)
        finally:
            packseq.set_num_threads(0)
    assert_array_equal(weights[0], weights[1])
    assert_array_equal(weights[0], weights[2])
    other = clone(estimator).set_params(random_state=1).fit(x, y)
    assert not np.array_equal(weights[0], other.model_.parameters.flat)


@pytest.mark.parametrize("kind", NETWORKS)
def test_predictions_do_not_depend_on_the_others(kind: type) -> None:
    x, classes, sums = data()
    estimator = quick(kind).fit(x, targets_of(kind, classes, sums))
    predict = estimator.predict_proba if kind is SequenceClassifier else estimator.predict
    whole = predict(x)
    assert_array_equal(np.concatenate([predict([item]) for item in x]), whole)
    assert_array_equal(predict(x[::-1])[::-1], whole)
    assert_array_equal(predict(x * 5)[-len(x) :], whole)  # more than one batch of evaluation


@pytest.mark.parametrize("kind", NETWORKS)
def test_pickle_and_clone(kind: type) -> None:
    x, classes, sums = data()
    estimator = quick(kind).fit(x, targets_of(kind, classes, sums))
    again = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(again.predict(x), estimator.predict(x))
    again.set_params(hidden_size=3, cell="gru", head="last")  # for the next fit only
    assert_array_equal(again.predict(x), estimator.predict(x))
    fresh = clone(estimator)
    assert fresh.get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(x)


def test_forms_of_x_are_the_same_to_it() -> None:
    random = np.random.default_rng(0)
    array = random.normal(size=(40, 5, 2))
    y = array[:, :, 0].sum(axis=1)
    objects = np.empty(40, object)
    objects[:] = list(array)
    weights = [
        quick(SequenceRegressor).fit(x, y).model_.parameters.flat
        for x in (
            array,
            list(array),
            objects,
            array.tolist(),
            array.astype(np.float32),
            packseq.pack(array),
            packseq.from_packed(array.swapaxes(0, 1).reshape(-1, 2), [40] * 5),
        )
    ]
    for other in weights[1:]:
        assert_array_equal(weights[0], other)
    scalars = array[:, :, 0]
    tables = [scalars, list(scalars), scalars.tolist(), array[:, :, :1], np.asfortranarray(scalars)]
    weights = [quick(SequenceRegressor).fit(x, y).model_.parameters.flat for x in tables]
    for other in weights[1:]:
        assert_array_equal(weights[0], other)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("shape", [(4, 0, 2), (4, 3, 0)])
def test_arrays_without_elements_are_learnt_too(kind: type, shape: tuple[int, ...]) -> None:
    x = np.empty(shape)
    estimator = quick(kind, early_stopping=True, validation_fraction=0.5).fit(x, [0, 1, 0, 1])
    assert estimator.predict(x).shape == (4,)
    assert SequenceScaler().fit_transform(x).shape == shape


def test_tables_keep_their_width_and_lists_do_not() -> None:
    table = np.random.default_rng(0).normal(size=(20, 4))
    y = table.sum(axis=1)
    estimator = quick(SequenceRegressor).fit(table, y)
    assert estimator.n_features_in_ == 4
    with pytest.raises(ValueError, match="X has 3 features, but SequenceRegressor is expecting 4"):
        estimator.predict(table[:, :3])
    assert estimator.predict([row[:3] for row in table]).shape == (20,)
    estimator.fit(list(table), y)
    assert estimator.n_features_in_ == 1
    assert estimator.predict(table[:, :3]).shape == (20,)


# ---- what parameters do


@pytest.mark.parametrize("kind", NETWORKS)
def test_seed_is_of_the_order_too(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    x, classes, sums = data()
    y = targets_of(kind, classes, sums)
    new = kind._new_model
    monkeypatch.setattr(kind, "_new_model", lambda self, n, k, _: new(self, n, k, 0))
    first, second = (
        quick(kind, random_state=seed).fit(x, y).model_.parameters.flat for seed in (1, 2)
    )
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("kind", NETWORKS)
def test_warmup_is_at_most_a_tenth(kind: type) -> None:
    x, classes, sums = data()
    y = targets_of(kind, classes, sums)  # 4 batches, so 32 steps in 8 epochs
    weights = {n: quick(kind, warmup=n).fit(x, y).model_.parameters.flat for n in (0, 2, 3, 10**9)}
    assert_array_equal(weights[3], weights[10**9])
    assert not np.array_equal(weights[2], weights[3])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize("kind", NETWORKS)
def test_clip_bounds_the_gradient(kind: type) -> None:
    x, classes, sums = data(32)
    y = targets_of(kind, classes, sums)
    options = {"optim": "sgd", "lr": 1.0, "weight_decay": 0.0, "schedule": "constant", "epochs": 1}
    start = quick(kind, lr=0.0, weight_decay=0.0).fit(x, y).model_.parameters.flat
    after = quick(kind, clip=1e-3, **options).fit(x, y).model_.parameters.flat
    assert_allclose(np.linalg.norm(after - start), 1e-3, rtol=1e-2)


@pytest.mark.parametrize("kind", NETWORKS)
def test_dropout_is_between_layers_and_before_the_head(kind: type) -> None:
    x, classes, sums = data(10)
    y = targets_of(kind, classes, sums)
    model = quick(kind, dropout=0.25, num_layers=2).fit(x, y).model_
    assert (model.rnn.dropout, model.head_dropout) == (0.25, 0.25)
    model = quick(kind, dropout=0.25).fit(x, y).model_
    assert (model.rnn.dropout, model.head_dropout) == (0.0, 0.25)


def test_validation_has_some_of_every_class() -> None:
    x, _, _ = data(10)
    with pytest.raises(ValueError, match="The least populated class"):
        quick(SequenceClassifier, early_stopping=True, validation_fraction=0.5).fit(
            x, [0] * 9 + [1]
        )


# ---- with the rest of scikit-learn


@pytest.mark.parametrize("kind", NETWORKS)
def test_pipelines_grids_and_cross_validation(kind: type) -> None:
    x, classes, sums = data()
    x = [100 + 50 * item for item in x]
    y = targets_of(kind, classes, sums)
    pipeline = make_pipeline(SequenceScaler(), quick(kind, epochs=25))
    assert cross_val_score(pipeline, x, y, cv=3, error_score="raise").mean() > 0.7
    assert cross_val_predict(pipeline, x, y, cv=3).shape == (len(x),)
    name = pipeline.steps[1][0]
    grid = {f"{name}__hidden_size": np.array([1, 8]), f"{name}__cell": ["gru", "lstm"]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_[f"{name}__hidden_size"] == 8
    assert search.score(x, y) > 0.8


def test_grids_in_several_processes() -> None:
    x, classes, _ = data(60)
    search = GridSearchCV(quick(SequenceClassifier), {"cell": ["gru", "lstm"]}, cv=2, n_jobs=2)
    here = clone(search).set_params(n_jobs=None).fit(x, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib's, about resources of its own
        there = search.fit(x, classes)
    scores = "mean_test_score"
    assert_array_equal(there.cv_results_[scores], here.cv_results_[scores])


def test_scaler_makes_columns_standard() -> None:
    x, _, _ = data()
    x = [item * [1, 10, 0] + [0, 5, 3] for item in x]
    scaler = SequenceScaler()
    scaled = scaler.fit_transform(x)
    assert [item.shape for item in scaled] == [item.shape for item in x]
    rows = np.concatenate(scaled)
    assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    assert_allclose(rows.std(axis=0), [1, 1, 0], atol=1e-12)
    for item, back in zip(x, scaler.inverse_transform(scaled), strict=True):
        assert_allclose(back, item, atol=1e-12)
    assert scaler.transform([np.ones((2, 3), np.float32)])[0].dtype == np.float32
    assert scaler.transform([np.ones((2, 3), np.int8), []])[0].dtype == np.float64
    plain = SequenceScaler(with_mean=False, with_std=False).fit_transform(x)
    assert_array_equal(np.concatenate(plain), np.concatenate(x))


def test_batches_are_read_and_written_as_such() -> None:
    x, classes, sums = data(40)
    p = packseq.pack(x)
    for kind in NETWORKS:
        y = targets_of(kind, classes, sums)
        first, second = (quick(kind).fit(form, y) for form in (x, p))
        assert_array_equal(first.predict(p[3:9]), second.predict(x[3:9]))
    scaled = SequenceScaler().fit_transform(p)
    assert isinstance(scaled, packseq.PackedSequence)
    for one, other in zip(scaled, SequenceScaler().fit_transform(x), strict=True):
        assert_array_equal(one, other)
    scalars = SequenceScaler(with_std=False).fit_transform(packseq.pack([[1, 2], [], [3]]))
    assert scalars.equals(packseq.pack([[-1.0, 0.0], [], [1.0]]))
    pipeline = make_pipeline(SequenceScaler(), quick(SequenceClassifier, epochs=25))
    assert cross_val_score(pipeline, p, classes, cv=2, error_score="raise").mean() > 0.6


def test_models_go_to_files(tmp_path: Any) -> None:
    x, classes, _ = data(40)
    estimator = quick(SequenceClassifier).fit(x, classes)
    packseq.save(estimator.model_, tmp_path / "model.safetensors")
    model = packseq.load(tmp_path / "model.safetensors")
    assert model.classes == ("down", "up")
    assert_array_equal(estimator.classes_[model.predict(x)], estimator.predict(x))


def test_scaler_keeps_the_form_of_x() -> None:
    random = np.random.default_rng(0)
    table, array = random.normal(size=(6, 4)), random.normal(size=(6, 4, 2))
    scaled = SequenceScaler().fit_transform(table)
    assert_allclose(scaled, (table - table.mean()) / table.std())
    scaled = SequenceScaler().fit_transform(array)
    assert_allclose(scaled, (array - array.mean(axis=(0, 1))) / array.std(axis=(0, 1)))
    ragged = SequenceScaler(with_std=False).fit_transform([[1.0, 2.0], [], (3.0,)])
    assert [item.tolist() for item in ragged] == [[-1, 0], [], [1]]


# ---- the course of a fit


@pytest.mark.parametrize("kind", NETWORKS)
def test_early_stopping_keeps_the_best_epoch(kind: type) -> None:
    x, classes, sums = data()
    y = targets_of(kind, classes, sums)
    options = {"schedule": "constant", "warmup": 0, "early_stopping": True, "patience": 3}
    estimator = quick(kind, epochs=200, lr=0.05, validation_fraction=0.25, **options).fit(x, y)
    best = int(np.argmin(estimator.validation_curve_)) + 1
    assert estimator.n_iter_ == best + 3 < 200
    assert len(estimator.loss_curve_) == len(estimator.validation_curve_) == best + 3
    shorter = clone(estimator).set_params(epochs=best).fit(x, y)
    assert_array_equal(shorter.model_.parameters.flat, estimator.model_.parameters.flat)
    assert shorter.validation_curve_ == estimator.validation_curve_[:best]


def test_verbose_tells_of_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    x, classes, sums = data()
    quick(SequenceClassifier, epochs=5, verbose=2).fit(x, classes)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 2/5", "epoch 4/5", "epoch 5/5"]
    assert "accuracy" in lines[0]
    quick(SequenceRegressor, epochs=9, lr=0.5, verbose=1, early_stopping=True, patience=1).fit(
        x, sums
    )
    lines = capsys.readouterr().out.splitlines()
    assert ", validation loss " in lines[0]
    assert lines[-1].endswith("not better for 1 epochs")
    quick(SequenceRegressor).fit(x, sums)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", NETWORKS)
def test_ctrl_c_stops_a_fit(kind: type, capfd: pytest.CaptureFixture[str]) -> None:
    x, classes, sums = data()
    y = targets_of(kind, classes, sums)
    estimator = quick(kind).fit(x, y).set_params(epochs=10**6)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # xdist ignores it
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(x, y)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, handler)
    assert capfd.readouterr().err == ""
    with pytest.raises(NotFittedError):
        estimator.predict(x)
    assert estimator.set_params(epochs=1).fit(x, y).n_iter_ == 1


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_verbose_raises_comes_out_of_the_fit(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise BrokenPipeError("nobody reads")

    x, classes, sums = data()
    monkeypatch.setattr("builtins.print", broken)
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        quick(kind, verbose=1).fit(x, targets_of(kind, classes, sums))


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_loss_that_is_not_finite_is_named_with_its_step(kind: type) -> None:
    x, classes, sums = data()
    estimator = quick(kind, optim="sgd", lr=1e38, clip=0.0, warmup=0)
    with pytest.raises(ValueError, match=r"of step \d+ is .*, must be finite"):
        estimator.fit(x, targets_of(kind, classes, sums))


# ---- bad input

ROWS = np.ones((3, 2))


@pytest.mark.parametrize("estimator", [quick(SequenceClassifier), SequenceScaler()])
@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        ([ROWS, ROWS * [1, np.nan]], ValueError, r"X\[1\] has NaN at step 0, column 1"),
        (
            [[1.0, 2], [], [3, np.inf]],
            ValueError,
            r"X\[2\] has infinity or a value too large .* 1,",
        ),
        (np.full((2, 3, 1), np.nan), ValueError, r"X\[0\] has NaN at step 0, column 0"),
        ([ROWS, np.ones((2, 3))], ValueError, r"X\[1\] has rows of 3 values, X\[0\] has rows of 2"),
        ([ROWS, np.ones(2)], ValueError, r"X\[1\] has rows of 1 values, X\[0\] has rows of 2"),
        ([ROWS, 3.0], ValueError, r"X\[1\] has 0 dimensions, must have 1 or 2"),
        ([1.0, 2.0], ValueError, r"X\[0\] has 0 dimensions, must have 1 or 2"),
        ([ROWS[None], ROWS], ValueError, r"X\[0\] has 3 dimensions, must have 1 or 2"),
        (["ab", "c"], ValueError, r"X\[0\] has 0 dimensions, must have 1 or 2"),
        ([["a"], ["b"]], TypeError, r"X\[0\] has dtype <U1, must be real numbers"),
        ([[1.0, None], [2.0]], TypeError, r"X\[0\] has dtype object, must be real numbers"),
        ([ROWS, ROWS * 1j], ValueError, r"Complex data not supported: X\[1\] has dtype complex128"),
        ([], ValueError, r"X has 0 sequences, Sequence\w+ needs at least 1"),
        (np.empty((0, 3, 2)), ValueError, r"Found array with 0 sample\(s\)"),
        (np.ones((2, 3, 4, 5)), ValueError, "X has 4 dimensions, must have 2 or 3"),
        (np.ones(3), ValueError, "Expected 2D array, got 1D array instead"),
        (None, ValueError, "Expected 2D array, got scalar array instead"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_x_refused(estimator: Any, x: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        clone(estimator).fit(x, [0, 1])


def test_what_float32_cannot_hold_is_refused_by_networks_only() -> None:
    x = [ROWS, ROWS * 1e100]
    with pytest.raises(ValueError, match=r"X\[1\] has infinity or a value too large for float32"):
        quick(SequenceClassifier).fit(x, [0, 1])
    assert np.isfinite(SequenceScaler().fit_transform(x)[1]).all()


def test_x_of_another_width_is_refused_later() -> None:
    estimator = quick(SequenceClassifier).fit([ROWS, ROWS], [0, 1])
    with pytest.raises(
        ValueError, match="X has rows of 1 values, but SequenceClassifier was fitted"
    ):
        estimator.predict([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"X\[0\] has NaN at step 2, column 1"):
        estimator.predict([np.array([[1.0, 2], [3, 4], [5, np.nan]])])


@pytest.mark.parametrize(
    ("kind", "y", "text"),
    [
        (SequenceClassifier, [0, 1, 1], "inconsistent numbers of samples"),
        (SequenceClassifier, [0.5, 1.2], "Unknown label type: continuous"),
        (SequenceClassifier, [[0, 1], [1, 0]], "y should be a 1d array"),
        (SequenceRegressor, [0, 1, 1], "inconsistent numbers of samples"),
        (SequenceRegressor, [0, np.nan], "Input y contains NaN"),
        (SequenceRegressor, np.ones((2, 1, 1)), "Found array with dim 3"),
        (SequenceRegressor, None, "requires y to be passed, but the target y is None"),
    ],
)
def test_y_refused(kind: type, y: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        quick(kind).fit([ROWS, ROWS], y)


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        (
            {"cell": "LSTM"},
            ValueError,
            "cell is 'LSTM', must be one of rnn_tanh, rnn_relu, lstm, g",
        ),
        ({"cell": 2}, TypeError, "cell is 2, must be a string"),
        ({"head": "token"}, ValueError, "head is 'token', must be one of last, mean, max"),
        ({"optim": "lion"}, ValueError, "optim is 'lion', must be one of sgd, adam, adamw"),
        ({"schedule": "step"}, ValueError, "must be one of constant, linear, cosine"),
        ({"hidden_size": 0}, ValueError, "hidden_size is 0, must be at least 1"),
        ({"hidden_size": 8.0}, TypeError, "hidden_size is 8.0, must be an integer"),
        ({"hidden_size": 2**62}, MemoryError, "overflow"),
        ({"num_layers": 0}, ValueError, "num_layers is 0, must be at least 1"),
        ({"proj_size": 8}, ValueError, "proj_size is 8"),
        ({"epochs": 0}, ValueError, "epochs is 0, must be at least 1"),
        ({"batch_size": 2**64}, ValueError, f"batch_size is {2**64}, must be at most"),
        ({"patience": 0}, ValueError, "patience is 0, must be at least 1"),
        ({"warmup": -1}, ValueError, "warmup is -1, must be at least 0"),
        ({"verbose": None}, TypeError, "verbose is None, must be an integer"),
        ({"dropout": 1.5}, ValueError, "dropout is 1.5, must be from 0 to 1"),
        ({"dropout": "0"}, TypeError, "dropout is '0', must be a number from 0 to 1"),
        ({"lr": -1}, ValueError, "lr is -1, must be at least 0 and finite"),
        ({"lr": float("nan")}, ValueError, "lr is nan, must be at least 0"),
        ({"clip": float("inf")}, ValueError, "clip is inf, must be at least 0"),
        ({"random_state": "x"}, ValueError, "'x' cannot be used to seed"),
        ({"early_stopping": True, "validation_fraction": 0.9}, ValueError, "train_size"),
    ],
)
@pytest.mark.parametrize("kind", NETWORKS)
def test_params_refused(
    kind: type, params: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        quick(kind, **params).fit([ROWS, ROWS, ROWS], [0, 1, 1])


def test_scaler_only_centres_a_constant_column() -> None:
    scaler = SequenceScaler().fit([np.full((7, 1), 0.1)] * 3)  # whose mean is not quite 0.1
    assert scaler.scale_.tolist() == [1]
    assert_allclose(scaler.transform([[[0.2]]])[0], [[0.1]], rtol=1e-6)
