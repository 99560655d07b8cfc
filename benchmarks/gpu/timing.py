"""Times of work on a GPU, which goes on after the call that started it has returned."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def calls_per_second(
    function: Callable[[], object], seconds: float, device: torch.device, n_warm_up: int = 3
) -> float:
    """Call a function for a time, after some calls that are not measured; return the rate."""
    for _ in range(n_warm_up):
        function()
    synchronize(device)
    n_calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or n_calls == 0:
        function()
        # Calls only start the work, and would run ahead of a GPU that is slower.
        synchronize(device)
        n_calls += 1
    return n_calls / (time.perf_counter() - start)
