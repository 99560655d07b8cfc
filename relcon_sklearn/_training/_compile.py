"""Compilation of modules for training, with a fallback to eager calls."""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from .._utils._memory_advice import is_out_of_memory

logger = logging.getLogger("relcon_sklearn")


class CompiledCall:
    """Calls of a module through ``torch.compile``, or directly if compiling fails.

    The reason of a failure is logged. The module itself is not changed by compilation.
    """

    def __init__(self):
        self._call = torch.compile(_call)

    def __call__(self, module: nn.Module, x: Tensor) -> Tensor:
        """Return ``module(x)``."""
        if self._call is not _call:
            try:
                return self._call(module, x)
            except Exception as error:
                if is_out_of_memory(error):
                    raise  # compiling has not failed: with more memory it would work
                # There is no compiler, it does not fit this torch, or the module cannot be traced.
                # An error of the module itself is raised again below.
                logger.warning("torch.compile failed, training without it: %s", error)
                self._call = _call
        return _call(module, x)


def _call(module: nn.Module, x: Tensor) -> Tensor:
    return module(x)
