"""The command ``timeline``: timelines and totals of many files."""

from __future__ import annotations

import glob
import hashlib
import importlib
import os
from collections import Counter
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path

from joblib import Parallel, delayed
from sklearn.utils._param_validation import validate_parameter_constraints

from .._utils._atomic import replacing
from .._utils._progress import progress_bar
from ..recordings._jobs import (
    FAILED,
    KEPT,
    Job,
    Outcome,
    as_json,
    folders_made,
    make,
    prepare,
    stem_of,
    without_work,
)
from ..timelines import daily_totals, predict_timeline
from ..timelines._predict_timeline import check_model, check_smoothing, lay_out_for
from ._model import load_model, model_path
from ._outputs import TOTALS, Options, check_outputs, write_outputs, write_totals
from ._smoothing import smoothing_for
from ._words import warning_in_words_of_the_command

_FILES = "files.csv"
_KILLED = (
    "The system ended a process before this file was done, probably because memory ran out. Run "
    "the command again with fewer --jobs."
)

# Packages that the command needs, and the extra that installs each.
_NEEDED = {"pandas": "devices", "matplotlib": "plotting"}


def plan_jobs(
    patterns: list[str], model_name: str, out: str, options: Options, name_by: str
) -> list[Job]:
    """Return a job for each file, after a check of all arguments.

    Raises
    ------
    ImportError
        If a package is missing that the command needs.
    ValueError, TypeError, OSError
        If an argument is wrong.
    """
    _check_packages(options)
    files = name_files(patterns, name_by)
    model = load_model(model_name)
    check_model(model)
    layout = lay_out_for(model, None, None, options.step)
    step = layout.stride_samples / layout.rate
    smoothing = smoothing_for(model, options.smoothing, options.bout, step)
    _check_options(options._replace(smoothing=smoothing))
    check_smoothing(smoothing, model, step)
    folder = Path(out).expanduser().resolve()
    if folder.is_file():
        raise ValueError(f"--out is {folder}, which is a file. Pass a folder.")
    prepare(folder)
    settings = as_json({"model": _checksum(model_path(model_name))} | options._asdict())
    write = partial(write_outputs, model=model, smoothing=smoothing, options=options)
    check = partial(check_outputs, options=options)
    return [
        Job(file, name, name, folder, settings, write, check, "this command")
        for name, file in files.items()
    ]


def run_jobs(jobs: list[Job], n_jobs: int) -> int:
    """Write the outputs of all files, print what became of them, and return the exit status."""
    outcomes = {job.name: without_work(job) for job in jobs}
    left = [job for job in jobs if outcomes[job.name] is None]
    with progress_bar(len(left), "timelines", "files", shown=bool(left)) as bar:
        try:
            for outcome in Parallel(n_jobs=n_jobs, return_as="generator")(
                delayed(make)(job) for job in left
            ):
                outcomes[outcome.job.name] = outcome
                bar.update()
        except BrokenExecutor:
            for job in left:  # some may be done, although their outcomes did not arrive
                found = outcomes[job.name] or without_work(job)
                outcomes[job.name] = found or Outcome(job, FAILED, {}, _KILLED)
    return _report(list(outcomes.values()), jobs[0].out)


def name_files(patterns: list[str], by: str) -> dict[str, str]:
    """Return the files that match patterns, by the names of their folders.

    Raises
    ------
    ValueError
        If a pattern has no files, or if files have the same name.
    """
    files = []
    for pattern in patterns:
        # A shell replaces patterns, except on Windows.
        found = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern))
        if not found and glob.has_magic(pattern):
            raise ValueError(f"No file matches {pattern}.")
        files += found or [pattern]  # a file that does not exist fails like other bad files
    files = list({os.path.abspath(file): file for file in files}.values())
    names = [_name(file, by) for file in files]
    (name, count), *_ = Counter(map(str.casefold, names)).most_common()
    if count > 1:
        same = [file for file, own in zip(files, names, strict=True) if own.casefold() == name]
        other = "folder" if by == "file" else "file"
        differ = len({_name(file, other).casefold() for file in files}) == len(files)
        raise ValueError(
            f"{count} files would have the name {name!r}, such as {same[0]} and {same[1]}. "
            + (f"Pass --name-by {other}, or run" if differ else "Rename them, or run")
            + " the command for each of them with another folder in --out."
        )
    return dict(zip(names, files, strict=True))


