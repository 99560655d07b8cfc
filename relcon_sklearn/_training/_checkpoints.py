"""Checkpoints of a training in a folder: written whole or not at all, the last few kept."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import pickle
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path

import filelock
import torch

from .._utils._atomic import unfinished, write_atomically
from .._utils._warnings import warn
from .._version import __version__

logger = logging.getLogger("relcon_sklearn")

_FORMAT = "relcon_sklearn checkpoint"
_VERSION = 1
_RECORD = "training.json"
_LOCK = ".lock"


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often a training writes checkpoints, from which it can be continued.

    Pass it, or only a path, as `checkpoint_dir` of an estimator. ``fit`` with the same parameters
    and data then goes on where the last checkpoint was written, and ends with the weights and the
    history it would have had without a break: exactly on a CPU, to rounding on a GPU.

    Parameters
    ----------
    path : str or path-like
        Folder of the checkpoints of one training; it is made if need be. An estimator in another
        has a folder inside: ``distance`` in that of an embedder, ``pretraining`` in that of a
        classifier or regressor.
    every_seconds : float or None, default=600
        Write one after so many seconds; what is lost at worst. Ten minutes cost next to nothing: a
        checkpoint of the published encoder is 58 MB, and took 0.1 to 0.6 s to write.
    every_steps : int or None, default=None
        Write one after so many training steps. With both, whichever comes first.
    keep : int, default=2
        How many to keep. An older one is removed only when a newer one is safely on the disk.

    Raises
    ------
    ValueError
        If a value cannot be used.

    See Also
    --------
    RelConEmbedder.save : Keep a fitted estimator, in one file.

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
            raise ValueError(f"path={self.path!r}: a path is needed.")
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
        """Return the same for a folder inside, of an estimator that is part of another."""
        return replace(self, path=Path(self.path) / name)


class CheckpointFolder:
    """The checkpoints of one training.

    Parameters
    ----------
    settings : Checkpoints
        Where, and how many to keep.
    fingerprint : dict
        What the training depends on: names and plain values, dicts within dicts.
    seed : int
        The seed of the training, if it is a new one.

    Attributes
    ----------
    seed : int
        That of the training that was begun in the folder; the one given if it is new.

    Raises
    ------
    ValueError
        If the folder holds the checkpoints of a training with another fingerprint, or of another
        version, or is no folder.
    """

    def __init__(self, settings: Checkpoints, fingerprint: dict, seed: int):
        self.settings = settings
        # What the working directory is may change in a week.
        self.path = Path(settings.path).resolve()
        # As it will be read again: JSON has no tuples.
        self.fingerprint = json.loads(json.dumps(fingerprint))
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"checkpoint_dir={str(self.path)!r} is a file; a folder is needed.")
        self.path.mkdir(parents=True, exist_ok=True)
        self.seed = self._begun_with(seed)

    def _begun_with(self, seed: int) -> int:
        """Return the seed of the training begun here before, or note that one begins."""
        record = self.path / _RECORD
        if not record.exists():
            if self._files():
                raise ValueError(
                    f"{self.path} holds checkpoints, but not {_RECORD}, which says what of. Choose "
                    "another folder as checkpoint_dir."
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
            before = json.loads(record.read_bytes())
            version, seed, fingerprint = (before[k] for k in ("version", "seed", "fingerprint"))
            if before["format"] != _FORMAT or not isinstance(seed, int):
                raise ValueError("another format")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{record} is damaged, or not of relcon_sklearn: {error!r}. Choose another folder "
                "as checkpoint_dir."
            ) from error
        _check_version(version, record)
        if changes := differences(fingerprint, self.fingerprint):
            raise ValueError(
                f"checkpoint_dir={str(self.path)!r} holds the checkpoints of another training: "
                f"{'; '.join(changes)}. Fit the estimator and data it was begun with to go on, "
                "or choose another folder to begin anew."
            )
        return seed

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes and threads from training into this folder within the block.

        Raises
        ------
        RuntimeError
            If one does.
        """
        lock = filelock.FileLock(self.path / _LOCK, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise RuntimeError(
                f"Another fit is training into checkpoint_dir={str(self.path)!r}. Give each a "
                "folder of its own; searches and cross-validation, which fit clones, want "
                "checkpoint_dir=None."
            ) from error
        try:
            # Left by a process that was killed while it wrote.
            for left in unfinished(self.path, "step-*.ckpt"):
                left.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    def _files(self) -> list[Path]:
        """Return the checkpoints, oldest first."""
        return sorted(self.path.glob("step-*.ckpt"))

    @property
    def newest(self) -> Path | None:
        """Path of the last checkpoint; None before the first."""
        return next(reversed(self._files()), None)

    def write(self, step: int, state: dict) -> None:
        """Write a checkpoint, and then remove those that are not to be kept.

        Parameters
        ----------
        step : int
            Number of training steps taken. One of the same step is replaced.
        state : dict
            Tensors and plain values.

        Raises
        ------
        OSError
            If it cannot be written. Those written before are as they were.
        TypeError
            If there is something in the state that could not be read again.
        """
        path = self.path / f"step-{step:012d}.ckpt"
        content = checkpoint_to_bytes({"fingerprint": self.fingerprint, **state})
        try:
            checkpoint_from_bytes(content, path)
        except DamagedCheckpoint as error:
            raise TypeError(
                "The state of a module, an optimizer or a callback holds more than tensors, "
                f"numbers, strings and containers of them, as a checkpoint must: {error.__cause__}"
            ) from error
        try:
            write_atomically(path, content)
        except OSError as error:
            before = self.newest
            raise OSError(
                error.errno,
                f"{error.strerror or error}: the checkpoint {path.name} could not be written. "
                + (
                    "There is none before it."
                    if before is None
                    else f"The same fit goes on from {before.name}, once there is room."
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
            If there are checkpoints, but none can be read, or one is of another training.
        """
        files = self._files()
        for path in reversed(files):
            try:
                state = checkpoint_from_bytes(path.read_bytes(), path)
            except DamagedCheckpoint as error:
                warn(f"{error} Continuing from the one before.", RuntimeWarning)
                continue
            if changes := differences(state.pop("fingerprint"), self.fingerprint):
                raise ValueError(f"{path} is of another training: {'; '.join(changes)}.")
            return state
        if files:
            raise ValueError(
                f"None of the {len(files)} checkpoints in {self.path} can be read. Choose another "
                "folder as checkpoint_dir to begin anew."
            )
        return None


class DamagedCheckpoint(ValueError):
    """A checkpoint that is not what was written."""


def checkpoint_to_bytes(state: dict) -> bytes:
    """Return the bytes of a checkpoint: a line with its version and checksum, and the state."""
    payload = io.BytesIO()
    torch.save(state, payload)
    content = payload.getvalue()
    return f"{_FORMAT} {_VERSION} {zlib.crc32(content):08x}\n".encode() + content


def checkpoint_from_bytes(content: bytes, path: Path) -> dict:
    """Return the state in the bytes of a checkpoint, of which nothing is executed."""
    line, _, payload = content.partition(b"\n")
    words = line.decode("latin-1").rsplit(" ", 2)
    if len(words) != 3 or words[0] != _FORMAT:
        raise DamagedCheckpoint(f"{path} does not begin as a checkpoint.")
    _check_version(int(words[1]) if words[1].isdecimal() else words[1], path)
    if words[2] != f"{zlib.crc32(payload):08x}":
        raise DamagedCheckpoint(f"{path} is damaged: its checksum is not that of what it holds.")
    try:
        return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DamagedCheckpoint(f"{path} holds more than tensors and plain values.") from error


def _check_version(version, path: Path) -> None:
    if version != _VERSION:
        raise ValueError(
            f"{path} has format version {version}; this version of relcon_sklearn, {__version__}, "
            f"goes on from version {_VERSION} only. Go on with the version that began it."
        )


def differences(before, now, name: str = "") -> list[str]:
    """Return what differs between two fingerprints, a phrase for each."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = [*before, *(key for key in now if key not in before)]
        return [
            phrase
            for key in names
            for phrase in differences(
                before.get(key, "absent"), now.get(key, "absent"), f"{name}.{key}".lstrip(".")
            )
        ]
    return [] if before == now else [f"{name} was {_short(before)} and is {_short(now)}"]


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
