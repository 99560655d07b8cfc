"""The tables of `bench_retrieval`: precision at 1 by distance and set."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.common.report import table
from benchmarks.pretraining.motif_scores import PUBLISHED, SCORES

_TITLES = {"DTW": "DTW (tslearn)", "features": "`FeatureDistance`"}


def render(results: dict) -> dict[str, str]:
    """Return the table of each block of the pages, by name."""
    return {
        "distances": distances(results),
        "scores": scores(results),
        "networks": networks(results),
    }


def distances(results: dict) -> str:
    """Return the distances without a network, and those of the main networks as published."""
    rows = [["chance", *_values(results["sets"], "chance"), None]]
    for name, found in results["baselines"].items():
        cost = f"{found['us_per_pair']:.1f}"
        rows.append([_TITLES.get(name, name), *_values(found["scores"]), cost])
    for name, training in main_trainings(results).items():
        if training["steps"] > 0:
            rows.append([f"learned, as published, {name}", *_scored(training, PUBLISHED)])
    return table([*_header(results, "distance"), "µs a pair"], rows)


def scores(results: dict) -> str:
    """Return all distances that are made of the main networks, those of a distance together."""
    rows = [
        [f"{_as_code(score)}, {name}", *_scored(training, score)]
        for score in SCORES
        for name, training in main_trainings(results).items()
    ]
    return table([*_header(results, "distance"), "µs a pair"], rows)


def networks(results: dict) -> str:
    """Return the published distance of all networks, next to the time of their training."""
    rows = [
        [name, *_values(training["scores"][PUBLISHED]), f"{training['segments']:,}"]
        for name, training in _sorted(results["trainings"]).items()
    ]
    return table([*_header(results, "network, CPU time of training"), "segments seen"], rows)


def main_trainings(results: dict) -> dict[str, dict]:
    """Return the trainings from which all distances were made."""
    trainings = _sorted(results["trainings"]).items()
    return {name: training for name, training in trainings if len(training["scores"]) > 1}


def _sorted(trainings: Mapping[str, dict]) -> dict[str, dict]:
    """Return trainings of the same network one after the other, the shortest first."""

    def key(name: str) -> tuple:
        network, seconds, seed = name.rsplit(", ", 2)
        return network, float(seconds.removesuffix(" s")), seed

    return {name: trainings[name] for name in sorted(trainings, key=key)}


def _header(results: dict, first: str) -> list[str]:
    return [first, *(TASKS[name].title.partition(",")[0] for name in results["sets"]), "mean"]


def _scored(training: dict, score: str) -> list:
    """Return the values of a distance, and its cost: both ways take two passes."""
    cost = SCORES[score].passes * training["us_per_pair"]
    return [*_values(training["scores"][score]), f"{cost:.0f}"]


def _values(by_set: Mapping[str, dict], key: str = "mean") -> list[float]:
    """Return a value of each set, and their mean."""
    values = [found[key] for found in by_set.values()]
    return [*values, float(np.mean(values))]


def _as_code(score: str) -> str:
    """Return the name of a distance with formulas as code, whose bars do not end table cells."""
    return re.sub(r"d\((\w)\|(\w)\)", r"`d(\1\\|\2)`", score)
