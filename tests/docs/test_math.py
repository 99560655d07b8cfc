"""Formulas of the site, which are MathML."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("latex2mathml")
pytest.importorskip("sphinx")

SCRIPT = Path(__file__).parents[2] / "docs" / "_ext" / "offline_math.py"


@pytest.mark.parametrize(
    ("latex", "unknown"), [(r"\operatorname{argmin}_p \|p\|", []), (r"\arg\min_p p", [r"\arg"])]
)
def test_unknown_commands_are_reported(latex, unknown):
    convert = runpy.run_path(str(SCRIPT))["_convert"]
    reported = []

    class Logger:
        def warning(self, message, commands, location):
            reported.extend(commands.split())

    convert.__globals__["logger"] = Logger()
    assert convert(latex, node=None).startswith("<math")
    assert reported == unknown