def _name(file: str, by: str) -> str:
    """Return what a file is named by: itself, or its folder."""
    return stem_of(file) if by == "file" else Path(file).resolve().parent.name


def _check_options(options: Options) -> None:
    """Raise ValueError if a function would refuse an option, before hours of work."""
    for function in (predict_timeline, daily_totals):
        constraints = function._skl_parameter_constraints
        given = {name: value for name, value in options._asdict().items() if name in constraints}
        validate_parameter_constraints(constraints, given, "timeline")


def _check_packages(options: Options) -> None:
    """Raise ImportError if a package is missing that the command needs."""
    needed = dict(_NEEDED)
    if options.format == "parquet":
        needed["pyarrow"] = None
    if options.calibrate:
        needed["skdh"] = "calibration"
    for package, extra in needed.items():
        try:
            importlib.import_module(package)
        except ImportError as error:
            install = package if extra is None else f"relcon_sklearn[{extra}]"
            raise ImportError(
                f"The command needs {package}. Install it with: pip install {install}"
            ) from error


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _report(outcomes: list[Outcome], out: Path) -> int:
    """Write the tables of all files, print what became of them, and return the exit status."""
    done = [outcome for outcome in outcomes if outcome.status != FAILED]
    failed = [outcome for outcome in outcomes if outcome.status == FAILED]
    n_others, problem = 0, None
    try:
        _write_files(outcomes, out)
        n_others = _write_all_totals(out, outcomes[0].job.settings, {o.job.folder for o in failed})
    except OSError as error:
        problem = error
    n_kept = sum(outcome.status == KEPT for outcome in outcomes)
    kept = f", {n_kept} of them before" if n_kept else ""
    _print(f"{len(done)} of {len(outcomes)} files are done{kept}. Results are in {out}.")
    if n_others:
        _print(
            f"{TOTALS} is without {n_others} files of earlier runs with another model or other "
            "options."
        )
    warned = [outcome for outcome in done if outcome.warnings]
    if warned:
        _print(f"\nWarnings about {len(warned)} files, see {_FILES}:")
        _print_table([(outcome.job.name, _warnings(outcome)) for outcome in warned])
    if failed:
        _print(f"\n{len(failed)} of {len(outcomes)} files failed:")
        _print_table([(outcome.job.name, outcome.reason) for outcome in failed])
    if problem is not None:
        _print(
            f"\n{_FILES} and {TOTALS} in {out} could not be written: {problem}. They are missing "
            "or those of an earlier run. Make sure that the folder can be written and has space, "
            "and run the same command again."
        )
    return 1 if failed or problem is not None else 0


def _write_files(outcomes: list[Outcome], out: Path) -> None:
    """Write the table of what became of the files."""
    import pandas

    table = pandas.DataFrame(list(map(_as_row, outcomes)))
    counts = ["days", "valid_days"]  # whole numbers, also where files that failed have none
    table[counts] = table[counts].astype("Int64")
    with replacing(out / _FILES) as file:
        table.to_csv(file, index=False, float_format="%.2f")


def _write_all_totals(out: Path, settings: dict, failed: set[Path]) -> int:
    """Write the totals of all files that were done with some settings, now or in an earlier run.

    Returns the number of files that were done with others, which are not in the table, except those
    that failed now.
    """
    import pandas

    totals, n_others = [], 0
    for folder, record in folders_made(out):
        if folder in failed or not (folder / TOTALS).is_file():
            continue
        if record["settings"] != settings:
            n_others += 1
            continue
        # As text, so that the subject 007 stays 007.
        totals.append(pandas.read_csv(folder / TOTALS, dtype=str, keep_default_na=False))
    if not totals:
        return 0
    write_totals(pandas.concat(totals, ignore_index=True), out / TOTALS)
    return n_others


def _as_row(outcome: Outcome) -> dict:
    record = outcome.record
    return {
        "name": outcome.job.name,
        "file": outcome.job.file,
        "status": "failed" if outcome.status == FAILED else "done",
        **{key: record.get(key) for key in ("start", "end", "days", "valid_days", "wear_hours")},
        "reason": outcome.reason,
        "warnings": _warnings(outcome),
    }


def _warnings(outcome: Outcome) -> str:
    return warning_in_words_of_the_command(outcome.warnings)


def _print_table(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        _print(f"  {name:{width}}  {' '.join(text.split())}")


def _print(text: str) -> None:
    print(text)  # noqa: T201
