"""Random augmentations of accelerometer segments, batched in torch.

Every augmentation is a callable ``augmentation(segments, generator)``:

- ``segments`` is a float tensor of shape (n_segments, n_timesteps, n_channels), accelerations in g;
- ``generator`` is the only source of randomness and lives on the device of ``segments``; the global
  random state of torch is neither read nor advanced;
- the answer is a new tensor of the same shape, dtype and device; ``segments`` is left as it was;
- each segment of the batch gets a draw of its own, without a Python loop over the segments.

The eight augmentations are those of the RelCon paper (ICLR 2025). They are frozen dataclasses: they
pickle, print their parameters, and are equal when their parameters are. The examples assume
``import torch`` and the class at hand.
"""

import math
from dataclasses import dataclass

import torch

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

# A speed of zero would freeze the signal and a negative one would play it backwards. One tenth
# leaves the draws of the default scale alone (4.5 standard deviations) and keeps a warp invertible.
_MIN_SPEED = 0.1


def _check_real(name, value, minimum=-math.inf):
    # By attribute rather than by type, so that NumPy scalars from a parameter grid pass too.
    if not (hasattr(value, "__float__") and math.isfinite(value) and value >= minimum):
        wanted = "a finite number" if minimum == -math.inf else f"a finite number >= {minimum}"
        raise ValueError(f"{name}={value!r} is not {wanted}: pass {name} as {wanted}.")


def _check_count(name, value):
    if not (hasattr(value, "__index__") and value >= 1):
        raise ValueError(
            f"{name}={value!r} is not an integer >= 1: pass {name} as such an integer."
        )


def _random_like(draw, segments, shape, generator, dtype=None):
    return draw(shape, generator=generator, device=segments.device, dtype=dtype or segments.dtype)


def _random_orders(segments, n_items, generator):
    """One uniformly random order of ``n_items`` items for each segment."""
    # Always float32: sorting half-precision keys would meet many ties and favour some orders.
    keys = _random_like(torch.rand, segments, (len(segments), n_items), generator, torch.float32)
    return keys.argsort(dim=1)


def _take_timesteps(segments, indices):
    """Read each segment at its own row of time ``indices``, all channels together."""
    return segments.gather(1, indices.unsqueeze(2).expand(-1, -1, segments.shape[2]))


@dataclass(frozen=True)
class Jitter:
    """Add Gaussian noise: the electronic noise of the sensor and small tremors of its mount.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, in g.

    Examples
    --------
    >>> noisy = Jitter()(torch.zeros(2, 1000, 3), torch.Generator().manual_seed(0))
    >>> round(noisy.std().item(), 2)
    0.1
    """

    scale: float = 0.1

    def __post_init__(self):
        _check_real("scale", self.scale, minimum=0)

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        return segments + self.scale * _random_like(
            torch.randn, segments, segments.shape, generator
        )


@dataclass(frozen=True)
class Scaling:
    """Multiply each channel by one factor: a wrong sensor gain, or a more or less vigorous wearer.

    Each segment and channel has one factor, constant over time, drawn from a normal distribution.

    Parameters
    ----------
    mean : float, default=1.0
        Mean of the factors (without unit).
    scale : float, default=0.25
        Standard deviation of the factors (without unit).
    """

    mean: float = 1.0
    scale: float = 0.25

    def __post_init__(self):
        _check_real("mean", self.mean)
        _check_real("scale", self.scale, minimum=0)

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        n_segments, _, n_channels = segments.shape
        draws = _random_like(torch.randn, segments, (n_segments, 1, n_channels), generator)
        return segments * (self.mean + self.scale * draws)


@dataclass(frozen=True)
class Rotation:
    """Rotate the three axes: the device worn at another orientation.

    One rotation per segment, uniform over all rotations in space. Segments that do not have exactly
    three channels are returned unchanged, as their channels are not the axes of one sensor.

    Examples
    --------
    >>> gravity = torch.tensor([[[0.0, 0.0, 1.0]]])
    >>> round(Rotation()(gravity, torch.Generator().manual_seed(0)).norm().item(), 4)
    1.0
    """

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        n_segments, _, n_channels = segments.shape
        if n_channels != 3:
            return segments.clone()
        # A 4-D Gaussian has no preferred direction, so the unit quaternions are uniform on their
        # sphere, which is the uniform distribution of rotations; random Euler angles are not.
        draws = _random_like(torch.randn, segments, (n_segments, 1, 4), generator)
        real, axis = torch.nn.functional.normalize(draws, dim=2).split([1, 3], dim=2)
        # The quaternion product written with cross products rather than as a matrix product, which
        # autocast and TF32 would run at reduced precision.
        turned = 2 * torch.linalg.cross(axis, segments)
        return segments + real * turned + torch.linalg.cross(axis, turned)


