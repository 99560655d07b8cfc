"""Segments in a GPU's memory, where they fit: batches are then gathered there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..segments._array import SegmentArray

# A step of training with default settings takes some 5 GB, whatever the data: with a quarter for
# the data, that is left from 7 GB of free memory on. More would gain little, since what does not
# fit is read ahead from the host, and might cost the whole fit.
_MAX_SHARE = 0.25

# Float32 copies pass through the host in pieces of this size.
_COPY_BYTES = 2**24

# Narrower than float32, and all their values are float32 numbers.
_NARROW = {"float16", "bfloat16", "int16", "int8", "uint8", "bool"}


class DeviceSegments:
    """A copy of all segments in the memory of a device.

    Rows are read as from the :class:`SegmentArray` it was made of, but come as tensors on the
    device, without the host waiting for them.

    Parameters
    ----------
    array : SegmentArray
        The segments, of which each row is read and checked once.
    device : torch.device
        Where to keep them.

    Raises
    ------
    ValueError
        If a value is NaN, infinite, or too large to compute with.
    """

    def __init__(self, array: SegmentArray, device: torch.device):
        dtype = storage_dtype(array)
        self._segments = torch.empty(array.shape, dtype=dtype, device=device)
        for rows in array.chunks(_COPY_BYTES):
            # Narrowed before it travels.
            segments = torch.from_numpy(array.read(rows)).to(dtype)
            self._segments[rows[0] : rows[-1] + 1] = segments
        # Each thread has a current stream of its own. Batches are read in the background, and must
        # be there before what is launched after them by the thread that trains.
        self._stream = torch.cuda.current_stream(device) if self._segments.is_cuda else None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of segments, time steps and channels."""
        return tuple(self._segments.shape)

    def __len__(self) -> int:
        return len(self._segments)

    def read(self, rows: np.ndarray) -> torch.Tensor:
        """Return the given rows as a new float32 tensor (len(rows), n_timesteps, n_channels)."""
        index = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        with torch.cuda.stream(self._stream):
            if self._segments.is_cuda:
                index = index.pin_memory()
            index = index.to(self._segments.device, non_blocking=True)
            return self._segments.index_select(0, index).float()


def on_device(
    array: SegmentArray,
    device: torch.device,
    free_bytes: Callable[[torch.device], int] | None = None,
) -> SegmentArray | DeviceSegments:
    """Return a copy of the segments on a GPU if they fit, else what was given.

    Parameters
    ----------
    array : SegmentArray
        The segments.
    device : torch.device
        Where they will be computed with.
    free_bytes : callable or None, default=None
        Tells how many bytes of the memory of `device` are free; 0 where there is no point in a
        copy. None asks torch, about GPUs of CUDA.
    """
    n_bytes = int(np.prod(array.shape, dtype=object)) * storage_dtype(array).itemsize
    free = (free_bytes or _free_bytes)(device)
    return DeviceSegments(array, device) if fits(n_bytes, free) else array


def fits(n_bytes: int, free_bytes: int) -> bool:
    """Whether so many bytes can be kept on a device beside what training takes."""
    return n_bytes <= _MAX_SHARE * free_bytes


def storage_dtype(array: SegmentArray) -> torch.dtype:
    """Return the dtype in which segments are kept: the source's if narrow, else float32."""
    dtype = array.X.dtype
    name = str(dtype).removeprefix("torch.")
    if not isinstance(dtype, torch.dtype):
        name = np.dtype(dtype).name
    return getattr(torch, name) if name in _NARROW else torch.float32


def _free_bytes(device: torch.device) -> int:
    """Return what the system has, and what torch has taken from it and does not use."""
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
