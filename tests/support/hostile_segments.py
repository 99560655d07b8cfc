"""Hypothesis strategies for valid and invalid values of X: arrays, tensors, lists and tables."""

import tempfile
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st

from relcon_sklearn.segments._array import LARGEST_VALUE
from relcon_sklearn.segments._lazy import LazyArray

# Length of the segments that the models were fitted to. A table of segments has as many columns.
N_TIMESTEPS = 16


class Case(NamedTuple):
    """A value of X, and the expected result."""

    X: object
    # The same segments, (n, n_timesteps, n_channels) float32, or None if X must be refused.
    plain: np.ndarray | None
    # A regular expression for the error message.
    message: str = ""
    # Memory that must not change.
    memory: tuple[np.ndarray, ...] = ()


# ---------------------------------------------------------------- values

maybe = st.booleans()
rngs = st.integers(0, 2**32 - 1).map(np.random.default_rng)

CONTENTS = {
    "motion": lambda rng, shape: rng.normal(size=shape) + 1,
    "zeros": lambda rng, shape: np.zeros(shape),
    "negative zeros": lambda rng, shape: -np.zeros(shape),
    "constant": lambda rng, shape: np.full(shape, rng.normal() * 10.0 ** rng.integers(-5, 12)),
    "constant channels": lambda rng, shape: np.broadcast_to(
        rng.normal(size=(shape[0], 1, shape[2])), shape
    ),
    "constant segments": lambda rng, shape: np.broadcast_to(
        10.0 ** rng.uniform(-40, 11, size=(shape[0], 1, 1)), shape
    ),
    "denormal": lambda rng, shape: rng.normal(size=shape) * 1e-310,
    "denormal as float32": lambda rng, shape: rng.normal(size=shape) * 1e-41,
    "tiny": lambda rng, shape: rng.normal(size=shape) * 1e-30,
    "large": lambda rng, shape: rng.normal(size=shape) * 1e6,
    "the largest": lambda rng, shape: rng.choice([-1, 1], size=shape) * LARGEST_VALUE,
    "constant and the largest": lambda rng, shape: np.full(shape, LARGEST_VALUE),
    "a spike": lambda rng, shape: rng.normal(size=shape) * 10.0 ** (11 * one_place(rng, shape)),
    "a huge segment": lambda rng, shape: (
        rng.normal(size=shape) * 10.0 ** (11 * one_place(rng, (shape[0], 1, 1)))
    ),
    "a huge channel": lambda rng, shape: (
        rng.normal(size=shape) * 10.0 ** (11 * one_place(rng, (1, 1, shape[2])))
    ),
    "a step": lambda rng, shape: (
        np.sign(np.arange(shape[1]) - rng.integers(shape[1]))[:, None]
        * rng.normal(size=shape[::2])[:, None]
    ),
    "far from zero": lambda rng, shape: 1e7 + rng.normal(size=shape),
    "all scales": lambda rng, shape: (
        rng.choice([-1, 1], size=shape) * 10.0 ** rng.uniform(-45, 12, size=shape)
    ),
    "integers": lambda rng, shape: rng.integers(-100, 100, size=shape).astype(float),
    "repeated segments": lambda rng, shape: np.broadcast_to(rng.normal(size=shape[1:]), shape),
}

FLOATS = ["f2", ">f2", "f4", ">f4", "f8", ">f8", "g"]
INTEGERS = [order + kind for order in "<>" for kind in ("i1", "i2", "i4", "i8")]
INTEGERS += [order + kind for order in "<>" for kind in ("u1", "u2", "u4", "u8")]
DTYPES = [*FLOATS, *INTEGERS, "?"]

BAD = [np.nan, np.inf, -np.inf, 1.001e12, -1e13, 1e30, np.finfo("f4").max, np.finfo("f8").max]
BAD += [np.longdouble("1e4000"), -np.longdouble("1e4000")]


def one_place(rng, shape):
    """Return zeros except for a single one."""
    flat = np.zeros(np.prod(shape))
    flat[rng.integers(len(flat))] = 1
    return flat.reshape(shape)


def cast(values, dtype):
    dtype = np.dtype(dtype)
    with np.errstate(all="ignore"):
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            # The largest int64 is rounded up by float64.
            values = np.clip(values, info.min, np.nextafter(info.max, 0, dtype="f8"))
        return values.astype(dtype)


lengths = st.one_of(
    st.integers(1, 24),
    st.just(N_TIMESTEPS),
    st.integers(1, 24),
    st.integers(25, 300),
    st.sampled_from([1, 2, 3, 4, 5, 10, 11, 12, 1000, 3001, 5000]),
)


