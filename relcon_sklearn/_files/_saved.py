"""The methods that save and load an estimator."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import torch
from sklearn.utils.validation import check_is_fitted

from .._utils._atomic import write_atomically
from .._utils._device import as_device
from .._utils._text import shortened
from .._utils._warnings import warn
from ..exceptions import DamagedFileError
from ._format import BadContent, FileError, open_file
from ._reader import load_estimator
from ._registry import ESTIMATORS
from ._shipped import list_pretrained, shipped_path
from ._writer import encode_estimator

_FILE_NAME = "model.safetensors"


class SavedAsFile:
    """Mixin for estimators that can be saved to one safe file, and loaded."""

    def save(self, path: str | os.PathLike) -> None:
        """Save to a file that is safe to share: weights and plain values, and no code.

        The file is a safetensors file with all parameters except `checkpoint_dir`, the whole fitted
        state, and the versions of the libraries in use. An existing file is replaced in one step
        when the new one is complete and on the disk. Its permissions are kept, and a symbolic link
        is followed. If writing fails, it stays unchanged.

        The file does not contain your own callables (an encoder, a distance, an augmentation,
        callbacks), but only their names. Pass them to :meth:`load`.

        A text that is set as the attribute ``card_`` is part of the file, and of what is loaded
        from it: a model card that says what the model was trained on and under which licence it
        is. Another ``fit`` removes it.

        Parameters
        ----------
        path : str or path-like
            The file, in an existing folder. Any name is valid; the usual suffix is
            ``.safetensors``. A leading ``~`` is the home folder.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If files cannot store the estimator: if a parameter is invalid, a weight is NaN or
            infinite, or labels are neither numbers nor strings.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from relcon_sklearn import LearnedMotifDistance
        >>> from relcon_sklearn.datasets import make_motion
        >>> X, _, subjects, *_ = make_motion(20, n_subjects=4, n_timesteps=64, random_state=0)
        >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=1).fit(X, groups=subjects)
        >>> path = Path(tempfile.mkdtemp()) / "distance.safetensors"
        >>> distance.save(path)
        >>> same = LearnedMotifDistance.load(path)
        >>> bool((same.transform(X) == distance.transform(X)).all())
        True
        """
        _write(self, Path(os.path.expanduser(path)))

    @classmethod
    def load(cls, path: str | os.PathLike, *, device=None, **given):
        """Load a file that :meth:`save` has written, with this version or an earlier one.

        Nothing in the file is executed. A file that is damaged or was changed is refused. Weights
        are loaded to the CPU, also if the estimator was trained on another device. The estimator
        computes on `device`.

        Parameters
        ----------
        path : str or path-like
            The file.
        device : str, torch.device or None, default=None
            Replaces the parameter `device` of this estimator and of the estimators nested in it. If
            None, they keep the values they were saved with. If a saved value is "cuda" and there is
            no GPU, pass "cpu" or "auto".
        **given
            Parameters that files do not contain, by name, such as ``encoder=MyEncoder``. Parameters
            of nested estimators have the names that scikit-learn gives them, such as
            ``distance__augmentation=my_augmentation``.

        Returns
        -------
        estimator : estimator
            The fitted estimator, with the same parameters and the same results.

        Raises
        ------
        ValueError
            If the file is of another class or a later version, if a parameter that files do not
            contain is not given, or if there is no such `device`. The message says what to do.
        DamagedFileError
            If the file is damaged, hostile or of another format.
            :class:`~relcon_sklearn.exceptions.DamagedFileError` is a ValueError and an OSError.
        OSError
            If the file cannot be read.

        Examples
        --------
        See :meth:`save`.
        """
        if isinstance(device, (str, torch.device)):  # the parameter refuses all others
            as_device(device)
        path = Path(os.path.expanduser(path))
        if path.is_dir():
            raise IsADirectoryError(
                f"{path} is a folder. Use {cls.__name__}.from_pretrained to load the {_FILE_NAME} "
                "in it."
            )
        try:
            return load_estimator(path, cls, given, device)
        except FileError as error:
            kind = DamagedFileError if isinstance(error, BadContent) else ValueError
            # Text from a file, such as the names of tensors, can have any length.
            raise kind(f"{path} cannot be loaded: {shortened(str(error), 1000)}") from error

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Save as ``model.safetensors`` in a folder, as model hubs expect it.

        Parameters
        ----------
        folder : str or path-like
            The folder. It is made if it does not exist. A leading ``~`` is the home folder.

        Raises
        ------
        NotFittedError, ValueError, OSError
            As in :meth:`save`.
        """
        check_is_fitted(self)
        folder = Path(os.path.expanduser(folder))
        folder.mkdir(parents=True, exist_ok=True)
        _write(self, folder / _FILE_NAME)

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike, *, device=None, **given):
        """Load a model that comes with the package, by its name, or one that was saved.

        Nothing is downloaded.

        Parameters
        ----------
        model : str or path-like
            The name of a model that comes with the package (:func:`list_pretrained`), such as
            "motion-small", or a folder that :meth:`save_pretrained` has written, or a file. A
            folder that has the name of a model is given as a path, "./motion-small".
        device : str, torch.device or None, default=None
            As in :meth:`load`.
        **given
            As in :meth:`load`.

        Returns
        -------
        estimator : estimator
            The fitted estimator.

        Raises
        ------
        ValueError, DamagedFileError, OSError
            As in :meth:`load`. FileNotFoundError, an OSError, lists the names of models.

        Warns
        -----
        UserWarning
            If a folder or file has the name of a model that comes with the package.

        Examples
        --------
        A recording of 100 Hz becomes segments of 2.56 s at 50 Hz, as the model expects them.

        >>> import numpy as np
        >>> from relcon_sklearn import RelConEmbedder, segment_recordings
        >>> embedder = RelConEmbedder.from_pretrained("motion-small")
        >>> recording = np.random.default_rng(0).normal([0, 0, 9.8], 1, (6000, 3))
        >>> segments = segment_recordings(recording, 100, units="m/s^2", like=embedder)
        >>> embedder.transform(segments.X).shape
        (23, 448)
        """
        return cls.load(find_file(model, cls.__name__), device=device, **given)


