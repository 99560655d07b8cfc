"""The card of the models of activities: what they are for, their scores, and their data."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable

import numpy as np

from benchmarks.common.card import Card, TablePage
from benchmarks.common.report import table
from benchmarks.downstream.activity_models import (
    ANYWHERE,
    BASELINES,
    METHODS,
    MODELS,
    WRIST,
    mean_of_sets,
)
from benchmarks.downstream.activity_sets import (
    CLASSES,
    CYCLING,
    FILES,
    NOT_IN_ENCODER,
    NOT_TRAINED_ON,
    RUNNING,
    SETS,
    SITTING,
    WALKING,
)
from benchmarks.downstream.comparisons import is_above, p_text
from benchmarks.downstream.free_living import percent, share_table
from benchmarks.downstream.tables import join
from benchmarks.pretraining.open_sets import OPEN_SETS

ON_WRIST = "wrist"
MEANS: dict[str, Callable] = {
    "mean of sets": lambda file: True,
    "not seen by the encoder": lambda file: file.set in NOT_IN_ENCODER,
    ON_WRIST: lambda file: file.placement == "wrist",
    "other places": lambda file: file.placement != "wrist",
}
"""The files of each mean, by its title."""
WATCH = "wisdm51_watch.npz"

USE = """```python
from relcon_sklearn import RelConClassifier

model = RelConClassifier.from_pretrained("{name}")
labels = model.predict(X)  # X: (n_segments, n_timesteps, 3), g with gravity, {rate:g} Hz
```"""

LIMITS = """\
- **Which one**: `{wrist}` for devices on a wrist. `{anywhere}` for waist, chest, thigh and pocket,
  and if the place is not known. Neither for ankles, which one set has, with a score of 0.2.
- **Input**: three axes in g with gravity, at {rate:g} Hz, windows of {window:g} s. The orientation
  of the device need not be known. Most wrists of the training were recorded at 20 to 32 Hz.
  Faster vibrations, which devices of 50 or 100 Hz record, are nearly new to the models. White noise
  was therefore added to copies of the windows.
- **Free living**: the training and the scores are of scripted activities, by mostly young and
  healthy adults. In daily life, people slouch, lean, carry, stop and do two things at once. Expect
  lower scores than these, and check hours with a diary, a camera or a thigh sensor before you
  report them.{free_living}
- **Where it fails first**: the postures. Windows of sitting, standing and lying are still, and
  differ only in the direction of gravity, which is not known for a device in any orientation.
  Report them as one class, unless you have checked them. Most windows of lying got another label.
  Next are stairs, which are taken for walking and other movement.
- **Cycling**: only one set has it, with eight people on stationary bicycles. Its scores on other
  sets are therefore not known. On a wrist it looks like sitting with small movements: of the
  windows of sitting in WISDM, among them typing and writing, {taken_for_cycling} got this label
  from a model that has not seen WISDM. Do not report it from a wrist without a check.
- **Lying** on a wrist: only the same set has it, and its scores on other sets are not known. Sleep
  is not in the data.
- **Other movement** is sports, gym machines and, on a wrist, some work of the hands. Movements that
  are not in the list of labels, such as driving or eating, can get any label.
- **Probabilities** assume that all classes are equally frequent. In daily life they are not: rare
  activities are predicted too often.
