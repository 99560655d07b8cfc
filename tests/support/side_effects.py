"""A process that records what it writes, connects to and changes, and prints it as JSON.

    python -B tests/support/side_effects.py FOLDER
    python -B tests/support/side_effects.py FOLDER surprising

The first command imports the package, and uses the four estimators as users do, with FOLDER as the
only place to write to. The second command causes side effects without the package, which must be
detected. See test_side_effects.py.
"""

import contextlib
import gc
import importlib
import json
import locale
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

# Imported before the package, so that their side effects are not attributed to the package.
MADE_OF = ("sklearn", "torch", "skorch", "scipy", "joblib", "tqdm.auto", "safetensors", "filelock")

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Audit events of actions with effects outside the process, including the start of other processes.
# "open" is treated separately. See "Audit events table" in the documentation of Python.
ELSEWHERE = (
    "socket.", "urllib.", "http.", "ftplib.", "smtplib.", "poplib.", "imaplib.", "nntplib.",
    "telnetlib.", "webbrowser.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
    "os.startfile", "os.system", "pty.spawn", "os.kill", "signal.pthread_kill", "sqlite3.",
    "os.chdir", "os.chflags", "os.chmod", "os.chown", "os.lchown", "os.link", "os.lockf",
    "os.mkdir", "os.putenv", "os.unsetenv", "os.remove", "os.removexattr", "os.rename", "os.rmdir",
    "os.setxattr", "os.symlink", "os.truncate", "os.utime", "shutil.", "tempfile.", "syslog.",
)  # fmt: skip


class Watch:
    """Records audit events, by phase."""

    def __init__(self):
        self.phase = None
        self.events = []
        sys.addaudithook(self.hook)

    def hook(self, name, args):
        if self.phase is None:
            return
        if name == "open":
            path, mode, flags = args
            if flags & WRITING or (isinstance(mode, str) and set(mode) & set("wax+")):
                self.events.append((self.phase, name, os.fspath(path), str(args[1:])))
        elif name.startswith(ELSEWHERE):
            path = args[0] if args else ""
            path = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)
            self.events.append((self.phase, name, path, str(args[1:])))


def state():
    """Return the global state of the process as text, by name."""
    import numpy as np
    import sklearn
    import torch
    from joblib.parallel import get_active_backend
    from torch.nn.modules import module as modules

    def hooks():
        names = [name for name in vars(modules) if name.startswith("_global_")]
        return {name: str(getattr(modules, name)) for name in names}

    with np.printoptions(threshold=sys.maxsize):
        numpy_generator = repr(np.random.get_state(legacy=False))  # noqa: NPY002
    found = {
        "numpy generator": numpy_generator,
        "python generator": random.getstate(),
        "torch generator": torch.get_rng_state().tolist(),
        "torch seed": torch.initial_seed(),
        "torch threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch default dtype": torch.get_default_dtype(),
        "torch default device": torch.get_default_device(),
        "torch deterministic": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
        ),
        "torch gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "torch anomaly": torch.is_anomaly_enabled(),
        "torch autocast": (
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
            torch.is_autocast_cache_enabled(),
        ),
        "torch matmul precision": torch.get_float32_matmul_precision(),
        "torch backends": (
            torch.backends.cudnn.enabled,
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.allow_tf32,
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.mkldnn.enabled,
        ),
        "torch sharing": torch.multiprocessing.get_sharing_strategy(),
        "torch printing": vars(torch._tensor_str.PRINT_OPTS),
        "torch module hooks": hooks(),
        "denormal numbers": (
            float(torch.tensor(1e-40) * 0.5),
            float(np.float32(1e-40) * np.float32(0.5)),
        ),
        "numpy errors": (np.geterr(), np.geterrcall()),
        "numpy printing": np.get_printoptions(),
        "scikit-learn configuration": sklearn.get_config(),
        "joblib backend": get_active_backend()[0].__class__,
        "warnings": (warnings.filters, warnings.showwarning, warnings.formatwarning),
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "working directory": os.getcwd(),
        "signal handlers": {s.name: signal.getsignal(s) for s in signal.valid_signals()
                            if isinstance(s, signal.Signals)},
        "logging": {
            name: (logger.handlers, logger.level, logger.propagate, logger.disabled)
            for name in ("", "relcon_sklearn", "skorch", "torch", "numba")
            for logger in [logging.getLogger(name)]
        },
        "logging in general": (logging.root.manager.disable, logging.getLoggerClass()),
        "paths": (sys.path, sys.meta_path, sys.path_hooks),
        "hooks": (
            sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook,
            sys.gettrace(), sys.getprofile(), sys.breakpointhook,
        ),
        "streams": (id(sys.stdin), id(sys.stdout), id(sys.stderr)),
        "interpreter": (
            sys.getrecursionlimit(), sys.getswitchinterval(), sys.dont_write_bytecode,
        ),
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks),
        "threads": sorted(t.name for t in threading.enumerate()),
    }  # fmt: skip
    if hasattr(os, "umask"):
        umask = os.umask(0o77)
        os.umask(umask)
        found["umask"] = umask
    if sys.platform == "linux":
        import resource

        limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
        found["limits"] = {name: resource.getrlimit(getattr(resource, name)) for name in limits}
        found["processors"] = sorted(os.sched_getaffinity(0))
        found["priority"] = os.getpriority(os.PRIO_PROCESS, 0)
        found["open files"] = {
            os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if int(fd) > 2
            and os.path.exists(f"/proc/self/fd/{fd}")
        } - {f"/proc/{os.getpid()}/fd"}  # fmt: skip
    return {name: repr(value) for name, value in found.items()}


