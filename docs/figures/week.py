"""Write week.png, the picture at the top of the README and of the site.

    python docs/figures/week.py

It is the first figure of the example "A week on the wrist". Write it again after a change of the
example, or of what the example uses.
"""

import runpy
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

FIGURES = Path(__file__).parent
EXAMPLE = FIGURES.parents[1] / "examples" / "start" / "plot_week.py"


def write_first_figure(example, output):
    """Run an example and write its first figure."""
    matplotlib.use("Agg")
    plt.show = lambda: None  # without a window, it would warn
    runpy.run_path(str(example))
    plt.figure(1).savefig(output, metadata={"Software": None})


if __name__ == "__main__":
    write_first_figure(EXAMPLE, FIGURES / "week.png")
