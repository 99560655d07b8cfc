"""Claims on methods compared on people that no model has seen: first pages and comparisons."""

import numpy as np

from benchmarks.common.windows import WINDOW
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.comparisons import compare_over_people
from benchmarks.downstream.larger import compared
from benchmarks.downstream.plan import LARGER, LONG_WINDOW, SHIPPED
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
from relcon_sklearn import RelConEmbedder
from tests.support.claims.text import NUMBERS, results_of

MODEL = ResultRow("shipped", SHIPPED)
MODEL_AND_FEATURES = ResultRow("shipped", f"{SHIPPED}_features")
SIMCLR, REGRESSION = transfer("simclr"), transfer("features_regression")
FEATURES, FOREST = classic("features_linear"), classic("features_forest")
MINIROCKET = classic("minirocket")
SHORT, LONG = "a tenth of the time", "six times the time"


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

    def pool_size(self):
        """Return the number of windows to pretrain on."""
        (size,) = {
            record["training"]["windows"]
            for cell, record in self._cells.items()
            if cell.setting == "transfer" and cell.method == "relcon" and cell.window == WINDOW
        }
        return size

    def first(self, row):
        """Return the mean over the five sets, of the first seed."""
        return self.means(row, FIVE, macro_f1)[0]

    def milliseconds(self, encoder):
        """Return the time that an encoder takes for a segment."""
        cell = Cell("cost", "hapt", f"encoder {encoder}", "own")
        return float(np.median(self._cells[cell]["scores"]["milliseconds"]))

    def cost(self, ablation):
        """Return how much lower the mean is with a change of RelCon, of the first seed."""
        return f"{self.first(RELCON) - self.first(transfer(f'relcon:{ablation}')):.3f}"


def budget(objective, time):
    """Return the row of an objective with another time of training."""
    return transfer(f"{objective}, {time}")


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
    week = results_of("days")
    weights = RelConEmbedder.from_pretrained(SHIPPED).encoder_.parameters()
    return [
        *(f"| {title} | {found.f1(row)} | {found.at_10_s(row)} |" for title, row in rows.items()),
        f"for [phones], {size / 1e6:.1f} MB",
        f"A week of `.cwa` takes {week['wall_s']:.0f} s on {NUMBERS[week['threads']]} cores.",
        f"({sum(weight.numel() for weight in weights):,} parameters)",
    ]


def landing_page(found):
    return [
        f"macro-F1 (1 is perfect) of {found.f1(MODEL_AND_FEATURES)} on new people of five public "
        f"sets, and those of features alone {found.f1(FEATURES)}.",
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
    rates = results_of("features")["segments_per_second"]["128"]
    return [
        *(f"| {title} | {row} |" for title, row in cells.items()),
        f"features: {round(rates['MotionFeatures'][0], -3):,.0f} segments/s",
        f"default encoder: {round(rates['embedding'][0], -2):,.0f} segments/s",
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
        f"the same at 1 % ({found.f1(RELCON, **hundredth)} and {found.f1(FEATURES, **hundredth)})",
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


def models(found):
    larger = ResultRow("shipped", LARGER)
    p = {window: compared(found, window)["p"] for window in (WINDOW, LONG_WINDOW)}
    hours = results_of(LARGER)["seconds"]["given"] / 3600
    slower = found.milliseconds("resnet34-half") / found.milliseconds("resnet14-half")
    return [
        f"of an hour have a mean of {found.f1(budget('relcon', LONG))}, and those of ten minutes "
        f"{found.first(RELCON):.3f}",
        f"trained for {hours:.1f} hours, has {found.f1(larger)} on windows of 2.56 s and "
        f"{found.at_10_s(larger)} on windows of 10 s, where motion-small has {found.f1(MODEL)} and "
        f"{found.at_10_s(MODEL)} (p {p[WINDOW]:.3f} and {p[LONG_WINDOW]:.3f}",
        f"{slower:.1f} times as long to embed a segment",
    ]


def segments(found):
    return [
        f"is {found.f1(MODEL_AND_FEATURES)} at 2.56 s and {found.at_10_s(MODEL_AND_FEATURES)} at",
    ]
