"""How good predictions are by placement of the device, and by age of the people.

    python -m benchmarks.downstream.bench_subgroups --data FOLDER --pool POOL

FOLDER and POOL (or the environment variables RELCON_DATA and RELCON_POOL) have the npz files that
are named in `benchmarks/common/datasets.py` and in `activity_sets.py`. Linear probes of windows of
2.56 s, all with the same penalty, predict held-out people.

Placements are those of sets whose people wore several devices at the same time. For each set, only
people and activities are used that all its placements have, so that placements can be compared.

Ages are those of SisFall. Older people did not jump, jog and so on, so that only activities are
used that more than half of the people of each age did. Scores are means over people, of macro-F1
over the activities of a person. It takes five minutes of one core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.common.datasets import majority_labels
from benchmarks.common.report import (
    add_folder_option,
    environment,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.common.windows import WINDOW, Windows, cut_windows, draw, load_windows
from benchmarks.downstream.activity_card import file_title
from benchmarks.downstream.activity_sets import FILES, NOT_IN_ENCODER, task_of
from benchmarks.downstream.activity_windows import find_files
from benchmarks.downstream.options import parse_model_args
from benchmarks.downstream.plan import SMOKE, DownstreamSettings
from benchmarks.downstream.pretrained import RATE
from benchmarks.downstream.probing import STRENGTH, probe_all

SETS = ("wisdm", "dsads", "umafall")  # with several placements
N_WINDOWS = 1000  # of each placement
AGES = {"19 to 30 years": "SA", "60 to 75 years": "SE"}  # and how the names of people begin


# -- placements ------------------------------------------------------------------------------------


def shared_by_placements(paths: dict[str, Path]) -> dict[str, Windows]:
    """Return the windows of each file of a set: of the people and activities that all files have.

    `paths` has the files of one set, by name.
    """
    activities = set.intersection(*(set(FILES[name].classes) for name in paths))
    label = majority_labels(lambda data: activities)
    windows = {
        name: cut_windows(path, task_of(name)._replace(label=label), WINDOW, RATE).labelled()
        for name, path in paths.items()
    }
    people = set.intersection(*(set(found.subject.tolist()) for found in windows.values()))
    return {name: of_people(found, people) for name, found in windows.items()}


def of_people(windows: Windows, people: set[str]) -> Windows:
    """Return the windows of some people."""
    return windows.take(np.flatnonzero(np.isin(windows.subject, sorted(people))))


def by_placement(model: str, paths: dict[str, Path], settings: DownstreamSettings) -> list[dict]:
    """Return a row for each placement of the sets."""
    missing = [name for name, file in FILES.items() if file.set in SETS and name not in paths]
    if missing:
        say(f"left out, because there is no file: {', '.join(missing)}")
    rows = []
    for of_set in SETS:
        names = {name: path for name, path in paths.items() if FILES[name].set == of_set}
        for name, windows in shared_by_placements(names).items() if names else ():
            windows = draw(windows, min(N_WINDOWS, settings.n_windows), 0)
            scores = probe_all(model, windows, settings.n_folds, STRENGTH)
            rows.append(
                {
                    "title": file_title(name),
                    "seen": of_set not in NOT_IN_ENCODER,
                    "people": len(np.unique(windows.subject)),
                    "activities": len(np.unique(windows.y)),
                    "macro_f1": {name: found["macro_f1"] for name, found in scores.items()},
                }
            )
            say(rows[-1])
    return rows


# -- ages ------------------------------------------------------------------------------------------


def shared_by_ages(windows: Windows) -> Windows:
    """Return the windows of the activities that more than half of the people of each age did."""
    groups = [np.char.startswith(windows.subject, begin) for begin in AGES.values()]
    kept = [
        activity
        for activity in np.unique(windows.y)
        if all(
            2 * len(np.unique(windows.subject[group & (windows.y == activity)]))
            > len(np.unique(windows.subject[group]))
            for group in groups
        )
    ]
    return windows.take(np.flatnonzero(np.isin(windows.y, kept)))


def by_age(model: str, windows: Windows, settings: DownstreamSettings) -> list[dict]:
    """Return a row for each age."""
    windows = draw(shared_by_ages(windows.labelled()), settings.n_windows, 0)
    people = {
        name: found["subjects"]
        for name, found in probe_all(model, windows, settings.n_folds, STRENGTH).items()
    }
    rows = []
    for title, begin in AGES.items():
        subjects = [name for name in np.unique(windows.subject).tolist() if name.startswith(begin)]
        rows.append(
            {
                "title": title,
                "people": len(subjects),
                "activities": len(np.unique(windows.y)),
                "macro_f1": {
                    name: float(np.mean([scores[subject] for subject in subjects]))
                    for name, scores in people.items()
                },
            }
        )
    return rows


def report(rows: list[dict]) -> str:
    """Return a table of macro-F1."""
    lines = [[row["title"], *row["macro_f1"].values()] for row in rows]
    return table(["macro-F1", *rows[0]["macro_f1"]], lines) if rows else ""


def main() -> None:
    parser = script_parser(__doc__)
    add_folder_option(parser, "pool", "other npz files, of sets with several placements")
    args = parse_model_args(parser, "subgroups")
    settings = SMOKE if args.smoke else DownstreamSettings()
    torch.set_num_threads(1)
    run = environment()
    with threadpool_limits(1):
        ages = by_age(
            args.model, load_windows(args.data, "sisfall", RATE, cache=args.cache), settings
        )
        paths = find_files(args.data, args.pool or args.data)
        placements = by_placement(args.model, paths, settings)
    say(f"{report(ages)}\n\n{report(placements)}")
    write_json(args.output, {"run": run, "placements": placements, "ages": ages})


if __name__ == "__main__":
    main()
