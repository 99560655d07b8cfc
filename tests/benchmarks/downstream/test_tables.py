"""Tables have the numbers of the records."""

import numpy as np
import pytest

from benchmarks.common.datasets import TASKS
from benchmarks.downstream.cells import Cell

pytest.importorskip("tslearn")
from benchmarks.downstream import comparisons, objectives, tables
from benchmarks.downstream.results import FIVE, RELCON, UNION, DownstreamResults, transfer
from tests.support.downstream_cells import parse_table, with_skill


@pytest.fixture(scope="module")
def results(cells):
    return DownstreamResults(cells)


def f1(cells, task, method, protocol="linear", setting="transfer", **where):
    """Return macro-F1 by seed."""
    found = []
    for seed in range(3):
        record = cells.get(Cell(setting, task, method, protocol, seed, **where))
        if record is not None:
            found.append(record["scores"]["macro_f1"])
    return np.array(found)


def with_sd(values):
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


# -- scores ----------------------------------------------------------------------------------------


def test_transfer_has_means_and_deviations_over_seeds(cells, results):
    found = parse_table(tables.transfer_tables(results), "macro-F1")
    row = found["SimCLR"]
    assert row["WISDM, watch"] == with_sd(f1(cells, "wisdm", "simclr"))
    assert row["WISDM with 18 activities, watch"] == with_sd(f1(cells, "wisdm18", "simclr"))
    means = np.mean([f1(cells, task, "simclr") for task in FIVE], axis=0)
    assert row["mean of five"] == with_sd(means)
    assert row["seeds"] == "3"
    row = found["nearest neighbour, DTW"]
    assert row["HAPT, waist"] == f"{f1(cells, 'hapt', 'nearest_dtw', 'own', 'none')[0]:.3f}"
    assert row["seeds"] == "1"
    tuned = f1(cells, "hapt", "relcon", "fine_tune")[0]
    assert found["RelCon, fine-tuned"]["HAPT, waist"].strip("*") == f"{tuned:.3f}"


def test_regressions_have_every_target(cells, results):
    text = tables.transfer_tables(results)
    scores = cells[Cell("none", "ipol", "minirocket", "own")]["scores"]["targets"]
    for corner, name in (("R2", "r2"), ("mean absolute error", "mae")):
        row = parse_table(text, corner)["MiniRocket"]
        for target in TASKS["ipol"].targets:
            assert row[f"IPOL: {target}"].strip("*") == f"{scores[target][name]:.3f}"
        assert "TROIKA: speed (m/s)" in row
        assert "RelCon, fine-tuned" not in parse_table(text, corner)


def test_best_of_each_column_is_bold(results):
    text = tables.transfer_tables(results)
    for corner, best_of in (("macro-F1", max), ("R2", max), ("mean absolute error", min)):
        rows = parse_table(text, corner)
        for column in rows["SimCLR"]:
            if column == "seeds":
                continue
            texts = {row: line[column] for row, line in rows.items() if line[column] != "-"}
            means = {row: float(text.strip("*").split()[0]) for row, text in texts.items()}
            best = best_of(means.values())
            bold = {row for row, text in texts.items() if text.startswith("**")}
            assert bold == {row for row, mean in means.items() if mean == best}, column


def test_missing_results_are_dashes(cells):
    partial = dict(cells)
    for seed in range(3):
        del partial[Cell("transfer", "wisdm", "simclr", "linear", seed)]
    del partial[Cell("transfer", "hapt", "rebar", "linear", 1)]
    found = parse_table(tables.transfer_tables(DownstreamResults(partial)), "macro-F1")
    assert found["SimCLR"]["WISDM, watch"] == found["SimCLR"]["mean of five"] == "-"
    assert found["SimCLR"]["HAPT, waist"] == with_sd(f1(cells, "hapt", "simclr"))
    # All tasks have the same seeds.
    assert found["REBAR"]["seeds"] == "2"
    assert found["REBAR"]["WISDM, watch"] == with_sd(f1(cells, "wisdm", "rebar")[[0, 2]])


def test_long_windows_are_those_of_10_s(cells, results):
    text = tables.long_window_tables(results)
    found = parse_table(text, "macro-F1")
    value = f1(cells, "sisfall", "masked", window=10.0)[0]
    assert found["masked reconstruction"]["SisFall, waist"] == f"{value:.3f}"
    assert "nearest neighbour, DTW" not in found
    assert "seeds" not in found["RelCon"]
    assert parse_table(text, "R2").keys() == found.keys()


