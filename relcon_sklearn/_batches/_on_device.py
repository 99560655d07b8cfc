"""Segments kept in the memory of a GPU if they fit, so that batches are gathered there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..segments._array import SegmentArray

# Largest share of the free memory to use for the data. A training step with default settings takes
# about 5 GB for any data, so with 7 GB of free memory a quarter leaves enough. A larger share would
# gain little, since data that do not fit are read ahead from the host, and could make fit run out
# of memory.
_MAX_SHARE = 0.25

# Float32 copies pass through the host in pieces of this size.
_COPY_BYTES = 2**24

# Dtypes narrower than float32 whose values all are float32 numbers.
_NARROW = {"float16", "bfloat16", "int16", "int8", "uint8", "bool"}


class DeviceSegments:
    """Copy of all segments in the memory of a device.

    Rows are read as from the :class:`SegmentArray` that was copied, but are returned as tensors on
    the device, without the host waiting for them.

    Parameters
    ----------
    array : SegmentArray
        The segments. Each row is read and checked once.
    device : torch.device
        Device to copy the segments to.

    Raises
    ------
    ValueError
        If a value is NaN, infinite, or too large to compute with.
    """

    def __init__(self, array: SegmentArray, device: torch.device):
        dtype = storage_dtype(array)
        self._segments = torch.empty(array.shape, dtype=dtype, device=device)
        for rows in array.chunks(_COPY_BYTES):
            # Converted to the narrow dtype before the transfer.
            segments = torch.from_numpy(array.read(rows)).to(dtype)
            self._segments[rows[0] : rows[-1] + 1] = segments
        # Each thread has its own current stream. Batches are read in a background thread and must
        # be complete before the kernels that the training thread launches later.
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
    """Return a copy of the segments on a GPU if they fit, else `array`.

    Parameters
    ----------
    array : SegmentArray
        The segments.
    device : torch.device
        Device of the computation.
    free_bytes : callable or None, default=None
        Function that returns the number of free bytes of `device`, or 0 if a copy is useless. If
        None, torch is asked for CUDA devices, and other devices have 0.
    """
    n_bytes = int(np.prod(array.shape, dtype=object)) * storage_dtype(array).itemsize
    free = (free_bytes or _free_bytes)(device)
    return DeviceSegments(array, device) if fits(n_bytes, free) else array


def fits(n_bytes: int, free_bytes: int) -> bool:
    """Return whether `n_bytes` can be kept on a device in addition to the memory of training."""
    return n_bytes <= _MAX_SHARE * free_bytes


def storage_dtype(array: SegmentArray) -> torch.dtype:
    """Return the dtype to keep segments in: that of `array` if it is narrow, else float32."""
    dtype = array.X.dtype
    name = str(dtype).removeprefix("torch.")
    if not isinstance(dtype, torch.dtype):
        name = np.dtype(dtype).name
    return getattr(torch, name) if name in _NARROW else torch.float32


def _free_bytes(device: torch.device) -> int:
    """Return the free memory of a GPU, including memory that torch has reserved and not used."""
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
