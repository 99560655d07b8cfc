"""Several segment stores as one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ._lazy import LazyArray, positions_by_part
from ._mapped import MappedRows, Residency
from ._open_files import OpenFiles
from ._runs import label_runs
from ._store import SegmentStore, StoredSegments
from ._subjects import wanted_subjects


class JoinedStores(SegmentStore):
    """Several stores as one: the segments of one after the other.

    If times are dates, segments of one subject and hour in several stores are one hour group.
    Otherwise, hours of different stores are different.

    Parameters
    ----------
    stores : list of SegmentStore
        The stores.
    names : list of ndarray of str
        For each store, the name that each of its subjects has here, by the number of the subject
        in the store. Subjects of different stores that have the same name here are one subject.
    """

    def __init__(self, stores: list[SegmentStore], names: list[np.ndarray]):
        _check_same_kind(stores)
        first = stores[0]
        self.path = [store.path for store in stores]
        self._header, self._stores, self._names_in_stores = first._header, stores, names
        self.X = JoinedSegments([store.X for store in stores])
        self.sampling_rate, self.units = first.sampling_rate, first.units
        self.channels, self.columns = first.channels, first.columns
        self.subjects, subject = _number_subjects(stores, names)
        sizes = np.concatenate([store._runs.sizes for store in stores])
        hour = np.concatenate([store._records["hour"] for store in stores])
        self.groups = label_runs(subject, sizes, self.subjects)
        owner = subject
        if first._header.times != "datetime":  # hours count from the start of each recording
            number = np.repeat(np.arange(len(stores)), [len(store._runs) for store in stores])
            owner = subject * len(stores) + number
        hours, codes = np.unique(owner * 2**32 + hour, return_inverse=True)
        self.hour_groups = label_runs(codes, sizes, np.arange(len(hours)))

    def __repr__(self) -> str:
        return (
            f"<SegmentStore of {len(self._stores)} stores: {len(self)} segments of "
            f"{self.X.shape[1]} x {self.X.shape[2]} at {self.sampling_rate:g} Hz, "
            f"{len(self.subjects)} subjects>"
        )

    @property
    def times(self) -> np.ndarray | None:
        """Start time of each segment."""
        if self._header.times is None:
            return None
        return self._in_memory(store.times for store in self._stores)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._in_memory(store[name] for store in self._stores)

    def _all_stores(self) -> list[SegmentStore]:
        return self._stores

    def _in_memory(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        """Concatenate values of all stores, each of which is a file that is then closed."""
        values, start = None, 0
        for part in parts:
            if values is None:
                values = np.empty(len(self), part.dtype)
            values[start : start + len(part)] = part
            start += len(part)
        return values

    def select(self, subjects: Iterable[str]) -> SegmentStore:
        """Return the stores restricted to the given subjects."""
        wanted = wanted_subjects(subjects, self.subjects)
        parts = [
            (store.select(store._names[own]), names)
            for store, names in zip(self._stores, self._names_in_stores, strict=True)
            if (own := np.isin(names, wanted) & np.isin(store._names, store.subjects)).any()
        ]
        return JoinedStores(*map(list, zip(*parts, strict=True)))


class JoinedSegments(LazyArray):
    """Segments of several stores as an array-like of float32, which is pickled as their paths."""

    def __init__(self, parts: list[StoredSegments]):
        self._parts, self._files, self._residency = parts, OpenFiles(), Residency()
        self._edges = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        self.shape = (int(self._edges[-1]), *parts[0].shape[1:])
        self.dtype = parts[0].dtype
        self.sampling_rate = parts[0].sampling_rate

    def __reduce__(self):
        return JoinedSegments, (self._parts,)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        part = np.searchsorted(self._edges, rows, side="right") - 1
        for number, where in positions_by_part(part):
            stored = self._files.get(number, self._open)
            own = rows[where] - self._edges[number]
            values[where] = self._parts[number].read_from(stored, own)
        return values

    def _open(self, number: int) -> MappedRows:
        return self._parts[number].open(self._residency)


def _number_subjects(
    stores: list[SegmentStore], names: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the names of all subjects, and the number of the subject of each run."""
    used = [np.unique(store._records["subject"]) for store in stores]
    all_names = np.concatenate([own[codes] for own, codes in zip(names, used, strict=True)])
    subjects, numbers = np.unique(all_names, return_inverse=True)
    numbers = np.split(numbers, np.cumsum([len(codes) for codes in used])[:-1])
    of_runs = [
        own[np.searchsorted(codes, store._records["subject"])]
        for store, codes, own in zip(stores, used, numbers, strict=True)
    ]
    return subjects, np.concatenate(of_runs)


def _check_same_kind(stores: list[SegmentStore]) -> None:
    """Raise ValueError if stores have different descriptions; their dtypes may differ."""
    first = _description(stores[0])
    for store in stores[1:]:
        for name, value in _description(store).items():
            if value != first[name]:
                raise ValueError(
                    f"The stores {stores[0].path} and {store.path} cannot be opened as one: {name} "
                    f"is {first[name]!r} in the first and {value!r} in the second. Open them "
                    "separately, or write one of them again."
                )


def _description(store: SegmentStore) -> dict:
    header = store._header
    described = {k: v for k, v in header.description().items() if k not in ("dtype", "scale")}
    return described | {"times": header.times}
