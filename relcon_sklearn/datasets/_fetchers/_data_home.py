"""The folder in which the fetchers keep their files."""

import errno
import os
import shutil

from sklearn.utils._param_validation import validate_params

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


@validate_params({"data_home": [str, os.PathLike, None]}, prefer_skip_nested_validation=True)
def get_data_home(data_home=None):
    """Return the folder in which the fetchers keep their files; create it if needed.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder; `~` stands for the home folder. If None, the value of the environment variable
        `RELCON_DATA_HOME`, or `~/relcon_data` if the variable is not set or empty.

    Returns
    -------
    data_home : str
        The path of the folder.

    Raises
    ------
    ValueError
        If `data_home` is an empty string.
    OSError
        If the folder cannot be created.

    See Also
    --------
    clear_data_home : Delete the folder.

    Examples
    --------
    >>> import os, tempfile
    >>> from relcon_sklearn.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     os.path.isdir(get_data_home(os.path.join(folder, "motion")))
    True
    """
    if data_home is None:
        data_home = os.environ.get("RELCON_DATA_HOME") or os.path.join("~", "relcon_data")
    if data_home == "":
        raise ValueError(
            "data_home is an empty string. Pass the path of a folder, or None for the default."
        )
    data_home = os.path.expanduser(data_home)
    os.makedirs(data_home, exist_ok=True)
    return data_home


@validate_params({"data_home": [str, os.PathLike, None]}, prefer_skip_nested_validation=True)
def clear_data_home(data_home=None):
    """Delete the folder of the fetchers with everything in it.

    This includes files that were not created by the fetchers.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder; see :func:`get_data_home`.

    Raises
    ------
    ValueError
        If `data_home` is an empty string.
    OSError
        If the folder cannot be deleted.

    See Also
    --------
    get_data_home : The path of the folder.

    Examples
    --------
    >>> from relcon_sklearn.datasets import clear_data_home
    >>> clear_data_home()  # doctest: +SKIP
    """
    shutil.rmtree(get_data_home(data_home))


def is_read_only(error):
    """Return whether an OSError was raised because files in a folder cannot be written."""
    return error.errno in _NOT_WRITABLE
