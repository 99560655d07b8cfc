"""What predictions of a model of the package lose if devices differ from those of training.

    python -m benchmarks.downstream.bench_robustness --data FOLDER

FOLDER (or the environment variable RELCON_DATA) has the npz files named in
`benchmarks/common/datasets.py`. A linear probe is fitted on unchanged windows of some subjects, and
predicts those of the others after each change in `changes.py`: rotations, other sampling rates,
errors of gain, noise, a missing axis, shorter windows. Hand-made features and an untrained encoder
are treated in the same way. It takes ten minutes of one core.
"""

from __future__ import annotations

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.common.report import (
    environment,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.common.scores import macro_f1
from benchmarks.common.windows import Windows, draw, load_windows
from benchmarks.downstream.changes import CHANGES
from benchmarks.downstream.options import parse_model_args
from benchmarks.downstream.plan import SMOKE, DownstreamSettings
from benchmarks.downstream.pretrained import RATE
from benchmarks.downstream.probing import STRENGTH, fixed_probe, representations
from benchmarks.downstream.running import outer_folds

TASKS = ("hapt", "wisdm")


def scores_of_changes(windows: Windows, represent, n_folds: int) -> dict[str, float]:
    """Return macro-F1 by change: the mean over folds."""
    Z = represent(windows.X)
    scores: dict[str, list[float]] = {name: [] for name in CHANGES}
    for fold, (train, test) in enumerate(outer_folds(windows, windows.subject, n_folds)):
        probe = fixed_probe(STRENGTH).fit(Z[train], windows.y[train])
        held_out = windows.take(test)
        for name, change in CHANGES.items():
            changed = change(held_out, np.random.default_rng(fold))
            scores[name].append(macro_f1(held_out.y, probe.predict(represent(changed))))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def report(results: dict) -> str:
    """Return a table of each task."""
    parts = []
    for task, by_name in results.items():
        rows = [[change, *(s[change] for s in by_name.values())] for change in CHANGES]
        parts.append(f"{task}\n\n{table(['change', *by_name], rows)}")
    return "\n\n".join(parts)


def main() -> None:
    args = parse_model_args(script_parser(__doc__), "robustness")
    settings = SMOKE if args.smoke else DownstreamSettings()
    torch.set_num_threads(1)
    results = {}
    with threadpool_limits(1):
        for task in TASKS[:1] if args.smoke else TASKS:
            found = load_windows(args.data, task, RATE, cache=args.cache)
            windows = draw(found.labelled(), settings.n_windows, 0)
            results[task] = {
                name: scores_of_changes(windows, represent, settings.n_folds)
                for name, represent in representations(args.model, windows.X).items()
            }
    say(report(results))
    write_json(args.output, {"run": environment(), "scores": results})


if __name__ == "__main__":
    main()
