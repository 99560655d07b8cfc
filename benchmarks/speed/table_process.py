"""Starting a process: imports, and the first fit. Each is measured in new processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from benchmarks.common.processes import ROOT
from benchmarks.common.report import say
from benchmarks.speed.table_settings import Answer, TablePart, TableSettings
from benchmarks.speed.turns import add_times, clocks, new_record

IMPORTS = {
    "torch": "import torch",
    "torch and scikit-learn": "import torch, sklearn.base, sklearn.utils.validation",
    "skorch": "import skorch",
    "relcon_sklearn": "import relcon_sklearn",
}


def run_python(code: str) -> tuple[str, float]:
    """Run code in a new process; return what it prints, and the wall time of the process."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout, time.perf_counter() - start


def measure_imports(settings: TableSettings) -> list[dict]:
    """Return the records of imports: CPU time and wall time of a whole process."""
    records = {name: new_record(name) for name in IMPORTS}
    for _ in range(settings.turns(5)):
        for name, code in IMPORTS.items():
            told, wall = run_python(f"{code}\nimport time\nprint(time.process_time())")
            add_times(records[name], [float(told), wall])
    return list(records.values())


IMPORT = TablePart(
    measure_imports,
    "A new process that imports a package and ends. The import of this package cannot take less "
    "than torch and scikit-learn together. skorch and `scipy.signal` are imported by the first "
    "training, and by the first recording that is resampled.",
    "process",
    (
        Answer("import", "relcon_sklearn"),
        Answer("import", "relcon_sklearn", 1.1, "torch and scikit-learn"),
    ),
)


# -- the first fit ---------------------------------------------------------------------------------

FIRST, SECOND = "first fit of an embedder", "second fit"
FIRST_LEARNED, SECOND_LEARNED = "then: first fit with a learned distance", "second fit with it"
OPTIMIZER, SKORCH = "of the first fit: an optimizer of torch", "of the first fit: import skorch"


def tell_fits() -> None:
    """Fit twice with each kind of distance, and print the times."""
    from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
    from relcon_sklearn.datasets import make_motion

    X, _, subjects, *_ = make_motion(64, n_subjects=4, n_timesteps=64, random_state=0)
    learned = LearnedMotifDistance(embed_dim=8, max_epochs=1, random_state=0)
    found = {}
    for name, distance in {
        FIRST: "features",
        SECOND: "features",
        FIRST_LEARNED: learned,
        SECOND_LEARNED: learned,
    }.items():
        embedder = RelConEmbedder(
            distance, max_epochs=1, steps_per_epoch=1, sampling_rate=50.0, random_state=0
        )
        start = clocks()
        embedder.fit(X, groups=subjects)
        found[name] = (clocks() - start).tolist()
    say(json.dumps(found))


def tell_imports_of_a_fit() -> None:
    """Do what only the first fit does in other packages, and print the times."""
    import torch

    import relcon_sklearn  # noqa: F401

    start = clocks()
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    made = clocks()
    import skorch  # noqa: F401

    found = {OPTIMIZER: made - start, SKORCH: clocks() - made}
    say(json.dumps({name: seconds.tolist() for name, seconds in found.items()}))


def measure_first_fit(settings: TableSettings) -> list[dict]:
    """Return the records of the first fits in new processes, and of what they import."""
    names = (FIRST, SECOND, OPTIMIZER, SKORCH, FIRST_LEARNED, SECOND_LEARNED)
    records = {name: new_record(name) for name in names}
    for _ in range(settings.turns(3)):
        for function in (tell_fits, tell_imports_of_a_fit):
            told, _ = run_python(f"import {__name__} as part\npart.{function.__name__}()")
            for name, seconds in json.loads(told).items():
                add_times(records[name], seconds)
    return list(records.values())


FIRST_FIT = TablePart(
    measure_first_fit,
    "Fits of one step with 64 small segments, one after the other in a new process. torch imports "
    "`torch._dynamo` and SymPy when the first optimizer is made. numba compiles the loops of the "
    "learned distance, or reads them from its cache. It stores them beside the package where "
    "that folder can be written; otherwise set `NUMBA_CACHE_DIR`. A process that only loads an "
    "estimator and embeds or predicts pays for none of these. Services that fit should fit a "
    "small estimator once when they start.",
    "fit",
)
