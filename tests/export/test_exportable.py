"""Exported files compute what the estimators compute, or are not written."""

import json
import sys

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

import relcon_sklearn
from relcon_sklearn._export._exportable import _on_cpu
from relcon_sklearn.nn import PulsePPGEncoder
from tests.support.estimators import tiny_classifier, tiny_embedder, tiny_regressor
from tests.support.untrained import fit

UNTRAINED = {"max_epochs": 0, "validation_fraction": 0}
LENGTHS = [1, 5, 64, 99]


@pytest.fixture(scope="module")
def embedder():
    return fit(tiny_embedder(**UNTRAINED, sampling_rate=50), segments(20))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exported")


def segments(n, n_timesteps=64):
    shape = (n, n_timesteps, 3)
    return np.random.default_rng(1).normal([0, 0, 1], 0.3, shape).astype(np.float32)


class Pooled(nn.Module):
    """An encoder of a user."""

    def __init__(self, n_channels):
        super().__init__()
        self.conv = nn.Conv1d(n_channels, 4, 5)

    def forward(self, x):
        return self.conv(x).mean(dim=2)


class Branching(Pooled):
    """One whose computation depends on values."""

    def forward(self, x):
        return super().forward(x if x.mean() > 0 else -x)


class Dishonest(Pooled):
    """One that computes something else when it is exported."""

    def forward(self, x):
        return super().forward(x) + torch.compiler.is_exporting()


def with_encoder(encoder):
    return fit(tiny_embedder(**UNTRAINED, encoder=encoder), segments(20))


@pytest.fixture(scope="module")
def classifier():
    targets = np.array(["walking", "running"])[np.arange(20) % 2]
    model = tiny_classifier(max_epochs=1, sampling_rate=50).fit(segments(20), targets)
    model.card_ = "A card."
    return model


@pytest.fixture(scope="module")
def session(classifier, folder):
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name)
    runtime = pytest.importorskip("onnxruntime")
    classifier.export(folder / "model.onnx")
    return runtime.InferenceSession(folder / "model.onnx")


class TestOnnx:
    @pytest.mark.parametrize("n_timesteps", LENGTHS)
    @pytest.mark.parametrize("n", [1, 7])
    @pytest.mark.filterwarnings("ignore:X of shape:UserWarning", "ignore:X has segments of")
    def test_probabilities(self, classifier, session, n, n_timesteps):
        X = segments(n, n_timesteps)
        (found,) = session.run(["probabilities"], {"segments": X})
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, classifier.predict_proba(X), atol=1e-6)

    def test_metadata(self, session):
        assert session.get_modelmeta().custom_metadata_map == {
            "kind": "RelConClassifier",
            "relcon_sklearn": relcon_sklearn.__version__,
            "dtype": "float32",
            "units": "g",
            "n_channels": "3",
            "n_timesteps": "64",
            "sampling_rate": "50.0",
            "classes": '["running", "walking"]',
            "card": "A card.",
        }

    def test_sizes_have_names(self, session):
        (given,) = session.get_inputs()
        assert given.shape == ["n_segments", "n_timesteps", 3]
        assert session.get_outputs()[0].shape == ["n_segments", 2]

    def test_there_are_no_paths_of_this_machine(self, session, folder):
        assert b".py" not in (folder / "model.onnx").read_bytes()


@pytest.mark.parametrize("n_timesteps", LENGTHS)
def test_other_lengths_are_compared_without_a_warning(classifier, n_timesteps):
    _on_cpu(classifier).predict_proba(segments(2, n_timesteps))


class TestProgram:
    def test_values_on_the_scale_of_the_targets(self, folder):
        model = tiny_regressor(max_epochs=1).fit(segments(20), 100 + 20.0 * np.arange(20))
        model.export(folder / "values.pt2")
        extra = {"metadata.json": ""}
        program = torch.export.load(folder / "values.pt2", extra_files=extra)
        metadata = json.loads(extra["metadata.json"])
        assert metadata["kind"] == "RelConRegressor"
        assert metadata["n_channels"] == 3
        assert "sampling_rate" not in metadata
        X = segments(5)
        found = program.module()(torch.from_numpy(X)).detach()
        np.testing.assert_allclose(found, model.predict(X), rtol=1e-5)

    def test_float16_leaves_the_estimator_as_it_is(self, folder):
        model = fit(tiny_embedder(**UNTRAINED, precision="bfloat16"), segments(20))
        model.set_output(transform="pandas")
        X, encoder = segments(5), model.encoder_
        before = model.transform(X)
        model.export(folder / "half.pt2", dtype="float16")
        assert model.encoder_ is encoder
        assert model.precision == "bfloat16"
        np.testing.assert_array_equal(model.transform(X), before)

        program = torch.export.load(folder / "half.pt2")
        assert program.state_dict["encoder.stem_conv.weight"].dtype == torch.float16
        found = program.module()(torch.from_numpy(X)).detach().numpy()
        expected = model.set_params(precision="float32").transform(X).to_numpy()
        assert found.dtype == np.float32
        assert 0 < np.abs(found - expected).max() < 5e-3 * np.abs(expected).max()

    def test_an_encoder_that_needs_a_number_of_time_steps(self, folder):
        model = with_encoder(Pooled)
        model.export(folder / "own", format="pt2")
        module = torch.export.load(folder / "own").module()
        X = segments(2, 5)
        np.testing.assert_allclose(
            module(torch.from_numpy(X)).detach(), model.transform(X), atol=1e-6
        )


class TestErrors:
    def test_not_fitted(self, tmp_path):
        with pytest.raises(NotFittedError):
            tiny_embedder().export(tmp_path / "model.onnx")

    def test_unknown_suffix(self, embedder, tmp_path):
        with pytest.raises(ValueError, match=r"model.bin is not a known format. Pass format="):
            embedder.export(tmp_path / "model.bin")

    def test_unknown_format(self, embedder, tmp_path):
        with pytest.raises(ValueError, match="format='tflite' is not a known format"):
            embedder.export(tmp_path / "model.onnx", format="tflite")

    def test_unknown_dtype(self, embedder, tmp_path):
        with pytest.raises(ValueError, match="dtype='int8' is not supported"):
            embedder.export(tmp_path / "model.pt2", dtype="int8")

    @pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
    def test_missing_package(self, embedder, tmp_path, monkeypatch, package):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=r"pip install relcon_sklearn\[export\]"):
            embedder.export(tmp_path / "model.onnx")

    @pytest.mark.parametrize(
        ("encoder", "reason"),
        [
            (Branching, "torch cannot export encoder=.*The reason: "),
            # It is in the docstring of export: mend both if it can be exported.
            (
                PulsePPGEncoder,
                r"not the same as transform .*does not run for segments of shape \(1, 1, 3\)",
            ),
            (Dishonest, "not the same as transform of this RelConEmbedder, .*differ by"),
        ],
        ids=["values", "lengths", "parity"],
    )
    def test_what_cannot_be_exported_leaves_the_file_that_was_there(
        self, tmp_path, encoder, reason
    ):
        small = {"width": 2, "n_blocks": 2} if encoder is PulsePPGEncoder else {}
        model = with_encoder(lambda n_channels: encoder(n_channels, **small))
        (tmp_path / "model.pt2").write_text("old")
        with pytest.raises(ValueError, match=f"(?s){reason}"):
            model.export(tmp_path / "model.pt2")
        assert (tmp_path / "model.pt2").read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]
