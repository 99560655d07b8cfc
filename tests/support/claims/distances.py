"""Claims on the learned distance: retrieval and rotations."""

import numpy as np

from benchmarks.pretraining.motif_scores import PUBLISHED
from tests.support.claims.text import results_of


class Retrieval:
    """Precision at 1 as the numbers of claims, in the mean over the five sets."""

    def __init__(self):
        results = results_of("retrieval")
        self.baselines, self.trainings = results["baselines"], results["trainings"]

    def baseline(self, name):
        return _mean(self.baselines[name]["scores"])

    def learned(self, network, score=PUBLISHED, seed=0):
        return _mean(self.scores(network, score, seed))

    def scores(self, network, score=PUBLISHED, seed=0):
        return self.trainings[f"{network}, seed {seed}"]["scores"][score]

    def training(self):
        """Return the claim on longer training, which two pages make."""
        return (
            f"16 features, the mean is {self.learned('16 features, 0 s')} without training, "
            f"{self.learned('16 features, 25 s')} after 25 s and "
            f"{self.learned('16 features, 100 s')} after 100 s"
        )


def _mean(by_set):
    return f"{np.mean([found['mean'] for found in by_set.values()]):.3f}"


BOTH_WAYS, APART = "relative errors, both ways", "gravity apart, relative errors, both ways"


def distances(_):
    found = Retrieval()
    scores = [baseline["scores"] for baseline in found.baselines.values()]
    scores += [s for training in found.trainings.values() for s in training["scores"].values()]
    errors = [one["standard_error"] for by_set in scores for one in by_set.values()]
    return [
        f"the gap to DTW ({found.baseline('DTW')}): with {found.training()}, and with 64 features "
        f"{found.learned('64 features, 100 s')} after 100 s and "
        f"{found.learned('64 features, 400 s')} after 400 s.",
        f"({found.learned('16 features, 100 s', APART)} with 16 features, "
        f"{found.learned('64 features, 100 s', APART)} with 64)",
        f"({found.learned('16 features, orientation kept, 100 s')} with 16)",
        f"Standard errors over subjects are {min(errors):.2f} to {max(errors):.2f} for a set.",
    ]


def retrieval(_):
    found = Retrieval()
    features, dtw, network = found.baseline("features"), found.baseline("DTW"), "16 features, 100 s"
    mixtures = [
        found.learned(name, "d(A|B) and features")
        for name in (network, "64 features, 100 s", "64 features, 400 s")
    ]
    first, second = found.learned(network), found.learned(network, seed=1)
    by_seed = zip(*(found.scores(network, seed=seed).values() for seed in (0, 1)), strict=True)
    cost = 2 * found.trainings["64 features, 100 s, seed 0"]["us_per_pair"]
    hapt = found.scores(network)["hapt"]["mean"], found.baselines["DTW"]["scores"]["hapt"]["mean"]
    kept = found.learned("16 features, orientation kept, 100 s")
    most = max(training["segments"] for training in found.trainings.values())
    return [
        f"a mean of {max(mixtures)}, features have {features}, and two seeds of a network differ "
        f"by {abs(float(first) - float(second)):.3f}.",
        f"It costs {cost / found.baselines['DTW']['us_per_pair']:.1f} times as much as DTW",
        f"({min(mixtures)} to {max(mixtures)}, features {features})",
        f"are the same ({found.baseline('DTW and features')})",
        f"has a mean of {found.learned('16 features, 0 s', 'd(A|B) and features')}.",
        f"the mean is {found.learned('16 features, 0 s', BOTH_WAYS)} without training and "
        f"{found.learned(network, BOTH_WAYS)} with it",
        f"the mean is {kept} instead of {first}",
        f"still below DTW, which has {dtw}.",
        found.training(),
        f"have {found.learned('64 features, 100 s')} after 100 s and "
        f"{found.learned('64 features, 400 s')} after 400 s. These networks see up to "
        f"{most / 8000:.0f} times the 8,000 segments",
        "({:.3f} against {:.3f})".format(*hapt),
        f"8 features have {found.learned('8 features, 100 s')}.",
        f"makes no difference ({found.learned('16 features, softmax, 100 s')})",
        "standard deviation of 0.1 g at least has a mean of "
        f"{found.learned('16 features, RevIN with a floor, 100 s')}",
        f"another seed has {second} instead of {first}.",
        f"differ by up to {max(abs(a['mean'] - b['mean']) for a, b in by_seed):.2f}.",
    ]


LEARNED, UNROTATED = "learned, with Rotation", "learned, without Rotation"
EUCLIDEAN, DTW = "euclidean", "DTW (tslearn), 256 time steps"
SETS, RATES = ("hapt", "wisdm", "smartfallmm"), ("0.001", "0.01")


class Rotations:
    """Shares of rotated copies that are nearer, and precision at 1, by set and distance."""

    def __init__(self):
        self.with_gravity = {name: self.read(name, "") for name in SETS}
        self.without = {
            (name, rate): self.read(name, f"_mean_subtracted_lr_{rate}")
            for name in SETS
            for rate in RATES
        }

    def read(self, name, kind):
        return results_of(f"bench_real_{name}{kind}")["datasets"][name]["invariance"]

    @staticmethod
    def shares(results, *distances):
        """Return the smallest and the largest share of some distances."""
        found = [one["rotation"][name]["mean"] for one in results.values() for name in distances]
        return min(found), max(found)

    @staticmethod
    def gained(results):
        """Return the smallest and the largest gain of rotations in training."""
        found = [
            one["rotation"][LEARNED]["mean"] - one["rotation"][UNROTATED]["mean"]
            for one in results.values()
        ]
        return min(found), max(found)

    @staticmethod
    def precision(result):
        """Return DTW and the learned distance, as a pair of numbers to compare."""
        return [result["retrieval"][name]["mean"] for name in (DTW, LEARNED)]


def rotations(_):
    found = Rotations()
    all_learned = found.shares(found.without, LEARNED)
    dtw, learned = found.precision(found.with_gravity["hapt"])
    centred_dtw, centred = found.precision(found.without["hapt", "0.001"])
    return [
        "(differences of {:.3f} to {:.3f}, within one".format(*found.gained(found.with_gravity)),
        f"({dtw:.3f} against {learned:.3f})",
        "the share is {:.2f} to {:.2f}".format(*all_learned)
        + " instead of {:.2f} to {:.2f}.".format(*found.shares(found.with_gravity, LEARNED)),
        "({:.2f} to {:.2f})".format(*found.shares(found.without, EUCLIDEAN, DTW)),
        "(differences of {:.2f} to {:.2f}, up to two".format(*found.gained(found.without)),
        f"({centred:.3f} against {centred_dtw:.3f})",
    ]


def guide(_):
    found, order = Rotations(), results_of("speed_order")["parts"]["agreement"]
    largest = max(
        row["largest_relative_error"] for row in order if row["row"].endswith("library, bfloat16")
    )
    shares = found.shares(found.with_gravity, LEARNED)
    centred, others = found.shares(found.without, LEARNED), (EUCLIDEAN, DTW)
    return [
        f"change by about {largest:.0%} at most".replace("%", " %"),
        "in only {:.0f} to {:.0f} % of cases".format(*np.multiply(shares, 100)),
        "was {:.0f} to {:.0f} %".format(*np.multiply(centred, 100)),
        "had {:.0f} to {:.0f} %".format(*np.multiply(found.shares(found.without, *others), 100)),
    ]
