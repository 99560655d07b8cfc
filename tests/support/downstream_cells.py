"""Artificial results of the downstream benchmark, in the format of its records."""

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.downstream.cells import Cell

CLASSES = {
    "hapt": "LAYING SITTING STANDING WALKING WALKING_DOWNSTAIRS WALKING_UPSTAIRS".split(),
    "smartfallmm": ["back fall", "drinking water", "sit/stand", "waving hand"],
    "wisdm18": [f"activity {letter}" for letter in "ABCDEFGHIJKLMOPQRS"],
}
N_PEOPLE = 12
# The expected score of each method, whose differences are larger than the noise of a person.
SKILL = {
    "relcon": 0.8,
    "relcon_features": 0.86,
    "minirocket": 0.8,
    "features_linear": 0.7,
    "simclr": 0.75,
    "untrained": 0.6,
    "scratch": 0.65,
}


def fake_record(cell, skill=None):
    """Return a record as bench_downstream.py writes it, always the same for a cell."""
    skill = SKILL.get(cell.method, 0.5) if skill is None else skill
    skill += 0.05 * (cell.protocol == "fine_tune") + 0.05 * np.log10(cell.labelled)
    # The people of a task have the same noise in all methods, apart from a small part.
    own_seeds = list(repr(cell).encode())
    own, shared = np.random.default_rng(own_seeds), np.random.default_rng([*cell.task.encode()])
    people = (
        skill + shared.normal(scale=0.05, size=N_PEOPLE) + own.normal(scale=0.01, size=N_PEOPLE)
    )
    by_person = {f"s{i}": float(score) for i, score in enumerate(people)}
    pretrained = cell.setting != "none" and cell.method != "untrained"
    training = {"seconds": 540.0, "steps": 4000 + cell.seed, "segments": 1_000_000}
    training["distance"] = {"seconds": 60.0, "steps": 900}
    return {
        "scores": _regression(cell, by_person)
        if TASKS[cell.task].targets
        else _classification(cell, by_person, own),
        "seconds": {"probing": 1.0} | ({"pretraining": 600.0} if pretrained else {}),
        "training": training if pretrained else {},
    }


def _classification(cell, by_person, rng):
    names = CLASSES.get(cell.task, ["sitting", "walking"])
    mean = float(np.mean([*by_person.values()]))
    return {
        "macro_f1": mean,
        "f1": {name: mean + float(rng.normal(scale=0.02)) for name in names},
        "confusion": (
            rng.integers(9, size=(len(names),) * 2) + 90 * np.eye(len(names), dtype=int)
        ).tolist(),
        "subjects": by_person,
    }


def _regression(cell, by_person):
    mean = float(np.mean([*by_person.values()]))
    errors = {person: 1 - score for person, score in by_person.items()}
    targets = {
        name: {"mae": 1 - mean + 0.1 * i, "r2": mean - 0.1 * i, "subjects": errors}
        for i, name in enumerate(TASKS[cell.task].targets)
    }
    return {"mae": 1 - mean, "r2": mean, "targets": targets}


def fake_costs():
    """Return the records of the cost of two methods."""
    scores = {"parameters": 300123, "macs": 2000456, "milliseconds": [0.5, 0.1, 0.2], "batch": 256}
    cells = {Cell("cost", "hapt", "encoder resnet14-half", "own"): {"scores": scores}}
    scores = scores | {"parameters": None, "macs": None}
    return cells | {Cell("cost", "hapt", "features_forest", "own"): {"scores": scores}}


def fake_paper(ours=0.95, p=0.01, difference=0.02):
    """Return results of bench_paper_protocol, of a model and with features."""
    test = {"difference": difference, "ahead": 20, "n_subjects": 24, "p_holm": p}
    scores = {"small": ours, "features": 0.93, "small + features": 0.97, "untrained": 0.82}
    return {
        "window": 2.0,
        "n_windows": 2500,
        "all_windows": False,
        "paper": {"RelCon": 0.8, "supervised": 0.9},
        "scores": {name: {"macro_f1": value} for name, value in scores.items()},
        "tests": {name: {"features": test} for name in ("small", "small + features")},
    }


def with_skill(cells, skill, method, **where):
    """Return cells in which the results of a method are of another skill."""
    return {
        cell: fake_record(cell, skill)
        if cell.method == method and all(getattr(cell, k) == v for k, v in where.items())
        else record
        for cell, record in cells.items()
    }


def parse_table(text, corner):
    """Return the table with `corner` in a Markdown text, by row and column."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {corner} "))
    header = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
        rows[first] = dict(zip(header[1:], rest, strict=True))
    return rows
