"""Which smoothing suits the models of activities in the package.

    python -m benchmarks.downstream.bench_smoothing --data FOLDER --pool POOL

FOLDER and POOL are those of activity_weights. In the labelled sets, people change activities as the
protocol says, mostly after minutes: on these sequences, any smoothing looks good, and more looks
better. Sequences are therefore composed: bouts with random lengths around a mean, of activities in
random order. The windows of a bout are successive windows of one person, so that errors come in
groups as they do in a recording.

Each set is predicted by models that have not seen it, at the temperature of those in the package.
Smoothed are:

- not at all, and by a running mode of 3, 5 and 9 windows of 10 s;
- with assume_transitions, for several lengths of bouts;
- with learn_transitions, of the sequences of the sets that the model was trained on.

Scores are the macro-F1, the mean of files and then of sets, and the number of bouts in the
prediction divided by the true one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.common.report import (
    RESULTS,
    add_folder_option,
    environment,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.common.scores import macro_f1
from benchmarks.common.windows import Windows, cut_windows
from benchmarks.downstream.activity_models import MODELS, cooled, fit, is_compared, mean_of_sets
from benchmarks.downstream.activity_sets import FILES, NOT_TRAINED_ON, SHORT, task_of
from benchmarks.downstream.activity_weights import WINDOW
from benchmarks.downstream.activity_windows import RATE, Described, find_files, load_described
from benchmarks.downstream.plan import SHIPPED
from relcon_sklearn import RelConEmbedder
from relcon_sklearn.timelines import Transitions, assume_transitions, learn_transitions
from relcon_sklearn.timelines._smoothing import most_frequent
from relcon_sklearn.timelines._transitions import in_order_of
from relcon_sklearn.timelines._viterbi import most_likely_labels

N_TRAIN = 600  # windows of each file
N_WINDOWS = 1500  # of each file, to compose sequences of
N_COMPOSED = 720  # windows of each person: two hours
BOUTS = (20.0, 60.0, 300.0, 1200.0)  # s, true mean lengths
ASSUMED = (30.0, 60.0, 120.0, 300.0, 900.0)  # s
MODES = (3, 5, 9)
SMOKE = 40


def some_people(windows: Windows, n: int) -> Windows:
    """Return the windows of the first people who have `n` windows together, or of all."""
    _, first = np.unique(windows.subject, return_index=True)
    people = windows.subject[np.sort(first)]
    counts = np.cumsum([np.sum(windows.subject == person) for person in people])
    chosen = people[: np.searchsorted(counts, n) + 1]
    return windows.take(np.flatnonzero(np.isin(windows.subject, chosen)))


def compose(y: np.ndarray, bout: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` rows of the windows of one person, as bouts with a mean length in s."""
    labels, rows, label = np.unique(y), [], None
    while len(rows) < n:
        label = rng.choice(labels[labels != label])
        own = np.flatnonzero(y == label)
        length = rng.geometric(min(1.0, WINDOW / bout))
        rows.extend(own[(rng.integers(len(own)) + np.arange(length)) % len(own)])
    return np.array(rows[:n])


def smoothers(classes: np.ndarray, learned: Transitions | None) -> dict[str, Callable]:
    """Return functions of probabilities and of the first steps of sequences, by name."""

    def mode(n: int) -> Callable:
        return lambda p, first: most_frequent(p.argmax(axis=1), p, first, n)

    def viterbi(transitions: Transitions) -> Callable:
        shares, matrix = transitions.shares, transitions.matrix
        return lambda p, first: most_likely_labels(p, first, shares, matrix)

    found = {"none": lambda p, first: p.argmax(axis=1)}
    found |= {f"mode of {n}": mode(n) for n in MODES}
    for bout in ASSUMED:
        found[f"bouts of {bout:g} s"] = viterbi(assume_transitions(classes, bout=bout, step=WINDOW))
    if learned is not None:
        found["learned"] = viterbi(in_order_of(learned, classes, WINDOW))
    return found


def learn(sequences: dict[str, Windows], classes: np.ndarray) -> Transitions | None:
    """Return transitions as in the protocols of sets, None if they lack a class."""
    y = np.concatenate([windows.y for windows in sequences.values()] or [np.empty(0, str)])
    if set(y) != set(classes):
        return None
    people = [
        f"{name}/{person}" for name, windows in sequences.items() for person in windows.subject
    ]
    return learn_transitions(y, people)._replace(step=WINDOW)


