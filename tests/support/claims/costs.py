"""Claims on memory, files, recordings and stores, and on trainings of any size."""

import numpy as np
import torch

from benchmarks.speed import scale
from benchmarks.speed.model_costs import saved_per_segment
from benchmarks.speed.table_page import duration, find
from relcon_sklearn import RelConEmbedder
from relcon_sklearn.nn._presets import DEFAULT_ENCODER, ENCODER_PRESETS
from tests.support.claims.speed import changed, order_in_bfloat16
from tests.support.claims.text import NUMBERS, results_of
from tests.support.downstream_cells import parse_table

NAMES = {5: "Five", 6: "Six", 7: "Seven", 8: "Eight"}


def _store(key):
    """Return a figure of the store of 20 million segments."""
    return results_of("store")["sizes"]["20000000"][key]["median"]


def _flat(table):
    """Return the text of a table as `text_of` does."""
    return " ".join(table.split())


def many_stores():
    """Return the cost of opening 64 stores of people who are kept apart."""
    return {
        key: value["median"] for key, value in results_of("many_stores")["cases"]["apart"].items()
    }


def data(_):
    recordings, days, stores = results_of("recordings"), results_of("days"), many_stores()
    seconds = {name: values[0] for name, values in recordings["seconds"].items()}
    factor = 1 + seconds["segment / read"]
    return [
        f"takes {factor:.2f} times what reading alone takes",
        f"adds {recordings['added_mb']:.0f} MB of memory at its peak, of which "
        f"{recordings['segments_mb']:.0f} MB are",
        f"of a week, {days['n_samples'] / 1e6:.1f} million samples",
        f"{NUMBERS[days['threads']]} threads, that takes {days['wall_s']:.0f} s",
        f"On one core it takes {days['seconds']['all, without features'][0]:.0f} s of CPU time",
        f"is {days['peak_mb']:.0f} MB. The libraries and the model have "
        f"{days['before_mb']:.0f} MB of it",
        f"arrives {_store('first_batch_ms'):.0f} ms after opening",
        f"{stores['segments'] / 1e9:.2f} billion segments of {stores['subjects']:,.0f} people, "
        f"open as one in {stores['open_cpu_ms'] / 1e3:.1f} s of CPU time with an index of "
        f"{stores['index_kb'] * 1024 / 1e6:.0f} MB, and the first batch takes "
        f"{stores['first_batch_ms']:.0f} ms",
    ]


def _alone(part, name):
    """Return a row of table.json with one thread."""
    rows = results_of("table")["parts"][part]["rows"]
    return find([row for row in rows if row["threads"] == 1], name)


def overview(_):
    default = RelConEmbedder().get_params()
    step = _alone("recipe", "RelConEmbedder()")
    seconds = np.median(step["cpu_s"]) / step["n_units"]
    minutes = seconds * default["max_epochs"] * default["steps_per_epoch"] / 60
    one = _alone("transform", "resnet14-half: float32")
    embedding = duration(one["cpu_s"], one["n_units"]).split()[0]
    week = results_of("days")["seconds"]["all, without features"][0]
    written, drawn = (_store(key) for key in ("write_rows_per_s", "random_cold_rows_per_s"))
    tried = parse_table("\n".join(results_of("bench_reliability")["table"]), "kind")["all"]["tried"]
    return [
        f"{NAMES[round(minutes)]} minutes, {embedding} µs a segment, and {week:.0f} s, on one core",
        f"Nothing was, in {int(tried):,} tries.",
        f"About {round(written, -4):,.0f} segments/s are written. Random batches have "
        f"{round(drawn, -3):,.0f} segments/s",
    ]


def added_gb():
    """Return how much memory is added at most to that of a memory-mapped file."""
    cases = results_of("bench_memory")["cases"]
    added = [case["added_peak_rss_mb"] - case["result_mb"] for case in cases]
    return f"{max(added) * 2**20 / 1e9:.2f} GB"


def reliability(_):
    memory, leaks = results_of("bench_memory"), results_of("bench_leaks")
    times = [case["n"] for case in leaks["cases"]]
    size = f"file of {memory['gigabytes']:.0f} GB"
    return [
        f"on a memory-mapped {size} add at most {added_gb()} of memory, beside the embeddings.",
        f"fits estimators at least {min(times)} times, or embeds and predicts {max(times):,} times",
        f"none of {len(leaks['cases'])} cases did the memory grow by more than "
        f"{leaks['limit_mb']:.0f} MB",
        f"on a memory-mapped {size}, each in a new process",
    ]


def billion(_):
    found, fits = results_of("scale"), ("training", "resumed training")
    order, model = found["order"], found["model"]
    assert order["complete"]
    first, resumed = (found[name] for name in fits)
    rates = [
        [found["batches"][kind][place]["rows_per_cpu_s"] for place in ("begin", "middle", "end")]
        for kind in ("published", "shared candidates")
    ]
    # 1272 segments of an hour, nine hours of a person, as bench_store has them.
    hours = [found["projection"][n]["hours"] for n in ("1", "8")]
    return [
        f"{hours[0]:.0f} hours on one GPU and {hours[1]:.1f} on eight",
        f"an index of {found['store']['index_mb']:.0f} MB",
        f"| people | 87,376 | {np.ceil(found['store']['rows'] / (1272 * 9)):,.0f} |",
        f"| {order['cpu_s']:.0f} s of CPU time, memory grows by "
        f"{scale.growth_mb(order['memory']):.1f} MB |",
        f"| {first['first_step_cpu_s']:.1f} s |",
        f"| {max(run['peak_mb'] for run in (first, resumed)):.0f} MB; after 50 steps it grows by "
        f"{max(scale.growth_mb(run['memory']) for run in (first, resumed)):.1f} MB |",
        *(f"| {min(rate):,.0f} to {max(rate):,.0f} at any place of the pass |" for rate in rates),
        f"| {model['checkpoint_mb']:.0f} MB, {model['write_s']:.1f} s on a busy machine |",
        f"after {first['steps']:,} steps and resumed. It read "
        f"{(first['rows'] + resumed['rows']) / 1e6:.1f} million of the segments.",
        f"{found['gpu']['segments_per_second']:,.0f} segments per second is 1e14 FLOP/s",
        _flat(scale.projection_table(found["projection"])),
    ]


