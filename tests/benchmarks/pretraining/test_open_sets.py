"""The table of the sets that weights in the package are trained on."""

import pytest

from benchmarks.common.open_pool import pool_files
from benchmarks.pretraining.open_sets import OPEN_SETS, open_set_of
from tests.support.paths import SHARED


@pytest.mark.parametrize(
    ("file", "placement", "title"),
    [
        ("nurse_wrist.npz", "wrist", "Nurse stress"),
        ("some/folder/dsads_left_thigh.npz", "left thigh", "Daily and Sports Activities"),
        ("exam_stress_wrist.npz", "wrist", "Wearable exam stress"),
        ("mex.npz", "not stated", "MEx"),
    ],
)
def test_placement_and_set(file, placement, title):
    found = open_set_of(file)
    assert (found[0], found[1].title) == (placement, title)


@pytest.mark.parametrize("file", ["capture24_wrist.npz", "nursery_wrist.npz"])
def test_unknown_sets_are_refused(file):
    with pytest.raises(ValueError, match=rf"{file} is not of a set .* Add its licence"):
        open_set_of(file)


def test_licences_permit_weights():
    assert {found.licence for found in OPEN_SETS.values()} <= {
        *("CC0", "CC BY 4.0", "ODC-By 1.0", "MIT", "BSD")
    }


def test_every_file_of_the_pool_is_known():
    if not (SHARED / "opendata").is_dir():
        pytest.skip("needs the folder of open recordings, which is not here")
    for path in pool_files(SHARED / "opendata"):
        open_set_of(path)
