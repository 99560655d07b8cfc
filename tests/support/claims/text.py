"""The text of a page, and the numbers in it."""

import json
import re

from benchmarks.common.report import results_file

NUMBERS = {1: "one", 2: "two"}

# Numbers that are not results, with the reason. Words beside a number say what it is, because it
# is not looked for on any page: 2.56 s could also be a time that was measured.
GIVEN = {
    # Settings and names.
    "windows of 2.56 s": "the length of a window",
    "segments of 2.56 s": "the length of a window",
    "segments of 5.12 s": "the length of a window",
    "segment has 2.56 s at": "the length of a window",
    "Windows have 2.56 s at": "the length of a window",
    "Windows are 2.56 s at": "the length of a window",
    "length is 2.56 s, which is the default": "the length of a window",
    "| representation | 2.56 s | 10 s |": "the length of a window",
    "(at 2.56 s, means of three seeds": "the length of a window",
    "The columns 2.56 s and 10 s": "the length of a window",
    "of the same sets at 2.56 s": "the length of a window",
    "mean of each axis over 2.56 s": "the length of a window",
    "as published, 100 Hz and 2.56 s": "the length of a window",
    "1.3 % too slow": "the clock of a generated file",
    "10 % of the labels": "a setting",
    "labels below 5 %": "a setting",
    "25 times the square root": "a setting",
    "the temperature $\\tau = 0.1$": "a parameter",
    "noise of 0.1 g": "a parameter",
    "above 1.5 sample periods": "a parameter",
    "0.06 s at 50 Hz": "an example",
    "a resolution of 10 ms, most spacings are 10 ms and every fourth is 20 ms": "an example",
    "by more than 0.1 %": "a tolerance",
    "divided by 9.80665": "the acceleration of gravity",
    "m/s² for g: 9.8": "the acceleration of gravity",
    "The goal of 1.5 times is": "a goal",
    "The goal is 1.3 times": "a goal",
    "was that 99 % of the windows": "a goal",
    "2.5 times as many examples": "tests/conftest.py",
    "CC BY 4.0": "a licence",
    "AGPL-3.0": "a licence",
    "ODC-By 1.0": "a licence",
    # Requirements.
    "Python 3.11 or newer": "pyproject.toml and constraints.txt",
    "Python 3.10, scikit-learn 1.6 and torch 2.5": "pyproject.toml",
    "Python 3.10 or newer, scikit-learn 1.6 or newer and torch 2.5": "pyproject.toml",
    "with torch 2.13 or newer (125 MB)": "pyproject.toml, and the disk of packages",
    "onnxruntime 1.32": "the version of a run",
    # Sizes of what is installed or downloaded, which are on no page of results.
    "1.2 GB of disk with torch for CPUs": "an environment",
    "the environment then takes about 1.2 GB": "of disk, with torch for CPUs",
    "the first time (a few minutes, 1 to 3 GB)": "of disk, an environment",
    "all need 60 GB of memory": "an estimate, which the docstring of fetch_capture24 explains",
    # Arithmetic.
    "guessing among four activities has about 0.25": "the chance of one of four activities",
    "100 million segments take 90 GB": "448 features in float16",
    "`scale`, by default 1/2048 g (0.5 mg)": "a unit of int16",
    "A week at 100 Hz takes 1 to 2 GB": "20 bytes a sample in float32, 32 in float64",
    "a week at 100 Hz needs 1 to 2 GB": "20 bytes a sample in float32, 32 in float64",
    "3 KB for a segment of 256": "256 x 3 values of float32",
    "random reads of 3 KB": "256 x 3 values of float32",
    "256 x 3 values of int16, has 1.5 TB": "a billion segments",
    "of 256 x 3 take 1.5 TB": "a billion segments of int16",
    "1.8 KB for a segment with 448 features": "values of float32",
    # `python -m benchmarks.gpu.kernel` counts the arithmetic of a step.
    "17.4 MFLOP per pair (93 % of it": "a calculation",
    "1.46 GFLOP for ranking and 1.35 GFLOP for the encoder": "a calculation",
    "divided by 1.35 GFLOP a segment": "a calculation",
    "That is 2.8e18 FLOP": "a calculation",
}

# The heads of the tables that test_tables.py compares.
COMPARED = (
    r"\| distance ",
    r"\| work ",
    r"\| kind ",
    r"\| CPU time in s ",
    r"\| a week ",
    r"\| +\| +1e5 ",
    r"\| set and window ",
    r"\| ms \(encoder = 1\) ",
    r"\| segments per second ",
    r"\| macro-F1, mean of three seeds ",
    r"\| macro-F1 at the end ",
    r"\| paired difference ",
    r"\| mode ",
    r"\| row ",
)

# Decimal numbers, and whole ones with the unit of a measurement.
NUMBER = re.compile(r"\d+\.\d+|(?<![\w.,-])\d[\d,]*(?= ?(?:(?:[kKMGT]B|ms|[µu]s|times)\b|%))")
NOT_TEXT = [
    r"^<!-- [^\n]*(?:written by|bench_)[^\n]*-->\n.*?^<!-- end -->$",  # a block by a command
    r"^```.*?^```$",
    r"(?<=\n\n)    [^\n]+(?:\n    [^\n]+)*$",
    rf"(?<=\n\n)(?:{'|'.join(COMPARED)})[^\n]*(?:\n\|[^\n]*)*$",
    r"(?<=\])\([^)]*\)",  # the target of a link
    r"\b\d+\.\d+\.\d+\b",  # a version
    r"\*\*",
]


def text_of(page):
    """Return the text of a page, without line breaks, emphasis, and what other tests compare."""
    for pattern in NOT_TEXT:
        page = re.sub(pattern, "", page, flags=re.MULTILINE | re.DOTALL)
    # Every piece of code is matched, so that a match cannot begin at the end of one.
    page = re.sub(r"`[^`\n]*`", lambda code: "" if NUMBER.search(code[0]) else code[0], page)
    return " ".join(page.split())


def check(text, claims):
    """Check that a text has all claims, and no other number of a measurement."""
    for claim in claims:
        assert claim in text, claim
        text = _without(claim, text)
    for phrase in GIVEN:
        text = _without(phrase, text)
    others = [text[: match.end()][-60:] for match in NUMBER.finditer(text)]
    assert not others, others


def _without(phrase, text):
    """Return a text without a phrase, but with one that begins or ends within a number."""
    return re.sub(rf"(?<!\d)(?<!\d[.,]){re.escape(phrase)}(?![.,]?\d)", "", text)


def results_of(name):
    """Return the committed results of a script."""
    return json.loads(results_file(name).read_text())
