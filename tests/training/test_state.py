"""A training that is interrupted anywhere and continued equals an uninterrupted one."""

import copy
import os
import signal
from collections import Counter

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
)

from relcon_sklearn._training import CheckpointFolder, Checkpoints, TrainingOptions, fit_module
from relcon_sklearn._training._saver import Position, Saver
from relcon_sklearn._training._state import is_plain, plain
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.break_off import BreakOff, Broken
from tests.support.small_training import (
    CPU,
    LR,
    N_STEPS,
    Net,
    assert_same_state,
    loss,
    train_batches,
    valid_batches,
)

MAX_EPOCHS = 4


class Count(Callback):
    """Counts events. Its counts are part of the state of a training, like those of a scheduler."""

    def __init__(self):
        self.seen = Counter()

    def on_epoch_begin(self, net, **kwargs):
        self.seen["epoch begin"] += 1

    def on_epoch_end(self, net, **kwargs):
        self.seen["epoch end"] += 1
        net.history.record("steps", self.seen["step"])

    def on_batch_end(self, net, training=None, **kwargs):
        self.seen["step" if training else "look"] += 1


class Dropout(Net):
    """A net that draws from torch's global generator."""

    def forward(self, segments):
        return nn.functional.dropout(super().forward(segments), 0.3, self.training)


def net(kind=Net):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return kind()


