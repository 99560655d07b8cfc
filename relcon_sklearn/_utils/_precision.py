"""Choice of the floating-point precision for a device."""

from __future__ import annotations

import functools
from pathlib import Path

import torch

# Instructions that multiply bfloat16 and accumulate in float32. CPUs without them emulate bfloat16,
# which is slow.
_X86_BFLOAT16 = {"avx512_bf16", "amx_bf16"}

_PRECISIONS = ("auto", "float32", "bfloat16")


def check_precision(precision: str) -> None:
    """Raise ValueError for another value than `fit` accepts, which ``set_params`` may have set."""
    if precision not in _PRECISIONS:
        raise ValueError(f"precision={precision!r}. Expected one of {_PRECISIONS}.")


def dtype_of(precision: str, device: torch.device) -> torch.dtype:
    """Return the dtype that `precision` ("auto", "float32" or "bfloat16") means on `device`."""
    if precision != "auto":
        return getattr(torch, precision)
    return torch.bfloat16 if gains_from_bfloat16(device) else torch.float32


def gains_from_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is known to be faster than float32 on `device`."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(_cpu_flags() & _X86_BFLOAT16)


@functools.cache
def _cpu_flags() -> set[str]:
    """Return the names of the CPU's instruction sets on Linux; an empty set elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return set()
    lines = cpuinfo.read_text().splitlines()
    return set(next((line for line in lines if line.startswith("flags")), "").split())
