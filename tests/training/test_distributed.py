"""Several processes train the model that one process trains at the same batches."""

import logging
import math
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.distributed as dist
from skorch.callbacks import GradientNormClipping, TensorBoard, WandbLogger
from torch import nn

from relcon_sklearn import RelConEmbedder
from relcon_sklearn._training import TrainingOptions, _distributed, fit_module
from relcon_sklearn._training._batch_norm import shared_batch_norms
from relcon_sklearn._training._checkpoints import differences
from relcon_sklearn._training._distributed import (
    ALONE,
    Processes,
    breaks_off_for_all,
    gathered,
    join,
    own_share,
    part_of_mean,
    together,
)
from relcon_sklearn._training._engine import _callbacks, _without_log
from relcon_sklearn._utils import _precision
from relcon_sklearn.datasets import make_motion
from tests.support.break_off import BreakOff, Broken
from tests.support.estimators import tiny_embedder
from tests.support.forked import in_another_process, needs_fork
from tests.support.many_processes import MODELS, ROOT, fitted, launch, results
from tests.support.small_training import net, train_batches
from tests.support.threads import in_threads_as_processes

GUIDE = ROOT / "docs" / "guide" / "many_machines.md"
CPU = torch.device("cpu")
SAME = sorted(MODELS.keys() - {"dropout", "few"})


def read(folder, name, rank):
    with np.load(folder / f"{name}-{rank}.npz") as arrays:
        return dict(arrays)


def assert_equal(actual, expected, rtol=0.0, atol=0.0):
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(actual[key], value, rtol=rtol, atol=atol, err_msg=key)


def add(monkeypatch, *others):
    """Have each all_reduce combine with the next of `others`, as if from another process."""
    values = iter(others)

    def all_reduce(tensor, op=dist.ReduceOp.SUM):
        combine = torch.add if op == dist.ReduceOp.SUM else torch.maximum
        combine(tensor, next(values), out=tensor)

    monkeypatch.setattr(dist, "all_reduce", all_reduce)


# ---------------------------------------------------------------- finding the processes


@pytest.mark.parametrize("size", ["1", "", "many", None])
def test_one_process_is_alone(monkeypatch, size):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size is not None:
        monkeypatch.setenv("WORLD_SIZE", size)
    assert join(CPU) is ALONE


def test_a_worker_is_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "this process")
    assert join(CPU) is ALONE


def test_a_group_of_one_process_is_alone(monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 1)
    assert join(torch.device("mps")) is ALONE


@needs_fork
def test_a_fork_of_a_connected_process_is_alone(monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)

    def check():
        assert join(CPU) is ALONE

    assert in_another_process(check) == 0


def test_processes_that_cannot_connect_are_refused(monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match=r"=4.*but RANK, MASTER_ADDR, MASTER_PORT is not"):
        fitted("distance")


def test_devices_that_cannot_exchange_are_refused(monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    with pytest.raises(ValueError, match="device='mps': several processes train together on CPUs"):
        join(torch.device("mps"))


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=r"LOCAL_RANK=2: this machine has 2 GPU.*nproc-per-node 2"):
        join(torch.device("cuda"))


def test_processes_compute_in_one_precision_but_a_fit_may_resume_in_another(monkeypatch, tmp_path):
    compared = []
    monkeypatch.setattr(Processes, "check_same", lambda self, values: compared.append(values))
    X, _, subjects, *_ = make_motion(12, n_subjects=2, n_timesteps=64, random_state=0)
    for flags in ({"amx_bf16"}, set()):  # of two CPUs
        monkeypatch.setattr(_precision, "_cpu_flags", lambda flags=flags: flags)
        embedder = tiny_embedder(distance="features", sampling_rate=50, precision="auto")
        embedder.set_params(max_epochs=0, checkpoint_dir=tmp_path, device="cpu")
        embedder.fit(X, groups=subjects)
    assert differences(*compared) == [
        "precision on its device was 'torch.bfloat16' and is 'torch.float32'"
    ]


# ---------------------------------------------------------------- shares


@pytest.mark.parametrize("n", [0, 1, 2, 7, 12])
def test_shares_are_all_rows_and_almost_equal(n):
    shares = [range(n)[Processes(rank, 3).share(n)] for rank in range(3)]
    assert [row for share in shares for row in share] == list(range(n))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_one_process_gets_the_rows_themselves():
    rows = torch.randn(5, 2)
    assert own_share(rows) is rows
    assert gathered(rows, 5) is rows
    with together(ALONE):
        assert own_share(rows) is rows
        assert gathered(rows, 5) is rows
        assert torch.equal(part_of_mean(rows, 5), rows.mean())
    value = torch.tensor(1.0)
    assert ALONE.total(value) is value


