"""The training loop compared with a plain loop, its callbacks, and the ways it ends."""

import copy
import math

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from skorch.callbacks.lr_scheduler import WarmRestartLR
from torch import nn
from torch.optim.lr_scheduler import StepLR

from relcon_sklearn._batches import DeviceSegments
from relcon_sklearn._training import TrainingOptions, fit_module
from relcon_sklearn._training._callbacks import warmup_cosine
from tests.support.small_training import (
    CPU,
    LR,
    N_STEPS,
    assert_same_state,
    loss,
    net,
    train_batches,
    valid_batches,
)


def fit(module, loss=loss, valid=None, *, max_epochs=4, **kwargs):
    return fit_module(
        module,
        loss,
        train_batches(),
        valid,
        TrainingOptions(lr=LR, max_epochs=max_epochs, device=CPU, **kwargs),
    )


def rate(step, n_steps):
    """Return the learning rate of a step: a linear rise in a tenth of the steps, then a cosine."""
    done = (step + 0.5) / n_steps
    if done < 0.1:
        return LR * done * 10
    return LR * (1 + math.cos(math.pi * (done - 0.1) / 0.9)) / 2


def plain_loop(module, max_epochs=4, valid=None, rates=None, after_backward=lambda: None):
    """Train as fit_module should, without choosing the best epoch."""
    optimizer = torch.optim.Adam(module.parameters(), lr=LR)
    batches = train_batches()
    n_steps = N_STEPS * max_epochs
    rates = [rate(step, n_steps) for step in range(n_steps)] if rates is None else list(rates)
    history, states = [], []
    for epoch in range(max_epochs):
        batches.epoch = epoch
        module.train()
        losses, sizes = [], []
        for batch in batches:
            optimizer.param_groups[0]["lr"] = rates.pop(0)
            optimizer.zero_grad()
            value = loss(module, batch)
            value.backward()
            after_backward()
            optimizer.step()
            losses.append(value.item())
            sizes.append(len(batch.anchors))
        record = {"epoch": epoch + 1, "train_loss": np.average(losses, weights=sizes)}
        if valid is not None:
            module.eval()
            with torch.no_grad():
                losses = [loss(module, batch).item() for batch in valid]
            sizes = [len(batch.anchors) for batch in valid]
            record["valid_loss"] = np.average(losses, weights=sizes)
        history.append(record)
        states.append(copy.deepcopy(module.state_dict()))
    assert not rates
    return history, states


def assert_same_history(history, expected):
    assert [list(record) for record in history] == [list(record) for record in expected]
    for record, expected_record in zip(history, expected, strict=True):
        assert record == pytest.approx(expected_record, rel=1e-6)


class Spy(Callback):
    """Remembers the order of events, the learning rates and the weights after each epoch."""

    def __init__(self):
        self.events = []
        self.rates = []
        self.states = []
        self.modes = []

    def on_train_begin(self, net, **kwargs):
        self.events.append("train begin")

    def on_train_end(self, net, **kwargs):
        self.events.append("train end")

    def on_epoch_begin(self, net, **kwargs):
        self.events.append("epoch begin")

    def on_epoch_end(self, net, **kwargs):
        self.events.append("epoch end")
        self.states.append(copy.deepcopy(net.module_.state_dict()))

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.events.append("train batch" if training else "valid batch")
        self.modes.append((training, net.module_.training))

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])


class Gradients(Callback):
    """Remembers the gradients of each step."""

    def __init__(self):
        self.names = []
        self.norms = []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        parameters = dict(named_parameters)
        self.names.append(list(parameters))
        gradients = [parameter.grad.flatten() for parameter in parameters.values()]
        self.norms.append(torch.cat(gradients).norm().item() if gradients else None)


# ---------------------------------------------------------------- the plain loop


