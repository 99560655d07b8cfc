"""The hours that a billion anchors take on one GPU, from the steps per second that were measured.

    python -m benchmarks.gpu.projection --steps FILE

FILE is the result of `python -m benchmarks.gpu.steps`. The paper trained on a billion segments of
87,376 people.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.common.report import results_file, say, script_parser, table, write_json

N_ANCHORS = 1e9


def hours_of(anchors: int, steps_per_second: float) -> float:
    """Return the hours that `N_ANCHORS` take with a number of anchors per step."""
    return N_ANCHORS / anchors / steps_per_second / 3600


def project(steps: dict) -> dict:
    """Return the hours of each of the settings, with the arithmetic."""
    found = {}
    for name, row in steps["rates"].items():
        hours = hours_of(row["anchors"], row["fit"])
        arithmetic = (
            f"{N_ANCHORS:.0e} / {row['anchors']:,} anchors / {row['fit']:.2f} steps a second "
            f"/ 3600 = {hours:,.1f} h"
        )
        found[name] = {"hours": hours, "arithmetic": arithmetic}
    return found


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--steps", type=Path, default=results_file("gpu_steps"))
    parser.add_argument("--output", type=Path, default=results_file("gpu_projection"))
    args = parser.parse_args()
    if not args.steps.is_file():
        parser.error(f"{args.steps} does not exist. Run python -m benchmarks.gpu.steps first.")
    steps = json.loads(args.steps.read_text())
    found = project(steps)
    if not found:
        parser.error(f"{args.steps} has no rates: the run was cut before its first setting.")
    machine = steps["environment"]["gpu"] or f"{steps['environment']['cpu']} (no GPU)"
    write_json(args.output, {"machine": machine, "steps": str(args.steps), "hours": found})
    say(f"one {machine}")
    say(
        table(
            ["settings", "hours for 1e9 anchors"], [[k, v["arithmetic"]] for k, v in found.items()]
        )
    )


if __name__ == "__main__":
    main()
