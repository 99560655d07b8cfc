"""Comparison of the GPU kernel with a slow reference, on a GPU or in Triton's interpreter.

The interpreter tests the arithmetic. It cannot test that the compiler accepts the kernel and that
the registers are enough. Therefore another test compiles the kernel for GPUs, without needing one.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys

import pytest
import torch

from relcon_sklearn.nn import MotifCrossAttention, encode_in_chunks, motif_distances, squared_error
from relcon_sklearn.nn import _motif_ranking as ranking

if importlib.util.find_spec("triton") is None:
    pytest.skip("needs triton, on a GPU or for its interpreter", allow_module_level=True)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cuda" and (torch.version.hip or torch.cuda.get_device_capability() < (8,)):
    pytest.skip("the kernel is not for this GPU", allow_module_level=True)
# Triton reads this variable when it is imported, and at some later points.
INTERPRET = str(int(DEVICE == "cpu"))
if "triton" in sys.modules and os.environ.get("TRITON_INTERPRET", "0") != INTERPRET:
    pytest.skip(
        f"triton was imported before with TRITON_INTERPRET other than {INTERPRET}",
        allow_module_level=True,
    )
with pytest.MonkeyPatch.context() as patch:
    patch.setenv("TRITON_INTERPRET", INTERPRET)
    # Older interpreters cannot run the kernel, though older compilers can compile it.
    triton = pytest.importorskip("triton", minversion="3.2")
    from relcon_sklearn.nn import _triton_kernels as kernels

# Without a GPU, the tests run in the interpreter.
pytestmark = [pytest.mark.cuda] if DEVICE == "cuda" else []


@pytest.fixture(autouse=True)
def as_when_imported(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", INTERPRET)


ATTENTIONS = ["sparsemax", "softmax"]


def sorted_sparsemax(scores):
    """Return sparsemax by its closed form, which needs a sort."""
    ordered, _ = scores.sort(dim=-1, descending=True)
    excess = ordered.cumsum(dim=-1) - 1
    rank = torch.arange(1, scores.shape[-1] + 1, dtype=scores.dtype)
    size = (rank * ordered > excess).sum(dim=-1, keepdim=True)
    return (scores - excess.gather(-1, size - 1) / size).clamp(min=0)


def expected_distances(query, keys, values, rows, anchors, owner, gain, shift, attention):
    """Return the distances, computed in float64 and pair by pair."""
    weigh = {"sparsemax": sorted_sparsemax, "softmax": lambda scores: scores.softmax(dim=-1)}
    distances = []
    for p, (row, anchor) in enumerate(zip(rows.tolist(), owner.tolist(), strict=True)):
        scores = query[p].double().mT @ keys[row].double() / math.sqrt(query.shape[1])
        attended = values[row].double() @ weigh[attention](scores).mT
        reconstructed = gain[p].double()[:, None] * attended + shift[p].double()[:, None]
        distances.append((reconstructed - anchors[anchor].double()).square().sum())
    return torch.stack(distances)


def pair_distances(*arrays):
    *arrays, attention = arrays
    return kernels.pair_distances(*(array.to(DEVICE) for array in arrays), attention).cpu()


def random_pairs(n_timesteps, n_keys, embed_dim, n_channels, dtype=torch.float32, scale=1.0):
    """Return the arguments for 5 pairs of 2 anchors and 3 candidates, some in two pairs."""
    draw = {"generator": torch.Generator().manual_seed(n_timesteps + n_keys)}
    return [
        (scale * torch.randn(5, embed_dim, n_timesteps, **draw)).to(dtype),
        torch.randn(3, embed_dim, n_keys, **draw).to(dtype),
        torch.randn(3, n_channels, n_keys, **draw),
        torch.tensor([2, 0, 2, 1, 0]),
        torch.randn(2, n_channels, n_timesteps, **draw),
        torch.tensor([0, 1, 1, 0, 1]),
        torch.rand(5, n_channels, **draw) + 0.5,
        torch.randn(5, n_channels, **draw),
    ]


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("n_timesteps", "n_keys", "embed_dim", "n_channels"),
    [
        (1, 1, 8, 1),
        (1, 7, 64, 6),
        (7, 1, 16, 3),
        (64, 64, 16, 1),
        (200, 90, 64, 3),
        (65, 200, 24, 6),
        (256, 256, 64, 3),
        (33, 512, 64, 1),
    ],
)
def test_equals_the_reference(n_timesteps, n_keys, embed_dim, n_channels, dtype, attention):
    pairs = random_pairs(n_timesteps, n_keys, embed_dim, n_channels, dtype)
    distances = pair_distances(*pairs, attention)
    assert distances.dtype == torch.float32
    expected = expected_distances(*pairs, attention)
    torch.testing.assert_close(distances.double(), expected, rtol=3e-6, atol=0)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_long_candidates_in_half_precision(attention):
    pairs = random_pairs(20, 1000, 64, 3, torch.float16)
    expected = expected_distances(*pairs, attention)
    distances = pair_distances(*pairs, attention)
    torch.testing.assert_close(distances.double(), expected, rtol=3e-6, atol=0)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("scale", [0.0, 1e-3, 10.0, 300.0])
def test_flat_and_steep_scores(attention, scale):
    pairs = random_pairs(30, 50, 16, 3, scale=scale)
    expected = expected_distances(*pairs, attention)
    distances = pair_distances(*pairs, attention)
    # Float32 scores of 300 have at most five digits after the decimal point.
    rtol = 3e-6 * max(1.0, scale)
    torch.testing.assert_close(distances.double(), expected, rtol=rtol, atol=0)


def scores_of_many_steps(n, ratio):
    """Return scores where each Newton step removes only the share `ratio` of the support."""
    threshold, excess, size, scores = -1.0, n / 2 - 1, n, []
    while size > 1 and excess > 1e-7:
        kept = max(1, int(size * (1 - ratio)))
        scores += [threshold + 1e-5 * excess / size] * (size - kept)
        threshold += excess / size
        excess = (size - kept) * (threshold - scores[-1])
        size = kept
    return torch.tensor(scores + [threshold + 1 / size] * size, dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 100, 512])
def test_sparsemax_is_exact_for_any_scores(n):
    draw = {"generator": torch.Generator().manual_seed(n), "dtype": torch.float64}
    ramp = torch.linspace(0, 1, n, dtype=torch.float64)
    rows = [
        torch.randn(n, **draw),
        100 + torch.randn(n, **draw),
        1e-3 * torch.randn(n, **draw),
        1e4 * torch.randn(n, **draw),
        -(torch.rand(n, **draw) ** 5),
        -(torch.rand(n, **draw) ** 0.2),
        -(2.0 ** -torch.arange(n, dtype=torch.float64)),
        ramp,
        -(ramp**3) / 10,
        torch.zeros(n, dtype=torch.float64),
        torch.full((n,), 5.0, dtype=torch.float64),
        0.4 * (torch.arange(n) == n // 2),
        2.0 * (torch.arange(n) == n // 2),
        *(scores_of_many_steps(n, ratio)[:n] for ratio in (0.1, 0.2, 0.3)),
    ]
    scores = torch.stack([torch.nn.functional.pad(row, (0, n - len(row))) for row in rows]).float()
    # Query p selects row p. 4 is the square root of 16 features, so that nothing is rounded.
    query = 4 * torch.eye(16)[..., None]
    values = torch.randn(1, 1, n, **draw).float()
    zeros, ones = torch.zeros(16, dtype=torch.int64), torch.ones(16, 1)
    distances = pair_distances(
        query, scores[None], values, zeros, torch.zeros(1, 1, 1), zeros, ones, 0 * ones, "sparsemax"
    )
    attended = sorted_sparsemax(scores.double()) @ values[0, 0].double()
    torch.testing.assert_close(distances.double().sqrt(), attended.abs(), atol=3e-6, rtol=0)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_constant_segments(attention):
    query, keys, values, rows, anchors, owner, gain, shift = random_pairs(40, 30, 16, 2)
    values = torch.tensor([1.0, -2.0])[None, :, None].expand_as(values).contiguous()
    anchors = torch.tensor([[0.5], [4.0]]).expand_as(anchors).contiguous()
    off = gain * torch.tensor([1.0, -2.0]) + shift - torch.tensor([0.5, 4.0])
    distances = pair_distances(query, keys, values, rows, anchors, owner, gain, shift, attention)
    torch.testing.assert_close(distances, 40 * off.square().sum(dim=1), rtol=1e-5, atol=0)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_equals_the_network(attention):
    generator = torch.Generator().manual_seed(0)
    net = MotifCrossAttention(3, embed_dim=16, attention=attention).eval()
    for parameter in net.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    anchors = torch.randn(2, 3, 70, generator=generator)
    candidates = torch.randn(4, 3, 70, generator=generator) + 0.5
    rows, owner = torch.tensor([3, 0, 0, 1, 2]), torch.tensor([0, 0, 1, 1, 1])
    with torch.no_grad():
        expected = squared_error(net(anchors[owner], candidates[rows]), anchors[owner])
        features = net.encode_candidates(candidates)
        mean, std = (stat[rows] for stat in features.stats)
        query = net.query_net((anchors[owner] - mean) / std * net.revin.weight + net.revin.bias)
        gain = std / (net.revin.weight + net.revin.eps**2)
        shift = (net.out_proj.bias[:, None] - net.revin.bias) * gain + mean
        distances = pair_distances(
            query,
            features.key,
            features.value,
            rows,
            anchors,
            owner,
            gain[..., 0],
            shift[..., 0],
            attention,
        )
    torch.testing.assert_close(distances, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_a_distance_does_not_depend_on_the_other_pairs(attention):
    query, keys, values, rows, anchors, owner, gain, shift = random_pairs(70, 30, 16, 3)
    together = pair_distances(query, keys, values, rows, anchors, owner, gain, shift, attention)
    keep = [3, 1]
    of_pairs = [array[keep] for array in (query, rows, owner, gain, shift)]
    query, rows, owner, gain, shift = of_pairs
    apart = pair_distances(query, keys, values, rows, anchors, owner, gain, shift, attention)
    assert torch.equal(apart, together[keep])


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nan_affects_only_its_candidate(attention):
    pairs = random_pairs(20, 30, 16, 3)
    pairs[1][2, 5, 7] = torch.nan
    distances = pair_distances(*pairs, attention)
    assert distances.isnan().tolist() == [True, False, True, False, False]


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_no_pairs(attention):
    query, keys, values, rows, anchors, owner, gain, shift = random_pairs(20, 30, 16, 3)
    none = [array[:0] for array in (query, rows, owner, gain, shift)]
    query, rows, owner, gain, shift = none
    distances = pair_distances(query, keys, values, rows, anchors, owner, gain, shift, attention)
    assert distances.shape == (0,)
    assert distances.dtype == torch.float32


def test_supported_dtypes_and_lengths():
    def supports(dtype, n_keys, keys_dtype=None):
        query = torch.empty(1, 64, 5000, dtype=dtype, device=DEVICE)
        return kernels.supports(
            query, torch.empty(1, 64, n_keys, dtype=keys_dtype or dtype, device=DEVICE)
        )

    assert supports(torch.float32, 512)
    assert not supports(torch.float32, 513)
    for dtype in (torch.float16, torch.bfloat16):
        assert supports(dtype, 1024)
        assert not supports(dtype, 1025)
    assert not supports(torch.float64, 64)
    assert not supports(torch.float16, 64, torch.float32)


@pytest.mark.parametrize(
    ("name", "i", "change"),
    [
        ("keys", 1, lambda keys: keys.half()),
        ("keys", 1, lambda keys: keys[:, :8]),
        ("values", 2, lambda values: values.double()),
        ("rows", 3, lambda rows: rows.int()),
        ("anchors", 4, lambda anchors: anchors[..., 1:]),
        ("owner", 5, lambda owner: owner[1:]),
        ("gain", 6, lambda gain: gain[:, :1]),
        ("shift", 7, lambda shift: shift[..., None]),
        ("query", 0, lambda query: query.mT.contiguous().mT),
        ("anchors", 4, lambda anchors: anchors.mT.contiguous().mT),
    ],
)
def test_arrays_that_do_not_match_are_refused(name, i, change):
    pairs = random_pairs(20, 30, 16, 3)
    pairs[i] = change(pairs[i])
    with pytest.raises(ValueError, match=f"^{name} is "):
        kernels.pair_distances(*pairs, "softmax")


def test_more_tiles_than_a_launch_supports_are_refused():
    # On the meta device, which needs no memory: two tiles for each of 2^30 pairs.
    pairs = [array.to("meta") for array in random_pairs(65, 30, 16, 3)]
    for i in (0, 3, 5, 6, 7):
        pairs[i] = pairs[i].new_empty(2**30, *pairs[i].shape[1:])
    with pytest.raises(ValueError, match="Pass the pairs in parts"):
        kernels.pair_distances(*pairs, "softmax")


COMPILE = """
import json, sys
import triton
from triton.backends.compiler import GPUTarget
from relcon_sklearn.nn import _triton_kernels as kernels

