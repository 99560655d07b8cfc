"""Random augmentations of accelerometer segments, batched in torch.

Every augmentation is a callable ``augmentation(segments, generator)``:

- ``segments`` is a float tensor of shape (n_segments, n_timesteps, n_channels), with accelerations
  in g. It is not modified.
- ``generator`` is a ``torch.Generator`` on the device of ``segments``. It is the only source of
  randomness: the global random state of torch is neither read nor advanced.
- The result is a new tensor with the shape, dtype and device of ``segments``.
- Each segment gets its own random draw, without a Python loop over the segments.

The eight augmentations are those of the RelCon paper (ICLR 2025). They are frozen dataclasses: they
can be pickled, their repr has their parameters, and they are equal if their parameters are. Any
other callable with this signature can be used like them.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from ._utils._splines import natural_spline_basis

__all__ = [
    "ChannelShuffle",
    "Jitter",
    "Negation",
    "Permutation",
    "RandomAugmentations",
    "Rotation",
    "Scaling",
    "TimeFlip",
    "TimeWarp",
    "default_augmentations",
]

# A speed of zero would freeze the signal, and a negative speed would reverse it. One tenth keeps a
# warp invertible and, at 4.5 standard deviations, hardly ever clips draws of the default scale.
_MIN_SPEED = 0.1


class _Augmentation(ABC):
    """Base class of the augmentations, which documents their call."""

    def __call__(self, segments, generator):
        """Return augmented copies of segments.

        Parameters
        ----------
        segments : torch.Tensor of shape (n_segments, n_timesteps, n_channels)
            Segments of a floating-point dtype, in g. They are not modified.
        generator : torch.Generator
            Only source of randomness, on the device of `segments`.

        Returns
        -------
        augmented : torch.Tensor of shape (n_segments, n_timesteps, n_channels)
            New tensor with the dtype and device of `segments`.
        """
        return self._apply(segments, generator)

    @abstractmethod
    def _apply(self, segments, generator):
        """Compute the augmented copies."""


def _check_real(name, value, minimum=-math.inf):
    # By attribute instead of by type, so that NumPy scalars from a parameter grid are accepted.
    if not (hasattr(value, "__float__") and math.isfinite(value) and value >= minimum):
        wanted = "a finite number" if minimum == -math.inf else f"a finite number >= {minimum}"
        raise ValueError(f"{name}={value!r} is not valid. Pass {wanted}.")


def _check_count(name, value):
    if not (hasattr(value, "__index__") and value >= 1):
        raise ValueError(f"{name}={value!r} is not valid. Pass an integer >= 1.")


def _random_like(draw, segments, shape, generator, dtype=None):
    return draw(shape, generator=generator, device=segments.device, dtype=dtype or segments.dtype)


def _random_orders(segments, n_items, generator):
    """Return one uniformly random order of ``n_items`` items for each segment."""
    # Always float32: half-precision keys would have many ties, which favour some orders.
    keys = _random_like(torch.rand, segments, (len(segments), n_items), generator, torch.float32)
    return keys.argsort(dim=1)


def _take_timesteps(segments, indices):
    """Return each segment at its own row of time ``indices``, the same for all channels."""
    return segments.gather(1, indices.unsqueeze(2).expand(-1, -1, segments.shape[2]))


@dataclass(frozen=True)
class Jitter(_Augmentation):
    """Add Gaussian noise, like the electronic noise of a sensor and small tremors of its mount.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, in g. Each value has an independent draw.

    Raises
    ------
    ValueError
        If `scale` is not a finite number >= 0.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import Jitter
    >>> noisy = Jitter()(torch.zeros(2, 1000, 3), torch.Generator().manual_seed(0))
    >>> round(noisy.std().item(), 2)
    0.1
    """

    scale: float = 0.1

    def __post_init__(self):
        _check_real("scale", self.scale, minimum=0)

    def _apply(self, segments, generator):
        noise = _random_like(torch.randn, segments, segments.shape, generator)
        return segments + self.scale * noise


@dataclass(frozen=True)
class Scaling(_Augmentation):
    """Multiply each channel by a factor, like a wrong sensor gain or a more vigorous motion.

    Each segment and channel has one factor, constant over time, drawn from a normal distribution.

    Parameters
    ----------
    mean : float, default=1.0
        Mean of the factors, without unit.
    scale : float, default=0.25
        Standard deviation of the factors, without unit.

    Raises
    ------
    ValueError
        If `mean` is not a finite number, or `scale` is not a finite number >= 0.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import Scaling
    >>> Scaling(mean=2.0, scale=0)(torch.tensor([[[1.0, -0.5]]]), torch.Generator())
    tensor([[[ 2., -1.]]])
    """

    mean: float = 1.0
    scale: float = 0.25

    def __post_init__(self):
        _check_real("mean", self.mean)
        _check_real("scale", self.scale, minimum=0)

    def _apply(self, segments, generator):
        n_segments, _, n_channels = segments.shape
        draws = _random_like(torch.randn, segments, (n_segments, 1, n_channels), generator)
        return segments * (self.mean + self.scale * draws)


@dataclass(frozen=True)
class Rotation(_Augmentation):
    """Rotate the three axes, like a device worn in another orientation.

    Each segment has one rotation, drawn uniformly from all rotations in space. Segments that do not
    have exactly three channels are returned unchanged, because their channels are not the axes of
    one sensor.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import Rotation
    >>> gravity = torch.tensor([[[0.0, 0.0, 1.0]]])
    >>> round(Rotation()(gravity, torch.Generator().manual_seed(0)).norm().item(), 4)
    1.0
    """

    def _apply(self, segments, generator):
        n_segments, _, n_channels = segments.shape
        if n_channels != 3:
            return segments.clone()
        # A 4-D Gaussian has no preferred direction, so the unit quaternions are uniform on their
        # sphere. This is the uniform distribution of rotations, unlike random Euler angles.
        draws = _random_like(torch.randn, segments, (n_segments, 1, 4), generator)
        real, axis = torch.nn.functional.normalize(draws, dim=2).split([1, 3], dim=2)
        # The quaternion product is written with cross products, because autocast and TF32 would
        # compute a matrix product at reduced precision.
        turned = 2 * torch.linalg.cross(axis, segments)
        return segments + real * turned + torch.linalg.cross(axis, turned)


@dataclass(frozen=True)
class Negation(_Augmentation):
    """Flip the sign of all channels, as if every axis of the device pointed the opposite way.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import Negation
    >>> Negation()(torch.tensor([[[1.0, -2.0]]]), torch.Generator())
    tensor([[[-1.,  2.]]])
    """

    def _apply(self, segments, generator):
        return -segments


@dataclass(frozen=True)
class TimeFlip(_Augmentation):
    """Reverse time, like a motion done backwards: sitting down instead of standing up.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import TimeFlip
    >>> TimeFlip()(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.Generator()).flatten()
    tensor([3., 2., 1.])
    """

    def _apply(self, segments, generator):
        return segments.flip(1)


@dataclass(frozen=True)
class ChannelShuffle(_Augmentation):
    """Permute the channels, like a device whose axes are labelled or mounted in another order.

    Each segment has one permutation, drawn uniformly. Segments of a single channel are returned
    unchanged.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import ChannelShuffle
    >>> shuffled = ChannelShuffle()(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.Generator())
    >>> shuffled.sort().values
    tensor([[[1., 2., 3.]]])
    """

    def _apply(self, segments, generator):
        n_channels = segments.shape[2]
        if n_channels < 2:
            return segments.clone()
        orders = _random_orders(segments, n_channels, generator)
        return segments.gather(2, orders.unsqueeze(1).expand(segments.shape))


@dataclass(frozen=True)
class Permutation(_Augmentation):
    """Cut time into pieces and shuffle them, like the same movements done in another order.

    The pieces have random lengths of at least one time step, and all channels are permuted
    together. Segments with fewer time steps than pieces are cut into single time steps.

    Parameters
    ----------
    n_pieces : int, default=5
        Number of pieces.

    Raises
    ------
    ValueError
        If `n_pieces` is not an integer >= 1.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import Permutation
    >>> segments = torch.arange(6.0).reshape(1, 6, 1)
    >>> Permutation(n_pieces=3)(segments, torch.Generator().manual_seed(3)).flatten()
    tensor([0., 4., 5., 1., 2., 3.])
    """

    n_pieces: int = 5

    def __post_init__(self):
        _check_count("n_pieces", self.n_pieces)

    def _apply(self, segments, generator):
        n_timesteps = segments.shape[1]
        n_pieces = min(self.n_pieces, n_timesteps)
        if n_pieces < 2:
            return segments.clone()
        # Cuts are drawn without replacement among the inner boundaries, so no piece is empty.
        cuts = _random_orders(segments, n_timesteps - 1, generator)[:, : n_pieces - 1] + 1
        is_start = torch.zeros(segments.shape[:2], dtype=torch.long, device=segments.device)
        piece_of_timestep = is_start.scatter(1, cuts, 1).cumsum(dim=1)
        place_of_piece = _random_orders(segments, n_pieces, generator)
        # A stable sort keeps the time steps of a piece in their order.
        places = place_of_piece.gather(1, piece_of_timestep)
        return _take_timesteps(segments, places.argsort(dim=1, stable=True))


@dataclass(frozen=True)
class TimeWarp(_Augmentation):
    """Stretch and squeeze time smoothly, like the same motion done at a varying pace.

    The pace is a natural cubic spline through normally distributed values of mean 1 at equally
    spaced knots. The first and the last sample stay exactly in place, and the samples between them
    are interpolated linearly. Segments of one or two time steps are returned unchanged.

    Parameters
    ----------
    n_knots : int, default=4
        Number of knots between the two ends. With more knots the pace varies faster.
    scale : float, default=0.2
        Standard deviation of the pace at the knots and the ends, without unit: the pace of the
        segment itself is 1. The pace is clipped to at least one tenth.

    Raises
    ------
    ValueError
        If `n_knots` is not an integer >= 1, or `scale` is not a finite number >= 0.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import TimeWarp
    >>> segments = torch.linspace(0, 1, 50).reshape(1, 50, 1)
    >>> warped = TimeWarp()(segments, torch.Generator().manual_seed(0))
    >>> warped[0, 0].item(), warped[0, -1].item(), torch.equal(warped, segments)
    (0.0, 1.0, False)
    """

    n_knots: int = 4
    scale: float = 0.2

    def __post_init__(self):
        _check_count("n_knots", self.n_knots)
        _check_real("scale", self.scale, minimum=0)

    def _apply(self, segments, generator):
        n_segments, n_timesteps, _ = segments.shape
        if n_timesteps < 3:
            return segments.clone()
        shape = (n_segments, self.n_knots + 2)
        draws = _random_like(torch.randn, segments, shape, generator, torch.float32)
        # Solving again costs little. A cached tensor could outlive its device or inference mode.
        basis = natural_spline_basis(n_timesteps, self.n_knots).to(draws)
        # The spline of the deviations from 1, so that a scale of zero leaves segments unchanged.
        speeds = (1 + self.scale * (draws @ basis.T)).clamp(min=_MIN_SPEED)
        steps = (speeds[:, :-1] + speeds[:, 1:]) / 2
        # Always float32: half precision cannot represent positions in long segments.
        elapsed = torch.nn.functional.pad(steps.cumsum(dim=1, dtype=torch.float32), (1, 0))
        last = n_timesteps - 1
        positions = (elapsed * last / elapsed[:, -1:]).clamp(max=last)
        positions[:, -1] = last  # The quotient above may round to just below it.
        left = positions.floor().clamp(max=last - 1)
        weights = (positions - left).unsqueeze(2).to(segments.dtype)
        left = left.long()
        # lerp is exact at both ends and stays in the range of its two neighbours.
        before, after = _take_timesteps(segments, left), _take_timesteps(segments, left + 1)
        return torch.lerp(before, after, weights)


def default_augmentations():
    """Return the eight augmentations of the RelCon paper, with their default settings.

    Returns
    -------
    augmentations : list of callables
        A new list at each call, which can be shortened or extended for `RandomAugmentations`.

    Examples
    --------
    >>> from relcon_sklearn.augmentations import default_augmentations
    >>> default_augmentations()[:2]
    [Jitter(scale=0.1), Scaling(mean=1.0, scale=0.25)]
    """
    kinds = Jitter, Scaling, Rotation, Negation, TimeFlip, ChannelShuffle, Permutation, TimeWarp
    return [kind() for kind in kinds]


@dataclass(frozen=True)
class RandomAugmentations(_Augmentation):
    """Apply randomly drawn augmentations to each segment, one after the other.

    Each segment draws its own augmentations, without repetition and in a random order.

    Parameters
    ----------
    augmentations : sequence of callables or None, default=None
        Augmentations to draw from, each called with ``(segments, generator)``. If None, those of
        `default_augmentations`.
    n_applied : int, default=2
        Number of augmentations applied to each segment.

    Raises
    ------
    ValueError
        If `augmentations` is not a sequence of callables or has fewer than `n_applied` entries, or
        if `n_applied` is not an integer >= 1.

    See Also
    --------
    relcon_sklearn.augmentations.default_augmentations : The eight published augmentations.
    LearnedMotifDistance : Learns from segments and their augmented copies.
    RelConEmbedder : Can be trained on augmented views.

    Examples
    --------
    >>> import torch
    >>> from relcon_sklearn.augmentations import Jitter, RandomAugmentations, Rotation, TimeFlip
    >>> augment = RandomAugmentations([Jitter(), Rotation(), TimeFlip()], n_applied=1)
    >>> augment
    RandomAugmentations(augmentations=(Jitter(scale=0.1), Rotation(), TimeFlip()), n_applied=1)
    >>> augment(torch.zeros(8, 256, 3), torch.Generator().manual_seed(0)).shape
    torch.Size([8, 256, 3])
    """

    augmentations: tuple | None = None
    n_applied: int = 2

    def __post_init__(self):
        chosen = default_augmentations() if self.augmentations is None else self.augmentations
        if callable(chosen) or not all(callable(augmentation) for augmentation in chosen):
            raise ValueError(
                f"augmentations={chosen!r} is not a sequence of callables. Pass a list of "
                "augmentations, or None for the default augmentations."
            )
        # A tuple, so that later edits of the caller's list have no effect.
        object.__setattr__(self, "augmentations", tuple(chosen))
        _check_count("n_applied", self.n_applied)
        if self.n_applied > len(self.augmentations):
            raise ValueError(
                f"n_applied={self.n_applied!r} is larger than the number of augmentations, "
                f"{len(self.augmentations)}. Lower n_applied, or pass more augmentations."
            )

    def _apply(self, segments, generator):
        n_augmentations = len(self.augmentations)
        drawn = _random_orders(segments, n_augmentations, generator)[:, : self.n_applied]
        # For each slot, the rows of the batch are grouped by the augmentation that they drew. All
        # group sizes are read at once, because each read makes the host wait for the accelerator.
        rows = drawn.argsort(dim=0, stable=True)
        group_sizes = torch.nn.functional.one_hot(drawn, n_augmentations).sum(dim=0).tolist()
        augmented = segments.clone()
        for slot, sizes in enumerate(group_sizes):
            groups = rows[:, slot].split(sizes)
            for augmentation, group in zip(self.augmentations, groups, strict=True):
                if len(group):
                    augmented[group] = augmentation(augmented[group], generator)
        return augmented
