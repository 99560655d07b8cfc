"""The modes and settings of `bench_pretraining.py`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# Parameters of the modes of the library: of the embedder, and `query_stride` of its distance.
LIBRARY_MODES = {
    "independent": {"candidates": "independent"},
    "shared": {"candidates": "shared"},
    "fast": {"candidates": "shared", "query_stride": 4},
    "float32": {"candidates": "independent", "precision": "float32"},
}
MODES = (*LIBRARY_MODES, "paper_literal")


def is_shared(mode: str) -> bool:
    return LIBRARY_MODES.get(mode, {}).get("candidates") == "shared"


@dataclass(frozen=True)
class PretrainingSettings:
    """The settings of the benchmark. Every field is a command-line option of the same name."""

    seconds: float = 100.0  # of training, for each mode
    checkpoints: int = 8  # number of probes, at times that grow by a constant factor
    # The distance.
    distance_segments: int = 5000  # seen in training, for every data set
    embed_dim: int = 32
    # The encoder.
    encoder: str = "resnet14-half"
    n_within: int = 4
    batch_size: int = 32  # anchors, each with its own candidates
    n_sets: int = 0  # of shared candidates in a batch; 0 is the number of anchors above
    lr: float = 1e-3
    temperature: float = 0.1
    precision: str = "auto"
    # Training windows of a fold for pretraining and for the probe, drawn at random; 0 uses all.
    pretraining_windows: int = 5000
    probe_windows: int = 3000
    max_segments: int = 0  # windows of a data set, drawn at random, for a quick look; 0 uses all
    threads: int = 1

    def relevant_to(self, mode: str) -> dict:
        """Return the settings on which the results of `mode` depend."""
        settings = asdict(self)
        if mode == "baselines":
            names = ("encoder", "batch_size", "pretraining_windows", "probe_windows")
            return {name: settings[name] for name in (*names, "max_segments")}
        if is_shared(mode):
            settings["n_sets"] = settings["n_sets"] or settings["batch_size"]
            del settings["batch_size"]
        else:
            del settings["n_sets"]
        if mode in ("float32", "paper_literal"):
            del settings["precision"]
        return settings


SMOKE = {
    "seconds": 2.0,
    "checkpoints": 2,
    "distance_segments": 100,
    "embed_dim": 8,
    "n_within": 2,
    "batch_size": 8,
    "pretraining_windows": 100,
    "max_segments": 300,
}
