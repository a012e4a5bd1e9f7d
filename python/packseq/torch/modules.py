# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU: the constructors, parameters, results and errors of torch.nn's modules.

A class here says which class of torch has its contract; everything else is in recurrent.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from packseq.torch.recurrent import FROZEN, Recurrent, States

M = TypeVar("M", bound=torch.nn.Module)


class RNN(Recurrent):
    """torch.nn.RNN: tanh or relu of a sum."""

    torch_class = torch.nn.RNN

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **unknown: Any,
    ) -> None:
        """As torch.nn.RNN. ValueError, TypeError: a value outside its range."""
        _refuse(unknown, "RNN")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )


class LSTM(Recurrent):
    """torch.nn.LSTM: long short-term memory, with a projection if proj_size > 0."""

    torch_class = torch.nn.LSTM

    get_expected_cell_size = torch.nn.LSTM.get_expected_cell_size
    check_forward_args = torch.nn.LSTM.check_forward_args  # type: ignore[assignment]
    permute_hidden = torch.nn.LSTM.permute_hidden  # type: ignore[assignment]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """As torch.nn.LSTM. ValueError, TypeError: a value outside its range."""
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def _split(self, hx: Any) -> States | None:
        if hx is None:
            return None, None
        if not isinstance(hx, (tuple, list)) or len(hx) != 2:
            return None
        return (hx[0], hx[1]) if all(isinstance(h, Tensor) for h in hx) else None

    def _join(self, hidden: Sequence[Tensor]) -> Any:
        return tuple(hidden)


class GRU(Recurrent):
    """torch.nn.GRU: the gated recurrent unit whose reset gate comes after the product."""

    torch_class = torch.nn.GRU

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **unknown: Any,
    ) -> None:
        """As torch.nn.GRU. ValueError, TypeError: a value outside its range."""
        _refuse(unknown, "GRU")
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )


def _refuse(unknown: dict[str, Any], name: str) -> None:
    if "proj_size" in unknown:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    for key in unknown:
        raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{key}'")


# ---- freezing


def freeze(module: M) -> M:
    """Promises that the weights of the RNN, LSTM and GRU in a module change only visibly.

    Their panels are then made once and again when torch's version counter or the memory of a
    weight says that it changed: by optimizers, load_state_dict and assignment, not by writing
    through `.data`, NumPy views or DLPack. Returns the module. ValueError: there is none in it.
    """
    for recurrent in _recurrent(module, "freeze"):
        recurrent.__dict__[FROZEN] = {}
    return module


def unfreeze(module: M) -> M:
    """Takes back what freeze() promised. Returns the module. ValueError: nothing to unfreeze."""
    for recurrent in _recurrent(module, "unfreeze"):
        recurrent._thaw()
    return module


def _recurrent(module: torch.nn.Module, verb: str) -> list[Recurrent]:
    found = [m for m in module.modules() if isinstance(m, Recurrent)]
    if not found:
        raise ValueError(
            f"{verb}: {type(module).__name__} has no RNN, LSTM or GRU of packseq.torch in it"
        )
    return found
