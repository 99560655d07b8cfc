"""Each callback of skorch works in a training, or is refused before any training."""

import logging
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import skorch.callbacks
import torch
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    TrainEndCheckpoint,
    Unfreezer,
    WandbLogger,
)

from relcon_sklearn._training import (
    CheckpointFolder,
    Checkpoints,
    TrainingOptions,
    fit_module,
)
from relcon_sklearn._training._skorch_callbacks import check_callbacks
from tests.support.break_off import BreakOff, Broken
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor
from tests.support.small_training import CPU, LR, loss, net, train_batches, valid_batches

# Callbacks that work are tested below or in test_engine.
SUPPORTED = {
    *("Callback", "EarlyStopping", "EpochTimer", "Freezer", "GradientNormClipping", "Initializer"),
    *("LRScheduler", "MlflowLogger", "NeptuneLogger", "ParamMapper", "PrintLog", "SacredLogger"),
    *("TensorBoard", "Unfreezer", "WandbLogger", "WarmRestartLR"),
}


class Subclass(EpochScoring):
    """A refused callback that a user has derived."""


# The callback, and what the error says to use instead.
REFUSED = {
    "BatchScoring": (lambda: BatchScoring("accuracy"), "validation_fraction"),
    "EpochScoring": (lambda: EpochScoring("accuracy"), "validation_fraction"),
    "EpochScoring, a subclass": (lambda: Subclass("accuracy"), "net.history.record"),
    "EpochScoring, with a name": (
        lambda: ("mine", EpochScoring("accuracy")),
        "validation_fraction",
    ),
    "PassthroughScoring": (lambda: PassthroughScoring("train_loss"), "validation_fraction"),
    "Checkpoint": (Checkpoint, "checkpoint_dir"),
    "Checkpoint, the class": (lambda: Checkpoint, "checkpoint_dir"),
    "TrainEndCheckpoint": (TrainEndCheckpoint, "checkpoint_dir"),
    "LoadInitState": (lambda: LoadInitState(Checkpoint()), "checkpoint_dir"),
    "ProgressBar": (ProgressBar, "verbose=1"),
    "InputShapeSetter": (InputShapeSetter, "Remove it"),
}


def fit(callbacks, module=None, valid=None, **kwargs):
    """Train for three epochs, and return the history."""
    options = TrainingOptions(lr=LR, max_epochs=3, device=CPU, callbacks=callbacks, **kwargs)
    return fit_module(net() if module is None else module, loss, train_batches(), valid, options)


def test_every_callback_of_skorch_is_either_supported_or_refused():
    refused = {name for name in REFUSED if "," not in name}
    assert refused | SUPPORTED >= set(skorch.callbacks.__all__)
    assert not refused & SUPPORTED


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("name", REFUSED)
def test_callbacks_that_cannot_work_are_refused_with_what_to_use_instead(name):
    make, instead = REFUSED[name]
    with pytest.raises(ValueError, match=rf"^callbacks\[0\]: .* is not supported.*{instead}"):
        fit([make()], valid=valid_batches())


@pytest.mark.parametrize("make", [tiny_embedder, tiny_distance, tiny_classifier, tiny_regressor])
def test_fit_refuses_callbacks_before_any_training(make, motion, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "__call__", None)  # training would raise another error
    X, labels, numbers = motion
    arguments = {tiny_classifier: (X, labels), tiny_regressor: (X, numbers)}.get(make, (X,))
    estimator = make(callbacks=[Callback(), Checkpoint()])
    with pytest.raises(ValueError, match=r"callbacks\[1\]: Checkpoint is not supported"):
        estimator.fit(*arguments)
    estimator.set_params(callbacks=[EarlyStopping()], validation_fraction=0)
    with pytest.raises(ValueError, match="reads 'valid_loss', but there is no validation"):
        estimator.fit(*arguments)


@pytest.mark.parametrize(
    "callback",
    [print, None, object(), int, ("a", print), ("a",), (1, Callback())],
    ids=["function", "None", "object", "class", "named function", "name", "number"],
)
def test_what_is_not_a_callback_is_refused(callback):
    with pytest.raises(ValueError, match=r"callbacks\[1\] is not a skorch callback"):
        fit([Callback(), callback])


