"""Scripts write their tables into the blocks of pages, and nothing else."""

import pytest

from benchmarks.common.pages import fill_pages, names_of_blocks, pages_of

BLOCK = "before\n<!-- script: {} -->\n\nold\n\n<!-- end -->\nafter\n"


@pytest.fixture
def pages(tmp_path):
    """Two pages: one with the blocks "a" and "b", and one with the block "c"."""
    paths = [tmp_path / "one.md", tmp_path / "two.md"]
    paths[0].write_text(BLOCK.format("a") + BLOCK.format("b"))
    paths[1].write_text(BLOCK.format("c"))
    return paths


def test_names_of_blocks(pages):
    text = pages[0].read_text() + "<!-- another: x -->"
    assert names_of_blocks(text, "script") == ["a", "b"]


def test_only_the_named_blocks_change(pages):
    fill_pages(pages, "script", {"b": "new", "c": "newer"})
    assert pages[0].read_text() == BLOCK.format("a") + BLOCK.format("b").replace("old", "new")
    assert pages[1].read_text() == BLOCK.format("c").replace("old", "newer")


def test_nothing_is_written_if_a_block_is_missing(pages):
    before = [page.read_text() for page in pages]
    with pytest.raises(SystemExit, match=r"two\.md must have the line '<!-- script: d -->'"):
        fill_pages(pages, "script", {"a": "new", "d": "new"})
    assert [page.read_text() for page in pages] == before


def test_the_short_page_of_a_topic_is_first():
    first, *others = pages_of("downstream")
    assert first.name == "downstream.md"
    assert {path.parent.name for path in others} == {"downstream"}