def use(estimator, X, y, groups, folder):
    """Use an estimator as users do."""
    import copy
    import pickle

    import joblib
    from sklearn.base import clone

    fitted = clone(estimator).fit(X, y, groups=groups)
    scored = {"groups": groups} if hasattr(fitted, "distance_") else {}
    for name in ("transform", "predict", "predict_proba", "pairwise"):
        if hasattr(fitted, name):
            getattr(fitted, name)(X)
    if hasattr(fitted, "pairwise"):
        fitted.reconstruct(X[0], X[1])
        fitted.attention_map(X[:2], X[2:4])
    if hasattr(fitted, "transform"):
        fitted.get_feature_names_out()
        clone(estimator).set_output(transform="pandas").fit(X, groups=groups).transform(X)
    fitted.score(X, y, **scored)
    repr(fitted)
    fitted._repr_html_()
    pickle.loads(pickle.dumps(copy.deepcopy(fitted))).score(X, y, **scored)
    joblib.dump(fitted, folder / "model.joblib")
    joblib.load(folder / "model.joblib")
    fitted.save(folder / "model.safetensors")
    type(fitted).load(folder / "model.safetensors").score(X, y, **scored)
    checkpoints = folder / "checkpoints" / type(fitted).__name__
    for _ in range(2):
        clone(estimator).set_params(checkpoint_dir=checkpoints).fit(X, y, groups=groups)


def main(folder):
    watch = Watch()
    watch.phase = "import"
    for name in MADE_OF:
        importlib.import_module(name)
    import torch

    torch.set_num_threads(1)
    before, known = state(), set(sys.modules)
    for name in ("relcon_sklearn", "relcon_sklearn.datasets"):
        importlib.import_module(name)

    changed = {"import": compare(before, state())}
    imported = sorted({name.split(".")[0] for name in set(sys.modules) - known})

    watch.phase = None
    # With its first optimizer, torch imports its compiler. The compiler creates a folder in the
    # folder for temporary files and sets TORCHINDUCTOR_CACHE_DIR.
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    for name, task in tasks(folder).items():
        before = state()
        watch.phase = name
        task()
        watch.phase = None
        changed[name] = compare(before, state())
    return {"events": watch.events, "changed": changed, "imported": imported}


