"""The model whose weights a training starts with: given, saved, or part of the package."""

from __future__ import annotations

import os

from ._files import WITH_ENCODER, class_in_file, find_file, list_pretrained
from ._training._fingerprint import checksum
from ._utils._frozen import unwrap

NAMES_OF_EMBEDDERS = ("motion-small",)
"""Names of the embedders that come with the package. The other models are classifiers."""


def initial_model(estimator, kind: type):
    """Return the fitted model that the parameter `init` of an estimator stands for, or None.

    Parameters
    ----------
    estimator : estimator
        The estimator to be trained.
    kind : type
        Class of the model: the class in this package that the estimator belongs to. A file may hold
        a classifier or regressor in place of an embedder, for its encoder.

    Raises
    ------
    ValueError
        If `init` is not such a model, or is not fitted, or if its file cannot be loaded. For a
        damaged file, it is a DamagedFileError.
    OSError
        If there is no such file or model, or if the file cannot be read.
    """
    init, name = estimator.init, kind.__name__
    if init is None:
        return None
    if isinstance(init, (str, os.PathLike)):
        try:
            return _load(init, kind)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"init={init!r}: {error}") from None
    model = unwrap(init)
    if not isinstance(model, kind):
        raise ValueError(
            f"init={init!r} is or wraps a {type(model).__name__}. Pass a fitted {name} in a "
            f"FrozenEstimator, the path of a saved {name}, or the name of a model that comes with "
            "the package."
        )
    if model is estimator:
        raise ValueError(
            "init is the estimator itself, whose weights fit replaces. Pass a copy: "
            "init=FrozenEstimator(copy.deepcopy(estimator))."
        )
    if not model.__sklearn_is_fitted__():
        raise ValueError(
            f"init is a {name} that is not fitted. Searches, cross-validation and pipelines clone "
            f"it, and a clone has no weights. Pass FrozenEstimator(model), whose clone keeps them, "
            "or the path of a saved model."
        )
    return model


def _load(init: str | os.PathLike, kind: type):
    """Return the model with a name or in a file: of a class, or with an encoder as those have."""
    path = find_file(init, kind.__name__)
    own = class_in_file(path)
    has_encoder = own is not None and {own.__name__, kind.__name__} <= set(WITH_ENCODER)
    return (own if has_encoder else kind).load(path)


def is_name_of_model(value) -> bool:
    """Return whether a value of a parameter is the name of a model that comes with the package."""
    return isinstance(value, str) and value in list_pretrained()


def refuse_names_of_models(estimator, parameters: list[str]) -> None:
    """Raise ValueError if a parameter of an embedder is the name of a model."""
    for parameter in parameters:
        value = getattr(estimator, parameter)
        if is_name_of_model(value):
            name = "RelConEmbedder" if value in NAMES_OF_EMBEDDERS else "RelConClassifier"
            raise ValueError(
                f"{parameter}={value!r} is the name of a model that comes with the package. To "
                f"load it, call {name}.from_pretrained({value!r}). To start a training with its "
                f"weights, pass init={value!r}."
            )


def refuse_predictors(estimator) -> None:
    """Raise ValueError if `init` of an embedder is a classifier or regressor, and not its file.

    Files would have to hold it with all that is nested in it, of which only its encoder is used.
    """
    name = type(unwrap(estimator.init)).__name__
    is_predictor = not hasattr(estimator.init, "transform")  # which embedders have
    if name in WITH_ENCODER and is_predictor:
        raise ValueError(
            f"init is or wraps a {name}. To start a training with its encoder, save it, "
            "model.save(path), and pass init=path."
        )


def fingerprint_of_initial(model, module: str) -> dict[str, str]:
    """Return a checksum of the weights that a training starts with, if it has an initial model.

    Parameters
    ----------
    model : estimator or None
        The initial model.
    module : str
        Name of the attribute with its torch module.
    """
    if model is None:
        return {}
    weights = getattr(model, module).state_dict().values()
    return {"weights of init": checksum(*(value.cpu() for value in weights))}
