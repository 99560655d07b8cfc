"""Tables that were pasted into the pages of results are those of the committed JSON files.

The tests of `bench_retrieval` and `bench_table` compare what these write.
"""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("tslearn")
from benchmarks.common.datasets import TASKS
from benchmarks.common.report import RESULTS, results_file
from benchmarks.downstream import page as downstream_page
from benchmarks.downstream.cells import CellFile
from benchmarks.pretraining import bench_pretraining, curves
from benchmarks.speed import bench_features, bench_latency, bench_speed, bench_store, device_file
from benchmarks.speed.table_page import duration, find
from tests.support.downstream_cells import parse_table

DOCS = Path(__file__).parents[2] / "docs"
SETS = {"HAPT": "hapt", "WISDM": "wisdm", "SmartFallMM": "smartfallmm"}
WITH_ROTATION = "learned, with Rotation"


def page(name):
    return (DOCS / f"{name}.md").read_text()


def results_of(name):
    return json.loads(results_file(name).read_text())


def test_pages_of_methods(monkeypatch):
    def picture(figures, name, alt, draw):
        path = figures / f"downstream-{name}.png"
        assert path.is_file()
        return f"![{alt}](../{figures.name}/{path.name})"

    monkeypatch.setattr(downstream_page, "_picture", picture)
    cells = CellFile(RESULTS / "downstream.jsonl").read()
    for name, text in downstream_page.render(cells, DOCS / "figures").items():
        assert text in page(name)


@pytest.mark.parametrize(
    ("script", "name", "where"),
    [
        pytest.param(bench_latency, "latency", "speed/embedding", id="latency"),
        pytest.param(bench_features, "features", "speed/embedding", id="features"),
        pytest.param(device_file, "recordings", "speed/data", id="recordings"),
        pytest.param(bench_store, "store", "speed/data", id="store"),
    ],
)
def test_speed(script, name, where):
    assert script.report(results_of(name)) in page(where)


def test_what_to_expect():
    parts = results_of("table")["parts"]
    found = {title: row["time"] for title, row in parse_table(page("speed"), "work").items()}
    week = results_of("days")["seconds"]["all, without features"]
    assert found.popitem()[1] == f"{week[0]:.0f} s"
    rows = [
        ("recipe", "RelConEmbedder()"),
        ("transform", "resnet14-half: float32"),
        ("transform", "resnet14-half: bfloat16"),
        ("one-segment", "resnet14-half: transform"),
        ("one-segment", "resnet14-half: onnxruntime"),
        ("pairs", "128 x 3: pairwise, 64 features, float32"),
    ]
    for title, (part, name) in zip(found, rows, strict=True):
        record = find([r for r in parts[part]["rows"] if r["threads"] == 1], name)
        median, unit = re.sub(r" \(.*\)", "", duration(record["cpu_s"], record["n_units"])).split()
        assert found[title] == f"{median} {unit.replace('us', 'µs')}", title


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("speed", "ranking-sparsemax"),
        ("speed", "ranking-softmax"),
        ("speed", "encoder"),
        ("speed_step", "loss"),
        ("speed_step", "step-sparsemax"),
        ("speed_order", "agreement"),
    ],
)
def test_speed_of_the_published_algorithm(name, part):
    assert bench_speed.report(part, results_of(name)["parts"][part]) in page("speed/published")


def test_a_week_to_days():
    text, seconds = page("speed/data"), results_of("days")["seconds"]
    steps = {
        "read, in little memory": "read",
        "times, non-wear, places of segments": "place",
        "interpolate, resample, cut": "resample",
        'embed, "resnet14-half"': "embed",
        "in its place, hand-made features": "features",
        "predict, linear model": "predict",
        "totals": "totals",
        "draw": "draw",
    }
    # The median is the first of three.
    expected = {title: {"s": f"{seconds[step][0]:.1f}"} for title, step in steps.items()}
    assert parse_table(text, "a week") == expected


def test_bfloat16():
    found = parse_table(page("speed/embedding"), "set and window")
    keys = ["macro_f1", "macro_f1, bfloat16", "macro_f1, only predicted in bfloat16"]
    for name, result in results_of("precision")["results"].items():
        task, length = name.split(", ")
        cells = [f"{result[key]:.3f}" for key in [*keys, "same_nearest"]]
        row = found.pop(f"{TASKS[task].title.partition(',')[0]}, {length}")
        assert list(row.values()) == [*cells, f"{result['ratio']:.2f}"]
    assert not found


