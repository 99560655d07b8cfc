"""Fit and judge the models of activities that come with the package.

    python -m benchmarks.downstream.activity_weights --data FOLDER --pool POOL
    python -m benchmarks.downstream.activity_weights --card

FOLDER (or the environment variable RELCON_DATA) and POOL (or RELCON_POOL) have the npz files named
in `activity_sets.py`, which also has the class of each of their labels. Run it again when the
encoder in the package changes.

The models are linear in the embedding of the encoder in the package. They are judged by leaving out
one data set at a time, so that people, devices and protocols are new, next to features and a random
forest that are trained in the same way. The command writes the weights into the package, the
results into `results/`, and the card: all of it into the files of the weights, and its parts into
docs/activities.md and the pages of docs/activities/. --card only writes the card. The card also has
the results of `free_living`, if they are of these weights: run it, and then --card. It takes ten
minutes of one core, and keeps embeddings in the cache.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.common.pages import write_pages
from benchmarks.common.report import (
    RESULTS,
    add_folder_option,
    environment,
    results_file,
    say,
    script_parser,
    write_json,
)
from benchmarks.downstream.activity_card import activity_card
from benchmarks.downstream.activity_models import (
    BASELINES,
    METHODS,
    MODELS,
    WRIST,
    can_be_judged,
    leave_sets_out,
    mean_of_sets,
    resting_share,
    scores_of,
)
from benchmarks.downstream.activity_sets import FILES
from benchmarks.downstream.activity_windows import (
    RATE,
    REST_NOISE,
    Described,
    at_rest,
    find_files,
    inputs_of,
    load_described,
)
from benchmarks.downstream.evaluation import compare
from benchmarks.downstream.free_living import results_of_model
from benchmarks.downstream.plan import SHIPPED
from benchmarks.downstream.pretrained import weights_checksum
from benchmarks.pretraining.open_weights import WEIGHTS
from relcon_sklearn import RelConClassifier, RelConEmbedder

PAGE = RESULTS.parents[1] / "docs" / "activities.md"
COMMAND = "python -m benchmarks.downstream.activity_weights --card"
WINDOW = 10.0  # s; shorter ones are not better
WINDOWS = (2.56, 5.0, 10.0)
N_WINDOWS = 2500  # of each file
N_TO_COMPARE = 600  # of each file, to compare lengths of windows
SMOKE = 60


def as_classifier(
    embedder: RelConEmbedder, linear, temperature: float, window: float
) -> RelConClassifier:
    """Return a classifier with the encoder of an embedder and the weights of a linear model.

    Parameters
    ----------
    embedder : RelConEmbedder
        The embedder.
    linear : Pipeline
        A scaler and a logistic regression of embeddings.
    temperature : float
        What the logits are divided by.
    window : float
        Length of the windows in s, which the classifier keeps.
    """
    scaler, logistic = linear[0], linear[-1]
    at_rest = np.full((len(logistic.classes_), round(window * RATE), 3), 3**-0.5)  # 1 g
    classifier = RelConClassifier(
        embedder.encoder,
        max_epochs=0,
        validation_fraction=0,
        sampling_rate=RATE,
        random_state=0,
    )
    classifier.fit(at_rest, logistic.classes_)  # nothing is learned from the segments
    classifier.encoder_.load_state_dict(embedder.encoder_.state_dict())
    head = classifier.head_
    with torch.no_grad():
        for parameter, value in [
            (head.standardise.mean, scaler.mean_),
            (head.standardise.scale, scaler.scale_),
            (head.out.weight, logistic.coef_ / temperature),
            (head.out.bias, logistic.intercept_ / temperature),
        ]:
            parameter.copy_(torch.from_numpy(np.asarray(value)))
    return classifier


def judge(windows: Described, resting: dict[float, dict]) -> tuple[dict[str, dict], dict]:
    """Return the scores of all methods, and the linear models of all sets.

    `resting` has the inputs of windows of devices at rest, by their noise.
    """
    scores, fitted = {}, {}
    for name, method in METHODS.items():
        if not can_be_judged(method, windows):
            say(f"{method.title} is left out: there are fewer than two sets")
            continue
        left, model = leave_sets_out(method, windows)
        scores[name] = scores_of(left, windows)
        scores[name]["at_rest"] = {
            noise: resting_share(model, inputs[method.inputs]) for noise, inputs in resting.items()
        }
        if name in MODELS:
            fitted[name] = model
        say(f"{method.title}: {mean_of_sets(scores[name]['files']):.3f}")
    return scores, fitted


def compare_lengths(
    paths: dict[str, Path], lengths: list[float], embedder: RelConEmbedder, n: int, cache: Path
) -> dict[str, dict[str, float]]:
    """Return the mean macro-F1 of the models by the length of windows, on fewer windows."""
    found = {}
    for window in lengths:
        windows = load_described(paths, window, embedder, n, cache)
        few = windows.of_each_file(N_TO_COMPARE)
        found[f"{window:g}"] = {
            name: mean_of_sets(scores_of(leave_sets_out(method, few)[0], few)["files"])
            for name, method in MODELS.items()
            if can_be_judged(method, few)
        }
        say(f"windows of {window:g} s: {found[f'{window:g}']}")
    return found


def run(args) -> None:
    """Judge and fit the models, and write the weights and the results."""
    embedder = RelConEmbedder.from_pretrained(SHIPPED, device="cpu")
    n = SMOKE if args.smoke else N_WINDOWS
    paths = find_files(args.data, args.pool)
    if not args.smoke and len(paths) < len(FILES):
        missing = ", ".join(name for name in FILES if name not in paths)
        raise SystemExit(f"{args.data} and {args.pool} lack {missing}.")
    windows = load_described(paths, WINDOW, embedder, n, args.cache)
    resting = {noise: inputs_of(at_rest(noise, WINDOW), embedder) for noise in REST_NOISE}
    scores, fitted = judge(windows, resting)
    lengths = compare_lengths(paths, [WINDOW] if args.smoke else WINDOWS, embedder, n, args.cache)
    record = {
        "settings": {"window": WINDOW, "rate": RATE, "windows_per_file": n, "encoder": SHIPPED},
        "encoder_checksum": weights_checksum(embedder.encoder_),
        "people": len({*zip(windows.set, windows.subject, strict=True)}),
        "windows": {name: int(np.sum(windows.file == name)) for name in paths},
        "lengths": lengths,
        "scores": scores,
        "tests": {
            name: compare(
                scores[name]["people"], {other: scores[other]["people"] for other in others}
            )
            for name, others in BASELINES.items()
            if name in scores
        },
        "run": environment(),
    }
    write_json(args.output, record)
    args.weights.mkdir(parents=True, exist_ok=True)
    for name, model in fitted.items():
        classifier = as_classifier(embedder, model, scores[name]["temperature"], WINDOW)
        classifier.save(args.weights / f"{name}.safetensors")
    say(f"wrote {args.output} and weights into {args.weights}")


def write_card(args) -> None:
    """Write the card into the files of the weights, and the pages of the site."""
    wrist = RelConClassifier.load(args.weights / f"{WRIST}.safetensors")
    card = activity_card(json.loads(args.output.read_text()), results_of_model(wrist))
    pages = card.rendered(PAGE, COMMAND)  # first, because a page without the marks is refused
    for name in MODELS:
        path = args.weights / f"{name}.safetensors"
        classifier = RelConClassifier.load(path)
        classifier.card_ = card.text
        classifier.save(path)
    write_pages(pages)
    say(f"wrote the card into {args.weights}, {PAGE} and the pages of tables beside it")


def parse_args():
    parser = script_parser(__doc__)
    add_folder_option(parser, "data", "npz files")
    add_folder_option(parser, "pool", "npz files that are open to train on")
    parser.add_argument("--smoke", action="store_true", help="few windows, as a test")
    parser.add_argument("--card", action="store_true", help="only write the card")
    parser.add_argument("--output", type=Path, help="JSON file of the results")
    parser.add_argument("--weights", type=Path, help="folder of the weights")
    parser.add_argument("--cache", type=Path, default=RESULTS / "cache")
    args = parser.parse_args()
    args.output = args.output or results_file("activity-small", smoke=args.smoke)
    args.weights = args.weights or (args.output.with_suffix("") if args.smoke else WEIGHTS)
    for name in () if args.card else ("data", "pool"):
        if getattr(args, name) is None:
            variable = f"RELCON_{name.upper()}"
            parser.error(f"--{name} is missing. Pass a folder of npz files or set {variable}.")
    return args


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    if not args.card:
        with threadpool_limits(1):
            run(args)
    if not args.smoke:
        write_card(args)


if __name__ == "__main__":
    main()
