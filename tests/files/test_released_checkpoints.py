"""Checkpoints of the released code: loading them, and refusing other files."""

import os
import pickle
import time
import zipfile
from collections import OrderedDict
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._files._released_checkpoints import as_encoder
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.nn import PulsePPGEncoder, ResNet1D
from relcon_sklearn.nn._released_networks import ReleasedNet
from tests.support.estimators import tiny_classifier, tiny_distance
from tests.support.reference import euclidean
from tests.support.released import (
    pulse_ppg_layout,
    random_weights,
    relcon_layout,
    with_prefix,
    write_released,
)

# The fixture, and the prefix of the names of the weights.
ENCODERS = {
    "relcon": ("vectors", "resnet_small/"),
    "relcon, full size": ("full_vectors", "resnet/"),
    "pulse-ppg": ("pulse_ppg", "ppg/"),
    "pulse-ppg, larger": ("full_pulse_ppg", "ppg/"),
}
RESNET = {"n_blocks": (2, 2, 3), "widths": (8, 16, 32), "kernel_sizes": (3, 4, 4)}
PARAMETER = {
    "relcon": (ResNet1D, RESNET),
    "relcon, full size": "relcon",
    "pulse-ppg": (PulsePPGEncoder, {"width": 4, "n_blocks": 12, "kernel_size": 11}),
    "pulse-ppg, larger": (PulsePPGEncoder, {"width": 16, "n_blocks": 12, "kernel_size": 11}),
}


class Case:
    """A checkpoint of an encoder, and its embeddings of segments."""

    def __init__(self, name, arrays, prefix, folder):
        self.name = name
        self.theirs = with_prefix(arrays, prefix)
        self.path = write_released(folder / "checkpoint_best.pkl", self.theirs)
        if prefix == "ppg/":
            self.X, self.expected = arrays["input"].mT.numpy(), arrays["embed"].numpy()
        else:
            self.X = torch.cat([arrays["anchors"], arrays["candidates"]]).numpy()
            self.expected = arrays[prefix.replace("/", "_embed")].numpy()


@pytest.fixture(params=ENCODERS)
def case(request, tmp_path):
    fixture, prefix = ENCODERS[request.param]
    return Case(request.param, request.getfixturevalue(fixture), prefix, tmp_path)


@pytest.fixture
def small(vectors, tmp_path):
    return Case("relcon", vectors, "resnet_small/", tmp_path)


@pytest.fixture
def motif_file(vectors, tmp_path):
    return write_released(tmp_path / "motifdist.pkl", with_prefix(vectors, "xattn/")), vectors


def error_of(actual, expected):
    return np.linalg.norm(actual.astype(np.float64) - expected) / np.linalg.norm(expected)


def written_out(encoder):
    """Return a parameter, which is a name or a partial, in a form that can be compared."""
    return encoder if isinstance(encoder, str) else (encoder.func, encoder.keywords)


