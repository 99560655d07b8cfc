"""Segmentation of recordings: timestamps, units, gaps, rates, non-wear, labels, windows."""

from ._segment import segment_recordings
from ._segments import Segments

__all__ = ["Segments", "segment_recordings"]
