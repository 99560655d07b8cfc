"""Recordings from their publishers, as the files that the downstream benchmark reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from relcon_sklearn.datasets import fetch_hapt, fetch_sisfall, save_npz_recordings


def sisfall():
    """Return SisFall with the codes of its recordings, such as D01 and F15."""
    data = fetch_sisfall()
    codes = np.array([labels[0] for labels in data.labels])
    data.recording_code = codes
    data.recording_is_fall = np.char.startswith(codes, "F")
    return data


# The other files are not published as such: a part of a set (WISDM), one cleaned and resampled
# (SmartFallMM), or sets that there is no fetcher for.
PUBLISHED = {"hapt.npz": fetch_hapt, "sisfall_100hz.npz": sisfall}


def fetch_missing(folder: Path) -> list[str]:
    """Fetch the files of `PUBLISHED` that are not in `folder`; return their names."""
    missing = [name for name in PUBLISHED if not (folder / name).is_file()]
    folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        save_npz_recordings(folder / name, PUBLISHED[name]())
    return missing
