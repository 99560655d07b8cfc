"""Labels that the model of activities for wrists gives to recordings of free living.

    python -m benchmarks.downstream.free_living --pool POOL

POOL (or the environment variable RELCON_POOL) has nurse_wrist.npz: hospital shifts, without labels.
Nobody has watched these people, so that nothing tells whether a share is right. But hardly anybody
cycles or runs in a hospital. `activity_weights --card` writes the shares into the card.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.common.report import (
    add_folder_option,
    environment,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.downstream.activity_models import WRIST
from benchmarks.downstream.activity_sets import CLASSES
from benchmarks.downstream.pretrained import weights_checksum
from relcon_sklearn import RelConClassifier, segment_recordings
from relcon_sklearn.datasets import load_npz_recordings

FREE_LIVING = "nurse_wrist.npz"
RESULTS = "free_living"


def predict_free_living(
    model: RelConClassifier, path: Path, n_recordings: int | None = None
) -> dict:
    """Return hours, people, and the share of each label: of all time, and of single people.

    Parameters
    ----------
    model : RelConClassifier
        The model, which knows its length of segments and its sampling rate.
    path : Path
        The npz file.
    n_recordings : int or None, default=None
        Number of recordings to use. If None, all.
    """
    data = load_npz_recordings(path)
    segments = segment_recordings(
        data.recordings[:n_recordings],
        data.sampling_rate,
        units=data.units,
        like=model,
        subjects=data.subjects[:n_recordings],
        short="skip",
    )
    shares, of_people = label_shares(model.predict(segments.X), segments.groups)
    return {
        "hours": segments.X.shape[0] * segments.X.shape[1] / model.sampling_rate_ / 3600,
        "people": len(of_people),
        "shares": shares,
        "of_people": {
            label: [float(values.min()), float(values.max())]
            for label, values in zip(CLASSES, of_people.T, strict=True)
        },
    }


def label_shares(labels: np.ndarray, groups: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Return the share of each label, by name, and in each group, (n_groups, n_classes)."""
    is_label = labels[:, None] == np.array(CLASSES)
    in_groups = np.array([is_label[groups == group].mean(axis=0) for group in np.unique(groups)])
    return dict(zip(CLASSES, is_label.mean(axis=0).tolist(), strict=True)), in_groups


def checksum_of(model: RelConClassifier) -> str:
    """Return the checksum of all weights of a model."""
    return weights_checksum(torch.nn.ModuleList([model.encoder_, model.head_]))


def results_of_model(model: RelConClassifier) -> dict | None:
    """Return the committed results if they are of a model, else None."""
    path = results_file(RESULTS)
    found = json.loads(path.read_text()) if path.is_file() else {}
    return found if found.get("checksum") == checksum_of(model) else None


def share_table(found: dict) -> str:
    """Return a table of the share of each label: of all time, and of single people."""
    rows = [
        [label, percent(share), " to ".join(map(percent, found["of_people"][label]))]
        for label, share in found["shares"].items()
    ]
    return table(["label", "of the time", "of single people"], rows)


def percent(share: float) -> str:
    """Return a share in percent, with a decimal below ten."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def parse_args():
    parser = script_parser(__doc__)
    add_folder_option(parser, "pool", "npz files that are open to train on")
    parser.add_argument("--smoke", action="store_true", help="one recording, as a test")
    parser.add_argument("--output", type=Path, help="JSON file of the results")
    args = parser.parse_args()
    if args.pool is None:
        parser.error("--pool is missing. Pass a folder of npz files or set RELCON_POOL.")
    args.output = args.output or results_file(RESULTS, smoke=args.smoke)
    return args


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    model = RelConClassifier.from_pretrained(WRIST, device="cpu")
    found = predict_free_living(model, Path(args.pool) / FREE_LIVING, 1 if args.smoke else None)
    say(f"{WRIST}, {found['hours']:.1f} hours of {found['people']} people\n")
    say(share_table(found))
    record = {"run": environment(), "model": WRIST, "checksum": checksum_of(model)} | found
    write_json(args.output, record)
    say(f"wrote {args.output}")


if __name__ == "__main__":
    main()
