"""``python -m relcon_sklearn timeline``: results of each file, and what became of the files."""

import os
import runpy
import signal
import subprocess
import sys
from concurrent.futures import BrokenExecutor

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

import relcon_sklearn  # noqa: E402
from relcon_sklearn import RelConClassifier, segment_recordings  # noqa: E402
from relcon_sklearn._command import _outputs, _timeline, main  # noqa: E402
from relcon_sklearn._utils import _atomic  # noqa: E402
from relcon_sklearn.datasets import make_recordings  # noqa: E402
from relcon_sklearn.recordings import read_recording  # noqa: E402
from relcon_sklearn.timelines import (  # noqa: E402
    assume_transitions,
    daily_totals,
    predict_timeline,
)
from tests.support.device_files import motion, write_cwa, write_gt3x  # noqa: E402
from tests.support.estimators import tiny_embedder, tiny_regressor  # noqa: E402
from tests.support.forked import in_another_process, needs_fork  # noqa: E402
from tests.support.full_disk import FullDisk  # noqa: E402

EVENING = 1_709_674_200  # 2024-03-05 21:30, half an hour before an evening in Vienna
RATE = 32  # Hz


@pytest.fixture(scope="module")
def data():
    """Return the recordings of three people, 2 minutes each."""
    return make_recordings(
        3, duration=120, sampling_rate=RATE, activities=["sitting", "walking"], random_state=0
    )


@pytest.fixture(scope="module")
def segments(data):
    return segment_recordings(
        data.recordings, RATE, units="g", window=2, target_rate=25, labels=data.labels
    )


@pytest.fixture(scope="module")
def model(segments, tmp_path_factory):
    """Return the file of a classifier."""
    path = tmp_path_factory.mktemp("model") / "activity.safetensors"
    settings = {"max_epochs": 2, "sampling_rate": 25, "random_state": 0}
    classifier = RelConClassifier("resnet14-half", **settings)
    classifier.fit(segments.X[::9], segments.y[::9]).save(path)
    return str(path)


def write_files(folder, data, names):
    """Write the recordings in the layout of Empatica E4, and return the paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name, recording in zip(names, data.recordings, strict=True):
        rows = [[EVENING] * 3, [RATE] * 3, *np.rint(recording * 64).astype(int).tolist()]
        paths.append(folder / name)
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text("\n".join(",".join(map(str, row)) for row in rows))
    return list(map(str, paths))


@pytest.fixture
def files(tmp_path, data):
    return write_files(tmp_path / "in", data, ["007.csv", "ann.csv", "bob.csv"])


@pytest.fixture
def without_figures(monkeypatch):
    """Write a text for each figure, which takes less time."""
    monkeypatch.setattr(_outputs, "draw", lambda timeline, path, *_: path.write_text("figure"))


@pytest.fixture
def run(tmp_path, model):
    """Return a function that runs the command and returns its exit status."""

    def run(*arguments, out="out"):
        return main(["timeline", *arguments, "--model", model, "--out", str(tmp_path / out)])

    return run


def contents(folder):
    """The bytes of all results in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".unfinished" not in path.parts
    }


# ---------------------------------------------------------------- results


def test_results_of_each_file(files, run, model, tmp_path, capsys):
    assert run(*files, "--tz", "Europe/Vienna", "--smoothing", "3", "--step", "1") == 0
    out = tmp_path / "out"
    printed = capsys.readouterr().out
    assert printed == f"3 of 3 files are done. Results are in {out}.\n"
    results = ("timeline.csv", "totals.csv", "timeline.png", "source.json")
    expected = {f"{name}/{file}" for name in ("007", "ann", "bob") for file in results}
    assert set(contents(out)) == expected | {"totals.csv", "files.csv"}

    timeline = predict_timeline(
        RelConClassifier.load(model), read_recording(files[1]), step=1, smoothing=3, subject="ann"
    )
    read = pd.read_csv(out / "ann" / "timeline.csv")
    read[["start", "end"]] = read[["start", "end"]].apply(pd.to_datetime, utc=True)
    read["label"] = read["label"].astype(timeline["label"].dtype)
    pd.testing.assert_frame_equal(read, timeline, check_dtype=False, rtol=0, atol=1e-4)

    totals = pd.read_csv(out / "ann" / "totals.csv")
    table = daily_totals(timeline, tz="Europe/Vienna")
    hours = [column for column in table.columns if "hours" in column]
    np.testing.assert_allclose(totals[hours], table[hours], atol=1e-4)
    assert (out / "ann" / "timeline.png").read_bytes().startswith(b"\x89PNG")
    every = pd.read_csv(out / "totals.csv", dtype={"subject": str})
    assert every["subject"].tolist() == ["007", "ann", "bob"]
    assert every.drop(columns="subject").iloc[1].tolist() == totals.iloc[0, 1:].tolist()


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("options", "bout"), [([], 30), (["--bout", "20"], 20)])
def test_the_most_likely_sequence(options, bout, files, run, model, tmp_path):
    assert run(files[0], "--smoothing", "viterbi", *options) == 0
    classifier = RelConClassifier.load(model)
    timeline = predict_timeline(
        classifier,
        read_recording(files[0]),
        smoothing=assume_transitions(classifier.classes_, bout=bout, step=2),
    )
    read = pd.read_csv(tmp_path / "out" / "007" / "timeline.csv")
    assert read["label"].tolist() == timeline["label"].tolist()