for capability, dtype, n_keys, attention in json.loads(sys.argv[1]):
    tile = kernels._tile(256, n_keys, 64, 4 if dtype == "fp32" else 2)
    types = [f"*{dtype}"] * 2 + ["*fp32", "*i64"] * 2 + ["*fp32"] * 3
    names = "query keys values rows anchors owner gain shift parts".split()
    constants = dict(
        E=64, T=256, S=n_keys, C=3, N_TILES=-(-256 // tile.n_queries), BLOCK_T=tile.n_queries,
        BLOCK_S=tile.n_keys, BLOCK_E=tile.n_features, SPARSEMAX=attention == "sparsemax",
        WIDEN=False,
    )
    compiled = triton.compile(
        triton.compiler.ASTSource(
            fn=kernels._pair_errors,
            signature=dict(zip(names, types)) | dict.fromkeys(constants, "constexpr"),
            constexprs=constants,
            attrs={(i,): [["tt.divisibility", 16]] for i in range(len(names))},
        ),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": kernels._N_WARPS, "num_stages": 1, "enable_fp_fusion": True},
    )
    print(json.dumps([len(compiled.asm["cubin"]), compiled.metadata.shared]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="triton's compiler for CUDA is for Linux")
@pytest.mark.skipif(
    tuple(map(int, triton.__version__.split(".")[:2])) < (3, 3), reason="calls of triton >= 3.3"
)
@pytest.mark.parametrize(
    "cases",
    [
        # Each dtype, each attention, and the largest tiles.
        [
            (90, "fp32", 512, "sparsemax"),
            (90, "fp16", 1000, "softmax"),
            (100, "bf16", 256, "sparsemax"),
        ],
        pytest.param(
            [
                (80, "bf16", 256, "sparsemax"),
                (80, "fp32", 256, "softmax"),
                (90, "bf16", 256, "sparsemax"),
            ],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["main", "others"],
)
def test_compiles_for_gpus(cases, tmp_path):
    # In another process, because this one may use the interpreter.
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, json.dumps(cases)],
        env=os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sizes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(sizes) == len(cases)
    for n_bytes, n_shared in sizes:
        assert n_bytes > 0
        # Two programs must fit at once, even on GPUs with 100 KiB of shared memory.
        assert n_shared <= 48 * 1024


@pytest.mark.cuda
def test_more_values_than_32_bits_count():
    n_pairs = 2**31 // (64 * 256) + 10
    if torch.cuda.mem_get_info()[0] < 2 * n_pairs * 64 * 256 * 2:
        pytest.skip("needs 9 GB of the GPU's memory")
    query, keys, values, rows, anchors, owner, gain, shift = random_pairs(
        256, 256, 64, 3, torch.float16
    )
    # The same five pairs are repeated, so that values beyond 2^31 must give the same distances.
    repeats = n_pairs // 5
    distances = kernels.pair_distances(
        query.to(DEVICE).repeat(repeats, 1, 1),
        keys.to(DEVICE),
        values.to(DEVICE),
        rows.to(DEVICE).repeat(repeats),
        anchors.to(DEVICE),
        owner.to(DEVICE).repeat(repeats),
        gain.to(DEVICE).repeat(repeats, 1),
        shift.to(DEVICE).repeat(repeats, 1),
        "sparsemax",
    )
    assert torch.equal(distances, distances[:5].repeat(repeats))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("query_stride", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_ranking_is_the_same_without_the_kernel(monkeypatch, dtype, query_stride, attention):
    net = MotifCrossAttention(3, embed_dim=16, attention=attention).eval().to(DEVICE)
    segments = torch.randn(5, 3, 40, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    index = torch.tensor([[1, 2, 4], [0, 3, 3]], device=DEVICE)
    features = encode_in_chunks(net, segments, dtype)
    found = []
    for fused in (True, False):
        monkeypatch.setattr(ranking, "_has_fused_kernel", lambda key, fused=fused: fused)
        found.append(motif_distances(net, segments[:2], features, index, query_stride))
    # Without the kernel, the scores are rounded to bfloat16 too.
    tolerance = 1e-4 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(*found, rtol=tolerance, atol=0)


def test_the_kernel_is_tested_before_use():
    if DEVICE == "cpu":
        assert not ranking._has_fused_kernel(torch.zeros(1, 16, 16))
        return
    assert ranking.gpu_kernels() is kernels
    assert ranking._has_fused_kernel(torch.zeros(1, 16, 16, device=DEVICE))
