"""Out-of-memory errors say what to change, and the memory is free where they are caught."""

import contextlib
import gc
import inspect
import weakref

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from torch import nn

from relcon_sklearn import RelConClassifier, RelConEmbedder
from relcon_sklearn._utils._memory_advice import (
    advises_on_memory,
    is_out_of_memory,
    training_remedies,
)
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor

ON_CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 4.00 GiB."

# Errors of torch and numpy when memory runs out.
ERRORS = [
    torch.OutOfMemoryError(ON_CUDA),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried 8 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 17.19 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("std::bad_alloc"),
    MemoryError(),
    MemoryError("Unable to allocate 16.0 GiB"),
]

OTHERS = [RuntimeError("CUDA error: device-side assert triggered"), ValueError("out of memory")]


class Hungry(nn.Module):
    """An encoder that runs out of memory on request, while it holds a large array."""

    error = None  # the error to raise, or None
    in_training = True  # whether to raise it in training or in evaluation mode
    held = None  # a weak reference to the large array

    def __init__(self, n_channels):
        super().__init__()
        self.linear = nn.Linear(n_channels, 8)

    def forward(self, segments):
        z = self.linear(segments.mean(dim=-1))
        if Hungry.error is not None and self.training == Hungry.in_training:
            large = torch.zeros(2**16) + z.sum()  # an autograd graph with it
            Hungry.held = weakref.ref(large)
            raise Hungry.error
        return z


@pytest.fixture
def hungry():
    """Return a function that sets which error encoders raise, and when."""

    def set_to(error, in_training=True):
        Hungry.error, Hungry.in_training, Hungry.held = error, in_training, None

    yield set_to
    set_to(None)


def some(n=24):
    X = np.random.default_rng(0).normal(size=(n, 32, 3)).astype(np.float32)
    return X, np.arange(n) % 2, np.arange(n) // 4


def embedder(**kwargs):
    return tiny_embedder(distance=FROZEN, encoder=Hungry, max_epochs=1, **kwargs)


FROZEN = FrozenEstimator(tiny_distance(max_epochs=0).fit(some()[0]))
LEARNERS = {
    "embedder": embedder,
    "classifier": lambda: tiny_classifier(encoder=Hungry, max_epochs=1),
    "regressor": lambda: tiny_regressor(encoder=Hungry, max_epochs=1),
}