@pytest.mark.usefixtures("without_figures")
def test_parquet(files, run, tmp_path):
    pytest.importorskip("pyarrow")
    assert run(files[0]) == 0
    assert run(files[0], "--format", "parquet", out="parquet") == 0
    read = pd.read_parquet(tmp_path / "parquet" / "007" / "timeline.parquet")
    table = pd.read_csv(tmp_path / "out" / "007" / "timeline.csv", dtype={"subject": str})
    table[["start", "end"]] = table[["start", "end"]].apply(pd.to_datetime, utc=True)
    assert isinstance(read["label"].dtype, pd.CategoricalDtype)
    assert read["subject"].tolist() == table["subject"].tolist()
    pd.testing.assert_frame_equal(
        read.assign(label=read["label"].astype(str), subject="007"),
        table.assign(subject="007"),
        check_dtype=False,
        rtol=0,
        atol=1e-4,
    )


def test_the_module_runs_commands(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["relcon_sklearn", "--version"])
    with pytest.raises(SystemExit) as error:
        runpy.run_module("relcon_sklearn", run_name="__main__")
    assert error.value.code == 0
    assert capsys.readouterr().out == f"{relcon_sklearn.__version__}\n"


@pytest.mark.slow
def test_two_files_at_a_time(files, model, tmp_path):
    """In a process of its own; a file that is missing gives status 1."""
    command = [sys.executable, "-m", "relcon_sklearn", "timeline", *files[:2], "none.csv"]
    command += ["--model", model, "--out", tmp_path / "out", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "2 of 3 files are done." in done.stdout
    assert "none  FileNotFoundError: [Errno 2] No such file or directory: 'none.csv'" in done.stdout
    assert "2/2" in done.stderr
    assert len(contents(tmp_path / "out")) == 2 * 4 + 2


@pytest.mark.usefixtures("without_figures")
def test_one_bad_file_does_not_stop_others(files, run, tmp_path, capsys):
    with open(files[1], "w"):
        pass
    assert run(*files) == 1
    printed = capsys.readouterr().out
    assert "2 of 3 files are done." in printed
    assert "1 of 3 files failed:\n  ann  DamagedFileError: " in printed
    assert "is empty. Copy it from the device again" in printed
    table = pd.read_csv(tmp_path / "out" / "files.csv", dtype=str, keep_default_na=False)
    assert table["status"].tolist() == ["done", "failed", "done"]
    assert table["days"].tolist() == ["1", "", "1"]
    assert not (tmp_path / "out" / "ann").exists()
    assert len(pd.read_csv(tmp_path / "out" / "totals.csv")) == 2


@pytest.mark.usefixtures("without_figures")
def test_warnings_are_printed_and_kept(tmp_path, run, capsys):
    n = 120 * RATE
    still = type("Data", (), {"recordings": [np.tile([0, 0, 1.2], (n, 1))]})
    files = write_files(tmp_path / "in", still, ["ann.csv"])
    for _ in range(2):
        assert run(*files) == 0
        printed = capsys.readouterr().out
        assert "Warnings about 1 files, see files.csv:\n  ann  Still stretches differ" in printed
        assert "--calibrate corrects recordings of at least 12 h." in printed
        kept = pd.read_csv(tmp_path / "out" / "files.csv")["warnings"][0]
        for code in ("filterwarnings", "attrs", "relcon_sklearn"):  # of no use to this command
            assert code not in printed + kept
    assert "1 of 1 files are done, 1 of them before" in printed


# ---------------------------------------------------------------- again


@pytest.mark.usefixtures("without_figures")
def test_files_that_are_done_are_kept(files, run, tmp_path, monkeypatch):
    assert run(*files[:2]) == 0
    before = contents(tmp_path / "out")
    seen = []
    original = _outputs.read_in_little_memory
    monkeypatch.setattr(
        _outputs,
        "read_in_little_memory",
        lambda file, **kwargs: [seen.append(file), original(file, **kwargs)][1],
    )
    assert run(*files) == 0
    assert seen == files[2:]
    after = contents(tmp_path / "out")
    assert before.items() - {(k, before[k]) for k in ("totals.csv", "files.csv")} <= after.items()
    assert run(*files, "--day-starts", "18:00") == 0
    assert seen == files[2:] + files
    os.utime(files[0], ns=(0, 10**9))
    (tmp_path / "out" / "bob" / "totals.csv").unlink()
    assert run(*files, "--day-starts", "18:00") == 0
    assert seen == files[2:] + files + [files[0], files[2]]


@pytest.mark.usefixtures("without_figures")
def test_totals_have_the_files_of_earlier_runs(files, run, tmp_path, capsys):
    def subjects():
        table = pd.read_csv(tmp_path / "out" / "totals.csv", dtype={"subject": str})
        return table["subject"].tolist()

    assert run(files[1]) == 0
    assert run(files[0]) == 0
    assert subjects() == ["007", "ann"]
    assert pd.read_csv(tmp_path / "out" / "files.csv", dtype=str)["name"].tolist() == ["007"]
    # Totals of other options would not be comparable.
    capsys.readouterr()
    assert run(files[2], "--day-starts", "18:00") == 0
    assert subjects() == ["bob"]
    assert "totals.csv is without 2 files of earlier runs" in capsys.readouterr().out
    assert run(files[0], "--day-starts", "18:00") == 0
    assert subjects() == ["007", "bob"]
    # A file that fails now has no totals, also if it had some.
    with open(files[0], "w"):
        pass
    assert run(*files[:2], "--day-starts", "18:00") == 1
    assert subjects() == ["ann", "bob"]


class Counter:
    """Counts the calls that change or sync files, and kills the process at one of them."""

    def __init__(self, monkeypatch, kill_at=None):
        self.n, self.kill_at = 0, kill_at
        for name in ("fsync", "replace", "rename", "mkdir", "unlink"):
            monkeypatch.setattr(os, name, self.wrap(getattr(os, name)))

    def wrap(self, function):
        def call(*args, **kwargs):
            self.n += 1
            if self.n == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call


@needs_fork
@pytest.mark.usefixtures("without_figures")
def test_ten_kills_end_with_the_same_files(files, run, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        counter = Counter(patch)
        assert run(*files, out="whole") == 0
    expected, of_a_file = contents(tmp_path / "whole"), counter.n // 3

    def run_and_be_killed(kill_at):
        with pytest.MonkeyPatch.context() as patch:
            Counter(patch, kill_at)
            run(*files)

    n_done = []
    shares = (0, 0.3, 0.6, 0.8, 1.3, 0.5, 0.8, 1.3, 0.4, 0.7)
    for share in shares:
        killed = in_another_process(run_and_be_killed, 1 + int(share * of_a_file))
        assert killed == -signal.SIGKILL
        found = contents(tmp_path / "out")
        assert found.items() <= expected.items()  # complete or absent
        n_done.append(sum(name.endswith("source.json") for name in found))
    assert n_done == sorted(n_done)
    assert set(n_done) == {0, 1, 2}
    assert run(*files) == 0
    assert contents(tmp_path / "out") == expected


# ---------------------------------------------------------------- time zones


@pytest.mark.usefixtures("without_figures")
def test_the_clock_of_a_device(tmp_path, run, capsys):
    times = pd.date_range("2024-03-05 23:58", periods=120 * 20, freq="50ms", name="time")
    x = np.random.default_rng(0).normal([0, 0, 1], 0.2, (len(times), 3))
    frame = pd.DataFrame(x, times, ["x (g)", "y (g)", "z (g)"])
    frame.to_csv(tmp_path / "ann.csv")
    file = str(tmp_path / "ann.csv")
    assert run(file) == 0
    assert pd.read_csv(tmp_path / "out" / "totals.csv")["day"].tolist() == ["2024-03-05"]
    capsys.readouterr()
    assert run(file, "--tz", "Europe/Vienna") == 1
    printed = capsys.readouterr().out
    assert "has the times of the device's clock, and not its offset from UTC" in printed
    assert "Pass --clock, for example --clock=+01:00" in printed
    assert run(file, "--tz", "Europe/Vienna", "--clock=-05:00") == 0
    assert pd.read_csv(tmp_path / "out" / "totals.csv")["day"].tolist() == ["2024-03-06"]


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("offset", ["+01:00", "-05:30"])
def test_the_clock_of_a_device_that_is_read_in_little_memory(offset, tmp_path, run):
    pytest.importorskip("actfast")
    starts = np.datetime64("2024-03-05T22:00:00.00") + np.arange(30) * np.timedelta64(800, "ms")
    write_cwa(tmp_path / "ann.cwa", motion(30 * 80), starts)
    assert run(str(tmp_path / "ann.cwa"), f"--clock={offset}", "--tz", "UTC") == 0
    read = pd.read_csv(tmp_path / "out" / "ann" / "timeline.csv")
    expected = pd.Timestamp("2024-03-05 22:00", tz=offset).tz_convert("UTC")
    assert pd.Timestamp(read["start"][0]) == expected


# ---------------------------------------------------------------- names and arguments


@pytest.mark.usefixtures("without_figures")
def test_files_of_one_name_are_named_by_their_folder(tmp_path, data, run, capsys):
    files = write_files(tmp_path / "in", data, [f"{name}/ACC.csv" for name in "abc"])
    with pytest.raises(SystemExit) as error:
        run(*files)
    assert error.value.code == 2
    assert "3 files would have the name 'acc', such as " in capsys.readouterr().err
    assert run(*files, "--name-by", "folder") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == [
        ".unfinished", "a", "b", "c"]  # fmt: skip


def test_files_of_one_name_in_one_folder_are_renamed(tmp_path, data, run, capsys):
    """Their folder does not tell them apart, so that --name-by folder is no advice."""
    files = write_files(tmp_path / "in", data, ["ann.csv", "ann.csv.gz", "bob.csv"])
    with pytest.raises(SystemExit) as error:
        run(*files)
    assert error.value.code == 2
    printed = capsys.readouterr().err
    assert "2 files would have the name 'ann', such as" in printed
    assert "Rename them, or run the command for each of them with another folder" in printed
    assert "--name-by folder" not in printed


@pytest.mark.usefixtures("without_figures")
def test_names_that_end_as_those_of_unfinished_folders(tmp_path, data, run):
    files = write_files(tmp_path / "in", data, ["ann.csv", "ann.lock.csv", "ann.old.csv"])
    assert run(*files) == 0


@pytest.mark.usefixtures("without_figures")
def test_patterns(files, run, tmp_path, capsys):
    assert run(str(tmp_path / "in" / "[ab]*.csv"), files[1]) == 0
    assert "2 of 2 files are done" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(str(tmp_path / "*.cwa"))
    assert "No file matches" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tz", "Nowhere"], "argument --tz: tz='Nowhere' is not a known time zone"),
        (["--clock=CET"], "argument --clock: 'CET' is not an offset such as +01:00"),
        (["--clock=+25:00"], "argument --clock: tz='+25:00' is not a known time zone"),
        (["--day-starts", "25:00"], "argument --day-starts: day_starts='25:00' is not"),
        (["--units", "lb"], "argument --units: invalid choice: 'lb'"),
        (["--channels", "x", "y"], "argument --channels: expected 3 arguments"),
        (["--jobs", "0"], "argument --jobs: '0' is not a whole number above 0"),
        (["--smoothing", "4"], "smoothing=4 is even"),
        (["--smoothing", "mean"], "'mean' is not a whole number above 0, or viterbi"),
        (["--bout", "60"], "--bout needs --smoothing viterbi"),
        (
            ["--smoothing", "viterbi", "--bout", "2"],
            "--bout is 2 s, which is not above a step",
        ),
        (["--smoothing", "1"], "The 'smoothing' parameter of timeline must be"),
        (["--nonwear", "0"], "The 'nonwear' parameter of timeline must be"),
        (["--min-wear-hours", "30"], "The 'min_wear_hours' parameter of timeline must be"),
        (["--step", "-1"], "The 'step' parameter of timeline must be"),
        (["--step", "60"], "step=60 s is longer than a segment of 2 s"),
    ],
)
def test_bad_arguments(arguments, message, files, run, capsys, tmp_path):
    with pytest.raises(SystemExit) as error:
        run(*files, *arguments)
    assert error.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_predict(files, tmp_path, segments, capsys):
    def message(path):
        with pytest.raises(SystemExit) as error:
            main(["timeline", *files, "--model", str(path), "--out", str(tmp_path / "out")])
        assert error.value.code == 2
        return " ".join(capsys.readouterr().err.split())

    assert "or one of the names activity-small, activity-small-wrist." in message("activity")
    (tmp_path / "damaged").write_bytes(b"model")
    assert "damaged cannot be loaded" in message(tmp_path / "damaged")
    assert "is a folder" in message(tmp_path)
    embedder = tiny_embedder(
        distance="features", encoder="resnet14-half", n_within=0, validation_fraction=0,
        max_epochs=0, sampling_rate=25,
    )  # fmt: skip
    embedder.fit(segments.X[:20]).save(tmp_path / "embedder")
    assert "model is a RelConEmbedder, which is neither" in message(tmp_path / "embedder")


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("options", [[], ["--model", "activity-small-wrist"]])
def test_a_model_of_the_package(options, files, tmp_path):
    assert main(["timeline", files[1], *options, "--out", str(tmp_path / "out")]) == 0
    name = options[-1] if options else "activity-small"
    expected = predict_timeline(RelConClassifier.from_pretrained(name), read_recording(files[1]))
    found = pd.read_csv(tmp_path / "out" / "ann" / "timeline.csv")
    assert found["label"].tolist() == expected["label"].tolist()
    assert len(found) == 12  # windows of 10 s


