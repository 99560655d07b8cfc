"""embed_store: embeddings of all segments of a store, in files."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from numbers import Integral
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from sklearn.utils.validation import check_is_fitted

from .._training._checkpoints import differences
from .._utils._atomic import replacing, unfinished
from .._utils._progress import hidden_bars, progress_bar
from .._utils._warnings import kept_warnings
from ..segments import SegmentStore
from ..segments._array import SegmentArray
from ..segments._chosen_rows import ChosenRows
from ..segments._runs import Runs
from ._embeddings import StoredEmbeddings, open_embeddings
from ._format import DTYPES, INDEX, LOCKS, Index, Layout, encode_checksum
from ._source import largest_difference, source_of

# Bytes of float32 segments that are embedded by one call of `transform`.
_BLOCK_BYTES = 2**24

# Embeddings of one segment that differ by more are those of different transformers.
_LARGEST_DIFFERENCE = 0.01


@validate_params(
    {
        "transformer": [HasMethods(["transform"])],
        "store": "no_validation",
        "out": [str, os.PathLike],
        "dtype": [StrOptions(set(DTYPES))],
        "shard_rows": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def embed_store(transformer, store, out, *, dtype="float16", shard_rows=65_536, verbose=0):
    """Compute the embeddings of all segments of a store, and write them to files.

    Embeddings are written in shards of successive segments, one ``.npy`` file each. Memory does not
    grow with the number of segments. An interrupted or killed call can simply be repeated: complete
    shards are not computed again. Several processes or machines may embed one store into one folder
    at the same time, each of them other shards.

    Parameters
    ----------
    transformer : estimator
        Fitted transformer of segments: a :class:`~relcon_sklearn.RelConEmbedder`,
        :class:`~relcon_sklearn.MotionFeatures`, or any other, such as a pipeline. It gets segments
        of shape (n_segments, n_timesteps, n_channels), float32, with the sampling rate of the
        store, and returns an array of shape (n_segments, n_features).
    store : SegmentStore
        One or several stores, as :func:`~relcon_sklearn.open_segments` returns them, or a selection
        of their subjects.
    out : str or path-like
        Folder of the embeddings. It is created if it does not exist. A leading ``~`` is the home
        folder.
    dtype : {"float16", "float32"}, default="float16"
        How values are stored. "float16" takes half the space, and has three significant digits
        and values up to 65,504. It suits embeddings, which are noisier than that.
    shard_rows : int, default=65_536
        Number of embeddings in a shard, which is what an interruption can lose for each process.
        With the default and 448 features of float16, a shard has 59 MB.
    verbose : int, default=0
        If positive, show a progress bar. It counts complete shards, and what this process computes.

    Returns
    -------
    embeddings : Embeddings
        The embeddings, as :func:`open_embeddings` opens them. Other processes that write into the
        folder have also finished.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the transformer is not fitted.
    TypeError
        If `store` is not an open store, for example if it is a path.
    ValueError
        If another parameter is not valid. If `out` has the embeddings of another transformer or
        store, or with another `dtype` or `shard_rows`. If an embedding is NaN or infinite, or
        outside the range of `dtype`. If the transformer refuses the segments.
    FileExistsError
        If `out` has something other than embeddings.
    DamagedFileError
        If the index in `out` is damaged.
    OSError
        If the disk is full or fails.

    Warns
    -----
    UserWarning
        If the transformer warns of up to 256 segments from all parts of the store, for example
        because of their units. Such warnings about other segments are not shown.

    See Also
    --------
    open_embeddings : Open embeddings.
    relcon_sklearn.open_segments : Open a store.

    Notes
    -----
    A transformer is another one if its class, a checksum of its weights, or its embeddings of up
    to 256 segments in complete shards differ. A store is another one if its shape, its sampling
    rate, its subjects or these segments differ. Its path may be another one.

    A shard is written to a temporary file, which gets its name when it is on the disk. It ends with
    a checksum, which :meth:`Embeddings.verify` compares. Shards are locked while they are computed.
    If a process is killed, its lock is released, and another process that is waiting for the shard
    computes it. The file system must have locks.

    Examples
    --------
    >>> import tempfile
    >>> from relcon_sklearn import MotionFeatures
    >>> from relcon_sklearn.datasets import make_motion_store
    >>> from relcon_sklearn.embeddings import embed_store
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = make_motion_store(folder.name + "/store", 60, 3, n_timesteps=64, random_state=0)
    >>> features = MotionFeatures().fit(store.X)
    >>> embeddings = embed_store(features, store, folder.name + "/features", dtype="float32")
    >>> embeddings.X.shape, embeddings.subjects.tolist()
    ((60, 128), ['s0', 's1', 's2'])
    >>> bool((embeddings.X[:2] == features.transform(store.X[:2])).all())
    True
    >>> folder.cleanup()
    """
    if not isinstance(store, SegmentStore):
        raise TypeError(
            f"store is of type {type(store).__name__}. Pass a store that is open: "
            "open_segments(path)."
        )
    check_is_fitted(transformer)
    folder = Path(os.path.expanduser(out)).resolve()
    array = SegmentArray(store.X, "store.X")
    embed = partial(_embed, transformer, array)
    sample = array.spread_rows()
    of_sample = embed(sample)
    _cast(of_sample, sample, dtype)  # raises errors before anything is written
    layout = Layout(len(array), of_sample.shape[1], dtype, int(shard_rows))
    index = Index(layout, store.groups, source_of(transformer, store, array))
    _create_or_continue(folder, index)
    complete = np.array([layout.is_complete(folder, i) for i in range(layout.n_shards)])
    known = complete[sample // layout.shard_rows]
    _check_embeddings(folder, layout, sample[known], of_sample[known])
    n_done = sum(len(layout.rows(i)) for i in np.flatnonzero(complete))
    with progress_bar(len(array), "embed", "segments", shown=verbose > 0) as bar:
        bar.update(n_done)
        write = partial(_write_shard, folder, layout, embed, _block_rows(array), bar.update)
        _write_missing(folder, layout, write)
    return open_embeddings(folder)


def _embed(transformer, array: SegmentArray, rows: np.ndarray) -> np.ndarray:
    """Return the embeddings of some rows; raise ValueError if they are not an array of numbers."""
    with hidden_bars():
        values = np.asarray(transformer.transform(ChosenRows(array, rows)))
    if values.ndim != 2 or len(values) != len(rows) or values.dtype.kind not in "fiub":
        raise ValueError(
            f"transform of {type(transformer).__name__} returned an array of shape {values.shape} "
            f"and dtype {values.dtype} for {len(rows)} segments. Expected real numbers of shape "
            f"({len(rows)}, n_features)."
        )
    return values


def _cast(values: np.ndarray, rows: np.ndarray, dtype: str) -> np.ndarray:
    """Cast embeddings; raise ValueError if a value is not finite before or after it."""
    with np.errstate(over="ignore"):
        cast = values.astype(DTYPES[dtype])
    bad = ~np.isfinite(cast)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        advice = "Check the transformer."
        if np.isfinite(values[i, j]):
            other = (
                "Choose 'float32' and another folder" if dtype == "float16" else "Check the units"
            )
            advice = f"The largest number of dtype={dtype!r} is {np.finfo(dtype).max:g}. {other}, "
            advice += "or scale the embeddings."
        raise ValueError(
            f"The embedding of segment {rows[i]} has {values[i, j]:g} in column {j}. {advice}"
        )
    return cast


def _create_or_continue(folder: Path, index: Index) -> None:
    """Write the index of a new folder, or check that an existing one has the same source."""
    if folder.exists():
        # In this order, because another process may be writing the index, and then its first shard.
        there = list(folder.iterdir()) if folder.is_dir() else [folder]
        is_other = not set(there) <= {folder / LOCKS, *unfinished(folder, INDEX)}
        if is_other and not (folder / INDEX).is_file():
            raise FileExistsError(
                f"{folder} exists, and is neither an empty folder nor one of embeddings. Choose "
                "another path in out."
            )
    (folder / LOCKS).mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCKS / "index.lock"):
        _remove_unfinished(folder, INDEX)
        if not (folder / INDEX).is_file():
            index.write(folder)
            return
        before = Index.read(folder)
    settings = [{**i.source, **i.layout._asdict()} for i in (before, index)]
    if changes := differences(*settings):
        raise ValueError(
            f"out={str(folder)!r} has other embeddings: {'; '.join(changes)}. Choose another "
            "folder, or embed with the transformer, store and settings of this one."
        )


def _remove_unfinished(folder: Path, name: str) -> None:
    """Remove what killed processes have left of a file whose lock is held."""
    for left in unfinished(folder, name):
        left.unlink(missing_ok=True)


def _check_embeddings(folder: Path, layout: Layout, rows: np.ndarray, now: np.ndarray) -> None:
    """Raise ValueError unless rows that are in complete shards have the same embeddings."""
    everything = Runs(np.array([0]), np.array([layout.n_rows]))
    difference = largest_difference(StoredEmbeddings(folder, layout, everything)[rows], now)
    if not difference <= _LARGEST_DIFFERENCE:
        raise ValueError(
            f"out={str(folder)!r} has other embeddings: the transformer now embeds segments of the "
            f"store with a relative difference of up to {difference:.2g}. Choose another folder, "
            "or embed with the transformer of this one."
        )


def _block_rows(array: SegmentArray) -> int:
    """Return the number of segments to embed by one call of `transform`."""
    return max(1, _BLOCK_BYTES // (4 * array.shape[1] * array.shape[2]))


def _write_missing(folder: Path, layout: Layout, write: Callable[[int], None]) -> None:
    """Write all shards that are not complete.

    First those that no other process is writing, and then, if it was killed, the others.
    """
    left = range(layout.n_shards)
    for timeout in (0, -1):
        taken = []
        for shard in left:
            if layout.is_complete(folder, shard):
                continue
            with _claimed(folder, shard, timeout) as is_mine:
                if not is_mine:
                    taken.append(shard)
                elif not layout.is_complete(folder, shard):
                    write(shard)
        left = taken


@contextmanager
def _claimed(folder: Path, shard: int, timeout: float) -> Iterator[bool]:
    """Lock a shard within the block; yield whether it is locked, which may take `timeout` s."""
    path = folder / LOCKS / f"{shard:06d}.lock"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        yield False
        return
    try:
        yield True
        # Who has opened it before finds a complete shard. Windows does not remove open files.
        with suppress(OSError):
            path.unlink()
    finally:
        lock.release()


def _write_shard(
    folder: Path,
    layout: Layout,
    embed: Callable[[np.ndarray], np.ndarray],
    block_rows: int,
    update: Callable[[int], object],
    shard: int,
) -> None:
    """Compute the embeddings of a shard, and write them atomically."""
    _remove_unfinished(folder, layout.file(shard))
    checksum = 0
    with replacing(folder / layout.file(shard)) as file:
        for part in _parts_of_shard(layout, embed, block_rows, update, shard):
            file.write(part)
            checksum = zlib.crc32(part, checksum)
        file.write(encode_checksum(checksum))


def _parts_of_shard(
    layout: Layout,
    embed: Callable[[np.ndarray], np.ndarray],
    block_rows: int,
    update: Callable[[int], object],
    shard: int,
) -> Iterator[bytes]:
    """Yield the header of a shard, and the embeddings of one block of segments after the other."""
    yield layout.header(shard)
    rows = np.array(layout.rows(shard))
    for block in np.split(rows, range(block_rows, len(rows), block_rows)):
        with kept_warnings():  # those of the sample stand for all
            values = embed(block)
        if values.shape[1] != layout.n_features:
            raise ValueError(
                f"The transformer returned {values.shape[1]} features for segments {block[0]} to "
                f"{block[-1]}, and {layout.n_features} for others."
            )
        yield _cast(values, block, layout.dtype).tobytes()
        update(len(block))
