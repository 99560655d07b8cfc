"""The tables of the card of a model, and what it was made from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.common.report import table
from benchmarks.downstream.comparisons import compare_over_people, p_text, people_text
from benchmarks.downstream.few_labels import label_tables
from benchmarks.downstream.plan import LONG_WINDOW, WINDOWS
from benchmarks.downstream.results import (
    FIVE,
    SCRATCH,
    DownstreamResults,
    ResultRow,
    classic,
    macro_f1,
    of_target,
    transfer,
)
from benchmarks.downstream.tables import join, regression_table, score_table, seed_table
from relcon_sklearn import RelConEmbedder

FEW = 0.1  # share of the people with labels, in the short table
FEATURES_ROW = classic("features_linear")
SPEED = TASKS["ipol"].targets[0]
OF_AN_HOUR = "six times the time"  # of ten minutes
WATTS = 10  # of one busy core and its share of the machine, a rough assumption


def shipped(name: str) -> ResultRow:
    """Return the row of a linear probe of a model of the package."""
    return ResultRow("shipped", name)


def rows_of(name: str) -> list[ResultRow]:
    """Return the rows of the tables: the model, and what it is compared with."""
    return [
        shipped(name),
        shipped(f"{name}_features"),
        *map(transfer, ("relcon", f"relcon, {OF_AN_HOUR}", "simclr", f"simclr, {OF_AN_HOUR}")),
        transfer("untrained"),
        *map(classic, ("features_linear", "features_forest", "minirocket")),
    ]


class Comparison(NamedTuple):
    """The comparison of two rows over people.

    Attributes
    ----------
    one, other : ResultRow
        The model, with or without features, and what it is compared with.
    means : tuple of float
        The mean macro-F1 of both.
    test : dict
        As :func:`evaluation.compare` returns it.
    """

    one: ResultRow
    other: ResultRow
    means: tuple[float, float]
    test: dict


def comparisons(name: str, results: DownstreamResults) -> list[Comparison]:
    """Return the comparisons of the model, with and without features, by length of windows."""
    found = []
    for window in WINDOWS:
        others = [row._replace(window=window) for row in rows_of(name)[2:]]
        for method in (name, f"{name}_features"):
            one = shipped(method)._replace(window=window)
            for other, test in compare_over_people(results, one, others).items():
                means = tuple(
                    float(np.mean(results.means(row, FIVE, macro_f1))) for row in (one, other)
                )
                found.append(Comparison(one, other, means, test))
    return found


# -- scores ----------------------------------------------------------------------------------------


def short_table(name: str, results: DownstreamResults) -> str:
    """Return the mean scores of the model and of what it is compared with."""
    short, long = (f"windows of {window:g} s" for window in WINDOWS)
    return seed_table(
        "representation",
        results,
        rows_of(name),
        {
            short: lambda row: results.means(row, FIVE, macro_f1),
            long: lambda row: results.means(row._replace(window=LONG_WINDOW), FIVE, macro_f1),
            f"{short}, labels of {100 * FEW:.0f} %": lambda row: results.means(
                row._replace(labelled=FEW), FIVE, macro_f1
            ),
            "walking speed": lambda row: results.values(row, "ipol", of_target(SPEED, "r2")),
        },
    )


def score_tables(name: str, results: DownstreamResults) -> str:
    """Return macro-F1 and R2, on windows of 2.56 s and of 10 s."""
    parts = [
        "Linear probes on people that no training has seen, folds by subject: macro-F1 and, for "
        "walking speed, R2. None of these sets is in the data of the model. RelCon and SimCLR are "
        "trainings of ten minutes for comparison, or of an hour, which is six times the time. "
        "All trainings have seed 0. `bench_downstream` "
        "makes these rows."
    ]
    for window in WINDOWS:
        rows = [row._replace(window=window) for row in rows_of(name)]
        rows = [row for row in rows if any(results.scores(row, task) for task in FIVE)]
        parts += [
            f"Windows of {window:g} s:",
            score_table("macro-F1", results, rows),
            regression_table(results, rows),
        ]
    return join(*parts)


def few_labels(name: str, results: DownstreamResults) -> str:
    """Return macro-F1 by the share of people with labels; empty without results."""
    rows = [
        shipped(name),
        shipped(f"{name}_features"),
        FEATURES_ROW,
        ResultRow("shipped", name, "fine_tune"),
        SCRATCH,
    ]
    return join(*label_tables(results, rows))


def comparison_table(found: list[Comparison]) -> str:
    """Return the tests over people."""
    rows = [
        [
            f"{c.one.window:g} s",
            c.one.title,
            c.other.title,
            *c.means,
            people_text(c.test),
            p_text(c.test["p_holm"]),
        ]
        for c in found
    ]
    if not rows:
        return ""
    return join(
        "Mean macro-F1 of the five sets, the people for whom the model is higher, and the p-value "
        "of Wilcoxon's signed-rank test over people, corrected by Holm's method for the number of "
        "comparisons of a row of the model on windows of one length:",
        table(["windows", "model", "other", "macro-F1", "of the other", "people", "Holm p"], rows),
    )


# -- data and training -----------------------------------------------------------------------------


def sum_over_sets(pool: list[dict], column: str) -> float:
    """Return the people or the hours of a pool, without those of further placements of a set.

    The same people wear devices at several placements at the same time.
    """
    largest: dict[str, float] = {}
    for row in pool:
        largest[row["set"]] = max(row[column], largest.get(row["set"], 0))
    return sum(largest.values())


def recordings(record: dict) -> str:
    """Return the recordings of the pool, by set and placement."""
    rows = [
        [row["set"], row["placement"], row["people"], f"{row['hours']:.1f}", f"{row['rate']:g}"]
        for row in record["pool"]
    ]
    hours = sum(row["hours"] for row in record["pool"])
    return join(
        f"{hours:.0f} hours of recordings. A person who wears devices at several placements counts "
        "once for each of them. Without further placements, it is about "
        f"{sum_over_sets(record['pool'], 'hours'):.0f} hours. Of each set, windows are drawn in "
        "proportion to the square root of their number, so that the longest recordings are not "
        "most of the pool.",
        table(["set", "placement", "people", "hours", "Hz"], rows),
    )


def licences(record: dict) -> str:
    """Return the sets of the pool, with their licences and citations."""
    sets = {row["set"]: row for row in record["pool"]}
    columns = ("content", "licence", "citation")
    rows = [[name, *(row[column] for column in columns)] for name, row in sets.items()]
    return table(["set", "content", "licence", "cite"], rows)


def training(record: dict) -> str:
    """Return settings, command, version, time and energy of the training."""
    settings, run = record["settings"], record["run"]
    hours = record["seconds"]["cpu"] / 3600
    given = ", ".join(f"{key}={value!r}" for key, value in settings["embedder"].items())
    embedder = RelConEmbedder(**settings["embedder"])  # for the defaults
    took = "The last part of a training that was interrupted" if record.get("resumed") else "It"
    losses = [row["train_loss"] for row in record["history"]]
    names, terms = (
        dict.fromkeys(row[column] for row in record["pool"]) for column in ("set", "licence")
    )
    return join(
        f"Data: {record['windows']:,} windows of {len(names)} public sets, with "
        f"{record['people']} pairs of a person and a placement: {', '.join(names)}. Their licences "
        f"are {', '.join(terms)}.",
        f"`RelConEmbedder({given}).fit(X)`, with defaults otherwise, on windows of "
        f"{settings['window']:g} s at {settings['rate']:g} Hz that overlap by half: "
        f"{len(losses)} epochs of {embedder.steps_per_epoch} steps of {embedder.batch_size} "
        f"windows. The encoder has {record['n_parameters']:,} parameters. The mean loss fell from "
        f"{losses[0]:.1f} to {losses[-1]:.1f}. The weights were then rounded to float16. The "
        "scores are of the rounded weights.",
        f"`{run['command'].partition(' --')[0]} --pool POOL`, commit {run['commit']}, "
        f"{run['date'][:10]}, torch "
        f"{run['versions']['torch']}, {run['gpu'] or run['cpu']}, threads: "
        f"{run['torch_threads']}. {took} took {hours:.1f} hours of CPU time, {hours * WATTS:.0f} "
        f"Wh at {WATTS} W a core.",
    )
