"""The card of a model of the package: what it is for, how good it is, and what it was made from."""

from __future__ import annotations

import numpy as np

from benchmarks.common.report import table
from benchmarks.downstream.comparisons import BEYOND_CHANCE, compare_over_people, p_text
from benchmarks.downstream.plan import LONG_WINDOW, SHARES
from benchmarks.downstream.results import (
    FIVE,
    SCRATCH,
    DownstreamResults,
    ResultRow,
    classic,
    macro_f1,
    transfer,
)
from benchmarks.downstream.tables import join, regression_table, score_table
from relcon_sklearn import RelConEmbedder

WINDOWS = (ResultRow._field_defaults["window"], LONG_WINDOW)
WATTS = 10  # of one busy core and its share of the machine, a rough assumption

USE = """```python
from relcon_sklearn import RelConEmbedder

embedder = RelConEmbedder.from_pretrained("{name}")
Z = embedder.transform(X)  # X: (n_segments, n_timesteps, 3), g with gravity, {rate:g} Hz
```"""

LIMITS = """\
- **Input**: three axes in g with gravity, at {rate:g} Hz. Other channels, and other rates where
  they are known, are refused. Other units and removed gravity give a warning. An array in memory
  does not know its rate: cut recordings with `segment_recordings(..., like=embedder)`, which
  resamples them. Windows may have any length from about 2 s. The orientation of the device need not
  be known, but embeddings depend on it: people to predict must wear it as those of the training do.
  The table of changes below has what another orientation costs.
- **Not for** diagnoses, or decisions about a person, without validation on people like that person.
  The data are of about {people} people, mostly young and healthy. Children are missing, and so are
  people with other movement disorders than those listed.
- **Noise**: white noise of 0.03 g in new recordings lowers scores by more than those of hand-made
  features, see the table of changes.
- **Free living**: one of the sets, Nurse stress, is of free living. The scores are of scripted
  activities. Expect lower ones in daily life.
- The settings of the training were chosen on the sets of the tables, so that scores are somewhat
  too high. No person or recording of these sets was trained on."""

LICENCE = """CC BY 4.0. Cite relcon_sklearn and the authors of the data, as listed above. CC BY and
ODC-By ask for attribution of the data."""


FEATURES = classic("features_linear")


def shipped(name: str) -> ResultRow:
    """Return the row of a linear probe of a model of the package."""
    return ResultRow("shipped", name)


def model_card(
    name: str, record: dict, results: DownstreamResults, robustness: dict[str, dict]
) -> str:
    """Return the card of a model in Markdown.

    Parameters
    ----------
    name : str
        Name of the model.
    record : dict
        What `open_weights` has written about the training.
    results : DownstreamResults
        Results of `bench_downstream`.
    robustness : dict of dict
        Scores of `bench_robustness`: by task, representation and change.
    """
    settings, results = record["settings"], results.first_seed()
    rate = settings["rate"]
    return join_sections(
        [
            f"# {name}",
            summary(name, record, results),
            USE.format(name=name, rate=rate),
            LIMITS.format(rate=rate, people=sum_over_sets(record["pool"], "people")),
            "## Scores",
            score_tables(name, results),
            few_labels(name, results),
            changes(robustness),
            "## Data",
            data_tables(record),
            "## Training",
            training(record),
            "## Licence",
            LICENCE,
        ]
    )


def sum_over_sets(pool: list[dict], column: str) -> float:
    """Return the people or the hours of a pool, without those of further placements of a set.

    The same people wear devices at several placements at the same time.
    """
    largest: dict[str, float] = {}
    for row in pool:
        largest[row["set"]] = max(row[column], largest.get(row["set"], 0))
    return sum(largest.values())


def join_sections(parts: list[str]) -> str:
    """Return the parts that are not empty, with empty lines between them."""
    return "\n\n".join(part for part in parts if part)


# -- scores ----------------------------------------------------------------------------------------


def rows_of(name: str) -> list[ResultRow]:
    """Return the rows of the tables: the model, and what it is compared with."""
    return [
        shipped(name),
        shipped(f"{name}_features"),
        transfer("relcon"),
        transfer("simclr"),
        transfer("untrained"),
        *map(classic, ("features_linear", "features_forest", "minirocket")),
    ]


def summary(name: str, record: dict, results: DownstreamResults) -> str:
    """Return a paragraph that says what the model is, and first which claims do not hold."""
    parts = [
        f"An encoder of three-axis acceleration with {record['n_parameters']:,} parameters and "
        f"{record['n_features']} features, pretrained without labels by relative contrastive "
        f"learning on {record['windows']:,} windows of {record['people']} pairs of a person and a "
        "placement.",
        below_features(name, results),
    ]
    for window in WINDOWS:
        held, failed = comparisons(name, results, window)
        where = (
            f"beyond chance over people, on windows of {window:g} s (mean macro-F1 of five sets)"
        )
        parts += [f"Not above, {where}:", "\n".join(failed)] if failed else []
        parts += [f"Above, {where}:", "\n".join(held)] if held else []
    return join(*parts)


