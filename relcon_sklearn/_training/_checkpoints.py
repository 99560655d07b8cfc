"""Checkpoints of a training run in a folder: written atomically, the last few kept."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import reprlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path

import torch

from .._utils._atomic import unfinished, write_atomically
from .._utils._damage import is_damage
from .._utils._json_object import read_json_object
from .._utils._text import shortened
from .._utils._warnings import warn
from .._version import __version__
from ..exceptions import DamagedFileError

logger = logging.getLogger("relcon_sklearn")

_FORMAT = "relcon_sklearn checkpoint"
_VERSION = 2
_RECORD = "training.json"
_RECORDED = {"format": str, "version": int, "seed": int, "fingerprint": dict}
_LOCK = ".lock"

# Writes out values of files, which can be nested deeply: a plain repr would exceed the recursion
# limit.
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 200


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often ``fit`` writes checkpoints, from which training can resume.

    Pass it, or only a path, as `checkpoint_dir` of an estimator. ``fit`` with the same parameters
    and data then resumes from the last checkpoint. It ends with the weights and the history of an
    uninterrupted ``fit``: exactly on a CPU, up to rounding on a GPU.

    Parameters
    ----------
    path : str or path-like
        Folder of the checkpoints of one training run. It is made if it does not exist. A leading
        ``~`` is the home folder. A nested estimator uses a subfolder: ``distance`` in the folder of
        an embedder, ``pretraining`` in the folder of a classifier or regressor.
    every_seconds : float or None, default=600
        Number of seconds between checkpoints, which is the most training time that an interruption
        can lose. If None, time does not trigger checkpoints. With the default the cost is
        negligible: a checkpoint of the published encoder is 58 MB, and took 0.1 to 0.6 s to write.
    every_steps : int or None, default=None
        Number of training steps between checkpoints. If None, steps do not trigger checkpoints.
        With both intervals, the one that ends first triggers the checkpoint.
    keep : int, default=2
        Number of checkpoints to keep. An older checkpoint is removed only after a newer one is on
        the disk.

    Raises
    ------
    ValueError
        If a parameter is invalid.

    See Also
    --------
    RelConEmbedder.save : Save a fitted estimator to one file.

    Examples
    --------
    >>> import tempfile
    >>> from relcon_sklearn import Checkpoints, LearnedMotifDistance
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, _, subjects, *_ = make_motion(40, n_subjects=4, n_timesteps=64, random_state=0)
    >>> folder = tempfile.TemporaryDirectory()
    >>> settings = Checkpoints(folder.name, every_seconds=60, keep=3)
    >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=2, checkpoint_dir=settings)
    >>> distance.fit(X, groups=subjects).history_[-1]["epoch"]
    2
    >>> same = LearnedMotifDistance(embed_dim=8, max_epochs=2, checkpoint_dir=folder.name)
    >>> same.fit(X, groups=subjects).history_ == distance.history_  # no step is taken again
    True
    >>> folder.cleanup()
    """

    path: str | os.PathLike
    every_seconds: float | None = 600
    every_steps: int | None = None
    keep: int = 2

    def __post_init__(self):
        if not isinstance(self.path, (str, os.PathLike)):
            raise ValueError(f"path={self.path!r}: expected a str or a path-like object.")
        for name, value, kind, least in [
            ("every_seconds", self.every_seconds, Real, 0),
            ("every_steps", self.every_steps, Integral, 1),
            ("keep", self.keep, Integral, 1),
        ]:
            if value is None and name != "keep":
                continue
            if not isinstance(value, kind) or isinstance(value, bool) or not value >= least:
                raise ValueError(
                    f"{name}={value!r}: expected {'a number' if kind is Real else 'an integer'} "
                    f"of at least {least}{'' if name == 'keep' else ', or None'}."
                )

    def inside(self, name: str) -> Checkpoints:
        """Return the same settings for the subfolder `name`, which a nested estimator uses."""
        return replace(self, path=Path(self.path) / name)


