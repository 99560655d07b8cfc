"""Random mutations of saved estimators.

The mutations of ``UNSIGNED`` are accidents and naive edits. A checksum detects every change. Those
of ``SIGNED`` compute the checksums again, as somebody who knows the format could.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import numpy as np
import torch
from safetensors.torch import load, save

from benchmarks.reliability.byte_mutations import BYTES
from relcon_sklearn._files import _format

# Values that replace a value in a header.
_HUGE = [10**9, 2**31, 2**63, 10**30, -1, -(10**9), 0, 10**4000]
_OTHER = [None, True, "", "x", 0.5, 1e308, [], {}, [[]], {"": 0}, {"given": "encoder"}, "ä" * 100]
_TAGS = ["tuple", "dict", "float", "numpy", "device", "partial", "encoder", "augmentation"]
_TAGS += ["random_state", "estimator", "frozen", "given", "os.system", "__reduce__"]


def mutate(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Return the name of a random mutation and the mutated file."""
    kinds = [*UNSIGNED, *SIGNED]
    name = kinds[rng.integers(len(kinds))]
    return name, (UNSIGNED | SIGNED)[name](content, rng)


# -- the beginning of a file ---------------------------------------------------------------------


def _flip_a_bit_of_the_header(content: bytes, rng) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(8 + int.from_bytes(content[:8], "little"))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _announce_another_header(content: bytes, rng) -> bytes:
    n = rng.choice(np.array([0, 1, 7, 100, 2**20, 2**21, 2**31, 2**63, 2**64 - 1], dtype=np.uint64))
    return int(n).to_bytes(8, "little") + content[8:]


# -- safetensors' entries of the tensors -----------------------------------------------------------


def _edit_tensors(change: Callable) -> Callable:
    """Return a mutation that changes the entries of the tensors, but not their bytes."""

    def mutation(content: bytes, rng) -> bytes:
        n = int.from_bytes(content[:8], "little")
        entries = json.loads(content[8 : 8 + n])
        names = [name for name in entries if name != "__metadata__"]
        change(entries, [str(name) for name in rng.permutation(names)[:2]], rng)
        text = json.dumps(entries).encode()
        return len(text).to_bytes(8, "little") + text + content[8 + n :]

    return mutation


def _swap(entries, names, rng):
    a, b = names
    entries[a], entries[b] = entries[b], entries[a]


def _duplicate(entries, names, rng):
    entries[names[0] + rng.choice(["", "2", ".weight"])] = entries[names[1]]


def _rename(entries, names, rng):
    entries[rng.choice(["x", "", "encoder_.x", names[0] + "2"])] = entries.pop(names[0])


def _drop(entries, names, rng):
    del entries[names[0]]


def _reshape(entries, names, rng):
    shape = entries[names[0]]["shape"]
    others = [[*shape, 1], [1, *shape], shape[::-1], [2**62, 4], [10**9] * 3, [-1], [0], [2**64]]
    entries[names[0]]["shape"] = others[rng.integers(len(others))]


def _retype(entries, names, rng):
    entries[names[0]]["dtype"] = str(rng.choice(["F64", "F16", "I32", "I64", "U8", "F4", "what"]))


def _move(entries, names, rng):
    offsets = entries[names[0]]["data_offsets"]
    others = [offsets[::-1], [0, 2**63], [0, 2**64], [-4, 0], [offsets[0] + 4, offsets[1] + 4], []]
    entries[names[0]]["data_offsets"] = others[rng.integers(len(others))]


def _edit_metadata(entries, names, rng):
    metadata = entries["__metadata__"]
    key = str(rng.choice(sorted(metadata)))
    choice = rng.integers(5)
    if choice == 0:
        del metadata[key]
    elif choice == 1:
        metadata[key] = metadata[key][: rng.integers(len(metadata[key]))]
    elif choice == 2:
        metadata["version"] = str(rng.choice(["0", "2", "999", "one", "1.0"]))
    elif choice == 3:
        metadata["more"] = "x" * int(rng.choice([1, 10**6]))
    else:
        metadata["header"] = "[" * 10**5


def _many_tensors(entries, names, rng):
    end = max(v["data_offsets"][1] for k, v in entries.items() if k != "__metadata__")
    for i in range(int(rng.choice([100, 20_000]))):
        entries[f"{names[0]}.{i}"] = {"dtype": "F32", "shape": [0], "data_offsets": [end, end]}


def _deep_json(content: bytes, rng) -> bytes:
    text = b'{"a":' * 10**5
    return len(text).to_bytes(8, "little") + text


# -- with the checksums computed again -------------------------------------------------------------


def signed(content: bytes, change: Callable[[dict, dict], None]) -> bytes:
    """Return the file after ``change(header, tensors)``, with matching checksums."""
    n = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + n])["__metadata__"]
    tensors = load(content)
    header = json.loads(metadata["header"])
    change(header, tensors)
    header["tensors"] = _format._checksum_of_tensors(tensors)
    return with_header(tensors, json.dumps(header))


