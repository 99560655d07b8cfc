"""The table of speed: rows take turns, results are kept by part, and the page follows from them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("tslearn")
pytest.importorskip("actfast")
from benchmarks.common.pages import names_of_blocks
from benchmarks.common.processes import run_module
from benchmarks.common.report import results_file
from benchmarks.speed import bench_table as bench
from benchmarks.speed import table_page as page
from benchmarks.speed.released_code import ReleasedCode, _on_cpu, compare
from benchmarks.speed.speed_rows import Setup
from benchmarks.speed.table_limit import limits
from benchmarks.speed.table_settings import Answer, TablePart, precisions
from benchmarks.speed.turns import TurnRow, in_turns


def make_record(row, seconds=(1.0, 2.0, 3.0), threads=1, group="", flop=None, n_units=1):
    wall = [10 * s for s in seconds]
    fields = {"group": group, "flop": flop, "dtype": "float32", "n_units": n_units}
    return {"row": row, "threads": threads, **fields, "cpu_s": list(seconds), "wall_s": wall}


def make_part(records, others=None):
    environment = {"date": "2026-01-02T03", "cpu": "a CPU", "commit": "abc", "versions": {}}
    environment["versions"]["torch"] = "2"
    found = {"environment": environment, "load_average": [0.5, 0, 0], "seconds": 1.0}
    return found | {"rows": records, "others": others or {}}


class TestTurns:
    def test_rows_run_forwards_and_backwards_after_a_warm_up(self):
        called = []
        rows = [TurnRow(name, lambda name=name: called.append(name)) for name in "abc"]
        records = in_turns(rows, 2)
        assert "".join(called) == "abc" + "abc" + "cba"
        assert [len(r["cpu_s"]) for r in records] == [len(r["wall_s"]) for r in records] == [2] * 3

    def test_rows_of_a_fit_keep_memory_and_run_once_more(self):
        called = []
        rows = [
            TurnRow("a", lambda: called.append("a")),
            TurnRow("b", lambda: called.append("b"), in_fit=True),
            TurnRow("c", lambda: called.append("c"), in_fit=True),
        ]
        in_turns(rows, 1, warm_up=False)
        assert "".join(called) == "a" + "b" + "bc"

    def test_each_number_of_threads_has_records(self):
        found = []
        row = TurnRow("a", lambda: found.append(torch.get_num_threads()))
        before = torch.get_num_threads()
        records = in_turns([row], 1, threads=(1, 2), n_calls=3)
        assert found == [1] * 4 + [2] * 4
        assert [r["threads"] for r in records] == [1, 2]
        assert torch.get_num_threads() == before


class TestPage:
    def test_the_pages_have_a_block_for_each_part(self):
        text = "".join(path.read_text() for path in bench.PAGES)
        names = names_of_blocks(text, "bench_table")
        assert sorted(names) == sorted(["summary", *bench.PARTS])

    def test_the_pages_have_the_committed_results(self):
        text = "".join(path.read_text() for path in bench.PAGES)
        results = json.loads(results_file("table").read_text())
        for block in page.render(results, bench.PARTS).values():
            assert block in text

    def test_cells_of_a_part(self):
        records = [
            make_record("theirs", (2.0, 4.0, 6.0), n_units=2),
            make_record("ours", (0.5, 1.5, 0.5), flop=4e9),
            make_record("theirs", (1.0, 1.0, 1.0), threads=2),
            make_record("ours", (0.1, 0.2, 0.3), threads=2),
        ]
        part = TablePart(None, "Text.", "segment")
        text = page.part_table(make_part(records), part, {("float32", 1): 16e9})
        first, ours, _, two = ([c.strip() for c in x.split("|")] for x in text.splitlines()[2:])
        assert first[3:] == ["2 (1 to 3) s", "20 (10 to 30) s", "1", "-", ""]
        assert ours[3:5] == ["500 (500 to 1,500) ms", "5 (5 to 15) s"]
        assert ours[5:7] == ["0.50 (0.17 to 0.75)", "50%"]
        assert two[5] == "0.20 (0.10 to 0.30)"

    @pytest.mark.parametrize(("goal", "verdict"), [(0.6, "yes"), (0.4, "**no**"), (None, None)])
    def test_answers(self, goal, verdict):
        records = [make_record("theirs", (2.0,), group="g"), make_record("ours", (1.0,), group="g")]
        cells = page.answer_cells(Answer("work", "g: ours", goal), records, {})
        assert cells[:4] == ["work", "g: ours", "g: theirs", "0.50"]
        assert cells[5] == verdict

    def test_answers_about_the_limit(self):
        answer = Answer("work", "ours", 0.5, "the limit")
        known = limits([make_record("product", (1.0,), flop=8e9)])
        slow, fast = (make_record("ours", (1.0,), flop=flop) for flop in (2e9, 6e9))
        assert page.answer_cells(answer, [slow], known)[3:] == [
            "25% of it",
            "at least 50%",
            "**no**",
        ]
        assert page.answer_cells(answer, [fast], known)[3:] == ["75% of it", "at least 50%", "yes"]
        assert page.answer_cells(answer, [fast], {}) is None

    def test_rows_that_were_not_measured_have_no_answer(self):
        assert page.answer_cells(Answer("work", "ours"), [make_record("theirs")], {}) is None

    def test_other_figures_are_below_the_table(self):
        found = make_part([make_record("a")], {"differences": {"distances": 8e-7}})
        assert page.part_table(found, TablePart(None, "", "step"), {}).endswith(
            "Largest differences from the released code, relative to it: distances 8.0e-07."
        )


@pytest.fixture
def parts(monkeypatch):
    """Parts that count how often they were measured."""
    counts = dict.fromkeys(["a", "b"], 0)

    def part(name):
        def measure(settings):
            counts[name] += 1
            return [make_record(name)]

        return TablePart(measure, f"Text of {name}.", "call")

    monkeypatch.setattr(bench, "PARTS", {name: part(name) for name in counts})
    return counts


def run(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["bench_table", *map(str, options)])
    bench.main()


class TestScript:
    def test_parts_in_the_file_are_not_measured_again(self, parts, monkeypatch, tmp_path, capsys):
        output = tmp_path / "table.json"
        run(monkeypatch, "--parts", "b", "--output", output)
        assert parts == {"a": 0, "b": 1}
        run(monkeypatch, "--output", output)
        assert parts == {"a": 1, "b": 1}
        run(monkeypatch, "--parts", "b", "--again", "--output", output)
        assert parts == {"a": 1, "b": 2}
        assert "Text of b." in capsys.readouterr().out
        results = json.loads(output.read_text())["parts"]
        assert set(results) == {"a", "b"}
        assert results["a"]["environment"]["versions"]["torch"] == torch.__version__

    def test_the_report_goes_into_the_page(self, parts, monkeypatch, tmp_path):
        target, output = tmp_path / "speed.md", tmp_path / "table.json"
        blocks = [f"<!-- bench_table: {n} -->\n<!-- end -->" for n in ("summary", "a", "b")]
        target.write_text("\n".join(["# By hand", *blocks]))
        run(monkeypatch, "--parts", "a", "--output", output)
        monkeypatch.setattr(bench, "PAGES", [target])
        run(monkeypatch, "--report", "--output", output)
        text = target.read_text()
        assert text.startswith("# By hand\n")
        assert "Text of a." in text
        assert "Text of b." not in text
        assert parts == {"a": 1, "b": 0}

    def test_parts_of_a_trial_are_measured_again_and_not_reported(
        self, parts, monkeypatch, tmp_path
    ):
        output = tmp_path / "table.json"
        for _ in range(2):
            run(monkeypatch, "--smoke", "--parts", "b", "--output", output)
        assert parts == {"a": 0, "b": 2}
        with pytest.raises(SystemExit, match="measured with --smoke are not reported: b"):
            run(monkeypatch, "--report", "--output", output)
        run(monkeypatch, "--parts", "b", "--output", output)
        assert parts == {"a": 0, "b": 3}

    def test_a_trial_does_not_replace_measurements(self, parts, monkeypatch, tmp_path):
        output = tmp_path / "table.json"
        run(monkeypatch, "--parts", "a", "--output", output)
        with pytest.raises(SystemExit, match="has measurements, which --smoke would replace"):
            run(monkeypatch, "--smoke", "--parts", "b", "--output", output)

    def test_what_cannot_be_reported(self, monkeypatch, tmp_path):
        with pytest.raises(SystemExit, match="There are no results to report"):
            run(monkeypatch, "--report", "--output", tmp_path / "mistyped.json")
        here, there = (make_part([]) | {"smoke": False} for _ in range(2))
        there["environment"] = here["environment"] | {"cpu": "another"}
        with pytest.raises(SystemExit, match="different machines or versions of torch"):
            bench.write_report({"parts": {"a": here, "b": there}}, [tmp_path / "page.md"])

    @pytest.mark.slow
    def test_every_answer_has_its_rows(self, tmp_path):
        output = tmp_path / "table.json"
        run = run_module(
            *("benchmarks.speed.bench_table", "--smoke", "--output", output),
            stderr=subprocess.PIPE,
        )
        assert run.returncode == 0, run.stderr
        results = json.loads(output.read_text())
        assert list(results["parts"]) == list(bench.PARTS)
        summary = page.render(results, bench.PARTS)["summary"]
        for part in bench.PARTS.values():
            for answer in part.answers:
                line = next(line for line in summary.splitlines() if f" {answer.work} " in line)
                may_lack = "bfloat16" in answer.row and "bfloat16" not in precisions()
                assert may_lack or "not measured" not in line, answer


class TestReleasedCode:
    def test_another_folder(self, tmp_path):
        with pytest.raises(SystemExit, match="is not a checkout of the released code of RelCon"):
            ReleasedCode(tmp_path, np.zeros((4, 8, 3), dtype=np.float32), 2)

    def test_cuda_does_nothing(self):
        x, module = torch.zeros(2), torch.nn.Linear(1, 1)
        with _on_cpu():
            assert x.cuda() is x
            assert module.cuda() is module

    @pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
    def test_results_agree(self):
        checkout = os.environ.get("RELCON_RELEASED")
        if not checkout:
            pytest.skip("needs a checkout of the released code, which RELCON_RELEASED names")
        X = np.random.default_rng(0).standard_normal((12, 64, 3), dtype=np.float32)
        released = ReleasedCode(Path(checkout), X, 4)
        found = compare(released, Setup(X, 4, None, released.motif_net()))
        assert found["distances"] < 5e-6
        assert found["embeddings"] < 1e-6
        assert found["first loss"] < 1e-5