def devices(_):
    found = results_of("tables")["tables"]["parquet, ISO 8601"]
    own, pandas = found["read_recording"], found["pandas"]
    return [
        f"adds {own['added_mb']:.0f} MB of memory at its peak, and with pandas "
        f"{pandas['added_mb']:.0f} MB",
        f"The recording has {own['result_mb']:.0f} MB of it",
    ]


def days(_):
    smoothing, days = results_of("smoothing")["mean"], results_of("days")
    rows = {
        "none": "none",
        "smoothing=3": "mode of 3",
        "smoothing=5": "mode of 5",
        "assume_transitions, 30 s": "bouts of 30 s",
        "60 s": "bouts of 60 s",
        "300 s": "bouts of 300 s",
        "learned from the protocols of other sets": "learned",
    }
    cells = {
        title: " | ".join(
            f"{one[name]['macro_f1']:.3f} ({one[name]['bouts']:.1f})" for one in smoothing.values()
        )
        for title, name in rows.items()
    }
    frame = 32 * 100 * 7 * 24 * 3600  # bytes of a sample of three columns and its time
    code = {"smoothing=3": "`smoothing=3`", "smoothing=5": "`smoothing=5`"}
    code["assume_transitions, 30 s"] = "`assume_transitions`, 30 s"
    return [
        *(f"| {code.get(title, title)} | {row} |" for title, row in cells.items()),
        f"For a week at 100 Hz, this is {frame / 1e9:.0f} and {2 * frame / 1e9:.0f} GB.",
        f"A week at 100 Hz needs about {days['peak_mb'] / 1e3:.0f} GB for each of the",
    ]


def _activations(encoder, dtype, n_segments):
    """Return the memory of a batch of segments of 256 time steps for the backward pass."""
    torch.manual_seed(0)
    module = ENCODER_PRESETS[encoder].make(3)
    saved = saved_per_segment(module, torch.randn(4, 256, 3), dtype)
    return f"{n_segments * saved / 1e9:.1f} GB"


def gpu(_):
    default, published = RelConEmbedder().get_params(), RelConEmbedder.published().get_params()
    views = 2 * default["batch_size"]
    alone = published["batch_size"] * (1 + published["n_within"])
    assert default["augmentation"] == "random"
    assert published["augmentation"] is None
    precisions = torch.float32, torch.bfloat16
    small = [_activations(DEFAULT_ENCODER, dtype, views) for dtype in precisions]
    large = [_activations("relcon", dtype, alone) for dtype in precisions]
    rate = results_of("features")["segments_per_second"]["128"]["MotionFeatures"][0]
    windows = 2 * default["batch_size"]  # two views
    return [
        f"{windows} windows a step, about {windows / rate:.2f} s",
        f"scores of probes change by at most {changed('precision'):.3f}",
        f"that in float64 is {order_in_bfloat16()}",
        f"this is about {small[0]} with the default settings in float32, and {small[1]} in "
        "bfloat16",
        f"With the published settings it is about {large[0]} and {large[1]}.",
        f"On a {results_of('bench_memory')['gigabytes']:.0f} GB memory-mapped file, with tiny "
        f"networks, fit and transform added at most {added_gb()} at their peak",
    ]


def many_machines(_):
    found = results_of("scale")
    rate, n = found["projection"]["8"]["loader_mb_per_s_needed"], 8
    # Keys of 64 features and values of three channels, for each of 256 time steps in float32.
    features, segment = (64 + 3) * 256 * 4, 3 * 256 * 4
    return [
        f"each of {n} processes reads {rate:.0f} MB/s",
        f"here {2 * n * rate:,.0f} MB/s as float32",  # the stores have int16
        f"about {features / segment:.0f} times as many bytes",
    ]


def ship(_):
    rows = []
    for name, found in results_of("export")["models"].items():
        for kind, size in found["bytes"].items():
            timed = "estimator" if kind == "safetensors" else kind
            times = [by_kind.get(timed) for by_kind in found["milliseconds"].values()]
            cells = [f" {_digits(one[0])}" if one else "" for one in times]
            rows.append(f"| {name}: {timed} | {size / 1e6:.2f} MB |{cells[0]} |{cells[1]} |")
    return rows


def _digits(ms):
    return f"{ms:.2f}" if ms < 10 else f"{ms:.3g}" if ms >= 100 else f"{ms:.1f}"


def stores(_):
    found = many_stores()
    return [
        f"together {found['segments'] / 1e9:.2f} billion of {found['subjects']:,.0f} people, have "
        f"an index of {found['index_kb'] * 1024 / 1e6:.0f} MB. Opening them takes "
        f"{found['open_cpu_ms'] / 1e3:.1f} s of CPU time and, with the first batch of a training, "
        f"{found['open_and_draw_added_mb']:.0f} MB of memory",
    ]
