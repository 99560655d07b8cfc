"""Labels of recordings that have none."""

import json
import sys

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.report import results_file
from benchmarks.downstream import free_living
from benchmarks.downstream.activity_card import activity_card
from benchmarks.downstream.activity_models import WRIST
from benchmarks.downstream.activity_sets import CLASSES, SITTING, WALKING
from benchmarks.downstream.free_living import FREE_LIVING, label_shares, results_of_model
from relcon_sklearn import RelConClassifier
from relcon_sklearn.datasets import make_recordings, save_npz_recordings


@pytest.fixture(scope="module")
def model():
    return RelConClassifier.from_pretrained(WRIST, device="cpu")


def test_shares_of_labels():
    labels = np.array([SITTING, SITTING, WALKING, SITTING])
    shares, of_people = label_shares(labels, np.array(["ann", "ann", "bob", "bob"]))
    assert shares == dict.fromkeys(CLASSES, 0) | {SITTING: 0.75, WALKING: 0.25}
    sitting, walking = CLASSES.index(SITTING), CLASSES.index(WALKING)
    assert of_people[:, sitting].tolist() == [1, 0.5]
    assert of_people[:, walking].tolist() == [0, 0.5]


def test_the_script_predicts_a_file(tmp_path, monkeypatch):
    data = make_recordings(2, duration=65, sampling_rate=32, dropout=0, random_state=0)
    save_npz_recordings(tmp_path / FREE_LIVING, data)
    output = tmp_path / "found.json"
    monkeypatch.setattr(
        sys, "argv", ["free_living", "--pool", f"{tmp_path}", "--output", f"{output}"]
    )
    free_living.main()
    found = json.loads(output.read_text())
    assert found["people"] == 2
    assert found["hours"] == pytest.approx(2 * 60 / 3600)
    assert sum(found["shares"].values()) == pytest.approx(1)
    for label, (least, most) in found["of_people"].items():
        assert least <= found["shares"][label] <= most


def test_results_are_those_of_the_model_in_the_package(model):
    found = results_of_model(model)
    assert found["hours"] > 100
    record = json.loads(results_file("activity-small").read_text())
    with_it, without = activity_card(record, found).text, activity_card(record).text
    assert "hours of hospital shifts" in with_it
    assert "hospital" not in without


def test_results_of_other_weights_are_left_out(model):
    other = RelConClassifier.from_pretrained(WRIST, device="cpu")
    other.head_.out.bias.data[0] += 1
    assert results_of_model(other) is None
    assert results_of_model(model) is not None
