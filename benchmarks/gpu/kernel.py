"""The exactness of ranking, and the rates of ranking, encoder and step, as shares of the peak rate.

    python -m benchmarks.gpu.kernel --data FOLDER

FOLDER (or the environment variable RELCON_DATA) has hapt.npz. Without it, segments are generated.
The script repeats one training step of the released size with shared candidates: 64 sets of 21
segments of 256 time steps and 3 channels, which are 1,344 anchors with 83 candidates each; the
"resnet34" encoder; a distance of `embed_dim` 64. The segments are where `fit` keeps them: on the
GPU if there is one. The script prints

- whether ranking used the Triton kernel;
- the difference of the distances from distances in float64, and whether the order is the same, in
  float32 and in the precision of the training;
- the speed of ranking, encoder and the whole step; the arithmetic of each (multiplications and
  additions of its convolutions and matrix products); and its rate as a share of the rate of one
  large matrix product in the same precision, measured in the same run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.common.report import (
    environment,
    median_min_max,
    results_file,
    say,
    say_all,
    script_parser,
    table,
    write_json,
)
from benchmarks.gpu.timing import synchronize
from benchmarks.speed.agreement import order_agreement
from benchmarks.speed.segments import load_segments
from benchmarks.speed.speed_rows import LR, TEMPERATURE, take_step, train_distance
from relcon_sklearn._batches import Batch, GroupIndex, SharedBatches, on_device
from relcon_sklearn._training import MotifRanker, kept_memory, ranking_loss
from relcon_sklearn._utils._precision import dtype_of
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D
from relcon_sklearn.nn._motif_ranking import gpu_kernels
from relcon_sklearn.segments._array import SegmentArray


def seconds_of(function: Callable[[], object], repeats: int, device: torch.device) -> list[float]:
    """Return the seconds of each of `repeats` calls, after one warm-up call."""
    seconds = []
    for _ in range(1 + repeats):
        synchronize(device)
        start = time.perf_counter()
        function()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def matmul_rate(dtype: torch.dtype, device: torch.device, repeats: int) -> float:
    """Return the operations per second of a large matrix product, in the fastest run."""
    n = 8192 if device.type == "cuda" else 2048
    a, b = torch.randn(2, n, n, device=device).to(dtype)
    return 2 * n**3 / min(seconds_of(lambda: a @ b, repeats, device))


def ranking_operations(
    net: MotifCrossAttention, n_timesteps: int, n_segments: int, n_pairs: int, stride: int
) -> float:
    """Return the number of operations of the library's ranking."""
    embed_dim, n_channels, kernel_size = net.query_net.stem.weight.shape
    stem = 2 * n_timesteps * embed_dim * n_channels * kernel_size
    squeeze = 2 * n_timesteps * embed_dim * (embed_dim // 8)
    dilated = kernel_size * squeeze
    n_blocks = len(net.query_net.blocks)
    candidate = (
        2 * (stem + n_blocks * (squeeze + dilated)) + 2 * n_timesteps * embed_dim * n_channels
    )
    # Block i leaves out the steps that neither the output nor the taps of later blocks need.
    kept = [1, *(min(stride, 2 ** (i + 1)) for i in range(n_blocks - 1)), stride]
    blocks = sum(squeeze / before + dilated / after for before, after in pairwise(kept))
    query = 2 * (2 * n_channels + 1) * embed_dim * n_timesteps + blocks
    attention = 2 * n_timesteps**2 * (embed_dim + n_channels) / stride
    return n_segments * candidate + n_pairs * (query + attention)


def encoder_operations(encoder: ResNet1D, segments: Tensor) -> float:
    """Return the number of operations of a forward and a backward pass."""
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, which is optional

    with FlopCounterMode(display=False) as counter:
        encoder(segments.transpose(1, 2)).sum().backward()
    encoder.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def agreement(net, rankers: dict[str, MotifRanker], batch: Batch, n_anchors: int) -> dict:
    """Compare the distances of the first `n_anchors` by each ranker with distances in float64."""
    some = batch._replace(
        anchors=batch.anchors[:n_anchors], candidates=batch.candidates[:n_anchors]
    )
    exact = MotifRanker(net.double())(some._replace(segments=some.segments.double())).cpu()
    net.float()
    there = some.candidates.cpu() >= 0
    return {
        name: order_agreement(ranker(some).double().cpu(), exact, there)
        for name, ranker in rankers.items()
    }


def measure(args) -> dict:
    device = torch.device(args.device)
    dtype = dtype_of(args.precision, device)
    X, source = load_segments(args.data, args.n_sets, args.n_within)
    net = train_distance(X, args.n_sets, args.distance_steps).to(device)
    torch.manual_seed(0)
    encoder = ResNet1D(X.shape[2]).to(device).train()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR)
    index = GroupIndex.from_labels(np.arange(len(X)) // (1 + args.n_within))
    batches = SharedBatches(
        on_device(SegmentArray(X), device), index, args.n_sets, 0, args.n_within
    )
    batch = next(iter(batches)).to(device)
    rankers = {str(d): MotifRanker(net, d, args.query_stride) for d in {torch.float32, dtype}}
    ranker = rankers[str(dtype)]
    loss = ranking_loss(ranker, TEMPERATURE, dtype)

    def forward_and_backward():
        encoder.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            z = encoder(batch.segments.transpose(1, 2))
        z.float().sum().backward()

    n_pairs = int((batch.candidates >= 0).sum())
    few = batch.segments[: min(64, len(X))]
    operations = {
        "ranking": ranking_operations(net, X.shape[1], len(X), n_pairs, args.query_stride),
        "encoder": encoder_operations(encoder, few) * len(X) / len(few),
    }
    operations["step"] = sum(operations.values())
    parts = {
        "ranking": lambda: ranker(batch),
        "encoder": forward_and_backward,
        # This includes making the batch, which fit does in the background.
        "step": lambda: take_step(encoder, next(iter(batches)).to(device), optimizer, loss),
    }
    with kept_memory():
        ceiling = matmul_rate(dtype, device, args.repeats)
        seconds = {k: seconds_of(part, args.repeats, device) for k, part in parts.items()}
    return {
        "segments": f"{X.shape}, {source}",
        "dtype": str(dtype),
        "kernel": "Triton" if device.type == "cuda" and gpu_kernels() is not None else "none",
        "n_anchors": len(batch.anchors),
        "n_pairs": n_pairs,
        "matmul_tflops": ceiling / 1e12,
        "operations": operations,
        "seconds": seconds,
        "agreement": agreement(net, rankers, batch, min(16, len(X))),
    }


def report(found: dict) -> str:
    rows = []
    for part, seconds in found["seconds"].items():
        median, operations = float(np.median(seconds)), found["operations"][part]
        rate = operations / median / 1e12
        rows.append(
            [
                part,
                *median_min_max(seconds),
                operations / 1e12,
                rate,
                rate / found["matmul_tflops"],
                f"{found['n_anchors'] / median:,.0f}",
            ]
        )
    header = ["part", "median s", "min", "max", "TFLOP", "TFLOP/s", "of a matmul", "anchors/s"]
    agreements = [
        f"order in {name} against float64: rho {a['spearman_mean']:.6f} (min "
        f"{a['spearman_min']:.6f}), top 1 {a['top_1']:.3f}, top 5 {a['top_5']:.3f}, largest "
        f"relative error {a['largest_relative_error']:.1e}"
        for name, a in sorted(found["agreement"].items())
    ]
    return "\n".join(
        [
            f"GPU kernel: {found['kernel']}",
            f"matrix product, {found['dtype']}: {found['matmul_tflops']:.2f} TFLOP/s",
            "",
            table(header, rows),
            "",
            *agreements,
        ]
    )


def parse_args():
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--data", default=os.environ.get("RELCON_DATA"), help="folder of hapt.npz")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    add("--query-stride", type=int, default=1)
    add("--n-sets", type=int, default=64)
    add("--n-within", type=int, default=20)
    add("--distance-steps", type=int, default=50)
    add("--repeats", type=int, default=5)
    add("--smoke", action="store_true", help="run with tiny sizes")
    add("--output", type=Path)
    args = parser.parse_args()
    args.output = args.output or results_file("gpu_kernel", smoke=args.smoke)
    if args.smoke:
        args.n_sets, args.n_within, args.distance_steps, args.repeats = 4, 2, 2, 1
    return args


def main() -> None:
    args = parse_args()
    results = environment() | {"settings": {k: str(v) for k, v in vars(args).items()}}
    say_all(results)
    results |= measure(args)
    write_json(args.output, results)
    say(report(results))


if __name__ == "__main__":
    main()
