"""The code of the start page and the user guide runs, and prints what the pages say.

A page is a script: its ``python`` blocks run one after the other, in an empty folder. A ``text``
block that follows one is what it has to print. A block that cannot run here is preceded by a
comment that says why, ``<!-- not run: ... -->``; it still has to be Python.
"""

import contextlib
import io
import logging
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import sklearn

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "start.md", *sorted((DOCS / "guide").glob("*.md"))]

FENCE = re.compile(
    r"(?P<not_run><!-- not run: [^\n]+ -->\n)?^```python\n(?P<code>.*?)^```\n"
    r"(?:\s*```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"-?\d+\.\d+")


class Block(NamedTuple):
    """Code of a page: where it is, what it prints, and whether it is run."""

    line: int
    code: str
    output: str
    runs: bool


def blocks_of(text):
    return [
        Block(
            text.count("\n", 0, match.start("code")) + 1,
            match["code"],
            match["output"] or "",
            match["not_run"] is None,
        )
        for match in FENCE.finditer(text)
    ]


def same_output(printed, expected):
    """Whether texts agree, numbers with a decimal point to one in their last digit.

    CPUs round differently, and training amplifies it.
    """
    if NUMBER.split(printed.strip()) != NUMBER.split(expected.strip()):
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(expected), strict=True)
    return all(
        abs(float(a) - float(b)) < 1.01 * 10.0 ** -len(b.partition(".")[2]) for a, b in pairs
    )


@pytest.fixture
def logging_as_before():
    """A page sets up logging, as its readers are to."""
    loggers = logging.getLogger(), logging.getLogger("relcon_sklearn")
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_code_of_page_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "page"}
    with sklearn.config_context():
        for block in blocks_of(page.read_text()):
            # As many lines above as in the page, for tracebacks.
            code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
            if not block.runs:
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)
            where = f"{page.name}, line {block.line}, printed"
            assert same_output(printed.getvalue(), block.output), (
                f"{where}\n{printed.getvalue()}\ninstead of\n{block.output}"
            )


def test_blocks_are_found():
    text = (
        "Text.\n\n```python\nprint(1)\n```\n```text\n1\n```\n\n```python\nx = 2\n```\n\n"
        "<!-- not run: no such thing -->\n```python\nprint(y)\n```\n"
    )
    assert blocks_of(text) == [
        Block(4, "print(1)\n", "1\n", True),
        Block(11, "x = 2\n", "", True),
        Block(16, "print(y)\n", "", False),
    ]


@pytest.mark.parametrize(
    ("printed", "same"),
    [("a 0.80", True), ("a 0.81", True), ("a 0.82", False), ("b 0.80", False), ("a 0.80 1", False)],
)
def test_numbers_may_differ_by_one_in_the_last_digit(printed, same):
    assert same_output(printed + "\n", "a 0.80\n") is same


def test_no_python_block_of_a_page_is_overlooked():
    for page in PAGES:
        text = page.read_text()
        assert len(blocks_of(text)) == len(re.findall(r"^\s*```+\s*\{?python", text, re.MULTILINE))
        assert len(re.findall(r"^```text", text, re.MULTILINE)) == sum(
            bool(block.output) for block in blocks_of(text)
        )
