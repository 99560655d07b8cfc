"""Modules compiled for training, where that works."""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from .._utils._memory_advice import is_out_of_memory

logger = logging.getLogger("relcon_sklearn")


class CompiledCall:
    """Calls of a module through ``torch.compile``; without, where it fails (the log says why).

    Nothing of it stays with the module, whose state and later use are as if it had never been.
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
                    raise  # with more of it, this would have worked
                # No compiler, one that does not fit, a module that cannot be traced. An error of
                # the module itself comes again below.
                logger.warning("Training without torch.compile, which failed: %s", error)
                self._call = _call
        return _call(module, x)


def _call(module: nn.Module, x: Tensor) -> Tensor:
    return module(x)
