"""Parameters in docstrings: complete, with the real defaults, and shared entries are equal."""

import ast
import inspect
import re
from importlib import import_module
from typing import NamedTuple

import pytest

from relcon_sklearn import (
    LearnedMotifDistance,
    RelConClassifier,
    RelConEmbedder,
    RelConRegressor,
)

MODULES = [
    *("", ".augmentations", ".datasets", ".exceptions", ".nn", ".plotting", ".recordings"),
    *(".embeddings", ".segments", ".timelines"),
]
ESTIMATORS = [LearnedMotifDistance, RelConEmbedder, RelConClassifier, RelConRegressor]
FINE_TUNED = [RelConClassifier, RelConRegressor]

# Classes that functions return and users do not call.
NOT_CONSTRUCTED = {"Embeddings", "SegmentStore"}

ERRORS_OF_FIT = ["FloatingPointError", "OSError", "RuntimeError", "KeyboardInterrupt"]

# Sections of docstrings whose entries are the same in several estimators: the estimators, the
# method or None for the class, the section, and the names of the entries.
SHARED = [
    (
        ESTIMATORS,
        None,
        "Parameters",
        ["n_channels", "callbacks", "checkpoint_dir", "device", "verbose"],
    ),
    ([LearnedMotifDistance, *FINE_TUNED], None, "Parameters", ["validation_fraction"]),
    (ESTIMATORS, None, "Attributes", ["n_channels_in_", "sampling_rate_", "feature_names_in_"]),
    (ESTIMATORS, "fit", "Parameters", ["X"]),
    (ESTIMATORS, "fit", "Raises", ERRORS_OF_FIT),
    (
        FINE_TUNED,
        None,
        "Parameters",
        [
            *("encoder", "head", "freeze", "max_epochs", "batch_size", "lr", "n_iter_no_change"),
            *("precision", "random_state", "sampling_rate"),
        ],
    ),
    (FINE_TUNED, None, "Attributes", ["encoder_", "n_features_in_"]),
    (FINE_TUNED, "fit", "Parameters", ["sample_weight", "groups"]),
    (FINE_TUNED, "fit", "Raises", ["ValueError"]),
    (FINE_TUNED, "predict", "Parameters", ["X"]),
    (FINE_TUNED, "predict", "Raises", ["ValueError"]),
    (ESTIMATORS[:2], None, "Attributes", ["n_features_in_"]),
    (ESTIMATORS[:2], "fit", "Raises", ["ValueError"]),
]


class Entry(NamedTuple):
    """An entry of a section: the text after the name, and the indented text below."""

    kind: str
    text: str

    @property
    def default(self):
        """Return the documented default, or None."""
        found = re.search(r"\bdefault=(.*)$", self.kind)
        return found and found[1]


def entries(docstring, section):
    """Return the entries of a section of a numpydoc docstring, by name."""
    block = re.search(
        rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)",
        inspect.cleandoc(docstring or ""),
        re.MULTILINE | re.DOTALL,
    )
    found = {}
    for header, text in re.findall(r"^(\S.*)\n((?:[ ].*\n?|\n)*)", block[1] if block else "", re.M):
        names, _, kind = header.partition(" : ")
        for name in names.split(", "):
            found[name.lstrip("*")] = Entry(kind, inspect.cleandoc(text))
    return found


def documented(value):
    """Return the entries of the parameters of a function or class."""
    # A named tuple that only functions create documents its fields as attributes.
    return entries(value.__doc__, "Parameters") or entries(value.__doc__, "Attributes")


def parameters(value):
    """Return the parameters of a function, a method or the constructor of a class, by name."""
    found = dict(inspect.signature(value).parameters)
    found.pop("self", None)
    return found


def public_objects():
    """Return public functions and classes, and methods with sections of parameters, by name."""
    found = {}
    for module in MODULES:
        package = import_module(f"relcon_sklearn{module}")
        for name in package.__all__:
            value = getattr(package, name)
            if not callable(value) or name in NOT_CONSTRUCTED:
                continue
            found[name] = value
            for method, function in inspect.getmembers(value, inspect.isroutine):
                module = getattr(function, "__module__", None) or ""
                public = module.startswith("relcon_sklearn") and not method.startswith("_")
                if public and (value in ESTIMATORS or entries(function.__doc__, "Parameters")):
                    found[f"{name}.{method}"] = function
    return found


PUBLIC = public_objects()


def test_entries_are_parsed():
    found = documented(RelConEmbedder)
    assert found["n_within"].kind == "int, default=0"
    assert found["n_within"].default == "0"
    assert found["temperature"].text == r"Temperature :math:`\tau` of the loss, as published."
    assert list(found)[-1] == "verbose"
    assert list(entries(RelConEmbedder.fit.__doc__, "Raises")) == ["ValueError", *ERRORS_OF_FIT]
    assert list(documented(PUBLIC["RelConEmbedder.published"])) == ["distance", "params"]
    assert len(PUBLIC) > 100


@pytest.mark.parametrize(("estimators", "method", "section", "names"), SHARED)
def test_shared_entries_are_the_same(estimators, method, section, names):
    owners = [getattr(estimator, method) if method else estimator for estimator in estimators]
    first, *others = [entries(owner.__doc__, section) for owner in owners]
    for name in names:
        assert first[name].text
        for other in others:
            assert other[name] == first[name]


@pytest.mark.parametrize("name", PUBLIC)
def test_parameters_and_entries_are_the_same(name):
    assert list(documented(PUBLIC[name])) == list(parameters(PUBLIC[name]))


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_defaults_are_the_real_ones(name):
    found = documented(PUBLIC[name])
    for parameter in parameters(PUBLIC[name]).values():
        entry, default = found[parameter.name], parameter.default
        if entry.kind == "Ignored":
            continue
        assert (entry.default is None) == (default is parameter.empty), parameter.name
        if isinstance(default, (str, int, float, tuple, type(None))):
            assert is_literal(entry.default, default), parameter.name


def is_literal(text, value):
    """Return whether a text is a literal of a value. Long tuples may have an ellipsis."""
    literal = ast.literal_eval(text)
    if isinstance(literal, tuple) and ... in literal:
        return (literal[0], literal[-1]) == (value[0], value[-1])
    return literal == value and isinstance(literal, bool) == isinstance(value, bool)