def test_a_class_that_needs_arguments_is_refused():
    with pytest.raises(ValueError, match=r"callbacks\[0\]: .*'writer'.* Pass an instance"):
        fit([TensorBoard])


def test_a_class_is_made_into_a_callback_once(motion):
    """It may open a file or a run."""
    made = []

    class Run(Callback):
        def __init__(self):
            made.append(self)

    X, _, subjects = motion
    tiny_distance(max_epochs=1, callbacks=[Run, ("named", Run)]).fit(X, groups=subjects)
    assert len(made) == 2


def test_names_that_are_given_twice_are_refused():
    with pytest.raises(ValueError, match=r"callbacks\[0\] has the name 'a', which another"):
        fit([("a", Callback()), ("a", EpochTimer())])
    with pytest.raises(ValueError, match=r"callbacks\[1\] has the name 'EpochTimer'"):
        fit([EpochTimer(), ("EpochTimer", Callback())])
    fit([EpochTimer(), EpochTimer(), ("b", Callback()), ("c", Callback())])


@pytest.mark.parametrize(
    ("callback", "instead"),
    [
        (EarlyStopping(), "monitor='train_loss'"),
        (EarlyStopping, "monitor='train_loss'"),
        (LRScheduler("ReduceLROnPlateau", monitor="valid_loss"), "monitor='train_loss'"),
        (WandbLogger(MagicMock()), "save_model=False"),
    ],
    ids=["instance", "class", "plateau", "wandb"],
)
def test_callbacks_that_need_validation_are_refused_without_it(callback, instead):
    with pytest.raises(ValueError, match=f"no validation.*validation_fraction.*{instead}"):
        check_callbacks([callback], validated=False)
    with pytest.raises(ValueError, match="no validation"):
        fit([callback])  # as when validation_fraction has no effect
    check_callbacks([callback], validated=True)


