"""The card of a model of the package: what it is for, how good it is, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.common.card import Card, TablePage
from benchmarks.downstream.results import DownstreamResults
from benchmarks.downstream.tables import join
from benchmarks.pretraining.model_claims import (
    Claim,
    failures,
    in_paper,
    over_people,
    successes,
    with_few_labels,
)
from benchmarks.pretraining.model_conditions import (
    ages,
    changes,
    paper_table,
    placements,
)
from benchmarks.pretraining.model_tables import (
    comparison_table,
    comparisons,
    few_labels,
    licences,
    recordings,
    score_tables,
    short_table,
    sum_over_sets,
    training,
)

USE = """```python
from relcon_sklearn import RelConEmbedder

embedder = RelConEmbedder.from_pretrained("{name}")
Z = embedder.transform(X)  # X: (n_segments, n_timesteps, 3), g with gravity, {rate:g} Hz
```"""

LIMITS = """\
- **Input**: three axes in g with gravity, at {rate:g} Hz. Other channels, and other rates where
  they are known, are refused. Other units and removed gravity give a warning. An array in memory
  does not know its rate: cut recordings with `segment_recordings(..., like=embedder)`, which
  resamples them. Windows may have any length from about 2 s.
- **Orientation**: it need not be known, but embeddings depend on it: people to predict must wear
  the device as those of the training do. What another orientation costs is in the section Changes
  of the devices.
- **Noise**: white noise of 0.03 g in new recordings lowers scores by more than those of hand-made
  features, see the same section.
- **Free living**: one of the sets, Nurse stress, is of free living. The scores are of scripted
  activities. Expect lower ones in daily life.
- **People**: the data are of about {people} people, mostly young and healthy. Children are missing,
  and so are people with other movement disorders than those listed. On SisFall, people of 60 to 75
  years have lower scores than those of 19 to 30, see the section Ages.
- **Not for** diagnoses, or decisions about a person, without validation on people like that person.
- The settings of the training were chosen on the sets of the tables, so that scores are somewhat
  too high. No person or recording of these sets was trained on."""

LICENCE = """CC BY 4.0. Cite relcon_sklearn and the authors of the data. CC BY and ODC-By ask for
attribution of the data."""


def model_card(
    name: str, record: dict, results: DownstreamResults, measured: Mapping[str, dict]
) -> Card:
    """Return the card of a model.

    Parameters
    ----------
    name : str
        Name of the model.
    record : dict
        What `open_weights` has written about the training.
    results : DownstreamResults
        Results of `bench_downstream`.
    measured : mapping of str to dict
        What the other scripts have written, as far as it is there, by the name of the file:
        "robustness", "subgroups", "paper_protocol".
    """
    settings, results = record["settings"], results.first_seed()
    rate = settings["rate"]
    found = comparisons(name, results)
    robustness, subgroups, paper = (
        measured.get(file, {}) for file in ("robustness", "subgroups", "paper_protocol")
    )
    claims = [*with_few_labels(name, results), *over_people(found), *in_paper(paper)]
    return Card(
        title=name,
        summary=summary(record, name, claims, short_table(name, results)),
        use=USE.format(name=name, rate=rate),
        limits=LIMITS.format(rate=rate, people=sum_over_sets(record["pool"], "people")),
        pages={
            "scores": TablePage(
                f"Scores of {name}",
                "How good are models of its embedding on new people, and compared with what?",
                {
                    "Scores": score_tables(name, results),
                    "Few labels": few_labels(name, results),
                    "Tests over people": comparison_table(found),
                    "The protocol of the paper": paper_table(paper),
                },
            ),
            "conditions": TablePage(
                f"{name} on other recordings",
                "What do another orientation, noise, placement or age do to the scores?",
                {
                    "Changes of the devices": changes(robustness),
                    "Placements": placements(subgroups),
                    "Ages": ages(subgroups),
                },
            ),
            "data": TablePage(
                f"Data of {name}",
                "On which recordings was it trained, and what are their licences?",
                {"Recordings": recordings(record), "Sets and licences": licences(record)},
            ),
        },
        origin={"Training": training(record), "Licence": LICENCE},
    )


def summary(record: dict, name: str, claims: list[Claim], table: str) -> str:
    """Return what the model is for, which claims do not hold, which do, and the mean scores."""
    return join(
        f"`{name}` turns a window of three-axis acceleration into {record['n_features']} numbers "
        "that describe its movement. These numbers, the embedding, are input for any classifier or "
        "regressor. The model is pretrained without labels, by relative contrastive learning. It "
        "fails if people wear the device in another orientation than those of the training, and "
        f"it loses if their recordings are noisier. {failures(claims)}".rstrip(),
        *successes(claims),
        "Better is a higher macro-F1 on people that no training has seen, beyond chance over "
        "people (Holm p < 0.05). Where no set is named, it is the mean of five public sets. For "
        "the network of the paper, whose input and folds differ, only means are compared. The "
        "RelCon and SimCLR trainings of ten minutes, and of an hour (six times the time), are on "
        "the same recordings as this model, with the encoder of motion-small.",
        "The table has the same means, of a linear model of each representation where it does not "
        "say another. Walking speed is the R2 on a further set:",
        table,
    )
