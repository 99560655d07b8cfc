"""The speed of what users wait for, next to alternatives and to the limit of the machine.

    python -m benchmarks.speed.bench_table --data FOLDER --released CHECKOUT

FOLDER (or the environment variable RELCON_DATA) has hapt.npz. Without it, segments are generated.
CHECKOUT is a folder with the released code of RelCon, which you have to get yourself. It is run on
the CPU, and its distances, embeddings and first loss are compared with those of this package.
Without it, a training step is compared with the plain implementation in `paper_literal.py`.

The rows of a part are run in turn, forwards and backwards, in one process, after a warm-up.
Recorded are CPU time and wall time of each turn, with one and two threads. Ratios compare two rows
of the same turn: CPU time with one thread, wall time with two. The first part measures how many
operations per second convolutions and matrix products reach on this machine. Other rows are then
shares of the largest rate.

Results are written after each part, and a part that is in the file is not measured again, except
with --again or --smoke. --report writes the tables into docs/speed.md and the pages in
docs/speed. Other scripts have more rows of some parts: `bench_speed`, `bench_latency`,
`bench_recordings`, `bench_store`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common.pages import fill_pages, pages_of
from benchmarks.common.report import (
    add_folder_option,
    environment,
    load_average,
    results_file,
    say,
    script_parser,
    write_json,
)
from benchmarks.speed.table_data import ROWS, WEEK
from benchmarks.speed.table_embedding import BLOCKS_PART, ONE_SEGMENT, TRANSFORM
from benchmarks.speed.table_limit import LIMIT
from benchmarks.speed.table_page import render
from benchmarks.speed.table_pairs import PAIRS
from benchmarks.speed.table_process import FIRST_FIT, IMPORT
from benchmarks.speed.table_settings import THREADS, TablePart, TableSettings
from benchmarks.speed.table_training import RANKING, RECIPE, STEP

PAGES = pages_of("speed")
PARTS: dict[str, TablePart] = {
    "limit": LIMIT,
    "step": STEP,
    "ranking": RANKING,
    "recipe": RECIPE,
    "transform": TRANSFORM,
    "one-segment": ONE_SEGMENT,
    "blocks": BLOCKS_PART,
    "pairs": PAIRS,
    "week": WEEK,
    "rows": ROWS,
    "import": IMPORT,
    "first-fit": FIRST_FIT,
}


def measure(name: str, settings: TableSettings) -> dict:
    """Measure a part; return its records, and where and how long it ran."""
    before, start = load_average(), time.perf_counter()
    found = PARTS[name].measure(settings)
    records, others = found if isinstance(found, tuple) else (found, {})
    return {
        "environment": environment(),
        "load_average": before,
        "seconds": time.perf_counter() - start,
        "smoke": settings.smoke,
        "rows": records,
        "others": others,
    }


def is_done(found: dict | None, args) -> bool:
    """Return whether a part need not be measured, because the file has it."""
    return found is not None and not (args.again or args.smoke or found["smoke"])


def read_results(path: Path) -> dict:
    """Return the results in a file, or no results if there is no file."""
    return json.loads(path.read_text()) if path.is_file() else {"parts": {}}


def write_report(results: dict, pages: Sequence[Path]) -> None:
    """Write the tables of all parts that were measured into the pages that have their blocks."""
    parts = results["parts"]
    if not parts:
        raise SystemExit("There are no results to report. Run the script without --report first.")
    if tried := [name for name, found in parts.items() if found["smoke"]]:
        raise SystemExit(f"Parts measured with --smoke are not reported: {', '.join(tried)}.")
    places = [found["environment"] for found in parts.values()]
    machines = {(place["cpu"], place["versions"]["torch"]) for place in places}
    if len(machines) > 1:
        raise SystemExit(
            f"The parts are of different machines or versions of torch, {sorted(machines)}, and "
            "cannot be compared. Measure them again with --again."
        )
    fill_pages(pages, "bench_table", render(results, PARTS))
    say(f"wrote {', '.join(map(str, pages))}")


def parse_args():
    parser = script_parser(__doc__)
    add_folder_option(parser, "data", "hapt.npz")
    add = parser.add_argument
    add(
        "--released",
        type=Path,
        default=os.environ.get("RELCON_RELEASED"),
        help="checkout of the released code (default RELCON_RELEASED)",
    )
    add(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="%(choices)s"
    )
    add("--again", action="store_true", help="also measure parts that the file has")
    add("--repeats", type=int, help="number of turns (default 3 to 15, by the time of a part)")
    add("--threads", type=int, nargs="+", help="numbers of threads (default 1 2; 1 with --smoke)")
    add("--dir", type=Path, help="folder for 0.7 GB of temporary files")
    add("--smoke", action="store_true", help="run with tiny sizes, to try the script")
    add("--report", action="store_true", help="only write the tables into the pages")
    add("--output", type=Path, help="JSON file (default results/table.json)")
    args = parser.parse_args()
    if args.threads is None:
        args.threads = THREADS[:1] if args.smoke else THREADS
    if args.output is None:
        args.output = results_file("table", smoke=args.smoke)
    return args


def main() -> None:
    args = parse_args()
    results = read_results(args.output)
    if args.report:
        write_report(results, PAGES)
        return
    if args.smoke and not all(found["smoke"] for found in results["parts"].values()):
        raise SystemExit(f"{args.output} has measurements, which --smoke would replace.")
    for name in PARTS:
        if name not in args.parts or is_done(results["parts"].get(name), args):
            continue
        with tempfile.TemporaryDirectory(dir=args.dir and args.dir.resolve()) as folder:
            settings = TableSettings(
                args.smoke,
                args.repeats,
                tuple(args.threads),
                args.data,
                args.released,
                Path(folder),
            )
            results["parts"][name] = measure(name, settings)
        write_json(args.output, results)
        say(f"\n## {name}\n\n{render(results, PARTS)[name]}")
    say(f"\n## Summary\n\n{render(results, PARTS)['summary']}\n\nwritten: {args.output}")


if __name__ == "__main__":
    main()
