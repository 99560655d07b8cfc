"""The remaining time of a training is logged once, and a long one on a CPU is warned about."""

import logging
import warnings
from functools import partial
from itertools import count

import pytest
import torch
from skorch.callbacks import EarlyStopping

from relcon_sklearn._training import (
    CheckpointFolder,
    Checkpoints,
    TrainingOptions,
    _engine,
    fit_module,
)
from relcon_sklearn._training._time_estimate import TimeEstimate
from tests.support.break_off import BreakOff, Broken
from tests.support.clock import Clock
from tests.support.estimators import tiny_distance, tiny_embedder
from tests.support.small_training import CPU, LR, loss, net, train_batches, valid_batches


def take_steps(n_steps, *durations, may_stop_early=False, warns=True, epoch_length=10**9):
    """Take the first steps of a training of `n_steps`, which last `durations`."""
    clock = Clock()
    estimate = TimeEstimate("encoder", may_stop_early=may_stop_early, warns=warns, clock=clock)
    for step, seconds in enumerate(durations):
        if step % epoch_length == 0:
            clock.now += 1000  # validation
            estimate.start_epoch()
        clock.now += seconds
        estimate.count(n_steps - step - 1)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, logger="relcon_sklearn")
    return caplog


def test_the_remaining_time_is_logged_once_after_ten_seconds_without_the_first_step(log):
    take_steps(100, 60, 4, 4)
    assert log.messages == []
    take_steps(100, 60, 4, 4, 4, 4, 4, 4, 4)
    assert log.messages == [
        "encoder: about 6.4 minutes of training remain, 96 steps of 4 s. Validation and other "
        "stages of this fit are not included."
    ]


def test_time_between_epochs_is_not_part_of_a_step(log):
    take_steps(100, *[4] * 9, epoch_length=2)
    assert "96 steps of 4 s" in log.messages[0]


def test_epochs_of_one_step_are_measured(log):
    take_steps(100, *[4] * 9, epoch_length=1)
    assert "96 steps of 4 s" in log.messages[0]


def test_early_stopping_makes_it_an_upper_bound(log):
    take_steps(100, 0, 5, 5, may_stop_early=True)
    assert log.messages[0].startswith("encoder: at most about 8.1 minutes")


def test_more_than_ten_minutes_are_warned_about_once():
    take_steps(62, 0, 10)  # exactly 600 s remain
    with pytest.warns(UserWarning, match="about 10 minutes") as warned:
        take_steps(63, 0, 10, 10, 10, 10)
    assert len(warned) == 1
    for advice in (
        "max_epochs",
        "steps_per_epoch",
        "smaller encoder",
        "device='cuda'",
        "verbose=1",
    ):
        assert advice in str(warned[0].message)
    take_steps(63, 0, 10, warns=False)
    with warnings.catch_warnings():
        # As the guide says.
        warnings.filterwarnings("ignore", message=".* of training remain")
        take_steps(63, 0, 10)


@pytest.fixture
def slow_clock(monkeypatch):
    """A clock of the training loop that advances by 100 seconds each time it is read."""
    clock = partial(next, count(0, 100))
    monkeypatch.setattr(_engine, "TimeEstimate", partial(TimeEstimate, clock=clock))


def fit(device=CPU, valid=None, **kwargs):
    options = TrainingOptions(lr=LR, max_epochs=9, device=device, **kwargs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_module(net(), loss, train_batches(), valid, options)
    return [str(warning.message) for warning in caught]


def test_a_long_training_on_a_cpu_warns_unless_verbose(slow_clock, log):
    (message,) = fit(description="encoder")
    # 27 steps, of which the first is not measured and the second is.
    assert message.startswith("encoder: about 42 minutes of training remain, 25 steps of 100 s.")
    assert fit(verbose=1) == []
    assert len([text for text in log.messages if "remain" in text]) == 2


@pytest.mark.parametrize("kwargs", [{"patience": 5}, {"callbacks": [EarlyStopping]}])
def test_trainings_that_may_stop_early(slow_clock, kwargs):
    (message,) = fit(valid=valid_batches(), **kwargs)
    assert "at most about" in message


class Made(Exception):
    """Holds the arguments with which an estimate was made."""


@pytest.mark.parametrize(
    ("device", "verbose", "warns"), [("cpu", 0, True), ("cpu", 1, False), ("meta", 0, False)]
)
def test_only_silent_trainings_on_a_cpu_warn(monkeypatch, device, verbose, warns):
    def make(*args, **kwargs):
        raise Made(kwargs)

    monkeypatch.setattr(_engine, "TimeEstimate", make)
    with pytest.raises(Made) as made:
        fit(torch.device(device), verbose=verbose)
    assert made.value.args[0]["warns"] is warns


def test_the_warning_points_at_the_line_of_fit_and_names_the_stage(slow_clock, motion):
    settings = {"max_epochs": 5, "validation_fraction": 0}
    embedder = tiny_embedder(distance=tiny_distance(**settings), n_within=0, **settings)
    with pytest.warns(UserWarning, match="of training remain") as warned:
        embedder.fit(motion[0][:24])
    assert [str(w.message).partition(":")[0] for w in warned] == ["motif distance", "encoder"]
    assert {w.filename for w in warned} == {__file__}


def test_a_resumed_training_estimates_the_steps_that_remain(slow_clock, tmp_path):
    def checkpoints():
        settings = Checkpoints(tmp_path, every_seconds=None, every_steps=1)
        return CheckpointFolder(settings, {}, 0)

    with pytest.raises(Broken):
        fit(callbacks=[BreakOff(5)], checkpoints=checkpoints())
    # 4 of 27 steps were saved. The first of the other 23 is not measured and the second is.
    (message,) = fit(callbacks=[BreakOff()], checkpoints=checkpoints())
    assert "21 steps of 100 s" in message
