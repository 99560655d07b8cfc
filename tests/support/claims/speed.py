"""Claims on the speed of trainings, embeddings and distances."""

import numpy as np

from benchmarks.common.report import RESULTS
from benchmarks.downstream.cells import CellFile
from benchmarks.downstream.results import RELCON
from benchmarks.pretraining import bench_pretraining
from benchmarks.speed.table_limit import limits, rate
from benchmarks.speed.table_page import find, relative, share
from benchmarks.speed.table_pairs import BANDED, LENGTHS
from relcon_sklearn._embedder_training import _MOST_VECTOR_BYTES
from tests.support.claims.downstream import Downstream
from tests.support.claims.text import results_of


def ratio(part, name, base):
    """Return the time of a row of table.json with one thread, relative to that of another."""
    rows = [row for row in results_of("table")["parts"][part]["rows"] if row["threads"] == 1]
    return float(np.median(relative(find(rows, name), find(rows, base))))


def at_the_limit(precision):
    """Return the least and the largest time of pairs at the limit, relative to DTW in a band."""
    parts = results_of("table")["parts"]
    known, found = limits(parts["limit"]["rows"]), []
    for length in LENGTHS:
        name = f"{length} x 3: pairwise, 64 features, {precision}"
        reached = share(find(parts["pairs"]["rows"], name), known)
        found.append(reached * ratio("pairs", name, f"{length} x 3: {BANDED}"))
    return f"{min(found):.1f} to {max(found):.1f}"


def precisions(file):
    return results_of(file)["results"].values()


def changed(file):
    """Return the largest change of the score of a probe if all is in bfloat16."""
    return max(abs(one["macro_f1"] - one["macro_f1, bfloat16"]) for one in precisions(file))


def speed(_):
    published = {
        name: f"{ratio('step', f'library, {name}', 'released code'):.2f}"
        for name in ("float32", "bfloat16", "bfloat16, shared candidates")
    }
    simclr = "SimCLR, plain torch"
    small, large = (
        ratio("one-segment", f"{encoder}: transform", f"{encoder}: encoder") - 1
        for encoder in ("resnet14-half", "resnet34")
    )
    week = ratio("week", "segment_recordings, with time stamps", "scipy's resample_poly")
    bfloat16 = ratio("transform", "resnet14-half: bfloat16", "resnet14-half: float32")
    rates = [
        f"{rate(row) / 1e9:.0f}"
        for name in (
            "convolution, 32 to 32 channels, 3 taps, 31 steps",
            "convolution, 256 to 256 channels, 4 taps, 62 steps",
        )
        for dtype in ("bfloat16", "float32")
        for row in results_of("table")["parts"]["limit"]["rows"]
        if (row["row"], row["dtype"], row["threads"]) == (name, dtype, 1)
    ]
    stored, checked = (
        f"{ratio('rows', f'rows of a store, {kind}', 'np.memmap'):.2f}"
        for kind in ("as stored", "checked float32 segments")
    )
    return [
        f"Scores of probes change by at most {changed('precision'):.3f}",
        f"takes {published['bfloat16']} of the time of the released code "
        f"({published['float32']} in float32), and "
        f"{published['bfloat16, shared candidates']} for each anchor",
        f"takes {ratio('recipe', 'RelConEmbedder()', simclr):.1f} times that of a plain SimCLR",
        f"{ratio('recipe', 'RelConEmbedder(feature_weight=0)', simclr):.2f} without it. SimCLR by "
        f"`RelConEmbedder` takes {ratio('recipe', 'SimCLR by RelConEmbedder', simclr):.2f}.",
        f"the smallest encoder takes {bfloat16:.2f} of the time",
        "of 32 channels reach {} GFLOP/s instead of {}, those of 256 channels {} instead of "
        "{}.".format(*rates),
        f"if they fit into {_MOST_VECTOR_BYTES / 2**20:.0f} MB",
        f"a pair would take {at_the_limit('float32')} times as long as DTW in a band in float32, "
        f"and {at_the_limit('bfloat16')} times in bfloat16",
        f"This takes {small:.1f} of the time of a small encoder, and {large:.2f} of that",
        f"takes {week:.2f} times what SciPy needs",
        f"take {stored} times those of a memory-mapped array, and {checked} times as checked",
    ]


