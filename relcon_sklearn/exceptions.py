"""Exceptions that tell damaged files from parameters that are not valid."""

__all__ = ["DamagedFileError"]


class DamagedFileError(OSError, ValueError):
    """A file is damaged, incomplete or hostile, or has another content than expected.

    It is raised by everything that reads files: estimators and released checkpoints, stores of
    segments, checkpoints of trainings, recordings, and the archives of data sets.

    It is an OSError and a ValueError, so that code that catches one of them also catches it. Catch
    it alone to tell a file that must be obtained again from a parameter that is not valid (only a
    ValueError) and from a file that cannot be opened or written (only an OSError).

    Parameters
    ----------
    message : str
        What is wrong with the file, and what to do.

    Examples
    --------
    >>> import os, tempfile
    >>> from relcon_sklearn.datasets import load_npz_recordings
    >>> from relcon_sklearn.exceptions import DamagedFileError
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.npz")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(b"incomplete")
    ...     try:
    ...         load_npz_recordings(path)
    ...     except DamagedFileError:
    ...         print("export it again")
    export it again
    """

    def __init__(self, message: str):
        super().__init__(message)
