"""The demo on a user's own files: python run.py demo --data FOLDER."""

import importlib.util
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from relcon_sklearn.datasets import make_recordings

SCRIPT = Path(__file__).parents[2] / "examples" / "own_recordings.py"
PEOPLE = ["ann", "bob", "cat"]
IN_G = {axis: f"{axis} (g)" for axis in "xyz"}


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("own_recordings", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def frames():
    """Return a recording of a minute of each person, with two labels."""
    frames = make_recordings(
        3,
        duration=60,
        sampling_rate=25,
        activities=["sitting", "walking"],
        as_frame=True,
        random_state=0,
    ).recordings
    for frame in frames:
        frame["label"] = np.repeat(["sitting", "walking"], len(frame) // 2)
    return dict(zip(PEOPLE, frames, strict=True))


@pytest.fixture
def run(demo, tmp_path, capsys, monkeypatch):
    """Return a function that writes files, runs the demo on them, and returns what it prints."""

    def run(files, *options, draw=False):
        if not draw:
            monkeypatch.setattr(demo, "save_map", lambda *args: None)
        for name, frame in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.rename(columns=IN_G).to_csv(path, index_label="time")
        demo.main(["--data", str(tmp_path / "data"), "--out", str(tmp_path / "map.png"), *options])
        plt.close("all")
        return capsys.readouterr().out

    return run


def error_of(demo, folder, *options):
    """Return the error of the demo, which says what it needs."""
    image = folder.parent / "map.png"
    with pytest.raises(SystemExit) as caught:
        demo.main(["--data", str(folder), "--out", str(image), *options])
    error, needs = str(caught.value.code).split("\n\n", 1)
    assert demo.NEEDS in needs
    assert not image.exists()
    return error


def test_progress_is_not_among_the_results(demo, frames, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "save_map", lambda *args: None)
    (tmp_path / "data").mkdir()
    for name, frame in frames.items():
        frame.rename(columns=IN_G).to_csv(tmp_path / "data" / f"{name}.csv", index_label="time")
    demo.main(["--data", str(tmp_path / "data"), "--out", str(tmp_path / "map.png")])
    out, err = capsys.readouterr()
    assert "reading: 100%" in err
    assert "3/3" in err
    assert "Embedding 69 segments ...\nDrawing the map ...\n" in err
    assert "reading" not in out
    assert "..." not in out


def test_labelled_people_are_predicted(run, frames, tmp_path):
    printed = run({f"{name}.csv": frame for name, frame in frames.items()}, draw=True)
    assert "Files: 3, people: 3" in printed
    assert "of the labels sitting, walking" in printed
    scores = dict(re.findall(r"^  (\D+?) +(0\.\d+)$", printed, flags=re.MULTILINE))
    assert list(scores) == [
        "model in the package",
        "hand-made features",
        "model and features",
        "chance",
    ]
    assert float(scores["model and features"]) > float(scores["chance"])
    assert "of another person" in printed
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_without_labels_there_is_a_map(run, frames, tmp_path):
    files = {f"{name}.csv": frame[["x", "y", "z"]] for name, frame in frames.items()}
    printed = run(files, draw=True)
    assert "No scores: no sample has a label." in printed
    assert "of another person" in printed
    assert (tmp_path / "map.png").exists()


def test_files_in_a_folder_are_of_one_person(run, frames):
    files = {f"ann/{name}.csv": frame for name, frame in frames.items()}
    printed = run(files)
    assert "Files: 3, people: 1" in printed
    assert "No scores: all recordings are of one person, ann." in printed
    assert "at least 60 s apart" in printed
    assert re.search(r"ann/bob.csv 0:\d\d", printed)


def test_dots_in_a_name_do_not_join_people(demo, tmp_path):
    for name in ("ann.b.csv", "ann.c.CSV", "dan.csv.gz", "._ann.csv", "notes.txt"):
        (tmp_path / name).touch()
    files, others = demo.find_files(tmp_path)
    assert [demo.person_of(file) for file in files] == ["ann.b", "ann.c", "dan"]
    assert others == [Path("notes.txt")]


def test_files_that_are_not_read_are_named(run, frames, tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("a.xlsx", "b.xlsx", "c.xlsx", "d.xlsx", ".hidden"):
        (tmp_path / "data" / name).touch()
    assert "end in .csv or .csv.gz: a.xlsx, b.xlsx, c.xlsx and 1 more" in run(
        {"ann.csv": frames["ann"]}
    )


def test_one_label_has_no_score(run, frames):
    files = {f"{name}.csv": frame.assign(label="walking") for name, frame in frames.items()}
    assert "No scores: the only label is walking." in run(files)


def test_labels_of_one_person_are_left_out(run, frames):
    files = {f"{name}.csv": frame for name, frame in frames.items()}
    files["ann.csv"] = frames["ann"].assign(label="cycling")
    printed = run(files)
    assert "of the labels sitting, walking" in printed
    assert "only one person has them: cycling" in printed
    files = {f"{name}.csv": frame.assign(label=name) for name, frame in frames.items()}
    assert "at least two people have: none" in run(files)


def test_numbers_are_labels_too(demo, run, frames):
    """Labels with missing values are floats in one file, and ints in another."""
    files = {f"{name}.csv": frame.drop(columns="label") for name, frame in frames.items()}
    codes = np.arange(1500) // 750
    files["ann.csv"] = files["ann.csv"].assign(activity=codes)
    files["bob.csv"] = files["bob.csv"].assign(activity=np.where(codes == 0, np.nan, codes))
    files["cat.csv"] = files["cat.csv"].assign(activity=codes)
    printed = run(files, "--labels", "activity")
    assert "of the labels 0, 1" in printed
    assert "57 segments of 3 people" in printed  # without 12 of the 23 of bob


def test_spaces_around_labels_do_not_make_other_labels(run, frames):
    files = {f"{name}.csv": frame for name, frame in frames.items()}
    files["ann.csv"] = frames["ann"].assign(label=" " + frames["ann"].label)
    files["bob.csv"] = frames["bob"].assign(label=np.repeat(["sitting ", " "], 750))
    printed = run(files)
    assert "of the labels sitting, walking:" in printed
    assert "58 segments of 3 people" in printed  # without 11 of the 23 of bob


def test_every_training_part_has_all_labels(demo):
    person = np.repeat(np.arange(12), 10)
    label = np.where(np.isin(person, [4, 9]), "rare", "usual")  # both in one of five folds
    folds = demo.make_folds(label, person)
    assert all(len(set(label[train])) == 2 for train, _ in folds)
    assert all(not set(person[train]) & set(person[test]) for train, test in folds)


def test_at_most_so_many_segments_are_used(run, demo, frames, monkeypatch):
    monkeypatch.setattr(demo, "N_SEGMENTS", 15)
    printed = run({f"{name}.csv": frame for name, frame in frames.items()})
    assert "segments: 69" in printed
    assert "Of the segments, 15 are used" in printed


def test_few_segments_have_no_map(run, frames, tmp_path):
    printed = run({"ann.csv": frames["ann"][:100]})
    assert "too short for segments at least 60 s apart." in printed
    assert "No map: it needs at least 10 segments" in printed
    assert not (tmp_path / "map.png").exists()


def test_one_person_of_two_minutes_has_nearest_segments(run, frames):
    """The segments in the middle have none that is 60 s apart, and others have."""
    frame = frames["ann"]
    later = frame.set_axis(frame.index + np.timedelta64(60, "s"))
    printed = run({"ann.csv": pd.concat([frame, later])})
    assert len(re.findall(r"^  ann.csv .* cosine", printed, flags=re.MULTILINE)) == 4


def test_bad_files_are_left_out(run, frames, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "empty.csv").touch()
    printed = run({"ann.csv": frames["ann"], "bob.csv": frames["bob"].iloc[:20]})
    assert printed.count("Left out: ") == 2
    assert "empty.csv" in printed
    assert "bob.csv" in printed
    assert "Files: 1, people: 1" in printed


def test_units_and_channels_can_be_passed(run, frames):
    renamed = frames["ann"].rename(columns={"x": "a", "y": "b", "z": "c"}).assign(heart=60)
    printed = run({"ann.csv": renamed}, "--units", "g", "--channels", "a", "b", "c")
    assert "Files: 1, people: 1" in printed


def test_the_column_of_times_can_be_named(demo, run, frames, tmp_path):
    received = frames["ann"].index + np.timedelta64(1, "h")
    files = {"ann.csv": frames["ann"].assign(received=received)}
    assert "Files: 1, people: 1" in run(files, "--time", "received")
    error = error_of(demo, tmp_path / "data")
    assert "name it: --time 'time' or --time 'received'." in error
    assert "--time 'when' is not a column of" in error_of(demo, tmp_path / "data", "--time", "when")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda frame: frame.drop(columns="x (g)"), "must have x, y and z"),
        (lambda frame: frame.rename(columns={"x (g)": "x"}), "units is None"),
        (lambda frame: frame.reset_index(drop=True), "a column of times"),
        (lambda frame: frame.iloc[::2], "has 12.5 Hz. The model needs 20 Hz or more"),
        (lambda frame: frame.iloc[:20], "shorter than a window"),
        (lambda frame: frame.rename(columns={"label": "activity"}), "'activity' has dtype"),
    ],
)
def test_errors_name_the_file_and_say_what_is_needed(demo, frames, tmp_path, change, error):
    frame = change(frames["ann"].rename(columns=IN_G).rename_axis("time"))
    frame.to_csv(tmp_path / "ann.csv", index=frame.index.name is not None)
    found = error_of(demo, tmp_path)
    assert str(tmp_path / "ann.csv") in found
    assert error in found


