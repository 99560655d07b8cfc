"""The benchmark of the kernel counts the arithmetic that is done, and the script runs."""

import sys

import pytest
import torch

from benchmarks.gpu import kernel as bench
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D, encode_in_chunks, motif_distances
from relcon_sklearn.nn import _motif_ranking as ranking


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_operations_of_ranking(monkeypatch, stride):
    # A local import, since it imports Triton, which the tests of Triton must import first.
    from torch.utils.flop_counter import FlopCounterMode

    # Work of code compiled outside of torch, and of other threads, cannot be counted.
    monkeypatch.setattr(ranking, "cpu_kernels", lambda: None)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    net = MotifCrossAttention(3).eval()
    segments = torch.randn(4, 3, 256, generator=torch.Generator().manual_seed(0))
    index = torch.arange(4).repeat(4, 8)
    try:
        with FlopCounterMode(display=False) as counter:
            features = encode_in_chunks(net, segments)
            motif_distances(net, segments, features, index, stride)
    finally:
        torch.set_num_threads(n_threads)
    expected = bench.ranking_operations(net, 256, 4, index.numel(), stride)
    # The stem of each anchor, computed once, is not included.
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.03)


def test_operations_of_the_encoder():
    encoder = ResNet1D(3, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))
    n, length = 2, 62  # of 256 time steps
    stem = 2 * n * 125 * 3 * 7 * 8
    blocks = 2 * 2 * n * length * 8 * 8 * 3
    # Forward, and backward for the weights and, except for the segments, for the inputs.
    found = bench.encoder_operations(encoder, torch.zeros(n, 256, 3))
    assert found == 2 * stem + 3 * blocks
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_the_script(capsys, monkeypatch, tmp_path):
    n_threads = torch.get_num_threads()
    monkeypatch.setattr(
        sys,
        "argv",
        ["kernel", "--smoke", "--device", "cpu", "--output", str(tmp_path / "kernel.json")],
    )
    monkeypatch.delenv("RELCON_DATA", raising=False)
    bench.main()
    assert torch.get_num_threads() == n_threads
    told = capsys.readouterr().out
    assert "GPU kernel: none" in told
    assert "order in torch.float32 against float64" in told
    assert "| ranking" in told