@dataclass(frozen=True)
class Negation:
    """Flip the sign of all channels: the device worn upside down, every axis pointing backwards.

    Examples
    --------
    >>> Negation()(torch.tensor([[[1.0, -2.0]]]), torch.Generator())
    tensor([[[-1.,  2.]]])
    """

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        return -segments


@dataclass(frozen=True)
class TimeFlip:
    """Reverse time: the same motion done backwards, sitting down instead of standing up.

    Examples
    --------
    >>> TimeFlip()(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.Generator()).flatten()
    tensor([3., 2., 1.])
    """

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        return segments.flip(1)


@dataclass(frozen=True)
class ChannelShuffle:
    """Permute the channels: a device whose axes are labelled or mounted in another order.

    One uniformly random permutation per segment. A single channel is returned unchanged.
    """

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        n_channels = segments.shape[2]
        if n_channels < 2:
            return segments.clone()
        orders = _random_orders(segments, n_channels, generator)
        return segments.gather(2, orders.unsqueeze(1).expand(segments.shape))


@dataclass(frozen=True)
class Permutation:
    """Cut time into pieces and shuffle them: the same movements done in another order.

    The pieces have random lengths, none is empty, and all channels move together. Segments of fewer
    time steps than pieces are cut into single time steps.

    Parameters
    ----------
    n_pieces : int, default=5
        Number of pieces.

    Examples
    --------
    >>> segments = torch.arange(6.0).reshape(1, 6, 1)
    >>> Permutation(n_pieces=3)(segments, torch.Generator().manual_seed(3)).flatten()
    tensor([0., 4., 5., 1., 2., 3.])
    """

    n_pieces: int = 5

    def __post_init__(self):
        _check_count("n_pieces", self.n_pieces)

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        n_timesteps = segments.shape[1]
        n_pieces = min(self.n_pieces, n_timesteps)
        if n_pieces < 2:
            return segments.clone()
        # Cuts drawn without replacement among the inner boundaries: no piece can be empty.
        cuts = _random_orders(segments, n_timesteps - 1, generator)[:, : n_pieces - 1] + 1
        is_start = torch.zeros(segments.shape[:2], dtype=torch.long, device=segments.device)
        piece_of_timestep = is_start.scatter(1, cuts, 1).cumsum(dim=1)
        place_of_piece = _random_orders(segments, n_pieces, generator)
        # A stable sort keeps the time steps of a piece in their order.
        places = place_of_piece.gather(1, piece_of_timestep)
        return _take_timesteps(segments, places.argsort(dim=1, stable=True))


def _natural_spline_basis(n_timesteps, n_knots):
    """Basis of shape (n_timesteps, n_knots + 2) of natural cubic splines, float64, on the CPU.

    A natural cubic spline on fixed knots is linear in its knot values: ``basis @ values`` is the
    spline through ``values``, at ``n_knots`` interior knots and the two ends.
    """
    eye = torch.eye(n_knots + 2, dtype=torch.float64, device="cpu")
    # Knots one apart. The inner rows ask for a continuous slope, the outer two for no curvature at
    # the ends.
    differences = torch.zeros_like(eye)
    differences[1:-1] = eye[:-2] - 2 * eye[1:-1] + eye[2:]
    curvatures = torch.linalg.solve(differences + 6 * eye, 6 * differences)
    times = torch.linspace(0, n_knots + 1, n_timesteps, dtype=torch.float64, device="cpu")
    left = times.floor().clamp(max=n_knots).long()
    toward_right = (times - left).unsqueeze(1)
    toward_left = 1 - toward_right
    return (
        toward_left * eye[left]
        + toward_right * eye[left + 1]
        + (toward_left**3 - toward_left) / 6 * curvatures[left]
        + (toward_right**3 - toward_right) / 6 * curvatures[left + 1]
    )


