"""Each decimal number in the text of the first pages and of the pages of results is a result.

A claim is a part of a sentence, or a row of a table, with numbers that are computed from the files
of benchmarks/results. It must be on its page, word for word. What is left of the page without its
claims must have no decimal number, except those of `GIVEN`. After a change of a sentence or of
results, change the claim or the page.

Other tests compare what is not text: blocks that a command writes, the tables of `COMPARED`
(test_tables.py), and the output of code (test_pages.py).
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.report import RESULTS, results_file
from benchmarks.downstream.cells import CellFile
from benchmarks.downstream.comparisons import compare_over_people
from benchmarks.downstream.plan import LONG_WINDOW, SHIPPED
from benchmarks.downstream.results import (
    FIVE,
    RELCON,
    SCRATCH,
    UNION,
    DownstreamResults,
    ResultRow,
    classic,
    macro_f1,
    of_target,
    transfer,
)
from benchmarks.downstream.tables import summary_table
from benchmarks.pretraining.motif_scores import PUBLISHED
from benchmarks.speed.table_page import find, relative

ROOT = Path(__file__).parents[2]

# Numbers that are not results, with the reason.
GIVEN = {
    "2.56 s": "the length of a window",
    "Python 3.11 or newer": "pyproject.toml and constraints.txt",
    "Python 3.10, scikit-learn 1.6 and torch 2.5": "pyproject.toml",
    "CC BY 4.0": "a licence",
    "1.2 GB of disk": "the size of an environment, which is on no page of results",
    "about 0.25": "the chance of one of four activities",
    # `python -m benchmarks.gpu.kernel` counts the arithmetic of a step.
    "17.4 MFLOP per pair": "a calculation",
    "1.46 GFLOP for ranking and 1.35 GFLOP for the encoder": "a calculation",
    "2.8e18 FLOP": "a calculation",
}
# How the tables begin that test_tables.py compares.
COMPARED = ("| distance |", "| work |", "| kind ")

NUMBER = re.compile(r"\d+\.\d+")
NOT_TEXT = [
    r"^<!-- [^\n]*(?:written by|bench_)[^\n]*-->\n.*?^<!-- end -->$",  # a block by a command
    r"^```.*?^```$",
    r"(?<=\n\n)    [^\n]+(?:\n    [^\n]+)*$",
    rf"(?<=\n\n)(?:{'|'.join(map(re.escape, COMPARED))})[^\n]*(?:\n\|[^\n]*)*$",
    r"(?<=\])\([^)]*\)",  # the target of a link
    r"\b\d+\.\d+\.\d+\b",  # a version
    r"\*\*",
]

MODEL = ResultRow("shipped", SHIPPED)
MODEL_AND_FEATURES = ResultRow("shipped", f"{SHIPPED}_features")
SIMCLR, REGRESSION = transfer("simclr"), transfer("features_regression")
FEATURES, FOREST = classic("features_linear"), classic("features_forest")
MINIROCKET = classic("minirocket")
SHORT, LONG = "a tenth of the time", "six times the time"


def text_of(page):
    """Return the text of a page, without line breaks, emphasis, and what other tests compare."""
    for pattern in NOT_TEXT:
        page = re.sub(pattern, "", page, flags=re.MULTILINE | re.DOTALL)
    # Every piece of code is matched, so that a match cannot begin at the end of one.
    page = re.sub(r"`[^`\n]*`", lambda code: "" if NUMBER.search(code[0]) else code[0], page)
    return " ".join(page.split())


class Downstream(DownstreamResults):
    """Downstream results as the numbers of claims, in the mean over seeds."""

    def mean(self, row, tasks=FIVE, **changes):
        return float(np.mean(self.means(row._replace(**changes), tasks, macro_f1)))

    def f1(self, row, *tasks, **changes):
        return f"{self.mean(row, tasks or FIVE, **changes):.3f}"

    def at_10_s(self, row):
        return self.f1(row, window=LONG_WINDOW)

    def r2(self, row, task):
        return f"{np.mean(self.values(row, task, of_target('speed (m/s)', 'r2'))):.3f}"

    def first_r2(self, row, task):
        """Return R2 of walking speed, of the first seed."""
        return f"{self.values(row, task, of_target('speed (m/s)', 'r2'))[0]:.3f}"

    def above(self, row, other):
        """Return the difference of two means, as a reader of the table finds it."""
        return f"{float(self.f1(row)) - float(self.f1(other)):.3f}"

    def first(self, row):
        """Return the mean over the five sets, of the first seed."""
        return self.means(row, FIVE, macro_f1)[0]

    def cost(self, ablation):
        """Return how much lower the mean is with a change of RelCon, of the first seed."""
        return f"{self.first(RELCON) - self.first(transfer(f'relcon:{ablation}')):.3f}"


def budget(objective, time):
    """Return the row of an objective with another time of training."""
    return transfer(f"{objective}, {time}")


@pytest.fixture(scope="module")
def downstream():
    return Downstream(CellFile(RESULTS / "downstream.jsonl").read())


def results_of(name):
    return json.loads(results_file(name).read_text())


def readme(found):
    rows = {
        "model in the package and hand-made features": MODEL_AND_FEATURES,
        "model in the package": MODEL,
        "RelCon, ten minutes of training": RELCON,
        "SimCLR, ten minutes of training": SIMCLR,
        "hand-made features": FEATURES,
        "MiniRocket": MINIROCKET,
    }
    size = results_of("export")["models"][SHIPPED]["bytes"]["onnx, float32"]
    return [
        *(f"| {title} | {found.f1(row)} | {found.at_10_s(row)} |" for title, row in rows.items()),
        f"for [phones], {size / 1e6:.1f} MB",
    ]


def landing_page(found):
    return [
        f"macro-F1 of {found.f1(MODEL_AND_FEATURES)} on new people of five public sets, and those "
        f"of features alone {found.f1(FEATURES)}.",
    ]


def start(found):
    tenth = found.f1(MODEL_AND_FEATURES, labelled=0.1)
    return [
        f"the model in the package has {found.f1(MODEL)}, the features {found.f1(FEATURES)}, and "
        f"both together {found.f1(MODEL_AND_FEATURES)}.",
        f"embedding and features have {tenth} with labels of a tenth",
        f"and {found.f1(MODEL_AND_FEATURES)} with labels of all",
    ]


def representations(found):
    rows = {
        "model in the package and features": MODEL_AND_FEATURES,
        "model in the package": MODEL,
        "embedding and features": UNION,
        "embedding": RELCON,
        "embedding of SimCLR, for comparison": SIMCLR,
        "features, linear model": FEATURES,
        "MiniRocket, ridge": MINIROCKET,
        "features, random forest": FOREST,
    }
    cells = {
        title: " | ".join([found.f1(row), found.r2(row, "ipol"), found.r2(row, "troika")])
        for title, row in rows.items()
    }
    sets = ("hapt", "sisfall", "smartfallmm", "wisdm")
    in_domain, untrained, model = (
        "{}, {}, {} and {}".format(*(found.f1(row, task) for task in sets))
        for row in (
            ResultRow("in_domain", "relcon"),
            ResultRow("in_domain", "untrained"),
            MODEL,
        )
    )
    return [
        *(f"| {title} | {row} |" for title, row in cells.items()),
        f"on SisFall ({found.f1(RELCON, 'sisfall')} against {found.f1(FEATURES, 'sisfall')})",
        f"({found.f1(RELCON, 'motionsense')} against {found.f1(FEATURES, 'motionsense')})",
        f"on windows of 10 s ({found.at_10_s(MODEL)}) than",
        f"for ten minutes ({found.at_10_s(RELCON)})",
        f"gave {in_domain}, where the untrained encoder has {untrained}, and the model in the "
        f"package {model}",
        f"41 people and placements gave {found.f1(transfer('relcon:a tenth of the people'))}, and "
        f"92,000 windows of 357 gave {found.first(RELCON):.3f}",
        f"gave {found.f1(budget('relcon', LONG))}, where ten minutes gave "
        f"{found.first(RELCON):.3f} and one minute {found.f1(budget('relcon', SHORT))}.",
        f"R2 of {found.r2(budget('relcon', LONG), 'ipol')} after an hour, "
        f"{found.first_r2(RELCON, 'ipol')} after ten minutes",
    ]


def fine_tuning(found):
    tuned = MODEL._replace(protocol="fine_tune")
    return [
        f"the fine-tuned model in the package has a mean macro-F1 of {found.f1(tuned)}, the same "
        f"network from scratch {found.f1(SCRATCH)}, a linear probe of the model "
        f"{found.f1(MODEL)}, and features {found.f1(FEATURES)}, with labels of all",
    ]


def comparison(found):
    tenth, hundredth = {"labelled": 0.1}, {"labelled": 0.01}
    longest = [budget(name, LONG) for name in ("relcon", "simclr")]
    after_an_hour = compare_over_people(found, longest[0], longest[1:])[longest[1]]
    return [
        f"a mean macro-F1 of {found.f1(RELCON)} on people",
        f"{found.above(RELCON, REGRESSION)} above the best other objective with the same network, "
        f"regression of hand-made features, {found.above(RELCON, FEATURES)} above a linear model "
        f"of these features, and {found.above(RELCON, MINIROCKET)} above MiniRocket",
        f"features alone are {found.mean(RELCON) - found.mean(FEATURES):.2f} below the embedding, "
        f"and {found.mean(UNION) - found.mean(FEATURES):.2f} to "
        f"{found.mean(MODEL_AND_FEATURES) - found.mean(FEATURES):.2f} below the embedding and "
        "features together",
        f"({found.f1(RELCON, **tenth)} against {found.f1(FEATURES, **tenth)} at a tenth)",
        f"({found.f1(RELCON, **hundredth)} and {found.f1(FEATURES, **hundredth)})",
        f"({found.f1(UNION, **tenth)} at a tenth, {found.f1(UNION, **hundredth)} at 1 %)",
        f"for the same time ({found.at_10_s(RELCON)}) is above SimCLR ({found.at_10_s(SIMCLR)}), "
        f"and below the regression of the features ({found.at_10_s(REGRESSION)}) and the features "
        f"({found.at_10_s(FEATURES)})",
        f"is above them ({found.at_10_s(MODEL)})",
        f"of all stages costs {found.cost('mean readout')}. Ranking 32 segments of the batch "
        f"instead of all costs {found.cost('32 candidates, by features')}, and a random order of "
        f"the positives {found.cost('random order')}.",
        f"features of the views, is {found.cost('feature loss of views only')} below RelCon",
        f"costs {found.cost('a tenth of the people')} in ten minutes of training",
        f"gives RelCon {found.f1(budget('relcon', SHORT))}, ten minutes {found.first(RELCON):.3f} "
        f"and an hour {found.f1(budget('relcon', LONG))};",
        f"SimCLR has {found.f1(budget('simclr', SHORT))}, {found.first(SIMCLR):.3f} and "
        f"{found.f1(budget('simclr', LONG))}.",
        f"may be chance (p {after_an_hour['p']:.3f})",
        f"(R2 of {found.r2(budget('relcon', LONG), 'ipol')} after an hour, "
        f"{found.first_r2(RELCON, 'ipol')} after ten minutes)",
    ]


class Retrieval:
    """Precision at 1 as the numbers of claims, in the mean over the five sets."""

    def __init__(self):
        results = results_of("retrieval")
        self.baselines, self.trainings = results["baselines"], results["trainings"]

    def baseline(self, name):
        return _mean(self.baselines[name]["scores"])

    def learned(self, network, score=PUBLISHED, seed=0):
        return _mean(self.scores(network, score, seed))

    def scores(self, network, score=PUBLISHED, seed=0):
        return self.trainings[f"{network}, seed {seed}"]["scores"][score]

    def training(self):
        """Return the claim on longer training, which two pages make."""
        return (
            f"16 features, the mean is {self.learned('16 features, 0 s')} without training, "
            f"{self.learned('16 features, 25 s')} after 25 s and "
            f"{self.learned('16 features, 100 s')} after 100 s"
        )


def _mean(by_set):
    return f"{np.mean([found['mean'] for found in by_set.values()]):.3f}"


BOTH_WAYS, APART = "relative errors, both ways", "gravity apart, relative errors, both ways"


def distances(_):
    found = Retrieval()
    scores = [baseline["scores"] for baseline in found.baselines.values()]
    scores += [s for training in found.trainings.values() for s in training["scores"].values()]
    errors = [one["standard_error"] for by_set in scores for one in by_set.values()]
    return [
        f"the gap to DTW ({found.baseline('DTW')}): with {found.training()}, and with 64 features "
        f"{found.learned('64 features, 100 s')} after 100 s and "
        f"{found.learned('64 features, 400 s')} after 400 s.",
        f"({found.learned('16 features, 100 s', APART)} with 16 features, "
        f"{found.learned('64 features, 100 s', APART)} with 64)",
        f"({found.learned('16 features, orientation kept, 100 s')} with 16)",
        f"Standard errors over subjects are {min(errors):.2f} to {max(errors):.2f} for a set.",
    ]


def retrieval(_):
    found = Retrieval()
    features, dtw, network = found.baseline("features"), found.baseline("DTW"), "16 features, 100 s"
    mixtures = [
        found.learned(name, "d(A|B) and features")
        for name in (network, "64 features, 100 s", "64 features, 400 s")
    ]
    first, second = found.learned(network), found.learned(network, seed=1)
    by_seed = zip(*(found.scores(network, seed=seed).values() for seed in (0, 1)), strict=True)
    cost = 2 * found.trainings["64 features, 100 s, seed 0"]["us_per_pair"]
    hapt = found.scores(network)["hapt"]["mean"], found.baselines["DTW"]["scores"]["hapt"]["mean"]
    kept = found.learned("16 features, orientation kept, 100 s")
    return [
        f"a mean of {max(mixtures)}, features have {features}, and two seeds of a network differ "
        f"by {abs(float(first) - float(second)):.3f}.",
        f"It costs {cost / found.baselines['DTW']['us_per_pair']:.1f} times as much as DTW",
        f"({min(mixtures)} to {max(mixtures)}, features {features})",
        f"are the same ({found.baseline('DTW and features')})",
        f"has a mean of {found.learned('16 features, 0 s', 'd(A|B) and features')}.",
        f"the mean is {found.learned('16 features, 0 s', BOTH_WAYS)} without training and "
        f"{found.learned(network, BOTH_WAYS)} with it",
        f"the mean is {kept} instead of {first}",
        f"still below DTW, which has {dtw}.",
        found.training(),
        f"have {found.learned('64 features, 100 s')} after 100 s and "
        f"{found.learned('64 features, 400 s')} after 400 s",
        "({:.3f} against {:.3f})".format(*hapt),
        f"8 features have {found.learned('8 features, 100 s')}.",
        f"makes no difference ({found.learned('16 features, softmax, 100 s')})",
        "standard deviation of 0.1 g at least has a mean of "
        f"{found.learned('16 features, RevIN with a floor, 100 s')}",
        f"another seed has {second} instead of {first}.",
        f"differ by up to {max(abs(a['mean'] - b['mean']) for a, b in by_seed):.2f}.",
    ]


def speed(_):
    parts = results_of("table")["parts"]

    def ratio(part, name, base):
        rows = [row for row in parts[part]["rows"] if row["threads"] == 1]
        return float(np.median(relative(find(rows, name), find(rows, base))))

    published = {
        name: f"{ratio('step', f'library, {name}', 'released code'):.2f}"
        for name in ("float32", "bfloat16", "bfloat16, shared candidates")
    }
    simclr = "SimCLR, plain torch"
    small, large = (
        ratio("one-segment", f"{encoder}: transform", f"{encoder}: encoder") - 1
        for encoder in ("resnet14-half", "resnet34")
    )
    week = ratio("week", "segment_recordings, with time stamps", "scipy's resample_poly")
    stored, checked = (
        f"{ratio('rows', f'rows of a store, {kind}', 'np.memmap'):.2f}"
        for kind in ("as stored", "checked float32 segments")
    )
    changes = [
        abs(found["macro_f1"] - found["macro_f1, bfloat16"])
        for found in results_of("precision")["results"].values()
    ]
    return [
        f"Scores of probes change by at most {max(changes):.3f}",
        f"takes {published['bfloat16']} of the time of the released code "
        f"({published['float32']} in float32), and "
        f"{published['bfloat16, shared candidates']} for each anchor",
        f"takes {ratio('recipe', 'RelConEmbedder()', simclr):.1f} times that of a plain SimCLR",
        f"{ratio('recipe', 'RelConEmbedder(feature_weight=0)', simclr):.2f} without it. SimCLR by "
        f"`RelConEmbedder` takes {ratio('recipe', 'SimCLR by RelConEmbedder', simclr):.2f}.",
        f"This takes {small:.1f} of the time of a small encoder, and {large:.2f} of that",
        f"takes {week:.2f} times what SciPy needs",
        f"take {stored} times those of a memory-mapped array, and {checked} times as checked",
    ]


def reliability(_):
    added = [
        case["added_peak_rss_mb"] - case["result_mb"]
        for case in results_of("bench_memory")["cases"]
    ]
    return [f"add at most {max(added) * 2**20 / 1e9:.2f} GB of memory, beside the embeddings."]


def no_claims(_):
    """Of a page whose results are all in blocks that a command writes."""
    return []


CLAIMS = {
    "README.md": readme,
    "docs/index.md": landing_page,
    "docs/start.md": start,
    "docs/guide/representations.md": representations,
    "docs/guide/fine_tuning.md": fine_tuning,
    "docs/downstream.md": comparison,
    "docs/results.md": distances,
    "docs/results/retrieval.md": retrieval,
    "docs/speed.md": speed,
    "docs/reliability.md": reliability,
    "docs/models.md": no_claims,
    "docs/activities.md": no_claims,
}


def check(text, claims):
    """Check that a text has all claims, and no other decimal number."""
    for claim in claims:
        assert claim in text
        text = text.replace(claim, "")
    for phrase in GIVEN:
        text = text.replace(phrase, "")
    assert not [text[: match.end()][-60:] for match in NUMBER.finditer(text)]


@pytest.mark.parametrize("page", CLAIMS)
def test_numbers_are_results(page, downstream):
    check(text_of((ROOT / page).read_text()), CLAIMS[page](downstream))


@pytest.mark.parametrize("phrase", GIVEN)
def test_what_is_given_is_on_a_page(phrase):
    assert any(phrase in text_of((ROOT / page).read_text()) for page in CLAIMS)


def test_only_text_is_checked():
    page = """# Title

With **0.5** by `f(0.1)` of [it](page.md#1.5), torch 2.13.0,

    command --lr 0.3

| distance | mean |
|---|---:|
| DTW | 0.585 |

```python
print(0.7)
```

| representation | mean |
|---|---:|
| features | 0.736 |

<!-- summary: written by a command -->

It has 0.9.

<!-- end -->

and `no number`, 0.6 and `another`.
"""
    text = text_of(page)
    assert NUMBER.findall(text) == ["0.5", "0.736", "0.6"]
    check(text, ["With 0.5", "| features | 0.736 |", "`no number`, 0.6 and"])


@pytest.mark.parametrize("claims", [[], ["a mean of 0.5"], ["a mean of 0.7 and"]])
def test_other_numbers_are_found(claims):
    with pytest.raises(AssertionError):
        check("a mean of 0.5 and 0.6", claims)


def test_the_page_of_results_is_generated_from_the_results(downstream):
    page = (ROOT / "docs" / "downstream.md").read_text()
    assert summary_table(downstream) in page
