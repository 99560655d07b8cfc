"""A warning tells of recordings whose rate is far below that of a model."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from relcon_sklearn import MotionFeatures, segment_recordings  # noqa: E402
from relcon_sklearn._recordings._upsampling import warn_of_upsampling  # noqa: E402
from relcon_sklearn.recordings import convert_recordings  # noqa: E402
from relcon_sklearn.timelines import predict_timeline  # noqa: E402
from tests.support.untrained import classifier, embedder, fit  # noqa: E402

X = np.random.default_rng(0).normal([0, 0, 1], 0.1, (20, 37, 3))


def recording(rate):
    index = pd.date_range("2024-03-05", periods=60 * int(rate), freq=pd.Timedelta(1 / rate, "s"))
    values = np.random.default_rng(0).normal([0, 0, 1], 0.1, (len(index), 3))
    frame = pd.DataFrame(values, index, ["x", "y", "z"])
    frame.attrs = {"units": "g", "sampling_rate": rate}
    return frame


def test_the_lowest_rate_is_named():
    recordings = [recording(25), recording(12), recording(10)]
    model = fit(embedder(sampling_rate=50), X)
    with pytest.warns(UserWarning, match="^Upsampling adds no information") as record:
        segment_recordings(recordings, like=model, subjects=["ann", "bob", "cy"])
    message = str(record[0].message)
    assert "recording 2 (subject cy) has 10 Hz, the lowest of 2 such recordings, and" in message
    assert "its segments get 50 Hz, the rate of the model. They lack movement above 5" in message
    assert len(record) == 1


def test_a_timeline():
    with pytest.warns(UserWarning, match="the recording has 12 Hz, and its segments get 50 Hz"):
        predict_timeline(fit(classifier(sampling_rate=50), X), recording(12))


def test_a_conversion_for_a_model(tmp_path):
    model = MotionFeatures(sampling_rate=50).fit(X)

    def read(path):
        return recording(12 if path.endswith("bob") else 20)

    files = [tmp_path / "ann", tmp_path / "bob"]
    for file in files:
        file.touch()
    with pytest.warns(UserWarning, match="Warnings about 1 of 2 files.*bob: Upsampling adds no"):
        table = convert_recordings(files, tmp_path / "out", like=model, read=read)
    assert table["warnings"]["bob"].startswith("Upsampling adds no information: recording 0 has 12")
    convert_recordings(files, tmp_path / "free", target_rate=50, read=read)


@pytest.mark.parametrize("rate", [20, 50, 100])
def test_rates_that_are_close_enough_or_higher(rate):
    segment_recordings(recording(rate), like=MotionFeatures(sampling_rate=50).fit(X))
    warn_of_upsampling([rate, 20.0], 50.0, ["a", "b"])


def test_without_a_model_the_rate_is_free_to_choose():
    segment_recordings(recording(12), target_rate=50)