class CheckpointFolder:
    """The checkpoints of one training run.

    Parameters
    ----------
    settings : Checkpoints
        Path of the folder, and the number of checkpoints to keep.
    fingerprint : dict
        Everything the training depends on, as nested dicts of plain values.
    seed : int
        Seed of the training if the folder is new.

    Attributes
    ----------
    seed : int
        Seed of the training that started in the folder, which is `seed` if the folder is new.

    Raises
    ------
    ValueError
        If the path is not a folder, or if the folder holds the checkpoints of a training with
        another fingerprint or of another version.
    DamagedFileError
        If ``training.json`` is damaged.
    RuntimeError
        If another process or thread is training into the folder.
    """

    def __init__(self, settings: Checkpoints, fingerprint: dict, seed: int):
        self.settings = settings
        # Resolved now, because the working directory can change during a long training.
        self.path = Path(os.path.expanduser(settings.path)).resolve()
        # In the form in which it will be read: JSON has no tuples.
        self.fingerprint = json.loads(json.dumps(fingerprint))
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"checkpoint_dir={str(self.path)!r} is a file; expected a folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        # Locked, so that of two fits that start at the same time, only one records its seed.
        with self.locked():
            self.seed = self._read_or_record_seed(seed)

    def _read_or_record_seed(self, seed: int) -> int:
        """Return the seed of the training that started here before, or record a new training."""
        record = self.path / _RECORD
        if not record.exists():
            if self._files():
                raise ValueError(
                    f"{self.path} holds checkpoints, but not {_RECORD}, which describes the "
                    "training. Choose another folder as checkpoint_dir."
                )
            text = json.dumps(
                {
                    "format": _FORMAT,
                    "version": _VERSION,
                    "relcon_sklearn": __version__,
                    "seed": seed,
                    "fingerprint": self.fingerprint,
                },
                indent=1,
            )
            write_atomically(record, text.encode())
            return seed
        try:
            before = read_json_object(record, _RECORDED)
            version, seed, fingerprint = (before[key] for key in ("version", "seed", "fingerprint"))
            if before["format"] != _FORMAT:
                raise DamagedFileError("Its format is unknown.")
            if type(seed) is not int or not 0 <= seed < 2**31:
                raise DamagedFileError(f"The seed is {reprlib.repr(seed)}.")
        except DamagedFileError as error:
            raise DamagedFileError(
                f"{record} is damaged, or was not written by relcon_sklearn: {error} Choose "
                "another folder as checkpoint_dir."
            ) from error
        _check_version(version, record)
        if changes := differences(fingerprint, self.fingerprint):
            raise ValueError(
                f"checkpoint_dir={str(self.path)!r} holds the checkpoints of another training: "
                f"{'; '.join(changes)}. To resume it, fit with its parameters and data. To start "
                "a new training, choose another folder."
                + _advice_on_epochs(fingerprint, self.fingerprint)
            )
        return seed

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Prevent other processes and threads from training into this folder within the block.

        Raises
        ------
        RuntimeError
            If another process or thread is training into the folder.
        """
        import filelock

        lock = filelock.FileLock(self.path / _LOCK, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise RuntimeError(
                f"Another fit is training into checkpoint_dir={str(self.path)!r}. Choose a "
                "separate folder for each fit. In searches and cross-validation, which fit clones, "
                "use checkpoint_dir=None."
            ) from error
        try:
            # Files of a process that was killed while it was writing.
            for left in unfinished(self.path, "step-*.ckpt"):
                left.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    @property
    def _identity(self) -> dict:
        """What a checkpoint must have in common with the training that it continues."""
        return {"seed": self.seed, **self.fingerprint}

    def _files(self) -> list[Path]:
        """Return the paths of the checkpoints, oldest first."""
        return sorted(self.path.glob("step-*.ckpt"))

    @property
    def newest(self) -> Path | None:
        """Path of the last checkpoint; None if there is none."""
        return next(reversed(self._files()), None)

    def write(self, step: int, state: dict) -> None:
        """Write a checkpoint, and then remove the oldest ones beyond the number to keep.

        Parameters
        ----------
        step : int
            Number of training steps taken. A checkpoint of the same step is replaced.
        state : dict
            State of the training, in tensors and plain values.

        Raises
        ------
        OSError
            If the checkpoint cannot be written. Earlier checkpoints stay unchanged.
        TypeError
            If the state contains a value that could not be read again.
        """
        path = self.path / f"step-{step:012d}.ckpt"
        content = checkpoint_to_bytes({"training": self._identity, "state": state})
        try:
            checkpoint_from_bytes(content, path)
        except DamagedFileError as error:
            raise TypeError(
                "The state of a module, an optimizer or a callback holds more than tensors, "
                "numbers, strings and containers of them. Checkpoints cannot store other values: "
                f"{error.__cause__}"
            ) from error
        try:
            write_atomically(path, content)
        except OSError as error:
            before = self.newest
            raise OSError(
                error.errno,
                f"{error.strerror or error}: the checkpoint {path.name} could not be written. "
                + (
                    "There is no earlier checkpoint."
                    if before is None
                    else f"When there is space, the same fit resumes from {before.name}."
                ),
                str(self.path),
            ) from error
        for old in self._files()[: -self.settings.keep]:
            old.unlink(missing_ok=True)
        logger.info("Checkpoint %s", path)

    def read(self) -> dict | None:
        """Return the state of the last checkpoint that can be read; None if there is none.

        Raises
        ------
        ValueError
            If a checkpoint belongs to another training, or to another version.
        DamagedFileError
            If none of the checkpoints can be read.
        """
        files = self._files()
        for path in reversed(files):
            try:
                content = checkpoint_from_bytes(path.read_bytes(), path)
                if content.keys() != {"training", "state"}:
                    raise DamagedFileError(f"{path} does not hold the state of a training.")
            except DamagedFileError as error:
                warn(f"{error} Resuming from the checkpoint before it.", RuntimeWarning)
                continue
            if changes := differences(content["training"], self._identity):
                raise ValueError(
                    f"{path} belongs to another training than {_RECORD}: {'; '.join(changes)}. "
                    "Choose another folder as checkpoint_dir."
                )
            return content["state"]
        if files:
            raise DamagedFileError(
                f"None of the {len(files)} checkpoints in {self.path} can be read. To start a new "
                "training, choose another folder as checkpoint_dir."
            )
        return None


def checkpoint_to_bytes(state: dict) -> bytes:
    """Return the bytes of a checkpoint: a line with version and checksum, then the state.

    The checksum is over the version and the state.
    """
    payload = io.BytesIO()
    torch.save(state, payload)
    content = payload.getvalue()
    beginning = f"{_FORMAT} {_VERSION}".encode()
    return b"%s %s\n%s" % (beginning, _checksum(beginning, content), content)


def checkpoint_from_bytes(content: bytes, path: Path) -> dict:
    """Return the state in the bytes of a checkpoint, without executing anything in them.

    Raises
    ------
    DamagedFileError
        If any of the bytes changed since they were written, or if they are not a checkpoint.
    ValueError
        If the checkpoint is intact and has another version.
    MemoryError
        If there is not enough memory to read it. This is not damage.
    """
    line, _, payload = content.partition(b"\n")
    beginning, _, checksum = line.rpartition(b" ")
    name, _, version = beginning.rpartition(b" ")
    if name != _FORMAT.encode():
        raise DamagedFileError(f"{path} does not start like a checkpoint.")
    # The version is checked after the checksum, which covers it.
    if checksum != _checksum(beginning, payload):
        raise DamagedFileError(f"{path} is damaged: its checksum does not match.")
    _check_version(version.decode(errors="replace"), path)
    try:
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # torch can raise any error for bytes that it has not written
        if not is_damage(error):
            raise
        raise DamagedFileError(f"{path} holds more than tensors and plain values.") from error
    if not isinstance(state, dict):
        raise DamagedFileError(f"{path} holds a {type(state).__name__}; expected a dict.")
    return state


def _checksum(beginning: bytes, payload: bytes) -> bytes:
    return b"%08x" % zlib.crc32(payload, zlib.crc32(beginning))


def _check_version(version: int | str, path: Path) -> None:
    if str(version) != str(_VERSION):
        raise ValueError(
            f"{path} has format version {shortened(str(version))}; this version of relcon_sklearn, "
            f"{__version__}, resumes from version {_VERSION} only. Resume with the version that "
            "started it."
        )


def _advice_on_epochs(before: dict, now: dict) -> str:
    """Return advice for two fingerprints of which the second only has more epochs."""
    if "init" not in now or {**before, "max_epochs": None} != {**now, "max_epochs": None}:
        return ""
    return (
        " The learning rate has decayed over the epochs of this training. To add epochs, resume "
        "it, and pass the fitted estimator as init=FrozenEstimator(...) of another one, whose "
        "max_epochs is the number of epochs to add."
    )


def differences(before, now, name: str = "") -> list[str]:
    """Return a phrase for each difference between two fingerprints."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = [*before, *(key for key in now if key not in before)]
        return [
            phrase
            for key in names
            for phrase in differences(
                before.get(key, "absent"), now.get(key, "absent"), f"{name}.{key}".lstrip(".")
            )
        ]
    if before == now:
        return []
    return [f"{name} was {_BRIEF.repr(before)} and is {_BRIEF.repr(now)}"]
