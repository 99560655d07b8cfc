"""Each number of a measurement in the text of a page is a result.

A claim is a part of a sentence, or a row of a table, with numbers that are computed from the files
of benchmarks/results. It must be on its page, word for word. What is left of the page without its
claims must have no decimal number and no size, time or percentage, except those of `GIVEN`. After a
change of a sentence or of results, change the claim or the page.

Other tests compare what is not text: blocks that a command writes, the tables of `COMPARED`
(test_tables.py), the pages of `WRITTEN`, and the output of code (test_pages.py).
"""

import re
from pathlib import Path

import pytest

pytest.importorskip("tslearn")
from benchmarks.common.report import RESULTS
from benchmarks.downstream.cells import CellFile
from benchmarks.downstream.tables import summary_table
from tests.support.claims import costs, distances, downstream, method, speed
from tests.support.claims.text import GIVEN, NUMBER, check, text_of

ROOT = Path(__file__).parents[2]

CLAIMS = {
    "README.md": downstream.readme,
    "docs/index.md": downstream.landing_page,
    "docs/start.md": downstream.start,
    "docs/downstream.md": downstream.comparison,
    "docs/models.md": downstream.models,
    "docs/guide/representations.md": downstream.representations,
    "docs/guide/fine_tuning.md": downstream.fine_tuning,
    "docs/guide/segments.md": downstream.segments,
    "docs/downstream/method.md": method.method,
    "docs/results.md": distances.distances,
    "docs/results/retrieval.md": distances.retrieval,
    "docs/results/rotations.md": distances.rotations,
    "docs/guide/distance.md": distances.guide,
    "docs/speed.md": speed.speed,
    "docs/speed/embedding.md": speed.embedding,
    "docs/speed/training.md": speed.training,
    "docs/speed/published.md": speed.published,
    "docs/speed/equal_time.md": speed.equal_time,
    "docs/speed/data.md": costs.data,
    "docs/benchmarks.md": costs.overview,
    "docs/reliability.md": costs.reliability,
    "docs/differences.md": method.differences,
    "docs/guide/billion.md": costs.billion,
    "docs/guide/days.md": costs.days,
    "docs/guide/devices.md": costs.devices,
    "docs/guide/gpu.md": costs.gpu,
    "docs/guide/many_machines.md": costs.many_machines,
    "docs/guide/ship.md": costs.ship,
    "docs/guide/stores.md": costs.stores,
    "docs/guide/training.md": method.training,
}

# Pages that a command writes as a whole, which test_cards.py and test_tables.py compare.
WRITTEN = [
    *(f"docs/activities/{name}.md" for name in ("classes", "data", "probabilities", "scores")),
    *(f"docs/downstream/{name}.md" for name in ("ablations", "classes", "comparisons", "scores")),
    *(f"docs/models/{name}.md" for name in ("conditions", "data", "scores")),
]

# All others are read, also those without results.
PAGES = [
    "README.md",
    *sorted(
        name
        for path in (ROOT / "docs").rglob("*.md")
        if (name := path.relative_to(ROOT).as_posix()) not in WRITTEN
        and not name.startswith(("docs/_build/", "docs/auto_examples/", "docs/generated/"))
    ),
]


@pytest.fixture(scope="module")
def results():
    return downstream.Downstream(CellFile(RESULTS / "downstream.jsonl").read())


@pytest.mark.parametrize("page", PAGES)
def test_numbers_are_results(page, results):
    claims = CLAIMS[page](results) if page in CLAIMS else []
    check(text_of((ROOT / page).read_text()), claims)


def test_the_pages_exist():
    assert set(CLAIMS) <= set(PAGES)
    assert all((ROOT / page).is_file() for page in WRITTEN)


@pytest.mark.parametrize("phrase", GIVEN)
def test_what_is_given_is_on_a_page(phrase):
    assert any(phrase in text_of((ROOT / page).read_text()) for page in PAGES)


def test_only_text_is_checked():
    page = """# Title

With **0.5** by `f(0.1)` of [it](page.md#1.5), torch 2.13.0,

    command --lr 0.3

| distance | mean |
|---|---:|
| DTW | 0.585 |

```python
print(0.7)
```

| representation | mean |
|---|---:|
| features | 0.736 |

<!-- summary: written by a command -->

It has 0.9.

<!-- end -->

and `no number`, 0.6 and `another`.
"""
    text = text_of(page)
    assert NUMBER.findall(text) == ["0.5", "0.736", "0.6"]
    check(text, ["With 0.5", "| features | 0.736 |", "`no number`, 0.6 and"])


@pytest.mark.parametrize("number", ["0.6", "22 ms", "1,234 MB", "5 %", "5%", "24 times", "7 µs"])
def test_numbers_of_measurements_are_found(number):
    assert NUMBER.search(f"It takes {number} for 41 people, and 3-GB files.")[0] in number
    assert not NUMBER.search("In 2 runs of 3 s at 50 Hz, with 1e5 rows and `n=4`")


@pytest.mark.parametrize("claims", [[], ["a mean of 0.5"], ["a mean of 0.7 and"]])
def test_other_numbers_are_found(claims):
    with pytest.raises(AssertionError):
        check("a mean of 0.5 and 0.6", claims)


@pytest.mark.parametrize(
    "text",
    [
        "It takes 11.2 GB of disk with torch for CPUs",
        "1256 x 3 values of int16, has 1.5 TB",
        "guessing among four activities has about 0.257",
        "CC BY 4.05",
    ],
)
def test_what_is_given_is_not_a_part_of_a_number(text):
    with pytest.raises(AssertionError):
        check(text, [])


@pytest.mark.parametrize("number", ["2.56 s", "5.12 s", "1.2 GB", "1.5 TB", "about 0.25"])
def test_what_is_given_for_one_thing_is_not_given_for_another(number):
    with pytest.raises(AssertionError):
        check(f"A fit takes {number}", [])


@pytest.mark.parametrize("phrase", GIVEN)
def test_what_is_given_has_words_beside_the_number(phrase):
    assert not re.fullmatch(r"\W*(?:about )?[\d.,e]+(?: to [\d.,]+)? ?\S*", phrase)


def test_the_page_of_results_is_generated_from_the_results(results):
    page = (ROOT / "docs" / "downstream.md").read_text()
    assert summary_table(results) in page
