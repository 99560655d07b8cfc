"""Hypothesis strategies for valid and invalid values of groups, y and sample_weight."""

import datetime
import uuid
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st

from relcon_sklearn.segments._runs import RunLabels


class Labels(NamedTuple):
    """A value for a parameter with one entry for each segment, and the expected result."""

    value: object
    # The codes of labels, or numbers, that it means. None if it must be refused.
    meaning: np.ndarray | None
    # A regular expression for the error message.
    message: str = ""


# ---------------------------------------------------------------- labels: groups, and y of classes

DAY = datetime.date(2020, 1, 1)

# Each turns codes into labels, a different one for each code.
LABELS = {
    "integers": lambda codes: codes,
    "a list of integers": lambda codes: codes.tolist(),
    "unsigned": lambda codes: (2**63 + codes.astype("u8")).astype(">u8"),
    "negative": lambda codes: -(2**62) - codes.astype("<i8"),
    "integral floats": lambda codes: codes * 4.0,
    "booleans": lambda codes: codes > 0,
    "dates": lambda codes: codes.astype("M8[D]"),
    "text": lambda codes: np.array(["", "é", "\x01\U0001f600", "spam"])[codes],
    "a list of text": lambda codes: [f"subject {code}" for code in codes],
    "objects of text": lambda codes: np.array([f"{c}" for c in codes], object),
    "a tuple of NumPy's text": lambda codes: tuple(np.str_(code) for code in codes),
    "a column": lambda codes: codes[:, None],
    "read-only, backwards": lambda codes: np.broadcast_to(codes[::-1], (1, len(codes)))[0, ::-1],
    "a series": lambda codes: pd.Series(codes, index=[5] * len(codes)),
    "a series of text": lambda codes: pd.Series([f"{code}" for code in codes], dtype="string"),
    "a series of nullable integers": lambda codes: pd.Series(codes, dtype="Int64"),
    "categories": lambda codes: pd.Series([f"{code}" for code in codes], dtype="category"),
    "a tensor": torch.tensor,
    "masked, nothing": lambda codes: np.ma.array(codes, mask=np.zeros(len(codes), bool)),
}
GROUPS_ONLY = {
    "huge floats": lambda codes: codes * 1e300,
    "bytes": lambda codes: np.array([b"a", b"b\xff", b"c", b"d"])[codes],
    "objects of integers": lambda codes: codes.astype(object),
    "floats": lambda codes: codes * np.pi - 1e-310,
    "long doubles": lambda codes: codes.astype("g") * np.longdouble("1e4000"),
    "durations": lambda codes: codes.astype("m8[ns]"),
    "a list of dates": lambda codes: [DAY + datetime.timedelta(int(code)) for code in codes],
    "objects of fractions": lambda codes: np.array([Fraction(int(c), 3) for c in codes], object),
    "a list of UUIDs": lambda codes: [uuid.UUID(int=int(code)) for code in codes],
    "records": lambda codes: np.rec.fromarrays([codes // 2, codes % 2], names="subject,hour"),
    "runs": lambda codes: RunLabels(codes, np.ones(len(codes), int)),
    "a tensor that learns not": lambda codes: torch.tensor(codes).double(),
}


@st.composite
def good_labels(draw, n, kinds=LABELS):
    """Draw labels of `n` segments, with at least two different ones."""
    kind = draw(st.sampled_from(sorted(kinds)))
    highest = 1 if kind == "booleans" else 3
    codes = draw(st.lists(st.integers(0, highest), min_size=n, max_size=n))
    codes[:2] = [0, 1]
    codes = np.array(codes)
    return Labels(kinds[kind](codes), codes)


def good_groups(n):
    return good_labels(n, LABELS | GROUPS_ONLY)


def with_one(value, dtype=object):
    """Return a function that makes labels, one of which is replaced by `value`."""

    def make(codes, row):
        labels = codes.astype(dtype)
        labels[row] = value
        return labels

    return make


def list_with(value, label=str):
    def make(codes, row):
        return [value if i == row else label(code) for i, code in enumerate(codes.tolist())]

    return make


MISSING = "^{name} contains NaN or infinity: first in row {row} "
UNSORTABLE = "^{name} has labels that cannot be sorted, of type "
UNUSABLE = "^{name} .*cannot be used: "
WRONG_SHAPE = "^{name} should be a 1d array, got an array of shape "

BAD_LABELS = {
    "NaN": (with_one(np.nan, float), MISSING),
    "infinity": (with_one(np.inf, "f2"), MISSING),
    "None": (with_one(None), MISSING),
    "NaN among objects": (with_one(np.nan), MISSING),
    "NA": (with_one(pd.NA), MISSING),
    "NaT": (with_one("NaT", "M8[s]"), MISSING),
    "NaN in a list of text": (list_with(np.nan), MISSING),
    "None in a list of text": (list_with(None), MISSING),
    "a gap in a series of text": (
        lambda codes, row: pd.Series(list_with(None)(codes, row), dtype="string"),
        MISSING,
    ),
    "a gap in a series of integers": (
        lambda codes, row: pd.Series(list_with(None, int)(codes, row), dtype="Int64"),
        MISSING,
    ),
    "text and numbers": (list_with(7), UNSORTABLE),
    "text among objects": (with_one("spam"), UNSORTABLE),
    "a dictionary": (with_one({}), UNSORTABLE),
    "sets": (lambda codes, row: np.array([frozenset([c]) for c in codes], object), UNSORTABLE),
    "plain objects": (lambda codes, row: [object() for _ in codes], UNSORTABLE),
    "masked": (
        lambda codes, row: np.ma.array(codes, mask=np.arange(len(codes)) == row),
        "^{name} contains masked values: first in row {row}\\.",
    ),
    "pairs": (lambda codes, row: [(code, 0) for code in codes], WRONG_SHAPE),
    "two columns": (lambda codes, row: np.stack([codes, codes], axis=1), WRONG_SHAPE),
    "a row": (lambda codes, row: codes[None], WRONG_SHAPE),
    "a table": (lambda codes, row: pd.DataFrame({"a": codes, "b": codes}), WRONG_SHAPE),
    "complex numbers": (lambda codes, row: codes * 1j, UNUSABLE),
    "lists": (lambda codes, row: [[1, 2], *([1] for _ in codes[1:])], UNSORTABLE),
    "a number": (lambda codes, row: 3, UNUSABLE),
    "a name": (lambda codes, row: "subject", UNUSABLE),
    "a set": (lambda codes, row: set(codes.tolist()), UNUSABLE),
    "an iterator": (lambda codes, row: iter(codes), UNUSABLE),
    "nothing": (lambda codes, row: [], UNUSABLE),
    "too few": (lambda codes, row: codes[1:], "^{name} has {fewer} entries, but X has {n} "),
    "too many": (
        lambda codes, row: [*codes.tolist(), 1],
        "^{name} has {more} entries, but X has {n} ",
    ),
    "a tensor that learns": (
        lambda codes, row: torch.tensor(codes * 1.0, requires_grad=True),
        UNUSABLE,
    ),
    "a bfloat16 tensor": (lambda codes, row: torch.tensor(codes).bfloat16(), UNUSABLE),
    "a sparse tensor": (lambda codes, row: torch.tensor(codes).to_sparse(), UNUSABLE),
}


@st.composite
def refused(draw, n, name, kinds):
    make, message = kinds[draw(st.sampled_from(sorted(kinds)))]
    row = draw(st.integers(0, n - 1))
    codes = np.arange(n) % 2
    words = message.format(name=name, row=row, n=n, fewer=n - 1, more=n + 1)
    return Labels(make(codes, row), None, words)


def bad_groups(n):
    return refused(n, "groups", BAD_LABELS)


UNKNOWN = "^y cannot be used: Unknown label type"
BAD_CLASSES = {
    "fractions": (lambda codes, row: codes + 0.5, UNKNOWN),
    "huge floats": (lambda codes, row: codes * 1e300, UNKNOWN),
    "bytes": (lambda codes, row: codes.astype("S"), UNUSABLE),
    "objects of integers": (with_one(0), UNKNOWN),
    "records": (lambda codes, row: np.rec.fromarrays([codes, codes]), "^y "),
    "fractions among objects": (lambda codes, row: np.array([Fraction(1, 3)] * len(codes)), "^y "),
    "one class": (lambda codes, row: np.zeros(len(codes), int), "^y has one class only, "),
    "no y": (lambda codes, row: None, "requires y to be passed"),
}


def bad_labels(n):
    return refused(n, "y", BAD_LABELS | BAD_CLASSES)


# ---------------------------------------------------------------- numbers: y, and sample_weight

DTYPES = ["f2", ">f4", "f8", "g", "i1", ">i8", "u8", "?"]

CONTAINERS = {
    "ndarray": lambda values: values,
    "list": lambda values: values.tolist(),
    "objects": lambda values: values.astype(object),
    "read-only": lambda values: np.broadcast_to(values[..., None], (*values.shape, 2))[..., 0],
    "series or table": lambda values: (pd.Series if values.ndim == 1 else pd.DataFrame)(
        values.astype("f8")
    ),
    "tensor": lambda values: torch.tensor(values.astype("f8")),
    "masked, nothing": lambda values: np.ma.array(values, mask=np.zeros(values.shape, bool)),
}

SCALES = [0.0, -0.0, 5e-324, 1e-310, 1e-200, 1e-30, 1.0, 1e6, 1e30, 1e150]


@st.composite
def good_numbers(draw, n):
    """Draw targets of `n` segments: one number or three numbers each."""
    shape = draw(st.sampled_from([(n,), (n, 1), (n, 3)]))
    values = draw(st.integers(0, 99).map(lambda i: np.random.default_rng(i).normal(size=shape)))
    values = values * draw(st.sampled_from(SCALES)) + draw(st.sampled_from([0.0, 1e-30, 1.0, 1e9]))
    values = cast(values, draw(st.sampled_from(DTYPES)))
    return Labels(CONTAINERS[draw(st.sampled_from(sorted(CONTAINERS)))](values), values)


def cast(values, dtype):
    """Convert numbers to a dtype, clipped to its range."""
    if np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize >= 8:
        return values.astype(dtype)
    largest = 100 if np.dtype(dtype).kind in "iu" else 6e4
    values = np.clip(values, 0 if np.dtype(dtype).kind == "u" else -largest, largest)
    return values.astype(dtype)


NOT_FINITE = "^{name} contains NaN or infinity: first in row {row}\\."
UNREAL = "^{name} has dtype .*; expected real numbers|" + UNUSABLE

BAD_NUMBERS = {
    "NaN": (with_one(np.nan, float), NOT_FINITE),
    "infinity": (with_one(-np.inf, "f2"), NOT_FINITE),
    "NaN among objects": (with_one(np.nan), NOT_FINITE),
    "None": (with_one(None), NOT_FINITE),
    "a list with None": (list_with(None, float), NOT_FINITE),
    "a long double": (with_one(np.longdouble("1e4000"), "g"), NOT_FINITE),
    "NA": (with_one(pd.NA), UNUSABLE),
    "a large integer": (with_one(10**400), UNUSABLE),
    "text among objects": (with_one("spam"), UNUSABLE),
    "text": (lambda codes, row: codes.astype(str), UNREAL),
    "complex numbers": (lambda codes, row: codes * 1j, UNREAL),
    "dates": (lambda codes, row: codes.astype("M8[D]"), UNREAL),
    "durations": (lambda codes, row: codes.astype("m8[s]"), UNREAL),
    "records": (lambda codes, row: np.rec.fromarrays([codes, codes]), UNREAL),
    "a dictionary": (with_one({}), UNUSABLE),
    "ragged": (lambda codes, row: [[1, 2], *([1] for _ in codes[1:])], UNUSABLE + ".*1 to 2"),
    **{
        kind: BAD_LABELS[kind]
        for kind in (
            "masked",
            "a name",
            "a set",
            "an iterator",
            "nothing",
            "a tensor that learns",
            "a bfloat16 tensor",
            "a sparse tensor",
        )
    },
}
BAD_TARGETS = {
    "too large": (
        with_one(1e200, float),
        "^y contains a value too large .*: 1e\\+200 in row {row}\\. The limit is ",
    ),
    "a number": (lambda codes, row: 3, UNUSABLE),
    "three dimensions": (lambda codes, row: codes[:, None, None], UNUSABLE),
    "no outputs": (lambda codes, row: codes[:, None][:, :0], UNUSABLE),
    "too few": BAD_LABELS["too few"],
    "too many": BAD_LABELS["too many"],
    "no y": BAD_CLASSES["no y"],
}
BAD_WEIGHTS = {
    "negative": (
        with_one(-1e-300, float),
        "^sample_weight contains a negative weight: first in row {row}\\.",
    ),
    "nothing left": (lambda codes, row: np.arange(len(codes)) == row, "^sample_weight leaves "),
    "no weight": (lambda codes, row: 0.0, "^sample_weight leaves "),
    "NaN for all": (lambda codes, row: np.nan, "^sample_weight contains NaN or infinity"),
    "a column": (lambda codes, row: codes[:, None], "^sample_weight has shape "),
    "too few": (lambda codes, row: codes[1:], "^sample_weight has shape "),
    "too many": (lambda codes, row: [*codes, 1], "^sample_weight has shape "),
}


def bad_numbers(n):
    return refused(n, "y", BAD_NUMBERS | BAD_TARGETS)


def bad_weights(n):
    return refused(n, "sample_weight", BAD_NUMBERS | BAD_WEIGHTS)


@st.composite
def good_weights(draw, n):
    """Draw weights of `n` segments, of which the first two are not zero."""
    sizes = st.sampled_from([0.0, -0.0, 5e-324, 1e-310, 1e-30, 1.0, 3.0, 1e30, 1e300, 1.7e308])
    values = np.array(draw(st.lists(sizes, min_size=n, max_size=n)))
    values[:2] = max(values.max(), draw(sizes.filter(bool)))
    values = cast(values, draw(st.sampled_from([d for d in DTYPES if d != "f2"])))
    values[:2] = np.where(values[:2] == 0, 1, values[:2])
    if draw(st.integers(0, 9)) == 0:
        one = draw(st.sampled_from([None, 1, True, 2.5e300, np.float32(7)]))
        return Labels(one, np.full(n, 1.0 if one is None else one))
    return Labels(CONTAINERS[draw(st.sampled_from(sorted(CONTAINERS)))](values), values)