@st.composite
def shapes(draw, n_channels, lengths=lengths, min_segments=1):
    n_timesteps = draw(lengths)
    n_segments = draw(st.integers(min_segments, max(min_segments, 4 if n_timesteps < 500 else 2)))
    return n_segments, n_timesteps, n_channels


@st.composite
def arrays(draw, shape, poison):
    """Draw segments of any dtype, some with invalid values, and the length of their NaN padding."""
    rng = draw(rngs)
    values = cast(CONTENTS[draw(st.sampled_from(sorted(CONTENTS)))](rng, shape), draw(DTYPE))
    padded = None
    if draw(poison):
        if values.dtype.kind == "f" and shape[1] > 1 and draw(st.integers(0, 3)) == 0:
            padded = draw(st.integers(1, shape[1] - 1))
            values[draw(st.integers(0, shape[0] - 1)), -padded:] = np.nan
        elif values.dtype.kind == "f":
            for _ in range(draw(st.integers(1, 3))):
                place = tuple(draw(st.integers(0, size - 1)) for size in shape)
                with np.errstate(all="ignore"):
                    values[place] = draw(st.sampled_from(BAD))
        elif values.dtype.itemsize == 8:
            values[tuple(draw(st.integers(0, size - 1)) for size in shape)] = draw(
                st.sampled_from([np.iinfo(values.dtype).max, 10**12 + 1])
            )
    return values, padded


DTYPE = st.sampled_from(DTYPES)


def refusal(values, padded=None, anywhere=False):
    """Return a pattern for the error message of an array of real numbers, or "" if it is valid.

    With `anywhere`, the message may name any invalid row instead of the first.
    """
    wide = values.astype("g")
    usable = (np.abs(wide) <= LARGEST_VALUE).reshape(len(values), -1)
    if usable.all():
        return ""
    rows = np.flatnonzero(~usable.all(axis=1))
    if anywhere:
        rows = "|".join(str(row) for row in rows)
        return rf"^X contains (NaN or infinity: first|a value too large .*) in row ({rows})\b"
    row = rows[0]
    if np.isfinite(wide[row][~usable[row].reshape(wide[row].shape)][0]):
        return rf"^X contains a value too large to compute with: .* in row {row} "
    message = rf"^X contains NaN or infinity: first in row {row} "
    if padded and np.isfinite(wide[row][:-padded]).all() and np.isnan(wide[row][-padded:]).all():
        message += rf".*last {padded} time steps are padding.*segment_recordings"
    return message


# ---------------------------------------------------------------- memory


def backwards(values, rng):
    everything = (slice(None, None, -1),) * values.ndim
    return values[everything].copy()[everything]


def every_other(values, rng):
    return np.repeat(values, 2, axis=rng.integers(3) if values.ndim == 3 else 0)[::2]


def stepped(values, rng):
    larger = np.zeros([2 * size for size in values.shape], values.dtype)
    view = larger[(slice(1, None, 2),) * values.ndim]
    view[:] = values
    return view


def transposed(values, rng):
    axes = rng.permutation(values.ndim)
    return np.ascontiguousarray(values.transpose(axes)).transpose(np.argsort(axes))


def broadcast(values, rng):
    axis = rng.integers(values.ndim)
    return np.broadcast_to(values.take([0], axis=axis), values.shape)


def unaligned(values, rng):
    memory = np.frombuffer(b"?" + values.tobytes(), np.uint8).copy()
    return memory[1:].view(values.dtype).reshape(values.shape)


def a_field(values, rng):
    records = np.zeros(values.shape, [("before", "u1"), ("values", values.dtype)])
    records["values"] = values
    return records["values"]


def read_only(values, rng):
    values = values.copy()
    values.flags.writeable = False
    return values


LAYOUTS = {
    "C": lambda values, rng: values.copy(),
    "Fortran": lambda values, rng: np.asfortranarray(values),
    "backwards": backwards,
    "stepped": stepped,
    "transposed": transposed,
    "broadcast": broadcast,
    "unaligned": unaligned,
    "a field": a_field,
    "read-only": read_only,
}


# ---------------------------------------------------------------- containers


class Minimal:
    """An array with only what is documented as enough: shape, dtype and row indexing."""

    def __init__(self, values, shape=None, dtype=None):
        self.values = values
        self.shape = values.shape if shape is None else shape
        self.dtype = values.dtype if dtype is None else dtype

    def __getitem__(self, rows):
        return self.values[rows]


class Lazy(LazyArray):
    """Rows of an array, as a LazyArray."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def _read(self, rows):
        return self.values[rows]


class Convertible:
    """An object that NumPy can convert to an array, without other features of an array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


class Subclass(np.ndarray):
    pass


