"""The formats of exported networks: their bytes, and how to run them."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch.export import ExportedProgram

from ._network import DIMENSIONS, INPUT

METADATA_FILE = "metadata.json"

# Class labels of other types are written as texts.
_as_json = partial(json.dumps, default=str)

Run = Callable[[np.ndarray], np.ndarray]


class Format(NamedTuple):
    """A format of files: a check that it can be used, how to encode a program, and how to run it.

    Attributes
    ----------
    require : callable
        Raises ImportError if a package is missing that the other functions need.
    encode : callable
        Returns the bytes of a program, given it, the name of its output and its metadata.
    load : callable
        Returns a function that maps segments to outputs, given these bytes.
    """

    require: Callable[[], None]
    encode: Callable[[ExportedProgram, str, dict], bytes]
    load: Callable[[bytes], Run]


# -- ONNX ------------------------------------------------------------------------------------------


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Export to ONNX needs onnx and onnxscript, and onnxruntime to check the result; "
            f"{error.name} is not installed. Install them with: pip install relcon_sklearn[export]"
        ) from error


def _encode_onnx(program: ExportedProgram, output: str, metadata: dict) -> bytes:
    with _quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            dynamic_shapes={INPUT: DIMENSIONS},
            input_names=[INPUT],
            output_names=[output],
            verbose=False,
        )
    for node in exported.model.graph.all_nodes():
        node.metadata_props.clear()  # where in torch it comes from, half of a small file
    # The values of metadata are texts.
    texts = {k: v if isinstance(v, str) else _as_json(v) for k, v in metadata.items()}
    exported.model.metadata_props.update(texts)
    return exported.model_proto.SerializeToString()


def _load_onnx(content: bytes) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the inputs are too small for more
    options.log_severity_level = 4  # errors are raised, and need not be printed too
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda segments: session.run(None, {INPUT: segments})[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide warnings of torch about its own code, and that torchvision is not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


# -- torch.export ----------------------------------------------------------------------------------


def _encode_program(program: ExportedProgram, output: str, metadata: dict) -> bytes:
    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(program, buffer, extra_files={METADATA_FILE: _as_json(metadata)})
    return buffer.getvalue()


def _load_program(content: bytes) -> Run:
    with _quiet():
        module = torch.export.load(io.BytesIO(content)).module()

    def run(segments: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(segments)).numpy()

    return run


FORMATS = {
    "onnx": Format(_require_onnx, _encode_onnx, _load_onnx),
    "pt2": Format(lambda: None, _encode_program, _load_program),
}
"""Formats by name, which is the usual suffix of their files."""
