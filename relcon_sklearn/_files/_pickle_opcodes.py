"""Checks of a pickle before it is loaded, by its opcodes.

torch's ``weights_only`` executes no code, but a pickle of a few hundred bytes can still ask it for
gigabytes of memory, or for the hash of nested tuples, which takes a time that grows exponentially
with the depth. Here the opcodes are followed without making any object. Only what pickled state
dicts consist of is accepted: tensors, plain values, lists, tuples, and dicts whose keys are strings
or small integers. Each opcode then costs little, so that the size of the pickle bounds the cost.
"""

from __future__ import annotations

import pickletools
import re
from typing import Any, NamedTuple

from .._utils._text import shortened

# A pickle of 5,000 tensors. The largest released checkpoint has about 400.
MAX_PICKLE_BYTES = 2**20

_REBUILD = "torch._utils._rebuild_tensor_v2"
_ORDERED_DICT = "collections.OrderedDict"
_STORAGE = re.compile(r"torch\.\w+Storage")

_SCALARS = {
    **dict.fromkeys(["BININT", "BININT1", "BININT2", "LONG1"], "int"),
    **dict.fromkeys(["NONE", "NEWTRUE", "NEWFALSE", "BINFLOAT"], "constant"),
    "BINUNICODE": "str",
}
_EMPTY = {"EMPTY_TUPLE": "tuple", "EMPTY_LIST": "list", "EMPTY_DICT": "dict"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class NotAStateDict(ValueError):
    """A pickle that holds more than state dicts of tensors. The message names what was found."""


class _Value(NamedTuple):
    """A value that the pickle describes: its kind, and its content if a check needs it.

    The content of a tuple is a list of values, of a dict a list of keys, and of an int, a string
    or a global the value or name itself.
    """

    kind: str
    content: Any = None


def check_pickle(data: bytes) -> None:
    """Raise NotAStateDict unless a pickle holds only tensors, plain values and containers of them.

    Parameters
    ----------
    data : bytes
        The pickle, as ``torch.save`` writes it.
    """
    if len(data) > MAX_PICKLE_BYTES:
        raise NotAStateDict(f"a pickle of {len(data)} bytes, more than {MAX_PICKLE_BYTES}")
    try:
        machine = _Machine()
        for opcode, argument, _ in pickletools.genops(data):
            machine.follow(opcode.name, argument)
    except NotAStateDict:
        raise
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise NotAStateDict("a malformed pickle") from error


class _Machine:
    """The stack and the memo of an unpickler, of values that are described and not made."""

    def __init__(self):
        self._stack: list[_Value] = []
        self._outer: list[list[_Value]] = []  # stacks below the marks
        self._memo: dict[int, _Value] = {}

    def follow(self, name: str, argument) -> None:
        """Follow one opcode, or raise NotAStateDict."""
        stack = self._stack
        if name in _SCALARS:
            _require(_SCALARS[name] != "int" or abs(argument) < 2**63, "a huge integer")
            stack.append(_Value(_SCALARS[name], argument))
        elif name in _EMPTY:
            stack.append(_Value(_EMPTY[name], []))
        elif name in _TUPLES:
            n = _TUPLES[name]
            _require(len(stack) >= n, "a malformed pickle")
            stack[-n:] = [_Value("tuple", stack[-n:])]
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name in _METHODS:
            _METHODS[name](self, argument)
        else:
            raise NotAStateDict(f"the opcode {name}")

    def _mark(self, _) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _pop_mark(self) -> list[_Value]:
        items, self._stack = self._stack, self._outer.pop()
        return items

    def _tuple(self, _) -> None:
        items = self._pop_mark()
        self._stack.append(_Value("tuple", items))

    def _append(self, _) -> None:
        self._stack.pop()
        _require(self._stack[-1].kind == "list", "a malformed pickle")

    def _appends(self, _) -> None:
        self._pop_mark()
        _require(self._stack[-1].kind == "list", "a malformed pickle")

    def _set_item(self, _) -> None:
        _, key = self._stack.pop(), self._stack.pop()
        self._add_keys([key])

    def _set_items(self, _) -> None:
        self._add_keys(self._pop_mark()[::2])

    def _add_keys(self, keys: list[_Value]) -> None:
        target = self._stack[-1]
        _require(target.kind == "dict", "a malformed pickle")
        for key in keys:
            small = key.kind == "int" and 0 <= key.content <= MAX_PICKLE_BYTES
            _require(small or key.kind == "str", f"a dict with a key of type {key.kind}")
            target.content.append(key.content)

    def _global(self, argument: str) -> None:
        name = argument.replace(" ", ".")
        known = name in (_REBUILD, _ORDERED_DICT) or _STORAGE.fullmatch(name) is not None
        _require(known, shortened(name))
        self._stack.append(_Value("global", name))

    def _persistent(self, _) -> None:
        _require(self._stack.pop().kind == "tuple", "a malformed pickle")
        self._stack.append(_Value("storage"))

    def _reduce(self, _) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        _require(function.kind == "global" and arguments.kind == "tuple", "a malformed pickle")
        kinds = [value.kind for value in arguments.content]
        if function.content == _ORDERED_DICT:
            _require(not kinds, f"{_ORDERED_DICT} with arguments")
            self._stack.append(_Value("dict", []))
        else:
            is_tensor = function.content == _REBUILD and kinds[0] == "storage" and len(kinds) == 6
            _require(is_tensor, f"{function.content} with other arguments")
            self._stack.append(_Value("tensor"))

    def _build(self, _) -> None:
        state = self._stack.pop()
        # Of state dicts, torch pickles only the attribute with the versions of the modules.
        metadata = state.kind == "dict" and set(state.content) <= {"_metadata"}
        _require(metadata and self._stack[-1].kind == "dict", "attributes of an object")

    def _ignore(self, _) -> None:
        pass


_METHODS = {
    "PROTO": _Machine._ignore,
    "STOP": _Machine._ignore,
    "MARK": _Machine._mark,
    "TUPLE": _Machine._tuple,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "GLOBAL": _Machine._global,
    "BINPERSID": _Machine._persistent,
    "REDUCE": _Machine._reduce,
    "BUILD": _Machine._build,
}


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise NotAStateDict(what)
