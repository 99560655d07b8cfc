"""Paths of the files that tests read."""

from pathlib import Path

_TESTS = Path(__file__).parents[1]

# Numbers of the released networks, see tests/data/README.md.
PULSE_PPG = _TESTS / "data" / "pulse_ppg_small.npz"
VECTORS = _TESTS / "data" / "relcon_reference_vectors_small.npz"

# The maintainers' folder of larger files, next to the repository.
SHARED = _TESTS.parents[1] / "shared"