- **Not for** diagnoses or decisions about a person, and not for falls."""

LICENCE = """CC BY 4.0. Cite relcon_sklearn and the authors of the data, of these models and of the
encoder (`RelConEmbedder.from_pretrained("{encoder}").card_`)."""


def activity_card(record: dict, free_living: dict | None = None) -> Card:
    """Return the card, from the results of `activity_weights` and of `free_living`, if any."""
    settings, scores = record["settings"], record["scores"]
    limits = LIMITS.format(
        anywhere=ANYWHERE,
        wrist=WRIST,
        taken_for_cycling=taken_for_cycling(scores),
        free_living=free_living_limit(free_living),
        **settings,
    )
    return Card(
        title=f"{ANYWHERE}, {WRIST}",
        summary=summary(record),
        use=USE.format(name=WRIST, **settings),
        limits=limits,
        pages={
            "scores": TablePage(
                "Scores of the models of activities",
                "How good are the models on data sets that they have not seen?",
                {
                    "Scores by data set": score_table(scores),
                    "Length of windows": lengths(record["lengths"]),
                    "Devices at rest": at_rest(scores),
                    **free_living_section(free_living),
                },
            ),
            "classes": TablePage(
                "Which classes the models confuse",
                "How well is each activity found, and what is it taken for?",
                {
                    "Score of each class": class_table(scores),
                    **{f"Predictions of {name}": confusion(name, scores[name]) for name in MODELS},
                },
            ),
            "probabilities": TablePage(
                "Probabilities of the models of activities",
                "How often is a prediction with a given probability right?",
                {"Calibration": calibration(scores)},
            ),
            "data": TablePage(
                "Data of the models of activities",
                "On which recordings were the models trained, and what does each class contain?",
                {"Data": data_table(record["windows"]), "Labels": labels(record["windows"])},
            ),
        },
        origin={"Training": training(record), "Licence": LICENCE.format(**settings)},
    )


def taken_for_cycling(scores: dict[str, dict]) -> str:
    """Return the share of sitting on wrists that got the label cycling, in WISDM.

    The wrists of DSADS do not count: the model of the other sets does not know cycling.
    """
    wrists = scores[WRIST]["files"] if WRIST in scores else {}
    if WATCH not in wrists:
        return "an unknown share"
    sitting = np.array(wrists[WATCH]["confusion"])[CLASSES.index(SITTING)]
    return f"{100 * sitting[CLASSES.index(CYCLING)] / sitting.sum():.0f} %"


# -- scores ----------------------------------------------------------------------------------------


def summary(record: dict) -> str:
    """Return what the models are for, which claims do not hold, which do, and the mean scores."""
    held, failed = [], []
    scores = record["scores"]
    for name, tests in record["tests"].items():
        for other, test in tests.items():
            means = [mean_of_sets(scores[key]["files"]) for key in (name, other)]
            (held if is_above(means, test) else failed).append(
                f"- `{name}` than {METHODS[other].title} ({means[0]:.3f} and {means[1]:.3f}, "
                f"Holm p {p_text(test['p_holm'])}, higher for {test['ahead']} of "
                f"{test['n_subjects']} people)"
            )
    unseen = " and ".join(SETS[name].title for name in NOT_IN_ENCODER)
    return join(
        f"Two classifiers predict {', '.join(CLASSES[:-1])} and {CLASSES[-1]}, with probabilities, "
        f"from windows of {record['settings']['window']:g} s of three-axis acceleration. `{WRIST}` "
        f"is for a wrist, `{ANYWHERE}` for other places. They fail first at the postures, then at "
        "stairs. Cycling is known from one set only, and so is lying on a wrist.",
        "**Not better**, beyond chance over people, on data sets that were left out of the "
        "training:"
        if failed
        else "",
        "\n".join(failed),
        "**Better**:" if held else "",
        "\n".join(held),
        f"The encoder has seen windows of most sets without labels. On {unseen}, which it has not, "
        f"{ANYWHERE} has {_unseen(scores[ANYWHERE]):.3f} and {METHODS['features'].title} "
        f"{_unseen(scores['features']):.3f}. By set, the order of the methods differs. Macro-F1 on "
        "data sets that were left out:",
        mean_table(scores),
    )


def mean_table(scores: dict[str, dict]) -> str:
    """Return the means of the models and of what they are compared with."""
    methods = [*BASELINES, *(other for others in BASELINES.values() for other in others)]
    rows = [
        [METHODS[method].title, *(_mean(scores[method], method, title) for title in MEANS)]
        for method in methods
        if method in scores
    ]
    return table(["mean macro-F1", *MEANS], rows)


def _unseen(scores: dict) -> float:
    return mean_of_sets(scores["files"], lambda file: file.set in NOT_IN_ENCODER)


def score_table(scores: dict[str, dict]) -> str:
    """Return macro-F1 of each file by each method, and means."""
    names = scores[ANYWHERE]["files"]
    rows = [
        [file_title(name), *(_macro_f1(scores[method], name) for method in METHODS)]
        for name in FILES
        if name in names
    ]
    for title in MEANS:
        rows.append([title, *(_mean(scores[method], method, title) for method in METHODS)])
    not_trained = SETS[NOT_TRAINED_ON].title
    unseen = ", ".join(SETS[name].title for name in NOT_IN_ENCODER)
    return join(
        "Macro-F1 over the classes that both the set and the training have. Each data set is "
        "predicted by a model of the other sets, so that people, devices and protocols are new. "
        f"{not_trained} is never trained on. The means are of the files of a set, and then of the "
        f"sets, without {not_trained} and the sets of one class, whose score is the F1 of this "
        f"class. The encoder has seen windows of the sets without labels, except of {unseen} and "
        f"{not_trained}. All methods are fitted on the same windows and, except where the table "
        "says so, on copies with random rotations, without and with white noise. Sets, strength of "
        "the penalty, length of windows and copies were chosen on these scores, so that they are "
        "somewhat too high.",
        table(["macro-F1", *(METHODS[name].title for name in METHODS)], rows),
    )


def _mean(scores: dict, method: str, title: str) -> float | None:
    """Return a mean of `MEANS`; None if it is of other sets than those of the other methods."""
    if METHODS[method].wrist_only and title != ON_WRIST:
        return None
    return mean_of_sets(scores["files"], MEANS[title])


def file_title(name: str) -> str:
    """Return the set and the placement of a file."""
    side = next((side for side in ("left", "right") if f"_{side}_" in name), "")
    place = f"{side} {FILES[name].placement}".strip()
    return f"{SETS[FILES[name].set].title}, {place}"


def _macro_f1(scores: dict, name: str) -> float | None:
    return scores["files"][name]["macro_f1"] if name in scores["files"] else None


def lengths(found: dict[str, dict[str, float]]) -> str:
    """Return macro-F1 by the length of windows."""
    rows = [[f"{length} s", *by_model.values()] for length, by_model in found.items()]
    return join(
        "By the length of windows, in training and prediction, with fewer windows. The models have "
        "10 s.",
        table(["windows", *MODELS], rows),
    )


def at_rest(scores: dict[str, dict]) -> str:
    """Return the least share of windows at rest that the models take for a posture."""
    noise = list(scores[ANYWHERE]["at_rest"])
    shares = [f"`{name}` at least {min(scores[name]['at_rest'].values()):.0%}" for name in MODELS]
    return join(
        "A device that lies still, on a table or on a sleeping person, measures gravity and the "
        "noise of its sensor. Of such windows, which are generated in any orientation and with "
        f"white noise of {noise[0]} to {noise[-1]} g, the models take for lying, sitting or "
        f"standing: {', '.join(shares)}. The others would be counted as movement."
    )


def free_living_limit(found: dict | None) -> str:
    """Return what the model for wrists gives hours of free living; nothing without recordings."""
    if found is None:
        return ""
    labels = (SITTING, WALKING, CYCLING, RUNNING)
    sitting, walking, cycling, running = (percent(found["shares"][label]) for label in labels)
    text = (
        f"In {found['hours']:.0f} hours of hospital shifts, without labels, `{WRIST}` finds "
        f"{sitting} sitting, which is probably too much for people at work, and {walking} walking. "
        f"{cycling} are cycling and {running} running, "
        "which hardly anybody does there."
    )
    text = text.replace(" %", "\N{NO-BREAK SPACE}%")
    return "\n" + textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="  ")


def free_living_section(found: dict | None) -> dict[str, str]:
    """Return a section with the share of each label in hours of free living, by its title."""
    if found is None:
        return {}
    text = (
        f"`{WRIST}` on {found['hours']:.0f} hours of hospital shifts of {found['people']} people. "
        "They have no labels, so that the classifier was not trained on them, but its encoder was. "
        f"Cite {OPEN_SETS['nurse'].citation}, {OPEN_SETS['nurse'].licence}."
    )
    return {"Free living": join(text, share_table(found))}


def class_table(scores: dict[str, dict]) -> str:
    """Return the F1 of each class in each file."""
    rows = []
    for model in MODELS:
        for name, found in scores[model]["files"].items():
            if (FILES[name].placement == "wrist") == (model == WRIST):
                values = [found["f1"].get(label) for label in CLASSES]
                rows.append([f"{file_title(name)}", *values])
    return join(
        f"F1 of each class: `{WRIST}` on wrists, `{ANYWHERE}` elsewhere. There is no value if the "
        "set, or all others, lack the class.",
        table(["F1", *CLASSES], rows),
    )


def confusion(model: str, scores: dict) -> str:
    """Return the shares of predictions of each class, of the places that a model is for."""
    counts = sum(
        np.array(found["confusion"], dtype=float) / found["windows"]
        for name, found in scores["files"].items()
        if (FILES[name].placement == "wrist") == (model == WRIST)
    )
    rows = [
        [label, *(f"{100 * share:.0f}" for share in row / row.sum())]
        for label, row in zip(CLASSES, counts, strict=True)
        if row.sum() > 0
    ]
    where = "wrists" if model == WRIST else "other places"
    return join(
        f"Predictions of `{model}` on {where}, in % of the true class. Each file has the same "
        "weight. Classes that only the set of a file has, such as cycling, cannot be predicted "
        "there: their rows show which labels they got, and their columns are too low:",
        table(["true class", *CLASSES], rows),
    )


def calibration(scores: dict[str, dict]) -> str:
    """Return errors of calibration, and how often predictions of a probability are right."""
    columns = {
        f"{METHODS[name].title}{suffix}": {
            file: found[key] for file, found in scores[name]["files"].items()
        }
        for name in (*MODELS, "forest", "forest_wrist")
        for suffix, key in [("", "calibration_error"), (", cooled", "calibration_error_cooled")]
    }
    rows = [
        [file_title(file), *(values.get(file) for values in columns.values())]
        for file in FILES
        if file in scores[ANYWHERE]["files"]
    ]
    means = {title: float(np.mean([*values.values()])) for title, values in columns.items()}
    rows.append(["mean of files", *means.values()])
    lowers = {name: means[f"{name}, cooled"] < means[name] for name in MODELS}
    effects = ", and ".join(
        f"{'lowers' if lower else 'does not lower'} the mean error of `{name}`"
        for name, lower in lowers.items()
    )
    bins = [[f"{p:.2f}", f"{right:.2f}", n] for p, right, n in scores[WRIST]["reliability"]]
    values = ", ".join(f"{scores[name]['temperature']:.2f} for `{name}`" for name in MODELS)
    return join(
        "Models that have not seen a set are often too sure of it. The logits are therefore "
        f"divided by a temperature, chosen on sets that were left out: {values}. In the table, the "
        "temperature of a set is chosen on the other sets. The expected calibration error is the "
        "mean difference between the largest probability and the share of windows that are right. "
        f"The temperature {effects}:",
        table(["expected calibration error", *columns], rows),
        f"Largest probabilities of `{WRIST}` on all sets together, and how often they are right. "
        "On a single set, they are further off, as the table above shows:",
        table(["probability", "right", "windows"], bins),
    )


# -- data and training -----------------------------------------------------------------------------


def data_table(n_windows: dict[str, int]) -> str:
    """Return the sets with their licences."""
    files: Counter[str] = Counter()
    for name, n in n_windows.items():
        files[FILES[name].set] += n
    sets = [
        [SETS[name].title, n, SETS[name].licence, SETS[name].citation] for name, n in files.items()
    ]
    return join(
        "The windows are drawn so that each class of a file has the same number, as far as there "
        f"are as many. {SETS[NOT_TRAINED_ON].title} is only predicted.",
        table(["set", "windows", "licence", "cite"], sets),
    )


def labels(n_windows: dict[str, int]) -> str:
    """Return the class of each label of the authors."""
    return join("The class of each label of the authors:", label_list(list(n_windows)))


def label_list(names: list[str]) -> str:
    """Return a list of the labels of each class and of those that are left out."""
    places: dict[tuple, list[str]] = {}
    for name in names:
        file = FILES[name]
        key = (file.set, tuple(file.classes.items()), tuple(file.left_out.items()))
        places.setdefault(key, []).append(file.placement)
    lines = []
    for (of_set, classes, left_out), placements in places.items():
        lines.append(f"- {SETS[of_set].title}, {', '.join(dict.fromkeys(placements))}")
        for title, pairs in (("", classes), ("left out, ", left_out)):
            for meaning in dict.fromkeys(meaning for _, meaning in pairs):
                labels = ", ".join(label for label, other in pairs if other == meaning)
                lines.append(f"    - {title}{meaning}: {labels}")
    return "\n".join(lines)


def training(record: dict) -> str:
    """Return settings, command, version and date."""
    settings, run = record["settings"], record["run"]
    return join(
        "Standardisation and multinomial logistic regression of the embedding of "
        f"{settings['encoder']}, with an L2 penalty, on each window as it was recorded, after a "
        "random rotation, and after this rotation with white noise. Classes have equal weights, "
        "and within a class each set has the weight of the square root of its number of "
        f"windows. Up to {settings['windows_per_file']} windows of each file, {record['people']} "
        "people with those who are only predicted. Seed 0.",
        f"`{run['command'].partition(' --')[0]} --data FOLDER --pool POOL`, commit "
        f"{run['commit']}, {run['date'][:10]}, torch {run['versions']['torch']}, scikit-learn "
        f"{run['versions']['scikit-learn']}, {run['cpu']}. Checksum of the encoder: "
        f"{record['encoder_checksum']}.",
    )
