"""The command that writes the picture of the first pages."""

import runpy
from pathlib import Path

import pytest

plt = pytest.importorskip("matplotlib.pyplot")

SCRIPT = Path(__file__).parents[2] / "docs" / "figures" / "week.py"


def test_week_is_the_first_figure_of_the_example(tmp_path, monkeypatch):
    monkeypatch.setattr(plt, "show", plt.show)  # the script replaces it
    example = tmp_path / "plot_example.py"
    example.write_text(
        "import matplotlib.pyplot as plt\n"
        "for width in (3, 4):\n"
        "    plt.figure(figsize=(width, 2), dpi=100)\n"
        "    plt.show()\n"
    )
    plt.close("all")
    script = runpy.run_path(str(SCRIPT))
    assert script["EXAMPLE"].is_file()
    script["write_first_figure"](example, tmp_path / "week.png")
    assert plt.imread(tmp_path / "week.png").shape[:2] == (200, 300)
    plt.close("all")
