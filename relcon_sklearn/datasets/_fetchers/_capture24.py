"""The Capture-24 data set: a day in the lives of 151 people."""

import csv
import gzip
import hashlib
import io
import zlib
from functools import partial
from itertools import islice, pairwise

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ...exceptions import DamagedFileError
from ._clock import advances
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

# Layout: the authors' code, github.com/OxWearables/capture24, and public loaders of the archive.
# Several of them state this checksum.
SOURCE = Source(
    name="capture24",
    url="https://ora.ox.ac.uk/objects/uuid:99d7c092-d865-4a19-b096-cc16440cd001/files/rpr76f381b",
    filename="capture24.zip",
    sha256="69740c22d3e000367988373336dc6486c10fe3f3f929811fd66e4d84861e40e2",
)
_SCHEMES = [
    "WillettsSpecific2018",
    "WillettsMET2018",
    "DohertySpecific2018",
    "Willetts2018",
    "Doherty2018",
    "Walmsley2020",
]
_HEADER = "time,x,y,z,annotation"
_CHUNK = 100_000  # lines
_UNLABELLED = -1
_SUBJECTS = [f"P{number:03}" for number in range(1, 152)]
_MOST_NAMED = 10  # subjects in the name of a cache

_PARSER_VERSION = 1


@validate_params(
    FETCH_CONSTRAINTS
    | {"labels": [StrOptions({"annotation", *_SCHEMES})], "subjects": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def fetch_capture24(
    *,
    labels="WillettsSpecific2018",
    subjects=None,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the Capture-24 recordings (free living, 24 hours, wrist); download if needed.

    People wore an accelerometer on the wrist for about a day of their normal life. Their activities
    were annotated from the images of a body camera, and their sleep from diaries.

    ==================  ==================================================
    Subjects            151
    Recordings          stretches of one label; 3,883 hours, 2,562 of them
                        labelled
    Rate, placement     100 Hz, wrist
    Labels              4 to 11 in the published schemes, 206 annotations
    Download            6.9 GB
    ==================  ==================================================

    The data are large: 1.4 billion samples. We estimate that parsing them takes an hour and 60 GB
    of memory, and that loading the parsed recordings takes 30 GB. `subjects` loads a part
    of them. The second example below converts all of them person by person, with about 1 GB.

    A recording ends where the label changes. In this form the labels need no memory, whereas an
    array with a string for each sample would need more than 60 GB. The recordings of a subject are
    consecutive and in order of time. Many are short: pass `short="skip"` to
    `segment_recordings`, and `unlabelled="keep"` for pretraining.

    Parameters
    ----------
    labels : {"annotation", "WillettsSpecific2018", "WillettsMET2018", "DohertySpecific2018", \
            "Willetts2018", "Doherty2018", "Walmsley2020"}, default="WillettsSpecific2018"
        Labels to load: the annotations, with codes of the Compendium of Physical Activities, or
        one of the schemes that group them, named after the articles that published them.
        "WillettsSpecific2018" has ten activities, "Walmsley2020" four intensities.

    subjects : list of str or None, default=None
        Subjects to load, from "P001" to "P151". Only their files are parsed, and each selection is
        kept as its own parsed recordings. If None, all.

    data_home : str, path-like or None, default=None
        Folder of all data sets. If None, the folder that :func:`get_data_home` returns. Each data
        set has a subfolder (`hapt`, `hhar`, ...) with the publisher's files and the parsed
        recordings. The publisher's files may be deleted once the recordings are parsed. They are
        needed again only for another variant of the data set, such as another placement.

    download_if_missing : bool, default=True
        Whether to download missing data. If False, missing data raise an OSError.

    return_X_y : bool, default=False
        Whether to return `(recordings, labels)` instead of a Bunch.

    as_frame : bool, default=False
        Whether to return recordings as DataFrames. Requires pandas.

    n_retries : int, default=3
        Number of times to retry a failed download.

    delay : float, default=1.0
        Seconds to wait between attempts.

    progressbar : bool, default=True
        Whether to show a progress bar for the download.

    Returns
    -------
    data : Bunch
        recordings : list of ndarray of shape (n_samples, 3), dtype float32
            Acceleration in g, gravity included. With `as_frame`, DataFrames with the columns x, y,
            z and label, and a DatetimeIndex.
        labels : list of ndarray of shape (n_samples,), dtype str
            The label of each sample, the same throughout a recording; "" for unlabelled ones.
        subjects : ndarray of shape (n_recordings,), dtype str
            "P001" to "P151".
        recording_age : ndarray of shape (n_recordings,), dtype str
            Age group of the subject in years: "18-29", "30-37", "38-52" or "53+".
        recording_sex : ndarray of shape (n_recordings,), dtype str
            "F" or "M".
        n_missing_lines : int
            Number of lines left out, because a value is missing or the time does not increase.
        timestamps : list of ndarray of shape (n_samples,), dtype datetime64[ns]
            Local time, as in the publisher's files; strictly increasing, with gaps.
        sampling_rate, units, placement, channel_names, label_names
            100.0, "g", "wrist", the names of the channels and the names of the labels.
        DESCR, licence, citation : str
            Description, licence and citation of the data set. Please cite its authors.

    (recordings, labels) : tuple if `return_X_y`
        As above. With `as_frame`, DataFrames of the channels and Series of the labels.

    Raises
    ------
    OSError
        If the data are missing and cannot be downloaded, or if they are damaged. The message says
        what to do.

    ValueError
        If `subjects` has unknown names or none, or if a line of the publisher's text is malformed
        or has an unknown annotation.

    See Also
    --------
    fetch_harth : Free living of two hours, on the back and thigh.
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    A part of the people:

    >>> from relcon_sklearn import SegmentWriter, segment_recordings
    >>> from relcon_sklearn.datasets import fetch_capture24
    >>> data = fetch_capture24(labels="Walmsley2020", subjects=["P001", "P002"])  # doctest: +SKIP

    All people, one after the other, to a store of segments of 10 s at 50 Hz. After an interruption,
    it continues.

    >>> shape = dict(n_timesteps=500, n_channels=3, sampling_rate=50, columns={"activity": "U16"})
    >>> with SegmentWriter("capture24", **shape) as writer:  # doctest: +SKIP
    ...     for person in (f"P{number:03}" for number in range(1, 152)):
    ...         if person in writer.subjects:
    ...             continue
    ...         data = fetch_capture24(subjects=[person])
    ...         segments = segment_recordings(
    ...             data.recordings,
    ...             data.sampling_rate,
    ...             units=data.units,
    ...             window=10,
    ...             target_rate=50,
    ...             labels=data.labels,
    ...             subjects=data.subjects,
    ...             timestamps=data.timestamps,
    ...             unlabelled="keep",
    ...             short="skip",
    ...         )
    ...         times = segments.start_times
    ...         writer.append(segments.X, person, times=times, activity=segments.y)
    """
    chosen = None if subjects is None else _check_subjects(subjects)
    return fetch_recordings(
        SOURCE,
        partial(_parse, labels=labels, subjects=chosen),
        version=_PARSER_VERSION,
        variant=labels if chosen is None else f"{labels}-{_name_of(chosen)}",
        data_home=data_home,
        download_if_missing=download_if_missing,
        return_X_y=return_X_y,
        as_frame=as_frame,
        n_retries=n_retries,
        delay=delay,
        progressbar=progressbar,
    )


def _check_subjects(subjects):
    """Return the names of subjects in their order, each once."""
    unknown = [subject for subject in subjects if subject not in _SUBJECTS]
    if unknown or len(subjects) == 0:
        raise ValueError(
            f"subjects has {unknown or 'no names'}. Pass names from {_SUBJECTS[0]!r} to "
            f"{_SUBJECTS[-1]!r}, or None for all."
        )
    return [subject for subject in _SUBJECTS if subject in subjects]


def _name_of(subjects):
    """Return the part of a file name that stands for a selection of subjects."""
    names = "-".join(subjects)
    if len(subjects) <= _MOST_NAMED:
        return names
    return f"{len(subjects)}-{hashlib.sha256(names.encode()).hexdigest()[:16]}"


def _parse(archive, *, labels, subjects):
    """Return the recordings in the publisher's archive, of all subjects if `subjects` is None."""
    label_names, codes = _read_dictionary(archive, labels)
    data = Bunch(recordings=[], labels=[], timestamps=[])
    owners, n_missing = [], 0
    for person in _read_people(archive, subjects):
        times, xyz, code, missing = _read_person(archive, f"{person['pid']}.csv.gz", codes)
        n_missing += missing
        bounds = [0, *(np.flatnonzero(np.diff(code)) + 1), len(code)]
        for start, stop in pairwise(bounds):
            label = "" if code[start] == _UNLABELLED else label_names[code[start]]
            data.recordings.append(xyz[start:stop])
            data.labels.append(np.broadcast_to(label, stop - start))
            data.timestamps.append(times[start:stop])
            owners.append(person)
    return Bunch(
        **data,
        subjects=np.array([person["pid"] for person in owners]),
        recording_age=np.array([person["age"] for person in owners]),
        recording_sex=np.array([person["sex"] for person in owners]),
        n_missing_lines=n_missing,
        sampling_rate=100.0,
        units="g",
        placement="wrist",
        channel_names=["x", "y", "z"],
        label_names=label_names,
    )


def _read_dictionary(archive, labels):
    """Return the names of the labels, and the index into them of each annotation, in bytes."""
    rows = list(csv.DictReader(io.StringIO(archive.read_text("annotation-label-dictionary.csv"))))
    column = labels if labels == "annotation" else f"label:{labels}"
    names = list(dict.fromkeys(row[column] for row in rows if row[column]))
    index = {name: i for i, name in enumerate(names)} | {"": _UNLABELLED}
    codes = {row["annotation"].encode(): index[row[column]] for row in rows}
    return names, codes | {b"": _UNLABELLED}


def _read_people(archive, subjects):
    """Return the rows of `subjects` in the table of subjects, all if None.

    Each subject in the table has a recording and the reverse.
    """
    people = list(csv.DictReader(io.StringIO(archive.read_text("metadata.csv"))))
    recorded = {match[1] for match in archive.matching(r"(P\d+)\.csv\.gz")}
    listed = {person["pid"] for person in people}
    if recorded != listed:
        raise DamagedFileError(
            f"{archive.label} has no recording of {sorted(listed - recorded)}, and recordings of "
            f"{sorted(recorded - listed)} without an entry in metadata.csv. Delete the file and "
            "call again to download it again."
        )
    missing = sorted(set(subjects or ()) - listed)
    if missing:
        raise DamagedFileError(f"{archive.label} has no recording of {missing}.")
    return [person for person in people if subjects is None or person["pid"] in subjects]


def _read_person(archive, name, codes):
    """Read the recording of a subject in chunks of lines.

    Parameters
    ----------
    archive : Archive
        Archive of the compressed tables.

    name : str
        End of the path of the member.

    codes : dict
        Code of each annotation, in bytes.

    Returns
    -------
    times : ndarray of shape (n_samples,), dtype datetime64[ns]

    xyz : ndarray of shape (n_samples, 3), dtype float32

    code : ndarray of shape (n_samples,), dtype int16

    n_missing : int
        Number of lines left out.
    """
    where = f"{archive.label}: {archive.find(name)}"
    again = f"Delete {archive.path} and call again to download it again."
    # One byte longer than the longest annotation, so that truncation cannot turn an unknown
    # annotation into a known one.
    width = 1 + max(map(len, codes))
    row = np.dtype([("time", "S32"), ("xyz", "f4", 3), ("annotation", f"S{width}")])
    parts, n_lines = [], 1
    try:
        with archive.open(name) as member, gzip.open(member) as file:
            header = file.readline().decode(errors="replace").strip()
            if header != _HEADER:
                raise DamagedFileError(
                    f"{where} has an unexpected header. Expected {_HEADER!r}. Got {header!r}. If "
                    "the publisher has changed the data, please report it."
                )
            while lines := list(islice(file, _CHUNK)):
                parts.append(_read_lines(lines, row, codes, where))
                n_lines += len(lines)
    except DamagedFileError:
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedFileError(f"{where} is damaged ({error}). {again}") from error
    except ValueError as error:
        raise DamagedFileError(
            f"{where} has a malformed line after line {n_lines}: {error} {again}"
        ) from error
    if not parts:
        raise DamagedFileError(f"{where} has a header and no samples. {again}")
    times, xyz, code = map(np.concatenate, zip(*parts, strict=True))
    kept = advances(times) & np.isfinite(xyz).all(axis=1)
    if not kept.any():
        raise DamagedFileError(f"{where} has no valid samples. {again}")
    return times[kept], xyz[kept], code[kept], n_lines - 1 - int(kept.sum())


def _read_lines(lines, row, codes, where):
    """Return the times, the acceleration and the codes in lines of a table.

    Lines without an acceleration, which are samples that are missing, are left out.
    """
    there = [line for line in lines if b",," not in line]
    if not there:
        return np.empty(0, "M8[ns]"), np.empty((0, 3), "f4"), np.empty(0, np.int16)
    rows = np.loadtxt(there, row, delimiter=",", quotechar='"', comments=None, ndmin=1)
    # An annotation holds for seconds to hours. It is looked up once where it starts.
    annotation = rows["annotation"]
    starts = np.r_[0, np.flatnonzero(annotation[1:] != annotation[:-1]) + 1]
    values = annotation[starts].tolist()
    unknown = sorted(set(values) - set(codes))
    if unknown:
        raise DamagedFileError(
            f"{where} has annotations that are not in annotation-label-dictionary.csv: {unknown}. "
            "If the publisher has changed the data, please report it."
        )
    code = np.array([codes[value] for value in values], np.int16)
    code = np.repeat(code, np.diff(np.r_[starts, len(rows)]))
    # A copy, since a view would keep the annotations in memory.
    return rows["time"].astype("datetime64[ns]"), rows["xyz"].copy(), code
