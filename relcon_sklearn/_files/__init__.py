"""Saving and loading estimators: files that are safe to load, and that detect corruption.

Each estimator class defines how its fitted state is written and read (``_write_fitted`` and
``_read_fitted``), and is registered with :func:`saved_in_files`.
"""

from ._class_labels import read_labels, write_labels
from ._entries import are_strings, as_count, as_numbers, check_entry
from ._format import FileError
from ._history import read_history, write_history
from ._modules import ModuleKind
from ._reader import FittedReader
from ._registry import WITH_ENCODER, saved_in_files
from ._saved import SavedAsFile, class_in_file, find_file
from ._shipped import list_pretrained
from ._writer import FittedWriter

__all__ = [
    "WITH_ENCODER",
    "FileError",
    "FittedReader",
    "FittedWriter",
    "ModuleKind",
    "SavedAsFile",
    "are_strings",
    "as_count",
    "as_numbers",
    "check_entry",
    "class_in_file",
    "find_file",
    "list_pretrained",
    "read_history",
    "read_labels",
    "saved_in_files",
    "write_history",
    "write_labels",
]