def test_a_process_has_the_same_segments_in_each_view():
    # Two views of three segments, of which the first of two processes has the first one.
    with together(Processes(0, 2)):
        assert own_share(torch.arange(6), n_views=2).tolist() == [0, 3]
    with together(Processes(1, 2)):
        assert own_share(torch.arange(6), n_views=2).tolist() == [1, 2, 4, 5]


@pytest.mark.parametrize("n_views", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [2, 3, 4])  # with 4 processes, some have no rows
def test_gathered_rows_have_the_gradients_of_all_processes(monkeypatch, size, dtype, n_views):
    rows = torch.arange(3.0 * n_views) + 1
    factors = torch.randn(size, len(rows))  # what the loss of each process multiplies the rows by

    def run(processes):
        own = own_share(rows, n_views).to(dtype).requires_grad_()
        every = gathered(own, 3, n_views)
        (every * factors[processes.rank]).sum().backward()
        return every, own.grad, own_share(factors.sum(0), n_views)

    for every, gradient, expected in in_threads_as_processes(size, run, monkeypatch):
        assert every.dtype == torch.float32
        assert torch.equal(every, rows)
        # Sums are rounded once.
        torch.testing.assert_close(gradient, expected.to(dtype))


@pytest.mark.parametrize("shape", [(7,), (7, 3)])
def test_parts_of_a_mean_are_a_mean(shape):
    values = torch.randn(shape)
    parts = [part_of_mean(values[Processes(rank, 9).share(7)], 7) for rank in range(9)]
    torch.testing.assert_close(sum(parts), values.mean())


def test_losses_of_processes_are_summed_and_keep_no_graph(monkeypatch):
    def run(processes):
        loss = torch.tensor(2.0 ** (processes.rank + 1), requires_grad=True)
        return processes.total(loss)

    totals = in_threads_as_processes(3, run, monkeypatch)
    assert [float(total) for total in totals] == [14, 14, 14]
    assert not any(total.requires_grad for total in totals)


def test_gradients_are_summed(monkeypatch):
    linear = nn.Linear(3, 2)
    linear.bias.requires_grad_(False)
    linear(torch.ones(1, 3)).sum().backward()
    linear.weight.grad = linear.weight.grad.T.contiguous().T  # in another memory format
    add(monkeypatch, torch.ones(1, dtype=torch.int32), torch.arange(6.0))
    Processes(0, 2).sum_gradients(linear.parameters())
    assert linear.weight.grad.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert linear.bias.grad is None


def test_gradients_that_only_other_processes_have_are_summed_too(monkeypatch):
    # As of layers that are skipped at random: here the last one by all, and the first one by this.
    a, b, c = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    b.grad = torch.tensor([10.0, 20.0])
    add(monkeypatch, torch.tensor([1, 1, 0], dtype=torch.int32), torch.tensor([1, 2, 3, 4.0]))
    Processes(0, 2).sum_gradients([a, b, c])
    assert a.grad.tolist() == [1, 2]
    assert b.grad.tolist() == [13, 24]
    assert c.grad is None


# ---------------------------------------------------------------- errors


@pytest.fixture
def ended(monkeypatch):
    """Have this process joined with another, and return the groups that it has ended."""
    ended = []
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_backend_config", lambda: "cpu:gloo")
    monkeypatch.setattr(dist, "destroy_process_group", lambda: ended.append("group"))
    for name in ("_is_broken", "_is_connected_here"):
        monkeypatch.setattr(_distributed, name, False)
    return ended


@breaks_off_for_all
def fit(make=None, *, first=None):
    """Fit: raise the error `first`, join the other processes, and return what `make` returns."""
    if first is not None:
        raise first
    processes = join(CPU)
    return make(processes) if make is not None else "fitted"


def raising(error):
    def make(processes):
        raise error

    return make


def test_after_an_error_a_process_joins_no_other_training(ended):
    assert fit() == "fitted"
    with pytest.raises(Broken):
        fit(raising(Broken()))
    with pytest.raises(RuntimeError, match=r"earlier fit ended with an error .* start them again"):
        fit()
    assert ended == []  # a group that the caller has made


@pytest.mark.parametrize(("backends", "expected"), [("cpu:gloo", 1), ("cpu:gloo,cuda:nccl", 0)])
def test_the_group_of_fit_is_ended_for_the_others(ended, monkeypatch, backends, expected):
    monkeypatch.setattr(_distributed, "_is_connected_here", True)
    monkeypatch.setattr(dist, "get_backend_config", lambda: backends)
    with pytest.raises(Broken):
        fit(raising(Broken()))
    assert len(ended) == expected


