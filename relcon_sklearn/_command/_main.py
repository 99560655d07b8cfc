"""The arguments of commands."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from .._recordings._units import CANONICAL_UNITS
from .._version import __version__
from ..timelines._days import check_days
from ._model import DEFAULT_MODEL
from ._outputs import FORMATS, Options
from ._smoothing import BOUT, VITERBI
from ._timeline import plan_jobs, run_jobs
from ._versions import describe_versions

_DESCRIPTION = (
    "Commands for the files of devices. Without a command, print the versions of packages and the "
    "devices to compute on, for reports of errors."
)
_TIMELINE = """Predict what people do at each moment of recordings of days.

The model is one that you have trained, or one of the package. activity-small predicts lying,
sitting, standing, walking, stairs, running, cycling and other movement, activity-small-wrist the
same for devices on a wrist.

For each file, the folder OUT/NAME gets timeline.csv, totals.csv with a row for each day, and
timeline.png. OUT/totals.csv has the days of all files in OUT that were done with the same options,
and OUT/files.csv what became of the files of the last run. Files that are done are kept: after an
interruption, run the same command again.

The exit status is 0 if all files are done, 1 if files failed or a table could not be written, and 2
if an argument is wrong or a package is missing."""

_EXAMPLE = """example:
  python -m relcon_sklearn timeline data/*.cwa --model activity-small-wrist --out days \\
      --tz Europe/Vienna --clock=+01:00 --jobs 2"""

_INTERRUPTED = 130  # as shells have it
_OFFSET = re.compile(r"[+-]\d\d:\d\d")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status. Without one, print versions and devices.

    Parameters
    ----------
    arguments : list of str or None, default=None
        The arguments. If None, those of the process.

    Raises
    ------
    SystemExit
        If an argument is wrong, or for ``--help`` and ``--version``.
    """
    parser = _make_parser()
    given = parser.parse_args(arguments)
    if given.command is None:
        print(describe_versions())  # noqa: T201
        return 0
    options = Options(**{name: getattr(given, name) for name in Options._fields})
    try:
        jobs = plan_jobs(given.files, given.model, given.out, options, given.name_by)
    except (ValueError, TypeError, ImportError, OSError) as error:
        parser.error(str(error))
    try:
        return run_jobs(jobs, given.jobs)
    except KeyboardInterrupt:
        print("Interrupted. To go on, run the same command again.", file=sys.stderr)  # noqa: T201
        return _INTERRUPTED


def _make_parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m relcon_sklearn", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    add = commands.add_parser(
        "timeline",
        help="predict what people do, from the files of devices",
        description=_TIMELINE,
        epilog=_EXAMPLE,
        formatter_class=raw,
    ).add_argument
    add("files", nargs="+", metavar="FILE", help="file of a device, or a pattern such as '*.cwa'")
    add(
        "--model",
        default=DEFAULT_MODEL,
        metavar="FILE_OR_NAME",
        help="file of a classifier or regressor, as its method save wrote, or the name of a model "
        "of the package, activity-small or activity-small-wrist (default: %(default)s)",
    )
    add("--out", required=True, metavar="FOLDER", help="folder of the results")
    add(
        "--units",
        choices=CANONICAL_UNITS,
        help="unit of the acceleration of tables (default: that in the names of their columns)",
    )
    add(
        "--channels",
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="columns of the acceleration of tables (default: those that are called so)",
    )
    add(
        "--time",
        metavar="COLUMN",
        help="column of the times of tables (default: all that look like times, which must agree)",
    )
    add("--jobs", type=_positive, default=1, metavar="N", help="files at a time (default: 1)")
    add(
        "--tz",
        type=_zone,
        metavar="ZONE",
        help="time zone of the days, such as Europe/Vienna (default: UTC, or that of the clock)",
    )
    add(
        "--clock",
        type=_offset,
        metavar="OFFSET",
        help="offset from UTC of the clocks of devices whose files do not have it, such as "
        "--clock=+01:00",
    )
    add(
        "--day-starts",
        type=_time_of_day,
        default="00:00",
        metavar="HH:MM",
        help="when a day starts (default: 00:00)",
    )
    add(
        "--min-wear-hours",
        type=float,
        default=16.0,
        metavar="HOURS",
        help="hours that a device must be worn on a valid day (default: 16)",
    )
    add(
        "--nonwear",
        type=float,
        default=60.0,
        metavar="MINUTES",
        help="shortest time without motion that counts as not worn (default: 60)",
    )
    add(
        "--step",
        type=float,
        metavar="SECONDS",
        help="length of a step (default: that of the model's segments)",
    )
    add(
        "--smoothing",
        type=_smoothing,
        metavar="N|viterbi",
        help="odd number of steps of a running mode of labels, or 'viterbi', the most likely "
        "sequence (default: none)",
    )
    add(
        "--bout",
        type=float,
        metavar="SECONDS",
        help=f"with viterbi, mean length of a bout of an activity (default: {BOUT})",
    )
    add(
        "--format",
        choices=FORMATS,
        default="csv",
        help="format of the timelines (default: %(default)s)",
    )
    add(
        "--name-by",
        choices=("file", "folder"),
        default="file",
        help="what the results of a file are named by: the file, or the folder that it is in, if "
        "all files have the same name (default: %(default)s)",
    )
    add("--calibrate", action="store_true", help="correct gain and offset of the devices")
    add(
        "--skip-damage",
        action="store_true",
        help="leave out damaged parts of files, missing values and rows that repeat a time, with "
        "which files otherwise fail",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _smoothing(text: str) -> int | str | None:
    if text == "none":
        return None
    if text == VITERBI:
        return text
    try:
        return _positive(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or {VITERBI}") from None


def _offset(text: str) -> str:
    if not _OFFSET.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an offset such as +01:00")
    return _zone(text)


def _zone(text: str) -> str:
    return _checked(text, text, "00:00")


def _time_of_day(text: str) -> str:
    return _checked(text, None, text)


def _checked(text: str, tz: str | None, day_starts: str) -> str:
    try:
        check_days(tz, day_starts)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