class TestEncoders:
    def test_embed_as_the_released_networks(self, case):
        embedder = RelConEmbedder.from_released_checkpoint(case.path)
        embeddings = embedder.transform(case.X)
        assert embeddings.dtype == np.float32
        assert error_of(embeddings, case.expected) < 1e-4
        assert (
            error_of(pickle.loads(pickle.dumps(embedder)).transform(case.X), case.expected) < 1e-4
        )

    def test_are_described_by_parameters_that_make_one_like_it(self, case):
        embedder = RelConEmbedder.from_released_checkpoint(case.path, batch_size=8)
        assert written_out(embedder.encoder) == PARAMETER[case.name]
        again = clone(embedder)
        assert not hasattr(again, "history_")
        assert again.batch_size == 8
        again.set_params(distance=euclidean, max_epochs=0, validation_fraction=0).fit(case.X)
        shapes = {k: v.shape for k, v in embedder.encoder_.state_dict().items()}
        assert {k: v.shape for k, v in again.encoder_.state_dict().items()} == shapes

    def test_attributes(self, case):
        embedder = RelConEmbedder.from_released_checkpoint(case.path)
        assert embedder.history_ == [{"epoch": 7, "test_loss": 123.5}]
        assert embedder.n_channels_in_ == case.X.shape[2]
        assert not hasattr(embedder, "n_features_in_")
        assert embedder.distance_ is None
        assert not embedder.encoder_.training
        assert len(embedder.get_feature_names_out()) == case.expected.shape[1]
        assert joblib.hash(embedder) == joblib.hash(pickle.loads(pickle.dumps(embedder)))

    @pytest.mark.parametrize("n_timesteps", [1, 10, 256, 301])
    def test_segments_of_any_length(self, case, n_timesteps):
        n_channels = case.X.shape[2]
        embedder = RelConEmbedder.from_released_checkpoint(case.path, n_channels=n_channels)
        X = np.resize(case.X, (3, n_timesteps, n_channels))
        embeddings = embedder.transform(X)
        assert np.isfinite(embeddings).all()
        flat = X.reshape(3, n_timesteps * n_channels)
        np.testing.assert_array_equal(embedder.transform(flat), embeddings)

    @pytest.mark.parametrize("freeze", ["encoder", 1])
    def test_can_be_fine_tuned(self, case, freeze):
        embedder = RelConEmbedder.from_released_checkpoint(case.path)
        before = {k: v.clone() for k, v in embedder.encoder_.state_dict().items()}
        X = np.concatenate([case.X, case.X[::-1]])[:, :64]
        y = np.arange(len(X)) % 2
        model = tiny_classifier(
            encoder=FrozenEstimator(embedder), freeze=freeze, max_epochs=2, validation_fraction=0
        ).fit(X, y)
        assert model.predict(X).shape == y.shape
        after = embedder.encoder_.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())
        learned = model.encoder_.state_dict()
        same = {name for name in before if torch.equal(before[name], learned[name])}
        if freeze == "encoder":
            assert same == before.keys()
        else:
            assert {name for name in before if name.startswith(("stem", "blocks.0."))} <= same
            assert same < before.keys()

    def test_channels_must_be_as_many(self, small):
        embedder = RelConEmbedder.from_released_checkpoint(small.path)
        with pytest.raises(ValueError, match="X has 2 channels, but RelConEmbedder was fitted"):
            embedder.transform(small.X[..., :2])

    @pytest.mark.usefixtures("global_rng_untouched")
    def test_no_global_generator_is_drawn_from(self, case):
        RelConEmbedder.from_released_checkpoint(case.path)

    def test_file_written_on_a_gpu(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        path = write_released(tmp_path / "gpu.pkl", small.theirs)
        assert b"cuda:0" in path.read_bytes()
        embedder = RelConEmbedder.from_released_checkpoint(path, device="cpu")
        assert error_of(embedder.transform(small.X), small.expected) < 1e-4

    def test_file_may_be_gone_or_changed_afterwards(self, small):
        embedder = RelConEmbedder.from_released_checkpoint(small.path)
        small.path.write_bytes(bytes(small.path.stat().st_size))
        small.path.unlink()
        assert error_of(embedder.transform(small.X), small.expected) < 1e-4

    @pytest.mark.parametrize("kind", [OrderedDict, dict])
    def test_state_dict_of_a_module(self, small, tmp_path, kind):
        # The class of a state dict has metadata in addition to the tensors.
        theirs = OrderedDict(small.theirs)
        theirs._metadata = OrderedDict({"": {"version": 1}})
        path = write_released(tmp_path / "metadata.pkl", theirs, net=kind(theirs))
        RelConEmbedder.from_released_checkpoint(str(path))
        path = write_released(tmp_path / "int.pkl", theirs, net=theirs, epoch=0, test_loss=0)
        assert RelConEmbedder.from_released_checkpoint(path).history_ == [
            {"epoch": 0, "test_loss": 0.0}
        ]


class TestSizes:
    @pytest.mark.parametrize(
        ("layout", "encoder"),
        [
            (relcon_layout((3, 4, 6), (64, 128, 256), (3, 4, 4)), "relcon"),
            # Released encoders average over time: the smaller presets, which do not, differ.
            (
                relcon_layout((2, 2, 2), (32, 64, 128), (3, 4, 4), n_channels=6),
                {"n_blocks": (2, 2, 2), "widths": (32, 64, 128), "kernel_sizes": (3, 4, 4)},
            ),
            (
                relcon_layout((1,), (5,), (2,)),
                {"n_blocks": (1,), "widths": (5,), "kernel_sizes": (2,)},
            ),
            # With equal widths, a change of the kernel size starts a new stage.
            (
                relcon_layout((1, 2), (4, 4), (3, 5)),
                {"n_blocks": (1, 2), "widths": (4, 4), "kernel_sizes": (3, 5)},
            ),
            (pulse_ppg_layout(2, 5, 4, 3), {"width": 2, "n_blocks": 5, "kernel_size": 4}),
        ],
    )
    def test_are_told_by_names_and_shapes(self, layout, encoder, tmp_path):
        path = write_released(tmp_path / "file.pkl", random_weights(layout))
        embedder = RelConEmbedder.from_released_checkpoint(path)
        if isinstance(encoder, str):
            assert embedder.encoder == encoder
        else:
            assert embedder.encoder.keywords == encoder
        X = np.ones((2, 40, embedder.n_channels_in_))
        assert np.isfinite(embedder.transform(X)).all()

    def test_pulse_ppg_as_released_has_a_name(self):
        settings = {"n_channels": 1, "width": 128, "n_blocks": 12, "kernel_size": 11}
        assert as_encoder(ReleasedNet(PulsePPGEncoder, settings, {})) == "pulse-ppg"
        other = ReleasedNet(PulsePPGEncoder, settings | {"n_blocks": 8}, {})
        assert as_encoder(other).keywords["n_blocks"] == 8


class TestDistance:
    @pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
    def test_distances_are_as_those_of_the_released_network(self, motif_file, attention):
        path, arrays = motif_file
        distance = LearnedMotifDistance.from_released_checkpoint(path, attention=attention)
        anchors, candidates = arrays["anchors"].numpy(), arrays["candidates"].numpy()
        expected = arrays[f"dist_{attention}_f64"].numpy()
        assert error_of(distance.pairwise(anchors, candidates), expected) < 1e-4
        copy = pickle.loads(pickle.dumps(distance))
        assert error_of(copy.pairwise(anchors, candidates), expected) < 1e-4
        assert distance.net_.attention == attention

    def test_attributes_and_parameters(self, motif_file):
        path, _ = motif_file
        distance = LearnedMotifDistance.from_released_checkpoint(path, batch_size=16)
        assert distance.history_ == [{"epoch": 7, "test_loss": 123.5}]
        assert distance.n_channels_in_ == 3
        # The defaults are the published settings.
        default = LearnedMotifDistance(batch_size=16)
        assert distance.get_params() == default.get_params() == clone(distance).get_params()

    def test_transform_wants_references(self, motif_file):
        path, arrays = motif_file
        anchors, references = arrays["anchors"].numpy(), arrays["candidates"].numpy()
        bare = LearnedMotifDistance.from_released_checkpoint(path)
        with pytest.raises(ValueError, match=r"has no references\. Use pairwise"):
            bare.transform(anchors)
        assert len(bare.get_feature_names_out()) == 0
        distance = LearnedMotifDistance.from_released_checkpoint(path, references=references)
        np.testing.assert_array_equal(
            distance.transform(anchors), bare.pairwise(anchors, references)
        )
        assert distance.n_references == len(distance.get_feature_names_out()) == len(references)
        np.testing.assert_array_equal(distance.references_, references)
        np.testing.assert_array_equal(distance.reference_rows_, np.arange(len(references)))

    def test_references_are_checked(self, motif_file):
        with pytest.raises(ValueError, match="references has 2 channels"):
            LearnedMotifDistance.from_released_checkpoint(
                motif_file[0], references=np.zeros((4, 20, 2))
            )

    def test_other_methods(self, motif_file):
        path, arrays = motif_file
        distance = LearnedMotifDistance.from_released_checkpoint(path)
        anchor, candidate = arrays["anchors"][1].numpy(), arrays["candidates"][3].numpy()
        assert (arrays["pairs"][1] == torch.tensor([1, 3])).all()
        reconstructed = distance.reconstruct(anchor, candidate)
        assert error_of(reconstructed, arrays["recon_sparsemax"][1].numpy()) < 1e-4
        weights = distance.attention_map(anchor, candidate)
        assert error_of(weights, arrays["attn_sparsemax_pair1"].numpy()) < 1e-4
        assert np.isfinite(distance.score(arrays["anchors"].numpy()))

    @pytest.mark.parametrize("kernel_size", [15, 9])
    def test_other_sizes(self, tmp_path, kernel_size):
        layout = {"revin.affine_weight": (2,), "revin.affine_bias": (2,)}
        for net in ("q_func", "k_func", "v_func"):
            conv = f"{net}.layer0.dilated_conv"
            layout |= {f"{conv}.weight": (16, 2, kernel_size), f"{conv}.bias": (16,)}
            for i in range(3):
                layer = f"{net}.layers.{i}"
                layout |= {f"{layer}.bottle.weight": (2, 16, 1), f"{layer}.bottle.bias": (2,)}
                layout |= {f"{layer}.dilated_conv.weight": (16, 2, kernel_size)}
                layout |= {f"{layer}.dilated_conv.bias": (16,)}
        layout |= {"out_proj.weight": (2, 16), "out_proj.bias": (2,)}
        path = write_released(tmp_path / "file.pkl", random_weights(layout))
        if kernel_size == 15:
            distance = LearnedMotifDistance.from_released_checkpoint(path)
        else:
            with pytest.warns(UserWarning, match="convolutions of 9 time steps.* no parameter"):
                distance = LearnedMotifDistance.from_released_checkpoint(path)
        assert (distance.embed_dim, distance.n_layers) == (16, 3)
        X = np.random.default_rng(0).normal(size=(3, 30, 2))
        copy = pickle.loads(pickle.dumps(distance))
        np.testing.assert_array_equal(copy.pairwise(X), distance.pairwise(X))

    @pytest.mark.parametrize("name", ["revin", "embed_dim", "n_layers"])
    def test_its_size_cannot_be_chosen(self, motif_file, name):
        with pytest.raises(TypeError, match=f"multiple values for keyword argument '{name}'"):
            LearnedMotifDistance.from_released_checkpoint(motif_file[0], **{name: 1})


class TestRanking:
    def test_score_wants_a_distance(self, small):
        embedder = RelConEmbedder.from_released_checkpoint(small.path)
        with pytest.raises(ValueError, match=r"Pass distance=\.\.\. to from_released_ch"):
            embedder.score(small.X)

    def test_distance_from_a_file_a_fitted_one_or_a_frozen_one(self, small, motif_file):
        path, _ = motif_file
        load = partial(RelConEmbedder.from_released_checkpoint, small.path)
        fitted = LearnedMotifDistance.from_released_checkpoint(path)
        embedders = [load(distance=d) for d in (path, str(path), fitted, FrozenEstimator(fitted))]
        groups = np.arange(len(small.X)) // 2
        scores = {embedder.score(small.X, groups=groups) for embedder in embedders}
        assert len(scores) == 1
        assert np.isfinite(scores.pop())
        assert embedders[-1].distance_ is embedders[-2].distance_ is fitted

    def test_callable(self, small):
        embedder = RelConEmbedder.from_released_checkpoint(small.path, distance=euclidean)
        assert embedder.distance_ is embedder.distance is euclidean
        assert np.isfinite(embedder.score(small.X, groups=np.arange(len(small.X)) // 2))

    def test_a_clone_is_trained_by_the_same_distance(self, small, motif_file):
        path, _ = motif_file
        embedder = RelConEmbedder.from_released_checkpoint(
            small.path, distance=path, max_epochs=1, validation_fraction=0, random_state=0
        )
        again = clone(embedder).fit(small.X, groups=np.arange(len(small.X)) // 2)
        assert again.distance_.history_ == embedder.distance_.history_
        for name, value in again.distance_.net_.state_dict().items():
            assert torch.equal(value, embedder.distance_.net_.state_dict()[name])
        assert again.n_features_in_ == 256

    def test_unfitted_or_other_distances_are_refused(self, small, motion):
        load = partial(RelConEmbedder.from_released_checkpoint, small.path)
        with pytest.raises(NotFittedError):
            load(distance=tiny_distance())
        X = motion[0][:, :, :2]
        two = tiny_distance(max_epochs=1).fit(X, groups=motion[2])
        with pytest.raises(ValueError, match="fitted with 2 channels, but the encoder with 3"):
            load(distance=two)
        with pytest.raises(ValueError, match="Pass a fitted LearnedMotifDistance"):
            load(distance=RelConEmbedder())

    def test_the_rate_is_that_of_the_distance(self, small):
        distance = tiny_distance(max_epochs=0, validation_fraction=0, sampling_rate=50)
        load = partial(
            RelConEmbedder.from_released_checkpoint, small.path, distance=distance.fit(small.X)
        )
        assert load().sampling_rate_ == load(sampling_rate=50).sampling_rate_ == 50
        refused = r"sampling_rate=100, but the fitted LearnedMotifDistance has .* 50 Hz"
        with pytest.raises(ValueError, match=refused):
            load(sampling_rate=100)

    def test_parameters_are_checked(self, small):
        load = partial(RelConEmbedder.from_released_checkpoint, small.path)
        with pytest.raises(ValueError, match="The 'batch_size' parameter"):
            load(batch_size=-1)
        with pytest.raises(TypeError, match="multiple values for keyword argument 'encoder'"):
            load(encoder="resnet34")


class TestTraining:
    """Pulse-PPG's dropout draws from torch's global generators."""

    encoder = partial(PulsePPGEncoder, width=2, n_blocks=5)

    @pytest.mark.usefixtures("global_rng_untouched")
    def test_pretraining_is_repeatable(self, motion):
        X, _, subjects = motion
        make = partial(RelConEmbedder, euclidean, encoder=self.encoder, max_epochs=2, n_within=2)
        embedders = [
            make(batch_size=8, random_state=seed).fit(X, groups=subjects) for seed in (0, 0, 1)
        ]
        first, second, other = (embedder.transform(X) for embedder in embedders)
        np.testing.assert_array_equal(first, second)
        assert embedders[0].history_ == embedders[1].history_
        assert not np.allclose(first, other)

    @pytest.mark.usefixtures("global_rng_untouched")
    @pytest.mark.parametrize("freeze", ["none", 1, "encoder"])
    def test_fine_tuning_is_repeatable(self, motion, freeze):
        X, y, subjects = motion
        make = partial(tiny_classifier, encoder=self.encoder, freeze=freeze, max_epochs=2)
        first, second = (make().fit(X, y, groups=subjects).predict_proba(X) for _ in range(2))
        np.testing.assert_array_equal(first, second)


class Command:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def without(theirs, name):
    return {k: v for k, v in theirs.items() if k != name}


# The change of the network, and the message of the refusal.
WRONG_NETS = {
    "missing": (
        lambda w: without(w, "basicblock_list.3.bn2.running_var"),
        r"ResNet1D\(n_channels=3, n_blocks=\(2, 2, 3\).*running_var missing",
    ),
    "missing block": (
        lambda w: {k: v for k, v in w.items() if not k.startswith("basicblock_list.1.")},
        r"n_blocks=\(1,\).*basicblock_list.2.bn1.weight.* unexpected",
    ),
    "no block": (
        lambda w: {k: v for k, v in w.items() if not k.startswith("basicblock_list")},
        "no residual block",
    ),
    "extra": (lambda w: w | {"fc.weight": torch.zeros(3, 32)}, "fc.weight unexpected"),
    "misshapen": (
        lambda w: w | {"first_block_bn.bias": torch.zeros(9)},
        r"first_block_bn.bias has shape \(9,\) where \(8,\) is expected",
    ),
    "not a convolution": (
        lambda w: w | {"basicblock_list.1.conv1.weight": torch.zeros(8, 8)},
        r"has shape \(8, 8\); expected \(out_channels",
    ),
    "prefixed": (
        lambda w: {f"module.{k}": v for k, v in w.items()},
        r"\(module.first_block_conv.weight, .* and 106 more\) do not belong to an encoder",
    ),
    "NaN": (
        lambda w: w | {"first_block_bn.bias": torch.full((8,), torch.nan)},
        "first_block_bn.bias has weights that are NaN or infinite",
    ),
    "infinite": (
        lambda w: w | {"first_block_bn.bias": torch.full((8,), -torch.inf)},
        "NaN or infinite",
    ),
    "float64": (
        lambda w: w | {"first_block_bn.bias": torch.zeros(8).double()},
        "tensor of torch.float64.* expected torch.float32",
    ),
    "float counter": (
        lambda w: w | {"first_block_bn.num_batches_tracked": torch.tensor(1.0)},
        "expected torch.int64",
    ),
    "sparse": (
        lambda w: w | {"first_block_bn.bias": torch.eye(8).to_sparse()},
        r"more than tensors and plain values \(torch._utils._rebuild_sparse_tensor\)",
    ),
    "one value, a million times": (
        lambda w: w | {"first_block_bn.bias": torch.zeros(1).expand(2**40)},
        "expected torch.float32, dense",
    ),
    "one tensor, many times": (
        lambda w: w | dict.fromkeys("abcdefghijklmnopqrstuvwxyz", torch.zeros(2**17)),
        "its tensors are larger than the file",
    ),
    "empty": (lambda w: w | {"first_block_bn.bias": torch.zeros(0)}, "not empty"),
    "no tensor": (lambda w: w | {"first_block_bn.bias": [0.0] * 8}, "a list; expected names and"),
    "no name": (lambda w: w | {3: torch.zeros(8)}, "expected names and tensors"),
    "nothing": (lambda w: {}, "its net is a dict, not a state dict"),
}


# The content of a pickle of protocol 2, and the message of the refusal.
NESTED = b")" + b"q\x01h\x01\x86" * 40
NUMBER = b"\x8a\x09" + (2**70).to_bytes(9, "little")
COSTLY = {
    "key of nested tuples": (b"}" + NESTED + b"Ns", "key of type tuple"),
    "key of nested tuples, of many items": (
        b"}(" + NESTED + b"Nu",
        "key of type tuple",
    ),
    "key of nested tuples, in an OrderedDict": (
        b"ccollections\nOrderedDict\n" + NESTED + b"N\x86\x85\x85R",
        "OrderedDict with arguments",
    ),
    "bytearray": (b"c__builtin__\nbytearray\nJ\x00\x5e\xd0\x7f\x85R", "__builtin__.bytearray"),
    "set": (b"c__builtin__\nset\n]\x85R", "__builtin__.set"),
    "copies by DUP": (b")2\x86", "the opcode DUP"),
    "int that floats cannot hold": (NUMBER, "a huge integer"),
    "keys of equal hashes": (b"}J\xff\xff\xff\x7fNs", "key of type int"),
    "attributes": (
        b"ccollections\nOrderedDict\n)R}X\x04\x00\x00\x00keysNsb",
        "attributes of an object",
    ),
    "tensor of no storage": (b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89NtR", "_v2 with"),
    "many objects": (b"(" + b"}" * 2**20 + b"t", "bytes, more than 1048576"),
    "empty stack": (b"t", "a malformed pickle"),
    "unknown memo": (b"h\x07", "a malformed pickle"),
    "truncated": (b"X\xff\x00", "a malformed pickle"),
}


class TestRefusals:
    def refused(self, path, message):
        kind = ValueError if path.is_dir() else DamagedFileError
        with pytest.raises(kind, match=message) as caught:
            RelConEmbedder.from_released_checkpoint(path)
        assert str(path) in str(caught.value)

    @pytest.mark.parametrize("wrong", WRONG_NETS)
    def test_of_weights(self, small, tmp_path, wrong):
        change, message = WRONG_NETS[wrong]
        net = change(small.theirs)
        self.refused(write_released(tmp_path / "f.pkl", small.theirs, net=net), message)

    def test_of_widths_that_pulse_ppg_cannot_have(self, pulse_ppg, tmp_path):
        theirs = with_prefix(pulse_ppg, "ppg/")
        theirs["basicblock_list.4.conv1.conv.weight"] = torch.zeros(16, 4, 11)
        path = write_released(tmp_path / "file.pkl", theirs)
        self.refused(path, "has 16 output channels; expected 8: the width doubles")

    def test_of_pulse_ppg_that_is_not_complete(self, pulse_ppg, tmp_path):
        theirs = without(with_prefix(pulse_ppg, "ppg/"), "basicblock_list.0.bn1.weight")
        path = write_released(tmp_path / "file.pkl", theirs)
        self.refused(path, "basicblock_list.0.bn1.weight missing")

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ({"more": 1}, "it holds net, optimizer, test_loss, epoch, more. Expected a file"),
            ({"epoch": 1.0}, "its epoch is 1.0; expected an int"),
            ({"epoch": True}, "its epoch is True; expected an int"),
            ({"epoch": -1}, "its epoch is -1; expected an int of at least 0"),
            ({"test_loss": "low"}, "its test_loss is 'low'; expected a finite number"),
            ({"test_loss": float("nan")}, "its test_loss is nan"),
            ({"test_loss": torch.tensor(1.0)}, "its test_loss is tensor"),
            ({"optimizer": None}, "its optimizer is not a state dict"),
            ({"optimizer": {"state": {}}}, "its optimizer is not a state dict"),
            ({"net": [torch.zeros(3)]}, "its net is a list, not a state dict"),
        ],
    )
    def test_of_entries(self, small, tmp_path, entries, message):
        self.refused(write_released(tmp_path / "f.pkl", small.theirs, **entries), message)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (lambda w: w, "it holds a bare state dict"),
            (lambda w: {"net": w}, "it holds net. Expected a file"),
            (lambda w: {"net": w, "optimizer": {}, "epoch": 0}, "it holds net, optimizer, epoch"),
            (lambda w: {}, "it holds nothing. Expected a file"),
            (lambda w: [w], "it holds a list"),
            (lambda w: w["first_block_conv.weight"], "it holds a Tensor"),
        ],
    )
    def test_of_other_contents(self, small, tmp_path, content, message):
        torch.save(content(small.theirs), tmp_path / "file.pkl")
        self.refused(tmp_path / "file.pkl", message)

    @pytest.mark.parametrize("place", ["net", "optimizer", "epoch", "test_loss", "more"])
    def test_nothing_is_executed(self, small, tmp_path, place):
        command = Command(tmp_path / "executed")
        path = write_released(tmp_path / "file.pkl", small.theirs, **{place: command})
        self.refused(path, r"more than tensors and plain values \(\w+.mkdir\)")
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize("wrong", COSTLY)
    def test_of_a_pickle_whose_loading_is_costly(self, tmp_path, wrong):
        """Hashing 40 nested tuples took hours, and the bytearray 3 GB of memory."""
        content, message = COSTLY[wrong]
        path = tmp_path / "file.pkl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("file/data.pkl", b"\x80\x02" + content + b".")
            archive.writestr("file/version", "3\n")
        assert path.stat().st_size < 2**21
        begin = time.perf_counter()
        self.refused(path, f"more than tensors and plain values \\(.*{message}")
        assert time.perf_counter() - begin < 5  # seconds

    def test_of_a_whole_module(self, tmp_path):
        torch.save(ResNet1D(3, (1,), (4,), (3,)), tmp_path / "file.pkl")
        self.refused(tmp_path / "file.pkl", "more than tensors and plain values")

    @pytest.mark.parametrize(
        "content",
        [b"", b"PK", b"\x80\x02}q\x00.", b"safetensors" * 100, pickle.dumps({"net": {}})],
    )
    def test_of_what_is_no_archive(self, tmp_path, content):
        path = tmp_path / "file.pkl"
        path.write_bytes(content)
        self.refused(path, "it is not an archive of torch.* Expected a file that")

    def test_of_an_archive_of_something_else(self, tmp_path):
        np.savez(tmp_path / "file.npz", a=np.zeros(3))
        self.refused(tmp_path / "file.npz", "torch cannot read it")
        with zipfile.ZipFile(tmp_path / "bomb.pkl", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", bytes(2**20))
        self.refused(tmp_path / "bomb.pkl", "an archive, but torch did not write it")

    def test_of_the_format_of_old_versions_of_torch(self, small, tmp_path):
        path = tmp_path / "file.pkl"
        torch.save({"net": small.theirs}, path, _use_new_zipfile_serialization=False)
        self.refused(path, "it is not an archive of torch")

    def test_of_a_folder_and_of_nothing(self, tmp_path):
        self.refused(tmp_path, "it is not a file")
        with pytest.raises(FileNotFoundError):
            RelConEmbedder.from_released_checkpoint(tmp_path / "none.pkl")

    def test_of_the_other_kind_of_network(self, small, motif_file):
        self.refused(
            motif_file[0], "belong to a motif distance, which LearnedMotifDistance can load"
        )
        with pytest.raises(
            DamagedFileError, match="belong to an encoder, which RelConEmbedder can load"
        ):
            LearnedMotifDistance.from_released_checkpoint(small.path)

    def test_of_an_even_kernel_and_an_incomplete_distance(self, vectors, tmp_path):
        theirs = with_prefix(vectors, "xattn/")
        stem = "q_func.layer0.dilated_conv.weight"
        even = theirs | {stem: torch.zeros(64, 3, 14)}
        load = LearnedMotifDistance.from_released_checkpoint
        with pytest.raises(ValueError, match="a kernel size of 14; expected an odd number"):
            load(write_released(tmp_path / "even.pkl", even))
        with pytest.raises(ValueError, match=r"revin\.affine_bias missing"):
            load(write_released(tmp_path / "less.pkl", without(theirs, "revin.affine_bias")))

    @pytest.mark.parametrize("part", range(0, 100, 10))
    def test_of_truncated_files(self, small, part):
        content = small.path.read_bytes()
        small.path.write_bytes(content[: len(content) * part // 100])
        self.refused(small.path, "it is not an archive of torch, or it is truncated")

    def test_damages_are_found_or_do_not_matter(self, small):
        content = small.path.read_bytes()
        rng = np.random.default_rng(0)
        n_refused = 0
        # Half of the bits are in the names at the end, the others in the weights.
        for place in [*rng.integers(len(content), size=40), *-rng.integers(1, 9000, size=40)]:
            damaged = bytearray(content)
            damaged[place] ^= 1 << rng.integers(8)
            small.path.write_bytes(damaged)
            try:
                embedder = RelConEmbedder.from_released_checkpoint(small.path)
            except DamagedFileError:
                n_refused += 1
            else:
                assert error_of(embedder.transform(small.X), small.expected) < 1e-4
        assert n_refused > 60