@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_every_shortage_is_recognised(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [*OTHERS, None], ids=str)
def test_other_errors_are_not(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_training(name, error, hungry):
    X, y, groups = some()
    learner = LEARNERS[name]()
    hungry(error)
    with pytest.raises(type(error)) as caught:
        learner.fit(X, y, groups=groups)
    assert type(caught.value) is type(error)
    assert caught.value.__cause__ is error
    message = str(caught.value)
    assert message.startswith(f"Out of memory while training: {type(learner).__name__} on cpu.")
    assert f"- a smaller batch_size (now {learner.batch_size})\n" in message
    assert message.endswith(str(error) or "MemoryError")
    # It is not fitted.
    with pytest.raises(NotFittedError):
        learner.transform(X) if name == "embedder" else learner.predict(X)
    # With enough memory it can be fitted, with the same result.
    hungry(None)
    again = learner.fit(X, y, groups=groups)
    assert again.history_ == LEARNERS[name]().fit(X, y, groups=groups).history_


@pytest.mark.parametrize("name", LEARNERS)
def test_a_model_fitted_before_is_none_after_a_fit_without_memory(name, hungry):
    X, y, groups = some()
    learner = LEARNERS[name]().fit(X, y, groups=groups)
    hungry(ERRORS[0])
    with pytest.raises(torch.OutOfMemoryError):
        learner.fit(X, y, groups=groups)
    with pytest.raises(NotFittedError):
        learner.score(X, y)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_other_errors_pass(name, error, hungry):
    X, y, groups = some()
    hungry(error)
    with pytest.raises(type(error)) as caught:
        LEARNERS[name]().fit(X, y, groups=groups)
    assert caught.value is error


@pytest.mark.parametrize("name", LEARNERS)
def test_memory_is_free_where_the_error_is_caught(name, hungry):
    X, y, groups = some()
    learner = LEARNERS[name]()
    hungry(torch.OutOfMemoryError(ON_CUDA))
    gc.disable()  # nothing waits for the collector
    try:
        learner.fit(X, y, groups=groups)
    except torch.OutOfMemoryError:
        assert Hungry.held() is None
        assert all(p.grad is None for p in learner.encoder_.parameters())
    else:
        pytest.fail("no error")
    finally:
        gc.enable()


def test_nothing_of_a_failed_training_stays(hungry):
    X, y, groups = (a.copy() for a in some())
    kept = weakref.ref(X)
    learner = embedder()
    hungry(torch.OutOfMemoryError(ON_CUDA))
    gc.disable()
    try:
        with contextlib.suppress(torch.OutOfMemoryError):
            learner.fit(X, y, groups=groups)
        hungry(None)
        del X
        assert kept() is None
    finally:
        gc.enable()


def test_gradients_do_not_outlive_a_fit():
    X, y, groups = some()
    for learner in (tiny_distance(max_epochs=1), *(make() for make in LEARNERS.values())):
        learner.fit(X, y, groups=groups)
        modules = [value for value in vars(learner).values() if isinstance(value, nn.Module)]
        parameters = [p for module in modules for p in module.parameters()]
        assert parameters
        assert all(p.grad is None and p.requires_grad for p in parameters)


@pytest.mark.parametrize(
    ("name", "method", "doing"),
    [
        ("embedder", "transform", "embedding: RelConEmbedder"),
        ("embedder", "score", "scoring: RelConEmbedder"),
        ("classifier", "predict", "predicting: RelConClassifier"),
        ("classifier", "predict_proba", "predicting: RelConClassifier"),
        ("classifier", "score", "predicting: RelConClassifier"),
        ("regressor", "predict", "predicting: RelConRegressor"),
    ],
)
def test_use(name, method, doing, hungry):
    X, y, groups = some()
    learner = LEARNERS[name]().fit(X, y, groups=groups)
    if name == "embedder":
        learner.set_params(n_within=0)  # score has no groups here
    call = getattr(learner, method)
    expected = call(X, y) if method == "score" else call(X)
    hungry(ERRORS[0], in_training=False)
    with pytest.raises(torch.OutOfMemoryError, match=f"Out of memory while {doing}") as caught:
        call(X, y) if method == "score" else call(X)
    assert caught.value.__cause__ is ERRORS[0]
    assert ("batch_size" in str(caught.value)) == (doing.startswith("scoring"))
    assert ("fewer segments in a call" in str(caught.value)) == (not doing.startswith("scoring"))
    # The model still works.
    hungry(None)
    np.testing.assert_array_equal(call(X, y) if method == "score" else call(X), expected)


class TestDistance:
    """The computation of distances runs out of memory."""

    @pytest.fixture
    def full(self, monkeypatch):
        def out_of_memory(*args, **kwargs):
            raise torch.OutOfMemoryError(ON_CUDA)

        return lambda target: monkeypatch.setattr(target, out_of_memory)

    def test_training(self, full):
        X, _, groups = some()
        full("relcon_sklearn.nn.MotifCrossAttention.forward")
        with pytest.raises(torch.OutOfMemoryError, match="training: LearnedMotifDistance") as info:
            tiny_distance().fit(X, groups=groups)
        assert "a smaller batch_size (now 8)" in str(info.value)
        assert "a smaller embed_dim (now 8)" in str(info.value)
        # In the fit of an embedder, the advice is about the parameters of its distance.
        with pytest.raises(torch.OutOfMemoryError, match="training: LearnedMotifDistance"):
            tiny_embedder().fit(X, groups=groups)

    def test_ranking_while_training(self, full):
        X, _, groups = some()
        full("relcon_sklearn._training._rankers.motif_distances")
        with pytest.raises(torch.OutOfMemoryError, match="training: RelConEmbedder"):
            embedder().fit(X, groups=groups)

    def test_a_ranking_function_while_training(self):
        X, _, groups = some()

        def greedy(anchors, candidates):
            return np.empty(2**60, dtype=np.int8)

        with pytest.raises(MemoryError, match="training: RelConEmbedder") as caught:
            embedder().set_params(distance=greedy).fit(X, groups=groups)
        assert type(caught.value) is MemoryError

    @pytest.mark.parametrize("method", ["transform", "pairwise"])
    def test_pairs(self, full, method):
        X, _, _ = some()
        distance = tiny_distance(max_epochs=0).fit(X)
        full("relcon_sklearn._motif_pairs.motif_distances")
        with pytest.raises(torch.OutOfMemoryError, match="comparing pairs: LearnedMotifDistance"):
            getattr(distance, method)(X)

    @pytest.mark.parametrize("method", ["reconstruct", "attention_map"])
    def test_explanations(self, full, method):
        X, _, _ = some()
        distance = tiny_distance(max_epochs=0).fit(X)
        full("relcon_sklearn.nn.MotifCrossAttention.encode_candidates")
        with pytest.raises(torch.OutOfMemoryError, match="comparing pairs: LearnedMotifDistance"):
            getattr(distance, method)(X[:2], X[2:4])

    def test_score(self, full):
        X, _, _ = some()
        distance = tiny_distance(max_epochs=0).fit(X)
        full("relcon_sklearn.nn.MotifCrossAttention.forward")
        with pytest.raises(torch.OutOfMemoryError, match="scoring: LearnedMotifDistance"):
            distance.score(X)


class Segments:
    """An array of `n` segments that takes no memory."""

    def __init__(self, n):
        self.shape, self.dtype = (n, 32, 3), np.dtype("float32")

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return np.zeros((len(rows), 32, 3), dtype=np.float32)


def test_a_result_too_large():
    distance = tiny_distance(max_epochs=0).fit(some()[0])
    with pytest.raises(MemoryError, match="fewer segments in a call") as caught:
        distance.pairwise(Segments(2**29), Segments(2**29))
    assert type(caught.value) is MemoryError
    assert "Unable to allocate 1.00 EiB" in str(caught.value)


class Allocating(nn.Module):
    """An encoder that really allocates more than there is: an exbibyte."""

    def __init__(self, n_channels):
        super().__init__()
        self.linear = nn.Linear(n_channels, 8)

    def forward(self, segments):
        if self.training:
            torch.empty(2**60, dtype=torch.int8)
        return self.linear(segments.mean(dim=-1))


def test_torchs_own_error_on_a_cpu():
    X, y, groups = some()
    with pytest.raises(RuntimeError, match="Out of memory while training") as caught:
        embedder().set_params(encoder=Allocating).fit(X, y, groups=groups)
    assert type(caught.value) is RuntimeError
    assert "you tried to allocate 1152921504606846976 bytes" in str(caught.value)


def test_weights_that_do_not_fit(monkeypatch):
    X, _, groups = some()

    def full(self, device):
        raise torch.OutOfMemoryError(ON_CUDA)

    monkeypatch.setattr(Hungry, "to", full)
    with pytest.raises(torch.OutOfMemoryError, match="training: RelConEmbedder"):
        embedder().fit(X, groups=groups)


class TestAdvice:
    """The advice names parameters that can be changed, and following it helps."""

    def of(self, estimator, device="cpu"):
        return training_remedies(estimator.get_params(deep=False), torch.device(device))

    def test_names_are_parameters_as_they_are(self):
        embedder = RelConEmbedder(precision="float32", n_within=7, encoder="resnet34")
        advice = " ".join(self.of(embedder))
        assert "batch_size (now 256)" in advice
        assert "n_within (now 7)" in advice
        assert "precision='bfloat16' (now 'float32'" in advice
        assert "encoder (now 'resnet34'), such as 'resnet14-half'" in advice
        assert "candidates='shared'" in advice

    def test_nothing_that_is_so_already(self):
        advice = " ".join(
            self.of(
                RelConEmbedder(
                    encoder="resnet14-half",
                    precision="bfloat16",
                    candidates="shared",
                    n_within=0,
                    augmentation=None,
                )
            )
        )
        assert "encoder" not in advice
        assert "precision" not in advice
        assert "shared" not in advice
        assert "n_within" not in advice
        assert "augmentation" not in advice

    def test_freezing(self):
        assert "freeze='encoder'" in " ".join(self.of(RelConClassifier(freeze=1)))
        assert "freeze" not in " ".join(self.of(RelConClassifier(freeze="encoder")))

    def test_a_gpu_can_be_left(self):
        class Estimator(RelConEmbedder):
            def _device(self):
                return torch.device("cuda:0")

            @advises_on_memory("training")
            def go(self):
                raise torch.OutOfMemoryError(ON_CUDA)

        with pytest.raises(torch.OutOfMemoryError, match="training: Estimator on cuda:0") as caught:
            Estimator(precision="float32").go()
        assert "- device='cpu'\n" in str(caught.value)

    @pytest.mark.parametrize(
        "change", [{"batch_size": 4}, {"n_within": 1}, {"candidates": "shared", "batch_size": 2}]
    )
    def test_it_lessens_what_goes_through_the_encoder(self, change):
        largest = []

        class Counting(Hungry):
            def forward(self, segments):
                if self.training:
                    largest[-1] = max(largest[-1], len(segments))
                return super().forward(segments)

        X, y, groups = some(96)
        for settings in ({}, change):
            largest.append(0)
            embedder().set_params(encoder=Counting, **settings).fit(X, y, groups=groups)
        assert 0 < largest[1] < largest[0]


def test_signatures_stay():
    assert list(inspect.signature(RelConEmbedder.score).parameters) == ["self", "X", "y", "groups"]
    assert clone(RelConEmbedder()).get_metadata_routing().score.requests == {"groups": None}
