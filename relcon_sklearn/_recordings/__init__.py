"""Segmentation of recordings: timestamps, units, holes, rates, non-wear, labels, windows."""

from ._segment import Segments, segment_recordings

__all__ = ["Segments", "segment_recordings"]
