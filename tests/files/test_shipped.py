"""Names of the models that come with the package, and model cards in files."""

import shutil
from pathlib import Path

import pytest
from sklearn.base import clone

from relcon_sklearn import FeatureDistance, RelConEmbedder, list_pretrained
from relcon_sklearn._files import _shipped
from relcon_sklearn.exceptions import DamagedFileError


@pytest.fixture
def distance(motion):
    return FeatureDistance(sampling_rate=50).fit(motion[0])


@pytest.fixture
def shipped(distance, tmp_path, monkeypatch):
    """Return a folder that stands for that of the package, with one model."""
    folder = tmp_path / "weights"
    folder.mkdir()
    distance.save(folder / "tiny.safetensors")
    monkeypatch.setattr(_shipped, "_FOLDER", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_names(shipped):
    shutil.copy(shipped / "tiny.safetensors", shipped / "another.safetensors")
    (shipped / "notes.txt").write_text("no model")
    assert list_pretrained() == ["another", "tiny"]


def test_a_name_is_loaded(shipped, distance, motion):
    found = FeatureDistance.from_pretrained("tiny")
    assert (found.transform(motion[0]) == distance.transform(motion[0])).all()


def test_unknown_names(shipped):
    with pytest.raises(FileNotFoundError, match=r"motion-huge does not exist.*Their names: tiny\."):
        FeatureDistance.from_pretrained("motion-huge")


def test_a_path_with_the_name_of_a_model(shipped):
    with pytest.raises(FileNotFoundError, match=r"no folder or file tiny\. Pass 'tiny'"):
        FeatureDistance.from_pretrained(Path("tiny"))


def test_a_model_of_another_class(shipped):
    with pytest.raises(ValueError, match=r"it holds a FeatureDistance; use FeatureDistance\.load"):
        RelConEmbedder.from_pretrained("tiny")


def test_a_folder_with_the_name_of_a_model(shipped, motion):
    other = FeatureDistance(sampling_rate=20).fit(motion[0])
    other.save_pretrained("tiny")
    with pytest.warns(UserWarning, match=r"'tiny' is the model that comes .*Pass '\./tiny'"):
        assert FeatureDistance.from_pretrained("tiny").sampling_rate == 50
    assert FeatureDistance.from_pretrained("./tiny").sampling_rate == 20
    assert FeatureDistance.from_pretrained(shipped.parent / "tiny").sampling_rate == 20


def test_a_card_is_part_of_the_file(distance, motion, tmp_path):
    distance.card_ = "# A distance\n\nOf five people. Müller et al., CC BY 4.0."
    distance.save(tmp_path / "file")
    found = FeatureDistance.load(tmp_path / "file")
    assert found.card_ == distance.card_
    found.save(tmp_path / "again")
    assert FeatureDistance.load(tmp_path / "again").card_ == distance.card_
    assert not hasattr(clone(found), "card_")
    assert not hasattr(found.fit(motion[0]), "card_")
    found.save(tmp_path / "file")
    assert not hasattr(FeatureDistance.load(tmp_path / "file"), "card_")


def test_a_card_is_a_text(distance, tmp_path):
    distance.card_ = {"licence": "CC BY 4.0"}
    with pytest.raises(ValueError, match="card_ is a dict; expected a text"):
        distance.save(tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_a_card_of_a_nested_estimator_is_kept(distance, motion, tmp_path):
    X, _, subjects = motion
    embedder = RelConEmbedder(max_epochs=0).fit(X, groups=subjects)
    embedder.distance_.card_ = "of the distance"
    embedder.save(tmp_path / "file")
    found = RelConEmbedder.load(tmp_path / "file")
    assert found.distance_.card_ == "of the distance"
    assert not hasattr(found, "card_")


def test_a_damaged_card(distance, tmp_path, monkeypatch):
    original = FeatureDistance._write_fitted

    def with_number(self, writer):
        return {**original(self, writer), "card_": 3}

    monkeypatch.setattr(FeatureDistance, "_write_fitted", with_number)
    distance.save(tmp_path / "file")
    with pytest.raises(DamagedFileError, match="card_ is not valid"):
        FeatureDistance.load(tmp_path / "file")
