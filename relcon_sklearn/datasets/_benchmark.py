"""load_benchmark: the two downstream protocols of the RelCon paper, with folds."""

import os
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from .._recordings import segment_recordings
from ._fetchers._hhar import fetch_hhar
from ._fetchers._motionsense import fetch_motionsense
from ._fetchers._opportunity import fetch_opportunity
from ._fetchers._pamap2 import PROTOCOL_ACTIVITIES, fetch_pamap2

_SAMPLING_RATE = 100.0  # Hz
_MAX_GAP = 0.25  # s; shorter gaps are interpolated


class _Protocol(NamedTuple):
    """Settings that all tasks of one protocol share."""

    window: float  # s
    overlap: float
    n_folds: int | None  # None: one for each subject
    z_scored: bool
    clip: float | None  # g


class _Task(NamedTuple):
    """A data set in one protocol."""

    fetch: Callable
    options: dict  # parameters of the fetcher that choose the recordings and labels
    labels: list | None = None  # classes; None: all labels of the data set


_PROTOCOLS = {
    "subject-5fold": _Protocol(2.0, 0.0, n_folds=5, z_scored=True, clip=None),
    "leave-one-subject-out": _Protocol(10.0, 0.5, n_folds=None, z_scored=False, clip=3.0),
}

_TASKS = {
    ("hhar", "subject-5fold"): _Task(fetch_hhar, {}),
    ("motionsense", "subject-5fold"): _Task(fetch_motionsense, {}),
    ("pamap2", "subject-5fold"): _Task(fetch_pamap2, {"placement": "ankle"}, PROTOCOL_ACTIVITIES),
    ("pamap2", "leave-one-subject-out"): _Task(
        fetch_pamap2,
        {"placement": "wrist"},
        [
            "lying",
            "sitting",
            "standing",
            "walking",
            "ascending stairs",
            "descending stairs",
            "vacuum cleaning",
            "ironing",
        ],
    ),
    ("opportunity", "leave-one-subject-out"): _Task(
        fetch_opportunity, {"placement": "wrist", "target": "locomotion"}
    ),
}


class Benchmark(Bunch):
    """The return value of `load_benchmark`: a Bunch with a method that returns one fold."""

    def fold(self, i, *, z_score=None):
        """Return the training and the test part of one fold.

        Parameters
        ----------
        i : int
            Index into `folds`.

        z_score : bool or None, default=None
            Whether to subtract the mean of the training part from both parts and to divide them by
            its standard deviation, separately for each channel. If None, as in the protocol: True
            for "subject-5fold" and False for "leave-one-subject-out".

        Returns
        -------
        X_train, X_test : ndarray of shape (n_segments, n_timesteps, n_channels), dtype float32
            New arrays.

        y_train, y_test : ndarray of shape (n_segments,), dtype str
        """
        train, test = self.folds[i]
        X_train, X_test = self.X[train], self.X[test]
        if _PROTOCOLS[self.protocol].z_scored if z_score is None else z_score:
            X_train, X_test = ((X - self.mean[i]) / self.scale[i] for X in (X_train, X_test))
        return X_train, X_test, self.y[train], self.y[test]


