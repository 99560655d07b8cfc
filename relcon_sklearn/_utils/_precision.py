"""Which arithmetic pays on which machine."""

from __future__ import annotations

import functools
from pathlib import Path

import torch

# Instructions that multiply bfloat16 and add up float32. CPUs without them emulate, slowly.
_X86_BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def dtype_of(precision: str, device: torch.device) -> torch.dtype:
    """Return the dtype that `precision` ("auto", "float32" or "bfloat16") means on `device`."""
    if precision != "auto":
        return getattr(torch, precision)
    return torch.bfloat16 if gains_from_bfloat16(device) else torch.float32


def gains_from_bfloat16(device: torch.device) -> bool:
    """Whether `device` computes with bfloat16 faster than with float32, as far as is known."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(_cpu_flags() & _X86_BFLOAT16)


@functools.cache
def _cpu_flags() -> set[str]:
    """Return the names of the CPU's extensions, where the system (Linux) tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return set()
    lines = cpuinfo.read_text().splitlines()
    return set(next((line for line in lines if line.startswith("flags")), "").split())
