"""Recordings from their publishers, saved as the files that the benchmarks read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.common.datasets import TASKS
from relcon_sklearn.datasets import fetch_hapt, fetch_sisfall, save_npz_recordings


def sisfall():
    """Return SisFall with the codes of its recordings, such as D01 and F15."""
    data = fetch_sisfall()
    codes = np.array([labels[0] for labels in data.labels])
    data.recording_code = codes
    data.recording_is_fall = np.char.startswith(codes, "F")
    return data


# The other files have no publisher that serves them: WISDM's is a part of the set, SmartFallMM's is
# cleaned and resampled, and the other sets have no fetcher.
PUBLISHED = {TASKS["hapt"].file: fetch_hapt, TASKS["sisfall"].file: sisfall}


def fetch_missing(folder: Path) -> list[str]:
    """Fetch the files of `PUBLISHED` that are not in `folder`; return their names."""
    missing = [name for name in PUBLISHED if not (folder / name).is_file()]
    folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        save_npz_recordings(folder / name, PUBLISHED[name]())
    return missing