@pytest.mark.parametrize("dataset", SETS.values())
def test_pretraining(dataset):
    args, settings = bench_pretraining.parse_args(
        ["--report", "--seconds", "45", "--checkpoints", "5"]
    )
    results = bench_pretraining.ResultFile(args.output)
    report = curves.report(bench_pretraining.curves_of(dataset, args, settings, results))
    text, shown = page("speed/equal_time"), ("macro-F1 at the end", "paired", "mode")
    tables = [
        part for part in report.split("\n\n") if part.startswith(tuple(f"| {s}" for s in shown))
    ]
    tables = [table for table in tables if "end of " not in table]
    assert len(tables) == 3
    for table in tables:
        assert table in text


def test_pretraining_in_short():
    text = page("speed/equal_time")
    short = parse_table(text, "macro-F1, mean of three seeds")
    for title, dataset in SETS.items():
        section = text[text.index(f"### {title} ") :]
        full = parse_table(section, "macro-F1 at the end")
        for name, row in short.items():
            name = "fast" if "query_stride" in name else name
            assert row[title] == full[name]["mean"], (dataset, name)


def shown(values):
    return f"{values['mean']:.3f} ± {values['standard_error']:.3f}"


class TestRotations:
    @pytest.mark.parametrize(("title", "dataset"), SETS.items())
    def test_with_gravity(self, title, dataset):
        text = page("results/rotations")
        result = results_of(f"bench_real_{dataset}")["datasets"][dataset]["invariance"]
        found = parse_table(text[text.index(f"### {title},") :], "distance")
        assert found.pop("at random")["precision at 1"] == f"{result['chance']:.3f}"
        assert found.keys() == result["rotation"].keys()
        for name, row in found.items():
            rotation, retrieval = result["rotation"][name], result["retrieval"][name]
            training = result["training"].get(name)
            seconds = [values["seconds"] for values in (rotation, retrieval, training) if values]
            cells = [shown(rotation), shown(retrieval), *(f"{value:.1f}" for value in seconds)]
            assert [cell for cell in row.values() if cell != "-"] == cells, name

    @pytest.mark.parametrize(
        ("key", "title"), [("rotation", "Share of cases"), ("retrieval", "Precision at 1 (")]
    )
    def test_with_the_mean_subtracted(self, key, title):
        text = page("results/rotations")
        text = text[text.index("## With the mean of each window subtracted") :]
        found = parse_table(text[text.index(title) :], "distance")
        learned = {
            WITH_ROTATION: "learned",
            "learned, without Rotation": "learned without Rotation",
        }
        names = [f"{name}, lr {lr}" for lr in ("1e-3", "1e-2") for name in learned.values()]
        assert list(found) == [*names, "euclidean", "DTW", "at random"]
        for rate, lr in (("0.001", "1e-3"), ("0.01", "1e-2")):
            for column, dataset in zip(found["DTW"], SETS.values(), strict=True):
                file = f"bench_real_{dataset}_mean_subtracted_lr_{rate}"
                result = results_of(file)["datasets"][dataset]["invariance"][key]
                for name, values in result.items():
                    title = f"{learned[name]}, lr {lr}" if name in learned else name.split(" (")[0]
                    assert found[title][column] == shown(values), (file, name)

    def test_in_short(self):
        short = parse_table(page("results")[page("results").index("## Rotations") :], "distance")
        for title, dataset in SETS.items():
            with_gravity = results_of(f"bench_real_{dataset}")
            without = {
                rate: results_of(f"bench_real_{dataset}_mean_subtracted_lr_{rate}")
                for rate in ("0.001", "0.01")
            }
            for row, name, rate in (
                ("learned, learning rate 1e-3", WITH_ROTATION, "0.001"),
                ("learned, learning rate 1e-2", WITH_ROTATION, "0.01"),
                ("euclidean", "euclidean", "0.001"),
                ("DTW", "DTW (tslearn), 256 time steps", "0.001"),
            ):
                for column, results in (
                    (title, with_gravity),
                    (f"{title}, mean subtracted", without[rate]),
                ):
                    share = results["datasets"][dataset]["invariance"]["rotation"][name]["mean"]
                    if column != title or rate == "0.001":
                        assert short[row][column] == f"{share:.3f}", (row, column)
                    else:
                        assert short[row][column] == "-"


def test_reliability():
    text = page("reliability")
    results = results_of("bench_reliability")
    assert "\n".join(results["table"]) in text
    tried = parse_table(text, "kind")["all"]["tried"]
    assert f"{int(tried):,} tries" in text


def test_growth():
    text, leaks = page("reliability"), results_of("bench_leaks")
    assert {case["verdict"] for case in leaks["cases"]} == {"flat"}
    assert f"{len(leaks['cases'])} cases" in text
