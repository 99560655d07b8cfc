"""The two downstream protocols of the RelCon paper, ready for cross-validation."""

import os
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
    """What `load_benchmark` returns: a Bunch that can hand out its folds one by one."""

    def fold(self, i, *, z_score=None):
        """Return the training and the test part of one fold.

        Parameters
        ----------
        i : int
            Which of the `folds`.

        z_score : bool or None, default=None
            Whether to subtract the training part's mean from both parts, and to divide them by
            its standard deviation, channel by channel. None: as the protocol does, which is True
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
    """Load a public data set as the RelCon paper evaluates on it: segments, labels and folds.

    The paper has two downstream protocols. Both keep the subjects of the test part out of the
    training part, and both take three-axis acceleration at 100 Hz.

    =============  =======================  ===========  =============  =======  =====
    name           protocol                 placement    segments       classes  folds
    =============  =======================  ===========  =============  =======  =====
    "hhar"         "subject-5fold"          wrist        2 s            6        5
    "motionsense"  "subject-5fold"          pocket       2 s            6        5
    "pamap2"       "subject-5fold"          ankle        2 s            12       5
    "pamap2"       "leave-one-subject-out"  wrist        10 s, half of  8        8
                                                         them shared
    "opportunity"  "leave-one-subject-out"  right wrist  10 s, half of  4        4
                                                         them shared
    =============  =======================  ===========  =============  =======  =====

    Parameters
    ----------
    name : {"hhar", "motionsense", "opportunity", "pamap2"}
        The data set.

    protocol : {"subject-5fold", "leave-one-subject-out"} or None, default=None
        How it is evaluated. None stands for the only protocol of the data set; for "pamap2",
        which is in both, it has to be named.

    data_home : str, path-like or None, default=None
        Folder of all data sets, see `get_data_home`.

    download_if_missing : bool, default=True
        If False, data that are not there already are an OSError.

    n_retries : int, default=3
        How often a failed download is tried again.

    delay : float, default=1.0
        Seconds between tries.

    progressbar : bool, default=True
        Whether to show the progress of the download.

    Returns
    -------
    benchmark : Bunch
        X : ndarray of shape (n_segments, n_timesteps, 3), dtype float32
            Acceleration in g, gravity included: 200 or 1000 time steps. In the protocol
            "leave-one-subject-out" it is clipped to 3 g either way.
        y : ndarray of shape (n_segments,), dtype str
            The activity that covers more than half of the segment.
        groups : ndarray of shape (n_segments,), dtype str
            The subject.
        hour_groups : ndarray of shape (n_segments,), dtype int64
            A number for each subject and hour, for ``fit(X, groups=hour_groups)``.
        folds : list of (train, test)
            Indices of segments, to be passed as `cv` to scikit-learn.
        mean, scale : ndarray of shape (n_folds, 3), dtype float32
            Mean and standard deviation, in g, of each channel in the training part of each fold.
            ``(X - mean[i]) / scale[i]`` is z-scored as the protocol "subject-5fold" wants it.
        fold : callable
            ``benchmark.fold(i)`` returns ``X_train, X_test, y_train, y_test`` as the protocol
            prescribes, z-scored in "subject-5fold"; with ``z_score=True`` or False whatever the
            protocol.
        dropped : dict of str to int or float
            What was left out and why: that of `segment_recordings`, and
            ``windows_of_other_classes``.
        sampling_rate, units, placement, channel_names, label_names, name, protocol
            100.0, "g", and what their names say.
        DESCR, licence, citation : str
            About the data set. Please cite its authors.

    Raises
    ------
    OSError
        If the data can neither be found nor downloaded, or are damaged; the message says what to
        do.

    ValueError
        If the data set has no such protocol, or `protocol` is None for one that has both.

    See Also
    --------
    sklearn.model_selection.cross_validate : Takes `folds` as `cv`.

    Notes
    -----
    The rules are those of the scripts that the authors of the paper [1]_ released for these
    benchmarks (github.com/maxxu05/relcon). Where this function does something else, it is said
    here.

    **"subject-5fold"** follows Haresamudram et al. [2]_. Segments do not overlap. In the scripts
    they are cut out of all samples of a subject, end to end, and have their most frequent label;
    here none reaches across a longer hole or from one recording into another, and its label covers
    more than half of it. Each channel is z-scored with the mean and the standard deviation of the
    training samples. The scripts keep a fifth of the training subjects for validation, who do not
    count in these; here all training subjects do, and validation is left to you. Subjects are
    sorted, numbers by their value, and dealt in turn: fold i tests the subjects i, i + 5, i + 10
    and so on, counted from 0. That makes folds of the scripts' sizes (2, 2, 2, 2 and 1 of 9
    subjects, 5, 5, 5, 5 and 4 of 24), but not the same ones: theirs are shuffled, those of hhar
    not even alike in each run. Data sets:

    - hhar: all watches, samples without a label left out. The scripts take every second sample of
      the LG watches; here all watches are resampled from the times of their samples.
    - motionsense: the trouser pocket, which the paper calls the waist. The scripts read the raw
      accelerometer, `fetch_motionsense` the sum of gravity and user acceleration. 50 Hz are
      resampled to 100.
    - pamap2: the ankle, which the paper calls the leg (columns 39 to 41 of the files), protocol
      and optional sessions, of the activities those of the protocol: without watching TV, computer
      work, car driving, folding laundry, house cleaning and playing soccer. The scripts
      interpolate lost samples, however many in a row.

    **"leave-one-subject-out"** follows Yuan et al. [3]_. Segments overlap by half. In the scripts,
    those of which more than half has no label are left out, and others have their most frequent
    label; here that has to cover more than half. Values are in g and clipped to 3 g, not z-scored.
    Fold i tests the i-th subject, sorted. Data sets:

    - pamap2: the wrist (columns 5 to 7), protocol and optional sessions, the eight activities that
      all subjects did but 109, who has none of them and so is left out. The scripts leave out lost
      samples and close the hole.
    - opportunity: the right wrist (columns 23 to 25, the accelerometer RWR), labels of locomotion
      (column 244), all runs with the drill. The scripts take the rate to be 33.3 Hz, and
      interpolate with weights that do not add up to one; here 30 Hz are resampled to 100.

    In both, holes of up to 0.25 s are bridged by straight lines here, and no segment reaches
    across a longer one.

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
        gravity=False,  # units are known here: a broken sensor is no reason to refuse the rest
        short="skip",
    )
    labels = data.label_names if task.labels is None else task.labels
    kept = np.isin(segments.y, labels)
    X, groups = segments.X[kept], segments.groups[kept]
    if rules.clip is not None:
        np.clip(X, -rules.clip, rules.clip, out=X)
    folds = _folds(groups, rules.n_folds)
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
    """Return the protocol, or the only one that a data set has."""
    has = [of_name for named, of_name in _TASKS if named == name]
    if protocol is None and len(has) > 1:
        raise ValueError(f"protocol=None, but {name!r} is in more than one: pass one of {has}.")
    if protocol is not None and protocol not in has:
        others = [named for named, of_name in _TASKS if of_name == protocol]
        raise ValueError(
            f"protocol={protocol!r} has no data set {name!r}: pass protocol={has[0]!r}, or one of "
            f"{others} as name."
        )
    return protocol or has[0]


def _folds(groups, n_folds):
    """Deal the sorted subjects to folds in turn: a list of (train, test)."""
    subjects = sorted(set(groups.tolist()), key=lambda subject: (len(subject), subject))
    n_folds = n_folds or len(subjects)
    tests = [np.isin(groups, subjects[i::n_folds]) for i in range(n_folds)]
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in tests]
