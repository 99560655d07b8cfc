"""Recordings in one npz file."""

from ._npz_read import read_npz
from ._npz_write import write_npz


def load_npz_recordings(path):
    """Load recordings from an npz file of the format below, as the fetchers return them.

    The format is meant for exports of your own, too: any number of recordings of any lengths, end
    to end in one array, with what belongs to them. :func:`save_npz_recordings` writes it, and so
    does ``numpy.savez_compressed(path, signal=..., recording_start=..., ...)``.

    Parameters
    ----------
    path : str or path-like
        An npz file without pickles, with these arrays (N samples in R recordings):

        - ``signal``, float32 (N, n_channels): acceleration in g, the recordings end to end; or
          ``signal_int16``, int16 (N, n_channels), with ``signal_scale``, one number:
          g = int16 * scale
        - ``recording_start``, integers (R + 1,): where each recording starts, and N at the end;
          from 0, increasing
        - ``recording_subject``, strings (R,): whose each recording is
        - ``sampling_rate``, one number: nominal, in Hz
        - ``units``, one string: "g"

        and, if you have them:

        - ``recording_label``, strings (R,): one label for each recording; "" for none
        - ``sample_label``, integers (N,), with ``label_names``, strings: the label of each sample
          is ``label_names[sample_label]``; 0 stands for unlabelled samples, whatever
          ``label_names[0]`` is. These labels then count, not those of ``recording_label``.
        - ``sample_timestamp``, float64 seconds or datetime64 (N,): when each sample was taken.
          Without it, sampling is regular and without holes.
        - ``placement``, one string: where the device was worn
        - ``channel_names``, strings (n_channels,)
        - any other ``recording_*`` array with one entry for each recording, and any other
          ``sample_*`` array with one for each sample
        - anything else; it is passed on as it is

    Returns
    -------
    data : Bunch
        - `recordings`: list of R float32 ndarrays (n_samples, n_channels), in g
        - `labels`: list of R str ndarrays (n_samples,), read-only where all are alike; "" where a
          sample is unlabelled
        - `subjects`: str ndarray (R,)
        - `timestamps`: list of R ndarrays (n_samples,), float64 seconds or datetime64[ns]; None
          without ``sample_timestamp``
        - `sampling_rate`: float, in Hz
        - `units`: "g"
        - `placement`: str, "" if there is none
        - `channel_names`: list of str; "x", "y", "z" for three unnamed channels, "channel_0" and
          so on for other numbers of them
        - `label_names`: list of str, without the name for unlabelled samples
        - `recording_label`, every other ``recording_*`` array, and all that is passed on: under
          their own names, single strings as str
        - every other ``sample_*`` array: a list of R arrays, under its own name

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no npz file, an array is missing, contradicts another one or needs pickle, or if
        the units are not g.

    See Also
    --------
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from relcon_sklearn.datasets import load_npz_recordings
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.npz")
    ...     np.savez_compressed(
    ...         path,
    ...         signal=rng.normal(size=(1000, 3)).astype(np.float32),
    ...         recording_start=[0, 600, 1000],
    ...         recording_subject=["ann", "bob"],
    ...         recording_label=["walking", "sitting"],
    ...         recording_age=[31, 48],
    ...         sampling_rate=50.0,
    ...         units="g",
    ...     )
    ...     data = load_npz_recordings(path)
    >>> [recording.shape for recording in data.recordings]
    [(600, 3), (400, 3)]
    >>> data.labels[1][:2].tolist(), data.label_names, data.recording_age.tolist()
    (['sitting', 'sitting'], ['sitting', 'walking'], [31, 48])
    """
    return read_npz(path)


def save_npz_recordings(path, data):
    """Write recordings to an npz file that :func:`load_npz_recordings` reads.

    The file is written under another name first and then put in its place at once, so that there
    is a whole file or none, also with several processes at it.

    Parameters
    ----------
    path : str or path-like
        The file, replaced if there is one.

    data : Bunch or dict
        As :func:`load_npz_recordings` returns it. `recordings`, `subjects` and `sampling_rate` are
        required; `units` must be "g" if given. `recordings` are written as float32. Entries that
        are None are left out; all others are written, as arrays without pickle.

    Raises
    ------
    ValueError
        If an entry is missing, contradicts another one or cannot be written without pickle. The
        file that was there, if any, is left as it was.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from relcon_sklearn.datasets import load_npz_recordings, save_npz_recordings
    >>> data = {
    ...     "recordings": [np.zeros((600, 3)), np.ones((400, 3))],
    ...     "subjects": ["ann", "bob"],
    ...     "labels": [["walking"] * 600, ["walking"] * 100 + ["sitting"] * 300],
    ...     "sampling_rate": 50.0,
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_npz_recordings(os.path.join(folder, "mine.npz"), data)
    ...     loaded = load_npz_recordings(os.path.join(folder, "mine.npz"))
    >>> loaded.labels[1][99:101].tolist()
    ['walking', 'sitting']
    """
    write_npz(path, data)
