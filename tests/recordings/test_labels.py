"""Labels of all types, and the label of a window."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn._recordings._labels import UNLABELLED, LabelTable, is_missing, majority


def encode(labels, n=None):
    """Return labels after a round trip through codes, with None for samples without a label."""
    table = LabelTable()
    codes = table.encode(labels, len(labels) if n is None else n, "recording 0")
    known = codes != UNLABELLED
    decoded = table.decode(codes[known])
    result = np.full(len(codes), None, dtype=object)
    result[known] = decoded
    return result.tolist(), decoded.dtype.kind


# ---------------------------------------------------------------- types of labels

NAMES = ["walk", "walk", "", "run", "sit", "sit", "walk", ""]
EXPECTED = [name or None for name in NAMES]


@pytest.mark.parametrize(
    ("labels", "expected", "kind"),
    [
        (np.array(NAMES), EXPECTED, "U"),
        (NAMES, EXPECTED, "U"),
        (EXPECTED, EXPECTED, "U"),
        ([np.nan if name is None else name for name in EXPECTED], EXPECTED, "U"),
        (np.array([np.nan if name is None else name for name in EXPECTED], object), EXPECTED, "U"),
        (np.array([3, 3, -1, 0, 3]), [3, 3, -1, 0, 3], "i"),
        (np.array([3, 200], np.uint8), [3, 200], "i"),
        (np.array([3.0, np.nan, np.nan, 0.0]), [3, None, None, 0], "i"),
        (np.array([0.5, np.nan, 1.0]), [0.5, None, 1.0], "f"),
        (np.array([0.5, np.nan, 1.0], np.float32), [0.5, None, 1.0], "f"),
        (np.array([True, True, False]), [True, True, False], "b"),
        ([True, None, False], [True, None, False], "b"),
        (np.array([b"a", b"", b"b"]), [b"a", None, b"b"], "S"),
    ],
)
def test_types_of_labels(labels, expected, kind):
    assert encode(labels) == (expected, kind)


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_types_of_pandas(dtype):
    pd = pytest.importorskip("pandas")
    assert encode(pd.Series(EXPECTED, dtype=dtype)) == (EXPECTED, "U")


def test_nullable_types_of_pandas():
    pd = pytest.importorskip("pandas")
    assert encode(pd.Series([3, None, 5], dtype="Int64")) == ([3, None, 5], "i")
    assert encode(pd.Series([True, None], dtype="boolean")) == ([True, None], "b")
    assert encode(pd.Series([7, 8], dtype="category")) == ([7, 8], "i")
    assert encode([pd.NA, "a", pd.NaT]) == ([None, "a", None], "U")


@pytest.mark.parametrize(
    ("label", "kind"), [("walk", "U"), (np.str_("walk"), "U"), (4, "i"), (np.int8(4), "i")]
)
def test_one_label_for_a_recording(label, kind):
    assert encode(label, 3) == ([label] * 3, kind)


@pytest.mark.parametrize("label", [None, "", float("nan"), np.float32("nan")])
def test_no_label_for_a_recording(label):
    assert LabelTable().encode(label, 4, "").tolist() == [UNLABELLED] * 4
    assert is_missing(label)


def test_false_and_zero_are_labels():
    assert not is_missing(False)
    assert not is_missing(0)
    assert encode([0, 1]) == ([0, 1], "i")


@given(st.lists(st.sampled_from(["", "a", "b", "c", "dd"]), min_size=1, max_size=40))
def test_arrays_of_strings_and_of_objects_are_the_same(labels):
    codes = [
        LabelTable().encode(np.array(labels, dtype=dtype), len(labels), "")
        for dtype in (str, object)
    ]
    np.testing.assert_array_equal(*codes)


def test_codes_are_shared_by_all_recordings():
    table = LabelTable()
    first = table.encode(np.array(["b", "a", "b"]), 3, "recording 0")
    second = table.encode(["a", None, "c"], 3, "recording 1")
    third = table.encode("c", 2, "recording 2")
    assert table.decode(first).tolist() == ["b", "a", "b"]
    assert table.decode(second[[0, 2]]).tolist() == ["a", "c"]
    assert table.decode(third).tolist() == ["c", "c"]
    assert second[1] == UNLABELLED


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.array(["a", "b"]), r"recording 5: labels has shape \(2,\), but there are 3 samples"),
        (np.zeros((3, 1)), r"shape \(3, 1\)"),
        ([("a", 1), ("a", 1), ("b", 2)], "has type tuple"),
        (np.array(["2020", "2020", "2021"], "datetime64[Y]"), "has type date"),
        (
            ["a", 1, "a"],
            "label 1 has type int, but earlier labels have another type, such as 'a'",
        ),
        ([True, True, 2], "label 2 has type int"),
    ],
)
def test_labels_that_are_refused(labels, match):
    with pytest.raises(ValueError, match=match):
        LabelTable().encode(labels, 3, "recording 5")


def test_kinds_that_differ_between_recordings_are_refused():
    table = LabelTable()
    table.encode("a", 3, "recording 0")
    with pytest.raises(ValueError, match="recording 1: label 7 has type int"):
        table.encode(np.array([7, 7, 7]), 3, "recording 1")


# ---------------------------------------------------------------- the label of a window


def majority_by_counting(codes, begin, end, scale):
    """Return majority labels by splitting each sample into `scale` parts and counting the parts."""
    parts = [code for code in codes for _ in range(scale)]
    best, cover, unlabelled = [], [], []
    for a, b in zip(begin, end, strict=True):
        counts = Counter(parts[a:b])
        unlabelled.append(counts.pop(UNLABELLED, 0))
        cover.append(max(counts.values(), default=0))
        best.append(min((c for c in counts if counts[c] == cover[-1]), default=UNLABELLED))
    return best, cover, unlabelled


@given(st.data(), st.integers(1, 4))
def test_majority_equals_counting(data, scale):
    codes = data.draw(st.lists(st.integers(-1, 3), min_size=1, max_size=30))
    n = len(codes) * scale
    begin = data.draw(st.lists(st.integers(0, n - 1), max_size=8))
    end = [data.draw(st.integers(a + 1, n)) for a in begin]
    arrays = (np.array(values, dtype=np.int64) for values in (codes, begin, end))
    actual = [values.tolist() for values in majority(*arrays, scale)]
    assert actual == list(majority_by_counting(codes, begin, end, scale))
