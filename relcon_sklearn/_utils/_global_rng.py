"""Seeding of torch's global random generators."""

from __future__ import annotations

import torch


def seed_global_rng(seed: int, device: torch.device | None = None) -> None:
    """Seed the global generator of the CPU and, if `device` is a GPU, that of the GPU.

    ``torch.manual_seed`` would seed every GPU.
    """
    torch.random.default_generator.manual_seed(seed)
    if device is not None and device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