def tasks(folder):
    """Return the actions of each phase, by name."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import numpy as np
    from sklearn.model_selection import GridSearchCV

    from relcon_sklearn import RandomAugmentations
    from relcon_sklearn.datasets import make_motion
    from tests.support.dropout_encoder import DropoutEncoder
    from tests.support.estimators import (
        tiny_classifier,
        tiny_distance,
        tiny_embedder,
        tiny_regressor,
    )
    from tests.support.reference import euclidean

    X, y, groups, *_ = make_motion(40, n_subjects=4, n_timesteps=32, random_state=0)
    y = np.unique(y, return_inverse=True)[1]
    quick = {"max_epochs": 1, "batch_size": 8}
    embedder = tiny_embedder(distance=tiny_distance(**quick), **quick)
    alone = tiny_embedder(distance=tiny_distance(**quick), n_within=0, **quick)  # without groups

    def other_settings():
        tiny_embedder(
            **quick,
            distance=euclidean,
            precision="bfloat16",
            candidates="shared",
            augmentation=RandomAugmentations(),
        ).fit(X, groups=groups)

    def pretrained_and_frozen():
        classifier = tiny_classifier(encoder=embedder, freeze="encoder", **quick)
        classifier.fit(X, y, groups=groups)

    def ctrl_c():
        embedder = tiny_embedder(**quick, encoder=DropoutEncoder, distance=press_ctrl_c, n_within=0)
        embedder.set_params(checkpoint_dir=folder / "stop")
        raises(KeyboardInterrupt, embedder.fit, X)

    def diverging(segments, generator):
        return segments * np.nan

    return {
        "distance": lambda: use(tiny_distance(**quick), X, y, groups, folder),
        "embedder": lambda: use(embedder, X, y, groups, folder),
        "classifier": lambda: use(tiny_classifier(**quick), X, y, groups, folder),
        "regressor": lambda: use(tiny_regressor(**quick), X, y, groups, folder),
        "embedder of other settings": other_settings,
        "embedder with an encoder that draws": (
            lambda: tiny_embedder(**quick, encoder=DropoutEncoder).fit(X, groups=groups)
        ),
        "classifier of a pretrained and frozen encoder": pretrained_and_frozen,
        "search": lambda: GridSearchCV(alone, {"temperature": [0.1, 0.2]}, cv=2).fit(X),
        "bad data": lambda: raises(ValueError, tiny_distance().fit, X * np.nan),
        "divergence": (
            lambda: raises(FloatingPointError, tiny_distance(augmentation=diverging).fit, X)
        ),
        "no memory": lambda: raises(
            MemoryError, tiny_embedder(distance=no_memory, n_within=0).fit, X
        ),
        "Ctrl-C": ctrl_c,
    }


def no_memory(anchors, candidates):
    raise MemoryError


def press_ctrl_c(anchors, candidates):
    import numpy as np

    signal.raise_signal(signal.SIGINT)
    return np.zeros((len(anchors), len(candidates)))


def raises(kind, function, *args):
    try:
        function(*args)
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


def compare(before, after):
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}


def surprising(folder):
    """Cause side effects that must be detected, and return those that were."""
    watch, before = Watch(), state()
    watch.phase = "surprising"
    import socket

    import numpy as np
    import torch

    with contextlib.suppress(OSError), socket.socket() as connection:
        connection.connect(("127.0.0.1", 1))
    (folder / "made").mkdir()
    (folder / "made" / "file").write_text("x")
    (folder / "made" / "file").rename(folder / "made" / "other")
    (folder / "made" / "other").unlink()
    subprocess.run([sys.executable, "-c", ""], check=True)
    for change in (
        lambda: np.random.rand(),  # noqa: NPY002
        random.random,
        lambda: torch.rand(1),
        lambda: torch.set_num_threads(torch.get_num_threads() + 1),
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.use_deterministic_algorithms(True),
        lambda: torch.set_grad_enabled(False),
        lambda: torch.set_float32_matmul_precision("medium"),
        lambda: torch.set_flush_denormal(True),
        lambda: np.seterr(all="raise"),
        lambda: np.set_printoptions(precision=2),
        lambda: warnings.simplefilter("ignore"),
        lambda: os.environ.update(SURPRISING="1"),
        lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
        lambda: os.chdir(folder),
        lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
        lambda: logging.getLogger().addHandler(logging.NullHandler()),
        lambda: logging.getLogger("relcon_sklearn").setLevel("DEBUG"),
        lambda: sys.path.append("surprising"),
        lambda: setattr(sys, "excepthook", print),
        lambda: os.umask(0o77),
        lambda: threading.Thread(target=threading.Event().wait, daemon=True).start(),
        gc.disable,
    ):
        change()
    watch.phase = None
    return {"events": watch.events, "changed": {"surprising": compare(before, state())}}


if __name__ == "__main__":
    run = surprising if sys.argv[2:] else main
    json.dump(run(Path(sys.argv[1])), sys.stdout)