def memmap(values, mode):
    with tempfile.TemporaryFile() as file:  # the mapping keeps the file
        file.write(values.tobytes())
        file.flush()
        return np.memmap(file, values.dtype, "r+" if mode == "r+" else mode, shape=values.shape)


def tensor(values):
    """Return a tensor, which shares the memory of the array if possible."""
    native = values.astype(values.dtype.newbyteorder("="))
    return torch.from_numpy(native if native.dtype.char != "g" else native.astype("f8"))


def without_mask(values):
    return np.ma.array(values, mask=np.zeros(values.shape, bool))


# Each returns the same numbers as another type. Conversion to wider dtypes is exact.
CONTAINERS = {
    "ndarray": lambda values: values,
    "subclass": lambda values: values.view(Subclass),
    "masked, nothing": without_mask,
    "memmap r": lambda values: memmap(values, "r"),
    "memmap r+": lambda values: memmap(values, "r+"),
    "memmap c": lambda values: memmap(values, "c"),
    "memmap, backwards": lambda values: memmap(values[::-1], "r")[::-1],
    "lists": lambda values: values.tolist(),
    "tuple of arrays": tuple,
    "list of lists of arrays": lambda values: [list(rows) for rows in values],
    "objects": lambda values: values.astype(object),
    "minimal": Minimal,
    "lazy": Lazy,
    "lazy objects": lambda values: Minimal(Lazy(values)),
    "convertible": Convertible,
    "tensor": tensor,
    "tensor that learns": lambda values: tensor(values.astype("f8")).requires_grad_(),
    "tensor, every other": lambda values: tensor(np.repeat(values, 2, axis=0))[::2],
    "transposed tensor": lambda values: tensor(values).transpose(0, 1).contiguous().transpose(0, 1),
    "imaginary part of a tensor": lambda values: torch.conj(-1j * tensor(values.astype("f8"))).imag,
    "bfloat16 tensor": lambda values: tensor(values).to(torch.bfloat16),
    "float8 tensor": lambda values: tensor(values).to(torch.float8_e5m2),
    "list of tensors": lambda values: list(tensor(values)),
    "tuple of masked, nothing": lambda values: tuple(without_mask(values)),
    "dataset of frames": lambda values: [pd.DataFrame(rows.astype("f8")) for rows in values],
    "table": lambda values: pd.DataFrame(
        values[..., 0].astype(values.dtype.newbyteorder("=")), columns=range(values.shape[1])
    ),
    "two dimensions": lambda values: values[..., 0],
}
OF_ONE_CHANNEL = {"table", "two dimensions"}
# These are read block by block, and each block is checked when it is read.
ON_DEMAND = {kind for kind in CONTAINERS if kind.startswith(("memmap", "minimal", "lazy"))}
ON_DEMAND |= {kind for kind in CONTAINERS if kind.endswith("tensor") and "list" not in kind}
ON_DEMAND |= {kind for kind in CONTAINERS if kind.startswith("tensor")}
# These convert to float64, for which values of a long double may be too large.
NARROWING = {
    "lists",
    "objects",
    "tensor",
    "tensor that learns",
    "tensor, every other",
    "transposed tensor",
    "imaginary part of a tensor",
    "list of tensors",
    "dataset of frames",
    "table",
}


ROUNDED = {"bfloat16 tensor": torch.bfloat16, "float8 tensor": torch.float8_e5m2}


@st.composite
def cases(draw, n_channels, lengths=lengths, poison=maybe, min_segments=1, fitting=False):
    """Draw segments of real numbers of any dtype, memory layout and type of array."""
    shape = draw(shapes(n_channels, lengths, min_segments))
    values, padded = draw(arrays(shape, poison))
    container = draw(
        st.sampled_from(sorted(CONTAINERS.keys() - (OF_ONE_CHANNEL if n_channels > 1 else set())))
    )
    if container in NARROWING | ROUNDED.keys() and values.dtype.char == "g":
        with np.errstate(all="ignore"):
            values = values.astype("f8")
    if container in ROUNDED:
        values = tensor(values).to(ROUNDED[container]).float().numpy()
    layout = draw(st.sampled_from(sorted(LAYOUTS)))
    values = LAYOUTS[layout](values, draw(rngs))
    message = refusal(
        values, padded if layout != "broadcast" else None, fitting and container in ON_DEMAND
    )
    of_another_length = container in OF_ONE_CHANNEL and shape[1] != N_TIMESTEPS
    if of_another_length and not fitting and not message:
        message = rf"^X has {shape[1]} features, but .* is expecting {N_TIMESTEPS} features"
    plain = None if message else np.ascontiguousarray(values, np.float32)
    return Case(CONTAINERS[container](values), plain, message, (values,))
