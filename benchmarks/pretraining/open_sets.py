"""The public sets that weights in the package are trained on: licence, placement and citation.

Only sets whose licence permits to publish what was made from them: CC0, CC BY, ODC-By, MIT, BSD.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class OpenSet(NamedTuple):
    """A public set of recordings.

    Attributes
    ----------
    title : str
        Name in tables.
    content : str
        What the people do.
    licence : str
        Licence of the data.
    citation : str
        What the authors ask to cite.
    """

    title: str
    content: str
    licence: str
    citation: str


CC_BY = "CC BY 4.0"

# By the first part of the name of a file. The rest is the placement of the sensor.
OPEN_SETS = {
    "nurse": OpenSet(
        "Nurse stress",
        "hospital shifts, free-living",
        "CC0",
        "Hosseini et al., Scientific Data 9:255 (2022)",
    ),
    "exam_stress": OpenSet(
        "Wearable exam stress",
        "exams, seated writing",
        "ODC-By 1.0",
        "Amin, Wickramasuriya, Faghih, IEEE HI-POCT (2022)",
    ),
    "stress_predict": OpenSet(
        "Stress-Predict",
        "seated protocol",
        "MIT",
        "Iqbal et al., Sensors 22(21):8135 (2022)",
    ),
    "dsads": OpenSet(
        "Daily and Sports Activities",
        "19 daily and sports activities",
        CC_BY,
        "Altun, Barshan, Tuncel, Pattern Recognition 43(10):3605-3620 (2010)",
    ),
    "umafall": OpenSet(
        "UMAFall",
        "12 activities, 3 falls",
        CC_BY,
        "Casilari, Santoyo-Ramon, Cano-Garcia, Procedia Computer Science 110 (2017)",
    ),
    "harlab": OpenSet(
        "Har-Lab HumanActivityData",
        "walking, stairs, treadmill",
        "MIT",
        "Har-Lab, Loyola Marymount University (2023)",
    ),
    "mex": OpenSet("MEx", "physiotherapy exercises", CC_BY, "Wijekoon, Wiratunga, Cooper (2019)"),
    "daphnet": OpenSet(
        "Daphnet",
        "walking of people with Parkinson's disease",
        CC_BY,
        "Bachlin et al., IEEE TITB 14(2):436-446 (2010)",
    ),
    "geotec": OpenSet(
        "GEOTEC smartphone and smartwatch",
        "sit, stand, walk, turn",
        CC_BY,
        "Matey-Sanz, Casteleyn, Granell, Data in Brief (2023) 109809",
    ),
    "casale": OpenSet(
        "Activity recognition from a chest-mounted accelerometer",
        "7 activities",
        CC_BY,
        "Casale, Pujol, Radeva, PUC 16(5):563-580 (2012)",
    ),
    "ptexercise": OpenSet(
        "Physical therapy exercises",
        "physiotherapy, arm or leg",
        CC_BY,
        "Yurtman, Barshan, CMPB 117(2) (2014)",
    ),
    "seglearn": OpenSet(
        "seglearn watch",
        "shoulder exercises",
        "BSD",
        "Burns et al., Physiological Measurement 39 (2018) 075007",
    ),
    "assist": OpenSet("ASSIST-IoT stairs", "stairs", CC_BY, "Danilenka et al., Zenodo 8340378"),
}


def open_set_of(file: str | Path) -> tuple[str, OpenSet]:
    """Return the placement and the set of an npz file, by its name.

    Raises
    ------
    ValueError
        If the set is not in the table, so that its licence is not known.
    """
    stem = Path(file).stem
    for name, open_set in OPEN_SETS.items():
        if stem == name or stem.startswith(f"{name}_"):
            return stem[len(name) + 1 :].replace("_", " ") or "not stated", open_set
    raise ValueError(
        f"{file} is not of a set in OPEN_SETS of benchmarks/pretraining/open_sets.py. Add its "
        "licence and citation there, or move the file to another folder."
    )