def with_header(tensors: dict, text: str) -> bytes:
    """Return a file whose header is `text`, which may be invalid."""
    metadata = {"format": _format.FORMAT, "version": str(_format.VERSION), "header": text}
    return save(tensors, metadata | {"checksum": _format._checksum_of_header(text)})


def places(node) -> list[tuple]:
    """Return (container, key) of every value in a header."""
    found = []
    stack = [node]
    while stack:
        container = stack.pop()
        keys = container.keys() if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                stack.append(container[key])
    return found


def _edit_header(change: Callable) -> Callable:
    """Return a mutation that changes one value in the header, usually of the estimators."""

    def mutation(content: bytes, rng) -> bytes:
        def edit(header, tensors):
            within = header["estimators"] if rng.integers(8) else header
            found = places(within)
            change(*found[rng.integers(len(found))], rng)

        return signed(content, edit)

    return mutation


def _huge_value(container, key, rng):
    container[key] = _HUGE[rng.integers(len(_HUGE))]


def _huge_number(container, key, rng):
    if isinstance(container[key], dict):
        for inner, name in places(container[key]):
            if type(inner[name]) is int:
                inner[name] = _HUGE[rng.integers(len(_HUGE))]
    else:
        container[key] = _HUGE[rng.integers(len(_HUGE))]


def _other_value(container, key, rng):
    container[key] = copy.deepcopy(_OTHER[rng.integers(len(_OTHER))])


def _tagged_value(container, key, rng):
    tag = _TAGS[rng.integers(len(_TAGS))]
    container[key] = {tag: container[key]}


def _drop_value(container, key, rng):
    del container[key]


def _add_value(container, key, rng):
    value = copy.deepcopy(container[key])
    if isinstance(container, dict):
        container[str(rng.choice(["x", "name", "kernel_size", "width", "dilation"]))] = value
    else:
        container.insert(int(rng.integers(len(container) + 1)), value)


def _deep_value(container, key, rng):
    node = container[key]
    for _ in range(int(rng.choice([10, 50, 400]))):
        node = [node] if rng.integers(2) else {"tuple": [node]}
    container[key] = node


def _long_value(container, key, rng):
    n = int(rng.choice([1000, 300_000]))
    container[key] = ["x" * n, [container[key]] * (n // 10), {"tuple": [0] * n}][rng.integers(3)]


def _swap_values(content: bytes, rng) -> bytes:
    def edit(header, tensors):
        found = places(header["estimators"])
        (a, i), (b, j) = (found[k] for k in rng.integers(len(found), size=2))
        a[i], b[j] = copy.deepcopy(b[j]), copy.deepcopy(a[i])

    return signed(content, edit)


def _signed_tensors(content: bytes, rng) -> bytes:
    def edit(header, tensors):
        a, b = (str(name) for name in rng.permutation(sorted(tensors))[:2])
        choice = rng.integers(7)
        if choice == 0:
            tensors[a], tensors[b] = tensors[b], tensors[a]
        elif choice == 1:
            tensors[a + ".more"] = tensors[a].clone()
        elif choice == 2:
            del tensors[a]
        elif choice == 3:
            tensors[a] = tensors[a].to(torch.float64)
        elif choice == 4:
            tensors[a] = tensors[a].unsqueeze(0)
        elif choice == 5:
            tensors[a] = torch.full(tensors[a].shape, float(rng.choice([np.nan, np.inf])))
        else:
            tensors[a] = torch.zeros(0)

    return signed(content, edit)


def _signed_text(content: bytes, rng) -> bytes:
    texts = ["", "[]", "null", "[" * 10**5, '{"a":' * 10**5, '{"a": NaN}', "9" * 10**5, "{}"]
    texts += ['{"estimators": [], "given": {}, "provenance": {"relcon_sklearn": "1"}}']
    return with_header(load(content), texts[rng.integers(len(texts))])


UNSIGNED: dict[str, Callable] = {
    **BYTES,
    "a bit of the header flipped": _flip_a_bit_of_the_header,
    "another length of header": _announce_another_header,
    "tensors swapped": _edit_tensors(_swap),
    "tensor duplicated": _edit_tensors(_duplicate),
    "tensor renamed": _edit_tensors(_rename),
    "tensor dropped": _edit_tensors(_drop),
    "shape edited": _edit_tensors(_reshape),
    "dtype edited": _edit_tensors(_retype),
    "offsets edited": _edit_tensors(_move),
    "metadata edited": _edit_tensors(_edit_metadata),
    "many tensors": _edit_tensors(_many_tensors),
    "nested deeply": _deep_json,
}
SIGNED: dict[str, Callable] = {
    "signed: huge value": _edit_header(_huge_value),
    "signed: huge numbers": _edit_header(_huge_number),
    "signed: other value": _edit_header(_other_value),
    "signed: other kind of value": _edit_header(_tagged_value),
    "signed: value dropped": _edit_header(_drop_value),
    "signed: value added": _edit_header(_add_value),
    "signed: nested deeply": _edit_header(_deep_value),
    "signed: long value": _edit_header(_long_value),
    "signed: values swapped": _swap_values,
    "signed: tensors edited": _signed_tensors,
    "signed: another text": _signed_text,
}
