"""Which of the tests that need a GPU pass on this machine?

    python -m benchmarks.gpu.cuda_tests

runs the tests that are marked `cuda`. Only their files are imported, because other files may need
packages that are missing. The results are written after each test.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.common.processes import ROOT
from benchmarks.common.report import (
    environment,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)


class Recorder:
    """Plugin of pytest that writes the outcome of each test as soon as it is known."""

    def __init__(self, output: Path, results: dict):
        self.output = output
        self.results = results | {"outcomes": {}, "reasons": {}}

    def pytest_collectreport(self, report):
        """Record a file that cannot be imported."""
        if report.failed:
            self._record(report.nodeid, "failed", report.longreprtext)

    def pytest_runtest_logreport(self, report):
        """Record the outcome of a test: passed, failed or skipped."""
        if report.failed or report.when == "call" or report.skipped:
            self._record(report.nodeid, report.outcome, report.longreprtext)

    def _record(self, name: str, outcome: str, reason: str) -> None:
        self.results["outcomes"][name] = outcome
        if reason:
            self.results["reasons"][name] = reason[-2000:]
        write_json(self.output, self.results)


def marked_files(folder: Path) -> list[str]:
    """Return the files that have tests marked `cuda`."""
    paths = sorted(folder.rglob("test_*.py"))
    return [str(path) for path in paths if "pytest.mark.cuda" in path.read_text()]


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--smoke", action="store_true", help="collect the tests of one file")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    args.output = args.output or results_file("gpu_tests", smoke=args.smoke)
    files = marked_files(ROOT / "tests")[: 1 if args.smoke else None]
    recorder = Recorder(args.output, {"environment": environment()})
    # No cache, since the folder of the project may be read-only.
    options = ["-q", "-m", "cuda", "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    status = pytest.main([*options, *files], plugins=[recorder])
    counts = Counter(recorder.results["outcomes"].values())
    write_json(args.output, recorder.results | {"counts": counts})
    say(table(["tests", "number"], sorted(counts.items())))
    if status != pytest.ExitCode.OK:
        raise SystemExit(f"Of the tests that need a GPU, {counts['failed']} failed.")
    if not counts["passed"] and not args.smoke:
        raise SystemExit("All tests that need a GPU were skipped: torch does not find one.")


if __name__ == "__main__":
    main()
