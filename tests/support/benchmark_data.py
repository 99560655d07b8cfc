"""Small files of the data sets that the benchmarks read."""

import numpy as np

from benchmarks.common.datasets import TASKS
from relcon_sklearn.datasets import save_npz_recordings

N_SUBJECTS = 6


def signal(rng, n):
    """Return noise with three channels."""
    return rng.normal(size=(n, 3))


def save_task(folder, task, **entries):
    """Save recordings as the file of a task."""
    path = folder / TASKS[task].file
    save_npz_recordings(path, entries)
    return path


def save_all_tasks(folder):
    """Save small files of all data sets."""
    rng = np.random.default_rng(0)

    def recordings(rate, seconds):
        time = np.arange(int(rate * seconds)) / rate
        subjects = [f"s{i}" for i in range(N_SUBJECTS)]
        parts = [
            np.sin(2 * np.pi * (1 + time // (seconds / 2)) * time)[:, None]
            + 0.2 * signal(rng, len(time))
            for _ in subjects
        ]
        return {"recordings": parts, "subjects": subjects, "sampling_rate": float(rate)}

    def labels(made):
        n = len(made["recordings"][0])
        return [["still"] * (n // 2) + ["walking"] * (n - n // 2)] * N_SUBJECTS

    for task, rate in (("hapt", 50), ("smartfallmm", 50), ("wisdm", 20)):
        made = recordings(rate, 22)
        native = {"recording_native_rate": np.full(N_SUBJECTS, 50)}
        save_task(folder, task, labels=labels(made), **made, **native)
    falls = np.arange(N_SUBJECTS) % 3 == 0
    codes = np.where(falls, "F01", np.where(np.arange(N_SUBJECTS) % 3 == 1, "D01", "D02"))
    save_task(
        folder, "sisfall", **recordings(100, 12), recording_is_fall=falls, recording_code=codes
    )
    save_task(
        folder,
        "ipol",
        **recordings(100, 12),
        recording_speed_m_per_s=rng.uniform(0.5, 1.5, N_SUBJECTS),
        recording_cadence_steps_per_min=rng.uniform(80, 120, N_SUBJECTS),
        recording_double_support_fraction=rng.uniform(0.1, 0.3, N_SUBJECTS),
        recording_walk_start=np.zeros(N_SUBJECTS, dtype=int),
        recording_walk_stop=np.full(N_SUBJECTS, 1200),
    )
    made = recordings(125, 12)
    speeds = [np.full(len(recording), 1.0) for recording in made["recordings"]]
    save_task(folder, "troika", **made, sample_speed_m_per_s=speeds)
