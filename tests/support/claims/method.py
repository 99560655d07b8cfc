"""Claims on how methods are compared: networks and recordings."""

from relcon_sklearn.nn._presets import DEFAULT_ENCODER, ENCODER_PRESETS
from tests.support.claims.text import results_of

# The title of a set and its placements on the page, and its name in motion-small.json.
POOL = {
    "nurse stress": ("wrist", "Nurse stress"),
    "exam stress": ("wrist", "Wearable exam stress"),
    "Stress-Predict": ("wrist", "Stress-Predict"),
    "DSADS": ("wrists, torso, thighs", "Daily and Sports Activities"),
    "Casale": ("chest", "Activity recognition from a chest-mounted accelerometer"),
    "MEx": ("thigh", "MEx"),
    "HAR-Lab": ("wrist, waist, ankle", "Har-Lab HumanActivityData"),
    "physical therapy exercises": ("arm or leg, two units", "Physical therapy exercises"),
    "UMAFall": ("wrist, waist, chest, ankle, pocket", "UMAFall"),
    "Daphnet": ("ankle, thigh, trunk", "Daphnet"),
    "seglearn": ("wrist", "seglearn watch"),
    "GEOTEC": ("wrist, pocket", "GEOTEC smartphone and smartwatch"),
    "ASSIST stairs": ("waist", "ASSIST-IoT stairs"),
}


def parameters(encoder):
    """Return the number of parameters of an encoder by name."""
    module = ENCODER_PRESETS[encoder].make(3)
    return f"{sum(value.numel() for value in module.parameters()) / 1e6:.1f} M parameters"


def pool(found):
    """Return the rows of the recordings to pretrain on, and their sum."""
    files = results_of("motion-small")["pool"]
    rows = []
    for title, (placements, name) in POOL.items():
        of_set = [file for file in files if file["set"] == name]
        people, hours = (_range([file[key] for file in of_set]) for key in ("people", "hours"))
        rows.append(f"| {title} | {people} | {placements} | {hours} |")
    assert len({file["set"] for file in files}) == len(POOL)
    return [
        *rows,
        f"These are {sum(file['hours'] for file in files):.0f} hours in {len(files)} files",
        f"of the {len(POOL)} data sets",
        f"The pool has {found.pool_size():,} windows of 2.56 s",
    ]


def _range(values):
    """Return the smallest and the largest number as they are written, or one if they agree."""
    written = [
        str(value) if isinstance(value, int) else f"{value:.{0 if value > 20 else 1}f}"
        for value in (min(values), max(values))
    ]
    return " to ".join(dict.fromkeys(written))


def method(found):
    return [
        *pool(found),
        f'"resnet14-half": {parameters(DEFAULT_ENCODER)}',
        f"a network of {parameters('relcon')}",
    ]


def training(_):
    return [
        f"| {parameters(DEFAULT_ENCODER)}, 448 features",
        f"the published encoder of {parameters('relcon')}",
    ]


def differences(_):
    return [
        f"1-D ResNet, {parameters('relcon')}, 256 features",
        f"{parameters(DEFAULT_ENCODER)}, 448 features",
    ]
