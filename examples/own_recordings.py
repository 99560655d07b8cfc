"""
Your own recordings
===================

Embed the CSV files in a folder with the model that comes with the package. If samples have labels,
predict those of held-out people from the embeddings, from hand-made features and from both. Draw a
map of the embeddings, and list segments with their nearest segment of another person.

    python run.py demo --data FOLDER
"""

import argparse
import re
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from relcon_sklearn import MotionFeatures, RelConEmbedder, segment_recordings
from relcon_sklearn.plotting import EmbeddingMapDisplay
from relcon_sklearn.recordings import read_recording

NEEDS = """\
FOLDER has one CSV file for each recording. A file directly in FOLDER is of the person that it is
named by: FOLDER/ann.csv is of ann. All files in a folder of FOLDER are of one person, named by that
folder: FOLDER/bob/monday.csv and FOLDER/bob/tuesday.csv are of bob.

The first line of a file has the names of its columns, with commas, semicolons or tabs between them.
Each further line is a sample.

  columns  one column of times (dates such as 2024-03-05T10:00:00.020, seconds, or ms in a column
           such as time_ms), and x, y and z, or names such as acc_x, acc_y and acc_z: acceleration
           with gravity of a device that is worn. If they have other names, or there are several
           accelerometers, name three in --channels. If the times have another name, or there are
           several columns of times that do not agree, name one in --time.
  rate     20 Hz or more. It is measured by the times, and segments are resampled to 50 Hz. Gaps are
           left out. A recording has at least 2.56 s without a gap.
  units    in the names of the columns, as in "x (mg)", or in --units: g, mg or m/s^2.
  labels   optional: a column called label, or named in --labels, with the activity of each sample.
           It is empty where there is no label, and some files may be without it. Scores need two
           labels that at least two people have."""

N_SEGMENTS = 3000  # in all: more would not take seconds
MODEL = "motion-small"
LABELS = "label"  # the column of labels, if it is there
LOWEST_RATE = 20  # Hz, of the recordings that the model was trained on
N_SHOWN = 5  # segments that are listed with their nearest
APART = 60  # s between segments that count as near, if all are of one person
NO_LABEL = "no label"
FEWEST = 10  # segments of a map
N_NAMED = 3  # files of many that are not read
N_NEAR = 200  # samples in a row: if half of them have the time of another, they are no copies
OPTIONS = (
    "Of these parameters, units, channels and labels are --units, --channels and --labels here."
)
EXTENSION = re.compile(r"\.csv(\.gz)?$", re.IGNORECASE)


class Segments(NamedTuple):
    """Segments of all files: X, and for each its label ("" for none), person, file and time."""

    X: np.ndarray
    label: np.ndarray
    person: np.ndarray
    file: np.ndarray
    seconds: np.ndarray  # since the first segment of its file


# %%
# Reading: one file after the other, by the readers of the package.


def find_files(folder):
    """Return the CSV files in a folder, and the other files that are not hidden."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder. Pass the folder of the CSV files.")
    inside = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    visible = [path for path in inside if not any(part.startswith(".") for part in path.parts)]
    files = [path for path in visible if EXTENSION.search(path.name)]
    if not files:
        kinds = ", ".join(sorted({path.suffix or path.name for path in visible})) or "nothing"
        raise FileNotFoundError(f"No file in {folder} ends in .csv or .csv.gz. Found: {kinds}.")
    return files, [path for path in visible if not EXTENSION.search(path.name)]


def person_of(file):
    """Return the person of a file, by its path in the folder."""
    return EXTENSION.sub("", file.parts[0])


def as_text(value):
    """Return a label as text without spaces around it, None if nothing is left.

    1.0, which is 1 in a column with missing values, is "1".
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None


