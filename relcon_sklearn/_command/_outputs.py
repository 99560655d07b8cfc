"""What the command writes for one file: its timeline, the totals of its days, and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from .._utils._atomic import replacing
from ..recordings._jobs import Job
from ..recordings._read_recording import read_in_little_memory
from ..timelines import Transitions, daily_totals, predict_timeline
from ._figure import draw
from ._recording import calibrated, check_dates, has_zone, warn_of_clock, with_clock
from ._words import errors_in_words_of_the_command

FORMATS = ("csv", "parquet")
TOTALS = "totals.csv"
_FIGURE = "timeline.png"
_DATE = "%Y-%m-%d %H:%M:%S.%f+00:00"


class Options(NamedTuple):
    """Arguments of the command that change its results."""

    units: str | None
    channels: list[str] | None
    time: str | None
    tz: str | None
    clock: str | None
    day_starts: str
    min_wear_hours: float
    nonwear: float
    step: float | None
    smoothing: int | str | None
    bout: float | None
    format: str
    calibrate: bool
    skip_damage: bool

    @property
    def files(self) -> list[str]:
        """Names of the files in a folder."""
        return [f"timeline.{self.format}", TOTALS, _FIGURE]


def write_outputs(
    job: Job, folder: Path, *, model, smoothing: int | Transitions | None, options: Options
) -> dict[str, Any]:
    """Write the folder of a file, and return its days and hours."""
    with errors_in_words_of_the_command():
        recording = _read(job.file, options)
        timeline = predict_timeline(
            model,
            recording,
            step=options.step,
            smoothing=smoothing,
            nonwear=options.nonwear,
            subject=job.subject,
            nan_policy="omit" if options.skip_damage else "raise",
        )
    warn_of_clock(timeline)
    days = {"tz": options.tz, "day_starts": options.day_starts}
    totals = daily_totals(timeline, **days, min_wear_hours=options.min_wear_hours)
    folder.mkdir()
    with replacing(folder / f"timeline.{options.format}") as file:
        if options.format == "csv":
            timeline.to_csv(file, index=False, float_format="%.4f", date_format=_DATE)
        else:
            timeline.to_parquet(file, index=False)
    write_totals(totals, folder / TOTALS)
    draw(timeline, folder / _FIGURE, days, has_zone(recording))
    return {
        "days": len(totals),
        "valid_days": int(totals["valid"].sum()),
        "wear_hours": float(totals["wear_hours"].sum()),
        "start": str(timeline["start"].iloc[0]),
        "end": str(timeline["end"].iloc[-1]),
    }


def write_totals(totals, path: Path) -> None:
    """Write a table of totals."""
    with replacing(path) as file:
        totals.to_csv(file, index=False, float_format="%.4f")


def check_outputs(folder: Path, options: Options) -> None:
    """Raise FileNotFoundError if a file of a folder is missing."""
    for name in options.files:
        (folder / name).stat()


def _read(file: str, options: Options):
    """Return the recording in a file, with a time zone if the days have one."""
    try:
        errors = "skip" if options.skip_damage else "raise"
        recording = read_in_little_memory(file, time=options.time, errors=errors)
    except IsADirectoryError as error:
        pattern = str(Path(file) / "*.cwa")
        raise IsADirectoryError(
            f"{file} is a folder. Pass the files in it, for example {pattern!r}."
        ) from error
    check_dates(recording, file)
    _set_columns(recording, file, options)
    if recording.attrs.get("units") is None:
        raise ValueError(
            f"{file} does not have the unit of its acceleration. Pass it, for example --units g, "
            "or name it in its columns, for example 'x (g)', 'y (g)' and 'z (g)'. Beside times, "
            f"its columns are {list(recording.columns)}."
        )
    if not has_zone(recording):
        if options.clock is not None:
            recording = with_clock(recording, options.clock)
        elif options.tz is not None:
            raise ValueError(
                f"{file} has the times of the device's clock, and not its offset from UTC, so that "
                f"days in {options.tz} are not known. Pass --clock, for example --clock=+01:00. "
                "Without --tz, days are those of the clock."
            )
    return calibrated(recording) if options.calibrate else recording


def _set_columns(recording, file: str, options: Options) -> None:
    """Set the unit and the columns of a table's acceleration. The file of a device has its own."""
    attrs = recording.attrs
    given = {"units": options.units, "channels": options.channels}
    given = {name: value for name, value in given.items() if value is not None}
    if attrs.get("channels") is not None:
        other = [name for name, value in given.items() if value != attrs.get(name)]
        if other:
            raise ValueError(
                f"--{other[0]} is {given[other[0]]}, and {file} is of a device with "
                f"{attrs.get(other[0])}. Leave the option out for the files of devices."
            )
        return
    missing = [column for column in given.get("channels", ()) if column not in recording.columns]
    if missing:
        raise ValueError(
            f"{file} does not have the columns {missing} of --channels. Beside times, its columns "
            f"are {list(recording.columns)}."
        )
    attrs.update(given)
