# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What RNN, LSTM and GRU share: how a call becomes one of the C library, or of torch's.

The modules stand on torch.nn.RNNBase, since torch.compile refuses to look into subclasses of
torch.nn.LSTM and so on. What is not exactly what the C library serves (a dtype, a device, a mode, a
shape that does not fit) goes to the forward method of torch's class, which serves it or says what
is wrong with it. Only a PackedSequence is checked before, because torch trusts its fields, and
sequences of length 0 are kept from torch, which has none. float64 is served too: by kernels for
which no bits are promised.

Weights are packed on every call: a change through `.data` or a NumPy view leaves no trace.
freeze() in modules.py is the promise that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.nn import RNNBase
from torch.nn.utils.rnn import PackedSequence

from packseq import _core
from packseq.torch import compiled, fallback, functions, native
from packseq.torch.check import PLAIN, compiled_as, has_storage, lengths_of
from packseq.torch.gather import PACKED, Place, check_rows, padded
from packseq.torch.native import DTYPES, Network, Spec, Weights, is_plain

# An attribute of an instance, a dict of panels: the module is frozen.
FROZEN = "_packseq_frozen"

States = tuple[Tensor | None, Tensor | None]


class Recurrent(RNNBase):
    """A module of torch.nn on the C library; modules.py has one for each cell."""

    # The class whose contract a module has.
    torch_class: ClassVar[type[RNNBase]]

    @compiled_as(compiled.forward)
    def forward(self, input: Any, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """The outputs of the last layer and the last states, as those of torch's class.

        input: a PackedSequence of rows [N, I]; or padded, [T, B, I], [B, T, I] if batch_first; or
        one sequence, [T, I]. hx: h_0 [L*D, B, R], for LSTM (h_0, c_0), None for zeros.
        lengths: of the B sequences of a padded input, integers of any kind and on any device, 0 to
        T; the output then keeps T steps and is 0 from a sequence's end on, and the states are
        those at the end. Raises what torch's class raises; TypeError, ValueError: lengths that are
        no integers, do not fit the input, or come with a PackedSequence or a single sequence.
        """
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise TypeError("lengths is for padded input, a PackedSequence has its own")
            return self._forward_packed(input, hx)
        if lengths is not None:
            return self._forward_ragged(input, hx, lengths)
        return self._forward_padded(input, hx)

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[Any, Any]:
        layout = native.layout_of_packed(input)
        rows = input.data
        result = self._run(layout, PACKED, rows, self._split(hx))
        if result is None:
            self.check_input(rows, input.batch_sizes)
            states = self._states_for_torch(hx, layout.n_sequences, rows)
            if layout.max_length and int(input.batch_sizes[0]) == layout.n_sequences:
                return self._torch_forward(input, hx)
            result = self._run_on_torch(layout, PACKED, rows, states)
        y, *hidden = result
        return PackedSequence._make((y, *input[1:])), self._join(hidden)

    def _forward_ragged(self, input: Tensor, hx: Any, lengths: Any) -> tuple[Any, Any]:
        if not isinstance(input, Tensor):
            raise TypeError(f"input is {type(input).__name__}, must be a tensor")
        if input.dim() != 3:
            raise ValueError(f"lengths is for input of 3 dimensions, got {input.dim()}")
        n_steps, n_sequences = self._extents(input)
        array = lengths_of(lengths, n_sequences, "the input")
        if array.size and array.max() > n_steps:
            b = int(array.argmax())
            raise ValueError(f"lengths[{b}] is {array[b]}, the input has {n_steps} steps")
        layout = native.layout_of_lengths(array)
        place = padded(self.batch_first, n_steps)
        result = self._run(layout, place, input, self._split(hx))
        if result is None:
            self.check_input(input, None)
            states = self._states_for_torch(hx, n_sequences, input)
            result = self._run_on_torch(layout, place, input, states)
        y, *hidden = result
        return y, self._join(hidden)

    def _forward_padded(self, input: Tensor, hx: Any) -> tuple[Any, Any]:
        if not isinstance(input, Tensor) or input.dim() not in (2, 3) or input.is_nested:
            return self._torch_forward(input, hx)
        states = self._split(hx)
        x, alone = input, input.dim() == 2
        if alone:
            x = input.unsqueeze(0 if self.batch_first else 1)
            states = states and (_unsqueeze(states[0]), _unsqueeze(states[1]))
        n_steps, n_sequences = self._extents(x)
        if n_steps == 0:
            return self._torch_forward(input, hx)
        layout = native.layout_of_equal(n_sequences, n_steps)
        result = self._run(layout, padded(self.batch_first, n_steps), x, states)
        if result is None:
            return self._torch_forward(input, hx)
        y, *hidden = result
        if alone:
            y = y.squeeze(0 if self.batch_first else 1)
            hidden = [h.squeeze(1) for h in hidden]
        return y, self._join(hidden)

    def _extents(self, x: Tensor) -> tuple[int, int]:
        """T and B of a padded input."""
        return (x.shape[1], x.shape[0]) if self.batch_first else (x.shape[0], x.shape[1])

    # -- states

    def _split(self, hx: Any) -> States | None:
        """h_0 and c_0; None where hx is of another kind."""
        if hx is None:
            return None, None
        return (hx, None) if isinstance(hx, Tensor) else None

    def _join(self, hidden: Sequence[Tensor]) -> Any:
        """The last states as torch's class gives them."""
        return hidden[0]

    def _states_for_torch(self, hx: Any, n_sequences: int, like: Tensor) -> list[Tensor]:
        """All states, of the right shapes, or torch's error about them."""
        states = self._split(hx)
        if states is None:
            raise TypeError(f"hx is {type(hx).__name__}, must be as torch.nn.{self.mode} has it")
        spec = self._spec(like.dtype)
        n_states = spec.num_layers * spec.n_directions
        sizes = [spec.state_size, spec.hidden_size][: 1 + (self.mode == "LSTM")]
        checked = []
        for i, (state, size) in enumerate(zip(states, sizes, strict=False)):
            shape = (n_states, n_sequences, size)
            if state is None:
                state = like.new_zeros(shape)
            name = f"hidden[{i}]" if self.mode == "LSTM" else "hidden"
            self.check_hidden_size(state, shape, f"Expected {name} size {{}}, got {{}}")
            checked.append(state)
        return checked

    # -- running

    def _spec(self, dtype: torch.dtype) -> Spec:
        dropout = self.dropout if self.training and self.num_layers > 1 else 0.0
        return Spec(
            self.mode,
            dtype,
            self.input_size,
            self.hidden_size,
            self.proj_size,
            self.num_layers,
            self.bias,
            self.bidirectional,
            dropout,
        )

    def _weights(self) -> list[Tensor]:
        """The parameters in torch's order, or what stands in their place just now."""
        parameters = self._parameters
        try:
            return [parameters[name] for name in self._flat_weights_names]  # type: ignore[misc]
        except KeyError:
            return [getattr(self, name) for name in self._flat_weights_names]

    def _run(
        self, layout: _core.Layout, place: Place, x: Tensor, states: States | None
    ) -> tuple[Tensor, ...] | None:
        """(y, hn) or (y, hn, cn) by the C library; None where it does not serve the call."""
        if states is None or x.dtype not in DTYPES or not fallback.eager():
            return None
        network = native.network(self._spec(x.dtype))
        if not _fits(network, layout, place, x, states):
            return None
        parameters = self._weights()
        frozen = self._frozen(network, parameters)
        weights = frozen or network.weights(parameters)
        if weights is None:
            return None
        seed = int(compiled.draw_seed()) if 0 < network.spec.dropout < 1 else 0
        x_place = place
        if not x.is_contiguous():  # as it is where only B and T are exchanged
            x, x_place = check_rows(x, layout, place)
        call = functions.Call(network, layout, x_place, place, seed, frozen)
        h0, c0 = map(_contiguous, states)
        return functions.run(call, weights, x.contiguous(), h0, c0, parameters)

    def _torch_forward(self, input: Any, hx: Any) -> tuple[Any, Any]:
        data = input.data if isinstance(input, PackedSequence) else input
        _check_memory([data, *_listed(hx), *self._weights()])
        forward = cast("Any", self.torch_class).forward
        return cast("tuple[Any, Any]", forward(self, input, hx))

    def _run_on_torch(
        self, layout: _core.Layout, place: Place, x: Tensor, states: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        weights = self._weights()
        _check_memory([x, *states, *weights])
        return fallback.run_placed(
            self._spec(x.dtype),
            layout,
            (place, place),
            x,
            states,
            weights,
            training=self.training,
        )

    # -- frozen weights

    def _frozen(self, network: Network, parameters: Sequence[Tensor]) -> Weights | None:
        """The panels that were made of these parameters before; None if not frozen."""
        frozen: dict[Any, Any] | None = self.__dict__.get(FROZEN)
        if frozen is None or not all(type(w) in PLAIN for w in parameters):
            return None
        stamp = [
            (w.data_ptr(), w.stride(), 0 if w.is_inference() else w._version) for w in parameters
        ]
        entry = frozen.get(network.key)
        if entry is None or entry[0] != stamp:
            weights = network.weights(parameters)
            if weights is None:
                return None
            # Holding the memory keeps another tensor from getting its address.
            entry = stamp, network.pack(weights), [w.detach() for w in parameters]
            frozen[network.key] = entry
        return cast("Weights", entry[1])

    def _thaw(self) -> None:
        """Forgets the panels, and that the module was frozen."""
        self.__dict__.pop(FROZEN, None)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        if FROZEN in state:
            state[FROZEN] = {}
        return state


def _unsqueeze(state: Tensor | None) -> Tensor | None:
    return None if state is None else state.unsqueeze(1)


def _contiguous(state: Tensor | None) -> Tensor | None:
    return None if state is None else state.contiguous()


def _fits(network: Network, layout: _core.Layout, place: Place, x: Tensor, states: States) -> bool:
    """Whether the C library serves these tensors."""
    spec, (h0, c0), n_sequences = network.spec, states, layout.n_sequences
    return (
        is_plain(x, spec.dtype)
        and x.shape == (*place.shape(layout), spec.input_size)
        and (h0 is None or _is(h0, network.state_shape(n_sequences), spec.dtype))
        and (c0 is None or _is(c0, network.cell_shape(n_sequences), spec.dtype))
    )


def _is(state: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> bool:
    return is_plain(state, dtype) and state.shape == shape


def _listed(hx: Any) -> Sequence[Any]:
    return hx if isinstance(hx, (tuple, list)) else [hx]


def _check_memory(tensors: Iterable[Any]) -> None:
    """RuntimeError: the storage of one was freed, which torch would not notice."""
    for tensor in tensors:
        if isinstance(tensor, Tensor):
            has_storage(tensor)
