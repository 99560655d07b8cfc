"""The windows of the benchmarks of pretraining, and the subjects that they hold out."""

from __future__ import annotations

from pathlib import Path

from sklearn.model_selection import GroupKFold

from benchmarks.common.datasets import TASKS
from benchmarks.common.report import add_folder_option
from benchmarks.common.windows import Windows, draw

DATASETS = ("hapt", "smartfallmm", "wisdm")
RATE = 100.0  # Hz
N_FOLDS = 5


def draw_at_most(windows: Windows, n: int, seed: int) -> Windows:
    """Return `n` windows drawn at random, in order; all if `n` is 0 or there are not more."""
    return draw(windows, n or len(windows), seed)


def split(windows: Windows, fold: int) -> tuple[Windows, Windows]:
    """Return the windows of the training subjects and of the held-out subjects of a fold."""
    folds = list(GroupKFold(N_FOLDS).split(windows.X, groups=windows.subject))
    return tuple(windows.take(rows) for rows in folds[fold % N_FOLDS])


def add_data_options(parser) -> None:
    """Add the options for the folder and the names of the data sets to a parser."""
    add_folder_option(parser, "data", "the npz files")
    parser.add_argument("--datasets", "--only", nargs="+", choices=DATASETS, default=list(DATASETS))


def check_data_options(parser, args) -> None:
    """End the process with a message if a file is missing."""
    if args.data is None:
        parser.error("--data is missing. Pass the folder of the recordings or set RELCON_DATA.")
    for name in args.datasets:
        if not (Path(args.data) / TASKS[name].file).is_file():
            parser.error(f"--data must have the file {TASKS[name].file}. Got {args.data}.")