def embedding(downstream):
    now, before = "precision", "precision_stem_bfloat16"
    same, same_before = ([one["same_nearest"] for one in precisions(f)] for f in (now, before))
    errors, errors_before = (
        [100 * one["relative_error"] for one in precisions(f)] for f in (now, before)
    )
    stem = Downstream(CellFile(RESULTS / "downstream_stem_float32.jsonl").read())
    return [
        f"change by at most {changed(now):.3f} if",
        f"On the ten sets, {100 * min(same):.2f} to {100 * max(same):.2f} % do",
        f"differed by {min(errors_before):.0f} to {max(errors_before):.0f} %, "
        f"{100 * min(same_before):.0f} to {100 * max(same_before):.0f} % of windows kept",
        f"changed by up to {changed(before):.3f}.",
        f"differ by {min(errors):.1f} to {max(errors):.0f} %.",
        f"had a macro-F1 of {stem.f1(RELCON)} on average over five sets, instead of "
        f"{downstream.first(RELCON):.3f}, with one seed",
    ]


def training(_):
    rows = {row["row"]: row for row in results_of("loop")["sizes"]["tiny"]["rows"]}

    def medians(kind, key):
        return [np.median(row[key]) for name, row in rows.items() if name.startswith(kind)]

    added, skorch = (np.divide(medians(k, "overhead_us"), 1e3) for k in ("library", "skorch"))
    whole = medians("by hand", "ms_per_batch")
    assert f"{min(skorch):.2f}" == f"{max(skorch):.2f}"
    return [
        f"costs {min(added):.2f} to {max(added):.2f} ms per batch more than a loop written by hand "
        f"in torch, which takes {min(whole):.1f} to {max(whole):.1f} ms in total (unmodified "
        f"skorch: {max(skorch):.2f} ms more)",
    ]


def _published(name, part):
    """Return the rows of a part of the comparison with the algorithm as published."""
    return {row["row"]: row for row in results_of(name)["parts"][part]}


def order_in_bfloat16():
    """Return the rank correlation of candidates in bfloat16 with those in float64."""
    found = _published("speed_order", "agreement")["sparsemax: library, bfloat16"]
    return f"{found['spearman_mean']:.5f}"


def published(_):
    step, order = _published("speed_step", "step-sparsemax"), _published("speed_order", "agreement")
    ranking = _published("speed", "ranking-sparsemax")
    encoder = np.median(_published("speed", "encoder")["library, bfloat16"]["ratios"])
    in_bfloat16, with_stride = (
        order[f"sparsemax: library, {change}"] for change in ("bfloat16", "query_stride=4")
    )
    assert in_bfloat16["top_1"] == 1
    return [
        f"A step is {np.median(step['library, bfloat16']['ratios']):.1f} times as fast in "
        f"bfloat16, and {np.median(step['library, bfloat16, shared']['ratios']):.1f} times for",
        f"is not reached ({encoder:.1f})",
        f"the minima, {min(ranking['library']['ratios']):.1f} and "
        f"{min(ranking['library, bfloat16']['ratios']):.1f}, are",
        f"(rho {order_in_bfloat16()}, the same nearest candidate for all "
        f"{in_bfloat16['n_anchors']} anchors)",
        f"(rho {with_stride['spearman_mean']:.3f}, and {with_stride['spearman_min']:.2f} for one",
    ]


def equal_time(_):
    arguments = ["--report", "--seconds", "45", "--checkpoints", "5"]
    args, settings = bench_pretraining.parse_args(arguments)
    file = bench_pretraining.ResultFile(args.output)
    sets = {
        name: bench_pretraining.curves_of(name, args, settings, file)
        for name in ("hapt", "wisdm", "smartfallmm")
    }

    def final(name, mode):
        return np.mean(sets[name].final(mode))

    def work(mode, other, unit):
        done = [
            np.mean([record["points"][-1][unit] for record in sets["hapt"].modes[name]])
            for name in (mode, other)
        ]
        return f"{done[0] / done[1]:.{0 if done[0] > 10 * done[1] else 1}f}"

    gained = {name: final(name, "shared") - final(name, "independent") for name in sets}
    exact = final("hapt", "independent") - final("hapt", "float32")
    step = _published("speed_step", "step-sparsemax")
    per_anchor = [
        step[name]["ms_per_unit"] for name in ("library, bfloat16", "library, bfloat16, shared")
    ]
    return [
        f"differ by {gained['hapt']:+.3f} on HAPT, {gained['wisdm']:+.3f} on WISDM and "
        f"{gained['smartfallmm']:+.3f} on SmartFallMM",
        f"gives only {work('shared', 'independent', 'anchors')} times the anchors",
        f"{work('fast', 'independent', 'anchors')} times the anchors for half",
        f'{per_anchor[0] / per_anchor[1]:.1f} times with "resnet34"',
        f"sees {work('fast', 'paper_literal', 'anchors')} times the anchors",
        f"({final('hapt', 'fast'):.3f} and {final('hapt', 'paper_literal'):.3f}; the encoder as "
        f"initialised has {np.mean(sets['hapt'].baseline('untrained_cold')):.3f})",
        f"({exact:+.3f} over float32 on HAPT, with {work('independent', 'float32', 'steps')} "
        "times the steps)",
    ]
