"""Tries with damaged and hostile files: each is refused, or has its content."""

from __future__ import annotations

import io
import json
import shutil
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from benchmarks.reliability.byte_mutations import mutate_bytes
from benchmarks.reliability.judging import fitted, judge
from benchmarks.reliability.model_mutations import SIGNED, mutate
from benchmarks.reliability.tries import (
    Kind,
    Try,
    is_damage,
    is_damage_or,
    new_folder,
    require,
)
from relcon_sklearn import (
    Checkpoints,
    LearnedMotifDistance,
    RelConEmbedder,
    SegmentWriter,
    open_segments,
)
from relcon_sklearn.datasets import load_npz_recordings, make_motion
from relcon_sklearn.datasets._fetchers._archive import Archive

# -- saved estimators ------------------------------------------------------------------------------


def _model_files(folder: Path) -> Try:
    saved = []
    for estimator in fitted().values():
        estimator.save(folder / "file")
        saved.append((estimator, _in_order((folder / "file").read_bytes())))

    def attempt(rng):
        estimator, content = saved[rng.integers(len(saved))]
        kind, changed = mutate(content, rng)
        (folder / "file").write_bytes(changed)
        loaded = type(estimator).load(folder / "file")
        judge(loaded, estimator, folder / "file", kind in SIGNED)

    return attempt


def _in_order(content: bytes) -> bytes:
    """Return a safetensors file with its header in order: safetensors writes it in any order."""
    n = int.from_bytes(content[:8], "little")
    text = json.dumps(json.loads(content[8 : 8 + n]), sort_keys=True).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + n :]


# -- released checkpoints --------------------------------------------------------------------------


def _released_checkpoints(folder: Path) -> Try:
    path = folder / "checkpoint.pkl"
    torch.save({"net": _released_net(), **_RELEASED}, path)
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    right = _weights(RelConEmbedder.from_released_checkpoint(path))

    def attempt(rng):
        if in_members := bool(rng.integers(2)):
            path.write_bytes(_with_one_mutated(members, rng))
        else:
            path.write_bytes(mutate_bytes(content, rng))
        loaded = RelConEmbedder.from_released_checkpoint(path, distance=None)
        # With new checksums, the file may hold other weights.
        require(in_members or _weights(loaded) == right, "other weights were loaded")

    return attempt


_RELEASED = {
    "optimizer": {"state": {}, "param_groups": []},
    "epoch": 7,
    "test_loss": 123.5,
}


def _released_net() -> dict:
    """Return random weights of a small encoder, with the names of the released code."""
    shapes = {"first_block_conv.weight": (8, 3, 7), "first_block_conv.bias": (8,)}
    shapes |= (
        _norm("first_block_bn") | _norm("basicblock_list.0.bn1") | _norm("basicblock_list.0.bn2")
    )
    for conv in ("conv1", "conv2"):
        shapes |= {f"basicblock_list.0.{conv}.weight": (8, 8, 3)}
        shapes |= {f"basicblock_list.0.{conv}.bias": (8,)}
    rng = torch.Generator().manual_seed(0)
    return {
        name: torch.tensor(5) if shape == () else torch.rand(shape, generator=rng)
        for name, shape in shapes.items()
    }


def _norm(name: str) -> dict:
    shapes = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (8,))
    return {f"{name}.{key}": shape for key, shape in shapes.items()} | {
        f"{name}.num_batches_tracked": ()
    }


def _weights(embedder) -> dict:
    state = embedder.encoder_.state_dict()
    return {name: value.numpy().tobytes() for name, value in state.items()}


def _with_one_mutated(members: dict[str, bytes], rng) -> bytes:
    """Return an archive with one member mutated and right checksums; usually the pickle if any."""
    names = [name for name in members if members[name]]
    pickles = [name for name in names if name.endswith(".pkl")]
    chosen = pickles if pickles and rng.integers(4) else names
    name = chosen[rng.integers(len(chosen))]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key, value in members.items():
            value = mutate_bytes(value, rng) if key == name else value
            archive.writestr(zipfile.ZipInfo(key), value)
    return file.getvalue()


# -- recordings and archives -----------------------------------------------------------------------


