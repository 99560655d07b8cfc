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


def save_all_tasks(folder, pool):
    """Save small files of all tasks, some of them in the folder of the pool."""
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

    labelled = {"hapt": 50, "smartfallmm": 50, "wisdm": 20, "motionsense": 50, "wisdm18": 20}
    for task, rate in labelled.items():
        made = recordings(rate, 22)
        native = {"recording_native_rate": np.full(N_SUBJECTS, 50)}
        where = pool if task in ("motionsense", "wisdm18") else folder
        save_task(where, task, labels=labels(made), **made, **native)
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


def save_pool(folder, seconds=20):
    """Save small sets to pretrain on: two people at 25 Hz and three at 100 Hz."""
    for name, rate, people in (("one_wrist", 25, "ab"), ("two_waist", 100, "cde")):
        rng = np.random.default_rng(rate)
        entries = {
            "recordings": [signal(rng, rate * seconds) for _ in people],
            "subjects": list(people),
            "sampling_rate": float(rate),
        }
        save_npz_recordings(folder / f"{name}.npz", entries)
