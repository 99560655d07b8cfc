"""Figures of the downstream results. They need matplotlib."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

DPI = 150
WIDTH = 9.0  # of a page, in inches

# The colours of Okabe and Ito. Markers identify the lines without colour.
STYLES = {
    "relcon": ("#0072B2", "o"),
    "simclr": ("#D55E00", "s"),
    "untrained": ("#009E73", "^"),
    "scratch": ("#000000", "D"),
    "features_linear": ("#CC79A7", "v"),
}
# Lines of fine-tuned encoders also have hollow markers.
LINES = {"linear": "-", "fine_tune": "--", "own": "-."}


def label_curves(panels: dict[str, dict]) -> Figure:
    """Draw macro-F1 over the share of labelled people, one panel for each task.

    Parameters
    ----------
    panels : dict
        For the title of each panel, a dict of macro-F1 by share, by row.
    """
    n_rows = -(-len(panels) // 2)
    figure = Figure(figsize=(WIDTH, 0.9 + 2.9 * n_rows), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    grid = figure.subplots(n_rows, 2, squeeze=False).ravel()
    handles = {}
    for axes, (title, lines) in zip(grid, panels.items(), strict=False):
        for row, points in lines.items():
            handles.setdefault(row.title, _line(axes, row, points))
        shares = sorted({share for points in lines.values() for share in points})
        axes.set_xscale("log")
        axes.set_xticks(shares, [f"{100 * share:.0f}" for share in shares])
        axes.minorticks_off()
        axes.set_xlabel("people with labels (% of the training people)")
        axes.set_ylabel("macro-F1")
        axes.set_title(title, fontsize="medium")
        axes.grid(alpha=0.3)
    for axes in grid[len(panels) :]:
        axes.remove()
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=3,
        handlelength=3.5,
        frameon=False,
    )
    return figure


def _line(axes, row, points: dict[float, float]):
    colour, marker = STYLES[row.method]
    (line,) = axes.plot(
        list(points),
        list(points.values()),
        LINES[row.protocol],
        color=colour,
        marker=marker,
        markerfacecolor="white" if row.protocol == "fine_tune" else colour,
        lw=1.8,
        label=row.title,
    )
    return line


def confusions(matrices: dict[str, np.ndarray], names: list[str]) -> Figure:
    """Draw the shares of each true class, one panel for each method, side by side if there is room.

    Parameters
    ----------
    matrices : dict of ndarray
        Counts by title. Rows are the true classes.
    names : list of str
        Names of the classes.
    """
    few = len(names) <= 8
    panels = (1, len(matrices)) if few else (len(matrices), 1)
    height = 4.2 if few else 1.2 + 6.4 * len(matrices)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    grid = figure.subplots(*panels, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, (title, counts) in zip(grid, matrices.items(), strict=True):
        shares = counts / counts.sum(axis=1, keepdims=True)
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        _write(axes, shares)
        axes.set_title(title, fontsize="medium")
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(labelsize=9)
        axes.set(xlabel="predicted", ylabel="true")
        axes.label_outer()
    figure.colorbar(image, ax=grid.tolist(), label="share of the true class", aspect=40)
    return figure


def _write(axes, shares: np.ndarray) -> None:
    """Write shares of at least 0.1 into their cells."""
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.1:
            axes.text(
                column,
                row,
                f"{share:.2f}".removeprefix("0") if share < 0.995 else "1",
                ha="center",
                va="center",
                fontsize=8.5,
                color="white" if share > 0.55 else "black",
            )
