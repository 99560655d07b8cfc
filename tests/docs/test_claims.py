"""The scores on the first pages and on the page of results are those of the committed results."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.report import RESULTS
from benchmarks.downstream.cells import CellFile
from benchmarks.downstream.plan import LONG_WINDOW, SHIPPED
from benchmarks.downstream.results import (
    FIVE,
    DownstreamResults,
    ResultRow,
    classic,
    macro_f1,
    transfer,
)
from benchmarks.downstream.tables import summary_table
from tests.support.downstream_cells import parse_table

ROOT = Path(__file__).parents[2]
ROWS = {
    "model in the package and hand-made features": ResultRow("shipped", f"{SHIPPED}_features"),
    "model in the package": ResultRow("shipped", SHIPPED),
    "RelCon, ten minutes of training": transfer("relcon"),
    "SimCLR, ten minutes of training": transfer("simclr"),
    "hand-made features": classic("features_linear"),
    "MiniRocket": classic("minirocket"),
}


@pytest.fixture(scope="module")
def results():
    return DownstreamResults(CellFile(RESULTS / "downstream.jsonl").read())


def test_the_table_of_the_readme(results):
    found = parse_table((ROOT / "README.md").read_text(), "representation")
    assert found.keys() == ROWS.keys()
    for title, row in ROWS.items():
        for window, column in ((row.window, "2.56 s"), (LONG_WINDOW, "10 s")):
            values = results.means(row._replace(window=window), FIVE, macro_f1)
            expected = f"{np.mean(values):.3f}" if values else ""
            assert found[title][column].strip("*") == expected, (title, column)


def test_the_sentences_of_the_first_pages(results):
    def score(row):
        return f"{results.means(row, FIVE, macro_f1)[0]:.3f}"

    model, features = ROWS["model in the package"], score(ROWS["hand-made features"])
    both = ROWS["model in the package and hand-made features"]
    sentences = {
        "index.md": [f"macro-F1 of {score(both)} on new", f"of features alone {features}."],
        "start.md": [
            f"the model in the package has {score(model)}, the features {features}, and both "
            f"together {score(both)}.",
            f"have {score(both._replace(labelled=0.1))} with labels of a tenth",
            f"and {score(both)} with labels of all",
        ],
    }
    for page, expected in sentences.items():
        text = " ".join((ROOT / "docs" / page).read_text().split())
        for sentence in expected:
            assert sentence in text, (page, sentence)


def test_the_page_of_results_is_generated_from_the_results(results):
    page = (ROOT / "docs" / "downstream.md").read_text()
    assert summary_table(results) in page
