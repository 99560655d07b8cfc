"""The tables of docs/speed.md and docs/speed/, made from the results of `bench_table`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.common.report import median_min_max, table
from benchmarks.speed.table_limit import limits, rate, times
from benchmarks.speed.table_settings import Answer, TablePart

# Smallest median of a unit of time in seconds, the factor to it, and its name.
_UNITS = ((1, 1, "s"), (1e-3, 1e3, "ms"), (0, 1e6, "us"))


def render(results: dict, parts: Mapping[str, TablePart]) -> dict[str, str]:
    """Return the content of the blocks: of each part that was measured, and of the summary."""
    measured = results["parts"]
    known = limits(measured["limit"]["rows"]) if "limit" in measured else {}
    blocks = {
        name: "\n\n".join(
            [part.text, part_table(measured[name], part, known), run_of(measured[name])]
        )
        for name, part in parts.items()
        if name in measured
    }
    return {"summary": summary(measured, parts, known)} | blocks


def part_table(found: dict, part: TablePart, known: Mapping) -> str:
    """Return the table of a part, and its other figures."""
    records = found["rows"]
    if part.columns is not None:
        return matrix(records, part)
    has_limit = any(share(record, known) is not None for record in records)
    header = ["", "threads", f"CPU time per {part.unit}", "wall time", "time / first row"]
    header += ["share of the limit"] if has_limit else []
    rows = []
    for record in records:
        base = first_of_group(record, records)
        cells = [full_name(record), record["threads"]]
        cells += [duration(record[clock], record["n_units"]) for clock in ("cpu_s", "wall_s")]
        ratios = "{:.2f} ({:.2f} to {:.2f})".format(*median_min_max(relative(record, base)))
        cells.append("1" if record is base else ratios)
        if has_limit:
            part_of = share(record, known)
            cells.append(None if part_of is None else f"{part_of:.0%}")
        rows.append(cells)
    return "\n\n".join([table(header, rows), *others(found.get("others", {}))])


def others(figures: Mapping) -> list[str]:
    """Return the lines of figures that are not times."""
    lines = []
    if "differences" in figures:
        listed = ", ".join(f"{name} {value:.1e}" for name, value in figures["differences"].items())
        lines.append(f"Largest differences from the released code, relative to it: {listed}.")
    if "added_mb" in figures:
        lines.append(
            f"With time stamps, segmentation adds {figures['added_mb']:,.0f} MB of memory at its "
            f"peak, of which {figures['segments_mb']:,.0f} MB are the segments."
        )
    return lines


def matrix(records: list[dict], part: TablePart) -> str:
    """Return a table of one number, with a row for each name."""
    cells: dict[str, dict[str, str]] = {}
    for record in records:
        column, value = part.columns(record)
        cells.setdefault(record["row"], {})[column] = value
    header = list(dict.fromkeys(column for row in cells.values() for column in row))
    return table(["", *header], [[name, *map(row.get, header)] for name, row in cells.items()])


def summary(measured: Mapping, parts: Mapping[str, TablePart], known: Mapping) -> str:
    """Return the answers: each row next to what it is compared with, and the goal."""
    rows = [
        answer_cells(answer, measured.get(name, {"rows": []})["rows"], known)
        or [answer.work, answer.row, None, None, None, "not measured"]
        for name, part in parts.items()
        for answer in part.answers
    ]
    header = ["work, one thread", "row", "compared with", "time / its time", "goal", "reached"]
    return table(header, rows)


def answer_cells(answer: Answer, records: list[dict], known: Mapping) -> list | None:
    """Return the cells of an answer; None if a row was not measured."""
    alone = [r for r in records if r["threads"] == 1]
    record = find(alone, answer.row)
    if record is None:
        return None
    if answer.against == "the limit":
        if (value := share(record, known)) is None:
            return None
        cells = [answer.against, f"{value:.0%} of it", f"at least {answer.goal:.0%}"]
        reached = value >= answer.goal
    else:
        against = find(alone, answer.against) if answer.against else first_of_group(record, alone)
        if against is None:
            return None
        value = float(np.median(relative(record, against)))
        goal = None if answer.goal is None else f"at most {answer.goal:.2f}"
        cells = [full_name(against), f"{value:.2f}", goal]
        reached = answer.goal is not None and value <= answer.goal
    verdict = None if answer.goal is None else "yes" if reached else "**no**"
    return [answer.work, answer.row, *cells, verdict]


def find(records: list[dict], name: str) -> dict | None:
    """Return the record with a name; None if there is none."""
    return next((record for record in records if full_name(record) == name), None)


def first_of_group(record: dict, records: list[dict]) -> dict:
    """Return the first row of the group of a row, with as many threads."""
    key = record["group"], record["threads"]
    return next(r for r in records if (r["group"], r["threads"]) == key)


def relative(record: dict, base: dict) -> list[float]:
    """Return the times of a unit of work relative to those of another row, turn by turn."""
    costs, other = (np.divide(times(r), r["n_units"]) for r in (record, base))
    return (costs / other).tolist()


def share(record: dict, known: Mapping) -> float | None:
    """Return the rate of a row as a share of the limit of the machine; None if it has none."""
    limit = known.get((record["dtype"], record["threads"]))
    if record["flop"] is None or limit is None:
        return None
    return rate(record) / limit


def full_name(record: dict) -> str:
    return f"{record['group']}: {record['row']}" if record["group"] else record["row"]


def duration(seconds: list[float], n_units: float) -> str:
    """Return the median and the range of a time per unit of work."""
    values = median_min_max([value / n_units for value in seconds])
    _, factor, unit = next(u for u in _UNITS if values[0] >= u[0])
    median, least, most = (
        f"{value:.3g}" if value < 100 else f"{value:,.0f}" for value in factor * np.array(values)
    )
    return f"{median} ({least} to {most}) {unit}"


def run_of(found: dict) -> str:
    """Return a line on the run of a part."""
    where = found["environment"]
    n = len(found["rows"][0]["cpu_s"])
    turns = "One turn" if n == 1 else f"Medians of {n} turns (smallest to largest)"
    load = f", load average before {found['load_average'][0]:.1f}" if found["load_average"] else ""
    return (
        f"{turns}, {where['date'][:10]}, {where['cpu']}, commit {where['commit']}, torch "
        f"{where['versions']['torch']}{load}."
    )
