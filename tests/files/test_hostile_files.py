"""Damaged and hostile files are refused in little time and memory, or load as what they say."""

import json
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.reliability import judging
from benchmarks.reliability import model_mutations as mutations
from benchmarks.reliability.damaged_files import KINDS
from benchmarks.reliability.tries import SURVIVED, WrongData, generator, outcome_of
from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._files._format import open_file
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.estimators import tiny_encoder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Estimators of all four classes, and the bytes of their files."""
    path = tmp_path_factory.mktemp("saved") / "file"
    found = {}
    for name, estimator in judging.fitted().items():
        estimator.save(path)
        found[name] = estimator, path.read_bytes()
    return found


# torch warns about tensors of size zero.
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("kind", [*mutations.UNSIGNED, *mutations.SIGNED])
def test_mutations(saved, tmp_path, kind):
    path = tmp_path / "file"
    n_refused = 0
    for name, (estimator, content) in saved.items():

        def attempt(rng, estimator=estimator, content=content):
            mutation = (mutations.UNSIGNED | mutations.SIGNED)[kind]
            path.write_bytes(mutation(content, rng))
            loaded = type(estimator).load(path)
            judging.judge(loaded, estimator, path, kind in mutations.SIGNED)

        for i in range(2):
            rng = generator(name + kind, 0, i)
            outcome, error = outcome_of(KINDS["model files"], attempt, rng)
            assert outcome == SURVIVED, error
            n_refused += bool(error)
    assert n_refused > 0


def test_the_judge_finds_another_estimator(saved, tmp_path):
    estimator, content = saved["RelConRegressor"]
    path = tmp_path / "file"

    def change(header, tensors):
        tensors["head_.out.bias"] += 1

    path.write_bytes(mutations.signed(content, change))
    loaded = type(estimator).load(path)
    with pytest.raises(WrongData, match="another estimator"):
        judging.judge(loaded, estimator, path, is_signed=False)
    assert judging.judge(loaded, estimator, path, is_signed=True) == "as signed"
    assert judging.judge(estimator, estimator, path, is_signed=True) == "identical"
    loaded.set_params(lr=0.5)
    with pytest.raises(WrongData, match="differs from what the file says"):
        judging.judge(loaded, estimator, path, is_signed=True)


def node(header, name=""):
    return next(n for n in header["estimators"] if n["name"] == name)


def fitted(header, name=""):
    return node(header, name)["fitted"]


HUGE = 10**9
# The class of the file, the change of its header, and the message of the refusal.
EDITS = {
    "layers of the distance": (
        "LearnedMotifDistance",
        lambda h: fitted(h)["net_"].update(n_layers=HUGE),
        "n_layers=1000000000, but the file has",
    ),
    "size of the distance": (
        "LearnedMotifDistance",
        lambda h: fitted(h)["net_"].update(embed_dim=HUGE),
        "net_.*; expected",
    ),
    "kernel": (
        "LearnedMotifDistance",
        lambda h: fitted(h)["net_"].update(kernel_size=HUGE + 1),
        r"query_net.stem.weight in net_ is F32 .*; expected",
    ),
    "attention": (
        "LearnedMotifDistance",
        lambda h: fitted(h)["net_"].update(attention="hard"),
        "attention",
    ),
    "channels": (
        "LearnedMotifDistance",
        lambda h: fitted(h).update(n_channels_in_=HUGE),
        "n_channels of net_",
    ),
    "channels throughout": (
        "LearnedMotifDistance",
        lambda h: (
            fitted(h).update(n_channels_in_=HUGE),
            fitted(h)["net_"].update(n_channels=HUGE),
        ),
        "; expected F32",
    ),
    "time steps": (
        "LearnedMotifDistance",
        lambda h: fitted(h).update(n_features_in_=HUGE),
        r"references_ in the file is F32 \[4, 32, 3\]; expected F32 \[4, 1000000000, 3\]",
    ),
    "columns that n_channels does not divide": (
        "LearnedMotifDistance",
        lambda h: node(h)["params"].update(n_channels=5),
        "n_features_in_",
    ),
    "history that is not one": (
        "LearnedMotifDistance",
        lambda h: fitted(h).update(history_=[1]),
        "TypeError",
    ),
    "history that is an object": (
        "LearnedMotifDistance",
        lambda h: fitted(h).update(history_={}),
        "history_",
    ),
    "pairs that are not an object": (
        "LearnedMotifDistance",
        lambda h: node(h).update(fitted=list(fitted(h).items())),
        "TypeError",
    ),
    "attribute": (
        "LearnedMotifDistance",
        lambda h: fitted(h).update(transform="x"),
        "transform",
    ),
    "sampling rate that is not one": (
        "RelConEmbedder",
        lambda h: fitted(h).update(sampling_rate_=-50.0),
        "sampling_rate_ is not valid",
    ),
    "magnitudes that are not ordered": (
        "RelConEmbedder",
        lambda h: fitted(h).update(_magnitudes=[1.0, 0.5, 2.0]),
        "_magnitudes is not valid",
    ),
    "level that is not one": (
        "RelConEmbedder",
        lambda h: fitted(h).update(_magnitudes=[0.5, 1.0, 2.0, -1.0]),
        "_magnitudes is not valid",
    ),
    "magnitude that is not one": (
        "RelConEmbedder",
        lambda h: fitted(h).update(_magnitudes=1.0),
        "TypeError",
    ),
    "too few magnitudes": (
        "RelConEmbedder",
        lambda h: fitted(h).update(_magnitudes=[1.0]),
        "TypeError",
    ),
    "no attribute": (
        "LearnedMotifDistance",
        lambda h: fitted(h).pop("history_"),
        "history_",
    ),
    "parameter of a later version": (
        "LearnedMotifDistance",
        lambda h: node(h)["params"].update(depth=3),
        r"its header, by relcon_sklearn .*, is not as this version, .* would write it: .*depth",
    ),
    "invalid parameter": (
        "LearnedMotifDistance",
        lambda h: node(h)["params"].update(lr=-1.0),
        "The 'lr' parameter of LearnedMotifDistance must be",
    ),
    "class of a later version": (
        "LearnedMotifDistance",
        lambda h: node(h).update({"class": "RelConSegmenter"}),
        "it holds a 'RelConSegmenter', saved by relcon_sklearn .*; this version",
    ),
    "class of another library": (
        "RelConEmbedder",
        lambda h: node(h, "distance").update({"class": "Pipeline"}),
        "Pipeline",
    ),
    "method": (
        "RelConEmbedder",
        lambda h: node(h).update(requests={"params": {"lr": 1}}),
        "requests of 'params'",
    ),
    "output of an estimator without one": (
        "RelConRegressor",
        lambda h: node(h).update(output="pandas"),
        "set_output",
    ),
    "output": (
        "RelConEmbedder",
        lambda h: node(h).update(output={"tuple": []}),
        "output",
    ),
    "encoder that is a distance": (
        "RelConEmbedder",
        lambda h: node(h)["params"].update(encoder={"estimator": "distance"}),
        "LearnedMotifDistance as encoder of a RelConEmbedder",
    ),
    "itself": (
        "RelConEmbedder",
        lambda h: node(h)["params"].update(distance={"frozen": ""}),
        "KeyError",
    ),
    "distance that is not fitted": (
        "RelConEmbedder",
        lambda h: node(h, "distance").update(fitted=None),
        "distance_ is not valid for a fitted estimator",
    ),
    "distance of no estimator": (
        "RelConEmbedder",
        lambda h: h["estimators"].insert(0, {**node(h, "distance"), "name": "x", "fitted": None}),
        "estimators that are not part of another",
    ),
    "the same distance twice": (
        "RelConEmbedder",
        lambda h: h["estimators"].insert(0, node(h, "distance")),
        "two estimators with the name 'distance'",
    ),
    "blocks of the encoder": (
        "RelConEmbedder",
        lambda h: fitted(h)["encoder_"]["factory"]["partial"][2].update(n_blocks={"tuple": [HUGE]}),
        "n_blocks=1000000000, but the file has",
    ),
    "blocks of an encoder that is a parameter": (
        "RelConRegressor",
        lambda h: node(h)["params"]["encoder"]["partial"][2].update(n_blocks={"tuple": [HUGE]}),
        None,  # it is not made before the next fit
    ),
    "widths of the encoder": (
        "RelConEmbedder",
        lambda h: fitted(h)["encoder_"]["factory"]["partial"][2].update(widths={"tuple": [HUGE]}),
        "encoder_ cannot be made with",
    ),
    "size of the embedding": (
        "RelConEmbedder",
        lambda h: fitted(h).update(_n_features_out=7),
        "_n_features_out",
    ),
    "arguments of the encoder": (
        "RelConEmbedder",
        lambda h: fitted(h)["encoder_"]["arguments"].update(groups=2),
        "cannot be made with",
    ),
    "a network in place of an encoder": (
        "RelConEmbedder",
        lambda h: fitted(h)["encoder_"].update(factory={"encoder": "MotifCrossAttention"}),
        "MotifCrossAttention",
    ),
    "a name in place of an encoder": (
        "RelConEmbedder",
        lambda h: fitted(h)["encoder_"].update(factory="os.system"),
        "expected a callable",
    ),
    "classes": (
        "RelConClassifier",
        lambda h: fitted(h)["classes_"]["values"].append("z"),
        "n_outputs",
    ),
    "the same class twice": (
        "RelConClassifier",
        lambda h: fitted(h)["classes_"].update(values=["a"] * 6),
        "classes_",
    ),
    "classes of objects": (
        "RelConClassifier",
        lambda h: fitted(h)["classes_"].update(values=[[1]] * 6, dtype="object"),
        "classes_",
    ),
    "long classes": (
        "RelConClassifier",
        lambda h: fitted(h)["classes_"].update(dtype="U1000000000"),
        "classes_",
    ),
    "head": (
        "RelConClassifier",
        lambda h: fitted(h)["head_"].update(kind="os.system"),
        "head_",
    ),
    "width of the head": (
        "RelConRegressor",
        lambda h: fitted(h)["head_"].update(width=HUGE),
        "; expected F32",
    ),
    "features of the head": (
        "RelConRegressor",
        lambda h: fitted(h)["head_"].update(n_features=9),
        r"standardise.mean in head_ is .*; expected",
    ),
    "scale of the targets": (
        "RelConRegressor",
        lambda h: fitted(h).update(target_scale_=[0.0, 1.0, 1.0]),
        "target_scale_",
    ),
    "number of targets": (
        "RelConRegressor",
        lambda h: fitted(h).update(target_mean_=0.0, target_scale_=1.0),
        "n_outputs",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_signed_edits(saved, tmp_path, edit):
    name, change, message = EDITS[edit]
    estimator, content = saved[name]
    path = tmp_path / "file"
    path.write_bytes(mutations.signed(content, lambda header, tensors: change(header)))
    if message is None:
        type(estimator).load(path)
        return
    # Everything that does not look like a file of a later version is damage.
    kind = ValueError if edit == "class of a later version" else DamagedFileError
    with pytest.raises(kind, match=f"cannot be loaded: .*{message}"):
        type(estimator).load(path)


@pytest.mark.parametrize("depth", [3, 40])
@pytest.mark.parametrize("last", [{}, {"callbacks": {"estimator": "x0"}}])
def test_the_cost_of_nested_estimators_is_bounded(saved, tmp_path, depth, last):
    """The message of an invalid parameter has a repr, which took minutes for 16 levels."""
    _, content = saved["RelConEmbedder"]
    path = tmp_path / "file"

    def change(header, tensors):
        inner = node(header, "distance")
        bare = {**inner, "class": "RelConEmbedder", "fitted": None}
        nodes = [{**inner, "name": "x0", "fitted": None}]
        for i in range(1, depth):
            params = {"distance": {"estimator": f"x{i - 1}"}}
            nodes.append({**bare, "name": f"x{i}", "params": params})
        outer = node(header)
        params = {**outer["params"], "distance": {"estimator": f"x{depth - 1}"}, **last}
        header["estimators"][:] = [*nodes, {**outer, "params": params}]

    path.write_bytes(mutations.signed(content, change))
    begin = time.perf_counter()
    message = (
        "RelConEmbedder as distance of" if depth == 3 else "it holds 41 estimators; expected at"
    )
    with pytest.raises(DamagedFileError, match=message):
        RelConEmbedder.load(path)
    assert time.perf_counter() - begin < 1  # second


def test_initial_models_of_initial_models_are_refused(saved, tmp_path):
    _, content = saved["RelConEmbedder"]
    path = tmp_path / "file"

    def change(header, tensors):
        outer = node(header)
        nodes = header["estimators"]
        for i in range(4):
            init = {"init": {"frozen": f"x{i - 1}"}} if i else {}
            params = {**outer["params"], **init, "distance": None}
            nodes.insert(-1, {**outer, "name": f"x{i}", "params": params, "fitted": None})
        outer["params"]["init"] = {"frozen": "x3"}

    path.write_bytes(mutations.signed(content, change))
    with pytest.raises(DamagedFileError, match="nested deeper than 4 levels"):
        RelConEmbedder.load(path)


def test_a_message_is_never_long(saved, tmp_path):
    _, content = saved["LearnedMotifDistance"]
    path = tmp_path / "file"

    def change(header, tensors):
        tensors["x" * 10**6] = torch.zeros(1)

    path.write_bytes(mutations.signed(content, change))
    with pytest.raises(DamagedFileError, match="has unexpected tensors: xxx") as error:
        LearnedMotifDistance.load(path)
    assert len(str(error.value)) < 1500


def test_nothing_is_executed(saved, tmp_path):
    """Loading imports, compiles and executes nothing, and opens only the file."""
    path = tmp_path / "embedder"
    path.write_bytes(saved["RelConEmbedder"][1])
    code = f"""