def test_errors_of_parameters_name_the_options(demo, frames, tmp_path):
    frames["ann"].to_csv(tmp_path / "ann.csv", index_label="time")
    assert "units, channels and labels are --units, --channels" in error_of(demo, tmp_path)


def test_a_column_of_labels_that_is_named_must_exist(demo, frames, tmp_path):
    frames["ann"].rename(columns=IN_G).to_csv(tmp_path / "ann.csv", index_label="time")
    error = error_of(demo, tmp_path, "--labels", "posture")
    assert "No file has a column 'posture'. Beside times, the columns of ann.csv are ['x" in error


@pytest.mark.parametrize("options", [[], ["--labels", "activity"]])
def test_a_file_without_labels_is_used_and_named(options, run, frames):
    column = options[-1] if options else "label"
    files = {f"{name}.csv": f.rename(columns={"label": column}) for name, f in frames.items()}
    files["dan.csv"] = frames["cat"][["x", "y", "z"]]
    printed = run(files, *options)
    assert f"dan.csv has no column {column!r}: its segments have no label.\n" in printed
    assert printed.count("has no column") == 1
    assert "Files: 4, people: 4" in printed
    assert "69 segments of 3 people" in printed


def test_an_error_of_many_files_is_printed_once(run, frames, tmp_path):
    files = {f"{name}.csv": 1.5 * frames["ann"][["x", "y", "z"]].iloc[::3] for name in "abcde"}
    printed = run(files | {"bob.csv": frames["bob"], "f.csv": frames["cat"].iloc[:20]})
    assert printed.count("Left out: ") == 2
    same = f"a.csv, b.csv, c.csv and 2 more. The error of the first: {tmp_path / 'data' / 'a.csv'}"
    assert f"Left out: {same} has 8.33" in printed
    assert f"Left out: {tmp_path / 'data' / 'f.csv'}: " in printed
    assert "Of these parameters" not in printed