@pytest.mark.parametrize("max_epochs", [1, 4])
def test_same_weights_and_history_as_a_plain_loop(max_epochs):
    module, expected = net(), net()
    history = fit(module, max_epochs=max_epochs)
    expected_history, states = plain_loop(expected, max_epochs)
    assert_same_state(module, states[-1])
    assert_same_history(history, expected_history)
    assert [list(record) for record in history] == [["epoch", "train_loss"]] * max_epochs
    # Training changed the weights.
    assert not torch.equal(module.linear.weight, net().linear.weight)


def test_same_epochs_as_a_plain_loop_with_validation():
    module, expected, spy = net(), net(), Spy()
    history = fit(module, valid=valid_batches(), callbacks=[spy])
    expected_history, states = plain_loop(expected, valid=valid_batches())
    assert_same_history(history, expected_history)
    for state, expected_state in zip(spy.states, states, strict=True):
        assert all(torch.equal(state[name], expected_state[name]) for name in expected_state)
    best = int(np.argmin([record["valid_loss"] for record in history]))
    assert_same_state(module, states[best])


def test_history_is_of_plain_numbers():
    record = fit(net(), valid=valid_batches(), max_epochs=1)[0]
    assert [type(value) for value in record.values()] == [int, float, float]


def test_a_line_is_logged_for_each_epoch(caplog):
    with caplog.at_level("INFO", logger="relcon_sklearn"):
        history = fit(net(), valid=valid_batches(), max_epochs=2, description="encoder")
    for line, row in zip(caplog.messages, history, strict=True):
        expected = (
            f"encoder: epoch {row['epoch']}/2, train_loss {row['train_loss']:.4g}, "
            f"valid_loss {row['valid_loss']:.4g}, "
        )
        assert line.startswith(expected)
        assert line.endswith(" s")


def test_learning_rate_warms_up_and_decays():
    spy = Spy()
    fit(net(), max_epochs=10, callbacks=[spy])
    assert spy.rates == pytest.approx([rate(step, 30) for step in range(30)], rel=1e-12)
    assert max(spy.rates) < LR
    assert np.argmax(spy.rates) == 3
    assert spy.rates[-1] < 0.01 * LR


def test_warmup_cosine():
    progress = np.linspace(0, 1, 1001)
    factors = np.array([warmup_cosine(x) for x in progress])
    assert warmup_cosine(0) == 0
    assert warmup_cosine(0.05) == pytest.approx(0.5)
    assert warmup_cosine(0.1) == 1
    assert warmup_cosine(0.55) == pytest.approx(0.5)
    assert warmup_cosine(1) == pytest.approx(0, abs=1e-12)
    assert (np.diff(factors)[:100] > 0).all()
    assert (np.diff(factors)[100:] < 0).all()


def test_gradients_left_over_are_not_used():
    module, expected = net(), net()
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 1e3)
    fit(module)
    assert_same_state(module, plain_loop(expected)[1][-1])


def test_validation_does_not_train():
    module, plain = net(), net()
    fit(module, valid=valid_batches(), max_epochs=1)
    fit(plain, max_epochs=1)
    assert_same_state(module, plain.state_dict())


def test_each_epoch_has_its_own_batches_and_validation_always_the_same():
    seen = {True: [], False: []}

    def recording(module, batch):
        seen[module.training].append(batch.seed)
        return loss(module, batch)

    fit(net(), recording, valid_batches(), max_epochs=3)
    train = train_batches()
    assert seen[True] == [batch.seed for train.epoch in range(3) for batch in train]
    assert seen[False] == [batch.seed for batch in valid_batches()] * 3


def test_zero_epochs_leave_the_module_as_it_is():
    for valid in (None, valid_batches()):
        module = net().train()
        assert fit(module, valid=valid, max_epochs=0, verbose=1) == []
        assert_same_state(module, net().state_dict())
        assert not module.training


