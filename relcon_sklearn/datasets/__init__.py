"""Recordings to work with: published ones, generated ones, and files of your own."""

from ._benchmark import load_benchmark
from ._download import clear_data_home, get_data_home
from ._hapt import fetch_hapt
from ._hhar import fetch_hhar
from ._motion import make_motion
from ._motion_recordings import make_recordings
from ._motion_store import make_motion_store
from ._motionsense import fetch_motionsense
from ._npz import load_npz_recordings, save_npz_recordings
from ._opportunity import fetch_opportunity
from ._pamap2 import fetch_pamap2
from ._sisfall import fetch_sisfall
from ._wisdm import fetch_wisdm

__all__ = [
    "clear_data_home",
    "fetch_hapt",
    "fetch_hhar",
    "fetch_motionsense",
    "fetch_opportunity",
    "fetch_pamap2",
    "fetch_sisfall",
    "fetch_wisdm",
    "get_data_home",
    "load_benchmark",
    "load_npz_recordings",
    "make_motion",
    "make_motion_store",
    "make_recordings",
    "save_npz_recordings",
]
