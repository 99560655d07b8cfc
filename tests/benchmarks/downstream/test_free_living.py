"""Labels of recordings that have none."""

import numpy as np
import pytest

from benchmarks.downstream.activity_sets import CLASSES, SITTING, WALKING
from benchmarks.downstream.free_living import label_shares, predict_free_living
from relcon_sklearn import RelConClassifier
from relcon_sklearn.datasets import make_recordings, save_npz_recordings


def test_shares_of_labels():
    labels = np.array([SITTING, SITTING, WALKING, SITTING])
    shares, of_people = label_shares(labels, np.array(["ann", "ann", "bob", "bob"]))
    assert shares == dict.fromkeys(CLASSES, 0) | {SITTING: 0.75, WALKING: 0.25}
    sitting, walking = CLASSES.index(SITTING), CLASSES.index(WALKING)
    assert of_people[:, sitting].tolist() == [1, 0.5]
    assert of_people[:, walking].tolist() == [0, 0.5]


def test_predictions_of_a_file(tmp_path):
    data = make_recordings(2, duration=65, sampling_rate=32, dropout=0, random_state=0)
    save_npz_recordings(tmp_path / "shifts.npz", data)
    model = RelConClassifier.from_pretrained("activity-small-wrist", device="cpu")
    found = predict_free_living(model, tmp_path / "shifts.npz", window=10)
    assert found["people"] == 2
    assert found["hours"] == pytest.approx(2 * 60 / 3600)
    assert sum(found["shares"].values()) == pytest.approx(1)
    for label, (least, most) in found["of_people"].items():
        assert least <= found["shares"][label] <= most