@validate_params(
    {
        "name": [StrOptions({name for name, _ in _TASKS})],
        "protocol": [StrOptions(set(_PROTOCOLS)), None],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0.0, None, closed="left")],
        "progressbar": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_benchmark(
    name,
    *,
    protocol=None,
    data_home=None,
    download_if_missing=True,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load a public data set in a benchmark protocol of the RelCon paper.

    The benchmark has segments, labels and cross-validation folds. The paper has two downstream
    protocols. In both, the subjects of the test part are not in the training part, and the input
    is three-axis acceleration at 100 Hz.

    =============  =======================  ===========  =============  =======  =====
    name           protocol                 placement    segments       classes  folds
    =============  =======================  ===========  =============  =======  =====
    "hhar"         "subject-5fold"          wrist        2 s            6        5
    "motionsense"  "subject-5fold"          pocket       2 s            6        5
    "pamap2"       "subject-5fold"          ankle        2 s            12       5
    "pamap2"       "leave-one-subject-out"  wrist        10 s, overlap  8        8
                                                         by half
    "opportunity"  "leave-one-subject-out"  right wrist  10 s, overlap  4        4
                                                         by half
    =============  =======================  ===========  =============  =======  =====

    Parameters
    ----------
    name : {"hhar", "motionsense", "opportunity", "pamap2"}
        Name of the data set.

    protocol : {"subject-5fold", "leave-one-subject-out"} or None, default=None
        Evaluation protocol. If None, the only protocol of the data set. It is required for
        "pamap2", which has both.

    data_home : str, path-like or None, default=None
        Folder of all data sets. If None, the folder that :func:`get_data_home` returns. Each data
        set has a subfolder (`hapt`, `hhar`, ...) with the publisher's files and the parsed
        recordings. The publisher's files may be deleted once the recordings are parsed. They are
        needed again only for another variant of the data set, such as another placement.

    download_if_missing : bool, default=True
        Whether to download missing data. If False, missing data raise an OSError.

    n_retries : int, default=3
        Number of times to retry a failed download.

    delay : float, default=1.0
        Seconds to wait between attempts.

    progressbar : bool, default=True
        Whether to show a progress bar for the download.

    Returns
    -------
    benchmark : Bunch
        X : ndarray of shape (n_segments, n_timesteps, 3), dtype float32
            Acceleration in g, gravity included, with 200 or 1000 time steps. In the protocol
            "leave-one-subject-out", values are clipped to -3 to 3 g.
        y : ndarray of shape (n_segments,), dtype str
            The activity that covers more than half of the segment.
        groups : ndarray of shape (n_segments,), dtype str
            The subject of each segment.
        hour_groups : ndarray of shape (n_segments,), dtype int64
            A number for each subject and hour, for ``fit(X, groups=hour_groups)``.
        folds : list of (train, test)
            Indices of segments. Pass the list to scikit-learn as `cv`.
        mean, scale : ndarray of shape (n_folds, 3), dtype float32
            Mean and standard deviation, in g, of each channel in the training part of each fold.
            ``(X - mean[i]) / scale[i]`` is the z-scored input of the protocol "subject-5fold".
        fold : callable
            ``benchmark.fold(i)`` returns ``X_train, X_test, y_train, y_test`` of a fold, z-scored
            in the protocol "subject-5fold". With ``z_score=True`` or ``z_score=False``, this does
            not depend on the protocol.
        dropped : dict of str to int or float
            Number or duration of left out data for each reason: the entries of
            `segment_recordings`, and ``windows_of_other_classes``.
        sampling_rate, units, placement, channel_names, label_names, name, protocol
            100.0, "g", the placement of the device, the names of the channels and of the classes,
            and the two parameters.
        DESCR, licence, citation : str
            Description, licence and citation of the data set. Please cite its authors.

    Raises
    ------
    OSError
        If the data are missing and cannot be downloaded, or if they are damaged. The message says
        what to do.

    ValueError
        If the data set does not have this protocol, or if `protocol` is None for a data set with
        both protocols.

    See Also
    --------
    sklearn.model_selection.cross_validate : Accepts `folds` as `cv`.

    Notes
    -----
    The protocols follow the scripts that the authors of the paper [1]_ released for these
    benchmarks (github.com/maxxu05/relcon). All differences are listed here.

    **"subject-5fold"** follows Haresamudram et al. [2]_. Segments do not overlap. Each channel is
    z-scored with the mean and standard deviation of the training samples. Subjects are sorted
    (numbers by value) and assigned to folds in turn: fold i tests the subjects i, i + 5, i + 10
    and so on, counted from 0. Differences:

    - The scripts concatenate all samples of a subject before they cut segments, and a segment has
      its most frequent label. Here no segment spans a gap of more than 0.25 s or two recordings,
      and its label covers more than half of it.
    - The scripts use a fifth of the training subjects for validation, which do not contribute to
      mean and standard deviation. Here all training subjects contribute, and validation is up to
      the user.
    - The folds have the sizes of the scripts' folds (2, 2, 2, 2 and 1 of 9 subjects; 5, 5, 5, 5
      and 4 of 24), but not the same subjects: the scripts shuffle subjects, for hhar differently
      in each run.

    Data sets:

    - hhar: all watches, without unlabelled samples. The scripts use every second sample of the LG
      watches. Here all watches are resampled according to their timestamps.
    - motionsense: the trouser pocket, which the paper calls the waist. The scripts read the raw
      accelerometer; `fetch_motionsense` reads the sum of gravity and user acceleration. Signals
      are resampled from 50 to 100 Hz.
    - pamap2: the ankle, which the paper calls the leg (columns 39 to 41 of the files). Protocol
      and optional sessions are used, but only activities of the protocol: without watching TV,
      computer work, car driving, folding laundry, house cleaning and playing soccer. The scripts
      interpolate lost samples in gaps of any length.

    **"leave-one-subject-out"** follows Yuan et al. [3]_. Segments overlap by half. Values are in g
    and clipped to -3 to 3 g, not z-scored. Fold i tests the i-th of the sorted subjects. In the
    scripts, segments without labels in more than half of their samples are left out, and other
    segments have their most frequent label. Here the label must cover more than half of the
    segment. Data sets:

    - pamap2: the wrist (columns 5 to 7), protocol and optional sessions, and the eight activities
      that all subjects performed except 109. Subject 109 performed none of them and is left out.
      The scripts leave out lost samples and close the gap.
    - opportunity: the right wrist (columns 23 to 25, the accelerometer RWR), the labels of
      locomotion (column 244) and all runs including the drill. The scripts assume a rate of
      33.3 Hz and interpolate with weights that do not sum to one. Here signals are resampled from
      30 to 100 Hz.

    In both protocols, gaps of up to 0.25 s are interpolated linearly, and no segment spans a
    longer gap.

    References
    ----------
    .. [1] Xu et al. RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data. ICLR 2025.
    .. [2] Haresamudram, Essa, Plötz. Assessing the State of Self-Supervised Human Activity
       Recognition Using Wearables. Proc. ACM IMWUT 6(3), 2022.
    .. [3] Yuan et al. Self-supervised learning for human activity recognition using 700,000
       person-days of wearable data. npj Digital Medicine 7, 2024.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from relcon_sklearn.datasets import load_benchmark
    >>> bench = load_benchmark("hhar")  # doctest: +SKIP
    >>> X_train, X_test, y_train, y_test = bench.fold(0)  # doctest: +SKIP
    >>> clf = LogisticRegression().fit(X_train.std(axis=1), y_train)  # doctest: +SKIP
    >>> clf.score(X_test.std(axis=1), y_test)  # doctest: +SKIP
    """
    protocol = _choose_protocol(name, protocol)
    rules, task = _PROTOCOLS[protocol], _TASKS[name, protocol]
    data = task.fetch(
        **task.options,
        data_home=data_home,
        download_if_missing=download_if_missing,
        n_retries=n_retries,
        delay=delay,
        progressbar=progressbar,
    )
    with warnings.catch_warnings():
        # The protocols leave out what has no label, and people of HHAR wore several devices.
        warnings.filterwarnings("ignore", message="More than half of")
        warnings.filterwarnings("ignore", message="Recordings of one subject overlap")
        segments = segment_recordings(
            data.recordings,
            data.sampling_rate,
            units=data.units,
            window=rules.window,
            overlap=rules.overlap,
            target_rate=_SAMPLING_RATE,
            labels=data.labels,
            subjects=data.subjects,
            timestamps=data.timestamps,
            max_gap=_MAX_GAP,
            gravity=False,  # the units are known, so one broken sensor must not raise an error
            short="skip",
        )
    labels = data.label_names if task.labels is None else task.labels
    kept = np.isin(segments.y, labels)
    X, groups = segments.X[kept], segments.groups[kept]
    if rules.clip is not None:
        np.clip(X, -rules.clip, rules.clip, out=X)
    folds = _make_folds(groups, rules.n_folds)
    return Benchmark(
        X=X,
        y=segments.y[kept],
        groups=groups,
        hour_groups=segments.hour_groups[kept],
        folds=folds,
        mean=np.array([X[train].mean(axis=(0, 1), dtype=np.float64) for train, _ in folds], "f4"),
        scale=np.array([X[train].std(axis=(0, 1), dtype=np.float64) for train, _ in folds], "f4"),
        dropped={**segments.dropped, "windows_of_other_classes": int((~kept).sum())},
        sampling_rate=_SAMPLING_RATE,
        units=data.units,
        placement=data.placement,
        channel_names=data.channel_names,
        label_names=list(labels),
        name=name,
        protocol=protocol,
        DESCR=data.DESCR,
        licence=data.licence,
        citation=data.citation,
    )


def _choose_protocol(name, protocol):
    """Return the protocol, or the only protocol of the data set if it is None."""
    available = [task_protocol for task_name, task_protocol in _TASKS if task_name == name]
    if protocol is None and len(available) > 1:
        raise ValueError(
            f"protocol=None, but {name!r} has several protocols. Pass one of {available}."
        )
    if protocol is not None and protocol not in available:
        names = [task_name for task_name, task_protocol in _TASKS if task_protocol == protocol]
        raise ValueError(
            f"protocol={protocol!r} is not available for {name!r}. Pass protocol={available[0]!r}, "
            f"or one of {names} as name."
        )
    return protocol or available[0]


def _make_folds(groups, n_folds):
    """Assign the sorted subjects to folds in turn; return a list of (train, test)."""
    subjects = sorted(set(groups.tolist()), key=lambda subject: (len(subject), subject))
    n_folds = n_folds or len(subjects)
    tests = [np.isin(groups, subjects[i::n_folds]) for i in range(n_folds)]
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in tests]
