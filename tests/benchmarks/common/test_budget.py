"""Trainings of a given time."""

from types import SimpleNamespace

import pytest

from benchmarks.common.budget import TimedTraining


def started(seconds, ticks):
    clock = iter(ticks)
    net = SimpleNamespace(optimizer_=SimpleNamespace(param_groups=[{"lr": None}]))
    training = TimedTraining(seconds, lr=2.0, clock=lambda: next(clock))
    training.on_train_begin(net)
    return training, net


def test_the_learning_rate_follows_the_time():
    training, net = started(100.0, [0.0, 52.5, 99.9, 130.0])
    rates = []
    for _ in range(3):
        training.on_batch_begin(net)
        rates.append(net.optimizer_.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(1.0, abs=0.1)
    assert rates[0] > rates[1] > rates[2] == 0.0


def test_training_ends_at_the_end_of_an_epoch():
    training, net = started(100.0, [0.0, 99.0, 101.0])
    training.on_batch_begin(net)
    training.on_epoch_end(net)
    training.on_batch_begin(net)
    with pytest.raises(KeyboardInterrupt):
        training.on_epoch_end(net)


def test_a_resumed_training_has_the_rest_of_the_time():
    training, net = started(100.0, [0.0, 60.0])
    training.on_batch_begin(net)
    state = training.state_dict()
    resumed, net = started(100.0, [1000.0, 1039.0, 1041.0])
    resumed.load_state_dict(state)
    resumed.on_batch_begin(net)
    resumed.on_epoch_end(net)
    resumed.on_batch_begin(net)
    with pytest.raises(KeyboardInterrupt):
        resumed.on_epoch_end(net)
