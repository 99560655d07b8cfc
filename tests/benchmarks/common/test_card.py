"""Cards: their text, and their pages."""

import pytest

from benchmarks.common.card import Card, TablePage, mark
from benchmarks.common.pages import write_pages
from benchmarks.common.report import END_MARK

COMMAND = "python -m make --card"
CARD = Card(
    title="small",
    summary="It is small.",
    use="use(small)",
    limits="- **Not for** large ones.",
    pages={
        "scores": TablePage("Scores of small", "How good?", {"Scores": "0.5", "Not measured": ""}),
        "data": TablePage("Data of small", "Which data?", {"Sets": "One."}),
    },
    origin={"Training": "Once.", "Licence": "Free."},
)


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "small.md"
    marks = [mark(part, COMMAND) for part in ("summary", "limits", "origin")]
    path.write_text("# By hand\n\n" + "\n".join(f"{line}\nold\n{END_MARK}" for line in marks))
    return path


def test_the_text_has_all_parts_in_order():
    assert CARD.text == (
        "# small\n\nIt is small.\n\nuse(small)\n\n## Limits\n\n- **Not for** large ones.\n\n"
        "## Scores\n\n0.5\n\n## Sets\n\nOne.\n\n## Training\n\nOnce.\n\n## Licence\n\nFree."
    )


def test_the_pages_have_all_parts_but_the_code(page, tmp_path):
    write_pages(CARD.rendered(page, COMMAND))
    text = page.read_text()
    assert text.startswith("# By hand\n")
    assert "old" not in text
    assert "use(small)" not in text
    for expected in (CARD.summary, CARD.limits, "## Training\n\nOnce.\n\n## Licence\n\nFree."):
        assert f" -->\n\n{expected}\n\n{END_MARK}" in text
    assert (tmp_path / "small" / "data.md").read_text() == (
        f"# Data of small\n\nWhich data?\n\n## Sets\n\nOne.\n\nWritten by `{COMMAND}`.\n"
    )
    assert "Not measured" not in (tmp_path / "small" / "scores.md").read_text()


def test_a_page_without_a_mark_is_refused(page):
    page.write_text(page.read_text().replace(mark("limits", COMMAND), ""))
    with pytest.raises(SystemExit, match="limits: written by"):
        CARD.rendered(page, COMMAND)
