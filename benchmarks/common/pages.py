"""Pages of the documentation whose tables are written by scripts.

A block of a page begins with the line ``<!-- SCRIPT: NAME -->`` and ends at the next `END_MARK`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.common.processes import ROOT
from benchmarks.common.report import END_MARK, fill_block


def pages_of(topic: str) -> list[Path]:
    """Return the short page of a topic, and the pages with its full tables, in a folder beside."""
    docs = ROOT / "docs"
    return [docs / f"{topic}.md", *sorted(docs.glob(f"{topic}/*.md"))]


def names_of_blocks(text: str, script: str) -> list[str]:
    """Return the names of the blocks that a script writes into a page, in order."""
    return re.findall(rf"<!-- {script}: (\S+) -->", text)


def fill_pages(pages: Sequence[Path], script: str, blocks: Mapping[str, str]) -> None:
    """Replace the content of the blocks of a script, each on the page that has it.

    No page is written if one of the blocks is on none of them.
    """
    texts = {page: page.read_text() for page in pages}
    for name, content in blocks.items():
        mark = f"<!-- {script}: {name} -->"
        filled = {page: fill_block(text, mark, content) for page, text in texts.items()}
        filled = {page: text for page, text in filled.items() if text is not None}
        if not filled:
            raise SystemExit(
                f"One of the pages {', '.join(map(str, pages))} must have the line {mark!r}, and "
                f"{END_MARK} below."
            )
        texts |= filled
    write_pages(texts)


def write_pages(pages: Mapping[Path, str]) -> None:
    """Write the text of each page."""
    for path, text in pages.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
