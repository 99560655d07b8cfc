"""The pages of the cards are those of the models in the package."""

from pathlib import Path

import pytest

pytest.importorskip("tslearn")
from benchmarks.downstream import activity_weights
from benchmarks.pretraining import open_weights
from relcon_sklearn import RelConClassifier, RelConEmbedder

MODELS = {
    "motion-small": (RelConEmbedder, open_weights.PAGE),
    "activity-small": (RelConClassifier, activity_weights.PAGE),
    "activity-small-wrist": (RelConClassifier, activity_weights.PAGE),
}


def blocks(text):
    """Return the parts of a page that are written by a command."""
    return [
        part.partition(" -->")[2].strip() for part in text.split("<!-- ") if "written by" in part
    ]


@pytest.mark.parametrize("name", MODELS)
def test_the_page_is_that_of_the_file(name):
    """After a new card, --card must be run, which writes both."""
    model, page = MODELS[name]
    card = model.from_pretrained(name).card_
    text = Path(page).read_text()
    assert len(blocks(text)) == 3
    for block in blocks(text):
        assert block in card
    for table in page.with_suffix("").glob("*.md"):
        title, question, *sections, command = table.read_text().strip().split("\n\n")
        assert question.endswith("?")
        assert "\n\n".join(sections) in card, f"{title} of {table.name}"
        assert command.startswith("Written by")
