"""Parquet files that are read column by column, against those that pandas reads at once."""

import numpy as np
import pytest

from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import _parquet_in_parts, read_recording
from relcon_sklearn.recordings._parquet_in_parts import read_table
from tests.support.device_files import motion

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

N = 300
DATES = pd.date_range("2024-03-12 23:59:58", periods=N, freq="20ms")  # over midnight
TABLE = pd.DataFrame(
    {
        "text": np.repeat(["walking", "sitting", None], 100),
        "x": np.arange(N) / 50,
        "acc.y": np.ones(N, np.float32),
        "acc": np.arange(N),
        "category": pd.Categorical(["u", "v"] * 150),
        "nullable": pd.array([1, None] * 150, "Int64"),
        "string": pd.array(["q"] * N, "string"),
        "dates": DATES.tz_localize("Europe/Vienna"),
    }
)
TABLE.attrs = {"units": "g", "channels": ["x"]}
TABLES = {
    "no index": TABLE,
    "an index of text": TABLE.set_index("text"),
    "an index of dates": TABLE.set_index("dates"),
    "two indices": TABLE.set_index(["text", "x"]),
    "an index without a name": TABLE.set_axis(np.zeros(N, int)),
    "a range": TABLE.set_axis(range(5, 605, 2)),
    "a range with a name": TABLE.rename_axis("row"),
    "no rows": TABLE[:0],
    "one column": TABLE[["x"]],
    "no columns": TABLE[[]],
    "numbers as names": TABLE.set_axis(range(8), axis=1),
}

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture(params=[70, 1000])
def rows_at_once(request, monkeypatch):
    monkeypatch.setattr(_parquet_in_parts, "_ROWS_AT_ONCE", request.param)


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("name", TABLES)
def test_tables_are_those_of_pandas(name):
    TABLES[name].to_parquet("a.parquet", row_group_size=90)
    table, expected = read_table("a.parquet"), pd.read_parquet("a.parquet")
    pd.testing.assert_frame_equal(table, expected, check_index_type="exact")
    assert table.attrs == expected.attrs == {"units": "g", "channels": ["x"]}


@pytest.mark.usefixtures("rows_at_once")
def test_a_file_that_pandas_did_not_write():
    columns = {"x": np.arange(3.0), "label": ["a", "b", None], "both": [{"a": 1}, {"a": 2}, None]}
    pa.parquet.write_table(pa.table(columns), "a.parquet")
    pd.testing.assert_frame_equal(read_table("a.parquet"), pd.read_parquet("a.parquet"))


FORMS = ["%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ", "%m/%d/%Y %I:%M:%S.%f %p"]


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("form", FORMS)
def test_text_of_dates_is_never_in_memory_as_a_whole(form, monkeypatch):
    frame = pd.DataFrame(motion(N), columns=list("xyz"))
    frame.insert(0, "time", DATES.strftime(form))
    frame.to_parquet("a.parquet", row_group_size=90)
    read, whole = pd.read_parquet, []
    monkeypatch.setattr(
        pd,
        "read_parquet",
        lambda path, columns: whole.extend(columns) or read(path, columns=columns),
    )
    recording = read_recording("a.parquet")
    assert whole == ["x", "y", "z"]
    assert (recording.index.tz is not None) == form.endswith("Z")
    np.testing.assert_array_equal(recording.index.tz_localize(None), DATES)
    np.testing.assert_array_equal(recording, motion(N))
    assert recording.attrs["sampling_rate"] == 50


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("late", ["soon", "2024-03-12 22:00:00+01:00", "14.03.2024 22:00:00"])
def test_text_of_dates_that_cannot_be_read(late):
    frame = pd.DataFrame(motion(N), columns=list("xyz"))
    frame["time"] = np.where(np.arange(N) > 200, late, DATES.astype(str))
    frame.to_parquet("a.parquet")
    with pytest.raises(ValueError, match="which cannot be read as times"):
        read_recording("a.parquet")


def test_text_of_dates_beside_the_times_of_a_recording_of_this_package():
    frame = pd.DataFrame(motion(N), DATES.rename("time"), columns=list("xyz"))
    frame["event"] = DATES.astype(str)
    frame.attrs = {"sampling_rate": 50.0, "units": "g", "channels": list("xyz")}
    frame.to_parquet("a.parquet")
    pd.testing.assert_frame_equal(read_recording("a.parquet"), pd.read_parquet("a.parquet"))


def test_columns_of_the_same_name():
    values = [pa.array(np.arange(3.0))] * 3
    table = pa.Table.from_arrays(values, names=["x", "y", "x"])
    pa.parquet.write_table(table, "a.parquet")
    with pytest.raises(DamagedFileError, match="several columns have one name: 'x'"):
        read_recording("a.parquet")


def test_a_file_that_is_damaged(tmp_path):
    TABLE.to_parquet("a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[:-30] + b"PAR1")
    with pytest.raises(DamagedFileError, match=r"a.parquet cannot be read as parquet"):
        read_recording("a.parquet")