def _recordings(folder: Path) -> Try:
    path = folder / "recordings.npz"
    rng = np.random.default_rng(0)
    arrays = {
        "signal": rng.normal(size=(300, 3)).astype(np.float32),
        "recording_start": np.array([0, 200, 300]),
        "recording_subject": np.array(["ann", "bob"]),
        "sample_label": rng.integers(0, 3, 300),
        "label_names": np.array(["", "walking", "sitting"]),
        "sample_timestamp": np.arange(300) / 50,
        "sampling_rate": np.array(50.0),
        "units": np.array("g"),
    }
    contents = []
    for save in (np.savez, np.savez_compressed):
        save(path, **arrays)
        contents.append(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(contents[0])) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}

    def attempt(rng):
        if in_members := bool(rng.integers(2)):
            path.write_bytes(_with_one_mutated(members, rng))
        else:
            path.write_bytes(mutate_bytes(contents[rng.integers(2)], rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns about values that overflow
            data = load_npz_recordings(path)
        if in_members:
            return
        signal = np.concatenate(data.recordings)
        require(
            signal.tobytes() == arrays["signal"].tobytes()
            and data.subjects.tolist() == ["ann", "bob"]
            and data.sampling_rate == 50.0
            and np.concatenate(data.timestamps).tolist() == arrays["sample_timestamp"].tolist(),
            "other recordings were loaded",
        )

    return attempt


def _archives(folder: Path) -> Try:
    path = folder / "data.zip"
    texts = {f"Data Set/acc_{i}.txt": f"{i} 0.1 0.2\n".encode() * 40 for i in range(4)}
    inner = _zipped(texts, zipfile.ZIP_DEFLATED)
    contents = [
        _zipped({**texts, "Data Set/inner.zip": inner}, method)
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
    ]

    def attempt(rng):
        path.write_bytes(mutate_bytes(contents[rng.integers(len(contents))], rng))
        with Archive(path) as archive:
            found = {name: archive.read_bytes(name) for name in archive.names()}
            if "Data Set/inner.zip" in found:
                with archive.nested("Data Set/inner.zip") as nested:
                    found |= {name: nested.read_bytes(name) for name in nested.names()}
        # Names have no checksum in zip files. A member of a known name must have its content.
        others = [name for name in texts if found.get(name, texts[name]) != texts[name]]
        require(not others, f"{others} have another content")

    return attempt


def _zipped(members: dict[str, bytes], method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


# -- stores ----------------------------------------------------------------------------------------


def _stores(folder: Path) -> Try:
    path = folder / "store"
    columns = {"activity": "U8", "speed": "f4"}
    settings = {"n_timesteps": 8, "n_channels": 3, "sampling_rate": 50.0, "columns": columns}
    with SegmentWriter(path, **settings) as writer:
        for i, name in enumerate(["ann", "bob", "kim"]):
            X = np.full((5, 8, 3), i, np.float32)
            values = {"activity": ["walk"] * 5, "speed": np.arange(5.0)}
            writer.append(X, name, times=np.arange(5) * 2000.0, **values)
    original = {name: (path / name).read_bytes() for name in _INDEX_FILES}
    right = _opened(path)

    def attempt(rng):
        name = _INDEX_FILES[rng.integers(len(_INDEX_FILES))]
        for other, content in original.items():
            (path / other).write_bytes(content)
        (path / name).write_bytes(mutate_bytes(original[name], rng))
        require(_opened(path) == right, f"another store was opened after a change of {name}")

    return attempt


_INDEX_FILES = ("header.json", "header.json", "runs.raw", "subjects.txt")


def _opened(path: Path) -> dict:
    """Return everything that a store says."""
    store = open_segments(path)
    return {
        "X": store.X[:].tobytes(),
        "groups": np.asarray(store.groups).tolist(),
        "hours": np.asarray(store.hour_groups).tolist(),
        "times": store.times.tolist(),
        "columns": {name: store[name].tolist() for name in store.columns},
        "description": (store.units, store.sampling_rate, store.channels),
    }


# -- checkpoints of trainings ----------------------------------------------------------------------


def _checkpoints(folder: Path) -> Try:
    X, _, groups, *_ = make_motion(24, n_subjects=3, n_timesteps=32, random_state=0)

    def fit(path):
        settings = Checkpoints(path, every_seconds=None, every_steps=1)
        distance = LearnedMotifDistance(
            embed_dim=4, n_layers=1, max_epochs=2, batch_size=8, n_references=2, random_state=0,
            checkpoint_dir=settings,
        )  # fmt: skip
        fitted = distance.fit(X, groups=groups)
        weights = {k: v.numpy().tobytes() for k, v in fitted.net_.state_dict().items()}
        return weights, fitted.history_

    right = fit(folder / "training")

    def attempt(rng):
        with new_folder(folder) as copy:
            shutil.copytree(folder / "training", copy, dirs_exist_ok=True)
            paths = [copy / "training.json", *sorted(copy.glob("*.ckpt"))]
            path = paths[rng.integers(len(paths))]
            content = path.read_bytes()
            if signed := path.suffix == ".ckpt" and bool(rng.integers(2)):
                path.write_bytes(_with_new_checksum(content, rng))
            else:
                path.write_bytes(mutate_bytes(content, rng))
            if path.suffix == ".ckpt" and rng.integers(2):
                for other in set(paths[1:]) - {path}:
                    other.unlink()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # damaged checkpoints are passed over
                result = fit(copy)
            require(signed or result == right, f"another training after a change of {path.name}")

    return attempt


def _with_new_checksum(content: bytes, rng) -> bytes:
    """Return a checkpoint whose payload is mutated, with a matching checksum."""
    line, _, payload = content.partition(b"\n")
    beginning = line.rpartition(b" ")[0]
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    payload = _with_one_mutated(members, rng)
    return b"%s %08x\n%s" % (beginning, zlib.crc32(payload, zlib.crc32(beginning)), payload)


def _is_documented_by_fit(error: Exception) -> bool:
    """Whether `fit` documents an error. Edited states of an optimizer can make training diverge."""
    documents = is_damage_or("another training", "format version")
    return documents(error) or isinstance(error, FloatingPointError)


KINDS = {
    "model files": Kind(_model_files, is_damage_or("cannot be loaded: ")),
    "released checkpoints": Kind(_released_checkpoints, is_damage),
    "npz recordings": Kind(_recordings, is_damage_or("recordings.npz")),
    "archives": Kind(_archives, is_damage),
    "store headers": Kind(_stores, is_damage_or("segment store of version", "holds no segments")),
    # One try is also a fit.
    "checkpoints": Kind(_checkpoints, _is_documented_by_fit, seconds=60),
}
