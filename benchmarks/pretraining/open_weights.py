"""Train the models that come with the package, on open recordings with `RelConEmbedder.fit`.

    python -m benchmarks.pretraining.open_weights --pool POOL
    python -m benchmarks.pretraining.open_weights --card

POOL (or the environment variable RELCON_POOL) has npz files in the format of
`relcon_sklearn.datasets.load_npz_recordings`, of the sets in `open_sets.py`. Their licences permit
to publish weights. The sets that the package is evaluated on are left out, as
`benchmarks/common/open_pool.py` defines.

The training may be stopped at any time. The same command continues it from its last checkpoint,
which is in the cache. It runs on a GPU if there is one. At its end, the command writes the weights
into the package, and the settings, the data and the losses into `results/`.

With --seconds, which is for machines that are lent for minutes, it trains until this time after its
start. The learning rate follows the time. A training that is over goes on with more seconds if its
last checkpoint, which marks the end, is deleted. --encoder trains another encoder. --output and
--weights are then required, so that the weights of the package are not replaced. bench_downstream
evaluates another encoder if its weights are in the cache, in the file larger.safetensors:

    python -m benchmarks.pretraining.open_weights --pool POOL --encoder resnet34-half
        --seconds 11000 --output benchmarks/results/larger.json
        --weights benchmarks/results/cache/larger.safetensors

`bench_downstream --parts shipped`, `bench_robustness`, `bench_subgroups` and `bench_paper_protocol`
then evaluate the weights. --card writes the model card from all results: all of it into the file of
the weights, and its parts into docs/models.md and the pages of docs/models/.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

import relcon_sklearn
from benchmarks.common.budget import ENDLESS, TimedTraining
from benchmarks.common.open_pool import load_pool, pool_files
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
from benchmarks.pretraining.open_sets import open_set_of
from relcon_sklearn import Checkpoints, RelConEmbedder
from relcon_sklearn.datasets import load_npz_recordings

NAME = "motion-small"
PAGE = RESULTS.parents[1] / "docs" / "models.md"
COMMAND = "python -m benchmarks.pretraining.open_weights --card"
WEIGHTS = Path(relcon_sklearn.__file__).parent / "weights"
MEASURED = ("robustness", "subgroups", "paper_protocol")  # files of results, for the card
RATE = 50.0  # Hz
WINDOW = 2.56  # s


@dataclass(frozen=True)
class TrainingSettings:
    """What the weights depend on, besides the data and the defaults of RelConEmbedder."""

    encoder: str = "resnet14-half"
    max_epochs: int = 70
    steps_per_epoch: int = 150
    random_state: int = 0


SMOKE = TrainingSettings(max_epochs=1, steps_per_epoch=2)
STEPS_BETWEEN_LOOKS = 25  # at the clock, if the time of the training is limited
WINDOWS_PER_ROOT = 50  # for the pool; a longer training has a use for more windows


def make_embedder(
    settings: TrainingSettings, checkpoints: Path, seconds: float | None = None
) -> RelConEmbedder:
    """Return the embedder to fit; with `seconds`, it trains for that time and not for epochs."""
    embedder = RelConEmbedder(
        **asdict(settings),
        sampling_rate=RATE,
        checkpoint_dir=Checkpoints(checkpoints, every_seconds=300),
        verbose=1,
    )
    if seconds is None:
        return embedder
    return embedder.set_params(
        max_epochs=ENDLESS,
        steps_per_epoch=STEPS_BETWEEN_LOOKS,
        callbacks=[TimedTraining(seconds, embedder.lr)],
        verbose=0,
    )


def describe_pool(folder: Path) -> list[dict]:
    """Return a row for each file of the pool: set, placement, people, hours, rate and licence."""
    rows = []
    for path in pool_files(folder):
        placement, open_set = open_set_of(path)
        data = load_npz_recordings(path)
        n_samples = sum(map(len, data.recordings))
        rows.append(
            {
                "set": open_set.title,
                "placement": placement,
                "people": len(np.unique(data.subjects)),
                "hours": n_samples / data.sampling_rate / 3600,
                "rate": data.sampling_rate,
                **{key: getattr(open_set, key) for key in ("content", "licence", "citation")},
            }
        )
    return rows


def train(args, settings: TrainingSettings) -> None:
    """Train, and write the weights and a record of the training."""
    begin = time.monotonic()
    pool = describe_pool(args.pool)  # first, because it refuses sets of unknown licence
    X, groups = load_pool(args.pool, RATE, WINDOW, args.cache, WINDOWS_PER_ROOT)
    checkpoints = args.cache / f"open-weights-{args.output.stem}"
    resumed = any(checkpoints.glob("*.ckpt"))
    seconds = None if args.seconds is None else args.seconds - (time.monotonic() - begin)
    if seconds is not None and seconds <= 0:
        raise SystemExit(
            f"Reading the pool took longer than --seconds {args.seconds:g}. The windows are now in "
            f"{args.cache}. Run the command again, or with more seconds."
        )
    embedder = make_embedder(settings, checkpoints, seconds)
    start, cpu = time.time(), time.process_time()
    embedder.fit(X, groups=groups)
    if seconds is not None:
        n_epochs = len(embedder.history_)
        settings = replace(settings, max_epochs=n_epochs, steps_per_epoch=STEPS_BETWEEN_LOOKS)
    record = {
        "settings": {"embedder": asdict(settings), "rate": RATE, "window": WINDOW},
        "pool": pool,
        "windows": len(X),
        "people": len(np.unique(groups)),
        "n_features": embedder.transform(X[:1]).shape[1],
        "n_parameters": sum(value.numel() for value in embedder.encoder_.parameters()),
        "history": embedder.history_,
        # "given" is the time of --seconds, of all processes; the others are of this one only.
        "resumed": resumed,
        "seconds": {
            "given": args.seconds,
            "wall": time.time() - start,
            "cpu": time.process_time() - cpu,
        },
        "run": environment(),
    }
    write_json(args.output, record)
    args.weights.parent.mkdir(parents=True, exist_ok=True)
    rounded(embedder).set_params(verbose=0, callbacks=None).save(args.weights)
    say(f"wrote {args.weights} and {args.output}")


def rounded(embedder: RelConEmbedder) -> RelConEmbedder:
    """Round the weights to float16, so that a compressed package holds half the bytes."""
    with torch.no_grad():
        for value in embedder.encoder_.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half().float())
    return embedder


def write_card(args) -> None:
    """Write the card into the file of the weights, and the pages of the site."""
    # Imported here, because they import tslearn, which a machine for training may lack.
    from benchmarks.downstream.cells import CellFile
    from benchmarks.downstream.results import DownstreamResults
    from benchmarks.pretraining.model_card import model_card

    record = json.loads(args.output.read_text())
    results = DownstreamResults(CellFile(args.results / "downstream.jsonl").read())
    files = {name: args.results / f"{name}.json" for name in MEASURED}
    measured = {
        name: json.loads(path.read_text()) for name, path in files.items() if path.is_file()
    }
    card = model_card(NAME, record, results, measured)
    pages = card.rendered(PAGE, COMMAND)  # first, because a page without the marks is refused
    embedder = RelConEmbedder.load(args.weights)
    embedder.card_ = card.text
    embedder.save(args.weights)
    write_pages(pages)
    say(f"wrote {args.weights}, {PAGE} and the pages of tables beside it")


def parse_args():
    parser = script_parser(__doc__)
    add_folder_option(parser, "pool", "the npz files to pretrain on")
    parser.add_argument("--smoke", action="store_true", help="train for two steps, as a test")
    parser.add_argument("--card", action="store_true", help="only write the model card")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the results for the card"
    )
    parser.add_argument("--encoder", help="another encoder than that of the package's model")
    parser.add_argument("--seconds", type=float, help="time to train for, instead of epochs")
    parser.add_argument("--output", type=Path, help="file of the record of the training")
    parser.add_argument("--weights", type=Path, help="file of the weights")
    parser.add_argument("--cache", type=Path, default=RESULTS / "cache")
    args = parser.parse_args()
    other = args.seconds is not None or args.encoder is not None
    if other and (args.output is None or args.weights is None):
        parser.error(
            "--seconds and --encoder need --output and --weights: this is not the package's model."
        )
    args.output = args.output or results_file(NAME, smoke=args.smoke)
    default = (
        args.output.with_suffix(".safetensors") if args.smoke else WEIGHTS / f"{NAME}.safetensors"
    )
    args.weights = args.weights or default
    if args.pool is None and not args.card:
        parser.error("--pool is missing. Pass a folder of npz files or set RELCON_POOL.")
    return args


def main() -> None:
    args = parse_args()
    if args.card:
        write_card(args)
        return
    settings = SMOKE if args.smoke else TrainingSettings()
    train(args, replace(settings, encoder=args.encoder or settings.encoder))


if __name__ == "__main__":
    main()