def test_global_rng_is_neither_read_nor_advanced():
    weights = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before, numpy_before = torch.get_rng_state(), repr(np.random.get_state())  # noqa: NPY002
        module = net()
        fit(module, valid=valid_batches())
        assert torch.equal(torch.get_rng_state(), before)
        assert repr(np.random.get_state()) == numpy_before  # noqa: NPY002
        weights.append(module.linear.weight)
    assert torch.equal(*weights)


# ---------------------------------------------------------------- waiting for a GPU


def test_no_batch_is_waited_for():
    # Tensors on the meta device have no values. Reading one, once per epoch, is an error.
    spy, meta = Spy(), torch.device("meta")
    with pytest.raises(RuntimeError, match="meta tensors"):
        fit_module(
            net(),
            loss,
            train_batches(),
            None,
            TrainingOptions(lr=LR, max_epochs=1, device=meta, callbacks=[spy]),
        )
    assert len(spy.rates) == N_STEPS


class NoWaiting(Callback):
    """Makes torch raise an error if the host waits for the GPU in a step."""

    n_steps = 0

    def on_batch_begin(self, net, **kwargs):
        torch.cuda.set_sync_debug_mode("error")

    def on_batch_end(self, net, **kwargs):
        torch.cuda.set_sync_debug_mode("default")
        self.n_steps += 1


@pytest.mark.cuda
@pytest.mark.parametrize("kept", [False, True])
def test_no_batch_is_waited_for_on_a_gpu(kept):
    device, watch, on_cpu = torch.device("cuda"), NoWaiting(), net()
    batches = train_batches()
    if kept:
        batches.array = DeviceSegments(batches.array, device)
    settings = {"lr": LR, "max_epochs": 3, "device": device}
    try:
        # Twice, because libraries wait on their first use.
        fit_module(net(), loss, batches, None, TrainingOptions(**settings))
        module = net()
        history = fit_module(
            module, loss, batches, None, TrainingOptions(callbacks=[watch], **settings)
        )
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert watch.n_steps == 3 * N_STEPS
    expected = fit(on_cpu, max_epochs=3)
    for record, expected_record in zip(history, expected, strict=True):
        assert record == pytest.approx(expected_record, rel=1e-3)
    torch.testing.assert_close(
        module.linear.weight.cpu(), on_cpu.linear.weight, rtol=1e-3, atol=1e-4
    )


# ---------------------------------------------------------------- the best epoch


