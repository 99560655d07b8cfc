"""Hypothesis strategies for objects that are passed as segments but cannot be read as such."""

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from scipy import sparse

from tests.support.hostile_segments import DTYPES, Case, Minimal, rngs


def ragged(rng, n_channels):
    n_timesteps = rng.permutation(np.arange(1, 20))[: rng.integers(2, 6)]
    return [rng.normal(size=(n, n_channels)) for n in n_timesteps]


def array_of(items):
    """Return an object array of arrays."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def with_object(value):
    """Return a function that makes segments as objects, one of which is replaced by `value`."""

    def make(rng, n_channels):
        X = plain(rng, n_channels).astype(object)
        X[tuple(rng.integers(size) for size in X.shape)] = value
        return X

    return make


def plain(rng, n_channels):
    return rng.normal(size=(rng.integers(2, 6), rng.integers(2, 20), n_channels))


def empty(rng, n_channels):
    shape = np.array(plain(rng, n_channels).shape)
    shape[rng.permutation(3)[: rng.integers(1, 4)]] = 0
    return np.zeros(shape, rng.choice(DTYPES))


def masked(rng, n_channels):
    X = plain(rng, n_channels)
    mask = rng.random(X.shape) < 0.1
    mask[-1, -1, -1] = True
    return np.ma.array(X, mask=mask)


def lie(**what):
    """Return a function that makes a lazy array whose attributes and rows do not match."""

    def make(rng, n_channels):
        X = plain(rng, n_channels)
        said = dict(zip(("n", "t", "c"), X.shape, strict=True))
        shape = what.get("shape", lambda n, t, c: (n, t, c))(**said)
        return Minimal(what.get("values", lambda X: X)(X), shape, what.get("dtype"))

    return make


def of(change):
    return lambda rng, n_channels: change(plain(rng, n_channels))


LISTS = "^X .*cannot be used: .*The lengths of its rows are .*one length.*segment_recordings"
UNUSABLE = "^X .*cannot be used: "
UNREAL = "^X has dtype .*; expected real numbers|^X .*cannot be used: "
TABLE = {"a": [1.0, 2.0, 3.0]}

REFUSED = {
    "complex": (of(lambda X: X + 0j), UNREAL),
    "text": (of(lambda X: X.astype(str)), UNREAL),
    "bytes": (of(lambda X: X.astype("S")), UNREAL),
    "text of any length": (of(lambda X: X.astype(str).astype(np.dtypes.StringDType())), UNREAL)
    if hasattr(np.dtypes, "StringDType")
    else (of(lambda X: X.astype(str)), UNREAL),
    "dates": (of(lambda X: X.astype("i8").astype("M8[s]")), UNREAL),
    "durations": (of(lambda X: X.astype("i8").astype("m8[ms]")), UNREAL),
    "records": (of(lambda X: np.zeros(X.shape, [("x", "f4"), ("y", "f4")])), UNREAL),
    "raw bytes": (of(lambda X: np.zeros(X.shape, "V4")), UNREAL),
    "ragged": (ragged, LISTS),
    "ragged lists": (lambda *args: [x.tolist() for x in ragged(*args)], LISTS),
    "array of ragged arrays": (lambda *args: array_of(ragged(*args)), LISTS),
    "series of ragged arrays": (lambda *args: pd.Series(ragged(*args)), LISTS),
    "array of arrays": (of(lambda X: array_of(list(X))), UNUSABLE),
    "an object: None": (with_object(None), "^X contains NaN or infinity: first in row "),
    "an object: NaN": (with_object(np.nan), "^X contains NaN or infinity: first in row "),
    "an object: NA": (with_object(pd.NA), UNUSABLE),
    "an object: text": (with_object("spam"), UNUSABLE + ".*spam"),
    "an object: a list": (with_object([1.0]), UNUSABLE),
    "an object: a large integer": (with_object(10**400), UNUSABLE + ".*too large"),
    "an object: a complex number": (with_object(1j), UNUSABLE),
    "an object: a set": (with_object({1}), UNUSABLE),
    "masked": (masked, "^X contains masked values: first in row "),
    "list of masked": (
        lambda *args: list(masked(*args)),
        "^X contains masked values: first in row ",
    ),
    "lazy masked": (
        lambda *args: Minimal(masked(*args)),
        "^X contains masked values: first in row ",
    ),
    "matrix": (of(lambda X: X[..., 0].view(np.matrix)), UNUSABLE + "np.matrix"),
    "sparse matrix": (of(lambda X: sparse.csr_matrix(X[..., 0])), UNUSABLE + "Sparse data"),
    "sparse array": (of(lambda X: sparse.coo_array(X[..., 0])), UNUSABLE + "Sparse data"),
    "None": (lambda *_: None, UNUSABLE),
    "a number": (lambda *_: 3.5, UNUSABLE),
    "a NumPy number": (lambda *_: np.float32(3.5), "^X has 0 dimensions"),
    "a name": (lambda *_: "X.npy", UNUSABLE),
    "a dictionary": (lambda *_: TABLE, UNUSABLE),
    "a set": (lambda *_: {1.0, 2.0}, UNUSABLE),
    "an iterator": (of(iter), UNUSABLE),
    "a class": (lambda *_: np.ndarray, "^X has shape "),
    "one segment": (of(lambda X: X[0, :, 0]), UNUSABLE + "Expected 2D array, got 1D"),
    "four dimensions": (of(lambda X: X[None]), "^X has 4 dimensions, shape "),
    "an empty list": (lambda *_: [], UNUSABLE),
    "empty lists": (lambda *_: [[], []], UNUSABLE),
    "empty": (empty, "^X has no (segments|time steps|channels): its shape is |0 sample"),
    "empty and lazy": (lambda *args: Minimal(empty(*args)), "^X has no "),
    "empty tensor": (lambda *args: torch.from_numpy(empty(*args).astype("f4")), "^X has no "),
    "more channels": (
        lambda rng, n_channels: plain(rng, n_channels + 1),
        "^X has [0-9]+ channels, but .* was fitted with ",
    ),
    "table of text": (lambda *_: pd.DataFrame({**TABLE, "b": list("xyz")}), UNUSABLE),
    "table of dates": (
        lambda *_: pd.DataFrame({**TABLE, "b": pd.to_datetime(["2020", "2021", "2022"])}),
        UNREAL,
    ),
    "table with gaps": (
        lambda *_: pd.DataFrame({**TABLE, "b": pd.array([1, None, 3], dtype="Int64")}),
        "^X contains NaN or infinity: first in row 1 ",
    ),
    "a column": (lambda *_: pd.Series([1.0, 2.0]), UNUSABLE),
    "categories": (lambda *_: pd.Categorical(list("ab")), "^X has 1 dimensions"),
    "complex tensor": (of(lambda X: torch.tensor(X + 0j)), UNREAL),
    "sparse tensor": (of(lambda X: torch.tensor(X).to_sparse()), UNUSABLE),
    "tensor without values": (of(lambda X: torch.tensor(X).to("meta")), UNUSABLE),
    "list of tensors that learn": (
        of(lambda X: list(torch.tensor(X).requires_grad_())),
        UNUSABLE + ".*detach",
    ),
    "lazy text": (of(lambda X: Minimal(X.astype(str))), "^X has dtype "),
    "lazy, of unknown length": (
        lie(shape=lambda n, t, c: (np.nan, t, c)),
        "^X has shape .*; expected known sizes",
    ),
    "lazy, without a shape": (lie(shape=lambda n, t, c: 5), "^X has shape 5; "),
    "lazy, of another dtype": (lie(dtype="spam"), "^X has dtype spam; "),
    "lazy, gives text": (
        lie(values=lambda X: X.astype(str), dtype=np.dtype("f4")),
        "^X returned an array of shape .* and dtype <U32 for rows [0-9]+ to ",
    ),
    "lazy, gives other shapes": (
        lie(shape=lambda n, t, c: (n, t + 1, c)),
        "^X returned an array of shape .* Expected shape ",
    ),
    "lazy, gives fewer dimensions": (
        lie(values=lambda X: X[:, 0]),
        "^X returned an array of shape .* Expected shape ",
    ),
    "lazy, has fewer rows": (
        lie(shape=lambda n, t, c: (n + 3, t, c)),
        "^X of shape .* could not be read between its rows [0-9]+ and ",
    ),
    "lazy, has no such keys": (
        lie(values=lambda X: {}, dtype="f4"),
        "^X of shape .* could not be read between its rows [0-9]+ and ",
    ),
}


@st.composite
def refused(draw, n_channels, fitting=False):
    """Draw an object that cannot be read as an array of segments."""
    kinds = REFUSED.keys() - ({"more channels"} if fitting else set())
    make, message = REFUSED[draw(st.sampled_from(sorted(kinds)))]
    return Case(make(draw(rngs), n_channels), None, message)