def comparisons(
    name: str, results: DownstreamResults, window: float
) -> tuple[list[str], list[str]]:
    """Return what the model is above, beyond chance over people, and what it is not above."""
    held, failed = [], []
    others = [row._replace(window=window) for row in rows_of(name)[2:]]
    for method in (name, f"{name}_features"):
        one = shipped(method)._replace(window=window)
        for other, test in compare_over_people(results, one, others).items():
            means = [float(np.mean(results.means(row, FIVE, macro_f1))) for row in (one, other)]
            above = means[0] > means[1] and test["difference"] > 0
            texts = held if above and test["p_holm"] < BEYOND_CHANCE else failed
            texts.append(
                f"- {one.title} ({means[0]:.3f}) and {other.title} ({means[1]:.3f}): Holm p "
                f"{p_text(test['p_holm'])}, higher for {test['ahead']} of "
                f"{test['n_subjects']} people"
            )
    return held, failed


def score_tables(name: str, results: DownstreamResults) -> str:
    """Return macro-F1 and R2, on windows of 2.56 s and of 10 s."""
    parts = [
        "Linear probes on people that no training has seen, folds by subject: macro-F1 and, for "
        "walking speed, R2. None of these sets is in the data of the model. RelCon and SimCLR are "
        "trainings of ten minutes for comparison. All trainings have seed 0. `bench_downstream` "
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
        ResultRow("shipped", name, "fine_tune"),
        SCRATCH,
        FEATURES,
    ]
    shares = sorted(SHARES)
    lines = [[row.title, *(_mean_at(results, row, share) for share in shares)] for row in rows]
    if all(value is None for value in lines[0][1:-1]):
        return ""
    return join(
        "Mean macro-F1 of the five sets if only some of the training people have labels:",
        table(["labelled people", *(f"{100 * share:.0f} %" for share in shares)], lines),
    )


def below_features(name: str, results: DownstreamResults) -> str:
    """Return at which shares of labelled people features are as good or better; empty if none."""
    found = []
    for share in sorted(SHARES):
        ours, features = (_mean_at(results, row, share) for row in (shipped(name), FEATURES))
        if ours is not None and features is not None and ours <= features:
            found.append(f"{100 * share:.0f} % of the people ({ours:.3f} and {features:.3f})")
    if not found:
        return ""
    return f"Not above hand-made features with labels of {', '.join(found)}."


def _mean_at(results: DownstreamResults, row: ResultRow, share: float) -> float | None:
    values = results.means(row._replace(labelled=share), FIVE, macro_f1)
    return values[0] if values else None


def changes(robustness: dict[str, dict]) -> str:
    """Return macro-F1 after changes of the windows to predict."""
    parts = [
        "Macro-F1 if the devices of the people to predict differ from those of training "
        "(`bench_robustness`):"
    ]
    for task, by_name in robustness.items():
        names = list(next(iter(by_name.values())))
        rows = [[change, *(scores[change] for scores in by_name.values())] for change in names]
        parts.append(table([task.upper(), *by_name], rows))
    return join(*parts)


# -- data and training -----------------------------------------------------------------------------


def data_tables(record: dict) -> str:
    """Return the sets of the pool, with their licences and citations."""
    rows = [
        [row["set"], row["placement"], row["people"], f"{row['hours']:.1f}", f"{row['rate']:g}"]
        for row in record["pool"]
    ]
    licences = {row["set"]: row for row in record["pool"]}
    hours = sum(row["hours"] for row in record["pool"])
    return join(
        f"{hours:.0f} hours of recordings. A person who wears devices at several placements counts "
        "once for each of them. Without further placements, it is about "
        f"{sum_over_sets(record['pool'], 'hours'):.0f} hours. Of each set, windows are drawn in "
        "proportion to the square root of their number, so that the longest recordings are not "
        "most of the pool.",
        table(["set", "placement", "people", "hours", "Hz"], rows),
        table(
            ["set", "content", "licence", "cite"],
            [[n, row["content"], row["licence"], row["citation"]] for n, row in licences.items()],
        ),
    )


def training(record: dict) -> str:
    """Return settings, command, version, time and energy of the training."""
    settings, run = record["settings"], record["run"]
    hours = record["seconds"]["cpu"] / 3600
    given = ", ".join(f"{key}={value!r}" for key, value in settings["embedder"].items())
    embedder = RelConEmbedder(**settings["embedder"])  # for the defaults
    took = "The last part of a training that was interrupted" if record.get("resumed") else "It"
    losses = [row["train_loss"] for row in record["history"]]
    return join(
        f"`RelConEmbedder({given}).fit(X)`, with defaults otherwise, on windows of "
        f"{settings['window']:g} s at {settings['rate']:g} Hz that overlap by half: "
        f"{len(losses)} epochs of {embedder.steps_per_epoch} steps of {embedder.batch_size} "
        f"windows. The mean loss fell from {losses[0]:.1f} to {losses[-1]:.1f}. The weights were "
        "then rounded to float16. The scores are of the rounded weights.",
        f"`{run['command'].partition(' --')[0]} --pool POOL`, commit {run['commit']}, "
        f"{run['date'][:10]}, torch "
        f"{run['versions']['torch']}, {run['gpu'] or run['cpu']}, threads: "
        f"{run['torch_threads']}. {took} took {hours:.1f} hours of CPU time, {hours * WATTS:.0f} "
        f"Wh at {WATTS} W a core.",
    )
