"""The methods by which an estimator is saved and loaded."""

from __future__ import annotations

import os
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from .._utils._atomic import write_atomically
from ._format import FileError
from ._reader import load_estimator
from ._writer import encode_estimator

_FILE_NAME = "model.safetensors"


class SavedAsFile:
    """Mixin of estimators that can be saved to one safe file, and loaded."""

    def save(self, path: str | os.PathLike) -> None:
        """Save to a file that is safe to pass on: weights and plain values, and no code.

        It is a safetensors file with all parameters but `checkpoint_dir`, all that was learned,
        and the versions of the libraries it was made with. A file that is there is replaced, at
        once when the new one is whole and on the disk, and left as it was if writing fails.

        Callables of your own (an encoder, a distance, an augmentation, callbacks) are not in the
        file, which has their names only; :meth:`load` wants them again.

        Parameters
        ----------
        path : str or path-like
            The file, in a folder that exists. Name it as you like; ``.safetensors`` is usual.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If files cannot hold it: if a parameter is invalid, a weight is NaN or infinite, or
            labels are neither numbers nor strings.
        OSError
            If it cannot be written.

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
        _write(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike, *, device=None, **given):
        """Load a file that :meth:`save` has written, of this class and of this version or before.

        Nothing in the file is executed, and nothing is loaded from one that is damaged or was
        changed. It is loaded to the CPU, wherever it was trained, and computes on `device`.

        Parameters
        ----------
        path : str or path-like
            The file.
        device : str, torch.device or None, default=None
            Replaces the parameter `device`, also of estimators within this one. None keeps what
            they were saved with; where that is "cuda" and there is none, pass "cpu" or "auto".
        **given
            Parameters that files do not hold, of the same names; ``encoder=MyEncoder`` for one.
            Those of estimators within this one are named as scikit-learn names them:
            ``distance__augmentation=my_augmentation``.

        Returns
        -------
        estimator : estimator
            Fitted, with the same parameters and the same results.

        Raises
        ------
        ValueError
            If the file is damaged, of another class, another format or a later version, or if a
            parameter is missing that files do not hold; the message says what to do.
        OSError
            If it cannot be read.

        Examples
        --------
        See :meth:`save`.
        """
        path = Path(path)
        if path.is_dir():
            raise IsADirectoryError(
                f"{path} is a folder; {cls.__name__}.from_pretrained loads the {_FILE_NAME} in it."
            )
        try:
            return load_estimator(path, cls, given, device)
        except FileError as error:
            raise ValueError(f"{path} cannot be loaded: {_shortened(str(error))}") from error

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Save as ``model.safetensors`` in a folder, as hubs of models want it.

        Parameters
        ----------
        folder : str or path-like
            It is made if need be.

        Raises
        ------
        NotFittedError, ValueError, OSError
            As in :meth:`save`.
        """
        check_is_fitted(self)
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write(self, folder / _FILE_NAME)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, *, device=None, **given):
        """Load ``model.safetensors`` from a folder, or a file; nothing is downloaded.

        Parameters
        ----------
        folder : str or path-like
            The folder, or the file itself.
        device : str, torch.device or None, default=None
            As in :meth:`load`.
        **given
            As in :meth:`load`.

        Returns
        -------
        estimator : estimator
            Fitted.

        Raises
        ------
        ValueError, OSError
            As in :meth:`load`.
        """
        path = Path(folder)
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is not there. {cls.__name__}.from_pretrained reads folders and files of "
                "this machine; download a model from a hub first."
            )
        return cls.load(path / _FILE_NAME if path.is_dir() else path, device=device, **given)


def _shortened(message: str) -> str:
    # What a file has in it, names of tensors for one, may be of any length.
    return message if len(message) <= 1000 else message[:997] + "..."


def _write(estimator, path: Path) -> None:
    check_is_fitted(estimator)
    if path.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder; name a file in it, or use save_pretrained, which names it "
            f"{_FILE_NAME}."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to save {path.name} in.")
    try:
        content = encode_estimator(estimator)
    except FileError as error:
        raise ValueError(f"{type(estimator).__name__} cannot be saved: {error}") from error
    write_atomically(path, content)
