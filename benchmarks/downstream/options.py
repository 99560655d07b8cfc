"""Command-line options of scripts that measure a model of the package on the tasks."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common.report import RESULTS, add_folder_option, results_file
from benchmarks.downstream.plan import SHIPPED


def parse_model_args(parser: argparse.ArgumentParser, name: str) -> argparse.Namespace:
    """Add the options of such a script, and parse them.

    `name` is that of its file of results. For another model, the name of the model is added, so
    that the results of the model of the package stay.
    """
    add_folder_option(parser, "data", "the npz files")
    parser.add_argument("--model", default=SHIPPED, help=f"name or file (default {SHIPPED})")
    parser.add_argument("--smoke", action="store_true", help="few windows, as a test")
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--cache", type=Path, default=RESULTS / "cache")
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data is missing. Pass a folder of npz files or set RELCON_DATA.")
    model = Path(args.model).stem
    stem = name if model == SHIPPED else f"{name}-{model}"
    args.output = args.output or results_file(stem, smoke=args.smoke)
    return args
