"""The page of downstream results agrees with the records."""

import numpy as np
import pytest

from benchmarks.common.datasets import TASKS
from benchmarks.downstream import evaluation, page, tables
from benchmarks.downstream import results as lookup
from benchmarks.downstream.cells import Cell

FOUR = lookup.FOUR
TASK_NAMES = list(TASKS)
D = [f"D{i:02}" for i in range(1, 20)]
CLASSES = {
    "hapt": "LAYING SITTING STANDING WALKING WALKING_DOWNSTAIRS WALKING_UPSTAIRS".split(),
    "sisfall": D,
    "sisfall_falls": [*D, "fall"],
    "smartfallmm": "back fall,drinking water,front fall,left fall,pick up object,put on and take "
    "off jacket,right fall,rotate fall,sit/stand,stepping up,sweeping floor,walking/TUG,washing "
    "hands,waving hand".split(","),
    "wisdm": "climbing stairs,jogging,kicking soccer ball,sitting,standing,walking".split(","),
}
SKILL = {
    "relcon": 0.75,
    "relcon_published": 0.7,
    "simclr": 0.7,
    "augmentation_prediction": 0.65,
    "rebar": 0.62,
    "masked": 0.6,
    "untrained": 0.55,
    "features_forest": 0.6,
    "features_linear": 0.65,
    "minirocket": 0.72,
    "nearest_dtw": 0.4,
    "scratch": 0.6,
    "relcon_features": 0.77,
    "relcon:euclidean": 0.7,
    "relcon:hard": 0.5,
}
CLASSIC = ["features_forest", "features_linear", "minirocket", "nearest_dtw"]


def fake_scores(task, skill, rng):
    """Return scores of artificial predictions, of which a share `skill` is right."""
    n, n_subjects = 600, 15
    subjects = rng.integers(n_subjects, size=n)
    arrays = subjects, subjects % 5
    targets = TASKS[task].targets
    if targets:
        y = rng.normal(size=(n, len(targets)))
        noise = rng.normal(scale=1 - skill, size=y.shape)
        return evaluation.regression_scores(y, y + noise, *arrays, targets)
    names = np.array(CLASSES[task])
    truth = rng.integers(len(names), size=n)
    guess = (truth + rng.choice([1, 1, 2, -1], size=n)) % len(names)
    guess = np.where(rng.random(n) < skill, truth, guess)
    return evaluation.classification_scores(names[truth], names[guess], *arrays)


def fake_record(cell, skill=None):
    """Return a record as bench_downstream.py writes it, always the same for a cell."""
    skill = SKILL.get(cell.method, 0.5) if skill is None else skill
    skill += 0.1 * (np.log10(cell.labelled) + 0.05 * cell.window) + 0.05 * (
        cell.protocol == "fine_tune"
    )
    rng = np.random.default_rng([cell.seed, *cell.method.encode(), *cell.task.encode()])
    pretrained = cell.setting != "none" and cell.method != "untrained"
    training = {"seconds": 20.0, "steps": 400, "distance": {"seconds": 4.0, "steps": 900}}
    return {
        "scores": fake_scores(cell.task, np.clip(skill, 0.05, 0.98), rng),
        "seconds": {"probing": 1.0} | ({"pretraining": 24.0} if pretrained else {}),
        "training": [training if pretrained else {}],
    }


def make_plan():
    """Return the cells of a complete benchmark, except for one method with a missing seed."""
    plan = []
    for task in TASK_NAMES:
        for method in ("relcon", "relcon_published", "simclr", "augmentation_prediction", "rebar"):
            plan += [Cell("transfer", task, method, "linear", seed) for seed in range(3)]
            plan.append(Cell("in_domain", task, method, "linear"))
        plan += [Cell("transfer", task, "untrained", "linear", seed) for seed in range(3)]
        plan += [Cell("transfer", task, "masked", "linear", seed) for seed in range(2)]
        plan += [Cell("transfer", task, "relcon", "fine_tune", seed) for seed in range(3)]
        plan += [Cell("none", task, "scratch", "fine_tune", seed) for seed in range(3)]
        plan += [Cell("transfer", task, "relcon", "mlp")]
        plan += [Cell("none", task, method, "own") for method in CLASSIC]
        for window in (1.0, 5.0, 10.0):
            plan += [
                Cell("transfer", task, method, "linear", window=window)
                for method in ("relcon", "simclr", "untrained")
            ]
            plan.append(Cell("none", task, "features_forest", "own", window=window))
    for task in FOUR:
        for ablation in ("relcon:euclidean", "relcon:hard"):
            plan += [Cell("transfer", task, ablation, "linear", seed) for seed in range(3)]
        for share in (0.01, 0.05, 0.1):
            plan += [
                Cell("transfer", task, method, "linear", labelled=share)
                for method in ("relcon", "simclr", "untrained")
            ]
            plan.append(Cell("transfer", task, "relcon", "fine_tune", labelled=share))
            plan.append(Cell("none", task, "scratch", "fine_tune", labelled=share))
            plan.append(Cell("none", task, "features_forest", "own", labelled=share))
    return plan


