"""The training of the models of the package, and their cards."""

import json
from functools import partial

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.budget import TimedTraining
from benchmarks.common.card import mark
from benchmarks.common.report import END_MARK
from benchmarks.downstream.cells import Cell, CellFile
from benchmarks.downstream.plan import DownstreamSettings, plan_cells
from benchmarks.downstream.results import FIVE, DownstreamResults
from benchmarks.pretraining import open_weights
from benchmarks.pretraining.model_card import model_card, sum_over_sets
from relcon_sklearn import RelConEmbedder
from relcon_sklearn.datasets import make_recordings, save_npz_recordings
from tests.support.downstream_cells import fake_record, parse_table

# A training of a given time has endless epochs. On a busy machine, the library warns about them.
pytestmark = pytest.mark.filterwarnings("ignore:.* of training remain")

CHANGES = {"motion-small": {"none": 0.9, "rotation": 0.8}}
MEASURED = {"robustness": {"scores": {"hapt": CHANGES}}}


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    for seed, name in enumerate(["mex_thigh", "harlab_wrist"]):
        data = make_recordings(2, duration=60, sampling_rate=50, dropout=0, random_state=seed)
        save_npz_recordings(folder / f"{name}.npz", data)
    # A set that is probed is never trained on.
    (folder / "motionsense_pocket.npz").write_bytes(b"not read")
    return folder


