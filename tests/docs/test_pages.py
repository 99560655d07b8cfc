"""The code of the README and of the site's pages runs and prints the output shown there.

A page is a script: its ``python`` blocks run one after the other, in an empty folder. A ``text``
block after one is its expected output. A block that cannot run here is preceded by a comment with
the reason, ``<!-- not run: ... -->``. Such a block must still be valid Python. The start page and
the guide are self-contained, except for files of devices. For other pages, `SETUPS` defines the
variables and files that they need.
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
PAGES = [
    path
    for path in (
        DOCS.parent / "README.md",
        *sorted(DOCS.glob("*.md")),
        *sorted(DOCS.glob("*/*.md")),
    )
    if "```python" in path.read_text()
]

SETUPS = {
    # Two minutes of four devices.
    "devices.md": """
from pathlib import Path
import numpy as np
from tests.support.device_files import (
    motion, write_actilife, write_cwa, write_geneactiv, write_gt3x
)

blocks = np.datetime64("2024-03-05T22:00") + np.arange(150) * np.timedelta64(800, "ms")
write_cwa(Path("ann.cwa"), motion(12_000), blocks)
write_gt3x(Path("bob.gt3x"), motion(12_000), 1_709_676_000 + np.arange(120))
write_geneactiv(Path("carl.bin"), motion(12_000))
write_actilife(Path("emma.csv"), motion(3_600), rate=30)
""",
    # Three hours around midnight in Vienna, with half an hour without wear, and with a gap.
    "days.md": """
import numpy as np
from relcon_sklearn.datasets import make_recordings

(frame,) = make_recordings(
    1, duration=3 * 3600, sampling_rate=20, activities=["sitting", "walking", "running"],
    start="2024-03-05T21:30", as_frame=True, random_state=1,
).recordings
frame.iloc[36_000:72_000, :3] = [0, 0, 1]
frame = frame[["x", "y", "z"]].drop(frame.index[100_000:106_000])
frame.columns = ["x (g)", "y (g)", "z (g)"]
frame.to_csv("ann.csv", index_label="time")
""",
    # A small store instead of a large one, and a short training.
    "checkpoints.md": """
from functools import partial
import relcon_sklearn
from relcon_sklearn import open_segments
from relcon_sklearn.datasets import make_motion_store

make_motion_store("store", 60, 6, n_timesteps=64, random_state=0)
store = open_segments("store")
RelConEmbedder = partial(
    relcon_sklearn.RelConEmbedder, max_epochs=1, steps_per_epoch=2, batch_size=8
)
""",
    # A pipeline with a small embedder, and the data of both.
    "saving.md": """
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn.datasets import make_motion

X, y, subject, *_ = make_motion(60, n_subjects=6, n_timesteps=64, random_state=0)
distance = LearnedMotifDistance(embed_dim=4, max_epochs=1)
emb = RelConEmbedder(distance, max_epochs=1, steps_per_epoch=2, batch_size=8)
pipe = make_pipeline(emb.fit(X, groups=subject), StandardScaler(), LogisticRegression())


class MyEncoder(nn.Sequential):
    def __init__(self, n_channels):
        super().__init__(nn.Conv1d(n_channels, 8, 5), nn.AdaptiveAvgPool1d(1), nn.Flatten())
""",
}

# Packages that a page needs and the package does not.
NEEDED = {"ship.md": ["onnx", "onnxscript", "onnxruntime"]}

FENCE = re.compile(
    r"(?P<not_run><!-- not run: [^\n]+ -->\n)?^```python\n(?P<code>.*?)^```\n"
    r"(?:\s*```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"-?\d+\.\d+")


class Block(NamedTuple):
    """Code of a page: its line, its expected output, and whether it is run."""

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
    """Return whether texts agree; numbers with a decimal point may differ by one in the last digit.

    CPUs round differently, and training amplifies the differences.
    """
    if NUMBER.split(printed.strip()) != NUMBER.split(expected.strip()):
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(expected), strict=True)
    return all(
        abs(float(a) - float(b)) < 1.01 * 10.0 ** -len(b.partition(".")[2]) for a, b in pairs
    )


@pytest.fixture
def logging_as_before():
    """Restore the configuration of logging, which a page changes."""
    loggers = logging.getLogger(), logging.getLogger("relcon_sklearn")
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS.parent).as_posix())
def test_code_of_page_prints_what_the_page_says(page, tmp_path, monkeypatch):
    for package in NEEDED.get(page.name, []):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "page"}
    exec(SETUPS.get(page.name, ""), namespace)
    with sklearn.config_context():
        for block in blocks_of(page.read_text()):
            # The empty lines make tracebacks show the line numbers of the page.
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


def test_every_python_block_of_a_page_is_found():
    for page in PAGES:
        text = page.read_text()
        assert len(blocks_of(text)) == len(re.findall(r"^\s*```+\s*\{?python", text, re.MULTILINE))
        assert len(re.findall(r"^```text", text, re.MULTILINE)) == sum(
            bool(block.output) for block in blocks_of(text)
        )
