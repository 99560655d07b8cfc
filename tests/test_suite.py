"""Rules for the tests themselves: shared code is in tests/support."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
FILES = {path.relative_to(TESTS).as_posix(): path.read_text() for path in TESTS.rglob("*.py")}


def test_no_test_file_is_imported_or_run_as_a_script():
    assert "test_suite.py" in FILES
    for name, text in FILES.items():
        assert not re.search(r"^\s*(from|import) tests\.(?!support\b)", text, re.MULTILINE), name
        if not name.startswith("support/"):
            assert not re.search(r"^if __name__ ==", text, re.MULTILINE), name