def score(windows: Windows, p: np.ndarray, classes: np.ndarray, bout: float, smoothing: dict):
    """Return the scores of each smoothing, of composed sequences of all people of a file."""
    rng = np.random.default_rng(0)
    people = [np.flatnonzero(windows.subject == person) for person in np.unique(windows.subject)]
    people = [own for own in people if len(np.unique(windows.y[own])) > 1]
    rows = np.concatenate([own[compose(windows.y[own], bout, N_COMPOSED, rng)] for own in people])
    first = np.arange(len(rows)) % N_COMPOSED == 0
    y, n_true = windows.y[rows], n_bouts(np.unique(windows.y[rows], return_inverse=True)[1], first)
    found = {}
    for name, smooth in smoothing.items():
        codes = smooth(p[rows], first)
        found[name] = {
            "macro_f1": macro_f1(y, classes[codes]),
            "bouts": n_bouts(codes, first) / n_true,
        }
    return found


def n_bouts(codes: np.ndarray, first: np.ndarray) -> int:
    """Return the number of bouts."""
    return int(np.sum(first | (np.diff(codes, prepend=-1) != 0)))


def measure(
    name: str,
    sequences: dict[str, Windows],
    described: Described,
    embedder: RelConEmbedder,
    temperatures: dict[str, float],
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the scores on one file by the length of bouts and the smoothing."""
    key = "activity-small-wrist" if FILES[name].placement == "wrist" else "activity-small"
    wanted = [
        other
        for other, file in FILES.items()
        if file.set not in (FILES[name].set, NOT_TRAINED_ON)
        and (file.placement == "wrist" or not MODELS[key].wrist_only)
    ]
    model = fit(MODELS[key], described.take(np.isin(described.file, wanted)))
    windows = sequences[name]
    windows = windows.take(np.flatnonzero(np.isin(windows.y, model.classes_)))
    p = cooled(model.predict_proba(embedder.transform(windows.X)), temperatures[key])
    seen = {other: sequences[other] for other in wanted if other in sequences}
    smoothing = smoothers(model.classes_, learn(seen, model.classes_))
    return {f"{bout:g}": score(windows, p, model.classes_, bout, smoothing) for bout in BOUTS}


def means(files: dict[str, dict]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the means of files and then of sets, by the length of bouts and the smoothing."""
    found = {}
    for bout in next(iter(files.values())):
        names = set.intersection(*(set(scores[bout]) for scores in files.values()))
        found[bout] = {
            name: {
                key: mean_of_sets(
                    {file: {"macro_f1": scores[bout][name][key]} for file, scores in files.items()}
                )
                for key in ("macro_f1", "bouts")
            }
            for name in next(iter(files.values()))[bout]
            if name in names
        }
    return found


def run(args) -> None:
    embedder = RelConEmbedder.from_pretrained(SHIPPED, device="cpu")
    n_train, n_windows = (SMOKE, SMOKE) if args.smoke else (N_TRAIN, N_WINDOWS)
    paths = find_files(args.data, args.pool)
    judged = json.loads(results_file("activity-small").read_text())["scores"]
    temperatures = {name: judged[name]["temperature"] for name in MODELS}
    described = load_described(paths, WINDOW, embedder, n_train, args.cache)
    sequences = {}
    for name, path in paths.items():
        if FILES[name].set != SHORT and is_compared(FILES[name]):
            windows = cut_windows(path, task_of(name), WINDOW, RATE).labelled()
            sequences[name] = some_people(windows, n_windows)
    files = {}
    for name in sequences:
        files[name] = measure(name, sequences, described, embedder, temperatures)
        say(f"{name}: {len(sequences[name])} windows")
    mean = means(files)
    rows = [
        [name, *(f"{mean[bout][name][key]:.3f}" for key in ("macro_f1", "bouts") for bout in mean)]
        for name in next(iter(mean.values()))
    ]
    header = [f"{what}, {bout} s" for what in ("F1", "bouts") for bout in mean]
    say(table(["smoothing", *header], rows))
    settings = {"window": WINDOW, "train": n_train, "windows": n_windows, "composed": N_COMPOSED}
    record = {"settings": settings, "mean": mean, "files": files, "run": environment()}
    write_json(args.output, record)


def main() -> None:
    parser = script_parser(__doc__)
    add_folder_option(parser, "data", "npz files")
    add_folder_option(parser, "pool", "npz files that are open to train on")
    parser.add_argument("--smoke", action="store_true", help="few windows, as a test")
    parser.add_argument("--output", type=Path, help="JSON file of the results")
    parser.add_argument("--cache", type=Path, default=RESULTS / "cache")
    args = parser.parse_args()
    args.output = args.output or results_file("smoothing", smoke=args.smoke)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        run(args)


if __name__ == "__main__":
    main()
