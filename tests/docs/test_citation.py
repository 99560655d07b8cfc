"""The citation file is of this version."""

from pathlib import Path

import relcon_sklearn

CITATION = Path(__file__).parents[2] / "CITATION.cff"


def test_the_citation_has_the_version():
    assert f"\nversion: {relcon_sklearn.__version__}\n" in CITATION.read_text()
