"""Parameters as JSON: the same values and types are read again, and no others."""

import json
import math
from functools import partial
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from relcon_sklearn import RandomAugmentations
from relcon_sklearn._files._format import FileError
from relcon_sklearn._files._values import NotStorable, from_json, name_of, to_json
from relcon_sklearn.augmentations import Jitter, TimeWarp, default_augmentations
from relcon_sklearn.nn import PulsePPGEncoder, ResNet1D
from tests.support.estimators import tiny_encoder
from tests.support.reference import euclidean

NUMPY = st.one_of(
    st.sampled_from([np.float16(0.1), np.float32(0.1), np.float64(-np.inf), np.bool_(True)]),
    st.integers(-(2**7), 2**7 - 1).map(np.int8),
    st.integers(0, 2**64 - 1).map(np.uint64),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | NUMPY,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers() | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


def there_and_back(value):
    return from_json(json.loads(json.dumps(to_json(value), allow_nan=False)))


def same(a, b):
    """Return whether values are equal and have the same types at every level."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    return a == b


@given(PLAIN)
def test_plain_values(value):
    assert same(there_and_back(value), value)


def test_nan():
    assert math.isnan(there_and_back(float("nan")))


@pytest.mark.parametrize(
    "value",
    [
        torch.device("cuda:1"),
        Path("models/wrist"),
        RandomAugmentations(),
        RandomAugmentations([Jitter(0.3), TimeWarp(n_knots=2), RandomAugmentations()], 1),
        *default_augmentations(),
        Jitter(np.float32(0.5)),
        ResNet1D,
        PulsePPGEncoder,
    ],
    ids=repr,
)
def test_objects_of_ours(value):
    found = there_and_back(value)
    assert type(found) is type(value)
    assert found == value


def test_partials_of_encoders():
    found = there_and_back(tiny_encoder)
    assert (found.func, found.args) == (ResNet1D, ())
    assert same(found.keywords, tiny_encoder.keywords)
    found = there_and_back(partial(ResNet1D, 3, widths=[4, 8, 8]))
    assert (found.args, found.keywords) == ((3,), {"widths": [4, 8, 8]})


def test_writing_does_not_change_a_partial():
    encoder = partial(ResNet1D, n_blocks=(1,))
    to_json(encoder)
    # functools merges nested partials only if the inner one has no __dict__.
    assert partial(encoder, widths=(4,)).func is ResNet1D


def test_partials_with_attributes_are_refused():
    encoder = partial(ResNet1D, n_blocks=(1,))
    encoder.note = "mine"
    with pytest.raises(NotStorable):
        to_json(encoder)


def test_random_states_go_on_where_they_were():
    state = np.random.RandomState(3)
    state.normal(size=7)
    found = there_and_back(state)
    np.testing.assert_array_equal(found.normal(size=700), state.normal(size=700))


def noise(segments, generator):
    return segments


class Louder(Jitter):
    pass


class Deeper(ResNet1D):
    pass


@pytest.mark.parametrize(
    ("value", "described"),
    [
        (noise, "tests.files.test_values.noise"),
        (euclidean, "reference.euclidean"),
        (lambda: 0, "tests.files.test_values.<lambda>"),
        (Louder(), "a tests.files.test_values.Louder"),
        (Deeper, "tests.files.test_values.Deeper"),
        (partial(Deeper, n_blocks=(1,)), "functools.partial(tests.files.test_values.Deeper, ...)"),
        (partial(ResNet1D, widths=noise), "functools.partial(relcon_sklearn.nn._resnet.ResNet1D"),
        (RandomAugmentations([noise], 1), "a relcon_sklearn.augmentations.RandomAug"),
        ([Louder(), noise], "[a tests.files.test_values.Louder, tests.files.test_values.noise]"),
        (np.zeros(3), "a numpy.ndarray"),
        (np.longdouble(1), "a numpy.longdouble"),
        (np.random.RandomState(np.random.PCG64(0)), "RandomState"),
        (object(), "a builtins.object"),
        ([object()] * 100, "[a builtins.object, "),
        ({"a": {1}}, "a builtins.dict"),
    ],
)
def test_what_files_do_not_hold(value, described):
    with pytest.raises(NotStorable):
        to_json(value)
    assert described in name_of(value)
    assert len(name_of(value)) <= 200


NODES = [
    {},
    {"tuple": [], "dict": []},
    {"what": 1},
    {"tuple": 1},
    {"tuple": {"tuple": []}},
    {"dict": [[1]]},
    {"dict": 1},
    {"dict": [[[1], 2]]},
    {"dict": [[1, 2], [1, 3]]},
    {"dict": ["ab"]},
    {"dict": [{"tuple": [1, 2]}]},
    {"float": "1"},
    {"float": []},
    {"numpy": ["object", 1]},
    {"numpy": ["int8", 1000]},
    {"numpy": ["float64", "1"]},
    {"numpy": ["float64", [1, 2]]},
    {"numpy": 1},
    {"device": "disk"},
    {"device": 1.5},
    {"encoder": "Linear"},
    {"encoder": ["ResNet1D"]},
    {"partial": [{"encoder": "Linear"}, [], {}]},
    {"partial": [{"tuple": []}, [], {}]},
    {"partial": ["ResNet1D", [], {}]},
    {"partial": [{"encoder": "ResNet1D"}, 1, {}]},
    {"partial": [{"encoder": "ResNet1D"}, [], []]},
    {"augmentation": ["Popen", {}]},
    {"augmentation": ["Jitter", {"scale": -1}]},
    {"augmentation": ["Jitter", {"scale": {"float": "nan"}}]},
    {"augmentation": ["Jitter", {"size": 1}]},
    {"augmentation": ["Jitter", []]},
    {"random_state": [[0] * 623, 0, 0, 0.0]},
    {"random_state": [[-1] * 624, 0, 0, 0.0]},
    {"random_state": [[0] * 624, 2**40, 0, 0.0]},
    {"random_state": ["0" * 624, 0, 0, 0.0]},
]


@pytest.mark.parametrize("node", NODES, ids=lambda node: json.dumps(node)[:60])
def test_other_nodes_are_refused(node):
    for nested in (node, [node], {"tuple": [node]}, {"dict": [["a", node]]}):
        with pytest.raises((FileError, KeyError, TypeError, ValueError, OverflowError)):
            from_json(nested)


def test_no_depth_that_could_hurt():
    node = 0
    for _ in range(900):
        node = {"tuple": [node]}
    with pytest.raises(FileError, match="deeper"):
        from_json(node)