def test_after_errors_of_all_processes_they_train_again(ended, monkeypatch):
    monkeypatch.setattr(dist, "broadcast_object_list", lambda result, src: None)

    def gather(every, own):
        every[:] = [own, {"lr": 2}]

    monkeypatch.setattr(dist, "all_gather_object", gather)
    with pytest.raises(Broken):
        fit(lambda processes: processes.from_first(lambda: raising(Broken())(processes)))
    with pytest.raises(ValueError, match="fits something else"):
        fit(lambda processes: processes.check_same({"lr": 1}))
    with pytest.raises(Broken):
        fit(first=Broken())  # before it joined
    assert fit() == "fitted"


@pytest.mark.parametrize("where", ["weight", "loss"])
def test_after_a_training_that_diverges_they_train_again(ended, monkeypatch, where):
    monkeypatch.setattr(dist, "broadcast_object_list", lambda result, src: None)
    monkeypatch.setattr(Processes, "adopt_first", lambda self, module: None)
    monkeypatch.setattr(Processes, "sum_gradients", lambda self, parameters: None)
    monkeypatch.setattr(Processes, "total", lambda self, loss: loss)

    def loss(module, batch):
        total = module(batch.segments).sum()
        return total * math.nan if where == "loss" else total

    def train(processes):
        module = net()
        # A buffer without effect on the loss.
        module.register_buffer("level", torch.tensor(math.nan if where == "weight" else 0.0))
        options = TrainingOptions(lr=1e-3, max_epochs=1, device=CPU, processes=processes)
        fit_module(module, loss, train_batches(), None, options)

    with pytest.raises(FloatingPointError, match=rf"^(train_)?{where}\b.*diverged"):
        fit(train)
    assert fit() == "fitted"


def test_a_process_alone_trains_again_after_an_error():
    with pytest.raises(Broken):
        fit(raising(Broken()))
    assert fit() == "fitted"


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ("Connection closed by peer", r"connection to another process .* is lost"),
        ("CUDA out of memory", r"^CUDA out of memory"),  # is not a lost connection
    ],
)
def test_a_lost_connection_is_explained(monkeypatch, seen, told):
    def fail(tensor, op=None):
        raise RuntimeError(seen)

    monkeypatch.setattr(dist, "all_reduce", fail)
    with pytest.raises(RuntimeError, match=told):
        Processes(0, 2).any(True)


