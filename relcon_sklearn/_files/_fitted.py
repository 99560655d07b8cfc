"""What the estimators have learned: how each writes it to a file, and what is checked of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..nn._heads import HEADS
from ._format import MAX_HEADER_BYTES, FileError, Spec
from ._modules import DISTANCE_NET, HEAD, Plan
from ._names import join
from ._values import decode_dict, encode_known

if TYPE_CHECKING:
    from ._reader import Reader
    from ._writer import Writer


class Fitted(NamedTuple):
    """How the attributes of a class are written and read.

    ``write(writer, estimator, name, keywords)`` returns what stands in the header for them;
    ``read(reader, estimator, name, fitted)`` takes that out of ``fitted`` and returns the
    attributes, but for those that wait for tensors.
    """

    write: Callable[..., dict]
    read: Callable[..., dict]


# -- all -------------------------------------------------------------------------------------------


def write_common(estimator) -> dict:
    """Return what all estimators have when they are fitted."""
    names = getattr(estimator, "feature_names_in_", None)
    n_features = getattr(estimator, "n_features_in_", None)  # not known of released networks
    return {
        "n_features_in_": None if n_features is None else int(n_features),
        "n_channels_in_": int(estimator.n_channels_in_),
        "feature_names_in_": None if names is None else [str(name) for name in names],
        "history_": [{k: encode_known(v, k) for k, v in row.items()} for row in estimator.history_],
    }


def read_common(fitted: dict) -> dict:
    """Take out of `fitted` what all estimators have, and return their attributes."""
    history = fitted.pop("history_")
    _check(isinstance(history, list), "history_")
    attributes = {
        "n_channels_in_": _count(fitted.pop("n_channels_in_")),
        "history_": [decode_dict(row) for row in history],
    }
    if (n_features := fitted.pop("n_features_in_")) is not None:
        attributes["n_features_in_"] = _count(n_features)
    if (names := fitted.pop("feature_names_in_")) is not None:
        _check(_are_strings(names) and len(names) == n_features, "feature names")
        attributes["feature_names_in_"] = np.array(names, dtype=object)
    return attributes


# -- LearnedMotifDistance --------------------------------------------------------------------------


def _write_distance(writer: Writer, estimator, name: str, keywords: tuple[str, ...]) -> dict:
    writer.array(name, "references_", estimator.references_, np.float32)
    writer.array(name, "reference_rows_", estimator.reference_rows_, np.int64)
    return {"net_": writer.module(estimator, name, "net_")}


def _read_distance(reader: Reader, estimator, name: str, fitted: dict) -> dict:
    arguments = fitted.pop("net_")
    plan = reader.module(estimator, name, "net_", DISTANCE_NET, DISTANCE_NET.make, arguments)
    _check_arguments(plan, n_channels=estimator.n_channels_in_)
    # What else it was made with are parameters of the estimator, though not what these are now.
    others = {k: v for k, v in plan.recipe.kwargs.items() if k not in ("n_channels", "kernel_size")}
    type(estimator)(**others)._validate_params()
    n, n_timesteps, _ = reader.shape(name, "references_", 3)
    n_timesteps = getattr(estimator, "n_features_in_", n_timesteps)
    shape = (n, n_timesteps, estimator.n_channels_in_)
    reader.array(estimator, name, "references_", Spec("F32", shape))
    reader.array(estimator, name, "reference_rows_", Spec("I64", (n,)))
    return {}


# -- encoders --------------------------------------------------------------------------------------


def _write_encoder(writer: Writer, estimator, name: str, keywords: tuple[str, ...]) -> dict:
    # The factory is that of a parameter, mostly: where `encoder` is an embedder, of its own.
    within = ("encoder", "encoder__encoder", "encoder__estimator__encoder")
    own, *_ = keywords
    names = (f"{own}encoder_", *(keyword + w for keyword in keywords for w in within))
    factory = writer.value(estimator._recipes["encoder_"].factory, "", names)
    return {"factory": factory, "arguments": writer.module(estimator, name, "encoder_")}


def _read_encoder(reader: Reader, estimator, name: str, fitted: dict) -> Plan:
    encoder = fitted.pop("encoder_")
    _check(encoder.keys() == {"factory", "arguments"}, "encoder_")
    factory = reader.value(encoder["factory"])
    plan = reader.encoder(estimator, name, "encoder_", factory, encoder["arguments"])
    _check_arguments(plan, n_channels=estimator.n_channels_in_)
    return plan


def _write_embedder(writer: Writer, estimator, name: str, keywords: tuple[str, ...]) -> dict:
    # A fitted copy of the parameter has the same callables in it.
    own, *_ = keywords
    names = (f"{own}distance_", *(f"{keyword}distance" for keyword in keywords))
    return {
        "encoder_": _write_encoder(writer, estimator, name, keywords),
        "distance_": writer.value(estimator.distance_, join(name, "distance_"), names),
        "_n_features_out": int(estimator._n_features_out),
    }


def _read_embedder(reader: Reader, estimator, name: str, fitted: dict) -> dict:
    plan = _read_encoder(reader, estimator, name, fitted)
    n_features = _count(fitted.pop("_n_features_out"))
    _check(plan.n_features in (None, n_features), "_n_features_out")
    node = fitted.pop("distance_")
    distance = reader.value(node)
    if isinstance(node, dict) and "given" in node:
        if not callable(distance):
            raise FileError(f"{node['given']}={distance!r} was given, where a callable is needed.")
    elif node is not None:  # as of released encoders
        _check(type(distance).__name__ == "LearnedMotifDistance", "distance_")
        _check(distance.__sklearn_is_fitted__(), "distance_")
        _check(distance.n_channels_in_ == estimator.n_channels_in_, "distance_")
    return {"distance_": distance, "_n_features_out": n_features}


# -- RelConClassifier and RelConRegressor ----------------------------------------------------------


def _write_head(writer: Writer, estimator, name: str, keywords: tuple[str, ...]) -> dict:
    return {
        "encoder_": _write_encoder(writer, estimator, name, keywords),
        "head_": writer.module(estimator, name, "head_"),
    }


def _read_head(reader: Reader, estimator, name: str, fitted: dict, n_outputs: int) -> None:
    encoder = _read_encoder(reader, estimator, name, fitted)
    head = reader.module(estimator, name, "head_", HEAD, HEAD.make, fitted.pop("head_"))
    _check_arguments(head, n_outputs=n_outputs)
    _check(head.recipe.kwargs["kind"] in HEADS, "kind of head_")
    if encoder.n_features is not None:
        _check_arguments(head, n_features=encoder.n_features)


def _write_classifier(writer: Writer, estimator, name: str, keywords: tuple[str, ...]) -> dict:
    return {
        "classes_": write_labels(estimator.classes_),
        **_write_head(writer, estimator, name, keywords),
    }


def _read_classifier(reader: Reader, estimator, name: str, fitted: dict) -> dict:
    classes = read_labels(fitted.pop("classes_"))
    _read_head(reader, estimator, name, fitted, n_outputs=len(classes))
    return {"classes_": classes}


def _write_regressor(writer: Writer, estimator, name: str, keywords: tuple[str, ...]) -> dict:
    return {
        "target_mean_": np.asarray(estimator.target_mean_).tolist(),
        "target_scale_": np.asarray(estimator.target_scale_).tolist(),
        **_write_head(writer, estimator, name, keywords),
    }


def _read_regressor(reader: Reader, estimator, name: str, fitted: dict) -> dict:
    mean, scale = (_numbers(fitted.pop(key)) for key in ("target_mean_", "target_scale_"))
    _check(mean.shape == scale.shape and mean.ndim <= 1 and bool((scale > 0).all()), "targets")
    _read_head(reader, estimator, name, fitted, n_outputs=mean.size)
    return {"target_mean_": mean, "target_scale_": scale}


# -- labels ----------------------------------------------------------------------------------------


def write_labels(labels: np.ndarray) -> dict:
    """Return what stands in the header for the labels of classes, numbers or strings."""
    values = labels.tolist()
    kind = labels.dtype.kind
    if not (
        (kind in "biu")
        or (kind == "f" and labels.dtype.itemsize <= 8)
        or (kind == "U" and labels.dtype.itemsize * len(labels) <= MAX_HEADER_BYTES)
        or (kind == "O" and _are_strings(values))
    ):
        raise FileError(
            f"classes_ has dtype {labels.dtype}; files hold labels that are integers, floats of up "
            "to 64 bits, booleans or strings."
        )
    # Without the byte order.
    return {"dtype": "object" if kind == "O" else labels.dtype.str[1:], "values": values}


def read_labels(node: dict) -> np.ndarray:
    """Return the labels that :func:`write_labels` wrote."""
    name, values = node["dtype"], node["values"]
    _check(node.keys() == {"dtype", "values"} and len(values) >= 2, "classes_")
    if name == "object" or name[0] == "U":
        _check(_are_strings(values), "classes_")
        width = 0 if name == "object" else 4 * int(name[1:]) * len(values)
        _check(0 <= width <= MAX_HEADER_BYTES, "classes_")
    else:
        _check(name[0] in "biuf" and not isinstance(values[0], str), "classes_")
    labels = np.array(values, dtype=name)
    _check(labels.tolist() == values and len(set(values)) == len(values), "classes_")
    return labels


# -- checks ----------------------------------------------------------------------------------------


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"{what} as no estimator has them")


def _check_arguments(plan: Plan, **expected) -> None:
    """Check what a module was made with against what the estimator says."""
    for key, value in expected.items():
        _check(plan.recipe.kwargs[key] == value, f"{key} of {plan.name}")


def _count(value) -> int:
    _check(type(value) is int and value > 0, f"{value!r}")
    return value


def _are_strings(values) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _numbers(value) -> np.ndarray:
    values = value if isinstance(value, list) else [value]
    _check(all(isinstance(v, float) and math.isfinite(v) for v in values), "numbers")
    return np.array(value, dtype=np.float64)[()]


FITTED = {
    "LearnedMotifDistance": Fitted(_write_distance, _read_distance),
    "RelConEmbedder": Fitted(_write_embedder, _read_embedder),
    "RelConClassifier": Fitted(_write_classifier, _read_classifier),
    "RelConRegressor": Fitted(_write_regressor, _read_regressor),
}
"""By the name of the class."""