def fit(module, path, callbacks=(), valid=None, every_steps=1, keep=2, **kwargs):
    folder = CheckpointFolder(
        Checkpoints(path, every_seconds=None, every_steps=every_steps, keep=keep), {}, 0
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return fit_module(
            module,
            loss,
            train_batches(),
            valid,
            TrainingOptions(
                lr=LR,
                max_epochs=MAX_EPOCHS,
                device=CPU,
                callbacks=list(callbacks),
                checkpoints=folder,
                **kwargs,
            ),
        )


SETTINGS = {
    "built-in schedule": lambda: [],
    "cosine restarts by batch": lambda: [
        LRScheduler(CosineAnnealingWarmRestarts, step_every="batch", T_0=4)
    ],
    "one cycle by batch": lambda: [
        LRScheduler(OneCycleLR, step_every="batch", max_lr=0.1, total_steps=N_STEPS * MAX_EPOCHS)
    ],
    "steps by epoch": lambda: [LRScheduler(MultiStepLR, milestones=[1, 3])],
    "plateau": lambda: [LRScheduler(ReduceLROnPlateau, monitor="valid_loss", patience=0)],
    "early stopping": lambda: [EarlyStopping(monitor="valid_loss", patience=1, sink=str)],
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("every_steps", [1, 2, 5])
def test_broken_off_after_every_step(tmp_path, name, every_steps):
    def callbacks():
        return [*SETTINGS[name](), Count()]

    alone, counted = net(Dropout), callbacks()
    expected = fit(alone, tmp_path / "alone", counted, valid_batches(), global_rng=True)
    path = tmp_path / "broken"
    n_breaks = 0
    for _ in range(40):
        module, again = net(Dropout), callbacks()
        try:
            history = fit(
                module,
                path,
                [BreakOff(every_steps + 1), *again],  # after one checkpoint
                valid_batches(),
                every_steps,
                global_rng=True,
            )
            break
        except Broken:
            n_breaks += 1
    assert n_breaks == (len(expected) * N_STEPS - 1) // every_steps
    assert history == expected
    assert_same_state(module, alone.state_dict())
    assert again[-1].seen == counted[-1].seen


def test_broken_off_between_checkpoints(tmp_path):
    alone = net()
    expected = fit(alone, tmp_path / "alone")
    path = tmp_path / "broken"
    with pytest.raises(Broken):
        fit(net(), path, [BreakOff(8)], every_steps=3)
    assert sorted(p.name for p in path.glob("*.ckpt")) == [
        "step-000000000003.ckpt",
        "step-000000000006.ckpt",
    ]
    module = net()
    assert fit(module, path, [], every_steps=3) == expected
    assert_same_state(module, alone.state_dict())


def test_a_finished_training_takes_no_step(tmp_path):
    module = net()
    expected = fit(module, tmp_path, valid=valid_batches())
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    again, count = net(), Count()
    assert fit(again, tmp_path, [count], valid=valid_batches()) == expected
    assert_same_state(again, module.state_dict())
    assert count.seen["step"] == count.seen["look"] == 0
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def send(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("training", [True, False])
def test_signals_finish_the_step_and_save(tmp_path, number, training):
    alone = net()
    expected = fit(alone, tmp_path / "alone", valid=valid_batches())
    path, count = tmp_path / "broken", Count()
    # In the second epoch, where no other checkpoint is due.
    act = BreakOff(5 if training else 4, send(number), training)
    with pytest.raises(KeyboardInterrupt):
        fit(net(), path, [act, count], valid_batches(), every_steps=100)
    assert count.seen["step"] == (5 if training else 6)
    assert [p.name for p in path.glob("*.ckpt")] == [f"step-{count.seen['step']:012d}.ckpt"]
    module, more = net(), Count()
    assert fit(module, path, [more], valid_batches(), every_steps=100) == expected
    assert_same_state(module, alone.state_dict())
    assert more.seen["step"] == MAX_EPOCHS * N_STEPS


def test_a_signal_at_the_very_end_is_no_fit(tmp_path):
    class AtTheEnd(Callback):
        def on_train_end(self, net, **kwargs):
            send(signal.SIGINT)()

    with pytest.raises(KeyboardInterrupt):
        fit(net(), tmp_path, [AtTheEnd()])


def test_ctrl_c_at_the_end_of_an_epoch_is_not_early_stopping():
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            send(signal.SIGINT)()

    with pytest.raises(KeyboardInterrupt):
        fit_module(
            net(),
            loss,
            train_batches(),
            None,
            TrainingOptions(lr=LR, max_epochs=2, device=CPU, callbacks=[Interrupt()]),
        )


@pytest.mark.parametrize("where", ["loss", "weight"])
def test_divergence_leaves_the_last_good_checkpoint(tmp_path, where):
    def poison():
        with torch.no_grad():
            module.linear.weight[0, 0] = float("nan")

    class Poison(BreakOff):
        def on_grad_computed(self, net, **kwargs):
            # A gradient that is not finite changes the weights before the loss.
            if self.left_ == 1 and where == "weight":
                module.linear.weight.grad[0, 0] = float("inf")

    module = net()
    act = Poison(5, act=poison if where == "loss" else lambda: None)
    message = (
        r"became (nan|inf|-inf) in epoch 2: training diverged.*step-000000000004\.ckpt, was written"
    )
    with pytest.raises(FloatingPointError, match=message):
        fit(module, tmp_path, [act])
    state = CheckpointFolder(Checkpoints(tmp_path), {}, 0).read()
    weights = state["training"]["module"].values()
    assert all(torch.isfinite(value).all() for value in weights)
    assert state["position"][:2] == (1, 1)


def test_weights_that_diverge_in_the_last_step_are_noticed():
    class Poison(Callback):
        def on_grad_computed(self, net, **kwargs):
            for _, parameter in net.module_.named_parameters():
                parameter.grad.fill_(float("nan"))

    with pytest.raises(FloatingPointError, match=r"weight linear\.weight became nan in epoch 1"):
        fit_module(
            net(),
            lambda module, batch: module(batch.segments[:1]).sum() * 0 + module.linear.bias.sum(),
            train_batches(),
            None,
            TrainingOptions(lr=LR, max_epochs=1, device=CPU, callbacks=[_LastStep(Poison())]),
        )


class _LastStep(Callback):
    """Passes only the gradients of the last step of the first epoch to another callback."""

    def __init__(self, callback):
        self.callback = callback
        self.n = 0

    def on_grad_computed(self, net, **kwargs):
        self.n += 1
        if self.n == N_STEPS:
            self.callback.on_grad_computed(net, **kwargs)


def test_loss_is_looked_at_within_long_epochs(monkeypatch):
    monkeypatch.setattr("relcon_sklearn._training._engine._STEPS_BETWEEN_CHECKS", 2)
    count = Count()
    with pytest.raises(FloatingPointError, match="train_loss became nan in epoch 1"):
        fit_module(
            net(),
            lambda module, batch: loss(module, batch) * float("nan"),
            train_batches(),
            None,
            TrainingOptions(lr=LR, max_epochs=1, device=CPU, callbacks=[count]),
        )
    assert count.seen["step"] == 2


class TestWhenItIsDue:
    def saver(self, path, clock, **settings):
        folder = CheckpointFolder(Checkpoints(path, **settings), {}, 0)
        return Saver(folder, global_rng=False, clock=lambda: clock[0])

    def test_by_time(self, tmp_path):
        clock = [100.0]
        saver = self.saver(tmp_path, clock, every_seconds=10)
        due = []
        for clock[0] in (101, 109, 110, 111):
            due.append(saver.is_due())
            if due[-1]:
                saver._last = clock[0]
        assert due == [False, False, True, False]

    def test_by_steps(self, tmp_path):
        saver = self.saver(tmp_path, [0.0], every_seconds=None, every_steps=3)
        assert [saver.is_due() for _ in range(3)] == [False, False, True]

    def test_never(self, tmp_path):
        saver = self.saver(tmp_path, [0.0], every_seconds=None)
        assert not any(saver.is_due() for _ in range(100))

    def test_from_the_start_where_nothing_is(self, tmp_path):
        assert self.saver(tmp_path, [0.0]).restore(None) == Position()


@pytest.mark.parametrize(
    "value", [None, 1, 0.5, "a", b"a", [1, {"a": (2, {3})}], torch.zeros(2), np.float32(2.5)]
)
def test_plain_values(value):
    assert is_plain(value)
    assert is_plain(plain(value))


@pytest.mark.parametrize("value", [object(), [object()], {"a": np.zeros(2)}, len, Net])
def test_values_that_are_not_plain(value):
    assert not is_plain(value)


def test_numpy_scalars_become_python_ones():
    value = {"a": [np.float64(0.1), Counter(b=np.int64(3))]}
    made = plain(copy.deepcopy(value))
    assert made == value
    assert type(made["a"][0]) is float
    assert type(made["a"][1]) is Counter
    assert type(made["a"][1]["b"]) is int


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("training"),
        lambda state: state["training"].pop("rng"),
        lambda state: state.update(training=[]),
        lambda state: state["training"].update(module={"weight": torch.zeros(99)}),
        lambda state: state["training"]["module"]["linear.bias"].fill_(float("nan")),
        lambda state: state["training"]["optimizer"].update(param_groups=[]),
        lambda state: state.update(position=(1, 2)),
        lambda state: state.update(position=("a", 2, 0.0, 1)),
        lambda state: state.update(position=(-1, 2, 0.0, 1)),
    ],
)
def test_a_state_that_does_not_fit_is_damage(tmp_path, change):
    """Torch and the reader raised KeyError, RuntimeError, TypeError and others."""
    fit(net(), tmp_path)
    folder = CheckpointFolder(Checkpoints(tmp_path), {}, 0)
    state = folder.read()
    change(state)
    folder.write(10**6, state)
    with pytest.raises(DamagedFileError, match=r"(?s)do not fit this training .*another folder"):
        fit(net(), tmp_path)


def test_a_device_out_of_memory_is_not_damage(tmp_path, monkeypatch):
    def restore_training(net, state):
        raise torch.OutOfMemoryError("CUDA out of memory")

    fit(net(), tmp_path)
    monkeypatch.setattr("relcon_sklearn._training._saver.restore_training", restore_training)
    with pytest.raises(torch.OutOfMemoryError):
        fit(net(), tmp_path)
