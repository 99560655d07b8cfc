"""The file of cells keeps every complete record."""

import subprocess
import sys
from dataclasses import replace

import numpy as np

from benchmarks.common.processes import ROOT
from benchmarks.downstream import cells
from benchmarks.downstream.cells import Cell


def test_incomplete_lines_of_a_killed_writer_are_ignored(tmp_path):
    file = cells.CellFile(tmp_path / "cells.jsonl")
    first, second = cells.Cell("none", "hapt", "a", "own"), cells.Cell("none", "hapt", "b", "own")
    file.add(first, {"value": 1})
    with file.path.open("a") as half:
        half.write('{"cell": {"sett')
    file.add(second, {"value": 2})
    assert {cell: record["value"] for cell, record in file.read().items()} == {first: 1, second: 2}


def test_cells_are_read_back_and_the_last_of_two_wins(tmp_path):
    file = cells.CellFile(tmp_path / "new" / "cells.jsonl")
    assert file.read() == {}
    first = Cell("transfer", "hapt", "relcon", "linear")
    second = replace(first, seed=1, window=5.0, labelled=0.01)
    file.add(first, {"scores": {"f1": np.float32(0.5)}, "n": np.int64(3)})
    file.add(second, {"scores": {"f1": 0.25}})
    file.add(first, {"scores": {"f1": 0.75}})
    found = cells.CellFile(file.path).read()
    assert list(found) == [first, second]
    assert found[first]["scores"] == {"f1": 0.75}
    assert found[second]["scores"] == {"f1": 0.25}
    assert len(file.path.read_text().splitlines()) == 3


def test_processes_may_add_side_by_side(tmp_path):
    path = tmp_path / "cells.jsonl"
    script = (
        "import sys; from pathlib import Path\n"
        "from benchmarks.downstream.cells import Cell, CellFile\n"
        "for i in range(40):\n"
        "    cell = Cell('none', 'hapt', sys.argv[2], 'own', seed=i)\n"
        "    CellFile(Path(sys.argv[1])).add(cell, {'filler': 'x' * 20000})\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, path, name], cwd=ROOT)
        for name in ("one", "two")
    ]
    file = cells.CellFile(path)
    while any(process.poll() is None for process in started):
        file.read()
    assert [process.returncode for process in started] == [0, 0]
    expected = {
        Cell("none", "hapt", name, "own", seed=i) for name in "one two".split() for i in range(40)
    }
    assert set(file.read()) == expected
