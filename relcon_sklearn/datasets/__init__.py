"""Recordings to work with: published ones, generated ones, and files of your own."""

from ._benchmark import load_benchmark
from ._fetchers._download import clear_data_home, get_data_home
from ._fetchers._hapt import fetch_hapt
from ._fetchers._hhar import fetch_hhar
from ._fetchers._motionsense import fetch_motionsense
from ._fetchers._opportunity import fetch_opportunity
from ._fetchers._pamap2 import fetch_pamap2
from ._fetchers._sisfall import fetch_sisfall
from ._fetchers._wisdm import fetch_wisdm
from ._generators._recordings import make_recordings
from ._generators._segments import make_motion
from ._generators._store import make_motion_store
from ._npz import load_npz_recordings, save_npz_recordings

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
