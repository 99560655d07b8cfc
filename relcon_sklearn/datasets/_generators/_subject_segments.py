"""Generated segments, one subject at a time with its own seed, in chunks of bounded size."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from ._body import Bouts, Subject, draw_bouts, draw_subject
from ._sensor import draw_lost_samples, draw_mountings, hold_last, measure
from ._signals import make_clock
from ._sites import SITES, gait_waveforms, specific_force

# Number of samples generated at a time; few enough to fit into the cache of a core.
_CHUNK = 2**17
_BURST = 0.3  # s, mean duration of a dropout


class MotionSettings(NamedTuple):
    """Settings that all segments share."""

    n_segments: int
    n_subjects: int
    n_timesteps: int
    sampling_rate: float
    n_hours: int
    activities: tuple
    placement: str
    orientation_changes: str
    noise: float
    clipping: float | None
    dropout: float


class SubjectPlan(NamedTuple):
    """The segments of one subject, except their signals; arrays have one row for each segment."""

    rng: np.random.Generator
    subject: Subject
    names: np.ndarray  # activities
    hours: np.ndarray  # counted from 0
    bouts: Bouts
    rotations: np.ndarray
    biases: np.ndarray


def draw_entropy(random_state):
    """Draw the entropy from which the seeds of all subjects are derived."""
    return check_random_state(random_state).randint(2**31 - 1, size=4).tolist()


def subject_rng(entropy, index):
    """Return the random generator of one subject, which does not depend on other subjects."""
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index,)))


def subject_name(index, n_subjects):
    """Return the name of a subject, zero-padded so that names sort by index."""
    return f"s{index:0{len(str(n_subjects - 1))}d}"


def first_row_of_subject(settings, index):
    """Return the first row of a subject; numbers of rows differ by one at most."""
    return -(-index * settings.n_segments // settings.n_subjects)


def draw_subject_plan(settings, entropy, index):
    """Draw the plan of the segments of one subject."""
    rng = subject_rng(entropy, index)
    subject = draw_subject(rng)
    rows = np.arange(
        first_row_of_subject(settings, index), first_row_of_subject(settings, index + 1)
    )
    hours = np.arange(len(rows)) * settings.n_hours // len(rows)
    # Activities are assigned in turn over the rows of all subjects, which balances them in each
    # hour. Rows are shuffled within hours only, which preserves this balance.
    order = np.lexsort((rng.uniform(size=len(rows)), hours))
    names = np.array(settings.activities)[rows % len(settings.activities)][order]
    bouts = draw_bouts(rng, names, subject, SITES[settings.placement].postures)
    mounting = {
        "segment": np.arange(len(rows)),
        "hour": hours,
        "subject": np.zeros_like(hours),
        "never": np.zeros_like(hours),
    }[settings.orientation_changes]
    turned = settings.orientation_changes != "never"
    rotations, biases = draw_mountings(rng, mounting[-1] + 1, turned)
    return SubjectPlan(rng, subject, names, hours, bouts, rotations[mounting], biases[mounting])


def generate_segments(settings, plan):
    """Yield the segments of a plan in chunks, as pairs (slice of its rows, X).

    A plan can be used only once, since this advances its random generator.
    """
    clock = make_clock(settings.n_timesteps, settings.sampling_rate)
    site = SITES[settings.placement]
    waveforms = gait_waveforms(site, plan.subject, set(plan.names), settings.sampling_rate)
    n_rows = max(1, _CHUNK // settings.n_timesteps)
    for start in range(0, len(plan.names), n_rows):
        chunk = slice(start, start + n_rows)
        yield chunk, _generate_chunk(settings, plan, chunk, site, waveforms, clock)


def _generate_chunk(settings, plan, chunk, site, waveforms, clock):
    """Return the segments at the slice `chunk` of a plan."""
    rng, names, n_timesteps = plan.rng, plan.names[chunk], settings.n_timesteps
    force = np.empty((3, len(names), n_timesteps), dtype=np.float32)
    for name in settings.activities:
        rows = np.flatnonzero(names == name)
        if len(rows):
            bouts = plan.bouts.take(chunk).take(rows)
            force[:, rows] = specific_force(rng, site, name, plan.subject, bouts, waveforms, clock)
    rotations, biases = plan.rotations[chunk], plan.biases[chunk]
    X = measure(rng, force, rotations, biases, settings.noise, settings.clipping)
    if settings.dropout > 0:
        burst = _BURST * settings.sampling_rate
        X = hold_last(X, draw_lost_samples(rng, len(names), n_timesteps, settings.dropout, burst))
    return X