def drop_copies(frame):
    """Return a recording without samples that have the time of the sample before them.

    If many of them are near each other, they are different samples, for example of the hour after a
    clock was set back. Then they are kept, and segment_recordings says what they may be.
    """
    copies = np.append(False, frame.index[1:] == frame.index[:-1])
    before = np.append(0, np.cumsum(copies))
    near = before[N_NEAR:] - before[:-N_NEAR] if len(frame) > N_NEAR else before[-1:]
    if not copies.any() or near.max() >= N_NEAR / 2:
        return frame
    n = copies.sum()
    text = f"{n} samples are left out, because the sample before them has the same time."
    warnings.warn(text, stacklevel=2)
    return frame[~copies]


def read_frame(path, column, time):
    """Return the recording in a file, with the labels in a column, if it is there, as text."""
    try:
        frame = drop_copies(read_recording(path, time=time))
    except ValueError as error:
        raise ValueError(re.sub(r"\btime=(?=['\"])", "--time ", str(error))) from None
    if column in frame.columns:
        text = frame[column].astype("category").map(as_text, na_action="ignore")
        frame = frame.assign(**{column: text})
    if frame.attrs["sampling_rate"] < LOWEST_RATE:
        rate = frame.attrs["sampling_rate"]
        raise ValueError(f"{path} has {rate:g} Hz. The model needs {LOWEST_RATE} Hz or more.")
    numbers = list(frame.select_dtypes("number").columns)
    if len(numbers) < 3:
        raise ValueError(f"{path} must have x, y and z. Beside times, its numbers are {numbers}.")
    return frame


def cut_segments(frame, file, column, model, options):
    """Return the segments of the recording in a file of the folder."""
    person = person_of(file)
    try:
        found = segment_recordings(
            frame,
            units=options.units,
            channels=options.channels,
            labels=column if column in frame.columns else None,
            subjects=[person],
            unlabelled="keep",
            nan_policy="omit",
            like=model,
        )
    except ValueError as error:
        named = re.search(r"\b(units|channels|labels)\b", str(error))
        raise ValueError(f"{options.data / file}: {error}" + f"\n{OPTIONS}" * bool(named)) from None
    n = len(found.X)
    second = np.timedelta64(1, "s") if found.start_times.dtype.kind == "M" else 1
    seconds = (found.start_times - found.start_times[0]) / second
    label = np.full(n, "") if found.y is None else found.y
    return Segments(found.X, label, np.full(n, person), np.full(n, str(file)), seconds)


def name_some(files):
    """Return the names of some files, and the number of the others."""
    others = len(files) - N_NAMED
    return ", ".join(map(str, files[:N_NAMED])) + f" and {others} more" * (others > 0)


def print_errors(errors, folder):
    """Print why files are left out. Errors that differ only in numbers are printed once."""
    alike = {}
    for file, error in errors.items():
        without_numbers = re.sub(r"[\d.]+", "", str(error).replace(str(folder / file), ""))
        alike.setdefault(without_numbers, []).append(file)
    for files in alike.values():
        error = errors[files[0]]
        same = f"{name_some(files)}. The error of the first: " if len(files) > 1 else ""
        print(f"Left out: {same}{error}\n")


def check_labels(columns, labels):
    """Raise an error if the user named a column of labels that no file has."""
    if labels and columns and not any(labels in names for names in columns.values()):
        file, names = next(iter(columns.items()))
        raise ValueError(
            f"No file has a column {labels!r}. Beside times, the columns of {file} are {names}."
        )


def thin_out(segments, n):
    """Return at most n segments, evenly spaced."""
    rows = np.unique(np.linspace(0, len(segments.X) - 1, n).astype(int))
    return Segments(*(values[rows] for values in segments))