def cost_records():
    scores = {"parameters": 300123, "macs": 2000456, "milliseconds": [0.5, 0.1, 0.2], "batch": 256}
    cells = {Cell("cost", "hapt", "encoder resnet14-half", "own"): {"scores": scores}}
    scores = scores | {"parameters": None, "macs": None}
    return cells | {Cell("cost", "hapt", "features_forest", "own"): {"scores": scores}}


@pytest.fixture(scope="module")
def cells():
    return {cell: fake_record(cell) for cell in make_plan()} | cost_records()


@pytest.fixture(scope="module")
def results(cells):
    return lookup.DownstreamResults(cells)


def scores(cells, setting, task, method, protocol, name="macro_f1", **where):
    """Return the scores of all seeds."""
    asked = {"window": 2.56, "labelled": 1.0} | where
    found = [
        record["scores"][name]
        for cell, record in cells.items()
        if (cell.setting, cell.task, cell.method, cell.protocol)
        == (setting, task, method, protocol)
        and all(getattr(cell, key) == value for key, value in asked.items())
    ]
    return np.array(found)


def parse(text, corner):
    """Return the table with `corner` in a Markdown text, by row and column."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {corner}"))
    header = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
        rows[first] = dict(zip(header[1:], rest, strict=True))
    return rows


# -- main tables -----------------------------------------------------------------------------------


def test_main_table_has_means_and_deviations_over_seeds(cells, results):
    found = parse(tables.main_tables(results, "transfer"), "macro-F1")
    values = scores(cells, "transfer", "wisdm", "simclr", "linear")
    assert len(values) == 3
    wanted = f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"
    assert found["SimCLR, linear probe"]["WISDM, watch"] == wanted
    single = scores(cells, "none", "wisdm", "nearest_dtw", "own")
    assert found["nearest neighbour, DTW"]["WISDM, watch"] == f"{single[0]:.3f}"
    kappas = parse(tables.main_tables(results, "transfer"), "kappa")
    values = scores(cells, "transfer", "hapt", "rebar", "linear", "kappa")
    assert f"{values.mean():.3f} ±" in kappas["REBAR, linear probe"]["HAPT, waist"]


def test_mean_is_of_the_four_sets(cells, results):
    found = parse(tables.main_tables(results, "transfer"), "macro-F1")
    by_seed = np.mean(
        [scores(cells, "transfer", task, "untrained", "linear") for task in FOUR], axis=0
    )
    wanted = f"{by_seed.mean():.3f} ± {by_seed.std(ddof=1):.3f}"
    assert found["untrained encoder, linear probe"]["mean of four"] == wanted


def test_best_of_each_column_is_bold(results):
    text = tables.main_tables(results, "transfer")
    for corner, lowest in (("macro-F1", False), ("kappa", False), ("TROIKA", True)):
        rows = parse(text, corner)
        for column in rows["SimCLR, linear probe"]:
            if column == "seeds":
                continue
            cells = {row: line[column] for row, line in rows.items() if line[column] != "-"}
            means = {row: float(cell.strip("*").split()[0]) for row, cell in cells.items()}
            best = (min if lowest and column == "MAE" else max)(means.values())
            bold = {row for row, cell in cells.items() if cell.startswith("**")}
            assert bold == {row for row, mean in means.items() if mean == best}, column


def test_regression_tables_are_by_target(cells, results):
    text = tables.main_tables(results, "transfer")
    for target in TASKS["ipol"].targets:
        found = parse(text, f"IPOL gait, lower back: {target}")["MiniRocket"]
        wanted = scores(cells, "none", "ipol", "minirocket", "own", "targets")[0][target]
        for column, name in (("MAE", "mae"), ("R2", "r2"), ("correlation", "correlation")):
            assert found[column].strip("*") == f"{wanted[name]:.3f}"


def test_missing_cells_and_seeds_show(cells):
    partial = dict(cells)
    for task, seed in (("hapt", 0), ("wisdm", 0), ("wisdm", 1), ("wisdm", 2)):
        del partial[Cell("transfer", task, "simclr", "linear", seed)]
    text = tables.main_tables(lookup.DownstreamResults(partial), "transfer")
    row = parse(text, "macro-F1")["SimCLR, linear probe"]
    assert row["HAPT, waist"].endswith("(2)")
    assert row["WISDM, watch"] == row["mean of four"] == "-"
    assert row["seeds"] == "3"
    assert parse(text, "macro-F1")["masked reconstruction, linear probe"]["seeds"] == "2"
    assert "(2)" not in parse(text, "macro-F1")["masked reconstruction, linear probe"].values()
    in_domain = tables.main_tables(lookup.DownstreamResults(partial), "in_domain")
    assert set(
        parse(in_domain, "macro-F1")["masked reconstruction, linear probe, in-domain"].values()
    ) == {"-"}


# -- tests, ablations, curves, costs ---------------------------------------------------------------


@pytest.mark.parametrize("task", ["hapt", "ipol"])
def test_tests_are_those_of_compare(cells, results, task):
    def by_subject(setting, method, protocol):
        sign = 1
        parts = []
        for seed in range(3):
            record = cells.get(Cell(setting, task, method, protocol, seed))
            if record is None:
                continue
            part = record["scores"]
            if task == "ipol":
                part, sign = part["targets"]["speed (m/s)"], -1
            parts.append(part["subjects"])
        return {s: sign * np.mean([part[s] for part in parts]) for s in parts[0]}

    encoders = [m for m in lookup.PLANNED if m != "relcon"]
    baselines = {m: by_subject("transfer", m, "linear") for m in encoders}
    baselines |= {m: by_subject("none", m, "own") for m in CLASSIC}
    wanted = evaluation.compare(by_subject("transfer", "relcon", "linear"), baselines)
    found = parse(tables.paired_tests(results), TASKS[task].title)
    titles = [row for row in found if row.startswith("RelCon, linear probe - ")]
    assert len(titles) == len(wanted) == len(found) - 1
    for row, test in zip(titles, wanted.values(), strict=True):
        assert found[row]["difference"] == f"{test['difference']:+.3f}"
        assert found[row]["ahead"] == f"{test['ahead']}/{test['n_subjects']}"
        for name, key in (("p", "p"), ("Holm p", "p_holm")):
            p = test[key]
            assert found[row][name] == ("<0.001" if p < 0.001 else f"{p:.3f}")
    tuned = evaluation.compare(
        by_subject("transfer", "relcon", "fine_tune"),
        {"scratch": by_subject("none", "scratch", "fine_tune")},
    )["scratch"]
    row = found["RelCon, fine-tuned - supervised from scratch"]
    assert row["difference"] == f"{tuned['difference']:+.3f}"
    assert row["p"] == row["Holm p"]


def test_lead_in_error_is_positive(cells, results):
    relcon = np.mean(scores(cells, "transfer", "troika", "relcon", "linear", "mae"))
    dtw = np.mean(scores(cells, "none", "troika", "nearest_dtw", "own", "mae"))
    assert relcon < dtw
    found = parse(tables.paired_tests(results), "TROIKA")
    assert found["RelCon, linear probe - nearest neighbour, DTW"]["difference"].startswith("+")


def test_ablations_are_differences_of_the_same_seeds(cells):
    partial = dict(cells)
    del partial[Cell("transfer", "hapt", "relcon", "linear", 1)]
    row = parse(tables.ablations(lookup.DownstreamResults(partial)), "variant")["RelCon: hard"]
    pairs = {
        task: [
            cells[Cell("transfer", task, "relcon:hard", "linear", seed)]["scores"]["macro_f1"]
            - cells[Cell("transfer", task, "relcon", "linear", seed)]["scores"]["macro_f1"]
            for seed in range(3)
            if (task, seed) != ("hapt", 1)
        ]
        for task in FOUR
    }
    for task, values in pairs.items():
        wanted = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
        assert row[TASKS[task].title] == wanted
    flat = np.concatenate(list(pairs.values()))
    assert row["better in"] == f"{(flat > 0).sum()}/11"
    assert row["seeds"] == "2"
    means = [np.mean([pairs[t][i if t == "hapt" else 2 * i] for t in FOUR]) for i in range(2)]
    assert row["mean of four"] == f"{np.mean(means):.3f} ± {np.std(means, ddof=1):.3f}"


def test_few_labels_use_the_seeds_that_all_shares_have(cells, results, tmp_path):
    found = parse(page.by_field(results, "labelled", tmp_path), "SisFall, waist")
    row = found["RelCon, linear probe"]
    for share, title in ((0.01, "1 %"), (0.05, "5 %"), (0.1, "10 %"), (1.0, "100 %")):
        cell = Cell("transfer", "sisfall", "relcon", "linear", labelled=share)
        assert row[title] == f"{cells[cell]['scores']['macro_f1']:.3f}"


def test_mean_curve_needs_all_four_sets(cells, tmp_path):
    partial = dict(cells)
    del partial[Cell("transfer", "wisdm", "simclr", "linear", labelled=0.05)]
    found = parse(
        page.by_field(lookup.DownstreamResults(partial), "labelled", tmp_path), "mean of four"
    )
    row = found["SimCLR, linear probe"]
    assert row["5 %"] == "-"
    where = {"labelled": 0.1}
    values = [scores(cells, "transfer", t, "simclr", "linear", **where)[0] for t in FOUR]
    assert row["10 %"] == f"{np.mean(values):.3f}"


def test_windows_of_regression_are_in_r2(cells, results, tmp_path):
    found = parse(page.by_field(results, "window", tmp_path), "TROIKA, wrist: R2 of speed")
    cell = Cell("none", "troika", "features_forest", "own", window=10.0)
    assert found["features, random forest"]["10 s"] == f"{cells[cell]['scores']['r2']:.3f}"


def test_costs(cells):
    text = tables.costs(cells)
    row = parse(text, "to apply")["encoder resnet14-half"]
    assert row["parameters"] == "300,123"
    assert row["MACs"] == "2,000,456"
    assert row["ms per segment"] == "0.2 (0.1 to 0.5)"
    assert parse(text, "to apply")["features, random forest"]["MACs"] == "-"
    row = parse(text, "to pretrain")["SimCLR, transfer"]
    assert list(row.values()) == ["24.0", "400", "900"]


def test_folds_are_of_the_first_seed(cells, results):
    row = parse(tables.per_fold(results), "WISDM")["SimCLR, linear probe"]
    record = cells[Cell("transfer", "wisdm", "simclr", "linear", 0)]["scores"]
    wanted = [*record["folds"]["macro_f1"], np.mean(record["folds"]["macro_f1"])]
    assert list(row.values()) == [f"{value:.3f}" for value in wanted]


def test_classes(cells, results, tmp_path):
    rows = parse(page.per_class(results, tmp_path), "SmartFallMM")
    assert list(rows) == CLASSES["smartfallmm"]
    f1 = [
        s["waving hand"] for s in scores(cells, "transfer", "smartfallmm", "simclr", "linear", "f1")
    ]
    row = rows["waving hand"]
    assert row["SimCLR, linear probe"].strip("*") == f"{np.mean(f1):.3f}"
    confusion = scores(cells, "transfer", "smartfallmm", "relcon", "linear", "confusion")[0]
    assert row["windows"] == str(confusion[-1].sum())


# -- verdicts --------------------------------------------------------------------------------------


def shifted(cells, method, protocol, by, **where):
    """Return the cells with macro-F1 and R2 of a method shifted."""
    changed = dict(cells)
    for cell, record in cells.items():
        if (cell.method, cell.protocol) == (method, protocol) and all(
            getattr(cell, key) == value for key, value in where.items()
        ):
            values = {k: v + by for k, v in record["scores"].items() if k in ("macro_f1", "r2")}
            changed[cell] = record | {"scores": record["scores"] | values}
    return changed


def verdict(cells, beginning):
    (found,) = [v for v in page.verdicts(cells) if v.claim.startswith(beginning)]
    return found


@pytest.mark.parametrize(
    ("beginning", "method", "protocol", "where"),
    [
        ("(a) RelCon beats SimCLR", "simclr", "linear", {}),
        ("(a) RelCon beats untrained", "untrained", "linear", {}),
        ("(b)", "features_forest", "own", {}),
        (
            "(c) fine-tuned RelCon beats training from scratch with 100 %",
            "scratch",
            "fine_tune",
            {},
        ),
        (
            "(c) fine-tuned RelCon beats training from scratch with 5 %",
            "scratch",
            "fine_tune",
            {"labelled": 0.05},
        ),
        ("(d) RelCon has a higher R2 of speed than features, IPOL", "features_linear", "own", {}),
        ("(d) RelCon has a higher R2 of speed than features, TROIKA", "features_forest", "own", {}),
    ],
)
def test_verdicts_flip_with_the_numbers(cells, beginning, method, protocol, where):
    assert verdict(shifted(cells, method, protocol, -1, **where), beginning).holds is True
    assert verdict(shifted(cells, method, protocol, 1, **where), beginning).holds is False
    gone = {c: r for c, r in cells.items() if c.method != method}
    assert verdict(gone, beginning).word == "not measured"


def test_three_of_four_sets_are_enough(cells):
    low = shifted(cells, "features_forest", "own", -1)
    for i, task in enumerate(FOUR):
        low = shifted(low, "features_forest", "own", 2, task=task)
        found = verdict(low, "(b)")
        assert found.numbers.startswith(f"{3 - i} of 4 against features, random forest")
        assert found.holds is (i == 0)


def test_verdict_compares_the_same_seeds(cells):
    # "masked" has two seeds of RelCon's three.
    numbers = verdict(cells, "(a) RelCon beats masked").numbers
    relcon = np.mean([scores(cells, "transfer", t, "relcon", "linear")[:2] for t in FOUR])
    masked = np.mean([scores(cells, "transfer", t, "masked", "linear") for t in FOUR])
    assert numbers.startswith(f"{relcon:.3f} against {masked:.3f}")
    assert numbers.endswith("of 8 (set, seed) pairs")


# -- the whole report ------------------------------------------------------------------------------


def test_without_matplotlib_there_are_only_tables(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "plots", None)
    text = page.render(cells, tmp_path / "figures")
    assert "![" not in text
    assert not (tmp_path / "figures").exists()
    assert text.count("\n## ") == len(page.sections(cells, tmp_path)) - 1


def test_nothing_measured_yet(tmp_path):
    text = page.render({}, tmp_path)
    assert "not measured" in text
    assert "nan" not in text


def test_any_single_result_can_be_reported(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "plots", None)
    for cell, record in list(cells.items())[::7]:
        assert "nan" not in page.render({cell: record}, tmp_path)


def test_figures_are_written_and_shown(cells, tmp_path):
    pytest.importorskip("matplotlib")
    text = page.render(cells, tmp_path / "figures")
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    confusions = {f"downstream-confusion-{task}.png" for task in CLASSES}
    assert drawn == {"downstream-labels.png", "downstream-windows.png", *confusions}
    assert all(f"](figures/{name})" in text for name in drawn)


def caught(monkeypatch, name, run):
    """Return the inputs and figures of all calls of a function of `plots`."""
    figures = []
    draw = getattr(page.plots, name)
    monkeypatch.setattr(
        page.plots, name, lambda *args: figures.append((args, draw(*args))) or figures[-1][1]
    )
    run()
    return figures


def test_curves_are_drawn_as_they_are(cells, results, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    ((_, figure),) = caught(
        monkeypatch, "curves", lambda: page.by_field(results, "window", tmp_path)
    )
    assert len(figure.axes) == len(TASK_NAMES)
    for axes, task in zip(figure.axes, TASK_NAMES, strict=True):
        assert axes.get_title() == TASKS[task].title
        lines = {line.get_label(): line for line in axes.get_lines()}
        key = "r2" if TASKS[task].targets else "macro_f1"
        wanted = [
            cells[Cell("transfer", task, "simclr", "linear", window=window)]["scores"][key]
            for window in (1.0, 2.56, 5.0, 10.0)
        ]
        line = lines["SimCLR, linear probe"]
        assert list(line.get_xdata()) == [1.0, 2.56, 5.0, 10.0]
        np.testing.assert_allclose(line.get_ydata(), wanted)


def test_confusions_are_shares_of_the_true_class(cells, results, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    figures = caught(monkeypatch, "confusions", lambda: page.per_class(results, tmp_path))
    assert len(figures) == len(CLASSES)
    for task, (_, figure) in zip(CLASSES, figures, strict=True):
        left, right = figure.axes[:2]
        counts = np.sum(scores(cells, "transfer", task, "relcon", "linear", "confusion"), axis=0)
        wanted = counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(left.images[0].get_array(), wanted)
        assert len(left.texts) == (wanted >= 0.1).sum()
        f1 = {m: scores(cells, "none", task, m, "own")[0] for m in CLASSIC}
        assert right.get_title() == lookup.METHOD_TITLES[max(f1, key=f1.get)]