@pytest.mark.parametrize(
    "callback",
    [
        EarlyStopping(monitor="train_loss"),
        EarlyStopping(monitor="mine"),
        LRScheduler("ReduceLROnPlateau"),
        LRScheduler(torch.optim.lr_scheduler.StepLR, monitor="valid_loss", step_size=1),
        WandbLogger(MagicMock(), save_model=False),
    ],
    ids=["train_loss", "own", "plateau", "schedule", "wandb"],
)
def test_callbacks_that_need_no_validation_are_accepted_without_it(callback):
    class Mine(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("mine", 1.0)

    fit([Mine(), callback])


@pytest.mark.parametrize(
    "callback",
    [
        MlflowLogger(MagicMock(), MagicMock(), log_on_batch_end=True),
        NeptuneLogger(MagicMock(), log_on_batch_end=True),
        SacredLogger(MagicMock(), log_on_batch_end=True),
        LRScheduler("ReduceLROnPlateau", step_every="batch"),
    ],
    ids=["mlflow", "neptune", "sacred", "plateau"],
)
def test_callbacks_that_would_read_losses_of_batches_are_refused(callback):
    with pytest.raises(ValueError, match=r"has the losses of epochs only\. Set "):
        fit([callback], valid=valid_batches())


class OwnSchedule(LRScheduler):
    """A scheduler without the attributes of skorch's."""

    def __init__(self):
        pass

    def initialize(self):
        return self

    def on_train_begin(self, net, **kwargs):
        pass

    def on_batch_end(self, net, **kwargs):
        pass

    def on_epoch_end(self, net, **kwargs):
        pass


class OwnCallback(Callback):
    """A callback of the user, whose attributes mean something else than those of skorch's."""

    def __init__(self):
        self.monitor = "valid_loss"
        self.log_on_batch_end = True


@pytest.mark.parametrize("kind", [OwnSchedule, OwnCallback])
def test_callbacks_of_the_user_are_accepted_with_any_attributes(kind):
    assert len(fit([kind()])) == 3


# ---------------------------------------------------------------- supported


def test_early_stopping_with_its_best_weights():
    history = fit([EarlyStopping(load_best=True)], valid=valid_batches())
    assert len(history) == 3


def test_early_stopping_of_the_estimators_is_logged_and_not_printed(caplog, capsys):
    # The loss of the validation data stays equal, so that the first epoch remains the best.
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        options = TrainingOptions(lr=1e-30, max_epochs=9, device=CPU, patience=2, verbose=1)
        history = fit_module(net(), loss, train_batches(), valid_batches(), options)
    assert len(history) == 3
    assert "Stopping since valid_loss has not improved in the last 2 epochs." in caplog.messages
    assert capsys.readouterr().out == ""


def test_epoch_timer_and_print_log_print_a_table(capsys):
    fit([EpochTimer(), PrintLog()], valid=valid_batches(), verbose=1)
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["epoch", "train_loss", "valid_loss", "dur"]
    assert len(rows) == 3
    fit([PrintLog()])
    assert capsys.readouterr().out == ""
    lines = []
    fit([PrintLog(sink=lines.append)])
    assert len(lines) == 5


def test_a_freezer_holds_until_the_end_of_training():
    module = net()
    before = module.linear.weight.detach().clone()
    fit([Freezer("linear.weight")], module)
    assert torch.equal(module.linear.weight, before)
    assert not torch.equal(module.linear.bias, net().linear.bias)
    # What is trained next, such as a classifier with this encoder, is not frozen.
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_requires_grad_of_the_module_stays_as_it_was():
    module = net()
    module.linear.weight.requires_grad_(False)
    fit([Unfreezer("linear.weight")], module)
    assert not module.linear.weight.requires_grad


@pytest.mark.parametrize(("unfreeze_at", "is_frozen"), [(9, True), (2, False)])
def test_a_resumed_training_stays_frozen(tmp_path, unfreeze_at, is_frozen):
    def resumable():
        settings = Checkpoints(tmp_path, every_seconds=None, every_steps=1)
        return CheckpointFolder(settings, {}, 0)

    def callbacks():
        return [Freezer("linear.weight"), Unfreezer("linear.weight", at=unfreeze_at)]

    alone, resumed = net(), net()
    fit(callbacks(), alone)
    with pytest.raises(Broken):
        fit([BreakOff(5), *callbacks()], checkpoints=resumable())
    fit([BreakOff(), *callbacks()], resumed, checkpoints=resumable())
    assert torch.equal(resumed.linear.weight, alone.linear.weight)
    assert torch.equal(resumed.linear.weight, net().linear.weight) == is_frozen


def test_param_mapper_and_initializer():
    module, seen = net(), []
    fit([Initializer("linear.*", fn=torch.nn.init.zeros_), ParamMapper("*", seen.append)], module)
    assert len(seen) == 2
    assert module.linear.weight.abs().max() < LR * 20  # 9 steps of Adam from zero


def test_tensorboard_mlflow_sacred_and_wandb_receive_the_losses_of_epochs():
    writer, run, client, experiment, logged = *(MagicMock() for _ in range(4)), []
    wandb = SimpleNamespace(watch=lambda module: None, log=logged.append)
    history = fit(
        [
            TensorBoard(writer),
            MlflowLogger(run, client),
            SacredLogger(experiment),
            WandbLogger(wandb, save_model=False),
        ],
        valid=valid_batches(),
    )
    losses = [{k: row[k] for k in ("train_loss", "valid_loss")} for row in history]
    assert logged == losses
    scalars = [call.kwargs for call in writer.add_scalar.call_args_list]
    tags = {"Loss/train_loss": "train_loss", "Loss/valid_loss": "valid_loss"}
    for tag, name in tags.items():
        values = [s["scalar_value"] for s in scalars if s["tag"] == tag]
        assert values == [row[name] for row in losses]
    assert [c.args[2] for c in client.log_metric.call_args_list if c.args[1] == "train_loss"] == [
        row["train_loss"] for row in losses
    ]
    logged_names = {call.args[0] for call in experiment.log_scalar.call_args_list}
    assert logged_names >= {"train_loss", "valid_loss"}


def test_neptune_receives_the_losses_of_epochs(monkeypatch):
    monkeypatch.setattr(NeptuneLogger, "_log_integration_version", lambda self: None)
    monkeypatch.setattr(NeptuneLogger, "_model_summary_file", staticmethod(lambda model: None))
    run = MagicMock()
    fit([NeptuneLogger(run, close_after_train=False)])
    assert run.__getitem__.called


def test_gradient_norm_clipping_ignores_frozen_weights():
    fit([Freezer("linear.weight"), GradientNormClipping(1.0)])
