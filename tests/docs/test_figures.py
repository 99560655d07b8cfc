"""The figures of the pages, and the command that writes the first of them."""

import re
import runpy
from pathlib import Path

import pytest

plt = pytest.importorskip("matplotlib.pyplot")

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "figures" / "week.py"
FIGURES = [
    path
    for folder in ("docs/figures", "benchmarks/results")
    for path in (ROOT / folder).iterdir()
    if path.suffix in (".png", ".svg")
]


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


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.name)
def test_figures_are_opaque(path):
    """Text in figures is dark, and the site and GitHub also have dark themes."""
    if path.suffix == ".svg":
        first = re.search(r"<rect[^>]*>", path.read_text())[0]
        _, _, width, height = re.search(r'viewBox="([^"]*)"', path.read_text())[1].split()
        assert f'width="{width}" height="{height}"' in first
        assert "fill: white" in first
    else:
        pixels = plt.imread(path)
        assert pixels.shape[2] == 3 or pixels[..., 3].min() == 1