def read_folder(model, options):
    """Return the segments of all files in the folder, and print what they are."""
    files, others = find_files(options.data)
    if others:
        print(f"Not read, because they do not end in .csv or .csv.gz: {name_some(others)}\n")
    column = options.labels or LABELS
    n_found, parts, columns, errors = 0, [], {}, {}
    bar = tqdm(files, desc="reading", unit=" files")
    for file in bar:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                frame = read_frame(options.data / file, column, options.time)
                columns[file] = list(frame.columns)
                part = cut_segments(frame, file, column, model, options)
            except (OSError, ValueError) as error:
                errors[file] = error
                continue
        for warning in caught:
            bar.write(f"{file}: {warning.message}\n")
        n_found += len(part.X)
        parts.append(thin_out(part, max(1, N_SEGMENTS // len(files))))
    check_labels(columns, options.labels)
    print_errors(errors, options.data)
    if not parts:
        raise ValueError(f"No file could be read. The first error: {next(iter(errors.values()))}")
    used = [file for file in columns if file not in errors]
    without = [file for file in used if column not in columns[file]]
    if len(without) < len(used):
        for file in without:
            print(f"{file} has no column {column!r}: its segments have no label.")
    segments = Segments(*map(np.concatenate, zip(*parts, strict=True)))
    hours = n_found * segments.X.shape[1] / 50 / 3600
    print(
        f"Files: {len(parts)}, people: {len(set(segments.person))}, segments: {n_found}, "
        f"{hours:.2g} hours"
    )
    if len(segments.X) < n_found:
        print(f"Of the segments, {len(segments.X)} are used, evenly spaced over each file.")
    return segments


# %%
# Scores on held-out people, if there are labels.


def shared_labels(segments):
    """Return the labels that at least two people have."""
    return [
        label
        for label in np.unique(segments.label).tolist()
        if label and len(set(segments.person[segments.label == label])) > 1
    ]


def make_folds(label, person):
    """Return folds of people in which every training part has all labels."""
    few = GroupKFold(min(5, len(set(person))))
    folds = list(few.split(label, label, person))
    if all(len(set(label[train])) == len(set(label)) for train, _ in folds):
        return folds
    return list(LeaveOneGroupOut().split(label, label, person))


def why_no_scores(labels, shared, people):
    """Return why there are no scores, or an empty text."""
    if not labels:
        return "no sample has a label. If a column has labels, name it in --labels."
    if len(people) == 1:
        return f"all recordings are of one person, {people[0]}. Scores need people to hold out."
    if len(labels) == 1:
        return f"the only label is {labels[0]}. Scores need two."
    if len(shared) < 2:
        return (
            f"they need two labels that at least two people have. Labels: {', '.join(labels)}. Of "
            f"these, at least two people have: {', '.join(shared) or 'none'}."
        )
    return ""


def print_scores(segments, representations):
    """Print the macro-F1 on held-out people of each representation, or why there is none."""
    labels, people = (sorted(set(of.tolist()) - {""}) for of in (segments.label, segments.person))
    shared = shared_labels(segments)
    reason = why_no_scores(labels, shared, people)
    if reason:
        print(f"\nNo scores: {reason}")
        return
    rows = np.isin(segments.label, shared)
    label, person = segments.label[rows], segments.person[rows]
    print(f"\nMacro-F1 on held-out people, of the labels {', '.join(shared)}:")
    left_out = [name for name in labels if name not in shared]
    if left_out:
        print(f"(left out, because only one person has them: {', '.join(left_out)})")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = make_folds(label, person)
    for name, Z in representations.items():
        predicted = cross_val_predict(classifier, Z[rows], label, cv=folds)
        print(f"  {name:<22}{f1_score(label, predicted, average='macro'):.3f}", flush=True)
    at_random = np.random.default_rng(0).permutation(label)
    print(f"  {'chance':<22}{f1_score(label, at_random, average='macro'):.3f}")
    print(
        f"{len(label)} segments of {len(set(person))} people. Scores of few people are uncertain."
    )


# %%
# A map, and the nearest segments, with or without labels.


def save_map(segments, Z, path):
    """Save a map of the embeddings, by label if there are labels, and by person."""
    matplotlib.use("Agg")  # also where there is no screen
    tsne = TSNE(
        metric="cosine", init="random", perplexity=min(30, (len(Z) - 1) / 3), random_state=0
    )
    settings = {"transformer": tsne, "label_name": "person"}
    label = segments.person
    if any(segments.label):
        label = np.where(segments.label == "", NO_LABEL, segments.label)
        settings |= {"groups": segments.person, "label_name": "label", "group_name": "person"}
    display = EmbeddingMapDisplay.from_embeddings(Z, label, **settings)
    display.figure_.savefig(path, format="png", dpi=120)


def check_image(path):
    """Raise an OSError if an image cannot be saved under a path, before the work starts."""
    if path.is_dir():
        raise IsADirectoryError(f"--out is {path}, which is a folder. Pass the name of a file.")
    if not path.absolute().parent.is_dir():
        raise NotADirectoryError(f"--out is {path}, in a folder that does not exist.")


def describe(segments, row):
    """Return where a segment is, and its label if it has one."""
    minutes, seconds = divmod(int(segments.seconds[row]), 60)
    label = f" {segments.label[row]}" * bool(segments.label[row])
    return f"{segments.file[row]} {minutes}:{seconds:02d}{label}"


def print_nearest(segments, Z):
    """Print segments, and for each the nearest one of another person."""
    rows = np.unique(np.linspace(0, len(Z) - 1, N_SHOWN + 2).astype(int)[1:-1])
    similarity = cosine_similarity(Z[rows], Z)
    if len(set(segments.person)) > 1:
        excluded = segments.person[rows, None] == segments.person
        whose = "of another person"
    else:
        near = np.abs(segments.seconds[rows, None] - segments.seconds) < APART
        excluded = near & (segments.file[rows, None] == segments.file)
        whose = f"at least {APART} s apart"
    similarity[excluded] = -np.inf
    has_other = np.isfinite(similarity).any(axis=1)
    rows, similarity = rows[has_other], similarity[has_other]
    if not len(rows):
        print(f"\nNo nearest segments: the recordings are too short for segments {whose}.")
        return
    print(f"\nSegments (minutes of their recording), and the nearest one {whose}:")
    for row, values in zip(rows, similarity, strict=True):
        here, there = describe(segments, row), describe(segments, values.argmax())
        print(f"  {here:<33} {there:<33} cosine {values.max():.2f}")


# %%
# The command.


def say(text):
    """Print what is done next, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def stop(error):
    """End the command with an error, and say what the demo needs."""
    sys.exit(f"{error}\n\nWhat the demo needs:\n\n{NEEDS}")


def parse(arguments):
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python run.py demo",
        description="Embed your own recordings, and compare, with the model in the package.",
        epilog=NEEDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.error = stop
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="FOLDER", help="folder of the CSV files")
    add("--labels", metavar="COLUMN", help=f"column of labels (default: {LABELS}, if there is one)")
    add("--units", choices=("g", "mg", "m/s^2"), help="unit of the acceleration")
    add("--channels", nargs=3, metavar=("X", "Y", "Z"), help="columns of the acceleration")
    add("--time", metavar="COLUMN", help="column of the times (default: all that look like times)")
    add(
        "--out",
        type=Path,
        default=Path("embedding_map.png"),
        metavar="FILE",
        help="image of the map (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def main(arguments=None):
    """Run the command."""
    options = parse(arguments)
    model = RelConEmbedder.from_pretrained(MODEL)
    try:
        check_image(options.out)
        segments = read_folder(model, options)
    except (OSError, ValueError, ImportError) as error:
        stop(error)
    say(f"Embedding {len(segments.X)} segments ...")
    Z = model.transform(segments.X)
    features = MotionFeatures(sampling_rate=50).fit_transform(segments.X)
    representations = {
        "model in the package": Z,
        "hand-made features": features,
        "model and features": np.hstack([Z, features]),
    }
    print_scores(segments, representations)
    print_nearest(segments, Z)
    if len(Z) < FEWEST:
        print(f"\nNo map: it needs at least {FEWEST} segments.")
        return
    say("Drawing the map ...")
    save_map(segments, Z, options.out)
    print(f"\nA map of the embeddings is in {options.out}.")


if __name__ == "__main__":
    main()
