"""Generated segments, subject by subject: each has a seed of its own, and chunks bound memory."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from ._body import Bouts, Subject, draw_bouts, draw_subject
from ._sensor import draw_lost_samples, draw_mountings, hold_last, measure
from ._signals import make_clock
from ._sites import SITES, gait_waveforms, specific_force

# Samples that are generated at a time: few enough to stay near a core.
_CHUNK = 2**17
_BURST = 0.3  # s, mean length of a dropout


class MotionSettings(NamedTuple):
    """What all segments of a set share."""

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
    """All about the segments of one subject but their signals; arrays have a row a segment."""

    rng: np.random.Generator
    subject: Subject
    names: np.ndarray  # the activity
    hours: np.ndarray  # from 0
    bouts: Bouts
    rotations: np.ndarray
    biases: np.ndarray


def draw_entropy(random_state):
    """Draw what the seeds of all subjects are made from."""
    return check_random_state(random_state).randint(2**31 - 1, size=4).tolist()


def subject_rng(entropy, index):
    """Return the generator of one subject, whatever has been drawn for others."""
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index,)))


def subject_name(index, n_subjects):
    """Return the name of a subject, such that names sort as subjects do."""
    return f"s{index:0{len(str(n_subjects - 1))}d}"


def first_row_of_subject(settings, index):
    """Return the first row of a subject; all have as many as the others, as evenly as it goes."""
    return -(-index * settings.n_segments // settings.n_subjects)


def draw_subject_plan(settings, entropy, index):
    """Draw the plan of one subject's segments."""
    rng = subject_rng(entropy, index)
    subject = draw_subject(rng)
    rows = np.arange(
        first_row_of_subject(settings, index), first_row_of_subject(settings, index + 1)
    )
    hours = np.arange(len(rows)) * settings.n_hours // len(rows)
    # Dealing in turn through the rows of all subjects balances each of their hours; the shuffle
    # stays inside an hour so that it keeps that balance.
    order = np.lexsort((rng.uniform(size=len(rows)), hours))
    names = np.array(settings.activities)[rows % len(settings.activities)][order]
    bouts = draw_bouts(rng, names, subject, SITES[settings.placement].postures)
    worn = {
        "segment": np.arange(len(rows)),
        "hour": hours,
        "subject": np.zeros_like(hours),
        "never": np.zeros_like(hours),
    }[settings.orientation_changes]
    turned = settings.orientation_changes != "never"
    rotations, biases = draw_mountings(rng, worn[-1] + 1, turned)
    return SubjectPlan(rng, subject, names, hours, bouts, rotations[worn], biases[worn])


def generate_segments(settings, plan):
    """Yield the segments of a plan in chunks: slice of its rows, X. A plan serves once."""
    clock = make_clock(settings.n_timesteps, settings.sampling_rate)
    site = SITES[settings.placement]
    waveforms = gait_waveforms(site, plan.subject, set(plan.names), settings.sampling_rate)
    n_rows = max(1, _CHUNK // settings.n_timesteps)
    for start in range(0, len(plan.names), n_rows):
        chunk = slice(start, start + n_rows)
        yield chunk, _generate_chunk(settings, plan, chunk, site, waveforms, clock)


def _generate_chunk(settings, plan, chunk, site, waveforms, clock):
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
