"""Published data sets, generated data, and recordings from your own files."""

from ._benchmark import load_benchmark
from ._fetchers._capture24 import fetch_capture24
from ._fetchers._data_home import clear_data_home, get_data_home
from ._fetchers._dsads import fetch_dsads
from ._fetchers._hapt import fetch_hapt
from ._fetchers._har70plus import fetch_har70plus
from ._fetchers._harth import fetch_harth
from ._fetchers._hhar import fetch_hhar
from ._fetchers._motionsense import fetch_motionsense
from ._fetchers._opportunity import fetch_opportunity
from ._fetchers._pamap2 import fetch_pamap2
from ._fetchers._sisfall import fetch_sisfall
from ._fetchers._umafall import fetch_umafall
from ._fetchers._wisdm import fetch_wisdm
from ._generators._make_motion import make_motion
from ._generators._make_motion_store import make_motion_store
from ._generators._make_recordings import make_recordings
from ._npz_read import load_npz_recordings
from ._npz_write import save_npz_recordings

__all__ = [
    "clear_data_home",
    "fetch_capture24",
    "fetch_dsads",
    "fetch_hapt",
    "fetch_har70plus",
    "fetch_harth",
    "fetch_hhar",
    "fetch_motionsense",
    "fetch_opportunity",
    "fetch_pamap2",
    "fetch_sisfall",
    "fetch_umafall",
    "fetch_wisdm",
    "get_data_home",
    "load_benchmark",
    "load_npz_recordings",
    "make_motion",
    "make_motion_store",
    "make_recordings",
    "save_npz_recordings",
]