@pytest.mark.usefixtures("without_figures")
def test_results_in_a_folder_with_the_name_of_the_model(files, tmp_path, monkeypatch):
    """Without the warning that the name does not mean the folder."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["timeline", files[1], "--out", "activity-small"]) == 0


def test_a_folder_is_not_a_file(files, run, capsys):
    folder = os.path.dirname(files[0])
    assert run(folder) == 1
    printed = capsys.readouterr().out
    assert f"Pass the files in it, for example {os.path.join(folder, '*.cwa')!r}." in printed
    assert "convert_recordings" not in printed


def write_csv(path, names, scale=1.0, **more):
    """Write a recording of 10 s as a table, and return its path."""
    times = pd.date_range("2024-03-05 22:00", periods=250, freq="40ms", name="time")
    g = np.random.default_rng(0).normal([0, 0, 1], 0.2, (250, 3))
    pd.DataFrame((scale * g).round(6), times, names).assign(**more).to_csv(path)
    return str(path)


def test_a_table_without_a_unit(run, tmp_path, capsys):
    assert run(write_csv(tmp_path / "ann.csv", list("xyz"))) == 1
    printed = capsys.readouterr().out
    assert "Pass it, for example --units g, or name it in its columns" in printed


@pytest.mark.usefixtures("without_figures")
def test_units_and_columns_of_a_table(run, tmp_path, capsys):
    """Names of any kind, beside text and a counter, have the results of names that tell all."""
    file = write_csv(tmp_path / "ann.csv", list("abc"), 1000, text="walking", n=np.arange(250))
    options = ["--units", "mg", "--channels", "a", "b", "c"]
    for kept in ("", ", 1 of them before"):
        assert run(file, *options) == 0
        assert f"1 of 1 files are done{kept}." in capsys.readouterr().out
    write_csv(tmp_path / "ann.csv", ["x (g)", "y (g)", "z (g)"])
    assert run(file, out="named") == 0
    timelines = [tmp_path / out / "ann" / "timeline.csv" for out in ("out", "named")]
    assert timelines[0].read_bytes() == timelines[1].read_bytes()


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("changed", [["--units", "mg"], ["--channels", "y (g)", "x (g)", "z (g)"]])
def test_files_are_done_again_with_another_unit_or_other_columns(changed, run, tmp_path, capsys):
    names = ["x (g)", "y (g)", "z (g)"]
    file = write_csv(tmp_path / "ann.csv", names)
    options = ["--units", "g", "--channels", *names]
    assert run(file, *options) == 0
    capsys.readouterr()
    status = run(file, *options, *changed)  # of an option that is there twice, the last counts
    printed = capsys.readouterr().out
    assert "before" not in printed
    assert status == ("mg" in changed)  # which does not fit the values
    assert ("With this command, pass units in --units." in printed) == ("mg" in changed)


def test_columns_that_must_be_named(run, tmp_path, capsys):
    names = list("abc")
    files = [
        write_csv(tmp_path / "ann.csv", names, d=1.0),
        write_csv(tmp_path / "bob.csv", names, text="walking"),
    ]
    assert run(*files, "--units", "g") == 1
    option = "With this command, pass channels in --channels X Y Z."
    assert capsys.readouterr().out.count(option) == 2
    assert run(files[0], "--units", "g", "--channels", "a", "b", "time") == 1
    printed = capsys.readouterr().out
    assert "ann.csv does not have the columns ['time'] of --channels" in printed
    assert "Beside times, its columns are ['a', 'b', 'c', 'd']." in printed


@pytest.mark.usefixtures("without_figures")
def test_the_column_of_times(files, run, tmp_path, capsys):
    file = write_csv(
        tmp_path / "ann.csv", ["x (g)", "y (g)", "z (g)"], received="2024-03-06 10:00"
    )  # of all rows
    assert run(file) == 1
    printed = capsys.readouterr().out
    assert "the times of the samples, name it: --time 'time' or --time 'received'." in printed
    assert run(file, "--time", "when") == 1
    assert "--time 'when' is not a column of" in capsys.readouterr().out
    assert run(file, "--time", "time") == 0
    assert run(files[0], "--time", "time") == 1
    printed = capsys.readouterr().out
    assert "--time 'time' names a column of a table, and" in printed
    assert "Leave it out for the files of devices" in printed


@pytest.mark.usefixtures("without_figures")
def test_files_of_devices_have_their_own_unit_and_columns(files, run, tmp_path, capsys):
    assert run(files[0], "--units", "g", "--channels", "x", "y", "z") == 0
    capsys.readouterr()
    for options in (["--units", "mg"], ["--channels", "z", "y", "x"]):
        assert run(files[0], *options) == 1
        printed = capsys.readouterr().out
        assert f"{options[0]} is " in printed
        assert "is of a device with " in printed
        assert "With this command" not in printed


@pytest.mark.usefixtures("without_figures")
def test_a_regressor(files, tmp_path, segments):
    regressor = tiny_regressor(encoder="resnet14-half", max_epochs=1, sampling_rate=25)
    regressor.fit(segments.X[:20], np.arange(20.0)).save(tmp_path / "model")
    out = tmp_path / "out"
    assert main(["timeline", *files, "--model", str(tmp_path / "model"), "--out", str(out)]) == 0
    assert pd.read_csv(out / "totals.csv")["mean_value"].notna().all()


def test_a_regressor_has_no_most_likely_sequence(files, tmp_path, segments, capsys):
    regressor = tiny_regressor(encoder="resnet14-half", max_epochs=1, sampling_rate=25)
    regressor.fit(segments.X[:20], np.arange(20.0)).save(tmp_path / "model")
    where = ["--model", str(tmp_path / "model"), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        main(["timeline", *files, *where, "--smoothing", "viterbi"])
    assert "needs a classifier with predict_proba" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("matplotlib", "relcon_sklearn[plotting]", []),
        ("pandas", "relcon_sklearn[devices]", []),
        ("pyarrow", "pyarrow", ["--format", "parquet"]),
        ("skdh", "relcon_sklearn[calibration]", ["--calibrate"]),
    ],
)
def test_missing_packages(package, extra, arguments, files, run, monkeypatch, capsys):
    for name in ("pandas", "matplotlib", "pyarrow", "skdh"):
        # An empty module stands for a package that is installed, and None for one that is not.
        monkeypatch.setitem(sys.modules, name, None if name == package else type(sys)(name))
    with pytest.raises(SystemExit) as error:
        run(*files, *arguments)
    assert error.value.code == 2
    assert f"pip install {extra}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.usefixtures("without_figures")
def test_an_interruption(files, run, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_outputs, "predict_timeline", interrupt)
    assert run(*files) == 130
    assert "To go on, run the same command again" in capsys.readouterr().err


def test_a_damaged_file_and_its_remedy_in_this_command(run, tmp_path, capsys):
    seconds = 1_709_676_000 + np.arange(120)
    write_gt3x(tmp_path / "dan.gt3x", motion(12_000), seconds, damaged=[3])
    assert run(str(tmp_path / "dan.gt3x")) == 1
    printed = capsys.readouterr().out
    assert "dan.gt3x is damaged" in printed
    assert "--skip-damage leaves out what is damaged" in printed
    assert "errors=" not in printed


def write_table(path, n=1500, **to_csv):
    """Write a recording of a minute as a table in German, and return it."""
    times = pd.date_range("2024-03-05 22:00", periods=n, freq="40ms", name="Zeit")
    g = np.random.default_rng(0).normal([0, 0, 1], 0.2, (n, 3)).round(3)
    names = [f"Beschleunigung {axis} (g)" for axis in "XYZ"]
    table = pd.DataFrame(g, times, names).assign(Höhe=171.5)
    table.to_csv(path, sep=";", decimal=",", **to_csv)
    return table


@pytest.mark.usefixtures("without_figures")
def test_a_table_in_another_language(run, tmp_path, capsys):
    write_table(tmp_path / "ann.csv")
    write_table(tmp_path / "bob.csv", encoding="cp1252")
    write_table(tmp_path / "eva.csv", encoding="utf-16")
    assert run(*(str(tmp_path / f"{name}.csv") for name in ("ann", "bob", "eva"))) == 1
    printed = capsys.readouterr().out
    assert "1 of 3 files are done." in printed
    assert "bob.csv is not text in UTF-8" in printed
    assert "eva.csv is of a format that is not read: text in UTF-16. Save it as CSV" in printed


@pytest.mark.usefixtures("without_figures")
def test_values_that_are_missing(run, tmp_path, capsys):
    write_table(tmp_path / "ann.csv")
    lines = (tmp_path / "ann.csv").read_text().splitlines()
    lines[700] = lines[700].rsplit(";", 2)[0] + ";;171,5"
    (tmp_path / "ann.csv").write_text("\n".join(lines))
    assert run(str(tmp_path / "ann.csv")) == 1
    printed = capsys.readouterr().out
    assert "has NaN in 1 of 1500 samples" in printed
    assert "Pass --skip-damage to treat such samples as missing" in printed
    assert run(str(tmp_path / "ann.csv"), "--skip-damage") == 0


@pytest.mark.usefixtures("without_figures")
def test_numbers_that_stand_for_missing_values(run, tmp_path, capsys):
    write_table(tmp_path / "ann.csv")
    lines = (tmp_path / "ann.csv").read_text().splitlines()
    for i in (700, 701):
        time, *_, height = lines[i].split(";")
        lines[i] = ";".join([time, "-999", "-999", "-999", height])
    (tmp_path / "ann.csv").write_text("\n".join(lines))
    for options in ([], ["--skip-damage"]):
        assert run(str(tmp_path / "ann.csv"), *options) == 1
        printed = capsys.readouterr().out
        assert "2 of 1500 samples have an acceleration of -999.0 g on an axis" in printed
        assert "leave such cells of a file empty, and pass --skip-damage.\n" in printed
    text = "\n".join(lines).replace("-999", "")  # what the error advises
    (tmp_path / "ann.csv").write_text(text)
    assert run(str(tmp_path / "ann.csv"), "--skip-damage") == 0


@pytest.mark.usefixtures("without_figures")
def test_a_table_that_was_cut_and_one_with_a_row_twice(run, tmp_path, capsys):
    write_table(tmp_path / "ann.csv")
    lines = (tmp_path / "ann.csv").read_text().splitlines()
    (tmp_path / "ann.csv").write_text("\n".join([*lines[:-1], lines[-1][:17]]))
    (tmp_path / "bob.csv").write_text("\n".join([*lines[:9], *lines[8:]]))
    files = [str(tmp_path / f"{name}.csv") for name in ("ann", "bob")]
    assert run(*files) == 1
    printed = capsys.readouterr().out
    assert "ann.csv was cut: its last line has fewer columns than its first" in printed
    assert "duplicate timestamps: sample 8 has 2024-03-05T22:00:00.28" in printed
    assert "With this command, --skip-damage leaves out rows that repeat a time" in printed
    assert run(*files, "--skip-damage") == 0
    printed = capsys.readouterr().out
    assert "ann.csv was cut: its last line" in printed
    assert "bob.csv: 1 rows were left out, because they have the time of the row bef" in printed


@pytest.mark.usefixtures("without_figures")
def test_a_table_without_dates(run, tmp_path, capsys):
    """Those of phyphox have the time since the start."""
    names = [f"Acceleration {axis} (m/s^2)" for axis in "xyz"]
    table = pd.DataFrame(9.8 * motion(600), np.arange(600) / 50, names)
    table.to_csv(tmp_path / "ann.csv", index_label="Time (s)")
    assert run(str(tmp_path / "ann.csv")) == 1
    assert "ann.csv has times since a start, and no dates" in capsys.readouterr().out
    recording = read_recording(tmp_path / "ann.csv")  # what the error advises
    recording.index = pd.Timestamp("2024-03-05 22:00") + recording.index
    recording.to_csv(tmp_path / "ann.csv")
    assert run(str(tmp_path / "ann.csv")) == 0
    assert pd.read_csv(tmp_path / "out" / "files.csv")["start"][0] == "2024-03-05 22:00:00+00:00"


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("start", ["1970-01-01", "2000-01-01 12:00", "2224-01-01"])
def test_a_clock_that_was_not_set(start, run, tmp_path, capsys):
    table = write_table(tmp_path / "ann.csv")
    table.set_axis(pd.date_range(start, periods=len(table), freq="40ms")).to_csv(
        tmp_path / "ann.csv", index_label="time"
    )
    assert run(str(tmp_path / "ann.csv")) == 0
    printed = capsys.readouterr().out
    assert f"ann  The recording is from {start[:10]} to {start[:10]}. The clock of the" in printed


@pytest.mark.usefixtures("without_figures")
def test_clocks_that_jump(run, tmp_path, capsys):
    table = write_table(tmp_path / "ann.csv")
    later = table.set_axis(table.index + pd.Timedelta(days=60))
    earlier = table.set_axis(table.index - pd.Timedelta(days=60))
    for name, part in (("later", later), ("earlier", earlier)):
        pd.concat([table, part]).to_csv(tmp_path / f"{name}.csv")
    assert run(str(tmp_path / "later.csv"), str(tmp_path / "earlier.csv")) == 1
    printed = capsys.readouterr().out
    assert "later  The recording has no data for 59 days after 2024-03-05 22:01" in printed
    assert "decreasing timestamps: sample 1500 has 2024-01-05T22:00" in printed
    assert not (tmp_path / "out" / "earlier").exists()
    totals = pd.read_csv(tmp_path / "out" / "totals.csv")
    assert len(totals) == 61
    assert (totals["wear_hours"] > 0).sum() == 2


def test_a_clock_that_was_wrong_for_years(run, tmp_path, capsys):
    table = write_table(tmp_path / "ann.csv", n=500)
    table = pd.concat([table.set_axis(table.index - pd.Timedelta(days=9000)), table])
    table.to_csv(tmp_path / "ann.csv")
    for _ in range(2):  # also kept
        assert run(str(tmp_path / "ann.csv")) == 0
        assert (
            "timeline.png only shows 1999-07-15 to 1999-07-15, because" in capsys.readouterr().out
        )
    timeline = pd.read_csv(tmp_path / "out" / "ann" / "timeline.csv")
    assert timeline["start"].str[:4].unique().tolist() == ["1999", "2024"]
    assert len(pd.read_csv(tmp_path / "out" / "totals.csv")) == 9001
    warnings = pd.read_csv(tmp_path / "out" / "files.csv")["warnings"][0]
    assert "The recording has no data for 8999 days" in warnings
    assert "The clock of the device was probably wrong" in warnings


@pytest.mark.usefixtures("without_figures")
def test_a_file_that_is_passed_twice_is_one(files, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(files[0], os.path.relpath(files[0]), files[0]) == 0
    assert "1 of 1 files are done." in capsys.readouterr().out


# ---------------------------------------------------------------- disks and processes


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("room", [100, 3000])
def test_a_full_disk(room, files, run, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(_atomic, "open", FullDisk(room).open, raising=False)
        assert run(files[0]) == 1
    printed = capsys.readouterr().out
    assert "007.csv: OSError: [Errno 28] No space left on device" in printed
    assert "files.csv and totals.csv in" in printed
    assert "could not be written" in printed
    assert contents(tmp_path / "out") == {}
    assert run(files[0]) == 0
    assert len(contents(tmp_path / "out")) == 6


@pytest.mark.usefixtures("without_figures")
def test_tables_of_all_files_that_cannot_be_written(files, run, tmp_path, monkeypatch, capsys):
    """The files are done, and the status says that something is missing."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "files.csv").mkdir()  # in place of the table
    assert run(files[0]) == 1
    printed = capsys.readouterr().out
    assert "1 of 1 files are done." in printed
    assert "could not be written" in printed
    assert (tmp_path / "out" / "007" / "timeline.csv").exists()