def test_budgets_are_of_seed_0(cells, results):
    found = parse_table(tables.budget_tables(results), "macro-F1")
    assert list(found) == [
        f"{method}{title}"
        for method in ("RelCon", "SimCLR")
        for title in ("", ", a tenth of the time", ", six times the time")
    ]
    value = f1(cells, "hapt", "simclr, six times the time")[0]
    assert found["SimCLR, six times the time"]["HAPT, waist"] == f"{value:.3f}"
    assert found["SimCLR"]["HAPT, waist"] == f"{f1(cells, 'hapt', 'simclr')[0]:.3f}"


def test_in_domain_has_four_sets(cells, results):
    found = parse_table(tables.in_domain_table(results), "macro-F1")
    values = [
        f1(cells, task, "untrained", setting="in_domain")[0]
        for task in ("hapt", "sisfall", "smartfallmm", "wisdm")
    ]
    row = found["untrained encoder, in domain"]
    assert list(row.values()) == [*(f"{v:.3f}" for v in values), f"{np.mean(values):.3f}"]


# -- comparisons -----------------------------------------------------------------------------------


def test_tests_are_those_of_the_comparisons(results):
    text = tables.paired_tests(results)
    pooled, each = (parse_table(text, f"people of {what}") for what in ("the five sets", "a task"))
    assert list(pooled) == list(each)
    assert len(pooled) == 11 + 2 + 1
    for reference, others in comparisons.COMPARISONS.items():
        tests = comparisons.compare_over_people(results, reference, others)
        of_task = comparisons.compare_over_people(results, reference, others, ["hapt"])
        for other in others:
            row, test = pooled[f"{reference.title} - {other.title}"], tests[other]
            assert row["difference"] == f"{test['difference']:+.3f}"
            assert row["ahead"] == str(test["ahead"])
            assert row["people"] == "60"
            assert row["p"] == comparisons.p_text(test["p"])
            assert row["Holm p"] == comparisons.p_text(test["p_holm"])
            test = of_task[other]
            short = f"{test['difference']:+.3f} ({comparisons.p_text(test['p_holm'])})"
            short = f"**{short}**" if test["p_holm"] < 0.05 else short
            assert each[f"{reference.title} - {other.title}"]["HAPT, waist"] == short
    # Nothing of this method is measured on regressions.
    assert each["RelCon, fine-tuned - supervised from scratch"]["TROIKA, wrist"] == "-"


def test_ablations_are_differences_of_seed_0(cells):
    cells = with_skill(cells, 0.799, "relcon:no projection head")
    results = DownstreamResults(cells)
    found = parse_table(tables.ablations(results), "variant")
    assert list(found) == list(objectives.ABLATIONS)
    row = found["no projection head"]
    differences = [
        f1(cells, task, "relcon:no projection head")[0] - f1(cells, task, "relcon")[0]
        for task in FIVE
    ]
    for task, difference in zip(FIVE, differences, strict=True):
        assert row[TASKS[task].title] == f"{difference:+.3f}"
    assert row["mean of five"] == f"{np.mean(differences):+.3f}"
    variants = [transfer(f"relcon:{name}") for name in objectives.ABLATIONS]
    first = results.first_seed()
    tests = comparisons.compare_over_people(first, RELCON, variants)
    test = tests[transfer("relcon:no projection head")]
    assert row["Holm p"] == comparisons.p_text(test["p_holm"])
    assert test["p_holm"] > 0.001


def test_what_has_no_results_is_left_out(cells):
    some = {cell: r for cell, r in cells.items() if cell.method != "relcon:4 positives"}
    found = parse_table(tables.ablations(DownstreamResults(some)), "variant")
    assert "4 positives" not in found
    assert "32 positives" in found
    tables_without = tables.long_window_tables(
        DownstreamResults({cell: r for cell, r in cells.items() if cell.task != "hapt"})
    )
    assert "HAPT" not in tables_without
    nothing = tables.budget_tables(DownstreamResults({}))
    assert nothing.count("Not measured.") == 2


# -- cost ------------------------------------------------------------------------------------------


def test_cost_of_a_segment(cells):
    text = tables.costs(cells)
    row = parse_table(text, "to apply")["encoder resnet14-half"]
    assert row["parameters"] == "300,123"
    assert row["MACs"] == "2,000,456"
    assert row["ms per segment"] == "0.2 (0.1 to 0.5)"
    assert parse_table(text, "to apply")["features, random forest"]["MACs"] == "-"


def test_work_of_pretraining(cells):
    found = parse_table(tables.costs(cells), "to pretrain")
    assert list(found["SimCLR"].values()) == ["600", "4,001", "1,000,000", "900"]
    assert "untrained encoder" not in found
    assert UNION.title not in found
    assert len(found) == len(objectives.MAIN) - 1