def find_file(model: str | os.PathLike, kind: str) -> Path:
    """Return the file of a model: by its name if it comes with the package, or in a folder.

    Parameters
    ----------
    model : str or path-like
        The name, or a folder or file, as in ``from_pretrained``.
    kind : str
        Name of the class that loads it, for messages.

    Raises
    ------
    FileNotFoundError
        If there is no such model, folder or file.
    """
    path = Path(os.path.expanduser(model))
    names = list_pretrained()
    if isinstance(model, str) and model in names:
        if path.exists():
            warn(
                f"{model!r} is the model that comes with the package, and not {path.resolve()}."
                f" Pass './{model}' for the latter, or rename it to silence this warning."
            )
        return shipped_path(model)
    if not path.exists():
        if str(path) in names:  # a pathlib.Path, which always means a folder or file
            raise FileNotFoundError(
                f"There is no folder or file {path}. Pass {str(path)!r} as a str to load the model "
                "of this name that comes with the package."
            )
        raise FileNotFoundError(
            f"{path} does not exist, and no model that comes with the package has this name. Their "
            f"names: {', '.join(names)}. {kind}.from_pretrained does not download models; download "
            "one from a hub first, and pass its folder."
        )
    return path / _FILE_NAME if path.is_dir() else path


def _write(estimator, path: Path) -> None:
    check_is_fitted(estimator)
    if path.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder. Pass the path of a file in it, or use save_pretrained, which "
            f"names the file {_FILE_NAME}."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to save {path.name} in.")
    try:
        content = encode_estimator(estimator)
    except FileError as error:
        raise ValueError(f"{type(estimator).__name__} cannot be saved: {error}") from error
    write_atomically(path, content)


def class_in_file(path: Path) -> type | None:
    """Return the class of the estimator in a file, or None if the file cannot be loaded."""
    with suppress(FileError, OSError, LookupError, TypeError), open_file(path) as file:
        return ESTIMATORS.get(file.header["estimators"][-1]["class"])
    return None
