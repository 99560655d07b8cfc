"""Storage of segments: windows of long signals that are read on demand, and stores on disk."""

from ._lazy_windows import LazyWindows
from ._open_segments import open_segments
from ._store import SegmentStore
from ._store_writer import SegmentWriter

__all__ = ["LazyWindows", "SegmentStore", "SegmentWriter", "open_segments"]
