"""The page has all sections and figures, whatever is measured."""

import numpy as np
import pytest

from benchmarks.common.datasets import TASKS, class_title
from benchmarks.downstream.cells import Cell

pytest.importorskip("tslearn")
from benchmarks.downstream import page
from benchmarks.downstream.plan import IN_DOMAIN, LONG_WINDOW
from benchmarks.downstream.results import CLASSIFICATION, FIVE, DownstreamResults
from tests.support.downstream_cells import CLASSES, fake_record, parse_table, with_skill


@pytest.fixture(scope="module")
def results(cells):
    return DownstreamResults(cells)


def scores(cells, task, method, protocol="linear", setting="transfer", name="macro_f1", **where):
    """Return the scores of all seeds."""
    wanted = [Cell(setting, task, method, protocol, seed, **where) for seed in range(3)]
    return [cells[cell]["scores"][name] for cell in wanted if cell in cells]


def test_pages_and_their_sections(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "plots", None)
    pages = page.render(cells, tmp_path / "figures")
    sections = {
        name: [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
        for name, text in pages.items()
    }
    assert sections == {
        "downstream": [],
        "downstream/scores": ["Transfer", "Windows of 10 s", "In domain", "Few labels"],
        "downstream/comparisons": ["Claims", "Tests over people"],
        "downstream/ablations": ["Ablations", "Budget", "A larger encoder", "Cost"],
        "downstream/classes": ["Classes"],
    }
    assert all(text.startswith("# ") for name, text in pages.items() if "/" in name)
    text = "".join(pages.values())
    # Without matplotlib there are only tables.
    assert "![" not in text
    assert not (tmp_path / "figures").exists()
    assert "kappa" not in text


def test_nothing_measured_yet(tmp_path):
    pages = page.render({}, tmp_path)
    assert pages["downstream/comparisons"].count("**not measured**") == 14
    assert "Claims not measured: 14." in pages["downstream/comparisons"].replace("\n", " ")
    assert pages["downstream"].startswith("Of 14 [claims]")
    assert "nan" not in "".join(pages.values())
    assert not list(tmp_path.iterdir())


def test_any_single_result_can_be_reported(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "plots", None)
    for cell in list(cells)[::97]:
        record = cells[cell]
        assert "nan" not in "".join(page.render({cell: record}, tmp_path).values())


def test_the_summary_has_the_mean_of_each_setting(cells, results):
    row = parse_table(page.summary(results), "method")["RelCon"]
    in_domain = [scores(cells, t, "relcon", setting="in_domain")[0] for t in IN_DOMAIN]
    long = [scores(cells, t, "relcon", window=LONG_WINDOW)[0] for t in FIVE]
    few = [scores(cells, t, "relcon", labelled=0.1)[0] for t in FIVE]
    for title, wanted in (
        ("in domain", in_domain),
        ("10 s", long),
        ("10 % of the labels", few),
    ):
        assert row[title].strip("*") == f"{np.mean(wanted):.3f}"
    assert "±" in row["2.56 s"]
    shipped = parse_table(page.summary(results), "method")["motion-small"]
    assert shipped["in domain"] == "-"


def test_the_summary_names_claims_that_do_not_hold(cells):
    text = page.summary(DownstreamResults(with_skill(cells, 0.95, "minirocket")))
    assert "12 hold and 2 do not" in text.replace("\n", " ")
    assert text.count("**does not hold**; 0.") == 2
    assert "**holds**" not in text


def test_claims_that_do_not_hold_are_first(cells):
    text = page.claims(DownstreamResults(with_skill(cells, 0.95, "minirocket")))
    told = text.replace("\n", " ")
    assert "that do not hold: 2. Claims that hold: 12. Claims not measured: 0." in told
    items = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(items) == 14
    assert [": **does not hold**; 0." in item for item in items] == [True] * 2 + [False] * 12
    assert all("MiniRocket" in item for item in items[:2])


def test_few_labels_are_means_of_five(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "plots", None)
    cells = {
        cell: record | {"scores": record["scores"] | {"draws": [0.25, 0.75]}}
        if cell.labelled < 1 and cell.protocol == "linear"
        else record
        for cell, record in cells.items()
    }
    text = page.few_labels(DownstreamResults(cells), tmp_path)
    probes = parse_table(text, "mean of five: macro-F1")
    first = parse_table(text, "mean of five, first draw: macro-F1")
    titles = [row.title for row in page.FEW_LABELS]
    assert list(first) == titles
    assert list(probes) == [
        row.title for row in page.FEW_LABELS if row.protocol in ("linear", "own")
    ]
    assert first["RelCon"]["5 %"].strip("*") == "0.250"
    for row, protocol in ((probes["RelCon"], "linear"), (first["RelCon, fine-tuned"], "fine_tune")):
        for share, title in ((0.01, "1 %"), (0.05, "5 %"), (0.1, "10 %"), (1.0, "100 %")):
            f1 = [scores(cells, t, "relcon", protocol, labelled=share)[0] for t in FIVE]
            assert row[title].strip("*") == f"{np.mean(f1):.3f}"
    values = [value for rows in (probes, first) for row in rows.values() for value in row.values()]
    assert "-" not in values


def test_a_mean_of_few_labels_needs_all_five_sets(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "plots", None)
    partial = dict(cells)
    del partial[Cell("transfer", "wisdm", "simclr", "linear", labelled=0.05)]
    text = page.few_labels(DownstreamResults(partial), tmp_path)
    row = parse_table(text, "mean of five: macro-F1")["SimCLR"]
    assert row["5 %"] == "-"
    assert row["10 %"] != "-"


def test_classes(cells, results, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "plots", None)
    rows = parse_table(page.classes(results, tmp_path), "SmartFallMM, wrist")
    assert list(rows) == CLASSES["smartfallmm"]
    row = rows["waving hand"]
    f1 = [s["waving hand"] for s in scores(cells, "smartfallmm", "simclr", name="f1")]
    assert row["SimCLR"].strip("*") == f"{np.mean(f1):.3f}"
    confusion = scores(cells, "smartfallmm", "relcon", name="confusion")[0]
    assert row["windows"] == str(int(np.sum(confusion[-1])))
    values = {name: value for name, value in row.items() if name != "windows"}
    best = max(values, key=lambda name: float(values[name].strip("*")))
    assert [name for name, value in values.items() if value.startswith("**")] == [best]


# -- figures ---------------------------------------------------------------------------------------


def test_figures_are_written_and_shown(tmp_path):
    pytest.importorskip("matplotlib")
    few = {
        cell: fake_record(cell)
        for task in ("hapt", "motionsense")
        for cell in (
            Cell("transfer", task, "relcon", "linear"),
            Cell("transfer", task, "relcon", "linear", labelled=0.1),
            Cell("none", task, "minirocket", "own"),
        )
    }
    text = "".join(page.render(few, tmp_path / "figures").values())
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert drawn == {"downstream-labels.png", "downstream-confusion-hapt.png"}
    assert all(f"](../figures/{name})" in text for name in drawn)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn, by the name of their file, without being written."""
    pytest.importorskip("matplotlib")
    figures = {}
    monkeypatch.setattr(
        page, "_picture", lambda folder, name, alt, draw: figures.setdefault(name, draw()) and alt
    )
    return figures


def test_curves_are_drawn_as_they_are(cells, results, tmp_path, drawn):
    page.few_labels(results, tmp_path)
    figure = drawn["labels"]
    assert len(figure.axes) == len(CLASSIFICATION)
    for axes, task in zip(figure.axes, CLASSIFICATION, strict=True):
        assert axes.get_title() == TASKS[task].title
        lines = {line.get_label(): line for line in axes.get_lines()}
        assert list(lines) == ["RelCon", "SimCLR", "untrained encoder", "features, linear"]
        line = lines["SimCLR"]
        assert list(line.get_xdata()) == [0.01, 0.05, 0.1, 1.0]
        wanted = [scores(cells, task, "simclr", labelled=x)[0] for x in line.get_xdata()]
        np.testing.assert_allclose(line.get_ydata(), wanted)


def test_confusions_are_shares_of_the_true_class(cells, results, tmp_path, drawn):
    page.classes(results, tmp_path)
    assert list(drawn) == [f"confusion-{task}" for task in page.CLASSES_OF]
    for task, figure in zip(page.CLASSES_OF, drawn.values(), strict=True):
        left, right = figure.axes[:2]
        counts = np.sum(scores(cells, task, "relcon", name="confusion"), axis=0)
        wanted = counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(left.images[0].get_array(), wanted)
        assert len(left.texts) == (wanted >= 0.1).sum()
        names = [text.get_text() for text in left.get_yticklabels()]
        assert names == [class_title(name) for name in CLASSES[task]]
        assert (left.get_title(), right.get_title()) == ("RelCon", "MiniRocket")