import sys
from relcon_sklearn import RelConEmbedder
RelConEmbedder.load({str(path)!r})  # so that all imports are done
events = set()
watched = ("import", "exec", "compile", "open", "os.", "subprocess", "socket", "pickle", "ctypes")
def note(event, args):
    if on and event.startswith(watched):
        events.add((event, str(args[0])))
on = True
sys.addaudithook(note)
RelConEmbedder.load({str(path)!r})
on = False
print(sorted(events))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([("open", str(path))])


def test_many_layers_cost_no_time_that_the_file_has_not_paid_for(tmp_path):
    """Nearly half as many tensors as a file may have: an encoder of 300 blocks."""
    X = np.random.default_rng(0).normal(size=(8, 16, 1)).astype(np.float32)
    encoder = partial(tiny_encoder, n_blocks=(300,), widths=(1,))
    embedder = RelConEmbedder(
        lambda a, b: np.zeros((len(a), len(b)), dtype=np.float32),
        encoder=encoder,
        max_epochs=0,
        validation_fraction=0,
    ).fit(X)
    path = tmp_path / "deep"
    embedder.save(path)
    begin = time.perf_counter()
    loaded = RelConEmbedder.load(path, distance=embedder.distance)
    assert time.perf_counter() - begin < 20  # seconds; it would be hours if it were not bounded
    assert len(loaded.encoder_.blocks) == 300
    with open_file(path) as file:
        assert json.dumps(file.header["given"]).count("lambda") == 1
