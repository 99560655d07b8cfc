"""Each process of a training reads its share of the rows of a batch."""

import numpy as np
import pytest
import torch

from relcon_sklearn import FeatureDistance, RandomAugmentations
from relcon_sklearn._base import FitRun
from relcon_sklearn._batches import Batch, DeviceSegments
from relcon_sklearn._training._distributed import ALONE, Processes, together
from relcon_sklearn._training._own_rows import (
    OwnRows,
    augments_each_alone,
    of_whole_batches,
    own_rows,
)
from relcon_sklearn.augmentations import Jitter, default_augmentations
from relcon_sklearn.segments._array import SegmentArray
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder
from tests.support.reference import euclidean


@pytest.fixture
def array():
    return SegmentArray(np.arange(10 * 4 * 3, dtype=np.float64).reshape(10, 4, 3))


def mix(segments, generator):
    """Average each segment with the next one of the batch."""
    return (segments + segments.roll(1, dims=0)) / 2


class CustomJitter(Jitter):
    """A class of the user, whose method may have been replaced."""


def test_the_rows_of_a_process_keep_their_places(array):
    rows, read = np.array([1, 3, 4, 8, 9]), []
    array.on_read(lambda rows, segments: read.append(rows.tolist()))
    first, second = (OwnRows(array, Processes(rank, 2)).read(rows) for rank in (0, 1))
    assert read == [[1, 3], [4, 8, 9]]
    assert first.dtype == np.float32
    assert np.isnan(first[2:]).all()
    assert np.isnan(second[:2]).all()
    np.testing.assert_array_equal(np.concatenate([first[:2], second[2:]]), array.read(rows))


def test_a_share_without_rows_reads_nothing(array):
    array.on_read(lambda rows, segments: pytest.fail("it was read"))
    assert np.isnan(OwnRows(array, Processes(0, 3)).read(np.array([5, 6]))).all()


def test_one_process_and_data_on_a_device_are_read_as_before(array):
    assert own_rows(array, ALONE) is array
    loaded = DeviceSegments(array, torch.device("cpu"))
    assert own_rows(loaded, Processes(0, 2)) is loaded


def test_a_loss_of_whole_batches_gets_what_the_others_have_read(array, monkeypatch):
    rows = np.array([1, 3, 4, 8, 9])
    read = [torch.from_numpy(OwnRows(array, Processes(rank, 2)).read(rows)) for rank in (0, 1)]

    def add_the_other(every):
        every[:, :2] += read[0][:2]

    monkeypatch.setattr(torch.distributed, "all_reduce", add_the_other)
    loss = of_whole_batches(lambda module, batch: batch.segments, OwnRows(array, Processes(1, 2)))
    batch = Batch(read[1], torch.arange(5), torch.zeros(5, 1, dtype=torch.int64), 0)
    with together(Processes(1, 2)):
        found = loss(None, batch)
    np.testing.assert_array_equal(found.numpy(), array.read(rows))
    assert batch.segments is read[1]  # what callbacks get


@pytest.mark.parametrize("others_read", [False, True])
def test_segments_are_in_the_memory_of_all_devices_or_of_none(others_read, array, monkeypatch):
    """Otherwise, only some processes would exchange segments, and wait for the others."""

    class Two(Processes):
        def any(self, *flags):
            return tuple(flag or others_read for flag in flags)

    monkeypatch.setattr("relcon_sklearn._base.on_device", DeviceSegments)
    run = FitRun(seed=0, checkpoints=None, n_channels=None, processes=Two(0, 2))
    data = tiny_embedder(device="cpu")._training_data(array, run)
    assert isinstance(data, OwnRows if others_read else DeviceSegments)


def test_a_loss_of_rows_that_are_there_is_the_same(array):
    assert of_whole_batches(euclidean, array) is euclidean
    assert of_whole_batches(euclidean, DeviceSegments(array, torch.device("cpu"))) is euclidean


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        (None, True),
        (RandomAugmentations(), True),
        (Jitter(), True),
        (mix, False),
        (CustomJitter(), False),
        (RandomAugmentations([Jitter(), mix]), False),
        (RandomAugmentations([Jitter(), RandomAugmentations()]), True),
    ],
)
def test_augmentations_that_treat_each_segment_alone(augmentation, expected):
    assert augments_each_alone(augmentation) is expected


@pytest.mark.parametrize(
    "augmentation", [*default_augmentations(), RandomAugmentations()], ids=repr
)
def test_they_do(augmentation):
    """Other segments may be NaN."""
    segments = torch.randn(8, 20, 3)
    part = torch.full_like(segments, torch.nan)
    part[3:6] = segments[3:6]
    whole, found = (augmentation(x, torch.Generator().manual_seed(0)) for x in (segments, part))
    assert torch.equal(found[3:6], whole[3:6])


@pytest.mark.parametrize(
    ("make", "settings", "module", "expected"),
    [
        (tiny_distance, {}, "_motif_distance", True),
        (tiny_distance, {"augmentation": mix}, "_motif_distance", False),
        (tiny_embedder, {"distance": FeatureDistance(50)}, "_embedder_training", True),
        (
            tiny_embedder,
            {"distance": FeatureDistance(50), "augmentation": mix},
            "_embedder_training",
            False,
        ),
        # The candidates of an anchor are compared with it, and may be those of other processes.
        (tiny_embedder, {"distance": euclidean}, "_embedder_training", False),
        (tiny_classifier, {}, "_fine_tuning", True),
        (tiny_classifier, {"freeze": "encoder"}, "_fine_tuning", True),
    ],
)
def test_whether_a_loss_needs_only_the_own_rows(
    motion, monkeypatch, make, settings, module, expected
):
    X, y, subjects = motion
    seen, completed = [], []
    monkeypatch.setattr(
        f"relcon_sklearn.{module}.of_whole_batches",
        lambda loss, data: completed.append(data) or loss,
        raising=False,
    )
    monkeypatch.setattr("relcon_sklearn._base.join", lambda device: Processes(0, 2))
    monkeypatch.setattr(Processes, "from_first", lambda self, make: make())
    monkeypatch.setattr(Processes, "any", lambda self, *flags: flags)
    monkeypatch.setattr(Processes, "check_same", lambda self, fingerprint: None)
    monkeypatch.setattr(
        f"relcon_sklearn.{module}.fit_module",
        lambda net, loss, train, valid, options: seen.append((train, valid)) or [],
    )
    make(validation_fraction=0.3, **settings).fit(X, y, groups=subjects)
    (parts,) = seen
    assert [isinstance(part.array, OwnRows) for part in parts] == [True, True]
    if make in (tiny_distance, tiny_embedder):
        assert [part.share(8) for part in parts] == [slice(0, 4)] * 2  # of the anchors
    assert [data is parts[0].array for data in completed] == ([] if expected else [True])
