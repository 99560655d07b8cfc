"""RelCon compared with other methods on equal terms, on people whose data no model was trained on.

    python -m benchmarks.downstream.bench_downstream --data FOLDER --pool POOL    # hours
    python -m benchmarks.downstream.bench_downstream --data FOLDER --pool POOL --smoke    # a minute
    python -m benchmarks.downstream.bench_downstream --report    # writes the pages of results

FOLDER (or the environment variable RELCON_DATA) has the npz files named in
`benchmarks/common/datasets.py`. POOL (or RELCON_POOL) has npz files to pretrain on, and may have
those of the tasks that are in `NOT_IN_POOL` of `benchmarks/common/open_pool.py`.

Objectives of pretraining share encoder, data, optimiser, batch size and time. The time is CPU time
of one thread, so that other work on the machine makes no difference, and includes the training of a
learned distance. There are two settings. "transfer" pretrains on the pool, which has no person of
any task: one training for each objective and seed serves all tasks. "in_domain" pretrains on all
windows of the data set of the task, without labels. Folds are by subject, and every choice
(penalties, epochs) is made on training subjects.

The larger encoder, which is not in the package, is left out unless `open_weights` has trained it.

All results take about nine hours of one core. The same command may be started several times, to run
in parallel: each process takes the next job that no other process has taken. Results are lines of a
file of JSON lines. Results that are in the file are not made again, so that an interrupted run can
be started again. Encoders and windows are kept in the cache.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from benchmarks.common.datasets import TASKS
from benchmarks.common.fetching import fetch_missing
from benchmarks.common.pages import write_pages
from benchmarks.common.report import (
    END_MARK,
    RESULTS,
    add_folder_option,
    environment,
    say,
    script_parser,
    with_generated,
)
from benchmarks.downstream.cells import Cell, CellFile
from benchmarks.downstream.cost import cost_cells
from benchmarks.downstream.page import render
from benchmarks.downstream.plan import LARGER, SMOKE, DownstreamSettings, job_of, plan_cells
from benchmarks.downstream.pretrained import Data, is_there
from benchmarks.downstream.running import is_current, main_score, run_cell

PARTS = ["transfer", "none", "shipped", "in_domain", "cost"]
PAGE = RESULTS.parents[1] / "docs" / "downstream.md"
COMMAND = "python -m benchmarks.downstream.bench_downstream"
MARK = "<!-- below: written by bench_downstream.py --report -->"


def run(args, settings: DownstreamSettings, file: CellFile) -> None:
    """Do every job that is neither done nor taken by another process."""
    data = Data(Path(args.data), Path(args.pool), args.cache)
    where = environment()
    for stage in plan_cells(settings):
        # A dict keeps the jobs in the order of the plan.
        jobs: dict[str, list[Cell]] = {}
        for cell in stage:
            if selected(cell, args):
                jobs.setdefault(job_of(cell), []).append(cell)
        for name, cells in jobs.items():
            lock = FileLock(args.cache / f"{args.output.stem}-{name}.lock")
            with suppress(Timeout), lock.acquire(timeout=0):
                run_job(cells, data, settings, file, where)
    if "cost" in args.parts:
        done = file.read()
        for cell, record in cost_cells(data, settings.encoder, settings.n_windows):
            if cell not in done:
                file.add(cell, record | {"run": where, "settings": asdict(settings)})


def run_job(
    cells: list[Cell], data: Data, settings: DownstreamSettings, file: CellFile, where: dict
) -> None:
    """Make and write the results that are not in the file."""
    done = file.read()
    for cell in cells:
        # A result of an encoder that was made in another way is made again.
        if cell not in done or not is_current(done[cell], cell, data, settings):
            record = run_cell(cell, data, settings)
            file.add(cell, record | {"run": where})
            say(f"{cell}: {main_score(record['scores']):.3f}; {record['seconds']}")


def selected(cell: Cell, args) -> bool:
    return (
        cell.setting in args.parts
        and cell.task in args.tasks
        and (not args.methods or cell.method in args.methods)
        and (args.has_larger or cell.method.removesuffix("_features") != LARGER)
    )


def write_report(cells: dict[Cell, dict], source: Path) -> None:
    """Write tables and figures into the pages of results. The handwritten part stays."""
    pages = render(cells, PAGE.parent / "figures")
    text = PAGE.read_text() if PAGE.is_file() else f"# Downstream tasks\n\n{MARK}\n{END_MARK}\n"
    short = with_generated(text, PAGE, MARK, pages.pop(PAGE.stem))
    origin = f"From `{source.name}`, written by\n`{COMMAND} --report`.\n"
    tables = {PAGE.parent / f"{name}.md": f"{body}\n\n{origin}" for name, body in pages.items()}
    write_pages({PAGE: short, **tables})
    say(f"wrote {PAGE} and {len(tables)} pages in {PAGE.with_suffix('')}")


def has_file(task: str, *folders: Path) -> bool:
    """Return whether the file of a task exists in a folder, and print a line if not."""
    found = any((Path(folder) / TASKS[task].file).is_file() for folder in folders)
    if not found:
        say(f"{task} is left out: there is no file {TASKS[task].file}")
    return found


def parse_args():
    parser = script_parser(__doc__)
    add_folder_option(parser, "data", "the npz files")
    add_folder_option(parser, "pool", "the npz files to pretrain on")
    parser.add_argument(
        "--fetch",
        action="store_true",
        help="first fetch HAPT and SisFall if they are not in --data",
    )
    parser.add_argument("--parts", nargs="+", default=PARTS)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--methods", nargs="+", help="default: all")
    parser.add_argument(
        "--smoke", action="store_true", help="run with tiny settings, to test the script"
    )
    parser.add_argument("--report", action="store_true", help="only write the pages of results")
    parser.add_argument("--output", type=Path, help="file of JSON lines")
    parser.add_argument("--cache", type=Path, default=RESULTS / "cache")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    suffix = "_smoke" if args.smoke else ""
    args.output = args.output or RESULTS / f"downstream{suffix}.jsonl"
    file = CellFile(args.output)
    if args.report:
        write_report(file.read(), args.output)
        return
    for name in ("data", "pool"):
        if getattr(args, name) is None:
            variable = f"RELCON_{name.upper()}"
            raise SystemExit(f"--{name} is missing. Pass a folder of npz files or set {variable}.")
    if args.fetch:
        say(f"fetched: {fetch_missing(args.data)}")
    args.tasks = [name for name in args.tasks if has_file(name, args.data, args.pool)]
    torch.set_num_threads(1)
    args.cache.mkdir(parents=True, exist_ok=True)
    args.has_larger = is_there(LARGER, args.cache)
    with threadpool_limits(1):
        run(args, SMOKE if args.smoke else DownstreamSettings(), file)


if __name__ == "__main__":
    main()
