"""A model of the package on MotionSense, in the protocol of the paper on RelCon.

    python -m benchmarks.downstream.bench_paper_protocol --data FOLDER

FOLDER (or the environment variable RELCON_DATA) has the file of MotionSense that is named in
`benchmarks/common/datasets.py`. As in the paper, windows have 2 s, of a phone in the pocket, five
folds are by subject, and linear probes predict the six activities. The paper resamples to 100 Hz,
standardises the channels, has other people in its folds, and uses all windows. Here windows have
50 Hz, as recorded, and are in g. As for the other tables, 2,500 windows are drawn by chance. --all
uses all of them. Hand-made features and an untrained encoder are treated in the same way. It takes
two minutes of one core, and ten with --all.
"""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits

from benchmarks.common.report import environment, say, script_parser, table, write_json
from benchmarks.common.windows import draw, load_windows
from benchmarks.downstream.evaluation import compare
from benchmarks.downstream.options import parse_model_args
from benchmarks.downstream.plan import SMOKE, DownstreamSettings
from benchmarks.downstream.pretrained import RATE
from benchmarks.downstream.probing import probe_all

TASK = "motionsense"
WINDOW = 2.0  # s
# Macro-F1 in the paper. The last one is the best network of those trained with labels.
PAPER = {"RelCon": 0.804, "SimCLR": 0.839, "supervised": 0.893}


def compare_ours(model: str, scores: dict[str, dict]) -> dict[str, dict]:
    """Return the tests over people of a model, with and without features, against the others."""
    ours = (model, f"{model} + features")
    others = {name: found["subjects"] for name, found in scores.items() if name not in ours}
    return {name: compare(scores[name]["subjects"], others) for name in ours}


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--all", action="store_true", help="use all windows")
    args = parse_model_args(parser, "paper_protocol")
    settings = SMOKE if args.smoke else DownstreamSettings()
    torch.set_num_threads(1)
    run = environment()
    windows = load_windows(args.data, TASK, RATE, WINDOW, args.cache).labelled()
    if not args.all:
        windows = draw(windows, settings.n_windows, 0)
    with threadpool_limits(1):
        scores = probe_all(args.model, windows, settings.n_folds)
    say(table(["macro-F1", TASK], [[name, found["macro_f1"]] for name, found in scores.items()]))
    record = {
        "model": args.model,
        "window": WINDOW,
        "n_windows": len(windows),
        "all_windows": args.all,
        "paper": PAPER,
        "scores": scores,
        "tests": compare_ours(args.model, scores),
        "run": run,
    }
    write_json(args.output, record)


if __name__ == "__main__":
    main()
