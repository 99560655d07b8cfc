"""Estimators to save, and what a file with a mutation did when it was loaded."""

from __future__ import annotations

import copy
import json
from functools import partial
from pathlib import Path

import torch
from sklearn.frozen import FrozenEstimator

from benchmarks.reliability.model_mutations import places
from benchmarks.reliability.tries import require
from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder, RelConRegressor
from relcon_sklearn._files._format import open_file
from relcon_sklearn._files._writer import Writer
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import ResNet1D


def fitted() -> dict:
    """Fit a small estimator of each class."""
    X, y, people, *_ = make_motion(40, n_subjects=4, n_timesteps=32, random_state=0)
    encoder = partial(ResNet1D, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))
    distance = LearnedMotifDistance(
        embed_dim=8, n_layers=1, n_references=4, max_epochs=1, random_state=0
    ).fit(X, groups=people)
    embedder = RelConEmbedder.published(
        FrozenEstimator(distance), encoder=encoder, n_within=2, max_epochs=1, random_state=0
    ).fit(X, groups=people)
    classifier = RelConClassifier(FrozenEstimator(embedder), max_epochs=1, random_state=0)
    regressor = RelConRegressor(encoder, head="mlp", max_epochs=1, random_state=0)
    estimators = [
        distance,
        embedder,
        classifier.fit(X, y),
        regressor.fit(X, X.std(axis=1)),
    ]
    return {type(estimator).__name__: estimator for estimator in estimators}


def contents(estimator) -> tuple[list, dict]:
    """Return the parameters and attributes of an estimator, and its tensors."""
    writer = Writer()
    writer.add(estimator, "", ("",))
    return json.loads(json.dumps(writer.nodes)), writer.tensors


def with_numbers(nodes: list, tensors: dict) -> tuple[list, dict]:
    """Return both with estimators named by their numbers, since their names do not matter."""
    nodes, renamed = copy.deepcopy(nodes), dict(tensors)
    numbers = {node["name"]: f"estimator {i}" for i, node in enumerate(nodes)}
    for container, key in places(nodes):
        if key in ("estimator", "frozen", "name") and isinstance(container[key], str):
            container[key] = numbers.get(container[key], container[key])
    for name in sorted(numbers, key=len, reverse=True):
        for key in [k for k in renamed if name and k.startswith(f"{name}.")]:
            renamed[numbers[name] + key.removeprefix(name)] = renamed.pop(key)
    return nodes, renamed


def equal_tensors(a: dict, b: dict) -> bool:
    """Return whether all tensors are equal, bit for bit."""
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]) for name in a
    )


def judge(loaded, estimator, path: Path, is_signed: bool) -> str:
    """Compare the loaded with the saved estimator.

    Returns
    -------
    verdict : str
        "identical", or "as signed" if the checksums were computed again: somebody could have saved
        such a file, and the loaded estimator is exactly what the file says.

    Raises
    ------
    WrongData
        If it is another estimator.
    """
    nodes, tensors = contents(loaded)
    saved_nodes, saved_tensors = contents(estimator)
    if nodes == saved_nodes and equal_tensors(tensors, saved_tensors):
        return "identical"
    require(is_signed, "another estimator was loaded")
    with open_file(path) as file:
        said, said_tensors = file.header["estimators"], file.tensors()
    for node, other in zip(nodes, said, strict=True):
        # Parameters that are missing in a file have their defaults.
        node["params"] = {key: node["params"][key] for key in other["params"]}
        # So do the attributes that earlier versions did not write: None.
        if node["fitted"] is not None:
            other["fitted"] = {**dict.fromkeys(node["fitted"]), **other["fitted"]}
    nodes, tensors = with_numbers(nodes, tensors)
    said, said_tensors = with_numbers(said, said_tensors)
    require(
        nodes == said and equal_tensors(tensors, said_tensors),
        "the loaded estimator differs from what the file says",
    )
    return "as signed"
