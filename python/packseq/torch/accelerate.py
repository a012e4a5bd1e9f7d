# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""accelerate: the RNN, LSTM and GRU of a model that was written for torch, by the C library.

A module of torch and ours differ in nothing but their class, so that is what is exchanged, in
place: parameters, hooks, optimizers that hold the parameters, sharing and names stay. Only modules
whose class is exactly torch's are: a subclass has a reason to be one.
"""

from __future__ import annotations

import logging
from typing import TypeVar

import torch

from packseq.torch.modules import GRU, LSTM, RNN
from packseq.torch.recurrent import Recurrent

M = TypeVar("M", bound=torch.nn.Module)

_OURS: dict[type[torch.nn.Module], type[Recurrent]] = {
    cls.torch_class: cls for cls in (RNN, LSTM, GRU)
}
# An attribute of an instance: restore() may give it torch's class again.
_MARK = "_packseq_accelerated"

_log = logging.getLogger("packseq.torch")


def accelerate(model: M) -> M:
    """Has the RNN, LSTM and GRU in a model, itself among them, run by the C library.

    Changes the class of each in place and returns the model; what it changed and what not, and
    why, is logged under "packseq.torch". restore() before torch.jit.script, which does not know
    the new classes. TypeError: not a torch.nn.Module.
    """
    n_switched = 0
    for name, module in _named(model, "accelerate"):
        reason = _reason_against(module)
        if reason is not None:
            _log.warning("accelerate: %s is left as it is: %s", name, reason)
        elif type(module) in _OURS:
            ours = _OURS[type(module)]
            module.__class__ = ours
            module.__dict__[_MARK] = True
            n_switched += 1
            _log.info("accelerate: %s is now packseq.torch.%s", name, ours.__name__)
    if n_switched == 0:
        _log.warning("accelerate: %s has nothing to accelerate", type(model).__name__)
    return model


def restore(model: M) -> M:
    """Undoes accelerate(): gives the modules that it changed torch's classes again.

    Returns the model. TypeError: not a torch.nn.Module.
    """
    for name, module in _named(model, "restore"):
        if not isinstance(module, Recurrent) or _MARK not in module.__dict__:
            continue
        if type(module) not in _OURS.values():  # parametrized since
            _log.warning("restore: %s is left as it is: its class is %s", name, type(module))
        elif "forward" in module.__dict__:
            _log.warning("restore: %s is left as it is: its forward is replaced", name)
        else:
            del module.__dict__[_MARK]
            module._thaw()
            module.__class__ = module.torch_class  # type: ignore[assignment]
            _log.info("restore: %s is torch.nn.%s again", name, type(module).__name__)
    return model


def _named(model: torch.nn.Module, verb: str) -> list[tuple[str, torch.nn.Module]]:
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"{verb}: model is {type(model).__name__}, must be a torch.nn.Module")
    return [(name or type(model).__name__, module) for name, module in model.named_modules()]


def _reason_against(module: torch.nn.Module) -> str | None:
    """Why a recurrent module of torch cannot change its class; None for all others."""
    if torch.nn.utils.parametrize.is_parametrized(module) and isinstance(module, tuple(_OURS)):
        return "its weights are parametrized"
    if type(module) in _OURS:
        return "its forward is replaced" if "forward" in module.__dict__ else None
    for cls in _OURS:
        if isinstance(module, cls):
            return f"{type(module).__name__} is a subclass of torch.nn.{cls.__name__}"
    return None