class Walker(nn.Module):
    """One weight, which every step moves up, and the number of steps taken."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("n_trained", torch.zeros((), dtype=torch.long))


def walk(*valid_losses):
    """A loss whose validation values, epoch by epoch, are given."""

    def loss(module, batch):
        if module.training:
            module.n_trained += 1
            return -module.weight
        return torch.tensor(valid_losses[int(module.n_trained) // N_STEPS - 1])

    return loss


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([1.0, 2.0, 3.0], 0),
        ([3.0, 1.0, 2.0], 1),
        ([3.0, 2.0, 1.0], 2),
        ([3.0, 1.0, 4.0, 2.0, 5.0], 1),
        ([2.0, 3.0, 1.0, 4.0, 1.5], 2),
        ([-1.0, 1.0, -2.0, 0.0], 2),
    ],
)
def test_the_epoch_of_lowest_validation_loss_is_restored(losses, best):
    module, spy = Walker(), Spy()
    history = fit(module, walk(*losses), valid_batches(), max_epochs=len(losses), callbacks=[spy])
    assert [record["valid_loss"] for record in history] == losses
    assert module.n_trained == N_STEPS * (best + 1)
    assert_same_state(module, spy.states[best])
    weights = [state["weight"].item() for state in spy.states]
    assert (np.diff(weights) > 0).all()


def test_without_validation_the_last_epoch_is_kept():
    module, spy = Walker(), Spy()
    fit(module, walk(), max_epochs=3, callbacks=[spy])
    assert module.n_trained == 3 * N_STEPS
    assert_same_state(module, spy.states[-1])


# ---------------------------------------------------------------- how it ends


def failing(exception, after, in_mode):
    calls = {True: 0, False: 0}

    def failing_loss(module, batch):
        calls[module.training] += 1
        if module.training == in_mode and calls[in_mode] == after:
            raise exception
        return loss(module, batch)

    return failing_loss


@pytest.mark.parametrize("exception", [KeyboardInterrupt, ValueError, torch.OutOfMemoryError])
@pytest.mark.parametrize("in_training", [True, False])
def test_exceptions_reach_the_caller_and_leave_evaluation_mode(exception, in_training):
    module = net()
    with pytest.raises(exception):
        fit(module, failing(exception("here"), 4, in_training), valid_batches())
    assert not any(part.training for part in module.modules())


def test_ends_in_evaluation_mode():
    module = nn.Sequential(net(), nn.Dropout(0.0)).train()
    fit(module)
    assert not any(part.training for part in module.modules())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("in_training", "prefix"), [(True, "train"), (False, "valid")])
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_loss_that_is_not_finite_is_an_error(value, in_training, prefix, epoch):
    calls = {True: 0, False: 0}
    n_batches = {True: 3, False: 2}[in_training]

    def diverging(module, batch):
        calls[module.training] += 1
        # In the first batch of the epoch. Later batches must not hide it.
        bad = module.training == in_training and calls[in_training] == n_batches * (epoch - 1) + 1
        return loss(module, batch) * (value if bad else 1)

    module = net()
    with pytest.raises(FloatingPointError, match=rf"{prefix}_loss .* in epoch {epoch}\b"):
        fit(module, diverging, valid_batches())
    assert not module.training
    # No epoch started after that.
    assert calls[True] == 3 * epoch


# ---------------------------------------------------------------- callbacks


def test_order_of_events_and_mode_of_the_module():
    spy = Spy()
    fit(net(), valid=valid_batches(), max_epochs=2, callbacks=[spy])
    epoch = ["epoch begin", *["train batch"] * 3, *["valid batch"] * 2, "epoch end"]
    assert spy.events == ["train begin", *epoch, *epoch, "train end"]
    assert all(training is mode for training, mode in spy.modes)


@pytest.mark.parametrize("as_tuple", [False, True])
@pytest.mark.parametrize("step_every", ["epoch", "batch"])
def test_a_scheduler_replaces_the_built_in_one(as_tuple, step_every):
    scheduler = LRScheduler(policy=StepLR, step_size=1, gamma=0.5, step_every=step_every)
    module, expected, spy = net(), net(), Spy()
    fit(module, callbacks=[("mine", scheduler) if as_tuple else scheduler])
    steps = np.arange(12)
    rates = LR * 0.5 ** (steps if step_every == "batch" else steps // 3)
    assert_same_state(module, plain_loop(expected, rates=rates.tolist())[1][-1])

    fit(net(), callbacks=[spy, ("mine", scheduler) if as_tuple else scheduler])
    assert spy.rates == pytest.approx(rates)


def test_a_scheduler_class_replaces_the_built_in_one():
    # skorch makes an instance of a callback that is passed as a class.
    spy = Spy()
    fit(net(), callbacks=[LRScheduler, spy])
    expected = LRScheduler(policy=WarmRestartLR).simulate(4, LR)
    assert spy.rates == pytest.approx(np.repeat(expected, 3))


def test_gradient_clipping():
    module, expected, gradients = net(), net(), Gradients()
    fit(module, callbacks=[GradientNormClipping(1e-3)])

    def clip():
        torch.nn.utils.clip_grad_norm_(expected.parameters(), 1e-3)

    assert_same_state(module, plain_loop(expected, after_backward=clip)[1][-1])

    fit(net(), callbacks=[gradients])
    assert len(gradients.norms) == 12
    assert max(gradients.norms) > 1e-3


def test_every_callback_sees_the_gradients():
    before, after = Gradients(), Gradients()
    fit(net(), callbacks=[before, GradientNormClipping(1e-3), ("after", after)])
    assert before.names == [["linear.weight", "linear.bias"]] * 12
    assert after.names == before.names
    assert max(before.norms) > 1e-3
    assert max(after.norms) <= 1e-3 * (1 + 1e-5)


class Arguments(Callback):
    """Remembers the arguments of its calls, and records a value for every batch."""

    def __init__(self):
        self.begun, self.graded, self.ended, self.rows = [], [], [], []

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.begun.append((batch.seed, training))

    def on_grad_computed(self, net, named_parameters, batch=None, training=None, **kwargs):
        self.graded.append((batch.seed, training))

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        self.ended.append((batch.seed, training, loss.item(), loss.requires_grad))
        net.history.record_batch("seed", batch.seed)
        self.rows.append(copy.deepcopy(net.history[-1]["batches"]))


def test_arguments_of_callbacks():
    arguments, losses = Arguments(), []

    def recording(module, batch):
        value = loss(module, batch)
        losses.append(value.item())
        return value

    fit(net(), recording, valid_batches(), max_epochs=1, callbacks=[arguments])
    train = [batch.seed for batch in train_batches()]
    valid = [batch.seed for batch in valid_batches()]
    seeds = [*((seed, True) for seed in train), *((seed, False) for seed in valid)]
    assert arguments.begun == seeds
    assert arguments.graded == seeds[:N_STEPS]
    assert arguments.ended == [
        (*seed, value, False) for seed, value in zip(seeds, losses, strict=True)
    ]


def test_history_keeps_no_batch_but_the_one_at_hand():
    arguments = Arguments()
    fit(net(), valid=valid_batches(), callbacks=[arguments])
    assert arguments.rows == [[{"seed": seed}] for seed, _ in arguments.begun]


def test_early_stopping():
    # Three misses after the second epoch: the fourth is better, but by less than the threshold.
    # The engine still keeps it as the best epoch.
    losses = walk(3.0, 1.0, 2.0, 0.9999, 2.0, 3.0, 0.0)
    module, spy = Walker(), Spy()
    callbacks = [spy, EarlyStopping(monitor="valid_loss", patience=3, threshold=0.01)]
    try:
        history = fit(module, losses, valid_batches(), max_epochs=7, callbacks=callbacks)
    except KeyboardInterrupt:
        pytest.fail("KeyboardInterrupt reached the caller")
    assert [record["epoch"] for record in history] == [1, 2, 3, 4, 5]
    assert spy.events[-1] == "train end"
    assert module.n_trained == 4 * N_STEPS
    assert not module.training


def test_stopping_after_the_best_epoch_keeps_it():
    class StopAtOnce(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    module = Walker()
    try:
        history = fit(module, walk(1.0), valid_batches(), callbacks=[StopAtOnce()])
    except KeyboardInterrupt:
        pytest.fail("KeyboardInterrupt reached the caller")
    assert len(history) == 1
    assert module.n_trained == N_STEPS


@pytest.mark.parametrize("container", [list, tuple])
def test_callbacks_of_the_caller_are_left_alone(container):
    callbacks = container([Spy()])
    fit(net(), valid=valid_batches(), callbacks=callbacks, verbose=1)
    assert len(callbacks) == 1


# ---------------------------------------------------------------- progress


def test_silent_unless_verbose(capfd):
    fit(net(), valid=valid_batches())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("with_valid", [False, True])
def test_progress_bar(with_valid, capsys):
    valid = valid_batches() if with_valid else None
    history = fit(net(), valid=valid, max_epochs=2, verbose=1, description="my encoder")
    out, err = capsys.readouterr()
    assert out == ""
    last = err.split("\r")[-1]
    assert last.startswith("my encoder: 100%")
    assert "6/6" in last
    assert f"train_loss={history[-1]['train_loss']:.4g}" in last
    assert ("valid_loss=" in last) == with_valid
    if with_valid:
        assert f"valid_loss={history[-1]['valid_loss']:.4g}" in last