# ---------------------------------------------------------------- batch norms


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}, {"eps": 0.1}],
)
def test_batch_norms_are_those_of_torch(monkeypatch, kwargs):
    monkeypatch.setattr(dist, "all_reduce", lambda tensor: None)  # the others have no rows
    shared, plain = nn.BatchNorm1d(3, **kwargs), nn.BatchNorm1d(3, **kwargs)
    x = 100 + torch.randn(8, 3, 5)
    x, y = x.clone().requires_grad_(), x.clone().requires_grad_()
    with shared_batch_norms(nn.Sequential(shared), Processes(0, 2)):
        for _ in range(2):
            actual = shared(x)
    for _ in range(2):
        expected = plain(y)
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)
    for output in (actual, expected):
        output.pow(3).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, atol=1e-3, rtol=1e-3)
    for one, other in zip(shared.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(shared.state_dict(), plain.state_dict(), atol=1e-4, rtol=1e-5)
    # After training it is a plain batch norm.
    torch.testing.assert_close(shared.eval()(x), plain.eval()(y), atol=1e-4, rtol=1e-5)
    assert "forward" not in vars(shared)


def test_batch_norms_keep_the_dtype_of_autocast(monkeypatch):
    monkeypatch.setattr(dist, "all_reduce", lambda tensor: None)
    norm = nn.BatchNorm2d(3)
    with shared_batch_norms(norm, Processes(0, 2)):
        assert norm(torch.randn(4, 3, 1, 5).bfloat16()).dtype == torch.bfloat16


def test_batch_norms_in_evaluation_mode_exchange_nothing():
    norm = nn.BatchNorm1d(3).eval()
    with shared_batch_norms(norm, Processes(0, 2)):
        assert norm(torch.zeros(4, 3)).shape == (4, 3)


# ---------------------------------------------------------------- what the first process does


def test_only_the_first_process_has_loggers():
    def kinds(rank):
        given = [("board", TensorBoard(writer=None)), WandbLogger, GradientNormClipping()]
        processes = Processes(rank, 2)
        options = TrainingOptions(
            lr=1, max_epochs=1, device=CPU, callbacks=given, processes=processes
        )
        return [type(callback) for callback in _callbacks(options, validated=False)]

    assert len(kinds(0)) == 4  # and the schedule
    assert kinds(1) == [GradientNormClipping, tuple]


def test_the_others_do_not_log(caplog):
    logger = logging.getLogger("relcon_sklearn")
    with caplog.at_level("INFO"):
        with _without_log():
            logger.info("nothing")
        logger.info("something")
    assert caplog.messages == ["something"]


# ---------------------------------------------------------------- real processes


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return the folder of the results of two processes."""
    folder = tmp_path_factory.mktemp("pair")
    assert launch(2, folder, *SAME, "dropout") == [0, 0]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_two_processes_train_the_model_of_one(pair, name):
    first, second = (read(pair, name, rank) for rank in (0, 1))
    assert_equal(second, first)
    assert_equal(first, results(fitted(name)), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_early_stopping_stops(pair):
    assert len(read(pair, "stopped", 0)["train_loss"]) < 20


@pytest.mark.slow
def test_an_encoder_with_dropout_is_the_same_in_both(pair):
    assert_equal(read(pair, "dropout", 1), read(pair, "dropout", 0))


@pytest.mark.slow
def test_a_share_may_be_empty(tmp_path):
    assert launch(3, tmp_path, "few") == [0, 0, 0]
    for rank in range(3):
        assert_equal(read(tmp_path, "few", rank), results(fitted("few")), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["distance", "within", "dropout"])
def test_sigterm_to_one_stops_both_and_they_resume(pair, tmp_path, name):
    checkpoints = tmp_path / "checkpoints"
    launch(2, tmp_path, name, "--checkpoint-dir", checkpoints, "--signal", int(signal.SIGTERM))
    for rank in (0, 1):
        assert (tmp_path / f"{name}-{rank}.txt").read_text() == "KeyboardInterrupt: "
    copy = shutil.copytree(checkpoints, tmp_path / "copy")
    assert launch(2, tmp_path, name, "--checkpoint-dir", checkpoints) == [0, 0]
    for rank in (0, 1):
        assert_equal(read(tmp_path, name, rank), read(pair, name, rank))
    if name != "dropout":
        alone = results(fitted(name, callbacks=[BreakOff()], checkpoint_dir=copy))
        assert_equal(alone, read(pair, name, 0), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_if_one_is_killed_the_other_ends_with_an_error(tmp_path):
    codes = launch(2, tmp_path, "distance", "--signal", int(signal.SIGKILL), "--after", 3)
    assert codes == [0, -signal.SIGKILL]
    error, killed = tmp_path / "distance-0.txt", tmp_path / "signal"
    assert error.read_text().startswith("RuntimeError: The connection to another process")
    assert error.stat().st_mtime - killed.stat().st_mtime < 60


@pytest.mark.slow
def test_an_error_that_a_script_catches_ends_all(tmp_path):
    assert launch(2, tmp_path, "distance", "--error", "--after", 3) == [0, 0]
    read_text = [(tmp_path / f"distance-{rank}.txt").read_text() for rank in (0, 1)]
    assert read_text[0].startswith("RuntimeError: The connection to another process")
    assert read_text[1] == "Broken: "
    for rank in (0, 1):
        again = (tmp_path / f"distance-{rank}-again.txt").read_text()
        assert again.startswith("RuntimeError: An earlier fit ended with an error")


@pytest.mark.slow
def test_other_data_are_refused_in_all_processes(tmp_path):
    launch(2, tmp_path, "distance", "--other-data")
    for rank in (0, 1):
        error = (tmp_path / f"distance-{rank}.txt").read_text()
        assert error.startswith("ValueError: Process 1 of 2 fits something else than process 0: ")
        assert "X.checksum" in error


@pytest.mark.slow
def test_an_error_of_the_first_process_is_raised_in_all(tmp_path):
    file = tmp_path / "file"
    file.touch()
    launch(2, tmp_path, "distance", "--checkpoint-dir", file)
    for rank in (0, 1):
        error = (tmp_path / f"distance-{rank}.txt").read_text()
        assert error.startswith("ValueError: checkpoint_dir=")


@pytest.mark.slow
def test_the_script_of_the_guide(tmp_path):
    text = GUIDE.read_text()
    (script,) = re.findall(r"This is `pretrain.py`:\n\n```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "pretrain.py").write_text(script)
    arguments = re.search(r"torchrun (--standalone --nproc-per-node 2 pretrain.py)`", text)[1]
    command = [sys.executable, "-m", "torch.distributed.run", *arguments.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=300)
    assert len(RelConEmbedder.load(tmp_path / "wrist.safetensors").history_) == 2
    assert (tmp_path / "run" / "training.json").exists()