@pytest.fixture(scope="module")
def trained(pool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    arguments = ["open_weights", "--smoke", "--pool", str(pool), "--cache", str(folder / "cache")]
    arguments += [
        "--output",
        str(folder / "small.json"),
        "--weights",
        str(folder / "small.weights"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", arguments)
        open_weights.main()
    return folder


def cells():
    keep = ("hapt", "sisfall", "smartfallmm", "wisdm", "motionsense", "ipol", "troika", "wisdm18")
    planned = [cell for stage in plan_cells(DownstreamSettings(n_seeds=1)) for cell in stage]
    return {cell: fake_record(cell, _skill(cell)) for cell in planned if cell.task in keep}


def _skill(cell):
    return 0.9 if cell.setting == "shipped" else None


def test_weights_and_record(trained):
    record = json.loads((trained / "small.json").read_text())
    assert [row["set"] for row in record["pool"]] == ["Har-Lab HumanActivityData", "MEx"]
    assert [row["people"] for row in record["pool"]] == [2, 2]
    assert record["pool"][0]["hours"] == pytest.approx(2 / 60, rel=0.05)
    assert record["people"] == 4
    assert len(record["history"]) == 1
    embedder = RelConEmbedder.load(trained / "small.weights")
    assert embedder.sampling_rate_ == 50
    assert record["n_features"] == embedder.transform(np.zeros((1, 128, 3), "f4") + 0.6).shape[1]
    # Weights are rounded to half precision.
    for value in embedder.encoder_.state_dict().values():
        if value.is_floating_point():
            np.testing.assert_array_equal(value.numpy(), value.half().float().numpy())


def test_the_card(trained):
    record = json.loads((trained / "small.json").read_text())
    card = model_card("motion-small", record, DownstreamResults(cells()), MEASURED)
    assert card.text.startswith("# motion-small\n")
    for expected in ("Wijekoon", "MIT", "Windows of 10 s", "rotation", "CC BY 4.0", "commit"):
        assert expected in card.text
    assert "With and without hand-made features, it is **better**\n" in card.summary
    assert "- on windows of 10 s: than a RelCon training of ten minutes, a SimCLR" in card.summary
    assert "**not better**" not in card.summary
    made = [Cell("shipped", task, "motion-small", "linear", window=10.0) for task in FIVE]
    expected = np.mean([cells()[cell]["scores"]["macro_f1"] for cell in made])
    means = parse_table(card.summary, "representation")
    assert means["motion-small"]["windows of 10 s"].strip("*") == f"{expected:.3f}"


def test_people_with_several_placements_are_counted_once():
    rows = [("UMAFall", 18), ("MEx", 30), ("UMAFall", 17)]
    assert sum_over_sets([{"set": name, "people": n} for name, n in rows], "people") == 48


def test_the_card_says_what_the_hours_and_the_seconds_are_of(trained):
    record = json.loads((trained / "small.json").read_text())
    assert record["resumed"] is False
    record["pool"].append({**record["pool"][0], "placement": "ankle"})
    record["pool"] = [{**row, "hours": 10.0} for row in record["pool"]]
    record["settings"]["embedder"]["batch_size"] = 17
    card = model_card("motion-small", record, DownstreamResults({}), MEASURED).text
    assert "30 hours of recordings" in card
    assert "Without further placements, it is about 20 hours" in card
    assert "1 epochs of 2 steps of 17 windows" in card
    assert "rounded to float16" in card
    assert "It took 0.0 hours" in card
    record["resumed"] = True
    card = model_card("motion-small", record, DownstreamResults({}), MEASURED).text
    assert "The last part of a training that was interrupted took 0.0 hours" in card


def test_what_does_not_hold_is_first(trained):
    record = json.loads((trained / "small.json").read_text())
    worse = {
        cell: fake_record(cell, 0.4 if cell.setting == "shipped" else None) for cell in cells()
    }
    card = model_card("motion-small", record, DownstreamResults(worse), MEASURED)
    first, second = (" ".join(part.split()) for part in card.summary.split("\n\n")[:2])
    failed = "Alone, it is **not better**"
    assert f"{failed} with labels of 1 % of the people than linear models of hand" in first
    assert f"{failed} on windows of 2.56 s than a RelCon training of ten minutes (" in first
    assert second.startswith("Better is")  # it is better than nothing


def test_the_card_is_written_into_file_and_page(trained, tmp_path, monkeypatch):
    page = tmp_path / "models.md"
    marks = [mark(part, open_weights.COMMAND) for part in ("summary", "limits", "origin")]
    page.write_text("".join(f"{line}\na card of before\n{END_MARK}\nText.\n" for line in marks))
    monkeypatch.setattr(open_weights, "PAGE", page)
    file = CellFile(tmp_path / "downstream.jsonl")
    for cell, record in cells().items():
        file.add(cell, record)
    (tmp_path / "robustness.json").write_text(json.dumps(MEASURED["robustness"]))
    names = {"--output": trained / "small.json", "--weights": trained / "small.weights"}
    names |= {"--results": tmp_path}
    arguments = [str(part) for pair in names.items() for part in pair]
    monkeypatch.setattr("sys.argv", ["open_weights", "--card", *arguments])
    before = RelConEmbedder.load(trained / "small.weights")
    open_weights.main()
    found = RelConEmbedder.load(trained / "small.weights")
    assert found.card_.startswith("# motion-small")
    text = page.read_text()
    assert "a card of before" not in text
    assert text.count("\nText.\n") == 3
    for expected in ("`motion-small` turns a window", "- **Not for** diagnoses", "## Licence"):
        assert expected in text
    tables = {path.stem: path.read_text() for path in (tmp_path / "models").iterdir()}
    assert tables.keys() == {"scores", "conditions", "data"}
    assert "Wijekoon" in tables["data"]
    assert "rotation" in tables["conditions"]
    X = np.random.default_rng(0).normal(0.6, 0.1, (2, 128, 3)).astype("f4")
    np.testing.assert_array_equal(found.transform(X), before.transform(X))


def test_a_page_without_the_mark_leaves_the_weights_as_they_are(trained, tmp_path, monkeypatch):
    page = tmp_path / "models.md"
    page.write_text("# Models\n")
    monkeypatch.setattr(open_weights, "PAGE", page)
    arguments = ["--card", "--weights", str(trained / "small.weights")]
    monkeypatch.setattr("sys.argv", ["open_weights", *arguments])
    before = (trained / "small.weights").read_bytes()
    with pytest.raises(SystemExit, match="must have the line"):
        open_weights.main()
    assert (trained / "small.weights").read_bytes() == before


def test_a_missing_cell_is_no_claim(trained):
    record = json.loads((trained / "small.json").read_text())
    few = {
        Cell("shipped", "hapt", "motion-small", "linear"): fake_record(
            Cell("shipped", "hapt", "motion-small", "linear")
        )
    }
    card = model_card("motion-small", record, DownstreamResults(few), MEASURED)
    assert "**" not in card.summary.partition("|")[0]


def test_a_training_of_a_given_time(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(open_weights, "STEPS_BETWEEN_LOOKS", 1)
    files = {"--output": tmp_path / "timed.json", "--weights": tmp_path / "timed.weights"}
    files |= {"--pool": pool, "--cache": tmp_path / "cache"}
    arguments = [str(part) for pair in files.items() for part in pair]
    monkeypatch.setattr("sys.argv", ["open_weights", "--smoke", "--seconds", "60", *arguments])
    # Each look at the clock finds that 25 seconds have passed.
    ticks = iter(range(0, 1000, 25))
    timed = partial(TimedTraining, clock=lambda: next(ticks))
    monkeypatch.setattr(open_weights, "TimedTraining", timed)
    open_weights.main()
    record = json.loads((tmp_path / "timed.json").read_text())
    assert record["settings"]["embedder"]["max_epochs"] == len(record["history"]) == 3
    assert record["settings"]["embedder"]["steps_per_epoch"] == 1
    assert RelConEmbedder.load(tmp_path / "timed.weights").callbacks is None


@pytest.mark.parametrize("option", [("--seconds", "60"), ("--encoder", "resnet34-half")])
def test_the_weights_of_the_package_are_not_those_of_another_training(option, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["open_weights", "--pool", "pool", *option])
    with pytest.raises(SystemExit):
        open_weights.main()
    assert "need --output and --weights" in capsys.readouterr().err


def test_without_time_left_after_reading_the_pool(pool, tmp_path, monkeypatch):
    files = {"--output": tmp_path / "timed.json", "--weights": tmp_path / "timed.weights"}
    files |= {"--pool": pool, "--cache": tmp_path / "cache", "--seconds": 0}
    arguments = [str(part) for pair in files.items() for part in pair]
    monkeypatch.setattr("sys.argv", ["open_weights", *arguments])
    with pytest.raises(SystemExit, match="Run the command again, or with more seconds"):
        open_weights.main()
    assert not (tmp_path / "timed.json").exists()