@dataclass(frozen=True)
class TimeWarp:
    """Stretch and squeeze time smoothly: the same motion done at a varying pace.

    The pace is a natural cubic spline through normally distributed values of mean 1 at equally
    spaced knots. The first and the last sample stay exactly in place, and the samples between are
    interpolated linearly. Segments of one or two time steps are returned unchanged.

    Parameters
    ----------
    n_knots : int, default=4
        Number of knots between the two ends; the more, the faster the pace varies.
    scale : float, default=0.2
        Standard deviation of the pace at the knots and the ends (without unit, 1 being the pace of
        the segment itself). The pace never falls below one tenth.

    Examples
    --------
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

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        n_segments, n_timesteps, _ = segments.shape
        if n_timesteps < 3:
            return segments.clone()
        shape = (n_segments, self.n_knots + 2)
        draws = _random_like(torch.randn, segments, shape, generator, torch.float32)
        # Solved at each call, next to nothing beside the gathers below: a cached tensor would
        # outlive its device and any inference mode it was made in.
        basis = _natural_spline_basis(n_timesteps, self.n_knots).to(draws)
        # The spline of the deviations from 1, so that a scale of zero is exactly no warp.
        speeds = (1 + self.scale * (draws @ basis.T)).clamp(min=_MIN_SPEED)
        steps = (speeds[:, :-1] + speeds[:, 1:]) / 2
        # In float32 whatever the dtype of the segments: half precision cannot hold long positions.
        elapsed = torch.nn.functional.pad(steps.cumsum(dim=1, dtype=torch.float32), (1, 0))
        last = n_timesteps - 1
        positions = (elapsed * last / elapsed[:, -1:]).clamp(max=last)
        positions[:, -1] = last  # The quotient above may round to just below it.
        left = positions.floor().clamp(max=last - 1)
        weights = (positions - left).unsqueeze(2).to(segments.dtype)
        left = left.long()
        # lerp is exact at both ends and never leaves the range of its two neighbours.
        return torch.lerp(
            _take_timesteps(segments, left), _take_timesteps(segments, left + 1), weights
        )


def default_augmentations():
    """Return the eight augmentations of the RelCon paper, with their default settings.

    Returns
    -------
    list of callables
        A new list at each call, to shorten or extend for `RandomAugmentations`.
    """
    kinds = Jitter, Scaling, Rotation, Negation, TimeFlip, ChannelShuffle, Permutation, TimeWarp
    return [kind() for kind in kinds]


@dataclass(frozen=True)
class RandomAugmentations:
    """Apply to each segment a few augmentations drawn at random, one after the other.

    Each segment draws its own augmentations, without repetition, in a random order.

    Parameters
    ----------
    augmentations : sequence of callables or None, default=None
        The augmentations to draw from, each called with ``(segments, generator)``. None stands for
        `default_augmentations`.
    n_applied : int, default=2
        Number of augmentations applied to each segment.

    Raises
    ------
    ValueError
        If `augmentations` is no sequence of callables, or has fewer than `n_applied`.

    See Also
    --------
    relcon_sklearn.augmentations.default_augmentations : The eight published ones.
    LearnedMotifDistance : Learns from segments and their augmented copies.
    RelConEmbedder : Can be trained on augmented views.

    Examples
    --------
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
                f"augmentations={chosen!r} is not a sequence of callables: pass a list of "
                "augmentations, or None for the default ones."
            )
        # A tuple, so that a list edited by the caller afterwards changes nothing here.
        object.__setattr__(self, "augmentations", tuple(chosen))
        _check_count("n_applied", self.n_applied)
        if self.n_applied > len(self.augmentations):
            raise ValueError(
                f"n_applied={self.n_applied!r} is larger than the number of augmentations, "
                f"{len(self.augmentations)}: lower n_applied or pass more augmentations."
            )

    def __call__(self, segments, generator):
        """Return augmented copies of `segments`, drawing from `generator` alone."""
        n_augmentations = len(self.augmentations)
        drawn = _random_orders(segments, n_augmentations, generator)[:, : self.n_applied]
        # For each slot, the rows of the batch grouped by the augmentation that they drew. All group
        # sizes are read in one go, because each read makes the host wait for the accelerator.
        rows = drawn.argsort(dim=0, stable=True)
        group_sizes = torch.nn.functional.one_hot(drawn, n_augmentations).sum(dim=0).tolist()
        augmented = segments.clone()
        for slot, sizes in enumerate(group_sizes):
            groups = rows[:, slot].split(sizes)
            for augmentation, group in zip(self.augmentations, groups, strict=True):
                if len(group):
                    augmented[group] = augmentation(augmented[group], generator)
        return augmented