def test_errors_that_differ_in_numbers_are_alike(demo, tmp_path, capsys):
    errors = {name: ValueError(f"{tmp_path / name} has {name[1]}.5 g.") for name in ("p1", "p2")}
    demo.print_errors(errors, tmp_path)
    first = f"{tmp_path / 'p1'} has 1.5 g."
    assert capsys.readouterr().out == f"Left out: p1, p2. The error of the first: {first}\n\n"


def test_samples_that_are_there_twice(run, frames):
    frame = frames["ann"]
    printed = run({"ann.csv": frame.iloc[np.sort(np.r_[:1500, :1500:50])]})
    assert "ann.csv: 30 samples are left out, because the sample before them has the " in printed
    assert "segments: 23," in printed


def test_different_samples_of_the_same_times_are_not_dropped(demo, frames, tmp_path):
    """As after the end of daylight saving, if the samples were sorted."""
    frame = frames["ann"].rename(columns=IN_G)
    frame = frame.iloc[np.sort(np.r_[:1500, 700:900])]
    frame.to_csv(tmp_path / "ann.csv", index_label="time")
    assert "they are probably different samples" in error_of(demo, tmp_path)


def test_the_folder_of_the_map_is_checked_first(demo, tmp_path):
    error = error_of(demo, tmp_path, "--out", str(tmp_path / "absent" / "map.png"))
    assert "in a folder that does not exist" in error
    assert "which is a folder" in error_of(demo, tmp_path, "--out", str(tmp_path))


def test_wrong_folders(demo, tmp_path):
    assert "absent is not a folder" in error_of(demo, tmp_path / "absent")
    assert "Found: nothing." in error_of(demo, tmp_path)
    (tmp_path / "ann.cwa").touch()
    assert "Found: .cwa." in error_of(demo, tmp_path)


def test_wrong_arguments(demo, tmp_path):
    assert "invalid choice: 'lb'" in error_of(demo, tmp_path, "--units", "lb")


def test_help_says_what_is_needed(demo, capsys):
    with pytest.raises(SystemExit):
        demo.main(["--help"])
    assert demo.NEEDS in capsys.readouterr().out
