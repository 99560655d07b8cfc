"""Augmentations: the effect of each on segments, and what all have in common."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from relcon_sklearn._utils._splines import natural_spline_basis
from relcon_sklearn.augmentations import (
    ChannelShuffle,
    Jitter,
    Negation,
    Permutation,
    RandomAugmentations,
    Rotation,
    Scaling,
    TimeFlip,
    TimeWarp,
    default_augmentations,
)

properties = settings(derandomize=True, max_examples=40, deadline=None)

ALL = [*default_augmentations(), RandomAugmentations(), RandomAugmentations(n_applied=8)]
# Augmentations whose result depends on the generator.
RANDOM = [a for a in ALL if not isinstance(a, Negation | TimeFlip)]
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.cuda),
]

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(0, 5), st.integers(1, 70), st.integers(1, 6))


def seeded(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed))


def name(augmentation):
    return f"{type(augmentation).__name__}-{getattr(augmentation, 'n_applied', '')}".rstrip("-")


every = pytest.mark.parametrize("augmentation", ALL, ids=name)
every_random = pytest.mark.parametrize("augmentation", RANDOM, ids=name)


def ramp(n_segments, n_timesteps, n_channels):
    """Return segments whose values identify their time step, channel and segment."""
    return (
        torch.arange(n_timesteps, dtype=torch.float32)[None, :, None]
        + 100 * torch.arange(n_channels)[None, None, :]
        + 1000 * torch.arange(n_segments)[:, None, None]
    )


# ---------------------------------------------------------------- all augmentations


@every
@properties
@given(size=sizes, seed=seeds)
def test_contract(augmentation, size, seed):
    segments = noise(*size, seed=seed)
    before, version = segments.clone(), segments._version
    global_state = torch.get_rng_state()

    augmented = augmentation(segments, seeded(seed))

    assert augmented.shape == segments.shape
    assert augmented.dtype == segments.dtype
    assert augmented.device == segments.device
    assert torch.isfinite(augmented).all()
    assert torch.equal(segments, before)
    assert segments._version == version
    assert segments.numel() == 0 or augmented.data_ptr() != segments.data_ptr()
    assert torch.equal(torch.get_rng_state(), global_state)
    assert torch.equal(augmentation(segments, seeded(seed)), augmented)


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_dtype_equals_that_of_the_batch(augmentation, dtype):
    augmented = augmentation(noise(3, 20, 3).to(dtype), seeded())
    assert augmented.dtype == dtype
    assert torch.isfinite(augmented).all()


@every
def test_default_dtype_and_autocast_change_nothing(augmentation):
    segments = noise(3, 20, 3)
    expected = augmentation(segments, seeded())
    with torch.autocast("cpu", torch.bfloat16):
        assert augmentation(segments, seeded()).dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        torch.testing.assert_close(augmentation(segments, seeded()), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@every
@pytest.mark.parametrize("device", DEVICES)
def test_device_equals_that_of_the_batch(augmentation, device):
    segments = noise(16, 50, 3).to(device)
    augmented = augmentation(segments, seeded(device=device))
    assert augmented.device == segments.device
    assert torch.isfinite(augmented).all()
    assert augmentation(segments[:0], seeded(device=device)).shape == (0, 50, 3)


@every
def test_strided_views_give_the_same_as_copies(augmentation):
    view = noise(3, 20, 8).transpose(0, 2)[::2]
    torch.testing.assert_close(
        augmentation(view, seeded()), augmentation(view.contiguous(), seeded())
    )


@every_random
def test_other_seed_other_result(augmentation):
    segments = noise(8, 60, 3)
    first, second = (augmentation(segments, seeded(seed)) for seed in (0, 1))
    assert not torch.equal(first, second)


@every_random
def test_successive_calls_differ(augmentation):
    segments, generator = noise(8, 60, 3), seeded()
    assert not torch.equal(augmentation(segments, generator), augmentation(segments, generator))


@every_random
def test_each_segment_has_its_own_draw(augmentation):
    same = noise(1, 60, 3).expand(20, -1, -1)
    augmented = augmentation(same, seeded())
    # Some of the 20 draws may agree, since there are only six orders of three channels.
    assert len(augmented.unique(dim=0)) >= 4


@every
def test_copies_are_equal(augmentation):
    segments = noise(5, 40, 3)
    for twin in (pickle.loads(pickle.dumps(augmentation)), copy.deepcopy(augmentation)):
        assert twin == augmentation
        assert hash(twin) == hash(augmentation)
        assert torch.equal(twin(segments, seeded()), augmentation(segments, seeded()))


@every
def test_repr_can_be_evaluated(augmentation):
    assert eval(repr(augmentation)) == augmentation


def test_augmentations_with_equal_parameters_are_equal():
    assert Jitter(0.1) == Jitter()
    assert Jitter(0.2) != Jitter()
    assert Scaling(1.0, 0.25) != Jitter(1.0)
    assert RandomAugmentations() == RandomAugmentations(default_augmentations(), n_applied=2)
    assert RandomAugmentations(n_applied=1) != RandomAugmentations()


def test_default_augmentations():
    assert default_augmentations() == [
        Jitter(scale=0.1),
        Scaling(mean=1.0, scale=0.25),
        Rotation(),
        Negation(),
        TimeFlip(),
        ChannelShuffle(),
        Permutation(n_pieces=5),
        TimeWarp(n_knots=4, scale=0.2),
    ]
    assert default_augmentations() is not default_augmentations()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Jitter(scale=-0.5), r"scale=-0\.5 .*Pass a finite number >= 0"),
        (lambda: Jitter(scale=float("nan")), r"scale=nan "),
        (lambda: Jitter(scale="loud"), r"scale='loud' "),
        (lambda: Scaling(mean=float("inf")), r"mean=inf .*Pass a finite number\."),
        (lambda: Scaling(scale=-1), r"scale=-1 "),
        (lambda: Permutation(n_pieces=0), r"n_pieces=0 .*integer >= 1"),
        (lambda: Permutation(n_pieces=2.5), r"n_pieces=2\.5 "),
        (lambda: TimeWarp(n_knots=0), r"n_knots=0 .*integer >= 1"),
        (lambda: TimeWarp(scale=-0.1), r"scale=-0\.1 "),
        (lambda: RandomAugmentations(n_applied=0), r"n_applied=0 .*integer >= 1"),
        (lambda: RandomAugmentations(n_applied=9), r"n_applied=9 .*augmentations, 8\. Lower"),
        (lambda: RandomAugmentations([], n_applied=1), r"n_applied=1 .*augmentations, 0\. Lower"),
        (lambda: RandomAugmentations(["jitter"]), r"augmentations=\['jitter'\] .*Pass a list"),
        (lambda: RandomAugmentations(Jitter()), r"augmentations=Jitter\(scale=0\.1\) "),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numpy_scalars_are_arguments_like_others():
    assert Jitter(np.float32(0.5)) == Jitter(0.5)
    assert Permutation(np.int64(3)) == Permutation(3)
    assert RandomAugmentations(n_applied=np.int64(3)).n_applied == 3


# ---------------------------------------------------------------- jitter and scaling


@pytest.mark.parametrize("scale", [0.1, 0.7])
def test_jitter_is_white_gaussian_noise(scale):
    added = Jitter(scale)(torch.ones(50, 200, 4), seeded()) - 1
    assert abs(added.mean().item()) < 0.02 * scale
    assert added.std().item() == pytest.approx(scale, rel=0.02)
    # 68 % within one standard deviation: normal, not uniform.
    assert (added.abs() < scale).float().mean().item() == pytest.approx(0.6827, abs=0.01)
    neighbours = (added[:, 1:] * added[:, :-1]).mean().item() / scale**2
    assert abs(neighbours) < 0.02


@properties
@given(size=sizes, seed=seeds)
def test_scaling_factors_are_constant_over_time(size, seed):
    # Values that are powers of two, so that the factors come back exactly.
    segments = 2.0 ** torch.randint(-3, 4, size, generator=seeded(seed))
    factors = Scaling()(segments, seeded(seed)) / segments
    assert torch.equal(factors, factors[:, :1].expand(size))


def test_scaling_factors_are_normal_by_segment_and_channel():
    factors = Scaling(mean=1.5, scale=0.25)(torch.ones(5000, 2, 4), seeded())[:, 0]
    assert factors.mean().item() == pytest.approx(1.5, abs=0.01)
    assert factors.std().item() == pytest.approx(0.25, rel=0.03)
    assert torch.corrcoef(factors.T).fill_diagonal_(0).abs().max() < 0.06


@pytest.mark.parametrize("identity", [Jitter(scale=0), Scaling(scale=0), Permutation(n_pieces=1)])
def test_parameters_that_mean_no_change(identity):
    segments = noise(4, 30, 3)
    assert torch.equal(identity(segments, seeded()), segments)


# ---------------------------------------------------------------- rotation


def rotation_matrices(n_segments, seed=0):
    basis = torch.eye(3, dtype=torch.float64).expand(n_segments, 3, 3)
    return Rotation()(basis, seeded(seed)).transpose(1, 2)


@properties
@given(n=st.integers(0, 5), n_timesteps=st.integers(1, 70), seed=seeds)
def test_rotation_keeps_norms(n, n_timesteps, seed):
    segments = noise(n, n_timesteps, 3, seed=seed)
    rotated = Rotation()(segments, seeded(seed))
    torch.testing.assert_close(rotated.norm(dim=2), segments.norm(dim=2), rtol=1e-5, atol=1e-6)


@properties
@given(n=st.integers(1, 5), seed=seeds)
def test_rotation_is_proper_and_one_per_segment(n, seed):
    matrices = rotation_matrices(n, seed)
    identity = torch.eye(3, dtype=torch.float64).expand(n, 3, 3)
    torch.testing.assert_close(matrices @ matrices.transpose(1, 2), identity)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(n, dtype=torch.float64))
    assert len(matrices.unique(dim=0)) == n
    # The same matrix at every time step.
    segments = noise(n, 12, 3, seed=seed).double()
    rotated = Rotation()(segments, seeded(seed))
    torch.testing.assert_close(rotated, segments @ matrices.transpose(1, 2))


def test_rotation_is_uniform():
    matrices = rotation_matrices(20_000)
    # Under the uniform (Haar) distribution the entries have mean 0, variance 1/3 and no
    # correlation. A uniform angle about a uniform axis would put the mean of the diagonal at 1/3.
    entries = matrices.flatten(1)
    assert entries.mean(dim=0).abs().max() < 0.02
    torch.testing.assert_close(
        torch.cov(entries.T), torch.eye(9, dtype=torch.float64) / 3, rtol=0, atol=0.015
    )
    # Archimedes: each coordinate of a uniform point of the sphere is uniform on [-1, 1].
    levels = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    for column in entries.T:
        torch.testing.assert_close(column.quantile(levels), 2 * levels - 1, rtol=0, atol=0.05)


@pytest.mark.parametrize("n_channels", [1, 2, 4, 6])
def test_rotation_without_three_channels_changes_nothing(n_channels):
    segments = noise(4, 20, n_channels)
    assert torch.equal(Rotation()(segments, seeded()), segments)


# ---------------------------------------------------------------- negation, flip, shuffle


@properties
@given(size=sizes, seed=seeds)
def test_negation(size, seed):
    segments = noise(*size, seed=seed)
    negated = Negation()(segments, seeded())
    assert torch.equal(negated + segments, torch.zeros(size))
    assert torch.equal(Negation()(negated, seeded()), segments)


@properties
@given(size=sizes, seed=seeds)
def test_time_flip(size, seed):
    segments = noise(*size, seed=seed)
    flipped = TimeFlip()(segments, seeded())
    assert np.array_equal(flipped.numpy(), segments.numpy()[:, ::-1])
    assert torch.equal(TimeFlip()(flipped, seeded()), segments)


@properties
@given(size=sizes, seed=seeds)
def test_channel_shuffle_moves_whole_channels(size, seed):
    shuffled = ChannelShuffle()(ramp(*size), seeded(seed))
    # Sorting the channels by their first values restores the ramp and its order in time.
    order = shuffled[:, :1].argsort(dim=2).expand(size)
    assert torch.equal(shuffled.gather(2, order), ramp(*size))


def test_channel_shuffle_orders_are_equally_likely():
    shuffled = ChannelShuffle()(torch.tensor([0.0, 1.0, 2.0]).expand(6000, 1, 3), seeded())
    _, counts = shuffled[:, 0].unique(dim=0, return_counts=True)
    assert len(counts) == 6
    assert (counts - 1000).abs().max() < 150


def test_channel_shuffle_of_a_single_channel_changes_nothing():
    segments, generator = noise(4, 20, 1), seeded()
    assert torch.equal(ChannelShuffle()(segments, generator), segments)


# ---------------------------------------------------------------- permutation


def piece_starts(permuted):
    """Return whether each time step of a permuted ramp, except the first, starts a new piece."""
    return permuted[:, 1:, 0] != permuted[:, :-1, 0] + 1


@properties
@given(size=sizes, n_pieces=st.integers(1, 8), seed=seeds)
def test_permutation_moves_contiguous_pieces(size, n_pieces, seed):
    segments = ramp(*size)
    permuted = Permutation(n_pieces)(segments, seeded(seed))
    # Each channel has the same values, and the channels stay aligned.
    assert torch.equal(permuted.sort(dim=1).values, segments)
    assert torch.equal(permuted - permuted[:, :, :1], segments - segments[:, :, :1])
    # Adjacent pieces may be adjacent again afterwards, so there can be fewer breaks.
    assert (piece_starts(permuted).sum(dim=1) <= n_pieces - 1).all()


@pytest.mark.parametrize(("n_timesteps", "n_pieces"), [(60, 5), (60, 2), (7, 5), (5, 5), (9, 8)])
def test_permutation_makes_all_its_pieces(n_timesteps, n_pieces):
    permuted = Permutation(n_pieces)(ramp(2000, n_timesteps, 1), seeded())
    n_breaks = piece_starts(permuted).sum(dim=1)
    assert n_breaks.max() == n_pieces - 1
    # Every inner boundary is cut sometimes, and every piece order is about as likely: the first
    # time step stays first in one of n_pieces cases.
    stays_first = (permuted[:, 0, 0] % 1000 == 0).float().mean().item()
    assert stays_first == pytest.approx(1 / n_pieces, abs=0.04)
    place_after = (permuted[:, :, 0] % 1000).argsort(dim=1)
    is_cut = place_after[:, 1:] != place_after[:, :-1] + 1
    assert is_cut.any(dim=0).all()


def test_permutation_lengths_are_random():
    permuted = Permutation(n_pieces=2)(ramp(1000, 11, 1), seeded())
    cut = 10 - (permuted[:, -1, 0] % 1000)[piece_starts(permuted).any(dim=1)]
    _, counts = cut.unique(return_counts=True)
    # The ten boundaries are equally likely, and half of the orders of two pieces are swaps.
    assert len(counts) == 10
    assert (counts - 50).abs().max() < 30


@pytest.mark.parametrize("n_timesteps", [1, 2, 3])
def test_permutation_of_fewer_timesteps_than_pieces(n_timesteps):
    permuted = Permutation(n_pieces=5)(ramp(1000, n_timesteps, 1) % 1000, seeded())
    n_orders = {1: 1, 2: 2, 3: 6}[n_timesteps]
    assert len(permuted.unique(dim=0)) == n_orders


# ---------------------------------------------------------------- time warp


@properties
@given(size=sizes, n_knots=st.integers(1, 6), scale=st.floats(0, 3), seed=seeds)
def test_warp_keeps_the_ends_and_the_range(size, n_knots, scale, seed):
    segments = noise(*size, seed=seed)
    warped = TimeWarp(n_knots, scale)(segments, seeded(seed))
    assert torch.equal(warped[:, 0], segments[:, 0])
    assert torch.equal(warped[:, -1], segments[:, -1])
    assert (warped <= segments.amax(dim=1, keepdim=True)).all()
    assert (warped >= segments.amin(dim=1, keepdim=True)).all()


@properties
@given(size=sizes, n_knots=st.integers(1, 6), scale=st.floats(0, 3), seed=seeds)
def test_warp_of_a_ramp_is_monotone_and_the_same_in_all_channels(size, n_knots, scale, seed):
    segments = torch.arange(size[1], dtype=torch.float32)[None, :, None].expand(size)
    warped = TimeWarp(n_knots, scale)(segments, seeded(seed))
    assert (warped.diff(dim=1) > 0).all()
    assert torch.equal(warped, warped[:, :, :1].expand(size))


@properties
@given(size=sizes, n_knots=st.integers(1, 6), seed=seeds)
def test_warp_of_scale_zero_is_the_identity(size, n_knots, seed):
    segments = noise(*size, seed=seed)
    assert torch.equal(TimeWarp(n_knots, scale=0)(segments, seeded(seed)), segments)


@pytest.mark.parametrize("n_timesteps", [3, 48, 70, 256])
def test_warp_keeps_the_ends_exactly_in_many_draws(n_timesteps):
    # Rounding alone would move the last sample in a few percent of the draws.
    segments = noise(1000, n_timesteps, 1)
    warped = TimeWarp()(segments, seeded())
    assert torch.equal(warped[:, [0, -1]], segments[:, [0, -1]])


@pytest.mark.parametrize("n_timesteps", [1, 2])
def test_warp_leaves_one_or_two_timesteps(n_timesteps):
    segments = noise(4, n_timesteps, 3)
    assert torch.equal(TimeWarp()(segments, seeded()), segments)


@properties
@given(n_timesteps=st.integers(2, 70), n_knots=st.integers(1, 12), seed=seeds)
def test_warp_spline_equals_scipy(n_timesteps, n_knots, seed):
    values = np.random.default_rng(seed).normal(1, 0.5, n_knots + 2)
    spline = CubicSpline(np.linspace(0, 1, n_knots + 2), values, bc_type="natural")
    ours = natural_spline_basis(n_timesteps, n_knots).numpy() @ values
    np.testing.assert_allclose(ours, spline(np.linspace(0, 1, n_timesteps)), rtol=0, atol=1e-12)


@properties
@given(
    n_timesteps=st.integers(3, 300),
    n_knots=st.integers(1, 6),
    scale=st.sampled_from([0.05, 0.2, 1.0]),
    seed=seeds,
)
def test_warp_against_numpy_and_scipy(n_timesteps, n_knots, scale, seed):
    segments = noise(2, n_timesteps, 2, seed=seed)
    warped = TimeWarp(n_knots, scale)(segments, seeded(seed)).numpy()
    knots = 1 + scale * noise(2, n_knots + 2, seed=seed).double().numpy()
    times = np.linspace(0, 1, n_timesteps)
    for segment, answer, values in zip(segments.numpy(), warped, knots, strict=True):
        spline = CubicSpline(np.linspace(0, 1, n_knots + 2), values, bc_type="natural")
        speeds = np.maximum(spline(times), 0.1)
        elapsed = np.concatenate([[0], np.cumsum((speeds[1:] + speeds[:-1]) / 2)])
        for channel, expected in zip(segment.T, answer.T, strict=True):
            reference = np.interp(elapsed / elapsed[-1], times, channel)
            np.testing.assert_allclose(expected, reference, rtol=0, atol=2e-3)


# ---------------------------------------------------------------- random augmentations


@dataclass(frozen=True)
class Tag:
    """Append a digit to channel 0, which then lists the applied augmentations in order."""

    digit: int

    def __call__(self, segments, generator):
        tagged = segments.clone()
        tagged[..., 0] = 10 * tagged[..., 0] + self.digit
        return tagged


@properties
@given(
    size=st.tuples(st.integers(0, 5), st.integers(1, 70), st.integers(2, 6)),
    n_augmentations=st.integers(1, 6),
    data=st.data(),
    seed=seeds,
)
def test_exactly_n_applied_distinct_augmentations(size, n_augmentations, data, seed):
    n_applied = data.draw(st.integers(1, n_augmentations))
    augment = RandomAugmentations([Tag(k + 1) for k in range(n_augmentations)], n_applied)
    segments = ramp(*size)
    segments[..., 0] = 0
    augmented = augment(segments, seeded(seed))
    # Each segment is treated as a whole and stays in its row.
    assert torch.equal(augmented[..., 1:], segments[..., 1:])
    assert torch.equal(augmented[..., 0], augmented[:, :1, 0].expand(size[:2]))
    for applied in augmented[:, 0, 0].long().tolist():
        digits = [int(digit) for digit in str(applied)]
        assert len(digits) == len(set(digits)) == n_applied
        assert set(digits) <= set(range(1, n_augmentations + 1))


def test_ordered_pairs_of_augmentations_are_equally_likely():
    augment = RandomAugmentations([Tag(k) for k in range(1, 9)], n_applied=2)
    applied = augment(torch.zeros(28_000, 1, 1), seeded()).flatten()
    _, counts = applied.unique(return_counts=True)
    assert len(counts) == 8 * 7
    assert (counts - 500).abs().max() < 100


def test_augmentations_are_called_once_per_slot_not_per_segment():
    calls = []

    def record(segments, generator):
        calls.append(len(segments))
        return segments

    RandomAugmentations([record, record, record], n_applied=2)(torch.zeros(100, 4, 3), seeded())
    assert len(calls) <= 6
    assert sum(calls) == 200


def test_augmentations_that_write_in_place_do_not_reach_the_input():
    def erase(segments, generator):
        return segments.zero_()

    segments = torch.ones(4, 5, 3)
    erased = RandomAugmentations([erase], n_applied=1)(segments, seeded())
    assert torch.equal(erased, torch.zeros(4, 5, 3))
    assert torch.equal(segments, torch.ones(4, 5, 3))


def test_later_edits_of_the_list_change_nothing():
    chosen = [Negation()]
    augment = RandomAugmentations(chosen, n_applied=1)
    chosen.append(TimeFlip())
    assert augment.augmentations == (Negation(),)


def test_a_single_augmentation_is_that_augmentation():
    segments = noise(5, 30, 3)
    augmented = RandomAugmentations([TimeFlip()], n_applied=1)(segments, seeded())
    assert torch.equal(augmented, segments.flip(1))