def test_a_folder_that_cannot_be_made(files, run, tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as error:
        run(files[0], out="file/out")
    assert error.value.code == 2
    assert "Not a directory" in capsys.readouterr().err


@pytest.mark.usefixtures("without_figures")
def test_a_process_that_the_system_ends(files, run, monkeypatch, capsys):
    class Killed:
        """Two files are done when the system ends a process, and the outcome of one is lost."""

        def __init__(self, **kwargs):
            pass

        def __call__(self, calls):
            (function, arguments, _), (_, lost, _), _ = calls
            yield function(*arguments)
            function(*lost)
            raise BrokenExecutor

    with monkeypatch.context() as patch:
        patch.setattr(_timeline, "Parallel", Killed)
        assert run(*files) == 1
    printed = capsys.readouterr().out
    assert "2 of 3 files are done" in printed
    assert "bob  The system ended a process" in printed
    assert "with fewer --jobs" in printed
    assert run(*files) == 0


def test_a_file_instead_of_the_folder_of_results(files, run, tmp_path, capsys):
    (tmp_path / "out.txt").write_text("mine")
    with pytest.raises(SystemExit):
        run(files[0], out="out.txt")
    assert "out.txt, which is a file. Pass a folder." in capsys.readouterr().err
    assert (tmp_path / "out.txt").read_text() == "mine"
