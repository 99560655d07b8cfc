"""MiniRocket features of segments, computed by the Python of an environment that has aeon.

    MINIROCKET_PYTHON -I benchmarks/downstream/minirocket_transform.py INPUT.npz OUTPUT.npz

INPUT has X_train and X_test, both (n_segments, n_timesteps, n_channels) with 9 time steps or more,
and seed. OUTPUT gets Z_train, Z_test and versions, as "name==version". `minirocket.py` starts this
script by its path. No other module imports it.
"""

import sys
from importlib import metadata

import numpy as np
from aeon.transformations.collection.convolution_based import MiniRocket


def main() -> None:
    source, target = sys.argv[1:]
    with np.load(source) as arrays:
        # aeon has the channels before the time steps.
        X_train, X_test = (arrays[name].transpose(0, 2, 1) for name in ("X_train", "X_test"))
        seed = int(arrays["seed"])
    rocket = MiniRocket(random_state=seed, n_jobs=1).fit(X_train)
    np.savez(
        target,
        Z_train=rocket.transform(X_train),
        Z_test=rocket.transform(X_test),
        versions=[f"{name}=={metadata.version(name)}" for name in ("aeon", "numba", "numpy")],
    )


if __name__ == "__main__":
    main()
